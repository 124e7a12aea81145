/* SPDX-License-Identifier: Apache-2.0 */
/* Why VMRUN refused: the checks of APM 2 "Canonicalization and Consistency Checks" (15.5.1), asked again in order. */
#include "vmcb.h"

#define EFER_KNOWN 0x37fd01UL	/* SCE LME LMA NXE SVME LMSLE FFXSR TCE and the later ones up to AIBRSE */
#define CR4_KNOWN 0xf77fffUL	/* all that are defined up to CET, bit 23 */
#define LONG_MODE(b) (((b)->efer & EFER_LME) && ((b)->cr0 & CR0_PG))
#define PHYS_MAX(bits) ((bits) < 64 ? BIT(bits) : ~0ul)

typedef bool check_fn(const struct vmcb *b, u32 phys_bits);

static bool no_svme(const struct vmcb *b, u32 p) { (void)p; return !(b->efer & EFER_SVME); }
static bool nw_without_cd(const struct vmcb *b, u32 p) { (void)p; return (b->cr0 & CR0_NW) && !(b->cr0 & CR0_CD); }
static bool cr0_high(const struct vmcb *b, u32 p) { (void)p; return b->cr0 >> 32; }
static bool cr4_bits(const struct vmcb *b, u32 p) { (void)p; return b->cr4 & ~CR4_KNOWN; }
static bool dr6_high(const struct vmcb *b, u32 p) { (void)p; return b->dr6 >> 32; }
static bool dr7_high(const struct vmcb *b, u32 p) { (void)p; return b->dr7 >> 32; }
static bool efer_bits(const struct vmcb *b, u32 p) { (void)p; return b->efer & ~EFER_KNOWN; }
static bool long_no_pae(const struct vmcb *b, u32 p) { (void)p; return LONG_MODE(b) && !(b->cr4 & CR4_PAE); }
static bool long_no_pe(const struct vmcb *b, u32 p) { (void)p; return LONG_MODE(b) && !(b->cr0 & CR0_PE); }
static bool no_vmrun(const struct vmcb *b, u32 p) { (void)p; return !(b->intercept2 & INTERCEPT2_VMRUN); }
static bool no_asid(const struct vmcb *b, u32 p) { (void)p; return b->asid == 0; }
static bool cet_no_wp(const struct vmcb *b, u32 p) { (void)p; return (b->cr4 & CR4_CET) && !(b->cr0 & CR0_WP); }

/* Above the physical address width nothing may be set, except bit 63 with PCID, which VMRUN does not accept either. */
static bool cr3_bits(const struct vmcb *b, u32 phys_bits)
{
	return LONG_MODE(b) && b->cr3 >= PHYS_MAX(phys_bits);
}

static bool long_cs(const struct vmcb *b, u32 p)
{
	(void)p;
	return LONG_MODE(b) && (b->cr4 & CR4_PAE) && (b->cs.attr & CS_ATTR_L) && (b->cs.attr & CS_ATTR_D);
}

static bool maps_too_high(const struct vmcb *b, u32 phys_bits)
{
	return b->iopm_base + IOPM_SIZE > PHYS_MAX(phys_bits) || b->msrpm_base + MSRPM_SIZE > PHYS_MAX(phys_bits);
}

/* APM 2 "Event Injection" (15.20): reserved types; exceptions that are none. */
static bool event_illegal(const struct vmcb *b, u32 p)
{
	u64 type = (b->eventinj & EVT_TYPE) >> EVT_TYPE_SHIFT, vector = b->eventinj & EVT_VECTOR;

	(void)p;
	if (!(b->eventinj & EVT_VALID))
		return false;
	if (type == EVENT_EXCEPTION)
		return vector == VEC_NMI || vector >= 32;
	return type != EVENT_INTERRUPT && type != EVENT_NMI && type != EVENT_SOFT_INTERRUPT;
}

static bool nested_root(const struct vmcb *b, u32 phys_bits)
{
	return (b->np_enable & 1) && (!b->n_cr3 || b->n_cr3 >= PHYS_MAX(phys_bits));
}

/* Types 2, 3 and above 7 do not exist: APM 2 "PAT Register" (7.8.1). */
static bool pat_illegal(const struct vmcb *b, u32 p)
{
	(void)p;
	for (u32 i = 0; i < 64; i += 8) {
		u64 type = (b->g_pat >> i) & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return b->np_enable & 1;
	}
	return false;
}

static const struct { check_fn *fails; const char *words; } check[] = {
	{ no_svme, "EFER.SVME is clear" },
	{ nw_without_cd, "CR0.NW is set while CR0.CD is clear" },
	{ cr0_high, "CR0 has bits above 31 set" },
	{ cr3_bits, "CR3 has bits above the physical address width set" },
	{ cr4_bits, "CR4 has reserved bits set" },
	{ dr6_high, "DR6 has bits above 31 set" },
	{ dr7_high, "DR7 has bits above 31 set" },
	{ efer_bits, "EFER has reserved bits set" },
	{ long_no_pae, "EFER.LME and CR0.PG are set while CR4.PAE is clear" },
	{ long_no_pe, "EFER.LME and CR0.PG are set while CR0.PE is clear" },
	{ long_cs, "CS has both L and D set in long mode" },
	{ no_vmrun, "the VMRUN intercept is clear" },
	{ maps_too_high, "the IOPM or MSRPM lies above the physical address width" },
	{ event_illegal, "the event to inject does not exist" },
	{ no_asid, "the ASID is 0" },
	{ cet_no_wp, "CR4.CET is set while CR0.WP is clear" },
	{ nested_root, "the nested root is not a physical address" },
	{ pat_illegal, "the guest's PAT holds a memory type that does not exist" },
};

const char *vmcb_check(const struct vmcb *b, u32 phys_bits)
{
	for (u32 i = 0; i < ARRAY_COUNT(check); i++) {
		if (check[i].fails(b, phys_bits))
			return check[i].words;
	}
	return NULL;
}
