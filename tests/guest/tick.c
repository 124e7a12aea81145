/* SPDX-License-Identifier: Apache-2.0 */
/* tick: a 250 Hz periodic local APIC timer. Each second, by the TSC, prints how many ticks came and the longest gap, as
 * guests/linux/initrd/ticks.c does. n= seconds, then it checks that no gap was over 2 ticks; 0 or nothing: for ever. */

#include "lib/lib.h"

const char test_name[] = "tick";

#define VECTOR 0x40
#define HZ 250

static volatile u64 count, last, longest;

static void on_tick(struct trap *t)
{
	u64 now = rdtsc();

	(void)t;
	if (last && now - last > longest)
		longest = now - last;
	last = now;
	count++;
	apic_eoi();
}

/* Counts of the APIC timer a second, by the PM timer. */
static u64 apic_timer_hz(void)
{
	apic_write(APIC_TIMER, 0x10000);
	apic_write(APIC_INITIAL, 0xffffffff);
	delay_us(50000);
	return (u64)(0xffffffff - apic_read(APIC_CURRENT)) * 20;
}

void test_main(void)
{
	u64 seconds = boot_number("n=", 0), hz = tsc_hz(), worst = 0, start, before;

	apic_enable();
	if (boot_word("x2apic") && apic_has_x2())
		apic_use_x2();
	trap_set(VECTOR, on_tick);
	apic_write(APIC_INITIAL, 0);
	u32 period = (u32)(apic_timer_hz() / HZ);

	apic_write(APIC_TIMER, 0x20000 | VECTOR);	/* periodic */
	apic_write(APIC_INITIAL, period);
	for (u64 s = 1; !seconds || s <= seconds; s++) {
		start = rdtsc();
		before = count;
		longest = 0;
		while (rdtsc() - start < hz)
			__asm__ volatile("sti; hlt; cli" ::: "memory");
		print("TICKS second=%lu count=%lu max_us=%lu\n", s, count - before, longest / (hz / 1000000 + 1));
		worst = longest > worst ? longest : worst;
		sti();
	}
	cli();
	check(worst <= 2 * hz / HZ, "longest gap %lu us", worst / (hz / 1000000 + 1));
}
