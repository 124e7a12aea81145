/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Where fields are in the bytes of a table; for gpt.c and gpt_edit.c. UEFI Specification "GPT Header", "GPT Partition
 * Entry", "Protective MBR". */

#include <hv/types.h>

#define GPT_SIGNATURE "EFI PART"
#define GPT_REVISION_1 0x00010000u
#define GPT_HEADER_MIN 92u
#define GPT_HEADER_MAX 512u

enum gpt_header_at { H_REVISION = 8, H_SIZE = 12, H_CRC = 16, H_HERE = 24, H_OTHER = 32, H_FIRST = 40, H_LAST = 48, H_GUID = 56,
	H_ENTRIES = 72, H_COUNT = 80, H_ENTRY_SIZE = 84, H_ENTRIES_CRC = 88 };
enum gpt_entry_at { E_KIND = 0, E_GUID = 16, E_FIRST = 32, E_LAST = 40, E_ATTRIBUTES = 48, E_NAME = 56 };

#define MBR_PARTS_AT 446u
#define MBR_PART_SIZE 16u
#define MBR_KIND 4u
#define MBR_PROTECTIVE 0xeeu
#define MBR_SIGNATURE_AT 510u
#define MBR_SIGNATURE 0xaa55u

u64 gpt_get(const u8 *p, u32 bytes);
u32 gpt_crc(const u8 *p, u64 n);
