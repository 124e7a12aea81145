/* SPDX-License-Identifier: Apache-2.0 */
/* The card's life and the way to the switch. */
#include "vnet.h"

#include <hv/control_work.h>
#include <hv/guest.h>
#include <hv/lib.h>

#define POLL_FRAMES 64u
#define LINK_UP 1u

enum vnet_config { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_PAIRS = 8, CONFIG_MTU = 10, CONFIG_SIZE = 12 };

#define FEATURES (BIT(VNET_F_CSUM) | BIT(VNET_F_GUEST_OFFLOADS) | BIT(VNET_F_MTU) | BIT(VNET_F_MAC) | BIT(VNET_F_HOST_TSO4) | \
	BIT(VNET_F_HOST_TSO6) | BIT(VNET_F_HOST_ECN) | BIT(VNET_F_MRG_RXBUF) | BIT(VNET_F_STATUS) | BIT(VNET_F_CTRL_VQ) | \
	BIT(VNET_F_CTRL_RX) | BIT(VNET_F_CTRL_VLAN) | BIT(VNET_F_CTRL_RX_EXTRA) | BIT(VNET_F_CTRL_MAC) | \
	BIT(VNET_F_HOST_USO) | VNET_GUEST_OFFLOADS)

_Static_assert(sizeof(struct vnet_header) == 12, "as in the standard");

/* --- the control core's side -------------------------------------------------------------------------------------- */

static enum net_verdict deliver(struct net_port *p, struct net_frame *f)
{
	struct vnet *n = p->owner;
	u8 *to;

	if (!load_acquire(&n->live))
		return NET_DOWN;
	if (f->len > NET_GSO_MAX)
		return NET_TOO_LONG;
	to = frame_ring_reserve(&n->rx, f->len);
	if (!to)
		return NET_NO_ROOM;
	net_copy(f, 0, to, f->len);
	frame_ring_commit(&n->rx, &(struct frame_record){ .len = f->len, .offload = f->offload });
	n->dirty = true;
	return NET_TAKEN;
}

static void flush(struct net_port *p)
{
	struct vnet *n = p->owner;

	if (n->dirty)
		guest_call(n->g, 0, n->call);
	n->dirty = false;
}

static const struct net_port_ops port_ops = { .deliver = deliver, .flush = flush };

/* What the driver takes. It may have changed its mind about frames that wait already: vnet_receive() looks again. */
static void port_update(struct vnet *n)
{
	u64 has = load_acquire(&n->offloads);
	u64 uso = BIT(VNET_F_GUEST_USO4) | BIT(VNET_F_GUEST_USO6);

	n->port.up = load_acquire(&n->live) != 0;
	n->port.takes_checksum = has & BIT(VNET_F_GUEST_CSUM);
	n->port.takes_gso4 = has & BIT(VNET_F_GUEST_TSO4);
	n->port.takes_gso6 = has & BIT(VNET_F_GUEST_TSO6);
	n->port.takes_gso_udp = (has & uso) == uso;
}

bool vnet_poll(void *arg, u64 now)
{
	const struct frame_record *r = NULL;
	struct vnet *n = arg;
	u32 left = POLL_FRAMES;

	(void)now;
	port_update(n);
	while (left && (r = frame_ring_peek(&n->tx))) {
		struct net_piece piece = { .at = (const u8 *)(r + 1), .len = r->len };
		struct net_frame f = { .piece = &piece, .pieces = 1, .len = r->len, .offload = r->offload };

		switch_input(&n->port, &f);
		frame_ring_drop(&n->tx);
		left--;
	}
	if (left < POLL_FRAMES)
		switch_flush();
	/* Pairs with vnet_send(): it asks, then looks for room once more; here is room first, then the look at who asks. */
	if (exchange(&n->blocked, 0))
		guest_call(n->g, 0, n->call);
	return left < POLL_FRAMES;
}

/* The control core has put frames into rx, or taken some out of tx. */
static void called(struct guest *g, void *arg)
{
	struct vnet *n = arg;

	(void)g;
	if (virtio_queue_ready(&n->d, VNET_RX))
		vnet_receive(n);
	if (virtio_queue_ready(&n->d, VNET_TX))
		vnet_send(n);
}

/* --- life -------------------------------------------------------------------------------------------------------- */

static void kicked(struct virtio_device *d, u32 queue)
{
	struct vnet *n = container_of(d, struct vnet, d);

	if (queue == VNET_RX)
		vnet_receive(n);
	else if (queue == VNET_TX)
		vnet_send(n);
	else if (virtio_has(d, VNET_F_CTRL_VQ))
		vnet_control(n);
	else
		d->ignored++;
}

static void started(struct virtio_device *d)
{
	struct vnet *n = container_of(d, struct vnet, d);
	u64 has = d->accepted & VNET_GUEST_OFFLOADS;

	/* All of them need the first. VIRTIO 1.2 "Feature bit requirements". */
	store_release(&n->offloads, has & BIT(VNET_F_GUEST_CSUM) ? has : 0);
	store_release(&n->live, 1u);
}

static void queue_reset(struct virtio_device *d, u32 queue)
{
	struct vnet *n = container_of(d, struct vnet, d);

	if (queue == VNET_RX)
		n->filling.done = n->filling.count = n->filling.spare = 0;
}

static void reset(struct virtio_device *d)
{
	struct vnet *n = container_of(d, struct vnet, d);

	store_release(&n->live, 0u);
	store_release(&n->offloads, 0ul);
	store_release(&n->blocked, 0u);
	frame_ring_clear(&n->rx);
	queue_reset(d, VNET_RX);
	vnet_filter_reset(n);
	memcpy(d->config + CONFIG_MAC, n->own_mac, NET_MAC);
}

static void describe(const struct virtio_device *d, char *to, size_t size)
{
	const struct vnet *n = container_of(d, const struct vnet, d);
	const u8 *m = n->own_mac;

	fmt_print(to, size, "address %02x:%02x:%02x:%02x:%02x:%02x, %s: %lu frames sent, %lu received, %lu filtered out, "
		"%lu without a fitting buffer, %lu malformed, %lu commands, %lu of them wrong", m[0], m[1], m[2], m[3], m[4], m[5],
		load_relaxed(&n->live) ? "up" : "down", load_relaxed(&n->sent), load_relaxed(&n->received),
		load_relaxed(&n->filtered), load_relaxed(&n->unfit), load_relaxed(&n->bad), load_relaxed(&n->commands),
		load_relaxed(&n->bad_commands));
}

static const struct virtio_kind net_kind = {
	.pci = VIRTIO_PCI_DESC("virtio-net", 1, 0x020000u, VNET_QUEUES + 1), .config_size = CONFIG_SIZE, .kicked = kicked,
	.started = started, .reset = reset, .queue_reset = queue_reset, .describe = describe,
};

int vnet_add(struct guest *g, struct vnet *n, const u8 mac[NET_MAC], u16 mtu, void *rings, u8 slot)
{
	int call = guest_call_add(g, called, n), err;
	u8 *config = n->d.config;

	if (call < 0)
		return call;
	n->g = g;
	n->call = (u32)call;
	n->tx.bytes = rings;
	n->rx.bytes = (u8 *)rings + FRAME_RING_BYTES;
	n->port.ops = &port_ops;
	n->port.owner = n;
	memcpy(n->port.mac, mac, NET_MAC);
	memcpy(n->own_mac, mac, NET_MAC);
	config[CONFIG_STATUS] = LINK_UP;
	config[CONFIG_PAIRS] = 1;
	config[CONFIG_MTU] = (u8)mtu;
	config[CONFIG_MTU + 1] = (u8)(mtu >> 8);
	err = virtio_add(g, &n->d, &net_kind, FEATURES, VNET_QUEUES, slot);
	/* A packed ring shows each buffer as it is given back; those of one frame must be seen together. */
	n->d.offered &= ~BIT(VIRTIO_F_RING_PACKED);
	return err;
}
