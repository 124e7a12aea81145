/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The hypervisor's own memory: one contiguous block that boot/ set aside, handed out in pages, each with an owner that
 * `memory` and the frame audit show. Control core only, mostly at boot; guest cores allocate nothing. */

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

hpa_t pool_hpa(const void *p);
void *pool_ptr(hpa_t hpa);

/* Pages in all, and by owner. */
u64 pool_pages(enum pool_owner owner);
u64 pool_total(void);

/* The part that holds page tables: base and size, for the seal. */
void pool_tables(hpa_t *base, u64 *size);
