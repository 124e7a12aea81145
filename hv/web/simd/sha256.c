/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256's compression function by the SHA extensions where CPUID has them, else mbedTLS's own (MBEDTLS_SHA256_PROCESS_ALT).
 * The one file of ours that may use vector registers (docs/design.md, "The SSE seam"): as third-party code, it is compiled by
 * hv/web/third_party.mk and runs in the web fiber. SDM 1 "Intel SHA Extensions"; FIPS 180-4 "SHA-256". */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/sha256.h>

#include <cpuid.h>

#define EBX_SHA (1u << 29)		/* leaf 7 */
#define ECX_SSSE3 (1u << 9)		/* leaf 1 */
#define ECX_SSE41 (1u << 19)
#define SHA_TARGET __attribute__((target("sha,ssse3,sse4.1")))

typedef int v4 __attribute__((vector_size(16)));
typedef int v4_any __attribute__((vector_size(16), aligned(1), may_alias));
typedef unsigned int u4 __attribute__((vector_size(16)));
typedef char v16 __attribute__((vector_size(16)));

int web_sha256_plain(mbedtls_sha256_context *c, const unsigned char data[64]);

static const u4 k[16] = {
	{ 0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5 },
	{ 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5 },
	{ 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3 },
	{ 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174 },
	{ 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc },
	{ 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da },
	{ 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7 },
	{ 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967 },
	{ 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13 },
	{ 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85 },
	{ 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3 },
	{ 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070 },
	{ 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5 },
	{ 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3 },
	{ 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208 },
	{ 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2 },
};

static int has_sha(void)
{
	static volatile int known;		/* 1: no, 2: yes */
	unsigned a, b, c, d;

	if (!known)
		known = __get_cpuid(1, &a, &b, &c, &d) && (c & ECX_SSSE3) && (c & ECX_SSE41) &&
			__get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & EBX_SHA) ? 2 : 1;
	return known == 2;
}

/* Modulo 2^32, which sums with a sign are not. */
SHA_TARGET static inline v4 add(v4 a, v4 b)
{
	return (v4)((u4)a + (u4)b);
}

/* Four words of the message, big endian. */
SHA_TARGET static inline v4 load(const unsigned char *at)
{
	v16 b = (v16)*(const v4_any *)at;

	return (v4)__builtin_shufflevector(b, b, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
}

/* Words t to t + 3 of the schedule from those before: w0 is t - 16 to t - 13, w3 is t - 4 to t - 1. */
SHA_TARGET static inline v4 next(v4 w0, v4 w1, v4 w2, v4 w3)
{
	v4 sevens = __builtin_shufflevector(w2, w3, 1, 2, 3, 4);	/* t - 7 to t - 4 */

	return __builtin_ia32_sha256msg2(add(__builtin_ia32_sha256msg1(w0, w1), sevens), w3);
}

/* The instruction wants A B E F and C D G H, the first one in the highest word; it makes two rounds. */
SHA_TARGET static void compress(unsigned int state[8], const unsigned char *data)
{
	v4 abcd = *(const v4_any *)state, efgh = *(const v4_any *)(state + 4), w[4];
	v4 abef = __builtin_shufflevector(abcd, efgh, 5, 4, 1, 0), cdgh = __builtin_shufflevector(abcd, efgh, 7, 6, 3, 2);
	v4 abef_before = abef, cdgh_before = cdgh;

#pragma GCC unroll 16
	for (int i = 0; i < 16; i++) {
		v4 words;

		w[i & 3] = i < 4 ? load(data + 16 * i) : next(w[i & 3], w[(i + 1) & 3], w[(i + 2) & 3], w[(i + 3) & 3]);
		words = add(w[i & 3], (v4)k[i]);
		cdgh = __builtin_ia32_sha256rnds2(cdgh, abef, words);
		abef = __builtin_ia32_sha256rnds2(abef, cdgh, __builtin_shufflevector(words, words, 2, 3, 2, 3));
	}
	abef = add(abef, abef_before);
	cdgh = add(cdgh, cdgh_before);
	*(v4_any *)state = __builtin_shufflevector(abef, cdgh, 3, 2, 7, 6);
	*(v4_any *)(state + 4) = __builtin_shufflevector(abef, cdgh, 1, 0, 5, 4);
}

int mbedtls_internal_sha256_process(mbedtls_sha256_context *c, const unsigned char data[64])
{
	if (!has_sha())
		return web_sha256_plain(c, data);
	compress(c->state, data);
	return 0;
}
