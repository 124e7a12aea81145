/* SPDX-License-Identifier: Apache-2.0 */
/* The SVM backend of virt.h. One vcpu lives on a core, so the control block and its maps are at fixed places in struct
 * core (svm.h), and no call needs to look anything up. */
#include "svm.h"

#include <hv/atomic.h>
#include <hv/guest.h>
#include <hv/log.h>

#include "../x86.h"
#include "enter.h"

#define VM_CR_LOCK BIT(3)
#define VM_CR_SVMDIS BIT(4)
#define MSR_TSC 0x10
#define CPUID_RDTSCP BIT32(27)		/* 8000_0001 EDX */
#define CPUID_HYPERVISOR BIT32(31)	/* 1 ECX */
#define GUEST_ASID 1

/* Everything that a guest might do to the machine; what is missing here runs natively on purpose: CR0, CR3, CR4, debug
 * registers, RDTSC, INVLPG, PAUSE, exceptions. */
#define INTERCEPTS1 (INTERCEPT1_INTR | INTERCEPT1_NMI | INTERCEPT1_INIT | INTERCEPT1_RDPMC | INTERCEPT1_CPUID | \
	INTERCEPT1_RSM | INTERCEPT1_INVD | INTERCEPT1_HLT | INTERCEPT1_INVLPGA | INTERCEPT1_IOIO | INTERCEPT1_MSR | \
	INTERCEPT1_TASK_SWITCH | INTERCEPT1_SHUTDOWN)
#define INTERCEPTS2 (INTERCEPT2_VMRUN | INTERCEPT2_VMMCALL | INTERCEPT2_VMLOAD | INTERCEPT2_VMSAVE | INTERCEPT2_STGI | \
	INTERCEPT2_CLGI | INTERCEPT2_SKINIT | INTERCEPT2_WBINVD | INTERCEPT2_MONITOR | INTERCEPT2_MWAIT | \
	INTERCEPT2_MWAIT_ARMED | INTERCEPT2_XSETBV | INTERCEPT2_RDPRU)
#define INTERCEPTS3 (INTERCEPT3_INVLPGB | INTERCEPT3_INVLPGB_ILLEGAL | INTERCEPT3_MCOMMIT | INTERCEPT3_TLBSYNC)

/* An endless delivery of #DB or #AC would keep the core for ever (CVE-2015-5307, CVE-2015-8104). #DF: Bochs does not know
 * the shutdown intercept and would reset the machine at most triple faults; see decode_exception(). */
#define EXCEPTIONS (BIT32(VEC_DB) | BIT32(VEC_DF) | BIT32(VEC_AC) | BIT32(VEC_MC))

/* VMLOAD, VMRUN and VMSAVE switch these (the PAT: nested paging), so they cannot reach the host. */
static const u32 native_msr[] = {
	MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK,
	MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_PAT,
};

_Static_assert(offsetof(struct core, virt_page[PAGE_STATE]) == CORE_VMCB_HPA, "enter.h");
_Static_assert(offsetof(struct svm_vcpu, vmcb_hpa) == 0, "enter.h");
_Static_assert(offsetof(struct core, vcpu.gpr) == CORE_GPR, "enter.h");

/* Of the core that ran probe; every other core must have them too. */
static u32 boot_features __attribute__((section(".sealed")));

static void svm_clgi(void) { __asm__ volatile("clgi" ::: "memory"); }
static void svm_stgi(void) { __asm__ volatile("stgi" ::: "memory"); }

static bool svm_ops_probe(struct virt_report *r)
{
	boot_features = svm_features();
	return svm_probe(r);
}

/* SVMDIS keeps EFER.SVME from being set; unlocked, it is ours to clear: APM 2 "VM_CR MSR". */
static int allow_svme(void)
{
	u64 vm_cr;

	if (!rdmsr_safe(MSR_VM_CR, &vm_cr) || !(vm_cr & VM_CR_SVMDIS))
		return 0;
	if (vm_cr & VM_CR_LOCK) {
		log_notice("svm: firmware has locked SVM off on core %u", this_core()->index);
		return -E_NODEV;
	}
	wrmsr(MSR_VM_CR, vm_cr & ~VM_CR_SVMDIS);
	return 0;
}

static int svm_core_enable(void)
{
	u32 features = svm_features();

	if (!(features & SVM_NPT) || (boot_features & ~features)) {
		log_notice("svm: core %u lacks features of the boot core: %x instead of %x", this_core()->index, features,
			boot_features);
		return -E_NODEV;
	}
	if (allow_svme())
		return -E_NODEV;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, core_private_hpa(this_core()->virt_page[PAGE_HSAVE]).v);
	svm_state()->features = features;
	return 0;
}

static void svm_core_disable(void)
{
	svm_stgi();
	wrmsr(MSR_VM_HSAVE_PA, 0);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SVME);
}

static void init_maps(struct vmcb *b)
{
	struct core *c = this_core();
	u8 *msrpm = c->virt_page[PAGE_MSRPM];
	u64 tsc;

	memset(c->virt_page[PAGE_IOPM], 0xff, IOPM_SIZE);
	memset(msrpm, 0xff, MSRPM_SIZE);
	for (u32 i = 0; i < ARRAY_COUNT(native_msr); i++)
		msrpm_set(msrpm, native_msr[i], false, false);
	/* Reads get the offset as RDTSC does. QEMU does not know the MSR and reads 0: there it stays ours to answer. */
	if (rdmsr_safe(MSR_TSC, &tsc) && tsc)
		msrpm_set(msrpm, MSR_TSC, false, true);
	if (cpuid(0x80000001, 0).edx & CPUID_RDTSCP)
		msrpm_set(msrpm, MSR_TSC_AUX, false, false);
	b->iopm_base = core_private_hpa(c->virt_page[PAGE_IOPM]).v;
	b->msrpm_base = core_private_hpa(msrpm).v;
}

static void init_intercepts(struct vmcb *b)
{
	/* CR4: a guest must not set what its CPUID does not have, and VMRUN refuses what the processor does not have. */
	b->cr_intercept = CR_INTERCEPT_READ(8) | CR_INTERCEPT_WRITE(8) | CR_INTERCEPT_WRITE(4);
	b->exc_intercept = EXCEPTIONS;
	b->intercept1 = INTERCEPTS1;
	b->intercept2 = INTERCEPTS2;
	b->intercept3 = INTERCEPTS3;
}

/* As vmcb_dirty(), and the promise comes back after the entry. Where only event.c changes something it comes back with
 * the next exit that is not common. */
static void dirty_once(struct vmcb *b, u64 groups)
{
	vmcb_dirty(b, groups);
	svm_state()->special |= SPECIAL_ONCE;
}

static void svm_flush(struct vcpu *v)
{
	(void)v;
	svm_vmcb()->tlb_control = (svm_state()->features & SVM_FLUSH_BY_ASID) ? TLB_FLUSH_ASID : TLB_FLUSH_ALL;
	svm_state()->special |= SPECIAL_ONCE;
}

/* The signature by which hypervisors tell themselves: QEMU's own emulation, not KVM in QEMU. */
static bool emulated_by_qemu(void)
{
	struct cpuid_regs r = cpuid(0x40000000, 0);

	return (cpuid(1, 0).ecx & CPUID_HYPERVISOR) && r.ebx == 0x54474354 && r.ecx == 0x43544743 && r.edx == 0x47435447;
}

static int svm_vcpu_init(struct vcpu *v)
{
	struct svm_vcpu *s = svm_state();
	struct vmcb *b = svm_vmcb();

	assert(v == &this_core()->vcpu);
	memset(b, 0, sizeof(*b));
	*s = (struct svm_vcpu){ .features = svm_features() };
	s->len_max = (s->features & SVM_NRIPS) ? 15 : 0;
	s->phys_bits = cpuid(0x80000008, 0).eax & 0xff;
	s->inject_virtual = emulated_by_qemu();
	s->vmcb_hpa = core_private_hpa(b).v;
	v->vendor = (u64 *)(void *)s;

	init_intercepts(b);
	init_maps(b);
	b->vintr = V_INTR_MASKING;
	b->asid = GUEST_ASID;
	b->np_enable = 1;
	b->n_cr3 = v->guest->ept_root;
	svm_flush(v);
	__asm__ volatile("vmsave %%rax" :: "a"(core_private_hpa(this_core()->virt_page[PAGE_HOST]).v) : "memory");
	return 0;
}

/* FXSAVE image after reset, and behind it an XSAVE header without a component: all of them get their initial values.
 * APM 2 "Processor Initialization State". The upper halves must not show what another guest left there. */
static const struct {
	u16 fcw, fsw;
	u8 ftw, zero[19];
	u32 mxcsr, mxcsr_mask;
	u8 rest[480], header[64];
} __attribute__((aligned(64))) reset_vectors = { .fcw = 0x40, .ftw = 0xff, .mxcsr = 0x1f80 };

static void reset_vector_state(struct vcpu *v)
{
	if (read_cr4() & CR4_OSXSAVE) {
		struct cpuid_regs all = cpuid(0xd, 0);

		xsetbv(0, (u64)all.edx << 32 | all.eax);
		__asm__ volatile("xrstor64 %0" :: "m"(reset_vectors), "a"(all.eax), "d"(all.edx));
		xsetbv(0, 1);
	}
	__asm__ volatile("fxrstor64 %0" :: "m"(reset_vectors));
	v->xcr0 = 1;
}

/* Registers that neither VMRUN nor VMLOAD switch and that the host does not use. */
static void reset_native_registers(void)
{
	u64 zero = 0;

	__asm__ volatile("mov %0, %%db0; mov %0, %%db1; mov %0, %%db2; mov %0, %%db3" :: "r"(zero));
	if (cpuid(0x80000001, 0).edx & CPUID_RDTSCP)
		wrmsr(MSR_TSC_AUX, 0);
}

static void svm_vcpu_reset(struct vcpu *v)
{
	struct vmcb *b = svm_vmcb();

	memset(v->gpr, 0, sizeof(v->gpr));
	v->gpr[RDX] = cpuid(1, 0).eax;
	vmcb_reset_state(b);
	svm_event_reset();
	reset_vector_state(v);
	reset_native_registers();
	svm_state()->special |= SPECIAL_CHECK;
	b->clean = 0;
	svm_flush(v);
}

/* The common way through svm_enter(), svm_exited() and back is straight: what is rare is found with one test before an
 * entry and one after an exit, and goes on in a function of its own. No pointer is kept across the guest, because this
 * core's vcpu has a fixed address. */

/* With GIF clear NMIs are held: one that rings the doorbell after the look at it ends the guest at once. The look is
 * doorbell_pending(), without the call. */
static inline u64 doorbell(void)
{
	return load_relaxed(&this_core()->pub->doorbell);
}

/* The last step before svm_enter() may go on: true, for its caller to return. */
static inline bool entry_ready(void)
{
	svm_vmcb()->rax = this_core()->vcpu.gpr[RAX];
	return true;
}

/* The doorbell rang before the entry: as if it had ended the guest at once. Such an exit always wants a closer look. */
static bool not_entered(void)
{
	struct vmexit *x = &this_core()->vcpu.exit;
	struct vmcb *b = svm_vmcb();

	svm_stgi();
	b->exitcode = EXIT_NMI;
	b->exitinfo1 = 0;
	b->exitinfo2 = 0;
	b->exitintinfo = 0;
	vmcb_exit_head(b, 0, x);
	svm_event_finish(x);	/* an event may still be queued */
	vcpu_turn();
	return false;
}

/* With GIF clear an NMI of our own is held: the guest comes back as soon as what is queued has been delivered. */
static bool call_back_soon(void)
{
	svm_state()->special &= ~SPECIAL_CALL_BACK;
	core_nmi_self();
	return entry_ready();
}

/* The check is made before the entry because QEMU overwrites the block when it refuses; it only finds the words, whether
 * the state is good is for the processor to say. */
static bool entry_prepare(void)
{
	const struct vcpu *v = &this_core()->vcpu;
	struct svm_vcpu *s = svm_state();
	struct vmcb *b = svm_vmcb();

	if (b->tsc_offset != v->tsc_offset) {
		b->tsc_offset = v->tsc_offset;
		dirty_once(b, CLEAN_INTERCEPTS);
	}
	if (!s->owned)
		core_timer_set(v->deadline);
	if (s->special & SPECIAL_CHECK) {
		s->special &= ~SPECIAL_CHECK;
		s->doubt = vmcb_check(b, s->phys_bits);
	}
	svm_event_prepare();
	svm_clgi();
	if (doorbell() || (s->owned && v->deadline != U64_MAX))
		return not_entered();
	return s->special & SPECIAL_CALL_BACK ? call_back_soon() : entry_ready();
}

static NOINLINE bool entry_rare(void)
{
	svm_stgi();
	return entry_prepare();
}

/* rare: not 0 if something has to be prepared. */
static inline bool entry(u64 rare)
{
	svm_clgi();
	return UNLIKELY(rare | doorbell()) ? entry_rare() : entry_ready();
}

static void explain_failure(struct vmexit *x, const struct svm_vcpu *s, const struct vmcb *b)
{
	const char *words = s->doubt ? s->doubt : vmcb_check(b, s->phys_bits);

	x->failed.words = words ? words : "none of the checks that the manual lists";
}

static NOINLINE void exited_special(struct vmexit *x)
{
	struct vmcb *b = svm_vmcb();

	svm_state()->special &= ~SPECIAL_ONCE;
	b->tlb_control = TLB_FLUSH_NOTHING;
	b->clean = CLEAN_ALL;
	svm_event_finish(x);
}

/* Nearly always 0; the closer look at the shadow is at the bit that counts. QEMU leaves the vector of whatever the guest took last
 * in EXITINTINFO, not valid. */
static inline void exited_look(const struct svm_vcpu *s, const struct vmcb *b, struct vmexit *x)
{
	if (UNLIKELY(s->special | (b->exitintinfo & EVT_VALID) | b->shadow | (b->vintr & V_IRQ)))
		exited_special(x);
}

static NOINLINE void exited_other(void)
{
	struct vmexit *x = &this_core()->vcpu.exit;
	struct svm_vcpu *s = svm_state();
	struct vmcb *b = svm_vmcb();

	vmcb_exit_detail(b, s->features, x);
	if (x->kind == VMEXIT_ENTRY_FAILED)
		explain_failure(x, s, b);
}

/* An exit with more to say. What answers it may have moved the deadline or the TSC. */
static NOINLINE bool exited_detail(void)
{
	struct vcpu *v = &this_core()->vcpu;
	struct svm_vcpu *s = svm_state();
	struct vmcb *b = svm_vmcb();

	if (b->exitcode != EXIT_IOIO || !vmcb_exit_pio(b, &v->exit))
		exited_other();
	exited_look(s, b, &v->exit);
	if (UNLIKELY(!vcpu_turn()))
		return false;
	return entry(s->special | (b->tsc_offset ^ v->tsc_offset) | (this_core()->timer_armed ^ v->deadline));
}

/* The guest has stopped; svm_enter() calls this and enters again if it says so. Exits without details are answered from
 * registers and tables, which moves neither the deadline nor the TSC. */
bool svm_exited(void)
{
	const struct svm_vcpu *s = svm_state();
	struct vcpu *v = &this_core()->vcpu;
	struct vmcb *b = svm_vmcb();

	v->gpr[RAX] = b->rax;
	v->gpr[RSP] = b->rsp;
	if (UNLIKELY(!vmcb_exit_head(b, s->len_max, &v->exit)))
		return exited_detail();
	exited_look(s, b, &v->exit);
	if (UNLIKELY(!vcpu_turn()))
		return false;
	return entry(s->special);
}

static void svm_run(struct vcpu *v)
{
	(void)v;	/* this core's, see svm_vcpu_init() */
	if (entry_prepare())
		svm_enter();
}

static void svm_set_rip(struct vcpu *v, u64 rip)
{
	struct vmcb *b = svm_vmcb();

	b->rip = rip;
	b->shadow = 0;
	v->exit.shadow = 0;
	if (b->rflags & RFLAGS_TF) {
		svm_event_step();
		v->exit.event_queued = 1;
	}
}

/* APM 2 "Virtualizing APIC.TPR", "Interrupt Masking (V_INTR_MASKING)": without it RFLAGS.IF of the guest rules interrupts of
 * the machine, and CR8 is that of the machine's APIC. */
static void svm_own_apic(struct vcpu *v, bool on)
{
	const u32 one = INTERCEPT1_INTR | INTERCEPT1_HLT, cr = CR_INTERCEPT_READ(8) | CR_INTERCEPT_WRITE(8);
	struct vmcb *b = svm_vmcb();

	(void)v;
	svm_state()->owned = on;
	b->intercept1 = on ? b->intercept1 & ~one : b->intercept1 | one;
	b->cr_intercept = on ? b->cr_intercept & ~cr : b->cr_intercept | cr;
	b->vintr = on ? b->vintr & ~V_INTR_MASKING : b->vintr | V_INTR_MASKING;
	dirty_once(b, CLEAN_INTERCEPTS | CLEAN_VINTR);
}

static void svm_code_key(struct vcpu *v, struct code_key *k)
{
	(void)v;
	vmcb_code_key(svm_vmcb(), k);
}

static void svm_get_state(struct vcpu *v, struct cpu_state *s, u32 parts)
{
	if (parts & STATE_REGS)
		memcpy(s->gpr, v->gpr, sizeof(s->gpr));
	vmcb_get_state(svm_vmcb(), s, parts);
}

static void svm_set_state(struct vcpu *v, const struct cpu_state *s, u32 parts)
{
	if (parts & STATE_REGS)
		memcpy(v->gpr, s->gpr, sizeof(v->gpr));
	if (vmcb_set_state(svm_vmcb(), s, parts))
		svm_flush(v);
	if (parts != STATE_FLAGS)
		svm_state()->special |= SPECIAL_CHECK | SPECIAL_ONCE;
}

static void svm_trap_io(struct vcpu *v, u16 first, u32 count, bool trap)
{
	(void)v;
	iopm_set(this_core()->virt_page[PAGE_IOPM], first, count, trap);
	dirty_once(svm_vmcb(), CLEAN_IOPM);
}

static void svm_trap_msr(struct vcpu *v, u32 msr, bool on_read, bool on_write)
{
	(void)v;
	msrpm_set(this_core()->virt_page[PAGE_MSRPM], msr, on_read, on_write);
	dirty_once(svm_vmcb(), CLEAN_IOPM);
}

static int svm_dump(struct vcpu *v, char *to, size_t size)
{
	(void)v;
	return vmcb_dump(svm_vmcb(), to, size);
}

/* Nested tables have the host's format and the host's page sizes: APM 2 "Nested Paging". */
static int svm_nested_max_leaf(void)
{
	return cpuid(0x80000001, 0).edx & BIT32(26) ? 3 : 2;
}

const struct virt_ops svm_ops = {
	.name = "SVM",
	.nested = &pt_npt,
	.nested_max_leaf = svm_nested_max_leaf,
	.probe = svm_ops_probe,
	.core_enable = svm_core_enable,
	.core_disable = svm_core_disable,
	.vcpu_init = svm_vcpu_init,
	.vcpu_reset = svm_vcpu_reset,
	.run = svm_run,
	.set_rip = svm_set_rip,
	.get_state = svm_get_state,
	.set_state = svm_set_state,
	.code_key = svm_code_key,
	.inject = svm_inject,
	.want_window = svm_want_window,
	.trap_io = svm_trap_io,
	.trap_msr = svm_trap_msr,
	.own_apic = svm_own_apic,
	.deadline_by_apic = true,
	.flush = svm_flush,
	.dump = svm_dump,
};
