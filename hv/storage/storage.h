/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the files of hv/storage: what the block layer keeps of a disk, and of each request that the disk works on. */

#include <hv/storage.h>

#define SLOTS_MAX 32u			/* of a disk: requests that it works on at once */
#define MERGE_MAX 8u			/* clients' requests in one of the disk's */
#define BOUNCES 16u
#define BOUNCE_BYTES (64 * KiB)
#define CREDIT (256 * KiB)		/* who did not ask for a while is that much behind others in his share, not more */
#define TRIES_MAX 3u			/* of a request that failed for a reason that may pass */

enum request_state { RQ_FREE, RQ_QUEUED, RQ_AT_DISK, RQ_WAITS_FLUSH, RQ_ANSWERED, RQ_HELD };
#define RQ_TRY_AGAIN 0xff		/* in result, beside enum block_result */

/* A part of a request, or several requests in one. */
struct storage_slot {
	struct disk_request rq;
	struct storage_disk *disk;
	struct storage_client *client;	/* null: a flush, for all of disk->flushing */
	struct storage_request *parent[MERGE_MAX];
	u32 parents;
	u64 began;			/* first sector of the part, from the client's start */
	u32 from_piece, from_byte;	/* where the data begin in parent[0]'s pieces */
	u8 *bounce;			/* null: the disk reaches the client's memory itself */
	struct dma_piece piece[DISK_PIECES_MAX];
};

/* depth.c: how many requests the disk is given at once. Times are the TSC's. */
enum depth_phase { DEPTH_HOLDS, DEPTH_BEFORE, DEPTH_AFTER };	/* a limit holds; the rate with it, with another is measured */

struct storage_depth {
	u32 limit, good;		/* now; that holds while nothing is tried. 0: not known yet */
	u8 phase;			/* enum depth_phase */
	u8 wins;			/* how often the other limit was good in a row */
	bool up;			/* the other one is twice as much, else half */
	bool bound, proven;		/* this limit kept somebody from asking; the one that holds did so when it was tried */
	u64 next, contended;		/* when to try again; when several last wanted the disk */
	u64 bytes, parts;		/* rates with the limit that holds: a second, in 1,000 seconds */
	u64 since, done_bytes;		/* the window in which a rate is measured (0: not begun), what was done in it */
	u32 done_parts, skip;		/* requests in it; that are still of the time before it */
};

struct gpt_job;

struct storage_disk {
	struct disk *d;			/* null: this place is free */
	u32 index;
	bool gone;			/* waits for its last requests */
	bool granted;			/* the plan names it: it may be written, its volumes used */
	u32 slots;
	u64 free;			/* slots, a bit each */
	struct storage_slot *slot;	/* stays with the place */
	bool kick, stalled;		/* submitted since the last kick; said -E_AGAIN in this turn */
	bool starved, limited;		/* in this turn a client found no bounce buffer; was over its limits */
	u32 bounces;			/* buffers that its requests have */
	struct storage_request *flush_head, *flush_tail;	/* wait for the next flush */
	struct storage_request *flushing;	/* the one under way answers these */
	u64 served;			/* the client's that was last served, see struct storage_client */
	struct storage_depth depth;
	struct storage_client *clients;	/* who uses it */
	u32 flying, depth_worst;	/* slots in use; the most there ever were */
	struct storage_stats stats;
	struct gpt_job *gpt;		/* its partition table: gpt_job.c */
};

/* gpt_job.c: read the table again; go on with it, true: something was done. The disk has gone: forget it. */
int gpt_job_init(struct storage_disk *s);
void gpt_job_read(struct storage_disk *s);
bool gpt_job_run(struct storage_disk *s);
void gpt_job_forget(struct storage_disk *s);
bool gpt_job_settled(const struct storage_disk *s);
/* It is being read or written. */
bool gpt_job_busy(const struct storage_disk *s);

/* copy.c: go on with what waits for a partition table. true: something was done. */
bool copy_turn(void);

/* volume.c: the table of s has been read, or there is none (null). */
struct gpt;
void volumes_update(struct storage_disk *s, const struct gpt *g, const u8 *entries);
/* Users of volumes that have come back go on. */
void volumes_rejoin(struct storage_disk *s);
/* A place for a volume that is no partition; null: none. It is no more. */
struct volume *volume_place(void);
void volume_lose(struct volume *v);
void storage_guid_make(struct storage_guid *g);
bool volume_guid_parse(const char *text, struct storage_guid *to);
const struct storage_guid *volume_kind(enum volume_type type);

extern struct storage_disk storage_disk_table[DISKS_MAX];
extern struct storage_client *storage_client_table[STORAGE_CLIENTS_MAX];
extern u32 storage_clients_end;		/* above the highest place that ever was used */

/* disks.c */
bool storage_disk_alive(const struct storage_disk *s);

/* Something was asked of s or answered by it, or it has room again: it has a turn soon. Null: requests wait to be told of their
 * end. */
void storage_wake(const struct storage_disk *s);
/* Something else has changed that a turn looks at: it comes behind this one, if this is one. */
void storage_again(void);
/* A bounce buffer is free again: all who found none. */
void storage_wake_starved(void);

/* client.c: the end of a request, told by storage_answer_all(). */
void storage_answer(struct storage_request *rq, enum block_result result);
void storage_answer_all(void);
extern struct storage_request *storage_answers;	/* that wait for it */
void storage_enqueue(struct storage_request *rq);
void storage_requeue(struct storage_request *rq);	/* at the head, from its beginning */
struct storage_request *storage_take_head(struct storage_client *c);
void storage_fail_queued(struct storage_client *c);
void storage_count_latency(struct storage_stats *s, u64 ticks);
bool storage_is_data(enum block_op op);

/* cut.c: fill slot s from the head of c's queue: what of it the disk takes in one request. 0; -E_AGAIN: no bounce buffer is
 * free. Changes nothing but s; cut_commit() says that the disk has taken it. */
int cut_part(struct storage_slot *s, struct storage_client *c);
void cut_commit(struct storage_slot *s);
/* The same for all of rq, data that nobody has begun to ask for, where it needs neither cutting nor a copy; false: it does. */
bool cut_whole(struct storage_slot *s, struct storage_request *rq);
void cut_copy_back(const struct storage_slot *s);
int bounce_init(void);
u64 bounce_reach(void);			/* the end of their memory, as disks see it */
u8 *bounce_take(struct storage_disk *s);
void bounce_give(struct storage_disk *s, u8 *at);
bool zeros_piece(struct storage_piece *to);

/* depth.c: how many of `all` requests the disk may be given now; busy: clients that want it; flying: what it has. Each turn. */
u32 depth_limit(struct storage_depth *p, u32 all, u32 busy, u32 flying, u64 now);
/* The disk has ended a request. */
void depth_done(struct storage_depth *p, u64 bytes);

/* queue.c: ask disk d for as much as it takes; tell its hardware. */
void queue_run(struct storage_disk *d, u64 now);
/* Ask the disk for rq at once, past the queue. false: somebody else has a better right to it, or it is not that simple. */
bool queue_direct(struct storage_request *rq);
void queue_kick(struct storage_disk *d);
