/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator changes in a partition table: checked, done in memory, then written by gpt_job.c. */
#include "gpt_job.h"

#include <hv/lib.h>
#include <hv/random.h>

#include "snapshot.h"

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
	if (!force && (j->state == JOB_READY || !j->blank))
		return "the disk holds something: `disk init DISK force` loses all of it";
	storage_guid_make(&guid);
	if (gpt_new(&j->gpt, j->entries, s->d->sector_size, gpt_job_sectors(s), guid.byte))
		return "the disk is too small";
	gpt_job_write(s, GPT_WRITE_NEW, ended, arg);
	return NULL;
}

const char *volume_create(struct storage_disk *s, const char *name, u64 bytes, enum volume_type type, volume_ended_fn *ended,
			  void *arg)
{
	const char *why = table_ready(s);
	struct storage_guid guid;
	int entry;

	if (why)
		return why;
	if (!gpt_name_ok(name))
		return "a name has 1 to 36 characters, printable ASCII without quotes and slashes";
	if (volume_name_taken(name))
		return "there is a volume of this name";
	storage_guid_make(&guid);
	entry = gpt_add(&s->gpt->gpt, s->gpt->entries, name, bytes, volume_kind(type)->byte, guid.byte);
	if (entry < 0)
		return entry == -E_NOSPC ? "no gap on the disk is large enough" : entry == -E_NOMEM ? "the table is full" :
			"a volume has at least one byte";
	gpt_job_write(s, GPT_WRITE_ALL, ended, arg);
	return NULL;
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

	if (!why && (v->snap || v->type == VOLUME_STORE))
		why = "snapshots, clones over them and what keeps them have their names for good";
	if (!why && volume_name_taken(name))
		why = "there is a volume of this name";
	return why ? why : change(v, gpt_rename(&v->disk->gpt->gpt, v->disk->gpt->entries, v->entry, name), ended, arg);
}

const char *volume_grow(struct volume *v, u64 bytes, volume_ended_fn *ended, void *arg)
{
	const char *why = volume_ready(v);

	if (!why && v->users)
		why = "it is in use: a guest learns a disk's size when it starts";
	why = why ? why : snap_forbids_change(v);
	return why ? why : change(v, gpt_grow(&v->disk->gpt->gpt, v->disk->gpt->entries, v->entry, bytes), ended, arg);
}

u64 volume_largest_gap(const struct storage_disk *s)
{
	return s->gpt->state == JOB_READY ? gpt_largest_gap(&s->gpt->gpt, s->gpt->entries) : 0;
}
