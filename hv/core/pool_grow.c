/* SPDX-License-Identifier: Apache-2.0 */
/* Where the pool's memory ends and the guests' begins: when all is built what the pool does not need becomes RAM for guests,
 * and when it needs more it takes blocks that no guest has. */
#include "build.h"

#include <hv/host.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/pool.h>

#define KEEP_PAGES (256 * KiB / PAGE_SIZE)

static struct resolved_plan *trial;	/* a change is being built of it; null: none is */

static struct machine_facts *facts(void)
{
	return (struct machine_facts *)machine_facts;
}

static void free_again(void)
{
	plan_free_again(machine_facts, (struct resolved_plan *)machine_resolved);
	if (trial)
		plan_free_again(machine_facts, trial);
}

/* --- the facts' list of RAM: sorted, disjoint ----------------------------------------------------------------------- */

static bool insert(struct machine_facts *f, u32 at, u64 base, u64 size)
{
	if (f->ram_count == FACTS_RAM_MAX)
		return false;
	memmove(&f->ram[at + 1], &f->ram[at], (f->ram_count - at) * sizeof(f->ram[0]));
	f->ram[at] = (struct facts_ram){ HPA(base), size };
	f->ram_count++;
	return true;
}

/* What touches a neighbour becomes part of it. */
static bool ram_add(struct machine_facts *f, u64 base, u64 size)
{
	u32 at = 0;

	while (at < f->ram_count && f->ram[at].base.v < base)
		at++;
	if (at && f->ram[at - 1].base.v + f->ram[at - 1].size == base) {
		f->ram[at - 1].size += size;
		return true;
	}
	if (at < f->ram_count && base + size == f->ram[at].base.v) {
		f->ram[at].base.v = base;
		f->ram[at].size += size;
		return true;
	}
	return insert(f, at, base, size);
}

/* What lies in front may be nothing: an empty range is none to anybody. Returns how much of size was in the range at base. */
static u64 cut_once(struct machine_facts *f, u64 base, u64 size)
{
	u32 at = 0;
	u64 end;

	while (at < f->ram_count && base - f->ram[at].base.v >= f->ram[at].size)
		at++;
	assert(at < f->ram_count);	/* it was free, so it is RAM */
	end = f->ram[at].base.v + f->ram[at].size;
	size = MIN(size, end - base);
	f->ram[at].size = base - f->ram[at].base.v;
	if (end != base + size)
		insert(f, at + 1, base + size, end - base - size);
	return size;
}

static bool ram_cut(struct machine_facts *f, u64 base, u64 size)
{
	if (f->ram_count == FACTS_RAM_MAX)
		return false;
	while (size) {
		u64 part = cut_once(f, base, size);

		base += part;
		size -= part;
	}
	return true;
}

/* --- more ----------------------------------------------------------------------------------------------------------- */

static bool is_free(const struct resolved_plan *rp, u64 base, u64 size)
{
	for (u32 i = 0; i < rp->free_count; i++) {
		u64 into = base - rp->free[i].base.v;

		if (into < rp->free[i].size && size <= rp->free[i].size - into)
			return true;
	}
	return false;
}

/* The end of a free piece that nobody else counts on: the highest that will do. 0: there is none. */
static u64 find_block(const struct resolved_plan *rp, u64 size, bool low)
{
	for (u32 i = rp->free_count; i-- > 0;) {
		u64 base = rp->free[i].base.v, end = base + rp->free[i].size;

		end = low ? MIN(end, 4 * GiB) : end;
		if (end < base + size || !is_free(machine_resolved, end - size, size))
			continue;
		if (!trial || is_free(trial, end - size, size))
			return end - size;
	}
	return 0;
}

static bool grow(u64 count, bool low)
{
	u64 size = ALIGN_UP(count * PAGE_SIZE, BLOCK_SIZE), at = 0;

	if (size / PAGE_SIZE > pool_room())
		return false;
	at = find_block(machine_resolved, size, low);
	at = at || !trial ? at : find_block(trial, size, low);
	if (!at || host_add_pool(HPA(at), size))
		return false;
	if (!ram_cut(facts(), at, size)) {
		host_cut_pool(size);
		return false;
	}
	pool_add(HPA(at), size / PAGE_SIZE);
	free_again();
	log_debug("pool: %lu KiB more, at %#lx", size / KiB, at);
	return true;
}

void pool_grow_init(void)
{
	trial = NULL;
	pool_on_empty(grow);
}

void pool_grow_beside(struct resolved_plan *rp)
{
	trial = rp;
}

/* --- less ----------------------------------------------------------------------------------------------------------- */

void pool_give_back(void)
{
	hpa_t base;
	u64 size;

	if (!machine_resolved || machine_facts->ram_count == FACTS_RAM_MAX)
		return;
	size = pool_trim(KEEP_PAGES, &base) * PAGE_SIZE;
	if (!size || host_cut_pool(size) || !ram_add(facts(), base.v, size))
		return;
	free_again();
	log_debug("pool: %lu KiB that are not needed are free for guests", size / KiB);
}

/* --- files ---------------------------------------------------------------------------------------------------------- */

u64 ram_take(u64 size)
{
	u64 at = machine_resolved && !trial ? find_block(machine_resolved, size, false) : 0;

	if (!at || !ram_cut(facts(), at, size))
		return 0;
	free_again();
	return at;
}

void ram_give(u64 base, u64 size)
{
	if (!ram_add(facts(), base, size))
		log_error("files: %lu KiB at %#lx are nobody's until the machine's next start", size / KiB, base);
	free_again();
}
