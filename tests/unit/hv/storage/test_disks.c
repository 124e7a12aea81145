/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/client.c hv/storage/cut.c hv/storage/depth.c hv/storage/queue.c hv/storage/disks.c hv/storage/volume.c hv/storage/gpt.c hv/storage/gpt_edit.c hv/storage/gpt_job.c hv/storage/gpt_change.c hv/storage/wipe.c hv/storage/copy.c hv/storage/snap_change.c hv/storage/snap_format.c hv/storage/snap_gate.c hv/storage/snap_load.c hv/storage/snap_log.c hv/storage/snap_map.c hv/storage/snap_rollback.c hv/storage/snap_store.c hv/lib/format.c hv/lib/string.c */
/* Disks from their arrival to their end, on disks in memory: what is taken for empty, tables, copies, places used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../hv/storage/gpt_job.h"

#include <hv/control_work.h>
#include <hv/files.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/pci.h>
#include <hv/pool.h>
#include <hv/random.h>
#include <hv/time.h>

#define BYTES (16 * MiB)
#define FLYING 32u
#define T(test) cmocka_unit_test_setup(test, setup)

struct timebase timebase = { .tsc_hz = 1000000000 };
static const u8 *uploaded;		/* null: nothing was */
static u64 uploaded_bytes;

const u8 *file_bytes(const char *name, u64 *size)
{
	*size = uploaded_bytes;
	return uploaded;
}

static const struct boot_info info;
const struct boot_info *boot_info = &info;

static struct toy {
	struct disk d;
	u8 *bytes;
	struct disk_request *flying[FLYING];
	u32 count;
	bool hold;			/* answers nothing */
} toy[2];
static u32 ends;
static const char *end_why;

/* --- the surroundings ------------------------------------------------------------------------------------------------ */

void assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "assertion %s in %s:%d\n", what, file, line);
	abort();
}

u64 mul_div(u64 a, u64 num, u64 den)
{
	return (u64)((unsigned __int128)a * num / den);
}

void *pool_alloc(u64 count, enum pool_owner owner)
{
	void *p = aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);

	return memset(p, 0, count * PAGE_SIZE);
}

void pool_free(void *p, u64 count) { free(p); }
u64 wall_ns(u64 tsc) { return tsc; }
hpa_t pool_hpa(const void *p) { return HPA((u64)p); }
u32 pci_count(void) { return 0; }
struct host_pci *pci_at(u32 index) { return NULL; }
int control_work_add(const struct control_work *w) { return 0; }
bool control_work_poll(u64 now) { return storage_poll(now); }
void control_work_ring(void) { }
void control_work_wake(u32 id) { }
void control_work_look_all(void) { }
void control_work_by(u64 tsc) { }
static bool said_repaired;

void log_write(enum log_level level, const char *fmt, ...)
{
	said_repaired |= strstr(fmt, "was repaired from the good copy") != NULL;
}

void random_seed(struct random *r, u64 who) { r->uses = who; }

void random_fill(struct random *r, void *to, size_t n)
{
	memset(to, (int)++r->uses, n);
}

/* --- disks ----------------------------------------------------------------------------------------------------------- */

static int toy_submit(struct disk *d, struct disk_request *rq)
{
	struct toy *t = d->driver;

	if (t->count == FLYING)
		return -E_AGAIN;
	assert_true(rq->sector + rq->sectors <= d->sectors);
	t->flying[t->count++] = rq;
	return 0;
}

static const struct disk_ops ops = { .submit = toy_submit };

static void carry_out(struct toy *t, struct disk_request *rq)
{
	u8 *at = t->bytes + rq->sector * 512;

	for (u32 i = 0; rq->op <= BLOCK_WRITE && i < rq->pieces; at += rq->piece[i++].len) {
		if (rq->op == BLOCK_READ)
			memcpy((void *)rq->piece[i].hpa, at, rq->piece[i].len);
		else
			memcpy(at, (void *)rq->piece[i].hpa, rq->piece[i].len);
	}
}

/* What was written, in its order: b backup, p primary table, m MBR, d data; F a flush. */
static char order[64];

static void note(const struct disk_request *rq)
{
	size_t n = strlen(order);

	if (rq->op != BLOCK_READ && n < sizeof(order) - 1)
		order[n] = rq->op == BLOCK_FLUSH ? 'F' : !rq->sector ? 'm' : rq->sector < 34 ? 'p' :
			rq->sector >= BYTES / 512 - 33 ? 'b' : 'd';
}

static bool toy_answer(struct toy *t, enum disk_result result)
{
	struct disk_request *rq = t->flying[0];

	if (!t->count || t->hold)
		return false;
	note(rq);
	memmove(t->flying, t->flying + 1, --t->count * sizeof(rq));
	if (result == DISK_OK)
		carry_out(t, rq);
	rq->done(rq, result);
	return true;
}

static void settle(void)
{
	for (u32 n = 0; n < 100000; n++)
		if (!(storage_poll(tsc_now()) | toy_answer(&toy[0], DISK_OK) | toy_answer(&toy[1], DISK_OK)))
			return;
	fail_msg("it never ends");
}

static bool all_granted(const struct disk *d)
{
	return true;
}

static struct disk plain(struct toy *t)
{
	return (struct disk){ .ops = &ops, .driver = t, .name = "toy", .sectors = BYTES / 512, .sector_size = 512,
		.physical_size = 512, .depth = 8, .pieces_max = DISK_PIECES_MAX, .bytes_max = 128 * KiB, .dma_align = 1,
		.write_cache = true };
}

static void gone(struct toy *t)
{
	t->d.gone = true;
	while (toy_answer(t, DISK_GONE))
		;
	disk_gone(&t->d);
	settle();
}

static int setup(void **state)
{
	for (u32 i = 0; i < 2; i++) {
		if (toy[i].d.owner)
			gone(&toy[i]);
		free(toy[i].bytes);
		toy[i] = (struct toy){ .bytes = calloc(1, BYTES) };
		toy[i].d = plain(&toy[i]);
	}
	ends = 0;
	end_why = NULL;
	storage_grant(all_granted);
	return 0;
}

static struct storage_disk *plug(struct toy *t)
{
	assert_int_equal(disk_add(&t->d), 0);
	settle();
	return t->d.owner;
}

static void ended(void *arg, const char *why)
{
	ends++;
	end_why = why;
}

static void check(const char *why)
{
	assert_null(why);
	settle();
	assert_int_equal(ends, 1);
	assert_null(end_why);
	ends = 0;
}

/* --- tests ----------------------------------------------------------------------------------------------------------- */

static void test_a_place_is_used_again(void **state)
{
	struct storage_disk *s = plug(&toy[0]);

	check(volume_init_disk(s, false, ended, NULL));
	gone(&toy[0]);
	toy[0].d = plain(&toy[0]);
	assert_ptr_equal(plug(&toy[0]), s);
	assert_true(gpt_job_settled(s));
	check(volume_create(s, "web", MiB, VOLUME_OURS, ended, NULL));
	assert_non_null(volume_find("web", NULL, 0));
}

/* A partition of another tool's that does not end on a page, and behind the disk's last MiB. */
static void test_a_volume_of_any_length_is_cloned(void **state)
{
	static const u8 guid[16] = { 9 };
	struct storage_disk *s = plug(&toy[0]);
	struct volume *v;

	check(volume_init_disk(s, false, ended, NULL));
	check(volume_create(s, "odd", 2 * MiB, VOLUME_OURS, ended, NULL));
	v = volume_find("odd", NULL, 0);
	assert_int_equal(gpt_add(&s->gpt->gpt, s->gpt->entries, "next", MiB, volume_kind(VOLUME_OTHER)->byte, guid), 1);
	memcpy(s->gpt->entries + 40, &(u64){ v->first + 2048 + 2 }, 8);	/* last sector: 3 in the second MiB */
	gpt_job_write(s, GPT_WRITE_ALL, ended, NULL);
	settle();
	assert_int_equal(v->sectors, 2051);
	for (u64 i = 0; i < v->sectors * 512; i++)
		toy[0].bytes[v->first * 512 + i] = (u8)(i / 512 + i);
	ends = 0;
	check(volume_clone(v, s, "copy", ended, NULL));
	assert_memory_equal(toy[0].bytes + v->first * 512, toy[0].bytes + volume_find("copy", NULL, 0)->first * 512, 2051 * 512);
	assert_int_equal(v->users, 0);
}

/* What a copy does not fill of its last MiB is not what the disk had there. */
static void test_a_copy_is_zero_behind_its_end(void **state)
{
	static u8 bytes[MiB + 5];
	struct storage_disk *s = plug(&toy[0]);
	u8 *at;

	memset(bytes, 0x77, sizeof(bytes));
	check(volume_init_disk(s, false, ended, NULL));
	memset(toy[0].bytes + MiB, 0xee, BYTES - 2 * MiB);
	uploaded = bytes;
	uploaded_bytes = sizeof(bytes);
	check(volume_import(s, "file", "file", ended, NULL));
	uploaded = NULL;
	assert_int_equal(volume_find("file", NULL, 0)->sectors, 2 * MiB / 512);
	at = toy[0].bytes + volume_find("file", NULL, 0)->first * 512;
	for (u64 i = 0; i < 2 * MiB; i++)
		assert_int_equal(at[i], i < sizeof(bytes) ? 0x77 : 0);
}

/* Until all of it is there nobody sees it, nor what its place held; after a cut, too. */
static void refused_as_unfinished(struct volume *v)
{
	struct storage_client c = { .name = "c" }, reader = { .name = "reader", .readonly = true };

	assert_non_null(v);
	assert_int_equal(v->type, VOLUME_UNFINISHED);
	assert_true(volume_open(&c, v) && volume_open(&reader, v));
	assert_non_null(volume_clone(v, v->disk, "twin", ended, NULL));
	assert_non_null(volume_snapshot(v, "before", 0, ended, NULL));
	assert_non_null(volume_clone_cow(v, "twin", ended, NULL));
	assert_non_null(volume_rename(v, "file", ended, NULL));
	assert_non_null(volume_grow(v, 4 * MiB, ended, NULL));
}

static void test_what_is_unfinished_shows_nothing(void **state)
{
	static u8 bytes[2 * MiB];
	struct storage_disk *s = plug(&toy[0]);
	struct volume_coming coming;
	struct storage_client c = { .name = "c" };

	check(volume_init_disk(s, false, ended, NULL));
	uploaded = bytes;
	uploaded_bytes = sizeof(bytes);
	assert_false(volume_coming_at(DISKS_MAX, &coming));
	assert_null(volume_import(s, "file", "file", ended, NULL));
	assert_true(volume_coming_at(DISKS_MAX, &coming) && !coming.unfinished);
	for (u32 n = 0; !volume_coming_at(DISKS_MAX, &coming) || !coming.done; n++) {
		assert_true(n < 1000);
		storage_poll(tsc_now());
		toy_answer(&toy[0], DISK_OK);
	}
	assert_true(coming.unfinished && coming.done == MiB && coming.bytes == 2 * MiB && !strcmp(coming.name, "file"));
	refused_as_unfinished(volume_find("file.new", NULL, 0));
	while (ends == 0 && (storage_poll(tsc_now()) || true))
		toy_answer(&toy[0], DISK_MEDIUM);	/* the disk fails */
	assert_non_null(end_why);
	assert_false(volume_coming_at(DISKS_MAX, &coming));
	gone(&toy[0]);
	toy[0].d = plain(&toy[0]);
	s = plug(&toy[0]);
	ends = 0;
	refused_as_unfinished(volume_find("file.new", NULL, 0));
	check(volume_delete(volume_find("file.new", NULL, 0), ended, NULL));
	check(volume_import(s, "file", "file", ended, NULL));
	uploaded = NULL;
	assert_int_equal(volume_find("file", NULL, 0)->type, VOLUME_OURS);
	assert_int_equal(volume_open(&c, volume_find("file", NULL, 0)), 0);
	assert_int_equal(volume_close(&c), 0);
}

/* One copy is on the medium before the other is touched; told when both are. */
static void test_a_table_is_written_in_order(void **state)
{
	struct storage_disk *s = plug(&toy[0]);

	memset(order, 0, sizeof(order));
	check(volume_init_disk(s, false, ended, NULL));
	assert_string_equal(order, "bbFppFmF");
	memset(order, 0, sizeof(order));
	assert_null(volume_create_unerased(s, "web", MiB, ended, NULL));
	for (u32 n = 0; strcmp(order, "bbFppF"); n++) {
		assert_true(n < 1000);
		assert_int_equal(ends, 0);
		storage_poll(tsc_now());
		toy_answer(&toy[0], DISK_OK);
	}
	settle();
	assert_int_equal(ends, 1);
	assert_string_equal(order, "bbFppF");
	gone(&toy[0]);
	memset(toy[0].bytes + 512, 0, 512);
	assert_false(said_repaired);
	memset(order, 0, sizeof(order));
	toy[0].d = plain(&toy[0]);
	plug(&toy[0]);
	assert_string_equal(order, "ppF");		/* from the backup, which is left alone */
	assert_true(said_repaired);
	assert_non_null(volume_find("web", NULL, 0));
}

/* What could not be written did not happen; the table is what the disk has. */
static void test_a_table_that_cannot_be_written(void **state)
{
	struct storage_disk *s = plug(&toy[0]);

	check(volume_init_disk(s, false, ended, NULL));
	for (u32 bad = 0; bad < 3; bad++) {
		memset(order, 0, sizeof(order));
		assert_null(volume_create_unerased(s, "web", MiB, ended, NULL));
		for (u32 n = 0; !ends; n++) {
			assert_true(n < 1000);
			storage_poll(tsc_now());
			if (toy[0].count)
				toy_answer(&toy[0], strlen(order) == bad ? DISK_MEDIUM : DISK_OK);
		}
		assert_non_null(end_why);
		settle();
		assert_int_equal(ends, 1);
		ends = 0;
		end_why = NULL;
		assert_null(volume_find("web", NULL, 0));
	}
	check(volume_create(s, "web", MiB, VOLUME_OURS, ended, NULL));
	assert_non_null(volume_find("web", NULL, 0));
}

static bool only_the_first(const struct disk *d)
{
	return d == &toy[0].d;
}

/* A name that a partition of another's disk has is refused before anything is copied. */
static void test_a_copy_needs_a_free_name(void **state)
{
	struct storage_disk *s = plug(&toy[0]), *other = plug(&toy[1]);

	check(volume_init_disk(s, false, ended, NULL));
	check(volume_create(s, "web", MiB, VOLUME_OURS, ended, NULL));
	check(volume_init_disk(other, false, ended, NULL));
	check(volume_create(other, "taken", MiB, VOLUME_OURS, ended, NULL));
	storage_grant(only_the_first);
	settle();
	assert_null(volume_find("taken", NULL, 0));
	assert_string_equal(volume_clone(volume_find("web", NULL, 0), s, "taken", ended, NULL), "there is a volume of this name");
	assert_int_equal(volume_find("web", NULL, 0)->users, 0);
	assert_null(volume_clone(volume_find("web", NULL, 0), s, "free", ended, NULL));
	settle();
	assert_non_null(volume_find("free", NULL, 0));
}

/* --- what is refused, and leaves the disk alone ---------------------------------------------------------------------- */

static void refused(const char *said, const char *part)
{
	if (!said || !strstr(said, part))
		fail_msg("\"%s\" does not say \"%s\"", said ? said : "", part);
	settle();
	assert_int_equal(ends, 0);
	assert_string_equal(order, "");
}

static void test_other_disks_are_left_alone(void **state)
{
	struct storage_disk *s = plug(&toy[0]), *other = plug(&toy[1]);

	check(volume_init_disk(s, false, ended, NULL));
	check(volume_init_disk(other, false, ended, NULL));
	check(volume_create(other, "theirs", MiB, VOLUME_OURS, ended, NULL));
	storage_grant(only_the_first);
	settle();
	memset(order, 0, sizeof(order));
	refused(volume_init_disk(other, true, ended, NULL), "the plan does not name this disk");
	refused(volume_create(other, "x", MiB, VOLUME_OURS, ended, NULL), "the plan does not name this disk");
	for (u32 i = 0; i < VOLUMES_MAX; i++) {
		struct volume *v = volume_at(i);

		if (!v->disk)
			continue;
		refused(volume_delete(v, ended, NULL), "the plan does not name this disk");
		refused(volume_rename(v, "x", ended, NULL), "the plan does not name this disk");
		refused(volume_grow(v, 2 * MiB, ended, NULL), "the plan does not name this disk");
	}
	gone(&toy[0]);
	memset(order, 0, sizeof(order));
	refused(volume_init_disk(s, true, ended, NULL), "the disk is gone");
	refused(volume_create(s, "x", MiB, VOLUME_OURS, ended, NULL), "the disk is gone");
	toy[0].d = plain(&toy[0]);
	toy[0].d.readonly = true;
	s = plug(&toy[0]);
	refused(volume_init_disk(s, true, ended, NULL), "cannot be written");
	refused(volume_create(s, "x", MiB, VOLUME_OURS, ended, NULL), "cannot be written");
}

static void test_changes_that_are_refused(void **state)
{
	struct storage_client c = { .name = "user" };
	struct storage_disk *s = plug(&toy[0]);
	struct volume *web, *db;

	refused(volume_create(s, "web", MiB, VOLUME_OURS, ended, NULL), "`disk init` makes one");
	check(volume_init_disk(s, false, ended, NULL));
	check(volume_create(s, "web", 2 * MiB, VOLUME_OURS, ended, NULL));
	check(volume_create(s, "db", MiB, VOLUME_STORE, ended, NULL));
	web = volume_find("web", NULL, 0);
	db = volume_find("db", NULL, 0);
	assert_memory_not_equal(&web->guid, &db->guid, sizeof(web->guid));
	assert_int_equal(web->guid.byte[7] >> 4, 4);
	assert_int_equal(web->guid.byte[8] >> 6, 2);
	memset(order, 0, sizeof(order));
	refused(volume_init_disk(s, false, ended, NULL), "the disk holds something");
	refused(volume_create(s, "a/b", MiB, VOLUME_OURS, ended, NULL), "a name has");
	refused(volume_create(s, "", MiB, VOLUME_OURS, ended, NULL), "a name has");
	refused(volume_create(s, "web", MiB, VOLUME_OURS, ended, NULL), "there is a volume");
	refused(volume_create(s, "x", BYTES, VOLUME_OURS, ended, NULL), "no gap");
	refused(volume_create(s, "x", 0, VOLUME_OURS, ended, NULL), "at least one byte");
	refused(volume_rename(web, "a/b", ended, NULL), "a name has");
	refused(volume_rename(web, "db", ended, NULL), "there is a volume");
	refused(volume_rename(db, "x", ended, NULL), "for good");
	refused(volume_grow(web, MiB, ended, NULL), "more than that already");
	refused(volume_grow(web, 4 * MiB, ended, NULL), "no room behind it");
	assert_int_equal(volume_open(&c, web), 0);
	refused(volume_init_disk(s, true, ended, NULL), "in use");
	refused(volume_delete(web, ended, NULL), "in use");
	refused(volume_grow(web, 2 * MiB, ended, NULL), "in use");
	check(volume_init_disk(plug(&toy[1]), true, ended, NULL));	/* which has nothing to do with that */
	assert_int_equal(volume_close(&c), 0);
	web->changing = true;
	memset(order, 0, sizeof(order));
	refused(volume_delete(web, ended, NULL), "something is being done");
	refused(volume_rename(web, "x", ended, NULL), "something is being done");
	web->changing = false;
	assert_null(volume_delete(web, ended, NULL));
	assert_non_null(strstr(volume_create(s, "x", MiB, VOLUME_OURS, ended, NULL), "try again"));
	assert_non_null(strstr(volume_init_disk(s, true, ended, NULL), "try again"));
	settle();
	assert_int_equal(ends, 1);
}

/* What took an hour is not lost because somebody changes the table just when it is done. */
static void test_a_copy_waits_for_the_table(void **state)
{
	struct storage_disk *s = plug(&toy[0]);

	check(volume_init_disk(s, false, ended, NULL));
	check(volume_create(s, "web", MiB, VOLUME_OURS, ended, NULL));
	assert_null(volume_clone(volume_find("web", NULL, 0), s, "copy", ended, NULL));
	for (u32 n = 0; toy[0].count == 0 || toy[0].flying[0]->op != BLOCK_FLUSH || s->gpt->busy; n++) {
		assert_true(n < 1000);
		storage_poll(tsc_now());
		if (toy[0].flying[0]->op != BLOCK_FLUSH || s->gpt->busy)
			toy_answer(&toy[0], DISK_OK);
	}
	assert_null(volume_create_unerased(s, "db", MiB, ended, NULL));
	settle();
	assert_int_equal(ends, 2);
	assert_null(end_why);
	assert_non_null(volume_find("copy", NULL, 0));
	assert_null(volume_find("copy.new", NULL, 0));
}

/* Nor because somebody has taken its name. */
static void test_a_name_taken_while_it_is_copied(void **state)
{
	struct storage_disk *s = plug(&toy[0]);
	struct storage_client c = { .name = "c" };

	check(volume_init_disk(s, false, ended, NULL));
	check(volume_create(s, "web", MiB, VOLUME_OURS, ended, NULL));
	assert_null(volume_clone(volume_find("web", NULL, 0), s, "copy", ended, NULL));
	for (u32 n = 0; !volume_find("copy.new", NULL, 0); n++) {
		assert_true(n < 1000);
		storage_poll(tsc_now());
		toy_answer(&toy[0], DISK_OK);
	}
	assert_null(volume_create_unerased(s, "copy", MiB, ended, NULL));
	settle();
	assert_int_equal(ends, 2);
	assert_non_null(strstr(end_why, "there is a volume of this name by now; all of it is there, as *.new"));
	assert_int_equal(volume_find("copy.new", NULL, 0)->type, VOLUME_OURS);
	assert_int_equal(volume_open(&c, volume_find("copy.new", NULL, 0)), 0);
	assert_int_equal(volume_close(&c), 0);
	ends = 0;
	check(volume_rename(volume_find("copy.new", NULL, 0), "other", ended, NULL));
}

/* Where others keep what is theirs: ext at 1 KiB, swap at 4086, ISO 9660 at 32 KiB, btrfs at 64, RAID and LVM at the end. */
static void test_only_an_empty_disk_is_taken(void **state)
{
	static const u64 at[] = { 1024 + 56, 4086, 32 * KiB + 1, 64 * KiB + 64, BYTES - 64 * KiB, BYTES - 1 };
	struct storage_disk *s;

	for (u32 i = 0; i < ARRAY_COUNT(at); i++) {
		setup(state);
		toy[0].bytes[at[i]] = 0x53;
		s = plug(&toy[0]);
		assert_non_null(volume_init_disk(s, false, ended, NULL));
		check(volume_init_disk(s, true, ended, NULL));
	}
	setup(state);
	check(volume_init_disk(plug(&toy[0]), false, ended, NULL));
}

/* What would divide by zero, run over a buffer or never end further down. */
static void test_absurd_limits_are_refused(void **state)
{
	for (u32 i = 0; i < 9; i++) {
		struct disk *d = &toy[0].d;

		*d = plain(&toy[0]);
		if (i < 4)
			d->sector_size = (u32[]){ 0, 256, 1536, 8192 }[i];
		else if (i < 6)
			d->sectors = (u64[]){ 1ul << 56, ~0ul }[i - 4];
		else if (i == 6)
			d->pieces_max = 0;
		else if (i == 7)
			d->bytes_max = 511;
		else
			d->dma_end = 4096;
		assert_int_equal(disk_add(d), -E_INVAL);
	}
	toy[0].d = plain(&toy[0]);
	plug(&toy[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_place_is_used_again), T(test_a_volume_of_any_length_is_cloned), T(test_a_copy_waits_for_the_table), T(test_a_copy_is_zero_behind_its_end), T(test_what_is_unfinished_shows_nothing),
		T(test_a_copy_needs_a_free_name), T(test_a_name_taken_while_it_is_copied),
		T(test_a_table_is_written_in_order), T(test_a_table_that_cannot_be_written),
		T(test_other_disks_are_left_alone), T(test_changes_that_are_refused),
		T(test_only_an_empty_disk_is_taken), T(test_absurd_limits_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
