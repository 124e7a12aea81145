/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/web/fiber.c hv/x86/fiber.S hv/lib/string.c */
/* The web fiber on the build host: two stacks, and whoever runs finds everything as it was left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/host.h>
#include <hv/lib.h>
#include <hv/pool.h>

#include "hv/web/fiber.h"

#define FOREVER (1ul << 62)

static void *block, *guarded;
static u64 pages;
static bool no_memory, no_guard;
static u32 steps, wanted;
static bool was_inside;

void *pool_alloc(u64 count, enum pool_owner owner)
{
	pages = count;
	free(block);
	block = no_memory ? NULL : aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);
	return block;
}

int host_guard_page(void *page)
{
	guarded = page;
	return no_guard ? -E_NOMEM : 0;
}

static int setup(void **state)
{
	no_memory = no_guard = false;
	steps = 0;
	return fiber_init();
}

static void short_work(void)
{
	steps++;
	was_inside = fiber_inside();
}

static void runs_to_its_end(void **state)
{
	assert_false(fiber_inside());
	fiber_breathe();			/* nothing, outside of it */
	assert_true(fiber_run(short_work, 0));
	assert_true(was_inside && !fiber_inside());
	assert_true(fiber_run(short_work, FOREVER));
	assert_int_equal(steps, 2);
}

/* Values that the compiler keeps in registers and on the stack, on both sides of each change. */
static void long_work(void)
{
	u64 a = 1, b = 2, c = 3, d = 5, e = 7, f = 11;
	volatile u8 stack[3000];

	for (u32 i = 0; i < wanted; i++) {
		stack[i % sizeof(stack)] = (u8)i;
		fiber_breathe();
		a += b;
		b ^= c + i;
		c += d * 3;
		d ^= e << 1;
		e += f;
		f = f * 5 + a;
		assert_int_equal(stack[i % sizeof(stack)], (u8)i);
		steps++;
	}
	assert_true(a + b + c + d + e + f != 0);
}

static void is_left_and_goes_on(void **state)
{
	u64 a = 17, b = 19, c = 23, rounds = 0;

	wanted = 1000;
	while (!fiber_run(long_work, 0)) {
		assert_int_equal(steps, rounds);
		assert_false(fiber_inside());
		rounds++;
		a = a * 3 + b;
		b ^= c;
		c += rounds;
	}
	assert_int_equal(rounds, 1000);
	assert_int_equal(steps, 1000);
	for (u64 i = 1, x = 17, y = 19, z = 23; i <= 1000; i++) {
		x = x * 3 + y;
		y ^= z;
		z += i;
		if (i == 1000)
			assert_true(x == a && y == b && z == c);
	}
	/* With time to spare it is not left. */
	steps = 0;
	assert_true(fiber_run(long_work, FOREVER));
	assert_int_equal(steps, 1000);
}

/* Who was left in the middle of something is not begun anew, whoever is asked for. */
static void one_after_the_other(void **state)
{
	wanted = 2;
	assert_false(fiber_run(long_work, 0));
	assert_false(fiber_run(short_work, 0));
	assert_true(fiber_run(short_work, 0));
	assert_int_equal(steps, 2);
	assert_true(fiber_run(short_work, 0));
	assert_int_equal(steps, 3);
}

static void deep_work(void)
{
	volatile u8 much[20000];

	for (u32 i = 0; i < sizeof(much); i += 100)
		much[i] = 1;
	steps += much[0];
}

static void stack_is_measured_and_guarded(void **state)
{
	u64 size, before, after;

	assert_ptr_equal(guarded, block);
	before = fiber_stack_used(&size);
	assert_int_equal(size, (pages - 1) * PAGE_SIZE);
	assert_true(before < 1000);
	assert_true(fiber_run(deep_work, 0));
	after = fiber_stack_used(&size);
	assert_true(after >= 20000 && after < size);
	assert_true(fiber_run(short_work, 0));
	assert_int_equal(fiber_stack_used(&size), after);	/* the most there ever was */
}

static void no_stack(void **state)
{
	no_memory = true;
	assert_int_equal(fiber_init(), -E_NOMEM);
	no_memory = false;
	no_guard = true;
	assert_int_equal(fiber_init(), -E_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(runs_to_its_end, setup), cmocka_unit_test_setup(is_left_and_goes_on, setup),
		cmocka_unit_test_setup(one_after_the_other, setup), cmocka_unit_test_setup(stack_is_measured_and_guarded, setup),
		cmocka_unit_test(no_stack),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(block);
	return failed;
}
