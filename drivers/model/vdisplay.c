/* SPDX-License-Identifier: Apache-2.0 */
#include "vdisplay.h"

#include <hv/lib.h>

#include "models.h"

#define BAR_MEMORY 0u
#define BAR_REGISTERS 2u
#define AT_EDID 0x000u
#define AT_VGA 0x400u			/* the attribute controller's ports are written to unblank: kept by nobody */
#define AT_VGA_END 0x420u
#define AT_MODE 0x500u
#define AT_EXTENDED 0x600u		/* size of this block, byte order */
#define EXTENDED_SIZE 8u
#define LITTLE_ENDIAN_MARK 0x1e1e1e1eu
#define ID_VALUE 0xb0c5u
#define ENABLED 0x01u
#define SIDE_MAX 8192u

/* VESA E-EDID 1.3: a maker "BHD", sRGB, 1024 x 768 at 60 Hz first, then what fits into 4:3 and 16:10. */
static const u8 edid[VDISPLAY_EDID - 1] = {
	0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x09, 0x04, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x24,
	0x01, 0x03, 0x80, 0x1a, 0x13, 0x78, 0x06, 0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54,
	0x21, 0x08, 0x00,					/* 640x480, 800x600, 1024x768 at 60 Hz */
	0x81, 0x00, 0x81, 0x80, 0x95, 0x00, 0xa9, 0x40, 0xd1, 0xc0, 0x01, 0x01, 0x01, 0x01, 0x01, 0x01,
	0x64, 0x19, 0x00, 0x40, 0x41, 0x00, 0x26, 0x30, 0x18, 0x88, 0x36, 0x00, 0x08, 0xc3, 0x10, 0x00, 0x00, 0x18,
	0x00, 0x00, 0x00, 0xfc, 0x00, 'B', 'u', 'l', 'k', 'h', 'e', 'a', 'd', '\n', ' ', ' ', ' ', ' ',
	0x00, 0x00, 0x00, 0xfd, 0x00, 0x32, 0x4b, 0x1e, 0x53, 0x11, 0x00, '\n', ' ', ' ', ' ', ' ', ' ', ' ',
	0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00,
};

/* Accesses that the processor does not do by itself: while the BAR lies where it cannot be mapped. */
static enum io_result memory_io(void *self, struct io *io)
{
	struct vdisplay *d = self;
	u8 *at = guest_device_ram(d->g, DEVICE_RAM_SCREEN)->at + io->off;

	if (io->write) {
		memcpy(at, &io->val, io->size);
	} else {
		io->val = 0;
		memcpy(&io->val, at, io->size);
	}
	return IO_DONE;
}

static u16 mode_read(const struct vdisplay *d, u32 reg)
{
	switch (reg) {
	case VDISPLAY_ID:		return ID_VALUE;
	case VDISPLAY_MEMORY_64K:	return VDISPLAY_RAM / (64 * KiB);
	default:			return d->reg[reg];
	}
}

/* Switching on sets the line's length to the width, as firmware of VGA cards did; what is larger is written afterwards. */
static void mode_write(struct vdisplay *d, u32 reg, u16 val)
{
	if (reg == VDISPLAY_ENABLE && val & ENABLED && !(d->reg[reg] & ENABLED)) {
		store_relaxed(&d->reg[VDISPLAY_VIRT_WIDTH], d->reg[VDISPLAY_XRES]);
		store_relaxed(&d->reg[VDISPLAY_X_OFFSET], (u16)0);
		store_relaxed(&d->reg[VDISPLAY_Y_OFFSET], (u16)0);
		d->modes++;
	}
	store_relaxed(&d->reg[reg], val);
}

static u8 byte_read(const struct vdisplay *d, u64 off)
{
	u64 mode = (off - AT_MODE) / 2, extended = off - AT_EXTENDED;

	if (off < AT_EDID + VDISPLAY_EDID)
		return d->edid[off];
	if (off >= AT_MODE && mode < VDISPLAY_REGS)
		return (u8)(mode_read(d, (u32)mode) >> (off & 1 ? 8 : 0));
	if (off >= AT_EXTENDED && extended < EXTENDED_SIZE)
		return (u8)(extended < 4 ? EXTENDED_SIZE >> 8 * extended : LITTLE_ENDIAN_MARK >> 8 * (extended - 4));
	return 0;
}

/* Mode registers are written whole; everything else cannot be changed. */
static enum io_result registers_io(void *self, struct io *io)
{
	struct vdisplay *d = self;
	u64 mode = (io->off - AT_MODE) / 2;

	if (!io->write) {
		io->val = 0;
		for (u32 i = 0; i < io->size; i++)
			io->val |= (u64)byte_read(d, io->off + i) << 8 * i;
		return IO_DONE;
	}
	if (io->off >= AT_MODE && mode < VDISPLAY_REGS && io->size == 2 && !(io->off & 1))
		mode_write(d, (u32)mode, (u16)io->val);
	return IO_DONE;
}

bool vdisplay_picture(const struct vdisplay *d, struct picture *p)
{
	const struct device_ram *m = guest_device_ram(d->g, DEVICE_RAM_SCREEN);
	u64 width = load_relaxed(&d->reg[VDISPLAY_XRES]), height = load_relaxed(&d->reg[VDISPLAY_YRES]);
	u64 whole = load_relaxed(&d->reg[VDISPLAY_VIRT_WIDTH]), line = MAX(whole, width) * 4;
	u64 start = load_relaxed(&d->reg[VDISPLAY_X_OFFSET]) * 4ul + load_relaxed(&d->reg[VDISPLAY_Y_OFFSET]) * line;

	if (!(load_relaxed(&d->reg[VDISPLAY_ENABLE]) & ENABLED) || load_relaxed(&d->reg[VDISPLAY_BPP]) != 32)
		return false;
	if (!width || !height || width > SIDE_MAX || height > SIDE_MAX || start + line * height > m->size)
		return false;
	*p = (struct picture){ m->at + start, (u32)width, (u32)height, (u32)line };
	return true;
}

static void describe(const void *device, char *to, size_t size)
{
	const struct vdisplay *d = device;
	struct picture p;

	if (vdisplay_picture(d, &p))
		fmt_print(to, size, "%u x %u pixels, mode set %lu times", p.width, p.height, load_relaxed(&d->modes));
	else
		fmt_print(to, size, "no picture");
}

static const struct vpci_desc display_desc = {
	.name = "display", .vendor = 0x1234, .device = 0x1111, .subvendor = 0x1af4, .subdevice = 0x1100,
	.class_rev = 0x03800002,
	.bar = {
		[BAR_MEMORY] = { VDISPLAY_RAM, VPCI_BAR_MEM32, true, memory_io },
		[BAR_REGISTERS] = { VDISPLAY_REGISTERS, VPCI_BAR_MEM32, false, registers_io },
	},
	.describe = describe,
};

int vdisplay_build(struct guest *g, struct vdisplay *d)
{
	struct device_ram m = *guest_device_ram(g, DEVICE_RAM_SCREEN);
	u8 sum = 0;
	int err;

	d->g = g;
	if (!vdisplay_wanted(g))
		return 0;
	m.size = VDISPLAY_RAM;
	memcpy(d->edid, edid, sizeof(edid));
	for (u32 i = 0; i < sizeof(edid); i++)
		sum = (u8)(sum + edid[i]);
	d->edid[VDISPLAY_EDID - 1] = (u8)(0x100 - sum);
	err = vpci_add(g, &d->f, &display_desc, d, VDISPLAY_SLOT);
	return err ? err : bus_back(&g->bus, (u32)d->f.claim[BAR_MEMORY], &m, BUS_READ | BUS_WRITE);
}

void vdisplay_reset(struct vdisplay *d)
{
	if (!vdisplay_wanted(d->g))
		return;
	for (u32 i = 0; i < VDISPLAY_REGS; i++)
		store_relaxed(&d->reg[i], (u16)0);
	d->modes = 0;
	memset(guest_device_ram(d->g, DEVICE_RAM_SCREEN)->at, 0, VDISPLAY_RAM);
}
