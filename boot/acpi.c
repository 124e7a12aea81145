/* SPDX-License-Identifier: Apache-2.0 */
/* The way from the RSDP to each table, and the tables of a few fields. See also acpi_power.c, acpi_uarts.c, acpi_dma.c. */

#include "acpi_int.h"
#include "mem.h"
#include "text.h"

#define TABLES_MAX 256u
#define TABLE_SIZE_MAX (16u << 20)

static bool sum_is_zero(const uint8_t *p, uint32_t size)
{
	uint8_t sum = 0;

	for (uint32_t i = 0; i < size; i++)
		sum = (uint8_t)(sum + p[i]);
	return sum == 0;
}

static void note_skipped(struct acpi_facts *f, const uint8_t *signature)
{
	size_t used = text_length(f->skipped);

	f->skipped_count++;
	if (used + 6 > sizeof(f->skipped))
		return;
	if (used)
		f->skipped[used++] = ' ';
	for (unsigned int i = 0; i < 4; i++)
		f->skipped[used++] = signature[i] > 0x20 && signature[i] < 0x7f ? (char)signature[i] : '?';
	f->skipped[used] = '\0';
}

/* Header first, then the whole of it, then the sum: nothing is read before it is known to be there. */
static bool table_open(struct acpi_facts *f, const struct acpi_memory *m, uint64_t address, struct acpi_table *t)
{
	const uint8_t *p = address ? m->map(m->context, address, ACPI_HEADER) : NULL;
	uint32_t size;

	if (!p) {
		note_skipped(f, (const uint8_t *)"????");
		return false;
	}
	size = get32(p + 4);
	if (size >= ACPI_HEADER && size <= TABLE_SIZE_MAX) {
		t->p = m->map(m->context, address, size);
		t->size = size;
		if (t->p && sum_is_zero(t->p, size))
			return true;
	}
	note_skipped(f, p);
	return false;
}

static bool core_known(const struct acpi_facts *f, uint32_t apic_id)
{
	for (uint32_t i = 0; i < f->core_count; i++)
		if (f->cores[i].apic_id == apic_id)
			return true;
	return false;
}

/* Firmware may list a core both as type 0 and as type 9: it is taken once. */
static void core_add(struct acpi_facts *f, uint32_t apic_id, uint32_t flags)
{
	if (!(flags & 1) || core_known(f, apic_id))
		return;
	if (f->core_count == BOOT_CORES_MAX)
		f->core_lost++;
	else
		f->cores[f->core_count++].apic_id = apic_id;
}

static void ioapic_add(struct boot_acpi *a, uint32_t address)
{
	if (address && a->ioapic_count < BOOT_IOAPICS_MAX)
		a->ioapics[a->ioapic_count++] = address;
}

/* ACPI 6.4 "Multiple APIC Description Table" (5.2.12): types 0 (Local APIC), 1 (I/O APIC) and 9 (Local x2APIC). An entry
 * shorter than its own header would be read for ever, so such a table is refused as a whole before anything is taken. */
bool acpi_read_madt(struct acpi_facts *f, const struct acpi_table *t)
{
	for (int take = 0; take < 2; take++) {
		for (uint32_t at = 44; at < t->size; at += t->p[at + 1]) {
			const uint8_t *e = t->p + at;

			if (!table_has(t, at, 2) || e[1] < 2 || !table_has(t, at, e[1]))
				return false;
			if (take && e[0] == 0 && e[1] >= 8 && e[3] != 0xff)
				core_add(f, e[3], get32(e + 4));
			if (take && e[0] == 1 && e[1] >= 12)
				ioapic_add(&f->acpi, get32(e + 4));
			if (take && e[0] == 9 && e[1] >= 16 && get32(e + 4) != 0xffffffff)
				core_add(f, get32(e + 4), get32(e + 8));
		}
	}
	return t->size >= 44;
}

/* PCI Firmware 3.3 "MCFG Table Description" (4.1.2): only segment 0 is of use. */
static bool read_mcfg(struct acpi_facts *f, const struct acpi_table *t)
{
	for (uint32_t at = 44; table_has(t, at, 16); at += 16) {
		const uint8_t *e = t->p + at;

		if (get16(e + 8) != 0 || e[10] > e[11] || f->acpi.mcfg_base)
			continue;
		f->acpi.mcfg_base = get64(e);
		f->acpi.mcfg_bus_start = e[10];
		f->acpi.mcfg_bus_end = e[11];
	}
	return t->size >= 60;
}

/* IA-PC HPET 1.0a "The HPET Description Table" (3.2.4): the base is a generic address, of use in memory only. */
static bool read_hpet(struct acpi_facts *f, const struct acpi_table *t)
{
	if (t->size < 56 || t->p[40] != 0)
		return false;
	if (!f->acpi.hpet_base)
		f->acpi.hpet_base = get64(t->p + 44);
	return true;
}

static bool is(const struct acpi_table *t, const char *signature)
{
	return memcmp(t->p, signature, 4) == 0;
}

static void read_dsdt(struct acpi_facts *f, const struct acpi_memory *m, uint64_t address)
{
	struct acpi_table t;

	if (!table_open(f, m, address, &t))
		return;
	if (is(&t, "DSDT"))
		acpi_read_s5(f, &t);
	else
		note_skipped(f, t.p);
}

static void read_table(struct acpi_facts *f, const struct acpi_memory *m, uint64_t address)
{
	struct acpi_table t;
	uint64_t dsdt = 0;
	bool good = true;

	if (!table_open(f, m, address, &t))
		return;
	f->table_count++;
	if (is(&t, "APIC"))
		good = acpi_read_madt(f, &t);
	else if (is(&t, "FACP"))
		good = acpi_read_fadt(f, &t, &dsdt);
	else if (is(&t, "MCFG"))
		good = read_mcfg(f, &t);
	else if (is(&t, "HPET"))
		good = read_hpet(f, &t);
	else if (is(&t, "DMAR"))
		good = acpi_read_dmar(f, &t);
	else if (is(&t, "IVRS"))
		good = acpi_read_ivrs(f, &t);
	else if (is(&t, "SPCR"))
		good = acpi_read_spcr(f, &t);
	else if (is(&t, "DBG2"))
		good = acpi_read_dbg2(f, &t);
	else if (is(&t, "SSDT") && !f->acpi.s5_valid)
		acpi_read_s5(f, &t);
	if (!good)
		note_skipped(f, t.p);
	if (dsdt)
		read_dsdt(f, m, dsdt);
}

/* The root lists tables only; a root that lists a root is no loop here, as it is never followed twice. */
static bool read_root(struct acpi_facts *f, const struct acpi_memory *m, uint64_t address, const char *signature,
		      uint32_t width)
{
	struct acpi_table root;
	uint32_t count;

	if (!table_open(f, m, address, &root))
		return false;
	if (!is(&root, signature)) {
		note_skipped(f, root.p);
		return false;
	}
	count = (root.size - ACPI_HEADER) / width;
	for (uint32_t i = 0; i < count && i < TABLES_MAX; i++) {
		const uint8_t *p = root.p + ACPI_HEADER + i * width;
		uint64_t table = width == 8 ? get64(p) : get32(p);

		if (table)	/* firmware leaves holes */
			read_table(f, m, table);
	}
	return true;
}

/* ACPI 6.4 "Root System Description Pointer Structure" (5.2.5.3). */
void acpi_read(struct acpi_facts *f, const struct acpi_memory *m, uint64_t rsdp)
{
	const uint8_t *p = rsdp ? m->map(m->context, rsdp, 20) : NULL;
	uint64_t xsdt = 0;

	memset(f, 0, sizeof(*f));
	if (!p || memcmp(p, "RSD PTR ", 8) != 0 || !sum_is_zero(p, 20))
		return;
	if (p[15] >= 2) {
		const uint8_t *long_form = m->map(m->context, rsdp, 36);

		if (long_form && sum_is_zero(long_form, 36))
			xsdt = get64(long_form + 24);
	}
	if (xsdt && read_root(f, m, xsdt, "XSDT", 8))
		f->acpi.rsdp = rsdp;
	else if (get32(p + 16) && read_root(f, m, get32(p + 16), "RSDT", 4))
		f->acpi.rsdp = rsdp;
}
