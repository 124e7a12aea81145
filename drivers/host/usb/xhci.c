/* SPDX-License-Identifier: Apache-2.0 */
/* The driver as drivers.c sees it: xHCI controllers, of which some machines have several. */
#include <hv/core.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>

#include "../drivers.h"
#include "xhci.h"

#define OP_ERRORS 0x1004u	/* "USBSTS": HSE, HCE */
#define STATUS_EVENT 8u
#define RUN_IMAN 0x20u
#define EVENTS_A_TURN 64u

static int xhci_probe(struct host_pci *p)
{
	struct xhci *x = pool_alloc(ALIGN_UP(sizeof(*x), PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	const char *why = "no memory for it";

	if (x) {
		why = "its registers cannot be mapped";
		x->pci = p;
		x->cap = pci_map_bar(p, 0, 0x1000);
		x->size = p->bar[0].size;
		pci_set_master(p, false);
	}
	if (!x || !x->cap || !xhci_open(x, &why)) {
		str_copy(p->why, sizeof(p->why), why);
		return -E_NODEV;
	}
	pci_prepare_messages(p);
	p->state = x;
	log_info("xhci: %02x:%02x.%u: %u ports", p->bdf >> 8, p->bdf >> 3 & 31, p->bdf & 7, x->ports);
	return 0;
}

/* Without messages the event loop's own rhythm must do. */
static void xhci_start(struct host_pci *p)
{
	pci_messages_on(p, core_table[control_core].apic_id);
}

/* The bits that tell of an event are cleared before the events are read: one that comes later sends another message. */
static void xhci_poll(struct host_pci *p, u64 now)
{
	struct xhci *x = p->state;
	struct xhci_trb event;
	u32 n = 0;

	if (x->dead)
		return;
	while (n < EVENTS_A_TURN && xhci_event_get(x, &event)) {
		if (!n++) {
			xhci_write(x->op, OP_STATUS, STATUS_EVENT);
			xhci_write(x->run, RUN_IMAN, 3);
		}
		xhci_event(x, &event, now);
	}
	if (n)
		xhci_event_done(x);
	xhci_turn(x, now);
}

static void xhci_describe(const struct host_pci *p, char *to, size_t size)
{
	static const char *const word[] = { [PORT_NEW] = "new", [PORT_BUSY] = "being set up", [PORT_KEYBOARD] = "keyboard",
		[PORT_MOUSE] = "mouse", [PORT_HUB] = "hub", [PORT_OTHER] = "no keyboard", [PORT_FAILED] = "failed" };
	const struct xhci *x = p->state;
	char *end = to + size;

	to += fmt_print(to, size, "%u ports, %s%s", x->ports, x->dead ? "stopped with an error" : "runs",
			p->message_kind == PCI_CAP_MSIX ? ", MSI-X" : p->message_kind ? ", MSI" : ", polled");
	for (u32 i = 1; i <= x->ports && to + 32 < end; i++)
		if (x->port[i].state != PORT_EMPTY)
			to += fmt_print(to, (size_t)(end - to), "; port %u: %s", i, word[x->port[i].state]);
	for (u32 i = XHCI_CHILD; i < XHCI_CHILD + XHCI_CHILDREN_MAX && to + 48 < end; i++)
		if (x->port[i].hub && x->port[i].state != PORT_EMPTY)
			to += fmt_print(to, (size_t)(end - to), "; port %u.%u: %s", x->device[x->port[i].hub].root,
					x->port[i].number, word[x->port[i].state]);
}

const struct host_driver xhci_driver = {
	.name = "xhci", .class_code = 0x0c0330, .class_mask = 0xffffff,
	.probe = xhci_probe, .start = xhci_start, .poll = xhci_poll, .describe = xhci_describe,
};
