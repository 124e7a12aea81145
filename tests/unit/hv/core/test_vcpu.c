/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/core/vcpu_fake.c tests/fake/fake_virt.c tests/fake/fake_core.c tests/unit/hv/core/exit_on_fake_clock.c hv/core/guest.c hv/core/guest_call.c hv/core/bus.c hv/core/sync.c hv/core/message.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c hv/lib/string.c */
/* Delivery: what waits reaches the guest once, in the right order, and only when it can take it. */
#include "vcpu_fake.h"

#include "fake/fake_clock.h"

#include "../../../../hv/core/vcpu.c"

static void post_40(struct vcpu *t)
{
	others_post(0x40);
}

static void ask_nmi(struct vcpu *t)
{
	others_ask(REQ_NMI);
}

static void ask_pic(struct vcpu *t)
{
	pic_wants(0x30);
	others_ask(REQ_PIC);
}

static void post_all(struct vcpu *t)
{
	ask_nmi(t);
	ask_pic(t);
	others_post(0x40);
	others_post(0x90);
}

/* Interrupts */

static void test_delivered_at_once(void **state)
{
	play(STEP_DO(post_40, OPEN), STEP(CLOSED));
	got(0x40);
	assert_int_equal(fake.delivered[0].type, EVENT_INTERRUPT);
	assert_int_equal(v->pub->injected, 1);
	assert_int_equal(fake.count[FAKE_WINDOW], 0);
}

static void test_waiting_before_the_first_entry(void **state)
{
	v->exit.rflags |= IF;
	fake.state.rflags |= IF;
	others_post(0x40);
	play(STEP(CLOSED));
	got(0x40);
}

static void test_closed_asks_for_the_window(void **state)
{
	play(STEP_DO(post_40, CLOSED));
	got_vectors(NULL, 0);
	assert_int_equal(fake.windows, WINDOW_INTERRUPT);
}

static void test_window_opens_and_is_given_back(void **state)
{
	play(STEP_DO(post_40, CLOSED), STEP(CLOSED), STEP(OPEN), STEP(CLOSED));
	got(0x40);
	assert_int_equal(fake.windows, WINDOW_NONE);
	assert_int_equal(v->pub->stat[VMEXIT_WINDOW].count, 1);
	assert_int_equal(v->pub->stat[VMEXIT_CPUID].count, 4);
}

/* A shadow at the exit is over once the instruction was done in software; until then nothing comes. */
static void test_shadow(void **state)
{
	struct fake_step event = { .ticks = 100, .meanwhile = post_40,
		.exit = { .kind = VMEXIT_EVENT, .rip = 0x1000, OPEN, .shadow = 1 } };

	play(event, STEP(OPEN), STEP(CLOSED));
	got(0x40);
	assert_int_equal(fake.call[0].kind, FAKE_RUN);
	assert_int_equal(fake.call[1].kind, FAKE_WINDOW);
	assert_int_equal(fake.call[1].arg[0], WINDOW_INTERRUPT);
}

static void test_shadow_ends_with_the_instruction(void **state)
{
	play(STEP_DO(post_40, OPEN, .shadow = 1), STEP(CLOSED));
	got(0x40);
	assert_int_equal(fake.count[FAKE_WINDOW], 0);
}

static void injects_70(void)
{
	if (fake.step == 2)
		others_post(0x70);
}

/* The exit hit the delivery of 40H: that goes first, and neither is lost. */
static void test_event_queued(void **state)
{
	pc_fake.handler = injects_70;
	play(STEP_DO(post_40, OPEN), STEP(OPEN, .event_queued = 1), STEP(OPEN), STEP(CLOSED));
	got(0x40, 0x70);
	assert_int_equal(fake.windows, WINDOW_NONE);
}

static void fault_then_post(struct vcpu *t)
{
	others_post(0x40);
}

static void test_fault_goes_before_interrupts(void **state)
{
	struct fake_step rdmsr = { .meanwhile = fault_then_post,
		.exit = { .kind = VMEXIT_MSR, .len = 2, .rip = 0x1000, OPEN } };

	play(rdmsr, STEP(CLOSED), STEP(OPEN), STEP(CLOSED));
	got(VEC_GP, 0x40);
	assert_true(fake.delivered[0].has_code);
}

static void eoi_if_any(void)
{
	if (v->lapic.isrv)
		guest_eoi();
}

static void post_two(struct vcpu *t)
{
	others_post(0x40);
	others_post(0x80);
}

/* The lower one waits for the EOI of the higher, without a window in between. */
static void test_priority(void **state)
{
	play(STEP_DO(post_two, OPEN), STEP(OPEN), STEP(OPEN));
	got(0x80);
	assert_int_equal(fake.count[FAKE_WINDOW], 0);
	assert_true(v->lapic.irr[1] & 1);
}

static void test_priority_after_eoi(void **state)
{
	pc_fake.handler = eoi_if_any;
	play(STEP_DO(post_two, OPEN), STEP(OPEN), STEP(OPEN), STEP(OPEN));
	got(0x80, 0x40);
}

static void post_80(struct vcpu *t)
{
	others_post(0x80);
}

static void test_higher_interrupts_the_handler(void **state)
{
	play(STEP_DO(post_40, OPEN), STEP_DO(post_80, CLOSED), STEP(OPEN), STEP(CLOSED));
	got(0x40, 0x80);
}

static void test_task_priority_holds_back(void **state)
{
	vlapic_set_cr8(v, 8);
	play(STEP_DO(post_40, OPEN), STEP(OPEN));
	got_vectors(NULL, 0);
	assert_int_equal(fake.count[FAKE_WINDOW], 0);
}

static void lower_cr8(void)
{
	if (fake.step == 2)
		vlapic_set_cr8(v, 3);
}

static void test_task_priority_lowered(void **state)
{
	vlapic_set_cr8(v, 8);
	pc_fake.handler = lower_cr8;
	play(STEP_DO(post_40, OPEN), STEP(OPEN), STEP(CLOSED));
	got(0x40);
	assert_int_equal(fake.delivered_count, 1);
}

/* NMI */

static void test_nmi_needs_no_if(void **state)
{
	play(STEP_DO(ask_nmi, CLOSED), STEP(CLOSED));
	got(VEC_NMI);
	assert_int_equal(fake.delivered[0].type, EVENT_NMI);
	assert_int_equal(v->pub->injected, 0);
	assert_false(v->nmi_pending);
}

static void test_nmi_first(void **state)
{
	play(STEP_DO(post_all, OPEN), STEP(CLOSED, .nmi_blocked = 1), STEP(OPEN), STEP(OPEN), STEP(OPEN));
	got(VEC_NMI, 0x30, 0x90);
}

static void test_nmi_blocked_waits(void **state)
{
	play(STEP_DO(ask_nmi, CLOSED, .nmi_blocked = 1), STEP(CLOSED, .nmi_blocked = 1), STEP(CLOSED), STEP(CLOSED));
	got(VEC_NMI);
	assert_int_equal(v->pub->stat[VMEXIT_WINDOW].count, 1);
	assert_int_equal(fake.windows, WINDOW_NONE);
}

static void test_nmi_in_a_shadow_waits(void **state)
{
	struct fake_step event = { .ticks = 100, .meanwhile = ask_nmi,
		.exit = { .kind = VMEXIT_EVENT, .rip = 0x1000, OPEN, .shadow = 1 } };

	play(event, STEP(OPEN), STEP(CLOSED));
	got(VEC_NMI);
	assert_int_equal(fake.call[1].kind, FAKE_WINDOW);
	assert_int_equal(fake.call[1].arg[0], WINDOW_NMI);
}

static void test_nmi_behind_a_queued_event(void **state)
{
	pc_fake.handler = NULL;
	play(STEP_DO(post_40, OPEN), STEP_DO(ask_nmi, OPEN, .event_queued = 1), STEP(CLOSED), STEP(CLOSED));
	got(0x40, VEC_NMI);
}

/* Both windows at once. */
static void test_all_wait(void **state)
{
	play(STEP_DO(post_all, CLOSED, .nmi_blocked = 1));
	assert_int_equal(fake.windows, WINDOW_INTERRUPT | WINDOW_NMI);
	got_vectors(NULL, 0);
}

/* The PIC */

static void test_extint(void **state)
{
	play(STEP_DO(ask_pic, OPEN), STEP(CLOSED));
	got(0x30);
	assert_false(v->extint_pending);
	assert_int_equal(v->lapic.isrv, 0);
	assert_int_equal(g->device_lock.held, 0);
}

static void test_extint_before_the_local_apic(void **state)
{
	play(STEP_DO(ask_pic, CLOSED), STEP_DO(post_40, CLOSED), STEP(OPEN), STEP(OPEN), STEP(CLOSED));
	got(0x30, 0x40);
}

static void withdraw(struct vcpu *t)
{
	pc_fake.pic_count = pc_fake.pic_next;
}

/* The line fell before the guest could take it: nothing is acknowledged, nothing delivered. */
static void test_extint_withdrawn(void **state)
{
	play(STEP_DO(ask_pic, CLOSED), STEP_DO(withdraw, CLOSED), STEP(OPEN), STEP(OPEN));
	got_vectors(NULL, 0);
	assert_false(v->extint_pending);
	assert_int_equal(fake.windows, WINDOW_NONE);
}

static void ask_pic_twice(struct vcpu *t)
{
	ask_pic(t);
	pic_wants(0x31);
}

/* With automatic EOI the PIC wants the next one right away: it asks for its own window. */
static void test_extint_again_at_once(void **state)
{
	play(STEP_DO(ask_pic_twice, OPEN), STEP(OPEN));
	got(0x30, 0x31);
	assert_int_equal(fake.windows, WINDOW_NONE);
}

static void test_extint_not_routed_here(void **state)
{
	vlapic_mmio_write(v, 0x350, 0x10700);
	play(STEP_DO(ask_pic, OPEN), STEP(OPEN));
	got_vectors(NULL, 0);
	assert_int_equal(fake.count[FAKE_WINDOW], 0);
}

/* Everything at once, all of it arrives, once. */
static void test_nothing_is_lost(void **state)
{
	pc_fake.handler = eoi_if_any;
	play(STEP_DO(post_all, CLOSED, .shadow = 1), STEP(CLOSED, .nmi_blocked = 1), STEP(OPEN, .event_queued = 1),
		STEP(OPEN), STEP(OPEN), STEP(OPEN), STEP(OPEN), STEP(OPEN), STEP(CLOSED));
	got(VEC_NMI, 0x30, 0x90, 0x40);
}

/* A long random life: every vector that was posted while it was not pending arrives exactly once. */

#define LIFE 3000

static u32 seed, posted_count[256], open_nmis;
static struct fake_step life[LIFE];

static u32 noise(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static bool is_pending(u8 vector)
{
	return ((v->lapic.irr[vector >> 6] | v->pub->posted[vector >> 6]) >> (vector & 63)) & 1;
}

static void world_acts(struct vcpu *t)
{
	u8 vector = (u8)(0x20 + noise() % 200);

	fake.delivered_count = 0;	/* counted already */
	if (noise() % 3 == 0 && !is_pending(vector)) {
		posted_count[vector]++;
		others_post(vector);
	}
	if (noise() % 40 == 0 && !v->nmi_pending && !(v->pub->requests & REQ_NMI)) {
		open_nmis++;
		others_ask(REQ_NMI);
	}
}

static void count_delivered(void)
{
	for (u32 i = 0; i < fake.delivered_count; i++) {
		if (fake.delivered[i].type == EVENT_NMI)
			open_nmis--;
		else
			posted_count[fake.delivered[i].vector]--;
	}
	fake.delivered_count = fake.call_count = 0;
	if (v->lapic.isrv && noise() % 2)
		guest_eoi();
}

static void count_before(struct vcpu *t)
{
	count_delivered();
	world_acts(t);
}

static void test_random_life(void **state)
{
	u32 left = 0;

	for (u32 i = 0; i < LIFE; i++) {
		bool calm = i > LIFE - 800;	/* at the end it takes what is left */

		life[i] = (struct fake_step)STEP(CLOSED);
		life[i].meanwhile = calm ? NULL : count_before;
		life[i].exit.rflags |= calm || noise() % 2 ? IF : 0;
		life[i].exit.shadow = !calm && noise() % 8 == 0;
		life[i].exit.nmi_blocked = !calm && noise() % 4 == 0;
		life[i].exit.event_queued = !calm && noise() % 4 == 0;
		life[i].exit.kind = noise() % 4 ? VMEXIT_CPUID : VMEXIT_EVENT;
	}
	pc_fake.handler = count_delivered;
	fake_play_count(life, LIFE);
	while (!(v->pub->requests & REQ_PARK) && fake.step < LIFE)
		if (service(v))
			virt->run(v);
	for (u32 i = 0; i < 256; i++)
		left += posted_count[i];
	assert_int_equal(left, 0);
	assert_int_equal(open_nmis, 0);
	assert_int_equal(v->lapic.irrv, 0);
	assert_true(v->pub->injected > 200);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_delivered_at_once), T(test_waiting_before_the_first_entry), T(test_closed_asks_for_the_window),
		T(test_window_opens_and_is_given_back), T(test_shadow), T(test_shadow_ends_with_the_instruction),
		T(test_event_queued), T(test_fault_goes_before_interrupts), T(test_priority),
		T(test_priority_after_eoi),
		T(test_higher_interrupts_the_handler), T(test_task_priority_holds_back), T(test_task_priority_lowered),
		T(test_nmi_needs_no_if), T(test_nmi_first), T(test_nmi_blocked_waits), T(test_nmi_in_a_shadow_waits),
		T(test_nmi_behind_a_queued_event), T(test_all_wait), T(test_extint),
		T(test_extint_before_the_local_apic),
		T(test_extint_withdrawn), T(test_extint_again_at_once), T(test_extint_not_routed_here),
		T(test_nothing_is_lost), T(test_random_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
