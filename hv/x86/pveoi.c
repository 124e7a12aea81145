/* SPDX-License-Identifier: Apache-2.0 */
/* KVM's paravirtual end of interrupt: a word in the guest's RAM says that no EOI is wanted. hv/core/vlapic.c sets it.
 * Linux Documentation/virt/kvm/x86/msr.rst "MSR_KVM_EOI_EN". */

#include <hv/gmem.h>
#include <hv/guest.h>

#include "policy.h"

#define PVEOI_ENABLE 1ul

bool pveoi_read(struct vcpu *v, u32 msr, u64 *val)
{
	(void)msr;
	*val = v->pveoi_msr;
	return true;
}

bool pveoi_write(struct vcpu *v, u32 msr, u64 val)
{
	u32 *word = NULL;

	(void)msr;
	if (val & 2 || v->guest->apic_owned)	/* not in its CPUID */
		return false;
	if (val & PVEOI_ENABLE) {
		word = gmem_ptr(v->guest, GPA(val & ~PVEOI_ENABLE), sizeof(*word));
		if (!word)
			return false;
	}
	v->pveoi_msr = val;
	vlapic_set_eoi_word(v, word);
	return true;
}
