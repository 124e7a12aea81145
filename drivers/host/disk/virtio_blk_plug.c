/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio disks that come while the machine runs, in slots that hotplug.c watches. Memory is from the boot; nothing waits: the
 * reset and the first request, which asks for the serial number, are steps with an end. VIRTIO 1.2 "Device Initialization"
 * (3.1), "Device Operation" (5.2.6). */
#include "virtio_blk.h"

#include <hv/core.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>

#define COME_NS (5 * NS_PER_S)

void *vblk_reserve(u16 bdf)
{
	struct vblk_disk *b = pool_alloc(ALIGN_UP(sizeof(*b), PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);

	if (!b || vblk_get_memory(b) || vio_queue_reserve(&b->queue, VBLK_QUEUE_MAX, DISK_PIECES_MAX + VBLK_HEAD_AND_STATUS) ||
	    vblk_work_add(b, &(struct host_pci){ .bdf = bdf }))
		return NULL;
	b->state = VBLK_DEAD;
	b->why = "it was never there";
	return b;
}

/* The block layer may still have a request of the disk that went. */
bool vblk_is_free(const void *state)
{
	const struct vblk_disk *b = state;

	return b->state == VBLK_DEAD && !b->used && !b->disk.owner;
}

/* All that was known of the one before is forgotten; memory and the name stay. */
static void forget(struct vblk_disk *b)
{
	b->disk = (struct disk){ .name = { 0 } };
	memset(b->slot, 0, sizeof(b->slot));
	b->used = b->hold_back = 0;
	b->look_next = b->discard_max = b->zero_max = 0;
	b->why = NULL;
}

/* Nobody knows of the disk yet: there is nothing to answer. */
static int give_up(struct vblk_disk *b, const char *why)
{
	b->state = VBLK_DEAD;
	b->why = why;
	pci_set_master(b->vio.pci, false);
	return -E_NODEV;
}

int vblk_plug(struct host_pci *p)
{
	struct vblk_disk *b = p->state;
	char name[sizeof(b->disk.name)];

	assert(vblk_is_free(b));
	str_copy(name, sizeof(name), b->disk.name);
	forget(b);
	str_copy(b->disk.name, sizeof(b->disk.name), name);
	if (vio_open_begin(&b->vio, p, VBLK_FEATURES))
		return give_up(b, p->why);
	b->state = VBLK_COMES;
	b->until = 0;			/* from its first turn on */
	return 0;
}

/* It has been reset: agree on everything, and ask for its serial number. Null, or what is wrong. */
static const char *set_up(struct vblk_disk *b)
{
	const char *why;

	if (vio_open_end(&b->vio))
		return b->vio.pci->why;
	if (vio_queue_setup(&b->vio, &b->queue, 0) || b->queue.size < VBLK_QUEUE_MIN)
		return "its queue cannot be used";
	why = vblk_read_config(b);
	if (why)
		return why;
	pci_messages_on(b->vio.pci, core_table[control_core].apic_id);
	vio_ready(&b->vio);
	b->state = VBLK_ASKED;
	if (vblk_put(b, 0))
		return "its queue cannot be used";
	vio_queue_kick(&b->queue);
	return NULL;
}

/* Its answer is there: it is a disk. */
static const char *offer(struct vblk_disk *b, u64 now)
{
	vblk_take_id(b);
	b->disk.ops = &vblk_disk_ops;
	b->disk.driver = b;
	b->disk.bdf = b->vio.pci->bdf;
	vblk_name(b);
	b->state = VBLK_RUNS;
	b->look_next = now;
	return disk_add(&b->disk) ? "there are too many disks" : NULL;
}

void vblk_come_turn(struct vblk_disk *b, u64 now)
{
	const char *why = NULL;
	u32 len;

	if (!b->until)
		b->until = now + ns_to_ticks(COME_NS);
	if (b->state == VBLK_COMES && vio_reset_done(&b->vio))
		why = set_up(b);
	else if (b->state == VBLK_ASKED && vio_queue_get(&b->queue, &len))
		why = offer(b, now);
	else if (b->vio.broken)
		why = b->vio.broken;
	else if (now >= b->until)
		why = "it does not answer";
	if (!why)
		return;
	vio_reset_begin(&b->vio);
	give_up(b, why);
	log_notice("virtio-blk: %02x:%02x.%u: it is not used: %s", b->vio.pci->bdf >> 8, b->vio.pci->bdf >> 3 & 31,
		   b->vio.pci->bdf & 7, why);
}
