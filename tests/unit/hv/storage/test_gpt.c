/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/gpt.c hv/storage/gpt_edit.c */
/* Partition tables on a disk in memory: made, changed, broken in every way, cut after every write and within every sector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../hv/storage/gpt.h"
#include "../../../../hv/storage/gpt_layout.h"

#define DISK_BYTES (16 * MiB)
#define T(test) cmocka_unit_test_setup(test, setup)

static u8 disk[DISK_BYTES], other[DISK_BYTES];
static u8 entries[GPT_ENTRIES_BYTES_MAX], scratch[GPT_SCRATCH(4096)];
static const u8 disk_guid[16] = { 1, 2, 3 }, kind[16] = { 0xb0, 1 }, one[16] = { 0x11 }, two[16] = { 0x22 }, three[16] = { 0x33 };
static u32 sector_size;
static struct gpt table;

static void carry_out(u8 *d, const struct gpt_write *w, u32 n)
{
	for (u32 i = 0; i < n; i++)
		memcpy(d + w[i].lba * sector_size, w[i].bytes, (size_t)w[i].sectors * sector_size);
}

/* What a start of the hypervisor would find. */
struct found {
	enum gpt_fault primary, backup;
	bool any, use_backup, repair;
	struct gpt gpt;
	u8 entries[GPT_ENTRIES_BYTES_MAX];
};

static enum gpt_fault read_copy(const u8 *d, u64 lba, u64 sectors, struct gpt *g)
{
	enum gpt_fault fault = gpt_read_header(g, d + lba * sector_size, sector_size, sectors, lba);

	return fault ? fault : gpt_check_entries(g, d + g->entries_at * sector_size);
}

static struct found *look(const u8 *d, u64 bytes)
{
	static struct found f;
	u64 sectors = bytes / sector_size;
	struct gpt p = { 0 }, b = { 0 };

	memset(&f, 0, sizeof(f));
	if (!gpt_mbr_is_protective(d))
		return &f;
	f.primary = read_copy(d, 1, sectors, &p);
	f.backup = read_copy(d, f.primary ? sectors - 1 : p.other, sectors, &b);
	f.any = gpt_choose(f.primary, f.backup, &p, &b, &f.use_backup, &f.repair);
	f.gpt = f.use_backup ? b : p;
	if (f.any)
		memcpy(f.entries, d + f.gpt.entries_at * sector_size, gpt_entries_bytes(&f.gpt));
	return &f;
}

static u32 parts(const struct found *f)
{
	struct gpt_part part;
	u32 n = 0;

	for (u32 i = 0; f->any && i < f->gpt.count; i++)
		n += gpt_part(&f->gpt, f->entries, i, &part);
	return n;
}

static void write_all(enum gpt_write_what what)
{
	struct gpt_write w[GPT_WRITES_MAX];
	u32 n = gpt_writes(&table, entries, what, scratch, w);

	assert_in_range(n, 2, GPT_WRITES_MAX);
	carry_out(disk, w, n);
}

static int make(u32 size)
{
	sector_size = size;
	memset(disk, 0, sizeof(disk));
	assert_int_equal(gpt_new(&table, entries, size, DISK_BYTES / size, disk_guid), 0);
	write_all(GPT_WRITE_NEW);
	assert_int_equal(gpt_add(&table, entries, "web-root", 2 * MiB, kind, one), 0);
	assert_int_equal(gpt_add(&table, entries, "db", 1, kind, two), 1);
	write_all(GPT_WRITE_ALL);
	return 0;
}

static int setup(void **state)
{
	return make(512);
}

static void test_made(void **state)
{
	for (u32 size = 512; size <= 4096; size *= 8) {
		struct gpt_part part;
		struct found *f;

		make(size);
		f = look(disk, DISK_BYTES);
		assert_true(f->any && !f->repair && !f->use_backup);
		assert_true(gpt_part(&f->gpt, f->entries, 0, &part));
		assert_string_equal(part.name, "web-root");
		assert_true(part.plain);
		assert_int_equal(part.first * size, MiB);
		assert_int_equal((part.last + 1) * size, 3 * MiB);
		assert_true(gpt_part(&f->gpt, f->entries, 1, &part));
		assert_int_equal(part.first * size, 3 * MiB);
		assert_int_equal((part.last + 1 - part.first) * size, MiB);
		assert_false(gpt_part(&f->gpt, f->entries, 2, &part));
		assert_int_equal(gpt_largest_gap(&f->gpt, f->entries), 11 * MiB);
	}
}

static void test_edits(void **state)
{
	struct gpt_part part;
	int i;

	assert_int_equal(gpt_add(&table, entries, "large", 12 * MiB, kind, three), -E_NOSPC);
	i = gpt_add(&table, entries, "rest", 11 * MiB, kind, three);
	assert_int_equal(i, 2);
	assert_int_equal(gpt_largest_gap(&table, entries), 0);
	assert_int_equal(gpt_add(&table, entries, "more", 1, kind, disk_guid), -E_NOSPC);
	assert_int_equal(gpt_grow(&table, entries, 0, 3 * MiB), -E_NOSPC);	/* db is in the way */
	assert_int_equal(gpt_remove(&table, entries, 1), 0);
	assert_int_equal(gpt_remove(&table, entries, 1), -E_NOENT);
	assert_int_equal(gpt_grow(&table, entries, 0, 3 * MiB + 1), -E_NOSPC);
	assert_int_equal(gpt_grow(&table, entries, 0, 3 * MiB), 0);
	assert_int_equal(gpt_grow(&table, entries, 0, 2 * MiB), -E_RANGE);
	assert_int_equal(gpt_rename(&table, entries, 0, "root"), 0);
	assert_int_equal(gpt_rename(&table, entries, 1, "root"), -E_NOENT);
	write_all(GPT_WRITE_ALL);
	assert_true(gpt_part(&table, look(disk, DISK_BYTES)->entries, 0, &part));
	assert_string_equal(part.name, "root");
	assert_false(look(disk, DISK_BYTES)->repair);
	assert_int_equal(parts(look(disk, DISK_BYTES)), 2);
}

/* web-root has 1 to 3 MiB, db the next. At a place that is known, nothing else is taken. */
static void test_places(void **state)
{
	static const struct { u64 first, sectors; int answer; } at[] = {
		{ 4 * MiB / 512 - 1, MiB / 512, -E_NOSPC }, { MiB / 512, 1, -E_NOSPC }, { 33, 100, -E_NOSPC },
		{ 34, MiB / 512, -E_NOSPC }, { 34, MiB / 512 - 34, 2 }, { 10 * MiB / 512, DISK_BYTES / 512, -E_NOSPC },
		{ 10 * MiB / 512, 0, -E_INVAL }, { 10 * MiB / 512, MiB / 512, 3 }, { 10 * MiB / 512, 1, -E_NOSPC },
	};
	struct gpt_extent place;
	struct gpt_part part;

	for (u32 i = 0; i < ARRAY_COUNT(at); i++) {
		place = (struct gpt_extent){ at[i].first, at[i].sectors };
		assert_int_equal(gpt_add_at(&table, entries, "at", &place, kind, three), at[i].answer);
	}
	assert_true(gpt_part(&table, entries, 3, &part));
	assert_true(part.first == 10 * MiB / 512 && part.last == 11 * MiB / 512 - 1);
	assert_int_equal(gpt_place(&table, entries, 5 * MiB, &place), 0);
	assert_true(place.first == 4 * MiB / 512 && place.sectors == 5 * MiB / 512);
	assert_int_equal(gpt_place(&table, entries, 7 * MiB, &place), -E_NOSPC);
	assert_int_equal(gpt_place(&table, entries, 0, &place), -E_INVAL);
	assert_int_equal(gpt_grow_place(&table, entries, 1, 3 * MiB, &place), 0);
	assert_true(place.first == 4 * MiB / 512 && place.sectors == 2 * MiB / 512);
	assert_int_equal(gpt_grow_place(&table, entries, 0, 2 * MiB, &place), 0);
	assert_int_equal(place.sectors, 0);
	assert_int_equal(gpt_grow_place(&table, entries, 7, MiB, &place), -E_NOENT);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", " a", "a ", "a/b", "a\"b", "a\\b", "a\nb", "\xc3\xa4", "1234567890123456789012345678901234567" };

	for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_false(gpt_name_ok(bad[i]));
		assert_int_equal(gpt_add(&table, entries, bad[i], MiB, kind, three), -E_INVAL);
		assert_int_equal(gpt_rename(&table, entries, 0, bad[i]), -E_INVAL);
	}
	assert_true(gpt_name_ok("123456789012345678901234567890123456"));
	assert_int_equal(gpt_add(&table, entries, "none", 0, kind, three), -E_INVAL);
	assert_int_equal(gpt_add(&table, entries, "absurd", ~0ul, kind, three), -E_NOSPC);
}

/* A change is cut after each sector that it writes, and the sector after that is torn at each 64 bytes: what is found is
 * the table before it or after it, and repairing it gives a disk that needs none. */
static void cut_everywhere(const u8 *before, u32 n_before, const struct gpt_write *w, u32 n, u32 n_after, bool fresh)
{
	static u8 cut[DISK_BYTES];
	struct gpt_write fix[GPT_WRITES_MAX];
	u32 seen_old = 0, seen_new = 0;

	for (u32 i = 0; i < n; i++)
		for (u32 s = 0; s < w[i].sectors; s++)
			for (u32 torn = 0; torn < sector_size; torn += 64) {
				struct found *f;

				memcpy(cut, before, DISK_BYTES);
				carry_out(cut, w, i);
				memcpy(cut + w[i].lba * sector_size, w[i].bytes, (size_t)s * sector_size + torn);
				f = look(cut, DISK_BYTES);
				if (!f->any) {
					assert_true(fresh);	/* no table yet: still blank for whoever looks at sector 0 */
					seen_old++;
					continue;
				}
				assert_true(parts(f) == n_before || parts(f) == n_after);
				seen_old += parts(f) == n_before;
				seen_new += parts(f) == n_after;
				if (f->repair) {
					u32 k = gpt_writes(&f->gpt, f->entries, f->use_backup ? GPT_WRITE_PRIMARY : GPT_WRITE_BACKUP, scratch + 0, fix);
					u32 was = parts(f);

					carry_out(cut, fix, k);
					f = look(cut, DISK_BYTES);
					assert_true(f->any && !f->repair && parts(f) == was);
				}
			}
	assert_true(seen_old);
	assert_true(seen_new || fresh);
}

static void test_every_cut(void **state)
{
	for (u32 size = 512; size <= 4096; size *= 8) {
		static u8 own[GPT_SCRATCH(4096)];
		struct gpt_write w[GPT_WRITES_MAX];
		u32 n;

		make(size);
		memcpy(other, disk, sizeof(disk));
		assert_int_equal(gpt_add(&table, entries, "third", MiB, kind, three), 2);
		n = gpt_writes(&table, entries, GPT_WRITE_ALL, own, w);
		assert_int_equal(n, 4);
		assert_true(w[1].flush_after && w[3].flush_after);
		cut_everywhere(other, 2, w, n, 3, false);
	}
}

static void test_every_cut_of_a_new_table(void **state)
{
	static u8 own[GPT_SCRATCH(512)];
	struct gpt_write w[GPT_WRITES_MAX];
	u32 n;

	memset(other, 0, sizeof(other));
	assert_int_equal(gpt_new(&table, entries, 512, DISK_BYTES / 512, disk_guid), 0);
	n = gpt_writes(&table, entries, GPT_WRITE_NEW, own, w);
	assert_int_equal(n, 5);
	assert_int_equal(w[4].lba, 0);
	cut_everywhere(other, 0, w, n, 0, true);
}

/* Headers that lie: each is refused for what it is, its checksum being right. */
static void lie(u32 at, u64 val, u32 bytes, enum gpt_fault expected)
{
	u8 sector[512];
	struct gpt g;

	memcpy(sector, disk + 512, 512);
	memcpy(sector + at, &val, bytes);
	if (at != H_CRC) {
		u32 crc;

		memset(sector + H_CRC, 0, 4);
		crc = gpt_crc(sector, MIN(gpt_get(sector + H_SIZE, 4), 512ul));
		memcpy(sector + H_CRC, &crc, 4);
	}
	assert_int_equal(gpt_read_header(&g, sector, 512, DISK_BYTES / 512, 1), expected);
}

static void test_headers_that_lie(void **state)
{
	u64 last = DISK_BYTES / 512 - 1;

	lie(H_COUNT, 128, 4, GPT_FINE);
	lie(0, 0, 8, GPT_NO_SIGNATURE);
	lie(H_REVISION, 0x00020000, 4, GPT_REVISION);
	lie(H_SIZE, 91, 4, GPT_HEADER_SIZE);
	lie(H_SIZE, 513, 4, GPT_HEADER_SIZE);
	lie(H_SIZE, ~0u, 4, GPT_HEADER_SIZE);
	lie(H_CRC, 0, 4, GPT_HEADER_CRC);
	lie(H_HERE, 2, 8, GPT_PLACE);
	lie(H_OTHER, 1, 8, GPT_PLACE);
	lie(H_OTHER, 0, 8, GPT_PLACE);
	lie(H_OTHER, last + 1, 8, GPT_PLACE);
	lie(H_OTHER, ~0ul, 8, GPT_PLACE);
	lie(H_OTHER, 5000, 8, GPT_RANGE);
	lie(H_FIRST, last, 8, GPT_RANGE);
	lie(H_FIRST, 0, 8, GPT_RANGE);
	lie(H_FIRST, 33, 8, GPT_RANGE);
	lie(H_LAST, last, 8, GPT_RANGE);
	lie(H_LAST, ~0ul, 8, GPT_RANGE);
	lie(H_LAST, last - 32, 8, GPT_RANGE);		/* the backup's entries would lie in it */
	lie(H_ENTRIES, 0, 8, GPT_RANGE);
	lie(H_ENTRIES, 1, 8, GPT_RANGE);
	lie(H_ENTRIES, 1000, 8, GPT_RANGE);
	lie(H_ENTRIES, ~0ul, 8, GPT_RANGE);
	lie(H_ENTRIES, last, 8, GPT_RANGE);
	lie(H_COUNT, 0, 4, GPT_ENTRY_COUNT);
	lie(H_COUNT, 513, 4, GPT_ENTRY_COUNT);
	lie(H_COUNT, ~0u, 4, GPT_ENTRY_COUNT);
	lie(H_ENTRY_SIZE, 64, 4, GPT_ENTRY_COUNT);
	lie(H_ENTRY_SIZE, 192, 4, GPT_ENTRY_COUNT);
	lie(H_ENTRY_SIZE, 0, 4, GPT_ENTRY_COUNT);
	lie(H_ENTRY_SIZE, 0x80000000, 4, GPT_ENTRY_COUNT);
}

static enum gpt_fault with_entry(u32 i, u32 at, u64 val, u32 bytes)
{
	u8 copy[GPT_ENTRIES_USUAL * GPT_ENTRY_SIZE];
	struct gpt g = table;

	memcpy(copy, entries, sizeof(copy));
	memcpy(copy + i * GPT_ENTRY_SIZE + at, &val, bytes);
	g.crc = gpt_crc(copy, sizeof(copy));
	return gpt_check_entries(&g, copy);
}

static void test_entries_that_lie(void **state)
{
	struct gpt g = table;

	assert_int_equal(gpt_check_entries(&g, entries), GPT_FINE);
	g.crc ^= 1;
	assert_int_equal(gpt_check_entries(&g, entries), GPT_ENTRIES_CRC);
	assert_int_equal(with_entry(0, E_FIRST, 33, 8), GPT_OUTSIDE);
	assert_int_equal(with_entry(0, E_LAST, 100, 8), GPT_OUTSIDE);
	assert_int_equal(with_entry(0, E_LAST, ~0ul, 8), GPT_OUTSIDE);
	assert_int_equal(with_entry(0, E_LAST, 6144, 8), GPT_OVERLAP);
	assert_int_equal(with_entry(1, E_FIRST, 6143, 8), GPT_OVERLAP);
	assert_int_equal(with_entry(1, E_GUID, 0x11, 8), GPT_SAME_GUID);
}

static void test_odd_names(void **state)
{
	struct gpt_part part;

	memset(entries + E_NAME, 0xff, 72);
	assert_true(gpt_part(&table, entries, 0, &part));
	assert_string_equal(part.name, "????????????????????????????????????");
	assert_false(part.plain);
	memset(entries + E_NAME, 0, 72);
	assert_true(gpt_part(&table, entries, 0, &part));
	assert_string_equal(part.name, "");
	assert_false(part.plain);
}

static void test_mbr(void **state)
{
	assert_true(gpt_mbr_is_protective(disk));
	disk[446 + 16 + 4] = 0x83;			/* hybrid: somebody's */
	assert_false(gpt_mbr_is_protective(disk));
	disk[446 + 16 + 4] = 0;
	disk[510] = 0;
	assert_false(gpt_mbr_is_protective(disk));
}

/* The disk has grown: the table still holds, and its next change puts the backup to the new end. */
static void test_grown_disk(void **state)
{
	struct gpt_write w[GPT_WRITES_MAX];
	struct found *f;

	memcpy(other, disk, sizeof(disk));
	assert_int_equal(gpt_new(&table, entries, 512, 8 * MiB / 512, disk_guid), 0);
	memset(disk, 0, sizeof(disk));
	write_all(GPT_WRITE_NEW);
	f = look(disk, DISK_BYTES);
	assert_true(f->any && !f->use_backup);
	assert_int_equal(gpt_add(&f->gpt, f->entries, "large", 12 * MiB, kind, one), 0);
	carry_out(disk, w, gpt_writes(&f->gpt, f->entries, GPT_WRITE_ALL, scratch, w));
	f = look(disk, DISK_BYTES);
	assert_true(f->any && !f->repair);
	assert_int_equal(f->gpt.other, DISK_BYTES / 512 - 1);
}

/* It has shrunk: the table names places that are not there. */
static void test_shrunk_disk(void **state)
{
	struct found *f = look(disk, DISK_BYTES / 2);

	assert_int_equal(f->primary, GPT_PLACE);
	assert_false(f->any);
}

static void test_too_small(void **state)
{
	table.count = 7;
	assert_int_equal(gpt_new(&table, entries, 512, 100, disk_guid), -E_RANGE);
	assert_int_equal(table.count, 7);
	assert_int_equal(gpt_new(&table, entries, 512, 0, disk_guid), -E_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_made), T(test_edits), T(test_places), T(test_names), T(test_every_cut), T(test_every_cut_of_a_new_table), T(test_headers_that_lie),
		T(test_entries_that_lie), T(test_odd_names), T(test_mbr), T(test_grown_disk), T(test_shrunk_disk), T(test_too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
