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
	default:
		return a;
	}
}
