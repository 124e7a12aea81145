/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/control/shell_storage.c hv/lib/format.c hv/lib/string.c */
/* `volume`, `volumes`, `disk` in the shell: what is asked for, and under which name each change ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/storage.h>
#include <hv/time.h>

#include "../../../../hv/control/shell.h"

#define WORDS 8

static char said[8192], logged[1024];
static struct volume table[VOLUMES_MAX];
static struct disk hardware = { .name = "toy0" };
static struct storage_disk *const the_disk = (struct storage_disk *)&hardware;
static struct { volume_ended_fn *ended; void *arg; char what[80]; } asked[64];
static u32 asked_count;
static const char *refusal;
static u64 filled;

static void say(char *to, size_t size, const char *fmt, va_list ap)
{
	size_t len = strlen(to);

	fmt_vprint(to + len, size - len, fmt, ap);
}

void shell_print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(said, sizeof(said), fmt, ap);
	va_end(ap);
}

void shell_line(const char *text) { shell_print("%s\n", text); }

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	logged[0] = 0;
	va_start(ap, fmt);
	say(logged, sizeof(logged), fmt, ap);
	va_end(ap);
}

void shell_stream(bool (*fn)(u64 *cursor), u64 cursor)
{
	while (fn(&cursor))
		;
}

static const char *ask(const char *what, const char *name, u64 bytes, volume_ended_fn *ended, void *arg)
{
	if (refusal)
		return refusal;
	assert_true(asked_count < ARRAY_COUNT(asked));
	asked[asked_count].ended = ended;
	asked[asked_count].arg = arg;
	fmt_print(asked[asked_count++].what, 80, "%s %s %lu", what, name, bytes);
	return NULL;
}

struct timebase timebase = { .tsc_hz = 1000000000 };
u64 mul_div(u64 a, u64 num, u64 den) { return (u64)((unsigned __int128)a * num / den); }
u64 wall_ns(u64 tsc) { return 0; }
struct volume *volume_at(u32 index) { return &table[index]; }
struct storage_disk *storage_disk_at(u32 index) { return index ? NULL : the_disk; }
struct storage_disk *storage_disk_named(const char *word) { return strcmp(word, "toy0") ? NULL : the_disk; }
const struct disk *storage_disk_hardware(const struct storage_disk *s) { return &hardware; }
const struct storage_stats *storage_disk_stats(const struct storage_disk *s) { return NULL; }
bool storage_disk_granted(const struct storage_disk *s) { return true; }
void storage_disk_describe(const struct storage_disk *s, char *to, size_t size) { }
char *storage_guid_words(const struct storage_guid *g, char *to, size_t size) { return strcpy(to, "guid"); }
u64 volume_largest_gap(const struct storage_disk *s) { return MiB; }
bool volume_store_at(u32 index, struct volume_store *to) { return false; }
bool volume_layer_at(u32 index, u32 layer, struct volume_layer *to) { return false; }

struct volume *volume_find(const char *name, char *why, size_t size)
{
	for (u32 i = 0; i < VOLUMES_MAX; i++)
		if (table[i].disk && !strcmp(table[i].name, name))
			return &table[i];
	if (why)
		fmt_print(why, size, "no volume \"%s\"", name);
	return NULL;
}

bool volume_progress(const struct volume *v, u64 *done, u64 *all)
{
	*done = filled;
	*all = 200;
	return filled && v->changing;
}

const char *volume_init_disk(struct storage_disk *s, bool force, volume_ended_fn *e, void *arg) { return ask("init", force ? "force" : "", 0, e, arg); }
const char *volume_create(struct storage_disk *s, const char *n, u64 b, enum volume_type t, volume_ended_fn *e, void *arg) { return ask("create", n, b, e, arg); }
const char *volume_create_unerased(struct storage_disk *s, const char *n, u64 b, volume_ended_fn *e, void *arg) { return ask("unerased", n, b, e, arg); }
const char *volume_delete(struct volume *v, volume_ended_fn *e, void *arg) { return ask("delete", v->name, 0, e, arg); }
const char *volume_rename(struct volume *v, const char *n, volume_ended_fn *e, void *arg) { return ask("rename", n, 0, e, arg); }
const char *volume_grow(struct volume *v, u64 b, volume_ended_fn *e, void *arg) { return ask("grow", v->name, b, e, arg); }
const char *volume_import(struct storage_disk *s, const char *n, const char *f, volume_ended_fn *e, void *arg) { return ask(f, n, 0, e, arg); }
const char *volume_clone(struct volume *v, struct storage_disk *s, const char *n, volume_ended_fn *e, void *arg) { return ask("clone", n, 0, e, arg); }
const char *volume_snapshot(struct volume *v, const char *n, u64 b, volume_ended_fn *e, void *arg) { return ask("snapshot", n, b, e, arg); }
const char *volume_clone_cow(struct volume *v, const char *n, volume_ended_fn *e, void *arg) { return ask("cow", n, 0, e, arg); }
const char *volume_rollback(struct volume *v, struct volume *to, volume_ended_fn *e, void *arg) { return ask("rollback", to->name, 0, e, arg); }

static void type(const char *line)
{
	static char text[200];
	char *argv[WORDS] = { NULL };
	int argc = 0;

	said[0] = 0;
	strcpy(text, line);
	for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	if (!strcmp(argv[0], "disk"))
		shell_disk(argc, argv);
	else if (!strcmp(argv[0], "volumes"))
		shell_volumes(argc, argv);
	else
		shell_volume(argc, argv);
}

static void end(u32 which, const char *why, const char *line)
{
	asked[which].ended(asked[which].arg, why);
	assert_string_equal(logged, line);
}

static int setup(void **state)
{
	for (; asked_count; asked_count--)
		asked[asked_count - 1].ended(asked[asked_count - 1].arg, NULL);
	refusal = NULL;
	filled = 0;
	memset(table, 0, sizeof(table));
	table[3] = (struct volume){ .disk = the_disk, .name = "web", .sectors = 2048, .type = VOLUME_OURS };
	table[5] = (struct volume){ .disk = the_disk, .name = "before", .sectors = 2048, .type = VOLUME_SNAPSHOT };
	return 0;
}

/* A copy takes its time; others are made, and refused, meanwhile. */
static void test_each_ends_under_its_name(void **state)
{
	type("volume clone web copy");
	type("volume create db 2MiB");
	type("disk init toy0 force");
	end(1, NULL, "volume create db: done");
	refusal = "it is in use";
	type("volume delete web");
	assert_string_equal(said, "volume delete web: it is in use\n");
	refusal = NULL;
	type("volume rename web new");
	end(2, "the disk is gone", "disk init toy0: failed: the disk is gone");
	end(0, NULL, "volume clone copy: done");
	end(3, NULL, "volume rename web: done");
	asked_count = 0;
}

/* What was refused, or has ended, leaves its place. */
static void test_places(void **state)
{
	refusal = "no";
	for (u32 i = 0; i < 200; i++)
		type("volume create x 1MiB");
	refusal = NULL;
	for (u32 i = 0; i < 200; i++) {
		type("volume grow web 1GiB");
		end(0, NULL, "volume grow web: done");
		asked_count = 0;
	}
	for (said[0] = 0; !said[0];)
		type("volume create x 1MiB");
	assert_string_equal(said, "too many changes are under way: try again\n");
	assert_true(asked_count > DISKS_MAX && asked_count < 64);
	end(2, NULL, "volume create x: done");
	asked[2] = asked[--asked_count];
	type("volume delete web");
	end(asked_count - 1, NULL, "volume delete web: done");
	asked_count--;
}

static void is_asked(const char *line, const char *what)
{
	type(line);
	assert_string_equal(said, "");
	assert_int_equal(asked_count, 1);
	assert_string_equal(asked[0].what, what);
	setup(NULL);
}

static void test_what_is_asked(void **state)
{
	is_asked("disk init toy0", "init  0");
	is_asked("disk init toy0 force", "init force 0");
	is_asked("volume create db 2MiB", "create db 2097152");
	is_asked("volume create db 2MiB on toy0", "create db 2097152");
	is_asked("volume create db 2MiB unerased", "unerased db 2097152");
	is_asked("volume create db 2MiB on toy0 unerased", "unerased db 2097152");
	is_asked("volume grow web 1GiB", "grow web 1073741824");
	is_asked("volume import f.img new on toy0", "f.img new 0");
	is_asked("volume clone web new", "clone new 0");
	is_asked("volume clone web new on toy0", "clone new 0");
	is_asked("volume clone web new cow", "cow new 0");
	is_asked("volume snapshot web", "snapshot web.1 0");
	is_asked("volume snapshot web 8MiB", "snapshot web.1 8388608");
	is_asked("volume snapshot web as now", "snapshot now 0");
	is_asked("volume snapshot web as now 8MiB", "snapshot now 8388608");
	is_asked("volume rollback web to before", "rollback before 0");
}

static void is_told(const char *line, const char *part)
{
	type(line);
	assert_non_null(strstr(said, part));
	assert_int_equal(asked_count, 0);
}

static void test_what_is_told(void **state)
{
	is_told("disk init nope", "no disk is called \"nope\"");
	is_told("disk init toy0 forc", "disk init DISK [force]");
	is_told("volume", "volume snapshot NAME [as SNAPSHOT] [SIZE]");
	is_told("volume create db 20", "SIZE such as");
	is_told("volume create db 2MiB on nope", "a disk as `disks` lists it");
	is_told("volume create db 2MiB unerased toy0", "a disk as `disks` lists it");
	is_told("volume create db unerased", "SIZE such as");
	is_told("volume create db 2MiB toy0", "a disk as `disks` lists it");
	is_told("volume delete nope", "no volume \"nope\"");
	is_told("volume grow web 20", "its size in all");
	is_told("volume clone web new cows", "a disk as `disks` lists it");
	is_told("volume snapshot web now", "volume snapshot NAME");
	is_told("volume rollback web on before", "volume rollback NAME to");
	is_told("volume rollback web to nope", "no volume \"nope\"");
	is_told("volume snapshots", "no snapshots");
}

static void test_list(void **state)
{
	type("volumes");
	assert_non_null(strstr(said, "web"));
	assert_null(strstr(said, "being"));
	table[3].changing = true;
	type("volumes");
	assert_non_null(strstr(said, "being changed"));
	filled = 50;
	type("volumes");
	assert_non_null(strstr(said, "being filled, 25 %"));
	table[5].users = 1;
	type("volumes");
	assert_non_null(strstr(said, "in use, read-only"));
	memset(table, 0, sizeof(table));
	type("volumes");
	assert_non_null(strstr(said, "no disk has a partition"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, setup)

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_each_ends_under_its_name), T(test_places), T(test_what_is_asked),
		T(test_what_is_told), T(test_list) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
