/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fuzz/fuzz_vpci.c tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* Guest PCI: config space by both doors and any width, masks, BARs that are sized and put anywhere, all interrupts. */
#include "fuzz/vpci_fixture.h"

#define T(test) cmocka_unit_test_setup_teardown(test, toy_setup, fake_teardown)
#define F (&toy[0].f)
#define SLOT 3u

static int toy_setup(void **state)
{
	*state = toy_guest_new();
	return 0;
}

static u64 mem(struct guest *g, u64 addr, u8 size)
{
	struct io io = { .size = size };

	bus_access(&g->bus, BUS_MEMORY, addr, &io);
	return size == 8 ? io.val : io.val & (BIT(size * 8) - 1);
}

static void mem_out(struct guest *g, u64 addr, u8 size, u64 val)
{
	struct io io = { .size = size, .val = val, .write = true };

	bus_access(&g->bus, BUS_MEMORY, addr, &io);
}

static u32 cfg(struct guest *g, u32 slot, u32 off, u8 size)
{
	out(g, 0xcf8, 0x80000000u | slot << 11 | (off & 0xfc), 4);
	return in(g, 0xcfc + (off & 3), size);
}

static void cfg_out(struct guest *g, u32 slot, u32 off, u8 size, u32 val)
{
	out(g, 0xcf8, 0x80000000u | slot << 11 | (off & 0xfc), 4);
	out(g, 0xcfc + (off & 3), val, size);
}

static bool posted(struct guest *g, u32 vcpu, u8 vector)
{
	u64 bit = BIT(vector % 64), *word = &g->vcpu[vcpu].posted[vector / 64];
	bool was = *word & bit;

	*word &= ~bit;
	return was;
}

static void test_two_doors(void **state)
{
	struct guest *g = *state;
	u64 ecam = VPCI_ECAM + (SLOT << 15);

	assert_int_equal(cfg(g, 0, 0, 4), 0x29c08086);
	assert_int_equal(cfg(g, 31, 0, 4), 0x29188086);
	assert_int_equal(cfg(g, SLOT, 0, 4), 0x56781234);
	assert_int_equal(cfg(g, SLOT, 1, 1), 0x12);
	assert_int_equal(cfg(g, SLOT, 1, 2), 0x7812);
	assert_int_equal(cfg(g, SLOT, 2, 2), 0x5678);
	assert_int_equal(cfg(g, SLOT, 2, 4), 0xffffffff);	/* crosses CFFH */
	assert_int_equal(mem(g, ecam, 4), 0x56781234);
	assert_int_equal(mem(g, ecam + 3, 2), 0x0356);	/* crosses into the command register */
	assert_true(mem(g, ecam + 0x28, 8) == 0xdef09abc00000000);
	assert_int_equal(mem(g, ecam + 0x2d, 1), 0x9a);
	assert_int_equal(mem(g, ecam + 0x100, 4), 0xffffffff);
	assert_int_equal(mem(g, ecam + 0xfe, 4) >> 16, 0xffff);	/* half of it is there */
	assert_int_equal(mem(g, ecam + 0xffe, 4), 0xffffffff);	/* crosses the function */
	assert_int_equal(mem(g, ecam + 0x1000, 4), 0xffffffff);	/* function 1 */
	assert_int_equal(mem(g, ecam + MiB, 4), 0xffffffff);	/* bus 1 */
	assert_int_equal(cfg(g, 4, 0, 4), 0xffffffff);
	out(g, 0xcf8, SLOT << 11, 4);				/* not enabled */
	assert_int_equal(in(g, 0xcfc, 4), 0xffffffff);
	out(g, 0xcf8, 0x80010000u | SLOT << 11, 4);		/* bus 1 */
	assert_int_equal(in(g, 0xcfc, 4), 0xffffffff);
	out(g, 0xcf8, 0xffffffff, 4);
	assert_int_equal(in(g, 0xcf8, 4), 0x80fffffc);
	out(g, 0xcf8, 0x12, 1);					/* not a way to the address register */
	out(g, 0xcfa, 0x12, 2);
	assert_int_equal(in(g, 0xcf8, 4), 0x80fffffc);
	assert_int_equal(fake.ends, 0);
	out(g, 0xcf9, 6, 1);
	assert_int_equal(fake.end, END_REBOOT);
}

static void test_masks(void **state)
{
	struct guest *g = *state;

	for (u32 off = 0; off < 256; off++)
		cfg_out(g, SLOT, off, 1, 0xff);
	toy_check(g);
	assert_int_equal(cfg(g, SLOT, 0, 4), 0x56781234);
	assert_int_equal(cfg(g, SLOT, VPCI_COMMAND, 2), 0x547);
	assert_int_equal(cfg(g, SLOT, VPCI_STATUS, 2), 0x0010);
	assert_int_equal(cfg(g, SLOT, VPCI_CACHE_LINE, 4), 0xff);
	assert_int_equal(cfg(g, SLOT, VPCI_INTR_LINE, 4), 0x01ff);
	assert_int_equal(cfg(g, SLOT, 0x30, 4), 0);		/* no ROM */
	assert_int_equal(cfg(g, SLOT, VPCI_CAPS_AT + 20, 4), 0x1234ff78);
	for (u32 off = 0; off < 256; off++)
		cfg_out(g, SLOT, off, 1, 0);
	toy_check(g);
	assert_int_equal(cfg(g, SLOT, VPCI_CAPS_AT + 20, 4), 0x12340078);
}

static void test_bar_sizing(void **state)
{
	static const u32 want[6] = { 0xffffffe1, 0xfffff000, 0xffffc00c, 0xffffffff, 0xfffff000, 0 };
	struct guest *g = *state;

	for (u32 on = 0; on < 2; on++) {
		cfg_out(g, SLOT, VPCI_COMMAND, 2, on ? 3 : 0);
		for (u32 i = 0; i < 6; i++) {
			u32 was = cfg(g, SLOT, VPCI_BAR0 + i * 4, 4);

			cfg_out(g, SLOT, VPCI_BAR0 + i * 4, 4, 0xffffffff);
			assert_int_equal(cfg(g, SLOT, VPCI_BAR0 + i * 4, 4), want[i]);
			toy_check(g);
			cfg_out(g, SLOT, VPCI_BAR0 + i * 4, 4, was);
			assert_int_equal(cfg(g, SLOT, VPCI_BAR0 + i * 4, 4), was);
		}
	}
	cfg_out(g, SLOT, VPCI_BAR0 + 16 + 1, 1, 0xff);		/* a byte of one: bits 15:8 */
	assert_int_equal(cfg(g, SLOT, VPCI_BAR0 + 16, 4) & 0xffff, 0xf000);
}

/* Firmware's work: everything has a place of its own in the windows, and decodes. */
static void test_assigned(void **state)
{
	struct guest *g = *state;

	for (u32 i = 0; i < g->bus.claim_count; i++) {
		const struct bus_claim *a = &g->bus.claim[i];

		assert_true(a->on);
		if (!a->movable || a->range.base == VPCI_ECAM)
			continue;
		if (a->range.space == BUS_PORT)
			assert_in_range(a->range.base, 0xc000, 0xffff);
		else
			assert_in_range(a->range.base, VPCI_WINDOW32,
					VPCI_WINDOW32 + VPCI_WINDOW32_SIZE - a->range.size);
		for (u32 k = 0; k < i; k++) {
			const struct bus_claim *b = &g->bus.claim[k];

			assert_true(a->range.space != b->range.space ||
				    a->range.base >= b->range.base + b->range.size ||
				    b->range.base >= a->range.base + a->range.size);
		}
	}
	assert_int_equal(cfg(g, SLOT, VPCI_COMMAND, 2), VPCI_CMD_IO | VPCI_CMD_MEMORY);
	assert_int_equal(cfg(g, SLOT, VPCI_INTR_LINE, 1), 11);
}

static void test_bars_move(void **state)
{
	struct guest *g = *state;
	u32 bar = VPCI_BAR0 + 16, home = cfg(g, SLOT, bar, 4);

	mem_out(g, home + 8, 4, 0x99);
	assert_int_equal(toy[0].last.off, 8);
	assert_int_equal(toy[0].last.val, 0x99);
	cfg_out(g, SLOT, bar, 4, 0xd0000000);
	assert_int_equal(mem(g, home + 8, 4), 0xffffffff);
	assert_int_equal(mem(g, 0xd0000010, 4), 0x7710);
	assert_int_equal(mem(g, 0xd0000ffe, 4), 0xffffffff);	/* crosses its end */
	cfg_out(g, SLOT, VPCI_COMMAND, 2, VPCI_CMD_IO);
	assert_int_equal(mem(g, 0xd0000010, 4), 0xffffffff);
	cfg_out(g, SLOT, VPCI_BAR0 + 8, 4, 0x10000000);		/* 64-bit, and above 4 GiB */
	cfg_out(g, SLOT, VPCI_BAR0 + 12, 4, 0x12);
	cfg_out(g, SLOT, VPCI_COMMAND, 2, VPCI_CMD_MEMORY);
	assert_int_equal(mem(g, 0x1210003ff8, 8), 0x7700 + 0x3ff8);
	cfg_out(g, SLOT, VPCI_BAR0 + 12, 4, 0xffffffff);
	cfg_out(g, SLOT, VPCI_BAR0 + 8, 4, 0xffffffff);		/* the last 16 KiB of all */
	assert_int_equal(mem(g, 0xfffffffffffffff8, 8), 0x7700 + 0x3ff8);
	toy_check(g);
}

/* Over what others have: they go on answering, and nothing else happens. */
static void test_bars_over_others(void **state)
{
	struct guest *g = *state;
	u32 bar = VPCI_BAR0 + 16, second = cfg(g, 5, bar, 4), calls;

	cfg_out(g, SLOT, bar, 4, 0xfec00000);
	calls = toy[0].calls;
	mem_out(g, 0xfec00000, 4, 1);
	assert_int_equal(mem(g, 0xfec00010, 4), 0x00170020);	/* the IOAPIC's version */
	cfg_out(g, SLOT, bar, 4, VPCI_ECAM);
	assert_int_equal(mem(g, VPCI_ECAM, 4), 0x29c08086);
	assert_int_equal(toy[0].calls, calls);
	cfg_out(g, 5, bar, 4, 0xd0000000);			/* two functions at one place: the first added wins */
	cfg_out(g, SLOT, bar, 4, 0xd0000000);
	mem_out(g, 0xd0000000, 4, 1);
	assert_int_equal(toy[0].calls, calls + 1);
	assert_int_equal(toy[1].calls, 0);
	cfg_out(g, SLOT, bar, 4, 0);				/* leaves: the other one is there */
	mem_out(g, 0xd0000000, 4, 1);
	assert_int_equal(toy[1].calls, 1);
	cfg_out(g, 5, bar, 4, second);
	cfg_out(g, SLOT, VPCI_BAR0, 4, 0x3e0);			/* ports: 3E0H-3FFH, where COM1 is */
	outb(g, 0x3ff, 0x5a);
	assert_int_equal(inb(g, 0x3ff), 0x5a);
	assert_int_equal(inb(g, 0x3e1), 0x01);
	cfg_out(g, SLOT, VPCI_BAR0, 4, 0xce0);	/* the config ports */
	assert_int_equal(cfg(g, SLOT, 0, 4), 0x56781234);
	cfg_out(g, SLOT, VPCI_BAR0, 4, 0x10000);		/* no such port */
	toy_check(g);
	cfg_out(g, SLOT, VPCI_BAR0, 4, 0xffe0);
	assert_int_equal(inb(g, 0xffff), 0x1f);
	assert_int_equal(inb(g, 0x3e1), 0xff);
	toy_check(g);
}

/* ECAM moves itself away while it is used, shrinks, closes. */
static void test_ecam_moves(void **state)
{
	struct guest *g = *state;

	mem_out(g, VPCI_ECAM + 0x60, 4, 0xd0000001);
	assert_int_equal(mem(g, VPCI_ECAM, 4), 0xffffffff);
	assert_int_equal(mem(g, 0xd0000000, 4), 0x29c08086);
	cfg_out(g, 0, 0x64, 4, 0x7);
	assert_int_equal(mem(g, 0x7d0000000, 4), 0x29c08086);
	cfg_out(g, 0, 0x60, 4, 0xd4000005);			/* 64 buses */
	assert_int_equal(mem(g, 0x7d4000000, 4), 0x29c08086);
	assert_int_equal(g->bus.claim[g->pc->pci.ecam_claim].range.size, 64 * MiB);
	cfg_out(g, 0, 0x60, 4, 0xd4000007);			/* a reserved length */
	assert_int_equal(mem(g, 0x7d4000000, 4), 0xffffffff);
	cfg_out(g, 0, 0x60, 4, 0xd0000000);
	assert_false(g->bus.claim[g->pc->pci.ecam_claim].on);
	assert_int_equal(cfg(g, 0, 0, 4), 0x29c08086);
}

static void test_capability_list(void **state)
{
	static const u8 want[] = { VPCI_CAP_VENDOR, VPCI_CAP_VENDOR, VPCI_CAP_MSIX, VPCI_CAP_MSI };
	struct guest *g = *state;
	u32 at = cfg(g, SLOT, VPCI_CAPS, 1), n = 0;

	for (; at && n < 40; n++, at = cfg(g, SLOT, at + 1, 1)) {
		assert_true(n < ARRAY_COUNT(want) && at >= 0x40 && !(at & 3));
		assert_int_equal(cfg(g, SLOT, at, 1), want[n]);
	}
	assert_int_equal(n, ARRAY_COUNT(want));
	assert_int_equal(cfg(g, SLOT, F->msix_cap + 2u, 2), 69);
	assert_int_equal(cfg(g, SLOT, F->msix_cap + 4u, 4), 1);
	assert_int_equal(cfg(g, SLOT, F->msix_cap + 8u, 4), 0x801);
	assert_int_equal(cfg(g, 0, VPCI_STATUS, 2), 0);
}

static void msix_entry(struct guest *g, u32 entry, u32 address, u32 data, u32 control)
{
	u64 at = (cfg(g, SLOT, VPCI_BAR0 + 4, 4) & ~15u) + entry * 16;

	mem_out(g, at, 8, address);
	mem_out(g, at + 8, 4, data);
	mem_out(g, at + 12, 4, control);
}

static u64 msix_pending(struct guest *g, u32 off)
{
	return mem(g, (cfg(g, SLOT, VPCI_BAR0 + 4, 4) & ~15u) + VPCI_MSIX_PBA + off, 8);
}

static void test_msix(void **state)
{
	struct guest *g = *state;
	u32 control = F->msix_cap + 2u;

	msix_entry(g, 1, 0xfee01000, 0x41, 0);
	msix_entry(g, 69, 0xfee02000, 0x42, 1);
	vpci_msix_raise(F, 1);				/* off: nothing, not even pending */
	cfg_out(g, SLOT, control, 2, 0x8000);
	assert_true(vpci_msix_enabled(F));
	cfg_out(g, SLOT, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	assert_false(posted(g, 1, 0x41));
	vpci_msix_raise(F, 1);
	assert_true(posted(g, 1, 0x41));
	vpci_msix_raise(F, 69);				/* masked: waits, once */
	vpci_msix_raise(F, 69);
	vpci_msix_raise(F, 70);
	vpci_msix_raise(F, 0xffffffff);
	assert_false(posted(g, 2, 0x42));
	assert_true(msix_pending(g, 8) == BIT(5));
	msix_entry(g, 69, 0xfee02000, 0x42, 0);
	assert_true(posted(g, 2, 0x42));
	assert_true(msix_pending(g, 8) == 0);
	cfg_out(g, SLOT, control, 2, 0xc000);		/* the whole function is masked */
	vpci_msix_raise(F, 1);
	assert_true(msix_pending(g, 0) == BIT(1));
	cfg_out(g, SLOT, VPCI_COMMAND, 2, VPCI_CMD_MEMORY);
	cfg_out(g, SLOT, control, 2, 0x8000);
	assert_false(posted(g, 1, 0x41));		/* not a bus master */
	cfg_out(g, SLOT, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	assert_true(posted(g, 1, 0x41));
	assert_int_equal(F->interrupts, 3);
}

static void test_msix_messages(void **state)
{
	struct guest *g = *state;

	cfg_out(g, SLOT, F->msix_cap + 2u, 2, 0x8000);
	cfg_out(g, SLOT, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	msix_entry(g, 0, 0x12345000, 0x43, 0);		/* a write to memory: lost */
	vpci_msix_raise(F, 0);
	msix_entry(g, 0, 0xfee01020, 0x43, 0);		/* vcpu 101H: KVM's extended destination */
	vpci_msix_raise(F, 0);
	for (u32 i = 0; i < FAKE_VCPUS; i++)
		assert_false(posted(g, i, 0x43));
	msix_entry(g, 0, 0xfeeff000, 0x43, 0);		/* all */
	vpci_msix_raise(F, 0);
	for (u32 i = 0; i < FAKE_VCPUS; i++)
		assert_true(posted(g, i, 0x43));
	assert_int_equal(F->interrupts, 3);
}

static void test_msix_table_access(void **state)
{
	struct guest *g = *state;
	u64 table = cfg(g, SLOT, VPCI_BAR0 + 4, 4) & ~15u;

	assert_true(mem(g, table + 8, 8) == BIT(32));	/* after reset: masked */
	mem_out(g, table, 4, 0xffffffff);
	assert_int_equal(mem(g, table, 4), 0xfffffffc);
	mem_out(g, table + 12, 4, 0xffffffff);
	assert_int_equal(mem(g, table + 12, 4), 1);
	mem_out(g, table + 8, 2, 0);			/* too small, not aligned */
	mem_out(g, table + 6, 4, 0);
	mem_out(g, table + 4, 8, 0);
	assert_int_equal(mem(g, table, 1), 0xff);
	assert_int_equal(mem(g, table, 4), 0xfffffffc);
	mem_out(g, table + 70 * 16, 8, ~0ul);		/* behind the table */
	assert_int_equal(mem(g, table + 70 * 16, 8), 0);
	mem_out(g, table + VPCI_MSIX_PBA, 8, ~0ul);	/* read-only */
	assert_int_equal(mem(g, table + VPCI_MSIX_PBA, 8), 0);
	assert_int_equal(mem(g, table + 0xff8, 8), 0);
	toy_check(g);
}

static void test_msi(void **state)
{
	struct guest *g = *state;
	u32 cap = F->msi_cap;

	cfg_out(g, SLOT, VPCI_COMMAND, 2, VPCI_CMD_MASTER);
	assert_int_equal(cfg(g, SLOT, cap + 2, 2), 0x0180);
	cfg_out(g, SLOT, cap + 4, 4, 0xfee03003);
	cfg_out(g, SLOT, cap + 8, 4, 0);
	cfg_out(g, SLOT, cap + 12, 4, 0xffff0055);
	vpci_msi_raise(F);
	cfg_out(g, SLOT, cap + 2, 2, 0xffff);
	assert_int_equal(cfg(g, SLOT, cap + 2, 2), 0x0181);
	assert_false(posted(g, 3, 0x55));
	vpci_msi_raise(F);
	assert_true(posted(g, 3, 0x55));
	cfg_out(g, SLOT, cap + 16, 4, 0xffffffff);
	vpci_msi_raise(F);
	assert_false(posted(g, 3, 0x55));
	assert_int_equal(cfg(g, SLOT, cap + 20, 4), 1);
	cfg_out(g, SLOT, cap + 20, 4, 0);
	cfg_out(g, SLOT, cap + 16, 4, 0);
	assert_true(posted(g, 3, 0x55));
	assert_int_equal(cfg(g, SLOT, cap + 20, 4), 0);
}

static bool pin(const struct guest *g, u32 nr)
{
	return g->pc->ioapic.pins >> nr & 1;
}

static void test_intx(void **state)
{
	struct guest *g = *state;

	vpci_intx_set(F, true);
	assert_true(pin(g, 19));
	assert_int_equal(cfg(g, SLOT, VPCI_STATUS, 2) & 8, 8);
	vpci_intx_set(&toy[2].f, true);			/* slot 11 has the same wire */
	vpci_intx_set(F, false);
	assert_true(pin(g, 19));
	vpci_intx_set(&toy[2].f, false);
	assert_false(pin(g, 19));
	vpci_intx_set(F, true);
	cfg_out(g, SLOT, VPCI_COMMAND, 2, VPCI_CMD_INTX_OFF);
	assert_false(pin(g, 19));
	assert_int_equal(cfg(g, SLOT, VPCI_STATUS, 2) & 8, 8);
	cfg_out(g, SLOT, VPCI_COMMAND, 2, 0);
	assert_true(pin(g, 19));
	cfg_out(g, SLOT, F->msix_cap + 2u, 2, 0x8000);
	assert_false(pin(g, 19));
	cfg_out(g, SLOT, F->msix_cap + 2u, 2, 0);
	cfg_out(g, SLOT, F->msi_cap + 2u, 2, 1);
	assert_false(pin(g, 19));
	toy_check(g);
}

static bool pic_line(const struct guest *g, u32 nr)
{
	return g->pc->pic.chip[nr / 8].lines >> nr % 8 & 1;
}

static void test_pirq_to_pic(void **state)
{
	struct guest *g = *state;

	vpci_intx_set(F, true);
	assert_true(pic_line(g, 11));			/* as firmware routed it */
	cfg_out(g, 31, 0x63, 1, 0x05);
	assert_false(pic_line(g, 11));
	assert_true(pic_line(g, 5));
	irq_set(g, 5, true);				/* shared with an ISA device */
	vpci_intx_set(F, false);
	assert_true(pic_line(g, 5));
	irq_set(g, 5, false);
	assert_false(pic_line(g, 5));
	vpci_intx_set(F, true);
	for (u32 route = 0; route < 256; route++) {	/* 0, 1, 2, 8, 13 are not offered */
		cfg_out(g, 31, 0x63, 1, route);
		for (u32 nr = 0; nr < 16; nr++)
			if (nr != 2)
				assert_int_equal(pic_line(g, nr),
						 !(route & 0x80) && (route & 15) == nr && (0xdef8 >> nr & 1));
	}
	assert_int_equal(cfg(g, 31, 0x63, 1), 0x8f);
}

static void test_reset(void **state)
{
	struct guest *g = *state;
	struct vpci_toy fresh = toy[0];
	struct pc *pc = malloc(sizeof(*pc));

	*pc = *g->pc;
	vpci_intx_set(F, true);
	for (u32 off = 0; off < 256; off += 4)
		cfg_out(g, SLOT, off, 4, noise());
	msix_entry(g, 3, noise(), noise(), noise());
	vpci_msix_raise(F, 3);
	cfg_out(g, 0, 0x60, 4, 0);
	pc_reset(g);
	assert_memory_equal(&fresh.f, F, sizeof(fresh.f));
	assert_memory_equal(pc, g->pc, sizeof(*pc));
	assert_int_equal(mem(g, VPCI_ECAM, 4), 0x29c08086);
	free(pc);
}

static void test_full_and_taken(void **state)
{
	static struct vpci_function more[VPCI_SLOTS];
	struct guest *g = *state;

	assert_int_equal(vpci_add(g, &more[0], &toy_desc, &toy[0], SLOT), -E_BUSY);
	while (g->bus.claim_count < BUS_CLAIMS_MAX - 3)		/* it has four BARs */
		assert_true(bus_claim_movable(&g->bus, BUS_PORT, NULL, NULL, "more") >= 0);
	assert_int_equal(vpci_add(g, &more[12], &toy_desc, &toy[0], 12), -E_NOSPC);
}

static u32 lines_seen;
static char lines_text[8192];

static void see_line(const char *text)
{
	strcat(strcat(lines_text, text), "\n");
	lines_seen++;
}

static void test_list(void **state)
{
	struct guest *g = *state;

	vpci_intx_set(F, true);
	pc_list(g, see_line);
	assert_int_equal(lines_seen, 1 + 2 + 3 * 5 + 5);	/* 5: virtio-rng, which every such guest has */
	assert_non_null(strstr(lines_text, "00:1f.0   isa-bridge"));
	assert_non_null(strstr(lines_text, "1234:5678 class ff0000"));
	assert_non_null(strstr(lines_text, "INTA on GSI 19 high, 1 interrupts"));
}

static void test_window64(void **state)
{
	struct guest *g = *state;
	u64 size, base = vpci_window64(g, &size);

	assert_true(base == 16 * GiB && size == VPCI_WINDOW64_SIZE);	/* RAM ends at 9 GiB */
	cfg_out(g, SLOT, VPCI_BAR0 + 8, 4, 0x10000);
	cfg_out(g, SLOT, VPCI_BAR0 + 12, 4, 0x38);
	base = vpci_window64(g, &size);
	assert_true(base == 0x3800000000 && size == GiB);
}

static void test_storm(void **state)
{
	u8 data[4000];

	(void)state;
	for (u32 round = 0; round < 60; round++) {
		for (size_t i = 0; i < sizeof(data); i++)
			data[i] = (u8)(noise() ^ round);
		LLVMFuzzerTestOneInput(data, sizeof(data));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_two_doors), T(test_masks), T(test_bar_sizing), T(test_assigned), T(test_bars_move),
		T(test_bars_over_others), T(test_ecam_moves), T(test_capability_list), T(test_msix), T(test_msix_messages),
		T(test_msix_table_access), T(test_msi), T(test_intx), T(test_pirq_to_pic), T(test_reset), T(test_full_and_taken), T(test_list),
		T(test_window64), cmocka_unit_test(test_storm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
