/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/guests/NAME/console as a WebSocket: binary messages are bytes of the console, first what is recorded of it,
 * then as they come; what the client sends is typed. Text messages, from here only, are JSON: why nothing was typed, that the
 * record is at its end (live), who else looks and who types (people). */
#include "answer.h"
#include "server.h"
#include "web_int.h"
#include "ws_stream.h"

#include "hv/control/lifecycle.h"

#include <hv/lib.h>
#include <hv/time.h>

#define PIECE 2048u
#define PIECES_A_TURN 4u
#define NOTE_MAX 200u
#define PORT_FIRMWARE ~0u		/* stream_port: what firmware logs */

static struct ws_writer writers[PLAN_GUESTS_MAX];

static u64 people_changed[PLAN_GUESTS_MAX];	/* counts who comes, goes and begins to type */

/* stream_at[]: position; refusal told until TSC; notes are asked for (1), the record's end was told (2);
 * people_changed as told, and 1 */
enum { AT_RECORD, AT_TOLD, AT_NOTES, AT_PEOPLE };

static const struct stream_ops ops;

static void begin_note(struct out *o, char text[NOTE_MAX], const char *event)
{
	out_init(o, text, NOTE_MAX);
	json_open(o, NULL, '{');
	json_text(o, "event", event);
}

static void put_note(struct web_conn *c, struct out *o)
{
	json_close(o, '}');
	if (!o->cut)
		ws_stream_put(c, WS_TEXT, o->to, (u32)o->at);
}

static void put_refusal(struct web_conn *c, const char *detail)
{
	char text[NOTE_MAX];
	struct out o;

	begin_note(&o, text, "refused");
	json_text(&o, "detail", detail);
	put_note(c, &o);
}

/* How many look at what this one looks at, and who types. */
static void put_people(struct web_conn *c)
{
	const struct web_conn *writer = writers[c->stream_guest].c;
	char text[NOTE_MAX];
	struct out o;
	u64 n = 0;

	for (u32 i = 0; i < WEB_CONNECTIONS; i++) {
		const struct web_conn *other = server_conn(i);

		n += other && other->stream == &ops && other->stream_guest == c->stream_guest &&
		     other->stream_port == c->stream_port;
	}
	begin_note(&o, text, "people");
	json_u64(&o, "viewers", n);
	json_text(&o, "writer", writer ? writer->who.name : "");
	json_bool(&o, "you", writer == c);
	put_note(c, &o);
}

static void put_news(struct web_conn *c, bool at_end, u64 now)
{
	struct ws_writer *w = &writers[c->stream_guest];
	char text[NOTE_MAX];
	struct out o;

	if (w->c && now >= w->until) {
		w->c = NULL;
		people_changed[c->stream_guest]++;
	}
	if (!c->stream_at[AT_NOTES])
		return;
	if (at_end && c->stream_at[AT_NOTES] == 1) {
		c->stream_at[AT_NOTES] = 2;
		begin_note(&o, text, "live");
		put_note(c, &o);
	}
	if (c->stream_at[AT_PEOPLE] == people_changed[c->stream_guest] + 1)
		return;
	c->stream_at[AT_PEOPLE] = people_changed[c->stream_guest] + 1;
	put_people(c);
}

static const struct console_ring *record_of(const struct web_conn *c, const struct guest *g)
{
	if (c->stream_port == PORT_FIRMWARE)
		return g->firmware_log;
	return c->stream_port ? g->port[c->stream_port - 1].record : g->console;
}

/* The guest may be another one of the same name by now. */
static bool has_port(const struct web_conn *c, const struct guest *g)
{
	return c->stream_port == PORT_FIRMWARE ? g->firmware_log != NULL : c->stream_port <= g->port_count;
}

static bool more(struct web_conn *c, u64 now)
{
	const struct guest *g = ws_stream_guest(c);
	u8 bytes[PIECE];
	bool at_end = false;

	if (!ws_stream_lives(c, now))
		return true;
	if (!has_port(c, g)) {
		ws_stream_close(c, WS_GOING_AWAY, "the guest has no such port any more");
		return true;
	}
	if (c->stream_at[AT_RECORD] > load_acquire(&record_of(c, g)->head))
		c->stream_at[AT_RECORD] = 0;	/* it was started anew */
	for (u32 i = 0; i < PIECES_A_TURN; i++) {
		size_t n = console_ring_read(record_of(c, g), &c->stream_at[AT_RECORD], bytes, sizeof(bytes));

		at_end = !n;
		if (at_end)
			break;
		if (!ws_stream_put(c, WS_BINARY, bytes, (u32)n))
			return false;
	}
	put_news(c, at_end, now);
	return true;
}

static bool may_write(struct web_conn *c, u64 now)
{
	struct ws_writer *w = &writers[c->stream_guest];
	const struct web_conn *before = w->c;
	const char *why = c->stream_port == PORT_FIRMWARE ? "firmware's log is only read" : ws_writer_claim(w, c, now);

	if (!why) {
		people_changed[c->stream_guest] += before != c;
		return true;
	}
	if (now >= c->stream_at[AT_TOLD])
		put_refusal(c, why);
	c->stream_at[AT_TOLD] = now + timebase.tsc_hz;
	return false;
}

/* What does not fit into the guest's ring waits in the connection. */
static u32 data(void *arg, const u8 *bytes, u32 n)
{
	struct web_conn *c = arg;
	struct guest *g = ws_stream_guest(c);
	struct input_ring *to;
	u32 put = 0;

	if (!g || !has_port(c, g) || !may_write(c, web_now()) || !life_listens(g))
		return n;
	to = c->stream_port ? g->port[c->stream_port - 1].input : g->input;
	while (put < n && input_ring_put(to, bytes[put]))
		put++;
	if (put) {
		fetch_or(&g->events, (u32)GUEST_EVENT_INPUT);
		vcpu_request(g, 0, REQ_EVENTS);
	}
	return put;
}

static u32 take(struct web_conn *c, u8 *bytes, u32 n)
{
	return ws_stream_take(c, bytes, n, data);
}

static void end(struct web_conn *c)
{
	ws_writer_leave(&writers[c->stream_guest], c);
	people_changed[c->stream_guest]++;
}

static const struct stream_ops ops = { .more = more, .take = take, .end = end };

/* ?port= or ?firmware= of a guest onto the connection. Null: said that there is none. */
static struct guest *choose_port(struct answer *a)
{
	struct guest *g = answer_guest(a);
	u64 port = 0, firmware = 0;

	if (!g)
		return NULL;
	if (!http_query_number(a->r, "port", g->port_count, &port)) {
		answer_problem(a, 404, "port", "port: 0, the console, to %u", g->port_count);
		return NULL;
	}
	if (!http_query_number(a->r, "firmware", 1, &firmware) || (firmware && !g->firmware_log)) {
		answer_problem(a, 404, "firmware", "firmware: 1 where the guest's firmware keeps a log");
		return NULL;
	}
	a->c->stream_port = firmware ? PORT_FIRMWARE : (u32)port;
	return g;
}

/* All that is kept of it, at once: it is at most a quarter of an answer. */
void api_record(struct answer *a)
{
	struct guest *g = choose_port(a);
	u8 bytes[PIECE];
	u64 at = 0;
	size_t n;

	if (!g)
		return;
	a->type = "application/octet-stream";
	a->ranges = true;
	while ((n = console_ring_read(record_of(a->c, g), &at, bytes, sizeof(bytes))))
		out_bytes(&a->body, bytes, n);
	answer_unchanged(a, (u64)life_of(g)->starts << 48 ^ at);
}

void api_console(struct answer *a)
{
	struct guest *g = choose_port(a);
	u64 notes = 0;

	if (!g)
		return;
	http_query_number(a->r, "notes", 1, &notes);
	memset(a->c->stream_at, 0, sizeof(a->c->stream_at));
	a->c->stream_at[AT_NOTES] = notes;
	if (ws_stream_begin(a, &ops, g))
		people_changed[g->index]++;
}
