/* SPDX-License-Identifier: Apache-2.0 */
/* "Identify command": the controller and its namespaces as disks. All of it is judged as it is read, each field once. */
#include <hv/lib.h>
#include <hv/log.h>

#include "nvme.h"
#include "text.h"

#define SECTOR_SHIFT 9u
#define BLOCK_SHIFT_MAX 12u
#define SECTORS_MAX (1ul << 54)
#define PHYSICAL_MAX (64 * KiB)

static u64 get(const u8 *at, u32 bytes)
{
	u64 val = 0;

	while (bytes--)
		val = val << 8 | ((const volatile u8 *)at)[bytes];
	return val;
}

static void get_text(char *to, const u8 *from, u32 size)
{
	for (u32 i = 0; i < size; i++)
		to[i] = (char)get(from + i, 1);
	disk_text(to, size, false);
}

/* "Identify Controller data structure". */
bool nvme_identify(struct nvme *n)
{
	const u8 *p = n->data;
	u32 mdts = (u32)get(p + 77, 1), oncs = (u32)get(p + 520, 2), kind = (u32)get(p + 111, 1);
	char serial[21];

	get_text(serial, p + 4, 20);
	if (n->queues && strcmp(serial, n->serial))
		return false;		/* another one answers now */
	str_copy(n->serial, sizeof(n->serial), serial);
	get_text(n->model, p + 24, 40);
	get_text(n->firmware, p + 64, 8);
	n->bytes_max = mdts && mdts < 7 ? MIN((u32)PAGE_SIZE << mdts, NVME_BYTES_MAX) : NVME_BYTES_MAX;
	n->namespaces = (u32)get(p + 516, 4);
	n->event_mask = (u32)get(p + 92, 4) & 0x100;
	n->discard = oncs & 4;
	n->zero = oncs & 8;
	n->cache = get(p + 525, 1) & 1;
	return kind <= 1 && get(p + 512, 1) >> 4 >= 6 && (get(p + 512, 1) & 15) <= 6;	/* an I/O controller; sizes of entries */
}

/* The namespaces to look at: those of the list in n->data, or without one the first numbers. */
void nvme_list_begin(struct nvme *n, bool whole)
{
	n->candidates = 0;
	for (u32 i = 0; i < NVME_CANDIDATES; i++) {
		u32 nsid = whole ? (u32)get(n->data + 4 * i, 4) : i + 1;

		if (!nsid || nsid == ~0u || (!whole && nsid > n->namespaces))
			break;
		n->candidate[n->candidates++] = nsid;
	}
	for (u32 i = 0; i < NVME_NAMESPACES_MAX; i++)
		n->ns[i].seen = false;
}

static struct nvme_namespace *place_of(struct nvme *n, u32 nsid)
{
	struct nvme_namespace *free = NULL;

	for (u32 i = 0; i < NVME_NAMESPACES_MAX; i++) {
		if (n->ns[i].nsid == nsid)
			return &n->ns[i];
		if (!n->ns[i].nsid && !free)
			free = &n->ns[i];
	}
	return free;
}

static void not_usable(const struct nvme *n, u32 nsid, const char *why)
{
	log_notice("nvme%u: namespace %u is not used: %s", n->index, nsid, why);
}

static void changed(struct nvme_namespace *ns)
{
	struct disk *d = ns->d;

	if (!ns->offered || (d->sectors == ns->sectors && d->readonly == ns->readonly))
		return;
	d->sectors = ns->sectors;
	d->readonly = ns->readonly;
	disk_changed(d);
}

/* "Identify Namespace data structure (NVM Command Set)". Size 0: it is not active. */
void nvme_namespace(struct nvme *n, u32 nsid)
{
	const u8 *p = n->data;
	u64 blocks = get(p, 8);
	u32 features = (u32)get(p + 24, 1), formatted = (u32)get(p + 26, 1), write_unit = (u32)get(p + 64, 2) + 1;
	u32 index = (formatted & 15) | (formatted >> 5 & 3) << 4, format = (u32)get(p + 128 + 4 * index, 4);
	u32 shift = format >> 16 & 0xff, metadata = format & 0xffff;
	struct nvme_namespace *ns = place_of(n, nsid);

	if (!blocks)
		return;
	if ((shift != SECTOR_SHIFT && shift != BLOCK_SHIFT_MAX) || metadata)
		not_usable(n, nsid, metadata ? "its blocks carry metadata" : "its blocks are not of 512 or 4096 bytes");
	else if (blocks > SECTORS_MAX >> (shift - SECTOR_SHIFT))
		not_usable(n, nsid, "its size makes no sense");
	else if (!ns)
		not_usable(n, nsid, "there are too many");
	else if (ns->leaving || (ns->nsid && ns->shift != shift - SECTOR_SHIFT))
		ns->seen = false;	/* another one by the same number: once this one has gone */
	else {
		ns->n = n;
		ns->nsid = nsid;
		ns->seen = true;
		ns->shift = (u8)(shift - SECTOR_SHIFT);
		ns->readonly = get(p + 99, 1) & 1;
		ns->sectors = blocks << ns->shift;
		ns->physical = features & 0x10 ? MIN(write_unit << shift, (u32)PHYSICAL_MAX) : 1u << shift;
		if (ns->physical & (ns->physical - 1))
			ns->physical = 1u << shift;
		changed(ns);
	}
}

static void offer(struct nvme *n, struct nvme_namespace *ns)
{
	struct disk *d = &ns->disk[ns->d == &ns->disk[0]];

	ns->queue = n->queue[(u64)(ns - n->ns) % n->queues];
	*d = (struct disk){ .ops = &nvme_disk_ops, .driver = ns, .bdf = n->pci->bdf, .sectors = ns->sectors,
		.sector_size = 512u << ns->shift, .physical_size = ns->physical, .depth = NVME_SLOTS,
		.pieces_max = DISK_PIECES_MAX, .bytes_max = n->bytes_max, .dma_align = 4, .page_pieces = true,
		.readonly = ns->readonly, .fua = true, .discard = n->discard, .zero = n->zero, .write_cache = n->cache };
	if (n->queues < n->wanted)
		d->depth = NVME_SLOTS / ((n->wanted + n->queues - 1) / n->queues);
	fmt_print(d->name, sizeof(d->name), "nvme%un%u", n->index, ns->nsid);
	str_copy(d->model, sizeof(d->model), n->model);
	str_copy(d->serial, sizeof(d->serial), n->serial);
	str_copy(d->firmware, sizeof(d->firmware), n->firmware);
	ns->d = d;
	ns->offered = !disk_add(d);
	if (!ns->offered) {
		not_usable(n, ns->nsid, "there are too many disks");
		ns->nsid = 0;
	}
	n->want_health = true;
}

void nvme_list_end(struct nvme *n)
{
	for (u32 i = 0; i < NVME_NAMESPACES_MAX; i++) {
		struct nvme_namespace *ns = &n->ns[i];

		if (ns->nsid && !ns->seen)
			ns->leaving = true;
		else if (ns->nsid && !ns->offered)
			offer(n, ns);
	}
}

/* A namespace that is not in the list any more leaves once the controller has answered all that it was asked about it. */
void nvme_leave(struct nvme *n)
{
	for (u32 i = 0; i < NVME_NAMESPACES_MAX; i++) {
		struct nvme_namespace *ns = &n->ns[i];

		if (!ns->leaving || ns->busy)
			continue;
		if (ns->offered) {
			ns->d->gone = true;
			disk_gone(ns->d);
		}
		ns->offered = ns->leaving = false;
		ns->nsid = 0;
		n->rescan = true;	/* its number may stand for another by now */
	}
}
