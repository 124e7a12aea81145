/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* ACPI tables of a guest: RSDP, XSDT, FADT, FACS, DSDT, MADT, MCFG, HPET, SPCR, built from its vcpu count and RAM.
 * They describe exactly the models of this folder; these numbers are the contract between the two. ACPI 6.4; SPCR
 * revision 2. */

#include <hv/guest.h>

#define ACPI_PM1A_EVT 0x600		/* 4 bytes: status, enable */
#define ACPI_PM1A_CNT 0x604		/* 2 bytes */
#define ACPI_PM_TIMER 0x608		/* 4 bytes, of which 24 bits count */
#define ACPI_SCI 9			/* level, active high */
#define ACPI_RESET_PORT 0xcf9
#define ACPI_RESET_VALUE 6
#define ACPI_SLP_TYP_S5 5		/* what \_S5 says: SLP_TYPa for soft off */

struct aml;

/* Where PCI puts things, and _OSC, as a body of \\_SB: the DSDT's PCI0 up to its last child; the caller closes it. */
void acpi_pci_open(struct aml *a, const struct guest *g);

/* A device that is nothing but a range of memory: the ECAM window as a motherboard resource, the HPET. */
void acpi_memory_device(struct aml *a, const char *name, const char *id, u64 base, u64 size);

/* Write all tables to GUEST_ACPI_GPA in g's RAM (zeroed before); *rsdp: where the RSDP is, always GUEST_ACPI_GPA.
 * On one of the guest's cores, before it runs. -E_NOSPC: g has no RAM there. */
int acpi_build(struct guest *g, gpa_t *rsdp);
