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

static u32 who_answers(struct device *d, u64 addr)
{
	struct io io = { .size = 4 };
	u32 who = 0;

	for (u32 i = 0; i < 3; i++)
		d[i].calls = 0;
	bus_access(&bus, BUS_MEMORY, addr, &io);
	for (u32 i = 0; i < 3; i++)
		who += d[i].calls * (i + 1);
	return who;
}

/* The claim that answered last is asked first only where no earlier one has anything to say: moved at random, against the rule
 * itself. */
static void test_the_earlier_claim_answers_always(void **state)
{
	struct device d[3] = { 0 };
	u64 base[3] = { 0x1000 }, size[3] = { 0x100 };
	int nr[3];

	srand(3);
	assert_int_equal(claim(BUS_MEMORY, 0x1000, 0x100, &d[0]), 0);
	for (u32 i = 1; i < 3; i++)
		nr[i] = bus_claim_movable(&bus, BUS_MEMORY, device_io, &d[i], "test");
	for (u32 n = 0; n < 20000; n++) {
		u32 i = 1 + (u32)rand() % 2, at = 0xe00 + (u32)rand() % 0x600 / 4 * 4, want = 0;

		if (n % 7 == 0) {
			base[i] = 0xe00 + (u32)rand() % 0x400 / 4 * 4;
			size[i] = n % 3 ? 0x80 : 0;
			bus_move(&bus, (u32)nr[i], base[i], size[i]);
		}
		for (u32 k = 3; k--; )
			if (at - base[k] < size[k])
				want = k + 1;
		assert_int_equal(who_answers(d, at), want);
	}
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

/* Memory behind claims. */

static u8 memory[4 * PAGE_SIZE];
static u32 remaps, remap_claim;

static void note_remap(struct bus *b, u32 nr)
{
	assert_ptr_equal(b, &bus);
	remaps++;
	remap_claim = nr;
}

static u64 mappable(u64 base, u64 size)
{
	u32 prot = 0;
	u64 hpa = bus_mappable(&bus, base, size, &prot);

	assert_true(hpa == ~0ul || prot);
	return hpa;
}

static void test_backed_claims(void **state)
{
	const struct device_ram m = { memory, HPA(0x200000), sizeof(memory) };
	struct device d = { 0 }, other = { 0 };
	u32 a, late;

	remaps = 0;
	bus.remap = note_remap;
	assert_int_equal(claim(BUS_MEMORY, 0xc0001000, 0x100, &other), 0);
	a = (u32)bus_claim_movable(&bus, BUS_MEMORY, device_io, &d, "frame");
	late = (u32)bus_claim_movable(&bus, BUS_MEMORY, device_io, &other, "late");
	assert_int_equal(remaps, 0);				/* nothing is backed yet */
	assert_int_equal(bus_back(&bus, a, &m, BUS_READ | BUS_WRITE), 0);
	assert_true(remaps == 1 && remap_claim == a);
	assert_true(mappable(0xc0000000, PAGE_SIZE) == ~0ul);	/* it is nowhere */
	assert_null(bus_memory(&bus, 0, 1));
	bus_move(&bus, a, 0xc0000000, sizeof(memory));
	assert_true(remaps == 2 && remap_claim == BUS_CLAIMS_MAX);
	assert_true(mappable(0xc0000000, PAGE_SIZE) == 0x200000);
	assert_true(mappable(0xc0001000, PAGE_SIZE) == ~0ul);	/* the earlier claim has a part of it */
	assert_true(mappable(0xc0003000, PAGE_SIZE) == 0x203000);
	assert_true(mappable(0xc0004000, PAGE_SIZE) == ~0ul);
	assert_true(mappable(0xc0002000, 4 * PAGE_SIZE) == ~0ul);
	bus_move(&bus, late, 0xc0000000, PAGE_SIZE);		/* a later one gives way */
	assert_true(mappable(0xc0000000, PAGE_SIZE) == 0x200000);
	assert_ptr_equal(bus_memory(&bus, 0xc0003ff0, 16), memory + 0x3ff0);
	assert_null(bus_memory(&bus, 0xc0003ff0, 17));
	assert_null(bus_memory(&bus, 0xbfffffff, 2));
	bus_move(&bus, a, U64_MAX - sizeof(memory) + 1, sizeof(memory));
	assert_null(bus_memory(&bus, U64_MAX, 2));
	bus_move(&bus, a, 0xc0000800, sizeof(memory));		/* not on a page */
	assert_true(mappable(0xc0002000, PAGE_SIZE) == ~0ul);
	assert_int_equal(bus_back(&bus, a, &m, 0), 0);
	assert_null(bus_memory(&bus, 0xc0002000, 1));
}

static void test_backing_is_the_bound(void **state)
{
	const struct device_ram m = { memory, HPA(0), PAGE_SIZE };
	struct device d = { 0 };
	u32 a = (u32)bus_claim_movable(&bus, BUS_MEMORY, device_io, &d, "frame");

	assert_int_equal(bus_back(&bus, a, &m, BUS_READ), 0);
	bus_move(&bus, a, 0, 16 * PAGE_SIZE);			/* larger than what is behind it */
	assert_null(bus_memory(&bus, PAGE_SIZE, 1));
	assert_true(mappable(PAGE_SIZE, PAGE_SIZE) == ~0ul);
	assert_true(mappable(0, PAGE_SIZE) == 0);
	for (u32 i = 1; i < BUS_BACKED_MAX; i++)
		assert_int_equal(bus_back(&bus, (u32)bus_claim_movable(&bus, BUS_MEMORY, device_io, &d, "x"), &m, 0), 0);
	assert_int_equal(bus_back(&bus, (u32)bus_claim_movable(&bus, BUS_MEMORY, device_io, &d, "x"), &m, 0), -E_NOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_memory_claims_among_ports, setup),
		cmocka_unit_test_setup(test_the_earlier_claim_answers_always, setup),
		cmocka_unit_test_setup(test_access_reaches_its_owner, setup),
		cmocka_unit_test_setup(test_nobody_reads_ones, setup),
		cmocka_unit_test_setup(test_crossing_the_end_reaches_nobody, setup),
		cmocka_unit_test_setup(test_refused_reads_ones, setup),
		cmocka_unit_test_setup(test_overlaps_are_refused, setup),
		cmocka_unit_test_setup(test_impossible_ranges_are_refused, setup),
		cmocka_unit_test_setup(test_table_full, setup),
		cmocka_unit_test_setup(test_backed_claims, setup),
		cmocka_unit_test_setup(test_backing_is_the_bound, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
