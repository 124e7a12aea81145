/* SPDX-License-Identifier: Apache-2.0 */
/* String instructions, one element at a time. Both sides go through the guest's page tables, so RAM, devices, faults and
 * page ends are all alike; registers always tell how far it came, as for an interrupted instruction.
 * SDM 2B "REP/REPE/REPZ/REPNE/REPNZ". */

#include "emulate.h"

#include <hv/exit_cpu.h>
#include <hv/virt.h>

#include "alu.h"
#include "operand.h"
#include "walk.h"

#define DR6_BS BIT(14)

struct string_op {
	const struct insn *insn;
	struct cpu_state *s;
	u64 step;		/* what an index register gains */
	u64 rflags;		/* as the last comparison left them */
	u8 src_seg;
};

static void index_advance(struct vcpu *v, const struct string_op *op, u32 reg)
{
	u32 size = op->insn->addr_size;

	reg_write(v, reg, false, size, cut(v->gpr[reg] + op->step, size));
}

static bool source_find(struct vcpu *v, const struct string_op *op, struct place *p)
{
	const struct insn *i = op->insn;
	u64 linear;

	return segment_linear(v, op->s, op->src_seg, cut(v->gpr[RSI], i->addr_size), i->size, false, &linear) &&
		place_find(v, op->s, linear, i->size, false, p);
}

static bool dest_find(struct vcpu *v, const struct string_op *op, bool write, struct place *p)
{
	const struct insn *i = op->insn;
	u64 linear;

	return segment_linear(v, op->s, SEG_ES, cut(v->gpr[RDI], i->addr_size), i->size, write, &linear) &&
		place_find(v, op->s, linear, i->size, write, p);
}

static bool do_ins(struct vcpu *v, const struct string_op *op)
{
	struct io io = { .val = ~0ul, .size = op->insn->size };
	struct place to;

	if (!dest_find(v, op, true, &to))
		return false;
	pio_access(v, &io, v->exit.pio.port);
	place_write(v, &to, &io.val);
	return true;
}

static bool do_outs(struct vcpu *v, const struct string_op *op)
{
	struct io io = { .size = op->insn->size, .write = true };
	struct place from;

	if (!source_find(v, op, &from))
		return false;
	place_read(v, &from, &io.val);
	pio_access(v, &io, v->exit.pio.port);
	return true;
}

/* The source comes before the destination, and the accumulator stands for it in SCAS. */
static bool do_compare(struct vcpu *v, struct string_op *op)
{
	const struct insn *i = op->insn;
	u64 a = cut(v->gpr[RAX], i->size), b = 0;
	struct place from, to;

	if (i->op == INSN_CMPS && !source_find(v, op, &from))
		return false;
	if (!dest_find(v, op, false, &to))
		return false;
	if (i->op == INSN_CMPS) {
		a = 0;
		place_read(v, &from, &a);
	}
	place_read(v, &to, &b);
	alu(INSN_CMP, i->size, a, b, &op->rflags);
	return true;
}

static bool compares(const struct insn *i)
{
	return i->op == INSN_CMPS || i->op == INSN_SCAS;
}

/* One element. false: v->fault, nothing of it is done: what a device or a port gave cannot be taken back, so both sides
 * are found before either is touched. */
static bool do_one(struct vcpu *v, struct string_op *op)
{
	const struct insn *i = op->insn;
	struct place from, to;
	u64 val = v->gpr[RAX];

	if (i->op == INSN_INS)
		return do_ins(v, op);
	if (i->op == INSN_OUTS)
		return do_outs(v, op);
	if (compares(i))
		return do_compare(v, op);
	if (i->op != INSN_STOS && !source_find(v, op, &from))
		return false;
	if (i->op != INSN_LODS && !dest_find(v, op, true, &to))
		return false;
	if (i->op != INSN_STOS)
		place_read(v, &from, &val);
	if (i->op == INSN_LODS)
		reg_write(v, RAX, false, i->size, val);
	else
		place_write(v, &to, &val);
	return true;
}

static void advance(struct vcpu *v, const struct string_op *op)
{
	u8 kind = op->insn->op;

	if (kind == INSN_MOVS || kind == INSN_LODS || kind == INSN_CMPS || kind == INSN_OUTS)
		index_advance(v, op, RSI);
	if (kind != INSN_LODS && kind != INSN_OUTS)
		index_advance(v, op, RDI);
}

/* Repetitions are left. With TF set each is an instruction for the debugger: SDM 3B "Single-Step Exception Condition". */
static enum verdict again(struct vcpu *v, const struct cpu_state *s)
{
	if (!(s->rflags & RFLAGS_TF))
		return AGAIN;
	vcpu_set_dr6(v, DR6_BS);
	return vcpu_fault(v, VEC_DB, -1);
}

/* Did the comparison end the repetition? */
static bool ended(const struct string_op *op)
{
	return compares(op->insn) && !(op->rflags & RFLAGS_ZF) != op->insn->repne;
}

/* The rounds of one exit. A fault leaves the flags as they were before: SDM 2B, as above. */
static enum verdict repeat(struct vcpu *v, struct string_op *op)
{
	const struct insn *i = op->insn;

	for (u32 n = op->s->rflags & RFLAGS_TF ? 1 : STRING_ROUNDS; n; n--) {
		u64 count = cut(v->gpr[RCX], i->addr_size);

		if (i->rep && !count)
			return NEXT;
		if (!do_one(v, op))
			return FAULT;
		advance(v, op);
		if (!i->rep)
			return NEXT;
		reg_write(v, RCX, false, i->addr_size, count - 1);
		if (ended(op))
			return NEXT;
	}
	return cut(v->gpr[RCX], i->addr_size) ? AGAIN : NEXT;
}

enum verdict emulate_string(struct vcpu *v, const struct insn *i)
{
	struct cpu_state s;
	struct string_op op = { .insn = i, .s = &s, .src_seg = i->seg };
	enum verdict verdict;

	virt->get_state(v, &s, STATE_MODE);
	if (!state_is_64bit(&s) || i->seg == SEG_FS || i->seg == SEG_GS)
		virt->get_state(v, &s, STATE_SEGS);
	op.step = s.rflags & RFLAGS_DF ? 0ul - i->size : i->size;
	op.rflags = s.rflags;
	verdict = repeat(v, &op);
	if (verdict != FAULT && op.rflags != s.rflags)
		flags_store(v, op.rflags);
	return verdict == AGAIN ? again(v, &s) : verdict;
}

/* Hardware names port, size and direction, but not always the segment and the address size: the bytes do. */
enum verdict emulate_string_io(struct vcpu *v)
{
	struct code_key key;
	const struct insn *i;
	enum verdict why;

	virt->code_key(v, &key);
	i = insn_at(v, &key, &why);
	if (!i)
		return why == FAULT ? FAULT : emulate_refuse(v, "a port access that is none");
	if (i->op != (v->exit.pio.in ? INSN_INS : INSN_OUTS) || i->size != v->exit.pio.size)
		return AGAIN;	/* another vcpu has rewritten it since: let the processor look again */
	v->exit.len = i->len;
	return emulate_string(v, i);
}
