/* SPDX-License-Identifier: Apache-2.0 */
/* `datastore`: what lasts of the hypervisor's own, and what does not. */
#include "shell.h"

#include <hv/datastore.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/storage.h>

#define LINE_MAX 200u
#define FILES_BEGIN 1u
#define FILES_END 10000u
#define PARTITION_BYTES (16 * MiB)
#define PARTITION_BYTES_MIN (1 * MiB)
#define PARTITION_NAME "bulkhead-datastore"

static char read_path[64];

static void say_state(void)
{
	static const char *const word[] = { [DATASTORE_OFF] = "off", [DATASTORE_NONE] = "none", [DATASTORE_LOADING] = "being read",
		[DATASTORE_READY] = "ready", [DATASTORE_UNREADABLE] = "not readable", [DATASTORE_LOST] = "lost" };
	const char *why = datastore_why();
	struct datastore_use use;
	char size[24], used[24], waiting[24], written[24];

	datastore_use(&use);
	shell_print("datastore: %s%s%s\n", word[datastore_state()], why[0] ? ": " : "", why);
	if (datastore_state() != DATASTORE_READY)
		return;
	shell_print("  %s, %s in use; %s wait to be written\n", fmt_bytes(size, sizeof(size), use.size),
		    fmt_bytes(used, sizeof(used), use.used), fmt_bytes(waiting, sizeof(waiting), use.waiting));
	shell_print("  written since the start %s, %lu flushes, %lu errors\n", fmt_bytes(written, sizeof(written), use.written),
		    use.flushes, use.errors);
}

/* What ends with the machine's next reset. */
static void say_losses(void)
{
	bool ready = datastore_state() == DATASTORE_READY, any = false;

	shell_line("will not last over the next reset of the machine:");
	if (!ready)
		shell_line("  the log, records of guests' ends");
	for (const struct guest *g = guest_next(NULL); g; g = guest_next(g)) {
		if (!ready && flash_vars_size(g))
			shell_print("  %s: its firmware variables\n", g->name);
		for (u32 k = 0; k < g->disk_count; k++)
			if (!g->disk[k].readonly && !g->disk[k].volume) {
				shell_print("  %s: what it writes to %s (an image in RAM)\n", g->name, g->disk[k].serial);
				any = true;
			}
	}
	if (ready && !any)
		shell_line("  nothing but what runs");
}

static bool list_more(u64 *cursor)
{
	struct datastore_file f;
	char size[24];

	if (!*cursor) {
		say_state();
		*cursor = FILES_BEGIN;
		return true;
	}
	if (*cursor < FILES_END && datastore_file((u32)(*cursor - FILES_BEGIN), &f)) {
		shell_print("  %10s  %s\n", fmt_bytes(size, sizeof(size), f.size), f.path);
		++*cursor;
		return true;
	}
	say_losses();
	return false;
}

/* A line, or what fits; bytes that are no text become '?'. */
static bool read_more(u64 *cursor)
{
	char text[LINE_MAX + 1];
	int n = datastore_read(read_path, (u32)*cursor, text, LINE_MAX), len = 0;

	if (n <= 0) {
		if (!*cursor)
			shell_print("%s: %s\n", read_path, n ? "there is no such file" : "it is empty");
		return false;
	}
	while (len < n && text[len] != '\n') {
		if (text[len] != '\t' && (text[len] < ' ' || text[len] > '~'))
			text[len] = '?';
		len++;
	}
	*cursor += (u64)len + (len < n);
	text[len] = 0;
	shell_line(text);
	return true;
}

static void format(bool sure)
{
	const char *why;

	if (datastore_state() == DATASTORE_READY && !sure) {
		shell_line("datastore: it is readable: `datastore format yes` throws away all that it holds");
		return;
	}
	why = datastore_format();

	if (why)
		shell_print("datastore: %s\n", why);
	else
		shell_line("datastore: it is made new");
}

static void made(void *arg, const char *why)
{
	(void)arg;
	if (why)
		log_notice("datastore: no partition was made: %s", why);
	else if ((why = datastore_format()))
		log_notice("datastore: it cannot be made: %s", why);
	else
		log_notice("datastore: it is made");
}

/* A partition among those that the disk has. */
static const char *make_partition(struct storage_disk *s)
{
	u64 size = MIN(PARTITION_BYTES, ALIGN_DOWN(volume_largest_gap(s), PARTITION_BYTES_MIN));

	if (!size)
		return "there is no room for a partition of 1 MiB: `volume delete` makes some";
	return volume_create(s, PARTITION_NAME, size, VOLUME_DATASTORE, made, NULL);
}

static void table_made(void *arg, const char *why)
{
	why = why ? why : make_partition(arg);
	if (why)
		made(NULL, why);
}

static bool has_partitions(const struct storage_disk *s)
{
	for (u32 i = 0; i < VOLUMES_MAX; i++)
		if (volume_at(i)->disk == s)
			return true;
	return false;
}

/* A disk with nothing on it gets a partition table first; any other content is left alone. */
static void make(const char *disk)
{
	struct storage_disk *s = storage_disk_named(disk);
	const char *why;

	if (volume_datastore() || !s) {
		shell_print("datastore: %s\n", s ? "there is a partition for one already" :
			    "there is no such disk (`disks` lists them)");
		return;
	}
	why = has_partitions(s) || volume_largest_gap(s) ? make_partition(s) : volume_init_disk(s, false, table_made, s);
	if (why)
		shell_print("datastore: %s\n", why);
	else
		shell_print("datastore: it is being made on %s\n", disk);
}

void shell_datastore(int argc, char **argv)
{
	if (argc == 1) {
		shell_stream(list_more, 0);
	} else if (argc == 3 && !strcmp(argv[1], "read")) {
		str_copy(read_path, sizeof(read_path), argv[2]);
		shell_stream(read_more, 0);
	} else if (argc >= 2 && !strcmp(argv[1], "format") && (argc == 2 || !strcmp(argv[2], "yes"))) {
		format(argc > 2);
	} else if (argc == 4 && !strcmp(argv[1], "init") && !strcmp(argv[2], "on")) {
		make(argv[3]);
	} else {
		shell_line("usage: datastore [read FILE | format | init on DISK]");
	}
}
