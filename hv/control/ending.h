/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is kept and said of how a guest ended, for the operator. Control core, all vcpus parked unless said otherwise. */

#include "lifecycle.h"

/* Fill l->last, its time and the console's last lines: from the guest's own record, else from where we stopped it. */
void ending_keep(struct life *l, u64 now);

/* The guest has panicked and runs on: fill l->panic, its time and the console's last lines. */
void ending_keep_panic(struct life *l, u64 now);

/* The line of the stable form that says how it ended. */
void ending_announce(const struct life *l);

/* A record of a killed guest for the datastore. */
void ending_record(const struct life *l);

/* The state in which an end leaves the guest. */
enum guest_state ending_state(enum guest_end end);
