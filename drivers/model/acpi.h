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

#define ACPI_TABLES 5			/* that the XSDT names; the first is the FADT */
#define ACPI_RSDP_SIZE 36
#define ACPI_PATCHES_MAX (4 + ACPI_TABLES)
#define ACPI_SUMS_MAX 4

struct aml;

/* Where acpi_build_file() has put things, in bytes from the start of the file. */
struct acpi_places {
	u64 rsdp, facs, dsdt, xsdt, table[ACPI_TABLES];
};
struct acpi_patch { u64 at; u32 size; };		/* a pointer that holds an offset in the file */
struct acpi_sum { u64 at, from; u32 size; };		/* a byte that makes [from, from + size) sum up to 0 */

/* The same tables as a file for firmware that places them itself: to is zeroed, pointers are offsets. The RSDP is its
 * first ACPI_RSDP_SIZE bytes. Device lock. */
void acpi_build_file(const struct guest *g, u8 *to, size_t size, struct acpi_places *p);

/* What firmware has to do once it knows where the file is: pointers first, then sums, in this order. Return the count. */
u32 acpi_file_pointers(const struct acpi_places *p, struct acpi_patch patch[ACPI_PATCHES_MAX]);
u32 acpi_file_sums(const struct acpi_places *p, struct acpi_sum sum[ACPI_SUMS_MAX]);

/* Where PCI puts things, and _OSC, as a body of \\_SB: the DSDT's PCI0 up to its last child; the caller closes it. */
void acpi_pci_open(struct aml *a, const struct guest *g);

/* A device that is nothing but a range of memory: the ECAM window as a motherboard resource, the HPET. */
void acpi_memory_device(struct aml *a, const char *name, const char *id, u64 base, u64 size);

/* Write all tables to GUEST_ACPI_GPA in g's RAM (zeroed before); *rsdp: where the RSDP is, always GUEST_ACPI_GPA.
 * On one of the guest's cores, before it runs. -E_NOSPC: g has no RAM there. */
int acpi_build(struct guest *g, gpa_t *rsdp);
