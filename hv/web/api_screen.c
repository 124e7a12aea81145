/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/guests/NAME/screen as a WebSocket whose binary messages are a stream of RFB. Whoever looks must be a viewer,
 * whoever types an operator: TLS and the account have settled that, so RFB's own security type is None. What is typed
 * and may not be is answered by a bell. */
#include "answer.h"
#include "heap.h"
#include "rfb.h"
#include "rfb_keys.h"
#include "web_int.h"
#include "ws_stream.h"

#include "hv/control/guest_input.h"
#include "hv/control/lifecycle.h"

#include <hv/lib.h>
#include <hv/pc.h>
#include <hv/time.h>

#define FRAMES_S 15ul
#define HELD_MAX 16u
#define MOVE_MAX 20000			/* what a mouse's counters hold */
#define EDGE 64				/* a pointer at an edge goes so far beyond it */
#define CORNER_NS 100000000ul		/* in which the guest's pointer arrives in the corner */

static struct ws_writer writers[PLAN_GUESTS_MAX];
static u8 bytes_out[RFB_SEND_MAX];

struct viewer {
	struct rfb rfb;
	struct rfb_keys keys;
	struct web_conn *c;
	u16 held[HELD_MAX];		/* keys that went down by it */
	u32 held_count;
	bool placed;			/* it is known where the guest's pointer is */
	s32 x, y;			/* there, in the client's pixels */
	s32 dx, dy;			/* moves that are not with the guest yet */
	u8 buttons, buttons_given;
	u64 move_next;			/* TSC */
	u64 bell_next;			/* TSC */
};

static struct viewer *viewer_of(const struct web_conn *c)
{
	return c->stream_own;
}

/* --- typing ------------------------------------------------------------------------------------------------------- */

/* The guest, if it takes keys from this viewer now. */
static struct guest *guest_for_input(struct viewer *v)
{
	struct guest *g = ws_stream_guest(v->c);
	u64 now = web_now();

	if (!g || !life_listens(g))
		return NULL;
	if (!ws_writer_claim(&writers[v->c->stream_guest], v->c, now))
		return g;
	if (now >= v->bell_next)
		rfb_bell(&v->rfb);
	v->bell_next = now + timebase.tsc_hz;
	return NULL;
}

static bool forget_held(struct viewer *v, u16 key)
{
	for (u32 i = 0; i < v->held_count; i++) {
		if (v->held[i] != key)
			continue;
		v->held[i] = v->held[--v->held_count];
		return true;
	}
	return false;
}

/* What this viewer holds down it may let go at any time. */
static void put_key(void *arg, u16 key, bool down)
{
	struct viewer *v = arg;
	struct guest *g = ws_stream_guest(v->c);
	bool held = forget_held(v, key), done;

	if (!g || (!down && !held) || v->held_count == HELD_MAX)
		return;
	done = guest_input_key(g, key, down);
	if (down ? done || held : !done)
		v->held[v->held_count++] = key;
}

static void key(void *arg, u32 keysym, u16 code, bool down)
{
	struct viewer *v = arg;

	if (!down || guest_for_input(v))
		rfb_key(&v->keys, keysym, code, down, put_key, v);
}

/* --- the pointer -------------------------------------------------------------------------------------------------- */

static s32 clamp(s32 n, s32 max)
{
	return n > max ? max : n < -max ? -max : n;
}

/* RFB says where it is, a PS/2 mouse how far it went. So it is driven into the upper left corner at first, and beyond an edge
 * whenever it comes to one: the guest's pointer stops there, and is where ours is. */
static s32 edge(s32 at, s32 last)
{
	return !at ? -EDGE : at == last ? EDGE : 0;
}

static void move_to(struct viewer *v, struct guest *g, s32 x, s32 y)
{
	s32 right = (s32)v->rfb.width - 1, bottom = (s32)v->rfb.height - 1;
	const struct mouse_event corner = { (s16)(-2 * right), (s16)(2 * bottom), v->buttons_given };

	x = MIN(x, right);
	y = MIN(y, bottom);
	if (!v->placed && guest_input_mouse(g, &corner)) {
		v->x = v->y = v->dx = v->dy = 0;
		v->move_next = web_now() + ns_to_ticks(CORNER_NS);
		v->placed = true;
	}
	if (!v->placed)
		return;
	if (x != v->x)
		v->dx += x - v->x + edge(x, right);
	if (y != v->y)
		v->dy += y - v->y + edge(y, bottom);
	v->dx = clamp(v->dx, MOVE_MAX);
	v->dy = clamp(v->dy, MOVE_MAX);
	v->x = x;
	v->y = y;
}

/* RFB: left, middle, right, then wheels, which a PS/2 mouse of three buttons has not. */
static u8 buttons_of(u8 rfb)
{
	return (u8)((rfb & 1) | (rfb & 2) << 1 | (rfb & 4) >> 1);
}

/* What has added up, as soon as there is room for it. */
static void give_moves(struct viewer *v, struct guest *g)
{
	struct mouse_event event = { (s16)v->dx, (s16)-v->dy, v->buttons };

	if ((!v->dx && !v->dy && v->buttons == v->buttons_given) || web_now() < v->move_next || !guest_input_mouse(g, &event))
		return;
	v->dx = v->dy = 0;
	v->buttons_given = v->buttons;
}

/* A pointer that only moves keeps nobody out. */
static void pointer(void *arg, u8 buttons, u16 x, u16 y)
{
	struct viewer *v = arg;
	struct guest *g = ws_stream_guest(v->c);
	bool pressed = buttons_of(buttons) || v->buttons;

	if (!g || !life_listens(g) || (pressed && !guest_for_input(v)))
		return;
	if (!pressed && !ws_writer_free(&writers[v->c->stream_guest], v->c, web_now())) {
		v->placed = false;	/* somebody else moves it */
		return;
	}
	move_to(v, g, x, y);
	if (v->buttons != buttons_of(buttons))
		give_moves(v, g);	/* a drag begins and ends where it did */
	v->buttons = buttons_of(buttons);
	give_moves(v, g);
}

static void let_go(struct viewer *v)
{
	struct guest *g = ws_stream_guest(v->c);
	const struct mouse_event none = { 0, 0, 0 };

	for (u32 i = 0; g && i < v->held_count; i++)
		guest_input_key(g, v->held[i], false);
	if (g && v->buttons_given)
		guest_input_mouse(g, &none);
	v->held_count = 0;
}

/* --- the stream --------------------------------------------------------------------------------------------------- */

static enum ws_code close_code(enum rfb_error error)
{
	return error == RFB_TOO_LONG ? WS_TOO_BIG : error == RFB_NOT_HERE ? WS_UNSUPPORTED : WS_PROTOCOL;
}

static bool more(struct web_conn *c, u64 now)
{
	struct viewer *v = viewer_of(c);
	struct picture picture;
	u64 begun = web_now();
	struct guest *g;
	u32 n;

	c->eager = false;
	if (!ws_stream_lives(c, now))
		return true;
	g = ws_stream_guest(c);
	if (!g->plan->display || v->rfb.error) {
		ws_stream_close(c, v->rfb.error ? close_code(v->rfb.error) : WS_GOING_AWAY,
				v->rfb.error ? "this is no RFB that is spoken here" : "the guest has no screen any more");
		return true;
	}
	give_moves(v, g);
	n = rfb_send(&v->rfb, pc_picture(g, &picture) ? &picture : NULL, now, bytes_out, &c->eager);
	v->rfb.spent += web_now() - begun;
	return !n || ws_stream_put(c, WS_BINARY, bytes_out, n);
}

static u32 data(void *arg, const u8 *bytes, u32 n)
{
	static const struct rfb_user user = { key, pointer };
	struct viewer *v = viewer_of(arg);

	rfb_take(&v->rfb, bytes, n, &user, v);
	return n;
}

static u32 take(struct web_conn *c, u8 *bytes, u32 n)
{
	return ws_stream_take(c, bytes, n, data);
}

static void end(struct web_conn *c)
{
	let_go(viewer_of(c));
	ws_writer_leave(&writers[c->stream_guest], c);
	heap_free(c->stream_own);
	c->stream_own = NULL;
}

static const struct stream_ops ops = { .more = more, .take = take, .end = end };

void api_screen(struct answer *a)
{
	struct guest *g = answer_guest(a);
	struct picture picture;
	struct viewer *v;

	if (!g)
		return;
	if (!g->plan->display) {
		answer_problem(a, 404, NULL, "this guest has no screen: display = true in the plan gives it one");
		return;
	}
	v = heap_alloc(sizeof(*v));
	if (!v) {
		answer_problem(a, 503, NULL, "no memory for one more viewer");
		return;
	}
	v->c = a->c;
	a->c->stream_own = v;
	a->c->eager = false;
	rfb_begin(&v->rfb, g->name, pc_picture(g, &picture) ? &picture : NULL, timebase.tsc_hz / FRAMES_S);
	if (ws_stream_begin(a, &ops, g))
		return;
	a->c->stream_own = NULL;
	heap_free(v);
}
