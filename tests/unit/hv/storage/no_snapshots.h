/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The block layer without snapshots: for tests of its other parts. */

#include "../../../../hv/storage/snapshot.h"

bool snap_hold(struct storage_client *c, struct storage_request *rq) { return false; }
void snap_fail_held(struct storage_client *c) { }
u64 snap_place(const struct storage_client *c, u64 sector, u64 *run) { return *run = 0; }
bool snap_run(u64 now) { return false; }
u32 snap_places;
bool snap_changing(void) { return false; }
bool snap_loading(const struct storage_disk *s) { return false; }
int snap_may_open(const struct volume *v, const struct storage_client *c) { return 0; }
void snap_opened(struct storage_client *c, struct volume *v) { }
void snap_closed(struct storage_client *c) { }
