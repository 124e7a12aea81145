/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/lib/png.c hv/lib/deflate.c hv/lib/string.c */
/* Files are decoded by Python's zlib: a second opinion that shares no code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <hv/png.h>

static struct png png;
static char folder[] = "/tmp/test_png_XXXXXX";

static struct picture make(u32 width, u32 height, u32 (*colour)(u32 x, u32 y))
{
	u32 *pixels = malloc(4ul * width * height);

	for (u32 y = 0; y < height; y++)
		for (u32 x = 0; x < width; x++)
			pixels[y * width + x] = colour(x, y) | 0x5a000000;
	return (struct picture){ (const u8 *)pixels, width, height, width * 4 };
}

static void write_file(const char *name, const void *bytes, size_t n)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

/* Encode, decode elsewhere, compare. Returns the size of the file. */
static u64 round_trip(const struct picture *p)
{
	u64 size = png_bound(p->width, p->height);
	u8 *out = malloc(size);
	char command[200];
	u32 lines = 1;

	png_begin(&png, p, out, size);
	while (png_line(&png, p))
		lines++;
	assert_false(png.to.full);
	assert_int_equal(lines, p->height);
	assert_false(png_line(&png, p));
	write_file("a.png", out, png.to.used);
	write_file("a.raw", p->pixels, 4ul * p->width * p->height);
	snprintf(command, sizeof(command), "tests/tools/shot.py --compare %s/a.png %s/a.raw %u %u", folder, folder, p->width,
		 p->height);
	assert_int_equal(system(command), 0);
	free(out);
	free((void *)(uintptr_t)p->pixels);
	return png.to.used;
}

static u32 black(u32 x, u32 y)
{
	return 0;
}

static u32 stripes(u32 x, u32 y)
{
	return x % 7 < 3 ? 0xffffff : 0x123456 + y / 3;
}

static u32 noise(u32 x, u32 y)
{
	return (u32)rand() & 0xffffff;
}

static u32 few(u32 x, u32 y)
{
	return (u32)rand() % 256 * 0x010305;
}

static u32 gradient(u32 x, u32 y)
{
	return (x * 3 & 0xff) << 16 | (y * 5 & 0xff) << 8 | ((x + y) & 0xff);
}

static u32 text(u32 x, u32 y)
{
	return (x / 8 * 31 + y / 16 * 17) % 3 && ((x * 5 + y * 3) % 7 < 2) && y < 200 ? 0xaaaaaa : 0;
}

static void pictures(void **state)
{
	static u32 (*const kind[])(u32 x, u32 y) = { black, stripes, noise, few, gradient, text };
	static const u32 size[][2] = { { 1, 1 }, { 2, 1 }, { 1, 5 }, { 3, 3 }, { 257, 9 }, { 640, 40 } };

	for (u32 k = 0; k < 6; k++)
		for (u32 s = 0; s < 6; s++) {
			struct picture p = make(size[s][0], size[s][1], kind[k]);

			round_trip(&p);
		}
}

static void sizes(void **state)
{
	struct picture p = make(1024, 768, black);

	assert_true(round_trip(&p) < 8000);
	p = make(1024, 768, text);
	assert_true(round_trip(&p) < 200000);
	p = make(1024, 768, noise);
	round_trip(&p);
}

static void too_small(void **state)
{
	struct picture p = make(64, 64, noise);
	u8 *out;

	for (u64 size = 0; size < 2000; size += 37) {
		out = malloc(size + 1);
		png_begin(&png, &p, out, size);
		while (png_line(&png, &p))
			;
		assert_true(png.to.full && png.to.used <= size);
		free(out);
	}
	free((void *)(uintptr_t)p.pixels);
}

/* Drawn into meanwhile: still a file that decodes. */
static void changes_while_written(void **state)
{
	struct picture p = make(200, 100, text);
	u8 *out = malloc(png_bound(200, 100));
	char command[200];

	png_begin(&png, &p, out, png_bound(200, 100));
	do
		for (u32 i = 0; i < 50; i++)
			((u32 *)(uintptr_t)p.pixels)[(u32)rand() % 20000] = (u32)rand();
	while (png_line(&png, &p));
	write_file("a.png", out, png.to.used);
	snprintf(command, sizeof(command), "tests/tools/shot.py --check %s/a.png", folder);
	assert_int_equal(system(command), 0);
	free(out);
	free((void *)(uintptr_t)p.pixels);
}

static void base64(void **state)
{
	char to[16];

	assert_int_equal(base64_write(to, (const u8 *)"foobar", 6), 8);
	assert_string_equal(to, "Zm9vYmFy");
	base64_write(to, (const u8 *)"fooba", 5);
	assert_string_equal(to, "Zm9vYmE=");
	base64_write(to, (const u8 *)"foob", 4);
	assert_string_equal(to, "Zm9vYg==");
	assert_int_equal(base64_write(to, (const u8 *)"", 0), 0);
	base64_write(to, (const u8 *)"\xff\xff\xfb", 3);
	assert_string_equal(to, "///7");
}

static int begin(void **state)
{
	return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pictures),
		cmocka_unit_test(sizes),
		cmocka_unit_test(too_small),
		cmocka_unit_test(changes_while_written),
		cmocka_unit_test(base64),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
