/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The page tables of the hand-over, alive until the hypervisor loads its own: memory at its own address, and the
 * hypervisor's image at ELF_BASE. Everything writable and executable. Pure; boot core or host. */

#include <stddef.h>
#include <stdint.h>

struct tables {
	uint64_t *next;		/* zeroed pages, identity mapped */
	size_t left;		/* how many */
	uint64_t *root;		/* for CR3 */
	int huge;		/* the CPU has 1 GiB pages */
};

/* Pages that mapping [0, top), one more range of `extra` bytes and the image needs at most. */
size_t tables_count_pages(uint64_t top, uint64_t extra, int huge);

/* Takes the root. -1: no page left. */
int tables_start(struct tables *t, void *pages, size_t count, int huge);

/* Maps [base, end) to itself, widened to whole 2 MiB (1 GiB) pages; mapping twice is no error. -1: no page left. */
int tables_map_same(struct tables *t, uint64_t base, uint64_t end);

/* Maps `size` bytes at `to` (a virtual address) to `from`, both 2 MiB aligned, in 2 MiB pages. -1: no page left. */
int tables_map_image(struct tables *t, uint64_t to, uint64_t from, uint64_t size);
