/* SPDX-License-Identifier: Apache-2.0 */
/* Commands for the controller itself: steps of its way up, aborts, and what it has to say: "Asynchronous Event Request
 * command", "SMART / Health Information". */
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>

#include "nvme.h"

#define MS 1000000ul			/* in ns */
#define ADMIN_NS (5000 * MS)
#define LOOK_NS (100 * MS)
#define PEACE_NS (60000 * MS)
#define STATUS_READY 1u			/* CSTS.RDY */
#define STATUS_FATAL 2u			/* CSTS.CFS; all ones, when it is not there, are that too */
#define REG_STATUS 0x1cu

enum { ADMIN_OP_LOG = 2, ADMIN_OP_ABORT = 8, ADMIN_OP_EVENT = 12 };
enum { LOG_HEALTH = 2, LOG_NAMESPACES = 4 };
#define HEALTH_BYTES 512u
#define LOG_BYTES 4096u
#define ALL_NAMESPACES 0xffffffffu
#define EVENT_SMART 1u
#define KELVIN 273

struct nvme_command *nvme_admin_next(struct nvme *n, enum nvme_admin kind, u32 opcode, const void *data, u64 until)
{
	struct nvme_command *c = nvme_ring_next(&n->admin);

	assert(!n->admin_command[kind].flying);
	n->admin_command[kind].flying = true;
	n->admin_command[kind].until = until;
	c->cdw0 = opcode | (u32)kind << 16;
	if (data)
		c->prp1 = pool_hpa(data).v;
	return c;
}

void nvme_admin_send(struct nvme *n)
{
	nvme_ring_bell(n, &n->admin);
}

static void get_log(struct nvme *n, enum nvme_admin kind, u32 page, u8 *to, u32 bytes, u64 now)
{
	struct nvme_command *c = nvme_admin_next(n, kind, ADMIN_OP_LOG, to, now + ns_to_ticks(ADMIN_NS));

	c->nsid = ALL_NAMESPACES;
	c->cdw10 = page | (bytes / 4 - 1) << 16;
	nvme_admin_send(n);
}

void nvme_abort(struct nvme *n, const struct nvme_queue *q, u32 slot, u64 now)
{
	struct nvme_command *c;

	if (n->admin_command[ADMIN_ABORT].flying)
		return;		/* the slot's own limit goes on */
	c = nvme_admin_next(n, ADMIN_ABORT, ADMIN_OP_ABORT, NULL, now + ns_to_ticks(ADMIN_NS));
	c->cdw10 = q->ring.id | slot << 16;
	nvme_admin_send(n);
}

static u64 get(const u8 *at, u32 bytes)
{
	u64 val = 0;

	while (bytes--)
		val = val << 8 | ((const volatile u8 *)at)[bytes];
	return val;
}

/* Counters of 16 bytes: what does not fit is unknown. */
static u64 get_counter(const u8 *at)
{
	return get(at + 8, 8) ? ~0ul : get(at, 8);
}

/* "SMART / Health Information (Log Identifier 02h)". */
static void health_known(struct nvme *n)
{
	const u8 *p = n->health;
	u32 warning = (u32)get(p, 1) & 0x1f, kelvin = (u32)get(p + 1, 2), used = (u32)get(p + 5, 1);
	struct disk_health h = { .known = true, .failing = warning & 0x1d, .celsius = kelvin ? (s32)kelvin - KELVIN : -1000,
		.percent_used = MIN(used, 254u), .power_on_hours = get_counter(p + 128),
		.unsafe_shutdowns = get_counter(p + 144), .media_errors = get_counter(p + 160) };

	if (warning && warning != n->warned)
		log_notice("nvme%u: it warns of%s%s%s%s%s", n->index, warning & 1 ? " little spare left" : "",
			   warning & 2 ? " its temperature" : "", warning & 4 ? " errors" : "",
			   warning & 8 ? " being read-only now" : "", warning & 16 ? " lost backup power" : "");
	n->warned = (u8)warning;
	for (u32 i = 0; i < NVME_NAMESPACES_MAX; i++)
		if (n->ns[i].offered)
			n->ns[i].d->health = h;
}

/* An event is told once; reading the log that it names lets the next one of its kind come. */
static void event_came(struct nvme *n, u32 result, u64 now)
{
	n->event_log = (u8)(result >> 16);
	log_debug("nvme%u: event %x", n->index, result);
	if ((result & 7) == EVENT_SMART)
		n->want_health = true;
	get_log(n, ADMIN_LOG, n->event_log, n->log, LOG_BYTES, now);
}

static void ask_events(struct nvme *n, u64 now)
{
	n->events_next = now + ns_to_ticks(LOOK_NS);
	nvme_admin_next(n, ADMIN_EVENT, ADMIN_OP_EVENT, NULL, ~0ul);
	nvme_admin_send(n);
}

static void admin_done(struct nvme *n, const struct nvme_end *end, u64 now)
{
	bool good = !(end->status & 0x7ff);

	if (end->id >= ADMIN_KINDS || !n->admin_command[end->id].flying) {
		n->bogus++;
		return;
	}
	n->admin_command[end->id].flying = false;
	switch ((enum nvme_admin)end->id) {
	case ADMIN_STEP:
		nvme_up_done(n, end, now);
		break;
	case ADMIN_EVENT:
		n->events = good;
		if (good && !n->admin_command[ADMIN_LOG].flying)
			event_came(n, end->result, now);
		break;
	case ADMIN_LOG:
		n->rescan |= n->event_log == LOG_NAMESPACES;
		break;
	case ADMIN_HEALTH:
		if (good)
			health_known(n);
		break;
	default:
		break;
	}
}

void nvme_admin_poll(struct nvme *n, u64 now)
{
	struct nvme_end end;
	u32 any = 0;
	int r;

	while (any < NVME_ENTRIES && n->step != STEP_DISABLE && n->state != NVME_DEAD &&
	       (r = nvme_ring_get(&n->admin, &end)) != -E_NOENT) {
		any++;
		if (r)
			n->bogus++;
		else
			admin_done(n, &end, now);
	}
	if (any && n->step != STEP_DISABLE && n->state != NVME_DEAD)
		nvme_ring_got(n, &n->admin);
}

static bool admin_late(struct nvme *n, u64 now)
{
	for (u32 i = 0; i < ADMIN_KINDS; i++)
		if (n->admin_command[i].flying && now >= n->admin_command[i].until)
			return true;
	return false;
}

void nvme_admin_turn(struct nvme *n, u64 now)
{
	u32 status;

	if (n->want_health && !n->admin_command[ADMIN_HEALTH].flying) {
		n->want_health = false;
		get_log(n, ADMIN_HEALTH, LOG_HEALTH, n->health, HEALTH_BYTES, now);
	}
	if (n->rescan && n->step == STEP_NONE)
		nvme_up_list(n, now);
	if (now < n->look)
		return;
	n->look = now + ns_to_ticks(LOOK_NS);
	status = nvme_read(n, REG_STATUS);
	if ((status & (STATUS_FATAL | STATUS_READY)) != STATUS_READY) {
		nvme_up_begin(n, status & STATUS_FATAL ? "it reports a fatal error" : "it has stopped", now);
		return;
	}
	if (admin_late(n, now)) {
		nvme_up_begin(n, "it does not answer", now);
		return;
	}
	if (now - n->since >= ns_to_ticks(PEACE_NS))
		n->falls = 0;
	if (n->events && !n->admin_command[ADMIN_EVENT].flying && !n->admin_command[ADMIN_LOG].flying && now >= n->events_next)
		ask_events(n, now);
	nvme_leave(n);
	for (u32 i = 0; i < n->queues; i++)
		nvme_queue_look(n->queue[i], now);
}
