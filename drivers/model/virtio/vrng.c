/* SPDX-License-Identifier: Apache-2.0 */
#include "vrng.h"

#include <hv/guest.h>
#include <hv/lib.h>

#define REQUEST_MAX 4096u	/* bytes for one request; the driver asks again for more */
#define TURN_REQUESTS 8u

static u32 fill(struct vrng *r, const struct virtq_chain *c)
{
	u32 left = REQUEST_MAX;

	for (u32 i = c->readable; i < (u32)c->readable + c->writable && left; i++) {
		u32 n = MIN(left, c->piece[i].len);

		random_fill(&r->random, c->piece[i].at, n);
		left -= n;
	}
	return REQUEST_MAX - left;
}

static void kicked(struct virtio_device *d, u32 queue)
{
	struct vrng *r = container_of(d, struct vrng, d);
	struct virtq *q = &d->queue[queue];
	struct virtq_chain c;
	int got = 1;

	for (u32 i = 0; got > 0 && i < TURN_REQUESTS; i++) {
		got = virtq_take(q, &c);
		if (got > 0) {
			u32 n = fill(r, &c);

			d->bytes += n;
			virtq_give(q, &c, n);
		} else if (!got && virtq_listen(q)) {
			got = 1;
		}
	}
	if (got < 0)
		virtio_fail(d, queue);
	virtio_flush(d, queue);
	if (got > 0)
		virtio_again(d, queue);
}

static const struct virtio_kind rng_kind = {
	.pci = VIRTIO_PCI_DESC("virtio-rng", 4, 0x00ff00u, 2), .kicked = kicked,
};

int vrng_add(struct guest *g, struct vrng *r)
{
	random_seed(&r->random, g->index);
	return virtio_add(g, &r->d, &rng_kind, 0, 1, VIRTIO_SLOT_RNG);
}
