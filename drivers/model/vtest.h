/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The test device (plan key test_device): a write of 1, 2 or 4 bytes to its first port ends the guest with that result.
 * self is the struct guest. Device lock held. */

#include <hv/bus.h>

enum io_result vtest_io(void *self, struct io *io);
