/* SPDX-License-Identifier: Apache-2.0 */
/* Which frames the driver wants, and the queue on which it says so. VIRTIO 1.2 "Control Virtqueue". */
#include "vnet.h"

#include <hv/lib.h>

#define TURN_COMMANDS 16u
#define COMMAND 2u			/* class and command in front */
#define ETHER 14u
#define TAG 4u
#define ACK_OK 0u
#define ACK_ERROR 1u

enum class { CLASS_RX = 0, CLASS_MAC = 1, CLASS_VLAN = 2, CLASS_ANNOUNCE = 3, CLASS_PAIRS = 4, CLASS_OFFLOADS = 5 };
enum rx_command { RX_PROMISCUOUS, RX_ALL_MULTICAST, RX_ALL_UNICAST, RX_NO_MULTICAST, RX_NO_UNICAST, RX_NO_BROADCAST };
enum { MAC_TABLE = 0, MAC_ADDRESS = 1, VLAN_ADD = 0, VLAN_REMOVE = 1, ANNOUNCED = 0, OFFLOADS_SET = 0 };

/* --- the filter --------------------------------------------------------------------------------------------------- */

/* A driver that never says a word about it gets everything. */
void vnet_filter_reset(struct vnet *n)
{
	memset(&n->filter, 0, sizeof(n->filter));
	memcpy(n->filter.mac, n->own_mac, NET_MAC);
	n->filter.promiscuous = true;
}

static bool in_table(const struct vnet_table *t, const u8 *mac)
{
	bool found = t->overflow;

	for (u32 i = 0; i < t->count && !found; i++)
		found = !memcmp(t->mac[i], mac, NET_MAC);
	return found;
}

static bool passes_vlan(const struct vnet *n, const u8 *frame, u32 len)
{
	u32 id;

	if (!virtio_has(&n->d, VNET_F_CTRL_VLAN) || len < ETHER + TAG || frame[12] != 0x81 || frame[13])
		return true;
	id = (frame[14] & 15u) << 8 | frame[15];
	return n->filter.vlan[id / 64] >> id % 64 & 1;
}

bool vnet_passes(const struct vnet *n, const u8 *frame, u32 len)
{
	static const u8 broadcast[NET_MAC] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct vnet_filter *f = &n->filter;

	if (f->promiscuous)
		return true;
	if (!passes_vlan(n, frame, len))
		return false;
	if (!memcmp(frame, broadcast, NET_MAC))
		return !f->no_broadcast;
	if (frame[0] & 1)
		return !f->no_multicast && (f->all_multicast || in_table(&f->multicast, frame));
	return !f->no_unicast && (f->all_unicast || !memcmp(frame, f->mac, NET_MAC) || in_table(&f->unicast, frame));
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

/* The command's own bytes, exactly n of them. */
static bool read_all(const struct virtq_chain *c, void *to, u32 n)
{
	return c->read_bytes == COMMAND + n && virtq_copy_from(c, 0, c->readable, COMMAND, to, n) == n;
}

static bool command_rx(struct vnet *n, u8 command, const struct virtq_chain *c)
{
	bool *const flag[] = { &n->filter.promiscuous, &n->filter.all_multicast, &n->filter.all_unicast, &n->filter.no_multicast,
		&n->filter.no_unicast, &n->filter.no_broadcast };
	u32 feature = command <= RX_ALL_MULTICAST ? VNET_F_CTRL_RX : VNET_F_CTRL_RX_EXTRA;
	u8 on;

	if (command >= ARRAY_COUNT(flag) || !virtio_has(&n->d, feature) || !read_all(c, &on, 1) || on > 1)
		return false;
	*flag[command] = on;
	return true;
}

/* One list of addresses at *at, a count before it. */
static bool read_table(const struct virtq_chain *c, u64 *at, struct vnet_table *t)
{
	u32 count;

	if (virtq_copy_from(c, 0, c->readable, *at, &count, sizeof(count)) != sizeof(count))
		return false;
	*at += sizeof(count);
	if (count > (c->read_bytes - *at) / NET_MAC)
		return false;
	t->overflow = count > VNET_ADDRESSES;
	t->count = t->overflow ? 0 : count;
	virtq_copy_from(c, 0, c->readable, *at, t->mac, t->count * NET_MAC);
	*at += (u64)count * NET_MAC;
	return true;
}

static bool command_mac(struct vnet *n, u8 command, const struct virtq_chain *c)
{
	struct vnet_table unicast, multicast;
	u64 at = COMMAND;
	u8 mac[NET_MAC];

	if (command == MAC_ADDRESS && virtio_has(&n->d, VNET_F_CTRL_MAC) && read_all(c, mac, NET_MAC)) {
		memcpy(n->filter.mac, mac, NET_MAC);
		memcpy(n->d.config, mac, NET_MAC);
		return true;
	}
	if (command != MAC_TABLE || !virtio_has(&n->d, VNET_F_CTRL_RX) || !read_table(c, &at, &unicast) ||
	    !read_table(c, &at, &multicast) || at != c->read_bytes)
		return false;
	n->filter.unicast = unicast;
	n->filter.multicast = multicast;
	return true;
}

static bool command_vlan(struct vnet *n, u8 command, const struct virtq_chain *c)
{
	u16 id;

	if (command > VLAN_REMOVE || !virtio_has(&n->d, VNET_F_CTRL_VLAN) || !read_all(c, &id, sizeof(id)) || id > 4095)
		return false;
	if (command == VLAN_ADD)
		n->filter.vlan[id / 64] |= BIT(id % 64);
	else
		n->filter.vlan[id / 64] &= ~BIT(id % 64);
	return true;
}

static bool command_offloads(struct vnet *n, u8 command, const struct virtq_chain *c)
{
	u64 set;

	if (command != OFFLOADS_SET || !virtio_has(&n->d, VNET_F_GUEST_OFFLOADS) || !read_all(c, &set, sizeof(set)) ||
	    set & ~(n->d.accepted & VNET_GUEST_OFFLOADS))
		return false;
	n->offloads = set & BIT(VNET_F_GUEST_CSUM) ? set : 0;
	vnet_port_update(n);
	return true;
}

static bool command_announce(struct vnet *n, u8 command, const struct virtq_chain *c)
{
	if (command != ANNOUNCED || !virtio_has(&n->d, VNET_F_GUEST_ANNOUNCE) || c->read_bytes != COMMAND)
		return false;
	vnet_announced(n);
	return true;
}

static bool command(struct vnet *n, const struct virtq_chain *c)
{
	u8 head[COMMAND];

	if (virtq_head(c, head, COMMAND) != COMMAND)
		return false;
	switch (head[0]) {
	case CLASS_RX:		return command_rx(n, head[1], c);
	case CLASS_MAC:		return command_mac(n, head[1], c);
	case CLASS_VLAN:	return command_vlan(n, head[1], c);
	case CLASS_ANNOUNCE:	return command_announce(n, head[1], c);
	case CLASS_PAIRS:	return vnet_steer_command(n, head[1], c);
	case CLASS_OFFLOADS:	return command_offloads(n, head[1], c);
	default:		return false;
	}
}

static int control_one(struct vnet *n, struct virtq *q)
{
	struct virtq_chain c;
	int got = virtq_take(q, &c);
	u8 ack = ACK_OK;

	if (got <= 0)
		return got;
	if (!c.write_bytes)
		return virtq_break(q, "command without room for an answer");
	n->commands++;
	if (!command(n, &c)) {
		n->bad_commands++;
		ack = ACK_ERROR;
	}
	virtq_copy_to(&c, c.readable, c.writable, 0, &ack, 1);
	virtq_give(q, &c, 1);
	return 1;
}

bool vnet_control(struct vnet *n, u32 queue)
{
	u32 left = TURN_COMMANDS;
	int got = 1;

	while (left && (got = control_one(n, &n->d.queue[queue])) > 0)
		left--;
	if (left < TURN_COMMANDS)
		virtio_remote_flush(&n->remote, queue);
	if (got < 0)
		virtio_remote_fail(&n->remote, queue);
	return left < TURN_COMMANDS;
}
