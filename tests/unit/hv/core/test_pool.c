/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/pool.c */
/* The hypervisor's own pages: who has which, that none is handed out twice, that tables stay where the seal is. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/pool.h>

#define SIZE (8 * MiB)
#define PAGES (SIZE / PAGE_SIZE)
#define TABLES 512ul		/* pages of the first block */

static u8 *memory;		/* as firmware leaves it: full of rubbish */
static u8 *alias;		/* the same pages at another address */

void assert_failed(const char *what, const char *file, int line)
{
	mock_assert(0, what, file, line);
	__builtin_unreachable();
}

static int setup_memory(void **state)
{
	int fd = memfd_create("pool", 0);
	u8 *room = mmap(NULL, 2 * SIZE + 2 * BLOCK_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (fd < 0 || room == MAP_FAILED || ftruncate(fd, SIZE))
		return -1;
	memory = (u8 *)ALIGN_UP((u64)room, BLOCK_SIZE);
	alias = memory + SIZE;
	if (mmap(memory, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != memory ||
	    mmap(alias, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != alias)
		return -1;
	return 0;
}

static int setup(void **state)
{
	memset(memory, 0xa5, SIZE);
	pool_init(HPA(memory), SIZE, BLOCK_SIZE);
	return 0;
}

static u64 page_of(const void *p)
{
	return (u64)((const u8 *)p - memory) / PAGE_SIZE;
}

static void books_balance(void)
{
	u64 sum = 0;

	for (int o = 0; o < POOL_OWNERS; o++)
		sum += pool_pages((enum pool_owner)o);
	assert_int_equal(sum, PAGES);
	assert_int_equal(pool_total(), PAGES);
}

static void test_starts_free(void **state)
{
	hpa_t base;
	u64 size;

	assert_int_equal(pool_pages(POOL_FREE), PAGES);
	pool_tables(&base, &size);
	assert_true(base.v == (u64)memory);
	assert_int_equal(size, BLOCK_SIZE);
	books_balance();
}

static void test_pages_are_zeroed(void **state)
{
	u8 *p = pool_alloc(3, POOL_OTHER);

	for (u64 i = 0; i < 3 * PAGE_SIZE; i++)
		assert_int_equal(p[i], 0);
	assert_int_equal(p[3 * PAGE_SIZE], 0xa5);
	assert_int_equal(p[-1], 0xa5);
	memset(p, 0x77, 3 * PAGE_SIZE);
	pool_free(p, 3);
	p = pool_alloc(1, POOL_OTHER);
	for (u64 i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(p[i], 0);
}

/* What the seal makes read-only holds tables and nothing else. */
static void test_tables_stay_in_their_block(void **state)
{
	for (u64 i = 0; i < TABLES; i++)
		assert_true(page_of(pool_alloc(1, POOL_TABLE)) < TABLES);
	assert_null(pool_alloc(1, POOL_TABLE));
	assert_int_equal(pool_pages(POOL_TABLE), TABLES);
	assert_true(page_of(pool_alloc(1, POOL_CORE)) >= TABLES);
	books_balance();
}

static void test_others_stay_out_of_it(void **state)
{
	for (u64 i = 0; i < PAGES - TABLES; i++)
		assert_true(page_of(pool_alloc(1, i % 2 ? POOL_CORE : POOL_GUEST)) >= TABLES);
	assert_null(pool_alloc(1, POOL_GUEST));
	assert_null(pool_alloc(1, POOL_OTHER));
	assert_int_equal(pool_pages(POOL_FREE), TABLES);
	assert_non_null(pool_alloc(1, POOL_TABLE));
	books_balance();
}

static void test_largest_run(void **state)
{
	u8 *p;

	assert_null(pool_alloc(PAGES - TABLES + 1, POOL_GUEST));
	assert_int_equal(pool_pages(POOL_FREE), PAGES);
	p = pool_alloc(PAGES - TABLES, POOL_GUEST);
	assert_int_equal(page_of(p), TABLES);
	pool_free(p, PAGES - TABLES);
	assert_int_equal(pool_pages(POOL_FREE), PAGES);
	assert_null(pool_alloc(TABLES + 1, POOL_TABLE));
	assert_int_equal(page_of(pool_alloc(TABLES, POOL_TABLE)), 0);
}

static void test_a_hole_must_be_whole(void **state)
{
	u8 *a = pool_alloc(2, POOL_OTHER), *b = pool_alloc(1, POOL_OTHER), *c = pool_alloc(3, POOL_OTHER);
	u8 *end = pool_alloc(PAGES - TABLES - 6, POOL_OTHER);

	assert_non_null(end);
	pool_free(a, 2);
	pool_free(c, 3);
	assert_null(pool_alloc(4, POOL_OTHER));
	assert_ptr_equal(pool_alloc(3, POOL_OTHER), c);
	assert_ptr_equal(pool_alloc(2, POOL_OTHER), a);
	assert_int_equal(b[0], 0);
	books_balance();
}

/* Parts of a run go back on their own; the owners' counts follow. */
static void test_free_in_parts(void **state)
{
	u8 *p = pool_alloc(4, POOL_GUEST);

	pool_free(p + PAGE_SIZE, 2);
	assert_int_equal(pool_pages(POOL_GUEST), 2);
	assert_ptr_equal(pool_alloc(2, POOL_CORE), p + PAGE_SIZE);
	assert_int_equal(pool_pages(POOL_CORE), 2);
	books_balance();
}

static void test_misuse_is_an_assertion(void **state)
{
	u8 *p = pool_alloc(2, POOL_OTHER);

	expect_assert_failure(pool_alloc(0, POOL_OTHER));
	expect_assert_failure(pool_alloc(1, POOL_FREE));
	expect_assert_failure(pool_alloc(1, POOL_OWNERS));
	expect_assert_failure(pool_free(p, 0));
	expect_assert_failure(pool_free(memory + SIZE, 1));
	expect_assert_failure(pool_free(memory + SIZE - PAGE_SIZE, 2));
	expect_assert_failure(pool_hpa(memory - 1));
	expect_assert_failure(pool_hpa(memory + SIZE));
	expect_assert_failure(pool_ptr(HPA((u64)memory + SIZE)));
	expect_assert_failure(pool_ptr(HPA((u64)memory - 1)));
	pool_free(p, 2);
	expect_assert_failure(pool_free(p, 1));
	expect_assert_failure(pool_free(memory, 1));	/* a table that nobody took */
	expect_assert_failure(pool_arena(POOL_ARENAS_MAX));
	expect_assert_failure(pool_arena_free(0));
	expect_assert_failure(pool_init(HPA(memory + PAGE_SIZE), SIZE, BLOCK_SIZE));
	expect_assert_failure(pool_init(HPA(memory), BLOCK_SIZE, BLOCK_SIZE));
	expect_assert_failure(pool_init(HPA(memory), SIZE, 0));
	expect_assert_failure(pool_init(HPA(memory), SIZE, PAGE_SIZE));
}

/* Tables that were given back are the first to be taken, zeroed. */
static void test_tables_come_back(void **state)
{
	u8 *t[4], *again;

	for (u32 i = 0; i < 4; i++)
		t[i] = pool_alloc(1, POOL_TABLE);
	memset(t[1], 0x5a, PAGE_SIZE);
	pool_free(t[1], 1);
	pool_free(t[3], 1);
	assert_int_equal(pool_pages(POOL_TABLE), 2);
	books_balance();
	assert_ptr_equal(pool_alloc(1, POOL_TABLE), t[3]);
	again = pool_alloc(1, POOL_TABLE);
	assert_ptr_equal(again, t[1]);
	for (u64 i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(again[i], 0);
	assert_int_equal(page_of(pool_alloc(1, POOL_TABLE)), 4);
	pool_free(t[0], 3);
	assert_int_equal(page_of(pool_alloc(2, POOL_TABLE)), 5);	/* more than one in a row are new ones */
	for (u32 i = 0; i < 3; i++)
		assert_ptr_equal(pool_alloc(1, POOL_TABLE), t[i]);
	books_balance();
}

/* All that a guest took goes back at once, and nothing else. */
static void test_arenas(void **state)
{
	u8 *mine, *other, *nobody = pool_alloc(2, POOL_OTHER);

	assert_int_equal(pool_arena(3), 0);
	mine = pool_alloc(5, POOL_GUEST);
	pool_alloc(1, POOL_OTHER);
	pool_alloc(1, POOL_TABLE);
	assert_int_equal(pool_arena(7), 3);
	other = pool_alloc(4, POOL_GUEST);
	assert_int_equal(pool_arena(0), 7);
	assert_true(pool_in_arena(mine + 5 * PAGE_SIZE - 1, 3));
	assert_false(pool_in_arena(mine, 7));
	assert_true(pool_in_arena(other, 7));
	assert_true(pool_in_arena(nobody, 0));
	assert_false(pool_in_arena(memory, 0));			/* a table */
	assert_false(pool_in_arena(memory - 1, 3));
	assert_false(pool_in_arena(memory + SIZE, 3));
	assert_int_equal(pool_arena_pages(3), 6);
	assert_int_equal(pool_arena_pages(7), 4);
	pool_arena_free(3);
	assert_int_equal(pool_arena_pages(3), 0);
	assert_int_equal(pool_arena_pages(7), 4);
	assert_int_equal(pool_pages(POOL_GUEST), 4);
	assert_int_equal(pool_pages(POOL_OTHER), 2);
	assert_int_equal(pool_pages(POOL_TABLE), 1);
	books_balance();
	assert_ptr_equal(pool_alloc(6, POOL_GUEST), mine);	/* an equal guest finds the very place */
}

static void test_move(void **state)
{
	u8 *p = pool_alloc(1, POOL_OTHER), *q;

	p[5] = 0x42;
	pool_move(HVA(alias));
	q = pool_ptr(HPA(p));
	assert_ptr_equal(q, alias + (p - memory));
	assert_int_equal(q[5], 0x42);
	assert_true(pool_hpa(q).v == (u64)p);
	expect_assert_failure(pool_hpa(memory));
	pool_free(q, 1);
	assert_ptr_equal(pool_alloc(1, POOL_OTHER), q);
	assert_int_equal(p[5], 0);
}

/* A machine may set aside more than the books can hold; tables need no book. */
static void test_large_pool_is_cut(void **state)
{
	u64 tables = 6 * GiB, pages = (tables + 128 * MiB) / PAGE_SIZE;

	pool_init(HPA(1ul << 40), tables + 512 * MiB, tables);
	assert_int_equal(pool_total(), pages);
	assert_int_equal(pool_pages(POOL_FREE), pages);
	expect_assert_failure(pool_ptr(HPA((1ul << 40) + tables + 128 * MiB)));
}

/* As many tables as boot/ wanted, whatever else there is. */
static void test_most_may_be_tables(void **state)
{
	pool_init(HPA(memory), SIZE, SIZE - BLOCK_SIZE);
	assert_non_null(pool_alloc(PAGES - TABLES - 1, POOL_TABLE));
	assert_int_equal(page_of(pool_alloc(1, POOL_GUEST)), PAGES - TABLES);
	assert_null(pool_alloc(2, POOL_TABLE));
	assert_int_equal(page_of(pool_alloc(1, POOL_TABLE)), PAGES - TABLES - 1);
	assert_null(pool_alloc(1, POOL_TABLE));
	assert_null(pool_alloc(TABLES, POOL_OTHER));
	assert_non_null(pool_alloc(TABLES - 1, POOL_OTHER));
	books_balance();
}

/* What another piece has is at addresses behind the pool's end: here the alias. */
#define FAR 0x40000000ul

static u64 asked;
static bool asked_low;

static bool more(u64 count, bool low)
{
	asked = count;
	asked_low = low;
	pool_add(HPA(FAR), 2 * TABLES);
	pool_on_empty(NULL);
	return true;
}

static bool no_more(u64 count, bool low)
{
	asked = count;
	return false;
}

static void test_grows_when_empty(void **state)
{
	u8 *all = pool_alloc(PAGES - TABLES - 3, POOL_OTHER), *p;

	assert_non_null(all);
	pool_on_empty(no_more);
	assert_null(pool_alloc(4, POOL_OTHER));
	assert_int_equal(asked, 4);
	pool_on_empty(more);
	p = pool_alloc(4, POOL_OTHER);
	assert_true(asked_low);
	assert_int_equal(page_of(p), PAGES);	/* not over the seam, though there are three in front of it */
	assert_true(pool_hpa(p).v == FAR);
	assert_true(pool_hpa(p + 4 * PAGE_SIZE - 1).v == FAR + 4 * PAGE_SIZE - 1);
	assert_ptr_equal(pool_ptr(HPA(FAR + PAGE_SIZE)), p + PAGE_SIZE);
	assert_true(pool_hpa(all).v == (u64)all);
	assert_int_equal(pool_offset(p), SIZE);
	assert_int_equal(pool_total(), PAGES + 2 * TABLES);
	assert_int_equal(page_of(pool_alloc(3, POOL_OTHER)), PAGES - 3);
	pool_free(p, 4);
	assert_int_equal(pool_pages(POOL_FREE), 2 * TABLES + TABLES);
	assert_null(pool_alloc(2 * TABLES + 1, POOL_OTHER));
	assert_ptr_equal(pool_alloc(2 * TABLES, POOL_OTHER), p);
	expect_assert_failure(pool_hpa(p + 2 * TABLES * PAGE_SIZE));
	expect_assert_failure(pool_ptr(HPA(FAR + 2 * TABLES * PAGE_SIZE)));
	assert_true(pool_overlaps(HPA(FAR - PAGE_SIZE), PAGE_SIZE + 1));
	assert_false(pool_overlaps(HPA(FAR - PAGE_SIZE), PAGE_SIZE));
	assert_true(pool_overlaps(HPA(FAR + BLOCK_SIZE), BLOCK_SIZE));
	assert_false(pool_overlaps(HPA(FAR + 2 * BLOCK_SIZE), BLOCK_SIZE));
}

/* Tables are where the seal is: for them nothing is added. */
static void test_tables_do_not_grow(void **state)
{
	asked = 0;
	pool_on_empty(no_more);
	assert_non_null(pool_alloc(TABLES, POOL_TABLE));
	assert_null(pool_alloc(1, POOL_TABLE));
	assert_int_equal(asked, 0);
}

/* A device may have to reach what is not a guest's. */
static void test_high_pieces_are_for_guests(void **state)
{
	pool_add(HPA(8 * GiB), TABLES);
	assert_non_null(pool_alloc(PAGES - TABLES, POOL_OTHER));
	assert_null(pool_alloc(1, POOL_OTHER));
	assert_true(pool_hpa(pool_alloc(1, POOL_GUEST)).v == 8 * GiB);
	pool_on_empty(no_more);
	assert_null(pool_alloc(TABLES, POOL_GUEST));
	asked_low = true;
	pool_on_empty(more);
	assert_non_null(pool_alloc(TABLES, POOL_GUEST));
	assert_false(asked_low);
}

static void test_trim(void **state)
{
	hpa_t base;
	u8 *p = pool_alloc(TABLES + 10, POOL_OTHER);

	assert_int_equal(pool_trim(TABLES - 9, &base), 0);	/* they would reach into the last block */
	assert_int_equal(pool_trim(TABLES - 10, &base), TABLES);
	assert_true(base.v == (u64)memory + SIZE - BLOCK_SIZE);
	assert_int_equal(pool_total(), PAGES - TABLES);
	assert_int_equal(pool_pages(POOL_FREE), PAGES - TABLES - TABLES - 10);
	expect_assert_failure(pool_ptr(base));
	assert_null(pool_alloc(TABLES - 9, POOL_OTHER));
	pool_add(base, TABLES);		/* and back */
	assert_true(pool_hpa(pool_alloc(TABLES, POOL_GUEST)).v == base.v);
	pool_free(p, TABLES + 10);
	assert_int_equal(pool_trim(0, &base), 0);	/* once it has grown there is no end to cut */
}

static void test_books_have_an_end(void **state)
{
	u64 room = pool_room();

	assert_int_equal(room, 128 * MiB / PAGE_SIZE - (PAGES - TABLES));
	expect_assert_failure(pool_add(HPA(FAR), room + 1));
	expect_assert_failure(pool_add(HPA(FAR + PAGE_SIZE), 1));
	while (pool_room())
		pool_add(HPA(FAR), 1);
	expect_assert_failure(pool_add(HPA(FAR), 1));
}

struct piece { u8 *p; u64 count; u8 tag; };

static void test_random(void **state)
{
	static struct piece piece[64];
	unsigned int seed = 7;

	for (u32 turn = 0; turn < 20000; turn++) {
		struct piece *x = &piece[(u32)rand_r(&seed) % ARRAY_COUNT(piece)];

		if (x->p) {	/* nobody wrote into it since */
			for (u64 i = 0; i < x->count; i++)
				assert_int_equal(x->p[i * PAGE_SIZE + 17], x->tag);
			pool_free(x->p, x->count);
			x->p = NULL;
			continue;
		}
		x->count = 1 + (u32)rand_r(&seed) % 40;
		x->p = pool_alloc(x->count, (enum pool_owner)(POOL_CORE + turn % (POOL_OWNERS - POOL_CORE)));
		x->tag = (u8)turn;
		for (u64 i = 0; x->p && i < x->count; i++)
			x->p[i * PAGE_SIZE + 17] = x->tag;
	}
	books_balance();
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_starts_free), T(test_pages_are_zeroed), T(test_tables_stay_in_their_block),
		T(test_others_stay_out_of_it), T(test_largest_run), T(test_a_hole_must_be_whole), T(test_free_in_parts),
		T(test_misuse_is_an_assertion), T(test_tables_come_back), T(test_arenas), T(test_move), T(test_large_pool_is_cut),
		T(test_most_may_be_tables),
		T(test_grows_when_empty), T(test_tables_do_not_grow), T(test_high_pieces_are_for_guests), T(test_trim),
		T(test_books_have_an_end),
		T(test_random),
	};

	return cmocka_run_group_tests(tests, setup_memory, NULL);
}
