/* SPDX-License-Identifier: Apache-2.0 */
/* Matches of compressed pieces never lead out of a piece, so a stream needs no memory between rectangles. */
#include "rfb_tile.h"

#include <hv/deflate.h>
#include <hv/lib.h>

#define COLOURS_MAX 256u		/* Tight's palettes; ZRLE's packed ones take 16 */
#define ZRLE_COLOURS 16u
#define SLOTS 512u
#define TIGHT_FILL 0x80
#define TIGHT_FILTER 0x40
#define TIGHT_PALETTE 1
#define TIGHT_SMALL 12u			/* fewer bytes go without compression */

const struct rfb_format rfb_format_own = { 32, 24, false, { 255, 255, 255 }, { 16, 8, 0 } };

/* Of the rectangle in hand. */
static struct {
	u32 colours;			/* in colour[]; 0: more than COLOURS_MAX */
	u32 colour[COLOURS_MAX];
	u16 slot[SLOTS];		/* by hash: place in colour[], + 1 */
	u8 index[RFB_TILE_PIXELS];	/* of each pixel's colour */
	u8 plain[RFB_TILE_PIXELS * 4 + 64];
	struct deflate_places places;
} tile;

bool rfb_format_valid(const struct rfb_format *f)
{
	if (f->bits != 8 && f->bits != 16 && f->bits != 32)
		return false;
	for (u32 i = 0; i < 3; i++)
		if (!f->max[i] || f->shift[i] >= f->bits || (u64)f->max[i] << f->shift[i] >> f->bits)
			return false;
	return true;
}

static const u64 prime[2] = { 0x9e3779b185ebca87ul, 0xc2b2ae3d27d4eb4ful };

static u64 mix(u64 lane, u64 val)
{
	lane += val * prime[1];
	return (lane << 31 | lane >> 33) * prime[0];
}

/* Four lanes, so that one multiplication need not wait for the other. */
static u64 hash_of(const u32 *pixels, u32 n)
{
	u64 lane[4] = { prime[0], prime[1], 1, 2 }, sum = n;
	u32 i = 0;

	for (; i + 8 <= n; i += 8)
		for (u32 k = 0; k < 4; k++)
			lane[k] = mix(lane[k], pixels[i + 2 * k] | (u64)pixels[i + 2 * k + 1] << 32);
	for (; i < n; i++)
		lane[i % 4] = mix(lane[i % 4], pixels[i]);
	for (u32 k = 0; k < 4; k++)
		sum = (sum ^ lane[k] ^ lane[k] >> 29) * prime[k & 1];
	return sum ^ sum >> 32;
}

u64 rfb_tile_read(const struct picture *p, const struct rfb_rect *r, u32 *to)
{
	u32 width = p && r->x < p->width ? MIN(p->width - r->x, r->w) : 0;
	u32 height = p && r->y < p->height ? MIN(p->height - r->y, r->h) : 0;

	for (u32 y = 0; y < r->h; y++) {
		u32 x = 0;

		for (; x < width && y < height; x++)
			to[y * r->w + x] = picture_pixel(p, r->x + x, r->y + y);
		for (; x < r->w; x++)
			to[y * r->w + x] = 0;
	}
	return hash_of(to, r->w * r->h);
}

/* --- pixels ------------------------------------------------------------------------------------------------------------------ */

enum form { PIXEL, CPIXEL, TPIXEL };

/* All colours in the low, or in the high three bytes of 32 bits: "CPIXEL". */
static bool in_three_bytes(const struct rfb_format *f, u32 low)
{
	for (u32 i = 0; i < 3; i++)
		if (f->shift[i] < low || (u64)f->max[i] << f->shift[i] >> (low + 24))
			return false;
	return f->bits == 32 && f->depth <= 24;
}

static u32 pixel_of(const struct rfb_format *f, u32 colour)
{
	u32 val = 0;

	for (u32 i = 0; i < 3; i++) {
		u32 part = colour >> (16 - 8 * i) & 255;

		val |= (f->max[i] == 255 ? part : (part * f->max[i] + 127) / 255) << f->shift[i];
	}
	return val;
}

static u32 put_bytes(u8 *to, u32 val, u32 n, bool big_endian)
{
	for (u32 i = 0; i < n; i++)
		to[i] = (u8)(val >> 8 * (big_endian ? n - 1 - i : i));
	return n;
}

/* "TPIXEL": red, green, blue, for those who take all of them whole. */
static bool is_true_24(const struct rfb_format *f)
{
	return f->bits == 32 && f->depth == 24 && f->max[0] == 255 && f->max[1] == 255 && f->max[2] == 255;
}

static u32 put_pixels(const struct rfb_format *f, enum form form, const u32 *colour, u32 n, u8 *to)
{
	u32 bytes = f->bits / 8, low = 0, at = 0;

	if (form == TPIXEL && is_true_24(f)) {
		for (u32 i = 0; i < n; i++)
			at += put_bytes(to + at, colour[i], 3, true);
		return at;
	}
	if (form == CPIXEL && (in_three_bytes(f, 0) || in_three_bytes(f, 8))) {
		bytes = 3;
		low = in_three_bytes(f, 0) ? 0 : 8;
	}
	for (u32 i = 0; i < n; i++)
		at += put_bytes(to + at, pixel_of(f, colour[i]) >> low, bytes, f->big_endian);
	return at;
}

/* --- palettes ---------------------------------------------------------------------------------------------------------------- */

/* false: there is no room for one more. */
static bool find_colour(u32 colour, u8 *index)
{
	u32 at = colour * 2654435761u >> 23;

	for (; tile.slot[at]; at = (at + 1) % SLOTS) {
		*index = (u8)(tile.slot[at] - 1);
		if (tile.colour[*index] == colour)
			return true;
	}
	if (tile.colours == COLOURS_MAX)
		return false;
	*index = (u8)tile.colours;
	tile.colour[tile.colours++] = colour;
	tile.slot[at] = (u16)tile.colours;
	return true;
}

static void find_colours(const u32 *pixels, u32 n)
{
	u8 index = 0;

	tile.colours = 0;
	memset(tile.slot, 0, sizeof(tile.slot));
	for (u32 i = 0; i < n; i++) {
		if ((!i || pixels[i] != pixels[i - 1]) && !find_colour(pixels[i], &index)) {
			tile.colours = 0;
			return;
		}
		tile.index[i] = index;
	}
}

/* Places in the palette, bits each, the first pixel in the highest bits; each line begins with a byte of its own. */
static u32 pack(const struct rfb_rect *r, u32 bits, u8 *to)
{
	u32 at = 0;

	for (u32 y = 0; y < r->h; y++) {
		u32 have = 0, byte = 0;

		for (u32 x = 0; x < r->w; x++) {
			byte = byte << bits | tile.index[y * r->w + x];
			have += bits;
			if (have < 8 && x + 1 < r->w)
				continue;
			to[at++] = (u8)(byte << (8 - have));
			have = byte = 0;
		}
	}
	return at;
}

/* --- encodings --------------------------------------------------------------------------------------------------------------- */

/* tile.plain[0, n) as the next piece of a zlib stream. RFC 1950: deflate, a window of 32 KiB. */
static u32 compress(bool *begun, u32 n, u8 *to, u32 size)
{
	struct deflate d = { .out = to, .size = size };

	if (!*begun) {
		deflate_byte(&d, 0x78);
		deflate_byte(&d, 0x01);
	}
	*begun = true;
	deflate_piece(&d, tile.plain, n, &tile.places);
	assert(!d.full);
	return (u32)d.used;
}

/* tile.plain[0, n) behind its compressed length, in seven bits a byte; few bytes go as they are. */
static u32 tight_data(struct rfb_streams *s, u32 n, u8 *to, u32 size)
{
	u32 length;

	if (n < TIGHT_SMALL) {
		memcpy(to, tile.plain, n);
		return n;
	}
	length = compress(&s->tight, n, to + 3, size - 3);
	to[0] = (u8)(length | 0x80);
	to[1] = (u8)(length >> 7 | 0x80);
	to[2] = (u8)(length >> 14);
	return 3 + length;
}

static u32 put_tight(struct rfb_streams *s, const struct rfb_format *f, const struct rfb_rect *r, const u32 *pixels,
		     u8 *to, u32 size)
{
	u32 pixel_count = (u32)r->w * r->h, at = 0;

	if (tile.colours == 1) {
		to[at++] = TIGHT_FILL;
		return at + put_pixels(f, TPIXEL, tile.colour, 1, to + at);
	}
	if (!tile.colours) {
		to[at++] = 0;
		return at + tight_data(s, put_pixels(f, TPIXEL, pixels, pixel_count, tile.plain), to + at, size - at);
	}
	to[at++] = TIGHT_FILTER;
	to[at++] = TIGHT_PALETTE;
	to[at++] = (u8)(tile.colours - 1);
	at += put_pixels(f, TPIXEL, tile.colour, tile.colours, to + at);
	return at + tight_data(s, pack(r, tile.colours == 2 ? 1 : 8, tile.plain), to + at, size - at);
}

static u32 put_zrle(struct rfb_streams *s, const struct rfb_format *f, const struct rfb_rect *r, const u32 *pixels,
		    u8 *to, u32 size)
{
	u32 pixel_count = (u32)r->w * r->h, n = 1;

	if (tile.colours && tile.colours <= ZRLE_COLOURS) {
		tile.plain[0] = (u8)tile.colours;
		n += put_pixels(f, CPIXEL, tile.colour, tile.colours, tile.plain + n);
		if (tile.colours > 1)
			n += pack(r, tile.colours == 2 ? 1 : tile.colours <= 4 ? 2 : 4, tile.plain + n);
	} else {
		tile.plain[0] = 0;
		n += put_pixels(f, CPIXEL, pixels, pixel_count, tile.plain + n);
	}
	n = compress(&s->zrle, n, to + 4, size - 4);
	rfb_put32(to, n);
	return 4 + n;
}

void rfb_rect_head(u8 to[RFB_RECT_HEAD], const struct rfb_rect *r, enum rfb_encoding encoding)
{
	rfb_put16(to, r->x);
	rfb_put16(to + 2, r->y);
	rfb_put16(to + 4, r->w);
	rfb_put16(to + 6, r->h);
	rfb_put32(to + 8, (u32)encoding);
}

u32 rfb_tile_put(struct rfb_streams *s, enum rfb_encoding encoding, const struct rfb_format *f, const struct rfb_rect *r,
		 const u32 *pixels, u8 *to)
{
	u32 size = RFB_RECT_MAX - RFB_RECT_HEAD;

	assert(r->w && r->h && r->w <= RFB_TILE && r->h <= RFB_TILE);
	rfb_rect_head(to, r, encoding);
	to += RFB_RECT_HEAD;
	if (encoding == RFB_RAW)
		return RFB_RECT_HEAD + put_pixels(f, PIXEL, pixels, (u32)r->w * r->h, to);
	find_colours(pixels, (u32)r->w * r->h);
	if (encoding == RFB_TIGHT)
		return RFB_RECT_HEAD + put_tight(s, f, r, pixels, to, size);
	return RFB_RECT_HEAD + put_zrle(s, f, r, pixels, to, size);
}
