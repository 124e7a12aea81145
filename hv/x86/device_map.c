/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of devices in a guest's nested tables: one table for the addresses between 3 and 4 GiB, which lies in the pool's
 * ordinary pages, as it changes while the guest runs: firmware writes to its flash, a system moves BARs. All other nested
 * tables are behind the seal. Entries are compared and written one by one, so what stays is there at every moment. */
#include <hv/host.h>

#include <hv/atomic.h>
#include <hv/core.h>
#include <hv/lib.h>
#include <hv/paging.h>
#include <hv/pool.h>
#include <hv/virt.h>
#include <hv/vlapic.h>

#include "device_map.h"

#define BLOCKS 512u
#define PAGES 512u
#define FIRST_PAGED (BLOCKS - DEVICE_PAGE_TABLES)
#define PAGES_BASE (DEVICE_TABLE_BASE + FIRST_PAGED * BLOCK_SIZE)

/* What the entry for [gpa, gpa + size) must be; 0: nothing. The local APIC's page never is anything else. */
static u64 entry_wanted(const struct guest *g, u64 gpa, u64 size, int level)
{
	u32 prot;
	u64 hpa;

	if (VLAPIC_ADDRESS - gpa < size)
		return 0;
	hpa = bus_mappable(&g->bus, gpa, size, &prot);
	return hpa == ~0ul ? 0 : pt_leaf(virt->nested, hpa, prot, level);
}

/* true: a translation that was there has gone or changed, so copies of it must be dropped. */
static bool entry_set(u64 *entry, u64 want)
{
	u64 was = *entry;

	if (was == want)
		return false;
	store_release(entry, want);
	return was != 0;
}

static bool block_update(struct guest *g, u32 block)
{
	u64 gpa = DEVICE_TABLE_BASE + block * BLOCK_SIZE, *page;
	bool lost = false;

	if (block < FIRST_PAGED || !g->device_pages)
		return entry_set(&g->device_table[block], entry_wanted(g, gpa, BLOCK_SIZE, 2));
	page = g->device_pages + (block - FIRST_PAGED) * PAGES;
	for (u32 i = 0; i < PAGES; i++)
		lost |= entry_set(&page[i], entry_wanted(g, gpa + i * PAGE_SIZE, PAGE_SIZE, 1));
	return lost;
}

static void flush_guest(struct guest *g)
{
	struct vcpu *me = &this_core()->vcpu;

	for (u32 i = 0; i < g->vcpu_count; i++)
		if (me->guest == g && me->index == i)
			virt->flush(me);
		else
			vcpu_request(g, i, REQ_FLUSH);
}

/* A claim alone: only its blocks. */
static void device_remap(struct bus *bus, u32 claim)
{
	struct guest *g = container_of(bus, struct guest, bus);
	u64 first = 0, last = BLOCKS - 1;
	bool lost = false;

	if (claim < BUS_CLAIMS_MAX) {
		const struct bus_range *r = &bus->claim[claim].range;

		if (!r->size || r->base + (r->size - 1) < DEVICE_TABLE_BASE || r->base >= DEVICE_TABLE_BASE + GiB)
			return;
		first = r->base < DEVICE_TABLE_BASE ? 0 : (r->base - DEVICE_TABLE_BASE) / BLOCK_SIZE;
		last = MIN((r->base + (r->size - 1) - DEVICE_TABLE_BASE) / BLOCK_SIZE, last);
	}
	for (u64 i = first; i <= last; i++)
		lost |= block_update(g, (u32)i);
	if (lost)
		flush_guest(g);
}

static bool has_device_ram(const struct guest *g)
{
	for (u32 i = 0; i < DEVICE_RAM_KINDS; i++)
		if (g->device_ram[i].size)
			return true;
	return false;
}

int device_map_build(struct guest *g, struct pagetable *nested)
{
	if (!has_device_ram(g))
		return 0;
	g->device_table = pool_alloc(1, POOL_GUEST);
	if (!g->device_table)
		return -E_NOMEM;
	if (g->device_ram[DEVICE_RAM_FLASH].size) {
		g->device_pages = pool_alloc(DEVICE_PAGE_TABLES, POOL_GUEST);
		if (!g->device_pages)
			return -E_NOMEM;
		for (u32 i = 0; i < DEVICE_PAGE_TABLES; i++)
			g->device_table[FIRST_PAGED + i] = pool_hpa(g->device_pages + i * PAGES).v | nested->format->table;
	}
	g->bus.remap = device_remap;
	device_remap(&g->bus, BUS_CLAIMS_MAX);
	return pt_link(nested, DEVICE_TABLE_BASE, 3, pool_hpa(g->device_table).v);
}

/* The audit: a leaf leads into device RAM of this guest, or is wrong. */

static bool is_own(const struct guest *g, u64 entry, u64 size)
{
	u64 hpa = entry & 0x000ffffffffff000ul & ~(size - 1);

	for (u32 i = 0; i < DEVICE_RAM_KINDS; i++) {
		const struct device_ram *m = &g->device_ram[i];

		if (hpa >= m->hpa.v && hpa - m->hpa.v < m->size && size <= m->size - (hpa - m->hpa.v))
			return true;
	}
	return false;
}

u64 host_count_foreign(const struct guest *g)
{
	u64 bad = 0;

	if (!g->device_table)
		return 0;
	for (u32 i = 0; i < (g->device_pages ? FIRST_PAGED : BLOCKS); i++) {
		u64 e = load_relaxed(&g->device_table[i]);

		bad += e && !is_own(g, e, BLOCK_SIZE);
	}
	for (u32 i = 0; g->device_pages && i < DEVICE_PAGE_TABLES * PAGES; i++) {
		u64 e = load_relaxed(&g->device_pages[i]);

		bad += e && !is_own(g, e, PAGE_SIZE);
	}
	return bad;
}
