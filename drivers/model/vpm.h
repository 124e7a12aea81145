/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* ACPI power management: PM1a events and control, the 3.579545 MHz timer, the power button. ACPI 6.4 "Fixed Hardware
 * Register Spaces"; offsets and widths are what acpi.h tells the guest. Device lock held. */

#include <hv/bus.h>
#include <hv/irq.h>

#define VPM_TIMER_HZ 3579545ul

struct vpm {
	struct guest *g;
	u16 status;		/* what has happened; the timer's bit is derived instead */
	u16 enable;
	u16 control;
	u64 carries;		/* of the timer's top bit that the guest has acknowledged */
	u64 due;		/* host TSC of the next carry that interrupts; U64_MAX: none */
};

void vpm_reset(struct vpm *m, u64 now);
enum io_result vpm_io(void *self, struct io *io);

/* A carry that is due raises the SCI. */
void vpm_run(struct vpm *m, u64 now);

void vpm_press_button(struct vpm *m, u64 now);
