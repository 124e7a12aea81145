/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/model/acpi.c drivers/model/acpi_pci.c drivers/model/aml.c hv/lib/format.c tests/unit/guest_ram.c */
/* A guest's ACPI tables: found from the RSDP, whole, and accepted without a word by iasl where that is installed. */

#define _GNU_SOURCE		/* memmem() */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../drivers/model/acpi.h"
#include "../../../../drivers/model/aml.h"
#include "../../../../drivers/model/pci/vpci.h"
#include "../../guest_ram.h"

#include <hv/load.h>

u64 vpci_window64(const struct guest *g, u64 *size)
{
	*size = 16 * GiB;
	return 16 * GiB;
}

struct bus_range vpci_ecam(const struct guest *g)
{
	return (struct bus_range){ BUS_MEMORY, VPCI_ECAM, VPCI_ECAM_SIZE };
}

static u8 sum(const u8 *p, size_t n)
{
	u8 s = 0;

	while (n--)
		s = (u8)(s + *p++);
	return s;
}

static u32 u32_at(const u8 *p)
{
	u32 v;

	memcpy(&v, p, 4);
	return v;
}

static u64 u64_at(const u8 *p)
{
	u64 v;

	memcpy(&v, p, 8);
	return v;
}

/* A table of the XSDT (or the DSDT, which the FADT names), checked as an operating system checks it. */
static const u8 *table(const struct guest *g, u64 gpa)
{
	const u8 *t = g->ram + gpa;

	assert_in_range(gpa, GUEST_ACPI_GPA, GUEST_ACPI_GPA + GUEST_ACPI_SIZE - 36);
	assert_in_range(u32_at(t + 4), 36, GUEST_ACPI_GPA + GUEST_ACPI_SIZE - gpa);
	assert_int_equal(sum(t, u32_at(t + 4)), 0);
	return t;
}

static const u8 *find(const struct guest *g, const char *signature)
{
	const u8 *rsdp = g->ram + GUEST_ACPI_GPA, *xsdt = table(g, u64_at(rsdp + 24));

	if (!strcmp(signature, "DSDT"))
		return table(g, u64_at(find(g, "FACP") + 140));
	for (u32 off = 36; off < u32_at(xsdt + 4); off += 8) {
		const u8 *t = table(g, u64_at(xsdt + off));

		if (!memcmp(t, signature, 4))
			return t;
	}
	fail_msg("no table %s", signature);
	return NULL;
}

static struct guest *built(u32 vcpus)
{
	struct guest *g = guest_ram_new(16 * MiB, vcpus);
	gpa_t rsdp;

	assert_int_equal(acpi_build(g, &rsdp), 0);
	assert_int_equal(rsdp.v, GUEST_ACPI_GPA);
	return g;
}

static void test_rsdp(void **state)
{
	struct guest *g = built(2);
	const u8 *r = g->ram + GUEST_ACPI_GPA;

	(void)state;
	assert_memory_equal(r, "RSD PTR ", 8);
	assert_int_equal(r[15], 2);
	assert_int_equal(sum(r, 20), 0);
	assert_int_equal(sum(r, 36), 0);
	assert_memory_equal(table(g, u64_at(r + 24)), "XSDT", 4);
	guest_ram_free(g);
}

static void test_fadt(void **state)
{
	struct guest *g = built(1);
	const u8 *f = find(g, "FACP");

	(void)state;
	assert_int_equal(f[8], 6);
	assert_int_equal(f[46], ACPI_SCI);
	assert_int_equal(u32_at(f + 48), 0);		/* SMI_CMD: always in ACPI mode */
	assert_int_equal(u32_at(f + 56), 0x600);
	assert_int_equal(u32_at(f + 64), 0x604);
	assert_int_equal(u32_at(f + 76), 0x608);
	assert_int_equal(f[88], 4);
	assert_int_equal(f[89], 2);
	assert_int_equal(f[91], 4);
	assert_int_equal(f[109] & 2, 0);		/* no 8042 */
	assert_int_equal(f[109] & 4, 4);		/* no VGA */
	assert_int_equal(u32_at(f + 112) & BIT32(4), 0);	/* fixed power button */
	assert_int_not_equal(u32_at(f + 112) & BIT32(10), 0);	/* reset register */
	assert_int_not_equal(u32_at(f + 112) & BIT32(12), 0);	/* headless */
	assert_int_equal(f[116], 1);
	assert_int_equal(u64_at(f + 120), 0xcf9);
	assert_int_equal(f[128], 6);
	assert_memory_equal(g->ram + u32_at(f + 36), "FACS", 4);
	assert_int_equal(u32_at(f + 36) % 64, 0);
	assert_int_equal(u32_at(f + 40), u64_at(f + 140));
	guest_ram_free(g);
}

/* A screen: not headless, an 8042, still no VGA registers. */
static void test_fadt_of_a_screen(void **state)
{
	struct guest *g = guest_ram_new(16 * MiB, 1);
	const u8 *f;
	gpa_t rsdp;

	(void)state;
	guest_ram_plan(g)->display = true;
	assert_int_equal(acpi_build(g, &rsdp), 0);
	f = find(g, "FACP");
	assert_int_equal(f[109] & 6, 6);
	assert_int_equal(u32_at(f + 112) & BIT32(12), 0);
	guest_ram_free(g);
}

static void test_madt_names_every_vcpu(void **state)
{
	static const u32 counts[] = { 1, 2, 5, 64 };

	(void)state;
	for (size_t c = 0; c < ARRAY_COUNT(counts); c++) {
		struct guest *g = built(counts[c]);
		const u8 *m = find(g, "APIC");
		u32 seen[8] = { 0 };

		for (u32 off = 44; off < u32_at(m + 4); off += m[off + 1]) {
			assert_true(m[off + 1] >= 6 && m[off] < 8);
			if (m[off] == 0) {
				assert_int_equal(m[off + 2], seen[0]);
				assert_int_equal(m[off + 3], seen[0]);
				assert_int_equal(u32_at(m + off + 4), 1);
			}
			seen[m[off]]++;
		}
		assert_int_equal(seen[0], counts[c]);
		assert_int_equal(seen[1], 1);
		assert_int_equal(seen[2], 2);
		assert_int_equal(seen[4], 1);
		guest_ram_free(g);
	}
}

static void test_spcr(void **state)
{
	struct guest *g = built(1);
	const u8 *s = find(g, "SPCR");

	(void)state;
	assert_int_equal(u64_at(s + 44), 0x3f8);
	assert_int_equal(s[53], 4);
	assert_int_equal(s[58], 7);
	guest_ram_free(g);
}

static void test_mcfg(void **state)
{
	struct guest *g = built(1);
	const u8 *m = find(g, "MCFG");

	(void)state;
	assert_int_equal(u32_at(m + 4), 60);
	assert_true(u64_at(m + 44) == VPCI_ECAM);
	assert_int_equal(m[54], 0);
	assert_int_equal(m[55], 0);
	guest_ram_free(g);
}

/* The panic device is named as Linux knows it, with its one port and no interrupt. */
static void test_panic_device_is_named(void **state)
{
	static const u8 crs[] = { 0x47, 1, 0x05, 0x05, 0x05, 0x05, 1, 1, 0x79, 0 };
	struct guest *g = built(1);
	const u8 *d = find(g, "DSDT"), *id = memmem(d, u32_at(d + 4), "\x0dQEMU0001", 10);

	(void)state;
	assert_non_null(id);
	assert_non_null(memmem(id, 48, crs, sizeof(crs)));
	guest_ram_free(g);
}

static void test_no_ram_there(void **state)
{
	struct guest *g = guest_ram_new(512 * KiB, 1);
	gpa_t rsdp;

	(void)state;
	assert_int_equal(acpi_build(g, &rsdp), -E_NOSPC);
	guest_ram_free(g);
}

/* PkgLength at the edges of its forms, and what does not fit. */
static void test_aml_lengths(void **state)
{
	static const size_t bodies[] = { 0, 62, 63, 4093, 4094, 70000 };
	static u8 buf[80000], body[70000];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(bodies); i++) {
		struct aml a;
		size_t extra, length;

		aml_init(&a, buf, sizeof(buf));
		aml_package(&a, 0);		/* opcode and one byte of body */
		aml_raw(&a, body, bodies[i]);
		aml_close(&a);
		assert_false(a.full);
		extra = buf[1] >> 6;
		length = extra ? buf[1] & 15u : buf[1];
		for (size_t k = 0; k < extra; k++)
			length |= (size_t)buf[2 + k] << (4 + 8 * k);
		assert_int_equal(length, a.used - 1);
		assert_int_equal(a.used, 1 + 1 + extra + 1 + bodies[i]);
	}
}

static void test_aml_full(void **state)
{
	u8 buf[6];
	struct aml a;

	(void)state;
	for (size_t size = 0; size <= sizeof(buf); size++) {
		aml_init(&a, buf, size);
		aml_package(&a, 1);
		aml_integer(&a, 0x1234);
		aml_close(&a);
		assert_int_equal(a.full, size < 6);
	}
}

static void test_aml_names(void **state)
{
	u8 buf[64];
	struct aml a;

	(void)state;
	aml_init(&a, buf, sizeof(buf));
	aml_name(&a, "\\_S5");
	assert_memory_equal(buf, "\x08\\_S5_", 6);
	aml_init(&a, buf, sizeof(buf));
	aml_name(&a, "A.BC.D");
	assert_memory_equal(buf, "\x08\x2f\x03" "A___BC__D___", 15);
	aml_init(&a, buf, sizeof(buf));
	aml_eisa_id(&a, "PNP0501");
	assert_memory_equal(buf, "\x0c\x41\xd0\x05\x01", 5);
}

static void write_file(const char *dir, const char *name, const u8 *bytes)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, u32_at(bytes + 4), f), u32_at(bytes + 4));
	fclose(f);
}

/* Only for guests that take us for Hyper-V: the PM timer is good, the RTC like any other. */
static void test_waet(void **state)
{
	struct guest *g = guest_ram_new(16 * MiB, 1);
	const u8 *xsdt, *waet;
	gpa_t rsdp;
	u32 tables;

	(void)state;
	assert_int_equal(acpi_build(g, &rsdp), 0);
	tables = u32_at(table(g, u64_at(g->ram + rsdp.v + 24)) + 4);
	guest_ram_plan(g)->hyperv = true;
	assert_int_equal(acpi_build(g, &rsdp), 0);
	xsdt = table(g, u64_at(g->ram + rsdp.v + 24));
	assert_int_equal(u32_at(xsdt + 4), tables + 8);
	waet = find(g, "WAET");
	assert_int_equal(u32_at(waet + 4), 40);
	assert_int_equal(u32_at(waet + 36), 2);
	guest_ram_free(g);
}

/* Each table is taken apart, the DSDT also put together again: iasl must not find a thing to say, and get our bytes. */
static void test_iasl(void **state)
{
	char dir[] = "/tmp/test_acpi.XXXXXX", cmd[1024];
	struct guest *g;
	gpa_t rsdp;

	(void)state;
	if (system("command -v iasl >/dev/null 2>&1"))
		skip();
	assert_non_null(mkdtemp(dir));
	for (u32 vcpus = 1; vcpus <= 64; vcpus += 21) {
		g = guest_ram_new(16 * MiB, vcpus);
		guest_ram_plan(g)->boot.type = vcpus % 2 ? BOOT_LINUX : BOOT_UEFI;	/* without and with a keyboard */
		guest_ram_plan(g)->hyperv = true;
		assert_int_equal(acpi_build(g, &rsdp), 0);
		write_file(dir, "dsdt.aml", find(g, "DSDT"));
		write_file(dir, "waet.aml", find(g, "WAET"));
		write_file(dir, "facp.aml", find(g, "FACP"));
		write_file(dir, "apic.aml", find(g, "APIC"));
		write_file(dir, "spcr.aml", find(g, "SPCR"));
		write_file(dir, "mcfg.aml", find(g, "MCFG"));
		write_file(dir, "hpet.aml", find(g, "HPET"));
		snprintf(cmd, sizeof(cmd),
			 "cd %s && { for t in facp apic spcr mcfg hpet waet dsdt; do iasl -d $t.aml || exit 1; done; } >log 2>&1 &&"
			 "! grep -iE 'warning|error|remark|invalid|unknown' log facp.dsl apic.dsl spcr.dsl mcfg.dsl hpet.dsl waet.dsl &&"
			 "iasl -we -p again dsdt.dsl >log 2>&1 && grep -q '0 Errors, 0 Warnings, 0 Remarks' log", dir);
		if (system(cmd)) {
			snprintf(cmd, sizeof(cmd), "cat %s/log", dir);
			assert_int_equal(system(cmd), 0);
			fail_msg("iasl complains, see %s", dir);
		}
		guest_ram_free(g);
	}
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	assert_int_equal(system(cmd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rsdp),	     cmocka_unit_test(test_fadt),
		cmocka_unit_test(test_fadt_of_a_screen),
		cmocka_unit_test(test_madt_names_every_vcpu), cmocka_unit_test(test_spcr),
		cmocka_unit_test(test_no_ram_there), cmocka_unit_test(test_mcfg), cmocka_unit_test(test_aml_lengths),
		cmocka_unit_test(test_aml_full),     cmocka_unit_test(test_aml_names),
		cmocka_unit_test(test_panic_device_is_named), cmocka_unit_test(test_waet), cmocka_unit_test(test_iasl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
