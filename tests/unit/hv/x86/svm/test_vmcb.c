/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/svm/vmcb.c hv/x86/svm/check.c hv/lib/format.c hv/lib/string.c */
/* State in and out of the VMCB, the state after reset, and which check of VMRUN fails. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../../hv/x86/svm/vmcb.h"

static struct vmcb b;

static void *setup_valid(void)
{
	memset(&b, 0, sizeof(b));
	vmcb_reset_state(&b);
	b.asid = 1;
	b.intercept2 = INTERCEPT2_VMRUN;
	b.np_enable = 1;
	b.n_cr3 = 0x200000;
	return &b;
}

static void segments(void **state)
{
	struct segment code = { .sel = 8, .attr = 0xa09b, .limit = 0xffffffff, .base = 0x123456789 };
	struct segment null = { .sel = 0, .attr = 0x1c093, .limit = 0, .base = 0 };
	struct vmcb_segment v = vmcb_segment_set(&code), n = vmcb_segment_set(&null);
	struct segment back = vmcb_segment_get(&v, SEG_CS);

	(void)state;
	assert_int_equal(v.attr, 0xa9b);
	assert_int_equal(back.sel, 8);
	assert_int_equal(back.attr, 0xa09b);
	assert_int_equal(back.limit, 0xffffffff);
	assert_int_equal(back.base, 0x123456789);
	assert_false(n.attr & SEG_ATTR_P);
	back = vmcb_segment_get(&n, SEG_SS);
	assert_true(back.attr & SEG_ATTR_UNUSABLE);
	assert_false(back.attr & SEG_ATTR_DB);
	v.attr = 0x89;
	assert_int_equal(vmcb_segment_get(&v, SEG_TR).attr, 0x8b);
	assert_int_equal(vmcb_segment_get(&v, SEG_LDTR).attr, 0x89);
}

/* Field by field: the padding stays 0, so that whole states can be compared. */
static void set_segment(struct segment *s, u16 sel, u32 attr, u32 limit, u64 base)
{
	s->sel = sel;
	s->attr = attr;
	s->limit = limit;
	s->base = base;
}

static void state_round_trip(void **state)
{
	struct cpu_state in, out;

	(void)state;
	setup_valid();
	memset(&in, 0, sizeof(in));
	for (u32 i = 0; i < SEG_COUNT; i++)
		set_segment(&in.seg[i], (u16)(i * 8), 0xc0f3, 0xfffff + i, i);
	in.seg[SEG_TR].attr = 0x8b;
	in.rip = 1; in.rflags = 0x246; in.gpr[RSP] = 3; in.cr0 = 0x80050033; in.cr2 = 5; in.cr3 = 6; in.cr4 = 0x20;
	in.efer = EFER_LME | EFER_LMA | EFER_SCE; in.gdtr.base = 7; in.gdtr.limit = 8; in.idtr.base = 9; in.idtr.limit = 10;
	in.dr6 = 11; in.dr7 = 12; in.pat = 13; in.star = 14; in.lstar = 15; in.cstar = 16; in.sfmask = 17;
	in.kernel_gs_base = 18; in.sysenter_cs = 19; in.sysenter_esp = 20; in.sysenter_eip = 21;
	memset(&out, 0, sizeof(out));
	assert_true(vmcb_set_state(&b, &in, STATE_ALL));
	assert_int_equal(b.cpl, 3);
	assert_true(b.efer & EFER_SVME);
	vmcb_get_state(&b, &out, STATE_ALL);
	for (u32 i = 0; i < SEG_COUNT; i++) {
		struct segment *o = &out.seg[i], copy = *o;

		memset(o, 0, sizeof(*o));
		set_segment(o, copy.sel, copy.attr, copy.limit, copy.base);
	}
	assert_memory_equal(&out, &in, sizeof(out));
	assert_false(vmcb_set_state(&b, &in, STATE_ALL));	/* nothing changed: no flush */
	b.cpl = 0;
	vmcb_get_state(&b, &out, STATE_MODE);
	assert_int_equal(out.seg[SEG_SS].attr, 0xc093);
}

static void flags_alone(void **state)
{
	struct cpu_state s, old;

	setup_valid();
	vmcb_get_state(&b, &old, STATE_ALL);
	memset(&s, 0xff, sizeof(s));
	s.rflags = RFLAGS_FIXED | RFLAGS_ZF;
	assert_false(vmcb_set_state(&b, &s, STATE_FLAGS));
	vmcb_get_state(&b, &s, STATE_ALL);
	assert_int_equal(s.rflags, RFLAGS_FIXED | RFLAGS_ZF);
	assert_int_equal(s.cr0, old.cr0);
	assert_int_equal(s.efer, old.efer);
	assert_int_equal(s.rip, old.rip);
	assert_int_equal(s.dr7, old.dr7);
}

static void parts_stay_apart(void **state)
{
	struct cpu_state s;

	(void)state;
	setup_valid();
	b.clean = CLEAN_ALL;
	memset(&s, 0x11, sizeof(s));
	vmcb_set_state(&b, &s, STATE_REGS);
	assert_int_equal(b.rip, 0x1111111111111111);
	assert_int_equal(b.cr0, 0x60000010);
	assert_int_equal(b.clean, CLEAN_ALL);
	vmcb_set_state(&b, &s, STATE_REST);
	assert_int_equal(b.cs.sel, 0xf000);
	assert_int_equal(b.clean, CLEAN_ALL & ~(CLEAN_CR2 | CLEAN_DR | CLEAN_NP));
	vmcb_set_state(&b, &s, STATE_MODE);
	assert_int_equal(b.ds.sel, 0);
	assert_int_equal(b.clean & (CLEAN_CR | CLEAN_SEG), 0);
}

/* Equal keys only where the code is the same. */
static void code_keys(void **state)
{
	struct vmcb *b = setup_valid();
	struct code_key k, other;

	b->efer = EFER_LME | EFER_LMA | EFER_SVME;
	b->cr0 = CR0_PE | CR0_PG;
	b->cr3 = 0x1000;
	b->cr4 = CR4_PAE;
	b->rip = 0xffffffff81000000;
	b->cs.attr = CS_ATTR_L | 0x9b;
	b->cs.base = 0x5000;	/* not used in 64-bit code */
	vmcb_code_key(b, &k);
	assert_int_equal(k.linear, 0xffffffff81000000);
	assert_int_equal(k.cr3, 0x1000);
	assert_int_equal(k.mode & CODE_SIZE, 8);
	b->cr4 |= CR4_LA57;
	vmcb_code_key(b, &other);
	assert_int_not_equal(other.mode, k.mode);
	b->cs.attr = CS_ATTR_D | 0x9b;
	b->cr4 = CR4_PAE;
	vmcb_code_key(b, &k);
	assert_int_equal(k.linear, 0x81005000);
	assert_int_equal(k.mode & CODE_SIZE, 4);
	b->efer = EFER_SVME;	/* PAE without long mode */
	vmcb_code_key(b, &other);
	assert_int_not_equal(other.mode, k.mode);
	b->cs.attr = 0x9b;
	vmcb_code_key(b, &k);
	assert_int_equal(k.mode & CODE_SIZE, 2);
	b->cr0 = CR0_PE;
	vmcb_code_key(b, &other);
	assert_int_not_equal(other.mode, k.mode);
	b->cr0 = 0;
	b->cs.attr = CS_ATTR_D | 0x9b;
	vmcb_code_key(b, &k);
	assert_int_equal(k.mode & CODE_SIZE, 2);
}

static void long_mode_follows_paging(void **state)
{
	struct cpu_state s;

	(void)state;
	setup_valid();
	vmcb_get_state(&b, &s, STATE_MODE);
	s.efer = EFER_LME | EFER_LMA;
	vmcb_set_state(&b, &s, STATE_MODE);
	assert_false(b.efer & EFER_LMA);
	s.cr0 |= CR0_PG;
	s.efer = EFER_LME;
	vmcb_set_state(&b, &s, STATE_MODE);
	assert_true(b.efer & EFER_LMA);
}

static void reset(void **state)
{
	(void)state;
	memset(&b, 0xff, sizeof(b));
	vmcb_reset_state(&b);
	assert_int_equal(b.cs.base + b.rip, 0xfffffff0);
	assert_int_equal(b.cs.sel, 0xf000);
	assert_int_equal(b.cs.attr, 0x9b);
	assert_int_equal(b.ldtr.attr, 0x82);
	assert_int_equal(b.tr.attr, 0x8b);
	assert_int_equal(b.idtr.limit, 0xffff);
	assert_int_equal(b.cr0, 0x60000010);
	assert_int_equal(b.cr4, 0);
	assert_int_equal(b.efer, EFER_SVME);
	assert_int_equal(b.rflags, 2);
	assert_int_equal(b.dr6, 0xffff0ff0);
	assert_int_equal(b.dr7, 0x400);
	assert_int_equal(b.g_pat, 0x0007040600070406);
	assert_int_equal(b.kernel_gs_base, 0);
	assert_int_equal(b.cpl, 0);
	assert_int_equal(b.rax, 0);
}

/* Does the first check that fails say so? Then all is well again. */
static void expect(const char *words)
{
	const char *said = vmcb_check(&b, 40);

	if (words ? !said || !strstr(said, words) : said != NULL)
		fail_msg("\"%s\" instead of \"%s\"", said ? said : "nothing", words ? words : "nothing");
	setup_valid();
}

static void checks(void **state)
{
	(void)state;
	setup_valid();
	expect(NULL);
	b.efer = 0; expect("SVME");
	b.cr0 = CR0_NW; expect("CR0.NW");
	b.cr0 |= BIT(32); expect("CR0 has bits");
	b.efer |= EFER_LME; b.cr0 |= CR0_PG | CR0_PE; b.cr4 = CR4_PAE; b.cr3 = BIT(40); expect("CR3");
	b.cr4 = BIT(15); expect("CR4 has");
	b.cr4 = BIT(32); expect("CR4 has");
	b.dr6 = BIT(32); expect("DR6");
	b.dr7 = BIT(63); expect("DR7");
	b.efer |= BIT(1); expect("EFER has");
	b.efer |= EFER_LME; b.cr0 |= CR0_PG | CR0_PE; expect("CR4.PAE");
	b.efer |= EFER_LME; b.cr0 |= CR0_PG; b.cr4 = CR4_PAE; expect("CR0.PE");
	b.efer |= EFER_LME; b.cr0 |= CR0_PG | CR0_PE; b.cr4 = CR4_PAE; b.cs.attr = 0x69b; expect("CS has both");
	b.intercept2 = 0; expect("VMRUN intercept");
	b.iopm_base = BIT(40) - PAGE_SIZE; expect("IOPM");
	b.msrpm_base = BIT(40) - PAGE_SIZE; expect("MSRPM");
	b.eventinj = EVT_VALID | 1ul << EVT_TYPE_SHIFT | 5; expect("event");
	b.eventinj = EVT_VALID | (u64)EVENT_EXCEPTION << EVT_TYPE_SHIFT | 2; expect("event");
	b.eventinj = EVT_VALID | (u64)EVENT_EXCEPTION << EVT_TYPE_SHIFT | 32; expect("event");
	b.eventinj = EVT_VALID | EVENT_INTERRUPT | 2; expect(NULL);
	b.eventinj = (u64)EVENT_EXCEPTION << EVT_TYPE_SHIFT | 32; expect(NULL);
	b.asid = 0; expect("ASID");
	b.cr4 = CR4_CET; expect("CET");
	b.n_cr3 = 0; expect("nested root");
	b.n_cr3 = BIT(40); expect("nested root");
	b.g_pat = 2; expect("PAT");
	b.g_pat = 0x0800000000000000; expect("PAT");
}

static void dump_fits(void **state)
{
	char text[1024], small[40];
	int n;

	(void)state;
	setup_valid();
	memset(text, 'x', sizeof(text));
	n = vmcb_dump(&b, text, sizeof(text));
	assert_int_equal(n, strlen(text));
	assert_non_null(strstr(text, "rip fff0"));
	assert_non_null(strstr(text, "cs f000 ffff0000"));
	for (size_t size = 0; size <= sizeof(small); size++) {
		memset(small, 'x', sizeof(small));
		assert_true(vmcb_dump(&b, small, size) <= (int)size);
		if (size)
			assert_non_null(memchr(small, 0, size));
		for (size_t i = size; i < sizeof(small); i++)
			assert_int_equal(small[i], 'x');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments),
		cmocka_unit_test(state_round_trip),
		cmocka_unit_test(flags_alone),
		cmocka_unit_test(parts_stay_apart),
		cmocka_unit_test(code_keys),
		cmocka_unit_test(long_mode_follows_paging),
		cmocka_unit_test(reset),
		cmocka_unit_test(checks),
		cmocka_unit_test(dump_fits),
	};

	return cmocka_run_group_tests_name("svm vmcb", tests, NULL, NULL);
}
