/* SPDX-License-Identifier: Apache-2.0 */
#include "vblk_int.h"

#include <hv/guest.h>
#include <hv/lib.h>

enum vblk_feature { VBLK_F_SEG_MAX = 2, VBLK_F_RO = 5, VBLK_F_BLK_SIZE = 6, VBLK_F_FLUSH = 9, VBLK_F_TOPOLOGY = 10,
	VBLK_F_MQ = 12, VBLK_F_DISCARD = 13, VBLK_F_WRITE_ZEROES = 14 };
enum vblk_type { VBLK_IN = 0, VBLK_OUT = 1, VBLK_FLUSH = 4, VBLK_GET_ID = 8, VBLK_DISCARD = 11, VBLK_WRITE_ZEROES = 13 };
enum vblk_status { VBLK_S_OK, VBLK_S_IOERR, VBLK_S_UNSUPP };

enum vblk_config { CAPACITY = 0, SEG_MAX = 12, BLK_SIZE = 20, PHYSICAL_EXP = 24, MIN_IO_SIZE = 26, OPT_IO_SIZE = 28,
	NUM_QUEUES = 34, MAX_DISCARD = 36, MAX_DISCARD_SEG = 40, DISCARD_ALIGN = 44, MAX_ZEROES = 48, MAX_ZEROES_SEG = 52,
	ZEROES_MAY_UNMAP = 56, CONFIG_SIZE = 60 };

#define UNMAP 1u
#define ERASE_SECTORS_MAX 8192u		/* of one request to discard or zero: 4 MiB */

struct vblk_header {
	u32 type, reserved;
	u64 sector;
};

struct vblk_erase {
	u64 sector;
	u32 sectors, flags;
};

/* Answer: the status byte, and the chain goes back. written: data bytes before the status. */
static void slot_answer(struct vblk_slot *s, enum vblk_status status, u32 written)
{
	struct vblk *b = s->disk;

	*(volatile u8 *)s->status = (u8)status;
	if (status != VBLK_S_OK)
		b->d.errors++;
	virtq_give(&b->d.queue[s->queue], &s->chain, written + 1);
	vblk_slot_free(b, s);
}

void vblk_answer(struct vblk_slot *s, enum block_result result)
{
	slot_answer(s, result == BLOCK_OK ? VBLK_S_OK : result == BLOCK_FAILED ? VBLK_S_IOERR : VBLK_S_UNSUPP,
		    result == BLOCK_OK ? s->written : 0);
}

/* Slots are free again. */
static void look_again(struct vblk *b)
{
	u32 queues = b->starved;

	b->starved = 0;
	for (u32 i = 0; i < b->d.queue_count; i++)
		if (queues >> i & 1)
			virtio_again(&b->d, i);
}

/* The store has done it: within submit(), or later. */
static void slot_done(struct block_request *rq, enum block_result result)
{
	struct vblk_slot *s = container_of(rq, struct vblk_slot, rq);
	struct vblk *b = s->disk;

	if (b->d.remote) {
		vblk_remote_done(s, result);
		return;
	}
	b->in_flight--;
	if (b->d.resetting || b->d.queue[s->queue].resetting) {
		vblk_slot_free(b, s);
		virtio_settle(&b->d);
		return;
	}
	vblk_answer(s, result);
	if (s->kicking)
		return;
	virtio_flush(&b->d, s->queue);
	look_again(b);
}

static void slot_submit(struct vblk_slot *s, enum block_op op, u64 sector, u64 sectors)
{
	struct vblk *b = s->disk;

	s->rq.op = op;
	s->rq.sector = sector;
	s->rq.sectors = sectors;
	b->in_flight++;
	b->store.ops->submit(&b->store, &s->rq);
}

/* Of the disk, and whole blocks of BLK_SIZE: the driver was told. */
static bool in_range(const struct vblk *b, u64 sector, u64 sectors)
{
	return sector <= b->store.sectors && sectors <= b->store.sectors - sector &&
		!((sector | sectors) & (BIT(b->store.logical_shift) - 1));
}

/* Cut n bytes off the front of pieces [*first, *first + *count). They hold that much. */
static void pieces_skip(struct gmem_piece *p, u32 *first, u32 *count, u64 n)
{
	for (; *count && n >= p[*first].len; ++*first, --*count)
		n -= p[*first].len;
	if (n) {
		p[*first].at += n;
		p[*first].len -= (u32)n;
	}
}

/* Data of bytes in all, in pieces [first, first + count) or less. */
static void transfer(struct vblk_slot *s, enum block_op op, u64 sector, u64 bytes)
{
	struct vblk *b = s->disk;

	if (bytes % BLOCK_SECTOR || !in_range(b, sector, bytes / BLOCK_SECTOR) || bytes > UINT32_MAX - 1 ||
	    (op == BLOCK_WRITE && b->store.readonly)) {
		slot_answer(s, VBLK_S_IOERR, 0);
		return;
	}
	s->written = op == BLOCK_READ ? (u32)bytes : 0;
	b->d.bytes += bytes;
	slot_submit(s, op, sector, bytes / BLOCK_SECTOR);
}

static void do_read(struct vblk_slot *s, u64 sector)
{
	struct virtq_chain *c = &s->chain;

	s->disk->reads++;
	s->rq.piece = &c->piece[c->readable];
	s->rq.pieces = c->writable;
	transfer(s, BLOCK_READ, sector, c->write_bytes);
}

static void do_write(struct vblk_slot *s, u64 sector)
{
	struct virtq_chain *c = &s->chain;
	u32 first = 0, count = c->readable;

	s->disk->writes++;
	pieces_skip(c->piece, &first, &count, sizeof(struct vblk_header));
	s->rq.piece = &c->piece[first];
	s->rq.pieces = count;
	transfer(s, BLOCK_WRITE, sector, c->read_bytes - sizeof(struct vblk_header));
}

/* Of a disk that cannot be written nothing is offered, so this is a rule broken softly: an error. */
static void do_erase(struct vblk_slot *s, enum block_op op)
{
	struct vblk *b = s->disk;
	struct vblk_erase e;

	b->others++;
	if (s->chain.read_bytes != sizeof(struct vblk_header) + sizeof(e) || b->store.readonly) {
		slot_answer(s, VBLK_S_IOERR, 0);
		return;
	}
	virtq_copy_from(&s->chain, 0, s->chain.readable, sizeof(struct vblk_header), &e, sizeof(e));
	s->written = 0;
	if (e.flags & (op == BLOCK_ZERO ? ~UNMAP : ~0u)) {
		slot_answer(s, VBLK_S_UNSUPP, 0);
	} else if (e.sectors > ERASE_SECTORS_MAX || !in_range(b, e.sector, e.sectors)) {
		slot_answer(s, VBLK_S_IOERR, 0);
	} else {
		b->erased += (u64)e.sectors * BLOCK_SECTOR;
		slot_submit(s, op, e.sector, e.sectors);
	}
}

static void do_flush(struct vblk_slot *s)
{
	s->disk->flushes++;
	s->written = 0;
	slot_submit(s, BLOCK_FLUSH, 0, 0);
}

static void do_get_id(struct vblk_slot *s)
{
	struct virtq_chain *c = &s->chain;
	u64 n = MIN(c->write_bytes, BLOCK_SERIAL_SIZE);

	s->disk->others++;
	slot_answer(s, VBLK_S_OK, (u32)virtq_copy_to(c, c->readable, c->writable, 0, s->disk->store.serial, n));
}

/* Take the last byte that we may write off the chain: the status. */
static u8 *cut_status(struct virtq_chain *c)
{
	struct gmem_piece *last = &c->piece[c->readable + c->writable - 1u];

	last->len--;
	c->write_bytes--;
	if (!last->len)
		c->writable--;
	return last->at + last->len;
}

static void slot_start(struct vblk_slot *s)
{
	struct virtq_chain *c = &s->chain;
	struct vblk_header h = { 0 };

	s->status = cut_status(c);
	if (virtq_head(c, &h, sizeof(h)) != sizeof(h)) {
		slot_answer(s, VBLK_S_IOERR, 0);
		return;
	}
	switch (h.type) {
	case VBLK_IN:		do_read(s, h.sector); break;
	case VBLK_OUT:		do_write(s, h.sector); break;
	case VBLK_FLUSH:	do_flush(s); break;
	case VBLK_GET_ID:	do_get_id(s); break;
	case VBLK_DISCARD:	do_erase(s, BLOCK_DISCARD); break;
	case VBLK_WRITE_ZEROES:	do_erase(s, BLOCK_ZERO); break;
	default:		slot_answer(s, VBLK_S_UNSUPP, 0); break;
	}
}

static inline __attribute__((always_inline)) int serve_one(struct vblk *b, u32 queue)
{
	struct virtq *q = &b->d.queue[queue];
	struct vblk_slot *s;
	int got;

	if (!b->free) {
		b->starved |= BIT32(queue);
		return 0;
	}
	s = &b->slot[__builtin_ctz(b->free)];
	got = virtq_take(q, &s->chain);
	if (got <= 0)
		return got;
	if (!s->chain.writable)
		return virtq_break(q, "disk request without a byte for its status");
	b->free &= b->free - 1;
	s->queue = (u16)queue;
	s->kicking = true;
	s->rq.more = virtq_waits(q);
	slot_start(s);
	s->kicking = false;
	return s->rq.more ? 2 : 1;
}

int vblk_serve_one(struct vblk *b, u32 queue)
{
	return serve_one(b, queue);
}

/* What is there, up to a turn's worth. True: the turn is over though there is more. */
static bool serve_turn(struct vblk *b, u32 queue)
{
	u64 end = vblk_work(b) + VBLK_TURN_BYTES;
	struct virtq *q = &b->d.queue[queue];
	u32 left = VBLK_TURN_REQUESTS;

	do {
		int got;

		while ((got = serve_one(b, queue)) > 0) {
			if (!--left || vblk_work(b) >= end)
				return true;
			if (got == 1)
				break;
		}
		if (got < 0) {
			virtio_fail(&b->d, queue);
			return false;
		}
	} while (!(b->starved >> queue & 1) && virtq_listen(q));
	return false;
}

static void kicked(struct virtio_device *d, u32 queue)
{
	struct vblk *b = container_of(d, struct vblk, d);
	bool more;

	virtq_quiet(&d->queue[queue]);
	more = serve_turn(b, queue);
	virtio_flush(d, queue);
	if (more)
		virtio_again(d, queue);
}

static bool busy(const struct virtio_device *d)
{
	const struct vblk *b = container_of(d, const struct vblk, d);

	return !d->remote && b->free != VBLK_ALL_SLOTS;		/* remote: its queues come home without requests */
}

static void put(u8 *to, u64 val, u32 size)
{
	memcpy(to, &val, size);		/* little-endian, both of us */
}

static void config_fill(const struct vblk *b, u8 *c, u32 queues)
{
	put(c + CAPACITY, b->store.sectors, 8);
	put(c + SEG_MAX, VIRTQ_PIECES_MAX - 2, 4);
	put(c + BLK_SIZE, BLOCK_SECTOR << b->store.logical_shift, 4);
	c[PHYSICAL_EXP] = (u8)(b->store.physical_shift - b->store.logical_shift);	/* from here on in blocks of BLK_SIZE */
	put(c + MIN_IO_SIZE, BIT(c[PHYSICAL_EXP]), 2);
	put(c + OPT_IO_SIZE, 64 * KiB / BLOCK_SECTOR >> b->store.logical_shift, 4);
	put(c + NUM_QUEUES, queues, 2);
	put(c + MAX_DISCARD, ERASE_SECTORS_MAX, 4);
	put(c + MAX_DISCARD_SEG, 1, 4);
	put(c + DISCARD_ALIGN, BIT(b->store.physical_shift), 4);
	put(c + MAX_ZEROES, ERASE_SECTORS_MAX, 4);
	put(c + MAX_ZEROES_SEG, 1, 4);
	c[ZEROES_MAY_UNMAP] = 1;
}

static void reset(struct virtio_device *d)
{
	struct vblk *b = container_of(d, struct vblk, d);

	b->starved = b->quiet = b->answered = b->held = b->in_flight = 0;
	b->held_since = b->paused = 0;
	b->brisk = false;
	b->free = VBLK_ALL_SLOTS;	/* at power-on the store has been emptied */
	config_fill(b, b->d.config, d->queue_count);	/* and it may be of another size than last time */
}

static void describe(const struct virtio_device *d, char *to, size_t size)
{
	const struct vblk *b = container_of(d, const struct vblk, d);
	char capacity[24];

	fmt_print(to, size, "disk \"%s\" of %s%s: %lu reads, %lu writes, %lu flushes, %lu others", b->store.serial,
		  fmt_bytes(capacity, sizeof(capacity), b->store.sectors * BLOCK_SECTOR),
		  b->store.readonly ? ", read-only" : "", load_relaxed(&b->reads), load_relaxed(&b->writes),
		  load_relaxed(&b->flushes), load_relaxed(&b->others));
}

/* A large ring and no indirect tables: a driver that has them gets and frees memory for one with each request, which costs a
 * Linux guest more than all that a disk in RAM costs us. */
static const struct virtio_kind disk_kind = {
	.pci = VIRTIO_PCI_DESC("virtio-blk", 2, 0x010000u, VBLK_QUEUES_MAX + 1),
	.queue_size = VBLK_QUEUE_SIZE, .without = BIT(VIRTIO_F_INDIRECT_DESC),
	.config_size = CONFIG_SIZE, .kicked = kicked, .reset = reset, .busy = busy, .describe = describe,
};

int vblk_add(struct guest *g, struct vblk *b, u8 slot)
{
	u64 features = BIT(VBLK_F_SEG_MAX) | BIT(VBLK_F_BLK_SIZE) | BIT(VBLK_F_FLUSH) | BIT(VBLK_F_TOPOLOGY) |
		BIT(VBLK_F_MQ);
	u32 queues = MIN(g->vcpu_count, VBLK_QUEUES_MAX);
	int err = b->store.remote ? vblk_remote_init(g, b) : 0;

	features |= b->store.readonly ? BIT(VBLK_F_RO) : BIT(VBLK_F_DISCARD) | BIT(VBLK_F_WRITE_ZEROES);
	if (err)
		return err;
	b->free = VBLK_ALL_SLOTS;
	for (u32 i = 0; i < VBLK_SLOTS; i++) {
		b->slot[i].disk = b;
		b->slot[i].bit = BIT32(i);
		b->slot[i].rq.done = slot_done;
	}
	return virtio_add(g, &b->d, &disk_kind, features, queues, slot);
}
