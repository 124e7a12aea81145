/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt messages: from IOAPIC, MSI and ICR to the vcpus of one guest. */
#include <hv/irq.h>

#include "models.h"

#define DEST_ALL 0xffffffffu
#define DEST_ALL_8BIT 0xffu

/* One of the matches, a different one each time. Which is "lowest" is the implementation's choice: SDM 3A "Lowest
 * Priority Delivery Mode". Vcpus whose APIC is software disabled cannot take a vector. */
static bool send_lowest(struct guest *g, const struct irq_message *m, u32 dest)
{
	u32 first = load_relaxed(&g->pc->lowest_next);

	for (u32 n = 0; n < g->vcpu_count; n++) {
		u32 i = (first + n) % g->vcpu_count;

		if (!vlapic_matches(g, i, dest, m->logical) ||
		    !(load_relaxed(&g->vcpu[i].apic_enabled) & VLAPIC_PUB_SOFT))
			continue;
		store_relaxed(&g->pc->lowest_next, i + 1);
		vlapic_post(g, i, m);
		return true;
	}
	return false;
}

bool irq_message_send(struct guest *g, const struct irq_message *m)
{
	u32 dest = !m->logical && m->dest == DEST_ALL_8BIT ? DEST_ALL : m->dest;
	bool any = false;

	/* The usual one: ids are indexes, so nobody else can be meant. */
	if (LIKELY(!m->logical && dest < g->vcpu_count && m->delivery == DELIVER_FIXED)) {
		any = vlapic_matches(g, dest, dest, false);
		if (any)
			vlapic_post(g, dest, m);
		return any;
	}
	if (m->delivery == DELIVER_LOWEST)
		return send_lowest(g, m, dest);
	for (u32 i = 0; i < g->vcpu_count; i++)
		if (vlapic_matches(g, i, dest, m->logical)) {
			vlapic_post(g, i, m);
			any = true;
		}
	return any;
}
