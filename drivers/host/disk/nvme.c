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
	bool any = nvme_turn(n, now);

	if (LIKELY(n->state == NVME_RUNS))
		control_work_by(n->look);
	if (n->state == NVME_DOWN || n->step != STEP_NONE)
		control_work_by(now + ns_to_ticks(STEP_LOOK_NS));
	for (u32 i = 0; !n->pci->message_kind && i < n->queues && n->state != NVME_DEAD; i++)
		if (n->queue[i]->free_count < NVME_SLOTS)
			control_work_by(now + ns_to_ticks(BUSY_LOOK_NS));
	return any && !n->pci->message_kind;	/* else the next message brings us back */
}

static int nvme_probe(struct host_pci *p)
{
	static u32 count;
	struct nvme *n = pool_alloc(ALIGN_UP(sizeof(*n), PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	const char *why = "its registers cannot be mapped";

	if (!n)
		return refuse(p, n, "no memory for it");
	n->pci = p;
	n->reg = pci_map_bar(p, 0, 2 * REGISTERS);
	n->size = p->bar[0].size;
	pci_set_master(p, false);
	if (!n->reg || !open_registers(n, &why))
		return refuse(p, n, why);
	if (!get_memory(n))
		return refuse(p, n, "no memory for it");
	pci_prepare_messages(p);
	n->index = count++;
	nvme_up_begin(n, NULL, tsc_now());
	for (u32 i = 0; i < PROBE_US / PROBE_STEP_US && n->state == NVME_DOWN; i++) {
		nvme_turn(n, tsc_now());
		wait_us(PROBE_STEP_US);
	}
	p->state = n;
	if (control_work_add(&(struct control_work){ .name = "nvme", .poll = nvme_work, .arg = n, .when = WORK_ON_MESSAGE,
						  .message = pci_message(p) }))
		log_error("nvme: more drivers than the event loop has places for");
	log_info("nvme%u: %02x:%02x.%u: %s", n->index, p->bdf >> 8, p->bdf >> 3 & 31, p->bdf & 7,
		 n->state == NVME_RUNS ? n->model : n->state == NVME_DOWN ? "not ready yet" : n->why);
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
	.probe = nvme_probe, .start = nvme_start, .stop = nvme_stop, .describe = nvme_describe,
};
