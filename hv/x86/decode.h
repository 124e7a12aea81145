/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Decoded instructions of a guest: what the emulator can carry out, and the few whose length hardware did not tell.
 * Pure functions on a private copy of the bytes, and a cache that belongs to one vcpu. */

#include <hv/vcpu.h>

#define INSN_BYTES_MAX 15
#define REG_NONE 0xff
#define REG_RIP 0x10		/* as base: the address of the next instruction */

enum insn_op {
	INSN_NONE,
	INSN_PLAIN,		/* only its length matters */
	INSN_LOAD, INSN_STORE,
	INSN_LOAD_SWAPPED, INSN_STORE_SWAPPED,	/* MOVBE */
	INSN_CMOV, INSN_SET,		/* if cond */
	INSN_VLOAD, INSN_VSTORE,	/* reg is a vector register; what a load does not fill becomes 0 */
	INSN_ADD, INSN_OR, INSN_ADC, INSN_SBB, INSN_AND, INSN_SUB, INSN_XOR, INSN_CMP,	/* in the order of /0../7 */
	INSN_TEST, INSN_XCHG, INSN_XADD, INSN_CMPXCHG,
	INSN_INC, INSN_DEC, INSN_NOT, INSN_NEG,
	INSN_BT, INSN_BTS, INSN_BTR, INSN_BTC,
	INSN_ROL, INSN_ROR, INSN_RCL, INSN_RCR, INSN_SHL, INSN_SHR, INSN_SAR,
	INSN_CMPXCHG_PAIR,		/* CMPXCHG8B, CMPXCHG16B */
	INSN_PUSH, INSN_POP,
	INSN_MOVS, INSN_STOS, INSN_LODS, INSN_CMPS, INSN_SCAS, INSN_INS, INSN_OUTS,
	INSN_MOV_CR, INSN_CLTS, INSN_LMSW,
};

/* One instruction with at most one memory operand and one register or immediate. */
struct insn {
	u8 len;
	u8 op;			/* enum insn_op */
	u8 size;		/* bytes of the memory operand */
	u8 reg_size;		/* bytes of the register operand */
	u8 reg;			/* enum gpr; REG_NONE: the other operand is imm, or there is none */
	bool reg_high;		/* AH, CH, DH, BH */
	bool sign;		/* INSN_LOAD: sign-extends */
	bool to_reg;		/* the register is the destination */
	bool write;		/* INSN_MOV_CR: to the control register */
	u8 cr;
	u8 cond;		/* INSN_CMOV, INSN_SET: low four bits of the opcode */
	bool vex;		/* INSN_VLOAD, INSN_VSTORE: VEX-encoded, so what is above size becomes 0 */
	bool rep, repne;	/* REP, REPE or REPNE; the last is REPNE */
	u8 addr_size;		/* 2, 4, 8 */
	u8 seg;			/* enum seg; in 64-bit code FS, GS or DS */
	u8 base, index, scale;	/* REG_NONE, REG_RIP; scale 1, 2, 4, 8 */
	s64 disp;
	u64 imm;		/* cut to size bytes */
};

/* Small decoder for plain MOV forms in 32- and 64-bit code, and for string instructions in all. false: not one of them,
 * or too few bytes. Agrees with decode_any() wherever it answers. */
bool decode_fast(const u8 *b, u32 n, u8 mode, struct insn *i);

/* The library decoder. false: not an instruction that the emulator can carry out. */
bool decode_any(const u8 *b, u32 n, u8 mode, struct insn *i);

/* Match bytes against what caused an exit of this kind. false: none of them. */
bool decode_exit(const u8 *b, u32 n, u8 mode, enum vmexit_kind kind, struct insn *i);

/* The instruction at v->exit.rip, decoded as one that can cause v->exit.kind. k: virt->code_key(). Null: v->fault is filled
 * and *why is FAULT, or it is nothing that we know and *why is KILL. Valid until the next call. Own core. */
const struct insn *insn_at(struct vcpu *v, const struct code_key *k, enum verdict *why);
