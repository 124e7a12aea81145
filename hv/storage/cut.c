/* SPDX-License-Identifier: Apache-2.0 */
/* What of the requests at the head of a client's queue goes to the disk as one request: as long as its limits allow, and
 * whole neighbours with it. Memory that the disk's rules keep it from reaching goes through a bounce buffer. */
#include "snapshot.h"

#include <hv/lib.h>
#include <hv/pool.h>

#define RUN_SHORT (16 * KiB)	/* less than this without a copy, and more to come: copying is cheaper than many requests */

static u8 *bounce_memory;	/* BOUNCES buffers, then one of zeros */
static u32 bounce_free;

int bounce_init(void)
{
	if (bounce_memory)
		return 0;
	bounce_memory = pool_alloc((BOUNCES + 1) * BOUNCE_BYTES / PAGE_SIZE, POOL_OTHER);
	bounce_free = bounce_memory ? BIT32(BOUNCES) - 1 : 0;
	return bounce_memory ? 0 : -E_NOMEM;
}

static u32 bounces_left(void)
{
	u32 n = 0;

	for (u32 left = bounce_free; left; left &= left - 1)
		n++;
	return n;
}

/* Disks that have none: one buffer is kept for each of them, so one that hangs cannot hold all. */
static u32 disks_without(void)
{
	u32 n = 0;

	for (u32 i = 0; i < DISKS_MAX; i++)
		n += storage_disk_table[i].d && !storage_disk_table[i].bounces;
	return n;
}

u64 bounce_reach(void)
{
	return pool_hpa(bounce_memory).v + (BOUNCES + 1) * BOUNCE_BYTES;
}

u8 *bounce_take(struct storage_disk *s)
{
	u32 nr;

	if (!bounce_free || (s->bounces && bounces_left() <= disks_without()))
		return NULL;
	nr = (u32)__builtin_ctz(bounce_free);
	bounce_free &= bounce_free - 1;
	s->bounces++;
	return bounce_memory + nr * BOUNCE_BYTES;
}

void bounce_give(struct storage_disk *s, u8 *at)
{
	u64 nr = (u64)(at - bounce_memory) / BOUNCE_BYTES;

	assert(nr < BOUNCES && !(bounce_free >> nr & 1) && s->bounces);
	bounce_free |= BIT32(nr);
	s->bounces--;
	storage_wake_starved();
}

bool zeros_piece(struct storage_piece *to)
{
	*to = storage_pool_piece(bounce_memory + BOUNCES * BOUNCE_BYTES, BOUNCE_BYTES);
	return bounce_memory;
}

struct storage_piece storage_pool_piece(void *p, u32 len)
{
	return (struct storage_piece){ .at = p, .hpa = pool_hpa(p).v, .len = len };
}

/* A place in a request's memory. */
struct place {
	const struct storage_request *rq;
	u32 piece, byte;
};

static void place_skip(struct place *p, u64 n)
{
	while (n) {
		u32 left = p->rq->piece[p->piece].len - p->byte;

		if (n < left) {
			p->byte += (u32)n;
			return;
		}
		n -= left;
		p->piece++;
		p->byte = 0;
	}
}

/* Copy n bytes between the request's memory at p and a buffer. */
static void place_copy(struct place p, u8 *buffer, u64 n, bool to_buffer)
{
	while (n) {
		const struct storage_piece *at = &p.rq->piece[p.piece];
		u64 now = MIN(n, (u64)at->len - p.byte);

		if (to_buffer)
			memcpy(buffer, at->at + p.byte, now);
		else
			memcpy(at->at + p.byte, buffer, now);
		buffer += now;
		n -= now;
		p.piece++;
		p.byte = 0;
	}
}

static bool within_reach(const struct disk *d, const struct dma_piece *p)
{
	return !d->dma_end || p->hpa + p->len <= d->dma_end;
}

/* May the disk be told of this piece after those that s has? */
static bool piece_fits(const struct storage_slot *s, const struct dma_piece *p)
{
	const struct disk *d = s->disk->d;
	u32 n = s->rq.pieces;
	const struct dma_piece *last = &s->piece[n ? n - 1 : 0];

	if (!within_reach(d, p))
		return false;
	if (n == MIN(d->pieces_max, (u32)DISK_PIECES_MAX) || !IS_ALIGNED(p->hpa | p->len, MAX(d->dma_align, 1u)))
		return false;
	return !n || !d->page_pieces || (IS_ALIGNED(p->hpa, PAGE_SIZE) && IS_ALIGNED(last->hpa + last->len, PAGE_SIZE));
}

/* Pieces that touch are one. */
static bool piece_add(struct storage_slot *s, struct dma_piece p)
{
	struct dma_piece *last = &s->piece[s->rq.pieces ? s->rq.pieces - 1 : 0];

	if (!within_reach(s->disk->d, &p))
		return false;
	if (s->rq.pieces && last->hpa + last->len == p.hpa && last->len + (u64)p.len <= UINT32_MAX &&
	    IS_ALIGNED(p.len, MAX(s->disk->d->dma_align, 1u))) {
		last->len += p.len;
		return true;
	}
	if (!piece_fits(s, &p))
		return false;
	s->piece[s->rq.pieces++] = p;
	return true;
}

/* Take bytes off the end of the list, so that want remain. */
static void pieces_trim(struct storage_slot *s, u64 have, u64 want)
{
	while (have > want) {
		struct dma_piece *last = &s->piece[s->rq.pieces - 1];

		if (last->len > have - want) {
			last->len -= (u32)(have - want);
			return;
		}
		have -= last->len;
		s->rq.pieces--;
	}
}

/* As many of max bytes from p on as the disk reaches itself, whole sectors of its. Returns how many. */
static u64 add_direct(struct storage_slot *s, struct place p, u64 max)
{
	u64 done = 0, whole;

	while (done < max) {
		const struct storage_piece *at = &p.rq->piece[p.piece];
		u64 n = MIN(max - done, (u64)at->len - p.byte);

		if (!piece_add(s, (struct dma_piece){ at->hpa + p.byte, (u32)n }))
			break;
		done += n;
		p.piece++;
		p.byte = 0;
	}
	whole = ALIGN_DOWN(done, s->disk->d->sector_size);
	if (whole < done)
		pieces_trim(s, done, whole);
	return whole;
}

/* Zeros of our own, again and again. */
static u64 add_zeros(struct storage_slot *s, u64 max)
{
	struct storage_piece zeros;
	u64 done = 0;

	if (!zeros_piece(&zeros))
		return 0;
	while (done < max) {
		struct dma_piece p = { zeros.hpa, (u32)MIN(max - done, BOUNCE_BYTES) };

		if (!piece_fits(s, &p))
			break;
		s->piece[s->rq.pieces++] = p;
		done += p.len;
	}
	return ALIGN_DOWN(done, s->disk->d->sector_size);
}

static u64 limit_of(const struct disk *d)
{
	return MAX(ALIGN_DOWN((u64)d->bytes_max, d->sector_size), (u64)d->sector_size);
}

static void slot_begin(struct storage_slot *s, struct storage_client *c, struct storage_request *rq)
{
	s->client = c;
	s->parent[0] = rq;
	s->parents = 1;
	s->began = rq->sector + rq->given;
	s->from_piece = rq->at_piece;
	s->from_byte = rq->at_byte;
	s->bounce = NULL;
	s->rq.op = rq->by_writes ? BLOCK_WRITE : rq->op;
	s->rq.fua = rq->fua && s->disk->d->fua;
	s->rq.sector = c->first + s->began;
	s->rq.piece = s->piece;
	s->rq.pieces = 0;
	s->piece[0] = (struct dma_piece){ 0 };
}

/* Through a buffer, as much as it holds. */
static u64 add_bounced(struct storage_slot *s, struct place p, u64 max)
{
	u64 n = MIN(max, BOUNCE_BYTES);

	s->bounce = bounce_take(s->disk);
	if (!s->bounce)
		return 0;
	s->rq.pieces = 0;
	s->piece[s->rq.pieces++] = (struct dma_piece){ pool_hpa(s->bounce).v, (u32)n };
	if (s->rq.op == BLOCK_WRITE)
		place_copy(p, s->bounce, n, true);
	return n;
}

static u64 add_data(struct storage_slot *s, const struct storage_request *rq, u64 max)
{
	struct place p = { rq, rq->at_piece, rq->at_byte };
	u64 direct = add_direct(s, p, max), bounced;

	if (direct == max || direct >= RUN_SHORT)
		return direct;
	if (direct && s->rq.pieces == MIN(s->disk->d->pieces_max, (u32)DISK_PIECES_MAX))
		return direct;		/* it is long enough for this disk */
	bounced = add_bounced(s, p, max);
	return bounced ? bounced : direct;
}

/* Neighbours whose whole data fit behind. */
static u64 add_neighbours(struct storage_slot *s, u64 bytes, u64 max)
{
	struct storage_request *last = s->parent[0];

	while (s->parents < MERGE_MAX && last->next && !last->alone) {
		struct storage_request *rq = last->next;
		u64 more = rq->sectors * BLOCK_SECTOR;
		u32 pieces = s->rq.pieces;
		u32 end = s->piece[pieces ? pieces - 1 : 0].len;

		if (rq->op != last->op || rq->alone || rq->given || rq->fua != last->fua || rq->by_writes != last->by_writes ||
		    rq->sector != last->sector + last->sectors || more > max - bytes)
			break;
		if (storage_is_data(rq->op) && add_direct(s, (struct place){ rq, 0, 0 }, more) != more) {
			s->rq.pieces = pieces;
			s->piece[pieces - 1].len = end;
			break;
		}
		s->parent[s->parents++] = last = rq;
		bytes += more;
	}
	return bytes;
}

int cut_part(struct storage_slot *s, struct storage_client *c)
{
	struct storage_request *rq = c->head;
	u64 max = limit_of(s->disk->d), left = (rq->sectors - rq->given) * BLOCK_SECTOR, bytes, run;

	slot_begin(s, c, rq);
	if (c->mapped) {
		s->rq.sector = snap_place(c, s->began, &run);
		max = MIN(max, run * BLOCK_SECTOR);
	}
	bytes = MIN(max, left);
	if (rq->by_writes)
		bytes = add_zeros(s, bytes);
	else if (storage_is_data(rq->op))
		bytes = add_data(s, rq, bytes);
	if (!bytes)
		return -E_AGAIN;
	if (bytes == left && !s->bounce && !rq->by_writes)
		bytes = add_neighbours(s, bytes, max);
	s->rq.sectors = bytes / BLOCK_SECTOR;
	return 0;
}

bool cut_whole(struct storage_slot *s, struct storage_request *rq)
{
	const struct disk *d = s->disk->d;
	u64 edges = d->page_pieces ? PAGE_SIZE - 1 : 0, mask = d->dma_align ? d->dma_align - 1 : 0;

	if (rq->pieces > MIN(d->pieces_max, (u32)DISK_PIECES_MAX) || rq->sectors > d->bytes_max / BLOCK_SECTOR)
		return false;
	slot_begin(s, rq->client, rq);
	for (u32 i = 0; i < rq->pieces; i++) {
		struct dma_piece p = { rq->piece[i].hpa, rq->piece[i].len };

		if ((p.hpa | p.len) & mask || (i && p.hpa & edges) || (i + 1 < rq->pieces && (p.hpa + p.len) & edges) ||
		    !within_reach(d, &p))
			return false;
		s->piece[i] = p;
	}
	s->rq.pieces = rq->pieces;
	s->rq.sectors = rq->sectors;
	return true;
}

void cut_commit(struct storage_slot *s)
{
	u64 left = s->rq.sectors;

	for (u32 i = 0; i < s->parents; i++) {
		struct storage_request *rq = s->parent[i];
		u64 mine = MIN(left, rq->sectors - rq->given);
		struct place p = { rq, rq->at_piece, rq->at_byte };

		if (storage_is_data(rq->op)) {
			place_skip(&p, mine * BLOCK_SECTOR);
			rq->at_piece = p.piece;
			rq->at_byte = p.byte;
		}
		rq->given += mine;
		rq->flying++;
		left -= mine;
		if (rq->given == rq->sectors) {
			struct storage_request *head = storage_take_head(s->client);

			assert(head == rq);
			rq->state = RQ_AT_DISK;
		}
	}
	s->client->flying++;
	s->client->stats.merged += s->parents - 1;
	s->client->stats.bounced += s->bounce != NULL;
}

void cut_copy_back(const struct storage_slot *s)
{
	struct place p = { s->parent[0], s->from_piece, s->from_byte };

	place_copy(p, s->bounce, s->rq.sectors * BLOCK_SECTOR, false);
}
