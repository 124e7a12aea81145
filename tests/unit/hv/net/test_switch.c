/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/net/switch_fake.c hv/net/switch.c hv/net/switch_deliver.c hv/net/switch_head.c hv/net/switch_hold.c hv/net/switch_learn.c hv/net/switch_ports.c hv/net/guard.c hv/net/limit.c hv/net/mac_table.c hv/net/offload.c hv/net/capture.c hv/net/frame.c hv/core/sync.c hv/lib/string.c hv/lib/format.c */
#include "switch_fake.h"

#include "../../../../hv/net/capture.h"
#include "../../../../hv/net/switch.h"

static struct net_switch *sw;
static struct fake_port *a, *b, *c, *up, *host;
static u8 frame[FRAME_BYTES];

static int setup(void **state)
{
	(void)state;
	fake_net_reset();
	sw = switch_create("lan");
	assert_non_null(sw);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_net_reset();
	return 0;
}

/* Guests a, b, c; an uplink; the hypervisor's port. */
static void make_all(void)
{
	a = fake_port_new(sw, NET_PORT_GUEST, 1, NULL);
	b = fake_port_new(sw, NET_PORT_GUEST, 2, NULL);
	c = fake_port_new(sw, NET_PORT_GUEST, 3, NULL);
	up = fake_port_new(sw, NET_PORT_UPLINK, 100, NULL);
	host = fake_port_new(sw, NET_PORT_HOST, 101, NULL);
}

/* How many frames a, b, c, up, host have got since the last call. */
static void expect_got(u32 in_a, u32 in_b, u32 in_c, u32 in_up, u32 in_host)
{
	struct fake_port *const p[] = { a, b, c, up, host };
	const u32 want[] = { in_a, in_b, in_c, in_up, in_host };

	for (u32 i = 0; i < ARRAY_COUNT(p); i++) {
		if (p[i] && p[i]->got != want[i])
			fail_msg("%s got %u, not %u", p[i]->port.name, p[i]->got, want[i]);
		if (p[i])
			p[i]->got = 0;
	}
}

static u32 plain(u32 to, u32 from)
{
	return make_ether(frame, to, from, 0x88b5, 100);
}

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
	send_plain(a, frame, plain(255, 1));
	expect_got(0, 1, 1, 1, 1);
	/* Nobody knows it: it must be outside. Guests and the hypervisor have the addresses that they have. */
	send_plain(a, frame, plain(50, 1));
	expect_got(0, 0, 0, 1, 0);
	assert_int_equal(sw->unknown, 1);
	/* Once it has been heard it is known. */
	send_plain(up, frame, plain(1, 50));
	expect_got(1, 0, 0, 0, 0);
	send_plain(a, frame, plain(50, 1));
	expect_got(0, 0, 0, 1, 0);
	assert_int_equal(sw->unknown, 1);
	/* What a card hears of others' talk. */
	send_plain(up, frame, plain(51, 50));
	expect_got(0, 0, 0, 0, 0);
	assert_int_equal(drops(&up->port), 0);
	/* Bridges talk among themselves. */
	plain(255, 1);
	memcpy(frame, "\x01\x80\xc2\x00\x00\x00", 6);
	send_plain(a, frame, 114);
	expect_got(0, 0, 0, 0, 0);
	assert_int_equal(a->port.stats.drop_in[DROP_REFUSED], 1);
}

static void unguarded(struct net_port *p)
{
	p->guard = false;
}

static void test_learning_and_ageing(void **state)
{
	(void)state;
	a = fake_port_new(sw, NET_PORT_GUEST, 1, unguarded);
	b = fake_port_new(sw, NET_PORT_GUEST, 2, unguarded);
	c = fake_port_new(sw, NET_PORT_GUEST, 3, NULL);
	up = host = NULL;
	send_plain(b, frame, plain(9, 40));	/* unknown: only to who may have others behind it */
	expect_got(1, 0, 0, 0, 0);
	send_plain(c, frame, plain(40, 3));
	expect_got(0, 1, 0, 0, 0);
	/* It moves. */
	send_plain(a, frame, plain(9, 40));
	expect_got(0, 1, 0, 0, 0);
	send_plain(c, frame, plain(40, 3));
	expect_got(1, 0, 0, 0, 0);
	/* A fixed one does not, and is refused where it is wrong. */
	send_plain(a, frame, plain(9, 3));
	assert_int_equal(a->port.stats.drop_in[DROP_SPOOF_MAC], 1);
	send_plain(b, frame, plain(3, 2));
	expect_got(0, 0, 1, 0, 0);
	/* Old ones are forgotten, fixed ones never. */
	for (u32 i = 0; i < MAC_AGE_SECONDS + 2; i++)
		fake_net_wait(FAKE_HZ);
	assert_null(switch_find(sw, frame + 100, 0));
	send_plain(c, frame, plain(40, 3));
	expect_got(1, 1, 0, 0, 0);
	send_plain(b, frame, plain(3, 2));
	expect_got(0, 0, 1, 0, 0);
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

static void vlan10(struct net_port *p)
{
	p->vlan = 10;
}

static void trunk_10_20(struct net_port *p)
{
	static u64 ids[64];

	ids[0] = BIT(10) | BIT(20);
	p->trunk = true;
	p->vlan_ids = ids;
}

static void takes_tags(struct net_port *p)
{
	p->takes_vlan = true;
	p->takes_checksum = true;
}

static u32 tagged(u32 to, u32 from, u32 tci)
{
	make_ether(frame, to, from, 0x8100, 104);
	put16be(frame + 14, tci);
	put16be(frame + 16, 0x88b5);
	return 118;
}

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
	send_plain(a, frame, plain(3, 1));
	expect_got(0, 0, 0, 1, 0);
	/* From outside: each gets its own, without the tag. */
	len = tagged(255, 50, 0xa00a);
	send_plain(up, frame, len);
	expect_got(1, 1, 0, 0, 0);
	assert_int_equal(a->len, len - 4);
	assert_memory_equal(a->bytes + 12, frame + 16, len - 16);
	assert_int_equal(a->source_vlan, 10);
	send_plain(up, frame, plain(255, 50));
	expect_got(0, 0, 1, 0, 0);
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
	send_plain(b, frame, plain(1, 2));
	expect_got(1, 0, 0, 0, 0);
	assert_int_equal(a->len, 118);
	assert_int_equal(get32be(a->bytes + 12), 0x8100000a);
	/* Untagged is its native VLAN, here none. */
	send_plain(a, frame, plain(3, 1));
	expect_got(0, 0, 1, 0, 0);
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
	send_plain(a, frame, plain(255, 1));
	expect_got(0, 0, 0, 1, 1);
	send_plain(a, frame, plain(2, 1));
	send_plain(a, frame, plain(3, 1));
	send_plain(c, frame, plain(1, 3));
	expect_got(0, 0, 0, 0, 0);
	assert_int_equal(a->port.stats.drop_in[DROP_ISOLATED], 2);
	assert_int_equal(c->port.stats.drop_in[DROP_ISOLATED], 1);
	send_plain(a, frame, plain(101, 1));
	send_plain(host, frame, plain(1, 101));
	send_plain(up, frame, plain(2, 50));
	expect_got(1, 1, 0, 0, 1);
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
	send_plain(b, frame, plain(255, 2));
	expect_got(1, 1, 0, 0, 0);
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

/* Receivers that do not take it. */

static void test_verdicts(void **state)
{
	static const struct { enum net_verdict verdict; enum net_drop why; } all[] = { { NET_NO_ROOM, DROP_NO_ROOM },
		{ NET_TOO_LONG, DROP_TOO_LONG }, { NET_DOWN, DROP_DOWN }, { NET_REFUSED, DROP_REFUSED } };

	(void)state;
	make_all();
	for (u32 i = 0; i < ARRAY_COUNT(all); i++) {
		b->verdict = all[i].verdict;
		send_plain(a, frame, plain(2, 1));
		assert_int_equal(b->port.stats.drop_out[all[i].why], 1);
	}
	assert_int_equal(b->port.stats.out_frames, 0);
	b->verdict = NET_TAKEN;
	b->port.up = false;
	send_plain(a, frame, plain(2, 1));
	assert_int_equal(b->port.stats.drop_out[DROP_DOWN], 2);
	send_plain(b, frame, plain(1, 2));
	assert_int_equal(b->port.stats.drop_in[DROP_DOWN], 1);
	assert_int_equal(a->got, 0);
	assert_true(net_drop_words(DROP_LOOP)[0] && net_drop_words(NET_DROPS)[0]);
}

static void mtu600(struct net_port *p)
{
	p->mtu = 600;
}

static void test_lengths(void **state)
{
	static const u32 lens[] = { 1, 5, 13 };

	(void)state;
	a = fake_port_new(sw, NET_PORT_GUEST, 1, NULL);
	b = fake_port_new(sw, NET_PORT_GUEST, 2, mtu600);
	make_ether(frame, 2, 1, 0x88b5, 10000);
	for (u32 i = 0; i < ARRAY_COUNT(lens); i++)
		send_plain(a, frame, lens[i]);
	assert_int_equal(a->port.stats.drop_in[DROP_MALFORMED], ARRAY_COUNT(lens));
	send_plain(a, frame, 14);
	send_plain(a, frame, 614);
	assert_int_equal(b->got, 2);
	send_plain(a, frame, 615);
	send_plain(a, frame, NET_FRAME_MAX);
	assert_int_equal(b->port.stats.drop_out[DROP_TOO_LONG], 2);
	send_plain(a, frame, NET_FRAME_MAX + 1);
	assert_int_equal(a->port.stats.drop_in[DROP_TOO_LONG], 1);
	assert_int_equal(b->got, 2);
	/* No pieces, or fewer bytes than it says. */
	assert_false(switch_input(&a->port, &(struct net_frame){ .len = 100 }));
	assert_false(switch_input(&a->port, &(struct net_frame){ .len = 100, .pieces = NET_PIECES_MAX + 1 }));
	assert_int_equal(a->port.stats.drop_in[DROP_MALFORMED], ARRAY_COUNT(lens) + 2);
}

/* However a frame is cut, it arrives whole. */
static void test_pieces(void **state)
{
	(void)state;
	make_all();
	for (u32 piece = 1; piece < 130; piece++) {
		u32 len = make_ether(frame, 2, 1, 0x88b5, MIN(60 * piece, 1500) - 10);

		send_bytes(a, frame, len, piece, NULL, 0, NULL);
		assert_int_equal(b->len, len);
		assert_memory_equal(b->bytes, frame, len);
		put_mac(frame + 6, 50);
		send_bytes(up, frame, len, piece, NULL, 10, NULL);	/* nobody there is in VLAN 10 */
		send_bytes(up, frame, len, piece, NULL, 0, NULL);
		assert_memory_equal(b->bytes, frame, len);
		len = tagged(255, 50, 0) ;
		send_bytes(up, frame, len, MAX(piece, 3), NULL, 0, NULL);
		assert_int_equal(b->len, len - 4);
	}
	assert_int_equal(b->got, 3 * 129);
	assert_int_equal(drops(&a->port) + drops(&up->port), 0);
}

/* The guest changes its memory between the check and the copy: what was checked arrives. */
static u8 *shared;
static void change_memory(struct fake_port *p, struct net_frame *f)
{
	(void)p;
	memset(shared, 0xee, 114);
	assert_int_equal(net_copy(f, 0, frame, f->len), f->len);
}

static void test_memory_that_changes(void **state)
{
	u8 memory[114];
	struct net_piece piece = { memory, 0x5000, 114 };
	struct net_frame f = { .piece = &piece, .pieces = 1, .len = 114 };

	(void)state;
	make_all();
	plain(2, 1);
	memcpy(memory, frame, 114);
	shared = memory;
	b->on_deliver = change_memory;
	switch_input(&a->port, &f);
	assert_memory_equal(frame + 6, a->port.mac, 6);
	assert_int_equal(get16be(frame + 12), 0x88b5);
	assert_int_equal(frame[113], 0xee);	/* the rest was copied by the receiver only */
}

/* No copy to a card. */

static struct net_frame *done_frame;
static void note_done(struct net_frame *f)
{
	assert_null(done_frame);
	done_frame = f;
}

static void test_hold(void **state)
{
	u32 len;

	(void)state;
	make_all();
	done_frame = NULL;
	/* Guests have nothing to hold; the sender's memory is free at once. */
	b->verdict = NET_HELD;
	assert_false(send_bytes(a, frame, plain(2, 1), 0, NULL, 0, note_done));
	assert_false(b->may_hold);
	up->verdict = NET_HELD;
	len = plain(50, 1);
	assert_true(send_bytes(a, frame, len, 50, NULL, 0, note_done));
	assert_true(up->may_hold);
	assert_null(done_frame);
	/* The head is our own copy, that a card can reach; the rest is the guest's memory. */
	assert_int_not_equal(up->first_hpa, 0);
	assert_int_equal(up->held->piece[0].len, 64);
	assert_int_equal(up->held->piece[1].hpa, 0x1000000 + 64);
	up->held->done(up->held);
	assert_non_null(done_frame);
	assert_ptr_equal(done_frame->done, note_done);
	/* A card that copied all the same, and a sender that cannot wait. */
	done_frame = NULL;
	up->verdict = NET_TAKEN;
	assert_false(send_bytes(a, frame, len, 0, NULL, 0, note_done));
	up->verdict = NET_HELD;
	assert_false(send_plain(a, frame, len));
	assert_null(done_frame);
	/* Broadcast: the card may hold, the others copy. */
	assert_true(send_bytes(a, frame, plain(255, 1), 0, NULL, 0, note_done));
	assert_true(up->may_hold && !b->may_hold && !c->may_hold && !host->may_hold);
	up->held->done(up->held);
	/* More than there is room for are copied. */
	for (u32 i = 0; i < 64; i++)
		assert_true(send_bytes(a, frame, plain(50, 1), 0, NULL, 0, note_done));
	assert_false(send_bytes(a, frame, plain(50, 1), 0, NULL, 0, note_done));
	done_frame = NULL;
	up->held->done(up->held);
	assert_true(send_bytes(a, frame, plain(50, 1), 0, NULL, 0, note_done));
}

static void test_hold_with_tag(void **state)
{
	u32 len;

	(void)state;
	a = fake_port_new(sw, NET_PORT_GUEST, 1, vlan10);
	up = fake_port_new(sw, NET_PORT_UPLINK, 100, NULL);
	host = fake_port_new(sw, NET_PORT_HOST, 101, vlan10);
	up->verdict = NET_HELD;
	done_frame = NULL;
	len = plain(50, 1);
	assert_true(send_bytes(a, frame, len, 0, NULL, 0, note_done));
	assert_int_equal(up->len, len + 4);
	assert_int_equal(get32be(up->bytes + 12), 0x8100000a);
	assert_memory_equal(up->bytes + 16, frame + 12, len - 12);
	up->held->done(up->held);
	assert_non_null(done_frame);
	/* Of a stable sender nothing but the tag is copied. */
	done_frame = NULL;
	len = plain(50, 101);
	assert_true(send_bytes(host, frame, len, 0, NULL, 0, note_done));
	assert_int_equal(up->held->piece[0].len, 16);
	assert_int_equal(up->held->piece[1].hpa, 0x1000000 + 12);
	assert_memory_equal(up->bytes + 16, frame + 12, len - 12);
	up->held->done(up->held);
}

/* Loops. */

static void test_loops(void **state)
{
	struct fake_port *other;

	(void)state;
	make_all();
	other = fake_port_new(sw, NET_PORT_UPLINK, 110, NULL);
	/* Our own frames come back, by the other uplink or the same. */
	send_plain(a, frame, plain(255, 1));
	assert_int_equal(other->got, 1);
	expect_got(0, 1, 1, 1, 1);
	send_plain(other, frame, plain(255, 1));
	send_plain(up, frame, plain(2, 1));
	send_plain(up, frame, plain(255, 101));
	expect_got(0, 0, 0, 0, 0);
	assert_int_equal(other->port.stats.drop_in[DROP_LOOP], 1);
	assert_int_equal(up->port.stats.drop_in[DROP_LOOP], 2);
	/* Nothing goes from uplink to uplink, so others' frames cannot circle. */
	send_plain(other, frame, plain(255, 50));
	assert_int_equal(other->got, 1);
	expect_got(1, 1, 1, 0, 1);
	send_plain(up, frame, plain(50, 51));
	assert_int_equal(other->got, 1);
	assert_int_equal(up->port.stats.drop_in[DROP_ISOLATED], 1);
}

/* A port that answers out of deliver(), to itself in the end. */
static u32 echoes;
static void echo(struct fake_port *p, struct net_frame *f)
{
	u8 back[114];

	(void)f;
	echoes++;
	memcpy(back, p->bytes, 114);
	memcpy(back, p->bytes + 6, 6);
	memcpy(back + 6, p->port.mac, 6);
	send_plain(p, back, 114);
}

static void test_answers_inside(void **state)
{
	(void)state;
	make_all();
	echoes = 0;
	host->on_deliver = echo;
	send_plain(a, frame, plain(101, 1));
	assert_int_equal(echoes, 1);
	expect_got(1, 0, 0, 0, 1);
	assert_ptr_equal(a->source, &host->port);
	/* Two that answer each other stop. */
	a->on_deliver = echo;
	send_plain(a, frame, plain(101, 1));
	assert_int_equal(echoes, 1 + SWITCH_DEPTH_MAX);
	assert_int_equal(a->port.stats.drop_in[DROP_LOOP] + host->port.stats.drop_in[DROP_LOOP], 1);
	switch_flush();
	assert_true(a->flushed == 1 && host->flushed == 1);
}

/* Bad sources, and bad ports. */
static void test_sources(void **state)
{
	(void)state;
	make_all();
	plain(2, 50);
	frame[6] |= 1;
	send_plain(up, frame, 114);
	memset(frame + 6, 0, 6);
	send_plain(up, frame, 114);
	assert_int_equal(up->port.stats.drop_in[DROP_MALFORMED], 2);
	send_plain(a, frame, plain(2, 3));
	assert_int_equal(a->port.stats.drop_in[DROP_SPOOF_MAC], 1);
	assert_int_equal(b->got, 0);
	assert_null(switch_find(sw, frame, 7));
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
	/* The lease ends. */
	fake_net_wait(200 * FAKE_HZ);
	send_plain(a, frame, make_udp4(frame, 2, 1, 0x0a000063, 0x0a000002, 9, 9, 10));
	assert_int_equal(b->got, 4);
	/* NAK takes it away, the plan's word is above all. */
	send_plain(up, frame, make_dhcp(frame, 1, 50, 0x0a000067, 5, 100));
	send_plain(up, frame, make_dhcp(frame, 1, 50, 0, 6, 100));
	assert_int_equal(state_of(&a->port)->guard.leased, 0);
	assert_int_equal(switch_bind_ip4(&a->port, 0x0a000001), 0);
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

/* Copies for a monitor. */
static void test_mirror(void **state)
{
	(void)state;
	make_all();
	switch_mirror(state_of(&a->port), state_of(&c->port));
	send_plain(a, frame, plain(2, 1));
	expect_got(0, 1, 1, 0, 0);
	assert_memory_equal(c->bytes, frame, 114);
	send_plain(b, frame, plain(1, 2));
	expect_got(1, 0, 1, 0, 0);
	send_plain(b, frame, plain(50, 2));
	expect_got(0, 0, 0, 1, 0);
	/* What a refused guest tried is seen too. */
	send_plain(a, frame, plain(2, 3));
	expect_got(0, 0, 1, 0, 0);
	/* No echo of the monitor's own words. */
	send_plain(c, frame, plain(1, 3));
	expect_got(1, 0, 0, 0, 0);
	/* Two monitors of each other make no circle. */
	switch_mirror(state_of(&c->port), state_of(&a->port));
	send_plain(b, frame, plain(1, 2));
	expect_got(1, 0, 1, 0, 0);
	switch_mirror(state_of(&a->port), NULL);
	switch_mirror(state_of(&c->port), NULL);
	send_plain(a, frame, plain(2, 1));
	expect_got(0, 1, 0, 0, 0);
}

static void test_full_switch(void **state)
{
	struct net_port one_more = { 0 };

	(void)state;
	for (u32 i = 0; i < SWITCH_PORTS_MAX; i++)
		a = fake_port_new(sw, NET_PORT_GUEST, (u8)i, NULL);
	one_more = a->port;
	one_more.sw = NULL;
	assert_int_equal(switch_attach(sw, &one_more), -E_NOMEM);
	for (u32 i = 1; i < NET_SWITCHES_MAX; i++)
		assert_non_null(switch_create("x"));
	assert_null(switch_create("y"));
	assert_ptr_equal(net_switch_by_name("lan"), sw);
	assert_null(net_switch_by_name("y"));
}

/* Bytes of the last whole second. */
static void test_rates(void **state)
{
	(void)state;
	make_all();
	fake_net_wait(FAKE_HZ);
	for (u32 i = 0; i < 10; i++)
		send_plain(a, frame, plain(2, 1));
	fake_net_wait(FAKE_HZ);
	assert_int_equal(state_of(&a->port)->second_in, 1140);
	assert_int_equal(state_of(&b->port)->second_out, 1140);
	fake_net_wait(FAKE_HZ);
	assert_int_equal(state_of(&a->port)->second_in, 0);
}

/* A guest goes: its address is unknown, its place free for the next one, the others keep theirs; nobody holds on to it. */
static void test_detach(void **state)
{
	struct fake_port *d;
	struct port_state *place;
	u32 len;

	(void)state;
	make_all();
	place = state_of(&b->port);
	switch_mirror(state_of(&a->port), place);
	assert_int_equal(capture_begin(place, &(struct capture_filter){ .snap = 256 }), 0);
	switch_bind_ip4(&b->port, 0x0a000002);
	len = plain(2, 1);
	send_plain(a, frame, len);	/* b is to be flushed */
	b->got = 0;
	switch_detach(&b->port);
	assert_null(b->port.sw);
	assert_null(capture_port());
	assert_null(state_of(&a->port)->mirror);
	assert_true(port_is_nobody(place));
	switch_flush();
	assert_int_equal(b->flushed, 0);
	send_plain(a, frame, len);	/* nobody has it: it may be outside */
	expect_got(0, 0, 0, 1, 0);
	assert_int_equal(sw->unknown, 1);
	send_plain(a, frame, plain(255, 1));
	expect_got(0, 0, 1, 1, 1);
	switch_clock(switch_now + 3 * FAKE_HZ);
	assert_null(switch_find(sw, b->port.mac, 0));
	d = fake_port_new(sw, NET_PORT_GUEST, 4, NULL);
	assert_ptr_equal(state_of(&d->port), place);
	assert_int_equal(place->guard.ip4_count, 0);
	send_plain(a, frame, plain(4, 1));
	assert_int_equal(d->got, 1);
	assert_int_equal(sw->ports, 5);
	/* The last ones go in any order: places are given up from the end. */
	switch_detach(&up->port);
	assert_int_equal(sw->ports, 5);
	switch_detach(&host->port);
	assert_int_equal(sw->ports, 3);
	switch_detach(&c->port);
	switch_detach(&d->port);
	switch_detach(&a->port);
	assert_int_equal(sw->ports, 0);
	assert_int_equal(sw->loud, 0);
	capture_free();
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_unicast), ROW(test_broadcast_and_unknown), ROW(test_learning_and_ageing), ROW(test_table_shares),
		ROW(test_access_ports), ROW(test_tags_in_tags), ROW(test_trunks), ROW(test_isolation), ROW(test_storm), ROW(test_rate),
		ROW(test_verdicts), ROW(test_lengths), ROW(test_pieces), ROW(test_memory_that_changes), ROW(test_hold),
		ROW(test_hold_with_tag), ROW(test_loops), ROW(test_answers_inside), ROW(test_sources), ROW(test_leases),
		ROW(test_binding), ROW(test_mirror), ROW(test_full_switch), ROW(test_detach), ROW(test_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
