/* SPDX-License-Identifier: Apache-2.0 */
/* The resolved plan: is it sound, and what does it look like? */

#include <hv/lib.h>

#include "admission.h"

/* Soundness. Written without regard to how admission works: it only looks at the result. */

struct verify {
	const struct plan *plan;
	const struct machine_facts *facts;
	const struct resolved_plan *rp;
	char *why;
	size_t why_size;
};

static int broken(const struct verify *v, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int broken(const struct verify *v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(v->why, v->why_size, fmt, ap);
	va_end(ap);
	return -E_INVAL;
}

static bool core_works(const struct machine_facts *facts, u32 index)
{
	return index < PLAN_CORES_MAX && index < facts->core_count && facts->core_usable[index];
}

/* How many times the resolved plan gives core away, the control core counted. */
static u32 times_given(const struct resolved_plan *rp, u32 core)
{
	u32 n = core == rp->control;

	for (u32 g = 0; g < rp->guest_count; g++)
		for (u32 i = 0; i < rp->guest[g].core_count; i++)
			n += rp->guest[g].core[i] == core;
	return n;
}

static int verify_guest_cores(const struct verify *v, u32 guest)
{
	const struct resolved_guest *rg = &v->rp->guest[guest];
	const struct plan_cores *cores = &v->plan->guest[guest].cores;

	for (u32 i = 0; i < rg->core_count; i++) {
		u32 core = rg->core[i];

		if (!core_works(v->facts, core))
			return broken(v, "guest %s has core %u, which is not usable", rg->plan->name, core);
		if (v->rp->core_owner[core] != guest)
			return broken(v, "core %u is entered for another owner than guest %s", core, rg->plan->name);
		if (cores->is_list && cores->index[i] != core)
			return broken(v, "guest %s has core %u, not %u", rg->plan->name, core, cores->index[i]);
	}
	return 0;
}

static int verify_core_owners(const struct verify *v)
{
	if (!core_works(v->facts, v->rp->control) || v->rp->core_owner[v->rp->control] != OWNER_CONTROL)
		return broken(v, "the control core %u is not usable", v->rp->control);
	for (u32 i = 0; i < PLAN_CORES_MAX; i++) {
		u8 owner = v->rp->core_owner[i];

		if (core_works(v->facts, i) ? owner == OWNER_ABSENT : owner != OWNER_ABSENT)
			return broken(v, "core %u is entered as %u", i, owner);
		if (times_given(v->rp, i) > 1)
			return broken(v, "core %u has more than one owner", i);
		if ((owner < PLAN_GUESTS_MAX || owner == OWNER_CONTROL) && times_given(v->rp, i) == 0)
			return broken(v, "core %u is entered for an owner who does not have it", i);
	}
	return 0;
}

static bool inside_ram(const struct machine_facts *facts, u64 base, u64 size)
{
	/* Ranges of facts that touch count as one. */
	while (size) {
		u64 step = 0;

		for (u32 i = 0; i < facts->ram_count && !step; i++) {
			u64 start = facts->ram[i].base.v;

			if (base >= start && base - start < facts->ram[i].size)
				step = MIN(size, facts->ram[i].size - (base - start));
		}
		if (!step)
			return false;
		base += step;
		size -= step;
	}
	return true;
}

static bool overlap(u64 a, u64 a_size, u64 b, u64 b_size)
{
	return a < b + b_size && b < a + a_size;
}

/* How many pieces, of guests or free, have RAM in [base, base + size). */
static u32 times_owned(const struct resolved_plan *rp, u64 base, u64 size)
{
	u32 n = 0;

	for (u32 g = 0; g < rp->guest_count; g++) {
		for (u32 i = 0; i < rp->guest[g].range_count; i++)
			n += overlap(base, size, rp->guest[g].range[i].hpa.v, rp->guest[g].range[i].size);
		for (u32 i = 0; i < DEVICE_RAM_KINDS; i++)
			n += overlap(base, size, rp->guest[g].device[i].base.v, rp->guest[g].device[i].size);
	}
	for (u32 i = 0; i < rp->free_count; i++)
		n += overlap(base, size, rp->free[i].base.v, rp->free[i].size);
	return n;
}

static int verify_guest_memory(const struct verify *v, u32 guest)
{
	const struct resolved_guest *rg = &v->rp->guest[guest];
	u64 gpa = 0, memory = rg->plan->memory, total = 0, low_max = plan_low_max(rg->plan);

	for (u32 i = 0; i < rg->range_count; i++) {
		const struct ram_range *r = &rg->range[i];

		if (!r->size || !IS_ALIGNED(r->size | r->hpa.v | r->gpa, BLOCK_SIZE) || r->hpa.v + r->size < r->hpa.v)
			return broken(v, "RAM of guest %s is not in whole blocks", rg->plan->name);
		if (r->gpa != gpa || (gpa < PLAN_HIGH_BASE && r->size > low_max - gpa))
			return broken(v, "RAM of guest %s is not where it should be", rg->plan->name);
		if (!inside_ram(v->facts, r->hpa.v, r->size))
			return broken(v, "guest %s has RAM at 0x%lx that is not there", rg->plan->name, r->hpa.v);
		if (times_owned(v->rp, r->hpa.v, r->size) != 1)
			return broken(v, "RAM at 0x%lx has more than one owner", r->hpa.v);
		total += r->size;
		gpa += r->size;
		if (gpa == low_max)
			gpa = PLAN_HIGH_BASE;
	}
	if (total != memory)
		return broken(v, "guest %s has 0x%lx bytes of RAM", rg->plan->name, total);
	return 0;
}

static int verify_device_memory(const struct verify *v, u32 guest)
{
	const struct resolved_guest *rg = &v->rp->guest[guest];

	for (u32 i = 0; i < DEVICE_RAM_KINDS; i++) {
		u64 base = rg->device[i].base.v, size = rg->device[i].size;

		if (size != admission_device_ram(rg, (enum device_ram_kind)i))
			return broken(v, "guest %s has 0x%lx bytes of RAM for devices", rg->plan->name, size);
		if (!size)
			continue;
		if (!IS_ALIGNED(base | size, BLOCK_SIZE) || !inside_ram(v->facts, base, size))
			return broken(v, "guest %s has RAM for devices at 0x%lx that is not there", rg->plan->name, base);
		if (times_owned(v->rp, base, size) != 1)
			return broken(v, "RAM at 0x%lx has more than one owner", base);
	}
	return 0;
}

/* How many network devices and cards have this address. */
static u32 times_mac(const struct verify *v, const u8 mac[6])
{
	u32 n = 0;

	for (u32 g = 0; g < v->rp->guest_count; g++)
		for (u32 i = 0; i < v->plan->guest[g].net_count; i++)
			n += memcmp(v->rp->guest[g].net[i].mac, mac, 6) == 0;
	for (u32 i = 0; i < v->facts->card_count; i++)
		n += memcmp(v->facts->card[i].mac, mac, 6) == 0;
	return n;
}

static int verify_guest_nets(const struct verify *v, u32 guest)
{
	const struct resolved_guest *rg = &v->rp->guest[guest];

	for (u32 i = 0; i < rg->plan->net_count; i++) {
		const struct resolved_net *n = &rg->net[i];

		if (n->sw >= v->rp->switch_count || strcmp(resolved_switch_name(&v->rp->sw[n->sw]), rg->plan->net[i].sw) != 0)
			return broken(v, "guest %s is on another switch than its plan says", rg->plan->name);
		if ((n->mac[0] & 1) || times_mac(v, n->mac) != 1)
			return broken(v, "guest %s has a network address that is not its own", rg->plan->name);
	}
	return 0;
}

/* Each card is the uplink of one switch at most, and is there. */
static int verify_switches(const struct verify *v)
{
	const struct resolved_plan *rp = v->rp;

	if (rp->switch_count < v->plan->switch_count || rp->switch_count > v->plan->switch_count + 1)
		return broken(v, "%u switches, %u in the plan", rp->switch_count, v->plan->switch_count);
	for (u32 i = 0; i < rp->switch_count; i++) {
		u32 card = rp->sw[i].card;

		if (card == NO_CARD || (card == ANY_CARD && v->facts->any_card))
			continue;
		if (card >= v->facts->card_count)
			return broken(v, "switch %s has a card that is not there", resolved_switch_name(&rp->sw[i]));
		for (u32 k = 0; k < i; k++)
			if (rp->sw[k].card == card)
				return broken(v, "two switches have the card %s", v->facts->card[card].name);
	}
	return 0;
}

/* Before anything is walked. */
static int verify_counts(const struct verify *v)
{
	const struct resolved_plan *rp = v->rp;

	if (rp->guest_count != v->plan->guest_count || rp->guest_count > PLAN_GUESTS_MAX)
		return broken(v, "%u guests, %u in the plan", rp->guest_count, v->plan->guest_count);
	if (rp->free_count > RESOLVED_FREE_MAX)
		return broken(v, "%u pieces of free RAM", rp->free_count);
	for (u32 i = 0; i < rp->guest_count; i++) {
		const struct resolved_guest *rg = &rp->guest[i];

		if (rg->plan != &v->plan->guest[i])
			return broken(v, "guest %u is not the plan's", i);
		if (rg->core_count != rg->plan->cores.count || !rg->core_count || rg->core_count > PLAN_VCPUS_MAX)
			return broken(v, "guest %s has %u cores", rg->plan->name, rg->core_count);
		if (rg->range_count > PLAN_RANGES_MAX)
			return broken(v, "guest %s has %u pieces of RAM", rg->plan->name, rg->range_count);
	}
	return 0;
}

int resolved_plan_verify(const struct plan *plan, const struct machine_facts *facts,
			 const struct resolved_plan *resolved, char *why, size_t why_size)
{
	struct verify v = { plan, facts, resolved, why, why_size };
	int err = verify_counts(&v);

	if (!err)
		err = verify_core_owners(&v);
	if (!err)
		err = verify_switches(&v);
	for (u32 i = 0; i < plan->guest_count && !err; i++) {
		err = verify_guest_cores(&v, i);
		if (!err)
			err = verify_guest_memory(&v, i);
		if (!err)
			err = verify_device_memory(&v, i);
		if (!err)
			err = verify_guest_nets(&v, i);
	}
	for (u32 i = 0; i < resolved->free_count && !err; i++) {
		const struct facts_ram *f = &resolved->free[i];

		if (!f->size || !inside_ram(facts, f->base.v, f->size) ||
		    times_owned(resolved, f->base.v, f->size) != 1)
			err = broken(&v, "free RAM at 0x%lx is not free", f->base.v);
	}
	return err;
}
