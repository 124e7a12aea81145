/* SPDX-License-Identifier: Apache-2.0 */
/* The four functions that a freestanding compiler may call (GCC manual "Language Standards Supported by GCC").
 * Built with -fno-builtin, or they would be turned into calls of themselves. */

#include "mem.h"

#include <stdint.h>

/* By eight bytes first: the emulators count and take time for each step of a repeated instruction. */
void *memcpy(void *to, const void *from, size_t size)
{
	void *start = to;
	size_t words = size / 8, bytes = size % 8;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
	return start;
}

void *memset(void *to, int value, size_t size)
{
	void *start = to;
	size_t words = size / 8, bytes = size % 8;
	uint64_t pattern = (uint8_t)value * 0x0101010101010101ull;

	__asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(pattern) : "memory");
	return start;
}

void *memmove(void *to, const void *from, size_t size)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if (t <= f || t >= f + size)
		return memcpy(to, from, size);
	while (size--)
		t[size] = f[size];
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *p = a, *q = b;

	for (; size; size--, p++, q++)
		if (*p != *q)
			return *p < *q ? -1 : 1;
	return 0;
}
