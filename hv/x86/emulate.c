/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses to device memory. Hardware has translated and judged the access already and tells the guest-physical
 * address; what is left is to learn from the bytes which register it concerns and to do it. Only an access over the end
 * of a page is walked to anew, as hardware names one of the pages. */

#include <hv/emulate.h>

#include <hv/gmem.h>
#include <hv/virt.h>

#include "alu.h"
#include "emulate.h"
#include "operand.h"

enum verdict emulate_refuse(struct vcpu *v, const char *why)
{
	u8 b[INSN_BYTES_MAX + 1] = { 0 };
	char text[3 * INSN_BYTES_MAX + 1] = "";
	struct event fault;
	struct cpu_state s;
	u32 n;

	virt->get_state(v, &s, STATE_MODE);
	n = gmem_fetch(v->guest, &s, v->exit.rip, b, INSN_BYTES_MAX, &fault);
	for (u32 i = 0; i < n; i++)
		fmt_print(text + 3 * i, 4, "%02x ", b[i]);
	guest_kill(v, "GUEST-EMULATE", "%s (bytes %s)", why, text);
	return KILL;
}

/* Where hardware names the begin of a page, the access may have begun in the page before. */
static NOINLINE bool begins_before(struct vcpu *v, const struct insn *i)
{
	struct cpu_state s;
	u64 linear;

	if (i->addr_size == 8 && i->seg != SEG_FS && i->seg != SEG_GS)
		return operand_offset(v, i) % PAGE_SIZE != 0;
	virt->get_state(v, &s, STATE_MODE);
	return operand_linear(v, &s, i, false, &linear) && linear % PAGE_SIZE != 0;
}

static inline bool crosses_page(struct vcpu *v, const struct insn *i)
{
	u64 at = v->exit.mmio.gpa.v % PAGE_SIZE;

	if (at != 0 || i->size == 1)
		return at + i->size > PAGE_SIZE;
	if (i->base < GPR_COUNT && i->index == REG_NONE && i->seg == SEG_DS && i->addr_size == 8 && i->op <= INSN_STORE)
		return (v->gpr[i->base] + (u64)i->disp) % PAGE_SIZE != 0;
	return begins_before(v, i);
}

static u64 source_of(const struct vcpu *v, const struct insn *i)
{
	return i->reg == REG_NONE ? i->imm : reg_read(v, i->reg, i->reg_high, i->reg_size);
}

static void load(struct vcpu *v, const struct insn *i, u64 val)
{
	u32 shift = 64 - 8u * i->size;

	if (i->sign)
		val = (u64)((s64)(val << shift) >> shift);
	reg_write(v, i->reg, i->reg_high, i->reg_size, val);
}

/* Up to 8 bytes of a place; where it is in one piece it is a device. */
static u64 value_read(struct vcpu *v, const struct place *p)
{
	struct io io = { .off = p->gpa[0], .size = (u8)p->size };
	u64 val = 0;

	if (p->first < p->size) {
		place_read(v, p, &val);
		return val;
	}
	mmio_access(v, io.off, &io);
	return cut(io.val, p->size);
}

static void value_write(struct vcpu *v, const struct place *p, u64 val)
{
	struct io io = { .off = p->gpa[0], .val = cut(val, p->size), .size = (u8)p->size, .write = true };

	if (p->first < p->size)
		place_write(v, p, &val);
	else
		mmio_access(v, io.off, &io);
}

static void do_xchg(struct vcpu *v, const struct insn *i, const struct place *p)
{
	u64 old = value_read(v, p);

	value_write(v, p, source_of(v, i));
	reg_write(v, i->reg, i->reg_high, i->reg_size, old);
}

void flags_store(struct vcpu *v, u64 rflags)
{
	struct cpu_state s;

	s.rflags = rflags;
	virt->set_state(v, &s, STATE_FLAGS);
	v->exit.rflags = rflags;
}

/* SDM 2A "CMPXCHG": memory is written in either case; a 32-bit accumulator is only written when unequal. */
static void do_cmpxchg(struct vcpu *v, const struct insn *i, const struct place *p)
{
	u64 old = value_read(v, p), acc = reg_read(v, RAX, false, i->size), rflags = v->exit.rflags;

	alu(INSN_CMPXCHG, i->size, acc, old, &rflags);
	value_write(v, p, acc == old ? source_of(v, i) : old);
	if (acc != old)
		reg_write(v, RAX, false, i->size, old);
	flags_store(v, rflags);
}

/* SDM 2A "CMPXCHG8B/CMPXCHG16B": EDX:EAX is compared, ECX:EBX is stored, only ZF changes. */
static void do_cmpxchg_pair(struct vcpu *v, const struct insn *i, const struct place *p)
{
	u32 half = i->size / 2;
	u64 acc[2] = { cut(v->gpr[RAX], half), cut(v->gpr[RDX], half) };
	u64 old[2] = { 0 }, new[2] = { v->gpr[RBX], v->gpr[RCX] };
	u8 bytes[16] = { 0 };
	bool same;

	place_read(v, p, bytes);
	memcpy(&old[0], bytes, half);
	memcpy(&old[1], bytes + half, half);
	same = old[0] == acc[0] && old[1] == acc[1];
	memcpy(bytes, same ? &new[0] : &old[0], half);
	memcpy(bytes + half, same ? &new[1] : &old[1], half);
	place_write(v, p, bytes);
	if (!same) {
		reg_write(v, RAX, false, half, old[0]);
		reg_write(v, RDX, false, half, old[1]);
	}
	flags_store(v, same ? v->exit.rflags | RFLAGS_ZF : v->exit.rflags & ~RFLAGS_ZF);
}

static u64 swap_bytes(u64 val, u32 size)
{
	return __builtin_bswap64(val) >> (64 - 8 * size);
}

/* SDM 2A "CMOVcc": memory is read in either case, and 32 bits clear the upper half in either case. */
static void do_cmov(struct vcpu *v, const struct insn *i, const struct place *p)
{
	u64 val = value_read(v, p);

	if (!condition_holds(i->cond, v->exit.rflags))
		val = v->gpr[i->reg];
	reg_write(v, i->reg, false, i->reg_size, val);
}

static bool alu_reads_only(const struct insn *i)
{
	return i->op == INSN_CMP || i->op == INSN_TEST || i->op == INSN_BT;
}

static void do_alu(struct vcpu *v, const struct insn *i, const struct place *p)
{
	u64 mem = value_read(v, p), src = source_of(v, i), rflags = v->exit.rflags;
	u64 r = i->to_reg ? alu(i->op, i->size, src, mem, &rflags) : alu(i->op, i->size, mem, src, &rflags);

	if (i->to_reg && !alu_reads_only(i))
		reg_write(v, i->reg, i->reg_high, i->reg_size, r);
	else if (!alu_reads_only(i))
		value_write(v, p, r);
	if (i->op == INSN_XADD)
		reg_write(v, i->reg, i->reg_high, i->reg_size, mem);
	if (i->op != INSN_NOT)
		flags_store(v, rflags);
}

static enum verdict carry_out(struct vcpu *v, const struct insn *i, const struct place *p)
{
	switch (i->op) {
	case INSN_LOAD:
		load(v, i, value_read(v, p));
		return NEXT;
	case INSN_STORE:
		value_write(v, p, source_of(v, i));
		return NEXT;
	case INSN_LOAD_SWAPPED:
		reg_write(v, i->reg, false, i->size, swap_bytes(value_read(v, p), i->size));
		return NEXT;
	case INSN_STORE_SWAPPED:
		value_write(v, p, swap_bytes(source_of(v, i), i->size));
		return NEXT;
	case INSN_CMOV:
		do_cmov(v, i, p);
		return NEXT;
	case INSN_SET:
		value_write(v, p, condition_holds(i->cond, v->exit.rflags));
		return NEXT;
	case INSN_VLOAD: case INSN_VSTORE:
		return emulate_vector(v, i, p);
	case INSN_XCHG:
		do_xchg(v, i, p);
		return NEXT;
	case INSN_CMPXCHG:
		do_cmpxchg(v, i, p);
		return NEXT;
	case INSN_CMPXCHG_PAIR:
		do_cmpxchg_pair(v, i, p);
		return NEXT;
	case INSN_ADD: case INSN_OR: case INSN_ADC: case INSN_SBB: case INSN_AND: case INSN_SUB: case INSN_XOR:
	case INSN_CMP: case INSN_TEST: case INSN_XADD: case INSN_INC: case INSN_DEC: case INSN_NOT: case INSN_NEG:
	case INSN_BT: case INSN_BTS: case INSN_BTR: case INSN_BTC:
	case INSN_ROL: case INSN_ROR: case INSN_RCL: case INSN_RCR: case INSN_SHL: case INSN_SHR: case INSN_SAR:
		do_alu(v, i, p);
		return NEXT;
	default:
		return emulate_refuse(v, "an instruction that is not emulated on device memory");
	}
}

static bool insn_writes(const struct insn *i)
{
	return !i->to_reg && !alu_reads_only(i);	/* loads are to_reg */
}

/* Both pages, by the guest's tables. */
static bool find_pages(struct vcpu *v, const struct insn *i, struct place *p)
{
	struct cpu_state s;
	u64 linear;

	virt->get_state(v, &s, STATE_MODE);
	return operand_linear(v, &s, i, insn_writes(i), &linear) && place_find(v, &s, linear, i->size, insn_writes(i), p);
}

/* Everything but plain moves inside a page. */
static NOINLINE enum verdict emulate_other(struct vcpu *v, const struct insn *i, bool crosses)
{
	struct place p;

	if (i->op >= INSN_MOVS && i->op <= INSN_SCAS)
		return emulate_string(v, i);
	if (i->op == INSN_PUSH || i->op == INSN_POP)
		return emulate_stack(v, i);
	if (!crosses)
		p = (struct place){ .size = i->size, .first = i->size, .gpa = { v->exit.mmio.gpa.v } };
	else if (!find_pages(v, i, &p))
		return FAULT;
	return carry_out(v, i, &p);
}

static NOINLINE enum verdict no_insn(struct vcpu *v, enum verdict why)
{
	return why == FAULT ? FAULT : emulate_refuse(v, "an instruction that is not emulated on device memory");
}

/* Moves of 4 bytes are nearly all that drivers do to registers, so they go without a call. */
static inline void quick_load(struct vcpu *v, const struct insn *i, struct io *io)
{
	mmio_access(v, io->off, io);
	if (i->size == 4 && i->reg_size == 4 && i->reg != RSP)
		v->gpr[i->reg] = (u32)io->val;
	else
		load(v, i, cut(io->val, i->size));
}

static inline void quick_store(struct vcpu *v, const struct insn *i, struct io *io)
{
	io->write = true;
	if (i->size == 4)
		io->val = (u32)(i->reg == REG_NONE ? i->imm : v->gpr[i->reg]);
	else
		io->val = cut(source_of(v, i), i->size);
	mmio_access(v, io->off, io);
}

enum verdict emulate_mmio(struct vcpu *v)
{
	const struct insn *i;
	struct code_key key;
	enum verdict why;
	struct io io;
	bool crosses;

	virt->code_key(v, &key);
	i = insn_at(v, &key, &why);
	if (!i)
		return no_insn(v, why);
	v->exit.len = i->len;
	crosses = crosses_page(v, i);
	if (crosses || i->op > INSN_STORE)
		return emulate_other(v, i, crosses);
	io = (struct io){ .off = v->exit.mmio.gpa.v, .size = i->size };
	if (i->op == INSN_STORE)
		quick_store(v, i, &io);
	else
		quick_load(v, i, &io);
	return NEXT;
}
