/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/msr_policy.c hv/x86/pvclock.c hv/x86/pveoi.c hv/x86/hyperv.c hv/x86/gmem.c hv/core/bus.c hv/x86/walk.c hv/lib/format.c tests/unit/hv/x86/x86_support.c */
/* MSRs of guests: default deny over all numbers, and what those in the table do. */
#include "x86_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <hv/time.h>

#include "policy.h"

static struct cpuid_table table;
static u32 cleared;		/* the MSR that was set to 0 in the processor */

bool wrmsr_safe(u32 msr, u64 val)
{
	assert_int_equal(val, 0);
	cleared = msr;
	return true;
}

static int setup(void **state)
{
	world_reset();
	table = (struct cpuid_table){ .phys_mask = BIT(46) - 1, .efer_allowed = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE,
		.microcode = 0x1234 };
	w->g.cpuid = &table;
	policy_reset(&w->v);
	return 0;
}

/* The numbers that anybody may read or write: written out once more, so that a slip in the table is seen. */
static bool known(u32 msr)
{
	static const u32 single[] = { 0x10, 0x11, 0x12, 0x17, 0x1b, 0x2a, 0x3a, 0x3b, 0x48, 0x49, 0x79, 0x8b, 0xfe, 0x10a, 0x10b,
		0x174, 0x175, 0x176, 0x179, 0x17a, 0x1a0, 0x1d9, 0x250, 0x258, 0x259, 0x277, 0x2ff, 0x6e0, 0x4b564d00,
		0x4b564d01, 0x4b564d04, 0xc0000080, 0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, 0xc0000100, 0xc0000101, 0xc0000102,
		0xc0010010, 0xc0010015, 0xc001001f, 0xc0010020, 0xc0011029 };

	for (u32 i = 0; i < ARRAY_COUNT(single); i++)
		if (single[i] == msr)
			return true;
	return (msr >= 0x200 && msr < 0x210) || (msr >= 0x268 && msr < 0x270) || (msr >= 0x800 && msr < 0x900);
}

/* Every number below 64K and around each known one, and a stride through all 2^32. */
static void default_deny(void **state)
{
	u64 val;

	for (u64 msr = 0; msr <= 0xffffffff; msr += msr < 0x10000 || (msr & 0x3fffffff) < 0x30000 || (msr >= 0x4b564000 &&
	     msr < 0x4b565000) ? 1 : 251) {
		if (known((u32)msr))
			continue;
		if (msr_policy_read(&w->v, (u32)msr, &val) || msr_policy_write(&w->v, (u32)msr, 0))
			fail_msg("MSR %#lx is answered", msr);
	}
}

static void amd_ones_on_amd_only(void **state)
{
	u64 val;

	assert_false(msr_policy_read(&w->v, 0xc0010015, &val));
	assert_false(msr_policy_write(&w->v, 0xc0011029, 0));
	assert_true(msr_policy_read(&w->v, 0x1a0, &val));
	table.amd = true;
	assert_true(msr_policy_read(&w->v, 0xc0010015, &val));
	assert_int_equal(val, BIT(24));
	assert_true(msr_policy_read(&w->v, 0xc0011029, &val));
	assert_int_equal(val, 2);
	assert_true(msr_policy_read(&w->v, 0xc0010010, &val));
	assert_false(msr_policy_read(&w->v, 0x1a0, &val));
	assert_false(msr_policy_read(&w->v, 0xc0010114, &val));	/* VM_CR */
	assert_false(msr_policy_write(&w->v, 0xc0010117, 0));		/* VM_HSAVE_PA */
}

static enum verdict exit_of(u32 msr, bool write, u64 val)
{
	w->v.exit = (struct vmexit){ .kind = VMEXIT_MSR };
	w->v.exit.msr.write = write;
	w->v.gpr[RCX] = 0xabcd00000000ul | msr;
	w->v.gpr[RAX] = 0xffffffff00000000ul | (u32)val;
	w->v.gpr[RDX] = 0xffffffff00000000ul | val >> 32;
	return exit_msr(&w->v);
}

static void exits(void **state)
{
	assert_int_equal(exit_of(0x8b, false, 0), NEXT);
	assert_int_equal(w->v.gpr[RDX], 0x1234);
	assert_int_equal(w->v.gpr[RAX], 0);
	assert_int_equal(exit_of(0x8b, true, 99), NEXT);
	assert_int_equal(exit_of(0x123456, false, 0), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_GP);
	assert_true(w->v.fault.has_code && !w->v.fault.code);
	assert_int_equal(exit_of(0x179, true, 0), FAULT);
	assert_int_equal(w->v.msr_refused, 2);
	assert_int_equal(exit_of(0x80b, true, 0), NEXT);
	assert_int_equal(exit_of(0x6e0, true, 5), NEXT);
	assert_int_equal(w->vlapic_calls, 2);
	w->vlapic_ok = false;
	assert_int_equal(exit_of(0x8ff, true, 0), FAULT);
	assert_int_equal(exit_of(0x802, false, 0), FAULT);
	assert_int_equal(exit_of(0x1b, false, 0), FAULT);
	assert_int_equal(w->vlapic_calls, 5);
}

static void mtrrs_are_kept_and_checked(void **state)
{
	u64 val;

	assert_true(msr_policy_read(&w->v, 0xfe, &val));
	assert_int_equal(val, 0x508);
	assert_false(msr_policy_write(&w->v, 0xfe, val));
	for (u32 msr = 0x200; msr < 0x210; msr++) {
		u64 good = msr & 1 ? 0x3fff80000800 : 0x80000000 | (msr / 2 % 2 ? 6 : 0);

		assert_true(msr_policy_write(&w->v, msr, good));
		assert_true(msr_policy_read(&w->v, msr, &val));
		assert_int_equal(val, good);
		assert_false(msr_policy_write(&w->v, msr, BIT(46)));
		assert_false(msr_policy_write(&w->v, msr, msr & 1 ? BIT(10) : BIT(11)));
	}
	assert_false(msr_policy_write(&w->v, 0x200, 2));	/* types 2, 3, 7 do not exist */
	assert_false(msr_policy_write(&w->v, 0x2ff, 7));
	assert_false(msr_policy_write(&w->v, 0x2ff, BIT(12)));
	assert_true(msr_policy_write(&w->v, 0x2ff, 0xc06));
	assert_true(msr_policy_write(&w->v, 0x26f, 0x0605040100060504));
	assert_true(msr_policy_read(&w->v, 0x26f, &val));
	assert_int_equal(val, 0x0605040100060504);
	assert_false(msr_policy_write(&w->v, 0x250, 0x0600000000000002));
	assert_true(msr_policy_write(&w->v, 0x250, 1));
	assert_int_equal(w->v.mtrr_fix[0], 1);
	assert_int_equal(w->v.mtrr_fix[10], 0x0605040100060504);
}

static void efer_is_checked(void **state)
{
	u64 val;

	assert_true(msr_policy_read(&w->v, 0xc0000080, &val));
	assert_int_equal(val, EFER_LME | EFER_LMA | EFER_NXE);
	assert_false(msr_policy_write(&w->v, 0xc0000080, val | EFER_SVME));
	assert_false(msr_policy_write(&w->v, 0xc0000080, val | EFER_FFXSR));
	assert_false(msr_policy_write(&w->v, 0xc0000080, val | BIT(13)));
	assert_false(msr_policy_write(&w->v, 0xc0000080, val & ~EFER_LME));	/* paging is on */
	assert_true(msr_policy_write(&w->v, 0xc0000080, EFER_LME | EFER_SCE));
	assert_int_equal(w->s.efer, EFER_LME | EFER_LMA | EFER_SCE);		/* LMA is not the guest's */
	w->s.cr0 &= ~CR0_PG;
	w->s.efer = 0;
	assert_true(msr_policy_write(&w->v, 0xc0000080, EFER_LME | EFER_LMA));
	assert_int_equal(w->s.efer, EFER_LME);
}

static void state_msrs(void **state)
{
	u64 val;

	assert_true(msr_policy_write(&w->v, 0xc0000082, 0xffffffff81000000));
	assert_int_equal(w->s.lstar, 0xffffffff81000000);
	assert_false(msr_policy_write(&w->v, 0xc0000082, BIT(47)));
	assert_true(msr_policy_write(&w->v, 0xc0000101, 0x7fffffffffff));
	assert_int_equal(w->s.seg[SEG_GS].base, 0x7fffffffffff);
	assert_true(msr_policy_write(&w->v, 0x277, 0x0007040600070106));
	assert_int_equal(w->s.pat, 0x0007040600070106);
	assert_false(msr_policy_write(&w->v, 0x277, 0x0203));
	assert_false(msr_policy_write(&w->v, 0x277, 0x0800));
	assert_true(msr_policy_read(&w->v, 0x277, &val));
	assert_int_equal(val, 0x0007040600070106);
}

static void speculation_follows_cpuid(void **state)
{
	u64 val;

	assert_false(msr_policy_read(&w->v, 0x48, &val) || msr_policy_write(&w->v, 0x48, 1) || msr_policy_write(&w->v, 0x49, 1) ||
		msr_policy_write(&w->v, 0x10b, 1) || msr_policy_read(&w->v, 0x10a, &val));
	table.has_spec_ctrl = table.has_pred_cmd = table.has_flush_cmd = table.has_arch_capabilities = true;
	table.arch_capabilities = 0x2b;
	assert_true(msr_policy_write(&w->v, 0x48, 5) && msr_policy_read(&w->v, 0x48, &val));
	assert_int_equal(val, 5);
	assert_false(msr_policy_write(&w->v, 0x48, BIT(20)));
	assert_true(msr_policy_write(&w->v, 0x49, 1) && msr_policy_write(&w->v, 0x10b, 1));
	assert_false(msr_policy_write(&w->v, 0x49, 2) || msr_policy_read(&w->v, 0x49, &val));
	assert_true(msr_policy_read(&w->v, 0x10a, &val));
	assert_int_equal(val, 0x2b);
	assert_false(msr_policy_write(&w->v, 0x10a, 0));
	cleared = 0;
	policy_trap(&w->v);
	assert_int_equal(w->trap_calls, 3);
	assert_int_equal(cleared, MSR_SPEC_CTRL);	/* native: the processor holds what a former run wrote */
	table.has_spec_ctrl = false;
	cleared = 0;
	policy_trap(&w->v);
	assert_int_equal(cleared, 0);
}

static void tsc_and_adjust_move_together(void **state)
{
	u64 val, now;

	assert_true(msr_policy_write(&w->v, 0x10, 1000));
	assert_true(msr_policy_read(&w->v, 0x10, &val));
	assert_true(val >= 1000 && val < 1000 + 10000000000ul);
	assert_int_equal(w->v.tsc_offset, w->v.tsc_adjust);
	assert_int_equal(w->tsc_moves, 1);
	assert_true(msr_policy_write(&w->v, 0x3b, 0));
	assert_int_equal(w->v.tsc_offset, 0);
	now = tsc_now();
	assert_true(msr_policy_read(&w->v, 0x10, &val));
	assert_true(val >= now);
	assert_true(msr_policy_read(&w->v, 0x3b, &val));
	assert_int_equal(val, 0);
}

static u64 clock_ns(const u8 *p, u64 tsc)
{
	u64 stamp, base;
	u32 mul;

	memcpy(&stamp, p + 8, 8);
	memcpy(&base, p + 16, 8);
	memcpy(&mul, p + 24, 4);
	tsc -= stamp;
	tsc = (s8)p[28] < 0 ? tsc >> -(s8)p[28] : tsc << (s8)p[28];
	return base + (u64)((unsigned __int128)tsc * mul >> 32);
}

static void clock_runs_with_the_tsc(void **state)
{
	static const u64 rates[] = { 1000000000ul, 2400000000ul, 3399999999ul, 5000000000ul, 999999999ul, 25000000ul, 400000000ul };
	u8 *p = w->g.ram + 0x8000;
	u32 version = 0;

	w->g.tsc_start = 1000;
	w->v.tsc_offset = (u64)0 - 1000;
	for (u32 i = 0; i < ARRAY_COUNT(rates); i++) {
		u64 hour = 3600 * rates[i], ns;
		u32 now;

		timebase.tsc_hz = rates[i];
		assert_true(msr_policy_write(&w->v, i & 1 ? 0x12 : 0x4b564d01, 0x8000 | 1));
		memcpy(&now, p, 4);
		assert_true(!(now & 1) && now != version);
		version = now;
		assert_int_equal(p[29], 1);
		assert_int_equal(clock_ns(p, 0), 0);
		ns = clock_ns(p, hour);
		assert_true(ns > 3600 * NS_PER_S - 10000 && ns < 3600 * NS_PER_S + 10000);
	}
	/* The guest moves its TSC: time goes on where it was. */
	assert_true(msr_policy_write(&w->v, 0x3b, 50 * timebase.tsc_hz));
	assert_int_equal(clock_ns(p, 50 * timebase.tsc_hz), 0);
	timebase.tsc_hz = 2400000000ul;
}

static void clock_addresses_are_checked(void **state)
{
	u64 val;

	assert_false(msr_policy_write(&w->v, 0x4b564d01, RAM_LOW - 16 + 1));
	assert_false(msr_policy_write(&w->v, 0x4b564d01, ~0ul));
	assert_false(msr_policy_write(&w->v, 0x4b564d01, 0x8002 | 1));
	assert_true(msr_policy_write(&w->v, 0x4b564d01, RAM_LOW - 32 + 1));
	assert_true(msr_policy_read(&w->v, 0x4b564d01, &val));
	assert_int_equal(val, RAM_LOW - 32 + 1);
	assert_true(msr_policy_write(&w->v, 0x4b564d01, DEVICE_GPA));	/* off: any address */
	assert_false(msr_policy_write(&w->v, 0x4b564d00, RAM_LOW - 8));
	assert_false(msr_policy_write(&w->v, 0x4b564d00, 0x8001));
	timebase.wall_seconds = 1700000000;
	timebase.wall_tsc = 5000000000ul;
	w->g.tsc_start = timebase.wall_tsc + 10 * timebase.tsc_hz + timebase.tsc_hz / 2;
	assert_true(msr_policy_write(&w->v, 0x4b564d00, 0x8000));
	assert_memory_equal(w->g.ram + 0x8004, (&(u32[]){ 1700000010, 500000000 }), 8);
	w->g.tsc_start = timebase.wall_tsc - timebase.tsc_hz / 2;
	assert_true(msr_policy_write(&w->v, 0x11, 0x8000));
	assert_memory_equal(w->g.ram + 0x8004, (&(u32[]){ 1699999999, 500000000 }), 8);
	timebase.wall_seconds = timebase.wall_tsc = 0;
}

static void eoi_word_is_checked(void **state)
{
	u64 val;

	assert_false(msr_policy_write(&w->v, 0x4b564d04, RAM_LOW | 1));
	assert_false(msr_policy_write(&w->v, 0x4b564d04, 0x8003));
	assert_false(msr_policy_write(&w->v, 0x4b564d04, 0x8002));
	assert_null(w->eoi_word);
	assert_true(msr_policy_write(&w->v, 0x4b564d04, (RAM_LOW - 4) | 1));
	assert_ptr_equal(w->eoi_word, w->g.ram + RAM_LOW - 4);
	assert_true(msr_policy_read(&w->v, 0x4b564d04, &val) && val == ((RAM_LOW - 4) | 1));
	assert_true(msr_policy_write(&w->v, 0x4b564d04, RAM_LOW));
	assert_null(w->eoi_word);
}

static void stock_kernel_habits(void **state)
{
	u64 val;

	assert_true(msr_policy_read(&w->v, 0x17, &val) && val == 0);
	assert_true(msr_policy_read(&w->v, 0x179, &val) && val == 0);
	assert_true(msr_policy_read(&w->v, 0x3a, &val) && val == 1);
	assert_false(msr_policy_write(&w->v, 0x3a, 5));
	assert_true(msr_policy_write(&w->v, 0x1a0, ~0ul));
	assert_true(msr_policy_read(&w->v, 0x1a0, &val));
	assert_int_equal(val, 1 | BIT(11) | BIT(12));
	assert_true(msr_policy_write(&w->v, 0x17a, 0) && !msr_policy_write(&w->v, 0x17a, 1));
	assert_true(msr_policy_write(&w->v, 0x1d9, 2) && !msr_policy_write(&w->v, 0x1d9, BIT(7)));
	assert_true(msr_policy_read(&w->v, 0x2ff, &val));
	assert_int_equal(val, 0xc06);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(default_deny, setup),
		cmocka_unit_test_setup(amd_ones_on_amd_only, setup),
		cmocka_unit_test_setup(exits, setup),
		cmocka_unit_test_setup(mtrrs_are_kept_and_checked, setup),
		cmocka_unit_test_setup(efer_is_checked, setup),
		cmocka_unit_test_setup(state_msrs, setup),
		cmocka_unit_test_setup(speculation_follows_cpuid, setup),
		cmocka_unit_test_setup(tsc_and_adjust_move_together, setup),
		cmocka_unit_test_setup(clock_runs_with_the_tsc, setup),
		cmocka_unit_test_setup(clock_addresses_are_checked, setup),
		cmocka_unit_test_setup(eoi_word_is_checked, setup),
		cmocka_unit_test_setup(stock_kernel_habits, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
