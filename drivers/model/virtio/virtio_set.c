/* SPDX-License-Identifier: Apache-2.0 */
#include "virtio_set.h"

#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/storage.h>

#include "../models.h"

static int build_disk(struct guest *g, const struct guest_disk *from)
{
	struct virtio_set *s = &g->pc->virtio;
	struct vblk *b = &s->disk[s->disks];

	int err = 0;

	if (from->volume)
		err = guest_volume_attach(g, &b->store, from->volume, from->serial);
	else
		block_image_init(&b->store, from->bytes, from->size, from->readonly, from->serial);
	err = err ? err : vblk_add(g, b, (u8)(VIRTIO_SLOT_DISK + s->disks++));
	if (from->split)
		b->d.offered &= ~BIT(VIRTIO_F_RING_PACKED);
	return err;
}

int virtio_build(struct guest *g)
{
	bool stock = g->plan->boot.type == BOOT_LINUX || g->plan->boot.type == BOOT_UEFI;
	int err = stock ? vrng_add(g, &g->pc->virtio.rng) : 0;

	g->pc->virtio.due = U64_MAX;
	if (g->plan->virtio_console && !err)
		err = vconsole_add(g, &g->pc->virtio.console);
	if (g->plan->balloon && !err)
		err = vballoon_add(g, &g->pc->virtio.balloon);
	for (u32 i = 0; i < g->disk_count && !err; i++)
		err = build_disk(g, &g->disk[i]);
	return err;
}

/* Every device that there is; null ends the walk. */
static struct virtio_device *device(struct virtio_set *s, u32 nr)
{
	struct virtio_device *const single[] = { &s->rng.d, &s->console.d, &s->balloon.d };
	u32 singles = ARRAY_COUNT(single);

	if (nr < singles)
		return single[nr];
	nr -= singles;
	if (nr < s->disks)
		return &s->disk[nr].d;
	return nr - s->disks < s->nets ? s->net[nr - s->disks] : NULL;
}

void virtio_reset(struct guest *g)
{
	struct virtio_set *s = &g->pc->virtio;
	struct virtio_device *d;

	s->due = U64_MAX;
	for (u32 i = 0; (d = device(s, i)); i++)
		if (d->kind)
			virtio_power_on(d);
}

void virtio_run(struct guest *g, u64 now)
{
	struct virtio_set *s = &g->pc->virtio;
	struct virtio_device *d;

	if (now < s->due)
		return;
	s->due = U64_MAX;
	for (u32 i = 0; (d = device(s, i)); i++)
		if (d->again)
			virtio_continue(d);
}
