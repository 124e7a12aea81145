/* SPDX-License-Identifier: Apache-2.0 */
/* What lwIP needs of a C library and nobody else does; the rest is in hv/lib/string.c. */
#include <hv/lib.h>

int atoi(const char *s);
char *strstr(const char *s, const char *part);

int atoi(const char *s)
{
	u32 n = 0;

	for (; *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (u32)(*s - '0');
	return (int)n;
}

char *strstr(const char *s, const char *part)
{
	size_t n = strlen(part);

	for (; *s; s++)
		if (!strncmp(s, part, n))
			return (char *)(size_t)s;
	return n ? NULL : (char *)(size_t)s;
}
