/* SPDX-License-Identifier: Apache-2.0 */
/* The permission maps of ports and MSRs: a set bit exits. */
#include "vmcb.h"

/* APM 2 "MSR Intercepts": each 2 KiB of the map covers 2000H MSRs, two bits each, reads first. */
static const struct { u32 first, offset; } msr_range[] = {
	{ 0x00000000, 0x0000 },
	{ 0xc0000000, 0x0800 },
	{ 0xc0010000, 0x1000 },
};

bool msrpm_set(u8 *msrpm, u32 msr, bool on_read, bool on_write)
{
	u32 bits = (u32)on_read | (u32)on_write << 1;

	for (u32 i = 0; i < ARRAY_COUNT(msr_range); i++) {
		u32 n = msr - msr_range[i].first;
		u8 *byte = &msrpm[msr_range[i].offset + n / 4];
		u32 shift = n % 4 * 2;

		if (n >= 0x2000)
			continue;
		*byte = (u8)((*byte & ~(3u << shift)) | bits << shift);
		return true;
	}
	return false;
}

void iopm_set(u8 *iopm, u16 first, u32 count, bool trap)
{
	u32 end = first + MIN(count, 0x10000u - first);

	for (u32 port = first; port < end; port++) {
		u8 bit = (u8)(1u << (port & 7));

		if (trap)
			iopm[port >> 3] |= bit;
		else
			iopm[port >> 3] &= (u8)~bit;
	}
}
