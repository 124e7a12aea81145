/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/cpuid_policy.c hv/x86/cpuid_hyperv.c hv/x86/cpuid_exit.c hv/x86/gmem.c hv/core/bus.c hv/x86/walk.c tests/unit/hv/x86/x86_support.c */
/* What guests learn by CPUID, on invented machines: everything on, everything off, random, Intel and AMD, and this one. */
#include "x86_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include "policy.h"

bool rdmsr_safe(u32 msr, u64 *val)
{
	*val = 0;
	return false;
}

bool wrmsr_safe(u32 msr, u64 val)
{
	return false;
}

static struct cpuid_table table;
static bool host_amd;
static u32 host_fill;		/* 0: random */
static u32 host_xcr0;
static u64 guest_xcr0;

u64 xcr0_read(void)
{
	return guest_xcr0;
}

static u64 host_seed;

static u32 host_bits(u32 leaf, u32 sub, u32 reg)
{
	u64 x = (host_seed + leaf * 31 + sub * 7 + reg + 1) * 0x9e3779b97f4a7c15ul;

	return host_fill ? host_fill : (u32)(x ^ x >> 32);
}

static struct cpuid_regs host_xsave(u32 sub)
{
	static const u16 size[] = { [2] = 256, [5] = 64, [6] = 512, [7] = 1024, [9] = 8 };
	static const u16 offset[] = { [2] = 576, [5] = 1088, [6] = 1152, [7] = 1664, [9] = 2688 };

	if (sub == 0)
		return (struct cpuid_regs){ host_xcr0, 2696, 2696, 0 };
	if (sub == 1)
		return (struct cpuid_regs){ ~0u, 0, ~0u, ~0u };
	if (sub < ARRAY_COUNT(size) && size[sub])
		return (struct cpuid_regs){ size[sub], offset[sub], sub == 6 ? 2 : 0, 0 };
	return (struct cpuid_regs){ 0 };
}

static struct cpuid_regs host_cpuid(u32 leaf, u32 sub)
{
	static const u32 cache_type[] = { 0x21, 0x22, 0x43, 0x63 };

	if (leaf == 0 && host_amd)
		return (struct cpuid_regs){ 0x10, 0x68747541, 0x444d4163, 0x69746e65 };
	if (leaf == 0)
		return (struct cpuid_regs){ 0x20, 0x756e6547, 0x6c65746e, 0x49656e69 };
	if (leaf == 0x80000000)
		return (struct cpuid_regs){ host_amd ? 0x80000028 : 0x80000008, 0, 0, 0 };
	if (leaf == 0x80000008)
		return (struct cpuid_regs){ 57 << 8 | 46, host_bits(leaf, sub, 1), ~0u, ~0u };
	if (leaf == 0x0d)
		return host_xsave(sub);
	if (leaf == (host_amd ? 0x8000001d : 4))
		return (struct cpuid_regs){ sub < 4 ? cache_type[sub] | 0xffffc000u : 0, 0x1c0003f, 63, 0 };
	return (struct cpuid_regs){ host_bits(leaf, sub, 0), host_bits(leaf, sub, 1), host_bits(leaf, sub, 2),
		host_bits(leaf, sub, 3) };
}

static void build(bool amd, u32 fill, u32 xcr0, u32 vcpus)
{
	struct cpuid_host h = { .cpuid = host_cpuid, .arch_capabilities = ~0ul, .microcode = 7, .tsc_hz = 2400000000ul };

	host_amd = amd;
	host_fill = fill;
	host_xcr0 = xcr0;
	cpuid_table_build(&table, &h, vcpus);
	w->g.cpuid = &table;
	w->g.vcpu_count = vcpus;
	guest_xcr0 = 1;
	w->s.cr4 = CR4_PAE;
}

static struct cpuid_regs ask(u32 leaf, u32 sub)
{
	w->v.gpr[RAX] = 0xdead00000000ul | leaf;
	w->v.gpr[RCX] = 0xbeef00000000ul | sub;
	w->v.gpr[RBX] = w->v.gpr[RDX] = ~0ul;
	assert_int_equal(exit_cpuid(&w->v), NEXT);
	assert_int_equal((w->v.gpr[RAX] | w->v.gpr[RBX] | w->v.gpr[RCX] | w->v.gpr[RDX]) >> 32, 0);
	return (struct cpuid_regs){ (u32)w->v.gpr[RAX], (u32)w->v.gpr[RBX], (u32)w->v.gpr[RCX], (u32)w->v.gpr[RDX] };
}

static int setup(void **state)
{
	world_reset();
	host_seed = 1;
	return 0;
}

/* Bits that no guest may ever see, whatever the machine says. */
static void check_hidden(void)
{
	struct cpuid_regs r = ask(1, 0);

	assert_int_equal(r.ecx & (BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(10) | BIT(11) | BIT(14) |
		BIT(15) | BIT(18)), 0);
	assert_int_equal(r.edx & (BIT(18) | BIT(21) | BIT(22) | BIT(29) | BIT(31)), 0);
	r = ask(7, 0);
	assert_int_equal(r.ebx & (BIT(2) | BIT(4) | BIT(11) | BIT(12) | BIT(14) | BIT(15) | BIT(22) | BIT(25)), 0);
	assert_int_equal(r.ecx & (BIT(5) | BIT(7) | BIT(13) | BIT(16) | BIT(23) | BIT(24) | BIT(29) | BIT(30) | BIT(31)), 0);
	assert_int_equal(r.edx & (BIT(5) | BIT(9) | BIT(11) | BIT(13) | BIT(15) | BIT(18) | BIT(19) | BIT(20) | BIT(22) |
		BIT(24) | BIT(25) | BIT(30)), 0);
	for (u32 leaf = 8; leaf < 0x20; leaf++)
		for (u32 sub = 0; sub < 3; sub++) {
			if (leaf == 0x0b || leaf == 0x0d || leaf == 0x15 || leaf == 0x16)
				continue;
			r = ask(leaf, sub);
			assert_int_equal(r.eax | r.ebx | r.ecx | r.edx, 0);
		}
	r = ask(6, 0);
	assert_int_equal(r.eax, 4);
	assert_int_equal(r.ebx | r.ecx | r.edx, 0);
	r = ask(0x80000001, 0);
	assert_int_equal(r.ecx & (BIT(2) | BIT(3) | BIT(9) | BIT(10) | BIT(12) | BIT(13) | BIT(15) | BIT(17) | BIT(23) | BIT(24) |
		BIT(26) | BIT(27) | BIT(28) | BIT(29)), 0);
	for (u32 leaf = 0x8000000a; leaf < 0x80000030; leaf++) {
		if (leaf == 0x80000019 || leaf == 0x8000001a || leaf == 0x8000001d || leaf == 0x8000001e || leaf == 0x80000021)
			continue;
		r = ask(leaf, 0);
		assert_int_equal(r.eax | r.ebx | r.ecx | r.edx, 0);
	}
}

/* What every guest has. */
static void check_always(void)
{
	struct cpuid_regs r = ask(1, 0);

	assert_int_equal(r.ecx & (BIT(21) | BIT(24) | BIT(31)), BIT(21) | BIT(24) | BIT(31));
	assert_int_equal(r.edx & (BIT(7) | BIT(9) | BIT(12) | BIT(14)), BIT(7) | BIT(9) | BIT(12) | BIT(14));
	assert_true(ask(7, 0).ebx & BIT(1));
	r = ask(0x40000000, 0);
	assert_int_equal(r.eax, 0x40000010);
	assert_memory_equal(&r.ebx, "KVMKVMKVM\0\0\0", 12);
	r = ask(0x40000001, 0);
	assert_int_equal(r.eax, BIT(1) | BIT(3) | BIT(6) | BIT(15) | BIT(24));
	assert_int_equal(ask(0x40000010, 0).eax, 2400000);
	assert_int_equal(ask(0x40000010, 0).ebx, 1000000);
	r = ask(0x80000008, 0);
	assert_int_equal(r.eax, 48 << 8 | 46);
}

/* A feature never comes without the state and the control bits that it needs. */
static void check_consistent(void)
{
	struct cpuid_regs one = ask(1, 0), seven = ask(7, 0), d = ask(0x0d, 0);
	u64 xcr0 = policy_xcr0_allowed(&w->v);

	assert_int_equal(xcr0 & ~0x2e7ul, 0);
	assert_int_equal(!!(one.ecx & BIT(26)), !!xcr0);
	assert_int_equal(d.eax, xcr0);
	assert_int_equal(!!(policy_cr4_allowed(&w->v) & CR4_OSXSAVE), !!xcr0);
	if (!(xcr0 & 4))
		assert_int_equal((one.ecx & (BIT(28) | BIT(12))) | (seven.ebx & BIT(5)), 0);
	if ((xcr0 & 0xe0) != 0xe0)
		assert_int_equal((seven.ebx & BIT(16)) | (xcr0 & 0xe0), 0);
	assert_int_equal(!!(xcr0 & BIT(9)), !!(seven.ecx & BIT(3)));
	assert_int_equal(!!(policy_cr4_allowed(&w->v) & CR4_PKE), !!(seven.ecx & BIT(3)));
	assert_int_equal(policy_cr4_allowed(&w->v) & (CR4_VMXE | CR4_SMXE | CR4_LA57 | CR4_CET), 0);
	assert_int_equal(policy_cr4_allowed(&w->v) >> 24, 0);
}

static void policy_holds_on_any_machine(void **state)
{
	static const u32 xcr0s[] = { 0, 1, 3, 7, 0xe7, 0x2e7, 0x67, ~0u };

	for (u32 n = 0; n < 400; n++) {
		host_seed = n;
		build(n & 1, n < 4 ? ~0u : 0, xcr0s[rnd() % 8], 1 + (u32)(rnd() % 64));
		check_hidden();
		check_always();
		check_consistent();
	}
}

static void nothing_is_invented(void **state)
{
	for (u32 amd = 0; amd < 2; amd++) {
		struct cpuid_regs r;

		build(amd, BIT32(19), 0, 1);	/* a machine with next to nothing */
		r = ask(7, 0);
		assert_int_equal(r.ebx, BIT(1) | BIT(19));
		assert_int_equal(r.ecx | r.edx, 0);
		r = ask(1, 0);
		assert_int_equal(r.ecx & ~(BIT(21) | BIT(24) | BIT(31) | BIT(19)), 0);
		r = ask(0x0d, 0);
		assert_int_equal(r.eax | r.ebx | r.ecx | r.edx, 0);
	}
}

static void topology_is_one_package(void **state)
{
	for (u32 vcpus = 1; vcpus <= 64; vcpus++) {
		struct cpuid_regs r;
		u32 bits;

		build(false, ~0u, 7, vcpus);
		w->v.index = vcpus - 1;
		r = ask(1, 0);
		assert_int_equal(r.ebx >> 24, vcpus - 1);
		assert_int_equal(r.ebx >> 16 & 0xff, vcpus);
		assert_int_equal(!!(r.edx & BIT(28)), vcpus > 1);
		r = ask(0x0b, 0);
		assert_int_equal(r.eax, 0);
		assert_int_equal(r.ebx, 1);
		assert_int_equal(r.ecx, 0x100);
		assert_int_equal(r.edx, vcpus - 1);
		r = ask(0x0b, 1);
		bits = r.eax;
		assert_true(1u << bits >= vcpus && (bits == 0 || 1u << (bits - 1) < vcpus));
		assert_int_equal(r.ebx, vcpus);
		assert_int_equal(r.ecx, 0x201);
		r = ask(0x0b, 2);
		assert_int_equal(r.eax | r.ebx, 0);
		assert_int_equal(r.ecx, 2);
		r = ask(4, 0);
		assert_int_equal(r.eax >> 14 & 0xfff, 0);
		assert_int_equal(r.eax >> 26, MIN((1u << bits) - 1, 63u));
		r = ask(4, 3);
		assert_int_equal(r.eax >> 14 & 0xfff, (1u << bits) - 1);
		assert_int_equal(ask(4, 4).eax, 0);

		build(true, ~0u, 7, vcpus);
		r = ask(0x8000001e, 0);
		assert_int_equal(r.eax, vcpus - 1);
		assert_int_equal(r.ebx, vcpus - 1);
		assert_int_equal(r.ecx, 0);
		assert_int_equal(ask(0x80000008, 0).ecx & 0xff, vcpus - 1);
		assert_int_equal(ask(0x8000001d, 3).eax >> 14, vcpus - 1);
		assert_int_equal(!!(ask(0x80000001, 0).ecx & BIT(1)), vcpus > 1);
		assert_int_equal(ask(0, 0).eax, 0x0d);
	}
}

static void dynamic_bits_follow_the_vcpu(void **state)
{
	build(false, ~0u, 0x2e7, 2);
	assert_false(ask(1, 0).ecx & BIT(27));
	assert_false(ask(7, 0).ecx & BIT(4));
	w->s.cr4 |= CR4_OSXSAVE | CR4_PKE;
	assert_true(ask(1, 0).ecx & BIT(27));
	assert_true(ask(7, 0).ecx & BIT(4));
	assert_int_equal(ask(0x0d, 0).ebx, 576);
	assert_int_equal(ask(0x0d, 0).ecx, 2696);
	guest_xcr0 = 7;
	assert_int_equal(ask(0x0d, 0).ebx, 832);
	assert_int_equal(ask(0x0d, 1).ebx, 832);
	guest_xcr0 = 0x2e7;
	assert_int_equal(ask(0x0d, 0).ebx, 2696);
	assert_int_equal(ask(0x0d, 1).eax, 7);
	/* 576 + 256 + 64 = 896, aligned already; + 512 + 1024 + 8 */
	assert_int_equal(ask(0x0d, 1).ebx, 2440);
	assert_int_equal(ask(0x0d, 6).ecx, 2);
	assert_int_equal(ask(0x0d, 3).eax | ask(0x0d, 8).eax | ask(0x0d, 10).eax | ask(0x0d, ~0u).eax, 0);
}

static void every_leaf_is_answered(void **state)
{
	static const u32 starts[] = { 0, 0x3ffffff0, 0x40000000, 0x40000100, 0x7ffffff0, 0x80000000, 0x80860000, 0xc0000000,
		0xffffffe0 };

	build(true, ~0u, 7, 3);
	for (u32 i = 0; i < ARRAY_COUNT(starts); i++)
		for (u32 n = 0; n < 64; n++) {
			u32 leaf = starts[i] + n;
			struct cpuid_regs r = ask(leaf, (u32)rnd());

			if ((leaf >= 0x20 && leaf < 0x40000000) || (leaf > 0x40000010 && leaf < 0x80000000) || leaf > 0x80000021)
				assert_int_equal(r.eax | r.ebx | r.ecx | r.edx, 0);
		}
}

static void frequencies_agree(void **state)
{
	static const u64 rates[] = { 1000000000ul, 2399999000ul, 2400000000ul, 3300123456ul, 5700000000ul, 100000000ul, 33333333ul,
		999999999ul, 400000000ul };
	struct cpuid_regs r;

	for (u32 i = 0; i < ARRAY_COUNT(rates); i++) {
		u32 p, q;
		double real = (double)rates[i], told;

		tsc_ratio(rates[i], &p, &q);
		assert_true(q > 0 && (u64)p * 1000000 <= 0xffffffff);
		told = 1e9 * p / q;
		assert_true(told > real * 0.999999 && told < real * 1.000001);
	}
	build(false, ~0u, 7, 1);
	r = ask(0x15, 0);
	assert_int_equal(r.ecx, 1000000000);
	assert_int_equal((u64)r.ecx * r.ebx / r.eax, 2400000000ul);
	assert_int_equal(ask(0x16, 0).eax, 2400);
	assert_int_equal(ask(0, 0).eax, 0x16);
}

static void arch_capabilities_are_cut(void **state)
{
	build(false, ~0u, 7, 1);
	assert_true(table.has_arch_capabilities && table.has_spec_ctrl && table.has_pred_cmd && table.has_flush_cmd);
	assert_int_equal(table.arch_capabilities & (BIT(7) | BIT(10) | BIT(11) | BIT(12) | BIT(18) | BIT(21) | BIT(23)), 0);
	assert_int_equal(table.phys_mask, BIT(46) - 1);
	build(false, BIT32(19), 7, 1);
	assert_false(table.has_arch_capabilities || table.has_spec_ctrl || table.has_pred_cmd || table.has_flush_cmd);
}

static void this_machine(void **state)
{
	const struct cpuid_table *t = policy_build_cpuid(&w->g);
	struct cpuid_regs host = cpuid(1, 0), r;

	w->g.cpuid = t;
	w->s.cr4 = CR4_PAE;
	r = ask(1, 0);
	assert_int_equal(r.eax, host.eax);
	assert_int_equal(r.ecx & ~(host.ecx | BIT32(21) | BIT32(24) | BIT32(31)), 0);
	check_hidden();
	check_consistent();
}

static void hyperv_in_front_of_kvm(void **state)
{
	struct cpuid_regs r;

	build(true, ~0u, 7, 3);
	r = ask(0x40000000, 0);
	assert_memory_equal(&r.ebx, "KVMKVMKVM\0\0\0", 12);
	assert_int_equal(ask(0x40000100, 0).eax, 0);
	cpuid_hyperv_set(&table);
	r = ask(0x40000000, 0);
	assert_int_equal(r.eax, 0x40000005);
	assert_memory_equal(&r.ebx, "Microsoft Hv", 12);
	r = ask(0x40000001, 0);
	assert_memory_equal(&r.eax, "Hv#1", 4);
	r = ask(0x40000003, 0);
	assert_int_equal(r.eax, 0xa72);
	assert_int_equal(r.edx, 0x500);
	assert_int_equal(ask(0x40000005, 0).eax, 3);
	assert_int_equal(ask(0x40000006, 0).eax | ask(0x40000010, 0).eax, 0);
	r = ask(0x40000100, 0);
	assert_int_equal(r.eax, 0x40000110);
	assert_memory_equal(&r.ebx, "KVMKVMKVM\0\0\0", 12);
	assert_int_equal(ask(0x40000110, 0).eax, 2400000);
	assert_int_equal(ask(0x40000111, 0).eax, 0);
}

static void plan_chooses_hyperv(void **state)
{
	static struct plan_guest chosen = { .hyperv = true };

	assert_false(policy_build_cpuid(&w->g)->has_hyperv);
	w->g.plan = &chosen;
	assert_true(policy_build_cpuid(&w->g)->has_hyperv);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(policy_holds_on_any_machine, setup),
		cmocka_unit_test_setup(nothing_is_invented, setup),
		cmocka_unit_test_setup(topology_is_one_package, setup),
		cmocka_unit_test_setup(dynamic_bits_follow_the_vcpu, setup),
		cmocka_unit_test_setup(every_leaf_is_answered, setup),
		cmocka_unit_test_setup(frequencies_agree, setup),
		cmocka_unit_test_setup(arch_capabilities_are_cut, setup),
		cmocka_unit_test_setup(this_machine, setup),
		cmocka_unit_test_setup(hyperv_in_front_of_kvm, setup),
		cmocka_unit_test_setup(plan_chooses_hyperv, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
