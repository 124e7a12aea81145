/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of connections: from the pool when somebody comes, back when they go. That of the places which are the last
 * administrator's is there from the beginning. And what connections are given to send. */
#include "conn.h"
#include "heap.h"
#include "server.h"

#include <hv/lib.h>
#include <hv/pool.h>

#include <mbedtls/platform_util.h>

#define KEPT 8u				/* of connections that have gone, for who comes next */
#define LARGE (16 * KiB)		/* an answer or a stream's piece that others than administrators get only ... */
#define HEAP_LEFT (512 * KiB)		/* ... while there is so much beside it */
#define OUT_GRAIN 4096ul

_Static_assert(KEPT >= WEB_RESERVED, "the administrator's are among them");

static struct {
	struct web_conn *at[WEB_CONNECTIONS];	/* null: the place is free */
	struct web_conn *kept[KEPT];		/* all zero but for the rings */
	u32 kept_count;
} conns;

static struct web_conn *new_conn(void)
{
	u32 arena = pool_arena(0);
	struct web_conn *c = pool_alloc(CONN_PAGES, POOL_OTHER);

	pool_arena(arena);
	return c;
}

int conns_init(void)
{
	memset(&conns, 0, sizeof(conns));
	while (conns.kept_count < WEB_RESERVED) {
		struct web_conn *c = new_conn();

		if (!c)
			return -E_NOMEM;
		conns.kept[conns.kept_count++] = c;
	}
	return 0;
}

struct web_conn *server_conn(u32 i)
{
	return conns.at[i];
}

struct web_conn *conn_take(bool reserved)
{
	struct web_conn *c = NULL;
	u32 i = 0;

	while (i < WEB_CONNECTIONS && conns.at[i])
		i++;
	if (i == WEB_CONNECTIONS)
		return NULL;
	if (conns.kept_count <= WEB_RESERVED)
		c = new_conn();
	if (!c && conns.kept_count > (reserved ? 0 : WEB_RESERVED))
		c = conns.kept[--conns.kept_count];
	conns.at[i] = c;
	return c;
}

/* What it was sent and has sent is not for the next one's eyes, nor for the pool's. */
void conn_give(struct web_conn *c)
{
	u32 i = 0;

	while (i < WEB_CONNECTIONS && conns.at[i] != c)
		i++;
	assert(i < WEB_CONNECTIONS);
	conns.at[i] = NULL;
	mbedtls_platform_zeroize(c, offsetof(struct web_conn, wire.in));
	mbedtls_platform_zeroize(&c->state, sizeof(*c) - offsetof(struct web_conn, state));
	if (conns.kept_count < KEPT)
		conns.kept[conns.kept_count++] = c;
	else
		pool_free(c, CONN_PAGES);
}

/* --- output ------------------------------------------------------------------------------------------------------ */

bool conn_room(struct web_conn *c, size_t n)
{
	size_t want;
	char *more;

	if (c->out_at == c->out_length)
		c->out_at = c->out_length = 0;
	if (n <= c->out_size - c->out_length)
		return true;
	want = ALIGN_UP(c->out_length + n, OUT_GRAIN);
	more = want > LARGE && c->role < ROLE_ADMIN && heap_use.size - heap_use.used < want + HEAP_LEFT ? NULL :
		heap_alloc(want);
	if (!more) {
		server_counts.no_memory++;
		return false;
	}
	if (c->out)
		memcpy(more, c->out, c->out_length);
	heap_free(c->out);
	c->out = more;
	c->out_size = want;
	return true;
}

void conn_put(struct web_conn *c, const void *bytes, size_t n)
{
	assert(n <= c->out_size - c->out_length);
	memcpy(c->out + c->out_length, bytes, n);
	c->out_length += n;
}

void conn_put_file(struct web_conn *c, const u8 *bytes, u32 n)
{
	c->asset = bytes;
	c->asset_left = n;
}

bool conn_drained(const struct web_conn *c)
{
	return c->out_at == c->out_length && !c->asset_left;
}

void conn_drop_output(struct web_conn *c)
{
	heap_free(c->out);
	c->out = NULL;
	c->out_size = c->out_length = c->out_at = 0;
	c->asset_left = 0;
}
