/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/volume.c hv/storage/client.c hv/storage/gpt.c hv/storage/gpt_edit.c hv/lib/format.c hv/lib/string.c */
/* Volumes: who may open them, and what their users see when a disk goes and comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../hv/storage/gpt.h"
#include "no_snapshots.h"

#include <hv/log.h>
#include <hv/time.h>

#define SECTORS 32768u
#define T(test) cmocka_unit_test_setup(test, setup)

struct timebase timebase = { .tsc_hz = 1000000000 };
static struct disk hardware, another;
static struct storage_disk one, two;
static struct gpt gpt;
static u8 entries[GPT_ENTRIES_BYTES_MAX];
static const u8 disk_guid[16] = { 1 }, web_guid[16] = { 2 }, db_guid[16] = { 3 };
static struct storage_client guest;
static u32 answers[2], lines;

void assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "assertion %s in %s:%d\n", what, file, line);
	abort();
}

u64 mul_div(u64 a, u64 num, u64 den)
{
	return (u64)((unsigned __int128)a * num / den);
}

void log_write(enum log_level level, const char *fmt, ...)
{
	lines++;
}

void storage_wake(const struct storage_disk *s)
{
}

void snap_look(struct storage_disk *s)
{
	volumes_rejoin(s);
}

static void answered(struct storage_request *rq, enum block_result result)
{
	answers[result == BLOCK_OK]++;
}

static int setup(void **state)
{
	for (u32 i = 0; i < STORAGE_CLIENTS_MAX; i++)
		storage_client_table[i] = NULL;
	for (u32 i = 0; i < VOLUMES_MAX; i++)
		*volume_at(i) = (struct volume){ 0 };
	hardware = (struct disk){ .name = "nvme0n1", .serial = "A1", .sectors = SECTORS, .sector_size = 512 };
	another = (struct disk){ .name = "sata2", .serial = "B2", .sectors = SECTORS, .sector_size = 512 };
	one = (struct storage_disk){ .d = &hardware, .granted = true };
	two = (struct storage_disk){ .d = &another, .granted = true };
	guest = (struct storage_client){ .name = "web.0" };
	lines = answers[0] = answers[1] = 0;
	assert_int_equal(gpt_new(&gpt, entries, 512, SECTORS, disk_guid), 0);
	assert_int_equal(gpt_add(&gpt, entries, "web", 4 * MiB, volume_kind(VOLUME_OURS)->byte, web_guid), 0);
	volumes_update(&one, &gpt, entries);
	return 0;
}

static struct volume *web(void)
{
	return volume_find("web", NULL, 0);
}

bool queue_direct(struct storage_request *rq)
{
	return false;
}

static void ask(enum block_op op)
{
	static struct storage_request rq;
	static struct storage_piece piece = { .len = 512 };

	rq = (struct storage_request){ .op = op, .sectors = op != BLOCK_FLUSH, .piece = &piece, .pieces = 1, .done = answered };
	storage_submit(&guest, &rq);
	if (rq.state == RQ_QUEUED)	/* what a disk would do */
		storage_answer(storage_take_head(&guest), BLOCK_OK);
	assert_true(storage_answers);
	storage_answer_all();
}

static void gone(struct storage_disk *s)
{
	s->gone = true;
	volumes_update(s, NULL, NULL);
}

static void test_one_writer(void **state)
{
	struct storage_client second = { .name = "db.0" }, reader = { .name = "see.0", .readonly = true };

	assert_int_equal(volume_open(&guest, web()), 0);
	assert_int_equal(volume_open(&second, web()), -E_BUSY);
	assert_int_equal(volume_open(&reader, web()), -E_BUSY);
	assert_int_equal(volume_close(&guest), 0);
	assert_int_equal(volume_open(&reader, web()), 0);
	assert_int_equal(volume_open(&second, web()), -E_BUSY);
}

static void test_not_granted(void **state)
{
	assert_true(volume_is_there("web"));
	assert_false(volume_is_there("wed"));
	one.granted = false;
	assert_null(web());
	assert_false(volume_is_there("web"));
}

/* A name on two disks leads to neither volume, but it is not absent. */
static void test_twice(void **state)
{
	volumes_update(&two, &gpt, entries);
	assert_null(web());
	assert_true(volume_is_there("web"));
}

static void test_goes_and_comes_back(void **state)
{
	struct storage_client second = { .name = "db.0" };
	struct volume *v = web();

	assert_int_equal(volume_open(&guest, v), 0);
	ask(BLOCK_WRITE);
	assert_int_equal(answers[1], 1);
	gone(&one);
	ask(BLOCK_WRITE);
	assert_int_equal(answers[0], 1);
	assert_null(web());

	two.d = &hardware;		/* another place of the table, the same disk */
	volumes_update(&two, &gpt, entries);
	assert_ptr_equal(web(), v);
	assert_ptr_equal(guest.disk, &two);
	assert_int_equal(volume_open(&second, v), -E_BUSY);
	ask(BLOCK_WRITE);
	assert_int_equal(answers[1], 2);
	ask(BLOCK_FLUSH);		/* what was in its cache may be lost */
	assert_int_equal(answers[0], 2);
	ask(BLOCK_FLUSH);
	assert_int_equal(answers[1], 3);
	assert_int_equal(volume_close(&guest), 0);
	assert_int_equal(v->users | v->writers, 0);
}

/* Its copy on another disk, another size, a disk that must not be written: its users get errors, others may open it. */
static void test_is_not_the_same(void **state)
{
	for (u32 i = 0; i < 3; i++) {
		setup(state);
		assert_int_equal(volume_open(&guest, web()), 0);
		gone(&one);
		if (i)
			two.d = &hardware;
		if (i == 1)
			assert_int_equal(gpt_grow(&gpt, entries, 0, 5 * MiB), 0);
		hardware.readonly = i == 2;
		volumes_update(&two, &gpt, entries);
		assert_null(guest.disk);
		ask(BLOCK_READ);
		assert_int_equal(answers[0], 1);
		assert_int_equal(volume_close(&guest), 0);
		assert_non_null(web());
	}
}

static void test_two_datastores(void **state)
{
	assert_null(volume_datastore());
	gpt_add(&gpt, entries, "a", MiB, volume_kind(VOLUME_DATASTORE)->byte, db_guid);
	volumes_update(&one, &gpt, entries);
	assert_non_null(volume_datastore());
	volumes_update(&two, &gpt, entries);
	lines = 0;
	assert_null(volume_datastore());
	assert_null(volume_datastore());
	assert_int_equal(lines, 1);
	gone(&two);
	assert_non_null(volume_datastore());
	two.gone = false;
	volumes_update(&two, &gpt, entries);
	assert_null(volume_datastore());
	assert_int_equal(lines, 2);
}

static void test_guid(void **state)
{
	char words[40], why[160];
	struct storage_guid guid;

	storage_guid_words(&web()->guid, words, sizeof(words));
	assert_true(volume_guid_parse(words, &guid));
	assert_memory_equal(guid.byte, web_guid, 16);
	assert_ptr_equal(volume_find(words, NULL, 0), web());
	words[35] = 'g';
	assert_false(volume_guid_parse(words, &guid));
	volumes_update(&two, &gpt, entries);
	assert_null(volume_find("web", why, sizeof(why)));
	assert_non_null(strstr(why, "two partitions are called"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_one_writer), T(test_not_granted), T(test_twice), T(test_goes_and_comes_back), T(test_is_not_the_same),
		T(test_two_datastores), T(test_guid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
