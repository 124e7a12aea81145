/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* What a vcpu can send to others: every delivery mode, destination and shorthand, and that it never leaves its guest. */
#include "../../drivers/model/pc_fake.h"

#include "../../../../hv/core/vlapic_int.h"

#define X2 0x830
#define LOGICAL 0x800u
#define SELF (1u << 18)
#define ALL (2u << 18)
#define OTHERS (3u << 18)
#define MODE(n) ((u32)(n) << 8)
#define LEVEL_ASSERT 0xc000u
#define LEVEL_DEASSERT 0x8000u

static struct vcpu *v;

static int setup(void **state)
{
	fake_setup(state);
	v = fake_vcpu(1);
	for (u32 i = 0; i < FAKE_VCPUS; i++)
		vlapic_mmio_write(fake_vcpu(i), 0xf0, 0x1ff);
	return 0;
}

static int setup_x2(void **state)
{
	setup(state);
	for (u32 i = 0; i < FAKE_VCPUS; i++)
		assert_true(vlapic_msr_write(fake_vcpu(i), 0x1b, VLAPIC_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2));
	return 0;
}

static void send(u32 dest, u32 low)
{
	vlapic_mmio_write(v, 0x310, dest << 24);
	vlapic_mmio_write(v, 0x300, low);
}

static void send_x2(u32 dest, u32 low)
{
	assert_true(vlapic_msr_write(v, X2, (u64)dest << 32 | low));
}

/* Bit i: vcpu i has vector pending, however it got there. Takes it. */
static u32 got(u8 vector)
{
	u32 who = 0;

	for (u32 i = 0; i < FAKE_VCPUS; i++) {
		struct vcpu *t = fake_vcpu(i);

		vlapic_take_posted(t);
		t->pub->requests &= ~(u32)REQ_POSTED;
		if (vlapic_pending(t) == vector) {
			who |= 1u << i;
			vlapic_accept(t, vector);
			vlapic_eoi(t);
		}
	}
	return who;
}

static u32 requested(u32 request)
{
	u32 who = 0;

	for (u32 i = 0; i < FAKE_VCPUS; i++) {
		who |= fake_vcpu(i)->pub->requests & request ? 1u << i : 0;
		fake_vcpu(i)->pub->requests = 0;
	}
	return who;
}

static void test_physical(void **state)
{
	for (u32 i = 0; i < FAKE_VCPUS; i++) {
		send(i, 0x40);
		assert_int_equal(got(0x40), 1u << i);
	}
	send(FAKE_VCPUS, 0x40);
	assert_int_equal(got(0x40), 0);
	send(0xfe, 0x40);
	assert_int_equal(got(0x40), 0);
	send(0xff, 0x40);
	assert_int_equal(got(0x40), 0xf);
}

static void test_shorthands(void **state)
{
	send(3, SELF | 0x40);
	assert_int_equal(got(0x40), 2);
	send(3, ALL | 0x41);
	assert_int_equal(got(0x41), 0xf);
	send(3, OTHERS | 0x42);
	assert_int_equal(got(0x42), 0xd);
}

static void test_self_needs_nobody(void **state)
{
	send(0, SELF | 0x40);
	send(1, 0x41);
	assert_int_equal(fake.requests[1], 0);
	assert_int_equal(vlapic_pending(v), 0x41);
}

static void test_flat(void **state)
{
	for (u32 i = 0; i < FAKE_VCPUS; i++)
		vlapic_mmio_write(fake_vcpu(i), 0xd0, 0x10000000u << i);
	send(0x50, LOGICAL | 0x40);
	assert_int_equal(got(0x40), 5);
	send(0x0f, LOGICAL | 0x40);
	assert_int_equal(got(0x40), 0);
	send(0xff, LOGICAL | 0x40);
	assert_int_equal(got(0x40), 0xf);
}

static void test_cluster(void **state)
{
	static const u32 ldr[FAKE_VCPUS] = { 0x11000000, 0x12000000, 0x21000000, 0x22000000 };

	for (u32 i = 0; i < FAKE_VCPUS; i++) {
		vlapic_mmio_write(fake_vcpu(i), 0xe0, 0);
		vlapic_mmio_write(fake_vcpu(i), 0xd0, ldr[i]);
	}
	send(0x13, LOGICAL | 0x40);
	assert_int_equal(got(0x40), 3);
	send(0x22, LOGICAL | 0x40);
	assert_int_equal(got(0x40), 8);
	send(0xf1, LOGICAL | 0x40);
	assert_int_equal(got(0x40), 5);
}

static void test_lowest_priority_is_one(void **state)
{
	for (u32 n = 0; n < 8; n++) {
		send(0xff, MODE(DELIVER_LOWEST) | 0x40);
		assert_int_equal(__builtin_popcount(got(0x40)), 1);
	}
}

static void test_nmi_init_sipi(void **state)
{
	send(2, MODE(DELIVER_NMI));
	assert_int_equal(requested(REQ_NMI), 4);
	send(0, OTHERS | MODE(DELIVER_INIT) | LEVEL_ASSERT);
	assert_int_equal(requested(REQ_INIT), 0xd);
	send(0, ALL | MODE(DELIVER_INIT) | LEVEL_DEASSERT);	/* arbitration ids of old: nothing */
	assert_int_equal(requested(REQ_INIT), 0);
	send(3, MODE(DELIVER_INIT) | 0x4000);
	assert_int_equal(requested(REQ_INIT), 8);
	send(3, MODE(DELIVER_STARTUP) | 0x9a);
	assert_int_equal(REQ_SIPI_PAGE(fake_vcpu(3)->pub->requests), 0x9a);
	assert_int_equal(requested(REQ_SIPI), 8);
	send(1, MODE(DELIVER_INIT) | 0x4000);			/* itself, by its id */
	assert_int_equal(requested(REQ_INIT), 2);
	send(1, SELF | MODE(DELIVER_INIT) | 0x4000);		/* not with the shorthand */
	assert_int_equal(requested(REQ_INIT), 0);
}

static void test_nothing_for_other_modes(void **state)
{
	send(0xff, MODE(DELIVER_SMI));
	send(0xff, MODE(3) | 0x40);
	send(0xff, MODE(DELIVER_EXTINT) | 0x40);
	assert_int_equal(requested(~0u), 0);
	assert_int_equal(got(0x40), 0);
}

static void test_illegal_vector_is_an_error(void **state)
{
	send(0, 0x0f);
	send(0, MODE(DELIVER_LOWEST));
	assert_int_equal(requested(~0u), 0);
	vlapic_mmio_write(v, 0x280, 0);
	assert_int_equal(vlapic_mmio_read(v, 0x280), 0x20);
}

static void test_disabled_targets(void **state)
{
	vlapic_mmio_write(fake_vcpu(0), 0xf0, 0xff);
	assert_true(vlapic_msr_write(fake_vcpu(2), 0x1b, VLAPIC_ADDRESS));
	send(0xff, 0x40);
	assert_int_equal(got(0x40), 0xa);
	send(0, OTHERS | MODE(DELIVER_INIT) | LEVEL_ASSERT);
	assert_int_equal(requested(REQ_INIT), 9);	/* software disable does not keep INIT away */
}

static void test_x2apic(void **state)
{
	send_x2(2, 0x40);
	assert_int_equal(got(0x40), 4);
	send_x2(0xff, 0x40);			/* no broadcast: an id that nobody has */
	assert_int_equal(got(0x40), 0);
	send_x2(0xffffffff, 0x40);
	assert_int_equal(got(0x40), 0xf);
	send_x2(0x0000000a, LOGICAL | 0x40);
	assert_int_equal(got(0x40), 0xa);
	send_x2(0x0001000a, LOGICAL | 0x40);	/* another cluster */
	assert_int_equal(got(0x40), 0);
	send_x2(0xffffffff, LOGICAL | 0x40);
	assert_int_equal(got(0x40), 0xf);
	send_x2(0x80000002, 0x40);
	assert_int_equal(got(0x40), 0);
	assert_true(vlapic_msr_write(v, 0x83f, 0x41));
	assert_int_equal(got(0x41), 2);
	assert_true(vlapic_msr_write(v, 0x83f, 0x0f));
	vlapic_msr_write(v, 0x828, 0);
	assert_int_equal(v->lapic.esr, 0x40);
}

static void test_mixed_modes(void **state)
{
	assert_true(vlapic_msr_write(fake_vcpu(2), 0x1b, VLAPIC_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2));
	send(0xff, 0x40);
	assert_int_equal(got(0x40), 0xf);
	send(2, 0x40);
	assert_int_equal(got(0x40), 4);
}

/* I5: whatever is written, only vcpus of this guest are named: vcpu_request() asserts it, ASan watches the array. */
static void test_ipi_storm(void **state)
{
	for (u32 n = 0; n < 200000; n++) {
		if (n % 1000 == 0) {
			u64 mode = n / 1000 % 3 ? APIC_BASE_ENABLE : APIC_BASE_ENABLE | APIC_BASE_X2;

			if (!vlapic_msr_write(v, 0x1b, VLAPIC_ADDRESS | mode))
				vlapic_msr_write(v, 0x1b, VLAPIC_ADDRESS);
		}
		vlapic_mmio_write(v, 0x310, noise());
		vlapic_mmio_write(v, 0x300, noise());
		vlapic_msr_write(v, X2, (u64)(noise() & (n & 1 ? 0xf : ~0u)) << 32 | (noise() & 0xcdfff));
		vlapic_mmio_write(fake_vcpu(noise() % FAKE_VCPUS), 0xd0 + (noise() & 0x10), noise());
		vlapic_mmio_write(v, 0xf0, 0x1ff);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_physical, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_shorthands, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_self_needs_nobody, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_flat, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_cluster, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_lowest_priority_is_one, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_nmi_init_sipi, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_nothing_for_other_modes, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_illegal_vector_is_an_error, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_disabled_targets, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_x2apic, setup_x2, fake_teardown),
		cmocka_unit_test_setup_teardown(test_mixed_modes, setup, fake_teardown),
		cmocka_unit_test_setup_teardown(test_ipi_storm, setup, fake_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
