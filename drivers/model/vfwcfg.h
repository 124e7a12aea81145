/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The firmware configuration device: how OVMF learns what this PC is (QEMU "QEMU Firmware Configuration (fw_cfg)
 * Device"). A selector at 510H, a byte of the selected item at each read of 511H, and the DMA interface at 514H. Items are
 * read-only. Device lock, one of the guest's own cores. */

#include <hv/bus.h>
#include <hv/guest.h>
#include <hv/load.h>

#include "acpi.h"

#define VFWCFG_PORT 0x510
#define VFWCFG_PORTS 12
#define VFWCFG_ACPI_SIZE (32 * KiB)	/* the same whatever is in it: firmware asks for the size once */
#define VFWCFG_SMBIOS_SIZE 1024u
#define VFWCFG_FILES_MAX 12
#define VFWCFG_BOOT_ORDER_SIZE (GUEST_DISKS_MAX * 32u)
#define VFWCFG_LOADER_STEPS (2 + ACPI_PATCHES_MAX + ACPI_SUMS_MAX)

/* One line of the directory, big endian. */
struct vfwcfg_file {
	u32 size;
	u16 select, reserved;
	char name[56];
};

struct vfwcfg_item {
	const void *data;
	u32 size;
};

/* QEMU "BIOS Linker/Loader Interface". */
struct vfwcfg_step {
	u32 command;
	u8 body[124];
};

struct vfwcfg {
	struct guest *g;
	u16 select;
	u32 offset;			/* of the next byte of the selected item */
	u64 dma;			/* upper half of the address, as written */
	u64 reads, transfers;
	struct {
		u32 id;
		u64 ram;
		u16 nographic, cpus, cpus_max, menu;
		u32 wait;
		u8 uuid[16], states[6], anchor[32];
		struct { u64 base, size; u32 type; } PACKED e820[E820_ENTRIES_MAX];
		u32 e820_count;
	} said;
	u32 file_count;
	struct { u32 count; struct vfwcfg_file file[VFWCFG_FILES_MAX]; } dir;
	struct vfwcfg_item file[VFWCFG_FILES_MAX];
	struct vfwcfg_step loader[VFWCFG_LOADER_STEPS];
	char boot_order[VFWCFG_BOOT_ORDER_SIZE];
	u32 smbios_size;
	u8 smbios[VFWCFG_SMBIOS_SIZE];
	u8 rsdp[ACPI_RSDP_SIZE];
	u8 acpi[VFWCFG_ACPI_SIZE];
};

/* Fill in what g is. */
void vfwcfg_reset(struct guest *g, struct vfwcfg *f);

enum io_result vfwcfg_io(void *self, struct io *io);
