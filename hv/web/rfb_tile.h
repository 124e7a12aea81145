/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Rectangles of a screen as RFB sends them. RFC 6143 "Encodings"; Tight: the RFB protocol's community edition "Tight Encoding".
 * Pure. */

#include <hv/picture.h>

#define RFB_TILE 64u			/* pixels, both ways */
#define RFB_TILE_PIXELS (RFB_TILE * RFB_TILE)
#define RFB_RECT_HEAD 12u
#define RFB_RECT_MAX (RFB_RECT_HEAD + RFB_TILE_PIXELS * 4 + 64)	/* in any encoding and format */

enum rfb_encoding { RFB_RAW = 0, RFB_TIGHT = 7, RFB_ZRLE = 16, RFB_DESKTOP_SIZE = -223, RFB_EXTENDED_KEY = -258 };

/* How a client wants pixels. */
struct rfb_format {
	u8 bits, depth;			/* of a pixel: 8, 16, 32 */
	bool big_endian;
	u16 max[3];			/* red, green, blue */
	u8 shift[3];
};
extern const struct rfb_format rfb_format_own;

/* Can pixels be made like that? */
bool rfb_format_valid(const struct rfb_format *f);

struct rfb_rect {
	u16 x, y, w, h;			/* w, h up to RFB_TILE */
};

/* Pixels of a picture, once, into to[w * h]: 00RRGGBB; black where it has none, or where there is no picture (null). Returns
 * a hash of them. */
u64 rfb_tile_read(const struct picture *p, const struct rfb_rect *r, u32 *to);

/* What a client's decoder knows of us. */
struct rfb_streams {
	bool tight, zrle;		/* its zlib stream has begun */
};

/* A rectangle with its head into to[RFB_RECT_MAX]; how many bytes. Not for two at once: it works in memory of its own. */
u32 rfb_tile_put(struct rfb_streams *s, enum rfb_encoding encoding, const struct rfb_format *f, const struct rfb_rect *r,
		 const u32 *pixels, u8 *to);

/* Big-endian numbers. */
static inline void rfb_put16(u8 *to, u32 val)
{
	to[0] = (u8)(val >> 8);
	to[1] = (u8)val;
}

static inline void rfb_put32(u8 *to, u32 val)
{
	rfb_put16(to, val >> 16);
	rfb_put16(to + 2, val);
}

/* A rectangle's head: where, and an encoding. */
void rfb_rect_head(u8 to[RFB_RECT_HEAD], const struct rfb_rect *r, enum rfb_encoding encoding);
