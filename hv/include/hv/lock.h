/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Spin locks: only ever shared by cores of one guest (its device lock) or used at boot. Any core, interrupts off. They
 * are in nearly every exit, so the free way stands here. */

#include <hv/atomic.h>
#include <hv/core.h>
#include <hv/lib.h>

/* Somebody holds l: wait until the core whose index is me - 1 has it. hv/core/sync.c */
void spin_wait(struct spinlock *l, u32 me);

/* Taking a lock twice on one core is an assertion. */
static inline void spin_lock(struct spinlock *l)
{
	u32 me = this_core()->index + 1, free = 0;

	if (!__atomic_compare_exchange_n(&l->held, &free, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		spin_wait(l, me);
}

/* As is giving back what another core holds. */
static inline void spin_unlock(struct spinlock *l)
{
	assert(load_relaxed(&l->held) == this_core()->index + 1);
	store_release(&l->held, 0u);	/* pairs with the exchange in spin_lock */
}
