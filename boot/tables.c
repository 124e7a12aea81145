/* SPDX-License-Identifier: Apache-2.0 */
#include "tables.h"

/* SDM 3A "4-Level Paging" (4.5): present, writable; PS marks a page in an upper level. */
#define PTE_TABLE 3ull
#define PTE_PAGE 0x83ull
#define PTE_ADDRESS 0x000ffffffffff000ull

#define SIZE_2M (1ull << 21)
#define SIZE_1G (1ull << 30)
#define SIZE_512G (1ull << 39)

static uint64_t divide_up(uint64_t value, uint64_t by)
{
	return value / by + (value % by != 0);
}

size_t tables_count_pages(uint64_t top, uint64_t extra, int huge)
{
	uint64_t pages = 1 + 2 + 2;	/* the root; the image's two levels; where the extra range begins unaligned */

	pages += divide_up(top, SIZE_512G) + divide_up(extra, SIZE_512G) + 1;
	if (!huge)
		pages += divide_up(top, SIZE_1G) + divide_up(extra, SIZE_1G) + 1;
	return (size_t)pages;
}

static uint64_t *take_page(struct tables *t)
{
	uint64_t *page = t->next;

	if (!t->left)
		return NULL;
	t->left--;
	t->next += 512;
	return page;
}

int tables_start(struct tables *t, void *pages, size_t count, int huge)
{
	*t = (struct tables){ .next = pages, .left = count, .huge = huge };
	t->root = take_page(t);
	return t->root ? 0 : -1;
}

/* The table below an entry, made when it is absent. */
static uint64_t *descend(struct tables *t, uint64_t *entry)
{
	uint64_t *page;

	if (*entry & 1)
		return (uint64_t *)(uintptr_t)(*entry & PTE_ADDRESS);
	page = take_page(t);
	if (page)
		*entry = (uint64_t)(uintptr_t)page | PTE_TABLE;
	return page;
}

static unsigned int index_at(uint64_t address, unsigned int shift)
{
	return (unsigned int)(address >> shift) & 511;
}

static int map_2m(struct tables *t, uint64_t virtual_address, uint64_t from)
{
	uint64_t *pdpt = descend(t, &t->root[index_at(virtual_address, 39)]);
	uint64_t *pd;

	if (!pdpt)
		return -1;
	if ((pdpt[index_at(virtual_address, 30)] & PTE_PAGE) == PTE_PAGE)
		return 0;	/* already in a 1 GiB page */
	pd = descend(t, &pdpt[index_at(virtual_address, 30)]);
	if (!pd)
		return -1;
	pd[index_at(virtual_address, 21)] = from | PTE_PAGE;
	return 0;
}

static int map_1g(struct tables *t, uint64_t address)
{
	uint64_t *pdpt = descend(t, &t->root[index_at(address, 39)]);

	if (!pdpt)
		return -1;
	pdpt[index_at(address, 30)] = address | PTE_PAGE;
	return 0;
}

int tables_map_same(struct tables *t, uint64_t base, uint64_t end)
{
	uint64_t step = t->huge ? SIZE_1G : SIZE_2M;

	for (base &= ~(step - 1); base < end; base += step)
		if (t->huge ? map_1g(t, base) : map_2m(t, base, base))
			return -1;
	return 0;
}

int tables_map_image(struct tables *t, uint64_t to, uint64_t from, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += SIZE_2M)
		if (map_2m(t, to + at, from + at))
			return -1;
	return 0;
}
