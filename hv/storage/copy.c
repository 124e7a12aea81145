/* SPDX-License-Identifier: Apache-2.0 */
/* Filling a volume: with a file that boot/ loaded, or with another volume. It is filled while its partition is of a type that
 * nobody opens, ".new" behind its name; the name and the type of a volume come together when all of it is on the medium. So a cut
 * leaves the old state or a partition that shows nobody what its place held. One such job at a time. */
#include "storage.h"

#include <hv/boot_info.h>
#include <hv/files.h>
#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/pool.h>
#include <hv/time.h>

#include "wipe.h"

#define STEP_BYTES (1 * MiB)
#define UNFINISHED ".new"
#define PROGRESS_NS 1000000000ul

enum copy_state { COPY_IDLE, COPY_MAKE, COPY_READ, COPY_WRITE, COPY_FLUSH, COPY_NAME_WAITS, COPY_NAME };

static struct {
	enum copy_state state;
	struct storage_client from, to;
	struct storage_disk *disk;
	struct volume *volume;		/* the new one; null: not in the table yet */
	char name[VOLUME_NAME_SIZE];
	const u8 *file;			/* null: from a volume */
	u64 bytes, at;			/* in all; how far */
	u32 step;			/* bytes under way */
	struct storage_request rq;
	struct storage_piece piece;
	u8 *buffer;
	volume_ended_fn *ended;
	void *arg;
	u64 told;			/* TSC of the last progress */
} copy;

static void copy_end(const char *why)
{
	volume_ended_fn *ended = copy.ended;

	copy.state = COPY_IDLE;
	if (copy.to.open)
		volume_close(&copy.to);
	if (copy.from.open)
		volume_close(&copy.from);
	if (copy.volume)
		copy.volume->changing = false;
	copy.volume = NULL;
	copy.ended = NULL;
	if (ended)
		ended(copy.arg, why);
}

bool volume_progress(const struct volume *v, u64 *done, u64 *all)
{
	*done = copy.at;
	*all = copy.bytes;
	return (copy.state != COPY_IDLE && copy.volume == v) || wipe_progress(v, done, all);
}

bool volume_coming_at(u32 index, struct volume_coming *to)
{
	if (index < DISKS_MAX)
		return wipe_coming_at(index, to);
	*to = (struct volume_coming){ copy.name, copy.disk, copy.volume, copy.at, copy.bytes };
	return copy.state != COPY_IDLE;
}

static void tell_progress(void)
{
	u64 now = tsc_now();
	char done[24], all[24];

	if (now - copy.told < ns_to_ticks(PROGRESS_NS))
		return;
	copy.told = now;
	log_notice("volume %s: %s of %s copied (%lu %%)", copy.name, fmt_bytes(done, sizeof(done), copy.at),
		   fmt_bytes(all, sizeof(all), copy.bytes), copy.at * 100 / copy.bytes);
}

static void answered(struct storage_request *rq, enum block_result result);

/* A volume may end anywhere, and is read up to its end; the new one is of whole MiB, and zero behind that. */
static void ask(struct storage_client *c, enum block_op op)
{
	u32 bytes = op == BLOCK_READ ? copy.step : STEP_BYTES;
	u32 sectors = op == BLOCK_FLUSH ? 0 : bytes / BLOCK_SECTOR;

	copy.piece = storage_pool_piece(copy.buffer, sectors * BLOCK_SECTOR);
	copy.rq = (struct storage_request){ .op = op, .sector = op == BLOCK_FLUSH ? 0 : copy.at / BLOCK_SECTOR, .sectors = sectors,
		.piece = &copy.piece, .pieces = sectors ? 1 : 0, .done = answered };
	storage_submit(c, &copy.rq);
}

/* The next piece, or the end of all of them. */
static void step(void)
{
	tell_progress();
	copy.step = (u32)MIN(copy.bytes - copy.at, STEP_BYTES);
	if (!copy.step) {
		copy.state = COPY_FLUSH;
		ask(&copy.to, BLOCK_FLUSH);
		return;
	}
	memset(copy.buffer + copy.step, 0, STEP_BYTES - copy.step);
	if (!copy.file) {
		copy.state = COPY_READ;
		ask(&copy.from, BLOCK_READ);
		return;
	}
	memcpy(copy.buffer, copy.file + copy.at, copy.step);
	copy.state = COPY_WRITE;
	ask(&copy.to, BLOCK_WRITE);
}

static void named(void *arg, const char *why)
{
	(void)arg;
	copy_end(why);
}

/* What took hours is not lost because somebody has taken its name meanwhile. */
static void kept_its_name(void *arg, const char *why)
{
	(void)arg;
	copy_end(why ? why : "there is a volume of this name by now; all of it is there, as *" UNFINISHED);
}

/* Somebody else may be changing the table: then a little later. */
bool copy_turn(void)
{
	struct volume *v = copy.volume;
	const char *why;
	bool taken;

	if (copy.state != COPY_NAME_WAITS || (v->disk && gpt_job_busy(v->disk)))
		return false;
	volume_close(&copy.to);
	copy.state = COPY_NAME;
	v->changing = false;
	taken = volume_name_taken(copy.name);
	why = volume_finish(v, taken ? NULL : copy.name, taken ? kept_its_name : named, NULL);
	if (why)
		copy_end(why);
	return true;
}

static void answered(struct storage_request *rq, enum block_result result)
{
	(void)rq;
	if (result != BLOCK_OK) {
		copy_end(copy.state == COPY_READ ? "the volume could not be read" :
			 "the disk failed; what was copied stays as *" UNFINISHED);
		return;
	}
	switch (copy.state) {
	case COPY_READ:
		copy.state = COPY_WRITE;
		ask(&copy.to, BLOCK_WRITE);
		break;
	case COPY_WRITE:
		copy.at += copy.step;
		step();
		break;
	default:
		copy.state = COPY_NAME_WAITS;
		break;
	}
}

/* The partition is there: find it, open it, begin. */
static void made(void *arg, const char *why)
{
	char unfinished[VOLUME_NAME_SIZE + 8];

	(void)arg;
	fmt_print(unfinished, sizeof(unfinished), "%s" UNFINISHED, copy.name);
	copy.volume = why ? NULL : volume_find(unfinished, NULL, 0);
	copy.to.fills = true;
	if (!why && (!copy.volume || volume_open(&copy.to, copy.volume)))
		why = "the new partition cannot be opened";
	if (why) {
		copy_end(why);
		return;
	}
	copy.volume->changing = true;
	step();
}

static const char *begin(const char *name, struct storage_disk *s, u64 bytes, volume_ended_fn *ended, void *arg)
{
	char unfinished[VOLUME_NAME_SIZE + 8];
	const char *why;

	if (copy.state != COPY_IDLE)
		return "another copy is under way";
	if (strlen(name) + strlen(UNFINISHED) > VOLUME_NAME_SIZE - 1)
		return "the name is too long: 32 characters while a volume is filled";
	if (volume_name_taken(name))
		return "there is a volume of this name";
	copy.buffer = copy.buffer ? copy.buffer : pool_alloc(STEP_BYTES / PAGE_SIZE, POOL_OTHER);
	if (!copy.buffer)
		return "there is no memory for it";
	str_copy(copy.name, sizeof(copy.name), name);
	fmt_print(copy.to.name, sizeof(copy.to.name), "copy to %.30s", name);
	fmt_print(unfinished, sizeof(unfinished), "%s" UNFINISHED, name);
	copy.disk = s;
	copy.bytes = bytes;
	copy.at = 0;
	copy.told = tsc_now();
	copy.ended = ended;
	copy.arg = arg;
	copy.state = COPY_MAKE;
	why = volume_create_unfinished(s, unfinished, bytes, made, NULL);
	if (why)
		copy.state = COPY_IDLE;
	return why;
}

bool volume_imports(const void *file)
{
	return copy.state != COPY_IDLE && copy.file == file;
}

const char *volume_import(struct storage_disk *s, const char *name, const char *file, volume_ended_fn *ended, void *arg)
{
	u64 size;
	const u8 *bytes = file_bytes(file, &size);

	if (bytes) {
		if (copy.state == COPY_IDLE)
			copy.file = bytes;
		return begin(name, s, size, ended, arg);
	}
	for (u32 i = 0; i < boot_info->file_count; i++) {
		const struct boot_file *f = &boot_info->files[i];

		if (strcmp(f->name, file) != 0)
			continue;
		if (copy.state == COPY_IDLE)
			copy.file = (const u8 *)(GUEST_IMAGES_VA + f->base);
		return f->size ? begin(name, s, f->size, ended, arg) : "the file is empty";
	}
	return "no such file was loaded: `import` of [machine] must name it, and it must lie beside the plan";
}

const char *volume_clone(struct volume *v, struct storage_disk *s, const char *name, volume_ended_fn *ended, void *arg)
{
	const char *why;

	if (copy.state != COPY_IDLE)
		return "another copy is under way";
	if (!v->disk || v->writers)
		return v->disk ? "it is being written by a guest: stop that first, or add `cow`" : "its disk is gone";
	if (v->type == VOLUME_UNFINISHED)
		return "it was never filled to its end, and can only be deleted";
	fmt_print(copy.from.name, sizeof(copy.from.name), "copy of %.30s", v->name);
	copy.from.readonly = true;
	if (volume_open(&copy.from, v))
		return "it is in use";
	copy.file = NULL;
	why = begin(name, s, v->sectors * BLOCK_SECTOR, ended, arg);
	if (why)
		volume_close(&copy.from);
	return why;
}
