/* SPDX-License-Identifier: Apache-2.0 */
/* Seeding and drawing. The first half of the first block becomes the next key, so what was given out cannot be
 * reckoned back from what is found here later. */
#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/random.h>
#include <hv/time.h>

#define DOMAIN_DRAW 0ul
#define DOMAIN_MIX 1ul

/* key = block(key ^ words) */
static void mix(struct random *r, const u64 words[4])
{
	u8 block[64];
	u64 key[4];

	memcpy(key, r->key, sizeof(key));
	for (u32 i = 0; i < 4; i++)
		key[i] ^= words[i];
	chacha20_block((const u8 *)key, r->uses++, DOMAIN_MIX, block);
	memcpy(r->key, block, sizeof(r->key));
}

/* The TSC's low bits are what there is when the processor has no generator. */
static void mix_processor(struct random *r)
{
	u64 words[4] = { 0, 0, 0, tsc_now() };

	for (u32 i = 0; i < 3; i++)
		if (!host_random(&words[i]))
			words[i] = 0;
	mix(r, words);
}

void random_seed(struct random *r, u64 who)
{
	u64 words[8] = { 0 };

	_Static_assert(sizeof(words) == sizeof(boot_info->entropy), "all of the firmware's entropy is used");
	memset(r, 0, sizeof(*r));
	memcpy(words, boot_info->entropy, sizeof(words));
	mix(r, words);
	mix(r, words + 4);
	mix(r, (const u64[4]){ who, boot_info->tsc_at_entry, boot_info->clock.wall_seconds, boot_info->tsc_at_exit });
	mix_processor(r);
}

void random_fill(struct random *r, void *to, size_t n)
{
	u8 block[64];

	mix_processor(r);
	for (u64 counter = 1; n; counter++) {
		size_t part = MIN(n, sizeof(block));

		chacha20_block(r->key, counter, DOMAIN_DRAW, block);
		memcpy(to, block, part);
		to = (u8 *)to + part;
		n -= part;
	}
	chacha20_block(r->key, 0, DOMAIN_DRAW, block);
	memcpy(r->key, block, sizeof(r->key));
	memset(block, 0, sizeof(block));
	r->uses++;
}
