/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/pool.h>

#include <hv/lib.h>

#define POOL_PAGES_MAX (128 * MiB / PAGE_SIZE)

/* Tables come first, as many as boot/ wanted; they are never given back, so a mark is all the book that they need. */
static struct {
	u64 base;		/* physical */
	u64 offset;		/* virtual - physical */
	u64 pages;
	u64 table_pages;	/* the first of them */
	u64 table_next;
	u64 count[POOL_OWNERS];
	u8 owner[POOL_PAGES_MAX];	/* of those behind the tables */
} pool;

void pool_init(hpa_t base, u64 size, u64 tables)
{
	assert(IS_ALIGNED(base.v | tables, BLOCK_SIZE) && tables && size >= tables + BLOCK_SIZE);
	pool.base = base.v;
	pool.offset = 0;
	pool.table_pages = tables / PAGE_SIZE;
	pool.table_next = 0;
	pool.pages = pool.table_pages + MIN((size - tables) / PAGE_SIZE, POOL_PAGES_MAX);
	memset(pool.owner, POOL_FREE, sizeof(pool.owner));
	memset(pool.count, 0, sizeof(pool.count));
	pool.count[POOL_FREE] = pool.pages;
}

void pool_move(hva_t va)
{
	pool.offset = va.v - pool.base;
}

/* First run of count free pages behind the tables; pool.pages: there is none. */
static u64 find_run(u64 count)
{
	u64 run = 0, end = pool.pages - pool.table_pages;

	for (u64 i = 0; i < end; i++) {
		run = pool.owner[i] == POOL_FREE ? run + 1 : 0;
		if (run == count)
			return pool.table_pages + i + 1 - count;
	}
	return pool.pages;
}

static u64 take_tables(u64 count)
{
	u64 first = pool.table_next;

	if (count > pool.table_pages - first)
		return pool.pages;
	pool.table_next += count;
	return first;
}

void *pool_alloc(u64 count, enum pool_owner owner)
{
	u64 first;
	void *p;

	assert(count && owner != POOL_FREE && owner < POOL_OWNERS);
	first = owner == POOL_TABLE ? take_tables(count) : find_run(count);
	if (first == pool.pages)
		return NULL;
	if (owner != POOL_TABLE)
		memset(&pool.owner[first - pool.table_pages], (int)owner, count);
	pool.count[owner] += count;
	pool.count[POOL_FREE] -= count;
	p = (void *)(pool.base + first * PAGE_SIZE + pool.offset);
	return memset(p, 0, count * PAGE_SIZE);
}

void pool_free(void *p, u64 count)
{
	u64 page = (pool_hpa(p).v - pool.base) / PAGE_SIZE, first = page - pool.table_pages;

	assert(count && page >= pool.table_pages && page + count <= pool.pages);
	for (u64 i = first; i < first + count; i++) {
		assert(pool.owner[i] != POOL_FREE);
		pool.count[pool.owner[i]]--;
		pool.owner[i] = POOL_FREE;
		pool.count[POOL_FREE]++;
	}
}

hpa_t pool_hpa(const void *p)
{
	u64 hpa = (u64)p - pool.offset;

	assert(hpa - pool.base < pool.pages * PAGE_SIZE);
	return HPA(hpa);
}

void *pool_ptr(hpa_t hpa)
{
	assert(hpa.v - pool.base < pool.pages * PAGE_SIZE);
	return (void *)(hpa.v + pool.offset);
}

u64 pool_pages(enum pool_owner owner)
{
	return pool.count[owner];
}

u64 pool_total(void)
{
	return pool.pages;
}

void pool_tables(hpa_t *base, u64 *size)
{
	*base = HPA(pool.base);
	*size = pool.table_pages * PAGE_SIZE;
}
