/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/svm/exit.c */
/* What SVM says about an exit, in the words that both vendors share. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../../hv/x86/svm/vmcb.h"

static struct vmcb b;
static struct vmexit x;

static void exit_with(u64 code, u64 info1, u64 info2)
{
	memset(&b, 0, sizeof(b));
	memset(&x, 0xa5, sizeof(x));
	b.exitcode = code;
	b.exitinfo1 = info1;
	b.exitinfo2 = info2;
	b.rip = 0x1000;
	b.rflags = 0x202;
	b.cpl = 3;
}

/* As svm_exited() does it. */
static void decode(u32 features)
{
	if (!vmcb_exit_head(&b, (features & SVM_NRIPS) ? 15 : 0, &x))
		vmcb_exit_detail(&b, features, &x);
}

static void common_fields(void **state)
{
	(void)state;
	exit_with(EXIT_MSR, 7, 8);
	decode(0);
	assert_int_equal(x.kind, VMEXIT_MSR);
	assert_int_equal(x.rip, 0x1000);
	assert_int_equal(x.rflags, 0x202);
	assert_int_equal(x.cpl, 3);
	assert_int_equal(x.shadow, 0);
	assert_int_equal(x.nmi_blocked, 0);
	assert_int_equal(x.event_queued, 0);
	assert_int_equal(x.reason, EXIT_MSR);
	assert_int_equal(x.qual1, 7);
	assert_int_equal(x.qual2, 8);
}

/* The head alone is enough for them. */
static void kinds_without_details(void **state)
{
	static const u64 code[] = { EXIT_CPUID, EXIT_HLT, EXIT_NMI, EXIT_VINTR, EXIT_TLBSYNC };

	(void)state;
	for (u32 i = 0; i < ARRAY_COUNT(code); i++) {
		exit_with(code[i], 7, 8);
		b.nrip = 0x1002;
		assert_true(vmcb_exit_head(&b, 15, &x));
		assert_int_equal(x.rip, 0x1000);
		assert_int_equal(x.rflags, 0x202);
		assert_int_equal(x.len, 2);
		assert_int_equal(x.flags, VMEXIT_FLAGS_NONE);
		assert_int_equal(x.reason, code[i]);
	}
}

/* Who looks at the CPL gets it. */
static void privilege_level(void **state)
{
	static const struct { u64 code; enum vmexit_kind kind; } c[] = {
		{ EXIT_VMMCALL, VMEXIT_HYPERCALL }, { EXIT_XSETBV, VMEXIT_XSETBV }, { EXIT_MSR, VMEXIT_MSR },
		{ EXIT_CR8_WRITE, VMEXIT_CR },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_COUNT(c); i++) {
		exit_with(c[i].code, 0, 0);
		b.nrip = 0x1003;
		decode(SVM_NRIPS);
		assert_int_equal(x.kind, c[i].kind);
		assert_int_equal(x.cpl, 3);
		assert_int_equal(x.len, 3);
	}
}

static void length_needs_nrips_and_sense(void **state)
{
	static const struct { u64 nrip; u32 features, len; } c[] = {
		{ 0x1002, SVM_NRIPS, 2 }, { 0x1002, 0, 0 }, { 0x1000, SVM_NRIPS, 0 }, { 0x100f, SVM_NRIPS, 15 },
		{ 0x1010, SVM_NRIPS, 0 }, { 0, SVM_NRIPS, 0 }, { 0xfff, SVM_NRIPS, 0 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_COUNT(c); i++) {
		exit_with(EXIT_CPUID, 0, 0);
		b.nrip = c[i].nrip;
		decode(c[i].features);
		assert_int_equal(x.len, c[i].len);
	}
}

static void kinds(void **state)
{
	static const struct { u64 code; enum vmexit_kind kind; } c[] = {
		{ EXIT_INTR, VMEXIT_EVENT }, { EXIT_NMI, VMEXIT_EVENT }, { EXIT_IRET, VMEXIT_EVENT },
		{ EXIT_VINTR, VMEXIT_WINDOW }, { EXIT_INIT, VMEXIT_SHUTDOWN }, { EXIT_SHUTDOWN, VMEXIT_TRIPLE_FAULT },
		{ EXIT_HLT, VMEXIT_HLT }, { EXIT_VMMCALL, VMEXIT_HYPERCALL }, { EXIT_VMRUN, VMEXIT_UNDEFINED },
		{ EXIT_SKINIT, VMEXIT_UNDEFINED }, { EXIT_RDPRU, VMEXIT_UNDEFINED }, { EXIT_TLBSYNC, VMEXIT_UNDEFINED },
		{ EXIT_RDPMC, VMEXIT_PRIVILEGED }, { EXIT_XSETBV, VMEXIT_XSETBV }, { EXIT_MONITOR, VMEXIT_MONITOR },
		{ EXIT_MWAIT_ARMED, VMEXIT_MONITOR }, { EXIT_TASK_SWITCH, VMEXIT_UNKNOWN },
		{ 0, VMEXIT_UNKNOWN }, { 0x5f, VMEXIT_UNKNOWN }, { 0xa5, VMEXIT_UNKNOWN }, { 0x3ff, VMEXIT_UNKNOWN },
		{ 0x401, VMEXIT_UNKNOWN }, { ~0ul - 2, VMEXIT_UNKNOWN }, { 0x100000072, VMEXIT_UNKNOWN },
		{ ~0ul, VMEXIT_ENTRY_FAILED }, { 0xffffffff, VMEXIT_ENTRY_FAILED },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_COUNT(c); i++) {
		exit_with(c[i].code, 0, 0);
		decode(SVM_NRIPS);
		assert_int_equal(x.kind, c[i].kind);
	}
	assert_non_null(x.failed.words);
}

static void ports(void **state)
{
	(void)state;
	/* OUT DX, AL to 3F8H: 8 bits, 64-bit addresses named */
	exit_with(EXIT_IOIO, 0x3f8ul << 16 | BIT(4) | BIT(9), 0x1001);
	decode(0);
	assert_int_equal(x.kind, VMEXIT_PIO);
	assert_int_equal(x.pio.port, 0x3f8);
	assert_int_equal(x.pio.size, 1);
	assert_false(x.pio.in);
	assert_false(x.pio.string);
	assert_int_equal(x.len, 1);

	/* REP OUTSD FS:[ESI], decode assists */
	exit_with(EXIT_IOIO, 0xfffful << 16 | IOIO_STRING | IOIO_REP | BIT(6) | BIT(8) | 4 << 10, 0x1003);
	decode(SVM_DECODE_ASSISTS);
	assert_int_equal(x.pio.port, 0xffff);
	assert_int_equal(x.pio.size, 4);
	assert_int_equal(x.pio.addr_size, 4);
	assert_int_equal(x.pio.seg, SEG_FS);
	assert_true(x.pio.string && x.pio.rep);
	assert_int_equal(x.len, 3);

	/* INSW, a segment number that does not exist, no sense in the next RIP */
	exit_with(EXIT_IOIO, 0x60ul << 16 | IOIO_IN | IOIO_STRING | BIT(5) | BIT(7) | 7 << 10, 0);
	decode(SVM_DECODE_ASSISTS);
	assert_true(x.pio.in && x.pio.string && !x.pio.rep);
	assert_int_equal(x.pio.size, 2);
	assert_int_equal(x.pio.addr_size, 2);
	assert_int_equal(x.pio.seg, 0xff);
	assert_int_equal(x.len, 0);
}

static void address_size_from_code_segment(void **state)
{
	(void)state;
	exit_with(EXIT_IOIO, IOIO_STRING | BIT(4), 0x1001);
	decode(0);
	assert_int_equal(x.pio.addr_size, 2);
	b.cs.attr = CS_ATTR_D;
	decode(0);
	assert_int_equal(x.pio.addr_size, 4);
	b.cs.attr = CS_ATTR_L;
	b.efer = EFER_LMA;
	decode(0);
	assert_int_equal(x.pio.addr_size, 8);
}

static void nested_faults(void **state)
{
	(void)state;
	exit_with(EXIT_NPF, BIT(32) | BIT(2) | NPF_WRITE, 0xfee00000);
	b.nrip = 0x1003;	/* means nothing here */
	decode(SVM_NRIPS);
	assert_int_equal(x.kind, VMEXIT_MMIO);
	assert_int_equal(x.mmio.gpa.v, 0xfee00000);
	assert_true(x.mmio.write && !x.mmio.fetch && !x.mmio.in_walk);
	assert_int_equal(x.len, 0);

	exit_with(EXIT_NPF, BIT(33) | NPF_FETCH, 0x123456789000);
	decode(0);
	assert_true(!x.mmio.write && x.mmio.fetch && x.mmio.in_walk);

	exit_with(EXIT_NPF, BIT(32) | NPF_RESERVED, 0x1000);
	decode(0);
	assert_int_equal(x.kind, VMEXIT_NESTED_BROKEN);
}

static void msr_cr_cache(void **state)
{
	(void)state;
	exit_with(EXIT_MSR, 0, 0);
	decode(0);
	assert_false(x.msr.write);
	exit_with(EXIT_MSR, 1, 0);
	decode(0);
	assert_true(x.msr.write);

	exit_with(EXIT_CR8_WRITE, BIT(63) | 11, 0);
	decode(SVM_DECODE_ASSISTS);
	assert_int_equal(x.kind, VMEXIT_CR);
	assert_int_equal(x.cr.nr, 8);
	assert_int_equal(x.cr.gpr, R11);
	assert_true(x.cr.write && !x.cr.lmsw && !x.cr.clts);
	exit_with(EXIT_CR8_READ, 0, 0);
	decode(0);
	assert_int_equal(x.cr.gpr, 0xff);
	assert_false(x.cr.write);
	exit_with(EXIT_CR4_WRITE, BIT(63) | 3, 0);
	decode(SVM_DECODE_ASSISTS);
	assert_int_equal(x.kind, VMEXIT_CR);
	assert_int_equal(x.cr.nr, 4);
	assert_int_equal(x.cr.gpr, RBX);
	assert_true(x.cr.write);

	exit_with(EXIT_INVD, 0, 0);
	decode(0);
	assert_int_equal(x.kind, VMEXIT_CACHE);
	assert_false(x.cache.wbinvd);
	exit_with(EXIT_WBINVD, 0, 0);
	decode(0);
	assert_true(x.cache.wbinvd);
}

static void exceptions(void **state)
{
	(void)state;
	exit_with(EXIT_EXCEPTION + VEC_AC, 0, 0);
	decode(0);
	assert_int_equal(x.kind, VMEXIT_EXCEPTION);
	assert_int_equal(x.exception.vector, VEC_AC);
	assert_true(x.exception.has_code);
	exit_with(EXIT_EXCEPTION + VEC_MC, 0x55, 0);
	decode(SVM_NRIPS);
	assert_int_equal(x.kind, VMEXIT_EXCEPTION);
	assert_int_equal(x.exception.vector, VEC_MC);
	assert_false(x.exception.has_code);
	exit_with(EXIT_EXCEPTION + VEC_DB, 0x55, 0);
	b.dr6 = 0xffff4ff1;
	decode(0);
	assert_int_equal(x.exception.vector, VEC_DB);
	assert_false(x.exception.has_code);
	assert_int_equal(x.exception.code, 0);
	assert_int_equal(x.exception.dr6, 0xffff4ff1);
}

static void double_fault_without_gate(void **state)
{
	static const struct { u64 cr0, efer; u32 limit; enum vmexit_kind kind; } c[] = {
		{ CR0_PE, EFER_LMA, 0, VMEXIT_TRIPLE_FAULT }, { CR0_PE, EFER_LMA, 142, VMEXIT_TRIPLE_FAULT },
		{ CR0_PE, EFER_LMA, 143, VMEXIT_EXCEPTION }, { CR0_PE, 0, 70, VMEXIT_TRIPLE_FAULT },
		{ CR0_PE, 0, 71, VMEXIT_EXCEPTION }, { 0, 0, 34, VMEXIT_TRIPLE_FAULT }, { 0, 0, 35, VMEXIT_EXCEPTION },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_COUNT(c); i++) {
		exit_with(EXIT_EXCEPTION + VEC_DF, 0, 0);
		b.cr0 = c[i].cr0;
		b.efer = c[i].efer;
		b.idtr.limit = c[i].limit;
		decode(0);
		assert_int_equal(x.kind, c[i].kind);
		if (c[i].kind == VMEXIT_EXCEPTION)
			assert_true(x.exception.has_code && x.exception.code == 0 && x.exception.vector == VEC_DF);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(common_fields),
		cmocka_unit_test(kinds_without_details),
		cmocka_unit_test(privilege_level),
		cmocka_unit_test(length_needs_nrips_and_sense),
		cmocka_unit_test(kinds),
		cmocka_unit_test(ports),
		cmocka_unit_test(address_size_from_code_segment),
		cmocka_unit_test(nested_faults),
		cmocka_unit_test(msr_cr_cache),
		cmocka_unit_test(exceptions),
		cmocka_unit_test(double_fault_without_gate),
	};

	return cmocka_run_group_tests_name("svm exit", tests, NULL, NULL);
}
