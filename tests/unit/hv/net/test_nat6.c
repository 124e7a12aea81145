/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/net/nat6.c hv/net/nat6_packet.c hv/net/nat6_router.c hv/net/nat_session.c hv/net/nat.c hv/net/nat_packet.c hv/net/nat_icmp.c hv/net/nat_fragment.c hv/net/inet.c */
/* IPv6 behind NAT: every packet that goes on has a right checksum, only what belongs to a flow comes in, and the gateway says
 * what a router has to say. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include <hv/lib.h>

#include "hv/net/inet.h"
#include "hv/net/nat6.h"
#include "transport.h"

#define FRAME (ETHER_HEADER + IP6_HEADER)
enum { M_WEB, M_DB, ICMP6 = 58, SYN = 2, ACK = 16, RST = 4 };

static const u8 outside[16] = { 0x20, 1, 0xd, 0xb8, [15] = 5 }, remote[16] = { 0x20, 1, 0xd, 0xb8, 1, [15] = 9 };
static const u8 other[16] = { 0x20, 1, 0xd, 0xb8, 2, [15] = 9 };
static const u8 prefix[8] = { 0xfd, 1, 2, 3, 4, 5, 0, 0 };
static u8 web[16], db[16], bytes[2048];
static struct nat6 n;
static struct nat_packet p;
static u64 now;

static int setup(void **state)
{
	static const u8 seed[24] = "some twenty-four bytes";

	(void)state;
	nat6_init(&n, seed);
	n.side[0] = (struct nat6_side){ .up = true, .mtu = 1500 };
	memcpy(n.side[0].address, outside, 16);
	memcpy(n.prefix[0], prefix, 8);
	n.flows.network[0] = (struct nat_network){ .used = true, .outside = 0 };
	for (u32 i = 0; i < 2; i++)
		n.flows.member[i] = (struct nat_member){ .used = true, .guest = true };
	nat_share(&n.flows);
	memcpy(web, prefix, 8);
	memcpy(db, prefix, 8);
	web[15] = 0xa;
	db[15] = 0xb;
	now = 1000000;
	return 0;
}

static u32 sum_of(u32 at, u32 size)
{
	u8 proto = bytes[6] == IP6_FRAGMENT ? bytes[40] : bytes[6];

	return inet_fold(inet_sum(bytes + at, size, inet_sum(bytes + 8, 32, proto + size)));
}

static void make(u8 proto, const u8 *from, u16 from_port, const u8 *to, u16 to_port, u32 data, u8 flags)
{
	u32 head = proto == IP_TCP ? 20 : 8, size = head + data;
	u8 *l4 = bytes + 40, *sum;

	memset(bytes, 0, sizeof(bytes));
	bytes[0] = 0x60;
	put16(bytes + 4, (u16)size);
	bytes[6] = proto;
	bytes[7] = 64;
	memcpy(bytes + 8, from, 16);
	memcpy(bytes + 24, to, 16);
	sum = make_transport(l4, proto, from_port, to_port, data, flags);
	put16(sum, (u16)~sum_of(40, size));
	p = (struct nat_packet){ .ip = bytes, .have = MIN(40 + size, NAT_HEADERS_MAX), .len = 40 + size };
}

static enum nat_verdict out(u32 member)
{
	return nat6_from_member(&n, member, &p, now);
}

static enum nat_verdict in(void)
{
	return nat6_from_side(&n, 0, &p, now);
}

static void check_sum(void)
{
	assert_int_equal(sum_of(40, get16(bytes + 4)), 0xffff);
}

#define SPORT get16(bytes + 40)
#define DPORT get16(bytes + 42)

static u16 begin(u8 proto, u32 member, u16 port, const u8 *to, u16 to_port)
{
	make(proto, member == M_WEB ? web : db, port, to, to_port, 11, proto == ICMP6 ? 128 : SYN);
	assert_int_equal(out(member), NAT_SEND);
	return proto == ICMP6 ? get16(bytes + 44) : SPORT;
}

static void both_ways(void **state)
{
	static const u8 each[] = { IP_TCP, IP_UDP, ICMP6 };

	(void)state;
	for (u32 k = 0; k < 3; k++) {
		bool echo = each[k] == ICMP6;
		u16 port = begin(each[k], M_WEB, 4000, remote, 80);

		check_sum();
		assert_int_equal(bytes[7], 63);
		assert_memory_equal(bytes + 8, outside, 16);
		assert_memory_equal(bytes + 24, remote, 16);
		assert_in_range(port, NAT_PORT_FIRST, NAT_PORT_FIRST + NAT_PORT_COUNT - 1);
		assert_false(p.to_member);
		make(each[k], remote, echo ? port : 80, outside, port, 20, echo ? 129 : SYN | ACK);
		assert_int_equal(in(), NAT_SEND);
		check_sum();
		assert_true(p.to_member && p.member == M_WEB);
		assert_memory_equal(bytes + 24, web, 16);
		assert_memory_equal(bytes + 8, remote, 16);
		assert_int_equal(echo ? get16(bytes + 44) : DPORT, 4000);
		/* Nobody else may use it: it is not ours then. */
		make(each[k], other, echo ? port : 80, outside, port, 20, echo ? 129 : ACK);
		assert_int_equal(in(), NAT_PASS);
		if (!echo) {
			make(each[k], remote, 81, outside, port, 20, ACK);
			assert_int_equal(in(), NAT_PASS);
		}
	}
	assert_int_equal(n.flows.stats.out, 3);
	assert_int_equal(n.flows.stats.in, 3);
}

/* A sum that the sender's card was to make: it covers the addresses already, not the ports. */
static void partial_sums(void **state)
{
	(void)state;
	make(IP_UDP, web, 5000, remote, 53, 30, 0);
	put16(bytes + 46, inet_fold(inet_sum(bytes + 8, 32, IP_UDP + 38)));
	p.partial = true;
	assert_int_equal(out(M_WEB), NAT_SEND);
	assert_int_equal(get16(bytes + 46), inet_fold(inet_sum(bytes + 8, 32, IP_UDP + 38)));
	nat6_finish_sum(bytes, 78);
	check_sum();
}

static void what_may_not_go_out(void **state)
{
	static const u8 martian[][16] = { { 0 }, { [15] = 1 }, { 0xff, 2, [15] = 1 }, { 0xfe, 0x80, [15] = 7 },
		{ 0xfd, 1, 2, 3, 4, 5, [15] = 9 }, { [10] = 0xff, 0xff, 10, 77, 0, 1 } };
	const struct nat_stats *s = &n.flows.stats;

	(void)state;
	for (u32 i = 0; i < 6; i++) {
		make(IP_TCP, web, 1, martian[i], 80, 0, SYN);
		assert_int_equal(out(M_WEB), NAT_DROPPED);
	}
	make(IP_TCP, web, 1, outside, 80, 0, SYN);
	assert_int_equal(out(M_WEB), NAT_DROPPED);
	assert_int_equal(s->drop[NAT_DROP_ADDRESS], 7);
	make(IP_TCP, other, 1, remote, 80, 0, SYN);
	assert_int_equal(out(M_WEB), NAT_DROPPED);
	assert_int_equal(s->drop[NAT_DROP_SOURCE], 1);
	make(IP_TCP, web, 1, remote, 80, 0, ACK);
	assert_int_equal(out(M_WEB), NAT_DROPPED);
	assert_int_equal(s->drop[NAT_DROP_NO_FLOW], 1);
	make(IP_TCP, web, 1, remote, 80, 0, SYN);
	bytes[7] = 1;
	assert_int_equal(out(M_WEB), NAT_DROPPED);
	assert_int_equal(s->drop[NAT_DROP_TTL], 1);
	make(ICMP6, web, 1, remote, 0, 0, 135);
	assert_int_equal(out(M_WEB), NAT_DROPPED);
	make(IP_UDP, web, 1, remote, 80, 1500, 0);
	assert_int_equal(out(M_WEB), NAT_DROPPED);
	assert_int_equal(s->drop[NAT_DROP_TOO_LONG], 1);
	for (u32 next = 0; next < 256; next++) {
		make(IP_UDP, web, 1, remote, 80, 20, 0);
		bytes[6] = (u8)next;
		if (next != IP_UDP && next != IP_TCP && next != ICMP6 && next != IP6_FRAGMENT)
			assert_int_equal(out(M_WEB), NAT_DROPPED);
	}
	n.side[0].up = false;
	make(IP_TCP, web, 1, remote, 80, 0, SYN);
	assert_int_equal(out(M_WEB), NAT_DROPPED);
	assert_int_equal(s->drop[NAT_DROP_NO_OUTSIDE], 1);
}

static void lengths_that_lie(void **state)
{
	(void)state;
	begin(IP_TCP, M_WEB, 7, remote, 80);
	for (u32 len = 0; len < 80; len++) {
		make(IP_TCP, web, 7, remote, 80, 20, ACK);
		p.have = p.len = len;
		if (len < 60)
			assert_int_equal(out(M_WEB), NAT_DROPPED);
	}
	make(IP_TCP, web, 7, remote, 80, 20, ACK);
	put16(bytes + 4, 41);
	assert_int_equal(out(M_WEB), NAT_DROPPED);
	make(IP_UDP, web, 7, remote, 80, 20, 0);
	put16(bytes + 44, 29);
	assert_int_equal(out(M_WEB), NAT_DROPPED);
	make(IP_TCP, web, 7, remote, 80, 20, ACK);
	bytes[52] = 0xf0;
	assert_int_equal(out(M_WEB), NAT_DROPPED);
}

/* What is for us or for nobody is lwIP's; an address of the guests' is not reached from outside. */
static void from_outside(void **state)
{
	(void)state;
	make(IP_TCP, remote, 80, outside, 22, 0, SYN);
	assert_int_equal(in(), NAT_PASS);
	make(ICMP6, remote, 0, outside, 0, 16, 135);
	assert_int_equal(in(), NAT_PASS);
	make(ICMP6, remote, 3, outside, 0, 16, 128);
	assert_int_equal(in(), NAT_PASS);
	make(IP_TCP, remote, 80, web, 22, 0, SYN);
	assert_int_equal(in(), NAT_DROPPED);
}

static void shares(void **state)
{
	u32 share = n.flows.member[M_WEB].share;
	u16 port = begin(IP_TCP, M_DB, 7, remote, 80);

	(void)state;
	for (u32 i = 0; i < share + 100; i++)
		begin(IP_UDP, M_WEB, (u16)(1000 + i % 60000), i & 1 ? remote : other, (u16)(i % 7 + 1));
	assert_true(n.flows.member[M_WEB].sessions <= share);
	make(IP_TCP, remote, 80, outside, port, 0, SYN | ACK);
	assert_int_equal(in(), NAT_SEND);
	assert_int_equal(p.member, M_DB);
	nat6_forget_member(&n, M_WEB);
	assert_int_equal(n.flows.member[M_WEB].sessions, 0);
	nat6_forget_side(&n, 0);
	make(IP_TCP, remote, 80, outside, port, 0, ACK);
	assert_int_equal(in(), NAT_PASS);
}

/* Another address of the same guest with the same ports: a flow of its own, which ends the first one. */
static void two_addresses_of_a_guest(void **state)
{
	u16 port;

	(void)state;
	begin(IP_UDP, M_WEB, 7, remote, 80);
	make(IP_UDP, db, 7, remote, 80, 4, 0);
	assert_int_equal(out(M_WEB), NAT_SEND);
	port = SPORT;
	make(IP_UDP, remote, 80, outside, port, 4, 0);
	assert_int_equal(in(), NAT_SEND);
	assert_memory_equal(bytes + 24, db, 16);
	assert_int_equal(n.flows.member[M_WEB].sessions, 1);
}

static void errors_come_in(void **state)
{
	u16 port = begin(IP_UDP, M_WEB, 4000, remote, 53);
	u8 inner[60];

	(void)state;
	memcpy(inner, bytes, 60);
	make(ICMP6, other, 0, outside, 0, 60, 1);
	memcpy(bytes + 48, inner, 60);
	put16(bytes + 42, 0);
	put16(bytes + 42, (u16)~sum_of(40, 68));
	assert_int_equal(get16(bytes + 88), port);
	assert_int_equal(in(), NAT_SEND);
	assert_true(p.member == M_WEB);
	check_sum();
	assert_memory_equal(bytes + 24, web, 16);
	assert_memory_equal(bytes + 48 + 8, web, 16);
	assert_int_equal(get16(bytes + 88), 4000);
	/* About a flow that there is not. */
	make(ICMP6, other, 0, outside, 0, 60, 2);
	put16(inner + 40, 9);
	memcpy(bytes + 48, inner, 60);
	assert_int_equal(in(), NAT_PASS);
	/* Cut short. */
	make(ICMP6, other, 0, outside, 0, 40, 1);
	memcpy(bytes + 48, inner, 40);
	assert_int_equal(in(), NAT_PASS);
}

/* A piece of a datagram: at is in units of 8 bytes. */
static void make_piece(const u8 *from, const u8 *to, u32 id, u32 at, bool more, u32 data)
{
	memset(bytes, 0, sizeof(bytes));
	bytes[0] = 0x60;
	put16(bytes + 4, (u16)(8 + data));
	bytes[6] = IP6_FRAGMENT;
	bytes[7] = 64;
	memcpy(bytes + 8, from, 16);
	memcpy(bytes + 24, to, 16);
	bytes[40] = IP_UDP;
	put16(bytes + 42, (u16)(at << 3 | more));
	put32(bytes + 44, id);
	if (!at) {
		put16(bytes + 48, 4000);
		put16(bytes + 50, 53);
		put16(bytes + 52, 2000);
	}
	p = (struct nat_packet){ .ip = bytes, .have = MIN(48 + data, NAT_HEADERS_MAX), .len = 48 + data };
}

static void fragments(void **state)
{
	u32 id;

	(void)state;
	make_piece(web, remote, 77, 181, false, 500);
	assert_int_equal(out(M_WEB), NAT_DROPPED);	/* before the first one */
	make_piece(web, remote, 77, 0, true, 1448);
	assert_int_equal(out(M_WEB), NAT_SEND);
	id = get32(bytes + 44);
	assert_memory_equal(bytes + 8, outside, 16);
	make_piece(web, remote, 77, 181, false, 500);
	assert_int_equal(out(M_WEB), NAT_SEND);
	assert_int_equal(get32(bytes + 44), id);
	assert_memory_equal(bytes + 8, outside, 16);
	make_piece(web, remote, 78, 181, false, 500);
	assert_int_equal(out(M_WEB), NAT_DROPPED);
	/* Not another's, even if it says so. */
	make_piece(web, remote, 77, 181, false, 500);
	assert_int_equal(out(M_DB), NAT_DROPPED);
	for (u32 i = 0; i < 2 * NAT6_FRAGMENTS_EACH; i++) {
		make_piece(web, remote, 100 + i, 0, true, 1000);
		out(M_WEB);
		assert_true(n.fragments[M_WEB] <= NAT6_FRAGMENTS_EACH);
	}
	make_piece(db, remote, 1, 0, true, 1000);
	assert_int_equal(out(M_DB), NAT_SEND);
	now += 20000;
	make_piece(web, remote, 77, 181, false, 500);
	assert_int_equal(out(M_WEB), NAT_DROPPED);
	make_piece(web, remote, 500, 0, true, 1000);
	assert_int_equal(out(M_WEB), NAT_SEND);
	assert_int_equal(n.fragments[M_DB], 0);
	nat6_forget_member(&n, M_WEB);
	assert_int_equal(n.fragments[M_WEB], 0);
}

/* --- the router ----------------------------------------------------------------------------------------------------------- */

static const u8 gateway_mac[6] = { 0x42, 0x62, 0x6b, 0x68, 0, 1 };
static struct nat6_router r;
static u8 frame[1600], got[NAT6_ANSWER_MAX];

static void make_frame(const u8 *from, const u8 *to, u8 hops, const u8 *icmp, u32 length)
{
	memset(frame, 0, sizeof(frame));
	nat6_router_init(&r, gateway_mac, prefix);
	r.outside = true;
	memcpy(frame, gateway_mac, 6);
	frame[6] = 2;
	put16(frame + 12, ETHER_IP6);
	frame[14] = 0x60;
	put16(frame + 18, (u16)length);
	frame[20] = ICMP6;
	frame[21] = hops;
	memcpy(frame + 22, from, 16);
	memcpy(frame + 38, to, 16);
	memcpy(frame + FRAME, icmp, length);
	put16(frame + FRAME + 2, (u16)~inet_fold(inet_sum(frame + FRAME, length, inet_sum(frame + 22, 32, ICMP6 + length))));
}

static void check_answer(u32 len)
{
	u32 length = len - FRAME;

	assert_int_equal(get16(got + 18), length);
	assert_int_equal(inet_fold(inet_sum(got + FRAME, length, inet_sum(got + 22, 32, ICMP6 + length))), 0xffff);
	assert_memory_equal(got + 6, gateway_mac, 6);
}

static void routers_answers(void **state)
{
	static const u8 all_routers[16] = { 0xff, 2, [15] = 2 }, nobody[16];
	u8 solicit[24] = { 135 }, router[8] = { 133 }, echo[30] = { 128, 0, 0, 0, 1, 2 }, gateway[16];
	u32 len;

	(void)state;
	memcpy(gateway, prefix, 8);
	memset(gateway + 8, 0, 8);
	gateway[15] = 1;
	memcpy(solicit + 8, gateway, 16);
	make_frame(web, gateway, 255, solicit, 24);
	len = nat6_answer(&r, frame, FRAME + 24, got);
	assert_int_equal(len, FRAME + 32);
	check_answer(len);
	assert_int_equal(got[FRAME], 136);
	assert_memory_equal(got + FRAME + 26, gateway_mac, 6);
	assert_memory_equal(got + 38, web, 16);
	make_frame(web, gateway, 254, solicit, 24);	/* from another link */
	assert_int_equal(nat6_answer(&r, frame, FRAME + 24, got), 0);
	solicit[23] = 2;
	make_frame(web, gateway, 255, solicit, 24);	/* of another's address */
	assert_int_equal(nat6_answer(&r, frame, FRAME + 24, got), 0);
	make_frame(nobody, all_routers, 255, router, 8);
	len = nat6_answer(&r, frame, FRAME + 8, got);
	assert_int_equal(len, FRAME + 64);
	check_answer(len);
	assert_int_equal(got[FRAME], 134);
	assert_int_equal(get16(got + FRAME + 6), 1800);
	assert_memory_equal(got + FRAME + 48, prefix, 8);
	r.outside = false;
	len = nat6_advertise(&r, got);
	check_answer(len);
	assert_int_equal(get16(got + FRAME + 6), 0);
	assert_int_equal(got[0], 0x33);
	make_frame(web, gateway, 64, echo, 30);
	len = nat6_answer(&r, frame, FRAME + 30, got);
	assert_int_equal(len, FRAME + 30);
	check_answer(len);
	assert_int_equal(got[FRAME], 129);
	frame[FRAME + 9] ^= 1;				/* a wrong sum */
	assert_int_equal(nat6_answer(&r, frame, FRAME + 30, got), 0);
	make_frame(web, gateway, 64, echo, 30);
	for (u32 n_bytes = 0; n_bytes < FRAME + 30; n_bytes++)
		assert_int_equal(nat6_answer(&r, frame, n_bytes, got), 0);
	assert_true(nat6_for_router(&r, frame + ETHER_HEADER));
	make_frame(web, remote, 64, echo, 30);
	assert_false(nat6_for_router(&r, frame + ETHER_HEADER));
	assert_int_equal(nat6_answer(&r, frame, FRAME + 30, got), 0);
}

#define ROW(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = { ROW(both_ways), ROW(partial_sums), ROW(what_may_not_go_out), ROW(lengths_that_lie),
		ROW(from_outside), ROW(shares), ROW(two_addresses_of_a_guest), ROW(errors_come_in), ROW(fragments),
		ROW(routers_answers) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
