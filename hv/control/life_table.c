/* SPDX-License-Identifier: Apache-2.0 */
/* What may be asked of a guest, and when: one table. Shell, restart policy and machine all go by it. */
#include "lifecycle.h"

#define GO NULL
#define RUNS "it runs: `stop` or `kill` it first"
#define GOES "it is being deleted"
#define IDLE "it does not run"
#define DRAINS "a disk or a network card still works in its RAM: try again when that is over"
#define WAITS "it waits for its restart: `stop` cancels that"

/* GO: yes; what then happens is in lifecycle.c. Else why not. */
static const char *const table[LIFE_PHASES][LIFE_EVENTS] = {
	[PHASE_OFF] = {
		[LIFE_START] = GO, [LIFE_STOP] = IDLE, [LIFE_KILL] = IDLE, [LIFE_RESET] = "it does not run; `start` starts it",
		[LIFE_PAUSE] = IDLE, [LIFE_RESUME] = "it is not paused", [LIFE_SET] = GO, [LIFE_DELETE] = GO },
	[PHASE_STARTING] = {
		[LIFE_START] = "it runs already", [LIFE_STOP] = GO, [LIFE_KILL] = GO, [LIFE_RESET] = GO,
		[LIFE_PAUSE] = "it is still starting", [LIFE_RESUME] = "it is not paused", [LIFE_SET] = RUNS,
		[LIFE_DELETE] = RUNS },
	[PHASE_RUNNING] = {
		[LIFE_START] = "it runs already", [LIFE_STOP] = GO, [LIFE_KILL] = GO, [LIFE_RESET] = GO, [LIFE_PAUSE] = GO,
		[LIFE_RESUME] = "it is not paused", [LIFE_SET] = RUNS, [LIFE_DELETE] = RUNS },
	[PHASE_PAUSED] = {
		[LIFE_START] = "it is paused: `resume` lets it go on",
		[LIFE_STOP] = "it is paused: `resume` it first, or `kill` it",
		[LIFE_KILL] = GO, [LIFE_RESET] = GO, [LIFE_PAUSE] = "it is paused already", [LIFE_RESUME] = GO, [LIFE_SET] = RUNS,
		[LIFE_DELETE] = RUNS },
	[PHASE_STOPPING] = {
		[LIFE_START] = "it is still stopping", [LIFE_STOP] = GO, [LIFE_KILL] = GO, [LIFE_RESET] = GO,
		[LIFE_PAUSE] = "it is stopping", [LIFE_RESUME] = "it is not paused", [LIFE_SET] = "it is still stopping",
		[LIFE_DELETE] = "it is still stopping" },
	/* Its vcpus have parked; disks or cards have not let go of its RAM. */
	[PHASE_DRAINING] = {
		[LIFE_START] = DRAINS,
		[LIFE_STOP] = GO /* a restart that was to follow is cancelled */, [LIFE_KILL] = GO,
		[LIFE_RESET] = "it does not run; `start` starts it", [LIFE_PAUSE] = IDLE, [LIFE_RESUME] = "it is not paused",
		[LIFE_SET] = DRAINS,
		[LIFE_DELETE] = DRAINS },
	/* It failed, and its restart is due in some seconds. */
	[PHASE_WAITING] = {
		[LIFE_START] = GO, [LIFE_STOP] = GO, [LIFE_KILL] = GO, [LIFE_RESET] = "it does not run; `start` starts it",
		[LIFE_PAUSE] = IDLE, [LIFE_RESUME] = "it is not paused",
		[LIFE_SET] = WAITS, [LIFE_DELETE] = WAITS },
	[PHASE_DELETING] = {
		[LIFE_START] = GOES, [LIFE_STOP] = GOES, [LIFE_KILL] = GOES, [LIFE_RESET] = GOES, [LIFE_PAUSE] = GOES,
		[LIFE_RESUME] = GOES, [LIFE_SET] = GOES, [LIFE_DELETE] = GOES },
};

enum life_phase life_phase(const struct guest *g)
{
	const struct life *l = life_of(g);

	if (l->deleting)
		return PHASE_DELETING;
	if (l->lending)
		return PHASE_DRAINING;
	if (life_is_quiet(g))
		return l->restart_at == ~0ul ? PHASE_OFF : PHASE_WAITING;
	if (g->state == GUEST_STARTING)
		return PHASE_STARTING;
	if (g->state != GUEST_RUNNING)
		return PHASE_STOPPING;
	return load_relaxed(&g->paused) ? PHASE_PAUSED : PHASE_RUNNING;
}

const char *life_refusal(const struct guest *g, enum life_event event)
{
	return table[life_phase(g)][event];
}

const char *life_state_word(const struct guest *g)
{
	static const char *const word[] = { [GUEST_OFF] = "off", [GUEST_STARTING] = "starting",
		[GUEST_RUNNING] = "running", [GUEST_STOPPING] = "stopping", [GUEST_ENDED] = "ended",
		[GUEST_KILLED] = "killed" };
	const struct life *l = life_of(g);

	if (l->deleting)
		return "deleting";
	if (life_phase(g) == PHASE_PAUSED)
		return l->pausing ? "pausing" : "paused";
	if (g->state == GUEST_RUNNING && l->panicked)
		return "panicked";
	if (l->lending)
		return "draining";
	if ((l->clearing || l->to_clear) && g->state != GUEST_STARTING && life_is_quiet(g))
		return "clearing";
	return word[g->state];
}
