/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The web server on the build host: its connections without TCP, its clock set by the test, mbedTLS's own client at the other end. */

#include "../control/fake_machine.h"

#include "hv/control/lifecycle.h"
#include "hv/web/accounts.h"
#include "hv/web/conn.h"
#include "hv/web/heap.h"
#include "hv/web/server.h"
#include "hv/web/tls.h"

#include <mbedtls/ssl.h>

#define WEB_FAKE_HEAP (4 * MiB)

extern u32 web_fake_files;		/* that have RAM: four at most, of 8 MiB */
extern u64 web_fake_given;		/* bytes of it that came back, ever */
extern struct machine_facts web_fake_facts;
extern u64 web_fake_now;		/* TSC */
extern u64 web_fake_breaths;		/* calls of fiber_breathe() */
extern u64 web_fake_breath_ticks;	/* that go by at each */

extern bool web_fake_deaf;		/* turns do nothing: the server is busy elsewhere */

/* The rest of the event loop's turn; null: nothing but requests_serve(). */
extern void (*web_fake_loop)(void);

/* A server with a certificate of its own, no accounts; the clock begins at 1000 s. */
void web_fake_begin(void);
void web_fake_end(void);

struct web_client {
	struct web_conn *conn;
	mbedtls_ssl_config config;
	mbedtls_ssl_context ssl;
	char text[400000];		/* what the last web_client_get() brought, a string */
	size_t length;
};

/* Connect from 192.0.2.last; tls: and shake hands, with at most this version (0: any). false: no place, or it failed. */
bool web_client_open(struct web_client *c, u8 last, int version);
void web_client_close(struct web_client *c);
bool web_client_is_there(const struct web_client *c);	/* the server has not let go of it */

/* Bytes under TLS; what came back so far. */
bool web_client_send(struct web_client *c, const void *bytes, size_t n);
size_t web_client_receive(struct web_client *c, void *to, size_t size);

/* Whole request: head lines after the request line may be "", body may be null. Returns the status; text is head and body. */
int web_client_ask(struct web_client *c, const char *line, const char *headers, const char *body);

/* Turns of server and transport, without time going by. */
void web_fake_turns(u32 n);
