/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of the block layer: their queues, and how requests end. */
#include "snapshot.h"

#include <hv/lib.h>
#include <hv/time.h>

struct storage_client *storage_client_table[STORAGE_CLIENTS_MAX];
u32 storage_clients_end;
struct storage_request *storage_answers;		/* to be told */
static struct storage_request *answer_tail;

bool storage_is_data(enum block_op op)
{
	return op == BLOCK_READ || op == BLOCK_WRITE;
}

static bool range_ok(const struct storage_disk *d, u64 first, u64 sectors)
{
	return !d || (first <= d->d->sectors && sectors <= d->d->sectors - first);
}

/* Of the clients of s, or at their end. */
static void leave(struct storage_client *c, struct storage_disk *s)
{
	struct storage_client **at = &s->clients;

	while (*at && *at != c)
		at = &(*at)->peer;
	if (*at)
		*at = c->peer;
}

static void join(struct storage_client *c, struct storage_disk *s)
{
	struct storage_client **at = &s->clients;

	while (*at)
		at = &(*at)->peer;
	*at = c;
	c->peer = NULL;
}

static void move(struct storage_client *c, struct storage_disk *to)
{
	if (c->disk == to)
		return;
	if (c->disk)
		leave(c, c->disk);
	c->disk = to;
	if (to)
		join(c, to);
}

int storage_bind(struct storage_client *c, struct storage_disk *d, u64 first, u64 sectors)
{
	if (!range_ok(d, first, sectors))
		return -E_RANGE;
	move(c, d);
	storage_wake(d);		/* what is queued goes there */
	c->first = d ? first : 0;
	c->sectors = d ? sectors : 0;
	c->served = d ? d->served : 0;
	c->starved = false;	/* of buffers for another disk: this one's turns would not know of it */
	if (!d)
		storage_fail_queued(c);
	return 0;
}

int storage_open(struct storage_client *c, struct storage_disk *d, u64 first, u64 sectors)
{
	if (!range_ok(d, first, sectors))
		return -E_RANGE;
	for (u32 i = 0; i < STORAGE_CLIENTS_MAX; i++) {
		if (storage_client_table[i])
			continue;
		storage_client_table[i] = c;
		storage_clients_end = MAX(storage_clients_end, i + 1);
		c->open = true;
		c->disk = NULL;
		c->weight = MIN(c->weight ? c->weight : STORAGE_WEIGHT, (u32)STORAGE_WEIGHT_MAX);
		c->head = c->tail = NULL;
		c->queued = c->flying = 0;
		c->lost_writes = false;
		c->iops_due = c->bandwidth_due = 0;
		memset(&c->stats, 0, sizeof(c->stats));
		return storage_bind(c, d, first, sectors);
	}
	return -E_NOMEM;
}

int storage_close(struct storage_client *c)
{
	if (!storage_idle(c))
		return -E_BUSY;
	for (u32 i = 0; i < STORAGE_CLIENTS_MAX; i++)
		if (storage_client_table[i] == c)
			storage_client_table[i] = NULL;
	c->open = false;
	move(c, NULL);
	return 0;
}

bool storage_idle(const struct storage_client *c)
{
	return !c->queued;
}

/* The end of a list. */
static void push(struct storage_request **head, struct storage_request **tail, struct storage_request *rq)
{
	rq->next = NULL;
	if (*head)
		(*tail)->next = rq;
	else
		*head = rq;
	*tail = rq;
}

static bool memory_ok(const struct storage_request *rq)
{
	u64 bytes = 0;

	if (!storage_is_data(rq->op))
		return true;
	for (u32 i = 0; i < rq->pieces; i++) {
		if (!rq->piece[i].len)
			return false;
		bytes += rq->piece[i].len;
	}
	return bytes == rq->sectors * BLOCK_SECTOR;
}

/* All that can be wrong with a request. Whose fault it is does not matter: it fails. */
static bool request_ok(const struct storage_client *c, const struct storage_request *rq)
{
	u32 step = c->disk ? c->disk->d->sector_size / BLOCK_SECTOR : 1;

	if (!c->disk || c->disk->gone)
		return false;
	if (rq->op == BLOCK_FLUSH)
		return true;
	if (rq->sector > c->sectors || rq->sectors > c->sectors - rq->sector || !memory_ok(rq))
		return false;
	if (rq->op != BLOCK_DISCARD && (rq->sector % step || rq->sectors % step))
		return false;
	return rq->op == BLOCK_READ || (!c->readonly && !c->disk->d->readonly);
}

static void count_request(struct storage_stats *s, const struct storage_request *rq)
{
	switch (rq->op) {
	case BLOCK_READ:
		s->reads++;
		s->read_bytes += rq->sectors * BLOCK_SECTOR;
		break;
	case BLOCK_WRITE:
		s->writes++;
		s->written_bytes += rq->sectors * BLOCK_SECTOR;
		break;
	case BLOCK_FLUSH:
		s->flushes++;
		break;
	default:
		s->others++;
		break;
	}
}

static void rewind(struct storage_request *rq)
{
	rq->given = 0;
	rq->at_piece = rq->at_byte = 0;
	rq->result = BLOCK_OK;
}

/* A hint: what a disk does not know to discard, or not in pieces this small, stays as it is. */
static void discard_prepare(const struct disk *d, struct storage_client *c, struct storage_request *rq)
{
	u64 step = d->sector_size / BLOCK_SECTOR, start = c->first + rq->sector;
	u64 from = ALIGN_UP(start, step), to = ALIGN_DOWN(start + rq->sectors, step);

	rq->sectors = d->discard && to > from ? to - from : 0;
	rq->sector = from - c->first;
}

void storage_submit(struct storage_client *c, struct storage_request *rq)
{
	assert(c->open && rq->state != RQ_QUEUED && rq->state != RQ_AT_DISK && rq->state != RQ_HELD);
	rq->client = c;
	rq->came = tsc_now();
	rq->tries = 0;
	rq->flying = 0;
	rq->alone = rq->charged = rq->by_writes = false;
	rewind(rq);
	c->queued++;
	if (!request_ok(c, rq) || (rq->op == BLOCK_FLUSH && c->lost_writes)) {
		c->lost_writes &= rq->op != BLOCK_FLUSH;
		storage_answer(rq, BLOCK_FAILED);
		return;
	}
	count_request(&c->stats, rq);
	if (rq->op == BLOCK_DISCARD)
		discard_prepare(c->disk->d, c, rq);
	rq->by_writes = rq->op == BLOCK_ZERO && !c->disk->d->zero;
	if (rq->op != BLOCK_FLUSH && !rq->sectors) {
		storage_answer(rq, BLOCK_OK);
		return;
	}
	if ((!c->snap || !snap_hold(c, rq)) && !(rq->now && queue_direct(rq)))
		storage_enqueue(rq);
}

void storage_enqueue(struct storage_request *rq)
{
	struct storage_client *c = rq->client;

	if (c->disk && !c->head && !c->flying && (s64)(c->served - c->disk->served) < -(s64)CREDIT)
		c->served = c->disk->served - CREDIT;
	rq->state = RQ_QUEUED;
	storage_wake(c->disk);
	push(&c->head, &c->tail, rq);
}

struct storage_request *storage_take_head(struct storage_client *c)
{
	struct storage_request *rq = c->head;

	c->head = rq->next;
	rq->next = NULL;
	return rq;
}

void storage_requeue(struct storage_request *rq)
{
	struct storage_client *c = rq->client;

	rewind(rq);
	rq->state = RQ_QUEUED;
	rq->next = c->head;
	if (!c->head)
		c->tail = rq;
	c->head = rq;
	storage_wake(c->disk);
}

void storage_answer(struct storage_request *rq, enum block_result result)
{
	rq->result = (u8)result;
	rq->state = RQ_ANSWERED;
	storage_wake(NULL);
	push(&storage_answers, &answer_tail, rq);
}

/* Only what is there now: whoever hears of it may ask anew. */
void storage_answer_all(void)
{
	struct storage_request *rq = storage_answers, *next;
	struct storage_client *told = NULL;

	storage_answers = NULL;
	for (; rq; rq = next) {
		struct storage_client *c = rq->client;

		next = rq->next;
		rq->next = NULL;
		rq->state = RQ_FREE;
		c->queued--;
		c->stats.errors += rq->result != BLOCK_OK;
		storage_count_latency(&c->stats, tsc_now() - rq->came);
		if (c->settled && !c->tell) {
			c->tell = true;
			c->told = told;
			told = c;
		}
		rq->done(rq, (enum block_result)rq->result);
	}
	for (; told; told = told->told) {
		told->tell = false;
		told->settled(told);
	}
}

/* What a disk has begun is answered when it is through with it. */
void storage_fail_queued(struct storage_client *c)
{
	if (c->snap && c->held)
		snap_fail_held(c);
	while (c->head) {
		struct storage_request *rq = storage_take_head(c);

		if (!rq->flying) {
			storage_answer(rq, BLOCK_FAILED);
			continue;
		}
		rq->result = BLOCK_FAILED;
		rq->given = rq->sectors;
		rq->state = RQ_AT_DISK;
	}
}

void storage_count_latency(struct storage_stats *s, u64 ticks)
{
	u64 us = ticks / MAX(timebase.tsc_hz / 1000000, 1ul);
	u32 i = us ? 64u - (u32)__builtin_clzl(us) : 0;

	s->latency[MIN(i, STORAGE_LATENCIES - 1u)]++;
}
