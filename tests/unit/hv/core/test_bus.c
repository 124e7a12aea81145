/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/bus.c */
/* The bus: claims that do not overlap, accesses that reach their owner whole or nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/bus.h>

static struct bus bus;

struct device {
	struct io last;
	u32 calls;
	enum io_result answer;
};

static enum io_result device_io(void *self, struct io *io)
{
	struct device *d = self;

	d->calls++;
	d->last = *io;
	if (!io->write)
		io->val = 0x1122334455667788;
	return d->answer;
}

static int claim(enum bus_space space, u64 base, u64 size, struct device *d)
{
	return bus_claim(&bus, (struct bus_range){ space, base, size }, device_io, d, "test");
}

static int setup(void **state)
{
	bus_init(&bus);
	return 0;
}

/* Ports and memory mixed: each memory claim is found, a port's range is no memory. */
static void test_memory_claims_among_ports(void **state)
{
	struct device d[20] = { 0 };

	for (u32 i = 0; i < 20; i++)
		assert_int_equal(claim(i % 3 ? BUS_PORT : BUS_MEMORY, 0x1000 + 0x10 * i, 0x10, &d[i]), 0);
	for (u32 i = 0; i < 20; i++) {
		struct io io = { .size = 4 };

		assert_int_equal(bus_access(&bus, BUS_MEMORY, 0x1000 + 0x10 * i + 4, &io), i % 3 == 0);
		assert_int_equal(d[i].calls, i % 3 == 0);
	}
	assert_int_equal(bus.unclaimed[BUS_MEMORY], 13);
}

static void test_access_reaches_its_owner(void **state)
{
	struct device a = { 0 }, b = { 0 };
	struct io io = { .size = 2, .write = true, .val = 0xbeef };

	assert_int_equal(claim(BUS_PORT, 0x60, 4, &a), 0);
	assert_int_equal(claim(BUS_PORT, 0x64, 4, &b), 0);
	assert_true(bus_access(&bus, BUS_PORT, 0x66, &io));
	assert_int_equal(a.calls, 0);
	assert_int_equal(b.last.off, 2);
	assert_int_equal(b.last.val, 0xbeef);
	io = (struct io){ .size = 4 };
	assert_true(bus_access(&bus, BUS_PORT, 0x60, &io));
	assert_true(io.val == 0x1122334455667788);
	assert_int_equal(bus.claim[0].accesses, 1);
	assert_int_equal(bus.claim[1].accesses, 1);
}

static void test_nobody_reads_ones(void **state)
{
	struct device a = { 0 };
	struct io io = { .size = 1 };

	assert_int_equal(claim(BUS_PORT, 0x60, 4, &a), 0);
	assert_false(bus_access(&bus, BUS_PORT, 0x5f, &io));
	assert_true(io.val == UINT64_MAX);
	assert_false(bus_access(&bus, BUS_PORT, 0x64, &io));
	assert_false(bus_access(&bus, BUS_MEMORY, 0x60, &io));
	assert_false(bus_access(&bus, BUS_PORT, 0x10060, &io));		/* no wrap to port 60H */
	assert_false(bus_access(&bus, BUS_PORT, UINT64_MAX, &io));
	io.write = true;
	io.val = 7;
	assert_false(bus_access(&bus, BUS_PORT, 0x5f, &io));
	assert_true(io.val == 7);
	assert_int_equal(a.calls, 0);
	assert_int_equal(bus.unclaimed[BUS_PORT], 5);
	assert_int_equal(bus.unclaimed[BUS_MEMORY], 1);
}

static void test_crossing_the_end_reaches_nobody(void **state)
{
	struct device a = { 0 }, m = { 0 };
	struct io io = { .size = 4 };

	assert_int_equal(claim(BUS_PORT, 0x60, 4, &a), 0);
	assert_false(bus_access(&bus, BUS_PORT, 0x61, &io));
	assert_true(io.val == UINT64_MAX);
	assert_int_equal(claim(BUS_MEMORY, UINT64_MAX - 7, 8, &m), 0);
	io.size = 8;
	assert_true(bus_access(&bus, BUS_MEMORY, UINT64_MAX - 7, &io));
	assert_false(bus_access(&bus, BUS_MEMORY, UINT64_MAX - 6, &io));
	assert_int_equal(a.calls, 0);
	assert_int_equal(m.calls, 1);
}

static void test_refused_reads_ones(void **state)
{
	struct device a = { .answer = IO_REFUSED };
	struct io io = { .size = 4 };

	assert_int_equal(claim(BUS_MEMORY, 0xfec00000, 0x1000, &a), 0);
	assert_false(bus_access(&bus, BUS_MEMORY, 0xfec00010, &io));
	assert_int_equal(a.calls, 1);
	assert_true(io.val == UINT64_MAX);
	assert_int_equal(bus.unclaimed[BUS_MEMORY], 1);
}

static void test_overlaps_are_refused(void **state)
{
	struct device a = { 0 };

	assert_int_equal(claim(BUS_PORT, 0x100, 0x10, &a), 0);
	assert_int_equal(claim(BUS_PORT, 0x100, 0x10, &a), -E_BUSY);
	assert_int_equal(claim(BUS_PORT, 0xff, 2, &a), -E_BUSY);
	assert_int_equal(claim(BUS_PORT, 0x10f, 1, &a), -E_BUSY);
	assert_int_equal(claim(BUS_PORT, 0, 65536, &a), -E_BUSY);
	assert_int_equal(claim(BUS_PORT, 0xff, 1, &a), 0);
	assert_int_equal(claim(BUS_PORT, 0x110, 1, &a), 0);
	assert_int_equal(claim(BUS_MEMORY, 0x100, 0x10, &a), 0);	/* another space */
	assert_int_equal(bus.claim_count, 4);
}

static void test_impossible_ranges_are_refused(void **state)
{
	struct device a = { 0 };

	assert_int_equal(claim(BUS_PORT, 0x100, 0, &a), -E_RANGE);
	assert_int_equal(claim(BUS_PORT, 0xffff, 2, &a), -E_RANGE);
	assert_int_equal(claim(BUS_PORT, 0x10000, 1, &a), -E_RANGE);
	assert_int_equal(claim(BUS_MEMORY, UINT64_MAX, 2, &a), -E_RANGE);
	assert_int_equal(claim(BUS_MEMORY, 0, (1ul << 63) + 1, &a), -E_RANGE);
	assert_int_equal(claim(BUS_MEMORY, 1, 1ul << 63, &a), 0);
	assert_int_equal(claim(BUS_PORT, 0xffff, 1, &a), 0);
}

static void test_table_full(void **state)
{
	struct device a = { 0 };
	struct io io = { .size = 1 };

	for (u32 i = 0; i < BUS_CLAIMS_MAX; i++)
		assert_int_equal(claim(BUS_PORT, i, 1, &a), 0);
	assert_int_equal(claim(BUS_PORT, BUS_CLAIMS_MAX, 1, &a), -E_NOSPC);
	assert_true(bus_access(&bus, BUS_PORT, BUS_CLAIMS_MAX - 1, &io));
	assert_false(bus_access(&bus, BUS_PORT, BUS_CLAIMS_MAX, &io));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_memory_claims_among_ports, setup),
		cmocka_unit_test_setup(test_access_reaches_its_owner, setup),
		cmocka_unit_test_setup(test_nobody_reads_ones, setup),
		cmocka_unit_test_setup(test_crossing_the_end_reaches_nobody, setup),
		cmocka_unit_test_setup(test_refused_reads_ones, setup),
		cmocka_unit_test_setup(test_overlaps_are_refused, setup),
		cmocka_unit_test_setup(test_impossible_ranges_are_refused, setup),
		cmocka_unit_test_setup(test_table_full, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
