/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/control/work.c tests/fake/fake_core.c */
/* The control core's work and its sleep: whatever is brought is seen before it halts, or a doorbell rings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake/fake_core.h"

#include <hv/control_work.h>

static u32 polls, listens, todo;
static bool heard;
static void (*meanwhile)(void);

static bool work_poll(void *arg, u64 now)
{
	assert_ptr_equal(arg, &todo);
	assert_true(now == 77);
	polls++;
	if (meanwhile)
		meanwhile();
	if (!todo)
		return false;
	todo--;
	return true;
}

static bool work_listen(void *arg)
{
	listens++;
	return heard;
}

static bool other_poll(void *arg, u64 now)
{
	polls++;
	return false;
}

static u32 rings(void)
{
	return fake_core.rings[FAKE_CONTROL];
}

static int setup(void **state)
{
	fake_core_reset();
	polls = listens = todo = 0;
	heard = false;
	meanwhile = NULL;
	control_work_poll(77);
	control_work_deadline();
	polls = 0;
	return 0;
}

static void test_polls_all_and_tells(void **state)
{
	assert_false(control_work_poll(77));
	assert_int_equal(polls, 2);
	todo = 2;
	assert_true(control_work_poll(77));
	assert_true(control_work_poll(77));
	assert_false(control_work_poll(77));
}

static void test_awake_needs_no_doorbell(void **state)
{
	control_work_ring();
	assert_int_equal(rings(), 0);
	assert_true(control_work_listen());	/* but does not halt over it */
	control_work_poll(77);
	assert_false(control_work_listen());
	assert_int_equal(listens, 2);
}

static void test_halting_is_rung_once(void **state)
{
	assert_false(control_work_listen());
	control_work_ring();
	control_work_ring();
	assert_int_equal(rings(), 1);
	control_work_poll(77);
	control_work_ring();
	assert_int_equal(rings(), 1);
}

/* Brought while the round runs, behind the look at it. */
static void test_brought_during_the_round(void **state)
{
	meanwhile = control_work_ring;
	assert_false(control_work_poll(77));
	meanwhile = NULL;
	assert_true(control_work_listen());
	assert_int_equal(rings(), 0);
	control_work_poll(77);
	assert_false(control_work_listen());
}

static void test_listen_hears(void **state)
{
	heard = true;
	assert_true(control_work_listen());
	/* It does not halt; somebody who thought so rings for nothing, and the word is not lost. */
	control_work_ring();
	assert_int_equal(rings(), 1);
	assert_true(control_work_listen());
}

static void test_deadline(void **state)
{
	control_work_by(500);
	control_work_by(300);
	control_work_by(900);
	assert_true(control_work_deadline() == 300);
	assert_true(control_work_deadline() == U64_MAX);
}

static void test_lingers(void **state)
{
	assert_false(control_work_lingers(100));
	control_work_linger(300);
	control_work_linger(200);
	assert_true(control_work_lingers(100) && control_work_lingers(299));
	assert_false(control_work_lingers(300));
}

static void test_places_end(void **state)
{
	struct control_work w = { .name = "other", .poll = other_poll };

	for (u32 i = 2; i < CONTROL_WORK_MAX; i++)
		assert_int_equal(control_work_add(&w), 0);
	assert_int_equal(control_work_add(&w), -E_NOMEM);
	control_work_poll(77);
	assert_int_equal(polls, CONTROL_WORK_MAX);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_polls_all_and_tells), T(test_awake_needs_no_doorbell), T(test_halting_is_rung_once),
		T(test_brought_during_the_round), T(test_listen_hears), T(test_deadline), T(test_lingers), T(test_places_end),
	};

	control_work_add(&(struct control_work){ "first", work_poll, work_listen, &todo });
	control_work_add(&(struct control_work){ "other", other_poll, NULL, NULL });
	return cmocka_run_group_tests(tests, NULL, NULL);
}
