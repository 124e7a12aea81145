/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between accounts.c (users, codes), sessions.c (sessions, tokens), accounts_kept.c (what lasts of them). */

#include "accounts.h"

struct account {
	char name[ACCOUNT_NAME];	/* "": nobody */
	u32 role, rounds;
	u8 salt[16], hash[32];
	char guests[ACCOUNT_GUESTS];
};

struct account_token {
	char name[ACCOUNT_NAME], owner[ACCOUNT_NAME];
	u32 role, reserved;
	u64 expires, serial;
	u8 hash[32];
	char guests[ACCOUNT_GUESTS];
};

/* As it is kept. */
struct accounts_kept {
	char magic[8];
	u32 sum, reserved;
	struct account users[ACCOUNT_USERS];
	struct account_token tokens[ACCOUNT_TOKENS];
};

/* So many slow hashes may be computed now. */
struct account_bucket {
	u32 left;
	u64 at;				/* TSC of the last that came in */
};

struct session {
	char name[ACCOUNT_NAME];	/* "": none */
	u64 serial, ends, idle_ends;	/* TSC */
	u8 hash[32];
	char csrf[33];
};

struct accounts {
	struct accounts_kept kept;
	struct session session[ACCOUNT_SESSIONS];
	u64 serial;
	u32 changes;
	char code[ENROL_CODE];
	u32 code_failures;
	u64 code_locked;
	struct account_bucket slow[2];	/* of strangers; of the last administrator's address */
	u64 hash_ticks;			/* how long the last slow hash took, with what else was done meanwhile */
};
extern struct accounts accounts;
extern u32 accounts_rounds;		/* of PBKDF2, for passwords from now on */

void accounts_changed(void);
bool accounts_name_is_right(const char *s);

/* accounts_kept.c: the names of guests, with one blank between them, into to; null, or what is wrong with the rights. */
const char *accounts_take_rights(struct account_rights rights, char to[ACCOUNT_GUESTS], u16 *status);
const char *accounts_check_name(const char *name, u16 *status);
void accounts_make_secret(const char *prefix, char secret[ACCOUNT_SECRET + 1], u8 hash[32]);
void accounts_remove_tokens_of(const char *owner);
/* Those that may do more than that. Returns how many. */
u32 accounts_remove_tokens_beyond(const char *owner, struct account_rights rights);
void session_begin(const struct account *u, u64 now, struct identity *who, char secret[ACCOUNT_SECRET + 1]);
