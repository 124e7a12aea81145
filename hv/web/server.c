/* SPDX-License-Identifier: Apache-2.0 */
/* Each step of each connection ends by itself; whoever is slow waits for himself. Who gets a place, and who makes room:
 * places.c. */
#include "server.h"

#include "answer.h"
#include "events.h"
#include "fiber.h"
#include "heap.h"
#include "ticket.h"
#include "tls.h"
#include "upload.h"
#include "web_int.h"

#include <hv/lib.h>
#include <hv/time.h>

#define FIRST_REQUEST_S 10ul		/* after the handshake */
#define REQUEST_S 15ul			/* from its first byte to its last */
#define IDLE_S 15ul			/* between requests of somebody without an account */
#define IDLE_KNOWN_S 120ul
#define STALL_S 30ul			/* in which something of an answer must arrive */
#define WAITING_S 600ul			/* for what a request asked to be done */
#define CLOSING_S 5ul
#define CONN_REQUESTS_MAX 10000u		/* of one connection */

static struct {
	bool awake;
	u32 turn;			/* who is first in the next round */
} server;

struct server_counts server_counts;

static u64 in_seconds(u64 now, u64 s)
{
	return now + s * timebase.tsc_hz;
}

int server_init(void)
{
	memset(&server, 0, sizeof(server));
	memset(&server_counts, 0, sizeof(server_counts));
	places_init();
	return conns_init();
}

void server_wake(void)
{
	server.awake = true;
}

bool server_is_awake(void)
{
	return server.awake;
}

static int io_send(void *io, const unsigned char *bytes, size_t n)
{
	u32 sent = wire_write(io, bytes, (u32)MIN(n, (size_t)WIRE_OUT));

	return sent ? (int)sent : MBEDTLS_ERR_SSL_WANT_WRITE;
}

static int io_receive(void *io, unsigned char *to, size_t n)
{
	struct wire *w = io;
	u32 got = wire_read(w, to, (u32)MIN(n, (size_t)WIRE_IN));

	return got ? (int)got : w->eof || w->gone ? 0 : MBEDTLS_ERR_SSL_WANT_READ;
}

static bool is_want(int err)
{
	return err == MBEDTLS_ERR_SSL_WANT_READ || err == MBEDTLS_ERR_SSL_WANT_WRITE;
}

/* --- ends ------------------------------------------------------------------------------------------------------- */

static void end_stream(struct web_conn *c)
{
	if (c->stream && c->stream->end)
		c->stream->end(c);
	c->stream = NULL;
}

static void release(struct web_conn *c)
{
	end_stream(c);
	if (c->ticket)
		ticket_leave(c->ticket);
	c->ticket = NULL;
	upload_end(c);
	conn_drop_output(c);
	if (c->has_ssl)
		mbedtls_ssl_free(&c->ssl);
	conn_give(c);
}

/* In order: what is on its way arrives, then TLS's own end, then TCP's. */
static void begin_close(struct web_conn *c, u64 now)
{
	end_stream(c);
	c->state = CONN_CLOSING;
	c->deadline = in_seconds(now, CLOSING_S);
}

static void cut(struct web_conn *c)
{
	c->wire.abort = true;
}

/* --- steps ------------------------------------------------------------------------------------------------------ */

static bool do_new(struct web_conn *c, u64 now)
{
	(void)now;
	c->has_ssl = true;
	if (tls_open(&c->ssl, &c->wire, io_send, io_receive)) {
		server_counts.no_memory++;
		cut(c);
		return false;
	}
	c->state = CONN_HANDSHAKE;
	return true;
}

static void begin_request(struct web_conn *c)
{
	http_begin(&c->request);
	c->request.stop_at_head = true;
}

static bool do_handshake(struct web_conn *c, u64 now)
{
	int err = mbedtls_ssl_handshake(&c->ssl);

	if (is_want(err))
		return false;
	if (err) {
		server_counts.handshake_errors++;
		begin_close(c, now);
		c->last = true;
		return true;
	}
	server_counts.handshakes++;
	begin_request(c);
	c->state = CONN_HTTP;
	c->deadline = in_seconds(now, FIRST_REQUEST_S);
	return true;
}

/* true: all of it is with the wire. */
static bool pump(struct web_conn *c, u64 now)
{
	while (!conn_drained(c)) {
		bool own = c->out_at < c->out_length;
		int n = own ? mbedtls_ssl_write(&c->ssl, (const u8 *)c->out + c->out_at, c->out_length - c->out_at) :
			mbedtls_ssl_write(&c->ssl, c->asset, c->asset_left);

		if (is_want(n))
			return false;
		if (n <= 0) {
			cut(c);
			return false;
		}
		if (own) {
			c->out_at += (size_t)n;
		} else {
			c->asset += n;
			c->asset_left -= (u32)n;
		}
		c->deadline = in_seconds(now, STALL_S);
	}
	if (c->out && c->state != CONN_STREAM)
		conn_drop_output(c);
	return true;
}

/* Decrypted bytes into plain[]. false: there are none now. */
static bool read_plain(struct web_conn *c, u64 now)
{
	int n;

	if (c->plain_at < c->plain_length)
		return true;
	n = mbedtls_ssl_read(&c->ssl, c->plain, sizeof(c->plain));
	if (is_want(n))
		return false;
	if (n <= 0) {			/* the peer has said that it ends, or what came is no TLS */
		begin_close(c, now);
		return false;
	}
	c->plain_at = 0;
	c->plain_length = (u32)n;
	return true;
}

static void after_request(struct web_conn *c, u64 now)
{
	if (c->ticket) {
		c->state = CONN_WAITING;
		c->deadline = in_seconds(now, WAITING_S);
		return;
	}
	upload_end(c);
	c->state = CONN_HTTP;
	c->requests++;
	server_counts.requests++;
	c->request_at = 0;
	if (c->stream) {
		c->state = CONN_STREAM;
		c->deadline = in_seconds(now, STALL_S);
		return;
	}
	if (c->last || !c->request.keep_alive || c->requests >= CONN_REQUESTS_MAX)
		c->last = true;
	begin_request(c);
	c->deadline = in_seconds(now, STALL_S);
}

/* It was answered before its body came, which nobody reads: the connection ends. */
static bool answer_was_early(struct web_conn *c)
{
	if (conn_drained(c))
		cut(c);			/* no memory for an answer */
	c->last = true;
	after_request(c, web_now());
	return true;
}

static bool do_http(struct web_conn *c, u64 now)
{
	bool sending = !conn_drained(c);

	if (!pump(c, now))
		return false;
	if (sending)
		c->deadline = in_seconds(now, c->known ? IDLE_KNOWN_S : IDLE_S);
	if (c->last) {
		begin_close(c, now);
		return true;
	}
	if (!read_plain(c, now))
		return c->state != CONN_HTTP;
	if (!c->request_at) {
		c->request_at = now;
		c->deadline = in_seconds(now, REQUEST_S);
	}
	c->plain_at += (u32)http_feed(&c->request, c->plain + c->plain_at, c->plain_length - c->plain_at);
	if (http_is_stopped(&c->request) && !answer_head(c))
		return answer_was_early(c);
	if (c->request.sink)
		c->deadline = in_seconds(now, STALL_S);
	if (c->request.status)
		c->last = true;
	if (!c->request.complete && !c->request.status)
		return true;
	if (!answer_request(c)) {
		server_counts.no_memory++;
		cut(c);
		return false;
	}
	after_request(c, web_now());
	return true;
}

/* Its bytes stay where they are until the answer is on its way. */
static bool do_waiting(struct web_conn *c, u64 now)
{
	(void)now;
	if (!c->ticket->done)
		return false;
	if (!answer_late(c)) {
		server_counts.no_memory++;
		cut(c);
		return false;
	}
	after_request(c, web_now());
	return true;
}

static bool do_stream(struct web_conn *c, u64 now)
{
	u32 used = 0;

	/* First what it was given: whoever does not read is not asked for more, so that nothing piles up for them. */
	if (!pump(c, now))
		return false;
	if (c->last) {
		begin_close(c, now);
		return true;
	}
	if (c->plain_at == c->plain_length)
		read_plain(c, now);
	if (c->state != CONN_STREAM)
		return true;
	if (c->plain_at < c->plain_length) {
		if (c->stream->take)
			used = c->stream->take(c, c->plain + c->plain_at, c->plain_length - c->plain_at);
		else
			c->last = true;
		c->plain_at += used;
	}
	if (c->wire.eof && !wire_waiting(&c->wire))
		c->last = true;		/* also where what it typed is not wanted yet */
	/* The round's `now` is older than what take() has just noted. */
	if (!c->last && !c->stream->more(c, web_now()))
		c->last = true;
	c->deadline = in_seconds(now, STALL_S);
	return c->last || used || c->eager || !conn_drained(c);
}

static bool do_closing(struct web_conn *c, u64 now)
{
	int err;

	if (c->wire.closing || !pump(c, now))
		return false;
	err = mbedtls_ssl_close_notify(&c->ssl);
	if (is_want(err))
		return false;
	c->wire.closing = true;
	return false;
}

/* One piece of work; false: nothing more to do before something comes or goes. */
static bool step(struct web_conn *c, u64 now)
{
	static bool (*const act[])(struct web_conn *c, u64 now) = {
		[CONN_NEW] = do_new, [CONN_HANDSHAKE] = do_handshake, [CONN_HTTP] = do_http,
		[CONN_WAITING] = do_waiting, [CONN_STREAM] = do_stream, [CONN_CLOSING] = do_closing };
	bool late;

	if (!c)
		return false;
	if (c->wire.gone) {
		release(c);
		return false;
	}
	if (c->wire.abort)
		return false;
	/* What came in time, while others were served, is looked at once before it is said that it came too late. */
	late = now >= c->deadline;
	if (late && (c->late || c->state > CONN_HTTP || !wire_waiting(&c->wire))) {
		server_counts.timeouts++;
		if (c->state == CONN_HTTP && c->request_at && conn_drained(c) && !c->request.status) {
			c->request.status = 408;
			c->last = true;
			answer_request(c);
			c->request_at = 0;
			c->deadline = in_seconds(now, CLOSING_S);
			return true;
		}
		cut(c);
		return false;
	}
	c->late = late;
	return act[c->state](c, now);
}

static u64 next_deadline(void)
{
	u64 at = ~0ul;

	server_counts.open = server_counts.streams = 0;
	for (u32 i = 0; i < WEB_CONNECTIONS; i++) {
		const struct web_conn *c = server_conn(i);

		if (!c)
			continue;
		server_counts.open++;
		server_counts.streams += c->state == CONN_STREAM;
		at = MIN(at, c->deadline);
	}
	return at;
}

#define ROUNDS 16u
u64 server_step(u64 now)
{
	bool any = true;

	server.awake = false;
	events_look();
	places_keep_spare();
	for (u32 round = 0; round < ROUNDS && any; round++) {
		any = false;
		for (u32 i = 0; i < WEB_CONNECTIONS; i++) {
			any |= step(server_conn((server.turn + i) % WEB_CONNECTIONS), now);
			fiber_breathe();
		}
		server.turn++;
		now = web_now();
	}
	server.awake |= any;
	return next_deadline();
}
