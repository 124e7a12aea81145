/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Who may do what: users with passwords, API tokens, sessions of browsers. Passwords are hashed slowly; tokens and
 * sessions are 256
 * random bits, of which only the hash is kept. Web fiber, but for what is marked. */

#include "http.h"

#include <hv/types.h>

#define ACCOUNT_NAME 32u
#define ACCOUNT_USERS 16u
#define ACCOUNT_TOKENS 32u
#define ACCOUNT_SESSIONS 32u
#define ACCOUNT_GUESTS 128u
#define ACCOUNT_SECRET 68u		/* "bhk_" and 64 digits */
#define ENROL_CODE 24u			/* "ABCD-EFGH-JKLM-NPQR" */
#define PASSWORD_MIN 10u
#define PASSWORD_MAX 128u

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN, ROLES };
extern const char *const role_word[ROLES];

/* What somebody may do, and with which guests: their names, a blank between them; "": with all, and with the machine. */
struct account_rights {
	enum role role;
	const char *guests;
};

enum identity_kind { BY_NOTHING, BY_SESSION, BY_TOKEN };
struct identity {
	enum identity_kind kind;
	enum role role;
	u32 index;
	u64 serial;			/* of the session or token: another one in its place has another */
	char name[ACCOUNT_NAME];
	char owner[ACCOUNT_NAME];	/* the user; of a token, whose it is */
	char guests[ACCOUNT_GUESTS];	/* account_rights.guests */
};

/* From where somebody logs in. */
struct account_caller {
	u64 source;			/* attempts_source() */
	bool near;			/* an administrator was there last */
};

/* Nobody is known; a new code. */
void accounts_init(void);

/* Put back what was kept; false: it makes no sense. And what is to be kept, in *n bytes; each change has another
 * number. */
bool accounts_restore(const void *kept, size_t n);
const void *accounts_keep(size_t *n);
u32 accounts_changes(void);
u32 accounts_user_count(void);

/* The one-time code; "": used up, or there are users. A new one: the console's operator asked (event loop). */
const char *accounts_code(void);
void accounts_new_code(void);

/* What a request says about who sends it: a session's cookie, or a token. */
void accounts_identify(const struct http_request *r, u64 now, struct identity *who);

/* Still so? For streams. */
bool accounts_valid(const struct identity *who, u64 now);

/* The session's token against forged requests; tokens need none. */
bool accounts_csrf_right(const struct identity *who, const char *token);
const char *accounts_csrf(const struct identity *who);

/* They may have to do with this guest. */
bool accounts_is_for(const struct identity *who, const char *guest);

/* Of all below: null when done, else why not, in words; *status is what HTTP says. */

/* The first administrator. */
const char *accounts_enrol(const char *code, const char *name, const char *password, u64 now, u16 *status);

/* A new session; its secret for the cookie into secret. */
const char *accounts_login(const char *name, const char *password, struct account_caller by, u64 now,
			   struct identity *who, char secret[ACCOUNT_SECRET + 1], u16 *status);
void accounts_logout(const struct identity *who);

const char *accounts_add_user(const char *name, const char *password, struct account_rights rights, u16 *status);
const char *accounts_set_password(const char *name, const char *password, u16 *status);
const char *accounts_remove_user(const char *name, u16 *status);
/* Other rights instead of all that they had; sessions and streams by the old ones end. A user's tokens that may do more than their
 * user from then on go. */
const char *accounts_set_user_rights(const char *name, struct account_rights rights, u16 *status);
const char *accounts_set_token_rights(const char *name, struct account_rights rights, u16 *status);
const char *accounts_add_token(const char *name, struct account_rights rights, u32 days, const char *owner, u64 wall_s,
			       char secret[ACCOUNT_SECRET + 1], u16 *status);
const char *accounts_remove_token(const char *name, u16 *status);

/* The nth; false: no more. */
struct account_view {
	const char *name, *owner, *guests;
	enum role role;
	u64 expires;			/* seconds since 1970; 0: never */
	bool locked;
};
bool accounts_user(u32 n, u64 now, struct account_view *v);
bool accounts_token(u32 n, struct account_view *v);

enum role role_of(const char *word);	/* ROLE_NONE: it is none */
