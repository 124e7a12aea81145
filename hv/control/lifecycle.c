/* SPDX-License-Identifier: Apache-2.0 */
#include "lifecycle.h"

#include "ending.h"
#include "text.h"

#include <hv/core.h>
#include <hv/datastore.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/storage.h>
#include <hv/time.h>

#define NEVER (~0ul)
#define SEND_AGAIN_NS 1000000ul

static struct life life[PLAN_GUESTS_MAX];
static bool held;

static u64 after(u64 now, u64 seconds)
{
	return now + seconds * timebase.tsc_hz;
}

void life_add(struct guest *g)
{
	struct life *l = &life[g->index];

	memset(l, 0, sizeof(*l));
	l->guest = g;
	l->deadline = l->panic_deadline = l->restart_at = NEVER;
	l->clean = true;	/* of what others did not see: RAM is cleared before it is given to somebody else */
	g->state = GUEST_OFF;
}

void life_init(void)
{
	memset(life, 0, sizeof(life));
	held = false;
	for (struct guest *g = guest_next(NULL); g; g = guest_next(g))
		life_add(g);
}

struct life *life_of(const struct guest *g)
{
	assert(guest_at(g->index) == g);
	return &life[g->index];
}

struct guest *life_find(const char *name)
{
	struct guest *g = guest_next(NULL);

	while (g && strcmp(g->name, name))
		g = guest_next(g);
	return g;
}

bool life_is_quiet(const struct guest *g)
{
	return !life_of(g)->out && !life_of(g)->to_run;
}

bool life_is_over(const struct guest *g)
{
	return life_is_quiet(g) && !life_of(g)->lending;
}

bool life_listens(const struct guest *g)
{
	return g->state == GUEST_RUNNING || g->state == GUEST_STOPPING || g->state == GUEST_STARTING;
}

void life_hold(void)
{
	held = true;
	for (u32 i = 0; i < ARRAY_COUNT(life); i++)
		life[i].restart_at = NEVER;
}

bool life_held(void)
{
	return held;
}

/* Starting. */

/* All vcpus are parked: nobody else looks at these fields. */
static void guest_reset(struct guest *g, u64 now)
{
	memset(&g->record, 0, sizeof(g->record));
	memset(&g->panic, 0, sizeof(g->panic));
	memset(&g->parked, 0, sizeof(g->parked));
	memset(&g->hyperv, 0, sizeof(g->hyperv));
	g->panic_events = 0;
	store_relaxed(&g->paused, 0u);
	store_relaxed(&g->events, 0u);
	input_ring_drop(g->input);
	for (u32 i = 0; i < g->port_count; i++)
		input_ring_drop(g->port[i].input);
	g->device_deadline = NEVER;
	g->tsc_start = now;
	for (u32 i = 0; i < g->vcpu_count; i++) {
		struct vcpu_public *v = &g->vcpu[i];

		store_relaxed(&v->requests, 0u);
		store_relaxed(&v->calls, 0ul);
		for (u32 w = 0; w < ARRAY_COUNT(v->posted); w++) {
			store_relaxed(&v->posted[w], 0ul);
			store_relaxed(&v->posted_level[w], 0ul);
		}
	}
}

static void send_runs(struct life *l)
{
	for (u32 i = 0; i < l->guest->vcpu_count; i++) {
		struct core_public *core = &core_table[l->guest->core_of[i]];
		struct message m = { .type = MSG_RUN, .arg = { (u64)l->guest, i, i == 0 } };

		if (!(l->to_run & BIT(i)) || !message_put(&core->to_core, &m))
			continue;
		l->to_run &= ~BIT(i);
		l->out |= BIT(i);
		core->guest = l->guest;
		core->vcpu = i;
		core_ring_doorbell(core->index);
	}
}

static void begin(struct life *l, u64 now)
{
	struct guest *g = l->guest;

	guest_reset(g, now);
	l->intent = INTENT_NONE;
	l->forced = l->late = l->panicked = l->to_clear = l->clean = false;
	l->deadline = l->panic_deadline = l->restart_at = NEVER;
	l->started = 0;
	l->starts++;
	l->to_run = g->vcpu_count == 64 ? ~0ul : BIT(g->vcpu_count) - 1;
	g->state = GUEST_STARTING;
	send_runs(l);
}

static bool cores_ready(const struct guest *g)
{
	for (u32 i = 0; i < g->vcpu_count; i++) {
		u32 state = load_acquire(&core_table[g->core_of[i]].state);

		if (state == CORE_ABSENT || state == CORE_FAILED)
			return false;
	}
	return true;
}

const char *life_start(struct guest *g, u64 now)
{
	struct life *l = life_of(g);
	const char *why;

	if (held)
		return "the machine is going down";
	why = life_refusal(g, LIFE_START);
	if (why)
		return why;
	if (load_acquire(&g->broken))
		return "the machine's hardware failed under it: it stays off until the machine is reset";
	if (!datastore_settled(g))
		return "what the datastore has of it is being read";
	if (!cores_ready(g))
		return "one of its cores does not work (see `cores`)";
	why = guest_volumes_open(g);
	if (why)
		return why;
	memset(&l->restart, 0, sizeof(l->restart));
	begin(l, now);
	return NULL;
}

/* Ending. */

static void finish(struct life *l, u64 now);

static void force(struct life *l, u64 now)
{
	l->forced = true;
	l->to_run = 0;
	l->deadline = after(now, PARK_SECONDS);
	l->panic_deadline = NEVER;
	store_release(&l->guest->paused, 0u);
	l->pausing = false;
	l->guest->state = GUEST_STOPPING;
	for (u32 i = 0; i < l->guest->vcpu_count; i++) {
		if (l->out & BIT(i))
			vcpu_request(l->guest, i, REQ_PARK);
	}
	if (!l->out)
		finish(l, now);		/* not one had been sent yet */
}

static void send_clear(struct life *l)
{
	u16 core = l->guest->core_of[0];
	struct message m = { .type = MSG_ZERO, .arg = { (u64)l->guest } };

	if (!message_put(&core_table[core].to_core, &m))
		return;
	l->to_clear = false;
	l->clearing++;
	core_ring_doorbell(core);
}

/* The guest is off: so is what it had in RAM. Not when the machine goes down: that need not wait. */
static void rest(struct life *l)
{
	if (held)
		return;
	l->to_clear = true;
	send_clear(l);
}

static const char *refuse_idle(struct life *l)
{
	bool waits = l->restart_at != NEVER;

	l->restart_at = NEVER;
	if (!life_is_quiet(l->guest))
		return NULL;
	if (waits)
		guest_volumes_close(l->guest);
	if (l->lending)
		l->intent = INTENT_KILL;	/* a restart that was to follow */
	return waits ? "it waited for its restart: that is cancelled" : "it does not run";
}

const char *life_stop(struct guest *g, u32 seconds, u64 now)
{
	struct life *l = life_of(g);
	const char *why = life_refusal(g, LIFE_STOP);

	if (!why)
		why = refuse_idle(l);
	if (why)
		return why;
	if (l->forced)
		return "it is being ended by force already";
	l->intent = INTENT_STOP;
	l->stop_seconds = seconds;
	l->deadline = after(now, seconds);
	g->state = GUEST_STOPPING;
	fetch_or(&g->events, (u32)GUEST_EVENT_POWER_BUTTON);
	vcpu_request(g, 0, REQ_EVENTS);
	return NULL;
}

const char *life_kill(struct guest *g, u64 now)
{
	struct life *l = life_of(g);
	const char *why = life_refusal(g, LIFE_KILL);

	if (!why)
		why = refuse_idle(l);
	if (why)
		return why;
	l->intent = INTENT_KILL;
	force(l, now);
	return NULL;
}

const char *life_reset(struct guest *g, u64 now)
{
	struct life *l = life_of(g);
	const char *why = held ? "the machine is going down" : life_refusal(g, LIFE_RESET);

	if (why)
		return why;
	l->intent = INTENT_RESET;
	force(l, now);
	return NULL;
}

static void restart_or_rest(struct life *l, u64 now)
{
	struct guest *g = l->guest;
	u64 ran = l->started ? ticks_to_ns(now - l->started) / NS_PER_S : 0;
	u32 delay = RESTART_NEVER;

	/* A bad frame may be in its RAM: to clear it could bring the hypervisor down, and nobody else gets it. */
	if (load_acquire(&g->broken)) {
		l->intent = INTENT_NONE;
		guest_volumes_close(g);
		return;
	}
	if (l->intent == INTENT_NONE)
		delay = restart_judge(&l->restart, g->plan->restart, &l->last, ran);
	else if (l->intent == INTENT_RESET)
		delay = 0;
	l->intent = INTENT_NONE;
	if (delay == RESTART_NEVER || held) {
		guest_volumes_close(g);
		rest(l);
		return;
	}
	if (!delay) {
		begin(l, now);
		return;
	}
	log_notice("guest %s: starts again in %u s", g->name, delay);
	rest(l);
	l->restart_at = after(now, delay);
}

/* Its RAM is not touched again before all who work in it from outside have let go. */
static void settle(struct life *l, u64 now)
{
	if (guest_let_go(l->guest)) {
		if (l->lending_said)
			log_notice("guest %s: disks and cards have let go of its RAM", l->guest->name);
		l->lending = l->lending_said = false;
		restart_or_rest(l, now);
	} else if (!l->lending_said && now - l->lending_since >= LEND_SECONDS * timebase.tsc_hz) {
		l->lending_said = true;
		log_notice("guest %s: a disk or a network card has not let go of its RAM after %u s: it stays off until then",
			   l->guest->name, LEND_SECONDS);
	}
}

static void finish(struct life *l, u64 now)
{
	l->deadline = l->panic_deadline = NEVER;
	l->forced = false;
	ending_keep(l, now);
	ending_announce(l);
	ending_record(l);
	l->guest->state = ending_state(l->last.end);
	l->lending = true;
	l->lending_since = now;
	settle(l, now);
}

/* Messages and time. */

static struct life *life_of_message(const struct message *m)
{
	for (u32 i = 0; i < guest_count; i++) {
		if (guests[i] && (u64)guests[i] == m->arg[0])
			return &life[i];
	}
	return NULL;
}

static void take_started(struct life *l, u64 now)
{
	l->started = now;
	if (l->guest->state == GUEST_STARTING)
		l->guest->state = GUEST_RUNNING;
	log_notice("guest %s: running", l->guest->name);
}

static void take_ended(struct life *l, u64 now)
{
	if (l->guest->state == GUEST_STARTING || l->guest->state == GUEST_RUNNING)
		l->guest->state = GUEST_STOPPING;
	store_release(&l->guest->paused, 0u);
	l->pausing = false;
	l->to_run = 0;
	l->deadline = after(now, PARK_SECONDS);
	l->panic_deadline = NEVER;
	l->forced = true;	/* guest_end() asked all vcpus to park: a stop's time-out is over */
}

/* Once a run for each event: the guest cannot flood the log with it. */
static void take_panicked(struct life *l, u64 events, u64 now)
{
	const char *how = events & GUEST_PANICKED ? "" : ", its crash kernel takes over";

	ending_keep_panic(l, now);
	log_notice("guest %s: panicked%s (rip=0x%lx vcpu=%u)%s%s", l->guest->name, how, l->panic.rip, l->panic.vcpu,
		l->panic.reason[0] ? " crash parameters " : "", l->panic.reason);
	if (!(events & GUEST_PANICKED))
		return;
	l->panicked = true;
	if (!l->forced)
		l->panic_deadline = after(now, PANIC_SECONDS);
}

static void take_parked(struct life *l, u64 vcpu, u64 now)
{
	if (vcpu >= l->guest->vcpu_count || !(l->out & BIT(vcpu)))
		return;
	l->out &= ~BIT(vcpu);
	if (!l->out && !l->to_run)
		finish(l, now);
}

static void take_zeroed(struct life *l, u64 all)
{
	l->clearing -= l->clearing > 0;
	l->clean |= all && life_is_quiet(l->guest);
}

void life_message(const struct message *m, u64 now)
{
	struct life *l = life_of_message(m);

	if (m->type == MSG_READY)
		return;
	if (!l) {
		log_error("lifecycle: message %lu names no guest", m->type);
		return;
	}
	switch (m->type) {
	case MSG_STARTED:	take_started(l, now);			break;
	case MSG_ENDED:		take_ended(l, now);			break;
	case MSG_PANICKED:	take_panicked(l, m->arg[1], now);	break;
	case MSG_ZEROED:	take_zeroed(l, m->arg[1]);		break;
	case MSG_RELOADED:	l->reloading &= ~BIT(m->arg[1] & 63);	break;
	case MSG_PARKED:	take_parked(l, m->arg[1], now);		break;
	default:		log_error("lifecycle: message %lu is not for the control core", m->type);
	}
}

static void say_late(struct life *l)
{
	u16 late[GUEST_VCPUS_MAX];
	char cores[64];
	u32 n = 0;

	for (u32 i = 0; i < l->guest->vcpu_count; i++) {
		if (l->out & BIT(i))
			late[n++] = l->guest->core_of[i];
	}
	text_cores(cores, sizeof(cores), late, n);
	log_error("guest %s: core %s has not left the guest after %u s", l->guest->name, cores, PARK_SECONDS);
	l->late = true;
}

/* The call may have been lost: ring again, for as long as it takes. */
static void call_late(struct life *l, u64 now)
{
	if (!l->late)
		say_late(l);
	l->deadline = after(now, PARK_SECONDS);
	for (u32 i = 0; i < l->guest->vcpu_count; i++) {
		u32 core = l->guest->core_of[i];

		if (!(l->out & BIT(i)))
			continue;
		fetch_or(&l->guest->vcpu[i].requests, (u32)REQ_PARK);
		store_release(&core_table[core].doorbell, 0u);	/* so that the NMI is sent although the word was set */
		core_ring_doorbell(core);
	}
}

static void deadline_passed(struct life *l, u64 now)
{
	if (!l->forced)
		force(l, now);
	else
		call_late(l, now);
}

static u64 tick_one(struct life *l, u64 now)
{
	if (l->to_run)
		send_runs(l);
	if (l->to_clear)
		send_clear(l);
	if (l->lending)
		settle(l, now);
	if (now >= MIN(l->deadline, l->panic_deadline))
		deadline_passed(l, now);
	if (now >= l->restart_at)
		begin(l, now);
	if (l->pausing)
		life_pause_step(l);
	if (l->deleting && life_delete_step(l))
		return NEVER;		/* it is no more */
	if (l->to_run || l->to_clear || l->lending || l->deleting || l->pausing)
		return now + ns_to_ticks(SEND_AGAIN_NS);
	return MIN(MIN(l->deadline, l->panic_deadline), l->restart_at);
}

u64 life_tick(u64 now)
{
	u64 next = NEVER;

	for (u32 i = 0; i < guest_count; i++) {
		u64 due = guests[i] ? tick_one(&life[i], now) : NEVER;

		next = MIN(next, due);
	}
	return next;
}
