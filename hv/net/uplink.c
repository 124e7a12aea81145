/* SPDX-License-Identifier: Apache-2.0 */
/* A network card as a port of a switch. */
#include "uplink.h"

#include "switch.h"

#include <hv/lib.h>

struct uplink {
	struct net_port port;
	struct netdev *card;
};

static struct uplink uplinks[NETDEVS_MAX];
static u32 count;

static void uplink_receive(struct netdev *n, struct net_frame *f)
{
	struct uplink *u = n->owner;

	switch_input(&u->port, f);
}

static void uplink_link_changed(struct netdev *n)
{
	struct uplink *u = n->owner;

	u->port.up = n->link;
	if (n->link)
		switch_announce(&u->port);	/* behind it may be other switches than before */
}

static enum net_verdict uplink_deliver(struct net_port *p, struct net_frame *f)
{
	struct netdev *n = ((struct uplink *)p->owner)->card;

	return n->ops->send(n, f);
}

static void uplink_flush(struct net_port *p)
{
	struct netdev *n = ((struct uplink *)p->owner)->card;

	n->ops->kick(n);
}

static const struct net_port_ops uplink_ops = { .deliver = uplink_deliver, .flush = uplink_flush };

int uplink_attach(struct net_switch *s, struct netdev *n, u64 storm_frames)
{
	struct uplink *u = &uplinks[count];
	int err;

	assert(count < NETDEVS_MAX && !n->owner);
	*u = (struct uplink){ .card = n, .port = { .ops = &uplink_ops, .owner = u, .kind = NET_PORT_UPLINK, .trunk = true,
		.up = n->link, .mtu = n->mtu_max, .takes_checksum = n->can_checksum, .takes_gso4 = n->can_tso4,
		.takes_gso6 = n->can_tso6, .takes_vlan = n->can_vlan, .storm_frames = storm_frames } };
	str_copy(u->port.name, sizeof(u->port.name), n->name);
	err = switch_attach(s, &u->port);
	if (err)
		return err;
	count++;
	n->owner = u;
	n->receive = uplink_receive;
	n->link_changed = uplink_link_changed;
	n->ops->promiscuous(n, true);
	return 0;
}
