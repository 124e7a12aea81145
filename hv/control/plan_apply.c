/* SPDX-License-Identifier: Apache-2.0 */
#include "plan_apply.h"

#include "requests.h"

#include <hv/change.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/pool.h>

static struct {
	struct plan *target;		/* null: nothing is under way */
	u32 number, deleted, made;	/* number: 0: it came from outside */
	bool failed, explained;		/* why stands in lines of the log already */
	u32 came;			/* guests of the target that were made: they stay, whatever they look like */
	bool waits;			/* for the answer to a request */
	char name[PLAN_NAME_SIZE];	/* about whom */
	struct request ask;
} a;

static u64 pages_of(u64 bytes)
{
	return ALIGN_UP(bytes, PAGE_SIZE) / PAGE_SIZE;
}

/* Lines say where something stood in a text. */
static void forget_lines(struct plan_guest *g)
{
	memset(g->line, 0, sizeof(g->line));
	memset(g->boot.module_line, 0, sizeof(g->boot.module_line));
	for (u32 i = 0; i < PLAN_DISKS_MAX; i++)
		g->disk[i].line = 0;
	for (u32 i = 0; i < PLAN_NETS_MAX; i++)
		g->net[i].line = 0;
}

static struct plan_guest alike_now, alike_then;

/* What is saved names cores and addresses that admission chose; who leaves them open takes what there is. */
static bool is_alike(const struct resolved_guest *now, const struct plan_guest *then)
{
	static const u8 none[6];
	struct plan_guest *one = &alike_now, *two = &alike_then;

	*one = *now->plan;
	*two = *then;
	forget_lines(one);
	forget_lines(two);
	if (two->cores.is_list) {
		one->cores.is_list = true;
		memset(one->cores.index, 0, sizeof(one->cores.index));
		memcpy(one->cores.index, now->core, now->core_count * sizeof(now->core[0]));
	} else if (two->cores.count == one->cores.count) {
		two->cores = one->cores;
	}
	for (u32 i = 0; i < one->net_count; i++) {
		memcpy(one->net[i].mac, now->net[i].mac, sizeof(one->net[i].mac));
		if (i < two->net_count && !memcmp(two->net[i].mac, none, sizeof(none)))
			memcpy(two->net[i].mac, now->net[i].mac, sizeof(none));
	}
	return !memcmp(one, two, sizeof(*one));
}

static const struct plan_guest *find(const struct plan *p, const char *name)
{
	for (u32 i = 0; i < p->guest_count; i++)
		if (!strcmp(p->guest[i].name, name))
			return &p->guest[i];
	return NULL;
}

static bool has_come(const struct plan_guest *then)
{
	return a.came >> (then - a.target->guest) & 1;
}

/* The next guest that is not in the target, or not so. */
static struct guest *next_to_go(void)
{
	for (u32 i = 0; i < machine_resolved->guest_count; i++) {
		const struct plan_guest *then = find(a.target, machine_resolved->guest[i].plan->name);

		if (!then || (!has_come(then) && !is_alike(&machine_resolved->guest[i], then)))
			return life_find(machine_resolved->guest[i].plan->name);
	}
	return NULL;
}

static const struct plan_guest *next_to_come(void)
{
	for (u32 i = 0; i < a.target->guest_count; i++)
		if (!has_come(&a.target->guest[i]) && !find(machine_plan, a.target->guest[i].name))
			return &a.target->guest[i];
	return NULL;
}

/* All who would have to go must be able to. */
static const char *refusal(void)
{
	static char why[160];

	for (u32 i = 0; i < machine_resolved->guest_count; i++) {
		const char *name = machine_resolved->guest[i].plan->name, *no;
		const struct plan_guest *then = find(a.target, name);
		const struct guest *g = life_find(name);

		if (!g || (then && is_alike(&machine_resolved->guest[i], then)))
			continue;
		no = g->plan->locked ? "it is locked" : life_refusal(g, LIFE_DELETE);
		if (!no)
			continue;
		fmt_print(why, sizeof(why), "guest %s would %s: %s", name, then ? "change" : "go", no);
		return why;
	}
	return NULL;
}

static void end(void)
{
	pool_free(a.target, pages_of(sizeof(*a.target)));
	a.target = NULL;
}

/* --- what would change -------------------------------------------------------------------------------------------- */

#define SHOWN_MAX (64 * KiB)

struct shown {
	char *to;
	u32 size;
	bool cut;
};

static void add_text(void *context, const char *piece)
{
	struct shown *t = context;
	size_t n = strlen(piece);

	if (n > SHOWN_MAX - t->size) {
		t->cut = true;
		return;
	}
	memcpy(t->to + t->size, piece, n);
	t->size += (u32)n;
}

static void report_fixed(void *arg, const struct plan_change *c)
{
	char key[100];

	fmt_print(key, sizeof(key), "%.60s.%.31s", c->table, c->key);
	plan_error_add(arg, "PLAN-RESTART", 0, key,
		       "%.*s, as it is: this changes with the machine's next start only, by bulkhead.toml",
		       (int)MIN(c->from_size, 80u), c->from ? c->from : "nothing");
}

/* [machine] and switches are those of the start. false: errors says what is not. */
static bool is_fixed_part_alike(struct shown text[2], struct plan_errors *errors)
{
	const struct resolved_plan *then = change_imagine(a.target, errors);

	if (!then)
		return false;
	text[0].size = text[1].size = 0;
	resolved_plan_show(machine_plan, machine_resolved, add_text, &text[0]);
	resolved_plan_show(a.target, then, add_text, &text[1]);
	return !plan_diff(text[0].to, text[0].size, text[1].to, text[1].size, NULL, report_fixed, errors);
}

static void tell_one(plan_change_fn *tell, void *arg, const char *what, const char *name)
{
	struct plan_change c = { .what = what };

	fmt_print(c.table, sizeof(c.table), "guest.%s", name);
	tell(arg, &c);
}

static void tell_guest(struct shown text[2], const struct plan_guest *then, plan_change_fn *tell, void *arg)
{
	char table[64];

	fmt_print(table, sizeof(table), "guest.%s", then->name);
	text[0].size = text[1].size = 0;
	plan_guest_show(&alike_now, add_text, &text[0]);
	plan_guest_show(&alike_then, add_text, &text[1]);
	plan_diff(text[0].to, text[0].size, text[1].to, text[1].size, table, tell, arg);
}

static void tell_changes(struct shown text[2], plan_change_fn *tell, void *arg)
{
	for (u32 i = 0; i < machine_resolved->guest_count; i++) {
		const struct plan_guest *then = find(a.target, machine_resolved->guest[i].plan->name);

		if (!then)
			tell_one(tell, arg, "delete", machine_resolved->guest[i].plan->name);
		else if (!is_alike(&machine_resolved->guest[i], then))
			tell_guest(text, then, tell, arg);
	}
	for (u32 i = 0; i < a.target->guest_count; i++)
		if (!find(machine_plan, a.target->guest[i].name))
			tell_one(tell, arg, "create", a.target->guest[i].name);
}

/* --- beginning ----------------------------------------------------------------------------------------------------- */

static bool read_target(const char *text, u32 size, struct plan_errors *errors)
{
	struct plan_work *work = pool_alloc(pages_of(sizeof(*work)), POOL_OTHER);
	bool ok = work && !plan_read(a.target, text, size, work, errors);

	if (work)
		pool_free(work, pages_of(sizeof(*work)));
	return ok;
}

static bool begin(u32 number)
{
	memset(&a, 0, sizeof(a));
	a.target = pool_alloc(pages_of(sizeof(*a.target)), POOL_OTHER);
	a.number = number;
	return a.target;
}

/* A saved plan: its errors are for the log. */
static bool read_saved(const char *text, u32 size)
{
	struct plan_errors *errors = pool_alloc(pages_of(sizeof(*errors)), POOL_OTHER);
	bool ok;

	if (!errors)
		return false;
	plan_errors_init(errors, "plan");
	ok = read_target(text, size, errors) && !change_may_apply(a.target, errors);
	for (u32 i = 0; i < errors->count; i++)
		log_error("%s", errors->error[i].text);
	pool_free(errors, pages_of(sizeof(*errors)));
	return ok;
}

const char *plan_apply_begin(const char *text, u32 size, u32 number)
{
	const char *why = NULL;

	if (a.target)
		return "one is being taken up";
	if (!begin(number))
		return "the hypervisor's own memory is too small for that";
	if (!read_saved(text, size))
		why = "it does not hold: see the log";
	if (!why)
		why = refusal();
	if (why)
		end();
	return why;
}

static const char *judge(struct shown shown[2], const char *text, u32 size, struct plan_errors *errors, plan_change_fn *tell,
			 void *arg)
{
	if (!read_target(text, size, errors) || !is_fixed_part_alike(shown, errors) || change_may_apply(a.target, errors))
		return "it does not hold";
	if (shown[0].cut || shown[1].cut)
		return "it is too long";
	tell_changes(shown, tell, arg);
	return NULL;
}

const char *plan_apply_text(const char *text, u32 size, bool dry, struct plan_errors *errors, plan_change_fn *tell,
			    void *arg)
{
	struct shown shown[2] = { { .to = NULL } };
	const char *why;

	if (a.target || !machine_resolved)
		return a.target ? "one is being taken up" : "there is no plan in force";
	shown[0].to = pool_alloc(SHOWN_MAX / PAGE_SIZE, POOL_OTHER);
	shown[1].to = pool_alloc(SHOWN_MAX / PAGE_SIZE, POOL_OTHER);
	why = begin(0) && shown[0].to && shown[1].to ? judge(shown, text, size, errors, tell, arg) :
	      "the hypervisor's own memory is too small for that";
	for (u32 i = 0; i < 2; i++)
		if (shown[i].to)
			pool_free(shown[i].to, SHOWN_MAX / PAGE_SIZE);
	if (!why)
		why = refusal();
	if (a.target && (why || dry))
		end();
	return why;
}

bool plan_apply_busy(void)
{
	return a.target;
}

static void on_answer(void *arg, enum request_answer what, const char *text)
{
	(void)arg;
	if (what == ANSWER_LINE) {
		log_error("%s", text);
		a.explained = true;
		return;
	}
	a.waits = false;
	if (what != ANSWER_DONE) {
		log_error("plan: guest %s could not %s%s%s", a.name, a.ask.op == REQUEST_DELETE ? "go" : "come",
			  a.explained ? "" : ": ", a.explained ? "" : text);
		a.failed = true;
	} else if (a.ask.op == REQUEST_DELETE) {
		a.deleted++;
	} else {
		a.made++;
	}
}

/* Whoever reads it must learn that what has gone is gone. */
static void tell_end(void)
{
	char which[24] = "the new one";

	if (a.number)
		fmt_print(which, sizeof(which), "number %u", a.number);
	if (a.failed)
		log_error("plan: %s is in force in part only: %u guests went or changed, %u came, then one could not",
			  which, a.deleted, a.made);
	else
		log_notice("plan: %s is in force: %u guests went or changed, %u came", which, a.deleted, a.made);
}

/* false: others' requests fill the queue; in another turn, then. */
static bool ask(enum request_op op, const char *guest, const struct plan_guest *place)
{
	a.ask = (struct request){ .op = op, .who = a.number ? "saved plan" : "new plan", .answer = on_answer, .place = place };
	str_copy(a.name, sizeof(a.name), guest);
	if (!place)
		str_copy(a.ask.guest, sizeof(a.ask.guest), guest);
	a.waits = request_put(&a.ask);
	return a.waits;
}

bool plan_apply_step(void)
{
	const struct plan_guest *come;
	struct guest *go;

	if (!a.target || a.waits)
		return a.target;
	go = a.failed ? NULL : next_to_go();
	come = a.failed || go ? NULL : next_to_come();
	if (go) {
		ask(REQUEST_DELETE, go->name, NULL);
	} else if (come) {
		if (ask(REQUEST_PLACE, come->name, come))
			a.came |= BIT32(come - a.target->guest);
	} else {
		tell_end();
		end();
	}
	return a.target;
}
