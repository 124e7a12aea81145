/* SPDX-License-Identifier: Apache-2.0 */
/* `net host` and `net nat`: the hypervisor's network in words. */
#include <hv/host_net.h>

#include "host_services.h"
#include "nat6_port.h"
#include "stack.h"

#include <hv/lib.h>
#include <hv/net_build.h>
#include <hv/net_text.h>
#include <hv/time.h>

#include <lwip/dhcp.h>
#include <lwip/dns.h>
#include <lwip/apps/sntp.h>

typedef void print_fn(const char *fmt, ...);

static void show_lease(print_fn *print, const struct netif *n)
{
	const struct dhcp *d = netif_dhcp_data(n);
	char from[IP6_TEXT];

	if (d && d->offered_t0_lease && dhcp_supplied_address(n))
		print("  lease    %u s, renewed after %u s, from %s\n", d->offered_t0_lease, d->offered_t1_renew,
		      host_address_format(from, &d->server_ip_addr));
	else if (d)
		print("  lease    none yet, asked %u times\n", d->tries);
}

static void show_addresses(print_fn *print, const struct host_port *hp)
{
	char text[IP6_TEXT], gateway[IP4_TEXT];

	if (hp->address)
		print("  address  %s/%u, gateway %s\n", ip4_format(text, hp->address),
		      hp->mask ? 32 - (u32)__builtin_ctz(hp->mask) : 0, hp->gateway ? ip4_format(gateway, hp->gateway) : "none");
	else
		print("  address  none\n");
	for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++)
		if (ip6_addr_isvalid(netif_ip6_addr_state(&hp->netif, i)))
			print("  address  %s/64\n", ip6_format(text, (const u8 *)netif_ip6_addr(&hp->netif, i)->addr));
}

static void show_port(print_fn *print, const struct host_port *hp)
{
	char mac[MAC_TEXT];

	print("%s on switch %s, %s, link %s\n", hp->port.name, net_switch_name(hp->port.sw), mac_format(mac, hp->port.mac),
	      netif_is_link_up(&hp->netif) ? "up" : "down");
	show_addresses(print, hp);
	if (!hp->inside)
		show_lease(print, &hp->netif);
	print("  frames   %lu received, %lu sent, %lu for others, %lu without a buffer\n", hp->received, hp->sent, hp->ignored,
	      hp->no_buffer);
}

static void show_time(print_fn *print)
{
	char text[WALL_TEXT], server[IP6_TEXT];
	s64 us = host_time.difference / 1000;

	print("time       %s, ", wall_format(text, wall_ns(tsc_now())));
	if (host_time.known)
		print("from a time server %lu s ago, which was off by %ld us; %lu answers, %lu steps\n",
		      ticks_to_ns(tsc_now() - host_time.last) / NS_PER_S, (long)us, host_time.answers, host_time.steps);
	else
		print("from the machine's clock\n");
	for (u8_t i = 0; i < SNTP_MAX_SERVERS; i++)
		if (sntp_getservername(i))
			print("  server   %s\n", sntp_getservername(i));
		else if (!ip_addr_isany(sntp_getserver(i)))
			print("  server   %s\n", host_address_format(server, sntp_getserver(i)));
}

static void show(void *arg)
{
	print_fn *print = *(print_fn **)arg;
	char server[IP6_TEXT];

	for (u32 i = 0; i < host_port_count; i++)
		show_port(print, &host_ports[i]);
	for (u8_t i = 0; i < DNS_MAX_SERVERS; i++)
		if (!ip_addr_isany(dns_getserver(i)))
			print("name server %s\n", host_address_format(server, dns_getserver(i)));
	show_time(print);
	if (syslog_state.on)
		print("syslog     %lu lines sent, %lu lost%s\n", syslog_state.sent, syslog_state.lost,
		      syslog_state.connected ? ", connected" : "");
	if (stack_restarts())
		print("TCP/IP was started anew %u times\n", stack_restarts());
}

void host_net_show(void (*print)(const char *fmt, ...))
{
	if (!host_port_count)
		print("the hypervisor has no port on any switch\n");
	else if (stack_down())
		print("the hypervisor has no network: %s\n", stack_down());
	else
		stack_run(show, &print);
}

static void show_members(print_fn *print, u32 network)
{
	const struct dhcp_server *s = &nat_dhcp[network];
	char ip[IP4_TEXT], mac[MAC_TEXT];

	for (u32 i = 0; i < NAT_MEMBERS; i++) {
		const struct nat_member *m = &nat.member[i];
		const struct dhcp_binding *b;

		if (!m->used || m->network != network)
			continue;
		b = dhcp_find(s, m->mac, 0);
		print("  %-16s %s %-15s flows %u of %u\n", b && *b->name ? b->name : "(a stranger)", mac_format(mac, m->mac),
		      ip4_format(ip, m->address), m->sessions, m->share);
	}
}

void host_nat_show(void (*print)(const char *fmt, ...))
{
	char ip[IP4_TEXT], ip6[IP6_TEXT];
	u8 six[16] = { 0 };
	bool any = false;

	for (u32 i = 0; i < host_port_count; i++) {
		const struct host_port *hp = &host_ports[i];

		if (!hp->inside)
			continue;
		any = true;
		print("switch %s, gateway %s, outside %s\n", net_switch_name(hp->port.sw), ip4_format(ip, hp->address),
		      nat.side[nat.network[hp->network].outside].up ? "up" : "down");
		memcpy(six, nat6.prefix[hp->network], 8);
		print("  IPv6 %s/64, outside %s; %lu packets out, %lu in; %lu flows begun, %lu ended for want of room\n",
		      ip6_format(ip6, six), nat6.side[nat.network[hp->network].outside].up ? "up" : "down", nat6.flows.stats.out,
		      nat6.flows.stats.in, nat6.flows.stats.begun, nat6.flows.stats.evicted);
		show_members(print, hp->network);
	}
	if (!any) {
		print("no switch of the plan has nat = true\n");
		return;
	}
	print("%lu packets out, %lu in; %lu flows begun, %lu ended for want of room\n", nat.stats.out, nat.stats.in,
	      nat.stats.begun, nat.stats.evicted);
	for (u32 i = 0; i < NAT_DROPS; i++)
		if (nat.stats.drop[i])
			print("  dropped: %s %lu\n", nat_drop_words[i], nat.stats.drop[i]);
	for (u32 i = 0; i < NAT_DROPS; i++)
		if (nat6.flows.stats.drop[i])
			print("  dropped, IPv6: %s %lu\n", nat_drop_words[i], nat6.flows.stats.drop[i]);
}
