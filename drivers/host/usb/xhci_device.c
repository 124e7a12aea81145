/* SPDX-License-Identifier: Apache-2.0 */
/* From a plugged-in device to the reports of a keyboard: "Device Initialization" (4.3), one port at a time, a step for each
 * event. What the device says (descriptors, reports) and what the controller says (events) is checked. */
#include <hv/atomic.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>

#include "xhci.h"

#define MS 1000000ul			/* in ns */
#define STABLE_NS (100 * MS)		/* USB 2.0 "Connect and Disconnect Signaling" (7.1.7.3) */
#define RECOVER_NS (20 * MS)		/* after a reset; likewise */
#define STEP_NS (1000 * MS)
#define PORTS_NS (50 * MS)
#define TRIES_MAX 3u
#define STATUS_DEAD 0x1004u		/* HSE, HCE */
#define REPORT_AT 1024u			/* in device.data */

enum { SPEED_FULL = 1, SPEED_LOW = 2, SPEED_HIGH = 3, SPEED_SUPER = 4 };
enum { ENDPOINT_CONTROL = 4, ENDPOINT_INTERRUPT_IN = 7 };
enum { REQUEST_DESCRIPTOR = 6, REQUEST_CONFIG = 9, HID_IDLE = 10, HID_PROTOCOL = 11 };
#define SETUP(type, request, value, index, length) \
	((u64)(type) | (u64)(request) << 8 | (u64)(value) << 16 | (u64)(index) << 32 | (u64)(length) << 48)
#define TRB_TYPE(control) ((control) >> 10 & 63)
#define TRB_CODE(status) ((status) >> 24)
#define TRB_SLOT(control) ((control) >> 24)

static u32 port_read(const struct xhci *x, u32 port)
{
	return xhci_read(x->op, OP_PORTSC(port));
}

static struct xhci_device *up_device(struct xhci *x)
{
	return &x->device[x->up.slot];
}

static void step(struct xhci *x, enum xhci_step to, u64 waits_for, u64 now)
{
	x->up.step = (u8)to;
	x->up.waits_for = waits_for;
	x->up.until = now + ns_to_ticks(STEP_NS);
}

static u64 command(struct xhci *x, u64 parameter, u32 type, u32 slot)
{
	u64 at = xhci_ring_add(&x->command, parameter, 0, type << 10 | slot << 24);

	xhci_ring_bell(x, 0, 0);
	return at;
}

/* "Control Transfers" (4.11.2.2): setup, data towards us if any, status. Returns the address of the last TRB. */
static u64 control_transfer(struct xhci *x, u64 setup)
{
	struct xhci_device *d = up_device(x);
	u32 length = (u32)(setup >> 48);
	u64 at;

	memset(d->data, 0, XHCI_DATA_BYTES);
	xhci_ring_add(&d->control, setup, 8, TRB_SETUP << 10 | 1u << 6 | (length ? 3u << 16 : 0));
	if (length)
		xhci_ring_add(&d->control, pool_hpa(d->data).v, length, TRB_DATA << 10 | 1u << 16);
	at = xhci_ring_add(&d->control, 0, 0, TRB_STATUS << 10 | (length ? 0 : 1u << 16) | 1u << 5);
	xhci_ring_bell(x, x->up.slot, 1);
	return at;
}

/* Contexts: a word of the slot's, or of an endpoint's, behind the input control context. */
static u32 *input_word(const struct xhci *x, struct xhci_device *d, u32 dci, u32 word)
{
	return (u32 *)(void *)(d->input + (dci + 1) * x->context_size) + word;
}

static void input_begin(struct xhci_device *d, u32 add)
{
	memset(d->input, 0, PAGE_SIZE);
	((u32 *)(void *)d->input)[1] = add;
}

static void input_slot(const struct xhci *x, struct xhci_device *d, u32 last_dci)
{
	*input_word(x, d, 0, 0) = (u32)d->speed << 20 | last_dci << 27;
	*input_word(x, d, 0, 1) = (u32)d->port << 16;
}

static void input_endpoint(const struct xhci *x, struct xhci_device *d, u32 dci, u32 type, u32 packet, u32 interval)
{
	const struct xhci_ring *r = dci == 1 ? &d->control : &d->in;
	u64 at = (r->hpa + r->at * sizeof(struct xhci_trb)) | r->cycle;

	*input_word(x, d, dci, 0) = interval << 16;
	*input_word(x, d, dci, 1) = 3u << 1 | type << 3 | packet << 16;
	*input_word(x, d, dci, 2) = (u32)at;
	*input_word(x, d, dci, 3) = (u32)(at >> 32);
	*input_word(x, d, dci, 4) = HID_REPORT | (type == ENDPOINT_INTERRUPT_IN ? packet << 16 : 0);
}

/* "Interval" (6.2.3.6): 2^n units of 125 us. */
static u32 interval_of(const struct xhci_device *d)
{
	u32 n = 3, frames = d->found.interval ? d->found.interval : 1;

	if (d->speed >= SPEED_HIGH)
		return MIN(frames, 16u) - 1;
	while (n < 10 && 2u << n <= frames * 8)
		n++;
	return n;
}

/* Over: the slot is given back unless a keyboard lives there. */
static void finish(struct xhci *x, enum xhci_port_state state, u64 now)
{
	struct xhci_port *port = &x->port[x->up.port];

	port->state = (u8)state;
	if (state == PORT_KEYBOARD || !x->up.slot) {
		x->up.step = STEP_NONE;
		return;
	}
	port->slot = 0;
	step(x, STEP_DISABLE, command(x, 0, TRB_DISABLE_SLOT, x->up.slot), now);
}

static void fail(struct xhci *x, u64 now)
{
	x->errors++;
	log_info("xhci: port %u: step %u failed", x->up.port, x->up.step);
	finish(x, PORT_FAILED, now);
}

static void slot_begin(struct xhci *x, u32 slot, u64 now)
{
	struct xhci_device *d = slot <= x->slots ? &x->device[slot] : NULL;
	u32 packet;

	if (!slot || !d || d->port) {
		fail(x, now);
		return;
	}
	x->up.slot = (u8)slot;
	x->port[x->up.port].slot = (u8)slot;
	d->port = x->up.port;
	d->speed = port_read(x, d->port) >> 10 & 15;
	d->dci = 0;
	memset(&d->keyboard, 0, sizeof(d->keyboard));
	memset(d->context, 0, PAGE_SIZE);
	xhci_ring_init(&d->control, d->control.trb);
	xhci_ring_init(&d->in, d->in.trb);
	x->base_array[slot] = pool_hpa(d->context).v;
	packet = d->speed >= SPEED_SUPER ? 512 : d->speed == SPEED_HIGH ? 64 : 8;
	input_begin(d, 3);
	input_slot(x, d, 1);
	input_endpoint(x, d, 1, ENDPOINT_CONTROL, packet, 0);
	step(x, STEP_ADDRESS, command(x, pool_hpa(d->input).v, TRB_ADDRESS_DEVICE, slot), now);
}

/* Eight bytes of the device descriptor tell how large a packet of endpoint 0 may be; only full speed leaves a choice. */
static void device_known(struct xhci *x, u64 now)
{
	struct xhci_device *d = up_device(x);
	u8 packet = d->data[7];

	if (d->speed == SPEED_FULL && packet != 8 && packet <= 64 && packet >= 8) {
		input_begin(d, 2);
		input_endpoint(x, d, 1, ENDPOINT_CONTROL, packet, 0);
		step(x, STEP_PACKET, command(x, pool_hpa(d->input).v, TRB_EVALUATE_CONTEXT, x->up.slot), now);
		return;
	}
	step(x, STEP_CONFIG, control_transfer(x, SETUP(0x80, REQUEST_DESCRIPTOR, 0x200, 0, XHCI_DATA_BYTES)), now);
}

static void config_known(struct xhci *x, u64 now)
{
	struct xhci_device *d = up_device(x);
	u8 copy[XHCI_DATA_BYTES];

	memcpy(copy, d->data, sizeof(copy));
	if (!hid_find_keyboard(copy, sizeof(copy), &d->found)) {
		finish(x, d->found.hub ? PORT_HUB : PORT_OTHER, now);
		return;
	}
	d->dci = (u8)(2 * d->found.endpoint + 1);
	input_begin(d, 1 | 1u << d->dci);
	input_slot(x, d, d->dci);
	input_endpoint(x, d, d->dci, ENDPOINT_INTERRUPT_IN, d->found.packet, interval_of(d));
	step(x, STEP_ENDPOINT, command(x, pool_hpa(d->input).v, TRB_CONFIGURE_ENDPOINT, x->up.slot), now);
}

/* Each TRB of the ring has its own place for a report. */
static u8 *report_at(struct xhci_device *d, u32 n)
{
	return d->data + REPORT_AT + n * HID_REPORT;
}

static void report_ask(struct xhci_device *d)
{
	u32 n = d->in.at;

	xhci_ring_add(&d->in, pool_hpa(report_at(d, n)).v, HID_REPORT, TRB_NORMAL << 10 | 1u << 5);
}

/* From here on its port has a slot: only keyboards keep one. */
static void keyboard_runs(struct xhci *x, u64 now)
{
	struct xhci_device *d = up_device(x);

	for (u32 i = 0; i < XHCI_REPORTS; i++)
		report_ask(d);
	xhci_ring_bell(x, x->up.slot, d->dci);
	x->keyboards++;
	log_info("xhci: port %u: keyboard in slot %u", x->up.port, x->up.slot);
	finish(x, PORT_KEYBOARD, now);
}

static void slot_gone(struct xhci *x)
{
	struct xhci_device *d = up_device(x);

	x->base_array[x->up.slot] = 0;
	d->port = d->dci = 0;
	x->up.step = STEP_NONE;
}

/* The step's own event came with success: the next one. */
static void advance(struct xhci *x, u32 slot, u64 now)
{
	struct xhci_device *d = up_device(x);
	u8 interface = d->found.interface;

	switch (x->up.step) {
	case STEP_SLOT:
		slot_begin(x, slot, now);
		break;
	case STEP_ADDRESS:
		step(x, STEP_DEVICE, control_transfer(x, SETUP(0x80, REQUEST_DESCRIPTOR, 0x100, 0, 8)), now);
		break;
	case STEP_DEVICE:
		device_known(x, now);
		break;
	case STEP_PACKET:
		step(x, STEP_CONFIG, control_transfer(x, SETUP(0x80, REQUEST_DESCRIPTOR, 0x200, 0, XHCI_DATA_BYTES)), now);
		break;
	case STEP_CONFIG:
		config_known(x, now);
		break;
	case STEP_ENDPOINT:
		step(x, STEP_SET_CONFIG, control_transfer(x, SETUP(0, REQUEST_CONFIG, d->found.config, 0, 0)), now);
		break;
	case STEP_SET_CONFIG:
		step(x, STEP_SET_PROTOCOL, control_transfer(x, SETUP(0x21, HID_PROTOCOL, 0, interface, 0)), now);
		break;
	case STEP_SET_PROTOCOL:
		step(x, STEP_SET_IDLE, control_transfer(x, SETUP(0x21, HID_IDLE, 0, interface, 0)), now);
		break;
	case STEP_SET_IDLE:
		keyboard_runs(x, now);
		break;
	case STEP_DISABLE:
		slot_gone(x);
		break;
	default:
		break;
	}
}

/* A keyboard may refuse SET_IDLE: nothing else goes through its endpoint 0 afterwards. */
static void up_event(struct xhci *x, const struct xhci_trb *e, u64 now)
{
	u32 code = TRB_CODE(e->status);

	if (code == DONE_SUCCESS || code == DONE_SHORT || (code == DONE_STALL && x->up.step == STEP_SET_IDLE))
		advance(x, TRB_SLOT(e->control), now);
	else if (x->up.step == STEP_DISABLE)
		slot_gone(x);
	else
		fail(x, now);
}

/* The report that an event of an interrupt endpoint is about: copied, then judged. Anything but success ends this device; it
 * is brought up again a few times. */
static void report_event(struct xhci *x, const struct xhci_trb *e)
{
	u32 slot = TRB_SLOT(e->control), code = TRB_CODE(e->status), left = e->status & 0xffffff;
	struct xhci_device *d = &x->device[slot];
	u64 at = (e->parameter - d->in.hpa) / sizeof(struct xhci_trb);
	u8 copy[HID_REPORT];

	if (code != DONE_SUCCESS && code != DONE_SHORT) {
		x->errors++;
		x->port[d->port].state = PORT_FAILED;
		return;
	}
	if (at >= XHCI_RING - 1 || left > HID_REPORT)
		return;
	memcpy(copy, report_at(d, (u32)at), HID_REPORT);
	x->reports++;
	x->port[d->port].tries = 0;
	hid_report(&d->keyboard, copy, HID_REPORT - left);
	report_ask(d);
	xhci_ring_bell(x, slot, d->dci);
}

void xhci_event(struct xhci *x, const struct xhci_trb *e, u64 now)
{
	u32 type = TRB_TYPE(e->control), slot = TRB_SLOT(e->control), dci = e->control >> 16 & 31;

	if (type == TRB_PORT_EVENT) {
		x->ports_next = now;
		return;
	}
	if (type != TRB_COMMAND_EVENT && type != TRB_TRANSFER_EVENT)
		return;
	if (type == TRB_TRANSFER_EVENT && (!slot || slot > x->slots || !x->device[slot].port))
		return;
	if (type == TRB_TRANSFER_EVENT && dci != 1) {
		if (dci == x->device[slot].dci && x->port[x->device[slot].port].state == PORT_KEYBOARD)
			report_event(x, e);
		return;
	}
	/* An error in the middle of a control transfer names the TRB that it met. */
	if (x->up.step != STEP_NONE && (e->parameter == x->up.waits_for ||
	    (type == TRB_TRANSFER_EVENT && slot == x->up.slot && TRB_CODE(e->status) != DONE_SUCCESS &&
	     TRB_CODE(e->status) != DONE_SHORT)))
		up_event(x, e, now);
}

/* A keyboard that was pulled out or failed: what it held is let go, its slot given back, before the port is used again. */
static void give_back(struct xhci *x, u32 port, u64 now)
{
	struct xhci_port *p = &x->port[port];
	struct xhci_device *d = &x->device[p->slot];

	hid_release(&d->keyboard);
	x->keyboards--;
	x->up.port = (u8)port;
	x->up.slot = p->slot;
	p->slot = 0;
	step(x, STEP_DISABLE, command(x, 0, TRB_DISABLE_SLOT, x->up.slot), now);
}

/* USB 3 ports enable themselves; the others are reset first. */
static void bring_up(struct xhci *x, u32 port, u64 now)
{
	u32 val = port_read(x, port);

	x->up.port = (u8)port;
	x->up.slot = 0;
	x->port[port].state = PORT_BUSY;
	x->port[port].tries++;
	step(x, STEP_RESET, 0, now);
	if (!(val & PORT_ENABLED))
		xhci_write(x->op, OP_PORTSC(port), (val & PORT_KEEP) | PORT_RESET);
}

/* One port: noticed when it changes, brought up when it is stable and nothing else is going on. */
static void look_at_port(struct xhci *x, u32 port, u64 now)
{
	struct xhci_port *p = &x->port[port];
	u32 val = port_read(x, port);
	bool idle = x->up.step == STEP_NONE, busy_here = !idle && x->up.port == port;

	if (val & PORT_CHANGES && !busy_here)
		xhci_write(x->op, OP_PORTSC(port), (val & PORT_KEEP) | (val & PORT_CHANGES));
	if (!(val & PORT_CONNECTED)) {
		if (p->slot && idle)
			give_back(x, port, now);
		if (!p->slot && !busy_here)
			*p = (struct xhci_port){ .state = PORT_EMPTY };
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
	else if (p->state == PORT_KEYBOARD && !(val & PORT_ENABLED))
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
			step(x, STEP_RECOVER, 0, now);
			x->up.until = now + ns_to_ticks(RECOVER_NS);
		}
	}
	if (x->up.step == STEP_NONE || now < x->up.until)
		return;
	if (x->up.step == STEP_RECOVER)
		step(x, STEP_SLOT, command(x, 0, TRB_ENABLE_SLOT, 0), now);
	else if (x->up.step == STEP_DISABLE)
		slot_gone(x);
	else
		fail(x, now);
}

void xhci_turn(struct xhci *x, u64 now)
{
	go_on(x, now);
	if (now < x->ports_next)
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
