/* SPDX-License-Identifier: Apache-2.0 */
/* From whatever state to a running controller, at boot and whenever it has to be reset: "Controller Initialization", a step at
 * a time. Requests that were under way wait meanwhile. */
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>

#include "nvme.h"

#define MS 1000000ul			/* in ns */
#define STEP_NS (5000 * MS)
#define FALLS_MAX 4u
enum { REG_CONFIG = 0x14, REG_STATUS = 0x1c, REG_ADMIN_SIZES = 0x24, REG_ADMIN_SQ = 0x28, REG_ADMIN_CQ = 0x30 };
#define CONFIG_ENABLE 1u
#define CONFIG_SIZES (6u << 16 | 4u << 20)	/* entries of 64 and 16 bytes; pages of 4 KiB, NVM commands, round robin */
#define STATUS_READY 1u

enum { ADMIN_OP_CREATE_SQ = 1, ADMIN_OP_CREATE_CQ = 5, ADMIN_OP_IDENTIFY = 6, ADMIN_OP_SET_FEATURES = 9 };
enum { IDENTIFY_NAMESPACE = 0, IDENTIFY_CONTROLLER = 1, IDENTIFY_LIST = 2 };
enum { FEATURE_QUEUES = 7, FEATURE_EVENTS = 11 };
#define EVENTS_SMART 0x1fu
#define QUEUE_CONTIGUOUS 1u
#define QUEUE_INTERRUPTS 2u

static void step(struct nvme *n, enum nvme_step to, u64 limit_ns, u64 now)
{
	n->step = (u8)to;
	n->until = now + ns_to_ticks(limit_ns);
}

static u64 ready_ns(const struct nvme *n)
{
	return n->ready_ms * MS;
}

static struct nvme_command *step_command(struct nvme *n, enum nvme_step to, u32 opcode, const void *data, u64 now)
{
	step(n, to, STEP_NS, now);
	return nvme_admin_next(n, ADMIN_STEP, opcode, data, ~0ul);
}

/* Requests are answered only now that it reaches no memory of ours or of theirs. */
void nvme_die(struct nvme *n, const char *why)
{
	n->state = NVME_DEAD;
	n->step = STEP_NONE;
	n->why = why;
	pci_set_master(n->pci, false);
	log_notice("nvme%u: given up: %s", n->index, why);
	for (u32 i = 0; i < NVME_NAMESPACES_MAX; i++) {
		n->ns[i].leaving = true;
		if (n->ns[i].offered)
			n->ns[i].d->gone = true;
	}
	for (u32 i = 0; i < n->queues; i++)
		nvme_queue_end(n->queue[i], NULL, DISK_GONE);
	for (u32 i = 0; i < NVME_NAMESPACES_MAX; i++) {
		if (n->ns[i].offered)
			disk_gone(n->ns[i].d);
		n->ns[i].offered = false;
	}
}

/* Registers of what was pulled out read as ones, or as anything; its config space as ones. */
static bool is_there(const struct nvme *n)
{
	return (pci_read(n->pci->bdf, PCI_ID, 4) & 0xffff) != 0xffff && nvme_read(n, REG_STATUS) != ~0u;
}

void nvme_up_begin(struct nvme *n, const char *why, u64 now)
{
	if (!is_there(n)) {
		nvme_die(n, "it is not there any more");
		return;
	}
	n->state = NVME_DOWN;
	if (why) {
		n->why = why;
		n->resets++;
		log_notice("nvme%u: %s: it is reset", n->index, why);
	}
	for (u32 i = 0; i < NVME_NAMESPACES_MAX; i++)
		if (n->ns[i].offered && why)
			n->ns[i].d->resets++;
	if (why && n->falls++ >= FALLS_MAX) {
		nvme_die(n, why);
		return;
	}
	nvme_write(n, REG_CONFIG, nvme_read(n, REG_CONFIG) & ~CONFIG_ENABLE);
	step(n, STEP_DISABLE, ready_ns(n), now);
}

static void write_wide(const struct nvme *n, u32 off, u64 val)
{
	nvme_write(n, off, (u32)val);
	nvme_write(n, off + 4, (u32)(val >> 32));
}

/* It is disabled: what it had is ours again. */
static void enable(struct nvme *n, u64 now)
{
	memset(n->admin_command, 0, sizeof(n->admin_command));
	nvme_ring_init(&n->admin, 0);
	for (u32 i = 0; i < n->queues; i++) {
		nvme_queue_stopped(n->queue[i]);
		nvme_ring_init(&n->queue[i]->ring, i + 1);
	}
	pci_set_master(n->pci, true);
	nvme_write(n, REG_ADMIN_SIZES, (NVME_ENTRIES - 1) | (NVME_ENTRIES - 1) << 16);
	write_wide(n, REG_ADMIN_SQ, pool_hpa(n->admin.sq).v);
	write_wide(n, REG_ADMIN_CQ, pool_hpa(n->admin.cq).v);
	nvme_write(n, REG_CONFIG, CONFIG_SIZES);
	nvme_write(n, REG_CONFIG, CONFIG_SIZES | CONFIG_ENABLE);
	step(n, STEP_ENABLE, ready_ns(n), now);
}

static void identify(struct nvme *n, enum nvme_step to, u32 what, u32 nsid, u64 now)
{
	struct nvme_command *c;

	memset(n->data, 0, PAGE_SIZE);
	c = step_command(n, to, ADMIN_OP_IDENTIFY, n->data, now);
	c->nsid = nsid;
	c->cdw10 = what;
	nvme_admin_send(n);
}

static void feature(struct nvme *n, enum nvme_step to, u32 id, u32 val, u64 now)
{
	struct nvme_command *c = step_command(n, to, ADMIN_OP_SET_FEATURES, NULL, now);

	c->cdw10 = id;
	c->cdw11 = val;
	nvme_admin_send(n);
}

static void create(struct nvme *n, enum nvme_step to, u64 now)
{
	const struct nvme_ring *r = &n->queue[n->at]->ring;
	bool submissions = to == STEP_SUBMISSIONS;
	struct nvme_command *c = step_command(n, to, submissions ? ADMIN_OP_CREATE_SQ : ADMIN_OP_CREATE_CQ,
					      submissions ? (void *)r->sq : (void *)r->cq, now);

	c->cdw10 = r->id | (NVME_ENTRIES - 1) << 16;
	c->cdw11 = submissions ? QUEUE_CONTIGUOUS | r->id << 16 : QUEUE_CONTIGUOUS | QUEUE_INTERRUPTS;
	nvme_admin_send(n);
}

void nvme_up_list(struct nvme *n, u64 now)
{
	n->rescan = false;
	n->at = 0;
	if (n->list) {
		identify(n, STEP_LIST, IDENTIFY_LIST, 0, now);
		return;
	}
	nvme_list_begin(n, false);
	identify(n, STEP_NAMESPACE, IDENTIFY_NAMESPACE, 1, now);
}

static u32 usable(const struct nvme *n)
{
	u32 count = 0;

	for (u32 i = 0; i < NVME_NAMESPACES_MAX; i++)
		count += n->ns[i].nsid != 0;
	return count;
}

/* All namespaces are known: at boot their queues come next; else what is new is offered. */
static void listed(struct nvme *n, u64 now)
{
	if (n->state == NVME_RUNS) {
		n->step = STEP_NONE;
		nvme_list_end(n);
		return;
	}
	if (!n->queues)
		n->wanted = MAX(usable(n), 1u);
	feature(n, STEP_QUEUES, FEATURE_QUEUES, (NVME_QUEUES_MAX - 1) | (NVME_QUEUES_MAX - 1) << 16, now);
}

static void next_namespace(struct nvme *n, u64 now)
{
	if (n->at < n->candidates)
		identify(n, STEP_NAMESPACE, IDENTIFY_NAMESPACE, n->candidate[n->at], now);
	else
		listed(n, now);
}

/* "Number of Queues": so many it has given us, less one. */
static bool queues_begin(struct nvme *n, u32 result)
{
	u32 given = MIN(result & 0xffff, result >> 16) + 1;

	if (n->queues)
		return given >= n->queues;
	given = MIN(given, MIN(n->wanted, NVME_QUEUES_MAX));
	while (n->made < given && !n->plugged && (n->queue[n->made] = nvme_queue_new(n, n->made + 1)))
		n->made++;
	n->queues = MIN(given, n->made);
	return n->queues;
}

static void runs(struct nvme *n, u64 now)
{
	n->state = NVME_RUNS;
	n->step = STEP_NONE;
	n->look = n->events_next = n->since = now;
	n->events = n->want_health = true;
	nvme_list_end(n);
	for (u32 i = 0; i < n->queues; i++)
		nvme_queue_go(n->queue[i], now);
}

static void again(struct nvme *n, const char *why, u64 now)
{
	if (n->state == NVME_RUNS)
		n->step = STEP_NONE;	/* a list that cannot be read changes nothing */
	else
		nvme_up_begin(n, why, now);
}

static void queue_made(struct nvme *n, u64 now)
{
	if (++n->at < n->queues)
		create(n, STEP_COMPLETIONS, now);
	else
		feature(n, STEP_EVENTS, FEATURE_EVENTS, EVENTS_SMART | n->event_mask, now);
}

/* The command of this step has ended. */
void nvme_up_done(struct nvme *n, const struct nvme_end *end, u64 now)
{
	bool good = !(end->status & 0x7ff);

	switch ((enum nvme_step)n->step) {
	case STEP_IDENTIFY:
		if (good && nvme_identify(n))
			nvme_up_list(n, now);
		else
			again(n, "it does not say what it is, or is another", now);
		break;
	case STEP_LIST:
		n->list = good;		/* version 1.0 has none */
		nvme_list_begin(n, good);
		next_namespace(n, now);
		break;
	case STEP_NAMESPACE:
		if (good && n->at < n->candidates)
			nvme_namespace(n, n->candidate[n->at]);
		n->at++;
		next_namespace(n, now);
		break;
	case STEP_QUEUES:
		n->at = 0;
		if (good && queues_begin(n, end->result))
			create(n, STEP_COMPLETIONS, now);
		else
			again(n, "it gives no queues", now);
		break;
	case STEP_COMPLETIONS:
	case STEP_SUBMISSIONS:
		if (!good)
			again(n, "it makes no queues", now);
		else if (n->step == STEP_COMPLETIONS)
			create(n, STEP_SUBMISSIONS, now);
		else
			queue_made(n, now);
		break;
	case STEP_EVENTS:		/* without them, too */
		runs(n, now);
		break;
	default:
		break;
	}
}

/* Steps that wait for a bit, and limits. */
void nvme_up_turn(struct nvme *n, u64 now)
{
	u32 status;

	if (n->step == STEP_NONE)
		return;
	if (n->step <= STEP_ENABLE) {
		status = nvme_read(n, REG_STATUS);
		if (status == ~0u) {
			nvme_die(n, "it is not there any more");
			return;
		}
		if (n->step == STEP_DISABLE && !(status & STATUS_READY)) {
			enable(n, now);
			return;
		}
		if (n->step == STEP_ENABLE && status & STATUS_READY) {
			identify(n, STEP_IDENTIFY, IDENTIFY_CONTROLLER, 0, now);
			return;
		}
	}
	if (now < n->until)
		return;
	if (n->step == STEP_DISABLE)
		nvme_die(n, "it cannot be stopped");
	else if (n->state == NVME_RUNS)
		nvme_up_begin(n, "it does not answer", now);
	else
		again(n, "it does not get ready", now);
}
