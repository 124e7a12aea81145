/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/control/work.c hv/core/sync.c tests/fake/fake_core.c */
/* The control core's work and its sleep: whatever is brought is seen before it halts, or a doorbell rings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake/fake_core.h"

#include <hv/control_work.h>
#include <hv/time.h>

static u32 polls, listens, todo;
static u64 at = 77;		/* of the round */
static bool heard;
static void (*meanwhile)(void);

static bool work_poll(void *arg, u64 now)
{
	assert_ptr_equal(arg, &todo);
	assert_true(now == at);
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

/* Works that are looked at when there is a reason. */
static struct reason {
	u32 id, polls;
	bool more;
	u64 by;
} called, driver;

static bool called_poll(void *arg, u64 now)
{
	struct reason *r = arg ? arg : &called;

	r->polls++;
	if (r->by)
		control_work_by(r->by);
	return r->more;
}

static u32 peeks, comes_at;

static bool called_peek(void *arg)
{
	return ++peeks == comes_at;
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
	at = 77;
	called.by = 0;
	called.more = false;
	control_work_poll(77);
	control_work_poll(77);
	called.polls = driver.polls = 0;
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

static void test_without_a_reason_it_costs_nothing(void **state)
{
	for (u32 i = 0; i < 5; i++)
		control_work_poll(77);
	assert_int_equal(called.polls + driver.polls, 0);
	control_work_look_all();
	control_work_poll(77);
	assert_int_equal(called.polls, 1);
	assert_int_equal(driver.polls, 1);
}

static void test_called_from_another_core(void **state)
{
	assert_false(control_work_listen());
	control_work_call(called.id);
	assert_int_equal(rings(), 1);
	control_work_call(called.id);
	control_work_poll(77);
	control_work_poll(77);
	assert_int_equal(called.polls, 1);
	assert_int_equal(driver.polls, 0);
}

static void wake_called(void)
{
	meanwhile = NULL;
	control_work_wake(called.id);
}

/* By one that has its turn before, in the same round; by one behind it, in the next, and the core does not halt before. */
static void test_woken_in_a_round(void **state)
{
	meanwhile = wake_called;
	control_work_poll(77);
	assert_int_equal(called.polls, 1);
	called.more = true;
	control_work_wake(called.id);
	assert_true(control_work_poll(77));
	called.more = false;
	assert_false(control_work_poll(77));
	assert_int_equal(called.polls, 3);
}

static void test_a_message_is_for_drivers(void **state)
{
	core_private.messages = BIT32(5);
	control_work_poll(77);
	assert_int_equal(driver.polls, 0);
	core_private.messages = BIT32(6);
	control_work_poll(77);
	control_work_poll(77);
	assert_int_equal(driver.polls, 1);
	assert_int_equal(called.polls, 0);
}

static void test_its_time_comes(void **state)
{
	called.by = 80;
	control_work_wake(called.id);
	control_work_poll(77);
	assert_true(control_work_deadline() == 80);
	control_work_poll(77);
	assert_true(control_work_deadline() == 80);	/* it holds until it was looked at */
	called.by = 0;
	todo = 0;
	at = 80;
	control_work_poll(80);
	assert_int_equal(called.polls, 2);
	assert_int_equal(driver.polls, 0);
	assert_true(control_work_deadline() == U64_MAX);
}

static void test_stays(void **state)
{
	control_work_stay(called.id, 79);
	assert_false(control_work_poll(77));
	assert_true(control_work_lingers(78));
	assert_false(control_work_lingers(79));
	control_work_poll(77);
	assert_int_equal(called.polls, 2);
	control_work_stay(called.id, 0);	/* the next word counts */
	assert_false(control_work_lingers(78));
	control_work_poll(77);
	assert_int_equal(called.polls, 3);
	control_work_listen();
	control_work_poll(77);
	assert_int_equal(called.polls, 3);
	assert_int_equal(driver.polls, 0);
}

/* Without rounds in between, until it has come; and nobody is asked who does not stay. */
static void test_peeks_while_it_stays(void **state)
{
	peeks = 0;
	comes_at = 3;
	control_work_stay(called.id, 79);
	assert_true(control_work_lingers(78));
	assert_int_equal(peeks, 3);
	assert_int_equal(fake_core.taken, 2);
	comes_at = 0;
	assert_true(control_work_lingers(78));	/* bounded */
	assert_in_range(peeks, 4, 100);
	assert_int_equal(called.polls, 0);
	peeks = 0;
	control_work_ring();
	assert_true(control_work_lingers(78));
	assert_int_equal(peeks, 0);
	control_work_poll(77);
	control_work_stay(called.id, 0);
	assert_false(control_work_lingers(78));
	control_work_linger(100);
	control_work_listen();
	assert_true(control_work_lingers(78));
	assert_int_equal(peeks, 0);
}

static void test_lingers(void **state)
{
	assert_false(control_work_lingers(100));
	control_work_linger(300);
	control_work_linger(200);
	assert_true(control_work_lingers(100) && control_work_lingers(299));
	assert_false(control_work_lingers(300));
}

/* In vain for long: it halts by the clock, no later than is wanted, and not over what was rung or who stays. */
static void test_dozes(void **state)
{
	u64 after = ns_to_ticks(50000), doze = ns_to_ticks(15000), t = 1000;

	todo = 1;
	control_work_poll(77);
	control_work_linger(100 * after);
	control_work_poll(77);
	assert_true(control_work_lingers(t) && control_work_lingers(t + after - 1));
	assert_int_equal(fake_core.idles, 0);
	assert_true(control_work_lingers(t + after));
	assert_int_equal(fake_core.idles, 1);
	assert_true(fake_core.idle_until == t + after + doze);
	control_work_poll(77);
	assert_true(control_work_lingers(t + after + doze));
	assert_int_equal(fake_core.idles, 2);

	control_work_ring();
	assert_true(control_work_lingers(t + 2 * after));
	assert_int_equal(fake_core.idles, 2);
	control_work_poll(77);
	control_work_stay(called.id, 3 * after);
	assert_true(control_work_lingers(t + 2 * after));
	assert_int_equal(fake_core.idles, 2);
	control_work_stay(called.id, 0);

	called.by = t + 2 * after + 5;
	control_work_call(called.id);
	control_work_poll(77);
	called.by = 0;
	assert_true(control_work_lingers(t + 2 * after));
	assert_int_equal(fake_core.idles, 3);
	assert_true(fake_core.idle_until == t + 2 * after + 5);

	todo = 1;			/* something was done: it spins anew */
	assert_true(control_work_poll(77));
	control_work_poll(77);
	assert_true(control_work_lingers(t + 3 * after) && control_work_lingers(t + 4 * after - 1));
	assert_int_equal(fake_core.idles, 3);
	assert_true(control_work_lingers(t + 4 * after));
	assert_int_equal(fake_core.idles, 4);
	assert_false(control_work_lingers(100 * after));
	control_work_listen();
}

/* One that stands 64 places behind calls one in front of it, in another word: the core does not halt over it. */
static bool far_poll(void *arg, u64 now)
{
	control_work_wake(called.id);
	return false;
}

static void test_woken_from_far_behind(void **state)
{
	struct control_work w = { .name = "other", .poll = other_poll, .when = WORK_ON_CALL };
	u32 far = 0;

	for (u32 i = 4; i < 64; i++)
		assert_int_equal(control_work_add(&w), 0);
	assert_int_equal(control_work_add(&(struct control_work){ .poll = far_poll, .when = WORK_ON_CALL, .id = &far }), 0);
	assert_int_equal(far, 64);
	control_work_poll(77);
	control_work_poll(77);
	called.polls = 0;
	control_work_wake(far);
	assert_true(control_work_poll(77));
	assert_int_equal(called.polls, 0);
	assert_false(control_work_poll(77));
	assert_int_equal(called.polls, 1);
}

static void test_places_end(void **state)
{
	struct control_work w = { .name = "other", .poll = other_poll };

	for (u32 i = 65; i < CONTROL_WORK_MAX; i++)
		assert_int_equal(control_work_add(&w), 0);
	assert_int_equal(control_work_add(&w), -E_NOMEM);
	control_work_poll(77);
	assert_int_equal(polls, CONTROL_WORK_MAX - 63);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_polls_all_and_tells), T(test_awake_needs_no_doorbell), T(test_halting_is_rung_once),
		T(test_brought_during_the_round), T(test_listen_hears), T(test_deadline), T(test_without_a_reason_it_costs_nothing),
		T(test_called_from_another_core), T(test_woken_in_a_round), T(test_a_message_is_for_drivers), T(test_its_time_comes),
		T(test_stays), T(test_peeks_while_it_stays), T(test_lingers), T(test_dozes), T(test_woken_from_far_behind),
		T(test_places_end),
	};

	control_work_add(&(struct control_work){ .name = "first", .poll = work_poll, .listen = work_listen, .arg = &todo });
	control_work_add(&(struct control_work){ .name = "other", .poll = other_poll });
	control_work_add(&(struct control_work){ .name = "on call", .poll = called_poll, .peek = called_peek, .when = WORK_ON_CALL,
						 .id = &called.id });
	control_work_add(&(struct control_work){ .name = "driver", .poll = called_poll, .arg = &driver, .when = WORK_ON_MESSAGE, .message = 6,
						 .id = &driver.id });
	return cmocka_run_group_tests(tests, NULL, NULL);
}
