/* SPDX-License-Identifier: Apache-2.0 */
/* Work for the control core: who is looked at in a round, and the words that keep its sleep safe.
 *
 * Whoever has a reason to be looked at has its bit in `ready`: called, its time has come, a device has sent a message, or it said
 * so itself. The rest costs nothing. Other cores set bits in `called`, and then `rung` says that somebody has brought something
 * since the last round began, `halting` that a doorbell is needed to be heard. Who rings stores rung, then reads halting; who
 * halts stores halting, then reads rung: one of them sees the other. */
#include <hv/control_work.h>

#include <hv/core.h>
#include <hv/lib.h>
#include <hv/pci.h>
#include <hv/time.h>

#define WORDS (CONTROL_WORK_MAX / 64)
#define NOBODY CONTROL_WORK_MAX
/* Between two rounds, at most, each twice as long as the one before: some ten microseconds in which a sibling has the core. */
#define LINGER_STEPS 3u
#define LINGER_STEPS_ALL 2u		/* where those that wait are seen in a round only */
#define DOZE_AFTER_NS 50000ul		/* without anything done; who lingers only, does not stay */
#define DOZE_NS 15000ul

static struct control_work work[CONTROL_WORK_MAX];
static u64 by[CONTROL_WORK_MAX];	/* TSC at which it wants to be looked at; U64_MAX: not by the clock */
static u32 work_count, words;		/* words: of the sets below that are in use */
static u32 current = NOBODY;		/* whose poll() runs */
static u64 ready[WORDS], always[WORDS], listeners[WORDS], staying[WORDS];
static u64 stay_until[CONTROL_WORK_MAX];
static u64 stay_end;			/* no earlier than any of these whose bit is in staying */
static u64 for_message[PCI_MESSAGES][WORDS];
static u64 due = U64_MAX;		/* no later than the first of by[] */
static u64 wake_by = U64_MAX;		/* asked for by nobody on the list */
static u64 linger_until;
static u64 vain_since;			/* TSC of the first look between rounds that did nothing; 0: the last one did something */

/* Apart from what the control core alone writes: guests' cores write here. */
static struct {
	u32 rung, halting;
	u64 called[WORDS];
} word __attribute__((aligned(64)));

static void add(u64 *set, u32 i)
{
	set[i / 64] |= BIT(i % 64);
}

/* The first place that is free. */
static u32 place(void)
{
	u32 i = 0;

	while (i < work_count && work[i].poll)
		i++;
	return i;
}

int control_work_add(const struct control_work *w)
{
	u32 i = place();

	assert(current == NOBODY);
	if (i == CONTROL_WORK_MAX)
		return -E_NOMEM;
	work[i] = *w;
	by[i] = U64_MAX;
	add(ready, i);
	if (w->when == WORK_ALWAYS)
		add(always, i);
	if (w->when == WORK_ON_MESSAGE)
		add(for_message[w->message], i);
	if (w->listen)
		add(listeners, i);
	if (w->id)
		*w->id = i;
	work_count = MAX(work_count, i + 1);
	words = (work_count + 63) / 64;
	return 0;
}

static void forget(u32 i)
{
	u64 *const set[] = { ready, always, listeners, staying, word.called };

	for (u32 k = 0; k < ARRAY_COUNT(set); k++)
		fetch_and(&set[k][i / 64], ~BIT(i % 64));
	for (u32 k = 0; k < PCI_MESSAGES; k++)
		for_message[k][i / 64] &= ~BIT(i % 64);
	by[i] = U64_MAX;
	work[i] = (struct control_work){ 0 };
}

/* Others keep their places, as they are known by them. */
void control_work_forget(bool (*is_gone)(const void *arg, u32 arena), u32 arena)
{
	assert(current == NOBODY);
	for (u32 i = 0; i < work_count; i++)
		if (work[i].poll && is_gone(work[i].arg, arena))
			forget(i);
}

void control_work_look_all(void)
{
	for (u32 i = 0; i < work_count; i++)
		if (work[i].poll)
			add(ready, i);
}

/* Whose time has come; when the next one's does. */
static NOINLINE void look_at_clock(u64 now)
{
	due = U64_MAX;
	for (u32 i = 0; i < work_count; i++) {
		if (by[i] <= now)
			add(ready, i);
		else
			due = MIN(due, by[i]);
	}
}

/* Interrupts are off: no message comes while we look. */
static NOINLINE void look_at_messages(void)
{
	u32 left = this_core()->messages;

	this_core()->messages = 0;
	for (; left; left &= left - 1)
		for (u32 w = 0; w < words; w++)
			ready[w] |= for_message[__builtin_ctz(left)][w];
}

static inline void run(u32 i, u64 now)
{
	const struct control_work *w = &work[i];

	current = i;
	by[i] = U64_MAX;
	if (w->poll(w->arg, now))
		add(ready, i);
}

/* In their order: who is called by one in front of it has its turn in this round, by one behind it in the next. */
static inline void run_word(u32 w, u64 now)
{
	u64 left = ready[w] | always[w] | staying[w];

	if (load_relaxed(&word.called[w]))
		left |= exchange(&word.called[w], 0ul);
	ready[w] = 0;
	while (left) {
		u32 i = (u32)__builtin_ctzl(left);
		u64 behind = ~1ul << i;

		run(w * 64 + i, now);
		left &= behind;
		if (LIKELY(!(ready[w] & behind)))
			continue;
		left |= ready[w] & behind;
		ready[w] &= ~behind;
	}
	current = NOBODY;
}

static NOINLINE bool run_words(u64 now)
{
	bool any = false;

	for (u32 w = 0; w < words; w++)
		run_word(w, now);
	for (u32 w = 0; w < words; w++)
		any |= ready[w] != 0;	/* and whom one in another word has called */
	return any;
}

bool control_work_poll(u64 now)
{
	bool any;

	store_relaxed(&word.halting, 0u);
	exchange(&word.rung, 0u);	/* a full barrier: what was brought before is seen below */
	if (this_core()->messages)
		look_at_messages();
	if (now >= due)
		look_at_clock(now);
	if (LIKELY(words == 1)) {
		run_word(0, now);
		any = ready[0];		/* who did something is there, too */
	} else {
		any = run_words(now);
	}
	if (any)
		vain_since = 0;
	return any;
}

bool control_work_listen(void)
{
	bool any;

	store_relaxed(&word.halting, 1u);
	fence_full();
	any = load_relaxed(&word.rung);
	for (u32 w = 0; w < words; w++) {
		staying[w] = 0;
		for (u64 left = listeners[w]; left; left &= left - 1) {
			u32 i = w * 64 + (u32)__builtin_ctzl(left);

			if (work[i].listen(work[i].arg)) {
				add(ready, i);
				any = true;
			}
		}
	}
	return any;
}

void control_work_wake(u32 id)
{
	add(ready, id);
}

/* The exchange is a full barrier. Who finds the word set leaves the doorbell to who set it. */
void control_work_ring(void)
{
	if (!exchange(&word.rung, 1u) && load_relaxed(&word.halting))
		core_ring_doorbell(control_core);
}

void control_work_call(u32 id)
{
	fetch_or(&word.called[id / 64], BIT(id % 64));
	control_work_ring();
}

void control_work_linger(u64 tsc)
{
	linger_until = MAX(linger_until, tsc);
}

void control_work_stay(u32 id, u64 tsc)
{
	add(staying, id);
	stay_until[id] = tsc;
	stay_end = MAX(stay_end, tsc);
}

#define PAUSE4 do { cpu_relax(); cpu_relax(); cpu_relax(); cpu_relax(); } while (0)

/* Not a loop: what is counted of waiting is to be the waiting. */
static void pauses(void)
{
	PAUSE4;
	PAUSE4;
	PAUSE4;
	PAUSE4;
	PAUSE4;
	PAUSE4;
	PAUSE4;
	PAUSE4;
}

/* Until when somebody stays; what was true of those who do not any more is forgotten. */
static NOINLINE void find_stay_end(void)
{
	stay_end = 0;
	for (u32 w = 0; w < words; w++)
		for (u64 left = staying[w]; left; left &= left - 1)
			stay_end = MAX(stay_end, stay_until[w * 64 + (u32)__builtin_ctzl(left)]);
}

/* Has what somebody stays for come? */
static bool any_peeks(void)
{
	for (u32 w = 0; w < words; w++)
		for (u64 left = staying[w]; left; left &= left - 1) {
			const struct control_work *s = &work[w * 64 + (u32)__builtin_ctzl(left)];

			if (s->peek && s->peek(s->arg))
				return true;
		}
	return false;
}

/* Nothing has come for long, and is still worth a wait without notifications: a halt by the clock costs no instructions, and
 * nothing is later for it than by an interrupt that a network card moderates. */
static bool dozes(u64 now)
{
	if (!vain_since)
		vain_since = now;
	if (now < stay_end || now - vain_since < ns_to_ticks(DOZE_AFTER_NS) || load_relaxed(&word.rung))
		return false;
	core_idle(MIN(now + ns_to_ticks(DOZE_NS), due));
	return true;
}

bool control_work_lingers(u64 now)
{
	if (now < stay_end)
		find_stay_end();
	if (now >= stay_end && now >= linger_until)
		return false;
	if (dozes(now))
		return true;
	for (u32 i = 0; i < (now < linger_until ? LINGER_STEPS_ALL : LINGER_STEPS); i++) {
		if (load_relaxed(&word.rung) || this_core()->messages || any_peeks())
			break;
		for (u32 n = 1u << i; n; n--)
			pauses();
		core_take_interrupts();
	}
	return true;
}

void control_work_by(u64 tsc)
{
	u64 *mine = current == NOBODY ? &wake_by : &by[current];

	*mine = MIN(*mine, tsc);
	if (current != NOBODY)
		due = MIN(due, tsc);
}

u64 control_work_deadline(void)
{
	u64 tsc = MIN(wake_by, due);

	wake_by = U64_MAX;
	return tsc;
}
