/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's addresses: from the plan, by DHCP, by router advertisements. What the plan does not say comes from whoever
 * runs the network. */
#include <hv/host_net.h>

#include "host_port.h"
#include "host_services.h"
#include "nat6_port.h"
#include "nat_port.h"
#include "stack.h"

#include <hv/control_work.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/net_build.h>
#include <hv/net_text.h>
#include <hv/time.h>

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/ip.h>
#include <lwip/apps/mdns.h>

#define LOOK_MS 100ul

static const struct plan_machine *machine;
static struct host_port *host;		/* the hypervisor's own; null: none */
static char hostname[HOST_NAME_SIZE];
static u64 look_at;
static u32 served;			/* name servers that NAT has heard of */

/* Between other networks there is no way through us but NAT: what came in by one port for the address of another is dropped. */
int bulkhead_ip4_input(struct pbuf *p, struct netif *in);
int bulkhead_ip4_input(struct pbuf *p, struct netif *in)
{
	const struct ip_hdr *ip = p->payload;
	u32 to;

	if (p->len < IP_HLEN)
		return 0;	/* lwIP's to refuse */
	to = lwip_ntohl(ip->dest.addr);
	for (u32 i = 0; i < host_port_count; i++) {
		if (&host_ports[i].netif == in || !host_ports[i].address || host_ports[i].address != to)
			continue;
		pbuf_free(p);
		return 1;
	}
	return 0;
}

struct host_port *host_own_port(void)
{
	return host;
}

const char *host_name(void)
{
	return hostname;
}

static void ip6_up(struct host_port *hp)
{
	const struct plan_host_net *h = &machine->net;
	ip6_addr_t a;
	s8_t slot;

	if (h->ipv6 == HOST_IPV6_OFF)
		return;
	netif_create_ip6_linklocal_address(&hp->netif, 1);
	netif_set_ip6_autoconfig_enabled(&hp->netif, h->ipv6 == HOST_IPV6_AUTO);
	if (h->ipv6 != HOST_IPV6_STATIC)
		return;
	memcpy(a.addr, h->address6, sizeof(a.addr));
	ip6_addr_clear_zone(&a);
	netif_add_ip6_address(&hp->netif, &a, &slot);
}

void host_to_lwip(const struct plan_address *from, ip_addr_t *to)
{
	memset(to, 0, sizeof(*to));
	if (from->v6) {
		IP_SET_TYPE(to, IPADDR_TYPE_V6);
		memcpy(ip_2_ip6(to)->addr, from->ip6, 16);
	} else {
		IP_SET_TYPE(to, IPADDR_TYPE_V4);
		ip_2_ip4(to)->addr = lwip_htonl(from->ip4);
	}
}

static bool is_among(const ip_addr_t *list, u32 count, const ip_addr_t *a)
{
	for (u32 i = 0; i < count; i++)
		if (ip_addr_eq(&list[i], a))
			return true;
	return false;
}

/* lwIP puts what DHCP and router advertisements of any of our ports name over what is there: the plan's go before it again. */
static void order_servers(void)
{
	const struct plan_host_net *h = &machine->net;
	ip_addr_t list[DNS_MAX_SERVERS];
	u32 count = 0;

	_Static_assert(PLAN_SERVERS_MAX <= DNS_MAX_SERVERS, "the plan's name servers have places");
	for (u32 i = 0; i < h->dns_count; i++)
		host_to_lwip(&h->dns[i], &list[count++]);
	for (u32 i = 0; count && i < DNS_MAX_SERVERS && count < DNS_MAX_SERVERS; i++) {
		const ip_addr_t *a = dns_getserver((u8_t)i);

		if (!ip_addr_isany(a) && !is_among(list, count, a))
			list[count++] = *a;
	}
	for (u32 i = 0; i < count; i++)
		dns_setserver((u8_t)i, &list[i]);
}

static void own_up(struct host_port *hp)
{
	const struct plan_host_net *h = &machine->net;
	ip4_addr_t address = { lwip_htonl(h->address) }, gateway = { lwip_htonl(h->gateway) };
	ip4_addr_t mask = { lwip_htonl(h->prefix ? 0xffffffffu << (32 - h->prefix) : 0) };

	netif_set_default(&hp->netif);
	if (h->how == HOST_NET_STATIC)
		netif_set_addr(&hp->netif, &address, &mask, &gateway);
	else if (h->how == HOST_NET_DHCP)
		dhcp_start(&hp->netif);
	ip6_up(hp);
	order_servers();
}

static void gateway_up(struct host_port *hp)
{
	ip4_addr_t address = { lwip_htonl(nat.network[hp->network].address) }, mask = { lwip_htonl(nat.network[hp->network].mask) };

	netif_set_addr(&hp->netif, &address, &mask, NULL);
	hp->address = nat.network[hp->network].address;
	hp->mask = nat.network[hp->network].mask;
}

/* All of lwIP's state is new. Inside of lwIP. */
static void begin(void)
{
	host_ports_reset();
	for (u32 i = 0; i < host_port_count; i++) {
		struct host_port *hp = &host_ports[i];

		host_port_up(hp);
		if (hp->inside)
			gateway_up(hp);
		else if (hp == host)
			own_up(hp);
		else
			dhcp_start(&hp->netif);
	}
	host_services_begin(machine, host, hostname);
}

/* --- what changes ---------------------------------------------------------------------------------------------------- */

static u32 prefix_of(u32 mask)
{
	return mask ? 32 - (u32)__builtin_ctz(mask) : 0;
}

static void look4(struct host_port *hp)
{
	u32 address = lwip_ntohl(netif_ip4_addr(&hp->netif)->addr);
	bool dhcp = hp != host || machine->net.how == HOST_NET_DHCP;
	char text[IP4_TEXT], where[32];

	if (!netif_is_link_up(&hp->netif))
		address = 0;
	hp->mask = lwip_ntohl(netif_ip4_netmask(&hp->netif)->addr);
	hp->gateway = lwip_ntohl(netif_ip4_gw(&hp->netif)->addr);
	if (address == hp->address)
		return;
	fmt_print(where, sizeof(where), hp == host ? "host" : "outside of NAT %s:", hp->port.name);
	if (address)
		log_notice("%s address %s/%u (%s)", where, ip4_format(text, address), prefix_of(hp->mask), dhcp ? "DHCP" : "plan");
	else
		log_notice("%s address %s is gone", where, ip4_format(text, hp->address));
	hp->address = address;
	nat_port_address(hp->network, address, hp->netif.mtu);
}

static void look6(struct host_port *hp)
{
	static u32 said[LWIP_IPV6_NUM_ADDRESSES];
	const u8 *usable = NULL;
	char text[IP6_TEXT];

	for (u32 i = 1; i < LWIP_IPV6_NUM_ADDRESSES && hp == host; i++) {
		const ip6_addr_t *a = netif_ip6_addr(&hp->netif, (s8_t)i);
		u32 sum = ip6_addr_isvalid(netif_ip6_addr_state(&hp->netif, (s8_t)i)) ?
			  a->addr[0] ^ a->addr[1] ^ a->addr[2] ^ a->addr[3] ^ 1 : 0;

		if (!usable && netif_is_link_up(&hp->netif) && ip6_addr_ispreferred(netif_ip6_addr_state(&hp->netif, (s8_t)i)))
			usable = (const u8 *)a->addr;
		if (sum == said[i])
			continue;
		said[i] = sum;
		if (sum)
			log_notice("host address %s/64 (%s)", ip6_format(text, (const u8 *)a->addr),
				   machine->net.ipv6 == HOST_IPV6_STATIC && i == 1 ? "plan" : "IPv6 auto");
	}
	nat6_port_address(hp->network, usable, hp->netif.mtu);
}

/* NAT's guests ask the name servers that lwIP has; only IPv4 ones can be reached through NAT. */
static void look_servers(void)
{
	u32 server[NAT_SERVERS] = { 0 }, count = 0, sum = 0;

	for (u32 i = 0; i < DNS_MAX_SERVERS && count < NAT_SERVERS; i++) {
		const ip_addr_t *a = dns_getserver((u8_t)i);

		if (IP_IS_V4(a) && !ip_addr_isany(a))
			server[count++] = lwip_ntohl(ip_2_ip4(a)->addr);
	}
	for (u32 i = 0; i < NAT_SERVERS; i++)
		sum = sum * 31 + server[i];
	if (sum == served)
		return;
	served = sum;
	for (u32 i = 0; i < NAT_NETWORKS; i++)
		nat_port_servers(i, server, count);
}

static void look(void *arg)
{
	(void)arg;
	for (u32 i = 0; i < host_port_count; i++) {
		struct host_port *hp = &host_ports[i];

		if (hp->inside)
			continue;
		look4(hp);
		look6(hp);
	}
	order_servers();
	look_servers();
	host_services_look(host);
}

static bool poll(void *arg, u64 now)
{
	u64 ms = ticks_to_ns(now) / 1000000;
	bool any = host_ports_poll();

	(void)arg;
	any |= stack_poll(now);
	nat_port_poll(now);
	if (ms >= look_at) {
		look_at = ms + LOOK_MS;
		host_ports_link();
		stack_run(look, NULL);
		host_services_poll(now);
	}
	if (host_ports_poll())
		any = true;
	return any;
}

/* --- set up ------------------------------------------------------------------------------------------------------------- */

static void name_us(const char *name)
{
	fmt_print(hostname, sizeof(hostname), "bulkhead%s%s", *name ? "-" : "", name);
	for (char *c = hostname; *c; c++)
		if (*c == '.' || *c == '_')
			*c = '-';
}

/* A card that is the uplink of our switch has an address of its own that the network may know already. */
static void mac_for(struct net_switch *sw, u32 index, u8 mac[6])
{
	struct netdev *card = net_switch_card(sw);

	if (card) {
		memcpy(mac, card->mac, 6);
		return;
	}
	memcpy(mac, (const u8[6]){ 0x42, 'b', 'k', 'h', 0, (u8)index }, 6);
}

/* The port towards switch index of the resolved plan; there is one for each. */
static struct host_port *outside_port(u32 index, u16 vlan)
{
	struct net_switch *sw = net_switch_at(index);
	struct host_port *hp;
	u32 side = 0;
	u8 mac[6];

	for (u32 i = 0; i < host_port_count; i++) {
		if (!host_ports[i].inside && host_ports[i].port.sw == sw)
			return &host_ports[i];
		side += !host_ports[i].inside;
	}
	if (side == NAT_NETWORKS)
		return NULL;
	mac_for(sw, host_port_count, mac);
	hp = host_port_add(sw, "host", mac, vlan, false);
	if (hp) {
		hp->network = side;
		hp->hostname = hostname;
		if (side)
			fmt_print(hp->port.name, sizeof(hp->port.name), "host%u", side);
	}
	return hp;
}

static int add_nat(const struct resolved_plan *rp, u32 index)
{
	const struct resolved_switch *rs = &rp->sw[index];
	struct host_port *out = rs->outside == NO_CARD ? NULL : outside_port(rs->outside, 0), *in;
	u8 mac[6];

	mac_for(net_switch_at(index), host_port_count, mac);
	in = host_port_add(net_switch_at(index), "gateway", mac, 0, true);
	if (!in)
		return -E_NOMEM;
	in->hostname = hostname;
	if (!out)
		log_notice("switch %s: no network card leads outside: its guests reach each other only", rs->plan->name);
	return nat_port_add(in, out ? out->network : NAT_NETWORKS - 1, rs->plan, rs->address, rs->prefix, rp, index);
}

int host_net_build(const struct plan *plan, const struct resolved_plan *rp)
{
	static const struct control_work work = { .name = "host network", .poll = poll };
	u32 networks = 0;

	machine = &plan->machine;
	host = NULL;
	host_port_count = 0;
	name_us(machine->name);
	stack_prepare();
	nat_port_init();
	if (rp->host != NO_CARD)
		host = outside_port(rp->host, machine->net.vlan);
	for (u32 i = 0; i < rp->switch_count; i++) {
		if (!rp->sw[i].plan || !rp->sw[i].plan->nat)
			continue;
		if (networks++ == NAT_NETWORKS || add_nat(rp, i)) {
			log_error("net: switch %s: no room for its NAT", rp->sw[i].plan->name);
			return -E_NOMEM;
		}
	}
	nat_port_ready();
	if (!host_port_count)
		return 0;
	stack_init(begin);
	return control_work_add(&work);
}
