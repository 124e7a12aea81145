/* SPDX-License-Identifier: Apache-2.0 */
/* Switches, uplinks and guests' ports of the resolved plan. */
#include "capture_file.h"
#include "switch.h"
#include "uplink.h"

#include <hv/control_work.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/pc.h>

static struct net_switch *outside;

/* VLANs of a guest's trunk. */
static u64 vlan_ids[PLAN_GUESTS_MAX][PLAN_NETS_MAX][4096 / 64];

struct net_switch *net_outside(void)
{
	return outside;
}

static u64 storm_of(const struct resolved_switch *rs, u64 usual)
{
	return rs->plan && rs->plan->storm_given ? rs->plan->storm : usual;
}

static int build_switch(const struct resolved_switch *rs)
{
	struct net_switch *s = switch_create(resolved_switch_name(rs));

	if (!s)
		return -E_NOMEM;
	s->plan = rs->plan;
	if (rs->card >= netdev_count())
		return 0;
	s->card = netdev_at(rs->card);
	return uplink_attach(s, s->card, storm_of(rs, SWITCH_STORM_UPLINK));
}

static void bind_addresses(struct net_port *p, const struct plan_net *n)
{
	for (u32 i = 0; i < n->address_count; i++)
		if (n->address[i].v6)
			switch_bind_ip6(p, n->address[i].ip6);
		else
			switch_bind_ip4(p, n->address[i].ip4);
}

static int build_port(struct guest *g, const struct resolved_plan *rp, const struct resolved_guest *rg, u32 index)
{
	const struct plan_net *n = &rg->plan->net[index];
	struct net_port *p = pc_net_port(g, index);
	u64 *ids = vlan_ids[g->index][index];
	u32 sw = rg->net[index].sw;

	if (!p) {
		log_notice("guest %s: net %u: there is no model of a network device", rg->plan->name, index);
		return 0;
	}
	fmt_print(p->name, sizeof(p->name), "%s.%u", rg->plan->name, index);
	memcpy(p->mac, rg->net[index].mac, NET_MAC);
	p->kind = NET_PORT_GUEST;
	p->trunk = n->trunk;
	p->vlan = n->vlan;
	p->isolated = n->isolated;
	p->guard = n->guard;
	p->mtu = n->mtu;
	p->rate_bytes = n->rate;
	p->storm_frames = storm_of(&rp->sw[sw], SWITCH_STORM_GUEST);
	memset(ids, 0, sizeof(vlan_ids[0][0]));
	for (u32 i = 0; i < n->vlan_count; i++)
		ids[n->vlans[i] / 64] |= BIT(n->vlans[i] % 64);
	p->vlan_ids = n->vlan_count ? ids : NULL;
	if (switch_attach(net_switch_at(sw), p))
		return -E_NOMEM;
	bind_addresses(p, n);
	return 0;
}

int net_add_guest(struct guest *g, const struct resolved_plan *rp, const struct resolved_guest *rg)
{
	int err = 0;

	for (u32 k = 0; k < rg->plan->net_count && !err; k++)
		err = build_port(g, rp, rg, k);
	return err;
}

void net_drop_guest(struct guest *g)
{
	for (u32 k = 0; g->pc && k < g->net_count; k++) {
		struct net_port *p = pc_net_port(g, k);

		if (p && p->sw)
			switch_detach(p);
	}
}

void net_announce_guest(struct guest *g)
{
	for (u32 k = 0; g->pc && k < g->net_count; k++) {
		struct net_port *p = pc_net_port(g, k);

		if (p && p->sw)
			switch_announce_port(p);
	}
}

/* At boot: guests are in the order of the plan. */
static int build_ports(const struct resolved_plan *rp)
{
	int err = 0;

	for (u32 i = 0; i < rp->guest_count && !err; i++)
		err = net_add_guest(guests[i], rp, &rp->guest[i]);
	return err;
}

static void build_mirror(struct net_switch *s)
{
	struct port_state *from = NULL, *to = NULL;

	if (!s->plan || !s->plan->line_mirror)
		return;
	for (u32 i = 0; i < s->ports; i++) {
		const struct net_port *p = s->port[i].port;

		if (strcmp(p->name, s->plan->mirror_to) == 0)
			to = &s->port[i];
		if (strcmp(p->name, s->plan->mirror_from) == 0 ||
		    (p->kind == NET_PORT_UPLINK && strcmp(s->plan->mirror_from, "uplink") == 0))
			from = &s->port[i];
	}
	if (from && to)
		switch_mirror(from, to);
}

/* The end of each round: what the cards' drivers put in goes out. */
static bool switch_poll(void *arg, u64 now)
{
	(void)arg;
	switch_clock(now);
	switch_flush();
	return capture_file_poll(now);
}

int net_build(const struct resolved_plan *rp)
{
	static const struct control_work work = { .name = "switch", .poll = switch_poll };
	int err = 0;

	outside = NULL;
	for (u32 i = 0; i < rp->switch_count && !err; i++)
		err = build_switch(&rp->sw[i]);
	if (err || !rp->switch_count)
		return err;
	for (u32 i = 0; i < rp->switch_count; i++)
		if (rp->sw[i].outside < rp->switch_count)
			net_switch_at(i)->outside = net_switch_at(rp->sw[i].outside);
	if (rp->outside < rp->switch_count)
		outside = net_switch_at(rp->outside);
	err = build_ports(rp);
	for (u32 i = 0; i < rp->switch_count && !err; i++)
		build_mirror(net_switch_at(i));
	return err ? err : control_work_add(&work);
}
