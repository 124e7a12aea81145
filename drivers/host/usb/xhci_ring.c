/* SPDX-License-Identifier: Apache-2.0 */
/* "Ring Structures" (4.9). A TRB is the controller's once its cycle bit says so: that word is written last. */
#include <hv/atomic.h>
#include <hv/lib.h>
#include <hv/pool.h>

#include "xhci.h"

#define TRB_CYCLE 1u
#define LINK_TOGGLE 2u
#define RUN_ERDP 0x38u		/* of interrupter 0 */
#define ERDP_BUSY 8u

void xhci_ring_init(struct xhci_ring *r, struct xhci_trb *page)
{
	memset(page, 0, PAGE_SIZE);
	*r = (struct xhci_ring){ .trb = page, .hpa = pool_hpa(page).v, .cycle = 1 };
}

static void put(struct xhci_ring *r, u64 parameter, u32 status, u32 control)
{
	struct xhci_trb *t = &r->trb[r->at];

	*(volatile u64 *)&t->parameter = parameter;
	*(volatile u32 *)&t->status = status;
	store_release(&t->control, control | r->cycle);
}

u64 xhci_ring_add(struct xhci_ring *r, u64 parameter, u32 status, u32 control)
{
	u64 at = r->hpa + r->at * sizeof(struct xhci_trb);

	put(r, parameter, status, control);
	if (++r->at == XHCI_RING - 1) {
		put(r, r->hpa, 0, TRB_LINK << 10 | LINK_TOGGLE);
		r->at = 0;
		r->cycle ^= 1;
	}
	return at;
}

void xhci_ring_bell(struct xhci *x, u32 slot, u32 dci)
{
	fence_full();
	xhci_write(x->bell, 4 * slot, dci);
}

bool xhci_event_get(struct xhci *x, struct xhci_trb *event)
{
	const struct xhci_trb *t = &x->event[x->event_at];
	u32 control = load_acquire(&t->control);

	if ((control & TRB_CYCLE) != x->event_cycle)
		return false;
	*event = (struct xhci_trb){ *(const volatile u64 *)&t->parameter, *(const volatile u32 *)&t->status, control };
	if (++x->event_at == XHCI_RING) {
		x->event_at = 0;
		x->event_cycle ^= 1;
	}
	return true;
}

void xhci_event_done(struct xhci *x)
{
	u64 at = x->event_hpa + x->event_at * sizeof(struct xhci_trb);

	xhci_write(x->run, RUN_ERDP, (u32)at | ERDP_BUSY);
	xhci_write(x->run, RUN_ERDP + 4, (u32)(at >> 32));
}
