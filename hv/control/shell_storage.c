/* SPDX-License-Identifier: Apache-2.0 */
/* `disks`, `disk` and `volume`: what the machine's disks hold, and changes of it. Changes end later; the log says how. */
#include "shell.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/storage.h>

/* What is being done, for the line that says how it ended. */
static char doing[96];

static void ended(void *arg, const char *why)
{
	(void)arg;
	if (why)
		log_notice("%s: failed: %s", doing, why);
	else
		log_notice("%s: done", doing);
}

static void answer(const char *why, const char *what, const char *name)
{
	if (why)
		shell_print("%s %s: %s\n", what, name, why);
	else
		fmt_print(doing, sizeof(doing), "%s %.60s", what, name);
}

/* --- disks ---------------------------------------------------------------------------------------------------------- */

static void print_health(const struct disk_health *h)
{
	char warm[24] = "temperature unknown", used[24] = "";

	if (!h->known)
		return;
	if (h->celsius > -1000)
		fmt_print(warm, sizeof(warm), "%d C", h->celsius);
	if (h->percent_used != 255)
		fmt_print(used, sizeof(used), ", %u %% of its life used", h->percent_used);
	shell_print("    health %s, %s%s", h->failing ? "FAILING" : "good", warm, used);
	if (h->power_on_hours != ~0ul)
		shell_print(", on for %lu h", h->power_on_hours);
	if (h->media_errors != ~0ul)
		shell_print(", %lu medium errors", h->media_errors);
	shell_print("\n");
}

/* "<64us 12, <128us 3": times that occurred. */
static void print_latency(const struct storage_stats *s)
{
	const char *comma = "    answered within";

	for (u32 i = 0; i < STORAGE_LATENCIES; i++) {
		if (!s->latency[i])
			continue;
		if (i < 10)
			shell_print("%s %lu us: %lu", comma, BIT(i), s->latency[i]);
		else
			shell_print("%s %lu ms: %lu", comma, BIT(i - 10), s->latency[i]);
		comma = ",";
	}
	if (*comma == ',')
		shell_print("\n");
}

static void print_disk(const struct storage_disk *s)
{
	const struct disk *d = storage_disk_hardware(s);
	const struct storage_stats *st = storage_disk_stats(s);
	char size[24], table[96], read[24], written[24];

	storage_disk_describe(s, table, sizeof(table));
	fmt_bytes(size, sizeof(size), d->sectors * BLOCK_SECTOR);
	shell_print("%s  %s  %s, serial %s, firmware %s, at %02x:%02x.%u\n", d->name, size, *d->model ? d->model : "?",
		    *d->serial ? d->serial : "?", *d->firmware ? d->firmware : "?", d->bdf >> 8, d->bdf >> 3 & 31, d->bdf & 7);
	shell_print("    %s; %s%s%s; sectors of %u bytes, depth %u\n", table, storage_disk_granted(s) ? "the plan's" :
		    "not named by the plan: not written", d->readonly ? ", read-only" : "", d->write_cache ? ", write cache" : "",
		    d->sector_size, d->depth);
	fmt_bytes(read, sizeof(read), st->read_bytes);
	fmt_bytes(written, sizeof(written), st->written_bytes);
	shell_print("    %lu reads (%s), %lu writes (%s), %lu flushes; %lu errors, %lu retries, %lu time-outs, %lu resets\n",
		    st->reads, read, st->writes, written, st->flushes, st->errors, st->retries, d->timeouts, d->resets);
	print_latency(st);
	print_health(&d->health);
	if (d->ops->ask_health)
		d->ops->ask_health((struct disk *)d);	/* fresh for the next time */
}

static bool disk_more(u64 *cursor)
{
	const struct storage_disk *s;

	while (*cursor < DISKS_MAX) {
		s = storage_disk_at((u32)(*cursor)++);
		if (s) {
			print_disk(s);
			return true;
		}
	}
	return false;
}

void shell_disks(int argc, char **argv)
{
	u32 n = 0;

	(void)argc;
	(void)argv;
	for (u32 i = 0; i < DISKS_MAX; i++)
		n += storage_disk_at(i) != NULL;
	if (!n)
		shell_line("no disk that we have a driver for");
	shell_stream(disk_more, 0);
}

void shell_disk(int argc, char **argv)
{
	struct storage_disk *s = argc > 2 ? storage_disk_named(argv[2]) : NULL;
	bool force = argc == 4 && !strcmp(argv[3], "force");

	if (argc < 3 || strcmp(argv[1], "init") != 0 || (argc > 3 && !force))
		shell_line("disk init DISK [force]: an empty GUID partition table; force: whatever the disk holds is lost");
	else if (!s)
		shell_print("no disk is called \"%s\"; `disks` lists them\n", argv[2]);
	else
		answer(volume_init_disk(s, force, ended, NULL), "disk init", argv[2]);
}

/* --- volumes -------------------------------------------------------------------------------------------------------- */

static const char *kind_of(const struct volume *v)
{
	return v->type == VOLUME_OURS ? "volume" : v->type == VOLUME_DATASTORE ? "datastore" : "partition";
}

static bool volume_more(u64 *cursor)
{
	char size[24], guid[40];

	while (*cursor < VOLUMES_MAX) {
		const struct volume *v = volume_at((u32)(*cursor)++);

		if (!v->disk)
			continue;
		fmt_bytes(size, sizeof(size), v->sectors * BLOCK_SECTOR);
		storage_guid_words(&v->guid, guid, sizeof(guid));
		shell_print("  %-24s %-10s %10s  %-8s %s%s%s\n", v->name, kind_of(v), size,
			    storage_disk_hardware(v->disk)->name, guid, v->writers ? "  in use" :
			    v->users ? "  in use, read-only" : "", v->changing ? "  being filled" : "");
		return true;
	}
	return false;
}

void shell_volumes(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	shell_stream(volume_more, 0);
}

static bool parse_size(const char *word, u64 *bytes)
{
	static const struct {
		const char *unit;
		u64 times;
	} units[] = { { "KiB", KiB }, { "MiB", MiB }, { "GiB", GiB }, { "TiB", 1024 * GiB } };
	char digits[16];
	size_t n = 0;
	u64 value;

	while (word[n] >= '0' && word[n] <= '9')
		n++;
	if (!n || n >= sizeof(digits))
		return false;
	memcpy(digits, word, n);
	digits[n] = 0;
	for (u32 i = 0; i < ARRAY_COUNT(units); i++)
		if (!strcmp(word + n, units[i].unit) && shell_number(digits, BIT(52) / units[i].times, &value) && value) {
			*bytes = value * units[i].times;
			return true;
		}
	return false;
}

/* "on DISK" at argv[at], or the disk that the plan names with most room. Null: said why. */
static struct storage_disk *choose_disk(int argc, char **argv, int at)
{
	struct storage_disk *best = NULL;

	if (argc > at) {
		best = argc == at + 2 && !strcmp(argv[at], "on") ? storage_disk_named(argv[at + 1]) : NULL;
		if (!best)
			shell_line("... on DISK: a disk as `disks` lists it");
		return best;
	}
	for (u32 i = 0; i < DISKS_MAX; i++) {
		struct storage_disk *s = storage_disk_at(i);

		if (s && storage_disk_granted(s) && (!best || volume_largest_gap(s) > volume_largest_gap(best)))
			best = s;
	}
	if (!best)
		shell_line("the plan names no disk for volumes (key `disks` of [machine])");
	return best;
}

static struct volume *find(const char *name)
{
	char why[160];
	struct volume *v = volume_find(name, why, sizeof(why));

	if (!v)
		shell_line(why);
	return v;
}

static void do_create(int argc, char **argv)
{
	struct storage_disk *s;
	u64 bytes = 0;

	if (argc < 4 || !parse_size(argv[3], &bytes)) {
		shell_line("volume create NAME SIZE [on DISK]: SIZE such as 512MiB, 20GiB");
		return;
	}
	s = choose_disk(argc, argv, 4);
	if (s)
		answer(volume_create(s, argv[2], bytes, VOLUME_OURS, ended, NULL), "volume create", argv[2]);
}

static void do_delete(int argc, char **argv)
{
	struct volume *v = argc == 3 ? find(argv[2]) : NULL;

	if (v)
		answer(volume_delete(v, ended, NULL), "volume delete", argv[2]);
}

static void do_rename(int argc, char **argv)
{
	struct volume *v = argc == 4 ? find(argv[2]) : NULL;

	if (v)
		answer(volume_rename(v, argv[3], ended, NULL), "volume rename", argv[2]);
}

static void do_grow(int argc, char **argv)
{
	struct volume *v = argc == 4 ? find(argv[2]) : NULL;
	u64 bytes;

	if (v && parse_size(argv[3], &bytes))
		answer(volume_grow(v, bytes, ended, NULL), "volume grow", argv[2]);
	else if (v)
		shell_line("volume grow NAME SIZE: its size in all, such as 20GiB");
}

static void do_import(int argc, char **argv)
{
	struct storage_disk *s = argc >= 4 ? choose_disk(argc, argv, 4) : NULL;

	if (s)
		answer(volume_import(s, argv[3], argv[2], ended, NULL), "volume import", argv[3]);
}

static void do_clone(int argc, char **argv)
{
	struct volume *v = argc >= 4 ? find(argv[2]) : NULL;
	struct storage_disk *s = v ? argc > 4 ? choose_disk(argc, argv, 4) : v->disk : NULL;

	if (s)
		answer(volume_clone(v, s, argv[3], ended, NULL), "volume clone", argv[3]);
}

void shell_volume(int argc, char **argv)
{
	static const struct {
		const char *word, *usage;
		int least, most;
		void (*run)(int argc, char **argv);
	} verb[] = {
		{ "create", "NAME SIZE [on DISK]", 4, 6, do_create }, { "delete", "NAME", 3, 3, do_delete },
		{ "rename", "NAME NEW", 4, 4, do_rename }, { "grow", "NAME SIZE", 4, 4, do_grow },
		{ "import", "FILE NAME [on DISK]", 4, 6, do_import }, { "clone", "NAME NEW [on DISK]", 4, 6, do_clone },
	};

	for (u32 i = 0; i < ARRAY_COUNT(verb); i++)
		if (argc > 1 && !strcmp(argv[1], verb[i].word) && argc >= verb[i].least && argc <= verb[i].most) {
			verb[i].run(argc, argv);
			return;
		}
	for (u32 i = 0; i < ARRAY_COUNT(verb); i++)
		shell_print("volume %s %s\n", verb[i].word, verb[i].usage);
}
