/* SPDX-License-Identifier: Apache-2.0 */
/* Writes that overwrite what a snapshot has to keep are held until that is copied and the copy is known on the medium;
 * then they go their usual way. For the origin's writer the newest snapshot keeps it; a clone's writer first gets
 * extents of its own. So what is behind the gate knows of snapshots only where a request's sectors are. */
#include "snapshot.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#define SCAN_MAX 256u			/* extents of a request that are looked at in one turn */
#define TRIES 3u			/* chunks, until the disk is taken for one that cannot be written */
#define PROGRESS_NS 1000000000ul

enum gate { PASS, WAIT, FAIL };

u32 snap_merge_step = 2048;		/* chunks in one turn; tests make it small */

/* For whom a client's writes are copied; SNAP_NONE: nobody. */
static u8 keeper(const struct storage_client *c)
{
	return c->layer == SNAP_ORIGIN ? c->snap->map.newest : c->layer;
}

bool snap_layer_flies(const struct snap_store *t, u8 layer)
{
	for (u32 i = 0; i < storage_clients_end; i++) {
		const struct storage_client *c = storage_client_table[i];

		if (c && c->snap == t && c->layer == layer && c->flying)
			return true;
	}
	return false;
}

/* --- room ----------------------------------------------------------------------------------------------------------- */

/* Snapshots from the oldest one on, up to the last in `layers`, go, each with its clones first. */
void snap_drop(struct snap_store *t, u32 layers, const char *why)
{
	for (u32 clones = 2; clones--;)
		for (u8 i = 0; i < SNAP_LAYERS; i++) {
			const struct snap_layer *l = &t->map.layer[i];
			bool goes = layers >> (l->kind == SNAP_CLONE ? l->base : i) & 1;

			if (!snap_map_is_live(&t->map, i) || t->doomed >> i & 1 || !goes || (l->kind == SNAP_CLONE) != clones)
				continue;
			log_notice("%s %s of %s is lost: %s", clones ? "clone" : "snapshot", l->name,
				   snap_origin(t) ? snap_origin(t)->name : "?", why);
			snap_hide_layer(t, i);
			snap_log_put(t, &(struct snap_record){ .op = SNAP_DELETE, .layer = i });
		}
}

/* Every snapshot that would be read from the origin there: it is about to change. */
static u32 that_lack(const struct snap_store *t, u32 extent)
{
	u32 layers = 0;

	for (u8 i = 0; i < SNAP_LAYERS; i++)
		if (snap_map_is_live(&t->map, i) && t->map.layer[i].kind == SNAP_SNAPSHOT &&
		    snap_map_find(&t->map, i, extent) == SNAP_AT_ORIGIN)
			layers |= BIT32(i);
	return layers;
}

static void warn(struct snap_store *t)
{
	u32 percent = (u32)(t->map.free * 100ul / t->map.chunks);
	u32 mark = percent < 5 ? 5 : percent < 20 ? 20 : 100;

	if (mark < t->warned)
		log_notice("snapshots of %s: less than %u %% of their room is free",
			   snap_origin(t) ? snap_origin(t)->name : "?", mark);
	t->warned = mark;
}

/* No chunk is free. The oldest snapshot goes, when nothing is on its way already; what a clone writes is refused instead. */
static enum gate no_room(struct snap_store *t, const struct storage_client *c)
{
	if (t->doomed || snap_map_dying(&t->map) || snap_layer_comes(t))
		return WAIT;
	if (c->layer != SNAP_ORIGIN || snap_is_rolling(c)) {
		log_notice("%s: there is no room for what it writes", c->name);
		return FAIL;
	}
	snap_drop(t, BIT32(snap_map_oldest(&t->map)), "the room for snapshots is used up");
	return WAIT;
}

/* --- copying -------------------------------------------------------------------------------------------------------- */

static void job_answered(struct storage_request *rq, enum block_result result);

static void job_ask(struct snap_job *j, enum job_state at)
{
	struct snap_store *t = j->store;
	u64 sector = at == JOB_READ ? j->from : snap_chunk_at(t, j->chunk);

	j->at = at;
	snap_ask(t, &j->rq, &j->piece, (struct snap_ask){ at == JOB_READ ? BLOCK_READ : BLOCK_WRITE, false, sector, j->buffer,
		 (u32)(j->sectors * BLOCK_SECTOR), job_answered });
}

static void job_end(struct snap_job *j)
{
	j->at = JOB_FREE;
	j->store->look = true;
	storage_again();
}

/* Not to be kept: nobody wants it any more, or it could not be done. */
static void job_cancel(struct snap_job *j)
{
	snap_map_give(&j->store->map, j->chunk);
	job_end(j);
}

/* A chunk that cannot be written is not used again until the next start. While a clone of what would be dropped is on its way
 * into the log, or a rollback to it, it is tried once more instead. */
static void job_failed(struct snap_job *j)
{
	struct snap_store *t = j->store;
	bool origins = t->map.layer[j->layer].kind == SNAP_SNAPSHOT, tied = snap_layer_comes(t) || snap_rollback_busy(t);

	if (j->at == JOB_COPY && ++j->tries < TRIES && t->state == SNAP_READY && !snap_map_take(&t->map, &j->chunk)) {
		job_ask(j, JOB_COPY);
		return;
	}
	if (j->at == JOB_READ)
		snap_map_give(&t->map, j->chunk);
	j->fail = true;
	if (t->state == SNAP_READY && origins && !tied && t->map.rollback == SNAP_NONE)
		snap_drop(t, that_lack(t, j->extent), "the disk failed to copy what was to be kept");
	job_end(j);
}

static void job_answered(struct storage_request *rq, enum block_result result)
{
	struct snap_job *j = container_of(rq, struct snap_job, rq);
	struct snap_store *t = j->store;

	if (result != BLOCK_OK)
		job_failed(j);
	else if (t->state != SNAP_READY || !snap_map_is_live(&t->map, j->layer) || t->doomed >> j->layer & 1)
		job_cancel(j);
	else if (j->at == JOB_READ)
		job_ask(j, JOB_COPY);
	else {
		j->at = JOB_LOGGED;
		j->commit = snap_log_put(t, &(struct snap_record){ .op = SNAP_MAP, .layer = j->layer, .extent = j->extent,
				.chunk = j->chunk });
		t->copies++;
	}
}

static struct snap_job *job_of(struct snap_store *t, u8 layer, u32 extent)
{
	for (u32 i = 0; i < SNAP_JOBS; i++)
		if ((t->job[i].at || t->job[i].fail) && t->job[i].layer == layer && t->job[i].extent == extent)
			return &t->job[i];
	return NULL;
}

static struct snap_job *job_free(struct snap_store *t)
{
	for (u32 i = 0; i < SNAP_JOBS; i++)
		if (!t->job[i].at && !t->job[i].fail)
			return &t->job[i];
	return NULL;
}

/* Let layer have its own copy of an extent. */
static enum gate keep(struct snap_store *t, const struct storage_client *c, u8 layer, u32 extent)
{
	struct snap_job *j = job_of(t, layer, extent);
	u32 chunk;

	if (j && j->fail)		/* what cannot be kept of the origin: its snapshots are dropped, it is written */
		return c->layer != SNAP_ORIGIN || snap_is_rolling(c) ? FAIL : WAIT;
	if (j || t->doomed >> layer & 1)
		return WAIT;
	j = job_free(t);
	if (!j)
		return WAIT;
	if (snap_map_take(&t->map, &chunk))
		return no_room(t, c);
	warn(t);
	*j = (struct snap_job){ .store = t, .layer = layer, .extent = extent, .chunk = chunk, .buffer = j->buffer,
		.from = snap_source(t, layer, extent), .sectors = snap_length(t, extent) };
	job_ask(j, JOB_READ);
	return WAIT;
}

/* --- who passes ----------------------------------------------------------------------------------------------------- */

/* Sectors of the disk are read for a snapshot or a clone, by those who began before they were kept. */
static bool is_read(const struct snap_store *t, u64 first, u64 sectors)
{
	const struct storage_disk *s = t->disk;

	for (u32 i = 0; i < SNAP_JOBS; i++)
		if (t->job[i].at == JOB_READ && t->job[i].from < first + sectors && first < t->job[i].from + t->job[i].sectors)
			return true;
	for (u32 i = 0; t->views && i < s->slots; i++) {
		const struct storage_slot *slot = &s->slot[i];

		if (!(s->free >> i & 1) && slot->client && slot->client->snap == t && slot->client->layer != SNAP_ORIGIN &&
		    slot->rq.op == BLOCK_READ && slot->rq.sector < first + sectors && first < slot->rq.sector + slot->rq.sectors)
			return true;
	}
	return false;
}

/* Sees to it that all of rq's extents are kept; rq->given: sectors of it that are. */
static enum gate judge(struct storage_client *c, struct storage_request *rq)
{
	struct snap_store *t = c->snap;
	u64 per = snap_extent_sectors(t);
	u8 layer = keeper(c);
	enum gate all = PASS;

	if (layer == SNAP_NONE)
		return PASS;
	for (u64 at = rq->given, n = 0; at < rq->sectors; n++) {
		u32 extent = (u32)((rq->sector + at) / per);

		if (n == SCAN_MAX) {
			t->look = true;
			storage_again();
			return WAIT;
		}
		at = MIN((extent + 1ul) * per - rq->sector, rq->sectors);
		if (snap_map_has(&t->map, layer, extent)) {
			if (all == PASS)
				rq->given = at;
			continue;
		}
		all = keep(t, c, layer, extent);
		if (all == FAIL || !job_free(t))
			return all;
	}
	if (all == PASS && c->layer == SNAP_ORIGIN && is_read(t, c->first + rq->sector, rq->sectors))
		return WAIT;
	return all;
}

static enum gate may_pass(struct storage_client *c, struct storage_request *rq)
{
	const struct snap_store *t = c->snap;

	switch (t->state) {
	case SNAP_READY:
		if (c->layer == SNAP_ORIGIN && t->frozen)
			return WAIT;
		break;
	case SNAP_LOADING:
		return WAIT;
	case SNAP_EMPTY:
	case SNAP_OFF:
		return c->layer == SNAP_ORIGIN ? PASS : FAIL;
	default:
		return c->layer == SNAP_ORIGIN && rq->op == BLOCK_READ ? PASS : FAIL;
	}
	if (rq->op == BLOCK_READ || rq->op == BLOCK_FLUSH)
		return PASS;
	return judge(c, rq);
}

static void hold(struct snap_store *t, struct storage_client *c, struct storage_request *rq)
{
	rq->state = RQ_HELD;
	rq->next = NULL;
	if (t->held)
		t->held_tail->next = rq;
	else
		t->held = rq;
	t->held_tail = rq;
	c->held++;
	storage_again();
}

/* A discard is a hint: nothing is copied for it, nothing waits. It is done where all that it covers is kept already, or is the
 * clone's own; else only answered. */
static bool may_discard(const struct storage_client *c, const struct storage_request *rq)
{
	const struct snap_store *t = c->snap;
	u64 per = snap_extent_sectors(t), first = rq->sector / per, last = (rq->sector + rq->sectors - 1) / per;

	if (t->state != SNAP_READY || t->frozen || last - first >= SCAN_MAX)
		return false;
	for (u64 extent = first; extent <= last; extent++)
		if (!snap_map_has(&t->map, keeper(c), (u32)extent))
			return false;
	return c->layer != SNAP_ORIGIN || !is_read(t, c->first + rq->sector, rq->sectors);
}

bool snap_hold(struct storage_client *c, struct storage_request *rq)
{
	enum gate v;

	if (rq->op == BLOCK_DISCARD && (c->layer != SNAP_ORIGIN || c->snap->map.newest != SNAP_NONE)) {
		if (may_discard(c, rq))
			return false;
		storage_answer(rq, BLOCK_OK);
		return true;
	}
	v = may_pass(c, rq);
	rq->given = 0;
	if (v == WAIT)
		hold(c->snap, c, rq);
	else if (v == FAIL)
		storage_answer(rq, BLOCK_FAILED);
	return v != PASS;
}

/* Those that are held, in the order in which they came. */
static bool look_at_held(struct snap_store *t)
{
	struct storage_request *rq = t->held, *next;
	bool any = false;

	t->held = t->held_tail = NULL;
	for (; rq; rq = next) {
		struct storage_client *c = rq->client;
		enum gate v = may_pass(c, rq);

		next = rq->next;
		c->held--;
		if (v == WAIT) {
			hold(t, c, rq);
			continue;
		}
		any = true;
		rq->given = 0;
		if (v == PASS)
			storage_enqueue(rq);
		else
			storage_answer(rq, BLOCK_FAILED);
	}
	return any;
}

void snap_fail_held(struct storage_client *c)
{
	struct snap_store *t = c->snap;
	struct storage_request *rq = t->held, *next;

	t->held = t->held_tail = NULL;
	for (; rq; rq = next) {
		next = rq->next;
		rq->client->held--;
		if (rq->client != c)
			hold(t, rq->client, rq);
		else
			storage_answer(rq, BLOCK_FAILED);
	}
}

u64 snap_place(const struct storage_client *c, u64 sector, u64 *run)
{
	const struct snap_store *t = c->snap;
	u64 per = snap_extent_sectors(t), in = sector % per;

	*run = per - in;
	return snap_source(t, c->layer, (u32)(sector / per)) + in;
}

bool snap_gate_idle(const struct snap_store *t)
{
	for (u32 i = 0; i < SNAP_JOBS; i++)
		if (t->job[i].at)
			return false;
	return true;
}

bool snap_gate_run(struct snap_store *t)
{
	bool any = false;

	for (u32 i = 0; i < SNAP_JOBS; i++)
		if (t->job[i].at == JOB_LOGGED && t->job[i].commit <= t->log.committed)
			job_end(&t->job[i]);
	if (t->held) {
		t->look = false;
		any = look_at_held(t);
	}
	for (u32 i = 0; i < SNAP_JOBS; i++)
		t->job[i].fail = false;		/* whoever waited for it has seen it */
	return any || (t->held && t->look);
}

void snap_gate_forget(struct snap_store *t)
{
	for (struct storage_request *rq = t->held; rq; rq = rq->next)
		rq->given = 0;
}

/* --- merging -------------------------------------------------------------------------------------------------------- */

static void tell_progress(struct snap_store *t, const struct snap_layer *l, u64 now)
{
	if ((s64)(now - t->told) < (s64)ns_to_ticks(PROGRESS_NS))	/* now is when the turn began */
		return;
	t->told = now;
	log_notice("%s: deleting: %u of %u extents looked at", l->name, l->merged, l->merged + l->count);
}

bool snap_merge_run(struct snap_store *t, u64 now)
{
	for (u8 i = 0; i < SNAP_LAYERS; i++) {
		struct snap_layer *l = &t->map.layer[i];

		if (!l->used || !l->dying || snap_layer_flies(t, i))
			continue;
		tell_progress(t, l, now);
		if (snap_map_merge(&t->map, i, snap_merge_step))
			t->look = true;
		return true;
	}
	return false;
}
