/* SPDX-License-Identifier: Apache-2.0 */
/* A saved plan is plan/NUMBER in the datastore: a line with the sum of the bulkhead.toml that it descends from, the plan as `plan`
 * shows it, and a last line without which it is not whole. */
#include "plan_store.h"

#include "plan_apply.h"

#include <hv/datastore.h>
#include <hv/host.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/pool.h>
#include <hv/time.h>

#define FOLDER "plan/"
#define STEP_BYTES 4096u
#define PAGES (PLAN_STORE_TEXT / PAGE_SIZE)
#define PATIENCE_NS (10 * NS_PER_S)
#define PAUSE_NS (NS_PER_S)		/* changes in a row are kept as one */

static const char first_line[] = "# Bulkhead: guests of bulkhead.toml with sum ", last_line[] = "# end\n";

static struct {
	char *text;			/* being written; null: nothing is */
	u32 size, done, number;
	u64 until;			/* TSC: the datastore must take it by then */
	bool lost;			/* the text did not fit */
	bool looked;			/* at the start's */
	bool starting;			/* what it has brought is being taken up */
	bool dirty;			/* the plan has changed, and the change is not kept yet */
	u64 dirty_at;			/* TSC of the last change */
} s;

void plan_store_init(void)
{
	memset(&s, 0, sizeof(s));
}

u32 plan_store_nth(u32 n)
{
	struct datastore_file f;

	for (u32 i = 0; datastore_file(i, &f); i++) {
		u32 number = 0;

		if (strncmp(f.path, FOLDER, strlen(FOLDER)) || n--)
			continue;
		for (const char *c = f.path + strlen(FOLDER); *c >= '0' && *c <= '9' && number < 100000000; c++)
			number = number * 10 + (u32)(*c - '0');
		return MAX(number, 1u);
	}
	return 0;
}

static void path_of(char to[32], u32 number)
{
	fmt_print(to, 32, FOLDER "%05u", number);
}

/* The largest number below that one. */
static u32 number_below(u32 below)
{
	u32 best = 0;

	for (u32 n = 0, number; (number = plan_store_nth(n)); n++)
		if (number < below && number > best)
			best = number;
	return best;
}

/* FNV-1a of the file that the machine was started with. */
static u32 sum_of_start(void)
{
	const struct boot_file *file = &boot_info->files[0];
	const u8 *bytes = host_file_ptr(file->base);
	u64 h = 0xcbf29ce484222325ul;

	for (u64 i = 0; i < MIN(file->size, (u64)PLAN_FILE_SIZE_MAX); i++)
		h = (h ^ bytes[i]) * 0x100000001b3ul;
	return (u32)(h ^ h >> 32);
}

/* Writing. */

static void put_text(void *context, const char *text)
{
	size_t n = strlen(text);

	(void)context;
	if (n > PLAN_STORE_TEXT - s.size) {
		s.lost = true;
		return;
	}
	memcpy(s.text + s.size, text, n);
	s.size += (u32)n;
}

static void end_writing(void)
{
	pool_free(s.text, PAGES);
	s.text = NULL;
}

const char *plan_store_save(void)
{
	char head[80];

	if (!machine_plan || !machine_resolved)
		return "there is no plan";
	if (datastore_state() != DATASTORE_READY)
		return "there is no datastore that could keep it (`datastore` says why): changes do not last; "
		       "`plan` prints the file";
	if (s.text)
		return "one is being written";
	s.text = pool_alloc(PAGES, POOL_OTHER);
	if (!s.text)
		return "the hypervisor's own memory is too small for that";
	s.size = s.done = 0;
	s.lost = false;
	s.number = number_below(UINT32_MAX) + 1;
	s.until = tsc_now() + ns_to_ticks(PATIENCE_NS);
	fmt_print(head, sizeof(head), "%s%08x\n", first_line, sum_of_start());
	put_text(NULL, head);
	resolved_plan_show(machine_plan, machine_resolved, put_text, NULL);
	put_text(NULL, last_line);
	if (!s.lost)
		return NULL;
	end_writing();
	return "it is too long to be kept";
}

static void remove_old(void)
{
	char path[32];
	u32 number = UINT32_MAX;

	for (u32 i = 0; i < PLAN_STORE_KEPT && number; i++)
		number = number_below(number);
	for (number = number ? number_below(number) : 0; number; number = number_below(number)) {
		path_of(path, number);
		datastore_remove(path);
	}
}

static void write_step(u64 now)
{
	u32 n = MIN(STEP_BYTES, s.size - s.done);
	char path[32];
	int err;

	path_of(path, s.number);
	err = datastore_append(path, s.text + s.done, n);
	if (err && err != -E_BUSY) {
		log_error("plan: it could not be kept: the datastore is full or fails");
		end_writing();
	} else if (err && now >= s.until) {
		log_error("plan: it could not be kept: the datastore takes nothing");
		end_writing();
	} else if (!err) {
		s.done += n;
		if (s.done < s.size)
			return;
		log_notice("plan: kept as number %u, %u bytes", s.number, s.size);
		end_writing();
		remove_old();
	}
}

const char *plan_store_forget(void)
{
	char path[32];
	u32 number;

	if (datastore_state() != DATASTORE_READY)
		return "there is no datastore";
	while ((number = number_below(UINT32_MAX))) {
		path_of(path, number);
		if (datastore_remove(path))
			return "not all could be removed: try again";
	}
	log_notice("plan: what was kept is forgotten");
	return NULL;
}

/* Reading. */

/* The whole text of that number into text[PLAN_STORE_TEXT]; its size, 0: it is not there or not whole. */
static u32 read_text(u32 number, char *text)
{
	char path[32];
	u32 size = 0, tail = sizeof(last_line) - 1;
	int n;

	path_of(path, number);
	while (size < PLAN_STORE_TEXT && (n = datastore_read(path, size, text + size, (u32)PLAN_STORE_TEXT - size)) > 0)
		size += (u32)n;
	return size > tail && !memcmp(text + size - tail, last_line, tail) ? size : 0;
}

static bool is_of_this_start(const char *text, u32 size)
{
	char head[80];

	fmt_print(head, sizeof(head), "%s%08x\n", first_line, sum_of_start());
	return size > strlen(head) && !memcmp(text, head, strlen(head));
}

static const char *apply(u32 number, bool at_start)
{
	char *text = pool_alloc(PAGES, POOL_OTHER);
	const char *why = NULL;
	u32 size;

	if (!text)
		return "the hypervisor's own memory is too small for that";
	size = read_text(number, text);
	if (!size)
		why = "it is not whole";
	else if (!is_of_this_start(text, size) && at_start)
		why = "bulkhead.toml has been changed since";
	else
		why = plan_apply_begin(text, size, number);
	pool_free(text, PAGES);
	return why;
}

const char *plan_store_rollback(u32 number)
{
	if (datastore_state() != DATASTORE_READY)
		return "there is no datastore, so nothing was kept";
	if (!number)
		number = number_below(number_below(UINT32_MAX));
	if (!number)
		return "there is no earlier one";
	return apply(number, false);
}

bool plan_store_lasts(void)
{
	return datastore_state() == DATASTORE_READY;
}

void plan_store_changed(void)
{
	if (s.starting && plan_apply_busy())
		return;			/* it comes from there */
	s.starting = false;
	s.dirty = true;
	s.dirty_at = tsc_now();
}

/* Without a datastore it waits for one. */
static void keep_change(u64 now)
{
	const char *why;

	if (!s.dirty || s.text || plan_apply_busy() || !plan_store_lasts() || now - s.dirty_at < ns_to_ticks(PAUSE_NS))
		return;
	s.dirty = false;
	why = plan_store_save();
	if (why)
		log_error("plan: the last change could not be kept: %s", why);
}

bool plan_store_step(u64 now)
{
	keep_change(now);
	if (s.text)
		write_step(now);
	return plan_apply_step() || s.text;
}

static bool datastore_is_known(void)
{
	const struct guest *g = guest_next(NULL);

	return datastore_state() == DATASTORE_READY || (datastore_state() != DATASTORE_LOADING && (!g || datastore_settled(g)));
}

bool plan_store_settled(u64 now)
{
	const char *why;
	u32 number;

	(void)now;
	if (s.looked)
		return !plan_apply_busy();
	if (!machine_plan || !datastore_is_known())
		return !machine_plan;
	s.looked = true;
	number = datastore_state() == DATASTORE_READY ? number_below(UINT32_MAX) : 0;
	why = number ? apply(number, true) : NULL;
	s.starting = number && !why;
	if (why)
		log_notice("plan: number %u of the datastore is not used: %s", number, why);
	return !plan_apply_busy();
}
