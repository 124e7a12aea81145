/* SPDX-License-Identifier: Apache-2.0 */
/* smp: all processors up; fixed IPIs to each, to all others, to oneself; a ring of IPIs; NMIs. Twice where there is an
 * x2APIC. */

#include "lib/lib.h"

const char test_name[] = "smp";

#define VEC_COUNT 0x50
#define VEC_RING 0x51
#define CPUS_MAX 64
#define ROUNDS 100u

static volatile u32 counted[CPUS_MAX], nmis[CPUS_MAX], ring, ring_end, switch_x2;

static void on_count(struct trap *t)
{
	(void)t;
	counted[cpu_index()]++;
	apic_eoi();
}

static void on_ring(struct trap *t)
{
	(void)t;
	apic_eoi();
	if (++ring < ring_end)
		apic_send(cpu_apic_id((cpu_index() + 1) % cpu_count()), VEC_RING);
}

static void on_nmi(struct trap *t)
{
	(void)t;
	nmis[cpu_index()]++;
}

static bool reaches(volatile u32 *what, u32 value)
{
	sti();
	for (int ms = 0; ms < 2000 && *what < value; ms++)
		delay_us(1000);
	cli();
	return *what >= value;
}

/* Each processor changes its own APIC to x2 mode when told. */
static void ap(u32 i)
{
	(void)i;
	sti();
	while (!switch_x2)
		pause();
	cli();
	wrmsr(0x1b, rdmsr(0x1b) | 0xc00);
	__atomic_fetch_add(&switch_x2, 1, __ATOMIC_SEQ_CST);
}

static void run(const char *mode)
{
	u32 n = cpu_count(), good = 0, before;

	for (u32 i = 0; i < n; i++)
		for (u32 k = 0; k < ROUNDS; k++) {
			before = counted[i];
			apic_send(cpu_apic_id(i), 0x4000 | VEC_COUNT);
			good += reaches(&counted[i], before + 1);
			if (k == 0 && !good)
				break;
		}
	check(good == n * ROUNDS, "%s: %u of %u fixed IPIs arrived", mode, good, n * ROUNDS);

	good = 0;
	u32 all[CPUS_MAX];

	for (u32 i = 0; i < n; i++)
		all[i] = counted[i];
	apic_send(0, 0xc4000 | VEC_COUNT);		/* all excluding self */
	apic_send(0, 0x44000 | VEC_COUNT);		/* self */
	for (u32 i = 0; i < n; i++)
		good += reaches(&counted[i], all[i] + 1);
	check(good == n, "%s: shorthands reached %u of %u", mode, good, n);

	ring = 0;
	ring_end = n * ROUNDS;
	apic_send(cpu_apic_id(n > 1), 0x4000 | VEC_RING);
	good = reaches(&ring, ring_end);
	check(good, "%s: ring of IPIs went %u of %u steps", mode, ring, ring_end);

	good = 0;
	for (u32 i = 1; i < n; i++) {
		before = nmis[i];
		apic_send(cpu_apic_id(i), 0x4400);
		good += reaches(&nmis[i], before + 1);
	}
	check(good == n - 1, "%s: %u of %u NMIs arrived", mode, good, n - 1);
}

void test_main(void)
{
	u32 n, up = 1;

	apic_enable();
	n = cpu_count();
	trap_set(VEC_COUNT, on_count);
	trap_set(VEC_RING, on_ring);
	trap_set(2, on_nmi);
	for (u32 i = 1; i < n; i++)
		up += cpu_start(i, ap);
	check(up == n, "%u of %u processors up", up, n);
	run("xapic");
	if (!apic_has_x2())
		return;
	switch_x2 = 1;
	reaches(&switch_x2, n);
	apic_use_x2();
	run("x2apic");
}
