/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Text for boot/: a small formatter, string helpers, the four mem* functions that a compiler may call.
 * Pure C without firmware headers: also built on the host by unit tests. Any core, no state. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Writes at most `size` bytes with the closing NUL; returns the length without it, cut when too long.
 * Knows %s %c %u %lu %x %lx %% and a width with or without leading 0 for numbers. */
size_t text_format(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
size_t text_format_list(char *out, size_t size, const char *format, va_list args) __attribute__((format(printf, 3, 0)));

/* Copies as much of `from` as fits with a closing NUL. */
void text_copy(char *out, size_t size, const char *from);

size_t text_length(const char *s);
int text_equal(const char *a, const char *b);
int text_equal_nocase(const char *a, const char *b);	/* ASCII letters only */
int text_ends_nocase(const char *s, const char *end);

/* UCS-2 to ASCII, `count` units or up to a NUL. Returns 0; -1 when a unit is not printable, `out` is "" then. */
int text_from_ucs2(char *out, size_t size, const uint16_t *from, size_t count);

/* UTF-8 to UCS-2 with closing NUL. Returns 0, or -1: malformed, beyond the basic plane, or too long. */
int text_to_ucs2(uint16_t *out, size_t count, const char *from);
