/* SPDX-License-Identifier: Apache-2.0 */
#include "nat_port.h"

#include "inet.h"
#include "nat6_port.h"
#include "nat_services.h"
#include "stack.h"

#include <hv/lib.h>
#include <hv/pool.h>
#include <hv/time.h>

#include <lwip/etharp.h>

#define HELD_MAX 256u
#define HOPS 32u
#define HOP_MS 4000ul
#define SWEEP_MS 20ul

struct nat nat;

static struct {
	struct host_port *inside, *outside;
} networks[NAT_NETWORKS];
static u32 network_count;
static u64 sweep_at;

/* Frames that go on by way of a card that reads them itself: kept until it has. In the pool, where DMA may read. */
struct held {
	struct net_frame frame;		/* first: done() gets it */
	struct net_piece piece[NET_PIECES_MAX];
	u8 head[HOST_HEADERS];
	struct net_frame *from;
	struct held *next;
};
static struct held *held_free;

/* Where a packet for the outside goes next, remembered for some seconds: lwIP's ARP table is the truth. */
static struct hop {
	u32 address;
	u8 side;
	u8 mac[6];
	u64 until;
} hops[HOPS];

/* --- frames ------------------------------------------------------------------------------------------------------ */

static void held_done(struct net_frame *f)
{
	struct held *h = (struct held *)f;

	h->from->done(h->from);
	h->next = held_free;
	held_free = h;
}

/* The frame again, with other first bytes: as f lies, beginning with head[0 .. have) instead of its own. */
static bool rebuild(const struct net_frame *f, u32 have, u32 len, u8 *head, struct net_frame *to, struct net_piece *piece)
{
	u32 skip = have, left = len - have;

	*to = *f;
	to->piece = piece;
	to->pieces = 1;
	to->len = len;
	piece[0] = (struct net_piece){ .at = head, .len = have };
	for (u32 i = 0; i < f->pieces && left; i++) {
		struct net_piece p = f->piece[i];

		if (skip >= p.len) {
			skip -= p.len;
			continue;
		}
		if (to->pieces == NET_PIECES_MAX)
			return false;
		p.at += skip;
		p.hpa = p.hpa ? p.hpa + skip : 0;
		p.len = MIN(p.len - skip, left);
		left -= p.len;
		skip = 0;
		piece[to->pieces++] = p;
	}
	return !left;
}

enum net_verdict nat_port_forward(struct host_port *hp, struct net_frame *f, const u8 *head, u32 have, u32 len)
{
	static struct held local;	/* stacks are small */
	static bool local_used;
	struct held *h = f->done ? held_free : NULL;
	bool may_hold = h;

	if (!h && local_used)
		return NET_NO_ROOM;	/* a NAT behind a NAT, of ours */
	if (h)
		held_free = h->next;
	else
		h = &local;
	local_used |= !may_hold;
	memcpy(h->head, head, have);
	if (rebuild(f, have, len, h->head, &h->frame, h->piece)) {
		h->piece[0].hpa = may_hold ? pool_hpa(h->head).v : 0;
		h->from = f;
		h->frame.done = may_hold ? held_done : NULL;
		host_sent();
		if (switch_input(&hp->port, &h->frame))
			return NET_HELD;
	}
	if (may_hold) {
		h->next = held_free;
		held_free = h;
	} else {
		local_used = false;
	}
	return NET_TAKEN;
}

void nat_port_send(struct host_port *hp, const u8 *bytes, u32 len)
{
	struct net_piece piece = { .at = bytes, .len = len };
	struct net_frame f = { .piece = &piece, .pieces = 1, .len = len };

	host_sent();
	switch_input(&hp->port, &f);
}

void nat_put_ethernet(u8 *head, const u8 *to, const u8 *from)
{
	memcpy(head, to, NET_MAC);
	memcpy(head + NET_MAC, from, NET_MAC);
	put16(head + 12, ETHER_IP4);
}

/* --- where to -------------------------------------------------------------------------------------------------------- */

struct arp {
	struct host_port *hp;
	u32 address;
	const u8 *frame;		/* to be sent when the answer comes; null: only ask */
	u32 len;
	bool found;
	u8 mac[6];
};

/* lwIP knows, or asks and keeps the packet meanwhile. */
static void look_up(void *arg)
{
	struct arp *a = arg;
	ip4_addr_t to = { lwip_htonl(a->address) };
	const ip4_addr_t *ip;
	struct eth_addr *mac;
	struct pbuf *p = NULL;

	if (etharp_find_addr(&a->hp->netif, &to, &mac, &ip) >= 0) {
		a->found = true;
		memcpy(a->mac, mac, sizeof(a->mac));
		etharp_query(&a->hp->netif, &to, NULL);	/* renews what is about to age */
		return;
	}
	if (a->frame)
		p = pbuf_alloc(PBUF_LINK, (u16_t)(a->len - ETHER_HEADER), PBUF_RAM);
	if (p)
		pbuf_take(p, a->frame + ETHER_HEADER, (u16_t)(a->len - ETHER_HEADER));
	etharp_query(&a->hp->netif, &to, p);
	if (p)
		pbuf_free(p);
	host_sent();
}

static struct hop *hop_of(u32 side, u32 address)
{
	return &hops[(address * 0x9e3779b1u >> 20 ^ side) % HOPS];
}

/* The neighbour that gets what is for address. false: not known yet; frame, if there is one, waits for it inside of lwIP. */
static bool next_hop(u32 side, struct host_port *hp, u32 address, const u8 *frame, u32 len, u8 mac[6], u64 now)
{
	struct arp a = { .hp = hp, .frame = frame, .len = len };
	struct hop *hop;

	a.address = (address ^ hp->address) & hp->mask ? hp->gateway : address;
	hop = hop_of(side, a.address);
	if (hop->address != a.address || hop->side != side || now >= hop->until) {
		if (!a.address || stack_inside() || !stack_run(look_up, &a) || !a.found)
			return false;
		*hop = (struct hop){ .address = a.address, .side = (u8)side, .until = now + HOP_MS };
		memcpy(hop->mac, a.mac, sizeof(a.mac));
	}
	memcpy(mac, hop->mac, sizeof(hop->mac));
	return true;
}

struct host_port *nat_port_outside(u32 side)
{
	for (u32 i = 0; i < network_count; i++)
		if (networks[i].outside && networks[i].outside->network == side)
			return networks[i].outside;
	return NULL;
}

/* --- packets --------------------------------------------------------------------------------------------------------- */

static enum net_verdict send_outside(struct net_frame *f, u8 *head, const struct nat_packet *p, u64 now)
{
	struct host_port *hp = nat_port_outside(p->side);
	u32 have = ETHER_HEADER + MIN(p->have, p->total), len = ETHER_HEADER + p->total;
	bool small = len <= ETHER_HEADER + 1500 && !p->partial && !p->segment;
	static u8 whole[ETHER_HEADER + 1500];	/* lwIP has copied it before anybody comes by here again */
	u8 mac[6];

	if (!hp)
		return NET_REFUSED;
	if (!next_hop(p->side, hp, get32(p->ip + NAT_TO), NULL, 0, mac, now)) {
		if (!small)
			return NET_TAKEN;	/* its sender repeats it */
		memcpy(whole, head, have);
		net_copy(f, have, whole + have, len - have);
		if (!next_hop(p->side, hp, get32(p->ip + NAT_TO), whole, len, mac, now))
			return NET_TAKEN;
	}
	nat_put_ethernet(head, mac, hp->port.mac);
	return nat_port_forward(hp, f, head, have, len);
}

static enum net_verdict send_member(struct net_frame *f, u8 *head, const struct nat_packet *p)
{
	const struct nat_member *m = &nat.member[p->member];
	struct host_port *hp = networks[m->network].inside;

	nat_put_ethernet(head, m->mac, hp->port.mac);
	return nat_port_forward(hp, f, head, ETHER_HEADER + MIN(p->have, p->total), ETHER_HEADER + p->total);
}

static enum net_verdict act(struct host_port *hp, struct net_frame *f, u8 *head, struct nat_packet *p, enum nat_verdict v, u64 now)
{
	u8 mac[6];

	switch (v) {
	case NAT_SEND:
		return p->to_member ? send_member(f, head, p) : send_outside(f, head, p, now);
	case NAT_ERROR:
		memcpy(mac, head + NET_MAC, sizeof(mac));
		nat_put_ethernet(head, mac, hp->port.mac);
		nat_port_send(hp, head, ETHER_HEADER + p->total);
		return NET_TAKEN;
	default:
		return NET_TAKEN;
	}
}

void nat_port_view(struct nat_packet *p, const struct net_frame *f, u8 *head, u32 n)
{
	*p = (struct nat_packet){ .ip = head + ETHER_HEADER, .have = n - ETHER_HEADER, .len = f->len - ETHER_HEADER,
				  .partial = f->offload.checksum };
	if (f->offload.gso != NET_GSO_NONE)
		p->segment = (u32)f->offload.header - ETHER_HEADER + f->offload.gso_size;
}

/* --- frames to our ports -------------------------------------------------------------------------------------------------- */

s32 nat_port_member(u32 network, const u8 *mac)
{
	for (u32 i = 0; i < NAT_MEMBERS; i++)
		if (nat.member[i].used && nat.member[i].network == network && !memcmp(nat.member[i].mac, mac, 6))
			return (s32)i;
	return -1;
}

static bool take_inside(struct host_port *hp, struct net_frame *f, u8 *head, u32 n, enum net_verdict *v)
{
	u64 now = stack_ms();
	s32 member = nat_port_member(hp->network, head + NET_MAC);
	struct nat_packet p;
	enum nat_verdict verdict;

	if (nat_take_udp(hp, f, head, n, member, now))
		return true;
	if (memcmp(head, hp->port.mac, NET_MAC))
		return false;	/* broadcast: ARP goes another way, the rest is lwIP's to judge */
	if (member < 0) {
		nat_drop(&nat, NAT_DROP_SOURCE);
		return true;
	}
	nat_port_view(&p, f, head, n);
	verdict = nat_from_member(&nat, (u32)member, &p, now);
	if (verdict == NAT_PASS)
		return false;
	*v = act(hp, f, head, &p, verdict, now);
	return true;
}

bool nat_port_take(struct host_port *hp, struct net_frame *f, u8 *head, u32 n, enum net_verdict *v)
{
	struct nat_packet p;
	enum nat_verdict verdict;
	u64 now;

	if (network_count && get16(head + 12) == ETHER_IP6)
		return nat6_port_take(hp, f, head, n, v);
	if (!network_count || get16(head + 12) != ETHER_IP4 || n < ETHER_HEADER + 20)
		return false;
	if (hp->inside)
		return take_inside(hp, f, head, n, v);
	if (memcmp(head, hp->port.mac, NET_MAC))
		return false;
	now = stack_ms();
	nat_port_view(&p, f, head, n);
	verdict = nat_from_side(&nat, hp->network, &p, now);
	if (verdict == NAT_PASS)
		return false;
	*v = act(hp, f, head, &p, verdict, now);
	return true;
}

/* --- set up ----------------------------------------------------------------------------------------------------------------- */

static int held_init(void)
{
	struct held *h = pool_alloc(ALIGN_UP(sizeof(*h) * HELD_MAX, PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);

	if (!h)
		return -E_NOMEM;
	held_free = NULL;
	for (u32 i = 0; i < HELD_MAX; i++) {
		h[i].next = held_free;
		held_free = &h[i];
	}
	return 0;
}

void nat_port_init(void)
{
	u8 seed[24];

	stack_random(seed, sizeof(seed));
	nat_init(&nat, seed);
	nat6_port_init();
	memset(networks, 0, sizeof(networks));
	memset(hops, 0, sizeof(hops));
	network_count = 0;
}

int nat_port_add(struct host_port *hp, u32 side, const struct plan_switch *sw, u32 address, u8 prefix,
		  const struct resolved_plan *rp, u32 sw_index)
{
	u32 mask = prefix ? 0xffffffff << (32 - prefix) : 0, i = network_count;

	assert(i < NAT_NETWORKS && hp->inside);
	if (!i && held_init())
		return -E_NOMEM;
	network_count++;
	hp->network = i;
	networks[i].inside = hp;
	for (u32 o = 0; o < host_port_count; o++)
		if (!host_ports[o].inside && host_ports[o].network == side)
			networks[i].outside = &host_ports[o];
	nat.network[i] = (struct nat_network){ .used = true, .address = address, .mask = mask, .outside = (u8)side };
	nat.side[NAT_NETWORKS + i] = (struct nat_side){ true, address, 65535 };
	nat6_port_add(hp, side);
	nat_services_init(hp, address, mask);
	nat_bind_guests(i, rp, sw_index);
	nat_add_forwards(hp, side, sw);
	return 0;
}

void nat_port_ready(void)
{
	nat_share(&nat);
	nat_share(&nat6.flows);
}

void nat_port_address(u32 side, u32 address, u32 mtu)
{
	if (nat.side[side].address != address)
		nat_forget_side(&nat, side);
	nat.side[side] = (struct nat_side){ address != 0, address, mtu };
	memset(hops, 0, sizeof(hops));
}

void nat_port_servers(u32 side, const u32 *server, u32 count)
{
	for (u32 i = 0; i < NAT_NETWORKS; i++)
		for (u32 s = 0; nat.network[i].outside == side && s < NAT_SERVERS; s++)
			nat.network[i].dns[s] = s < count ? server[s] : 0;
}

bool nat_port_poll(u64 now)
{
	u64 ms = ticks_to_ns(now) / 1000000;

	if (!network_count || ms < sweep_at)
		return false;
	sweep_at = ms + SWEEP_MS;
	nat_sweep(&nat, ms);
	nat6_port_poll(ms);
	return false;
}
