/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The mem* functions of the C standard, for boot/ alone. Any core, no state. */

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
void *memmove(void *to, const void *from, size_t size);
int memcmp(const void *a, const void *b, size_t size);
