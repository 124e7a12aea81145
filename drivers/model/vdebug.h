/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The debug port of firmware (402H): bytes of its log, kept in the guest's firmware_log. Device lock, own cores. */

#include <hv/bus.h>

#define VDEBUG_PORT 0x402

enum io_result vdebug_io(void *self, struct io *io);	/* self: the guest */
