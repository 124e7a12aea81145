/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Copies by vector registers. Control core only: guests' registers stay in theirs (docs/design.md, "The SSE seam"). */
#include <hv/lib.h>

/* Whether this machine's control core copies so; copy_wide_begin() sets it. */
extern bool copy_wide_on;

/* Control core, once, with AVX switched on (core_take_avx()) or not. */
static inline void copy_wide_begin(bool avx)
{
	copy_wide_on = avx;
}

/* n bytes, at least 32, that do not overlap. */
void copy_wide(void *to, const void *from, size_t n);

/* As memcpy(): n bytes that do not overlap, of a frame. */
static inline void copy_frame(void *to, const void *from, size_t n)
{
	if (n >= 256 && copy_wide_on)
		copy_wide(to, from, n);
	else
		memcpy(to, from, n);
}
