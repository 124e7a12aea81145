/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/screen.c drivers/host/screen_picture.c drivers/host/font.c hv/lib/string.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/screen.h>
#include <hv/time.h>

#define WIDTH 700u
#define HEIGHT 203u
#define PITCH (WIDTH * 4 + 64)

struct timebase timebase = { .tsc_hz = 1000000000 };
static u8 *pixels;
static struct screen screen;
static struct boot_screen info;
static struct picture picture;
static u32 *source;

static int setup(void **state)
{
	info = (struct boot_screen){ .base = 0x80000000, .size = PITCH * HEIGHT, .width = WIDTH, .height = HEIGHT,
				     .pitch = PITCH, .pixel = BOOT_PIXEL_BGRX };
	pixels = malloc(info.size);		/* exactly: a pixel outside is found by the sanitizer */
	screen_open(&screen, &info, pixels);
	memset(pixels, 0xee, info.size);
	return 0;
}

static int teardown(void **state)
{
	free(pixels);
	free(source);
	source = NULL;
	return 0;
}

static void make(u32 width, u32 height)
{
	free(source);
	source = malloc(4ul * width * height);
	for (u32 i = 0; i < width * height; i++)
		source[i] = 0xff000000 | (i * 2654435761u & 0xffffff);
	picture = (struct picture){ (const u8 *)source, width, height, width * 4 };
}

static u32 pixel(u32 x, u32 y)
{
	u32 v;

	memcpy(&v, pixels + y * PITCH + x * 4, 4);
	return v;
}

static void draw(void)
{
	u32 n = 0;

	while (screen_picture(&screen, &picture, 0))
		assert_true(n++ < HEIGHT);
}

static void small_ones_stand_in_the_middle(void **state)
{
	make(101, 51);
	draw();
	for (u32 y = 0; y < HEIGHT; y++)
		for (u32 x = 0; x < WIDTH; x++) {
			u32 sx = x - (WIDTH - 101) / 2, sy = y - (HEIGHT - 51) / 2;

			assert_int_equal(pixel(x, y), sx < 101 && sy < 51 ? source[sy * 101 + sx] & 0xffffff : 0);
		}
}

static void exact_fit(void **state)
{
	make(WIDTH, HEIGHT);
	draw();
	for (u32 y = 0; y < HEIGHT; y++)
		for (u32 x = 0; x < WIDTH; x++)
			assert_int_equal(pixel(x, y), source[y * WIDTH + x] & 0xffffff);
}

static void large_ones_are_made_smaller(void **state)
{
	static const u32 size[][2] = { { 1400, 406 }, { 1400, 100 }, { 100, 812 }, { 8192, 1 }, { 1, 8192 }, { 8191, 511 } };

	for (u32 i = 0; i < 6; i++) {
		make(size[i][0], size[i][1]);
		memset(source, 0x55, 4ul * size[i][0] * size[i][1]);
		screen_refresh(&screen);
		draw();
		assert_true(pixel(WIDTH / 2, HEIGHT / 2) == 0x555555 || pixel(WIDTH / 2 - 1, HEIGHT / 2) == 0x555555);
		if (i == 0) {
			assert_int_equal(pixel(0, 0), 0x555555);
			assert_int_equal(pixel(WIDTH - 1, HEIGHT - 1), 0x555555);
		}
	}
}

static void only_what_changed(void **state)
{
	make(100, 50);
	draw();
	memset(pixels, 0xee, info.size);
	draw();
	assert_int_equal(pixel(WIDTH / 2, HEIGHT / 2), 0xeeeeeeee);
	source[25 * 100 + 50] ^= 1;
	draw();
	assert_int_equal(pixel((WIDTH - 100) / 2 + 50, (HEIGHT - 50) / 2 + 25), source[25 * 100 + 50] & 0xffffff);
	assert_int_equal(pixel((WIDTH - 100) / 2 + 50, (HEIGHT - 50) / 2 + 26), 0xeeeeeeee);
}

static void red_and_blue(void **state)
{
	screen.red_low = true;
	make(2, 2);
	source[0] = 0x00112233;
	draw();
	assert_int_equal(pixel((WIDTH - 2) / 2, (HEIGHT - 2) / 2), 0x332211);
}

static void black_and_text_again(void **state)
{
	make(WIDTH, HEIGHT);
	screen_write(&screen, "A", 1);
	while (screen_draw(&screen, 10000))
		;
	draw();
	while (screen_picture(&screen, NULL, 0))
		;
	for (u32 y = 0; y < HEIGHT; y++)
		for (u32 x = 0; x < WIDTH; x++)
			assert_int_equal(pixel(x, y), 0);
	draw();
	screen_refresh(&screen);
	while (screen_draw(&screen, 10000))
		;
	for (u32 y = 0; y < HEIGHT; y++)
		for (u32 x = 8; x < WIDTH; x++)
			assert_int_equal(pixel(x, y), 0);
	assert_true(pixel(2, 2) || pixel(3, 2) || pixel(4, 2) || pixel(4, 4) || pixel(2, 6) || pixel(2, 8));
}

static void no_screen(void **state)
{
	make(2, 2);
	screen.pixels = NULL;
	assert_false(screen_picture(&screen, &picture, 0));
	screen_refresh(&screen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_ones_stand_in_the_middle, setup, teardown),
		cmocka_unit_test_setup_teardown(exact_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(large_ones_are_made_smaller, setup, teardown),
		cmocka_unit_test_setup_teardown(only_what_changed, setup, teardown),
		cmocka_unit_test_setup_teardown(red_and_blue, setup, teardown),
		cmocka_unit_test_setup_teardown(black_and_text_again, setup, teardown),
		cmocka_unit_test_setup_teardown(no_screen, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
