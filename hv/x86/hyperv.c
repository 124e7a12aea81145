/* SPDX-License-Identifier: Apache-2.0 */
/* What a Windows kernel asks of its hypervisor: identity, hypercall page, reference time, APIC registers by MSR, crash
 * parameters. Only for guests whose plan says `hyperv = true`. Hyper-V Top-Level Functional Specification (TLFS). */

#include <hv/gmem.h>
#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/lock.h>
#include <hv/time.h>
#include <hv/virt.h>

#include "policy.h"
#include "walk.h"

enum { GUEST_OS_ID = 0x40000000, HYPERCALL, VP_INDEX, TIME_REF_COUNT = 0x40000020, REFERENCE_TSC, TSC_FREQUENCY,
	APIC_FREQUENCY, APIC_EOI = 0x40000070, APIC_ICR, APIC_TPR, VP_ASSIST_PAGE, CRASH_P0 = 0x40000100,
	CRASH_CTL = 0x40000105 };

#define ENABLE BIT(0)
#define LOCKED BIT(1)
#define CRASH_NOTIFY BIT(63)
#define STATUS_INVALID_HYPERCALL_CODE 2ul
#define REFERENCE_HZ 10000000ul		/* 100 ns */

/* TLFS "Partition Reference TSC Page". */
struct reference_tsc {
	u32 sequence;		/* 0: use the MSR instead */
	u32 reserved;
	u64 scale;		/* time = (TSC * scale >> 64) + offset */
	s64 offset;
};

static u8 *page_of(const struct guest *g, u64 msr)
{
	return gmem_ptr(g, GPA(msr & ~(PAGE_SIZE - 1)), PAGE_SIZE);
}

/* 2^64 * num / den, num < den. */
static u64 fraction(u64 num, u64 den)
{
	u64 rest;

	__asm__("divq %3" : "=a"(rest), "+d"(num) : "0"(0ul), "r"(den) : "cc");
	return rest;
}

/* The guest's TSC counted from 0 when it started, so the offset is 0, unless the guest has moved it on some vcpu: then no
 * line fits all of them. The device lock is held. */
static void reference_publish(const struct guest *g)
{
	u8 *page = g->hyperv.reference_tsc & ENABLE ? page_of(g, g->hyperv.reference_tsc) : NULL;
	struct reference_tsc *live = (struct reference_tsc *)(void *)page;

	if (!page)
		return;
	store_relaxed(&live->sequence, 0u);
	fence_full();
	if (g->hyperv.tsc_moved || timebase.tsc_hz <= REFERENCE_HZ)
		return;
	store_relaxed(&live->scale, fraction(REFERENCE_HZ, timebase.tsc_hz));
	store_relaxed(&live->offset, (s64)0);
	fence_full();
	store_relaxed(&live->sequence, 1u);
}

void hyperv_tsc_moved(struct vcpu *v)
{
	struct guest *g = v->guest;

	if (!g->cpuid->has_hyperv)
		return;
	spin_lock(&g->device_lock);
	g->hyperv.tsc_moved = true;
	reference_publish(g);
	spin_unlock(&g->device_lock);
}

/* The page is the guest's own RAM, which it gives away by this; the instruction is the one of its processor. */
static bool hypercall_write(struct guest *g, u64 val)
{
	static const u8 vmcall[] = { 0x0f, 0x01, 0xc1, 0xc3 }, vmmcall[] = { 0x0f, 0x01, 0xd9, 0xc3 };
	u8 *page;

	if (g->hyperv.hypercall & LOCKED)
		return true;
	if (!g->hyperv.os_id)
		val &= ~ENABLE;
	if (val & ENABLE) {
		page = page_of(g, val);
		if (!page)
			return false;
		memset(page, 0xcc, PAGE_SIZE);
		memcpy(page, g->cpuid->amd ? vmmcall : vmcall, sizeof(vmcall));
	}
	g->hyperv.hypercall = val;
	return true;
}

/* TLFS "Guest Crash Enlightenment": like the panic device, the guest says so and goes on. */
static void crash_write(struct vcpu *v, u64 val)
{
	struct guest *g = v->guest;
	const u64 *p = g->hyperv.crash;

	if (!(val & CRASH_NOTIFY))
		return;
	if (!load_relaxed(&g->panic.claimed))
		fmt_print(g->panic.reason, sizeof(g->panic.reason), "0x%lx 0x%lx 0x%lx 0x%lx 0x%lx", p[0], p[1], p[2], p[3],
			p[4]);
	guest_panicked(g, v, GUEST_PANICKED);
}

static bool write_shared(struct vcpu *v, u32 msr, u64 val)
{
	struct guest *g = v->guest;

	switch (msr) {
	case GUEST_OS_ID:
		g->hyperv.os_id = val;
		if (!val)
			g->hyperv.hypercall &= ~ENABLE;
		return true;
	case HYPERCALL:
		return hypercall_write(g, val);
	case REFERENCE_TSC:
		if (val & ENABLE && !page_of(g, val))
			return false;
		g->hyperv.reference_tsc = val;
		reference_publish(g);
		return true;
	case CRASH_CTL:
		crash_write(v, val);
		return true;
	default:
		if (msr < CRASH_P0 || msr > CRASH_CTL)
			return false;
		g->hyperv.crash[msr - CRASH_P0] = val;
		return true;
	}
}

/* TLFS "Virtual Processor Assist Page": it begins with the word that says "no EOI required". */
static bool assist_write(struct vcpu *v, u64 val)
{
	u8 *page = page_of(v->guest, val);

	if (val & ENABLE && !page)
		return false;
	if (val & ENABLE)
		memset(page, 0, PAGE_SIZE);
	v->hyperv_assist = val;
	vlapic_set_eoi_word(v, val & ENABLE ? (u32 *)(void *)page : NULL);
	return true;
}

/* EOI, ICR and TPR of the local APIC in the mode that it is in. */
static bool apic_write(struct vcpu *v, u32 msr, u64 val)
{
	static const u32 reg[] = { 0xb0, 0x300, 0x80 };
	u32 at = reg[msr - APIC_EOI];

	if (!(v->lapic.base & APIC_BASE_ENABLE) || (msr != APIC_ICR && val >> 32))
		return false;
	if (v->lapic.base & APIC_BASE_X2)
		return vlapic_msr_write(v, MSR_X2APIC + at / 16, msr == APIC_EOI ? 0 : val);
	if (msr == APIC_ICR)
		vlapic_mmio_write(v, at + 16, (u32)(val >> 32));
	vlapic_mmio_write(v, at, (u32)val);
	return true;
}

static bool apic_read(struct vcpu *v, u32 msr, u64 *val)
{
	u32 at = msr == APIC_ICR ? 0x300 : 0x80;

	if (!(v->lapic.base & APIC_BASE_ENABLE) || msr == APIC_EOI)
		return false;
	if (v->lapic.base & APIC_BASE_X2)
		return vlapic_msr_read(v, MSR_X2APIC + at / 16, val);
	*val = vlapic_mmio_read(v, at);
	if (msr == APIC_ICR)
		*val |= (u64)vlapic_mmio_read(v, at + 16) << 32;
	return true;
}

static bool read_shared(const struct guest *g, u32 msr, u64 *val)
{
	switch (msr) {
	case GUEST_OS_ID:	*val = g->hyperv.os_id;					return true;
	case HYPERCALL:		*val = g->hyperv.hypercall;				return true;
	case TIME_REF_COUNT:	*val = mul_div(tsc_now() - g->tsc_start, REFERENCE_HZ, timebase.tsc_hz); return true;
	case REFERENCE_TSC:	*val = g->hyperv.reference_tsc;				return true;
	case TSC_FREQUENCY:	*val = timebase.tsc_hz;					return true;
	case APIC_FREQUENCY:	*val = VLAPIC_TIMER_HZ;					return true;
	case CRASH_CTL:		*val = CRASH_NOTIFY;					return true;
	default:
		if (msr < CRASH_P0 || msr > CRASH_CTL)
			return false;
		*val = g->hyperv.crash[msr - CRASH_P0];
		return true;
	}
}

bool hyperv_msr_read(struct vcpu *v, u32 msr, u64 *val)
{
	bool known;

	if (!v->guest->cpuid->has_hyperv)
		return false;
	if (msr >= APIC_EOI && msr <= APIC_TPR)
		return apic_read(v, msr, val);
	if (msr == VP_INDEX || msr == VP_ASSIST_PAGE) {
		*val = msr == VP_INDEX ? v->index : v->hyperv_assist;
		return true;
	}
	spin_lock(&v->guest->device_lock);
	known = read_shared(v->guest, msr, val);
	spin_unlock(&v->guest->device_lock);
	return known;
}

bool hyperv_msr_write(struct vcpu *v, u32 msr, u64 val)
{
	bool ok;

	if (!v->guest->cpuid->has_hyperv)
		return false;
	if (msr >= APIC_EOI && msr <= APIC_TPR)
		return apic_write(v, msr, val);
	if (msr == VP_ASSIST_PAGE)
		return assist_write(v, val);
	spin_lock(&v->guest->device_lock);
	ok = write_shared(v, msr, val);
	spin_unlock(&v->guest->device_lock);
	return ok;
}

/* TLFS "Hypercall Interface": the result is in RAX, outside of 64-bit code in EDX:EAX. There are none that we know. */
enum verdict hyperv_hypercall(struct vcpu *v)
{
	struct cpu_state s;

	virt->get_state(v, &s, STATE_MODE);
	if (v->exit.cpl || !(s.cr0 & CR0_PE))
		return vcpu_fault(v, VEC_UD, -1);
	v->gpr[RAX] = STATUS_INVALID_HYPERCALL_CODE;
	if (!state_is_64bit(&s))
		v->gpr[RDX] = 0;
	return NEXT;
}
