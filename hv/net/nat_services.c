/* SPDX-License-Identifier: Apache-2.0 */
#include "nat_services.h"

#include "dns_names.h"
#include "inet.h"
#include "nat6_port.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/net_text.h>

#define UDP_HEADER 8u
#define DATA (ETHER_HEADER + 20 + UDP_HEADER)
#define REQUEST_MAX 1472u
enum { PORT_DNS = 53, PORT_DHCP_SERVER = 67, PORT_DHCP_CLIENT = 68 };

_Static_assert(PLAN_NATS_MAX <= NAT_NETWORKS && PLAN_FORWARDS_ALL <= NAT_FORWARDS && PLAN_NAT_DEVICES <= DHCP_FIXED &&
	       PLAN_GUESTS_MAX * PLAN_NETS_MAX <= NAT_MEMBERS, "what admission lets pass has a place");

struct dhcp_server nat_dhcp[NAT_NETWORKS];

/* An answer as a whole frame; the data lies at DATA already. */
static void answer(struct host_port *hp, u8 *frame, const u8 *mac, u32 to, u16 from_port, u16 to_port, u32 length)
{
	u8 *ip = frame + ETHER_HEADER, *udp = ip + 20;
	u32 sum;

	nat_put_ethernet(frame, mac, hp->port.mac);
	memset(ip, 0, 20 + UDP_HEADER);
	ip[0] = 0x45;
	put16(ip + 2, (u16)(20 + UDP_HEADER + length));
	ip[8] = 64;
	ip[9] = IP_UDP;
	put32(ip + NAT_FROM, nat_dhcp[hp->network].address);
	put32(ip + NAT_TO, to);
	put16(ip + 10, (u16)~inet_fold(inet_sum(ip, 20, 0)));
	put16(udp, from_port);
	put16(udp + 2, to_port);
	put16(udp + 4, (u16)(UDP_HEADER + length));
	sum = inet_sum(ip + NAT_FROM, 8, IP_UDP + UDP_HEADER + length);
	sum = (u16)~inet_fold(inet_sum(udp, UDP_HEADER + length, sum));
	put16(udp + 6, sum ? (u16)sum : 0xffff);
	nat_port_send(hp, frame, DATA + length);
}

static void member_set(u32 index, u32 network, const struct dhcp_binding *b)
{
	struct nat_member *m = &nat.member[index];

	if (m->used && m->address == b->address && !memcmp(m->mac, b->mac, 6))
		return;
	if (m->used)
		nat_forget_member(&nat, index);
	m->used = true;
	m->guest = b->fixed;
	m->network = (u8)network;
	m->address = b->address;
	memcpy(m->mac, b->mac, 6);
	nat6_port_member(index, m);
}

/* A stranger with a lease: any free place; his flows end with it. */
static void lease_given(u32 network, const struct dhcp_binding *b)
{
	u32 free = NAT_MEMBERS;

	for (u32 i = 0; i < NAT_MEMBERS; i++) {
		struct nat_member *m = &nat.member[i];

		if (m->used && m->network == network && m->address == b->address) {
			member_set(i, network, b);
			return;
		}
		if (!m->used && free == NAT_MEMBERS)
			free = i;
	}
	if (free < NAT_MEMBERS)
		member_set(free, network, b);
}

static void serve_dhcp(struct host_port *hp, const u8 *data, u32 length, const u8 *mac, u64 now)
{
	static const u8 everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	u8 frame[DATA + DHCP_MESSAGE_MAX];
	struct dhcp_answer a;
	char text[IP4_TEXT];

	if (!dhcp_serve(&nat_dhcp[hp->network], data, length, mac, now, &a))
		return;
	memcpy(frame + DATA, a.message, a.length);
	answer(hp, frame, a.to == 0xffffffff ? everybody : mac, a.to, PORT_DHCP_SERVER, PORT_DHCP_CLIENT, a.length);
	if (!a.given)
		return;
	lease_given(hp->network, a.given);
	log_debug("nat: %s has %s", *a.given->name ? a.given->name : "a stranger", ip4_format(text, a.given->address));
}

static u32 name_address(void *context, const char *name)
{
	const struct host_port *hp = context;
	const struct dhcp_server *s = &nat_dhcp[hp->network];

	if (!strcmp(name, "gateway"))
		return s->address;
	for (u32 i = 0; i < DHCP_FIXED; i++)
		if (s->binding[i].used && !strcmp(s->binding[i].name, name))
			return s->binding[i].address;
	return 0;
}

static const char *address_name(void *context, u32 address, bool *mine)
{
	const struct host_port *hp = context;
	const struct dhcp_server *s = &nat_dhcp[hp->network];

	*mine = !((address ^ s->address) & s->mask);
	if (address == s->address)
		return "gateway";
	for (u32 i = 0; i < DHCP_FIXED; i++)
		if (s->binding[i].used && s->binding[i].address == address)
			return s->binding[i].name;
	return NULL;
}

/* true: answered here, or void. */
static bool serve_dns(struct host_port *hp, const u8 *ip, const u8 *data, u32 length, const u8 *mac)
{
	const struct dns_names names = { hp, name_address, address_name };
	const struct nat_network *n = &nat.network[hp->network];
	u8 frame[DATA + DNS_MESSAGE_MAX];
	u32 size = 0;
	enum dns_verdict v = dns_serve(&names, data, length, frame + DATA, &size);

	if (v == DNS_FORWARD && nat.side[n->outside].up && (n->dns[0] || n->dns[1] || n->dns[2]))
		return false;
	if (v == DNS_FORWARD)
		size = dns_fail(data, length, frame + DATA);
	if (size)
		answer(hp, frame, mac, get32(ip + NAT_FROM), PORT_DNS, get16(ip + 20), size);
	return true;
}

/* A whole UDP datagram for the gateway or for everybody. Its sum is not looked at: DHCP's and DNS's contents are checked. */
static bool is_for_services(const struct host_port *hp, const struct net_frame *f, const u8 *ip, u32 n)
{
	u32 to = n >= DATA ? get32(ip + NAT_TO) : 0, length = n >= DATA ? get16(ip + 24) : 0, port = get16(ip + 22);

	return n >= DATA && ip[0] == 0x45 && ip[9] == IP_UDP && !(get16(ip + 6) & 0x3fff) && f->offload.gso == NET_GSO_NONE &&
	       length >= UDP_HEADER && 20 + length <= get16(ip + 2) && ETHER_HEADER + get16(ip + 2) <= f->len &&
	       f->len <= DATA + REQUEST_MAX &&
	       ((port == PORT_DHCP_SERVER && to == 0xffffffff) ||
		((port == PORT_DHCP_SERVER || port == PORT_DNS) && to == nat_dhcp[hp->network].address));
}

bool nat_take_udp(struct host_port *hp, const struct net_frame *f, const u8 *head, u32 n, s32 member, u64 now)
{
	static u8 frame[DATA + REQUEST_MAX];	/* stacks are small */
	u8 *ip = frame + ETHER_HEADER, *udp = ip + 20;
	u32 length;

	if (!is_for_services(hp, f, head + ETHER_HEADER, n))
		return false;
	memcpy(frame, head, n);
	net_copy(f, n, frame + n, sizeof(frame) - n);
	length = (u32)get16(udp + 4) - UDP_HEADER;
	if (get16(udp + 2) == PORT_DHCP_SERVER) {
		serve_dhcp(hp, udp + UDP_HEADER, length, frame + NET_MAC, now);
		return true;
	}
	return member >= 0 && get32(ip + NAT_FROM) == nat.member[member].address &&
	       serve_dns(hp, ip, udp + UDP_HEADER, length, frame + NET_MAC);
}

void nat_bind_guests(u32 network, const struct resolved_plan *rp, u32 sw_index)
{
	struct dhcp_server *s = &nat_dhcp[network];
	u32 next = 0;

	for (u32 g = 0; g < rp->guest_count; g++) {
		const struct resolved_guest *rg = &rp->guest[g];

		for (u32 i = 0; i < rg->plan->net_count; i++) {
			if (rg->net[i].sw != sw_index || !dhcp_bind(s, rg->net[i].mac, rg->plan->name))
				continue;
			while (nat.member[next].used)
				next++;
			member_set(next, network, dhcp_find(s, rg->net[i].mac, 0));
		}
	}
}

static void share_anew(void)
{
	nat_share(&nat);
	nat_share(&nat6.flows);
}

void nat_add_card(u32 network, const u8 mac[NET_MAC], const char *name)
{
	struct dhcp_server *s = &nat_dhcp[network];

	nat_drop_card(network, mac);		/* it may have had a stranger's lease */
	if (dhcp_bind(s, mac, name))
		lease_given(network, dhcp_find(s, mac, 0));
	share_anew();
}

void nat_drop_card(u32 network, const u8 mac[NET_MAC])
{
	dhcp_unbind(&nat_dhcp[network], mac);
	for (u32 i = 0; i < NAT_MEMBERS; i++) {
		struct nat_member *m = &nat.member[i];

		if (!m->used || m->network != network || memcmp(m->mac, mac, sizeof(m->mac)))
			continue;
		nat_forget_member(&nat, i);
		m->used = m->guest = false;
		nat6_port_member(i, m);
	}
	share_anew();
}

void nat_add_forwards(struct host_port *hp, u32 side, const struct plan_switch *sw)
{
	for (u32 i = 0; i < sw->forward_count && nat.forwards < NAT_FORWARDS; i++) {
		const struct plan_forward *f = &sw->forward[i];
		u32 address = name_address(hp, f->guest);

		for (u32 m = 0; address && m < NAT_MEMBERS; m++)
			if (nat.member[m].used && nat.member[m].network == hp->network && nat.member[m].address == address)
				nat.forward[nat.forwards++] = (struct nat_forward){
					.side = (u8)side, .proto = f->udp ? IP_UDP : IP_TCP, .member = (u8)m,
					.port = f->port, .member_port = f->guest_port };
	}
}

void nat_services_init(struct host_port *hp, u32 address, u32 mask)
{
	dhcp_init(&nat_dhcp[hp->network], address, mask, 1500, DNS_DOMAIN);
}

u32 nat_port_guest(const char *name)
{
	u32 found = 0;

	for (u32 i = 0; i < host_port_count && !found; i++)
		if (host_ports[i].inside)
			found = name_address(&host_ports[i], name);
	return found;
}
