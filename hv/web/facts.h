/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Counters of a guest, summed up for the API. They belong to its cores, which go on writing them. Control core. */

#include <hv/guest.h>

struct guest_facts {
	u64 exits, interrupts, halted;	/* of all vcpus; ticks. The last two are not known of those that own their local APIC: */
	u32 owned_apics;
	u64 net_in, net_out;		/* bytes, as the guest sees it */
	u64 disk_read, disk_written;	/* bytes of volumes; images in RAM are not counted */
};
void facts_of(const struct guest *g, u64 now, struct guest_facts *f);

/* Exits of one kind. */
u64 facts_exits(const struct guest *g, u32 kind);
