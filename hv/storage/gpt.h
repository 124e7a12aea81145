/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* GUID partition tables as bytes: what a disk holds is checked, edited, and turned into the writes that change it, in an order
 * in which a cut after any of them leaves the old table or the new one. Pure: whoever calls reads and writes the disk.
 * UEFI Specification "GUID Partition Table (GPT) Disk Layout". All LBAs count sectors of the disk's own size. */

#include <hv/types.h>

#define GPT_GUID 16
#define GPT_NAME_UNITS 36
#define GPT_NAME_SIZE (GPT_NAME_UNITS + 1)
#define GPT_ENTRIES_BYTES_MAX (64 * KiB)	/* 512 entries of the usual size */
#define GPT_ENTRIES_USUAL 128u
#define GPT_ENTRY_SIZE 128u
#define GPT_ALIGN (1 * MiB)

enum gpt_fault {
	GPT_FINE,
	GPT_NO_SIGNATURE,	/* there is none */
	GPT_REVISION,		/* of a revision that nobody has defined */
	GPT_HEADER_SIZE,
	GPT_HEADER_CRC,
	GPT_PLACE,		/* does not say that it lies where it lies, or where its other copy can be */
	GPT_RANGE,		/* usable sectors, or the entries, are outside of the disk or overlap */
	GPT_ENTRY_COUNT,	/* absurd size or number of entries */
	GPT_ENTRIES_CRC,
	GPT_OUTSIDE,		/* a partition is outside of the usable sectors, or ends before it begins */
	GPT_OVERLAP,		/* two partitions share sectors */
	GPT_SAME_GUID,		/* two partitions have one GUID */
};

/* What is wrong, in words; "fine". */
const char *gpt_fault_words(enum gpt_fault fault);

/* One copy's header, checked. */
struct gpt {
	u32 sector_size;	/* 512 or 4096 */
	u64 sectors;		/* of the disk */
	u64 here, other;	/* LBA of this header and of the other copy's */
	u64 first, last;	/* usable */
	u64 entries_at;
	u32 count, size, crc;	/* entries: how many, bytes of each, their checksum */
	u8 guid[GPT_GUID];
};

struct gpt_part {
	u64 first, last, attributes;
	u8 kind[GPT_GUID], guid[GPT_GUID];
	char name[GPT_NAME_SIZE];	/* what is not printable ASCII is '?' */
	bool plain;			/* nothing had to be replaced, and it is not empty */
};

/* Is this sector 0 a protective MBR; is it all zeros. */
bool gpt_mbr_is_protective(const u8 *sector);
bool gpt_is_blank(const u8 *bytes, u64 n);

/* The header that was read at lba. Fills *g where it is fine. */
enum gpt_fault gpt_read_header(struct gpt *g, const u8 *sector, u32 sector_size, u64 sectors, u64 lba);

/* Bytes and sectors of all entries; at most GPT_ENTRIES_BYTES_MAX for a header that is fine. */
u32 gpt_entries_bytes(const struct gpt *g);
u32 gpt_entries_sectors(const struct gpt *g);

/* The entries that were read at g->entries_at. */
enum gpt_fault gpt_check_entries(const struct gpt *g, const u8 *entries);

/* Both copies have been read, each with its entries: which holds? true: *use_backup says which one. *repair: the other one
 * is to be written anew from it. A table that only its backup has still counts: the caller has seen a protective MBR. */
bool gpt_choose(enum gpt_fault primary, enum gpt_fault backup, const struct gpt *p, const struct gpt *b, bool *use_backup,
		bool *repair);

/* Entry i (below g->count); false: unused. */
bool gpt_part(const struct gpt *g, const u8 *entries, u32 i, struct gpt_part *to);

/* --- edits: of a table in memory; entries has room for gpt_entries_bytes() ------------------------------------------- */

/* 1 to 36 printable ASCII characters, no space at either end, no quote, no slash. */
bool gpt_name_ok(const char *name);

/* An empty table for this disk. -E_RANGE: the disk is too small; g is as it was. */
int gpt_new(struct gpt *g, u8 *entries, u32 sector_size, u64 sectors, const u8 guid[GPT_GUID]);

/* The usable sectors, when the disk has grown since the table was written: up to where the backup will be. */
u64 gpt_last_usable(const struct gpt *g);

/* A new partition of bytes (rounded up to MiB), at the first gap that is large enough, aligned to MiB. Returns its entry;
 * -E_NOSPC: no gap; -E_NOMEM: no entry is free; -E_INVAL: the name, or no bytes. */
struct gpt_extent { u64 first, sectors; };	/* of the disk's sectors */
int gpt_add(struct gpt *g, u8 *entries, const char *name, u64 bytes, const u8 kind[GPT_GUID], const u8 guid[GPT_GUID]);

/* Where gpt_add() would put it now; and a partition at this place: -E_NOSPC: it is not free, else as above. */
int gpt_place(const struct gpt *g, const u8 *entries, u64 bytes, struct gpt_extent *to);
int gpt_add_at(struct gpt *g, u8 *entries, const char *name, const struct gpt_extent *at, const u8 kind[GPT_GUID],
	       const u8 guid[GPT_GUID]);

/* -E_NOENT: entry i is unused; -E_INVAL: the name; -E_NOSPC: another partition, or the end, is in the way. grow: to bytes in
 * all, -E_RANGE when that is less than it has. */
int gpt_remove(struct gpt *g, u8 *entries, u32 i);
int gpt_rename(struct gpt *g, u8 *entries, u32 i, const char *name);
int gpt_finish(struct gpt *g, u8 *entries, u32 i, const char *name, const u8 kind[GPT_GUID]);	/* another type as well */
int gpt_grow(struct gpt *g, u8 *entries, u32 i, u64 bytes);
/* What gpt_grow() would add; errors as there. */
int gpt_grow_place(const struct gpt *g, const u8 *entries, u32 i, u64 bytes, struct gpt_extent *to);

/* Bytes that a new partition can have at most. */
u64 gpt_largest_gap(const struct gpt *g, const u8 *entries);

/* --- writing -------------------------------------------------------------------------------------------------------- */

enum gpt_write_what { GPT_WRITE_ALL, GPT_WRITE_PRIMARY, GPT_WRITE_BACKUP, GPT_WRITE_NEW };

struct gpt_write {
	u64 lba;
	const u8 *bytes;
	u32 sectors;
	bool flush_after;	/* must be on the medium before the next write begins */
};
#define GPT_WRITES_MAX 5
#define GPT_SCRATCH(sector_size) (3u * (sector_size))	/* for headers and MBR */

/* Bring g and its copies up to date (checksums; the backup at the disk's end) and list the writes: what is ALL for an edit,
 * one copy for a repair, NEW for a disk that has had no table: all, and the protective MBR last. scratch lives as long as
 * the writes. Returns how many. */
u32 gpt_writes(struct gpt *g, const u8 *entries, enum gpt_write_what what, u8 *scratch, struct gpt_write to[GPT_WRITES_MAX]);
