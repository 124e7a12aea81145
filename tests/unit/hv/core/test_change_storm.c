/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/change.c hv/core/pool_grow.c hv/core/admission.c hv/core/admission_memory.c hv/core/admission_disks.c hv/core/admission_net.c hv/core/admission_nat.c hv/core/admission_devices.c hv/core/resolved_plan.c hv/core/plan_errors.c hv/lib/string.c hv/lib/net_text.c hv/lib/format.c */
/* Guests come, change and go while the pool grows and files take RAM and give it back, also between the beginning of a change and
 * its end: whatever comes of it, each MiB has one owner, and who is listed is there. Admission, plan and growth are real. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../hv/core/build.h"

#include <hv/change.h>
#include <hv/core.h>
#include <hv/host.h>
#include <hv/host_net.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/net_build.h>
#include <hv/pool.h>

#define RAM_BASE (64 * MiB)
#define RAM_SIZE (512 * MiB)
#define FILES 6u
#define STEPS 4000u

struct guest *guests[PLAN_GUESTS_MAX];
u32 guest_count;
const struct plan *machine_plan;
const struct resolved_plan *machine_resolved;
const struct machine_facts *machine_facts;

static struct machine_facts facts;
static struct plan boot_plan;
static struct resolved_plan boot_resolved, nothing;
static struct plan_errors errors;
static pool_more_fn *grow_pool;
static struct { u64 base, size; } file[FILES], pool[256];
static u32 pools, seed, lost, unchanged;
static bool no_memory;

static u32 below(u32 n)
{
	seed = seed * 1664525u + 1013904223u;
	return (u32)((u64)seed * n >> 32);
}

void *pool_alloc(u64 count, enum pool_owner owner) { return calloc(count, PAGE_SIZE); }
u64 pool_pages(enum pool_owner owner) { return owner == POOL_FREE; }
u64 pool_room(void) { return pools < ARRAY_COUNT(pool) ? 1 << 20 : 0; }
u64 pool_trim(u64 keep, hpa_t *base) { return 0; }
void pool_on_empty(pool_more_fn *more) { grow_pool = more; }
int host_add_pool(hpa_t base, u64 size) { return 0; }
int host_cut_pool(u64 size) { return 0; }
void log_write(enum log_level level, const char *fmt, ...) { }
int net_add_guest(struct guest *g, const struct resolved_plan *rp, const struct resolved_guest *rg) { return 0; }
void host_net_add_guest(struct guest *g) { }
void guest_unhook(struct guest *g) { }
void host_open_seal(void) { }
void host_close_seal(void) { }

void pool_add(hpa_t base, u64 count)
{
	pool[pools].base = base.v;
	pool[pools++].size = count * PAGE_SIZE;
}

void guest_release(struct guest *g)
{
	free((void *)g->plan);
	memset(g, 0xa5, sizeof(*g));
	free(g);
}

/* As the real one: its own copy of the plan; and pages of the pool, which grows for that at times. */
struct guest *guest_build(u32 slot, const struct resolved_guest *r, const char **lacking)
{
	struct plan_guest *own = malloc(sizeof(*own));
	struct guest *g = calloc(1, sizeof(*g));

	*lacking = "pages";
	if (!below(3))
		grow_pool(1, below(2));
	if (no_memory && !below(3)) {
		free(own);
		free(g);
		return NULL;
	}
	*own = *r->plan;
	*g = (struct guest){ .index = slot, .plan = own, .name = own->name };
	return g;
}

/* --- who has which MiB --------------------------------------------------------------------------------------------- */

static u8 owner[RAM_SIZE / MiB];

static void own(u64 base, u64 size, u8 who)
{
	for (u64 at = base; at < base + size; at += MiB) {
		assert_in_range(at, RAM_BASE, RAM_BASE + RAM_SIZE - MiB);
		if (owner[(at - RAM_BASE) / MiB])
			fail_msg("%#lx belongs to %u and to %u", at, owner[(at - RAM_BASE) / MiB], who);
		owner[(at - RAM_BASE) / MiB] = who;
	}
}

static void audit(void)
{
	const struct resolved_plan *rp = machine_resolved;
	char why[160];

	memset(owner, 0, sizeof(owner));
	for (u32 i = 0; i < rp->guest_count; i++)
		for (u32 k = 0; k < rp->guest[i].range_count; k++)
			own(rp->guest[i].range[k].hpa.v, rp->guest[i].range[k].size, (u8)(i + 1));
	for (u32 i = 0; i < FILES; i++)
		own(file[i].base, file[i].size, 100);
	for (u32 i = 0; i < pools; i++)
		own(pool[i].base, pool[i].size, 101);
	for (u32 i = 0; i < rp->free_count; i++)
		own(rp->free[i].base.v, rp->free[i].size, 102);
	for (u32 i = 0; i < sizeof(owner); i++)
		assert_true(owner[i]);
	if (resolved_plan_verify(machine_plan, machine_facts, rp, why, sizeof(why)))
		fail_msg("%s", why);
}

/* Who is listed is in the plan, and the other way round. */
static void roll_call(void)
{
	u32 n = 0;

	for (u32 i = 0; i < PLAN_GUESTS_MAX; i++) {
		const struct guest *g = i < guest_count ? guests[i] : NULL;
		u32 k = 0;

		if (!g)
			continue;
		n++;
		assert_int_equal(g->index, i);
		while (k < machine_plan->guest_count && strcmp(machine_plan->guest[k].name, g->name))
			k++;
		assert_true(k < machine_plan->guest_count);
		assert_int_equal(machine_plan->guest[k].memory, g->plan->memory);
		assert_ptr_equal(machine_resolved->guest[k].plan, &machine_plan->guest[k]);
	}
	assert_int_equal(n, machine_plan->guest_count);
}

/* --- what happens ---------------------------------------------------------------------------------------------------- */

static void ram_moves(void)
{
	u32 i = below(FILES);

	if (!below(12))
		grow_pool(1 + below(600), below(2));
	if (file[i].size) {
		ram_give(file[i].base, file[i].size);
		file[i].base = file[i].size = 0;
	} else if (below(2)) {
		file[i].size = (1 + below(20)) * BLOCK_SIZE;
		file[i].base = ram_take(file[i].size);
		if (!file[i].base)
			file[i].size = 0;
	}
}

static struct plan_guest any_guest(const char *name)
{
	struct plan_guest g = { .memory = (8 + below(60)) * BLOCK_SIZE, .cores.count = 1 + below(2), .boot.type = BOOT_ELF };

	str_copy(g.name, sizeof(g.name), name);
	str_copy(g.boot.kernel, sizeof(g.boot.kernel), "k");
	return g;
}

static struct guest *any_there(void)
{
	struct guest *g = guest_count ? guests[below(guest_count)] : NULL;

	return g;
}

static void come(void)
{
	struct plan_guest g;
	char name[8];

	fmt_print(name, sizeof(name), "g%u", below(12));
	g = any_guest(name);
	change_add(&g, &errors);
}

static void set(struct guest *g)
{
	struct plan_guest g_new = any_guest(g->name);
	struct guest *made;

	if (change_may_set(g, &g_new, &errors))
		return;
	change_drop_begin(g);
	for (u32 n = below(4); n; n--)
		ram_moves();
	plan_errors_init(&errors, "set");
	made = change_set_end(g, &g_new, &errors);
	lost += !made;
	unchanged += made && errors.count;
	assert_true(made || errors.count);
	assert_true(!made || errors.count || made->plan->memory == g_new.memory);
}

static void go(struct guest *g)
{
	if (change_may_drop(g, &errors))
		fail_msg("%s", errors.error[0].text);
	change_drop_begin(g);
	for (u32 n = below(4); n; n--)
		ram_moves();
	change_drop_end(g);
}

static void step(void)
{
	struct guest *g = any_there();

	plan_errors_init(&errors, "test");
	switch (below(6)) {
	case 0:
	case 1:
		come();
		break;
	case 2:
	case 3:
		if (g)
			set(g);
		break;
	case 4:
		if (g)
			go(g);
		break;
	default:
		ram_moves();
	}
}

static void begin(u32 from)
{
	seed = from;
	memset(&facts, 0, sizeof(facts));
	memset(guests, 0, sizeof(guests));
	memset(file, 0, sizeof(file));
	guest_count = pools = lost = unchanged = 0;
	facts.core_count = 24;
	for (u32 i = 0; i < facts.core_count; i++)
		facts.core_usable[i] = true;
	facts.ram[0] = (struct facts_ram){ HPA(RAM_BASE), RAM_SIZE };
	facts.ram_count = 1;
	facts.image[0] = (struct facts_image){ "k", IMAGE_WHOLE, MiB, "bytes" };
	facts.image_count = 1;
	memset(&boot_plan, 0, sizeof(boot_plan));
	memset(&boot_resolved, 0, sizeof(boot_resolved));
	plan_errors_init(&errors, "test");
	assert_int_equal(plan_admit_beside(&boot_plan, &facts, &nothing, NULL, &boot_resolved, &errors), 0);
	machine_facts = &facts;
	machine_plan = &boot_plan;
	machine_resolved = &boot_resolved;
	assert_int_equal(change_init(), 0);
	pool_grow_init();
}

static void end(void)
{
	for (u32 i = 0; i < guest_count; i++)
		if (guests[i])
			guest_release(guests[i]);
}

static void storm(u32 from)
{
	begin(from);
	for (u32 i = 0; i < STEPS; i++) {
		step();
		audit();
		roll_call();
	}
	end();
}

static void test_storm(void **state)
{
	no_memory = false;
	storm(1);
	assert_int_equal(lost, 0);
	assert_true(unchanged > 3);
}

static void test_storm_without_memory(void **state)
{
	no_memory = true;
	storm(2);
	assert_true(lost > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_storm), cmocka_unit_test(test_storm_without_memory) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
