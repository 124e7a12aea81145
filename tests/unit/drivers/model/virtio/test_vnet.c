/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/model/virtio/vnet.c drivers/model/virtio/vnet_tx.c drivers/model/virtio/vnet_rx.c drivers/model/virtio/vnet_control.c drivers/model/virtio/vnet_steer.c drivers/model/e1000e/frame_ring.c hv/net/frame.c hv/core/guest_call.c hv/core/window.c hv/control/work.c tests/fuzz/fuzz_virtq.c tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c hv/x86/copy_wide.c pc-models */
/* virtio-net with a little driver: frames and their headers in both directions, one buffer and many, commands, filters, and
 * headers, chains and commands that make no sense. */
#include "fuzz/virtq_fixture.h"

#include "../../../../../drivers/model/pci/vpci_int.h"
#include "../../../../../drivers/model/virtio/vnet.h"

#include <hv/control_work.h>
#include <hv/copy_wide.h>

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define P(test) cmocka_unit_test_setup_teardown(test, setup_pairs, teardown)
#define HEADER 12u
#define BUFFER (DATA + 0x4000)		/* of receiving, BUFFER_STEP each */
#define BUFFER_STEP 0x800u
#define REPLY (DATA + 0x3f00)
#define ALL (BIT(0) | BIT(1) | BIT(2) | BIT(5) | BIT(7) | BIT(8) | BIT(9) | BIT(11) | BIT(12) | BIT(13) | BIT(15) | BIT(16) | \
	BIT(17) | BIT(18) | BIT(19) | BIT(20) | BIT(21) | BIT(23) | BIT(54) | BIT(55) | BIT(56))

static const u8 mac[NET_MAC] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
#define TESTS 36u

static struct vnet *cards, *card;	/* control_work_add() is for ever: a new one each time */
static u32 card_count, control_queue;
static u8 backlog[FRAME_RING_BYTES] __attribute__((aligned(16)));

/* The switch: keeps the last frame, or holds it as a card does. */
static struct {
	u32 frames, len;
	u8 bytes[70000];
	struct net_offload offload;
	bool hold;
	struct net_frame *held;
	u64 hpa[4];			/* of the first pieces */
	u32 pieces;
} seen;

bool switch_input(struct net_port *p, struct net_frame *f)
{
	assert_ptr_equal(p, &card->port);
	seen.frames++;
	seen.len = net_copy(f, 0, seen.bytes, f->len);
	assert_int_equal(seen.len, f->len);
	seen.offload = f->offload;
	seen.pieces = f->pieces;
	for (u32 i = 0, left = f->len; i < f->pieces; left -= f->piece[i++].len) {
		assert_true(f->piece[i].len && f->piece[i].len <= left);
		assert_true(i < f->pieces - 1 || f->piece[i].len == left);	/* all of it, no byte more */
		if (i < ARRAY_COUNT(seen.hpa))
			seen.hpa[i] = f->piece[i].hpa;
	}
	if (!seen.hold || !f->done)
		return false;
	seen.held = f;
	return true;
}

void switch_flush(void)
{
}

static int setup_with(void **state, u32 vcpus)
{
	struct guest *g = drv_guest_new(false);

	*state = g;
	copy_wide_begin(true);
	g->vcpu_count = vcpus;
	g->window = g->ram;
	g->range_count = 1;
	g->range[0] = (struct ram_range){ 0, HPA(8 * MiB), RAM_SIZE };
	if (!cards)
		cards = calloc(TESTS, sizeof(*cards));
	assert_in_range(card_count, 0, TESTS - 1);
	card = &cards[card_count++];
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(vnet_add(g, card, mac, 1500, backlog, VNET_SLOT), 0);
	timebase.tsc_hz = FAKE_TSC_HZ;
	g->pc->virtio.net[g->pc->virtio.nets++] = &card->d;
	pc_reset(g);
	vpci_config_write(&card->d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	drv.d = &card->d;
	drv.queues = 3;
	control_queue = VNET_CONTROL;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, FAKE_VCPUS);
}

/* As the event loop does; ends where it would halt. Then what vcpu 0's core does for its calls. */
static void control(void)
{
	for (u32 i = 0; i < 1000 && (control_work_poll(fake.now) || control_work_listen()); i++)
		assert_in_range(i, 0, 900);
	if (drv.g->vcpu[0].requests & REQ_CALLS)
		guest_take_calls(drv.g, &drv.g->vcpu[0].calls);
	drv.g->vcpu[0].requests = 0;
}

static int teardown(void **state)
{
	assert_true(guest_let_go(*state));
	drv_guest_free(*state);
	return 0;
}

static void stop(void)
{
	drv_write(0x14, 1, 0);
	control();
}

static u8 start(u64 features, u16 size)
{
	u8 status;

	stop();
	status = drv_start(features, size);
	control();
	return status;
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
	u32 got;

	frame_put(h, len, mac);
	*ram(DATA + HEADER + 46) = 0x50;		/* the size of a TCP header that begins at 34 */
	drv_queue(VNET_TX);
	drv_put(p, 2, 0);
	drv_kick();
	control();
	if (!drv_get(&got))
		return false;
	drv_took(drv.features >> DRV_PACKED & 1 ? 2 : 1);
	return true;
}

static enum net_verdict give(const u8 *to, u32 len, struct net_offload o)
{
	static u8 head[33], bytes[70000];	/* apart, as the switch's copy of a head and its sender's memory are */
	struct net_piece piece[2] = { { .at = head, .len = MIN(len, 33u) }, { .at = bytes + 33, .len = len - MIN(len, 33u) } };
	struct net_frame f = { .piece = piece, .pieces = 2, .len = len, .offload = o };
	enum net_verdict v;

	for (u32 i = 0; i < len; i++)
		*(i < 33 ? head + i : bytes + i) = i < 6 ? to[i] : (u8)(i * 7);
	v = card->port.ops->deliver(&card->port, &f);
	card->port.ops->flush(&card->port);
	control();
	return v;
}

/* Frames that have gone into the switch since the last look. */
static u32 came_out(void)
{
	u32 n = seen.frames;

	seen.frames = 0;
	return n;
}

static void put_buffers(u32 first, u32 n, u32 size)
{
	drv_queue(VNET_RX);
	for (u32 i = first; i < first + n; i++) {
		struct piece p = { BUFFER + i * BUFFER_STEP, size, D_WRITE };

		drv_put(&p, 1, 0);
	}
	drv_kick();
	control();
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
	u32 got;

	*ram(DATA) = class;
	*ram(DATA + 1) = cmd;
	memcpy(ram(DATA + 16), bytes, n);
	*ram(REPLY) = 0xff;
	drv_queue(control_queue);
	drv_put(p, 3, 0);
	drv_kick();
	control();
	if (!drv_get(&got))
		return 0xff;
	drv_took(drv.features >> DRV_PACKED & 1 ? 3 : 1);
	return *ram(REPLY);
}

static void test_config(void **state)
{
	u64 got = 0;

	for (u32 i = 0; i < 6; i++)
		got |= drv_read(0x2000 + i, 1) << 8 * i;
	assert_memory_equal(&got, mac, 6);
	assert_int_equal(drv_read(0x2006, 2), 1);
	assert_int_equal(drv_read(0x2008, 2), FAKE_VCPUS);
	assert_int_equal(drv_read(0x200a, 2), 1500);
	assert_int_equal(start(BIT(10), 8), 0x3);		/* not offered */
	assert_int_equal(give(mac, 60, (struct net_offload){ 0 }), NET_DOWN);
	assert_int_equal(start(ALL, 8), 0xf);
	assert_true(card->port.up && card->port.takes_checksum && card->port.takes_gso4 && card->port.takes_gso6 &&
		    card->port.takes_gso_udp);
	assert_int_equal(start(BIT(7), 8), 0xf);		/* nothing without GUEST_CSUM */
	assert_false(card->port.takes_checksum || card->port.takes_gso4);
	stop();
	assert_false(card->port.up);
}

static void test_sent(void **state)
{
	for (u32 mode = 0; mode < 2; mode++) {
		start(ALL | (mode ? BIT(DRV_EVENT) : 0), 8);
		assert_true(send((struct vnet_header){ 0 }, 60));
		assert_int_equal(came_out(), 1);
		assert_int_equal(seen.len, 60);
		assert_memory_equal(seen.bytes, ram(DATA + HEADER), 60);
		assert_false(seen.offload.checksum || seen.offload.gso);
		assert_true(send((struct vnet_header){ .flags = 1, .csum_start = 34, .csum_offset = 16 }, 60));
		assert_int_equal(came_out(), 1);
		assert_true(seen.offload.checksum && seen.offload.csum_start == 34 && seen.offload.csum_offset == 16);
		assert_true(send((struct vnet_header){ .flags = 1, .gso = 0x81, .header = 200, .gso_size = 100, .csum_start = 34,
						       .csum_offset = 16 }, 3000));
		assert_int_equal(came_out(), 1);
		assert_int_equal(seen.offload.gso, NET_GSO_TCP4);
		assert_true(seen.offload.ecn && seen.offload.gso_size == 100 && seen.offload.header == 54);
		assert_int_equal(card->bad, 0);
	}
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

	start(ALL, 64);
	for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_true(send(bad[i], 60));
		assert_int_equal(card->bad, i + 1);
	}
	assert_true(send((struct vnet_header){ 0 }, 13));		/* no Ethernet header */
	assert_int_equal(card->bad, ARRAY_COUNT(bad) + 1);
	assert_int_equal(came_out(), 0);
	assert_true(send((struct vnet_header){ 0 }, 14));
	assert_int_equal(came_out(), 1);
	start(0, 8);						/* nothing negotiated: nothing may be asked */
	assert_true(send((struct vnet_header){ .flags = 1, .csum_start = 34, .csum_offset = 16 }, 60));
	assert_true(send((struct vnet_header){ .gso = 1, .gso_size = 9, .csum_start = 34 }, 60));
	assert_int_equal(came_out(), 0);
	assert_false(broken());
}

/* A chain in the queue that is driven now. */
static bool served(const struct piece *p, u16 n)
{
	u32 len;

	drv_put(p, n, 0);
	drv_kick();
	control();
	if (!drv_get(&len))
		return false;
	drv_took(1);
	return true;
}

static void test_bad_chains(void **state)
{
	struct piece big[3] = { { DATA, HEADER, 0 }, { DATA, 0x8010, 0 }, { DATA, 0x8000, 0 } }, p = { RAM_SIZE - 8, 100, 0 };
	struct piece read = { BUFFER, 64, 0 }, small = { BUFFER, HEADER - 1, D_WRITE }, all = { DATA, 2, 0 };

	start(ALL, 8);
	memset(ram(DATA), 0, HEADER);
	drv_queue(VNET_TX);
	assert_true(served(big, 3));
	assert_int_equal(card->bad, 1);
	assert_false(served(&p, 1));
	assert_true(broken());
	for (u32 i = 0; i < 2; i++) {
		start(ALL, 8);
		drv_queue(VNET_RX);
		drv_put(i ? &small : &read, 1, 0);
		drv_kick();
		give(mac, 60, (struct net_offload){ 0 });
		assert_true(broken());
	}
	start(ALL, 8);
	drv_queue(VNET_CONTROL);
	assert_false(served(&all, 1));
	assert_true(broken());
}

/* A card holds the frame: its buffer comes back when the card is done, and a reset waits for that; so does the guest's end. */
static void test_held(void **state)
{
	u32 len;

	start(ALL, 8);
	seen.hold = true;
	assert_false(send((struct vnet_header){ 0 }, 60));
	assert_true(seen.hpa[0] == 8 * MiB + DATA + HEADER);
	seen.hold = false;
	assert_true(send((struct vnet_header){ 0 }, 60));	/* another one overtakes it */
	seen.held->done(seen.held);
	control();
	drv_queue(VNET_TX);
	assert_true(drv_get(&len));
	drv_took(1);
	seen.hold = true;
	assert_false(send((struct vnet_header){ 0 }, 60));
	stop();
	assert_int_equal(drv_read(0x14, 1), 0xf);
	memset(ram(0), 0xa5, 3 * RING_STEP);
	seen.held->done(seen.held);
	control();
	assert_int_equal(drv_read(0x14, 1), 0);
	for (u32 i = 0; i < 3 * RING_STEP; i++)
		assert_int_equal(*ram(i), 0xa5);
	seen.hold = false;
	start(ALL, 8);
	seen.hold = true;
	assert_false(send((struct vnet_header){ 0 }, 60));
	assert_false(guest_let_go(*state));
	seen.held->done(seen.held);
	assert_true(guest_let_go(*state));
}

/* RAM in two places of the machine's: a card is told where each piece lies, or nothing where it lies in both. */
static void test_places(void **state)
{
	struct guest *g = *state;
	const u32 cut = DATA + 0x1000, n = 40;
	const u64 want[3] = { 8 * MiB + cut - n, 64 * MiB + HEADER, 0 };
	struct piece one[3] = { { cut - HEADER - n, HEADER + n, 0 }, { cut, HEADER + n, 0 }, { cut - 20, HEADER + n, 0 } };
	struct piece four[5] = { { DATA, 5, 0 }, { DATA + 5, HEADER - 5 + 2, 0 }, { cut - 8, 8, 0 }, { cut + 64, 9, 0 }, { cut - 1, 2, 0 } };

	g->range_count = 2;
	g->range[0].size = cut;
	g->range[1] = (struct ram_range){ cut, HPA(64 * MiB), RAM_SIZE - cut };
	start(ALL, 16);
	memset(ram(DATA), 0, 0x2000);
	drv_queue(VNET_TX);
	for (u32 i = 0; i < 3; i++) {
		assert_true(served(&one[i], 1));
		assert_int_equal(seen.len, n);
		assert_int_equal(seen.pieces, 1);
		assert_true(seen.hpa[0] == want[i]);
	}
	assert_true(served(four, 5));
	assert_int_equal(seen.len, 2 + 8 + 9 + 2);
	assert_int_equal(seen.pieces, 4);
	assert_true(seen.hpa[0] == 8 * MiB + DATA + HEADER && seen.hpa[1] == 8 * MiB + cut - 8);
	assert_true(seen.hpa[2] == 64 * MiB + 64 && !seen.hpa[3]);
	assert_int_equal(card->bad, 0);
}

/* More frames than anybody can hold: the rest is copied, none is lost, none is given back twice. */
static void test_held_many(void **state)
{
	struct net_frame *held[VNET_SENT];
	u32 n = 0;

	start(ALL, 128);
	seen.hold = true;
	for (u32 i = 0; i < VNET_SENT; i++) {
		assert_false(send((struct vnet_header){ 0 }, 60));
		held[n++] = seen.held;
	}
	assert_true(send((struct vnet_header){ 0 }, 60));
	assert_int_equal(seen.frames, VNET_SENT + 1);
	for (u32 i = 0; i < n; i++)
		held[i]->done(held[i]);
	send((struct vnet_header){ 0 }, 60);
	assert_int_equal(ram16(RING_DEVICE + RING_STEP + 2), VNET_SENT + 1);
	seen.held->done(seen.held);
}

static const u64 modes[] = { 0, BIT(DRV_EVENT), BIT(DRV_PACKED), BIT(DRV_PACKED) | BIT(DRV_EVENT) };

static void test_received(void **state)
{
	struct net_offload sum = { .checksum = true, .csum_start = 34, .csum_offset = 16 }, valid = { .valid = true };
	u32 len = 0;

	for (u32 i = 0; i < ARRAY_COUNT(modes); i++) {
		start(ALL | modes[i], 8);
		put_buffers(0, 4, 2000);
		assert_int_equal(give(mac, 60, sum), NET_TAKEN);
		assert_int_equal(came(&len), 1);
		assert_int_equal(len, 72);
		assert_int_equal(header(0).flags, 1);
		assert_int_equal(header(0).csum_start, 34);
		assert_int_equal(header(0).csum_offset, 16);
		assert_int_equal(header(0).buffers, 1);
		assert_memory_equal(ram(BUFFER + HEADER), mac, 6);
		for (u32 k = 6; k < 60; k++)
			assert_int_equal(*ram(BUFFER + HEADER + k), (u8)(k * 7));
		give(mac, 60, valid);
		assert_int_equal(came(&len), 1);
		assert_int_equal(header(1).flags, 2);
		assert_int_equal(card->received, 2 * (i + 1));
	}
	assert_int_equal(card->kept, 0);
}

/* Several buffers given back together in a packed ring: the first one's flags come last. */
static void test_together(void **state)
{
	struct virtq *q = &card->d.queue[VNET_RX];
	struct virtq_chain c[2];

	start(ALL | BIT(DRV_PACKED), 8);
	put_buffers(0, 2, 2000);
	assert_int_equal(virtq_take(q, &c[0]) + virtq_take(q, &c[1]), 2);
	virtq_hold(q);
	virtq_give(q, &c[0], 1);
	virtq_give(q, &c[1], 1);
	assert_int_equal(ram16(RING_DESC + 14) & 0x8000, 0);
	assert_int_equal(ram16(RING_DESC + 16 + 14) & 0x8000, 0x8000);
	virtq_let_go(q);
	assert_int_equal(ram16(RING_DESC + 14) & 0x8000, 0x8000);
}

/* One descriptor each, all around a packed ring: its id comes back, its length is its own. */
static void test_single(void **state)
{
	struct piece p = { DATA, HEADER + 60, 0 }, small = { BUFFER, HEADER - 1, D_WRITE };
	u32 len = 0;

	start(ALL | BIT(DRV_PACKED), 8);
	memset(ram(DATA), 0, HEADER);
	for (u32 i = 0; i < 20; i++, p.len++) {
		drv_queue(VNET_TX);
		assert_true(served(&p, 1));
		assert_int_equal(seen.len, p.len - HEADER);
		assert_int_equal(ram16(RING_DESC + VNET_TX * RING_STEP + i % 8 * 16 + 12), DRV_ID + i % 8);
		put_buffers(0, 1, 2000);
		give(mac, 60, (struct net_offload){ 0 });
		assert_int_equal(came(&len), 1);
		assert_int_equal(ram16(RING_DESC + i % 8 * 16 + 12), DRV_ID + i % 8);
	}
	assert_int_equal(came_out(), 20);
	drv_queue(VNET_RX);
	drv_put(&small, 1, 0);
	drv_kick();
	give(mac, 60, (struct net_offload){ 0 });
	assert_true(broken());
}

/* Frames without buffers wait, in their order and as long as there is room; the core may halt over them. */
static void test_backlog(void **state)
{
	u32 len = 0, kept = 0;

	for (u32 i = 0; i < ARRAY_COUNT(modes); i++) {
		start(ALL | modes[i], 8);
		kept = 0;
		while (give(mac, 5000 + kept, (struct net_offload){ 0 }) == NET_TAKEN)
			kept++;
		assert_in_range(kept, 48, 52);
		for (u32 n = 0; n < 10; n++) {
			put_buffers(0, 2, 2000);
			assert_int_equal(came(&len), 0);	/* too little */
			put_buffers(2, 1, 2000);
			assert_int_equal(came(&len), 1);
			assert_int_equal(header(0).buffers, 3);
			assert_int_equal(came(&len) + came(&len), 2);
			assert_int_equal(len, 5000 + n + HEADER - 4000);
			assert_int_equal(came(&len), 0);
		}
		put_buffers(0, 1, 2000);			/* enough for it, but it is not its turn */
		assert_int_equal(give(mac, 60, (struct net_offload){ 0 }), NET_TAKEN);
		assert_int_equal(came(&len), 0);
		put_buffers(1, 7, 2000);
		assert_int_equal(came(&len), 1);
		assert_int_equal(header(0).buffers, 3);
	}
}

/* One frame in many buffers, put up bit by bit: nothing is seen before it is whole. */
static void test_merged(void **state)
{
	struct net_offload o = { .checksum = true, .gso = NET_GSO_TCP4, .ecn = true, .gso_size = 1000, .header = 54, .csum_start = 34 };
	u32 len = 0;

	start(ALL, 16);
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
	start(ALL, 16);
	put_buffers(0, 1, 1000);
	give(mac, 60, (struct net_offload){ 0 });
	assert_int_equal(came(&len), 1);
	assert_int_equal(header(0).buffers, 1);
}

#define LARGE_LEN 5000u

/* One buffer of these pieces, the next in the queue. */
static void put_buffer(const struct piece *p, u16 n)
{
	drv_queue(VNET_RX);
	drv_put(p, n, 0);
}

/* What lies in the buffers, behind each other, is a header for so many and the frame; nothing is written beside it. */
static void expect_large(const struct piece *p, u32 pieces, const u16 *of_buffer, u32 buffers)
{
	static u8 got[LARGE_LEN + HEADER];
	u32 at = 0, len = 0, used = 0;
	struct vnet_header h;

	for (u32 i = 0; i < buffers; i++) {
		drv_queue(VNET_RX);
		assert_int_equal(drv_get(&len), 1);
		drv_took(drv.features >> DRV_PACKED & 1 ? of_buffer[i] : 1);
		used += len;
	}
	assert_int_equal(used, sizeof(got));
	for (u32 i = 0; i < pieces; i++) {
		u32 part = MIN(p[i].len, (u32)sizeof(got) - at);

		memcpy(got + at, ram(p[i].addr), part);
		assert_int_equal(*ram(p[i].addr + part), 0xa5);
		at += part;
	}
	assert_int_equal(at, sizeof(got));
	memcpy(&h, got, HEADER);
	assert_int_equal(h.buffers, buffers);
	assert_true(h.flags == 1 && h.csum_start == 34);
	assert_memory_equal(got + HEADER, mac, 6);
	for (u32 i = 6; i < LARGE_LEN; i++)
		if (got[HEADER + i] != (u8)(i * 7))
			fail_msg("byte %u", i);
}

static void give_large(void)
{
	assert_int_equal(give(mac, LARGE_LEN, (struct net_offload){ .checksum = true, .csum_start = 34, .csum_offset = 16 }), NET_TAKEN);
}

/* Over several buffers, whatever they are: of one piece, of several, by a table, too few at first; all around the ring. */
static void test_large(void **state)
{
	static const u16 ones[] = { 1, 1, 1, 1 }, twos[] = { 1, 2, 1 };
	/* The first three hold the frame, but not its header, too. */
	const struct piece p[] = { { BUFFER, HEADER, D_WRITE }, { BUFFER + 0x800, 1500, D_WRITE },
		{ BUFFER + 0x1000, LARGE_LEN - 1500 - HEADER, D_WRITE }, { BUFFER + 0x2000, LARGE_LEN, D_WRITE } };
	const struct piece table = { DATA + 0x2000, 16, D_INDIRECT | D_WRITE };	/* whose D_WRITE means nothing */

	for (u32 i = 0; i < ARRAY_COUNT(modes); i++) {
		start(ALL | BIT(DRV_INDIRECT) | modes[i], 8);
		for (u32 round = 0; round < 12; round++) {
			u32 len;

			memset(ram(BUFFER), 0xa5, 0x3800);
			drv_desc(table.addr, 0, p[2].addr, p[2].len, D_WRITE, 0);
			for (u32 k = 0; k < 4 - (round == 5); k++)
				put_buffer(round % 4 == 3 && k == 2 ? &table : &p[k], 1);
			drv_kick();
			control();
			give_large();
			if (round == 5) {
				assert_int_equal(drv_get(&len), 0);
				assert_int_equal(card->kept, i + 1);
				put_buffer(&p[3], 1);
				drv_kick();
				control();
			}
			expect_large(p, 4, ones, 4);
		}
		memset(ram(BUFFER), 0xa5, 0x3800);
		put_buffer(p, 1);
		put_buffer(p + 1, 2);
		put_buffer(p + 3, 1);
		drv_kick();
		control();
		give_large();
		expect_large(p, 4, twos, 3);
	}
}

/* One of the buffers cannot be: the queue is broken, and nothing of the frame is seen. */
static void test_large_broken(void **state)
{
	static const struct piece wrong[] = { { BUFFER + 0x800, 2000, 0 }, { RAM_SIZE - 1000, 2000, D_WRITE }, { U64_MAX - 99, 2000, D_WRITE },
		{ RAM_SIZE, 2000, D_WRITE }, { BUFFER + 0x800, 0, D_WRITE } };
	const struct piece good = { BUFFER, 2000, D_WRITE }, small = { BUFFER, HEADER - 1, D_WRITE };
	u32 len;

	for (u32 i = 0; i < ARRAY_COUNT(modes); i++) {
		for (u32 k = 0; k < ARRAY_COUNT(wrong); k++) {
			start(ALL | modes[i], 8);
			put_buffer(&good, 1);
			put_buffer(&wrong[k], 1);
			put_buffer(&good, 1);
			put_buffer(&good, 1);
			drv_kick();
			control();
			give(mac, LARGE_LEN, (struct net_offload){ 0 });
			assert_true(broken());
			assert_int_equal(drv_get(&len), 0);
		}
		start(ALL | modes[i], 8);
		put_buffer(&small, 1);
		for (u32 k = 0; k < 4; k++)
			put_buffer(&good, 1);
		drv_kick();
		control();
		give(mac, LARGE_LEN, (struct net_offload){ 0 });
		assert_true(broken());
		start((ALL & ~BIT(15)) | modes[i], 8);
		put_buffers(0, 4, 2000);
		give(mac, LARGE_LEN, (struct net_offload){ 0 });
		assert_int_equal(card->unfit, i + 1);
		assert_int_equal(came(&len), 0);
	}
}

/* Without merging a frame that does not fit is dropped, its buffer takes the next one. */
static void test_unmerged(void **state)
{
	u32 len = 0;

	start(ALL & ~BIT(15), 8);
	put_buffers(0, 1, 200);
	give(mac, 189, (struct net_offload){ 0 });
	assert_int_equal(came(&len), 0);
	assert_int_equal(card->unfit, 1);
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

/* Buffers in pieces that are smaller than the header: it and the frame lie behind each other, and nothing beside them. */
static void test_buffers_in_pieces(void **state)
{
	static const struct piece p[3] = { { BUFFER, 5, D_WRITE }, { BUFFER + 0x100, 9, D_WRITE }, { BUFFER + 0x200, 186, D_WRITE } };
	struct vnet_header h;
	u8 got[200];
	u32 len = 0;

	start(ALL & ~BIT(15), 8);
	memset(ram(BUFFER), 0xa5, 0x400);
	drv_queue(VNET_RX);
	drv_put(p, 3, 0);
	drv_kick();
	control();
	give(mac, 189, (struct net_offload){ 0 });
	assert_int_equal(card->unfit, 1);
	assert_int_equal(give(mac, 188, (struct net_offload){ .checksum = true, .csum_start = 34, .csum_offset = 16 }), NET_TAKEN);
	assert_int_equal(came(&len), 1);
	assert_int_equal(len, 200);
	assert_true(card->received == 1 && card->d.bytes == 188);
	for (u32 i = 0, at = 0; i < 3; at += p[i++].len) {
		memcpy(got + at, ram(p[i].addr), p[i].len);
		assert_int_equal(*ram(p[i].addr + p[i].len), 0xa5);
	}
	memcpy(&h, got, HEADER);
	assert_true(h.flags == 1 && h.csum_start == 34 && h.csum_offset == 16 && h.buffers == 1);
	assert_memory_equal(got + HEADER, mac, 6);
	for (u32 i = 6; i < 188; i++)
		assert_int_equal(got[HEADER + i], (u8)(i * 7));
}

static void test_longest(void **state)
{
	start(ALL, 8);
	assert_int_equal(give(mac, NET_GSO_MAX, (struct net_offload){ 0 }), NET_TAKEN);
	assert_int_equal(give(mac, NET_GSO_MAX + 1, (struct net_offload){ 0 }), NET_TOO_LONG);
	assert_int_equal(card->kept, 1);
}

static void test_offloads_change(void **state)
{
	struct net_offload o = { .checksum = true, .gso = NET_GSO_TCP6, .gso_size = 1000, .header = 54 };
	u64 none = 0, csum = BIT(1), odd = BIT(11);
	u32 len;

	start(ALL & ~BIT(8), 16);
	give(mac, 60, o);					/* they wait for buffers meanwhile */
	give(mac, 60, (struct net_offload){ .checksum = true });
	give(mac, 60, (struct net_offload){ 0 });
	assert_int_equal(command(5, 0, &odd, 8), 1);
	odd = BIT(8);
	assert_int_equal(command(5, 0, &odd, 8), 1);		/* was not negotiated */
	assert_int_equal(command(5, 0, &csum, 8), 0);
	assert_true(card->port.takes_checksum && !card->port.takes_gso4);
	assert_int_equal(command(5, 0, &none, 8), 0);
	assert_int_equal(card->unfit, 0);
	put_buffers(0, 2, 2000);
	assert_int_equal(card->unfit, 2);
	assert_int_equal(came(&len), 1);
	assert_int_equal(header(0).flags, 0);
	assert_int_equal(came(&len), 0);
}

static u32 received(const u8 *to)
{
	u64 before = card->received;

	give(to, 60, (struct net_offload){ 0 });
	return (u32)(card->received - before);
}

static void test_filter(void **state)
{
	static const u8 other[6] = { 2, 1, 1, 1, 1, 1 }, group[6] = { 1, 0, 0x5e, 1, 1, 1 }, all[6] = { 255, 255, 255, 255, 255, 255 };
	u8 table[20] = { 1, 0, 0, 0, 2, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0x5e, 1, 1, 1 }, off = 0, on = 1;

	start(ALL, 64);
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
	assert_memory_equal(card->port.mac, mac, 6);		/* the guard's stays */
}

/* The link behind the switch came back. */
static void test_announce(void **state)
{
	u8 none = 0;
	u64 generation;

	start(ALL, 64);
	generation = drv_read(0x15, 1);
	assert_int_equal(command(3, 0, &none, 0), 0);		/* unasked does no harm */
	card->port.ops->announce(&card->port);
	control();
	assert_int_equal(drv_read(0x2006, 2), 3);
	assert_int_equal(drv_read(0x15, 1), generation + 1);
	assert_int_not_equal(command(3, 1, &none, 0), 0);
	assert_int_not_equal(command(3, 0, &none, 1), 0);
	assert_int_equal(drv_read(0x2006, 2), 3);
	assert_int_equal(command(3, 0, &none, 0), 0);
	assert_int_equal(drv_read(0x2006, 2), 1);
	card->port.ops->announce(&card->port);
	start(ALL & ~BIT(21), 64);				/* a reset forgets it; this driver knows nothing of it */
	card->port.ops->announce(&card->port);
	assert_int_equal(drv_read(0x2006, 2), 1);
	assert_int_equal(command(3, 0, &none, 0), 1);
	stop();
	card->port.ops->announce(&card->port);
	assert_int_equal(drv_read(0x2006, 2), 1);
}

static void test_bad_commands(void **state)
{
	u8 table[400] = { 1, 0, 0, 0 }, two[2] = { 2, 0 }, on = 1;
	u16 vlan = 4096;

	start(ALL, 8);
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
	assert_int_equal(card->bad_commands, 11);
	memset(table, 0, sizeof(table));
	table[0] = VNET_ADDRESSES + 1;				/* more than fit: all pass */
	assert_int_equal(command(1, 0, table, 8 + 6 * (VNET_ADDRESSES + 1)), 0);
	assert_true(card->filter.unicast.overflow);
	assert_false(broken());
	start(0, 8);
	assert_int_equal(command(0, 0, &on, 1), 0xff);		/* no such queue */
}

/* --- two pairs ----------------------------------------------------------------------------------------------------- */

#define MQ BIT(22)
#define RSS BIT(60)

static int setup_pairs(void **state)
{
	setup_with(state, 2);
	drv.queues = 5;
	control_queue = 4;
	return 0;
}

static void put_all(void)
{
	for (u32 q = 0; q < 4; q += 2) {
		drv_queue(q);
		for (u32 i = 0; i < 4; i++) {
			struct piece p = { BUFFER + (q * 4 + i) * BUFFER_STEP, 2000, D_WRITE };

			drv_put(&p, 1, 0);
		}
		drv_kick();
	}
	control();
}

/* An IPv4 or IPv6 frame with ports; returns the queue that it came by, 99: none. */
static u32 steered(bool v6, const u8 *from, const u8 *to, u16 source, u16 dest, u8 protocol)
{
	static u8 bytes[100];
	struct net_piece piece = { .at = bytes, .len = sizeof(bytes) };
	struct net_frame f = { .piece = &piece, .pieces = 1, .len = sizeof(bytes) };
	u32 l4 = v6 ? 54 : 34, n = v6 ? 16 : 4, len, found = 99;

	memset(bytes, 0, sizeof(bytes));
	bytes[12] = v6 ? 0x86 : 8;
	bytes[13] = v6 ? 0xdd : 0;
	bytes[14] = v6 ? 0x60 : 0x45;
	bytes[v6 ? 20 : 23] = protocol;
	memcpy(bytes + (v6 ? 22 : 26), from, n);
	memcpy(bytes + (v6 ? 22 : 26) + n, to, n);
	memcpy(bytes + l4, (u8 []){ (u8)(source >> 8), (u8)source, (u8)(dest >> 8), (u8)dest }, 4);
	assert_int_equal(card->port.ops->deliver(&card->port, &f), NET_TAKEN);
	card->port.ops->flush(&card->port);
	control();
	for (u32 q = 0; q < 4; q += 2) {
		drv_queue(q);
		if (!drv_get(&len))
			continue;
		assert_int_equal(found, 99);
		found = q;
		drv_took(1);
	}
	return found;
}

static void put_rss(u8 *to, u32 types, u16 size, const u8 *key, u8 key_size)
{
	struct { u32 types; u16 mask, unclassified; } PACKED begin = { types, (u16)(size - 1), 1 };

	memcpy(to, &begin, 8);
	for (u16 i = 0; i < size; i++)
		memcpy(to + 8 + 2 * i, &(u16){ i >> 6 & 1 }, 2);
	memcpy(to + 8 + 2 * size, (u8 []){ 2, 0, key_size }, 3);
	memcpy(to + 11 + 2 * size, key, key_size);
}

static const u8 key[41] = { 0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0,
	0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe,
	0xac, 0x01, 0xfa };
static const u8 from4[4] = { 66, 9, 149, 187 }, to4[4] = { 161, 142, 100, 80 };
static const u8 from6[16] = { 0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 7 };
static const u8 to6[16] = { 0x3f, 0xfe, 0x25, 0x01, 0x02, 0x00, 0x00, 0x03, 0, 0, 0, 0, 0, 0, 0, 1 };

/* Hashes by the published examples for this key (Microsoft, "Verifying the RSS Hash Calculation"); bit 6 chooses the queue:
 * IPv4 323e8fc2, with ports 51ccc178; IPv6 2cc18cd5, with ports 40207d3d. */
static void test_rss(void **state)
{
	u8 bytes[400];

	start(ALL | MQ | RSS, 8);
	put_all();
	assert_int_equal(steered(false, from4, to4, 2794, 1766, 6), 0);		/* not told yet */
	put_rss(bytes, 63, 128, key, 40);
	assert_int_equal(command(4, 1, bytes, 11 + 256 + 40), 0);
	assert_int_equal(card->steer.toeplitz[0][8], 0x6d5a56da);
	assert_int_equal(steered(false, from4, to4, 2794, 1766, 6), 2);
	assert_int_equal(steered(true, from6, to6, 2794, 1766, 6), 0);
	assert_int_equal(steered(false, from4, to4, 2794, 1766, 99), 2);	/* c2: by addresses alone */
	put_all();
	assert_int_equal(steered(true, from6, to6, 2794, 1766, 99), 2);		/* d5 */
	put_rss(bytes, 0, 1, key, 0);
	assert_int_equal(command(4, 1, bytes, 11 + 2), 0);
	assert_int_equal(steered(false, from4, to4, 2794, 1766, 6), 2);		/* unclassified */
	assert_int_equal(card->bad_commands, 0);
}

static void test_bad_rss(void **state)
{
	u8 bytes[700];
	u16 pairs = 3;

	start(ALL | MQ | RSS, 8);
	put_rss(bytes, 63, 128, key, 40);
	assert_int_equal(command(4, 1, bytes, 11 + 256 + 39), 1);
	assert_int_equal(command(4, 1, bytes, 11 + 256 + 41), 1);
	assert_int_equal(command(4, 1, bytes, 8), 1);
	assert_int_equal(command(4, 1, bytes, 3), 1);
	put_rss(bytes, 64, 128, key, 40);
	assert_int_equal(command(4, 1, bytes, 11 + 256 + 40), 1);
	put_rss(bytes, 63, 256, key, 40);
	assert_int_equal(command(4, 1, bytes, 11 + 512 + 40), 1);
	put_rss(bytes, 63, 96, key, 40);
	assert_int_equal(command(4, 1, bytes, 11 + 192 + 40), 1);
	put_rss(bytes, 63, 128, key, 41);
	assert_int_equal(command(4, 1, bytes, 11 + 256 + 41), 1);
	assert_int_equal(command(4, 0, &pairs, 2), 1);
	assert_int_equal(command(4, 2, &pairs, 2), 1);
	assert_int_equal(card->bad_commands, 10);
	assert_false(card->steer.rss || broken());
	/* A table that names queues which are not there. */
	put_rss(bytes, 63, 128, key, 40);
	memset(bytes + 8, 0xff, 256);
	assert_int_equal(command(4, 1, bytes, 11 + 256 + 40), 0);
	put_all();
	assert_int_equal(steered(false, from4, to4, 2794, 1766, 6), 0);
}

#define HASH BIT(57)

static struct vnet_report report(u32 buffer)
{
	struct vnet_report r;

	memcpy(&r, ram(BUFFER + buffer * BUFFER_STEP + HEADER), sizeof(r));
	return r;
}

static u32 put_hash(u8 *to, u32 types, u8 key_size)
{
	memset(to, 0, 12);
	memcpy(to, &types, 4);
	to[12] = key_size;
	memcpy(to + 13, key, key_size);
	return 13u + key_size;
}

/* Headers are longer either way; hashes by the same examples, also of frames that had to wait, and none where none is wanted. */
static void test_hash(void **state)
{
	static const u16 pairs = 2;
	u8 bytes[60];
	u32 len;

	start(ALL | MQ | HASH, 8);
	put_all();
	memset(ram(BUFFER), 0xee, HEADER + sizeof(struct vnet_report));
	assert_int_equal(steered(false, from4, to4, 2794, 1766, 6), 0);		/* not told yet */
	assert_true(!report(0).hash && !report(0).kind && !report(0).reserved);
	assert_int_equal(*ram(BUFFER + HEADER + 8 + 12), 8);			/* the frame lies behind it */
	assert_int_equal(command(4, 2, bytes, put_hash(bytes, 63, 40)), 0);
	assert_int_equal(steered(false, from4, to4, 2794, 1766, 6), 0);
	assert_true(report(1).hash == 0x51ccc178 && report(1).kind == 2);
	assert_int_equal(command(4, 0, &pairs, 2), 0);				/* what is reported stays */
	assert_int_equal(steered(true, from6, to6, 2794, 1766, 17), 0);
	assert_true(report(2).hash == 0x40207d3d && report(2).kind == 6);
	assert_int_equal(steered(true, from6, to6, 2794, 1766, 99), 0);
	assert_true(report(3).hash == 0x2cc18cd5 && report(3).kind == 4);
	assert_int_equal(steered(false, from4, to4, 2794, 1766, 6), 99);	/* two that wait */
	assert_int_equal(steered(true, from6, to6, 2794, 1766, 99), 99);
	put_buffers(0, 2, 2000);
	for (u32 i = 0; i < 2; i++) {
		assert_int_equal(came(&len), 1);
		assert_int_equal(len, HEADER + 8 + 100);
	}
	assert_true(report(0).hash == 0x51ccc178 && report(0).kind == 2);
	assert_true(report(1).hash == 0x2cc18cd5 && report(1).kind == 4);
	assert_int_equal(command(4, 2, bytes, put_hash(bytes, 0, 0)), 0);
	assert_int_equal(command(4, 0, &(u16){ 1 }, 2), 0);
	put_all();
	assert_int_equal(steered(false, from4, to4, 2794, 1766, 6), 0);
	assert_true(!report(0).hash && !report(0).kind);
	memset(ram(DATA), 0, 200);
	*ram(DATA + HEADER + 8) = 0x42;
	drv_queue(VNET_TX);
	drv_put(&(struct piece){ DATA, HEADER + 8 + 60, 0 }, 1, 0);
	drv_kick();
	control();
	assert_true(came_out() == 1 && seen.len == 60 && seen.bytes[0] == 0x42 && !card->bad);
}

/* With a table as well: one hash for both. */
static void test_hash_rss(void **state)
{
	u8 bytes[400];
	u32 n;

	start(ALL | MQ | RSS | HASH, 8);
	put_all();
	put_rss(bytes, 63, 128, key, 40);
	assert_int_equal(command(4, 1, bytes, 11 + 256 + 40), 0);
	assert_int_equal(steered(false, from4, to4, 2794, 1766, 17), 2);
	assert_true(report(8).hash == 0x51ccc178 && report(8).kind == 3);
	n = put_hash(bytes, 63, 40);
	assert_int_equal(command(4, 2, bytes, n - 1), 1);
	assert_int_equal(command(4, 2, bytes, n + 1), 1);
	assert_int_equal(command(4, 2, bytes, 3), 1);
	assert_int_equal(command(4, 2, bytes, 12), 1);
	assert_int_equal(command(4, 2, bytes, put_hash(bytes, 64, 40)), 1);
	n = put_hash(bytes, 63, 40);
	bytes[12] = 41;
	assert_int_equal(command(4, 2, bytes, n + 1), 1);
	assert_true(card->steer.rss && card->bad_commands == 6);
	start(ALL | MQ | HASH, 8);
	drv_queue(VNET_RX);
	drv_put(&(struct piece){ BUFFER, HEADER + 7, D_WRITE }, 1, 0);		/* too short for the header that was agreed on */
	drv_kick();
	control();
	assert_int_equal(give(mac, 60, (struct net_offload){ 0 }), NET_DOWN);
	assert_true(broken());
}

/* Without a table: where the flow's own frames come from. */
static void test_flows(void **state)
{
	u16 pairs = 2;
	u8 *frame = ram(DATA + HEADER);
	u32 len;

	start(ALL | MQ, 8);
	put_all();
	assert_int_equal(steered(false, from4, to4, 2794, 1766, 17), 0);
	assert_int_equal(command(4, 0, &pairs, 2), 0);
	assert_int_equal(steered(false, from4, to4, 2794, 1766, 17), 0);
	memset(ram(DATA), 0, 100);
	frame[12] = 8;
	frame[14] = 0x45;
	frame[23] = 17;
	memcpy(frame + 26, to4, 4);
	memcpy(frame + 30, from4, 4);
	memcpy(frame + 34, (u8 []){ 1766 >> 8, 1766 & 255, 2794 >> 8, 2794 & 255 }, 4);
	drv_queue(3);
	drv_put(&(struct piece){ DATA, HEADER + 60, 0 }, 1, 0);
	drv_kick();
	control();
	assert_true(drv_get(&len));
	assert_int_equal(steered(false, from4, to4, 2794, 1766, 17), 2);
	assert_int_equal(steered(false, from4, to4, 2795, 1766, 17), 0);
	drv_write(0x14, 1, 0);
	control();
	assert_int_equal(card->steer.pairs, 1);
}

/* Frames for one queue wait for its buffers though another has some; a queue that is not there is the first. */
static void test_pairs_backlog(void **state)
{
	u8 bytes[400];
	u32 len;

	start(ALL | MQ | RSS, 8);
	put_rss(bytes, 63, 128, key, 40);
	assert_int_equal(command(4, 1, bytes, 11 + 256 + 40), 0);
	assert_int_equal(steered(false, from4, to4, 2794, 1766, 6), 99);
	drv_queue(0);
	drv_put(&(struct piece){ BUFFER, 2000, D_WRITE }, 1, 0);
	drv_kick();
	control();
	assert_false(drv_get(&len));
	drv_queue(2);
	drv_put(&(struct piece){ BUFFER, 2000, D_WRITE }, 1, 0);
	drv_kick();
	control();
	assert_true(drv_get(&len));
}

/* All queues that a card sends from share its turn. */
static void test_turns(void **state)
{
	for (u32 all = 0; all < 2; all++) {
		assert_int_equal(start(ALL | MQ, 128), 0xf);
		drv_queue(VNET_TX);
		for (u32 i = 0; i < 80; i++)
			drv_put(&(struct piece){ DATA, HEADER + 60, 0 }, 1, 0);
		if (all) {
			drv_queue(3);
			for (u32 i = 0; i < 80; i++)
				drv_put(&(struct piece){ DATA, HEADER + 60, 0 }, 1, 0);
			drv_kick();
		}
		drv_queue(VNET_TX);
		drv_kick();
		came_out();
		control_work_poll(fake.now);
		assert_int_equal(came_out(), all ? 64 : 32);
		control();
		assert_int_equal(came_out(), all ? 96 : 48);
	}
}

static void test_described(void **state)
{
	char text[512];

	for (u32 size = 1; size < 300; size++) {
		memset(text, 0x55, sizeof(text));
		card->d.kind->describe(&card->d, text, size);
		assert_int_equal(text[size], 0x55);
	}
	assert_non_null(strstr(text, "address 52:54:00:12:34:56, down"));
}

int main(void)
{
	const struct CMUnitTest tests[] = { T(test_config), T(test_sent), T(test_bad_headers), T(test_bad_chains), T(test_held),
		T(test_held_many), T(test_places), T(test_received), T(test_single), T(test_together), T(test_backlog), T(test_merged), T(test_large), T(test_large_broken), T(test_unmerged), T(test_buffers_in_pieces),
		T(test_longest), T(test_offloads_change), T(test_filter), T(test_announce), T(test_bad_commands), T(test_described),
		P(test_rss), P(test_bad_rss), P(test_hash), P(test_hash_rss), P(test_flows), P(test_pairs_backlog), P(test_turns) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
