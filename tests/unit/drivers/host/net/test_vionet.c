/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/net/vionet.c drivers/host/net/vionet_rx.c drivers/host/net/vionet_tx.c drivers/host/net/nic.c drivers/host/virtio/vio_ring.c hv/net/frame.c hv/lib/string.c hv/lib/format.c */
#include "vionet_device.h"

#define ALL (BIT(NET_F_CSUM) | BIT(NET_F_GUEST_CSUM) | BIT(NET_F_MTU) | BIT(NET_F_MAC) | BIT(NET_F_HOST_TSO4) | \
	BIT(NET_F_HOST_TSO6) | BIT(NET_F_MRG_RXBUF) | BIT(NET_F_STATUS) | BIT(NET_F_CTRL_VQ) | BIT(NET_F_CTRL_RX) | \
	BIT(NET_F_SPEED_DUPLEX) | VIO_F_EVENT_IDX | VIO_F_INDIRECT)
#define PLAIN BIT(NET_F_MAC)

static u8 pattern[NET_GSO_MAX + 64];
static u32 dones;
static const struct vionet_header no_offload;

static void is_done(struct net_frame *f)
{
	(void)f;
	dones++;
}

static void open_dev(u64 features)
{
	assert_int_equal(dev_open(features, 256), 0);
	for (u32 i = 0; i < sizeof(pattern); i++)
		pattern[i] = (u8)(i * 31 + i / 253);
	turn(1);
	dones = 0;
}

static enum net_verdict send_frame(struct net_frame *f)
{
	enum net_verdict v = dev.c->net.ops->send(&dev.c->net, f);

	dev.c->net.ops->kick(&dev.c->net);
	return v;
}

static struct net_frame a_frame(u32 len, struct net_piece *piece)
{
	piece[0] = (struct net_piece){ pattern, (u64)pattern, len / 3 };
	piece[1] = (struct net_piece){ pattern + len / 3, (u64)pattern + len / 3, len - len / 3 };
	return (struct net_frame){ .piece = piece, .pieces = 2, .len = len, .done = is_done };
}

static enum net_verdict send_bytes(u32 len, void (*done)(struct net_frame *f))
{
	static struct net_piece piece[2];
	static struct net_frame f;

	f = a_frame(len, piece);
	f.done = done;
	return send_frame(&f);
}

static void it_opens(void **state)
{
	char text[192];

	open_dev(ALL);
	assert_memory_equal(dev.c->net.mac, "\x52\x54\0\1\2\3", 6);
	assert_true(dev.c->net.link && dev.c->net.mbit == 10000 && dev.ready == 1);
	assert_int_equal(dev.c->net.mtu_max, 1500);
	assert_true(dev.c->net.can_checksum && dev.c->net.can_tso4 && dev.c->net.can_tso6 && !dev.c->net.can_vlan);
	vionet_driver.describe(&fake_pci, text, sizeof(text));
	assert_non_null(strstr(text, "10000 Mbit/s, MSI-X"));
	open_dev(0);
	assert_int_equal(dev.c->net.mac[0], 2);
	assert_true(dev.c->net.link && !dev.c->net.can_checksum && !dev.c->net.can_tso4);
	assert_int_equal(dev_open(ALL, 1), -E_NODEV);	/* no room for a command and its answer */
	assert_int_equal(dev_open(ALL, 0), -E_NODEV);
	assert_false(fake_master);
	fake_cards = NETDEVS_MAX;
}

/* What is promised fits into what the device is given. */
static void mtu_is_what_buffers_hold(void **state)
{
	static const struct { u16 says; bool merged; u16 is; } of[] = { { 0, true, 1500 }, { 1600, true, 1600 }, { 9000, true, 9000 },
		{ 65535, true, 9000 }, { 1600, false, 1600 }, { 9000, false, 2018 }, { 65535, false, 2018 } };

	for (u32 i = 0; i < ARRAY_COUNT(of); i++) {
		dev_mtu = of[i].says;
		open_dev(of[i].merged ? ALL : ALL & ~BIT(NET_F_MRG_RXBUF));
		assert_int_equal(dev.c->net.mtu_max, of[i].is);
		assert_true(of[i].merged || of[i].is + 18u + VIONET_HEADER <= VIONET_BUFFER);
	}
	dev_mtu = 1500;
}

static void frames_of_all_sizes_come_in(void **state)
{
	static const u32 size[] = { 14, 60, 1514, 2035, 2036, 2037, 4096, 9018 };

	open_dev(ALL);
	for (u32 i = 0; i < 2000; i++) {
		assert_true(dev_put(pattern + i % 7, size[i % 8], no_offload));
		turn(0);
		assert_int_equal(fake_frames, i + 1);
		assert_int_equal(got_frame.len, size[i % 8]);
		assert_memory_equal(got, pattern + i % 7, size[i % 8]);
	}
	open_dev(PLAIN);
	assert_true(dev_put(pattern, 1514, no_offload));
	turn(0);
	assert_int_equal(fake_frames, 1);
}

static void a_frame_may_come_piece_by_piece(void **state)
{
	u8 buffer[VIONET_BUFFER] = { [10] = 3 };

	open_dev(ALL);
	assert_true(dev_put_buffer(buffer, VIONET_BUFFER, VIONET_BUFFER));
	turn(0);
	assert_true(dev_put_buffer(buffer, VIONET_BUFFER, VIONET_BUFFER));
	turn(0);
	assert_int_equal(fake_frames, 0);
	assert_true(dev_put_buffer(buffer, 100, 100));
	turn(0);
	assert_int_equal(fake_frames, 1);
	assert_int_equal(got_frame.len, 2 * VIONET_BUFFER - VIONET_HEADER + 100);
	assert_int_equal(dev.c->pair[0].rx.in_flight, 256);
}

static void sums_are_told(void **state)
{
	open_dev(ALL);
	dev_put(pattern, 100, (struct vionet_header){ .flags = HEADER_VALID });
	turn(0);
	assert_true(got_frame.offload.valid && !got_frame.offload.checksum);
	dev_put(pattern, 100, (struct vionet_header){ .flags = HEADER_NEEDS_SUM, .csum_start = 34, .csum_offset = 16 });
	turn(0);
	assert_true(got_frame.offload.checksum && got_frame.offload.csum_start == 34 && got_frame.offload.csum_offset == 16);
	dev_put(pattern, 100, (struct vionet_header){ .flags = HEADER_NEEDS_SUM, .csum_start = 34, .csum_offset = 65 });
	dev_put(pattern, 100, (struct vionet_header){ .flags = HEADER_NEEDS_SUM, .csum_start = 0xffff, .csum_offset = 0xffff });
	dev_put(pattern, 100, (struct vionet_header){ .flags = HEADER_NEEDS_SUM, .csum_start = 2, .csum_offset = 6 });
	dev_put(pattern, 100, (struct vionet_header){ .gso = 1, .gso_size = 1000 });
	turn(0);
	assert_int_equal(fake_frames, 2);
	assert_int_equal(dev.c->net.stats.rx_errors, 4);
}

static void what_cannot_be_a_frame_is_dropped(void **state)
{
	u8 buffer[VIONET_BUFFER] = { [10] = 6 };

	open_dev(ALL);
	dev_put(pattern, 13, no_offload);
	dev_put(pattern, 0, no_offload);
	for (u32 i = 0; i < 6; i++)			/* too many pieces */
		assert_true(dev_put_buffer(buffer, VIONET_BUFFER, VIONET_BUFFER));
	dev_put(pattern, 9019, no_offload);
	buffer[10] = 2;
	dev_put_buffer(buffer, VIONET_BUFFER, VIONET_BUFFER);
	dev_put_buffer(buffer, 0, 0);			/* an empty piece */
	turn(0);
	assert_int_equal(fake_frames, 0);
	assert_int_equal(dev.c->net.stats.rx_errors, 5);
	assert_int_equal(dev.c->pair[0].rx.in_flight, 256);
	dev_put(pattern, 9018, no_offload);
	turn(0);
	assert_int_equal(fake_frames, 1);
	assert_int_equal(dev.c->net.stats.resets, 0);
}

static void broken(u32 buffers, u32 claimed)
{
	u8 buffer[VIONET_BUFFER] = { [10] = (u8)buffers, [11] = (u8)(buffers >> 8) };

	open_dev(ALL);
	assert_int_equal(send_bytes(1000, is_done), NET_HELD);
	assert_true(dev_put_buffer(buffer, 100, claimed));
	turn(0);
	assert_int_equal(dev.c->state, VIONET_RESETTING);
	assert_int_equal(dones, 1);
	assert_false(fake_master || dev.c->net.link);
	assert_int_equal(send_bytes(1000, is_done), NET_DOWN);
	turn(50);
	assert_int_equal(dev.c->state, VIONET_RUNS);
	turn(1);
	assert_true(fake_master && dev.c->net.link);
	assert_true(dev_put(pattern, 500, no_offload));
	turn(0);
	assert_int_equal(fake_frames, 1);
	assert_int_equal(dev.c->resets_in_row, 0);
}

static void a_device_that_breaks_rules_is_reset(void **state)
{
	broken(0, 100);
	broken(257, 100);
	broken(0xffff, 100);
	broken(1, 11);					/* no room for the header */
	broken(1, 0);
	broken(1, VIONET_BUFFER + 1);
	broken(1, ~0u);
}

static void frames_go_out(void **state)
{
	static const u32 size[] = { 14, 60, 256, 257, 1514, 2036, 2037, 9018 };
	static const u64 features[] = { ALL, PLAIN };

	for (u32 k = 0; k < 2; k++) {
		u32 held_frames = 0;

		open_dev(features[k]);
		for (u32 i = 0; i < 2000; i++) {
			u32 len = size[i % 8];
			bool held = i % 3 && len > 256;

			held_frames += held;
			assert_int_equal(send_bytes(len, i % 3 ? is_done : NULL), held ? NET_HELD : NET_TAKEN);
			assert_true(dev_send());
			assert_int_equal(dev.len, len);
			assert_memory_equal(dev.bytes, pattern, len);
			assert_int_equal(dev.held, held);
			assert_int_equal(dev.header.flags | dev.header.gso, 0);
			turn(0);
		}
		assert_int_equal(dones, held_frames);
		assert_int_equal(dev.c->pair[0].out.free_count, 256);
		assert_int_equal(dev.c->pair[0].tx.free_count, 256);
	}
}

static void a_full_ring_takes_no_more(void **state)
{
	u32 n = 0;

	open_dev(ALL);
	while (send_bytes(1000, is_done) == NET_HELD)
		n++;
	assert_int_equal(n, 256);
	assert_int_equal(dev.c->net.stats.tx_full, 1);
	assert_true(dev_send());
	turn(0);
	assert_int_equal(dones, 1);
	assert_int_equal(send_bytes(1000, is_done), NET_HELD);
	while (dev_send())
		;
	turn(0);
	turn(0);
	assert_int_equal(dones, 257);
	for (n = 0; send_bytes(9018, NULL) == NET_TAKEN; n++)
		;
	assert_int_equal(n, 256 / 5);
	assert_int_equal(send_bytes(9019, NULL), NET_TOO_LONG);
	assert_int_equal(send_bytes(13, NULL), NET_REFUSED);
	assert_int_equal(dev_open(PLAIN, 4), 0);
	turn(1);
	assert_int_equal(send_bytes(9018, NULL), NET_TOO_LONG);	/* in no ring of four */
	assert_int_equal(send_bytes(1514, NULL), NET_TAKEN);
}

static void offloads_are_passed_on(void **state)
{
	struct net_piece piece[2];
	struct net_frame good, f;

	open_dev(ALL);
	good = a_frame(60000, piece);
	good.offload = (struct net_offload){ .checksum = true, .gso = NET_GSO_TCP4, .header = 54, .gso_size = 1448,
		.csum_start = 34, .csum_offset = 16 };
	f = good;
	assert_int_equal(send_frame(&f), NET_HELD);
	assert_true(dev_send());
	assert_int_equal(dev.len, 60000);
	assert_int_equal(dev.header.flags, HEADER_NEEDS_SUM);
	assert_int_equal(dev.header.gso, 1);
	assert_int_equal(dev.header.gso_size, 1448);
	assert_int_equal(dev.header.header, 54);
	turn(0);
	assert_int_equal(dones, 1);
	f.done = NULL;
	assert_int_equal(send_frame(&f), NET_TAKEN);
	assert_true(dev_send());
	assert_false(dev.held);
	assert_memory_equal(dev.bytes, pattern, 60000);
	turn(0);
	assert_int_equal(dev.c->pair[0].out.free_count, 256);
#define REFUSED(change) f = good; change; assert_int_equal(send_frame(&f), NET_REFUSED)
	REFUSED(f.offload.gso_size = 0);
	REFUSED(f.offload.gso = NET_GSO_UDP);
	REFUSED(f.offload.checksum = false);
	REFUSED(f.offload.header = 60000);
	REFUSED(f.offload.csum_start = 59999);
	REFUSED(f.tagged = true);
	REFUSED(f.pieces = NET_PIECES_MAX + 1);
	open_dev(PLAIN);
	good.len = 1000;
	REFUSED((void)0);
	REFUSED(f.offload.gso = NET_GSO_NONE);
}

static void a_hang_ends_with_a_reset(void **state)
{
	open_dev(ALL);
	dev.stuck = true;
	assert_int_equal(send_bytes(1000, is_done), NET_HELD);
	turn(4900);
	assert_int_equal(dones, 0);
	dev.no_reset = true;
	turn(200);
	assert_int_equal(dones, 1);
	for (u32 i = 0; i < 100; i++)
		turn(1000);
	assert_true(dev.c->net.stats.resets > 5 && dev.c->net.stats.resets < 25);
	dev.no_reset = false;
	dev.no_restart = true;
	turn(20000);
	assert_int_equal(dev.c->state, VIONET_RESETTING);
	dev.no_restart = dev.stuck = false;
	turn(20000);
	turn(1);
	assert_int_equal(dev.c->state, VIONET_RUNS);
	assert_int_equal(send_bytes(1000, is_done), NET_HELD);
	assert_true(dev_send());
	turn(0);
	assert_int_equal(dones, 2);
}

/* By the operator's hand, in the middle of a transfer. */
static void a_reset_that_was_asked_for(void **state)
{
	open_dev(ALL);
	assert_int_equal(send_bytes(1000, is_done), NET_HELD);
	dev.c->net.ops->reset(&dev.c->net);
	dev.c->net.ops->reset(&dev.c->net);
	turn(0);
	assert_int_equal(dones, 1);			/* who sent it has it back */
	assert_int_equal(send_bytes(1000, is_done), NET_DOWN);
	turn(1000);
	turn(1);
	assert_int_equal(dev.c->net.stats.resets, 1);
	assert_int_equal(dev.c->state, VIONET_RUNS);
	assert_int_equal(send_bytes(1000, is_done), NET_HELD);
	assert_true(dev_send());
	turn(0);
	assert_int_equal(dones, 2);
}

static void link_and_health_are_followed(void **state)
{
	open_dev(ALL);
	dev.config[6] = 0;
	turn(300);
	assert_false(dev.c->net.link);
	dev.config[6] = 1;
	turn(300);
	assert_true(dev.c->net.link);
	assert_int_equal(dev.c->net.link_changes, 3);
	dev.health = VIO_NEEDS_RESET;
	turn(300);
	assert_int_equal(dev.c->net.stats.resets, 1);
	dev.health = VIO_WELL;
	turn(300);
	turn(300);
	assert_true(dev.c->net.link);
	send_bytes(1000, is_done);
	dev.health = VIO_GONE;
	turn(300);
	assert_int_equal(dev.c->state, VIONET_DEAD);
	assert_int_equal(dones, 1);
	turn(300);
}

static u8 answer;

static u8 take_command(void)
{
	struct device_chain chain;
	u8 *p;

	if (!device_take(&dev.c->control, &dev.seen[dev.c->control.index], &chain))
		return 0xff;
	p = (u8 *)chain.piece[0].hpa;
	assert_true(chain.out == 1 && chain.in == 1 && chain.piece[0].len == (p[0] ? 4 : 3) && chain.piece[1].len == 1);
	*(u8 *)chain.piece[1].hpa = answer;
	device_give(&dev.c->control, chain.head, 1);
	return (u8)(p[0] << 5 | p[1] << 4 | p[2]);
}

static void commands_go_one_by_one(void **state)
{
	open_dev(ALL);
	assert_int_equal(take_command(), 0x00);		/* not promiscuous */
	assert_int_equal(take_command(), 0xff);
	turn(1);
	turn(1);
	assert_int_equal(take_command(), 0x11);		/* all multicast */
	turn(1);
	dev.c->net.ops->promiscuous(&dev.c->net, true);
	turn(1);
	assert_int_equal(take_command(), 0x01);
	turn(1);
	dev.c->net.ops->promiscuous(&dev.c->net, false);
	turn(1);
	turn(6000);					/* no answer */
	assert_int_equal(dev.c->net.stats.resets, 1);
	turn(100);
	turn(1);
	assert_int_equal(take_command(), 0x00);
}

static void open_pairs(u16 there_are)
{
	int ret;

	fake_reset();
	ret = dev_open_config(ALL | BIT(NET_F_MQ), 256, there_are);
	assert_int_equal(ret, 0);
	turn(1);
	dones = 0;
	answer = 0;
}

/* All commands but the last, which says how many pairs. */
static u8 last_command(void)
{
	turn(1);
	assert_int_equal(take_command(), 0x00);
	turn(1);
	turn(1);
	assert_int_equal(take_command(), 0x11);
	turn(1);
	turn(1);
	return take_command();
}

/* Which pair a frame of this flow goes out by. */
static u32 pair_of(u8 mac, u8 port)
{
	pattern[5] = mac;
	pattern[35] = port;
	assert_int_equal(send_bytes(1000, is_done), NET_HELD);
	for (dev.pair = 0; dev.pair < dev.c->pairs; dev.pair++)
		if (dev_send())
			break;
	assert_in_range(dev.pair, 0, dev.c->pairs - 1);
	assert_memory_equal(dev.bytes, pattern, 1000);
	turn(1);
	return dev.pair;
}

static void pairs_are_used_once_agreed(void **state)
{
	u32 seen = 0;

	open_pairs(6);
	assert_int_equal(dev.c->pairs, VIONET_PAIRS_MAX);
	assert_int_equal(dev.c->control.index, 12);
	for (u8 i = 0; i < 8; i++)
		assert_int_equal(pair_of(i, i), 0);
	assert_int_equal(last_command(), 4 << 5 | VIONET_PAIRS_MAX);
	assert_int_equal(dev.c->pairs_used, 1);
	turn(1);
	assert_int_equal(dev.c->pairs_used, VIONET_PAIRS_MAX);
	for (u32 i = 0; i < 64; i++) {
		u32 pair = pair_of((u8)i, (u8)(i * 7));

		seen |= BIT32(pair);
		pattern[40] = (u8)i;			/* behind the ports: the same flow */
		assert_int_equal(pair_of((u8)i, (u8)(i * 7)), pair);
	}
	assert_int_equal(seen, BIT32(VIONET_PAIRS_MAX) - 1);
	assert_int_equal(dones, 8 + 128);
	for (dev.pair = 0; dev.pair < dev.c->pairs; dev.pair++) {
		assert_true(dev_put(pattern, 3000, no_offload));
		turn(0);
		assert_int_equal(fake_frames, dev.pair + 1);
		assert_int_equal(got_frame.len, 3000);
	}
}

/* Held frames of all pairs come back; then it has to agree anew. */
static void pairs_and_a_reset(void **state)
{
	open_pairs(2);
	last_command();
	turn(1);
	assert_int_equal(dev.c->pairs_used, 2);
	for (u32 i = 0; i < 16; i++) {
		static struct net_piece piece[16][2];
		static struct net_frame f[16];

		pattern[5] = (u8)i;
		f[i] = a_frame(1000, piece[i]);
		assert_int_equal(send_frame(&f[i]), NET_HELD);
	}
	assert_true(dev.c->pair[0].tx.in_flight && dev.c->pair[1].tx.in_flight);
	dev.c->net.ops->reset(&dev.c->net);
	turn(1);
	assert_int_equal(dones, 16);
	turn(100);
	assert_int_equal(dev.c->state, VIONET_RUNS);
	assert_int_equal(dev.c->pairs_used, 1);
	answer = 1;					/* no */
	last_command();
	turn(1);
	assert_int_equal(dev.c->pairs_used, 1);
	assert_int_equal(pair_of(1, 1), 0);
}

static void numbers_of_pairs(void **state)
{
	assert_int_equal(dev_open_config(ALL | BIT(NET_F_MQ), 256, 0), -E_NODEV);
	assert_int_equal(dev_open_config(ALL | BIT(NET_F_MQ), 256, 0x8000), -E_NODEV);
	assert_int_equal(dev_open_config(ALL | BIT(NET_F_MQ), 256, 1), 0);
	assert_int_equal(dev.c->control.index, 2);
	assert_int_equal(dev_open_config((ALL | BIT(NET_F_MQ)) & ~BIT(NET_F_CTRL_RX), 256, 8), 0);
	assert_int_equal(dev.c->pairs, 1);
}

static void it_asks_to_be_called(void **state)
{
	open_dev(ALL);
	assert_false(fake_work.listen(fake_work.arg));
	dev_put(pattern, 100, no_offload);
	assert_true(fake_work.listen(fake_work.arg));
	assert_true(fake_work.poll(fake_work.arg, now));
	assert_false(dev.c->listening);
	assert_false(fake_work.poll(fake_work.arg, now));
	send_bytes(1000, is_done);
	assert_false(fake_work.listen(fake_work.arg));
	dev_send();
	assert_true(fake_work.listen(fake_work.arg));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_opens),
		cmocka_unit_test(mtu_is_what_buffers_hold),
		cmocka_unit_test(frames_of_all_sizes_come_in),
		cmocka_unit_test(a_frame_may_come_piece_by_piece),
		cmocka_unit_test(sums_are_told),
		cmocka_unit_test(what_cannot_be_a_frame_is_dropped),
		cmocka_unit_test(a_device_that_breaks_rules_is_reset),
		cmocka_unit_test(frames_go_out),
		cmocka_unit_test(a_full_ring_takes_no_more),
		cmocka_unit_test(offloads_are_passed_on),
		cmocka_unit_test(a_hang_ends_with_a_reset),
		cmocka_unit_test(a_reset_that_was_asked_for),
		cmocka_unit_test(link_and_health_are_followed),
		cmocka_unit_test(commands_go_one_by_one),
		cmocka_unit_test(pairs_are_used_once_agreed),
		cmocka_unit_test(pairs_and_a_reset),
		cmocka_unit_test(numbers_of_pairs),
		cmocka_unit_test(it_asks_to_be_called),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
