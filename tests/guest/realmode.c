/* SPDX-License-Identifier: Apache-2.0 */
/* realmode: a second processor comes up in real mode: segment, interrupt table at 0, port, CPUID, big real mode. */

#include "lib/lib.h"

const char test_name[] = "realmode";

extern volatile u32 ap_big_real;

static volatile u32 ap_ran;

static void ap(u32 i)
{
	ap_ran = i + 100;
}

void test_main(void)
{
	const volatile u8 *report = ap_report();
	u32 r[4];

	apic_enable();
	check(cpu_count() >= 2, "%u processors in the MADT", cpu_count());
	if (cpu_count() < 2)
		return;
	check(cpu_start(1, ap), "processor 1 reached long mode through real mode");
	delay_us(1000);
	cpuid(0, 0, r);
	check(*(volatile u16 *)report == 0x800, "it started at segment %x", *(volatile u16 *)report);
	check(*(volatile u16 *)(report + 2) == 0x4040, "INT 40H in real mode returned %x", *(volatile u16 *)(report + 2));
	check(*(volatile u32 *)(report + 4) == r[1], "CPUID in real mode");
	check(ap_big_real == 0x600df00d, "a write above 1 MiB in big real mode: %x", ap_big_real);
	check(ap_ran == 101, "its C code ran");
}
