/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/control/lifecycle.c hv/control/life_table.c hv/control/life_delete.c hv/control/life_pause.c hv/control/ending.c hv/control/restart.c hv/control/text.c hv/core/console_ring.c hv/core/message.c hv/core/log.c hv/lib/format.c hv/lib/string.c tests/unit/hv/control/fake_machine.c */
/* The state machine of guests: each request in each phase, and a guest's way out of the machine, with the test in the part of
 * its cores. */
#include "fake_machine.h"

#include "../../../../hv/control/lifecycle.h"

static u64 now;
static struct guest *web, *database;
static u32 hidden, ended;

static int setup(void **state)
{
	fake_machine_init();
	life_init();
	web = &fake_guest[0];
	database = &fake_guest[1];
	now = 1000 * HZ;
	hidden = ended = 0;
	fake_volumes_open = false;
	return 0;
}

static void deliver(void)
{
	struct message m;

	for (u32 i = 1; i < core_count; i++)
		while (message_get(&core_table[i].from_core, &m))
			life_message(&m, now);
}

/* What the control core asked of web's cores, answered at once. clears: by those that are asked to. */
static void cores_answer(u64 all_clear)
{
	struct message m;

	for (u32 i = 1; i <= 2; i++)
		while (fake_core_get(i, &m))
			if (m.type == MSG_ZERO)
				fake_core_put(i, MSG_ZEROED, web, all_clear);
			else if (m.type == MSG_RELOAD)
				fake_core_put(i, MSG_RELOADED, web, m.arg[1]);
	deliver();
}

static void park(void)
{
	for (u32 i = 0; i < 2; i++)
		fake_core_put(1 + i, MSG_PARKED, web, i);
	deliver();
}

static void hide(struct guest *g)
{
	assert_ptr_equal(g, web);
	hidden++;
}

static void end(struct guest *g)
{
	assert_ptr_equal(g, web);
	assert_int_equal(hidden, 1);
	guests[g->index] = NULL;
	ended++;
}

static const struct life_end ends = { LIFE_DELETE, hide, end }, changes = { LIFE_SET, hide, end };

static void enter(enum life_phase phase)
{
	setup(NULL);
	switch (phase) {
	case PHASE_OFF:
		break;
	case PHASE_DELETING:
		web->device_ram[0].size = BLOCK_SIZE;
		assert_null(life_delete(web, &ends));
		break;
	case PHASE_STARTING:
		assert_null(life_start(web, now));
		break;
	default:
		assert_null(life_start(web, now));
		fake_core_put(1, MSG_STARTED, web, 0);
		deliver();
		break;
	}
	if (phase == PHASE_PAUSED)
		assert_null(life_pause(web));
	if (phase == PHASE_STOPPING)
		assert_null(life_stop(web, 30, now));
	if (phase == PHASE_DRAINING || phase == PHASE_WAITING) {
		fake_lends = phase == PHASE_DRAINING;
		web->record = (struct guest_end_record){ .end = END_KILLED, .id = "X", .ready = 1 };
		fake_core_put(1, MSG_ENDED, web, 0);
		park();
	}
}

static const char *ask(enum life_event event)
{
	switch (event) {
	case LIFE_START:	return life_start(web, now);
	case LIFE_STOP:		return life_stop(web, 30, now);
	case LIFE_KILL:		return life_kill(web, now);
	case LIFE_RESET:	return life_reset(web, now);
	case LIFE_SET:		return life_delete(web, &changes);
	case LIFE_DELETE:	return life_delete(web, &ends);
	case LIFE_PAUSE:	return life_pause(web);
	default:		return life_resume(web);
	}
}

/* By hand, from docs/life-cycle.md: the phase afterwards, where the request is taken; -1: it is refused and nothing changes;
 * -2: it says no, but a restart that was to come is cancelled. */
#define NO (-1)
#define CANCELS (-2)
static const int wanted[LIFE_PHASES][LIFE_BALLOON] = {
	/*                  START           STOP            KILL            RESET           PAUSE RESUME SET            DELETE */
	[PHASE_OFF] =	  { PHASE_STARTING, NO,             NO,             NO,             NO, NO, PHASE_DELETING, PHASE_DELETING },
	[PHASE_STARTING] = { NO,            PHASE_STOPPING, PHASE_STOPPING, PHASE_STOPPING, NO, NO, NO, NO },
	[PHASE_RUNNING] = { NO,             PHASE_STOPPING, PHASE_STOPPING, PHASE_STOPPING, PHASE_PAUSED, NO, NO, NO },
	[PHASE_PAUSED] =  { NO,             NO,             PHASE_STOPPING, PHASE_STOPPING, NO, PHASE_RUNNING, NO, NO },
	[PHASE_STOPPING] = { NO,            PHASE_STOPPING, PHASE_STOPPING, PHASE_STOPPING, NO, NO, NO, NO },
	[PHASE_DRAINING] = { NO,            CANCELS,        CANCELS,        NO,             NO, NO, NO, NO },
	[PHASE_WAITING] = { PHASE_STARTING, CANCELS,        CANCELS,        NO,             NO, NO, NO, NO },
	[PHASE_DELETING] = { NO,            NO,             NO,             NO,             NO, NO, NO, NO },
};

static void test_every_request_in_every_phase(void **state)
{
	for (u32 p = 0; p < LIFE_PHASES; p++)
		for (u32 e = 0; e < LIFE_BALLOON; e++) {
			const char *why;
			int want = wanted[p][e];

			enter((enum life_phase)p);
			assert_int_equal(life_phase(web), p);
			why = ask((enum life_event)e);
			if (want < 0 ? !why : why != NULL)
				fail_msg("phase %u, event %u: %s", p, e, why ? why : "taken");
			if (want == NO)
				assert_int_equal(life_phase(web), p);
			else if (want == CANCELS)
				assert_int_equal(life_of(web)->restart_at, ~0ul);
			else
				assert_int_equal(life_phase(web), want);
			assert_int_equal(life_phase(database), PHASE_OFF);
		}
	fake_lends = false;
}

/* It is paused when all of its vcpus say so; whatever ends it ends that, too. */
static void test_pause(void **state)
{
	enter(PHASE_RUNNING);
	fake_requests[0][0] = fake_requests[0][1] = 0;
	assert_null(life_pause(web));
	assert_int_equal(web->paused, 1);
	assert_int_equal(fake_requests[0][0], REQ_PAUSE);
	assert_int_equal(fake_requests[0][1], REQ_PAUSE);
	assert_true(life_tick(now) < now + HZ);
	assert_string_equal(life_state_word(web), "pausing");
	web->vcpu[0].paused = 1;
	life_tick(now);
	assert_string_equal(life_state_word(web), "pausing");
	web->vcpu[1].paused = 1;
	life_tick(now);
	assert_string_equal(life_state_word(web), "paused");
	assert_int_equal(life_tick(now), ~0ul);
	fake_announced = 0;
	assert_null(life_resume(web));
	assert_int_equal(web->paused, 0);
	assert_int_equal(fake_announced, 1);
	assert_string_equal(life_state_word(web), "running");
	assert_null(life_pause(web));
	assert_null(life_kill(web, now));
	assert_int_equal(web->paused, 0);
	park();
	assert_int_equal(life_phase(web), PHASE_OFF);
	enter(PHASE_PAUSED);
	web->record = (struct guest_end_record){ .end = END_KILLED, .id = "X", .ready = 1 };
	fake_core_put(1, MSG_ENDED, web, 0);
	deliver();
	assert_int_equal(web->paused, 0);
	assert_int_equal(life_phase(web), PHASE_STOPPING);
	life_hold();
	enter(PHASE_RUNNING);
	life_hold();
	assert_non_null(life_pause(web));
}

/* Clear at last what came to rest; then its cores forget it; then it is gone. */
static void test_delete(void **state)
{
	struct message m;

	enter(PHASE_RUNNING);
	assert_null(life_kill(web, now));
	while (fake_core_get(1, &m) || fake_core_get(2, &m))
		;
	park();
	assert_int_equal(life_phase(web), PHASE_OFF);
	assert_null(life_delete(web, &ends));
	assert_string_equal(life_state_word(web), "deleting");
	life_tick(now);
	assert_true(fake_core_get(1, &m) && m.type == MSG_ZERO && !m.arg[1]);
	assert_false(fake_core_get(1, &m));		/* one after the other */
	fake_core_put(1, MSG_ZEROED, web, 0);		/* cut short */
	deliver();
	life_tick(now);
	assert_int_equal(hidden, 0);
	assert_true(fake_core_get(1, &m) && m.type == MSG_ZERO && m.arg[1] == 1);
	fake_core_put(1, MSG_ZEROED, web, 1);
	deliver();
	life_tick(now);
	assert_int_equal(hidden, 1);
	assert_true(fake_core_get(1, &m) && m.type == MSG_RELOAD && m.arg[1] == 0);
	fake_core_put(1, MSG_RELOADED, web, 0);
	deliver();
	life_tick(now);
	assert_int_equal(ended, 0);
	assert_true(fake_core_get(2, &m) && m.type == MSG_RELOAD && m.arg[1] == 1);
	fake_core_put(2, MSG_RELOADED, web, 1);
	deliver();
	life_tick(now);
	assert_int_equal(ended, 1);
	assert_null(life_find("web"));
	assert_ptr_equal(life_find("database"), database);
	assert_int_equal(life_tick(now), ~0ul);
	fake_core_put(2, MSG_PARKED, web, 1);		/* names no guest */
	deliver();
	life_hold();
}

/* What was cleared when it came to rest is not cleared again; RAM of devices always is. */
static void test_delete_what_is_clear(void **state)
{
	for (u32 flash = 0; flash < 2; flash++) {
		struct message m;
		u32 zeros = 0;

		enter(PHASE_RUNNING);
		web->device_ram[0].size = flash * BLOCK_SIZE;
		life_kill(web, now);
		while (fake_core_get(1, &m) || fake_core_get(2, &m))
			;
		park();
		cores_answer(1);
		assert_null(life_delete(web, &ends));
		life_tick(now);
		while (fake_core_get(1, &m))
			zeros += m.type == MSG_ZERO;
		assert_int_equal(zeros, flash);
		assert_int_equal(hidden, !flash);
	}
}

/* Rings that are full are tried again. */
static void test_delete_with_full_rings(void **state)
{
	struct message junk = { .type = MSG_NONE }, m;

	enter(PHASE_DELETING);
	for (u32 i = 1; i <= 2; i++)
		while (message_put(&core_table[i].to_core, &junk))
			;
	assert_true(life_tick(now) < now + HZ);
	while (fake_core_get(1, &m))
		assert_int_equal(m.type, MSG_NONE);
	life_tick(now);
	while (fake_core_get(1, &m))
		assert_int_equal(m.type, MSG_ZERO);
	fake_core_put(1, MSG_ZEROED, web, 1);
	deliver();
	life_tick(now);			/* core 2's is still full */
	assert_int_equal(hidden, 1);
	while (fake_core_get(2, &m))
		assert_int_equal(m.type, MSG_NONE);
	life_tick(now);
	for (u32 i = 0; i < 4 && !ended; i++) {
		cores_answer(1);
		life_tick(now);
	}
	assert_int_equal(ended, 1);
}

static void test_what_may_not_go(void **state)
{
	fake_volumes_open = true;
	assert_non_null(life_delete(web, &ends));
	fake_volumes_open = false;
	web->broken = 1;
	assert_non_null(life_delete(web, &ends));
	web->broken = 0;
	life_hold();
	assert_string_equal(life_delete(web, &ends), "the machine is going down");
	assert_int_equal(life_phase(web), PHASE_OFF);
}

/* A guest of a place that another one had: nothing is left of that one's life. */
static void test_place_is_used_again(void **state)
{
	enter(PHASE_DELETING);
	for (u32 i = 0; i < 5 && !ended; i++) {
		life_tick(now);
		cores_answer(1);
	}
	assert_int_equal(ended, 1);
	guests[0] = web;
	web->device_ram[0].size = 0;
	life_add(web);
	assert_int_equal(life_phase(web), PHASE_OFF);
	assert_int_equal(life_of(web)->starts, 0);
	assert_int_equal(life_tick(now), ~0ul);
	assert_null(life_start(web, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_request_in_every_phase, setup),
		cmocka_unit_test_setup(test_pause, setup),
		cmocka_unit_test_setup(test_delete, setup),
		cmocka_unit_test_setup(test_delete_what_is_clear, setup),
		cmocka_unit_test_setup(test_delete_with_full_rings, setup),
		cmocka_unit_test_setup(test_what_may_not_go, setup),
		cmocka_unit_test_setup(test_place_is_used_again, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
