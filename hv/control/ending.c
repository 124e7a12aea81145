/* SPDX-License-Identifier: Apache-2.0 */
#include "ending.h"

#include "text.h"

#include <hv/datastore.h>
#include <hv/log.h>

static void keep_lines(char *to, const struct console_ring *console)
{
	static u8 bytes[LIFE_LINES_BYTES - 1];	/* too large for a core's stack */
	u64 head = load_acquire(&console->head), at = text_last_lines(console, CRASH_LINES);
	size_t n;

	if (head - at > sizeof(bytes))
		at = head - sizeof(bytes);
	n = console_ring_read(console, &at, bytes, sizeof(bytes));
	text_neutralise(to, LIFE_LINES_BYTES, bytes, n);
}

static void name_end(struct guest_end_record *r, const char *id, const char *reason)
{
	r->end = END_KILLED;
	str_copy(r->id, sizeof(r->id), id);
	str_copy(r->reason, sizeof(r->reason), reason);
}

/* Where the guest was when we ended it: at its panic, else wherever vcpu 0 left it. */
static void place_forced(struct life *l)
{
	const struct guest *g = l->guest;
	bool operator = l->intent == INTENT_KILL || l->intent == INTENT_RESET;
	const struct guest_end_record *where = l->panicked && !operator ? &g->panic : &g->parked;

	if (load_acquire(&g->record.ready))
		where = &g->record;		/* it ended at the same moment */
	if (load_acquire(&where->ready))
		l->last = *where;
	else
		memset(&l->last, 0, sizeof(l->last));
}

/* What the guest told of its panic is in the record of it. */
static void name_panic(struct guest_end_record *r)
{
	char reason[sizeof(r->reason)] = "its kernel panicked, then neither ended nor rebooted";

	if (r->reason[0])
		fmt_print(reason, sizeof(reason), "its kernel panicked: %s", r->reason);
	name_end(r, "GUEST-PANIC", reason);
}

/* Nobody but us ended the guest. */
static void keep_forced(struct life *l)
{
	struct guest_end_record *r = &l->last;
	char reason[sizeof(r->reason)];

	place_forced(l);
	if (l->intent == INTENT_KILL) {
		name_end(r, "GUEST-KILLED", "by the operator");
	} else if (l->intent == INTENT_RESET) {
		name_end(r, "", "");
		r->end = END_STOPPED;
	} else if (l->panicked) {
		name_panic(r);
	} else if (l->intent == INTENT_STOP) {
		fmt_print(reason, sizeof(reason), "did not power off within %u s", l->stop_seconds);
		name_end(r, "GUEST-STOP-TIMEOUT", reason);
	} else {
		name_end(r, "GUEST-LOST", "its vcpus left without a reason");
	}
}

void ending_keep(struct life *l, u64 now)
{
	const struct guest *g = l->guest;

	if (load_acquire(&g->record.ready) && l->intent != INTENT_KILL)
		l->last = g->record;
	else
		keep_forced(l);
	l->last_tsc = now;
	keep_lines(l->last_lines, g->console);
}

void ending_keep_panic(struct life *l, u64 now)
{
	l->panic = l->guest->panic;
	l->panic_tsc = now;
	keep_lines(l->panic_lines, l->guest->console);
}

void ending_announce(const struct life *l)
{
	const struct guest_end_record *r = &l->last;
	const char *name = l->guest->name;

	if (r->end == END_REBOOT && l->intent == INTENT_STOP) {
		log_notice("guest %s: stopped when it asked for a reboot", name);
		return;
	}
	switch (r->end) {
	case END_RESULT:
		log_notice("guest %s: ended result=%u", name, r->result);
		break;
	case END_POWEROFF:
		log_notice("guest %s: powered off", name);
		break;
	case END_REBOOT:
		log_notice("guest %s: rebooting", name);
		break;
	case END_KILLED:
		log_notice("guest %s: killed %s: %s (rip=0x%lx exit=%s:0x%lx)", name, r->id, r->reason, r->rip,
			   vmexit_name(r->exit_kind), r->exit_reason);
		break;
	default:
		log_notice("guest %s: reset", name);
	}
}

void ending_record(const struct life *l)
{
	static char text[DATASTORE_CRASH_MAX];
	const struct guest_end_record *r = &l->last;
	int n;

	if (r->end != END_KILLED || l->intent == INTENT_KILL)
		return;
	n = fmt_print(text, sizeof(text), "guest %s, start %lu: %s: %s\nvcpu %u rip=0x%lx exit=%s:0x%lx 0x%lx 0x%lx\n%s\n"
		      "its console's last lines:\n%s\n", l->guest->name, l->starts, r->id, r->reason, r->vcpu, r->rip,
		      vmexit_name(r->exit_kind), r->exit_reason, r->qual1, r->qual2, r->dump, l->last_lines);
	datastore_crash(l->guest->name, text, MIN((size_t)n, sizeof(text) - 1));
}

enum guest_state ending_state(enum guest_end end)
{
	switch (end) {
	case END_RESULT:	return GUEST_ENDED;
	case END_KILLED:	return GUEST_KILLED;
	default:		return GUEST_OFF;
	}
}
