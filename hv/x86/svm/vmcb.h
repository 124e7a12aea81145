/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The virtual machine control block: APM 2 "Layout of VMCB" (appendix B), and the pure functions that read and write
 * it. They take the block as an argument, touch no hardware and are tested on the build host. */

#include <hv/cpu_state.h>
#include <hv/vmexit.h>

struct vmcb_segment {
	u16 sel;
	u16 attr;	/* descriptor bits 47:40 in 7:0, bits 55:52 in 11:8 */
	u32 limit;
	u64 base;
};

struct vmcb {
	/* Control area */
	u32 cr_intercept;	/* 000: reads of CRn in bit n, writes in bit 16 + n */
	u32 dr_intercept;	/* 004 */
	u32 exc_intercept;	/* 008: exception vectors */
	u32 intercept1;		/* 00C: INTERCEPT1_* */
	u32 intercept2;		/* 010: INTERCEPT2_* */
	u32 intercept3;		/* 014: INTERCEPT3_* */
	u8 reserved_018[0x24];
	u16 pause_threshold;	/* 03C */
	u16 pause_count;	/* 03E */
	u64 iopm_base;		/* 040 */
	u64 msrpm_base;		/* 048 */
	u64 tsc_offset;		/* 050 */
	u32 asid;		/* 058 */
	u32 tlb_control;	/* 05C */
	u64 vintr;		/* 060: V_* */
	u64 shadow;		/* 068: bit 0 interrupt shadow */
	u64 exitcode;		/* 070 */
	u64 exitinfo1;		/* 078 */
	u64 exitinfo2;		/* 080 */
	u64 exitintinfo;	/* 088: EVT_* */
	u64 np_enable;		/* 090 */
	u64 avic_bar;		/* 098 */
	u64 ghcb;		/* 0A0 */
	u64 eventinj;		/* 0A8: EVT_* */
	u64 n_cr3;		/* 0B0 */
	u64 lbr_enable;		/* 0B8 */
	u64 clean;		/* 0C0: CLEAN_* */
	u64 nrip;		/* 0C8 */
	u8 fetched;		/* 0D0 */
	u8 bytes[15];		/* 0D1 */
	u8 reserved_0e0[0x320];

	/* State save area */
	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;	/* 400 */
	u8 reserved_4a0[0x2b];
	u8 cpl;			/* 4CB */
	u8 reserved_4cc[4];
	u64 efer;		/* 4D0 */
	u8 reserved_4d8[0x70];
	u64 cr4, cr3, cr0;	/* 548, 550, 558 */
	u64 dr7, dr6;		/* 560, 568 */
	u64 rflags, rip;	/* 570, 578 */
	u8 reserved_580[0x58];
	u64 rsp;		/* 5D8 */
	u64 s_cet, ssp, isst;	/* 5E0 */
	u64 rax;		/* 5F8 */
	u64 star, lstar, cstar, sfmask, kernel_gs_base;		/* 600 */
	u64 sysenter_cs, sysenter_esp, sysenter_eip;		/* 628 */
	u64 cr2;		/* 640 */
	u8 reserved_648[0x20];
	u64 g_pat;		/* 668 */
	u64 dbgctl;		/* 670 */
	u8 reserved_678[0x988];
};

#define VMCB_AT(field, off) _Static_assert(offsetof(struct vmcb, field) == (off), "VMCB layout")
VMCB_AT(intercept1, 0x00c);
VMCB_AT(intercept3, 0x014);
VMCB_AT(pause_threshold, 0x03c);
VMCB_AT(iopm_base, 0x040);
VMCB_AT(tsc_offset, 0x050);
VMCB_AT(asid, 0x058);
VMCB_AT(tlb_control, 0x05c);
VMCB_AT(vintr, 0x060);
VMCB_AT(exitcode, 0x070);
VMCB_AT(exitintinfo, 0x088);
VMCB_AT(np_enable, 0x090);
VMCB_AT(eventinj, 0x0a8);
VMCB_AT(n_cr3, 0x0b0);
VMCB_AT(clean, 0x0c0);
VMCB_AT(nrip, 0x0c8);
VMCB_AT(es, 0x400);
VMCB_AT(fs, 0x440);
VMCB_AT(gdtr, 0x460);
VMCB_AT(tr, 0x490);
VMCB_AT(cpl, 0x4cb);
VMCB_AT(efer, 0x4d0);
VMCB_AT(cr4, 0x548);
VMCB_AT(cr0, 0x558);
VMCB_AT(dr6, 0x568);
VMCB_AT(rip, 0x578);
VMCB_AT(rsp, 0x5d8);
VMCB_AT(rax, 0x5f8);
VMCB_AT(star, 0x600);
VMCB_AT(kernel_gs_base, 0x620);
VMCB_AT(sysenter_cs, 0x628);
VMCB_AT(cr2, 0x640);
VMCB_AT(g_pat, 0x668);
_Static_assert(sizeof(struct vmcb) == PAGE_SIZE, "VMCB size");

#define CR_INTERCEPT_READ(n) BIT32(n)
#define CR_INTERCEPT_WRITE(n) BIT32(16 + (n))

#define INTERCEPT1_INTR BIT32(0)
#define INTERCEPT1_NMI BIT32(1)
#define INTERCEPT1_INIT BIT32(3)
#define INTERCEPT1_VINTR BIT32(4)
#define INTERCEPT1_RDPMC BIT32(15)
#define INTERCEPT1_CPUID BIT32(18)
#define INTERCEPT1_RSM BIT32(19)
#define INTERCEPT1_IRET BIT32(20)
#define INTERCEPT1_INVD BIT32(22)
#define INTERCEPT1_HLT BIT32(24)
#define INTERCEPT1_INVLPGA BIT32(26)
#define INTERCEPT1_IOIO BIT32(27)
#define INTERCEPT1_MSR BIT32(28)
#define INTERCEPT1_TASK_SWITCH BIT32(29)
#define INTERCEPT1_SHUTDOWN BIT32(31)

#define INTERCEPT2_VMRUN BIT32(0)
#define INTERCEPT2_VMMCALL BIT32(1)
#define INTERCEPT2_VMLOAD BIT32(2)
#define INTERCEPT2_VMSAVE BIT32(3)
#define INTERCEPT2_STGI BIT32(4)
#define INTERCEPT2_CLGI BIT32(5)
#define INTERCEPT2_SKINIT BIT32(6)
#define INTERCEPT2_WBINVD BIT32(9)
#define INTERCEPT2_MONITOR BIT32(10)
#define INTERCEPT2_MWAIT BIT32(11)
#define INTERCEPT2_MWAIT_ARMED BIT32(12)
#define INTERCEPT2_XSETBV BIT32(13)
#define INTERCEPT2_RDPRU BIT32(14)

#define INTERCEPT3_INVLPGB BIT32(0)
#define INTERCEPT3_INVLPGB_ILLEGAL BIT32(1)
#define INTERCEPT3_MCOMMIT BIT32(3)
#define INTERCEPT3_TLBSYNC BIT32(4)

#define TLB_FLUSH_NOTHING 0
#define TLB_FLUSH_ALL 1
#define TLB_FLUSH_ASID 3

#define V_IRQ BIT(8)
#define V_PRIO_MAX (0xful << 16)
#define V_IGNORE_TPR BIT(20)
#define V_INTR_MASKING BIT(24)
#define V_VECTOR_SHIFT 32
#define V_IRQ_FIRST (V_IRQ | V_PRIO_MAX | V_IGNORE_TPR)	/* whatever the TPR says */
#define V_IRQ_ALL (V_IRQ_FIRST | 0xfful << V_VECTOR_SHIFT)

#define EVT_VECTOR 0xfful
#define EVT_TYPE (7ul << 8)
#define EVT_TYPE_SHIFT 8
#define EVT_HAS_CODE BIT(11)
#define EVT_VALID BIT(31)
#define EVT_CODE_SHIFT 32

/* A set bit promises that the fields were not changed since the last exit: APM 2 "VMCB Clean Bits". */
#define CLEAN_INTERCEPTS BIT(0)	/* and the TSC offset */
#define CLEAN_IOPM BIT(1)
#define CLEAN_ASID BIT(2)
#define CLEAN_VINTR BIT(3)
#define CLEAN_NP BIT(4)
#define CLEAN_CR BIT(5)
#define CLEAN_DR BIT(6)
#define CLEAN_DT BIT(7)
#define CLEAN_SEG BIT(8)
#define CLEAN_CR2 BIT(9)
#define CLEAN_ALL 0x3fful

/* APM 2 "SVM Intercept Exit Codes" (appendix C) */
enum svm_exit {
	EXIT_CR8_READ = 0x08, EXIT_CR4_WRITE = 0x14, EXIT_CR8_WRITE = 0x18,
	EXIT_EXCEPTION = 0x40,	/* + vector */
	EXIT_INTR = 0x60, EXIT_NMI = 0x61, EXIT_INIT = 0x63, EXIT_VINTR = 0x64,
	EXIT_RDPMC = 0x6f, EXIT_CPUID = 0x72, EXIT_RSM = 0x73, EXIT_IRET = 0x74, EXIT_INVD = 0x76, EXIT_PAUSE = 0x77,
	EXIT_HLT = 0x78, EXIT_INVLPGA = 0x7a, EXIT_IOIO = 0x7b, EXIT_MSR = 0x7c, EXIT_TASK_SWITCH = 0x7d,
	EXIT_SHUTDOWN = 0x7f, EXIT_VMRUN = 0x80, EXIT_VMMCALL = 0x81, EXIT_VMLOAD = 0x82, EXIT_VMSAVE = 0x83,
	EXIT_STGI = 0x84, EXIT_CLGI = 0x85, EXIT_SKINIT = 0x86, EXIT_WBINVD = 0x89, EXIT_MONITOR = 0x8a,
	EXIT_MWAIT = 0x8b, EXIT_MWAIT_ARMED = 0x8c, EXIT_XSETBV = 0x8d, EXIT_RDPRU = 0x8e,
	EXIT_INVLPGB = 0xa0, EXIT_INVLPGB_ILLEGAL = 0xa1, EXIT_MCOMMIT = 0xa3, EXIT_TLBSYNC = 0xa4,
	EXIT_NPF = 0x400,
};
#define EXIT_INVALID 0xffffffffu	/* low half of -1; QEMU writes only that half */

#define IOIO_IN BIT(0)
#define IOIO_STRING BIT(2)
#define IOIO_REP BIT(3)
#define NPF_WRITE BIT(1)
#define NPF_RESERVED BIT(3)
#define NPF_FETCH BIT(4)
#define NPF_IN_WALK BIT(33)
#define CS_ATTR_L BIT32(9)
#define CS_ATTR_D BIT32(10)
#define DR6_BS BIT(14)
#define DR7_GD BIT(13)

/* CPUID 8000_000A EDX */
#define SVM_NPT BIT32(0)
#define SVM_NRIPS BIT32(3)
#define SVM_TSC_SCALING BIT32(4)
#define SVM_CLEAN_BITS BIT32(5)
#define SVM_FLUSH_BY_ASID BIT32(6)
#define SVM_DECODE_ASSISTS BIT32(7)
#define SVM_PAUSE_FILTER BIT32(10)
#define SVM_AVIC BIT32(13)
#define SVM_VGIF BIT32(16)
#define SVM_VNMI BIT32(25)

/* Say that fields of these CLEAN_* groups were changed. */
static inline void vmcb_dirty(struct vmcb *b, u64 groups)
{
	b->clean &= ~groups;
}

/* Segment attributes and limits between the two forms. SVM has no "unusable": it is a segment that is not present. */
struct segment vmcb_segment_get(const struct vmcb_segment *from, enum seg seg);
struct vmcb_segment vmcb_segment_set(const struct segment *from);

/* The key of the instruction at RIP, see cpu_state.h. */
void vmcb_code_key(const struct vmcb *b, struct code_key *k);

/* Move the named parts, except gpr[]: rip and RSP only (STATE_REGS). vmcb_set_state returns true when cached translations
 * may have become wrong: the caller flushes. */
void vmcb_get_state(const struct vmcb *b, struct cpu_state *s, u32 parts);
bool vmcb_set_state(struct vmcb *b, const struct cpu_state *s, u32 parts);

/* The state after reset, APM 2 "Processor Initialization State": everything in the save area. */
void vmcb_reset_state(struct vmcb *b);

/* Exit code -> enum vmexit_kind; negative: a kind with more to say than its name; 0: look at the code itself. */
#define EXIT_KINDS (EXIT_TLBSYNC + 1)
extern const s8 vmcb_exit_kind[EXIT_KINDS];

/* What every exit says. False: vmcb_exit_detail() has to say the rest, the kind too. The flags become those of most
 * exits. longest: 15 where the next RIP is saved, else 0, and the length becomes 0: not known. */
static inline bool vmcb_exit_head(const struct vmcb *b, u64 longest, struct vmexit *x)
{
	u64 code = b->exitcode, rip = b->rip, len = b->nrip - rip;

	x->rip = rip;
	x->rflags = b->rflags;
	x->len = (u32)len;
	if (UNLIKELY(len > longest))
		x->len = 0;
	x->flags = VMEXIT_FLAGS_NONE;
	x->reason = code;
	if (UNLIKELY(code >= EXIT_KINDS || vmcb_exit_kind[code] <= 0))
		return false;
	x->kind = (enum vmexit_kind)vmcb_exit_kind[code];
	return true;
}

/* IN and OUT, the most frequent of these. False: INS or OUTS, which have more. APM 2 "IN and OUT Behavior": the next RIP is
 * in EXITINFO2 also without NRIPS. */
static inline bool vmcb_exit_pio(const struct vmcb *b, struct vmexit *x)
{
	u64 info = b->exitinfo1, next = b->exitinfo2, len = next - b->rip;

	x->kind = VMEXIT_PIO;
	x->len = len <= 15 ? (u32)len : 0;
	x->qual1 = info;
	x->qual2 = next;
	x->pio.port = (u16)(info >> 16);
	x->pio.size = (info >> 4) & 7;		/* one of three bits, at the place of its number of bytes */
	x->pio.in = info & IOIO_IN;
	x->pio.string = info & IOIO_STRING;
	return !(info & IOIO_STRING);
}

/* Kind, CPL, details and the words of the hardware. features: CPUID 8000_000A EDX. */
void vmcb_exit_detail(const struct vmcb *b, u32 features, struct vmexit *x);

/* The first of the checks of VMRUN that b fails, in words; null: none. phys_bits: MAXPHYADDR. */
const char *vmcb_check(const struct vmcb *b, u32 phys_bits);

/* The block in words, several short lines. Returns the length as fmt_print does. */
int vmcb_dump(const struct vmcb *b, char *to, size_t size);

/* Exit on reads/writes of msr, or not. False: no bitmap covers this MSR, it exits always. */
#define MSRPM_SIZE (2 * PAGE_SIZE)
bool msrpm_set(u8 *msrpm, u32 msr, bool on_read, bool on_write);

/* Exit on accesses to [first, first + count), or not. What lies above port FFFFH is ignored. */
#define IOPM_SIZE (3 * PAGE_SIZE)
void iopm_set(u8 *iopm, u16 first, u32 count, bool trap);
