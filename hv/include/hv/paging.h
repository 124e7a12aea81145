/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Page tables: one walker for the host's own, EPT and NPT, whose formats are data; and the hypervisor's own address
 * space (docs/memory-map.md). Tables are changed by the control core; after the seal they are read-only but while it opens
 * it (hv/host.h). */

#include <hv/types.h>

enum pt_prot { PT_READ = 1, PT_WRITE = 2, PT_EXEC = 4, PT_UNCACHED = 8, PT_COMBINING = 16 };

struct pt_format {
	const char *name;
	u64 table;		/* bits of an entry that points to a table */
	u64 read, write;	/* bits that grant */
	u64 exec;		/* bit that grants, or */
	u64 no_exec;		/* bit that denies */
	u64 large;		/* leaf above level 1 */
	u64 leaf;		/* bits of every leaf */
	u64 cached, uncached, combining;	/* memory type bits of a leaf */
};

extern const struct pt_format pt_host, pt_ept, pt_npt;

struct pagetable {
	const struct pt_format *format;
	u64 *root;			/* the level-4 table */
	int max_leaf;			/* 1: 4 KiB, 2: 2 MiB, 3: 1 GiB: the largest leaf to use */
	u64 *(*alloc)(void);		/* a zeroed table, null when none is left */
	u64 (*to_hpa)(const void *table);
	u64 *(*to_ptr)(u64 hpa);
};

/* Map [va, va+size) to hpa with the largest leaves that fit; what was there is replaced, larger leaves are split. A reader
 * walking at any moment sees the old or the new translation of a page, or none where there was none, never another.
 * -E_NOMEM: no table left, what was mapped so far stays. -E_INVAL: not page aligned. */
int pt_map(struct pagetable *pt, u64 va, u64 hpa, u64 size, u32 prot);

/* Remove all leaves in the range (whole leaves; splits where needed). */
int pt_unmap(struct pagetable *pt, u64 va, u64 size);

/* The leaf entry of level (1..3) for hpa; link a table that the caller keeps below the entry of va at level, so that it can
 * be changed after the seal: 0, or -E_NOMEM. */
u64 pt_leaf(const struct pt_format *f, u64 hpa, u32 prot, int level);
int pt_link(struct pagetable *pt, u64 va, int level, u64 table_hpa);

/* Give back table, which is of that level, and all tables below it that are owned (the others, and what is below them, are
 * somebody else's). Nobody walks it any more. */
typedef bool pt_table_fn(u64 *table);
void pt_free(struct pagetable *pt, u64 *table, int level, pt_table_fn *owned, pt_table_fn *give_back);

/* The leaf entry that translates va and its level (1..3); 0: not mapped. */
u64 pt_lookup(const struct pagetable *pt, u64 va, int *level);

/* The physical address that va translates to; ~0: not mapped. */
u64 pt_lookup_hpa(const struct pagetable *pt, u64 va);

/* The first address of [va, va+size) that does not translate to its place in [hpa, hpa+size); va+size: all do. */
u64 pt_find_other(const struct pagetable *pt, u64 va, u64 hpa, u64 size);

enum cache { CACHE_UNCACHED, CACHE_COMBINING, CACHE_BACK };

/* Map device memory of the host for all cores. Null: no room. Boot, before the seal. */
void *mmio_map(hpa_t base, u64 size, enum cache cache);
