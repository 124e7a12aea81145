/* SPDX-License-Identifier: Apache-2.0 */
#include "boot.h"
#include "cpu.h"

/* UEFI PI 1.7 "MP Services Protocol" (II-13.4). */
struct mp_information {
	UINT64 id;
	UINT32 status;			/* bit 1: enabled, bit 2: healthy */
	UINT32 package, core, thread;
	UINT32 extended[6];		/* newer firmware may fill it */
	UINT64 spare[4];
};

struct mp_services {
	EFI_STATUS (EFIAPI *count)(struct mp_services *this, UINTN *all, UINTN *enabled);
	EFI_STATUS (EFIAPI *get)(struct mp_services *this, UINTN index, struct mp_information *information);
	VOID *start_all, *start_one, *switch_boot_core, *enable, *who_am_i;
};

#define MP_USABLE 6u

static uint32_t own_apic_id(void)
{
	if (cpu_id(0, 0).a >= 0xb && cpu_id(0xb, 0).b)
		return cpu_id(0xb, 0).d;
	return cpu_id(1, 0).b >> 24;
}

/* How many low bits of an APIC id count inside of a package. SDM 3A "Sub-ID Extraction Parameters" (8.9.3). */
static unsigned int package_shift(void)
{
	unsigned int shift = 0, logical;

	if (cpu_id(0, 0).a >= 0xb) {
		for (uint32_t level = 0; level < 8; level++) {
			struct cpuid r = cpu_id(0xb, level);

			if (!(r.c & 0xff00))
				break;
			shift = r.a & 31;
		}
		if (shift)
			return shift;
	}
	logical = cpu_id(1, 0).d & 1u << 28 ? cpu_id(1, 0).b >> 16 & 0xff : 1;
	while (logical > 1u << shift)
		shift++;
	return shift;
}

static void add_core(struct boot_info *info, uint32_t apic_id, uint32_t package)
{
	if (info->core_count < BOOT_CORES_MAX)
		info->cores[info->core_count++] = (struct boot_core){ apic_id, package };
}

static void read_madt_cores(struct boot_info *info, const struct acpi_facts *acpi)
{
	unsigned int shift = package_shift();

	info->core_source = BOOT_CORES_MADT;
	for (uint32_t i = 0; i < acpi->core_count; i++)
		add_core(info, acpi->cores[i].apic_id, acpi->cores[i].apic_id >> shift);
}

static void read_mp_cores(struct boot_info *info)
{
	EFI_GUID guid = { 0x3fdda605, 0xa76e, 0x4f46, { 0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08 } };
	struct mp_services *mp;
	UINTN all = 0, enabled = 0;

	if (fw.boot->LocateProtocol(&guid, NULL, (VOID **)&mp) != EFI_SUCCESS ||
	    mp->count(mp, &all, &enabled) != EFI_SUCCESS)
		return;
	info->core_source = BOOT_CORES_MP;
	for (UINTN i = 0; i < all && i < 2 * BOOT_CORES_MAX; i++) {
		struct mp_information m = { 0 };

		if (mp->get(mp, i, &m) == EFI_SUCCESS && (m.status & MP_USABLE) == MP_USABLE)
			add_core(info, (uint32_t)m.id, m.package);
	}
}

/* The core that we run on goes first, the others keep their order. */
static void put_own_first(struct boot_info *info)
{
	uint32_t own = own_apic_id(), at = 0;
	struct boot_core core = { own, own >> package_shift() };

	while (at < info->core_count && info->cores[at].apic_id != own)
		at++;
	if (at < info->core_count)
		core = info->cores[at];
	else if (info->core_count < BOOT_CORES_MAX)
		info->core_count++;	/* the list does not know us: one more */
	else
		at--;
	for (; at; at--)
		info->cores[at] = info->cores[at - 1];
	info->cores[0] = core;
}

void cores_read(struct boot_info *info, const struct acpi_facts *acpi)
{
	static const char *const source[] = { "", "ACPI", "MP services", "this core alone" };

	if (acpi->core_count)
		read_madt_cores(info, acpi);
	else
		read_mp_cores(info);
	if (!info->core_count)
		info->core_source = BOOT_CORES_SELF;
	put_own_first(info);
	console_print("  cores    %u (%s)\n", info->core_count, source[info->core_source]);
	if (acpi->core_lost)
		console_print("  cores    %u more are left out: %u is the limit\n", acpi->core_lost, BOOT_CORES_MAX);
}
