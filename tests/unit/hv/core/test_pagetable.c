/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/core/walk_fake.c hv/core/pagetable.c */
/* Page tables of all three formats against a flat list of what was asked for, with a walker that looks after every
 * single write: whoever walks at any moment sees the old translation or the new one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "walk_fake.h"

#define M2 (2 * MiB)
#define BASE 0xffff800000000000ul
#define OPS 30

static const struct pt_format *const formats[] = { &pt_host, &pt_ept, &pt_npt };

/* What was asked for so far; the last that covers an address counts. */

struct op {
	bool map;
	u64 va, hpa, size;
	u32 prot;
};

static struct pagetable pt;
static struct op ops[OPS + 1];
static u32 op_count;		/* ops[op_count] is under way */
static u32 seed = 1;

static u32 noise(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static struct translation expect(u64 va, u32 count)
{
	while (count--) {
		const struct op *o = &ops[count];

		if (va - o->va >= o->size)
			continue;
		if (!o->map)
			break;
		return (struct translation){ true, o->hpa + (va - o->va), (u8)(o->prot & 7),
			o->prot & PT_UNCACHED ? TYPE_UNCACHED : o->prot & PT_COMBINING ? TYPE_COMBINING :
			TYPE_CACHED, 0 };
	}
	return (struct translation){ .valid = false };
}

static bool same(struct translation a, struct translation b)
{
	if (!a.valid || !b.valid)
		return a.valid == b.valid;
	return a.hpa == b.hpa && a.rights == b.rights && a.type == b.type;
}

/* Addresses that are looked at after each write: the edges of the range and others around it. */
static u64 probe[32];
static u32 probe_count;
static u64 bad_va;		/* the first address that showed something else; 0 none */

static void probes_choose(const struct op *o)
{
	u64 edge[] = { o->va, o->va - 1, o->va + o->size, o->va + o->size - 1, o->va + o->size / 2,
		ALIGN_DOWN(o->va, M2), ALIGN_DOWN(o->va, GiB), ALIGN_UP(o->va + o->size, M2), ALIGN_UP(o->va + o->size, GiB),
		ALIGN_DOWN(o->va, M2) - 1 };

	memcpy(probe, edge, sizeof(edge));
	for (probe_count = ARRAY_COUNT(edge); probe_count < ARRAY_COUNT(probe); probe_count++)
		probe[probe_count] = BASE + (noise() % 5) * GiB + (noise() % 4) * M2 + (noise() % 4) * PAGE_SIZE +
			noise() % PAGE_SIZE;
}

static void look(void)
{
	for (u32 i = 0; i < probe_count && !bad_va; i++) {
		struct translation t = walk(&pt, probe[i]);

		if (walk_broken || (!same(t, expect(probe[i], op_count)) && !same(t, expect(probe[i], op_count + 1))))
			bad_va = probe[i];
	}
}

static int perform(const struct op *o)
{
	return o->map ? pt_map(&pt, o->va, o->hpa, o->size, o->prot) : pt_unmap(&pt, o->va, o->size);
}

/* Do it with every write watched. Returns what the code under test says. */
static int watched(struct op o)
{
	int err;

	ops[op_count] = o;
	probes_choose(&o);
	bad_va = 0;
	arena_watch(look);
	err = perform(&o);
	arena_unwatch();
	if (bad_va)
		print_error("%s: %s %#lx+%#lx shows a third thing at %#lx: %s\n", pt.format->name,
			o.map ? "map" : "unmap", o.va, o.size, bad_va, walk_broken ? walk_broken : "");
	assert_true(bad_va == 0);
	return err;
}

static void all_as_asked(u32 count)
{
	for (u32 i = 0; i < 400; i++) {
		u64 va = BASE + (noise() % 6) * GiB + (noise() % 5) * M2 + (noise() % 6) * PAGE_SIZE - noise() % 2;
		struct translation t = walk(&pt, va), want = expect(va, count);

		assert_null(walk_broken);
		assert_true(same(t, want));
		assert_true(pt_lookup_hpa(&pt, va) == (want.valid ? want.hpa : ~0ul));
	}
}

static void begin(const struct pt_format *format, int max_leaf)
{
	arena_reset();
	pt = arena_table(format, max_leaf);
	op_count = 0;
}

/* Leaf sizes */

static int level_at(u64 va)
{
	int level = -1;
	u64 e = pt_lookup(&pt, va, &level);
	struct translation t = walk(&pt, va);

	assert_null(walk_broken);
	assert_int_equal(level, t.level);
	assert_int_equal(e != 0, t.valid);
	return level;
}

static void map(u64 va, u64 hpa, u64 size)
{
	assert_int_equal(pt_map(&pt, va, hpa, size, PT_READ | PT_WRITE), 0);
}

static void test_largest_leaves(void **state)
{
	for (u32 f = 0; f < ARRAY_COUNT(formats); f++) {
		begin(formats[f], 3);
		map(BASE, 8 * GiB, GiB + M2 + PAGE_SIZE);
		assert_int_equal(level_at(BASE), 3);
		assert_int_equal(level_at(BASE + GiB - 1), 3);
		assert_int_equal(level_at(BASE + GiB), 2);
		assert_int_equal(level_at(BASE + GiB + M2 - 1), 2);
		assert_int_equal(level_at(BASE + GiB + M2), 1);
		assert_int_equal(level_at(BASE + GiB + M2 + PAGE_SIZE), 0);
		assert_int_equal(level_at(BASE - 1), 0);
		assert_int_equal(arena_used, 4);	/* root and one a level */
	}
}

static void test_leaves_grow_inside_a_range(void **state)
{
	begin(&pt_ept, 3);
	map(BASE + GiB - M2 - PAGE_SIZE, 9 * GiB - M2 - PAGE_SIZE, 2 * GiB);
	assert_int_equal(level_at(BASE + GiB - M2 - 1), 1);
	assert_int_equal(level_at(BASE + GiB - M2), 2);
	assert_int_equal(level_at(BASE + GiB), 3);
	assert_int_equal(level_at(BASE + 2 * GiB), 2);
	assert_int_equal(level_at(BASE + 3 * GiB - M2 - PAGE_SIZE - 1), 1);
}

static void test_both_addresses_decide(void **state)
{
	begin(&pt_npt, 3);
	map(BASE, GiB + M2, GiB);		/* the same in 2 MiB, not in 1 GiB */
	assert_int_equal(level_at(BASE), 2);
	map(BASE + 2 * GiB, GiB + PAGE_SIZE, M2);
	assert_int_equal(level_at(BASE + 2 * GiB), 1);
	map(BASE + 3 * GiB + PAGE_SIZE, 4 * GiB, M2);
	assert_int_equal(level_at(BASE + 3 * GiB + PAGE_SIZE), 1);
}

static void test_max_leaf(void **state)
{
	begin(&pt_ept, 2);
	map(BASE, 8 * GiB, GiB);
	assert_int_equal(level_at(BASE), 2);
	begin(&pt_ept, 1);
	map(BASE, 8 * GiB, M2);
	assert_int_equal(level_at(BASE), 1);
}

/* 4 KiB leaves throughout, where large ones are forbidden: one table for 2 MiB, and no large leaf whatever is mapped over
 * whatever. */
static void test_small_leaves_only(void **state)
{
	begin(&pt_ept, 1);
	assert_int_equal(pt_map(&pt, BASE, 8 * GiB, 96 * M2, PT_READ | PT_WRITE | PT_EXEC), 0);
	assert_int_equal(arena_used, 3 + 96);
	assert_int_equal(pt_map(&pt, BASE + M2 + PAGE_SIZE, 16 * GiB, 2 * M2, PT_READ | PT_WRITE | PT_EXEC), 0);
	for (u64 off = 0; off < 96 * M2; off += PAGE_SIZE) {
		u64 second = off - M2 - PAGE_SIZE;

		assert_int_equal(level_at(BASE + off), 1);
		assert_true(pt_lookup_hpa(&pt, BASE + off) == (second < 2 * M2 ? 16 * GiB + second : 8 * GiB + off));
	}
	assert_int_equal(arena_used, 3 + 96);
}

/* The audit's question, with leaves of all sizes and each kind of mistake. */
static void test_find_other(void **state)
{
	u64 size = 2 * GiB + 5 * M2 + 7 * PAGE_SIZE, wrong[] = { 0, PAGE_SIZE, M2 + PAGE_SIZE, GiB, 2 * GiB + 3 * M2,
		2 * GiB + 5 * M2 + 6 * PAGE_SIZE };

	for (int max = 1; max <= 3; max++)
		for (u32 i = 0; i < ARRAY_COUNT(wrong); i++) {
			begin(&pt_ept, max);
			assert_true(pt_find_other(&pt, BASE, 8 * GiB, size) == BASE);
			map(BASE, 8 * GiB, size);
			assert_true(pt_find_other(&pt, BASE, 8 * GiB, size) == BASE + size);
			assert_true(pt_find_other(&pt, BASE, 8 * GiB, size + PAGE_SIZE) == BASE + size);
			assert_true(pt_find_other(&pt, BASE + PAGE_SIZE, 8 * GiB + PAGE_SIZE, M2) == BASE + PAGE_SIZE + M2);
			map(BASE + wrong[i], GiB, PAGE_SIZE);
			assert_true(pt_find_other(&pt, BASE, 8 * GiB, size) == BASE + wrong[i]);
			assert_int_equal(pt_unmap(&pt, BASE + wrong[i], PAGE_SIZE), 0);
			assert_true(pt_find_other(&pt, BASE, 8 * GiB, size) == BASE + wrong[i]);
			assert_true(pt_find_other(&pt, BASE, 8 * GiB, wrong[i]) == BASE + wrong[i]);
		}
	assert_true(pt_find_other(&pt, BASE, 0, 0) == BASE);
}

static void test_one_page(void **state)
{
	begin(&pt_host, 3);
	map(BASE, 0, PAGE_SIZE);
	assert_true(pt_lookup_hpa(&pt, BASE + 123) == 123);
	assert_true(pt_lookup_hpa(&pt, BASE + PAGE_SIZE) == ~0ul);
	assert_int_equal(pt_map(&pt, BASE, 0, 0, PT_READ), 0);
	assert_int_equal(pt_unmap(&pt, BASE, 0), 0);
	assert_true(pt_lookup_hpa(&pt, BASE) == 0);
}

static void test_not_aligned(void **state)
{
	static const u64 wrong[][3] = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 }, { 0x800, 0x800, 0x800 }, 
		{ 0, 0xfff, 0 } };

	begin(&pt_host, 3);
	for (u32 i = 0; i < ARRAY_COUNT(wrong); i++) {
		assert_int_equal(pt_map(&pt, BASE + wrong[i][0], wrong[i][1], PAGE_SIZE + wrong[i][2], PT_READ),
			-E_INVAL);
		if (wrong[i][0] | wrong[i][2])
			assert_int_equal(pt_unmap(&pt, BASE + wrong[i][0], PAGE_SIZE + wrong[i][2]), -E_INVAL);
	}
	assert_int_equal(arena_used, 1);
	assert_int_equal(level_at(BASE), 0);
}

/* Rights and types: what is asked for is what the processor finds, at each leaf size and after splits */

static void check_prot(const struct pt_format *format, u32 prot)
{
	begin(format, 3);
	ops[0] = (struct op){ true, BASE, 16 * GiB, 2 * GiB + 2 * M2 + 2 * PAGE_SIZE, prot };
	assert_int_equal(perform(&ops[0]), 0);
	all_as_asked(1);
	/* A hole in each: the rest says the same as before. */
	for (op_count = 1; op_count <= 3; op_count++) {
		static const u64 at[] = { 0, M2, 2 * GiB + PAGE_SIZE, 2 * GiB + 2 * M2 + PAGE_SIZE };

		ops[op_count] = (struct op){ false, BASE + at[op_count], 0, PAGE_SIZE, 0 };
		assert_int_equal(perform(&ops[op_count]), 0);
	}
	all_as_asked(4);
	assert_int_equal(level_at(BASE + M2 + PAGE_SIZE), 1);
	assert_int_equal(level_at(BASE + 2 * M2), 2);
}

static void test_rights_and_types(void **state)
{
	static const u32 rights[] = { PT_READ, PT_READ | PT_WRITE, PT_READ | PT_EXEC, PT_READ | PT_WRITE | PT_EXEC };
	static const u32 type[] = { 0, PT_UNCACHED, PT_COMBINING };

	for (u32 f = 0; f < ARRAY_COUNT(formats); f++)
		for (u32 r = 0; r < ARRAY_COUNT(rights); r++)
			for (u32 t = 0; t < ARRAY_COUNT(type); t++)
				check_prot(formats[f], rights[r] | type[t]);
}

/* Taking a right away, as the seal does, needs no table. */
static void test_same_size_again_needs_no_table(void **state)
{
	begin(&pt_host, 3);
	ops[op_count] = (struct op){ true, BASE, 8 * GiB, M2 * 3 + PAGE_SIZE * 7, PT_READ | PT_WRITE };
	assert_int_equal(perform(&ops[op_count++]), 0);
	arena_left = 0;
	assert_int_equal(watched((struct op){ true, BASE, 8 * GiB, M2 * 3 + PAGE_SIZE * 7, PT_READ }), 0);
	assert_int_equal(walk(&pt, BASE + 5).rights, READ);
	assert_int_equal(walk(&pt, BASE + 3 * M2 + 6 * PAGE_SIZE).rights, READ);
}

/* Unmapping */

static void test_unmap_holes(void **state)
{
	begin(&pt_ept, 3);
	assert_int_equal(pt_unmap(&pt, BASE, 64 * M2), 0);
	assert_int_equal(arena_used, 1);
	map(BASE + M2, 0, PAGE_SIZE);
	map(BASE + 8 * M2, 0, M2);
	assert_int_equal(pt_unmap(&pt, BASE, 64 * M2), 0);
	assert_int_equal(level_at(BASE + M2), 0);
	assert_int_equal(level_at(BASE + 8 * M2), 0);
}

/* Whole leaves go without a split. */
static void test_unmap_whole_leaves(void **state)
{
	begin(&pt_npt, 3);
	map(BASE, 0, 2 * GiB + 2 * M2);
	arena_left = 0;
	assert_int_equal(pt_unmap(&pt, BASE, GiB), 0);
	assert_int_equal(pt_unmap(&pt, BASE + 2 * GiB + M2, M2), 0);
	assert_int_equal(level_at(BASE + GiB - 1), 0);
	assert_int_equal(level_at(BASE + GiB), 3);
	assert_int_equal(level_at(BASE + 2 * GiB), 2);
	assert_int_equal(level_at(BASE + 2 * GiB + M2), 0);
}

/* Running out of tables */

static struct op out_op[] = {
	{ true, BASE + PAGE_SIZE, 8 * GiB + PAGE_SIZE, 3 * M2, PT_READ | PT_WRITE },
	{ true, BASE + GiB - PAGE_SIZE, 3 * GiB - PAGE_SIZE, 2 * PAGE_SIZE, PT_READ },
	{ false, BASE + M2 - PAGE_SIZE, 0, 2 * PAGE_SIZE, 0 },
	{ false, BASE + GiB - PAGE_SIZE, 0, GiB + 2 * PAGE_SIZE, 0 },
	{ true, BASE + 511 * GiB, 3 * GiB, 2 * GiB, PT_READ },
	{ true, BASE + 511 * GiB + M2, 3 * PAGE_SIZE, 2 * PAGE_SIZE, PT_READ },
};

/* Up to some address all is new, behind it all is old. */
static void new_then_old(const struct op *o)
{
	bool old = false;

	for (u64 i = 0; i < 2000; i++) {
		u64 va = o->va + (o->size / PAGE_SIZE * i / 2000) * PAGE_SIZE;
		struct translation t = walk(&pt, va);

		assert_null(walk_broken);
		if (!same(t, expect(va, op_count + 1)))
			old = true;
		if (old)
			assert_true(same(t, expect(va, op_count)));
	}
}

static void run_out(const struct pt_format *format, u32 which, u32 tables, bool *enough)
{
	begin(format, 3);
	ops[op_count] = (struct op){ true, BASE, 16 * GiB, 3 * GiB, PT_READ | PT_EXEC };
	assert_int_equal(perform(&ops[op_count++]), 0);
	arena_left = tables;
	*enough = watched(out_op[which]) == 0;
	if (!*enough) {
		assert_int_equal(arena_left, 0);
		new_then_old(&out_op[which]);
		arena_left = ARENA_TABLES - arena_used;
		assert_int_equal(watched(out_op[which]), 0);
	}
	all_as_asked(op_count + 1);
}

static void test_out_of_tables(void **state)
{
	for (u32 which = 0; which < ARRAY_COUNT(out_op); which++) {
		bool enough = false;
		u32 tables = 0;

		for (; !enough && tables < 10; tables++)
			run_out(formats[which % ARRAY_COUNT(formats)], which, tables, &enough);
		assert_true(enough && tables > 1);
	}
}

static void test_out_of_tables_is_told(void **state)
{
	begin(&pt_host, 3);
	arena_left = 1;
	assert_int_equal(pt_map(&pt, BASE, 0, PAGE_SIZE, PT_READ), -E_NOMEM);
	assert_int_equal(level_at(BASE), 0);
	arena_left = 3;
	map(BASE, 0, GiB);
	arena_left = 0;
	assert_int_equal(pt_unmap(&pt, BASE, PAGE_SIZE), -E_NOMEM);
	assert_int_equal(level_at(BASE), 3);
}

/* A random history, every write watched */

static u64 some_size(u64 *align)
{
	u32 n = noise() % 8;

	*align = n < 4 ? PAGE_SIZE : n < 7 ? M2 : GiB;
	return n < 4 ? (1 + noise() % 60) * PAGE_SIZE : n < 7 ? (1 + noise() % 20) * M2 + (noise() % 3) * PAGE_SIZE :
		(1 + noise() % 2) * GiB + (noise() % 2) * M2 + (noise() % 2) * PAGE_SIZE;
}

static struct op some_op(void)
{
	static const u32 prots[] = { PT_READ, PT_READ | PT_WRITE, PT_READ | PT_EXEC, PT_READ | PT_WRITE | PT_UNCACHED,
		PT_READ | PT_WRITE | PT_EXEC, PT_READ | PT_COMBINING };
	struct op o = { .map = noise() % 4 != 0, .prot = prots[noise() % ARRAY_COUNT(prots)] };
	u64 align;

	o.size = some_size(&align);
	o.va = BASE + (noise() % 4) * GiB + (noise() % 4) * M2 * (noise() % 2) +
		(noise() % 4) * PAGE_SIZE * (noise() % 2);
	o.hpa = 64 * GiB + (noise() % 64) * align + (o.va & (align - 1));
	return o;
}

static void test_random_history(void **state)
{
	for (u32 f = 0; f < ARRAY_COUNT(formats); f++) {
		begin(formats[f], f == 0 ? 2 : 3);
		for (op_count = 0; op_count < OPS; op_count++) {
			assert_int_equal(watched(some_op()), 0);
			all_as_asked(op_count + 1);
		}
	}
}

/* The instrument itself: a table that is linked before it is filled is seen. */
static void test_the_watch_sees(void **state)
{
	u64 *table;

	begin(&pt_host, 3);
	ops[0] = (struct op){ true, BASE, 8 * GiB, GiB, PT_READ };
	assert_int_equal(perform(&ops[0]), 0);
	op_count = 1;
	ops[1] = ops[0];
	probes_choose(&ops[1]);
	bad_va = 0;
	table = pt.alloc();
	arena_watch(look);
	pt.to_ptr(pt.root[256] & 0xffffffffff000)[0] = pt.to_hpa(table) | pt_host.table;
	assert_int_equal(arena_unwatch(), 1);
	assert_true(bad_va != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_largest_leaves), cmocka_unit_test(test_leaves_grow_inside_a_range),
		cmocka_unit_test(test_both_addresses_decide), cmocka_unit_test(test_max_leaf),
		cmocka_unit_test(test_small_leaves_only), cmocka_unit_test(test_find_other), cmocka_unit_test(test_one_page),
		cmocka_unit_test(test_not_aligned), cmocka_unit_test(test_rights_and_types),
		cmocka_unit_test(test_same_size_again_needs_no_table), cmocka_unit_test(test_unmap_holes),
		cmocka_unit_test(test_unmap_whole_leaves), cmocka_unit_test(test_out_of_tables),
		cmocka_unit_test(test_out_of_tables_is_told), cmocka_unit_test(test_random_history),
		cmocka_unit_test(test_the_watch_sees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
