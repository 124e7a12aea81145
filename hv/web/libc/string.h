/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the web server's third-party code needs of a C library: hv/lib/string.c and hv/web/web_libc.c. */

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int byte, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strncpy(char *to, const char *from, size_t n);
char *strchr(const char *s, int c);
char *strstr(const char *s, const char *part);
