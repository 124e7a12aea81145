/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The end of the machine: guests stop one after another, the last of the plan first, each by its power button and
 * after the time-out by force; then the cores, then the power. Control core. */

#include <hv/types.h>

enum shutdown_kind { SHUTDOWN_POWEROFF, SHUTDOWN_REBOOT };

/* Begin; seconds is each guest's time-out. Called again: the new time-out counts for the guests that still run. */
void shutdown_begin(enum shutdown_kind kind, u32 seconds, u64 now);

/* Go on. Does not return when all guests are off. */
void shutdown_tick(u64 now);

void shutdown_init(void);
bool shutdown_active(void);
