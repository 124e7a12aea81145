/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The architectural state of one vcpu in neutral words: what start-up code sets, what the emulator reads,
 * what a crash report shows. Vendors translate it to and from their own structures. Pure data. */

#include <hv/types.h>

enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, GPR_COUNT };

enum seg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEG_COUNT };

/* attr: bits 0-3 type, 4 S, 5-6 DPL, 7 P, 12 AVL, 13 L, 14 D/B, 15 G, 16 unusable (the VMX access-rights form). */
#define SEG_ATTR_P BIT32(7)
#define SEG_ATTR_L BIT32(13)
#define SEG_ATTR_DB BIT32(14)
#define SEG_ATTR_G BIT32(15)
#define SEG_ATTR_UNUSABLE BIT32(16)

struct segment {
	u16 sel;
	u32 attr;
	u32 limit;	/* in bytes, expanded */
	u64 base;
};

struct desc_table {
	u64 base;
	u32 limit;
};

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)
#define CR4_VME BIT(0)
#define CR4_PVI BIT(1)
#define CR4_TSD BIT(2)
#define CR4_DE BIT(3)
#define CR4_PSE BIT(4)
#define CR4_PAE BIT(5)
#define CR4_MCE BIT(6)
#define CR4_PGE BIT(7)
#define CR4_PCE BIT(8)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP BIT(11)
#define CR4_LA57 BIT(12)
#define CR4_VMXE BIT(13)
#define CR4_SMXE BIT(14)
#define CR4_FSGSBASE BIT(16)
#define CR4_PCIDE BIT(17)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define CR4_PKE BIT(22)
#define CR4_CET BIT(23)
#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)
#define EFER_SVME BIT(12)
#define EFER_FFXSR BIT(14)
#define RFLAGS_CF BIT(0)
#define RFLAGS_FIXED BIT(1)
#define RFLAGS_PF BIT(2)
#define RFLAGS_AF BIT(4)
#define RFLAGS_ZF BIT(6)
#define RFLAGS_SF BIT(7)
#define RFLAGS_TF BIT(8)
#define RFLAGS_IF BIT(9)
#define RFLAGS_DF BIT(10)
#define RFLAGS_OF BIT(11)
#define RFLAGS_RF BIT(16)
#define RFLAGS_VM BIT(17)
#define RFLAGS_AC BIT(18)

/* Which parts get_state/set_state move; the cheap ones are what hot paths ask for. */
enum state_part {
	STATE_MODE = 1,		/* cr0 cr3 cr4 efer rflags cs ss (the SS DPL is the CPL): what decoding and page walks need */
	STATE_SEGS = 2,		/* all segments and descriptor tables */
	STATE_REGS = 4,		/* gpr[] and rip */
	STATE_REST = 8,		/* cr2, dr6, dr7, system-call and sysenter MSRs, pat */
	STATE_ALL = 15,
	STATE_FLAGS = 16,	/* set_state: rflags alone; reading it is v->exit.rflags */
};

struct cpu_state {
	u64 gpr[GPR_COUNT];
	u64 rip, rflags;
	u64 cr0, cr2, cr3, cr4, efer;
	struct segment seg[SEG_COUNT];
	struct desc_table gdtr, idtr;
	u64 dr6, dr7;
	u64 pat;
	u64 star, lstar, cstar, sfmask, kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
};

/* What decides which instruction lies at a RIP: equal keys, and equal entries in the page tables, and it is the same place
 * read in the same way. Rights are not in it: the processor has judged them when it fetched. */
struct code_key {
	u64 linear;	/* address of the instruction */
	u64 cr3;
	u64 mode;	/* code size in bytes (2, 4, 8), CR0.PG, EFER.LMA, CR4 */
};

#define CODE_SIZE 15ul			/* of code_key.mode */
#define CODE_CR4_SHIFT 32
#define CODE_64BIT (8 | EFER_LMA | CR0_PG)	/* all of mode in 64-bit code, but CR4 */

/* The key where the code is not 64-bit. */
static inline struct code_key code_key_short(u64 rip, u64 cr0, u64 cr3, u64 cr4, u64 efer, u64 cs_base, bool cs_db)
{
	u64 size = cr0 & CR0_PE && cs_db ? 4 : 2;

	return (struct code_key){ .linear = (u32)(cs_base + rip), .cr3 = cr3,
		.mode = size | (cr0 & CR0_PG) | (efer & EFER_LMA) | cr4 << CODE_CR4_SHIFT };
}
