/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One turn of the event loop, apart so that tests can turn it. Control core. */

#include <hv/types.h>

void loop_init(void);

/* Start what the plan starts at power-on. */
void loop_autostart(u64 now);

/* The guest goes: it is not started any more. */
struct guest;
void loop_forget(const struct guest *g);

/* Look at everything that has no struct control_work. Returns the TSC of the next turn. */
u64 loop_turn(u64 now);

/* One round: all of control_work, and a turn if its time has come or something waits for it. true: something was done, the
 * next round follows at once; else the core may halt until *until. */
bool loop_round(u64 now, u64 *until);
