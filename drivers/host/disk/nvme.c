/* SPDX-License-Identifier: Apache-2.0 */
/* The driver as drivers.c sees it. What takes longer than a second at boot goes on in the event loop: a disk then comes as
 * one that was plugged in. */
#include <hv/control_work.h>
#include <hv/core.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>

#include "../drivers.h"
#include "nvme.h"

#define PROBE_US 1000000u
#define PROBE_STEP_US 100u
#define STEP_LOOK_NS 1000000ul		/* while it is on its way up */
#define BUSY_LOOK_NS 50000ul		/* without messages, while requests are under way */
#define REGISTERS 0x1000u
enum { REG_CAP = 0x00, REG_VERSION = 0x08, REG_CONFIG = 0x14, REG_STATUS = 0x1c };
#define CONFIG_SHUTDOWN 0xc000u
#define CONFIG_SHUTDOWN_NORMAL 0x4000u
#define STATUS_SHUTDOWN 0x0cu
#define STATUS_SHUTDOWN_DONE 0x08u
#define STOP_STEPS 2000u		/* of a millisecond, for requests and again for the shutdown */
#define STOP_STEP_US 1000u
#define VERSION_LISTS 0x00010100u
#define CAP_NVM BIT(37)
#define PAGES 5u

/* "CAP: Controller Capabilities". */
static bool open_registers(struct nvme *n, const char **why)
{
	u64 cap = nvme_read(n, REG_CAP) | (u64)nvme_read(n, REG_CAP + 4) << 32;

	*why = "its registers make no sense";
	n->stride = 4u << (cap >> 32 & 15);
	n->ready_ms = ((u32)(cap >> 24 & 0xff) + 1) * 500;
	n->list = nvme_read(n, REG_VERSION) >= VERSION_LISTS;
	if (cap == U64_MAX || (cap & 0xffff) < NVME_ENTRIES - 1 ||
	    REGISTERS + (2ul * NVME_QUEUES_MAX + 2) * n->stride > n->size)
		return false;
	*why = "it has no NVM commands";
	if (!(cap & CAP_NVM))
		return false;
	*why = "it does not know pages of 4 KiB";
	return !(cap >> 48 & 15);
}

static bool get_memory(struct nvme *n)
{
	u8 *pages = pool_alloc(PAGES, POOL_OTHER);

	if (!pages)
		return false;
	n->admin.sq = (struct nvme_command *)(void *)pages;
	n->admin.cq = (struct nvme_completion *)(void *)(pages + PAGE_SIZE);
	n->data = pages + 2 * PAGE_SIZE;
	n->log = pages + 3 * PAGE_SIZE;
	n->health = pages + 4 * PAGE_SIZE;
	return true;
}

static int refuse(struct host_pci *p, struct nvme *n, const char *why)
{
	str_copy(p->why, sizeof(p->why), why);
	if (n)
		pool_free(n, ALIGN_UP(sizeof(*n), PAGE_SIZE) / PAGE_SIZE);
	return -E_NODEV;
}

/* Its messages wake the core when a request is done; what has none is looked at by the clock. */
static bool nvme_work(void *arg, u64 now)
{
	struct nvme *n = arg;
	bool any;

	if (UNLIKELY(n->state == NVME_DEAD))
		return false;		/* also one that waits for its first device: it has no function yet */
	any = nvme_turn(n, now);
	if (n->state == NVME_DOWN || n->step != STEP_NONE)
		control_work_by(now + ns_to_ticks(STEP_LOOK_NS));
	else if (LIKELY(n->state == NVME_RUNS))
		control_work_by(n->look);
	if (LIKELY(n->pci->message_kind))
		return false;		/* the next message brings us back */
	for (u32 i = 0; i < n->queues && n->state != NVME_DEAD; i++)
		if (n->queue[i]->free_count < NVME_SLOTS)
			control_work_by(now + ns_to_ticks(BUSY_LOOK_NS));
	return any;
}

static u32 controllers;

/* Woken by the message of p. */
static int work_add(struct nvme *n, const struct host_pci *p)
{
	n->index = controllers++;
	if (!control_work_add(&(struct control_work){ .name = "nvme", .poll = nvme_work, .arg = n, .when = WORK_ON_MESSAGE,
						      .message = pci_message(p) }))
		return 0;
	log_error("nvme: more drivers than the event loop has places for");
	return -E_NOMEM;
}

/* Its registers, not yet its memory. Null, or what is wrong. */
static const char *nvme_open(struct nvme *n, struct host_pci *p)
{
	const char *why = "its registers cannot be mapped";

	n->pci = p;
	n->reg = pci_map_bar(p, 0, 2 * REGISTERS);
	n->size = p->bar[0].size;
	pci_set_master(p, false);
	return n->reg && open_registers(n, &why) ? NULL : why;
}

static int nvme_probe(struct host_pci *p)
{
	struct nvme *n = pool_alloc(ALIGN_UP(sizeof(*n), PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	const char *why;

	if (!n)
		return refuse(p, n, "no memory for it");
	why = nvme_open(n, p);
	if (why)
		return refuse(p, n, why);
	if (!get_memory(n))
		return refuse(p, n, "no memory for it");
	pci_prepare_messages(p);
	work_add(n, p);
	nvme_up_begin(n, NULL, tsc_now());
	for (u32 i = 0; i < PROBE_US / PROBE_STEP_US && n->state == NVME_DOWN; i++) {
		nvme_turn(n, tsc_now());
		wait_us(PROBE_STEP_US);
	}
	p->state = n;
	log_info("nvme%u: %02x:%02x.%u: %s", n->index, p->bdf >> 8, p->bdf >> 3 & 31, p->bdf & 7,
		 n->state == NVME_RUNS ? n->model : n->state == NVME_DOWN ? "not ready yet" : n->why);
	return 0;
}

/* As one that was given up before it was there: with one queue, which is enough for all of its namespaces. */
static void *nvme_reserve(u16 bdf)
{
	struct nvme *n = pool_alloc(ALIGN_UP(sizeof(*n), PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);

	if (!n || !get_memory(n) || !(n->queue[0] = nvme_queue_new(n, 1)) ||
	    work_add(n, &(struct host_pci){ .bdf = bdf }))
		return NULL;
	n->made = 1;
	n->state = NVME_DEAD;
	n->why = "it was never there";
	return n;
}

static bool nvme_is_free(const void *state)
{
	const struct nvme *n = state;

	if (n->state != NVME_DEAD)
		return false;
	for (u32 i = 0; i < NVME_NAMESPACES_MAX; i++)
		if (n->ns[i].disk[0].owner || n->ns[i].disk[1].owner)
			return false;
	return true;
}

/* All that was known of the one before is forgotten; memory, names and the place in the event loop stay. */
static void forget(struct nvme *n)
{
	struct nvme_queue *queue[NVME_QUEUES_MAX];
	struct nvme_ring admin = n->admin;
	u8 *page[] = { n->data, n->log, n->health };
	u32 index = n->index, made = n->made;
	u64 late = n->late;

	memcpy(queue, n->queue, sizeof(queue));
	memset(n, 0, sizeof(*n));
	memcpy(n->queue, queue, sizeof(queue));
	n->admin = admin;
	n->data = page[0];
	n->log = page[1];
	n->health = page[2];
	n->index = index;
	n->made = made;
	n->late = late;
	n->plugged = true;
	for (u32 i = 0; i < made; i++)
		nvme_queue_init(n->queue[i]);
}

static int nvme_plug(struct host_pci *p)
{
	struct nvme *n = p->state;
	const char *why;

	assert(nvme_is_free(n));
	forget(n);
	why = nvme_open(n, p);
	if (why) {
		n->state = NVME_DEAD;
		n->why = why;
		str_copy(p->why, sizeof(p->why), why);
		return -E_NODEV;
	}
	pci_prepare_messages(p);
	pci_messages_on(p, core_table[control_core].apic_id);
	nvme_up_begin(n, NULL, tsc_now());
	return 0;
}

/* QEMU's controller sends messages only for queues that were made while messages were on: it comes up anew. */
static void nvme_start(struct host_pci *p)
{
	struct nvme *n = p->state;

	if (pci_messages_on(p, core_table[control_core].apic_id) && n->state == NVME_RUNS)
		nvme_up_begin(n, NULL, tsc_now());
}

bool nvme_turn(struct nvme *n, u64 now)
{
	bool any = false;

	n->now = now;
	if (n->state == NVME_DEAD)
		return false;
	for (u32 i = 0; n->state == NVME_RUNS && i < n->queues; i++)
		any |= nvme_queue_poll(n->queue[i], now);
	if (any && n->state == NVME_RUNS && n->step == STEP_NONE && now < n->look)
		return true;		/* what it has to say beside can wait until then */
	nvme_admin_poll(n, now);
	if (n->state != NVME_DEAD)
		nvme_up_turn(n, now);
	if (n->state == NVME_RUNS)
		nvme_admin_turn(n, now);
	return any;
}

static bool idle(const struct nvme *n)
{
	for (u32 i = 0; i < n->queues; i++)
		if (n->queue[i]->free_count < NVME_SLOTS)
			return false;
	return true;
}

/* "Normal Shutdown": its cache is written, and it counts no sudden loss of power. */
static void nvme_stop(struct host_pci *p)
{
	struct nvme *n = p->state;

	for (u32 i = 0; i < STOP_STEPS && n->state == NVME_RUNS && !idle(n); i++) {
		nvme_turn(n, tsc_now());
		wait_us(STOP_STEP_US);
	}
	if (n->state == NVME_RUNS) {
		nvme_write(n, REG_CONFIG, (nvme_read(n, REG_CONFIG) & ~CONFIG_SHUTDOWN) | CONFIG_SHUTDOWN_NORMAL);
		for (u32 i = 0; i < STOP_STEPS && (nvme_read(n, REG_STATUS) & STATUS_SHUTDOWN) != STATUS_SHUTDOWN_DONE; i++)
			wait_us(STOP_STEP_US);
	}
	n->state = NVME_DEAD;
	n->why = "the machine goes down";
	pci_set_master(p, false);
}

static void nvme_describe(const struct host_pci *p, char *to, size_t size)
{
	static const char *const word[] = { [NVME_DOWN] = "gets ready", [NVME_RUNS] = "runs", [NVME_DEAD] = "given up" };
	const struct nvme *n = p->state;
	char *end = to + size;

	to += fmt_print(to, size, "%s%s%s; %s%s", word[n->state], n->state == NVME_DEAD ? ": " : "",
			n->state == NVME_DEAD ? n->why : "", n->model,
			p->message_kind == PCI_CAP_MSIX ? ", MSI-X" : p->message_kind ? ", MSI" : ", polled");
	for (u32 i = 0; i < NVME_NAMESPACES_MAX && to + 24 < end; i++)
		if (n->ns[i].offered)
			to += fmt_print(to, (size_t)(end - to), ", %s", n->ns[i].d->name);
	if (to + 24 < end && n->resets)
		fmt_print(to, (size_t)(end - to), "; %lu resets", n->resets);
}

const struct host_driver nvme_driver = {
	.name = "nvme", .class_code = 0x010802, .class_mask = 0xffffff,
	.probe = nvme_probe, .reserve = nvme_reserve, .plug = nvme_plug, .is_free = nvme_is_free,
	.start = nvme_start, .stop = nvme_stop, .describe = nvme_describe,
};
