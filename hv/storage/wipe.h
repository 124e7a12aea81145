/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Erasing what a volume gets of a disk before the table says that it is the volume's. */

#include "gpt_job.h"

/* Erase `at`, then add a volume there: volume_create_erased(); or `more`, then grow v by it: volume_grow_erased(). Null, or why
 * not, in words; then ended() is not called. Nothing is erased on s so far: see wipe_busy(). */
const char *wipe_new(struct storage_disk *s, const char *name, const struct gpt_extent *at, volume_ended_fn *ended, void *arg);
const char *wipe_more(struct volume *v, u64 bytes, const struct gpt_extent *more, volume_ended_fn *ended, void *arg);

/* Something of s that the table has as free is being erased: it is to stay free. */
bool wipe_busy(const struct storage_disk *s);
/* A volume of this name is about to be. */
bool wipe_makes(const char *name);
/* How far it is for a volume that grows, in bytes. */
bool wipe_progress(const struct volume *v, u64 *done, u64 *all);
/* volume_coming_at(). */
bool wipe_coming_at(u32 index, struct volume_coming *to);
/* For the operator: what is erased on s; "": nothing. */
char *wipe_describe(const struct storage_disk *s, char *to, size_t size);

/* Go on with what waits for a partition table. true: something was done. */
bool wipe_turn(void);

/* gpt_change.c: the end of both. */
const char *volume_create_erased(struct storage_disk *s, const char *name, const struct gpt_extent *at, volume_ended_fn *ended,
				 void *arg);
const char *volume_grow_erased(struct volume *v, u64 bytes, const struct gpt_extent *more, volume_ended_fn *ended, void *arg);
