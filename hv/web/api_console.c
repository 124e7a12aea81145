/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/guests/NAME/console as a WebSocket: binary messages are bytes of the console, first what is recorded of it,
 * then as they come;
 * what the client sends is typed. Text messages, from here only, are JSON: who writes. Many may look, one may type at
 * a time: whoever typed last within ten seconds keeps the others out. */
#include "answer.h"
#include "websocket.h"
#include "web_int.h"

#include "hv/control/lifecycle.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/time.h>

#define PIECE 2048u
#define PIECES_A_TURN 4u
#define WRITER_S 10ul
#define PING_S 20ul
#define SILENT_S 60ul			/* without a pong or anything else */

static struct writer {
	const struct web_conn *c;	/* null: nobody */
	u64 until;			/* TSC */
} writers[PLAN_GUESTS_MAX];

enum { AT_RECORD, AT_HEARD,
	AT_TOLD };	/* stream_at[]: position; TSC of the client's last byte; refusal told until TSC */

static bool put_frame(struct web_conn *c, enum ws_opcode opcode, const void *bytes, u32 n)
{
	u8 head[10];
	u32 length = ws_head(head, opcode, n);

	if (!conn_room(c, length + n))
		return false;
	conn_put(c, head, length);
	if (n)
		conn_put(c, bytes, n);
	return true;
}

static void put_close(struct web_conn *c, enum ws_code code)
{
	u8 reason[2] = { (u8)(code >> 8), (u8)code };

	put_frame(c, WS_CLOSE, reason, sizeof(reason));
	c->last = true;
}

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
		put_frame(c, WS_TEXT, text, (u32)o.at);
}

/* Guests may be another list by now: the place in it, and the name, must be what they were; and one that was made anew may
 * have fewer ports. */
static struct guest *guest_of(const struct web_conn *c)
{
	struct guest *g = guest_at(c->stream_guest);

	return g && !strcmp(g->name, c->stream_name) && c->stream_port <= g->port_count ? g : NULL;
}

static const struct console_ring *record_of(const struct web_conn *c, const struct guest *g)
{
	return c->stream_port ? g->port[c->stream_port - 1].record : g->console;
}

static bool more(struct web_conn *c, u64 now)
{
	const struct guest *g = guest_of(c);
	u8 bytes[PIECE];

	if (!g || !accounts_valid(&c->who, now) || now - c->stream_at[AT_HEARD] > SILENT_S * timebase.tsc_hz) {
		put_close(c, WS_POLICY);
		return true;
	}
	if (c->stream_at[AT_RECORD] > load_acquire(&record_of(c, g)->head))
		c->stream_at[AT_RECORD] = 0;	/* it was started anew */
	for (u32 i = 0; i < PIECES_A_TURN; i++) {
		size_t n = console_ring_read(record_of(c, g), &c->stream_at[AT_RECORD], bytes, sizeof(bytes));

		if (!n)
			break;
		if (!put_frame(c, WS_BINARY, bytes, (u32)n))
			return false;
	}
	if (now - c->stream_beat < PING_S * timebase.tsc_hz)
		return true;
	c->stream_beat = now;
	return put_frame(c, WS_PING, NULL, 0);
}

/* --- typing ---------------------------------------------------------------------------------------------------- */

static bool may_write(struct web_conn *c, u64 now)
{
	struct writer *w = &writers[c->stream_guest];
	const char *why = NULL;

	if (c->who.role < ROLE_OPERATOR)
		why = "this needs the role operator";
	else if (w->c && w->c != c && now < w->until)
		why = "somebody else is typing";
	if (!why) {
		*w = (struct writer){ c, now + WRITER_S * timebase.tsc_hz };
		return true;
	}
	if (now >= c->stream_at[AT_TOLD])
		put_note(c, "refused", why);
	c->stream_at[AT_TOLD] = now + timebase.tsc_hz;
	return false;
}

/* What does not fit into the guest's ring waits in the connection. */
static u32 data(void *arg, const u8 *bytes, u32 n)
{
	struct web_conn *c = arg;
	struct guest *g = guest_of(c);
	struct input_ring *to;
	u32 put = 0;

	if (!g || !may_write(c, web_now()) || !life_listens(g))
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

static void control(void *arg, enum ws_opcode opcode, const u8 *bytes, u32 n)
{
	struct web_conn *c = arg;

	if (opcode == WS_PING)
		put_frame(c, WS_PONG, bytes, n);
	else if (opcode == WS_CLOSE)
		put_close(c, WS_NORMAL);
}

static u32 take(struct web_conn *c, u8 *bytes, u32 n)
{
	static const struct ws_user user = { data, control };
	u32 used = ws_read(&c->ws, bytes, n, &user, c);

	if (used)
		c->stream_at[AT_HEARD] = web_now();
	if (c->ws.error && !c->last)
		put_close(c, (enum ws_code)c->ws.error);
	return c->ws.error || c->last ? n : used;
}

static void end(struct web_conn *c)
{
	if (writers[c->stream_guest].c == c)
		writers[c->stream_guest].c = NULL;
}

static const struct stream_ops ops = { .more = more, .take = take, .end = end };

/* --- the handshake. RFC 6455 "Reading the Client's Opening Handshake" ------------------------------------------- */

static bool same_word(const char *a, const char *b)
{
	while (*a && (*a | 0x20) == *b) {
		a++;
		b++;
	}
	return !*a && !*b;
}

void api_console(struct answer *a)
{
	struct guest *g = answer_guest(a);
	char accept[WS_ACCEPT];
	u64 port = 0;

	if (!g)
		return;
	if (!http_query_number(a->r, "port", g->port_count, &port)) {
		answer_problem(a, 404, "port", "port: 0, the console, to %u", g->port_count);
		return;
	}
	if (!a->r->wants_upgrade || !same_word(a->r->upgrade, "websocket") || strcmp(a->r->ws_version, "13") ||
	    !ws_accept(a->r->ws_key, accept)) {
		out_text(&a->head, "upgrade: websocket\r\nsec-websocket-version: 13\r\n");
		answer_problem(a, 426, NULL, "this is a WebSocket (RFC 6455), version 13");
		return;
	}
	out_print(&a->head, "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: %s\r\n", accept);
	a->c->stream_guest = g->index;
	a->c->stream_port = (u32)port;
	str_copy(a->c->stream_name, sizeof(a->c->stream_name), g->name);
	memset(&a->c->ws, 0, sizeof(a->c->ws));
	memset(a->c->stream_at, 0, sizeof(a->c->stream_at));
	a->c->stream_at[AT_HEARD] = a->now;
	answer_begin_stream(a, &ops, "101 Switching Protocols", NULL);
}
