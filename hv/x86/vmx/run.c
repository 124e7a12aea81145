/* SPDX-License-Identifier: Apache-2.0 */
/* Into the guest and back: the hot path. exit_read() reads only what an exit's row in vmx_exit_type[] asks for; whatever
 * is rare lives in functions of its own, so that the common way stays short. */
#include <hv/atomic.h>
#include <hv/time.h>

#include "vmx.h"

#define TIMER_MAX 0xfffffffful

/* An NMI has hit the host, perhaps between the last look at the doorbell and the entry: make that entry end at once.
 * In NMI context. docs/design.md, "Cores, doorbells, messages, locks" */
void vmx_nmi_hook(void)
{
	struct vmx *m = this_vmx();

	if (!m->loaded)
		return;
	m->timer = U64_MAX;
	vmwrite(PREEMPTION_TIMER, 0);
}

/* Set the preemption timer so that it ends the guest's run before deadline. false: it has passed already.
 * The value counts ticks of the TSC shifted right by VMX_MISC bits 4:0 and is loaded anew by each entry. timer is set
 * before the field: if the NMI hook comes in between, timer stays unequal to what it wrote. */
static inline bool timer_arm(struct vmx *m, u64 deadline)
{
	u64 value = TIMER_MAX;

	if (deadline != U64_MAX) {
		u64 now = tsc_now();

		if (deadline <= now)
			return false;
		value = (deadline - now) >> m->timer_shift;
		if (UNLIKELY(value > TIMER_MAX))
			value = TIMER_MAX;
	} else if (m->timer == TIMER_MAX) {
		return true;
	}
	m->timer = value;
	vmwrite(PREEMPTION_TIMER, value);
	return true;
}

/* doorbell_pending(), in the fewest instructions: every entry of every guest pays for it. */
static inline bool doorbell_rang(void)
{
	return load_relaxed(&this_core()->pub->doorbell) != 0;
}

/* A deadline or a doorbell came first. What was injected stays queued for the next entry. */
static NOINLINE void run_not_entered(struct vcpu *v)
{
	struct vmexit *x = &v->exit;
	u64 blocking = vmread(GUEST_BLOCKING);

	x->kind = VMEXIT_EVENT;
	x->reason = REASON_PREEMPTION_TIMER;
	x->rip = vmread(GUEST_RIP);
	x->rflags = vmread(GUEST_RFLAGS);
	x->len = 0;
	x->shadow = !!(blocking & (BLOCKED_STI | BLOCKED_MOV_SS));
	x->nmi_blocked = !!(blocking & BLOCKED_NMI);
	x->cpl = 0xff;
	x->event_queued = !!(vmread(ENTRY_EVENT) & EVENT_VALID);
}

static void guest_fields_read(struct vmx_guest_fields *g)
{
	for (u32 i = 0; i < SEG_COUNT; i++)
		g->seg[i] = (struct vmx_segment){ vmread(GUEST_ES_SEL + 2 * i), vmread(GUEST_ES_ATTR + 2 * i),
			vmread(GUEST_ES_LIMIT + 2 * i), vmread(GUEST_ES_BASE + 2 * i) };
	for (u32 i = 0; i < 4; i++)
		g->pdpte[i] = vmread(GUEST_PDPTE0 + 2 * i);
	g->cr0 = vmread(GUEST_CR0);
	g->cr3 = vmread(GUEST_CR3);
	g->cr4 = vmread(GUEST_CR4);
	g->efer = vmread(GUEST_EFER);
	g->rflags = vmread(GUEST_RFLAGS);
	g->rip = vmread(GUEST_RIP);
	g->dr7 = vmread(GUEST_DR7);
	g->debugctl = vmread(GUEST_DEBUGCTL);
	g->pat = vmread(GUEST_PAT);
	g->link = vmread(GUEST_LINK);
	g->gdtr_base = vmread(GUEST_GDTR_BASE);
	g->gdtr_limit = vmread(GUEST_GDTR_LIMIT);
	g->idtr_base = vmread(GUEST_IDTR_BASE);
	g->idtr_limit = vmread(GUEST_IDTR_LIMIT);
	g->sysenter_esp = vmread(GUEST_SYSENTER_ESP);
	g->sysenter_eip = vmread(GUEST_SYSENTER_EIP);
	g->blocking = vmread(GUEST_BLOCKING);
	g->activity = vmread(GUEST_ACTIVITY);
	g->pending_debug = vmread(GUEST_PENDING_DEBUG);
	g->entry_controls = (u32)vmread(ENTRY_CONTROLS);
	g->event = (u32)vmread(ENTRY_EVENT);
	g->phys_bits = vmx_phys_bits();
}

/* The processor loaded the guest and refused: exit reason with bit 31. */
static const char *failed_state(u64 reason, struct vmx *m)
{
	struct vmx_guest_fields g;
	const char *words;

	switch (reason & 0xffff) {
	case REASON_BAD_MSR_LOAD:	return "an MSR of the entry list could not be loaded";
	case REASON_BAD_GUEST_STATE:	break;
	default:			return "VM entry failed for an unknown reason";
	}
	guest_fields_read(&g);
	words = vmx_check_guest(&g, &vmx_caps, m->words, sizeof(m->words));
	return words ? words : "invalid guest state: no check that is known here fails";
}

/* One on the way in is as one inside: SDM 3C "Machine-Check Events During VM Entry". */
static void machine_check(struct vmexit *x)
{
	*x = (struct vmexit){ .kind = VMEXIT_EXCEPTION, .rip = vmread(GUEST_RIP), .rflags = vmread(GUEST_RFLAGS), .cpl = 0xff,
		.reason = REASON_MACHINE_CHECK };
	x->exception.vector = VEC_MC;
}

static NOINLINE void run_failed(struct vcpu *v, u64 reason)
{
	struct vmexit *x = &v->exit;

	if (reason == (REASON_ENTRY_FAILED | REASON_MACHINE_CHECK)) {
		machine_check(x);
		return;
	}
	x->kind = VMEXIT_ENTRY_FAILED;
	x->rip = vmread(GUEST_RIP);
	x->rflags = vmread(GUEST_RFLAGS);
	x->len = 0;
	x->shadow = x->nmi_blocked = x->event_queued = 0;
	x->cpl = 0xff;
	x->reason = reason;
	x->qual2 = 0;
	if (reason & REASON_ENTRY_FAILED) {
		x->qual1 = vmread(EXIT_QUALIFICATION);
		x->failed.words = failed_state(reason, this_vmx());
		return;
	}
	x->qual1 = reason == VMX_FAIL_VALID ? vmread(INSN_ERROR) : 0;
	x->failed.words = reason == VMX_FAIL_VALID ? vmx_insn_error((u32)x->qual1) : "no current control structure";
}

/* The exit hit the delivery of an event, or an IRET that had unblocked NMIs: put things back as they were. */
static void event_restore(struct vmexit *x, const struct vmx_exit_fields *f)
{
	u32 vectoring = (u32)vmread(VECTORING_EVENT), event, clear;
	u64 blocking = vmread(GUEST_BLOCKING);

	if (vmx_nmi_reblock((u32)x->reason, f->qualification, f->event, vectoring)) {
		vmwrite(GUEST_BLOCKING, blocking | BLOCKED_NMI);
		x->nmi_blocked = 1;
	}
	if (!vmx_event_reinject(vectoring, &event, &clear))
		return;
	vmwrite(ENTRY_EVENT, event);
	if (event & EVENT_HAS_CODE)
		vmwrite(ENTRY_EVENT_CODE, vmread(VECTORING_EVENT_CODE));
	if (EVENT_TYPE(event) >= EVENT_SOFT_INTERRUPT)
		vmwrite(ENTRY_INSN_LEN, vmread(EXIT_INSN_LEN));
	if (blocking & clear) {
		blocking &= ~(u64)clear;
		vmwrite(GUEST_BLOCKING, blocking);
		x->nmi_blocked = !!(blocking & BLOCKED_NMI);
		x->shadow = !!(blocking & (BLOCKED_STI | BLOCKED_MOV_SS));
	}
	x->event_queued = 1;
}

/* The intercepted #DB has not touched DR6 and DR7 yet; its delivery by injection will not do so either.
 * SDM 3C "Exit Qualification for Debug Exceptions", SDM 3B "Debug Status Register (DR6)" */
static void debug_registers_update(struct vmexit *x)
{
	u64 dr6;

	__asm__ volatile("mov %%dr6,%0" : "=r"(dr6));
	dr6 = (dr6 & ~15ul) | (x->exception.dr6 & 0xe00f);
	__asm__ volatile("mov %0,%%dr6" :: "r"(dr6));
	vmwrite(GUEST_DR7, vmread(GUEST_DR7) & ~BIT(13));
	x->exception.dr6 = dr6;
}

/* Everything else that an exit may need. */
static NOINLINE void run_all_details(struct vcpu *v, u8 needs)
{
	struct vmexit *x = &v->exit;
	struct vmx_exit_fields f = { 0 };

	if (!(needs & NEED_LENGTH))
		x->len = 0;
	if (needs & NEED_QUALIFICATION)
		f.qualification = vmread(EXIT_QUALIFICATION);
	if (needs & NEED_PHYSICAL)
		f.guest_physical = vmread(GUEST_PHYSICAL);
	if (needs & NEED_EVENT) {
		f.event = (u32)vmread(EXIT_EVENT);
		f.event_code = (u32)vmread(EXIT_EVENT_CODE);
	}
	if (needs & NEED_INSN_INFO && f.qualification & BIT(4))
		f.insn_info = (u32)vmread(EXIT_INSN_INFO);
	if (needs & NEED_CPL)
		f.ss_attr = (u32)vmread(GUEST_SS_ATTR);
	if (needs & CPL_IS_0)
		x->cpl = 0;
	x->qual1 = f.qualification;
	x->qual2 = f.guest_physical;
	vmx_exit_decode(x, &f);
	if (needs & NEED_VECTORING)
		event_restore(x, &f);
	if (x->reason != REASON_EXCEPTION)
		return;
	/* Taking the NMI through the host's own gate counts it, and the IRET there lets NMIs in again. */
	if (x->kind == VMEXIT_EVENT)
		__asm__ volatile("int $2" ::: "memory");
	else if (x->exception.vector == VEC_DB)
		debug_registers_update(x);
}

/* IN and OUT, not the string forms. */
static inline bool run_port(struct vmexit *x)
{
	u64 q = vmread(EXIT_QUALIFICATION);

	if (q & BIT(4))
		return false;
	x->qual1 = q;
	vmx_pio_decode(x, q);
	return true;
}

/* An access to a device, no event involved. */
static inline bool run_device(struct vmexit *x)
{
	u64 q = vmread(EXIT_QUALIFICATION);

	if (q & EVENT_NMI_UNBLOCKED || vmread(VECTORING_EVENT) & EVENT_VALID)
		return false;
	x->len = 0;
	x->qual1 = q;
	x->qual2 = vmread(GUEST_PHYSICAL);
	vmx_mmio_decode(x, q, x->qual2);
	return true;
}

/* What only some exits need. The frequent ones come first and read only what they use. */
static NOINLINE void run_details(struct vcpu *v, u8 needs)
{
	struct vmexit *x = &v->exit;

	if (x->kind == VMEXIT_PIO && run_port(x))
		return;
	if (x->kind == VMEXIT_MMIO && run_device(x))
		return;
	if (x->kind == VMEXIT_MSR) {
		x->cpl = 0;
		x->msr.write = x->reason == REASON_WRMSR;
		x->qual1 = x->qual2 = 0;
		return;
	}
	if (x->kind == VMEXIT_HYPERCALL) {
		x->cpl = (u8)(vmread(GUEST_SS_ATTR) >> 5 & 3);
		return;
	}
	run_all_details(v, needs);
}

static NOINLINE void run_blocked(struct vmexit *x, u64 blocking)
{
	x->shadow = !!(blocking & (BLOCKED_STI | BLOCKED_MOV_SS));
	x->nmi_blocked = !!(blocking & BLOCKED_NMI);
}

/* Fill v->exit. reason: EXIT_REASON, or what vmx_enter() says instead when there was no entry. */
static inline void exit_read(struct vcpu *v, u64 reason)
{
	struct vmexit *x = &v->exit;
	const struct vmx_exit_type *type = &vmx_exit_type[reason];
	u64 blocking;

	if (UNLIKELY(reason >= REASON_COUNT)) {
		run_failed(v, reason);
		return;
	}
	x->reason = reason;
	x->kind = type->kind;
	x->len = (u32)vmread(EXIT_INSN_LEN);
	vmread_to(&x->rip, GUEST_RIP);
	vmread_to(&x->rflags, GUEST_RFLAGS);
	vmread_to(&v->gpr[RSP], GUEST_RSP);
	x->flags = VMEXIT_FLAGS_NONE;
	blocking = vmread(GUEST_BLOCKING);
	if (UNLIKELY(blocking))
		run_blocked(x, blocking);
	if (type->needs != NEED_LENGTH)
		run_details(v, type->needs);
}

/* Everything is ready for the next entry. false: a deadline or a doorbell came first, and v->exit says so. */
static inline bool entry_prepare(struct vcpu *v)
{
	struct vmx *m = this_vmx();

	if (UNLIKELY(v->tsc_offset != m->tsc_offset)) {
		m->tsc_offset = v->tsc_offset;
		vmwrite(TSC_OFFSET, v->tsc_offset);
	}
	if (UNLIKELY(!timer_arm(m, v->deadline)) || UNLIKELY(doorbell_rang())) {
		run_not_entered(v);
		return false;
	}
	return true;
}

/* The registers for the next entry; null: leave the guest. */
static NOINLINE u64 *judge_not_entered(struct vcpu *v)
{
	do {
		if (!vcpu_turn())
			return NULL;
	} while (!entry_prepare(v));
	return v->gpr;
}

static inline u64 *next_entry(struct vcpu *v)
{
	return entry_prepare(v) ? v->gpr : judge_not_entered(v);
}

u64 *vmx_exit(u64 reason)
{
	struct vcpu *v = &this_core()->vcpu;

	exit_read(v, reason);
	return vcpu_turn() ? next_entry(v) : NULL;
}

void vmx_run(struct vcpu *v)
{
	u64 *gpr = next_entry(v);

	if (gpr)
		vmx_enter(gpr);
}

/* The instruction is done: blocking by STI and MOV SS ends, and with TF set a single-step trap is due. */
static NOINLINE void step_over(struct vcpu *v)
{
	u64 blocking = vmread(GUEST_BLOCKING), unblocked = blocking & ~(u64)(BLOCKED_STI | BLOCKED_MOV_SS);

	if (blocking != unblocked)
		vmwrite(GUEST_BLOCKING, unblocked);
	v->exit.shadow = 0;
	if (v->exit.rflags & RFLAGS_TF && !(vmread(GUEST_DEBUGCTL) & BIT(1))) {
		vmwrite(GUEST_PENDING_DEBUG, vmread(GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
		v->exit.event_queued = 1;	/* traps go before interrupts */
	}
}

void vmx_set_rip(struct vcpu *v, u64 rip)
{
	vmwrite(GUEST_RIP, rip);
	if (UNLIKELY(v->exit.shadow) || UNLIKELY(v->exit.rflags & RFLAGS_TF))
		step_over(v);
}

void vmx_inject(struct vcpu *v, const struct event *e)
{
	u32 event = vmx_event_encode(e, (u32)vmread(ENTRY_EVENT), vmread(GUEST_CR0) & CR0_PE);

	if (e->type == EVENT_EXCEPTION && e->vector == VEC_PF)
		__asm__ volatile("mov %0,%%cr2" :: "r"(e->cr2));
	if (event & EVENT_HAS_CODE)
		vmwrite(ENTRY_EVENT_CODE, (u8)event == e->vector ? e->code : 0);
	if (EVENT_TYPE(event) == EVENT_SOFT_INTERRUPT)
		vmwrite(ENTRY_INSN_LEN, v->exit.len ? v->exit.len : 1);
	/* In a shadow with TF set an entry wants to see BS pending. SDM 3C "Checks on Guest Non-Register State" */
	if (v->exit.shadow && v->exit.rflags & RFLAGS_TF)
		vmwrite(GUEST_PENDING_DEBUG, vmread(GUEST_PENDING_DEBUG) | PENDING_DEBUG_BS);
	vmwrite(ENTRY_EVENT, event);
}

void vmx_want_window(struct vcpu *v, u32 windows)
{
	struct vmx *m = this_vmx();
	u32 proc = m->proc & ~(PROC_INTERRUPT_WINDOW | PROC_NMI_WINDOW);

	(void)v;
	proc |= windows & WINDOW_INTERRUPT ? PROC_INTERRUPT_WINDOW : 0;
	proc |= windows & WINDOW_NMI ? PROC_NMI_WINDOW : 0;
	if (proc == m->proc)
		return;
	m->proc = proc;
	vmwrite(PROC_CONTROLS, proc);
}
