/* SPDX-License-Identifier: Apache-2.0 */
#include "nat6_port.h"

#include "inet.h"
#include "nat_services.h"
#include "stack.h"

#include <hv/lib.h>
#include <hv/net_build.h>

#include <lwip/nd6.h>

#define HOPS 32u
#define HOP_MS 4000ul
#define ADVERTISE_MS 60000ul
#define ADVERTISE_SOON_MS 3000ul

struct nat6 nat6;

static struct {
	struct host_port *inside;	/* null: there is no such network */
	struct nat6_router router;
	u64 advertise_at;
} networks[NAT_NETWORKS];

/* The neighbour for an address, remembered for some seconds: lwIP's table is the truth. */
static struct hop {
	u8 address[16], mac[6];
	u8 side;
	u64 until;
} hops[HOPS];

void nat6_port_init(void)
{
	u8 seed[24];

	stack_random(seed, sizeof(seed));
	nat6_init(&nat6, seed);
	memset(networks, 0, sizeof(networks));
	memset(hops, 0, sizeof(hops));
}

/* fd, 40 bits of the hypervisor's and the switch's names, the network's number: the same at each start. RFC 4193 3.2 wants them
 * random; two machines of the same name never meet with them, as they do not leave this one. */
static void make_prefix(u8 to[8], const struct host_port *hp)
{
	const char *const name[] = { hp->hostname ? hp->hostname : "", net_switch_name(hp->port.sw) };
	u64 h = 0xcbf29ce484222325ul;

	for (u32 i = 0; i < 2; i++)
		for (const char *c = name[i]; *c; c++)
			h = (h ^ (u8)*c) * 0x100000001b3ul;
	h ^= h >> 29;
	to[0] = 0xfd;
	for (u32 i = 1; i < 6; i++)
		to[i] = (u8)(h >> 8 * i);
	put16(to + 6, (u16)hp->network);
}

void nat6_port_add(struct host_port *hp, u32 side)
{
	u32 i = hp->network;

	make_prefix(nat6.prefix[i], hp);
	nat6.flows.network[i] = (struct nat_network){ .used = true, .outside = (u8)side };
	networks[i].inside = hp;
	nat6_router_init(&networks[i].router, hp->port.mac, nat6.prefix[i]);
}

void nat6_port_member(u32 index, const struct nat_member *m)
{
	struct nat_member *to = &nat6.flows.member[index];

	if (to->used)
		nat6_forget_member(&nat6, index);
	to->used = m->used;
	to->guest = m->guest;
	to->network = m->network;
}

void nat6_port_address(u32 side, const u8 *address, u32 mtu)
{
	struct nat6_side *s = &nat6.side[side];

	if (s->up == !!address && (!address || (s->mtu == mtu && !memcmp(s->address, address, 16))))
		return;
	if (s->up)
		nat6_forget_side(&nat6, side);
	*s = (struct nat6_side){ .up = address, .mtu = mtu };
	if (address)
		memcpy(s->address, address, 16);
	memset(hops, 0, sizeof(hops));
	for (u32 i = 0; i < NAT_NETWORKS; i++) {
		if (!networks[i].inside || nat6.flows.network[i].outside != side)
			continue;
		networks[i].router.outside = address;
		networks[i].advertise_at = 0;
	}
}

/* --- where to -------------------------------------------------------------------------------------------------------- */

struct query {
	struct host_port *hp;
	ip6_addr_t to;
	const u8 *frame;		/* to be sent when the answer comes */
	u32 len;
	bool found;
	u8 mac[6];
};

/* lwIP knows, or asks and keeps the packet meanwhile. */
static void look_up(void *arg)
{
	struct query *q = arg;
	struct pbuf *p = pbuf_alloc(PBUF_LINK, (u16_t)(q->len - ETHER_HEADER), PBUF_RAM);
	const u8_t *mac = NULL;

	if (!p)
		return;
	pbuf_take(p, q->frame + ETHER_HEADER, (u16_t)(q->len - ETHER_HEADER));
	ip6_addr_assign_zone(&q->to, IP6_UNICAST, &q->hp->netif);
	if (nd6_get_next_hop_addr_or_queue(&q->hp->netif, p, &q->to, &mac) == ERR_OK && mac) {
		q->found = true;
		memcpy(q->mac, mac, sizeof(q->mac));
	}
	pbuf_free(p);
	host_sent();
}

static struct hop *hop_of(u32 side, const u8 *address)
{
	return &hops[((get32(address + 12) ^ get32(address + 4)) * 0x9e3779b1u >> 20 ^ side) % HOPS];
}

/* The whole packet, its sum made, as it may have to wait. */
static bool ask(struct host_port *hp, struct net_frame *f, const u8 *head, const struct nat_packet *p, u8 mac[6])
{
	static u8 whole[ETHER_HEADER + 1500];	/* stacks are small; lwIP has copied it before anybody comes by here again */
	u32 have = ETHER_HEADER + MIN(p->have, p->total), len = ETHER_HEADER + p->total;
	struct query q = { .hp = hp, .frame = whole, .len = len };

	if (len > sizeof(whole) || p->segment || stack_inside())
		return false;		/* its sender repeats it */
	memcpy(whole, head, have);
	net_copy(f, have, whole + have, len - have);
	if (p->partial)
		nat6_finish_sum(whole + ETHER_HEADER, p->total);
	memcpy(q.to.addr, p->ip + NAT6_TO, 16);
	if (!stack_run(look_up, &q) || !q.found)
		return false;
	memcpy(mac, q.mac, 6);
	return true;
}

static enum net_verdict send_outside(struct net_frame *f, u8 *head, const struct nat_packet *p, u64 now)
{
	struct host_port *hp = nat_port_outside(p->side);
	struct hop *hop = hop_of(p->side, p->ip + NAT6_TO);

	if (!hp)
		return NET_REFUSED;
	if (now >= hop->until || hop->side != p->side || memcmp(hop->address, p->ip + NAT6_TO, 16)) {
		u8 mac[6];

		if (!ask(hp, f, head, p, mac))
			return NET_TAKEN;
		*hop = (struct hop){ .side = p->side, .until = now + HOP_MS };
		memcpy(hop->address, p->ip + NAT6_TO, 16);
		memcpy(hop->mac, mac, 6);
	}
	nat_put_ethernet(head, hop->mac, hp->port.mac);
	put16(head + 12, ETHER_IP6);
	return nat_port_forward(hp, f, head, ETHER_HEADER + MIN(p->have, p->total), ETHER_HEADER + p->total);
}

static enum net_verdict send_member(struct net_frame *f, u8 *head, const struct nat_packet *p)
{
	struct host_port *hp = networks[nat6.flows.member[p->member].network].inside;

	nat_put_ethernet(head, nat.member[p->member].mac, hp->port.mac);
	put16(head + 12, ETHER_IP6);
	return nat_port_forward(hp, f, head, ETHER_HEADER + MIN(p->have, p->total), ETHER_HEADER + p->total);
}

/* --- frames to our ports ----------------------------------------------------------------------------------------------- */

static void answer(struct host_port *hp, const struct net_frame *f)
{
	static u8 frame[NAT6_ANSWER_MAX], to[NAT6_ANSWER_MAX];
	u32 n;

	if (f->len > sizeof(frame) || f->offload.checksum || f->offload.gso != NET_GSO_NONE)
		return;
	net_copy(f, 0, frame, f->len);
	n = nat6_answer(&networks[hp->network].router, frame, f->len, to);
	if (n)
		nat_port_send(hp, to, n);
}

static void take_inside(struct host_port *hp, struct net_frame *f, u8 *head, u32 n, enum net_verdict *v)
{
	s32 member = nat_port_member(hp->network, head + NET_MAC);
	struct nat_packet p;

	if (nat6_for_router(&networks[hp->network].router, head + ETHER_HEADER)) {
		answer(hp, f);
		return;
	}
	if (memcmp(head, hp->port.mac, NET_MAC))
		return;
	if (member < 0) {
		nat_drop(&nat6.flows, NAT_DROP_SOURCE);
		return;
	}
	nat_port_view(&p, f, head, n);
	if (nat6_from_member(&nat6, (u32)member, &p, stack_ms()) == NAT_SEND)
		*v = send_outside(f, head, &p, stack_ms());
}

/* Nothing that came from inside is lwIP's. */
bool nat6_port_take(struct host_port *hp, struct net_frame *f, u8 *head, u32 n, enum net_verdict *v)
{
	struct nat_packet p;
	enum nat_verdict verdict;

	if (n < ETHER_HEADER + IP6_HEADER)
		return hp->inside;
	if (hp->inside) {
		take_inside(hp, f, head, n, v);
		return true;
	}
	if (memcmp(head, hp->port.mac, NET_MAC))
		return false;
	nat_port_view(&p, f, head, n);
	verdict = nat6_from_side(&nat6, hp->network, &p, stack_ms());
	if (verdict == NAT_SEND)
		*v = send_member(f, head, &p);
	return verdict != NAT_PASS;
}

void nat6_port_poll(u64 ms)
{
	u8 frame[128];

	nat_sweep(&nat6.flows, ms);
	for (u32 i = 0; i < NAT_NETWORKS; i++) {
		if (!networks[i].inside || ms < networks[i].advertise_at)
			continue;
		networks[i].advertise_at = ms + (ms < ADVERTISE_MS ? ADVERTISE_SOON_MS : ADVERTISE_MS);
		nat_port_send(networks[i].inside, frame, nat6_advertise(&networks[i].router, frame));
	}
}
