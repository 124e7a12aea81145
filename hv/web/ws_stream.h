/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A WebSocket of a guest: its handshake, signs of life, its end in words, and who may type. Consoles and screens are made of it.
 * Web fiber. */

#include "conn.h"

struct answer;
struct guest;

/* Is this a WebSocket's handshake? Then the stream begins: of guest g. false: an answer says why not. a->c->stream_own is the
 * caller's, before. */
bool ws_stream_begin(struct answer *a, const struct stream_ops *ops, const struct guest *g);

/* The guest that it is of; null: gone, or going. Guests may be another list by now: the place in it and the name must be what
 * they were. */
struct guest *ws_stream_guest(const struct web_conn *c);

/* A message, whole. false: no memory. */
bool ws_stream_put(struct web_conn *c, enum ws_opcode opcode, const void *bytes, u32 n);

/* The last message: the end, and why. */
void ws_stream_close(struct web_conn *c, enum ws_code code, const char *why);

/* In each turn: pings. false: it has ended (said so), as whoever looks may no longer, is gone, or the guest is. */
bool ws_stream_lives(struct web_conn *c, u64 now);

/* Bytes from the client; how many are used. data() as in struct ws_user, with the connection as arg. */
u32 ws_stream_take(struct web_conn *c, u8 *bytes, u32 n, u32 (*data)(void *arg, const u8 *bytes, u32 n));

/* Many may look, one may type at a time: whoever did last within ten seconds keeps the others out. One of these for each guest
 * and kind of stream. */
struct ws_writer {
	const struct web_conn *c;	/* null: nobody */
	u64 until;			/* TSC */
};

/* May c type now? Null: yes, and it has just done so. Else why not. */
const char *ws_writer_claim(struct ws_writer *w, const struct web_conn *c, u64 now);

/* Nobody else types. */
bool ws_writer_free(const struct ws_writer *w, const struct web_conn *c, u64 now);

void ws_writer_leave(struct ws_writer *w, const struct web_conn *c);
