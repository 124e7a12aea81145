/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Reads the ACPI tables: power, clocks, cores, serial ports, IOMMU flags. Tables are hostile: every length is
 * checked, a table that is malformed is skipped and counted. Pure C, no firmware headers, no state. */

#include <hv/boot_info.h>

/* How table memory is seen. map() returns where `size` bytes at a physical address can be read, or NULL when any
 * of them is not readable memory. */
struct acpi_memory {
	const void *(*map)(void *context, uint64_t address, uint64_t size);
	void *context;
};

struct acpi_facts {
	struct boot_acpi acpi;
	uint32_t core_count, core_lost;		/* cores of the MADT that are enabled, each once; lost: did not fit */
	struct boot_core cores[BOOT_CORES_MAX];	/* in the MADT's order; packages are not filled */
	uint32_t uart_count;
	struct boot_uart uarts[BOOT_UARTS_MAX];	/* from SPCR, then DBG2 */
	uint32_t table_count, skipped_count;
	char skipped[48];			/* signatures of the first skipped tables, in words */
};

/* Fills `f` from the tables behind `rsdp`; f->acpi.rsdp stays 0 when there are none that can be used. */
void acpi_read(struct acpi_facts *f, const struct acpi_memory *m, uint64_t rsdp);
