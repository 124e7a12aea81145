/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/change.c hv/core/plan_errors.c hv/lib/string.c hv/lib/format.c */
/* A guest that is changed: it becomes as wanted, or comes back as it was, or is gone from every list; whatever it finds when its
 * cores have let go of it. The test is admission and memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../hv/core/build.h"

#include <hv/change.h>
#include <hv/core.h>
#include <hv/host.h>
#include <hv/host_net.h>
#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/net_build.h>
#include <hv/pool.h>

struct guest *guests[PLAN_GUESTS_MAX];
u32 guest_count;
const struct plan *machine_plan;
const struct resolved_plan *machine_resolved;
const struct machine_facts *machine_facts;

static struct plan boot_plan, room[2];
static struct resolved_plan boot_resolved, other_resolved;
static struct guest old_guest, neighbour, made[4];
static struct plan_guest wanted;
static struct plan_errors errors;
static u32 allocated, builds, released, refuse_builds;
static bool admits;
static bool open;
static const struct resolved_plan *beside;	/* what the pool must not grow into */

void *pool_alloc(u64 count, enum pool_owner owner)
{
	(void)count, (void)owner;
	allocated++;
	return allocated <= 2 ? (void *)&room[allocated - 1] : (void *)&other_resolved;
}

u64 pool_pages(enum pool_owner owner) { return owner == POOL_FREE; }
void pool_grow_beside(struct resolved_plan *rp) { beside = rp; }
int net_add_guest(struct guest *g, const struct resolved_plan *rp, const struct resolved_guest *rg) { return !g || !rp || !rg; }
void host_net_add_guest(struct guest *g) { (void)g; }
void guest_unhook(struct guest *g) { (void)g; }
void host_open_seal(void) { open = true; }
void host_close_seal(void) { open = false; }

void guest_release(struct guest *g)
{
	released++;
	memset(g, 0xa5, sizeof(*g));	/* whoever uses it from here on */
}

struct guest *guest_build(u32 slot, const struct resolved_guest *r, const char **lacking)
{
	struct guest *g = &made[builds];

	*lacking = "pages";
	assert_true(!beside || (r >= beside->guest && r < beside->guest + beside->guest_count));
	if (refuse_builds >> builds++ & 1)
		return NULL;
	*g = (struct guest){ .index = slot, .plan = r->plan, .name = r->plan->name };
	return g;
}

static int admit(const struct plan *plan, struct resolved_plan *to)
{
	memset(to, 0, sizeof(*to));
	if (!admits) {
		plan_error_add(&errors, "PLAN-MEMORY", 1, "guest.b.memory", "less");
		return -E_INVAL;
	}
	to->guest_count = plan->guest_count;
	for (u32 i = 0; i < plan->guest_count; i++)
		to->guest[i].plan = &plan->guest[i];
	return 0;
}

int plan_admit_beside(const struct plan *plan, const struct machine_facts *facts, const struct resolved_plan *now,
		      const char *moved, struct resolved_plan *resolved, struct plan_errors *e)
{
	(void)facts, (void)moved, (void)e;
	assert_ptr_not_equal(now, resolved);
	return admit(plan, resolved);
}

int plan_admit(const struct plan *plan, const struct machine_facts *facts, struct resolved_plan *resolved, struct plan_errors *e)
{
	(void)facts, (void)e;
	return admit(plan, resolved);
}

/* Two guests, a and b; b is off, and is about to get 64 MiB more. */
static int setup(void **state)
{
	(void)state;
	memset(&boot_plan, 0, sizeof(boot_plan));
	boot_plan.guest_count = 2;
	strcpy(boot_plan.guest[0].name, "a");
	strcpy(boot_plan.guest[1].name, "b");
	boot_plan.guest[1].memory = 64 * MiB;
	allocated = builds = released = refuse_builds = 0;
	assert_int_equal(change_init(), 0);
	admits = true;
	admit(&boot_plan, &boot_resolved);
	machine_plan = &boot_plan;
	machine_resolved = &boot_resolved;
	neighbour = (struct guest){ .index = 0, .plan = &boot_plan.guest[0], .name = boot_plan.guest[0].name };
	old_guest = (struct guest){ .index = 1, .plan = &boot_plan.guest[1], .name = boot_plan.guest[1].name };
	guests[0] = &neighbour;
	guests[1] = &old_guest;
	guest_count = 2;
	wanted = boot_plan.guest[1];
	wanted.memory = 128 * MiB;
	plan_errors_init(&errors, "set");
	assert_int_equal(change_may_set(&old_guest, &wanted, &errors), 0);
	change_drop_begin(&old_guest);
	return 0;
}

static void expect_there(const struct guest *g, u64 memory)
{
	assert_non_null(g);
	assert_ptr_equal(guests[1], g);
	assert_int_equal(g->index, 1);
	assert_int_equal(g->plan->memory, memory);
	assert_string_equal(machine_plan->guest[1].name, "b");
	assert_int_equal(machine_plan->guest[1].memory, memory);
	assert_ptr_equal(machine_resolved->guest[1].plan, &machine_plan->guest[1]);
	assert_int_equal(released, 1);
	assert_false(open);
}

static void test_becomes_as_wanted(void **state)
{
	(void)state;
	expect_there(change_set_end(&old_guest, &wanted, &errors), 128 * MiB);
	assert_int_equal(errors.count, 0);
}

/* While its cores let go of it the pool grew, or a file came: what was admitted does not hold any more. */
static void test_no_longer_admitted(void **state)
{
	(void)state;
	admits = false;
	expect_there(change_set_end(&old_guest, &wanted, &errors), 64 * MiB);
	assert_int_equal(errors.count, 1);
	assert_int_equal(builds, 1);
}

static void test_no_memory_for_it(void **state)
{
	(void)state;
	refuse_builds = 1;
	expect_there(change_set_end(&old_guest, &wanted, &errors), 64 * MiB);
	assert_int_equal(errors.count, 1);
}

/* Neither the new nor the old one: nobody finds it any more. */
static void test_lost(void **state)
{
	(void)state;
	refuse_builds = 3;
	assert_null(change_set_end(&old_guest, &wanted, &errors));
	assert_null(guests[1]);
	assert_int_equal(guest_count, 1);
	assert_ptr_equal(guests[0], &neighbour);
	assert_int_equal(machine_plan->guest_count, 1);
	assert_int_equal(machine_resolved->guest_count, 1);
	assert_int_equal(released, 1);
	assert_false(open);
}

static void test_lost_and_not_admitted(void **state)
{
	(void)state;
	admits = false;
	refuse_builds = 1;
	assert_null(change_set_end(&old_guest, &wanted, &errors));
	assert_null(guests[1]);
	assert_int_equal(guest_count, 1);
	assert_int_equal(released, 1);
	assert_false(open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_becomes_as_wanted, setup),
		cmocka_unit_test_setup(test_no_longer_admitted, setup),
		cmocka_unit_test_setup(test_no_memory_for_it, setup),
		cmocka_unit_test_setup(test_lost, setup),
		cmocka_unit_test_setup(test_lost_and_not_admitted, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
