/* SPDX-License-Identifier: Apache-2.0 */
/* What is at a port: "IDENTIFY DEVICE", "IDENTIFY PACKET DEVICE", the capacity of a medium, SMART, the log that tells which of
 * the queued commands failed. All of it is judged as it is read, each field once. */
#include <hv/lib.h>
#include <hv/log.h>

#include "ahci.h"
#include "text.h"

#define SECTORS_MAX (1ul << 54)
#define OPTICAL_SHIFT 2u		/* 2048 bytes */

static u32 word(const struct ahci_port *p, u32 n)
{
	const volatile u8 *at = p->memory->data + 2 * n;

	return at[0] | (u32)at[1] << 8;
}

static u64 words(const struct ahci_port *p, u32 n, u32 count)
{
	u64 val = 0;

	while (count--)
		val = val << 16 | word(p, n + count);
	return val;
}

static u64 big(const struct ahci_port *p, u32 at)
{
	const volatile u8 *b = p->memory->data + at;

	return (u64)b[0] << 24 | (u64)b[1] << 16 | (u64)b[2] << 8 | b[3];
}

static void get_text(const struct ahci_port *p, char *to, u32 n, u32 count)
{
	const volatile u8 *at = p->memory->data + 2 * n;

	for (u32 i = 0; i < 2 * count; i++)
		to[i] = (char)at[i];
	disk_text(to, 2 * count, true);
}

/* Words 106, 117, 118, 209: sizes of sectors. */
static bool get_sizes(struct ahci_port *p)
{
	u32 sizes = word(p, 106), logical = 512, shift = 0;

	if ((sizes & 0xc000) != 0x4000)
		sizes = 0;
	if (sizes & 0x1000)
		logical = (u32)words(p, 117, 2) * 2;
	if (logical == 4096)
		shift = 3;
	else if (logical != 512)
		return false;
	p->shift = (u8)shift;
	p->physical = sizes & 0x2000 ? MIN(logical << (sizes & 15), 64 * (u32)KiB) : logical;
	return true;
}

static bool identify_disk(struct ahci_port *p)
{
	u32 sets = word(p, 83), on = word(p, 86), queue = word(p, 76), depth = (word(p, 75) & 31) + 1;
	u64 sectors = sets & 0x400 ? words(p, 100, 4) : 0;

	if ((sets & 0xc000) != 0x4000 || !(sets & 0x400) || !(word(p, 49) & 0x100)) {
		p->why = "it has no 48-bit addresses or no DMA";
		return false;
	}
	if (!get_sizes(p) || !sectors || sectors > SECTORS_MAX >> p->shift) {
		p->why = "its size or its sectors make no sense";
		return false;
	}
	p->sectors = sectors << p->shift;
	p->ncq = queue != 0xffff && queue & 0x100 && p->a->caps >> 30 & 1;
	p->depth = (u8)MIN(depth, p->a->slots);
	p->flush48 = on & 0x2000;
	p->fua = (word(p, 87) & 0xc000) == 0x4000 && word(p, 84) & 0x40;
	p->cache = word(p, 85) & 0x20;
	p->smart = word(p, 82) & 1 && word(p, 85) & 1;
	p->trim = word(p, 169) & 1;
	p->rotational = word(p, 217) != 1;
	return true;
}

bool ahci_identify(struct ahci_port *p)
{
	char serial[21], model[41];
	u64 had = p->sectors;
	u8 shift = p->shift;

	get_text(p, serial, 10, 10);
	get_text(p, model, 27, 20);
	p->other = p->offered && (strcmp(serial, p->serial) || strcmp(model, p->model));
	str_copy(p->serial, sizeof(p->serial), serial);
	str_copy(p->model, sizeof(p->model), model);
	get_text(p, p->firmware, 23, 4);
	if (!p->atapi) {
		bool good = identify_disk(p);

		p->other |= p->offered && (!good || p->sectors != had || p->shift != shift);
		return good;
	}
	p->packet_direction = word(p, 62) & 0x8000;
	p->ncq = p->trim = p->fua = p->cache = p->smart = false;
	p->rotational = true;
	p->depth = 1;
	if ((word(p, 0) >> 8 & 31) == 5)
		return true;
	p->why = "it is no optical drive";
	return false;
}

/* READ CAPACITY (10): the last block, and its size. */
bool ahci_capacity(struct ahci_port *p)
{
	u64 last = big(p, 0), size = big(p, 4), had = p->sectors;

	p->shift = OPTICAL_SHIFT;
	p->physical = 2048;
	p->sectors = (last + 1) << OPTICAL_SHIFT;
	p->other |= p->offered && p->sectors != had;
	if (size == 2048 && last && last < UINT32_MAX)
		return true;
	p->why = "its medium is not of sectors of 2048 bytes";
	return false;
}

void ahci_offer(struct ahci_port *p)
{
	struct disk *d = &p->disk[p->d == &p->disk[0]];

	*d = (struct disk){ .ops = &ahci_disk_ops, .driver = p, .bdf = p->a->pci->bdf, .sectors = p->sectors,
		.sector_size = 512u << p->shift, .physical_size = p->physical, .depth = p->ncq ? p->depth : AHCI_SLOTS,
		.pieces_max = DISK_PIECES_MAX, .bytes_max = AHCI_BYTES_MAX, .dma_align = 2,
		.dma_end = p->a->caps & CAP_WIDE ? 0 : 4 * GiB, .readonly = p->atapi,
		.rotational = p->rotational, .fua = p->fua, .discard = p->trim, .write_cache = p->cache };
	fmt_print(d->name, sizeof(d->name), "sata%u", p->a->first + p->nr);
	str_copy(d->model, sizeof(d->model), p->model);
	str_copy(d->serial, sizeof(d->serial), p->serial);
	str_copy(d->firmware, sizeof(d->firmware), p->firmware);
	p->d = d;
	p->health = (struct disk_health){ 0 };
	p->want_health = p->smart;
	p->offered = !disk_add(d);
	if (!p->offered)
		log_notice("%s: it is not used: there are too many disks", d->name);
}

/* "SMART READ DATA": thirty attributes from byte 2 on, 12 bytes each: number, flags, current, worst, raw value. What they mean
 * is the maker's affair; these are what all agree upon. The sum over all bytes is zero. */
void ahci_smart(struct ahci_port *p)
{
	struct disk_health *h = &p->health;
	const volatile u8 *data = p->memory->data;
	u8 copy[362], sum = 0;

	for (u32 i = 0; i < 512; i++) {
		u8 b = data[i];

		sum = (u8)(sum + b);
		if (i < sizeof(copy))
			copy[i] = b;
	}
	if (sum)
		return;
	for (u32 i = 0; i < 30; i++) {
		const u8 *a = copy + 2 + 12 * i;
		u64 raw = a[5] | (u64)a[6] << 8 | (u64)a[7] << 16 | (u64)a[8] << 24;

		switch (a[0]) {
		case 9:
			h->power_on_hours = raw & 0xffffff;
			break;
		case 187:
			h->media_errors = raw;
			break;
		case 192:
			h->unsafe_shutdowns = raw;
			break;
		case 190:
		case 194:
			if (a[5] && a[5] < 128)
				h->celsius = a[5];
			break;
		default:
			break;
		}
	}
}

/* "NCQ Command Error log (10h)": which command it was, and what its task file would have said. False: none of ours. */
bool ahci_log_slot(const struct ahci_port *p, u32 *slot, u32 *status)
{
	const volatile u8 *data = p->memory->data;
	u8 tag = data[0];

	*slot = tag & 31;
	*status = data[2] | (u32)data[3] << 8 | TFD_ERR;
	return !(tag & 0x80) && p->error_flying >> *slot & 1;
}
