/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The block layer and volumes: from disks (hv/disk.h) to who uses them. A client is one user of one range of a disk: a guest's
 * disk, the datastore, our own reading of partition tables. It submits requests that live in their owner; done() comes later,
 * out of drivers_poll() or storage_poll(), never out of storage_submit(). Control core only (boot core before the event
 * loop), nothing waits, no locks. docs/storage.md */

#include <hv/disk.h>

#define STORAGE_CLIENTS_MAX 128
#define STORAGE_LATENCIES 24		/* one in [2^(i-1), 2^i) microseconds; the last: longer */
#define STORAGE_WEIGHT 100		/* of a client, when nothing else is said; 1 .. 1000 */
#define STORAGE_WEIGHT_MAX 1000

/* A piece of memory as both the control core and a disk reach it. */
struct storage_piece {
	u8 *at;
	u64 hpa;			/* contiguous there, too */
	u32 len;
};

/* How it went for whoever asks: a client, or a disk as a whole. */
struct storage_stats {
	u64 reads, writes, flushes, others;	/* requests */
	u64 read_bytes, written_bytes;
	u64 errors, retries;			/* answered with an error; tried again */
	u64 merged, bounced;			/* went with its neighbour; were copied */
	u64 latency[STORAGE_LATENCIES];
};

struct storage_client;
struct storage_disk;
struct snap_store;

struct storage_request {
	enum block_op op;
	bool fua;			/* WRITE, ZERO: durable before it is done */
	bool now;			/* nothing that could be merged with it follows: an idle disk is asked at once */
	u64 sector, sectors;		/* of 512 bytes, from the client's start; FLUSH: 0 */
	const struct storage_piece *piece;	/* READ, WRITE: exactly sectors * 512 bytes in all; stay put until done */
	u32 pieces;
	void (*done)(struct storage_request *rq, enum block_result result);

	/* The block layer's, from storage_submit() to done(). */
	struct storage_request *next;
	struct storage_client *client;
	u64 came;			/* TSC */
	u64 given;			/* sectors that disks were asked for */
	u32 at_piece, at_byte;		/* where these end */
	u32 flying;			/* parts that a disk works on */
	u8 state, tries, result;
	bool alone, by_writes, charged;	/* is not merged again; ZERO by writing zeros; counted by the limit of requests */
};

struct storage_client {
	/* The owner's, before storage_open(). */
	char name[44];			/* for the operator: "web.0", "datastore" */
	bool readonly;
	bool fills;			/* it opens a volume that is unfinished */
	u32 weight;			/* 0: STORAGE_WEIGHT */
	u64 iops, bandwidth;		/* requests, bytes a second; 0: no limit */
	void (*settled)(struct storage_client *c);	/* done() was called, maybe several times; null: nobody waits for that */

	/* The block layer's. */
	struct storage_disk *disk;	/* null: what it uses is not there; its requests fail */
	struct storage_client *peer;	/* the next of the same disk */
	struct storage_client *told;	/* the next whose settled() is to be called */
	bool tell;			/* it is in that list */
	u64 first, sectors;		/* its range */
	bool open;
	u32 queued, flying;		/* requests; parts at the disk */
	struct storage_request *head, *tail;
	struct volume *volume;		/* whose range it is; null: not a volume's */
	bool writes;			/* counted in volume->writers */
	bool lost_writes;		/* its disk went and came: the next flush fails */
	bool starved;			/* found no bounce buffer in this turn */
	struct snap_store *snap;	/* its writes may have to be held for snapshots; null: no snapshots, or it only reads */
	bool mapped;			/* of a snapshot or a clone: where its sectors are, is asked for each request */
	u8 layer;			/* which, in snap; or that it writes the origin */
	u32 held;			/* requests that wait there; counted in queued, too */
	u64 served;			/* bytes that it has asked its disk for, as if its weight were STORAGE_WEIGHT; wraps */
	u64 iops_due, bandwidth_due;	/* TSC up to which it has used its limits */
	struct storage_stats stats;
};

/* --- the block layer ---------------------------------------------------------------------------------------------- */

/* Use [first, first + sectors) of d. -E_NOMEM: STORAGE_CLIENTS_MAX are there; -E_RANGE. d null: nothing yet, see
 * storage_bind(). */
int storage_open(struct storage_client *c, struct storage_disk *d, u64 first, u64 sectors);

/* Another range, disk, or none (null): what is queued fails if there is none. -E_RANGE. Parts that fly go on. */
int storage_bind(struct storage_client *c, struct storage_disk *d, u64 first, u64 sectors);

/* -E_BUSY: requests of it are under way. */
int storage_close(struct storage_client *c);

/* Ask. Whatever is wrong with rq is told by done(BLOCK_FAILED), later. Nothing goes to the disk before storage_poll() or
 * storage_kick(), so that neighbours are merged, but for rq->now. */
void storage_submit(struct storage_client *c, struct storage_request *rq);

/* All that was asked for may go. */
void storage_kick(void);

/* No request of c is under way. */
bool storage_idle(const struct storage_client *c);

/* One turn: answers, asks disks, goes on with partition tables and jobs. true: something was done, or a disk without an
 * interrupt works: look again at once. */
bool storage_poll(u64 now);

/* Boot core only, before the event loop: submit, and poll drivers and disks until rq is done or the time is over, at
 * most. BLOCK_FAILED then, and rq and its memory must stay for ever. */
enum block_result storage_wait(struct storage_client *c, struct storage_request *rq, u64 max_ns);

/* Be part of the event loop. Control core, when it begins. -E_NOMEM. */
int storage_init(void);

/* The plan's list of disks is known: ask it about each disk, now and for those that come. */
void storage_grant(bool (*granted)(const struct disk *d));

/* Poll until every disk's partition table has been read, at most max_ns. Boot core or control core before guests start. true:
 * all have. */
bool storage_settle(u64 max_ns);

/* A piece of the pool's memory (contiguous). */
struct storage_piece storage_pool_piece(void *p, u32 len);

/* --- disks and volumes -------------------------------------------------------------------------------------------- */

struct storage_guid { u8 byte[16]; };	/* as on the disk */

enum volume_type { VOLUME_OTHER, VOLUME_OURS, VOLUME_DATASTORE, VOLUME_STORE, VOLUME_SNAPSHOT, VOLUME_CLONE,
	VOLUME_UNFINISHED };		/* is being filled, or that was cut: nobody opens it, as it shows what its place held */

/* A GPT partition. Names that stand on two partitions lead to neither; GUIDs that do, too. */
#define VOLUMES_MAX 256
#define VOLUME_NAME_SIZE 37		/* 36 characters; what is not printable ASCII is a '?', and not found by name */
struct volume {
	struct storage_disk *disk;	/* null: free */
	u32 entry;			/* in its table */
	enum volume_type type;
	char name[VOLUME_NAME_SIZE];
	bool plain;			/* the name is all there is: can be used */
	struct storage_guid guid, kind;	/* its own, its type's */
	u64 first, sectors;		/* of 512 bytes */
	u32 users, writers;		/* clients that have it open */
	bool changing;			/* a job works on it */
	char serial[41];		/* its disk's, by which that is known when it comes back */
	bool seen, back;		/* the block layer's: while a table is read; its users are to go on */
	struct snap_store *snap;	/* a snapshot or a clone: no partition, a layer of this store; null: a partition */
	u8 layer;
};

/* All places of the table, used or not: below VOLUMES_MAX. */
struct volume *volume_at(u32 index);
/* "0fc63daf-8483-4772-8e79-3d69d8477de4", as tools write it. size >= 37. */
char *storage_guid_words(const struct storage_guid *g, char *to, size_t size);

/* Disks: below DISKS_MAX; null: there is none at this place. What its partition table is, in words. */
struct storage_disk *storage_disk_at(u32 index);
/* Is word its name, serial number or PCI address? */
bool storage_is_called(const struct disk *d, const char *word);
struct storage_disk *storage_disk_named(const char *word);
const struct disk *storage_disk_hardware(const struct storage_disk *s);
const struct storage_stats *storage_disk_stats(const struct storage_disk *s);
bool storage_disk_granted(const struct storage_disk *s);
void storage_disk_describe(const struct storage_disk *s, char *to, size_t size);

/* Changes of a partition table. They end later, by ended(why), why null when all went well; a refusal is the returned text,
 * in words, and nothing will happen. One at a time for each disk. Control core. */
typedef void volume_ended_fn(void *arg, const char *why);
const char *volume_init_disk(struct storage_disk *s, bool force, volume_ended_fn *ended, void *arg);
/* The place of a volume, and what one grows by, is erased before it is in the table, on each disk for one at a time. */
const char *volume_create(struct storage_disk *s, const char *name, u64 bytes, enum volume_type type, volume_ended_fn *ended,
			  void *arg);
/* Shows whatever the disk held. */
const char *volume_create_unerased(struct storage_disk *s, const char *name, u64 bytes, volume_ended_fn *ended, void *arg);
const char *volume_delete(struct volume *v, volume_ended_fn *ended, void *arg);
const char *volume_rename(struct volume *v, const char *name, volume_ended_fn *ended, void *arg);
const char *volume_grow(struct volume *v, u64 bytes, volume_ended_fn *ended, void *arg);
/* A new volume with the contents of a file that boot/ loaded, or of another volume that nobody writes; it gets its name when
 * all of it is on the medium. One at a time. */
const char *volume_import(struct storage_disk *s, const char *name, const char *file, volume_ended_fn *ended, void *arg);
const char *volume_clone(struct volume *v, struct storage_disk *s, const char *name, volume_ended_fn *ended, void *arg);
u64 volume_largest_gap(const struct storage_disk *s);
/* A volume is being filled with the file at these bytes. */
bool volume_imports(const void *file);
/* How far import or clone has come in filling v, or grow in erasing what v gets, in bytes; false: neither. */
bool volume_progress(const struct volume *v, u64 *done, u64 *all);

/* Volumes that are about to be: their place is erased, or they are filled. By index below VOLUMES_COMING_MAX; false: none at this
 * place. */
#define VOLUMES_COMING_MAX (DISKS_MAX + 1)
struct volume_coming {
	const char *name;
	const struct storage_disk *disk;
	bool unfinished;		/* it is a volume of that type already */
	u64 done, bytes;
};
bool volume_coming_at(u32 index, struct volume_coming *to);

/* Snapshots and copy-on-write clones of a volume, on its disk (docs/snapshots.md); one change of them at a time. They
 * are volumes too: a snapshot can be read, a clone written, both deleted. A snapshot is what the volume was between two
 * of its guest's requests, after all that had begun had ended. bytes: of the partition that keeps what was overwritten,
 * where there is none yet; 0: a quarter of the volume. */
const char *volume_snapshot(struct volume *v, const char *name, u64 bytes, volume_ended_fn *ended, void *arg);
/* Of a volume (a snapshot of it is taken with it, and goes with it) or of a snapshot. */
const char *volume_clone_cow(struct volume *v, const char *name, volume_ended_fn *ended, void *arg);
/* Nobody has v open. A cut goes on with it at the next start. */
const char *volume_rollback(struct volume *v, struct volume *snapshot, volume_ended_fn *ended, void *arg);

struct volume_layer {
	const struct volume *volume;	/* the snapshot or clone */
	const char *of;			/* the volume; of a clone the snapshot below */
	u64 taken;			/* UTC, seconds since 1970; 0: nobody knew */
	u64 bytes;			/* kept for it alone */
	bool deleting;
	char name[VOLUME_NAME_SIZE];
};
struct volume_store {
	const struct volume *partition, *origin;	/* origin: null: is not there */
	u64 bytes, free, extent;
	u64 copies, writes, checkpoints;	/* extents copied, blocks of the log written; since the start */
	char state[112];			/* in words */
};
/* Stores by index from 0, and the layers of each by index; false: none at this place. Below VOLUME_STORES_MAX,
 * VOLUME_LAYERS_MAX. */
#define VOLUME_STORES_MAX 16
#define VOLUME_LAYERS_MAX 32
bool volume_store_at(u32 index, struct volume_store *to);
bool volume_layer_at(u32 index, u32 layer, struct volume_layer *to);

/* By name or GUID ("b01cead0-..."), on disks that the plan names. Null: why says in words what is wrong, if why is given. */
struct volume *volume_find(const char *name, char *why, size_t size);
/* At least one of that name, or with that GUID. */
bool volume_is_there(const char *name);
/* Some partition has this name, also on a disk that the plan does not name: no new one may have it. */
bool volume_name_taken(const char *name);

/* Open a volume as c. -E_BUSY: it is in use, and one of the users writes; -E_NODEV: its disk cannot be written, nor can
 * a snapshot; -E_NOENT: it is unfinished; -E_AGAIN: its snapshots are being read; -E_INVAL: they cannot be, see
 * volume_store_at(); else as storage_open(). A disk that goes and comes back is found again by its serial number and the
 * volume's GUID; meanwhile requests fail, and so does the first flush after it, as what the disk had in its cache may be
 * lost. */
int volume_open(struct storage_client *c, struct volume *v);
int volume_close(struct storage_client *c);

/* --- guests' disks --------------------------------------------------------------------------------------------------- */

struct guest;
struct plan_disk;

/* Make s a disk of g's behind which is the volume that the plan names. When the guest is built. -E_NOMEM. */
int guest_volume_attach(struct guest *g, struct block_store *s, const struct plan_disk *plan, const char *serial);

/* Find and open all volumes of g, which is about to start; what is open already stays so. Null, or why not, in words; then
 * none is open. Closed when it does not run any more and nothing is under way. Control core. */
const char *guest_volumes_open(const struct guest *g);
void guest_volumes_close(const struct guest *g);

/* What they have read and written, all together. */
void guest_volumes_bytes(const struct guest *g, u64 *read, u64 *written);

/* Are all of them closed? The guest goes, or could not be built, with all of them closed. Control core. */
bool guest_volumes_closed(const struct guest *g);
void guest_volumes_forget(const struct guest *g);

/* The only volume of the datastore's type; null: there is none, or several (said on the log). */
struct volume *volume_datastore(void);
