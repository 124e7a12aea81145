/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Memory of the web server: one arena that is taken from the pool at boot and never grows. What does not fit is
 * refused, and
 * the connection that asked for it ends. Control core. */

#include <hv/types.h>

/* Take over size bytes at base (16-byte aligned, at least 4 KiB, less than 4 GiB). */
void heap_init(void *base, u64 size);

/* size bytes, zeroed, on 16 bytes; null: there is no such piece. heap_free(NULL) does nothing. */
void *heap_alloc(u64 size);
void heap_free(void *p);

/* Bytes in use with their heads, the most there ever were, how often there was nothing. */
struct heap_use {
	u64 size, used, most, refused;
};
extern struct heap_use heap_use;

/* All pieces and lists agree: for tests. */
bool heap_is_sound(void);
