/* SPDX-License-Identifier: Apache-2.0 */
/* Why did the hardware refuse to enter the guest? It gives a number; here are the manual's checks in its order, each
 * with the words for it. Pure. SDM 3C "Checking and Loading Guest State". */
#include "vmx.h"

#define CHECK(good, words) do { if (!(good)) return (words); } while (0)

#define ATTR_TYPE(s) ((s)->attr & 15)
#define ATTR_S(s) ((s)->attr >> 4 & 1)
#define ATTR_DPL(s) ((s)->attr >> 5 & 3)
#define RPL(s) ((s)->sel & 3)
#define USABLE(s) (!((s)->attr & SEG_ATTR_UNUSABLE))

static bool canonical(u64 addr)
{
	return addr >> 47 == 0 || addr >> 47 == 0x1ffff;
}

static bool guest_64(const struct vmx_guest_fields *g)
{
	return g->entry_controls & ENTRY_GUEST_64;
}

static bool pat_valid(u64 pat)
{
	for (int i = 0; i < 8; i++) {
		u8 type = (u8)(pat >> (8 * i));

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

/* "Checks on Guest Control Registers, Debug Registers, and MSRs" */
static const char *check_control(const struct vmx_guest_fields *g, const struct vmx_caps *c)
{
	bool lme = g->efer & EFER_LME, lma = g->efer & EFER_LMA, paging = g->cr0 & CR0_PG;
	u64 cr0_must = c->cr0_fixed0 & ~(CR0_PE | CR0_PG);

	CHECK((g->cr0 & cr0_must) == cr0_must, "CR0: a bit that must be 1 is 0");
	CHECK(!(g->cr0 & ~c->cr0_fixed1 & ~(CR0_CD | CR0_NW)), "CR0: a bit that must be 0 is 1");
	CHECK(!paging || g->cr0 & CR0_PE, "CR0: paging without protection");
	CHECK((g->cr4 & c->cr4_fixed0) == c->cr4_fixed0, "CR4: a bit that must be 1 is 0");
	CHECK(!(g->cr4 & ~c->cr4_fixed1), "CR4: a bit that this processor does not have");
	CHECK(!(g->cr4 & CR4_CET) || g->cr0 & CR0_WP, "CR4: CET without CR0.WP");
	CHECK(!(g->debugctl & ~0xdfc3ul), "DEBUGCTL: reserved bits");
	CHECK(!guest_64(g) || (paging && g->cr4 & CR4_PAE), "IA-32e mode without CR0.PG and CR4.PAE");
	CHECK(guest_64(g) || !(g->cr4 & CR4_PCIDE), "CR4: PCIDE outside of IA-32e mode");
	CHECK(!(g->cr3 >> g->phys_bits), "CR3: wider than a physical address");
	CHECK(!(g->dr7 >> 32), "DR7: bits above 31");
	CHECK(canonical(g->sysenter_esp) && canonical(g->sysenter_eip), "SYSENTER_ESP or _EIP: not canonical");
	CHECK(pat_valid(g->pat), "PAT: reserved memory type");
	CHECK(!(g->efer & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)), "EFER: reserved bits");
	CHECK(lma == guest_64(g), "EFER: LMA differs from the IA-32e entry control");
	CHECK(!paging || lma == lme, "EFER: LMA differs from LME with paging on");
	return NULL;
}

/* "any bit in 11:0 of the limit 0: G must be 0; any bit in 31:20 set: G must be 1" */
static bool limit_agrees(const struct vmx_segment *s)
{
	bool g = s->attr & SEG_ATTR_G;

	if ((s->limit & 0xfff) != 0xfff && g)
		return false;
	return !(s->limit >> 20) || g;
}

static const char *check_attr(const struct vmx_segment *s, bool system)
{
	CHECK(ATTR_S(s) == !system, system ? "is no system segment" : "is a system segment");
	CHECK(s->attr & SEG_ATTR_P, "not present");
	CHECK(!(s->attr & 0xfffe0f00), "reserved access rights");
	CHECK(limit_agrees(s), "limit and granularity contradict");
	return NULL;
}

static const char *check_v86(const struct vmx_segment *s)
{
	CHECK(s->base == s->sel << 4, "base is not selector * 16 in virtual-8086 mode");
	CHECK(s->limit == 0xffff, "limit is not FFFFH in virtual-8086 mode");
	CHECK(s->attr == 0xf3, "access rights are not F3H in virtual-8086 mode");
	return NULL;
}

static const char *check_cs(const struct vmx_guest_fields *g, const struct vmx_segment *s)
{
	u64 ss_dpl = ATTR_DPL(&g->seg[SEG_SS]), type = ATTR_TYPE(s);

	CHECK(type == 3 || type == 9 || type == 11 || type == 13 || type == 15, "type is no accessed code segment");
	CHECK(type != 3 || ATTR_DPL(s) == 0, "DPL is not 0 for a data type");
	CHECK((type != 9 && type != 11) || ATTR_DPL(s) == ss_dpl, "DPL differs from that of SS");
	CHECK((type != 13 && type != 15) || ATTR_DPL(s) <= ss_dpl, "conforming, with a DPL above that of SS");
	CHECK(!guest_64(g) || !(s->attr & SEG_ATTR_L) || !(s->attr & SEG_ATTR_DB), "L and D both set");
	return NULL;
}

static const char *check_ss(const struct vmx_guest_fields *g, const struct vmx_segment *s)
{
	bool zero_dpl = !(g->cr0 & CR0_PE) || ATTR_TYPE(&g->seg[SEG_CS]) == 3;

	CHECK(!zero_dpl || ATTR_DPL(s) == 0, "DPL is not 0 in real mode");
	if (!USABLE(s))
		return NULL;
	CHECK(ATTR_TYPE(s) == 3 || ATTR_TYPE(s) == 7, "type is no writable accessed data segment");
	return NULL;
}

static const char *check_data(const struct vmx_segment *s)
{
	CHECK(ATTR_TYPE(s) & 1, "type is not accessed");
	CHECK(!(ATTR_TYPE(s) & 8) || ATTR_TYPE(s) & 2, "code that cannot be read");
	return NULL;
}

/* "Checks on Guest Segment Registers" */
static const char *check_segment(const struct vmx_guest_fields *g, enum seg i)
{
	const struct vmx_segment *s = &g->seg[i];
	const char *words;

	if (i <= SEG_GS && g->rflags & RFLAGS_VM)
		return check_v86(s);
	if (i == SEG_FS || i == SEG_GS || i == SEG_TR || (i == SEG_LDTR && USABLE(s)))
		CHECK(canonical(s->base), "base is not canonical");
	CHECK(i == SEG_TR || i == SEG_LDTR || i == SEG_FS || i == SEG_GS || !USABLE(s) || !(s->base >> 32),
		"base above 4 GiB");
	if (i == SEG_SS) {
		words = check_ss(g, s);
		if (words)
			return words;
	}
	if (i == SEG_CS || i == SEG_TR)
		CHECK(USABLE(s), "unusable");
	if (!USABLE(s))
		return NULL;
	words = check_attr(s, i == SEG_LDTR || i == SEG_TR);
	if (words)
		return words;
	switch (i) {
	case SEG_CS:	return check_cs(g, s);
	case SEG_SS:	return NULL;
	case SEG_LDTR:
		CHECK(!(s->sel & 4) && ATTR_TYPE(s) == 2, "not an LDT of the GDT");
		return NULL;
	case SEG_TR:
		CHECK(!(s->sel & 4), "not of the GDT");
		CHECK(ATTR_TYPE(s) == 11 || (ATTR_TYPE(s) == 3 && !guest_64(g)), "type is no busy TSS");
		return NULL;
	default:	return check_data(s);
	}
}

/* "Checks on Guest Descriptor-Table Registers", "Checks on Guest RIP, RFLAGS, and SSP" */
static const char *check_tables(const struct vmx_guest_fields *g)
{
	bool code_64 = guest_64(g) && g->seg[SEG_CS].attr & SEG_ATTR_L;
	bool interrupt = g->event & EVENT_VALID && EVENT_TYPE(g->event) == EVENT_INTERRUPT;

	CHECK(canonical(g->gdtr_base) && canonical(g->idtr_base), "GDTR or IDTR: base is not canonical");
	CHECK(!(g->gdtr_limit >> 16) && !(g->idtr_limit >> 16), "GDTR or IDTR: limit above FFFFH");
	CHECK(code_64 || !(g->rip >> 32), "RIP: above 4 GiB outside of 64-bit code");
	CHECK(!code_64 || canonical(g->rip), "RIP: not canonical");
	CHECK(!(g->rflags & 0xffffffffffc08028), "RFLAGS: reserved bits");
	CHECK(g->rflags & RFLAGS_FIXED, "RFLAGS: bit 1 is 0");
	CHECK(!(g->rflags & RFLAGS_VM) || (!guest_64(g) && g->cr0 & CR0_PE), "RFLAGS: VM in real or IA-32e mode");
	CHECK(!interrupt || g->rflags & RFLAGS_IF, "RFLAGS: an interrupt is injected with IF 0");
	return NULL;
}

/* "Checks on Guest Non-Register State" */
static const char *check_blocking(const struct vmx_guest_fields *g)
{
	u64 b = g->blocking, sti_ss = b & (BLOCKED_STI | BLOCKED_MOV_SS);
	bool valid = g->event & EVENT_VALID;
	u32 type = EVENT_TYPE(g->event);
	bool steps = g->rflags & RFLAGS_TF && !(g->debugctl & BIT(1));

	CHECK(g->activity <= ACTIVITY_WAIT_SIPI, "activity state: unknown");
	CHECK(g->activity != ACTIVITY_HLT || ATTR_DPL(&g->seg[SEG_SS]) == 0, "activity state: HLT outside of ring 0");
	CHECK(g->activity == ACTIVITY_ACTIVE || !sti_ss, "activity state: not active under STI or MOV SS blocking");
	CHECK(!(b & ~0x1ful), "interruptibility: reserved bits");
	CHECK(sti_ss != (BLOCKED_STI | BLOCKED_MOV_SS), "interruptibility: STI and MOV SS blocking at once");
	CHECK(!(b & BLOCKED_STI) || g->rflags & RFLAGS_IF, "interruptibility: STI blocking with IF 0");
	CHECK(!valid || type != EVENT_INTERRUPT || !sti_ss, "interruptibility: an interrupt is injected into a shadow");
	CHECK(!valid || type != EVENT_NMI || !(b & BLOCKED_MOV_SS), "interruptibility: an NMI is injected under MOV SS");
	CHECK(!valid || type != EVENT_NMI || !(b & BLOCKED_NMI),
		"interruptibility: an NMI is injected while one is in service");
	CHECK(!(b & BLOCKED_SMI), "interruptibility: SMI blocking");
	CHECK(!(g->pending_debug & ~0x1500ful), "pending debug exceptions: reserved bits");
	CHECK(!sti_ss || steps == !!(g->pending_debug & PENDING_DEBUG_BS), "pending debug exceptions: BS contradicts TF");
	CHECK(g->link == U64_MAX, "link pointer: not all ones");
	return NULL;
}

/* "Checks on Guest Page-Directory-Pointer-Table Entries" */
static const char *check_pdptes(const struct vmx_guest_fields *g)
{
	u64 reserved = 0x1e6 | ~((1ul << g->phys_bits) - 1);

	if (!(g->cr0 & CR0_PG) || !(g->cr4 & CR4_PAE) || guest_64(g))
		return NULL;
	for (int i = 0; i < 4; i++)
		CHECK(!(g->pdpte[i] & 1) || !(g->pdpte[i] & reserved), "PDPTE: reserved bits");
	return NULL;
}

static const char *check_segments(const struct vmx_guest_fields *g, char *to, size_t size)
{
	static const char *const name[SEG_COUNT] = { "ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR" };
	const char *words;

	for (enum seg i = SEG_ES; i < SEG_COUNT; i++) {
		words = check_segment(g, i);
		if (words) {
			fmt_print(to, size, "%s: %s", name[i], words);
			return to;
		}
	}
	return NULL;
}

const char *vmx_check_guest(const struct vmx_guest_fields *g, const struct vmx_caps *caps, char *to, size_t size)
{
	const char *words = check_control(g, caps);

	words = words ? words : check_segments(g, to, size);
	words = words ? words : check_tables(g);
	words = words ? words : check_blocking(g);
	words = words ? words : check_pdptes(g);
	return words;
}

/* SDM 3C "VM Instruction Error Numbers" */
const char *vmx_insn_error(u32 number)
{
	static const char *const words[] = {
		[1] = "VMCALL executed in VMX root operation",
		[2] = "VMCLEAR with invalid physical address",	[3] = "VMCLEAR with VMXON pointer",
		[4] = "VMLAUNCH with a control structure that is not clear",
		[5] = "VMRESUME with a control structure that was not launched",
		[6] = "VMRESUME after VMXOFF",
		[7] = "VM entry with invalid control fields",	[8] = "VM entry with invalid host-state fields",
		[9] = "VMPTRLD with invalid physical address",	[10] = "VMPTRLD with VMXON pointer",
		[11] = "VMPTRLD with incorrect revision identifier",
		[12] = "access to a control-structure field that does not exist",
		[13] = "VMWRITE to a read-only field",		[15] = "VMXON executed in VMX root operation",
		[16] = "VM entry with invalid executive pointer",
		[17] = "VM entry with an executive control structure that was not launched",
		[18] = "VM entry with executive pointer not the VMXON pointer",
		[20] = "VMCALL with invalid exit control fields",
		[26] = "VM entry with events blocked by MOV SS",
		[28] = "invalid operand to INVEPT or INVVPID",
	};

	return number < ARRAY_COUNT(words) && words[number] ? words[number] : "unknown VM-instruction error";
}
