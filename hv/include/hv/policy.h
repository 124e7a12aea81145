/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What CPUID and the MSRs of a guest say: one table each, default deny. hv/x86/cpuid_policy.c, msr_policy.c. */

#include <hv/guest.h>

struct cpuid_table;

/* The CPUID of this guest, from the machine's and the policy; pool memory; null: no memory. Control core, at build. */
const struct cpuid_table *policy_build_cpuid(struct guest *g);

/* Power-on values of everything in v that MSRs show. Own core. */
void policy_reset(struct vcpu *v);

/* Let exit-free MSRs through, by the guest's CPUID; after virt->vcpu_init(). Own core. */
void policy_trap(struct vcpu *v);

/* Bits that the guest may set in CR4 and XCR0, by its CPUID. */
u64 policy_cr4_allowed(const struct vcpu *v);
u64 policy_xcr0_allowed(const struct vcpu *v);

/* v was kept out of its guest for long: its paravirtual clock says so, for watchdogs. Own core. */
void policy_was_paused(struct vcpu *v);

/* VMEXIT_HYPERCALL of a guest that has told its name (guest.hyperv.os_id). NEXT or FAULT. hv/x86/hyperv.c */
enum verdict hyperv_hypercall(struct vcpu *v);

enum verdict exit_cpuid(struct vcpu *v);
enum verdict exit_msr(struct vcpu *v);
