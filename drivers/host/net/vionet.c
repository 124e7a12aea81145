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
	BIT(NET_F_CTRL_RX) | BIT(NET_F_MQ) | BIT(NET_F_SPEED_DUPLEX) | VIO_F_EVENT_IDX | VIO_F_INDIRECT)
/* "Device configuration layout" (5.1.4) */
enum { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_PAIRS = 8, CONFIG_MTU = 10, CONFIG_SPEED = 12 };
#define STATUS_LINK 1u
#define MTU_LEAST 1500u
#define MTU_MOST 9000u
#define MTU_ONE_BUFFER (VIONET_DATA - 18)	/* Ethernet header and tag beside it: without NET_F_MRG_RXBUF a frame has one */
#define LOOK_NS 250000000ul
#define POLLED_NS 500000ul
#define RESET_NS 10000000ul
/* "Control Virtqueue" (5.1.6.5): two commands of "Packet Receive Filtering", one of "Automatic receive steering". */
enum { CONTROL_PROMISCUOUS, CONTROL_MULTICAST, CONTROL_PAIRS, CONTROL_COMMANDS, CONTROL_NONE = 0xff };
static const struct { u8 class, command, bytes; } commands[] = { { 0, 0, 1 }, { 0, 1, 1 }, { 4, 0, 2 } };
#define CONTROL_OK 0
#define PAIRS_LIMIT 0x8000u
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

/* The command, and how many bytes it has; its answer comes behind them. */
static u32 control_write(const struct vionet *c, u8 *p)
{
	u32 bytes = 2u + commands[c->ctl.sent].bytes;

	p[0] = commands[c->ctl.sent].class;
	p[1] = commands[c->ctl.sent].command;
	p[2] = c->ctl.sent == CONTROL_PAIRS ? (u8)c->pairs : c->ctl.sent == CONTROL_MULTICAST || c->ctl.promiscuous;
	p[3] = 0;
	p[bytes] = (u8)~CONTROL_OK;
	return bytes;
}

/* One that does not want more than a pair has one. */
static void control_answered(struct vionet *c)
{
	u8 answer = c->ctl.page[2u + commands[c->ctl.sent].bytes];

	if (c->ctl.sent == CONTROL_PAIRS && answer == CONTROL_OK)
		c->pairs_used = c->pairs;
	c->ctl.sent = CONTROL_NONE;
}

/* One command at a time: put it, or take its answer. A device that does not answer is reset. */
static void control_turn(struct vionet *c, u64 now)
{
	struct dma_piece piece[2];
	u8 *p = c->ctl.page;
	u32 len, bytes;

	if (!has_control(c))
		return;
	if (c->ctl.sent != CONTROL_NONE) {
		if (vio_queue_get(&c->control, &len))
			control_answered(c);
		else if (now - c->ctl.since > ns_to_ticks(CONTROL_NS))
			vionet_reset(c, "a command has no answer", now);
		return;
	}
	if (!c->ctl.dirty)
		return;
	c->ctl.sent = (u8)__builtin_ctz(c->ctl.dirty);
	c->ctl.dirty &= (u8)~BIT32(c->ctl.sent);
	c->ctl.since = now;
	bytes = control_write(c, p);
	piece[0] = (struct dma_piece){ pool_hpa(p).v, bytes };
	piece[1] = (struct dma_piece){ pool_hpa(p).v + bytes, 1 };
	vio_queue_put(&c->control, piece, 1, 1, p);
	vio_queue_kick(&c->control);
}

static void tx_clear(struct vionet *c)
{
	for (u32 i = 0; i < c->pairs; i++)
		vionet_tx_clear(&c->pair[i]);
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
		tx_clear(c);
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
	c->ctl.dirty = (u8)(BIT32(c->pairs > 1 ? CONTROL_COMMANDS : CONTROL_PAIRS) - 1);
	c->pairs_used = 1;
	tx_clear(c);
	vio_ready(&c->vio);
	for (u32 i = 0; i < c->pairs; i++)
		vionet_rx_fill(&c->pair[i]);
}

/* DMA is off from here on: what the device held is free. */
void vionet_reset(struct vionet *c, const char *why, u64 now)
{
	c->state = VIONET_RESETTING;
	c->until = now + ns_to_ticks(RESET_NS << nic_count_reset(&c->net, &c->resets_in_row, why));
	vio_reset_begin(&c->vio);
	tx_clear(c);
}

static bool queues_restart(struct vionet *c)
{
	for (u32 i = 0; i < c->pairs; i++)
		if (vio_queue_restart(&c->pair[i].rx) || vio_queue_restart(&c->pair[i].tx))
			return false;
	return !has_control(c) || !vio_queue_restart(&c->control);
}

static void reset_turn(struct vionet *c, u64 now)
{
	if (now < c->until)
		return;
	if (!vio_reset_done(&c->vio)) {
		vionet_reset(c, "the reset does not end", now);
		return;
	}
	if (vio_restart(&c->vio) || !queues_restart(c))
		vionet_reset(c, "it does not come up again", now);
	else
		begin_to_run(c);
}

static bool turn(struct vionet *c, u64 now)
{
	bool any = false;

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
	for (u32 i = 0; i < c->pairs; i++) {
		any |= vionet_tx_poll(&c->pair[i], now);
		any |= vionet_rx_poll(&c->pair[i]);
	}
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
		for (u32 i = 0; i < c->pairs; i++) {
			vio_queue_quiet(&c->pair[i].rx);
			vio_queue_quiet(&c->pair[i].tx);
		}
		c->listening = false;
	}
	if (!c->vio.pci->message_kind && c->state != VIONET_DEAD)
		control_work_by(now + ns_to_ticks(POLLED_NS));
	return any;
}

static bool vionet_listen(void *card)
{
	struct vionet *c = card;
	bool any = false;

	if (c->state != VIONET_RUNS)
		return false;
	c->listening = true;
	for (u32 i = 0; i < c->pairs; i++) {
		any |= vio_queue_listen(&c->pair[i].rx);
		any |= vio_queue_listen(&c->pair[i].tx);
	}
	return any;
}

/* How many pairs the device has; without a way to ask for more: one. */
static u32 device_pairs(const struct vionet *c)
{
	return c->vio.features & BIT(NET_F_MQ) && has_control(c) ? (u32)vio_config_get(&c->vio, CONFIG_PAIRS, 2) : 1;
}

/* "Virtqueues" (5.1.2): receiveq1, transmitq1, receiveq2 ... */
static int open_pair(struct vionet *c, u32 i)
{
	struct vionet_pair *q = &c->pair[i];
	int ret = vio_queue_open(&c->vio, &q->rx, (u16)(2 * i), VIO_QUEUE_MAX, 0);

	if (!ret)
		ret = vio_queue_open(&c->vio, &q->tx, (u16)(2 * i + 1), VIO_QUEUE_MAX, VIONET_TX_PIECES);
	if (ret)
		return ret;
	q->c = c;
	q->in.buffer = pool_alloc(ALIGN_UP((u64)(q->rx.size + q->tx.size) * VIONET_BUFFER, PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	if (!q->in.buffer)
		return -E_NOMEM;
	q->in.hpa = pool_hpa(q->in.buffer).v;
	q->out.buffer = q->in.buffer + q->rx.size * VIONET_BUFFER;
	q->out.hpa = pool_hpa(q->out.buffer).v;
	return 0;
}

/* ... and the control queue behind all pairs that there could be. */
static int open_control(struct vionet *c, u32 all_pairs)
{
	int ret = vio_queue_open(&c->vio, &c->control, (u16)(2 * all_pairs), 16, 0);

	c->ctl.page = pool_alloc(1, POOL_OTHER);
	if (ret || !c->ctl.page)
		return ret ? ret : -E_NOMEM;
	return c->control.size < CONTROL_PIECES ? -E_NODEV : 0;
}

static int open_queues(struct vionet *c)
{
	u32 all = device_pairs(c);
	int ret = 0;

	if (all == 0 || all >= PAIRS_LIMIT)
		return -E_NODEV;
	c->pairs = MIN(all, VIONET_PAIRS_MAX);
	c->pair = pool_alloc(ALIGN_UP(c->pairs * sizeof(*c->pair), PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	if (!c->pair)
		return -E_NOMEM;
	for (u32 i = 0; i < c->pairs && !ret; i++)
		ret = open_pair(c, i);
	return ret || !has_control(c) ? ret : open_control(c, all);
}

/* One without an address of its own gets one that no other card has: locally administered, by its place. */
static void init_netdev(struct vionet *c, const struct host_pci *p)
{
	u64 f = c->vio.features;
	u32 mtu = f & BIT(NET_F_MTU) ? (u32)vio_config_get(&c->vio, CONFIG_MTU, 2) : MTU_LEAST;
	u32 most = f & BIT(NET_F_MRG_RXBUF) ? MTU_MOST : MTU_ONE_BUFFER;
	u8 made[NET_MAC] = { 0x02, 0xb0, 0, 0, (u8)(p->bdf >> 8), (u8)p->bdf };

	c->net = (struct netdev){ .ops = &vionet_ops, .driver = c, .kind = "virtio-net", .bdf = p->bdf, .vendor = p->vendor,
		.device = p->device, .mtu_max = (u16)MIN(MAX(mtu, MTU_LEAST), most), .can_checksum = f & BIT(NET_F_CSUM) };
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
	const char *how = p->message_kind == PCI_CAP_MSIX ? "MSI-X" : "polled";
	char text[40];

	if (c->pairs_used > 1)
		fmt_print(text, sizeof(text), "%s, %u pairs of queues", how, c->pairs_used);
	else
		str_copy(text, sizeof(text), how);
	nic_describe(&c->net, c->state != VIONET_RUNS ? word[c->state] : text, to, size);
}

const struct host_driver vionet_driver = {
	.name = "virtio-net", .ids = ids,
	.probe = vionet_probe, .start = vionet_start, .describe = vionet_describe,
};
