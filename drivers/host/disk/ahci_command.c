/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as commands: each has a slot of its port until it is answered, and goes in the order in which they came. */
#include <hv/atomic.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#include "ahci.h"

#define MS 1000000ul			/* in ns */
#define LATE_NS (10000 * MS)
#define LATE_LONG_NS (30000 * MS)	/* flush, trim, optical drives */
#define TRIES_MAX 3u

#define FIS_TO_DEVICE 0x27u
#define FIS_COMMAND 0x80u
#define FIS_DWORDS 5u
#define HEADER_PACKET 0x20u
#define HEADER_WRITE 0x40u
#define DEVICE_LBA 0x40u
#define DEVICE_FUA 0x80u		/* of queued writes */
#define PACKET_DMA 1u
#define PACKET_IN 4u
#define PACKET_READ 0x28u		/* READ (10) */
#define BLOCKS_MAX 65535u
#define DATASET_TRIM 1u
#define TRIM_ENTRIES 64u

/* PxTFD: the error register is in bits 15:8. */
#define ERROR_CRC 0x8000u
#define ERROR_UNCORRECTABLE 0x4000u
#define ERROR_NO_ID 0x1000u
#define ERROR_ABORTED 0x0400u

static void put_fis(u8 *to, const struct ahci_fis *f)
{
	memset(to, 0, 20);
	to[0] = FIS_TO_DEVICE;
	to[1] = FIS_COMMAND;
	to[2] = f->command;
	to[3] = (u8)f->feature;
	to[7] = f->device;
	to[11] = (u8)(f->feature >> 8);
	to[12] = (u8)f->count;
	to[13] = (u8)(f->count >> 8);
	for (u32 i = 0; i < 3; i++) {
		to[4 + i] = (u8)(f->lba >> 8 * i);
		to[8 + i] = (u8)(f->lba >> (24 + 8 * i));
	}
}

static void put_prd(struct ahci_prd *prd, u64 hpa, u32 bytes)
{
	assert(!(hpa & 1) && bytes && !(bytes & 1));
	*prd = (struct ahci_prd){ (u32)hpa, (u32)(hpa >> 32), 0, bytes - 1 };
}

static void put_header(struct ahci_port *p, u32 slot, u32 table, u32 pieces, u32 flags)
{
	u64 at = p->memory_hpa + offsetof(struct ahci_memory, table) + table * sizeof(struct ahci_table);
	struct ahci_header *h = &p->memory->header[slot];

	*h = (struct ahci_header){ .flags = FIS_DWORDS | flags | pieces << 16, .table = (u32)at, .table_high = (u32)(at >> 32) };
}

static void put_u32(u8 *to, u64 val)
{
	for (u32 i = 0; i < 4; i++)
		to[i] = (u8)(val >> (24 - 8 * i));
}

static void start_own(struct ahci_port *p, u32 bytes, u32 flags, u64 limit_ns)
{
	struct ahci_table *t = &p->memory->table[AHCI_SLOTS];

	assert(!p->own && !p->flying && bytes <= sizeof(p->memory->data));
	memset(p->memory->data, 0, sizeof(p->memory->data));
	if (bytes)
		put_prd(&t->prd[0], p->memory_hpa + offsetof(struct ahci_memory, data), bytes);
	put_header(p, 0, AHCI_SLOTS, bytes != 0, flags);
	p->own = true;
	p->until = p->a->now + ns_to_ticks(limit_ns);
	__asm__ volatile("" ::: "memory");
	ahci_write(p->reg, PX_CI, 1);
}

void ahci_own(struct ahci_port *p, const struct ahci_fis *fis, u32 bytes, u64 limit_ns)
{
	put_fis(p->memory->table[AHCI_SLOTS].fis, fis);
	start_own(p, bytes, 0, limit_ns);
}

void ahci_own_packet(struct ahci_port *p, const u8 *packet, u32 bytes, u64 limit_ns)
{
	struct ahci_table *t = &p->memory->table[AHCI_SLOTS];
	u16 feature = bytes ? (u16)(PACKET_DMA | (p->packet_direction ? PACKET_IN : 0)) : 0;

	put_fis(t->fis, &(struct ahci_fis){ .command = ATA_PACKET, .feature = feature, .lba = (u64)bytes << 8 });
	memcpy(t->packet, packet, sizeof(t->packet));
	start_own(p, bytes, HEADER_PACKET, limit_ns);
}

/* Data: the request's memory as it is; the block layer keeps the rules of disk->dma_align, pieces_max and bytes_max. */
static u32 put_pieces(struct ahci_table *t, const struct disk_request *rq)
{
	assert(rq->pieces && rq->pieces <= DISK_PIECES_MAX);
	for (u32 i = 0; i < rq->pieces; i++)
		put_prd(&t->prd[i], rq->piece[i].hpa, rq->piece[i].len);
	return rq->pieces;
}

static void put_packet(struct ahci_port *p, u32 slot, u64 first, u64 blocks)
{
	struct ahci_table *t = &p->memory->table[slot];
	u16 feature = (u16)(PACKET_DMA | (p->packet_direction ? PACKET_IN : 0));

	put_fis(t->fis, &(struct ahci_fis){ .command = ATA_PACKET, .feature = feature });
	memset(t->packet, 0, sizeof(t->packet));
	t->packet[0] = PACKET_READ;
	put_u32(t->packet + 2, first);
	t->packet[7] = (u8)(blocks >> 8);
	t->packet[8] = (u8)blocks;
	put_header(p, slot, slot, put_pieces(t, p->slot[slot].rq), HEADER_PACKET);
}

/* "DATA SET MANAGEMENT": a list of ranges, each of less than 65536 blocks. */
static void put_trim(struct ahci_port *p, u32 slot, u64 first, u64 blocks)
{
	struct ahci_table *t = &p->memory->table[slot];
	u64 *entry = (u64 *)(void *)p->memory->data;

	memset(entry, 0, TRIM_ENTRIES * sizeof(*entry));
	for (u32 i = 0; blocks; i++) {
		u64 n = MIN(blocks, BLOCKS_MAX);

		entry[i] = first | n << 48;
		first += n;
		blocks -= n;
	}
	put_fis(t->fis, &(struct ahci_fis){ .command = ATA_DATASET, .device = DEVICE_LBA, .feature = DATASET_TRIM, .count = 1 });
	put_prd(&t->prd[0], p->memory_hpa + offsetof(struct ahci_memory, data), TRIM_ENTRIES * sizeof(*entry));
	put_header(p, slot, slot, 1, HEADER_WRITE);
}

static void put_data(struct ahci_port *p, u32 slot, bool queued, u64 first, u64 blocks)
{
	const struct disk_request *rq = p->slot[slot].rq;
	struct ahci_table *t = &p->memory->table[slot];
	bool write = rq->op == BLOCK_WRITE, fua = write && rq->fua && p->fua;
	struct ahci_fis f = { .device = DEVICE_LBA, .lba = first };

	if (queued) {
		f.command = write ? ATA_WRITE_QUEUED : ATA_READ_QUEUED;
		f.feature = (u16)blocks;
		f.count = (u16)(slot << 3);
		f.device |= fua ? DEVICE_FUA : 0;
	} else {
		f.command = fua ? ATA_WRITE_FUA : write ? ATA_WRITE : ATA_READ;
		f.count = (u16)blocks;
	}
	put_fis(t->fis, &f);
	put_header(p, slot, slot, put_pieces(t, rq), write ? HEADER_WRITE : 0);
}

static bool goes_queued(const struct ahci_port *p, const struct ahci_slot *s)
{
	return p->ncq && !s->alone && (s->rq->op == BLOCK_READ || s->rq->op == BLOCK_WRITE);
}

static void fly(struct ahci_port *p, u32 slot)
{
	struct ahci_slot *s = &p->slot[slot];
	const struct disk_request *rq = s->rq;
	bool queued = goes_queued(p, s), data = rq->op == BLOCK_READ || rq->op == BLOCK_WRITE;
	u64 first = (rq->sector + s->given) >> p->shift, most = (u64)BLOCKS_MAX * TRIM_ENTRIES << p->shift;

	s->asked = MIN(rq->sectors - s->given, most);
	if (rq->op == BLOCK_FLUSH)
		put_fis(p->memory->table[slot].fis, &(struct ahci_fis){ .command = p->flush48 ? ATA_FLUSH_EXT : ATA_FLUSH,
			.device = DEVICE_LBA });
	if (rq->op == BLOCK_FLUSH)
		put_header(p, slot, slot, 0, 0);
	else if (rq->op == BLOCK_DISCARD)
		put_trim(p, slot, first, s->asked >> p->shift);
	else if (p->atapi)
		put_packet(p, slot, first, s->asked >> p->shift);
	else
		put_data(p, slot, queued, first, s->asked >> p->shift);
	s->state = AHCI_FLYING;
	s->until = p->a->now + ns_to_ticks(data && !p->atapi ? LATE_NS : LATE_LONG_NS);
	p->flying |= BIT32(slot);
	p->ring |= BIT32(slot);
	if (queued)
		p->queued |= BIT32(slot);
}

/* What a disk of this kind does not do is answered in its turn. */
static bool refused(const struct ahci_port *p, const struct disk_request *rq, enum disk_result *result)
{
	if (rq->op == BLOCK_ZERO || (rq->op == BLOCK_DISCARD && !p->trim))
		*result = DISK_UNSUPPORTED;
	else if (p->atapi && rq->op == BLOCK_FLUSH)
		*result = DISK_OK;
	else if (p->atapi && rq->op != BLOCK_READ)
		*result = DISK_PROTECTED;
	else
		return false;
	return true;
}

static void tell(struct ahci_port *p)
{
	if (!p->ring)
		return;
	__asm__ volatile("" ::: "memory");
	if (p->ring & p->queued)
		ahci_write(p->reg, PX_SACT, p->ring & p->queued);
	ahci_write(p->reg, PX_CI, p->ring);
	p->ring = 0;
}

void ahci_issue(struct ahci_port *p, bool may_end)
{
	while (p->state == PORT_RUNS && p->a->state == AHCI_RUNS && p->fifo_count && !(p->want_health && p->smart)) {
		u32 slot = p->fifo[p->fifo_at];
		struct ahci_slot *s = &p->slot[slot];
		enum disk_result result;
		bool no = s->bad || refused(p, s->rq, &result);

		if (no ? !may_end : goes_queued(p, s) ? p->flying & ~p->queued : p->flying)
			break;
		p->fifo_at = (u8)((p->fifo_at + 1) % AHCI_SLOTS);
		p->fifo_count--;
		if (s->bad)
			ahci_failed(p, slot, s->bad);
		else if (no)
			ahci_finish(p, s, result);
		else
			fly(p, slot);
	}
	tell(p);
}

static void wait_turn(struct ahci_port *p, u32 slot)
{
	p->slot[slot].state = AHCI_WAITING;
	p->fifo[(p->fifo_at + p->fifo_count++) % AHCI_SLOTS] = (u8)slot;
}

static int ahci_disk_submit(struct disk *d, struct disk_request *rq)
{
	struct ahci_port *p = d->driver;
	u32 slot;

	assert(rq->op == BLOCK_FLUSH || rq->sectors);
	if (!p->free || d->gone || d != p->d)
		return -E_AGAIN;
	p->a->calm_until = 0;
	slot = (u32)__builtin_ctz(p->free);
	p->free &= p->free - 1;
	rq->tag = slot;
	rq->submitted = tsc_now();
	p->slot[slot] = (struct ahci_slot){ .rq = rq };
	wait_turn(p, slot);
	return 0;
}

static void ahci_disk_kick(struct disk *d)
{
	ahci_issue(d->driver, false);
}

static void ahci_disk_ask_health(struct disk *d)
{
	struct ahci_port *p = d->driver;

	p->want_health = true;
}

const struct disk_ops ahci_disk_ops = {
	.submit = ahci_disk_submit, .kick = ahci_disk_kick, .ask_health = ahci_disk_ask_health,
};

/* The slot is free before its owner hears of it: done() may submit. */
void ahci_finish(struct ahci_port *p, struct ahci_slot *s, enum disk_result result)
{
	struct disk_request *rq = s->rq;
	u32 bit = BIT32(s - p->slot);

	p->flying &= ~bit;
	p->queued &= ~bit;
	p->ring &= ~bit;
	p->free |= bit;
	s->state = AHCI_FREE;
	s->rq = NULL;
	if (result != DISK_OK && result != DISK_UNSUPPORTED && p->d)
		p->d->errors++;
	rq->done(rq, result);
}

static void again(struct ahci_port *p, u32 slot)
{
	p->flying &= ~BIT32(slot);
	p->queued &= ~BIT32(slot);
	p->ring &= ~BIT32(slot);
	wait_turn(p, slot);
}

/* A command that went alone is checked: the task file is its own, and a read brought all of its bytes. */
static bool went_well(const struct ahci_port *p, u32 slot, bool queued)
{
	const struct ahci_slot *s = &p->slot[slot];
	u32 bytes = load_relaxed(&p->memory->header[slot].bytes);

	if (queued)
		return true;
	if (ahci_read(p->reg, PX_TFD) & (TFD_ERR | TFD_FAULT | TFD_BSY | TFD_DRQ))
		return false;
	return s->rq->op != BLOCK_READ || bytes == s->asked * BLOCK_SECTOR;
}

static void done_one(struct ahci_port *p, u32 slot)
{
	struct ahci_slot *s = &p->slot[slot];

	if (!went_well(p, slot, p->queued >> slot & 1)) {
		ahci_failed(p, slot, ahci_read(p->reg, PX_TFD));
		return;
	}
	p->falls = 0;
	s->given += s->asked;
	if (s->given < s->rq->sectors)
		again(p, slot);
	else
		ahci_finish(p, s, DISK_OK);
}

void ahci_take(struct ahci_port *p)
{
	u32 busy = ahci_read(p->reg, PX_CI), done;

	if (p->own) {
		p->own = busy & 1;
		return;
	}
	if (p->queued)
		busy |= ahci_read(p->reg, PX_SACT);
	for (done = p->flying & ~p->ring & ~busy; done; done &= done - 1)
		done_one(p, (u32)__builtin_ctz(done));
}

void ahci_stopped(struct ahci_port *p, bool counts)
{
	u32 flying = p->flying;

	for (u32 i = 0; i < AHCI_SLOTS; i++) {
		if (!(flying >> i & 1))
			continue;
		if (counts && !(p->ring >> i & 1) && ++p->slot[i].tries >= TRIES_MAX)
			ahci_finish(p, &p->slot[i], DISK_TIMEOUT);
		else
			again(p, i);
	}
	p->own = false;
}

void ahci_end_all(struct ahci_port *p, enum disk_result result)
{
	p->fifo_count = 0;
	for (u32 i = 0; i < AHCI_SLOTS; i++)
		if (p->slot[i].state != AHCI_FREE)
			ahci_finish(p, &p->slot[i], result);
	p->own = false;
}

/* "Error field" of ATA; optical drives have a sense key in its upper half. */
static enum disk_result result_of(const struct ahci_port *p, const struct disk_request *rq, u32 status)
{
	if (p->atapi)
		return (status >> 12 & 15) == 3 ? DISK_MEDIUM : DISK_FAILED;
	if (status & TFD_ERR && status & (ERROR_UNCORRECTABLE | ERROR_NO_ID))
		return DISK_MEDIUM;
	if (status & TFD_ERR && status & ERROR_ABORTED && rq->op == BLOCK_DISCARD)
		return DISK_UNSUPPORTED;
	return DISK_FAILED;
}

/* Not the medium's fault: a damaged transfer, a drive that had something to tell first. */
static bool passes(const struct ahci_port *p, u32 status)
{
	u32 key = status >> 12 & 15;

	if (p->atapi)
		return key == 6 || key == 11;
	return !(status & TFD_ERR) || status & ERROR_CRC;
}

void ahci_failed(struct ahci_port *p, u32 slot, u32 status)
{
	struct ahci_slot *s = &p->slot[slot];

	s->bad = 0;
	if (passes(p, status) && ++s->tries < TRIES_MAX)
		again(p, slot);
	else
		ahci_finish(p, s, result_of(p, s->rq, status));
}

bool ahci_late(const struct ahci_port *p, u64 now)
{
	for (u32 left = p->flying; left; left &= left - 1)
		if (now >= p->slot[__builtin_ctz(left)].until)
			return true;
	return false;
}
