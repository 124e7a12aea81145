/* SPDX-License-Identifier: Apache-2.0 */
/* The fixed hardware of the FADT, and the value that means "off" out of the DSDT without an AML interpreter. */

#include "acpi_int.h"
#include "mem.h"

#define FADT_RESET_SUPPORTED (1u << 10)
#define FADT_TIMER_32BIT (1u << 8)
#define FADT_HW_REDUCED (1u << 20)
#define SPACE_PORT 1

/* A register block: the extended form when it is there and a port, else the old 32-bit field. */
static uint32_t fadt_port(const struct acpi_table *t, uint32_t old, uint32_t extended)
{
	if (table_has(t, extended, 12) && t->p[extended] == SPACE_PORT) {
		uint64_t address = get64(t->p + extended + 4);

		if (address && address < 0x10000)
			return (uint32_t)address;
	}
	return get32(t->p + old) < 0x10000 ? get32(t->p + old) : 0;
}

static void fadt_reset(struct boot_acpi *a, const struct acpi_table *t, uint32_t flags)
{
	const uint8_t *p = t->p + 116;

	if (!(flags & FADT_RESET_SUPPORTED) || !table_has(t, 116, 13) || p[0] > 2 || !get64(p + 4))
		return;
	a->reset_reg = (struct boot_gas){
		.address = get64(p + 4), .space = p[0], .width = p[1], .offset = p[2], .access = p[3],
	};
	a->reset_value = t->p[128];
}

/* ACPI 6.4 "Fixed ACPI Description Table" (5.2.9). The oldest form has 116 bytes. */
bool acpi_read_fadt(struct acpi_facts *f, const struct acpi_table *t, uint64_t *dsdt)
{
	struct boot_acpi *a = &f->acpi;
	uint32_t flags;

	if (t->size < 116)
		return false;
	flags = get32(t->p + 112);
	a->hw_reduced = (flags & FADT_HW_REDUCED) != 0;
	a->facs_lock = get32(t->p + 36);
	*dsdt = get32(t->p + 40);
	if (table_has(t, 132, 8) && get64(t->p + 132))
		a->facs_lock = get64(t->p + 132);
	if (table_has(t, 140, 8) && get64(t->p + 140))
		*dsdt = get64(t->p + 140);
	fadt_reset(a, t, flags);
	if (a->hw_reduced)
		return true;	/* none of the fixed registers exists */

	a->sci = get16(t->p + 46);
	a->smi_cmd = get32(t->p + 48);
	a->acpi_enable = a->smi_cmd ? t->p[52] : 0;
	a->pm1a_evt = fadt_port(t, 56, 148);
	a->pm1b_evt = fadt_port(t, 60, 160);
	a->pm1a_cnt = fadt_port(t, 64, 172);
	a->pm1b_cnt = fadt_port(t, 68, 184);
	a->pm1_evt_len = t->p[88];
	a->pm_timer = t->p[91] == 4 ? fadt_port(t, 76, 208) : 0;
	a->pm_timer_32bit = (flags & FADT_TIMER_32BIT) != 0;
	return true;
}

/* An integer of AML as a package element. ACPI 6.4 "Data Objects Encoding" (20.2.3). Returns its bytes, 0 if none. */
static uint32_t aml_integer(const struct acpi_table *t, uint64_t at, uint8_t *value)
{
	static const struct { uint8_t op, bytes; } prefix[] = { { 0x0a, 2 }, { 0x0b, 3 }, { 0x0c, 5 }, { 0x0e, 9 } };

	if (!table_has(t, at, 1))
		return 0;
	if (t->p[at] <= 1) {
		*value = t->p[at];	/* ZeroOp, OneOp */
		return 1;
	}
	for (unsigned int i = 0; i < sizeof(prefix) / sizeof(prefix[0]); i++) {
		if (t->p[at] == prefix[i].op && table_has(t, at, prefix[i].bytes)) {
			*value = t->p[at + 1];	/* SLP_TYP has three bits: the lowest byte holds them */
			return prefix[i].bytes;
		}
	}
	return 0;
}

/* `at` stands on the name. Name(_S5_, Package(n){a, b, ...}): 08 "_S5_" 12 PkgLength n a b. */
static bool s5_take(struct boot_acpi *a, const struct acpi_table *t, uint32_t at)
{
	uint64_t next = (uint64_t)at + 5;
	uint8_t typa, typb;
	uint32_t used;

	if (!(t->p[at - 1] == 0x08 || (t->p[at - 1] == '\\' && t->p[at - 2] == 0x08)))
		return false;
	if (!table_has(t, at, 7) || t->p[at + 4] != 0x12)
		return false;
	next += 1u + (t->p[next] >> 6);		/* PkgLength: the two top bits say how many bytes follow */
	if (!table_has(t, next, 1) || t->p[next] < 2)
		return false;
	next++;
	used = aml_integer(t, next, &typa);
	if (!used || !aml_integer(t, next + used, &typb))
		return false;
	a->slp_typa = typa & 7;
	a->slp_typb = typb & 7;
	a->s5_valid = 1;
	return true;
}

bool acpi_read_s5(struct acpi_facts *f, const struct acpi_table *t)
{
	for (uint32_t at = ACPI_HEADER + 2; table_has(t, at, 4); at++)
		if (t->p[at] == '_' && memcmp(t->p + at, "_S5_", 4) == 0 && s5_take(&f->acpi, t, at))
			return true;
	return false;
}
