/* SPDX-License-Identifier: Apache-2.0 */
#include "vmcb.h"

#include <hv/lib.h>

struct segment vmcb_segment_get(const struct vmcb_segment *from, enum seg seg)
{
	u32 low = from->attr & 0xffu, high = (from->attr >> 8) & 0xfu;
	struct segment s = { .sel = from->sel, .attr = low | high << 12, .limit = from->limit, .base = from->base };

	/* APM 2 "Segment State in the VMCB": P is kept, hidden bits of a null segment are not dependable. */
	if (!(s.attr & SEG_ATTR_P))
		s.attr = (s.attr & ~SEG_ATTR_DB) | SEG_ATTR_UNUSABLE;
	if (seg == SEG_TR)
		s.attr |= 2;	/* always busy while it is loaded */
	return s;
}

struct vmcb_segment vmcb_segment_set(const struct segment *from)
{
	u32 attr = (from->attr & 0xffu) | ((from->attr >> 12) & 0xfu) << 8;

	if (from->attr & SEG_ATTR_UNUSABLE)
		attr &= ~SEG_ATTR_P;
	return (struct vmcb_segment){ .sel = from->sel, .attr = (u16)attr, .limit = from->limit, .base = from->base };
}

void vmcb_code_key(const struct vmcb *b, struct code_key *k)
{
	if (b->efer & EFER_LMA && b->cs.attr & CS_ATTR_L)
		*k = (struct code_key){ b->rip, b->cr3, CODE_64BIT | b->cr4 << CODE_CR4_SHIFT };
	else
		*k = code_key_short(b->rip, b->cr0, b->cr3, b->cr4, b->efer, b->cs.base, b->cs.attr & CS_ATTR_D);
}

static void get_mode(const struct vmcb *b, struct cpu_state *s)
{
	s->cr0 = b->cr0;
	s->cr3 = b->cr3;
	s->cr4 = b->cr4;
	s->efer = b->efer & ~EFER_SVME;
	s->rflags = b->rflags;
	s->seg[SEG_CS] = vmcb_segment_get(&b->cs, SEG_CS);
	s->seg[SEG_SS] = vmcb_segment_get(&b->ss, SEG_SS);
	/* The CPL has a field of its own; SS.DPL can differ from it after SYSRET: APM 2 "State Saved on Exit". */
	s->seg[SEG_SS].attr = (s->seg[SEG_SS].attr & ~(3u << 5)) | (b->cpl & 3u) << 5;
}

static void get_segs(const struct vmcb *b, struct cpu_state *s)
{
	s->seg[SEG_ES] = vmcb_segment_get(&b->es, SEG_ES);
	s->seg[SEG_DS] = vmcb_segment_get(&b->ds, SEG_DS);
	s->seg[SEG_FS] = vmcb_segment_get(&b->fs, SEG_FS);
	s->seg[SEG_GS] = vmcb_segment_get(&b->gs, SEG_GS);
	s->seg[SEG_LDTR] = vmcb_segment_get(&b->ldtr, SEG_LDTR);
	s->seg[SEG_TR] = vmcb_segment_get(&b->tr, SEG_TR);
	s->gdtr = (struct desc_table){ .base = b->gdtr.base, .limit = b->gdtr.limit };
	s->idtr = (struct desc_table){ .base = b->idtr.base, .limit = b->idtr.limit };
}

static void get_rest(const struct vmcb *b, struct cpu_state *s)
{
	s->cr2 = b->cr2;
	s->dr6 = b->dr6;
	s->dr7 = b->dr7;
	s->pat = b->g_pat;
	s->star = b->star;
	s->lstar = b->lstar;
	s->cstar = b->cstar;
	s->sfmask = b->sfmask;
	s->kernel_gs_base = b->kernel_gs_base;
	s->sysenter_cs = b->sysenter_cs;
	s->sysenter_esp = b->sysenter_esp;
	s->sysenter_eip = b->sysenter_eip;
}

void vmcb_get_state(const struct vmcb *b, struct cpu_state *s, u32 parts)
{
	if (parts & (STATE_MODE | STATE_SEGS))
		get_mode(b, s);
	if (parts & STATE_SEGS)
		get_segs(b, s);
	if (parts & STATE_REGS) {
		s->rip = b->rip;
		s->gpr[RSP] = b->rsp;
	}
	if (parts & STATE_REST)
		get_rest(b, s);
}

static void set_cs_ss(struct vmcb *b, const struct cpu_state *s)
{
	b->cs = vmcb_segment_set(&s->seg[SEG_CS]);
	b->ss = vmcb_segment_set(&s->seg[SEG_SS]);
	b->cpl = (s->seg[SEG_SS].attr >> 5) & 3;
	vmcb_dirty(b, CLEAN_SEG);
}

static bool set_mode(struct vmcb *b, const struct cpu_state *s)
{
	u64 efer = (s->efer & ~EFER_LMA) | EFER_SVME;
	bool stale;

	if ((efer & EFER_LME) && (s->cr0 & CR0_PG))
		efer |= EFER_LMA;
	/* VMRUN drops no translations of an ASID by itself, whatever changed: APM 2 "TLB Flush". */
	stale = b->cr0 != s->cr0 || b->cr3 != s->cr3 || b->cr4 != s->cr4 || b->efer != efer;
	b->cr0 = s->cr0;
	b->cr3 = s->cr3;
	b->cr4 = s->cr4;
	b->efer = efer;
	b->rflags = s->rflags;
	vmcb_dirty(b, CLEAN_CR);
	set_cs_ss(b, s);
	return stale;
}

static void set_segs(struct vmcb *b, const struct cpu_state *s)
{
	set_cs_ss(b, s);
	b->es = vmcb_segment_set(&s->seg[SEG_ES]);
	b->ds = vmcb_segment_set(&s->seg[SEG_DS]);
	b->fs = vmcb_segment_set(&s->seg[SEG_FS]);
	b->gs = vmcb_segment_set(&s->seg[SEG_GS]);
	b->ldtr = vmcb_segment_set(&s->seg[SEG_LDTR]);
	b->tr = vmcb_segment_set(&s->seg[SEG_TR]);
	b->gdtr = (struct vmcb_segment){ .base = s->gdtr.base, .limit = s->gdtr.limit };
	b->idtr = (struct vmcb_segment){ .base = s->idtr.base, .limit = s->idtr.limit };
	vmcb_dirty(b, CLEAN_SEG | CLEAN_DT);
}

static void set_rest(struct vmcb *b, const struct cpu_state *s)
{
	b->cr2 = s->cr2;
	b->dr6 = s->dr6;
	b->dr7 = s->dr7;
	b->g_pat = s->pat;
	b->star = s->star;
	b->lstar = s->lstar;
	b->cstar = s->cstar;
	b->sfmask = s->sfmask;
	b->kernel_gs_base = s->kernel_gs_base;
	b->sysenter_cs = s->sysenter_cs;
	b->sysenter_esp = s->sysenter_esp;
	b->sysenter_eip = s->sysenter_eip;
	vmcb_dirty(b, CLEAN_CR2 | CLEAN_DR | CLEAN_NP);
}

bool vmcb_set_state(struct vmcb *b, const struct cpu_state *s, u32 parts)
{
	bool stale = false;

	if (parts & STATE_FLAGS)
		b->rflags = s->rflags;
	if (parts & STATE_MODE)
		stale = set_mode(b, s);
	if (parts & STATE_SEGS)
		set_segs(b, s);
	if (parts & STATE_REGS) {
		b->rip = s->rip;
		b->rsp = s->gpr[RSP];
	}
	if (parts & STATE_REST)
		set_rest(b, s);
	return stale;
}

void vmcb_reset_state(struct vmcb *b)
{
	struct cpu_state s;

	memset(&s, 0, sizeof(s));
	for (u32 i = 0; i < SEG_COUNT; i++)
		s.seg[i] = (struct segment){ .limit = 0xffff, .attr = 0x93 };
	s.seg[SEG_CS] = (struct segment){ .sel = 0xf000, .base = 0xffff0000, .limit = 0xffff, .attr = 0x9b };
	s.seg[SEG_LDTR].attr = 0x82;
	s.seg[SEG_TR].attr = 0x8b;
	s.gdtr.limit = 0xffff;
	s.idtr.limit = 0xffff;
	s.rip = 0xfff0;
	s.rflags = RFLAGS_FIXED;
	s.cr0 = CR0_CD | CR0_NW | CR0_ET;
	s.dr6 = 0xffff0ff0;
	s.dr7 = 0x400;
	s.pat = 0x0007040600070406;
	vmcb_set_state(b, &s, STATE_ALL);
	b->rax = 0;
}

/* Room that is left, so that lines may be added one after another: at most what was written counts. */
static int advance(int len, int added, size_t size)
{
	int sum = len + added;

	return sum < (int)size ? sum : (int)size;
}

int vmcb_dump(const struct vmcb *b, char *to, size_t size)
{
	int n = 0;

	if (!size)
		return 0;
	n = advance(n, fmt_print(to, size, "exit %llx info %llx %llx delivering %llx queued %llx virtual %llx next rip %llx\n",
		(unsigned long long)b->exitcode, (unsigned long long)b->exitinfo1, (unsigned long long)b->exitinfo2,
		(unsigned long long)b->exitintinfo, (unsigned long long)b->eventinj,
		(unsigned long long)b->vintr, (unsigned long long)b->nrip), size);
	n = advance(n, fmt_print(to + n, size - (size_t)n, "rip %llx rsp %llx rflags %llx cpl %u shadow %u\n",
		(unsigned long long)b->rip, (unsigned long long)b->rsp, (unsigned long long)b->rflags, b->cpl,
		(u32)b->shadow & 1), size);
	n = advance(n, fmt_print(to + n, size - (size_t)n, "cr0 %llx cr2 %llx cr3 %llx cr4 %llx efer %llx\n",
		(unsigned long long)b->cr0, (unsigned long long)b->cr2, (unsigned long long)b->cr3,
		(unsigned long long)b->cr4, (unsigned long long)b->efer), size);
	n = advance(n, fmt_print(to + n, size - (size_t)n, "cs %x %llx %x %x ss %x %llx %x %x tr %x %llx %x %x\n",
		b->cs.sel, (unsigned long long)b->cs.base, b->cs.limit, b->cs.attr,
		b->ss.sel, (unsigned long long)b->ss.base, b->ss.limit, b->ss.attr,
		b->tr.sel, (unsigned long long)b->tr.base, b->tr.limit, b->tr.attr), size);
	n = advance(n, fmt_print(to + n, size - (size_t)n, "gdt %llx+%x idt %llx+%x dr6 %llx dr7 %llx\n",
		(unsigned long long)b->gdtr.base, b->gdtr.limit, (unsigned long long)b->idtr.base, b->idtr.limit,
		(unsigned long long)b->dr6, (unsigned long long)b->dr7), size);
	n = advance(n, fmt_print(to + n, size - (size_t)n, "intercepts %x %x %x vintr %llx asid %u nested root %llx\n",
		b->exc_intercept, b->intercept1, b->intercept2, (unsigned long long)b->vintr, b->asid,
		(unsigned long long)b->n_cr3), size);
	return n;
}
