/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The panic device, as QEMU's "pvpanic" on the ISA bus: a guest's kernel tells that it has panicked, then goes on as it
 * was told to. self is the struct guest. Device lock held. */

#include <hv/bus.h>

#define VPANIC_PORT 0x505

enum io_result vpanic_io(void *self, struct io *io);
