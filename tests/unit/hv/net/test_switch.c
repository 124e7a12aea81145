/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/net/switch_fake.c hv/net/switch.c hv/net/switch_deliver.c hv/net/switch_head.c hv/net/switch_hold.c hv/net/switch_learn.c hv/net/switch_ports.c hv/net/guard.c hv/net/limit.c hv/net/mac_table.c hv/net/offload.c hv/net/capture.c hv/net/frame.c hv/core/sync.c hv/lib/string.c hv/lib/format.c */
/* Where frames go: addresses that are learnt, VLANs, isolation, limits, leases. */
#include "switch_fixture.h"

static void test_unicast(void **state)
{
	u32 len;

	(void)state;
	make_all();
	len = plain(2, 1);
	assert_false(send_plain(a, frame, len));
	expect_got(0, 1, 0, 0, 0);
	assert_int_equal(b->len, len);
	assert_memory_equal(b->bytes, frame, len);
	assert_ptr_equal(b->source, &a->port);
	assert_null(switch_source());
	assert_int_equal(a->port.stats.in_frames, 1);
	assert_int_equal(a->port.stats.in_bytes, len);
	assert_int_equal(b->port.stats.out_frames, 1);
	assert_int_equal(b->port.stats.out_bytes, len);
	/* Flushed once for a burst, and only who got something. */
	send_plain(a, frame, len);
	assert_int_equal(b->flushed, 0);
	switch_flush();
	switch_flush();
	assert_int_equal(b->flushed, 1);
	assert_int_equal(c->flushed + up->flushed + host->flushed + a->flushed, 0);
	/* To itself: nobody gets it, no reason to complain. */
	plain(1, 1);
	send_plain(a, frame, len);
	expect_got(0, 2 - 1, 0, 0, 0);
	assert_int_equal(drops(&a->port), 0);
}

static void test_broadcast_and_unknown(void **state)
{
	(void)state;
	make_all();
	expect_sent(a, 255, 1, 0, 1, 1, 1, 1);
	/* Nobody knows it: it must be outside. Guests and the hypervisor have the addresses that they have. */
	expect_sent(a, 50, 1, 0, 0, 0, 1, 0);
	assert_int_equal(sw->unknown, 1);
	/* Once it has been heard it is known. */
	expect_sent(up, 1, 50, 1, 0, 0, 0, 0);
	expect_sent(a, 50, 1, 0, 0, 0, 1, 0);
	assert_int_equal(sw->unknown, 1);
	/* What a card hears of others' talk. */
	expect_sent(up, 51, 50, 0, 0, 0, 0, 0);
	assert_int_equal(drops(&up->port), 0);
	/* Bridges talk among themselves. */
	plain(255, 1);
	memcpy(frame, "\x01\x80\xc2\x00\x00\x00", 6);
	send_plain(a, frame, 114);
	expect_got(0, 0, 0, 0, 0);
	assert_int_equal(a->port.stats.drop_in[DROP_REFUSED], 1);
}

/* frame in pieces: the first of so many bytes, then single ones, in the last what is left. */
static bool send_pieces(u32 first, u32 pieces, u32 len, u32 said)
{
	struct net_piece piece[NET_PIECES_MAX] = { { .at = frame, .len = first } };
	struct net_frame f = { .piece = piece, .pieces = pieces, .len = said };

	for (u32 i = 1, at = first; i < pieces; at += piece[i++].len)
		piece[i] = (struct net_piece){ .at = frame + at, .len = i == pieces - 1 ? len - at : 1 };
	return switch_input(&a->port, &f);
}

/* The copy of the head takes the place of what it covers, where there is one for it. */
static void test_pieces(void **state)
{
	static const u32 good[][2] = { { 14, NET_PIECES_MAX }, { GUARD_HEAD - 1, NET_PIECES_MAX }, { GUARD_HEAD, NET_PIECES_MAX },
				       { GUARD_HEAD + 1, NET_PIECES_MAX - 1 }, { 200, 1 } };
	const u32 len = 200;

	(void)state;
	make_all();
	make_ether(frame, 2, 1, 0x88b5, len - 14);
	for (u32 i = 0; i < ARRAY_COUNT(good); i++) {
		send_pieces(good[i][0], good[i][1], len, len);
		expect_got(0, 1, 0, 0, 0);
		assert_int_equal(b->len, len);
		assert_memory_equal(b->bytes, frame, len);
	}
	assert_int_equal(drops(&a->port), 0);
	send_pieces(GUARD_HEAD + 1, NET_PIECES_MAX, len, len);
	send_pieces(13, 1, 13, 60);		/* less than it says */
	expect_got(0, 0, 0, 0, 0);
	assert_int_equal(a->port.stats.drop_in[DROP_MALFORMED], 2);
}

static void test_learning_and_ageing(void **state)
{
	(void)state;
	a = fake_port_new(sw, NET_PORT_GUEST, 1, unguarded);
	b = fake_port_new(sw, NET_PORT_GUEST, 2, unguarded);
	c = fake_port_new(sw, NET_PORT_GUEST, 3, NULL);
	up = host = NULL;
	/* Unknown: only to who may have others behind it */
	expect_sent(b, 9, 40, 1, 0, 0, 0, 0);
	expect_sent(c, 40, 3, 0, 1, 0, 0, 0);
	/* It moves. */
	expect_sent(a, 9, 40, 0, 1, 0, 0, 0);
	expect_sent(c, 40, 3, 1, 0, 0, 0, 0);
	/* A fixed one does not, and is refused where it is wrong. */
	send_plain(a, frame, plain(9, 3));
	assert_int_equal(a->port.stats.drop_in[DROP_SPOOF_MAC], 1);
	expect_sent(b, 3, 2, 0, 0, 1, 0, 0);
	/* Old ones are forgotten, fixed ones never. */
	for (u32 i = 0; i < MAC_AGE_SECONDS + 2; i++)
		fake_net_wait(FAKE_HZ);
	assert_null(switch_find(sw, frame + 100, 0));
	expect_sent(c, 40, 3, 1, 1, 0, 0, 0);
	expect_sent(b, 3, 2, 0, 0, 1, 0, 0);
}

/* However many addresses one port says it has, those of others stay. */
static void test_table_shares(void **state)
{
	u8 mac[6];

	(void)state;
	a = fake_port_new(sw, NET_PORT_GUEST, 1, unguarded);
	b = fake_port_new(sw, NET_PORT_GUEST, 2, unguarded);
	up = fake_port_new(sw, NET_PORT_UPLINK, 100, NULL);
	c = host = NULL;
	for (u32 i = 0; i < 20; i++)
		send_plain(b, frame, plain(9, 600 + i));
	for (u32 i = 0; i < 40000; i++) {
		plain(1, 1000 + (i & 0x7fff));
		frame[8] = (u8)(i >> 15);
		send_plain(up, frame, 114);
		frame[7] ^= 0x10;
		send_plain(a, frame, 114);
	}
	for (u32 i = 0; i < 20; i++) {
		put_mac(mac, 600 + i);
		assert_ptr_equal(switch_find(sw, mac, 0), &b->port);
	}
	put_mac(mac, 2);
	assert_ptr_equal(switch_find(sw, mac, 0), &b->port);
	/* And one more of b's finds a place in the end. */
	send_plain(b, frame, plain(9, 700));
	put_mac(mac, 700);
	assert_ptr_equal(switch_find(sw, mac, 0), &b->port);
	assert_true(sw->macs.learnt[0] <= 64 && sw->macs.learnt[2] <= MAC_BUCKETS * 3);
	assert_true(sw->macs.learnt[2] > MAC_BUCKETS);
}

/* VLANs. */

static void test_access_ports(void **state)
{
	u32 len;

	(void)state;
	a = fake_port_new(sw, NET_PORT_GUEST, 1, vlan10);
	b = fake_port_new(sw, NET_PORT_GUEST, 2, vlan10);
	c = fake_port_new(sw, NET_PORT_GUEST, 3, NULL);
	up = fake_port_new(sw, NET_PORT_UPLINK, 100, NULL);
	host = NULL;
	len = plain(255, 1);
	send_plain(a, frame, len);
	expect_got(0, 1, 0, 1, 0);
	assert_int_equal(b->len, len);
	assert_false(b->tagged);
	/* The wire has the tag where it belongs. */
	assert_int_equal(up->len, len + 4);
	assert_int_equal(get32be(up->bytes + 12), 0x8100000a);
	assert_memory_equal(up->bytes, frame, 12);
	assert_memory_equal(up->bytes + 16, frame + 12, len - 12);
	/* Another VLAN's address is unknown here: it goes outside only, with the tag. */
	expect_sent(a, 3, 1, 0, 0, 0, 1, 0);
	/* From outside: each gets its own, without the tag. */
	len = tagged(255, 50, 0xa00a);
	send_plain(up, frame, len);
	expect_got(1, 1, 0, 0, 0);
	assert_int_equal(a->len, len - 4);
	assert_memory_equal(a->bytes + 12, frame + 16, len - 16);
	assert_int_equal(a->source_vlan, 10);
	expect_sent(up, 255, 50, 0, 0, 1, 0, 0);
	send_plain(up, frame, tagged(255, 50, 11));
	expect_got(0, 0, 0, 0, 0);
	/* An access port may not say a VLAN, not even its own; priority alone is none. */
	send_plain(a, frame, tagged(2, 1, 10));
	send_plain(a, frame, tagged(2, 1, 20));
	expect_got(0, 0, 0, 0, 0);
	assert_int_equal(a->port.stats.drop_in[DROP_VLAN], 2);
	send_plain(a, frame, tagged(2, 1, 0xe000));
	expect_got(0, 1, 0, 0, 0);
	assert_int_equal(b->len, 114);
}

static void test_tags_in_tags(void **state)
{
	(void)state;
	make_all();
	for (u32 i = 0; i < 3; i++) {
		tagged(255, 1, 0);
		put16be(frame + 12, i == 0 ? 0x8100 : i == 1 ? 0x88a8 : 0x9100);
		put16be(frame + 16, 0x8100);
		send_plain(a, frame, 118);
		put_mac(frame + 6, 50);
		send_plain(up, frame, 118);
	}
	/* Beside and inside at once. */
	tagged(255, 50, 10);
	send_bytes(up, frame, 118, 0, NULL, 10, NULL);
	expect_got(0, 0, 0, 0, 0);
	assert_int_equal(a->port.stats.drop_in[DROP_VLAN], 3);
	assert_int_equal(up->port.stats.drop_in[DROP_VLAN], 4);
	/* Too short for its tag. */
	make_ether(frame, 255, 1, 0x8100, 2);
	send_plain(a, frame, 16);
	assert_int_equal(a->port.stats.drop_in[DROP_MALFORMED], 1);
}

static void test_trunks(void **state)
{
	(void)state;
	a = fake_port_new(sw, NET_PORT_GUEST, 1, trunk_10_20);
	b = fake_port_new(sw, NET_PORT_GUEST, 2, vlan10);
	c = fake_port_new(sw, NET_PORT_GUEST, 3, NULL);
	up = fake_port_new(sw, NET_PORT_UPLINK, 100, takes_tags);
	host = NULL;
	send_plain(a, frame, tagged(2, 1, 10));
	expect_got(0, 1, 0, 0, 0);
	assert_int_equal(b->len, 114);
	/* Its address has been learnt in that VLAN; the answer comes tagged. */
	expect_sent(b, 1, 2, 1, 0, 0, 0, 0);
	assert_int_equal(a->len, 118);
	assert_int_equal(get32be(a->bytes + 12), 0x8100000a);
	/* Untagged is its native VLAN, here none. */
	expect_sent(a, 3, 1, 0, 0, 1, 0, 0);
	send_plain(a, frame, tagged(255, 1, 30));
	send_plain(a, frame, tagged(255, 1, 0xfff));
	expect_got(0, 0, 0, 0, 0);
	assert_int_equal(a->port.stats.drop_in[DROP_VLAN], 2);
	/* A card that does tags itself gets them beside the frame, with their priority. */
	send_plain(a, frame, tagged(50, 1, 0x6014));
	expect_got(0, 0, 0, 1, 0);
	assert_true(up->tagged);
	assert_int_equal(up->vlan, 0x6014);
	assert_int_equal(up->len, 114);
	/* And gives them so. */
	send_bytes(up, frame, plain(1, 50), 0, NULL, 20, NULL);
	expect_got(1, 0, 0, 0, 0);
	assert_int_equal(get32be(a->bytes + 12), 0x81000014);
	send_bytes(up, frame, plain(255, 50), 0, NULL, 30, NULL);
	expect_got(0, 0, 0, 0, 0);
	assert_int_equal(drops(&up->port), 0);
}

static void isolated(struct net_port *p)
{
	p->isolated = true;
}

static void test_isolation(void **state)
{
	(void)state;
	a = fake_port_new(sw, NET_PORT_GUEST, 1, isolated);
	b = fake_port_new(sw, NET_PORT_GUEST, 2, isolated);
	c = fake_port_new(sw, NET_PORT_GUEST, 3, NULL);
	up = fake_port_new(sw, NET_PORT_UPLINK, 100, NULL);
	host = fake_port_new(sw, NET_PORT_HOST, 101, NULL);
	expect_sent(a, 255, 1, 0, 0, 0, 1, 1);
	send_plain(a, frame, plain(2, 1));
	send_plain(a, frame, plain(3, 1));
	expect_sent(c, 1, 3, 0, 0, 0, 0, 0);
	assert_int_equal(a->port.stats.drop_in[DROP_ISOLATED], 2);
	assert_int_equal(c->port.stats.drop_in[DROP_ISOLATED], 1);
	send_plain(a, frame, plain(101, 1));
	send_plain(host, frame, plain(1, 101));
	expect_sent(up, 2, 50, 1, 1, 0, 0, 1);
}

/* Limits. */

static void storm100(struct net_port *p)
{
	p->storm_frames = 100;
}

static void rate(struct net_port *p)
{
	p->rate_bytes = 1000000;
}

static void test_storm(void **state)
{
	(void)state;
	a = fake_port_new(sw, NET_PORT_GUEST, 1, storm100);
	b = fake_port_new(sw, NET_PORT_GUEST, 2, NULL);
	c = up = host = NULL;
	for (u32 i = 0; i < 1000; i++)
		send_plain(a, frame, plain(255, 1));
	expect_got(0, 32, 0, 0, 0);
	assert_int_equal(a->port.stats.drop_in[DROP_STORM], 968);
	/* What is for one goes on, and others are not touched. */
	send_plain(a, frame, plain(2, 1));
	expect_sent(b, 255, 2, 1, 1, 0, 0, 0);
	/* Ten seconds at twice the limit. */
	for (u32 i = 0; i < 2000; i++) {
		fake_net_wait(FAKE_HZ / 200);
		send_plain(a, frame, plain(255, 1));
	}
	assert_true(b->got >= 995 && b->got <= 1033);
	/* A long one, as cutting offload allows, costs as much as those that it is cut into. */
	fake_net_wait(10 * FAKE_HZ);
	a->port.stats.drop_in[DROP_STORM] = 0;
	for (u32 i = 0; i < 100; i++)
		send_plain(a, frame, make_ether(frame, 255, 1, 0x88b5, 4500));
	assert_int_equal(a->port.stats.drop_in[DROP_STORM], 90);
}

static void test_rate(void **state)
{
	u32 len;

	(void)state;
	a = fake_port_new(sw, NET_PORT_GUEST, 1, rate);
	b = fake_port_new(sw, NET_PORT_GUEST, 2, NULL);
	len = make_ether(frame, 2, 1, 0x88b5, 986);
	for (u32 i = 0; i < 1000; i++)
		send_plain(a, frame, len);
	assert_int_equal(b->got, 2 * NET_GSO_MAX / 1000);
	assert_int_equal(a->port.stats.drop_in[DROP_RATE], 1000 - b->got);
	b->got = 0;
	for (u32 i = 0; i < 20000; i++) {
		fake_net_wait(FAKE_HZ / 2000);
		send_plain(a, frame, len);
	}
	assert_true(b->got > 9900 && b->got < 10200);
	/* A long rest is worth one burst, no more. */
	fake_net_wait(1000 * FAKE_HZ);
	b->got = 0;
	for (u32 i = 0; i < 1000; i++)
		send_plain(a, frame, len);
	assert_int_equal(b->got, 2 * NET_GSO_MAX / 1000);
}

/* Leases. */

static void test_leases(void **state)
{
	u32 len;

	(void)state;
	make_all();
	/* Until it has an address a guest may use one that nobody has. */
	send_plain(a, frame, make_udp4(frame, 2, 1, 0x0a000063, 0x0a000002, 9, 9, 10));
	assert_int_equal(b->got, 1);
	/* Answers that it did not ask for, or that others ask for, lease nothing. */
	send_plain(up, frame, make_dhcp(frame, 1, 50, 0x0a000064, 5, 100));
	send_plain(a, frame, make_dhcp_request(frame, 1, DHCP_XID + 1));
	send_plain(b, frame, make_dhcp_request(frame, 2, DHCP_XID));
	send_plain(up, frame, make_dhcp(frame, 1, 50, 0x0a000064, 5, 100));
	assert_int_equal(state_of(&a->port)->guard.leased, 0);
	a->got = b->got = 0;
	send_plain(a, frame, make_dhcp_request(frame, 1, DHCP_XID));
	len = make_dhcp(frame, 1, 50, 0x0a000064, 5, 100);
	send_plain(up, frame, len);
	assert_int_equal(a->got, 1);
	assert_int_equal(state_of(&a->port)->guard.leased, 0x0a000064);
	send_plain(a, frame, make_udp4(frame, 2, 1, 0x0a000063, 0x0a000002, 9, 9, 10));
	assert_int_equal(a->port.stats.drop_in[DROP_SPOOF_IP], 1);
	send_plain(a, frame, make_udp4(frame, 2, 1, 0x0a000064, 0x0a000002, 9, 9, 10));
	assert_int_equal(b->got, 2);
	/* Now nobody else has it, not even who used it before. */
	send_plain(b, frame, make_udp4(frame, 1, 2, 0x0a000064, 0x0a000002, 9, 9, 10));
	send_plain(b, frame, make_arp(frame, 2, 1, 0x0a000064, 0x0a000001));
	assert_int_equal(b->port.stats.drop_in[DROP_SPOOF_IP], 1);
	assert_int_equal(b->port.stats.drop_in[DROP_SPOOF_ARP], 1);
	/* Broadcast answers are for whom they name. */
	len = make_dhcp(frame, 2, 50, 0x0a000065, 5, 100);
	memset(frame, 0xff, 6);
	send_plain(up, frame, len);
	assert_int_equal(state_of(&a->port)->guard.leased, 0x0a000064);
	assert_int_equal(state_of(&b->port)->guard.leased, 0x0a000065);
	/* A guest is no DHCP server. */
	send_plain(a, frame, make_dhcp(frame, 2, 1, 0x0a000066, 5, 100));
	assert_int_equal(state_of(&b->port)->guard.leased, 0x0a000065);
	/* One answer to a question. */
	send_plain(up, frame, make_dhcp(frame, 1, 50, 0x0a000068, 5, 100));
	assert_int_equal(state_of(&a->port)->guard.leased, 0x0a000064);
	/* The lease ends. */
	fake_net_wait(200 * FAKE_HZ);
	send_plain(a, frame, make_udp4(frame, 2, 1, 0x0a000063, 0x0a000002, 9, 9, 10));
	assert_int_equal(b->got, 4);
	/* NAK takes it away, the plan's word is above all. */
	send_plain(a, frame, make_dhcp_request(frame, 1, DHCP_XID));
	send_plain(up, frame, make_dhcp(frame, 1, 50, 0x0a000067, 5, 100));
	assert_int_equal(state_of(&a->port)->guard.leased, 0x0a000067);
	send_plain(a, frame, make_dhcp_request(frame, 1, DHCP_XID));
	send_plain(up, frame, make_dhcp(frame, 1, 50, 0, 6, 100));
	assert_int_equal(state_of(&a->port)->guard.leased, 0);
	assert_int_equal(switch_bind_ip4(&a->port, 0x0a000001), 0);
	send_plain(a, frame, make_dhcp_request(frame, 1, DHCP_XID));
	send_plain(up, frame, make_dhcp(frame, 1, 50, 0x0a000067, 5, 100));
	assert_int_equal(state_of(&a->port)->guard.leased, 0);
}

static void test_binding(void **state)
{
	u8 six[16] = { 0x20, 1, 0xd, 0xb8 };

	(void)state;
	make_all();
	for (u32 i = 0; i < SWITCH_BOUND_MAX; i++) {
		six[15] = (u8)i;
		assert_int_equal(switch_bind_ip4(&host->port, 0x0a000001 + i), 0);
		assert_int_equal(switch_bind_ip4(&host->port, 0x0a000001 + i), 0);
		assert_int_equal(switch_bind_ip6(&host->port, six), 0);
	}
	assert_int_equal(switch_bind_ip4(&host->port, 0x0b000001), -E_NOMEM);
	six[14] = 1;
	assert_int_equal(switch_bind_ip6(&host->port, six), -E_NOMEM);
	send_plain(a, frame, make_arp(frame, 1, 1, 0x0a000002, 1));
	assert_int_equal(a->port.stats.drop_in[DROP_SPOOF_ARP], 1);
	/* What was good is so no longer when it is bound no longer, and somebody else has it. */
	assert_int_equal(switch_bind_ip4(&a->port, 0x0a000002), 0);
	send_plain(a, frame, make_udp4(frame, 2, 1, 0x0a000002, 7, 9, 9, 60));
	assert_int_equal(a->port.stats.drop_in[DROP_SPOOF_IP], 0);
	switch_unbind_ip4(&a->port, 0x0a000002);
	send_plain(a, frame, make_udp4(frame, 2, 1, 0x0a000002, 7, 9, 9, 60));
	assert_int_equal(a->port.stats.drop_in[DROP_SPOOF_IP], 1);
	a->port.stats.drop_in[DROP_SPOOF_IP] = b->got = 0;
	switch_unbind_ip4(&host->port, 0x0a000002);
	send_plain(a, frame, make_arp(frame, 1, 1, 0x0a000002, 1));
	assert_int_equal(host->got, 1);
	six[14] = 0;
	six[15] = 2;
	send_plain(a, frame, make_udp6(frame, 2, 1, six, six, 9, 9, 10));
	assert_int_equal(a->port.stats.drop_in[DROP_SPOOF_IP], 1);
	switch_unbind_ip6(&host->port, six);
	send_plain(a, frame, make_udp6(frame, 2, 1, six, six, 9, 9, 10));
	assert_int_equal(b->got, 2);	/* with the broadcast above */
	assert_int_equal(switch_bind_ip6(&host->port, six), 0);
}

/* An address that nobody has in one VLAN is not good for that in another, where somebody has it. */
static void test_addresses_on_trunks(void **state)
{
	(void)state;
	a = fake_port_new(sw, NET_PORT_GUEST, 1, trunk_10_20);
	b = fake_port_new(sw, NET_PORT_GUEST, 2, vlan10);
	assert_int_equal(switch_bind_ip4(&b->port, 0x0a000005), 0);
	for (u32 i = 0; i < 2; i++) {
		send_bytes(a, frame, make_udp4(frame, 9, 1, 0x0a000005, 7, 9, 9, 60), 0, NULL, 20, NULL);
		assert_int_equal(drops(&a->port), 2 * i);
		send_bytes(a, frame, make_udp4(frame, 2, 1, 0x0a000005, 7, 9, 9, 60), 0, NULL, 10, NULL);
		assert_int_equal(a->port.stats.drop_in[DROP_SPOOF_IP], i + 1);
		send_bytes(a, frame, make_arp(frame, 1, 2, 0x0a000005, 7), 0, NULL, 10, NULL);
		assert_int_equal(a->port.stats.drop_in[DROP_SPOOF_ARP], i + 1);
	}
	assert_int_equal(b->got, 0);
	send_bytes(a, frame, make_udp4(frame, 2, 1, 0x0a000006, 7, 9, 9, 60), 0, NULL, 10, NULL);
	assert_int_equal(b->got, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_unicast), ROW(test_broadcast_and_unknown), ROW(test_pieces), ROW(test_learning_and_ageing),
		ROW(test_table_shares),
		ROW(test_access_ports), ROW(test_tags_in_tags), ROW(test_trunks), ROW(test_isolation), ROW(test_storm),
		ROW(test_rate),
		ROW(test_leases), ROW(test_binding), ROW(test_addresses_on_trunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
