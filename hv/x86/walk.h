/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The guest's page-table walk with a record of the entries that it used, so that a cached translation can be checked
 * against memory later. Own core only. */

#include <hv/gmem.h>

#define WALK_STEPS_MAX 5

struct walk_step {
	const void *entry;	/* in guest RAM; null: outside of it, value read as all ones */
	u64 value;
};

struct walk_trace {
	u32 count;
	bool narrow;		/* entries of 4 bytes */
	struct walk_step step[WALK_STEPS_MAX];
};

/* What the guest's processor supports; entries that use more are reserved-bit faults. */
struct walk_limits {
	u32 phys_bits;		/* MAXPHYADDR, 36..52 */
	bool page_1g;
};

/* Set once at boot from the machine's CPUID; defaults: 52 bits, 1 GiB pages. */
void walk_limits_set(struct walk_limits limits);
struct walk_limits walk_limits_get(void);

/* gmem_walk() that fills *trace when it is not null. */
bool gmem_walk_traced(const struct guest *g, const struct cpu_state *s, u64 va, u32 access, gpa_t *gpa,
		      struct event *fault, struct walk_trace *trace);

/* The guest's PKRU, which is live in the processor. The processor has protection keys. hv/x86/live.S */
u32 pkru_read(void);

/* CPL of a state with STATE_MODE valid. */
static inline u32 state_cpl(const struct cpu_state *s)
{
	return s->seg[SEG_SS].attr >> 5 & 3;
}

/* Is the code segment a 64-bit one? */
static inline bool state_is_64bit(const struct cpu_state *s)
{
	return (s->efer & EFER_LMA) && (s->seg[SEG_CS].attr & SEG_ATTR_L);
}
