/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/screen.c drivers/host/font.c hv/lib/string.c */
/* Text on a framebuffer in memory: read back by comparing each cell with the font. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/screen.h>

#define WIDTH 800u
#define HEIGHT 200u
#define PITCH (WIDTH * 4 + 64)	/* firmware pads lines */

static u8 *pixels;
static struct screen screen;
static struct boot_screen info;

__attribute__((weak)) void assert_failed(const char *what, const char *file, int line)
{
	fail_msg("%s at %s:%d", what, file, line);
	abort();
}

static int setup(void **state)
{
	info = (struct boot_screen){ .base = 0x80000000, .size = PITCH * HEIGHT, .width = WIDTH, .height = HEIGHT,
				     .pitch = PITCH, .pixel = BOOT_PIXEL_BGRX };
	pixels = malloc(info.size);		/* exactly: a pixel outside is found by the sanitizer */
	memset(pixels, 0xee, info.size);
	assert_int_equal(screen_check(&info), 0);
	screen_open(&screen, &info, pixels);
	return 0;
}

static int teardown(void **state)
{
	free(pixels);
	return 0;
}

static u32 pixel(u32 x, u32 y)
{
	u32 v;

	memcpy(&v, pixels + y * info.pitch + x * 4, 4);
	return v;
}

/* The character whose glyph stands in the cell; 0: none. */
static char cell(u32 col, u32 row)
{
	for (u32 c = 0; c < 95; c++) {
		bool same = true;

		for (u32 y = 0; same && y < 16; y++)
			for (u32 x = 0; same && x < 8; x++) {
				bool ink = x >= 1 && x <= 5 && (font_glyph[c][y / 2] >> (5 - x) & 1);

				same = (pixel(col * 8 + x, row * 16 + y) != 0) == ink;
			}
		if (same)
			return (char)(' ' + c);
	}
	return 0;
}

static void expect(u32 row, const char *text)
{
	for (u32 i = 0; i < screen.cols; i++) {
		char want = i < strlen(text) ? text[i] : ' ';

		if (cell(i, row) != want)
			fail_msg("row %u column %u: '%c', want '%c'", row, i, cell(i, row), want);
	}
}

static void say(const char *text)
{
	screen_write(&screen, text, strlen(text));
	while (screen_draw(&screen, 100))
		;
}

static void test_font(void **state)
{
	for (u32 a = 0; a < 95; a++) {
		for (u32 row = 0; row < 8; row++)
			assert_true(font_glyph[a][row] < 32);
		for (u32 b = 0; b < a; b++)
			if (!memcmp(font_glyph[a], font_glyph[b], 8))
				fail_msg("'%c' and '%c' look the same", ' ' + a, ' ' + b);
	}
}

static void test_text(void **state)
{
	say("bulkhead: ready\nguest web: running\n");
	expect(0, "bulkhead: ready");
	expect(1, "guest web: running");
	expect(2, "");
	assert_int_equal(pixels[WIDTH * 4], 0xee);	/* the padding is not ours */
}

static void test_controls(void **state)
{
	say("abc\rX\na\tb\nab\bc\nx\x02y\xff\n");
	expect(0, "Xbc");
	expect(1, "a       b");
	expect(2, "ac");
	expect(3, "x.y.");
}

/* Sequences leave nothing behind, whole or byte by byte; the two that line editors need work. */
static void test_escapes(void **state)
{
	static const char text[] = "\x1b[1;31mred\x1b[0m \x1b[?25lhidden\x1b]0;title\a \x1b(Bset\x1bM \x1bPdata\x1b\\end\n"
		"abcdef\x1b[3D\x1b[K!\nwhole\x1b[2K\r\x1b[Knew\nx\x1b[99999999999999Dy\n";

	for (const char *c = text; *c; c++)
		screen_write(&screen, c, 1);
	say("");
	expect(0, "red hidden set end");
	expect(1, "abc!");
	expect(2, "new");
	expect(3, "y");
}

/* A sequence that never ends takes the rest of its line at most; the next line of ours is whole. */
static void test_unfinished_escapes(void **state)
{
	say("a\x1b]0;never\nb\x1b[12");
	screen_line(&screen, "guest web: running");
	say("c\x1b[\nd");
	expect(0, "a");
	expect(1, "b");
	expect(2, "guest web: running");
	expect(3, "c");
	expect(4, "d");
}

static void test_lines_of_their_own(void **state)
{
	screen_line(&screen, "one");
	say("bulkhead> ");
	screen_line(&screen, "two");
	say("bulkhead> ");
	expect(0, "one");
	expect(1, "bulkhead>");
	expect(2, "two");
	expect(3, "bulkhead>");
}

/* Whatever bytes come, nothing is written outside: the sanitizer watches. */
static void test_noise(void **state)
{
	u32 seed = 1;
	char byte;

	for (u32 i = 0; i < 300000; i++) {
		seed = seed * 1664525 + 1013904223;
		byte = (seed >> 24) % 3 ? "\x1b[]0;9KJDP\a\n\r\b\tx"[(seed >> 8) % 16] : (char)(seed >> 16);
		screen_write(&screen, &byte, 1);
		assert_true(screen.x <= screen.cols && screen.y < screen.rows);
		if (i % 1000 == 0)
			screen_draw(&screen, 50);
	}
}

static void test_wrap(void **state)
{
	char text[WIDTH / 8 + 4];

	memset(text, 'w', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	say(text);
	assert_int_equal(cell(screen.cols - 1, 0), 'w');
	expect(1, "www");
}

static void test_scroll(void **state)
{
	char text[32];

	for (u32 i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "%sline %u", i ? "\n" : "", i);
		say(text);
	}
	assert_int_equal(screen.rows, 12);
	for (u32 row = 0; row < 12; row++) {
		snprintf(text, sizeof(text), "line %u", 28 + row);
		expect(row, text);
	}
}

static void test_draws_in_pieces(void **state)
{
	screen_write(&screen, "0123456789", 10);
	assert_true(screen_draw(&screen, 4));
	assert_int_equal(cell(3, 0), '3');
	assert_int_equal(cell(4, 0), ' ');
	assert_true(screen_draw(&screen, 4));
	assert_false(screen_draw(&screen, 4));
	expect(0, "0123456789");
	assert_false(screen_draw(&screen, 4));
}

/* What stands there already is not drawn again. */
static void test_draws_changes_only(void **state)
{
	say("hello");
	memset(pixels, 0, info.size);
	say("\rhullo");
	assert_int_equal(cell(1, 0), 'u');
	assert_int_equal(cell(0, 0), ' ');
}

static void test_large(void **state)
{
	free(pixels);
	info.width = 3840;
	info.height = 2160;
	info.pitch = 3840 * 4;
	info.size = (u64)info.pitch * info.height;
	pixels = malloc(info.size);
	assert_int_equal(screen_check(&info), 0);
	screen_open(&screen, &info, pixels);
	assert_int_equal(screen.cols, 240);
	assert_int_equal(screen.rows, 67);
	for (u32 i = 0; i < 100; i++)
		say("everything everywhere ");
	say("\n");
}

static void test_no_screen(void **state)
{
	struct screen none = { .pixels = NULL };

	screen_write(&none, "text", 4);
	assert_false(screen_draw(&none, 100));
}

static void refuse(u64 base, u64 size, u32 width, u32 height, u32 pitch)
{
	struct boot_screen bad = { .base = base, .size = size, .width = width, .height = height, .pitch = pitch };

	assert_int_equal(screen_check(&bad), -E_NODEV);
}

static void test_bad_screens(void **state)
{
	refuse(0, 1 << 24, 800, 600, 3200);
	refuse(0x80000000, 800 * 600 * 4 - 1, 800, 600, 3200);
	refuse(0x80000000, 1 << 24, 800, 600, 3196);
	refuse(0x80000000, 1 << 24, 800, 600, 3202);
	refuse(0x80000000, 1 << 24, 0, 0, 0);
	refuse(0x80000000, ~0ull, 0x40000001, 600, 4);
	refuse(0x80000000, ~0ull, 800, 0xffffffff, 3200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_font),
		cmocka_unit_test_setup_teardown(test_text, setup, teardown),
		cmocka_unit_test_setup_teardown(test_controls, setup, teardown),
		cmocka_unit_test_setup_teardown(test_escapes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unfinished_escapes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines_of_their_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_noise, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrap, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scroll, setup, teardown),
		cmocka_unit_test_setup_teardown(test_draws_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_draws_changes_only, setup, teardown),
		cmocka_unit_test_setup_teardown(test_large, setup, teardown),
		cmocka_unit_test(test_no_screen),
		cmocka_unit_test(test_bad_screens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
