/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One TCP connection as two rings of bytes. TCP (wire_tcp.c) fills `in` and empties `out` in the event loop; the web
 * fiber does the
 * opposite. Each counter has one writer. Control core. */

#include <hv/types.h>

#define WIRE_IN 32768u			/* at least lwIP's TCP_WND: what the peer may send always fits */
#define WIRE_OUT 8192u

struct wire {
	void *tcp;			/* lwIP's; null: TCP has let go */
	u8 from[16];			/* the peer's address, IPv4 mapped */
	u32 in_head, in_tail, in_told;	/* bytes ever received; used by the fiber; of them lwIP knows */
	u32 out_head, out_given, out_tail;	/* bytes ever written by the fiber; given to TCP; acknowledged */
	bool eof;			/* the peer sends no more */
	bool gone;			/* event loop: the connection is no more */
	bool closing;			/* fiber: close when all is sent */
	bool abort;			/* fiber: end it at once */
	u8 in[WIRE_IN], out[WIRE_OUT];
};

/* Event loop. n bytes came: false: more than the peer was told that it may send. */
bool wire_receive(struct wire *w, const void *bytes, u32 n);

/* The next bytes to send, in one piece; 0: none. */
u32 wire_unsent(const struct wire *w, const u8 **bytes);

/* Fiber. Up to n bytes; how many. */
u32 wire_read(struct wire *w, void *to, u32 n);
u32 wire_write(struct wire *w, const void *from, u32 n);

static inline u32 wire_waiting(const struct wire *w) { return w->in_head - w->in_tail; }
static inline u32 wire_room(const struct wire *w) { return WIRE_OUT - (w->out_head - w->out_tail); }

/* wire_tcp.c: begin to listen, for good (it survives restarts of lwIP). Inside of the event loop, at any time. */
void wire_tcp_listen(u16 port);

/* Move bytes between lwIP and all connections. true: something was done. */
bool wire_tcp_poll(void);

/* lwIP is new: every connection is gone. Called by hv/net/host_services.c, inside of lwIP. */
void wire_tcp_begin(void);
