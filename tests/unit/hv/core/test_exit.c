/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fake/fake_virt.c tests/fake/fake_core.c hv/core/exit.c hv/core/guest.c hv/core/bus.c hv/core/sync.c hv/core/message.c hv/lib/format.c hv/lib/string.c */
/* Judging exits: what each kind does, and that RIP moves in one place, once, and only behind what is done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake/fake_virt.h"

#include <hv/emulate.h>
#include <hv/exit_cpu.h>
#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/policy.h>

#define RIP 0x1234567890ul
#define PORT 0x510
#define DEVICE 0xd0000000ul

static struct guest *g;
static struct vcpu *v;
static u32 length;		/* what insn_length() finds */
static u32 length_asked;
static enum verdict answer;	/* of the handlers in other files */
static const char *asked;	/* which of them was called last */
static struct io last_io;
static u64 io_result;
static u32 io_count;
static u32 apic_off, apic_val, apic_reads, apic_writes;
static u64 dr6_causes;

u32 insn_length(struct vcpu *t)
{
	assert_ptr_equal(t, v);
	length_asked++;
	return length;
}

static enum verdict elsewhere(struct vcpu *t, const char *who)
{
	asked = who;
	if (answer == FAULT)
		return vcpu_fault(t, VEC_GP, 0);
	return answer;
}

enum verdict emulate_mmio(struct vcpu *t)
{
	return elsewhere(t, "mmio");
}

enum verdict emulate_string_io(struct vcpu *t)
{
	return elsewhere(t, "string");
}

enum verdict exit_cpuid(struct vcpu *t)
{
	return elsewhere(t, "cpuid");
}

enum verdict exit_msr(struct vcpu *t)
{
	return elsewhere(t, "msr");
}

enum verdict exit_cr(struct vcpu *t)
{
	return elsewhere(t, "cr");
}

enum verdict exit_xsetbv(struct vcpu *t)
{
	return elsewhere(t, "xsetbv");
}

void vcpu_set_dr6(struct vcpu *t, u64 causes)
{
	dr6_causes = causes;
}

u32 vlapic_mmio_read(struct vcpu *t, u32 off)
{
	apic_reads++;
	apic_off = off;
	return 0x600d0000 + off;
}

void vlapic_mmio_write(struct vcpu *t, u32 off, u32 val)
{
	apic_writes++;
	apic_off = off;
	apic_val = val;
}

static enum io_result device(void *self, struct io *io)
{
	assert_int_not_equal(g->device_lock.held, 0);
	io_count++;
	last_io = *io;
	if (!io->write)
		io->val = io_result;
	return IO_DONE;
}

static int setup(void **state)
{
	g = fake_guest_new(2);
	v = &core_private.vcpu;
	bus_init(&g->bus);
	assert_int_equal(bus_claim(&g->bus, (struct bus_range){ BUS_PORT, PORT, 4 }, device, NULL, "port"), 0);
	assert_int_equal(bus_claim(&g->bus, (struct bus_range){ BUS_MEMORY, DEVICE, 4096 }, device, NULL, "memory"), 0);
	length = 3;
	length_asked = 0;
	answer = NEXT;
	asked = "";
	io_count = apic_reads = apic_writes = 0;
	io_result = 0;
	dr6_causes = 0;
	return 0;
}

static int teardown(void **state)
{
	fake_guest_free(g);
	return 0;
}

static struct vmexit an_exit(enum vmexit_kind kind)
{
	return (struct vmexit){ .kind = kind, .rip = RIP, .len = 2, .rflags = RFLAGS_FIXED, .cpl = 0xff };
}

static void judge(struct vmexit x)
{
	fake_exit(v, &x);
	(void)vcpu_turn();
}

static u64 rip(void)
{
	return fake.state.rip;
}

static void killed_as(const char *id)
{
	assert_int_equal(g->record.ready, 1);
	assert_int_equal(g->record.end, END_KILLED);
	assert_string_equal(g->record.id, id);
	assert_true(g->record.rip == RIP);
	assert_int_equal(g->record.exit_kind, v->exit.kind);
	assert_true(v->pub->requests & REQ_PARK);
	assert_int_equal(fake.count[FAKE_INJECT], 0);
	assert_true(rip() == RIP);
	assert_int_equal(fake.count[FAKE_SET_RIP], 0);
}

static void alive(void)
{
	assert_int_equal(g->record.claimed, 0);
	assert_false(v->pub->requests & REQ_PARK);
}

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

/* Ports */

static struct vmexit pio(bool in, u8 size, u16 port)
{
	struct vmexit x = an_exit(VMEXIT_PIO);

	x.pio.in = in;
	x.pio.size = size;
	x.pio.port = port;
	return x;
}

static void test_in_merges(void **state)
{
	static const struct { u8 size; u64 rax; } want[] = {
		{ 1, 0x1122334455667784ul }, { 2, 0x1122334455669284ul }, { 4, 0xa1b29284ul },
	};

	for (u32 i = 0; i < ARRAY_COUNT(want); i++) {
		v->gpr[RAX] = 0x1122334455667788ul;
		io_result = 0xd5c6d7e8a1b29284ul;	/* a model's garbage above size must not come through */
		judge(pio(true, want[i].size, PORT));
		assert_true(v->gpr[RAX] == want[i].rax);
		assert_int_equal(last_io.size, want[i].size);
		assert_false(last_io.write);
	}
	assert_int_equal(io_count, 3);
}

static void test_out_is_zero_extended(void **state)
{
	static const struct { u8 size; u64 val; } want[] = { { 1, 0x88 }, { 2, 0x7788 }, { 4, 0x55667788 } };

	for (u32 i = 0; i < ARRAY_COUNT(want); i++) {
		v->gpr[RAX] = 0x1122334455667788ul;
		judge(pio(false, want[i].size, PORT));
		assert_true(last_io.val == want[i].val);
		assert_true(last_io.write);
		assert_true(v->gpr[RAX] == 0x1122334455667788ul);
	}
	assert_true(rip() == RIP + 2);
}

static void test_port_nobody_has(void **state)
{
	static const u64 want[] = { [1] = 0x11223344556677ff, [2] = 0x112233445566ffff, [4] = 0xffffffff };

	for (u8 size = 1; size <= 4; size *= 2) {
		v->gpr[RAX] = 0x1122334455667788ul;
		judge(pio(true, size, 0x999));
		assert_true(v->gpr[RAX] == want[size]);
	}
	judge(pio(false, 1, 0x999));
	assert_int_equal(g->bus.unclaimed[BUS_PORT], 4);
	assert_int_equal(io_count, 0);
	alive();
}

/* The access that reaches over the end of a claim belongs to nobody. */
static void test_port_crosses_the_end(void **state)
{
	judge(pio(true, 4, PORT + 1));
	assert_int_equal(io_count, 0);
	assert_int_equal((u32)v->gpr[RAX], ~0u);
	judge(pio(true, 4, 0xffff));
	assert_int_equal(io_count, 0);
}

static void test_string_goes_to_the_emulator(void **state)
{
	struct vmexit x = pio(true, 1, PORT);

	x.pio.string = true;
	answer = AGAIN;
	judge(x);
	assert_string_equal(asked, "string");
	assert_true(rip() == RIP);
	assert_int_equal(io_count, 0);
}

static void test_lock_is_given_back(void **state)
{
	struct io io = { .size = 4 };

	judge(pio(true, 1, PORT));
	assert_int_equal(g->device_lock.held, 0);
	judge(pio(false, 1, 0x999));
	assert_int_equal(g->device_lock.held, 0);
	mmio_access(v, DEVICE, &io);
	assert_int_equal(g->device_lock.held, 0);
	assert_int_equal(io_count, 2);
}

/* Memory */

static struct vmexit mmio(u64 gpa)
{
	struct vmexit x = an_exit(VMEXIT_MMIO);

	x.mmio.gpa = GPA(gpa);
	return x;
}

static void test_fetch_kills(void **state)
{
	struct vmexit x = mmio(0xdead000);

	x.mmio.fetch = true;
	judge(x);
	killed_as("GUEST-FETCH");
	assert_non_null(strstr(g->record.reason, "0xdead000"));
	assert_string_equal(asked, "");
}

static void test_walk_kills(void **state)
{
	struct vmexit x = mmio(0xdead000);

	x.mmio.in_walk = true;
	judge(x);
	killed_as("GUEST-TABLES");
	assert_string_equal(asked, "");
}

static void test_delivery_kills(void **state)
{
	struct vmexit x = mmio(0xdead000);

	x.event_queued = 1;
	judge(x);
	killed_as("GUEST-STACK");
	assert_string_equal(asked, "");
}

static void test_mmio_verdicts(void **state)
{
	judge(mmio(DEVICE));
	assert_true(rip() == RIP + 2);
	answer = FAULT;
	judge(mmio(DEVICE));
	assert_int_equal(fake.count[FAKE_INJECT], 1);
	alive();
}

static u64 access_memory(u64 gpa, u8 size, bool write, u64 val, bool *answered)
{
	struct io io = { .size = size, .write = write, .val = val };

	*answered = mmio_access(v, gpa, &io);
	return io.val;
}

static void test_apic_page(void **state)
{
	bool ok;

	v->lapic.base = VLAPIC_ADDRESS | APIC_BASE_ENABLE;
	assert_true(access_memory(VLAPIC_ADDRESS + 0x20, 4, false, 0, &ok) == 0x600d0020);
	assert_true(ok);
	access_memory(VLAPIC_ADDRESS + 0xff0, 4, true, 0x12345678, &ok);
	assert_int_equal(apic_off, 0xff0);
	assert_int_equal(apic_val, 0x12345678);
	assert_int_equal(apic_writes, 1);
	/* One byte below and behind the page. */
	access_memory(VLAPIC_ADDRESS - 4, 4, false, 0, &ok);
	assert_false(ok);
	access_memory(VLAPIC_ADDRESS + PAGE_SIZE, 4, false, 0, &ok);
	assert_false(ok);
	assert_int_equal(apic_reads, 1);
	assert_int_equal(g->bus.unclaimed[BUS_MEMORY], 2);
}

static void test_apic_page_wrong_forms(void **state)
{
	static const struct { u32 off; u8 size; } wrong[] = { { 0x20, 1 }, { 0x20, 2 }, { 0x20, 8 }, { 0x24, 4 }, { 0x21, 4 },
		{ 0x28, 4 }, { 0xffc, 4 }, { 0xffe, 4 } };
	bool ok;

	v->lapic.base = VLAPIC_ADDRESS | APIC_BASE_ENABLE;
	for (u32 i = 0; i < ARRAY_COUNT(wrong); i++) {
		assert_true(access_memory(VLAPIC_ADDRESS + wrong[i].off, wrong[i].size, false, 0, &ok) == U64_MAX);
		assert_false(ok);
		access_memory(VLAPIC_ADDRESS + wrong[i].off, wrong[i].size, true, 1, &ok);
		assert_false(ok);
	}
	assert_int_equal(apic_reads + apic_writes, 0);
}

static void test_apic_page_is_gone(void **state)
{
	static const u64 base[] = { VLAPIC_ADDRESS, VLAPIC_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2 };
	bool ok;

	for (u32 i = 0; i < ARRAY_COUNT(base); i++) {
		v->lapic.base = base[i];
		assert_true(access_memory(VLAPIC_ADDRESS + 0x20, 4, false, 0, &ok) == U64_MAX);
		assert_false(ok);
	}
	assert_int_equal(apic_reads, 0);
}

static void test_memory_reaches_the_bus(void **state)
{
	bool ok;

	io_result = 0x77;
	v->lapic.base = VLAPIC_ADDRESS | APIC_BASE_ENABLE;
	assert_int_equal(access_memory(DEVICE + 8, 8, false, 0, &ok), 0x77);
	assert_true(ok);
	assert_int_equal(last_io.off, 8);
	assert_true(access_memory(DEVICE + 4092, 8, false, 0, &ok) == U64_MAX);
	assert_false(ok);
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
	struct vmexit x = mmio(0x1000);

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

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_next_moves_rip_once), T(test_again_leaves_rip), T(test_fault_injects_and_leaves_rip),
		T(test_kill_without_words), T(test_length_from_bytes), T(test_length_unknown_kills),
		T(test_length_only_for_next), T(test_every_kind),
		T(test_unknown_says_the_hardware_reason), T(test_names), T(test_in_merges), T(test_out_is_zero_extended),
		T(test_port_nobody_has), T(test_port_crosses_the_end), T(test_string_goes_to_the_emulator),
		T(test_lock_is_given_back), T(test_fetch_kills), T(test_walk_kills), T(test_delivery_kills),
		T(test_mmio_verdicts), T(test_apic_page), T(test_apic_page_wrong_forms), T(test_apic_page_is_gone),
		T(test_memory_reaches_the_bus), T(test_hypercall), T(test_hlt_sleeps_behind_it),
		T(test_event_takes_interrupts), T(test_exceptions_go_on), T(test_exception_code),
		T(test_exception_loop_ends), T(test_exception_loop_is_broken_by_progress), T(test_first_record_wins),
		T(test_entry_failed_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
