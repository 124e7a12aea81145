/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The door to lwIP: everything that calls it goes through stack_run(), so that a broken promise inside of it (LWIP_ASSERT)
 * ends that call and starts the stack anew, instead of the machine. Control core; never from a switch's deliver() that lwIP
 * itself caused (stack_inside()). */

#include <hv/types.h>

/* Random numbers and the clock work from here on; lwIP does not yet. Boot core. */
void stack_prepare(void);

/* lwIP afresh: then begin() is called, inside, to make interfaces and services; also after each restart, when everything
 * that lwIP knew is gone. Boot core. */
void stack_init(void (*begin)(void));

/* Call fn(arg) with lwIP. false: lwIP is down, or fn did not come to its end. */
bool stack_run(void (*fn)(void *arg), void *arg);

/* We are called by lwIP at this moment: do not call it. */
bool stack_inside(void);

/* Its timers, when one is due. true: one was. */
bool stack_poll(u64 now);

/* How often it was started anew; it is down for good: in words why, else null. */
u32 stack_restarts(void);
const char *stack_down(void);

u64 stack_ms(void);		/* since boot, of one clock for lwIP and NAT */
void stack_random(void *to, size_t n);
