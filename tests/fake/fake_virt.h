/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A third virtualisation backend, for the build host: run() plays a script of exits, every call is recorded, and what
 * hardware would refuse (an interrupt into a closed window, two events at once, RIP moved twice) ends the test program.
 *
 * A guest here is a list of steps: how long it runs, what happens meanwhile, how it comes back. run() keeps the
 * contract of virt.h: a rung doorbell or a passed deadline brings VMEXIT_EVENT first, and the step goes on at the
 * next entry. When the script is over the vcpu is parked. */

#include <hv/virt.h>

#include "fake_core.h"

enum fake_call_kind { FAKE_CALL_NONE, FAKE_INIT, FAKE_RESET, FAKE_RUN, FAKE_SET_RIP, FAKE_GET_STATE,
	FAKE_SET_STATE, FAKE_INJECT, FAKE_WINDOW, FAKE_TRAP_IO, FAKE_TRAP_MSR, FAKE_FLUSH, FAKE_DUMP, FAKE_CALL_KINDS };

struct fake_call {
	enum fake_call_kind kind;
	/* RUN: 1 = entered; SET_RIP: rip; STATE: parts; WINDOW: bits; TRAP_IO: first, count, trap; TRAP_MSR: msr,
	 * on_read, on_write */
	u64 arg[3];
	struct event event;	/* INJECT */
};

struct fake_step {
	u64 ticks;				/* the guest runs this long before it exits */
	void (*meanwhile)(struct vcpu *v);	/* what the world does at the end of that time; may be null */
	/* How it ends. rip 0: where RIP is. event_queued: it hits the delivery of the event that was injected, if any.
	 * When the vcpu gets into a state that opens a window that was asked for, VMEXIT_WINDOW comes before. */
	struct vmexit exit;
};

#define FAKE_CALLS_MAX 4096
#define FAKE_EVENTS_MAX 256

struct fake_virt {
	const struct fake_step *script;
	u32 step_count, step;
	u64 ran;			/* ticks of the present step that have passed */

	u32 call_count;
	struct fake_call call[FAKE_CALLS_MAX];
	u32 count[FAKE_CALL_KINDS];	/* calls by kind */

	struct cpu_state state;		/* what the hardware holds; rip too */
	bool queued;			/* event is delivered at the next entry */
	struct event event;
	u32 windows;			/* what want_window() last asked */
	bool shadow, nmi_blocked;
	bool rip_moved;			/* since the last exit */
	bool owns_apic;			/* as own_apic() was last asked */
	u8 x2apic_native[0x40];		/* by register: 1 reads, 2 writes run without an exit */
	bool deadline_native;		/* MSR 6E0H does */
	bool hit;			/* the present step ends in the delivery of an event */
	u32 windows_in_a_row;

	u32 entries;			/* entries that reached the guest */
	u32 delivered_count;
	struct event delivered[FAKE_EVENTS_MAX];	/* in order, as the guest saw them */
};
extern struct fake_virt fake;
extern const struct virt_ops fake_ops;

/* A guest of vcpus vcpus whose vcpu 0 lives on this core in power-on state, cores 0.. in order; virt is fake_ops. */
struct guest *fake_guest_new(u32 vcpus);
void fake_guest_free(struct guest *g);

/* Play these steps from now on. */
#define fake_play(steps) fake_play_count(steps, ARRAY_COUNT(steps))
void fake_play_count(const struct fake_step *steps, u32 count);

/* As a run() would: the guest stops for x, without an entry. For tests of vcpu_turn() alone. */
void fake_exit(struct vcpu *v, const struct vmexit *x);

/* The last call of that kind; ends the program when there was none. */
const struct fake_call *fake_last(enum fake_call_kind kind);
