/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/net/nat.c hv/net/nat_session.c hv/net/nat_packet.c hv/net/nat_icmp.c hv/net/nat_fragment.c hv/net/inet.c */
/* NAT: every packet that goes on has right checksums, and only what belongs to a flow comes in. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include <hv/lib.h>

#include "hv/net/inet.h"
#include "hv/net/nat.h"
#include "transport.h"

#define OUTSIDE 0xc0000205u	/* 192.0.2.5 */
#define GATEWAY 0x0a4d0001u
#define WEB 0x0a4d000au
#define DB 0x0a4d000bu
#define REMOTE 0xcb007109u
#define SERVER 0xc0000235u
#define GATE (NAT_NETWORKS + 0)
enum { M_WEB, M_DB };

static struct nat n;
static u8 bytes[2048];
static struct nat_packet p;
static u64 now = 1000000;

static void add_member(u32 i, u32 address)
{
	n.member[i] = (struct nat_member){ .used = true, .guest = true, .address = address, .mac = { 2, 0, 0, 0, 0, (u8)i } };
}

static int setup(void **state)
{
	static const u8 seed[24] = "some twenty-four bytes";

	nat_init(&n, seed);
	n.side[0] = (struct nat_side){ true, OUTSIDE, 1500 };
	n.side[GATE] = (struct nat_side){ true, GATEWAY, 65535 };
	n.network[0] = (struct nat_network){ .used = true, .address = GATEWAY, .mask = 0xffffff00, .outside = 0, .dns = { SERVER } };
	add_member(M_WEB, WEB);
	add_member(M_DB, DB);
	n.forward[0] = (struct nat_forward){ .side = 0, .proto = IP_TCP, .member = M_WEB, .port = 2201, .member_port = 22 };
	n.forwards = 1;
	nat_share(&n);
	now = 1000000;
	return 0;
}

static void sum_header(u8 *ip)
{
	put16(ip + 10, 0);
	put16(ip + 10, (u16)~inet_fold(inet_sum(ip, 20, 0)));
}

static u32 pseudo(const u8 *ip, u32 size)
{
	return inet_sum(ip + 12, 8, ip[9] + size);
}

/* Transport header and data of size bytes; TCP: flags. */
static void make(u8 proto, u32 from, u16 from_port, u32 to, u16 to_port, u32 data, u8 flags)
{
	u32 head = proto == IP_TCP ? 20 : 8, size = head + data;
	u8 *l4 = bytes + 20, *sum;

	memset(bytes, 0, sizeof(bytes));
	bytes[0] = 0x45;
	put16(bytes + 2, (u16)(20 + size));
	put16(bytes + 4, 0x1234);
	bytes[8] = 64;
	bytes[9] = proto;
	put32(bytes + 12, from);
	put32(bytes + 16, to);
	sum_header(bytes);
	sum = make_transport(l4, proto, from_port, to_port, data, flags);
	put16(sum, (u16)~inet_fold(inet_sum(l4, size, proto == IP_ICMP ? 0 : pseudo(bytes, size))));
	p = (struct nat_packet){ .ip = bytes, .have = MIN(20 + size, NAT_HEADERS_MAX), .len = 20 + size };
}

static void check_sums(void)
{
	u32 size = get16(bytes + 2) - 20;

	assert_int_equal(inet_fold(inet_sum(bytes, 20, 0)), 0xffff);
	if (bytes[9] == IP_UDP && !get16(bytes + 26))
		return;
	assert_int_equal(inet_fold(inet_sum(bytes + 20, size, bytes[9] == IP_ICMP ? 0 : pseudo(bytes, size))), 0xffff);
}

static enum nat_verdict out(u32 member)
{
	return nat_from_member(&n, member, &p, now);
}

static enum nat_verdict in(void)
{
	return nat_from_side(&n, 0, &p, now);
}

#define FROM get32(bytes + 12)
#define TO get32(bytes + 16)
#define SPORT get16(bytes + 20)
#define DPORT get16(bytes + 22)
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static u16 begin(u8 proto, u32 member, u16 port, u32 remote, u16 remote_port)
{
	make(proto, n.member[member].address, port, remote, remote_port, 10, SYN);
	assert_int_equal(out(member), NAT_SEND);
	return SPORT;
}

static void test_tcp_both_ways(void **state)
{
	u16 port;

	make(IP_TCP, WEB, 4000, REMOTE, 80, 0, SYN);
	assert_int_equal(out(M_WEB), NAT_SEND);
	check_sums();
	port = SPORT;
	assert_int_equal(FROM, OUTSIDE);
	assert_int_equal(TO, REMOTE);
	assert_in_range(port, NAT_PORT_FIRST, NAT_PORT_FIRST + NAT_PORT_COUNT - 1);
	assert_int_equal(bytes[8], 63);
	assert_false(p.to_member);

	make(IP_TCP, REMOTE, 80, OUTSIDE, port, 33, SYN | ACK);
	assert_int_equal(in(), NAT_SEND);
	check_sums();
	assert_true(p.to_member);
	assert_int_equal(p.member, M_WEB);
	assert_int_equal(TO, WEB);
	assert_int_equal(DPORT, 4000);

	make(IP_TCP, WEB, 4000, REMOTE, 80, 1000, ACK);
	assert_int_equal(out(M_WEB), NAT_SEND);
	check_sums();
	assert_int_equal(SPORT, port);
	assert_int_equal(n.stats.begun, 1);
}

static void test_only_the_flow_comes_in(void **state)
{
	u16 port = begin(IP_UDP, M_WEB, 5000, REMOTE, 53);

	make(IP_UDP, REMOTE + 1, 53, OUTSIDE, port, 8, 0);
	assert_int_equal(in(), NAT_PASS);
	make(IP_UDP, REMOTE, 54, OUTSIDE, port, 8, 0);
	assert_int_equal(in(), NAT_PASS);
	make(IP_TCP, REMOTE, 53, OUTSIDE, port, 8, ACK);
	assert_int_equal(in(), NAT_PASS);
	make(IP_UDP, REMOTE, 53, OUTSIDE + 1, port, 8, 0);
	assert_int_equal(in(), NAT_PASS);
	make(IP_UDP, REMOTE, 53, OUTSIDE, port, 8, 0);
	assert_int_equal(in(), NAT_SEND);
}

/* The same end keeps its port towards everybody; two ends never share one towards the same peer. */
static void test_ports(void **state)
{
	u16 a = begin(IP_UDP, M_WEB, 5000, REMOTE, 53), b = begin(IP_UDP, M_WEB, 5000, REMOTE + 1, 53);
	u16 c = begin(IP_UDP, M_DB, 5000, REMOTE, 53);

	assert_int_equal(a, b);
	assert_int_not_equal(a, c);
	make(IP_UDP, REMOTE, 53, OUTSIDE, c, 8, 0);
	assert_int_equal(in(), NAT_SEND);
	assert_int_equal(p.member, M_DB);
}

static void test_udp_without_sum(void **state)
{
	make(IP_UDP, WEB, 5000, REMOTE, 53, 8, 0);
	put16(bytes + 26, 0);
	assert_int_equal(out(M_WEB), NAT_SEND);
	assert_int_equal(get16(bytes + 26), 0);
}

/* A partial sum is of the pseudo header alone: with the rest added it must come out right. */
static void test_partial_sum(void **state)
{
	u32 size = 20 + 500;

	make(IP_TCP, WEB, 4000, REMOTE, 80, 500, SYN);
	put16(bytes + 36, inet_fold(pseudo(bytes, size)));
	p.partial = true;
	assert_int_equal(out(M_WEB), NAT_SEND);
	put16(bytes + 36, (u16)~inet_fold(inet_sum(bytes + 20, size, 0)));
	check_sums();
}

static void test_gso_passes_as_one(void **state)
{
	make(IP_TCP, WEB, 4000, REMOTE, 80, 0, SYN);
	assert_int_equal(out(M_WEB), NAT_SEND);
	make(IP_TCP, WEB, 4000, REMOTE, 80, 0, ACK);
	put16(bytes + 2, 60000);
	sum_header(bytes);
	p.len = 60000;
	p.partial = true;
	p.segment = 1500;
	assert_int_equal(out(M_WEB), NAT_SEND);
	assert_int_equal(p.total, 60000);
}

static void test_icmp_echo(void **state)
{
	u16 id;

	make(IP_ICMP, WEB, 77, REMOTE, 1, 56, 8);
	assert_int_equal(out(M_WEB), NAT_SEND);
	check_sums();
	id = get16(bytes + 24);
	make(IP_ICMP, REMOTE, id, OUTSIDE, 1, 56, 0);
	assert_int_equal(in(), NAT_SEND);
	check_sums();
	assert_int_equal(get16(bytes + 24), 77);
	assert_int_equal(TO, WEB);
	/* A request from outside is the hypervisor's to answer. */
	make(IP_ICMP, REMOTE, id, OUTSIDE, 1, 56, 8);
	assert_int_equal(in(), NAT_PASS);
}

static void test_forward(void **state)
{
	make(IP_TCP, REMOTE, 50000, OUTSIDE, 2201, 0, SYN);
	assert_int_equal(in(), NAT_SEND);
	check_sums();
	assert_int_equal(TO, WEB);
	assert_int_equal(DPORT, 22);
	assert_int_equal(FROM, REMOTE);
	make(IP_TCP, WEB, 22, REMOTE, 50000, 0, SYN | ACK);
	assert_int_equal(out(M_WEB), NAT_SEND);
	check_sums();
	assert_int_equal(FROM, OUTSIDE);
	assert_int_equal(SPORT, 2201);
	/* What is no beginning, and other protocols on that port, are not led in. */
	make(IP_TCP, REMOTE, 50001, OUTSIDE, 2201, 0, ACK);
	assert_int_equal(in(), NAT_PASS);
	make(IP_UDP, REMOTE, 50001, OUTSIDE, 2201, 0, 0);
	assert_int_equal(in(), NAT_PASS);
}

/* A guest reaches a forwarded port of our own address: by way of the gateway's. */
static void test_hairpin(void **state)
{
	u16 port;

	make(IP_TCP, DB, 6000, OUTSIDE, 2201, 0, SYN);
	assert_int_equal(out(M_DB), NAT_SEND);
	check_sums();
	assert_true(p.to_member);
	assert_int_equal(p.member, M_WEB);
	assert_int_equal(FROM, GATEWAY);
	assert_int_equal(TO, WEB);
	assert_int_equal(DPORT, 22);
	port = SPORT;
	make(IP_TCP, WEB, 22, GATEWAY, port, 0, SYN | ACK);
	assert_int_equal(out(M_WEB), NAT_SEND);
	check_sums();
	assert_true(p.to_member);
	assert_int_equal(p.member, M_DB);
	assert_int_equal(FROM, OUTSIDE);
	assert_int_equal(SPORT, 2201);
	assert_int_equal(TO, DB);
	assert_int_equal(DPORT, 6000);
	/* Other ports of ours are not for guests. */
	make(IP_TCP, DB, 6000, OUTSIDE, 443, 0, SYN);
	assert_int_equal(out(M_DB), NAT_DROPPED);
}

static void test_name_server(void **state)
{
	u16 port;

	make(IP_UDP, WEB, 5353, GATEWAY, 53, 30, 0);
	assert_int_equal(out(M_WEB), NAT_SEND);
	check_sums();
	assert_int_equal(TO, SERVER);
	assert_int_equal(FROM, OUTSIDE);
	port = SPORT;
	make(IP_UDP, SERVER, 53, OUTSIDE, port, 60, 0);
	assert_int_equal(in(), NAT_SEND);
	check_sums();
	assert_int_equal(FROM, GATEWAY);
	assert_int_equal(TO, WEB);
	make(IP_TCP, WEB, 5353, GATEWAY, 53, 0, SYN);
	assert_int_equal(out(M_WEB), NAT_SEND);
	assert_int_equal(TO, SERVER);
	make(IP_TCP, WEB, 5353, GATEWAY, 80, 0, SYN);
	assert_int_equal(out(M_WEB), NAT_PASS);
	make(IP_ICMP, WEB, 1, GATEWAY, 1, 8, 8);
	assert_int_equal(out(M_WEB), NAT_PASS);
}

static void test_next_name_server(void **state)
{
	n.network[0].dns[2] = SERVER + 1;
	for (u32 i = 0; i < 3; i++) {
		make(IP_UDP, WEB, (u16)(6000 + i), GATEWAY, 53, 30, 0);
		assert_int_equal(out(M_WEB), NAT_SEND);
		assert_int_equal(TO, SERVER);
	}
	make(IP_UDP, WEB, 6003, GATEWAY, 53, 30, 0);
	assert_int_equal(out(M_WEB), NAT_SEND);
	assert_int_equal(TO, SERVER + 1);
}

/* --- what is refused */

static void dropped(enum nat_drop why)
{
	u64 before = n.stats.drop[why];

	assert_int_not_equal(out(M_WEB), NAT_SEND);
	assert_int_equal(n.stats.drop[why], before + 1);
}

static void test_spoofed(void **state)
{
	make(IP_UDP, DB, 5000, REMOTE, 53, 8, 0);
	dropped(NAT_DROP_SOURCE);
	make(IP_UDP, REMOTE, 5000, REMOTE, 53, 8, 0);
	dropped(NAT_DROP_SOURCE);
}

static void test_destinations(void **state)
{
	static const u32 bad[] = { 0x7f000001, 0x00000001, 0xa9fe0101, 0xf0000001, OUTSIDE, DB };

	for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
		make(IP_UDP, WEB, 5000, bad[i], 53, 8, 0);
		dropped(NAT_DROP_ADDRESS);
	}
	make(IP_UDP, WEB, 5000, 0xe0000001, 53, 8, 0);
	assert_int_equal(out(M_WEB), NAT_PASS);
	make(IP_UDP, WEB, 5000, 0x0a4d00ff, 53, 8, 0);
	assert_int_equal(out(M_WEB), NAT_PASS);
}

static void test_malformed(void **state)
{
	make(IP_TCP, WEB, 1, REMOTE, 2, 0, SYN);
	bytes[11] ^= 1;
	dropped(NAT_DROP_MALFORMED);
	make(IP_TCP, WEB, 1, REMOTE, 2, 0, SYN);
	bytes[0] = 0x46;
	dropped(NAT_DROP_OPTIONS);
	make(IP_TCP, WEB, 1, REMOTE, 2, 0, SYN);
	put16(bytes + 2, 41);
	sum_header(bytes);
	dropped(NAT_DROP_MALFORMED);
	make(IP_TCP, WEB, 1, REMOTE, 2, 0, SYN);
	bytes[32] = 0x40;
	dropped(NAT_DROP_MALFORMED);
	make(IP_TCP, WEB, 1, REMOTE, 2, 0, SYN);
	bytes[32] = 0xf0;
	dropped(NAT_DROP_MALFORMED);
	make(IP_UDP, WEB, 1, REMOTE, 2, 4, 0);
	put16(bytes + 24, 13);
	dropped(NAT_DROP_MALFORMED);
	make(IP_UDP, WEB, 1, REMOTE, 2, 4, 0);
	put16(bytes + 24, 7);
	dropped(NAT_DROP_MALFORMED);
	make(47, WEB, 1, REMOTE, 2, 20, 0);
	dropped(NAT_DROP_PROTOCOL);
	make(IP_TCP, WEB, 1, REMOTE, 2, 0, ACK);
	dropped(NAT_DROP_NO_FLOW);
	make(IP_TCP, WEB, 1, REMOTE, 2, 0, SYN);
	p.have = p.len = 19;
	dropped(NAT_DROP_MALFORMED);
}

/* Ethernet pads short frames: what is behind the packet does not go on. */
static void test_padding(void **state)
{
	make(IP_UDP, WEB, 5000, REMOTE, 53, 1, 0);
	p.len = 46;
	assert_int_equal(out(M_WEB), NAT_SEND);
	assert_int_equal(p.total, 29);
}

static void test_hop_limit(void **state)
{
	make(IP_UDP, WEB, 5000, REMOTE, 53, 30, 0);
	bytes[8] = 1;
	sum_header(bytes);
	assert_int_equal(out(M_WEB), NAT_ERROR);
	assert_int_equal(FROM, GATEWAY);
	assert_int_equal(TO, WEB);
	assert_int_equal(bytes[20], 11);
	assert_int_equal(p.total, 56);
	check_sums();
	assert_int_equal(get32(bytes + 28 + 12), WEB);
	/* Ten a second, no more. */
	for (u32 i = 0; i < 20; i++) {
		make(IP_UDP, WEB, 5000, REMOTE, 53, 30, 0);
		bytes[8] = 1;
		sum_header(bytes);
		assert_int_equal(out(M_WEB), i < 9 ? NAT_ERROR : NAT_DROPPED);
	}
}

static void test_too_long(void **state)
{
	make(IP_UDP, WEB, 5000, REMOTE, 53, 1600, 0);
	bytes[6] = 0x40;
	sum_header(bytes);
	assert_int_equal(out(M_WEB), NAT_ERROR);
	assert_int_equal(get16(bytes + 20), 0x0304);
	assert_int_equal(get16(bytes + 26), 1500);
	check_sums();
}

static void test_no_outside(void **state)
{
	n.side[0].up = false;
	make(IP_UDP, WEB, 5000, REMOTE, 53, 30, 0);
	assert_int_equal(out(M_WEB), NAT_ERROR);
	assert_int_equal(get16(bytes + 20), 0x0300);
}

/* --- ICMP errors about flows */

static u8 quoted[64];

static void make_error(u32 from, u32 to, u8 type)
{
	u32 size = 8 + 28;

	memset(bytes, 0, sizeof(bytes));
	bytes[0] = 0x45;
	put16(bytes + 2, (u16)(20 + size));
	bytes[8] = 60;
	bytes[9] = IP_ICMP;
	put32(bytes + 12, from);
	put32(bytes + 16, to);
	sum_header(bytes);
	bytes[20] = type;
	bytes[21] = 3;
	memcpy(bytes + 28, quoted, 28);
	put16(bytes + 22, (u16)~inet_fold(inet_sum(bytes + 20, size, 0)));
	p = (struct nat_packet){ .ip = bytes, .have = 20 + size, .len = 20 + size };
}

static void test_error_comes_in(void **state)
{
	u8 before[28];

	make(IP_UDP, WEB, 5000, REMOTE, 53, 0, 0);
	memcpy(before, bytes, sizeof(before));
	assert_int_equal(out(M_WEB), NAT_SEND);
	memcpy(quoted, bytes, sizeof(before));
	make_error(REMOTE + 9, OUTSIDE, 3);
	assert_int_equal(in(), NAT_SEND);
	check_sums();
	assert_int_equal(p.member, M_WEB);
	assert_int_equal(TO, WEB);
	assert_int_equal(FROM, REMOTE + 9);
	/* The guest finds what it sent, but for the hop. */
	assert_memory_equal(bytes + 28 + 12, before + 12, 16);
	assert_int_equal(inet_fold(inet_sum(bytes + 28, 20, 0)), 0xffff);
	/* About a flow that is none: not for guests. */
	put16(quoted + 20, 9999);
	make_error(REMOTE, OUTSIDE, 3);
	assert_int_equal(in(), NAT_PASS);
}

static void test_error_goes_out(void **state)
{
	u16 port = begin(IP_UDP, M_WEB, 5000, REMOTE, 53);

	make(IP_UDP, REMOTE, 53, OUTSIDE, port, 0, 0);
	assert_int_equal(in(), NAT_SEND);
	memcpy(quoted, bytes, 28);
	make_error(WEB, REMOTE, 3);
	assert_int_equal(out(M_WEB), NAT_SEND);
	check_sums();
	assert_int_equal(FROM, OUTSIDE);
	assert_int_equal(get32(bytes + 28 + 16), OUTSIDE);
	assert_int_equal(get16(bytes + 28 + 22), port);
	/* Nobody can be told lies about other people's flows. */
	make_error(DB, REMOTE, 3);
	assert_int_equal(out(M_DB), NAT_DROPPED);
	make_error(WEB, REMOTE + 1, 3);
	assert_int_equal(out(M_WEB), NAT_DROPPED);
}

static void test_error_cut_short(void **state)
{
	begin(IP_UDP, M_WEB, 5000, REMOTE, 53);
	memcpy(quoted, bytes, 28);
	for (u32 size = 28; size < 56; size++) {
		make_error(REMOTE, OUTSIDE, 3);
		put16(bytes + 2, (u16)size);
		sum_header(bytes);
		p.have = p.len = size;
		assert_int_not_equal(in(), NAT_SEND);
	}
}

/* --- fragments */

static void as_fragment(u32 offset, bool more, u16 id)
{
	put16(bytes + 4, id);
	put16(bytes + 6, (u16)(offset / 8 | (more ? 0x2000 : 0)));
	sum_header(bytes);
}

static void test_fragments(void **state)
{
	u16 id, port;

	make(IP_UDP, WEB, 5000, REMOTE, 53, 1000, 0);
	as_fragment(0, true, 7);
	assert_int_equal(out(M_WEB), NAT_SEND);
	id = get16(bytes + 4);
	port = SPORT;
	make(IP_UDP, WEB, 0, REMOTE, 0, 100, 0);
	as_fragment(1008, false, 7);
	assert_int_equal(out(M_WEB), NAT_SEND);
	assert_int_equal(FROM, OUTSIDE);
	assert_int_equal(get16(bytes + 4), id);
	assert_int_equal(inet_fold(inet_sum(bytes, 20, 0)), 0xffff);
	/* Of another datagram: its first piece was not seen. */
	make(IP_UDP, WEB, 0, REMOTE, 0, 100, 0);
	as_fragment(1008, false, 8);
	dropped(NAT_DROP_FRAGMENT);
	/* Back in. */
	make(IP_UDP, REMOTE, 53, OUTSIDE, port, 1000, 0);
	as_fragment(0, true, 9);
	assert_int_equal(in(), NAT_SEND);
	make(IP_UDP, REMOTE, 0, OUTSIDE, 0, 100, 0);
	as_fragment(1008, false, 9);
	assert_int_equal(in(), NAT_SEND);
	assert_int_equal(TO, WEB);
	make(IP_UDP, REMOTE, 0, OUTSIDE, 0, 100, 0);
	as_fragment(1008, false, 10);
	assert_int_equal(in(), NAT_PASS);
}

static void test_fragments_are_bounded(void **state)
{
	u32 kept = 0;

	for (u32 i = 0; i < 100; i++) {
		make(IP_UDP, WEB, 5000, REMOTE, 53, 1000, 0);
		as_fragment(0, true, (u16)(100 + i));
		kept += out(M_WEB) == NAT_SEND;
	}
	assert_int_equal(kept, NAT_FRAGMENTS_EACH);
	make(IP_UDP, DB, 5000, REMOTE, 53, 1000, 0);
	as_fragment(0, true, 7);
	assert_int_equal(out(M_DB), NAT_SEND);
	now += 20000;
	make(IP_UDP, WEB, 5000, REMOTE, 53, 1000, 0);
	as_fragment(0, true, 7);
	assert_int_equal(out(M_WEB), NAT_SEND);
}

static void test_tiny_fragments(void **state)
{
	make(IP_TCP, WEB, 1, REMOTE, 2, 0, SYN);
	put16(bytes + 2, 28);
	as_fragment(0, true, 1);
	p.len = p.have = 28;
	dropped(NAT_DROP_FRAGMENT);
	make(IP_TCP, WEB, 1, REMOTE, 2, 0, SYN);
	as_fragment(8, false, 1);
	dropped(NAT_DROP_FRAGMENT);
}

/* --- bounds and time */

static void test_shares(void **state)
{
	u16 port = begin(IP_UDP, M_DB, 5000, REMOTE, 53);

	for (u32 i = 0; i < NAT_SESSIONS * 2; i++) {
		make(IP_UDP, WEB, (u16)(i + 1), REMOTE + (i >> 16), 99, 8, 0);
		assert_int_equal(out(M_WEB), NAT_SEND);
		assert_true(n.member[M_WEB].sessions <= n.member[M_WEB].share);
	}
	assert_true(n.stats.evicted > 0);
	make(IP_UDP, REMOTE, 53, OUTSIDE, port, 8, 0);
	assert_int_equal(in(), NAT_SEND);
	assert_int_equal(p.member, M_DB);
}

/* Whoever floods a forwarded port pushes out flows that are just beginning, not those that are in use. */
static void test_flood_from_outside(void **state)
{
	u16 port;

	port = begin(IP_TCP, M_WEB, 4000, REMOTE, 80);
	make(IP_TCP, REMOTE, 80, OUTSIDE, port, 0, SYN | ACK);
	assert_int_equal(in(), NAT_SEND);
	make(IP_TCP, WEB, 4000, REMOTE, 80, 0, ACK);
	assert_int_equal(out(M_WEB), NAT_SEND);
	for (u32 i = 0; i < NAT_SESSIONS * 2; i++) {
		make(IP_TCP, REMOTE + 1 + i, 1234, OUTSIDE, 2201, 0, SYN);
		assert_int_equal(in(), NAT_SEND);
	}
	make(IP_TCP, REMOTE, 80, OUTSIDE, port, 9, ACK);
	assert_int_equal(in(), NAT_SEND);
}

static bool alive(u16 port)
{
	make(IP_TCP, REMOTE, 80, OUTSIDE, port, 9, ACK);
	return in() == NAT_SEND;
}

static void test_time(void **state)
{
	u16 port = begin(IP_TCP, M_WEB, 4000, REMOTE, 80);

	now += 61000;
	assert_false(alive(port));
	port = begin(IP_TCP, M_WEB, 4000, REMOTE, 80);
	make(IP_TCP, REMOTE, 80, OUTSIDE, port, 0, SYN | ACK);
	assert_int_equal(in(), NAT_SEND);
	make(IP_TCP, WEB, 4000, REMOTE, 80, 0, ACK);
	assert_int_equal(out(M_WEB), NAT_SEND);
	now += 7200000;
	assert_true(alive(port));
	make(IP_TCP, REMOTE, 80, OUTSIDE, port, 0, RST);
	assert_int_equal(in(), NAT_SEND);
	now += 11000;
	assert_false(alive(port));
	for (u32 i = 0; i < NAT_SESSIONS; i++)
		nat_sweep(&n, now);
	assert_int_equal(n.member[M_WEB].sessions, 0);
}

static void test_both_fins(void **state)
{
	u16 port = begin(IP_TCP, M_WEB, 4000, REMOTE, 80);

	make(IP_TCP, REMOTE, 80, OUTSIDE, port, 0, SYN | ACK);
	in();
	make(IP_TCP, WEB, 4000, REMOTE, 80, 0, ACK | FIN);
	out(M_WEB);
	make(IP_TCP, REMOTE, 80, OUTSIDE, port, 0, ACK | FIN);
	in();
	now += 239000;
	assert_true(alive(port));
	now += 241000;
	assert_false(alive(port));
}

static void test_address_changes(void **state)
{
	u16 port = begin(IP_UDP, M_WEB, 5000, REMOTE, 53);

	nat_forget_side(&n, 0);
	make(IP_UDP, REMOTE, 53, OUTSIDE, port, 8, 0);
	assert_int_equal(in(), NAT_PASS);
	assert_int_equal(n.member[M_WEB].sessions, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup(f, setup)
		TEST(test_tcp_both_ways), TEST(test_only_the_flow_comes_in), TEST(test_ports), TEST(test_udp_without_sum),
		TEST(test_partial_sum), TEST(test_gso_passes_as_one), TEST(test_icmp_echo), TEST(test_forward), TEST(test_hairpin),
		TEST(test_name_server), TEST(test_next_name_server), TEST(test_spoofed), TEST(test_destinations),
		TEST(test_malformed), TEST(test_padding), TEST(test_hop_limit), TEST(test_too_long), TEST(test_no_outside),
		TEST(test_error_comes_in), TEST(test_error_goes_out), TEST(test_error_cut_short), TEST(test_fragments),
		TEST(test_fragments_are_bounded), TEST(test_tiny_fragments), TEST(test_shares), TEST(test_flood_from_outside),
		TEST(test_time), TEST(test_both_fins), TEST(test_address_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
