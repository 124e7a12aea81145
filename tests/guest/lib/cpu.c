/* SPDX-License-Identifier: Apache-2.0 */
/* Local APIC, clocks, other processors. */

#include "lib.h"

#define AP_PAGE 0x8000ul
#define CPUS_MAX 64
#define APIC_BASE 0xfee00000ul

static bool apic_x2;

u32 apic_read(u32 reg)
{
	return apic_x2 ? (u32)rdmsr(0x800 + (reg >> 4)) : *(volatile u32 *)(APIC_BASE + reg);
}

void apic_write(u32 reg, u32 v)
{
	if (apic_x2)
		wrmsr(0x800 + (reg >> 4), v);
	else
		*(volatile u32 *)(APIC_BASE + reg) = v;
}

void apic_enable(void)
{
	if (apic_x2)
		wrmsr(0x1b, rdmsr(0x1b) | 0xc00);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_TIMER, 0x10000);
	apic_write(APIC_LINT0, 0x10000);
	apic_write(APIC_LINT1, 0x10000);
	apic_write(APIC_DIVIDE, 0xb);		/* by 1 */
	apic_write(APIC_SVR, 0x1ff);
}

bool apic_has_x2(void)
{
	u32 r[4];

	cpuid(1, 0, r);
	return r[2] >> 21 & 1;
}

void apic_use_x2(void)
{
	apic_x2 = true;
	apic_enable();
}

u32 apic_id(void)
{
	return apic_x2 ? apic_read(APIC_ID) : apic_read(APIC_ID) >> 24;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

void apic_send(u32 dest, u32 low)
{
	if (apic_x2) {
		wrmsr(0x830, (u64)dest << 32 | low);
		return;
	}
	apic_write(APIC_ICR_HIGH, dest << 24);
	apic_write(APIC_ICR, low);
	while (apic_read(APIC_ICR) & 0x1000)
		pause();
}

u32 pm_timer(void)
{
	return inl(0x608) & 0xffffff;
}

void delay_us(u32 us)
{
	u64 ticks = (u64)us * PM_TIMER_HZ / 1000000 + 1, passed = 0;
	u32 last = pm_timer(), now, still = 0;

	while (passed < ticks && still < 1000000) {
		pause();
		now = pm_timer();
		still = now == last ? still + 1 : 0;
		passed += (now - last) & 0xffffff;
		last = now;
	}
	if (passed < ticks) {
		check(false, "the PM timer stands still");
		finish();
	}
}

u64 tsc_hz(void)
{
	static u64 hz;
	u64 t;

	if (!hz) {
		t = rdtsc();
		delay_us(50000);
		hz = (rdtsc() - t) * 20;
	}
	return hz;
}

/* ---- processors ---- */
extern const u8 ap_code[], ap_code_end[], ap_real_report[], ap_int40[], ap_int40_end[];
extern volatile u32 ap_stack;
void ap_main(void);
void idt_load(void);

static u32 cpus, cpu_ids[CPUS_MAX];
static u8 stacks[CPUS_MAX][4096] __attribute__((aligned(16)));
static void (*volatile ap_fn)(u32 i);
static volatile u32 ap_index;
volatile u32 cpus_up;

static u32 at32(u64 a) { return *(volatile u32 *)a; }

static void madt_read(u64 madt)
{
	for (u64 e = madt + 44; e + 2 <= madt + at32(madt + 4); e += ((volatile u8 *)e)[1]) {
		volatile u8 *p = (volatile u8 *)e;

		if (p[0] == 0 && p[4] & 1 && cpus < CPUS_MAX)
			cpu_ids[cpus++] = p[3];
		if (p[1] < 2)
			break;
	}
}

/* RSDP by its signature below 1 MiB, then RSDT or XSDT, then "APIC". */
static u64 madt_find(void)
{
	for (u64 r = 0xe0000; r < 0x100000; r += 16) {
		u64 root, step;

		if (at32(r) != 0x20445352 || at32(r + 4) != 0x20525450)
			continue;
		step = *(volatile u8 *)(r + 15) >= 2 ? 8 : 4;
		root = step == 8 ? *(volatile u64 *)(r + 24) : at32(r + 16);
		for (u64 e = root + 36; e < root + at32(root + 4); e += step)
			if (at32(at32(e)) == 0x43495041)
				return at32(e);
	}
	return 0;
}

u32 cpu_count(void)
{
	u64 madt;

	if (!cpus) {
		madt = madt_find();
		if (madt)
			madt_read(madt);
		if (!cpus)
			cpu_ids[cpus++] = 0;
	}
	return cpus;
}

u32 cpu_apic_id(u32 i)
{
	return cpu_ids[i];
}

u32 cpu_index(void)
{
	u32 id = apic_id();

	for (u32 i = 0; i < cpu_count(); i++)
		if (cpu_apic_id(i) == id)
			return i;
	return 0;
}

const volatile u8 *ap_report(void)
{
	return (const volatile u8 *)(AP_PAGE + (u64)(ap_real_report - ap_code));
}

void ap_main(void)
{
	u32 i = ap_index;

	idt_load();
	apic_enable();
	__atomic_fetch_add(&cpus_up, 1, __ATOMIC_SEQ_CST);
	ap_fn(i);
	for (;;)
		__asm__ volatile("sti; hlt");
}

/* The start-up page: the code, and the real-mode handler of interrupt 40H behind it. */
static void ap_page_fill(void)
{
	u64 size = (u64)(ap_code_end - ap_code);
	volatile u16 *entry = (volatile u16 *)(0x40 * 4ul);

	__builtin_memcpy((void *)AP_PAGE, ap_code, size);
	__builtin_memcpy((void *)(AP_PAGE + 0x800), ap_int40, (u64)(ap_int40_end - ap_int40));
	__asm__ volatile("" : "+r"(entry));	/* a real address, whatever the compiler thinks of page 0 */
	entry[0] = 0x800;
	entry[1] = AP_PAGE >> 4;
}

bool cpu_start(u32 i, void (*fn)(u32 i))
{
	u32 before = cpus_up;

	ap_page_fill();
	ap_fn = fn;
	ap_index = i;
	ap_stack = (u32)(u64)&stacks[i][sizeof(stacks[i])];
	apic_send(cpu_ids[i], 0x4500);		/* INIT */
	delay_us(10000);
	for (int k = 0; k < 2 && cpus_up == before; k++) {
		apic_send(cpu_ids[i], 0x4600 | AP_PAGE >> 12);
		for (int us = 0; us < 500000 && cpus_up == before; us += 200)
			delay_us(200);
	}
	return cpus_up != before;
}

extern u64 pd_window[512];

volatile void *window_map(u64 pa)
{
	u64 va = 4ul << 30;

	pd_window[0] = (pa & ~0x1ffffful) | 0x83;
	pd_window[1] = ((pa & ~0x1ffffful) + 0x200000) | 0x83;
	__asm__ volatile("invlpg (%0)" :: "r"(va) : "memory");
	__asm__ volatile("invlpg (%0)" :: "r"(va + 0x200000) : "memory");
	return (volatile void *)(va + (pa & 0x1fffff));
}
