/* SPDX-License-Identifier: Apache-2.0 */
/* The log, in pieces of LOG_FILE_BYTES of which the newest is log/0; and records of guests' ends, crash/NUMBER-NAME. */
#include "datastore_int.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/time.h>

#define LOG_FILES 4u
#define LOG_FILE_BYTES (96 * KiB)
#define GATHER_NS (2 * NS_PER_S)	/* lines of so long are written together */
#define GATHER_BYTES 4096u
#define CRASHES 24u			/* that are kept */
#define CRASHES_WAIT 4u

static struct {
	u64 next_line;			/* number of the line that is written next */
	u64 due;			/* TSC */
	bool marked;
	char text[GATHER_BYTES + LOG_TEXT_MAX + 64];
	u32 len;
	u32 file_size;
} l;

static struct {
	u32 put, taken;
	u32 number;			/* of the next record */
	struct { char path[FS_PATH_MAX]; u32 len; char text[DATASTORE_CRASH_MAX]; } waits[CRASHES_WAIT];
} c;

/* --- crashes -------------------------------------------------------------------------------------------------------- */

static u32 number_of(const char *name)
{
	u32 n = 0;

	for (; *name >= '0' && *name <= '9' && n < 100000000; name++)
		n = n * 10 + (u32)(*name - '0');
	return n;
}

void datastore_crash(const char *guest, const char *text, size_t n)
{
	u32 slot = c.put % CRASHES_WAIT;

	if (c.put - c.taken == CRASHES_WAIT)
		return;			/* a guest that ends faster than a disk writes */
	c.waits[slot].len = (u32)MIN(n, (size_t)DATASTORE_CRASH_MAX);
	memcpy(c.waits[slot].text, text, c.waits[slot].len);
	str_copy(c.waits[slot].path, sizeof(c.waits[slot].path), guest);
	c.put++;
}

/* The record with the smallest number goes. */
static void make_room(void)
{
	char name[FS_PATH_MAX], path[2 * FS_PATH_MAX], oldest[FS_PATH_MAX] = "";
	u32 count = 0;

	for (; fs_list("crash", count, name) >= 0; count++)
		if (!count || number_of(name) < number_of(oldest))
			str_copy(oldest, sizeof(oldest), name);
	if (count < CRASHES)
		return;
	fmt_print(path, sizeof(path), "crash/%s", oldest);
	fs_remove(path);
}

static void write_crash(void)
{
	u32 slot = c.taken++ % CRASHES_WAIT;
	char path[FS_PATH_MAX + 24];
	int err;

	make_room();
	fmt_print(path, sizeof(path), "crash/%05u-%s", c.number++, c.waits[slot].path);
	err = fs_append(path, c.waits[slot].text, c.waits[slot].len);
	datastore_say(path, err);
}

static void find_number(void)
{
	char name[FS_PATH_MAX];

	c.number = 1;
	for (u32 i = 0; fs_list("crash", i, name) >= 0; i++)
		c.number = MAX(c.number, number_of(name) + 1);
}

/* --- the log -------------------------------------------------------------------------------------------------------- */

struct civil {
	u32 year, month, day;
};

/* Days since 1970 as a date: years begin in March, so that the day that some have comes last. */
static struct civil date_of(u64 days)
{
	u64 n = days + 719468, era = n / 146097, in_era = n % 146097;
	u64 year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	u64 day = in_era - (365 * year + year / 4 - year / 100), month = (5 * day + 2) / 153;

	return (struct civil){ (u32)(year + era * 400 + (month >= 10)), (u32)(month < 10 ? month + 3 : month - 9),
		(u32)(day - (153 * month + 2) / 5 + 1) };
}

/* UTC, or seconds since the TSC began where the machine has no clock. */
static int put_time(char *to, size_t size, u64 tsc)
{
	u64 since = tsc - timebase.wall_tsc, s = timebase.wall_seconds + ticks_to_ns(since) / NS_PER_S;
	struct civil day = date_of(s / 86400);

	if (!timebase.wall_seconds || tsc < timebase.wall_tsc)
		return fmt_print(to, size, "%lu s ", tsc / MAX(timebase.tsc_hz, 1ul));
	return fmt_print(to, size, "%04u-%02u-%02uT%02lu:%02lu:%02luZ ", day.year, day.month, day.day, s / 3600 % 24,
			 s / 60 % 60, s % 60);
}

static void put_line(const char *text, u64 tsc)
{
	char *to = l.text + l.len;
	size_t room = sizeof(l.text) - l.len;
	int n = put_time(to, room, tsc);

	n += fmt_print(to + n, room - (size_t)n, "%s\n", text);
	l.len += (u32)MIN((size_t)n, room - 1);
}

static void gather(void)
{
	struct log_line line;
	int r;

	if (!l.marked) {
		char text[96];

		fmt_print(text, sizeof(text), "--- Bulkhead %s begins to write", build_version);
		put_line(text, tsc_now());
		l.marked = true;
	}
	while (l.len < GATHER_BYTES && (r = log_read(l.next_line, &line)) != -E_NOENT) {
		if (!r)
			put_line(line.text, line.tsc);
		l.next_line++;
	}
}

/* log/2 becomes log/3, and so on. A cut in between leaves a number that is not there. */
static void rotate(void)
{
	char from[16], to[16];

	for (u32 i = LOG_FILES - 1; i; i--) {
		fmt_print(from, sizeof(from), "log/%u", i - 1);
		fmt_print(to, sizeof(to), "log/%u", i);
		fs_rename(from, to);
	}
	l.file_size = 0;
}

static void write_log(void)
{
	int err = fs_append("log/0", l.text, l.len);

	datastore_say("log", err);
	l.file_size += l.len;
	l.len = 0;
	if (err == -E_NOSPC)
		fs_remove("log/3");
}

void log_file_init(void)
{
	memset(&l, 0, sizeof(l));
	c.put = c.taken = 0;
}

void log_file_mounted(void)
{
	int size = fs_size("log/0");

	l.file_size = size > 0 ? (u32)size : 0;
	l.due = 0;
	find_number();
}

bool log_file_poll(u64 now)
{
	if (!datastore_may_write())
		return false;
	if (c.put != c.taken) {
		write_crash();
		return true;
	}
	if (now < l.due)
		return false;
	l.due = now + ns_to_ticks(GATHER_NS);
	gather();
	if (!l.len)
		return false;
	if (l.file_size + l.len > LOG_FILE_BYTES)
		rotate();
	write_log();
	return true;
}

bool log_file_is_saved(void)
{
	bool saved = c.put == c.taken && l.next_line == log_end() && !l.len;

	if (!saved)
		l.due = 0;		/* who asks waits for it */
	return saved;
}
