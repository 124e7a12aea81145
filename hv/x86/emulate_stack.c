/* SPDX-License-Identifier: Apache-2.0 */
/* PUSH and POP with a memory operand. Both sides go through the guest's page tables and are found before either is touched. */

#include "emulate.h"

#include <hv/virt.h>

#include "walk.h"

/* Bytes of the stack pointer that count. SDM 1 "Address-Size Attribute for Stack" */
static u32 stack_width(const struct cpu_state *s)
{
	if (state_is_64bit(s))
		return 8;
	return s->seg[SEG_SS].attr & SEG_ATTR_DB ? 4 : 2;
}

static bool stack_find(struct vcpu *v, const struct cpu_state *s, u64 offset, u32 size, bool write, struct place *p)
{
	u64 linear;

	return segment_linear(v, s, SEG_SS, offset, size, write, &linear) && place_find(v, s, linear, size, write, p);
}

static bool operand_find(struct vcpu *v, struct cpu_state *s, const struct insn *i, bool write, struct place *p)
{
	u64 linear;

	return operand_linear(v, s, i, write, &linear) && place_find(v, s, linear, i->size, write, p);
}

static enum verdict do_push(struct vcpu *v, struct cpu_state *s, const struct insn *i)
{
	u32 width = stack_width(s);
	u64 sp = cut(v->gpr[RSP] - i->size, width), val = 0;
	struct place from, to;

	if (!operand_find(v, s, i, false, &from) || !stack_find(v, s, sp, i->size, true, &to))
		return FAULT;
	place_read(v, &from, &val);
	place_write(v, &to, &val);
	reg_write(v, RSP, false, width, sp);
	return NEXT;
}

/* SDM 2B "POP": with RSP as the base, the address is computed after RSP has moved. */
static enum verdict do_pop(struct vcpu *v, struct cpu_state *s, const struct insn *i)
{
	u32 width = stack_width(s);
	u64 was = v->gpr[RSP], sp = cut(was + i->size, width), val = 0;
	struct place from, to;
	bool found;

	if (!stack_find(v, s, cut(was, width), i->size, false, &from))
		return FAULT;
	v->gpr[RSP] = width == 2 ? (was & ~0xfffful) | sp : sp;
	found = operand_find(v, s, i, true, &to);
	v->gpr[RSP] = was;
	if (!found)
		return FAULT;
	place_read(v, &from, &val);
	place_write(v, &to, &val);
	reg_write(v, RSP, false, width, sp);
	return NEXT;
}

enum verdict emulate_stack(struct vcpu *v, const struct insn *i)
{
	struct cpu_state s;

	virt->get_state(v, &s, STATE_MODE);
	if (!state_is_64bit(&s))
		virt->get_state(v, &s, STATE_SEGS);
	return i->op == INSN_PUSH ? do_push(v, &s, i) : do_pop(v, &s, i);
}
