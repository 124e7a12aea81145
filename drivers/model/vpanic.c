/* SPDX-License-Identifier: Apache-2.0 */
#include "vpanic.h"

#include <hv/core.h>
#include <hv/guest.h>

#define EVENTS (GUEST_PANICKED | GUEST_CRASH_KERNEL)

/* QEMU "PVPANIC DEVICE": a read tells which events there are, a write raises them; other bits mean nothing to us. */
enum io_result vpanic_io(void *self, struct io *io)
{
	if (!io->write)
		io->val = EVENTS;
	else if (io->val & EVENTS)
		guest_panicked(self, &this_core()->vcpu, (u32)io->val & EVENTS);
	return IO_DONE;
}
