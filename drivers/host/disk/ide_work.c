/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of a channel, one after the other: ATA-6 "DMA command protocol", "Non-data command protocol"; SFF-8038i
 * "Standard Programming Sequence". A drive that does not end its command is reset, and the request tried again. */
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/port.h>
#include <hv/time.h>

#include "ide.h"

#define WORK_NS (10 * NS_PER_S)
#define FLUSH_NS (30 * NS_PER_S)	/* ATA: a flush "may take longer than 30 seconds"; it is tried again then */
#define HELD_NS 10000ul			/* SRST: at least 5 us */
#define RESET_NS (31 * NS_PER_S)	/* ATA "Device reset" */
#define SOON_NS 30000000ul		/* a request that takes longer waits for the loop's own rhythm */
#define BOUNDARY 0x10000ul
#define NOTHING 0xffu

static void reset_begin(struct ide_channel *c, u64 now);

static u8 bm_read(const struct ide_channel *c, u32 reg)
{
	return port_in8((u16)(c->master + reg));
}

static void bm_write(const struct ide_channel *c, u32 reg, u8 val)
{
	port_out8((u16)(c->master + reg), val);
}

static u8 status_read(const struct ide_channel *c)
{
	return port_in8((u16)(c->command + IDE_STATUS));
}

/* --- descriptors ---------------------------------------------------------------------------------------------------- */

/* One piece, cut where 64 KiB end. Returns how many descriptors are used then; 0: it does not fit, or cannot be reached. */
static u32 add_piece(struct ide_prd *prd, u32 n, const struct dma_piece *piece)
{
	u64 at = piece->hpa, end = at + piece->len;

	if ((at | piece->len) & 3 || !piece->len || end > 4 * GiB)
		return 0;
	while (at < end) {
		u64 stop = MIN(end, ALIGN_DOWN(at, BOUNDARY) + BOUNDARY);

		if (n == IDE_PRDS)
			return 0;
		prd[n++] = (struct ide_prd){ (u32)at, (u16)(stop - at), 0 };
		at = stop;
	}
	return n;
}

static bool fill_table(struct ide_channel *c, const struct disk_request *rq)
{
	u64 bytes = 0;
	u32 n = 0;

	for (u32 i = 0; i < rq->pieces; i++) {
		n = add_piece(c->prd, n, &rq->piece[i]);
		if (!n)
			return false;
		bytes += rq->piece[i].len;
	}
	if (!n || bytes != rq->sectors * 512 || bytes > IDE_BYTES_MAX)
		return false;
	c->prd[n - 1].last = IDE_PRD_LAST;
	return true;
}

/* --- a request ------------------------------------------------------------------------------------------------------ */

/* The answer comes last: whoever hears it may submit again. */
static void answer(struct ide_drive *d, enum disk_result result)
{
	struct disk_request *rq = d->request;

	d->request = NULL;
	d->tries = 0;
	if (result != DISK_OK && result != DISK_GONE)
		d->disk.errors++;
	rq->done(rq, result);
}

static void out(const struct ide_channel *c, u32 reg, u64 val)
{
	port_out8((u16)(c->command + reg), (u8)val);
}

static bool is_wide(const struct ide_drive *d, const struct disk_request *rq)
{
	return d->wide && rq->sector + rq->sectors > 1ul << 28;
}

/* "48-bit Address feature set": each register takes two bytes, the upper one first. */
static void put_address(const struct ide_drive *d, const struct disk_request *rq)
{
	const struct ide_channel *c = d->channel;
	bool wide = is_wide(d, rq);

	ide_select(c, d->number, (u8)(0x40 | (wide ? 0 : rq->sector >> 24 & 15)));
	if (wide) {
		out(c, IDE_COUNT, rq->sectors >> 8);
		out(c, IDE_LBA_LOW, rq->sector >> 24);
		out(c, IDE_LBA_MID, rq->sector >> 32);
		out(c, IDE_LBA_HIGH, rq->sector >> 40);
	}
	out(c, IDE_COUNT, rq->sectors);
	out(c, IDE_LBA_LOW, rq->sector);
	out(c, IDE_LBA_MID, rq->sector >> 8);
	out(c, IDE_LBA_HIGH, rq->sector >> 16);
}

static void begin_transfer(struct ide_drive *d, const struct disk_request *rq)
{
	struct ide_channel *c = d->channel;
	u8 direction = rq->op == BLOCK_READ ? BM_TO_MEMORY : 0;

	bm_write(c, BM_COMMAND, direction);
	bm_write(c, BM_STATUS, (u8)((bm_read(c, BM_STATUS) & BM_KEEP) | BM_ERROR | BM_INTERRUPT));
	port_out32((u16)(c->master + BM_TABLE), (u32)c->prd_hpa);
	put_address(d, rq);
	if (is_wide(d, rq))
		out(c, IDE_COMMAND, rq->op == BLOCK_READ ? IDE_CMD_READ_EXT : IDE_CMD_WRITE_EXT);
	else
		out(c, IDE_COMMAND, rq->op == BLOCK_READ ? IDE_CMD_READ : IDE_CMD_WRITE);
	bm_write(c, BM_COMMAND, (u8)(direction | BM_START));
}

/* What cannot even be begun, and the answer then. Else the table of the channel is filled. */
static bool refused(struct ide_drive *d, enum disk_result *result)
{
	const struct disk_request *rq = d->request;

	*result = DISK_OK;
	if (rq->op == BLOCK_FLUSH)
		return !d->flush;		/* nothing is kept back */
	*result = DISK_UNSUPPORTED;
	if (rq->op != BLOCK_READ && rq->op != BLOCK_WRITE)
		return true;
	*result = DISK_FAILED;
	return rq->sector > d->disk.sectors || rq->sectors > d->disk.sectors - rq->sector || !fill_table(d->channel, rq);
}

static void start(struct ide_drive *d, u64 now)
{
	struct ide_channel *c = d->channel;
	bool flush = d->request->op == BLOCK_FLUSH;
	u8 status;

	c->at = d;
	c->dma = !flush;
	c->step = IDE_WORKS;
	c->since = now;
	c->until = now + ns_to_ticks(flush ? FLUSH_NS : WORK_NS);
	ide_select(c, d->number, 0x40);
	status = status_read(c);
	if (status & (IDE_BSY | IDE_DRQ)) {
		reset_begin(c, now);		/* also a drive that is not there: all ones */
	} else if (flush) {
		out(c, IDE_COMMAND, d->flush);
		ide_settle(c);
	} else {
		begin_transfer(d, d->request);
		ide_settle(c);
	}
}

/* Both drives in turn, so that neither waits for more than one request of the other. What cannot be begun is answered. */
static void start_next(struct ide_channel *c, u64 now)
{
	enum disk_result result;

	for (u32 i = 0; i < 2 && c->step == IDE_FREE; i++) {
		struct ide_drive *d = &c->drive[c->turn];

		c->turn ^= 1;
		if (d->request && refused(d, &result))
			answer(d, result);
		else if (d->request)
			start(d, now);
	}
}

static int ide_submit(struct disk *disk, struct disk_request *rq)
{
	struct ide_drive *d = disk->driver;
	struct ide_channel *c = d->channel;
	enum disk_result result;

	if (d->request)
		return -E_AGAIN;
	rq->submitted = tsc_now();
	d->request = rq;
	d->tries = 0;
	/* A request that is wrong stays where it is: the next turn answers it. */
	if (c->step == IDE_FREE && !refused(d, &result))
		start(d, rq->submitted);
	return 0;
}

const struct disk_ops ide_disk_ops = { .submit = ide_submit };

/* --- its end -------------------------------------------------------------------------------------------------------- */

static enum disk_result error_words(u8 error)
{
	return error & (IDE_UNC | IDE_IDNF) ? DISK_MEDIUM : DISK_FAILED;
}

static void finish(struct ide_channel *c, enum disk_result result)
{
	struct ide_drive *d = c->at;

	c->at = NULL;
	c->step = IDE_FREE;
	answer(d, result);
}

/* Once more, as long as there are tries left. A cable may err, a drive may hang; the sector itself is asked for once. */
static void again(struct ide_channel *c, enum disk_result result)
{
	if (++c->at->tries >= IDE_TRIES) {
		finish(c, result);
		return;
	}
	c->at = NULL;
	c->step = IDE_FREE;
}

/* The drive has ended its command; status was read, so its interrupt is taken back. */
static void judge(struct ide_channel *c, u8 status, u8 master, u64 now)
{
	u8 error = status & IDE_ERR ? port_in8((u16)(c->command + IDE_ERROR)) : 0;

	if (status & IDE_FAULT) {
		finish(c, DISK_FAILED);
	} else if (error & IDE_ICRC) {
		again(c, DISK_FAILED);
	} else if (status & IDE_ERR) {
		finish(c, c->at->request->op == BLOCK_FLUSH ? DISK_FAILED : error_words(error));
	} else if (status & (IDE_BSY | IDE_DRQ)) {
		reset_begin(c, now);		/* it says that it is done, and is not */
	} else if (c->dma && master & BM_ERROR) {
		again(c, DISK_FAILED);
	} else if (c->dma && master & BM_ACTIVE) {
		finish(c, DISK_FAILED);		/* less data than there is room for: not what was asked for */
	} else {
		finish(c, DISK_OK);
	}
}

static void die(struct ide_channel *c)
{
	c->step = IDE_DEAD;
	c->at = NULL;
	for (u32 i = 0; i < 2; i++) {
		struct ide_drive *d = &c->drive[i];

		if (d->kind != IDE_DISK || d->disk.gone)
			continue;
		log_notice("disk %s: it is gone", d->disk.name);
		d->disk.gone = true;
		if (d->request)
			answer(d, DISK_GONE);
		disk_gone(&d->disk);
	}
}

static void reset_begin(struct ide_channel *c, u64 now)
{
	bm_write(c, BM_COMMAND, 0);
	port_out8(c->control, IDE_SRST);
	c->at->disk.resets++;
	c->step = IDE_RESET_HELD;
	c->until = now + ns_to_ticks(HELD_NS);
}

static void poll_reset(struct ide_channel *c, u64 now)
{
	u8 status;

	if (c->step == IDE_RESET_HELD) {
		if (now < c->until)
			return;
		port_out8(c->control, 0);
		c->step = IDE_RESET_WAITS;
		c->until = now + ns_to_ticks(RESET_NS);
		ide_settle(c);
		return;
	}
	status = port_in8(c->control);
	if (status == NOTHING || (status & IDE_BSY && now >= c->until))
		die(c);
	else if (!(status & IDE_BSY))
		again(c, DISK_TIMEOUT);
}

/* By its interrupt, which the controller remembers; else by a drive that is not busy and a transfer that has stopped. */
static bool has_ended(const struct ide_channel *c, u8 master, u8 status)
{
	if (status & IDE_BSY)
		return false;
	return !c->dma || master & (BM_INTERRUPT | BM_ERROR) || status & (IDE_ERR | IDE_FAULT) ||
		!(master & BM_ACTIVE || status & IDE_DRQ);
}

static void poll_work(struct ide_channel *c, u64 now)
{
	u8 master = bm_read(c, BM_STATUS), status = port_in8(c->control);

	if (status == NOTHING && master == NOTHING) {
		die(c);
	} else if (has_ended(c, master, status)) {
		bm_write(c, BM_COMMAND, 0);
		status = status_read(c);
		bm_write(c, BM_STATUS, (u8)((master & BM_KEEP) | BM_ERROR | BM_INTERRUPT));
		judge(c, status, master, now);
	} else if (now >= c->until) {
		c->at->disk.timeouts++;
		log_notice("disk %s: no answer to a request: the channel is reset", c->at->disk.name);
		reset_begin(c, now);
	}
}

static void answer_gone(struct ide_channel *c)
{
	for (u32 i = 0; i < 2; i++)
		if (c->drive[i].request)
			answer(&c->drive[i], DISK_GONE);
}

bool ide_poll_channel(struct ide_channel *c, u64 now)
{
	if (c->step == IDE_WORKS)
		poll_work(c, now);
	else if (c->step == IDE_RESET_HELD || c->step == IDE_RESET_WAITS)
		poll_reset(c, now);
	else if (c->step == IDE_DEAD)
		answer_gone(c);
	start_next(c, now);
	return c->step == IDE_WORKS && now - c->since < ns_to_ticks(SOON_NS);
}
