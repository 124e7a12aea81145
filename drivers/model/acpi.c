/* SPDX-License-Identifier: Apache-2.0 */
#include "acpi.h"

#include <hv/gmem.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/load.h>

#include "aml.h"
#include "pci/vpci.h"
#include "vhpet.h"
#include "vi8042.h"
#include "vpanic.h"

#define OEM_ID "BLKHED"
#define OEM_TABLE "BULKHEAD"
#define CREATOR "BLKH"

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem_id[6], oem_table[8];
	u32 oem_revision;
	char creator[4];
	u32 creator_revision;
} PACKED;
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI table header");

/* ACPI "Generic Address Structure". */
struct acpi_gas {
	u8 space, width, offset, access;
	u64 address;
} PACKED;
#define PORT(port, bytes) { 1, (bytes) * 8, 0, (bytes) == 4 ? 3 : (bytes), (port) }

struct acpi_rsdp {
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt, length;
	u64 xsdt;
	u8 checksum_all, reserved[3];
} PACKED;

struct acpi_facs {
	char signature[4];
	u32 length, hardware_signature, waking_vector, global_lock, flags;
	u64 x_waking_vector;
	u8 version, reserved[31];
} PACKED;
_Static_assert(sizeof(struct acpi_facs) == 64, "FACS");

struct acpi_fadt {
	struct acpi_header header;
	u32 facs, dsdt;
	u8 reserved0, profile;
	u16 sci;
	u32 smi_command;
	u8 acpi_enable, acpi_disable, s4bios, pstate;
	u32 pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_timer, gpe0, gpe1;
	u8 pm1_evt_length, pm1_cnt_length, pm2_cnt_length, pm_timer_length, gpe0_length, gpe1_length, gpe1_base, cst;
	u16 c2_latency, c3_latency, flush_size, flush_stride;
	u8 duty_offset, duty_width, day_alarm, month_alarm, century;
	u16 boot_arch;
	u8 reserved1;
	u32 flags;
	struct acpi_gas reset;
	u8 reset_value;
	u16 arm_boot_arch;
	u8 minor;
	u64 x_facs, x_dsdt;
	struct acpi_gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt, x_pm_timer, x_gpe0, x_gpe1;
	struct acpi_gas sleep_control, sleep_status;
	u64 hypervisor;
} PACKED;
_Static_assert(sizeof(struct acpi_fadt) == 276, "FADT revision 6");
_Static_assert(offsetof(struct acpi_fadt, reset) == 116, "FADT");

enum fadt_flags { FADT_WBINVD = 1, FADT_C1 = 1 << 2, FADT_NO_SLEEP_BUTTON = 1 << 5, FADT_NO_RTC_WAKE = 1 << 6,
	FADT_RESET = 1 << 10, FADT_HEADLESS = 1 << 12 };
enum fadt_boot { BOOT_LEGACY_DEVICES = 1, BOOT_8042 = 2, BOOT_NO_VGA = 4 };

struct acpi_spcr {
	struct acpi_header header;
	u8 interface, reserved0[3];
	struct acpi_gas base;
	u8 interrupt_type, irq;
	u32 gsi;
	u8 baud, parity, stop_bits, flow, terminal, language;
	u16 pci_device, pci_vendor;
	u8 pci_bus, pci_slot, pci_function;
	u32 pci_flags;
	u8 pci_segment;
	u32 reserved1;
} PACKED;
_Static_assert(sizeof(struct acpi_spcr) == 80, "SPCR");

struct madt_local_apic { u8 type, length, uid, apic_id; u32 flags; } PACKED;
struct madt_ioapic { u8 type, length, id, reserved; u32 address, gsi_base; } PACKED;
struct madt_override { u8 type, length, bus, source; u32 gsi; u16 flags; } PACKED;
struct madt_nmi { u8 type, length, uid; u16 flags; u8 lint; } PACKED;

/* Tables one after another in the guest's RAM, or in a file for its firmware, which places them: addresses are then
 * offsets. */
struct acpi_area {
	u8 *base;
	u64 gpa;		/* of base */
	size_t size, used;
};

static void *acpi_at(const struct acpi_area *a, u64 gpa)
{
	return a->base + (gpa - a->gpa);
}

/* Room for one table; all tables together are far below the area (a DSDT with 64 processors takes 6 KiB). */
static u64 acpi_reserve(struct acpi_area *a, size_t size)
{
	u64 at = ALIGN_UP(a->used, 64);

	a->used = at + size;
	assert(a->used <= a->size);
	return a->gpa + at;
}

static u8 sum_of(const void *from, size_t size)
{
	const u8 *p = from;
	u8 sum = 0;

	while (size--)
		sum = (u8)(sum + *p++);
	return sum;
}

static struct acpi_header acpi_header(const char *signature, u8 revision)
{
	struct acpi_header h = { .revision = revision, .oem_revision = 1, .creator_revision = 1 };

	memcpy(h.signature, signature, sizeof(h.signature));
	memcpy(h.oem_id, OEM_ID, sizeof(h.oem_id));
	memcpy(h.oem_table, OEM_TABLE, sizeof(h.oem_table));
	memcpy(h.creator, CREATOR, sizeof(h.creator));
	return h;
}

static void acpi_finish(struct acpi_header *h, size_t length)
{
	h->length = (u32)length;
	h->checksum = 0;
	h->checksum = (u8)-sum_of(h, length);
}

/* id: an EISA id ("PNP0501"), or an ACPI id ("QEMU0001"), which is one character longer. */
static void dsdt_isa_device(struct aml *a, const char *name, const char *id, const struct aml_ports *ports, size_t n,
			    int irq)
{
	aml_device(a, name);
	aml_name(a, "_HID");
	if (strlen(id) == 7)
		aml_eisa_id(a, id);
	else
		aml_string(a, id);
	aml_name(a, "_UID");
	aml_integer(a, 1);
	aml_name(a, "_CRS");
	aml_resources(a, ports, n, irq);
	aml_close(a);
}

static void dsdt_processors(struct aml *a, u32 count)
{
	char name[5];

	for (u32 i = 0; i < count; i++) {
		fmt_print(name, sizeof(name), "C%03X", i);
		aml_device(a, name);
		aml_name(a, "_HID");
		aml_string(a, "ACPI0007");
		aml_name(a, "_UID");
		aml_integer(a, i);
		aml_close(a);
	}
}

static void dsdt_body(struct aml *a, const struct guest *g)
{
	static const struct aml_ports pic[] = { { 0x20, 2 }, { 0xa0, 2 } }, pit[] = { { 0x40, 4 } },
		rtc[] = { { 0x70, 2 } }, com1[] = { { 0x3f8, 8 } }, panic[] = { { VPANIC_PORT, 1 } },
		keyboard[] = { { 0x60, 1 }, { 0x64, 1 } };

	aml_name(a, "\\_S5");
	aml_package(a, 4);
	aml_integer(a, ACPI_SLP_TYP_S5);
	aml_integer(a, ACPI_SLP_TYP_S5);
	aml_integer(a, 0);
	aml_integer(a, 0);
	aml_close(a);
	aml_scope(a, "\\_SB");
	dsdt_processors(a, g->vcpu_count);
	acpi_memory_device(a, "ECAM", "PNP0C02", vpci_ecam(g).base, vpci_ecam(g).size);
	acpi_memory_device(a, "HPET", "PNP0103", VHPET_ADDRESS, VHPET_SIZE);
	acpi_pci_open(a, g);
	aml_device(a, "LPC");
	aml_name(a, "_ADR");
	aml_integer(a, 0x001f0000);
	dsdt_isa_device(a, "PIC", "PNP0000", pic, ARRAY_COUNT(pic), 2);
	dsdt_isa_device(a, "TIMR", "PNP0100", pit, ARRAY_COUNT(pit), IRQ_PIT);
	dsdt_isa_device(a, "RTC", "PNP0B00", rtc, ARRAY_COUNT(rtc), IRQ_RTC);
	dsdt_isa_device(a, "COM1", "PNP0501", com1, ARRAY_COUNT(com1), IRQ_COM1);
	if (vi8042_wanted(g)) {
		dsdt_isa_device(a, "KBD", "PNP0303", keyboard, ARRAY_COUNT(keyboard), IRQ_KEYBOARD);
		dsdt_isa_device(a, "MOU", "PNP0F13", NULL, 0, IRQ_MOUSE);
	}
	dsdt_isa_device(a, "PEVT", "QEMU0001", panic, ARRAY_COUNT(panic), -1);
	aml_close(a);
	aml_close(a);
	aml_close(a);
}

static u64 acpi_put_dsdt(struct acpi_area *area, const struct guest *g)
{
	u64 gpa = acpi_reserve(area, sizeof(struct acpi_header));
	struct acpi_header *h = acpi_at(area, gpa);
	struct aml a;

	*h = acpi_header("DSDT", 2);
	aml_init(&a, h + 1, area->size - area->used);
	dsdt_body(&a, g);
	assert(!a.full && !a.depth);
	area->used += a.used;
	acpi_finish(h, sizeof(*h) + a.used);
	return gpa;
}

static u64 acpi_put_facs(struct acpi_area *area)
{
	u64 gpa = acpi_reserve(area, sizeof(struct acpi_facs));
	struct acpi_facs *f = acpi_at(area, gpa);

	*f = (struct acpi_facs){ .signature = { 'F', 'A', 'C', 'S' }, .length = sizeof(*f), .version = 2 };
	return gpa;
}

/* SMI_CMD is 0: always in ACPI mode. The power button is fixed hardware, so no device names it. */
static u64 acpi_put_fadt(struct acpi_area *area, const struct guest *g, u64 facs, u64 dsdt)
{
	u64 gpa = acpi_reserve(area, sizeof(struct acpi_fadt));
	struct acpi_fadt *f = acpi_at(area, gpa);

	*f = (struct acpi_fadt){
		.header = acpi_header("FACP", 6),
		.facs = (u32)facs,
		.dsdt = (u32)dsdt,
		.profile = 4,				/* enterprise server */
		.sci = ACPI_SCI,
		.pm1a_evt = ACPI_PM1A_EVT,
		.pm1a_cnt = ACPI_PM1A_CNT,
		.pm_timer = ACPI_PM_TIMER,
		.pm1_evt_length = 4,
		.pm1_cnt_length = 2,
		.pm_timer_length = 4,
		.c2_latency = 101,			/* above 100 and 1000: neither state exists */
		.c3_latency = 1001,
		.boot_arch = (u16)(BOOT_LEGACY_DEVICES | BOOT_NO_VGA | (vi8042_wanted(g) ? BOOT_8042 : 0)),
		.flags = FADT_WBINVD | FADT_C1 | FADT_NO_SLEEP_BUTTON | FADT_NO_RTC_WAKE | FADT_RESET |
			(g->plan->display ? 0u : FADT_HEADLESS),
		.reset = PORT(ACPI_RESET_PORT, 1),
		.reset_value = ACPI_RESET_VALUE,
		.x_dsdt = dsdt,
		.x_pm1a_evt = PORT(ACPI_PM1A_EVT, 4),
		.x_pm1a_cnt = PORT(ACPI_PM1A_CNT, 2),
		.x_pm_timer = PORT(ACPI_PM_TIMER, 4),
	};
	acpi_finish(&f->header, sizeof(*f));
	return gpa;
}

/* IOAPIC id 0 is what its register holds after reset. */
static u64 acpi_put_madt(struct acpi_area *area, u32 vcpus)
{
	const struct { u32 local_apic, flags; } head = { 0xfee00000, 1 };	/* a PC/AT-compatible PIC exists */
	const struct madt_ioapic ioapic = { 1, sizeof(ioapic), 0, 0, 0xfec00000, 0 };
	const struct madt_override pit = { 2, sizeof(pit), 0, IRQ_PIT, 2, 0 };
	const struct madt_override sci = { 2, sizeof(sci), 0, ACPI_SCI, ACPI_SCI, 0x000d };	/* active high, level */
	const struct madt_nmi nmi = { 4, sizeof(nmi), 0xff, 0, 1 };
	size_t size = sizeof(struct acpi_header) + sizeof(head) + vcpus * sizeof(struct madt_local_apic) + sizeof(ioapic) +
		sizeof(pit) + sizeof(sci) + sizeof(nmi);
	u64 gpa = acpi_reserve(area, size);
	struct acpi_header *h = acpi_at(area, gpa);
	struct aml a;			/* only its bounded appending is used */

	*h = acpi_header("APIC", 5);
	aml_init(&a, h + 1, size - sizeof(*h));
	aml_raw(&a, &head, sizeof(head));
	for (u32 i = 0; i < vcpus; i++)
		aml_raw(&a, &(struct madt_local_apic){ 0, 8, (u8)i, (u8)i, 1 }, 8);
	aml_raw(&a, &ioapic, sizeof(ioapic));
	aml_raw(&a, &pit, sizeof(pit));
	aml_raw(&a, &sci, sizeof(sci));
	aml_raw(&a, &nmi, sizeof(nmi));
	assert(!a.full && a.used == size - sizeof(*h));
	acpi_finish(h, size);
	return gpa;
}

/* PCI Firmware Specification "MCFG Table Description". Bus 0 alone, although the window has room for 256: there are
 * no bridges, and Linux looks at all slots of all buses that are named here. */
static u64 acpi_put_mcfg(struct acpi_area *area, const struct guest *g)
{
	const struct { u64 reserved, base; u16 segment; u8 first_bus, last_bus; u32 reserved1; } PACKED body =
		{ 0, vpci_ecam(g).base, 0, 0, 0, 0 };
	u64 gpa = acpi_reserve(area, sizeof(struct acpi_header) + sizeof(body));
	struct acpi_header *h = acpi_at(area, gpa);

	*h = acpi_header("MCFG", 1);
	memcpy(h + 1, &body, sizeof(body));
	acpi_finish(h, sizeof(*h) + sizeof(body));
	return gpa;
}

/* IA-PC HPET Specification "The ACPI 2.0 HPET Description Table". */
static u64 acpi_put_hpet(struct acpi_area *area)
{
	const struct { u32 id; struct acpi_gas base; u8 number; u16 min_tick; u8 attributes; } PACKED body =
		{ VHPET_ID, { 0, 64, 0, 0, VHPET_ADDRESS }, 0, 0x80, 0 };
	u64 gpa = acpi_reserve(area, sizeof(struct acpi_header) + sizeof(body));
	struct acpi_header *h = acpi_at(area, gpa);

	*h = acpi_header("HPET", 1);
	memcpy(h + 1, &body, sizeof(body));
	acpi_finish(h, sizeof(*h) + sizeof(body));
	return gpa;
}

static u64 acpi_put_spcr(struct acpi_area *area)
{
	u64 gpa = acpi_reserve(area, sizeof(struct acpi_spcr));
	struct acpi_spcr *s = acpi_at(area, gpa);

	*s = (struct acpi_spcr){
		.header = acpi_header("SPCR", 2),
		.base = PORT(0x3f8, 1),
		.interrupt_type = 3,			/* PIC and IOAPIC */
		.irq = IRQ_COM1,
		.gsi = IRQ_COM1,
		.baud = 7,				/* 115200 */
		.stop_bits = 1,
		.terminal = 3,				/* ANSI */
		.pci_device = 0xffff,			/* not a PCI device */
		.pci_vendor = 0xffff,
	};
	acpi_finish(&s->header, sizeof(*s));
	return gpa;
}

/* Windows ACPI Emulated Devices Table: one read of the PM timer is enough. The RTC wants its register C read, as ever. */
static u64 acpi_put_waet(struct acpi_area *area)
{
	const u32 flags = 1 << 1;
	u64 gpa = acpi_reserve(area, sizeof(struct acpi_header) + sizeof(flags));
	struct acpi_header *h = acpi_at(area, gpa);

	*h = acpi_header("WAET", 1);
	memcpy(h + 1, &flags, sizeof(flags));
	acpi_finish(h, sizeof(*h) + sizeof(flags));
	return gpa;
}

static u64 acpi_put_xsdt(struct acpi_area *area, const u64 *tables, size_t count)
{
	size_t size = sizeof(struct acpi_header) + count * sizeof(u64);
	u64 gpa = acpi_reserve(area, size);
	struct acpi_header *h = acpi_at(area, gpa);

	*h = acpi_header("XSDT", 1);
	memcpy(h + 1, tables, count * sizeof(u64));
	acpi_finish(h, size);
	return gpa;
}

static void acpi_put_rsdp(struct acpi_rsdp *r, u64 xsdt)
{
	*r = (struct acpi_rsdp){ .revision = 2, .length = sizeof(*r), .xsdt = xsdt };
	memcpy(r->signature, "RSD PTR ", sizeof(r->signature));
	memcpy(r->oem_id, OEM_ID, sizeof(r->oem_id));
	r->checksum = (u8)-sum_of(r, 20);	/* the part that revision 0 had */
	r->checksum_all = (u8)-sum_of(r, sizeof(*r));
}

static void acpi_put_all(struct acpi_area *area, const struct guest *g, struct acpi_places *p)
{
	p->rsdp = acpi_reserve(area, sizeof(struct acpi_rsdp));
	p->facs = acpi_put_facs(area);
	p->dsdt = acpi_put_dsdt(area, g);
	p->table[0] = acpi_put_fadt(area, g, p->facs, p->dsdt);
	p->table[1] = acpi_put_madt(area, g->vcpu_count);
	p->table[2] = acpi_put_spcr(area);
	p->table[3] = acpi_put_mcfg(area, g);
	p->table[4] = acpi_put_hpet(area);
	p->tables = 5;
	if (g->plan->hyperv)
		p->table[p->tables++] = acpi_put_waet(area);
	p->xsdt = acpi_put_xsdt(area, p->table, p->tables);
	acpi_put_rsdp(acpi_at(area, p->rsdp), p->xsdt);
}

int acpi_build(struct guest *g, gpa_t *rsdp)
{
	struct acpi_area area = { .base = gmem_ptr(g, GPA(GUEST_ACPI_GPA), GUEST_ACPI_SIZE), .gpa = GUEST_ACPI_GPA,
		.size = GUEST_ACPI_SIZE };
	struct acpi_places p;

	if (!area.base)
		return -E_NOSPC;
	acpi_put_all(&area, g, &p);
	*rsdp = GPA(p.rsdp);
	return 0;
}

/* Only what holds pointers will be changed by firmware, and summed up anew: those sums begin as 0. */
void acpi_build_file(const struct guest *g, u8 *to, size_t size, struct acpi_places *p)
{
	struct acpi_area area = { .base = to, .size = size };
	struct acpi_rsdp *rsdp = (struct acpi_rsdp *)(void *)to;

	memset(to, 0, size);
	acpi_put_all(&area, g, p);
	((struct acpi_header *)acpi_at(&area, p->table[0]))->checksum = 0;
	((struct acpi_header *)acpi_at(&area, p->xsdt))->checksum = 0;
	rsdp->checksum = rsdp->checksum_all = 0;
}

/* Pointers: RSDP to XSDT, XSDT to all tables, FADT to FACS and DSDT. */
u32 acpi_file_pointers(const struct acpi_places *p, struct acpi_patch patch[ACPI_PATCHES_MAX])
{
	u64 fadt = p->table[0];
	u32 n = 0;

	patch[n++] = (struct acpi_patch){ p->rsdp + offsetof(struct acpi_rsdp, xsdt), 8 };
	patch[n++] = (struct acpi_patch){ fadt + offsetof(struct acpi_fadt, facs), 4 };
	patch[n++] = (struct acpi_patch){ fadt + offsetof(struct acpi_fadt, dsdt), 4 };
	patch[n++] = (struct acpi_patch){ fadt + offsetof(struct acpi_fadt, x_dsdt), 8 };
	for (u32 i = 0; i < p->tables; i++)
		patch[n++] = (struct acpi_patch){ p->xsdt + sizeof(struct acpi_header) + i * sizeof(u64), 8 };
	return n;
}

u32 acpi_file_sums(const struct acpi_places *p, struct acpi_sum sum[ACPI_SUMS_MAX])
{
	const u32 at = offsetof(struct acpi_header, checksum), xsdt_size = (u32)sizeof(struct acpi_header) + p->tables * 8;
	const struct acpi_sum all[] = {
		{ p->table[0] + at, p->table[0], sizeof(struct acpi_fadt) },
		{ p->xsdt + at, p->xsdt, xsdt_size },
		{ p->rsdp + offsetof(struct acpi_rsdp, checksum), p->rsdp, 20 },
		{ p->rsdp + offsetof(struct acpi_rsdp, checksum_all), p->rsdp, sizeof(struct acpi_rsdp) },
	};

	_Static_assert(ARRAY_COUNT(all) == ACPI_SUMS_MAX, "room for all");
	memcpy(sum, all, sizeof(all));
	return ACPI_SUMS_MAX;
}
