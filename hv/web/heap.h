/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Memory of the web server: a block that is taken from the pool at boot, and a few more while there are many clients. What
 * does not fit is refused, and the connection that asked for it ends. Control core. */

#include <hv/types.h>

/* Take over size bytes at base (16-byte aligned, at least 4 KiB, less than 4 GiB). */
void heap_init(void *base, u64 size);

/* Up to `blocks` (15 at most) more of `grain` bytes each (whole pages): more() gives one on 16 bytes or null, less() takes it
 * back. */
typedef void *heap_more_fn(u64 size);
typedef void heap_less_fn(void *base, u64 size);
void heap_grow_by(u64 grain, u32 blocks, heap_more_fn *more, heap_less_fn *less);

/* Blocks that nobody uses go back. */
void heap_give_back(void);

/* size bytes, zeroed, on 16 bytes; null: there is no such piece. heap_free(NULL) does nothing. */
void *heap_alloc(u64 size);
void heap_free(void *p);

/* Bytes that can be had at most, that are held now; in use with their heads, the most there ever were; how often there was
 * nothing. */
struct heap_use {
	u64 size, held, used, most, refused;
};
extern struct heap_use heap_use;

/* All pieces and lists agree: for tests. */
bool heap_is_sound(void);
