/* SPDX-License-Identifier: Apache-2.0 */
#include "ticket.h"

#include "server.h"

#include <hv/lib.h>

static struct ticket tickets[TICKETS];

struct ticket *ticket_take(const char *who)
{
	for (u32 i = 0; i < TICKETS; i++) {
		struct ticket *t = &tickets[i];

		if (t->used)
			continue;
		memset(t, 0, sizeof(*t));
		t->used = true;
		fmt_print(t->who, sizeof(t->who), "API (%.31s)", who);
		return t;
	}
	return NULL;
}

void ticket_drop(struct ticket *t)
{
	t->used = false;
}

void ticket_answered(void *ticket, enum request_answer how, const char *text)
{
	struct ticket *t = ticket;

	if (how == ANSWER_LINE) {
		if (t->lines < TICKET_LINES)
			str_copy(t->line[t->lines++], sizeof(t->line[0]), text);
		return;
	}
	t->how = how;
	str_copy(t->text, sizeof(t->text), text);
	t->done = true;
	if (t->orphan)
		ticket_drop(t);
	else
		server_wake();
}

void ticket_ended(void *ticket, const char *why)
{
	ticket_answered(ticket, why ? ANSWER_REFUSED : ANSWER_DONE, why ? why : "");
}

void ticket_leave(struct ticket *t)
{
	if (t->done)
		ticket_drop(t);
	else
		t->orphan = true;
}

/* From at up to ": ", into to. Null: there is none, or it is too long. */
static const char *take_part(const char *at, char *to, size_t size)
{
	const char *end = at;

	while (*end && !(end[0] == ':' && end[1] == ' '))
		end++;
	if (!*end || (size_t)(end - at) >= size)
		return NULL;
	memcpy(to, at, (size_t)(end - at));
	to[end - at] = 0;
	return end + 2;
}

bool ticket_error_of(const char *line, const char *guest, struct ticket_error *e)
{
	size_t n = strlen(guest);
	char key[sizeof(e->key)], place[80];
	const char *at = line;

	if (strncmp(at, "error ", 6))
		return false;
	at = take_part(at + 6, e->id, sizeof(e->id));
	at = at ? take_part(at, place, sizeof(place)) : NULL;
	at = at ? take_part(at, key, sizeof(key)) : NULL;
	if (!at)
		return false;
	e->words = at;
	at = key;
	if (n && !strncmp(key, "guest.", 6) && !strncmp(key + 6, guest, n) && (key[6 + n] == '.' || !key[6 + n]))
		at = key + 6 + n + (key[6 + n] == '.');
	str_copy(e->key, sizeof(e->key), at);
	return true;
}
