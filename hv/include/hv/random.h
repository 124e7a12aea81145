/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Random numbers: a generator of ChaCha20 that forgets its key with each use, seeded from what the firmware and the
 * processor give. One owner each; no lock. */

#include <hv/types.h>

struct random {
	u8 key[32];
	u64 uses;
};

/* Seed r, different for each `who`. Control core, at boot. */
void random_seed(struct random *r, u64 who);

/* n bytes that nobody can foretell, as far as the seed was so. The processor's generator is mixed in each time. Any
 * core that owns r. */
void random_fill(struct random *r, void *to, size_t n);

/* 64 bits of the processor's own generator, RDSEED or else RDRAND. false: it has none, or none now. Any core. */
bool host_random(u64 *val);

/* The ChaCha20 block function: 64 bytes of key stream. RFC 8439 "The ChaCha20 Block Function", with a 64-bit counter
 * and a 64-bit nonce. Pure. */
void chacha20_block(const u8 key[32], u64 counter, u64 nonce, u8 to[64]);
