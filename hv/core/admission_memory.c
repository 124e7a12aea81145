/* SPDX-License-Identifier: Apache-2.0 */
/* Admission of RAM: which whole 2 MiB blocks each guest gets. Large guests choose first, and from addresses where
 * 1 GiB pages work (machine and guest address alike modulo 1 GiB); small ones fill the smallest hole that fits. */

#include <hv/lib.h>

#include "admission.h"

struct hole {
	u32 at;			/* in free[] */
	u64 base, size;		/* of the part that is aligned as asked */
};

u32 admission_free_ram(const struct machine_facts *facts, struct facts_ram *free)
{
	u32 count = 0;

	for (u32 i = 0; i < facts->ram_count && i < FACTS_RAM_MAX; i++) {
		const struct facts_ram *ram = &facts->ram[i];
		u64 base = ALIGN_UP(ram->base.v, BLOCK_SIZE), end = ALIGN_DOWN(ram->base.v + ram->size, BLOCK_SIZE);

		if (end <= base || ram->base.v + ram->size < ram->base.v)
			continue;
		if (count && free[count - 1].base.v + free[count - 1].size == base)
			free[count - 1].size += end - base;
		else
			free[count++] = (struct facts_ram){ HPA(base), end - base };
	}
	return count;
}

/* The part of free[at] that begins at a multiple of align and is whole units of unit. */
static struct hole hole_at(const struct resolved_plan *rp, u32 at, u64 align, u64 unit)
{
	const struct facts_ram *f = &rp->free[at];
	u64 base = ALIGN_UP(f->base.v, align), end = f->base.v + f->size;

	return (struct hole){ at, base, base < end ? ALIGN_DOWN(end - base, unit) : 0 };
}

/* The smallest hole that holds size. */
static bool find_fit(const struct resolved_plan *rp, u64 size, u64 align, struct hole *best)
{
	u64 best_size = UINT64_MAX;

	for (u32 i = 0; i < rp->free_count; i++) {
		struct hole h = hole_at(rp, i, align, BLOCK_SIZE);

		if (h.size < size || rp->free[i].size >= best_size)
			continue;
		best_size = rp->free[i].size;
		*best = h;
	}
	best->size = size;
	return best_size != UINT64_MAX;
}

/* The largest piece in whole units; the lowest of equals. */
static bool find_largest(const struct resolved_plan *rp, u64 unit, struct hole *best)
{
	best->size = 0;
	for (u32 i = 0; i < rp->free_count; i++) {
		struct hole h = hole_at(rp, i, unit, unit);

		if (h.size > best->size)
			*best = h;
	}
	return best->size != 0;
}

/* Take [h.base, h.base + h.size) out of its free range. */
static void take(struct resolved_plan *rp, const struct hole *h)
{
	struct facts_ram *f = &rp->free[h->at];
	u64 before = h->base - f->base.v, after = f->base.v + f->size - (h->base + h->size);
	u32 parts = (before ? 1u : 0u) + (after ? 1u : 0u);

	assert(rp->free_count + 1 <= RESOLVED_FREE_MAX);
	memmove(f + parts, f + 1, (rp->free_count - h->at - 1) * sizeof(*f));
	if (before)
		f->size = before;
	if (after)
		f[parts - 1] = (struct facts_ram){ HPA(h->base + h->size), after };
	rp->free_count = rp->free_count + parts - 1;
}

bool admission_take(struct resolved_plan *rp, u64 size, struct facts_ram *piece)
{
	struct hole h;

	if (!find_fit(rp, size, BLOCK_SIZE, &h))
		return false;
	take(rp, &h);
	*piece = (struct facts_ram){ HPA(h.base), size };
	return true;
}

/* Choose the next piece for size bytes at gpa. */
static bool choose(const struct resolved_plan *rp, u64 gpa, u64 size, bool big_pages, struct hole *h)
{
	bool big = big_pages && size >= GiB && IS_ALIGNED(gpa, GiB);

	if (big && find_fit(rp, size, GiB, h))
		return true;
	if (big && find_largest(rp, GiB, h)) {
		h->size = MIN(h->size, ALIGN_DOWN(size, GiB));
		return true;
	}
	return find_fit(rp, size, BLOCK_SIZE, h) || find_largest(rp, BLOCK_SIZE, h);
}

/* RAM for guest-physical [gpa, gpa + size). False: none left, or too many pieces. */
static bool place(struct resolved_plan *rp, struct resolved_guest *rg, u64 gpa, u64 size, bool big_pages)
{
	struct hole h;

	while (size) {
		if (rg->range_count == PLAN_RANGES_MAX || !choose(rp, gpa, size, big_pages, &h))
			return false;
		take(rp, &h);
		rg->range[rg->range_count++] = (struct ram_range){ gpa, HPA(h.base), h.size };
		gpa += h.size;
		size -= h.size;
	}
	return true;
}

static bool place_guest(struct resolved_plan *rp, struct resolved_guest *rg, bool big_pages)
{
	u64 low = MIN(rg->plan->memory, plan_low_max(rg->plan));

	rg->range_count = 0;
	return place(rp, rg, 0, low, big_pages) && place(rp, rg, PLAN_HIGH_BASE, rg->plan->memory - low, big_pages);
}

/* Take exactly this out of what is free. */
static void take_at(struct resolved_plan *rp, u64 base, u64 size)
{
	for (u32 i = 0; i < rp->free_count && size; i++) {
		const struct facts_ram *f = &rp->free[i];

		if (base < f->base.v || base - f->base.v >= f->size)
			continue;
		assert(size <= f->size - (base - f->base.v));
		take(rp, &(struct hole){ i, base, size });
		return;
	}
}

static void take_guest(struct resolved_plan *rp, const struct resolved_guest *rg)
{
	for (u32 i = 0; i < rg->range_count; i++)
		take_at(rp, rg->range[i].hpa.v, rg->range[i].size);
	for (u32 i = 0; i < DEVICE_RAM_KINDS; i++)
		take_at(rp, rg->device[i].base.v, rg->device[i].size);
}

/* What guest has already. false: nothing. */
static bool keep_guest(struct admission *a, u32 guest)
{
	const struct resolved_guest *kept = admission_kept(a, guest);
	struct resolved_guest *rg = &a->resolved->guest[guest];

	if (!kept)
		return false;
	rg->range_count = kept->range_count;
	memcpy(rg->range, kept->range, sizeof(rg->range));
	memcpy(rg->device, kept->device, sizeof(rg->device));
	take_guest(a->resolved, kept);
	return true;
}

void plan_free_again(const struct machine_facts *facts, struct resolved_plan *rp)
{
	rp->free_count = admission_free_ram(facts, rp->free);
	for (u32 i = 0; i < rp->guest_count; i++)
		take_guest(rp, &rp->guest[i]);
}

/* The guest with the most memory among those not in done; the first of equals. */
static u32 next_largest(const struct plan *plan, u32 done)
{
	u32 best = PLAN_GUESTS_MAX;

	for (u32 i = 0; i < plan->guest_count; i++)
		if (!(done & BIT32(i)) && (best == PLAN_GUESTS_MAX || plan->guest[i].memory > plan->guest[best].memory))
			best = i;
	return best;
}

/* Place all guests anew. Returns the guest that could not be placed, or PLAN_GUESTS_MAX. */
static u32 place_all(struct admission *a, bool big_pages)
{
	struct resolved_plan *rp = a->resolved;
	u32 done = 0;

	rp->free_count = admission_free_ram(a->facts, rp->free);
	for (u32 i = 0; i < a->plan->guest_count; i++)
		if (keep_guest(a, i))
			done |= BIT32(i);
	while (done != BIT32(a->plan->guest_count) - 1) {
		u32 guest = next_largest(a->plan, done);

		if (!place_guest(rp, &rp->guest[guest], big_pages))
			return guest;
		done |= BIT32(guest);
	}
	return PLAN_GUESTS_MAX;
}

static void list_wanted(const struct plan *plan, char *buf, size_t size)
{
	char memory[24];
	size_t used = 0;

	*buf = 0;
	for (u32 i = 0; i < plan->guest_count && used < size; i++)
		used += (size_t)fmt_print(buf + used, size - used, "%s%s %s", i ? ", " : "", plan->guest[i].name,
					  plan_format_memory(memory, sizeof(memory), plan->guest[i].memory));
}

static void report_memory(struct admission *a, u32 guest)
{
	const struct plan_guest *g = &a->plan->guest[guest];
	struct resolved_plan *rp = a->resolved;
	u64 wanted = 0, have = 0, largest = 0;
	char key[64], list[90], text[3][24];

	rp->free_count = admission_free_ram(a->facts, rp->free);
	for (u32 i = 0; i < rp->free_count; i++) {
		have += rp->free[i].size;
		largest = MAX(largest, rp->free[i].size);
	}
	for (u32 i = 0; i < a->plan->guest_count; i++)
		wanted += a->plan->guest[i].memory;
	list_wanted(a->plan, list, sizeof(list));
	plan_error_add(a->errors, "PLAN-MEMORY", g->line[PLAN_KEY_MEMORY], admission_key(key, sizeof(key), g, "memory"),
		       "the plan wants %s (%s); this machine has %s for guests, the largest piece %s%s",
		       plan_format_memory(text[0], sizeof(text[0]), wanted), list,
		       plan_format_memory(text[1], sizeof(text[1]), have),
		       plan_format_memory(text[2], sizeof(text[2]), largest),
		       wanted <= have ? ", too scattered" : "");
}

/* Big pages first; when that leaves too many pieces, as few pieces as can be. */
void admit_memory(struct admission *a)
{
	u32 failed = place_all(a, true);

	if (failed != PLAN_GUESTS_MAX)
		failed = place_all(a, false);
	if (failed != PLAN_GUESTS_MAX)
		report_memory(a, failed);
}
