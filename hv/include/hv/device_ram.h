/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* RAM of a guest's devices: flash, framebuffers. Not part of the guest's own RAM: admission takes it in whole blocks
 * beside it, `memory` lists it apart, the frame audit counts it. A guest has at most one piece of each kind, contiguous
 * in the machine. A device gets one so:
 *   1. a kind here, and how much a guest wants of it in hv/core/admission_devices.c (0: none);
 *   2. at build, `const struct device_ram *m = guest_device_ram(g, KIND)`: its address for the CPU is m->at, the same on
 *      the guest's cores (read and write) and on the control core (DEVICE_RAM_SCREEN: read only);
 *   3. bus_back(): the guest reaches it by ordinary memory accesses wherever the claim (a BAR) is put.
 * It is zeroed when the machine starts and keeps its contents over starts of the guest: who wants it clean clears it in
 * its reset. */

#include <hv/types.h>

enum device_ram_kind { DEVICE_RAM_FLASH, DEVICE_RAM_SCREEN, DEVICE_RAM_KINDS };

struct device_ram {
	u8 *at;
	hpa_t hpa;
	u64 size;	/* whole blocks; 0: the guest has none of this kind */
};

struct guest;

/* Never null; constant once the guest is built. Any core. */
const struct device_ram *guest_device_ram(const struct guest *g, enum device_ram_kind kind);
