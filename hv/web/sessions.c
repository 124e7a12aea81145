/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of browsers, API tokens. Both are found by the hash of what was sent: comparing hashes tells nothing about
 * the secret. */
#include "accounts_int.h"
#include "entropy.h"
#include "tls.h"
#include "web_int.h"

#include <hv/lib.h>
#include <hv/time.h>

#define SESSION_S (12 * 3600ul)
#define SESSION_IDLE_S (30 * 60ul)
#define DAYS_MAX 3650u
#define OF_ONE_USER 8u			/* sessions: nobody logs others out by logging in */

/* --- sessions ------------------------------------------------------------------------------------------------ */

static bool session_lives(const struct session *s, u64 now)
{
	return s->name[0] && now < s->ends && now < s->idle_ends;
}

/* Nobody's rights where there is no such user. */
static struct account_rights user_rights(const char *name)
{
	for (u32 i = 0; i < ACCOUNT_USERS; i++) {
		const struct account *u = &accounts.kept.users[i];

		if (*name && !strcmp(u->name, name))
			return (struct account_rights){ (enum role)MIN(u->role, (u32)ROLE_ADMIN), u->guests };
	}
	return (struct account_rights){ ROLE_NONE, "" };
}

static void keep_older(struct session **oldest, struct session *s)
{
	if (!*oldest || s->idle_ends < (*oldest)->idle_ends)
		*oldest = s;
}

/* When there are none, or too many of this user, the one that was idle longest ends. */
static struct session *find_place(const char *name, u64 now)
{
	struct session *unused = NULL, *oldest = NULL, *own = NULL;
	u32 owned = 0;

	for (u32 i = 0; i < ACCOUNT_SESSIONS; i++) {
		struct session *s = &accounts.session[i];

		if (!session_lives(s, now)) {
			unused = s;
			continue;
		}
		keep_older(&oldest, s);
		if (strcmp(s->name, name))
			continue;
		keep_older(&own, s);
		owned++;
	}
	return owned >= OF_ONE_USER ? own : unused ? unused : oldest;
}

void session_begin(const struct account *u, u64 now, struct identity *who, char secret[ACCOUNT_SECRET + 1])
{
	struct session *s = find_place(u->name, now);
	u8 csrf[16];

	memset(s, 0, sizeof(*s));
	str_copy(s->name, sizeof(s->name), u->name);
	s->serial = accounts.serial++;
	s->ends = now + SESSION_S * timebase.tsc_hz;
	s->idle_ends = now + SESSION_IDLE_S * timebase.tsc_hz;
	accounts_make_secret("", secret, s->hash);
	entropy_fill(csrf, sizeof(csrf));
	for (u32 i = 0; i < sizeof(csrf); i++)
		fmt_print(s->csrf + 2 * i, sizeof(s->csrf) - 2 * i, "%02x", csrf[i]);
	*who = (struct identity){ .kind = BY_SESSION, .role = (enum role)u->role, .index = (u32)(s - accounts.session),
		.serial = s->serial };
	str_copy(who->name, sizeof(who->name), u->name);
	str_copy(who->owner, sizeof(who->owner), u->name);
	str_copy(who->guests, sizeof(who->guests), u->guests);
}

void accounts_logout(const struct identity *who)
{
	struct session *s = &accounts.session[who->index];

	if (who->kind == BY_SESSION && s->serial == who->serial)
		memset(s, 0, sizeof(*s));
}

const char *accounts_csrf(const struct identity *who)
{
	return who->kind == BY_SESSION ? accounts.session[who->index].csrf : "";
}

bool accounts_csrf_right(const struct identity *who, const char *token)
{
	const char *right = accounts_csrf(who);
	size_t n = strlen(right);

	return who->kind == BY_TOKEN || (n && strlen(token) == n && tls_same(token, right, n));
}

/* --- tokens
 * --------------------------------------------------------------------------------------------------------------------
 * */

static bool token_lives(const struct account_token *t)
{
	u64 wall = wall_ns(web_now()) / NS_PER_S;

	return t->name[0] && (!t->expires || (wall && wall < t->expires));
}

const char *accounts_add_token(const char *name, struct account_rights rights, u32 days, const char *owner, u64 wall_s,
			       char secret[ACCOUNT_SECRET + 1], u16 *status)
{
	const char *why = accounts_check_name(name, status);
	struct account_token *t = NULL;
	char guests[ACCOUNT_GUESTS];

	why = why ? why : accounts_take_rights(rights, guests, status);
	if (why)
		return why;
	if (days > DAYS_MAX || (days && !wall_s))
		return days > DAYS_MAX ? "days: at most 3650" : "days: this machine does not know the date";
	*status = 409;
	for (u32 i = 0; i < ACCOUNT_TOKENS; i++) {
		if (!strcmp(accounts.kept.tokens[i].name, name))
			return "name: there is a token of this name";
		if (!t && !accounts.kept.tokens[i].name[0])
			t = &accounts.kept.tokens[i];
	}
	if (!t)
		return "there are 32 tokens, which is all there can be";
	*t = (struct account_token){ .role = rights.role, .expires = days ? wall_s + days * 86400ul : 0, .serial =
		accounts.serial++ };
	str_copy(t->name, sizeof(t->name), name);
	str_copy(t->owner, sizeof(t->owner), owner);
	str_copy(t->guests, sizeof(t->guests), guests);
	accounts_make_secret("bhk_", secret, t->hash);
	accounts_changed();
	return NULL;
}

const char *accounts_remove_token(const char *name, u16 *status)
{
	*status = 404;
	for (u32 i = 0; i < ACCOUNT_TOKENS; i++) {
		if (!*name || strcmp(accounts.kept.tokens[i].name, name))
			continue;
		memset(&accounts.kept.tokens[i], 0, sizeof(accounts.kept.tokens[i]));
		accounts_changed();
		return NULL;
	}
	return "there is no token of this name";
}

void accounts_remove_tokens_of(const char *owner)
{
	for (u32 i = 0; i < ACCOUNT_TOKENS; i++)
		if (!strcmp(accounts.kept.tokens[i].owner, owner))
			memset(&accounts.kept.tokens[i], 0, sizeof(accounts.kept.tokens[i]));
}

/* Is each of these guests one of those? Both as accounts_take_rights() has put them; "": all. */
static bool are_among(const char *some, const char *all)
{
	struct identity who = { .kind = BY_NOTHING };
	char name[ACCOUNT_NAME];

	str_copy(who.guests, sizeof(who.guests), all);
	if (!*some)
		return !*all;
	for (size_t n; *some; some += n + (some[n] == ' ')) {
		for (n = 0; some[n] && some[n] != ' '; n++)
			;
		fmt_print(name, sizeof(name), "%.*s", (int)n, some);
		if (!accounts_is_for(&who, name))
			return false;
	}
	return true;
}

static bool is_beyond(u32 role, const char *guests, struct account_rights rights)
{
	return role > rights.role || !are_among(guests, rights.guests);
}

u32 accounts_remove_tokens_beyond(const char *owner, struct account_rights rights)
{
	u32 n = 0;

	for (u32 i = 0; i < ACCOUNT_TOKENS; i++) {
		struct account_token *t = &accounts.kept.tokens[i];

		if (!t->name[0] || strcmp(t->owner, owner) || !is_beyond(t->role, t->guests, rights))
			continue;
		memset(t, 0, sizeof(*t));
		n++;
	}
	return n;
}

/* With another serial: streams that it had begun end. */
const char *accounts_set_token_rights(const char *name, struct account_rights rights, u16 *status)
{
	char guests[ACCOUNT_GUESTS];
	const char *why = accounts_take_rights(rights, guests, status);

	if (why)
		return why;
	for (u32 i = 0; i < ACCOUNT_TOKENS; i++) {
		struct account_token *t = &accounts.kept.tokens[i];

		if (!*name || strcmp(t->name, name))
			continue;
		*status = 409;
		if (is_beyond(rights.role, guests, user_rights(t->owner)))
			return "that is more than the user may do whose token it is";
		t->role = rights.role;
		t->serial = accounts.serial++;
		memcpy(t->guests, guests, sizeof(guests));
		accounts_changed();
		return NULL;
	}
	*status = 404;
	return "there is no token of this name";
}

bool accounts_token(u32 n, struct account_view *v)
{
	for (u32 i = 0; i < ACCOUNT_TOKENS; i++) {
		const struct account_token *t = &accounts.kept.tokens[i];

		if (!t->name[0] || n--)
			continue;
		*v = (struct account_view){ .name = t->name, .owner = t->owner, .guests = t->guests, .role = t->role, .expires =
			t->expires };
		return true;
	}
	return false;
}

/* --- whose request is it ------------------------------------------------------------------------------------- */

static void by_token(const char *text, struct identity *who)
{
	u8 hash[32];

	if (strlen(text) != ACCOUNT_SECRET)
		return;
	tls_sha256(text, ACCOUNT_SECRET, hash);
	for (u32 i = 0; i < ACCOUNT_TOKENS; i++) {
		const struct account_token *t = &accounts.kept.tokens[i];

		if (!token_lives(t) || !tls_same(t->hash, hash, sizeof(hash)))
			continue;
		*who = (struct identity){ .kind = BY_TOKEN, .role = (enum role)MIN(t->role, (u32)ROLE_ADMIN), .index =
			i,
			.serial = t->serial };
		str_copy(who->name, sizeof(who->name), t->name);
		str_copy(who->owner, sizeof(who->owner), t->owner);
		str_copy(who->guests, sizeof(who->guests), t->guests);
	}
}

static void by_session(const char *text, u64 now, struct identity *who)
{
	u8 hash[32];

	tls_sha256(text, strlen(text), hash);
	for (u32 i = 0; i < ACCOUNT_SESSIONS; i++) {
		struct session *s = &accounts.session[i];
		struct account_rights rights = user_rights(s->name);

		if (!session_lives(s, now) || !tls_same(s->hash, hash, sizeof(hash)))
			continue;
		s->idle_ends = now + SESSION_IDLE_S * timebase.tsc_hz;
		*who = (struct identity){ .kind = BY_SESSION, .role = rights.role, .index = i, .serial =
			s->serial };
		str_copy(who->name, sizeof(who->name), s->name);
		str_copy(who->owner, sizeof(who->owner), s->name);
		str_copy(who->guests, sizeof(who->guests), rights.guests);
	}
}

void accounts_identify(const struct http_request *r, u64 now, struct identity *who)
{
	char secret[ACCOUNT_SECRET + 1];

	*who = (struct identity){ .kind = BY_NOTHING };
	if (r->authorization[0]) {
		if (!strncmp(r->authorization, "Bearer ", 7))
			by_token(r->authorization + 7, who);
	} else if (http_cookie(r, "__Host-session", secret, sizeof(secret))) {
		by_session(secret, now, who);
	}
}

bool accounts_valid(const struct identity *who, u64 now)
{
	if (who->kind == BY_TOKEN) {
		const struct account_token *t = &accounts.kept.tokens[who->index];

		return t->serial == who->serial && token_lives(t);
	}
	if (who->kind == BY_SESSION) {
		struct session *s = &accounts.session[who->index];

		if (s->serial != who->serial || now >= s->ends || !session_lives(s, now))
			return false;
		s->idle_ends = now + SESSION_IDLE_S * timebase.tsc_hz;	/* a console that is looked at is in use */
		return user_rights(s->name).role >= who->role;
	}
	return false;
}
