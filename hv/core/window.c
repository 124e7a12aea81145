/* SPDX-License-Identifier: Apache-2.0 */
/* Guests' RAM as the control core and the machine's devices reach it: bounds in one place. */
#include <hv/window.h>

#include <hv/lib.h>

#define PIECE_MAX 0xfffff000ul		/* fits struct dma_piece, a whole number of pages */

/* The piece of RAM that holds gpa; null: none does. Ranges are few and sorted. */
static const struct ram_range *range_of(const struct guest *g, u64 gpa)
{
	for (u32 i = 0; i < g->range_count; i++)
		if (gpa >= g->range[i].gpa && gpa - g->range[i].gpa < g->range[i].size)
			return &g->range[i];
	return NULL;
}

static bool is_ram(const struct guest *g, u64 gpa, u64 len)
{
	while (len) {
		const struct ram_range *r = range_of(g, gpa);
		u64 part;

		if (!r)
			return false;
		part = MIN(len, r->size - (gpa - r->gpa));
		gpa += part;
		len -= part;
	}
	return true;
}

void *window_ptr(const struct guest *g, gpa_t gpa, u64 len)
{
	return len && g->window && is_ram(g, gpa.v, len) ? g->window + gpa.v : NULL;
}

u64 window_hpa(const struct guest *g, gpa_t gpa, u64 len)
{
	const struct ram_range *r = range_of(g, gpa.v);
	u64 off = r ? gpa.v - r->gpa : 0;

	return r && len <= r->size - off ? r->hpa.v + off : 0;
}

u32 window_dma(const struct guest *g, gpa_t gpa, u64 len, struct dma_piece *to, u32 max)
{
	u64 at = gpa.v;
	u32 n = 0;

	while (len) {
		const struct ram_range *r = range_of(g, at);
		u64 part, hpa;

		if (!r)
			return 0;
		part = MIN(MIN(len, r->size - (at - r->gpa)), PIECE_MAX);
		hpa = r->hpa.v + (at - r->gpa);
		if (n && to[n - 1].hpa + to[n - 1].len == hpa && to[n - 1].len < PIECE_MAX) {
			part = MIN(part, PIECE_MAX - to[n - 1].len);
			to[n - 1].len += (u32)part;
		} else {
			if (n == max)
				return 0;
			to[n++] = (struct dma_piece){ hpa, (u32)part };
		}
		at += part;
		len -= part;
	}
	return n;
}
