/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the files of the ACPI reader only: a checked table and how its fields are read. Pure. */

#include "acpi.h"

#include <stdbool.h>

#define ACPI_HEADER 36u		/* ACPI 6.4 "System Description Table Header" (5.2.6) */

struct acpi_table {
	const uint8_t *p;
	uint32_t size;		/* at least ACPI_HEADER, all of it readable, sum checked */
};

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get32(const uint8_t *p)
{
	return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static inline uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* Whether [at, at + size) lies inside of the table. */
static inline bool table_has(const struct acpi_table *t, uint64_t at, uint64_t size)
{
	return at <= t->size && size <= t->size - at;
}

/* Each returns false when the table is malformed: nothing of it was taken. */
bool acpi_read_madt(struct acpi_facts *f, const struct acpi_table *t);
bool acpi_read_fadt(struct acpi_facts *f, const struct acpi_table *t, uint64_t *dsdt);
bool acpi_read_s5(struct acpi_facts *f, const struct acpi_table *t);	/* false: no _S5_ there */
bool acpi_read_spcr(struct acpi_facts *f, const struct acpi_table *t);
bool acpi_read_dbg2(struct acpi_facts *f, const struct acpi_table *t);

/* These take what stands before the rubbish: memory that is known to be a device's must not be given out. */
bool acpi_read_dmar(struct acpi_facts *f, const struct acpi_table *t);
bool acpi_read_ivrs(struct acpi_facts *f, const struct acpi_table *t);
