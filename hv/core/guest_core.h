/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <hv/types.h>

/* Entered once on every core but the boot core, on its own stack and tables: virtualisation on, then serve. */
NORETURN void core_main(void);

/* Answer the control core's messages for ever. Own core. */
NORETURN void core_serve(void);

/* The plan names another control core than the one that booted: tell it. The caller then serves. */
void core_hand_control(void);
