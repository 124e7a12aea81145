/* SPDX-License-Identifier: Apache-2.0 */
/* The UEFI application, in the order in which things happen. docs/boot.md tells the same in words. */

#include "boot.h"
#include "cpu.h"
#include "options.h"

#define BLOCK (2ull << 20)

struct firmware fw;

static uint64_t blocks_up(uint64_t size)
{
	return (size + BLOCK - 1) & ~(BLOCK - 1);
}

static bool connect(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	EFI_GUID guid = EFI_LOADED_IMAGE_PROTOCOL_GUID;

	fw = (struct firmware){ image, system, system->BootServices, system->RuntimeServices, NULL };
	fw.boot->SetWatchdogTimer(0, 0, 0, NULL);	/* its five minutes would end a slow load */
	return fw.boot->HandleProtocol(image, &guid, (VOID **)&fw.loaded) == EFI_SUCCESS && fw.loaded;
}

static void gather(struct boot_info *info, struct acpi_facts *acpi)
{
	if (fw.loaded->LoadOptions)
		options_read(info->options, sizeof(info->options), fw.loaded->LoadOptions,
			     fw.loaded->LoadOptionsSize);
	facts_read(info);
	console_print("  firmware %s\n", info->firmware);
	if (info->options[0])
		console_print("  option   %s\n", info->options);
	facts_read_acpi(info, acpi);
	clock_start(&info->acpi);
	cores_read(info, acpi);
	uarts_read(info, acpi);
	screen_read(info);
}

/* Memory for the image and the pool, and the image itself. */
static EFI_STATUS place(struct boot_info *info, struct elf_image *elf)
{
	const char *wrong = elf_check(payload_start, (size_t)(payload_end - payload_start), elf);

	if (wrong)
		return console_fail(EFI_LOAD_ERROR, "FW-PAYLOAD", "the hypervisor in this .efi is damaged: %s", wrong);
	info->image_size = blocks_up(elf->span);
	info->image_base = memory_allocate(info->image_size, BLOCK, BOOT_HYPERVISOR);
	pool_place(info);
	info->trampoline = memory_allocate_low();
	if (!info->image_base || !info->pool_base)
		return console_fail(EFI_OUT_OF_RESOURCES, "FW-NO-MEMORY",
				    "no %lu MiB of free memory in one piece for the hypervisor",
				    (info->image_base ? info->pool_size : info->image_size) >> 20);
	if (!info->trampoline)
		return console_fail(EFI_OUT_OF_RESOURCES, "FW-NO-LOW-MEMORY",
				    "no free page below 640 KiB, which starting the other cores needs");
	memset((void *)info->image_base, 0, info->image_size);
	elf_place(payload_start, (void *)info->image_base);
	return EFI_SUCCESS;
}

static EFI_STATUS run(struct boot_info *info, struct acpi_facts *acpi)
{
	struct leave leave = { 0 };
	struct elf_image elf;
	EFI_STATUS status;
	const char *wrong;

	gather(info, acpi);
	status = place(info, &elf);
	if (status != EFI_SUCCESS)
		return status;
	files_load(info);
	clock_finish(&info->clock);
	facts_read_wall_clock(info);
	wrong = leave_prepare(&leave, info, elf.entry);
	if (!wrong) {
		console_print("bulkhead: leaving firmware\n");
		wrong = leave_firmware(&leave);
	}
	return console_fail(EFI_OUT_OF_RESOURCES, "FW-MEMORY-MAP", "%s", wrong);
}

/* Called by gnu-efi's crt0 with the System V convention: not EFIAPI. */
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	uint64_t entered = cpu_tsc();
	struct boot_info *info;
	struct acpi_facts *acpi;
	EFI_STATUS status;

	if (!connect(image, system))
		return console_fail(EFI_UNSUPPORTED, "FW-NO-IMAGE", "firmware does not say what it started");
	console_print("bulkhead: starting\n");
	if (fw.boot->AllocatePool(EfiLoaderData, sizeof(*info), (VOID **)&info) != EFI_SUCCESS ||
	    fw.boot->AllocatePool(EfiLoaderData, sizeof(*acpi), (VOID **)&acpi) != EFI_SUCCESS)
		return console_fail(EFI_OUT_OF_RESOURCES, "FW-NO-MEMORY", "no memory at all");
	memset(info, 0, sizeof(*info));
	info->magic = BOOT_INFO_MAGIC;
	info->size = sizeof(*info);
	info->tsc_at_entry = entered;
	status = run(info, acpi);
	memory_release_all();
	return status;
}
