/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/gpt.c hv/storage/gpt_edit.c */
/* Any bytes where a partition table is: what is taken for fine has partitions inside of the disk that do not overlap, and stays
 * so through edits and writing. Checksums are made right, or nothing would get further than them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../hv/storage/gpt.h"
#include "../../hv/storage/gpt_layout.h"

#define SECTORS 8192u
#define SECTOR 512u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void crc_right(u8 *sector, const u8 *entries)
{
	u32 bytes = (u32)gpt_get(sector + H_COUNT, 4) * (u32)gpt_get(sector + H_ENTRY_SIZE, 4), crc;

	crc = gpt_crc(entries, MIN(bytes, GPT_ENTRIES_BYTES_MAX));
	memcpy(sector + H_ENTRIES_CRC, &crc, 4);
	memset(sector + H_CRC, 0, 4);
	crc = gpt_crc(sector, MIN(gpt_get(sector + H_SIZE, 4), SECTOR));
	memcpy(sector + H_CRC, &crc, 4);
}

static void check(const struct gpt *g, const u8 *entries)
{
	struct gpt_part a, b;

	for (u32 i = 0; i < g->count; i++) {
		if (!gpt_part(g, entries, i, &a))
			continue;
		assert_true(a.first > 1 && a.first <= a.last && a.last < SECTORS - 1);
		assert_true(strlen(a.name) <= GPT_NAME_UNITS);
		for (u32 k = 0; k < i; k++)
			assert_true(!gpt_part(g, entries, k, &b) || a.last < b.first || b.last < a.first);
	}
}

static void edit(struct gpt *g, u8 *entries, const uint8_t *d)
{
	static const u8 kind[GPT_GUID] = { 1 };
	u8 guid[GPT_GUID] = { d[0], d[1], d[2], 0x77, 0x77 };

	switch (d[0] % 4) {
	case 0:	gpt_add(g, entries, "new", (u64)d[1] << (d[2] % 50), kind, guid); break;
	case 1:	gpt_remove(g, entries, d[1]); break;
	case 2:	gpt_rename(g, entries, d[1], "other"); break;
	default: gpt_grow(g, entries, d[1], (u64)d[2] << (d[3] % 50)); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const u8 disk_guid[GPT_GUID] = { 5 };
	static u8 entries[GPT_ENTRIES_BYTES_MAX], scratch[GPT_SCRATCH(SECTOR)];
	struct gpt_write w[GPT_WRITES_MAX];
	u8 sector[SECTOR];
	struct gpt g;

	assert_int_equal(gpt_new(&g, entries, SECTOR, SECTORS, disk_guid), 0);
	gpt_writes(&g, entries, GPT_WRITE_ALL, scratch, w);
	memcpy(sector, w[3].bytes, SECTOR);
	for (; size >= 6 && data[0] < 200; data += 6, size -= 6) {	/* bytes of header and entries, as the input says */
		if (data[0] & 1)
			sector[8 + data[1] % 88] = data[2];
		else
			memcpy(entries + (data[1] | data[2] << 8) % 4096, data + 3, 3);
	}
	crc_right(sector, entries);
	if (gpt_read_header(&g, sector, SECTOR, SECTORS, 1) || gpt_check_entries(&g, entries))
		return 0;
	check(&g, entries);
	for (; size >= 4; data += 4, size -= 4)
		edit(&g, entries, data);
	for (u32 i = gpt_writes(&g, entries, GPT_WRITE_ALL, scratch, w); i--;)
		assert_true(w[i].lba && w[i].lba + w[i].sectors <= SECTORS);
	check(&g, entries);
	assert_int_equal(gpt_read_header(&g, w[3].bytes, SECTOR, SECTORS, 1), GPT_FINE);
	return 0;
}
