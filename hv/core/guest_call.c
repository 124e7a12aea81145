/* SPDX-License-Identifier: Apache-2.0 */
/* What the control core wants done on a guest's core, and who works in a guest's RAM from outside. */
#include <hv/control_work.h>

#include <hv/guest.h>
#include <hv/lock.h>

_Static_assert(GUEST_CALLS_MAX == 64, "a bit each in vcpu_public.calls");

int guest_call_add(struct guest *g, void (*fn)(struct guest *g, void *arg), void *arg)
{
	if (g->call_count == GUEST_CALLS_MAX)
		return -E_NOMEM;
	g->call[g->call_count] = (struct guest_call){ fn, arg };
	return (int)g->call_count++;
}

/* The bit first, the request after it: who takes the request finds the bit, or took the bit already. */
void guest_call(struct guest *g, u32 vcpu, u32 id)
{
	assert(id < g->call_count && vcpu < g->vcpu_count);
	if (!(fetch_or(&g->vcpu[vcpu].calls, BIT(id)) >> id & 1))
		vcpu_request(g, vcpu, REQ_CALLS);
}

void guest_take_calls(struct guest *g, u64 *asked)
{
	u64 calls = exchange(asked, 0ul);

	spin_lock(&g->device_lock);
	for (; calls; calls &= calls - 1) {
		const struct guest_call *c = &g->call[__builtin_ctzl(calls)];

		c->fn(g, c->arg);
	}
	spin_unlock(&g->device_lock);
}

int guest_lender_add(struct guest *g, bool (*let_go)(struct guest *g, void *arg), void *arg)
{
	if (g->lender_count == GUEST_LENDERS_MAX)
		return -E_NOMEM;
	g->lender[g->lender_count++] = (struct guest_lender){ let_go, arg };
	return 0;
}

bool guest_let_go(struct guest *g)
{
	bool all = true;

	for (u32 i = 0; i < g->lender_count; i++)
		all &= g->lender[i].let_go(g, g->lender[i].arg);
	return all;
}
