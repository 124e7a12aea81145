/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's side of queues that the control core serves: lending them, getting them back, where interrupts go. One of the
 * guest's cores, device lock held. */
#include "virtio_remote.h"

#include <hv/guest.h>
#include <hv/lib.h>

#define SPINS 20000u			/* about a millisecond; the control core's rounds take some microseconds */

bool virtio_all_home(const struct virtio_device *d)
{
	for (u32 i = 0; i < d->queue_count; i++)
		if (!virtio_is_home(&d->queue[i]))
			return false;
	return true;
}

static void tell_control_core(struct virtio_remote *r)
{
	exchange(&r->changed, 1u);
	control_work_call(r->work);
}

void virtio_lend(struct virtio_device *d)
{
	struct virtio_remote *r = d->remote;
	bool any = false;

	for (u32 i = 0; i < d->queue_count; i++) {
		struct virtq *q = &d->queue[i];

		if (!q->remote || !q->enabled || q->resetting || !virtio_live(d) || !virtio_is_home(q))
			continue;
		store_release(&q->owner, VIRTQ_LENT);	/* pairs with the acquire in take_changes() */
		any = true;
	}
	if (any)
		tell_control_core(r);
}

void virtio_recall(struct virtio_device *d, u32 queues, bool wait)
{
	bool any = false;

	for (u32 i = 0; i < d->queue_count; i++) {
		if (!(queues >> i & 1) || virtio_is_home(&d->queue[i]))
			continue;
		store_release(&d->queue[i].owner, VIRTQ_RECALLED);
		any = true;
	}
	if (!any)
		return;
	tell_control_core(d->remote);
	for (u32 n = 0; wait && n < SPINS && any; n++) {
		cpu_relax();
		any = false;
		for (u32 i = 0; i < d->queue_count; i++)
			any |= queues >> i & 1 && !virtio_is_home(&d->queue[i]);
	}
}

void virtio_remote_clear(struct virtio_remote *r)
{
	store_relaxed(&r->kicked, 0u);
	store_relaxed(&r->failed, 0u);
	store_relaxed(&r->slow, 0u);
	store_relaxed(&r->config, 0u);
}

void virtio_routes(struct vpci_function *f)
{
	struct virtio_device *d = f->device;

	if (!d->remote)
		return;
	for (u32 i = 0; i < d->queue_count; i++)
		if (d->queue[i].remote)
			store_release(&d->queue[i].route, vpci_msix_route(f, d->queue[i].vector));
	if (!virtio_all_home(d))
		tell_control_core(d->remote);	/* bus mastering may have begun */
}

/* What the control core asks of this guest's cores. */
void virtio_remote_called(struct guest *g, void *arg)
{
	struct virtio_remote *r = arg;
	struct virtio_device *d = r->d;

	(void)g;
	if (exchange(&r->failed, 0u))
		virtio_fail(d, 0);
	for (u32 left = exchange(&r->slow, 0u); left; left &= left - 1)
		virtio_interrupt(d, (u32)__builtin_ctz(left));
	if (exchange(&r->config, 0u))
		virtio_config_changed(d);
	virtio_settle(d);
}
