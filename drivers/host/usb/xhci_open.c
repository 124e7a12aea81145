/* SPDX-License-Identifier: Apache-2.0 */
/* From firmware's hands to a running controller: "Host Controller Initialization" (4.2). */
#include <hv/lib.h>
#include <hv/pool.h>

#include "xhci.h"

enum { CAP_LENGTH = 0x00, CAP_PARAMS1 = 0x04, CAP_PARAMS2 = 0x08, CAP_CAPS1 = 0x10, CAP_DBOFF = 0x14, CAP_RTSOFF = 0x18 };
#define CAPS_WIDE 1u			/* 64-bit addresses */
#define CAPS_CONTEXT_64 4u
#define CAPS_PORT_POWER 8u
#define COMMAND_RUN 1u
#define COMMAND_RESET 2u
#define COMMAND_INTERRUPTS 4u
#define STATUS_HALTED 1u
#define STATUS_NOT_READY 0x800u
#define EXTENDED_LEGACY 1u
#define EXTENDED_MAX 64u		/* a longer list is a loop */
#define LEGACY_FIRMWARE BIT32(16)
#define LEGACY_OURS BIT32(24)
#define LEGACY_KEEP 0x000e1feeu		/* "USBLEGCTLSTS": reserved bits; the SMI enables are not in it */
#define LEGACY_EVENTS 0xe0000000u	/* written as ones: forgotten */
#define RUN_IMAN 0x20u
#define RUN_IMOD 0x24u
#define RUN_ERSTSZ 0x28u
#define RUN_ERSTBA 0x30u
#define SCRATCH_MAX 1023u

static bool wait_bits(volatile u8 *base, u32 off, u32 mask, u32 want, u32 ms)
{
	for (u32 i = 0; i < ms * 10; i++) {
		u32 val = xhci_read(base, off);

		if (val == ~0u)
			return false;
		if ((val & mask) == want)
			return true;
		wait_us(100);
	}
	return false;
}

/* "USB Legacy Support Capability" (7.1). Firmware that does not let go within a second is told so; its SMIs are switched off
 * in any case, as they would go on driving the controller under us. */
static void take_from_firmware(struct xhci *x, u32 at)
{
	xhci_write(x->cap, at, xhci_read(x->cap, at) | LEGACY_OURS);
	if (!wait_bits(x->cap, at, LEGACY_FIRMWARE, 0, 1000))
		xhci_write(x->cap, at, (xhci_read(x->cap, at) | LEGACY_OURS) & ~LEGACY_FIRMWARE);
	xhci_write(x->cap, at + 4, (xhci_read(x->cap, at + 4) & LEGACY_KEEP) | LEGACY_EVENTS);
}

static void walk_extended(struct xhci *x)
{
	u64 at = (xhci_read(x->cap, CAP_CAPS1) >> 16) * 4ul;

	for (u32 i = 0; i < EXTENDED_MAX && at && at + 8 <= x->size; i++) {
		u32 head = xhci_read(x->cap, (u32)at);

		if ((head & 0xff) == EXTENDED_LEGACY)
			take_from_firmware(x, (u32)at);
		if (!(head >> 8 & 0xff))
			return;
		at += (head >> 8 & 0xff) * 4ul;
	}
}

/* Where the groups of registers are; all of what we use must lie in the BAR. */
static bool find_registers(struct xhci *x)
{
	u32 params = xhci_read(x->cap, CAP_PARAMS1), length = xhci_read(x->cap, CAP_LENGTH) & 0xff;
	u64 bell = xhci_read(x->cap, CAP_DBOFF) & ~3ul, run = xhci_read(x->cap, CAP_RTSOFF) & ~31ul;

	x->ports = MIN(params >> 24, XHCI_PORTS_MAX);
	x->slots = MIN(params & 0xff, XHCI_SLOTS_MAX);
	x->op = x->cap + length;
	x->bell = x->cap + bell;
	x->run = x->cap + run;
	x->context_size = xhci_read(x->cap, CAP_CAPS1) & CAPS_CONTEXT_64 ? 64 : 32;
	return x->ports && x->slots && length >= 0x20 && !(length & 3) && length + OP_PORTSC(x->ports + 1) <= x->size &&
		bell + 4 * (XHCI_SLOTS_MAX + 1) <= x->size && run + 0x40 <= x->size;
}

static bool reset(struct xhci *x)
{
	xhci_write(x->op, OP_COMMAND, xhci_read(x->op, OP_COMMAND) & ~COMMAND_RUN);
	if (!wait_bits(x->op, OP_STATUS, STATUS_HALTED, STATUS_HALTED, 50))
		return false;
	xhci_write(x->op, OP_COMMAND, COMMAND_RESET);
	wait_us(1000);		/* some answer nothing in the first moment */
	return wait_bits(x->op, OP_COMMAND, COMMAND_RESET, 0, 1000) && wait_bits(x->op, OP_STATUS, STATUS_NOT_READY, 0, 1000);
}

static void write_wide(volatile u8 *base, u32 off, u64 val)
{
	xhci_write(base, off, (u32)val);
	xhci_write(base, off + 4, (u32)(val >> 32));
}

/* "Scratchpad Buffers" (4.20): pages that the controller wants for itself. */
static bool give_scratchpad(struct xhci *x)
{
	u32 params = xhci_read(x->cap, CAP_PARAMS2), count = (params >> 21 & 31) << 5 | params >> 27;
	u64 *list;
	u8 *pages;

	if (!count)
		return true;
	if (count > PAGE_SIZE / sizeof(u64) || count > SCRATCH_MAX)
		return false;
	list = pool_alloc(1, POOL_OTHER);
	pages = pool_alloc(count, POOL_OTHER);
	if (!list || !pages)
		return false;
	for (u32 i = 0; i < count; i++)
		list[i] = pool_hpa(pages + i * PAGE_SIZE).v;
	x->base_array[0] = pool_hpa(list).v;
	return true;
}

static bool device_memory(struct xhci_device *d)
{
	u8 *pages = pool_alloc(5, POOL_OTHER);

	if (!pages)
		return false;
	d->context = pages;
	d->input = pages + PAGE_SIZE;
	d->data = pages + 2 * PAGE_SIZE;
	d->control.trb = (struct xhci_trb *)(void *)(pages + 3 * PAGE_SIZE);
	d->in.trb = (struct xhci_trb *)(void *)(pages + 4 * PAGE_SIZE);
	return true;
}

/* Everything that the controller will ever reach of our memory. */
static bool give_memory(struct xhci *x)
{
	u8 *pages = pool_alloc(4, POOL_OTHER);
	u64 *segments;

	if (!pages)
		return false;
	x->base_array = (u64 *)(void *)pages;
	xhci_ring_init(&x->command, (struct xhci_trb *)(void *)(pages + PAGE_SIZE));
	x->event = (struct xhci_trb *)(void *)(pages + 2 * PAGE_SIZE);
	x->event_hpa = pool_hpa(x->event).v;
	x->event_cycle = 1;
	segments = (u64 *)(void *)(pages + 3 * PAGE_SIZE);
	segments[0] = x->event_hpa;
	segments[1] = XHCI_RING;
	for (u32 i = 1; i <= x->slots; i++)
		if (!device_memory(&x->device[i]))
			return false;
	if (!give_scratchpad(x))
		return false;
	write_wide(x->op, OP_DCBAAP, pool_hpa(x->base_array).v);
	write_wide(x->op, OP_CRCR, x->command.hpa | 1);
	xhci_write(x->op, OP_CONFIG, x->slots);
	xhci_write(x->run, RUN_ERSTSZ, 1);
	xhci_event_done(x);
	write_wide(x->run, RUN_ERSTBA, pool_hpa(segments).v);
	return true;
}

static bool addresses_fit(const struct xhci *x)
{
	return xhci_read(x->cap, CAP_CAPS1) & CAPS_WIDE || pool_is_low();
}

bool xhci_open(struct xhci *x, const char **why)
{
	if (xhci_read(x->cap, 0) == ~0u || !find_registers(x)) {
		*why = "its registers make no sense";
		return false;
	}
	walk_extended(x);
	*why = "it does not reset";
	if (!wait_bits(x->op, OP_STATUS, STATUS_NOT_READY, 0, 1000) || !reset(x))
		return false;
	*why = "it reaches only memory below 4 GiB, and ours is above";
	if (!addresses_fit(x))
		return false;
	*why = "no memory for it";
	pci_set_master(x->pci, true);	/* it may read the event ring's segments at once */
	if (!(xhci_read(x->op, OP_PAGESIZE) & 1) || !give_memory(x))
		return false;
	xhci_write(x->run, RUN_IMOD, 4000);	/* in 250 ns: a message a millisecond at most */
	xhci_write(x->run, RUN_IMAN, 3);
	xhci_write(x->op, OP_COMMAND, COMMAND_RUN | COMMAND_INTERRUPTS);
	*why = "it does not run";
	if (!wait_bits(x->op, OP_STATUS, STATUS_HALTED, 0, 50))
		return false;
	for (u32 i = 1; i <= x->ports && xhci_read(x->cap, CAP_CAPS1) & CAPS_PORT_POWER; i++)
		xhci_write(x->op, OP_PORTSC(i), (xhci_read(x->op, OP_PORTSC(i)) & PORT_KEEP) | PORT_POWER);
	return true;
}
