/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The few functions of a C library that the hypervisor needs, with their usual meaning, and formatted text.
 * Pure: no hardware, no globals; any core. */

#include <stdarg.h>

#include <hv/types.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int byte, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);

/* Copy s into to[size], cut if needed, always terminated. Returns strlen(s). */
size_t str_copy(char *to, size_t size, const char *s);

/* Like snprintf: %d %i %u %x %X %c %s %p %% with - 0 + space #, width, precision, * and l ll z h hh; no floats.
 * Returns the length that the whole text has; the result is always terminated when size > 0. */
int fmt_print(char *to, size_t size, const char *fmt, ...) PRINTF_LIKE(3, 4);
int fmt_vprint(char *to, size_t size, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);

/* "4 GiB", "512 KiB", "1.5 GiB": bytes in words with a unit. Returns to. */
char *fmt_bytes(char *to, size_t size, u64 bytes);

/* "512MiB", "20GiB", with KiB to TiB: bytes below 2^52; 0: it is no such size. */
u64 size_of_words(const char *words);

/* Our own broken invariants end in a panic that names the place; kept in every build. */
NORETURN void assert_failed(const char *what, const char *file, int line);
#define assert(x) ((x) ? (void)0 : assert_failed(#x, __FILE__, __LINE__))
