/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/net/switch_fake.c hv/net/switch.c hv/net/switch_deliver.c hv/net/switch_head.c hv/net/switch_hold.c hv/net/switch_learn.c hv/net/switch_ports.c hv/net/guard.c hv/net/limit.c hv/net/mac_table.c hv/net/offload.c hv/net/capture.c hv/net/frame.c hv/core/sync.c hv/lib/string.c hv/lib/format.c */
#include "switch_fake.h"

#include "../../../../hv/net/capture.h"
#include "../../../../hv/net/switch.h"

static struct net_switch *sw;
static struct fake_port *a, *b, *c;
static u8 frame[FRAME_BYTES], file[2 * CAPTURE_RING];
static u32 file_len;

static int setup(void **state)
{
	(void)state;
	capture_free();
	fake_net_reset();
	sw = switch_create("lan");
	a = fake_port_new(sw, NET_PORT_GUEST, 1, NULL);
	b = fake_port_new(sw, NET_PORT_GUEST, 2, NULL);
	c = fake_port_new(sw, NET_PORT_GUEST, 3, NULL);
	timebase.wall_seconds = 1000000000;
	timebase.wall_tsc = tsc_now();
	return 0;
}

static u32 get32le(const u8 *p)
{
	u32 v;

	memcpy(&v, p, 4);
	return v;
}

static void read_all(void)
{
	u32 n;

	file_len = 0;
	while ((n = capture_read(file + file_len, 57)))
		file_len += n;
}

/* Records behind the file's header; each well formed. */
static u32 count_records(void)
{
	u32 at = 24, n = 0;

	assert_true(file_len >= 24);
	for (; at < file_len; n++) {
		u32 kept = get32le(file + at + 8);

		assert_true(kept <= get32le(file + at + 12));
		assert_true(get32le(file + at + 4) < 1000000000);
		at += 16 + kept;
	}
	assert_int_equal(at, file_len);
	return n;
}

static void test_file(void **state)
{
	struct capture_filter w = { .snap = 100 };
	u32 len;

	(void)state;
	assert_int_equal(capture_begin(state_of(&a->port), &w), 0);
	assert_int_equal(capture_begin(state_of(&b->port), &w), -E_BUSY);
	assert_ptr_equal(capture_port(), state_of(&a->port));
	len = make_udp4(frame, 2, 1, 7, 8, 9, 10, 40);
	send_plain(a, frame, len);
	len = make_udp4(frame, 1, 2, 0x0a000008, 7, 10, 9, 400);
	send_plain(b, frame, len);
	send_plain(b, frame, make_udp4(frame, 3, 2, 8, 7, 10, 9, 400));	/* not of that port */
	read_all();
	assert_int_equal(count_records(), 2);
	/* pcap: magic of nanoseconds, 2.4, Ethernet. */
	assert_int_equal(get32le(file), 0xa1b23c4d);
	assert_int_equal(get32le(file + 4), 0x00040002);
	assert_int_equal(get32le(file + 16), 100);
	assert_int_equal(get32le(file + 20), 1);
	assert_int_equal(get32le(file + 24), 1000000000);
	assert_int_equal(get32le(file + 32), 82);
	make_udp4(frame, 2, 1, 7, 8, 9, 10, 40);
	assert_memory_equal(file + 40, frame, 82);
	/* The second is cut. */
	assert_int_equal(get32le(file + 40 + 82 + 8), 100);
	assert_int_equal(get32le(file + 40 + 82 + 12), 442);
	capture_stop();
	send_plain(a, frame, 82);
	read_all();
	assert_int_equal(file_len, 0);
	assert_false(state_of(&a->port)->watched);
}

static void test_filters(void **state)
{
	static const u8 six[16] = { 0xfe, 0x80, [15] = 1 };
	struct capture_filter w = { .snap = 2000, .by_port = true, .port = 80 };

	(void)state;
	capture_begin(state_of(&a->port), &w);
	send_plain(a, frame, make_tcp4(frame, 2, 1, 10));
	send_plain(a, frame, make_udp4(frame, 2, 1, 7, 8, 80, 10, 10));
	send_plain(a, frame, make_udp6(frame, 2, 1, six, six, 9, 80, 10));
	send_plain(a, frame, make_udp4(frame, 2, 1, 7, 8, 81, 8000, 10));
	send_plain(a, frame, make_arp(frame, 1, 1, 7, 80));
	make_udp4(frame, 2, 1, 7, 8, 80, 10, 10);
	frame[23] = 1;
	send_plain(a, frame, 52);
	send_plain(a, frame, make_ether(frame, 2, 1, 0x88b5, 2));
	read_all();
	assert_int_equal(count_records(), 3);
	capture_stop();
	w = (struct capture_filter){ .snap = 2000, .by_mac = true };
	put_mac(w.mac, 3);
	capture_begin(state_of(&a->port), &w);
	send_plain(a, frame, make_tcp4(frame, 2, 1, 10));
	send_plain(a, frame, make_tcp4(frame, 3, 1, 10));
	send_plain(c, frame, make_tcp4(frame, 1, 3, 10));
	read_all();
	assert_int_equal(count_records(), 2);
}

static void test_bounds(void **state)
{
	struct capture_filter w = { .snap = CAPTURE_SNAP_MAX };
	u64 taken, lost;

	(void)state;
	capture_begin(state_of(&a->port), &w);
	for (u32 i = 0; i < 1000; i++)
		send_plain(a, frame, make_tcp4(frame, 2, 1, 1000));
	capture_counts(&taken, &lost);
	assert_int_equal(taken, (CAPTURE_RING - 24) / (16 + 1054));
	assert_int_equal(taken + lost, 1000);
	read_all();
	assert_int_equal(count_records(), taken);
	/* On around the end of the ring. */
	for (u32 i = 0; i < 100; i++)
		send_plain(a, frame, make_tcp4(frame, 2, 1, 1000));
	memcpy(file + 24, file, 0);
	file_len = 24;
	for (u32 n; (n = capture_read(file + file_len, 1000)); file_len += n)
		;
	assert_int_equal(count_records(), 100);
	assert_memory_equal(file + 24 + 99 * 1070 + 16, frame, 1054);
	/* Nobody takes anything out. */
	fake_net_wait((CAPTURE_PATIENCE + 2) * FAKE_HZ);
	send_plain(a, frame, 1054);
	assert_false(capture_running());
	/* So many and no more. */
	w.frames = 3;
	capture_begin(state_of(&a->port), &w);
	for (u32 i = 0; i < 10; i++)
		send_plain(a, frame, make_tcp4(frame, 2, 1, 1000));
	assert_false(capture_running());
	read_all();
	assert_int_equal(count_records(), 3);
}

static void trunk(struct net_port *p)
{
	p->trunk = true;
}

static void vlan10(struct net_port *p)
{
	p->vlan = 10;
}

/* As on its wire: with tags where it has them, also those that are beside the frame. */
static void test_tags(void **state)
{
	struct fake_port *t = fake_port_new(sw, NET_PORT_UPLINK, 9, trunk), *v = fake_port_new(sw, NET_PORT_GUEST, 8, vlan10);
	struct capture_filter w = { .snap = 200 };

	(void)state;
	capture_begin(state_of(&t->port), &w);
	send_plain(v, frame, make_ether(frame, 255, 8, 0x88b5, 100));
	send_bytes(t, frame, make_ether(frame, 8, 50, 0x88b5, 100), 0, NULL, 0x200a, NULL);
	send_plain(t, frame, make_ether(frame, 1, 50, 0x88b5, 100));
	read_all();
	assert_int_equal(count_records(), 3);
	assert_int_equal(get32le(file + 24 + 8), 118);
	assert_int_equal(get32be(file + 40 + 12), 0x8100000a);
	assert_int_equal(get32be(file + 24 + 134 + 16 + 12), 0x8100200a);
	assert_int_equal(get32le(file + 24 + 2 * 134 + 8), 114);
	for (u32 snap = 0; snap < 30; snap++) {
		capture_free();
		w.snap = snap;
		capture_begin(state_of(&t->port), &w);
		send_plain(v, frame, make_ether(frame, 255, 8, 0x88b5, 100));
		read_all();
		assert_int_equal(file_len, 40 + MIN(snap, snap < 12 ? snap : snap < 16 ? 12 : snap));
	}
}

#define ROW(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = { ROW(test_file), ROW(test_filters), ROW(test_bounds), ROW(test_tags) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
