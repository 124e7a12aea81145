/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fake/fake_virt.c tests/fake/fake_core.c hv/lib/format.c hv/lib/string.c */
/* What a guest may load into CR0, CR4, CR8 and XCR0, and what it gets when it may not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake/fake_virt.h"

#include "../../../../hv/x86/x86.h"

/* The real one is not for a program of the build host. */
#define xsetbv(index, value) loaded_xcr(index, value)
static u64 loaded;
static u32 loads;

static void loaded_xcr(u32 index, u64 value)
{
	assert_int_equal(index, 0);
	loaded = value;
	loads++;
}

#include "../../../../hv/x86/exit_cpu.c"

#define CR0_ALL_KNOWN 0xe005003fUL
#define LONG (EFER_LME | EFER_LMA)

static struct guest *g;
static struct vcpu *v;
static u64 cr4_ok, xcr0_ok, cr8;
static u32 found_len, found_gpr, length_calls, cr8_writes, written_reg;

const char *vmexit_name(enum vmexit_kind kind)
{
	return "";
}

u64 policy_cr4_allowed(const struct vcpu *t)
{
	return cr4_ok;
}

u64 policy_xcr0_allowed(const struct vcpu *t)
{
	return xcr0_ok;
}

u64 vlapic_get_cr8(struct vcpu *t)
{
	return cr8;
}

void vlapic_set_cr8(struct vcpu *t, u64 val)
{
	cr8 = val;
	cr8_writes++;
}

void reg_write(struct vcpu *t, u32 reg, bool high, u32 size, u64 val)
{
	assert_false(high);
	assert_int_equal(size, 8);
	written_reg = reg;
	t->gpr[reg] = val;
}

u32 insn_length(struct vcpu *t)
{
	length_calls++;
	t->exit.cr.gpr = (u8)found_gpr;
	return found_len;
}

static int setup(void **state)
{
	g = fake_guest_new(1);
	v = &core_private.vcpu;
	fake.state.cr0 = CR0_PE | CR0_ET | CR0_NE | CR0_PG;
	fake.state.cr4 = CR4_PAE;
	fake.state.efer = LONG;
	fake.state.seg[SEG_CS].attr = 0xa09b;
	cr4_ok = CR4_PAE | CR4_PGE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_TSD;
	v->cr4_allowed = cr4_ok;
	xcr0_ok = 0x2e7;
	cr8 = 0;
	found_len = 3;
	found_gpr = RBX;
	length_calls = cr8_writes = loads = 0;
	return 0;
}

static int teardown(void **state)
{
	fake_guest_free(g);
	return 0;
}

static enum verdict mov_cr(u8 nr, bool write, u8 gpr)
{
	v->exit = (struct vmexit){ .kind = VMEXIT_CR, .rip = 0x1000, .len = 3, .cpl = 0,
		.cr = { .nr = nr, .gpr = gpr, .write = write } };
	return exit_cr(v);
}

static enum verdict write_cr(u8 nr, u64 val)
{
	v->gpr[RDX] = val;
	return mov_cr(nr, true, RDX);
}

/* Refused: #GP(0), and nothing changed. */
static void refused(u8 nr, u64 val)
{
	u64 cr0 = fake.state.cr0, cr4 = fake.state.cr4, efer = fake.state.efer;

	assert_int_equal(write_cr(nr, val), FAULT);
	assert_int_equal(v->fault.vector, VEC_GP);
	assert_true(v->fault.has_code);
	assert_int_equal(v->fault.code, 0);
	assert_true(fake.state.cr0 == cr0 && fake.state.cr4 == cr4 && fake.state.efer == efer);
}

static void taken(u8 nr, u64 val)
{
	assert_int_equal(write_cr(nr, val), NEXT);
}

/* 32-bit or long mode with paging off, long mode prepared or not. */
static void paging_off(u64 efer, u64 cr4, u32 cs_attr)
{
	fake.state.cr0 = CR0_PE | CR0_ET;
	fake.state.efer = efer;
	fake.state.cr4 = cr4;
	fake.state.seg[SEG_CS].attr = cs_attr;
}

/* CR0 */

static void test_cr0_bits_that_never_go_together(void **state)
{
	refused(0, CR0_PG);
	refused(0, CR0_PE | CR0_PG | CR0_NW);
	refused(0, CR0_PE | CR0_PG | BIT(32));
	refused(0, CR0_PE | CR0_PG | BIT(63));
	taken(0, CR0_PE | CR0_PG | CR0_NW | CR0_CD);
	taken(0, CR0_PE | CR0_PG | CR0_CD);
}

static void test_cr0_unknown_bits_are_dropped(void **state)
{
	taken(0, 0xffffffff);
	assert_true(fake.state.cr0 == CR0_ALL_KNOWN);
	taken(0, CR0_PE | CR0_PG);
	assert_true(fake.state.cr0 == (CR0_PE | CR0_PG | CR0_ET));
	assert_int_equal(fake.count[FAKE_FLUSH], 2);
}

static void test_long_mode_begins(void **state)
{
	paging_off(EFER_LME, CR4_PAE, 0xc09b);
	taken(0, CR0_PE | CR0_PG);
	assert_true(fake.state.efer == LONG);
}

static void test_long_mode_needs(void **state)
{
	paging_off(EFER_LME, 0, 0xc09b);
	refused(0, CR0_PE | CR0_PG);
	paging_off(EFER_LME, CR4_PAE, 0xa09b);	/* CS.L */
	refused(0, CR0_PE | CR0_PG);
	paging_off(0, 0, 0xc09b);
	taken(0, CR0_PE | CR0_PG);
	assert_true(fake.state.efer == 0);
}

static void test_long_mode_ends(void **state)
{
	refused(0, CR0_PE);			/* not from 64-bit code */
	fake.state.seg[SEG_CS].attr = 0xc09b;
	fake.state.cr4 = CR4_PAE | CR4_PCIDE;
	refused(0, CR0_PE);			/* not with PCIDs */
	fake.state.cr4 = CR4_PAE;
	taken(0, CR0_PE);
	assert_true(fake.state.efer == EFER_LME);
	assert_true(fake.state.cr0 == (CR0_PE | CR0_ET));
}

/* Writes that leave PG alone in long mode ask for nothing of that. */
static void test_cr0_in_long_mode(void **state)
{
	fake.state.cr4 = CR4_PAE | CR4_PCIDE;
	taken(0, CR0_PE | CR0_PG | CR0_TS | CR0_WP);
	assert_true(fake.state.efer == LONG);
	assert_true(fake.state.cr0 & CR0_TS);
}

/* CR4 */

static void test_cr4_by_policy(void **state)
{
	for (u32 bit = 0; bit < 64; bit++) {
		u64 val = CR4_PAE | BIT(bit);

		if (val & ~cr4_ok)
			refused(4, val);
		else
			taken(4, val);
	}
	assert_int_equal(fake.count[FAKE_FLUSH], fake.count[FAKE_SET_STATE]);
}

static void test_cr4_long_mode_keeps_pae(void **state)
{
	refused(4, CR4_PGE);
	fake.state.efer = EFER_LME;
	taken(4, CR4_PGE);
	assert_true(fake.state.cr4 == CR4_PGE);
}

static void test_cr4_pcids(void **state)
{
	fake.state.cr3 = 0x1001;
	refused(4, CR4_PAE | CR4_PCIDE);
	fake.state.cr3 = 0x1000;
	taken(4, CR4_PAE | CR4_PCIDE);
	fake.state.cr3 = 0x1fff;		/* they are on: CR3 may name one */
	taken(4, CR4_PAE | CR4_PCIDE | CR4_PGE);
	setup(state);
	fake.state.efer = 0;
	refused(4, CR4_PAE | CR4_PCIDE);
}

/* LMSW and CLTS */

static enum verdict lmsw(u16 val)
{
	v->exit = (struct vmexit){ .kind = VMEXIT_CR, .len = 3, .cr = { .gpr = 0xff, .lmsw = true,
		.lmsw_value = val } };
	return exit_cr(v);
}

static void test_lmsw(void **state)
{
	fake.state.cr0 = CR0_PE | CR0_ET | CR0_PG | CR0_WP | CR0_TS;
	assert_int_equal(lmsw(CR0_MP | CR0_EM), NEXT);
	/* PE stays; TS goes; what is above bit 3 stays. */
	assert_true(fake.state.cr0 == (CR0_PE | CR0_ET | CR0_PG | CR0_WP | CR0_MP | CR0_EM));
	assert_int_equal(lmsw(0xfff0), NEXT);
	assert_true(fake.state.cr0 == (CR0_PE | CR0_ET | CR0_PG | CR0_WP));
	fake.state.cr0 = CR0_ET;
	fake.state.efer = 0;
	assert_int_equal(lmsw(CR0_PE), NEXT);
	assert_true(fake.state.cr0 == (CR0_PE | CR0_ET));
	assert_int_equal(length_calls, 0);
}

static void test_clts(void **state)
{
	fake.state.cr0 |= CR0_TS | CR0_MP;
	v->exit = (struct vmexit){ .kind = VMEXIT_CR, .len = 2, .cr = { .gpr = 0xff, .clts = true } };
	assert_int_equal(exit_cr(v), NEXT);
	assert_true(fake.state.cr0 == (CR0_PE | CR0_ET | CR0_NE | CR0_PG | CR0_MP));
}

/* CR8 */

static void test_cr8(void **state)
{
	cr8 = 9;
	assert_int_equal(mov_cr(8, false, R12), NEXT);
	assert_int_equal(v->gpr[R12], 9);
	taken(8, 15);
	assert_int_equal(cr8, 15);
	assert_int_equal(write_cr(8, 16), FAULT);
	assert_int_equal(v->fault.vector, VEC_GP);
	assert_int_equal(write_cr(8, BIT(40)), FAULT);
	assert_int_equal(cr8_writes, 1);
}

/* RSP lives in the control structure: only reg_write() gets it there. */
static void test_cr8_into_rsp(void **state)
{
	cr8 = 7;
	assert_int_equal(mov_cr(8, false, RSP), NEXT);
	assert_int_equal(written_reg, RSP);
	assert_int_equal(v->gpr[RSP], 7);
}

/* Which register */

static void test_register_from_the_bytes(void **state)
{
	v->gpr[RBX] = CR0_PE | CR0_PG | CR0_TS;
	assert_int_equal(mov_cr(0, true, 0xff), NEXT);
	assert_int_equal(v->exit.len, 3);
	assert_true(fake.state.cr0 & CR0_TS);
	found_len = 0;
	assert_int_equal(mov_cr(0, true, 0xff), FAULT);
	assert_int_equal(v->fault.vector, VEC_UD);
	assert_int_equal(length_calls, 2);
	found_len = 3;
	found_gpr = GPR_COUNT;
	assert_int_equal(mov_cr(0, true, 0xff), KILL);
}

static void test_registers_that_never_exit(void **state)
{
	static const u8 nr[] = { 1, 2, 3, 5, 7, 9, 15 };

	for (u32 i = 0; i < ARRAY_COUNT(nr); i++) {
		assert_int_equal(write_cr(nr[i], 0), KILL);
		assert_int_equal(mov_cr(nr[i], false, RAX), KILL);
	}
	assert_int_equal(mov_cr(0, false, RAX), KILL);
	assert_int_equal(mov_cr(4, false, RAX), KILL);
	assert_int_equal(mov_cr(0, true, GPR_COUNT), KILL);
	assert_int_equal(fake.count[FAKE_SET_STATE], 0);
}

/* XCR0 */

static enum verdict set_xcr(u64 index, u64 val, u8 cpl)
{
	v->exit = (struct vmexit){ .kind = VMEXIT_XSETBV, .len = 3, .cpl = cpl };
	v->gpr[RAX] = 0xdead000000000000ul | (u32)val;	/* upper halves do not count */
	v->gpr[RDX] = 0xbeef000000000000ul | val >> 32;
	v->gpr[RCX] = 0xcafe000000000000ul | index;
	return exit_xsetbv(v);
}

static void test_xcr0(void **state)
{
	static const u64 good[] = { 0x1, 0x3, 0x7, 0xe7, 0x201, 0x207, 0x2e7 };
	static const u64 bad[] = { 0, 0x2, 0x6, 0x5, 0x23, 0x27, 0x67, 0xe3, 0xe1, 0xc7, 0xa7, 0x9, 0x11, 0x101,
		0x40001, 0x100000001, 0x8000000000000001 };

	for (u32 i = 0; i < ARRAY_COUNT(good); i++) {
		assert_int_equal(set_xcr(0, good[i], 0), NEXT);
		assert_true(loaded == good[i] && v->xcr0 == good[i]);
	}
	for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(set_xcr(0, bad[i], 0), FAULT);
		assert_int_equal(v->fault.vector, VEC_GP);
		assert_true(v->xcr0 == 0x2e7);
	}
	assert_int_equal(loads, ARRAY_COUNT(good));
}

static void test_xcr0_without_the_cpu(void **state)
{
	xcr0_ok = 3;
	assert_int_equal(set_xcr(0, 7, 0), FAULT);
	xcr0_ok = 0;
	assert_int_equal(set_xcr(0, 1, 0), FAULT);
	assert_int_equal(loads, 0);
}

static void test_xsetbv_is_for_the_kernel(void **state)
{
	for (u8 cpl = 1; cpl <= 3; cpl++)
		assert_int_equal(set_xcr(0, 3, cpl), FAULT);
	assert_int_equal(set_xcr(1, 3, 0), FAULT);
	assert_int_equal(set_xcr(0xffffffff, 3, 0), FAULT);
	assert_int_equal(loads, 0);
}

static void test_dr6(void **state)
{
	fake.state.dr6 = 0xffff0ff0;
	vcpu_set_dr6(v, ~0ul);		/* causes and nothing else */
	assert_true(fake.state.dr6 == (0xffff0ff0 | 0xe00f));
	fake.state.dr6 = 0xffff0ff1;
	vcpu_set_dr6(v, 0x4002);
	assert_true(fake.state.dr6 == 0xffff4ff3);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_cr0_bits_that_never_go_together), T(test_cr0_unknown_bits_are_dropped), T(test_long_mode_begins),
		T(test_long_mode_needs), T(test_long_mode_ends), T(test_cr0_in_long_mode), T(test_cr4_by_policy),
		T(test_cr4_long_mode_keeps_pae), T(test_cr4_pcids), T(test_lmsw), T(test_clts), T(test_cr8),
		T(test_cr8_into_rsp), T(test_register_from_the_bytes), T(test_registers_that_never_exit), T(test_xcr0),
		T(test_xcr0_without_the_cpu), T(test_xsetbv_is_for_the_kernel), T(test_dr6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
