/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a store's layers, made durable. Records are gathered in a block; when the one before is on the medium
 * it follows: a flush (so that what its records speak of is there before them), then the block, then what they say is
 * carried out. A half that is full ends with a checkpoint in the other one and a new superblock. */
#include "snapshot.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#define BUFFER_BLOCKS (SNAP_BUFFER / SNAP_BLOCK)

int snap_log_init(struct snap_store *t, u8 *blocks)
{
	struct snap_log *l = &t->log;

	*l = (struct snap_log){ .block = { blocks, blocks + SNAP_BLOCK }, .number = 1 };
	snap_block_begin(l->block[0], &l->used[0]);
	return 0;
}

bool snap_log_idle(const struct snap_store *t)
{
	const struct snap_log *l = &t->log;

	return l->at == LOG_IDLE && !l->want_checkpoint && (!l->block[0] || l->used[l->filling] == SNAP_BLOCK_HEAD);
}

u64 snap_log_put(struct snap_store *t, const struct snap_record *r)
{
	struct snap_log *l = &t->log;
	bool fits = snap_block_put(l->block[l->filling], &l->used[l->filling], r);

	assert(fits);		/* there are not so many at once */
	if (r->op == SNAP_DELETE)
		t->doomed |= BIT32(r->layer);
	storage_again();
	return l->number;
}

/* --- steps ---------------------------------------------------------------------------------------------------------- */

static void heard(struct storage_request *rq, enum block_result result)
{
	struct snap_store *t = container_of(rq, struct snap_store, log.rq);

	t->busy = false;
	t->answered = true;
	t->result = result;
}

static void ask(struct snap_store *t, enum snap_log_state at, enum block_op op, u64 sector, void *bytes, u32 len)
{
	bool fua = at == LOG_WRITE || at == LOG_SUPER || at == LOG_TOMB || at == LOG_TOMB_AGAIN;

	t->log.at = at;
	t->busy = true;
	snap_ask(t, &t->log.rq, &t->log.piece, (struct snap_ask){ op, fua, sector, bytes, len, heard });
}

/* The block that is filled goes out; another one is filled meanwhile. */
static void write_block(struct snap_store *t)
{
	struct snap_log *l = &t->log;
	u32 old = l->filling;

	l->filling ^= 1;
	l->number++;
	snap_block_begin(l->block[l->filling], &l->used[l->filling]);
	snap_block_seal(l->block[old], l->used[old], &t->super, l->index);
	ask(t, LOG_FLUSH, BLOCK_FLUSH, 0, NULL, 0);
}

/* The very same code that reads the log carries it out. */
static void carry_out(struct snap_store *t)
{
	struct snap_log *l = &t->log;
	u32 other = l->filling ^ 1, at = SNAP_BLOCK_HEAD;
	struct snap_record r;

	while (snap_block_next(l->block[other], l->used[other], &at, &r) > 0) {
		int err = snap_map_apply(&t->map, &r);

		assert(!err);
		if (r.op == SNAP_DELETE) {
			t->doomed &= ~BIT32(r.layer);
			t->told = tsc_now();		/* how far it is, is told a second from now */
		}
		if (r.op != SNAP_MAP)
			snap_gate_forget(t);
	}
	l->index++;
	l->writes++;
	l->committed = l->number - 1;
	t->look = true;
	l->at = LOG_IDLE;
}

/* --- checkpoints ---------------------------------------------------------------------------------------------------- */

/* The next blocks, as many as the buffer holds; how many. */
static u32 make_blocks(struct snap_store *t)
{
	struct snap_super next = t->super;
	struct snap_record r;
	u32 n = 0, cursor;
	bool more = true;

	next.seq++;
	for (; more && n < BUFFER_BLOCKS; n++) {
		u8 *block = t->buffer + n * SNAP_BLOCK;
		u32 used;

		snap_block_begin(block, &used);
		for (cursor = t->log.cursor; (more = snap_map_record(&t->map, &cursor, &r)); t->log.cursor = cursor)
			if (!snap_block_put(block, &used, &r))
				break;
		if (used == SNAP_BLOCK_HEAD)
			break;
		snap_block_seal(block, used, &next, t->log.made + n);
	}
	return n;
}

static void checkpoint_more(struct snap_store *t)
{
	u32 n = make_blocks(t);

	if (n)
		ask(t, LOG_CHECKPOINT, BLOCK_WRITE, snap_log_at(t, t->super.seq + 1, t->log.made), t->buffer, n * SNAP_BLOCK);
	else
		ask(t, LOG_CHECKPOINT_FLUSH, BLOCK_FLUSH, 0, NULL, 0);
	t->log.made += n;
}

static void checkpoint_begin(struct snap_store *t)
{
	t->log.cursor = t->log.made = 0;
	t->log.want_checkpoint = false;
	checkpoint_more(t);
}

static void write_super(struct snap_store *t)
{
	struct snap_super next = t->super;

	next.seq++;
	next.begin = t->log.made;
	snap_super_write(&next, t->buffer);
	ask(t, LOG_SUPER, BLOCK_WRITE, snap_block_at(t, next.seq & 1), t->buffer, SNAP_BLOCK);
}

static void checkpoint_end(struct snap_store *t)
{
	t->super.seq++;
	t->super.begin = t->log.made;
	t->log.index = t->log.made;
	t->log.checkpoints++;
	t->log.at = LOG_IDLE;
	t->look = true;
}

void snap_log_format(struct snap_store *t)
{
	t->super.seq = 0;
	t->log.want_checkpoint = true;
	storage_again();
}

/* --- the end -------------------------------------------------------------------------------------------------------- */

static void write_tomb(struct snap_store *t, enum snap_log_state at)
{
	snap_tomb_write(&t->super, t->buffer);
	ask(t, at, BLOCK_WRITE, snap_block_at(t, SNAP_TOMBS_AT + (at == LOG_TOMB_AGAIN)), t->buffer, SNAP_BLOCK);
}

/* The snapshots are worth nothing any more: a tombstone says so, or the origin cannot be written either. */
static void give_up(struct snap_store *t)
{
	log_notice("the disk failed to write snapshots of %s: all of them are lost", snap_origin(t) ? snap_origin(t)->name : "?");
	t->log.at = LOG_IDLE;
	if (t->map.rollback != SNAP_NONE)
		snap_broken(t, "its rollback is not finished, and the snapshots' partition cannot be written");
	else
		write_tomb(t, LOG_TOMB);
}

static void failed(struct snap_store *t)
{
	switch (t->log.at) {
	case LOG_TOMB:
		write_tomb(t, LOG_TOMB_AGAIN);
		break;
	case LOG_TOMB_AGAIN:
		t->log.at = LOG_IDLE;
		snap_broken(t, "the disk takes no writes to the snapshots' partition");
		break;
	default:
		give_up(t);
		break;
	}
}

static void go_on(struct snap_store *t)
{
	struct snap_log *l = &t->log;

	switch (l->at) {
	case LOG_FLUSH:
		ask(t, LOG_WRITE, BLOCK_WRITE, snap_log_at(t, t->super.seq, l->index), l->block[l->filling ^ 1], SNAP_BLOCK);
		break;
	case LOG_WRITE:
		carry_out(t);
		break;
	case LOG_CHECKPOINT:
		checkpoint_more(t);
		break;
	case LOG_CHECKPOINT_FLUSH:
		write_super(t);
		break;
	case LOG_SUPER:
		checkpoint_end(t);
		break;
	default:
		l->at = LOG_IDLE;
		snap_empty(t, "given up, as the disk failed to write them");
		break;
	}
}

/* Deleted layers are merged first: a checkpoint knows none that are dying. */
static bool begin(struct snap_store *t)
{
	struct snap_log *l = &t->log;
	bool full = t->super.seq && l->index == t->super.half;

	if ((full && l->used[l->filling] > SNAP_BLOCK_HEAD) || l->want_checkpoint) {
		if (snap_map_dying(&t->map))
			return false;
		checkpoint_begin(t);
		return true;
	}
	if (l->used[l->filling] == SNAP_BLOCK_HEAD)
		return false;
	write_block(t);
	return true;
}

bool snap_log_run(struct snap_store *t)
{
	if (t->busy)
		return false;
	if (t->log.at == LOG_IDLE)
		return t->state == SNAP_READY && begin(t);
	if (!t->answered)
		return false;
	t->answered = false;
	if (t->result == BLOCK_OK)
		go_on(t);
	else
		failed(t);
	return true;
}
