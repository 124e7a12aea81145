/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/pool_grow.c hv/core/admission_memory.c hv/core/plan_errors.c hv/lib/string.c hv/lib/format.c */
/* The pool takes what no guest has, and gives back what it does not need: nothing ever has two owners. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../hv/core/admission.h"
#include "../../../../hv/core/build.h"
#include <hv/host.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/pool.h>

static struct machine_facts facts;
static struct resolved_plan now, trial;
const struct machine_facts *machine_facts;
const struct resolved_plan *machine_resolved;

static pool_more_fn *grow;
static u64 room, mapped, unmapped, added_at, added, trimmed_at, trimmed;
static int map_error;

void pool_on_empty(pool_more_fn *more) { grow = more; }
u64 pool_room(void) { return room; }
u64 pool_trim(u64 keep, hpa_t *base) { *base = HPA(trimmed_at); return keep ? trimmed : 0; }
void log_write(enum log_level level, const char *fmt, ...) {}
const struct resolved_guest *admission_kept(const struct admission *a, u32 guest) { return NULL; }
const char *admission_key(char *buf, size_t size, const struct plan_guest *g, const char *key) { return key; }

void pool_add(hpa_t base, u64 count)
{
	added_at = base.v;
	added = count;
}

int host_add_pool(hpa_t base, u64 size)
{
	mapped = size;
	return map_error;
}

int host_cut_pool(u64 size)
{
	unmapped = size;
	return map_error;
}

#define RAM(at, base_, size_) facts.ram[at] = (struct facts_ram){ HPA(base_), size_ }

/* 64 MiB low, of them one guest has all but the first and the last 2 MiB; 64 MiB high. */
static int setup(void **state)
{
	memset(&facts, 0, sizeof(facts));
	memset(&now, 0, sizeof(now));
	facts.ram_count = 2;
	RAM(0, 64 * MiB, 64 * MiB);
	RAM(1, 8 * GiB, 64 * MiB);
	now.guest_count = 1;
	now.guest[0].range_count = 1;
	now.guest[0].range[0] = (struct ram_range){ 0, HPA(66 * MiB), 60 * MiB };
	plan_free_again(&facts, &now);
	trial = now;
	machine_facts = &facts;
	machine_resolved = &now;
	room = 1 << 20;
	mapped = unmapped = added = added_at = trimmed = 0;
	map_error = 0;
	pool_grow_init();
	return 0;
}

static u64 sum_free(const struct resolved_plan *rp)
{
	u64 sum = 0;

	for (u32 i = 0; i < rp->free_count; i++)
		sum += rp->free[i].size;
	return sum;
}

static void test_takes_the_end_of_what_is_free(void **state)
{
	assert_int_equal(sum_free(&now), 68 * MiB);
	assert_true(grow(1, true));
	assert_int_equal(added_at, 126 * MiB);
	assert_int_equal(added, 512);
	assert_int_equal(mapped, BLOCK_SIZE);
	assert_int_equal(facts.ram[0].size, 62 * MiB);
	assert_int_equal(sum_free(&now), 66 * MiB);
	assert_true(grow(512, true));
	assert_int_equal(added_at, 64 * MiB);
	assert_int_equal(sum_free(&now), 64 * MiB);
	assert_false(grow(1, true));		/* the guest has the rest */
	assert_true(grow(513, false));
	assert_int_equal(added_at, 8 * GiB + 60 * MiB);
	assert_int_equal(added, 1024);
}

/* In the middle of a range: it becomes two, and both are still RAM. */
static void test_splits_a_range(void **state)
{
	now.guest[0].range[0] = (struct ram_range){ 0, HPA(100 * MiB), 28 * MiB };
	plan_free_again(&facts, &now);
	assert_true(grow(1, true));
	assert_int_equal(added_at, 98 * MiB);
	assert_int_equal(facts.ram_count, 3);
	assert_int_equal(facts.ram[0].size, 34 * MiB);
	assert_int_equal(facts.ram[1].base.v, 100 * MiB);
	assert_int_equal(facts.ram[1].size, 28 * MiB);
	assert_int_equal(facts.ram[2].base.v, 8 * GiB);
	assert_int_equal(sum_free(&now), 98 * MiB);
}

static void test_no_place_for_a_split(void **state)
{
	now.guest[0].range[0] = (struct ram_range){ 0, HPA(100 * MiB), 28 * MiB };
	while (facts.ram_count < FACTS_RAM_MAX) {
		RAM(facts.ram_count, 16 * GiB + facts.ram_count * GiB, PAGE_SIZE);
		facts.ram_count++;
	}
	plan_free_again(&facts, &now);
	assert_false(grow(1, true));
	assert_int_equal(added, 0);
	assert_int_equal(unmapped, BLOCK_SIZE);
	assert_int_equal(sum_free(&now), 100 * MiB);
}

/* What a guest is to have that is being built is not free, nor is what it had, and may have again. */
static void test_beside_a_change(void **state)
{
	trial.guest_count = 2;
	trial.guest[1].range_count = 1;
	trial.guest[1].range[0] = (struct ram_range){ 0, HPA(126 * MiB), BLOCK_SIZE };
	trial.guest[1].device[0] = (struct facts_ram){ HPA(8 * GiB + 62 * MiB), BLOCK_SIZE };
	plan_free_again(&facts, &trial);
	pool_grow_beside(&trial);
	assert_true(grow(1, true));
	assert_int_equal(added_at, 64 * MiB);
	assert_false(grow(1, true));
	assert_true(grow(1, false));
	assert_int_equal(added_at, 8 * GiB + 60 * MiB);
	assert_int_equal(sum_free(&trial), 60 * MiB);
	assert_int_equal(sum_free(&now), 64 * MiB);
	pool_grow_beside(NULL);
	assert_true(grow(1, true));
	assert_int_equal(added_at, 126 * MiB);
}

static void test_limits(void **state)
{
	room = 511;
	assert_false(grow(1, true));
	room = 512;
	map_error = -E_NOMEM;
	assert_false(grow(1, true));
	assert_int_equal(added, 0);
	assert_int_equal(sum_free(&now), 68 * MiB);
	map_error = 0;
	assert_true(grow(1, true));
	assert_false(grow(513, true));
}

static void test_gives_back(void **state)
{
	trimmed_at = 32 * MiB;
	trimmed = 1024;
	pool_give_back();
	assert_int_equal(unmapped, 4 * MiB);
	assert_int_equal(facts.ram_count, 3);
	assert_int_equal(facts.ram[0].base.v, 32 * MiB);
	assert_int_equal(facts.ram[1].base.v, 64 * MiB);
	assert_int_equal(sum_free(&now), 72 * MiB);
	trimmed_at = 128 * MiB;		/* behind another one: one piece with it */
	pool_give_back();
	assert_int_equal(facts.ram[1].base.v + facts.ram[1].size, 132 * MiB);
	assert_int_equal(sum_free(&now), 76 * MiB);
	assert_true(grow(3 * 512, true));
	assert_int_equal(added_at, 126 * MiB);	/* over the seam of two ranges of the facts */
}

static void test_gives_nothing_back_without_a_plan(void **state)
{
	trimmed = 512;
	machine_resolved = NULL;
	pool_give_back();
	assert_int_equal(unmapped, 0);
	machine_resolved = &now;
	map_error = -E_NOMEM;
	pool_give_back();
	assert_int_equal(facts.ram_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_takes_the_end_of_what_is_free, setup),
		cmocka_unit_test_setup(test_splits_a_range, setup),
		cmocka_unit_test_setup(test_no_place_for_a_split, setup),
		cmocka_unit_test_setup(test_beside_a_change, setup),
		cmocka_unit_test_setup(test_limits, setup),
		cmocka_unit_test_setup(test_gives_back, setup),
		cmocka_unit_test_setup(test_gives_nothing_back_without_a_plan, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
