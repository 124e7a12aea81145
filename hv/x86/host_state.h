/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a vendor needs to know about the host side of its own core to come back after an exit. Own core. */

#include <hv/types.h>

struct host_state {
	u64 cr0, cr3, cr4, efer, pat;
	u64 tss_base, gdt_base, idt_base;
	u64 sysenter_esp, sysenter_eip;
};

/* As they are now on this core; constant after it was set up. */
void host_state_get(struct host_state *h);

/* Called by the host's NMI handler when the NMI hit while this core was in the host: VMX arms preemption timer 0 in the
 * current control structure, so that an entry that is already on its way ends at once. Null: nothing to do (SVM). */
extern void (*host_nmi_hook)(void);
