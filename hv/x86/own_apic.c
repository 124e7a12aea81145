/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of this core's x2APIC, given to its guest and taken back. SDM 3A "Extended XAPIC (x2APIC)". */
#include <hv/own_apic.h>

#include <hv/core.h>
#include <hv/lib.h>
#include <hv/time.h>
#include <hv/vlapic.h>

#include "core_arch.h"
#include "lapic.h"
#include "x86.h"

#define X2(reg) (0x800u + (reg))
enum { TPR = X2(0x08), EOI = X2(0x0b), SVR = X2(0x0f), ISR = X2(0x10), IRR = X2(0x20), LVT_TIMER = X2(0x32),
	INITIAL = X2(0x38), DIVIDE = X2(0x3e), SELF_IPI = X2(0x3f) };
#define LVT_MODE_DEADLINE BIT32(18)
#define SVR_ENABLE BIT32(8)
#define WORDS 8u		/* ISR and IRR are eight registers each */
#define ROUNDS 512u		/* more than there are vectors */

/* Set behind the last look at the doorbell: hv/x86/entry.S */
void idle_wait_closed(const u32 *doorbell);

bool own_apic_possible(void)
{
	return lapic_is_x2();
}

bool own_apic_has_deadline(void)
{
	return lapic_has_deadline();
}

/* The highest vector whose bit is set in eight registers from first on; 0: none. */
static u8 highest(u32 first)
{
	for (u32 i = WORDS; i-- > 0; ) {
		u32 bits = (u32)rdmsr(first + i);

		if (bits)
			return (u8)(i * 32 + 31 - (u32)__builtin_clz(bits));
	}
	return 0;
}

/* Interrupts are let in through a table of their own, where every vector that a guest can send leads to an EOI: in the usual
 * one some are exceptions. */
static void take_strays(void)
{
	idt_load_stray();
	for (u32 i = 0; i < ROUNDS && highest(IRR); i++)
		core_take_interrupts();
	idt_load();
}

/* Meanwhile the vector of spurious interrupts is one that nobody can send: an EOI does not end that one in Bochs, even if it
 * was sent. */
void own_apic_drain(void)
{
	u64 svr;

	if (!lapic_is_x2() || !(highest(ISR) | highest(IRR)))
		return;
	svr = rdmsr(SVR);
	wrmsr(SVR, SVR_ENABLE | VECTOR_NOT_SENT);
	for (u32 i = 0; i < ROUNDS && highest(ISR); i++)
		wrmsr(EOI, 0);
	if (highest(IRR))
		take_strays();
	wrmsr(SVR, svr);
}

/* A count of the 1 GHz timer that the guest has had so far, in those of the machine's; both are divided alike. */
static u32 count_of(u64 count)
{
	u64 ours = mul_div(count, lapic_timer_hz(), VLAPIC_TIMER_HZ);

	return count == 0 ? 0 : (u32)MIN(MAX(ours, 1ul), 0xfffffffful);
}

/* The mode first, which stops the timer, then its start. */
static void give_timer(const struct own_apic *a)
{
	wrmsr(DIVIDE, a->divide);
	wrmsr(LVT_TIMER, a->lvt_timer);
	if (a->lvt_timer & LVT_MODE_DEADLINE)
		own_apic_set_deadline(a->deadline);
	else
		wrmsr(INITIAL, count_of(a->initial));
}

void own_apic_give(const struct own_apic *a)
{
	core_timer_set(~0ul);
	own_apic_drain();
	wrmsr(TPR, a->tpr);
	own_apic_set_svr(a->svr);
	give_timer(a);
}

/* The timer first, so that nothing new comes; what was sent to the guest before is taken out. */
void own_apic_take(void)
{
	lapic_reset();
	own_apic_drain();
}

void own_apic_raise(u8 vector)
{
	wrmsr(SELF_IPI, vector);
}

void own_apic_send(u32 core, u8 vector)
{
	lapic_send(core_table[core].apic_id, ICR_FIXED | vector);
}

u8 own_apic_eoi(void)
{
	u8 vector = highest(ISR);

	wrmsr(EOI, 0);
	return vector;
}

/* While an APIC is disabled by software all of its entries are masked, firmware's thermal one too, and stay so after that. */
void own_apic_set_svr(u32 svr)
{
	wrmsr(SVR, svr);
	if (svr & SVR_ENABLE)
		lapic_thermal();
}

u64 own_apic_deadline(void)
{
	return lapic_has_deadline() ? rdmsr(MSR_TSC_DEADLINE) : 0;
}

/* The mode is set by another WRMSR, which need not be over: SDM 3A "TSC-Deadline Mode". */
void own_apic_set_deadline(u64 tsc)
{
	__asm__ volatile("mfence" ::: "memory");
	if (lapic_has_deadline())
		wrmsr(MSR_TSC_DEADLINE, tsc);
}

void own_apic_idle(void)
{
	u64 begin = tsc_now();

	idle_wait_closed(&this_core()->pub->doorbell);
	this_core()->idle_cycles += tsc_now() - begin;
}
