/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The virtualisation seam: everything that differs between VMX and SVM, 18 functions. `virt` is chosen once at boot
 * and sealed; all slots are set. Each call concerns the core that makes it, except probe. */

#include <hv/paging.h>
#include <hv/vcpu.h>

enum window { WINDOW_NONE = 0, WINDOW_INTERRUPT = 1, WINDOW_NMI = 2 };	/* bits */

/* One line of the hardware report: a feature in plain words. */
enum feature_state { FEATURE_PRESENT, FEATURE_OFF_IN_FIRMWARE, FEATURE_ABSENT };
struct virt_feature {
	const char *name;		/* "Extended page tables (EPT)" */
	const char *lost;		/* what is lost without it; for needed ones: why nothing works */
	const char *id;			/* stable id when needed and missing: "CPU-NO-EPT"; null when only useful */
	enum feature_state state;
};
#define VIRT_FEATURES_MAX 32
struct virt_report {
	const char *vendor;		/* "VMX", "SVM" */
	u32 count;
	struct virt_feature feature[VIRT_FEATURES_MAX];
	bool usable;			/* everything needed is present */
};

struct virt_ops {
	const char *name;		/* "VMX", "SVM" */
	const struct pt_format *nested;	/* how its nested page tables look */

	/* Is this the machine's virtualisation? Fills the report either way. Changes nothing. Any core, at boot.
	 * Returns false when the CPU does not even have the vendor's instructions. */
	bool (*probe)(struct virt_report *r);

	/* Switch virtualisation on/off on this core. 0, or -E_NODEV with a log line: firmware locked it off, or this core
	 * differs from the boot core. c->virt_page[] is the vendor's to use. */
	int (*core_enable)(void);
	void (*core_disable)(void);

	/* Build this core's control structure for v (guest, index, pub set): all intercepts, default deny, nested root
	 * guest->ept_root. Then vcpu_reset() follows. */
	int (*vcpu_init)(struct vcpu *v);

	/* Largest nested leaf that this CPU takes: 1, 2, 3 for 4 KiB, 2 MiB, 1 GiB. */
	int (*nested_max_leaf)(void);

	/* Architectural power-on state (SDM 3A "Processor State After Reset"), CS:IP f000:fff0, also after INIT. */
	void (*vcpu_reset)(struct vcpu *v);

	/* Enter the guest of this core's vcpu v; after each exit fill v->exit and v->gpr, call vcpu_turn(), and enter again
	 * until that says no. A VMEXIT_EVENT comes before v->deadline passes and soon after this core's doorbell is rung, also
	 * when it was rung just before entry. Host interrupts off on call and return. */
	void (*run)(struct vcpu *v);

	/* RIP behind an emulated instruction; also ends STI / MOV SS blocking. */
	void (*set_rip)(struct vcpu *v, u64 rip);

	/* Move the named parts (enum state_part bits). set_state keeps what hardware forces (CR0.NE, CR4.VMXE, EFER.SVME)
	 * hidden from the guest. gpr[] is in v->gpr anyway; STATE_REGS copies them. */
	void (*get_state)(struct vcpu *v, struct cpu_state *s, u32 parts);
	void (*set_state)(struct vcpu *v, const struct cpu_state *s, u32 parts);

	/* Which instruction v->exit.rip names: a few values of get_state(), for exits that decode. */
	void (*code_key)(struct vcpu *v, struct code_key *k);

	/* Deliver e at the next entry. The caller made sure that it may be delivered. */
	void (*inject)(struct vcpu *v, const struct event *e);

	/* Exit with VMEXIT_WINDOW as soon as one of these (enum window bits) can be delivered; 0 cancels. */
	void (*want_window)(struct vcpu *v, u32 windows);

	/* Exit on accesses to ports [first, first + count), or let them through. Default: all exit. */
	void (*trap_io)(struct vcpu *v, u16 first, u32 count, bool trap);

	/* Exit on RDMSR / WRMSR of msr, or let it through. Default: both exit for every MSR. */
	void (*trap_msr)(struct vcpu *v, u32 msr, bool on_read, bool on_write);

	/* Let v use the local APIC of its core (hv/own_apic.h): interrupts go to the guest, HLT and CR8 run natively. Or not,
	 * which is how vcpu_init() leaves it. */
	void (*own_apic)(struct vcpu *v, bool on);

	/* run() keeps v->deadline by this core's local APIC timer: where a vcpu owns that, v->deadline must be U64_MAX. */
	bool deadline_by_apic;

	/* Drop cached guest-physical translations of this vcpu. */
	void (*flush)(struct vcpu *v);

	/* The control structure in words, for a crash record: several short lines. Returns the length. */
	int (*dump)(struct vcpu *v, char *to, size_t size);
};

extern const struct virt_ops *virt;
extern const struct virt_ops vmx_ops, svm_ops;

/* This core's doorbell rang since it was last answered. Vendors look at it as the last thing before entry. */
bool doorbell_pending(void);
