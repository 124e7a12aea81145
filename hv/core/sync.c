/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/lock.h>

#include <hv/time.h>

void spin_wait(struct spinlock *l, u32 me)
{
	u32 free = 0;

	while (!__atomic_compare_exchange_n(&l->held, &free, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		assert(free != me);
		while (load_relaxed(&l->held))
			cpu_relax();
		free = 0;
	}
}

u64 mul_div(u64 ticks, u64 num, u64 den)
{
	u64 lo, hi, q, r;

	__asm__("mulq %3" : "=a"(lo), "=d"(hi) : "a"(ticks), "r"(num) : "cc");
	if (hi >= den)
		return ~0ul;	/* DIV would fault */
	__asm__("divq %4" : "=a"(q), "=d"(r) : "a"(lo), "d"(hi), "r"(den) : "cc");
	return q;
}
