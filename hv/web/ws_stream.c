/* SPDX-License-Identifier: Apache-2.0 */
#include "ws_stream.h"

#include "answer.h"
#include "web_int.h"

#include "hv/control/lifecycle.h"

#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/time.h>

#define WRITER_S 10ul
#define PING_S 20ul
#define SILENT_S 60ul			/* without a pong or anything else */
#define PROTOCOL "binary"		/* what noVNC may ask for: our messages are */

/* --- the handshake. RFC 6455 "Reading the Client's Opening Handshake" ------------------------------------------- */

static bool same_word(const char *a, const char *b)
{
	while (*a && (*a | 0x20) == *b) {
		a++;
		b++;
	}
	return !*a && !*b;
}

/* Is the word in a list that commas and spaces part? */
static bool lists(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (; *list; list += *list ? 1 : 0) {
		size_t length = 0;

		while (list[length] && list[length] != ',' && list[length] != ' ' && list[length] != '\t')
			length++;
		if (length == n && !strncmp(list, word, n))
			return true;
		list += length;
	}
	return false;
}

bool ws_stream_begin(struct answer *a, const struct stream_ops *ops, const struct guest *g)
{
	struct web_conn *c = a->c;
	char accept[WS_ACCEPT];

	if (!a->r->wants_upgrade || !same_word(a->r->upgrade, "websocket") || strcmp(a->r->ws_version, "13") ||
	    !ws_accept(a->r->ws_key, accept)) {
		out_text(&a->head, "upgrade: websocket\r\nsec-websocket-version: 13\r\n");
		answer_problem(a, 426, NULL, "this is a WebSocket (RFC 6455), version 13");
		return false;
	}
	out_print(&a->head, "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: %s\r\n", accept);
	if (lists(a->r->ws_protocol, PROTOCOL))
		out_text(&a->head, "sec-websocket-protocol: " PROTOCOL "\r\n");
	c->stream_guest = g->index;
	str_copy(c->stream_name, sizeof(c->stream_name), g->name);
	memset(&c->ws, 0, sizeof(c->ws));
	c->stream_heard = a->now;
	return answer_begin_stream(a, ops, "101 Switching Protocols", NULL);
}

struct guest *ws_stream_guest(const struct web_conn *c)
{
	struct guest *g = guest_at(c->stream_guest);

	return g && !strcmp(g->name, c->stream_name) && life_phase(g) != PHASE_DELETING ? g : NULL;
}

/* --- to the client ------------------------------------------------------------------------------------------------ */

bool ws_stream_put(struct web_conn *c, enum ws_opcode opcode, const void *bytes, u32 n)
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

void ws_stream_close(struct web_conn *c, enum ws_code code, const char *why)
{
	u8 reason[WS_CONTROL_MAX] = { (u8)((u32)code >> 8), (u8)code };
	u32 n = (u32)MIN(strlen(why), sizeof(reason) - 2);

	memcpy(reason + 2, why, n);
	ws_stream_put(c, WS_CLOSE, reason, 2 + n);
	c->last = true;
}

bool ws_stream_lives(struct web_conn *c, u64 now)
{
	if (!accounts_valid(&c->who, now))
		ws_stream_close(c, WS_POLICY, "the session has ended");
	else if (!ws_stream_guest(c))
		ws_stream_close(c, WS_GOING_AWAY, "the guest is no more");
	else if (now - c->stream_heard > SILENT_S * timebase.tsc_hz)
		ws_stream_close(c, WS_GOING_AWAY, "nothing was heard for a minute");
	if (!c->last && now - c->stream_beat >= PING_S * timebase.tsc_hz) {
		c->stream_beat = now;
		ws_stream_put(c, WS_PING, NULL, 0);
	}
	return !c->last;
}

/* --- from the client ---------------------------------------------------------------------------------------------- */

static void control(void *arg, enum ws_opcode opcode, const u8 *bytes, u32 n)
{
	struct web_conn *c = arg;
	u16 code = WS_NORMAL;

	if (c->last)
		return;
	if (opcode == WS_PING) {
		ws_stream_put(c, WS_PONG, bytes, n);
	} else if (opcode == WS_CLOSE) {
		if (!ws_close_code(bytes, n, &code))
			code = WS_PROTOCOL;
		ws_stream_close(c, (enum ws_code)code, "");
	}
}

u32 ws_stream_take(struct web_conn *c, u8 *bytes, u32 n, u32 (*data)(void *arg, const u8 *bytes, u32 n))
{
	const struct ws_user user = { data, control };
	u32 used = c->last ? n : ws_read(&c->ws, bytes, n, &user, c);

	if (used)
		c->stream_heard = web_now();
	if (c->ws.error && !c->last)
		ws_stream_close(c, (enum ws_code)c->ws.error, "");
	return c->ws.error || c->last ? n : used;
}

/* --- who types ---------------------------------------------------------------------------------------------------- */

bool ws_writer_free(const struct ws_writer *w, const struct web_conn *c, u64 now)
{
	return c->who.role >= ROLE_OPERATOR && (!w->c || w->c == c || now >= w->until);
}

const char *ws_writer_claim(struct ws_writer *w, const struct web_conn *c, u64 now)
{
	if (c->who.role < ROLE_OPERATOR)
		return "this needs the role operator";
	if (!ws_writer_free(w, c, now))
		return "somebody else is typing";
	*w = (struct ws_writer){ c, now + WRITER_S * timebase.tsc_hz };
	return NULL;
}

void ws_writer_leave(struct ws_writer *w, const struct web_conn *c)
{
	if (w->c == c)
		w->c = NULL;
}
