/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A high precision event timer: a 64-bit counter of 100 MHz and three timers, one-shot and periodic, on the IOAPIC
 * or, by legacy replacement, in the place of the PIT and the RTC. No messages (FSB). IA-PC HPET Specification 1.0a
 * "Register Model". Device lock held. */

#include <hv/bus.h>
#include <hv/irq.h>

#define VHPET_ADDRESS 0xfed00000ul
#define VHPET_SIZE 0x400u
#define VHPET_HZ 100000000ul
#define VHPET_TIMERS 3u
/* Block id as the ACPI table repeats it: Intel's, legacy replacement, 64 bits, three timers, revision 1. */
#define VHPET_ID (0x80860000u | 1u << 15 | 1u << 13 | (VHPET_TIMERS - 1) << 8 | 1u)

struct vhpet_timer {
	u32 config;
	u64 comparator, period;
	u64 target;		/* counter value at which it fires next */
	u64 owed, owed_at;	/* periods for which somebody was too late; counter value at which one of them is made up for */
	bool armed;
};

struct vhpet {
	struct guest *g;
	u32 config, status;
	u64 offset;		/* counter = clocks of the TSC + offset while it runs */
	u64 halted_at;		/* counter while it does not */
	u64 last_fired;		/* host TSC */
	u64 due;		/* host TSC of the next event; U64_MAX: none */
	struct vhpet_timer timer[VHPET_TIMERS];
};

void vhpet_reset(struct vhpet *h);
void vhpet_run(struct vhpet *h, u64 now);
enum io_result vhpet_io(void *self, struct io *io);

/* Does it stand in for the PIT (line 0) and the RTC (line 8)? */
bool vhpet_replaces_legacy(const struct vhpet *h);
