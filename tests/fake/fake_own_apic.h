/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The local APIC of this core as hv/own_apic.h shows it, without a processor: what was asked of it is kept. */

#include <hv/own_apic.h>

extern struct fake_own_apic {
	bool possible, has_deadline, given;
	struct own_apic state;		/* as own_apic_give() got it */
	u64 irr[4], isr[4];
	u64 deadline;
	u32 svr, drains, idles;
	u32 sent_core;
	u8 sent_vector;
	u32 sent;
} fake_own_apic;

/* The processor takes vector: from IRR to ISR. */
void fake_own_apic_accept(u8 vector);
