/* SPDX-License-Identifier: Apache-2.0 */
#include "requests.h"

#include "hub.h"
#include "loop.h"
#include "plan_store.h"
#include "shell.h"

#include <hv/change.h>
#include <hv/datastore.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/time.h>

static struct {
	struct request slot[REQUESTS_MAX];
	u32 first, count;
	bool under_way;			/* the first one has begun and is not done */
	u64 begun;			/* TSC */
	struct plan_guest wanted;
	struct plan_table_work work;
	struct plan_errors errors;
} q;

void requests_init(void)
{
	memset(&q, 0, sizeof(q));
}

bool request_put(const struct request *r)
{
	if (q.count == REQUESTS_MAX)
		return false;
	q.slot[(q.first + q.count++) % REQUESTS_MAX] = *r;
	return true;
}

/* What the plan has locked nobody changes before the machine starts anew; who tries is in the log. */
const char *request_locked(const struct guest *g, enum life_event event, const char *who)
{
	static const char *const word[LIFE_EVENTS] = { [LIFE_START] = "start", [LIFE_STOP] = "stop", [LIFE_KILL] = "kill",
		[LIFE_RESET] = "reset", [LIFE_PAUSE] = "pause", [LIFE_RESUME] = "resume", [LIFE_SET] = "set",
		[LIFE_DELETE] = "delete", [LIFE_BALLOON] = "balloon" };

	if (!g->plan->locked)
		return NULL;
	log_notice("guest %s: %s by the %s was refused: it is locked", g->name, word[event], who);
	return "it is locked: nothing changes it until the machine's next start";
}

/* The last word, then the next one's turn. */
static void answer(enum request_answer what, const char *text)
{
	struct request *r = &q.slot[q.first];

	q.under_way = false;
	q.first = (q.first + 1) % REQUESTS_MAX;
	q.count--;
	r->answer(r->arg, what, text);
}

static void done(const char *guest, const char *words)
{
	char text[80];

	log_notice("guest %s: %s by the %s", guest, words, q.slot[q.first].who);
	log_debug("guest %s: that took %lu ticks of the TSC", guest, tsc_now() - q.begun);
	fmt_print(text, sizeof(text), "guest %s: %s", guest, words);
	plan_store_changed();
	answer(ANSWER_DONE, text);
}

static void refuse(const char *guest, const char *why)
{
	char text[240];

	fmt_print(text, sizeof(text), "guest %.31s: %s", guest, why);
	answer(ANSWER_REFUSED, text);
}

static void tell_errors(void)
{
	const struct request *r = &q.slot[q.first];

	for (u32 i = 0; i < q.errors.count; i++)
		r->answer(r->arg, ANSWER_LINE, q.errors.error[i].text);
}

static void refuse_errors(void)
{
	char text[64] = "nothing was changed";

	tell_errors();
	if (q.errors.lost)
		fmt_print(text, sizeof(text), "... and %u more errors; nothing was changed", q.errors.lost);
	answer(ANSWER_REFUSED, text);
}

/* A guest is there, or is there anew. */
static void begin_life(struct guest *g)
{
	life_add(g);
	hub_add(g);
	datastore_add(g);
}

static void create(void)
{
	struct guest *g = q.errors.count ? NULL : change_add(&q.wanted, &q.errors);

	if (!g) {
		refuse_errors();
		return;
	}
	begin_life(g);
	done(g->name, "created");
}

/* What two guests cannot both have is given anew: addresses, and cores by their number. */
static void make_copy(const struct plan_guest *of, const char *name)
{
	q.wanted = *of;
	str_copy(q.wanted.name, sizeof(q.wanted.name), name);
	memset(q.wanted.line, 0, sizeof(q.wanted.line));
	q.wanted.cores.is_list = false;
	q.wanted.locked = false;
	for (u32 i = 0; i < q.wanted.net_count; i++) {
		memset(q.wanted.net[i].mac, 0, sizeof(q.wanted.net[i].mac));
		q.wanted.net[i].address_count = 0;
	}
}

static void copy(const struct request *r)
{
	const struct guest *of = life_find(r->from);

	if (!of) {
		refuse(r->from, "there is no guest of this name");
		return;
	}
	if (!plan_is_name(r->guest, false)) {
		refuse(r->guest, "a name of 1 to 31 characters a-z, 0-9, '-' and '_' is needed");
		return;
	}
	make_copy(of->plan, r->guest);
	if (r->size)
		plan_change_guest(&q.wanted, r->text, r->size, &q.work, &q.errors);
	create();
}

/* Going. */

static void leave(struct guest *g)
{
	shell_forget();
	hub_drop(g);
	loop_forget(g);
	datastore_drop(g);
	change_drop_begin(g);
}

static void deleted(struct guest *g)
{
	char name[PLAN_NAME_SIZE];

	str_copy(name, sizeof(name), g->name);
	change_drop_end(g);
	done(name, "deleted");
}

static bool is_planned(const char *guest)
{
	for (u32 i = 0; machine_plan && i < machine_plan->guest_count; i++)
		if (!strcmp(machine_plan->guest[i].name, guest))
			return true;
	return false;
}

/* What the datastore keeps still has it, until the plan changes again. A plan that does not hold without it, as NAT leads to it,
 * has it as well. */
static void lost(const char *guest)
{
	char text[160];

	fmt_print(text, sizeof(text), "guest %.31s is lost: there was no memory for it as it was to be, nor as it was; %s",
		  guest, is_planned(guest) ? "it is back at the machine's next start" : "create it anew");
	log_error("%s", text);
	tell_errors();
	answer(ANSWER_LOST, text);
}

static void changed(struct guest *g)
{
	struct guest *made = change_set_end(g, &q.wanted, &q.errors);

	if (made)
		begin_life(made);
	if (!made)
		lost(q.wanted.name);
	else if (q.errors.count)
		refuse_errors();
	else
		done(q.wanted.name, "changed");
}

static void end_life(struct guest *g, const struct life_end *ends)
{
	const char *why = life_delete(g, ends);

	if (why)
		refuse(g->name, why);
	else
		q.under_way = true;
}

static void delete(struct guest *g)
{
	static const struct life_end ends = { LIFE_DELETE, leave, deleted };

	if (change_may_drop(g, &q.errors))
		refuse_errors();
	else
		end_life(g, &ends);
}

static void set(struct guest *g, const struct request *r)
{
	static const struct life_end ends = { LIFE_SET, leave, changed };
	int err;

	if (r->op == REQUEST_SET) {
		q.wanted = *g->plan;
		err = plan_change_guest(&q.wanted, r->text, r->size, &q.work, &q.errors);
	} else {
		err = plan_read_guest(&q.wanted, r->text, r->size, &q.work, &q.errors);
	}
	if (err || change_may_set(g, &q.wanted, &q.errors))
		refuse_errors();
	else
		end_life(g, &ends);
}

static void to_guest(const struct request *r)
{
	enum life_event event = r->op == REQUEST_DELETE ? LIFE_DELETE : LIFE_SET;
	struct guest *g = life_find(r->guest);
	const char *why = g ? request_locked(g, event, r->who) : "there is no guest of this name";

	if (!why)
		why = life_refusal(g, event);
	if (why)
		refuse(r->guest, why);
	else if (event == LIFE_SET)
		set(g, r);
	else
		delete(g);
}

static void serve(const struct request *r)
{
	static const char *const file[] = { [REQUEST_CREATE] = "create", [REQUEST_COPY] = "create", [REQUEST_PLACE] = "plan",
		[REQUEST_SET] = "set", [REQUEST_REPLACE] = "set",
		[REQUEST_DELETE] = "delete" };
	const char *why = r->still ? r->still(r->arg) : NULL;

	q.begun = tsc_now();
	plan_errors_init(&q.errors, file[r->op]);
	if (life_held()) {
		answer(ANSWER_REFUSED, "the machine is going down");
	} else if (why) {
		answer(ANSWER_REFUSED, why);
	} else if (r->op == REQUEST_CREATE) {
		plan_read_guest(&q.wanted, r->text, r->size, &q.work, &q.errors);
		create();
	} else if (r->op == REQUEST_PLACE) {
		q.wanted = *r->place;
		create();
	} else if (r->op == REQUEST_COPY) {
		copy(r);
	} else {
		to_guest(r);
	}
}

bool requests_serve(void)
{
	if (q.count && !q.under_way)
		serve(&q.slot[q.first]);
	return q.count;
}

bool requests_under_way(void)
{
	return q.under_way;
}

const char *request_now(struct guest *g, enum life_event event, u32 seconds, const char *who, u64 now)
{
	const char *why = request_locked(g, event, who);

	if (why)
		return why;
	switch (event) {
	case LIFE_START:	return life_start(g, now);
	case LIFE_STOP:		return life_stop(g, seconds, now);
	case LIFE_KILL:		return life_kill(g, now);
	case LIFE_RESET:	return life_reset(g, now);
	case LIFE_PAUSE:	return life_pause(g);
	case LIFE_RESUME:	return life_resume(g);
	case LIFE_BALLOON:	return NULL;	/* the caller's: it may */
	default:		return "that is not done at once";
	}
}
