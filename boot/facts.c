/* SPDX-License-Identifier: Apache-2.0 */
#include "boot.h"
#include "cpu.h"
#include "rate.h"

static bool guid_equal(const EFI_GUID *a, const EFI_GUID *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Address of a configuration table; 0 when firmware has none of it. */
static uint64_t find_table(const EFI_GUID *guid)
{
	for (UINTN i = 0; i < fw.system->NumberOfTableEntries; i++)
		if (guid_equal(&fw.system->ConfigurationTable[i].VendorGuid, guid))
			return (uint64_t)fw.system->ConfigurationTable[i].VendorTable;
	return 0;
}

static void read_firmware_name(struct boot_info *info)
{
	char vendor[40];
	UINT32 revision = fw.system->FirmwareRevision;

	if (!fw.system->FirmwareVendor ||
	    text_from_ucs2(vendor, sizeof(vendor), (const uint16_t *)fw.system->FirmwareVendor, sizeof(vendor)))
		text_copy(vendor, sizeof(vendor), "unknown firmware");
	text_format(info->firmware, sizeof(info->firmware), "%s %u.%u, UEFI %u.%u", vendor, revision >> 16,
		    revision & 0xffff, fw.system->Hdr.Revision >> 16, (fw.system->Hdr.Revision & 0xffff) / 10);
}

static void read_entropy(struct boot_info *info)
{
	EFI_GUID guid = EFI_RNG_PROTOCOL_GUID;
	EFI_RNG_PROTOCOL *rng;

	if (fw.boot->LocateProtocol(&guid, NULL, (VOID **)&rng) != EFI_SUCCESS)
		return;
	if (rng->GetRNG(rng, NULL, sizeof(info->entropy), info->entropy) == EFI_SUCCESS)
		info->entropy_bytes = sizeof(info->entropy);
}

void facts_read(struct boot_info *info)
{
	static const EFI_GUID smbios3 = SMBIOS3_TABLE_GUID, smbios = SMBIOS_TABLE_GUID;
	static const EFI_GUID attributes = { 0xdcfa911d, 0x26eb, 0x469f,
					     { 0xa2, 0x20, 0x38, 0xb7, 0xdc, 0x46, 0x12, 0x20 } };

	read_firmware_name(info);
	info->runtime_services = (uint64_t)fw.runtime;
	info->memory_attributes = find_table(&attributes);
	info->smbios = find_table(&smbios3);
	if (!info->smbios)
		info->smbios = find_table(&smbios);
	read_entropy(info);
}

/* Table memory is identity mapped; the memory map says what is memory. Legacy BIOS space is readable everywhere. */
static const void *map_table(void *context, uint64_t address, uint64_t size)
{
	bool bios = address >= 0xe0000 && address < 0x100000 && size <= 0x100000 - address;

	return bios || map_is_readable(context, address, size) ? (const void *)address : NULL;
}

/* Said here, too: what is held may be what the hypervisor then lacks. */
static void hold_memory(const struct boot_acpi *acpi)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < acpi->held_count; i++) {
		memory_hold(acpi->held[i].base, acpi->held[i].size);
		size += acpi->held[i].size;
	}
	if (size)
		console_print("  held     %lu KiB that firmware's devices go on using\n", size >> 10);
}

void facts_read_acpi(struct boot_info *info, struct acpi_facts *acpi)
{
	static const EFI_GUID acpi2 = ACPI_20_TABLE_GUID, acpi1 = ACPI_TABLE_GUID;
	struct map_input map;
	struct acpi_memory memory = { map_table, &map };
	uint64_t rsdp = find_table(&acpi2);

	memset(acpi, 0, sizeof(*acpi));
	if (!rsdp)
		rsdp = find_table(&acpi1);
	if (rsdp && memory_read_map(&map) == EFI_SUCCESS)
		acpi_read(acpi, &memory, rsdp);
	if (acpi->acpi.acpi_enable && acpi->acpi.pm1a_cnt && cpu_in16((uint16_t)acpi->acpi.pm1a_cnt) & 1)
		acpi->acpi.acpi_enable = 0;	/* SCI_EN: ACPI mode is on already */
	info->acpi = acpi->acpi;

	if (!acpi->acpi.rsdp)
		console_print("  ACPI     %s\n", rsdp ? "tables are unusable, going on without" : "none");
	else
		console_print("  ACPI     %u tables%s%s\n", acpi->table_count, acpi->skipped_count ? ", malformed: " : "",
			      acpi->skipped);
	hold_memory(&info->acpi);
}

void facts_read_wall_clock(struct boot_info *info)
{
	EFI_TIME t;
	struct rate_date d;

	if (fw.runtime->GetTime(&t, NULL) != EFI_SUCCESS)
		return;
	info->clock.wall_tsc = cpu_tsc();
	d = (struct rate_date){ t.Year, t.Month, t.Day, t.Hour, t.Minute, t.Second, t.TimeZone };
	if (t.TimeZone == EFI_UNSPECIFIED_TIMEZONE)
		d.zone = 0;
	info->clock.wall_seconds = rate_date_seconds(&d);
}
