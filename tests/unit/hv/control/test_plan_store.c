/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/control/plan_store.c hv/lib/string.c hv/lib/format.c */
/* Plans that are kept: written in steps to a datastore that is busy, full or gone, at most eight of them; taken up again at the
 * start they belong to, whole or not at all. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "hv/control/plan_apply.h"
#include "hv/control/plan_store.h"

#include <hv/datastore.h>
#include <hv/host.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/pool.h>
#include <hv/time.h>

#define SECOND 1000000000000ul

struct timebase timebase = { .tsc_hz = SECOND };
static struct boot_info info;
const struct boot_info *boot_info = &info;
static struct plan plan;
static struct resolved_plan resolved;
const struct plan *machine_plan = &plan;
const struct resolved_plan *machine_resolved = &resolved;

static struct file { char path[64]; char *bytes; u32 size; } files[40];
static enum datastore_state state = DATASTORE_READY;
static int refuse;			/* of appends: error, and how many are taken before */
static u32 taken_before, shown_bytes;
static char begin_file[64] = "[machine]\n", logged[400], applied[70000];
static u32 applied_number, pages;
static bool applying, no_pool;
static const char *apply_why;

u64 mul_div(u64 ticks, u64 num, u64 den) { return (u64)((unsigned __int128)ticks * num / den); }
const void *host_file_ptr(u64 hpa) { return begin_file; }
enum datastore_state datastore_state(void) { return state; }
bool datastore_settled(const struct guest *g) { return true; }
struct guest *guests[PLAN_GUESTS_MAX];
u32 guest_count;
bool plan_apply_busy(void) { return applying; }
bool plan_apply_step(void) { return applying; }

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(logged, sizeof(logged), fmt, ap);
	va_end(ap);
}

void *pool_alloc(u64 count, enum pool_owner owner)
{
	pages += no_pool ? 0 : (u32)count;
	return no_pool ? NULL : calloc(count, PAGE_SIZE);
}

void pool_free(void *p, u64 count)
{
	pages -= (u32)count;
	free(p);
}

const char *plan_apply_begin(const char *text, u32 size, u32 number)
{
	memcpy(applied, text, size);
	applied[size] = 0;
	applied_number = number;
	applying = !apply_why;
	return apply_why;
}

void resolved_plan_show(const struct plan *p, const struct resolved_plan *r, plan_print_fn *print, void *context)
{
	static char line[101];

	memset(line, 'x', 99);
	line[99] = '\n';
	for (u32 i = 0; i < shown_bytes; i += 100)
		print(context, line);
}

/* --- the datastore --------------------------------------------------------------------------------------------------- */

static struct file *find(const char *path)
{
	for (u32 i = 0; i < ARRAY_COUNT(files); i++)
		if (!strcmp(files[i].path, path))
			return &files[i];
	return NULL;
}

bool datastore_file(u32 n, struct datastore_file *f)
{
	for (u32 i = 0; i < ARRAY_COUNT(files); i++)
		if (files[i].path[0] && !n--) {
			str_copy(f->path, sizeof(f->path), files[i].path);
			f->size = files[i].size;
			return true;
		}
	return false;
}

int datastore_append(const char *path, const void *data, u32 n)
{
	struct file *f = find(path);

	if (refuse && !taken_before--)
		return taken_before = 0, refuse;
	f = f ? f : find("");
	assert_non_null(f);
	str_copy(f->path, sizeof(f->path), path);
	f->bytes = realloc(f->bytes, f->size + n);
	memcpy(f->bytes + f->size, data, n);
	f->size += n;
	return 0;
}

int datastore_read(const char *path, u32 offset, void *to, u32 size)
{
	struct file *f = find(path);

	if (!f)
		return -E_NOENT;
	size = MIN(size, f->size - MIN(offset, f->size));
	memcpy(to, f->bytes + offset, size);
	return (int)size;
}

int datastore_remove(const char *path)
{
	struct file *f = find(path);

	if (!f)
		return -E_NOENT;
	free(f->bytes);
	*f = (struct file){ 0 };
	return 0;
}

static int setup(void **s)
{
	for (u32 i = 0; i < ARRAY_COUNT(files); i++) {
		free(files[i].bytes);
		files[i] = (struct file){ 0 };
	}
	state = DATASTORE_READY;
	refuse = 0;
	taken_before = 0;
	shown_bytes = 9000;
	info.files[0].size = 10;
	applied_number = 0;
	applied[0] = logged[0] = 0;
	applying = no_pool = false;
	apply_why = NULL;
	machine_plan = &plan;
	str_copy(begin_file, sizeof(begin_file), "[machine]\n");
	plan_store_init();
	return 0;
}

static u32 write_all(u64 now)
{
	u32 steps = 0;

	while (plan_store_step(now) && steps < 100)
		steps++;
	return steps;
}

static u32 kept(void)
{
	u32 n = 0;

	while (plan_store_nth(n))
		n++;
	return n;
}

/* --- tests ------------------------------------------------------------------------------------------------------------ */

static void written_in_steps(void **s)
{
	assert_null(plan_store_save());
	assert_string_equal(plan_store_save(), "one is being written");
	assert_true(plan_store_step(tsc_now()));
	assert_int_equal(find("plan/00001")->size, 4096);
	write_all(tsc_now());
	assert_memory_equal(find("plan/00001")->bytes, "# Bulkhead: guests of bulkhead.toml with sum ", 45);
	assert_memory_equal(find("plan/00001")->bytes + find("plan/00001")->size - 6, "# end\n", 6);
	assert_int_equal(pages, 0);
	assert_int_equal(kept(), 1);
}

static void eight_are_kept(void **s)
{
	for (u32 i = 0; i < 12; i++) {
		assert_null(plan_store_save());
		write_all(tsc_now());
	}
	assert_int_equal(kept(), PLAN_STORE_KEPT);
	assert_null(find("plan/00004"));
	assert_non_null(find("plan/00005"));
	assert_non_null(find("plan/00012"));
	assert_null(plan_store_forget());
	assert_int_equal(kept(), 0);
	assert_non_null(strstr(logged, "forgotten"));
}

static void what_cannot_be_kept(void **s)
{
	state = DATASTORE_NONE;
	assert_non_null(plan_store_save());
	assert_false(plan_store_lasts());
	state = DATASTORE_READY;
	no_pool = true;
	assert_non_null(plan_store_save());
	no_pool = false;
	shown_bytes = PLAN_STORE_TEXT;
	assert_string_equal(plan_store_save(), "it is too long to be kept");
	assert_int_equal(pages, 0);
	machine_plan = NULL;
	assert_string_equal(plan_store_save(), "there is no plan");
}

static void a_datastore_that_does_not_take_it(void **s)
{
	u64 now = tsc_now();

	/* Busy: later. Busy for ten seconds: given up. */
	refuse = -E_BUSY;
	taken_before = 1;
	assert_null(plan_store_save());
	for (u32 i = 0; i < 5; i++)
		assert_true(plan_store_step(now));
	refuse = 0;
	write_all(now);
	assert_non_null(strstr(logged, "kept as number 1"));
	refuse = -E_BUSY;
	assert_null(plan_store_save());
	assert_true(plan_store_step(now));
	plan_store_step(now + 11 * SECOND);
	assert_non_null(strstr(logged, "takes nothing"));
	assert_int_equal(pages, 0);
	/* Full, in the middle of it: what lies there is not whole, and never taken up. */
	refuse = -E_NOSPC;
	taken_before = 1;
	assert_null(plan_store_save());
	write_all(now);
	assert_non_null(strstr(logged, "full or fails"));
	assert_int_equal(find("plan/00002")->size, 4096);
	assert_string_equal(plan_store_rollback(2), "it is not whole");
	assert_int_equal(pages, 0);
}

static void back_to_an_earlier_one(void **s)
{
	assert_string_equal(plan_store_rollback(0), "there is no earlier one");
	assert_null(plan_store_save());
	write_all(tsc_now());
	assert_string_equal(plan_store_rollback(0), "there is no earlier one");
	shown_bytes = 100;
	assert_null(plan_store_save());
	write_all(tsc_now());
	assert_null(plan_store_rollback(0));
	assert_int_equal(applied_number, 1);
	assert_true(strlen(applied) > 9000);
	applying = false;
	/* By hand also one of another bulkhead.toml. */
	str_copy(begin_file, sizeof(begin_file), "[Machine]\n");
	assert_null(plan_store_rollback(2));
	applying = false;
	assert_string_equal(plan_store_rollback(7), "it is not whole");
	no_pool = true;
	assert_non_null(plan_store_rollback(1));
	state = DATASTORE_LOST;
	assert_non_null(plan_store_rollback(1));
	assert_int_equal(pages, 0);
}

static void at_the_start(void **s)
{
	/* The datastore is not known yet; then there is nothing. */
	state = DATASTORE_LOADING;
	assert_false(plan_store_settled(0));
	state = DATASTORE_READY;
	assert_true(plan_store_settled(0));
	assert_int_equal(applied_number, 0);
	assert_null(plan_store_save());
	write_all(tsc_now());
	/* The same bulkhead.toml: it is taken up, and what that changes is not kept again. */
	plan_store_init();
	assert_false(plan_store_settled(0));
	assert_int_equal(applied_number, 1);
	plan_store_changed();
	applying = false;
	assert_true(plan_store_settled(0));
	assert_false(plan_store_step(tsc_now() + 5 * SECOND));
	assert_int_equal(kept(), 1);
	/* Another one: it is left alone, and said. */
	str_copy(begin_file, sizeof(begin_file), "[Machine]\n");
	applied_number = 0;
	plan_store_init();
	assert_true(plan_store_settled(0));
	assert_int_equal(applied_number, 0);
	assert_non_null(strstr(logged, "bulkhead.toml has been changed"));
}

static void changes_are_kept_when_they_pause(void **s)
{
	u64 now;

	plan_store_changed();
	now = tsc_now();
	assert_false(plan_store_step(now));
	plan_store_changed();
	assert_false(plan_store_step(now + SECOND / 2));
	applying = true;
	plan_store_step(now + 3 * SECOND);
	assert_int_equal(kept(), 0);
	applying = false;
	state = DATASTORE_LOADING;
	assert_false(plan_store_step(now + 3 * SECOND));
	state = DATASTORE_READY;
	write_all(now + 3 * SECOND);
	assert_int_equal(kept(), 1);
	assert_false(plan_store_step(now + 9 * SECOND));
	assert_int_equal(kept(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(written_in_steps, setup), cmocka_unit_test_setup(eight_are_kept, setup),
		cmocka_unit_test_setup(what_cannot_be_kept, setup), cmocka_unit_test_setup(a_datastore_that_does_not_take_it, setup),
		cmocka_unit_test_setup(back_to_an_earlier_one, setup), cmocka_unit_test_setup(at_the_start, setup),
		cmocka_unit_test_setup(changes_are_kept_when_they_pause, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
