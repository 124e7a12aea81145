/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/net/intel.c drivers/host/net/intel_open.c drivers/host/net/intel_link.c drivers/host/net/intel_rx.c drivers/host/net/intel_tx.c drivers/host/net/intel_desc.c drivers/host/net/nic.c drivers/host/net/nic_gso.c hv/net/frame.c hv/lib/string.c hv/lib/format.c */
#include "intel_device.h"

static const u16 each[] = { 0x100e, 0x10d3, 0x10c9 };
#define FOR_EACH_CARD for (u32 k = 0; k < 3; k++)
static u8 pattern[NET_GSO_MAX + 64];
static u32 dones;

static void is_done(struct net_frame *f)
{
	dones++;
	(void)f;
}

static void open_card(u32 k)
{
	assert_int_equal(card_open(each[k]), 0);
	for (u32 i = 0; i < sizeof(pattern); i++)
		pattern[i] = (u8)(i * 31 + i / 253);
	turn(1);
	assert_true(card.c->net.link);
	dones = 0;
}

static enum net_verdict send_bytes(u32 len, void (*done)(struct net_frame *f))
{
	static struct net_piece piece[2];
	static struct net_frame f;
	enum net_verdict v;

	piece[0] = (struct net_piece){ pattern, (u64)pattern, len / 3 };
	piece[1] = (struct net_piece){ pattern + len / 3, (u64)pattern + len / 3, len - len / 3 };
	f = (struct net_frame){ .piece = piece, .pieces = 2, .len = len, .done = done };
	v = card.c->net.ops->send(&card.c->net, &f);
	card.c->net.ops->kick(&card.c->net);
	return v;
}

static void it_opens(void **state)
{
	FOR_EACH_CARD {
		open_card(k);
		assert_int_equal(card.c->net.mac[0], 0x52);
		assert_int_equal(card.c->net.mac[5], 0x56);
		assert_int_equal(card.c->net.mbit, 1000);
		assert_int_equal(reg(REG_RDLEN), INTEL_RX * 16);
		assert_int_equal(reg(REG_RDT), INTEL_RX - 1);
		assert_true(reg(REG_RCTL) & 2 && !(reg(REG_RCTL) & 8));
		assert_true(fake_master);
		assert_true(card.c->net.can_tso4);
		assert_int_equal(card.c->net.can_tso6, k > 0);
	}
}

static void what_does_not_answer_is_refused(void **state)
{
	fake_reset();
	memset(&card, 0, sizeof(card));
	fake_pci = (struct host_pci){ .vendor = 0x8086, .device = 0x10c9 };
	memset(fake_regs, 0xff, sizeof(fake_regs));
	assert_int_equal(intel_driver.probe(&fake_pci), -E_NODEV);
	set_reg(REG_STATUS, 0);
	card.no_reset = true;
	assert_int_equal(intel_driver.probe(&fake_pci), -E_NODEV);
	assert_string_equal(fake_pci.why, "it does not reset");
	card.no_reset = false;
	card.no_queues = true;
	fake_pages = 0;
	assert_int_equal(intel_driver.probe(&fake_pci), -E_NODEV);
	assert_string_equal(fake_pci.why, "its queues do not start");
	assert_false(fake_master);
	assert_int_equal(fake_cards, 0);
	card.no_queues = false;
	fake_pages = sizeof(fake_memory) / PAGE_SIZE - 2;
	assert_int_equal(intel_driver.probe(&fake_pci), -E_NODEV);
	fake_pages = 0;
	fake_cards = NETDEVS_MAX;
	assert_int_equal(intel_driver.probe(&fake_pci), -E_NODEV);
	assert_false(fake_master);
}

/* Bochs' e1000: its receive address registers are empty, and the EEPROM has it. Later generations are not asked. */
static void an_address_is_read_from_the_eeprom(void **state)
{
	for (u32 k = 0; k < 2; k++) {
		fake_reset();
		memset(&card, 0, sizeof(card));
		card.bare = true;
		fake_pci = (struct host_pci){ .vendor = 0x8086, .device = each[k] };
		assert_int_equal(intel_driver.probe(&fake_pci), k ? -E_NODEV : 0);
	}
	fake_reset();
	fake_pci = (struct host_pci){ .vendor = 0x8086, .device = each[0] };
	assert_int_equal(intel_driver.probe(&fake_pci), 0);
	card.c = fake_pci.state;
	for (u32 i = 0; i < NET_MAC; i++)
		assert_int_equal(card.c->net.mac[i], 0x52 + i);
	assert_int_equal(reg(REG_RAL), 0x55545352);
	assert_int_equal(reg(REG_RAH), 0x80005756);
	fake_reset();
	card.no_eeprom = true;
	fake_pci = (struct host_pci){ .vendor = 0x8086, .device = each[0] };
	assert_int_equal(intel_driver.probe(&fake_pci), -E_NODEV);
	assert_string_equal(fake_pci.why, "it has no MAC address");
}

static void frames_of_all_sizes_come_in(void **state)
{
	static const u32 size[] = { 14, 60, 1514, 2047, 2048, 2049, 4096, 9018 };

	FOR_EACH_CARD {
		open_card(k);
		for (u32 i = 0; i < 4 * INTEL_RX; i++) {
			u32 len = size[i % 8];

			assert_true(card_put(pattern + i % 7, len, 0));
			turn(0);
			assert_int_equal(fake_frames, i + 1);
			assert_int_equal(got_frame.len, len);
			assert_memory_equal(got, pattern + i % 7, len);
			assert_false(got_frame.offload.valid || got_frame.tagged);
		}
		assert_int_equal(card.c->net.stats.rx_errors, 0);
	}
}

static void a_full_ring_is_emptied_in_bounded_turns(void **state)
{
	FOR_EACH_CARD {
		u32 n = 0;

		open_card(k);
		while (card_put(pattern, 100, 0))
			n++;
		assert_int_equal(n, INTEL_RX - 1);
		turn(0);
		assert_true(fake_frames > 0 && fake_frames < n);
		for (u32 i = 0; i < 8; i++)
			turn(0);
		assert_int_equal(fake_frames, n);
	}
}

static void sums_and_tags_are_told(void **state)
{
	FOR_EACH_CARD {
		open_card(k);
		card_put(pattern, 100, 0x20 | 8);
		turn(0);
		assert_true(got_frame.offload.valid && got_frame.tagged);
		assert_int_equal(got_frame.vlan, 0x2005);
		card_put_piece(pattern, 100, 100, 2 | 0x20, 0x20, 0);	/* checked, wrong */
		turn(0);
		assert_int_equal(fake_frames, 2);
		assert_false(got_frame.offload.valid);
		card_put_piece(pattern, 100, 100, 2 | 0x20, 0x40, 0);
		turn(0);
		assert_false(got_frame.offload.valid);
	}
}

static void what_cannot_be_a_frame_is_dropped(void **state)
{
	FOR_EACH_CARD {
		u64 bad = 0;

		open_card(k);
		card_put_piece(pattern, 0, 0, 2, 0, 0);
		card_put_piece(pattern, 0, INTEL_BUFFER + 1, 2, 0, 0);
		card_put_piece(pattern, 0, 0xffff, 2, 0, 0);
		card_put_piece(pattern, 13, 13, 2, 0, 0);
		card_put_piece(pattern, 100, 100, 2, 0x80, 0);		/* data error */
		card_put_piece(pattern, 100, 100, 2, 0x01, 0);		/* FCS */
		turn(0);
		assert_int_equal(fake_frames, 0);
		assert_int_equal(card.c->net.stats.rx_errors, bad += 6);
		for (u32 i = 0; i < 3 * INTEL_RX; i++) {		/* a frame that never ends */
			assert_true(card_put_piece(pattern, 2048, 2048, 0, 0, 0));
			turn(0);
		}
		assert_int_equal(card.c->net.stats.rx_errors, bad += 1);
		card_put_piece(pattern, 100, 100, 2, 0, 0);		/* its end */
		card_put(pattern, 9019, 0);				/* too long by one */
		card_put_piece(pattern, 2048, 2048, 0, 0, 0);
		card_put_piece(pattern, 0, 0, 2, 0, 0);			/* ends with nothing */
		turn(0);
		assert_int_equal(card.c->net.stats.rx_errors, bad += 2);
		assert_int_equal(fake_frames, 0);
		card_put(pattern, 9018, 0);
		turn(0);
		assert_int_equal(fake_frames, 1);
		assert_memory_equal(got, pattern, 9018);
	}
}

static void frames_go_out(void **state)
{
	static const u32 size[] = { 14, 59, 60, 256, 257, 1514, 2048, 2049, 9018 };

	FOR_EACH_CARD {
		u32 held_frames = 0;

		open_card(k);
		for (u32 i = 0; i < 2000; i++) {
			u32 len = size[i % 9];
			bool held = i & 1 && len > 256;

			held_frames += held;
			memset(card.c->tx.buffer, 0xee, 64);
			assert_int_equal(send_bytes(len, i & 1 ? is_done : NULL), held ? NET_HELD : NET_TAKEN);
			assert_true(card_send());
			assert_int_equal(card.sent.len, MAX(len, 60u));
			assert_memory_equal(card.sent.bytes, pattern, len);
			for (u32 at = len; at < 60; at++)
				assert_int_equal(card.sent.bytes[at], 0);
			assert_int_equal(card.sent.held, held);
			assert_false(card.sent.context);
			turn(0);
			assert_false(card_send());
		}
		assert_int_equal(dones, held_frames);
		assert_int_equal(card.c->net.stats.tx_frames, 2000);
		assert_int_equal(card.c->tx.clean, card.c->tx.next);
	}
}

static void a_full_ring_takes_no_more(void **state)
{
	FOR_EACH_CARD {
		u32 n = 0, done_before;

		open_card(k);
		while (send_bytes(1000, is_done) == NET_HELD)
			n++;
		assert_true(n >= INTEL_TX / 2 - 1 && n < INTEL_TX);
		assert_int_equal(send_bytes(1000, is_done), NET_NO_ROOM);
		assert_int_equal(card.c->net.stats.tx_full, 2);
		assert_true(card_send());
		done_before = dones;
		turn(0);
		assert_int_equal(dones, done_before + 1);
		assert_int_equal(send_bytes(1000, is_done), NET_HELD);
		while (card_send())
			assert_int_equal(card.sent.len, 1000);
		turn(0);
		assert_int_equal(dones, n + 1);
		assert_int_equal(send_bytes(NET_FRAME_MAX + 1, NULL), NET_TOO_LONG);
		assert_int_equal(send_bytes(13, NULL), NET_REFUSED);
	}
}

static void put16(u8 *p, u32 val)
{
	p[0] = (u8)(val >> 8);
	p[1] = (u8)val;
}

/* A TCP frame to cut, of IPv4 or 6, in pattern; the offload that goes with it. */
static struct net_frame gso_frame(bool ip6, u32 len, struct net_piece *piece)
{
	u32 l4 = ip6 ? 54 : 34;

	put16(pattern + 12, ip6 ? 0x86dd : 0x0800);
	memset(pattern + 14, 0, 60);
	pattern[14] = ip6 ? 0x60 : 0x45;
	put16(pattern + (ip6 ? 18 : 16), len - 14);
	pattern[ip6 ? 20 : 23] = 6;
	memset(pattern + (ip6 ? 22 : 26), 0x11, ip6 ? 32 : 8);
	pattern[l4 + 12] = 0x50;
	piece[0] = (struct net_piece){ pattern, (u64)pattern, 40 };
	piece[1] = (struct net_piece){ pattern + 40, (u64)pattern + 40, len - 40 };
	return (struct net_frame){ .piece = piece, .pieces = 2, .len = len, .done = is_done, .offload = { .checksum = true,
		.gso = ip6 ? NET_GSO_TCP6 : NET_GSO_TCP4, .header = (u16)(l4 + 20), .gso_size = 1448, .csum_start = (u16)l4,
		.csum_offset = 16 } };
}

static enum net_verdict send_frame(struct net_frame *f)
{
	enum net_verdict v = card.c->net.ops->send(&card.c->net, f);

	card.c->net.ops->kick(&card.c->net);
	return v;
}

static void sums_are_left_to_the_card(void **state)
{
	FOR_EACH_CARD {
		struct net_piece piece[2];
		struct net_frame f;

		open_card(k);
		f = gso_frame(false, 1000, piece);
		f.offload.gso = NET_GSO_NONE;
		f.tagged = true;
		f.vlan = 0x6007;
		assert_int_equal(send_frame(&f), NET_HELD);
		assert_true(card_send());
		assert_true(card.sent.context);
		assert_int_equal(card.sent.len, 1000);
		assert_memory_equal(card.sent.bytes, pattern, 1000);
		assert_int_equal(card.sent.high >> 8 & 0x3f & 3, 2);
		if (k < 2) {
			assert_true(card.sent.context_address >> 32 == (34 | 50 << 8));
			assert_int_equal(card.sent.high >> 16, 0x6007);
		} else {
			assert_true(card.sent.context_address == (20 | 14 << 9 | 0x6007u << 16));
			assert_int_equal(card.sent.context_low, 2u << 20 | 1u << 29 | 1u << 11);
			assert_int_equal(card.sent.high >> 14, 1000);
		}
		assert_true(card.sent.low & BIT32(30));
	}
}

static void long_frames_are_cut_by_the_card(void **state)
{
	FOR_EACH_CARD {
		for (u32 ip6 = 0; ip6 < (k ? 2 : 1); ip6++) {
			struct net_piece piece[2];
			struct net_frame f;
			u32 l4 = ip6 ? 54 : 34, sum = ip6 ? 16 * 0x1111 + 6 : 4 * 0x1111 + 6;

			open_card(k);
			f = gso_frame(ip6, 60000, piece);
			sum = (sum & 0xffff) + (sum >> 16);
			assert_int_equal(send_frame(&f), NET_HELD);
			assert_true(card_send());
			assert_int_equal(card.sent.len, 60000);
			assert_memory_equal(card.sent.bytes + l4 + 20, pattern + l4 + 20, 60000 - l4 - 20);
			assert_int_equal(card.sent.bytes[ip6 ? 18 : 16] | card.sent.bytes[ip6 ? 19 : 17], 0);
			assert_int_equal(card.sent.bytes[l4 + 16] << 8 | card.sent.bytes[l4 + 17], sum);
			assert_int_equal(card.sent.context_high >> 16, 1448);
			if (k < 2) {
				assert_int_equal(card.sent.context_low & 0xfffff, 60000 - l4 - 20);
				assert_int_equal(card.sent.context_high >> 8 & 0xff, l4 + 20);
				assert_true((u32)card.sent.context_address == (ip6 ? 14u | 24u << 8 : 14u | 24u << 8 | 33u << 16));
			} else {
				assert_true(card.sent.context_address == ((l4 - 14) | 14 << 9));
				assert_int_equal(card.sent.context_high >> 8 & 0xff, 20);
				assert_int_equal(card.sent.high >> 14, 60000 - l4 - 20);
			}
			f.done = NULL;
			assert_int_equal(send_frame(&f), NET_TAKEN);
			assert_true(card_send());
			assert_false(card.sent.held);
			assert_memory_equal(card.sent.bytes + l4 + 20, pattern + l4 + 20, 60000 - l4 - 20);
		}
	}
}

static void nonsense_is_not_sent(void **state)
{
	FOR_EACH_CARD {
		struct net_piece piece[2];
		struct net_frame good, f;
		u64 refused = 0;
#define REFUSED(change) f = good; change; assert_int_equal(send_frame(&f), NET_REFUSED); \
		assert_int_equal(card.c->net.stats.tx_errors, ++refused)

		open_card(k);
		good = gso_frame(false, 3000, piece);
		REFUSED(f.offload.gso_size = 0);
		REFUSED(f.offload.gso_size = 9000);
		REFUSED(f.offload.csum_start = 13);
		REFUSED(f.offload.csum_start = 35);
		REFUSED(f.offload.csum_start = 0xffff);
		REFUSED(f.offload.csum_offset = 6);
		REFUSED(f.offload.csum_offset = 0xffff);
		REFUSED(f.offload.checksum = false);
		REFUSED(f.offload.gso = NET_GSO_UDP);
		REFUSED(f.offload.gso = NET_GSO_TCP6);
		pattern[46] = 0xf0;			/* TCP header of 60 bytes: fits */
		f = good;
		assert_int_equal(send_frame(&f), NET_HELD);
		pattern[46] = 0x40;			/* of 16: none */
		REFUSED((void)0);
		pattern[46] = 0x50;
		pattern[14] = 0x46;			/* IP header ends elsewhere */
		REFUSED((void)0);
		pattern[14] = 0x65;
		REFUSED((void)0);
		pattern[14] = 0x45;
		pattern[23] = 17;
		REFUSED((void)0);
		good = gso_frame(false, 54, piece);	/* nothing behind the headers */
		REFUSED((void)0);
		good = gso_frame(false, 1000, piece);
		good.offload.gso = NET_GSO_NONE;
		REFUSED(f.offload.csum_start = 998);
		REFUSED(f.offload.csum_offset = 965);
		if (k < 2) {
			REFUSED(f.offload.csum_start = 250);
		} else {
			REFUSED(f.offload.csum_offset = 8);
			REFUSED(f.offload.csum_start = 526);
		}
		f = good;
		f.len = NET_GSO_MAX + 1;
		f.offload.gso = NET_GSO_TCP4;
		assert_int_equal(send_frame(&f), NET_TOO_LONG);
	}
}

static void pieces_that_no_card_reaches_are_copied(void **state)
{
	FOR_EACH_CARD {
		struct net_piece piece[3] = { { pattern, 0, 70 }, { pattern + 70, (u64)pattern + 70, 1000 }, { pattern + 1070, 0, 0 } };
		struct net_frame f = { .piece = piece, .pieces = 3, .len = 1070, .done = is_done };

		open_card(k);
		assert_int_equal(send_frame(&f), NET_HELD);
		assert_true(card_send());
		assert_int_equal(card.sent.pieces, 2);
		assert_memory_equal(card.sent.bytes, pattern, 1070);
		piece[1].hpa = 0;
		assert_int_equal(send_frame(&f), NET_TAKEN);
		assert_true(card_send());
		assert_false(card.sent.held);
		assert_memory_equal(card.sent.bytes, pattern, 1070);
	}
}

/* The card stops: held frames come back, it is reset, and goes on. */
static void a_hang_ends_with_a_reset(void **state)
{
	FOR_EACH_CARD {
		open_card(k);
		card.stuck = true;
		assert_int_equal(send_bytes(1000, is_done), NET_HELD);
		for (u32 i = 0; i < 19; i++)
			turn(100);
		assert_int_equal(card.c->state, INTEL_RUNS);
		assert_int_equal(dones, 0);
		for (u32 i = 0; i < 3; i++)
			turn(100);
		assert_int_equal(card.c->net.stats.resets, 1);
		assert_int_equal(dones, 1);
		assert_true(card.c->state != INTEL_RUNS || card.c->net.link_changes > 1);
		card.stuck = false;
		for (u32 i = 0; i < 5; i++)
			turn(100);
		assert_int_equal(card.c->state, INTEL_RUNS);
		assert_true(card.c->net.link && fake_master);
		assert_true(reg(REG_RDT) == INTEL_RX - 1);
		assert_int_equal(send_bytes(1000, is_done), NET_HELD);
		assert_true(card_send());
		assert_true(card_put(pattern, 500, 0));
		turn(1);
		assert_int_equal(fake_frames, 1);
		assert_int_equal(dones, 2);
		assert_int_equal(card.c->resets_in_row, 0);
	}
}

/* By the operator's hand, in the middle of a transfer. */
static void a_reset_that_was_asked_for(void **state)
{
	FOR_EACH_CARD {
		open_card(k);
		assert_int_equal(send_bytes(1000, is_done), NET_HELD);
		card.c->net.ops->reset(&card.c->net);
		card.c->net.ops->reset(&card.c->net);
		turn(0);
		assert_int_equal(card.c->net.stats.resets, 1);
		assert_int_equal(dones, 1);
		assert_false(fake_master);
		for (u32 i = 0; i < 5; i++)
			turn(100);
		assert_int_equal(card.c->state, INTEL_RUNS);
		assert_true(card.c->net.link && fake_master);
		assert_int_equal(send_bytes(1000, is_done), NET_HELD);
		assert_true(card_send());
		turn(1);
		assert_int_equal(dones, 2);
	}
}

static void nothing_is_sent_or_reached_during_a_reset(void **state)
{
	FOR_EACH_CARD {
		open_card(k);
		card.stuck = true;
		send_bytes(1000, is_done);
		card.no_reset = true;
		now += 3000 * MS;
		turn(0);
		assert_int_equal(card.c->state, INTEL_RESETTING);
		assert_false(fake_master);
		assert_false(card.c->net.link);
		assert_int_equal(send_bytes(1000, is_done), NET_DOWN);
		for (u32 i = 0; i < 100; i++)
			turn(1000);
		assert_true(card.c->net.stats.resets > 5 && card.c->net.stats.resets < 20);	/* ever more slowly */
		assert_int_equal(dones, 1);
		card.no_reset = false;
		for (u32 i = 0; i < 50; i++)
			turn(1000);
		assert_int_equal(card.c->state, INTEL_RUNS);
		assert_true(card.c->net.link);
	}
}

static void a_card_that_is_gone_stays_so(void **state)
{
	FOR_EACH_CARD {
		char text[192];

		open_card(k);
		send_bytes(1000, is_done);
		memset(fake_regs, 0xff, sizeof(fake_regs));
		turn(300);
		assert_int_equal(card.c->state, INTEL_DEAD);
		assert_int_equal(dones, 1);
		assert_false(card.c->net.link || fake_master);
		turn(300);
		assert_int_equal(send_bytes(1000, NULL), NET_DOWN);
		intel_driver.describe(&fake_pci, text, sizeof(text));
		assert_non_null(strstr(text, "gone"));
	}
}

static void the_link_is_followed(void **state)
{
	FOR_EACH_CARD {
		char text[192];

		open_card(k);
		assert_int_equal(fake_link_calls, 1);
		set_reg(REG_STATUS, 0x80);
		turn(300);
		assert_false(card.c->net.link);
		assert_int_equal(send_bytes(100, NULL), NET_DOWN);
		set_reg(REG_STATUS, 0x42);
		turn(300);
		assert_true(card.c->net.link);
		assert_int_equal(card.c->net.mbit, 100);
		turn(300);
		assert_int_equal(fake_link_calls, 3);
		set_reg(REG_MPC, 7);
		turn(300);
		assert_int_equal(card.c->net.stats.rx_no_buffer, 7);
		intel_driver.describe(&fake_pci, text, sizeof(text));
		assert_non_null(strstr(text, "100 Mbit/s, MSI-X"));
	}
}

static void filters_are_set(void **state)
{
	FOR_EACH_CARD {
		u64 vlans[64] = { [0] = BIT(5), [63] = BIT(63) };

		open_card(k);
		card.c->net.ops->promiscuous(&card.c->net, true);
		card.c->net.ops->vlan_filter(&card.c->net, vlans);
		assert_true(reg(REG_RCTL) & 8 && reg(REG_RCTL) & BIT32(18));
		assert_int_equal(reg(REG_VFTA), 0x20);
		assert_int_equal(reg(REG_VFTA + 4), 0);
		assert_int_equal(reg(REG_VFTA + 4 * 127), 0x80000000);
		card.c->net.ops->vlan_filter(&card.c->net, NULL);
		assert_false(reg(REG_RCTL) & BIT32(18));
		card.c->net.ops->promiscuous(&card.c->net, false);
		assert_false(reg(REG_RCTL) & 8);
	}
}

/* Before the control core halts: interrupts on, and what came in meanwhile keeps it awake. */
static void it_asks_to_be_called(void **state)
{
	FOR_EACH_CARD {
		open_card(k);
		assert_false(fake_work.listen(fake_work.arg));
		assert_true(card.c->armed && reg(REG_IMS));
		assert_true(card_put(pattern, 100, 0));
		assert_true(fake_work.listen(fake_work.arg));
		assert_true(fake_work.poll(fake_work.arg, now));
		assert_false(card.c->armed);
		assert_int_equal(reg(REG_IMC), ~0u);
		send_bytes(1000, is_done);
		assert_false(fake_work.listen(fake_work.arg));
		assert_true(card_send());
		assert_true(fake_work.listen(fake_work.arg));
		assert_true(fake_work.poll(fake_work.arg, now));
		assert_false(fake_work.poll(fake_work.arg, now));
		fake_pci.message_kind = 0;
		fake_work.poll(fake_work.arg, now);
		assert_true(fake_wake_by > now && fake_wake_by <= now + MS);
	}
}

static void imitated_cards_do_not_cut(void **state)
{
	FOR_EACH_CARD {
		fake_reset();
		memset(&card, 0, sizeof(card));
		fake_under_hypervisor = true;
		fake_pci = (struct host_pci){ .vendor = 0x8086, .device = each[k] };
		assert_int_equal(intel_driver.probe(&fake_pci), 0);
		card.c = fake_pci.state;
		assert_int_equal(card.c->net.can_tso4, !k);
		assert_false(card.c->net.can_tso6);
		assert_true(card.c->net.can_checksum);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_opens),
		cmocka_unit_test(what_does_not_answer_is_refused),
		cmocka_unit_test(an_address_is_read_from_the_eeprom),
		cmocka_unit_test(frames_of_all_sizes_come_in),
		cmocka_unit_test(a_full_ring_is_emptied_in_bounded_turns),
		cmocka_unit_test(sums_and_tags_are_told),
		cmocka_unit_test(what_cannot_be_a_frame_is_dropped),
		cmocka_unit_test(frames_go_out),
		cmocka_unit_test(a_full_ring_takes_no_more),
		cmocka_unit_test(sums_are_left_to_the_card),
		cmocka_unit_test(long_frames_are_cut_by_the_card),
		cmocka_unit_test(nonsense_is_not_sent),
		cmocka_unit_test(pieces_that_no_card_reaches_are_copied),
		cmocka_unit_test(a_hang_ends_with_a_reset),
		cmocka_unit_test(a_reset_that_was_asked_for),
		cmocka_unit_test(nothing_is_sent_or_reached_during_a_reset),
		cmocka_unit_test(a_card_that_is_gone_stays_so),
		cmocka_unit_test(the_link_is_followed),
		cmocka_unit_test(filters_are_set),
		cmocka_unit_test(it_asks_to_be_called),
		cmocka_unit_test(imitated_cards_do_not_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
