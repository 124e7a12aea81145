/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a virtio disk. A device that breaks a rule, asks for a reset or does not answer is reset; what it had is given
 * to it once more. VIRTIO 1.2 "Device Operation" (5.2.6). */
#include "virtio_blk.h"

#include <hv/atomic.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#define WORK_NS (30 * NS_PER_S)
#define RESET_NS (5 * NS_PER_S)
#define LOOK_NS 500000000ul
#define ANSWERS_A_TURN 64u
#define RANGE_BYTES 16u
#define HEADER_BYTES 16u

static u64 shared_hpa(const struct vblk_disk *b, u32 i, u64 off)
{
	return b->shared_hpa + i * sizeof(struct vblk_shared) + off;
}

static u32 type_of(enum block_op op)
{
	static const u8 type[] = { [BLOCK_READ] = VBLK_IN, [BLOCK_WRITE] = VBLK_OUT, [BLOCK_FLUSH] = VBLK_FLUSH,
		[BLOCK_DISCARD] = VBLK_DISCARD, [BLOCK_ZERO] = VBLK_WRITE_ZEROES };

	return type[op];
}

/* Header, what goes with it, and data, in this order; then the data to be read and the status. */
static u32 list_pieces(struct vblk_disk *b, u32 i, struct dma_piece *to, u32 *in)
{
	const struct disk_request *rq = b->slot[i].request;
	u32 n = 0;

	to[n++] = (struct dma_piece){ shared_hpa(b, i, 0), HEADER_BYTES };
	if (!rq)
		to[n++] = (struct dma_piece){ shared_hpa(b, i, offsetof(struct vblk_shared, id)), VBLK_ID_BYTES };
	else if (rq->op == BLOCK_DISCARD || rq->op == BLOCK_ZERO)
		to[n++] = (struct dma_piece){ shared_hpa(b, i, offsetof(struct vblk_shared, range_sector)), RANGE_BYTES };
	else if (rq->op != BLOCK_FLUSH)
		for (u32 k = 0; k < rq->pieces; k++)
			to[n++] = rq->piece[k];
	to[n++] = (struct dma_piece){ shared_hpa(b, i, offsetof(struct vblk_shared, status)), 1 };
	*in = !rq || rq->op == BLOCK_READ ? n - 1 : 1;
	return n;
}

int vblk_put(struct vblk_disk *b, u32 i)
{
	const struct disk_request *rq = b->slot[i].request;
	struct vblk_shared *s = &b->shared[i];
	struct dma_piece piece[DISK_PIECES_MAX + 3];
	u32 in, n = list_pieces(b, i, piece, &in);

	if (!vio_queue_has_room(&b->queue, n))
		return -E_NOSPC;
	memset(s, 0, sizeof(*s));
	s->type = rq ? type_of(rq->op) : VBLK_GET_ID;
	s->status = VBLK_NO_STATUS;
	if (rq && (rq->op == BLOCK_READ || rq->op == BLOCK_WRITE))
		s->sector = rq->sector;
	if (rq) {
		s->range_sector = rq->sector;
		s->range_count = (u32)rq->sectors;
	}
	return vio_queue_put(&b->queue, piece, n - in, in, &b->slot[i]);
}

/* --- requests ------------------------------------------------------------------------------------------------------- */

static bool has_its_bytes(const struct disk_request *rq)
{
	u64 bytes = 0;

	for (u32 i = 0; i < rq->pieces; i++)
		bytes += rq->piece[i].len;
	return bytes == rq->sectors * 512;
}

/* The device would not do it, or nothing is to be done: the answer. */
static bool needs_no_device(const struct vblk_disk *b, const struct disk_request *rq, enum disk_result *result)
{
	const struct disk *d = &b->disk;

	*result = DISK_OK;
	if (rq->op == BLOCK_FLUSH)
		return !d->write_cache;
	*result = DISK_FAILED;
	if (!rq->sectors || rq->sector > d->sectors || rq->sectors > d->sectors - rq->sector)
		return true;
	*result = DISK_PROTECTED;
	if (d->readonly && rq->op != BLOCK_READ)
		return true;
	*result = DISK_UNSUPPORTED;
	if (rq->op == BLOCK_DISCARD || rq->op == BLOCK_ZERO)
		return rq->sectors > (rq->op == BLOCK_DISCARD ? b->discard_max : b->zero_max);
	*result = DISK_FAILED;
	return rq->sectors * 512 > d->bytes_max || !rq->pieces || rq->pieces > d->pieces_max || !has_its_bytes(rq);
}

static bool give(struct vblk_disk *b, u32 i, u64 now)
{
	struct vblk_slot *s = &b->slot[i];

	if (vblk_put(b, i))
		return false;
	s->since = now;
	s->given = true;
	return true;
}

static u32 free_slot(const struct vblk_disk *b)
{
	u32 i = 0;

	while (i < VBLK_DEPTH && b->slot[i].request)
		i++;
	return i;
}

static int vblk_submit(struct disk *d, struct disk_request *rq)
{
	struct vblk_disk *b = d->driver;
	enum disk_result result;
	u64 now = tsc_now();
	u32 i = b->used < VBLK_DEPTH ? free_slot(b) : VBLK_DEPTH;

	if (i == VBLK_DEPTH)
		return -E_AGAIN;
	b->slot[i] = (struct vblk_slot){ .request = rq };
	/* What is wrong, and what comes while the device is being reset, is looked at in a turn. */
	if (b->state == VBLK_RUNS && !needs_no_device(b, rq, &result)) {
		if (!give(b, i, now)) {
			b->slot[i].request = NULL;
			return -E_AGAIN;
		}
	} else {
		b->hold_back++;
	}
	b->used++;
	rq->submitted = now;
	return 0;
}

static void vblk_kick(struct disk *d)
{
	struct vblk_disk *b = d->driver;

	if (b->state == VBLK_RUNS)
		vio_queue_kick(&b->queue);
}

const struct disk_ops vblk_disk_ops = { .submit = vblk_submit, .kick = vblk_kick };

/* The answer comes last: whoever hears it may submit again. */
static void answer(struct vblk_disk *b, struct vblk_slot *s, enum disk_result result)
{
	struct disk_request *rq = s->request;

	b->hold_back -= !s->given;
	b->used--;
	*s = (struct vblk_slot){ 0 };
	if (result != DISK_OK && result != DISK_GONE)
		b->disk.errors++;
	rq->done(rq, result);
}

/* --- the device ----------------------------------------------------------------------------------------------------- */

static void die(struct vblk_disk *b)
{
	log_notice("disk %s: it is gone", b->disk.name);
	pci_set_master(b->vio.pci, false);
	b->state = VBLK_DEAD;
	b->why = "it is gone";
	b->disk.gone = true;
	for (u32 i = 0; i < VBLK_DEPTH; i++)
		if (b->slot[i].request)
			answer(b, &b->slot[i], DISK_GONE);
	disk_gone(&b->disk);
}

static void reset_begin(struct vblk_disk *b, const char *why, u64 now)
{
	log_notice("disk %s: %s: it is reset", b->disk.name, why);
	b->disk.resets++;
	vio_reset_begin(&b->vio);
	b->state = VBLK_RESETS;
	b->until = now + ns_to_ticks(RESET_NS);
}

/* The device forgot what it had. */
static void take_back(struct vblk_disk *b)
{
	for (u32 i = 0; i < VBLK_DEPTH; i++) {
		struct vblk_slot *s = &b->slot[i];

		if (!s->request || !s->given)
			continue;
		if (++s->tries >= VBLK_TRIES) {
			answer(b, s, DISK_TIMEOUT);
		} else {
			s->given = false;
			b->hold_back++;
		}
	}
}

static void poll_reset(struct vblk_disk *b, u64 now)
{
	if (!vio_reset_done(&b->vio)) {
		if (now >= b->until)
			die(b);
		return;
	}
	if (vio_restart(&b->vio) || vio_queue_restart(&b->queue)) {
		die(b);
		return;
	}
	vio_ready(&b->vio);
	b->state = VBLK_RUNS;
	take_back(b);
}

/* Requests that are held back: in the order of their slots, as far as there is room. */
static void give_held(struct vblk_disk *b, u64 now)
{
	enum disk_result result;

	for (u32 i = 0; i < VBLK_DEPTH && b->hold_back; i++) {
		struct vblk_slot *s = &b->slot[i];

		if (!s->request || s->given)
			continue;
		if (needs_no_device(b, s->request, &result))
			answer(b, s, result);
		else if (give(b, i, now))
			b->hold_back--;
		else
			break;
	}
	vio_queue_kick(&b->queue);
}

static void judge(struct vblk_disk *b, struct vblk_slot *s)
{
	u32 i = (u32)(s - b->slot);
	u8 status = load_relaxed(&b->shared[i].status);

	assert(i < VBLK_DEPTH && s->request && s->given);
	if (status > VBLK_UNSUPP) {
		b->vio.broken = "it answers without a status";	/* the reset that follows gives the request back */
		return;
	}
	answer(b, s, status == VBLK_OK ? DISK_OK : status == VBLK_UNSUPP ? DISK_UNSUPPORTED : DISK_FAILED);
}

/* A look at what changes by itself. */
static void look(struct vblk_disk *b, u64 now)
{
	enum vio_health health = vio_health(&b->vio);
	u64 sectors;

	b->look_next = now + ns_to_ticks(LOOK_NS);
	if (health == VIO_GONE) {
		die(b);
		return;
	}
	if (health == VIO_NEEDS_RESET) {
		reset_begin(b, "it asks for a reset", now);
		return;
	}
	sectors = vio_config_get(&b->vio, VBLK_CAPACITY, 8) & ~(u64)(b->disk.sector_size / 512 - 1);
	if (sectors && sectors <= 1ul << 55 && sectors != b->disk.sectors) {
		b->disk.sectors = sectors;
		disk_changed(&b->disk);
	}
}

static bool is_late(const struct vblk_disk *b, u64 now)
{
	u64 limit = ns_to_ticks(WORK_NS);

	for (u32 i = 0; b->used && i < VBLK_DEPTH; i++)
		if (b->slot[i].request && b->slot[i].given && now - b->slot[i].since > limit && now > b->slot[i].since)
			return true;
	return false;
}

static bool take_answers(struct vblk_disk *b)
{
	struct vblk_slot *s;
	u32 len, n = 0;

	vio_queue_quiet(&b->queue);
	for (; n < ANSWERS_A_TURN && (s = vio_queue_get(&b->queue, &len)); n++)
		judge(b, s);
	return n;
}

static void watch(struct vblk_disk *b, u64 now)
{
	if (b->vio.broken) {
		reset_begin(b, b->vio.broken, now);
		return;
	}
	if (b->hold_back)
		give_held(b, now);
	if (now < b->look_next)
		return;
	if (is_late(b, now)) {
		b->disk.timeouts++;
		b->look_next = now + ns_to_ticks(LOOK_NS);
		reset_begin(b, "no answer to a request", now);
	} else {
		look(b, now);
	}
}

bool vblk_turn(struct vblk_disk *b, u64 now)
{
	bool any = false;

	if (b->state == VBLK_RUNS) {
		any = b->used && take_answers(b);
		watch(b, now);
	} else if (b->state == VBLK_RESETS) {
		poll_reset(b, now);
	} else if (b->state != VBLK_DEAD) {
		vblk_come_turn(b, now);
	} else {
		for (u32 i = 0; i < VBLK_DEPTH && b->used; i++)
			if (b->slot[i].request)
				answer(b, &b->slot[i], DISK_GONE);
	}
	return any;
}
