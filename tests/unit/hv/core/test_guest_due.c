/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/guest_due.c */
/* Deadlines of models whose vcpu 0 has given its core's timer away: the control core is rung for an earlier one, calls who is due,
 * once, and knows the next; who keeps his own time, or does not run, is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hv/core.h>
#include <hv/guest.h>
#include <hv/machine.h>

#define NEVER (~0ul)
#define GUESTS 3u

struct guest *guests[PLAN_GUESTS_MAX];
u32 guest_count, control_core = 5;
static struct guest guest[GUESTS];
static u32 rings, calls[GUESTS];

void core_ring_doorbell(u32 core)
{
	assert_int_equal(core, control_core);
	rings++;
}

void vcpu_request(struct guest *g, u32 vcpu, u32 requests)
{
	assert_int_equal(vcpu, 0);
	assert_int_equal(requests, REQ_DEADLINE);
	calls[g->index]++;
}

static int setup(void **state)
{
	guest_due = NEVER;
	rings = 0;
	memset(calls, 0, sizeof(calls));
	memset(guest, 0, sizeof(guest));
	guest_count = GUESTS;
	for (u32 i = 0; i < GUESTS; i++) {
		guests[i] = &guest[i];
		guest[i].index = i;
		guest[i].device_deadline = NEVER;
		guest[i].vcpu[0].running = 1;
		guest[i].vcpu[0].apic_enabled = VLAPIC_PUB_ON | VLAPIC_PUB_OWNED;
	}
	return 0;
}

static void tell(u32 i, u64 due)
{
	guest[i].device_deadline = due;
	guest_due_tell(due);
}

/* Only what is earlier than all that is known wakes the control core. */
static void test_rings_for_earlier_ones(void **state)
{
	tell(0, 1000);
	assert_true(rings == 1 && guest_due == 1000);
	tell(1, 2000);
	tell(0, 1000);
	tell(2, NEVER);
	assert_true(rings == 1 && guest_due == 1000);
	tell(2, 999);
	assert_true(rings == 2 && guest_due == 999);
}

static void test_calls_who_is_due(void **state)
{
	tell(0, 1000);
	tell(1, 1500);
	tell(2, 3000);
	assert_true(guest_due_call(1500) == 3000);
	assert_true(calls[0] == 1 && calls[1] == 1 && calls[2] == 0);
	assert_true(guest_due == 3000);
	/* One that was called tells its next one itself. */
	tell(0, 2500);
	assert_true(rings == 2 && guest_due == 2500);
	tell(1, NEVER);
	assert_true(guest_due_call(2500) == 3000);
	assert_int_equal(calls[1], 1);
}

/* Its own core has the timer; or nobody runs it. */
static void test_leaves_others_alone(void **state)
{
	tell(0, 1000);
	tell(1, 1000);
	guest[0].vcpu[0].apic_enabled = VLAPIC_PUB_ON;
	guest[1].vcpu[0].running = 0;
	guests[2] = NULL;
	assert_true(guest_due_call(5000) == NEVER);
	assert_int_equal(calls[0] + calls[1] + calls[2], 0);
	guest[0].vcpu[0].apic_enabled |= VLAPIC_PUB_OWNED;	/* it tells when it gets it */
	tell(0, 6000);
	assert_true(guest_due == 6000 && rings == 2);
}

static void test_nothing_is_due(void **state)
{
	assert_true(guest_due_call(1) == NEVER);
	tell(0, 10);
	assert_true(guest_due_call(9) == 10);
	assert_int_equal(calls[0], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_rings_for_earlier_ones, setup), cmocka_unit_test_setup(test_calls_who_is_due, setup),
		cmocka_unit_test_setup(test_leaves_others_alone, setup), cmocka_unit_test_setup(test_nothing_is_due, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
