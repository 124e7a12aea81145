/* SPDX-License-Identifier: Apache-2.0 */
/* Whose request a disk gets next, and what becomes of it. Next is whoever was served least: bytes, a request counting
 * REQUEST_COST more, divided by the client's weight (start-time fair queueing). A disk that has a queue of its own would undo
 * that: depth.c finds how many requests it needs. */
#include "storage.h"

#include <hv/control_work.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#define REQUEST_COST (8 * KiB)
#define CREDIT_MAX ((s64)(4 * MiB))	/* nor is who always asks further behind than this */
#define BURST_NS 50000000ul		/* what a limit lets pass at once after a pause */
#define LIMIT_LOOK_NS 1000000ul		/* who is over it is looked at again */

static void part_done(struct disk_request *drq, enum disk_result result);
static void flush_done(struct disk_request *drq, enum disk_result result);

static struct storage_slot *slot_take(struct storage_disk *s)
{
	struct storage_slot *slot = &s->slot[__builtin_ctzl(s->free)];

	s->free &= s->free - 1;
	s->flying++;
	s->depth_worst = MAX(s->depth_worst, s->flying);
	slot->disk = s;
	return slot;
}

/* Is there anything to ask it? */
static bool wanted(const struct storage_disk *s)
{
	for (const struct storage_client *c = s->clients; c; c = c->peer)
		if (c->head)
			return true;
	return s->flush_head;
}

/* It was not used. */
static void slot_return(struct storage_slot *slot)
{
	if (slot->bounce)
		bounce_give(slot->disk, slot->bounce);
	slot->bounce = NULL;
	slot->disk->flying--;
	slot->disk->free |= BIT(slot - slot->disk->slot);
}

/* Its request is over: there is room for another. */
static void slot_give(struct storage_slot *slot)
{
	struct storage_disk *s = slot->disk;

	slot_return(slot);
	if (wanted(s) || s->gone)
		storage_wake(s);
}

/* false: the disk takes no more now. */
static bool slot_submit(struct storage_slot *slot)
{
	struct storage_disk *s = slot->disk;

	if (s->d->ops->submit(s->d, &slot->rq)) {
		s->stalled = true;
		slot_return(slot);
		return false;
	}
	s->kick = true;
	return true;
}

/* Flushes. One is under way at most; whoever asks meanwhile is answered by the next, which begins after it asked. */

static void flush_wait(struct storage_disk *s, struct storage_request *rq)
{
	rq->state = RQ_WAITS_FLUSH;
	rq->next = NULL;
	if (s->flush_head)
		s->flush_tail->next = rq;
	else
		s->flush_head = rq;
	s->flush_tail = rq;
}

static void answer_list(struct storage_request *rq, enum block_result result)
{
	struct storage_request *next;

	for (; rq; rq = next) {
		next = rq->next;
		storage_answer(rq, result);
	}
}

static void flush_begin(struct storage_disk *s)
{
	struct storage_request *all = s->flush_head;
	struct storage_slot *slot;

	if (!s->d->write_cache) {
		s->flush_head = NULL;
		answer_list(all, BLOCK_OK);
		return;
	}
	if (s->flushing || !s->free || s->stalled)
		return;
	slot = slot_take(s);
	slot->client = NULL;
	slot->parents = 0;
	slot->bounce = NULL;
	slot->rq = (struct disk_request){ .op = BLOCK_FLUSH, .done = flush_done };
	if (!slot_submit(slot))
		return;
	s->flushing = all;
	s->flush_head = NULL;
}

/* A disk that is broken says so for each request: the first errors, then every 2^nth. */
static bool is_worth_saying(const struct storage_disk *s)
{
	return s->stats.errors <= 8 || !(s->stats.errors & (s->stats.errors - 1));
}

/* Never tried again: a disk that failed once may have lost what the next flush would call durable. */
static void flush_done(struct disk_request *drq, enum disk_result result)
{
	struct storage_slot *slot = container_of(drq, struct storage_slot, rq);
	struct storage_disk *s = slot->disk;
	struct storage_request *all = s->flushing;

	s->stats.flushes++;
	s->stats.errors += result != DISK_OK;
	if (result != DISK_OK && result != DISK_GONE && is_worth_saying(s))
		log_notice("disk %s: a flush failed (error %lu)", s->d->name, s->stats.errors);
	storage_count_latency(&s->stats, tsc_now() - drq->submitted);
	slot_give(slot);
	s->flushing = NULL;
	answer_list(all, result == DISK_OK || result == DISK_UNSUPPORTED ? BLOCK_OK : BLOCK_FAILED);
}

/* The end of parts. */

/* May pass when it is tried again. */
static bool passes(enum disk_result result)
{
	return result == DISK_TIMEOUT || result == DISK_FAILED;
}

static void request_end(struct storage_disk *s, struct storage_request *rq)
{
	bool cached = s->d->write_cache && !s->d->fua;

	if (rq->result == BLOCK_OK && rq->fua && (rq->op == BLOCK_WRITE || rq->op == BLOCK_ZERO) && cached && !s->gone)
		flush_wait(s, rq);
	else
		storage_answer(rq, (enum block_result)rq->result);
}

/* Once all of its parts are back: again from the beginning? */
static bool retry(struct storage_disk *s, struct storage_request *rq)
{
	if (rq->result != RQ_TRY_AGAIN)
		return false;
	if (s->gone || rq->tries >= TRIES_MAX || rq->client->disk != s) {
		rq->result = BLOCK_FAILED;
		return false;
	}
	rq->client->stats.retries++;
	s->stats.retries++;
	storage_requeue(rq);
	return true;
}

/* What a part's result means for one of the requests in it. */
static void judge(struct storage_slot *slot, struct storage_request *rq, enum disk_result result)
{
	if (result == DISK_OK || rq->result == BLOCK_FAILED)
		return;
	if (slot->parents > 1 && result != DISK_GONE) {
		rq->alone = true;	/* whose fault it was is seen when each goes by itself */
		rq->result = RQ_TRY_AGAIN;
	} else if (result == DISK_UNSUPPORTED && rq->op == BLOCK_ZERO && !rq->by_writes) {
		rq->by_writes = true;
		rq->result = RQ_TRY_AGAIN;
	} else if (result == DISK_UNSUPPORTED) {
		rq->result = rq->op == BLOCK_DISCARD ? BLOCK_OK : BLOCK_UNSUPPORTED;
	} else if (passes(result)) {
		rq->tries++;
		rq->alone = true;
		rq->result = RQ_TRY_AGAIN;
	} else {
		rq->result = BLOCK_FAILED;
	}
}

static void count_part(struct storage_disk *s, const struct storage_slot *slot, enum disk_result result)
{
	u64 bytes = slot->rq.sectors * BLOCK_SECTOR;
	struct storage_stats *st = &s->stats;

	switch (slot->rq.op) {
	case BLOCK_READ:
		st->reads++;
		st->read_bytes += bytes;
		break;
	case BLOCK_WRITE:
		st->writes++;
		st->written_bytes += bytes;
		break;
	default:
		st->others++;
		break;
	}
	st->errors += result != DISK_OK && result != DISK_UNSUPPORTED;
	st->merged += slot->parents - 1;
	st->bounced += slot->bounce != NULL;
	storage_count_latency(st, tsc_now() - slot->rq.submitted);
}

static void say_error(const struct storage_slot *slot, enum disk_result result)
{
	static const char *const word[] = { [DISK_MEDIUM] = "medium error", [DISK_PROTECTED] = "write-protected",
		[DISK_UNSUPPORTED] = "not supported", [DISK_TIMEOUT] = "no answer", [DISK_FAILED] = "failed" };
	static const char *const op[] = { "read", "write", "flush", "discard", "zero" };
	struct storage_disk *s = slot->disk;

	if (result == DISK_OK || result == DISK_GONE || !is_worth_saying(s))
		return;
	log_notice("disk %s: %s of %lu sectors at %lu: %s (%s; error %lu)", s->d->name, op[slot->rq.op], slot->rq.sectors,
		   slot->rq.sector, word[result], slot->client->name, s->stats.errors);
}

static void part_done(struct disk_request *drq, enum disk_result result)
{
	struct storage_slot *slot = container_of(drq, struct storage_slot, rq);
	struct storage_disk *s = slot->disk;

	count_part(s, slot, result);
	depth_done(&s->depth, slot->rq.sectors * BLOCK_SECTOR + REQUEST_COST);
	say_error(slot, result);
	if (slot->bounce && slot->rq.op == BLOCK_READ && result == DISK_OK)
		cut_copy_back(slot);
	slot->client->flying--;
	for (u32 i = 0; i < slot->parents; i++) {
		struct storage_request *rq = slot->parent[i];

		rq->flying--;
		judge(slot, rq, result);
		if (!rq->flying && rq->given == rq->sectors && !retry(s, rq))
			request_end(s, rq);
	}
	slot_give(slot);
}

/* Limits: each client has used up its rate to a point in time, which may lie a burst ahead. */

static bool within(u64 due, u64 now)
{
	return due <= now + ns_to_ticks(BURST_NS);
}

static void use_rate(u64 *due, u64 now, u64 amount, u64 a_second)
{
	if (a_second)
		*due = MAX(*due, now) + mul_div(amount, timebase.tsc_hz, a_second);
}

static bool limits_allow(const struct storage_client *c, u64 now)
{
	return (!c->iops || c->head->charged || within(c->iops_due, now)) &&
		(!c->bandwidth || within(c->bandwidth_due, now));
}

static void charge(struct storage_client *c, struct storage_request *rq, u64 now)
{
	if (!rq->charged)
		use_rate(&c->iops_due, now, 1, c->iops);
	rq->charged = true;
}

/* Turns. */

/* How many clients want s. */
static u32 busy_clients(const struct storage_disk *s)
{
	u32 n = 0;

	for (const struct storage_client *c = s->clients; c; c = c->peer)
		n += c->head || c->flying;
	return n;
}

static bool may_ask(struct storage_disk *s, const struct storage_client *c, u64 now)
{
	if (c->starved)
		return false;
	if (limits_allow(c, now))
		return true;
	s->limited = true;
	control_work_by(now + ns_to_ticks(LIMIT_LOOK_NS));
	return false;
}

/* How far c is behind (negative) or before the one that was served last. */
static s64 standing(const struct storage_disk *s, const struct storage_client *c)
{
	return MAX((s64)(c->served - s->served), -CREDIT_MAX);
}

/* Who may ask next: whoever was served least. Null: nobody wants to or may. */
static struct storage_client *next_client(struct storage_disk *s, u64 now)
{
	struct storage_client *best = NULL;

	for (struct storage_client *c = s->clients; c; c = c->peer)
		if (c->head && (!best || standing(s, c) < standing(s, best)) && may_ask(s, c, now))
			best = c;
	return best;
}

static void pay(struct storage_disk *s, struct storage_client *c, u64 bytes)
{
	c->served = s->served + (u64)standing(s, c);
	if ((s64)(c->served - s->served) > 0)
		s->served = c->served;
	c->served += (bytes + REQUEST_COST) * STORAGE_WEIGHT / c->weight;
}

/* Whoever finds no bounce buffer stands back in this turn: others may need none. */
static void stand_back(struct storage_slot *slot, struct storage_client *c)
{
	slot_return(slot);
	c->starved = slot->disk->starved = true;
}

static void ask_part(struct storage_disk *s, struct storage_client *c, u64 now)
{
	struct storage_slot *slot = slot_take(s);

	slot->rq.done = part_done;
	if (cut_part(slot, c)) {
		stand_back(slot, c);
		return;
	}
	if (!slot_submit(slot))
		return;
	cut_commit(slot);
	for (u32 i = 0; i < slot->parents; i++)
		charge(c, slot->parent[i], now);
	use_rate(&c->bandwidth_due, now, slot->rq.sectors * BLOCK_SECTOR, c->bandwidth);
	pay(s, c, slot->rq.sectors * BLOCK_SECTOR);
}

/* Nobody has asked it for anything that is not done, nor waits to. */
static bool is_idle(const struct storage_disk *s)
{
	if (s->flying || s->flush_head || s->stalled || !s->free)
		return false;
	for (const struct storage_client *c = s->clients; c; c = c->peer)
		if (c->head)
			return false;
	return true;
}

/* Fair without turns: an idle disk has something for everybody who asks. Who has a limit is counted, in the queue. */
bool queue_direct(struct storage_request *rq)
{
	struct storage_client *c = rq->client;
	struct storage_disk *s = c->disk;
	struct storage_slot *slot;

	if (!storage_is_data(rq->op) || c->mapped || c->iops || c->bandwidth || !is_idle(s))
		return false;
	slot = slot_take(s);
	slot->rq.done = part_done;
	if (!cut_whole(slot, rq)) {
		slot_return(slot);
		return false;
	}
	if (!slot_submit(slot))
		return false;
	rq->given = rq->sectors;
	rq->flying = 1;
	rq->state = RQ_AT_DISK;
	c->flying++;
	pay(s, c, rq->sectors * BLOCK_SECTOR);
	queue_kick(s);
	return true;
}

static void begin_turn(struct storage_disk *s)
{
	for (struct storage_client *c = s->starved ? s->clients : NULL; c; c = c->peer)
		c->starved = false;
	s->stalled = s->starved = s->limited = false;
}

/* Give the disk whatever it takes. */
static void ask(struct storage_disk *s, u64 now)
{
	u32 limit = depth_limit(&s->depth, s->slots, busy_clients(s), s->flying, now);
	struct storage_client *c;

	while (!s->stalled && s->free && s->flying < limit && (c = next_client(s, now))) {
		if (c->head->op == BLOCK_FLUSH) {
			charge(c, c->head, now);
			flush_wait(s, storage_take_head(c));
			pay(s, c, 0);
		} else {
			ask_part(s, c, now);
		}
	}
	s->depth.bound |= s->flying >= limit && next_client(s, now);
}

void queue_run(struct storage_disk *s, u64 now)
{
	begin_turn(s);
	if (!wanted(s))
		return;
	if (s->flush_head)		/* first: whoever always wants more would leave no slot for it */
		flush_begin(s);
	ask(s, now);
	if (s->flush_head)
		flush_begin(s);
}

void queue_kick(struct storage_disk *s)
{
	if (!s->kick)
		return;
	s->kick = false;
	if (s->d->ops->kick)
		s->d->ops->kick(s->d);
}
