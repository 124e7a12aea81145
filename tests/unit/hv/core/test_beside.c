/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/admission.c hv/core/admission_memory.c hv/core/admission_disks.c hv/core/admission_net.c hv/core/admission_nat.c hv/core/admission_devices.c hv/core/resolved_plan.c hv/core/plan_errors.c hv/lib/string.c hv/lib/net_text.c hv/lib/format.c */
/* Admission while guests run: nobody who is there is moved, what goes is free, what comes again finds its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/plan.h>

static struct machine_facts facts;
static struct plan plan[2];
static struct resolved_plan resolved[2];
static struct plan_errors errors;
static u32 now;		/* which of them is in force */
static u64 seed;

static u32 below(u32 n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (u32)(seed >> 33) % n;
}

static int setup(void **state)
{
	memset(&facts, 0, sizeof(facts));
	facts.core_count = 24;
	for (u32 i = 0; i < facts.core_count; i++)
		facts.core_usable[i] = true;
	facts.ram[0] = (struct facts_ram){ HPA(64 * MiB), 3 * GiB - 64 * MiB };
	facts.ram[1] = (struct facts_ram){ HPA(4 * GiB), 5 * GiB };
	facts.ram_count = 2;
	facts.image[0] = (struct facts_image){ "k", IMAGE_WHOLE, MiB, "bytes" };
	facts.image[1] = (struct facts_image){ "v", IMAGE_WHOLE, MiB, "bytes" };
	facts.image_count = 2;
	memset(plan, 0, sizeof(plan));
	memset(resolved, 0, sizeof(resolved));
	plan[0].switch_count = 1;
	str_copy(plan[0].sw[0].name, PLAN_NAME_SIZE, "lan");
	plan_errors_init(&errors, "test");
	assert_int_equal(plan_admit_beside(&plan[0], &facts, &resolved[1], NULL, &resolved[0], &errors), 0);
	now = 0;
	seed = 5;
	return 0;
}

static struct plan_guest guest_of(u32 nr, u64 memory, u32 cores)
{
	struct plan_guest g = { .memory = memory, .cores.count = cores, .boot.type = BOOT_ELF };

	fmt_print(g.name, sizeof(g.name), "g%u", nr);
	str_copy(g.boot.kernel, sizeof(g.boot.kernel), "k");
	return g;
}

/* Try what is in the other plan; 0: it is in force now. */
static int commit(const char *moved)
{
	char why[160];
	u32 next = !now;

	plan_errors_init(&errors, "test");
	if (plan_admit_beside(&plan[next], &facts, &resolved[now], moved, &resolved[next], &errors)) {
		assert_true(errors.count > 0);
		return -E_INVAL;
	}
	if (resolved_plan_verify(&plan[next], &facts, &resolved[next], why, sizeof(why)))
		fail_msg("%s", why);
	now = next;
	return 0;
}

static int add(const struct plan_guest *g)
{
	plan[!now] = plan[now];
	plan[!now].guest[plan[!now].guest_count++] = *g;
	return commit(NULL);
}

static int drop(u32 at)
{
	struct plan *p = &plan[!now];

	*p = plan[now];
	p->guest_count--;
	memmove(&p->guest[at], &p->guest[at + 1], (p->guest_count - at) * sizeof(p->guest[0]));
	return commit(NULL);
}

static const struct resolved_guest *find(const struct resolved_plan *rp, const char *name)
{
	for (u32 i = 0; i < rp->guest_count; i++)
		if (!strcmp(rp->guest[i].plan->name, name))
			return &rp->guest[i];
	return NULL;
}

static void same(const struct resolved_guest *a, const struct resolved_guest *b)
{
	assert_int_equal(a->core_count, b->core_count);
	assert_memory_equal(a->core, b->core, sizeof(a->core));
	assert_int_equal(a->range_count, b->range_count);
	for (u32 i = 0; i < a->range_count; i++)
		assert_true(a->range[i].gpa == b->range[i].gpa && a->range[i].hpa.v == b->range[i].hpa.v &&
			    a->range[i].size == b->range[i].size);
	assert_memory_equal(a->device, b->device, sizeof(a->device));
	assert_memory_equal(a->net, b->net, sizeof(a->net));
}

static void test_nobody_is_moved(void **state)
{
	struct plan_guest a = guest_of(1, 512 * MiB, 2), b = guest_of(2, 2 * GiB, 3), c = guest_of(3, GiB, 1);
	struct resolved_guest was;

	a.net_count = b.net_count = 1;
	str_copy(a.net[0].sw, PLAN_NAME_SIZE, "lan");
	str_copy(b.net[0].sw, PLAN_NAME_SIZE, "lan");
	a.display = true;
	assert_int_equal(add(&a), 0);
	was = *find(&resolved[now], "g1");
	assert_int_equal(was.device[DEVICE_RAM_SCREEN].size, 16 * MiB);
	/* Lists and larger guests would choose first at boot. */
	b.cores.is_list = true;
	b.cores.index[0] = 9;
	b.cores.index[1] = 3;
	b.cores.index[2] = 4;
	assert_int_equal(add(&b), 0);
	assert_int_equal(add(&c), 0);
	same(&was, find(&resolved[now], "g1"));
	assert_int_equal(drop(1), 0);
	same(&was, find(&resolved[now], "g1"));
	assert_int_equal(resolved[now].core_owner[9], OWNER_FREE);
	b.cores.index[0] = was.core[0];
	assert_int_equal(add(&b), -E_INVAL);
	assert_string_equal(errors.error[0].id, "PLAN-OVERLAP");
	assert_int_equal(drop(0), 0);
	assert_int_equal(drop(0), 0);
	assert_int_equal(resolved[now].free_count, 2);
}

/* Changed: the one guest may get everything anew, the others nothing. */
static void test_one_is_moved(void **state)
{
	struct plan_guest a = guest_of(1, 512 * MiB, 2), b = guest_of(2, GiB, 2);
	struct resolved_guest was;

	assert_int_equal(add(&a), 0);
	assert_int_equal(add(&b), 0);
	was = *find(&resolved[now], "g2");
	plan[!now] = plan[now];
	plan[!now].guest[0].memory = 3 * GiB;
	plan[!now].guest[0].cores.count = 5;
	assert_int_equal(commit("g1"), 0);
	same(&was, find(&resolved[now], "g2"));
	assert_int_equal(find(&resolved[now], "g1")->core_count, 5);
	plan[!now] = plan[now];
	plan[!now].guest[0].memory = 100 * GiB;
	assert_int_equal(commit("g1"), -E_INVAL);
	assert_string_equal(errors.error[0].id, "PLAN-MEMORY");
	same(&was, find(&resolved[now], "g2"));
}

static u64 free_bytes(void)
{
	u64 sum = 0;

	for (u32 i = 0; i < resolved[now].free_count; i++)
		sum += resolved[now].free[i].size;
	return sum;
}

static struct plan_guest random_guest(u32 nr)
{
	struct plan_guest g = guest_of(nr, (8 + below(below(8) ? 200 : 2000)) * BLOCK_SIZE, 1 + below(4));

	g.display = !below(3);
	g.net_count = below(3);
	for (u32 i = 0; i < g.net_count; i++)
		str_copy(g.net[i].sw, PLAN_NAME_SIZE, "lan");
	if (below(4) == 0) {
		g.boot.type = BOOT_UEFI;
		str_copy(g.boot.initrd, sizeof(g.boot.initrd), "v");
	}
	return g;
}

/* Guests come and go by chance: who stays keeps everything; an equal guest that follows one that went fits again; in the end all
 * RAM is there, in the pieces that it was in. */
static void test_random(void **state)
{
	static struct resolved_plan before;
	static struct plan names;
	u64 all = free_bytes();
	u32 nr = 0, refused = 0;

	for (u32 turn = 0; turn < 3000; turn++) {
		u32 n = plan[now].guest_count;

		const char *again_name = "";

		before = resolved[now];
		names = plan[now];
		if (n < PLAN_GUESTS_MAX && below(2)) {
			struct plan_guest g = random_guest(nr++);

			refused += add(&g) != 0;
		} else if (n) {
			u32 at = below(n);
			struct plan_guest again = plan[now].guest[at];

			assert_int_equal(drop(at), 0);
			again_name = names.guest[at].name;
			if (below(2)) {
				assert_int_equal(add(&again), 0);
				assert_int_equal(find(&resolved[now], again.name)->core_count, again.cores.count);
			}
		}
		for (u32 i = 0; i < plan[now].guest_count; i++) {
			u32 k = 0;

			while (k < n && strcmp(names.guest[k].name, plan[now].guest[i].name))
				k++;
			if (k < n && strcmp(names.guest[k].name, again_name))
				same(&before.guest[k], &resolved[now].guest[i]);
		}
	}
	assert_true(refused > 20);
	while (plan[now].guest_count)
		assert_int_equal(drop(0), 0);
	assert_int_equal(free_bytes(), all);
	assert_int_equal(resolved[now].free_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nobody_is_moved, setup),
		cmocka_unit_test_setup(test_one_is_moved, setup),
		cmocka_unit_test_setup(test_random, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
