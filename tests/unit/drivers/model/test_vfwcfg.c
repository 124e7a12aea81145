/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c tests/unit/drivers/model/uefi_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models drivers/model/acpi.c drivers/model/acpi_pci.c drivers/model/aml.c */
/* The firmware configuration device, read as OVMF reads it; its table script carried out; hostile transfers. */
#include "uefi_fake.h"

#define PORT VFWCFG_PORT
#define SELECT 8u
#define READ 2u
#define SKIP 4u
#define WRITE 16u

static void bytes(struct guest *g, void *to, u32 n)
{
	u8 *p = to;

	while (n--)
		*p++ = (u8)inb(g, PORT + 1);
}

static void item(struct guest *g, u16 key, void *to, u32 n)
{
	out(g, PORT, key, 2);
	bytes(g, to, n);
}

/* One transfer; the request lies at 4096 of RAM. Returns the control word afterwards. */
static u32 dma(struct guest *g, u32 control, u32 length, u64 address)
{
	const struct { u32 control, length; u64 address; } r = { __builtin_bswap32(control), __builtin_bswap32(length),
		__builtin_bswap64(address) };

	memcpy(g->ram + 4096, &r, sizeof(r));
	out(g, PORT + 4, 0, 4);
	out(g, PORT + 8, __builtin_bswap32(4096), 4);
	memcpy(&control, g->ram + 4096, 4);
	return __builtin_bswap32(control);
}

/* A file by its name, as a copy; null: there is none. */
static u8 *file(struct guest *g, const char *name, u32 *size)
{
	struct vfwcfg_file f;
	u32 count;
	u8 *data;

	item(g, 0x19, &count, 4);
	for (count = __builtin_bswap32(count); count; count--) {
		bytes(g, &f, sizeof(f));
		if (!strcmp(f.name, name)) {
			*size = __builtin_bswap32(f.size);
			data = malloc(*size);
			item(g, __builtin_bswap16(f.select), data, *size);
			return data;
		}
	}
	return NULL;
}

static void test_signature(void **state)
{
	struct guest *g = *state;
	char s[5] = "";
	u32 id;

	item(g, 0, s, 4);
	assert_string_equal(s, "QEMU");
	item(g, 1, &id, 4);
	assert_int_equal(id, 3);
	assert_int_equal(in(g, PORT, 2), 1);
	assert_int_equal(__builtin_bswap32(in(g, PORT + 4, 4)), 0x51454d55);
	assert_int_equal(__builtin_bswap32(in(g, PORT + 8, 4)), 0x20434647);
}

static void test_keys(void **state)
{
	struct guest *g = *state;
	u8 uuid[16], again[16];
	u16 cpus, max;
	u64 ram;

	item(g, 5, &cpus, 2);
	item(g, 0xf, &max, 2);
	item(g, 3, &ram, 8);
	assert_int_equal(cpus, FAKE_VCPUS);
	assert_int_equal(max, FAKE_VCPUS);
	assert_int_equal(ram, UEFI_RAM);
	item(g, 2, uuid, 16);
	pc_reset(g);
	item(g, 2, again, 16);
	assert_memory_equal(uuid, again, 16);
}

/* Odd selectors, and the end of an item: zeros, for ever. */
static void test_past_the_end(void **state)
{
	static const u16 odd[] = { 6, 0x18, 0x1f, 0x20 + VFWCFG_FILES_MAX, 0x3fff, 0x4000, 0x8000, 0xffff };
	struct guest *g = *state;
	u8 b[8];

	for (u32 i = 0; i < ARRAY_COUNT(odd); i++) {
		memset(b, 0xaa, sizeof(b));
		item(g, odd[i], b, sizeof(b));
		assert_true(!memcmp(b, (u8[8]){ 0 }, 8));
	}
	item(g, 0, b, 8);
	assert_memory_equal(b, "QEMU\0\0\0", 8);
	outb(g, PORT + 1, 0x55);	/* items are read-only */
	item(g, 0, b, 4);
	assert_memory_equal(b, "QEMU", 4);
}

static void test_odd_accesses(void **state)
{
	struct guest *g = *state;

	assert_int_equal(in(g, PORT, 4), 0xffffffff);
	assert_int_equal(in(g, PORT, 1), 0xff);
	assert_int_equal(in(g, PORT + 1, 2), 0xffff);
	assert_int_equal(in(g, PORT + 2, 1), 0xff);
	assert_int_equal(in(g, PORT + 4, 2), 0xffff);
	assert_int_equal(in(g, PORT + 10, 2), 0xffff);
}

static void test_files(void **state)
{
	struct guest *g = *state;
	u32 size;
	u8 *e820 = file(g, "etc/e820", &size);
	struct { u64 base, size; u32 type; } PACKED e;

	assert_int_equal(size, sizeof(e));
	memcpy(&e, e820, sizeof(e));
	assert_true(e.base == 0 && e.size == UEFI_RAM && e.type == 1);
	free(e820);
	free(file(g, "etc/system-states", &size));
	assert_int_equal(size, 6);
	free(file(g, "etc/boot-fail-wait", &size));
	assert_int_equal(size, 4);
	assert_null(file(g, "opt/ovmf/nothing", &size));
	assert_null(file(g, "", &size));
}

/* One path a disk, in the order of the plan, and a NUL that firmware insists on; without disks no such file. */
static void test_boot_order(void **state)
{
	struct guest *g = *state;
	u32 size, lines = 1;
	char *order;

	assert_null(file(g, "bootorder", &size));
	g->disk_count = 3;
	pc_reset(g);
	order = (char *)file(g, "bootorder", &size);
	assert_non_null(order);
	assert_memory_equal(order + size - 1, "", 1);
	assert_string_equal(order, "/pci@i0cf8/scsi@8/disk@0,0\n/pci@i0cf8/scsi@9/disk@0,0\n/pci@i0cf8/scsi@a/disk@0,0");
	assert_int_equal(strlen(order) + 1, size);
	free(order);
	g->disk_count = GUEST_DISKS_MAX;
	pc_reset(g);
	order = (char *)file(g, "bootorder", &size);
	for (u32 i = 0; i < size; i++)
		lines += order[i] == '\n';
	assert_int_equal(lines, GUEST_DISKS_MAX);
	assert_int_equal(strlen(order) + 1, size);
	free(order);
	g->disk_count = 0;
	pc_reset(g);
	assert_null(file(g, "bootorder", &size));
}

static void test_dma(void **state)
{
	struct guest *g = *state;

	memset(g->ram + 8192, 0xaa, 16);
	assert_int_equal(dma(g, 0 << 16 | SELECT | READ, 8, 8192), 0);
	assert_memory_equal(g->ram + 8192, "QEMU\0\0\0\0\xaa", 9);
	assert_int_equal(dma(g, 0 << 16 | SELECT | SKIP, 2, 0), 0);
	assert_int_equal(dma(g, READ, 2, 8192), 0);
	assert_memory_equal(g->ram + 8192, "MU", 2);
	assert_int_equal(dma(g, SKIP, UINT32_MAX, 0), 0);
	assert_int_equal(dma(g, READ, 2, 8192), 0);
	assert_memory_equal(g->ram + 8192, "\0\0", 2);
	assert_int_equal(dma(g, 0, 0, 0), 0);
}

static void test_dma_refusals(void **state)
{
	struct guest *g = *state;
	u8 before[64];

	memcpy(before, g->ram + UEFI_RAM - 64, 64);
	assert_int_equal(dma(g, SELECT | READ, 8, UEFI_RAM - 4), 1);
	assert_int_equal(dma(g, SELECT | READ, 8, UEFI_RAM), 1);
	assert_int_equal(dma(g, SELECT | READ, 8, U64_MAX - 3), 1);
	assert_int_equal(dma(g, SELECT | READ, 8, UEFI_VARS), 1);
	assert_int_equal(dma(g, SELECT | READ, UINT32_MAX, 8192), 1);
	assert_int_equal(dma(g, SELECT | WRITE, 4, 8192), 1);
	assert_memory_equal(before, g->ram + UEFI_RAM - 64, 64);
	/* A request that is not in RAM at all changes nothing. */
	out(g, PORT + 4, 0xffffffff, 4);
	out(g, PORT + 8, 0xf0ffffff, 4);
	out(g, PORT + 8, __builtin_bswap32((u32)UEFI_RAM - 8), 4);
	assert_memory_equal(before, g->ram + UEFI_RAM - 64, 64);
}

/* The request overwrites itself, or is read into: once read it is a private copy. */
static void test_dma_onto_its_request(void **state)
{
	struct guest *g = *state;

	dma(g, SELECT | READ, 16, 4096);
	assert_memory_equal(g->ram + 4096, "\0\0\0\0", 4);
	for (u32 i = 0; i < 20000; i++) {
		dma(g, noise() & 0x1f001f, noise() % 70000, noise() % (UEFI_RAM + 4096));
		out(g, PORT, noise() & 0x3f, 2);
		inb(g, PORT + 1);
	}
}

/* The loader's script, carried out as a firmware does. */

struct blob { char name[56]; u8 *data; u32 size; u64 base; };
static struct blob blob[4];
static u32 blobs;

static struct blob *blob_of(const char *name)
{
	for (u32 i = 0; i < blobs; i++)
		if (!strcmp(blob[i].name, name))
			return &blob[i];
	fail_msg("no file %s", name);
	return NULL;
}

static void allocate(struct guest *g, const u8 *body)
{
	struct blob *b = &blob[blobs++];

	memcpy(b->name, body, 56);
	b->data = file(g, b->name, &b->size);
	assert_non_null(b->data);
	b->base = 0x100000 * blobs;
}

static void add_pointer(const u8 *body)
{
	struct blob *to = blob_of((const char *)body), *from = blob_of((const char *)body + 56);
	u32 at;
	u64 val = 0;

	memcpy(&at, body + 112, 4);
	assert_true(at + body[116] <= to->size);
	memcpy(&val, to->data + at, body[116]);
	assert_true(val < from->size);
	val += from->base;
	memcpy(to->data + at, &val, body[116]);
}

static u8 sum(const u8 *p, u32 n)
{
	u8 s = 0;

	while (n--)
		s = (u8)(s + *p++);
	return s;
}

static void add_sum(const u8 *body)
{
	struct blob *b = blob_of((const char *)body);
	u32 v[3];

	memcpy(v, body + 56, 12);
	assert_true(v[0] < b->size && v[1] + v[2] <= b->size && v[0] >= v[1] && v[0] < v[1] + v[2]);
	assert_int_equal(b->data[v[0]], 0);
	b->data[v[0]] = (u8)-sum(b->data + v[1], v[2]);
}

static void run_script(struct guest *g)
{
	u32 size;
	u8 *script = file(g, "etc/table-loader", &size);

	blobs = 0;
	assert_int_equal(size % 128, 0);
	for (u32 i = 0; i < size; i += 128) {
		u32 command;

		memcpy(&command, script + i, 4);
		switch (command) {
		case 1:	allocate(g, script + i + 4);	break;
		case 2:	add_pointer(script + i + 4);	break;
		case 3:	add_sum(script + i + 4);	break;
		default: assert_int_equal(command, 0);	break;
		}
	}
	free(script);
}

static u64 at64(const u8 *p)
{
	u64 v;

	memcpy(&v, p, 8);
	return v;
}

static const u8 *table_at(u64 gpa)
{
	const struct blob *b = blob_of("etc/acpi/tables");

	assert_true(gpa >= b->base && gpa < b->base + b->size);
	return b->data + (gpa - b->base);
}

static u32 length_of(const u8 *table)
{
	u32 v;

	memcpy(&v, table + 4, 4);
	return v;
}

static void test_table_loader(void **state)
{
	struct guest *g = *state;
	const u8 *rsdp, *xsdt, *fadt, *t;
	char seen[ACPI_TABLES_MAX][5] = { "" };
	u32 tables;

	run_script(g);
	rsdp = blob_of("etc/acpi/rsdp")->data;
	assert_memory_equal(rsdp, "RSD PTR ", 8);
	assert_int_equal(sum(rsdp, 20), 0);
	assert_int_equal(sum(rsdp, 36), 0);
	xsdt = table_at(at64(rsdp + 24));
	assert_memory_equal(xsdt, "XSDT", 4);
	assert_int_equal(sum(xsdt, length_of(xsdt)), 0);
	tables = (length_of(xsdt) - 36) / 8;
	assert_true(tables >= 5 && tables <= ACPI_TABLES_MAX);
	for (u32 i = 0; i < tables; i++) {
		t = table_at(at64(xsdt + 36 + 8 * i));
		memcpy(seen[i], t, 4);
		assert_int_equal(sum(t, length_of(t)), 0);
	}
	assert_string_equal(seen[0], "FACP");
	fadt = table_at(at64(xsdt + 36));
	t = table_at(at64(fadt + 140));			/* X_DSDT */
	assert_memory_equal(t, "DSDT", 4);
	assert_int_equal(sum(t, length_of(t)), 0);
	assert_ptr_equal(t, table_at((u32)at64(fadt + 40)));
	assert_memory_equal(table_at((u32)at64(fadt + 36)), "FACS", 4);
	for (u32 i = 0; i < blobs; i++)
		free(blob[i].data);
}

static u64 mcfg_base(struct guest *g)
{
	u32 size;
	u8 *tables = file(g, "etc/acpi/tables", &size);
	u64 base = 0;

	for (u32 i = 0; i + 64 < size; i += 4)
		if (!memcmp(tables + i, "MCFG", 4))
			base = at64(tables + i + 44);
	free(tables);
	return base;
}

/* Tables are made when they are asked for: firmware has moved the ECAM window by then. */
static void test_tables_follow_ecam(void **state)
{
	struct guest *g = *state;

	assert_int_equal(mcfg_base(g), VPCI_ECAM);
	out(g, 0xcf8, 0x80000060, 4);
	out(g, 0xcfc, 0xb0000001, 4);
	assert_int_equal(mcfg_base(g), 0xb0000000);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, uefi_setup, uefi_teardown)
	const struct CMUnitTest tests[] = {
		T(test_signature), T(test_keys), T(test_past_the_end), T(test_odd_accesses), T(test_files), T(test_boot_order),
		T(test_dma), T(test_dma_refusals), T(test_dma_onto_its_request), T(test_table_loader), T(test_tables_follow_ecam),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
