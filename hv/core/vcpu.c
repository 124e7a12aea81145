/* SPDX-License-Identifier: Apache-2.0 */
/* A vcpu's life on its core: answer requests, let time pass, deliver what waits, enter, judge the exit, again. */
#include "vcpu_loop.h"

#include <hv/core.h>
#include <hv/lock.h>
#include <hv/own_apic.h>
#include <hv/pc.h>
#include <hv/policy.h>
#include <hv/time.h>
#include <hv/virt.h>

const struct virt_ops *virt __attribute__((section(".sealed")));

enum verdict vcpu_fault(struct vcpu *v, enum vector vector, int code)
{
	v->fault = (struct event){ .type = EVENT_EXCEPTION, .vector = (u8)vector, .has_code = code >= 0,
		.code = code >= 0 ? (u32)code : 0 };
	return FAULT;
}

static void take_init(struct vcpu *v)
{
	vlapic_reset(v, true);
	virt->vcpu_reset(v);
	v->nmi_pending = false;
	v->exit = (struct vmexit){ .rflags = RFLAGS_FIXED };
	v->activity = v->index ? VCPU_WAIT_SIPI : VCPU_RUNNABLE;
}

/* SDM 3A "MP Initialization Protocol": real mode at page:0. A vcpu that does not wait ignores it. */
static void take_sipi(struct vcpu *v, u32 page)
{
	struct cpu_state s;

	if (v->activity != VCPU_WAIT_SIPI)
		return;
	virt->get_state(v, &s, STATE_SEGS | STATE_REGS);
	s.seg[SEG_CS].sel = (u16)(page << 8);
	s.seg[SEG_CS].base = (u64)page << 12;
	s.rip = 0;
	virt->set_state(v, &s, STATE_SEGS | STATE_REGS);
	v->activity = VCPU_RUNNABLE;
}

/* Host events that concern the whole guest; vcpu 0's core. */
static void take_guest_events(struct vcpu *v)
{
	struct guest *g = v->guest;
	u32 events = exchange(&g->events, 0);

	spin_lock(&g->device_lock);
	if (events & GUEST_EVENT_INPUT)
		pc_event_input(g);
	if (events & GUEST_EVENT_KEYS)
		pc_event_keys(g);
	if (events & GUEST_EVENT_POWER_BUTTON)
		pc_event_power_button(g);
	if (events & GUEST_EVENT_BALLOON)
		pc_event_balloon(g);
	spin_unlock(&g->device_lock);
}

/* Out of the guest until the control core says go on, or park. What else is asked meanwhile waits. */
static void stay_paused(struct vcpu *v)
{
	store_release(&v->pub->paused, 1u);
	for (;;) {
		store_relaxed(&this_core()->pub->doorbell, 0u);
		fence_full();
		if (!load_acquire(&v->guest->paused) || load_relaxed(&v->pub->requests) & REQ_PARK)
			break;
		if (v->lapic.owned) {
			own_apic_idle();	/* interrupts are the guest's, for later */
		} else {
			core_idle(~0ul);
			core_take_interrupts();
		}
	}
	store_release(&v->pub->paused, 0u);
	policy_was_paused(v);
}

/* Answer what others asked. false: leave the guest. */
static bool take_requests(struct vcpu *v)
{
	u32 r = exchange(&v->pub->requests, 0);

	if (r & REQ_PARK)
		return false;
	if (r & REQ_FLUSH)
		virt->flush(v);
	/* Both: the SIPI came later, or INIT would have taken it back. */
	if (r & REQ_INIT)
		take_init(v);
	if (r & REQ_SIPI)
		take_sipi(v, REQ_SIPI_PAGE(r));
	if (r & REQ_NMI)
		v->nmi_pending = true;
	if (r & REQ_POSTED)
		vlapic_take_posted(v);
	if (r & REQ_EVENTS)
		take_guest_events(v);
	if (r & REQ_CALLS)
		guest_take_calls(v->guest, &v->pub->calls);
	if (r & REQ_PIC)
		v->extint_pending = pc_pic_output(v->guest);
	if (r & REQ_PAUSE)
		stay_paused(v);
	v->deadline = 0;	/* whatever moved, look at the timers once */
	return true;
}

/* Whose core has no timer left: the control core keeps the time of its guest's models. */
static bool deadline_is_told(const struct vcpu *v)
{
	return v->lapic.owned && virt->deadline_by_apic;
}

/* Let timers fire that are due, and find the next. */
static void run_timers(struct vcpu *v, u64 now)
{
	struct guest *g = v->guest;

	vlapic_timer_run(v, now);
	if (v->index == 0 && load_relaxed(&g->device_deadline) <= now) {
		spin_lock(&g->device_lock);
		pc_run(g, now);
		spin_unlock(&g->device_lock);
		v->extint_pending = pc_pic_output(g);
	}
	v->deadline = vlapic_timer_next(v);
	if (v->index != 0)
		return;
	if (deadline_is_told(v))
		guest_due_tell(load_relaxed(&g->device_deadline));
	else
		v->deadline = MIN(v->deadline, load_relaxed(&g->device_deadline));
}

static void inject_interrupt(struct vcpu *v, u8 vector)
{
	virt->inject(v, &(struct event){ .type = EVENT_INTERRUPT, .vector = vector });
	v->exit.event_queued = 1;
	v->pub->injected++;
}

static bool extint_waits(const struct vcpu *v)
{
	return v->extint_pending && vlapic_accepts_extint(v);
}

static void inject_extint(struct vcpu *v)
{
	struct guest *g = v->guest;
	bool still;
	u8 vector = 0;

	spin_lock(&g->device_lock);
	still = pc_pic_output(g);
	if (still)
		vector = pc_pic_acknowledge(g);
	v->extint_pending = pc_pic_output(g);
	spin_unlock(&g->device_lock);
	if (still)
		inject_interrupt(v, vector);
}

/* NMI first, then the PIC, then the local APIC; what cannot be delivered now asks for its window. */
static void deliver(struct vcpu *v)
{
	const struct vmexit *x = &v->exit;
	bool open = (x->rflags & RFLAGS_IF) && !x->shadow;
	u32 windows = WINDOW_NONE;
	int vector;

	if (v->nmi_pending) {
		if (!x->event_queued && !x->nmi_blocked && !x->shadow) {
			v->nmi_pending = false;
			virt->inject(v, &(struct event){ .type = EVENT_NMI, .vector = VEC_NMI });
			v->exit.event_queued = 1;
		} else {
			windows |= WINDOW_NMI;
		}
	}
	if (extint_waits(v) && open && !x->event_queued)
		inject_extint(v);
	if (extint_waits(v))	/* still: with automatic EOI the next one waits behind the first */
		windows |= WINDOW_INTERRUPT;
	vector = vlapic_pending(v);
	if (vector >= 0) {
		if (open && !x->event_queued) {
			vlapic_accept(v, (u8)vector);
			inject_interrupt(v, (u8)vector);
			vector = v->lapic.irrv ? vlapic_pending(v) : -1;
		}
		if (vector >= 0)
			windows |= WINDOW_INTERRUPT;
	}
	if (windows || v->want_window)
		virt->want_window(v, windows);
	v->want_window = windows != 0;
}

/* Is there a reason to leave HLT? SDM 2A "HLT": an enabled interrupt, an NMI that is not blocked. */
static bool wakes(struct vcpu *v)
{
	if (v->nmi_pending && !v->exit.nmi_blocked)
		return true;
	return (v->exit.rflags & RFLAGS_IF) && (extint_waits(v) || vlapic_pending(v) >= 0);
}

/* Between two stays in the guest: something may be waiting. false: leave the guest. */
static bool service(struct vcpu *v)
{
	for (;;) {
		u64 now;

		v->look = false;
		/* The word first, the requests after it: whoever rings later is seen at entry. */
		store_relaxed(&this_core()->pub->doorbell, 0);
		fence_full();
		if (load_relaxed(&v->pub->requests) && !take_requests(v))
			return false;
		now = tsc_now();
		if (now >= v->deadline || (UNLIKELY(v->lapic.owned) && v->deadline != ~0ul && deadline_is_told(v)))
			run_timers(v, now);
		if (load_relaxed(&v->pub->requests) && !doorbell_pending())
			continue;	/* our own models have asked: nobody rings for that */
		if (v->activity == VCPU_HALTED && wakes(v))
			v->activity = VCPU_RUNNABLE;
		if (v->activity == VCPU_RUNNABLE)
			break;
		store_relaxed(&v->pub->halted_since, now);
		core_idle(v->activity == VCPU_HALTED ? v->deadline : ~0ul);
		core_take_interrupts();
		v->pub->halted_cycles += tsc_now() - now;
		store_release(&v->pub->halted_since, 0ul);	/* after the sum: a reader relies on it */
	}
	if (UNLIKELY(v->guest->apic_owned) && vlapic_settle_owner(v))
		run_timers(v, tsc_now());
	deliver(v);
	return true;
}

void vcpu_loop(struct vcpu *v)
{
	v->look = true;
	while (service(v))
		virt->run(v);
	vlapic_disown(v);
}
