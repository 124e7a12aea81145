/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a table: nothing in it is believed before it has been checked. */
#include "gpt.h"

#include <hv/crc32.h>
#include <hv/lib.h>

#include "gpt_layout.h"

const char *gpt_fault_words(enum gpt_fault fault)
{
	static const char *const words[] = {
		[GPT_FINE] = "fine", [GPT_NO_SIGNATURE] = "no partition table", [GPT_REVISION] = "of an unknown revision",
		[GPT_HEADER_SIZE] = "its header has an impossible size",
		[GPT_HEADER_CRC] = "the header's checksum is wrong",
		[GPT_PLACE] = "it names another place on the disk than where it is",
		[GPT_RANGE] = "its ranges do not fit the disk",
		[GPT_ENTRY_COUNT] = "it has an absurd number or size of entries",
		[GPT_ENTRIES_CRC] = "the entries' checksum is wrong",
		[GPT_OUTSIDE] = "a partition lies outside of the usable sectors",
		[GPT_OVERLAP] = "two partitions overlap",
		[GPT_SAME_GUID] = "two partitions have the same GUID",
	};

	return fault < ARRAY_COUNT(words) ? words[fault] : "unknown";
}

u64 gpt_get(const u8 *p, u32 bytes)
{
	u64 val = 0;

	memcpy(&val, p, bytes);		/* little-endian, both of us */
	return val;
}

u32 gpt_crc(const u8 *p, u64 n)
{
	return ~crc32_add(CRC32_BEGIN, p, n);
}

bool gpt_is_blank(const u8 *bytes, u64 n)
{
	for (u64 i = 0; i < n; i++)
		if (bytes[i])
			return false;
	return true;
}

/* One partition of kind EEH, nothing else: a hybrid MBR is somebody's, and not to be touched. */
bool gpt_mbr_is_protective(const u8 *sector)
{
	u32 protective = 0, others = 0;

	if (gpt_get(sector + MBR_SIGNATURE_AT, 2) != MBR_SIGNATURE)
		return false;
	for (u32 i = 0; i < 4; i++) {
		u8 kind = sector[MBR_PARTS_AT + MBR_PART_SIZE * i + MBR_KIND];

		protective += kind == MBR_PROTECTIVE;
		others += kind && kind != MBR_PROTECTIVE;
	}
	return protective == 1 && !others;
}

u32 gpt_entries_bytes(const struct gpt *g)
{
	return g->count * g->size;
}

u32 gpt_entries_sectors(const struct gpt *g)
{
	return (gpt_entries_bytes(g) + g->sector_size - 1) / g->sector_size;
}

static bool header_crc_ok(const u8 *sector, u32 size)
{
	u8 copy[GPT_HEADER_MAX];

	memcpy(copy, sector, size);
	memset(copy + H_CRC, 0, 4);
	return gpt_crc(copy, size) == gpt_get(sector + H_CRC, 4);
}

/* A power of two times 128 each, a number that fits. */
static bool entries_ok(const struct gpt *g)
{
	return g->size >= GPT_ENTRY_SIZE && !(g->size & (g->size - 1)) && g->size <= 4096 && g->count &&
		g->count <= GPT_ENTRIES_BYTES_MAX / g->size;
}

static bool ranges_ok(const struct gpt *g)
{
	u64 n = gpt_entries_sectors(g);

	if (g->first > g->last || g->last >= g->sectors || g->entries_at < 1 || g->entries_at > g->sectors - n)
		return false;
	if (g->entries_at <= g->here && g->here < g->entries_at + n)
		return false;
	/* Where we would write copies must be free: the backup at the end, the primary one of a table that has only its backup. */
	if (g->sectors < n + 4 || g->last > gpt_last_usable(g) || (g->here != 1 && g->first < 2 + n))
		return false;
	/* Entries, headers and MBR lie outside of what partitions may use. */
	return (g->entries_at + n <= g->first || g->entries_at > g->last) && (g->here < g->first || g->here > g->last) &&
		(g->other < g->first || g->other > g->last) && g->first > 1;
}

enum gpt_fault gpt_read_header(struct gpt *g, const u8 *sector, u32 sector_size, u64 sectors, u64 lba)
{
	u32 size = (u32)gpt_get(sector + H_SIZE, 4);

	if (memcmp(sector, GPT_SIGNATURE, 8) != 0)
		return GPT_NO_SIGNATURE;
	if (gpt_get(sector + H_REVISION, 4) != GPT_REVISION_1)
		return GPT_REVISION;
	if (size < GPT_HEADER_MIN || size > MIN(sector_size, GPT_HEADER_MAX))
		return GPT_HEADER_SIZE;
	if (!header_crc_ok(sector, size))
		return GPT_HEADER_CRC;
	*g = (struct gpt){ .sector_size = sector_size, .sectors = sectors, .here = gpt_get(sector + H_HERE, 8),
		.other = gpt_get(sector + H_OTHER, 8), .first = gpt_get(sector + H_FIRST, 8), .last = gpt_get(sector + H_LAST, 8),
		.entries_at = gpt_get(sector + H_ENTRIES, 8), .count = (u32)gpt_get(sector + H_COUNT, 4),
		.size = (u32)gpt_get(sector + H_ENTRY_SIZE, 4), .crc = (u32)gpt_get(sector + H_ENTRIES_CRC, 4) };
	memcpy(g->guid, sector + H_GUID, GPT_GUID);
	if (g->here != lba || !g->other || g->other >= sectors || g->other == lba)
		return GPT_PLACE;
	if (!entries_ok(g))
		return GPT_ENTRY_COUNT;
	return ranges_ok(g) ? GPT_FINE : GPT_RANGE;
}

bool gpt_part(const struct gpt *g, const u8 *entries, u32 i, struct gpt_part *to)
{
	const u8 *e = entries + (u64)i * g->size;

	if (i >= g->count || gpt_is_blank(e + E_KIND, GPT_GUID))
		return false;
	*to = (struct gpt_part){ .first = gpt_get(e + E_FIRST, 8), .last = gpt_get(e + E_LAST, 8),
		.attributes = gpt_get(e + E_ATTRIBUTES, 8), .plain = true };
	memcpy(to->kind, e + E_KIND, GPT_GUID);
	memcpy(to->guid, e + E_GUID, GPT_GUID);
	for (u32 k = 0; k < GPT_NAME_UNITS; k++) {
		u16 unit = (u16)gpt_get(e + E_NAME + 2 * k, 2);

		if (!unit)
			break;
		to->plain = to->plain && unit > ' ' - 1 && unit < 0x7f;
		to->name[k] = unit >= ' ' && unit < 0x7f ? (char)unit : '?';
	}
	to->plain = to->plain && to->name[0];
	return true;
}

/* a beside the partition of an earlier entry, if that is one. */
static enum gpt_fault check_pair(const struct gpt_part *a, const u8 *entry)
{
	if (!gpt_get(entry + E_KIND, 8) && !gpt_get(entry + E_KIND + 8, 8))
		return GPT_FINE;
	if (a->first <= gpt_get(entry + E_LAST, 8) && gpt_get(entry + E_FIRST, 8) <= a->last)
		return GPT_OVERLAP;
	return memcmp(a->guid, entry + E_GUID, GPT_GUID) ? GPT_FINE : GPT_SAME_GUID;
}

enum gpt_fault gpt_check_entries(const struct gpt *g, const u8 *entries)
{
	struct gpt_part a;

	if (gpt_crc(entries, gpt_entries_bytes(g)) != g->crc)
		return GPT_ENTRIES_CRC;
	for (u32 i = 0; i < g->count; i++) {
		if (!gpt_part(g, entries, i, &a))
			continue;
		if (a.first > a.last || a.first < g->first || a.last > g->last)
			return GPT_OUTSIDE;
		for (u32 k = 0; k < i; k++) {
			enum gpt_fault fault = check_pair(&a, entries + (u64)k * g->size);

			if (fault)
				return fault;
		}
	}
	return GPT_FINE;
}

/* Do two copies say the same? */
static bool same_table(const struct gpt *p, const struct gpt *b)
{
	return p->crc == b->crc && p->count == b->count && p->size == b->size && p->first == b->first && p->last == b->last &&
		p->other == b->here && b->other == p->here && !memcmp(p->guid, b->guid, GPT_GUID);
}

/* Of two good copies that differ the first one holds: writes begin with the backup, so the primary one is what was true
 * before, or what is true now and the backup was spoilt by others. */
bool gpt_choose(enum gpt_fault primary, enum gpt_fault backup, const struct gpt *p, const struct gpt *b, bool *use_backup,
		bool *repair)
{
	*use_backup = primary != GPT_FINE;
	*repair = primary || backup || !same_table(p, b);
	return !primary || !backup;
}
