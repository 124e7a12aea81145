/* SPDX-License-Identifier: Apache-2.0 */
/* Who has the local APIC of this core: the software one while a vcpu is in xAPIC mode or starts, the machine's own once it
 * runs in x2APIC mode and its guest is made for it. Then timer, EOI, TPR and self-IPI cost no exit, and whoever has an
 * interrupt for it sends it by the hardware. What still exits is answered from the software registers: id, version, LDR, SVR,
 * ICR, ESR, the LVT entries other than the timer's. docs/design.md, "Interrupts and time of guests". */
#include <hv/vlapic.h>

#include <hv/core.h>
#include <hv/guest.h>
#include <hv/own_apic.h>
#include <hv/virt.h>

#include "vlapic_int.h"

/* x2APIC registers that run natively in an owner's hands; read-only ones and write-only ones are #GP natively too. */
static const struct { u8 first, last; bool read, write; } native[] = {
	{ REG_TPR, REG_TPR, true, true },		{ REG_PPR, REG_PPR, true, false },
	{ REG_EOI, REG_EOI, false, true },		{ REG_ISR, REG_IRR + 7, true, false },
	{ REG_LVT_TIMER, REG_LVT_TIMER, true, true },	{ REG_TIMER_INITIAL, REG_TIMER_INITIAL, true, true },
	{ REG_TIMER_CURRENT, REG_TIMER_CURRENT, true, false },
	{ REG_TIMER_DIVIDE, REG_TIMER_DIVIDE, true, true }, { REG_SELF_IPI, REG_SELF_IPI, false, true },
};

static void trap_deadline(struct vcpu *v)
{
	bool trap = !v->lapic.owned || v->tsc_offset || !own_apic_has_deadline();

	virt->trap_msr(v, MSR_TSC_DEADLINE, trap, trap);
}

static void trap_registers(struct vcpu *v, bool all)
{
	for (u32 i = 0; i < ARRAY_COUNT(native); i++)
		for (u32 reg = native[i].first; reg <= native[i].last; reg++)
			virt->trap_msr(v, MSR_X2APIC + reg, all || !native[i].read, all || !native[i].write);
	trap_deadline(v);
}

/* The EOI of a level-triggered interrupt has to reach the IOAPIC model; the others are nobody's business. */
static void trap_eoi(struct vcpu *v, bool trap)
{
	virt->trap_msr(v, MSR_X2APIC + REG_EOI, true, trap);
}

static bool any_level(const struct vlapic *l)
{
	return l->level[0] | l->level[1] | l->level[2] | l->level[3];
}

void vlapic_own_put(struct vcpu *v, u8 vector, bool level)
{
	struct vlapic *l = &v->lapic;

	if (!l->owned || !vlapic_is_on(l) || !(l->svr & SVR_ENABLE))
		return;
	if (vector < VECTOR_MIN) {
		vlapic_record_error(v, ESR_RECEIVE_ILLEGAL);
		return;
	}
	if (level) {
		if (!any_level(l))
			trap_eoi(v, true);
		vlapic_bit_put(l->level, vector, true);
	}
	own_apic_raise(vector);
}

void vlapic_own_eoi(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;
	u8 vector = own_apic_eoi();

	if (!(l->level[vector >> 6] >> (vector & 63) & 1))
		return;
	vlapic_bit_put(l->level, vector, false);
	if (!any_level(l))
		trap_eoi(v, false);
	irq_eoi_broadcast(v->guest, vector);
}

/* Before they are dropped: whoever still waits for its EOI would do so for ever. */
static void forget_levels(struct vcpu *v)
{
	for (u32 vector = 0; vector < 256; vector++)
		if (v->lapic.level[vector >> 6] >> (vector & 63) & 1) {
			vlapic_bit_put(v->lapic.level, (u8)vector, false);
			irq_eoi_broadcast(v->guest, (u8)vector);
		}
}

/* A mode that the machine's timer refuses, with #GP, to us: the software one takes all four. SDM 3A "APIC Timer" */
static bool mode_exists(u32 mode)
{
	return mode != LVT_MODE && (mode != LVT_MODE_DEADLINE || own_apic_has_deadline());
}

/* The timer as it stands. */
static void timer_state(const struct vlapic *l, struct own_apic *a)
{
	u32 mode = l->lvt[LVT_TIMER] & LVT_MODE;

	a->lvt_timer = l->lvt[LVT_TIMER];
	a->divide = l->timer_divide;
	if (!mode_exists(mode)) {
		a->lvt_timer = LVT_MASKED | (u8)a->lvt_timer;
		return;
	}
	if (mode == LVT_MODE_DEADLINE) {
		a->deadline = l->timer_deadline == ~0ul ? 0 : l->timer_deadline;
		return;
	}
	a->initial = vlapic_timer_current(l);
	if (a->initial && mode == LVT_MODE_PERIODIC)
		a->initial = l->timer_initial;
}

/* From here on other cores send to the hardware; what they posted before is taken by the request that came with it. */
static void own(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;
	struct own_apic a = { .tpr = l->tpr, .svr = l->svr };

	vlapic_timer_run(v, vlapic_now());
	timer_state(l, &a);
	vlapic_timer_stop(l);
	own_apic_give(&a);
	l->owned = true;
	vlapic_publish(v);
	virt->own_apic(v, true);
	trap_registers(v, false);
	for (u32 vector = VECTOR_MIN; vector < 256; vector++)
		if (l->irr[vector >> 6] >> (vector & 63) & 1)
			vlapic_own_put(v, (u8)vector, l->tmr[vector >> 6] >> (vector & 63) & 1);
	l->irr[0] = l->irr[1] = l->irr[2] = l->irr[3] = 0;
	l->irrv = 0;
}

bool vlapic_settle_owner(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;

	if (l->owned || !v->guest->apic_owned || !vlapic_is_x2(l) || v->activity != VCPU_RUNNABLE)
		return false;
	vlapic_set_eoi_word(v, NULL);
	if (l->isrv) {
		v->look = true;		/* it stays as it is until the guest has ended what it serves */
		return false;
	}
	own(v);
	return true;
}

void vlapic_disown(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;

	if (!l->owned)
		return;
	l->owned = false;
	vlapic_publish(v);
	own_apic_take();
	trap_registers(v, true);
	trap_eoi(v, true);
	virt->own_apic(v, false);
	forget_levels(v);
}

void vlapic_own_svr(struct vcpu *v)
{
	own_apic_set_svr(v->lapic.svr);
}

/* An armed deadline stands for the same moment of the guest's clock, which has moved. */
void vlapic_own_tsc_moved(struct vcpu *v, u64 by)
{
	u64 deadline = own_apic_deadline();

	trap_deadline(v);
	if (deadline)
		own_apic_set_deadline(deadline > by || (s64)by < 0 ? deadline - by : 1);
}

void vlapic_own_write_deadline(struct vcpu *v, u64 val)
{
	u64 host = val - v->tsc_offset;

	own_apic_set_deadline(val == 0 ? 0 : (s64)host > 0 ? host : 1);
}

u64 vlapic_own_read_deadline(const struct vcpu *v)
{
	u64 host = own_apic_deadline();

	return host ? host + v->tsc_offset : 0;
}
