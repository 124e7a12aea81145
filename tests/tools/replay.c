/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/gpt.c hv/storage/gpt_edit.c hv/storage/snap_format.c hv/storage/snap_map.c hv/storage/media.c hv/storage/datastore_fs.c hv/storage/littlefs.c hv/lib/format.c hv/lib/string.c */
/* replay LOG SECTORS: what a disk of zeros held after each write that QEMU's blklogwrites recorded, and after each sector of it, with
 * that sector torn in the middle, too. The hypervisor's own code reads the partition table and the datastore. Prints a line for each
 * state that is another than the one before:
 *	TABLE none | NAME:FIRST+SECTORS ...		what a start of the hypervisor would find
 *	SNAPS none | empty | damaged | NAME ...		the snapshots and clones that its partition keeps, the oldest first
 *	STORE none | unreadable WHY | ready | wrong WHAT	the files of the datastore are beginnings of what they are in the end
 * and at last REPLAYED n writes, n cuts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>
#undef assert

#include <hv/storage/datastore_fs.h>
#include <hv/storage/gpt.h>
#include <hv/storage/snap_map.h>

#define SECTOR 512u
#define LOG_MAGIC 0x6a736677736872ul		/* Linux, "dm-log-writes.rst" */
#define FLAG_DISCARD 4u
#define TORN_ALL 64u			/* sectors of a write that are all torn; of a longer one some */
#define TEXT_MAX (512 * KiB)

struct timebase timebase = { .tsc_hz = 1000000000 };
static u8 *disk, *log_file;
static u64 sectors, log_size, cuts;
static struct media media;
static u64 store_first, store_sectors;	/* 0: there is none */
static char final_text[TEXT_MAX], text[TEXT_MAX];
static u64 snap_first, snap_sectors;	/* likewise */
static u8 snap_guid[16];
static char table_said[4096], store_said[300], snaps_said[300];
static bool first_pass;

u64 mul_div(u64 ticks, u64 num, u64 den) { return (u64)((unsigned __int128)ticks * num / den); }
void log_write(enum log_level level, const char *fmt, ...) { }
void storage_submit(struct storage_client *c, struct storage_request *rq) { abort(); }
struct storage_piece storage_pool_piece(void *p, u32 len) { return (struct storage_piece){ p, 0, len }; }
void *pool_alloc(u64 count, enum pool_owner owner) { return calloc(count, PAGE_SIZE); }
void pool_free(void *p, u64 count) { free(p); }

static void say(char *said, const char *now)
{
	if (strcmp(said, now) && !first_pass)
		printf("%s\n", now);
	str_copy(said, 300, now);
}

/* The table */

static enum gpt_fault read_copy(u64 lba, struct gpt *g)
{
	enum gpt_fault fault;

	if (lba >= sectors)
		return GPT_PLACE;
	fault = gpt_read_header(g, disk + lba * SECTOR, SECTOR, sectors, lba);
	return fault ? fault : gpt_check_entries(g, disk + g->entries_at * SECTOR);
}

static void look_at_table(void)
{
	struct gpt p = { 0 }, b = { 0 };
	bool use_backup, repair;
	enum gpt_fault primary, backup;
	char now[300] = "TABLE";
	struct gpt_part part;
	int used = 5;

	store_sectors = snap_sectors = 0;
	if (!gpt_mbr_is_protective(disk)) {
		say(table_said, "TABLE none");
		return;
	}
	primary = read_copy(1, &p);
	backup = read_copy(primary ? sectors - 1 : p.other, &b);
	if (!gpt_choose(primary, backup, &p, &b, &use_backup, &repair)) {
		say(table_said, "TABLE broken");
		return;
	}
	if (use_backup)
		p = b;
	for (u32 i = 0; i < p.count && used < 250; i++) {
		if (!gpt_part(&p, disk + p.entries_at * SECTOR, i, &part))
			continue;
		used += snprintf(now + used, sizeof(now) - (size_t)used, " %.20s:%lu+%lu", part.name, part.first,
				 part.last - part.first + 1);
		if (part.kind[15] == 2) {
			store_first = part.first;
			store_sectors = part.last - part.first + 1;
		} else if (part.kind[15] == 3) {
			snap_first = part.first;
			snap_sectors = part.last - part.first + 1;
			memcpy(snap_guid, part.guid, sizeof(snap_guid));
		}
	}
	say(table_said, now);
}

/* Snapshots */

static const u8 *snap_block(u64 block)
{
	return disk + snap_first * SECTOR + block * SNAP_BLOCK;
}

static bool choose_super(struct snap_super *found)
{
	struct snap_super s;

	found->seq = 0;
	for (u32 i = 0; i < 2; i++)
		if (snap_super_read(&s, snap_block(i), snap_sectors, snap_guid) && (s.seq & 1) == i && s.seq > found->seq)
			*found = s;
	for (u32 i = SNAP_TOMBS_AT; found->seq && i < SNAP_HEAD_BLOCKS; i++)
		if (snap_tomb_is(found, snap_block(i)))
			return false;
	return found->seq;
}

/* Each record of the log, up to the first block that is none of it. false: it contradicts itself, or its beginning is not there. */
static bool read_snaps(struct snap_map *m, const struct snap_super *s)
{
	for (u32 i = 0; i < s->half; i++) {
		const u8 *block = snap_block(SNAP_HEAD_BLOCKS + (s->seq & 1) * s->half + i);
		u32 used = snap_block_check(block, s, i), at = SNAP_BLOCK_HEAD;
		struct snap_record r;
		int more;

		if (!used)
			return i >= s->begin;
		while ((more = snap_block_next(block, used, &at, &r)) > 0)
			if (snap_map_apply(m, &r))
				return false;
		if (more)
			return false;
	}
	return true;
}

static void list_snaps(const struct snap_map *m, char *to, size_t size)
{
	char *end = to + size;
	struct snap_record r;

	for (u32 k = 0; end - to > 32 && snap_map_record(m, &k, &r);)
		if (r.op == SNAP_LAYER)
			to += snprintf(to, (size_t)(end - to), " %.20s", r.name);
}

static void look_at_snaps(void)
{
	struct snap_super s;
	struct snap_map m;
	char now[300] = "SNAPS";
	void *memory;

	if (!snap_sectors || !choose_super(&s)) {
		say(snaps_said, snap_sectors ? "SNAPS empty" : "SNAPS none");
		return;
	}
	memory = calloc(1, snap_map_bytes(&s));
	snap_map_init(&m, &s, memory);
	if (read_snaps(&m, &s)) {
		snap_map_ready(&m);
		list_snaps(&m, now + 5, sizeof(now) - 5);
	} else {
		str_copy(now, sizeof(now), "SNAPS damaged");
	}
	free(memory);
	say(snaps_said, now);
}

/* The datastore */

static void read_log(char *to)
{
	char path[FS_PATH_MAX];
	size_t used = 0;

	for (int i = 3; i >= 0; i--) {
		int n;

		fmt_print(path, sizeof(path), "log/%d", i);
		n = fs_read(path, 0, to + used, (u32)(TEXT_MAX - 1 - used));
		used += n > 0 ? (size_t)n : 0;
	}
	to[used] = 0;
}

static void look_at_store(void)
{
	u64 size = MIN(store_sectors * SECTOR, (u64)MEDIA_BYTES_MAX) / MEDIA_BLOCK * MEDIA_BLOCK;
	char now[300];
	size_t n;

	if (!store_sectors) {
		say(store_said, "STORE none");
		return;
	}
	media_blank(&media, size, SECTOR);
	memcpy(media.image, disk + store_first * SECTOR, size);
	if (fs_mount(&media)) {
		snprintf(now, sizeof(now), "STORE unreadable %s", fs_broken_why());
		say(store_said, now);
		return;
	}
	read_log(first_pass ? final_text : text);
	n = strlen(text);
	if (first_pass || (!strncmp(text, final_text, n) && !fs_broken()))
		snprintf(now, sizeof(now), "STORE ready");
	else
		snprintf(now, sizeof(now), "STORE wrong %zu bytes of the log", n);
	say(store_said, now);
}

/* The log of writes */

static u64 le64(const u8 *p)
{
	u64 n;

	memcpy(&n, p, 8);
	return n;
}

static bool holds_table(u64 sector, u64 count)
{
	return sector < 34 || sector + count > sectors - 34;
}

static bool overlap(u64 sector, u64 count, u64 first, u64 sectors_there)
{
	return sectors_there && sector < first + sectors_there && sector + count > first;
}

/* Where a cut can show: the table's sectors, the datastore's, those that keep snapshots. */
static void look(u64 sector, u64 count)
{
	bool table = holds_table(sector, count);

	cuts++;
	if (table)
		look_at_table();
	if (table || overlap(sector, count, snap_first, snap_sectors))
		look_at_snaps();
	if (store_sectors && (table || overlap(sector, count, store_first, store_sectors)))
		look_at_store();
}

static void write_one(u64 sector, const u8 *data, u64 count)
{
	u64 step = count > TORN_ALL ? count / TORN_ALL + 1 : 1;

	for (u64 i = 0; i < count; i++) {
		u8 *at = disk + (sector + i) * SECTOR;

		if (!first_pass && i % step == 0) {
			memcpy(at, data + i * SECTOR, SECTOR / 2);
			look(sector + i, 1);
		}
		memcpy(at, data + i * SECTOR, SECTOR);
		if (!first_pass && (i % step == 0 || i + 1 == count))
			look(sector + i, 1);
	}
}

/* -> how many writes */
static u64 replay(void)
{
	u64 at = SECTOR, entries = le64(log_file + 16), writes = 0;

	memset(disk, 0, sectors * SECTOR);
	for (u64 i = 0; i < entries && at + SECTOR <= log_size; i++) {
		const u8 *e = log_file + at;
		u64 sector = le64(e), count = le64(e + 8), flags = le64(e + 16), bytes = count * SECTOR;

		at += SECTOR;
		if (!count)
			continue;
		if (sector >= sectors || count > sectors - sector) {
			fprintf(stderr, "replay: write %lu is outside of the disk\n", i);
			exit(1);
		}
		if (flags & FLAG_DISCARD)
			continue;	/* what it held may still be there */
		if (bytes > log_size - at)
			break;
		write_one(sector, log_file + at, count);
		at += bytes;
		writes++;
	}
	return writes;
}

static void read_all(const char *path)
{
	FILE *f = fopen(path, "rb");

	if (!f || fseek(f, 0, SEEK_END)) {
		perror(path);
		exit(1);
	}
	log_size = (u64)ftell(f);
	rewind(f);
	log_file = malloc(log_size + SECTOR);
	if (fread(log_file, 1, log_size, f) != log_size || log_size < SECTOR || le64(log_file) != LOG_MAGIC) {
		fprintf(stderr, "replay: %s is no log of writes\n", path);
		exit(1);
	}
	fclose(f);
}

int main(int argc, char **argv)
{
	u64 writes;

	if (argc != 3) {
		fprintf(stderr, "replay LOG SECTORS\n");
		return 2;
	}
	read_all(argv[1]);
	sectors = strtoul(argv[2], NULL, 10);
	disk = malloc(sectors * SECTOR);
	if (!disk || !media_init(&media))
		return 1;
	first_pass = true;
	replay();
	look_at_table();
	look_at_store();
	first_pass = false;
	*table_said = *store_said = *snaps_said = 0;
	writes = replay();
	printf("REPLAYED %lu writes, %lu cuts, %zu bytes of the log\n", writes, cuts, strlen(final_text));
	return 0;
}
