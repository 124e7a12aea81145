/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/client.c hv/storage/cut.c hv/storage/depth.c hv/storage/queue.c hv/storage/disks.c hv/storage/volume.c hv/storage/gpt.c hv/storage/gpt_edit.c hv/storage/gpt_job.c hv/storage/gpt_change.c hv/storage/wipe.c hv/storage/snap_format.c hv/storage/snap_map.c hv/storage/snap_store.c hv/storage/snap_load.c hv/storage/snap_log.c hv/storage/snap_gate.c hv/storage/snap_change.c hv/storage/snap_rollback.c hv/lib/format.c hv/lib/string.c */
/* What a disk that fails costs: those snapshots that could not be kept, no others, no room; a rollback only itself. */
#include "snap_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define SECTORS 2048u			/* of "web": 16 extents */

static u32 got[SECTORS];
static struct storage_client guest;

static int setup(void **state)
{
	make_disk(SECTORS * 512);
	guest = (struct storage_client){ .name = "web.0" };
	return volume_open(&guest, vol("web"));
}

static int teardown(void **state)
{
	unplug();
	if (guest.open)
		assert_int_equal(volume_close(&guest), 0);
	settle();
	fake.ordered = false;
	return 0;
}

static void all_are(const char *name, u32 from, u32 to, u32 number)
{
	read_volume(name, got, SECTORS);
	for (u32 i = from; i < to; i++)
		if (got[i] != number)
			fail_msg("%s: sector %u is %u, not %u", name, i, got[i], number);
}

/* Reads (of the volume), or writes of chunks, fail so many times after so many. */
static void reads_fail(u32 skip, u32 times)
{
	u64 first = vol("web")->first;

	fake.fail.op = BLOCK_READ;
	fake.fail.from = first;
	fake.fail.to = first + SECTORS;
	fake.fail.skip = skip;
	fake.fail.times = times;
	fake.fail.result = DISK_MEDIUM;
}

static void chunks_fail(u32 skip, u32 times)
{
	const struct snap_store *t = snap_of(vol("web"));

	reads_fail(skip, times);
	fake.fail.op = BLOCK_WRITE;
	fake.fail.from = t->first + t->super.data;
	fake.fail.to = t->first + t->sectors;
}

static u32 used(void)
{
	const struct snap_map *m = &snap_of(vol("web"))->map;

	return m->chunks - m->free;
}

/* Of two snapshots only the younger one lacks what could not be read: the older one has its own. */
static void test_only_those_that_lack_it(void **state)
{
	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	put(&guest, 0, 10, 2);
	WELL(snapshot("web", "two", 0));
	assert_int_equal(used(), 1);
	reads_fail(0, 1);
	assert_int_equal(put(&guest, 5, 10, 3), BLOCK_OK);
	assert_int_equal(fake.fail.times, 0);
	assert_null(vol("two"));
	assert_non_null(vol("one"));
	all_are("one", 0, SECTORS, 1);
	assert_int_equal(used(), 1);
	assert_int_equal(put(&guest, 1000, 10, 4), BLOCK_OK);
	all_are("one", 0, SECTORS, 1);
	assert_int_equal(used(), 2);
}

/* Several extents of one request: all of them fail, or some, while the others are under way. The snapshot goes once. */
static void test_several_at_once(void **state)
{
	for (u32 n = 1; n <= 16; n++) {
		u32 bad = 1 + n % 4;
		char name[8];

		fake.ordered = n <= 4;
		put(&guest, 0, SECTORS, n);
		snprintf(name, sizeof(name), "s%u", n);
		WELL(snapshot("web", name, 0));
		reads_fail(0, 1000);
		fake.fail.to = fake.fail.from + bad * EXTENT;
		assert_int_equal(put(&guest, 0, 512, 100 + n), BLOCK_OK);
		memset(&fake.fail, 0, sizeof(fake.fail));
		assert_null(vol(name));
		assert_int_equal(used(), 0);
		numbers_of(&guest, got, SECTORS);
		for (u32 i = 0; i < SECTORS; i++)
			assert_int_equal(got[i], i < 512 ? 100 + n : n);
	}
	WELL(snapshot("web", "last", 0));
	assert_int_equal(put(&guest, 0, 512, 7), BLOCK_OK);
	all_are("last", 0, 512, 116);
}

/* A chunk that cannot be written is left, another one is taken: twice; then it is the disk. */
static void test_bad_chunks(void **state)
{
	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	chunks_fail(0, 2);
	assert_int_equal(put(&guest, 0, 10, 2), BLOCK_OK);
	all_are("one", 0, SECTORS, 1);
	assert_int_equal(used(), 3);		/* two of them are not used again before the next start */
	chunks_fail(0, 1000);
	assert_int_equal(put(&guest, 200, 10, 2), BLOCK_OK);
	assert_int_equal(fake.fail.times, 1000 - 3);
	assert_null(vol("one"));
	assert_int_equal(used(), 5);
	memset(&fake.fail, 0, sizeof(fake.fail));
	unplug();
	plug();
	assert_int_equal(used(), 0);
}

/* What a clone writes cannot be copied: it hears of it. Nobody else loses anything. */
static void test_clone_alone(void **state)
{
	struct storage_client c = { .name = "copy.0" };

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	WELL(clone("one", "copy"));
	assert_int_equal(volume_open(&c, vol("copy")), 0);
	reads_fail(0, 1);
	assert_int_equal(put(&c, 0, 10, 2), BLOCK_FAILED);
	assert_non_null(vol("one"));
	assert_non_null(vol("copy"));
	assert_int_equal(put(&c, 0, 10, 3), BLOCK_OK);
	numbers_of(&c, got, SECTORS);
	assert_int_equal(got[9], 3);
	assert_int_equal(got[10], 1);
	all_are("one", 0, SECTORS, 1);
	assert_int_equal(volume_close(&c), 0);
}

/* In "one" all is 1, in "two" the first 512 sectors are 2; the guest is off. */
static void two_versions(void)
{
	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	put(&guest, 0, 512, 2);
	WELL(snapshot("web", "two", 0));
	assert_int_equal(volume_close(&guest), 0);
}

/* A rollback that cannot keep what a younger snapshot needs ends, and takes nothing with it; asked again it is done. */
static void test_rollback_loses_none(void **state)
{
	for (u32 n = 0; n < 2; n++) {
		two_versions();
		if (n)
			chunks_fail(1, 1000);
		else
			reads_fail(1, 1);
		assert_non_null(strstr(rollback("web", "one"), "could not be written"));
		assert_non_null(vol("one"));
		assert_non_null(vol("two"));
		assert_int_equal(volume_open(&guest, vol("web")), -E_BUSY);
		memset(&fake.fail, 0, sizeof(fake.fail));
		all_are("two", 0, 512, 2);
		WELL(rollback("web", "one"));
		all_are("web", 0, SECTORS, 1);
		all_are("two", 0, 512, 2);
		all_are("two", 512, SECTORS, 1);
		WELL(delete("one"));
		WELL(delete("two"));
		assert_int_equal(volume_open(&guest, vol("web")), 0);
	}
}

/* Chunks that were lost leave no room in the midst of a rollback: it ends, no snapshot is dropped for it. */
static void test_rollback_without_room(void **state)
{
	struct snap_store *t;
	u32 chunk;

	two_versions();
	t = snap_of(vol("web"));
	while (t->map.free > 5)
		assert_int_equal(snap_map_take(&t->map, &chunk), 0);
	chunks_fail(0, 2);
	assert_non_null(strstr(rollback("web", "one"), "no room"));
	assert_non_null(vol("one"));
	assert_non_null(vol("two"));
	all_are("two", 0, 512, 2);
	unplug();
	plug();			/* what was lost is there again, and it goes on */
	all_are("web", 0, SECTORS, 1);
	all_are("two", 0, 512, 2);
	all_are("one", 0, SECTORS, 1);
}

/* Nothing more can be written of what a rollback keeps: half of the volume is the old one, so nobody gets it before all of it is. */
static void test_rollback_without_log(void **state)
{
	struct snap_store *t;

	two_versions();
	t = snap_of(vol("web"));
	chunks_fail(1, 1);			/* that it is begun is written, that something is kept is not */
	fake.fail.from = t->first;
	fake.fail.to = t->first + t->super.data;
	assert_non_null(end_of(volume_rollback(vol("web"), vol("one"), change_ended, NULL)));
	assert_int_equal(fake.fail.times, 0);
	assert_int_equal(t->state, SNAP_BROKEN);
	assert_int_equal(volume_open(&guest, vol("web")), -E_INVAL);
	unplug();
	plug();
	all_are("web", 0, SECTORS, 1);
	all_are("two", 0, 512, 2);
	all_are("two", 512, SECTORS, 1);
}

/* Somebody reads a snapshot that is lost meanwhile: its room is another's only after that. */
static void test_room_of_what_is_read(void **state)
{
	struct storage_client reader = { .name = "see.0", .readonly = true };
	struct ask r;

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	put(&guest, 0, 10, 2);
	assert_int_equal(volume_open(&reader, vol("one")), 0);
	ask_begin(&r, &reader, BLOCK_READ, 10, 20, 0);
	storage_poll(0);
	assert_int_equal(fake.count, 1);
	fake.hold_length = 20;
	reads_fail(0, 1000);
	fake.fail.from += 5 * EXTENT;
	fake.fail.to = fake.fail.from + EXTENT;
	assert_int_equal(put(&guest, 5 * EXTENT, 10, 3), BLOCK_OK);
	memset(&fake.fail, 0, sizeof(fake.fail));
	assert_null(vol("one"));
	assert_int_equal(used(), 1);
	WELL(snapshot("web", "two", 0));
	for (u32 i = 6; i < 16; i++)
		assert_int_equal(put(&guest, i * EXTENT, 10, 4), BLOCK_OK);
	assert_int_equal(used(), 11);
	fake.hold_length = 0;
	settle();
	for (u32 i = 0; i < 20 * 128; i++)
		assert_int_equal(r.memory[i], 1);
	ask_end(&r);
	assert_int_equal(used(), 10);
	assert_int_equal(volume_close(&reader), 0);
}

static u32 first_taken(const struct snap_store *t)
{
	u32 i = 0;

	while (t->map.chunk[i].state != CHUNK_TAKEN)
		i++;
	return i;
}

static u64 discard(u64 sector, u64 sectors)
{
	u64 before = fake.discarded;
	struct ask a;

	ask_begin(&a, &guest, BLOCK_DISCARD, sector, sectors, 0);
	settle();
	assert_int_equal(ask_end(&a), BLOCK_OK);
	return fake.discarded - before;
}

/* A discard while a snapshot is on its way to the medium, or while somebody still reads there, is none. */
static void test_discard_at_the_wrong_time(void **state)
{
	struct storage_client reader = { .name = "see.0", .readonly = true };
	struct snap_store *t;
	struct ask r;

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	put(&guest, 0, EXTENT, 1);			/* kept for that */
	t = snap_of(vol("web"));
	assert_null(volume_snapshot(vol("web"), "two", 0, change_ended, NULL));
	while (t->log.at != LOG_WRITE)
		if (!storage_poll(0))
			fake_answer();
	assert_int_equal(discard(0, EXTENT), 0);
	all_are("two", 0, SECTORS, 1);
	assert_int_equal(volume_open(&reader, vol("two")), 0);
	ask_begin(&r, &reader, BLOCK_READ, 10, 20, 0);
	storage_poll(0);
	assert_int_equal(fake.count, 1);
	fake.hold_length = 20;
	snap_map_take(&t->map, &(u32){ 0 });
	assert_int_equal(snap_map_apply(&t->map, &(struct snap_record){ .op = SNAP_MAP, .layer = t->map.newest,
			 .chunk = first_taken(t) }), 0);
	assert_int_equal(discard(0, EXTENT), 0);
	fake.hold_length = 0;
	settle();
	for (u32 i = 0; i < 20 * 128; i++)
		assert_int_equal(r.memory[i], 1);
	ask_end(&r);
	assert_int_equal(volume_close(&reader), 0);
}

/* A write waits with half of it kept for one snapshot, then another is taken: all of it is kept for that. */
static void test_taken_while_a_write_is_held(void **state)
{
	struct ask w;

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	put(&guest, 0, EXTENT, 1);			/* kept for that */
	fake.hold_length = EXTENT;
	ask_begin(&w, &guest, BLOCK_WRITE, 0, 2 * EXTENT, 2);
	settle();
	assert_int_equal(w.rq.given, EXTENT);
	WELL(snapshot("web", "two", 0));
	assert_int_equal(w.ended, 0);
	fake.hold_length = 0;
	settle();
	assert_int_equal(ask_end(&w), BLOCK_OK);
	all_are("one", 0, SECTORS, 1);
	all_are("two", 0, SECTORS, 1);
	numbers_of(&guest, got, SECTORS);
	assert_int_equal(got[2 * EXTENT - 1], 2);
}

/* A clone is lost while its write and the volume's wait for extents to be kept: only its own fails. */
static void test_only_its_own_fails(void **state)
{
	struct storage_client c = { .name = "copy.0" };
	struct ask own, its;

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	WELL(clone("one", "copy"));
	assert_int_equal(volume_open(&c, vol("copy")), 0);
	fake.hold_length = EXTENT;
	ask_begin(&own, &guest, BLOCK_WRITE, 0, 8, 2);
	ask_begin(&its, &c, BLOCK_WRITE, 5 * EXTENT, 8, 3);
	settle();
	assert_int_equal(own.ended + its.ended, 0);
	assert_int_equal(guest.held, 1);
	assert_int_equal(c.held, 1);
	assert_int_equal(storage_bind(&c, NULL, 0, 0), 0);
	settle();
	assert_int_equal(guest.held, 1);
	assert_int_equal(ask_end(&its), BLOCK_FAILED);
	fake.hold_length = 0;
	settle();
	assert_int_equal(ask_end(&own), BLOCK_OK);
	assert_int_equal(volume_close(&c), 0);
	all_are("one", 0, SECTORS, 1);
}

/* Others have taken the volume away and left what keeps its snapshots: it is of nobody, and may be deleted. */
static void test_origin_is_gone(void **state)
{
	struct snap_store *t;
	struct snap_super s;

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	t = snap_of(vol("web"));
	s = t->super;
	s.origin[0] ^= 0xff;
	snap_super_write(&s, fake.bytes + snap_block_at(t, s.seq & 1) * 512);
	unplug();
	plug();
	assert_null(vol("one"));
	assert_null(snap_of(vol("web")));
	assert_int_equal(put(&guest, 0, 8, 2), BLOCK_OK);
	for (u32 i = 0; i < VOLUMES_MAX; i++)
		if (volume_at(i)->disk && volume_at(i)->type == VOLUME_STORE) {
			assert_int_equal(snap_on(volume_at(i))->state, SNAP_EMPTY);
			WELL(end_of(volume_delete(volume_at(i), change_ended, NULL)));
		}
	WELL(snapshot("web", "two", 0));
}

/* When the last one is gone discards reach the disk again, and writes cost nothing. */
static void test_after_the_last(void **state)
{
	u64 reads;

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	assert_int_equal(discard(0, EXTENT), 0);
	WELL(delete("one"));
	assert_int_equal(discard(0, EXTENT), EXTENT);
	reads = fake.reads;
	assert_int_equal(put(&guest, 0, SECTORS, 2), BLOCK_OK);
	assert_int_equal(fake.reads, reads);
	assert_int_equal(used(), 0);
}

/* "copy" of "one" is on its way into the log, whose block stays on the way. */
static struct snap_store *clone_comes(void)
{
	struct snap_store *t;

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	t = snap_of(vol("web"));
	assert_null(volume_clone_cow(vol("one"), "copy", change_ended, NULL));
	fake.hold_length = SNAP_BLOCK / 512;
	while (t->log.at != LOG_WRITE)
		if (!storage_poll(0))
			fake_answer();
	return t;
}

/* It waits for that, and then they go together. */
static void writes_when_it_has_come(void)
{
	struct ask w;

	ask_begin(&w, &guest, BLOCK_WRITE, 300, 10, 2);
	for (u32 n = 0; n < 2000; n++)
		if (!storage_poll(n))
			fake_answer();
	assert_int_equal(w.ended, 0);
	assert_non_null(vol("one"));
	fake.hold_length = 0;
	settle();
	assert_int_equal(ask_end(&w), BLOCK_OK);
	assert_null(vol("one"));
	assert_null(vol("copy"));
}

/* A snapshot is about to be lost, as it cannot be kept, while a clone of it comes. */
static void test_lost_while_it_is_cloned(void **state)
{
	clone_comes();
	reads_fail(0, 1000000);
	writes_when_it_has_come();
	assert_int_equal(used(), 0);
}

/* The same for want of room. */
static void test_no_room_while_it_is_cloned(void **state)
{
	struct snap_store *t = clone_comes();
	u32 chunk;

	while (!snap_map_take(&t->map, &chunk))
		;
	writes_when_it_has_come();
}

/* A snapshot that no volume shows, as there were too many, is there all the same: so is its name. */
static void test_name_of_one_not_shown(void **state)
{
	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	snap_hide_layer(snap_of(vol("web")), 0);
	assert_null(vol("one"));
	assert_non_null(strstr(snapshot("web", "one", 0), "not shown"));
	assert_non_null(strstr(clone("web", "one"), "not shown"));
	WELL(snapshot("web", "two", 0));
	WELL(delete("two"));
	assert_int_equal(put(&guest, 0, 10, 2), BLOCK_OK);
}

/* Given up while one was being deleted; the next snapshot, in the same partition, begins anew. */
static void test_given_up_then_again(void **state)
{
	struct snap_store *t;

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	t = snap_of(vol("web"));
	fake.fail.op = BLOCK_WRITE;
	fake.fail.from = t->first;
	fake.fail.to = t->first + t->super.data;
	fake.fail.times = 1;
	fake.fail.result = DISK_MEDIUM;
	assert_string_not_equal(delete("one"), "");
	assert_int_equal(t->state, SNAP_EMPTY);
	WELL(snapshot("web", "two", 0));
	assert_non_null(vol("two"));
	assert_int_equal(put(&guest, 0, 10, 2), BLOCK_OK);
	all_are("two", 0, SECTORS, 1);
}

/* What a deleted clone has left in its place is nothing that could be lost again. */
static void test_lost_behind_a_deleted_clone(void **state)
{
	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	WELL(clone("one", "copy"));
	WELL(delete("copy"));
	reads_fail(0, 1);
	assert_int_equal(put(&guest, 5, 10, 3), BLOCK_OK);
	assert_null(vol("one"));
	assert_int_equal(used(), 0);
	assert_int_equal(snap_of(vol("web"))->state, SNAP_READY);
	WELL(snapshot("web", "two", 0));
	all_are("two", 5, 15, 3);
}

static u32 warnings;

static void count_warnings(const struct disk_request *rq)
{
	warnings += strstr(last_line, "of their room is free") != NULL;
	last_line[0] = 0;
}

/* Told at 20 % and at 5 %, once each. */
static void test_room_is_warned_of(void **state)
{
	u32 chunks;

	assert_int_equal(volume_close(&guest), 0);
	WELL(end_of(volume_create(place(), "large", 16 * MiB, VOLUME_OURS, change_ended, NULL)));
	assert_int_equal(volume_open(&guest, vol("large")), 0);
	WELL(snapshot("large", "one", 8 * MiB));
	chunks = snap_of(vol("large"))->map.chunks;
	warnings = 0;
	before_write = count_warnings;
	for (u32 i = 0; i < chunks; i++) {
		assert_int_equal(put(&guest, i * EXTENT, 1, 2), BLOCK_OK);
		if ((i + 1) * 100 / chunks == 70)
			assert_int_equal(warnings, 0);
		if ((i + 1) * 100 / chunks == 90)
			assert_int_equal(warnings, 1);
	}
	before_write = NULL;
	assert_int_equal(warnings, 2);
	assert_non_null(vol("one"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_only_those_that_lack_it), T(test_several_at_once), T(test_bad_chunks), T(test_clone_alone),
		T(test_rollback_loses_none), T(test_rollback_without_room), T(test_rollback_without_log), T(test_room_of_what_is_read),
		T(test_discard_at_the_wrong_time), T(test_taken_while_a_write_is_held), T(test_origin_is_gone), T(test_after_the_last),
		T(test_lost_while_it_is_cloned), T(test_no_room_while_it_is_cloned), T(test_name_of_one_not_shown),
		T(test_lost_behind_a_deleted_clone), T(test_only_its_own_fails), T(test_room_is_warned_of), T(test_given_up_then_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
