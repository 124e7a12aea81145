/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a store: superblocks, then the log of the half that holds, each record carried out. Nothing in it is believed
 * before it has been checked. The log ends at the first block that is none of it: what was not wholly written never
 * happened. */
#include "snapshot.h"

#include <hv/lib.h>
#include <hv/log.h>

#define BUFFER_BLOCKS (SNAP_BUFFER / SNAP_BLOCK)

static void heard(struct storage_request *rq, enum block_result result)
{
	struct snap_store *t = container_of(rq, struct snap_store, log.rq);

	t->busy = false;
	t->answered = true;
	t->result = result;
}

static void read_blocks(struct snap_store *t, u64 sector, u32 blocks)
{
	t->busy = true;
	snap_ask(t, &t->log.rq, &t->log.piece,
		 (struct snap_ask){ BLOCK_READ, false, sector, t->buffer, blocks * SNAP_BLOCK, heard });
}

void snap_load(struct snap_store *t)
{
	t->state = SNAP_LOADING;
	t->map.newest = t->map.rollback = SNAP_NONE;
	if (t->volume->sectors < SNAP_HEAD_BLOCKS * (SNAP_BLOCK / BLOCK_SECTOR))
		snap_empty(t, "it is too small");
	else
		read_blocks(t, snap_block_at(t, 0), SNAP_HEAD_BLOCKS);
}

static void read_log(struct snap_store *t)
{
	u32 blocks = MIN(BUFFER_BLOCKS, t->super.half - t->loaded);

	read_blocks(t, snap_log_at(t, t->super.seq, t->loaded), blocks);
}

/* The superblock that holds. false: there is none. */
static bool choose(struct snap_store *t)
{
	bool found = false;
	struct snap_super s;

	for (u32 i = 0; i < 2; i++)
		if (snap_super_read(&s, t->buffer + i * SNAP_BLOCK, t->volume->sectors, t->volume->guid.byte) && (s.seq & 1) == i &&
		    (!found || s.seq > t->super.seq)) {
			t->super = s;
			found = true;
		}
	for (u32 i = SNAP_TOMBS_AT; found && i < SNAP_HEAD_BLOCKS; i++)
		if (snap_tomb_is(&t->super, t->buffer + i * SNAP_BLOCK))
			found = false;
	return found;
}

static void have_head(struct snap_store *t)
{
	const struct volume *origin;

	t->head_known = true;
	if (!choose(t)) {
		snap_empty(t, "no snapshots");
		return;
	}
	origin = snap_origin(t);
	if (!origin || origin->type == VOLUME_STORE)
		snap_empty(t, "the volume that its snapshots are of is not on this disk");
	else if (!snap_memory(t))
		snap_broken(t, "there is no memory for its snapshots");
	else {
		t->origin_first = origin->first;
		read_log(t);
	}
}

/* What of the origin is not there: it was grown or shrunk by others, or while it had no snapshots. */
static bool origin_fits(struct snap_store *t)
{
	if (snap_origin(t)->sectors == t->super.sectors)
		return true;
	if (snap_map_live(&t->map))
		snap_broken(t, "the size of its volume was changed by others: delete this partition to lose the snapshots");
	else
		snap_empty(t, "no snapshots");
	return false;
}

/* A copy of a partition, or one that somebody else made so: which of them is right, nobody knows here. */
static bool is_alone(struct snap_store *t)
{
	struct snap_store *o = snap_twin(t);

	if (!o)
		return true;
	log_error("error SNAPSHOT-TWO-STORES: disk %s: partitions %s and %s both keep snapshots of %s: it is not written before "
		  "one of them is deleted (`volume delete`)", t->disk->d->name, t->volume->name, o->volume->name,
		  snap_origin(t)->name);
	t->twin = true;
	snap_broken(t, "another partition says so, too, of this volume: delete one of them");
	if (o->state == SNAP_READY) {
		o->twin = true;
		snap_broken(o, "another partition says so, too, of this volume: delete one of them");
	}
	return false;
}

static void ready(struct snap_store *t)
{
	const struct volume *origin = snap_origin(t);

	snap_map_ready(&t->map);
	t->log.index = t->loaded;
	if (!origin_fits(t) || !is_alone(t))
		return;
	t->state = SNAP_READY;
	snap_show_layers(t);
	log_notice("volume %s: %u snapshots and clones", origin->name, snap_map_live(&t->map));
	if (t->map.rollback != SNAP_NONE)
		snap_rollback_resume(t);
}

/* 1: the next one; 0: the log ends before it; -E_INVAL: it is broken where it must not be. */
static int carry_out(struct snap_store *t, const u8 *block)
{
	u32 used = snap_block_check(block, &t->super, t->loaded), at = SNAP_BLOCK_HEAD;
	struct snap_record r;
	int more;

	if (!used)
		return t->loaded < t->super.begin ? -E_INVAL : 0;
	while ((more = snap_block_next(block, used, &at, &r)) > 0)
		if (snap_map_apply(&t->map, &r))
			return -E_INVAL;
	return more ? more : 1;
}

static void have_log(struct snap_store *t)
{
	for (u32 i = 0; i < BUFFER_BLOCKS; i++) {
		int more = t->loaded < t->super.half ? carry_out(t, t->buffer + i * SNAP_BLOCK) : 0;

		if (more < 0) {
			snap_broken(t, "what it says of its snapshots is damaged: delete this partition to lose them");
			return;
		}
		if (!more) {
			ready(t);
			return;
		}
		t->loaded++;
	}
	read_log(t);
}

bool snap_load_run(struct snap_store *t)
{
	struct storage_disk *s = t->disk;

	if (!t->answered)
		return false;
	t->answered = false;
	if (t->result != BLOCK_OK)
		snap_broken(t, "it cannot be read: delete this partition to lose its snapshots");
	else if (t->head_known)
		have_log(t);
	else
		have_head(t);
	if (!snap_loading(s))
		volumes_rejoin(s);
	return true;
}
