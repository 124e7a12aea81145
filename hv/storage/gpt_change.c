/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator changes in a partition table: checked, done in memory, then written by gpt_job.c. */
#include "gpt_job.h"

#include <hv/lib.h>
#include <hv/random.h>

#include "snapshot.h"
#include "wipe.h"

/* --- changes -------------------------------------------------------------------------------------------------------- */

static const char *may_change(const struct storage_disk *s)
{
	if (!storage_disk_alive(s))
		return "the disk is gone";
	if (!s->granted)
		return "the plan does not name this disk: nothing is written to it (key `disks` of [machine])";
	if (s->d->readonly)
		return "the disk cannot be written";
	if (gpt_job_busy(s))
		return "its partition table is being read or written: try again";
	return NULL;
}

static const char *table_ready(const struct storage_disk *s)
{
	const char *why = may_change(s);

	return why || s->gpt->state == JOB_READY ? why : "the disk has no partition table: `disk init` makes one";
}

/* What is being erased for a volume looks free in the table until that is done. */
static const char *room_ready(const struct storage_disk *s)
{
	const char *why = table_ready(s);

	return why || !wipe_busy(s) ? why : "a volume is being erased on this disk, one at a time: try again when that is done";
}

/* Version 4: of random numbers. RFC 9562 "UUID Version 4"; the first three fields lie little-endian on the disk. */
void storage_guid_make(struct storage_guid *g)
{
	static struct random random;
	static bool seeded;

	if (!seeded)
		random_seed(&random, 0x67707400);
	seeded = true;
	random_fill(&random, g->byte, sizeof(g->byte));
	g->byte[7] = (u8)((g->byte[7] & 0x0f) | 0x40);
	g->byte[8] = (u8)((g->byte[8] & 0x3f) | 0x80);
}

const char *volume_init_disk(struct storage_disk *s, bool force, volume_ended_fn *ended, void *arg)
{
	const char *why = may_change(s);
	struct gpt_job *j = s->gpt;
	struct storage_guid guid;

	if (why)
		return why;
	for (u32 i = 0; i < VOLUMES_MAX; i++)
		if (volume_at(i)->disk == s && volume_at(i)->users)
			return "one of its volumes is in use";
	if (wipe_busy(s))
		return "a volume is being erased on it";
	if (!force && (j->state == JOB_READY || !j->blank))
		return "the disk holds something: `disk init DISK force` loses all of it";
	storage_guid_make(&guid);
	if (gpt_new(&j->gpt, j->entries, s->d->sector_size, gpt_job_sectors(s), guid.byte))
		return "the disk is too small";
	gpt_job_write(s, GPT_WRITE_NEW, ended, arg);
	return NULL;
}

static const char *no_room(int err)
{
	return err == -E_NOSPC ? "no gap on the disk is large enough" : err == -E_NOMEM ? "the table is full" :
		"a volume has at least one byte";
}

static const char *name_ready(const char *name)
{
	if (!gpt_name_ok(name))
		return "a name has 1 to 36 characters, printable ASCII without quotes and slashes";
	return volume_name_taken(name) || wipe_makes(name) ? "there is a volume of this name" : NULL;
}

static const char *add(struct storage_disk *s, const char *name, const struct gpt_extent *at, enum volume_type type,
		       volume_ended_fn *ended, void *arg)
{
	struct storage_guid guid;
	int entry;

	storage_guid_make(&guid);
	entry = gpt_add_at(&s->gpt->gpt, s->gpt->entries, name, at, volume_kind(type)->byte, guid.byte);
	if (entry < 0)
		return no_room(entry);
	gpt_job_write(s, GPT_WRITE_ALL, ended, arg);
	return NULL;
}

static const char *create(struct storage_disk *s, const char *name, u64 bytes, enum volume_type type, bool erase,
			  volume_ended_fn *ended, void *arg)
{
	const char *why = room_ready(s);
	struct gpt_extent at;
	int err;

	why = why ? why : name_ready(name);
	if (why)
		return why;
	err = gpt_place(&s->gpt->gpt, s->gpt->entries, bytes, &at);
	if (err)
		return no_room(err);
	return erase ? wipe_new(s, name, &at, ended, arg) : add(s, name, &at, type, ended, arg);
}

/* A datastore and what keeps snapshots show nobody what they have not written themselves. */
const char *volume_create(struct storage_disk *s, const char *name, u64 bytes, enum volume_type type, volume_ended_fn *ended,
			  void *arg)
{
	return create(s, name, bytes, type, type == VOLUME_OURS, ended, arg);
}

const char *volume_create_unerased(struct storage_disk *s, const char *name, u64 bytes, volume_ended_fn *ended, void *arg)
{
	return create(s, name, bytes, VOLUME_OURS, false, ended, arg);
}

const char *volume_create_unfinished(struct storage_disk *s, const char *name, u64 bytes, volume_ended_fn *ended, void *arg)
{
	return create(s, name, bytes, VOLUME_UNFINISHED, false, ended, arg);
}

/* Meanwhile the table may have been changed, or read again; others may have taken the name. */
const char *volume_create_erased(struct storage_disk *s, const char *name, const struct gpt_extent *at, volume_ended_fn *ended,
				 void *arg)
{
	const char *why = table_ready(s);

	why = why ? why : name_ready(name);
	return why ? why : add(s, name, at, VOLUME_OURS, ended, arg);
}

/* The table as it was is read again if the change cannot be written. */
static const char *change(struct volume *v, int err, volume_ended_fn *ended, void *arg)
{
	if (err)
		return err == -E_NOSPC ? "there is no room behind it" : err == -E_RANGE ? "it has more than that already" :
			err == -E_INVAL ? "a name has 1 to 36 characters, printable ASCII without quotes and slashes" :
			"there is no such partition any more";
	gpt_job_write(v->disk, GPT_WRITE_ALL, ended, arg);
	return NULL;
}

static const char *volume_ready(const struct volume *v)
{
	const char *why = v->disk ? table_ready(v->disk) : "its disk is gone";

	return why ? why : v->changing ? "something is being done with it" : NULL;
}

static const char *is_whole(const struct volume *v)
{
	return v->type == VOLUME_UNFINISHED ? "it was never filled to its end, and can only be deleted" : NULL;
}

const char *volume_delete(struct volume *v, volume_ended_fn *ended, void *arg)
{
	const char *why = volume_ready(v);

	if (!why && v->users)
		why = "it is in use";
	if (!why && v->snap)
		return volume_delete_layer(v, ended, arg);
	why = why ? why : snap_forbids_change(v);
	return why ? why : change(v, gpt_remove(&v->disk->gpt->gpt, v->disk->gpt->entries, v->entry), ended, arg);
}

const char *volume_rename(struct volume *v, const char *name, volume_ended_fn *ended, void *arg)
{
	const char *why = volume_ready(v);

	why = why ? why : is_whole(v);
	if (!why && (v->snap || v->type == VOLUME_STORE))
		why = "snapshots, clones over them and what keeps them have their names for good";
	if (!why && volume_name_taken(name))
		why = "there is a volume of this name";
	return why ? why : change(v, gpt_rename(&v->disk->gpt->gpt, v->disk->gpt->entries, v->entry, name), ended, arg);
}

const char *volume_finish(struct volume *v, const char *name, volume_ended_fn *ended, void *arg)
{
	const char *why = volume_ready(v);

	return why ? why : change(v, gpt_finish(&v->disk->gpt->gpt, v->disk->gpt->entries, v->entry, name ? name : v->name,
						volume_kind(VOLUME_OURS)->byte), ended, arg);
}

const char *volume_grow(struct volume *v, u64 bytes, volume_ended_fn *ended, void *arg)
{
	const char *why = volume_ready(v);
	struct gpt_extent more;
	int err;

	why = why ? why : room_ready(v->disk);
	why = why ? why : is_whole(v);
	if (!why && v->users)
		why = "it is in use: a guest learns a disk's size when it starts";
	why = why ? why : snap_forbids_change(v);
	if (why)
		return why;
	err = gpt_grow_place(&v->disk->gpt->gpt, v->disk->gpt->entries, v->entry, bytes, &more);
	return err || !more.sectors ? change(v, err, ended, arg) : wipe_more(v, bytes, &more, ended, arg);
}

const char *volume_grow_erased(struct volume *v, u64 bytes, const struct gpt_extent *more, volume_ended_fn *ended, void *arg)
{
	const char *why = v->disk ? table_ready(v->disk) : "its disk is gone";
	struct gpt_extent now;
	int err;

	if (why)
		return why;
	err = gpt_grow_place(&v->disk->gpt->gpt, v->disk->gpt->entries, v->entry, bytes, &now);
	if (!err && (now.first != more->first || now.sectors != more->sectors))
		return "its partition was changed meanwhile";
	return change(v, err ? err : gpt_grow(&v->disk->gpt->gpt, v->disk->gpt->entries, v->entry, bytes), ended, arg);
}

u64 volume_largest_gap(const struct storage_disk *s)
{
	return s->gpt->state == JOB_READY ? gpt_largest_gap(&s->gpt->gpt, s->gpt->entries) : 0;
}
