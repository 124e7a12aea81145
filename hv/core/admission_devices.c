/* SPDX-License-Identifier: Apache-2.0 */
/* Admission of RAM for devices: flash, framebuffers. After guests have theirs, and their images are known. */

#include <hv/lib.h>

#include "admission.h"

#define SCREEN_SIZE (16 * MiB)		/* the display model's framebuffer (drivers/model/vdisplay.h) */

/* Code and variables of the firmware, as they lie below 4 GiB. */
static u64 flash_wanted(const struct resolved_guest *rg)
{
	if (rg->plan->boot.type != BOOT_UEFI || !rg->kernel || !rg->initrd)
		return 0;
	return rg->kernel->size + rg->initrd->size;
}

u64 admission_device_ram(const struct resolved_guest *rg, enum device_ram_kind kind)
{
	switch (kind) {
	case DEVICE_RAM_FLASH:	return ALIGN_UP(flash_wanted(rg), BLOCK_SIZE);
	case DEVICE_RAM_SCREEN:	return rg->plan->display ? SCREEN_SIZE : 0;
	default:		return 0;
	}
}

void admit_devices(struct admission *a)
{
	static const char *const key_of[DEVICE_RAM_KINDS] = { "boot.firmware", "display" };
	static const u8 line_of[DEVICE_RAM_KINDS] = { PLAN_KEY_MEMORY, PLAN_KEY_DISPLAY };
	char key[64], text[24];

	for (u32 i = 0; i < a->plan->guest_count; i++) {
		struct resolved_guest *rg = &a->resolved->guest[i];

		for (u32 kind = 0; kind < DEVICE_RAM_KINDS; kind++) {
			u64 size = admission_device_ram(rg, (enum device_ram_kind)kind);

			if (!size || rg->device[kind].size || admission_take(a->resolved, size, &rg->device[kind]))
				continue;
			plan_error_add(a->errors, "PLAN-MEMORY", rg->plan->line[line_of[kind]],
				       admission_key(key, sizeof(key), rg->plan, key_of[kind]),
				       "%s in one piece beside the guests' memory: this machine has no such piece left",
				       plan_format_memory(text, sizeof(text), size));
		}
	}
}
