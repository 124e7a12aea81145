/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* From the guests in force to those of another plan: guests that are in both and alike stay as they are. Control core. */

#include <hv/types.h>

/* Begin. Null: it goes on in steps, the log says how it ends; else why not (errors of the text are in the log), and nothing was
 * changed. number: how the log calls it. */
const char *plan_apply_begin(const char *text, u32 size, u32 number);

/* true: there is more to do. */
bool plan_apply_step(void);
bool plan_apply_busy(void);
