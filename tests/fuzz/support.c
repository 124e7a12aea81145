/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include <hv/lib.h>

void must(bool right)
{
	if (!right)
		abort();
}

/* hv/lib/string.c would take the fuzzer's own memmove away. */
size_t str_copy(char *to, size_t size, const char *s)
{
	size_t n = strlen(s);

	if (!size)
		return n;
	memcpy(to, s, MIN(n, size - 1));
	to[MIN(n, size - 1)] = 0;
	return n;
}
