/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The physical core under the fake backend: a clock that stands still until something moves it, doorbells and sleep
 * that are recorded. Defines core_private, core_table, core_count, control_core and timebase as plain variables. */

#include <hv/core.h>

#define FAKE_CORES 8
#define FAKE_CONTROL 7u		/* index of the control core */

struct fake_core {
	u64 now;			/* host TSC */
	u32 rings[FAKE_CORES];		/* core_ring_doorbell() calls, by core */
	u32 idles;			/* core_idle() calls */
	u64 idle_until;			/* deadline of the last one */
	u32 taken;			/* core_take_interrupts() calls */
	u64 timer;			/* what core_timer_set() was last told */
	/* What wakes the core while it sleeps; null: the clock moves to the deadline. Sleep without an end parks the
	 * vcpu and is counted in stuck. */
	void (*asleep)(u64 deadline);
	u32 stuck;
};
extern struct fake_core fake_core;

/* Core 0 with an empty public half and rings, at TSC 1000. */
void fake_core_reset(void);
