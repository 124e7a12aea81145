/* SPDX-License-Identifier: Apache-2.0 */
/* The plan in force, and a second one beside it in which each change is tried: only when it holds and all that it needs is
 * built do they change places. The plan that the machine was started with stays where it is, as networks point into it. */
#include <hv/change.h>

#include <hv/core.h>
#include <hv/host.h>
#include <hv/host_net.h>
#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/net_build.h>
#include <hv/pool.h>

#include "build.h"

static struct plan *plan_room[2];
static struct resolved_plan *resolved_room;	/* not in force */

static u64 pages_of(u64 bytes)
{
	return ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE;
}

int change_init(void)
{
	for (u32 i = 0; i < ARRAY_COUNT(plan_room); i++)
		plan_room[i] = pool_alloc(pages_of(sizeof(struct plan)), POOL_OTHER);
	resolved_room = pool_alloc(pages_of(sizeof(struct resolved_plan)), POOL_OTHER);
	return plan_room[0] && plan_room[1] && resolved_room ? 0 : -E_NOMEM;
}

/* Room for a plan: of what is not in force. */
static struct plan *plan_trial(void)
{
	struct plan *p = plan_room[machine_plan == plan_room[0]];

	*p = *machine_plan;
	return p;
}

/* Seal open. */
static void swap_plans(const struct plan *plan)
{
	struct resolved_plan *was = (struct resolved_plan *)machine_resolved;

	machine_plan = plan;
	machine_resolved = resolved_room;
	resolved_room = was;
}

static u32 position_of(const struct plan *p, const char *name)
{
	u32 i = 0;

	while (i < p->guest_count && strcmp(p->guest[i].name, name))
		i++;
	return i;
}

static void plan_remove(struct plan *p, u32 at)
{
	assert(at < p->guest_count);
	p->guest_count--;
	memmove(&p->guest[at], &p->guest[at + 1], (p->guest_count - at) * sizeof(p->guest[0]));
}

static u32 free_slot(void)
{
	u32 i = 0;

	while (i < guest_count && guests[i])
		i++;
	return i;
}

static void lack(struct plan_errors *errors, const struct plan_guest *wanted, const char *what)
{
	char key[64];

	fmt_print(key, sizeof(key), "guest.%s", wanted->name);
	plan_error_add(errors, "HV-NO-MEMORY", wanted->line[PLAN_KEY_SELF], key,
		       "room in the hypervisor's own memory (%lu KiB of it are left) for %s",
		       pool_pages(POOL_FREE) * PAGE_SIZE / KiB, what);
}

/* A guest that admission has placed, in the plan that is tried or in the one in force: all of it, or nothing. */
static struct guest *build_placed(u32 slot, const struct resolved_plan *rp, u32 at, struct plan_errors *errors)
{
	const struct resolved_guest *r = &rp->guest[at];
	const char *lacking;
	struct guest *g;

	pool_grow_beside(rp == resolved_room ? resolved_room : NULL);
	g = guest_build(slot, r, &lacking);
	if (g && net_add_guest(g, rp, r)) {
		guest_unhook(g);
		guest_release(g);
		g = NULL;
		lacking = "its ports: the switch is full";
	}
	if (g)
		host_net_add_guest(g);
	else
		lack(errors, r->plan, lacking);
	pool_grow_beside(NULL);
	return g;
}

static bool may_add(const struct plan_guest *wanted, struct plan_errors *errors)
{
	char key[64];

	fmt_print(key, sizeof(key), "guest.%s", wanted->name);
	if (!machine_plan || !machine_resolved)
		plan_error_add(errors, "PLAN-MISSING", 1, key, "a plan in force: this machine has none");
	else if (machine_plan->guest_count == PLAN_GUESTS_MAX)
		plan_error_add(errors, "PLAN-LIMIT", wanted->line[PLAN_KEY_SELF], key, "at most %d guests", PLAN_GUESTS_MAX);
	else if (position_of(machine_plan, wanted->name) < machine_plan->guest_count)
		plan_error_add(errors, "PLAN-DUPLICATE", wanted->line[PLAN_KEY_SELF], key,
			       "a name of its own: there is a guest of this name");
	else
		return true;
	return false;
}

struct guest *change_add(const struct plan_guest *wanted, struct plan_errors *errors)
{
	struct plan *p;
	struct guest *g;
	u32 at;

	if (!may_add(wanted, errors))
		return NULL;
	p = plan_trial();
	at = p->guest_count++;
	p->guest[at] = *wanted;
	if (plan_admit_beside(p, machine_facts, machine_resolved, NULL, resolved_room, errors))
		return NULL;
	g = build_placed(free_slot(), resolved_room, at, errors);
	if (!g)
		return NULL;
	host_open_seal();
	guests[g->index] = g;
	guest_count = MAX(guest_count, g->index + 1);
	swap_plans(p);
	host_close_seal();
	return g;
}

static struct plan *plan_without(const struct guest *g, struct plan_errors *errors)
{
	struct plan *p = plan_trial();

	plan_remove(p, position_of(p, g->name));
	return plan_admit_beside(p, machine_facts, machine_resolved, NULL, resolved_room, errors) ? NULL : p;
}

static struct plan *plan_with(const struct guest *g, const struct plan_guest *wanted, struct plan_errors *errors)
{
	struct plan *p = plan_trial();
	struct plan_guest *mine = &p->guest[position_of(p, g->name)];

	*mine = *wanted;
	str_copy(mine->name, sizeof(mine->name), g->name);
	return plan_admit_beside(p, machine_facts, machine_resolved, g->name, resolved_room, errors) ? NULL : p;
}

int change_may_drop(const struct guest *g, struct plan_errors *errors)
{
	return plan_without(g, errors) ? 0 : -E_INVAL;
}

int change_may_set(const struct guest *g, const struct plan_guest *wanted, struct plan_errors *errors)
{
	return plan_with(g, wanted, errors) ? 0 : -E_INVAL;
}

int change_may_apply(struct plan *p, struct plan_errors *errors)
{
	p->machine = machine_plan->machine;
	p->switch_count = machine_plan->switch_count;
	memcpy(p->sw, machine_plan->sw, sizeof(p->sw));
	return plan_admit(p, machine_facts, resolved_room, errors);
}

const struct resolved_plan *change_imagine(const struct plan *p, struct plan_errors *errors)
{
	return plan_admit(p, machine_facts, resolved_room, errors) ? NULL : resolved_room;
}

void change_drop_begin(struct guest *g)
{
	guest_unhook(g);
}

/* Seal open. */
static void leave_slot(u32 slot)
{
	guests[slot] = NULL;
	while (guest_count && !guests[guest_count - 1])
		guest_count--;
}

static void drop(struct guest *g, const struct plan *without)
{
	host_open_seal();
	leave_slot(g->index);
	swap_plans(without);
	host_close_seal();
	guest_release(g);
}

void change_drop_end(struct guest *g)
{
	static struct plan_errors errors;	/* too large for a stack */
	struct plan *p = plan_without(g, &errors);

	assert(p);	/* change_may_drop() has said so, and no other change takes that back */
	drop(g, p);
}

/* Its name lives in g, which goes first. p: null: as it was. */
static struct guest *rebuild(struct guest *g, const struct plan *p, u32 at, struct plan_errors *errors)
{
	u32 slot = g->index;
	struct guest *made;

	guest_release(g);
	made = p ? build_placed(slot, resolved_room, at, errors) : NULL;
	if (made) {
		host_open_seal();
		guests[slot] = made;
		swap_plans(p);
		host_close_seal();
		return made;
	}
	made = build_placed(slot, machine_resolved, at, errors);	/* as it was */
	host_open_seal();
	guests[slot] = made;
	host_close_seal();
	return made;
}

struct guest *change_set_end(struct guest *g, const struct plan_guest *wanted, struct plan_errors *errors)
{
	u32 slot = g->index, at = position_of(machine_plan, g->name);
	struct plan *p = plan_with(g, wanted, errors);
	struct guest *made;

	/* RAM that it was to have may have gone to the pool, or to a file, since change_may_set(): then it comes back as it was. */
	made = rebuild(g, p, at, errors);
	if (made)
		return made;
	/* Pages of other sizes were taken meanwhile, and neither fits any more: the plan goes on without it. */
	p = plan_trial();
	plan_remove(p, at);
	host_open_seal();
	leave_slot(slot);
	if (!plan_admit_beside(p, machine_facts, machine_resolved, NULL, resolved_room, errors))
		swap_plans(p);
	host_close_seal();
	return NULL;
}
