/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Memory for page tables that shows each write to a callback, instruction by instruction, and a walker of its own that
 * knows the three formats from the manuals and nothing of hv/core/pagetable.c. */

#include <hv/paging.h>

#define ARENA_TABLES 8192u
#define ARENA_HPA 0x7f00000000ul	/* where the tables seem to be */

enum { READ = 1, WRITE = 2, EXEC = 4 };		/* rights */
enum { TYPE_CACHED, TYPE_COMBINING, TYPE_UNCACHED };

struct translation {
	bool valid;
	u64 hpa;
	u8 rights, type, level;
};

/* A table that the processor would refuse ends the walk here; null: all was well. */
extern const char *walk_broken;

/* Tables that can still be had. */
extern u32 arena_left;
extern u32 arena_used;

/* Forget all tables; left as many as there are. */
void arena_reset(void);
struct pagetable arena_table(const struct pt_format *format, int max_leaf);

/* Call check after each instruction that writes into a table, until arena_unwatch(). Returns how many there were. */
void arena_watch(void (*check)(void));
u32 arena_unwatch(void);

struct translation walk(const struct pagetable *pt, u64 va);
