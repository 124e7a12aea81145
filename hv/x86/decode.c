/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding costs thousands of instructions, repeating it a few dozen: results are kept by RIP, together with the
 * page-table entries that led to the bytes and the bytes themselves. A hit needs all of them to be what they were, so
 * a guest may rewrite its code or its tables at any time. */

#include <hv/emulate.h>
#include <hv/gmem.h>
#include <hv/virt.h>

#include "decode.h"
#include "operand.h"
#include "walk.h"

#define DECODE_ENTRIES 64u

struct decode_entry {
	/* The key. */
	u64 rip, cs_base, cr3, cr0, cr4, efer;
	u32 cs_limit, cs_attr;
	u8 cpl;
	u8 kind;			/* enum vmexit_kind */
	/* What led to the bytes. */
	bool near_end;			/* fewer than 16 bytes to the end of the page */
	const u8 *at;			/* in guest RAM; null: empty */
	u64 bytes[2], mask[2];
	struct walk_trace trace;
	struct insn insn;
} __attribute__((aligned(64)));	/* 256 bytes: found by a shift */

struct decode_cache {
	struct decode_entry entry[DECODE_ENTRIES];
	struct insn last;		/* one that could not be kept */
};

typedef struct { u64 v; } PACKED __attribute__((may_alias)) unaligned_u64;

size_t decode_cache_size(void)
{
	return sizeof(struct decode_cache);
}

void decode_cache_reset(struct vcpu *v)
{
	for (u32 i = 0; i < DECODE_ENTRIES; i++)
		v->decode->entry[i].at = NULL;
}

u8 decode_mode(const struct cpu_state *s)
{
	u32 attr = s->seg[SEG_CS].attr;

	if (state_is_64bit(s))
		return 8;
	if (!(s->cr0 & CR0_PE) || (s->rflags & RFLAGS_VM))
		return 2;
	return attr & SEG_ATTR_DB ? 4 : 2;
}

static struct decode_entry *entry_of(struct vcpu *v)
{
	u64 rip = v->exit.rip;

	return &v->decode->entry[(rip ^ rip >> 6) % DECODE_ENTRIES];
}

static bool bytes_hold(const struct decode_entry *e)
{
	const unaligned_u64 *p = (const unaligned_u64 *)e->at;

	if (e->near_end)
		return memcmp(e->at, e->bytes, e->insn.len) == 0;
	return !(((p[0].v ^ e->bytes[0]) & e->mask[0]) | ((p[1].v ^ e->bytes[1]) & e->mask[1]));
}

static bool entry_holds(const struct decode_entry *e, const struct vcpu *v, const struct cpu_state *s)
{
	const struct segment *cs = &s->seg[SEG_CS];
	u64 other;

	if (!e->at)
		return false;
	other = (e->rip ^ v->exit.rip) | (e->cr3 ^ s->cr3) | (e->cr0 ^ s->cr0) | (e->cr4 ^ s->cr4) | (e->efer ^ s->efer) |
		(e->cs_base ^ cs->base) | (e->cs_attr ^ cs->attr) | (e->cs_limit ^ cs->limit) |
		(u64)(e->cpl ^ state_cpl(s)) | (u64)(e->kind ^ (u8)v->exit.kind);
	return !other && walk_trace_holds(&e->trace) && bytes_hold(e);
}

/* Copy the bytes at RIP as far as they lie in one page, and note in e what led there. 0: not this way. */
static u32 fetch_noted(struct decode_entry *e, struct vcpu *v, const struct cpu_state *s, u8 *bytes)
{
	u32 access = GMEM_EXEC | (state_cpl(s) == 3 ? GMEM_USER : 0);
	u64 linear = v->exit.rip;
	u32 n = MIN((u32)INSN_BYTES_MAX, (u32)(PAGE_SIZE - linear % PAGE_SIZE));
	gpa_t gpa;

	e->at = NULL;
	if (!state_is_64bit(s)) {
		linear = (u32)(s->seg[SEG_CS].base + linear);
		n = MIN((u32)INSN_BYTES_MAX, (u32)(PAGE_SIZE - linear % PAGE_SIZE));
		if (v->exit.rip + n - 1 > s->seg[SEG_CS].limit)
			return 0;
	}
	if (!gmem_walk_traced(v->guest, s, linear, access, &gpa, &v->fault, &e->trace))
		return 0;
	for (u32 i = 0; i < e->trace.count; i++)
		if (!e->trace.step[i].entry)
			return 0;
	e->at = gmem_ptr(v->guest, gpa, n);
	if (!e->at)
		return 0;
	memcpy(bytes, e->at, n);
	e->near_end = linear % PAGE_SIZE > PAGE_SIZE - sizeof(e->bytes);
	return n;
}

static void entry_key(struct decode_entry *e, const struct vcpu *v, const struct cpu_state *s, const u8 *bytes)
{
	const struct segment *cs = &s->seg[SEG_CS];

	e->rip = v->exit.rip;
	e->cs_base = cs->base;
	e->cs_limit = cs->limit;
	e->cs_attr = cs->attr;
	e->cr3 = s->cr3;
	e->cr0 = s->cr0;
	e->cr4 = s->cr4;
	e->efer = s->efer;
	e->cpl = (u8)state_cpl(s);
	e->kind = (u8)v->exit.kind;
	for (u32 i = 0; i < 16; i++) {
		((u8 *)e->mask)[i] = i < e->insn.len ? 0xff : 0;
		((u8 *)e->bytes)[i] = i < e->insn.len ? bytes[i] : 0;
	}
}

static bool decode_bytes(const u8 *b, u32 n, u8 mode, enum vmexit_kind kind, struct insn *i)
{
	if (kind == VMEXIT_MMIO)
		return decode_fast(b, n, mode, i) || decode_any(b, n, mode, i);
	return decode_exit(b, n, mode, kind, i);
}

/* First sight. What does not lie in one page is decoded each time and not kept. Not inline: the hit path would have to
 * save registers for it. */
static __attribute__((noinline)) const struct insn *insn_decode(struct vcpu *v, const struct cpu_state *s,
								 struct decode_entry *e, enum verdict *why)
{
	struct insn *last = &v->decode->last;
	u8 bytes[INSN_BYTES_MAX];
	u8 mode = decode_mode(s);
	u32 n = fetch_noted(e, v, s, bytes);

	if (n && decode_bytes(bytes, n, mode, v->exit.kind, &e->insn)) {
		entry_key(e, v, s, bytes);
		return &e->insn;
	}
	e->at = NULL;
	n = gmem_fetch(v->guest, s, v->exit.rip, bytes, INSN_BYTES_MAX, &v->fault);
	*why = n ? KILL : FAULT;
	return n && decode_bytes(bytes, n, mode, v->exit.kind, last) ? last : NULL;
}

const struct insn *insn_at(struct vcpu *v, const struct cpu_state *s, enum verdict *why)
{
	struct decode_entry *e = entry_of(v);

	return entry_holds(e, v, s) ? &e->insn : insn_decode(v, s, e, why);
}

/* The operand of LMSW, which hardware without decode assists does not hand over. */
static bool lmsw_value(struct vcpu *v, struct cpu_state *s, const struct insn *i, u16 *value)
{
	u64 linear;

	if (i->reg != REG_NONE) {
		*value = (u16)v->gpr[i->reg];
		return true;
	}
	return operand_linear(v, s, i, false, &linear) && linear_access(v, s, linear, value, 2, false);
}

static bool describe_cr(struct vcpu *v, struct cpu_state *s, const struct insn *i)
{
	struct vmexit *x = &v->exit;

	x->cr.clts = i->op == INSN_CLTS;
	x->cr.lmsw = i->op == INSN_LMSW;
	if (i->op == INSN_MOV_CR) {
		x->cr.nr = i->cr;
		x->cr.gpr = i->reg;
		x->cr.write = i->write;
		return true;
	}
	x->cr.nr = 0;
	x->cr.write = true;
	return i->op != INSN_LMSW || lmsw_value(v, s, i, &x->cr.lmsw_value);
}

u32 insn_length(struct vcpu *v)
{
	struct cpu_state s;
	const struct insn *i;
	enum verdict why;

	virt->get_state(v, &s, STATE_MODE);
	i = insn_at(v, &s, &why);
	if (!i || (v->exit.kind == VMEXIT_CR && !describe_cr(v, &s, i)))
		return 0;
	return i->len;
}
