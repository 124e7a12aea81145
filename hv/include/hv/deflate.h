/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Compressed data of RFC 1951 with its fixed codes: bits into a buffer, and on top of that whole pieces with matches inside of the
 * piece. Pure. */

#include <hv/types.h>

struct deflate {
	u8 *out;
	u64 size, used;			/* bytes of out */
	bool full;			/* it did not fit: what stands in out is of no use */
	u64 bits;			/* that are no whole byte yet */
	u32 bit_count;
};

#define DEFLATE_MATCH_MIN 3u
#define DEFLATE_MATCH_MAX 258u
#define DEFLATE_END 256u		/* the symbol that ends a block */

void deflate_byte(struct deflate *d, u8 byte);
void deflate_bits(struct deflate *d, u32 val, u32 n);	/* n up to 32, the lowest first */
void deflate_symbol(struct deflate *d, u32 symbol);	/* a literal or DEFLATE_END */
void deflate_match(struct deflate *d, u32 length, u32 distance);	/* distance 1 to 32768 */
void deflate_align(struct deflate *d);			/* to a whole byte */

#define DEFLATE_PIECE_MAX 65535u
#define DEFLATE_PLACES 2048u

struct deflate_places {
	u16 at[DEFLATE_PLACES];		/* by hash of four bytes: where they were last, + 1 */
};

/* n bytes (at most DEFLATE_PIECE_MAX) more of a stream that goes on: all of them can be decoded from what stands in out, which
 * ends at a whole byte, as it must begin. At most n + 5 bytes; the room for them must be there. */
void deflate_piece(struct deflate *d, const u8 *from, u32 n, struct deflate_places *places);
