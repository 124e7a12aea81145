/* SPDX-License-Identifier: Apache-2.0 */
/* Hubs: their ports are asked one after another, through endpoint 0, whether something was plugged in. USB 2.0 "Hub
 * Specification" (11), USB 3.2 "Hub Descriptor", "Set Hub Depth" (10.15, 10.16); xHCI "Hub" in "Slot Context" (6.2.2). */
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>

#include "xhci.h"

#define MS 1000000ul			/* in ns */
#define LOOK_NS (10 * MS)		/* between two ports */
#define RESET_NS (30 * MS)		/* between two looks at a port that is being reset */
#define RESET_LOOKS 20u
#define PORTS_MAX 15u			/* what a digit of the route can say */
#define DESCRIPTOR 0x29u
#define DESCRIPTOR_SUPER 0x2au
#define DESCRIPTOR_BYTES 12u

enum { TO_HUB = 0x20, FROM_HUB = 0xa0, TO_PORT = 0x23, FROM_PORT = 0xa3 };
enum { FEATURE_RESET = 4, FEATURE_POWER = 8, FEATURE_C_CONNECTION = 16, FEATURE_C_RESET = 20 };
enum { CONNECTED = 1, ENABLED = 2, LOW = 0x200, HIGH = 0x400, C_CONNECTION = 0x10000, C_RESET = 0x100000 };

static struct xhci_device *hub_of(struct xhci *x, u32 port)
{
	return &x->device[x->port[port].hub];
}

/* To the hub of the port that is looked at. */
static u64 port_request(struct xhci *x, u8 type, u8 request, u16 feature, u16 length)
{
	const struct xhci_port *p = &x->port[x->up.port];

	return xhci_control(x, p->hub, SETUP(type, request, feature, p->number, length));
}

/* Places for its ports, as many as there are left. */
static u8 claim_places(struct xhci *x, u32 slot, u32 ports)
{
	u8 n = 0;

	for (u32 i = XHCI_CHILD; i < XHCI_CHILD + XHCI_CHILDREN_MAX && n < MIN(ports, PORTS_MAX); i++)
		if (!x->port[i].hub)
			x->port[i] = (struct xhci_port){ .state = PORT_EMPTY, .hub = (u8)slot, .number = ++n };
	return n;
}

u32 xhci_hub_leave(struct xhci *x, u32 slot)
{
	for (u32 i = XHCI_CHILD; i < XHCI_CHILD + XHCI_CHILDREN_MAX; i++)
		if (x->port[i].hub == slot && x->port[i].slot)
			return i;
	for (u32 i = XHCI_CHILD; i < XHCI_CHILD + XHCI_CHILDREN_MAX; i++)
		if (x->port[i].hub == slot)
			x->port[i] = (struct xhci_port){ .state = PORT_EMPTY };
	return 0;
}

void xhci_hub_begin(struct xhci *x, u64 now)
{
	const struct xhci_device *d = &x->device[x->up.slot];

	if (d->depth + 1u > XHCI_DEPTH_MAX)
		xhci_finish(x, PORT_OTHER, now);
	else
		xhci_step(x, STEP_HUB_CONFIG, xhci_control(x, x->up.slot, SETUP(0, REQUEST_CONFIG, d->found.config, 0, 0)), now);
}

static void ask_descriptor(struct xhci *x, u64 now)
{
	bool super = x->device[x->up.slot].speed >= SPEED_SUPER;

	xhci_step(x, STEP_HUB_DESCRIPTOR, xhci_control(x, x->up.slot, SETUP(FROM_HUB, REQUEST_DESCRIPTOR,
		  (super ? DESCRIPTOR_SUPER : DESCRIPTOR) << 8, 0, DESCRIPTOR_BYTES)), now);
}

/* The controller must know that it is a hub, before anything behind it is addressed. */
static void descriptor_known(struct xhci *x, u64 now)
{
	struct xhci_device *d = &x->device[x->up.slot];
	u8 ports = d->data[2];

	d->ports = claim_places(x, x->up.slot, ports);
	if (!d->ports) {
		log_info("xhci: port %u: a hub of %u ports, for which there is no place", x->up.port, ports);
		xhci_finish(x, PORT_OTHER, now);
		return;
	}
	xhci_input_begin(d, 1);
	xhci_input_slot(x, d, 1);
	xhci_step(x, STEP_HUB_CONTEXT, xhci_command(x, pool_hpa(d->input).v, TRB_CONFIGURE_ENDPOINT, x->up.slot), now);
}

/* Power for one port after another; then it is looked after. */
static void power_next(struct xhci *x, u64 now)
{
	struct xhci_device *d = &x->device[x->up.slot];

	if (x->up.count++ < d->ports) {
		u64 setup = SETUP(TO_PORT, REQUEST_SET, FEATURE_POWER, x->up.count, 0);

		xhci_step(x, STEP_HUB_POWER, xhci_control(x, x->up.slot, setup), now);
		return;
	}
	x->hubs++;
	log_info("xhci: port %u: hub of %u ports in slot %u", x->up.port, d->ports, x->up.slot);
	xhci_finish(x, PORT_HUB, now);
}

static void context_set(struct xhci *x, u64 now)
{
	const struct xhci_device *d = &x->device[x->up.slot];

	x->up.count = 0;
	if (d->speed >= SPEED_SUPER)
		xhci_step(x, STEP_HUB_DEPTH,
			  xhci_control(x, x->up.slot, SETUP(TO_HUB, REQUEST_DEPTH, d->depth, 0, 0)), now);
	else
		power_next(x, now);
}

void xhci_hub_failed(struct xhci *x)
{
	struct xhci_port *p = &x->port[x->up.port];

	x->errors++;
	log_info("xhci: port %u: the hub of it failed in step %u", x->up.port, x->up.step);
	x->port[hub_of(x, x->up.port)->port].state = PORT_FAILED;
	if (p->state == PORT_BUSY)
		p->state = PORT_FAILED;
	x->up.step = STEP_NONE;
}

static u32 port_status(struct xhci *x)
{
	u32 status;

	memcpy(&status, hub_of(x, x->up.port)->data, sizeof(status));
	return status;
}

/* A look at a port that came out of the round. */
static void status_known(struct xhci *x, u64 now)
{
	struct xhci_port *p = &x->port[x->up.port];
	u32 status = port_status(x);

	x->up.step = STEP_NONE;
	x->port[hub_of(x, x->up.port)->port].tries = 0;
	if (status & C_CONNECTION) {
		if (xhci_is_driven(p->state))
			p->state = PORT_FAILED;		/* pulled out and put in again between two looks */
		xhci_step(x, STEP_HUB_CLEAR, port_request(x, TO_PORT, REQUEST_CLEAR, FEATURE_C_CONNECTION, 0), now);
		return;
	}
	xhci_judge(x, x->up.port, status & CONNECTED, status & ENABLED, now);
}

void xhci_hub_bring_up(struct xhci *x, u64 now)
{
	x->up.count = 0;
	xhci_step(x, STEP_HUB_RESET, port_request(x, TO_PORT, REQUEST_SET, FEATURE_RESET, 0), now);
}

static void reset_wait(struct xhci *x, u64 now)
{
	xhci_step(x, STEP_HUB_RESETTING, 0, now);
	x->up.until = now + ns_to_ticks(RESET_NS);
}

void xhci_hub_look_at_reset(struct xhci *x, u64 now)
{
	xhci_step(x, STEP_HUB_RESET_STATUS, port_request(x, FROM_PORT, REQUEST_STATUS, 0, 4), now);
}

static void reset_status_known(struct xhci *x, u64 now)
{
	u32 status = port_status(x);

	if (!(status & C_RESET) && x->up.count++ < RESET_LOOKS) {
		reset_wait(x, now);
		return;
	}
	if (!(status & CONNECTED) || !(status & ENABLED)) {
		xhci_fail(x, now);
		return;
	}
	x->up.speed = hub_of(x, x->up.port)->speed >= SPEED_SUPER ? SPEED_SUPER : status & LOW ? SPEED_LOW :
		status & HIGH ? SPEED_HIGH : SPEED_FULL;
	xhci_step(x, STEP_HUB_RESET_CLEAR, port_request(x, TO_PORT, REQUEST_CLEAR, FEATURE_C_RESET, 0), now);
}

bool xhci_hub_advance(struct xhci *x, u64 now)
{
	switch (x->up.step) {
	case STEP_HUB_CONFIG:		ask_descriptor(x, now); break;
	case STEP_HUB_DESCRIPTOR:	descriptor_known(x, now); break;
	case STEP_HUB_CONTEXT:		context_set(x, now); break;
	case STEP_HUB_DEPTH:
	case STEP_HUB_POWER:		power_next(x, now); break;
	case STEP_HUB_STATUS:		status_known(x, now); break;
	case STEP_HUB_CLEAR:		x->up.step = STEP_NONE; break;
	case STEP_HUB_RESET:		reset_wait(x, now); break;
	case STEP_HUB_RESET_STATUS:	reset_status_known(x, now); break;
	case STEP_HUB_RESET_CLEAR:
		xhci_step(x, STEP_RECOVER, 0, now);
		x->up.until = now + ns_to_ticks(RESET_NS);
		break;
	default:
		return false;
	}
	return true;
}

/* When nothing else goes on: the next port of a hub that works. */
void xhci_hub_turn(struct xhci *x, u64 now)
{
	if (!x->hubs || x->up.step != STEP_NONE || now < x->hubs_next)
		return;
	x->hubs_next = now + ns_to_ticks(LOOK_NS);
	for (u32 n = 0; n < XHCI_CHILDREN_MAX; n++) {
		u32 port = XHCI_CHILD + x->child_at++ % XHCI_CHILDREN_MAX;

		if (!x->port[port].hub || x->port[hub_of(x, port)->port].state != PORT_HUB)
			continue;
		x->up.port = (u8)port;
		x->up.slot = 0;
		xhci_step(x, STEP_HUB_STATUS, port_request(x, FROM_PORT, REQUEST_STATUS, 0, 4), now);
		return;
	}
}
