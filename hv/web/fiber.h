/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The web fiber: TLS and everything behind it runs on a stack of its own, and goes back to the event loop whenever its
 * time is
 * over, in the middle of a signature if need be. So the control core's other work never waits for more than a slice.
 * One fiber; control core. docs/design.md "The SSE seam". */

#include <hv/types.h>

/* A stack with a guard page. Boot core, before the seal. -E_NOMEM. */
int fiber_init(void);

/* Go on with fn, or begin it, for about `slice` TSC ticks. true: fn has come to its end. Event loop. */
bool fiber_run(void (*fn)(void), u64 slice);

/* Inside of the fiber: back to the event loop if the slice is over; returns when fiber_run() is called again. Elsewhere
 * nothing. Whoever calls this must have left everything that others look at in order. */
void fiber_breathe(void);

/* We are on its stack. */
bool fiber_inside(void);

/* Bytes of its stack that were ever used, and how many there are. */
u64 fiber_stack_used(u64 *size);
