/* SPDX-License-Identifier: Apache-2.0 */
/* What the web server's third-party code needs of a C library and nobody else does. */
#include <hv/lib.h>

char *strncpy(char *to, const char *from, size_t n);
void *malloc(size_t size);
void *realloc(void *p, size_t size);
void free(void *p);

char *strncpy(char *to, const char *from, size_t n)
{
	size_t len = strnlen(from, n);

	memcpy(to, from, len);
	memset(to + len, 0, n - len);
	return to;
}

/* yyjson's default allocator, which nobody uses: there is nothing behind it. */
void *malloc(size_t size)
{
	(void)size;
	return NULL;
}

void *realloc(void *p, size_t size)
{
	(void)p;
	(void)size;
	return NULL;
}

void free(void *p)
{
	(void)p;
}
