/* SPDX-License-Identifier: Apache-2.0 */
/* "Queue Structures": a submission is the controller's once the doorbell says so, a completion ours once its phase bit does. */
#include <hv/atomic.h>
#include <hv/lib.h>

#include "nvme.h"

#define DOORBELLS 0x1000u

static u64 bell(const struct nvme *n, u32 id, u32 completion)
{
	return DOORBELLS + (u64)(2 * id + completion) * n->stride;
}

void nvme_ring_init(struct nvme_ring *r, u32 id)
{
	memset(r->sq, 0, NVME_ENTRIES * sizeof(*r->sq));
	memset(r->cq, 0, NVME_ENTRIES * sizeof(*r->cq));
	*r = (struct nvme_ring){ .sq = r->sq, .cq = r->cq, .id = id, .phase = 1 };
}

struct nvme_command *nvme_ring_next(struct nvme_ring *r)
{
	struct nvme_command *c = &r->sq[r->tail];

	r->tail = (r->tail + 1) % NVME_ENTRIES;
	*c = (struct nvme_command){ 0 };
	return c;
}

/* Entries before doorbell: the processor keeps stores in their order, this the compiler. */
void nvme_ring_bell(const struct nvme *n, struct nvme_ring *r)
{
	if (r->rung == r->tail)
		return;
	r->rung = r->tail;
	__asm__ volatile("" ::: "memory");
	nvme_write(n, bell(n, r->id, 0), r->tail);
}

int nvme_ring_get(struct nvme_ring *r, struct nvme_end *end)
{
	const struct nvme_completion *c = &r->cq[r->head];
	u32 last = load_acquire(&c->end);
	bool sane;

	if ((last >> 16 & 1) != r->phase)
		return -E_NOENT;
	sane = load_relaxed(&c->sq_head) < NVME_ENTRIES && load_relaxed(&c->sq_id) == r->id;
	*end = (struct nvme_end){ .id = last & 0xffff, .status = last >> 17, .result = load_relaxed(&c->result) };
	if (++r->head == NVME_ENTRIES) {
		r->head = 0;
		r->phase ^= 1;
	}
	return sane ? 0 : -E_INVAL;
}

void nvme_ring_got(const struct nvme *n, const struct nvme_ring *r)
{
	nvme_write(n, bell(n, r->id, 1), r->head);
}
