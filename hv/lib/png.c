/* SPDX-License-Identifier: Apache-2.0 */
/* PNG (third edition) "Datastream structure", "Filtering"; RFC 1950 (zlib); RFC 1951 (deflate) "Compression with fixed Huffman
 * codes" (3.2.6). */
#include <hv/crc32.h>
#include <hv/lib.h>
#include <hv/png.h>

#define FILTER_UP 2u
#define ADLER_BASE 65521u
#define COLOUR_RGB 2u
#define COLOUR_PALETTE 3u

static void out_word(struct png *p, u32 val)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		deflate_byte(&p->to, (u8)(val >> shift));
}

static void out_bytes(struct png *p, const char *bytes, u32 n)
{
	for (u32 i = 0; i < n; i++)
		deflate_byte(&p->to, (u8)bytes[i]);
}

/* Chunks: length, type, data, CRC of type and data; the length is filled in at the end. */
static u64 chunk_begin(struct png *p, const char *type)
{
	u64 at = p->to.used;

	out_word(p, 0);
	out_bytes(p, type, 4);
	return at;
}

static void chunk_end(struct png *p, u64 at)
{
	u64 length = p->to.used - at - 8;

	if (p->to.full)
		return;
	for (u32 i = 0; i < 4; i++)
		p->to.out[at + i] = (u8)(length >> (24 - 8 * i));
	out_word(p, ~crc32_add(CRC32_BEGIN, p->to.out + at + 4, length + 4));
}

static u32 pixel_bytes(const struct png *p)
{
	return p->colours ? 1 : 3;
}

/* Repeats what came one pixel before. */
static void run_end(struct png *p)
{
	if (p->run >= DEFLATE_MATCH_MIN) {
		deflate_match(&p->to, p->run, pixel_bytes(p));
	} else {
		for (u32 i = p->run; i > 0; i--)
			deflate_symbol(&p->to, p->history[i - 1]);
	}
	p->run = 0;
}

/* A byte that equals the one a pixel before makes the run longer. */
static void put_byte(struct png *p, u8 byte)
{
	bool repeats = p->before >= pixel_bytes(p) && byte == p->history[pixel_bytes(p) - 1];

	p->adler_a += byte;
	p->adler_a -= p->adler_a >= ADLER_BASE ? ADLER_BASE : 0;
	p->adler_b += p->adler_a;
	p->adler_b -= p->adler_b >= ADLER_BASE ? ADLER_BASE : 0;
	if (!repeats || p->run == DEFLATE_MATCH_MAX)
		run_end(p);
	if (repeats)
		p->run++;
	else
		deflate_symbol(&p->to, byte);
	memmove(p->history + 1, p->history, sizeof(p->history) - 1);
	p->history[0] = byte;
	p->before += p->before < 3;
}

/* The palette: an open table of twice its size. Returns the number, or PNG_COLOURS when there is no room for it. */
static u32 colour_find(struct png *p, u32 colour, bool add)
{
	u32 at = (u32)(colour * 2654435761u) >> 23;

	for (; p->hash[at]; at = (at + 1) % ARRAY_COUNT(p->hash))
		if (p->colour[p->hash[at] - 1] == colour)
			return p->hash[at] - 1;
	if (!add || p->colours == PNG_COLOURS)
		return PNG_COLOURS;
	p->colour[p->colours++] = colour;
	p->hash[at] = p->colours;
	return p->colours - 1;
}

static void count_colours(struct png *p, const struct picture *picture)
{
	u32 last = ~0u;

	for (u32 y = 0; y < picture->height; y++)
		for (u32 x = 0; x < picture->width; x++) {
			u32 colour = picture_pixel(picture, x, y);

			if (colour != last && colour_find(p, colour, true) == PNG_COLOURS) {
				p->colours = 0;
				return;
			}
			last = colour;
		}
}

void png_begin(struct png *p, const struct picture *picture, u8 *out, u64 size)
{
	u64 at;

	memset(p, 0, sizeof(*p));
	p->to.out = out;
	p->to.size = size;
	p->width = picture->width;
	p->height = picture->height;
	p->adler_a = 1;
	count_colours(p, picture);
	out_bytes(p, "\x89PNG\r\n\x1a\n", 8);
	at = chunk_begin(p, "IHDR");
	out_word(p, p->width);
	out_word(p, p->height);
	deflate_byte(&p->to, 8);
	deflate_byte(&p->to, p->colours ? COLOUR_PALETTE : COLOUR_RGB);
	out_bytes(p, "\0\0\0", 3);
	chunk_end(p, at);
	if (p->colours) {
		at = chunk_begin(p, "PLTE");
		for (u32 i = 0; i < 3 * p->colours; i++)
			deflate_byte(&p->to, (u8)(p->colour[i / 3] >> (16 - 8 * (i % 3))));
		chunk_end(p, at);
	}
	p->data_at = chunk_begin(p, "IDAT");
	out_bytes(p, "\x78\x01", 2);
	deflate_bits(&p->to, 1 | 1 << 1, 3);		/* the last block, of fixed codes */
}

/* A colour that was not there when colours were counted becomes the first one. */
static u32 pixel_value(struct png *p, const struct picture *picture, u32 x, u32 y)
{
	u32 colour = picture_pixel(picture, x, y), n;

	if (!p->colours)
		return colour;
	n = colour_find(p, colour, false);
	return n == PNG_COLOURS ? 0 : n;
}

static void finish(struct png *p)
{
	u64 at;

	run_end(p);
	deflate_symbol(&p->to, DEFLATE_END);
	deflate_align(&p->to);
	out_word(p, p->adler_b << 16 | p->adler_a);
	chunk_end(p, p->data_at);
	at = chunk_begin(p, "IEND");
	chunk_end(p, at);
}

bool png_line(struct png *p, const struct picture *picture)
{
	u32 y = p->line;

	if (y >= p->height)
		return false;
	put_byte(p, FILTER_UP);
	for (u32 x = 0; x < p->width; x++) {
		u32 now = pixel_value(p, picture, x, y), above = p->above[x];

		p->above[x] = now;
		for (int shift = 8 * ((int)pixel_bytes(p) - 1); shift >= 0; shift -= 8)
			put_byte(p, (u8)((now >> shift) - (above >> shift)));
	}
	if (++p->line < p->height)
		return !p->to.full;
	finish(p);
	return false;
}

/* Nine bits a byte at most, and what stands around. */
u64 png_bound(u32 width, u32 height)
{
	u64 bytes = (3ul * width + 1) * height;

	return bytes + bytes / 8 + 2048;
}

u32 base64_write(char *to, const u8 *from, u32 n)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	u32 used = 0;

	for (u32 i = 0; i < n; i += 3) {
		u32 left = n - i, second = left > 1 ? from[i + 1] : 0, third = left > 2 ? from[i + 2] : 0;
		u32 three = (u32)from[i] << 16 | second << 8 | third;

		to[used++] = digit[three >> 18];
		to[used++] = digit[three >> 12 & 63];
		to[used++] = left > 1 ? digit[three >> 6 & 63] : '=';
		to[used++] = left > 2 ? digit[three & 63] : '=';
	}
	to[used] = 0;
	return used;
}
