/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What Zydis takes for a C library (ZYAN_CUSTOM_LIBC; given to the compiler by -include, see third_party.mk). Its own
 * replacement clears structures byte by byte through a volatile pointer: 5,000 instructions an instruction decoded. */

#include <stddef.h>
#include <stdint.h>

typedef uint64_t __attribute__((may_alias, aligned(1))) zydis_word;

static inline void *zydis_memset(void *to, int byte, size_t n)
{
	uint8_t *p = to;
	uint64_t word = (uint8_t)byte * 0x0101010101010101ul;

	for (; n >= 8; n -= 8, p += 8)
		*(zydis_word *)p = word;
	for (; n; n--)
		*p++ = (uint8_t)byte;
	return to;
}

static inline void *zydis_memcpy(void *to, const void *from, size_t n)
{
	uint8_t *p = to;
	const uint8_t *q = from;

	while (n--)
		*p++ = *q++;
	return to;
}

#define ZYAN_MEMSET zydis_memset
#define ZYAN_MEMCPY zydis_memcpy
