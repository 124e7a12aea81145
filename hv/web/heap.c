/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces with a head, each of which knows the one before it, and lists of free ones by size. A free piece's neighbours are in
 * use, so what is given back joins at once; asking looks into lists whose every piece is large enough, but for the first. The
 * pieces lie in blocks, each of which ends with a head that is never free. */
#include "heap.h"

#include <hv/lib.h>

#define GRAIN 16ul
#define BINS 28u
#define FIRST_FIT 16u			/* pieces of the list of its own size that are tried */
#define MAGIC_USED 0x6865u
#define MAGIC_FREE 0x6672u
#define MAGIC_END 0x656eu
#define BLOCKS 16u

struct piece {
	u32 size, before;		/* bytes, head included; size of the piece before; 0: this is the first */
	u16 magic;
	u16 bin;
	u32 reserved;
	struct piece *next, *previous;	/* of a free one: its list; else the user's bytes */
};
#define HEAD offsetof(struct piece, next)
#define SMALLEST sizeof(struct piece)

struct block {
	u8 *base;			/* null: it is not there */
	u64 size;
};

static struct {
	struct block block[BLOCKS];	/* the first stays for good */
	struct piece *bin[BINS];
	u64 grain;			/* what blocks come in; 0: there is only the first */
	heap_more_fn *more;
	heap_less_fn *less;
} heap;

struct heap_use heap_use;

/* The bin whose pieces have at least 2^n grains. */
static u32 bin_of(u64 size)
{
	return MIN(63u - (u32)__builtin_clzl(size / GRAIN), BINS - 1);
}

/* The one behind it, at last the block's end. */
static struct piece *after(struct piece *p)
{
	return (struct piece *)((u8 *)p + p->size);
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
	p->size = (u32)size;
	after(p)->before = p->size;
}

/* What a block holds when nothing is in use. */
static u64 whole_of(const struct block *b)
{
	return b->size - HEAD;
}

static void add_block(struct block *b, void *base, u64 size)
{
	struct piece *all = base;

	*b = (struct block){ base, ALIGN_DOWN(size, GRAIN) };
	heap_use.held += b->size;
	all->before = 0;
	all->size = (u32)whole_of(b);
	after(all)->magic = MAGIC_END;
	after(all)->size = 0;
	after(all)->before = all->size;
	link(all);
}

void heap_init(void *base, u64 size)
{
	assert(!((u64)base & (GRAIN - 1)) && size >= PAGE_SIZE && size < 4 * GiB);
	memset(&heap, 0, sizeof(heap));
	heap_use = (struct heap_use){ .size = ALIGN_DOWN(size, GRAIN) };
	add_block(&heap.block[0], base, size);
}

void heap_grow_by(u64 grain, u32 blocks, heap_more_fn *more, heap_less_fn *less)
{
	assert(blocks < BLOCKS && IS_ALIGNED(grain, PAGE_SIZE) && grain && grain < 4 * GiB && heap.block[0].base);
	heap_use.size = heap.block[0].size + blocks * grain;
	heap.grain = grain;
	heap.more = more;
	heap.less = less;
}

/* false: no more is to be had, or it would be too small. */
static bool grow(u64 whole)
{
	if (!heap.grain || whole > heap.grain - HEAD || heap_use.held + heap.grain > heap_use.size)
		return false;
	for (u32 i = 1; i < BLOCKS; i++) {
		void *base;

		if (heap.block[i].base)
			continue;
		base = heap.more(heap.grain);
		if (base)
			add_block(&heap.block[i], base, heap.grain);
		return base;
	}
	return false;
}

void heap_give_back(void)
{
	bool spared = false;

	for (u32 i = 1; i < BLOCKS; i++) {
		struct block *b = &heap.block[i];
		struct piece *all = (struct piece *)b->base;

		if (!all || all->magic != MAGIC_FREE || all->size != whole_of(b))
			continue;
		if (!spared && heap_use.used > heap.block[0].size / 2) {
			spared = true;	/* it would be asked for again at once */
			continue;
		}
		unlink(all);
		heap_use.held -= b->size;
		heap.less(b->base, b->size);
		*b = (struct block){ 0 };
	}
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

static struct piece *find_or_grow(u64 whole)
{
	struct piece *p = find(whole);

	return p || !grow(whole) ? p : find(whole);
}

void *heap_alloc(u64 size)
{
	u64 whole = MAX(ALIGN_UP(MAX(size, 16ul) + HEAD, GRAIN), SMALLEST);
	struct piece *p;

	p = size < 2 * GiB && heap.block[0].base ? find_or_grow(whole) : NULL;
	if (!p) {
		heap_use.refused++;
		return NULL;
	}
	unlink(p);
	if (p->size - whole >= SMALLEST) {
		struct piece *rest = (struct piece *)((u8 *)p + whole);
		u64 left = p->size - whole;

		resize(p, whole);
		resize(rest, left);
		link(rest);
	}
	p->magic = MAGIC_USED;
	heap_use.used += p->size;
	heap_use.most = MAX(heap_use.most, heap_use.used);
	memset((u8 *)p + HEAD, 0, p->size - HEAD);
	return (u8 *)p + HEAD;
}

static bool is_ours(const void *p)
{
	for (u32 i = 0; i < BLOCKS; i++)
		if (heap.block[i].base && (u64)p - (u64)heap.block[i].base < whole_of(&heap.block[i]))
			return true;
	return false;
}

void heap_free(void *at)
{
	struct piece *p, *next, *before;

	if (!at)
		return;
	p = (struct piece *)((u8 *)at - HEAD);
	assert(is_ours(p) && p->magic == MAGIC_USED);
	heap_use.used -= p->size;
	next = after(p);
	if (next->magic == MAGIC_FREE) {
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

static bool is_sound(const struct block *b, u64 *used, u64 *free_pieces)
{
	u32 before = 0;
	bool was_free = false;
	struct piece *p;

	for (p = (struct piece *)b->base; p->magic != MAGIC_END; p = after(p)) {
		bool is_free = p->magic == MAGIC_FREE;

		if (p->before != before || p->size < SMALLEST || (!is_free && p->magic != MAGIC_USED) || (is_free && was_free))
			return false;
		*used += is_free ? 0 : p->size;
		*free_pieces += is_free;
		was_free = is_free;
		before = p->size;
	}
	return p->before == before && (u8 *)p == b->base + whole_of(b);
}

bool heap_is_sound(void)
{
	u64 used = 0, free_pieces = 0, listed = 0, held = 0;

	for (u32 i = 0; i < BLOCKS; i++) {
		if (heap.block[i].base && !is_sound(&heap.block[i], &used, &free_pieces))
			return false;
		held += heap.block[i].size;
	}
	for (u32 i = 0; i < BINS; i++)
		for (struct piece *p = heap.bin[i]; p; p = p->next, listed++)
			if (p->magic != MAGIC_FREE || p->bin != i || bin_of(p->size) != i)
				return false;
	return used == heap_use.used && listed == free_pieces && held == heap_use.held;
}
