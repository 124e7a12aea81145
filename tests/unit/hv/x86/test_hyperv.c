/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/hyperv.c hv/x86/gmem.c hv/core/bus.c hv/x86/walk.c hv/lib/format.c tests/unit/hv/x86/x86_support.c */
/* Hyper-V's MSRs: refused without the plan's word, pages only in RAM, time by the page as by the MSR, crashes recorded. */
#include "x86_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include <hv/policy.h>
#include <hv/time.h>

#include "policy.h"

#define OS_ID 0x40000000u
#define HYPERCALL 0x40000001u
#define REFERENCE_TSC 0x40000021u

static struct cpuid_table table;

static int setup(void **state)
{
	world_reset();
	table = (struct cpuid_table){ .has_hyperv = true };
	w->g.cpuid = &table;
	w->v.lapic.base = APIC_BASE_ENABLE;
	timebase.tsc_hz = 2400000000ul;
	w->g.tsc_start = tsc_now();
	return 0;
}

static u64 get(u32 msr)
{
	u64 val = 0x5555;

	assert_true(hyperv_msr_read(&w->v, msr, &val));
	return val;
}

static bool set(u32 msr, u64 val)
{
	return hyperv_msr_write(&w->v, msr, val);
}

static const u32 all[] = { 0x40000000, 0x40000001, 0x40000002, 0x40000020, 0x40000021, 0x40000022, 0x40000023, 0x40000070,
	0x40000071, 0x40000072, 0x40000073, 0x40000100, 0x40000101, 0x40000102, 0x40000103, 0x40000104, 0x40000105 };

static void nothing_without_the_key(void **state)
{
	u64 val;

	table.has_hyperv = false;
	for (u32 i = 0; i < ARRAY_COUNT(all); i++)
		assert_false(hyperv_msr_read(&w->v, all[i], &val) || set(all[i], 0));
	hyperv_tsc_moved(&w->v);
	assert_false(w->g.hyperv.tsc_moved);
}

static void read_only_and_write_only(void **state)
{
	u64 val;

	w->v.index = 5;
	assert_int_equal(get(0x40000002), 5);
	assert_int_equal(get(0x40000022), 2400000000ul);
	assert_int_equal(get(0x40000023), VLAPIC_TIMER_HZ);
	assert_false(set(0x40000002, 1) || set(0x40000020, 1) || set(0x40000022, 1) || set(0x40000023, 1));
	assert_false(hyperv_msr_read(&w->v, 0x40000070, &val));
	assert_false(hyperv_msr_read(&w->v, 0x40000003, &val) || set(0x40000003, 1));
}

static void hypercall_page(void **state)
{
	memset(w->g.ram + 0x8000, 0xaa, 2 * PAGE_SIZE);
	assert_true(set(HYPERCALL, 0x8001));		/* nobody has told his name */
	assert_int_equal(get(HYPERCALL), 0x8000);
	assert_int_equal(w->g.ram[0x8000], 0xaa);
	assert_true(set(OS_ID, 0x8100000000000000));
	assert_false(set(HYPERCALL, RAM_LOW | 1));
	assert_false(set(HYPERCALL, ~0ul));
	assert_int_equal(get(HYPERCALL), 0x8000);
	assert_true(set(HYPERCALL, 0x8001));
	assert_memory_equal(w->g.ram + 0x8000, "\x0f\x01\xc1\xc3\xcc", 5);
	assert_int_equal(w->g.ram[0x8fff], 0xcc);
	assert_int_equal(w->g.ram[0x9000], 0xaa);
	table.amd = true;
	assert_true(set(HYPERCALL, (HIGH_BASE + 0x5000) | 3));
	assert_memory_equal(w->g.ram + HIGH_BASE + 0x5000, "\x0f\x01\xd9\xc3", 4);
	assert_true(set(HYPERCALL, 0xa001));		/* locked */
	assert_int_equal(get(HYPERCALL), (HIGH_BASE + 0x5000) | 3);
	assert_true(set(OS_ID, 0));
	assert_int_equal(get(HYPERCALL) & 1, 0);
}

static void hypercalls(void **state)
{
	w->v.gpr[RAX] = w->v.gpr[RDX] = ~0ul;
	w->v.exit.cpl = 0;
	assert_int_equal(hyperv_hypercall(&w->v), NEXT);
	assert_int_equal(w->v.gpr[RAX], 2);
	assert_int_equal(w->v.gpr[RDX], ~0ul);
	w->s.seg[SEG_CS].attr = 0xc09b;
	assert_int_equal(hyperv_hypercall(&w->v), NEXT);
	assert_int_equal(w->v.gpr[RDX], 0);
	w->v.exit.cpl = 3;
	assert_int_equal(hyperv_hypercall(&w->v), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_UD);
	w->v.exit.cpl = 0;
	w->s.cr0 = 0;
	assert_int_equal(hyperv_hypercall(&w->v), FAULT);
}

static u64 page_time(const u8 *page, u64 tsc)
{
	return (u64)((unsigned __int128)tsc * *(const u64 *)(page + 8) >> 64) + *(const u64 *)(page + 16);
}

static void reference_time(void **state)
{
	const u8 *page = w->g.ram + 0x8000;
	u64 tsc, msr;

	memset(w->g.ram + 0x8000, 0xff, PAGE_SIZE);
	assert_false(set(REFERENCE_TSC, (RAM_LOW - 0) | 1));
	assert_true(set(REFERENCE_TSC, 0x8000));		/* not enabled: untouched */
	assert_int_equal(page[0], 0xff);
	assert_true(set(REFERENCE_TSC, 0x8ffd));		/* reserved bits are kept */
	assert_int_equal(get(REFERENCE_TSC), 0x8ffd);
	assert_int_equal(*(const u32 *)page, 1);
	for (u32 i = 0; i < 100; i++) {
		u64 was = page_time(page, tsc_now() - w->g.tsc_start);

		msr = get(0x40000020);
		tsc = tsc_now() - w->g.tsc_start;
		assert_in_range(msr, was, page_time(page, tsc) + 1);
	}
	/* One day is 864,000,000,000 of 100 ns. */
	assert_in_range(page_time(page, 86400 * 2400000000ul), 863999999998, 864000000000);
	hyperv_tsc_moved(&w->v);
	assert_int_equal(*(const u32 *)page, 0);
	assert_true(set(REFERENCE_TSC, 0x9001));
	assert_int_equal(*(const u32 *)(w->g.ram + 0x9000), 0);
}

/* Too slow a counter makes no fraction. */
static void slow_counter(void **state)
{
	timebase.tsc_hz = 10000000;
	assert_true(set(REFERENCE_TSC, 0x8001));
	assert_int_equal(*(const u32 *)(w->g.ram + 0x8000), 0);
}

static void apic_by_msr(void **state)
{
	assert_true(set(0x40000070, 0));
	assert_int_equal(w->apic_reg, 0xb0);
	assert_true(set(0x40000071, 0x0300000000004041));
	assert_int_equal(w->apic_reg, 0x300);
	assert_int_equal(w->apic_val, 0x4041);
	assert_int_equal(get(0x40000071), 0x31000000300);
	assert_true(set(0x40000072, 0x20));
	assert_int_equal(w->apic_reg, 0x80);
	assert_false(set(0x40000072, BIT(32)));
	assert_int_equal(w->vlapic_calls, 6);
	w->v.lapic.base |= APIC_BASE_X2;
	w->apic_reg = 0;
	assert_true(set(0x40000070, 7) && set(0x40000071, 1));
	assert_int_equal(w->apic_reg, 0);
	assert_int_equal(get(0x40000071), 0x830);	/* what the fake says of an MSR: its number */
	assert_int_equal(get(0x40000072), 0x808);
	w->v.lapic.base = 0;
	assert_false(set(0x40000070, 0));
}

static void assist_page(void **state)
{
	memset(w->g.ram + 0x8000, 0xff, PAGE_SIZE);
	assert_false(set(0x40000073, RAM_LOW | 1));
	assert_true(set(0x40000073, 0x8001));
	assert_int_equal(get(0x40000073), 0x8001);
	assert_int_equal(w->g.ram[0x8000] | w->g.ram[0x8fff], 0);
	assert_ptr_equal(w->eoi_word, w->g.ram + 0x8000);
	assert_true(set(0x40000073, 0x8000));
	assert_null(w->eoi_word);
}

static void crash(void **state)
{
	assert_int_equal(get(0x40000105), BIT(63));
	for (u32 i = 0; i < 5; i++)
		assert_true(set(0x40000100 + i, 0x10 + i));
	assert_int_equal(get(0x40000104), 0x14);
	assert_true(set(0x40000105, BIT(62)));
	assert_int_equal(w->panics, 0);
	assert_true(set(0x40000105, BIT(63)));
	assert_int_equal(w->panics, 1);
	assert_string_equal(w->g.panic.reason, "0x10 0x11 0x12 0x13 0x14");
	w->g.panic.claimed = 1;				/* the first one stays */
	set(0x40000100, 0x99);
	set(0x40000105, BIT(63));
	assert_string_equal(w->g.panic.reason, "0x10 0x11 0x12 0x13 0x14");
}

static void crash_with_long_numbers(void **state)
{
	for (u32 i = 0; i < 5; i++)
		set(0x40000100 + i, ~0ul);
	set(0x40000105, BIT(63));
	assert_int_equal(strlen(w->g.panic.reason), 5 * 19 - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing_without_the_key, setup),
		cmocka_unit_test_setup(read_only_and_write_only, setup),
		cmocka_unit_test_setup(hypercall_page, setup),
		cmocka_unit_test_setup(hypercalls, setup),
		cmocka_unit_test_setup(reference_time, setup),
		cmocka_unit_test_setup(slow_counter, setup),
		cmocka_unit_test_setup(apic_by_msr, setup),
		cmocka_unit_test_setup(assist_page, setup),
		cmocka_unit_test_setup(crash, setup),
		cmocka_unit_test_setup(crash_with_long_numbers, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
