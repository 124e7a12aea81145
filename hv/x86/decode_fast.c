/* SPDX-License-Identifier: Apache-2.0 */
/* The small decoder: what drivers use on device registers nearly always. SDM 2 "Instruction Format". */

#include <hv/lib.h>

#include "decode.h"

#define REX_W 8u
#define REX_R 4u
#define REX_X 2u
#define REX_B 1u

struct cursor {
	const u8 *b;
	u32 at, n;
	u8 mode;
	u8 rex;
	bool any_rex, opsize, addrsize, rep, repne, lock;
	u8 seg;			/* override or REG_NONE */
};

static bool prefix_take(struct cursor *c, u8 b)
{
	static const u8 segment_prefix[] = {
		[0x26 - 0x26] = SEG_ES, [0x2e - 0x26] = SEG_CS, [0x36 - 0x26] = SEG_SS, [0x3e - 0x26] = SEG_DS,
		[0x64 - 0x26] = SEG_FS, [0x65 - 0x26] = SEG_GS,
	};

	switch (b) {
	case 0x26: case 0x2e: case 0x36: case 0x3e:
		/* Null prefixes in 64-bit code: they do not even take back an FS or GS before them. */
		if (c->mode != 8)
			c->seg = segment_prefix[b - 0x26];
		return true;
	case 0x64: case 0x65:
		c->seg = segment_prefix[b - 0x26];
		return true;
	case 0x66:
		c->opsize = true;
		return true;
	case 0x67:
		c->addrsize = true;
		return true;
	case 0xf0:
		c->lock = true;
		return true;
	case 0xf2: case 0xf3:
		c->rep = true;
		c->repne = b == 0xf2;
		return true;
	default:
		return false;
	}
}

/* Prefixes and REX; afterwards at is the opcode, and there is at least one byte. */
static bool cursor_start(struct cursor *c, const u8 *b, u32 n, u8 mode)
{
	*c = (struct cursor){ .b = b, .n = MIN(n, (u32)INSN_BYTES_MAX), .mode = mode, .seg = REG_NONE };
	while (c->at < c->n && prefix_take(c, b[c->at]))
		c->at++;
	if (c->at < c->n && mode == 8 && (b[c->at] & 0xf0) == 0x40) {
		c->rex = b[c->at++] & 15;
		c->any_rex = true;
	}
	return c->at < c->n;
}

static u8 operand_size(const struct cursor *c)
{
	if (c->rex & REX_W)
		return 8;
	return (c->mode == 2) != c->opsize ? 2 : 4;
}

static u8 address_size(const struct cursor *c)
{
	if (c->mode == 8)
		return c->addrsize ? 4 : 8;
	return (c->mode == 2) != c->addrsize ? 2 : 4;
}

/* A little-endian number of size bytes. */
static bool cursor_number(struct cursor *c, u32 size, u64 *val)
{
	if (c->n - c->at < size)
		return false;
	*val = 0;
	memcpy(val, c->b + c->at, size);
	c->at += size;
	return true;
}

static s64 sign_extend(u64 val, u32 size)
{
	u32 shift = 64 - 8 * size;

	return (s64)(val << shift) >> shift;
}

static bool cursor_disp(struct cursor *c, u32 size, struct insn *i)
{
	u64 val;

	if (!size)
		return true;
	if (!cursor_number(c, size, &val))
		return false;
	i->disp = sign_extend(val, size);
	return true;
}

static bool cursor_sib(struct cursor *c, u8 mod, struct insn *i, u32 *disp_size)
{
	u8 sib;

	if (c->at == c->n)
		return false;
	sib = c->b[c->at++];
	i->index = (u8)((sib >> 3 & 7) | (c->rex & REX_X ? 8 : 0));
	i->scale = (u8)(1 << (sib >> 6));
	if (i->index == RSP) {
		i->index = REG_NONE;
		i->scale = 1;
	}
	if ((sib & 7) == 5 && mod == 0)
		*disp_size = 4;
	else
		i->base = (u8)((sib & 7) | (c->rex & REX_B ? 8 : 0));
	return true;
}

/* ModR/M with a memory operand, 32- or 64-bit addressing. SDM 2 "Addressing-Mode Encoding of ModR/M and SIB Bytes". */
static bool cursor_modrm(struct cursor *c, struct insn *i, u8 *reg)
{
	u8 modrm, mod, rm;
	u32 disp_size;

	if (c->at == c->n)
		return false;
	modrm = c->b[c->at++];
	mod = modrm >> 6;
	rm = modrm & 7;
	if (mod == 3)
		return false;
	*reg = (u8)((modrm >> 3 & 7) | (c->rex & REX_R ? 8 : 0));
	disp_size = mod == 1 ? 1 : mod == 2 ? 4 : 0;
	if (rm == 4) {
		if (!cursor_sib(c, mod, i, &disp_size))
			return false;
	} else if (rm == 5 && mod == 0) {
		disp_size = 4;
		if (c->mode == 8)
			i->base = REG_RIP;
	} else {
		i->base = (u8)(rm | (c->rex & REX_B ? 8 : 0));
	}
	return cursor_disp(c, disp_size, i);
}

static u8 segment_of(const struct cursor *c, const struct insn *i)
{
	if (c->seg != REG_NONE)
		return c->seg;
	return c->mode != 8 && (i->base == RSP || i->base == RBP) ? SEG_SS : SEG_DS;
}

static void set_register(const struct cursor *c, struct insn *i, u8 reg, u8 size)
{
	i->reg = reg;
	i->reg_size = size;
	if (size == 1 && !c->any_rex && reg >= 4) {
		i->reg = reg & 3;
		i->reg_high = true;
	}
}

static bool decode_mov_modrm(struct cursor *c, struct insn *i, u8 op)
{
	u8 reg;

	i->size = op & 1 ? operand_size(c) : 1;
	i->to_reg = op & 2;
	i->op = i->to_reg ? INSN_LOAD : INSN_STORE;
	if (!cursor_modrm(c, i, &reg))
		return false;
	set_register(c, i, reg, i->size);
	return true;
}

static bool decode_mov_imm(struct cursor *c, struct insn *i, u8 op)
{
	u8 reg;
	u32 n;

	i->op = INSN_STORE;
	i->size = i->reg_size = op & 1 ? operand_size(c) : 1;
	if (!cursor_modrm(c, i, &reg) || (reg & 7) != 0)
		return false;
	n = MIN(i->size, (u8)4);
	if (!cursor_number(c, n, &i->imm))
		return false;
	if (i->size == 8)
		i->imm = (u64)sign_extend(i->imm, n);
	return true;
}

/* A0..A3: the accumulator and an address of its own. */
static bool decode_mov_offset(struct cursor *c, struct insn *i, u8 op)
{
	u64 at;

	i->size = op & 1 ? operand_size(c) : 1;
	i->to_reg = !(op & 2);
	i->op = i->to_reg ? INSN_LOAD : INSN_STORE;
	i->reg = RAX;
	i->reg_size = i->size;
	if (!cursor_number(c, i->addr_size, &at))
		return false;
	i->disp = (s64)at;
	return true;
}

/* 0F B6, B7, BE, BF: MOVZX and MOVSX. */
static bool decode_mov_extend(struct cursor *c, struct insn *i)
{
	u8 reg, op;

	if (c->at == c->n)
		return false;
	op = c->b[c->at++];
	if ((op & 0xf6) != 0xb6)
		return false;
	i->op = INSN_LOAD;
	i->to_reg = true;
	i->size = op & 1 ? 2 : 1;
	i->sign = op & 8;
	if (!cursor_modrm(c, i, &reg))
		return false;
	i->reg = reg;
	i->reg_size = operand_size(c);
	return true;
}

static bool decode_mov(struct cursor *c, struct insn *i, u8 op)
{
	if (c->rep || c->lock || i->addr_size == 2)
		return false;
	switch (op) {
	case 0x88: case 0x89: case 0x8a: case 0x8b:
		return decode_mov_modrm(c, i, op);
	case 0xa0: case 0xa1: case 0xa2: case 0xa3:
		return decode_mov_offset(c, i, op);
	case 0xc6: case 0xc7:
		return decode_mov_imm(c, i, op);
	case 0x0f:
		return decode_mov_extend(c, i);
	default:
		return false;
	}
}

static bool decode_string(const struct cursor *c, struct insn *i, u8 op)
{
	static const u8 string_op[] = { [0x6c / 2] = INSN_INS, [0x6e / 2] = INSN_OUTS, [0xa4 / 2] = INSN_MOVS,
		[0xa6 / 2] = INSN_CMPS, [0xaa / 2] = INSN_STOS, [0xac / 2] = INSN_LODS, [0xae / 2] = INSN_SCAS };

	i->op = op / 2u < sizeof(string_op) ? string_op[op / 2] : INSN_NONE;
	if (i->op == INSN_NONE || c->lock)
		return false;
	i->size = op & 1 ? operand_size(c) : 1;
	if (op < 0x70 && i->size == 8)
		i->size = 4;		/* there is no 8-byte port */
	i->rep = c->rep;
	i->repne = c->repne;
	i->reg = RAX;
	i->reg_size = i->size;
	return true;
}

bool decode_fast(const u8 *b, u32 n, u8 mode, struct insn *i)
{
	struct cursor c;
	u8 op;

	if (!cursor_start(&c, b, n, mode))
		return false;
	*i = (struct insn){ .reg = REG_NONE, .base = REG_NONE, .index = REG_NONE, .scale = 1, .addr_size = address_size(&c) };
	op = b[c.at++];
	if (!decode_string(&c, i, op) && !decode_mov(&c, i, op))
		return false;
	i->seg = segment_of(&c, i);
	i->len = (u8)c.at;
	return true;
}

/* --- Instructions that cause exits of their own: only their bytes and length matter. --- */

/* MOV to or from a control register; the mod bits are ignored. LOCK reaches CR8 on AMD: APM 3 "MOV CRn". */
static bool match_mov_cr(const struct cursor *c, struct insn *i, u8 op)
{
	u8 modrm;

	if (c->n - c->at < 3)
		return false;
	modrm = c->b[c->at + 2];
	i->op = INSN_MOV_CR;
	i->write = op == 0x22;
	i->cr = (u8)((modrm >> 3 & 7) | (c->rex & REX_R || c->lock ? 8 : 0));
	i->reg = (u8)((modrm & 7) | (c->rex & REX_B ? 8 : 0));
	i->reg_size = c->mode == 8 ? 8 : 4;
	i->len = (u8)(c->at + 3);
	return true;
}

/* 0F 01 /6. In 16-bit addressing the library decodes the operand; see decode_exit(). */
static bool match_lmsw(struct cursor *c, struct insn *i)
{
	u8 reg;

	if (c->n - c->at < 3 || (c->b[c->at + 2] >> 3 & 7) != 6)
		return false;
	i->op = INSN_LMSW;
	i->size = i->reg_size = 2;
	if (c->b[c->at + 2] >> 6 == 3) {
		i->reg = (u8)((c->b[c->at + 2] & 7) | (c->rex & REX_B ? 8 : 0));
		i->len = (u8)(c->at + 3);
		return true;
	}
	if (i->addr_size == 2)
		return false;
	c->at += 2;
	if (!cursor_modrm(c, i, &reg))
		return false;
	i->seg = segment_of(c, i);
	i->len = (u8)c->at;
	return true;
}

static bool match_cr(struct cursor *c, struct insn *i)
{
	if (c->n - c->at < 2 || c->b[c->at] != 0x0f)
		return false;
	switch (c->b[c->at + 1]) {
	case 0x20: case 0x22:
		return match_mov_cr(c, i, c->b[c->at + 1]);
	case 0x06:
		i->op = INSN_CLTS;
		i->len = (u8)(c->at + 2);
		return true;
	case 0x01:
		return match_lmsw(c, i);
	default:
		return false;
	}
}

/* IN and OUT. */
static bool match_pio(const struct cursor *c, struct insn *i)
{
	u8 op = c->b[c->at];

	if (decode_string(c, i, op)) {
		i->seg = segment_of(c, i);
		i->len = (u8)(c->at + 1);
		return op < 0x70;
	}
	i->op = INSN_PLAIN;
	i->len = (u8)(c->at + ((op & 0xf4) == 0xe4 && op & 8 ? 1 : 2));
	return (op & 0xf4) == 0xe4 && c->n >= i->len;
}

struct pattern {
	u8 kind, len;
	u8 bytes[3];
};

static const struct pattern patterns[] = {
	{ VMEXIT_CPUID, 2, { 0x0f, 0xa2 } },
	{ VMEXIT_MSR, 2, { 0x0f, 0x30 } },
	{ VMEXIT_MSR, 2, { 0x0f, 0x32 } },
	{ VMEXIT_HLT, 1, { 0xf4 } },
	{ VMEXIT_PAUSE, 1, { 0x90 } },
	{ VMEXIT_CACHE, 2, { 0x0f, 0x08 } },
	{ VMEXIT_CACHE, 2, { 0x0f, 0x09 } },
	{ VMEXIT_XSETBV, 3, { 0x0f, 0x01, 0xd1 } },
	{ VMEXIT_HYPERCALL, 3, { 0x0f, 0x01, 0xc1 } },
	{ VMEXIT_HYPERCALL, 3, { 0x0f, 0x01, 0xd9 } },
	{ VMEXIT_MONITOR, 3, { 0x0f, 0x01, 0xc8 } },
	{ VMEXIT_MONITOR, 3, { 0x0f, 0x01, 0xc9 } },
	{ VMEXIT_MONITOR, 3, { 0x0f, 0x01, 0xfa } },
	{ VMEXIT_MONITOR, 3, { 0x0f, 0x01, 0xfb } },
};

static bool match_pattern(const struct cursor *c, enum vmexit_kind kind, struct insn *i)
{
	for (u32 p = 0; p < ARRAY_COUNT(patterns); p++) {
		const struct pattern *t = &patterns[p];

		if (t->kind != kind || c->n - c->at < t->len || memcmp(t->bytes, c->b + c->at, t->len) != 0)
			continue;
		i->op = INSN_PLAIN;
		i->len = (u8)(c->at + t->len);
		return true;
	}
	return false;
}

bool decode_exit(const u8 *b, u32 n, u8 mode, enum vmexit_kind kind, struct insn *i)
{
	struct cursor c;

	if (!cursor_start(&c, b, n, mode))
		return false;
	*i = (struct insn){ .reg = REG_NONE, .base = REG_NONE, .index = REG_NONE, .scale = 1, .addr_size = address_size(&c),
		.seg = SEG_DS };
	switch (kind) {
	case VMEXIT_CR:
		return match_cr(&c, i) || decode_any(b, n, mode, i);
	case VMEXIT_PIO:
		return match_pio(&c, i);
	case VMEXIT_DR:
		i->op = INSN_PLAIN;
		i->len = (u8)(c.at + 3);
		return c.n - c.at >= 3 && c.b[c.at] == 0x0f && (c.b[c.at + 1] & 0xfd) == 0x21;
	default:
		return match_pattern(&c, kind, i);
	}
}
