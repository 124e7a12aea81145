/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/lib/format.c hv/lib/string.c */
/* The machine's local APIC on its way to a guest and back. The test is the APIC: what the processor would answer with #GP ends
 * the test, and what SDM 3A "Spurious-Interrupt Vector Register" says of an APIC that is disabled by software is so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../hv/x86/core_arch.h"
#include "../../../../hv/x86/x86.h"
#include <hv/log.h>
#include <hv/paging.h>
#include <hv/time.h>

#define rdmsr fake_rdmsr
#define wrmsr fake_wrmsr
#define cpuid fake_cpuid
static u64 fake_rdmsr(u32 msr);
static void fake_wrmsr(u32 msr, u64 val);
static struct cpuid_regs fake_cpuid(u32 leaf, u32 sub);
#include "../../../../hv/x86/lapic.c"
#include "../../../../hv/x86/own_apic.c"

#define THERMAL_SMI 0x200u
#define IS(f) cmocka_unit_test_setup(f, setup)

struct core core_private;
struct core_public core_table[CORES_LIMIT];
struct timebase timebase = { .tsc_hz = 1000000000 };

static struct {
	u32 reg[0x40];			/* by MSR less 800H */
	u64 deadline;
	bool stray;			/* the table of stray vectors is in use */
	u32 taken[256];			/* interrupts that the host took, by vector */
	bool dead_timer;		/* no TSC deadline */
} apic;

static bool is_lvt(u32 reg)
{
	return reg >= 0x32 && reg <= 0x37;
}

static u64 fake_rdmsr(u32 msr)
{
	if (msr == MSR_APIC_BASE)
		return APIC_PHYSICAL | APIC_BASE_ENABLE | APIC_BASE_X2;
	if (msr == MSR_TSC_DEADLINE)
		return apic.deadline;
	assert_in_range(msr, 0x800, 0x83f);
	return apic.reg[msr - 0x800];
}

static u32 top(u32 first)
{
	for (u32 i = 256; i-- > 0; )
		if (apic.reg[first + i / 32] >> i % 32 & 1)
			return i;
	return 0;
}

static void set_lvt(u32 reg, u64 val)
{
	if (reg == 0x32)
		assert_true((val & 0x60000) != 0x60000 && !(apic.dead_timer && val & 0x40000) && !(val & ~0x710fful));
	apic.reg[reg] = (u32)val | (apic.reg[0x0f] & 0x100 ? 0 : LVT_MASKED);
}

static void fake_wrmsr(u32 msr, u64 val)
{
	u32 reg = msr - 0x800, vector;

	if (msr == MSR_APIC_BASE)
		return;
	if (msr == MSR_TSC_DEADLINE) {
		assert_false(apic.dead_timer);
		apic.deadline = apic.reg[0x32] & 0x40000 ? val : 0;
		return;
	}
	assert_true(reg < 0x40 && !(reg == 0x08 && val >> 8) && !(reg == 0x0f && val & ~0x1fful) && !(reg == 0x3e && val & ~0xbul));
	if (reg == 0x0b) {
		vector = top(0x10);
		apic.reg[0x10 + vector / 32] &= ~BIT32(vector % 32);
	} else if (reg == 0x3f) {
		apic.reg[0x20 + val / 32] |= BIT32(val % 32);
	} else if (is_lvt(reg)) {
		set_lvt(reg, val);
	} else {
		apic.reg[reg] = (u32)val;
	}
	for (u32 i = 0x32; reg == 0x0f && i <= 0x37; i++)
		set_lvt(i, apic.reg[i]);
}

static struct cpuid_regs fake_cpuid(u32 leaf, u32 sub)
{
	return (struct cpuid_regs){ .ecx = BIT32(21) | (apic.dead_timer ? 0 : BIT32(24)) };
}

void idt_load(void) { apic.stray = false; }
void idt_load_stray(void) { apic.stray = true; }
void idle_wait_closed(const u32 *doorbell) { }
void core_timer_set(u64 deadline) { core_private.timer_armed = deadline; }
void *mmio_map(hpa_t at, u64 size, enum cache cache) { return NULL; }
void log_write(enum log_level level, const char *fmt, ...) { }
u64 mul_div(u64 a, u64 num, u64 den) { return (u64)((unsigned __int128)a * num / den); }

/* The highest that waits comes, and its handler ends it. Those that look like exceptions must find the table for them. */
void core_take_interrupts(void)
{
	u32 vector = top(0x20);

	if (!vector || (vector & 0xf0) <= (apic.reg[0x08] & 0xf0) || (vector & 0xf0) <= (top(0x10) & 0xf0))
		return;
	assert_true(apic.stray || vector >= 32);
	apic.taken[vector]++;
	apic.reg[0x20 + vector / 32] &= ~BIT32(vector % 32);
}

static int setup(void **state)
{
	memset(&apic, 0, sizeof(apic));
	apic.reg[0x33] = THERMAL_SMI;
	apic.reg[0x0f] = 0x1ff;
	core_private.is_control = true;
	assert_int_equal(lapic_init(true), 0);
	lapic_enable();
	timer_hz = 100000000;
	return 0;
}

static const struct own_apic quiet = { .tpr = 0, .svr = 0x1ff, .lvt_timer = LVT_MASKED };

/* A core that comes out of its INIT: disabled, all entries masked. Firmware's thermal interrupt is for it, too. */
static void test_thermal_of_other_cores(void **state)
{
	core_private.is_control = false;
	memset(apic.reg, 0, sizeof(apic.reg));
	fake_wrmsr(0x80f, 0xff);
	assert_int_equal(apic.reg[0x33], LVT_MASKED);
	lapic_enable();
	assert_int_equal(apic.reg[0x33], THERMAL_SMI);
}

/* A guest disables its APIC and enables it again, or dies without. */
static void test_thermal_outlives_a_guest(void **state)
{
	struct own_apic off = quiet;

	assert_int_equal(apic.reg[0x33], THERMAL_SMI);
	off.svr = 0xff;
	own_apic_give(&off);
	own_apic_set_svr(0x1ff);
	assert_int_equal(apic.reg[0x33], THERMAL_SMI);
	own_apic_set_svr(0xff);
	own_apic_take();
	assert_int_equal(apic.reg[0x33], THERMAL_SMI);
	own_apic_give(&off);
	own_apic_take();
	own_apic_give(&quiet);
	assert_int_equal(apic.reg[0x33], THERMAL_SMI);
}

/* Whatever it leaves: vectors that wait or are served, a priority that lets none through, a timer, a deadline. */
static void test_nothing_is_left(void **state)
{
	for (u32 i = 0; i < 64; i++) {
		own_apic_give(&quiet);
		fake_wrmsr(0x832, i & 1 ? 0x40000 | 0x31 : 0x20031);
		fake_wrmsr(0x838, 1000);
		fake_wrmsr(0x83e, 3);
		fake_wrmsr(MSR_TSC_DEADLINE, 12345);
		fake_wrmsr(0x808, i * 4);
		for (u32 n = 0; n < 20; n++)
			own_apic_raise((u8)(16 + (i * 37 + n * 11) % 240));
		apic.reg[0x10 + i % 8] |= BIT32(i % 32) & (i % 8 ? ~0u : 0xffff0000u);
		own_apic_take();
		for (u32 r = 0x10; r < 0x28; r++)
			assert_int_equal(apic.reg[r], 0);
		assert_int_equal(apic.reg[0x08] | apic.reg[0x38], 0);
		assert_int_equal(apic.reg[0x32], LVT_MASKED);
		assert_int_equal(apic.reg[0x0f], 0x100 | VECTOR_SPURIOUS);
		assert_true(apic.reg[0x3e] == 0xb && !apic.stray && core_private.timer_armed == ~0ul);
	}
}

/* What a former guest's vcpu sent late. */
static void test_late_ones(void **state)
{
	apic.reg[0x20] = BIT32(18);	/* as a machine check looks */
	apic.reg[0x27] = BIT32(31);
	own_apic_drain();
	assert_int_equal(apic.taken[18], 1);
	assert_int_equal(apic.taken[255], 1);
	assert_int_equal(apic.reg[0x0f], 0x100 | VECTOR_SPURIOUS);
}

static void test_timer_goes_along(void **state)
{
	struct own_apic a = { .tpr = 0x20, .svr = 0x1f0, .lvt_timer = 0x20031, .divide = 3, .initial = 1000 };

	own_apic_give(&a);
	assert_true(apic.reg[0x08] == 0x20 && apic.reg[0x0f] == 0x1f0 && apic.reg[0x32] == 0x20031 && apic.reg[0x3e] == 3);
	assert_int_equal(apic.reg[0x38], 100);		/* of 100 MHz instead of 1 GHz */
	a.initial = 1;
	own_apic_give(&a);
	assert_int_equal(apic.reg[0x38], 1);
	a.lvt_timer = 0x40031;
	a.deadline = 777;
	own_apic_give(&a);
	assert_true(own_apic_deadline() == 777);
	own_apic_set_deadline(0);
	assert_true(own_apic_deadline() == 0);
}

static void test_without_deadline_mode(void **state)
{
	apic.dead_timer = true;
	lapic_init(true);
	own_apic_give(&quiet);
	assert_false(own_apic_has_deadline());
	own_apic_set_deadline(5);
	assert_true(own_apic_deadline() == 0);
	own_apic_take();
}

static void test_ends_the_highest(void **state)
{
	own_apic_give(&quiet);
	assert_int_equal(own_apic_eoi(), 0);
	apic.reg[0x12] = BIT32(1);
	apic.reg[0x15] = BIT32(31);
	assert_int_equal(own_apic_eoi(), 191);
	assert_int_equal(own_apic_eoi(), 65);
	assert_int_equal(own_apic_eoi(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IS(test_thermal_of_other_cores), IS(test_thermal_outlives_a_guest), IS(test_nothing_is_left), IS(test_late_ones),
		IS(test_timer_goes_along), IS(test_without_deadline_mode), IS(test_ends_the_highest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
