/* SPDX-License-Identifier: Apache-2.0 */
/* The library decoder's answer in our own words. */

#include <Zydis/Decoder.h>

#include <hv/lib.h>

#include "decode.h"

/* What a mnemonic means here, and which operand may be the memory one. */
enum shape { SHAPE_MOVE, SHAPE_BOTH, SHAPE_MEM_FIRST, SHAPE_MEM_ONLY, SHAPE_BIT, SHAPE_COUNT, SHAPE_VECTOR };

struct meaning {
	u16 mnemonic;
	u8 op, shape;
};

static const struct meaning meanings[] = {
	{ ZYDIS_MNEMONIC_MOV, INSN_LOAD, SHAPE_MOVE },		{ ZYDIS_MNEMONIC_MOVZX, INSN_LOAD, SHAPE_MOVE },
	{ ZYDIS_MNEMONIC_MOVSX, INSN_LOAD, SHAPE_MOVE },	{ ZYDIS_MNEMONIC_MOVSXD, INSN_LOAD, SHAPE_MOVE },
	{ ZYDIS_MNEMONIC_MOVNTI, INSN_LOAD, SHAPE_MOVE },	{ ZYDIS_MNEMONIC_MOVDIRI, INSN_LOAD, SHAPE_MOVE },
	{ ZYDIS_MNEMONIC_MOVBE, INSN_LOAD_SWAPPED, SHAPE_MOVE },
	{ ZYDIS_MNEMONIC_ADD, INSN_ADD, SHAPE_BOTH },		{ ZYDIS_MNEMONIC_OR, INSN_OR, SHAPE_BOTH },
	{ ZYDIS_MNEMONIC_ADC, INSN_ADC, SHAPE_BOTH },		{ ZYDIS_MNEMONIC_SBB, INSN_SBB, SHAPE_BOTH },
	{ ZYDIS_MNEMONIC_AND, INSN_AND, SHAPE_BOTH },		{ ZYDIS_MNEMONIC_SUB, INSN_SUB, SHAPE_BOTH },
	{ ZYDIS_MNEMONIC_XOR, INSN_XOR, SHAPE_BOTH },		{ ZYDIS_MNEMONIC_CMP, INSN_CMP, SHAPE_BOTH },
	{ ZYDIS_MNEMONIC_TEST, INSN_TEST, SHAPE_MEM_FIRST },	{ ZYDIS_MNEMONIC_XCHG, INSN_XCHG, SHAPE_MEM_FIRST },
	{ ZYDIS_MNEMONIC_XADD, INSN_XADD, SHAPE_MEM_FIRST },	{ ZYDIS_MNEMONIC_CMPXCHG, INSN_CMPXCHG, SHAPE_MEM_FIRST },
	{ ZYDIS_MNEMONIC_INC, INSN_INC, SHAPE_MEM_ONLY },	{ ZYDIS_MNEMONIC_DEC, INSN_DEC, SHAPE_MEM_ONLY },
	{ ZYDIS_MNEMONIC_NOT, INSN_NOT, SHAPE_MEM_ONLY },	{ ZYDIS_MNEMONIC_NEG, INSN_NEG, SHAPE_MEM_ONLY },
	{ ZYDIS_MNEMONIC_LMSW, INSN_LMSW, SHAPE_MEM_ONLY },
	{ ZYDIS_MNEMONIC_CMPXCHG8B, INSN_CMPXCHG_PAIR, SHAPE_MEM_ONLY },
	{ ZYDIS_MNEMONIC_CMPXCHG16B, INSN_CMPXCHG_PAIR, SHAPE_MEM_ONLY },
	{ ZYDIS_MNEMONIC_PUSH, INSN_PUSH, SHAPE_MEM_ONLY },	{ ZYDIS_MNEMONIC_POP, INSN_POP, SHAPE_MEM_ONLY },
	{ ZYDIS_MNEMONIC_BT, INSN_BT, SHAPE_BIT },		{ ZYDIS_MNEMONIC_BTS, INSN_BTS, SHAPE_BIT },
	{ ZYDIS_MNEMONIC_BTR, INSN_BTR, SHAPE_BIT },		{ ZYDIS_MNEMONIC_BTC, INSN_BTC, SHAPE_BIT },
	{ ZYDIS_MNEMONIC_ROL, INSN_ROL, SHAPE_COUNT },	{ ZYDIS_MNEMONIC_ROR, INSN_ROR, SHAPE_COUNT },
	{ ZYDIS_MNEMONIC_RCL, INSN_RCL, SHAPE_COUNT },	{ ZYDIS_MNEMONIC_RCR, INSN_RCR, SHAPE_COUNT },
	{ ZYDIS_MNEMONIC_SHL, INSN_SHL, SHAPE_COUNT },	{ ZYDIS_MNEMONIC_SHR, INSN_SHR, SHAPE_COUNT },
	{ ZYDIS_MNEMONIC_SAR, INSN_SAR, SHAPE_COUNT },
	{ ZYDIS_MNEMONIC_MOVUPS, INSN_VLOAD, SHAPE_VECTOR },	{ ZYDIS_MNEMONIC_MOVAPS, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_MOVUPD, INSN_VLOAD, SHAPE_VECTOR },	{ ZYDIS_MNEMONIC_MOVAPD, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_MOVDQU, INSN_VLOAD, SHAPE_VECTOR },	{ ZYDIS_MNEMONIC_MOVDQA, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_MOVNTPS, INSN_VLOAD, SHAPE_VECTOR },	{ ZYDIS_MNEMONIC_MOVNTPD, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_MOVNTDQ, INSN_VLOAD, SHAPE_VECTOR },	{ ZYDIS_MNEMONIC_MOVNTDQA, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_LDDQU, INSN_VLOAD, SHAPE_VECTOR },	{ ZYDIS_MNEMONIC_MOVD, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_MOVQ, INSN_VLOAD, SHAPE_VECTOR },	{ ZYDIS_MNEMONIC_MOVSS, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_MOVSD, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_VMOVUPS, INSN_VLOAD, SHAPE_VECTOR },	{ ZYDIS_MNEMONIC_VMOVAPS, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_VMOVUPD, INSN_VLOAD, SHAPE_VECTOR },	{ ZYDIS_MNEMONIC_VMOVAPD, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_VMOVDQU, INSN_VLOAD, SHAPE_VECTOR },	{ ZYDIS_MNEMONIC_VMOVDQA, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_VMOVNTPS, INSN_VLOAD, SHAPE_VECTOR },{ ZYDIS_MNEMONIC_VMOVNTPD, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_VMOVNTDQ, INSN_VLOAD, SHAPE_VECTOR },{ ZYDIS_MNEMONIC_VMOVNTDQA, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_VLDDQU, INSN_VLOAD, SHAPE_VECTOR },	{ ZYDIS_MNEMONIC_VMOVD, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_VMOVQ, INSN_VLOAD, SHAPE_VECTOR },	{ ZYDIS_MNEMONIC_VMOVSS, INSN_VLOAD, SHAPE_VECTOR },
	{ ZYDIS_MNEMONIC_VMOVSD, INSN_VLOAD, SHAPE_VECTOR },
};

static const struct meaning meaning_cmov = { 0, INSN_CMOV, SHAPE_MOVE }, meaning_set = { 0, INSN_SET, SHAPE_MEM_ONLY };

static const struct meaning *meaning_of(const ZydisDecodedInstruction *z)
{
	if (z->opcode_map == ZYDIS_OPCODE_MAP_0F && z->encoding == ZYDIS_INSTRUCTION_ENCODING_LEGACY) {
		if ((z->opcode & 0xf0) == 0x40)
			return &meaning_cmov;
		if ((z->opcode & 0xf0) == 0x90)
			return &meaning_set;
	}
	for (u32 m = 0; m < ARRAY_COUNT(meanings); m++)
		if (meanings[m].mnemonic == z->mnemonic)
			return &meanings[m];
	return NULL;
}

static void decoder_init(ZydisDecoder *d, u8 mode)
{
	switch (mode) {
	case 8:
		ZydisDecoderInit(d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
		break;
	case 4:
		ZydisDecoderInit(d, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_STACK_WIDTH_32);
		break;
	default:
		ZydisDecoderInit(d, ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_STACK_WIDTH_16);
		break;
	}
}

/* A general register's number; false: another class. */
static bool register_number(ZydisRegister r, struct insn *i)
{
	i->reg_high = r >= ZYDIS_REGISTER_AH && r <= ZYDIS_REGISTER_BH;
	if (i->reg_high)
		i->reg = (u8)(r - ZYDIS_REGISTER_AH);
	else if (r >= ZYDIS_REGISTER_AL && r <= ZYDIS_REGISTER_BL)
		i->reg = (u8)(r - ZYDIS_REGISTER_AL);
	else if (r >= ZYDIS_REGISTER_SPL && r <= ZYDIS_REGISTER_R15B)
		i->reg = (u8)(r - ZYDIS_REGISTER_SPL + RSP);
	else if (r >= ZYDIS_REGISTER_AX && r <= ZYDIS_REGISTER_R15W)
		i->reg = (u8)(r - ZYDIS_REGISTER_AX);
	else if (r >= ZYDIS_REGISTER_EAX && r <= ZYDIS_REGISTER_R15D)
		i->reg = (u8)(r - ZYDIS_REGISTER_EAX);
	else if (r >= ZYDIS_REGISTER_RAX && r <= ZYDIS_REGISTER_R15)
		i->reg = (u8)(r - ZYDIS_REGISTER_RAX);
	else
		return false;
	return true;
}

static u8 address_register(ZydisRegister r)
{
	struct insn i;

	if (r == ZYDIS_REGISTER_RIP || r == ZYDIS_REGISTER_EIP)
		return REG_RIP;
	return register_number(r, &i) ? i.reg : REG_NONE;
}

static bool take_memory(const ZydisDecodedOperand *o, u8 mode, struct insn *i)
{
	const ZydisDecodedOperandMem *m = &o->mem;

	if (m->type != ZYDIS_MEMOP_TYPE_MEM || o->size < 8 || o->size > 256 || (o->size & (o->size - 1)))
		return false;
	i->size = (u8)(o->size / 8);
	i->base = address_register(m->base);
	i->index = address_register(m->index);
	i->scale = m->scale ? m->scale : 1;
	i->disp = m->disp.has_displacement ? m->disp.value : 0;
	i->seg = (u8)(m->segment - ZYDIS_REGISTER_ES);
	if (mode == 8 && i->seg != SEG_FS && i->seg != SEG_GS)
		i->seg = SEG_DS;
	return i->seg <= SEG_GS;
}

/* The operand that is not memory. */
static bool take_other(const ZydisDecodedOperand *o, struct insn *i)
{
	if (o->type == ZYDIS_OPERAND_TYPE_REGISTER) {
		i->reg_size = (u8)(o->size / 8);
		return register_number(o->reg.value, i);
	}
	if (o->type != ZYDIS_OPERAND_TYPE_IMMEDIATE)
		return false;
	i->reg_size = i->size;
	i->imm = o->imm.value.u;
	if (i->size < 8)
		i->imm &= BIT(8 * i->size) - 1;
	return true;
}

/* XMM and YMM registers; those of MMX are another matter. */
static bool take_vector(const ZydisDecodedOperand *o, struct insn *i)
{
	bool wide = o->reg.value >= ZYDIS_REGISTER_YMM0 && o->reg.value <= ZYDIS_REGISTER_YMM15;

	if (o->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return false;
	if (!wide && (o->reg.value < ZYDIS_REGISTER_XMM0 || o->reg.value > ZYDIS_REGISTER_XMM15))
		return false;
	i->reg = (u8)(o->reg.value - (wide ? ZYDIS_REGISTER_YMM0 : ZYDIS_REGISTER_XMM0));
	i->reg_size = wide ? 32 : 16;
	return true;
}

static bool take_operands(const struct meaning *m, const ZydisDecodedOperand *o, u32 count, u8 mode, struct insn *i)
{
	u32 mem = count && o[0].type == ZYDIS_OPERAND_TYPE_MEMORY ? 0 : 1;

	if (mem >= count || o[mem].type != ZYDIS_OPERAND_TYPE_MEMORY || !take_memory(&o[mem], mode, i))
		return false;
	i->to_reg = mem == 1;
	switch (m->shape) {
	case SHAPE_MEM_ONLY:
		i->reg_size = i->size;
		return count == 1;
	case SHAPE_BIT:
	case SHAPE_COUNT:
		i->to_reg = false;
		return count == 2 && mem == 0 && take_other(&o[1], i);
	case SHAPE_VECTOR:
		return count == 2 && take_vector(&o[1 - mem], i);
	case SHAPE_MEM_FIRST:
		i->to_reg = false;	/* these are symmetric, or have no other form */
		return count == 2 && take_other(&o[1 - mem], i);
	case SHAPE_MOVE:
	case SHAPE_BOTH:
		return count == 2 && take_other(&o[1 - mem], i);
	default:
		return false;
	}
}

bool decode_any(const u8 *b, u32 n, u8 mode, struct insn *i)
{
	ZydisDecoder decoder;
	ZydisDecodedInstruction z;
	ZydisDecodedOperand o[ZYDIS_MAX_OPERAND_COUNT_VISIBLE];
	ZydisDecoderContext context;
	const struct meaning *m;

	decoder_init(&decoder, mode);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&decoder, &context, b, MIN(n, (u32)INSN_BYTES_MAX), &z)))
		return false;
	m = meaning_of(&z);
	if (!m || !ZYAN_SUCCESS(ZydisDecoderDecodeOperands(&decoder, &context, &z, o, z.operand_count_visible)))
		return false;
	*i = (struct insn){ .op = m->op, .len = z.length, .reg = REG_NONE, .base = REG_NONE, .index = REG_NONE, .scale = 1,
		.addr_size = (u8)(z.address_width / 8), .cond = z.opcode & 15,
		.vex = z.encoding == ZYDIS_INSTRUCTION_ENCODING_VEX };
	if (!take_operands(m, o, z.operand_count_visible, mode, i))
		return false;
	/* SIB base 101 with mod 00 means none, whatever REX.B says; with 32-bit addresses the library names R13
	 * and forgets the displacement. SDM 2A "Special Cases of REX Encodings". */
	if (i->base == R13 && z.raw.modrm.mod == 0 && z.raw.modrm.rm == 4) {
		i->base = REG_NONE;
		i->disp = z.raw.disp.value;
	}
	i->sign = z.mnemonic == ZYDIS_MNEMONIC_MOVSX || z.mnemonic == ZYDIS_MNEMONIC_MOVSXD;
	if (!i->to_reg && (m->op == INSN_LOAD || m->op == INSN_LOAD_SWAPPED || m->op == INSN_VLOAD))
		i->op++;	/* to the store of the same kind */
	return true;
}
