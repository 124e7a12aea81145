/* SPDX-License-Identifier: Apache-2.0 */
/* Taking a volume back to a snapshot. That it is begun is durable first, so that a cut in the midst of it leads on,
 * never to a mixture: until it is done nobody may open the volume. What the snapshot sees elsewhere than in the origin
 * is written there, through the gate like any write, so all snapshots stay what they are. Doing it twice does no harm:
 * what it reads does not change. */
#include "snapshot.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>

#define BUFFER_BYTES BIT(SNAP_SHIFT_MAX)
#define PROGRESS_NS 1000000000ul

enum roll_state { ROLL_NONE, ROLL_BEGIN, ROLL_NEXT, ROLL_READ, ROLL_WRITE, ROLL_FLUSH, ROLL_END };

static struct {
	enum roll_state at;
	struct snap_store *store;
	struct volume *volume;
	struct storage_client client;	/* writes the origin */
	u8 layer;
	u32 chunk;			/* those before it are done */
	u64 commit;
	bool answered, busy;
	enum block_result result;
	struct storage_request rq;
	struct storage_piece piece;
	u8 *buffer;
	volume_ended_fn *ended;
	void *arg;
	u64 told;
} roll;

bool snap_rollback_busy(const struct snap_store *t)
{
	return roll.at != ROLL_NONE && (!t || roll.store == t);
}

bool snap_is_rolling(const struct storage_client *c)
{
	return c == &roll.client;
}

static void roll_end(const char *why)
{
	volume_ended_fn *ended = roll.ended;

	volume_close(&roll.client);
	roll.volume->changing = false;
	if (why)
		log_notice("volume %s: a rollback is not finished, it cannot be used: `volume rollback` again", roll.volume->name);
	else
		log_notice("volume %s is what it was", roll.volume->name);
	roll.at = ROLL_NONE;
	roll.ended = NULL;
	if (ended)
		ended(roll.arg, why);
}

static void heard(struct storage_request *rq, enum block_result result)
{
	(void)rq;
	roll.busy = false;
	roll.answered = true;
	roll.result = result;
	storage_again();
}

/* What does the snapshot see in this chunk? false: another one has it, or nobody. */
static bool is_seen(const struct snap_map *m, u8 layer, u32 chunk)
{
	const struct snap_chunk *c = &m->chunk[chunk];

	return c->state == CHUNK_USED && m->layer[c->layer].kind == SNAP_SNAPSHOT && snap_map_find(m, layer, c->extent) == chunk;
}

static void ask_origin(enum block_op op, u32 extent)
{
	u64 sectors = op == BLOCK_FLUSH ? 0 : snap_length(roll.store, extent);

	roll.piece = storage_pool_piece(roll.buffer, (u32)(sectors * BLOCK_SECTOR));
	roll.rq = (struct storage_request){ .op = op, .sector = op == BLOCK_FLUSH ? 0 : extent * snap_extent_sectors(roll.store),
		.sectors = sectors, .piece = &roll.piece, .pieces = sectors ? 1 : 0, .done = heard };
	roll.busy = true;
	storage_submit(&roll.client, &roll.rq);
}

static void tell_progress(const struct snap_map *m)
{
	u64 now = tsc_now();

	if (now - roll.told < ns_to_ticks(PROGRESS_NS))
		return;
	roll.told = now;
	log_notice("volume %s: rollback: %lu %%", roll.volume->name, roll.chunk * 100ul / m->chunks);
}

#define LOOK_MAX 8192u		/* chunks in one turn */

static void next(struct snap_store *t)
{
	const struct snap_map *m = &t->map;

	tell_progress(m);
	for (u32 n = 0; n < LOOK_MAX && roll.chunk < m->chunks; n++, roll.chunk++) {
		if (!is_seen(m, roll.layer, roll.chunk))
			continue;
		roll.busy = true;
		roll.at = ROLL_READ;
		snap_ask(t, &roll.rq, &roll.piece, (struct snap_ask){ BLOCK_READ, false, snap_chunk_at(t, roll.chunk), roll.buffer,
			 (u32)(snap_length(t, m->chunk[roll.chunk].extent) * BLOCK_SECTOR), heard });
		return;
	}
	if (roll.chunk < m->chunks)
		return;
	roll.at = ROLL_FLUSH;
	ask_origin(BLOCK_FLUSH, 0);
}

static void put_record(struct snap_store *t, u8 layer, enum roll_state at)
{
	roll.commit = snap_log_put(t, &(struct snap_record){ .op = SNAP_ROLLBACK, .layer = layer });
	roll.at = at;
}

/* An answer has come. */
static void go_on(struct snap_store *t)
{
	if (roll.result != BLOCK_OK) {
		roll_end(roll.at == ROLL_READ ? "the snapshot could not be read" :
			 "the volume could not be written, or there was no room for what younger snapshots keep");
		return;
	}
	switch (roll.at) {
	case ROLL_READ:
		roll.at = ROLL_WRITE;
		ask_origin(BLOCK_WRITE, t->map.chunk[roll.chunk].extent);
		break;
	case ROLL_WRITE:
		roll.chunk++;
		roll.at = ROLL_NEXT;
		break;
	default:
		put_record(t, SNAP_NONE, ROLL_END);
		break;
	}
}

bool snap_rollback_run(void)
{
	struct snap_store *t = roll.store;

	if (roll.at == ROLL_NONE || roll.busy)
		return false;
	if (roll.answered) {
		roll.answered = false;
		go_on(t);
		return true;
	}
	if (t->state != SNAP_READY) {
		roll_end("the disk is gone, or has failed");
		return true;
	}
	if ((roll.at == ROLL_BEGIN || roll.at == ROLL_END) && t->log.committed < roll.commit)
		return false;
	if (roll.at == ROLL_END)
		roll_end(NULL);
	else if (roll.at == ROLL_BEGIN)
		roll.at = ROLL_NEXT;
	else
		next(t);
	return true;
}

/* --- begin ---------------------------------------------------------------------------------------------------------- */

static const char *start(struct snap_store *t, struct volume *v, u8 layer, volume_ended_fn *ended, void *arg)
{
	if (!roll.buffer)
		roll.buffer = pool_alloc(BUFFER_BYTES / PAGE_SIZE, POOL_OTHER);
	if (!roll.buffer)
		return "there is no memory for it";
	fmt_print(roll.client.name, sizeof(roll.client.name), "rollback of %.30s", v->name);
	if (volume_open(&roll.client, v))
		return "it is in use";
	v->changing = true;
	roll.store = t;
	roll.volume = v;
	roll.layer = layer;
	roll.chunk = 0;
	roll.answered = false;
	roll.ended = ended;
	roll.arg = arg;
	roll.told = tsc_now();
	put_record(t, layer, ROLL_BEGIN);
	storage_again();
	return NULL;
}

/* Chunks that younger snapshots need for what is about to be overwritten. */
static u32 needed(const struct snap_map *m, u8 layer)
{
	u32 n = 0;

	for (u32 i = 0; i < m->chunks; i++)
		n += is_seen(m, layer, i) && !snap_map_has(m, m->newest, m->chunk[i].extent);
	return n;
}

const char *volume_rollback(struct volume *v, struct volume *snapshot, volume_ended_fn *ended, void *arg)
{
	struct snap_store *t = snap_of(v);

	if (!v->disk || v->snap || !t || t->state != SNAP_READY)
		return "there are no snapshots of it";
	if (snapshot->snap != t || snapshot->type != VOLUME_SNAPSHOT || t->doomed >> snapshot->layer & 1)
		return "that is no snapshot of it";
	/* One that is being taken may need the room that is counted below. */
	if (snap_rollback_busy(NULL) || snap_changing())
		return "another change of snapshots is under way";
	if (v->users)
		return "it is in use: stop the guest first";
	if (v->changing)
		return "something is being done with it";
	if (needed(&t->map, snapshot->layer) > t->map.free)
		return "younger snapshots need more room for what is overwritten than is free: delete some";
	return start(t, v, snapshot->layer, ended, arg);
}

/* A rollback was cut. When another one is under way, the operator has to ask for it. */
void snap_rollback_resume(struct snap_store *t)
{
	struct volume *v = snap_origin(t);
	const char *why = snap_rollback_busy(NULL) ? "another one is under way" : start(t, v, t->map.rollback, NULL, NULL);

	log_notice("volume %s: a rollback to %s was cut, %s%s", v->name, t->map.layer[t->map.rollback].name,
		   why ? "and has to be asked for again: " : "it goes on", why ? why : "");
}
