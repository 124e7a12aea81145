/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/events: Server-Sent Events. `guest` when a guest's state changes, `log` for each line of the log. A client
 * that comes back
 * with Last-Event-ID gets what it missed, as far as it is still there. Who is limited to some guests hears of those only,
 * and nothing of the log. WHATWG HTML "Server-sent events" */
#include "answer.h"
#include "events.h"
#include "web_int.h"

#include "hv/control/lifecycle.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/time.h>

#define EVENTS 128u
#define LINES_A_TURN 8u
#define ALIVE_S 15ul
#define TEXT_MAX 1024u

static struct happening {
	char name[PLAN_NAME_SIZE];
	const char *state;
	u64 tsc;
} events[EVENTS];
static u64 count;
static struct { char name[PLAN_NAME_SIZE]; const char *state; } last[PLAN_GUESTS_MAX];	/* of each place */

static void add(const char *name, const char *state)
{
	struct happening *e = &events[count++ % EVENTS];

	*e = (struct happening){ .state = state, .tsc = web_now() };
	str_copy(e->name, sizeof(e->name), name);
}

/* A place may have another guest by now. */
void events_look(void)
{
	for (u32 i = 0; i < PLAN_GUESTS_MAX; i++) {
		const struct guest *g = guest_at(i);
		const char *state = g ? life_state_word(g) : NULL;

		if (last[i].state && (!g || strcmp(last[i].name, g->name))) {
			add(last[i].name, "deleted");
			last[i].state = NULL;
		}
		if (state == last[i].state)
			continue;
		str_copy(last[i].name, sizeof(last[i].name), g->name);
		last[i].state = state;
		add(g->name, state);
	}
}

u64 events_end(void)
{
	return count;
}

enum { AT_EVENT, AT_LINE };		/* stream_at[] */

static bool put(struct web_conn *c, const struct out *o)
{
	if (o->cut || !conn_room(c, o->at))
		return false;
	conn_put(c, o->to, o->at);
	return true;
}

/* The id names both positions, so that a client can come back to them. */
static bool put_event(struct web_conn *c, const struct happening *e)
{
	char text[TEXT_MAX], when[WALL_TEXT];
	struct out o;

	out_init(&o, text, sizeof(text));
	out_print(&o, "id: %lu-%lu\nevent: guest\ndata: ", c->stream_at[AT_EVENT], c->stream_at[AT_LINE]);
	json_open(&o, NULL, '{');
	json_text(&o, "name", e->name);
	json_text(&o, "state", e->state);
	json_text(&o, "time", wall_format(when, wall_ns(e->tsc)));
	json_close(&o, '}');
	out_text(&o, "\n\n");
	return put(c, &o);
}

static bool put_line(struct web_conn *c, const struct log_line *l)
{
	static const char *const level[] = { "error", "notice", "info", "debug" };
	char text[4 * TEXT_MAX], when[WALL_TEXT];
	struct out o;

	out_init(&o, text, sizeof(text));
	out_print(&o, "id: %lu-%lu\nevent: log\ndata: ", c->stream_at[AT_EVENT], c->stream_at[AT_LINE]);
	json_open(&o, NULL, '{');
	json_text(&o, "level", level[MIN(l->level, 3u)]);
	json_text(&o, "text", l->text);
	json_text(&o, "time", wall_format(when, wall_ns(l->tsc)));
	json_close(&o, '}');
	out_text(&o, "\n\n");
	return put(c, &o);
}

static bool more(struct web_conn *c, u64 now)
{
	struct log_line line;

	if (!accounts_valid(&c->who, now))
		return false;
	for (u32 i = 0; i < LINES_A_TURN && c->stream_at[AT_EVENT] < count; i++) {
		const struct happening *e;

		if (count - c->stream_at[AT_EVENT] > EVENTS)
			c->stream_at[AT_EVENT] = count - EVENTS;
		e = &events[c->stream_at[AT_EVENT]++ % EVENTS];
		if (!accounts_is_for(&c->who, e->name))
			continue;
		if (!put_event(c, e))
			return false;
		c->stream_beat = now;
	}
	if (log_end() - c->stream_at[AT_LINE] > LOG_LINES)
		c->stream_at[AT_LINE] = log_end() - LOG_LINES;
	for (u32 i = 0; i < LINES_A_TURN; i++) {
		int err = log_read(c->stream_at[AT_LINE], &line);

		if (err == -E_NOENT)
			break;
		c->stream_at[AT_LINE]++;
		if (err || c->who.guests[0])
			continue;
		if (!put_line(c, &line))
			return false;
		c->stream_beat = now;
	}
	if (now - c->stream_beat < ALIVE_S * timebase.tsc_hz)
		return true;
	c->stream_beat = now;
	if (!conn_room(c, 9))
		return false;
	conn_put(c, ": alive\n\n", 9);
	return true;
}

static const struct stream_ops ops = { .more = more };

static u64 number(const char **at)
{
	u64 n = 0;

	for (; **at >= '0' && **at <= '9' && n < ~0ul / 16; (*at)++)
		n = n * 10 + (u64)(**at - '0');
	return n;
}

void api_events(struct answer *a)
{
	const char *at = a->r->last_event;
	u64 event = count, line = log_end();

	if (*at) {
		event = number(&at);
		if (*at == '-') {
			at++;
			line = number(&at);
		}
	}
	event = MIN(event, count);
	line = MIN(line, log_end());
	a->c->stream_at[AT_EVENT] = event;
	a->c->stream_at[AT_LINE] = log_end() - line > LOG_LINES ? log_end() - LOG_LINES : line;
	answer_begin_stream(a, &ops, "200 OK", "text/event-stream");
}
