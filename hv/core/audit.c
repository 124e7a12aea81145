/* SPDX-License-Identifier: Apache-2.0 */
/* Is everything still as admitted? Each page of the machine has one owner, and is mapped where that owner is. */
#include "build.h"

#include <hv/core.h>
#include <hv/host.h>
#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/pool.h>

typedef void line_fn(const char *text);

static int bad(line_fn *line, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int bad(line_fn *line, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	line(text);
	return -E_INVAL;
}

static int audit_plan(line_fn *line)
{
	char why[160];

	if (!machine_resolved) {
		line("no plan is in force");
		return 0;
	}
	if (resolved_plan_verify(machine_plan, machine_facts, machine_resolved, why, sizeof(why)))
		return bad(line, "audit: %s", why);
	return 0;
}

static const struct resolved_guest *resolved_of(const struct guest *g)
{
	for (u32 i = 0; i < machine_resolved->guest_count; i++)
		if (!strcmp(machine_resolved->guest[i].plan->name, g->name))
			return &machine_resolved->guest[i];
	return NULL;
}

/* What the guest was built of is what it is entered with. */
static bool is_as_resolved(const struct guest *g, const struct resolved_guest *r)
{
	if (g->vcpu_count != r->core_count || g->range_count != r->range_count ||
	    memcmp(g->core_of, r->core, r->core_count * sizeof(r->core[0])))
		return false;
	for (u32 i = 0; i < r->range_count; i++)
		if (g->range[i].gpa != r->range[i].gpa || g->range[i].hpa.v != r->range[i].hpa.v ||
		    g->range[i].size != r->range[i].size)
			return false;
	for (u32 i = 0; i < DEVICE_RAM_KINDS; i++)
		if (g->device_ram[i].size != r->device[i].size ||
		    (r->device[i].size && g->device_ram[i].hpa.v != r->device[i].base.v))
			return false;
	return true;
}

static int audit_guest(line_fn *line, const struct guest *g)
{
	const struct resolved_guest *r = resolved_of(g);
	u64 foreign = host_count_foreign(g);
	int err = 0;

	if (!r || !is_as_resolved(g, r))
		err = bad(line, "audit: guest %s: its cores and RAM are not those that the plan has for it", g->name);
	for (u32 i = 0; i < g->range_count; i++) {
		u64 gpa = host_guest_other(g, i);

		if (gpa != ~0ul)
			err = bad(line, "audit: guest %s: its nested tables do not lead from %#lx to its own RAM", g->name, gpa);
	}
	if (foreign)
		err = bad(line, "audit: guest %s: %lu pages of its devices lead elsewhere", g->name, foreign);
	return err;
}

/* Cores of nobody see no guest's RAM; the boot core keeps the files that it was started with. */
static int audit_cores(line_fn *line)
{
	int err = 0;

	for (u32 i = 0; i < core_count; i++)
		if (i != control_core && !core_table[i].guest && host_sees_guests(i))
			err = bad(line, "audit: core %u is free, and sees RAM of a guest", i);
	return err;
}

/* Of a guest that is gone nothing is left in the pool. */
static int audit_pool(line_fn *line)
{
	u64 sum = 0;
	int err = 0;

	for (u32 i = 0; i < PLAN_GUESTS_MAX; i++) {
		u64 pages = pool_arena_pages(i + 1);

		if (pages && (i >= guest_count || !guests[i]))
			err = bad(line, "audit: %lu pages of the pool are those of a guest %u that is not there", pages, i + 1);
	}
	for (u32 i = 0; i < POOL_OWNERS; i++)
		sum += pool_pages((enum pool_owner)i);
	if (sum != pool_total())
		err = bad(line, "audit: the pool has %lu pages, its books say %lu", pool_total(), sum);
	for (u32 i = 0; machine_facts && i < machine_facts->ram_count; i++)
		if (pool_overlaps(machine_facts->ram[i].base, machine_facts->ram[i].size))
			err = bad(line, "audit: RAM for guests at %#lx is the pool's, too", machine_facts->ram[i].base.v);
	return err;
}

int frames_audit(line_fn *line)
{
	u64 wx = host_count_wx();
	int err = audit_plan(line);

	for (struct guest *g = guest_next(NULL); g; g = guest_next(g))
		err = audit_guest(line, g) ? -E_INVAL : err;
	err = audit_cores(line) ? -E_INVAL : err;
	err = audit_pool(line) ? -E_INVAL : err;
	if (wx)
		err = bad(line, "audit: %lu pages of the hypervisor are writable and executable", wx);
	return err;
}
