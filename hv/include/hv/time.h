/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One clock: the TSC, at the rate that boot measured. Ticks are TSC ticks of the machine. */

#include <hv/types.h>

struct timebase {
	u64 tsc_hz;
	u64 wall_seconds, wall_tsc;	/* UTC at one TSC reading; 0: the machine's clock could not be read */
	s64 *wall_offset;		/* ns to be added to it, as time servers say; null: none yet. See wall_offset() */
};
extern struct timebase timebase;	/* set once at boot, sealed */

static inline u64 tsc_now(void)
{
	u64 lo, hi;	/* RDTSC clears the upper halves */

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return hi << 32 | lo;
}

/* ticks * num / den without overflow of the product (64x64->128, den > 0); saturates at U64_MAX. Any core. */
u64 mul_div(u64 ticks, u64 num, u64 den);

#define NS_PER_S 1000000000ul
static inline u64 ticks_to_ns(u64 ticks) { return mul_div(ticks, NS_PER_S, timebase.tsc_hz); }
static inline u64 ns_to_ticks(u64 ns) { return mul_div(ns, timebase.tsc_hz, NS_PER_S); }

/* What time servers have added to the machine's clock, in ns. Any core; changes at any time. */
static inline s64 wall_offset(void)
{
	return timebase.wall_offset ? __atomic_load_n(timebase.wall_offset, __ATOMIC_RELAXED) : 0;
}

/* UTC in ns since 1970 at a TSC reading; 0: nobody knows. Any core. hv/core/wall.c */
u64 wall_ns(u64 tsc);

/* Move the clock by ns at once. Control core. */
void wall_step(s64 ns);

/* "2026-11-21T04:05:06.789Z"; "-" when nobody knows. Returns to. */
#define WALL_TEXT 32
char *wall_format(char to[WALL_TEXT], u64 ns);
