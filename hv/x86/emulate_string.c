/* SPDX-License-Identifier: Apache-2.0 */
/* String instructions, one element at a time. Both sides go through the guest's page tables, so RAM, devices, faults and
 * page ends are all alike; registers always tell how far it came, as for an interrupted instruction.
 * SDM 2B "REP/REPE/REPZ/REPNE/REPNZ". */

#include "emulate.h"

#include <hv/virt.h>

#include "operand.h"
#include "walk.h"

struct string_op {
	const struct insn *insn;
	struct cpu_state *s;
	u64 step;		/* what an index register gains */
	u8 src_seg;
};

static void index_advance(struct vcpu *v, const struct string_op *op, u32 reg)
{
	u32 size = op->insn->addr_size;

	reg_write(v, reg, false, size, cut(v->gpr[reg] + op->step, size));
}

static bool source_access(struct vcpu *v, const struct string_op *op, u64 *val)
{
	const struct insn *i = op->insn;
	u64 linear;

	*val = 0;
	return segment_linear(v, op->s, op->src_seg, cut(v->gpr[RSI], i->addr_size), i->size, false, &linear) &&
		linear_access(v, op->s, linear, val, i->size, false);
}

static bool dest_linear(struct vcpu *v, const struct string_op *op, u64 *linear)
{
	return segment_linear(v, op->s, SEG_ES, cut(v->gpr[RDI], op->insn->addr_size), op->insn->size, true, linear);
}

/* Would a write there fault? Asked before a port is read, because reading it cannot be taken back. */
static bool dest_writable(struct vcpu *v, const struct string_op *op, u64 linear)
{
	u32 access = GMEM_WRITE | (state_cpl(op->s) == 3 ? GMEM_USER : 0);
	u64 last = linear + op->insn->size - 1;
	gpa_t gpa;

	return gmem_walk(v->guest, op->s, linear, access, &gpa, &v->fault) &&
		(linear / PAGE_SIZE == last / PAGE_SIZE || gmem_walk(v->guest, op->s, last, access, &gpa, &v->fault));
}

static bool do_ins(struct vcpu *v, const struct string_op *op)
{
	struct io io = { .val = ~0ul, .size = op->insn->size };
	u64 linear;

	if (!dest_linear(v, op, &linear) || !dest_writable(v, op, linear))
		return false;
	pio_access(v, &io, v->exit.pio.port);
	return linear_access(v, op->s, linear, &io.val, io.size, true);
}

static bool do_outs(struct vcpu *v, const struct string_op *op)
{
	struct io io = { .size = op->insn->size, .write = true };

	if (!source_access(v, op, &io.val))
		return false;
	pio_access(v, &io, v->exit.pio.port);
	return true;
}

/* One element. false: v->fault, nothing of it is done. */
static bool do_one(struct vcpu *v, const struct string_op *op)
{
	const struct insn *i = op->insn;
	u64 val, linear;

	switch (i->op) {
	case INSN_INS:
		return do_ins(v, op);
	case INSN_OUTS:
		return do_outs(v, op);
	case INSN_LODS:
		if (!source_access(v, op, &val))
			return false;
		reg_write(v, RAX, false, i->size, val);
		return true;
	case INSN_STOS:
		val = v->gpr[RAX];
		return dest_linear(v, op, &linear) && linear_access(v, op->s, linear, &val, i->size, true);
	default:	/* a source that is a device must not be read when the destination faults */
		return dest_linear(v, op, &linear) && dest_writable(v, op, linear) && source_access(v, op, &val) &&
			linear_access(v, op->s, linear, &val, i->size, true);
	}
}

static void advance(struct vcpu *v, const struct string_op *op)
{
	u8 kind = op->insn->op;

	if (kind == INSN_MOVS || kind == INSN_LODS || kind == INSN_OUTS)
		index_advance(v, op, RSI);
	if (kind == INSN_MOVS || kind == INSN_STOS || kind == INSN_INS)
		index_advance(v, op, RDI);
}

enum verdict emulate_string(struct vcpu *v, struct cpu_state *s, const struct insn *i)
{
	struct string_op op = { i, s, s->rflags & RFLAGS_DF ? 0ul - i->size : i->size, i->seg };

	if (!state_is_64bit(s) || i->seg == SEG_FS || i->seg == SEG_GS)
		virt->get_state(v, s, STATE_SEGS);
	for (u32 n = 0; n < STRING_ROUNDS; n++) {
		u64 count = cut(v->gpr[RCX], i->addr_size);

		if (i->rep && !count)
			return NEXT;
		if (!do_one(v, &op))
			return FAULT;
		advance(v, &op);
		if (!i->rep)
			return NEXT;
		reg_write(v, RCX, false, i->addr_size, count - 1);
	}
	return cut(v->gpr[RCX], i->addr_size) ? AGAIN : NEXT;
}

/* Hardware names port, size and direction, but not always the segment and the address size: the bytes do. */
enum verdict emulate_string_io(struct vcpu *v)
{
	struct cpu_state s;
	const struct insn *i;
	enum verdict why;

	virt->get_state(v, &s, STATE_MODE);
	i = insn_at(v, &s, &why);
	if (!i)
		return why == FAULT ? FAULT : emulate_refuse(v, &s, "a port access that is none");
	if (i->op != (v->exit.pio.in ? INSN_INS : INSN_OUTS) || i->size != v->exit.pio.size)
		return AGAIN;	/* another vcpu has rewritten it since: let the processor look again */
	v->exit.len = i->len;
	return emulate_string(v, &s, i);
}
