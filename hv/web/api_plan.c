/* SPDX-License-Identifier: Apache-2.0 */
/* The plan as a whole: shown, put (first as a list of what would change), its history. */
#include "answer.h"
#include "web_int.h"

#include "hv/control/plan_apply.h"
#include "hv/control/plan_store.h"
#include "hv/control/requests.h"

#include <hv/lib.h>
#include <hv/machine.h>

#include "ticket.h"

static void put_text(void *to, const char *text)
{
	out_text(to, text);
}

void api_plan(struct answer *a)
{
	if (!machine_plan || !machine_resolved) {
		answer_problem(a, 404, NULL, "there is no plan");
		return;
	}
	if (answer_unchanged(a, api_plan_tag()))
		return;
	a->type = "application/toml";
	a->ranges = true;
	resolved_plan_show(machine_plan, machine_resolved, put_text, &a->body);
}

static void put_value(struct out *o, const char *key, const char *value, u32 size)
{
	if (value)
		json_text_n(o, key, value, size);
	else
		json_null(o, key);
}

static void put_change(void *arg, const struct plan_change *c)
{
	struct out *o = arg;

	json_open(o, NULL, '{');
	json_text(o, "guest", strncmp(c->table, "guest.", 6) ? c->table : c->table + 6);
	json_text(o, "what", c->what);
	if (c->key[0]) {
		json_text(o, "key", c->key);
		put_value(o, "from", c->from, c->from_size);
		put_value(o, "to", c->to, c->to_size);
	}
	json_close(o, '}');
}

static void put_errors(struct answer *a, const struct plan_errors *errors, const char *why)
{
	struct ticket_error e;

	if (!errors->count || !ticket_error_of(errors->error[0].text, "", &e)) {
		answer_problem(a, 409, NULL, "%s", why);
		return;
	}
	answer_problem_begin(a, 422, e.key, "%s", e.words);
	json_open(&a->body, "errors", '[');
	for (u32 i = 0; i < errors->count; i++) {
		if (!ticket_error_of(errors->error[i].text, "", &e))
			continue;
		json_open(&a->body, NULL, '{');
		json_text(&a->body, "id", e.id);
		json_text(&a->body, "key", e.key);
		json_u64(&a->body, "line", errors->error[i].line);
		json_text(&a->body, "detail", e.words);
		json_close(&a->body, '}');
	}
	json_close(&a->body, ']');
	json_close(&a->body, '}');
}

/* Anywhere in the query, and whatever its value is but no: who asks for a look must not get a change. */
static bool is_dry(const struct http_request *r)
{
	static const char word[] = "dry_run";
	const size_t n = sizeof(word) - 1;

	for (const char *at = strchr(r->target, '?'); at; at = strchr(at + 1, '&')) {
		const char *value = at + 1 + n;

		if (strncmp(at + 1, word, n) || (*value && *value != '=' && *value != '&'))
			continue;
		return strncmp(value, "=0", 2) && strncmp(value, "=false", 6);
	}
	return false;
}

/* Whoever does more than look must have seen the plan that is in force. */
static bool has_seen(struct answer *a)
{
	const char *text = a->r->if_match;
	u64 tag;

	if (!*text)
		answer_problem(a, 428, NULL, "the header If-Match must name the version that you have seen: GET gives it as ETag");
	else if (strcmp(text, "*") && (!answer_read_tag(text, &tag) || tag != api_plan_tag()))
		answer_problem(a, 412, NULL, "it was changed meanwhile: read it again");
	return a->status < 300;
}

void api_plan_put(struct answer *a)
{
	static struct plan_errors errors;
	bool dry = is_dry(a->r);
	const char *why;

	a->only_looks = dry;
	if (!a->c->text || (!dry && !has_seen(a))) {
		if (!a->c->text)
			answer_problem(a, 400, NULL, "the body must be a plan");
		return;
	}
	if (requests_under_way()) {
		answer_problem(a, 503, NULL, "a change of the plan is under way: try again");
		return;
	}
	answer_json(a, dry ? 200 : 202);
	plan_errors_init(&errors, "plan");
	json_open(&a->body, NULL, '{');
	json_bool(&a->body, "dry_run", dry);
	json_bool(&a->body, "lasting", plan_store_lasts());
	json_open(&a->body, "changes", '[');
	why = plan_apply_text(a->c->text, a->c->text_size, dry, &errors, put_change, &a->body);
	json_close(&a->body, ']');
	json_close(&a->body, '}');
	if (why)
		put_errors(a, &errors, why);
}

void api_plan_history(struct answer *a)
{
	u32 newest = 0;

	for (u32 n = 0, number; (number = plan_store_nth(n)); n++)
		newest = MAX(newest, number);
	json_open(&a->body, NULL, '{');
	json_bool(&a->body, "lasting", plan_store_lasts());
	json_u64(&a->body, "newest", newest);
	json_open(&a->body, "kept", '[');
	for (u32 n = 0, number; (number = plan_store_nth(n)); n++)
		json_u64(&a->body, NULL, number);
	json_close(&a->body, ']');
	json_close(&a->body, '}');
}

void api_plan_rollback(struct answer *a)
{
	const char *text = answer_member(a, "number"), *why;
	u32 number = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || (number = number * 10 + (u32)(*c - '0')) > 99999999) {
			answer_problem(a, 422, "number", "number: one that GET /v1/plan/history lists");
			return;
		}
	}
	why = requests_under_way() ? "a change of the plan is under way" : plan_store_rollback(number);
	if (why) {
		answer_problem(a, 409, NULL, "%s", why);
		return;
	}
	answer_json(a, 202);
	out_text(&a->body, "{}");
}
