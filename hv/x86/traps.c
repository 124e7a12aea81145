/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/panic.h>
#include <hv/pci.h>

#include "core_arch.h"
#include "host_state.h"
#include "lapic.h"
#include "x86.h"

struct trap_frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, code;
	u64 rip, cs, rflags, rsp, ss;
};

struct fixup { u64 from, to; };
extern const struct fixup fixup_start[], fixup_end[];
extern const char idle_begin[], idle_out[];

void (*host_nmi_hook)(void) __attribute__((section(".sealed")));

void trap(struct trap_frame *f);

static const char *const trap_name[] = {
	"#DE divide error", "#DB debug", "NMI", "#BP breakpoint", "#OF overflow", "#BR bound", "#UD undefined opcode",
	"#NM no FPU", "#DF double fault", "coprocessor overrun", "#TS invalid TSS", "#NP segment not present",
	"#SS stack fault", "#GP general protection", "#PF page fault", "reserved", "#MF x87 error", "#AC alignment",
	"#MC machine check", "#XM vector error", "#VE", "#CP control protection",
};

static bool apply_fixup(struct trap_frame *f)
{
	for (const struct fixup *x = fixup_start; x < fixup_end; x++)
		if (x->from == f->rip) {
			f->rip = x->to;
			return true;
		}
	return false;
}

/* A doorbell, or the hardware's. A doorbell needs no action but to be noticed: whoever is about to sleep or to enter the
 * guest must not do so any more. */
static void handle_nmi(struct trap_frame *f)
{
	struct core_public *me = this_core()->pub;

	if (load_acquire(&panic_core))
		for (;;)
			cpu_hlt();
	if (!exchange(&me->nmi_expected, 0))
		me->nmi_unexpected++;
	if (host_nmi_hook)
		host_nmi_hook();
	if (f->rip >= (u64)idle_begin && f->rip < (u64)idle_out)
		f->rip = (u64)idle_out;
}

static NORETURN void die(const struct trap_frame *f)
{
	const char *name = f->vector < ARRAY_COUNT(trap_name) ? trap_name[f->vector] : "unexpected vector";

	panic("%s in the hypervisor: rip=%#lx code=%#lx cr2=%#lx rsp=%#lx rflags=%#lx\n"
		"rax=%#lx rbx=%#lx rcx=%#lx rdx=%#lx rsi=%#lx rdi=%#lx rbp=%#lx\n"
		"r8=%#lx r9=%#lx r10=%#lx r11=%#lx r12=%#lx r13=%#lx r14=%#lx r15=%#lx",
		name, f->rip, f->code, read_cr2(), f->rsp, f->rflags,
		f->rax, f->rbx, f->rcx, f->rdx, f->rsi, f->rdi, f->rbp,
		f->r8, f->r9, f->r10, f->r11, f->r12, f->r13, f->r14, f->r15);
}

void trap(struct trap_frame *f)
{
	if (f->vector == VEC_NMI) {
		handle_nmi(f);
	} else if (f->vector >= 32) {
		/* A guest that owned this core's APIC may have sent any vector, that of spurious interrupts too. */
		if (f->vector != VECTOR_SPURIOUS || lapic_in_service(VECTOR_SPURIOUS))
			lapic_eoi();
		if (f->vector == VECTOR_TIMER)
			this_core()->timer_armed = ~0ul;
		else if (f->vector - PCI_MESSAGE_VECTOR < PCI_MESSAGES)
			this_core()->messages |= BIT32(f->vector - PCI_MESSAGE_VECTOR);
	} else if (f->vector == VEC_DB && !(f->rflags & RFLAGS_TF)) {
		/* Not ours, we set no breakpoints: Bochs takes a guest's pending single step to the host at an SVM exit. */
		return;
	} else if (f->vector != VEC_GP || !apply_fixup(f)) {
		die(f);
	}
}
