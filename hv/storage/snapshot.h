/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Snapshots between the files of hv/storage. A store is a partition that keeps what snapshots and clones of one volume (the
 * origin, on the same disk) have of their own. docs/snapshots.md
 *
 * snap_store.c	finds stores, shows their layers as volumes, who may open what
 * snap_load.c	reads a store
 * snap_log.c	what happens becomes durable: the log, checkpoints, the tombstone
 * snap_gate.c	holds writes until what they overwrite is kept
 * snap_change.c	what the operator asks for; snap_rollback.c: taking a volume back */

#include "snap_map.h"
#include "storage.h"

#define SNAP_STORES_MAX 16u
#define SNAP_JOBS 8u			/* extents that are copied at once, of a store */
#define SNAP_ORIGIN 0xfeu		/* storage_client.layer: the origin's writer */
#define SNAP_BUFFER (64 * KiB)

enum snap_state {
	SNAP_OFF,			/* this place is free */
	SNAP_LOADING,
	SNAP_EMPTY,			/* nothing was ever written to the partition as a store, or it was given up: can be made */
	SNAP_READY,
	SNAP_BROKEN,			/* cannot be used, and its origin not be written: why says it */
	SNAP_CLOSING,			/* the partition is no more: waits for what is under way */
};

enum job_state { JOB_FREE, JOB_READ, JOB_COPY, JOB_LOGGED };

/* An extent that is being copied. */
struct snap_job {
	struct snap_store *store;
	enum job_state at;
	u8 layer;
	bool fail;			/* reading or writing went wrong */
	u32 extent, chunk, tries;
	u64 from, sectors;		/* on the disk */
	u64 commit;			/* the log's */
	struct storage_request rq;
	struct storage_piece piece;
	u8 *buffer;
};

enum snap_log_state { LOG_IDLE, LOG_FLUSH, LOG_WRITE, LOG_CHECKPOINT, LOG_CHECKPOINT_FLUSH, LOG_SUPER, LOG_TOMB, LOG_TOMB_AGAIN };

struct snap_log {
	enum snap_log_state at;
	u8 *block[2];			/* one is filled, one written */
	u32 filling, used[2];
	u64 number, committed;		/* of the block that is filled; the last that is on the medium */
	u32 index;			/* where the next block goes, in its half */
	u32 cursor, made;		/* of a checkpoint */
	bool want_checkpoint;
	struct storage_request rq;
	struct storage_piece piece;
	u32 writes, checkpoints;
};

struct snap_store {
	enum snap_state state;
	struct volume *volume;		/* its partition */
	struct storage_disk *disk;
	u64 first, sectors, origin_first;	/* where both partitions lie: when a table says otherwise, the store is read anew */
	struct storage_client io;	/* of the whole disk; who uses it names a chunk or an extent, see snap_chunk_at() */
	struct snap_super super;
	struct snap_map map;
	struct snap_log log;
	char why[96];			/* SNAP_BROKEN, SNAP_EMPTY */
	bool twin;			/* SNAP_BROKEN as another partition is of the same volume */
	u8 *memory;			/* map, buffers */
	u64 pages;
	u8 *buffer;			/* SNAP_BUFFER: loading, checkpoints, superblocks */

	/* Loading. */
	bool answered, busy;
	enum block_result result;
	bool head_known;
	u32 loaded;			/* blocks of the log */

	/* The gate. */
	struct snap_job job[SNAP_JOBS];
	struct storage_request *held, *held_tail;
	bool frozen;			/* a snapshot is about to be taken: nothing of the origin's passes */
	bool look;			/* something has changed for those that are held */
	u32 doomed;			/* layers whose deletion is in the log's block, not yet on the medium */
	u32 views;			/* clients that have snapshots and clones open */
	u32 warned;			/* percent that were free when it was said */
	u64 copies, told;		/* extents that were copied; TSC of the last progress */
};

extern struct snap_store snap_table[SNAP_STORES_MAX];
extern u32 snap_places;			/* above the highest place that ever was used */

/* --- where things are, in sectors of the disk --- */

static inline u64 snap_extent_sectors(const struct snap_store *t) { return BIT(t->super.shift) / BLOCK_SECTOR; }
struct volume *snap_origin(const struct snap_store *t);		/* null: it is not there */
u64 snap_chunk_at(const struct snap_store *t, u32 chunk);
u64 snap_block_at(const struct snap_store *t, u64 block);	/* of SNAP_BLOCK, from its begin */
u64 snap_log_at(const struct snap_store *t, u64 seq, u32 index);
/* An extent's sectors: the last one of a volume may be short. */
u64 snap_length(const struct snap_store *t, u32 extent);
/* Where a layer's extent is read, on the disk. */
u64 snap_source(const struct snap_store *t, u8 layer, u32 extent);

/* --- snap_store.c --- */

/* What the partition of a volume's snapshots is called: by the begin of the volume's GUID, so that renaming changes nothing. */
#define SNAP_STORE_NAME 20
void snap_store_name(const struct volume *origin, char to[SNAP_STORE_NAME]);
/* The volume's store; null: it has none. */
struct snap_store *snap_of(const struct volume *origin);
struct snap_store *snap_on(const struct volume *partition);
/* Memory for a store as super says, and an empty map. false: there is none. */
bool snap_memory(struct snap_store *t);
void snap_broken(struct snap_store *t, const char *why);
/* Of the same volume as t; null. */
struct snap_store *snap_twin(const struct snap_store *t);
/* It holds nothing that counts. */
void snap_empty(struct snap_store *t, const char *why);
void snap_show_layers(struct snap_store *t);
struct volume *snap_volume_of(const struct snap_store *t, u8 layer);
/* A layer is gone: so is its volume, and who has it open hears of it by errors. */
void snap_hide_layer(struct snap_store *t, u8 layer);
/* Does anybody's request to this layer fly? */
bool snap_layer_flies(const struct snap_store *t, u8 layer);
struct storage_client *snap_writer(const struct snap_store *t);		/* of the origin; null */
/* Ask the disk for a piece of our own memory. */
struct snap_ask {
	enum block_op op;
	bool fua;
	u64 sector;			/* of the disk */
	void *bytes;
	u32 len;
	void (*done)(struct storage_request *rq, enum block_result result);
};
void snap_ask(struct snap_store *t, struct storage_request *rq, struct storage_piece *piece, struct snap_ask what);

/* --- snap_load.c --- */
void snap_load(struct snap_store *t);
bool snap_load_run(struct snap_store *t);

/* --- snap_log.c --- */
int snap_log_init(struct snap_store *t, u8 *blocks);
/* Will be durable once committed >= what is returned; carried out in the map then. */
u64 snap_log_put(struct snap_store *t, const struct snap_record *r);
bool snap_log_run(struct snap_store *t);
bool snap_log_idle(const struct snap_store *t);
/* A store as super says is made: a checkpoint of the empty map. */
void snap_log_format(struct snap_store *t);

/* --- snap_gate.c --- */

/* Called by storage_submit() for clients with ->snap: true: rq is held, or answered. */
bool snap_hold(struct storage_client *c, struct storage_request *rq);
void snap_fail_held(struct storage_client *c);
/* From a view's sector on: where is it on the disk, and how many are there in a row. */
u64 snap_place(const struct storage_client *c, u64 sector, u64 *run);
bool snap_gate_run(struct snap_store *t);
void snap_gate_forget(struct snap_store *t);	/* which layer keeps what has changed */
bool snap_gate_idle(const struct snap_store *t);
extern u32 snap_merge_step;
bool snap_merge_run(struct snap_store *t, u64 now);
/* These snapshots are lost for this reason, and their clones. */
void snap_drop(struct snap_store *t, u32 layers, const char *why);

/* --- snap_change.c, snap_rollback.c --- */
bool snap_change_run(void);
bool snap_changing(void);		/* somebody's snapshot is on its way */
bool snap_layer_comes(const struct snap_store *t);	/* ... and in the log, but not carried out: nothing that it needs may go */
bool snap_rollback_run(void);
bool snap_rollback_busy(const struct snap_store *t);
void snap_rollback_resume(struct snap_store *t);
bool snap_is_rolling(const struct storage_client *c);

/* --- for volume.c and disks.c --- */

/* Tables of a disk's have been read, or it is gone, or became the plan's. */
void snap_look(struct storage_disk *s);
/* Stores of this disk are being read. */
bool snap_loading(const struct storage_disk *s);
/* May v be opened? 0, -E_BUSY, -E_AGAIN, -E_NODEV. Then: c is open on it; it is being closed. */
int snap_may_open(const struct volume *v, const struct storage_client *c);
void snap_opened(struct storage_client *c, struct volume *v);
void snap_closed(struct storage_client *c);
bool snap_run(u64 now);
/* Is there anything that it could look at? */
static inline bool snap_any(void) { return snap_places || snap_changing(); }
/* Why a volume cannot be deleted or grown; null. Delete a snapshot or a clone. */
const char *snap_forbids_change(const struct volume *v);
const char *volume_delete_layer(struct volume *v, volume_ended_fn *ended, void *arg);
