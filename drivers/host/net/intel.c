/* SPDX-License-Identifier: Apache-2.0 */
/* Intel's gigabit cards as drivers.c sees them. */
#include <hv/control_work.h>
#include <hv/core.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/pool.h>
#include <hv/time.h>

#include "../drivers.h"
#include "intel.h"

#define INTEL 0x8086
#define LOOK_NS 250000000ul
#define POLLED_NS 500000ul

static const struct intel_chip chip[] = {
	{ 0x100e, INTEL_E1000, "e1000 82540EM" },
	{ 0x1015, INTEL_E1000, "e1000 82540EM" },
	{ 0x100f, INTEL_E1000, "e1000 82545EM" },
	{ 0x1026, INTEL_E1000, "e1000 82545GM" },
	{ 0x10d3, INTEL_E1000E, "e1000e 82574L" },
	{ 0x10f6, INTEL_E1000E, "e1000e 82574LA" },
	{ 0x10c9, INTEL_IGB, "igb 82576" },
	{ 0x1521, INTEL_IGB, "igb I350" },
	{ 0x1533, INTEL_IGB, "igb I210" },
	{ 0x157b, INTEL_IGB, "igb I210" },
	{ 0x1539, INTEL_IGB, "igb I211" },
};

static const u32 ids[] = {
	PCI_DEVICE(INTEL, 0x100e), PCI_DEVICE(INTEL, 0x1015), PCI_DEVICE(INTEL, 0x100f), PCI_DEVICE(INTEL, 0x1026),
	PCI_DEVICE(INTEL, 0x10d3), PCI_DEVICE(INTEL, 0x10f6),
	PCI_DEVICE(INTEL, 0x10c9), PCI_DEVICE(INTEL, 0x1521), PCI_DEVICE(INTEL, 0x1533), PCI_DEVICE(INTEL, 0x157b),
	PCI_DEVICE(INTEL, 0x1539), 0,
};

static const struct intel_format *const format[] = { [INTEL_E1000] = &intel_format_e1000,
	[INTEL_E1000E] = &intel_format_e1000e, [INTEL_IGB] = &intel_format_igb };

static void set_promiscuous(struct netdev *n, bool on)
{
	struct intel *c = n->driver;

	c->promiscuous = on;
	intel_set_filters(c);
}

static void set_vlans(struct netdev *n, const u64 *vlans)
{
	struct intel *c = n->driver;

	c->filtering = vlans;
	if (vlans)
		memcpy(c->vlan, vlans, sizeof(c->vlan));
	intel_set_filters(c);
}

static void reset_asked_for(struct netdev *n)
{
	struct intel *c = n->driver;

	c->reset_asked_for = true;
}

static const struct netdev_ops intel_ops = { .send = intel_send, .kick = intel_kick, .promiscuous = set_promiscuous,
	.vlan_filter = set_vlans, .reset = reset_asked_for };

static bool get_memory(struct intel *c)
{
	u64 buffers = (INTEL_RX + INTEL_TX) * INTEL_BUFFER, rings = (INTEL_RX + INTEL_TX) * sizeof(struct intel_desc);
	u8 *buffer = pool_alloc(ALIGN_UP(buffers, PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	struct intel_desc *ring = pool_alloc(ALIGN_UP(rings, PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);

	if (!buffer || !ring)
		return false;
	c->rx.desc = ring;
	c->tx.desc = ring + INTEL_RX;
	c->rx.hpa = pool_hpa(c->rx.desc).v;
	c->tx.hpa = pool_hpa(c->tx.desc).v;
	c->rx.buffer = buffer;
	c->tx.buffer = buffer + INTEL_RX * INTEL_BUFFER;
	c->rx.buffer_hpa = pool_hpa(c->rx.buffer).v;
	c->tx.buffer_hpa = pool_hpa(c->tx.buffer).v;
	return true;
}

/* QEMU's newer models cut frames wrongly where what is behind them does not: 7.2 makes fragments of them, 10 forgets FIN and
 * PSH. A card that is imitated saves nothing by it either. */
static bool cuts_well(const struct intel *c)
{
	struct cpu_facts facts;

	cpu_facts_read(&facts);
	return c->chip->family == INTEL_E1000 || !facts.hypervisor;
}

static void init_netdev(struct intel *c)
{
	const struct host_pci *p = c->pci;

	c->net.ops = &intel_ops;
	c->net.driver = c;
	c->net.kind = c->chip->kind;
	c->net.bdf = p->bdf;
	c->net.vendor = p->vendor;
	c->net.device = p->device;
	c->net.mtu_max = 9000;
	c->net.can_checksum = c->net.can_vlan = true;
	c->net.can_tso4 = cuts_well(c);
	c->net.can_tso6 = c->net.can_tso4 && c->chip->family != INTEL_E1000;
}

static int refuse(struct host_pci *p, const char *why)
{
	str_copy(p->why, sizeof(p->why), why);
	return -E_NODEV;
}

static int intel_probe(struct host_pci *p)
{
	struct intel *c = pool_alloc(ALIGN_UP(sizeof(*c), PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	const char *why = "it does not answer";

	if (!c)
		return refuse(p, "no memory for it");
	for (u32 i = 0; i < ARRAY_COUNT(chip); i++)
		if (chip[i].device == p->device)
			c->chip = &chip[i];
	c->pci = p;
	c->format = format[c->chip->family];
	init_netdev(c);
	c->regs = pci_map_bar(p, 0, REGS_SIZE);
	pci_set_master(p, false);
	if (!c->regs)
		return refuse(p, "its registers cannot be mapped");
	if (!get_memory(c))
		return refuse(p, "no memory for its rings");
	if (!intel_open(c, &why))
		return refuse(p, why);
	pci_prepare_messages(p);
	if (netdev_add(&c->net)) {
		pci_set_master(p, false);
		return refuse(p, "there are too many network cards");
	}
	p->state = c;
	log_info("%s: %02x:%02x.%u: %s", c->net.name, p->bdf >> 8, p->bdf >> 3 & 31, p->bdf & 7, c->net.kind);
	return 0;
}

static bool intel_turn(struct intel *c, u64 now)
{
	bool any;

	if (c->state == INTEL_DEAD)
		return false;
	if (c->state != INTEL_RUNS) {
		intel_reset_turn(c, now);
		return false;
	}
	if (UNLIKELY(c->reset_asked_for)) {
		c->reset_asked_for = false;
		intel_reset(c, "it was asked for", now);
		return true;
	}
	any = intel_tx_poll(c, now);
	if (c->state == INTEL_RUNS)
		any |= intel_rx_poll(c);
	intel_kick(&c->net);
	if (now >= c->look_next && c->state == INTEL_RUNS) {
		c->look_next = now + ns_to_ticks(LOOK_NS);
		intel_look(c, now);
	}
	return any;
}

/* Cards that send no messages are looked at all the more often. */
static bool intel_poll(void *card, u64 now)
{
	struct intel *c = card;
	bool any = intel_turn(c, now);

	if (any)
		intel_disarm(c);
	if (!c->pci->message_kind && c->state == INTEL_RUNS)
		control_work_by(now + ns_to_ticks(POLLED_NS));
	return any;
}

static bool intel_listen(void *card)
{
	struct intel *c = card;

	if (c->state != INTEL_RUNS)
		return false;
	intel_arm(c);
	return intel_rx_waiting(c) || intel_tx_waiting(c);
}

static void intel_start(struct host_pci *p)
{
	struct intel *c = p->state;

	pci_messages_on(p, core_table[control_core].apic_id);
	if (control_work_add(&(struct control_work){ .name = c->net.name, .poll = intel_poll, .listen = intel_listen, .arg = c }))
		log_error("%s: the event loop has no place for it", c->net.name);
}

static void intel_describe(const struct host_pci *p, char *to, size_t size)
{
	static const char *const word[] = { [INTEL_RESETTING] = "resetting", [INTEL_ENABLING] = "resetting",
		[INTEL_DEAD] = "gone" };
	const struct intel *c = p->state;

	nic_describe(&c->net, c->state != INTEL_RUNS ? word[c->state] : p->message_kind == PCI_CAP_MSIX ? "MSI-X" :
		     p->message_kind ? "MSI" : "polled", to, size);
}

const struct host_driver intel_driver = {
	.name = "intel", .ids = ids,
	.probe = intel_probe, .start = intel_start, .describe = intel_describe,
};
