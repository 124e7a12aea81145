/* SPDX-License-Identifier: Apache-2.0 */
/* timer: TSC, PM timer, PIT and local APIC timer agree; their interrupts come, through PIC, IOAPIC and local APIC. */

#include "lib/lib.h"

const char test_name[] = "timer";

#define PIT_HZ 1193182u
#define VEC_PIC 0x30
#define VEC_IOAPIC 0x41
#define VEC_LAPIC 0x42

static volatile u32 pic_ticks, ioapic_ticks, lapic_ticks;
static u32 tolerance = 5;	/* per cent; tol= on the command line */

static void on_pic(struct trap *t) { (void)t; pic_ticks++; outb(0x20, 0x20); }
static void on_ioapic(struct trap *t) { (void)t; ioapic_ticks++; apic_eoi(); }
static void on_lapic(struct trap *t) { (void)t; lapic_ticks++; apic_eoi(); }

static bool near(u64 got, u64 want)
{
	u64 d = got > want ? got - want : want - got;

	return d * 100 <= want * tolerance;
}

static u16 pit_read(void)
{
	u8 lo, hi;

	outb(0x43, 0);			/* latch channel 0 */
	lo = inb(0x40);
	hi = inb(0x40);
	return (u16)(hi << 8 | lo);
}

static void pit_set(u16 count, u8 mode)
{
	outb(0x43, (u8)(0x30 | mode << 1));
	outb(0x40, (u8)count);
	outb(0x40, (u8)(count >> 8));
}

static void pic_set_up(void)
{
	outb(0x20, 0x11); outb(0x21, VEC_PIC); outb(0x21, 4); outb(0x21, 1);
	outb(0xa0, 0x11); outb(0xa1, VEC_PIC + 8); outb(0xa1, 2); outb(0xa1, 1);
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

static void ioapic_write(u32 reg, u32 v)
{
	*(volatile u32 *)0xfec00000ul = reg;
	*(volatile u32 *)0xfec00010ul = v;
}

static void wait_ms(u32 ms)
{
	sti();
	delay_us(ms * 1000);
	cli();
}

static void test_pit(void)
{
	u16 a;
	u32 d;

	pit_set(0, 2);
	a = pit_read();
	delay_us(20000);
	d = (u16)(a - pit_read());
	check(near(d, PIT_HZ / 50), "PIT counted %u in 20 ms, want %u", d, PIT_HZ / 50);

	pic_set_up();
	trap_set(VEC_PIC, on_pic);
	apic_write(APIC_LINT0, 0x700);	/* ExtINT */
	pit_set(PIT_HZ / 1000, 2);
	outb(0x21, 0xfe);
	wait_ms(200);
	outb(0x21, 0xff);
	check(near(pic_ticks, 200), "PIT at 1 kHz through the PIC: %u interrupts in 200 ms", pic_ticks);
	apic_write(APIC_LINT0, 0x10000);

	trap_set(VEC_IOAPIC, on_ioapic);
	ioapic_write(0x10 + 2 * 2 + 1, apic_id() << 24);
	ioapic_write(0x10 + 2 * 2, VEC_IOAPIC);
	wait_ms(200);
	ioapic_write(0x10 + 2 * 2, 0x10000);
	check(near(ioapic_ticks, 200), "the same through IOAPIC pin 2: %u", ioapic_ticks);
}

/* The software APIC counts 1 GHz and says so in KVM's leaf; the machine's own, in x2APIC mode, says nothing. */
static bool is_software(const char *mode)
{
	u32 r[4];

	cpuid(0x40000010, 0, r);
	return under_hypervisor() && (r[1] || mode[1] == 'a');
}

static void test_lapic(const char *mode)
{
	u32 hz, r[4];

	trap_set(VEC_LAPIC, on_lapic);
	apic_write(APIC_TIMER, 0x10000);
	apic_write(APIC_INITIAL, 0xffffffff);
	delay_us(50000);
	hz = (0xffffffff - apic_read(APIC_CURRENT)) / 50 * 1000;
	check(hz > 1000000, "%s: timer counts %u a second", mode, hz);
	if (is_software(mode))
		check(near(hz, 1000000000), "%s: that is 1 GHz", mode);

	lapic_ticks = 0;
	apic_write(APIC_TIMER, VEC_LAPIC);		/* one-shot */
	apic_write(APIC_INITIAL, hz / 1000);
	wait_ms(50);
	check(lapic_ticks == 1, "%s: one-shot came %u times", mode, lapic_ticks);

	lapic_ticks = 0;
	apic_write(APIC_TIMER, 0x20000 | VEC_LAPIC);	/* periodic */
	apic_write(APIC_INITIAL, hz / 1000);
	wait_ms(200);
	apic_write(APIC_INITIAL, 0);
	apic_write(APIC_TIMER, 0x10000);
	check(near(lapic_ticks, 200), "%s: periodic at 1 kHz came %u times in 200 ms", mode, lapic_ticks);

	cpuid(1, 0, r);
	if (!(r[2] >> 24 & 1))
		return;
	lapic_ticks = 0;
	apic_write(APIC_TIMER, 0x40000 | VEC_LAPIC);	/* TSC deadline */
	u64 start = rdtsc(), deadline = start + tsc_hz() / 100;

	wrmsr(0x6e0, deadline);
	sti();
	while (!lapic_ticks && rdtsc() - start < tsc_hz())
		__asm__ volatile("sti; hlt; cli" ::: "memory");
	cli();
	check(lapic_ticks == 1 && rdtsc() >= deadline, "%s: TSC deadline came %u times, %ld ticks after it", mode,
	      lapic_ticks, (long)(rdtsc() - deadline));
	apic_write(APIC_TIMER, 0x10000);
}

void test_main(void)
{
	u64 t;

	tolerance = (u32)boot_number("tol=", 5);
	t = rdtsc();
	delay_us(50000);
	t = (rdtsc() - t) * 20;
	check(near(t, tsc_hz()), "TSC counts %lu a second, twice the same", t);
	apic_enable();
	test_pit();
	test_lapic("xapic");
	if (!apic_has_x2())
		return;
	apic_use_x2();
	test_lapic("x2apic");
}
