/* SPDX-License-Identifier: Apache-2.0 */
/* The partition table of one disk: read when the disk comes, repaired from its other copy, changed on request. Each step is a
 * request to the disk; the next one begins when it is answered. */
#include "gpt_job.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>

#include "wipe.h"

#define HEAD_BYTES (2u * 4096)		/* MBR and header */
#define BLANK_BYTES (2 * (u32)GPT_ENTRIES_BYTES_MAX)	/* of a disk's begin and of its end: room for both copies' entries */

int gpt_job_init(struct storage_disk *s)
{
	u64 bytes = sizeof(struct gpt_job) + HEAD_BYTES + 2 * GPT_ENTRIES_BYTES_MAX + GPT_SCRATCH(4096);
	struct gpt_job *j = s->gpt;
	u8 *memory;

	if (!j) {
		memory = pool_alloc(ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
		if (!memory)
			return -E_NOMEM;
		j = (struct gpt_job *)(void *)(memory + HEAD_BYTES + 2 * GPT_ENTRIES_BYTES_MAX + GPT_SCRATCH(4096));
		j->head = memory;
		j->entries = memory + HEAD_BYTES;
		j->backup_entries = j->entries + GPT_ENTRIES_BYTES_MAX;
		j->scratch = j->backup_entries + GPT_ENTRIES_BYTES_MAX;
		s->gpt = j;
	}
	fmt_print(j->client.name, sizeof(j->client.name), "%s's table", s->d->name);
	j->state = JOB_NONE;
	j->busy = j->answered = j->again = false;
	return j->client.open ? storage_bind(&j->client, s, 0, s->d->sectors) : storage_open(&j->client, s, 0, s->d->sectors);
}

#define FOREIGN "no GUID partition table: it holds something else"

/* --- steps ---------------------------------------------------------------------------------------------------------- */

static void answered(struct storage_request *rq, enum block_result result)
{
	struct gpt_job *j = container_of(rq, struct gpt_job, rq);

	j->busy = false;
	j->answered = true;
	j->result = result;
	storage_wake(j->client.disk);
}

static void ask(struct storage_disk *s, enum block_op op, u64 lba, const u8 *bytes, u32 sectors)
{
	struct gpt_job *j = s->gpt;
	u32 per = s->d->sector_size / BLOCK_SECTOR;

	j->piece = storage_pool_piece((void *)bytes, sectors * s->d->sector_size);
	j->rq = (struct storage_request){ .op = op, .sector = lba * per, .sectors = (u64)sectors * per, .piece = &j->piece,
		.pieces = sectors ? 1 : 0, .done = answered };
	if (op == BLOCK_FLUSH)
		j->rq.sector = j->rq.sectors = 0;
	j->busy = true;
	storage_submit(&j->client, &j->rq);
}

u64 gpt_job_sectors(const struct storage_disk *s)
{
	return s->d->sectors / (s->d->sector_size / BLOCK_SECTOR);
}

void gpt_job_read(struct storage_disk *s)
{
	struct gpt_job *j = s->gpt;

	if (gpt_job_busy(s)) {
		j->again = true;
		return;
	}
	j->again = false;
	storage_bind(&j->client, s, 0, s->d->sectors);
	j->fault = j->backup_fault = GPT_NO_SIGNATURE;
	j->blank = false;
	j->state = JOB_HEAD;
	ask(s, BLOCK_READ, 0, j->head, 2);
}

/* There is nothing that we can use. */
static void absent(struct storage_disk *s, const char *why)
{
	s->gpt->state = JOB_ABSENT;
	str_copy(s->gpt->why, sizeof(s->gpt->why), why);
	volumes_update(s, NULL, NULL);
}

static void read_backup(struct storage_disk *s)
{
	struct gpt_job *j = s->gpt;

	j->state = JOB_BACKUP;
	ask(s, BLOCK_READ, j->fault ? gpt_job_sectors(s) - 1 : j->gpt.other, j->scratch, 1);
}

/* File systems leave the first sectors free, most the first KiB, some 64; RAID keeps its own at the end. */
static void read_blank(struct storage_disk *s, enum gpt_state state)
{
	u64 all = gpt_job_sectors(s), n = MIN(all, BLANK_BYTES / s->d->sector_size);

	s->gpt->state = state;
	ask(s, BLOCK_READ, state == JOB_BLANK ? 0 : all - n, s->gpt->entries, (u32)n);
}

static void have_blank(struct storage_disk *s)
{
	struct gpt_job *j = s->gpt;

	if (!gpt_is_blank(j->entries, j->piece.len)) {
		absent(s, FOREIGN);
	} else if (j->state == JOB_BLANK) {
		read_blank(s, JOB_BLANK_END);
	} else {
		j->blank = true;
		absent(s, "empty");
	}
}

static void have_head(struct storage_disk *s)
{
	struct gpt_job *j = s->gpt;
	u32 size = s->d->sector_size;

	if (gpt_is_blank(j->head, 2 * size)) {
		read_blank(s, JOB_BLANK);
		return;
	}
	if (!gpt_mbr_is_protective(j->head)) {
		absent(s, FOREIGN);
		return;
	}
	j->fault = gpt_read_header(&j->gpt, j->head + size, size, gpt_job_sectors(s), 1);
	if (j->fault) {
		read_backup(s);
		return;
	}
	j->state = JOB_ENTRIES;
	ask(s, BLOCK_READ, j->gpt.entries_at, j->entries, gpt_entries_sectors(&j->gpt));
}

static void write_ask(struct storage_disk *s);

void gpt_job_write(struct storage_disk *s, enum gpt_write_what what, volume_ended_fn *ended, void *arg)
{
	struct gpt_job *j = s->gpt;

	j->writes = gpt_writes(&j->gpt, j->entries, what, j->scratch, j->write);
	j->at = 0;
	j->flushing = false;
	j->ended = ended;
	j->arg = arg;
	j->state = JOB_WRITE;
	write_ask(s);
}

static void ready(struct storage_disk *s)
{
	s->gpt->state = JOB_READY;
	volumes_update(s, &s->gpt->gpt, s->gpt->entries);
}

/* Both copies are known. */
static void choose(struct storage_disk *s)
{
	struct gpt_job *j = s->gpt;
	bool use_backup, repair;

	if (!gpt_choose(j->fault, j->backup_fault, &j->gpt, &j->backup, &use_backup, &repair)) {
		log_notice("disk %s: both copies of its partition table are broken: %s; %s", s->d->name, gpt_fault_words(j->fault),
			   gpt_fault_words(j->backup_fault));
		absent(s, "a broken partition table, in both copies: it is left alone");
		return;
	}
	if (use_backup) {
		j->gpt = j->backup;
		memcpy(j->entries, j->backup_entries, gpt_entries_bytes(&j->gpt));
	}
	if (!repair) {
		ready(s);
		return;
	}
	log_notice("disk %s: the %s copy of its partition table is %s%s", s->d->name, use_backup ? "first" : "second",
		   j->fault || j->backup_fault ? "broken: " : "another than the first", use_backup ? gpt_fault_words(j->fault) :
		   j->backup_fault ? gpt_fault_words(j->backup_fault) : "");
	if (!s->granted || s->d->readonly) {
		log_notice("disk %s: not repaired, as it %s", s->d->name, s->granted ? "cannot be written" : "is not the plan's");
		ready(s);
		return;
	}
	gpt_job_write(s, use_backup ? GPT_WRITE_PRIMARY : GPT_WRITE_BACKUP, NULL, NULL);
}

static void have_entries(struct storage_disk *s)
{
	s->gpt->fault = gpt_check_entries(&s->gpt->gpt, s->gpt->entries);
	read_backup(s);
}

static void have_backup(struct storage_disk *s)
{
	struct gpt_job *j = s->gpt;

	j->backup_fault = gpt_read_header(&j->backup, j->scratch, s->d->sector_size, gpt_job_sectors(s),
					  j->fault ? gpt_job_sectors(s) - 1 : j->gpt.other);
	if (j->backup_fault) {
		choose(s);
		return;
	}
	j->state = JOB_BACKUP_ENTRIES;
	ask(s, BLOCK_READ, j->backup.entries_at, j->backup_entries, gpt_entries_sectors(&j->backup));
}

static void have_backup_entries(struct storage_disk *s)
{
	s->gpt->backup_fault = gpt_check_entries(&s->gpt->backup, s->gpt->backup_entries);
	choose(s);
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

static void write_end(struct storage_disk *s, const char *why)
{
	struct gpt_job *j = s->gpt;
	volume_ended_fn *ended = j->ended;

	j->ended = NULL;
	if (why) {
		j->state = JOB_NONE;		/* what is on the disk now is read anew */
		gpt_job_read(s);
	} else {
		if (!ended)
			log_notice("disk %s: its partition table was repaired from the good copy", s->d->name);
		ready(s);
	}
	if (ended)
		ended(j->arg, why);
}

static void write_ask(struct storage_disk *s)
{
	struct gpt_job *j = s->gpt;

	if (j->at == j->writes)
		write_end(s, NULL);
	else
		ask(s, BLOCK_WRITE, j->write[j->at].lba, j->write[j->at].bytes, j->write[j->at].sectors);
}

static void write_answered(struct storage_disk *s)
{
	struct gpt_job *j = s->gpt;

	if (!j->flushing && j->write[j->at].flush_after) {
		j->flushing = true;
		ask(s, BLOCK_FLUSH, 0, j->scratch, 0);
		return;
	}
	j->flushing = false;
	j->at++;
	write_ask(s);
}

/* A table that cannot be read is none; what could not be written is read again. */
static void failed(struct storage_disk *s)
{
	struct gpt_job *j = s->gpt;

	j->answered = false;
	switch (j->state) {
	case JOB_WRITE:
		log_notice("disk %s: its partition table could not be written", s->d->name);
		write_end(s, "the disk failed while the partition table was written");
		break;
	case JOB_ENTRIES:
		j->fault = GPT_ENTRIES_CRC;
		read_backup(s);
		break;
	case JOB_BACKUP:
	case JOB_BACKUP_ENTRIES:
		j->backup_fault = GPT_ENTRIES_CRC;
		choose(s);
		break;
	default:
		absent(s, "it could not be read");
		break;
	}
}

bool gpt_job_run(struct storage_disk *s)
{
	struct gpt_job *j = s->gpt;

	if (!j->answered) {
		if (j->again && !j->busy && j->state != JOB_WRITE && !s->gone)
			gpt_job_read(s);
		return false;
	}
	if (j->result != BLOCK_OK) {
		failed(s);
		return true;
	}
	j->answered = false;
	switch (j->state) {
	case JOB_HEAD:			have_head(s); break;
	case JOB_BLANK:
	case JOB_BLANK_END:		have_blank(s); break;
	case JOB_ENTRIES:		have_entries(s); break;
	case JOB_BACKUP:		have_backup(s); break;
	case JOB_BACKUP_ENTRIES:	have_backup_entries(s); break;
	case JOB_WRITE:			write_answered(s); break;
	default:			break;
	}
	return true;
}

void gpt_job_forget(struct storage_disk *s)
{
	struct gpt_job *j = s->gpt;
	volume_ended_fn *ended = j->ended;

	j->ended = NULL;
	j->state = JOB_ABSENT;
	str_copy(j->why, sizeof(j->why), "gone");
	if (ended)
		ended(j->arg, "the disk is gone");
}

bool gpt_job_settled(const struct storage_disk *s)
{
	return s->gone || s->gpt->state == JOB_READY || s->gpt->state == JOB_ABSENT;
}

bool gpt_job_busy(const struct storage_disk *s)
{
	return s->gpt->busy || s->gpt->answered || s->gpt->state == JOB_WRITE;
}

void storage_disk_describe(const struct storage_disk *s, char *to, size_t size)
{
	const struct gpt_job *j = s->gpt;
	char erased[80];
	u32 parts = 0;

	for (u32 i = 0; i < VOLUMES_MAX; i++)
		parts += volume_at(i)->disk == s;
	if (j->state == JOB_READY)
		fmt_print(to, size, "GPT with %u partitions%s", parts, wipe_describe(s, erased, sizeof(erased)));
	else
		fmt_print(to, size, "%s", j->state == JOB_ABSENT ? j->why : j->state == JOB_WRITE ? "being written" : "being read");
}
