/* SPDX-License-Identifier: Apache-2.0 */
/* hyperv: what a Windows kernel does first with its hypervisor. "crash" on the command line: it tells its crash
 * parameters, then stands still. The plan has hyperv = true. */

#include "lib/lib.h"

const char test_name[] = "hyperv";

#define VEC_SELF 0x51

static u8 hypercall[4096] __attribute__((aligned(4096)));
static struct { volatile u32 sequence; u32 reserved; volatile u64 scale; volatile u64 offset; u8 rest[4072]; }
	reference __attribute__((aligned(4096)));
static volatile u32 assist[1024] __attribute__((aligned(4096)));
static volatile u32 selves, spared, ap_index = 99;


/* As Windows ends an interrupt: where the assist page says so, the bit is all. */
static void on_self(struct trap *t)
{
	(void)t;
	selves++;
	if (assist[0] & 1) {
		assist[0] &= ~1u;
		spared++;
	} else {
		wrmsr(0x40000070, 0);
	}
}

static void on_ap(u32 i) { (void)i; ap_index = (u32)rdmsr(0x40000002); }
static void do_write(u64 msr) { wrmsr((u32)msr, 0xfffffffffffff001); }
static void do_read(u64 msr) { rdmsr((u32)msr); }

static void test_leaves(void)
{
	u32 r[4];

	cpuid(0x40000000, 0, r);
	check(r[0] >= 0x40000005 && r[1] == 0x7263694d && r[2] == 0x666f736f && r[3] == 0x76482074, "Microsoft Hv, %x", r[0]);
	cpuid(0x40000001, 0, r);
	check(r[0] == 0x31237648, "Hv#1");
	cpuid(0x40000003, 0, r);
	check((r[0] & 0xa72) == 0xa72 && r[3] & 0x400, "features %x %x", r[0], r[3]);
	cpuid(0x40000100, 0, r);
	check(r[1] == 0x4b4d564b, "KVM behind it");
}

static u64 call_page(u64 input)
{
	u64 result;

	__asm__ volatile("call *%1" : "=a"(result) : "r"((u64)(uintptr_t)hypercall), "c"(input), "d"(0ul), "0"(~0ul)
		: "r8", "memory", "cc");
	return result;
}

static void test_hypercalls(void)
{
	u64 at = (u64)(uintptr_t)hypercall;

	wrmsr(0x40000001, at | 1);
	check(rdmsr(0x40000001) == at && !hypercall[0], "no hypercall page for a guest without a name");
	wrmsr(0x40000000, 0x8100000000000001);
	wrmsr(0x40000001, at | 1);
	check(hypercall[0] == 0x0f && hypercall[3] == 0xc3, "hypercall page: %x %x %x %x", hypercall[0], hypercall[1],
	      hypercall[2], hypercall[3]);
	check(call_page(0x5c) == 2 && call_page(0) == 2, "unknown hypercalls are answered with 2");
	check(trap_try(do_write, 0x40000001) == 13 && trap_try(do_write, 0x40000021) == 13, "pages outside of RAM: #GP");
	check(trap_try(do_read, 0x40000003) == 13 && trap_try(do_read, 0x40000080) == 13, "MSRs that were not promised: #GP");
}

static u64 page_time(void)
{
	return (u64)((unsigned __int128)rdtsc() * reference.scale >> 64) + reference.offset;
}

static void test_time(void)
{
	u64 before, msr, after, tsc, hz = rdmsr(0x40000022);

	wrmsr(0x40000021, (u64)(uintptr_t)&reference | 1);
	check(reference.sequence != 0 && reference.scale != 0, "reference TSC page: sequence %u", reference.sequence);
	for (u32 i = 0; i < 1000; i++) {
		before = page_time();
		msr = rdmsr(0x40000020);
		after = page_time();
		if (msr + 1 < before || msr > after + 1)
			break;
	}
	check(msr + 1 >= before && msr <= after + 1, "page, counter, page: %lu %lu %lu", before, msr, after);
	tsc = rdtsc();
	before = rdmsr(0x40000020);
	delay_us(50000);
	tsc = rdtsc() - tsc;
	after = rdmsr(0x40000020) - before;
	check(after * (hz / 100000) / 100 > tsc / 100 * 99 && after * (hz / 100000) / 100 < tsc / 100 * 101,
	      "%lu of 100 ns are %lu ticks of %lu Hz", after, tsc, hz);
	check(rdmsr(0x40000023) == 1000000000, "the APIC timer counts 1 GHz");
}

static u32 three_interrupts(void)
{
	u32 start = selves, before;

	sti();
	for (u32 i = 0; i < 3; i++) {
		before = selves;
		wrmsr(0x40000071, 0x40000 | VEC_SELF);
		for (u32 n = 0; n < 100000 && selves == before; n++)
			pause();
	}
	cli();
	return selves - start;
}

static void test_apic(void)
{
	u32 n;

	apic_enable();
	trap_set(VEC_SELF, on_self);
	n = three_interrupts();
	check(n == 3 && spared == 0, "ICR and EOI by MSR: %u of 3 interrupts", n);
	wrmsr(0x40000073, (u64)(uintptr_t)assist | 1);
	n = three_interrupts();
	check(n == 3 && spared > 0, "assist page: %u of 3 interrupts, %u without an EOI", n, spared);
	wrmsr(0x40000073, 0);
	n = three_interrupts();
	check(n == 3, "without it again: %u of 3", n);
	wrmsr(0x40000072, 0x50);
	check(apic_read(APIC_TPR) == 0x50 && rdmsr(0x40000072) == 0x50, "TPR by MSR");
	wrmsr(0x40000072, 0);
}

static void test_index(void)
{
	check(rdmsr(0x40000002) == 0, "VP index of the first processor");
	if (cpu_count() < 2 || !cpu_start(1, on_ap))
		return;
	for (u32 n = 0; n < 1000 && ap_index == 99; n++)
		delay_us(1000);
	check(ap_index == 1, "VP index of the second one: %u", ap_index);
}

void test_main(void)
{
	if (boot_word("crash")) {
		for (u32 i = 0; i < 5; i++)
			wrmsr(0x40000100 + i, 0xb0 + i);
		wrmsr(0x40000105, 1ul << 63);
		for (;;)
			__asm__ volatile("cli; hlt");
	}
	test_leaves();
	test_hypercalls();
	test_time();
	test_apic();
	test_index();
	wrmsr(0x3b, rdmsr(0x3b) + 1000);
	check(reference.sequence == 0, "a TSC that was moved: the page says so");
}
