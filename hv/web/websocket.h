/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* WebSocket, the server's end. RFC 6455. Reading is pure; messages are streams of bytes here, so fragments need no
 * memory. */

#include <hv/types.h>

#define WS_FRAME_MAX 65536ul		/* payload of one frame that a client may send */
#define WS_CONTROL_MAX 125u
#define WS_ACCEPT 29u

enum ws_opcode { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };
enum ws_code { WS_NORMAL = 1000, WS_GOING_AWAY = 1001, WS_PROTOCOL = 1002, WS_UNSUPPORTED = 1003, WS_POLICY = 1008,
	WS_TOO_BIG = 1009 };

struct ws_reader {
	u8 head[14], have, need;	/* of a frame's head */
	u8 mask[4];
	u8 opcode;
	bool in_payload, in_message;	/* in_message: a fragment was not the last one */
	u64 left, at;			/* bytes of payload to come, and that came */
	u8 control[WS_CONTROL_MAX];
	u16 error;			/* enum ws_code; 0: none */
};

struct ws_user {
	/* Data of a message: how many of the n bytes are taken now. */
	u32 (*data)(void *arg, const u8 *bytes, u32 n);
	/* A whole control frame: close, ping, pong. */
	void (*control)(void *arg, enum ws_opcode opcode, const u8 *bytes, u32 n);
};

/* Bytes from the client (they are unmasked in place); how many were used: fewer than n when data() takes no more, or
 * after
 * an error. */
u32 ws_read(struct ws_reader *w, u8 *bytes, u32 n, const struct ws_user *user, void *arg);

/* The head of a frame to the client, unmasked and whole, into to[10]; its length. */
u32 ws_head(u8 to[10], enum ws_opcode opcode, u64 n);

/* The code of a close frame's payload; one without says WS_NORMAL. false: no client may send that. */
bool ws_close_code(const u8 *bytes, u32 n, u16 *code);

/* Sec-WebSocket-Accept for a key of the client's; false: the key is none. Web fiber. */
bool ws_accept(const char *key, char to[WS_ACCEPT]);
