/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: web */
/* SHA-256 as the server has it, by the SHA extensions where the build host has them, beside mbedTLS's own and FIPS 180-4's examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/sha256.h>

int web_sha256_plain(mbedtls_sha256_context *c, const unsigned char data[64]);

/* What the archive asks for besides; its tests have all of hv/web. */
void *web_calloc(size_t count, size_t size)
{
	return calloc(count, size);
}

void web_free(void *p)
{
	free(p);
}

void mbedtls_platform_zeroize(void *p, size_t n)
{
	memset(p, 0, n);
}

static void sum_is(const char *text, const char *want)
{
	unsigned char sum[32];
	char hex[65];

	mbedtls_sha256((const unsigned char *)text, strlen(text), sum, 0);
	for (unsigned i = 0; i < sizeof(sum); i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	assert_string_equal(hex, want);
}

static void examples(void **state)
{
	(void)state;
	sum_is("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sum_is("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sum_is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

/* Any state, any block, at any address. */
static void both_agree(void **state)
{
	unsigned char block[64 + 16];
	mbedtls_sha256_context a, b;

	(void)state;
	srand(1);
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	for (int round = 0; round < 20000; round++) {
		unsigned char *at = block + round % 16;

		for (unsigned i = 0; i < 64; i++)
			at[i] = round < 2 ? (unsigned char)(round * 0xff) : (unsigned char)rand();
		for (unsigned i = 0; i < 8 && round % 5 == 0; i++)
			a.state[i] = b.state[i] = (uint32_t)rand() << 1 ^ (uint32_t)rand();
		assert_int_equal(mbedtls_internal_sha256_process(&a, at), 0);
		assert_int_equal(web_sha256_plain(&b, at), 0);
		assert_memory_equal(a.state, b.state, sizeof(a.state));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(both_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
