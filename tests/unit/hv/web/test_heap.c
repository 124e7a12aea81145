/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/web/heap.c hv/lib/string.c */
/* The web server's memory: pieces never overlap, what is given back joins again, too much is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hv/web/heap.h"

#define SIZE (64 * KiB)

static u8 arena[SIZE] __attribute__((aligned(16)));

static int setup(void **state)
{
	memset(arena, 0xee, sizeof(arena));
	heap_init(arena, SIZE);
	return 0;
}

static void whole_again(void)
{
	void *all = heap_alloc(SIZE - 64);

	assert_non_null(all);
	heap_free(all);
	assert_int_equal(heap_use.used, 0);
	assert_true(heap_is_sound());
}

static void pieces_are_zero_and_apart(void **state)
{
	u8 *p[10];

	for (u32 i = 0; i < 10; i++) {
		p[i] = heap_alloc(100 * i + 1);
		assert_non_null(p[i]);
		assert_int_equal((u64)p[i] % 16, 0);
		for (u32 k = 0; k < 100 * i + 1; k++)
			assert_int_equal(p[i][k], 0);
		memset(p[i], (int)i + 1, 100 * i + 1);
	}
	for (u32 i = 0; i < 10; i++)
		for (u32 k = 0; k < 100 * i + 1; k++)
			assert_int_equal(p[i][k], i + 1);
	assert_true(heap_is_sound());
	for (u32 i = 0; i < 10; i++)
		heap_free(p[i * 7 % 10]);
	whole_again();
}

static void too_much_is_refused(void **state)
{
	void *p;

	assert_null(heap_alloc(SIZE));
	assert_null(heap_alloc(~0ul));
	assert_null(heap_alloc(~0ul - 20));
	assert_int_equal(heap_use.refused, 3);
	heap_free(NULL);
	p = heap_alloc(SIZE - 64);
	assert_non_null(p);
	assert_null(heap_alloc(1000));
	heap_free(p);
	whole_again();
}

static void any_order(void **state)
{
	u8 *p[200] = { NULL };
	u32 size[200];

	srand(7);
	for (u32 n = 0; n < 30000; n++) {
		u32 i = (u32)rand() % 200;

		if (p[i]) {
			assert_int_equal(p[i][0], i);
			assert_int_equal(p[i][size[i] - 1], i);
			heap_free(p[i]);
			p[i] = NULL;
		} else {
			size[i] = 1 + (u32)rand() % (rand() % 8 ? 300 : 9000);
			p[i] = heap_alloc(size[i]);
			if (p[i])
				memset(p[i], (int)i, size[i]);
		}
		if (n % 64 == 0)
			assert_true(heap_is_sound());
	}
	assert_true(heap_use.refused > 0);
	for (u32 i = 0; i < 200; i++)
		heap_free(p[i]);
	whole_again();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pieces_are_zero_and_apart, setup), cmocka_unit_test_setup(too_much_is_refused, setup),
		cmocka_unit_test_setup(any_order, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
