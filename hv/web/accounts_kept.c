/* SPDX-License-Identifier: Apache-2.0 */
/* Users and tokens as they are kept, and what must be true of them. */
#include "accounts_int.h"
#include "tls.h"

#include <hv/lib.h>

#define ROUNDS_MAX 10000000u

static const char magic[8] = "BHACC02", magic_1[8] = "BHACC01";

/* As the first version kept them: nobody was limited to some guests. */
struct kept_1 {
	char magic[8];
	u32 sum, reserved;
	u8 users[ACCOUNT_USERS][offsetof(struct account, guests)];
	u8 tokens[ACCOUNT_TOKENS][offsetof(struct account_token, guests)];
};

static u32 sum_of(const void *kept, size_t n)
{
	size_t head = offsetof(struct accounts_kept, users);
	u8 sum[32];
	u32 first;

	tls_sha256((const u8 *)kept + head, n - head, sum);
	memcpy(&first, sum, sizeof(first));
	return first;
}

static bool is_role(u32 role)
{
	return role != ROLE_NONE && role < ROLES;
}

/* --- which guests -------------------------------------------------------------------------------------------- */

static size_t word_length(const char *s)
{
	size_t n = 0;

	while (s[n] && s[n] != ' ' && s[n] != ',')
		n++;
	return n;
}

const char *accounts_take_rights(struct account_rights rights, char to[ACCOUNT_GUESTS], u16 *status)
{
	char word[ACCOUNT_NAME];
	size_t at = 0, n;

	*status = 422;
	to[0] = 0;
	if (!is_role(rights.role))
		return "role: viewer, operator or admin";
	for (const char *s = rights.guests; *s; s += n ? n : 1) {
		n = word_length(s);
		if (!n)
			continue;
		if (n >= sizeof(word))
			return "guests: a name is too long";
		memcpy(word, s, n);
		word[n] = 0;
		if (!accounts_name_is_right(word))
			return "guests: names of guests, with blanks between them";
		if (at + n + 2 > ACCOUNT_GUESTS)
			return "guests: at most 127 bytes of names";
		at += (size_t)fmt_print(to + at, ACCOUNT_GUESTS - at, "%s%s", at ? " " : "", word);
	}
	if (at && rights.role == ROLE_ADMIN)
		return "guests: an administrator's are all";
	if (!at && *rights.guests)
		return "guests: no name is in it";
	return NULL;
}

bool accounts_is_for(const struct identity *who, const char *guest)
{
	size_t n = strlen(guest), length;

	if (!who->guests[0])
		return true;
	for (const char *s = who->guests; *s; s += length + (s[length] == ' ')) {
		length = word_length(s);
		if (length == n && !memcmp(s, guest, n))
			return true;
	}
	return false;
}

/* --- kept ---------------------------------------------------------------------------------------------------- */

static bool is_string(const char *s)
{
	return strnlen(s, ACCOUNT_NAME) < ACCOUNT_NAME;
}

static bool are_rights(u32 role, const char guests[ACCOUNT_GUESTS])
{
	char plain[ACCOUNT_GUESTS];
	u16 status;

	if (!is_role(role) || strnlen(guests, ACCOUNT_GUESTS) == ACCOUNT_GUESTS)
		return false;
	return !accounts_take_rights((struct account_rights){ (enum role)role, guests }, plain, &status) &&
	       !strcmp(plain, guests);
}

/* Whoever can write to the disk can make the sum right, too. */
static bool makes_sense(const struct accounts_kept *k)
{
	for (u32 i = 0; i < ACCOUNT_USERS; i++) {
		const struct account *u = &k->users[i];

		if (!is_string(u->name) || (u->name[0] && (!accounts_name_is_right(u->name) ||
		    !are_rights(u->role, u->guests) || !u->rounds || u->rounds > ROUNDS_MAX)))
			return false;
	}
	for (u32 i = 0; i < ACCOUNT_TOKENS; i++) {
		const struct account_token *t = &k->tokens[i];

		if (!is_string(t->name) || !is_string(t->owner) || (t->name[0] && (!accounts_name_is_right(t->name) ||
		    !are_rights(t->role, t->guests))))
			return false;
	}
	return true;
}

static bool take_first_version(const struct kept_1 *from, struct accounts_kept *k)
{
	if (memcmp(from->magic, magic_1, sizeof(magic_1)) || from->sum != sum_of(from, sizeof(*from)))
		return false;
	memset(k, 0, sizeof(*k));
	for (u32 i = 0; i < ACCOUNT_USERS; i++)
		memcpy(&k->users[i], from->users[i], sizeof(from->users[i]));
	for (u32 i = 0; i < ACCOUNT_TOKENS; i++)
		memcpy(&k->tokens[i], from->tokens[i], sizeof(from->tokens[i]));
	return true;
}

static bool take(const void *kept, size_t n, struct accounts_kept *k)
{
	if (n == sizeof(struct kept_1))
		return take_first_version(kept, k);
	if (n != sizeof(*k))
		return false;
	memcpy(k, kept, sizeof(*k));
	return !memcmp(k->magic, magic, sizeof(magic)) && k->sum == sum_of(k, sizeof(*k));
}

bool accounts_restore(const void *kept, size_t n)
{
	static struct accounts_kept k;

	if (!take(kept, n, &k) || !makes_sense(&k))
		return false;
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
	k->sum = sum_of(k, sizeof(*k));
	*n = sizeof(*k);
	return k;
}
