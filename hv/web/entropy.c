/* SPDX-License-Identifier: Apache-2.0 */
/* One source may be missing, weak or planted: none is believed alone. What counts: the firmware's 64 bytes or the
 * processor's
 * generator as 256 bits each; of jitter, an eighth of a bit for each sample whose change of change is new. 128 bits
 * are asked for. */
#include "entropy.h"

#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/random.h>
#include <hv/time.h>

#define SAMPLES 2048u
#define BITS_NEEDED 128u
#define STRONG_BITS 256u
#define RECENT 8u

static struct random rng;
static char words[96];

u32 entropy_jitter_bits(const u32 *delta, u32 count)
{
	u32 recent[RECENT] = { 0 }, news = 0;

	for (u32 i = 2; i < count; i++) {
		u32 change = (delta[i] - delta[i - 1]) - (delta[i - 1] - delta[i - 2]);
		bool known = !change;

		for (u32 k = 0; k < RECENT; k++)
			known |= recent[k] == change;
		recent[i % RECENT] = change;
		news += !known;
	}
	return news / 8;
}

/* Reads scattered over a page whose lines were just written: caches, buses and refresh have their say. */
static u32 sample_jitter(void)
{
	static u32 delta[SAMPLES];
	static volatile u64 page[512];
	u64 last = tsc_now(), at = last;
	u8 more[sizeof(rng.key)];

	for (u32 i = 0; i < SAMPLES; i++) {
		u64 now;

		at = at * 6364136223846793005ul + 1442695040888963407ul;
		page[at >> 55] += at;
		now = tsc_now();
		delta[i] = (u32)(now - last);
		last = now;
	}
	/* The generator takes 256 bits at a time: fold all samples into its key. */
	for (u32 i = 0; i < SAMPLES; i += 8) {
		random_fill(&rng, more, sizeof(more));
		for (u32 k = 0; k < sizeof(more); k++)
			rng.key[k] ^= (u8)(more[k] ^ ((u8 *)&delta[i])[k]);
	}
	return entropy_jitter_bits(delta, SAMPLES);
}

static bool firmware_has(void)
{
	u8 any = 0;

	for (size_t i = 0; i < sizeof(boot_info->entropy); i++)
		any |= boot_info->entropy[i];
	return any && boot_info->entropy_bytes >= BITS_NEEDED / 8;
}

/* A broken generator gives the same value again: AMD-SP erratum of 2019, RDRAND gives all ones after suspend. */
static bool processor_has(void)
{
	u64 a, b;

	return host_random(&a) && host_random(&b) && a != b && ~a && ~b && a && b;
}

const char *entropy_init(void)
{
	bool firmware = firmware_has(), processor = processor_has();
	u32 jitter;

	random_seed(&rng, 0x746c73);
	jitter = sample_jitter();
	fmt_print(words, sizeof(words), "%s%sjitter (%u bits)", firmware ? "firmware, " : "",
		  processor ? "processor, " : "", jitter);
	if (firmware * STRONG_BITS + processor * STRONG_BITS + jitter >= BITS_NEEDED)
		return NULL;
	return "too little randomness: neither firmware (EFI_RNG_PROTOCOL) nor processor (RDSEED, RDRAND) has a generator, "
	       "and its timing is too regular";
}

const char *entropy_words(void)
{
	return words;
}

void entropy_fill(void *to, size_t n)
{
	random_fill(&rng, to, n);
}
