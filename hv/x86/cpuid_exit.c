/* SPDX-License-Identifier: Apache-2.0 */
/* CPUID of a guest: nearly always one table entry copied. */

#include <hv/virt.h>

#include "policy.h"

static const struct cpuid_leaf leaf_none;

static const struct cpuid_leaf *leaf_find(const struct cpuid_table *t, u32 leaf)
{
	if (leaf < BASIC_LEAVES)
		return &t->basic[leaf];
	if (leaf - 0x80000000u < EXT_LEAVES)
		return &t->ext[leaf - 0x80000000u];
	if (leaf - t->kvm_base < KVM_LEAVES)
		return &t->kvm[leaf - t->kvm_base];
	if (leaf - 0x40000000u < HYPERV_LEAVES)
		return &t->hyperv[leaf - 0x40000000u];
	return &leaf_none;
}

static struct cpuid_regs sub_read(const struct cpuid_table *t, u32 leaf, u32 sub)
{
	for (u32 i = 0; i < t->sub_count; i++)
		if (t->sub[i].leaf == leaf && t->sub[i].sub == sub)
			return t->sub[i].r;
	return (struct cpuid_regs){ 0 };
}

static bool cr4_has(struct vcpu *v, u64 bit)
{
	struct cpu_state s;

	virt->get_state(v, &s, STATE_MODE);
	return s.cr4 & bit;
}

/* Bytes of an XSAVE area with these components. SDM 1 "XSAVE Area": standard and compacted format. */
static u32 xsave_size(const struct cpuid_table *t, u64 components, bool compacted)
{
	u32 size = 512 + 64;

	for (u32 i = 2; i < XSAVE_COMPONENTS; i++) {
		if (!(components >> i & 1))
			continue;
		if (compacted)
			size = (t->xsave[i].aligned ? (u32)ALIGN_UP(size, 64) : size) + t->xsave[i].size;
		else
			size = MAX(size, t->xsave[i].offset + t->xsave[i].size);
	}
	return size;
}

/* XCR0 is read back, not remembered: QEMU's TCG does not intercept XSETBV on SVM, so the guest may have changed it. */
static struct cpuid_regs read_xsave(const struct cpuid_table *t, u32 sub)
{
	struct cpuid_regs r = t->basic[0x0d].r;
	u64 all = t->xcr0_allowed, now;

	if (!all)
		return (struct cpuid_regs){ 0 };
	now = xcr0_read() & all;
	if (sub == 0)
		return (struct cpuid_regs){ (u32)all, xsave_size(t, now, false), xsave_size(t, all, false), 0 };
	if (sub > 1)
		return sub_read(t, 0x0d, sub);
	if (r.eax & BIT32(1))
		r.ebx = xsave_size(t, now, true);
	return r;
}

/* Level 0: the one thread of a core; level 1: the cores of the package. */
static struct cpuid_regs read_topology(const struct vcpu *v, const struct cpuid_table *t, u32 sub)
{
	if (sub == 0)
		return (struct cpuid_regs){ 0, 1, 1 << 8, v->index };
	if (sub == 1)
		return (struct cpuid_regs){ t->id_bits, t->vcpus, 2 << 8 | 1, v->index };
	return (struct cpuid_regs){ 0, 0, sub & 0xff, v->index };
}

/* Leaves that are not a plain table entry. */
static struct cpuid_regs read_special(struct vcpu *v, const struct cpuid_leaf *l, u32 leaf, u32 sub)
{
	const struct cpuid_table *t = v->guest->cpuid;
	struct cpuid_regs r = l->r;

	switch (l->how) {
	case CPUID_FEATURES:
		r.ebx |= v->index << 24;
		if (cr4_has(v, CR4_OSXSAVE))
			r.ecx |= BIT32(27);
		return r;
	case CPUID_FEATURES_7:
		r = sub_read(t, leaf, sub);
		if (sub == 0 && cr4_has(v, CR4_PKE))
			r.ecx |= BIT32(4);
		return r;
	case CPUID_SUBLEAF:
		return sub_read(t, leaf, sub);
	case CPUID_TOPOLOGY:
		return read_topology(v, t, sub);
	case CPUID_XSAVE:
		return read_xsave(t, sub);
	case CPUID_AMD_ID:
		return (struct cpuid_regs){ v->index, v->index & 0xff, 0, 0 };
	default:
		return r;
	}
}

static NOINLINE enum verdict exit_special(struct vcpu *v, const struct cpuid_leaf *l)
{
	struct cpuid_regs r = read_special(v, l, (u32)v->gpr[RAX], (u32)v->gpr[RCX]);

	v->gpr[RAX] = r.eax;
	v->gpr[RBX] = r.ebx;
	v->gpr[RCX] = r.ecx;
	v->gpr[RDX] = r.edx;
	return NEXT;
}

enum verdict exit_cpuid(struct vcpu *v)
{
	const struct cpuid_leaf *l = leaf_find(v->guest->cpuid, (u32)v->gpr[RAX]);

	if (UNLIKELY(l->how != CPUID_PLAIN))
		return exit_special(v, l);
	v->gpr[RAX] = l->r.eax;
	v->gpr[RBX] = l->r.ebx;
	v->gpr[RCX] = l->r.ecx;
	v->gpr[RDX] = l->r.edx;
	return NEXT;
}

u64 policy_cr4_allowed(const struct vcpu *v)
{
	return v->guest->cpuid->cr4_allowed;
}

u64 policy_xcr0_allowed(const struct vcpu *v)
{
	return v->guest->cpuid->xcr0_allowed;
}
