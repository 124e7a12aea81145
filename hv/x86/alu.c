/* SPDX-License-Identifier: Apache-2.0 */
/* SDM 1 "EFLAGS Cross-Reference"; where a flag is undefined it takes what processors give. */
#include "alu.h"

#include "operand.h"

static bool top_bit(u64 val, u32 size)
{
	return val >> (8 * size - 1) & 1;
}

/* Even number of ones in the low byte. */
static bool parity(u64 val)
{
	return 0x9669u >> ((val ^ val >> 4) & 15) & 1;
}

static u64 flag(u64 mask, bool on)
{
	return on ? mask : 0;
}

static u64 result_flags(u64 r, u32 size)
{
	return flag(RFLAGS_ZF, r == 0) | flag(RFLAGS_SF, top_bit(r, size)) | flag(RFLAGS_PF, parity(r));
}

static u64 flags_set(u64 *rflags, u64 mask, u64 flags, u64 result)
{
	*rflags = (*rflags & ~mask) | (flags & mask);
	return result;
}

static u64 add(u32 size, u64 a, u64 b, u64 carry, u64 mask, u64 *rflags)
{
	u64 r = cut(a + b + carry, size);
	u64 f = result_flags(r, size);

	f |= flag(RFLAGS_CF, r < a || (carry && r == a));
	f |= flag(RFLAGS_AF, (a ^ b ^ r) & 16);
	f |= flag(RFLAGS_OF, top_bit((a ^ r) & (b ^ r), size));
	return flags_set(rflags, mask, f, r);
}

static u64 sub(u32 size, u64 a, u64 b, u64 borrow, u64 mask, u64 *rflags)
{
	u64 r = cut(a - b - borrow, size);
	u64 f = result_flags(r, size);

	f |= flag(RFLAGS_CF, a < b || (borrow && a == b));
	f |= flag(RFLAGS_AF, (a ^ b ^ r) & 16);
	f |= flag(RFLAGS_OF, top_bit((a ^ b) & (a ^ r), size));
	return flags_set(rflags, mask, f, r);
}

static u64 logic(u32 size, u64 r, u64 *rflags)
{
	return flags_set(rflags, FLAGS_STATUS, result_flags(r, size), r);
}

/* Only CF is defined; the others stay. */
static u64 bit_test(enum insn_op op, u32 size, u64 a, u64 b, u64 *rflags)
{
	u64 bit = BIT(b & (8 * size - 1));
	u64 r = op == INSN_BTS ? a | bit : op == INSN_BTR ? a & ~bit : op == INSN_BTC ? a ^ bit : a;

	return flags_set(rflags, RFLAGS_CF, flag(RFLAGS_CF, a & bit), r);
}

/* One bit at a time: what goes out is the carry, which RCL and RCR bring in again. */
static u64 step_left(enum insn_op op, u32 size, u64 a, bool *carry)
{
	bool out = top_bit(a, size);
	u64 in = op == INSN_ROL ? out : op == INSN_RCL ? *carry : 0;

	*carry = out;
	return cut(a << 1, size) | in;
}

static u64 step_right(enum insn_op op, u32 size, u64 a, bool *carry)
{
	bool out = a & 1;
	u64 in = op == INSN_ROR ? out : op == INSN_RCR ? *carry : op == INSN_SAR ? top_bit(a, size) : 0;

	*carry = out;
	return a >> 1 | in << (8 * size - 1);
}

/* SDM 2B "RCL/RCR/ROL/ROR", "SAL/SAR/SHL/SHR": a count of 0 leaves the flags alone, rotations all but CF and OF. */
static u64 shift(enum insn_op op, u32 size, u64 a, u64 count, u64 *rflags)
{
	bool left = op == INSN_ROL || op == INSN_RCL || op == INSN_SHL, carry = *rflags & RFLAGS_CF;
	u64 mask = op >= INSN_SHL ? FLAGS_STATUS : RFLAGS_CF | RFLAGS_OF, r = a, f;

	count &= size == 8 ? 63 : 31;
	if (!count)
		return a;
	for (; count; count--)
		r = left ? step_left(op, size, r, &carry) : step_right(op, size, r, &carry);
	f = result_flags(r, size) | flag(RFLAGS_CF, carry);
	if (left)
		f |= flag(RFLAGS_OF, top_bit(r, size) != carry);
	else
		f |= flag(RFLAGS_OF, top_bit(r ^ r << 1, size) && op != INSN_SAR);
	return flags_set(rflags, mask, f, r);
}

bool condition_holds(u32 cond, u64 rflags)
{
	bool less = !(rflags & RFLAGS_SF) != !(rflags & RFLAGS_OF);
	const bool base[] = { rflags & RFLAGS_OF, rflags & RFLAGS_CF, rflags & RFLAGS_ZF, rflags & (RFLAGS_CF | RFLAGS_ZF),
		rflags & RFLAGS_SF, rflags & RFLAGS_PF, less, less || rflags & RFLAGS_ZF };

	return base[cond >> 1 & 7] != (cond & 1);
}

u64 alu(enum insn_op op, u32 size, u64 a, u64 b, u64 *rflags)
{
	u64 carry = *rflags & RFLAGS_CF ? 1 : 0;

	switch (op) {
	case INSN_ADD: case INSN_XADD:
		return add(size, a, b, 0, FLAGS_STATUS, rflags);
	case INSN_ADC:
		return add(size, a, b, carry, FLAGS_STATUS, rflags);
	case INSN_INC:
		return add(size, a, 1, 0, FLAGS_STATUS & ~RFLAGS_CF, rflags);
	case INSN_SUB:
		return sub(size, a, b, 0, FLAGS_STATUS, rflags);
	case INSN_SBB:
		return sub(size, a, b, carry, FLAGS_STATUS, rflags);
	case INSN_DEC:
		return sub(size, a, 1, 0, FLAGS_STATUS & ~RFLAGS_CF, rflags);
	case INSN_NEG:
		return sub(size, 0, a, 0, FLAGS_STATUS, rflags);
	case INSN_CMP: case INSN_CMPXCHG:
		sub(size, a, b, 0, FLAGS_STATUS, rflags);
		return a;
	case INSN_AND:
		return logic(size, a & b, rflags);
	case INSN_OR:
		return logic(size, a | b, rflags);
	case INSN_XOR:
		return logic(size, a ^ b, rflags);
	case INSN_TEST:
		logic(size, a & b, rflags);
		return a;
	case INSN_NOT:
		return cut(~a, size);
	case INSN_BT: case INSN_BTS: case INSN_BTR: case INSN_BTC:
		return bit_test(op, size, a, b, rflags);
	case INSN_ROL: case INSN_ROR: case INSN_RCL: case INSN_RCR: case INSN_SHL: case INSN_SHR: case INSN_SAR:
		return shift(op, size, a, b, rflags);
	default:
		return a;
	}
}
