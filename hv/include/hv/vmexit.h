/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Why a guest stopped, in words that both vendors share. run() of virt_ops fills one of these; nothing above the
 * vendor folders ever reads a hardware control structure. Lives in the vcpu, on its own core. */

#include <hv/types.h>

enum vmexit_kind {
	VMEXIT_NONE,
	VMEXIT_EVENT,		/* host interrupt, doorbell NMI, deadline: nothing of the guest's; see events */
	VMEXIT_WINDOW,		/* the window that want_window() asked for is open */
	VMEXIT_PIO,
	VMEXIT_MMIO,		/* EPT violation / nested page fault outside the guest's RAM */
	VMEXIT_CPUID,
	VMEXIT_MSR,
	VMEXIT_CR,		/* MOV to CR, LMSW, CLTS that could not run natively */
	VMEXIT_DR,
	VMEXIT_HLT,
	VMEXIT_PAUSE,
	VMEXIT_HYPERCALL,	/* VMCALL or VMMCALL */
	VMEXIT_XSETBV,
	VMEXIT_CACHE,		/* INVD, WBINVD */
	VMEXIT_MONITOR,		/* MONITOR, MWAIT */
	VMEXIT_UNDEFINED,	/* an instruction that this PC does not have: answered with #UD */
	VMEXIT_PRIVILEGED,	/* one that it answers with #GP(0) */
	VMEXIT_EXCEPTION,	/* an intercepted exception of the guest: #DB, #AC, #MC */
	VMEXIT_TRIPLE_FAULT,
	VMEXIT_SHUTDOWN,	/* INIT or the like: the vcpu's processor state is lost */
	VMEXIT_ENTRY_FAILED,	/* the hardware refused the guest's state; detail says which check */
	VMEXIT_NESTED_BROKEN,	/* EPT misconfiguration and the like: our tables are wrong, the guest ends */
	VMEXIT_UNKNOWN,		/* a reason that nobody handles: the guest ends, the core does not */
	VMEXIT_KINDS
};

/* enum vmexit_kind in the operator's words ("pio", "mmio", ...); never null. Defined in hv/core/exit.c. */
const char *vmexit_name(enum vmexit_kind kind);

#define VMEXIT_FLAGS_NONE 0x00ff0000u	/* nothing blocked or queued, CPL not known */

struct vmexit {
	enum vmexit_kind kind;
	u32 len;		/* bytes of the instruction; 0: not known, ask insn_length() */
	u64 rip;		/* of the instruction */
	u64 rflags;
	union {			/* one word: most exits have none of them */
		struct {
			u8 shadow;	/* blocked by STI or MOV SS: no interrupt may be injected now */
			u8 nmi_blocked;	/* NMIs are masked until IRET */
			u8 cpl;		/* valid for HYPERCALL, XSETBV, MSR, CR; else 0xff */
			u8 event_queued; /* the exit hit the delivery of an event, which the vendor injects again */
		};
		u32 flags;
	};

	/* As the hardware said it, for records: reason, qualification or exitinfo1, and exitinfo2. */
	u64 reason, qual1, qual2;

	union {
		struct {
			u16 port;
			u8 size;	/* 1, 2, 4 */
			bool in, string, rep;
			u8 addr_size;	/* 2, 4, 8: of string forms */
			u8 seg;		/* enum seg of OUTS; 0xff: not known */
		} pio;
		struct {
			gpa_t gpa;
			bool write, fetch;
			bool in_walk;	/* hit while the guest's own page tables were walked */
		} mmio;
		struct { bool write; } msr;
		struct {
			u8 nr;		/* 0, 3, 4, 8 */
			u8 gpr;		/* enum gpr */
			bool write;
			bool lmsw, clts;
			u16 lmsw_value;
		} cr;
		struct { u8 vector; bool has_code; u32 code; u64 dr6; } exception;
		struct { const char *words; } failed;	/* ENTRY_FAILED: the check that failed, in words */
		struct { bool wbinvd; } cache;
	};
};

/* An event to be delivered to the guest at the next entry. */
enum event_type { EVENT_INTERRUPT = 0, EVENT_NMI = 2, EVENT_EXCEPTION = 3, EVENT_SOFT_INTERRUPT = 4 };

struct event {
	u8 type;		/* enum event_type */
	u8 vector;
	bool has_code;
	u32 code;
	u64 cr2;		/* for #PF: written before delivery */
};

enum vector { VEC_DE = 0, VEC_DB = 1, VEC_NMI = 2, VEC_BP = 3, VEC_UD = 6, VEC_NM = 7, VEC_DF = 8, VEC_TS = 10,
	VEC_NP = 11, VEC_SS = 12, VEC_GP = 13, VEC_PF = 14, VEC_MF = 16, VEC_AC = 17, VEC_MC = 18, VEC_XM = 19, VEC_CP = 21 };
