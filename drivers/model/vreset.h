/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The three old ways to reset a PC, each of which reboots this guest alone. self is the struct guest. Device lock
 * held. */

#include <hv/bus.h>

enum io_result vreset_cf9_io(void *self, struct io *io);	/* reset control register; what the FADT names */
enum io_result vreset_fast_io(void *self, struct io *io);	/* port 92H: fast reset, A20 */
enum io_result vreset_kbd_io(void *self, struct io *io);	/* port 64H: the reset pulse of a keyboard controller */
