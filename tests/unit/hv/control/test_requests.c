/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/control/requests.c hv/control/plan_apply.c hv/control/plan_diff.c hv/core/plan_show.c hv/control/lifecycle.c hv/control/life_table.c hv/control/life_delete.c hv/control/life_pause.c hv/control/ending.c hv/control/restart.c hv/control/text.c hv/core/plan.c hv/core/plan_guest.c hv/core/plan_boot.c hv/core/plan_schema.c hv/core/plan_errors.c hv/core/plan_disk.c hv/core/plan_console.c hv/core/plan_net.c hv/core/plan_switch.c hv/core/plan_host.c hv/core/plan_https.c hv/lib/toml.c hv/lib/toml_value.c hv/lib/net_text.c hv/core/console_ring.c hv/core/message.c hv/core/log.c hv/lib/format.c hv/lib/string.c tests/unit/hv/control/fake_machine.c */
/* Requests that change the plan: in turn, each to its end, with an answer; whatever fails leaves all as it was. The test is the
 * layer below: what admission and memory say. */
#include "fake_machine.h"

#include "../../../../hv/control/hub.h"
#include "../../../../hv/control/plan_apply.h"
#include "../../../../hv/control/requests.h"

#include <hv/change.h>

#define GUEST "cores = 1\nmemory = \"64MiB\"\nboot = { type = \"elf\", file = \"k\" }\n"

static struct guest made;
static struct plan_guest made_plan, last_wanted;
static struct plan plan;
static struct resolved_plan resolved;
static const char *refuse_with;		/* admission's words; null: it holds */
static bool no_memory, no_memory_at_all, refuse_add;
static u32 adds, drops, sets, hubs, hub_drops;
static char answers[4096];
static u32 last_words;
static u64 now;

struct guest *change_add(const struct plan_guest *wanted, struct plan_errors *errors)
{
	last_wanted = *wanted;
	if (refuse_with || refuse_add) {
		plan_error_add(errors, "PLAN-MEMORY", 1, "guest.x.memory", "%s", refuse_with ? refuse_with : "none");
		return NULL;
	}
	adds++;
	made = (struct guest){ .index = 2, .vcpu_count = 1, .console = fake_guest[0].console, .input = fake_guest[0].input };
	made.core_of[0] = 4;
	made_plan = *wanted;
	made.plan = &made_plan;
	made.name = made_plan.name;
	guests[2] = &made;
	guest_count = 3;
	plan.guest[plan.guest_count] = *wanted;
	resolved.guest[resolved.guest_count++] = (struct resolved_guest){ .plan = &plan.guest[plan.guest_count++] };
	return &made;
}

int change_may_drop(const struct guest *g, struct plan_errors *errors)
{
	if (refuse_with)
		plan_error_add(errors, "PLAN-FORWARD", 1, "switch.lan.forward", "%s", refuse_with);
	return refuse_with ? -E_INVAL : 0;
}

int change_may_set(const struct guest *g, const struct plan_guest *wanted, struct plan_errors *errors)
{
	last_wanted = *wanted;
	return change_may_drop(g, errors);
}

void change_drop_begin(struct guest *g)
{
}

void change_drop_end(struct guest *g)
{
	drops++;
	for (u32 i = 0; i < plan.guest_count; i++)
		if (!strcmp(plan.guest[i].name, g->name)) {
			plan.guest_count--;
			resolved.guest_count--;
			memmove(&plan.guest[i], &plan.guest[i + 1], (plan.guest_count - i) * sizeof(plan.guest[0]));
		}
	guests[g->index] = NULL;
}

struct guest *change_set_end(struct guest *g, const struct plan_guest *wanted, struct plan_errors *errors)
{
	sets++;
	if (no_memory || no_memory_at_all)
		plan_error_add(errors, "HV-NO-MEMORY", 1, "guest.web", "room");
	if (!no_memory_at_all)
		return g;
	if (g == &fake_guest[0])	/* with the other one NAT is not right */
		plan.guest[0] = plan.guest[--plan.guest_count];
	guests[g->index] = NULL;
	return NULL;
}

void hub_add(struct guest *g)
{
	hubs++;
}

void hub_drop(const struct guest *g)
{
	hub_drops++;
}

void loop_forget(const struct guest *g);
void loop_forget(const struct guest *g)
{
}

void shell_forget(void);
void shell_forget(void)
{
}

static void on_answer(void *arg, enum request_answer what, const char *text)
{
	strncat(answers, text, 300);
	strcat(answers, "\n");
	last_words += what != ANSWER_LINE;
}

static int setup(void **state)
{
	fake_machine_init();
	fake_guest[0].device_ram[0].size = 0;
	life_init();
	requests_init();
	memset(&plan, 0, sizeof(plan));
	memset(&resolved, 0, sizeof(resolved));
	machine_plan = &plan;
	machine_resolved = &resolved;
	for (u32 i = 0; i < 2; i++) {
		plan.guest[i] = *fake_guest[i].plan;
		resolved.guest[i].plan = &plan.guest[i];
	}
	plan.guest_count = resolved.guest_count = 2;
	refuse_with = NULL;
	no_memory = no_memory_at_all = fake_volumes_open = false;
	adds = drops = sets = hubs = hub_drops = last_words = 0;
	answers[0] = 0;
	now = 1000 * HZ;
	return 0;
}

static void ask(enum request_op op, const char *guest, const char *from, const char *text)
{
	struct request r = { .op = op, .who = "test", .answer = on_answer, .size = (u32)strlen(text) };

	strcpy(r.guest, guest);
	strcpy(r.from, from);
	memcpy(r.text, text, r.size);
	assert_true(request_put(&r));
}

/* Cores do at once what they are asked. */
static void turn(void)
{
	struct message m;

	requests_serve();
	life_tick(now);
	for (u32 core = 1; core < core_count; core++)
		while (fake_core_get(core, &m))
			if (m.type == MSG_ZERO || m.type == MSG_RELOAD)
				fake_core_put(core, m.type == MSG_ZERO ? MSG_ZEROED : MSG_RELOADED, (struct guest *)m.arg[0], m.arg[1]);
	for (u32 core = 1; core < core_count; core++)
		while (message_get(&core_table[core].from_core, &m))
			life_message(&m, now);
}

static void turns(u32 n)
{
	while (n--)
		turn();
}

static void answered(const char *part)
{
	turns(6);
	if (!strstr(answers, part))
		fail_msg("\"%s\" is not in:\n%s", part, answers);
	assert_int_equal(last_words, 1);
	assert_false(requests_serve());
	answers[0] = 0;
	last_words = 0;
}

static void test_create(void **state)
{
	ask(REQUEST_CREATE, "", "", "[guest.new]\n" GUEST);
	answered("guest new: created");
	assert_int_equal(adds, 1);
	assert_int_equal(hubs, 1);
	assert_ptr_equal(life_find("new"), &made);
	assert_int_equal(life_phase(&made), PHASE_OFF);
	ask(REQUEST_CREATE, "", "", "[guest.new]\nmemory = 5\n");
	answered("error PLAN-TYPE: create:2: guest.new.memory: ");
	refuse_with = "not so much";
	ask(REQUEST_CREATE, "", "", "[guest.other]\n" GUEST);
	answered("error PLAN-MEMORY: create:1: guest.x.memory: not so much\nnothing was changed");
	assert_int_equal(adds, 1);
	assert_int_equal(hubs, 1);
}

/* What two cannot both have is not copied. */
static void test_copy(void **state)
{
	struct plan_guest *of = (struct plan_guest *)fake_guest[0].plan;

	of->cores = (struct plan_cores){ .is_list = true, .count = 2, .index = { 1, 2 } };
	of->net_count = 1;
	of->net[0].mac[5] = 7;
	of->net[0].address_count = 1;
	of->locked = true;
	ask(REQUEST_COPY, "twin", "web", "[guest.twin]\nmemory = \"96MiB\"\n");
	answered("guest twin: created");
	assert_string_equal(last_wanted.name, "twin");
	assert_int_equal(last_wanted.memory, 96 * MiB);
	assert_false(last_wanted.cores.is_list);
	assert_int_equal(last_wanted.cores.count, 2);
	assert_int_equal(last_wanted.net_count, 1);
	assert_int_equal(last_wanted.net[0].mac[5], 0);
	assert_int_equal(last_wanted.net[0].address_count, 0);
	assert_false(last_wanted.locked);
	ask(REQUEST_COPY, "x", "nobody", "");
	answered("guest nobody: there is no guest of this name");
	ask(REQUEST_COPY, "No", "web", "");
	answered("a name of 1 to 31 characters");
	ask(REQUEST_COPY, "x", "web", "[guest.x]\nmemory = \"1MiB\"\n");
	answered("error PLAN-VALUE: create:2: guest.x.memory");
	assert_int_equal(adds, 1);
}

static void test_delete(void **state)
{
	ask(REQUEST_DELETE, "nobody", "", "");
	answered("there is no guest of this name");
	refuse_with = "a guest";
	ask(REQUEST_DELETE, "web", "", "");
	answered("error PLAN-FORWARD: delete:1: switch.lan.forward: a guest\nnothing was changed");
	refuse_with = NULL;
	fake_volumes_open = true;
	ask(REQUEST_DELETE, "web", "", "");
	answered("guest web: a disk still works for it");
	fake_volumes_open = false;
	life_start(&fake_guest[0], now);
	ask(REQUEST_DELETE, "web", "", "");
	answered("guest web: it runs");
	assert_int_equal(drops + hub_drops, 0);
	ask(REQUEST_DELETE, "database", "", "");
	answered("guest database: deleted");
	assert_int_equal(drops, 1);
	assert_int_equal(hub_drops, 1);
	assert_null(life_find("database"));
	life_hold();
	ask(REQUEST_CREATE, "", "", "[guest.new]\n" GUEST);
	answered("the machine is going down");
}

static void test_set(void **state)
{
	ask(REQUEST_SET, "web", "", "[guest.web]\nmemory = \"96MiB\"\n");
	answered("guest web: changed");
	assert_int_equal(last_wanted.memory, 96 * MiB);
	assert_int_equal(sets, 1);
	assert_int_equal(life_phase(&fake_guest[0]), PHASE_OFF);
	no_memory = true;
	ask(REQUEST_SET, "web", "", "[guest.web]\nmemory = \"32MiB\"\n");
	answered("HV-NO-MEMORY");
	assert_int_equal(life_phase(&fake_guest[0]), PHASE_OFF);	/* it is there, as it was */
	assert_int_equal(hubs, 2);
	ask(REQUEST_SET, "web", "", "[guest.web]\nmemory = \"3MiB\"\n");
	answered("nothing was changed");
	assert_int_equal(sets, 2);
}

/* Nobody is told that nothing was changed when the guest is gone. */
static void test_lost(void **state)
{
	u64 from = log_end();

	no_memory_at_all = true;
	ask(REQUEST_SET, "web", "", "[guest.web]\nmemory = \"96MiB\"\n");
	turns(6);
	assert_null(strstr(answers, "nothing was changed"));
	assert_null(strstr(answers, "guest web: changed"));
	assert_non_null(strstr(answers, "HV-NO-MEMORY"));
	answered("guest web is lost: there was no memory for it as it was to be, nor as it was; create it anew");
	assert_null(life_find("web"));
	assert_int_equal(hubs, 0);
	assert_true(fake_logged(from, "guest web is lost: "));
	ask(REQUEST_SET, "database", "", "[guest.database]\nmemory = \"96MiB\"\n");
	answered("guest database is lost: there was no memory for it as it was to be, nor as it was; it is back at the machine's next start");
	no_memory_at_all = false;
	ask(REQUEST_CREATE, "", "", "[guest.new]\n" GUEST);	/* and all goes on */
	answered("guest new: created");
}

/* One after the other, in their order, and no more than there is room for. */
static void test_queue(void **state)
{
	struct request r = { .op = REQUEST_DELETE, .guest = "nobody", .who = "test", .answer = on_answer };

	ask(REQUEST_DELETE, "web", "", "");
	for (u32 i = 1; i < REQUESTS_MAX; i++)
		assert_true(request_put(&r));
	assert_false(request_put(&r));
	requests_serve();			/* under way */
	requests_serve();
	requests_serve();
	assert_int_equal(last_words, 0);
	turns(12);
	assert_int_equal(last_words, REQUESTS_MAX);
	assert_memory_equal(answers, "guest web: deleted", 18);
	assert_true(request_put(&r));
}

/* A saved plan: who is in it as he is stays; the others go and come. */

static void apply(const char *text)
{
	const char *why = plan_apply_begin(text, (u32)strlen(text), 7);

	if (why)
		fail_msg("%s", why);
	for (u32 i = 0; i < 60 && plan_apply_busy(); i++) {
		plan_apply_step();
		turn();
	}
	assert_false(plan_apply_busy());
}

static void test_apply(void **state)
{
	static char text[1000];

	/* web as it is, database gone, new there. */
	plan.guest[0].cores.count = 0;
	snprintf(text, sizeof(text), "[guest.new]\n%s", GUEST);
	life_start(&fake_guest[0], now);
	assert_string_equal(plan_apply_begin(text, (u32)strlen(text), 7), "guest web would go: it runs: `stop` or `kill` it first");
	assert_false(plan_apply_busy());
	setup(NULL);
	apply(text);
	assert_int_equal(drops, 2);
	assert_int_equal(adds, 1);
	assert_ptr_equal(life_find("new"), &made);
	/* Once more: they are alike but for what admission chose. */
	resolved.guest[0].core_count = 1;
	resolved.guest[0].core[0] = 4;
	snprintf(text, sizeof(text), "[guest.new]\ncores = [4]\nmemory = \"64MiB\"\nboot = { type = \"elf\", file = \"k\" }\n");
	apply(text);
	assert_int_equal(drops, 2);
	assert_int_equal(adds, 1);
	/* What never becomes as it was asked for is tried once. */
	snprintf(text, sizeof(text), "[guest.new]\ncores = [3]\nmemory = \"64MiB\"\nboot = { type = \"elf\", file = \"k\" }\n");
	apply(text);
	assert_int_equal(drops, 3);
	assert_int_equal(adds, 2);
	assert_string_equal(plan_apply_begin("x = 1\n", 6, 7), "it does not hold: see the log");
	((struct plan_guest *)made.plan)->locked = true;
	snprintf(text, sizeof(text), "[guest.else]\n%s", GUEST);
	assert_string_equal(plan_apply_begin(text, (u32)strlen(text), 7), "guest new would go: it is locked");
	assert_false(plan_apply_busy());
}

/* One goes, the other does not come: the log does not say that all is as it was. */
static void test_apply_in_part(void **state)
{
	static char text[200];
	u64 from = log_end();

	snprintf(text, sizeof(text), "[guest.new]\n%s", GUEST);
	assert_null(plan_apply_begin(text, (u32)strlen(text), 7));
	refuse_add = true;
	for (u32 i = 0; i < 60 && plan_apply_busy(); i++) {
		plan_apply_step();
		turn();
	}
	refuse_add = false;
	assert_false(plan_apply_busy());
	assert_int_equal(drops, 2);
	assert_int_equal(adds, 0);
	assert_true(fake_logged(from, "plan: guest new could not come"));
	assert_true(fake_logged(from, "plan: number 7 is in force in part only: 2 guests went or changed, 0 came"));
	assert_false(fake_logged(from, "nothing was changed"));
	from = log_end();
	apply(text);
	assert_true(fake_logged(from, "plan: number 7 is in force: 0 guests went or changed, 1 came"));
}

/* Others fill the queue, whenever it has room: nobody is left out for that. */
static void test_apply_among_others(void **state)
{
	struct request r = { .op = REQUEST_DELETE, .guest = "nobody", .who = "test", .answer = on_answer };
	static char text[200];

	snprintf(text, sizeof(text), "[guest.new]\n%s", GUEST);
	assert_null(plan_apply_begin(text, (u32)strlen(text), 7));
	for (u32 i = 0; i < 400 && plan_apply_busy(); i++) {
		if (i % 8)
			while (request_put(&r))
				;
		plan_apply_step();
		turn();
	}
	assert_false(plan_apply_busy());
	assert_int_equal(drops, 2);
	assert_int_equal(adds, 1);
	assert_ptr_equal(life_find("new"), &made);
	turns(10);
}

/* An operator's text: each change is told, by key; dry it stays at that. */

static char told[2000];

static void tell(void *arg, const struct plan_change *c)
{
	size_t n = strlen(told);

	snprintf(told + n, sizeof(told) - n, "%s %s %s: %.*s > %.*s\n", c->what, c->table, c->key, (int)c->from_size, c->from,
		 (int)c->to_size, c->to);
}

static const char *put_plan(const char *text, bool dry, struct plan_errors *errors)
{
	told[0] = 0;
	plan_errors_init(errors, "plan");
	return plan_apply_text(text, (u32)strlen(text), dry, errors, tell, NULL);
}

static void test_put(void **state)
{
	static struct plan_errors errors;
	static const char wanted[] = "[guest.web]\ncores = 2\nmemory = \"64MiB\"\nboot = { type = \"elf\", file = \"k\" }\n"
				     "[guest.new]\n" GUEST;
	const char *why;

	plan.machine = (struct plan_machine){ .serial_baud = 115200, .screen = true, .log = LOG_INFO };
	plan.guest[0].cores.count = 2;
	str_copy(plan.guest[0].boot.kernel, PLAN_PATH_SIZE, "k");
	plan.guest[0].boot.type = BOOT_ELF;
	assert_null(put_plan(wanted, true, &errors));
	assert_string_equal(told, "change guest.web memory: \"512MiB\" > \"64MiB\"\ndelete guest.database :  > \n"
			    "create guest.new :  > \n");
	assert_false(plan_apply_busy());
	assert_int_equal(drops + adds, 0);
	/* What only a start changes is named. */
	why = put_plan("[machine]\nlog = \"debug\"\n[guest.new]\n" GUEST, false, &errors);
	assert_non_null(why);
	assert_int_equal(errors.count, 1);
	assert_non_null(strstr(errors.error[0].text, "error PLAN-RESTART: plan:0: machine.log: \"info\", as it is: "));
	assert_non_null(put_plan("[guest.new]\ncores = 0\n", false, &errors));
	assert_true(errors.count > 1);
	assert_non_null(put_plan("", false, &errors));
	refuse_with = NULL;
	life_start(&fake_guest[0], now);
	assert_string_equal(put_plan(wanted, false, &errors), "guest web would change: it runs: `stop` or `kill` it first");
	assert_false(plan_apply_busy());
	assert_int_equal(drops + adds, 0);
	((struct plan_guest *)fake_guest[1].plan)->locked = true;
	assert_non_null(put_plan(wanted, true, &errors));
	((struct plan_guest *)fake_guest[1].plan)->locked = false;
	setup(NULL);
	plan.machine = (struct plan_machine){ .serial_baud = 115200, .screen = true, .log = LOG_INFO };
	assert_null(put_plan(wanted, false, &errors));
	assert_true(plan_apply_busy());
	assert_string_equal(put_plan(wanted, true, &errors), "one is being taken up");
	for (u32 i = 0; i < 60 && plan_apply_busy(); i++) {
		plan_apply_step();
		turn();
	}
	assert_int_equal(drops, 2);
	assert_int_equal(adds, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_create, setup),
		cmocka_unit_test_setup(test_copy, setup),
		cmocka_unit_test_setup(test_delete, setup),
		cmocka_unit_test_setup(test_set, setup),
		cmocka_unit_test_setup(test_lost, setup),
		cmocka_unit_test_setup(test_queue, setup),
		cmocka_unit_test_setup(test_apply, setup),
		cmocka_unit_test_setup(test_apply_in_part, setup),
		cmocka_unit_test_setup(test_apply_among_others, setup),
		cmocka_unit_test_setup(test_put, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
