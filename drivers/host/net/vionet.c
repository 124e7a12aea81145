/* SPDX-License-Identifier: Apache-2.0 */
/* Virtio network cards as drivers.c sees them: opening, link, the control queue, reset. */
#include <hv/control_work.h>
#include <hv/core.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>

#include "../drivers.h"
#include "vionet.h"

#define VIRTIO 0x1af4
#define WANTED (BIT(NET_F_CSUM) | BIT(NET_F_GUEST_CSUM) | BIT(NET_F_MTU) | BIT(NET_F_MAC) | BIT(NET_F_HOST_TSO4) | \
	BIT(NET_F_HOST_TSO6) | BIT(NET_F_HOST_ECN) | BIT(NET_F_MRG_RXBUF) | BIT(NET_F_STATUS) | BIT(NET_F_CTRL_VQ) | \
	BIT(NET_F_CTRL_RX) | BIT(NET_F_SPEED_DUPLEX) | VIO_F_EVENT_IDX | VIO_F_INDIRECT)
enum { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_MTU = 10, CONFIG_SPEED = 12 };	/* "Device configuration layout" (5.1.4) */
#define STATUS_LINK 1u
#define MTU_LEAST 1500u
#define LOOK_NS 250000000ul
#define POLLED_NS 500000ul
#define RESET_NS 10000000ul
/* "Control Virtqueue" (5.1.6.5): class "receive mode", its first two commands, one byte of argument. */
enum { CONTROL_PROMISCUOUS = 0, CONTROL_MULTICAST = 1, CONTROL_COMMANDS = 2, CONTROL_NONE = 0xff };
#define CONTROL_BYTES 3u
#define CONTROL_PIECES 2u		/* a command and its answer */
#define CONTROL_NS (5 * NS_PER_S)

static const u32 ids[] = { PCI_DEVICE(VIRTIO, 0x1000), PCI_DEVICE(VIRTIO, 0x1041), 0 };

static void set_promiscuous(struct netdev *n, bool on)
{
	struct vionet *c = n->driver;

	c->ctl.promiscuous = on;
	c->ctl.dirty |= BIT32(CONTROL_PROMISCUOUS);
}

static void reset_asked_for(struct netdev *n)
{
	struct vionet *c = n->driver;

	c->reset_asked_for = true;
}

static const struct netdev_ops vionet_ops = { .send = vionet_send, .kick = vionet_kick, .promiscuous = set_promiscuous,
	.reset = reset_asked_for };

static bool has_control(const struct vionet *c)
{
	return c->vio.features & BIT(NET_F_CTRL_VQ) && c->vio.features & BIT(NET_F_CTRL_RX);
}

/* One command at a time: put it, or take its answer. A device that does not answer is reset. */
static void control_turn(struct vionet *c, u64 now)
{
	struct dma_piece piece[2];
	u8 *p = c->ctl.page;
	u32 len;

	if (!has_control(c))
		return;
	if (c->ctl.sent != CONTROL_NONE) {
		if (vio_queue_get(&c->control, &len))
			c->ctl.sent = CONTROL_NONE;
		else if (now - c->ctl.since > ns_to_ticks(CONTROL_NS))
			vionet_reset(c, "a command has no answer", now);
		return;
	}
	if (!c->ctl.dirty)
		return;
	c->ctl.sent = c->ctl.dirty & BIT32(CONTROL_PROMISCUOUS) ? CONTROL_PROMISCUOUS : CONTROL_MULTICAST;
	c->ctl.dirty &= (u8)~BIT32(c->ctl.sent);
	c->ctl.since = now;
	p[0] = 0;
	p[1] = c->ctl.sent;
	p[2] = c->ctl.sent == CONTROL_MULTICAST || c->ctl.promiscuous;
	piece[0] = (struct dma_piece){ pool_hpa(p).v, CONTROL_BYTES };
	piece[1] = (struct dma_piece){ pool_hpa(p).v + CONTROL_BYTES, 1 };
	vio_queue_put(&c->control, piece, 1, 1, p);
	vio_queue_kick(&c->control);
}

static void look(struct vionet *c, u64 now)
{
	enum vio_health health = vio_health(&c->vio);
	u32 mbit = 0;
	bool up = true;

	if (health == VIO_GONE) {
		log_notice("%s: %s is gone", c->net.name, c->net.kind);
		c->state = VIONET_DEAD;
		pci_set_master(c->vio.pci, false);
		nic_set_link(&c->net, false, 0);
		vionet_tx_clear(c);
		return;
	}
	if (health == VIO_NEEDS_RESET) {
		vionet_reset(c, "it asks for it", now);
		return;
	}
	if (c->vio.features & BIT(NET_F_STATUS))
		up = vio_config_get(&c->vio, CONFIG_STATUS, 2) & STATUS_LINK;
	if (c->vio.features & BIT(NET_F_SPEED_DUPLEX))
		mbit = (u32)vio_config_get(&c->vio, CONFIG_SPEED, 4);
	nic_set_link(&c->net, up, mbit > INT32_MAX ? 0 : mbit);
}

static void begin_to_run(struct vionet *c)
{
	c->state = VIONET_RUNS;
	c->look_next = 0;
	c->listening = false;
	c->ctl.sent = CONTROL_NONE;
	c->ctl.dirty = BIT32(CONTROL_COMMANDS) - 1;
	vionet_tx_clear(c);
	vio_ready(&c->vio);
	vionet_rx_fill(c);
}

/* DMA is off from here on: what the device held is free. */
void vionet_reset(struct vionet *c, const char *why, u64 now)
{
	c->state = VIONET_RESETTING;
	c->until = now + ns_to_ticks(RESET_NS << nic_count_reset(&c->net, &c->resets_in_row, why));
	vio_reset_begin(&c->vio);
	vionet_tx_clear(c);
}

static void reset_turn(struct vionet *c, u64 now)
{
	if (now < c->until)
		return;
	if (!vio_reset_done(&c->vio)) {
		vionet_reset(c, "the reset does not end", now);
		return;
	}
	if (vio_restart(&c->vio) || vio_queue_restart(&c->rx) || vio_queue_restart(&c->tx) ||
	    (has_control(c) && vio_queue_restart(&c->control)))
		vionet_reset(c, "it does not come up again", now);
	else
		begin_to_run(c);
}

static bool turn(struct vionet *c, u64 now)
{
	bool any;

	if (c->state == VIONET_DEAD)
		return false;
	if (c->state == VIONET_RESETTING) {
		reset_turn(c, now);
		return false;
	}
	if (UNLIKELY(c->reset_asked_for)) {
		c->reset_asked_for = false;
		vionet_reset(c, "it was asked for", now);
		return true;
	}
	any = vionet_tx_poll(c, now);
	any |= vionet_rx_poll(c);
	vionet_kick(&c->net);
	if (any && !c->vio.broken)
		c->resets_in_row = 0;
	if (c->state == VIONET_RUNS)
		control_turn(c, now);
	if (c->state == VIONET_RUNS && c->vio.broken)
		vionet_reset(c, c->vio.broken, now);
	if (c->state == VIONET_RUNS && now >= c->look_next) {
		c->look_next = now + ns_to_ticks(LOOK_NS);
		look(c, now);
	}
	return any;
}

/* Without messages it is looked at all the more often. */
static bool vionet_poll(void *card, u64 now)
{
	struct vionet *c = card;
	bool any = turn(c, now);

	if (any && c->listening && c->state == VIONET_RUNS) {
		vio_queue_quiet(&c->rx);
		vio_queue_quiet(&c->tx);
		c->listening = false;
	}
	if (!c->vio.pci->message_kind && c->state != VIONET_DEAD)
		control_work_by(now + ns_to_ticks(POLLED_NS));
	return any;
}

static bool vionet_listen(void *card)
{
	struct vionet *c = card;
	bool any;

	if (c->state != VIONET_RUNS)
		return false;
	c->listening = true;
	any = vio_queue_listen(&c->rx);
	return vio_queue_listen(&c->tx) || any;
}

static int open_queues(struct vionet *c)
{
	int ret = vio_queue_open(&c->vio, &c->rx, VIONET_RX_QUEUE, VIO_QUEUE_MAX, 0);
	u64 buffers;

	if (!ret)
		ret = vio_queue_open(&c->vio, &c->tx, VIONET_TX_QUEUE, VIO_QUEUE_MAX, VIONET_TX_PIECES);
	if (!ret && has_control(c)) {
		ret = vio_queue_open(&c->vio, &c->control, VIONET_CONTROL_QUEUE, 16, 0);
		c->ctl.page = pool_alloc(1, POOL_OTHER);
		ret = ret || c->ctl.page ? ret : -E_NOMEM;
		if (!ret && c->control.size < CONTROL_PIECES)
			ret = -E_NODEV;
	}
	if (ret)
		return ret;
	buffers = (u64)(c->rx.size + c->tx.size) * VIONET_BUFFER;
	c->in.buffer = pool_alloc(ALIGN_UP(buffers, PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	if (!c->in.buffer)
		return -E_NOMEM;
	c->in.hpa = pool_hpa(c->in.buffer).v;
	c->out.buffer = c->in.buffer + c->rx.size * VIONET_BUFFER;
	c->out.hpa = pool_hpa(c->out.buffer).v;
	return 0;
}

/* One without an address of its own gets one that no other card has: locally administered, by its place. */
static void init_netdev(struct vionet *c, const struct host_pci *p)
{
	u64 f = c->vio.features;
	u32 mtu = f & BIT(NET_F_MTU) ? (u32)vio_config_get(&c->vio, CONFIG_MTU, 2) : MTU_LEAST;
	u8 made[NET_MAC] = { 0x02, 0xb0, 0, 0, (u8)(p->bdf >> 8), (u8)p->bdf };

	c->net = (struct netdev){ .ops = &vionet_ops, .driver = c, .kind = "virtio-net", .bdf = p->bdf, .vendor = p->vendor,
		.device = p->device, .mtu_max = (u16)MIN(MAX(mtu, MTU_LEAST), 9000u), .can_checksum = f & BIT(NET_F_CSUM) };
	c->net.can_tso4 = c->net.can_checksum && f & BIT(NET_F_HOST_TSO4);
	c->net.can_tso6 = c->net.can_checksum && f & BIT(NET_F_HOST_TSO6);
	for (u32 i = 0; i < NET_MAC && f & BIT(NET_F_MAC); i++)
		c->net.mac[i] = (u8)vio_config_get(&c->vio, CONFIG_MAC + i, 1);
	if (!nic_mac_usable(c->net.mac))
		memcpy(c->net.mac, made, NET_MAC);
}

static int vionet_probe(struct host_pci *p)
{
	struct vionet *c = pool_alloc(ALIGN_UP(sizeof(*c), PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	const char *why = "no memory for it";

	if (!c)
		goto refuse;
	if (vio_open(&c->vio, p, WANTED))
		return -E_NODEV;	/* p->why is said */
	why = "its queues cannot be used";
	init_netdev(c, p);
	if (open_queues(c))
		goto undo_open;
	why = "there are too many network cards";
	if (netdev_add(&c->net))
		goto undo_open;
	begin_to_run(c);
	p->state = c;
	log_info("%s: %02x:%02x.%u: %s", c->net.name, p->bdf >> 8, p->bdf >> 3 & 31, p->bdf & 7, c->net.kind);
	return 0;
undo_open:
	vio_reset_begin(&c->vio);
refuse:
	str_copy(p->why, sizeof(p->why), why);
	return -E_NODEV;
}

static void vionet_start(struct host_pci *p)
{
	struct vionet *c = p->state;

	pci_messages_on(p, core_table[control_core].apic_id);
	if (control_work_add(&(struct control_work){ .name = c->net.name, .poll = vionet_poll, .listen = vionet_listen,
						     .arg = c }))
		log_error("%s: the event loop has no place for it", c->net.name);
}

static void vionet_describe(const struct host_pci *p, char *to, size_t size)
{
	static const char *const word[] = { [VIONET_RESETTING] = "resetting", [VIONET_DEAD] = "gone" };
	const struct vionet *c = p->state;

	nic_describe(&c->net, c->state != VIONET_RUNS ? word[c->state] : p->message_kind == PCI_CAP_MSIX ? "MSI-X" : "polled",
		     to, size);
}

const struct host_driver vionet_driver = {
	.name = "virtio-net", .ids = ids,
	.probe = vionet_probe, .start = vionet_start, .describe = vionet_describe,
};
