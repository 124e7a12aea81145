/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the SVM backend share. Everything concerns the core that runs it; nothing here is locked. */

#include <hv/core.h>
#include <hv/virt.h>

#include "vmcb.h"

/* Who owns which of virt_page[]. The maps need contiguous physical pages, which struct core has. */
enum svm_page { PAGE_HSAVE = 0, PAGE_VMCB = 1, PAGE_HOST = 2, PAGE_IOPM = 3, PAGE_MSRPM = 6, PAGE_STATE = 8 };

/* svm_vcpu.special: anything but 0 takes the slow path before an entry and after the exit. */
#define SPECIAL_WINDOW_INTERRUPT 1u	/* = WINDOW_INTERRUPT */
#define SPECIAL_WINDOW_NMI 2u		/* = WINDOW_NMI */
#define SPECIAL_WINDOWS 3u
#define SPECIAL_NMI_SERVICE 4u		/* an NMI was delivered, its IRET is not over */
#define SPECIAL_IRET_SEEN 8u		/* the guest is about to execute that IRET, at nmi_rip */
#define SPECIAL_STEP 16u		/* RFLAGS.TF is ours, for one instruction at step_rip */

#define SPECIAL_CHECK 32u		/* state was set by software: look which check of VMRUN it would fail */

/* EVENTINJ holds a software interrupt: the only kind that has to be told from the guest's. */
#define SPECIAL_SOFT 64u

#define SPECIAL_ONCE 128u		/* TLB_CONTROL and clean bits that are good for one entry */

#define SPECIAL_CALL_BACK 256u		/* an NMI of our own is to end the next entry at once */

/* What the VMCB has no place for. */
struct svm_vcpu {
	u64 vmcb_hpa;		/* first: enter.h */
	u64 special;
	u64 len_max;		/* of an instruction, told by the next RIP: 15, or 0 where it is not saved */
	u64 nmi_rip;
	u64 step_rip, step_dr6;
	u32 features;		/* CPUID 8000_000A EDX of this core */
	u32 phys_bits;
	u64 virq_rip;		/* where the guest stands while an interrupt waits in V_IRQ */
	bool inject_virtual;	/* interrupts by V_IRQ instead of EVENTINJ: the processor is QEMU's (event.c) */
	bool owned;		/* the guest has this core's local APIC: its timer is not ours to set */
	const char *doubt;	/* what vmcb_check() said about the state that was set last */
};

static inline struct vmcb *svm_vmcb(void)
{
	return (struct vmcb *)(void *)this_core()->virt_page[PAGE_VMCB];
}

static inline struct svm_vcpu *svm_state(void)
{
	return (struct svm_vcpu *)(void *)this_core()->virt_page[PAGE_STATE];
}

/* enter.S: with GIF clear. Loads gpr[] but RAX and RSP, enters, stores them; calls svm_exited() with GIF set and
 * interrupts off, after NMIs that were held were taken; again, until that says false. The page behind the VMCB is where
 * VMSAVE left the host's TR and friends. */
void svm_enter(void);
bool svm_exited(void);		/* true: GIF is clear, enter again */
_Static_assert((u32)PAGE_HOST == (u32)PAGE_VMCB + 1, "enter.S adds one page");

/* CPUID 8000_000A EDX with the bits that we use; 0 without SVM. */
u32 svm_features(void);
bool svm_probe(struct virt_report *r);

/* event.c: delivery of events, windows, NMI masking. */
void svm_inject(struct vcpu *v, const struct event *e);
void svm_want_window(struct vcpu *v, u32 windows);
void svm_event_prepare(void);			/* before an entry, when special is not 0 */
void svm_event_finish(struct vmexit *x);	/* after an exit, when special, an event or the shadow is not 0 */
void svm_event_reset(void);			/* processor reset: nothing queued, nothing in service; windows stay */
void svm_event_step(void);			/* an instruction was emulated while the guest's TF was set */
