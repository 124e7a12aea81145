/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/lib/deflate.c hv/lib/string.c */
/* Streams are decoded by Python's zlib: a second opinion that shares no code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <hv/deflate.h>

static char folder[] = "/tmp/test_deflate_XXXXXX";
static struct deflate_places places;
static FILE *stream, *plain;

static FILE *create(const char *name)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	return f;
}

static int setup(void **state)
{
	stream = create("stream");
	plain = create("plain");
	return 0;
}

/* Append a piece; its compressed length. It has exactly the room that always suffices. */
static u64 piece(const void *bytes, u32 n)
{
	struct deflate d = { .out = malloc(n + 5), .size = n + 5 };
	u8 *copy = malloc(n + 1);

	memcpy(copy, bytes, n);
	deflate_piece(&d, copy, n, &places);
	assert_false(d.full);
	assert_int_equal(d.bit_count, 0);
	assert_int_equal(fwrite(d.out, 1, d.used, stream), d.used);
	assert_int_equal(fwrite(bytes, 1, n, plain), n);
	free(copy);
	free(d.out);
	return d.used;
}

static void compare(void)
{
	char command[400];

	fclose(stream);
	fclose(plain);
	snprintf(command, sizeof(command), "python3 -c \"import sys, zlib; a, b = (open('%s/' + n, 'rb').read() for n in ('stream', "
		 "'plain')); z = zlib.decompressobj(-15); sys.exit(z.decompress(a) != b or z.eof)\"", folder);
	assert_int_equal(system(command), 0);
}

static void many_kinds(void **state)
{
	static u8 bytes[65535];
	static const u32 length[] = { 0, 1, 3, 4, 5, 6, 100, 257, 258, 259, 260, 263, 516, 4096, 65535 };

	srand(1);
	for (u32 kind = 0; kind < 6; kind++)
		for (u32 i = 0; i < sizeof(length) / sizeof(length[0]); i++) {
			for (u32 k = 0; k < length[i]; k++)
				bytes[k] = (u8)(kind == 0 ? 0 : kind == 1 ? k : kind == 2 ? (u32)rand() : kind == 3 ? k % 3 : kind == 4 ?
						(k * k) >> 7 : (u32)rand() & 1);
			piece(bytes, length[i]);
		}
	compare();
}

/* Every distance's code, and lengths up to the longest. */
static void distances(void **state)
{
	static u8 bytes[40000];

	for (u32 distance = 1; distance < 34000; distance = distance * 5 / 4 + 1) {
		u32 n = distance + 4 + (distance * 7) % 300;

		for (u32 i = 0; i < n; i++)
			bytes[i] = i < distance ? (u8)((i * 2654435761u) >> 13) : bytes[i - distance];
		piece(bytes, n);
	}
	compare();
}

static void what_repeats_is_short(void **state)
{
	static u8 bytes[12288];

	assert_true(piece(bytes, sizeof(bytes)) < 130);
	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = "bulkhead "[i % 9];
	assert_true(piece(bytes, sizeof(bytes)) < 170);
	srand(2);
	for (u32 i = 0; i < sizeof(bytes); i++)
		bytes[i] = (u8)rand();
	assert_int_equal(piece(bytes, sizeof(bytes)), sizeof(bytes) + 5);
	compare();
}

static void no_room(void **state)
{
	u8 out[20];
	struct deflate d = { .out = out, .size = 10 };

	memset(out, 0xaa, sizeof(out));
	deflate_piece(&d, (const u8 *)"0123456789abcdef", 16, &places);
	assert_true(d.full);
	assert_int_equal(out[10], 0xaa);
	assert_true(d.used <= 10);
	fclose(stream);
	fclose(plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(many_kinds, setup), cmocka_unit_test_setup(distances, setup),
		cmocka_unit_test_setup(what_repeats_is_short, setup), cmocka_unit_test_setup(no_room, setup),
	};
	char command[64];
	int failed;

	if (!mkdtemp(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command) || failed;
}
