/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fake/fake_virt.c tests/fake/fake_core.c hv/core/guest_core.c hv/core/guest.c hv/core/message.c hv/core/sync.c hv/core/log.c hv/lib/format.c hv/lib/string.c */
/* What a guest core does for the control core's messages: run, clear, and what it tells afterwards. The guest's RAM and
 * its run are the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_virt.h"

#include "../../../../hv/core/guest_core.h"
#include "../../../../hv/core/vcpu_loop.h"

#include <hv/control.h>
#include <hv/datastore.h>
#include <hv/emulate.h>
#include <hv/gmem.h>
#include <hv/host.h>
#include <hv/load.h>
#include <hv/pc.h>
#include <hv/policy.h>

#define BLOCKS 4u

static struct guest *g;
static jmp_buf idle;
static u32 cleared, reloads, tables, drains;
static void (*during_clear)(void);
static void (*during_run)(struct vcpu *v);

const struct virt_ops *virt;

void own_apic_drain(void)
{
	drains++;
}

bool gmem_zero(const struct guest *of, gpa_t gpa, u64 len)
{
	assert_ptr_equal(of, g);
	assert_int_equal(len, BLOCK_SIZE);
	assert_true(reloads > 0);
	assert_int_equal(core_private.pub->state, CORE_GUEST);
	cleared++;
	if (during_clear)
		during_clear();
	return true;
}

void vcpu_loop(struct vcpu *v)
{
	if (during_run)
		during_run(v);
}

void host_reload_tables(void)
{
	reloads++;
}

bool flash_vars_untouched(const struct guest *of)
{
	return true;
}

int pc_firmware_tables(struct guest *of)
{
	tables++;
	return 0;
}

int load_guest(struct guest *of, struct cpu_state *start, char *why, size_t why_size)
{
	start->rip = 0x1000000;
	start->rflags = RFLAGS_FIXED;
	return 0;
}

const char *vmexit_name(enum vmexit_kind kind)
{
	return "kind";
}

void pc_reset(struct guest *of)
{
}

u64 policy_cr4_allowed(const struct vcpu *v)
{
	return 0;
}

void policy_reset(struct vcpu *v)
{
}

void policy_trap(struct vcpu *v)
{
}

void decode_cache_reset(struct vcpu *v)
{
}

void vlapic_reset(struct vcpu *v, bool init)
{
}

void host_prepare_core(void)
{
}

void control_run(void)
{
	abort();
}

/* The core has nothing more to do. */
static void asleep(u64 deadline)
{
	longjmp(idle, 1);
}

static int setup(void **state)
{
	g = fake_guest_new(2);
	g->range_count = 2;
	g->range[0] = (struct ram_range){ .size = 3 * BLOCK_SIZE };
	g->range[1] = (struct ram_range){ .gpa = 4 * GiB, .size = BLOCK_SIZE };
	g->vcpu[1].running = 1;
	cleared = reloads = tables = 0;
	during_clear = NULL;
	during_run = NULL;
	fake_core.asleep = asleep;
	return 0;
}

static int teardown(void **state)
{
	fake_guest_free(g);
	return 0;
}

static void send(enum message_type type, u64 vcpu)
{
	struct message m = { .type = type, .arg = { (u64)g, vcpu } };

	assert_true(message_put(&core_table[0].to_core, &m));
}

static void serve(void)
{
	if (!setjmp(idle))
		core_serve();
}

static void expect(enum message_type type, u64 arg)
{
	struct message m = { .type = MSG_NONE };

	message_get(&core_table[0].from_core, &m);
	assert_int_equal(m.type, type);
	if (type == MSG_NONE)
		return;
	assert_ptr_equal((void *)m.arg[0], g);
	assert_int_equal(m.arg[1], arg);
}

static void test_clears_all(void **state)
{
	send(MSG_ZERO, 0);
	serve();
	assert_int_equal(cleared, BLOCKS);
	expect(MSG_ZEROED, 1);
	expect(MSG_NONE, 0);
	assert_int_equal(core_table[0].state, CORE_IDLE);
	assert_int_equal(fake_core.rings[FAKE_CONTROL], 1);
}

static void start_comes(void)
{
	if (cleared == 2)
		send(MSG_RUN, 0);
}

/* A start while clearing: it need not wait for the rest, because it clears all by itself. */
static void test_start_while_clearing(void **state)
{
	during_clear = start_comes;
	send(MSG_ZERO, 0);
	serve();
	assert_int_equal(cleared, 2 + BLOCKS);
	expect(MSG_ZEROED, 0);
	expect(MSG_STARTED, 0);
	expect(MSG_PARKED, 0);
	assert_int_equal(tables, 1);
}

/* Before somebody else gets the RAM nothing cuts the clearing short, and what devices keep goes too. */
static void test_clears_for_others(void **state)
{
	static u8 flash[2 * PAGE_SIZE];

	memset(flash, 0x5a, sizeof(flash));
	g->device_ram[DEVICE_RAM_FLASH] = (struct device_ram){ flash, HPA(0), sizeof(flash) };
	during_clear = start_comes;
	send(MSG_ZERO, 1);
	serve();
	assert_int_equal(cleared, BLOCKS + BLOCKS);	/* all of it, then the start's own */
	expect(MSG_ZEROED, 1);
	for (u32 i = 0; i < sizeof(flash); i++)
		assert_int_equal(flash[i], 0);
}

/* A guest that goes: its tables are not in this core's TLB when the answer comes. */
static void test_forgets(void **state)
{
	send(MSG_RELOAD, 1);
	serve();
	assert_int_equal(reloads, 1);
	assert_int_equal(cleared, 0);
	expect(MSG_RELOADED, 1);
	expect(MSG_NONE, 0);
}

/* A park request of the run before does not end the clearing. */
static void test_clears_after_a_kill(void **state)
{
	g->vcpu[0].requests = REQ_PARK;
	send(MSG_ZERO, 0);
	serve();
	assert_int_equal(cleared, BLOCKS);
}

static void park_comes(void)
{
	if (cleared == 1)
		g->vcpu[0].requests = REQ_PARK;
}

static void test_killed_while_starting(void **state)
{
	during_clear = park_comes;
	send(MSG_RUN, 0);
	serve();
	assert_int_equal(cleared, 1);
	assert_int_equal(tables, 0);
	expect(MSG_PARKED, 0);
	assert_int_equal(g->parked.ready, 0);
}

static void last_block_parks(void)
{
	if (cleared == BLOCKS)
		g->vcpu[0].requests = REQ_PARK;
}

/* The first vcpu does not start before the others are there; a guest that is killed meanwhile ends the wait. */
static void test_waits_for_the_other_vcpus(void **state)
{
	g->vcpu[1].running = 0;
	during_clear = last_block_parks;
	send(MSG_RUN, 0);
	serve();
	assert_int_equal(tables, 0);
	expect(MSG_PARKED, 0);
}

static void runs_to_park(struct vcpu *v)
{
	v->exit.kind = VMEXIT_HLT;
	v->exit.rip = 0xffffffff81000042;
	v->exit.reason = 12;
	v->gpr[RAX] = 0xabcd;
}

/* Parked by the control core: where vcpu 0 was is recorded before it says so. */
static void test_forced_park_is_recorded(void **state)
{
	during_run = runs_to_park;
	send(MSG_RUN, 0);
	serve();
	expect(MSG_STARTED, 0);
	expect(MSG_PARKED, 0);
	assert_int_equal(g->parked.ready, 1);
	assert_true(g->parked.rip == 0xffffffff81000042);
	assert_int_equal(g->parked.exit_kind, VMEXIT_HLT);
	assert_int_equal(g->parked.exit_reason, 12);
	assert_non_null(strstr(g->parked.dump, "rax=abcd"));
	assert_int_equal(g->record.ready, 0);
}

static void test_other_vcpus_record_nothing(void **state)
{
	during_run = runs_to_park;
	send(MSG_RUN, 1);
	serve();
	expect(MSG_PARKED, 1);
	assert_int_equal(g->parked.ready, 0);
	assert_int_equal(cleared, 0);
}

static void ends_itself(struct vcpu *v)
{
	guest_end(g, v, END_POWEROFF, 0);
}

static void test_own_end_needs_no_record(void **state)
{
	during_run = ends_itself;
	send(MSG_RUN, 0);
	serve();
	expect(MSG_STARTED, 0);
	expect(MSG_ENDED, 0);
	expect(MSG_PARKED, 0);
	assert_int_equal(g->parked.ready, 0);
}

static void panics(struct vcpu *v)
{
	v->exit.kind = VMEXIT_PIO;
	v->exit.rip = 0xffffffff81234567;
	guest_panicked(g, v, GUEST_CRASH_KERNEL);
	v->exit.rip = 0x42;
	for (u32 i = 0; i < 1000; i++)
		guest_panicked(g, v, GUEST_PANICKED | GUEST_CRASH_KERNEL);
}

/* Each event is told once, whatever the guest repeats; where it was first is kept. Nobody is asked to park. */
static void test_panic_is_told_once(void **state)
{
	during_run = panics;
	send(MSG_RUN, 0);
	serve();
	expect(MSG_STARTED, 0);
	expect(MSG_PANICKED, GUEST_CRASH_KERNEL);
	expect(MSG_PANICKED, GUEST_PANICKED);
	expect(MSG_PARKED, 0);
	expect(MSG_NONE, 0);
	assert_int_equal(g->panic.ready, 1);
	assert_true(g->panic.rip == 0xffffffff81234567);
	assert_int_equal(g->panic.exit_kind, VMEXIT_PIO);
	assert_int_equal(g->vcpu[0].requests | g->vcpu[1].requests, 0);
	assert_int_equal(g->record.claimed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_clears_all, setup, teardown),
		cmocka_unit_test_setup_teardown(test_start_while_clearing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clears_after_a_kill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clears_for_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forgets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_killed_while_starting, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_the_other_vcpus, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forced_park_is_recorded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_vcpus_record_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_end_needs_no_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_panic_is_told_once, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
