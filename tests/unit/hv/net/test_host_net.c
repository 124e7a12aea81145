/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/net/net_fake.c tests/unit/hv/net/stack_on_fake_clock.c hv/net/host_net.c hv/net/host_port.c hv/net/nat_port.c hv/net/nat6.c hv/net/nat6_packet.c hv/net/nat6_router.c hv/net/nat6_port.c hv/net/nat_services.c hv/net/nat.c hv/net/nat_session.c hv/net/nat_packet.c hv/net/nat_icmp.c hv/net/nat_fragment.c hv/net/inet.c hv/net/dhcp_server.c hv/net/dns_names.c hv/net/frame.c hv/lib/net_text.c hv/lib/string.c hv/lib/format.c lwip */
/* The hypervisor's own ports with lwIP behind them: it answers, gets an address, and leads guests out and back. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <hv/host_net.h>
#include <hv/lib.h>
#include <hv/time.h>

#include "hv/net/dhcp_server.h"
#include "hv/net/host_port.h"
#include "hv/net/host_services.h"
#include "hv/net/inet.h"
#include "hv/net/nat_port.h"
#include "hv/net/stack.h"
#include "net_fake.h"

#include <lwip/priv/tcp_priv.h>

#define HOST 0xc0000205u
#define ROUTER 0xc0000201u
#define REMOTE 0xcb007109u
#define GATEWAY 0x0a4d0001u
#define WEB 0x0a4d000au

static struct plan plan;
static struct resolved_plan rp;
static const u8 web_mac[6] = { 0x42, 1, 2, 3, 4, 5 }, router_mac[6] = { 2, 7, 7, 7, 7, 7 };
static u8 frame[60000];

/* Time, mDNS, syslog have tests of their own. */
void host_services_begin(const struct plan_machine *m, struct host_port *host, const char *hostname)
{
	assert_string_equal(hostname, "bulkhead-box");
}

static void make_plan(enum plan_host_how how)
{
	net_fake_reset();
	net_fake_plan(&plan, &rp, web_mac);
	plan.machine.net.how = how;
	plan.machine.net.gateway = ROUTER;
	plan.sw[0].forward_count = 1;
	plan.sw[0].forward[0] = (struct plan_forward){ .port = 2201, .guest = "web", .guest_port = 22 };
	assert_int_equal(host_net_build(&plan, &rp), 0);
	net_fake_turns(300);
}

static int setup(void **state)
{
	make_plan(HOST_NET_STATIC);
	while (net_fake_take())
		;
	return 0;
}

#define OUT net_fake_port(0, 0)
#define IN net_fake_port(1, 0)

static void ethernet(const u8 *to, const u8 *from, u16 type)
{
	memset(frame, 0, sizeof(frame));
	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	put16(frame + 12, type);
}

static void arp(struct net_port *p, u16 op, const u8 *from_mac, u32 from, const u8 *to_mac, u32 to)
{
	static const u8 all[6] = { 255, 255, 255, 255, 255, 255 };

	ethernet(op == 1 ? all : to_mac, from_mac, ETHER_ARP);
	put16(frame + 14, 1);
	put16(frame + 16, ETHER_IP4);
	frame[18] = 6;
	frame[19] = 4;
	put16(frame + 20, op);
	memcpy(frame + 22, from_mac, 6);
	put32(frame + 28, from);
	memcpy(frame + 32, to_mac ? to_mac : (const u8[6]){ 0 }, 6);
	put32(frame + 38, to);
	net_fake_give(p, frame, 42, NULL);
	net_fake_turns(10);
}

/* Transport of size bytes (header and data) is at frame + 34 already. */
static u32 ip(u8 proto, u32 from, u32 to, u32 size)
{
	u8 *h = frame + 14, *sum = h + 20 + (proto == IP_TCP ? 16 : proto == IP_UDP ? 6 : 2);

	h[0] = 0x45;
	put16(h + 2, (u16)(20 + size));
	h[8] = 64;
	h[9] = proto;
	put32(h + 12, from);
	put32(h + 16, to);
	put16(h + 10, (u16)~inet_fold(inet_sum(h, 20, 0)));
	put16(sum, 0);
	put16(sum, (u16)~inet_fold(inet_sum(h + 20, size, proto == IP_ICMP ? 0 : inet_sum(h + 12, 8, proto + size))));
	return 34 + size;
}

static u32 udp(const u8 *to_mac, const u8 *from_mac, u32 from, u16 from_port, u32 to, u16 to_port, const void *data, u32 n)
{
	ethernet(to_mac, from_mac, ETHER_IP4);
	put16(frame + 34, from_port);
	put16(frame + 36, to_port);
	put16(frame + 38, (u16)(8 + n));
	memcpy(frame + 42, data, n);
	return ip(IP_UDP, from, to, 8 + n);
}

static struct sent *take(u16 type)
{
	struct sent *s;

	do
		s = net_fake_take();
	while (s && get16(s->bytes + 12) != type);
	return s;
}

static void test_answers_arp_and_ping(void **state)
{
	struct sent *s;
	u64 before;

	assert_true(net_fake_logged("host address 192.0.2.5/24 (plan)"));
	arp(OUT, 1, router_mac, ROUTER, NULL, HOST);
	s = take(ETHER_ARP);
	assert_non_null(s);
	assert_ptr_equal(s->port, OUT);
	assert_int_equal(get16(s->bytes + 20), 2);
	assert_int_equal(get32(s->bytes + 28), HOST);

	/* Cut off: the rest would be what was in the buffer before. */
	put32(frame + 28, HOST);
	before = host_ports[0].received;
	net_fake_give(OUT, frame, 41, NULL);
	assert_int_equal(host_ports[0].received, before);
	net_fake_give(OUT, frame, 42, NULL);
	assert_int_equal(host_ports[0].received, before + 1);
	net_fake_turns(10);
	while (net_fake_take())
		;

	ethernet(OUT->mac, router_mac, ETHER_IP4);
	frame[34] = 8;
	put16(frame + 38, 99);
	net_fake_give(OUT, frame, ip(IP_ICMP, ROUTER, HOST, 40), NULL);
	net_fake_turns(10);
	s = take(ETHER_IP4);
	assert_non_null(s);
	assert_int_equal(s->bytes[34], 0);
	assert_int_equal(get32(s->bytes + 30), ROUTER);
}

/* Each side answers for its own address only: nothing leads between them but NAT. */
static void test_strong_host(void **state)
{
	ethernet(OUT->mac, router_mac, ETHER_IP4);
	frame[34] = 8;
	net_fake_give(OUT, frame, ip(IP_ICMP, ROUTER, GATEWAY, 40), NULL);
	net_fake_turns(10);
	assert_null(take(ETHER_IP4));
}

static void test_neighbour_solicitation(void **state)
{
	struct host_port *hp = OUT->owner;
	const u8 *own = (const u8 *)netif_ip6_addr(&hp->netif, 0)->addr;
	struct sent *s;
	u32 sum;

	net_fake_turns(3000);	/* duplicate address detection */
	while (net_fake_take())
		;
	ethernet(OUT->mac, router_mac, ETHER_IP6);
	frame[14] = 0x60;
	put16(frame + 18, 32);
	frame[20] = 58;
	frame[21] = 255;
	memcpy(frame + 22, (const u8[16]){ 0xfe, 0x80, [15] = 9 }, 16);
	memcpy(frame + 38, own, 16);
	frame[54] = 135;
	memcpy(frame + 62, own, 16);
	frame[78] = 1;
	frame[79] = 1;
	memcpy(frame + 80, router_mac, 6);
	sum = inet_sum(frame + 22, 32, 32 + 58);
	put16(frame + 56, (u16)~inet_fold(inet_sum(frame + 54, 32, sum)));
	net_fake_give(OUT, frame, 86, NULL);
	net_fake_turns(20);
	s = take(ETHER_IP6);
	assert_non_null(s);
	assert_int_equal(s->bytes[54], 136);
}

static void answer_arp(u32 address, const u8 *mac)
{
	struct sent *s = take(ETHER_ARP);

	assert_non_null(s);
	assert_int_equal(get32(s->bytes + 38), address);
	arp(s->port, 2, mac, address, s->port->mac, get32(s->bytes + 28));
}

/* The first packet waits for the router's address, the others go at once; answers find their way. */
static void test_nat(void **state)
{
	struct sent *s;
	u16 port;

	net_fake_give(IN, frame, udp(IN->mac, web_mac, WEB, 5000, REMOTE, 99, "hello", 5), NULL);
	answer_arp(ROUTER, router_mac);
	s = take(ETHER_IP4);
	assert_non_null(s);
	assert_ptr_equal(s->port, OUT);
	assert_memory_equal(s->bytes, router_mac, 6);
	assert_memory_equal(s->bytes + 6, OUT->mac, 6);
	assert_int_equal(get32(s->bytes + 26), HOST);
	assert_memory_equal(s->bytes + 42, "hello", 5);
	assert_int_equal(s->len, 47);
	port = get16(s->bytes + 34);
	net_fake_give(IN, frame, udp(IN->mac, web_mac, WEB, 5000, REMOTE, 99, "again", 5), NULL);
	s = take(ETHER_IP4);
	assert_non_null(s);
	assert_memory_equal(s->bytes + 42, "again", 5);

	net_fake_give(OUT, frame, udp(OUT->mac, router_mac, REMOTE, 99, HOST, port, "back", 4), NULL);
	s = take(ETHER_IP4);
	assert_non_null(s);
	assert_ptr_equal(s->port, IN);
	assert_memory_equal(s->bytes, web_mac, 6);
	assert_int_equal(get32(s->bytes + 30), WEB);
	assert_int_equal(get16(s->bytes + 36), 5000);
	assert_memory_equal(s->bytes + 42, "back", 4);
}

static void test_nat_keeps_offloads(void **state)
{
	struct net_offload o = { .checksum = true, .gso = NET_GSO_TCP4, .header = 54, .gso_size = 1400, .csum_start = 34, .csum_offset = 16 };
	static u8 big[60000];
	struct sent *s;

	test_nat(state);
	ethernet(IN->mac, web_mac, ETHER_IP4);
	put16(frame + 34, 4000);
	put16(frame + 36, 80);
	frame[46] = 0x50;
	frame[47] = 2;
	net_fake_give(IN, frame, ip(IP_TCP, WEB, REMOTE, 20), NULL);
	assert_non_null(take(ETHER_IP4));
	ethernet(IN->mac, web_mac, ETHER_IP4);
	put16(frame + 34, 4000);
	put16(frame + 36, 80);
	frame[46] = 0x50;
	frame[47] = 16;
	ip(IP_TCP, WEB, REMOTE, 50000 - 34);
	memcpy(big, frame, 54);
	big[40000] = 0xaa;
	net_fake_give(IN, big, 50000, &o);
	s = take(ETHER_IP4);
	assert_non_null(s);
	assert_int_equal(s->len, 50000);
	assert_int_equal(s->offload.gso, NET_GSO_TCP4);
	assert_true(s->offload.checksum);
	assert_int_equal(s->bytes[40000], 0xaa);
}

static void test_forward(void **state)
{
	struct sent *s;

	ethernet(OUT->mac, router_mac, ETHER_IP4);
	put16(frame + 34, 50000);
	put16(frame + 36, 2201);
	frame[46] = 0x50;
	frame[47] = 2;
	net_fake_give(OUT, frame, ip(IP_TCP, REMOTE, HOST, 20), NULL);
	s = take(ETHER_IP4);
	assert_non_null(s);
	assert_ptr_equal(s->port, IN);
	assert_int_equal(get32(s->bytes + 30), WEB);
	assert_int_equal(get16(s->bytes + 36), 22);
}

/* A card that is not the guest's sends in its name, and one that nobody knows in its own. */
static void test_strangers(void **state)
{
	static const u8 other[6] = { 2, 9, 9, 9, 9, 9 };
	u64 before = nat.stats.drop[NAT_DROP_SOURCE];

	net_fake_give(IN, frame, udp(IN->mac, other, WEB, 5000, REMOTE, 99, "x", 1), NULL);
	net_fake_give(IN, frame, udp(IN->mac, other, WEB + 7, 5000, REMOTE, 99, "x", 1), NULL);
	assert_int_equal(nat.stats.drop[NAT_DROP_SOURCE], before + 2);
	assert_null(net_fake_take());
}

static void test_gateway_answers_ping(void **state)
{
	struct sent *s;

	arp(IN, 1, web_mac, WEB, NULL, GATEWAY);
	s = take(ETHER_ARP);
	assert_non_null(s);
	assert_ptr_equal(s->port, IN);
	ethernet(IN->mac, web_mac, ETHER_IP4);
	frame[34] = 8;
	net_fake_give(IN, frame, ip(IP_ICMP, WEB, GATEWAY, 40), NULL);
	net_fake_turns(10);
	s = take(ETHER_IP4);
	assert_non_null(s);
	assert_int_equal(s->bytes[34], 0);
	assert_memory_equal(s->bytes, web_mac, 6);
}

static u32 dhcp_message(u8 *m, u8 type, const u8 *mac)
{
	memset(m, 0, 300);
	memcpy(m, "\1\1\6", 3);
	memcpy(m + 28, mac, 6);
	put32(m + 236, 0x63825363);
	memcpy(m + 240, (const u8[]){ 53, 1, type, 255 }, 4);
	return 300;
}

static void test_dhcp_server(void **state)
{
	static const u8 all[6] = { 255, 255, 255, 255, 255, 255 };
	u8 m[300];
	struct sent *s;

	net_fake_give(IN, frame, udp(all, web_mac, 0, 68, 0xffffffff, 67, m, dhcp_message(m, 1, web_mac)), NULL);
	s = take(ETHER_IP4);
	assert_non_null(s);
	assert_ptr_equal(s->port, IN);
	assert_memory_equal(s->bytes, web_mac, 6);
	assert_int_equal(get16(s->bytes + 34), 67);
	assert_int_equal(get32(s->bytes + 42 + 16), WEB);
	assert_int_equal(inet_fold(inet_sum(s->bytes + 34, s->len - 34, inet_sum(s->bytes + 26, 8, 17 + s->len - 34))), 0xffff);
	/* Not on the outside. */
	net_fake_give(OUT, frame, udp(all, web_mac, 0, 68, 0xffffffff, 67, m, dhcp_message(m, 1, web_mac)), NULL);
	net_fake_turns(10);
	assert_null(take(ETHER_IP4));
}

static void test_names(void **state)
{
	static const u8 question[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3web\10bulkhead\0\0\1\0\1";
	static const u8 other[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\7example\3org\0\0\1\0\1";
	u32 server = REMOTE;
	struct sent *s;

	net_fake_give(IN, frame, udp(IN->mac, web_mac, WEB, 4000, GATEWAY, 53, question, sizeof(question) - 1), NULL);
	s = take(ETHER_IP4);
	assert_non_null(s);
	assert_ptr_equal(s->port, IN);
	assert_int_equal(get32(s->bytes + s->len - 4), WEB);
	/* Nobody to ask: it is said. */
	net_fake_give(IN, frame, udp(IN->mac, web_mac, WEB, 4000, GATEWAY, 53, other, sizeof(other) - 1), NULL);
	s = take(ETHER_IP4);
	assert_non_null(s);
	assert_int_equal(s->bytes[45] & 15, 2);
	nat_port_servers(0, &server, 1);
	net_fake_give(IN, frame, udp(IN->mac, web_mac, WEB, 4000, GATEWAY, 53, other, sizeof(other) - 1), NULL);
	answer_arp(ROUTER, router_mac);
	s = take(ETHER_IP4);
	assert_non_null(s);
	assert_ptr_equal(s->port, OUT);
	assert_int_equal(get32(s->bytes + 30), REMOTE);
}

/* The hypervisor as a DHCP client; our own server plays the network's, and names itself as name server. */
static void lease(void)
{
	static struct dhcp_server server;
	struct dhcp_answer a;
	struct sent *s;
	u8 mac[6];

	dhcp_init(&server, 0x0a000202, 0xffffff00, 1500, "lan");
	for (u32 i = 0; i < 2; i++) {
		do
			s = net_fake_take();
		while (s && (s->port != OUT || s->len < 300 || get16(s->bytes + 36) != 67));
		assert_non_null(s);
		memcpy(mac, s->bytes + 6, 6);
		assert_true(dhcp_serve(&server, s->bytes + 42, s->len - 42, mac, 0, &a));
		net_fake_give(OUT, frame, udp(mac, router_mac, 0x0a000202, 67, a.to, 68, a.message, a.length), NULL);
		net_fake_turns(200);
	}
	assert_true(net_fake_logged("host address 10.0.2.254/24 (DHCP)"));
}

static void test_dhcp_client(void **state)
{
	make_plan(HOST_NET_DHCP);
	lease();
	assert_int_equal(nat.side[0].address, 0x0a0002fe);
	assert_int_equal(nat.network[0].dns[0], 0x0a000202);
	/* Nobody renews it: it ends. */
	net_fake_turns(3700000);
	assert_true(net_fake_logged("host address 10.0.2.254 is gone"));
	assert_false(nat.side[0].up);
}

/* The plan's name servers stay in front of DHCP's. */
static void test_servers_of_the_plan(void **state)
{
	plan.machine.net.dns_count = 0;
	make_plan(HOST_NET_DHCP);
	plan.machine.net.dns_count = 1;
	plan.machine.net.dns[0] = (struct plan_address){ .ip4 = REMOTE };
	lease();
	assert_int_equal(nat.network[0].dns[0], REMOTE);
	assert_int_equal(nat.network[0].dns[1], 0x0a000202);
	assert_int_equal(nat.network[0].dns[2], 0);
	plan.machine.net.dns[1] = plan.machine.net.dns[2] = (struct plan_address){ .ip4 = 0x0a000202 };
	plan.machine.net.dns[2].ip4++;
	plan.machine.net.dns_count = 3;
	net_fake_turns(300);
	assert_int_equal(nat.network[0].dns[0], REMOTE);
	assert_int_equal(nat.network[0].dns[1], 0x0a000202);
	assert_int_equal(nat.network[0].dns[2], 0x0a000203);
}

static void test_address_words(void **state)
{
	ip_addr_t four = IPADDR4_INIT_BYTES(192, 0, 2, 9), six = IPADDR6_INIT_HOST(0x20010db8, 0, 0, 0xabcd);
	char text[IP6_TEXT];

	assert_string_equal(host_address_format(text, &four), "192.0.2.9");
	assert_string_equal(host_address_format(text, &six), "2001:db8::abcd");
}

static void broken(void *arg)
{
	bulkhead_lwip_failed("a test", 1);
}

/* The build host has no symbols around lwIP's variables, so it stays down here; the machine goes on. */
static void test_broken_stack(void **state)
{
	assert_false(stack_run(broken, NULL));
	assert_true(net_fake_logged("lwIP found itself broken: a test"));
	assert_non_null(stack_down());
	net_fake_turns(100);
	net_fake_give(OUT, frame, udp(OUT->mac, router_mac, REMOTE, 99, HOST, 9, "x", 1), NULL);
	net_fake_turns(100);
}

static void test_flood(void **state)
{
	struct host_port *hp = OUT->owner;

	for (u32 i = 0; i < 1000; i++)
		net_fake_give(OUT, frame, udp(OUT->mac, router_mac, REMOTE, 99, HOST, 9, "x", 1), NULL);
	assert_true(hp->no_buffer > 800);
	arp(IN, 1, web_mac, WEB, NULL, GATEWAY);
	assert_non_null(take(ETHER_ARP));
	net_fake_turns(100);
	while (net_fake_take())
		;
	test_answers_arp_and_ping(state);
}

#define SYN 2u
#define ACK 16u
#define CLIENTS 14u
#define HELD 23u			/* segments that lwIP holds for one that is missing */

static err_t ignore(void *arg, struct tcp_pcb *pcb, err_t err)
{
	return ERR_OK;
}

static void serve(void *arg)
{
	struct tcp_pcb *pcb = tcp_new();

	assert_int_equal(tcp_bind(pcb, IP_ANY_TYPE, 443), ERR_OK);
	tcp_accept(tcp_listen_with_backlog(pcb, 100), ignore);
}

static void segment(u16 port, u8 flags, u32 seq, u32 ack, u32 n)
{
	ethernet(OUT->mac, router_mac, ETHER_IP4);
	put16(frame + 34, port);
	put16(frame + 36, 443);
	put32(frame + 38, seq);
	put32(frame + 42, ack);
	frame[46] = 0x50;
	frame[47] = flags;
	put16(frame + 48, 60000);
	memset(frame + 54, 'x', n);
	net_fake_give(OUT, frame, ip(IP_TCP, REMOTE, HOST, 20 + n), NULL);
	net_fake_turns(1);
}

static u32 out_of_order(void)
{
	u32 n = 0;

	for (struct tcp_pcb *p = tcp_active_pcbs; p; p = p->next)
		for (struct tcp_seg *g = p->ooseq; g; g = g->next)
			n++;
	return n;
}

/* Peers that hold back a segment each, and send all that come after it: others' frames find buffers. */
static void test_gaps(void **state)
{
	struct host_port *hp = OUT->owner;

	assert_true(stack_run(serve, NULL));
	arp(OUT, 2, router_mac, ROUTER, OUT->mac, HOST);
	net_fake_turns(2);
	for (u16 i = 0; i < CLIENTS; i++) {
		struct sent *s;

		segment((u16)(5000 + i), SYN, 1000, 0, 0);
		net_fake_turns(2);
		s = take(ETHER_IP4);
		assert_non_null(s);
		assert_int_equal(s->bytes[47], SYN | ACK);
		segment((u16)(5000 + i), ACK, 1001, get32(s->bytes + 38) + 1, 0);
		for (u32 k = 0; k < HELD; k++)
			segment((u16)(5000 + i), ACK, 1003 + 2 * k, get32(s->bytes + 38) + 1, 1);
		if (!i)		/* of one, as of anybody who has lost a segment, they are kept */
			assert_int_equal(out_of_order(), HELD);
		while (net_fake_take())
			;
	}
	assert_int_equal(hp->no_buffer, 0);
	assert_true(out_of_order() <= 64);
	test_answers_arp_and_ping(state);
}

/* All clients of the server say something at the same time: there is room for each one's frame. */
static void test_burst(void **state)
{
	struct host_port *hp = OUT->owner;

	for (u32 i = 0; i < 120; i++)
		net_fake_give(OUT, frame, udp(OUT->mac, router_mac, REMOTE, 99, HOST, 9, "x", 1), NULL);
	assert_int_equal(hp->no_buffer, 0);
}

/* lwIP begins once in a process. A child that fails goes on to the end by itself and tells so. */
static void forked(void (*test)(void **state))
{
	int status = 1;
	pid_t child = fork();

	if (!child) {
		alarm(60);
		if (test != test_dhcp_client && test != test_servers_of_the_plan)
			setup(NULL);
		test(NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

#define FORKED(f) static void f##_forked(void **state) { forked(f); }
FORKED(test_answers_arp_and_ping)
FORKED(test_strong_host)
FORKED(test_neighbour_solicitation)
FORKED(test_nat)
FORKED(test_nat_keeps_offloads)
FORKED(test_forward)
FORKED(test_strangers)
FORKED(test_gateway_answers_ping)
FORKED(test_dhcp_server)
FORKED(test_names)
FORKED(test_dhcp_client)
FORKED(test_servers_of_the_plan)
FORKED(test_flood)
FORKED(test_gaps)
FORKED(test_burst)
FORKED(test_broken_stack)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_arp_and_ping_forked),
		cmocka_unit_test(test_strong_host_forked),
		cmocka_unit_test(test_neighbour_solicitation_forked),
		cmocka_unit_test(test_nat_forked),
		cmocka_unit_test(test_nat_keeps_offloads_forked),
		cmocka_unit_test(test_forward_forked),
		cmocka_unit_test(test_strangers_forked),
		cmocka_unit_test(test_gateway_answers_ping_forked),
		cmocka_unit_test(test_dhcp_server_forked),
		cmocka_unit_test(test_names_forked),
		cmocka_unit_test(test_dhcp_client_forked),
		cmocka_unit_test(test_servers_of_the_plan_forked),
		cmocka_unit_test(test_address_words),
		cmocka_unit_test(test_flood_forked),
		cmocka_unit_test(test_gaps_forked),
		cmocka_unit_test(test_burst_forked),
		cmocka_unit_test(test_broken_stack_forked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
