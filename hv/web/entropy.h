/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Random numbers for keys: the firmware's generator, the processor's, and jitter of the processor's timing, all mixed.
 * With too
 * little of them there is no TLS. Control core. */

#include <hv/types.h>

/* Gather and judge. Null: there is enough; else what is missing, in words. */
const char *entropy_init(void);

/* In words: what it was made of. */
const char *entropy_words(void);

void entropy_fill(void *to, size_t n);

/* The judgement alone, pure: deltas of a clock around memory accesses; how many bits we dare to count. */
u32 entropy_jitter_bits(const u32 *delta, u32 count);
