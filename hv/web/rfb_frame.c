/* SPDX-License-Identifier: Apache-2.0 */
/* What the client is sent: when it has asked, and some time has gone by since the last frame, its tiles are compared with what it
 * has, some of them a call; then those that differ go out. A frame takes a fifth of the core's time at most. RFC 6143
 * "FramebufferUpdate". */
#include "rfb.h"

#include <hv/lib.h>

#define SCAN_TILES 8u			/* of one call */
#define SEND_TILES 4u
#define SEND_ENOUGH 4096u		/* bytes */
#define REST_SHARE 5u			/* a frame begins no sooner than so many times the work on the last one */

enum { FORCED = 1, CHANGED = 2 };	/* state[]: asked for whatever it holds; is sent in this frame */

static u32 pixels[RFB_TILE_PIXELS];

void rfb_force_all(struct rfb *r)
{
	for (u32 i = 0; i < RFB_TILES_MAX; i++)
		r->state[i] |= FORCED;
}

void rfb_resize(struct rfb *r, const struct picture *picture)
{
	assert(picture->width && picture->height);
	r->width = MIN(picture->width, RFB_SIDE_MAX);
	r->height = MIN(picture->height, RFB_SIDE_MAX);
	r->columns = (u32)ALIGN_UP(r->width, RFB_TILE) / RFB_TILE;
	r->rows = MIN((u32)ALIGN_UP(r->height, RFB_TILE) / RFB_TILE, RFB_TILES_MAX / r->columns);
	r->height = MIN(r->height, r->rows * RFB_TILE);
	rfb_force_all(r);
	r->wanted = false;
}

/* The smallest region with both in it. */
static void region_add(struct rfb *r, const struct rfb_region *more)
{
	if (!r->wanted)
		r->region = *more;
	r->region.x0 = MIN(r->region.x0, more->x0);
	r->region.y0 = MIN(r->region.y0, more->y0);
	r->region.x1 = MAX(r->region.x1, more->x1);
	r->region.y1 = MAX(r->region.y1, more->y1);
	r->wanted = true;
}

void rfb_want(struct rfb *r, bool all, u32 x, u32 y, u32 w, u32 h)
{
	u32 right = MIN(x + w, r->width), bottom = MIN(y + h, r->height);
	struct rfb_region region;

	if (x >= right || y >= bottom)
		return;
	region = (struct rfb_region){ (u16)(x / RFB_TILE), (u16)(y / RFB_TILE), (u16)((right + RFB_TILE - 1) / RFB_TILE),
				      (u16)((bottom + RFB_TILE - 1) / RFB_TILE) };
	region_add(r, &region);
	for (u32 row = region.y0; all && row < region.y1; row++)
		for (u32 column = region.x0; column < region.x1; column++)
			r->state[row * r->columns + column] |= FORCED;
}

static struct rfb_rect rect_of(const struct rfb *r, u32 at)
{
	u32 x = at % r->columns * RFB_TILE, y = at / r->columns * RFB_TILE;

	return (struct rfb_rect){ (u16)x, (u16)y, (u16)MIN(RFB_TILE, r->width - x), (u16)MIN(RFB_TILE, r->height - y) };
}

static bool in_region(const struct rfb_region *region, u32 column, u32 row)
{
	return column >= region->x0 && column < region->x1 && row >= region->y0 && row < region->y1;
}

static void rest(struct rfb *r)
{
	r->frame = RFB_REST;
	r->next = r->began + MAX(r->interval, REST_SHARE * r->spent);
}

/* The screen has another size than the client's, who can follow: nothing else goes with that. */
static u32 send_size(struct rfb *r, const struct picture *picture, u8 *to)
{
	struct rfb_rect all = { 0, 0, 0, 0 };

	rfb_resize(r, picture);
	rest(r);
	all.w = (u16)r->width;
	all.h = (u16)r->height;
	memcpy(to, (const u8[4]){ 0, 0, 0, 1 }, 4);
	rfb_rect_head(to + 4, &all, RFB_DESKTOP_SIZE);
	return 4 + RFB_RECT_HEAD;
}

static u32 begin(struct rfb *r, const struct picture *picture, u64 now, u8 *to, bool *again)
{
	if (!r->wanted || now < r->next)
		return 0;
	r->began = now;
	r->spent = 0;
	if (picture && r->resizes && (picture->width != r->width || picture->height != r->height))
		return send_size(r, picture, to);
	r->format_now = r->format;
	r->encoding_now = r->encoding;
	r->scanned = r->region;
	r->wanted = false;
	r->at = r->changed = 0;
	r->frame = RFB_SCAN;
	*again = true;
	return 0;
}

/* Which tiles differ is known: how many, and that extended keys are understood. */
static u32 send_head(struct rfb *r, u8 *to)
{
	bool tell = r->extended_keys && !r->extended_told;
	struct rfb_rect all = { 0, 0, (u16)r->width, (u16)r->height };

	if (!r->changed && !tell) {
		region_add(r, &r->scanned);
		rest(r);
		return 0;
	}
	rfb_put16(to, 0);
	rfb_put16(to + 2, r->changed + tell);
	r->at = 0;
	r->frame = RFB_SEND;
	if (!tell)
		return 4;
	r->extended_told = true;
	rfb_rect_head(to + 4, &all, RFB_EXTENDED_KEY);
	return 4 + RFB_RECT_HEAD;
}

static u32 scan(struct rfb *r, const struct picture *picture, u8 *to, bool *again)
{
	u32 tiles = r->columns * r->rows;

	*again = true;
	for (u32 looked = 0; r->at < tiles && looked < SCAN_TILES; r->at++) {
		u8 *state = &r->state[r->at];
		struct rfb_rect rect = rect_of(r, r->at);

		if (!in_region(&r->scanned, r->at % r->columns, r->at / r->columns))
			continue;
		if (!(*state & FORCED)) {
			looked++;
			if (rfb_tile_read(picture, &rect, pixels) == r->hash[r->at])
				continue;
		}
		*state = CHANGED;
		r->changed++;
	}
	return r->at == tiles ? send_head(r, to) : 0;
}

static u32 send(struct rfb *r, const struct picture *picture, u8 *to, bool *again)
{
	u32 tiles = r->columns * r->rows, n = 0;

	for (u32 sent = 0; r->at < tiles && sent < SEND_TILES && n < SEND_ENOUGH; r->at++) {
		struct rfb_rect rect = rect_of(r, r->at);

		if (!(r->state[r->at] & CHANGED))
			continue;
		r->state[r->at] &= (u8)~CHANGED;
		r->hash[r->at] = rfb_tile_read(picture, &rect, pixels);
		n += rfb_tile_put(&r->streams, r->encoding_now, &r->format_now, &rect, pixels, to + n);
		sent++;
	}
	if (r->at == tiles)
		rest(r);
	*again = true;
	return n;
}

u32 rfb_send(struct rfb *r, const struct picture *picture, u64 now, u8 *to, bool *again)
{
	u32 n = r->reply_length;

	*again = false;
	if (n && r->frame != RFB_SEND) {
		memcpy(to, r->reply, n);
		r->reply_length = 0;
		*again = true;
		return n;
	}
	if (r->phase != RFB_MESSAGES || r->error)
		return 0;
	switch (r->frame) {
	case RFB_SCAN:	return scan(r, picture, to, again);
	case RFB_SEND:	return send(r, picture, to, again);
	default:	return begin(r, picture, now, to, again);
	}
}
