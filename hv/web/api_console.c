/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/guests/NAME/console as a WebSocket: binary messages are bytes of the console, first what is recorded of it,
 * then as they come; what the client sends is typed. Text messages, from here only, are JSON: why nothing was typed. */
#include "answer.h"
#include "web_int.h"
#include "ws_stream.h"

#include "hv/control/lifecycle.h"

#include <hv/lib.h>
#include <hv/time.h>

#define PIECE 2048u
#define PIECES_A_TURN 4u

static struct ws_writer writers[PLAN_GUESTS_MAX];

enum { AT_RECORD, AT_TOLD };		/* stream_at[]: position; refusal told until TSC */

static void put_note(struct web_conn *c, const char *event, const char *detail)
{
	char text[200];
	struct out o;

	out_init(&o, text, sizeof(text));
	json_open(&o, NULL, '{');
	json_text(&o, "event", event);
	json_text(&o, "detail", detail);
	json_close(&o, '}');
	if (!o.cut)
		ws_stream_put(c, WS_TEXT, text, (u32)o.at);
}

static const struct console_ring *record_of(const struct web_conn *c, const struct guest *g)
{
	return c->stream_port ? g->port[c->stream_port - 1].record : g->console;
}

static bool more(struct web_conn *c, u64 now)
{
	const struct guest *g = ws_stream_guest(c);
	u8 bytes[PIECE];

	if (!ws_stream_lives(c, now))
		return true;
	if (c->stream_port > g->port_count) {
		ws_stream_close(c, WS_GOING_AWAY, "the guest has no such port any more");
		return true;
	}
	if (c->stream_at[AT_RECORD] > load_acquire(&record_of(c, g)->head))
		c->stream_at[AT_RECORD] = 0;	/* it was started anew */
	for (u32 i = 0; i < PIECES_A_TURN; i++) {
		size_t n = console_ring_read(record_of(c, g), &c->stream_at[AT_RECORD], bytes, sizeof(bytes));

		if (!n)
			break;
		if (!ws_stream_put(c, WS_BINARY, bytes, (u32)n))
			return false;
	}
	return true;
}

static bool may_write(struct web_conn *c, u64 now)
{
	const char *why = ws_writer_claim(&writers[c->stream_guest], c, now);

	if (!why)
		return true;
	if (now >= c->stream_at[AT_TOLD])
		put_note(c, "refused", why);
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

	if (!g || c->stream_port > g->port_count || !may_write(c, web_now()) || !life_listens(g))
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
}

static const struct stream_ops ops = { .more = more, .take = take, .end = end };

void api_console(struct answer *a)
{
	struct guest *g = answer_guest(a);
	u64 port = 0;

	if (!g)
		return;
	if (!http_query_number(a->r, "port", g->port_count, &port)) {
		answer_problem(a, 404, "port", "port: 0, the console, to %u", g->port_count);
		return;
	}
	a->c->stream_port = (u32)port;
	memset(a->c->stream_at, 0, sizeof(a->c->stream_at));
	ws_stream_begin(a, &ops, g);
}
