/* SPDX-License-Identifier: Apache-2.0 */
/* struct cpu_state to and from the control structure. CR0 and CR4 have two faces: what the hardware runs with, and what
 * the guest sees of the bits that it does not own. */
#include <hv/gmem.h>

#include "../x86.h"
#include "vmx.h"

/* The guest owns these CR4 bits: it changes them without an exit. All others exit when they change. MCE stays on in
 * hardware, as a machine check without it would shut the whole core down. */
#define CR4_HARMLESS (CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_PGE | CR4_PCE | CR4_OSFXSR | \
	CR4_OSXMMEXCPT | CR4_UMIP | CR4_LA57 | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE | CR4_SMEP | CR4_SMAP | CR4_PKE)
/* ... as far as its CPUID has them. */
#define CR4_GUEST_OWNED (CR4_HARMLESS & this_core()->vcpu.cr4_allowed)
#define CR4_HOST_OWNED (~CR4_GUEST_OWNED)

/* CD and NW never reach the hardware: entries do not load them, and the host's caches are the host's. */
#define CR0_HOST_OWNED (CR0_NE | CR0_NW | CR0_CD)

static void segment_get(struct segment *s, enum seg i)
{
	s->sel = (u16)vmread(GUEST_ES_SEL + 2 * i);
	s->attr = (u32)vmread(GUEST_ES_ATTR + 2 * i);
	s->limit = (u32)vmread(GUEST_ES_LIMIT + 2 * i);
	s->base = vmread(GUEST_ES_BASE + 2 * i);
}

static void segment_set(const struct segment *s, enum seg i)
{
	vmwrite(GUEST_ES_SEL + 2 * i, s->sel);
	vmwrite(GUEST_ES_ATTR + 2 * i, s->attr);
	vmwrite(GUEST_ES_LIMIT + 2 * i, s->limit);
	vmwrite(GUEST_ES_BASE + 2 * i, s->base);
}

static void mode_get(struct cpu_state *s)
{
	s->cr0 = (vmread(GUEST_CR0) & ~CR0_HOST_OWNED) | (vmread(CR0_SHADOW) & CR0_HOST_OWNED);
	s->cr3 = vmread(GUEST_CR3);
	s->cr4 = (vmread(GUEST_CR4) & CR4_GUEST_OWNED) | (vmread(CR4_SHADOW) & CR4_HOST_OWNED);
	s->efer = vmread(GUEST_EFER);
	s->rflags = vmread(GUEST_RFLAGS);
	segment_get(&s->seg[SEG_CS], SEG_CS);
	segment_get(&s->seg[SEG_SS], SEG_SS);
}

/* MOV to CR0, CR3 or CR4 would have loaded the four entries of PAE paging. One with reserved bits is made not present:
 * the guest gets its fault at the first use. SDM 3A "PDPTE Registers" */
static void pdptes_load(const struct vcpu *v, u64 cr3)
{
	u64 pdpte[4] = { 0 }, reserved = 0x1e6 | ~((1ul << vmx_phys_bits()) - 1);

	if (!gmem_read(v->guest, GPA(cr3 & 0xffffffe0), pdpte, sizeof(pdpte)))
		memset(pdpte, 0, sizeof(pdpte));
	for (u32 i = 0; i < 4; i++)
		vmwrite(GUEST_PDPTE0 + 2 * i, pdpte[i] & reserved ? 0 : pdpte[i]);
}

static bool mode_differs(const struct cpu_state *a, const struct cpu_state *b)
{
	return (a->cr0 ^ b->cr0) & (CR0_PG | CR0_CD | CR0_NW) || a->cr3 != b->cr3 || a->efer != b->efer ||
		(a->cr4 ^ b->cr4) & (CR4_PAE | CR4_PSE | CR4_PGE | CR4_SMEP);
}

static void mode_set(struct vcpu *v, const struct cpu_state *s)
{
	u64 efer = s->efer & ~(EFER_LMA | EFER_SVME);
	struct cpu_state old;

	mode_get(&old);
	if (efer & EFER_LME && s->cr0 & CR0_PG)
		efer |= EFER_LMA;
	vmwrite(GUEST_CR0, (s->cr0 & ~(CR0_CD | CR0_NW)) | CR0_NE);
	vmwrite(CR0_SHADOW, s->cr0);
	vmwrite(GUEST_CR3, s->cr3);
	vmwrite(GUEST_CR4, (s->cr4 & ~CR4_SMXE) | CR4_MCE | vmx_caps.cr4_fixed0);
	vmwrite(CR4_SHADOW, s->cr4 & ~(CR4_VMXE | CR4_SMXE));
	vmwrite(GUEST_EFER, efer);
	vmwrite(ENTRY_CONTROLS, this_vmx()->entry | (efer & EFER_LMA ? ENTRY_GUEST_64 : 0));
	vmwrite(GUEST_RFLAGS, s->rflags);
	v->exit.rflags = s->rflags;
	segment_set(&s->seg[SEG_CS], SEG_CS);
	segment_set(&s->seg[SEG_SS], SEG_SS);
	if (s->cr0 & CR0_PG && s->cr4 & CR4_PAE && !(efer & EFER_LMA) && mode_differs(&old, s))
		pdptes_load(v, s->cr3);
	/* The emulated MOV to CR would have dropped cached translations. */
	if (mode_differs(&old, s))
		vmx_flush_linear();
}

static void tables_get(struct cpu_state *s)
{
	for (enum seg i = SEG_ES; i < SEG_COUNT; i++)
		segment_get(&s->seg[i], i);
	s->gdtr = (struct desc_table){ vmread(GUEST_GDTR_BASE), (u32)vmread(GUEST_GDTR_LIMIT) };
	s->idtr = (struct desc_table){ vmread(GUEST_IDTR_BASE), (u32)vmread(GUEST_IDTR_LIMIT) };
}

static void tables_set(const struct cpu_state *s)
{
	for (enum seg i = SEG_ES; i < SEG_COUNT; i++)
		segment_set(&s->seg[i], i);
	vmwrite(GUEST_GDTR_BASE, s->gdtr.base);
	vmwrite(GUEST_GDTR_LIMIT, s->gdtr.limit);
	vmwrite(GUEST_IDTR_BASE, s->idtr.base);
	vmwrite(GUEST_IDTR_LIMIT, s->idtr.limit);
}

/* What lives in the processor itself while this guest has the core: the host uses none of it. */
static void rest_get(struct cpu_state *s)
{
	s->cr2 = read_cr2();
	__asm__ volatile("mov %%dr6,%0" : "=r"(s->dr6));
	s->dr7 = vmread(GUEST_DR7);
	s->pat = vmread(GUEST_PAT);
	s->star = rdmsr(MSR_STAR);
	s->lstar = rdmsr(MSR_LSTAR);
	s->cstar = rdmsr(MSR_CSTAR);
	s->sfmask = rdmsr(MSR_SFMASK);
	s->kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
	s->sysenter_cs = vmread(GUEST_SYSENTER_CS);
	s->sysenter_esp = vmread(GUEST_SYSENTER_ESP);
	s->sysenter_eip = vmread(GUEST_SYSENTER_EIP);
}

static void rest_set(const struct cpu_state *s)
{
	write_cr2(s->cr2);
	__asm__ volatile("mov %0,%%dr6" :: "r"((u64)(u32)s->dr6));
	vmwrite(GUEST_DR7, (u32)s->dr7 | BIT32(10));
	vmwrite(GUEST_PAT, s->pat);
	wrmsr_safe(MSR_STAR, s->star);
	wrmsr_safe(MSR_LSTAR, s->lstar);
	wrmsr_safe(MSR_CSTAR, s->cstar);
	wrmsr_safe(MSR_SFMASK, s->sfmask);
	wrmsr_safe(MSR_KERNEL_GS_BASE, s->kernel_gs_base);
	vmwrite(GUEST_SYSENTER_CS, s->sysenter_cs);
	vmwrite(GUEST_SYSENTER_ESP, s->sysenter_esp);
	vmwrite(GUEST_SYSENTER_EIP, s->sysenter_eip);
}

void vmx_get_state(struct vcpu *v, struct cpu_state *s, u32 parts)
{
	if (parts & STATE_MODE)
		mode_get(s);
	if (parts & STATE_SEGS)
		tables_get(s);
	if (parts & STATE_REST)
		rest_get(s);
	if (parts & STATE_REGS) {
		memcpy(s->gpr, v->gpr, sizeof(s->gpr));
		s->gpr[RSP] = vmread(GUEST_RSP);
		s->rip = vmread(GUEST_RIP);
	}
}

void vmx_set_state(struct vcpu *v, const struct cpu_state *s, u32 parts)
{
	if (parts & STATE_FLAGS)
		vmwrite(GUEST_RFLAGS, s->rflags);
	if (parts & STATE_MODE)
		mode_set(v, s);
	if (parts & STATE_SEGS)
		tables_set(s);
	if (parts & STATE_REST)
		rest_set(s);
	if (parts & STATE_REGS) {
		memcpy(v->gpr, s->gpr, sizeof(v->gpr));
		vmwrite(GUEST_RSP, s->gpr[RSP]);
		vmwrite(GUEST_RIP, s->rip);
	}
}

/* The hardware's own CR0 and CR4: they decide, not what the guest sees of them. */
void vmx_code_key(struct vcpu *v, struct code_key *k)
{
	u32 attr = (u32)vmread(GUEST_ES_ATTR + 2 * SEG_CS);
	u64 efer = vmread(GUEST_EFER), cr3 = vmread(GUEST_CR3), cr4 = vmread(GUEST_CR4);

	if (efer & EFER_LMA && attr & SEG_ATTR_L)
		*k = (struct code_key){ v->exit.rip, cr3, CODE_64BIT | cr4 << CODE_CR4_SHIFT };
	else
		*k = code_key_short(v->exit.rip, vmread(GUEST_CR0), cr3, cr4, efer, vmread(GUEST_ES_BASE + 2 * SEG_CS),
			attr & SEG_ATTR_DB);
}

/* Guest fields that no cpu_state holds, and the masks, as after reset. */
void vmx_state_defaults(void)
{
	vmwrite(CR0_MASK, CR0_HOST_OWNED);
	vmwrite(CR4_MASK, CR4_HOST_OWNED);
	vmwrite(GUEST_LINK, U64_MAX);
	vmwrite(GUEST_DEBUGCTL, 0);
	vmwrite(GUEST_BLOCKING, 0);
	vmwrite(GUEST_ACTIVITY, ACTIVITY_ACTIVE);
	vmwrite(GUEST_PENDING_DEBUG, 0);
	vmwrite(GUEST_SMBASE, 0);
	vmwrite(ENTRY_EVENT, 0);
	for (u32 i = 0; i < 4; i++)
		vmwrite(GUEST_PDPTE0 + 2 * i, 0);
}
