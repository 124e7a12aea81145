/* SPDX-License-Identifier: Apache-2.0 */
/* Delivery of events: what is queued for the next entry, what an exit interrupted, windows, and NMI masking in software.
 *
 * Guest NMIs are injected as external interrupts with vector 2: an NMI of type 2 masks the machine's NMIs until the
 * guest's IRET, and a guest that never executes it could not be called back. So the IRET intercept does the masking.
 *
 * Where QEMU emulates the processor, other interrupts go in as virtual ones (V_IRQ): its VMRUN may deliver what EVENTINJ
 * holds twice (docs/caveats.md). They are taken at the guest's first instruction, as an interrupt that gets here may be
 * taken. EVENTINJ is left for what V_IRQ cannot do: its field is the interrupt window's, too, and the machine's own
 * interrupts go before it. APM 2 "Injecting Virtual (INTR) Interrupts". */
#include "svm.h"

#define VEC_INTO 4

static void intercept1_set(struct vmcb *b, u32 bit, bool on)
{
	u32 now = on ? b->intercept1 | bit : b->intercept1 & ~bit;

	if (now == b->intercept1)
		return;
	b->intercept1 = now;
	vmcb_dirty(b, CLEAN_INTERCEPTS);
}

static void queue(struct vmcb *b, enum event_type type, u8 vector)
{
	b->eventinj = EVT_VALID | (u64)type << EVT_TYPE_SHIFT | vector;
}

static void virq_set(struct vmcb *b, u64 virq)
{
	u64 vintr = (b->vintr & ~V_IRQ_ALL) | virq;

	if (vintr == b->vintr)
		return;
	b->vintr = vintr;
	vmcb_dirty(b, CLEAN_VINTR);
}

/* An interrupt waits in V_IRQ, which is not the window's. */
static bool virq_queued(const struct svm_vcpu *s, const struct vmcb *b)
{
	return (b->vintr & V_IRQ) && !(s->special & SPECIAL_WINDOW_INTERRUPT);
}

static bool event_queued(const struct svm_vcpu *s, const struct vmcb *b)
{
	return (b->eventinj & EVT_VALID) || virq_queued(s, b);
}

/* V_IRQ is wanted for a window, or nothing may come before what is queued. */
static void virq_to_eventinj(struct svm_vcpu *s, struct vmcb *b)
{
	if (!virq_queued(s, b))
		return;
	queue(b, EVENT_INTERRUPT, (b->vintr >> V_VECTOR_SHIFT) & 0xff);
	virq_set(b, 0);
}

static void eventinj_to_virq(struct svm_vcpu *s, struct vmcb *b)
{
	u64 vector = b->eventinj & EVT_VECTOR;

	if (!s->inject_virtual || s->owned)
		return;
	if (b->eventinj != (EVT_VALID | (u64)EVENT_INTERRUPT << EVT_TYPE_SHIFT | vector) || vector == VEC_NMI)
		return;
	b->eventinj = 0;
	s->virq_rip = b->rip;
	virq_set(b, V_IRQ_FIRST | vector << V_VECTOR_SHIFT);
}

/* QEMU leaves V_IRQ set when its delivery ended in an exception, which the guest has taken since: the interrupt is gone, as
 * it is with EVENTINJ and on hardware. */
static void virq_look(const struct svm_vcpu *s, struct vmcb *b)
{
	if (virq_queued(s, b) && (b->rip != s->virq_rip || !(b->rflags & RFLAGS_IF)))
		virq_set(b, 0);
}

/* The exit came while the virtual interrupt was delivered, with these words in EXITINTINFO: QEMU leaves V_IRQ set, and tells of
 * an exception. */
static bool virq_interrupted(const struct svm_vcpu *s, const struct vmcb *b, u64 info)
{
	return virq_queued(s, b) && ((b->vintr >> V_VECTOR_SHIFT) & EVT_VECTOR) == (info & EVT_VECTOR);
}

static void inject_nmi(struct vmcb *b)
{
	struct svm_vcpu *s = svm_state();

	queue(b, EVENT_INTERRUPT, VEC_NMI);
	s->special = (s->special & ~SPECIAL_IRET_SEEN) | SPECIAL_NMI_SERVICE;
	intercept1_set(b, INTERCEPT1_IRET, true);
}

static void inject_exception(struct vmcb *b, const struct event *e)
{
	queue(b, EVENT_EXCEPTION, e->vector);
	if (e->has_code)
		b->eventinj |= EVT_HAS_CODE | (u64)e->code << EVT_CODE_SHIFT;
	if (e->vector == VEC_PF) {
		b->cr2 = e->cr2;
		vmcb_dirty(b, CLEAN_CR2);
	}
	/* The delivery of #DB clears general detect; that of an injected one does not: APM 2 "DR7" (13.1.1). */
	if (e->vector == VEC_DB && (b->dr7 & DR7_GD)) {
		b->dr7 &= ~DR7_GD;
		vmcb_dirty(b, CLEAN_DR);
	}
}

void svm_inject(struct vcpu *v, const struct event *e)
{
	struct vmcb *b = svm_vmcb();

	(void)v;
	switch (e->type) {
	case EVENT_NMI:
		inject_nmi(b);
		break;
	case EVENT_EXCEPTION:
		inject_exception(b, e);
		break;
	case EVENT_SOFT_INTERRUPT:
		queue(b, EVENT_SOFT_INTERRUPT, e->vector);
		b->nrip = b->rip;	/* what is pushed, with NRIPS */
		svm_state()->special |= SPECIAL_SOFT;
		break;
	default:
		queue(b, EVENT_INTERRUPT, e->vector);
		if (!(svm_state()->special & SPECIAL_WINDOW_INTERRUPT))
			eventinj_to_virq(svm_state(), b);
	}
}

void svm_event_step(void)
{
	struct vmcb *b = svm_vmcb();

	if (event_queued(svm_state(), b))
		return;
	b->dr6 |= DR6_BS;
	vmcb_dirty(b, CLEAN_DR);
	inject_exception(b, &(struct event){ .type = EVENT_EXCEPTION, .vector = VEC_DB });
}

/* A virtual interrupt that is never taken: its intercept says that one could be. */
static void interrupt_window(struct vmcb *b, bool on)
{
	virq_set(b, on ? V_IRQ_FIRST : 0);
	intercept1_set(b, INTERCEPT1_VINTR, on);
}

void svm_want_window(struct vcpu *v, u32 windows)
{
	struct svm_vcpu *s = svm_state();
	struct vmcb *b = svm_vmcb();
	u64 special = (s->special & ~SPECIAL_WINDOWS) | (windows & SPECIAL_WINDOWS);

	(void)v;
	if (special == s->special)
		return;
	virq_to_eventinj(s, b);
	s->special = special;
	interrupt_window(b, windows & WINDOW_INTERRUPT);
	if (!(windows & WINDOW_INTERRUPT))
		eventinj_to_virq(s, b);
}

/* No NMI may be delivered now. While one is in service its IRET exits by itself; what else is in the way takes one
 * instruction (a shadow, that IRET), or an event's delivery, which an immediate host interrupt ends. */
static void nmi_window(struct svm_vcpu *s, struct vmcb *b)
{
	bool iret = s->special & SPECIAL_IRET_SEEN;

	if ((s->special & SPECIAL_NMI_SERVICE) && !iret)
		return;
	virq_to_eventinj(s, b);
	if ((b->eventinj & EVT_VALID) || (!iret && !(b->shadow & 1))) {
		if (s->owned)
			s->special |= SPECIAL_CALL_BACK;
		else
			core_timer_set(1);	/* long past; 0 would disarm */
		return;
	}
	if (b->rflags & RFLAGS_TF)
		return;		/* the guest steps: #DB exits anyway */
	b->rflags |= RFLAGS_TF;
	s->special |= SPECIAL_STEP;
	s->step_rip = b->rip;
	s->step_dr6 = b->dr6;
}

void svm_event_prepare(void)
{
	struct svm_vcpu *s = svm_state();
	struct vmcb *b = svm_vmcb();

	if (s->special & SPECIAL_WINDOW_INTERRUPT)
		interrupt_window(b, true);
	if (s->special & SPECIAL_WINDOW_NMI)
		nmi_window(s, b);
}

/* The exit came while an event was delivered: again at the next entry. INT n, INT3 and INTO of the guest's own are not
 * queued: RIP still points at them and they run again. APM 2 "EXITINTINFO". */
static void requeue(struct svm_vcpu *s, struct vmcb *b)
{
	u64 info = b->exitintinfo, type = (info & EVT_TYPE) >> EVT_TYPE_SHIFT, vector = info & EVT_VECTOR;
	bool ours = s->special & SPECIAL_SOFT;
	bool soft = type == EVENT_SOFT_INTERRUPT || (type == EVENT_EXCEPTION && (vector == VEC_BP || vector == VEC_INTO));

	if (virq_interrupted(s, b, info)) {
		virq_to_eventinj(s, b);
		return;
	}
	if (soft && !ours)
		return;
	b->eventinj = info;
	b->nrip = b->rip;
}

/* After our single step. The #DB is ours if it reports nothing but BS (Bochs: nothing at all); breakpoints that hit with it
 * are the guest's. TF goes, unless an IRET has loaded the guest's own flags. */
static void step_finish(struct svm_vcpu *s, struct vmcb *b, struct vmexit *x)
{
	s->special &= ~SPECIAL_STEP;
	if (!(s->special & SPECIAL_IRET_SEEN) || b->rip == s->step_rip) {
		b->rflags &= ~RFLAGS_TF;
		x->rflags = b->rflags;
	}
	if (x->kind != VMEXIT_EXCEPTION || x->exception.vector != VEC_DB)
		return;
	b->dr6 = (b->dr6 & ~DR6_BS) | (s->step_dr6 & DR6_BS);
	vmcb_dirty(b, CLEAN_DR);
	x->exception.dr6 = b->dr6;
	if (!(b->dr6 & ~s->step_dr6 & 0xf))
		x->kind = VMEXIT_WINDOW;
}

/* The IRET exit comes before the IRET; NMIs are unmasked when RIP has moved on. */
static void nmi_finish(struct svm_vcpu *s, struct vmcb *b)
{
	if (b->exitcode == EXIT_IRET) {
		s->special |= SPECIAL_IRET_SEEN;
		s->nmi_rip = b->rip;
		intercept1_set(b, INTERCEPT1_IRET, false);
	} else if ((s->special & SPECIAL_IRET_SEEN) && b->rip != s->nmi_rip) {
		s->special &= ~(SPECIAL_NMI_SERVICE | SPECIAL_IRET_SEEN);
	}
}

void svm_event_finish(struct vmexit *x)
{
	struct svm_vcpu *s = svm_state();
	struct vmcb *b = svm_vmcb();

	virq_look(s, b);
	if (b->exitintinfo & EVT_VALID)
		requeue(s, b);
	if (!(b->eventinj & EVT_VALID))
		s->special &= ~SPECIAL_SOFT;
	if (s->special & SPECIAL_STEP)
		step_finish(s, b, x);
	if (s->special & SPECIAL_NMI_SERVICE)
		nmi_finish(s, b);
	x->shadow = b->shadow & 1;
	x->event_queued = event_queued(s, b);
	x->nmi_blocked = (s->special & SPECIAL_NMI_SERVICE) != 0;
}

void svm_event_reset(void)
{
	struct svm_vcpu *s = svm_state();
	struct vmcb *b = svm_vmcb();

	if (virq_queued(s, b))
		virq_set(b, 0);
	s->special &= SPECIAL_WINDOWS;
	b->eventinj = 0;
	b->exitintinfo = 0;
	b->shadow = 0;
	intercept1_set(b, INTERCEPT1_IRET, false);
}
