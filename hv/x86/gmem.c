/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory from its own cores: bounds in one place, instruction fetch. */

#include <hv/gmem.h>

#include "walk.h"

#define HIGH_BASE (4 * GiB)
#define ERROR_NONE 0

/* RAM is [0, ram_low) and [4 GiB, 4 GiB + ram_high); no sum here can wrap. */
void *gmem_ptr(const struct guest *g, gpa_t gpa, u64 len)
{
	u64 at = gpa.v;

	if (at < g->ram_low)
		return len <= g->ram_low - at ? g->ram + at : NULL;
	if (at >= HIGH_BASE && at - HIGH_BASE < g->ram_high)
		return len <= g->ram_high - (at - HIGH_BASE) ? g->ram + at : NULL;
	return NULL;
}

const void *gmem_read_ptr(const struct guest *g, gpa_t gpa, u64 len)
{
	const void *p = gmem_ptr(g, gpa, len);

	return LIKELY(p != NULL) ? p : bus_memory(&g->bus, gpa.v, len);
}

bool gmem_read(const struct guest *g, gpa_t gpa, void *to, u64 len)
{
	const void *from;

	if (!len)
		return true;
	from = gmem_read_ptr(g, gpa, len);
	if (!from)
		return false;
	memcpy(to, from, len);
	return true;
}

bool gmem_write(const struct guest *g, gpa_t gpa, const void *from, u64 len)
{
	void *to;

	if (!len)
		return true;
	to = gmem_ptr(g, gpa, len);
	if (!to)
		return false;
	memcpy(to, from, len);
	return true;
}

bool gmem_zero(const struct guest *g, gpa_t gpa, u64 len)
{
	void *to;

	if (!len)
		return true;
	to = gmem_ptr(g, gpa, len);
	if (!to)
		return false;
	memset(to, 0, len);
	return true;
}

static void fault_set(struct event *fault, enum vector vector, bool has_code)
{
	*fault = (struct event){ .type = EVENT_EXCEPTION, .vector = (u8)vector, .has_code = has_code, .code = ERROR_NONE };
}

/* Bytes at CS:rip that the segment limit allows, at most max. SDM 3A "Limit Checking". */
static u32 fetch_limit(const struct cpu_state *s, u64 rip, u32 max)
{
	u32 limit = s->seg[SEG_CS].limit;

	if (state_is_64bit(s))
		return max;
	if (rip > limit)
		return 0;
	return limit - rip >= max ? max : (u32)(limit - rip + 1);
}

/* Copy the part of an instruction that lies in one page. Memory that is not RAM reads as ones, which is no
 * instruction: #UD. */
static u32 fetch_page(const struct guest *g, const struct cpu_state *s, u64 linear, u8 *to, u32 max, struct event *fault)
{
	u32 access = GMEM_EXEC | (state_cpl(s) == 3 ? GMEM_USER : 0);
	u32 n = MIN(max, (u32)(PAGE_SIZE - linear % PAGE_SIZE));
	gpa_t gpa;

	if (!gmem_walk(g, s, linear, access, &gpa, fault))
		return 0;
	if (gmem_read(g, gpa, to, n))
		return n;
	fault_set(fault, VEC_UD, false);
	return 0;
}

u32 gmem_fetch(const struct guest *g, const struct cpu_state *s, u64 rip, u8 *to, u32 max, struct event *fault)
{
	bool wide = state_is_64bit(s);
	u64 linear = wide ? rip : (u32)(s->seg[SEG_CS].base + rip);
	u32 want = fetch_limit(s, rip, max);
	u32 got;

	if (!want) {
		fault_set(fault, VEC_GP, true);
		return 0;
	}
	got = fetch_page(g, s, linear, to, want, fault);
	if (got && got < want) {
		u64 next = linear + got;
		struct event second;

		got += fetch_page(g, s, wide ? next : (u32)next, to + got, want - got, &second);
	}
	return got;
}
