/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/vmx/caps.c */
/* The hardware report from capability MSRs as real processors have them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../../hv/x86/vmx/vmx.h"

void assert_failed(const char *what, const char *file, int line)
{
	fail_msg("%s at %s:%d", what, file, line);
	abort();
}

/* Skylake-X, as listed in its processor's documentation of MSRs. */
static const struct vmx_caps skylake = {
	.basic = 0x00da040000000004 | BASIC_TRUE_CONTROLS, .misc = 0x7004c1e7,
	.pin = 0x000000ff00000016, .proc = 0xfff9fffe04006172, .proc2 = 0x025d3fff00000000 | BIT(52),
	.exit = 0x01ffffff00036dfb, .entry = 0x0003ffff000011fb, .ept_vpid = 0x00000f0106734141,
};

static const struct virt_feature *find(const struct virt_report *r, const char *id)
{
	for (u32 i = 0; i < r->count; i++)
		if (r->feature[i].id && !strcmp(r->feature[i].id, id))
			return &r->feature[i];
	return NULL;
}

static void a_whole_processor_is_usable(void **state)
{
	struct virt_report r;

	(void)state;
	vmx_report_fill(&r, true, 5, &skylake);
	assert_true(r.usable);
	assert_string_equal(r.vendor, "VMX");
	for (u32 i = 0; i < r.count; i++) {
		assert_null(r.feature[i].id);
		assert_non_null(r.feature[i].name);
		assert_non_null(r.feature[i].lost);
	}
}

static void without_vmx_one_line(void **state)
{
	struct vmx_caps none = { 0 };
	struct virt_report r;

	(void)state;
	vmx_report_fill(&r, false, 0, &none);
	assert_false(r.usable);
	assert_int_equal(r.count, 1);
	assert_non_null(find(&r, "CPU-NO-VMX"));
}

static void firmware_lock(void **state)
{
	struct virt_report r;

	(void)state;
	vmx_report_fill(&r, true, 1, &skylake);
	assert_false(r.usable);
	assert_int_equal(find(&r, "FW-VMX-LOCKED")->state, FEATURE_OFF_IN_FIRMWARE);
	vmx_report_fill(&r, true, 0, &skylake);		/* open: we lock it ourselves */
	assert_true(r.usable);
	vmx_report_fill(&r, true, 3, &skylake);		/* locked, only inside SMX */
	assert_false(r.usable);
}

static void each_needed_feature_has_its_id(void **state)
{
	static const struct { const char *id; size_t at; u64 clear; } cases[] = {
		{ "CPU-NO-TRUE-CONTROLS", offsetof(struct vmx_caps, basic), BASIC_TRUE_CONTROLS },
		{ "CPU-NO-EPT", offsetof(struct vmx_caps, proc2), (u64)PROC2_EPT << 32 },
		{ "CPU-NO-EPT", offsetof(struct vmx_caps, proc), (u64)PROC_SECONDARY << 32 },
		{ "CPU-NO-EPT", offsetof(struct vmx_caps, ept_vpid), EPT_WALK_4 },
		{ "CPU-NO-EPT-2M", offsetof(struct vmx_caps, ept_vpid), EPT_PAGES_2M },
		{ "CPU-NO-EPT-2M", offsetof(struct vmx_caps, ept_vpid), EPT_MEMORY_WB },
		{ "CPU-NO-INVEPT", offsetof(struct vmx_caps, ept_vpid), EPT_INVEPT },
		{ "CPU-NO-UG", offsetof(struct vmx_caps, proc2), (u64)PROC2_UNRESTRICTED_GUEST << 32 },
		{ "CPU-NO-VIRTUAL-NMI", offsetof(struct vmx_caps, pin), (u64)PIN_VIRTUAL_NMIS << 32 },
		{ "CPU-NO-PREEMPTION-TIMER", offsetof(struct vmx_caps, pin), (u64)PIN_PREEMPTION_TIMER << 32 },
		{ "CPU-NO-BITMAPS", offsetof(struct vmx_caps, proc), (u64)PROC_MSR_BITMAPS << 32 },
		{ "CPU-NO-TSC-OFFSET", offsetof(struct vmx_caps, proc), (u64)PROC_TSC_OFFSETTING << 32 },
		{ "CPU-NO-EFER-SWITCH", offsetof(struct vmx_caps, entry), (u64)ENTRY_LOAD_EFER << 32 },
		{ "CPU-NO-EFER-SWITCH", offsetof(struct vmx_caps, exit), (u64)EXIT_LOAD_PAT << 32 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_COUNT(cases); i++) {
		struct vmx_caps c = skylake;
		struct virt_report r;

		*(u64 *)(void *)((char *)&c + cases[i].at) &= ~cases[i].clear;
		vmx_report_fill(&r, true, 5, &c);
		assert_false(r.usable);
		assert_non_null(find(&r, cases[i].id));
		assert_int_equal(find(&r, cases[i].id)->state, FEATURE_ABSENT);
	}
}

/* Nehalem: EPT, but no unrestricted guest, no 1 GiB pages. */
static void first_ept_generation(void **state)
{
	struct vmx_caps c = skylake;
	struct virt_report r;

	(void)state;
	c.proc2 = 0x0000007f00000000;
	c.ept_vpid &= ~EPT_PAGES_1G;
	vmx_report_fill(&r, true, 5, &c);
	assert_false(r.usable);
	assert_non_null(find(&r, "CPU-NO-UG"));
	assert_null(find(&r, "CPU-NO-EPT"));
}

static void useful_ones_do_not_refuse(void **state)
{
	struct vmx_caps c = skylake;
	struct virt_report r;
	u32 absent = 0;

	(void)state;
	c.proc2 = (u64)(PROC2_EPT | PROC2_UNRESTRICTED_GUEST) << 32;
	c.ept_vpid = EPT_WALK_4 | EPT_MEMORY_WB | EPT_PAGES_2M | EPT_INVEPT | EPT_INVEPT_GLOBAL;
	vmx_report_fill(&r, true, 5, &c);
	assert_true(r.usable);
	for (u32 i = 0; i < r.count; i++)
		absent += r.feature[i].state == FEATURE_ABSENT;
	assert_true(absent >= 7);
}

/* CVE-2018-12207: no processor gets large executable leaves that does not say, or is not known, to stand them. */
static void large_leaves_only_where_they_are_safe(void **state)
{
	struct vmx_caps c = skylake;

	(void)state;
	assert_int_equal(vmx_max_leaf(&c), 3);
	c.small_pages = 1;
	assert_int_equal(vmx_max_leaf(&c), 1);
	c.ept_vpid &= ~EPT_PAGES_1G;
	assert_int_equal(vmx_max_leaf(&c), 1);
	c.small_pages = 0;
	assert_int_equal(vmx_max_leaf(&c), 2);
}

static void who_has_the_erratum(void **state)
{
	static const struct { bool intel; u32 signature; u64 told; bool affected; } cases[] = {
		{ true, 0x50654, 0, true },		/* Skylake X */
		{ true, 0x50657, 0x2b, true },		/* Cascade Lake: other bits tell nothing */
		{ true, 0x50657, 0x6b, false },
		{ true, 0x106e5, 0, true },		/* Nehalem */
		{ true, 0x90672, 0x40, false },		/* Alder Lake */
		{ true, 0x506f1, 0, false },		/* Goldmont D */
		{ true, 0x30678, 0, false },		/* Silvermont */
		{ true, 0x50671, 0, false },		/* Knights Landing */
		{ true, 0xf64, 0, true },		/* family 15, model of Silvermont's digits or not */
		{ true, 0x30f78, 0, true },
		{ false, 0x506f1, 0, true },		/* another vendor's model numbers say nothing */
		{ true, 0, 0, true },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_COUNT(cases); i++)
		assert_int_equal(vmx_has_multihit(cases[i].intel, cases[i].signature, cases[i].told), cases[i].affected);
}

static void the_report_names_it(void **state)
{
	struct vmx_caps c = skylake;
	struct virt_report r;
	u32 named = 0;

	(void)state;
	for (c.small_pages = 0; c.small_pages < 2; c.small_pages++) {
		vmx_report_fill(&r, true, 5, &c);
		assert_true(r.usable);
		for (u32 i = 0; i < r.count; i++)
			if (strstr(r.feature[i].name, "CVE-2018-12207")) {
				named++;
				assert_int_equal(r.feature[i].state, c.small_pages ? FEATURE_ABSENT : FEATURE_PRESENT);
			}
	}
	assert_int_equal(named, 2);
}

static void controls_are_adjusted(void **state)
{
	(void)state;
	assert_int_equal(vmx_control_adjust(0x000000ff00000016, 0x69), 0x7f);
	assert_int_equal(vmx_control_adjust(0x0000003f00000016, 0x69), 0x3f);
	assert_true(vmx_control_has(0x000000ff00000016, 0x69));
	assert_false(vmx_control_has(0x0000003f00000016, 0x69));
	assert_false(vmx_control_has(0x00000000ffffffff, 1));
}

static void ept_pointer(void **state)
{
	(void)state;
	assert_int_equal(vmx_ept_pointer(0x12345000), 0x1234501e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_processor_is_usable), cmocka_unit_test(without_vmx_one_line),
		cmocka_unit_test(firmware_lock), cmocka_unit_test(each_needed_feature_has_its_id),
		cmocka_unit_test(first_ept_generation), cmocka_unit_test(useful_ones_do_not_refuse),
		cmocka_unit_test(controls_are_adjusted), cmocka_unit_test(ept_pointer),
		cmocka_unit_test(large_leaves_only_where_they_are_safe), cmocka_unit_test(who_has_the_erratum),
		cmocka_unit_test(the_report_names_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
