/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/model/virtio/vnet.c drivers/model/virtio/vnet_tx.c drivers/model/virtio/vnet_rx.c drivers/model/virtio/vnet_control.c drivers/model/e1000e/frame_ring.c tests/fuzz/fuzz_virtq.c tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* virtio-net with a little driver: frames and their headers in both directions, one buffer and many, commands, filters, and
 * headers, chains and commands that make no sense. */
#include "fuzz/virtq_fixture.h"

#include "../../../../../drivers/model/pci/vpci_int.h"
#include "../../../../../drivers/model/virtio/vnet.h"

#include <hv/control_work.h>

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define HEADER 12u
#define BUFFER (DATA + 0x4000)		/* of receiving, BUFFER_STEP each */
#define BUFFER_STEP 0x800u
#define REPLY (DATA + 0x3f00)
#define ALL (BIT(0) | BIT(1) | BIT(2) | BIT(5) | BIT(7) | BIT(8) | BIT(9) | BIT(11) | BIT(12) | BIT(13) | BIT(15) | BIT(16) | \
	BIT(17) | BIT(18) | BIT(19) | BIT(20) | BIT(23) | BIT(54) | BIT(55) | BIT(56))

static const u8 mac[NET_MAC] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
static struct vnet card;
static u8 rings[2 * FRAME_RING_BYTES] __attribute__((aligned(16)));

static struct {
	u32 calls, rings, frames, len;
	void (*fn)(struct guest *g, void *arg);
	u8 bytes[70000];
	struct net_offload offload;
} seen;

int guest_call_add(struct guest *g, void (*fn)(struct guest *g, void *arg), void *arg)
{
	seen.fn = fn;
	return 7;
}

void guest_call(struct guest *g, u32 vcpu, u32 id)
{
	assert_int_equal(id, 7);
	seen.calls++;
}

void control_work_ring(void)
{
	seen.rings++;
}

u32 net_copy(const struct net_frame *f, u32 skip, void *to, u32 n)
{
	memcpy(to, f->piece[0].at + skip, n);
	return n;
}

bool switch_input(struct net_port *p, struct net_frame *f)
{
	assert_ptr_equal(p, &card.port);
	seen.frames++;
	seen.len = net_copy(f, 0, seen.bytes, f->len);
	seen.offload = f->offload;
	return false;
}

void switch_flush(void)
{
}

static int setup(void **state)
{
	struct guest *g = drv_guest_new(false);

	*state = g;
	memset(&card, 0, sizeof(card));
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(vnet_add(g, &card, mac, 1500, rings, VNET_SLOT), 0);
	g->pc->virtio.net[g->pc->virtio.nets++] = &card.d;
	pc_reset(g);
	vpci_config_write(&card.d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	drv.d = &card.d;
	drv.queues = 3;
	return 0;
}

static int teardown(void **state)
{
	drv_guest_free(*state);
	return 0;
}

static bool broken(void)
{
	return drv_read(0x14, 1) & 0x40;
}

/* A frame of len bytes to a station, then counting bytes; behind its header at DATA. */
static void frame_put(struct vnet_header h, u32 len, const u8 *to)
{
	memcpy(ram(DATA), &h, HEADER);
	for (u32 i = 0; i < len; i++)
		*ram(DATA + HEADER + i) = i < 6 ? to[i] : (u8)i;
}

static bool send(struct vnet_header h, u32 len)
{
	struct piece p[2] = { { DATA, 5, 0 }, { DATA + 5, HEADER + len - 5, 0 } };

	frame_put(h, len, mac);
	*ram(DATA + HEADER + 46) = 0x50;		/* the size of a TCP header that begins at 34 */
	drv_queue(VNET_TX);
	return drv_serve(p, 2, 0);
}

static u32 polled(void)
{
	u32 before = seen.frames;

	while (vnet_poll(&card, 0))
		;
	return seen.frames - before;
}

static enum net_verdict give(const u8 *to, u32 len, struct net_offload o)
{
	static u8 bytes[70000];
	struct net_piece piece = { .at = bytes, .len = len };
	struct net_frame f = { .piece = &piece, .pieces = 1, .len = len, .offload = o };
	enum net_verdict v;

	for (u32 i = 0; i < len; i++)
		bytes[i] = i < 6 ? to[i] : (u8)(i * 7);
	v = card.port.ops->deliver(&card.port, &f);
	card.port.ops->flush(&card.port);
	seen.fn(drv.g, &card);
	return v;
}

static void put_buffers(u32 first, u32 n, u32 size)
{
	drv_queue(VNET_RX);
	for (u32 i = first; i < first + n; i++) {
		struct piece p = { BUFFER + i * BUFFER_STEP, size, D_WRITE };

		drv_put(&p, 1, 0);
	}
	drv_kick();
}

static int came(u32 *len)
{
	int got;

	drv_queue(VNET_RX);
	got = drv_get(len);
	drv_took(got > 0);
	return got;
}

static struct vnet_header header(u32 buffer)
{
	struct vnet_header h;

	memcpy(&h, ram(BUFFER + buffer * BUFFER_STEP), HEADER);
	return h;
}

/* Class, command, n bytes; the answer, 0xff: none. */
static u8 command(u8 class, u8 cmd, const void *bytes, u32 n)
{
	struct piece p[3] = { { DATA, 2, 0 }, { DATA + 16, n, 0 }, { REPLY, 1, D_WRITE } };

	*ram(DATA) = class;
	*ram(DATA + 1) = cmd;
	memcpy(ram(DATA + 16), bytes, n);
	*ram(REPLY) = 0xff;
	drv_queue(VNET_CONTROL);
	return drv_serve(p, 3, 0) ? *ram(REPLY) : 0xff;
}

static void test_config(void **state)
{
	u64 got = 0;

	for (u32 i = 0; i < 6; i++)
		got |= drv_read(0x2000 + i, 1) << 8 * i;
	assert_memory_equal(&got, mac, 6);
	assert_int_equal(drv_read(0x2006, 2), 1);
	assert_int_equal(drv_read(0x2008, 2), 1);
	assert_int_equal(drv_read(0x200a, 2), 1500);
	assert_int_equal(drv_start(BIT(DRV_PACKED), 8), 0x3);	/* not offered */
	assert_int_equal(drv_start(BIT(22), 8), 0x3);
	assert_int_equal(give(mac, 60, (struct net_offload){ 0 }), NET_DOWN);
	assert_int_equal(drv_start(ALL, 8), 0xf);
	polled();
	assert_true(card.port.up && card.port.takes_checksum && card.port.takes_gso4 && card.port.takes_gso6 &&
		    card.port.takes_gso_udp);
	assert_int_equal(drv_start(BIT(7), 8), 0xf);		/* nothing without GUEST_CSUM */
	polled();
	assert_false(card.port.takes_checksum || card.port.takes_gso4);
	drv_write(0x14, 1, 0);
	polled();
	assert_false(card.port.up);
}

static void test_sent(void **state)
{
	for (u32 mode = 0; mode < 2; mode++) {
		drv_start(ALL | (mode ? BIT(DRV_EVENT) : 0), 8);
		assert_true(send((struct vnet_header){ 0 }, 60));
		assert_int_equal(polled(), 1);
		assert_int_equal(seen.len, 60);
		assert_memory_equal(seen.bytes, ram(DATA + HEADER), 60);
		assert_false(seen.offload.checksum || seen.offload.gso);
		assert_true(send((struct vnet_header){ .flags = 1, .csum_start = 34, .csum_offset = 16 }, 60));
		assert_int_equal(polled(), 1);
		assert_true(seen.offload.checksum && seen.offload.csum_start == 34 && seen.offload.csum_offset == 16);
		assert_true(send((struct vnet_header){ .flags = 1, .gso = 0x81, .header = 200, .gso_size = 100, .csum_start = 34,
						       .csum_offset = 16 }, 3000));
		assert_int_equal(polled(), 1);
		assert_int_equal(seen.offload.gso, NET_GSO_TCP4);
		assert_true(seen.offload.ecn && seen.offload.gso_size == 100 && seen.offload.header == 54);
		assert_int_equal(card.bad, 0);
	}
	assert_true(seen.rings >= 6);
}

/* Headers that lie: the frame is dropped and counted, the chain comes back, the device goes on. */
static void test_bad_headers(void **state)
{
	static const struct vnet_header bad[] = {
		{ .flags = 1, .csum_start = 59, .csum_offset = 0 }, { .flags = 1, .csum_start = 0xffff, .csum_offset = 0xffff },
		{ .flags = 1, .csum_start = 0, .csum_offset = 59 }, { .gso = 1, .gso_size = 100, .csum_start = 34 },
		{ .flags = 1, .gso = 1, .gso_size = 0, .csum_start = 34 }, { .flags = 1, .gso = 2, .gso_size = 9, .csum_start = 34 },
		{ .flags = 1, .gso = 3, .gso_size = 9, .csum_start = 34 }, { .flags = 1, .gso = 0x7f, .gso_size = 9, .csum_start = 34 },
		{ .flags = 1, .gso = 0x80, .gso_size = 9, .csum_start = 34 }, { .flags = 1, .gso = 0x85, .gso_size = 9, .csum_start = 34 },
		{ .flags = 1, .gso = 1, .gso_size = 9, .csum_start = 13 }, { .flags = 1, .gso = 1, .gso_size = 9, .csum_start = 41 },
		{ .flags = 1, .gso = 4, .gso_size = 9, .csum_start = 34, .header = 61 },
		{ .flags = 1, .gso = 5, .gso_size = 9, .csum_start = 52 },
		{ .flags = 1, .gso = 1, .gso_size = 9, .csum_start = 33 },	/* a TCP header of 0x20 / 4 bytes */
	};

	drv_start(ALL, 64);
	for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_true(send(bad[i], 60));
		assert_int_equal(card.bad, i + 1);
	}
	assert_true(send((struct vnet_header){ 0 }, 13));		/* no Ethernet header */
	assert_int_equal(card.bad, ARRAY_COUNT(bad) + 1);
	assert_int_equal(polled(), 0);
	assert_true(send((struct vnet_header){ 0 }, 14));
	assert_int_equal(polled(), 1);
	drv_start(0, 8);						/* nothing negotiated: nothing may be asked */
	assert_true(send((struct vnet_header){ .flags = 1, .csum_start = 34, .csum_offset = 16 }, 60));
	assert_true(send((struct vnet_header){ .gso = 1, .gso_size = 9, .csum_start = 34 }, 60));
	assert_int_equal(polled(), 0);
	assert_false(broken());
}

static void test_bad_chains(void **state)
{
	struct piece big[3] = { { DATA, HEADER, 0 }, { DATA, 0x8010, 0 }, { DATA, 0x8000, 0 } }, p = { RAM_SIZE - 8, 100, 0 };
	struct piece read = { BUFFER, 64, 0 }, small = { BUFFER, HEADER - 1, D_WRITE }, all = { DATA, 2, 0 };

	drv_start(ALL, 8);
	memset(ram(DATA), 0, HEADER);
	drv_queue(VNET_TX);
	assert_true(drv_serve(big, 3, 0));
	assert_int_equal(card.bad, 1);
	assert_false(drv_serve(&p, 1, 0));
	assert_true(broken());
	for (u32 i = 0; i < 2; i++) {
		drv_start(ALL, 8);
		drv_queue(VNET_RX);
		drv_put(i ? &small : &read, 1, 0);
		drv_kick();
		give(mac, 60, (struct net_offload){ 0 });
		assert_true(broken());
	}
	drv_start(ALL, 8);
	drv_queue(VNET_CONTROL);
	assert_false(drv_serve(&all, 1, 0));
	assert_true(broken());
}

/* The ring is full: the driver's queue waits, the control core calls, nothing is lost. */
static void test_no_room(void **state)
{
	u32 kept = 0, calls;

	drv_start(ALL, 8);
	while (send((struct vnet_header){ 0 }, 9000) && kept < 100)
		kept++;
	assert_in_range(kept, 10, 40);
	calls = seen.calls;
	assert_int_equal(polled(), kept);
	assert_int_equal(seen.calls, calls + 1);
	seen.fn(drv.g, &card);
	assert_int_equal(polled(), 1);
}

static void test_received(void **state)
{
	struct net_offload sum = { .checksum = true, .csum_start = 34, .csum_offset = 16 }, valid = { .valid = true };
	u32 len = 0;

	drv_start(ALL, 8);
	put_buffers(0, 4, 2000);
	assert_int_equal(give(mac, 60, sum), NET_TAKEN);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(came(&len), 1);
	assert_int_equal(len, 72);
	assert_int_equal(header(0).flags, 1);
	assert_int_equal(header(0).csum_start, 34);
	assert_int_equal(header(0).csum_offset, 16);
	assert_int_equal(header(0).buffers, 1);
	assert_memory_equal(ram(BUFFER + HEADER), mac, 6);
	assert_int_equal(*ram(BUFFER + HEADER + 59), (u8)(59 * 7));
	give(mac, 60, valid);
	assert_int_equal(came(&len), 1);
	assert_int_equal(header(1).flags, 2);
	assert_int_equal(card.received, 2);
}

/* One frame in many buffers, put up bit by bit: nothing is seen before it is whole. */
static void test_merged(void **state)
{
	struct net_offload o = { .checksum = true, .gso = NET_GSO_TCP4, .ecn = true, .gso_size = 1000, .header = 54, .csum_start = 34 };
	u32 len = 0;

	drv_start(ALL, 16);
	put_buffers(0, 2, 1000);
	give(mac, 60, (struct net_offload){ 0 });
	give(mac, 3000, o);
	assert_int_equal(came(&len), 1);
	assert_int_equal(came(&len), 0);
	put_buffers(2, 1, 1000);
	assert_int_equal(came(&len), 0);
	put_buffers(3, 3, 1000);
	for (u32 i = 1; i < 5; i++) {
		assert_int_equal(came(&len), 1);
		assert_int_equal(len, i == 4 ? 12 : 1000);
	}
	assert_int_equal(came(&len), 0);
	assert_int_equal(header(1).buffers, 4);
	assert_int_equal(header(1).gso, 0x81);
	assert_int_equal(header(1).header, 54);
	assert_int_equal(*ram(BUFFER + 2 * BUFFER_STEP), (u8)(988 * 7));
	assert_int_equal(*ram(BUFFER + 4 * BUFFER_STEP + 11), (u8)(2999 * 7));
	give(mac, 3000, o);			/* one buffer is left; a reset forgets what was begun */
	drv_start(ALL, 16);
	put_buffers(0, 1, 1000);
	give(mac, 60, (struct net_offload){ 0 });
	assert_int_equal(came(&len), 1);
	assert_int_equal(header(0).buffers, 1);
}

/* Without merging a frame that does not fit is dropped, its buffer takes the next one. */
static void test_unmerged(void **state)
{
	u32 len = 0;

	drv_start(ALL & ~BIT(15), 8);
	put_buffers(0, 1, 200);
	give(mac, 189, (struct net_offload){ 0 });
	assert_int_equal(came(&len), 0);
	assert_int_equal(card.unfit, 1);
	give(mac, 188, (struct net_offload){ 0 });
	assert_int_equal(came(&len), 1);
	assert_int_equal(len, 200);
	give(mac, 60, (struct net_offload){ 0 });
	assert_int_equal(came(&len), 0);
	put_buffers(1, 1, 200);
	assert_int_equal(came(&len), 1);
	for (u32 i = 0; i < 10000 && give(mac, 1500, (struct net_offload){ 0 }) == NET_TAKEN; i++)
		;
	assert_int_equal(give(mac, 1500, (struct net_offload){ 0 }), NET_NO_ROOM);
}

static void test_offloads_change(void **state)
{
	struct net_offload o = { .checksum = true, .gso = NET_GSO_TCP6, .gso_size = 1000, .header = 54 };
	u64 none = 0, csum = BIT(1), odd = BIT(11);
	u32 len;

	drv_start(ALL & ~BIT(8), 16);
	assert_int_equal(command(5, 0, &odd, 8), 1);
	odd = BIT(8);
	assert_int_equal(command(5, 0, &odd, 8), 1);		/* was not negotiated */
	assert_int_equal(command(5, 0, &csum, 8), 0);
	polled();
	assert_true(card.port.takes_checksum && !card.port.takes_gso4);
	assert_int_equal(command(5, 0, &none, 8), 0);
	put_buffers(0, 2, 2000);
	give(mac, 60, o);					/* let in before */
	give(mac, 60, (struct net_offload){ .checksum = true });
	assert_int_equal(came(&len), 0);
	assert_int_equal(card.unfit, 2);
}

static u32 received(const u8 *to)
{
	u64 before = card.received;

	give(to, 60, (struct net_offload){ 0 });
	return (u32)(card.received - before);
}

static void test_filter(void **state)
{
	static const u8 other[6] = { 2, 1, 1, 1, 1, 1 }, group[6] = { 1, 0, 0x5e, 1, 1, 1 }, all[6] = { 255, 255, 255, 255, 255, 255 };
	u8 table[20] = { 1, 0, 0, 0, 2, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0x5e, 1, 1, 1 }, off = 0, on = 1;

	drv_start(ALL, 64);
	put_buffers(0, 20, 200);
	assert_int_equal(received(other), 1);			/* until it says a word */
	assert_int_equal(command(0, 0, &off, 1), 0);
	assert_int_equal(received(other) + received(group), 0);
	assert_int_equal(received(mac) + received(all), 2);
	assert_int_equal(command(1, 0, table, 20), 0);
	assert_int_equal(received(other) + received(group), 2);
	assert_int_equal(command(0, 3, &on, 1) | command(0, 4, &on, 1) | command(0, 5, &on, 1), 0);
	assert_int_equal(received(other) + received(group) + received(mac) + received(all), 0);
	assert_int_equal(command(0, 3, &off, 1) | command(0, 4, &off, 1), 0);
	memset(table, 0, 8);
	assert_int_equal(command(1, 0, table, 8), 0);
	assert_int_equal(received(other) + received(group), 0);
	assert_int_equal(command(0, 1, &on, 1) | command(0, 2, &on, 1), 0);
	assert_int_equal(received(other) + received(group), 2);
	assert_int_equal(command(0, 2, &off, 1), 0);
	assert_int_equal(command(1, 1, other, 6), 0);
	assert_int_equal(received(other), 1);
	assert_int_equal(received(mac), 0);
	assert_int_equal(drv_read(0x2001, 1), 1);
	assert_memory_equal(card.port.mac, mac, 6);		/* the guard's stays */
}

static void test_bad_commands(void **state)
{
	u8 table[400] = { 1, 0, 0, 0 }, two[2] = { 2, 0 }, on = 1;
	u16 vlan = 4096;

	drv_start(ALL, 8);
	assert_int_equal(command(0, 0, two, 1), 1);		/* not a flag */
	assert_int_equal(command(0, 0, two, 2), 1);
	assert_int_equal(command(0, 6, &on, 1), 1);
	assert_int_equal(command(9, 0, &on, 1), 1);
	assert_int_equal(command(1, 0, table, 3), 1);
	assert_int_equal(command(1, 0, table, 9), 1);		/* half an address */
	assert_int_equal(command(1, 0, table, 10), 1);		/* no second table */
	memset(table, 0xff, 4);
	assert_int_equal(command(1, 0, table, 16), 1);
	assert_int_equal(command(1, 1, table, 5), 1);
	assert_int_equal(command(1, 2, table, 6), 1);
	assert_int_equal(command(2, 0, &vlan, 2), 1);
	assert_int_equal(card.bad_commands, 11);
	memset(table, 0, sizeof(table));
	table[0] = VNET_ADDRESSES + 1;				/* more than fit: all pass */
	assert_int_equal(command(1, 0, table, 8 + 6 * (VNET_ADDRESSES + 1)), 0);
	assert_true(card.filter.unicast.overflow);
	assert_false(broken());
	drv_start(0, 8);
	assert_int_equal(command(0, 0, &on, 1), 0xff);		/* no such queue */
}

static void test_described(void **state)
{
	char text[512];

	for (u32 size = 1; size < 300; size++) {
		memset(text, 0x55, sizeof(text));
		card.d.kind->describe(&card.d, text, size);
		assert_int_equal(text[size], 0x55);
	}
	assert_non_null(strstr(text, "address 52:54:00:12:34:56, down"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_config), T(test_sent), T(test_bad_headers), T(test_bad_chains), T(test_no_room),
		T(test_received), T(test_merged), T(test_unmerged), T(test_offloads_change), T(test_filter), T(test_bad_commands),
		T(test_described) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
