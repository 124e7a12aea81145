/* SPDX-License-Identifier: Apache-2.0 */
#include "vtest.h"

#include <hv/core.h>
#include <hv/guest.h>

enum io_result vtest_io(void *self, struct io *io)
{
	if (!io->write || io->off != 0)
		return IO_REFUSED;
	guest_end(self, &this_core()->vcpu, END_RESULT, (u32)io->val);
	return IO_DONE;
}
