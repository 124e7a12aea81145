/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The server's key and certificate, and what all TLS connections share. In the web fiber, as all that calls mbedTLS. */

#include <hv/types.h>

#include <mbedtls/ssl.h>

#define TLS_DER_MAX 2048u
#define TLS_FINGERPRINT 96u		/* SHA-256, "AB:CD:..." */

/* Key and certificate as they are kept: DER, one after the other. */
struct tls_keep {
	char magic[8];
	u32 key_length, cert_length;
	u8 der[2 * TLS_DER_MAX];
};

/* Before all else. Null, or why TLS cannot be. */
const char *tls_init(void);

/* A new P-256 key and a certificate of its own for these names (name.local, name, localhost). Null, or why not. */
const char *tls_mint(const char *name, struct tls_keep *keep);

/* Serve with these: from tls_mint() or the datastore; or with an operator's files, PEM or DER. Null, or why not. */
const char *tls_use(const struct tls_keep *keep);
const char *tls_use_files(const void *cert, size_t cert_length, const void *key, size_t key_length);

/* "" before a certificate is in use. */
const char *tls_fingerprint(void);

/* A server's end of a connection; io gets bytes through these. 0, or an error of mbedTLS. */
int tls_open(mbedtls_ssl_context *ssl, void *io, mbedtls_ssl_send_t *send, mbedtls_ssl_recv_t *receive);

/* For everybody: mbedTLS's idea of random numbers; SHA-256, SHA-1 (RFC 6455 only). */
int tls_random(void *unused, unsigned char *to, size_t n);
void tls_sha256(const void *bytes, size_t n, u8 to[32]);
void tls_sha1(const void *bytes, size_t n, u8 to[20]);

/* PBKDF2 with HMAC-SHA-256, 32 bytes. RFC 8018 "PBKDF2". Breathes. */
void tls_slow_hash(const char *secret, size_t n, const u8 *salt, size_t salt_length, u32 rounds, u8 to[32]);

/* Equal, in a time that does not tell where they differ. */
bool tls_same(const void *a, const void *b, size_t n);
