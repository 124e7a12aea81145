/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 1951 (deflate) "Compression with fixed Huffman codes" (3.2.6), "Non-compressed blocks" (3.2.4). */
#include <hv/deflate.h>

#include <hv/lib.h>

void deflate_byte(struct deflate *d, u8 byte)
{
	if (d->used < d->size)
		d->out[d->used++] = byte;
	else
		d->full = true;
}

void deflate_bits(struct deflate *d, u32 val, u32 n)
{
	d->bits |= (u64)val << d->bit_count;
	d->bit_count += n;
	while (d->bit_count >= 8) {
		deflate_byte(d, (u8)d->bits);
		d->bits >>= 8;
		d->bit_count -= 8;
	}
}

void deflate_align(struct deflate *d)
{
	if (d->bit_count)
		deflate_bits(d, 0, 8 - d->bit_count);
}

/* Huffman codes stand with their highest bit first. */
static u32 reversed(u32 byte)
{
	static const u8 nibble[16] = { 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15 };

	return (u32)nibble[byte & 15] << 4 | nibble[byte >> 4 & 15];
}

void deflate_symbol(struct deflate *d, u32 symbol)
{
	if (symbol < 144)
		deflate_bits(d, reversed(0x30 + symbol), 8);
	else if (symbol < 256)
		deflate_bits(d, reversed(0x190 + symbol - 144) << 1 | 1, 9);
	else if (symbol < 280)
		deflate_bits(d, reversed(symbol - 256) >> 1, 7);
	else
		deflate_bits(d, reversed(0xc0 + symbol - 280), 8);
}

/* A length of 3 to 258: its symbol and extra bits. From 11 on four symbols share a number of extra bits. */
static void put_length(struct deflate *d, u32 length)
{
	u32 extra = 0, n = length - DEFLATE_MATCH_MIN;

	if (length == DEFLATE_MATCH_MAX) {
		deflate_symbol(d, 285);
		return;
	}
	while (n >> (extra + 3))
		extra++;
	deflate_symbol(d, 257 + 4 * extra + (n >> extra));
	deflate_bits(d, n & (BIT32(extra) - 1), extra);
}

/* From 5 on two codes share a number of extra bits. */
static void put_distance(struct deflate *d, u32 distance)
{
	u32 extra = 0, n = distance - 1;

	while (n >> (extra + 2))
		extra++;
	deflate_bits(d, reversed(2 * extra + (n >> extra)) >> 3, 5);
	deflate_bits(d, n & (BIT32(extra) - 1), extra);
}

void deflate_match(struct deflate *d, u32 length, u32 distance)
{
	put_length(d, length);
	put_distance(d, distance);
}

/* --- whole pieces ------------------------------------------------------------------------------------------------------------ */

static u32 four(const u8 *at)
{
	u32 val;

	memcpy(&val, at, 4);
	return val;
}

/* The place where the four bytes at `at` stood last, or at itself; from now on it is this one. */
static u32 place_of(struct deflate_places *places, const u8 *from, u32 at)
{
	u16 *place = &places->at[four(from + at) * 2654435761u >> 21];
	u32 was = *place;

	*place = (u16)(at + 1);
	return was && four(from + was - 1) == four(from + at) && at - (was - 1) <= 32768 ? was - 1 : at;
}

static void put_matches(struct deflate *d, const u8 *from, u32 n, struct deflate_places *places)
{
	u32 at = 0;

	memset(places, 0, sizeof(*places));
	while (at < n) {
		u32 was = at + 4 <= n ? place_of(places, from, at) : at, length = 4;

		if (was == at) {
			deflate_symbol(d, from[at++]);
			continue;
		}
		while (length < DEFLATE_MATCH_MAX && at + length < n && from[was + length] == from[at + length])
			length++;
		deflate_match(d, length, at - was);
		at += length;
	}
}

/* A block without compression, which always ends at a whole byte. */
static void put_stored(struct deflate *d, const u8 *from, u32 n)
{
	deflate_bits(d, 0, 3);
	deflate_align(d);
	deflate_bits(d, n, 16);
	deflate_bits(d, ~n & 0xffff, 16);
	for (u32 i = 0; i < n; i++)
		deflate_byte(d, from[i]);
}

void deflate_piece(struct deflate *d, const u8 *from, u32 n, struct deflate_places *places)
{
	struct deflate before = *d;

	assert(!d->bit_count && n <= DEFLATE_PIECE_MAX && d->used <= d->size);
	d->size = MIN(d->size, d->used + n + 5);
	deflate_bits(d, 1 << 1, 3);
	put_matches(d, from, n, places);
	deflate_symbol(d, DEFLATE_END);
	put_stored(d, NULL, 0);		/* brings it to a whole byte */
	d->size = before.size;
	if (!d->full || before.full)
		return;
	*d = before;
	put_stored(d, from, n);
}
