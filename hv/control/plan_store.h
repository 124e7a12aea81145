/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The plan in force as a text that lasts: kept in the datastore with its history, taken up again at the next start, or by hand.
 * Control core. */

#include <hv/types.h>

#define PLAN_STORE_KEPT 8u
#define PLAN_STORE_TEXT (64 * KiB)

void plan_store_init(void);

/* Keep the plan in force. Null: it is being written, `said` lines come in the log; else why not. */
const char *plan_store_save(void);

/* The guests as they are in the saved plan of that number (0: the newest but one) instead of those in force. Those that would
 * change must rest. Null: begun, the log says how it went; else why not. */
const char *plan_store_rollback(u32 number);

/* Changes of the plan last by themselves: there is a datastore that takes them. */
bool plan_store_lasts(void);

/* The plan in force has changed: it is kept soon, when changes pause. */
void plan_store_changed(void);

/* Forget all that was saved: the next start is by bulkhead.toml. */
const char *plan_store_forget(void);

/* A step of what is under way. true: there is more. Out of the event loop's turn. */
bool plan_store_step(u64 now);

/* At the start, before guests are started: the newest saved plan is taken up, if it was made of the bulkhead.toml that this start
 * has. true: that is over. */
bool plan_store_settled(u64 now);

/* The nth saved plan: its number; 0: there are no more. Any order. */
u32 plan_store_nth(u32 n);
