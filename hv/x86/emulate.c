/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses to device memory. Hardware has translated and judged the access already and tells the guest-physical
 * address; what is left is to learn from the bytes which register it concerns and to do it. */

#include <hv/emulate.h>

#include <hv/gmem.h>
#include <hv/virt.h>

#include "alu.h"
#include "emulate.h"
#include "operand.h"
#include "walk.h"

static u64 device_read(struct vcpu *v, u64 gpa, u32 size)
{
	struct io io = { .off = gpa, .val = ~0ul, .size = (u8)size };

	mmio_access(v, gpa, &io);
	return cut(io.val, size);
}

static void device_write(struct vcpu *v, u64 gpa, u32 size, u64 val)
{
	struct io io = { .off = gpa, .val = cut(val, size), .size = (u8)size, .write = true };

	mmio_access(v, gpa, &io);
}

enum verdict emulate_refuse(struct vcpu *v, const struct cpu_state *s, const char *why)
{
	u8 b[INSN_BYTES_MAX + 1] = { 0 };
	char text[3 * INSN_BYTES_MAX + 1] = "";
	struct event fault;
	u32 n = gmem_fetch(v->guest, s, v->exit.rip, b, INSN_BYTES_MAX, &fault);

	for (u32 i = 0; i < n; i++)
		fmt_print(text + 3 * i, 4, "%02x ", b[i]);
	guest_kill(v, "GUEST-EMULATE", "%s (bytes %s)", why, text);
	return KILL;
}

/* Linear offset in the page where an access of i begins; needed only where the address of the exit may be that of a
 * second page. */
static bool begins_here(struct vcpu *v, struct cpu_state *s, const struct insn *i)
{
	u64 linear;

	return operand_linear(v, s, i, false, &linear) && linear % PAGE_SIZE == 0;
}

/* An access over the end of a page is two accesses, to pages of which only one is known. No driver does that. */
static bool crosses_page(struct vcpu *v, struct cpu_state *s, const struct insn *i)
{
	u64 at = v->exit.mmio.gpa.v % PAGE_SIZE;

	if (at + i->size > PAGE_SIZE)
		return true;
	return at == 0 && i->size > 1 && !begins_here(v, s, i);
}

static u64 source_of(const struct vcpu *v, const struct insn *i)
{
	return i->reg == REG_NONE ? i->imm : reg_read(v, i->reg, i->reg_high, i->reg_size);
}

static enum verdict do_load(struct vcpu *v, const struct insn *i)
{
	u64 val = device_read(v, v->exit.mmio.gpa.v, i->size);
	u32 shift = 64 - 8u * i->size;

	if (i->sign)
		val = (u64)((s64)(val << shift) >> shift);
	reg_write(v, i->reg, i->reg_high, i->reg_size, val);
	return NEXT;
}

static enum verdict do_store(struct vcpu *v, const struct insn *i)
{
	device_write(v, v->exit.mmio.gpa.v, i->size, source_of(v, i));
	return NEXT;
}

static enum verdict do_xchg(struct vcpu *v, const struct insn *i)
{
	u64 gpa = v->exit.mmio.gpa.v, old = device_read(v, gpa, i->size);

	device_write(v, gpa, i->size, source_of(v, i));
	reg_write(v, i->reg, i->reg_high, i->reg_size, old);
	return NEXT;
}

static void flags_store(struct vcpu *v, struct cpu_state *s)
{
	virt->set_state(v, s, STATE_MODE);
	v->exit.rflags = s->rflags;
}

/* SDM 2A "CMPXCHG": memory is written in either case; a 32-bit accumulator is only written when unequal. */
static enum verdict do_cmpxchg(struct vcpu *v, struct cpu_state *s, const struct insn *i)
{
	u64 gpa = v->exit.mmio.gpa.v, old = device_read(v, gpa, i->size), acc = reg_read(v, RAX, false, i->size);

	alu(INSN_CMPXCHG, i->size, acc, old, &s->rflags);
	if (acc == old) {
		device_write(v, gpa, i->size, source_of(v, i));
	} else {
		device_write(v, gpa, i->size, old);
		reg_write(v, RAX, false, i->size, old);
	}
	flags_store(v, s);
	return NEXT;
}

static enum verdict do_alu(struct vcpu *v, struct cpu_state *s, const struct insn *i)
{
	bool readonly = i->op == INSN_CMP || i->op == INSN_TEST || i->op == INSN_BT;
	u64 gpa = v->exit.mmio.gpa.v, mem = device_read(v, gpa, i->size), src = source_of(v, i);
	u64 r = i->to_reg ? alu(i->op, i->size, src, mem, &s->rflags) : alu(i->op, i->size, mem, src, &s->rflags);

	if (i->to_reg && !readonly)
		reg_write(v, i->reg, i->reg_high, i->reg_size, r);
	else if (!readonly)
		device_write(v, gpa, i->size, r);
	if (i->op == INSN_XADD)
		reg_write(v, i->reg, i->reg_high, i->reg_size, mem);
	if (i->op != INSN_NOT)
		flags_store(v, s);
	return NEXT;
}

static enum verdict carry_out(struct vcpu *v, struct cpu_state *s, const struct insn *i)
{
	switch (i->op) {
	case INSN_LOAD:
		return do_load(v, i);
	case INSN_STORE:
		return do_store(v, i);
	case INSN_XCHG:
		return do_xchg(v, i);
	case INSN_CMPXCHG:
		return do_cmpxchg(v, s, i);
	case INSN_ADD: case INSN_OR: case INSN_ADC: case INSN_SBB: case INSN_AND: case INSN_SUB: case INSN_XOR:
	case INSN_CMP: case INSN_TEST: case INSN_XADD: case INSN_INC: case INSN_DEC: case INSN_NOT: case INSN_NEG:
	case INSN_BT: case INSN_BTS: case INSN_BTR: case INSN_BTC:
		return do_alu(v, s, i);
	default:
		return emulate_refuse(v, s, "an instruction that is not emulated on device memory");
	}
}

enum verdict emulate_mmio(struct vcpu *v)
{
	struct cpu_state s;
	const struct insn *i;
	enum verdict why;

	virt->get_state(v, &s, STATE_MODE);
	i = insn_at(v, &s, &why);
	if (!i)
		return why == FAULT ? FAULT :
			emulate_refuse(v, &s, "an instruction that is not emulated on device memory");
	v->exit.len = i->len;
	if (i->op >= INSN_MOVS && i->op <= INSN_LODS)
		return emulate_string(v, &s, i);
	if (crosses_page(v, &s, i))
		return emulate_refuse(v, &s, "an access to device memory over the end of a page");
	return carry_out(v, &s, i);
}
