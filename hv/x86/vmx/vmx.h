/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the VMX backend share. Everything here concerns the core that calls; the pure functions (caps,
 * exit, check) take values and run on the build host too. Nothing of this leaves hv/x86/vmx. */

#include <hv/core.h>
#include <hv/virt.h>

#include "vmcs.h"

/* What the processor can do, as its MSRs say it. One for the machine, filled by probe; each core must equal it. */
struct vmx_caps {
	u64 basic, misc;
	u64 pin, proc, proc2, exit, entry;	/* low half: must be 1; high half: may be 1 */
	u64 ept_vpid;
	u64 cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	u64 small_pages;			/* not 0: vmx_has_multihit() forbids large executable leaves */
};
extern struct vmx_caps vmx_caps;

/* This core's state besides the control structure, in virt_page[]. Zero before core_enable(). */
struct vmx {
	bool loaded;			/* a control structure is current: VMREAD and VMWRITE work */
	u32 proc;			/* PROC_CONTROLS as last written */
	u32 entry;			/* ENTRY_CONTROLS as last written, without IA-32e mode guest */
	u64 timer;			/* PREEMPTION_TIMER as last written; U64_MAX: not known */
	u8 timer_shift;			/* log2 of TSC ticks in one of the timer's */
	u64 tsc_offset;			/* as last written */
	u64 eptp;
	char words[128];		/* of the last failed entry */
};

enum vmx_page { PAGE_VMXON, PAGE_VMCS, PAGE_MSR_BITMAP, PAGE_IO_BITMAP_A, PAGE_IO_BITMAP_B, PAGE_STATE };
#define this_vmx() ((struct vmx *)(void *)this_core()->virt_page[PAGE_STATE])

static inline u64 vmread(enum vmcs_field field)
{
	u64 val;

	__asm__ volatile("vmread %1,%0" : "=rm"(val) : "r"((u64)field) : "cc");
	return val;
}

static inline void vmread_to(u64 *to, enum vmcs_field field)
{
	__asm__ volatile("vmread %1,%0" : "=m"(*to) : "r"((u64)field) : "cc");
}

/* Fields that exist on every processor that passed probe: cannot fail while a control structure is current. */
static inline void vmwrite(enum vmcs_field field, u64 val)
{
	__asm__ volatile("vmwrite %0,%1" :: "rm"(val), "r"((u64)field) : "cc", "memory");
}

/* VMWRITE that reports whether the field exists. */
bool vmwrite_checked(enum vmcs_field field, u64 val);

/* caps.c, pure */

/* Control bits that the processor accepts: wanted plus what must be 1, less what must be 0. */
u32 vmx_control_adjust(u64 cap, u32 wanted);

/* All bits of wanted may be 1. */
bool vmx_control_has(u64 cap, u32 wanted);

u64 vmx_ept_pointer(u64 root);

/* "Machine Check Error on Page Size Change" (CVE-2018-12207, iTLB multihit): a guest that changes the size of a page it
 * runs from can stop the whole machine, where its nested tables have large executable leaves. Has this processor with VMX
 * the erratum? intel: the vendor's name; signature: CPUID 1 EAX; arch_capabilities: MSR 10AH, 0 without it. */
bool vmx_has_multihit(bool intel, u32 signature, u64 arch_capabilities);

/* Level of the largest leaf for a guest's RAM, all of which it may execute: 1 4 KiB, 2 2 MiB, 3 1 GiB. */
int vmx_max_leaf(const struct vmx_caps *caps);

/* The report's lines from capabilities; feature_control: the MSR as it is. caps all 0 when VMX is absent. */
void vmx_report_fill(struct virt_report *r, bool has_vmx, u64 feature_control, const struct vmx_caps *caps);

/* exit.c, pure */

/* The read-only fields of an exit; only those that vmx_exit_needs() names have to be filled. */
struct vmx_exit_fields {
	u64 qualification, guest_physical;
	u32 event, event_code, insn_info, ss_attr;
};
enum vmx_exit_need {
	NEED_NOTHING = 0, NEED_LENGTH = 1, NEED_QUALIFICATION = 2, NEED_PHYSICAL = 4, NEED_EVENT = 8, NEED_INSN_INFO = 16,
	NEED_CPL = 32, NEED_VECTORING = 64, CPL_IS_0 = 128,
};
struct vmx_exit_type {
	u8 kind;	/* enum vmexit_kind */
	u8 needs;	/* enum vmx_exit_need bits */
};

/* By basic exit reason (below REASON_COUNT; rows without a need of their own are VMEXIT_UNKNOWN). */
extern const struct vmx_exit_type vmx_exit_type[REASON_COUNT];

/* Fill the union of x, and where it depends on the fields x->kind and x->cpl. x->reason, kind and qual1 are set. */
void vmx_exit_decode(struct vmexit *x, const struct vmx_exit_fields *f);

/* What has to be injected again after an exit with this "IDT-vectoring information", and the blocking that goes with
 * it: false when nothing. SDM 3C "Information for VM Exits During Event Delivery". */
bool vmx_event_reinject(u32 vectoring, u32 *event, u32 *blocking);

/* Should blocking by NMI be set again because an IRET that faulted had unblocked NMIs?
 * SDM 3C "Information for VM Exits Due to Vectored Events", "Exit Qualification for EPT Violations" bit 12. */
bool vmx_nmi_reblock(u32 reason, u64 qualification, u32 event, u32 vectoring);

/* ENTRY_EVENT for e when queued (ENTRY_EVENT so far) waits already: a second fault makes #DF where the manual says so.
 * protected: CR0.PE. The error code of a #DF is 0. */
u32 vmx_event_encode(const struct event *e, u32 queued, bool protected);

/* check.c, pure */

struct vmx_segment { u64 sel, attr, limit, base; };
struct vmx_guest_fields {
	u64 cr0, cr3, cr4, efer, rflags, rip, dr7, debugctl, pat, link;
	struct vmx_segment seg[SEG_COUNT];
	u64 gdtr_base, gdtr_limit, idtr_base, idtr_limit;
	u64 sysenter_esp, sysenter_eip;
	u64 blocking, activity, pending_debug;
	u64 pdpte[4];
	u32 entry_controls, event;
	u32 phys_bits;
};

/* IN and OUT, not the string forms: SDM 3C "Exit Qualification for I/O Instructions". Here because it is frequent. */
static inline void vmx_pio_decode(struct vmexit *x, u64 q)
{
	x->pio.port = (u16)(q >> 16);
	x->pio.size = (u8)((q & 7) + 1);
	x->pio.in = (q & BIT(3)) != 0;
	x->pio.string = false;
	x->pio.rep = false;
	x->pio.addr_size = 0;
	x->pio.seg = 0xff;
}

/* SDM 3C "Exit Qualification for EPT Violations": without bit 8 the access was one to the guest's own tables. */
static inline void vmx_mmio_decode(struct vmexit *x, u64 q, u64 gpa)
{
	x->mmio.gpa = GPA(gpa);
	x->mmio.write = q >> 1 & 1;
	x->mmio.fetch = q >> 2 & 1;
	x->mmio.in_walk = !(q & BIT(8));
}

/* The first of the SDM's checks that g fails, in words written to to; null when it passes all that are known here. */
const char *vmx_check_guest(const struct vmx_guest_fields *g, const struct vmx_caps *caps, char *to, size_t size);

/* VM-instruction error number in words; never null. */
const char *vmx_insn_error(u32 number);

/* vmx.c: virt_ops, switching on and off */
u32 vmx_phys_bits(void);	/* width of a physical address */

/* Clear this core's control structure and make it current / put it away. 0 or -E_NODEV with a log line. */
int vmx_vmcs_load(void);
void vmx_vmcs_unload(void);

/* guest.c: vcpu_init, vcpu_reset, bitmaps, dump */
int vmx_vcpu_init(struct vcpu *v);
void vmx_vcpu_reset(struct vcpu *v);
void vmx_trap_io(struct vcpu *v, u16 first, u32 count, bool trap);
void vmx_own_apic(struct vcpu *v, bool on);
void vmx_trap_msr(struct vcpu *v, u32 msr, bool on_read, bool on_write);
void vmx_flush(struct vcpu *v);
void vmx_flush_linear(void);	/* ... and linear ones of this core's VPID */
int vmx_dump(struct vcpu *v, char *to, size_t size);

/* state.c */
void vmx_get_state(struct vcpu *v, struct cpu_state *s, u32 parts);
void vmx_set_state(struct vcpu *v, const struct cpu_state *s, u32 parts);
void vmx_code_key(struct vcpu *v, struct code_key *k);
void vmx_state_defaults(void);	/* guest fields that no cpu_state holds, as after reset */

/* run.c */
void vmx_run(struct vcpu *v);
void vmx_set_rip(struct vcpu *v, u64 rip);
void vmx_inject(struct vcpu *v, const struct event *e);
void vmx_want_window(struct vcpu *v, u32 windows);
void vmx_nmi_hook(void);

/* Called by vmx_enter() after each exit: read it and have it judged. Returns the registers for the next entry, null to
 * leave the guest. reason: as the processor says it, or one of the two below when it refused before it touched the guest. */
u64 *vmx_exit(u64 reason);
#define VMX_FAIL_INVALID 0x10000ul
#define VMX_FAIL_VALID 0x20000ul

/* enter.S */

/* Load 15 registers from gpr, enter the guest, store them after, call vmx_exit(), until that returns null. gpr[RSP] is
 * scratch while the guest runs. */
void vmx_enter(u64 *gpr);
extern const u8 vmx_exit_entry[];	/* HOST_RIP; HOST_RSP is gpr */

/* x87, SSE and all further components to their initial state. image: 576 bytes, 64-byte aligned. */
void vmx_fpu_reset_xrstor(const void *image);
void vmx_fpu_reset_fxrstor(const void *image);
