/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest learns of the processor. One table of feature bits: what it does not name reads as zero.
 * SDM 2A "CPUID", APM 3 "Appendix E", Linux Documentation/virt/kvm/x86/cpuid.rst. */

#include "policy.h"

#include <hv/lib.h>
#include <hv/own_apic.h>
#include <hv/pool.h>
#include <hv/time.h>

#include "walk.h"

#define ALL 0xffffffffu
#define B(n) BIT32(n)
#define BITS(from, to) ((ALL >> (31 - (to))) & (ALL << (from)))

enum vendor { ANY, INTEL, AMD };

/* pass: bits that the machine's answer decides; on: bits that are always set. */
struct policy_row {
	u32 leaf;
	u16 sub;
	u8 vendor;
	u8 how;
	struct cpuid_regs pass, on;
};

/* Features that the same 80000001H EDX bits of AMD repeat from leaf 1. */
#define FEATURES_SHARED (BITS(0, 8) | BITS(12, 17) | B(23) | B(24))

static const struct policy_row policy[] = {
	{ .leaf = 0x00, .pass = { 0, ALL, ALL, ALL } },
	/* No DTES64, MONITOR, DS-CPL, VMX, SMX, EIST, TM2, CNXT-ID, SDBG, xTPR, PDCM, DCA; x2APIC, TSC deadline and
	 * hypervisor always. No PSN, DS, ACPI, TM, PBE; MTRR, APIC, MCE, MCA always: they are ours. */
	{ .leaf = 0x01, .how = CPUID_FEATURES,
	  .pass = { ALL, BITS(0, 15), B(0) | B(1) | B(9) | B(12) | B(13) | B(17) | B(19) | B(20) | B(22) | B(23) | B(25) |
		B(26) | B(28) | B(29) | B(30), BITS(0, 6) | B(8) | B(11) | B(13) | BITS(15, 17) | B(19) | BITS(23, 27) },
	  .on = { .ecx = B(21) | B(24) | B(31), .edx = B(7) | B(9) | B(12) | B(14) | B(16) } },
	{ .leaf = 0x02, .vendor = INTEL, .pass = { ALL, ALL, ALL, ALL } },
	{ .leaf = 0x04, .how = CPUID_SUBLEAF },
	/* Thermal and power: only "the APIC timer always runs". */
	{ .leaf = 0x06, .on = { .eax = B(2) } },
	/* No SGX, HLE, RTM, resource monitoring, MPX, PT; TSC_ADJUST always. No WAITPKG, CET, TME, LA57, KL, bus-lock
	 * detection, ENQCMD, PKS. No UINTR, SRBDS_CTRL, TSX control, hybrid, LBR, AMX, CORE_CAPABILITIES. */
	{ .leaf = 0x07, .how = CPUID_FEATURES_7,
	  .pass = { 0, B(0) | B(3) | BITS(5, 10) | B(13) | BITS(16, 21) | B(23) | B(24) | BITS(26, 31),
		BITS(0, 3) | B(6) | BITS(8, 12) | B(14) | B(22) | B(25) | B(27) | B(28),
		BITS(2, 4) | B(8) | B(10) | B(14) | B(23) | BITS(26, 29) | B(31) },
	  .on = { .ebx = B(1) } },
	{ .leaf = 0x07, .sub = 1, .how = CPUID_FEATURES_7, .pass = { B(4) | B(5) | BITS(10, 12), 0, 0, B(4) | B(5) | B(14) } },
	{ .leaf = 0x07, .sub = 2, .how = CPUID_FEATURES_7, .pass = { 0, 0, 0, BITS(0, 2) | B(4) } },
	{ .leaf = 0x0b, .how = CPUID_TOPOLOGY },
	{ .leaf = 0x0d, .how = CPUID_XSAVE },
	{ .leaf = 0x80000000, .pass = { 0, ALL, ALL, ALL } },
	{ .leaf = 0x80000001, .vendor = INTEL, .pass = { ALL, 0, B(0) | B(5) | B(8), B(11) | B(20) | B(26) | B(27) | B(29) } },
	/* No SVM, EXTAPIC, OSVW, IBS, SKINIT, WDT, LWP, TCE, performance counters, breakpoint extensions, MONITORX. */
	{ .leaf = 0x80000001, .vendor = AMD,
	  .pass = { ALL, BITS(28, 31), B(0) | BITS(4, 8) | B(11) | B(16) | B(21) | B(22),
		FEATURES_SHARED | B(11) | B(20) | B(22) | BITS(25, 27) | BITS(29, 31) },
	  .on = { .edx = B(9) } },
	{ .leaf = 0x80000002, .pass = { ALL, ALL, ALL, ALL } },
	{ .leaf = 0x80000003, .pass = { ALL, ALL, ALL, ALL } },
	{ .leaf = 0x80000004, .pass = { ALL, ALL, ALL, ALL } },
	{ .leaf = 0x80000005, .vendor = AMD, .pass = { ALL, ALL, ALL, ALL } },
	{ .leaf = 0x80000006, .pass = { ALL, ALL, ALL, ALL } },
	{ .leaf = 0x80000007, .pass = { .edx = B(8) } },
	/* Address widths; CLZERO, XSAVEERPTR, WBNOINVD, IBPB, IBRS, STIBP and their hints, SSBD, SSB_NO. */
	{ .leaf = 0x80000008, .vendor = INTEL, .pass = { BITS(0, 15), B(9), 0, 0 } },
	{ .leaf = 0x80000008, .vendor = AMD,
	  .pass = { BITS(0, 15), B(0) | B(2) | B(9) | B(12) | BITS(14, 19) | B(24) | B(26) | B(28) | B(29), 0, 0 } },
	{ .leaf = 0x80000019, .vendor = AMD, .pass = { ALL, ALL, 0, 0 } },
	{ .leaf = 0x8000001a, .vendor = AMD, .pass = { BITS(0, 2), 0, 0, 0 } },
	{ .leaf = 0x8000001d, .vendor = AMD, .how = CPUID_SUBLEAF },
	{ .leaf = 0x8000001e, .vendor = AMD, .how = CPUID_AMD_ID },
	/* NoNestedDataBp, LFENCE serialises, null selectors clear the base. */
	{ .leaf = 0x80000021, .vendor = AMD, .pass = { B(0) | B(2) | B(6), 0, 0, 0 } },
};

/* MSR 10AH: which flaws the processor has not. No bits of MSRs that guests do not get. */
#define ARCH_CAPABILITIES_PASS (BIT(0) | BIT(1) | BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(8) | BIT(13) | BIT(14) | \
	BIT(15) | BIT(17) | BIT(20) | BIT(24) | BIT(26) | BIT(27) | BIT(28))

#define KVM_PV_EOI B(6)
#define KVM_FEATURES (B(1) | B(3) | B(6) | B(15) | B(24))	/* NOP_IO_DELAY CLOCKSOURCE2 PV_EOI MSI_EXT_DEST_ID
								 * CLOCKSOURCE_STABLE */

static struct cpuid_regs apply(const struct policy_row *p, struct cpuid_regs host)
{
	return (struct cpuid_regs){
		.eax = (host.eax & p->pass.eax) | p->on.eax, .ebx = (host.ebx & p->pass.ebx) | p->on.ebx,
		.ecx = (host.ecx & p->pass.ecx) | p->on.ecx, .edx = (host.edx & p->pass.edx) | p->on.edx,
	};
}

static struct cpuid_leaf *leaf_slot(struct cpuid_table *t, u32 leaf)
{
	return leaf & B(31) ? &t->ext[leaf & 0xff] : &t->basic[leaf];
}

static void sub_add(struct cpuid_table *t, u32 leaf, u32 sub, struct cpuid_regs r)
{
	assert(t->sub_count < SUB_LEAVES_MAX);
	t->sub[t->sub_count++] = (struct cpuid_sub){ leaf, sub, r };
}

static struct cpuid_regs *sub_find(struct cpuid_table *t, u32 leaf, u32 sub)
{
	for (u32 i = 0; i < t->sub_count; i++)
		if (t->sub[i].leaf == leaf && t->sub[i].sub == sub)
			return &t->sub[i].r;
	return NULL;
}

static struct cpuid_regs host_leaf(const struct cpuid_host *h, u32 leaf, u32 sub)
{
	u32 max = h->cpuid(leaf & B(31), 0).eax;

	return leaf > max ? (struct cpuid_regs){ 0 } : h->cpuid(leaf, sub);
}

static void rows_apply(struct cpuid_table *t, const struct cpuid_host *h)
{
	for (u32 i = 0; i < ARRAY_COUNT(policy); i++) {
		const struct policy_row *p = &policy[i];
		struct cpuid_regs r = apply(p, host_leaf(h, p->leaf, p->sub));

		if (p->vendor != ANY && (p->vendor == AMD) != t->amd)
			continue;
		leaf_slot(t, p->leaf)->how = p->how;
		if (p->how == CPUID_FEATURES_7)
			sub_add(t, p->leaf, p->sub, r);
		else
			leaf_slot(t, p->leaf)->r = r;
	}
}

static bool is_amd(const struct cpuid_regs *r)
{
	return (r->ebx == 0x68747541 && r->edx == 0x69746e65) || (r->ebx == 0x6f677948 && r->edx == 0x6e65476e);
}

static u32 log2_up(u32 n)
{
	u32 bits = 0;

	while (BIT(bits) < n)
		bits++;
	return bits;
}

/* One package, one thread a core. SDM 3A "Hierarchical Mapping of Shared Resources". */
static void topology_set(struct cpuid_table *t)
{
	bool many = t->vcpus > 1;

	t->basic[1].r.ebx |= (t->vcpus & 0xff) << 16;
	if (many)
		t->basic[1].r.edx |= B(28);
	if (!t->amd)
		return;
	t->ext[1].r.ecx |= many ? B(1) : 0;
	t->ext[8].r.ecx = t->id_bits << 12 | ((t->vcpus - 1) & 0xff);
}

/* Caches: the inner levels are a core's own, level 3 belongs to all. EAX 25..14: sharers - 1; 31..26 on Intel: cores - 1. */
static void caches_set(struct cpuid_table *t, const struct cpuid_host *h)
{
	u32 leaf = t->amd ? 0x8000001d : 4, all = t->amd ? t->vcpus - 1 : (u32)BIT(t->id_bits) - 1;

	for (u32 sub = 0; sub < 8; sub++) {
		struct cpuid_regs r = host_leaf(h, leaf, sub);

		if (!(r.eax & 31))
			break;
		r.eax &= BITS(0, 13);
		if ((r.eax >> 5 & 7) >= 3)
			r.eax |= (all & 0xfff) << 14;
		if (!t->amd)
			r.eax |= MIN(all, 63u) << 26;
		sub_add(t, leaf, sub, r);
	}
}

/* Extended states that the guest may switch on; each needs its feature, AVX-512 all of its three. */
static u64 xcr0_choose(struct cpuid_table *t, const struct cpuid_host *h)
{
	struct cpuid_regs *seven = sub_find(t, 7, 0);
	u32 host = host_leaf(h, 0x0d, 0).eax, ok = 3;

	if (!(t->basic[1].r.ecx & B(26)) || (host & 3) != 3)
		return 0;
	if (t->basic[1].r.ecx & B(28))
		ok |= host & B(2);
	if ((ok & B(2)) && (seven->ebx & B(16)) && (host & 0xe0) == 0xe0)
		ok |= 0xe0;
	if (seven->ecx & B(3))
		ok |= host & B(9);
	return ok;
}

/* Features that need a state which the guest cannot have go away with it. */
static void features_without_state(struct cpuid_table *t)
{
	struct cpuid_regs *one = &t->basic[1].r, *seven = sub_find(t, 7, 0), *seven1 = sub_find(t, 7, 1);

	if (!t->xcr0_allowed)
		one->ecx &= ~B(26);
	if (!(t->xcr0_allowed & B(2))) {
		one->ecx &= ~(B(12) | B(28) | B(29));			/* FMA AVX F16C */
		seven->ebx &= ~B(5);					/* AVX2 */
		seven->ecx &= ~(B(9) | B(10));				/* VAES VPCLMULQDQ */
		seven1->eax &= ~B(4);
		seven1->edx &= ~(B(4) | B(5));
		t->ext[1].r.ecx &= ~(B(11) | B(16));			/* XOP FMA4 */
	}
	if (!(t->xcr0_allowed & B(5))) {
		seven->ebx &= ~(B(16) | B(17) | B(21) | BITS(26, 28) | B(30) | B(31));
		seven->ecx &= ~(B(1) | B(6) | B(11) | B(12) | B(14));
		seven->edx &= ~(B(2) | B(3) | B(8) | B(23));
		seven1->eax &= ~B(5);
	}
	if (!(t->xcr0_allowed & B(9)))
		seven->ecx &= ~B(3);					/* PKU */
}

/* SDM 1 "Extended Region of an XSAVE Area" */
#define COMPACTED_FIRST (512 + 64)

bool xsavec_area_sound(const u8 *area, u64 mark)
{
	u64 stored;

	memcpy(&stored, area + COMPACTED_FIRST, sizeof(stored));
	return stored == mark;
}

static void xsave_set(struct cpuid_table *t, const struct cpuid_host *h)
{
	t->xcr0_allowed = xcr0_choose(t, h);
	features_without_state(t);
	if (!t->xcr0_allowed)
		return;
	/* XSAVEOPT, XSAVEC, XGETBV with ECX = 1; no XSAVES: no supervisor state is anyone's. */
	t->basic[0x0d].r = (struct cpuid_regs){ host_leaf(h, 0x0d, 1).eax & BITS(0, 2), 0, 0, 0 };
	if (h->xsavec_broken)
		t->basic[0x0d].r.eax &= ~B(1);
	for (u32 i = 2; i < XSAVE_COMPONENTS; i++) {
		struct cpuid_regs r = host_leaf(h, 0x0d, i);

		if (!(t->xcr0_allowed >> i & 1))
			continue;
		t->xsave[i].size = r.eax;
		t->xsave[i].offset = r.ebx;
		t->xsave[i].aligned = r.ecx & B(1);
		sub_add(t, 0x0d, i, (struct cpuid_regs){ r.eax, r.ebx, r.ecx & B(1), 0 });
	}
}

void tsc_ratio(u64 hz, u32 *p, u32 *q)
{
	u64 a = hz, b = NS_PER_S, p0 = 0, q0 = 1, p1 = 1, q1 = 0;

	/* Continued fraction: each step is the best ratio of its size. */
	while (b) {
		u64 k = a / b, p2 = k * p1 + p0, q2 = k * q1 + q0, rest = a % b;

		if (p2 > ALL / 1000000 || q2 > ALL)
			break;
		p0 = p1;
		q0 = q1;
		p1 = p2;
		q1 = q2;
		a = b;
		b = rest;
	}
	*p = (u32)p1;
	*q = q1 ? (u32)q1 : 1;
}

/* The APIC timer counts 1 GHz, the TSC what boot measured: leaves 15H, 16H and 40000010H say the same. A guest that will own
 * its APIC has that timer before, and another one after: it is told nothing and has to measure. */
static void frequencies_set(struct cpuid_table *t, u64 tsc_hz, bool apic_owned)
{
	u32 p, q, mhz = (u32)(tsc_hz / 1000000);

	t->kvm[0x10].r = (struct cpuid_regs){ (u32)(tsc_hz / 1000), apic_owned ? 0 : VLAPIC_TIMER_HZ / 1000, 0, 0 };
	if (t->amd || apic_owned)
		return;
	tsc_ratio(tsc_hz, &p, &q);
	t->basic[0x15].r = (struct cpuid_regs){ q, p, VLAPIC_TIMER_HZ, 0 };
	t->basic[0x16].r = (struct cpuid_regs){ mhz & 0xffff, mhz & 0xffff, VLAPIC_TIMER_HZ / 1000000, 0 };
}

static u64 cr4_allowed(const struct cpuid_table *t, const struct cpuid_regs *seven)
{
	static const struct { u8 reg, bit; u64 cr4; } need[] = {
		{ 3, 1, CR4_VME | CR4_PVI }, { 3, 2, CR4_DE }, { 3, 3, CR4_PSE }, { 3, 4, CR4_TSD }, { 3, 6, CR4_PAE },
		{ 3, 7, CR4_MCE }, { 3, 13, CR4_PGE }, { 3, 24, CR4_OSFXSR }, { 3, 25, CR4_OSXMMEXCPT },
		{ 2, 17, CR4_PCIDE }, { 2, 26, CR4_OSXSAVE }, { 0, 0, CR4_FSGSBASE }, { 0, 7, CR4_SMEP },
		{ 0, 20, CR4_SMAP }, { 1, 2, CR4_UMIP }, { 1, 3, CR4_PKE },
	};
	const u32 word[] = { seven->ebx, seven->ecx, t->basic[1].r.ecx, t->basic[1].r.edx };
	u64 ok = CR4_PCE;	/* RDPMC answers #GP all the same */

	for (u32 i = 0; i < ARRAY_COUNT(need); i++)
		if (word[need[i].reg] >> need[i].bit & 1)
			ok |= need[i].cr4;
	return ok;
}

static void consequences_set(struct cpuid_table *t, const struct cpuid_host *h)
{
	const struct cpuid_regs *seven = sub_find(t, 7, 0);
	u32 speculation = t->amd ? t->ext[8].r.ebx : 0;
	u32 width = t->ext[8].r.eax & 0xff;

	t->cr4_allowed = cr4_allowed(t, seven);
	t->efer_allowed = EFER_SCE | EFER_LME | EFER_LMA | (t->ext[1].r.edx & B(20) ? EFER_NXE : 0) |
		(t->ext[1].r.edx & B(25) ? EFER_FFXSR : 0);
	t->phys_mask = BIT(width >= 32 && width <= 52 ? width : 36) - 1;
	t->has_spec_ctrl = (seven->edx & (B(26) | B(27) | B(31))) || (speculation & (B(14) | B(15) | B(24)));
	t->has_pred_cmd = (seven->edx & B(26)) || (speculation & B(12));
	t->has_flush_cmd = seven->edx & B(28);
	t->has_arch_capabilities = seven->edx & B(29);
	t->arch_capabilities = h->arch_capabilities & ARCH_CAPABILITIES_PASS;
	t->microcode = h->microcode;
}

/* Highest leaves. Intel guests always have 15H and 16H; the linear address width is at most 48 without LA57. */
static void limits_set(struct cpuid_table *t, const struct cpuid_host *h)
{
	u32 ext = h->cpuid(0x80000000, 0).eax;

	t->basic[0].r.eax = t->amd ? MIN(h->cpuid(0, 0).eax, 0x0du) : 0x16;
	t->ext[0].r.eax = MIN(MAX(ext, 0x80000008u), t->amd ? 0x80000021u : 0x80000008u);
	if ((t->ext[8].r.eax >> 8 & 0xff) > 48)
		t->ext[8].r.eax = (t->ext[8].r.eax & 0xff) | 48 << 8;
}

void cpuid_table_build(struct cpuid_table *t, const struct cpuid_host *h, u32 vcpus)
{
	struct cpuid_regs zero = h->cpuid(0, 0);

	memset(t, 0, sizeof(*t));
	t->amd = is_amd(&zero);
	t->vcpus = vcpus;
	t->id_bits = log2_up(vcpus);
	rows_apply(t, h);
	limits_set(t, h);
	topology_set(t);
	caches_set(t, h);
	xsave_set(t, h);
	sub_find(t, 7, 0)->eax = 2;
	/* "KVMKVMKVM": kernels then take x2APIC without remapping and the paravirtual clock. */
	t->kvm_base = 0x40000000;
	t->kvm[0].r = (struct cpuid_regs){ 0x40000010, 0x4b4d564b, 0x564b4d56, 0x4d };
	t->kvm[1].r = (struct cpuid_regs){ h->apic_owned ? KVM_FEATURES & ~KVM_PV_EOI : KVM_FEATURES, 0, 0, 0 };
	if (h->apic_owned && h->no_deadline)
		t->basic[1].r.ecx &= ~B(24);
	frequencies_set(t, h->tsc_hz, h->apic_owned);
	consequences_set(t, h);
}

/* SDM 3A "Microcode Update Signature": write 0, CPUID, read; the revision is in the upper half on Intel. */
static u32 microcode_read(bool amd)
{
	u64 val = 0;

	if (!amd)
		wrmsr_safe(MSR_BIOS_SIGN, 0);
	cpuid(1, 0);
	if (!rdmsr_safe(MSR_BIOS_SIGN, &val))
		return 0;
	return (u32)(amd ? val : val >> 32);
}

const struct cpuid_table *policy_build_cpuid(struct guest *g)
{
	struct cpuid_table *t = pool_alloc((sizeof(*t) + PAGE_SIZE - 1) / PAGE_SIZE, POOL_GUEST);
	struct cpuid_regs zero = cpuid(0, 0);
	struct cpuid_host h = { .cpuid = cpuid, .tsc_hz = timebase.tsc_hz, .xsavec_broken = !xsavec_sound(),
		.apic_owned = g->apic_owned, .no_deadline = !own_apic_has_deadline() };

	if (!t)
		return NULL;
	if (zero.eax >= 7 && cpuid(7, 0).edx & B(29))
		rdmsr_safe(MSR_ARCH_CAPABILITIES, &h.arch_capabilities);
	h.microcode = microcode_read(is_amd(&zero));
	cpuid_table_build(t, &h, g->vcpu_count);
	if (g->plan->hyperv)
		cpuid_hyperv_set(t);
	walk_limits_set((struct walk_limits){ .phys_bits = t->ext[8].r.eax & 0xff ? : 36,
		.page_1g = t->ext[1].r.edx & B(26) });
	return t;
}
