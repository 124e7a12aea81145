/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The CRC of Ethernet, PNG and GPT: polynomial 04C11DB7H, bits reversed. Pure; by half bytes: nothing that is summed is long. */

#include <hv/types.h>

#define CRC32_BEGIN (~0u)

/* Go on with n bytes; the sum is the complement of what comes out at the end. */
static inline u32 crc32_add(u32 crc, const u8 *p, u64 n)
{
	static const u32 nibble[16] = { 0, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };

	for (u64 i = 0; i < n; i++) {
		crc = nibble[(crc ^ p[i]) & 15] ^ crc >> 4;
		crc = nibble[(crc ^ p[i] >> 4) & 15] ^ crc >> 4;
	}
	return crc;
}
