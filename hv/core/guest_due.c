/* SPDX-License-Identifier: Apache-2.0 */
/* Time of the models of guests whose vcpu 0 has given its core's timer away: the control core keeps it. */
#include <hv/guest.h>

#include <hv/core.h>
#include <hv/machine.h>

u64 guest_due = ~0ul;

/* true: it was later. */
static bool due_lower(u64 due)
{
	u64 old = load_relaxed(&guest_due);

	while (due < old)
		if (__atomic_compare_exchange_n(&guest_due, &old, due, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return true;
	return false;
}

void guest_due_tell(u64 due)
{
	if (due_lower(due))
		core_ring_doorbell(control_core);
}

/* The word first: who lowers it later has stored its deadline before, or is called again. One that has been called tells its
 * next deadline itself. */
u64 guest_due_call(u64 now)
{
	exchange(&guest_due, ~0ul);
	for (struct guest *g = guest_next(NULL); g; g = guest_next(g)) {
		u64 due = load_relaxed(&g->device_deadline);

		if (!(load_acquire(&g->vcpu[0].apic_enabled) & VLAPIC_PUB_OWNED) || !load_acquire(&g->vcpu[0].running))
			continue;
		if (due <= now)
			vcpu_request(g, 0, REQ_DEADLINE);
		else
			due_lower(due);
	}
	return load_relaxed(&guest_due);
}
