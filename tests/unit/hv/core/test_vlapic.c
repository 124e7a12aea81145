/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* The software local APIC: both doors to its registers, priorities, errors, mode changes. */
#include "../../drivers/model/pc_fake.h"

#define MSR_BASE 0x1b
#define MASKED 0x10000u
#define BASE_OFF VLAPIC_ADDRESS
#define BASE_X (VLAPIC_ADDRESS | APIC_BASE_ENABLE)
#define BASE_X2 (VLAPIC_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2)

static struct vcpu *v;

static int setup(void **state)
{
	fake_setup(state);
	v = fake_vcpu(1);
	return 0;
}

static int setup_x2(void **state)
{
	setup(state);
	assert_true(vlapic_msr_write(v, MSR_BASE, BASE_X2));
	assert_true(vlapic_msr_write(v, 0x80f, 0x1ff));
	return 0;
}

static void enable(void)
{
	vlapic_mmio_write(v, 0xf0, 0x1ff);
}

static u64 x2(u32 msr)
{
	u64 val = 0xdead;

	assert_true(vlapic_msr_read(v, msr, &val));
	return val;
}

static void test_power_on(void **state)
{
	struct vcpu *boot = fake_vcpu(0);

	assert_true(boot->lapic.base == (BASE_X | APIC_BASE_BSP));
	assert_true(v->lapic.base == BASE_X);
	assert_int_equal(vlapic_mmio_read(v, 0x20), 1u << 24);
	assert_int_equal(vlapic_mmio_read(v, 0x30), 0x50014);
	assert_int_equal(vlapic_mmio_read(v, 0xf0), 0xff);
	assert_int_equal(vlapic_mmio_read(v, 0xe0), 0xffffffff);
	for (u32 off = 0x320; off <= 0x370; off += 0x10)
		assert_int_equal(vlapic_mmio_read(v, off), MASKED);
	assert_int_equal(vlapic_pending(v), -1);
	assert_false(vlapic_accepts_extint(v));
	vlapic_wire_as_firmware(v);
	assert_true(vlapic_accepts_extint(v));
	assert_int_equal(vlapic_mmio_read(v, 0x360), 0x400);
}

static void test_writable_bits_of_the_page(void **state)
{
	static const struct { u32 off, bits; } reg[] = {
		{ 0x20, 0 }, { 0x80, 0xff }, { 0xd0, 0xff000000 }, { 0x310, 0xff000000 }, { 0x320, 0x700ff },
		{ 0x330, 0x107ff }, { 0x340, 0x107ff }, { 0x350, 0x1a7ff }, { 0x360, 0x1a7ff }, { 0x370, 0x100ff },
		{ 0x3e0, 0xb }, { 0x30, 0 }, { 0xa0, 0 }, { 0x390, 0 },
	};

	enable();
	for (u32 i = 0; i < ARRAY_COUNT(reg); i++) {
		u32 off = reg[i].off, constant = off == 0x20 ? 1u << 24 : off == 0x30 ? 0x50014 : off == 0xa0 ? 0xff : 0;

		vlapic_mmio_write(v, off, 0xffffffff);
		assert_int_equal(vlapic_mmio_read(v, off), reg[i].bits | constant);
	}
	vlapic_mmio_write(v, 0xe0, 0);
	assert_int_equal(vlapic_mmio_read(v, 0xe0), 0x0fffffff);
}

static void test_reserved_registers_of_the_page(void **state)
{
	assert_int_equal(vlapic_mmio_read(v, 0x00), 0);
	assert_int_equal(vlapic_mmio_read(v, 0x280), 0);	/* not before ESR is written */
	vlapic_mmio_write(v, 0x280, 0xffff);
	assert_int_equal(vlapic_mmio_read(v, 0x280), 0x80);
	vlapic_mmio_write(v, 0x280, 0);
	assert_int_equal(vlapic_mmio_read(v, 0x280), 0);
	vlapic_mmio_write(v, 0x2f0, 1);				/* CMCI: not there */
	vlapic_mmio_write(v, 0xff0, 1);
	vlapic_mmio_write(v, 0xffffffff, 1);
	vlapic_mmio_write(v, 0x3f0, 0x55);			/* self IPI: x2APIC only */
	assert_int_equal(vlapic_pending(v), -1);
	assert_int_equal(vlapic_mmio_read(v, 0xff0), 0);
	assert_int_equal(vlapic_mmio_read(v, 0xfffffff0), 0);
	assert_int_equal(vlapic_mmio_read(v, 0x24), 0);		/* behind a register */
	assert_int_equal(vlapic_mmio_read(v, 0x23), 1);
	vlapic_mmio_write(v, 0x84, 0xff);
	assert_int_equal(vlapic_mmio_read(v, 0x80), 0);
}

/* SDM 3A "Local APIC State Transitions with IA32_APIC_BASE": every pair of states. */
static void test_mode_changes(void **state)
{
	static const u64 mode[] = { BASE_OFF, BASE_X, BASE_X2 };
	static const bool legal[3][3] = { { true, true, false }, { true, true, true }, { true, false, true } };

	for (u32 from = 0; from < 3; from++)
		for (u32 to = 0; to < 3; to++) {
			vlapic_reset(v, false);
			if (from != 1)
				assert_true(vlapic_msr_write(v, MSR_BASE, mode[from]));
			assert_int_equal(vlapic_msr_write(v, MSR_BASE, mode[to]), legal[from][to]);
			assert_true(x2(MSR_BASE) == mode[legal[from][to] ? to : from]);
		}
	vlapic_reset(v, false);
	assert_false(vlapic_msr_write(v, MSR_BASE, VLAPIC_ADDRESS | APIC_BASE_X2));
	assert_false(vlapic_msr_write(v, MSR_BASE, BASE_X | 1));
	assert_false(vlapic_msr_write(v, MSR_BASE, BASE_X | BIT(9)));
	assert_false(vlapic_msr_write(v, MSR_BASE, BASE_X | BIT(52)));
	assert_false(vlapic_msr_write(v, MSR_BASE, 0x1000 | APIC_BASE_ENABLE));	/* over RAM */
	assert_true(vlapic_msr_write(v, MSR_BASE, BASE_X | APIC_BASE_BSP));
}

static void test_disabled(void **state)
{
	enable();
	vlapic_set_irr(v, 0x40, false);
	assert_true(vlapic_msr_write(v, MSR_BASE, BASE_OFF));
	assert_int_equal(vlapic_mmio_read(v, 0x30), 0xffffffff);
	vlapic_mmio_write(v, 0xf0, 0x1ff);
	vlapic_set_irr(v, 0x40, false);
	assert_int_equal(vlapic_pending(v), -1);
	assert_true(vlapic_accepts_extint(v));		/* INTR reaches the processor directly */
	assert_int_equal(v->pub->apic_enabled, 0);
	assert_true(vlapic_msr_write(v, MSR_BASE, BASE_X));
	assert_int_equal(vlapic_mmio_read(v, 0xf0), 0xff);
}

static void test_x2apic_registers(void **state)
{
	/* What each register takes and gives; everything else from 800H to 8FFH is #GP. */
	static const struct { u32 msr; bool read, write; u64 bits; } reg[] = {
		{ 0x802, true, false, 0 }, { 0x803, true, false, 0 }, { 0x808, true, true, 0xff },
		{ 0x80a, true, false, 0 }, { 0x80b, false, true, 0 }, { 0x80d, true, false, 0 },
		{ 0x80f, true, true, 0x1ff }, { 0x828, true, true, 0 }, { 0x830, true, true, 0xffffffff000cdfff },
		{ 0x832, true, true, 0x710ff }, { 0x833, true, true, 0x117ff }, { 0x834, true, true, 0x117ff },
		{ 0x835, true, true, 0x1f7ff }, { 0x836, true, true, 0x1f7ff }, { 0x837, true, true, 0x110ff },
		{ 0x838, true, true, 0xffffffff }, { 0x839, true, false, 0 }, { 0x83e, true, true, 0xb },
		{ 0x83f, false, true, 0xff },
	};
	u64 val;

	for (u32 msr = 0x800; msr < 0x900; msr++) {
		bool read = msr >= 0x810 && msr < 0x828, write = false;
		u64 bits = 0;

		for (u32 i = 0; i < ARRAY_COUNT(reg); i++)
			if (reg[i].msr == msr) {
				read = reg[i].read;
				write = reg[i].write;
				bits = reg[i].bits;
			}
		assert_int_equal(vlapic_msr_read(v, msr, &val), read);
		assert_int_equal(vlapic_msr_write(v, msr, 0), write);
		for (u32 n = 0; n < 64; n++)
			if (msr != 0x830 || n >= 12)	/* delivery modes: test_vlapic_ipi */
				assert_int_equal(vlapic_msr_write(v, msr, BIT(n)),
						 write && (bits & BIT(n) || (msr == 0x830 && n == 12)));
		vlapic_msr_write(v, 0x80f, 0x1ff);
	}
	assert_false(vlapic_msr_write(v, 0x7ff, 0));
	assert_false(vlapic_msr_write(v, 0x900, 0));
}

static void test_x2apic_state(void **state)
{
	assert_int_equal(x2(0x802), 1);
	assert_int_equal(x2(0x80d), 2);
	assert_int_equal(vlapic_mmio_read(v, 0x20), 0xffffffff);
	vlapic_mmio_write(v, 0x80, 0x70);
	assert_int_equal(x2(0x808), 0);
	vlapic_msr_write(v, 0x808, 0x75);
	vlapic_reset(v, true);				/* INIT leaves the mode, the id, and LDR with it */
	assert_int_equal(x2(0x802), 1);
	assert_int_equal(x2(0x80d), 2);
	assert_int_equal(x2(0x808), 0);
	assert_int_equal(x2(0x80f), 0xff);
	assert_true(x2(MSR_BASE) == BASE_X2);
}

static void test_x2apic_is_off_before(void **state)
{
	u64 val;

	assert_false(vlapic_msr_read(v, 0x802, &val));
	assert_false(vlapic_msr_write(v, 0x808, 0));
}

static void test_priorities(void **state)
{
	enable();
	vlapic_set_irr(v, 0x41, false);
	vlapic_set_irr(v, 0x52, false);
	vlapic_set_irr(v, 0x51, false);
	assert_int_equal(vlapic_pending(v), 0x52);
	vlapic_accept(v, 0x52);
	assert_int_equal(vlapic_mmio_read(v, 0x120), 1u << 0x12);
	assert_int_equal(vlapic_mmio_read(v, 0x220), 1u << 0x01 | 1u << 0x11);
	assert_int_equal(vlapic_pending(v), -1);	/* the same class waits */
	vlapic_set_irr(v, 0x61, false);
	assert_int_equal(vlapic_pending(v), 0x61);
	vlapic_accept(v, 0x61);
	assert_int_equal(vlapic_mmio_read(v, 0xa0), 0x60);
	vlapic_mmio_write(v, 0xb0, 0);
	assert_int_equal(vlapic_mmio_read(v, 0xa0), 0x50);
	vlapic_mmio_write(v, 0xb0, 0);
	assert_int_equal(vlapic_pending(v), 0x51);
	vlapic_accept(v, 0x51);
	vlapic_mmio_write(v, 0xb0, 0);
	assert_int_equal(vlapic_pending(v), 0x41);
	vlapic_mmio_write(v, 0xb0, 0);			/* EOI with nothing in service */
	assert_int_equal(vlapic_pending(v), 0x41);
}

static void test_task_priority(void **state)
{
	enable();
	vlapic_set_irr(v, 0x45, false);
	vlapic_mmio_write(v, 0x80, 0x3f);
	assert_int_equal(vlapic_pending(v), 0x45);
	assert_int_equal(vlapic_get_cr8(v), 3);
	vlapic_set_cr8(v, 4);
	assert_int_equal(vlapic_mmio_read(v, 0x80), 0x40);
	assert_int_equal(vlapic_mmio_read(v, 0xa0), 0x40);
	assert_int_equal(vlapic_pending(v), -1);
	vlapic_set_cr8(v, 0x13);
	assert_int_equal(vlapic_get_cr8(v), 3);
}

static void test_software_disable(void **state)
{
	enable();
	vlapic_mmio_write(v, 0x350, 0x700);
	vlapic_set_irr(v, 0x45, false);
	vlapic_mmio_write(v, 0xf0, 0xff);
	assert_int_equal(vlapic_mmio_read(v, 0x350), MASKED | 0x700);
	assert_int_equal(vlapic_mmio_read(v, 0x320), MASKED);
	vlapic_mmio_write(v, 0x350, 0x700);		/* stays masked */
	assert_int_equal(vlapic_mmio_read(v, 0x350), MASKED | 0x700);
	vlapic_set_irr(v, 0x60, false);			/* not accepted; what waited is held */
	assert_int_equal(vlapic_pending(v), 0x45);
	assert_int_equal(v->pub->apic_enabled, VLAPIC_PUB_ON);
}

static void test_errors(void **state)
{
	enable();
	vlapic_mmio_write(v, 0x370, 0xe0);
	vlapic_set_irr(v, 15, false);
	assert_int_equal(vlapic_pending(v), 0xe0);
	vlapic_mmio_write(v, 0x280, 0);
	assert_int_equal(vlapic_mmio_read(v, 0x280), 0x40);
	vlapic_accept(v, 0xe0);
	vlapic_mmio_write(v, 0xb0, 0);
	vlapic_set_irr(v, 15, false);			/* latched in between: new again, but only once */
	vlapic_accept(v, 0xe0);
	vlapic_mmio_write(v, 0xb0, 0);
	vlapic_set_irr(v, 15, false);
	assert_int_equal(vlapic_pending(v), -1);
	vlapic_mmio_write(v, 0x280, 0);
	vlapic_mmio_write(v, 0x300, 0x0000000f);	/* send illegal */
	vlapic_mmio_write(v, 0x280, 0);
	assert_int_equal(vlapic_mmio_read(v, 0x280), 0x20);
	vlapic_mmio_write(v, 0x280, 0);
	assert_int_equal(vlapic_mmio_read(v, 0x280), 0);
}

/* XSA-462: the error LVT's own vector is illegal. */
static void test_error_lvt_does_not_recurse(void **state)
{
	enable();
	vlapic_mmio_write(v, 0x370, 0x05);
	vlapic_mmio_read(v, 0x00);
	vlapic_set_irr(v, 3, false);
	assert_int_equal(vlapic_pending(v), -1);
	vlapic_mmio_write(v, 0x280, 0);
	assert_int_equal(vlapic_mmio_read(v, 0x280), 0xc0);
}

static void test_take_posted(void **state)
{
	const struct irq_message edge = { .delivery = DELIVER_FIXED, .vector = 0x31 };
	const struct irq_message level = { .delivery = DELIVER_FIXED, .vector = 0x81, .level = true };

	enable();
	vlapic_post(v->guest, 1, &edge);
	vlapic_post(v->guest, 1, &level);
	vlapic_take_posted(v);
	assert_int_equal(vlapic_mmio_read(v, 0x210), 1u << 0x11);
	assert_int_equal(vlapic_mmio_read(v, 0x240), 1u << 1);
	assert_int_equal(vlapic_mmio_read(v, 0x1c0), 1u << 1);	/* TMR */
	assert_int_equal(vlapic_pending(v), 0x81);
	vlapic_post(v->guest, 1, &(struct irq_message){ .vector = 0x81 });
	vlapic_take_posted(v);
	assert_int_equal(vlapic_mmio_read(v, 0x1c0), 0);
	vlapic_take_posted(v);
	assert_int_equal(v->pub->posted[2], 0);
}

/* --- The word that saves the EOI --- */

static void accept_next(u8 vector)
{
	assert_int_equal(vlapic_pending(v), vector);
	vlapic_accept(v, vector);
}

static void test_eoi_in_memory(void **state)
{
	u32 word = 0xf0;

	vlapic_set_eoi_word(v, &word);
	vlapic_set_irr(v, 0x41, false);
	accept_next(0x41);
	assert_int_equal(word, 0xf1);
	word &= ~1u;				/* as the guest does */
	assert_int_equal(x2(0x812), 0);		/* nothing is in service */
	assert_int_equal(x2(0x80a), 0);
	vlapic_set_irr(v, 0x42, false);
	accept_next(0x42);
	word &= ~1u;
	vlapic_set_irr(v, 0x43, false);		/* of the same class: comes at once */
	accept_next(0x43);
	assert_int_equal(word, 0xf1);
	assert_int_equal(x2(0x812), 1u << 3);	/* still in service; asking takes the leave back */
	assert_int_equal(word, 0xf0);
	assert_true(vlapic_msr_write(v, 0x80b, 0));
	assert_int_equal(x2(0x812), 0);
}

static void test_eoi_in_memory_is_taken_back(void **state)
{
	u32 word = 0;

	vlapic_set_eoi_word(v, &word);
	vlapic_set_irr(v, 0x41, false);
	accept_next(0x41);
	vlapic_set_irr(v, 0x42, false);		/* must wait: the EOI has to be seen */
	assert_int_equal(vlapic_pending(v), -1);
	assert_int_equal(word, 0);
	vlapic_set_irr(v, 0x61, false);		/* nested, with another one waiting */
	accept_next(0x61);
	assert_int_equal(word, 0);
	assert_true(vlapic_msr_write(v, 0x80b, 0));
	assert_true(vlapic_msr_write(v, 0x80b, 0));
	vlapic_set_irr(v, 0x61, false);		/* one behind it: its EOI has to be seen, too */
	accept_next(0x61);
	assert_int_equal(word, 0);
	assert_true(vlapic_msr_write(v, 0x80b, 0));
	accept_next(0x42);
	assert_int_equal(word, 1);
	vlapic_set_irr(v, 0x71, false);		/* nested: only the inner one could clear the bit */
	accept_next(0x71);
	assert_int_equal(word, 0);
	assert_int_equal(v->lapic.isrv, 0x71);
}

static void test_eoi_in_memory_not_for_level(void **state)
{
	u32 word = 0;

	vlapic_set_eoi_word(v, &word);
	vlapic_set_irr(v, 0x41, true);
	accept_next(0x41);
	assert_int_equal(word, 0);
	assert_true(vlapic_msr_write(v, 0x80b, 0));
	vlapic_set_irr(v, 0x41, false);
	accept_next(0x41);
	assert_int_equal(word, 1);
	assert_true(vlapic_msr_write(v, 0x80b, 0));	/* by access all the same */
	assert_int_equal(word, 0);
	assert_int_equal(v->lapic.isrv, 0);
	vlapic_set_irr(v, 0x41, false);
	accept_next(0x41);
	vlapic_set_eoi_word(v, NULL);
	assert_int_equal(word, 0);
	assert_int_equal(v->lapic.isrv, 0x41);
}

static void test_eoi_in_memory_ends_with_init(void **state)
{
	u32 word = 0;

	vlapic_set_eoi_word(v, &word);
	vlapic_set_irr(v, 0x41, false);
	accept_next(0x41);
	vlapic_reset(v, true);
	assert_int_equal(word, 0);
	assert_null(v->lapic.eoi_word);
	assert_int_equal(v->lapic.isrv, 0);
}

/* Two APICs that get the same, one with the word and one without: they deliver the same at the same time. */
static void test_eoi_in_memory_changes_nothing(void **state)
{
	struct vcpu *plain = fake_vcpu(0);
	u32 word = 0, saved = 0, eois = 0;

	assert_true(vlapic_msr_write(plain, MSR_BASE, BASE_X2 | APIC_BASE_BSP));
	assert_true(vlapic_msr_write(plain, 0x80f, 0x1ff));
	vlapic_set_eoi_word(v, &word);
	for (u32 n = 0; n < 300000; n++) {
		u32 r = noise();
		u8 vector = (u8)(32 + (r >> 8) % 96);

		if (r % 16 == 0) {
			vlapic_set_irr(v, vector, (vector & 7) == 0);
			vlapic_set_irr(plain, vector, (vector & 7) == 0);
		} else if (r % 4 == 1 && plain->lapic.isrv) {
			eois++;
			saved += word & 1;
			if (word & 1)
				word = 0;
			else
				assert_true(vlapic_msr_write(v, 0x80b, 0));
			assert_true(vlapic_msr_write(plain, 0x80b, 0));
		} else {
			int next = vlapic_pending(plain);

			assert_int_equal(vlapic_pending(v), next);
			if (next >= 0) {
				vlapic_accept(v, (u8)next);
				vlapic_accept(plain, (u8)next);
			}
		}
		assert_true(!(word & 1) || v->lapic.isrv == plain->lapic.isrv);
	}
	assert_true(saved > 1000 && eois > saved);
}

static u8 highest(const u64 bits[4])
{
	u8 n = 0;

	for (u32 i = 0; i < 256; i++)
		if (bits[i / 64] >> i % 64 & 1)
			n = (u8)i;
	return n;
}

static void check(const struct vlapic *l)
{
	assert_int_equal(l->irrv, highest(l->irr));
	assert_int_equal(l->isrv, highest(l->isr));
	assert_int_equal((l->irr[0] | l->isr[0]) & 0xffff, 0);
	assert_true((l->base & (APIC_BASE_ENABLE | APIC_BASE_X2)) != APIC_BASE_X2);
	assert_int_equal(!!(v->pub->apic_enabled & VLAPIC_PUB_SOFT), l->svr >> 8 & 1);
	if (!(l->svr & 0x100))
		for (u32 i = 1; i < 7; i++)
			assert_true(l->lvt[i] & MASKED);
	if (!(l->lvt[1] & MASKED))
		assert_true(v->deadline <= l->timer_deadline);
}

static void random_step(u32 r)
{
	static const u32 busy[] = { 0x80, 0xb0, 0xf0, 0x280, 0x300, 0x310, 0x320, 0x370, 0x380, 0x3e0 };
	u32 off = r >> 8 & 1 ? busy[(r >> 9) % ARRAY_COUNT(busy)] : r >> 9 & 0xffff;
	u64 val;
	int vector;

	switch (r % 8) {
	case 0:
		vlapic_mmio_write(v, off, noise());
		break;
	case 1:
		vlapic_mmio_read(v, off);
		break;
	case 2:
		vlapic_msr_write(v, 0x800 + (off >> 4 & 0xff), noise() & (r >> 30 ? 0x1ff : ~0u));
		break;
	case 3:
		vlapic_msr_read(v, r >> 8 & 0xfff, &val);
		break;
	case 4:
		vlapic_set_irr(v, (u8)(r >> 8), r >> 16 & 1);
		break;
	case 5:
		vector = vlapic_pending(v);
		if (vector >= 0)
			vlapic_accept(v, (u8)vector);
		break;
	case 6:
		if (r >> 8 & 15)
			vlapic_take_posted(v);
		else
			vlapic_msr_write(v, MSR_BASE, VLAPIC_ADDRESS | (r >> 12 & 0xc00));
		break;
	case 7:
		fake.now += (r >> 8) & 0xfffff;
		vlapic_timer_run(v, fake.now);
		v->deadline = vlapic_timer_next(v);
		break;
	}
}

static void test_random_operations(void **state)
{
	for (u32 n = 0; n < 500000; n++) {
		random_step(noise());
		check(&v->lapic);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_power_on, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_writable_bits_of_the_page, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_reserved_registers_of_the_page, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_mode_changes, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_disabled, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_x2apic_registers, setup_x2, fake_teardown),
		cmocka_unit_test_setup_teardown(test_x2apic_state, setup_x2, fake_teardown),
		cmocka_unit_test_setup_teardown(test_x2apic_is_off_before, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_priorities, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_task_priority, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_software_disable, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_errors, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_error_lvt_does_not_recurse, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_take_posted, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_eoi_in_memory, setup_x2, fake_teardown),
		cmocka_unit_test_setup_teardown(test_eoi_in_memory_is_taken_back, setup_x2, fake_teardown),
		cmocka_unit_test_setup_teardown(test_eoi_in_memory_not_for_level, setup_x2, fake_teardown),
		cmocka_unit_test_setup_teardown(test_eoi_in_memory_ends_with_init, setup_x2, fake_teardown),
		cmocka_unit_test_setup_teardown(test_eoi_in_memory_changes_nothing, setup_x2, fake_teardown),
		cmocka_unit_test_setup_teardown(test_random_operations, setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
