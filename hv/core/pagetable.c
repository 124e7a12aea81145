/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/paging.h>

#include <hv/atomic.h>
#include <hv/lib.h>

/* SDM 3A "4-Level Paging"; PAT index 0 is write-back, 1 write-combining, 3 uncached (hv/x86/core.c sets the PAT). */
const struct pt_format pt_host = {
	.name = "host", .table = 0x3, .read = BIT(0), .write = BIT(1), .no_exec = BIT(63), .large = BIT(7),
	.leaf = BIT(5) | BIT(6), .cached = 0, .combining = BIT(3), .uncached = BIT(3) | BIT(4),
};

/* SDM 3C "EPT Translation Mechanism": memory type in bits 5:3, 6 = write-back; bit 6 lets the guest's PAT decide nothing
 * that we would not allow, so it stays clear. */
const struct pt_format pt_ept = {
	.name = "EPT", .table = 0x7, .read = BIT(0), .write = BIT(1), .exec = BIT(2), .large = BIT(7),
	.cached = 6ul << 3, .combining = 1ul << 3, .uncached = 0,
};

/* APM 2 "Nested Paging": ordinary long-mode tables that are walked as user accesses, so U is set everywhere. */
const struct pt_format pt_npt = {
	.name = "NPT", .table = 0x7, .read = BIT(0) | BIT(2), .write = BIT(1), .no_exec = BIT(63), .large = BIT(7),
	.leaf = BIT(5) | BIT(6), .cached = 0, .combining = BIT(3), .uncached = BIT(3) | BIT(4),
};

#define ADDRESS_MASK 0x000ffffffffff000ul
#define LEVELS 4

static u64 level_size(int level)
{
	return PAGE_SIZE << (9 * (level - 1));
}

static unsigned int level_index(u64 va, int level)
{
	return (va >> (12 + 9 * (level - 1))) & 511;
}

static bool is_present(const struct pt_format *f, u64 entry)
{
	return (entry & (f->read & f->table)) != 0;
}

static bool is_leaf(const struct pt_format *f, u64 entry, int level)
{
	return level == 1 || (entry & f->large);
}

u64 pt_leaf(const struct pt_format *f, u64 hpa, u32 prot, int level)
{
	u64 e = hpa | f->leaf;

	e |= prot & PT_READ ? f->read : 0;
	e |= prot & PT_WRITE ? f->write : 0;
	e |= prot & PT_EXEC ? f->exec : f->no_exec;
	e |= prot & PT_UNCACHED ? f->uncached : prot & PT_COMBINING ? f->combining : f->cached;
	return level > 1 ? e | f->large : e;
}

/* Replace a large leaf by a table of smaller ones that say the same. The table is complete before it is linked. */
static u64 *split_leaf(struct pagetable *pt, u64 *entry, int level)
{
	u64 *table = pt->alloc();
	u64 old = *entry, step = level_size(level - 1);

	if (!table)
		return NULL;
	if (level - 1 == 1)
		old &= ~pt->format->large;
	for (u64 i = 0; i < 512; i++)
		table[i] = old + i * step;
	store_release(entry, pt->to_hpa(table) | pt->format->table);
	return table;
}

/* The table below entry at level, made or split as needed; null: no memory. */
static u64 *next_table(struct pagetable *pt, u64 *entry, int level)
{
	u64 *table;

	if (is_present(pt->format, *entry)) {
		if (is_leaf(pt->format, *entry, level))
			return split_leaf(pt, entry, level);
		return pt->to_ptr(*entry & ADDRESS_MASK);
	}
	table = pt->alloc();
	if (table)
		store_release(entry, pt->to_hpa(table) | pt->format->table);
	return table;
}

/* The entry for va at the given leaf level, with the tables above it made. */
static u64 *leaf_entry(struct pagetable *pt, u64 va, int leaf)
{
	u64 *table = pt->root;

	for (int level = LEVELS; level > leaf && table; level--)
		table = next_table(pt, &table[level_index(va, level)], level);
	return table ? &table[level_index(va, leaf)] : NULL;
}

int pt_link(struct pagetable *pt, u64 va, int level, u64 table_hpa)
{
	u64 *entry = leaf_entry(pt, va, level);

	if (!entry)
		return -E_NOMEM;
	store_release(entry, table_hpa | pt->format->table);
	return 0;
}

static int best_leaf(const struct pagetable *pt, u64 va, u64 hpa, u64 size)
{
	int level = pt->max_leaf;

	while (level > 1 && (!IS_ALIGNED(va | hpa, level_size(level)) || size < level_size(level)))
		level--;
	return level;
}

/* A row of leaves in one table: one walk for up to 512 of them. Returns how much they map. */
static u64 fill_row(const struct pagetable *pt, u64 *entry, u64 va, u64 hpa, u64 size, u32 prot, int level)
{
	u64 step = level_size(level), count = MIN(size / step, 512ul - level_index(va, level));
	u64 leaf = pt_leaf(pt->format, hpa, prot, level);

	for (u64 i = 0; i < count; i++)
		store_release(&entry[i], leaf + i * step);
	return count * step;
}

int pt_map(struct pagetable *pt, u64 va, u64 hpa, u64 size, u32 prot)
{
	if (!IS_ALIGNED(va | hpa | size, PAGE_SIZE))
		return -E_INVAL;
	while (size) {
		int level = best_leaf(pt, va, hpa, size);
		u64 *entry = leaf_entry(pt, va, level);
		u64 done;

		if (!entry)
			return -E_NOMEM;
		done = fill_row(pt, entry, va, hpa, size, prot, level);
		va += done;
		hpa += done;
		size -= done;
	}
	return 0;
}

int pt_unmap(struct pagetable *pt, u64 va, u64 size)
{
	if (!IS_ALIGNED(va | size, PAGE_SIZE))
		return -E_INVAL;
	while (size) {
		int level = 0;
		u64 step, *entry;

		pt_lookup(pt, va, &level);
		if (!level) {	/* nothing here: go on behind the smallest hole */
			step = PAGE_SIZE;
		} else {
			level = MIN(level, best_leaf(pt, va, 0, size));
			step = level_size(level);
			entry = leaf_entry(pt, va, level);
			if (!entry)
				return -E_NOMEM;
			store_release(entry, 0);
		}
		va += step;
		size -= step;
	}
	return 0;
}

void pt_free(struct pagetable *pt, u64 *table, int level, pt_table_fn *owned, pt_table_fn *give_back)
{
	for (u32 i = 0; i < 512 && level > 1; i++) {
		u64 e = load_relaxed(&table[i]), *below;

		if (!is_present(pt->format, e) || is_leaf(pt->format, e, level))
			continue;
		below = pt->to_ptr(e & ADDRESS_MASK);
		if (owned(below))
			pt_free(pt, below, level - 1, owned, give_back);
	}
	give_back(table);
}

/* Where the leaf of va is, and its level; null: not mapped. */
static const u64 *find_leaf(const struct pagetable *pt, u64 va, int *level)
{
	const u64 *table = pt->root;

	for (int l = LEVELS; l >= 1; l--) {
		const u64 *entry = &table[level_index(va, l)];
		u64 e = load_acquire(entry);

		if (!is_present(pt->format, e))
			break;
		if (l <= 3 && is_leaf(pt->format, e, l)) {
			*level = l;
			return entry;
		}
		table = pt->to_ptr(e & ADDRESS_MASK);
	}
	*level = 0;
	return NULL;
}

u64 pt_lookup(const struct pagetable *pt, u64 va, int *level)
{
	const u64 *entry = find_leaf(pt, va, level);

	return entry ? load_acquire(entry) : 0;
}

u64 pt_lookup_hpa(const struct pagetable *pt, u64 va)
{
	int level;
	u64 e = pt_lookup(pt, va, &level), size;

	if (!level)
		return ~0ul;
	size = level_size(level);
	return (e & ADDRESS_MASK & ~(size - 1)) | (va & (size - 1));
}

u64 pt_find_other(const struct pagetable *pt, u64 va, u64 hpa, u64 size)
{
	u64 off = 0;

	while (off < size) {
		int level;
		const u64 *entry = find_leaf(pt, va + off, &level);
		u64 step, count;

		if (!entry)
			break;
		step = level_size(level);
		count = 512 - level_index(va + off, level);
		/* The first may begin before va + off, so each is asked for the address itself. */
		for (u64 i = 0; i < count && off < size; i++) {
			u64 e = load_acquire(&entry[i]), into = (va + off) & (step - 1);

			if (!is_present(pt->format, e) || !is_leaf(pt->format, e, level))
				break;
			if ((e & ADDRESS_MASK & ~(step - 1)) + into != hpa + off)
				return va + off;
			off += step - into;
		}
	}
	return va + MIN(off, size);
}
