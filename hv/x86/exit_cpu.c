/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/exit_cpu.h>

#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/policy.h>
#include <hv/virt.h>

#include "operand.h"
#include "x86.h"

#define CR0_KNOWN (CR0_PE | CR0_MP | CR0_EM | CR0_TS | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_NW | CR0_CD | CR0_PG)

/* SDM 3A "Control Registers": may the guest load this into CR0? */
static bool cr0_allowed(const struct cpu_state *s, u64 val)
{
	bool pg = val & CR0_PG;

	if (val >> 32 || (pg && !(val & CR0_PE)) || ((val & CR0_NW) && !(val & CR0_CD)))
		return false;
	if (pg && !(s->cr0 & CR0_PG) && (s->efer & EFER_LME))
		return (s->cr4 & CR4_PAE) && !(s->seg[SEG_CS].attr & SEG_ATTR_L);
	if (!pg && (s->efer & EFER_LMA))
		return !(s->seg[SEG_CS].attr & SEG_ATTR_L) && !(s->cr4 & CR4_PCIDE);
	return true;
}

static enum verdict write_cr0_guest(struct vcpu *v, u64 val)
{
	struct cpu_state s;

	virt->get_state(v, &s, STATE_MODE);
	if (!cr0_allowed(&s, val))
		return vcpu_fault(v, VEC_GP, 0);
	s.cr0 = (val & CR0_KNOWN) | CR0_ET;
	if (s.efer & EFER_LME)
		s.efer = s.cr0 & CR0_PG ? s.efer | EFER_LMA : s.efer & ~EFER_LMA;
	virt->set_state(v, &s, STATE_MODE);
	virt->flush(v);
	return NEXT;
}

static enum verdict write_cr4_guest(struct vcpu *v, u64 val)
{
	struct cpu_state s;

	virt->get_state(v, &s, STATE_MODE);
	if (val & ~policy_cr4_allowed(v))
		return vcpu_fault(v, VEC_GP, 0);
	if ((s.efer & EFER_LMA) && !(val & CR4_PAE))
		return vcpu_fault(v, VEC_GP, 0);
	if ((val & CR4_PCIDE) && !(s.cr4 & CR4_PCIDE) && (!(s.efer & EFER_LMA) || (s.cr3 & 0xfff)))
		return vcpu_fault(v, VEC_GP, 0);
	s.cr4 = val;
	virt->set_state(v, &s, STATE_MODE);
	virt->flush(v);
	return NEXT;
}

static enum verdict access_cr8(struct vcpu *v)
{
	u8 gpr = v->exit.cr.gpr;

	if (!v->exit.cr.write) {
		reg_write(v, gpr, false, 8, vlapic_get_cr8(v));
	} else {
		if (v->gpr[gpr] > 15)
			return vcpu_fault(v, VEC_GP, 0);
		vlapic_set_cr8(v, v->gpr[gpr]);
	}
	return NEXT;
}

/* LMSW changes PE, MP, EM and TS only and cannot clear PE; CLTS clears TS. */
static enum verdict short_cr0(struct vcpu *v)
{
	struct cpu_state s;
	u64 val;

	virt->get_state(v, &s, STATE_MODE);
	if (v->exit.cr.clts)
		val = s.cr0 & ~CR0_TS;
	else
		val = (s.cr0 & ~0xeul) | (v->exit.cr.lmsw_value & 0xf);
	return write_cr0_guest(v, val);
}

enum verdict exit_cr(struct vcpu *v)
{
	if (v->exit.cr.gpr == 0xff && !v->exit.cr.clts && !v->exit.cr.lmsw) {
		v->exit.len = insn_length(v);	/* also finds the register */
		if (!v->exit.len)
			return vcpu_fault(v, VEC_UD, -1);
	}
	if (v->exit.cr.clts || v->exit.cr.lmsw)
		return short_cr0(v);
	if (v->exit.cr.gpr >= GPR_COUNT)
		return KILL;
	if (v->exit.cr.nr == 8)
		return access_cr8(v);
	if (v->exit.cr.write && v->exit.cr.nr == 0)
		return write_cr0_guest(v, v->gpr[v->exit.cr.gpr]);
	if (v->exit.cr.write && v->exit.cr.nr == 4)
		return write_cr4_guest(v, v->gpr[v->exit.cr.gpr]);
	return KILL;
}

/* SDM 2D "XSETBV": only XCR0, only components that the guest's CPUID names, x87 always, AVX needs SSE, and so on. */
static bool xcr0_allowed(const struct vcpu *v, u64 val)
{
	u64 avx512 = val & 0xe0;

	if (val & ~policy_xcr0_allowed(v) || !(val & 1))
		return false;
	if ((val & BIT(2)) && !(val & BIT(1)))
		return false;
	return !avx512 || (avx512 == 0xe0 && (val & BIT(2)));
}

enum verdict exit_xsetbv(struct vcpu *v)
{
	u64 val = (u32)v->gpr[RAX] | v->gpr[RDX] << 32;

	if (v->exit.cpl != 0 || (u32)v->gpr[RCX] != 0 || !xcr0_allowed(v, val))
		return vcpu_fault(v, VEC_GP, 0);
	v->xcr0 = val;
	xsetbv(0, val);
	return NEXT;
}

void vcpu_set_dr6(struct vcpu *v, u64 causes)
{
	struct cpu_state s;

	virt->get_state(v, &s, STATE_REST);
	s.dr6 |= causes & 0xe00f;
	virt->set_state(v, &s, STATE_REST);
}
