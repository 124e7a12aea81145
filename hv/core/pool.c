/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/pool.h>

#include <hv/lib.h>

#define POOL_PAGES_MAX (128 * MiB / PAGE_SIZE)

#define OWNER(byte) ((byte) & 7u)
#define ARENA(byte) ((u32)(byte) >> 3)
_Static_assert(POOL_OWNERS <= 8 && POOL_ARENAS_MAX <= 32, "both fit into a byte of the book");

#define PIECES_MAX 48u

/* What is contiguous in the machine's memory, too. */
struct piece {
	u64 first, count;	/* pages of the pool */
	u64 hpa;
	bool high;		/* above 4 GiB, but for the first: not for what a device may have to reach */
};

/* Tables come first, as many as boot/ wanted. Those that were given back are a list through their own first words; of the
 * others a mark is all the book that they need. Virtual addresses are contiguous; piece[0] is what boot/ set aside. */
static struct {
	u64 base;		/* physical, of piece[0] */
	u64 offset;		/* virtual - physical, of piece[0] */
	u64 pages;
	u64 table_pages;	/* the first of them */
	u64 table_next;
	u64 table_free;		/* physical; 0: none was given back */
	u64 first_free;		/* behind the tables: all before it are taken */
	u32 arena;		/* that pages are taken for now; 0: none */
	u32 pieces;
	struct piece piece[PIECES_MAX];
	pool_more_fn *more;
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
	pool.more = NULL;
	pool.pages = pool.table_pages + MIN((size - tables) / PAGE_SIZE, POOL_PAGES_MAX);
	pool.pieces = 1;
	pool.piece[0] = (struct piece){ 0, pool.pages, base.v, false };
	memset(pool.owner, POOL_FREE, sizeof(pool.owner));
	memset(pool.count, 0, sizeof(pool.count));
	pool.count[POOL_FREE] = pool.pages;
}

void pool_move(hva_t va)
{
	pool.offset = va.v - pool.base;
}

static u8 *owner_of(u64 page)
{
	return &pool.owner[page - pool.table_pages];
}

static u64 page_at(const void *p)
{
	return ((u64)p - pool.offset - pool.base) / PAGE_SIZE;
}

static u64 find_in(const struct piece *e, u64 count)
{
	u64 run = 0, end = e->first + e->count;

	for (u64 i = MAX(MAX(e->first, pool.table_pages), pool.first_free); i < end; i++) {
		run = *owner_of(i) == POOL_FREE ? run + 1 : 0;
		if (run == count)
			return i + 1 - count;
	}
	return pool.pages;
}

/* First run of count free pages behind the tables; pool.pages: there is none. */
static u64 find_run(u64 count, enum pool_owner owner)
{
	u64 found = pool.pages;

	pool.first_free = MAX(pool.first_free, pool.table_pages);
	while (pool.first_free < pool.pages && *owner_of(pool.first_free) != POOL_FREE)
		pool.first_free++;
	for (u32 i = 0; i < pool.pieces && found == pool.pages; i++)
		if (!pool.piece[i].high || owner == POOL_GUEST)
			found = find_in(&pool.piece[i], count);
	return found;
}

static u64 find_or_grow(u64 count, enum pool_owner owner)
{
	u64 found = find_run(count, owner);

	if (found == pool.pages && pool.more && pool.more(count, owner != POOL_GUEST))
		found = find_run(count, owner);
	return found;
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
	first = owner == POOL_TABLE ? take_tables(count) : find_or_grow(count, owner);
	if (first == pool.pages)
		return NULL;
	if (owner != POOL_TABLE)
		memset(owner_of(first), (int)(owner | pool.arena << 3), count);
	pool.count[owner] += count;
	pool.count[POOL_FREE] -= count;
	p = (void *)(pool.base + first * PAGE_SIZE + pool.offset);
	return memset(p, 0, count * PAGE_SIZE);
}

/* What is in the page is gone, but for its first word. */
static void free_tables(void *p, u64 count)
{
	u64 page = page_at(p);

	assert(page + count <= pool.table_next && count <= pool.count[POOL_TABLE]);
	for (u64 i = count; i-- > 0;) {
		u64 *table = (u64 *)p + i * (PAGE_SIZE / sizeof(u64));

		*table = pool.table_free;
		pool.table_free = pool_hpa(table).v;
	}
	pool.count[POOL_TABLE] -= count;
	pool.count[POOL_FREE] += count;
}

static void free_page(u64 page)
{
	u8 *owner = owner_of(page);

	assert(*owner != POOL_FREE);
	pool.count[OWNER(*owner)]--;
	*owner = POOL_FREE;
	pool.count[POOL_FREE]++;
	pool.first_free = MIN(pool.first_free, page);
}

void pool_free(void *p, u64 count)
{
	u64 page = page_at(p);

	assert(count && page < pool.pages && count <= pool.pages - page);
	if (page < pool.table_pages) {
		free_tables(p, count);
		return;
	}
	for (u64 i = page; i < page + count; i++)
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

	for (u64 i = pool.table_pages; i < pool.pages; i++)
		n += ARENA(*owner_of(i)) == arena && *owner_of(i) != POOL_FREE;
	return n;
}

void pool_arena_free(u32 arena)
{
	assert(arena && arena < POOL_ARENAS_MAX);
	for (u64 i = pool.table_pages; i < pool.pages; i++)
		if (ARENA(*owner_of(i)) == arena)
			free_page(i);
}

bool pool_in_arena(const void *p, u32 arena)
{
	u64 page = page_at(p);

	return page >= pool.table_pages && page < pool.pages && ARENA(*owner_of(page)) == arena;
}

u64 pool_offset(const void *p)
{
	u64 at = (u64)p - pool.offset - pool.base;

	assert(at < pool.pages * PAGE_SIZE);
	return at;
}

hpa_t pool_hpa(const void *p)
{
	u64 at = pool_offset(p);

	if (LIKELY(at < pool.piece[0].count * PAGE_SIZE))
		return HPA(pool.base + at);
	for (u32 i = 1; ; i++) {
		const struct piece *e = &pool.piece[i];

		assert(i < pool.pieces);
		if (at - e->first * PAGE_SIZE < e->count * PAGE_SIZE)
			return HPA(e->hpa + at - e->first * PAGE_SIZE);
	}
}

void *pool_ptr(hpa_t hpa)
{
	for (u32 i = 0; ; i++) {
		const struct piece *e = &pool.piece[i];

		assert(i < pool.pieces);
		if (hpa.v - e->hpa < e->count * PAGE_SIZE)
			return (void *)(pool.base + pool.offset + e->first * PAGE_SIZE + (hpa.v - e->hpa));
	}
}

/* --- more, and less ------------------------------------------------------------------------------------------------ */

void pool_on_empty(pool_more_fn *more)
{
	pool.more = more;
}

u64 pool_room(void)
{
	return pool.pieces < PIECES_MAX ? pool.table_pages + POOL_PAGES_MAX - pool.pages : 0;
}

void pool_add(hpa_t base, u64 count)
{
	assert(IS_ALIGNED(base.v, BLOCK_SIZE) && count && count <= pool_room());
	pool.piece[pool.pieces++] = (struct piece){ pool.pages, count, base.v, base.v + count * PAGE_SIZE > 4 * GiB };
	memset(owner_of(pool.pages), POOL_FREE, count);
	pool.pages += count;
	pool.count[POOL_FREE] += count;
}

u64 pool_trim(u64 keep, hpa_t *base)
{
	struct piece *e = &pool.piece[0];
	u64 end = e->count, left;

	if (pool.pieces > 1)
		return 0;
	while (end > pool.table_pages && *owner_of(end - 1) == POOL_FREE)
		end--;
	left = MIN(ALIGN_UP((end + keep) * PAGE_SIZE, BLOCK_SIZE) / PAGE_SIZE, e->count);
	*base = HPA(e->hpa + left * PAGE_SIZE);
	keep = e->count - left;
	pool.count[POOL_FREE] -= keep;
	pool.pages = e->count = left;
	return keep;
}

bool pool_is_low(void)
{
	return pool.base + pool.piece[0].count * PAGE_SIZE <= 4 * GiB;
}

bool pool_overlaps(hpa_t base, u64 size)
{
	for (u32 i = 0; i < pool.pieces; i++) {
		const struct piece *e = &pool.piece[i];

		if (base.v < e->hpa + e->count * PAGE_SIZE && e->hpa < base.v + size)
			return true;
	}
	return false;
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
