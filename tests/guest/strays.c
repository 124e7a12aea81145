/* SPDX-License-Identifier: Apache-2.0 */
/* strays: messages that nobody has taken when a processor gets an INIT, and when the guest ends. In x2APIC mode, where the
 * guest may have its cores' own local APICs, they are in the hardware then: neither the hypervisor nor the next guest on the
 * core may stumble over them, whatever their vectors. */

#include "lib/lib.h"

const char test_name[] = "strays";

#define FIRST 16u		/* the lowest vector that a local APIC sends */
#define FIRST_HANDLED 32u
#define ROUNDS 13u		/* odd: in the last one its interrupts are off */

static volatile u32 got, ready, open;

static void on_any(struct trap *t)
{
	(void)t;
	got++;
	apic_eoi();
}

/* With interrupts off all that comes stays pending, until the next INIT. */
static void ap(u32 i)
{
	bool takes = open;	/* of its own round */

	(void)i;
	wrmsr(0x1b, rdmsr(0x1b) | 0xc00);
	apic_write(APIC_SVR, 0x1ff);
	__atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		if (takes)
			sti();
		pause();
	}
}

static bool reaches(volatile u32 *what, u32 value)
{
	for (int ms = 0; ms < 2000 && *what < value; ms++)
		delay_us(1000);
	return *what >= value;
}

static void send_all(u32 first)
{
	for (u32 vector = first; vector < 256; vector++)
		apic_send(cpu_apic_id(1), 0x4000 | vector);
}

static void round(u32 n)
{
	open = n & 1;
	got = 0;
	check(cpu_start(1, ap) && reaches(&ready, n + 1), "round %u: the processor did not come back from its INIT", n);
	send_all(open ? FIRST_HANDLED : FIRST);
	if (open)
		check(reaches(&got, 256 - FIRST_HANDLED), "round %u: %u of %u vectors arrived", n, got, 256 - FIRST_HANDLED);
	else
		check(got == 0, "round %u: %u vectors were delivered with interrupts off", n, got);
}

/* What is left for whoever has this core next: every vector, and a timer whose vector is an exception's. */
static void leave(void)
{
	cli();
	send_all(FIRST);
	apic_write(APIC_TIMER, 0x20000 | 17);
	apic_write(APIC_DIVIDE, 0xb);
	apic_write(APIC_INITIAL, 50000);
	for (u32 vector = FIRST; vector < 256; vector++)
		wrmsr(0x83f, vector);
}

void test_main(void)
{
	apic_enable();
	check(apic_has_x2() && cpu_count() == 2, "two processors with x2APIC");
	apic_use_x2();
	for (u32 vector = FIRST_HANDLED; vector < 256; vector++)
		trap_set((u8)vector, on_any);
	for (u32 n = 0; n < ROUNDS; n++)
		round(n);
	leave();
}
