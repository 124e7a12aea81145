/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of disks: each has a slot of its namespace's queue, whose number is the command id, until it is answered. */
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>

#include "nvme.h"

#define MS 1000000ul			/* in ns */
#define LATE_NS (10000 * MS)
#define ABORT_NS (3000 * MS)		/* from the abort to the reset */
#define AGAIN_NS (100 * MS)
#define TRIES_MAX 3u
#define BOGUS_MAX 16u

enum { OP_FLUSH = 0, OP_WRITE = 1, OP_READ = 2, OP_ZERO = 8, OP_DATASET = 9 };
#define CDW12_FUA BIT32(30)
#define BLOCKS_MAX 65536u		/* "Number of Logical Blocks" has 16 bits */
#define DISCARD_MAX 0x80000000u		/* blocks of a range */
#define DATASET_DEALLOCATE 4u

/* "Status Field": do not retry, type and code. */
#define STATUS_FINAL 0x4000u
#define STATUS(type, code) ((type) << 8 | (code))
#define STATUS_WHAT(s) ((s) & 0x7ff)

/* "Range" of Dataset Management. */
struct range {
	u32 attributes, blocks;
	u64 first;
};

struct nvme_queue *nvme_queue_new(struct nvme *n, u32 id)
{
	u64 lists = NVME_SLOTS * sizeof(u64[NVME_LIST]), size = ALIGN_UP(sizeof(struct nvme_queue), PAGE_SIZE);
	u8 *pages = pool_alloc((size + 2 * PAGE_SIZE + ALIGN_UP(lists, PAGE_SIZE)) / PAGE_SIZE, POOL_OTHER);
	struct nvme_queue *q = (struct nvme_queue *)(void *)pages;

	if (!q)
		return NULL;
	q->n = n;
	n->late = ns_to_ticks(LATE_NS);
	q->ring.sq = (struct nvme_command *)(void *)(pages + size);
	q->ring.cq = (struct nvme_completion *)(void *)(pages + size + PAGE_SIZE);
	q->list = (u64 (*)[NVME_LIST])(void *)(pages + size + 2 * PAGE_SIZE);
	q->list_hpa = pool_hpa(q->list).v;
	q->ring.id = id;
	nvme_queue_init(q);
	return q;
}

void nvme_queue_init(struct nvme_queue *q)
{
	memset(q->slot, 0, sizeof(q->slot));
	for (u32 i = 0; i < NVME_SLOTS; i++)
		q->free[i] = (u8)(NVME_SLOTS - 1 - i);
	q->free_count = NVME_SLOTS;
	q->waiting = 0;
	nvme_ring_init(&q->ring, q->ring.id);
}

/* "Physical Region Page Entry and List": the first entry may begin inside of its page, the second stands for itself when it
 * is the last, else for a list, which lies in one page here. The pieces keep the rule of disk->page_pieces. */
static void put_pages(struct nvme_command *c, const struct disk_request *rq, u64 *list, u64 list_hpa)
{
	u32 n = 0;

	c->prp1 = rq->piece[0].hpa;
	for (u32 i = 0; i < rq->pieces; i++) {
		u64 at = rq->piece[i].hpa, end = at + rq->piece[i].len;

		assert(!(at & (i ? PAGE_SIZE - 1 : 3)) && at < end && (i + 1 == rq->pieces || IS_ALIGNED(end, PAGE_SIZE)));
		for (at = i ? at : ALIGN_DOWN(at, PAGE_SIZE) + PAGE_SIZE; at < end; at += PAGE_SIZE) {
			assert(n < NVME_LIST);
			list[n++] = at;
		}
	}
	c->prp2 = n < 2 ? n * list[0] : list_hpa;
}

static void put_range(const struct nvme_slot *s, struct nvme_command *c, u64 *list, u64 list_hpa)
{
	struct range *r = (struct range *)(void *)list;

	*r = (struct range){ 0, (u32)(s->asked >> s->ns->shift), (s->rq->sector + s->given) >> s->ns->shift };
	c->prp1 = list_hpa;
	c->cdw10 = 0;		/* one range */
	c->cdw11 = DATASET_DEALLOCATE;
}

/* "NVM Command Set Commands". */
static void put_command(struct nvme_queue *q, u32 slot)
{
	static const u8 opcode[] = { [BLOCK_READ] = OP_READ, [BLOCK_WRITE] = OP_WRITE, [BLOCK_FLUSH] = OP_FLUSH,
		[BLOCK_DISCARD] = OP_DATASET, [BLOCK_ZERO] = OP_ZERO };
	struct nvme_slot *s = &q->slot[slot];
	const struct disk_request *rq = s->rq;
	struct nvme_command *c = nvme_ring_next(&q->ring);
	u64 list_hpa = q->list_hpa + slot * sizeof(u64[NVME_LIST]), most = rq->op == BLOCK_DISCARD ? DISCARD_MAX : BLOCKS_MAX;
	u64 first = (rq->sector + s->given) >> s->ns->shift;

	s->asked = MIN(rq->sectors - s->given, most << s->ns->shift);
	c->cdw0 = opcode[rq->op] | slot << 16;
	c->nsid = s->ns->nsid;
	if (rq->op == BLOCK_FLUSH)
		return;
	if (rq->op == BLOCK_DISCARD) {
		put_range(s, c, q->list[slot], list_hpa);
		return;
	}
	if (rq->op != BLOCK_ZERO)
		put_pages(c, rq, q->list[slot], list_hpa);
	c->cdw10 = (u32)first;
	c->cdw11 = (u32)(first >> 32);
	c->cdw12 = ((u32)(s->asked >> s->ns->shift) - 1) | (rq->fua && rq->op != BLOCK_READ ? CDW12_FUA : 0);
}

static void fly(struct nvme_queue *q, u32 slot, u64 now)
{
	struct nvme_slot *s = &q->slot[slot];

	put_command(q, slot);
	s->state = SLOT_FLYING;
	s->aborted = false;
	s->until = now + q->n->late;
}

static void wait_until(struct nvme_queue *q, struct nvme_slot *s, u64 until)
{
	s->state = SLOT_WAITING;
	s->until = until;
	q->waiting++;
}

static int nvme_disk_submit(struct disk *d, struct disk_request *rq)
{
	struct nvme_namespace *ns = d->driver;
	struct nvme_queue *q = ns->queue;
	struct nvme_slot *s;
	u32 slot;

	assert(rq->op == BLOCK_FLUSH || rq->sectors);
	if (!q->free_count || ns->leaving || d != ns->d)
		return -E_AGAIN;
	slot = q->free[--q->free_count];
	s = &q->slot[slot];
	rq->tag = slot;
	rq->submitted = tsc_now();
	*s = (struct nvme_slot){ .rq = rq, .ns = ns };
	ns->busy++;
	if (LIKELY(q->n->state == NVME_RUNS))
		fly(q, slot, q->n->now);
	else
		wait_until(q, s, 0);
	return 0;
}

static void nvme_disk_kick(struct disk *d)
{
	struct nvme_namespace *ns = d->driver;

	if (ns->n->state == NVME_RUNS)
		nvme_ring_bell(ns->n, &ns->queue->ring);
}

static void nvme_disk_ask_health(struct disk *d)
{
	struct nvme_namespace *ns = d->driver;

	ns->n->want_health = true;
}

const struct disk_ops nvme_disk_ops = {
	.submit = nvme_disk_submit, .kick = nvme_disk_kick, .ask_health = nvme_disk_ask_health,
};

/* The slot is free before its owner hears of it: done() may submit. */
static void finish(struct nvme_queue *q, struct nvme_slot *s, enum disk_result result)
{
	struct disk_request *rq = s->rq;

	q->waiting -= s->state == SLOT_WAITING;
	s->state = SLOT_FREE;
	s->rq = NULL;
	s->ns->busy--;
	q->free[q->free_count++] = (u8)(s - q->slot);
	if (result != DISK_OK && result != DISK_UNSUPPORTED)
		s->ns->d->errors++;
	rq->done(rq, result);
}

/* "Generic Command Status", "Command Specific Status", "Media and Data Integrity Errors" in the words of hv/disk.h. */
static enum disk_result result_of(u32 status)
{
	switch (STATUS_WHAT(status)) {
	case STATUS(0, 0x01):		/* invalid opcode */
	case STATUS(0, 0x02):		/* invalid field */
		return DISK_UNSUPPORTED;
	case STATUS(0, 0x20):		/* namespace is write protected */
	case STATUS(1, 0x82):		/* attempted write to read only range */
	case STATUS(2, 0x86):		/* access denied */
		return DISK_PROTECTED;
	case STATUS(0, 0x07):		/* abort requested: it was late */
		return DISK_TIMEOUT;
	default:
		return (status >> 8 & 7) == 2 ? DISK_MEDIUM : DISK_FAILED;
	}
}

static bool passes(const struct nvme_slot *s, u32 status)
{
	if (STATUS_WHAT(status) == STATUS(0, 0x07) || STATUS_WHAT(status) == STATUS(0, 0x08))
		return true;
	if (status & STATUS_FINAL)
		return false;
	switch (STATUS_WHAT(status)) {
	case STATUS(0, 0x04):		/* data transfer error */
	case STATUS(0, 0x06):		/* internal error */
	case STATUS(0, 0x21):		/* command interrupted */
	case STATUS(0, 0x22):		/* transient transport error */
	case STATUS(0, 0x82):		/* namespace not ready */
		return true;
	default:
		return s->aborted;
	}
}

static void failed(struct nvme_queue *q, struct nvme_slot *s, u32 status, u64 now)
{
	if (STATUS_WHAT(status) == STATUS(0, 0x0b))	/* invalid namespace: has it gone? */
		q->n->rescan = true;
	if (passes(s, status) && ++s->tries < TRIES_MAX)
		wait_until(q, s, now + ns_to_ticks(AGAIN_NS));
	else
		finish(q, s, result_of(status));
}

static void bogus(struct nvme *n, u64 now)
{
	if (++n->bogus % BOGUS_MAX == 0)
		nvme_up_begin(n, "it completes what it was not asked for", now);
}

static void complete(struct nvme_queue *q, const struct nvme_end *end, u64 now)
{
	struct nvme_slot *s = end->id < NVME_SLOTS ? &q->slot[end->id] : NULL;

	if (UNLIKELY(!s || s->state != SLOT_FLYING)) {
		bogus(q->n, now);
		return;
	}
	if (UNLIKELY(end->status & 0x7ff)) {
		failed(q, s, end->status, now);
		return;
	}
	q->n->falls = 0;
	s->given += s->asked;
	if (UNLIKELY(s->given < s->rq->sectors))
		fly(q, end->id, now);
	else
		finish(q, s, DISK_OK);
}

bool nvme_queue_poll(struct nvme_queue *q, u64 now)
{
	struct nvme_end end;
	u32 n = 0;
	int r;

	while (n < NVME_ENTRIES && q->n->state == NVME_RUNS && (r = nvme_ring_get(&q->ring, &end)) != -E_NOENT) {
		n++;
		if (UNLIKELY(r))
			bogus(q->n, now);
		else
			complete(q, &end, now);
	}
	if (!n || q->n->state != NVME_RUNS)
		return n;
	nvme_ring_got(q->n, &q->ring);
	nvme_ring_bell(q->n, &q->ring);
	return true;
}

static void late(struct nvme_queue *q, u32 slot, u64 now)
{
	struct nvme_slot *s = &q->slot[slot];

	if (s->aborted) {
		nvme_up_begin(q->n, "it does not answer", now);
		return;
	}
	if (now - q->n->said >= ns_to_ticks(LATE_NS)) {
		q->n->said = now;
		log_notice("%s: no answer for %lu s: requests are aborted", s->ns->d->name, LATE_NS / (1000 * MS));
	}
	s->ns->d->timeouts++;
	s->aborted = true;
	s->until = now + ns_to_ticks(ABORT_NS);
	nvme_abort(q->n, q, slot, now);
}

void nvme_queue_look(struct nvme_queue *q, u64 now)
{
	if (q->free_count == NVME_SLOTS)
		return;
	for (u32 i = 0; i < NVME_SLOTS && q->n->state == NVME_RUNS; i++) {
		struct nvme_slot *s = &q->slot[i];

		if (s->state == SLOT_FREE || now < s->until)
			continue;
		if (s->state == SLOT_FLYING) {
			late(q, i, now);
			continue;
		}
		q->waiting--;
		fly(q, i, now);
	}
	if (q->n->state == NVME_RUNS)
		nvme_ring_bell(q->n, &q->ring);
}

void nvme_queue_stopped(struct nvme_queue *q)
{
	for (u32 i = 0; i < NVME_SLOTS; i++) {
		struct nvme_slot *s = &q->slot[i];

		if (s->state != SLOT_FLYING)
			continue;
		if (++s->tries < TRIES_MAX)
			wait_until(q, s, 0);
		else
			finish(q, s, DISK_TIMEOUT);
	}
}

void nvme_queue_go(struct nvme_queue *q, u64 now)
{
	for (u32 i = 0; i < NVME_SLOTS; i++)
		if (q->slot[i].state == SLOT_WAITING)
			q->slot[i].until = now;
	nvme_queue_look(q, now);
}

void nvme_queue_end(struct nvme_queue *q, const struct nvme_namespace *ns, enum disk_result result)
{
	for (u32 i = 0; i < NVME_SLOTS; i++)
		if (q->slot[i].state != SLOT_FREE && (!ns || q->slot[i].ns == ns))
			finish(q, &q->slot[i], result);
}
