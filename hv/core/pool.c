/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/pool.h>

#include <hv/lib.h>

#define POOL_PAGES_MAX (128 * MiB / PAGE_SIZE)

#define OWNER(byte) ((byte) & 7u)
#define ARENA(byte) ((u32)(byte) >> 3)
_Static_assert(POOL_OWNERS <= 8 && POOL_ARENAS_MAX <= 32, "both fit into a byte of the book");

/* Tables come first, as many as boot/ wanted. Those that were given back are a list through their own first words; of the
 * others a mark is all the book that they need. */
static struct {
	u64 base;		/* physical */
	u64 offset;		/* virtual - physical */
	u64 pages;
	u64 table_pages;	/* the first of them */
	u64 table_next;
	u64 table_free;		/* physical; 0: none was given back */
	u64 first_free;		/* behind the tables: all before it are taken */
	u32 arena;		/* that pages are taken for now; 0: none */
	u64 count[POOL_OWNERS];
	u8 owner[POOL_PAGES_MAX];	/* of those behind the tables: owner, and arena << 3 */
} pool;

void pool_init(hpa_t base, u64 size, u64 tables)
{
	assert(IS_ALIGNED(base.v | tables, BLOCK_SIZE) && tables && size >= tables + BLOCK_SIZE);
	pool.base = base.v;
	pool.offset = 0;
	pool.table_pages = tables / PAGE_SIZE;
	pool.table_next = pool.table_free = pool.first_free = 0;
	pool.arena = 0;
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

	while (pool.first_free < end && pool.owner[pool.first_free] != POOL_FREE)
		pool.first_free++;
	for (u64 i = pool.first_free; i < end; i++) {
		run = pool.owner[i] == POOL_FREE ? run + 1 : 0;
		if (run == count)
			return pool.table_pages + i + 1 - count;
	}
	return pool.pages;
}

static u64 take_tables(u64 count)
{
	u64 first = pool.table_next;

	if (count == 1 && pool.table_free) {
		first = (pool.table_free - pool.base) / PAGE_SIZE;
		pool.table_free = *(const u64 *)pool_ptr(HPA(pool.table_free));
		return first;
	}
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
		memset(&pool.owner[first - pool.table_pages], (int)(owner | pool.arena << 3), count);
	pool.count[owner] += count;
	pool.count[POOL_FREE] -= count;
	p = (void *)(pool.base + first * PAGE_SIZE + pool.offset);
	return memset(p, 0, count * PAGE_SIZE);
}

/* What is in the page is gone, but for its first word. */
static void free_tables(void *p, u64 count)
{
	u64 page = (pool_hpa(p).v - pool.base) / PAGE_SIZE;

	assert(page + count <= pool.table_next && count <= pool.count[POOL_TABLE]);
	for (u64 i = count; i-- > 0;) {
		u64 *table = (u64 *)p + i * (PAGE_SIZE / sizeof(u64));

		*table = pool.table_free;
		pool.table_free = pool_hpa(table).v;
	}
	pool.count[POOL_TABLE] -= count;
	pool.count[POOL_FREE] += count;
}

static void free_page(u64 at)
{
	assert(pool.owner[at] != POOL_FREE);
	pool.count[OWNER(pool.owner[at])]--;
	pool.owner[at] = POOL_FREE;
	pool.count[POOL_FREE]++;
	pool.first_free = MIN(pool.first_free, at);
}

void pool_free(void *p, u64 count)
{
	u64 page = (pool_hpa(p).v - pool.base) / PAGE_SIZE, first = page - pool.table_pages;

	assert(count && page + count <= pool.pages);
	if (page < pool.table_pages) {
		free_tables(p, count);
		return;
	}
	for (u64 i = first; i < first + count; i++)
		free_page(i);
}

u32 pool_arena(u32 arena)
{
	u32 was = pool.arena;

	assert(arena < POOL_ARENAS_MAX);
	pool.arena = arena;
	return was;
}

u64 pool_arena_pages(u32 arena)
{
	u64 n = 0;

	for (u64 i = 0; i < pool.pages - pool.table_pages; i++)
		n += ARENA(pool.owner[i]) == arena && pool.owner[i] != POOL_FREE;
	return n;
}

void pool_arena_free(u32 arena)
{
	assert(arena && arena < POOL_ARENAS_MAX);
	for (u64 i = 0; i < pool.pages - pool.table_pages; i++)
		if (ARENA(pool.owner[i]) == arena)
			free_page(i);
}

bool pool_in_arena(const void *p, u32 arena)
{
	u64 at = (u64)p - pool.offset - pool.base;

	if (at >= pool.pages * PAGE_SIZE || at / PAGE_SIZE < pool.table_pages)
		return false;
	return ARENA(pool.owner[at / PAGE_SIZE - pool.table_pages]) == arena;
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
