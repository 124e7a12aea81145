/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/core.h>
#include <hv/log.h>
#include <hv/time.h>

/* One slot: a writer owns it while busy is 1; done is the line's number + 1, stored last. A writer that meets a busy
 * slot (the other one sleeps a whole ring behind) gives up its line and says so in skipped. */
struct slot {
	u32 busy;
	u64 done;
	u64 skipped;
	struct log_line line;
};

static struct slot slot[LOG_LINES];
static u64 next_seq;
static enum log_level level_max = LOG_DEBUG;
static bool cores_known;
static void (*console_print)(void);
static u32 console_core;
static bool printing;	/* only console_core looks at it */

static u32 core_index(void)
{
	return load_relaxed(&cores_known) ? this_core()->index : 0;
}

/* The console's own troubles are logged too: they wait for the next line instead of nesting. */
static void print_now(u32 core)
{
	if (!console_print || core != console_core || printing)
		return;
	printing = true;
	console_print();
	printing = false;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	struct slot *s;
	va_list ap;
	u64 seq;

	if (level > load_relaxed(&level_max))
		return;
	seq = fetch_add(&next_seq, 1ul);
	s = &slot[seq % LOG_LINES];
	if (exchange(&s->busy, 1u)) {
		store_release(&s->skipped, seq + 1);
		return;
	}
	store_relaxed(&s->done, 0ul);
	fence_full();	/* a reader that copies while we write finds done changed */
	s->line.tsc = tsc_now();
	s->line.core = core_index();
	s->line.level = level;
	va_start(ap, fmt);
	fmt_vprint(s->line.text, sizeof(s->line.text), fmt, ap);
	va_end(ap);
	store_release(&s->done, seq + 1);	/* pairs with the acquire in log_read */
	store_release(&s->busy, 0u);
	print_now(s->line.core);
}

int log_read(u64 seq, struct log_line *line)
{
	const struct slot *s = &slot[seq % LOG_LINES];
	u64 end = log_end();

	if (seq >= end)
		return -E_NOENT;
	if (end - seq > LOG_LINES || load_acquire(&s->skipped) == seq + 1)
		return -E_RANGE;
	if (load_acquire(&s->done) != seq + 1)
		return load_relaxed(&s->done) > seq + 1 ? -E_RANGE : -E_NOENT;
	*line = s->line;
	fence_full();	/* the copy is complete before we look whether it was overwritten meanwhile */
	return load_relaxed(&s->done) == seq + 1 ? 0 : -E_RANGE;
}

u64 log_end(void)
{
	return load_acquire(&next_seq);
}

void log_set_level(enum log_level level)
{
	store_relaxed(&level_max, level);
}

void log_set_console(void (*print)(void))
{
	console_core = core_index();
	console_print = print;
}

void log_set_cores_known(void)
{
	store_relaxed(&cores_known, true);
	console_core = core_index();
}
