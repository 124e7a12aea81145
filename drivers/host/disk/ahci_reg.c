/* SPDX-License-Identifier: Apache-2.0 */
/* A file of its own: many registers react to what is written, so tests put a controller in its place. */
#include "ahci.h"

u32 ahci_read(const volatile u8 *base, u32 off)
{
	return *(const volatile u32 *)(const volatile void *)(base + off);
}

void ahci_write(volatile u8 *base, u32 off, u32 val)
{
	*(volatile u32 *)(volatile void *)(base + off) = val;
}
