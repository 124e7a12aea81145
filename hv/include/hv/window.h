/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The control core's windows into guests' RAM: the one way for backends (network, disks) to reach it. Each guest has one
 * piece of the control core's address space in which its RAM lies as the guest sees it, at window + gpa; nothing else is
 * mapped there. Control core only, boot files excepted (GUEST_IMAGES_VA). */

#include <hv/gmem.h>

/* Control core's pointer to [gpa, gpa + len), all of it the guest's RAM, else null. len > 0. The guest may write there at
 * any time: copy, then check. */
void *window_ptr(const struct guest *g, gpa_t gpa, u64 len);

/* Where [gpa, gpa + len) is in the machine, when it is in one piece, else 0. Any core. */
u64 window_hpa(const struct guest *g, gpa_t gpa, u64 len);

/* Is [gpa, gpa + len) in the first piece of RAM? Then it is at g->range[0].hpa + gpa, as that begins at 0. Any core. */
static inline bool window_low(const struct guest *g, u64 gpa, u64 len)
{
	u64 size = g->range_count && !g->range[0].gpa ? g->range[0].size : 0;

	return gpa < size && len <= size - gpa;
}

/* A piece of RAM as a device of the machine's reaches it. */
struct dma_piece {
	u64 hpa;
	u32 len;
};

/* Where [gpa, gpa + len) is in the machine: up to max pieces, each contiguous. Returns how many; 0: some of it is no RAM of
 * the guest's, or more than max are needed. Any core. */
u32 window_dma(const struct guest *g, gpa_t gpa, u64 len, struct dma_piece *to, u32 max);
