/* SPDX-License-Identifier: Apache-2.0 */
/* `disks`, `disk` and `volume`: what the machine's disks hold, and changes of it. Changes end later; the log says how. */
#include "shell.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/storage.h>
#include <hv/time.h>

/* What is being done, each until its line says how it ended: a table of each disk, a copy, a change of snapshots, a rollback. */
#define CHANGES_MAX (DISKS_MAX + 4u)

static struct change {
	char what[96];			/* "": free */
} change[CHANGES_MAX];

static void ended(void *arg, const char *why)
{
	struct change *c = arg;

	log_notice("%s: %s%s", c->what, why ? "failed: " : "done", why ? why : "");
	c->what[0] = 0;
}

/* null: there are too many, said. */
static struct change *begin(const char *what, const char *name)
{
	for (u32 i = 0; i < CHANGES_MAX; i++) {
		if (change[i].what[0])
			continue;
		fmt_print(change[i].what, sizeof(change[i].what), "%s %.60s", what, name);
		return &change[i];
	}
	shell_line("too many changes are under way: try again");
	return NULL;
}

static void answer(struct change *c, const char *why)
{
	if (!why)
		return;
	shell_print("%s: %s\n", c->what, why);
	c->what[0] = 0;
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
	struct change *c;

	if (argc < 3 || strcmp(argv[1], "init") != 0 || (argc > 3 && !force))
		shell_line("disk init DISK [force]: an empty GUID partition table; force: whatever the disk holds is lost");
	else if (!s)
		shell_print("no disk is called \"%s\"; `disks` lists them\n", argv[2]);
	else if ((c = begin("disk init", argv[2])))
		answer(c, volume_init_disk(s, force, ended, c));
}

/* --- volumes -------------------------------------------------------------------------------------------------------- */

static const char *kind_of(const struct volume *v)
{
	static const char *const word[] = { [VOLUME_OTHER] = "partition", [VOLUME_OURS] = "volume",
		[VOLUME_DATASTORE] = "datastore", [VOLUME_STORE] = "snapshots", [VOLUME_SNAPSHOT] = "snapshot",
		[VOLUME_CLONE] = "clone",
		[VOLUME_UNFINISHED] = "unfinished" };

	return word[v->type];
}

/* "in use", and how far it is filled. */
static void use_of(const struct volume *v, char *to, size_t size)
{
	u64 done, all;

	if (volume_progress(v, &done, &all) && all)
		fmt_print(to, size, "  being filled, %lu %%", done * 100 / all);
	else
		str_copy(to, size, v->changing ? "  being changed" : v->writers ? "  in use" :
			 v->users ? "  in use, read-only" : "");
}

static bool volume_more(u64 *cursor)
{
	char size[24], guid[40], use[40];

	while (*cursor < VOLUMES_MAX) {
		const struct volume *v = volume_at((u32)(*cursor)++);

		if (!v->disk)
			continue;
		fmt_bytes(size, sizeof(size), v->sectors * BLOCK_SECTOR);
		storage_guid_words(&v->guid, guid, sizeof(guid));
		use_of(v, use, sizeof(use));
		shell_print("  %-24s %-10s %10s  %-8s %s%s\n", v->name, kind_of(v), size, storage_disk_hardware(v->disk)->name,
			    guid, use);
		return true;
	}
	return false;
}

void shell_volumes(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	for (u32 i = 0; i < VOLUMES_MAX; i++)
		if (volume_at(i)->disk) {
			shell_stream(volume_more, 0);
			return;
		}
	shell_line("no disk has a partition: `disks`, `disk init DISK`, then `volume create NAME SIZE`");
}

static bool parse_size(const char *word, u64 *bytes)
{
	return *bytes = size_of_words(word), *bytes;
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
	bool unerased = argc > 4 && !strcmp(argv[argc - 1], "unerased");
	struct storage_disk *s;
	struct change *c;
	u64 bytes = 0;

	if (argc < 4 || !parse_size(argv[3], &bytes)) {
		shell_line("volume create NAME SIZE [on DISK] [unerased]: SIZE such as 512MiB, 20GiB; unerased: it shows what the "
			   "disk held");
		return;
	}
	s = choose_disk(argc - unerased, argv, 4);
	if (s && (c = begin("volume create", argv[2])))
		answer(c, unerased ? volume_create_unerased(s, argv[2], bytes, ended, c) :
		       volume_create(s, argv[2], bytes, VOLUME_OURS, ended, c));
}

static void do_delete(int argc, char **argv)
{
	struct volume *v = argc == 3 ? find(argv[2]) : NULL;
	struct change *c = v ? begin("volume delete", argv[2]) : NULL;

	if (c)
		answer(c, volume_delete(v, ended, c));
}

static void do_rename(int argc, char **argv)
{
	struct volume *v = argc == 4 ? find(argv[2]) : NULL;
	struct change *c = v ? begin("volume rename", argv[2]) : NULL;

	if (c)
		answer(c, volume_rename(v, argv[3], ended, c));
}

static void do_grow(int argc, char **argv)
{
	struct volume *v = argc == 4 ? find(argv[2]) : NULL;
	struct change *c;
	u64 bytes;

	if (v && !parse_size(argv[3], &bytes))
		shell_line("volume grow NAME SIZE: its size in all, such as 20GiB");
	else if (v && (c = begin("volume grow", argv[2])))
		answer(c, volume_grow(v, bytes, ended, c));
}

static void do_import(int argc, char **argv)
{
	struct storage_disk *s = argc >= 4 ? choose_disk(argc, argv, 4) : NULL;
	struct change *c = s ? begin("volume import", argv[3]) : NULL;

	if (c)
		answer(c, volume_import(s, argv[3], argv[2], ended, c));
}

static void do_clone(int argc, char **argv)
{
	struct volume *v = argc >= 4 ? find(argv[2]) : NULL;
	bool cow = argc == 5 && !strcmp(argv[4], "cow");
	struct storage_disk *s = v && argc > 4 && !cow ? choose_disk(argc, argv, 4) : v ? v->disk : NULL;
	struct change *c = s ? begin("volume clone", argv[3]) : NULL;

	if (c)
		answer(c, cow ? volume_clone_cow(v, argv[3], ended, c) : volume_clone(v, s, argv[3], ended, c));
}

/* --- snapshots ------------------------------------------------------------------------------------------------------ */

/* "web.1": the first that is free. */
static const char *snapshot_name(const struct volume *v)
{
	static char name[VOLUME_NAME_SIZE + 8];
	u32 n = 1;

	do
		fmt_print(name, sizeof(name), "%s.%u", v->name, n);
	while (n++ < VOLUMES_MAX && volume_find(name, NULL, 0));
	return name;
}

static void do_snapshot(int argc, char **argv)
{
	struct volume *v = find(argv[2]);
	bool named = argc >= 5 && !strcmp(argv[3], "as");
	int at = named ? 5 : 3;
	struct change *c;
	u64 bytes = 0;

	if (!v)
		return;
	if (argc > at + 1 || (argc > at && !parse_size(argv[at], &bytes))) {
		shell_line("volume snapshot NAME [as SNAPSHOT] [SIZE]: SIZE of the partition that keeps what is overwritten, at "
			   "the first");
		return;
	}
	c = begin("volume snapshot", argv[2]);
	if (c)
		answer(c, volume_snapshot(v, named ? argv[4] : snapshot_name(v), bytes, ended, c));
}

static void do_rollback(int argc, char **argv)
{
	bool ok = argc == 5 && !strcmp(argv[3], "to");
	struct volume *v = ok ? find(argv[2]) : NULL, *snapshot = v ? find(argv[4]) : NULL;
	struct change *c = snapshot ? begin("volume rollback", argv[2]) : NULL;

	if (!ok)
		shell_line("volume rollback NAME to SNAPSHOT: what was written since is lost (other snapshots stay)");
	else if (c)
		answer(c, volume_rollback(v, snapshot, ended, c));
}

static void print_age(char to[24], u64 taken)
{
	u64 now = wall_ns(tsc_now()) / NS_PER_S, age = now > taken ? now - taken : 0;

	if (!taken || !now)
		str_copy(to, 24, "?");
	else if (age < 3600)
		fmt_print(to, 24, "%lu min %lu s", age / 60, age % 60);
	else if (age < 86400)
		fmt_print(to, 24, "%lu h %lu min", age / 3600, age / 60 % 60);
	else
		fmt_print(to, 24, "%lu days %lu h", age / 86400, age / 3600 % 24);
}

static void print_store(const struct volume_store *st)
{
	char all[24], free[24], extent[24];

	shell_print("  %s: %s on disk %s; %s\n", st->origin ? st->origin->name : "(volume not there)", st->partition->name,
		    st->partition->disk ? storage_disk_hardware(st->partition->disk)->name : "?", st->state);
	if (!st->bytes)
		return;
	fmt_bytes(all, sizeof(all), st->bytes);
	fmt_bytes(free, sizeof(free), st->free);
	fmt_bytes(extent, sizeof(extent), st->extent);
	shell_print("    %s of %s free. The first write to each %s after a snapshot reads and writes that much besides: %lu times "
		    "since the start, in %lu log blocks\n", free, all, extent, st->copies, st->writes);
}

static void print_layer(const struct volume_layer *l)
{
	char age[24], bytes[24];

	print_age(age, l->taken);
	fmt_bytes(bytes, sizeof(bytes), l->bytes);
	shell_print("    %-24s %-9s of %-20s %12s old %10s%s%s\n", l->name, l->volume ? kind_of(l->volume) : "-", l->of, age, bytes,
		    l->deleting ? "  being merged" : "", l->volume && l->volume->users ? "  in use" : "");
}

static char snapshots_of[VOLUME_NAME_SIZE];	/* "": of all */

static bool is_shown(u32 store, struct volume_store *st)
{
	return volume_store_at(store, st) && (!*snapshots_of || (st->origin && !strcmp(st->origin->name, snapshots_of)));
}

/* The cursor counts stores, and the layers of each behind it. */
static bool snapshots_more(u64 *cursor)
{
	while (*cursor < VOLUME_STORES_MAX * (VOLUME_LAYERS_MAX + 1ul)) {
		u32 store = (u32)(*cursor / (VOLUME_LAYERS_MAX + 1)), layer = (u32)((*cursor)++ % (VOLUME_LAYERS_MAX + 1));
		struct volume_store st;
		struct volume_layer l;

		if (!is_shown(store, &st))
			continue;
		if (layer && !volume_layer_at(store, layer - 1, &l))
			continue;
		if (layer)
			print_layer(&l);
		else
			print_store(&st);
		return true;
	}
	return false;
}

static void do_snapshots(int argc, char **argv)
{
	struct volume_store st;

	str_copy(snapshots_of, sizeof(snapshots_of), argc > 2 ? argv[2] : "");
	if (argc > 2 && !find(argv[2]))
		return;
	for (u32 i = 0; i < VOLUME_STORES_MAX; i++)
		if (is_shown(i, &st)) {
			shell_stream(snapshots_more, 0);
			return;
		}
	shell_line("no snapshots (`volume snapshot NAME`)");
}

void shell_volume(int argc, char **argv)
{
	static const struct {
		const char *word, *usage;
		int least, most;
		void (*run)(int argc, char **argv);
	} verb[] = {
		{ "create", "NAME SIZE [on DISK] [unerased]", 4, 7, do_create },
		{ "delete", "NAME", 3, 3, do_delete },
		{ "rename", "NAME NEW", 4, 4, do_rename }, { "grow", "NAME SIZE", 4, 4, do_grow },
		{ "import", "FILE NAME [on DISK]", 4, 6, do_import }, { "clone", "NAME NEW [on DISK|cow]", 4, 6, do_clone },
		{ "snapshot", "NAME [as SNAPSHOT] [SIZE]", 3, 6, do_snapshot },
		{ "rollback", "NAME to SNAPSHOT", 5, 5, do_rollback }, { "snapshots", "[NAME]", 2, 3, do_snapshots },
	};

	for (u32 i = 0; i < ARRAY_COUNT(verb); i++)
		if (argc > 1 && !strcmp(argv[1], verb[i].word) && argc >= verb[i].least && argc <= verb[i].most) {
			verb[i].run(argc, argv);
			return;
		}
	for (u32 i = 0; i < ARRAY_COUNT(verb); i++)
		shell_print("volume %s %s\n", verb[i].word, verb[i].usage);
}
