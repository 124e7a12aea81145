/* SPDX-License-Identifier: Apache-2.0 */
/* The timer of the software local APIC. It counts at 1 GHz because stock firmware assumes that rate; everything is kept
 * in host TSC ticks, and counts are derived from them. SDM 3A "APIC Timer", "TSC-Deadline Mode". */
#include <hv/vlapic.h>

#include <hv/lib.h>
#include <hv/time.h>

#include "vlapic_int.h"

#define NEVER UINT64_MAX
#define PERIOD_MIN_NS 20000	/* a faster periodic timer would leave its guest no time */

/* n * mul / 2^32, the product in 128 bits; saturates. */
static u64 scale(u64 n, u64 mul)
{
	unsigned __int128 product = (unsigned __int128)n * mul >> 32;

	return product > NEVER ? NEVER : (u64)product;
}

static u64 add_saturated(u64 a, u64 b)
{
	return a + b < a ? NEVER - 1 : a + b;
}

void vlapic_timer_init(struct vlapic *l)
{
	assert(timebase.tsc_hz != 0);
	l->tick_mul = mul_div(BIT(32), timebase.tsc_hz, VLAPIC_TIMER_HZ);
	l->count_mul = mul_div(BIT(32), VLAPIC_TIMER_HZ, timebase.tsc_hz);
	l->period_min = MAX(ns_to_ticks(PERIOD_MIN_NS), 1ul);
}

void vlapic_timer_stop(struct vlapic *l)
{
	l->timer_deadline = NEVER;
	l->timer_period = 0;
	l->tsc_deadline = 0;
}

/* The vcpu has to be back by then: v->deadline only ever moves earlier here, the loop finds the next one. */
static void timer_arm(struct vcpu *v, u64 deadline)
{
	v->lapic.timer_deadline = deadline;
	v->deadline = MIN(v->deadline, vlapic_timer_next(v));
}

static u32 timer_mode(const struct vlapic *l)
{
	return l->lvt[LVT_TIMER] & LVT_MODE;
}

/* Divide configuration: 000 is 2, 001 is 4, ... 110 is 128, 111 is 1; bit 2 of the value is bit 3 of the register. */
static u32 timer_shift(const struct vlapic *l)
{
	u32 code = (l->timer_divide & 3) | (l->timer_divide >> 1 & 4);

	return (code + 1) & 7;
}

static u64 count_to_ticks(const struct vlapic *l, u32 count)
{
	return scale((u64)count << timer_shift(l), l->tick_mul);
}

static u64 period_of_initial(const struct vlapic *l)
{
	return MAX(count_to_ticks(l, l->timer_initial), l->period_min);
}

u32 vlapic_timer_current(const struct vlapic *l)
{
	u64 now = vlapic_now(), left;

	if (timer_mode(l) == LVT_MODE_DEADLINE || l->timer_deadline == NEVER)
		return 0;
	if (l->timer_deadline > now)
		left = l->timer_deadline - now;
	else if (timer_mode(l) == LVT_MODE_PERIODIC)
		left = l->timer_period - (now - l->timer_deadline) % l->timer_period;
	else
		return 0;
	return (u32)MIN(scale(left, l->count_mul) >> timer_shift(l), (u64)l->timer_initial);
}

void vlapic_timer_write_initial(struct vcpu *v, u32 val)
{
	struct vlapic *l = &v->lapic;
	u64 ticks;

	if (timer_mode(l) == LVT_MODE_DEADLINE)
		return;
	l->timer_initial = val;
	if (val == 0) {
		vlapic_timer_stop(l);
		return;
	}
	l->timer_period = period_of_initial(l);
	ticks = timer_mode(l) == LVT_MODE_PERIODIC ? l->timer_period : count_to_ticks(l, val);
	timer_arm(v, add_saturated(vlapic_now(), ticks));
}

/* The count goes on from where it is, at the new rate. */
void vlapic_timer_write_divide(struct vcpu *v, u32 val)
{
	struct vlapic *l = &v->lapic;
	u32 left;

	if (val == l->timer_divide)
		return;
	vlapic_timer_run(v, vlapic_now());
	left = vlapic_timer_current(l);
	l->timer_divide = val;
	if (timer_mode(l) == LVT_MODE_DEADLINE || l->timer_deadline == NEVER)
		return;
	l->timer_period = period_of_initial(l);
	timer_arm(v, add_saturated(vlapic_now(), count_to_ticks(l, left)));
}

/* While the entry was masked nobody called vlapic_timer_run(): what is due is taken under the old entry first. Between
 * TSC-deadline and the other modes the timer is disarmed. */
void vlapic_timer_write_lvt(struct vcpu *v, u32 val)
{
	struct vlapic *l = &v->lapic;
	u32 was = timer_mode(l), mode = val & LVT_MODE;

	vlapic_timer_run(v, vlapic_now());
	l->lvt[LVT_TIMER] = val;
	if (was != mode && (was == LVT_MODE_DEADLINE || mode == LVT_MODE_DEADLINE)) {
		vlapic_timer_stop(l);
		l->timer_initial = 0;
	}
	timer_arm(v, l->timer_deadline);
}

static void arm_tsc_deadline(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;
	u64 now = vlapic_now(), guest_now = now + v->tsc_offset;

	if (l->tsc_deadline == 0)
		timer_arm(v, NEVER);
	else if (l->tsc_deadline <= guest_now)
		timer_arm(v, now);
	else
		timer_arm(v, add_saturated(now, l->tsc_deadline - guest_now));
}

void vlapic_timer_write_deadline(struct vcpu *v, u64 val)
{
	if (timer_mode(&v->lapic) != LVT_MODE_DEADLINE)
		return;
	v->lapic.tsc_deadline = val;
	arm_tsc_deadline(v);
}

void vlapic_tsc_moved(struct vcpu *v, u64 by)
{
	if (v->lapic.owned)
		vlapic_own_tsc_moved(v, by);
	else if (timer_mode(&v->lapic) == LVT_MODE_DEADLINE)
		arm_tsc_deadline(v);
}

/* Expiries that were missed are one interrupt: the phase is kept, the backlog is not. */
void vlapic_timer_run(struct vcpu *v, u64 now)
{
	struct vlapic *l = &v->lapic;
	u32 lvt = l->lvt[LVT_TIMER];

	if (now < l->timer_deadline)
		return;
	if ((lvt & LVT_MODE) == LVT_MODE_PERIODIC) {
		u64 late = now - l->timer_deadline, period = l->timer_period;

		l->timer_deadline += late < period ? period : late - late % period + period;
	} else {
		l->timer_deadline = NEVER;
		l->tsc_deadline = 0;
	}
	if (!(lvt & LVT_MASKED))
		vlapic_set_irr(v, (u8)lvt, false);
}

u64 vlapic_timer_next(const struct vcpu *v)
{
	const struct vlapic *l = &v->lapic;

	return l->lvt[LVT_TIMER] & LVT_MASKED ? NEVER : l->timer_deadline;
}
