/* SPDX-License-Identifier: Apache-2.0 */
#include "accounts.h"

#include "accounts_int.h"
#include "entropy.h"
#include "tls.h"
#include "web_int.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#define ROUNDS_PBKDF2 200000u
#define FAILURES_FREE 4u		/* wrong passwords in a row that cost nothing; each further doubles the wait */
#define LOCK_S 15ul
#define LOCK_S_MAX 900ul
#define SLOW_BURST 4u			/* slow hashes for strangers at once, and how many more a second */
#define SLOW_A_SECOND 2ul

const char *const role_word[ROLES] = { "none", "viewer", "operator", "admin" };
static const char magic[8] = "BHACC01";

struct accounts accounts;

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

static bool name_is_right(const char *s)
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
	return name_is_right(name) ? NULL : "name: 1 to 31 letters, digits, '-', '_' or '.'";
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

/* --- kept
 * --------------------------------------------------------------------------------------------------------------------
 * */

static u32 sum_of(const struct accounts_kept *k)
{
	u8 sum[32];
	u32 first;

	tls_sha256((const u8 *)k + offsetof(struct accounts_kept, users), sizeof(*k) - offsetof(struct accounts_kept,
		users), sum);
	memcpy(&first, sum, sizeof(first));
	return first;
}

void accounts_init(void)
{
	memset(&accounts, 0, sizeof(accounts));
	accounts.serial = 1;
	accounts.slow_left = SLOW_BURST;
	accounts_new_code();
}

bool accounts_restore(const void *kept, size_t n)
{
	static struct accounts_kept k;

	if (n != sizeof(k))
		return false;
	memcpy(&k, kept, sizeof(k));
	if (memcmp(k.magic, magic, sizeof(magic)) || k.sum != sum_of(&k))
		return false;
	for (u32 i = 0; i < ACCOUNT_USERS; i++)
		k.users[i].name[ACCOUNT_NAME - 1] = 0;
	for (u32 i = 0; i < ACCOUNT_TOKENS; i++)
		k.tokens[i].name[ACCOUNT_NAME - 1] = k.tokens[i].owner[ACCOUNT_NAME - 1] = 0;
	for (u32 i = 0; i < ACCOUNT_TOKENS; i++)
		accounts.serial = MAX(accounts.serial, k.tokens[i].serial + 1);
	accounts.kept = k;
	if (accounts_user_count())
		accounts.code[0] = 0;
	return true;
}

const void *accounts_keep(size_t *n)
{
	struct accounts_kept *k = &accounts.kept;

	memcpy(k->magic, magic, sizeof(magic));
	k->sum = sum_of(k);
	*n = sizeof(*k);
	return k;
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
const char *accounts_add_user(const char *name, const char *password, enum role role, u16 *status)
{
	const char *why = accounts_check_name(name, status);
	struct account new = { .role = role, .rounds = ROUNDS_PBKDF2 }, *u = NULL;

	why = why ? why : check_password(password, status);
	if (why)
		return why;
	if (role == ROLE_NONE)
		return "role: viewer, operator or admin";
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
	tls_slow_hash(password, strlen(password), salt, sizeof(salt), ROUNDS_PBKDF2, hash);
	u = find_user(name);
	*status = 404;
	if (!u)
		return "there is no user of this name";
	memcpy(u->salt, salt, sizeof(salt));
	memcpy(u->hash, hash, sizeof(hash));
	u->rounds = ROUNDS_PBKDF2;
	accounts.guard[u - accounts.kept.users] = (struct account_guard){ 0 };
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
	accounts.guard[u - accounts.kept.users] = (struct account_guard){ 0 };
	memset(u, 0, sizeof(*u));
	end_sessions_of(name);
	accounts_remove_tokens_of(name);
	accounts_changed();
	return NULL;
}

bool accounts_user(u32 n, u64 now, struct account_view *v)
{
	for (u32 i = 0; i < ACCOUNT_USERS; i++) {
		const struct account *u = &accounts.kept.users[i];

		if (!u->name[0] || n--)
			continue;
		*v = (struct account_view){ .name = u->name, .owner = "", .role = u->role,
			.locked = accounts.guard[i].until > now };
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

	*status = 429;
	if (now < accounts.code_locked)
		return "too many wrong codes: wait a minute";
	*status = 403;
	if (!code_is_right(code)) {
		if (++accounts.code_failures % 5 == 0)
			accounts.code_locked = now + 60 * timebase.tsc_hz;
		return accounts.code[0] ? "the code is wrong: the console shows it (`web`)" :
					  "no code is in use: `web enrol` on the console makes one";
	}
	/* Used up before the slow part: nobody comes in by it a second time meanwhile. */
	str_copy(used, sizeof(used), accounts.code);
	accounts.code[0] = 0;
	why = find_user(name) ? accounts_set_password(name, password, status) :
				accounts_add_user(name, password, ROLE_ADMIN, status);
	if (why)
		str_copy(accounts.code, sizeof(accounts.code), used);
	else if (find_user(name))
		find_user(name)->role = ROLE_ADMIN;
	return why;
}

/* --- logging in ---------------------------------------------------------------------------------------------- */

/* Strangers' slow hashes come from a bucket, so that they leave time for others. */
static bool may_hash(bool near, u64 now)
{
	u64 gained = ticks_to_ns(now - accounts.slow_at) * SLOW_A_SECOND / NS_PER_S;

	if (gained) {
		accounts.slow_left = (u32)MIN(accounts.slow_left + gained, (u64)SLOW_BURST);
		accounts.slow_at = now;
	}
	if (near)
		return true;
	if (!accounts.slow_left)
		return false;
	accounts.slow_left--;
	return true;
}

static void count_failure(u32 index, u64 now)
{
	struct account_guard *g = &accounts.guard[index];
	u64 wait = LOCK_S;

	if (++g->failures <= FAILURES_FREE)
		return;
	wait <<= MIN(g->failures - FAILURES_FREE - 1, 6u);
	g->until = now + MIN(wait, LOCK_S_MAX) * timebase.tsc_hz;
	log_notice("web: user %s: %u wrong passwords in a row: no log-in for %lu s", accounts.kept.users[index].name,
		g->failures,
		   MIN(wait, LOCK_S_MAX));
}

/* Unknown users cost the same time, so that nobody learns who is one. A locked one is open to the last administrator's
 * address. */
const char *accounts_login(const char *name, const char *password, bool near, u64 now, struct identity *who,
			   char secret[ACCOUNT_SECRET + 1], u16 *status)
{
	static const u8 nobody[16] = "no such user";
	struct account *u = find_user(name);
	u32 index = u ? (u32)(u - accounts.kept.users) : 0;
	u8 hash[32];
	bool right;

	*status = 429;
	if ((u && !near && now < accounts.guard[index].until) || !may_hash(near, now))
		return "too many attempts: wait, then try again";
	tls_slow_hash(password, strlen(password), u ? u->salt : nobody, sizeof(nobody), u ? u->rounds : ROUNDS_PBKDF2,
		hash);
	u = find_user(name);		/* it may be gone, or another */
	right = u && tls_same(hash, u->hash, sizeof(hash));
	*status = 401;
	if (!right) {
		if (u)
			count_failure((u32)(u - accounts.kept.users), web_now());
		return "user or password is wrong";
	}
	accounts.guard[u - accounts.kept.users] = (struct account_guard){ 0 };
	session_begin(u, web_now(), who, secret);
	return NULL;
}
