/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/datastore.c hv/storage/datastore_vars.c hv/storage/datastore_log.c hv/storage/datastore_keep.c hv/storage/media.c hv/storage/datastore_fs.c hv/storage/littlefs.c hv/lib/format.c hv/lib/string.c */
/* The datastore's life on a disk in memory: found, made, read again after a reset; full, failing, broken, gone and back. */
#include "store_fixture.h"

#include <hv/control_work.h>
#include <hv/datastore.h>
#include <hv/machine.h>

#define S NS_PER_S
#define PARTITION (1 * MiB)
#define VARS (128 * KiB)

const char build_version[] = "test";
struct guest *guests[PLAN_GUESTS_MAX];
u32 guest_count;
static struct guest web, bare;
static u8 flash[VARS];
static u64 changes;
static bool touched;
static struct volume volume;
static bool there, read_only;
static struct storage_client *client;
static u64 partition = PARTITION;
static char lines[64][LOG_TEXT_MAX];
static u64 line_count;
static u32 errors;
static char last_error[256];

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level != LOG_ERROR)
		return;
	errors++;
	va_start(ap, fmt);
	fmt_vprint(last_error, sizeof(last_error), fmt, ap);
	va_end(ap);
}

int log_read(u64 seq, struct log_line *line)
{
	if (seq >= line_count)
		return -E_NOENT;
	if (line_count - seq > ARRAY_COUNT(lines))
		return -E_RANGE;
	str_copy(line->text, sizeof(line->text), lines[seq % ARRAY_COUNT(lines)]);
	line->tsc = now;
	return 0;
}

u64 log_end(void) { return line_count; }
int control_work_add(const struct control_work *w) { return 0; }
void control_work_wake(u32 id) { }
u64 flash_vars_size(const struct guest *g) { return g == &web ? VARS : 0; }
u64 flash_vars_changes(const struct guest *g) { return g == &web ? changes : 0; }
const u8 *flash_vars(const struct guest *g) { return flash; }
bool flash_vars_untouched(const struct guest *g) { return !touched; }
struct volume *volume_datastore(void) { return there ? &volume : NULL; }

const struct disk *storage_disk_hardware(const struct storage_disk *s)
{
	static const struct disk hardware = { .sector_size = 512 };

	return &hardware;
}


u8 *flash_vars_restore(struct guest *g)
{
	touched = true;
	return flash;
}

int volume_open(struct storage_client *c, struct volume *v)
{
	assert_null(client);
	if (read_only)
		return -E_NODEV;
	client = c;
	c->sectors = partition / 512;
	return 0;
}

int volume_close(struct storage_client *c)
{
	assert_ptr_equal(client, c);
	client = NULL;
	return 0;
}

static void say(const char *text)
{
	str_copy(lines[line_count++ % ARRAY_COUNT(lines)], LOG_TEXT_MAX, text);
}

/* As many turns as fit into some seconds. */
static void pass(u64 ns)
{
	for (u64 end = now + ns; now < end; now += 10000000)
		for (u32 i = 0; i < 20 && (datastore_poll(now) | disk_turn()); i++)
			;
}

/* The machine was reset: RAM is gone, the disk is as it is. */
static void power_on(void)
{
	held = NULL;
	client = NULL;
	changes = 0;
	touched = false;
	memset(flash, 0xff, sizeof(flash));
	line_count = 0;
	datastore_init();
	datastore_poll(now);
	assert_false(datastore_settled(&web));	/* disks are not looked at yet */
	datastore_begin();
}

static int fresh(void **state)
{
	memset(disk, 0x77, sizeof(disk));
	web.name = "web";
	web.index = 0;
	bare.name = "bare";
	bare.index = 1;
	guests[0] = &web;
	guests[1] = &bare;
	guest_count = 2;
	there = true;
	read_only = hold = false;
	partition = PARTITION;
	fail_next = errors = 0;
	now = S;
	power_on();
	return 0;
}

static int made(void **state)
{
	fresh(state);
	pass(3 * S);
	assert_int_equal(datastore_state(), DATASTORE_UNREADABLE);
	assert_null(datastore_format());
	pass(3 * S);
	assert_int_equal(datastore_state(), DATASTORE_READY);
	errors = 0;
	return 0;
}

static bool has_file(const char *path, u32 *size)
{
	struct datastore_file f;

	for (u32 i = 0; datastore_file(i, &f); i++) {
		if (strcmp(f.path, path))
			continue;
		*size = f.size;
		return true;
	}
	return false;
}

static void a_machine_without_one(void **state)
{
	there = false;
	assert_false(datastore_settled(&web));	/* nobody has looked yet */
	pass(S);
	assert_int_equal(datastore_state(), DATASTORE_NONE);
	assert_true(datastore_settled(&web));
	assert_true(datastore_clean());
	assert_non_null(datastore_format());
	datastore_crash("web", "x", 1);
	assert_int_equal(datastore_read("log/0", 0, flash, 1), -E_BUSY);
	assert_int_equal(errors, 0);
}

static void an_empty_partition_is_made_one(void **state)
{
	memset(disk, 0, sizeof(disk));
	pass(3 * S);
	assert_int_equal(datastore_state(), DATASTORE_READY);
	assert_int_equal(errors, 0);
	datastore_crash("web", "x", 1);
	pass(3 * S);
	power_on();
	pass(3 * S);
	assert_int_equal(datastore_state(), DATASTORE_READY);
	assert_int_equal(datastore_read("crash/00001-web", 0, flash, 1), 1);
}

/* One byte that is not zero may be all that is left of something. */
static void an_almost_empty_partition_is_not(void **state)
{
	memset(disk, 0, sizeof(disk));
	disk[PARTITION - 1] = 1;
	pass(3 * S);
	assert_int_equal(datastore_state(), DATASTORE_UNREADABLE);
}

static void foreign_content_is_left_alone(void **state)
{
	u8 before[4096];

	memcpy(before, disk, sizeof(before));
	pass(20 * S);
	assert_int_equal(datastore_state(), DATASTORE_UNREADABLE);
	assert_int_equal(errors, 1);
	assert_non_null(strstr(last_error, "DATASTORE-UNREADABLE"));
	assert_memory_equal(disk, before, sizeof(before));
	assert_true(datastore_settled(&web));
	assert_true(datastore_clean());
}

static void variables_last(void **state)
{
	u32 size;

	flash[5000] = 1;
	flash[VARS - 1] = 2;
	changes = 3;
	pass(2 * S);
	assert_true(has_file("vars/web", &size));
	assert_in_range(size, 8192, 8192 + 400);	/* two blocks of 32 */
	assert_true(datastore_clean());
	power_on();
	assert_false(datastore_settled(&web));
	pass(2 * S);
	assert_true(datastore_settled(&web));
	assert_int_equal(flash[5000], 1);
	assert_int_equal(flash[VARS - 1], 2);
	assert_int_equal(flash[0], 0xff);
	assert_true(touched);
	assert_int_equal(errors, 0);
}

static void variables_of_a_guest_that_runs_are_left_alone(void **state)
{
	changes = 1;
	flash[0] = 9;
	pass(2 * S);
	power_on();
	touched = true;
	flash[0] = 4;
	pass(2 * S);
	assert_int_equal(flash[0], 4);
}

static void variables_come_too_late_for_a_guest_that_starts(void **state)
{
	changes = 1;
	flash[0] = 9;
	pass(2 * S);
	power_on();
	web.state = GUEST_STARTING;
	pass(2 * S);
	web.state = GUEST_OFF;
	assert_false(touched);
	assert_int_equal(flash[0], 0xff);
}

static void a_busy_guest_is_saved_in_between(void **state)
{
	u32 size;

	for (u32 i = 0; i < 900; i++) {
		flash[i] = (u8)i;
		changes++;
		pass(20000000);
	}
	assert_true(has_file("vars/web", &size));
	assert_false(datastore_clean());
	pass(S);
	assert_true(datastore_clean());
}

static void variables_that_make_no_sense(void **state)
{
	u32 size;

	flash[1] = 1;
	changes = 1;
	pass(2 * S);
	assert_true(has_file("vars/web", &size));
	for (u32 i = 0; i < PARTITION - 4096; i++)		/* a bit of their contents flips */
		if (disk[i] == 0xff && disk[i + 1] == 1 && disk[i + 2] == 0xff && disk[i + 3] == 0xff)
			disk[i + 100] ^= 4;
	power_on();
	pass(2 * S);
	assert_true(datastore_settled(&web));
	assert_int_equal(flash[1], 0xff);
	assert_false(touched);
	assert_non_null(strstr(last_error, "DATASTORE-VARS"));
	changes = 1;
	pass(2 * S);
	errors = 0;
	power_on();
	pass(2 * S);
	assert_int_equal(errors, 0);		/* what is saved anew is right again */
}

static void the_log_lasts_and_is_bounded(void **state)
{
	char text[400];
	u32 size, whole = 0;

	say("first line");
	pass(3 * S);
	assert_true(has_file("log/0", &size));
	assert_true(datastore_read("log/0", 0, text, sizeof(text) - 1) > 0);
	text[size] = 0;
	assert_non_null(strstr(text, "Bulkhead test begins"));
	assert_non_null(strstr(text, "first line\n"));
	for (u32 i = 0; i < 6000; i++) {
		fmt_print(text, sizeof(text), "line %u, long enough to fill what is there in a while, as a log does, day after day", i);
		say(text);
		pass(i % 30 ? 1000 : 2 * S);
	}
	for (u32 i = 0; i < 4; i++) {
		fmt_print(text, sizeof(text), "log/%u", i);
		assert_true(has_file(text, &size));
		assert_true(size <= 96 * KiB + 8192);
		whole += size;
	}
	assert_false(has_file("log/4", &size));
	assert_true(whole > 200 * KiB);
	assert_int_equal(errors, 0);
}

static void crashes_are_kept_and_bounded(void **state)
{
	char text[64], path[64];
	u32 size;

	for (u32 i = 1; i <= 40; i++) {
		fmt_print(text, sizeof(text), "record %u", i);
		datastore_crash("web", text, strlen(text));
		pass(S);
	}
	assert_false(has_file("crash/00016-web", &size));
	for (u32 i = 17; i <= 40; i++) {
		fmt_print(path, sizeof(path), "crash/%05u-web", i);
		assert_true(has_file(path, &size));
	}
	power_on();
	pass(2 * S);
	datastore_crash("web", "again", 5);
	pass(S);
	assert_int_equal(datastore_read("crash/00041-web", 0, text, sizeof(text)), 5);
	for (u32 i = 0; i < 10; i++)		/* more at once than wait: the rest is dropped, nothing breaks */
		datastore_crash("web", "flood", 5);
	pass(S);
	assert_int_equal(errors, 0);
}

static void a_disk_that_fails_now_and_then(void **state)
{
	u32 size;

	flash[0] = 7;
	changes = 1;
	fail_next = 3;
	pass(20 * S);
	assert_int_equal(datastore_state(), DATASTORE_READY);
	assert_true(has_file("vars/web", &size));
	power_on();
	pass(2 * S);
	assert_int_equal(flash[0], 7);
}

static void a_disk_that_goes_and_comes_back(void **state)
{
	flash[0] = 7;
	changes = 1;
	fail_next = ~0u;
	pass(30 * S);
	assert_int_equal(datastore_state(), DATASTORE_LOST);
	assert_non_null(strstr(last_error, "DATASTORE-LOST"));
	assert_true(datastore_clean());		/* a shutdown does not wait for it */
	fail_next = 0;
	there = false;
	pass(30 * S);
	assert_int_equal(datastore_state(), DATASTORE_NONE);
	there = true;
	pass(30 * S);
	assert_int_equal(datastore_state(), DATASTORE_READY);
	power_on();
	pass(2 * S);
	assert_int_equal(flash[0], 7);
}

static void a_disk_that_does_not_answer(void **state)
{
	hold = true;
	flash[0] = 7;
	changes = 1;
	for (u32 i = 0; i < 2000; i++) {	/* the log in RAM fills up: work waits, nothing is lost or overrun */
		say("a line that has to wait");
		changes++;
		pass(50000000);
	}
	assert_int_equal(datastore_state(), DATASTORE_READY);
	assert_int_equal(errors, 0);
	hold = false;
	pass(10 * S);
	assert_true(datastore_clean());
}

static void a_full_one(void **state)
{
	u32 size;

	partition = 256 * KiB;			/* the log alone wants more */
	power_on();
	assert_null(datastore_format());
	pass(3 * S);
	assert_int_equal(datastore_state(), DATASTORE_READY);
	for (u32 i = 0; i < 9000; i++) {
		say("another line of a log that is longer than the datastore has room for, and goes on for a long time");
		pass(i % 30 ? 1000 : 2 * S);
	}
	assert_int_equal(datastore_state(), DATASTORE_READY);
	flash[0] = 3;
	changes = 1;
	pass(20 * S);
	assert_true(has_file("log/0", &size));
	power_on();
	pass(3 * S);
	assert_int_equal(datastore_state(), DATASTORE_READY);
}

static void a_small_or_locked_partition(void **state)
{
	partition = 64 * KiB;
	pass(2 * S);
	assert_int_equal(datastore_state(), DATASTORE_UNREADABLE);
	fresh(state);
	read_only = true;
	pass(2 * S);
	assert_int_equal(datastore_state(), DATASTORE_NONE);
	assert_string_equal(datastore_why(), "its disk cannot be written, or the plan does not name it");
	assert_true(datastore_settled(&web));
}

static void power_cuts_while_it_works(void **state)
{
	u32 version = 0, size;

	srand(7);
	for (u32 i = 0; i < 60; i++) {
		for (u32 k = 0; k < 4; k++) {
			flash[100] = (u8)++version;
			memset(flash + 8192, (u8)version, 20000);
			changes++;
			say("something happened");
			pass((u64)(rand() % 500) * 2000000);
		}
		power_on();			/* in the middle of whatever it did */
		pass(3 * S);
		assert_int_equal(datastore_state(), DATASTORE_READY);
		if (!has_file("vars/web", &size))
			continue;
		for (u32 b = 8192; b < 28192; b++)
			assert_int_equal(flash[b], flash[100]);
	}
	assert_int_equal(errors, 0);
}

/* Small files of other parts: the newest whole contents, also of what was kept before there was a datastore. */
static void small_files_last(void **state)
{
	static u8 large[DATASTORE_KEEP_MAX + 1], back[DATASTORE_KEEP_MAX];

	power_on();
	assert_true(datastore_keep("web/tls", "first", 5));
	assert_true(datastore_keep("web/tls", "second", 6));
	assert_false(datastore_keep("web/large", large, sizeof(large)));
	assert_false(datastore_decided());
	assert_int_equal(datastore_read("web/tls", 0, back, 10), -E_BUSY);
	pass(5 * NS_PER_S);
	assert_true(datastore_decided() && datastore_clean());
	memset(large, 0x5a, DATASTORE_KEEP_MAX);
	assert_true(datastore_keep("web/accounts", large, DATASTORE_KEEP_MAX));
	assert_false(datastore_clean());
	pass(5 * NS_PER_S);
	assert_true(datastore_clean());
	power_on();
	pass(5 * NS_PER_S);
	assert_int_equal(datastore_read("web/tls", 0, back, 10), 6);
	assert_memory_equal(back, "second", 6);
	assert_int_equal(datastore_read("web/accounts", 0, back, sizeof(back)), DATASTORE_KEEP_MAX);
	assert_memory_equal(back, large, sizeof(back));
	for (u32 i = 0; i < 2; i++)
		assert_true(datastore_keep(i ? "web/c" : "web/d", "x", 1));
	assert_true(datastore_keep("web/tls", "x", 1));
	assert_false(datastore_keep("web/too-many", "x", 1) && datastore_keep("web/too-many-2", "x", 1) &&
		     datastore_keep("web/too-many-3", "x", 1));
}

/* Whoever wrote the disk may have put in what we never do: looking for the last of 50,000 names would take days. */
static void a_directory_is_looked_at_so_far(void **state)
{
	char path[32], name[FS_PATH_MAX];
	u32 seen = 0;

	for (u32 i = 0; i < 140; i++) {
		fmt_print(path, sizeof(path), "crash/%u-x", i);
		assert_int_equal(fs_append(path, "x", 1), 0);
		pass(S / 10);
	}
	while (fs_list("crash", seen, name) >= 0)
		seen++;
	assert_in_range(seen, 100, 128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_machine_without_one, fresh), cmocka_unit_test_setup(foreign_content_is_left_alone, fresh),
		cmocka_unit_test_setup(an_empty_partition_is_made_one, fresh),
		cmocka_unit_test_setup(an_almost_empty_partition_is_not, fresh),
		cmocka_unit_test_setup(variables_last, made),
		cmocka_unit_test_setup(small_files_last, made),
		cmocka_unit_test_setup(variables_of_a_guest_that_runs_are_left_alone, made),
		cmocka_unit_test_setup(variables_come_too_late_for_a_guest_that_starts, made),
		cmocka_unit_test_setup(a_busy_guest_is_saved_in_between, made),
		cmocka_unit_test_setup(variables_that_make_no_sense, made),
		cmocka_unit_test_setup(the_log_lasts_and_is_bounded, made), cmocka_unit_test_setup(crashes_are_kept_and_bounded, made),
		cmocka_unit_test_setup(a_directory_is_looked_at_so_far, made),
		cmocka_unit_test_setup(a_disk_that_fails_now_and_then, made),
		cmocka_unit_test_setup(a_disk_that_goes_and_comes_back, made),
		cmocka_unit_test_setup(a_disk_that_does_not_answer, made), cmocka_unit_test_setup(a_full_one, fresh),
		cmocka_unit_test_setup(a_small_or_locked_partition, fresh), cmocka_unit_test_setup(power_cuts_while_it_works, made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
