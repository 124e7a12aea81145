/* SPDX-License-Identifier: Apache-2.0 */
/* idle: a guest that does nothing but answer a 250 Hz tick, silently, for ever; make bench counts its exits. Each tick
 * arms the next as an idle Linux does: by TSC deadline where there is one, else by the one-shot count. */

#include "lib/lib.h"

const char test_name[] = "idle";

#define VECTOR 0x40
#define HZ 250
#define TSC_DEADLINE 0x40000
#define MSR_TSC_DEADLINE 0x6e0

static u64 period_tsc;
static u32 period_count;
static bool deadline;

static void arm(void)
{
	if (deadline)
		wrmsr(MSR_TSC_DEADLINE, rdtsc() + period_tsc);
	else
		apic_write(APIC_INITIAL, period_count);
}

static void on_tick(struct trap *t)
{
	(void)t;
	apic_eoi();
	arm();
}

static u32 count_of_period(void)
{
	apic_write(APIC_TIMER, 0x10000);
	apic_write(APIC_INITIAL, 0xffffffff);
	delay_us(10000);
	return (u32)((u64)(0xffffffff - apic_read(APIC_CURRENT)) * 100 / HZ);
}

void test_main(void)
{
	u64 entry = rdtsc();
	u32 r[4];

	cpuid(1, 0, r);
	deadline = r[2] >> 24 & 1;
	apic_enable();
	if (apic_has_x2())
		apic_use_x2();
	trap_set(VECTOR, on_tick);
	period_tsc = tsc_hz() / HZ;
	if (!deadline)
		period_count = count_of_period();
	print("IDLE entry=%lu %s\n", entry, deadline ? "deadline" : "one-shot");
	apic_write(APIC_TIMER, (deadline ? TSC_DEADLINE : 0) | VECTOR);
	arm();
	for (;;)
		__asm__ volatile("sti; hlt; cli" ::: "memory");
}
