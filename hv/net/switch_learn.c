/* SPDX-License-Identifier: Apache-2.0 */
/* Whose an address is: learnt MAC addresses, bound IP addresses, leases that pass by. */
#include "switch.h"

#include <hv/lib.h>
#include <hv/log.h>

enum { ETHER = 14, UDP_SIZE = 8, DHCP_READ = 700, DHCP_SERVER = 67, DHCP_CLIENT = 68 };

#define SHARE_GUEST 64u			/* addresses behind a guest that is not held to its own */
#define WAYS_GUEST 2u
#define SHARE_UPLINK (MAC_BUCKETS * 3)	/* one place of each bucket is never an uplink's */
#define WAYS_UPLINK 3u
#define LOOP_LOG_SECONDS 60u

/* MAC addresses. */

static enum net_drop say_loop(struct passage *c)
{
	struct port_state *st = state_of(c->from);

	if (!st->loop_second || switch_second - st->loop_second >= LOOP_LOG_SECONDS) {
		st->loop_second = switch_second;
		log_notice("switch %s: %s brings back what this machine has sent: a loop in the network, or somebody with its "
			"addresses", c->sw->name, c->from->name);
	}
	return DROP_LOOP;
}

enum net_drop passage_source(struct passage *c)
{
	struct port_state *st = state_of(c->from);
	mac_key key = mac_key_of(c->head + NET_MAC, c->vlan);
	bool uplink = c->from->kind == NET_PORT_UPLINK;
	const struct mac_entry *e;

	if (LIKELY(key == st->learnt_last && switch_second == st->learnt_second))
		return NET_DROPS;
	if (c->head[NET_MAC] & 1 || !(key << 16))
		return DROP_MALFORMED;
	e = mac_table_find(&c->sw->macs, key, switch_second);
	if (e && e->fixed) {
		if (e->port == st->index)
			return NET_DROPS;
		return uplink ? say_loop(c) : DROP_SPOOF_MAC;
	}
	if (c->from->kind == NET_PORT_HOST || c->from->kind == NET_PORT_NAT)
		return NET_DROPS;
	mac_table_learn(&c->sw->macs, key, st->index, uplink ? SHARE_UPLINK : SHARE_GUEST, uplink ? WAYS_UPLINK : WAYS_GUEST,
		switch_second);
	st->learnt_last = key;
	st->learnt_second = switch_second;
	return NET_DROPS;
}

struct net_port *switch_find(struct net_switch *s, const u8 mac[NET_MAC], u32 vlan)
{
	const struct mac_entry *e = mac_table_find(&s->macs, mac_key_of(mac, vlan), switch_second);

	return e ? s->port[e->port].port : NULL;
}

/* IP addresses. */

struct asking {
	struct guard_others others;
	const struct passage *c;
};

static bool has4(const struct guard *g, u32 a)
{
	for (u32 i = 0; i < g->ip4_count; i++)
		if (g->ip4[i] == a)
			return true;
	return g->leased == a;
}

static bool others_have4(const struct guard_others *o, u32 a)
{
	const struct passage *c = container_of(o, struct asking, others)->c;

	for (u32 i = 0; i < c->sw->ports; i++) {
		const struct port_state *st = &c->sw->port[i];

		if (st->port != c->from && st->port->vlan == c->vlan && has4(&st->guard, a))
			return true;
	}
	return false;
}

static bool others_have6(const struct guard_others *o, const u8 *a)
{
	const struct passage *c = container_of(o, struct asking, others)->c;

	for (u32 i = 0; i < c->sw->ports; i++) {
		const struct port_state *st = &c->sw->port[i];

		for (u32 k = 0; k < st->guard.ip6_count; k++)
			if (st->port != c->from && st->port->vlan == c->vlan && memcmp(st->guard.ip6[k], a, 16) == 0)
				return true;
	}
	return false;
}

static NOINLINE enum net_drop check_all(struct passage *c)
{
	struct asking a = { { others_have4, others_have6 }, c };
	struct port_state *st = state_of(c->from);
	enum net_drop why;

	/* What a trunk said last may have been in another VLAN, where nobody else has that address. */
	if (UNLIKELY(c->from->trunk))
		st->guard.good4 = 0;
	why = guard_check(&st->guard, c->from->mac, c->head, c->head_len, c->f->len, &a.others);
	if (why == NET_DROPS && (c->f->offload.checksum || c->f->offload.gso) &&
	    !guard_offload_fits(c->head, c->head_len, &c->f->offload))
		why = DROP_OFFLOAD;
	/* A trunk's address is fixed in one VLAN only. */
	return why == NET_DROPS && UNLIKELY(c->from->trunk) ? passage_source(c) : why;
}

enum net_drop passage_guard(struct passage *c)
{
	struct guard *g = &state_of(c->from)->guard;

	if (UNLIKELY(g->leased && switch_second - g->leased_until < 0x80000000u))
		g->leased = g->good4 = 0;
	if (LIKELY(c->head_len >= GUARD_HEAD && !c->from->trunk &&
		   guard_knows(g, c->from->mac, c->head, c->f->len, &c->f->offload)))
		return NET_DROPS;
	return check_all(c);
}

/* What others were allowed to say may be wrong now. */
static void forget_good(struct net_switch *s)
{
	for (u32 i = 0; i < s->ports; i++)
		s->port[i].guard.good4 = 0;
}

int switch_bind_ip4(struct net_port *p, u32 address)
{
	struct guard *g = &state_of(p)->guard;

	for (u32 i = 0; i < g->ip4_count; i++)
		if (g->ip4[i] == address)
			return 0;
	if (g->ip4_count == SWITCH_BOUND_MAX)
		return -E_NOMEM;
	g->ip4[g->ip4_count++] = address;
	forget_good(p->sw);
	return 0;
}

void switch_unbind_ip4(struct net_port *p, u32 address)
{
	struct guard *g = &state_of(p)->guard;

	for (u32 i = 0; i < g->ip4_count; i++)
		if (g->ip4[i] == address)
			g->ip4[i--] = g->ip4[--g->ip4_count];
	g->good4 = 0;
}

int switch_bind_ip6(struct net_port *p, const u8 address[16])
{
	struct guard *g = &state_of(p)->guard;

	for (u32 i = 0; i < g->ip6_count; i++)
		if (memcmp(g->ip6[i], address, 16) == 0)
			return 0;
	if (g->ip6_count == SWITCH_BOUND_MAX)
		return -E_NOMEM;
	memcpy(g->ip6[g->ip6_count++], address, 16);
	return 0;
}

void switch_unbind_ip6(struct net_port *p, const u8 address[16])
{
	struct guard *g = &state_of(p)->guard;

	for (u32 i = 0; i < g->ip6_count; i++)
		if (memcmp(g->ip6[i], address, 16) == 0)
			memmove(g->ip6[i--], g->ip6[--g->ip6_count], 16);
}

/* Leases. */

bool passage_is_lease(const struct passage *c)
{
	const u8 *h = c->head;
	u32 udp = ETHER + (h[ETHER] & 15u) * 4;

	if (c->head_len < udp + 4 || h[12] != 8 || h[13] != 0 || h[ETHER + 9] != 17)
		return false;
	return h[udp] == 0 && h[udp + 1] == DHCP_SERVER && h[udp + 2] == 0 && h[udp + 3] == DHCP_CLIENT;
}

void passage_lease(struct passage *c, struct port_state *to)
{
	static u8 bytes[DHCP_READ];
	u32 len = net_copy(c->f, 0, bytes, sizeof(bytes)), udp, address, seconds;
	struct guard *g = &to->guard;

	if (g->ip4_count || len < ETHER + 20)
		return;				/* the plan has said it */
	udp = ETHER + (bytes[ETHER] & 15u) * 4;
	if (udp + UDP_SIZE > len || !guard_read_lease(g, bytes + udp, len - udp, to->port->mac, &address, &seconds))
		return;
	g->asks = false;
	g->good4 = 0;
	g->leased = address;
	g->leased_until = switch_second + MIN(seconds, 0x7fffffffu) + 1;
	if (address)
		forget_good(to->port->sw);
}
