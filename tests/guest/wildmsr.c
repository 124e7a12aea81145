/* SPDX-License-Identifier: Apache-2.0 */
/* wildmsr: reads and writes MSRs all over the place. Each access works or is #GP; afterwards the machine still runs.
 * "nowrite" on the command line only reads. */

#include "lib/lib.h"

const char test_name[] = "wildmsr";

static u64 value;

static void do_read(u64 msr) { value = rdmsr((u32)msr); }
static void do_write(u64 msr) { wrmsr((u32)msr, value); }

static const struct { u32 first, last; } ranges[] = {
	{ 0, 0x2000 }, { 0x40000000, 0x40000200 }, { 0x4b564d00, 0x4b564d10 }, { 0x80000000, 0x80000010 },
	{ 0xbffffff0, 0xc0000200 }, { 0xc0001f00, 0xc0002100 }, { 0xc0010000, 0xc0010300 }, { 0xc0011000, 0xc0011100 },
	{ 0xffffff00, 0xfffffffe },
};

/* A wild value here rightly changes how this very program runs. */
static bool may_write_wild(u32 msr)
{
	return msr != 0x1b && msr != 0x277 && msr != 0x2ff && !(msr >= 0x200 && msr < 0x270) && msr != 0xc0000080 &&
		!(msr >= 0x4b564d00 && msr < 0x4b564d10) && msr != 0x11 && msr != 0x12 && !(msr >= 0x800 && msr < 0x900);
}

static u32 reads, read_faults, write_faults, odd;

static void expect(int vector, u32 *faults, u32 msr, const char *what)
{
	*faults += vector == 13;
	if (vector != -1 && vector != 13) {
		odd++;
		print("odd: %s of MSR %x: vector %d\n", what, msr, vector);
	}
}

static void one(u32 msr, bool write)
{
	int v = trap_try(do_read, msr);

	reads++;
	expect(v, &read_faults, msr, "read");
	if (!write)
		return;
	if (v == -1)
		expect(trap_try(do_write, msr), &write_faults, msr, "write of its own value");
	if (may_write_wild(msr)) {
		u64 own = value;

		value = 0xdeadbeefcafef00d;
		expect(trap_try(do_write, msr), &write_faults, msr, "wild write");
		value = own;
		if (v == -1)
			trap_try(do_write, msr);
	}
}

void test_main(void)
{
	bool write = !boot_word("nowrite");
	u32 r[4];

	for (u32 i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		for (u32 msr = ranges[i].first; msr <= ranges[i].last; msr++)
			one(msr, write);
	check(odd == 0, "%u MSRs: %u reads and %u writes refused with #GP, %u odd", reads, read_faults, write_faults, odd);
	cpuid(1, 0, r);
	check(r[0] != 0 && rdmsr(0xc0000080) & 0x400, "still in 64-bit mode, CPUID works");
	if (under_hypervisor())
		check(trap_try(do_read, 0x1fff) == 13, "MSR 1FFFH does not exist");
}
