/* SPDX-License-Identifier: Apache-2.0 */
/* A volume gets zeros, not what another guest left on the disk. The place is erased and the disk flushed while the table still
 * says that it is free; the table comes last. So a cut leaves no volume, or one of the size that it had. One place of each disk at
 * a time, which nothing else is put into meanwhile. */
#include "wipe.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#define STEP_BYTES (4 * MiB)	/* of one request: a disk answers that soon, however slow it is */
#define PROGRESS_NS 1000000000ul

enum wipe_state { WIPE_IDLE, WIPE_ZERO, WIPE_FLUSH, WIPE_TABLE_WAITS, WIPE_TABLE };

struct wipe {
	enum wipe_state state;
	struct storage_client io;	/* its range is what is erased; no disk: that has gone */
	struct storage_request rq;
	struct gpt_extent place;
	struct volume *volume;		/* that grows, to `bytes`; null: a new one */
	u64 bytes;
	char name[VOLUME_NAME_SIZE];
	u64 at;				/* sectors of 512 bytes */
	volume_ended_fn *ended;
	void *arg;
	u64 told;			/* TSC of the last progress */
};
static struct wipe wipes[DISKS_MAX];	/* by the disk's index */
static u32 waiting;			/* how many are WIPE_TABLE_WAITS: each round of the control core asks */

static void wipe_end(struct wipe *w, const char *why)
{
	volume_ended_fn *ended = w->ended;

	w->state = WIPE_IDLE;
	storage_close(&w->io);
	if (w->volume) {
		w->volume->changing = false;
		w->volume->users--;
	}
	w->volume = NULL;
	ended(w->arg, why);
}

static void tell_progress(struct wipe *w)
{
	u64 now = tsc_now();
	char done[24], all[24];

	if (now - w->told < ns_to_ticks(PROGRESS_NS))
		return;
	w->told = now;
	log_notice("volume %s: %s of %s erased (%lu %%)", w->name, fmt_bytes(done, sizeof(done), w->at * BLOCK_SECTOR),
		   fmt_bytes(all, sizeof(all), w->io.sectors * BLOCK_SECTOR), w->at * 100 / w->io.sectors);
}

static void answered(struct storage_request *rq, enum block_result result);

/* The next piece, or the end of all of them. */
static void step(struct wipe *w)
{
	u64 sectors = MIN(w->io.sectors - w->at, STEP_BYTES / BLOCK_SECTOR);

	w->state = sectors ? WIPE_ZERO : WIPE_FLUSH;
	w->rq = (struct storage_request){ .op = sectors ? BLOCK_ZERO : BLOCK_FLUSH, .sector = sectors ? w->at : 0,
		.sectors = sectors, .done = answered };
	storage_submit(&w->io, &w->rq);
}

/* A disk that went has failed its request, too. */
static void answered(struct storage_request *rq, enum block_result result)
{
	struct wipe *w = container_of(rq, struct wipe, rq);

	if (result != BLOCK_OK) {
		wipe_end(w, "the disk failed while the place was erased: nothing else was changed");
		return;
	}
	if (w->state == WIPE_FLUSH) {
		w->state = WIPE_TABLE_WAITS;
		waiting++;
		return;
	}
	w->at += rq->sectors;
	tell_progress(w);
	step(w);
}

static void written(void *arg, const char *why)
{
	wipe_end(arg, why);
}

static const char *write_table(struct wipe *w)
{
	if (!w->io.disk)
		return "the disk is gone";
	if (w->volume)
		return volume_grow_erased(w->volume, w->bytes, &w->place, written, w);
	return volume_create_erased(w->io.disk, w->name, &w->place, written, w);
}

/* Somebody else may be changing the table: then a little later. */
bool wipe_turn(void)
{
	bool did = false;

	if (LIKELY(!waiting))
		return false;
	for (u32 i = 0; i < DISKS_MAX; i++) {
		struct wipe *w = &wipes[i];
		const char *why;

		if (w->state != WIPE_TABLE_WAITS || (w->io.disk && gpt_job_busy(w->io.disk)))
			continue;
		did = true;
		w->state = WIPE_TABLE;
		waiting--;
		why = write_table(w);
		if (why)
			wipe_end(w, why);
	}
	return did;
}

static const char *begin(struct storage_disk *s, const char *name, const struct gpt_extent *at, volume_ended_fn *ended, void *arg)
{
	struct wipe *w = &wipes[s->index];
	u32 per = s->d->sector_size / BLOCK_SECTOR;

	if (w->state != WIPE_IDLE)
		return "a volume is being made on this disk: try again";
	*w = (struct wipe){ .place = *at, .ended = ended, .arg = arg, .told = tsc_now() };
	str_copy(w->name, sizeof(w->name), name);
	fmt_print(w->io.name, sizeof(w->io.name), "erase for %.30s", name);
	if (storage_open(&w->io, s, at->first * per, at->sectors * per)) {
		storage_close(&w->io);
		return "too many use disks";
	}
	step(w);
	return NULL;
}

const char *wipe_new(struct storage_disk *s, const char *name, const struct gpt_extent *at, volume_ended_fn *ended, void *arg)
{
	return begin(s, name, at, ended, arg);
}

/* Counted as a user, it keeps its place among volumes and its name, and nobody opens it. */
const char *wipe_more(struct volume *v, u64 bytes, const struct gpt_extent *more, volume_ended_fn *ended, void *arg)
{
	const char *why = begin(v->disk, v->name, more, ended, arg);
	struct wipe *w;

	if (why)
		return why;
	w = &wipes[v->disk->index];
	w->volume = v;
	w->bytes = bytes;
	v->changing = true;
	v->users++;
	return NULL;
}

static bool keeps_place(const struct wipe *w)
{
	return w->state != WIPE_IDLE && w->state != WIPE_TABLE;
}

bool wipe_busy(const struct storage_disk *s)
{
	return keeps_place(&wipes[s->index]);
}

bool wipe_makes(const char *name)
{
	for (u32 i = 0; i < DISKS_MAX; i++)
		if (keeps_place(&wipes[i]) && !wipes[i].volume && !strcmp(wipes[i].name, name))
			return true;
	return false;
}

bool wipe_progress(const struct volume *v, u64 *done, u64 *all)
{
	for (u32 i = 0; i < DISKS_MAX; i++) {
		const struct wipe *w = &wipes[i];

		if (w->state == WIPE_IDLE || w->volume != v)
			continue;
		*done = w->at * BLOCK_SECTOR;
		*all = w->io.sectors * BLOCK_SECTOR;
		return true;
	}
	return false;
}

bool wipe_coming_at(u32 index, struct volume_coming *to)
{
	const struct wipe *w = &wipes[index];

	*to = (struct volume_coming){ w->name, w->io.disk, false, w->at * BLOCK_SECTOR, w->io.sectors * BLOCK_SECTOR };
	return w->state != WIPE_IDLE && !w->volume && w->io.disk;
}

char *wipe_describe(const struct storage_disk *s, char *to, size_t size)
{
	const struct wipe *w = &wipes[s->index];

	*to = 0;
	if (w->state != WIPE_IDLE && w->io.sectors)
		fmt_print(to, size, "; %lu %% erased for volume %s", w->at * 100 / w->io.sectors, w->name);
	return to;
}
