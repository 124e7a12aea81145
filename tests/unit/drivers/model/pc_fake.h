/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A whole PC for unit tests of models and local APICs: real models on a real bus, a clock that stands still until it is
 * moved, and records of what the PC asked of others. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../drivers/model/models.h"

#include <hv/core.h>
#include <hv/guest.h>
#include <hv/time.h>

#define FAKE_TSC_HZ 2000000000ul
#define FAKE_US (FAKE_TSC_HZ / 1000000)
#define FAKE_MS (FAKE_TSC_HZ / 1000)
#define FAKE_VCPUS 4
#define FAKE_WALL 1700000000ul		/* 2023-11-14 22:13:20 UTC, a Tuesday, at TSC 0 */

struct fake {
	u64 now;			/* what pc_now() and vlapic_now() return */
	u32 requests[FAKE_VCPUS];	/* vcpu_request() calls for each vcpu */
	void (*requested)(u32 vcpu);	/* called by each; null: nothing */
	u32 rings;			/* core_ring_doorbell() calls, for the control core */
	u32 ends;			/* guest_end() calls */
	enum guest_end end;
	u32 result;
	u32 panics;			/* guest_panicked() calls */
	u32 panic_events;		/* of the last one */
};
extern struct fake fake;

/* A guest of FAKE_VCPUS vcpus, built and reset; its vcpus have power-on APICs. fake is cleared. */
struct guest *fake_guest_new(void);
void fake_guest_free(struct guest *g);
struct vcpu *fake_vcpu(u32 index);

/* cmocka fixtures: *state is the guest. */
int fake_setup(void **state);
int fake_teardown(void **state);

u32 in(struct guest *g, u32 port, u8 size);
void out(struct guest *g, u32 port, u32 val, u8 size);
#define inb(g, port) in(g, port, 1)
#define outb(g, port, val) out(g, port, val, 1)

bool line(const struct guest *g, u32 nr);

/* Let time pass to the next deadline of the models, at most until `until`; runs them. */
void run_until(struct guest *g, u64 until);

/* Numbers that look random, the same in each run. */
u32 noise(void);
