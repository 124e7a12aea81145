/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/control/lifecycle.c hv/control/life_table.c hv/control/life_delete.c hv/control/life_pause.c hv/control/ending.c hv/control/restart.c hv/control/text.c hv/core/console_ring.c hv/core/message.c hv/core/log.c hv/lib/format.c hv/lib/string.c tests/unit/hv/control/fake_machine.c */
/* The life of a guest, with the test in the part of its cores and of the clock. */
#include "fake_machine.h"

#include "../../../../hv/control/lifecycle.h"

static u64 now;
static u64 log_from;
static struct guest *web;

static int setup(void **state)
{
	fake_machine_init();
	life_init();
	web = &fake_guest[0];
	now = 1000 * HZ;
	log_from = log_end();
	return 0;
}

static bool logged(const char *text)
{
	struct log_line l;

	for (u64 i = log_from; i < log_end(); i++) {
		if (!log_read(i, &l) && strstr(l.text, text))
			return true;
	}
	return false;
}

static void clear_log(void)
{
	log_from = log_end();
}

static void deliver(void)
{
	struct message m;

	for (u32 i = 1; i < core_count; i++) {
		while (message_get(&core_table[i].from_core, &m))
			life_message(&m, now);
	}
}

/* The core of vcpu 0 is asked to clear web's RAM. */
static void core_takes_zero(void)
{
	struct message m;

	assert_true(fake_core_get(1, &m));
	assert_int_equal(m.type, MSG_ZERO);
	assert_ptr_equal((void *)m.arg[0], web);
}

/* Both cores of web take their MSG_RUN. The first may have been told to clear before. */
static void cores_take_run(void)
{
	for (u32 i = 0; i < 2; i++) {
		struct message m;

		assert_true(fake_core_get(1 + i, &m));
		if (i == 0 && m.type == MSG_ZERO) {
			fake_core_put(1, MSG_ZEROED, web, 0);
			assert_true(fake_core_get(1, &m));
		}
		assert_int_equal(m.type, MSG_RUN);
		assert_ptr_equal((void *)m.arg[0], web);
		assert_int_equal(m.arg[1], i);
		assert_int_equal(m.arg[2], i == 0);
		assert_false(fake_core_get(1 + i, &m));
	}
}

static void run_web(void)
{
	assert_int_equal(web->state, GUEST_STARTING);
	cores_take_run();
	fake_core_put(1, MSG_STARTED, web, 0);
	deliver();
	assert_int_equal(web->state, GUEST_RUNNING);
}

static void start_web(void)
{
	assert_null(life_start(web, now));
	run_web();
}

static void park_web(void)
{
	fake_core_put(2, MSG_PARKED, web, 1);
	deliver();
	assert_false(life_is_quiet(web));
	fake_core_put(1, MSG_PARKED, web, 0);
	deliver();
}

/* The guest ends by itself. */
static void end_web(enum guest_end end, u32 result, const char *id)
{
	web->record.end = end;
	web->record.result = result;
	web->record.rip = 0xfff0;
	web->record.exit_kind = VMEXIT_TRIPLE_FAULT;
	web->record.exit_reason = 2;
	str_copy(web->record.id, sizeof(web->record.id), id);
	str_copy(web->record.reason, sizeof(web->record.reason), "in words");
	web->record.ready = 1;
	fake_core_put(1, MSG_ENDED, web, 0);
	park_web();
}

static void test_start(void **state)
{
	web->record.ready = 1;
	web->vcpu[1].requests = REQ_PARK;
	web->vcpu[1].posted[2] = 7;
	start_web();
	assert_true(logged("guest web: running"));
	assert_int_equal(fake_doorbells[1], 1);
	assert_int_equal(fake_doorbells[2], 1);
	assert_int_equal(fake_doorbells[3], 0);
	assert_int_equal(web->record.ready, 0);
	assert_int_equal(web->vcpu[1].requests, 0);
	assert_int_equal(web->vcpu[1].posted[2], 0);
	assert_ptr_equal(core_table[2].guest, web);
	assert_int_equal(core_table[2].vcpu, 1);
	assert_string_equal(life_start(web, now), "it runs already");
}

/* A machine check hit it: nobody touches its RAM or cores again, whatever the plan or the operator wants. */
static void test_broken_hardware_stays_off(void **state)
{
	struct message m;

	((struct plan_guest *)web->plan)->restart = PLAN_RESTART_ALWAYS;
	start_web();
	web->broken = 1;
	end_web(END_KILLED, 0, "GUEST-MACHINE-CHECK");
	assert_int_equal(web->state, GUEST_KILLED);
	assert_string_equal(life_of(web)->last.id, "GUEST-MACHINE-CHECK");
	now += 600 * HZ;
	life_tick(now);
	assert_false(fake_core_get(1, &m));		/* neither MSG_ZERO nor MSG_RUN */
	assert_non_null(strstr(life_start(web, now), "hardware"));
	assert_false(fake_core_get(1, &m));
	assert_int_equal(web->state, GUEST_KILLED);
}

/* ... also when it was about to be reset. */
static void test_broken_hardware_is_not_reset(void **state)
{
	struct message m;

	start_web();
	assert_null(life_reset(web, now));
	web->broken = 1;
	park_web();
	assert_false(fake_core_get(1, &m));
	assert_true(life_is_quiet(web));
	assert_non_null(life_start(web, now));
}

static void test_start_needs_its_cores(void **state)
{
	core_table[2].state = CORE_FAILED;
	assert_non_null(life_start(web, now));
	assert_int_equal(web->state, GUEST_OFF);
	assert_null(life_start(&fake_guest[1], now));
}

/* A full ring delays, and loses nothing. */
static void test_full_ring(void **state)
{
	struct message junk = { .type = MSG_NONE }, m;

	while (message_put(&core_table[2].to_core, &junk))
		;
	assert_null(life_start(web, now));
	assert_true(life_tick(now) < now + HZ);
	while (fake_core_get(2, &m))
		assert_int_equal(m.type, MSG_NONE);
	life_tick(now);
	run_web();
}

static void test_results(void **state)
{
	start_web();
	end_web(END_RESULT, 0, "");
	assert_true(logged("guest web: ended result=0"));
	assert_int_equal(web->state, GUEST_ENDED);
	assert_int_equal(life_tick(now), ~0ul);	/* on-failure: no restart */

	start_web();
	end_web(END_POWEROFF, 0, "");
	assert_true(logged("guest web: powered off"));
	assert_int_equal(web->state, GUEST_OFF);
	assert_int_equal(life_tick(now), ~0ul);
}

static void test_killed(void **state)
{
	for (const char *c = "first\r\nKernel panic \x1b[31m!\n"; *c; c++)
		console_ring_put(web->console, (u8)*c, 0);
	start_web();
	end_web(END_KILLED, 0, "GUEST-TRIPLE-FAULT");
	assert_true(logged("guest web: killed GUEST-TRIPLE-FAULT: in words (rip=0xfff0 exit=triple-fault:0x2)"));
	assert_int_equal(web->state, GUEST_KILLED);
	assert_string_equal(life_of(web)->last_lines, "first\nKernel panic !\n");
	assert_int_equal(life_of(web)->last.rip, 0xfff0);
	assert_true(logged("starts again in 1 s"));
	assert_int_equal(life_tick(now + HZ - 1), now + HZ);
	assert_int_equal(web->state, GUEST_KILLED);
	life_tick(now + HZ);
	run_web();
}

/* 1, 2, 4 ... 60 s; a healthy minute forgives. */
static void test_back_off(void **state)
{
	static const u32 want[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };

	start_web();
	for (u32 i = 0; i < ARRAY_COUNT(want); i++) {
		end_web(END_KILLED, 0, "GUEST-TRIPLE-FAULT");
		assert_int_equal(life_tick(now), now + want[i] * HZ);
		now += want[i] * HZ;
		life_tick(now);
		run_web();
	}
	now += 60 * HZ;
	end_web(END_KILLED, 0, "GUEST-TRIPLE-FAULT");
	assert_int_equal(life_tick(now), now + HZ);
}

static void test_load_failure_is_not_tried_again(void **state)
{
	start_web();
	end_web(END_KILLED, 0, "GUEST-LOAD");
	assert_int_equal(life_tick(now), ~0ul);
}

static void test_policies(void **state)
{
	struct plan_guest *plan = (struct plan_guest *)web->plan;

	plan->restart = PLAN_RESTART_NEVER;
	start_web();
	end_web(END_KILLED, 0, "X");
	assert_int_equal(life_tick(now), ~0ul);
	plan->restart = PLAN_RESTART_ON_FAILURE;
	start_web();
	end_web(END_RESULT, 3, "");
	assert_int_equal(life_tick(now), now + HZ);
	plan->restart = PLAN_RESTART_ALWAYS;
	now += HZ;
	life_tick(now);
	run_web();
	end_web(END_POWEROFF, 0, "");
	assert_int_equal(life_tick(now), now + 2 * HZ);
}

/* A reboot is one under every policy; only a guest that does nothing else is slowed down. */
static void test_reboot(void **state)
{
	((struct plan_guest *)web->plan)->restart = PLAN_RESTART_NEVER;
	start_web();
	for (u32 i = 0; i < RESTART_QUICK_FREE; i++) {
		clear_log();
		end_web(END_REBOOT, 0, "");
		assert_true(logged("guest web: rebooting"));
		run_web();
		assert_true(logged("guest web: running"));
	}
	end_web(END_REBOOT, 0, "");
	assert_int_equal(life_tick(now), now + HZ);
	now += HZ;
	life_tick(now);
	run_web();
	now += 20 * HZ;
	end_web(END_REBOOT, 0, "");
	run_web();
}

static void test_stop(void **state)
{
	start_web();
	assert_null(life_stop(web, 30, now));
	assert_int_equal(web->state, GUEST_STOPPING);
	assert_int_equal(web->events, GUEST_EVENT_POWER_BUTTON);
	assert_int_equal(fake_requests[0][0], REQ_EVENTS);
	assert_int_equal(life_tick(now), now + 30 * HZ);
	now += 5 * HZ;
	end_web(END_POWEROFF, 0, "");
	assert_int_equal(web->state, GUEST_OFF);
	assert_int_equal(life_tick(now + 100 * HZ), ~0ul);
}

static void test_stop_beats_policy(void **state)
{
	((struct plan_guest *)web->plan)->restart = PLAN_RESTART_ALWAYS;
	start_web();
	life_stop(web, 30, now);
	end_web(END_REBOOT, 0, "");
	assert_int_equal(web->state, GUEST_OFF);
	assert_false(logged("rebooting"));
	assert_int_equal(life_tick(now), ~0ul);
}

static void test_stop_times_out(void **state)
{
	start_web();
	life_stop(web, 30, now);
	now += 30 * HZ;
	life_tick(now);
	assert_int_equal(fake_requests[0][0] & REQ_PARK, REQ_PARK);
	assert_int_equal(fake_requests[0][1] & REQ_PARK, REQ_PARK);
	assert_int_equal(fake_requests[1][0], 0);
	assert_non_null(life_stop(web, 30, now));
	park_web();
	assert_true(logged("guest web: killed GUEST-STOP-TIMEOUT: did not power off within 30 s"));
	assert_int_equal(web->state, GUEST_KILLED);
	assert_int_equal(life_tick(now + 100 * HZ), ~0ul);
}

static void test_kill_and_start(void **state)
{
	start_web();
	assert_null(life_kill(web, now));
	assert_string_equal(life_start(web, now), "it is still stopping");
	park_web();
	assert_true(logged("guest web: killed GUEST-KILLED: by the operator"));
	assert_int_equal(life_tick(now), ~0ul);
	start_web();
}

static void test_kill_while_starting(void **state)
{
	assert_null(life_start(web, now));
	cores_take_run();
	assert_null(life_kill(web, now));
	park_web();
	assert_int_equal(web->state, GUEST_KILLED);
}

static void test_kill_before_any_core_heard(void **state)
{
	struct message junk = { .type = MSG_NONE }, m;

	while (message_put(&core_table[1].to_core, &junk) && message_put(&core_table[2].to_core, &junk))
		;
	assert_null(life_start(web, now));
	assert_null(life_kill(web, now));
	assert_int_equal(web->state, GUEST_KILLED);
	assert_true(life_is_quiet(web));
	while (fake_core_get(1, &m) || fake_core_get(2, &m))
		;
	life_tick(now);
	core_takes_zero();
	assert_false(fake_core_get(1, &m) || fake_core_get(2, &m));
}

static void test_reset(void **state)
{
	assert_non_null(life_reset(web, now));
	start_web();
	assert_null(life_reset(web, now));
	park_web();
	assert_true(logged("guest web: reset"));
	run_web();
}

static void test_late_core(void **state)
{
	start_web();
	life_kill(web, now);
	now += PARK_SECONDS * HZ;
	life_tick(now);
	assert_true(logged("guest web: core 1-2 has not left"));
	/* It is called again and again, in case a call was lost, and said once. */
	web->vcpu[0].requests = 0;
	assert_int_equal(life_tick(now), now + PARK_SECONDS * HZ);
	now += PARK_SECONDS * HZ;
	life_tick(now);
	assert_int_equal(web->vcpu[0].requests, REQ_PARK);
	park_web();
	assert_int_equal(web->state, GUEST_KILLED);
}

static void test_operator_cancels_restart(void **state)
{
	start_web();
	end_web(END_KILLED, 0, "X");
	assert_non_null(life_stop(web, 30, now));
	assert_int_equal(life_tick(now + 100 * HZ), ~0ul);
	assert_int_equal(web->state, GUEST_KILLED);
	assert_string_equal(life_stop(web, 30, now), "it does not run");
}

static void test_hold(void **state)
{
	start_web();
	life_hold();
	end_web(END_REBOOT, 0, "");
	assert_true(life_is_quiet(web));
	assert_int_equal(life_tick(now), ~0ul);
	assert_non_null(life_start(web, now));
}

/* A guest that rests has its RAM cleared; the record of its end stays. */
static void test_cleared_at_rest(void **state)
{
	struct message m;

	start_web();
	end_web(END_KILLED, 0, "GUEST-LOAD");
	assert_string_equal(life_state_word(web), "clearing");
	core_takes_zero();
	assert_false(fake_core_get(1, &m));
	assert_false(fake_core_get(2, &m));
	assert_int_equal(fake_doorbells[1], 2);
	assert_int_equal(fake_doorbells[2], 1);
	assert_int_equal(life_tick(now), ~0ul);
	fake_core_put(1, MSG_ZEROED, web, 0);
	deliver();
	assert_string_equal(life_state_word(web), "killed");
	assert_string_equal(life_of(web)->last.id, "GUEST-LOAD");
	assert_int_equal(life_of(web)->last.rip, 0xfff0);
}

/* Not when it starts again: then it is cleared anyway. When the operator cancels that, it is. */
/* A start clears RAM itself; a wait before it is no time for what the last run left. */
static void test_cleared_while_it_waits(void **state)
{
	struct message m;

	start_web();
	end_web(END_REBOOT, 0, "");
	assert_true(fake_core_get(1, &m));
	assert_int_equal(m.type, MSG_RUN);		/* at once, and nothing before it */
	assert_true(fake_core_get(2, &m));
	fake_core_put(1, MSG_STARTED, web, 0);
	deliver();
	end_web(END_KILLED, 0, "X");
	assert_string_equal(life_state_word(web), "clearing");
	core_takes_zero();
	fake_core_put(1, MSG_ZEROED, web, 0);
	deliver();
	assert_string_equal(life_state_word(web), "killed");
	assert_non_null(life_kill(web, now));		/* the wait is over: once is enough */
	assert_false(fake_core_get(1, &m));
}

/* What was typed and not read belongs to the run that it was typed for. */
static void test_typed_bytes_end_with_the_run(void **state)
{
	start_web();
	input_ring_put(web->input, 'x');
	input_ring_put(web->input, 'y');
	assert_int_equal(input_ring_get(web->input), 'x');
	end_web(END_REBOOT, 0, "");
	assert_int_equal(input_ring_get(web->input), -1);
	input_ring_put(web->input, 'z');		/* typed while it starts */
	run_web();
	assert_int_equal(input_ring_get(web->input), 'z');
}

static void test_start_while_clearing(void **state)
{
	struct message m;

	start_web();
	end_web(END_POWEROFF, 0, "");
	core_takes_zero();
	assert_null(life_start(web, now));
	assert_string_equal(life_state_word(web), "starting");
	assert_true(fake_core_get(1, &m));
	assert_int_equal(m.type, MSG_RUN);	/* waits in the ring until the core has done */
	fake_core_get(2, &m);
	fake_core_put(1, MSG_ZEROED, web, 0);
	fake_core_put(1, MSG_STARTED, web, 0);
	deliver();
	assert_int_equal(web->state, GUEST_RUNNING);
	assert_string_equal(life_state_word(web), "running");
	end_web(END_POWEROFF, 0, "");
	core_takes_zero();
	assert_string_equal(life_state_word(web), "clearing");
}

static void test_clearing_waits_for_the_ring(void **state)
{
	struct message junk = { .type = MSG_NONE }, m;

	start_web();
	while (message_put(&core_table[1].to_core, &junk))
		;
	end_web(END_POWEROFF, 0, "");
	assert_string_equal(life_state_word(web), "clearing");
	assert_true(life_tick(now) < now + HZ);
	while (fake_core_get(1, &m))
		assert_int_equal(m.type, MSG_NONE);
	life_tick(now);
	core_takes_zero();
	fake_core_put(1, MSG_ZEROED, web, 0);
	fake_core_put(1, MSG_ZEROED, web, 0);	/* one too many */
	deliver();
	assert_string_equal(life_state_word(web), "off");
}

/* The machine goes down: that does not wait for it. */
static void test_not_cleared_when_going_down(void **state)
{
	struct message m;

	start_web();
	life_hold();
	end_web(END_POWEROFF, 0, "");
	assert_false(fake_core_get(1, &m));
}

static void say(const char *text)
{
	for (; *text; text++)
		console_ring_put(web->console, (u8)*text, 0);
}

static void panic_web(u32 events)
{
	web->panic.vcpu = 1;
	web->panic.rip = 0xffffffff81234567;
	web->panic.exit_kind = VMEXIT_PIO;
	web->panic.ready = 1;
	fake_core_put(2, MSG_PANICKED, web, events);
	deliver();
}

/* What vcpu 0 left when it was parked by force. */
static void parked_at(u64 rip)
{
	web->parked.rip = rip;
	web->parked.exit_kind = VMEXIT_PIO;
	web->parked.ready = 1;
}

static void test_panic_then_nothing(void **state)
{
	start_web();
	say("Kernel panic - not syncing: \x1b[31msysrq\r\n");
	panic_web(GUEST_PANICKED);
	assert_true(logged("guest web: panicked (rip=0xffffffff81234567 vcpu=1)"));
	assert_int_equal(web->state, GUEST_RUNNING);
	assert_string_equal(life_state_word(web), "panicked");
	say("---[ end Kernel panic ]---\r\n");
	assert_int_equal(life_tick(now + 10 * HZ - 1), now + 10 * HZ);
	assert_int_equal(fake_requests[0][0] & REQ_PARK, 0);
	now += 10 * HZ;
	life_tick(now);
	assert_int_equal(fake_requests[0][0] & REQ_PARK, REQ_PARK);
	assert_int_equal(fake_requests[0][1] & REQ_PARK, REQ_PARK);
	parked_at(0x4444);
	park_web();
	assert_true(logged("guest web: killed GUEST-PANIC: its kernel panicked, then neither ended nor rebooted "
			   "(rip=0xffffffff81234567 exit=pio:0x0)"));
	assert_string_equal(life_of(web)->panic_lines, "Kernel panic - not syncing: sysrq\n");
	assert_string_equal(life_of(web)->last_lines, "Kernel panic - not syncing: sysrq\n---[ end Kernel panic ]---\n");
	assert_true(logged("guest web: starts again in 1 s"));
	now += HZ;
	life_tick(now);
	run_web();
	assert_string_equal(life_state_word(web), "running");
	assert_int_equal(life_tick(now), ~0ul);
	assert_int_equal(web->panic.ready, 0);
}

static void test_panic_follows_restart(void **state)
{
	((struct plan_guest *)web->plan)->restart = PLAN_RESTART_NEVER;
	start_web();
	panic_web(GUEST_PANICKED);
	now += 10 * HZ;
	life_tick(now);
	park_web();
	assert_true(logged("killed GUEST-PANIC"));
	assert_int_equal(life_tick(now), ~0ul);
	assert_int_equal(web->state, GUEST_KILLED);
}

/* A guest that looks after itself is left to it; what it said of its panic is kept. */
static void test_panic_then_reboot(void **state)
{
	start_web();
	panic_web(GUEST_PANICKED);
	now += HZ;
	end_web(END_REBOOT, 0, "");
	assert_true(logged("guest web: rebooting"));
	run_web();
	assert_int_equal(life_tick(now), ~0ul);
	assert_int_equal(life_of(web)->panic.rip, 0xffffffff81234567);
	assert_true(life_of(web)->panic_tsc != 0);
}

/* A crash kernel may take its time; when that panics too, no more. */
static void test_crash_kernel(void **state)
{
	start_web();
	panic_web(GUEST_CRASH_KERNEL);
	assert_true(logged("guest web: panicked, its crash kernel takes over (rip="));
	assert_int_equal(life_tick(now), ~0ul);
	panic_web(GUEST_PANICKED);
	assert_int_equal(life_tick(now), now + 10 * HZ);
}

static void test_stop_after_panic(void **state)
{
	start_web();
	panic_web(GUEST_PANICKED);
	assert_null(life_stop(web, 30, now));
	assert_int_equal(life_tick(now), now + 10 * HZ);
	now += 10 * HZ;
	life_tick(now);
	park_web();
	assert_true(logged("killed GUEST-PANIC"));
	assert_int_equal(life_tick(now), ~0ul);
}

/* Ended by force: the line says where the guest was. */
static void test_forced_end_says_where(void **state)
{
	start_web();
	life_kill(web, now);
	parked_at(0xffffffff81000042);
	park_web();
	assert_true(logged("killed GUEST-KILLED: by the operator (rip=0xffffffff81000042 exit=pio:0x0)"));
	clear_log();
	start_web();
	assert_int_equal(web->parked.ready, 0);
	life_stop(web, 1, now);
	now += HZ;
	life_tick(now);
	parked_at(0x1111);
	park_web();
	assert_true(logged("GUEST-STOP-TIMEOUT: did not power off within 1 s (rip=0x1111 exit=pio:0x0)"));
	start_web();
	panic_web(GUEST_PANICKED);
	life_kill(web, now);
	parked_at(0x2222);
	park_web();
	assert_true(logged("GUEST-KILLED: by the operator (rip=0x2222"));
}

/* Messages that make no sense change nothing. */
static void test_strange_messages(void **state)
{
	struct message m = { .type = MSG_PARKED, .arg = { 0x1234, 0 } };

	life_message(&m, now);
	m = (struct message){ .type = 99, .arg = { (u64)web, 0 } };
	life_message(&m, now);
	start_web();
	fake_core_put(1, MSG_PARKED, web, 64);
	fake_core_put(1, MSG_PARKED, web, ~0ul);
	fake_core_put(1, MSG_PARKED, web, 1);
	fake_core_put(1, MSG_PARKED, web, 1);
	deliver();
	assert_false(life_is_quiet(web));
}

static void test_lost(void **state)
{
	start_web();
	park_web();
	assert_true(logged("killed GUEST-LOST"));
}

/* The neighbour does not notice. */
static void test_neighbour(void **state)
{
	struct guest *database = &fake_guest[1];

	start_web();
	assert_null(life_start(database, now));
	fake_core_put(3, MSG_STARTED, database, 0);
	deliver();
	end_web(END_KILLED, 0, "X");
	assert_int_equal(database->state, GUEST_RUNNING);
	assert_int_equal(fake_requests[1][0] | fake_requests[1][1], 0);
}

/* A disk still writes into its RAM: it is neither cleared nor started, for as long as that takes. */
static void test_lent_ram_waits(void **state)
{
	struct message m;

	start_web();
	fake_lends = true;
	assert_null(life_kill(web, now));
	park_web();
	assert_false(fake_core_get(1, &m));
	assert_string_equal(life_state_word(web), "draining");
	assert_false(life_is_over(web));
	assert_non_null(strstr(life_start(web, now), "still works in its RAM"));
	clear_log();
	assert_true(life_tick(now + LEND_SECONDS * HZ - 1) < now + (LEND_SECONDS + 1) * HZ);
	assert_false(logged("has not let go"));
	life_tick(now + LEND_SECONDS * HZ);
	life_tick(now + LEND_SECONDS * HZ + 1);
	assert_true(logged("guest web: a disk or a network card has not let go of its RAM after 30 s"));
	assert_false(fake_core_get(1, &m));
	fake_lends = false;
	life_tick(now + LEND_SECONDS * HZ + 2);
	assert_true(logged("have let go"));
	core_takes_zero();
	assert_true(life_is_over(web));
}

/* A restart follows when it is over, unless the operator takes it back. */
static void test_lent_ram_delays_a_restart(void **state)
{
	for (u32 i = 0; i < 2; i++) {
		struct message m;

		start_web();
		fake_lends = true;
		assert_null(life_reset(web, now));
		park_web();
		assert_false(fake_core_get(1, &m));
		if (i)
			assert_non_null(life_kill(web, now));
		fake_lends = false;
		life_tick(now);
		if (i)
			core_takes_zero();
		else
			cores_take_run();
		assert_int_equal(web->state == GUEST_STARTING, !i);
		if (!i) {
			assert_null(life_kill(web, now));
			park_web();
			core_takes_zero();
			fake_core_put(1, MSG_ZEROED, web, 0);
			deliver();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_start, setup),
		cmocka_unit_test_setup(test_start_needs_its_cores, setup),
		cmocka_unit_test_setup(test_broken_hardware_stays_off, setup),
		cmocka_unit_test_setup(test_broken_hardware_is_not_reset, setup),
		cmocka_unit_test_setup(test_full_ring, setup),
		cmocka_unit_test_setup(test_results, setup),
		cmocka_unit_test_setup(test_killed, setup),
		cmocka_unit_test_setup(test_back_off, setup),
		cmocka_unit_test_setup(test_load_failure_is_not_tried_again, setup),
		cmocka_unit_test_setup(test_policies, setup),
		cmocka_unit_test_setup(test_reboot, setup),
		cmocka_unit_test_setup(test_stop, setup),
		cmocka_unit_test_setup(test_stop_beats_policy, setup),
		cmocka_unit_test_setup(test_stop_times_out, setup),
		cmocka_unit_test_setup(test_kill_and_start, setup),
		cmocka_unit_test_setup(test_kill_while_starting, setup),
		cmocka_unit_test_setup(test_kill_before_any_core_heard, setup),
		cmocka_unit_test_setup(test_reset, setup),
		cmocka_unit_test_setup(test_late_core, setup),
		cmocka_unit_test_setup(test_operator_cancels_restart, setup),
		cmocka_unit_test_setup(test_hold, setup),
		cmocka_unit_test_setup(test_cleared_at_rest, setup),
		cmocka_unit_test_setup(test_cleared_while_it_waits, setup),
		cmocka_unit_test_setup(test_typed_bytes_end_with_the_run, setup),
		cmocka_unit_test_setup(test_start_while_clearing, setup),
		cmocka_unit_test_setup(test_clearing_waits_for_the_ring, setup),
		cmocka_unit_test_setup(test_not_cleared_when_going_down, setup),
		cmocka_unit_test_setup(test_panic_then_nothing, setup),
		cmocka_unit_test_setup(test_panic_follows_restart, setup),
		cmocka_unit_test_setup(test_panic_then_reboot, setup),
		cmocka_unit_test_setup(test_crash_kernel, setup),
		cmocka_unit_test_setup(test_stop_after_panic, setup),
		cmocka_unit_test_setup(test_forced_end_says_where, setup),
		cmocka_unit_test_setup(test_strange_messages, setup),
		cmocka_unit_test_setup(test_lost, setup),
		cmocka_unit_test_setup(test_neighbour, setup),
		cmocka_unit_test_setup(test_lent_ram_waits, setup),
		cmocka_unit_test_setup(test_lent_ram_delays_a_restart, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
