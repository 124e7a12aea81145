/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts.h"

#include "accounts_int.h"
#include "attempts.h"
#include "entropy.h"
#include "tls.h"
#include "web_int.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#define SLOW_BURST 4u			/* slow hashes for strangers at once, and how many more a second */
#define SLOW_BURST_NEAR 8u		/* the same for the last administrator's address, which others may share */
#define SLOW_A_SECOND 2ul
#define SLOW_SHARE 2ul			/* but where a hash takes long, all of a bucket's may take this part of the time ... */
#define SLOW_BURST_S 2ul		/* ... and so long at once, if that is more than one beside the newcomers' */
#define SLOW_NEWCOMERS 2u		/* of the strangers' are for who has not failed of late */

const char *const role_word[ROLES] = { "none", "viewer", "operator", "admin" };

struct accounts accounts;
u32 accounts_rounds = 200000;

/* --- small things -------------------------------------------------------------------------------------------- */

enum role role_of(const char *word)
{
	for (u32 i = ROLE_VIEWER; i < ROLES; i++)
		if (!strcmp(word, role_word[i]))
			return (enum role)i;
	return ROLE_NONE;
}

void accounts_changed(void)
{
	accounts.changes++;
}

bool accounts_name_is_right(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= '0' && s[i] <= '9') ||
		      (i && (s[i] == '-' || s[i] == '_' || s[i] == '.'))))
			return false;
	return n && n < ACCOUNT_NAME;
}

const char *accounts_check_name(const char *name, u16 *status)
{
	*status = 422;
	return accounts_name_is_right(name) ? NULL : "name: 1 to 31 letters, digits, '-', '_' or '.'";
}

static const char *check_password(const char *password, u16 *status)
{
	size_t n = strlen(password);

	*status = 422;
	return n >= PASSWORD_MIN && n <= PASSWORD_MAX ? NULL : "password: 10 to 128 bytes";
}

/* 256 random bits as digits, with a prefix by which people and scanners know what they found. */
void accounts_make_secret(const char *prefix, char secret[ACCOUNT_SECRET + 1], u8 hash[32])
{
	u8 bytes[32];
	size_t at = str_copy(secret, ACCOUNT_SECRET + 1, prefix);

	entropy_fill(bytes, sizeof(bytes));
	for (u32 i = 0; i < sizeof(bytes); i++)
		fmt_print(secret + at + 2 * i, ACCOUNT_SECRET + 1 - at - 2 * i, "%02x", bytes[i]);
	tls_sha256(secret, strlen(secret), hash);
}

void accounts_init(void)
{
	memset(&accounts, 0, sizeof(accounts));
	accounts.serial = 1;
	accounts.slow[false].left = SLOW_BURST;
	accounts.slow[true].left = SLOW_BURST_NEAR;
	attempts_init();
	accounts_new_code();
}

u32 accounts_changes(void)
{
	return accounts.changes;
}

u32 accounts_user_count(void)
{
	u32 n = 0;

	for (u32 i = 0; i < ACCOUNT_USERS; i++)
		n += accounts.kept.users[i].name[0] != 0;
	return n;
}

/* --- users
 * -------------------------------------------------------------------------------------------------------------------
 * */

static struct account *find_user(const char *name)
{
	for (u32 i = 0; i < ACCOUNT_USERS; i++)
		if (*name && !strcmp(accounts.kept.users[i].name, name))
			return &accounts.kept.users[i];
	return NULL;
}

static void end_sessions_of(const char *name)
{
	for (u32 i = 0; i < ACCOUNT_SESSIONS; i++)
		if (!strcmp(accounts.session[i].name, name))
			memset(&accounts.session[i], 0, sizeof(accounts.session[i]));
}

/* The slow part first: while it runs, others may change the table. */
const char *accounts_add_user(const char *name, const char *password, struct account_rights rights, u16 *status)
{
	const char *why = accounts_check_name(name, status);
	struct account new = { .role = rights.role, .rounds = accounts_rounds }, *u = NULL;

	why = why ? why : check_password(password, status);
	why = why ? why : accounts_take_rights(rights, new.guests, status);
	if (why)
		return why;
	str_copy(new.name, sizeof(new.name), name);
	entropy_fill(new.salt, sizeof(new.salt));
	tls_slow_hash(password, strlen(password), new.salt, sizeof(new.salt), new.rounds, new.hash);
	*status = 409;
	if (find_user(name))
		return "name: there is a user of this name";
	for (u32 i = 0; i < ACCOUNT_USERS && !u; i++)
		if (!accounts.kept.users[i].name[0])
			u = &accounts.kept.users[i];
	if (!u)
		return "there are 16 users, which is all there can be";
	*u = new;
	accounts_changed();
	return NULL;
}

const char *accounts_set_password(const char *name, const char *password, u16 *status)
{
	const char *why = check_password(password, status);
	struct account *u;
	u8 salt[16], hash[32];

	if (why)
		return why;
	entropy_fill(salt, sizeof(salt));
	tls_slow_hash(password, strlen(password), salt, sizeof(salt), accounts_rounds, hash);
	u = find_user(name);
	*status = 404;
	if (!u)
		return "there is no user of this name";
	memcpy(u->salt, salt, sizeof(salt));
	memcpy(u->hash, hash, sizeof(hash));
	u->rounds = accounts_rounds;
	attempts_forget_name(name);
	end_sessions_of(name);
	accounts_changed();
	return NULL;
}

static u32 admins(void)
{
	u32 n = 0;

	for (u32 i = 0; i < ACCOUNT_USERS; i++)
		n += accounts.kept.users[i].name[0] && accounts.kept.users[i].role == ROLE_ADMIN;
	return n;
}

const char *accounts_remove_user(const char *name, u16 *status)
{
	struct account *u = find_user(name);

	*status = 404;
	if (!u)
		return "there is no user of this name";
	*status = 409;
	if (u->role == ROLE_ADMIN && admins() == 1)
		return "it is the last administrator";
	attempts_forget_name(name);
	memset(u, 0, sizeof(*u));
	end_sessions_of(name);
	accounts_remove_tokens_of(name);
	accounts_changed();
	return NULL;
}

const char *accounts_set_user_rights(const char *name, struct account_rights rights, u16 *status)
{
	char guests[ACCOUNT_GUESTS];
	const char *why = accounts_take_rights(rights, guests, status);
	struct account *u = find_user(name);
	u32 gone;

	if (why)
		return why;
	*status = 404;
	if (!u)
		return "there is no user of this name";
	*status = 409;
	if (u->role == ROLE_ADMIN && rights.role != ROLE_ADMIN && admins() == 1)
		return "it is the last administrator";
	u->role = rights.role;
	memcpy(u->guests, guests, sizeof(guests));
	end_sessions_of(name);
	gone = accounts_remove_tokens_beyond(name, (struct account_rights){ rights.role, guests });
	if (gone)
		log_notice("web: user %s: %u tokens that could do more are removed", u->name, gone);
	accounts_changed();
	return NULL;
}

bool accounts_user(u32 n, u64 now, struct account_view *v)
{
	for (u32 i = 0; i < ACCOUNT_USERS; i++) {
		const struct account *u = &accounts.kept.users[i];

		if (!u->name[0] || n--)
			continue;
		*v = (struct account_view){ .name = u->name, .owner = "", .guests = u->guests, .role = u->role,
			.locked = attempts_locked_everywhere(u->name, now) };
		return true;
	}
	return false;
}

/* --- the first one ------------------------------------------------------------------------------------------- */

/* 80 bits without letters that are read wrongly. */
void accounts_new_code(void)
{
	static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
	u8 bytes[16];
	u32 at = 0;

	entropy_fill(bytes, sizeof(bytes));
	for (u32 i = 0; i < sizeof(bytes); i++) {
		if (i && i % 4 == 0)
			accounts.code[at++] = '-';
		accounts.code[at++] = letters[bytes[i] % 32];
	}
	accounts.code[at] = 0;
	accounts.code_failures = 0;
}

const char *accounts_code(void)
{
	return accounts.code;
}

static bool code_is_right(const char *code)
{
	size_t n = strlen(accounts.code);

	return n && strlen(code) == n && tls_same(code, accounts.code, n);
}

const char *accounts_enrol(const char *code, const char *name, const char *password, u64 now, u16 *status)
{
	char used[ENROL_CODE];
	const char *why;

	/* The right one is always taken: who sends wrong ones, of 80 bits, keeps nobody out. */
	if (!code_is_right(code)) {
		*status = 429;
		if (now < accounts.code_locked)
			return "too many wrong codes: wait a minute";
		*status = 403;
		if (++accounts.code_failures % 5 == 0)
			accounts.code_locked = now + 60 * timebase.tsc_hz;
		return accounts.code[0] ? "the code is wrong: the console shows it (`web`)" :
					  "no code is in use: `web enrol` on the console makes one";
	}
	/* Used up before the slow part: nobody comes in by it a second time meanwhile. */
	str_copy(used, sizeof(used), accounts.code);
	accounts.code[0] = 0;
	why = find_user(name) ? accounts_set_password(name, password, status) :
				accounts_add_user(name, password, (struct account_rights){ ROLE_ADMIN, "" }, status);
	if (why) {
		str_copy(accounts.code, sizeof(accounts.code), used);
	} else if (find_user(name)) {
		find_user(name)->role = ROLE_ADMIN;
		find_user(name)->guests[0] = 0;
	}
	return why;
}

/* --- logging in ---------------------------------------------------------------------------------------------- */

/* Slow hashes come from buckets, so that they leave time for others; the last ones of the strangers' are for newcomers. */
static bool may_hash(struct account_caller by, u64 now)
{
	struct account_bucket *b = &accounts.slow[by.near];
	u64 each = MAX(timebase.tsc_hz / SLOW_A_SECOND, accounts.hash_ticks * SLOW_SHARE);
	u64 gained = (now - b->at) / each;
	u64 at_once = SLOW_BURST_S * timebase.tsc_hz / MAX(accounts.hash_ticks, 1ul);
	u64 most = MIN(by.near ? SLOW_BURST_NEAR : SLOW_BURST, MAX(at_once, SLOW_NEWCOMERS + 1ul));

	b->left = (u32)MIN(b->left + gained, most);
	if (gained)
		b->at = now;
	if (b->left <= (!by.near && attempts_suspect(by.source, now) ? SLOW_NEWCOMERS : 0))
		return false;
	b->left--;
	return true;
}

static void count_failure(const struct account *u, const char *name, u64 source, u64 now)
{
	u64 wait = attempts_failed(name, source, now);

	if (u && wait)
		log_notice("web: user %s: too many wrong passwords: no log-in for %lu s", u->name, wait);
}

/* Unknown users cost the same time and are locked alike, so that nobody learns who is one. A locked one is open to the last
 * administrator's address. */
const char *accounts_login(const char *name, const char *password, struct account_caller by, u64 now,
			   struct identity *who, char secret[ACCOUNT_SECRET + 1], u16 *status)
{
	static const u8 nobody[16] = "no such user";
	struct account *u = find_user(name);
	u8 hash[32];
	bool right;
	u64 begun;

	*status = 429;
	if ((!by.near && attempts_locked(name, by.source, now)) || !may_hash(by, now))
		return "too many attempts: wait, then try again";
	begun = web_now();
	tls_slow_hash(password, strlen(password), u ? u->salt : nobody, sizeof(nobody), u ? u->rounds : accounts_rounds,
		hash);
	accounts.hash_ticks = web_now() - begun;
	u = find_user(name);		/* it may be gone, or another */
	right = u && tls_same(hash, u->hash, sizeof(hash));
	*status = 401;
	if (!right) {
		count_failure(u, name, by.source, web_now());
		return "user or password is wrong";
	}
	attempts_forget(name, by.source);
	session_begin(u, web_now(), who, secret);
	return NULL;
}
