/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding costs thousands of instructions, repeating it a few dozen: results are kept by address, together with the
 * page-table entries that led to the bytes and the bytes themselves. A hit needs all of them to be what they were, so
 * a guest may rewrite its code or its tables at any time. */

#include <hv/emulate.h>
#include <hv/gmem.h>
#include <hv/virt.h>

#include "decode.h"
#include "operand.h"
#include "walk.h"

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define DECODE_ENTRIES 64u
#define WINDOW 16u			/* bytes that are looked at; more than the longest instruction */

/* Unused steps point to nothing and hold 0, so that the check has no loop and no count. Entries of 4 bytes are compared
 * with their neighbours. */
struct decode_entry {
	struct code_key key;
	u32 kind;			/* enum vmexit_kind; VMEXIT_NONE: empty */
	struct insn insn;
	const u8 *window;		/* in one page of guest RAM, around the instruction */
	u64 bytes[WINDOW / 8], mask[WINDOW / 8];
	const u64 *step[WALK_STEPS_MAX];
	u64 value[WALK_STEPS_MAX];
} __attribute__((aligned(128)));	/* 256 bytes: found by a shift */
_Static_assert(sizeof(struct decode_entry) == 256, "an index into the cache is a shift");

struct decode_cache {
	struct decode_entry entry[DECODE_ENTRIES];
	struct insn last;		/* one that could not be kept */
};

typedef struct { u64 v; } PACKED __attribute__((may_alias)) unaligned_u64;

static const u64 nothing;

size_t decode_cache_size(void)
{
	return sizeof(struct decode_cache);
}

void decode_cache_reset(struct vcpu *v)
{
	for (u32 i = 0; i < DECODE_ENTRIES; i++)
		v->decode->entry[i].kind = VMEXIT_NONE;
}

static inline struct decode_entry *entry_of(struct vcpu *v, const struct code_key *k)
{
	return &v->decode->entry[(k->linear ^ k->linear >> 6) % DECODE_ENTRIES];
}

static inline bool steps_hold(const struct decode_entry *e)
{
	return load_relaxed(e->step[0]) == e->value[0] && load_relaxed(e->step[1]) == e->value[1] &&
		load_relaxed(e->step[2]) == e->value[2] && load_relaxed(e->step[3]) == e->value[3] &&
		load_relaxed(e->step[4]) == e->value[4];
}

static inline bool bytes_hold(const struct decode_entry *e)
{
	const unaligned_u64 *p = (const unaligned_u64 *)e->window;

	return !(((p[0].v ^ e->bytes[0]) & e->mask[0]) | ((p[1].v ^ e->bytes[1]) & e->mask[1]));
}

static inline bool entry_holds(const struct decode_entry *e, const struct vcpu *v, const struct code_key *k)
{
	return e->key.linear == k->linear && e->kind == v->exit.kind && e->key.cr3 == k->cr3 && e->key.mode == k->mode &&
		steps_hold(e) && bytes_hold(e);
}

/* Note where the walk has been. false: an entry was not in RAM, or changes at this moment. */
static bool note_steps(struct decode_entry *e, const struct walk_trace *t)
{
	for (u32 i = 0; i < WALK_STEPS_MAX; i++) {
		uintptr_t at = i < t->count ? (uintptr_t)t->step[i].entry : (uintptr_t)&nothing;
		u64 seen;

		if (!at)
			return false;
		e->step[i] = (const u64 *)(at & ~7ul);
		e->value[i] = load_relaxed(e->step[i]);
		seen = t->narrow ? (u32)(e->value[i] >> 8 * (at & 7)) : e->value[i];
		if (i < t->count && seen != t->step[i].value)
			return false;
	}
	return true;
}

/* Bytes of the window in front of an instruction: none but at the end of a page. */
static u32 window_before(u64 linear)
{
	u32 left = (u32)(PAGE_SIZE - linear % PAGE_SIZE);

	return left < WINDOW ? WINDOW - left : 0;
}

/* Copy the bytes of the instruction as far as they lie in one page, and note in e what led there. 0: not this way. */
static u32 fetch_noted(struct decode_entry *e, struct vcpu *v, const struct cpu_state *s, u64 linear, u8 *bytes)
{
	u32 access = GMEM_EXEC | (state_cpl(s) == 3 ? GMEM_USER : 0);
	u32 before = window_before(linear), n = MIN((u32)INSN_BYTES_MAX, WINDOW - before);
	struct walk_trace trace;
	gpa_t gpa;

	if (!state_is_64bit(s) && v->exit.rip + n - 1 > s->seg[SEG_CS].limit)
		return 0;
	if (!gmem_walk_traced(v->guest, s, linear, access, &gpa, &v->fault, &trace) || !note_steps(e, &trace))
		return 0;
	e->window = gmem_read_ptr(v->guest, GPA(gpa.v - before), WINDOW);
	if (!e->window)
		return 0;
	memcpy(bytes, e->window + before, n);
	return n;
}

static void keep(struct decode_entry *e, const struct vcpu *v, const struct code_key *k, const u8 *bytes)
{
	u32 before = window_before(k->linear), len = e->insn.len;

	memset(e->mask, 0, sizeof(e->mask));
	memset(e->bytes, 0, sizeof(e->bytes));
	memset((u8 *)e->mask + before, 0xff, len);
	memcpy((u8 *)e->bytes + before, bytes, len);
	e->key = *k;
	e->kind = v->exit.kind;
}

static bool decode_bytes(const u8 *b, u32 n, u8 mode, enum vmexit_kind kind, struct insn *i)
{
	if (kind == VMEXIT_MMIO)
		return decode_fast(b, n, mode, i) || decode_any(b, n, mode, i);
	return decode_exit(b, n, mode, kind, i);
}

/* First sight. What does not lie in one page is decoded each time and not kept. Not inline: the hit path would have to
 * save registers for it. */
static __attribute__((noinline)) const struct insn *insn_decode(struct vcpu *v, const struct code_key *k,
								 struct decode_entry *e, enum verdict *why)
{
	struct insn *last = &v->decode->last;
	u8 bytes[INSN_BYTES_MAX], mode = k->mode & CODE_SIZE;
	struct cpu_state s;
	u32 n;

	virt->get_state(v, &s, STATE_MODE);
	e->kind = VMEXIT_NONE;
	n = fetch_noted(e, v, &s, k->linear, bytes);
	if (n && decode_bytes(bytes, n, mode, v->exit.kind, &e->insn)) {
		keep(e, v, k, bytes);
		return &e->insn;
	}
	n = gmem_fetch(v->guest, &s, v->exit.rip, bytes, INSN_BYTES_MAX, &v->fault);
	*why = n ? KILL : FAULT;
	return n && decode_bytes(bytes, n, mode, v->exit.kind, last) ? last : NULL;
}

const struct insn *insn_at(struct vcpu *v, const struct code_key *k, enum verdict *why)
{
	struct decode_entry *e = entry_of(v, k);

	return LIKELY(entry_holds(e, v, k)) ? &e->insn : insn_decode(v, k, e, why);
}

/* The operand of LMSW, which hardware without decode assists does not hand over. */
static bool lmsw_value(struct vcpu *v, const struct insn *i, u16 *value)
{
	struct cpu_state s;
	u64 linear;

	if (i->reg != REG_NONE) {
		*value = (u16)v->gpr[i->reg];
		return true;
	}
	virt->get_state(v, &s, STATE_MODE);
	return operand_linear(v, &s, i, false, &linear) && linear_access(v, &s, linear, value, 2, false);
}

static bool describe_cr(struct vcpu *v, const struct insn *i)
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
	return i->op != INSN_LMSW || lmsw_value(v, i, &x->cr.lmsw_value);
}

static __attribute__((noinline)) u32 length_slow(struct vcpu *v, const struct code_key *k)
{
	enum verdict why;
	const struct insn *i = insn_at(v, k, &why);

	if (!i || (v->exit.kind == VMEXIT_CR && !describe_cr(v, i)))
		return 0;
	return i->len;
}

u32 insn_length(struct vcpu *v)
{
	const struct decode_entry *e;
	struct code_key k;

	virt->code_key(v, &k);
	e = entry_of(v, &k);
	if (LIKELY(entry_holds(e, v, &k) && e->kind != VMEXIT_CR))
		return e->insn.len;
	return length_slow(v, &k);
}
