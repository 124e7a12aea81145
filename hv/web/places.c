/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets a place of the server's, and who makes room when places get few: first whoever has shown no account, of those the
 * ones who are many. Some places are the last administrator's. */
#include "attempts.h"
#include "server.h"
#include "web_int.h"

#include <hv/lib.h>
#include <hv/time.h>

#define HANDSHAKE_S 10ul
#define SPARE 6u			/* places that are kept free for who comes next */
#define STREAMS_LEFT 36u		/* places that streams of others than administrators do not take */
#define CROWD_MAX 8u			/* connections of one address without an account, when places are few */

static struct {
	u8 admin[16];
	bool has_admin;
} places;

void places_init(void)
{
	memset(&places, 0, sizeof(places));
}

static bool is_admin(const u8 from[16])
{
	return places.has_admin && !memcmp(places.admin, from, sizeof(places.admin));
}

void server_admin_from(const struct web_conn *c)
{
	memcpy(places.admin, c->wire.from, sizeof(places.admin));
	places.has_admin = true;
}

bool server_is_admin_from(const struct web_conn *c)
{
	return is_admin(c->wire.from);
}

/* It has shown no account, and is not about to go. */
static bool is_stranger(const struct web_conn *c)
{
	return c && !c->known && !c->wire.abort;
}

/* Connections from there that have shown no account. */
static u32 crowd_from(u64 source)
{
	u32 n = 0;

	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		n += is_stranger(server_conn(i)) && attempts_source(server_conn(i)->wire.from) == source;
	return n;
}

static u32 places_taken(bool reserved)
{
	u32 n = 0;

	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		n += server_conn(i) && server_conn(i)->admin_from == reserved;
	return n;
}

struct web_conn *server_accept(const u8 from[16])
{
	bool admin = is_admin(from);
	bool room = places_taken(false) < WEB_CONNECTIONS - WEB_RESERVED;
	struct web_conn *c;

	if ((!room && (!admin || places_taken(true) >= WEB_RESERVED)) ||
	    (!admin && places_taken(false) + SPARE >= WEB_CONNECTIONS - WEB_RESERVED &&
	     crowd_from(attempts_source(from)) >= CROWD_MAX)) {
		server_counts.refused++;
		return NULL;
	}
	c = conn_take(admin);
	if (!c) {
		server_counts.no_memory++;
		server_counts.refused++;
		return NULL;
	}
	memcpy(c->wire.from, from, 16);
	c->state = CONN_NEW;
	c->admin_from = !room;
	c->born = web_now();
	c->deadline = c->born + HANDSHAKE_S * timebase.tsc_hz;
	server_counts.accepted++;
	server_wake();
	return c;
}

bool server_has_stream_place(enum role role)
{
	u32 n = 0;

	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		n += server_conn(i) && server_conn(i)->state == CONN_STREAM && server_conn(i)->role < ROLE_ADMIN;
	return role >= ROLE_ADMIN || n < WEB_CONNECTIONS - WEB_RESERVED - STREAMS_LEFT;
}

/* How little of a right to stay it has; 0: it stays. */
static u32 expendable(const struct web_conn *c)
{
	if (!c || c->admin_from || c->wire.abort)
		return 0;
	if (!c->known)
		return 2;
	return c->state == CONN_HTTP && c->role < ROLE_ADMIN;
}

/* What is asked of all of them, looked up once. */
struct candidate {
	struct web_conn *c;
	u64 source;
	u32 expendable, crowd;
	bool near;			/* it comes from where an administrator was */
};

/* Whoever comes from where an administrator was goes last; then of those who are many the oldest goes. */
static bool goes_before(const struct candidate *a, const struct candidate *b)
{
	if (a->expendable != b->expendable)
		return a->expendable > b->expendable;
	if (a->near != b->near)
		return b->near;
	return a->crowd != b->crowd ? a->crowd > b->crowd : a->c->born < b->c->born;
}

static u32 list_candidates(struct candidate list[WEB_CONNECTIONS])
{
	u32 n = 0;

	for (u32 i = 0; i < WEB_CONNECTIONS; i++) {
		struct web_conn *c = server_conn(i);

		if (expendable(c))
			list[n++] = (struct candidate){ .c = c, .source = attempts_source(c->wire.from),
				.expendable = expendable(c), .near = server_is_admin_from(c) };
	}
	for (u32 i = 0; i < n; i++)
		for (u32 k = 0; k < n; k++)
			list[i].crowd += list[k].source == list[i].source && !list[k].c->known;
	return n;
}

/* One of the list goes, and leaves it. */
static void push_out(struct candidate *list, u32 n)
{
	struct candidate *first = list;

	for (u32 i = 1; i < n; i++)
		if (goes_before(&list[i], first))
			first = &list[i];
	for (u32 i = 0; i < n; i++)
		list[i].crowd -= list[i].source == first->source && !first->c->known;
	server_counts.pushed_out++;
	first->c->wire.abort = true;
	*first = list[n - 1];
}

void places_keep_spare(void)
{
	static struct candidate list[WEB_CONNECTIONS];
	u32 going = 0, n;

	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		going += server_conn(i) && server_conn(i)->wire.abort;
	if (places_taken(false) + SPARE <= WEB_CONNECTIONS - WEB_RESERVED + going)
		return;
	n = list_candidates(list);
	for (; n && places_taken(false) + SPARE > WEB_CONNECTIONS - WEB_RESERVED + going; n--, going++)
		push_out(list, n);
}
