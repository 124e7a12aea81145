/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A memory balloon: the guest sets aside as many pages as the operator asks for, tells how its memory is used, and which
 * blocks of it are free. VIRTIO 1.2 "Traditional Memory Balloon Device".
 * RAM is the guest's for good: pages in the balloon and free blocks are checked and counted, and never touched. */

#include "virtio.h"

/* What a driver may tell of its memory; a number each. What later versions added behind is not looked at. */
enum vballoon_stat { BALLOON_SWAP_IN, BALLOON_SWAP_OUT, BALLOON_MAJOR_FAULTS, BALLOON_MINOR_FAULTS, BALLOON_FREE,
	BALLOON_TOTAL, BALLOON_AVAILABLE, BALLOON_CACHES, BALLOON_STATS };

struct vballoon {
	struct virtio_device d;
	u32 target, actual;		/* pages: what we ask for, what the driver says it has set aside */
	u64 held;			/* pages of the two page queues: in less out */
	u64 pages_in, pages_out;
	u64 reports, reported_bytes;	/* of free memory */
	bool stats_waits;		/* stats_buffer is here: given back, it asks for new numbers */
	struct virtq_chain stats_buffer;	/* id and slots of it */
	u64 stats_count, stats_tsc;	/* how often they came; the last time */
	u32 stats_known;		/* bits of enum vballoon_stat */
	u64 stat[BALLOON_STATS];
};

/* Control core, when the guest is built. */
int vballoon_add(struct guest *g, struct vballoon *b);

/* The operator has set g->balloon_pages, or wants new statistics: tell the driver. */
void vballoon_event(struct vballoon *b);
