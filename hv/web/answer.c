/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include "json_in.h"
#include "server.h"
#include "ticket.h"
#include "upload.h"
#include "web_int.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/time.h>

#include <mbedtls/platform_util.h>

#define HEAD_MAX 1536u

static char body_text[ANSWER_BODY_MAX] __attribute__((aligned(16)));	/* and before that, yyjson's room */
static char head_text[512];
static struct json_body json;

/* --- what an answer says ------------------------------------------------------------------------------------- */

void answer_json(struct answer *a, u16 status)
{
	a->status = status;
	a->type = "application/json";
	out_init(&a->body, body_text, sizeof(body_text));
}

static void problem(struct answer *a, u16 status, const char *member, const char *fmt, va_list ap)
{
	char detail[300];

	fmt_vprint(detail, sizeof(detail), fmt, ap);
	answer_json(a, status);
	a->type = "application/problem+json";
	json_open(&a->body, NULL, '{');
	json_text(&a->body, "title", http_reason(status));
	json_u64(&a->body, "status", status);
	json_text(&a->body, "detail", detail);
	if (member && *member)
		json_text(&a->body, "key", member);
}

void answer_problem(struct answer *a, u16 status, const char *member, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	problem(a, status, member, fmt, ap);
	va_end(ap);
	json_close(&a->body, '}');
}

void answer_problem_begin(struct answer *a, u16 status, const char *member, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	problem(a, status, member, fmt, ap);
	va_end(ap);
}

/* --- versions ------------------------------------------------------------------------------------------------ */

void answer_tag(struct answer *a, u64 tag)
{
	fmt_print(a->etag, sizeof(a->etag), "\"%016lx\"", tag);
	out_print(&a->head, "etag: %s\r\n", a->etag);
}

bool answer_read_tag(const char *text, u64 *tag)
{
	u64 v = 0;

	if (strlen(text) != 18 || text[0] != '"' || text[17] != '"')
		return false;
	for (u32 i = 1; i < 17; i++) {
		char c = text[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		v = v << 4 | (u64)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	*tag = v;
	return true;
}

bool answer_unchanged(struct answer *a, u64 tag)
{
	u64 seen;

	answer_tag(a, tag);
	if (!answer_read_tag(a->r->match, &seen) || seen != tag)
		return false;
	a->status = 304;
	return true;
}

struct guest *answer_guest(struct answer *a)
{
	for (struct guest *g = guest_next(NULL); g; g = guest_next(g))
		if (!strcmp(g->name, a->param[0]))
			return g;
	answer_problem(a, 404, NULL, "there is no guest of this name");
	return NULL;
}

static bool body_is_json(struct answer *a)
{
	bool is = !a->r->body_length || !strncmp(a->r->type, "application/json", 16);

	if (!is)
		answer_problem(a, 415, NULL, "the body must be application/json");
	return is;
}

static bool is_kind(const struct api_route *route, const char *kind)
{
	return route->body && !strcmp(route->body, kind);
}

bool answer_read_body(struct answer *a)
{
	const char *names = a->route->body ? a->route->body : "", *why;
	char member[24];

	if (!body_is_json(a))
		return false;
	if (!a->r->body_length && !strchr(names, '!')) {
		json.count = 0;
		return true;
	}
	why = json_read(a->r->body, a->r->body_length, names, &json, member, body_text, sizeof(body_text));
	if (why)
		answer_problem(a, member[0] ? 422 : 400, member, "%s%s%s", member, member[0] ? ": " : "", why);
	return !why;
}

static bool body_is_right(struct answer *a)
{
	if (is_kind(a->route, BODY_FILE) || is_kind(a->route, BODY_PLAN))
		return true;
	return is_kind(a->route, BODY_GUEST) ? body_is_json(a) : answer_read_body(a);
}

const char *answer_member(const struct answer *a, const char *name)
{
	(void)a;
	return json_get(&json, name);
}

bool answer_has_member(const struct answer *a, const char *name)
{
	(void)a;
	for (u32 i = 0; i < json.count; i++)
		if (!strcmp(json.member[i].name, name))
			return true;
	return false;
}

/* --- head and body onto the connection ----------------------------------------------------------------------- */

/* Nothing of anybody else's, no frame around us, nothing guessed, nothing kept. */
static const char security[] =
	"strict-transport-security: max-age=31536000\r\n"
	"content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
	"connect-src 'self'; "
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"
	"x-content-type-options: nosniff\r\nx-frame-options: DENY\r\nreferrer-policy: no-referrer\r\n"
	"cross-origin-opener-policy: same-origin\r\ncross-origin-resource-policy: same-origin\r\n";

_Static_assert(sizeof(security) + sizeof(head_text) + 256 <= HEAD_MAX, "any head fits: send() asserts it");

static void put_status(struct out *o, const char *status_line, bool is_file)
{
	out_print(o, "HTTP/1.1 %s\r\n", status_line);
	out_text(o, security);
	out_print(o, "cache-control: %s\r\n", is_file ? "no-cache" : "no-store");
}

static bool send(struct answer *a)
{
	char text[HEAD_MAX], status[64];
	bool has_body = a->status != 204 && a->status != 304;
	u64 first = 0, n;
	struct out head;

	if (a->body.cut)
		answer_problem(a, 500, NULL, "the answer is larger than it can be");
	n = a->file ? a->file_length : a->body.at;
	if (a->ranges && a->status == 200 && !answer_part(a, n, &first, &n)) {
		a->file = NULL;
		n = a->body.at;
	}
	out_init(&head, text, sizeof(text));
	fmt_print(status, sizeof(status), "%u %s", a->status, http_reason(a->status));
	put_status(&head, status, a->is_file);
	if (has_body)
		out_print(&head, "content-type: %s\r\ncontent-length: %lu\r\n", a->type, n);
	if (a->c->last || !a->r->keep_alive)
		out_text(&head, "connection: close\r\n");
	out_bytes(&head, a->head.to, a->head.at);
	out_text(&head, "\r\n");
	if (a->r->method == HTTP_HEAD)
		has_body = false;
	assert(!head.cut);
	if (!conn_room(a->c, head.at + (has_body && !a->file ? n : 0)))
		return false;
	conn_put(a->c, text, head.at);
	if (has_body && a->file)
		conn_put_file(a->c, a->file + first, (u32)n);
	else if (has_body)
		conn_put(a->c, a->body.to + first, n);
	return true;
}

bool answer_begin_stream(struct answer *a, const struct stream_ops *ops, const char *status_line, const char *type)
{
	char text[HEAD_MAX];
	struct out head;

	if (a->r->method == HTTP_HEAD) {
		answer_problem(a, 405, NULL, "this address has no HEAD: what it gives has no end");
		return false;
	}
	out_init(&head, text, sizeof(text));
	put_status(&head, status_line, false);
	if (type)
		out_print(&head, "content-type: %s\r\nconnection: close\r\n", type);
	out_bytes(&head, a->head.to, a->head.at);
	out_text(&head, "\r\n");
	if (!server_has_stream_place(a->who.role) || !conn_room(a->c, head.at)) {
		answer_problem(a, 503, NULL, "no place for one more stream");
		return false;
	}
	conn_put(a->c, text, head.at);
	a->c->stream = ops;
	a->c->who = a->who;
	a->c->stream_beat = a->now;
	a->raw = true;
	return true;
}

/* --- which function ------------------------------------------------------------------------------------------ */

/* Does path fit the pattern? Its parts at * go to param. */
static bool path_fits(const char *pattern, const char *path, char param[ANSWER_PARAMETERS][72])
{
	u32 n = 0;

	for (; *pattern; pattern++) {
		size_t length = 0;

		if (*pattern != '*') {
			if (*pattern != *path++)
				return false;
			continue;
		}
		while (path[length] && path[length] != '/')
			length++;
		if (!length || length >= sizeof(param[0]) || n == ANSWER_PARAMETERS)
			return false;
		memcpy(param[n], path, length);
		param[n++][length] = 0;
		path += length;
	}
	return !*path;
}

static const struct api_route *find_route(struct answer *a, const char *path)
{
	enum http_method method = a->r->method == HTTP_HEAD ? HTTP_GET : a->r->method;
	bool any = false;

	for (u32 i = 0; i < api_route_count; i++) {
		if (!path_fits(api_route[i].path, path, a->param))
			continue;
		if (api_route[i].method == method) {
			a->head.at = 0;
			return &api_route[i];
		}
		out_print(&a->head, "%s%s", any ? ", " : "allow: ", http_method_str(api_route[i].method));
		any = true;
	}
	if (any) {
		out_text(&a->head, "\r\n");
		answer_problem(a, 405, NULL, "this address has no %s", http_method_str(a->r->method));
	} else {
		answer_problem(a, 404, NULL, "there is nothing at this address; /openapi.json lists what there is");
	}
	return NULL;
}

/* A browser says where the page that asks comes from: only ours may change anything, or open a console. */
static bool origin_is_ours(const struct http_request *r)
{
	return !r->origin[0] || (!strncmp(r->origin, "https://", 8) && !strcmp(r->origin + 8, r->host));
}

/* Who is limited to some guests has the functions of those, and the ones that are about themselves. */
static bool is_theirs(const struct answer *a)
{
	static const char below[] = "/v1/guests/";

	return !a->who.guests[0] || a->route->limited ||
	       (!strncmp(a->route->path, below, sizeof(below) - 1) && accounts_is_for(&a->who, a->param[0]));
}

static bool may(struct answer *a)
{
	enum role need = a->route->role;
	bool changes = a->r->method != HTTP_GET && a->r->method != HTTP_HEAD;

	accounts_identify(a->r, a->now, &a->who);
	if ((changes || a->r->wants_upgrade) && !origin_is_ours(a->r)) {
		answer_problem(a, 403, NULL, "requests from pages of others are not taken");
		return false;
	}
	if (need == ROLE_NONE)
		return true;
	if (a->who.kind == BY_NOTHING) {
		out_text(&a->head, "www-authenticate: Bearer realm=\"bulkhead\"\r\n");
		answer_problem(a, 401, NULL, "log in (POST /v1/login), or send a token (Authorization: Bearer ...)");
		return false;
	}
	a->c->known = true;
	a->c->role = a->who.role;
	if (a->who.role >= ROLE_ADMIN)
		server_admin_from(a->c);
	if (a->who.role < need) {
		answer_problem(a, 403, NULL, "this needs the role %s", role_word[need]);
		return false;
	}
	if (!is_theirs(a)) {
		answer_problem(a, 403, NULL, "this account is for these guests only: %s", a->who.guests);
		return false;
	}
	if (changes && !accounts_csrf_right(&a->who, a->r->csrf)) {
		answer_problem(a, 403, NULL, "the header X-CSRF-Token is not that of the session");
		return false;
	}
	return true;
}

static void dispatch(struct answer *a)
{
	char path[HTTP_TARGET_MAX + 1];

	if (a->r->status) {
		answer_problem(a, a->r->status, NULL, a->r->status == 408 ? "the request took too long" :
			"this request is not taken");
		return;
	}
	if (!http_path(a->r, path, sizeof(path))) {
		answer_problem(a, 400, NULL, "this is no path");
		return;
	}
	a->route = find_route(a, path);
	if (!a->route || !may(a))
		return;
	if (a->r->body_length && a->r->method == HTTP_GET)
		answer_problem(a, 400, NULL, "a body is not wanted here");
	else if (a->r->method == HTTP_GET || a->r->method == HTTP_HEAD ||
		 body_is_right(a))
		a->route->handle(a);
}

static const char *result_word(u16 status)
{
	return status < 300 ? "done" : status == 401 || status == 403 || status == 429 ? "refused" : "failed";
}

/* What is said goes out, and into the audit log. */
static bool conclude(struct answer *a)
{
	bool sent;

	if (a->route && a->route->audited && !a->only_looks)
		audit_add(a, result_word(a->status));
	if (a->raw)
		return true;
	sent = send(a);
	mbedtls_platform_zeroize(a->body.to, a->body.at);	/* there may be a token in it */
	return sent;
}

/* Only what goes elsewhere than into the request's own room is looked at before it comes. */
bool answer_head(struct web_conn *c)
{
	static const char more[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct answer a = { .c = c, .r = &c->request, .now = web_now() };
	char path[HTTP_TARGET_MAX + 1];

	out_init(&a.head, head_text, sizeof(head_text));
	answer_json(&a, 200);
	if (http_path(a.r, path, sizeof(path)))
		a.route = find_route(&a, path);
	if (a.route && (is_kind(a.route, BODY_FILE) || is_kind(a.route, BODY_PLAN))) {
		if (may(&a))
			(is_kind(a.route, BODY_FILE) ? upload_begin_file : upload_begin_text)(&a);
		if (a.status >= 300) {
			c->last = true;
			conclude(&a);
			return false;
		}
	}
	http_go_on(&c->request);
	if (a.r->expects_more && !a.r->status && conn_room(c, sizeof(more) - 1))
		conn_put(c, more, sizeof(more) - 1);
	return true;
}

void answer_later(struct answer *a, struct ticket *t)
{
	a->ticket = t;
}

bool answer_late(struct web_conn *c)
{
	struct answer a = { .c = c, .r = &c->request, .now = web_now(), .route = c->route, .who = c->who };

	out_init(&a.head, head_text, sizeof(head_text));
	answer_json(&a, 200);
	answer_finish(&a, c->ticket);
	ticket_drop(c->ticket);
	c->ticket = NULL;
	return conclude(&a);
}

bool answer_request(struct web_conn *c)
{
	struct answer a = { .c = c, .r = &c->request, .now = web_now() };

	out_init(&a.head, head_text, sizeof(head_text));
	answer_json(&a, 200);
	dispatch(&a);
	mbedtls_platform_zeroize(&json, sizeof(json));
	mbedtls_platform_zeroize(c->request.body, c->request.body_length);
	if (!a.ticket)
		return conclude(&a);
	c->ticket = a.ticket;
	c->route = a.route;
	c->who = a.who;
	return true;
}
