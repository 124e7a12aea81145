/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* An xHCI controller and the keyboards at its own ports. Names are those of "eXtensible Host Controller Interface for USB
 * 1.2"; sections are cited by title. Memory that the controller reads or writes is ours and stays ours; what it writes is
 * copied, then checked. Nothing waits but xhci_open(). Boot core, then control core. */

#include <hv/pci.h>
#include <hv/types.h>

#include "hid.h"

#define XHCI_PORTS_MAX 64u
#define XHCI_SLOTS_MAX 8u		/* devices that can be driven at a time */
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
	STEP_ENDPOINT, STEP_SET_CONFIG, STEP_SET_PROTOCOL, STEP_SET_IDLE, STEP_DISABLE };

enum xhci_port_state { PORT_EMPTY, PORT_NEW, PORT_BUSY, PORT_KEYBOARD, PORT_HUB, PORT_OTHER, PORT_FAILED };

struct xhci_port {
	u8 state;			/* enum xhci_port_state */
	u8 slot;			/* 0: none */
	u8 tries;			/* since something was plugged in */
	u64 since;			/* TSC of the connection */
};

/* What a slot needs; index is its number, 0 is not used. */
struct xhci_device {
	u8 *context, *input;		/* a page each; the controller writes the first one */
	u8 *data;			/* a page: XHCI_DATA_BYTES for descriptors, then the reports */
	struct xhci_ring control, in;
	u8 port, speed;
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
	struct xhci_port port[XHCI_PORTS_MAX + 1];
	struct xhci_device device[XHCI_SLOTS_MAX + 1];
	/* One port is brought up at a time. */
	struct {
		u8 step;		/* enum xhci_step */
		u8 port, slot;
		u64 until;		/* TSC: given up then, or gone on (STEP_RECOVER) */
		u64 waits_for;		/* address of the TRB whose event goes on */
	} up;
	u64 ports_next;			/* TSC of the next look at the ports */
	u32 keyboards;
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

/* Look after ports and devices for a turn: xhci_device.c. */
void xhci_turn(struct xhci *x, u64 now);
void xhci_event(struct xhci *x, const struct xhci_trb *event, u64 now);

static inline u32 xhci_read(volatile u8 *base, u32 off) { return *(volatile u32 *)(volatile void *)(base + off); }
static inline void xhci_write(volatile u8 *base, u32 off, u32 val) { *(volatile u32 *)(volatile void *)(base + off) = val; }

/* Operational registers. */
enum { OP_COMMAND = 0x00, OP_STATUS = 0x04, OP_PAGESIZE = 0x08, OP_CRCR = 0x18, OP_DCBAAP = 0x30, OP_CONFIG = 0x38 };
#define OP_PORTSC(n) (0x400u + 0x10u * ((n) - 1))
enum { PORT_CONNECTED = 1, PORT_ENABLED = 2, PORT_RESET = 0x10, PORT_POWER = 0x200, PORT_KEEP = 0x0e00c3e0,
	PORT_RESET_CHANGED = 0x200000, PORT_CHANGES = 0xfe0000 };
