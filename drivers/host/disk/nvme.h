/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* An NVMe controller and its namespaces, each a disk. Names are those of the "NVM Express Base Specification" 2.0 and the
 * "NVM Command Set Specification"; sections are cited by title. Boot core, then control core.
 *
 * One core drives everything, so a queue for each core would gain nothing; there is one for each namespace (up to
 * NVME_QUEUES_MAX), as the controller takes turns between queues: a flood for one disk does not stand in the other's way.
 *
 * Memory that the controller reaches is the pool's and never given back, or a request's; a request is answered only when the
 * controller has said so, was disabled, or was cut off from memory. */

#include <hv/disk.h>
#include <hv/pci.h>
#include <hv/types.h>

#define NVME_ENTRIES 64u		/* of a queue: its submissions fill a page */
#define NVME_SLOTS (NVME_ENTRIES - 1)	/* full is one less */
#define NVME_QUEUES_MAX 4u
#define NVME_NAMESPACES_MAX 8u
#define NVME_CANDIDATES 32u		/* namespaces that are looked at, of those that it has */
#define NVME_LIST 128u			/* PRP entries of a slot */
#define NVME_BYTES_MAX (NVME_LIST * (u32)PAGE_SIZE)

/* "Submission Queue Entry", "Completion Queue Entry". */
struct nvme_command {
	u32 cdw0, nsid;
	u64 unused, metadata, prp1, prp2;
	u32 cdw10, cdw11, cdw12, cdw13, cdw14, cdw15;
};
_Static_assert(sizeof(struct nvme_command) == 64, "Submission Queue Entry");

struct nvme_completion {
	u32 result, unused;
	u16 sq_head, sq_id;
	u32 end;			/* command id, phase, status */
};
_Static_assert(sizeof(struct nvme_completion) == 16, "Completion Queue Entry");

/* A pair of queues. */
struct nvme_ring {
	struct nvme_command *sq;
	struct nvme_completion *cq;
	u32 id;
	u32 tail, rung;			/* of submissions: ours, and what the controller was told */
	u32 head, phase;		/* of completions */
};

/* What a completion says, once checked for form. */
struct nvme_end {
	u32 id, status, result;		/* status: "Status Field" without the phase; 0: success */
};

enum nvme_slot_state { SLOT_FREE, SLOT_WAITING, SLOT_FLYING };

struct nvme_namespace;

struct nvme_slot {
	u8 state;			/* enum nvme_slot_state */
	u8 tries;
	bool aborted;			/* the controller was asked to drop it */
	struct disk_request *rq;
	struct nvme_namespace *ns;
	u64 until;			/* TSC. FLYING: late after it; WAITING: not before it */
	u64 given, asked;		/* sectors that are done, and that this command is about */
};

struct nvme_queue {
	struct nvme_ring ring;
	struct nvme *n;
	u64 (*list)[NVME_LIST];		/* of each slot */
	u64 list_hpa;
	u32 free_count, waiting;
	u8 free[NVME_SLOTS];
	struct nvme_slot slot[NVME_SLOTS];
};

struct nvme_namespace {
	struct nvme *n;
	struct nvme_queue *queue;
	u32 nsid;			/* 0: this place is free */
	bool seen;			/* in the list that is being read */
	bool offered, leaving;
	u8 shift;			/* sectors of 512 bytes in a block of its, as a power of two */
	bool readonly;
	u64 sectors;
	u32 physical;
	u32 busy;			/* slots */
	struct disk *d;			/* one of disk[]: who comes after one that is gone is another */
	struct disk disk[2];
};

enum nvme_step { STEP_NONE, STEP_DISABLE, STEP_ENABLE, STEP_IDENTIFY, STEP_LIST, STEP_NAMESPACE, STEP_QUEUES, STEP_COMPLETIONS,
	STEP_SUBMISSIONS, STEP_EVENTS };
enum nvme_state { NVME_DOWN, NVME_RUNS, NVME_DEAD };

/* Commands for the controller itself: one of each kind at a time, its number is the command id. */
enum nvme_admin { ADMIN_STEP, ADMIN_EVENT, ADMIN_LOG, ADMIN_HEALTH, ADMIN_ABORT, ADMIN_KINDS };

struct nvme {
	struct host_pci *pci;
	volatile u8 *reg;
	u64 size;			/* of the BAR */
	u32 index;			/* "nvme0" */
	u8 state, step;			/* enum nvme_state, enum nvme_step */
	u32 at;				/* which queue, which candidate */
	u64 until;			/* TSC: the step has failed then */
	u32 falls;			/* resets since the last request that went well, or a minute of peace */
	const char *why;		/* of the last reset */
	u32 stride, ready_ms;		/* of doorbells, in bytes; how long it may take to get ready */
	u64 now;			/* TSC of this turn */
	u64 late;			/* in TSC ticks: so long a request may take */
	u64 look, events_next;		/* TSC: of the next look at time limits, and when to ask for an event again */
	u64 since;			/* TSC: it runs since then */

	struct nvme_ring admin;
	struct { bool flying; u64 until; } admin_command[ADMIN_KINDS];
	u8 *data, *log, *health;	/* a page each: of a step, of an event, of the health */

	char model[41], serial[21], firmware[9];
	u32 bytes_max, namespaces;	/* as it says */
	u32 event_mask, wanted;		/* kinds of events that it knows; queues that we want */
	u8 event_log, warned;		/* what the last event is about; critical warnings that were said */
	bool list, discard, zero, cache, events, rescan, want_health;
	u32 candidate[NVME_CANDIDATES], candidates;

	struct nvme_namespace ns[NVME_NAMESPACES_MAX];
	struct nvme_queue *queue[NVME_QUEUES_MAX];
	u32 queues, made;		/* in use, 0: none yet; that there is memory for */
	bool plugged;			/* came while the machine ran: nothing is allocated for it any more */
	u64 resets, bogus;		/* bogus: completions of nothing */
	u64 said;			/* TSC: when it was last said that requests are late */
};

static inline u32 nvme_read(const struct nvme *n, u64 off) { return *(volatile u32 *)(volatile void *)(n->reg + off); }
static inline void nvme_write(const struct nvme *n, u64 off, u32 val) { *(volatile u32 *)(volatile void *)(n->reg + off) = val; }

/* nvme_ring.c. Rings of one page each for submissions and completions; begin with an empty one. */
void nvme_ring_init(struct nvme_ring *r, u32 id);
/* The place of the next submission, zeroed. The caller knows that there is room. */
struct nvme_command *nvme_ring_next(struct nvme_ring *r);
void nvme_ring_bell(const struct nvme *n, struct nvme_ring *r);
/* The next completion; -E_NOENT: none; -E_INVAL: one that makes no sense, dropped. Then say how far we are. */
int nvme_ring_get(struct nvme_ring *r, struct nvme_end *end);
void nvme_ring_got(const struct nvme *n, const struct nvme_ring *r);

/* nvme_up.c: from whatever state to a running controller, by nvme_up_turn(); begin; an admin command of the step is done. */
void nvme_up_begin(struct nvme *n, const char *why, u64 now);
void nvme_up_turn(struct nvme *n, u64 now);
void nvme_up_done(struct nvme *n, const struct nvme_end *end, u64 now);
void nvme_up_list(struct nvme *n, u64 now);
/* It is not there any more, or does not come back: all requests are answered, its disks gone. */
void nvme_die(struct nvme *n, const char *why);

/* nvme_ns.c: what it says of itself and of namespaces. False: not usable. */
bool nvme_identify(struct nvme *n);
void nvme_list_begin(struct nvme *n, bool whole);
void nvme_namespace(struct nvme *n, u32 nsid);
/* The list is through: offer the new ones, take leave of others. */
void nvme_list_end(struct nvme *n);
void nvme_leave(struct nvme *n);

/* nvme_admin.c */
struct nvme_command *nvme_admin_next(struct nvme *n, enum nvme_admin kind, u32 opcode, const void *data, u64 until);
void nvme_admin_send(struct nvme *n);
void nvme_admin_poll(struct nvme *n, u64 now);
void nvme_admin_turn(struct nvme *n, u64 now);
void nvme_abort(struct nvme *n, const struct nvme_queue *q, u32 slot, u64 now);

/* nvme_queue.c */
extern const struct disk_ops nvme_disk_ops;
struct nvme_queue *nvme_queue_new(struct nvme *n, u32 id);
/* No request, whatever was there before. */
void nvme_queue_init(struct nvme_queue *q);
/* Take completions: true, there were some. */
bool nvme_queue_poll(struct nvme_queue *q, u64 now);
/* Late ones, and those that wait for their time. */
void nvme_queue_look(struct nvme_queue *q, u64 now);
/* The controller is disabled: what it had is tried again later, or given up. */
void nvme_queue_stopped(struct nvme_queue *q);
void nvme_queue_go(struct nvme_queue *q, u64 now);
/* Answer all requests of ns (null: of any) with result. */
void nvme_queue_end(struct nvme_queue *q, const struct nvme_namespace *ns, enum disk_result result);

/* nvme.c: a turn without the frame around it. true: requests were answered. */
bool nvme_turn(struct nvme *n, u64 now);
