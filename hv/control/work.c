/* SPDX-License-Identifier: Apache-2.0 */
/* Work for the control core, and the two words that keep its sleep safe: `rung` says that somebody has brought something
 * since the last round began, `halting` that a doorbell is needed to be heard. Who rings stores rung, then reads halting;
 * who halts stores halting, then reads rung: one of them sees the other. */
#include <hv/control_work.h>

#include <hv/core.h>
#include <hv/lib.h>

#define LINGER_PAUSES 32u		/* between two rounds: some microseconds in which a sibling has the core */

static struct control_work work[CONTROL_WORK_MAX];
static u32 work_count;
static bool polling;
static u64 wake_by = U64_MAX, linger_until;

/* Apart from what the control core alone writes: guests' cores write here. */
static struct {
	u32 rung, halting;
} word __attribute__((aligned(64)));

int control_work_add(const struct control_work *w)
{
	if (work_count == CONTROL_WORK_MAX)
		return -E_NOMEM;
	work[work_count++] = *w;
	return 0;
}

/* Never out of a poll(): places move. */
void control_work_forget(bool (*is_gone)(const void *arg, u32 arena), u32 arena)
{
	u32 kept = 0;

	assert(!polling);
	for (u32 i = 0; i < work_count; i++)
		if (!is_gone(work[i].arg, arena))
			work[kept++] = work[i];
	work_count = kept;
}

bool control_work_poll(u64 now)
{
	bool any = false;

	store_relaxed(&word.halting, 0u);
	exchange(&word.rung, 0u);	/* a full barrier: what was brought before is seen below */
	polling = true;
	for (u32 i = 0; i < work_count; i++)
		any |= work[i].poll(work[i].arg, now);
	polling = false;
	return any;
}

bool control_work_listen(void)
{
	bool any;

	store_relaxed(&word.halting, 1u);
	fence_full();
	any = load_relaxed(&word.rung);
	for (u32 i = 0; i < work_count; i++)
		if (work[i].listen)
			any |= work[i].listen(work[i].arg);
	return any;
}

/* The exchange is a full barrier. Who finds the word set leaves the doorbell to who set it. */
void control_work_ring(void)
{
	if (!exchange(&word.rung, 1u) && load_relaxed(&word.halting))
		core_ring_doorbell(control_core);
}

void control_work_linger(u64 tsc)
{
	linger_until = MAX(linger_until, tsc);
}

bool control_work_lingers(u64 now)
{
	if (now >= linger_until)
		return false;
	for (u32 i = 0; i < LINGER_PAUSES && !load_relaxed(&word.rung); i++)
		cpu_relax();
	return true;
}

void control_work_by(u64 tsc)
{
	wake_by = MIN(wake_by, tsc);
}

u64 control_work_deadline(void)
{
	u64 tsc = wake_by;

	wake_by = U64_MAX;
	return tsc;
}
