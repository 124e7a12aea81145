/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 8439 "The ChaCha Quarter Round", "The ChaCha20 Block Function". */
#include <hv/lib.h>
#include <hv/random.h>

#define ROUNDS 20u

static u32 rotate(u32 x, u32 by)
{
	return x << by | x >> (32 - by);
}

static void quarter(u32 *x, u32 a, u32 b, u32 c, u32 d)
{
	x[a] += x[b]; x[d] = rotate(x[d] ^ x[a], 16);
	x[c] += x[d]; x[b] = rotate(x[b] ^ x[c], 12);
	x[a] += x[b]; x[d] = rotate(x[d] ^ x[a], 8);
	x[c] += x[d]; x[b] = rotate(x[b] ^ x[c], 7);
}

void chacha20_block(const u8 key[32], u64 counter, u64 nonce, u8 to[64])
{
	u32 in[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 }, x[16];

	memcpy(&in[4], key, 32);
	memcpy(&in[12], &counter, 8);
	memcpy(&in[14], &nonce, 8);
	memcpy(x, in, sizeof(x));
	for (u32 i = 0; i < ROUNDS; i += 2) {
		for (u32 k = 0; k < 4; k++)
			quarter(x, k, 4 + k, 8 + k, 12 + k);
		for (u32 k = 0; k < 4; k++)
			quarter(x, k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4);
	}
	for (u32 i = 0; i < 16; i++)
		x[i] += in[i];
	memcpy(to, x, sizeof(x));
}
