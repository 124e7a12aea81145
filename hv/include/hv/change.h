/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Guests made, changed and dropped while others run: each a change of the plan in force, admitted beside it. It happens whole
 * or not at all. Between hv/core/change.c and hv/control/requests.c. Control core, out of the event loop's turn. */

#include <hv/guest.h>
#include <hv/plan.h>

/* Make a guest: off, like one of the plan. Null: errors says why not. */
struct guest *change_add(const struct plan_guest *wanted, struct plan_errors *errors);

/* May g go? 0: the plan holds without it; else errors says what does not. */
int change_may_drop(const struct guest *g, struct plan_errors *errors);

/* May g, which is off, become as wanted, under its own name? */
int change_may_set(const struct guest *g, const struct plan_guest *wanted, struct plan_errors *errors);

/* Would these guests hold on this machine, all together, with the switches that it has? p gets those. */
int change_may_apply(struct plan *p, struct plan_errors *errors);

/* The same with its own [machine] and switches: what this machine would be if it started with p. Null: errors says why not; else it
 * stays until the next call of any of these. */
const struct resolved_plan *change_imagine(const struct plan *p, struct plan_errors *errors);

/* g goes, in two steps: it is off, nothing works in its RAM, which is cleared. After the first its cores do
 * host_reload_tables(); with the second its RAM is free for others and g is no more. Or one as wanted takes its place, which
 * change_may_set() has allowed: it is returned. Should there be no memory for it, or RAM have been taken meanwhile, the old one is
 * made again, and errors says so (null: not even that could be done, and it is gone). */
void change_drop_begin(struct guest *g);
void change_drop_end(struct guest *g);
struct guest *change_set_end(struct guest *g, const struct plan_guest *wanted, struct plan_errors *errors);
