/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/core/exit_fake.c tests/fake/fake_virt.c tests/fake/fake_core.c hv/core/exit.c hv/core/guest.c hv/core/bus.c hv/core/sync.c hv/core/message.c hv/lib/format.c hv/lib/string.c */
/* Judging exits: what each kind does, and that RIP moves in one place, once, and only behind what is done. */
#include "exit_fake.h"

/* The acting function: four verdicts */

static void test_next_moves_rip_once(void **state)
{
	struct vmexit x = an_exit(VMEXIT_CPUID);

	x.shadow = 1;
	judge(x);
	assert_string_equal(asked, "cpuid");
	assert_true(rip() == RIP + 2);
	assert_int_equal(fake.count[FAKE_SET_RIP], 1);
	assert_int_equal(length_asked, 0);
	assert_int_equal(v->exit.shadow, 0);
	alive();
}

static void test_again_leaves_rip(void **state)
{
	answer = AGAIN;
	judge(an_exit(VMEXIT_MSR));
	assert_true(rip() == RIP);
	assert_int_equal(fake.count[FAKE_SET_RIP], 0);
	assert_int_equal(fake.count[FAKE_INJECT], 0);
	assert_int_equal(v->exit.event_queued, 0);
	alive();
}

static void test_fault_injects_and_leaves_rip(void **state)
{
	struct vmexit x = an_exit(VMEXIT_MSR);

	x.shadow = 1;
	answer = FAULT;
	judge(x);
	assert_true(rip() == RIP);
	assert_int_equal(fake.count[FAKE_SET_RIP], 0);
	assert_int_equal(fake.count[FAKE_INJECT], 1);
	assert_int_equal(fake_last(FAKE_INJECT)->event.type, EVENT_EXCEPTION);
	assert_int_equal(fake_last(FAKE_INJECT)->event.vector, VEC_GP);
	assert_true(fake_last(FAKE_INJECT)->event.has_code);
	/* The loop must not put an interrupt over it. */
	assert_int_equal(v->exit.event_queued, 1);
	alive();
}

/* At the end of 4 GiB: legacy and compatibility code goes on at 0, 64-bit code goes on. At the end of 64 KiB nothing is
 * special: the code segment's limit says whether there is more. */
static void test_rip_wraps_at_32_bits(void **state)
{
	static const struct { u64 efer; u32 attr; u64 cr0, rip; u32 len; u64 next; } cases[] = {
		{ 0, SEG_ATTR_DB, CR0_PE, 0xfffffffe, 2, 0 },
		{ 0, SEG_ATTR_DB, CR0_PE, 0xffffffff, 15, 14 },
		{ 0, SEG_ATTR_DB, CR0_PE, 0xfffffff0, 15, 0xffffffff },
		{ 0, 0, 0, 0xfffffffe, 3, 1 },
		{ 0, 0, 0, 0xfffe, 2, 0x10000 },
		{ EFER_LMA, SEG_ATTR_DB, CR0_PE | CR0_PG, 0xfffffffe, 2, 0 },
		{ EFER_LMA, 0, CR0_PE | CR0_PG, 0xfffffffe, 4, 2 },
		{ EFER_LMA, SEG_ATTR_L, CR0_PE | CR0_PG, 0xfffffffe, 2, 0x100000000 },
		{ EFER_LMA, SEG_ATTR_L, CR0_PE | CR0_PG, 0xffffffff80000000 - 2, 2, 0xffffffff80000000 },
		{ EFER_LMA, SEG_ATTR_L, CR0_PE | CR0_PG, ~0ul - 1, 2, 0 },
	};

	for (u32 i = 0; i < ARRAY_COUNT(cases); i++)
		for (u32 told = 0; told < 2; told++) {
			struct vmexit x = an_exit(VMEXIT_CPUID);

			fake.state.efer = cases[i].efer;
			fake.state.cr0 = cases[i].cr0;
			fake.state.seg[SEG_CS].attr = cases[i].attr;
			x.rip = cases[i].rip;
			x.len = told ? cases[i].len : 0;
			length = cases[i].len;
			judge(x);
			assert_true(rip() == cases[i].next);
			alive();
		}
}

static void test_kill_without_words(void **state)
{
	answer = KILL;
	judge(an_exit(VMEXIT_CR));
	killed_as("GUEST-UNKNOWN-EXIT");
	assert_non_null(strstr(g->record.reason, "cr"));
}

static void test_length_from_bytes(void **state)
{
	struct vmexit x = an_exit(VMEXIT_CPUID);

	x.len = 0;
	length = 7;
	judge(x);
	assert_int_equal(length_asked, 1);
	assert_true(rip() == RIP + 7);
	assert_int_equal(fake.count[FAKE_SET_RIP], 1);
}

static void test_length_unknown_kills(void **state)
{
	struct vmexit x = an_exit(VMEXIT_CPUID);

	x.len = 0;
	length = 0;
	judge(x);
	killed_as("GUEST-DECODE");
	assert_non_null(strstr(g->record.reason, "cpuid"));
}

/* Exits that say nothing of an instruction never ask for its length. */
static void test_length_only_for_next(void **state)
{
	struct vmexit x = an_exit(VMEXIT_UNDEFINED);

	x.len = 0;
	length = 0;
	judge(x);
	assert_int_equal(length_asked, 0);
	alive();
}

/* Each kind has one meaning */

enum outcome { O_NEXT, O_AGAIN, O_UD, O_GP, O_KILL };

static const struct { enum outcome outcome; const char *what; } expected[VMEXIT_KINDS] = {
	[VMEXIT_NONE] = { O_KILL, "GUEST-UNKNOWN-EXIT" },
	[VMEXIT_EVENT] = { O_AGAIN, "" },
	[VMEXIT_WINDOW] = { O_AGAIN, "" },
	[VMEXIT_PIO] = { O_NEXT, "" },
	[VMEXIT_MMIO] = { O_NEXT, "mmio" },
	[VMEXIT_CPUID] = { O_NEXT, "cpuid" },
	[VMEXIT_MSR] = { O_NEXT, "msr" },
	[VMEXIT_CR] = { O_NEXT, "cr" },
	[VMEXIT_DR] = { O_KILL, "GUEST-UNKNOWN-EXIT" },
	[VMEXIT_HLT] = { O_NEXT, "" },
	[VMEXIT_PAUSE] = { O_NEXT, "" },
	[VMEXIT_HYPERCALL] = { O_NEXT, "" },
	[VMEXIT_XSETBV] = { O_NEXT, "xsetbv" },
	[VMEXIT_CACHE] = { O_NEXT, "" },
	[VMEXIT_MONITOR] = { O_UD, "" },
	[VMEXIT_UNDEFINED] = { O_UD, "" },
	[VMEXIT_PRIVILEGED] = { O_GP, "" },
	[VMEXIT_EXCEPTION] = { O_UD, "" },	/* the one that this test raises */
	[VMEXIT_TRIPLE_FAULT] = { O_KILL, "GUEST-TRIPLE-FAULT" },
	[VMEXIT_SHUTDOWN] = { O_KILL, "GUEST-SHUTDOWN" },
	[VMEXIT_ENTRY_FAILED] = { O_KILL, "GUEST-ENTRY-FAILED" },
	[VMEXIT_NESTED_BROKEN] = { O_KILL, "GUEST-NESTED" },
	[VMEXIT_UNKNOWN] = { O_KILL, "GUEST-UNKNOWN-EXIT" },
};

static void one_fault(enum vector vector)
{
	const struct event *e = &fake_last(FAKE_INJECT)->event;

	assert_int_equal(fake.count[FAKE_INJECT], 1);
	assert_int_equal(e->vector, vector);
	assert_int_equal(e->has_code, vector == VEC_GP);
	assert_int_equal(e->code, 0);
	assert_true(rip() == RIP);
}

static void check_kind(enum vmexit_kind kind)
{
	struct vmexit x = an_exit(kind);

	if (kind == VMEXIT_EXCEPTION)
		x.exception.vector = VEC_UD;
	if (kind == VMEXIT_PIO)
		x.pio.size = 1;
	judge(x);
	switch (expected[kind].outcome) {
	case O_NEXT:
		assert_true(rip() == RIP + 2);
		break;
	case O_AGAIN:
		assert_true(rip() == RIP);
		break;
	case O_UD:
		one_fault(VEC_UD);
		break;
	case O_GP:
		one_fault(VEC_GP);
		break;
	case O_KILL:
		killed_as(expected[kind].what);
		return;
	}
	assert_string_equal(asked, expected[kind].what);
	alive();
}

static void test_every_kind(void **state)
{
	for (u32 kind = 0; kind < VMEXIT_KINDS; kind++) {
		setup(state);
		assert_non_null(expected[kind].what);
		check_kind((enum vmexit_kind)kind);
		fake_guest_free(g);
	}
	setup(state);
}

static void test_unknown_says_the_hardware_reason(void **state)
{
	struct vmexit x = an_exit(VMEXIT_UNKNOWN);

	x.reason = 0xabc;
	x.qual1 = 5;
	x.qual2 = 6;
	judge(x);
	assert_non_null(strstr(g->record.reason, "0xabc"));
	assert_int_equal(g->record.exit_reason, 0xabc);
	assert_int_equal(g->record.qual1, 5);
	assert_int_equal(g->record.qual2, 6);
}

static void test_names(void **state)
{
	for (u32 a = 0; a < VMEXIT_KINDS; a++) {
		assert_string_not_equal(vmexit_name((enum vmexit_kind)a), "?");
		for (u32 b = 0; b < a; b++)
			assert_string_not_equal(vmexit_name((enum vmexit_kind)a), vmexit_name((enum vmexit_kind)b));
	}
	assert_string_equal(vmexit_name(VMEXIT_KINDS), "?");
	assert_string_equal(vmexit_name((enum vmexit_kind)-1), "?");
}

/* Instructions */

static void test_hypercall(void **state)
{
	v->gpr[RAX] = 12;
	v->gpr[RBX] = 13;
	judge(an_exit(VMEXIT_HYPERCALL));
	assert_true(v->gpr[RAX] == (u64)-1000);
	assert_int_equal(v->gpr[RBX], 13);
	assert_true(rip() == RIP + 2);
}

static void test_hlt_sleeps_behind_it(void **state)
{
	judge(an_exit(VMEXIT_HLT));
	assert_int_equal(v->activity, VCPU_HALTED);
	assert_true(rip() == RIP + 2);
}

static void test_event_takes_interrupts(void **state)
{
	judge(an_exit(VMEXIT_EVENT));
	assert_int_equal(fake_core.taken, 1);
	judge(an_exit(VMEXIT_WINDOW));
	assert_int_equal(fake_core.taken, 1);
}

/* Exceptions */

static struct vmexit exception(u8 vector, bool queued)
{
	struct vmexit x = an_exit(VMEXIT_EXCEPTION);

	x.exception.vector = vector;
	x.exception.has_code = vector == VEC_AC;
	x.event_queued = queued;
	return x;
}

static void test_exceptions_go_on(void **state)
{
	struct vmexit x = exception(VEC_AC, false);

	judge(x);
	assert_int_equal(fake_last(FAKE_INJECT)->event.vector, VEC_AC);
	assert_true(fake_last(FAKE_INJECT)->event.has_code);
	assert_int_equal(dr6_causes, 0);
	x = exception(VEC_DB, false);
	x.exception.dr6 = 0x4001;
	judge(x);
	assert_int_equal(fake_last(FAKE_INJECT)->event.vector, VEC_DB);
	assert_false(fake_last(FAKE_INJECT)->event.has_code);
	assert_int_equal(dr6_causes, 0x4001);
	assert_true(rip() == RIP);
}

static void test_exception_code(void **state)
{
	struct vmexit x = exception(VEC_AC, false);

	x.exception.code = 0x7fff;
	judge(x);
	assert_int_equal(fake_last(FAKE_INJECT)->event.code, 0x7fff);
}

/* XSA-156: 1000 in a row are one instruction's worth of patience. */
/* The machine's, not the guest's: it is never injected. */
static void test_machine_check(void **state)
{
	answer = KILL;
	judge(exception(VEC_MC, false));
	assert_string_equal(asked, "machine check");
	assert_int_equal(fake.count[FAKE_INJECT], 0);
	assert_int_equal(g->record.ready, 1);
	assert_true(rip() == RIP);
}

static void test_exception_loop_ends(void **state)
{
	u32 n = 0;

	judge(exception(VEC_AC, false));
	while (!g->record.ready && n < 5000) {
		judge(exception(VEC_AC, true));
		n++;
	}
	assert_int_equal(n, 1001);
	assert_string_equal(g->record.id, "GUEST-EXCEPTION-LOOP");
	assert_int_equal(fake.count[FAKE_INJECT], 1001);
}

static void test_exception_loop_is_broken_by_progress(void **state)
{
	for (u32 i = 0; i < 3000; i++)
		judge(exception(VEC_DB, i % 900 != 0));
	alive();
}

/* The first record wins */

static void test_first_record_wins(void **state)
{
	struct vmexit x = an_exit(VMEXIT_MMIO);

	x.mmio.fetch = true;
	judge(x);
	x = an_exit(VMEXIT_TRIPLE_FAULT);
	x.rip = RIP + 100;
	judge(x);
	v->exit.kind = VMEXIT_MMIO;
	fake.state.rip = RIP;
	killed_as("GUEST-FETCH");
	assert_null(strstr(g->record.reason, "triple"));
}

static void test_entry_failed_words(void **state)
{
	struct vmexit x = an_exit(VMEXIT_ENTRY_FAILED);

	x.failed.words = "CR4.VMXE is 0";
	judge(x);
	killed_as("GUEST-ENTRY-FAILED");
	assert_non_null(strstr(g->record.reason, "CR4.VMXE is 0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_next_moves_rip_once), T(test_again_leaves_rip), T(test_fault_injects_and_leaves_rip),
		T(test_rip_wraps_at_32_bits),
		T(test_kill_without_words), T(test_length_from_bytes), T(test_length_unknown_kills),
		T(test_length_only_for_next), T(test_every_kind), T(test_unknown_says_the_hardware_reason),
		T(test_names), T(test_hypercall), T(test_hlt_sleeps_behind_it), T(test_event_takes_interrupts),
		T(test_exceptions_go_on), T(test_exception_code), T(test_machine_check), T(test_exception_loop_ends),
		T(test_exception_loop_is_broken_by_progress), T(test_first_record_wins), T(test_entry_failed_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
