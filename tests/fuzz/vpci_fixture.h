/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Functions for tests of guest PCI: one with every kind of BAR, capabilities and interrupts; and what must always
 * hold. */

#include "unit/drivers/model/pc_fake.h"

#include <hv/lib.h>

struct vpci_toy {
	struct vpci_function f;
	struct io last;
	u32 calls;
};

/* In slots 3, 5 and 11 (which shares 3's wire); reset with the PC. */
#define TOYS 3
extern const u8 toy_slot[TOYS];
extern struct vpci_toy toy[TOYS];
extern const struct vpci_desc toy_desc;

/* A fake guest with the toys on its bus. */
struct guest *toy_guest_new(void);

/* Read-only bytes are as after reset, the bus agrees with the registers, pending messages have a reason. */
void toy_check(const struct guest *g);

/* Bytes to accesses and events, as a guest could make them; each is followed by toy_check(). */
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
