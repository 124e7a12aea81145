/* SPDX-License-Identifier: Apache-2.0 */
/* What firmware does that has VMX switched off in its settings: IA32_FEATURE_CONTROL locked without it, on the core that
 * boots. Run by the UEFI shell before bulkhead.efi. SDM 3C "Enabling and Entering VMX Operation". */
#include <efi.h>

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system);

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *system)
{
	(void)image;
	(void)system;
	__asm__ volatile("wrmsr" :: "c"(0x3a), "a"(1), "d"(0));
	return EFI_SUCCESS;
}
