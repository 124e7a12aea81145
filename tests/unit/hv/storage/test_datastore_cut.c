/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/media.c hv/storage/datastore_fs.c hv/storage/littlefs.c hv/lib/format.c hv/lib/string.c */
/* Power cuts: the datastore's disk after EVERY prefix of the sectors that were written, with the next sector torn, and with any
 * part of what no flush stands behind: it opens, and each file is what it was before or after the step that was cut. */
#include "store_fixture.h"

#define STEPS 240u
#define IMAGE (256 * KiB)
#define LINE 96u

static struct media media, cut;
static u32 step_begin[STEPS + 1];	/* in written[] */
static u8 base[IMAGE];

/* What the files hold after a number of steps. */
static u32 vars_version(u32 steps) { return steps / 4; }
static u32 log_lines(u32 steps) { return steps - steps / 4; }
static u32 vars_size(u32 version) { return version ? 3000 + version * 977 % 21000 : 0; }

static u8 vars_byte(u32 version, u32 i)
{
	return (u8)(version * 31 + i * 7 + i / 256);
}

static void fill_vars(u8 *to, u32 version)
{
	for (u32 i = 0; i < vars_size(version); i++)
		to[i] = vars_byte(version, i);
}

static void fill_line(char *to, u32 n)
{
	memset(to, '.', LINE);
	fmt_print(to, LINE, "line %u of the log", n);
	to[LINE - 1] = '\n';
}

/* Each fourth step replaces the variables, in pieces; the others add a line to the log, which is renamed now and then. */
static void do_step(u32 n)
{
	static u8 bytes[32 * KiB];
	char line[LINE];
	u32 version = vars_version(n + 1);

	if (version == vars_version(n)) {
		fill_line(line, log_lines(n));
		assert_int_equal(fs_append("log/0", line, LINE), 0);
		return;
	}
	fill_vars(bytes, version);
	assert_int_equal(fs_begin("vars/web"), 0);
	for (u32 at = 0; at < vars_size(version); at += 4000) {
		assert_int_equal(fs_more(bytes + at, MIN(4000u, vars_size(version) - at)), 0);
		drain(&media);
	}
	assert_int_equal(fs_commit(), 0);
}

static int record(void **state)
{
	written = calloc(WRITES_MAX, sizeof(*written));
	memset(disk, 0x5a, sizeof(disk));	/* what somebody left there */
	assert_true(media_init(&media));
	media_blank(&media, IMAGE, MEDIA_WRITE);
	assert_int_equal(fs_format(&media), 0);
	assert_int_equal(fs_mkdir("vars") | fs_mkdir("log"), 0);
	drain(&media);
	memcpy(base, disk, IMAGE);
	recording = true;
	for (u32 i = 0; i < STEPS; i++) {
		step_begin[i] = written_count;
		assert_true(media_has_room(&media));
		do_step(i);
		drain(&media);
		assert_true(media_is_clean(&media));
	}
	step_begin[STEPS] = written_count;
	recording = false;
	assert_true(media_init(&cut));
	return 0;
}

static u32 step_of(u32 sectors)
{
	u32 n = 0;

	while (n < STEPS && step_begin[n + 1] <= sectors)
		n++;
	return n;
}

/* -1: the version is neither of both. */
static void check_vars(u32 before, u32 after)
{
	static u8 bytes[32 * KiB];
	int size = fs_read("vars/web", 0, bytes, sizeof(bytes));
	u32 version;

	if (size == -E_NOENT) {
		assert_int_equal(before, 0);
		return;
	}
	for (version = before; version <= after && vars_size(version) != (u32)size; version++)
		;
	assert_true(version <= after);
	for (u32 i = 0; i < (u32)size; i++)
		assert_int_equal(bytes[i], vars_byte(version, i));
}

static void check_log(u32 before, u32 after)
{
	static char bytes[STEPS * LINE], line[LINE];
	int size = fs_read("log/0", 0, bytes, sizeof(bytes));

	if (size == -E_NOENT)
		size = 0;
	assert_true(size >= 0 && size % LINE == 0);
	assert_in_range(size / LINE, before, after);
	for (u32 i = 0; i < (u32)size / LINE; i++) {
		fill_line(line, i);
		assert_memory_equal(bytes + i * LINE, line, LINE);
	}
}

/* The medium as it is in cut.image: opens, with what n or n + 1 steps left. */
static void check(u32 n)
{
	u32 next = MIN(n + 1, STEPS);

	cut.size = IMAGE;
	cut.write_size = MEDIA_WRITE;
	assert_int_equal(fs_mount(&cut), 0);
	check_vars(vars_version(n), vars_version(next));
	check_log(log_lines(n), log_lines(next));
}

static void begin_image(void)
{
	media_blank(&cut, IMAGE, MEDIA_WRITE);
	memcpy(cut.image, base, IMAGE);
}

static void apply(u32 i)
{
	memcpy(cut.image + written[i].at, written[i].bytes, SECTOR);
}

static void every_prefix(void **state)
{
	u8 keep[SECTOR];

	begin_image();
	for (u32 k = 0; k <= written_count; k++) {
		u8 *next = cut.image + (k < written_count ? written[k].at : 0);

		check(step_of(k));
		if (k == written_count)
			break;
		/* The next sector torn: half new; then a mess, as a drive that loses power in it may leave. */
		memcpy(keep, next, SECTOR);
		memcpy(next, written[k].bytes, SECTOR / 2);
		check(step_of(k));
		memcpy(next, keep, SECTOR);
		memcpy(next + SECTOR / 2, written[k].bytes + SECTOR / 2, SECTOR / 2);
		check(step_of(k));
		memset(next, 0xa5, SECTOR);
		check(step_of(k));
		apply(k);
	}
}

/* A drive may write what it holds in any order until it is told to flush. */
static void any_part_between_flushes(void **state)
{
	u32 from = 0;

	srand(4);
	for (u32 f = 0; f < flush_count; f++) {
		for (u32 tries = 0; tries < 6 && flush_at[f] - from > 1; tries++) {
			begin_image();
			for (u32 i = 0; i < from; i++)
				apply(i);
			for (u32 i = from; i < flush_at[f]; i++)
				if (rand() & 1)
					apply(i);
			check(step_of(from));
		}
		from = flush_at[f];
	}
	assert_true(flush_count > STEPS);
}

/* A state that was cut is not only read: it can be written on. */
static void life_goes_on_after_a_cut(void **state)
{
	char line[LINE];
	int size;

	for (u32 k = 0; k < written_count; k += 37) {
		begin_image();
		for (u32 i = 0; i < k; i++)
			apply(i);
		check(step_of(k));
		size = MAX(fs_size("log/0"), 0);
		for (u32 i = 0; i < 12; i++) {
			fill_line(line, (u32)size / LINE + i);
			assert_int_equal(fs_append("log/0", line, LINE), 0);
			cut.taken = cut.put;		/* as if it had been written */
			cut.out = cut.in;
		}
		check_log((u32)size / LINE + 12, (u32)size / LINE + 12);
		assert_int_equal(fs_mount(&cut), 0);
		check_log((u32)size / LINE + 12, (u32)size / LINE + 12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_prefix), cmocka_unit_test(any_part_between_flushes), cmocka_unit_test(life_goes_on_after_a_cut),
	};

	return cmocka_run_group_tests(tests, record, NULL);
}
