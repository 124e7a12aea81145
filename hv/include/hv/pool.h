/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The hypervisor's own memory: a block that boot/ set aside, handed out in pages, each with an owner that `memory` and the frame
 * audit show. What is left of it when all is built goes to the guests (pool_trim()); when more is needed, pieces of what no
 * guest has are added. Control core only, mostly at boot; guest cores allocate nothing. */

#include <hv/types.h>

enum pool_owner { POOL_FREE, POOL_TABLE, POOL_CORE, POOL_GUEST, POOL_OTHER, POOL_OWNERS };

/* Take over [base, base+size), its first `tables` bytes (whole 2 MiB, for the seal) for page tables. Until pool_move() it is
 * reached by its physical address. */
void pool_init(hpa_t base, u64 size, u64 tables);

/* From now on the pool is reached at va: own page tables are live. */
void pool_move(hva_t va);

/* count zeroed pages in a row; null when there are none. POOL_TABLE pages come from the block that the seal protects: behind
 * the seal they are taken and given back with the seal open (hv/host.h). */
void *pool_alloc(u64 count, enum pool_owner owner);
void pool_free(void *p, u64 count);

/* Arenas: what belongs together and is given back as a whole, as all objects of a guest are. Pages that are taken while an
 * arena is set are its (tables excepted, which pool_free() takes back); 0: nobody's. Returns the arena that was set. */
#define POOL_ARENAS_MAX 32u
u32 pool_arena(u32 arena);
u64 pool_arena_pages(u32 arena);
void pool_arena_free(u32 arena);	/* not 0 */
bool pool_in_arena(const void *p, u32 arena);	/* false also for what is not the pool's */

/* Pages that pool_alloc() gave are contiguous in the machine's memory, too. */
hpa_t pool_hpa(const void *p);
void *pool_ptr(hpa_t hpa);
u64 pool_offset(const void *p);		/* from the pool's begin, in virtual addresses */

/* Called when no run of count pages is left: pool_add() and say true, or not. low: below 4 GiB only, as a device may have to
 * reach it. */
typedef bool pool_more_fn(u64 count, bool low);
void pool_on_empty(pool_more_fn *more);

/* Pages that can still be added; 0 also when it is in too many pieces. */
u64 pool_room(void);

/* [base, base + count pages), mapped at pool_total() pages from the pool's begin, whole 2 MiB blocks: the pool's from now on. What
 * lies above 4 GiB is for POOL_GUEST. */
void pool_add(hpa_t base, u64 count);

/* Give up whole free blocks at the end, but for `keep` pages: how many pages, and where they begin. Once, before any pool_add(). */
u64 pool_trim(u64 keep, hpa_t *base);

/* Does all that is not a guest's lie below 4 GiB? And: is any of [base, base + size) the pool's? */
bool pool_is_low(void);
bool pool_overlaps(hpa_t base, u64 size);

/* Pages in all, and by owner. */
u64 pool_pages(enum pool_owner owner);
u64 pool_total(void);

/* The part that holds page tables: base and size, for the seal. */
void pool_tables(hpa_t *base, u64 *size);
