/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* An MC146818 real-time clock with 128 bytes of NVRAM. The time is derived from the machine's wall clock and the TSC;
 * what a guest sets is kept as a distance from it. Device lock held. */

#include <hv/bus.h>
#include <hv/irq.h>

#define VRTC_NVRAM 128

struct vrtc {
	struct guest *g;
	u8 index;
	u8 ram[VRTC_NVRAM];	/* the time's registers are current only while SET stops the clock */
	s64 shown;		/* the second that the time's registers show, while shown_valid */
	bool shown_valid;
	s64 distance;		/* seconds: the guest's time less the machine's; survives a reset */
	s64 seen;		/* second of the guest's time up to which update and alarm were judged */
	u64 periodic_start;	/* host TSC */
	u64 periodic_seen;	/* periods since then that were judged */
	u64 owed, owed_at;	/* periods for which the guest was too late, and the host TSC of the next one of them */
	u64 due;		/* host TSC of the next interrupt; U64_MAX: none */
};

/* All but the distance goes back to power-on. */
void vrtc_reset(struct vrtc *r, u64 now);
enum io_result vrtc_io(void *self, struct io *io);

/* Judge what has happened until now, drive the line, find the next time. */
void vrtc_run(struct vrtc *r, u64 now);
