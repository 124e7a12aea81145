/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The two chips around which firmware knows this PC: a Q35-like host bridge (00:00.0) and the LPC bridge of an ICH9
 * (00:1f.0). Only registers that firmware and kernels use do something: PCIEXBAR moves the ECAM window, PIRQx_ROUT
 * leads PCI interrupts to the PIC; the PM block stays at its port whatever PMBASE is asked to be. Intel 3 Series
 * Express Chipset Family Datasheet; Intel I/O Controller Hub 9 Family Datasheet. Device lock held. */

#include "vpci.h"

#define Q35_LPC_SLOT 31

struct q35 {
	struct vpci_function host, lpc;
};

int q35_build(struct guest *g);		/* control core, when the guest is built */
void q35_reset(struct guest *g);	/* after vpci_reset() */
void q35_assign(struct guest *g);	/* what firmware sets, for a guest that has none */
