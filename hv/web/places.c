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
#define STREAMS_LEFT 12u		/* places that streams of others than administrators do not take */
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

/* Connections from there that have shown no account. */
static u32 crowd_from(u64 source)
{
	u32 n = 0;

	for (u32 i = 0; i < WEB_CONNECTIONS; i++) {
		const struct web_conn *c = server_conn(i);

		n += c->state != CONN_FREE && !c->known && !c->wire.abort && attempts_source(c->wire.from) == source;
	}
	return n;
}

static u32 places_taken(bool reserved)
{
	u32 n = 0;

	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		n += server_conn(i)->state != CONN_FREE && server_conn(i)->admin_from == reserved;
	return n;
}

struct web_conn *server_accept(const u8 from[16])
{
	bool admin = is_admin(from);
	bool room = places_taken(false) < WEB_CONNECTIONS - WEB_RESERVED;
	struct web_conn *c = NULL;

	if ((!room && (!admin || places_taken(true) >= WEB_RESERVED)) ||
	    (!admin && places_taken(false) + SPARE >= WEB_CONNECTIONS - WEB_RESERVED &&
	     crowd_from(attempts_source(from)) >= CROWD_MAX)) {
		server_counts.refused++;
		return NULL;
	}
	for (u32 i = 0; i < WEB_CONNECTIONS && !c; i++)
		if (server_conn(i)->state == CONN_FREE)
			c = server_conn(i);
	if (!c)
		return NULL;
	memset(c, 0, offsetof(struct web_conn, wire.in));
	memset(&c->state, 0, sizeof(*c) - offsetof(struct web_conn, state));
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
		n += server_conn(i)->state == CONN_STREAM && server_conn(i)->role < ROLE_ADMIN;
	return role >= ROLE_ADMIN || n < WEB_CONNECTIONS - WEB_RESERVED - STREAMS_LEFT;
}

/* How little of a right to stay it has; 0: it stays. */
static u32 expendable(const struct web_conn *c)
{
	if (c->state == CONN_FREE || c->admin_from || c->wire.abort)
		return 0;
	if (!c->known)
		return 2;
	return c->state == CONN_HTTP && c->role < ROLE_ADMIN;
}

/* Whoever comes from where an administrator was goes last; then of those who are many the oldest goes. */
static bool goes_before(const struct web_conn *a, const struct web_conn *b)
{
	bool near_a = server_is_admin_from(a), near_b = server_is_admin_from(b);
	u32 crowd_a, crowd_b;

	if (expendable(a) != expendable(b))
		return expendable(a) > expendable(b);
	if (near_a != near_b)
		return near_b;
	crowd_a = crowd_from(attempts_source(a->wire.from));
	crowd_b = crowd_from(attempts_source(b->wire.from));
	return crowd_a != crowd_b ? crowd_a > crowd_b : a->born < b->born;
}

/* false: there is nobody who has to go. */
static bool push_out(void)
{
	struct web_conn *first = NULL;

	for (u32 i = 0; i < WEB_CONNECTIONS; i++) {
		struct web_conn *c = server_conn(i);

		if (expendable(c) && (!first || goes_before(c, first)))
			first = c;
	}
	if (!first)
		return false;
	server_counts.pushed_out++;
	first->wire.abort = true;
	return true;
}

void places_keep_spare(void)
{
	u32 going = 0;

	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		going += server_conn(i)->state != CONN_FREE && server_conn(i)->wire.abort;
	while (places_taken(false) + SPARE > WEB_CONNECTIONS - WEB_RESERVED + going && push_out())
		going++;
}
