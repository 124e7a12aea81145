/* SPDX-License-Identifier: Apache-2.0 */
/* The driver as drivers.c sees it, and what the device says of itself. VIRTIO 1.2 "Block Device" (5.2). */
#include "virtio_blk.h"

#include <hv/atomic.h>
#include <hv/control_work.h>
#include <hv/core.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>

#include "../drivers.h"

#define ID_MS 2000u

void vblk_take_id(struct vblk_disk *b)
{
	u32 n = 0;
	char c;

	if (load_relaxed(&b->shared[0].status) != VBLK_OK)
		return;			/* it has none */
	while (n < VBLK_ID_BYTES && (c = (char)load_relaxed(&b->shared[0].id[n])) >= ' ' && c <= '~')
		b->disk.serial[n++] = c;
	while (n && b->disk.serial[n - 1] == ' ')
		n--;
	b->disk.serial[n] = 0;
}

/* Its serial number: the first request, and the only one that is waited for. */
static bool ask_id(struct vblk_disk *b)
{
	u32 len;

	vblk_put(b, 0);
	vio_queue_kick(&b->queue);
	for (u32 ms = 0; !vio_queue_get(&b->queue, &len); ms++) {
		if (ms == ID_MS || b->vio.broken)
			return false;
		wait_us(1000);
	}
	vblk_take_id(b);
	return true;
}

int vblk_get_memory(struct vblk_disk *b)
{
	b->shared = pool_alloc(ALIGN_UP(sizeof(struct vblk_shared) * VBLK_DEPTH, PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	if (!b->shared)
		return -E_NOMEM;
	b->shared_hpa = pool_hpa(b->shared).v;
	return 0;
}

static const char *open_disk(struct vblk_disk *b, struct host_pci *p)
{
	const char *why;

	if (vblk_get_memory(b))
		return "no memory for it";
	if (vio_open(&b->vio, p, VBLK_FEATURES))
		return p->why;
	if (vio_queue_open(&b->vio, &b->queue, 0, VBLK_QUEUE_MAX, DISK_PIECES_MAX + VBLK_HEAD_AND_STATUS) ||
	    b->queue.size < VBLK_QUEUE_MIN)
		return "its queue cannot be used";
	why = vblk_read_config(b);
	if (why)
		return why;
	vio_ready(&b->vio);
	return ask_id(b) ? NULL : "it does not answer";
}

void vblk_name(struct vblk_disk *b)
{
	static u32 disks;

	if (!b->disk.name[0])
		fmt_print(b->disk.name, sizeof(b->disk.name), "vd%u", disks++);
}

static int vblk_probe(struct host_pci *p)
{
	struct vblk_disk *b = pool_alloc(ALIGN_UP(sizeof(*b), PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	const char *why = b ? open_disk(b, p) : "no memory for it";

	if (!why) {
		b->disk.ops = &vblk_disk_ops;
		b->disk.driver = b;
		b->disk.bdf = p->bdf;
		vblk_name(b);
		why = disk_add(&b->disk) ? "there are too many disks" : NULL;
	}
	if (why) {
		if (b && b->vio.common)
			vio_reset_begin(&b->vio);
		if (why != p->why)
			str_copy(p->why, sizeof(p->why), why);
		return -E_NODEV;
	}
	p->state = b;
	return 0;
}

static bool vblk_round(void *arg, u64 now)
{
	return vblk_turn(arg, now);
}

/* Messages are asked for only while the core is about to halt. */
static bool vblk_listen(void *arg)
{
	struct vblk_disk *b = arg;

	return b->state == VBLK_RUNS && b->used && vio_queue_listen(&b->queue);
}

int vblk_work_add(struct vblk_disk *b, const struct host_pci *p)
{
	return control_work_add(&(struct control_work){ .name = "virtio-blk", .poll = vblk_round, .listen = vblk_listen,
				.arg = b, .when = WORK_ON_MESSAGE, .message = pci_message(p) });
}

static void vblk_start(struct host_pci *p)
{
	pci_messages_on(p, core_table[control_core].apic_id);
	if (vblk_work_add(p->state, p))
		log_error("virtio-blk: more drivers than the event loop has places for");
}

static void vblk_describe(const struct host_pci *p, char *to, size_t size)
{
	static const char *const word[] = { [VBLK_RUNS] = "runs", [VBLK_RESETS] = "is being reset",
		[VBLK_COMES] = "gets ready", [VBLK_ASKED] = "gets ready" };
	const struct vblk_disk *b = p->state;
	char bytes[24];

	fmt_print(to, size, "%s, %s%s, %s%s", b->disk.name, fmt_bytes(bytes, sizeof(bytes), b->disk.sectors * 512),
		  b->disk.readonly ? ", read-only" : "", b->state == VBLK_DEAD ? b->why : word[b->state],
		  p->message_kind == PCI_CAP_MSIX ? ", MSI-X" : ", polled");
}

static const u32 vblk_ids[] = { PCI_DEVICE(0x1af4, 0x1001), PCI_DEVICE(0x1af4, 0x1042), 0 };

const struct host_driver virtio_blk_driver = {
	.name = "virtio-blk", .ids = vblk_ids,
	.probe = vblk_probe, .reserve = vblk_reserve, .plug = vblk_plug, .is_free = vblk_is_free,
	.start = vblk_start, .describe = vblk_describe,
};
