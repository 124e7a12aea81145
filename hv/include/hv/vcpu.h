/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One processor of a guest. struct vcpu is private to its core (mapped nowhere else); struct vcpu_public is what the
 * other cores of the guest and the control core may see or set, atomically. */

#include <hv/cpu_state.h>
#include <hv/plan.h>
#include <hv/vlapic.h>
#include <hv/vmexit.h>

struct guest;

/* Bits in vcpu_public.requests; set by anyone with vcpu_request(), INIT and SIPI with vcpu_request_start(). */
enum vcpu_request {
	REQ_NMI = 1,		/* one NMI for the guest */
	REQ_INIT = 2,
	REQ_SIPI = 4,		/* the page is in REQ_SIPI_PAGE */
	REQ_PARK = 8,		/* leave the guest and report to the control core */
	REQ_EVENTS = 16,	/* guest.events is non-zero (vcpu 0 only) */
	REQ_PIC = 32,		/* the PIC's output changed (vcpu 0 only) */
	REQ_DEADLINE = 64,	/* guest.device_deadline moved (vcpu 0 only) */
	REQ_POSTED = 128,	/* posted[] holds vectors */
	REQ_FLUSH = 256,	/* the guest's nested tables lost something */
	REQ_CALLS = 512,	/* calls is non-zero: hv/control_work.h */
	REQ_PAUSE = 1024,	/* stay out of the guest while guest.paused */
};
#define REQ_SIPI_PAGE(requests) ((requests) >> 24)	/* the word's last byte */

struct exit_stat {
	u64 count;
	u64 cycles;		/* sum, TSC ticks from exit to next entry's preparation */
	u64 worst;
};

struct vcpu_public {
	u32 requests;			/* (a) enum vcpu_request */
	u64 posted[4];			/* (a) vectors other cores sent: 256 bits */
	u64 posted_level[4];		/* (a) which of them are level triggered */
	u64 calls;			/* (a) ids of guest_call() that are to be run on its core, a bit each */
	u32 running;			/* (a) 1 between start and park */
	u32 paused;			/* (a) 1 while it stays out for REQ_PAUSE */
	u32 apic_logical;		/* (a) this vcpu's logical destination as last written: LDR, mode in vlapic.h */
	u32 apic_enabled;		/* (a) */
	struct exit_stat stat[VMEXIT_KINDS];	/* written by the vcpu's core only; readers may see a torn pair */
	u64 injected;			/* interrupts delivered */
	u64 halted_cycles;		/* TSC ticks spent waiting in HLT, without the one under way */
	u64 halted_since;		/* TSC at which that one began; 0: it runs */
} __attribute__((aligned(64)));

enum vcpu_activity { VCPU_RUNNABLE, VCPU_HALTED, VCPU_WAIT_SIPI };

struct decode_entry;

struct vcpu {
	struct guest *guest;
	u32 index;			/* in its guest; also the guest's APIC id */
	/* One word, so that the loop sees with one compare that nothing waits. */
	union {
		struct {
			u8 activity;		/* enum vcpu_activity; VCPU_RUNNABLE is 0 */
			bool nmi_pending;
			bool extint_pending;	/* PIC output is high and routed here */
			bool want_window;	/* what the vendor was last asked */
			bool look;		/* a doorbell may have rung, a deadline may have passed */
		};
		u64 attention;
	};
	struct vcpu_public *pub;	/* &guest->vcpu[index] */

	/* run() loads these before entry and stores them after; gpr[RSP] is a copy for reading only. */
	u64 gpr[GPR_COUNT];
	struct vmexit exit;

	u64 deadline;			/* host TSC; run() comes back with VMEXIT_EVENT no later. U64_MAX: none */
	u64 tsc_offset;			/* guest TSC = host TSC + this */
	u32 exception_streak;		/* intercepted exceptions in a row that hit an event delivery */
	struct event fault;		/* filled by a handler that answers FAULT */
	u64 cr4_allowed;		/* what its CPUID lets it set; before vcpu_init() */
	u64 xcr0;			/* the guest's, loaded in hardware */

	struct vlapic lapic;
	u64 mtrr_def_type, mtrr_fix[11], mtrr_var[16];
	u64 misc_enable, bios_sign, patch_level, tsc_adjust;
	u64 pvclock_msr, wall_msr, pveoi_msr, hyperv_assist;
	u64 spec_ctrl;
	u64 msr_refused;		/* RDMSR and WRMSR answered with #GP */

	u64 *vendor;			/* owned by hv/x86/vmx or svm */
	struct decode_cache *decode;	/* owned by hv/x86/emulate.c */
	u64 exit_tsc;			/* when the last exit came */
};

/* What a handler of an exit decides. */
enum verdict {
	NEXT,		/* done: go on behind the instruction */
	AGAIN,		/* done: go on at the same RIP */
	FAULT,		/* inject v->fault, RIP unchanged */
	KILL,		/* the guest ends; the handler has called guest_kill() or the dispatcher does */
};

/* Fill v->fault; returns FAULT. code < 0: the exception has no error code. */
enum verdict vcpu_fault(struct vcpu *v, enum vector vector, int code);

/* One turn of this core's vcpu, called by the vendor's run() after each exit: judge v->exit, act, move RIP, count it.
 * true: enter again; false: come back from run(), something waits. Own core. */
bool vcpu_turn(void);

/* Make the core of g's vcpu look at its requests soon: doorbell when it is another core, nothing when it is this one.
 * Any core of the guest, and the control core. */
void vcpu_kick(struct guest *g, u32 vcpu);

/* Set request bits of a vcpu, then kick it. Any core of the guest, and the control core. */
void vcpu_request(struct guest *g, u32 vcpu, u32 requests);

/* INIT (page below 0) or SIPI to a vcpu, then kick it: whoever looks at both at once must find what their order left. An
 * INIT takes a SIPI back that nobody has looked at; of two SIPIs the second finds a vcpu that does not wait any more.
 * SDM 3A "MP Initialization Protocol Algorithm". Any core of the guest. */
void vcpu_request_start(struct guest *g, u32 vcpu, int page);

/* Length of the instruction at v->exit.rip where the hardware gave none: bytes are fetched from guest memory and must be
 * one of what v->exit.kind can be. 0: could not be fetched or is none of them. hv/x86/decode.c. Own core. */
u32 insn_length(struct vcpu *v);
