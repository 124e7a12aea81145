/* SPDX-License-Identifier: Apache-2.0 */
/* The hypervisor's TLS as a Linux process: its mbedTLS with its configuration and hv/web/tls.c, to count what a TLS 1.3 handshake
 * costs a server there. Markers are tests/bench/iomarks.c's.
 *	tlsload both N			a server and a client that talk through memory; the server's two steps are samples 1 and 2
 *	tlsload connect ADDRESS PORT N	the same client, N connections one after the other to another server
 */
#define _GNU_SOURCE
#include "hv/web/entropy.h"
#include "hv/web/fiber.h"
#include "hv/web/tls.h"

#include <arpa/inet.h>
#include <mbedtls/error.h>
#include <mbedtls/platform_util.h>
#include <psa/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define MARK(kind, id) __asm__ volatile("nopl 0x4d4b0000+%c0(%%rax)" :: "i"((kind) << 8 | (id)) : "memory")
#define PIPE 65536u

struct pipe {
	unsigned char data[PIPE];
	size_t at, end;
};

struct end {
	struct pipe *to, *from;
};

static struct pipe to_server, to_client;
static struct end server_end = { &to_client, &to_server }, client_end = { &to_server, &to_client };

/* --- what hv/web/tls.c and mbedTLS ask for -------------------------------------------------------------------- */

void *web_calloc(size_t count, size_t size)
{
	return calloc(count, size);
}

void web_free(void *p)
{
	free(p);
}

int web_snprintf(char *to, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(to, size, format, ap);
	va_end(ap);
	return n;
}

void mbedtls_platform_zeroize(void *p, size_t n)
{
	explicit_bzero(p, n);
}

void entropy_fill(void *to, size_t n)
{
	static unsigned char pool[4096];
	static size_t left;

	if (n > left) {
		if (getrandom(pool, sizeof(pool), 0) != sizeof(pool))
			exit(1);
		left = sizeof(pool);
	}
	left -= n;
	memcpy(to, pool + left, n);
}

psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context, uint8_t *to, size_t size, size_t *length)
{
	(void)context;
	entropy_fill(to, size);
	*length = size;
	return PSA_SUCCESS;
}

void fiber_breathe(void)
{
}

/* --- the client ------------------------------------------------------------------------------------------------ */

static void check(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "tlsload: %s: -0x%x\n", what, (unsigned)-err);
	exit(1);
}

static void client_config(mbedtls_ssl_config *config)
{
	static const int suites[] = { MBEDTLS_TLS1_3_AES_256_GCM_SHA384, 0 };
	static const uint16_t groups[] = { MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_NONE };

	mbedtls_ssl_config_init(config);
	check(mbedtls_ssl_config_defaults(config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT),
	      "client");
	mbedtls_ssl_conf_rng(config, tls_random, NULL);
	mbedtls_ssl_conf_authmode(config, MBEDTLS_SSL_VERIFY_NONE);
	mbedtls_ssl_conf_min_tls_version(config, MBEDTLS_SSL_VERSION_TLS1_3);
	mbedtls_ssl_conf_ciphersuites(config, suites);
	mbedtls_ssl_conf_groups(config, groups);
}

static int is_want(int err)
{
	return err == MBEDTLS_ERR_SSL_WANT_READ || err == MBEDTLS_ERR_SSL_WANT_WRITE;
}

/* --- through memory ---------------------------------------------------------------------------------------------- */

static int put(struct pipe *p, const unsigned char *from, size_t n)
{
	if (p->at == p->end)
		p->at = p->end = 0;
	if (n > sizeof(p->data) - p->end)
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	memcpy(p->data + p->end, from, n);
	p->end += n;
	return (int)n;
}

static int take(struct pipe *p, unsigned char *to, size_t n)
{
	if (p->at == p->end)
		return MBEDTLS_ERR_SSL_WANT_READ;
	if (n > p->end - p->at)
		n = p->end - p->at;
	memcpy(to, p->data + p->at, n);
	p->at += n;
	return (int)n;
}

static int memory_send(void *io, const unsigned char *from, size_t n)
{
	return put(((struct end *)io)->to, from, n);
}

static int memory_receive(void *io, unsigned char *to, size_t n)
{
	return take(((struct end *)io)->from, to, n);
}

/* Hello to Finished, then the client's Finished: two steps of the server. */
static void shake(const mbedtls_ssl_config *config)
{
	mbedtls_ssl_context client, server;
	int err, theirs;

	mbedtls_ssl_init(&client);
	check(mbedtls_ssl_setup(&client, config), "set-up");
	mbedtls_ssl_set_bio(&client, &client_end, memory_send, memory_receive, NULL);
	theirs = mbedtls_ssl_handshake(&client);
	MARK(1, 1);
	check(tls_open(&server, &server_end, memory_send, memory_receive), "server");
	err = mbedtls_ssl_handshake(&server);
	MARK(2, 1);
	if (!is_want(theirs) || !is_want(err))
		check(err ? err : -1, "the first step");
	check(mbedtls_ssl_handshake(&client), "the client's end");
	MARK(1, 2);
	err = mbedtls_ssl_handshake(&server);
	MARK(2, 2);
	check(err, "the second step");
	mbedtls_ssl_free(&client);
	mbedtls_ssl_free(&server);
	memset(&to_client, 0, sizeof(to_client));
	memset(&to_server, 0, sizeof(to_server));
}

static void both(int n)
{
	static struct tls_keep keep;
	mbedtls_ssl_config config;
	const char *why = tls_init();

	why = why ? why : tls_mint("bulkhead", &keep);
	why = why ? why : tls_use(&keep);
	if (why) {
		fprintf(stderr, "tlsload: %s\n", why);
		exit(1);
	}
	client_config(&config);
	while (n--)
		shake(&config);
}

/* --- over TCP ---------------------------------------------------------------------------------------------------- */

static int socket_send(void *io, const unsigned char *from, size_t n)
{
	return (int)send(*(int *)io, from, n, MSG_NOSIGNAL);
}

static int socket_receive(void *io, unsigned char *to, size_t n)
{
	return (int)recv(*(int *)io, to, n, 0);
}

static void connect_once(const mbedtls_ssl_config *config, const struct sockaddr_in *to)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);
	mbedtls_ssl_context client;

	mbedtls_ssl_init(&client);
	check(mbedtls_ssl_setup(&client, config), "set-up");
	if (connect(s, (const struct sockaddr *)to, sizeof(*to))) {
		perror("tlsload");
		exit(1);
	}
	mbedtls_ssl_set_bio(&client, &s, socket_send, socket_receive, NULL);
	check(mbedtls_ssl_handshake(&client), "handshake");
	usleep(100000);			/* the server is through with it */
	mbedtls_ssl_close_notify(&client);
	mbedtls_ssl_free(&client);
	close(s);
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	mbedtls_ssl_config config;

	psa_crypto_init();
	if (argc == 3 && !strcmp(argv[1], "both")) {
		both(atoi(argv[2]));
		return 0;
	}
	if (argc != 5 || strcmp(argv[1], "connect") || !inet_pton(AF_INET, argv[2], &to.sin_addr))
		return 2;
	to.sin_port = htons((uint16_t)atoi(argv[3]));
	client_config(&config);
	for (int n = atoi(argv[4]); n > 0; n--)
		connect_once(&config, &to);
	return 0;
}
