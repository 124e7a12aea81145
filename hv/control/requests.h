/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What an operator wants done to guests, from wherever: shell, later API and page. Two kinds. What is done or refused at once
 * (start, stop ...) is a call. What changes the plan waits in one queue and is served in turn, one at a time, each to its end:
 * done, or all as it was; the answer goes to who asked. Control core. */

#include "lifecycle.h"

enum request_op { REQUEST_CREATE, REQUEST_COPY, REQUEST_PLACE, REQUEST_SET, REQUEST_REPLACE, REQUEST_DELETE };
/* One more line of why not; the last word. LOST: it was neither done nor is all as it was: the text says what is left. */
enum request_answer { ANSWER_LINE, ANSWER_DONE, ANSWER_REFUSED, ANSWER_LOST };

typedef void request_answer_fn(void *arg, enum request_answer answer, const char *text);

struct request {
	enum request_op op;
	char guest[PLAN_NAME_SIZE];	/* whom; COPY: the new one's name; CREATE: its text has it */
	char from[PLAN_NAME_SIZE];	/* COPY: of whom */
	u32 size;
	char text[PLAN_TABLE_SIZE_MAX];	/* CREATE, REPLACE: a table [guest.NAME]; SET, COPY: what is different in it */
	const struct plan_guest *place;	/* PLACE: what is created; stays until the answer */
	const char *who;		/* "shell": stays until the answer */
	/* When its turn has come: null, or why it is not wanted any more. May be null. */
	const char *(*still)(void *arg);
	request_answer_fn *answer;	/* out of requests_serve() only */
	void *arg;
};

#define REQUESTS_MAX 4u

void requests_init(void);

/* Copied. false: so many wait already. */
bool request_put(const struct request *r);

/* The first one's turn. true: some wait, or one is under way. Out of the event loop's turn. */
bool requests_serve(void);

/* A change has begun and not ended: neither files nor RAM may go meanwhile. */
bool requests_under_way(void);

/* Null, or that the plan has g locked; then the log says who tried. */
const char *request_locked(const struct guest *g, enum life_event event, const char *who);

/* START .. RESUME, BALLOON of g for who: null when it was begun, else why not. seconds: LIFE_STOP's. */
const char *request_now(struct guest *g, enum life_event event, u32 seconds, const char *who, u64 now);
