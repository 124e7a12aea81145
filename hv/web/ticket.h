/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A request whose answer comes later: the connection waits with a ticket, the event loop writes onto it how it went
 * (hv/control/requests.h), the fiber then answers. A client that goes leaves its ticket behind; it is free when the
 * answer has come. Control core. */

#include "hv/control/requests.h"

#include <hv/storage.h>

#define TICKETS 8u
#define TICKET_LINES 8u

struct answer;
struct ticket {
	bool used, done, orphan;
	enum request_answer how;	/* DONE, REFUSED or LOST */
	u16 status;			/* of a refusal, where it is not what the lines say; 0 */
	char who[48];			/* struct request's */
	char guest[VOLUME_NAME_SIZE];	/* or volume, whose names are longer */
	bool tagged;			/* the client has said which version it has seen */
	u64 tag;
	u32 lines;
	char line[TICKET_LINES][256];	/* errors of the plan: "error ID: FILE:LINE: KEY: words" */
	char text[256];			/* the last word */
	void (*finish)(struct answer *a, const struct ticket *t);	/* put the answer of what was done */
};

/* Null: none is free. */
struct ticket *ticket_take(const char *who);
void ticket_drop(struct ticket *t);

/* request_answer_fn, with the ticket as its arg; volume_ended_fn. Event loop. */
void ticket_answered(void *ticket, enum request_answer how, const char *text);
void ticket_ended(void *ticket, const char *why);

/* Whoever asked goes away. */
void ticket_leave(struct ticket *t);

/* The parts of an error's line: false: it is none. key: "" where it is about the guest as a whole. */
struct ticket_error {
	char id[24], key[80];
	const char *words;
};
bool ticket_error_of(const char *line, const char *guest, struct ticket_error *e);
