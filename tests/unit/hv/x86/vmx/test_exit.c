/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/vmx/exit.c */
/* Every exit reason has a kind; qualifications as the manual lays them out; what is injected again, and how. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../../hv/x86/vmx/vmx.h"

static struct vmexit decode(u64 reason, struct vmx_exit_fields f)
{
	struct vmexit x = { .reason = reason, .kind = vmx_exit_type[reason].kind, .cpl = 0xff };

	vmx_exit_decode(&x, &f);
	return x;
}

static void every_reason_has_a_kind(void **state)
{
	(void)state;
	for (u32 i = 0; i < REASON_COUNT; i++) {
		assert_int_not_equal(vmx_exit_type[i].kind, VMEXIT_NONE);
		assert_true(vmx_exit_type[i].kind < VMEXIT_KINDS);
	}
}

static void vmx_instructions_are_undefined(void **state)
{
	static const u8 reasons[] = { 11, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 50, 53, 60 };

	(void)state;
	for (u32 i = 0; i < sizeof(reasons); i++)
		assert_int_equal(vmx_exit_type[reasons[i]].kind, VMEXIT_UNDEFINED);
	assert_int_equal(vmx_exit_type[18].kind, VMEXIT_HYPERCALL);
	assert_int_equal(vmx_exit_type[15].kind, VMEXIT_PRIVILEGED);
}

/* The rows that nothing in our controls can cause end the guest. */
static void reasons_that_cannot_be_are_unknown(void **state)
{
	static const u8 reasons[] = { 4, 5, 6, 9, 14, 16, 33, 34, 35, 37, 38, 41, 43, 44, 45, 47, 51, 56, 57, 62, 65, 79 };

	(void)state;
	for (u32 i = 0; i < sizeof(reasons); i++)
		assert_int_equal(vmx_exit_type[reasons[i]].kind, VMEXIT_UNKNOWN);
}

static void cpuid_needs_only_its_length(void **state)
{
	(void)state;
	assert_int_equal(vmx_exit_type[REASON_CPUID].needs, NEED_LENGTH);
	assert_int_equal(vmx_exit_type[REASON_HLT].needs, NEED_LENGTH);
}

static void cr_mov_to_from(void **state)
{
	struct vmexit x = decode(REASON_CR, (struct vmx_exit_fields){ .qualification = 0x0b04 });

	(void)state;
	assert_int_equal(x.cr.nr, 4);
	assert_int_equal(x.cr.gpr, R11);
	assert_true(x.cr.write);
	x = decode(REASON_CR, (struct vmx_exit_fields){ .qualification = 0x0318 });
	assert_int_equal(x.cr.nr, 8);
	assert_int_equal(x.cr.gpr, RBX);
	assert_false(x.cr.write);
	assert_false(x.cr.clts || x.cr.lmsw);
}

static void cr_clts_and_lmsw(void **state)
{
	struct vmexit x = decode(REASON_CR, (struct vmx_exit_fields){ .qualification = 0x20 });

	(void)state;
	assert_true(x.cr.clts && x.cr.write && !x.cr.lmsw);
	x = decode(REASON_CR, (struct vmx_exit_fields){ .qualification = 0xfff10030 });
	assert_true(x.cr.lmsw && !x.cr.clts);
	assert_int_equal(x.cr.nr, 0);
	assert_int_equal(x.cr.lmsw_value, 0xfff1);
}

static void pio_plain(void **state)
{
	struct vmexit x = decode(REASON_IO, (struct vmx_exit_fields){ .qualification = 0x03f8000b, .insn_info = ~0u });

	(void)state;
	assert_int_equal(x.pio.port, 0x3f8);
	assert_int_equal(x.pio.size, 4);
	assert_true(x.pio.in);
	assert_false(x.pio.string || x.pio.rep);
	assert_int_equal(x.pio.seg, 0xff);
	assert_int_equal(x.pio.addr_size, 0);
	assert_int_equal(decode(REASON_IO, (struct vmx_exit_fields){ .qualification = 0xffff0001 }).pio.port, 0xffff);
}

static void pio_strings(void **state)
{
	struct vmexit x = decode(REASON_IO, (struct vmx_exit_fields){ .qualification = 0x01f00031,
		.insn_info = 2u << 7 | 4u << 15 });

	(void)state;
	assert_true(x.pio.string && x.pio.rep && !x.pio.in);
	assert_int_equal(x.pio.size, 2);
	assert_int_equal(x.pio.addr_size, 8);
	assert_int_equal(x.pio.seg, SEG_FS);
	x = decode(REASON_IO, (struct vmx_exit_fields){ .qualification = 0x01f00019, .insn_info = 4u << 15 });
	assert_int_equal(x.pio.seg, SEG_ES);
	assert_int_equal(x.pio.addr_size, 2);
}

static void mmio(void **state)
{
	struct vmexit x = decode(REASON_EPT_VIOLATION, (struct vmx_exit_fields){ .qualification = 0x182,
		.guest_physical = 0xfee000b0 });

	(void)state;
	assert_int_equal(x.mmio.gpa.v, 0xfee000b0);
	assert_true(x.mmio.write && !x.mmio.fetch && !x.mmio.in_walk);
	x = decode(REASON_EPT_VIOLATION, (struct vmx_exit_fields){ .qualification = 0x184 });
	assert_true(x.mmio.fetch && !x.mmio.write);
	x = decode(REASON_EPT_VIOLATION, (struct vmx_exit_fields){ .qualification = 0x081 });
	assert_true(x.mmio.in_walk);
	/* Loading PDPTEs: no linear address at all. */
	x = decode(REASON_EPT_VIOLATION, (struct vmx_exit_fields){ .qualification = 0x001 });
	assert_true(x.mmio.in_walk);
}

static void exceptions(void **state)
{
	struct vmexit x = decode(REASON_EXCEPTION, (struct vmx_exit_fields){ .event = 0x80000b11, .event_code = 0 });

	(void)state;
	assert_int_equal(x.kind, VMEXIT_EXCEPTION);
	assert_int_equal(x.exception.vector, VEC_AC);
	assert_true(x.exception.has_code);
	x = decode(REASON_EXCEPTION, (struct vmx_exit_fields){ .event = 0x80000301, .qualification = 0x4001,
		.event_code = 9 });
	assert_int_equal(x.exception.vector, VEC_DB);
	assert_int_equal(x.exception.dr6, 0x4001);
	assert_false(x.exception.has_code);
	assert_int_equal(x.exception.code, 0);
	x = decode(REASON_EXCEPTION, (struct vmx_exit_fields){ .event = 0x80000202 });
	assert_int_equal(x.kind, VMEXIT_EVENT);
	x = decode(REASON_EXCEPTION, (struct vmx_exit_fields){ .event = 0x80000312 });
	assert_int_equal(x.kind, VMEXIT_EXCEPTION);
	assert_int_equal(x.exception.vector, VEC_MC);
	assert_false(x.exception.has_code);
}

static void hypercall_tells_the_ring(void **state)
{
	(void)state;
	assert_int_equal(decode(REASON_VMCALL, (struct vmx_exit_fields){ .ss_attr = 0xf3 }).cpl, 3);
	assert_int_equal(decode(REASON_VMCALL, (struct vmx_exit_fields){ .ss_attr = 0x93 }).cpl, 0);
}

static void msr_and_cache(void **state)
{
	(void)state;
	assert_true(decode(REASON_WRMSR, (struct vmx_exit_fields){ 0 }).msr.write);
	assert_false(decode(REASON_RDMSR, (struct vmx_exit_fields){ 0 }).msr.write);
	assert_true(decode(REASON_WBINVD, (struct vmx_exit_fields){ 0 }).cache.wbinvd);
	assert_false(decode(REASON_INVD, (struct vmx_exit_fields){ 0 }).cache.wbinvd);
}

static void reinject(void **state)
{
	u32 event = 1, blocking = 1;

	(void)state;
	assert_false(vmx_event_reinject(0x7fffffff, &event, &blocking));
	/* Bit 12 is undefined here and must not come back: entries refuse it. */
	assert_true(vmx_event_reinject(0x80001b0e, &event, &blocking));
	assert_int_equal(event, 0x80000b0e);
	assert_int_equal(blocking, 0);
	assert_true(vmx_event_reinject(0x80000202, &event, &blocking));
	assert_true(blocking & BLOCKED_NMI);
	assert_true(vmx_event_reinject(0x80000030, &event, &blocking));
	assert_false(blocking & BLOCKED_NMI);
	assert_true(vmx_event_reinject(0x80000480, &event, &blocking));
	assert_int_equal(EVENT_TYPE(event), EVENT_SOFT_INTERRUPT);
}

static void nmi_blocking_comes_back_after_a_faulting_iret(void **state)
{
	(void)state;
	assert_true(vmx_nmi_reblock(REASON_EXCEPTION, 0, 0x80001b11, 0));
	assert_false(vmx_nmi_reblock(REASON_EXCEPTION, 0, 0x80000b11, 0));
	assert_false(vmx_nmi_reblock(REASON_EXCEPTION, 0, 0x80001b08, 0));
	assert_false(vmx_nmi_reblock(REASON_EXCEPTION, 0, 0x80001b11, 0x80000b0e));
	assert_true(vmx_nmi_reblock(REASON_EPT_VIOLATION, 0x1182, 0, 0));
	assert_false(vmx_nmi_reblock(REASON_EPT_VIOLATION, 0x182, 0, 0));
	assert_false(vmx_nmi_reblock(REASON_EPT_VIOLATION, 0x1182, 0, 0x80000202));
	assert_false(vmx_nmi_reblock(REASON_CPUID, 0x1182, 0x80001b11, 0));
}

static u32 encode(u8 type, u8 vector, bool code, u32 queued, bool protected)
{
	return vmx_event_encode(&(struct event){ .type = type, .vector = vector, .has_code = code }, queued, protected);
}

static void encode_events(void **state)
{
	(void)state;
	assert_int_equal(encode(EVENT_INTERRUPT, 0x30, false, 0, true), 0x80000030);
	assert_int_equal(encode(EVENT_NMI, 2, false, 0, true), 0x80000202);
	assert_int_equal(encode(EVENT_EXCEPTION, VEC_GP, true, 0, true), 0x80000b0d);
	assert_int_equal(encode(EVENT_EXCEPTION, VEC_GP, true, 0, false), 0x8000030d);
	assert_int_equal(encode(EVENT_EXCEPTION, VEC_UD, false, 0, true), 0x80000306);
	assert_int_equal(encode(EVENT_INTERRUPT, 0x30, true, 0, true), 0x80000030);
}

static void two_faults_make_a_double_fault(void **state)
{
	const u32 df = 0x80000b08, pf = 0x80000b0e, gp = 0x80000b0d, ud = 0x80000306, irq = 0x80000030;

	(void)state;
	assert_int_equal(encode(EVENT_EXCEPTION, VEC_GP, true, pf, true), df);
	assert_int_equal(encode(EVENT_EXCEPTION, VEC_PF, true, pf, true), df);
	assert_int_equal(encode(EVENT_EXCEPTION, VEC_GP, true, gp, true), df);
	assert_int_equal(encode(EVENT_EXCEPTION, VEC_PF, true, gp, true), pf);
	assert_int_equal(encode(EVENT_EXCEPTION, VEC_GP, true, ud, true), gp);
	assert_int_equal(encode(EVENT_EXCEPTION, VEC_UD, false, pf, true), ud);
	assert_int_equal(encode(EVENT_EXCEPTION, VEC_PF, true, irq, true), pf);
	assert_int_equal(encode(EVENT_EXCEPTION, VEC_GP, true, pf, false), 0x80000308);
	/* Stale bits without the valid bit are nothing. */
	assert_int_equal(encode(EVENT_EXCEPTION, VEC_GP, true, pf & ~EVENT_VALID, true), gp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_a_kind), cmocka_unit_test(vmx_instructions_are_undefined),
		cmocka_unit_test(reasons_that_cannot_be_are_unknown), cmocka_unit_test(cpuid_needs_only_its_length),
		cmocka_unit_test(cr_mov_to_from), cmocka_unit_test(cr_clts_and_lmsw), cmocka_unit_test(pio_plain),
		cmocka_unit_test(pio_strings), cmocka_unit_test(mmio), cmocka_unit_test(exceptions),
		cmocka_unit_test(hypercall_tells_the_ring), cmocka_unit_test(msr_and_cache), cmocka_unit_test(reinject),
		cmocka_unit_test(nmi_blocking_comes_back_after_a_faulting_iret), cmocka_unit_test(encode_events),
		cmocka_unit_test(two_faults_make_a_double_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
