/* SPDX-License-Identifier: Apache-2.0 */
#include "vreset.h"

#include <hv/core.h>
#include <hv/guest.h>

#define CF9_RESET_CPU 0x04		/* the reset happens when this bit is written as 1; bit 1 chooses how deep */
#define FAST_RESET 0x01
#define FAST_A20 0x02
#define KBD_PULSE_RESET 0xfe

static void reboot(struct guest *g)
{
	guest_end(g, &this_core()->vcpu, END_REBOOT, 0);
}

enum io_result vreset_cf9_io(void *self, struct io *io)
{
	if (!io->write)
		io->val = 0;
	else if (io->val & CF9_RESET_CPU)
		reboot(self);
	return IO_DONE;
}

enum io_result vreset_fast_io(void *self, struct io *io)
{
	if (!io->write)
		io->val = FAST_A20;	/* A20 is never masked */
	else if (io->val & FAST_RESET)
		reboot(self);
	return IO_DONE;
}

/* There is no keyboard controller: its status reads ones, from which kernels conclude so quickly. */
enum io_result vreset_kbd_io(void *self, struct io *io)
{
	if (!io->write)
		io->val = ~0ul;
	else if ((u8)io->val == KBD_PULSE_RESET)
		reboot(self);
	return IO_DONE;
}
