/* SPDX-License-Identifier: Apache-2.0 */
/* The two doors to the registers of the software local APIC: the xAPIC page and the x2APIC MSRs. */
#include <hv/vlapic.h>

#include <hv/guest.h>

#include "vlapic_int.h"

#define VERSION 0x00050014u	/* integrated, six LVT entries, no EOI-broadcast suppression */

/* Registers as one bit each, by enum vlapic_register. */
#define REG(r) BIT(r)
#define REGS8(r) (0xfful << (r))
#define REGS_LVT (0x3ful << REG_LVT_TIMER)
#define REGS_READ (REG(REG_ID) | REG(REG_VERSION) | REG(REG_TPR) | REG(REG_PPR) | REG(REG_LDR) | REG(REG_SVR) | \
	REGS8(REG_ISR) | REGS8(REG_TMR) | REGS8(REG_IRR) | REG(REG_ESR) | REG(REG_ICR) | REGS_LVT | \
	REG(REG_TIMER_INITIAL) | REG(REG_TIMER_CURRENT) | REG(REG_TIMER_DIVIDE))
#define REGS_WRITE (REG(REG_TPR) | REG(REG_EOI) | REG(REG_SVR) | REG(REG_ESR) | REG(REG_ICR) | REGS_LVT | \
	REG(REG_TIMER_INITIAL) | REG(REG_TIMER_DIVIDE))
#define X2_READ REGS_READ
#define X2_WRITE (REGS_WRITE | REG(REG_SELF_IPI))
#define XAPIC_ONLY (REG(REG_APR) | REG(REG_RRD) | REG(REG_DFR) | REG(REG_ICR_HIGH))
#define XAPIC_ALL (REGS_READ | REGS_WRITE | XAPIC_ONLY)

/* Bits that software may set. Others: #GP in x2APIC mode, dropped in xAPIC mode. SDM 3A "Reserved Bit Checking". */
static const u64 reg_bits[REG_COUNT] = {
	[REG_TPR]		= 0xff,
	[REG_LDR]		= 0xff000000,
	[REG_DFR]		= 0xf0000000,
	[REG_SVR]		= 0x1ff,
	[REG_ICR]		= 0xffffffff000cdfff,
	[REG_ICR_HIGH]		= 0xff000000,
	[REG_LVT_TIMER]		= 0x700ff,
	[REG_LVT_THERMAL]	= 0x107ff,
	[REG_LVT_PERF]		= 0x107ff,
	[REG_LVT_LINT0]		= 0x1a7ff,
	[REG_LVT_LINT1]		= 0x1a7ff,
	[REG_LVT_ERROR]		= 0x100ff,
	[REG_TIMER_INITIAL]	= 0xffffffff,
	[REG_TIMER_DIVIDE]	= 0xb,
	[REG_SELF_IPI]		= 0xff,
};

/* Delivery status (LVT and ICR bit 12) and remote IRR (LINT bit 14) are read-only: written ones are no error. */
static u64 reg_bits_ignored(u32 reg)
{
	if (reg == REG_LVT_LINT0 || reg == REG_LVT_LINT1)
		return 0x5000;
	return reg >= REG_LVT_TIMER && reg <= REG_LVT_ERROR ? 0x1000 : 0;
}

static u32 read_vector_word(const u64 bits[4], u32 n)
{
	return (u32)(bits[n >> 1] >> (n & 1) * 32);
}

static u32 read_ppr(const struct vlapic *l)
{
	return l->tpr >> 4 >= (u32)l->isrv >> 4 ? l->tpr : l->isrv & 0xf0u;
}

static u32 vlapic_read(struct vcpu *v, u32 reg)
{
	const struct vlapic *l = &v->lapic;
	bool x2 = vlapic_is_x2(l);

	if (reg == REG_PPR || (reg >= REG_ISR && reg < REG_ISR + 8))
		vlapic_settle_eoi(v);
	switch (reg) {
	case REG_ID:		return x2 ? l->id : l->id << 24;
	case REG_VERSION:	return VERSION;
	case REG_TPR:		return l->tpr;
	case REG_PPR:		return read_ppr(l);
	case REG_LDR:		return l->ldr;
	case REG_DFR:		return l->dfr;
	case REG_SVR:		return l->svr;
	case REG_ISR ... REG_ISR + 7:
				return read_vector_word(l->isr, reg - REG_ISR);
	case REG_TMR ... REG_TMR + 7:
				return read_vector_word(l->tmr, reg - REG_TMR);
	case REG_IRR ... REG_IRR + 7:
				return read_vector_word(l->irr, reg - REG_IRR);
	case REG_ESR:		return l->esr;
	case REG_ICR:		return (u32)l->icr;
	case REG_ICR_HIGH:	return (u32)(l->icr >> 32);
	case REG_LVT_TIMER ... REG_LVT_ERROR:
				return l->lvt[reg - REG_LVT_TIMER + LVT_TIMER];
	case REG_TIMER_INITIAL:	return l->timer_initial;
	case REG_TIMER_CURRENT:	return vlapic_timer_current(l);
	case REG_TIMER_DIVIDE:	return l->timer_divide;
	default:		return 0;	/* arbitration, remote read: not on processors with this version */
	}
}

/* Software disable holds what is pending and masks every LVT entry. SDM 3A "Spurious-Interrupt Vector Register". */
static void write_svr(struct vcpu *v, u32 val)
{
	struct vlapic *l = &v->lapic;

	if ((l->svr & ~val) & SVR_ENABLE) {
		if (!l->owned)
			vlapic_timer_write_lvt(v, l->lvt[LVT_TIMER] | LVT_MASKED);
		for (u32 i = 0; i < LVT_COUNT; i++)
			l->lvt[i] |= LVT_MASKED;
	}
	l->svr = val;
	vlapic_publish(v);
	if (l->owned)
		vlapic_own_svr(v);
}

static void write_lvt(struct vcpu *v, u32 reg, u32 val)
{
	struct vlapic *l = &v->lapic;

	if (!(l->svr & SVR_ENABLE))
		val |= LVT_MASKED;
	if (reg == REG_LVT_TIMER)
		vlapic_timer_write_lvt(v, val);
	else
		l->lvt[reg - REG_LVT_TIMER + LVT_TIMER] = val;
}

/* val has no reserved bits any more; the upper half of ICR is in place. */
static void vlapic_write(struct vcpu *v, u32 reg, u32 val)
{
	struct vlapic *l = &v->lapic;

	switch (reg) {
	case REG_EOI:		vlapic_eoi(v);					break;
	case REG_TPR:		l->tpr = val;					break;
	case REG_LDR:		l->ldr = val; vlapic_publish(v);		break;
	case REG_DFR:		l->dfr = val | 0x0fffffff; vlapic_publish(v);	break;
	case REG_SVR:		write_svr(v, val);				break;
	case REG_ESR:		l->esr = l->esr_pending; l->esr_pending = 0;	break;
	case REG_ICR:		vlapic_icr_send(v);				break;
	case REG_LVT_TIMER ... REG_LVT_ERROR:
				write_lvt(v, reg, val);				break;
	case REG_TIMER_INITIAL:	vlapic_timer_write_initial(v, val);		break;
	case REG_TIMER_DIVIDE:	vlapic_timer_write_divide(v, val);		break;
	case REG_SELF_IPI:	vlapic_set_irr(v, (u8)val, false);		break;
	default:		break;						/* read-only */
	}
}

static bool xapic_reachable(const struct vlapic *l)
{
	return (l->base & (APIC_BASE_ENABLE | APIC_BASE_X2)) == APIC_BASE_ENABLE;
}

/* A register is 32 bits at the start of its 16 bytes; of the rest the manual promises nothing. */
u32 vlapic_mmio_read(struct vcpu *v, u32 off)
{
	const struct vlapic *l = &v->lapic;
	u32 reg = off >> 4;

	if (!xapic_reachable(l))
		return ~0u;
	if (reg >= REG_COUNT || !(XAPIC_ALL & REG(reg))) {
		vlapic_record_error(v, ESR_REGISTER_ILLEGAL);
		return 0;
	}
	return off & 0xc ? 0 : vlapic_read(v, reg) >> (off & 3) * 8;
}

void vlapic_mmio_write(struct vcpu *v, u32 off, u32 val)
{
	struct vlapic *l = &v->lapic;
	u32 reg = off >> 4;

	if (!xapic_reachable(l) || off & 0xf)
		return;
	if (reg >= REG_COUNT || !(XAPIC_ALL & REG(reg))) {
		vlapic_record_error(v, ESR_REGISTER_ILLEGAL);
		return;
	}
	val &= (u32)reg_bits[reg];
	if (reg == REG_ICR)
		l->icr = (l->icr & ~0xfffffffful) | val;
	else if (reg == REG_ICR_HIGH)
		l->icr = (u64)val << 32 | (u32)l->icr;
	vlapic_write(v, reg, val);
}

static bool x2apic_write(struct vcpu *v, u32 reg, u64 val)
{
	struct vlapic *l = &v->lapic;

	if (!vlapic_is_x2(l) || reg >= REG_COUNT || !(X2_WRITE & REG(reg)))
		return false;
	if (val & ~reg_bits[reg]) {
		val &= ~reg_bits_ignored(reg);
		if (val & ~reg_bits[reg])
			return false;
	}
	if (reg == REG_ICR)
		l->icr = val & ~BIT(12);
	vlapic_write(v, reg, (u32)val);
	return true;
}

bool vlapic_msr_write(struct vcpu *v, u32 msr, u64 val)
{
	if (msr >= MSR_X2APIC && msr <= MSR_X2APIC_LAST)
		return x2apic_write(v, msr - MSR_X2APIC, val);
	if (msr == MSR_APIC_BASE)
		return vlapic_write_base(v, val);
	if (msr != MSR_TSC_DEADLINE)
		return false;
	if (v->lapic.owned)
		vlapic_own_write_deadline(v, val);
	else
		vlapic_timer_write_deadline(v, val);
	return true;
}

bool vlapic_msr_read(struct vcpu *v, u32 msr, u64 *val)
{
	const struct vlapic *l = &v->lapic;
	u32 reg = msr - MSR_X2APIC;

	if (msr >= MSR_X2APIC && msr <= MSR_X2APIC_LAST) {
		if (!vlapic_is_x2(l) || reg >= REG_COUNT || !(X2_READ & REG(reg)))
			return false;
		*val = reg == REG_ICR ? l->icr : vlapic_read(v, reg);
		return true;
	}
	if (msr == MSR_APIC_BASE)
		*val = l->base;
	else if (msr == MSR_TSC_DEADLINE)
		*val = l->owned ? vlapic_own_read_deadline(v) : l->tsc_deadline;
	else
		return false;
	return true;
}
