/* SPDX-License-Identifier: Apache-2.0 */
#include "vdebug.h"

#include <hv/guest.h>

#include "models.h"

#define PRESENT 0xe9		/* what a read gives where somebody listens */

enum io_result vdebug_io(void *self, struct io *io)
{
	struct guest *g = self;

	if (!io->write)
		io->val = PRESENT;
	else if (g->firmware_log)
		console_ring_put(g->firmware_log, (u8)io->val, pc_now());	/* nobody waits for it: no doorbell */
	return IO_DONE;
}
