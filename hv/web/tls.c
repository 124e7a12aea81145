/* SPDX-License-Identifier: Apache-2.0 */
#include "tls.h"

#include "entropy.h"
#include "fiber.h"

#include <hv/lib.h>

#include <mbedtls/asn1write.h>
#include <mbedtls/constant_time.h>
#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>

#define SERIAL_BYTES 16u
#define BLOCK 64u			/* of SHA-256 */
#define ROUNDS_A_BREATH 64u
#define VALID_FROM "20200101000000"	/* the machine's clock may be wrong by years at first start */
#define VALID_UNTIL "20491231235959"

static const char magic[8] = "BHTLS01";

static struct {
	mbedtls_ssl_config config;
	mbedtls_x509_crt cert;
	mbedtls_pk_context key;
	bool usable;
	char fingerprint[TLS_FINGERPRINT];
} tls;

/* TLS 1.3's three, and of 1.2 those with an exchange of keys that is forgotten. */
static const int suites[] = {
	MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_AES_256_GCM_SHA384, MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 0
};
static const uint16_t groups[] = { MBEDTLS_SSL_IANA_TLS_GROUP_X25519, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
	MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE };
static const char *protocols[] = { "http/1.1", NULL };

int tls_random(void *unused, unsigned char *to, size_t n)
{
	(void)unused;
	entropy_fill(to, n);
	return 0;
}

const char *tls_init(void)
{
	mbedtls_ssl_config_init(&tls.config);
	mbedtls_x509_crt_init(&tls.cert);
	mbedtls_pk_init(&tls.key);
	tls.usable = false;
	tls.fingerprint[0] = 0;
	if (psa_crypto_init() != PSA_SUCCESS ||
	    mbedtls_ssl_config_defaults(&tls.config, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
		MBEDTLS_SSL_PRESET_DEFAULT))
		return "mbedTLS has no memory to begin with";
	mbedtls_ssl_conf_rng(&tls.config, tls_random, NULL);
	mbedtls_ssl_conf_min_tls_version(&tls.config, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_ciphersuites(&tls.config, suites);
	mbedtls_ssl_conf_groups(&tls.config, groups);
	if (mbedtls_ssl_conf_alpn_protocols(&tls.config, protocols))
		return "mbedTLS takes no list of protocols";
	return NULL;
}

/* --- a certificate of our own -------------------------------------------------------------------------------- */

static mbedtls_x509_san_list dns_name(char *text)
{
	return (mbedtls_x509_san_list){ .node = { .type = MBEDTLS_X509_SAN_DNS_NAME,
		.san.unstructured_name = { .tag = MBEDTLS_ASN1_IA5_STRING, .len = strlen(text), .p =
			(unsigned char *)text } } };
}

static mbedtls_x509_san_list address(u8 *bytes, size_t n)
{
	return (mbedtls_x509_san_list){ .node = { .type = MBEDTLS_X509_SAN_IP_ADDRESS,
		.san.unstructured_name = { .tag = MBEDTLS_ASN1_OCTET_STRING, .len = n, .p = bytes } } };
}

/* Names by which a browser may reach it; the address by DHCP is not known, so the fingerprint is what counts. */
static int set_names(mbedtls_x509write_cert *w, const char *name)
{
	static u8 ip4[4] = { 127, 0, 0, 1 }, ip6[16] = { [15] = 1 };
	static char local[80], plain[64], localhost[] = "localhost";
	mbedtls_x509_san_list san[5];
	char subject[96];

	fmt_print(plain, sizeof(plain), "%s", name);
	fmt_print(local, sizeof(local), "%s.local", name);
	fmt_print(subject, sizeof(subject), "CN=%s.local,O=Bulkhead", name);
	san[0] = dns_name(local);
	san[1] = dns_name(plain);
	san[2] = dns_name(localhost);
	san[3] = address(ip4, sizeof(ip4));
	san[4] = address(ip6, sizeof(ip6));
	for (u32 i = 0; i + 1 < ARRAY_COUNT(san); i++)
		san[i].next = &san[i + 1];
	if (mbedtls_x509write_crt_set_subject_name(w, subject) || mbedtls_x509write_crt_set_issuer_name(w, subject))
		return -1;
	return mbedtls_x509write_crt_set_subject_alternative_name(w, san);
}

static int describe(mbedtls_x509write_cert *w, mbedtls_pk_context *key, const char *name)
{
	static const mbedtls_asn1_sequence usage = { .buf = { .tag = MBEDTLS_ASN1_OID, .len =
		MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH),
		.p = (unsigned char *)MBEDTLS_OID_SERVER_AUTH } };
	u8 serial[SERIAL_BYTES];

	entropy_fill(serial, sizeof(serial));
	serial[0] = (u8)((serial[0] & 0x7f) | 0x40);	/* positive, of full length. RFC 5280 "Serial Number" */
	mbedtls_x509write_crt_set_version(w, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(w, MBEDTLS_MD_SHA256);
	mbedtls_x509write_crt_set_subject_key(w, key);
	mbedtls_x509write_crt_set_issuer_key(w, key);
	if (set_names(w, name) || mbedtls_x509write_crt_set_serial_raw(w, serial, sizeof(serial)) ||
	    mbedtls_x509write_crt_set_validity(w, VALID_FROM, VALID_UNTIL) ||
	    mbedtls_x509write_crt_set_basic_constraints(w, 0, -1) ||
	    mbedtls_x509write_crt_set_key_usage(w, MBEDTLS_X509_KU_DIGITAL_SIGNATURE))
		return -1;
	return mbedtls_x509write_crt_set_ext_key_usage(w, &usage);
}

/* mbedTLS writes DER from the end of the room that it gets. */
static int write_both(mbedtls_x509write_cert *w, mbedtls_pk_context *key, struct tls_keep *keep)
{
	u8 *to = keep->der;
	int n = mbedtls_pk_write_key_der(key, to, TLS_DER_MAX);

	if (n <= 0)
		return -1;
	memmove(to, to + TLS_DER_MAX - n, (size_t)n);
	keep->key_length = (u32)n;
	to += n;
	n = mbedtls_x509write_crt_der(w, to, TLS_DER_MAX, tls_random, NULL);
	if (n <= 0)
		return -1;
	memmove(to, to + TLS_DER_MAX - n, (size_t)n);
	keep->cert_length = (u32)n;
	memcpy(keep->magic, magic, sizeof(magic));
	return 0;
}

const char *tls_mint(const char *name, struct tls_keep *keep)
{
	mbedtls_x509write_cert w;
	mbedtls_pk_context key;
	bool whole;

	memset(keep, 0, sizeof(*keep));
	mbedtls_x509write_crt_init(&w);
	mbedtls_pk_init(&key);
	whole = !mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)) &&
		!mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), tls_random, NULL) && !describe(&w,
			&key, name) &&
		!write_both(&w, &key, keep);
	mbedtls_x509write_crt_free(&w);
	mbedtls_pk_free(&key);
	return whole ? NULL : "a certificate could not be made";
}

/* --- which one is used --------------------------------------------------------------------------------------- */

static void take_fingerprint(void)
{
	u8 sum[32];

	tls_sha256(tls.cert.raw.p, tls.cert.raw.len, sum);
	for (u32 i = 0; i < sizeof(sum); i++)
		fmt_print(tls.fingerprint + 3 * i, sizeof(tls.fingerprint) - 3 * i, "%02X%s", sum[i], i < 31 ? ":" :
			"");
}

/* mbedTLS wants PEM to end with a NUL that is counted. */
static const char *read_key(const u8 *key, size_t n)
{
	if (mbedtls_pk_parse_key(&tls.key, key, n, NULL, 0, tls_random, NULL))
		return "the key cannot be read: an EC private key, PEM or DER, without a password";
	if (mbedtls_pk_get_type(&tls.key) != MBEDTLS_PK_ECKEY)
		return "the key is no EC key: P-256 or P-384";
	return NULL;
}

static const char *use(const void *cert, size_t cert_length, const void *key, size_t key_length)
{
	const char *why = NULL;

	mbedtls_x509_crt_free(&tls.cert);
	mbedtls_pk_free(&tls.key);
	mbedtls_x509_crt_init(&tls.cert);
	mbedtls_pk_init(&tls.key);
	tls.usable = false;
	if (mbedtls_x509_crt_parse(&tls.cert, cert, cert_length))
		return "the certificate cannot be read: X.509, PEM or DER, ECDSA with P-256 or P-384";
	why = read_key(key, key_length);
	if (why)
		return why;
	if (mbedtls_pk_check_pair(&tls.cert.pk, &tls.key, tls_random, NULL))
		return "the key is not the certificate's";
	if (mbedtls_ssl_conf_own_cert(&tls.config, &tls.cert, &tls.key))
		return "there is no memory for the certificate";
	take_fingerprint();
	tls.usable = true;
	return NULL;
}

const char *tls_use(const struct tls_keep *keep)
{
	if (memcmp(keep->magic, magic, sizeof(magic)) || keep->key_length > TLS_DER_MAX ||
		keep->cert_length > TLS_DER_MAX)
		return "the kept certificate cannot be read";
	return use(keep->der + keep->key_length, keep->cert_length, keep->der, keep->key_length);
}

static size_t is_pem(const void *bytes, size_t n)
{
	return n > 10 && !memcmp(bytes, "-----BEGIN", 10);
}

const char *tls_use_files(const void *cert, size_t cert_length, const void *key, size_t key_length)
{
	static char text[2][8 * KiB];

	if (cert_length >= sizeof(text[0]) || key_length >= sizeof(text[1]))
		return "certificate and key have at most 8 KiB each";
	memset(text, 0, sizeof(text));
	memcpy(text[0], cert, cert_length);
	memcpy(text[1], key, key_length);
	return use(text[0], cert_length + is_pem(cert, cert_length), text[1], key_length + is_pem(key, key_length));
}

const char *tls_fingerprint(void)
{
	return tls.fingerprint;
}

/* --- connections and sums ------------------------------------------------------------------------------------ */

int tls_open(mbedtls_ssl_context *ssl, void *io, mbedtls_ssl_send_t *send, mbedtls_ssl_recv_t *receive)
{
	int err = MBEDTLS_ERR_SSL_CONN_EOF;

	mbedtls_ssl_init(ssl);
	if (tls.usable)
		err = mbedtls_ssl_setup(ssl, &tls.config);
	if (!err)
		mbedtls_ssl_set_bio(ssl, io, send, receive, NULL);
	return err;
}

void tls_sha256(const void *bytes, size_t n, u8 to[32])
{
	mbedtls_sha256(bytes, n, to, 0);
}

void tls_sha1(const void *bytes, size_t n, u8 to[20])
{
	mbedtls_sha1(bytes, n, to);
}

/* SHA-256 after one block of the key: HMAC begins so, inside and outside, once for all rounds. */
static void key_block(mbedtls_sha256_context *c, const u8 key[BLOCK], u8 pad)
{
	u8 block[BLOCK];

	for (u32 i = 0; i < BLOCK; i++)
		block[i] = key[i] ^ pad;
	mbedtls_sha256_init(c);
	mbedtls_sha256_starts(c, 0);
	mbedtls_sha256_update(c, block, BLOCK);
}

static void hmac(const mbedtls_sha256_context *inner, const mbedtls_sha256_context *outer, const u8 *a, size_t an,
	const u8 *b, size_t bn,
		 u8 to[32])
{
	mbedtls_sha256_context c;

	mbedtls_sha256_clone(&c, inner);
	mbedtls_sha256_update(&c, a, an);
	mbedtls_sha256_update(&c, b, bn);
	mbedtls_sha256_finish(&c, to);
	mbedtls_sha256_clone(&c, outer);
	mbedtls_sha256_update(&c, to, 32);
	mbedtls_sha256_finish(&c, to);
}

void tls_slow_hash(const char *secret, size_t n, const u8 *salt, size_t salt_length, u32 rounds, u8 to[32])
{
	static const u8 first[4] = { 0, 0, 0, 1 };
	mbedtls_sha256_context inner, outer;
	u8 key[BLOCK] = { 0 }, u[32];

	if (n > BLOCK)
		tls_sha256(secret, n, key);
	else
		memcpy(key, secret, n);
	key_block(&inner, key, 0x36);
	key_block(&outer, key, 0x5c);
	hmac(&inner, &outer, salt, salt_length, first, sizeof(first), u);
	memcpy(to, u, 32);
	for (u32 i = 1; i < rounds; i++) {
		hmac(&inner, &outer, u, 32, first, 0, u);
		for (u32 k = 0; k < 32; k++)
			to[k] ^= u[k];
		if (i % ROUNDS_A_BREATH == 0)
			fiber_breathe();
	}
	mbedtls_platform_zeroize(key, sizeof(key));
	mbedtls_platform_zeroize(&inner, sizeof(inner));
	mbedtls_platform_zeroize(&outer, sizeof(outer));
}

bool tls_same(const void *a, const void *b, size_t n)
{
	return !mbedtls_ct_memcmp(a, b, n);
}
