/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* An xHCI controller and the keyboards and mice at its own ports and behind hubs. Names are those of "eXtensible Host Controller
 * Interface for USB 1.2"; sections are cited by title. Memory that the controller reads or writes is ours and stays
 * ours; what it writes is copied, then checked. Nothing waits but xhci_open(). Boot core, then control core. */

#include <hv/pci.h>
#include <hv/types.h>

#include "hid.h"

#define XHCI_PORTS_MAX 64u
#define XHCI_SLOTS_MAX 12u		/* devices that can be driven at a time, hubs among them */
#define XHCI_CHILDREN_MAX 32u		/* ports of hubs */
#define XHCI_CHILD (XHCI_PORTS_MAX + 1)	/* where they begin in port[] */
#define XHCI_DEPTH_MAX 5u		/* hubs in a row */
#define XHCI_RING 256u			/* TRBs in a page; the last one of a ring of ours leads back to the first */
#define XHCI_REPORTS 4u			/* interrupt transfers under way for each keyboard */
#define XHCI_DATA_BYTES 512u		/* for descriptors */

struct xhci_trb {
	u64 parameter;
	u32 status, control;
};

/* "Transfer Ring", "Command Ring": written by us, read by the controller. */
struct xhci_ring {
	struct xhci_trb *trb;
	u64 hpa;
	u32 at, cycle;
};

/* "TRB Types" (6.4.6), "TRB Completion Codes" (6.4.5). */
enum { TRB_NORMAL = 1, TRB_SETUP = 2, TRB_DATA = 3, TRB_STATUS = 4, TRB_LINK = 6, TRB_ENABLE_SLOT = 9, TRB_DISABLE_SLOT = 10,
	TRB_ADDRESS_DEVICE = 11, TRB_CONFIGURE_ENDPOINT = 12, TRB_EVALUATE_CONTEXT = 13, TRB_TRANSFER_EVENT = 32,
	TRB_COMMAND_EVENT = 33, TRB_PORT_EVENT = 34 };
enum { DONE_SUCCESS = 1, DONE_STALL = 6, DONE_SHORT = 13 };

enum xhci_step { STEP_NONE, STEP_RESET, STEP_RECOVER, STEP_SLOT, STEP_ADDRESS, STEP_DEVICE, STEP_PACKET, STEP_CONFIG,
	STEP_ENDPOINT, STEP_SET_CONFIG, STEP_SET_PROTOCOL, STEP_SET_IDLE, STEP_DISABLE,
	/* Of a hub that is set up, and of a port of one. */
	STEP_HUB_CONFIG, STEP_HUB_DESCRIPTOR, STEP_HUB_CONTEXT, STEP_HUB_DEPTH, STEP_HUB_POWER, STEP_HUB_STATUS, STEP_HUB_CLEAR,
	STEP_HUB_RESET, STEP_HUB_RESETTING, STEP_HUB_RESET_STATUS, STEP_HUB_RESET_CLEAR };

enum xhci_port_state { PORT_EMPTY, PORT_NEW, PORT_BUSY, PORT_KEYBOARD, PORT_MOUSE, PORT_HUB, PORT_OTHER, PORT_FAILED };

struct xhci_port {
	u8 state;			/* enum xhci_port_state */
	u8 slot;			/* 0: none */
	u8 tries;			/* since something was plugged in */
	u8 hub, number;			/* of a hub's: that one's slot (0: this place is free), and which of its ports */
	u64 since;			/* TSC of the connection */
};

/* What a slot needs; index is its number, 0 is not used. */
struct xhci_device {
	u8 *context, *input;		/* a page each; the controller writes the first one */
	u8 *data;			/* a page: XHCI_DATA_BYTES for descriptors, then the reports */
	struct xhci_ring control, in;
	u8 port, speed;			/* port: in xhci.port[] */
	u8 root;			/* port of the controller's that it is behind */
	u8 depth, ports;		/* hubs above it; ports, of a hub */
	u8 tt_slot, tt_port;		/* the high-speed hub that speaks for a slower device */
	u32 route;			/* "Route String" */
	u8 dci;				/* of the interrupt endpoint; 0: not running */
	struct hid_found found;
	struct hid_keyboard keyboard;
};

struct xhci {
	struct host_pci *pci;
	volatile u8 *cap, *op, *run, *bell;
	u64 size;			/* of the BAR */
	u32 ports, slots, context_size;
	bool dead;			/* it reported an error of its own, or vanished */
	struct xhci_ring command;
	struct xhci_trb *event;
	u64 event_hpa;
	u32 event_at, event_cycle;
	u64 *base_array;		/* "Device Context Base Address Array" */
	struct xhci_port port[XHCI_CHILD + XHCI_CHILDREN_MAX];
	struct xhci_device device[XHCI_SLOTS_MAX + 1];
	/* One port is brought up at a time. */
	struct {
		u8 step;		/* enum xhci_step */
		u8 port, slot;
		u8 talk;		/* slot whose endpoint 0 was spoken to last */
		u8 speed;		/* of the device there */
		u8 count;		/* of what a step repeats */
		u64 until;		/* TSC: given up then, or gone on (STEP_RECOVER) */
		u64 waits_for;		/* address of the TRB whose event goes on */
	} up;
	u64 ports_next;			/* TSC of the next look at the ports */
	u64 hubs_next;			/* likewise at a port of a hub */
	u32 child_at;			/* which */
	u32 keyboards, mice, hubs;
	u64 reports, errors;
};

/* Take it from firmware, reset it, give it memory, let it run. false: why says it. Boot core; waits are bounded. */
bool xhci_open(struct xhci *x, const char **why);

/* Rings: xhci_ring.c. Add a TRB (its cycle bit is set here); returns its address. */
void xhci_ring_init(struct xhci_ring *r, struct xhci_trb *page);
u64 xhci_ring_add(struct xhci_ring *r, u64 parameter, u32 status, u32 control);

/* Tell the controller that slot's ring (dci; 0 and 0: the command ring) has more. */
void xhci_ring_bell(struct xhci *x, u32 slot, u32 dci);

/* The next event, copied; false: none. Then say how far we are. */
bool xhci_event_get(struct xhci *x, struct xhci_trb *event);
void xhci_event_done(struct xhci *x);

/* Look after ports for a turn: xhci_port.c; after devices: xhci_device.c. */
void xhci_turn(struct xhci *x, u64 now);
void xhci_event(struct xhci *x, const struct xhci_trb *event, u64 now);

static inline bool xhci_is_driven(u8 state)
{
	return state == PORT_KEYBOARD || state == PORT_MOUSE || state == PORT_HUB;
}

/* Between xhci_device.c, xhci_port.c and xhci_hub.c. Go on to a step, which ends when the TRB at waits_for (0: none) is done. */
void xhci_step(struct xhci *x, enum xhci_step to, u64 waits_for, u64 now);

/* A command; a control transfer with a slot's device. Both return the address of the TRB whose event ends it. */
u64 xhci_command(struct xhci *x, u64 parameter, u32 type, u32 slot);
u64 xhci_control(struct xhci *x, u32 slot, u64 setup);

/* Begin the input context of a command: which contexts it changes; then the slot's own. */
void xhci_input_begin(struct xhci_device *d, u32 add);
void xhci_input_slot(const struct xhci *x, struct xhci_device *d, u32 last_dci);

/* The device of this step is done, or given up. */
void xhci_finish(struct xhci *x, enum xhci_port_state state, u64 now);
void xhci_fail(struct xhci *x, u64 now);

/* The slot of up.slot is free again, its command done or not. */
void xhci_slot_gone(struct xhci *x);

/* What to do about a port, of the controller's or of a hub, whose status is known. */
void xhci_judge(struct xhci *x, u32 port, bool connected, bool enabled, u64 now);

/* A device that turned out to be a hub (its descriptors are read). A step of a hub ended well. true: it was one. A turn. */
void xhci_hub_begin(struct xhci *x, u64 now);
bool xhci_hub_advance(struct xhci *x, u64 now);
void xhci_hub_turn(struct xhci *x, u64 now);

/* The hub of up.port does not answer about it: it is set up anew, if it is still there. */
void xhci_hub_failed(struct xhci *x);

/* Reset the port of a hub that holds up.port. The wait for that is over. */
void xhci_hub_bring_up(struct xhci *x, u64 now);
void xhci_hub_look_at_reset(struct xhci *x, u64 now);

/* A port behind the hub in this slot that still has a device; 0: none, and its places are free again. */
u32 xhci_hub_leave(struct xhci *x, u32 slot);

enum { SPEED_FULL = 1, SPEED_LOW = 2, SPEED_HIGH = 3, SPEED_SUPER = 4 };
enum { REQUEST_STATUS = 0, REQUEST_CLEAR = 1, REQUEST_SET = 3, REQUEST_DESCRIPTOR = 6, REQUEST_CONFIG = 9, REQUEST_DEPTH = 12 };
#define SETUP(type, request, value, index, length) \
	((u64)(type) | (u64)(request) << 8 | (u64)(value) << 16 | (u64)(index) << 32 | (u64)(length) << 48)

static inline u32 xhci_read(volatile u8 *base, u32 off) { return *(volatile u32 *)(volatile void *)(base + off); }
static inline void xhci_write(volatile u8 *base, u32 off, u32 val) { *(volatile u32 *)(volatile void *)(base + off) = val; }

/* Operational registers. */
enum { OP_COMMAND = 0x00, OP_STATUS = 0x04, OP_PAGESIZE = 0x08, OP_CRCR = 0x18, OP_DCBAAP = 0x30, OP_CONFIG = 0x38 };
#define OP_PORTSC(n) (0x400u + 0x10u * ((n) - 1))
enum { PORT_CONNECTED = 1, PORT_ENABLED = 2, PORT_RESET = 0x10, PORT_POWER = 0x200, PORT_KEEP = 0x0e00c3e0,
	PORT_RESET_CHANGED = 0x200000, PORT_CHANGES = 0xfe0000 };
