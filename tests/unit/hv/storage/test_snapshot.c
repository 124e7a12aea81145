/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/client.c hv/storage/cut.c hv/storage/depth.c hv/storage/queue.c hv/storage/disks.c hv/storage/volume.c hv/storage/gpt.c hv/storage/gpt_edit.c hv/storage/gpt_job.c hv/storage/gpt_change.c hv/storage/wipe.c hv/storage/snap_format.c hv/storage/snap_map.c hv/storage/snap_store.c hv/storage/snap_load.c hv/storage/snap_log.c hv/storage/snap_gate.c hv/storage/snap_change.c hv/storage/snap_rollback.c hv/lib/format.c hv/lib/string.c */
/* Snapshots, clones and rollback on the whole block layer: what is read is what was there then, whoever writes
 * meanwhile; what is refused; what happens when there is no room or the disk fails. */
#include "snap_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define SECTORS 2048u			/* of "web": 16 extents */

static u32 got[65536];
static struct storage_client guest;

static int setup(void **state)
{
	make_disk(SECTORS * 512);
	guest = (struct storage_client){ .name = "web.0" };
	assert_int_equal(volume_open(&guest, vol("web")), 0);
	return 0;
}

static int teardown(void **state)
{
	unplug();
	if (guest.open)
		assert_int_equal(volume_close(&guest), 0);
	settle();
	for (u32 i = 0; i < SNAP_STORES_MAX; i++)
		assert_int_equal(snap_table[i].state, SNAP_OFF);
	return 0;
}

static void restart(void)
{
	teardown(NULL);
	plug();
	guest = (struct storage_client){ .name = "web.0" };
	assert_int_equal(volume_open(&guest, vol("web")), 0);
}

static void all_are(const char *name, u32 from, u32 to, u32 number)
{
	read_volume(name, got, SECTORS);
	for (u32 i = from; i < to; i++)
		if (got[i] != number)
			fail_msg("%s: sector %u is %u, not %u", name, i, got[i], number);
}

static void guest_off(void) { assert_int_equal(volume_close(&guest), 0); }
static void guest_on(void) { assert_int_equal(volume_open(&guest, vol("web")), 0); }

static void guest_has(u32 from, u32 to, u32 number)
{
	numbers_of(&guest, got, SECTORS);
	for (u32 i = from; i < to; i++)
		assert_int_equal(got[i], number);
}

static void test_keeps_what_was(void **state)
{
	assert_int_equal(put(&guest, 0, SECTORS, 1), BLOCK_OK);
	WELL(snapshot("web", "one", 0));
	assert_int_equal(put(&guest, 100, 300, 2), BLOCK_OK);
	WELL(snapshot("web", "two", 0));
	assert_int_equal(put(&guest, 0, 1000, 3), BLOCK_OK);
	for (u32 round = 0; round < 2; round++) {
		all_are("one", 0, SECTORS, 1);
		all_are("two", 0, 100, 1);
		all_are("two", 100, 400, 2);
		all_are("two", 400, SECTORS, 1);
		guest_has(0, 1000, 3);
		guest_has(1000, SECTORS, 1);
		restart();
	}
}

/* What other systems see: a plain partition with the newest content. */
static void test_origin_is_plain(void **state)
{
	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	put(&guest, 5, 700, 2);
	for (u32 i = 5; i < 705; i++)
		assert_int_equal(((u32 *)fake.bytes)[(vol("web")->first + i) * 128], 2);
}

static void test_rollback(void **state)
{
	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	put(&guest, 0, 500, 2);
	WELL(snapshot("web", "two", 0));
	put(&guest, 300, 700, 3);
	assert_string_equal(rollback("web", "one"), "it is in use: stop the guest first");
	guest_off();
	WELL(rollback("web", "one"));
	all_are("web", 0, SECTORS, 1);
	all_are("two", 0, 500, 2);
	all_are("two", 500, SECTORS, 1);
	WELL(rollback("web", "two"));
	all_are("web", 0, 500, 2);
	all_are("web", 500, SECTORS, 1);
	all_are("one", 0, SECTORS, 1);
	guest_on();
}

static void test_clone(void **state)
{
	struct storage_client c = { .name = "copy.0" };

	put(&guest, 0, SECTORS, 1);
	WELL(clone("web", "copy"));
	assert_int_equal(volume_open(&c, vol("copy")), 0);
	assert_int_equal(put(&c, 50, 200, 7), BLOCK_OK);
	put(&guest, 0, 600, 2);
	all_are("copy.base", 0, SECTORS, 1);
	numbers_of(&c, got, SECTORS);
	for (u32 i = 0; i < SECTORS; i++)
		assert_int_equal(got[i], i >= 50 && i < 250 ? 7 : 1);
	guest_has(0, 600, 2);
	assert_string_equal(delete("copy"), "it is in use");
	assert_int_equal(volume_close(&c), 0);
	assert_string_equal(delete("copy.base"), "there are clones over it: delete those first");
	restart();
	all_are("copy", 50, 250, 7);
	all_are("copy", 250, SECTORS, 1);
	WELL(delete("copy"));
	assert_null(vol("copy"));
	assert_null(vol("copy.base"));
	assert_int_equal(snap_of(vol("web"))->map.free, snap_of(vol("web"))->map.chunks);
}

static void test_delete_merges(void **state)
{
	for (u32 n = 1; n < 6; n++) {
		char name[8];

		put(&guest, 200 * n, 300, n);
		snprintf(name, sizeof(name), "s%u", n);
		WELL(snapshot("web", name, 0));
	}
	put(&guest, 0, SECTORS, 9);
	WELL(delete("s3"));
	WELL(delete("s5"));
	for (u32 round = 0; round < 2; round++) {
		all_are("s2", 200, 400, 1);
		all_are("s2", 400, 700, 2);
		all_are("s2", 700, SECTORS, 0);
		all_are("s4", 800, 1100, 4);
		all_are("s4", 600, 800, 3);
		all_are("s1", 500, SECTORS, 0);
		restart();
	}
	WELL(delete("s1"));
	WELL(delete("s4"));
	put(&guest, 0, SECTORS, 10);
	all_are("s2", 400, 700, 2);
	all_are("s2", 700, SECTORS, 0);
	WELL(delete("s2"));
	assert_int_equal(snap_of(vol("web"))->map.free, snap_of(vol("web"))->map.chunks);
}

/* Requests of the guest's are under way all the time: a snapshot is what was between two of them. */
static void test_while_it_writes(void **state)
{
	struct ask a[6];
	u32 version = 1, least;

	for (u32 round = 0; round < 30; round++) {
		char name[12];

		snprintf(name, sizeof(name), "r%u", round);
		least = version;
		for (u32 i = 0; i < 6; i++)
			ask_begin(&a[i], &guest, i == 5 ? BLOCK_FLUSH : BLOCK_WRITE, i == 5 ? 0 : i * 400, i == 5 ? 0 : 400, ++version);
		for (u32 n = noise() % 6; n; n--) {
			storage_poll(0);
			fake_answer();
		}
		WELL(snapshot("web", name, 0));
		for (u32 i = 0; i < 6; i++)
			assert_int_equal(ask_end(&a[i]), BLOCK_OK);
		/* All of them were asked before: each write is wholly in it or wholly not. */
		read_volume(name, got, SECTORS);
		for (u32 i = 0; i < 5; i++)
			for (u32 s = 0; s < 400; s++)
				assert_int_equal(got[400 * i + s], got[400 * i]);
		assert_true(!round || got[0] >= least - 5);
		if (round > 2)
			WELL(delete(name));
	}
}

/* What had begun has to end first. */
static void test_earlier_requests_are_waited_for(void **state)
{
	u32 before = change_seen.ended;
	struct ask w;

	fake.hold_length = 20;
	ask_begin(&w, &guest, BLOCK_WRITE, 0, 20, 2);
	settle();
	assert_null(volume_snapshot(vol("web"), "one", 0, change_ended, NULL));
	settle();
	assert_int_equal(change_seen.ended, before);
	assert_null(vol("one"));
	fake.hold_length = 0;
	settle();
	assert_int_equal(change_seen.ended, before + 1);
	assert_int_equal(ask_end(&w), BLOCK_OK);
	all_are("one", 0, 20, 2);
}

/* What is asked while the snapshot is on its way to the medium, is not in it. */
static void test_later_requests_wait(void **state)
{
	struct snap_store *t;
	struct ask w;

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	put(&guest, 0, 64, 1);			/* kept for that: nothing but the new one holds the next write */
	t = snap_of(vol("web"));
	assert_null(volume_snapshot(vol("web"), "two", 0, change_ended, NULL));
	while (t->log.at != LOG_WRITE)
		if (!storage_poll(0))
			fake_answer();
	ask_begin(&w, &guest, BLOCK_WRITE, 0, 64, 2);
	settle();
	assert_int_equal(ask_end(&w), BLOCK_OK);
	all_are("two", 0, SECTORS, 1);
	guest_has(0, 64, 2);
}

/* Somebody reads a snapshot there where the origin is about to be written. */
static void test_readers_are_waited_for(void **state)
{
	struct storage_client reader = { .name = "see.0", .readonly = true };
	struct ask r, w;

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	assert_int_equal(volume_open(&reader, vol("one")), 0);
	ask_begin(&r, &reader, BLOCK_READ, 10, 20, 0);
	storage_poll(0);
	assert_int_equal(fake.count, 1);
	fake.hold_length = 20;
	ask_begin(&w, &guest, BLOCK_WRITE, 0, 64, 2);
	settle();
	assert_int_equal(w.ended, 0);
	fake.hold_length = 0;
	settle();
	assert_int_equal(ask_end(&w), BLOCK_OK);
	for (u32 i = 0; i < 20 * 128; i++)
		assert_int_equal(r.memory[i], 1);
	assert_int_equal(ask_end(&r), BLOCK_OK);
	all_are("one", 0, SECTORS, 1);
	assert_int_equal(volume_close(&reader), 0);
}

/* -> sectors that the disk was told of */
static u64 discard(struct storage_client *c, u64 sector, u64 sectors)
{
	u64 before = fake.discarded;
	struct ask a;

	ask_begin(&a, c, BLOCK_DISCARD, sector, sectors, 0);
	settle();
	assert_int_equal(ask_end(&a), BLOCK_OK);
	return fake.discarded - before;
}

/* Where all that is discarded is kept, or a clone's own, the disk hears of it. */
static void test_discard_of_what_is_kept(void **state)
{
	struct storage_client c = { .name = "copy.0" };

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	WELL(clone("one", "copy"));
	put(&guest, 0, 2 * EXTENT, 2);
	assert_int_equal(discard(&guest, 8, 2 * EXTENT - 8), 2 * EXTENT - 8);
	assert_int_equal(discard(&guest, EXTENT, EXTENT + 1), 0);
	assert_int_equal(volume_open(&c, vol("copy")), 0);
	assert_int_equal(discard(&c, 0, EXTENT), 0);
	put(&c, EXTENT, EXTENT, 3);
	assert_int_equal(discard(&c, EXTENT, 8), 8);
	assert_int_equal(discard(&c, EXTENT - 1, 8), 0);
	assert_int_equal(volume_close(&c), 0);
	all_are("one", 0, SECTORS, 1);
	all_are("copy", 0, EXTENT, 1);
	all_are("copy", EXTENT + 8, 2 * EXTENT, 3);
	all_are("copy", 2 * EXTENT, SECTORS, 1);
	guest_has(2 * EXTENT, SECTORS, 1);
	restart();
	all_are("one", 0, SECTORS, 1);
	put(&guest, 0, SECTORS, 4);
	WELL(snapshot("web", "two", 0));
	assert_int_equal(discard(&guest, 0, EXTENT), 0);	/* kept for the first one, not for this one */
	guest_has(0, SECTORS, 4);
}

static void test_discard_and_zero(void **state)
{
	struct ask a;

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	assert_int_equal(discard(&guest, 0, 1000), 0);
	ask_begin(&a, &guest, BLOCK_ZERO, 0, SECTORS, 0);
	settle();
	assert_int_equal(ask_end(&a), BLOCK_OK);
	guest_has(0, SECTORS, 0);
	all_are("one", 0, SECTORS, 1);
}

static int setup_4096(void **state)
{
	sector_size = 4096;
	return setup(state);
}

static int teardown_4096(void **state)
{
	teardown(state);
	sector_size = 512;
	return 0;
}

static void test_large_sectors(void **state)
{
	struct storage_client c = { .name = "copy.0" };

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	WELL(clone("one", "copy"));
	assert_int_equal(put(&guest, 8, 1000, 2), BLOCK_OK);
	assert_int_equal(volume_open(&c, vol("copy")), 0);
	assert_int_equal(put(&c, 200, 8, 3), BLOCK_OK);
	assert_int_equal(put(&c, 201, 8, 4), BLOCK_FAILED);
	assert_int_equal(volume_close(&c), 0);
	restart();
	all_are("one", 0, SECTORS, 1);
	all_are("copy", 200, 208, 3);
	all_are("copy", 208, SECTORS, 1);
	guest_has(8, 1008, 2);
}

/* --- refused -------------------------------------------------------------------------------------------------------- */

static void test_refused(void **state)
{
	struct storage_client c = { .name = "x" };

	WELL(snapshot("web", "one", 0));
	assert_string_equal(snapshot("web", "one", 0), "there is a volume of this name");
	assert_string_equal(snapshot("web", "a/b", 0), "a name has 1 to 36 characters, printable ASCII without quotes and slashes");
	assert_string_equal(snapshot("one", "two", 0), "of a snapshot or a clone there are no snapshots");
	assert_non_null(strstr(snapshot("web", "two", 8 * MiB), "a size is for the first one only"));
	assert_int_equal(volume_open(&c, vol("one")), -E_NODEV);
	assert_non_null(strstr(end_of(volume_rename(vol("one"), "two", change_ended, NULL)), "for good"));
	WELL(clone("one", "copy"));
	assert_non_null(strstr(clone("copy", "again"), "a clone has no clones"));
	assert_string_equal(clone("web", "one"), "there is a volume of this name");
	assert_string_equal(rollback("web", "copy"), "that is no snapshot of it");
	guest_off();
	assert_non_null(strstr(delete("web"), "there are snapshots of it"));
	assert_non_null(strstr(end_of(volume_grow(vol("web"), 2 * MiB, change_ended, NULL)), "there are snapshots of it"));
	assert_non_null(strstr(end_of(volume_delete((struct volume *)snap_of(vol("web"))->volume, change_ended, NULL)), "it keeps snapshots"));
	assert_int_equal(volume_open(&c, snap_of(vol("web"))->volume), -E_BUSY);
	WELL(delete("copy"));
	assert_null(volume_snapshot(vol("web"), "two", 0, change_ended, NULL));
	assert_string_equal(volume_rollback(vol("web"), vol("one"), change_ended, NULL), "another change of snapshots is under way");
	settle();
	WELL(delete("two"));
	timebase.tsc_hz = 1ul << 40;		/* no second passes: nothing is said of how far it is */
	last_line[0] = 0;
	WELL(delete("one"));
	assert_null(strstr(last_line, "looked at"));
	timebase.tsc_hz = 1000000000;
	WELL(end_of(volume_delete((struct volume *)snap_of(vol("web"))->volume, change_ended, NULL)));
	assert_null(snap_of(vol("web")));
	guest_on();
	assert_int_equal(put(&guest, 0, 10, 1), BLOCK_OK);
	WELL(snapshot("web", "new", 0));
	put(&guest, 0, 10, 2);
	all_are("new", 0, 10, 1);
}

/* Make the partition "more" a store of the same volume as web's own: as that is, but for its own GUID. */
static void copy_store(void)
{
	const struct volume *from = snap_of(vol("web"))->volume, *to = vol("more");
	struct snap_super s;

	assert_int_equal(from->sectors, to->sectors);
	memcpy(fake.bytes + to->first * 512, fake.bytes + from->first * 512, from->sectors * 512);
	for (u32 i = 0; i < 2; i++)
		if (snap_super_read(&s, fake.bytes + from->first * 512 + i * SNAP_BLOCK, from->sectors, from->guid.byte)) {
			memcpy(s.store, to->guid.byte, 16);
			snap_super_write(&s, fake.bytes + to->first * 512 + i * SNAP_BLOCK);
		}
}

/* Two partitions of one volume: neither is believed, the volume is not written, until one of them is deleted. */
static void test_two_stores(void **state)
{
	struct storage_client c = { .name = "x" };

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 8 * MiB));
	put(&guest, 0, EXTENT, 2);
	WELL(end_of(volume_create(place(), "more", 8 * MiB, VOLUME_STORE, change_ended, NULL)));
	copy_store();
	guest_off();
	teardown(NULL);
	plug();
	assert_non_null(strstr(last_line, "another partition says so"));
	assert_null(vol("one"));
	assert_int_equal(volume_open(&c, vol("web")), -E_INVAL);
	assert_string_equal(snapshot("web", "two", 0), "what keeps its snapshots cannot be used: `volume snapshots` says why");
	c.readonly = true;
	assert_int_equal(volume_open(&c, vol("web")), 0);
	assert_int_equal(volume_close(&c), 0);
	WELL(delete("more"));
	settle();
	all_are("one", 0, SECTORS, 1);
	guest = (struct storage_client){ .name = "web.0" };
	guest_on();
	assert_int_equal(put(&guest, EXTENT, EXTENT, 3), BLOCK_OK);
	all_are("one", 0, SECTORS, 1);
}

static void test_too_many(void **state)
{
	char name[12];

	for (u32 i = 0; i < SNAP_LAYERS; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		WELL(snapshot("web", name, 0));
	}
	assert_non_null(strstr(snapshot("web", "more", 0), "no more can be kept"));
	put(&guest, 0, SECTORS, 1);
	all_are("s0", 0, SECTORS, 0);
}

static void test_grown_without_snapshots(void **state)
{
	WELL(snapshot("web", "one", 0));
	WELL(delete("one"));
	guest_off();
	WELL(end_of(volume_create(place(), "next", MiB, VOLUME_OURS, change_ended, NULL)));
	WELL(end_of(volume_rename(vol("web"), "old", change_ended, NULL)));
	WELL(end_of(volume_rename(vol("old"), "web", change_ended, NULL)));
	WELL(end_of(volume_delete((struct volume *)snap_of(vol("web"))->volume, change_ended, NULL)));
	WELL(end_of(volume_grow(vol("web"), 4 * MiB, change_ended, NULL)));
	WELL(snapshot("web", "two", 0));
	assert_int_equal(vol("two")->sectors, 8192);
	guest_on();
	put(&guest, 8000, 192, 4);
	all_are("two", 0, SECTORS, 0);
}

/* --- no room, errors ------------------------------------------------------------------------------------------------ */

static void big(u32 mib)
{
	guest_off();
	WELL(end_of(volume_delete(vol("web"), change_ended, NULL)));
	WELL(end_of(volume_create(place(), "web", mib * MiB, VOLUME_OURS, change_ended, NULL)));
	guest_on();
}

/* The origin is written whatever happens; the oldest snapshot goes first. */
static void test_store_full(void **state)
{
	big(12);
	WELL(snapshot("web", "one", 8 * MiB));
	for (u32 at = 0; at < 6 * 2048; at += 1024)
		assert_int_equal(put(&guest, at, 1024, 1), BLOCK_OK);
	WELL(snapshot("web", "two", 0));
	assert_non_null(vol("one"));
	for (u32 at = 0; at < 4 * 2048; at += 1024)
		assert_int_equal(put(&guest, at, 1024, 2), BLOCK_OK);
	assert_null(vol("one"));
	assert_non_null(vol("two"));
	for (u32 at = 0; at < 6 * 2048; at += 200)
		all_are("two", at % 2048, SECTORS, 1);
	restart();
	assert_null(vol("one"));
	all_are("two", 0, SECTORS, 1);
	for (u32 at = 0; at < 12 * 2048; at += 1024)
		assert_int_equal(put(&guest, at, 1024, 3), BLOCK_OK);
	assert_null(vol("two"));
	assert_int_equal(snap_of(vol("web"))->map.free, snap_of(vol("web"))->map.chunks);
	WELL(snapshot("web", "three", 0));
	put(&guest, 0, 10, 4);
	all_are("three", 0, 10, 3);
}

/* A checkpoint that falls into the merging of one that was deleted does not bring it back. */
static void test_checkpoint_while_merging(void **state)
{
	struct snap_store *t;
	u32 before;

	big(4);
	WELL(snapshot("web", "one", 0));
	WELL(snapshot("web", "two", 0));
	for (u32 at = 0; at < 4 * SECTORS; at += 512)
		put(&guest, at, 512, 1);
	t = snap_of(vol("web"));
	snap_merge_step = 1;
	before = change_seen.ended;
	assert_null(volume_delete(vol("two"), change_ended, NULL));
	while (change_seen.ended == before)
		if (!storage_poll(0))
			fake_answer();
	assert_true(snap_map_dying(&t->map));
	t->log.want_checkpoint = true;
	settle();
	snap_merge_step = 2048;
	assert_int_equal(t->log.checkpoints, 2);
	restart();
	assert_null(vol("two"));
	all_are("one", 0, SECTORS, 0);
}

/* A clone's own writes find no room: it is told so, nothing is dropped for it. */
static void test_clone_full(void **state)
{
	struct storage_client c = { .name = "copy.0" };
	u32 failed = 0;

	big(12);
	WELL(snapshot("web", "one", 8 * MiB));
	WELL(clone("one", "copy"));
	assert_int_equal(volume_open(&c, vol("copy")), 0);
	for (u32 at = 0; at < 12 * 2048; at += 1024)
		failed += put(&c, at, 1024, 1) != BLOCK_OK;
	assert_true(failed > 4 && failed < 20);
	assert_non_null(vol("one"));
	/* The origin goes on; then the snapshot and its clone are lost, and who has that open hears it. */
	assert_int_equal(put(&guest, 0, 64, 2), BLOCK_OK);
	assert_null(vol("one"));
	assert_null(vol("copy"));
	assert_int_equal(put(&c, 0, 8, 1), BLOCK_FAILED);
	assert_int_equal(volume_close(&c), 0);
	assert_int_equal(snap_of(vol("web"))->map.free, snap_of(vol("web"))->map.chunks);
}

static void test_rollback_needs_room(void **state)
{
	big(12);
	WELL(snapshot("web", "one", 8 * MiB));
	for (u32 at = 0; at < 4 * 2048; at += 1024)
		put(&guest, at, 1024, 1);
	WELL(snapshot("web", "two", 0));
	guest_off();
	assert_non_null(strstr(rollback("web", "one"), "need more room"));
	WELL(delete("two"));
	WELL(rollback("web", "one"));
	all_are("web", 0, SECTORS, 0);
	guest_on();
}

static void fail_at(enum block_op op, u64 from, u64 to, u32 skip, u32 times, enum disk_result result)
{
	fake.fail.op = op;
	fake.fail.from = from;
	fake.fail.to = to;
	fake.fail.skip = skip;
	fake.fail.times = times;
	fake.fail.result = result;
}

/* Each place where the disk can fail while an extent is kept: the guest's write is done all the same. */
static void test_errors_while_keeping(void **state)
{
	enum { READ_ORIGIN, WRITE_CHUNK, ALL_CHUNKS, LOG_FLUSHED, LOG_WRITTEN, CASES };

	for (u32 n = 0; n < CASES; n++) {
		struct snap_store *t;
		char name[12];
		u64 data;

		snprintf(name, sizeof(name), "c%u", n);
		put(&guest, 0, SECTORS, 10 + n);
		WELL(snapshot("web", name, 0));
		t = snap_of(vol("web"));
		data = t->first + t->super.data;
		switch (n) {
		case READ_ORIGIN: fail_at(BLOCK_READ, guest.first, guest.first + SECTORS, 0, 1, DISK_MEDIUM); break;
		case WRITE_CHUNK: fail_at(BLOCK_WRITE, data, t->first + t->sectors, 0, 1, DISK_MEDIUM); break;
		case ALL_CHUNKS: fail_at(BLOCK_WRITE, data, t->first + t->sectors, 0, 1000, DISK_MEDIUM); break;
		case LOG_FLUSHED: fail_at(BLOCK_FLUSH, 0, 0, 0, 1, DISK_MEDIUM); break;
		case LOG_WRITTEN: fail_at(BLOCK_WRITE, t->first, data, 0, 1, DISK_MEDIUM); break;
		}
		assert_int_equal(put(&guest, 300, 10, 100 + n), BLOCK_OK);
		memset(&fake.fail, 0, sizeof(fake.fail));
		guest_has(300, 310, 100 + n);
		if (n == WRITE_CHUNK)
			all_are(name, 0, SECTORS, 10 + n);
		else
			assert_null(vol(name));
		restart();
		guest_has(300, 310, 100 + n);
		assert_true((vol(name) != NULL) == (n == WRITE_CHUNK));
	}
	WELL(snapshot("web", "last", 0));
	put(&guest, 300, 10, 1);
	all_are("last", 300, 310, 100 + CASES - 1);
}

/* Nothing of the store can be written, not even that it is not to be believed: then the volume cannot be written. */
static void test_nothing_can_be_written(void **state)
{
	struct snap_store *t;

	WELL(snapshot("web", "one", 0));
	t = snap_of(vol("web"));
	fail_at(BLOCK_WRITE, t->first, t->first + t->super.data, 0, 100, DISK_MEDIUM);
	assert_int_equal(put(&guest, 0, 8, 1), BLOCK_FAILED);
	assert_int_equal(t->state, SNAP_BROKEN);
	guest_has(0, 8, 0);
	guest_off();
	assert_int_equal(volume_open(&guest, vol("web")), -E_INVAL);
	memset(&fake.fail, 0, sizeof(fake.fail));
	WELL(end_of(volume_delete(t->volume, change_ended, NULL)));
	guest_on();
	assert_int_equal(put(&guest, 0, 8, 1), BLOCK_OK);
}

static void test_errors_while_loading(void **state)
{
	WELL(snapshot("web", "one", 0));
	for (u32 n = 0; n < 2; n++) {
		struct snap_store *t = snap_of(vol("web"));
		u64 at = n ? t->first : snap_log_at(t, t->super.seq, 0);

		teardown(NULL);
		fail_at(BLOCK_READ, at, at + 8, 0, 100, DISK_MEDIUM);
		plug();
		assert_int_equal(volume_open(&guest, vol("web")), -E_INVAL);
		unplug();
		plug();
		guest_on();
		all_are("one", 0, SECTORS, 0);
	}
}

static void test_rollback_fails_and_is_asked_again(void **state)
{
	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	put(&guest, 0, SECTORS, 2);
	guest_off();
	fail_at(BLOCK_WRITE, vol("web")->first + 512, vol("web")->first + 520, 0, 10, DISK_MEDIUM);
	assert_non_null(strstr(rollback("web", "one"), "could not be written"));
	assert_int_equal(volume_open(&guest, vol("web")), -E_BUSY);
	assert_non_null(strstr(delete("one"), "a rollback to it is not finished"));
	memset(&fake.fail, 0, sizeof(fake.fail));
	WELL(rollback("web", "one"));
	guest_on();
	guest_has(0, SECTORS, 1);
}

/* The disk goes while all is under way, at any moment, and comes back: who waits hears of it, and nothing is mixed. */
static void test_goes_at_any_moment(void **state)
{
	struct ask a[4];
	u32 version = 100;

	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 0));
	for (u32 n = 0; n < 60; n++) {
		for (u32 i = 0; i < 4; i++)
			ask_begin(&a[i], &guest, BLOCK_WRITE, noise() % (SECTORS - 300), 1 + noise() % 300, ++version);
		if (n == 30)
			assert_null(volume_snapshot(vol("web"), "two", 0, change_ended, NULL));
		for (u32 k = 0; k < n % 20; k++) {
			storage_poll(0);
			fake_answer();
		}
		unplug();
		for (u32 i = 0; i < 4; i++)
			ask_end(&a[i]);
		plug();
		if (n % 2) {			/* the guest is started again; or it goes on */
			guest_off();
			guest_on();
		}
		all_are("one", 0, SECTORS, 1);
		assert_int_equal(put(&guest, 8, 8, ++version), n % 2 ? BLOCK_OK : BLOCK_OK);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_keeps_what_was), T(test_origin_is_plain), T(test_rollback), T(test_clone), T(test_delete_merges),
		T(test_while_it_writes), T(test_readers_are_waited_for), T(test_later_requests_wait), T(test_earlier_requests_are_waited_for), T(test_discard_and_zero),
		T(test_discard_of_what_is_kept), T(test_two_stores), T(test_refused), T(test_too_many),
		T(test_grown_without_snapshots), T(test_store_full), T(test_checkpoint_while_merging), T(test_clone_full), T(test_rollback_needs_room),
		T(test_errors_while_keeping), T(test_nothing_can_be_written), T(test_errors_while_loading),
		T(test_rollback_fails_and_is_asked_again), T(test_goes_at_any_moment),
		cmocka_unit_test_setup_teardown(test_large_sectors, setup_4096, teardown_4096),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
