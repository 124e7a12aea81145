/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* From the guests in force to those of another plan: guests that are in both and alike stay as they are. Control core. */

#include "plan_diff.h"

#include <hv/plan.h>

/* Begin. Null: it goes on in steps, the log says how it ends; else why not (errors of the text are in the log), and nothing was
 * changed. number: how the log calls it. */
const char *plan_apply_begin(const char *text, u32 size, u32 number);

/* The same for a text that an operator sends: everything in it must be so already, or can be changed while the machine runs.
 * errors has what is wrong with the text; tell gets each change first; dry: nothing else is done. */
const char *plan_apply_text(const char *text, u32 size, bool dry, struct plan_errors *errors, plan_change_fn *tell, void *arg);

/* true: there is more to do. */
bool plan_apply_step(void);
bool plan_apply_busy(void);
