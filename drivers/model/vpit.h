/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* An 8254 interval timer and port 61H around its channel 2. Counts are never stored: they are derived from the TSC at
 * the moment when somebody looks. Device lock held. */

#include <hv/bus.h>
#include <hv/irq.h>

#define VPIT_HZ 1193182ul

struct vpit_channel {
	u8 mode;			/* 0..5 */
	u8 access;			/* 1 low byte, 2 high byte, 3 low then high */
	bool bcd, gate;
	bool triggered;			/* modes 1 and 5: the gate has risen since the count was loaded */
	bool write_high, read_high;	/* access 3: which byte is next */
	u8 write_low;
	u8 latch_bytes;			/* bytes of latch that are still to be read */
	bool status_latched;
	u8 status;
	u16 latch;
	u32 count;			/* 1..65536; 0: nothing was loaded */
	u64 start;			/* host TSC at which count was there */
	u64 frozen;			/* clocks that had passed when a low gate stopped the count */
};

struct vpit {
	struct guest *g;
	struct vpit_channel channel[3];
	bool speaker;			/* port 61H bit 1 */
	u64 edges;			/* of channel 0 since start, delivered or skipped */
	u64 last_edge;			/* host TSC */
	u64 due;			/* host TSC of channel 0's next edge; U64_MAX: none */
};

void vpit_reset(struct vpit *p);
enum io_result vpit_io(void *self, struct io *io);
enum io_result vpit_speaker_io(void *self, struct io *io);

/* Deliver channel 0's edge when it is due. */
void vpit_run(struct vpit *p, u64 now);
