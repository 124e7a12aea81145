/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Devices that come into PCI Express slots while the machine runs. drivers.c calls these; boot core, then control core. */

#include <hv/pci.h>

/* Before the drivers look at functions: find the ports, map their windows (before the seal). */
void hotplug_find(void);

/* After that: those of the drivers that have plug() get memory for each slot that none without has. */
void hotplug_reserve(const struct host_driver *const *driver, u32 count);

/* Be part of the event loop; one turn of it. */
void hotplug_start(void);
bool hotplug_turn(u64 now);

/* drivers.c */
bool driver_matches(const struct host_driver *d, const struct host_pci *p);

/* pci.c: map [base, base + size) once; pci_map_bar() finds BARs inside of it, also behind the seal. false: no room, or RAM. */
bool pci_window_map(u64 base, u64 size);
/* The place of the function that has just come to bdf. Null: there is none. */
struct host_pci *pci_function_came(u16 bdf, u32 id);
