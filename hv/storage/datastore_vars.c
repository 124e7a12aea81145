/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware variables: the flash of each guest with firmware goes into vars/NAME a moment after it changed, and back before
 * the guest's first start. A file is a header and those blocks of 4 KiB that are not all ones, as most are. */
#include "datastore_int.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/pool.h>
#include <hv/time.h>

#define QUIET_NS 300000000ul		/* nothing has changed for so long */
#define AT_MOST_NS (5 * NS_PER_S)	/* or it has been changing for so long */
#define VARS_MAX (1 * MiB)
#define STEP_BYTES (16 * KiB)
#define BLANK 0xffu

struct vars_head {
	char magic[8];
	u32 size, blocks;		/* bytes of flash; blocks that follow */
	u32 sum, reserved;		/* of the whole flash */
	u8 present[VARS_MAX / PAGE_SIZE / 8];
};

static const char magic[8] = "BHVARS1";

static struct vars {
	u64 seen, saved;		/* values of flash_vars_changes() */
	u64 since, at;			/* TSC: of the first change that is not saved, of the last */
	bool settled, said;
	bool gone;			/* its flash is not to be looked at any more */
} vars[PLAN_GUESTS_MAX];

static struct {
	u8 *copy;			/* of one guest's flash */
	u64 size;
	bool asked;			/* there is a datastore, which took its memory */
	u32 guest;			/* whose copy is being written; PLAN_GUESTS_MAX: nobody's */
	u64 changes;			/* when it was taken */
	u64 at;				/* byte of flash that is written next */
	struct vars_head head;
} job;

static u64 size_of(u32 i)
{
	u64 size = flash_vars_size(guests[i]);

	return size <= job.size ? size : 0;
}

/* FNV-1a, by words: against rot, not against an enemy. */
static u32 sum_of(const u8 *p, u64 size)
{
	u64 h = 0xcbf29ce484222325ul, word;

	for (u64 i = 0; i + 8 <= size; i += 8) {
		memcpy(&word, p + i, 8);
		h = (h ^ word) * 0x100000001b3ul;
	}
	return (u32)(h ^ h >> 32);
}

void vars_init(void)
{
	memset(vars, 0, sizeof(vars));
	job.size = 0;
	job.guest = PLAN_GUESTS_MAX;
	job.copy = NULL;
	job.asked = false;
	for (const struct guest *g = guest_next(NULL); g; g = guest_next(g))
		if (flash_vars_size(g) <= VARS_MAX)
			job.size = MAX(job.size, flash_vars_size(g));
}

/* The first guest with a flash of this size needs a larger copy; without one its variables are not kept, and that is said. */
static void grow(u64 size)
{
	u8 *copy;

	if (size <= job.size || size > VARS_MAX || job.guest < PLAN_GUESTS_MAX)
		return;
	if (!job.asked) {
		job.size = size;
		return;
	}
	copy = pool_alloc(ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	if (!copy)
		return;
	if (job.copy)
		pool_free(job.copy, ALIGN_UP(job.size, PAGE_SIZE) / PAGE_SIZE);
	job.copy = copy;
	job.size = size;
}

void vars_add(const struct guest *g)
{
	vars[g->index] = (struct vars){ 0 };
	grow(flash_vars_size(g));
}

void vars_drop(const struct guest *g)
{
	if (job.guest == g->index) {
		fs_abandon();
		job.guest = PLAN_GUESTS_MAX;
	}
	vars[g->index] = (struct vars){ .gone = true };
}

bool vars_memory(void)
{
	job.asked = true;
	if (job.size)
		job.copy = pool_alloc(ALIGN_UP(job.size, PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	return !job.size || job.copy;
}

bool vars_is_writing(void)
{
	return job.guest != PLAN_GUESTS_MAX;
}

void vars_mounted(void)
{
	job.guest = PLAN_GUESTS_MAX;
	for (u32 i = 0; i < guest_count; i++)
		vars[i].saved = vars[i].seen = 0;	/* whatever the disk has, it is written again if it changed here */
}

static const char *path_of(u32 i)
{
	static char path[FS_PATH_MAX];

	fmt_print(path, sizeof(path), "vars/%s", guests[i]->name);
	return path;
}

/* --- back into the flash -------------------------------------------------------------------------------------------- */

static bool is_present(const struct vars_head *h, u64 block)
{
	return h->present[block / 8] >> block % 8 & 1;
}

static const char *read_vars(u32 i, u8 *to, u64 size)
{
	struct vars_head *h = &job.head;
	u32 at = sizeof(*h);

	if (fs_read(path_of(i), 0, h, sizeof(*h)) != sizeof(*h) || memcmp(h->magic, magic, sizeof(magic)))
		return "the file is no record of firmware variables";
	if (h->size != size)
		return "they are of a flash of another size";
	memset(to, BLANK, size);
	for (u64 b = 0; b < size / PAGE_SIZE; b++) {
		if (!is_present(h, b))
			continue;
		if (fs_read(path_of(i), at, to + b * PAGE_SIZE, PAGE_SIZE) != (int)PAGE_SIZE)
			return "the file is cut";
		at += (u32)PAGE_SIZE;
	}
	return sum_of(to, size) == h->sum ? NULL : "their checksum is wrong";
}

static void restore(u32 i)
{
	struct guest *g = guests[i];
	u64 size = size_of(i);
	const char *why;

	vars[i].settled = true;
	if (!size || g->state != GUEST_OFF || !flash_vars_untouched(g) || fs_size(path_of(i)) < 0)
		return;
	why = read_vars(i, job.copy, size);
	if (why) {
		log_error("error DATASTORE-VARS: guest %s: its firmware variables are not put back: %s", g->name, why);
		return;
	}
	memcpy(flash_vars_restore(g), job.copy, size);
	log_info("datastore: guest %s: firmware variables are put back", g->name);
}

bool vars_settled(const struct guest *g)
{
	return vars[g->index].settled;
}

/* --- into the file -------------------------------------------------------------------------------------------------- */

static bool is_blank(const u8 *p)
{
	u64 word;

	for (u32 i = 0; i < PAGE_SIZE; i += 8) {
		memcpy(&word, p + i, 8);
		if (~word)
			return false;
	}
	return true;
}

/* Has it come to rest, or been changing for long? */
static bool is_due(struct vars *v, u64 changes, u64 now)
{
	if (changes != v->seen) {
		if (v->seen == v->saved)
			v->since = now;
		v->seen = changes;
		v->at = now;
	}
	if (v->seen == v->saved)
		return false;
	return now - v->at >= ns_to_ticks(QUIET_NS) || now - v->since >= ns_to_ticks(AT_MOST_NS);
}

/* The guest may be writing: a copy in which it changed something is none. It stores a byte, then counts; so a copy with the
 * same count before and after has at most the one byte that is not counted yet. */
static bool take_copy(u32 i, u64 changes)
{
	struct vars_head *h = &job.head;
	u64 size = size_of(i);

	memcpy(job.copy, flash_vars(guests[i]), size);
	if (flash_vars_changes(guests[i]) != changes)
		return false;
	memset(h, 0, sizeof(*h));
	memcpy(h->magic, magic, sizeof(magic));
	h->size = (u32)size;
	h->sum = sum_of(job.copy, size);
	for (u64 b = 0; b < size / PAGE_SIZE; b++) {
		if (is_blank(job.copy + b * PAGE_SIZE))
			continue;
		h->present[b / 8] |= (u8)(1 << b % 8);
		h->blocks++;
	}
	return true;
}

static void give_up(int err)
{
	fs_abandon();
	datastore_say(path_of(job.guest), err);
	vars[job.guest].at = vars[job.guest].since = tsc_now();		/* later, once more */
	job.guest = PLAN_GUESTS_MAX;
}

static void begin(u32 i, u64 changes)
{
	int err;

	if (!take_copy(i, changes))
		return;
	job.guest = i;
	job.changes = changes;
	job.at = 0;
	err = fs_begin(path_of(i));
	if (!err)
		err = fs_more(&job.head, sizeof(job.head));
	if (err)
		give_up(err);
}

static void go_on(void)
{
	const struct vars_head *h = &job.head;
	u32 step = 0;
	int err = 0;

	for (; job.at < h->size && step < STEP_BYTES && !err; job.at += PAGE_SIZE) {
		if (!is_present(h, job.at / PAGE_SIZE))
			continue;
		err = fs_more(job.copy + job.at, PAGE_SIZE);
		step += (u32)PAGE_SIZE;
	}
	if (!err && job.at < h->size)
		return;
	err = err ? err : fs_commit();
	if (err) {
		give_up(err);
		return;
	}
	datastore_say("", 0);
	vars[job.guest].saved = job.changes;
	job.guest = PLAN_GUESTS_MAX;
}

static void say_too_large(u32 i)
{
	if (flash_vars_size(guests[i]) && !size_of(i) && !vars[i].said)
		log_error("error DATASTORE-VARS: guest %s: its firmware variables are too large to be kept", guests[i]->name);
	vars[i].said = true;
}

bool vars_poll(u64 now)
{
	static u32 turn;
	u32 i = turn;

	if (!datastore_may_write() || !guest_count)
		return false;
	if (job.guest < PLAN_GUESTS_MAX) {
		go_on();
		return true;
	}
	turn = (turn + 1) % guest_count;
	if (!guest_at(i) || vars[i].gone)
		return false;
	if (!vars[i].settled) {
		say_too_large(i);
		restore(i);
		return true;
	}
	if (!size_of(i) || !is_due(&vars[i], flash_vars_changes(guests[i]), now))
		return false;
	begin(i, vars[i].seen);
	return true;
}

bool vars_is_saved(void)
{
	for (u32 i = 0; i < guest_count; i++)
		if (guests[i] && size_of(i) && vars[i].settled && flash_vars_changes(guests[i]) != vars[i].saved)
			return false;
	return true;
}
