/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/core/exit_fake.c tests/fake/fake_virt.c tests/fake/fake_core.c hv/core/exit.c hv/core/guest.c hv/core/bus.c hv/core/sync.c hv/core/message.c hv/lib/format.c hv/lib/string.c */
/* Exits for ports and memory: sizes, registers, who is asked, and what nobody answers. */
#include "exit_fake.h"

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

static u64 rung_off;
static u32 rings;

static void ring(void *self, u64 off)
{
	(void)self;
	assert_int_equal(g->device_lock.held, 0);
	rung_off = off;
	rings++;
}

/* Single writes to ports that only ring go there without the lock; the rest to the model. */
static void test_port_that_rings(void **state)
{
	struct vmexit string = pio(false, 2, PORT);

	rings = 0;
	bus_ring(&g->bus, 0, ring);
	judge(pio(false, 2, PORT + 2));
	assert_true(rings == 1 && rung_off == 2 && io_count == 0);
	assert_int_equal(g->bus.claim[0].accesses, 1);
	assert_true(rip() == RIP + 2);
	judge(pio(true, 2, PORT + 2));
	assert_true(rings == 1 && io_count == 1);
	judge(pio(false, 2, PORT + 4));
	assert_true(rings == 1 && g->bus.unclaimed[BUS_PORT] == 1);
	string.pio.string = true;
	judge(string);
	assert_int_equal(rings, 1);
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
	static const struct { u32 off; u8 size; } wrong[] = { { 0x20, 1 }, { 0x20, 2 }, { 0x20, 8 }, { 0x24, 4 },
		{ 0x21, 4 }, { 0x28, 4 }, { 0xffc, 4 }, { 0xffe, 4 } };
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_in_merges), T(test_out_is_zero_extended), T(test_port_nobody_has),
		T(test_port_crosses_the_end), T(test_port_that_rings), T(test_string_goes_to_the_emulator), T(test_lock_is_given_back),
		T(test_fetch_kills), T(test_walk_kills), T(test_delivery_kills), T(test_mmio_verdicts),
		T(test_apic_page), T(test_apic_page_wrong_forms), T(test_apic_page_is_gone),
		T(test_memory_reaches_the_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
