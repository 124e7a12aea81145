/* SPDX-License-Identifier: Apache-2.0 */
#include "lapic.h"

#include <hv/core.h>
#include <hv/log.h>
#include <hv/paging.h>
#include <hv/time.h>

#include "x86.h"

#define APIC_PHYSICAL 0xfee00000ul
#define SEALED __attribute__((section(".sealed")))

enum reg { REG_ID = 0x20, REG_TPR = 0x80, REG_EOI = 0xb0, REG_SVR = 0xf0, REG_ISR = 0x100, REG_ESR = 0x280, REG_ICR = 0x300,
	REG_ICR_HIGH = 0x310, REG_LVT_TIMER = 0x320, REG_LVT_THERMAL = 0x330, REG_LVT_PERF = 0x340, REG_LVT_LINT0 = 0x350,
	REG_LVT_LINT1 = 0x360, REG_LVT_ERROR = 0x370, REG_TIMER_INITIAL = 0x380, REG_TIMER_CURRENT = 0x390,
	REG_TIMER_DIVIDE = 0x3e0 };
#define LVT_MASKED BIT32(16)
#define LVT_TSC_DEADLINE BIT32(18)

static bool x2 SEALED, has_deadline SEALED;
static volatile u32 *regs SEALED;
static u64 timer_hz SEALED;	/* counts a second, divided by 1 */
static u32 thermal_lvt SEALED;	/* the boot core's: firmware may want its SMI on all cores */

/* WRMSR to an x2APIC register or to the deadline does not wait for earlier stores, nor for a locked instruction: a doorbell
 * could arrive before its word. SDM 3A "x2APIC Register Address Space", "TSC-Deadline Mode". */
static void stores_first(void)
{
	__asm__ volatile("mfence; lfence" ::: "memory");
}

static u32 read_reg(enum reg r)
{
	return x2 ? (u32)rdmsr(MSR_X2APIC + (r >> 4)) : regs[r / 4];
}

static void write_reg(enum reg r, u32 v)
{
	if (x2)
		wrmsr(MSR_X2APIC + (r >> 4), v);
	else
		regs[r / 4] = v;
}

int lapic_init(bool x2_allowed)
{
	u32 ecx = cpuid(1, 0).ecx;
	bool on_already = rdmsr(MSR_APIC_BASE) & APIC_BASE_X2;

	x2 = on_already || (x2_allowed && (ecx & BIT32(21)));
	has_deadline = ecx & BIT32(24);
	if (x2)
		return 0;
	regs = mmio_map(HPA(APIC_PHYSICAL), PAGE_SIZE, CACHE_UNCACHED);
	return regs ? 0 : -E_NOMEM;
}

void lapic_enable(void)
{
	u64 base = (rdmsr(MSR_APIC_BASE) & ~0xffffff000ul) | APIC_PHYSICAL | APIC_BASE_ENABLE;

	wrmsr(MSR_APIC_BASE, base);
	if (x2)
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2);
	if (this_core()->is_control)
		thermal_lvt = read_reg(REG_LVT_THERMAL);
	lapic_reset();
	this_core()->x2apic = x2;
}

void lapic_thermal(void)
{
	write_reg(REG_LVT_THERMAL, thermal_lvt ? thermal_lvt : LVT_MASKED);
}

void lapic_reset(void)
{
	write_reg(REG_LVT_PERF, LVT_MASKED);
	write_reg(REG_LVT_LINT0, LVT_MASKED);
	write_reg(REG_LVT_LINT1, LVT_MASKED | 0x400);
	write_reg(REG_LVT_ERROR, LVT_MASKED);
	write_reg(REG_LVT_TIMER, LVT_MASKED);
	write_reg(REG_TIMER_DIVIDE, 0xb);
	write_reg(REG_TIMER_INITIAL, 0);
	write_reg(REG_TPR, 0);
	write_reg(REG_SVR, 0x100 | VECTOR_SPURIOUS);
	lapic_thermal();
	this_core()->timer_armed = ~0ul;
}

void lapic_timer_measure(void)
{
	u64 window = timebase.tsc_hz / 500, t0, t1;
	u32 counted;

	write_reg(REG_TIMER_INITIAL, ~0u);
	t0 = tsc_now();
	counted = read_reg(REG_TIMER_CURRENT);
	do
		t1 = tsc_now();
	while (t1 - t0 < window);
	counted -= read_reg(REG_TIMER_CURRENT);
	write_reg(REG_TIMER_INITIAL, 0);
	timer_hz = mul_div(counted, timebase.tsc_hz, t1 - t0);
	log_info("lapic: %s, timer %lu kHz%s", x2 ? "x2APIC" : "xAPIC", timer_hz / 1000,
		has_deadline ? ", TSC deadline" : "");
}

u32 lapic_id(void)
{
	u32 id = read_reg(REG_ID);

	return x2 ? id : id >> 24;
}

void lapic_eoi(void)
{
	write_reg(REG_EOI, 0);
}

void lapic_send(u32 apic_id, u32 low)
{
	if (x2) {
		stores_first();
		wrmsr(MSR_X2APIC + (REG_ICR >> 4), (u64)apic_id << 32 | low);
		return;
	}
	/* Bounded: a stuck delivery must not hang us. */
	for (int i = 0; i < 100000 && (read_reg(REG_ICR) & BIT32(12)); i++)
		cpu_relax();
	write_reg(REG_ICR_HIGH, apic_id << 24);
	write_reg(REG_ICR, low);
}

static void arm_count(u64 deadline)
{
	u64 now = tsc_now(), ticks = deadline > now ? deadline - now : 1, count;

	count = mul_div(ticks, timer_hz, timebase.tsc_hz);
	write_reg(REG_LVT_TIMER, VECTOR_TIMER);
	write_reg(REG_TIMER_INITIAL, count == 0 ? 1 : (u32)MIN(count, 0xfffffffful));
}

void lapic_timer_arm(u64 deadline)
{
	if (deadline == ~0ul) {
		write_reg(REG_LVT_TIMER, LVT_MASKED);
		write_reg(REG_TIMER_INITIAL, 0);
	} else if (has_deadline) {
		write_reg(REG_LVT_TIMER, VECTOR_TIMER | LVT_TSC_DEADLINE);
		stores_first();		/* also the LVT write, which may be one */
		wrmsr(MSR_TSC_DEADLINE, deadline);
	} else {
		arm_count(deadline);
	}
}

bool lapic_is_x2(void)
{
	return x2;
}

bool lapic_has_deadline(void)
{
	return has_deadline;
}

u64 lapic_timer_hz(void)
{
	return timer_hz;
}

bool lapic_in_service(u8 vector)
{
	return read_reg((enum reg)(REG_ISR + vector / 32 * 0x10)) >> (vector & 31) & 1;
}
