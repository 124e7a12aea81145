/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The machine's own local APICs in the hands of guests ("owned", docs/design.md): a vcpu that runs in x2APIC mode uses the
 * one of its core, timer, EOI, TPR and self-IPI without an exit. While it does, the host takes no maskable interrupt on that
 * core: what is pending there is the guest's. hv/x86/own_apic.c; who decides is hv/core/vlapic_own.c. */

#include <hv/types.h>

/* Vectors below go by the doorbell only, never as a message of the hardware's: one that comes late, when its core is the
 * host's again, would be taken for an exception. */
#define OWN_APIC_VECTOR_MIN 32

/* What a guest finds in its registers as it gets them. No reserved bits, and a timer mode that the machine has: the processor
 * would answer our write with #GP. */
struct own_apic {
	u32 tpr, svr, lvt_timer;
	u32 divide;		/* divide configuration register */
	u32 initial;		/* count to start the timer with, at VLAPIC_TIMER_HZ divided by that; 0: it does not run */
	u64 deadline;		/* host TSC; 0: none */
};

/* All cores are in x2APIC mode. Any core. */
bool own_apic_possible(void);

/* The machine's timer has the TSC-deadline mode. Any core. */
bool own_apic_has_deadline(void);

/* This core's registers become the guest's. Nothing may be pending for the host: own_apic_drain() sees to that. The caller
 * keeps interrupts off from here on. Own core. */
void own_apic_give(const struct own_apic *a);

/* ... and the host's again, as after reset; what was pending or in service is dropped. Own core, interrupts off. */
void own_apic_take(void);

/* Drop what messages of a guest's may be pending on this core, which no guest owns now. Own core, interrupts off. */
void own_apic_drain(void);

/* Send vector, at least 16, to this core / vector, at least OWN_APIC_VECTOR_MIN, to the core with this index: the hardware
 * delivers it to the guest there. What was stored before is seen by who gets it. */
void own_apic_raise(u8 vector);
void own_apic_send(u32 core, u8 vector);

/* End the interrupt in service on behalf of the guest that owns this core's; its vector, 0: there was none. */
u8 own_apic_eoi(void);

void own_apic_set_svr(u32 svr);

/* The TSC deadline, in host ticks; 0: none. The write counts only while the timer is in that mode. */
u64 own_apic_deadline(void);
void own_apic_set_deadline(u64 tsc);

/* Wait for this core's doorbell only: interrupts stay pending. Own core, interrupts off. */
void own_apic_idle(void);
