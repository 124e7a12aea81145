/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces with a head, each of which knows the one before it, and lists of free ones by size. A free piece's neighbours
 * are in
 * use, so what is given back joins at once; asking looks into lists whose every piece is large enough, but for the
 * first. */
#include "heap.h"

#include <hv/lib.h>

#define GRAIN 16ul
#define BINS 28u
#define FIRST_FIT 16u			/* pieces of the list of its own size that are tried */
#define MAGIC_USED 0x6865u
#define MAGIC_FREE 0x6672u

struct piece {
	u32 size, before;		/* bytes, head included; size of the piece before; 0: this is the first */
	u16 magic;
	u16 bin;
	u32 reserved;
	struct piece *next, *previous;	/* of a free one: its list; else the user's bytes */
};
#define HEAD offsetof(struct piece, next)
#define SMALLEST sizeof(struct piece)

static struct {
	u8 *base, *end;
	struct piece *bin[BINS];
} heap;

struct heap_use heap_use;

/* The bin whose pieces have at least 2^n grains. */
static u32 bin_of(u64 size)
{
	return MIN(63u - (u32)__builtin_clzl(size / GRAIN), BINS - 1);
}

static struct piece *after(struct piece *p)
{
	u8 *at = (u8 *)p + p->size;

	return at < heap.end ? (struct piece *)at : NULL;
}

static void link(struct piece *p)
{
	struct piece **bin;

	p->magic = MAGIC_FREE;
	p->bin = (u16)bin_of(p->size);
	bin = &heap.bin[p->bin];
	p->previous = NULL;
	p->next = *bin;
	if (p->next)
		p->next->previous = p;
	*bin = p;
}

static void unlink(struct piece *p)
{
	assert(p->magic == MAGIC_FREE);
	if (p->previous)
		p->previous->next = p->next;
	else
		heap.bin[p->bin] = p->next;
	if (p->next)
		p->next->previous = p->previous;
}

static void resize(struct piece *p, u64 size)
{
	struct piece *next;

	p->size = (u32)size;
	next = after(p);
	if (next)
		next->before = p->size;
}

void heap_init(void *base, u64 size)
{
	struct piece *all = base;

	assert(!((u64)base & (GRAIN - 1)) && size >= PAGE_SIZE && size < 4 * GiB);
	memset(&heap, 0, sizeof(heap));
	heap_use = (struct heap_use){ .size = ALIGN_DOWN(size, GRAIN) };
	heap.base = base;
	heap.end = heap.base + heap_use.size;
	all->before = 0;
	all->size = (u32)heap_use.size;
	link(all);
}

static struct piece *find(u64 size)
{
	u32 bin = bin_of(size), tries = FIRST_FIT;

	for (struct piece *p = heap.bin[bin]; p && tries--; p = p->next)
		if (p->size >= size)
			return p;
	for (bin++; bin < BINS; bin++)
		if (heap.bin[bin])
			return heap.bin[bin];
	return NULL;
}

void *heap_alloc(u64 size)
{
	u64 whole = ALIGN_UP(MAX(size, 16ul) + HEAD, GRAIN);
	struct piece *p;

	p = size < 2 * GiB && heap.base ? find(MAX(whole, SMALLEST)) : NULL;
	if (!p) {
		heap_use.refused++;
		return NULL;
	}
	whole = MAX(whole, SMALLEST);
	unlink(p);
	if (p->size - whole >= SMALLEST) {
		struct piece *rest = (struct piece *)((u8 *)p + whole);
		u64 left = p->size - whole;

		p->size = (u32)whole;
		rest->before = (u32)whole;
		resize(rest, left);
		link(rest);
	}
	p->magic = MAGIC_USED;
	heap_use.used += p->size;
	heap_use.most = MAX(heap_use.most, heap_use.used);
	memset((u8 *)p + HEAD, 0, p->size - HEAD);
	return (u8 *)p + HEAD;
}

void heap_free(void *at)
{
	struct piece *p, *next, *before;

	if (!at)
		return;
	p = (struct piece *)((u8 *)at - HEAD);
	assert((u8 *)p >= heap.base && (u8 *)p < heap.end && p->magic == MAGIC_USED);
	heap_use.used -= p->size;
	next = after(p);
	if (next && next->magic == MAGIC_FREE) {
		unlink(next);
		resize(p, (u64)p->size + next->size);
	}
	before = p->before ? (struct piece *)((u8 *)p - p->before) : NULL;
	if (before && before->magic == MAGIC_FREE) {
		unlink(before);
		p->magic = 0;
		resize(before, (u64)before->size + p->size);
		p = before;
	}
	link(p);
}

bool heap_is_sound(void)
{
	u64 used = 0, free_pieces = 0, listed = 0;
	u32 before = 0;
	bool was_free = false;

	for (struct piece *p = (struct piece *)heap.base; p; p = after(p)) {
		bool is_free = p->magic == MAGIC_FREE;

		if (p->before != before || p->size < SMALLEST || (!is_free && p->magic != MAGIC_USED) || (is_free &&
			was_free))
			return false;
		used += is_free ? 0 : p->size;
		free_pieces += is_free;
		was_free = is_free;
		before = p->size;
	}
	for (u32 i = 0; i < BINS; i++)
		for (struct piece *p = heap.bin[i]; p; p = p->next, listed++)
			if (p->magic != MAGIC_FREE || p->bin != i || bin_of(p->size) != i)
				return false;
	return used == heap_use.used && listed == free_pieces;
}
