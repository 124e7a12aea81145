/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* PCI config space, BARs and MSI-X tables under any sequence of accesses. */
#include "vpci_fixture.h"

#include "../../drivers/model/pci/vpci_int.h"

#define STATUS_BITS 0x08	/* interrupt status follows the device */

const u8 toy_slot[TOYS] = { 3, 5, 11 };
struct vpci_toy toy[TOYS];

static enum io_result toy_io(void *device, struct io *io)
{
	struct vpci_toy *t = device;

	t->last = *io;
	t->calls++;
	if (!io->write)
		io->val = 0x7700 + io->off;
	return IO_DONE;
}

static const u8 caps[] = { VPCI_CAP_VENDOR, 16, 16, 1, [16] = VPCI_CAP_VENDOR, 20, 20, 2, [35] = 0 };
static const struct vpci_reg reg[] = { { VPCI_CAPS_AT + 20, 4, 0x12345678, 0x0000ff00 } };

const struct vpci_desc toy_desc = {
	.name = "toy", .vendor = 0x1234, .device = 0x5678, .subvendor = 0x9abc, .subdevice = 0xdef0,
	.class_rev = 0xff000001,
	.msix_entries = 70, .msix_bar = 1, .msi = true, .intx = true,
	.bar = { [0] = { 32, VPCI_BAR_IO, false, toy_io }, [1] = { VPCI_MSIX_BAR_SIZE, VPCI_BAR_MEM32, false, NULL },
		 [2] = { 16 * KiB, VPCI_BAR_MEM64, true, toy_io }, [4] = { 4 * KiB, VPCI_BAR_MEM32, false, toy_io } },
	.caps = caps, .caps_size = sizeof(caps), .reg = reg, .reg_count = ARRAY_COUNT(reg),
};

struct guest *toy_guest_new(void)
{
	struct guest *g = fake_guest_new();

	memset(toy, 0, sizeof(toy));
	for (u32 i = 0; i < TOYS; i++)
		assert_int_equal(vpci_add(g, &toy[i].f, &toy_desc, &toy[i], toy_slot[i]), 0);
	pc_reset(g);
	return g;
}

static void check_registers(const struct vpci_function *f)
{
	struct vpci_function fresh = *f;

	vpci_config_reset(&fresh);
	for (u32 i = 0; i < VPCI_CONFIG_SIZE; i++) {
		u8 fixed = (u8)~f->mask[i];

		if (i == VPCI_STATUS)
			fixed &= (u8)~STATUS_BITS;
		if (f->msi_cap && i == f->msi_cap + 20u)	/* the pending bit of MSI */
			continue;
		assert_int_equal(f->config[i] & fixed, fresh.config[i] & fixed);
	}
}

/* The bus's answer for addr is the first claim that is on and holds it. */
static void check_bus(const struct guest *g, const struct vpci_function *f)
{
	for (u32 i = 0; i < VPCI_BARS; i++) {
		const struct vpci_bar_desc *b = &f->desc->bar[i];
		const struct bus_claim *c;
		u32 at = VPCI_BAR0 + i * 4;
		u64 base = vpci_config_get(f, at, 4) & (b->kind == VPCI_BAR_IO ? ~3u : ~15u);
		bool on = f->config[VPCI_COMMAND] & (b->kind == VPCI_BAR_IO ? VPCI_CMD_IO : VPCI_CMD_MEMORY);

		if (b->kind == VPCI_BAR_NONE)
			continue;
		if (b->kind == VPCI_BAR_MEM64)
			base |= (u64)vpci_config_get(f, at + 4, 4) << 32;
		if (b->kind == VPCI_BAR_IO && base + b->size > 65536)
			on = false;
		c = &g->bus.claim[f->claim[i]];
		assert_int_equal(c->on, on && base);
		if (!c->on)
			continue;
		assert_true(c->range.base == base && c->range.size == b->size && IS_ALIGNED(base, b->size));
		for (u64 p = base; b->kind == VPCI_BAR_IO && p < base + b->size; p++)
			assert_true(g->bus.port_owner[p] && g->bus.port_owner[p] <= f->claim[i] + 1);
	}
}

static void check_interrupts(const struct guest *g)
{
	u32 wires = 0;

	for (u32 i = 0; i < TOYS; i++) {
		const struct vpci_function *f = &toy[i].f;
		bool quiet = vpci_msix_enabled(f) || vpci_msi_enabled(f) ||
			(vpci_config_get(f, VPCI_COMMAND, 2) & VPCI_CMD_INTX_OFF);

		if (f->intx_level && !quiet)
			wires |= BIT32(f->slot % VPCI_PIRQS);
		assert_int_equal(f->config[VPCI_STATUS] >> 3 & 1, f->intx_level);
		for (u32 e = 0; e < VPCI_MSIX_MAX; e++) {
			bool may = e < 70 && (vpci_config_get(f, f->msix_cap + 2u, 2) & 0xc000) == 0x8000 &&
				!(f->msix[e].control & 1) && vpci_bus_master(f);

			assert_false(may && (f->pending[e / 64] >> e % 64 & 1));
			assert_true(e < 70 || !(f->pending[e / 64] >> e % 64 & 1));
		}
	}
	assert_int_equal(g->pc->pirqs, wires);
	assert_int_equal(g->pc->pic.told, vpic_output(&g->pc->pic));
}

void toy_check(const struct guest *g)
{
	for (u32 i = 0; i < TOYS; i++) {
		check_registers(&toy[i].f);
		check_bus(g, &toy[i].f);
	}
	check_interrupts(g);
	for (u32 i = 1; i < g->bus.memory_count; i++)
		assert_true(g->bus.memory[i - 1] < g->bus.memory[i]);
}

struct input {
	const u8 *at;
	size_t left;
};

static u32 take(struct input *in_, u32 bytes)
{
	u32 val = 0;

	for (; bytes && in_->left; bytes--, in_->left--)
		val = val << 8 | *in_->at++;
	return val;
}

/* Values that matter: addresses of others, all ones, small numbers. */
static u64 take_value(struct input *in_)
{
	static const u64 some[] = { 0xffffffff, 0xfec00000, 0xfee00000, 0xe0000000, 0xe0000001, 0xc0001000, 0x3f8,
		0x20, 0xcf8, 0x407, 0xc000, 0x8000, 0, 1, 0xb0000001, 0xffffffffffffffff };
	u32 how = take(in_, 1);

	return how < 128 ? some[how % ARRAY_COUNT(some)] : (u64)take(in_, 4) << 32 | take(in_, 4);
}

static void access_config(struct guest *g, struct input *in_)
{
	static const u8 slot[] = { 0, 31, 3, 5, 11, 3, 5, 7 };
	u32 how = take(in_, 1), off = take(in_, 1);
	struct io io = { .size = (u8)(1u << (how >> 3 & 3)), .write = how & 0x20, .val = take_value(in_) };
	u64 at = (u64)slot[how & 7] << 15 | off;

	if (how & 0x40) {
		out(g, 0xcf8, 0x80000000u | (u32)slot[how & 7] << 11 | (off & 0xfc), 4);
		io.size = MIN(io.size, 4);
		bus_access(&g->bus, BUS_PORT, 0xcfc + (off & 3), &io);
	} else {
		bus_access(&g->bus, BUS_MEMORY, g->bus.claim[g->pc->pci.ecam_claim].range.base + at, &io);
	}
}

static void access_bar(struct guest *g, struct input *in_)
{
	u32 how = take(in_, 1), off = take(in_, 2);
	const struct bus_claim *c = &g->bus.claim[take(in_, 1) % g->bus.claim_count];
	struct io io = { .size = (u8)(1u << (how & 3)), .write = how & 4, .val = take_value(in_) };

	if (c->range.space == BUS_PORT)
		io.size = MIN(io.size, 4);
	if (c->on)
		bus_access(&g->bus, c->range.space, c->range.base + off % c->range.size, &io);
}

static void event(struct input *in_)
{
	struct vpci_function *f = &toy[take(in_, 1) % TOYS].f;
	u32 what = take(in_, 1);

	switch (what & 3) {
	case 0:	 vpci_msix_raise(f, what >> 1); break;
	case 1:	 vpci_msi_raise(f); break;
	default: vpci_intx_set(f, what & 4); break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in_ = { data, size };
	struct guest *g = toy_guest_new();

	while (in_.left) {
		u32 what = take(&in_, 1) & 7;

		if (what < 4)
			access_config(g, &in_);
		else if (what < 6)
			access_bar(g, &in_);
		else
			event(&in_);
		toy_check(g);
	}
	fake_guest_free(g);
	return 0;
}
