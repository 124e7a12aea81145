/* SPDX-License-Identifier: Apache-2.0 */
#include "map.h"

#include <stdbool.h>

#define PAGE 4096ull
#define LOW_END 0x100000ull		/* legacy memory, ours to start cores in: never given out */
#define ADDRESS_END (1ull << 52)	/* nothing of x86-64 lies above */
#define MEMORY_SPECIFIC (1ull << 18)	/* EFI_MEMORY_SP: for one purpose, not for general use */

enum { TYPE_LOADER_CODE = 1, TYPE_BOOT_DATA = 4, TYPE_RUNTIME_CODE, TYPE_RUNTIME_DATA, TYPE_CONVENTIONAL,
       TYPE_UNUSABLE, TYPE_ACPI, TYPE_NVS, TYPE_MMIO, TYPE_MMIO_PORT, TYPE_PAL };

/* One piece of a descriptor: clean, never wrapping. */
struct piece {
	uint64_t base, end;
	uint32_t kind, type;
	uint64_t attributes;
};

static uint32_t kind_of(const struct map_descriptor *d)
{
	if ((d->type >= TYPE_LOADER_CODE && d->type <= TYPE_BOOT_DATA) || d->type == TYPE_CONVENTIONAL)
		return d->attributes & MEMORY_SPECIFIC ? BOOT_RESERVED : BOOT_RAM;
	switch (d->type) {
	case TYPE_RUNTIME_CODE:	return BOOT_RUNTIME_CODE;
	case TYPE_RUNTIME_DATA:	return BOOT_RUNTIME_DATA;
	case TYPE_ACPI:
	case TYPE_NVS:		return BOOT_ACPI;
	case TYPE_MMIO:
	case TYPE_MMIO_PORT:	return BOOT_MMIO;
	default:		return BOOT_RESERVED;	/* also persistent, unaccepted, and what is not invented yet */
	}
}

static size_t count_descriptors(const struct map_input *in)
{
	return in->stride < sizeof(struct map_descriptor) ? 0 : in->size / in->stride;
}

/* Descriptor `i`; false when it says nothing. */
static bool piece_get(const struct map_input *in, size_t i, struct piece *p)
{
	const struct map_descriptor *d = (const void *)((const char *)in->descriptors + i * in->stride);

	if (!d->pages || d->base % PAGE || d->base >= ADDRESS_END)
		return false;
	p->base = d->base;
	p->end = d->pages > (ADDRESS_END - d->base) / PAGE ? ADDRESS_END : d->base + d->pages * PAGE;
	p->kind = kind_of(d);
	p->type = d->type;
	p->attributes = d->attributes;
	return true;
}

/* Which of two overlapping descriptors is believed: the larger number. */
static unsigned int kind_rank(uint32_t kind)
{
	switch (kind) {
	case BOOT_RAM:		return 1;
	case BOOT_ACPI:		return 2;
	case BOOT_RUNTIME_DATA:	return 3;
	case BOOT_RUNTIME_CODE:	return 4;
	case BOOT_MMIO:		return 5;
	default:		return 6;
	}
}

size_t map_count_edges(const struct map_input *in)
{
	return 2 * (count_descriptors(in) + in->kept_count) + 1;
}

/* Sorts and removes doubles; returns how many stay. Maps are nearly sorted, for which insertion is quick. */
static size_t edges_sort(uint64_t *edges, size_t count)
{
	size_t used = 0;

	for (size_t i = 1; i < count; i++) {
		uint64_t e = edges[i];
		size_t at = i;

		for (; at && edges[at - 1] > e; at--)
			edges[at] = edges[at - 1];
		edges[at] = e;
	}
	for (size_t i = 0; i < count; i++)
		if (!used || edges[used - 1] != edges[i])
			edges[used++] = edges[i];
	return used;
}

static size_t edges_collect(const struct map_input *in, uint64_t *edges)
{
	size_t count = 0;
	struct piece p;

	edges[count++] = LOW_END;
	for (size_t i = 0; i < count_descriptors(in); i++) {
		if (!piece_get(in, i, &p))
			continue;
		edges[count++] = p.base;
		edges[count++] = p.end;
	}
	for (size_t i = 0; i < in->kept_count; i++) {
		edges[count++] = in->kept[i].base;
		edges[count++] = in->kept[i].base + in->kept[i].size;
	}
	return edges_sort(edges, count);
}

/* What lies at `base`, where nothing changes before the next edge. False: nobody says. */
static bool describe(const struct map_input *in, uint64_t base, struct piece *best)
{
	bool found = false;
	struct piece p;

	for (size_t i = 0; i < count_descriptors(in); i++) {
		if (!piece_get(in, i, &p) || base < p.base || base >= p.end)
			continue;
		if (!found || kind_rank(p.kind) > kind_rank(best->kind))
			*best = p;
		found = true;
	}
	if (!found || best->kind != BOOT_RAM)
		return found;
	if (base < LOW_END)
		best->kind = BOOT_RESERVED;
	for (size_t i = 0; i < in->kept_count && best->kind == BOOT_RAM; i++)
		if (base >= in->kept[i].base && base - in->kept[i].base < in->kept[i].size)
			best->kind = in->kept[i].kind;
	return true;
}

static bool can_merge(const struct boot_range *r, const struct piece *p)
{
	if (r->kind != p->kind || r->base + r->size != p->base)
		return false;
	if (r->kind == BOOT_RUNTIME_CODE || r->kind == BOOT_RUNTIME_DATA)
		return r->efi_attr == p->attributes;
	return true;
}

static void emit(struct boot_info *info, const struct piece *p)
{
	struct boot_range *last = info->range_count ? &info->ranges[info->range_count - 1] : NULL;

	if (last && can_merge(last, p)) {
		last->size += p->end - p->base;
		last->efi_attr &= p->attributes;
		return;
	}
	if (info->range_count == BOOT_RANGES_MAX) {
		info->range_lost++;
		return;
	}
	info->ranges[info->range_count++] = (struct boot_range){
		.base = p->base, .size = p->end - p->base, .kind = p->kind,
		.efi_type = p->type, .efi_attr = p->attributes,
	};
}

void map_translate(struct boot_info *info, const struct map_input *in, uint64_t *edges)
{
	size_t count = edges_collect(in, edges);

	info->range_count = 0;
	info->range_lost = 0;
	for (size_t i = 0; i + 1 < count; i++) {
		struct piece p = { 0 };

		if (!describe(in, edges[i], &p))
			continue;
		p.base = edges[i];
		p.end = edges[i + 1];
		emit(info, &p);
	}
}

uint64_t map_find_top(const struct map_input *in)
{
	uint64_t top = 0;
	struct piece p;

	for (size_t i = 0; i < count_descriptors(in); i++)
		if (piece_get(in, i, &p) && p.kind != BOOT_MMIO && p.kind != BOOT_RESERVED && p.end > top)
			top = p.end;
	return top;
}

uint64_t map_sum_ram(const struct map_input *in)
{
	uint64_t sum = 0;
	struct piece p;

	for (size_t i = 0; i < count_descriptors(in); i++)
		if (piece_get(in, i, &p) && p.kind == BOOT_RAM)
			sum += p.end - p.base;
	return sum;
}

/* Highest place for size bytes in [base, end); 0: none. */
static uint64_t place_high(uint64_t size, uint64_t align, uint64_t base, uint64_t end)
{
	uint64_t at = end < base || end - base < size ? 0 : (end - size) & ~(align - 1);

	return at < base ? 0 : at;
}

/* The same, touching nothing kept: each step goes below a kept range, so there are not more than those. */
static uint64_t place_free(const struct map_input *in, uint64_t size, uint64_t align, uint64_t base, uint64_t end)
{
	uint64_t at = place_high(size, align, base, end);

	for (size_t i = 0; at && i < in->kept_count; i++) {
		const struct map_kept *k = &in->kept[i];

		if (at >= k->base + k->size || k->base >= at + size)
			continue;
		at = place_high(size, align, base, k->base);
		i = SIZE_MAX;	/* from the first again */
	}
	return at;
}

uint64_t map_find_free(const struct map_input *in, uint64_t size, uint64_t align, uint64_t low, uint64_t high)
{
	uint64_t best = 0, at;
	struct piece p;

	for (size_t i = 0; i < count_descriptors(in); i++) {
		if (!piece_get(in, i, &p) || p.type != TYPE_CONVENTIONAL || p.kind != BOOT_RAM)
			continue;
		if (p.base < low)
			p.base = low;
		if (p.end > high)
			p.end = high;
		at = place_free(in, size, align, p.base, p.end);
		if (at > best)
			best = at;
	}
	return best;
}

/* Descriptors may split a table's memory: walk from one to the next until the end is reached. */
int map_is_readable(const struct map_input *in, uint64_t base, uint64_t size)
{
	uint64_t end = base + size;
	struct piece p;
	bool moved = true;

	if (end < base || end > ADDRESS_END)
		return 0;
	while (base < end && moved) {
		moved = false;
		for (size_t i = 0; i < count_descriptors(in); i++) {
			if (!piece_get(in, i, &p) || p.kind == BOOT_MMIO || base < p.base || base >= p.end)
				continue;
			base = p.end;
			moved = true;
		}
	}
	return base >= end;
}
