/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/net/switch_fake.c hv/net/switch.c hv/net/switch_deliver.c hv/net/switch_head.c hv/net/switch_hold.c hv/net/switch_learn.c hv/net/switch_ports.c hv/net/guard.c hv/net/limit.c hv/net/mac_table.c hv/net/offload.c hv/net/capture.c hv/net/frame.c hv/core/sync.c hv/lib/string.c hv/lib/format.c */
#include "switch_fake.h"

#include "../../../../hv/net/switch.h"

static u8 frame[FRAME_BYTES], out[600][9100], wanted[FRAME_BYTES];
static u32 out_len[600], outs;
static struct net_offload out_offload[600];

static int setup(void **state)
{
	(void)state;
	fake_net_reset();
	return 0;
}

static void collect(void *arg, struct net_frame *f)
{
	(void)arg;
	assert_null(f->done);
	assert_true(f->len <= sizeof(out[0]) && outs < 600);
	assert_int_equal(net_copy(f, 0, out[outs], f->len), f->len);
	assert_int_equal(net_copy(f, f->len, out[outs], 1), 0);
	out_offload[outs] = f->offload;
	out_len[outs++] = f->len;
}

/* frame[len] in pieces of piece_len, each of exactly its size. */
static bool run(u32 len, u32 piece_len, const struct net_offload *o, bool do_checksum)
{
	struct net_piece piece[NET_PIECES_MAX];
	struct net_frame f = { .piece = piece, .len = len, .offload = *o };
	bool good;

	outs = 0;
	for (u32 at = 0; at < len; f.pieces++) {
		u32 part = MIN(piece_len, len - at);
		u8 *copy = malloc(part);

		assert_true(f.pieces < NET_PIECES_MAX);
		memcpy(copy, frame + at, part);
		piece[f.pieces] = (struct net_piece){ copy, 0, part };
		at += part;
	}
	good = net_offload(&f, do_checksum, collect, NULL);
	for (u32 i = 0; i < f.pieces; i++)
		free((void *)piece[i].at);
	return good;
}

/* What a guest puts there: the pseudo header's sum. */
static void put_partial(u32 l4, u32 at, u32 len)
{
	bool v6 = get16be(frame + 12) == 0x86dd;
	u32 protocol = v6 ? frame[20] : frame[23];
	u64 sum = v6 ? net_sum(frame + 22, 32, 0) : net_sum(frame + 26, 8, 0);
	u8 tail[4];

	put16be(tail, protocol);
	put16be(tail + 2, len - l4);
	put16be(frame + at, net_sum_fold(net_sum(tail, 4, sum)));
}

static void test_sums(void **state)
{
	u64 seed = 1;
	u8 bytes[300];

	(void)state;
	for (u32 round = 0; round < 3000; round++) {
		u32 len = round % 299, sum = 0;

		for (u32 i = 0; i < len; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			bytes[i] = seed >> 62 ? (u8)(seed >> 33) : 0xff;
			sum += i & 1 ? bytes[i] : (u32)bytes[i] << 8;
		}
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		if (net_sum_fold(net_sum(bytes, len, 0)) % 0xffff != sum % 0xffff)
			fail_msg("length %u", len);
	}
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(net_sum_fold(net_sum(bytes, 296, ~0ul)), 0xffff);
}

static void test_checksum_alone(void **state)
{
	static const u8 a6[16] = { 0xfe, 0x80, [15] = 1 }, b6[16] = { 0xfe, 0x80, [15] = 2 };

	(void)state;
	for (u32 kind = 0; kind < 4; kind++)
		for (u32 payload = 0; payload < 400; payload += 13)
			for (u32 piece = 7; piece < 500; piece = piece * 3 + 1) {
				u32 len = kind == 0 ? make_tcp4(frame, 2, 1, payload) : kind == 1 ? make_tcp6(frame, 2, 1, payload) :
					kind == 2 ? make_udp4(frame, 2, 1, 7, 8, 9, 10, payload) : make_udp6(frame, 2, 1, a6, b6, 9, 10, payload);
				u16 l4 = kind & 1 ? 54 : 34, off = kind < 2 ? 16 : 6;
				struct net_offload o = { .checksum = true, .csum_start = l4, .csum_offset = off };

				if (len / piece >= NET_PIECES_MAX - 1)
					continue;
				put_partial(l4, l4 + off, len);
				assert_true(run(len, piece, &o, true));
				assert_int_equal(outs, 1);
				assert_int_equal(out_len[0], len);
				assert_true(sums_are_right(out[0], len));
				assert_false(out_offload[0].checksum);
				memcpy(out[0] + l4 + off, frame + l4 + off, 2);
				assert_memory_equal(out[0], frame, len);
			}
}

/* Put together again, segments are what was sent. */
static void check_segments(u32 header, u32 len, u32 size, bool tcp, u32 flags_at)
{
	u32 payload = len - header, done = 0;

	assert_int_equal(outs, (payload + size - 1) / size);
	for (u32 i = 0; i < outs; i++) {
		u32 n = out_len[i] - header;

		assert_int_equal(n, MIN(size, payload - done));
		assert_true(sums_are_right(out[i], out_len[i]));
		assert_memory_equal(out[i] + header, frame + header + done, n);
		if (tcp) {
			u32 flags = out[i][flags_at];

			assert_int_equal(get32be(out[i] + flags_at - 9), get32be(frame + flags_at - 9) + done);
			assert_int_equal(flags, 0x10 | (i == 0 ? 0x80 : 0) | (i == outs - 1 ? 0x09 : 0));
		}
		done += n;
	}
	assert_int_equal(done, payload);
}

static void test_tcp_segments(void **state)
{
	static const u32 payloads[] = { 1, 100, 1448, 1449, 2896, 20000, 65000 };

	(void)state;
	for (u32 v6 = 0; v6 < 2; v6++)
		for (u32 p = 0; p < ARRAY_COUNT(payloads); p++) {
			u32 header = v6 ? 74 : 54, len = v6 ? make_tcp6(frame, 2, 1, payloads[p]) : make_tcp4(frame, 2, 1, payloads[p]);
			struct net_offload o = { .checksum = true, .gso = v6 ? NET_GSO_TCP6 : NET_GSO_TCP4, .gso_size = 1448,
				.csum_start = v6 ? 54 : 34, .csum_offset = 16, .header = (u16)header };

			put_partial(o.csum_start, o.csum_start + 16, len);
			for (u32 piece = 1001; piece < 70000; piece = piece * 4 + 1) {
				assert_true(run(len, piece, &o, true));
				check_segments(header, len, 1448, true, header - 7);
				if (!v6)
					assert_int_equal(get16be(out[outs - 1] + 18), 0x1234 + outs - 1);
			}
			/* Sums left to who can do them: then filled in, they are the same. */
			memcpy(wanted, out[0], out_len[0]);
			assert_true(run(len, 1001, &o, false));
			assert_true(out_offload[0].checksum && !out_offload[0].gso);
			assert_int_equal(out_offload[0].csum_start, o.csum_start);
			memcpy(frame, out[0], out_len[0]);
			o = out_offload[0];
			assert_true(run(out_len[0], 99999, &o, true));
			assert_memory_equal(out[0], wanted, out_len[0]);
		}
}

static void test_udp_segments(void **state)
{
	static const u8 a6[16] = { 0xfe, 0x80, [15] = 1 }, b6[16] = { 0xfe, 0x80, [15] = 2 };

	(void)state;
	for (u32 v6 = 0; v6 < 2; v6++) {
		u32 header = v6 ? 62 : 42;
		u32 len = v6 ? make_udp6(frame, 2, 1, a6, b6, 9, 10, 5001) : make_udp4(frame, 2, 1, 7, 8, 9, 10, 5001);
		struct net_offload o = { .checksum = true, .gso = NET_GSO_UDP, .gso_size = 1000, .csum_start = (u16)(header - 8),
			.csum_offset = 6, .header = (u16)header };

		assert_true(run(len, 777, &o, true));
		check_segments(header, len, 1000, false, 0);
		for (u32 i = 0; i < outs; i++)
			assert_int_equal(get16be(out[i] + header - 4), out_len[i] - header + 8);
	}
}

/* Offloads that lie: nothing leaves. */
static void test_hostile(void **state)
{
	const struct net_offload good = { .checksum = true, .gso = NET_GSO_TCP4, .gso_size = 500, .csum_start = 34, .csum_offset = 16 };
	struct net_offload o = good;
	u32 len = make_tcp4(frame, 2, 1, 3000);

	(void)state;
	assert_true(run(len, 5000, &o, true));
	for (u32 start = 0; start < 65536; start += start < 300 ? 1 : 97) {
		o = good;
		o.csum_start = (u16)start;
		assert_int_equal(run(len, 5000, &o, true), start == 34);
		o.gso = NET_GSO_NONE;
		assert_int_equal(run(len, 5000, &o, true), start + 18 <= 256);
	}
	for (u32 off = 0; off < 65536; off += off < 300 ? 1 : 97) {
		o = good;
		o.csum_offset = (u16)off;
		assert_int_equal(run(len, 5000, &o, true), off == 16);
	}
	o = good;
	o.gso_size = 0;
	assert_false(run(len, 5000, &o, true));
	o.gso_size = 5;			/* 600 segments */
	assert_false(run(len, 5000, &o, true));
	o.gso_size = 6;
	assert_true(run(len, 5000, &o, true));
	o = good;
	o.checksum = false;
	assert_false(run(len, 5000, &o, true));
	for (u32 gso = 1; gso < 256; gso++) {
		o = good;
		o.gso = (enum net_gso)gso;
		assert_int_equal(run(len, 5000, &o, true), gso == NET_GSO_TCP4);
	}
	o = good;
	for (u32 cut = 1; cut < 55; cut++)
		assert_false(run(cut, 5000, &o, true));
	for (u32 doff = 0; doff < 16; doff++) {
		frame[46] = (u8)(doff << 4);
		assert_int_equal(run(len, 5000, &o, true), doff >= 5);
	}
	frame[46] = 0x50;
	for (u32 ihl = 0; ihl < 16; ihl++) {
		frame[14] = (u8)(0x40 | ihl);
		assert_int_equal(run(len, 5000, &o, true), ihl == 5);
	}
	frame[14] = 0x45;
	put16be(frame + 20, 0x4000);
	assert_true(run(len, 5000, &o, true));
	put16be(frame + 20, 0x2000);
	assert_false(run(len, 5000, &o, true));
	put16be(frame + 20, 1);
	assert_false(run(len, 5000, &o, true));
	put16be(frame + 20, 0);
	put16be(frame + 12, 0x86dd);
	assert_false(run(len, 5000, &o, true));
}

/* Through the switch: each port gets what it takes. */

static void takes_all(struct net_port *p)
{
	p->takes_checksum = p->takes_gso4 = p->takes_gso6 = p->takes_gso_udp = true;
}

static void unguarded(struct net_port *p)
{
	p->guard = false;
}

static void takes_sums(struct net_port *p)
{
	p->takes_checksum = true;
}

static void test_ports(void **state)
{
	struct net_switch *sw = switch_create("s");
	struct fake_port *a = fake_port_new(sw, NET_PORT_GUEST, 1, unguarded), *all = fake_port_new(sw, NET_PORT_GUEST, 2, takes_all);
	struct fake_port *sums = fake_port_new(sw, NET_PORT_GUEST, 3, takes_sums), *none = fake_port_new(sw, NET_PORT_GUEST, 4, NULL);
	struct net_offload o = { .checksum = true, .gso = NET_GSO_TCP4, .gso_size = 1448, .csum_start = 34, .csum_offset = 16, .header = 54 };
	u32 len = make_tcp4(frame, 255, 1, 14480);

	(void)state;
	put_partial(34, 50, len);
	send_bytes(a, frame, len, 4096, &o, 0, NULL);
	assert_int_equal(all->got, 1);
	assert_int_equal(all->len, len);
	assert_int_equal(all->offload.gso, NET_GSO_TCP4);
	assert_int_equal(sums->got, 10);
	assert_int_equal(sums->len, 1502);
	assert_true(sums->offload.checksum && !sums->offload.gso);
	assert_int_equal(none->got, 10);
	assert_true(sums_are_right(none->bytes, none->len));
	assert_false(none->offload.checksum);
	assert_int_equal(none->port.stats.out_frames, 10);
	/* Segments that are longer than what the receiver may get, in both ways. */
	o.gso_size = 1461;
	send_bytes(a, frame, len, 4096, &o, 0, NULL);
	assert_int_equal(all->port.stats.drop_out[DROP_TOO_LONG], 1);
	assert_int_equal(none->port.stats.drop_out[DROP_TOO_LONG], 9);	/* the rest fits */
	o.gso_size = 1460;
	o.csum_offset = 15;
	none->got = sums->got = all->got = 0;
	send_bytes(a, frame, len, 4096, &o, 0, NULL);
	assert_int_equal(a->port.stats.drop_in[DROP_OFFLOAD], 2);
	assert_int_equal(none->got + sums->got, 0);
}

/* In a VLAN: sums are made before the tag moves everything. */
static void trunk(struct net_port *p)
{
	p->trunk = true;
	p->vlan = 0;
}

static void vlan10(struct net_port *p)
{
	p->vlan = 10;
}

static void trunk_sums(struct net_port *p)
{
	trunk(p);
	takes_all(p);
}

static void test_offloads_and_tags(void **state)
{
	struct net_switch *sw = switch_create("s");
	struct fake_port *a = fake_port_new(sw, NET_PORT_GUEST, 1, vlan10), *t = fake_port_new(sw, NET_PORT_GUEST, 2, trunk);
	struct fake_port *ts = fake_port_new(sw, NET_PORT_GUEST, 3, trunk_sums), *b = fake_port_new(sw, NET_PORT_GUEST, 4, vlan10);
	struct net_offload o = { .checksum = true, .csum_start = 34, .csum_offset = 16 };
	u32 len = make_tcp4(frame, 255, 1, 1000);

	(void)state;
	put_partial(34, 50, len);
	send_bytes(a, frame, len, 0, &o, 0, NULL);
	assert_int_equal(t->len, len + 4);
	assert_int_equal(get32be(t->bytes + 12), 0x8100000a);
	memmove(t->bytes + 12, t->bytes + 16, len - 12);
	assert_true(sums_are_right(t->bytes, len));
	assert_int_equal(ts->offload.csum_start, 38);
	assert_int_equal(get32be(ts->bytes + 12), 0x8100000a);
	/* And out of one. */
	memcpy(wanted, frame, len);
	put_mac(frame + 6, 2);
	memmove(frame + 16, frame + 12, len - 12);
	put32be(frame + 12, 0x8100000a);
	o.csum_start = 38;
	send_bytes(t, frame, len + 4, 0, &o, 0, NULL);
	assert_int_equal(b->len, len);
	assert_true(sums_are_right(b->bytes, len));
	o.csum_start = 17;
	send_bytes(t, frame, len + 4, 0, &o, 0, NULL);
	assert_int_equal(t->port.stats.drop_in[DROP_OFFLOAD], 1);
}

/* A receiver that sends what needs segments, too, out of deliver(). */
static struct fake_port *answering;
static void answer(struct fake_port *p, struct net_frame *f)
{
	struct net_offload o = { .checksum = true, .gso = NET_GSO_TCP4, .gso_size = 1000, .csum_start = 34, .csum_offset = 16, .header = 54 };
	static u8 back[6000];

	(void)f;
	p->on_deliver = NULL;
	send_bytes(p, back, make_tcp4(back, 1, 2, 5000), 0, &o, 0, NULL);
	p->on_deliver = answer;
}

static void test_nested(void **state)
{
	struct net_switch *sw = switch_create("s");
	struct fake_port *a = fake_port_new(sw, NET_PORT_GUEST, 1, NULL);
	struct net_offload o = { .checksum = true, .gso = NET_GSO_TCP4, .gso_size = 1000, .csum_start = 34, .csum_offset = 16, .header = 54 };
	u32 len = make_tcp4(frame, 2, 1, 5000);

	(void)state;
	answering = fake_port_new(sw, NET_PORT_GUEST, 2, NULL);
	answering->on_deliver = answer;
	send_bytes(a, frame, len, 0, &o, 0, NULL);
	assert_int_equal(answering->got, 5);
	assert_int_equal(a->got, 25);
	assert_true(sums_are_right(a->bytes, a->len));
	assert_true(sums_are_right(answering->bytes, answering->len));
	assert_memory_equal(answering->bytes + 54, frame + 54 + 4000, 1000);
}

#define ROW(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_sums), ROW(test_checksum_alone), ROW(test_tcp_segments), ROW(test_udp_segments), ROW(test_hostile), ROW(test_ports),
		ROW(test_offloads_and_tags), ROW(test_nested),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
