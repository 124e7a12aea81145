/* SPDX-License-Identifier: Apache-2.0 */
/* The leaves by which Windows knows a hypervisor. What they promise is done in hyperv.c.
 * Hyper-V Top-Level Functional Specification "Hypervisor CPUID Leaves". */

#include "policy.h"

#define B(n) BIT32(n)

/* Leaf 3 EAX: reference counter, APIC registers, hypercall page, VP index, reference TSC page, frequencies. */
#define PRIVILEGES (B(1) | B(4) | B(5) | B(6) | B(9) | B(11))
/* Leaf 3 EDX: frequencies, crash parameters. */
#define FEATURES (B(8) | B(10))
/* Leaf 4 EAX: APIC by MSR, relaxed timing (no watchdog on late interrupts), no automatic EOI. */
#define RECOMMENDED (B(3) | B(5) | B(9))

void cpuid_hyperv_set(struct cpuid_table *t)
{
	static const struct cpuid_regs leaf[HYPERV_LEAVES] = {
		{ 0x40000000 + HYPERV_LEAVES - 1, 0x7263694d, 0x666f736f, 0x76482074 },	/* "Microsoft Hv" */
		{ 0x31237648, 0, 0, 0 },						/* "Hv#1" */
		{ 14393, 10 << 16, 0, 0 },			/* the version whose features these are */
		{ PRIVILEGES, 0, 0, FEATURES },
		{ RECOMMENDED, ~0u, 0, 0 },			/* EBX: never report a long spin */
		{ 0, 0, 0, 0 },
	};

	for (u32 i = 0; i < HYPERV_LEAVES; i++)
		t->hyperv[i].r = leaf[i];
	t->hyperv[5].r.eax = t->hyperv[5].r.ebx = t->vcpus;
	t->has_hyperv = true;
	/* Kernels that know KVM look for it at every 100H. */
	t->kvm_base = 0x40000100;
	t->kvm[0].r.eax += 0x100;
}
