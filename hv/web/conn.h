/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A client: its wire, TLS, the request that is being read, the answer that is on its way. All but the wire belongs to the web
 * fiber. */

#include "accounts.h"
#include "http.h"
#include "out.h"
#include "websocket.h"
#include "wire.h"

#include <hv/types.h>

#include <mbedtls/ssl.h>

#define WEB_CONNECTIONS 108u		/* 64 viewers, 32 clients of the API, places that are kept free, and these: */
#define WEB_RESERVED 4u			/* of them for the address from which an administrator came last */
#define CONN_PLAIN 2048u

enum conn_state {
	CONN_NEW,			/* accepted */
	CONN_HANDSHAKE,
	CONN_HTTP,
	CONN_WAITING,			/* for what a request asked to be done */
	CONN_STREAM,			/* events, a console: until one side ends it */
	CONN_CLOSING,			/* what is written goes out, then the end */
};

struct stored_file;
struct ticket;
struct api_route;
struct web_conn;
struct stream_ops {
	/* Bytes may be written (conn_put). false: the stream ends. */
	bool (*more)(struct web_conn *c, u64 now);
	/* Bytes came: how many are used now. Null: whatever comes ends the stream. */
	u32 (*take)(struct web_conn *c, u8 *bytes, u32 n);
	void (*end)(struct web_conn *c);
};

struct web_conn {
	struct wire wire;
	enum conn_state state;
	u64 born, deadline;		/* TSC */
	bool late;			/* at the last step the deadline was over already */
	u64 request_at;			/* TSC of the first byte of the request under way; 0: none */
	u32 requests;
	bool known;			/* a request of it was somebody's with an account: it is pushed out last */
	enum role role;			/* theirs */
	bool admin_from;		/* it holds a reserved place */
	bool last;			/* after this answer the connection ends */
	mbedtls_ssl_context ssl;
	bool has_ssl;
	struct http_request request;
	u8 plain[CONN_PLAIN];		/* decrypted, not yet read by the parser */
	u32 plain_at, plain_length;
	char *out;			/* the answer, of the heap */
	size_t out_size, out_length, out_at;
	const u8 *asset;			/* of the image: goes out after that */
	u32 asset_left;

	struct stored_file *upload;	/* a body that is a file */
	bool in_pieces;			/* it stays when this piece is cut */
	char *text;			/* a body that is a text, of the heap */
	u32 text_size, text_room;
	struct ticket *ticket;		/* of a request that waits; with its function of the API */
	const struct api_route *route;

	const struct stream_ops *stream;
	u64 stream_at[4];		/* the stream's own: positions */
	u32 stream_guest, stream_port;
	u64 stream_beat, stream_heard;	/* TSC of the last sign of life from here; of the last bytes from there */
	void *stream_own;		/* the stream's, which frees it in end() */
	bool eager;			/* it has more to do at once, though nothing was put */
	char stream_name[32], stream_path[64];
	struct ws_reader ws;
	struct identity who;		/* of a stream: it ends when they may no longer do this; of a request that waits */
};

#define CONN_PAGES (ALIGN_UP(sizeof(struct web_conn), PAGE_SIZE) / PAGE_SIZE)

/* Room for n bytes more of answer or stream; false: no memory, the connection is closed without a word. Fiber. */
bool conn_room(struct web_conn *c, size_t n);

/* Add to what goes out, in the room that was asked for. */
void conn_put(struct web_conn *c, const void *bytes, size_t n);

/* After all that was put: bytes that stay where they are. Nothing is put before they are gone. */
void conn_put_file(struct web_conn *c, const u8 *bytes, u32 n);

/* All that was put has gone to the wire. */
bool conn_drained(const struct web_conn *c);
