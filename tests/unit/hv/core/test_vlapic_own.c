/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* A vcpu that has its core's own local APIC: when it gets it, what it finds, what exits still, who sends how. */
#include "../../drivers/model/pc_fake.h"

#include "fake/fake_own_apic.h"

#include <hv/virt.h>

#define MSR_BASE 0x1b
#define BASE_X (VLAPIC_ADDRESS | APIC_BASE_ENABLE)
#define BASE_X2 (BASE_X | APIC_BASE_X2)
#define TPR 0x08
#define EOI 0x0b
#define LVT_TIMER 0x32
#define SELF_IPI 0x3f

static struct {
	bool on;
	u8 reads[0x40], writes[0x40];	/* exit */
	bool deadline;			/* MSR 6E0H exits */
} hw;
static struct vcpu *v;

static void own_apic(struct vcpu *t, bool on)
{
	(void)t;
	hw.on = on;
}

static void trap_msr(struct vcpu *t, u32 msr, bool on_read, bool on_write)
{
	(void)t;
	if (msr == 0x6e0) {
		hw.deadline = on_read;
		return;
	}
	assert_in_range(msr, 0x800, 0x83f);
	hw.reads[msr - 0x800] = on_read;
	hw.writes[msr - 0x800] = on_write;
}

static const struct virt_ops ops = { .own_apic = own_apic, .trap_msr = trap_msr };
const struct virt_ops *virt = &ops;

static int setup(void **state)
{
	fake_setup(state);
	memset(&hw, 0, sizeof(hw));
	memset(hw.reads, 1, sizeof(hw.reads));
	memset(hw.writes, 1, sizeof(hw.writes));
	memset(&fake_own_apic, 0, sizeof(fake_own_apic));
	fake_own_apic.has_deadline = true;
	v = fake_vcpu(1);
	v->guest->apic_owned = true;
	v->activity = VCPU_RUNNABLE;
	assert_true(vlapic_msr_write(v, MSR_BASE, BASE_X2));
	assert_true(vlapic_msr_write(v, 0x80f, 0x1ff));
	return 0;
}

static int setup_owned(void **state)
{
	setup(state);
	assert_true(vlapic_settle_owner(v));
	return 0;
}

static bool pending(u8 vector)
{
	return fake_own_apic.irr[vector >> 6] >> (vector & 63) & 1;
}

/* Not before it is time: xAPIC mode, another guest, a vcpu that waits for its SIPI. */
static void test_when(void **state)
{
	struct vcpu *boot = fake_vcpu(0);

	assert_false(vlapic_settle_owner(boot));
	v->guest->apic_owned = false;
	assert_false(vlapic_settle_owner(v));
	v->guest->apic_owned = true;
	v->activity = VCPU_WAIT_SIPI;
	assert_false(vlapic_settle_owner(v));
	v->activity = VCPU_RUNNABLE;
	assert_false(fake_own_apic.given);
	assert_true(vlapic_settle_owner(v));
	assert_true(hw.on && fake_own_apic.given && v->lapic.owned);
	assert_true(v->pub->apic_enabled & VLAPIC_PUB_OWNED);
	assert_false(vlapic_settle_owner(v));
}

/* What a guest may do by itself, and nothing besides. */
static void test_registers(void **state)
{
	u32 reads = 0, writes = 0;

	for (u32 i = 0; i < 0x40; i++) {
		reads += !hw.reads[i];
		writes += !hw.writes[i];
	}
	assert_int_equal(reads, 2 + 24 + 4);	/* TPR PPR; ISR TMR IRR; LVT timer, three of the timer's */
	assert_int_equal(writes, 6);		/* TPR EOI SELF_IPI, LVT timer, initial count, divide */
	assert_false(hw.reads[TPR] || hw.writes[TPR] || hw.writes[EOI] || hw.writes[SELF_IPI] || hw.writes[LVT_TIMER]);
	assert_true(hw.reads[0x02] && hw.writes[0x30] && hw.reads[0x30] && hw.writes[0x0f] && hw.writes[0x35]);
	assert_false(hw.deadline);
	vlapic_disown(v);
	for (u32 i = 0; i < 0x40; i++)
		if (i != 0x3f && !(hw.reads[i] && hw.writes[i]))
			fail_msg("register %x does not exit", i);
	assert_true(hw.deadline && hw.writes[SELF_IPI] && !hw.on && !fake_own_apic.given);
	assert_false(v->pub->apic_enabled & VLAPIC_PUB_OWNED);
}

/* Nothing is lost on the way. */
static void test_takes_along(void **state)
{
	vlapic_set_irr(v, 0x41, false);
	vlapic_set_irr(v, 0x90, false);
	assert_true(vlapic_msr_write(v, 0x808, 0x20));
	assert_true(vlapic_msr_write(v, 0x83e, 0xb));
	assert_true(vlapic_msr_write(v, 0x832, 0x20031));
	assert_true(vlapic_msr_write(v, 0x838, 1000));
	assert_true(vlapic_settle_owner(v));
	assert_true(pending(0x41) && pending(0x90));
	assert_int_equal(v->lapic.irrv, 0);
	assert_int_equal(fake_own_apic.state.tpr, 0x20);
	assert_int_equal(fake_own_apic.state.svr, 0x1ff);
	assert_int_equal(fake_own_apic.state.lvt_timer, 0x20031);
	assert_int_equal(fake_own_apic.state.divide, 0xb);
	assert_int_equal(fake_own_apic.state.initial, 1000);
	assert_true(vlapic_timer_next(v) == U64_MAX);
}

static void test_takes_a_deadline_along(void **state)
{
	assert_true(vlapic_msr_write(v, 0x832, 0x40031));
	assert_true(vlapic_msr_write(v, 0x6e0, vlapic_now() + 5000));
	assert_true(vlapic_settle_owner(v));
	assert_true(fake_own_apic.deadline == vlapic_now() + 5000);
	assert_true(vlapic_timer_next(v) == U64_MAX);
}

/* With an interrupt in service it stays virtual until its EOI, and asks again. */
static void test_waits_for_service(void **state)
{
	vlapic_set_irr(v, 0x41, false);
	vlapic_accept(v, 0x41);
	v->look = false;
	assert_false(vlapic_settle_owner(v));
	assert_true(v->look);
	assert_true(vlapic_msr_write(v, 0x80b, 0));
	assert_true(vlapic_settle_owner(v));
}

static void test_posts(void **state)
{
	struct irq_message m = { .dest = 1, .vector = 0x55 };

	/* this core's own */
	vlapic_set_irr(v, 0x41, false);
	assert_true(pending(0x41));
	vlapic_set_irr(v, 3, false);
	assert_int_equal(v->lapic.esr_pending, BIT32(6));
	/* what others posted before they saw it, low vectors too */
	v->pub->posted[0] = BIT(0x12);
	vlapic_take_posted(v);
	assert_true(pending(0x12));
	/* from another core: the hardware takes it, unless it is a level or a vector that could be an exception */
	this_core()->vcpu.pub = &v->guest->vcpu[0];
	v->guest->core_of[1] = 7;
	vlapic_post(v->guest, 1, &m);
	assert_int_equal(fake_own_apic.sent, 1);
	assert_int_equal(fake_own_apic.sent_core, 7);
	assert_int_equal(fake_own_apic.sent_vector, 0x55);
	assert_int_equal(v->pub->requests & REQ_POSTED, 0);
	assert_true(vlapic_post_owner(v->guest, 1, 0x56));
	assert_int_equal(fake_own_apic.sent_vector, 0x56);
	assert_false(vlapic_post_owner(v->guest, 1, 0x1f));
	assert_false(vlapic_post_owner(v->guest, 0, 0x56));
	assert_false(vlapic_post_owner(v->guest, v->guest->vcpu_count, 0x56));
	fake_own_apic.sent = 1;
	m.level = true;
	vlapic_post(v->guest, 1, &m);
	m = (struct irq_message){ .dest = 1, .vector = 0x1f };
	vlapic_post(v->guest, 1, &m);
	assert_int_equal(fake_own_apic.sent, 1);
	assert_int_equal(v->pub->requests & REQ_POSTED, REQ_POSTED);
	assert_true(v->pub->posted[0] & BIT(0x1f));
	assert_true(v->pub->posted[1] & BIT(0x15));
}

/* A level needs its EOI: that exits, and only as long. */
static void test_level(void **state)
{
	vlapic_set_irr(v, 0x60, true);
	assert_true(hw.writes[EOI]);
	vlapic_set_irr(v, 0x70, false);
	fake_own_apic_accept(0x70);
	fake_own_apic_accept(0x60);
	assert_true(vlapic_msr_write(v, 0x80b, 0));	/* of 70H, the higher one */
	assert_true(hw.writes[EOI]);
	assert_true(v->lapic.level[1] & BIT(0x20));
	assert_true(vlapic_msr_write(v, 0x80b, 0));
	assert_false(hw.writes[EOI]);
	assert_int_equal(v->lapic.level[1], 0);
	assert_true(vlapic_msr_write(v, 0x80b, 0));	/* of nothing */
	vlapic_set_irr(v, 0x61, true);
	vlapic_disown(v);
	assert_int_equal(v->lapic.level[1], 0);
}

static void test_svr(void **state)
{
	assert_true(vlapic_msr_write(v, 0x80f, 0x0f0));
	assert_int_equal(fake_own_apic.svr, 0xf0);
	vlapic_set_irr(v, 0x41, false);
	assert_false(pending(0x41));
	assert_false(v->pub->apic_enabled & VLAPIC_PUB_SOFT);
	assert_true(vlapic_msr_write(v, 0x80f, 0x1f0));
	vlapic_set_irr(v, 0x41, false);
	assert_true(pending(0x41));
}

/* Its TSC moves against the host's: the deadline exits from then on, and means the same moment. */
static void test_tsc_moves(void **state)
{
	u64 val;

	fake_own_apic.deadline = 9000;
	v->tsc_offset += 4000;
	vlapic_tsc_moved(v, 4000);
	assert_true(hw.deadline);
	assert_true(fake_own_apic.deadline == 5000);
	assert_true(vlapic_msr_read(v, 0x6e0, &val) && val == 9000);
	assert_true(vlapic_msr_write(v, 0x6e0, 20000));
	assert_true(fake_own_apic.deadline == 16000);
	assert_true(vlapic_msr_write(v, 0x6e0, 0));
	assert_true(fake_own_apic.deadline == 0);
	assert_true(vlapic_msr_write(v, 0x6e0, 3000));	/* before the host's 0: long past, not "none" */
	assert_true(fake_own_apic.deadline == 1);
	v->tsc_offset -= 4000;
	vlapic_tsc_moved(v, 0ul - 4000);
	assert_false(hw.deadline);
}

static void test_no_deadline_mode(void **state)
{
	fake_own_apic.has_deadline = false;
	assert_true(vlapic_msr_write(v, 0x832, 0x40031));
	assert_true(vlapic_settle_owner(v));
	assert_true(hw.deadline);
	assert_int_equal(fake_own_apic.state.lvt_timer, 0x10031);
}

/* A mode that no timer has: the processor would answer our own write with #GP. */
static void test_reserved_mode(void **state)
{
	assert_true(vlapic_msr_write(v, 0x832, 0x60031));
	assert_true(vlapic_settle_owner(v));
	assert_int_equal(fake_own_apic.state.lvt_timer, 0x10031);
	assert_int_equal(fake_own_apic.state.initial, 0);
}

/* INIT and switching it off take it back; x2APIC mode outlives an INIT, so it comes again. */
static void test_taken_back(void **state)
{
	vlapic_set_irr(v, 0x41, false);
	vlapic_reset(v, true);
	assert_false(v->lapic.owned || fake_own_apic.given || hw.on);
	assert_int_equal(v->lapic.irrv, 0);
	assert_true(vlapic_settle_owner(v));
	assert_true(vlapic_msr_write(v, MSR_BASE, VLAPIC_ADDRESS));
	assert_false(v->lapic.owned || fake_own_apic.given);
	assert_false(vlapic_settle_owner(v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_when, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_registers, setup_owned, fake_teardown),
		cmocka_unit_test_setup_teardown(test_takes_along, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_takes_a_deadline_along, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_waits_for_service, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_posts, setup_owned, fake_teardown),
		cmocka_unit_test_setup_teardown(test_level, setup_owned, fake_teardown),
		cmocka_unit_test_setup_teardown(test_svr, setup_owned, fake_teardown),
		cmocka_unit_test_setup_teardown(test_tsc_moves, setup_owned, fake_teardown),
		cmocka_unit_test_setup_teardown(test_no_deadline_mode, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_reserved_mode, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_taken_back, setup_owned, fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
