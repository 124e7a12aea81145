/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that come, change and go: JSON with the keys of [guest.NAME] becomes a request like the shell's (hv/control/requests.h).
 * The answer comes when it has been served. */
#include "answer.h"
#include "json_plan.h"
#include "ticket.h"
#include "web_int.h"

#include "hv/control/lifecycle.h"
#include "hv/control/plan_store.h"

#include <hv/lib.h>
#include <hv/machine.h>

static struct request ask;

/* --- versions ------------------------------------------------------------------------------------------------ */

static void add_hash(void *sum, const char *text)
{
	u64 *h = sum;

	for (; *text; text++)
		*h = (*h ^ (u8)*text) * 0x100000001b3ul;
}

u64 api_guest_tag(const struct guest *g)
{
	u64 h = 0xcbf29ce484222325ul;

	plan_guest_show(g->plan, add_hash, &h);
	return h;
}

/* Of a plan's text what is no remark: how much RAM is left changes with every connection of the server's own. */
struct plan_tag {
	u64 hash;
	bool inside, remark;		/* of a line; the line is one */
};

static void add_to_tag(void *tag, const char *text)
{
	struct plan_tag *t = tag;

	for (; *text; text++) {
		if (!t->inside)
			t->remark = *text == '#';
		t->inside = *text != '\n';
		if (!t->remark)
			t->hash = (t->hash ^ (u8)*text) * 0x100000001b3ul;
	}
}

u64 api_plan_tag(void)
{
	struct plan_tag t = { .hash = 0xcbf29ce484222325ul };

	if (machine_plan && machine_resolved)
		resolved_plan_show(machine_plan, machine_resolved, add_to_tag, &t);
	return t.hash;
}

static const char *guest_is_as_seen(void *ticket)
{
	struct ticket *t = ticket;
	const struct guest *g = life_find(t->guest);

	if (!t->tagged || (g && api_guest_tag(g) == t->tag))
		return NULL;
	t->status = 412;
	return g ? "it was changed meanwhile: read it again" : "it is gone";
}

/* --- how it went --------------------------------------------------------------------------------------------- */

static void put_errors(struct answer *a, const struct ticket *t)
{
	struct ticket_error e;

	json_open(&a->body, "errors", '[');
	for (u32 i = 0; i < t->lines; i++) {
		if (!ticket_error_of(t->line[i], t->guest, &e))
			continue;
		json_open(&a->body, NULL, '{');
		json_text(&a->body, "id", e.id);
		json_text(&a->body, "key", e.key);
		json_text(&a->body, "detail", e.words);
		json_close(&a->body, '}');
	}
	json_close(&a->body, ']');
}

/* Not the client's fault, and not as it was. */
static void put_loss(struct answer *a, const struct ticket *t)
{
	answer_problem_begin(a, 500, NULL, "%s", t->text);
	put_errors(a, t);
	json_close(&a->body, '}');
}

/* The first error is the problem's own key and detail; all of them are in `errors`. */
static void put_refusal(struct answer *a, const struct ticket *t)
{
	struct ticket_error e;

	if (!t->lines || !ticket_error_of(t->line[0], t->guest, &e)) {
		answer_problem(a, t->status ? t->status : 409, NULL, "%s", t->text);
		return;
	}
	answer_problem_begin(a, t->status ? t->status : 422, e.key, "%s", e.words);
	put_errors(a, t);
	json_close(&a->body, '}');
}

void answer_finish(struct answer *a, const struct ticket *t)
{
	if (t->how == ANSWER_REFUSED)
		put_refusal(a, t);
	else if (t->how == ANSWER_LOST)
		put_loss(a, t);
	else
		t->finish(a, t);
}

static void put_guest(struct answer *a, const struct ticket *t, u16 status)
{
	const struct guest *g = life_find(t->guest);

	answer_json(a, status);
	json_open(&a->body, NULL, '{');
	json_text(&a->body, "name", t->guest);
	json_text(&a->body, "state", g ? life_state_word(g) : "deleted");
	json_bool(&a->body, "lasting", plan_store_lasts());
	json_close(&a->body, '}');
	if (g)
		answer_tag(a, api_guest_tag(g));
}

static void created(struct answer *a, const struct ticket *t)
{
	put_guest(a, t, 201);
	out_print(&a->head, "location: /v1/guests/%s\r\n", t->guest);
}

static void changed(struct answer *a, const struct ticket *t)
{
	put_guest(a, t, 200);
}

/* --- asking -------------------------------------------------------------------------------------------------- */

/* The version that the client has seen. must: it has to say so. false: answered. */
bool answer_take_match(struct answer *a, bool must, struct ticket *t)
{
	const char *text = a->r->if_match;

	if (!*text && must)
		answer_problem(a, 428, NULL, "the header If-Match must name the version that you have seen: GET gives it as ETag");
	if (!*text || !strcmp(text, "*"))
		return *text || !must;
	t->tagged = answer_read_tag(text, &t->tag);
	if (!t->tagged)
		answer_problem(a, 412, NULL, "this version is not known: GET gives the present one as ETag");
	return t->tagged;
}

static struct ticket *begin(struct answer *a, const char *guest)
{
	struct ticket *t = ticket_take(a->who.name);

	if (t)
		str_copy(t->guest, sizeof(t->guest), guest);
	else
		answer_problem(a, 503, NULL, "too many requests wait already: try again");
	return t;
}

static void put(struct answer *a, struct ticket *t, enum request_op op, void (*finish)(struct answer *, const struct ticket *))
{
	ask.op = op;
	ask.who = t->who;
	ask.answer = ticket_answered;
	ask.arg = t;
	ask.still = guest_is_as_seen;
	str_copy(ask.guest, sizeof(ask.guest), t->guest);
	t->finish = finish;
	if (request_put(&ask)) {
		answer_later(a, t);
		return;
	}
	ticket_drop(t);
	answer_problem(a, 503, NULL, "too many requests wait already: try again");
}

/* The body as a piece of a plan into ask. name: whose; null: the body says. false: answered. */
static bool take_guest(struct answer *a, const char *name, struct json_plan *p)
{
	struct out text;
	const char *why;

	out_init(&text, ask.text, sizeof(ask.text));
	why = json_to_plan(a->r->body, a->r->body_length, name, p, &text, a->body.to, a->body.size);
	answer_json(a, 200);		/* that memory was the reader's */
	ask.size = (u32)text.at;
	if (why)
		answer_problem(a, p->member[0] ? 422 : 400, p->member, "%s%s%s", p->member, p->member[0] ? ": " : "", why);
	return !why;
}

void api_guest_create(struct answer *a)
{
	struct json_plan p;
	struct ticket *t;

	if (!take_guest(a, NULL, &p))
		return;
	if (life_find(p.name)) {
		answer_problem(a, 409, "name", "name: there is a guest of this name");
		return;
	}
	t = begin(a, p.name);
	if (t)
		put(a, t, REQUEST_CREATE, created);
}

static bool refuse_locked(struct answer *a, const struct guest *g, enum life_event event)
{
	char who[48];
	const char *why;

	fmt_print(who, sizeof(who), "API (%.31s)", a->who.name);
	why = request_locked(g, event, who);
	if (why)
		answer_problem(a, 403, NULL, "guest %s: %s", g->name, why);
	return why;
}

void api_guest_replace(struct answer *a)
{
	struct guest *g = answer_guest(a);
	struct json_plan p;
	struct ticket *t;

	if (!g || refuse_locked(a, g, LIFE_SET) || !take_guest(a, g->name, &p))
		return;
	t = begin(a, g->name);
	if (t && answer_take_match(a, true, t))
		put(a, t, REQUEST_REPLACE, changed);
	else if (t)
		ticket_drop(t);
}

void api_guest_delete(struct answer *a)
{
	struct guest *g = answer_guest(a);
	struct ticket *t;

	if (!g || refuse_locked(a, g, LIFE_DELETE))
		return;
	ask.size = 0;
	t = begin(a, g->name);
	if (t && answer_take_match(a, false, t))
		put(a, t, REQUEST_DELETE, changed);
	else if (t)
		ticket_drop(t);
}

/* --- the plan of one guest as JSON --------------------------------------------------------------------------- */

struct text {
	char to[PLAN_TABLE_SIZE_MAX];
	size_t size;
	bool cut;
};

static void add_text(void *context, const char *piece)
{
	struct text *t = context;
	size_t n = strlen(piece);

	if (n > sizeof(t->to) - t->size) {
		t->cut = true;
		return;
	}
	memcpy(t->to + t->size, piece, n);
	t->size += n;
}

void api_guest_plan(struct out *o, const struct guest *g)
{
	static struct toml_node node[512];
	static char words[PLAN_TABLE_SIZE_MAX];
	static struct text text;
	struct toml t = { .node = node, .node_max = ARRAY_COUNT(node), .text = words, .text_max = sizeof(words) };
	const struct toml_node *table;

	text.size = 0;
	text.cut = false;
	plan_guest_show(g->plan, add_text, &text);
	table = text.cut || toml_read(&t, text.to, text.size) ? NULL : toml_get(toml_get(t.root, "guest"), g->name);
	if (table)
		json_node(o, "plan", table);
	else
		json_null(o, "plan");	/* longer than a request may be */
}
