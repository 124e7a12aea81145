/* SPDX-License-Identifier: Apache-2.0 */
/* The card's life and the way to the switch. */
#include "vnet.h"

#include <hv/guest.h>
#include <hv/lib.h>

#define LINK_UP 1u
#define ANNOUNCE 2u
#define GAP_NS 100000u			/* as long as frames keep coming, a vcpu that runs is interrupted 10,000 times a second */
#define GAP_MAX_NS 400000u		/* or 2,500 times, in bulk, where it does not halt in between */
#define LAZY_NS 300000u			/* drivers free what was sent when they send; only who waits for it needs to be told */

enum vnet_config { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_PAIRS = 8, CONFIG_MTU = 10, CONFIG_KEY = 17,
	CONFIG_TABLE = 18, CONFIG_HASHES = 20, CONFIG_SIZE = 24 };

#define FEATURES (BIT(VNET_F_CSUM) | BIT(VNET_F_GUEST_OFFLOADS) | BIT(VNET_F_MTU) | BIT(VNET_F_MAC) | BIT(VNET_F_HOST_TSO4) | \
	BIT(VNET_F_HOST_TSO6) | BIT(VNET_F_HOST_ECN) | BIT(VNET_F_MRG_RXBUF) | BIT(VNET_F_STATUS) | BIT(VNET_F_CTRL_VQ) | \
	BIT(VNET_F_CTRL_RX) | BIT(VNET_F_CTRL_VLAN) | BIT(VNET_F_CTRL_RX_EXTRA) | BIT(VNET_F_CTRL_MAC) | \
	BIT(VNET_F_HOST_USO) | BIT(VNET_F_GUEST_ANNOUNCE) | VNET_GUEST_OFFLOADS)

/* One vcpu has nothing to choose by a hash: it is spared the making of it. */
#define PAIRS_FEATURES (BIT(VNET_F_MQ) | BIT(VNET_F_RSS) | BIT(VNET_F_HASH_REPORT))

_Static_assert(sizeof(struct vnet_header) == 12, "as in the standard");

void vnet_port_update(struct vnet *n)
{
	u64 has = n->offloads, uso = BIT(VNET_F_GUEST_USO4) | BIT(VNET_F_GUEST_USO6);

	n->port.takes_checksum = has & BIT(VNET_F_GUEST_CSUM);
	n->port.takes_gso4 = has & BIT(VNET_F_GUEST_TSO4);
	n->port.takes_gso6 = has & BIT(VNET_F_GUEST_TSO6);
	n->port.takes_gso_udp = (has & uso) == uso;
}

static void flush(struct net_port *p)
{
	struct vnet *n = p->owner;

	for (; n->dirty; n->dirty &= n->dirty - 1)
		virtio_remote_flush(&n->remote, (u32)__builtin_ctz(n->dirty));
}

/* VIRTIO 1.2 "Gratuitous Packet Sending". */
static bool announce(struct net_port *p)
{
	struct vnet *n = p->owner;

	if (!virtio_remote_has(&n->remote, VNET_RX) || !virtio_has(&n->d, VNET_F_GUEST_ANNOUNCE))
		return false;
	store_relaxed(&n->d.config[CONFIG_STATUS], (u8)(LINK_UP | ANNOUNCE));
	virtio_remote_config_changed(&n->remote);
	return true;
}

void vnet_announced(struct vnet *n)
{
	store_relaxed(&n->d.config[CONFIG_STATUS], (u8)LINK_UP);
}

static const struct net_port_ops port_ops = { .deliver = vnet_deliver, .flush = flush, .announce = announce };

/* --- queues ------------------------------------------------------------------------------------------------------- */

static u32 control_queue(const struct vnet *n)
{
	return virtio_has(&n->d, VNET_F_MQ) || virtio_has(&n->d, VNET_F_RSS) ? 2 * n->pairs_max : (u32)VNET_CONTROL;
}

static bool serve(struct virtio_device *d, u32 queue)
{
	struct vnet *n = container_of(d, struct vnet, d);

	if (queue == control_queue(n) && virtio_has(d, VNET_F_CTRL_VQ))
		return vnet_control(n, queue);
	if (queue >= control_queue(n)) {
		virtio_remote_rest(&n->remote, queue);
		return false;
	}
	return queue % 2 == VNET_TX ? vnet_send(n, queue) : vnet_drain(n, queue);
}

static void taken(struct virtio_device *d, u32 queue)
{
	struct vnet *n = container_of(d, struct vnet, d);

	n->senders += n->remote.lazy >> queue & 1;
	if (queue != VNET_RX)
		return;
	vnet_port_update(n);
	n->port.up = true;
	store_relaxed(&n->live, 1u);
}

static bool drop(struct virtio_device *d, u32 queue)
{
	struct vnet *n = container_of(d, struct vnet, d);

	if (queue == VNET_RX) {
		n->port.up = false;
		store_relaxed(&n->live, 0u);
		frame_ring_clear(&n->backlog);
	}
	n->dirty &= ~BIT32(queue);
	if (n->in_flight[queue])
		return false;
	n->senders -= n->remote.lazy >> queue & 1;
	return true;
}

static const struct virtio_remote_kind remote_kind = { .name = "virtio-net model", .serve = serve, .taken = taken, .drop = drop,
	.gap_ns = GAP_NS, .gap_max_ns = GAP_MAX_NS, .lazy_ns = LAZY_NS };

/* --- life, on one of the guest's cores; nothing is lent ------------------------------------------------------------- */

static void started(struct virtio_device *d)
{
	struct vnet *n = container_of(d, struct vnet, d);
	u64 has = d->accepted & VNET_GUEST_OFFLOADS;

	/* All of them need the first. VIRTIO 1.2 "Feature bit requirements". */
	n->offloads = has & BIT(VNET_F_GUEST_CSUM) ? has : 0;
	n->header = (u32)(sizeof(struct vnet_header) + (virtio_has(d, VNET_F_HASH_REPORT) ? sizeof(struct vnet_report) : 0));
	n->remote.lazy = 0xaaaaaaaau & (BIT32(control_queue(n)) - 1);	/* those that send */
	n->remote.eager = ~n->remote.lazy & ~BIT32(control_queue(n));	/* frames wait, not buffers */
}

static void reset(struct virtio_device *d)
{
	struct vnet *n = container_of(d, struct vnet, d);

	vnet_filter_reset(n);
	vnet_steer_reset(n);
	memcpy(d->config + CONFIG_MAC, n->own_mac, NET_MAC);
	vnet_announced(n);
}

static void describe(const struct virtio_device *d, char *to, size_t size)
{
	const struct vnet *n = container_of(d, const struct vnet, d);
	const u8 *m = n->own_mac;

	fmt_print(to, size, "address %02x:%02x:%02x:%02x:%02x:%02x, %s, %u of %u pairs%s: %lu frames sent, %lu received, "
		"%lu filtered out, %lu had to wait for buffers, %lu found none that fits, %lu malformed, %lu commands, "
		"%lu of them wrong", m[0], m[1], m[2], m[3], m[4], m[5], load_relaxed(&n->live) ? "up" : "down", n->steer.pairs,
		n->pairs_max, n->steer.rss ? " by RSS" : "", load_relaxed(&n->sent), load_relaxed(&n->received),
		load_relaxed(&n->filtered), load_relaxed(&n->kept), load_relaxed(&n->unfit), load_relaxed(&n->bad),
		load_relaxed(&n->commands), load_relaxed(&n->bad_commands));
}

static const struct virtio_kind net_kind = {
	.pci = VIRTIO_PCI_DESC("virtio-net", 1, 0x020000u, VNET_QUEUES_MAX + 1), .config_size = CONFIG_SIZE,
	.queue_size = VNET_QUEUE_SIZE, .started = started, .reset = reset, .describe = describe,
};

int vnet_add(struct guest *g, struct vnet *n, const u8 mac[NET_MAC], u16 mtu, void *backlog, u8 slot)
{
	u32 pairs = MIN(g->vcpu_count, VNET_PAIRS_MAX), queues = 2 * pairs + 1;
	int err = virtio_remote_init(&n->remote, g, &n->d, &remote_kind, BIT32(queues) - 1);
	u8 *config = n->d.config;

	if (err)
		return err;
	n->pairs_max = pairs;
	n->backlog.bytes = backlog;
	n->port.ops = &port_ops;
	n->port.owner = n;
	memcpy(n->port.mac, mac, NET_MAC);
	memcpy(n->own_mac, mac, NET_MAC);
	vnet_send_init(n);
	config[CONFIG_PAIRS] = (u8)pairs;
	config[CONFIG_KEY] = VNET_KEY;
	config[CONFIG_TABLE] = VNET_TABLE;
	config[CONFIG_HASHES] = VNET_HASH_ALL;
	config[CONFIG_MTU] = (u8)mtu;
	config[CONFIG_MTU + 1] = (u8)(mtu >> 8);
	return virtio_add(g, &n->d, &net_kind, FEATURES | (pairs > 1 ? PAIRS_FEATURES : 0), queues, slot);
}
