/* SPDX-License-Identifier: Apache-2.0 */
/* Exit codes of SVM in the words that both vendors share. APM 2 "SVM Intercept Exit Codes" (appendix C). */
#include "vmcb.h"

/* The others, CPUID first, are done when their name is known. HYPERCALL and XSETBV have the CPL to say. */
#define DETAIL(kind) (-(kind))
_Static_assert(VMEXIT_KINDS <= 127, "kinds have room in the table");

/* Everything that is not here is 0 in the table and looked at by decode_other(). */
const s8 vmcb_exit_kind[EXIT_KINDS] = {
	[EXIT_CR8_READ] = DETAIL(VMEXIT_CR),	[EXIT_CR8_WRITE] = DETAIL(VMEXIT_CR),
	[EXIT_CR4_WRITE] = DETAIL(VMEXIT_CR),
	[EXIT_EXCEPTION + VEC_DB] = DETAIL(VMEXIT_EXCEPTION),
	[EXIT_EXCEPTION + VEC_DF] = DETAIL(VMEXIT_EXCEPTION),
	[EXIT_EXCEPTION + VEC_AC] = DETAIL(VMEXIT_EXCEPTION),
	[EXIT_EXCEPTION + VEC_MC] = DETAIL(VMEXIT_EXCEPTION),
	[EXIT_INTR] = VMEXIT_EVENT,		[EXIT_NMI] = VMEXIT_EVENT,
	[EXIT_INIT] = VMEXIT_SHUTDOWN,		[EXIT_VINTR] = VMEXIT_WINDOW,
	[EXIT_RDPMC] = VMEXIT_PRIVILEGED,	[EXIT_CPUID] = VMEXIT_CPUID,
	[EXIT_RSM] = VMEXIT_UNDEFINED,		[EXIT_IRET] = VMEXIT_EVENT,
	[EXIT_INVD] = DETAIL(VMEXIT_CACHE),	[EXIT_PAUSE] = VMEXIT_PAUSE,
	[EXIT_HLT] = VMEXIT_HLT,		[EXIT_INVLPGA] = VMEXIT_UNDEFINED,
	[EXIT_IOIO] = DETAIL(VMEXIT_PIO),	[EXIT_MSR] = DETAIL(VMEXIT_MSR),
	[EXIT_SHUTDOWN] = VMEXIT_TRIPLE_FAULT,
	[EXIT_VMRUN] = VMEXIT_UNDEFINED,	[EXIT_VMMCALL] = DETAIL(VMEXIT_HYPERCALL),
	[EXIT_VMLOAD] = VMEXIT_UNDEFINED,	[EXIT_VMSAVE] = VMEXIT_UNDEFINED,
	[EXIT_STGI] = VMEXIT_UNDEFINED,		[EXIT_CLGI] = VMEXIT_UNDEFINED,
	[EXIT_SKINIT] = VMEXIT_UNDEFINED,	[EXIT_WBINVD] = DETAIL(VMEXIT_CACHE),
	[EXIT_MONITOR] = VMEXIT_MONITOR,	[EXIT_MWAIT] = VMEXIT_MONITOR,
	[EXIT_MWAIT_ARMED] = VMEXIT_MONITOR,	[EXIT_XSETBV] = DETAIL(VMEXIT_XSETBV),
	[EXIT_RDPRU] = VMEXIT_UNDEFINED,	[EXIT_INVLPGB] = VMEXIT_UNDEFINED,
	[EXIT_INVLPGB_ILLEGAL] = VMEXIT_UNDEFINED, [EXIT_MCOMMIT] = VMEXIT_UNDEFINED,
	[EXIT_TLBSYNC] = VMEXIT_UNDEFINED,
};

/* QEMU leaves the address size bits of string forms clear: then it is the code segment's, which an address-size prefix
 * would change. The caller that decodes a string instruction anyway sees the prefix. */
static u8 code_addr_size(const struct vmcb *b)
{
	if ((b->efer & EFER_LMA) && (b->cs.attr & CS_ATTR_L))
		return 8;
	return (b->cs.attr & CS_ATTR_D) ? 4 : 2;
}

/* What INS and OUTS have beside a port; the segment needs decode assists. */
static void decode_string(const struct vmcb *b, u32 features, struct vmexit *x)
{
	u64 info = b->exitinfo1;
	u8 seg = (info >> 10) & 7;

	x->pio.rep = info & IOIO_REP;
	x->pio.addr_size = (info >> 6) & 0xe;	/* bits 9:7, each at the place of its bytes */
	if (!x->pio.addr_size)
		x->pio.addr_size = code_addr_size(b);
	x->pio.seg = (features & SVM_DECODE_ASSISTS) && seg <= SEG_GS ? seg : 0xff;
}

/* Without an entry for it in the IDT, #DF is a triple fault: said here, before an emulator without the shutdown intercept
 * gets it injected again. Processors would come to the same end by themselves. */
static bool no_gate(const struct vmcb *b, u8 vector)
{
	u32 size = (b->efer & EFER_LMA) ? 16 : (b->cr0 & CR0_PE) ? 8 : 4;

	return b->idtr.limit < vector * size + size - 1;
}

static void decode_exception(const struct vmcb *b, struct vmexit *x)
{
	u8 vector = (u8)(b->exitcode - EXIT_EXCEPTION);

	if (vector == VEC_DF && no_gate(b, vector)) {
		x->kind = VMEXIT_TRIPLE_FAULT;
		return;
	}
	x->exception.vector = vector;
	x->exception.has_code = vector == VEC_AC || vector == VEC_DF;
	x->exception.code = x->exception.has_code ? (u32)b->exitinfo1 : 0;
	/* The block already holds the new DR6 when #DB is intercepted: APM 2 "#DB (Debug)". */
	x->exception.dr6 = b->dr6;
}

static void decode_cr(const struct vmcb *b, u32 features, struct vmexit *x)
{
	x->cr.nr = b->exitcode == EXIT_CR4_WRITE ? 4 : 8;
	x->cr.write = b->exitcode != EXIT_CR8_READ;
	x->cr.gpr = (features & SVM_DECODE_ASSISTS) ? b->exitinfo1 & 0xf : 0xff;
	x->cr.lmsw = false;
	x->cr.clts = false;
	x->cr.lmsw_value = 0;
}

/* APM 2 "Nested versus Guest Page Faults, Fault Ordering": the code is in EXITINFO1, the address in EXITINFO2. */
static void decode_npf(const struct vmcb *b, struct vmexit *x)
{
	u64 info = b->exitinfo1;

	if (info & NPF_RESERVED) {
		x->kind = VMEXIT_NESTED_BROKEN;
		return;
	}
	x->kind = VMEXIT_MMIO;
	x->len = 0;
	x->mmio.gpa = GPA(b->exitinfo2);
	x->mmio.write = info & NPF_WRITE;
	x->mmio.fetch = info & NPF_FETCH;
	x->mmio.in_walk = info & NPF_IN_WALK;
}

static void decode_other(const struct vmcb *b, struct vmexit *x)
{
	if (b->exitcode == EXIT_NPF) {
		decode_npf(b, x);
	} else if ((u32)b->exitcode == EXIT_INVALID) {
		x->kind = VMEXIT_ENTRY_FAILED;
		x->failed.words = "VMRUN refused the state";
	} else {
		x->kind = VMEXIT_UNKNOWN;
	}
}

void vmcb_exit_detail(const struct vmcb *b, u32 features, struct vmexit *x)
{
	u64 code = b->exitcode;

	x->cpl = b->cpl;
	x->qual1 = b->exitinfo1;
	x->qual2 = b->exitinfo2;
	if (code == EXIT_MSR) {		/* timers and EOI: too frequent for the tables */
		x->kind = VMEXIT_MSR;
		x->msr.write = b->exitinfo1 & 1;
		return;
	}
	x->kind = code < EXIT_KINDS ? (enum vmexit_kind)-vmcb_exit_kind[code] : VMEXIT_NONE;
	switch (x->kind) {
	case VMEXIT_PIO:
		if (!vmcb_exit_pio(b, x))
			decode_string(b, features, x);
		break;
	case VMEXIT_CR:
		decode_cr(b, features, x);
		break;
	case VMEXIT_EXCEPTION:
		decode_exception(b, x);
		break;
	case VMEXIT_CACHE:
		x->cache.wbinvd = code == EXIT_WBINVD;
		break;
	case VMEXIT_HYPERCALL:
	case VMEXIT_XSETBV:
		break;
	default:
		decode_other(b, x);
	}
}
