/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* yyjson names them for its default allocator, which nobody uses: hv/web/json_in.c brings a fixed one. */
#include <stddef.h>
void *malloc(size_t size);
void *realloc(void *p, size_t size);
void free(void *p);
