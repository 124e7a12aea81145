/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment, sessions, users, tokens. */
#include "answer.h"
#include "attempts.h"
#include "server.h"
#include "web_int.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#include <mbedtls/platform_util.h>

/* "guests": of "guests: an administrator's are all"; "": it is about no member of the request. */
static void member_of(const char *why, char to[16])
{
	size_t n = 0;

	while (why[n] >= 'a' && why[n] <= 'z')
		n++;
	fmt_print(to, 16, "%.*s", why[n] == ':' && n < 16 ? (int)n : 0, why);
}

static void done(struct answer *a, const char *why, u16 status)
{
	char member[16];

	if (why) {
		member_of(why, member);
		answer_problem(a, status, member, "%s", why);
	} else {
		a->status = 204;
	}
}

/* The session's secret goes into a cookie that only we get back, never over plain HTTP, never to a script, never from
 * another
 * site. RFC 6265bis "Cookie Name Prefixes" */
static void say_session(struct answer *a, const char *secret)
{
	if (secret)
		out_print(&a->head, "set-cookie: __Host-session=%s; Path=/; Secure; HttpOnly; SameSite=Strict\r\n",
			secret);
	json_open(&a->body, NULL, '{');
	json_text(&a->body, "user", a->who.name);
	json_text(&a->body, "role", role_word[a->who.role]);
	json_text(&a->body, "guests", a->who.guests);
	json_text(&a->body, "csrf", accounts_csrf(&a->who));
	json_close(&a->body, '}');
}

static struct account_caller caller_of(const struct answer *a)
{
	return (struct account_caller){ .source = attempts_source(a->c->wire.from), .near = server_is_admin_from(a->c) };
}

void api_login(struct answer *a)
{
	char secret[ACCOUNT_SECRET + 1];
	struct identity who;
	u16 status;
	const char *why = accounts_login(answer_member(a, "user"), answer_member(a, "password"),
		caller_of(a), a->now, &who, secret, &status);

	if (!why) {
		a->who = who;
		a->c->known = true;
		a->c->role = who.role;
		if (who.role == ROLE_ADMIN)
			server_admin_from(a->c);
		say_session(a, secret);
		mbedtls_platform_zeroize(secret, sizeof(secret));
		return;
	}
	fmt_print(a->who.name, sizeof(a->who.name), "(%.27s)", answer_member(a, "user"));
	for (char *c = a->who.name; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	if (status == 429)
		out_text(&a->head, "retry-after: 5\r\n");
	done(a, why, status);
}

void api_enrol(struct answer *a)
{
	u16 status;
	const char *why = accounts_enrol(answer_member(a, "code"), answer_member(a, "user"), answer_member(a,
		"password"), a->now, &status);

	if (!why)
		log_notice("web: %s is enrolled as an administrator; the code is used up", answer_member(a, "user"));
	done(a, why, status);
	if (!why) {
		server_admin_from(a->c);	/* whoever has the console */
		a->status = 201;
		out_text(&a->body, "{}");
	}
}

void api_session(struct answer *a)
{
	say_session(a, NULL);
}

void api_logout(struct answer *a)
{
	accounts_logout(&a->who);
	out_text(&a->head, "set-cookie: __Host-session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0\r\n");
	a->status = 204;
}

static struct account_rights rights_in(const struct answer *a)
{
	return (struct account_rights){ role_of(answer_member(a, "role")), answer_member(a, "guests") };
}

/* Instead of all that they had: who leaves the guests out might give more than was meant. */
static bool are_told(struct answer *a)
{
	bool told = answer_has_member(a, "guests");

	if (!told)
		answer_problem(a, 422, "guests", "guests: it must be there; \"\": all of them, and the machine");
	return told;
}

void api_user_rights(struct answer *a)
{
	const char *why;
	u16 status;

	if (!are_told(a))
		return;
	why = accounts_set_user_rights(a->param[0], rights_in(a), &status);
	done(a, why, status);
}

void api_token_rights(struct answer *a)
{
	const char *why;
	u16 status;

	if (!are_told(a))
		return;
	why = accounts_set_token_rights(a->param[0], rights_in(a), &status);
	done(a, why, status);
}

void api_users(struct answer *a)
{
	struct account_view v;

	json_open(&a->body, NULL, '[');
	for (u32 i = 0; accounts_user(i, a->now, &v); i++) {
		json_open(&a->body, NULL, '{');
		json_text(&a->body, "name", v.name);
		json_text(&a->body, "role", role_word[v.role]);
		json_bool(&a->body, "locked", v.locked);
		json_text(&a->body, "guests", v.guests);
		json_close(&a->body, '}');
	}
	json_close(&a->body, ']');
}

void api_user_add(struct answer *a)
{
	u16 status;
	const char *why = accounts_add_user(answer_member(a, "name"), answer_member(a, "password"), rights_in(a), &status);

	done(a, why, status);
	if (!why) {
		a->status = 201;
		out_text(&a->body, "{}");
	}
}

void api_user_remove(struct answer *a)
{
	u16 status;
	const char *why = accounts_remove_user(a->param[0], &status);

	done(a, why, status);
}

/* One's own, which takes the old one; an administrator anybody's. */
void api_password(struct answer *a)
{
	char secret[ACCOUNT_SECRET + 1];
	struct identity who;
	u16 status = 403;
	const char *why = NULL;

	if (a->who.kind != BY_SESSION || (strcmp(a->param[0], a->who.name) && a->who.role < ROLE_ADMIN)) {
		answer_problem(a, 403, NULL, "a password is changed by its user or by an administrator, in a session");
		return;
	}
	if (!strcmp(a->param[0], a->who.name)) {
		why = accounts_login(a->who.name, answer_member(a, "old"), caller_of(a), a->now, &who, secret,
			&status);
		if (!why)
			accounts_logout(&who);
		else if (status == 401)
			status = 403;
	}
	if (!why)
		why = accounts_set_password(a->param[0], answer_member(a, "password"), &status);
	done(a, why, status);
}

void api_tokens(struct answer *a)
{
	struct account_view v;
	char when[WALL_TEXT];

	json_open(&a->body, NULL, '[');
	for (u32 i = 0; accounts_token(i, &v); i++) {
		json_open(&a->body, NULL, '{');
		json_text(&a->body, "name", v.name);
		json_text(&a->body, "role", role_word[v.role]);
		json_text(&a->body, "guests", v.guests);
		json_text(&a->body, "owner", v.owner);
		if (v.expires)
			json_text(&a->body, "expires", wall_format(when, v.expires * NS_PER_S));
		json_close(&a->body, '}');
	}
	json_close(&a->body, ']');
}

static u32 number_of(const char *text)
{
	u32 n = 0;

	for (; *text >= '0' && *text <= '9' && n < 100000; text++)
		n = n * 10 + (u32)(*text - '0');
	return *text ? 100000 : n;
}

void api_token_add(struct answer *a)
{
	char secret[ACCOUNT_SECRET + 1];
	u16 status;
	const char *why = accounts_add_token(answer_member(a, "name"), rights_in(a),
					     number_of(answer_member(a, "days")), a->who.owner,
						wall_ns(a->now) / NS_PER_S, secret, &status);

	if (why) {
		done(a, why, status);
		return;
	}
	a->status = 201;
	json_open(&a->body, NULL, '{');
	json_text(&a->body, "name", answer_member(a, "name"));
	json_text(&a->body, "token", secret);
	json_close(&a->body, '}');
	mbedtls_platform_zeroize(secret, sizeof(secret));
}

void api_token_remove(struct answer *a)
{
	u16 status;
	const char *why = accounts_remove_token(a->param[0], &status);

	done(a, why, status);
}
