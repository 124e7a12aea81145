/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/client.c hv/storage/cut.c hv/storage/depth.c hv/storage/queue.c hv/storage/disks.c hv/storage/volume.c hv/storage/gpt.c hv/storage/gpt_edit.c hv/storage/gpt_job.c hv/storage/gpt_change.c hv/storage/wipe.c hv/storage/snap_format.c hv/storage/snap_map.c hv/storage/snap_store.c hv/storage/snap_load.c hv/storage/snap_log.c hv/storage/snap_gate.c hv/storage/snap_change.c hv/storage/snap_rollback.c hv/lib/format.c hv/lib/string.c */
/* Stores as others may have left them: their sums are right, what they say is not. */
#include "snap_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define SECTORS 2048u			/* of "web": 16 extents */

static u32 got[SECTORS];
static struct storage_client guest;

static void guest_on(void)
{
	guest = (struct storage_client){ .name = "web.0" };
	assert_int_equal(volume_open(&guest, vol("web")), 0);
}

/* Of "one" and "two" the first holds 1, the other 2, the volume 3. */
static int setup(void **state)
{
	make_disk(SECTORS * 512);
	guest_on();
	put(&guest, 0, SECTORS, 1);
	WELL(snapshot("web", "one", 8 * MiB));
	put(&guest, 0, SECTORS, 2);
	WELL(snapshot("web", "two", 0));
	put(&guest, 0, SECTORS, 3);
	return 0;
}

static int teardown(void **state)
{
	if (!fake.d.gone)
		unplug();
	if (guest.open)
		assert_int_equal(volume_close(&guest), 0);
	settle();
	return 0;
}

static void all_are(const char *name, u32 number)
{
	read_volume(name, got, SECTORS);
	for (u32 i = 0; i < SECTORS; i++)
		assert_int_equal(got[i], number);
}

static void restart(void)
{
	teardown(NULL);
	plug();
}

static void checkpoint(void)
{
	struct snap_store *t = snap_of(vol("web"));
	u64 before = t->super.seq;

	t->log.want_checkpoint = true;
	settle();
	assert_int_equal(t->super.seq, before + 1);
}

/* Off, then changed: super, or a block of its log, as they lie on the disk. */
static struct { struct snap_super s; u64 first, log; struct storage_guid guid; } lay;

static void off(void)
{
	const struct snap_store *t = snap_of(vol("web"));

	lay.s = t->super;
	lay.first = t->first;
	lay.log = snap_log_at(t, t->super.seq, 0);
	lay.guid = t->volume->guid;
	teardown(NULL);
}

static u8 *head_block(u64 n) { return fake.bytes + lay.first * 512 + n * SNAP_BLOCK; }
static u8 *log_block(u32 n) { return fake.bytes + lay.log * 512 + n * SNAP_BLOCK; }

/* Its writer is refused, until the store is deleted; readers are not. */
static void is_broken(const char *why)
{
	struct storage_client c = { .name = "x", .readonly = true };
	struct snap_store *t = snap_of(vol("web"));

	assert_non_null(t);
	assert_int_equal(t->state, SNAP_BROKEN);
	assert_non_null(strstr(t->why, why));
	assert_null(vol("one"));
	assert_int_equal(volume_open(&guest, vol("web")), -E_INVAL);
	assert_int_equal(volume_open(&c, vol("web")), 0);
	assert_int_equal(volume_close(&c), 0);
	WELL(end_of(volume_delete(t->volume, change_ended, NULL)));
	guest_on();
	assert_int_equal(put(&guest, 0, 8, 4), BLOCK_OK);
}

static void is_there(void)
{
	all_are("one", 1);
	all_are("two", 2);
	all_are("web", 3);
}

/* Of both superblocks the younger one holds, in whichever place it stands. */
static void test_younger_one_holds(void **state)
{
	struct storage_guid guid = vol("one")->guid;

	for (u32 n = 0; n < 3; n++) {
		char name[8];

		checkpoint();
		snprintf(name, sizeof(name), "s%u", n);
		WELL(snapshot("web", name, 0));		/* of which the older one knows nothing */
		restart();
		assert_non_null(vol(name));
		assert_memory_equal(&vol("one")->guid, &guid, sizeof(guid));
		is_there();
		guest_on();
	}
}

/* One of the right form in the place of the other is none. */
static void test_in_the_wrong_place(void **state)
{
	struct snap_super s;

	checkpoint();
	off();
	s = lay.s;
	s.seq += 2;
	snap_super_write(&s, head_block((s.seq & 1) ^ 1));
	plug();
	is_there();
}

/* Each damaged block of the checkpoint, and a whole one that contradicts itself. */
static void test_damaged_checkpoint(void **state)
{
	checkpoint();
	off();
	assert_true(lay.s.begin >= 1);
	log_block(lay.s.begin - 1)[40] ^= 1;
	plug();
	is_broken("damaged");
}

static void put_block(u32 index, u8 op, u8 layer)
{
	u32 used;

	snap_block_begin(log_block(index), &used);
	assert_true(snap_block_put(log_block(index), &used, &(struct snap_record){ .op = op, .layer = layer, .name = "x" }));
	snap_block_seal(log_block(index), used, &lay.s, index);
}

static void test_contradiction(void **state)
{
	checkpoint();
	off();
	put_block(lay.s.begin, SNAP_DELETE, 9);
	plug();
	is_broken("damaged");
}

/* A record that reaches behind what is used; the sum is right. */
static void test_cut_record(void **state)
{
	u32 used;

	checkpoint();
	off();
	snap_block_begin(log_block(lay.s.begin), &used);
	log_block(lay.s.begin)[used] = SNAP_LAYER;
	snap_block_seal(log_block(lay.s.begin), used + 12, &lay.s, lay.s.begin);
	plug();
	is_broken("damaged");
}

/* Behind the checkpoint a block that is none is the end. */
static void test_end_of_log(void **state)
{
	checkpoint();
	off();
	put_block(lay.s.begin, SNAP_DELETE, 9);
	log_block(lay.s.begin)[40] ^= 1;
	plug();
	is_there();
}

/* The origin is smaller by now: somebody else has made it so. */
static void origin_changed(void)
{
	off();
	lay.s.sectors += EXTENT;
	snap_super_write(&lay.s, head_block(lay.s.seq & 1));
	plug();
}

static void test_origin_of_another_size(void **state)
{
	checkpoint();
	origin_changed();
	is_broken("the size of its volume was changed by others");
}

/* The same where nothing is kept: there is nothing that could be wrong. */
static void test_origin_of_another_size_without_snapshots(void **state)
{
	WELL(delete("one"));
	WELL(delete("two"));
	checkpoint();
	origin_changed();
	guest_on();
	assert_int_equal(put(&guest, 0, 8, 4), BLOCK_OK);
	assert_int_equal(snap_of(vol("web"))->state, SNAP_EMPTY);
	WELL(snapshot("web", "three", 0));
	put(&guest, 0, 8, 5);
	read_volume("three", got, SECTORS);
	assert_int_equal(got[0], 4);
	assert_int_equal(got[SECTORS - 1], 3);
}

/* What keeps snapshots of what keeps snapshots, or of itself. */
static void test_origin_is_no_volume(void **state)
{
	struct storage_guid other;

	WELL(end_of(volume_create(place(), "more", 8 * MiB, VOLUME_STORE, change_ended, NULL)));
	other = vol("more")->guid;
	for (u32 n = 0; n < 2; n++) {
		if (!n)
			off();
		else
			teardown(NULL);
		memcpy(lay.s.origin, n ? lay.guid.byte : other.byte, 16);
		snap_super_write(&lay.s, head_block(lay.s.seq & 1));
		plug();
		assert_null(vol("one"));
		for (u32 i = 0; i < snap_places; i++)
			assert_true(snap_table[i].state == SNAP_OFF || snap_table[i].state == SNAP_EMPTY);
		guest_on();
		assert_int_equal(put(&guest, 0, 8, 4), BLOCK_OK);
	}
}

/* The log cannot be written: that its snapshots are lost is on the medium before the volume is changed behind them. */
static void test_tomb_comes_first(void **state)
{
	const struct snap_store *t;
	u32 tomb, late;

	WELL(snapshot("web", "three", 0));
	t = snap_of(vol("web"));
	fake.fail.op = BLOCK_WRITE;
	fake.fail.from = snap_log_at(t, t->super.seq, 0);
	fake.fail.to = fake.fail.from + (u64)t->super.half * 8;
	fake.fail.times = 1;
	fake.fail.result = DISK_MEDIUM;
	written_count = flush_count = 0;
	recording = true;
	assert_int_equal(put(&guest, 0, 8, 4), BLOCK_OK);
	recording = false;
	for (tomb = 0; written[tomb].sector != snap_block_at(t, SNAP_TOMBS_AT); tomb++)
		assert_true(tomb < written_count);
	for (late = tomb; written[late].sector != vol("web")->first; late++)
		assert_true(late < written_count);
	for (u32 i = 0; i < tomb; i++)
		assert_int_not_equal(written[i].sector, vol("web")->first);
	assert_true(written[tomb].fua || (flush_count && flush_at[flush_count - 1] > tomb));
	restart();
	assert_null(vol("three"));
}

/* The power goes when the end of a rollback has just been told, and something was written: that stays. */
static void test_cut_behind_a_rollback(void **state)
{
	u32 before = change_seen.ended, *sector;

	assert_int_equal(volume_close(&guest), 0);
	assert_null(volume_rollback(vol("web"), vol("one"), change_ended, NULL));
	for (u32 n = 0; change_seen.ended == before; n++) {
		assert_true(n < 100000);
		if (!storage_poll(n))
			fake_answer();
	}
	WELL(change_seen.why);
	sector = (u32 *)(fake.bytes + vol("web")->first * 512);
	for (u32 i = 0; i < 128; i++)
		sector[i] = 9;
	restart();
	read_volume("web", got, SECTORS);
	assert_int_equal(got[0], 9);
	assert_int_equal(got[1], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_younger_one_holds), T(test_in_the_wrong_place), T(test_damaged_checkpoint),
		T(test_contradiction), T(test_cut_record), T(test_end_of_log), T(test_origin_of_another_size),
		T(test_origin_of_another_size_without_snapshots), T(test_origin_is_no_volume), T(test_tomb_comes_first), T(test_cut_behind_a_rollback) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
