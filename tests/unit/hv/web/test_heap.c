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

static void shuffle(void)
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
	for (u32 i = 0; i < 200; i++)
		heap_free(p[i]);
	whole_again();
}

static void any_order(void **state)
{
	shuffle();
	assert_true(heap_use.refused > 0);
}

/* --- blocks that come and go ------------------------------------------------------------------------------------------ */

static u8 blocks[3][SIZE] __attribute__((aligned(4096)));
static bool taken[3], none_left;

static void *more(u64 size)
{
	assert_int_equal(size, SIZE);
	for (u32 i = 0; i < 3 && !none_left; i++)
		if (!taken[i]) {
			memset(blocks[i], 0xee, SIZE);
			taken[i] = true;
			return blocks[i];
		}
	return NULL;
}

static void less(void *base, u64 size)
{
	for (u32 i = 0; i < 3; i++)
		if (base == blocks[i]) {
			assert_true(taken[i] && size == SIZE);
			taken[i] = false;
			return;
		}
	fail();
}

static void it_grows_and_shrinks(void **state)
{
	void *p[4];

	none_left = false;
	heap_grow_by(SIZE, 3, more, less);
	assert_int_equal(heap_use.size, 4 * SIZE);
	for (u32 i = 0; i < 4; i++)
		assert_non_null(p[i] = heap_alloc(SIZE - 64));
	assert_int_equal(heap_use.held, 4 * SIZE);
	assert_null(heap_alloc(200));
	assert_true(heap_is_sound());
	heap_give_back();
	assert_true(taken[0] && taken[1] && taken[2]);
	heap_free(p[2]);
	heap_give_back();		/* one stays for who comes next */
	assert_int_equal(heap_use.held, 4 * SIZE);
	assert_non_null(p[2] = heap_alloc(SIZE - 64));
	heap_free(p[1]);
	heap_free(p[2]);
	heap_give_back();
	assert_int_equal(heap_use.held, 3 * SIZE);
	heap_free(p[0]);
	heap_free(p[3]);
	heap_give_back();
	assert_int_equal(heap_use.held, SIZE);
	assert_false(taken[0] || taken[1] || taken[2]);
	whole_again();
}

static void nothing_to_grow_by(void **state)
{
	void *p = heap_alloc(SIZE - 64);

	heap_grow_by(SIZE, 3, more, less);
	none_left = true;
	assert_null(heap_alloc(100));
	assert_true(heap_is_sound());
	none_left = false;
	assert_null(heap_alloc(SIZE));		/* no block is so large: none is taken for it */
	assert_int_equal(heap_use.held, SIZE);
	heap_free(p);
	whole_again();
}

static void any_order_in_blocks(void **state)
{
	heap_grow_by(SIZE, 3, more, less);
	shuffle();
	heap_give_back();
	assert_false(taken[0] || taken[1] || taken[2]);
	assert_true(heap_use.most > SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(pieces_are_zero_and_apart, setup), cmocka_unit_test_setup(too_much_is_refused, setup),
		cmocka_unit_test_setup(any_order, setup), cmocka_unit_test_setup(it_grows_and_shrinks, setup),
		cmocka_unit_test_setup(nothing_to_grow_by, setup), cmocka_unit_test_setup(any_order_in_blocks, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
