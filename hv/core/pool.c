/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/pool.h>

#include <hv/lib.h>

#define POOL_PAGES_MAX (128 * MiB / PAGE_SIZE)
#define TABLE_SHARE 8u		/* of the pool for page tables, in whole 2 MiB so that the seal can protect them */

static struct {
	u64 base;		/* physical */
	u64 offset;		/* virtual - physical */
	u64 pages;
	u64 table_pages;	/* the first of them */
	u64 count[POOL_OWNERS];
	u8 owner[POOL_PAGES_MAX];
} pool;

void pool_init(hpa_t base, u64 size)
{
	assert(IS_ALIGNED(base.v, BLOCK_SIZE) && size >= 2 * BLOCK_SIZE);
	pool.base = base.v;
	pool.offset = 0;
	pool.pages = MIN(size / PAGE_SIZE, POOL_PAGES_MAX);
	pool.table_pages = ALIGN_UP(pool.pages * PAGE_SIZE / TABLE_SHARE, BLOCK_SIZE) / PAGE_SIZE;
	memset(pool.owner, POOL_FREE, sizeof(pool.owner));
	memset(pool.count, 0, sizeof(pool.count));
	pool.count[POOL_FREE] = pool.pages;
}

void pool_move(hva_t va)
{
	pool.offset = va.v - pool.base;
}

/* First run of count free pages in [from, to); to when there is none. */
static u64 find_run(u64 from, u64 to, u64 count)
{
	u64 run = 0;

	for (u64 i = from; i < to; i++) {
		run = pool.owner[i] == POOL_FREE ? run + 1 : 0;
		if (run == count)
			return i + 1 - count;
	}
	return to;
}

void *pool_alloc(u64 count, enum pool_owner owner)
{
	u64 from = owner == POOL_TABLE ? 0 : pool.table_pages;
	u64 to = owner == POOL_TABLE ? pool.table_pages : pool.pages;
	u64 first;
	void *p;

	assert(count && owner != POOL_FREE && owner < POOL_OWNERS);
	first = find_run(from, to, count);
	if (first == to)
		return NULL;
	memset(&pool.owner[first], (int)owner, count);
	pool.count[owner] += count;
	pool.count[POOL_FREE] -= count;
	p = (void *)(pool.base + first * PAGE_SIZE + pool.offset);
	return memset(p, 0, count * PAGE_SIZE);
}

void pool_free(void *p, u64 count)
{
	u64 first = (pool_hpa(p).v - pool.base) / PAGE_SIZE;

	assert(count && first + count <= pool.pages);
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
