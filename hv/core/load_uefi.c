/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI firmware for guests: are these files what they should be? They go into flash (drivers/model/vflash.c), so nothing
 * is placed in RAM. UEFI PI 1.7 volume 3 "Firmware Volume". */

#include "load_int.h"

#define FLASH_PART_MAX (8 * MiB)	/* code and variables together have 16 MiB below 4 GiB */

struct volume_header {
	u8 zero[16], guid[16];
	u64 length;
	char signature[4];
	u32 attributes;
	u16 header_length, checksum, ext_header;
	u8 reserved, revision;
} PACKED;

/* 16-bit sum of a header of whole words; the file holds it. */
static u16 header_sum(const struct load *l, u32 length)
{
	u16 sum = 0, word;

	for (u32 i = 0; i < length; i += 2) {
		load_read(l, i, &word, 2);
		sum = (u16)(sum + word);
	}
	return sum;
}

int uefi_vars_check(struct load *l)
{
	struct volume_header h;

	if (!l->size || !IS_ALIGNED(l->size, PAGE_SIZE) || l->size > FLASH_PART_MAX)
		return load_refuse(l, -E_INVAL, "its size is %lu bytes, not a multiple of 4 KiB of at most 8 MiB",
				   (unsigned long)l->size);
	if (!load_read(l, 0, &h, sizeof(h)) || memcmp(h.signature, "_FVH", 4))
		return load_refuse(l, -E_INVAL, "it does not begin with a firmware volume (_FVH at byte 40)");
	if (h.length > l->size)
		return load_refuse(l, -E_RANGE, "its firmware volume has %lu bytes, the file only %lu",
				   (unsigned long)h.length, (unsigned long)l->size);
	if (h.header_length < sizeof(h) || h.header_length % 2 || h.header_length > l->size ||
	    header_sum(l, h.header_length))
		return load_refuse(l, -E_INVAL, "the header of its firmware volume is damaged (checksum)");
	return 0;
}

int uefi_check(struct load *l)
{
	int r = uefi_vars_check(l);
	u8 vector[16], any = 0, all = 0xff;

	if (r)
		return r;
	load_read(l, l->size - sizeof(vector), vector, sizeof(vector));
	for (u32 i = 0; i < sizeof(vector); i++) {
		any |= vector[i];
		all &= vector[i];
	}
	if (!any || all == 0xff)
		return load_refuse(l, -E_INVAL, "it has no code at the reset vector, 16 bytes before its end");
	return 0;
}
