/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/vmx/check.c hv/lib/format.c hv/lib/string.c */
/* Good states pass; each broken field is named. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../../hv/x86/vmx/vmx.h"

void assert_failed(const char *what, const char *file, int line)
{
	fail_msg("%s at %s:%d", what, file, line);
	__builtin_trap();
}

static const struct vmx_caps caps = { .cr0_fixed0 = 0x80000021, .cr0_fixed1 = 0xffffffff,
	.cr4_fixed0 = 0x2000, .cr4_fixed1 = 0x3727ff };

static struct vmx_guest_fields real_mode(void)
{
	struct vmx_guest_fields g = { .cr0 = 0x30, .cr4 = 0x2040, .rflags = 2, .rip = 0xfff0, .dr7 = 0x400,
		.pat = 0x0007040600070406, .link = U64_MAX, .gdtr_limit = 0xffff, .idtr_limit = 0xffff, .phys_bits = 39 };

	for (u32 i = 0; i <= SEG_GS; i++)
		g.seg[i] = (struct vmx_segment){ .attr = 0x93, .limit = 0xffff };
	g.seg[SEG_CS] = (struct vmx_segment){ 0xf000, 0x9b, 0xffff, 0xffff0000 };
	g.seg[SEG_LDTR] = (struct vmx_segment){ .attr = 0x82, .limit = 0xffff };
	g.seg[SEG_TR] = (struct vmx_segment){ .attr = 0x8b, .limit = 0xffff };
	return g;
}

static struct vmx_guest_fields long_mode(void)
{
	struct vmx_guest_fields g = real_mode();

	g.cr0 = 0x80000031;
	g.cr4 = 0x20e0;
	g.cr3 = 0x1000;
	g.efer = EFER_LME | EFER_LMA;
	g.entry_controls = ENTRY_GUEST_64;
	g.rip = 0xffffffff81000000;
	g.seg[SEG_CS] = (struct vmx_segment){ 0x10, 0xa09b, 0xffffffff, 0 };
	for (u32 i = 0; i <= SEG_GS; i++)
		if (i != SEG_CS)
			g.seg[i] = (struct vmx_segment){ 0x18, 0xc093, 0xffffffff, 0 };
	g.seg[SEG_GS].base = 0xffff888000000000;
	return g;
}

static const char *judge(const struct vmx_guest_fields *g)
{
	static char text[128];

	return vmx_check_guest(g, &caps, text, sizeof(text));
}

static void good_states_pass(void **state)
{
	struct vmx_guest_fields g = real_mode();

	(void)state;
	assert_null(judge(&g));
	g = long_mode();
	assert_null(judge(&g));
	g.efer = EFER_LME;		/* LME without paging is no long mode yet */
	g.cr0 = 0x31;
	g.entry_controls = 0;
	g.rip = 0x1000;
	assert_null(judge(&g));
}

static void good_v86_passes(void **state)
{
	struct vmx_guest_fields g = real_mode();

	(void)state;
	g.cr0 |= CR0_PE;
	g.rflags |= RFLAGS_VM;
	for (u32 i = 0; i <= SEG_GS; i++)
		g.seg[i] = (struct vmx_segment){ 0x100, 0xf3, 0xffff, 0x1000 };
	assert_null(judge(&g));
	g.cr0 &= ~CR0_PE;
	assert_non_null(strstr(judge(&g), "RFLAGS: VM"));
	g.cr0 |= CR0_PE;
	g.seg[SEG_DS].base = 0x1010;
	assert_non_null(strstr(judge(&g), "DS: base is not selector * 16"));
	g.seg[SEG_DS].base = 0x1000;
	g.seg[SEG_FS].limit = 0x1ffff;
	assert_non_null(strstr(judge(&g), "FS: limit"));
}

struct break_case { const char *words; size_t at; u64 value; };

static void run_cases(const struct break_case *c, size_t count, struct vmx_guest_fields good)
{
	for (size_t i = 0; i < count; i++) {
		struct vmx_guest_fields g = good;
		const char *said;

		memcpy((char *)&g + c[i].at, &c[i].value, sizeof(u64));
		said = judge(&g);
		if (!said || !strstr(said, c[i].words))
			fail_msg("case %zu: \"%s\", not \"%s\"", i, said ? said : "passes", c[i].words);
	}
}

#define AT(f) offsetof(struct vmx_guest_fields, f)

static void broken_registers(void **state)
{
	static const struct break_case cases[] = {
		{ "CR0: a bit that must be 1",	AT(cr0), 0x80000011 },
		{ "CR0: a bit that must be 0",	AT(cr0), 0x180000031 },
		{ "CR0: paging without",	AT(cr0), 0x80000030 },
		{ "CR4: a bit that must be 1",	AT(cr4), 0xe0 },
		{ "CR4: a bit that this",	AT(cr4), 0x20e0 | CR4_SMXE },
		{ "DEBUGCTL",			AT(debugctl), 1ul << 20 },
		{ "IA-32e mode without",	AT(cr4), 0x2040 },
		{ "CR3",			AT(cr3), 1ul << 39 },
		{ "DR7",			AT(dr7), 1ul << 32 },
		{ "SYSENTER",			AT(sysenter_eip), 1ul << 47 },
		{ "PAT",			AT(pat), 0x02 },
		{ "PAT",			AT(pat), 0xff },
		{ "EFER: reserved",		AT(efer), 0x500 | EFER_SVME },
		{ "EFER: LMA differs from the",	AT(efer), EFER_LME },
		{ "EFER: LMA differs from LME",	AT(efer), EFER_LMA },
		{ "GDTR or IDTR: base",		AT(gdtr_base), 1ul << 63 },
		{ "GDTR or IDTR: limit",	AT(idtr_limit), 0x10000 },
		{ "RIP: not canonical",		AT(rip), 1ul << 47 },
		{ "RFLAGS: reserved",		AT(rflags), 0x8002 },
		{ "RFLAGS: bit 1",		AT(rflags), 0 },
	};

	(void)state;
	run_cases(cases, ARRAY_COUNT(cases), long_mode());
}

static void broken_segments(void **state)
{
	static const struct break_case cases[] = {
		{ "CS: unusable",		AT(seg[SEG_CS].attr), 0x1a09b },
		{ "CS: not present",		AT(seg[SEG_CS].attr), 0xa01b },
		{ "CS: type",			AT(seg[SEG_CS].attr), 0xa098 },
		{ "CS: L and D",		AT(seg[SEG_CS].attr), 0xe09b },
		{ "CS: DPL differs",		AT(seg[SEG_CS].attr), 0xa0fb },
		{ "CS: is a system",		AT(seg[SEG_CS].attr), 0xa08b },
		{ "CS: reserved",		AT(seg[SEG_CS].attr), 0xa19b },
		{ "CS: limit and",		AT(seg[SEG_CS].limit), 0xfffff000 },
		{ "CS: base above",		AT(seg[SEG_CS].base), 1ul << 32 },
		{ "SS: type",			AT(seg[SEG_SS].attr), 0xc091 },
		{ "DS: type is not accessed",	AT(seg[SEG_DS].attr), 0xc092 },
		{ "ES: code that cannot",	AT(seg[SEG_ES].attr), 0xc099 },
		{ "FS: base is not canonical",	AT(seg[SEG_FS].base), 1ul << 63 },
		{ "TR: unusable",		AT(seg[SEG_TR].attr), 0x1008b },
		{ "TR: type",			AT(seg[SEG_TR].attr), 0x89 },
		{ "TR: type",			AT(seg[SEG_TR].attr), 0x83 },
		{ "TR: not of the GDT",		AT(seg[SEG_TR].sel), 4 },
		{ "TR: limit and",		AT(seg[SEG_TR].limit), 0x100000 },
		{ "LDTR: not an LDT",		AT(seg[SEG_LDTR].attr), 0x83 },
	};

	(void)state;
	run_cases(cases, ARRAY_COUNT(cases), long_mode());
}

static void unusable_segments_pass(void **state)
{
	struct vmx_guest_fields g = long_mode();

	(void)state;
	g.seg[SEG_DS].attr = g.seg[SEG_SS].attr = g.seg[SEG_LDTR].attr = SEG_ATTR_UNUSABLE;
	assert_null(judge(&g));
}

static void broken_blocking(void **state)
{
	static const struct break_case cases[] = {
		{ "activity state: unknown",	AT(activity), 4 },
		{ "STI blocking with IF 0",	AT(blocking), BLOCKED_STI },
		{ "reserved bits",		AT(blocking), 0x20 },
		{ "at once",			AT(blocking), 3 },
		{ "SMI",			AT(blocking), BLOCKED_SMI },
		{ "pending debug exceptions: r", AT(pending_debug), 0x10 },
		{ "link pointer",		AT(link), 0 },
	};

	(void)state;
	run_cases(cases, ARRAY_COUNT(cases), long_mode());
}

static void broken_injection(void **state)
{
	struct vmx_guest_fields g = long_mode();

	(void)state;
	g.event = EVENT_VALID | 0x30;
	assert_non_null(strstr(judge(&g), "RFLAGS: an interrupt is injected"));
	g.rflags |= RFLAGS_IF;
	assert_null(judge(&g));
	g.blocking = BLOCKED_STI;
	assert_non_null(strstr(judge(&g), "into a shadow"));
	g.event = EVENT_VALID | 0x202;
	g.blocking = BLOCKED_NMI;
	assert_non_null(strstr(judge(&g), "while one is in service"));
}

/* Stepping through a shadow: BS must be pending, and must not be without TF. */
static void single_step_in_a_shadow(void **state)
{
	struct vmx_guest_fields g = long_mode();

	(void)state;
	g.rflags |= RFLAGS_IF | RFLAGS_TF;
	g.blocking = BLOCKED_STI;
	assert_non_null(strstr(judge(&g), "BS contradicts TF"));
	g.pending_debug = PENDING_DEBUG_BS;
	assert_null(judge(&g));
	g.rflags &= ~RFLAGS_TF;
	assert_non_null(strstr(judge(&g), "BS contradicts TF"));
}

static void pdptes(void **state)
{
	struct vmx_guest_fields g = long_mode();

	(void)state;
	g.pdpte[2] = 0x1ff;		/* nobody looks at them in long mode */
	assert_null(judge(&g));
	g.efer = 0;
	g.entry_controls = 0;
	g.rip = 0x1000;
	g.seg[SEG_CS].attr = 0xc09b;
	assert_non_null(strstr(judge(&g), "PDPTE"));
	g.pdpte[2] = 0x1001;
	assert_null(judge(&g));
	g.pdpte[3] = 1ul << 39 | 1;
	assert_non_null(strstr(judge(&g), "PDPTE"));
}

static void instruction_errors_have_words(void **state)
{
	(void)state;
	assert_string_equal(vmx_insn_error(7), "VM entry with invalid control fields");
	for (u32 i = 0; i < 40; i++)
		assert_non_null(vmx_insn_error(i));
	assert_string_equal(vmx_insn_error(~0u), "unknown VM-instruction error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_states_pass), cmocka_unit_test(good_v86_passes), cmocka_unit_test(broken_registers),
		cmocka_unit_test(broken_segments), cmocka_unit_test(unusable_segments_pass), cmocka_unit_test(broken_blocking),
		cmocka_unit_test(broken_injection), cmocka_unit_test(single_step_in_a_shadow), cmocka_unit_test(pdptes),
		cmocka_unit_test(instruction_errors_have_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
