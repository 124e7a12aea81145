/* SPDX-License-Identifier: Apache-2.0 */
/* Changing a table in memory, and the writes that bring it to the disk. */
#include "gpt.h"

#include <hv/lib.h>

#include "gpt_layout.h"

static void put(u8 *p, u64 val, u32 bytes)
{
	memcpy(p, &val, bytes);
}

static u64 align_of(const struct gpt *g)
{
	return GPT_ALIGN / g->sector_size;
}

bool gpt_name_ok(const char *name)
{
	size_t n = strnlen(name, GPT_NAME_SIZE);

	if (!n || n > GPT_NAME_UNITS || name[0] == ' ' || name[n - 1] == ' ')
		return false;
	for (size_t i = 0; i < n; i++)
		if (name[i] < ' ' || name[i] > '~' || name[i] == '"' || name[i] == '\\' || name[i] == '/')
			return false;
	return true;
}

static void set_name(u8 *entry, const char *name)
{
	memset(entry + E_NAME, 0, 2 * GPT_NAME_UNITS);
	for (u32 i = 0; name[i]; i++)
		entry[E_NAME + 2 * i] = (u8)name[i];
}

u64 gpt_last_usable(const struct gpt *g)
{
	return g->sectors - 1 - gpt_entries_sectors(g) - 1;
}

int gpt_new(struct gpt *g, u8 *entries, u32 sector_size, u64 sectors, const u8 guid[GPT_GUID])
{
	if (sectors < 4 * GPT_ALIGN / sector_size)
		return -E_RANGE;
	*g = (struct gpt){ .sector_size = sector_size, .sectors = sectors, .here = 1, .other = sectors - 1, .entries_at = 2,
		.count = GPT_ENTRIES_USUAL, .size = GPT_ENTRY_SIZE };
	memcpy(g->guid, guid, GPT_GUID);
	g->first = g->entries_at + gpt_entries_sectors(g);
	g->last = gpt_last_usable(g);
	memset(entries, 0, gpt_entries_bytes(g));
	return 0;
}

/* The partition with the lowest start at or behind `from`; false: none. */
static bool next_part(const struct gpt *g, const u8 *entries, u64 from, struct gpt_part *to)
{
	struct gpt_part part;
	bool found = false;

	for (u32 i = 0; i < g->count; i++) {
		if (!gpt_part(g, entries, i, &part) || part.last < from || (found && part.first >= to->first))
			continue;
		*to = part;
		found = true;
	}
	return found;
}

/* Gaps in their order: sectors [*from, *from + length) with an aligned start; 0 when there is none any more. *from: where to
 * look, and after it where the gap begins. *behind: where to look next. */
static u64 next_gap(const struct gpt *g, const u8 *entries, u64 *from, u64 *behind)
{
	u64 at = MAX(*from, g->first), end = gpt_last_usable(g) + 1;
	struct gpt_part part;

	for (;;) {
		u64 begin = ALIGN_UP(at, align_of(g));
		bool more = next_part(g, entries, at, &part);
		u64 stop = more ? MIN(part.first, end) : end;

		if (begin < stop) {
			*from = begin;
			*behind = more ? part.last + 1 : end;
			return stop - begin;
		}
		if (!more)
			return 0;
		at = part.last + 1;
	}
}

u64 gpt_largest_gap(const struct gpt *g, const u8 *entries)
{
	u64 from = 0, behind = 0, best = 0, length;

	while ((length = next_gap(g, entries, &from, &behind))) {
		best = MAX(best, ALIGN_DOWN(length, align_of(g)));
		from = behind;
	}
	return best * g->sector_size;
}

/* Sectors of bytes, in whole MiB; 0: more than any disk has. */
static u64 sectors_of(const struct gpt *g, u64 bytes)
{
	return bytes > g->sectors * g->sector_size ? 0 : ALIGN_UP(bytes, GPT_ALIGN) / g->sector_size;
}

static int free_entry(const struct gpt *g, const u8 *entries)
{
	struct gpt_part part;

	for (u32 i = 0; i < g->count; i++)
		if (!gpt_part(g, entries, i, &part))
			return (int)i;
	return -E_NOMEM;
}

int gpt_place(const struct gpt *g, const u8 *entries, u64 bytes, struct gpt_extent *to)
{
	u64 want = sectors_of(g, bytes), from = 0, behind = 0, length;
	int i = free_entry(g, entries);

	if (!bytes)
		return -E_INVAL;
	if (i < 0)
		return i;
	while ((length = next_gap(g, entries, &from, &behind)) && length < want)
		from = behind;
	if (!length || !want)
		return -E_NOSPC;
	*to = (struct gpt_extent){ from, want };
	return 0;
}

int gpt_add_at(struct gpt *g, u8 *entries, const char *name, const struct gpt_extent *at, const u8 kind[GPT_GUID],
	       const u8 guid[GPT_GUID])
{
	u64 end = at->first + at->sectors;
	int i = free_entry(g, entries);
	struct gpt_part next;
	u8 *e;

	if (!gpt_name_ok(name) || !at->sectors)
		return -E_INVAL;
	if (i < 0)
		return i;
	if (at->first < g->first || end > gpt_last_usable(g) + 1 || (next_part(g, entries, at->first, &next) && next.first < end))
		return -E_NOSPC;
	e = entries + (u64)i * g->size;
	memset(e, 0, g->size);
	memcpy(e + E_KIND, kind, GPT_GUID);
	memcpy(e + E_GUID, guid, GPT_GUID);
	put(e + E_FIRST, at->first, 8);
	put(e + E_LAST, end - 1, 8);
	set_name(e, name);
	return i;
}

int gpt_add(struct gpt *g, u8 *entries, const char *name, u64 bytes, const u8 kind[GPT_GUID], const u8 guid[GPT_GUID])
{
	struct gpt_extent at;
	int err = gpt_name_ok(name) ? gpt_place(g, entries, bytes, &at) : -E_INVAL;

	return err ? err : gpt_add_at(g, entries, name, &at, kind, guid);
}

int gpt_remove(struct gpt *g, u8 *entries, u32 i)
{
	struct gpt_part part;

	if (!gpt_part(g, entries, i, &part))
		return -E_NOENT;
	memset(entries + (u64)i * g->size, 0, g->size);
	return 0;
}

int gpt_rename(struct gpt *g, u8 *entries, u32 i, const char *name)
{
	struct gpt_part part;

	if (!gpt_part(g, entries, i, &part))
		return -E_NOENT;
	if (!gpt_name_ok(name))
		return -E_INVAL;
	set_name(entries + (u64)i * g->size, name);
	return 0;
}

int gpt_finish(struct gpt *g, u8 *entries, u32 i, const char *name, const u8 kind[GPT_GUID])
{
	int err = gpt_rename(g, entries, i, name);

	if (!err)
		memcpy(entries + (u64)i * g->size + E_KIND, kind, GPT_GUID);
	return err;
}

int gpt_grow_place(const struct gpt *g, const u8 *entries, u32 i, u64 bytes, struct gpt_extent *to)
{
	struct gpt_part part, next;
	u64 want = sectors_of(g, bytes), has, end;

	if (!gpt_part(g, entries, i, &part))
		return -E_NOENT;
	has = part.last - part.first + 1;
	if (want && want < has)
		return -E_RANGE;
	end = next_part(g, entries, part.last + 1, &next) ? next.first : gpt_last_usable(g) + 1;
	if (!want || want > end - part.first)
		return -E_NOSPC;
	*to = (struct gpt_extent){ part.last + 1, want - has };
	return 0;
}

int gpt_grow(struct gpt *g, u8 *entries, u32 i, u64 bytes)
{
	struct gpt_extent more;
	int err = gpt_grow_place(g, entries, i, bytes, &more);

	if (!err)
		put(entries + (u64)i * g->size + E_LAST, more.first + more.sectors - 1, 8);
	return err;
}

/* --- writing -------------------------------------------------------------------------------------------------------- */

static void make_header(const struct gpt *g, u8 *sector)
{
	memset(sector, 0, g->sector_size);
	memcpy(sector, GPT_SIGNATURE, 8);
	put(sector + H_REVISION, GPT_REVISION_1, 4);
	put(sector + H_SIZE, GPT_HEADER_MIN, 4);
	put(sector + H_HERE, g->here, 8);
	put(sector + H_OTHER, g->other, 8);
	put(sector + H_FIRST, g->first, 8);
	put(sector + H_LAST, g->last, 8);
	memcpy(sector + H_GUID, g->guid, GPT_GUID);
	put(sector + H_ENTRIES, g->entries_at, 8);
	put(sector + H_COUNT, g->count, 4);
	put(sector + H_ENTRY_SIZE, g->size, 4);
	put(sector + H_ENTRIES_CRC, g->crc, 4);
	put(sector + H_CRC, gpt_crc(sector, GPT_HEADER_MIN), 4);
}

/* One partition over all of the disk, as far as 32 bits reach. UEFI Specification "Protective MBR". */
static void make_mbr(const struct gpt *g, u8 *sector)
{
	u8 *part = sector + MBR_PARTS_AT;

	memset(sector, 0, g->sector_size);
	put(part, 0x00020000, 4);			/* not active; first sector in CHS: 0, 2, 0 */
	put(part + MBR_KIND, 0xffffff00u | MBR_PROTECTIVE, 4);
	put(part + 8, 1, 4);
	put(part + 12, MIN(g->sectors - 1, UINT32_MAX), 4);
	put(sector + MBR_SIGNATURE_AT, MBR_SIGNATURE, 2);
}

/* The primary copy as g is to be known from now on, wherever it was read from; the backup at the end of the disk. */
static struct gpt settle(struct gpt *g, const u8 *entries)
{
	u32 n = gpt_entries_sectors(g);
	struct gpt backup;

	if (g->here != 1) {
		g->here = 1;
		g->entries_at = 2;
	}
	g->other = g->sectors - 1;
	g->last = gpt_last_usable(g);
	g->crc = gpt_crc(entries, gpt_entries_bytes(g));
	backup = *g;
	backup.here = g->other;
	backup.other = g->here;
	backup.entries_at = g->other - n;
	return backup;
}

static u32 write_copy(const struct gpt *g, const u8 *entries, u8 *sector, struct gpt_write *to)
{
	make_header(g, sector);
	to[0] = (struct gpt_write){ g->entries_at, entries, gpt_entries_sectors(g), false };
	to[1] = (struct gpt_write){ g->here, sector, 1, true };
	return 2;
}

u32 gpt_writes(struct gpt *g, const u8 *entries, enum gpt_write_what what, u8 *scratch, struct gpt_write to[GPT_WRITES_MAX])
{
	struct gpt backup = settle(g, entries);
	u32 n = 0;

	if (what != GPT_WRITE_PRIMARY)
		n += write_copy(&backup, entries, scratch, to + n);
	if (what != GPT_WRITE_BACKUP)
		n += write_copy(g, entries, scratch + g->sector_size, to + n);
	if (what != GPT_WRITE_NEW)
		return n;
	make_mbr(g, scratch + 2 * g->sector_size);
	to[n] = (struct gpt_write){ 0, scratch + 2 * g->sector_size, 1, true };
	return n + 1;
}
