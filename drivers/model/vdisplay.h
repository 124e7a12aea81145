/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A guest's screen: a framebuffer and the mode registers of QEMU's "bochs-display" (docs/specs/standard-vga.txt there), which
 * OVMF, GRUB (by OVMF) and Linux (simpledrm, efifb, bochs-drm) know. No legacy VGA. The framebuffer is device RAM that the guest
 * reaches without exits; what the mode registers say is judged by whoever draws the picture. */

#include <hv/guest.h>
#include <hv/picture.h>

#include "pci/vpci.h"

#define VDISPLAY_SLOT 1		/* on the guest's bus */
#define VDISPLAY_RAM (16 * MiB)
#define VDISPLAY_REGISTERS 0x1000u
#define VDISPLAY_EDID 128u

enum vdisplay_reg { VDISPLAY_ID, VDISPLAY_XRES, VDISPLAY_YRES, VDISPLAY_BPP, VDISPLAY_ENABLE, VDISPLAY_BANK,
	VDISPLAY_VIRT_WIDTH, VDISPLAY_VIRT_HEIGHT, VDISPLAY_X_OFFSET, VDISPLAY_Y_OFFSET, VDISPLAY_MEMORY_64K, VDISPLAY_REGS };

struct vdisplay {
	struct guest *g;
	struct vpci_function f;
	u16 reg[VDISPLAY_REGS];		/* (a) written under the device lock, the control core reads */
	u64 modes;			/* set since power-on */
	u8 edid[VDISPLAY_EDID];
};

static inline bool vdisplay_wanted(const struct guest *g)
{
	return guest_device_ram(g, DEVICE_RAM_SCREEN)->size >= VDISPLAY_RAM;
}

/* Put it on the bus. Control core, at build. */
int vdisplay_build(struct guest *g, struct vdisplay *d);
void vdisplay_reset(struct vdisplay *d);

/* What it shows now; false: nothing. Everything in *p is inside of the framebuffer. CONTROL core, no lock. */
bool vdisplay_picture(const struct vdisplay *d, struct picture *p);
