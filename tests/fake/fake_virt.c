/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_virt.h"

#include <hv/host.h>

#include <stdlib.h>
#include <string.h>

#include <hv/guest.h>
#include <hv/lib.h>

struct fake_virt fake;
__attribute__((weak)) const struct virt_ops *virt;

__attribute__((weak)) enum verdict vcpu_fault(struct vcpu *v, enum vector vector, int code)
{
	v->fault = (struct event){ .type = EVENT_EXCEPTION, .vector = (u8)vector, .has_code = code >= 0,
		.code = code >= 0 ? (u32)code : 0 };
	return FAULT;
}

/* Where no loop is linked, run() is for one exit. */
__attribute__((weak)) bool vcpu_turn(void)
{
	return false;
}

static struct fake_call *note(enum fake_call_kind kind, u64 a, u64 b, u64 c)
{
	struct fake_call *call = &fake.call[fake.call_count];

	assert(fake.call_count < FAKE_CALLS_MAX);
	fake.call_count++;
	fake.count[kind]++;
	*call = (struct fake_call){ .kind = kind, .arg = { a, b, c } };
	return call;
}

const struct fake_call *fake_last(enum fake_call_kind kind)
{
	for (u32 i = fake.call_count; i-- > 0;)
		if (fake.call[i].kind == kind)
			return &fake.call[i];
	assert_failed("no such call", __FILE__, __LINE__);
}

/* State */

static void move_mode(struct cpu_state *to, const struct cpu_state *from)
{
	to->cr0 = from->cr0;
	to->cr3 = from->cr3;
	to->cr4 = from->cr4;
	to->efer = from->efer;
	to->rflags = from->rflags;
	to->seg[SEG_CS] = from->seg[SEG_CS];
	to->seg[SEG_SS] = from->seg[SEG_SS];
}

static void move_rest(struct cpu_state *to, const struct cpu_state *from)
{
	size_t first = offsetof(struct cpu_state, dr6);

	to->cr2 = from->cr2;
	memcpy((u8 *)to + first, (const u8 *)from + first, sizeof(*to) - first);
}

static void move(struct cpu_state *to, const struct cpu_state *from, u32 parts)
{
	if (parts & STATE_MODE)
		move_mode(to, from);
	if (parts & STATE_SEGS) {
		memcpy(to->seg, from->seg, sizeof(to->seg));
		to->gdtr = from->gdtr;
		to->idtr = from->idtr;
	}
	if (parts & STATE_REGS) {
		memcpy(to->gpr, from->gpr, sizeof(to->gpr));
		to->rip = from->rip;
	}
	if (parts & STATE_REST)
		move_rest(to, from);
}

static void fake_get_state(struct vcpu *v, struct cpu_state *s, u32 parts)
{
	note(FAKE_GET_STATE, parts, 0, 0);
	memset(s, 0xee, sizeof(*s));	/* what was not asked for is not there */
	memcpy(fake.state.gpr, v->gpr, sizeof(v->gpr));
	move(s, &fake.state, parts);
}

static void fake_set_state(struct vcpu *v, const struct cpu_state *s, u32 parts)
{
	note(FAKE_SET_STATE, parts, 0, 0);
	move(&fake.state, s, parts);
	if (parts & STATE_REGS)
		memcpy(v->gpr, s->gpr, sizeof(v->gpr));
}

static void fake_set_rip(struct vcpu *v, u64 rip)
{
	note(FAKE_SET_RIP, rip, 0, 0);
	assert(!fake.rip_moved);
	fake.rip_moved = true;
	fake.state.rip = rip;
	fake.shadow = false;
	v->exit.shadow = 0;
}

/* SDM 3A "Processor State After Reset" */
static void fake_vcpu_reset(struct vcpu *v)
{
	note(FAKE_RESET, 0, 0, 0);
	memset(&fake.state, 0, sizeof(fake.state));
	memset(v->gpr, 0, sizeof(v->gpr));
	fake.state.rip = 0xfff0;
	fake.state.rflags = RFLAGS_FIXED;
	fake.state.cr0 = CR0_ET | CR0_NW | CR0_CD;
	fake.state.seg[SEG_CS] = (struct segment){ .sel = 0xf000, .attr = 0x9b, .limit = 0xffff, .base = 0xffff0000 };
	fake.queued = fake.shadow = fake.nmi_blocked = false;
	fake.windows = WINDOW_NONE;
}

static void fake_code_key(struct vcpu *v, struct code_key *k)
{
	const struct cpu_state *s = &fake.state;
	const struct segment *cs = &s->seg[SEG_CS];

	if (s->efer & EFER_LMA && cs->attr & SEG_ATTR_L)
		*k = (struct code_key){ v->exit.rip, s->cr3, CODE_64BIT | s->cr4 << CODE_CR4_SHIFT };
	else
		*k = code_key_short(v->exit.rip, s->cr0, s->cr3, s->cr4, s->efer, cs->base, cs->attr & SEG_ATTR_DB);
}

/* Events */

static void fake_inject(struct vcpu *v, const struct event *e)
{
	(void)v;
	note(FAKE_INJECT, 0, 0, 0)->event = *e;
	/* Only a fault may meet an event that waits: vendors then make a double fault of it or the like. */
	assert(!fake.queued || e->type == EVENT_EXCEPTION);
	if (e->type == EVENT_INTERRUPT)
		assert((fake.state.rflags & RFLAGS_IF) && !fake.shadow);
	if (e->type == EVENT_NMI)
		assert(!fake.nmi_blocked && !fake.shadow);
	fake.queued = true;
	fake.event = *e;
}

static void fake_own_apic_op(struct vcpu *v, bool on)
{
	(void)v;
	fake.owns_apic = on;
}

static void fake_want_window(struct vcpu *v, u32 windows)
{
	(void)v;
	note(FAKE_WINDOW, windows, 0, 0);
	fake.windows = windows;
}

/* Running */

static void report(struct vcpu *v, const struct vmexit *x)
{
	v->exit = *x;
	if (!x->rip)
		v->exit.rip = fake.state.rip;
	fake.state.rip = v->exit.rip;
	fake.state.rflags = x->rflags;
	fake.shadow = x->shadow;
	fake.nmi_blocked = x->nmi_blocked;
	fake.rip_moved = false;
}

/* Not entered, or interrupted: nothing of the guest's changed. */
static void report_event(struct vcpu *v)
{
	report(v, &(struct vmexit){ .kind = VMEXIT_EVENT, .rip = fake.state.rip, .rflags = fake.state.rflags,
		.shadow = fake.shadow, .nmi_blocked = fake.nmi_blocked, .cpl = 0xff, .event_queued = fake.queued });
}

/* Is a window open that was asked for? SDM 3C "Interrupt-Window Exiting" */
static bool window_opens(u64 rflags, u8 shadow, u8 nmi_blocked)
{
	return ((fake.windows & WINDOW_INTERRUPT) && (rflags & RFLAGS_IF) && !shadow) ||
		((fake.windows & WINDOW_NMI) && !shadow && !nmi_blocked);
}

/* It closes nothing: whoever keeps asking comes back for ever, and that is a bug. */
static void report_window(struct vcpu *v, u64 rflags)
{
	assert(++fake.windows_in_a_row < 4);
	report(v, &(struct vmexit){ .kind = VMEXIT_WINDOW, .rip = fake.state.rip, .rflags = rflags, .cpl = 0xff,
		.nmi_blocked = fake.nmi_blocked });
}

/* The event that waits is delivered; handlers of interrupts and NMIs start with IF clear. */
static void deliver(void)
{
	if (!fake.queued)
		return;
	assert(fake.delivered_count < FAKE_EVENTS_MAX);
	fake.delivered[fake.delivered_count++] = fake.event;
	fake.queued = fake.shadow = false;
	if (fake.event.type == EVENT_NMI)
		fake.nmi_blocked = true;
	if (fake.event.type != EVENT_EXCEPTION)
		fake.state.rflags &= ~RFLAGS_IF;
}

/* The step is over: its exit, unless a window opens on the way. */
static void finish(struct vcpu *v, const struct fake_step *s)
{
	const struct vmexit *x = &s->exit;
	bool hit = fake.hit;

	if (!hit && window_opens(x->rflags, x->shadow, x->nmi_blocked)) {
		fake.shadow = x->shadow;
		fake.nmi_blocked = x->nmi_blocked;
		report_window(v, x->rflags);
		return;
	}
	fake.step++;
	fake.ran = fake.windows_in_a_row = 0;
	fake.hit = false;
	if (s->meanwhile)
		s->meanwhile(v);
	report(v, x);
	v->exit.event_queued = fake.queued = hit;
}

static void run_once(struct vcpu *v)
{
	const struct fake_step *s = &fake.script[fake.step];
	struct fake_call *call = note(FAKE_RUN, 0, 0, 0);

	if (fake.step >= fake.step_count)
		fetch_or(&v->pub->requests, REQ_PARK);
	if (fake.step >= fake.step_count || doorbell_pending() || fake_core.now >= v->deadline) {
		report_event(v);
		return;
	}
	call->arg[0] = 1;
	fake.entries++;
	fake.hit = s->exit.event_queued && fake.queued;
	if (!fake.hit)
		deliver();
	if (!fake.queued && window_opens(fake.state.rflags, fake.shadow, fake.nmi_blocked)) {
		report_window(v, fake.state.rflags);
		return;
	}
	if (s->ticks - fake.ran > v->deadline - fake_core.now) {
		fake.ran += v->deadline - fake_core.now;
		fake_core.now = v->deadline;
		report_event(v);
		return;
	}
	fake_core.now += s->ticks - fake.ran;
	fake.ran = s->ticks;
	finish(v, s);
}

static void fake_run(struct vcpu *v)
{
	assert(v == &this_core()->vcpu);
	do
		run_once(v);
	while (vcpu_turn());
}

/* The rest */

static int fake_vcpu_init(struct vcpu *v)
{
	(void)v;
	note(FAKE_INIT, 0, 0, 0);
	return 0;
}

static bool fake_probe(struct virt_report *r)
{
	*r = (struct virt_report){ .vendor = "fake", .usable = true };
	return true;
}

static int fake_core_enable(void)
{
	return 0;
}

static void fake_core_disable(void)
{
}

static int fake_nested_max_leaf(void)
{
	return 3;
}

static void fake_trap_io(struct vcpu *v, u16 first, u32 count, bool trap)
{
	(void)v;
	note(FAKE_TRAP_IO, first, count, trap);
}

static void fake_trap_msr(struct vcpu *v, u32 msr, bool on_read, bool on_write)
{
	(void)v;
	note(FAKE_TRAP_MSR, msr, on_read, on_write);
	if (msr - 0x800 < ARRAY_COUNT(fake.x2apic_native))
		fake.x2apic_native[msr - 0x800] = (u8)((on_read ? 0 : 1) | (on_write ? 0 : 2));
	else if (msr == 0x6e0)
		fake.deadline_native = !on_read && !on_write;
}

static void fake_flush(struct vcpu *v)
{
	(void)v;
	note(FAKE_FLUSH, 0, 0, 0);
}

static int fake_dump(struct vcpu *v, char *to, size_t size)
{
	note(FAKE_DUMP, size, 0, 0);
	return fmt_print(to, size, "fake backend, exit %s\n", vmexit_name(v->exit.kind));
}

/* Nested tables are not faked: nothing is mapped anywhere. */
bool host_device_executable(const struct guest *g, u64 gpa)
{
	return false;
}

const struct virt_ops fake_ops = {
	.name = "fake", .probe = fake_probe, .core_enable = fake_core_enable, .core_disable = fake_core_disable,
	.vcpu_init = fake_vcpu_init, .nested_max_leaf = fake_nested_max_leaf, .vcpu_reset = fake_vcpu_reset,
	.run = fake_run, .set_rip = fake_set_rip, .get_state = fake_get_state, .set_state = fake_set_state,
	.code_key = fake_code_key, .inject = fake_inject, .want_window = fake_want_window, .trap_io = fake_trap_io,
	.own_apic = fake_own_apic_op, .trap_msr = fake_trap_msr, .flush = fake_flush, .dump = fake_dump,
};

void fake_play_count(const struct fake_step *steps, u32 count)
{
	fake.script = steps;
	fake.step_count = count;
	fake.step = 0;
	fake.ran = 0;
}

void fake_exit(struct vcpu *v, const struct vmexit *x)
{
	report(v, x);
}

struct guest *fake_guest_new(u32 vcpus)
{
	struct guest *g = calloc(1, sizeof(*g));
	struct vcpu *v = &core_private.vcpu;

	fake_core_reset();
	memset(&fake, 0, sizeof(fake));
	virt = &fake_ops;
	g->name = "test";
	g->vcpu_count = vcpus;
	for (u32 i = 0; i < vcpus; i++)
		g->core_of[i] = (u16)i;
	g->device_deadline = U64_MAX;
	*v = (struct vcpu){ .guest = g, .pub = &g->vcpu[0], .deadline = U64_MAX, .xcr0 = 1 };
	v->exit.rflags = RFLAGS_FIXED;
	virt->vcpu_reset(v);
	fake.call_count = 0;
	memset(fake.count, 0, sizeof(fake.count));
	return g;
}

void fake_guest_free(struct guest *g)
{
	free(g);
}
