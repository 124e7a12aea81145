/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/net/net_fake.c tests/unit/hv/net/stack_on_fake_clock.c hv/net/host_net.c hv/net/host_port.c hv/net/nat_port.c hv/net/nat6.c hv/net/nat6_packet.c hv/net/nat6_router.c hv/net/nat6_port.c hv/net/nat_services.c hv/net/nat.c hv/net/nat_session.c hv/net/nat_packet.c hv/net/nat_icmp.c hv/net/nat_fragment.c hv/net/inet.c hv/net/dhcp_server.c hv/net/dns_names.c hv/net/frame.c hv/lib/net_text.c hv/lib/string.c hv/lib/format.c lwip */
/* IPv6 of a NAT network on the hypervisor's ports: the router is heard, guests are led out and back by lwIP's neighbours. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include <hv/host_net.h>
#include <hv/lib.h>

#include "hv/net/host_port.h"
#include "hv/net/inet.h"
#include "hv/net/nat6_port.h"
#include "hv/net/stack.h"
#include "net_fake.h"

#define OUT net_fake_port(0, 0)
#define IN net_fake_port(1, 0)
enum { L4 = ETHER_HEADER + IP6_HEADER, ICMP6 = 58 };

static const u8 web_mac[6] = { 0x42, 1, 2, 3, 4, 5 }, far_mac[6] = { 2, 7, 7, 7, 7, 7 };
static const u8 host[16] = { 0x20, 1, 0xd, 0xb8, [15] = 5 }, far[16] = { 0x20, 1, 0xd, 0xb8, [15] = 9 };
static struct plan plan;
static struct resolved_plan rp;
static u8 frame[2000], web[16];

static void forget_sent(void)
{
	while (net_fake_take())
		;
}

/* The oldest frame out of p with this ICMPv6 type (0: with TCP); others are thrown away. */
static struct sent *find(struct net_port *p, u8 type)
{
	struct sent *s;

	while ((s = net_fake_take()))
		if (s->port == p && get16(s->bytes + 12) == ETHER_IP6 &&
		    (type ? s->bytes[20] == ICMP6 && s->bytes[L4] == type : s->bytes[20] == IP_TCP))
			return s;
	return NULL;
}

/* One after the other: lwIP begins once. */
static int setup(void **state)
{
	(void)state;
	net_fake_reset();
	net_fake_plan(&plan, &rp, web_mac);
	plan.machine.net.how = HOST_NET_STATIC;
	plan.machine.net.ipv6 = HOST_IPV6_STATIC;
	memcpy(plan.machine.net.address6, host, 16);
	assert_int_equal(host_net_build(&plan, &rp), 0);
	net_fake_turns(500);
	memcpy(web, nat6.prefix[0], 8);
	web[15] = 0xa;
	return 0;
}

static void sum(u32 len)
{
	u32 at = L4 + (frame[20] == IP_TCP ? 16 : 2), size = len - L4;

	put16(frame + 18, (u16)size);
	put16(frame + at, 0);
	put16(frame + at, (u16)~inet_fold(inet_sum(frame + L4, size, inet_sum(frame + 22, 32, frame[20] + size))));
}

static void packet(const u8 *to_mac, const u8 *from_mac, u8 proto, const u8 *from, const u8 *to, u8 hops)
{
	memset(frame, 0, sizeof(frame));
	memcpy(frame, to_mac, 6);
	memcpy(frame + 6, from_mac, 6);
	put16(frame + 12, ETHER_IP6);
	frame[14] = 0x60;
	frame[20] = proto;
	frame[21] = hops;
	memcpy(frame + 22, from, 16);
	memcpy(frame + 38, to, 16);
}

static void tcp(const u8 *to_mac, const u8 *from_mac, const u8 *from, u16 sport, const u8 *to, u16 dport, u8 flags)
{
	packet(to_mac, from_mac, IP_TCP, from, to, 64);
	put16(frame + L4, sport);
	put16(frame + L4 + 2, dport);
	frame[L4 + 12] = 0x50;
	frame[L4 + 13] = flags;
	sum(L4 + 20);
}

/* No default router before there is a way out; then one, at once. */
static void the_router_is_heard(void **state)
{
	struct sent *s, *last = NULL;
	u32 before = 0;

	(void)state;
	for (u32 i = 0; i < 60; i++) {
		net_fake_turns(100);
		while ((s = find(IN, 134))) {
			before += !get16(s->bytes + L4 + 6);
			last = s;
			if (get16(s->bytes + L4 + 6) == 1800)
				i = 60;
		}
	}
	assert_true(before > 0);
	assert_non_null(last);
	assert_memory_equal(last->bytes + L4 + 48, nat6.prefix[0], 8);
	assert_int_equal(nat6.prefix[0][0], 0xfd);
	assert_true(nat6.side[0].up);
	assert_memory_equal(nat6.side[0].address, host, 16);
}

static void answer_neighbor(const u8 *target)
{
	packet(OUT->mac, far_mac, ICMP6, target, host, 255);
	frame[L4] = 136;
	frame[L4 + 4] = 0x60;
	memcpy(frame + L4 + 8, target, 16);
	frame[L4 + 24] = 2;
	frame[L4 + 25] = 1;
	memcpy(frame + L4 + 26, far_mac, 6);
	sum(L4 + 32);
	assert_int_equal(net_fake_give(OUT, frame, L4 + 32, NULL), NET_TAKEN);
}

static void out_and_back(void **state)
{
	struct net_offload partial = { .checksum = true, .csum_start = L4, .csum_offset = 16 };
	struct sent *s;
	u16 port;

	(void)state;
	net_fake_turns(4000);
	forget_sent();
	/* Its sum is left to the card; the neighbour has to be asked first, and the packet waits with a whole one. */
	tcp(IN->mac, web_mac, web, 4000, far, 80, 2);
	put16(frame + L4 + 16, inet_fold(inet_sum(frame + 22, 32, IP_TCP + 20)));
	assert_int_equal(net_fake_give(IN, frame, L4 + 20, &partial), NET_TAKEN);
	net_fake_turns(50);
	s = find(OUT, 135);
	assert_non_null(s);
	assert_memory_equal(s->bytes + L4 + 8, far, 16);
	answer_neighbor(far);
	net_fake_turns(50);
	s = find(OUT, 0);
	assert_non_null(s);
	assert_memory_equal(s->bytes, far_mac, 6);
	assert_memory_equal(s->bytes + 22, host, 16);
	assert_memory_equal(s->bytes + 38, far, 16);
	assert_int_equal(inet_fold(inet_sum(s->bytes + L4, 20, inet_sum(s->bytes + 22, 32, IP_TCP + 20))), 0xffff);
	port = get16(s->bytes + L4);
	tcp(OUT->mac, far_mac, far, 80, host, port, 0x12);
	assert_int_equal(net_fake_give(OUT, frame, L4 + 20, NULL), NET_TAKEN);
	net_fake_turns(10);
	s = find(IN, 0);
	assert_non_null(s);
	assert_memory_equal(s->bytes, web_mac, 6);
	assert_memory_equal(s->bytes + 38, web, 16);
	assert_int_equal(get16(s->bytes + L4 + 2), 4000);
	/* Now at once. */
	tcp(IN->mac, web_mac, web, 4000, far, 80, 0x10);
	net_fake_give(IN, frame, L4 + 20, NULL);
	s = find(OUT, 0);
	assert_non_null(s);
	assert_int_equal(get16(s->bytes + L4), port);
}

/* A guest that is a router, or a stranger. */
static void nobody_takes_the_routers_place(void **state)
{
	static const u8 stranger[6] = { 0x42, 9, 9, 9, 9, 9 }, all[16] = { 0xff, 2, [15] = 1 };
	u64 drops = nat6.flows.stats.drop[NAT_DROP_SOURCE];

	(void)state;
	net_fake_turns(4000);
	forget_sent();
	packet((const u8 *)"\x33\x33\0\0\0\1", web_mac, ICMP6, (const u8[16]){ 0xfe, 0x80, [15] = 7 }, all, 255);
	frame[L4] = 134;
	put16(frame + L4 + 6, 1800);
	sum(L4 + 16);
	assert_int_equal(net_fake_give(IN, frame, L4 + 16, NULL), NET_TAKEN);
	net_fake_turns(100);
	tcp(IN->mac, stranger, web, 4000, far, 80, 2);
	net_fake_give(IN, frame, L4 + 20, NULL);
	assert_int_equal(nat6.flows.stats.drop[NAT_DROP_SOURCE], drops + 1);
	/* An answer that lies about the outside's neighbour, from inside. */
	packet(IN->mac, web_mac, ICMP6, far, host, 255);
	frame[L4] = 136;
	sum(L4 + 32);
	assert_int_equal(net_fake_give(IN, frame, L4 + 32, NULL), NET_TAKEN);
	net_fake_turns(50);
	assert_null(find(OUT, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_router_is_heard), cmocka_unit_test(out_and_back),
		cmocka_unit_test(nobody_takes_the_routers_place) };

	return cmocka_run_group_tests(tests, setup, NULL);
}
