/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What lwIP needs of a C library: hv/lib/string.c, and hv/net/lwip_libc.c for what is rare. */

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strstr(const char *s, const char *part);
