/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between accounts.c (users, codes) and sessions.c (sessions, tokens). */

#include "accounts.h"

struct account {
	char name[ACCOUNT_NAME];	/* "": nobody */
	u32 role, rounds;
	u8 salt[16], hash[32];
};

struct account_token {
	char name[ACCOUNT_NAME], owner[ACCOUNT_NAME];
	u32 role, reserved;
	u64 expires, serial;
	u8 hash[32];
};

/* As it is kept. */
struct accounts_kept {
	char magic[8];
	u32 sum, reserved;
	struct account users[ACCOUNT_USERS];
	struct account_token tokens[ACCOUNT_TOKENS];
};

struct account_guard {
	u32 failures;
	u64 until;			/* TSC: no log-in before */
};

struct session {
	char name[ACCOUNT_NAME];	/* "": none */
	u64 serial, ends, idle_ends;	/* TSC */
	u8 hash[32];
	char csrf[33];
};

struct accounts {
	struct accounts_kept kept;
	struct account_guard guard[ACCOUNT_USERS];
	struct session session[ACCOUNT_SESSIONS];
	u64 serial;
	u32 changes;
	char code[ENROL_CODE];
	u32 code_failures;
	u64 code_locked;
	u32 slow_left;
	u64 slow_at;
};
extern struct accounts accounts;

void accounts_changed(void);
const char *accounts_check_name(const char *name, u16 *status);
void accounts_make_secret(const char *prefix, char secret[ACCOUNT_SECRET + 1], u8 hash[32]);
void accounts_remove_tokens_of(const char *owner);
void session_begin(const struct account *u, u64 now, struct identity *who, char secret[ACCOUNT_SECRET + 1]);
