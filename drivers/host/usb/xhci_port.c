/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: what comes and goes there, one after another; and the time limits of what is going on. */
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/mouse.h>
#include <hv/pool.h>
#include <hv/time.h>

#include "xhci.h"

#define MS 1000000ul			/* in ns */
#define STABLE_NS (100 * MS)		/* USB 2.0 "Connect and Disconnect Signaling" (7.1.7.3) */
#define RECOVER_NS (20 * MS)		/* after a reset; likewise */
#define PORTS_NS (50 * MS)
#define TRIES_MAX 3u
#define STATUS_DEAD 0x1004u		/* HSE, HCE */

static u32 port_read(const struct xhci *x, u32 port)
{
	return xhci_read(x->op, OP_PORTSC(port));
}

/* What was pulled out or failed: what it held is let go, its slot given back, before the port is used again. Devices behind a
 * hub go first. */
static void give_back(struct xhci *x, u32 port, u64 now)
{
	struct xhci_port *p = &x->port[port];
	struct xhci_device *d = &x->device[p->slot];
	u32 behind = d->ports ? xhci_hub_leave(x, p->slot) : 0;

	if (behind) {
		give_back(x, behind, now);
		return;
	}
	if (d->ports) {
		x->hubs--;
	} else if (d->found.mouse) {
		mouse_put(0, 0, 0);
		x->mice--;
	} else {
		hid_release(&d->keyboard);
		x->keyboards--;
	}
	x->up.port = (u8)port;
	x->up.slot = p->slot;
	p->slot = 0;
	xhci_step(x, STEP_DISABLE, xhci_command(x, 0, TRB_DISABLE_SLOT, x->up.slot), now);
}

/* USB 3 ports enable themselves; the others are reset first. */
static void bring_up(struct xhci *x, u32 port, u64 now)
{
	u32 val;

	x->up.port = (u8)port;
	x->up.slot = 0;
	x->port[port].state = PORT_BUSY;
	x->port[port].tries++;
	if (x->port[port].hub) {
		xhci_hub_bring_up(x, now);
		return;
	}
	val = port_read(x, port);
	xhci_step(x, STEP_RESET, 0, now);
	if (!(val & PORT_ENABLED))
		xhci_write(x->op, OP_PORTSC(port), (val & PORT_KEEP) | PORT_RESET);
}

static void look_at_port(struct xhci *x, u32 port, u64 now)
{
	u32 val = port_read(x, port);
	bool busy_here = x->up.step != STEP_NONE && x->up.port == port;

	if (val & PORT_CHANGES && !busy_here)
		xhci_write(x->op, OP_PORTSC(port), (val & PORT_KEEP) | (val & PORT_CHANGES));
	xhci_judge(x, port, val & PORT_CONNECTED, val & PORT_ENABLED, now);
}

/* One port: noticed when it changes, brought up when it is stable and nothing else is going on. */
void xhci_judge(struct xhci *x, u32 port, bool connected, bool enabled, u64 now)
{
	struct xhci_port *p = &x->port[port];
	bool idle = x->up.step == STEP_NONE, busy_here = !idle && x->up.port == port;

	if (!connected) {
		if (p->slot && idle)
			give_back(x, port, now);
		if (!p->slot && !busy_here)
			*p = (struct xhci_port){ .state = PORT_EMPTY, .hub = p->hub, .number = p->number };
		return;
	}
	if (p->state == PORT_EMPTY) {
		p->state = PORT_NEW;
		p->since = now;
	}
	if (!idle)
		return;
	if (p->state == PORT_FAILED && p->slot)
		give_back(x, port, now);
	else if (p->state == PORT_FAILED && p->tries < TRIES_MAX)
		bring_up(x, port, now);
	else if (xhci_is_driven(p->state) && !enabled)
		p->state = PORT_FAILED;		/* pulled out and put in again between two looks */
	else if (p->state == PORT_NEW && now - p->since >= ns_to_ticks(STABLE_NS))
		bring_up(x, port, now);
}

static void go_on(struct xhci *x, u64 now)
{
	u32 val;

	if (x->up.step == STEP_RESET) {
		val = port_read(x, x->up.port);
		if (val & PORT_ENABLED && !(val & PORT_RESET)) {
			xhci_step(x, STEP_RECOVER, 0, now);
			x->up.until = now + ns_to_ticks(RECOVER_NS);
			x->up.speed = val >> 10 & 15;
		}
	}
	if (x->up.step == STEP_NONE || now < x->up.until)
		return;
	if (x->up.step == STEP_RECOVER)
		xhci_step(x, STEP_SLOT, xhci_command(x, 0, TRB_ENABLE_SLOT, 0), now);
	else if (x->up.step == STEP_DISABLE)
		xhci_slot_gone(x);
	else if (x->up.step == STEP_HUB_RESETTING)
		xhci_hub_look_at_reset(x, now);
	else if (x->up.step >= STEP_HUB_STATUS)
		xhci_hub_failed(x);
	else
		xhci_fail(x, now);
}

/* The controller's own ports when it is their turn; a look at a hub's that is under way is waited for, as it would keep them
 * from being acted on, and none is begun before. */
void xhci_turn(struct xhci *x, u64 now)
{
	go_on(x, now);
	if (now < x->ports_next) {
		xhci_hub_turn(x, now);
		return;
	}
	if (x->up.step == STEP_HUB_STATUS || x->up.step == STEP_HUB_CLEAR)
		return;
	x->ports_next = now + ns_to_ticks(PORTS_NS);
	if (xhci_read(x->op, OP_STATUS) & STATUS_DEAD) {	/* all ones, when it is gone, are that too */
		x->dead = true;
		for (u32 i = 1; i <= x->slots; i++)
			hid_release(&x->device[i].keyboard);
		log_notice("xhci: the controller has stopped with an error");
		return;
	}
	for (u32 i = 1; i <= x->ports; i++)
		look_at_port(x, i, now);
}
