/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A disk's partition table as gpt_job.c reads and writes it and gpt_change.c changes it. */

#include "gpt.h"
#include "storage.h"

enum gpt_state { JOB_NONE, JOB_HEAD, JOB_BLANK, JOB_BLANK_END, JOB_ENTRIES, JOB_BACKUP,
	JOB_BACKUP_ENTRIES, JOB_WRITE, JOB_READY, JOB_ABSENT };

struct gpt_job {
	struct storage_client client;
	struct storage_request rq;
	struct storage_piece piece;
	enum gpt_state state;
	bool busy, answered;		/* a request is under way; its answer waits */
	bool again;			/* read it all once more when this is over */
	enum block_result result;
	enum gpt_fault fault, backup_fault;
	struct gpt gpt, backup;
	u8 *head, *entries, *backup_entries, *scratch;
	bool blank;			/* nothing at all at the disk's begin and end */
	char why[80];			/* JOB_ABSENT: in words */

	/* Writing. */
	struct gpt_write write[GPT_WRITES_MAX];
	u32 writes, at;
	bool flushing;
	volume_ended_fn *ended;		/* null: a repair of our own */
	void *arg;
};

/* The disk's sectors, of its own size. */
u64 gpt_job_sectors(const struct storage_disk *s);

/* A volume that is to be filled, and what is left to do when all of it is on the medium: from then on it is a volume of this
 * name, which is free (null: of the one that it has). As volume_create_unerased() and volume_rename(). gpt_change.c */
const char *volume_create_unfinished(struct storage_disk *s, const char *name, u64 bytes, volume_ended_fn *ended, void *arg);
const char *volume_finish(struct volume *v, const char *name, volume_ended_fn *ended, void *arg);

/* Bring the table in memory to the disk. The job is settled before. */
void gpt_job_write(struct storage_disk *s, enum gpt_write_what what, volume_ended_fn *ended, void *arg);
