/* SPDX-License-Identifier: Apache-2.0 */
/* From a plugged-in device to the reports of a keyboard or mouse: "Device Initialization" (4.3), one port at a time, a step
 * for each event. What the device says (descriptors, reports) and what the controller says (events) is checked. */
#include <hv/atomic.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>

#include "xhci.h"

#define MS 1000000ul			/* in ns */
#define STEP_NS (1000 * MS)
#define REPORT_AT 1024u			/* in device.data */

enum { ENDPOINT_CONTROL = 4, ENDPOINT_INTERRUPT_IN = 7 };
enum { HID_IDLE = 10, HID_PROTOCOL = 11 };
#define TRB_TYPE(control) ((control) >> 10 & 63)
#define TRB_CODE(status) ((status) >> 24)
#define TRB_SLOT(control) ((control) >> 24)

static struct xhci_device *up_device(struct xhci *x)
{
	return &x->device[x->up.slot];
}

void xhci_step(struct xhci *x, enum xhci_step to, u64 waits_for, u64 now)
{
	x->up.step = (u8)to;
	x->up.waits_for = waits_for;
	x->up.until = now + ns_to_ticks(STEP_NS);
}

u64 xhci_command(struct xhci *x, u64 parameter, u32 type, u32 slot)
{
	u64 at = xhci_ring_add(&x->command, parameter, 0, type << 10 | slot << 24);

	xhci_ring_bell(x, 0, 0);
	return at;
}

/* "Control Transfers" (4.11.2.2): setup, data towards us if any, status. Returns the address of the last TRB. */
u64 xhci_control(struct xhci *x, u32 slot, u64 setup)
{
	struct xhci_device *d = &x->device[slot];
	u32 length = (u32)(setup >> 48);
	u64 at;

	x->up.talk = (u8)slot;
	memset(d->data, 0, XHCI_DATA_BYTES);
	xhci_ring_add(&d->control, setup, 8, TRB_SETUP << 10 | 1u << 6 | (length ? 3u << 16 : 0));
	if (length)
		xhci_ring_add(&d->control, pool_hpa(d->data).v, length, TRB_DATA << 10 | 1u << 16);
	at = xhci_ring_add(&d->control, 0, 0, TRB_STATUS << 10 | (length ? 0 : 1u << 16) | 1u << 5);
	xhci_ring_bell(x, slot, 1);
	return at;
}

/* Contexts: a word of the slot's, or of an endpoint's, behind the input control context. */
static u32 *input_word(const struct xhci *x, struct xhci_device *d, u32 dci, u32 word)
{
	return (u32 *)(void *)(d->input + (dci + 1) * x->context_size) + word;
}

void xhci_input_begin(struct xhci_device *d, u32 add)
{
	memset(d->input, 0, PAGE_SIZE);
	((u32 *)(void *)d->input)[1] = add;
}

void xhci_input_slot(const struct xhci *x, struct xhci_device *d, u32 last_dci)
{
	*input_word(x, d, 0, 0) = d->route | (u32)d->speed << 20 | (d->ports ? 1u << 26 : 0) | last_dci << 27;
	*input_word(x, d, 0, 1) = (u32)d->root << 16 | (u32)d->ports << 24;
	*input_word(x, d, 0, 2) = d->tt_slot | (u32)d->tt_port << 8;
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

/* Over: the slot is given back unless somebody lives there. */
void xhci_finish(struct xhci *x, enum xhci_port_state state, u64 now)
{
	struct xhci_port *port = &x->port[x->up.port];

	port->state = (u8)state;
	if (xhci_is_driven((u8)state) || !x->up.slot) {
		x->up.step = STEP_NONE;
		return;
	}
	port->slot = 0;
	xhci_step(x, STEP_DISABLE, xhci_command(x, 0, TRB_DISABLE_SLOT, x->up.slot), now);
}

void xhci_fail(struct xhci *x, u64 now)
{
	x->errors++;
	log_info("xhci: port %u: step %u failed", x->up.port, x->up.step);
	xhci_finish(x, PORT_FAILED, now);
}

/* Where the device is: "Route String", "TT Hub Slot ID" (6.2.2). */
static void place(struct xhci *x, struct xhci_device *d)
{
	const struct xhci_port *p = &x->port[d->port];
	const struct xhci_device *hub = &x->device[p->hub];

	d->ports = d->depth = d->tt_slot = d->tt_port = 0;
	d->route = 0;
	d->root = d->port;
	d->speed = x->up.speed;
	if (!p->hub)
		return;
	d->depth = hub->depth + 1;
	d->root = hub->root;
	d->route = hub->route | (u32)p->number << 4 * hub->depth;
	d->tt_slot = hub->tt_slot;
	d->tt_port = hub->tt_port;
	if (hub->speed == SPEED_HIGH && d->speed < SPEED_HIGH) {
		d->tt_slot = p->hub;
		d->tt_port = p->number;
	}
}

static void slot_begin(struct xhci *x, u32 slot, u64 now)
{
	struct xhci_device *d = slot <= x->slots ? &x->device[slot] : NULL;
	u32 packet;

	if (!slot || !d || d->port) {
		xhci_fail(x, now);
		return;
	}
	x->up.slot = (u8)slot;
	x->port[x->up.port].slot = (u8)slot;
	d->port = x->up.port;
	d->dci = 0;
	place(x, d);
	memset(&d->keyboard, 0, sizeof(d->keyboard));
	memset(d->context, 0, PAGE_SIZE);
	xhci_ring_init(&d->control, d->control.trb);
	xhci_ring_init(&d->in, d->in.trb);
	x->base_array[slot] = pool_hpa(d->context).v;
	packet = d->speed >= SPEED_SUPER ? 512 : d->speed == SPEED_HIGH ? 64 : 8;
	xhci_input_begin(d, 3);
	xhci_input_slot(x, d, 1);
	input_endpoint(x, d, 1, ENDPOINT_CONTROL, packet, 0);
	xhci_step(x, STEP_ADDRESS, xhci_command(x, pool_hpa(d->input).v, TRB_ADDRESS_DEVICE, slot), now);
}

static void ask_config(struct xhci *x, u64 now)
{
	xhci_step(x, STEP_CONFIG, xhci_control(x, x->up.slot, SETUP(0x80, REQUEST_DESCRIPTOR, 0x200, 0, XHCI_DATA_BYTES)), now);
}

/* Eight bytes of the device descriptor tell how large a packet of endpoint 0 may be; only full speed leaves a choice. */
static void device_known(struct xhci *x, u64 now)
{
	struct xhci_device *d = up_device(x);
	u8 packet = d->data[7];

	if (d->speed == SPEED_FULL && packet != 8 && packet <= 64 && packet >= 8) {
		xhci_input_begin(d, 2);
		input_endpoint(x, d, 1, ENDPOINT_CONTROL, packet, 0);
		xhci_step(x, STEP_PACKET, xhci_command(x, pool_hpa(d->input).v, TRB_EVALUATE_CONTEXT, x->up.slot), now);
		return;
	}
	ask_config(x, now);
}

static void config_known(struct xhci *x, u64 now)
{
	struct xhci_device *d = up_device(x);
	u8 copy[XHCI_DATA_BYTES];

	memcpy(copy, d->data, sizeof(copy));
	if (!hid_find(copy, sizeof(copy), &d->found)) {
		if (d->found.hub)
			xhci_hub_begin(x, now);
		else
			xhci_finish(x, PORT_OTHER, now);
		return;
	}
	d->dci = (u8)(2 * d->found.endpoint + 1);
	xhci_input_begin(d, 1 | 1u << d->dci);
	xhci_input_slot(x, d, d->dci);
	input_endpoint(x, d, d->dci, ENDPOINT_INTERRUPT_IN, d->found.packet, interval_of(d));
	xhci_step(x, STEP_ENDPOINT, xhci_command(x, pool_hpa(d->input).v, TRB_CONFIGURE_ENDPOINT, x->up.slot), now);
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

/* From here on its port has a slot: only what is driven keeps one. */
static void reports_run(struct xhci *x, u64 now)
{
	struct xhci_device *d = up_device(x);

	for (u32 i = 0; i < XHCI_REPORTS; i++)
		report_ask(d);
	xhci_ring_bell(x, x->up.slot, d->dci);
	*(d->found.mouse ? &x->mice : &x->keyboards) += 1;
	log_info("xhci: port %u: %s in slot %u", x->up.port, d->found.mouse ? "mouse" : "keyboard", x->up.slot);
	xhci_finish(x, d->found.mouse ? PORT_MOUSE : PORT_KEYBOARD, now);
}

void xhci_slot_gone(struct xhci *x)
{
	struct xhci_device *d = up_device(x);

	x->base_array[x->up.slot] = 0;
	if (d->ports)
		xhci_hub_leave(x, x->up.slot);
	d->ports = 0;
	d->port = d->dci = 0;
	x->up.step = STEP_NONE;
}

/* The step's own event came with success: the next one. */
static void advance(struct xhci *x, u32 slot, u64 now)
{
	struct xhci_device *d = up_device(x);
	u8 interface = d->found.interface;

	if (xhci_hub_advance(x, now))
		return;
	switch (x->up.step) {
	case STEP_SLOT:
		slot_begin(x, slot, now);
		break;
	case STEP_ADDRESS:
		xhci_step(x, STEP_DEVICE, xhci_control(x, x->up.slot, SETUP(0x80, REQUEST_DESCRIPTOR, 0x100, 0, 8)), now);
		break;
	case STEP_DEVICE:
		device_known(x, now);
		break;
	case STEP_PACKET:
		ask_config(x, now);
		break;
	case STEP_CONFIG:
		config_known(x, now);
		break;
	case STEP_ENDPOINT:
		xhci_step(x, STEP_SET_CONFIG, xhci_control(x, x->up.slot, SETUP(0, REQUEST_CONFIG, d->found.config, 0, 0)), now);
		break;
	case STEP_SET_CONFIG:
		xhci_step(x, STEP_SET_PROTOCOL, xhci_control(x, x->up.slot, SETUP(0x21, HID_PROTOCOL, 0, interface, 0)), now);
		break;
	case STEP_SET_PROTOCOL:
		xhci_step(x, STEP_SET_IDLE, xhci_control(x, x->up.slot, SETUP(0x21, HID_IDLE, 0, interface, 0)), now);
		break;
	case STEP_SET_IDLE:
		reports_run(x, now);
		break;
	case STEP_DISABLE:
		xhci_slot_gone(x);
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
		xhci_slot_gone(x);
	else if (x->up.step >= STEP_HUB_STATUS)
		xhci_hub_failed(x);
	else
		xhci_fail(x, now);
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
	if (d->found.mouse)
		hid_mouse_report(copy, HID_REPORT - left);
	else
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
		if (dci == x->device[slot].dci && xhci_is_driven(x->port[x->device[slot].port].state))
			report_event(x, e);
		return;
	}
	/* An error in the middle of a control transfer names the TRB that it met. */
	if (x->up.step != STEP_NONE && (e->parameter == x->up.waits_for ||
	    (type == TRB_TRANSFER_EVENT && slot == x->up.talk && TRB_CODE(e->status) != DONE_SUCCESS &&
	     TRB_CODE(e->status) != DONE_SHORT)))
		up_event(x, e, now);
}
