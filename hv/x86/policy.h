/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the files of the CPUID and MSR policy. */

#include <hv/policy.h>

#include "x86.h"

/* XCR0 of this core, which is the guest's: the host uses none of it. Only where CPUID has XSAVE. hv/x86/live.S */
u64 xcr0_read(void);

#define BASIC_LEAVES 0x17u		/* 0..16H */
#define EXT_LEAVES 0x22u		/* 80000000H..80000021H */
#define KVM_LEAVES 0x11u		/* kvm_base..kvm_base + 10H */
#define HYPERV_LEAVES 6u		/* 40000000H..40000005H */
#define SUB_LEAVES_MAX 48u
#define XSAVE_COMPONENTS 10u		/* x87 (0) .. PKRU (9) */

/* How a leaf is answered. */
enum cpuid_how {
	CPUID_PLAIN,		/* as it stands */
	CPUID_FEATURES,		/* leaf 1: APIC id and OSXSAVE are the vcpu's */
	CPUID_FEATURES_7,	/* leaf 7: OSPKE is the vcpu's */
	CPUID_SUBLEAF,		/* from the table of sub-leaves */
	CPUID_TOPOLOGY,		/* leaf 0BH */
	CPUID_XSAVE,		/* leaf 0DH: sizes depend on the vcpu's XCR0 */
	CPUID_AMD_ID,		/* leaf 8000001EH */
};

struct cpuid_leaf {
	struct cpuid_regs r;
	u32 how;		/* enum cpuid_how */
};

struct cpuid_sub {
	u32 leaf, sub;
	struct cpuid_regs r;
};

/* What a guest's CPUID says, and what follows from it. Built once, then constant. */
struct cpuid_table {
	struct cpuid_leaf basic[BASIC_LEAVES];
	struct cpuid_leaf ext[EXT_LEAVES];
	struct cpuid_leaf kvm[KVM_LEAVES], hyperv[HYPERV_LEAVES];
	u32 kvm_base;		/* 40000000H, or 40000100H behind those of Hyper-V */
	bool has_hyperv;
	u32 sub_count;
	struct cpuid_sub sub[SUB_LEAVES_MAX];
	u32 vcpus, id_bits;	/* APIC ids 0..vcpus-1 need this many bits */
	bool amd;
	u64 cr4_allowed, xcr0_allowed, efer_allowed;
	u64 phys_mask;		/* address bits that exist */
	u64 arch_capabilities;	/* MSR 10AH; meaningful when has_arch_capabilities */
	bool has_arch_capabilities, has_spec_ctrl, has_pred_cmd, has_flush_cmd;
	u32 microcode;		/* the machine's revision, MSR 8BH */
	struct {
		u32 size, offset;
		bool aligned;	/* in the compacted format */
	} xsave[XSAVE_COMPONENTS];
};

/* The machine as the policy sees it; unit tests bring their own. */
struct cpuid_host {
	struct cpuid_regs (*cpuid)(u32 leaf, u32 sub);
	u64 arch_capabilities;	/* MSR 10AH; 0 where there is none */
	u32 microcode;
	u64 tsc_hz;
	bool apic_owned;	/* the guest gets its cores' local APICs: no PV EOI, their timers count at their own rate */
	bool no_deadline;	/* ... and those have no TSC-deadline mode */
	bool xsavec_broken;	/* XSAVEC is there but loses state; false on every real processor that is known */
};

/* Try XSAVEC on this core; false: CPUID has it, and it stores AVX state where XRSTOR will not look for it. Any core that
 * runs no guest. xsavec_area_sound() judges what was stored, for a state that holds mark. */
bool xsavec_sound(void);
bool xsavec_area_sound(const u8 *area, u64 mark);

/* Fill t for a guest of vcpus processors on this machine. */
void cpuid_table_build(struct cpuid_table *t, const struct cpuid_host *host, u32 vcpus);

/* Put Hyper-V's leaves in front of KVM's in a table that is built. */
void cpuid_hyperv_set(struct cpuid_table *t);

/* p / q nearest below or at hz / 1 GHz with p small enough that guests can multiply it by 1,000,000 in 32 bits. */
void tsc_ratio(u64 hz, u32 *p, u32 *q);

/* RDMSR and WRMSR of the table alone. false: #GP(0). Own core. */
bool msr_policy_read(struct vcpu *v, u32 msr, u64 *val);
bool msr_policy_write(struct vcpu *v, u32 msr, u64 val);

/* KVM's paravirtual clock: the MSRs 4B564D00H, 4B564D01H and their old numbers 11H, 12H. Writes publish the structure at
 * once. false: the address is not RAM of the guest. */
bool pvclock_write_system(struct vcpu *v, u64 val);
bool pvclock_write_wall(struct vcpu *v, u64 val);

/* The guest's TSC has moved: publish again where the guest has asked for a clock. */
void pvclock_update(struct vcpu *v);

/* KVM's MSR 4B564D04H. false: #GP(0). Own core. */
bool pveoi_read(struct vcpu *v, u32 msr, u64 *val);
bool pveoi_write(struct vcpu *v, u32 msr, u64 val);

/* MSRs 40000000H.. of a guest that has Hyper-V's leaves. false: #GP(0). Own core; takes the device lock. */
bool hyperv_msr_read(struct vcpu *v, u32 msr, u64 *val);
bool hyperv_msr_write(struct vcpu *v, u32 msr, u64 val);

/* v's TSC has moved against those of its neighbours: the reference TSC page says so. Own core; takes the device lock. */
void hyperv_tsc_moved(struct vcpu *v);
