/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/client.c hv/storage/cut.c hv/storage/depth.c hv/storage/queue.c hv/storage/disks.c hv/storage/volume.c hv/storage/gpt.c hv/storage/gpt_edit.c hv/storage/gpt_job.c hv/storage/gpt_change.c hv/storage/wipe.c hv/storage/snap_format.c hv/storage/snap_map.c hv/storage/snap_store.c hv/storage/snap_load.c hv/storage/snap_log.c hv/storage/snap_gate.c hv/storage/snap_change.c hv/storage/snap_rollback.c hv/lib/format.c hv/lib/string.c */
/* A disk full of what others left: new volumes and what volumes grow by are zero, whatever fails, is asked beside, or is cut. */
#define DISK_BYTES (12 * MiB)
#include "snap_fixture.h"

#include "../../../../hv/storage/wipe.h"

#define OLD 0xee
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define PART 256u			/* sectors of one request to the disk */

static int setup(void **state)
{
	fake.ordered = false;
	recording = false;
	memset(&fake.fail, 0, sizeof(fake.fail));
	make_disk(MiB);
	memset(fake.bytes + 2 * MiB, OLD, DISK_BYTES - 3 * MiB);
	memset(fake.bytes + MiB, 0x11, MiB);		/* web's own */
	written_count = flush_count = 0;
	return 0;
}

static int teardown(void **state)
{
	unplug();
	return 0;
}

static const char *make(const char *name, u64 bytes)
{
	return volume_create(place(), name, bytes, VOLUME_OURS, change_ended, NULL);
}

static bool is_filled(u64 first, u64 sectors, u8 with)
{
	for (u64 i = first * 512; i < (first + sectors) * 512; i++)
		if (fake.bytes[i] != with)
			return false;
	return true;
}

static bool is_zero(const char *name)
{
	assert_non_null(vol(name));
	return is_filled(vol(name)->first, vol(name)->sectors, 0);
}

/* web is its own MiB, then zeros. */
static bool is_web(u64 mib)
{
	const struct volume *v = vol("web");

	return v && v->sectors == mib * MiB / 512 && !v->users && !v->changing && is_filled(v->first, MiB / 512, 0x11) &&
		is_filled(v->first + MiB / 512, v->sectors - MiB / 512, 0);
}

/* --- tests ----------------------------------------------------------------------------------------------------------- */

static void test_a_new_volume_is_zero(void **state)
{
	for (u32 i = 0; i < 2; i++) {
		WELL(end_of(make("new", 5 * MiB)));
		assert_int_equal(vol("new")->sectors, 5 * MiB / 512);
		assert_true(is_zero("new"));
		assert_true(is_filled(vol("new")->first + vol("new")->sectors, MiB / 512, OLD));
		WELL(delete("new"));
		memset(fake.bytes + 2 * MiB, OLD, DISK_BYTES - 3 * MiB);
		fake.d.zero = false;			/* then by writing them */
	}
	WELL(end_of(volume_create_unerased(place(), "old", MiB, change_ended, NULL)));
	assert_true(is_filled(vol("old")->first, vol("old")->sectors, OLD));
	assert_true(is_web(1));
}

static void test_what_a_volume_grows_by_is_zero(void **state)
{
	WELL(end_of(volume_grow(vol("web"), 6 * MiB, change_ended, NULL)));
	assert_true(is_web(6));
	assert_true(is_filled(vol("web")->first + vol("web")->sectors, MiB / 512, OLD));
	WELL(end_of(volume_grow(vol("web"), 6 * MiB, change_ended, NULL)));
	assert_string_equal(end_of(volume_grow(vol("web"), MiB, change_ended, NULL)), "it has more than that already");
	assert_string_equal(end_of(volume_grow(vol("web"), 60 * MiB, change_ended, NULL)), "there is no room behind it");
	assert_true(is_web(6));
}

static void test_disks_of_4k_sectors(void **state)
{
	unplug();
	sector_size = 4096;
	setup(state);
	WELL(end_of(make("new", 2 * MiB)));
	assert_true(is_zero("new"));
	assert_true(is_filled(vol("new")->first + vol("new")->sectors, MiB / 512, OLD));
	WELL(delete("new"));
	memset(fake.bytes + 2 * MiB, OLD, DISK_BYTES - 3 * MiB);
	WELL(end_of(volume_grow(vol("web"), 3 * MiB, change_ended, NULL)));
	assert_true(is_web(3));
	sector_size = 512;
}

/* Request number skip of this kind fails; false: there are not that many. */
static bool fails_at(enum block_op op, u32 skip, bool grows)
{
	const char *why;

	fake.fail.op = op;
	fake.fail.to = DISK_BYTES / 512;
	fake.fail.skip = skip;
	fake.fail.times = 1;
	fake.fail.result = DISK_MEDIUM;
	why = end_of(grows ? volume_grow(vol("web"), 3 * MiB, change_ended, NULL) : make("new", 2 * MiB));
	if (fake.fail.times)
		return false;
	assert_non_null(strstr(why, op == BLOCK_ZERO ? "nothing else was changed" : "the disk failed"));
	if (op == BLOCK_FLUSH && skip == 2)	/* the last: all is written, the disk just did not say when it lasts */
		assert_true(grows ? is_web(3) : is_zero("new"));
	else
		assert_true(!vol("new") && is_web(1));
	assert_false(wipe_busy(place()));
	return true;
}

/* Each request of either, from the first to the last: what could not be erased is nobody's. */
static void test_a_failing_disk(void **state)
{
	static const enum block_op op[] = { BLOCK_ZERO, BLOCK_FLUSH };
	u32 failed = 0;

	for (u32 i = 0; i < 2 * ARRAY_COUNT(op); i++) {
		for (u32 skip = 0; fails_at(op[i / 2], skip, i & 1); skip++) {
			failed++;
			unplug();
			setup(state);
		}
		unplug();
		setup(state);
	}
	assert_true(failed > 2 * (2 * MiB / 512 / PART));
}

/* Two at once, and what could be put into the place that is being erased. */
static void test_the_place_is_kept(void **state)
{
	static const char busy[] = "a volume is being erased on this disk, one at a time: try again when that is done";
	char told[120];
	u64 first;

	WELL(end_of(make("left", 2 * MiB)));
	first = vol("left")->first;
	memset(fake.bytes + first * 512, OLD, 2 * MiB);
	fake.hold_length = PART;
	assert_null(make("new", 2 * MiB));
	settle();
	assert_null(vol("new"));
	storage_disk_describe(place(), told, sizeof(told));
	assert_string_equal(told, "GPT with 2 partitions; 0 % erased for volume new");
	assert_string_equal(make("other", MiB), busy);
	assert_string_equal(volume_create_unerased(place(), "other", MiB, change_ended, NULL), busy);
	assert_string_equal(volume_create(place(), "other", MiB, VOLUME_DATASTORE, change_ended, NULL), busy);
	assert_string_equal(volume_grow(vol("left"), 3 * MiB, change_ended, NULL), busy);
	assert_non_null(volume_init_disk(place(), true, change_ended, NULL));
	assert_null(volume_delete(vol("left"), change_ended, NULL));	/* a better gap, which was not erased */
	fake.hold_length = 0;
	settle();
	assert_string_equal(change_seen.why, "");
	assert_int_equal(vol("new")->first, first + 2 * MiB / 512);
	assert_true(is_zero("new"));
	storage_disk_describe(place(), told, sizeof(told));
	assert_string_equal(told, "GPT with 2 partitions");
	WELL(end_of(make("other", MiB)));
	assert_true(is_zero("other"));
}

static void test_a_growing_volume_is_left_alone(void **state)
{
	struct storage_client c = { .readonly = true };
	struct volume *v = vol("web");
	struct volume_coming coming;
	u64 done, all;

	fake.hold_length = PART;
	assert_null(volume_grow(v, 3 * MiB, change_ended, NULL));
	settle();
	assert_true(wipe_progress(v, &done, &all) && done == 0 && all == 2 * MiB);
	assert_false(wipe_coming_at(place()->index, &coming));		/* it is there already */
	assert_int_equal(volume_open(&c, v), -E_BUSY);
	assert_non_null(volume_delete(v, change_ended, NULL));
	assert_non_null(volume_rename(v, "else", change_ended, NULL));
	assert_non_null(volume_snapshot(v, "snap", 0, change_ended, NULL));
	assert_int_equal(v->sectors, MiB / 512);
	fake.hold_length = 0;
	settle();
	assert_string_equal(change_seen.why, "");
	assert_true(is_web(3));
	assert_false(wipe_progress(v, &done, &all));
}

/* Taken by somebody who renames, while it was erased. */
static void test_a_name_taken_meanwhile(void **state)
{
	struct volume_coming coming;

	fake.hold_length = PART;
	assert_null(make("new", MiB));
	settle();
	assert_true(wipe_coming_at(place()->index, &coming) && !strcmp(coming.name, "new") && coming.disk == place() &&
		    !coming.unfinished && !coming.done && coming.bytes == MiB);
	assert_null(volume_rename(vol("web"), "new", change_ended, NULL));
	fake.hold_length = 0;
	settle();
	assert_string_equal(change_seen.why, "there is a volume of this name");
	assert_int_equal(vol("new")->first, MiB / 512);
	WELL(end_of(make("web", MiB)));
}

static void test_the_disk_goes(void **state)
{
	for (u32 i = 0; i < 2; i++) {
		u32 before;

		fake.hold_length = PART;
		before = change_seen.ended;
		assert_null(i ? volume_grow(vol("web"), 2 * MiB, change_ended, NULL) : make("new", MiB));
		settle();
		unplug();
		assert_int_equal(change_seen.ended, before + 1);
		assert_true(*change_seen.why);
		plug();
		assert_true(!vol("new") && is_web(1));
	}
	WELL(end_of(make("new", MiB)));
	assert_true(is_zero("new"));
}

/* All is erased, but the table is being written for somebody else. */
static void test_the_disk_goes_while_the_table_is_waited_for(void **state)
{
	u32 before = change_seen.ended;

	WELL(end_of(make("left", MiB)));
	before = change_seen.ended;
	fake.hold_length = 32;			/* entries */
	assert_null(make("new", MiB));
	assert_null(volume_delete(vol("left"), change_ended, NULL));
	settle();
	assert_true(wipe_busy(place()) && is_filled(3 * MiB / 512, MiB / 512, 0));
	assert_int_equal(change_seen.ended, before);
	unplug();
	assert_int_equal(change_seen.ended, before + 2);
	assert_string_equal(change_seen.why, "the disk is gone");
	plug();
	assert_true(!vol("new") && !wipe_busy(place()));
}

/* What is on the medium after a cut: all up to the last flush, of the rest any sectors. */
static void disk_at(const u8 *before, u32 cut)
{
	u32 flushed = 0;

	for (u32 i = 0; i < flush_count && flush_at[i] <= cut; i++)
		flushed = flush_at[i];
	memcpy(fake.bytes, before, DISK_BYTES);
	for (u32 i = 0; i < cut; i++)
		if (i < flushed || noise() & 1)
			memcpy(fake.bytes + written[i].sector * 512ul, written[i].bytes, 512);
}

static void cut_everywhere(void **state, bool grows)
{
	u8 *before = malloc(DISK_BYTES);
	u32 old = 0, made = 0;

	memcpy(before, fake.bytes, DISK_BYTES);
	recording = true;
	WELL(end_of(grows ? volume_grow(vol("web"), 3 * MiB, change_ended, NULL) : make("new", 2 * MiB)));
	recording = false;
	assert_true(written_count > 2 * MiB / 512);
	for (u32 cut = 0; cut <= written_count; cut += cut < 2 * MiB / 512 - 101 ? 97 : 1) {
		unplug();
		disk_at(before, cut);
		plug();
		if (grows ? vol("web")->sectors > MiB / 512 : vol("new") != NULL) {
			made++;
			assert_true(grows ? is_web(3) : is_zero("new"));
		} else {
			old++;
			assert_true(is_web(1));
		}
	}
	assert_true(old > 60 && made);
	free(before);
}

static void test_a_cut_of_create(void **state) { cut_everywhere(state, false); }
static void test_a_cut_of_grow(void **state) { cut_everywhere(state, true); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_a_new_volume_is_zero), T(test_what_a_volume_grows_by_is_zero), T(test_disks_of_4k_sectors),
		T(test_a_failing_disk), T(test_the_place_is_kept), T(test_a_growing_volume_is_left_alone),
		T(test_a_name_taken_meanwhile), T(test_the_disk_goes),
		T(test_the_disk_goes_while_the_table_is_waited_for), T(test_a_cut_of_create), T(test_a_cut_of_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
