/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The end of the hypervisor itself, only for our own broken invariants and broken hardware, never for what a guest did. */

#include <hv/lib.h>

/* Stop all cores, say why on every console that exists, halt. Any core, any context. */
NORETURN void panic(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Another core panicked: the NMI handler stops this one. */
extern u32 panic_core;	/* index + 1 of the core that panicked first */
