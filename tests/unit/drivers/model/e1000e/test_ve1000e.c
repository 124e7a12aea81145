/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/model/e1000e/frame_ring.c drivers/model/e1000e/ve1000e.c drivers/model/e1000e/ve1000e_phy.c drivers/model/e1000e/ve1000e_rx.c drivers/model/e1000e/ve1000e_tx.c tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* The 82574L with a little driver: registers as real drivers check them, frames in both directions in every descriptor
 * format, interrupts of the three kinds, and drivers that write nonsense. */
#include "../pc_fake.h"

#include "../../../../../drivers/model/e1000e/ve1000e.h"
#include "../../../../../drivers/model/pci/vpci_int.h"

#include <hv/control_work.h>

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define RAM_SIZE (1 * MiB)
#define RING 0x10000u
#define RX_RING 0x20000u
#define BUFFERS 0x40000u
#define SLOTS 32u
#define ENABLE 2u

static const u8 mac[NET_MAC] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
static struct ve1000e card;
static u8 rings[2 * FRAME_RING_BYTES] __attribute__((aligned(16)));
static struct guest *guest;
static u8 *old_ram;
static u64 old_low;

/* What the card did to its neighbours. */
static struct {
	u32 calls, rings, frames;
	void (*fn)(struct guest *g, void *arg);
	u8 bytes[70000];
	u32 len;
	struct net_offload offload;
	bool tagged;
	u16 vlan;
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
	assert_int_equal(f->pieces, 1);
	memcpy(to, f->piece[0].at + skip, n);
	return n;
}

bool switch_input(struct net_port *p, struct net_frame *f)
{
	assert_ptr_equal(p, &card.port);
	seen.frames++;
	seen.len = net_copy(f, 0, seen.bytes, f->len);
	seen.offload = f->offload;
	seen.tagged = f->tagged;
	seen.vlan = f->vlan;
	return false;
}

void switch_flush(void)
{
}

static enum io_result access(u64 off, u32 size, bool write, u64 *val)
{
	struct io io = { .off = off, .val = *val, .size = (u8)size, .write = write };
	enum io_result result = card.f.desc->bar[0].fn(&card, &io);

	*val = io.val;
	return result;
}

static u32 get(u32 off)
{
	u64 val = 0;

	assert_int_equal(access(off, 4, false, &val), IO_DONE);
	return (u32)val;
}

static void put(u32 off, u32 to)
{
	u64 val = to;

	assert_int_equal(access(off, 4, true, &val), IO_DONE);
}

static int setup(void **state)
{
	guest = fake_guest_new();
	*state = guest;
	old_ram = guest->ram;
	old_low = guest->ram_low;
	guest->ram = calloc(1, RAM_SIZE);
	guest->ram_low = RAM_SIZE;
	memset(&card, 0, sizeof(card));
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(ve1000e_add(guest, &card, mac, rings, VE1000E_SLOT), 0);
	vpci_config_write(&card.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	put(E_TDBAL, RING);
	put(E_TDLEN, SLOTS * 16);
	put(E_RDBAL, RX_RING);
	put(E_RDLEN, SLOTS * 16);
	put(E_RCTL, ENABLE | 1u << 15 | 1u << 26);
	put(E_TCTL, ENABLE);
	put(E_CTRL, 0x40000041);
	return 0;
}

static int teardown(void **state)
{
	free(guest->ram);
	guest->ram = old_ram;
	guest->ram_low = old_low;
	fake_guest_free(*state);
	return 0;
}

static u64 *tx(u32 i)
{
	return (u64 *)(void *)(guest->ram + RING + i * 16);
}

static u64 *rx(u32 i)
{
	return (u64 *)(void *)(guest->ram + RX_RING + i * 16);
}

static void fill(u32 at, u32 len)
{
	for (u32 i = 0; i < len; i++)
		guest->ram[at + i] = (u8)(i * 7 + 1);
}

/* One legacy descriptor: len bytes at `at`. */
static u64 legacy(u32 len, u32 command)
{
	return len | (u64)command << 24;
}

static bool poll(void)
{
	return ve1000e_poll(&card, 0);
}

/* --- what drivers look at first --- */

static void test_nvm_and_phy(void **state)
{
	u16 sum = 0;

	for (u32 i = 0; i < 64; i++) {
		put(E_EERD, i << 2 | 1);
		assert_true(get(E_EERD) & 2);
		sum = (u16)(sum + (get(E_EERD) >> 16));
	}
	assert_int_equal(sum, 0xbaba);
	put(E_EERD, 0 << 2 | 1);
	assert_int_equal(get(E_EERD) >> 16, 0x5452);
	assert_int_equal(get(E_RAL), 0x12005452);
	assert_int_equal(get(E_RAL + 4), 0x80005634);
	put(E_MDIC, 2u << 26 | 1u << 21 | 3u << 16);
	assert_int_equal(get(E_MDIC) & 0xffff, 0x0cb1);
	assert_true(get(E_MDIC) & 1u << 28);
	put(E_MDIC, 1u << 26 | 1u << 21 | 0u << 16 | 0x9140);	/* reset: clears itself */
	put(E_MDIC, 2u << 26 | 1u << 21 | 0u << 16);
	assert_int_equal(get(E_MDIC) & 0xffff, 0x1140);
	put(E_MDIC, 2u << 26 | 5u << 21);			/* no PHY there */
	assert_true(get(E_MDIC) & 1u << 30);
	assert_int_equal(get(E_STATUS) & 0xc3, 0x83);		/* full duplex, link, 1000 */
}

static void test_access_sizes(void **state)
{
	u64 val = 5;

	assert_int_equal(access(E_CTRL, 2, false, &val), IO_REFUSED);
	assert_int_equal(access(E_CTRL, 8, true, &val), IO_REFUSED);
	assert_int_equal(access(E_CTRL + 2, 4, true, &val), IO_REFUSED);
	assert_int_equal(access(VE1000E_BAR_SIZE - 4, 4, false, &val), IO_DONE);
	assert_int_equal(val, 0);
	assert_int_equal(card.unknown, 1);
}

static void test_reset_forgets(void **state)
{
	put(E_IMS, CAUSE_LSC);
	put(E_CTRL, 1u << 26);
	assert_int_equal(get(E_CTRL) & 1u << 26, 0);
	assert_int_equal(get(E_IMS), 0);
	assert_int_equal(get(E_TCTL), 0);
	assert_int_equal(get(E_RAL), 0x12005452);
	assert_false(card.live);
}

/* --- sending --- */

static void test_send_legacy(void **state)
{
	fill(BUFFERS, 100);
	tx(0)[0] = BUFFERS;
	tx(0)[1] = legacy(60, 0);
	tx(1)[0] = BUFFERS + 60;
	tx(1)[1] = legacy(40, 1 | 8);
	put(E_TDT, 2);
	assert_int_equal(seen.rings, 1);
	assert_true(poll());
	assert_int_equal(seen.frames, 1);
	assert_int_equal(seen.len, 100);
	assert_memory_equal(seen.bytes, guest->ram + BUFFERS, 100);
	assert_int_equal(tx(0)[1] >> 32 & 1, 0);	/* did not ask to be told */
	assert_int_equal(tx(1)[1] >> 32 & 1, 1);
	assert_int_equal(get(E_TDH), 2);
	assert_int_equal(get(STAT_GPTC), 1);
	assert_int_equal(get(STAT_GPTC), 0);		/* reading clears */
	assert_false(poll());
}

/* The first half of a frame stays until the rest comes. */
static void test_send_in_halves(void **state)
{
	fill(BUFFERS, 100);
	tx(0)[0] = tx(1)[0] = BUFFERS;
	tx(0)[1] = legacy(50, 0);
	tx(1)[1] = legacy(50, 1);
	put(E_TDT, 1);
	assert_false(poll());
	put(E_TDT, 2);
	assert_true(poll());
	assert_int_equal(seen.len, 100);
	assert_int_equal(card.bad, 0);
}

static void context(u32 i, u32 ip, u32 sum, u32 sum_off, u32 header, u32 mss, u32 command, u32 payload)
{
	tx(i)[0] = ip | (ip + 10) << 8 | (u64)sum << 32 | (u64)sum_off << 40;
	tx(i)[1] = payload | (u64)(0x20 | command) << 24 | (u64)header << 40 | (u64)mss << 48;
}

static u16 ones_sum(const u8 *p, u32 n)
{
	u32 sum = 0;

	for (u32 i = 0; i < n; i += 2)
		sum += (u32)(p[i] << 8) | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (u16)sum;
}

static void ipv4_tcp(u8 *p, u32 total)
{
	memset(p, 0, 54);
	p[12] = 8;
	p[14] = 0x45;
	p[16] = (u8)(total >> 8);
	p[17] = (u8)total;
	p[22] = 64;
	p[23] = 6;
	memcpy(p + 26, (u8[]){ 10, 0, 0, 1, 10, 0, 0, 2 }, 8);
	p[46] = 0x50;
}

static void test_send_checksum(void **state)
{
	fill(BUFFERS, 200);
	ipv4_tcp(guest->ram + BUFFERS, 186);
	context(0, 14, 34, 50, 0, 0, 3, 0);
	tx(1)[0] = BUFFERS;
	tx(1)[1] = 200 | 1u << 20 | (u64)(0x20 | 1 | 8) << 24 | (u64)3 << 40;	/* both sums */
	put(E_TDT, 2);
	assert_true(poll());
	assert_true(seen.offload.checksum);
	assert_int_equal(seen.offload.csum_start, 34);
	assert_int_equal(seen.offload.csum_offset, 16);
	assert_int_equal(seen.offload.gso, NET_GSO_NONE);
	assert_int_equal(ones_sum(seen.bytes + 14, 20), 0xffff);
}

static void test_send_large(void **state)
{
	fill(BUFFERS, 9000);
	ipv4_tcp(guest->ram + BUFFERS, 0);		/* drivers leave the length out */
	context(0, 14, 34, 50, 54, 1460, 3 | 4, 9000 - 54);
	tx(1)[0] = BUFFERS;
	tx(1)[1] = 9000 | 1u << 20 | (u64)(0x20 | 1 | 4 | 8) << 24 | (u64)3 << 40;
	put(E_TDT, 2);
	assert_true(poll());
	assert_int_equal(seen.offload.gso, NET_GSO_TCP4);
	assert_int_equal(seen.offload.gso_size, 1460);
	assert_int_equal(seen.offload.header, 54);
	assert_int_equal(seen.bytes[16] << 8 | seen.bytes[17], 9000 - 14);
	assert_int_equal(ones_sum(seen.bytes + 14, 20), 0xffff);
	/* The partial sum: the pseudo header with the whole length. */
	assert_int_equal(seen.bytes[50] << 8 | seen.bytes[51], 0x0a00 + 1 + 0x0a00 + 2 + 6 + 9000 - 34);
}

static void test_send_vlan(void **state)
{
	fill(BUFFERS, 64);
	tx(0)[0] = BUFFERS;
	tx(0)[1] = legacy(64, 1 | 0x40) | (u64)0x2064 << 48;
	put(E_TDT, 1);
	assert_true(poll());
	assert_true(seen.tagged);
	assert_int_equal(seen.vlan, 0x2064);
}

/* Nothing of this makes a frame; the ring goes on behind it. */
static void test_send_nonsense(void **state)
{
	const u64 bad[][2] = { { RAM_SIZE - 10, legacy(60, 1) }, { ~0ul, legacy(60, 1) }, { BUFFERS, legacy(13, 1) }, { BUFFERS, legacy(0, 1) },
		{ BUFFERS, 0xfffff | 1u << 20 | (u64)0x21 << 24 },			/* too large */
		{ BUFFERS, 60 | 1u << 20 | (u64)0x25 << 24 },			/* large, without a context */
		{ BUFFERS, 60 | 1u << 20 | (u64)0x21 << 24 | (u64)1 << 40 },	/* a header sum, without a context */
		{ BUFFERS, legacy(60, 1 | 4) | (u64)100 << 40 | 101u << 16 } };	/* a sum outside */

	for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
		tx(i)[0] = bad[i][0];
		tx(i)[1] = bad[i][1];
		put(E_TDT, i + 1);
		assert_false(poll());
		assert_int_equal(get(E_TDH), i + 1);
	}
	assert_int_equal(seen.frames, 0);
	fill(BUFFERS, 60);
	tx(8)[0] = BUFFERS;
	tx(8)[1] = legacy(60, 1);
	put(E_TDT, 9);
	assert_true(poll());
}

static void test_send_ring_outside(void **state)
{
	put(E_TDBAL, RAM_SIZE - 16);
	put(E_TDT, 1);
	put(E_TDBAL, RING);
	put(E_TDLEN, 0);
	put(E_TDT, 1);
	put(E_TDLEN, SLOTS * 16);
	put(E_TDT, SLOTS);
	put(E_TDT, 0xffffffff);
	assert_false(poll());
	assert_int_equal(seen.rings, 0);
}

static void test_not_bus_master(void **state)
{
	vpci_config_write(&card.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY);
	fill(BUFFERS, 60);
	tx(0)[0] = BUFFERS;
	tx(0)[1] = legacy(60, 1);
	put(E_TDT, 1);
	assert_false(poll());
}

/* The ring to the control core fills; when it has room again the rest goes out, none is lost. */
static void test_send_full(void **state)
{
	u32 before;

	fill(BUFFERS, 16000);
	for (u32 i = 0; i < SLOTS; i++) {
		tx(i)[0] = BUFFERS;
		tx(i)[1] = legacy(16000, 1);
	}
	put(E_TDT, SLOTS - 1);
	assert_int_not_equal(get(E_TDH), SLOTS - 1);
	assert_true(poll());
	before = seen.frames;
	assert_in_range(before, 10, 20);
	assert_int_equal(seen.calls, 1);
	while (seen.calls) {
		seen.calls = 0;
		seen.fn(guest, &card);
		poll();
	}
	assert_int_equal(seen.frames, SLOTS - 1);
	assert_int_equal(get(E_TDH), SLOTS - 1);
}

/* The control core took the last frame just before the guest's core asked to be called. */
static void test_send_asks_late(void **state)
{
	fill(BUFFERS, 16000);
	for (u32 i = 0; i < SLOTS; i++) {
		tx(i)[0] = BUFFERS;
		tx(i)[1] = legacy(16000, 1);
	}
	put(E_TDT, SLOTS - 1);
	seen.rings = 0;
	seen.fn(guest, &card);			/* still no room: nothing is taken, but it asks */
	assert_int_equal(seen.rings, 1);
	frame_ring_clear(&card.tx);
	poll();
	assert_int_equal(seen.calls, 1);
	poll();
	assert_int_equal(seen.calls, 1);
	/* A frame whose end has not been put yet is no reason to ask. */
	frame_ring_clear(&card.tx);
	seen.fn(guest, &card);
	poll();
	seen.calls = seen.rings = 0;
	tx(SLOTS - 1)[0] = BUFFERS;
	tx(SLOTS - 1)[1] = legacy(60, 0);
	while (get(E_TDH) != SLOTS - 1) {
		seen.fn(guest, &card);
		poll();
	}
	seen.calls = seen.rings = 0;
	put(E_TDT, 0);
	poll();
	assert_int_equal(seen.calls | seen.rings, 0);
}

/* --- receiving --- */

static enum net_verdict give(const u8 *to, u32 len)
{
	static u8 bytes[NET_FRAME_MAX + 1];
	struct net_piece piece = { .at = bytes, .len = len };
	struct net_frame f = { .piece = &piece, .pieces = 1, .len = len };
	enum net_verdict v;

	for (u32 i = 0; i < len; i++)
		bytes[i] = (u8)(i + 3);
	memcpy(bytes, to, NET_MAC);
	v = card.port.ops->deliver(&card.port, &f);
	card.port.ops->flush(&card.port);
	if (seen.calls)
		seen.fn(guest, &card);
	seen.calls = 0;
	return v;
}

static void buffers(u32 count)
{
	for (u32 i = 0; i < count; i++) {
		rx(i)[0] = BUFFERS + i * 4096;
		rx(i)[1] = 0;
	}
	put(E_RDT, count);
}

static void test_receive_legacy(void **state)
{
	buffers(4);
	assert_int_equal(give(mac, 100), NET_TAKEN);
	assert_int_equal(rx(0)[1] & 0xffff, 100);
	assert_int_equal(rx(0)[1] >> 32 & 3, 3);
	assert_memory_equal(guest->ram + BUFFERS, mac, 6);
	assert_int_equal(guest->ram[BUFFERS + 99], 102);
	assert_int_equal(get(E_RDH), 1);
	assert_true(get(E_ICR) & CAUSE_RXT0);
}

static void test_receive_extended_and_long(void **state)
{
	put(E_RFCTL, 1u << 15);
	put(E_RCTL, get(E_RCTL) | 1u << 5);
	buffers(8);
	assert_int_equal(give(mac, 5000), NET_TAKEN);
	assert_int_equal(rx(0)[1] >> 32 & 0xffff, 2048);
	assert_int_equal(rx(0)[1] & 3, 1);
	assert_int_equal(rx(2)[1] >> 32 & 0xffff, 5000 - 4096);
	assert_int_equal(rx(2)[1] & 3, 3);
	assert_int_equal(get(E_RDH), 3);
}

static void test_receive_fcs(void **state)
{
	put(E_RCTL, get(E_RCTL) & ~(1u << 26));
	buffers(1);
	give(mac, 60);
	assert_int_equal(rx(0)[1] & 0xffff, 64);
}

static void test_receive_filters(void **state)
{
	static const u8 other[6] = { 0x52, 0x54, 0, 9, 9, 9 }, all[6] = { 255, 255, 255, 255, 255, 255 }, many[6] = { 1, 0, 0x5e, 0, 0, 0xfb };
	u32 place = (u32)(many[4] | many[5] << 8) >> 4 & 0xfff;

	buffers(8);
	give(other, 60);
	assert_int_equal(get(E_RDH), 0);
	give(all, 60);
	assert_int_equal(get(E_RDH), 1);
	give(many, 60);
	assert_int_equal(get(E_RDH), 1);
	put(E_MTA + 4 * (place >> 5), 1u << (place & 31));
	give(many, 60);
	assert_int_equal(get(E_RDH), 2);
	put(E_RCTL, get(E_RCTL) | 8);
	give(other, 60);
	assert_int_equal(get(E_RDH), 3);
	assert_int_equal(card.filtered, 2);
	give(mac, 1600);		/* long frames were not asked for */
	assert_int_equal(card.refused, 1);
}

/* Frames wait for buffers; when nobody brings any the ring ends up full, and that is said. */
static void test_receive_waits(void **state)
{
	u32 n = 0;

	put(E_RCTL, get(E_RCTL) | 1u << 5);
	while (give(mac, 9000) == NET_TAKEN)
		n++;
	assert_in_range(n, 20, 30);
	assert_int_equal(get(E_RDH), 0);
	buffers(SLOTS - 1);
	assert_int_equal(get(E_RDH), 30);	/* six frames of five buffers */
	assert_int_equal(give(mac, 9000), NET_TAKEN);
}

static void test_receive_bad_buffer(void **state)
{
	buffers(3);
	rx(0)[0] = RAM_SIZE - 4;
	give(mac, 100);
	assert_int_equal(card.bad, 1);
	give(mac, 100);
	assert_int_equal(rx(1)[1] >> 32 & 3, 3);
}

static void test_receive_down(void **state)
{
	put(E_RCTL, 0);
	put(E_TCTL, 0);
	assert_int_equal(give(mac, 100), NET_DOWN);
}

static void test_receive_split(void **state)
{
	u64 *d = (u64 *)(void *)(guest->ram + RX_RING);

	put(E_RFCTL, 1u << 15);
	put(E_RCTL, (get(E_RCTL) | 1u << 5) | 1u << 10);
	put(E_PSRCTL, 2 | 4u << 8 | 4u << 16 | 4u << 24);
	put(E_RDLEN, SLOTS * 32);
	for (u32 i = 0; i < 4; i++)
		d[i] = BUFFERS + i * 8192;
	put(E_RDT, 1);
	give(mac, 5000);
	assert_int_equal(d[1] >> 32 & 0xffff, 256);
	assert_int_equal(d[2] >> 16 & 0xffff, 4096);
	assert_int_equal(d[2] >> 32 & 0xffff, 5000 - 4352);
	assert_int_equal(d[1] & 3, 3);
	assert_int_equal(guest->ram[BUFFERS + 8192], (u8)(256 + 3));
}

/* --- interrupts --- */

static void test_intx(void **state)
{
	buffers(2);
	give(mac, 60);
	assert_false(card.f.intx_level);
	put(E_IMS, CAUSE_RXT0);
	assert_true(card.f.intx_level);
	assert_true(get(E_ICR) & CAUSE_ASSERTED);
	assert_false(card.f.intx_level);
	give(mac, 60);
	assert_true(card.f.intx_level);
	put(E_IMC, CAUSE_RXT0);
	assert_false(card.f.intx_level);
}

static void test_msix(void **state)
{
	u64 was;

	vpci_config_write(&card.f, card.f.msix_cap + 2u, 2, 0x8000);
	for (u32 i = 0; i < 5; i++) {
		card.f.msix[i].address = 0xfee00000;
		card.f.msix[i].control = 0;
		card.f.msix[i].data = 0x40 + i;
	}
	put(E_IVAR, 8 | 9u << 8 | 10u << 16);
	put(E_EIAC, CAUSE_RXQ0 | CAUSE_TXQ0);
	put(E_IAM, ~0u);
	put(E_CTRL_EXT, 1u << 24);
	put(E_ICR, ~0u);			/* the link came up in setup */
	put(E_IMS, CAUSE_RXQ0 | CAUSE_OTHER | CAUSE_LSC);
	was = card.f.interrupts;
	buffers(4);
	give(mac, 60);
	assert_int_equal(card.f.interrupts, was + 1);
	assert_int_equal(get(E_IMS) & CAUSE_RXQ0, 0);	/* masked itself */
	give(mac, 60);
	assert_int_equal(card.f.interrupts, was + 1);
	put(E_IMS, CAUSE_RXQ0);				/* let through again: it comes */
	assert_int_equal(card.f.interrupts, was + 2);
	put(E_CTRL, 0);					/* the link goes: another vector */
	assert_int_equal(card.f.interrupts, was + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_nvm_and_phy), T(test_access_sizes), T(test_reset_forgets), T(test_send_legacy), T(test_send_in_halves),
		T(test_send_checksum), T(test_send_large), T(test_send_vlan), T(test_send_nonsense), T(test_send_ring_outside),
		T(test_not_bus_master), T(test_send_full), T(test_send_asks_late), T(test_receive_legacy), T(test_receive_extended_and_long), T(test_receive_fcs),
		T(test_receive_filters), T(test_receive_waits), T(test_receive_bad_buffer), T(test_receive_down), T(test_receive_split),
		T(test_intx), T(test_msix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
