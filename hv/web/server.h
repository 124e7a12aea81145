/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The server's connections, from the first byte of TLS to the request that is whole and the answer that is sent. */

#include "conn.h"

/* -E_NOMEM. Boot core. */
int server_init(void);

struct web_conn *server_conn(u32 i);	/* null: the place is free */

/* conns.c: memory for a connection, all zero but for its rings, and a place; null: there is none. reserved: what was set aside
 * for an administrator may be taken. Event loop. */
struct web_conn *conn_take(bool reserved);
void conn_give(struct web_conn *c);	/* fiber */
int conns_init(void);			/* -E_NOMEM */
void conn_drop_output(struct web_conn *c);

/* Event loop. Somebody connects from this address; null: no place. */
struct web_conn *server_accept(const u8 from[16]);

/* The fiber has something to do. */
void server_wake(void);
bool server_is_awake(void);

/* All that can be done now for all connections. Fiber. Returns the TSC at which it should be called again. */
u64 server_step(u64 now);

/* The address of an administrator who has just proved to be one: it gets a reserved place. */
void server_admin_from(const struct web_conn *c);
bool server_is_admin_from(const struct web_conn *c);

/* May one more stream begin? Those of others leave administrators some. */
bool server_has_stream_place(enum role role);

/* places.c, for server.c: at the beginning; in each round, in the fiber: some places are kept free for who comes next. */
void places_init(void);
void places_keep_spare(void);

/* Counters for the operator. */
struct server_counts {
	u64 accepted, refused, pushed_out, handshakes, handshake_errors, requests, timeouts, no_memory;
	u32 open, streams;
};
extern struct server_counts server_counts;
