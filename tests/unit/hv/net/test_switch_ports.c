/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/net/switch_fake.c hv/net/switch.c hv/net/switch_deliver.c hv/net/switch_head.c hv/net/switch_hold.c hv/net/switch_learn.c hv/net/switch_ports.c hv/net/guard.c hv/net/limit.c hv/net/mac_table.c hv/net/offload.c hv/net/capture.c hv/net/frame.c hv/core/sync.c hv/lib/string.c hv/lib/format.c */
/* What ports do with frames: refuse, hold, change, answer, copy; and ports that come and go. */
#include "switch_fixture.h"

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
	expect_sent(up, 255, 101, 0, 0, 0, 0, 0);
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

/* Copies for a monitor. */
static void test_mirror(void **state)
{
	(void)state;
	make_all();
	switch_mirror(state_of(&a->port), state_of(&c->port));
	expect_sent(a, 2, 1, 0, 1, 1, 0, 0);
	assert_memory_equal(c->bytes, frame, 114);
	expect_sent(b, 1, 2, 1, 0, 1, 0, 0);
	expect_sent(b, 50, 2, 0, 0, 0, 1, 0);
	/* What a refused guest tried is seen too. */
	expect_sent(a, 2, 3, 0, 0, 1, 0, 0);
	/* No echo of the monitor's own words. */
	expect_sent(c, 1, 3, 1, 0, 0, 0, 0);
	/* Two monitors of each other make no circle. */
	switch_mirror(state_of(&c->port), state_of(&a->port));
	expect_sent(b, 1, 2, 1, 0, 1, 0, 0);
	switch_mirror(state_of(&a->port), NULL);
	switch_mirror(state_of(&c->port), NULL);
	expect_sent(a, 2, 1, 0, 1, 0, 0, 0);
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
	expect_sent(a, 255, 1, 0, 0, 1, 1, 1);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_verdicts), ROW(test_lengths), ROW(test_pieces), ROW(test_memory_that_changes), ROW(test_hold),
		ROW(test_hold_with_tag), ROW(test_loops), ROW(test_answers_inside), ROW(test_sources),
		ROW(test_mirror), ROW(test_full_switch), ROW(test_rates), ROW(test_detach),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
