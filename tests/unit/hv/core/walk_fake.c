/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "walk_fake.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define TRAP_FLAG 0x100

const char *walk_broken;
u32 arena_left, arena_used;

static u8 *arena;
static void (*watcher)(void);
static u32 writes;
static void *open_page;

static u64 *arena_alloc(void)
{
	if (!arena_left)
		return NULL;
	arena_left--;
	return (u64 *)(void *)(arena + PAGE_SIZE * arena_used++);
}

static u64 arena_to_hpa(const void *table)
{
	u64 off = (u64)((const u8 *)table - arena);

	if (off >= (u64)arena_used * PAGE_SIZE)
		abort();
	return ARENA_HPA + off;
}

static u64 *arena_to_ptr(u64 hpa)
{
	if (hpa - ARENA_HPA >= (u64)arena_used * PAGE_SIZE)
		abort();
	return (u64 *)(void *)(arena + (hpa - ARENA_HPA));
}

void arena_reset(void)
{
	size_t size = ARENA_TABLES * PAGE_SIZE;

	if (!arena)
		arena = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (arena == MAP_FAILED || madvise(arena, size, MADV_DONTNEED))
		abort();
	arena_left = ARENA_TABLES;
	arena_used = 0;
	walk_broken = NULL;
}

struct pagetable arena_table(const struct pt_format *format, int max_leaf)
{
	return (struct pagetable){ .format = format, .root = arena_alloc(), .max_leaf = max_leaf, .alloc = arena_alloc,
		.to_hpa = arena_to_hpa, .to_ptr = arena_to_ptr };
}

/* A write into the arena: let this one instruction through. */
static void on_fault(int nr, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	u64 off = (u64)((u8 *)info->si_addr - arena);

	if (off >= ARENA_TABLES * PAGE_SIZE) {
		signal(SIGSEGV, SIG_DFL);
		return;
	}
	open_page = arena + ALIGN_DOWN(off, PAGE_SIZE);
	mprotect(open_page, PAGE_SIZE, PROT_READ | PROT_WRITE);
	c->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void on_step(int nr, siginfo_t *info, void *context)
{
	ucontext_t *c = context;

	c->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
	mprotect(open_page, PAGE_SIZE, PROT_READ);
	writes++;
	watcher();
}

void arena_watch(void (*check)(void))
{
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	struct sigaction step = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };

	watcher = check;
	writes = 0;
	sigaction(SIGSEGV, &fault, NULL);
	sigaction(SIGTRAP, &step, NULL);
	mprotect(arena, ARENA_TABLES * PAGE_SIZE, PROT_READ);
}

u32 arena_unwatch(void)
{
	mprotect(arena, ARENA_TABLES * PAGE_SIZE, PROT_READ | PROT_WRITE);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGTRAP, SIG_DFL);
	return writes;
}

/* The walker */

static u64 bits(u64 value, u32 high, u32 low)
{
	return value >> low & (~0ul >> (63 - (high - low)));
}

static struct translation broken(const char *why)
{
	walk_broken = why;
	return (struct translation){ .valid = false };
}

/* SDM 3C "Format of EPT Entries": rights in bits 2:0, a table has no memory type, 0 1 4 5 6 are types. */
static struct translation walk_ept(const struct pagetable *pt, u64 va)
{
	const u64 *table = pt->root;
	u32 rights = 7;

	for (u32 level = 4, low = 39; level >= 1; level--, low -= 9) {
		u64 e = table[bits(va, low + 8, low)];
		u64 type = bits(e, 5, 3);
		bool leaf = level == 1 || (level < 4 && bits(e, 7, 7));

		if (!(e & 7))
			return (struct translation){ .valid = false };
		if ((e & 3) == 2)
			return broken("EPT: writable and not readable");
		if (bits(e, 51, 48) || e >> 52)
			return broken("EPT: reserved high bits");
		rights &= (u32)e & 7;
		if (!leaf) {
			if (bits(e, 7, 3))
				return broken("EPT: reserved bits of a table");
			table = pt->to_ptr(bits(e, 47, 12) << 12);
			continue;
		}
		if (level > 1 && bits(e, low - 1, 12))
			return broken("EPT: large page is not aligned");
		if (level == 1 && bits(e, 7, 7))
			return broken("EPT: large bit in a small page");
		if (bits(e, 6, 6) || (type != 6 && type != 1 && type != 0))
			return broken("EPT: memory type");
		return (struct translation){ true, (bits(e, 47, low) << low) | bits(va, low - 1, 0), (u8)rights,
			type == 6 ? TYPE_CACHED : type == 1 ? TYPE_COMBINING : TYPE_UNCACHED, (u8)level };
	}
	return broken("EPT: no leaf");
}

/* SDM 3A "4-Level Paging" and APM 2 "Long-Mode Page Translation"; nested tables (user) are walked as user accesses. */
static struct translation walk_long(const struct pagetable *pt, u64 va, bool user)
{
	const u64 *table = pt->root;
	u32 rights = 7;

	for (u32 level = 4, low = 39; level >= 1; level--, low -= 9) {
		u64 e = table[bits(va, low + 8, low)];
		bool leaf = level == 1 || (level < 4 && bits(e, 7, 7));

		if (!(e & 1))
			return (struct translation){ .valid = false };
		if (bits(e, 51, 48) || bits(e, 62, 52))
			return broken("reserved high bits");
		if (bits(e, 2, 2) != user)
			return broken("user bit");
		if (!bits(e, 1, 1))
			rights &= ~(u32)WRITE;
		if (bits(e, 63, 63))
			rights &= ~(u32)EXEC;
		if (!leaf) {
			if (bits(e, 8, 3))
				return broken("bits of a table");
			table = pt->to_ptr(bits(e, 47, 12) << 12);
			continue;
		}
		if (level > 1 && bits(e, low - 1, 12))
			return broken("large page is not aligned, or its PAT bit is set");
		if (level == 1 && bits(e, 7, 7))
			return broken("PAT bit of a small page");
		if (bits(e, 6, 5) != 3)
			return broken("accessed and dirty are for us to set: tables may be read-only");
		if (bits(e, 4, 3) == 2)
			return broken("PAT index 2");
		return (struct translation){ true, (bits(e, 47, low) << low) | bits(va, low - 1, 0), (u8)rights,
			(const u8[]){ TYPE_CACHED, TYPE_COMBINING, 0, TYPE_UNCACHED }[bits(e, 4, 3)], (u8)level };
	}
	return broken("no leaf");
}

struct translation walk(const struct pagetable *pt, u64 va)
{
	return pt->format == &pt_ept ? walk_ept(pt, va) : walk_long(pt, va, pt->format == &pt_npt);
}
