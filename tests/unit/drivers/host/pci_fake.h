/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A fake PCI: config space of some functions, with write masks; behind pci_read() and pci_write(). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/pci.h>

#define FAKE_MAX 64

struct fake_function {
	u16 bdf;
	bool gone;			/* reads ones */
	u8 config[256];
	u8 mask[256];			/* bits that writes change */
};

extern struct fake_function fake_pci[FAKE_MAX];
extern u32 fake_pci_count;
extern u32 fake_last_bus;
extern u32 fake_reads;
extern bool fake_everywhere;	/* the first function answers at every address */
extern u64 fake_mapped, fake_mapped_size;	/* the last mmio_map() */
extern u8 fake_mmio[1 << 16];
extern u64 fake_waited_us;

void fake_pci_init(void);
/* A function of the plain header; the command register can be written. */
struct fake_function *fake_add(u16 bdf, u16 vendor, u16 device, u32 class_code);
void fake_put(struct fake_function *f, u32 off, u32 size, u32 val);
u32 fake_get(const struct fake_function *f, u32 off, u32 size);
/* BAR register n with this value, whose bits of mask can be written. */
void fake_bar(struct fake_function *f, u32 n, u32 val, u32 mask);
