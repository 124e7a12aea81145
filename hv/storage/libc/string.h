/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What littlefs takes for the C library's <string.h>, where there is none. */
#include <hv/lib.h>

static inline size_t strspn(const char *s, const char *set)
{
	size_t n = 0;

	while (s[n] && strchr(set, s[n]))
		n++;
	return n;
}

static inline size_t strcspn(const char *s, const char *set)
{
	size_t n = 0;

	while (s[n] && !strchr(set, s[n]))
		n++;
	return n;
}

static inline char *strcpy(char *to, const char *from)
{
	memcpy(to, from, strlen(from) + 1);
	return to;
}
