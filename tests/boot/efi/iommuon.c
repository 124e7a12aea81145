/* SPDX-License-Identifier: Apache-2.0 */
/* What firmware does that protects itself from DMA and forgets to stop: each IOMMU on, all devices passed through, with
 * tables in memory that is free once boot services end. Run by the UEFI shell before bulkhead.efi. It speaks to what ACPI
 * describes: VT-d "Global Command Register", AMD I/O Virtualization "IOMMU Control Register". With the word "stuck" its
 * command queue has had no wait command, for want of which QEMU's VT-d never lets it be switched off. */
#include <efi.h>

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

#define PAGE 4096
#define AMD_DEVICES (512 * PAGE)	/* 32 bytes for each of 64 Ki functions, none valid: all pass */

static EFI_BOOT_SERVICES *boot;
static UINT32 found, on, stuck;

static UINT64 pages(UINTN bytes)
{
	EFI_PHYSICAL_ADDRESS at = 0xffffffff;
	UINT64 *p;

	if (boot->AllocatePages(AllocateMaxAddress, EfiBootServicesData, bytes / PAGE, &at) != EFI_SUCCESS)
		return 0;
	p = (UINT64 *)at;
	for (UINTN i = 0; i < bytes / 8; i++)
		p[i] = 0;
	return at;
}

static UINT32 get(UINT64 base, UINT32 at)
{
	return *(volatile UINT32 *)(base + at);
}

static void put(UINT64 base, UINT32 at, UINT32 value)
{
	*(volatile UINT32 *)(base + at) = value;
}

static void put_wide(UINT64 base, UINT32 at, UINT64 value)
{
	put(base, at, (UINT32)value);
	put(base, at + 4, (UINT32)(value >> 32));
}

/* One command; a one-shot bit shows in the status as an enable does. */
static void vtd_command(UINT64 base, UINT32 bit)
{
	put(base, 0x18, (get(base, 0x1c) & 0x96ffffff) | bit);
	for (UINT32 i = 0; i < 1000000 && !(get(base, 0x1c) & bit); i++)
		;
}

static void vtd_on(UINT64 base)
{
	UINT64 root = pages(PAGE), context = pages(PAGE), remap = pages(PAGE), queue = pages(PAGE);
	volatile UINT64 *r = (UINT64 *)root, *c = (UINT64 *)context, *q = (UINT64 *)queue;

	if (!root || !context || !remap || !queue)
		return;
	for (UINTN i = 0; i < 256; i++) {
		r[2 * i] = context | 1;
		c[2 * i] = 2 << 2 | 1;		/* pass through, present */
		c[2 * i + 1] = 1 << 8 | 1;	/* domain 1, 39 bits */
	}
	put_wide(base, 0x20, root);
	vtd_command(base, 1u << 30);
	put_wide(base, 0x28, 1ull << 63 | 1ull << 61);	/* forget all contexts */
	q[0] = 1ull << 32 | 1 << 5 | 5;		/* wait: write 1 to the end of the page */
	q[1] = queue + PAGE - 4;
	put_wide(base, 0x90, queue);
	put_wide(base, 0x88, 0);
	vtd_command(base, 1u << 26);
	if (!stuck)
		put_wide(base, 0x88, 1 << 4);
	put_wide(base, 0xb8, remap);
	vtd_command(base, 1u << 24);
	vtd_command(base, 1u << 25);
	vtd_command(base, 1u << 31);
	on += get(base, 0x1c) >> 31 && get(base, 0x1c) >> 25 & 1 && get(base, 0x1c) >> 26 & 1;
}

static void amd_on(UINT64 base)
{
	UINT64 devices = pages(AMD_DEVICES), commands = pages(PAGE), events = pages(PAGE);

	if (!devices || !commands || !events)
		return;
	put_wide(base, 0, devices | (AMD_DEVICES / PAGE - 1));
	put_wide(base, 8, commands | 8ull << 56);
	put_wide(base, 0x10, events | 8ull << 56);
	put(base, 0x18, get(base, 0x18) | 1 | 1 << 2 | 1 << 12);
	on += get(base, 0x18) & 1;
}

static void read_table(const UINT8 *t)
{
	UINT32 size = *(UINT32 *)(t + 4), dmar = *(UINT32 *)t == 0x52414d44, ivrs = *(UINT32 *)t == 0x53525649;

	for (UINT32 at = 48; (dmar || ivrs) && at + 16 <= size && *(UINT16 *)(t + at + 2);
	     at += *(UINT16 *)(t + at + 2)) {
		UINT32 type = dmar ? *(UINT16 *)(t + at) : t[at];
		UINT64 base = *(UINT64 *)(t + at + 8);

		if (dmar && type == 0) {
			found++;
			vtd_on(base);
		} else if (ivrs && type == 0x10) {
			found++;
			amd_on(base);
		}
	}
}

static void read_option(EFI_HANDLE image)
{
	EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;
	EFI_LOADED_IMAGE *loaded = NULL;
	const CHAR16 *text;

	if (boot->HandleProtocol(image, &guid, (VOID **)&loaded) != EFI_SUCCESS || !loaded->LoadOptions)
		return;
	text = loaded->LoadOptions;
	for (UINT32 i = 0; i + 1 < loaded->LoadOptionsSize / 2; i++)
		stuck |= text[i] == ' ' && text[i + 1] == 's';
}

static const UINT8 *find_rsdp(EFI_SYSTEM_TABLE *system)
{
	static const UINT32 acpi2[4] = { 0x8868e871, 0x11d3e4f1, 0x800022bc, 0x81883cc7 };

	for (UINTN i = 0; i < system->NumberOfTableEntries; i++) {
		const UINT32 *g = (const UINT32 *)&system->ConfigurationTable[i].VendorGuid;

		if (g[0] == acpi2[0] && g[1] == acpi2[1] && g[2] == acpi2[2] && g[3] == acpi2[3])
			return system->ConfigurationTable[i].VendorTable;
	}
	return NULL;
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	const UINT8 *rsdp, *xsdt;

	boot = system->BootServices;
	read_option(image);
	rsdp = find_rsdp(system);
	xsdt = rsdp ? *(const UINT8 *const *)(rsdp + 24) : NULL;
	for (UINT32 at = 36; xsdt && at + 8 <= *(const UINT32 *)(xsdt + 4); at += 8)
		read_table(*(const UINT8 *const *)(xsdt + at));
	system->ConOut->OutputString(system->ConOut, found && found == on ? (CHAR16 *)u"iommuon: all on\r\n" :
				     (CHAR16 *)u"iommuon: FAILED\r\n");
	return found && found == on ? EFI_SUCCESS : EFI_DEVICE_ERROR;
}
