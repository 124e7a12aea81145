/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* mbedTLS 3.6 as the hypervisor uses it: a TLS 1.2 and 1.3 server with ECDSA keys, and nothing that such a server does
 * not
 * need. All memory is hv/web/heap.c's arena, all random numbers are hv/web/entropy.c's. On the build host, where tests
 * talk to it by mbedTLS's own client, WEB_HOST_TEST is set. */

/* --- where it runs: no system, no files, no threads, a clock only for what is written into certificates */
#define MBEDTLS_HAVE_ASM
#define MBEDTLS_NO_UDBL_DIVISION			/* of 128 bits: that were libgcc, built with a red zone */
#define MBEDTLS_PLATFORM_C
#define MBEDTLS_PLATFORM_MEMORY
#define MBEDTLS_PLATFORM_CALLOC_MACRO		web_calloc
#define MBEDTLS_PLATFORM_FREE_MACRO		web_free
#define MBEDTLS_PLATFORM_SNPRINTF_MACRO		web_snprintf
#define MBEDTLS_PLATFORM_ZEROIZE_ALT
#define MBEDTLS_NO_PLATFORM_ENTROPY

/* --- ciphers and hashes */
#define MBEDTLS_AES_C
#define MBEDTLS_AESNI_C				/* where CPUID says so, else tables */
#define MBEDTLS_GCM_C
#define MBEDTLS_CHACHA20_C
#define MBEDTLS_POLY1305_C
#define MBEDTLS_CHACHAPOLY_C
#define MBEDTLS_CIPHER_C
#define MBEDTLS_MD_C
#define MBEDTLS_SHA1_C				/* WebSocket's handshake asks for it (RFC 6455); no signature, no TLS */
#define MBEDTLS_SHA224_C
#define MBEDTLS_SHA256_C
#ifndef WEB_SHA256_PLAIN
#define MBEDTLS_SHA256_PROCESS_ALT		/* hv/web/simd/sha256.c: the SHA extensions, else the library's own */
#endif
#define MBEDTLS_SHA384_C
#define MBEDTLS_SHA512_C
#define MBEDTLS_HKDF_C

/* --- keys: P-256 (ours), P-384 (a supplied one), X25519 for the exchange */
#define MBEDTLS_BIGNUM_C
#define MBEDTLS_ECP_C
#define MBEDTLS_ECP_DP_SECP256R1_ENABLED
#define MBEDTLS_ECP_DP_SECP384R1_ENABLED
#define MBEDTLS_ECP_DP_CURVE25519_ENABLED
#define MBEDTLS_ECP_NIST_OPTIM
#define MBEDTLS_ECDH_C
#define MBEDTLS_ECDSA_C
#define MBEDTLS_ECDSA_DETERMINISTIC		/* a weak random number does not give the key away */
#define MBEDTLS_HMAC_DRBG_C
#define MBEDTLS_ASN1_PARSE_C
#define MBEDTLS_ASN1_WRITE_C
#define MBEDTLS_OID_C
#define MBEDTLS_PK_C
#define MBEDTLS_PK_PARSE_C
#define MBEDTLS_PK_WRITE_C
#define MBEDTLS_PK_PARSE_EC_EXTENDED
#define MBEDTLS_BASE64_C
#define MBEDTLS_PEM_PARSE_C
#define MBEDTLS_PEM_WRITE_C
#define MBEDTLS_X509_USE_C
#define MBEDTLS_X509_CRT_PARSE_C
#define MBEDTLS_X509_CREATE_C
#define MBEDTLS_X509_CRT_WRITE_C

/* --- PSA, which TLS 1.3 wants. 32 keys are not enough for 20 handshakes at once; all slots are on the heap. */
#define MBEDTLS_PSA_CRYPTO_C
#define MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG
#define MBEDTLS_PSA_KEY_SLOT_COUNT		256

/* --- TLS */
#define MBEDTLS_SSL_TLS_C
#define MBEDTLS_SSL_SRV_C
#define MBEDTLS_SSL_PROTO_TLS1_2
#define MBEDTLS_SSL_PROTO_TLS1_3
#define MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL_ENABLED
#define MBEDTLS_SSL_KEEP_PEER_CERTIFICATE
#define MBEDTLS_KEY_EXCHANGE_ECDHE_ECDSA_ENABLED
#define MBEDTLS_SSL_EXTENDED_MASTER_SECRET
#define MBEDTLS_SSL_ALPN
#define MBEDTLS_SSL_SERVER_NAME_INDICATION
#define MBEDTLS_SSL_IN_CONTENT_LEN		16384	/* what clients may send */
#define MBEDTLS_SSL_OUT_CONTENT_LEN		4096	/* certificate and answers go out in pieces */

#ifdef WEB_HOST_TEST
#define MBEDTLS_SSL_CLI_C
#endif

/* --- hv/web/mbedtls_port.c. Declared here, as every file of the library begins with this one. */
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>
void *web_calloc(size_t count, size_t size);
void web_free(void *p);
int web_snprintf(char *to, size_t size, const char *format, ...);
