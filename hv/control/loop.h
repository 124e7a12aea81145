/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One turn of the event loop, apart so that tests can turn it. Control core. */

#include <hv/types.h>

void loop_init(void);

/* Start what the plan starts at power-on. */
void loop_autostart(u64 now);

/* Look at everything once. Returns the TSC until which the core may halt. */
u64 loop_turn(u64 now);
