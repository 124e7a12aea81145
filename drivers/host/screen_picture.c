/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's picture on the machine's screen. The guest may draw and change its mode meanwhile: at worst a line is a mixture
 * of two moments. */
#include <hv/lib.h>
#include <hv/screen.h>
#include <hv/time.h>

#define LINES_BETWEEN_CLOCKS 8u
#define MIX 0x9e3779b97f4a7c15ul

typedef u64 __attribute__((aligned(4))) pair;	/* of pixels */

/* Where a picture stands on the screen. */
struct place {
	u32 left, top, width, height;
};

static struct place place_of(const struct screen *s, const struct picture *p)
{
	u32 w = p->width, h = p->height;

	if (w > s->width || h > s->height) {
		bool wide = (u64)w * s->height > (u64)h * s->width;
		u32 nw = wide ? s->width : (u32)((u64)w * s->height / h), nh = wide ? (u32)((u64)h * s->width / w) : s->height;

		w = MAX(nw, 1u);
		h = MAX(nh, 1u);
	}
	return (struct place){ (s->width - w) / 2, (s->height - h) / 2, w, h };
}

/* Never 0. Two pixels at a time. */
static u64 line_sum(const struct picture *p, u32 y, const struct place *at)
{
	const volatile pair *pixel = (const volatile pair *)(const volatile void *)(p->pixels + (u64)y * p->pitch);
	u64 sum = MIX ^ (u64)at->left << 48 ^ (u64)at->width << 32 ^ (u64)at->height << 16 ^ y;

	for (u32 x = 0; x < p->width / 2; x++)
		sum = (sum ^ pixel[x]) * MIX;
	if (p->width & 1)
		sum = (sum ^ picture_pixel(p, p->width - 1, y)) * MIX;
	return sum | 1;
}

static u32 host_pixel(const struct screen *s, u32 v)
{
	return s->red_low ? (v & 0x00ff00) | (v & 0xff) << 16 | v >> 16 : v;
}

static void line_draw(const struct screen *s, u32 line, const struct picture *p, u32 y, const struct place *at)
{
	u32 *to = (u32 *)(void *)(s->pixels + (u64)line * s->pitch);
	u64 step = p ? ((u64)p->width << 16) / at->width : 0;

	memset(to, 0, 4ul * (p ? at->left : s->width));
	if (!p)
		return;
	for (u32 x = 0; x < at->width; x++)
		to[at->left + x] = host_pixel(s, picture_pixel(p, (u32)(x * step >> 16), y));
	memset(to + at->left + at->width, 0, 4ul * (s->width - at->left - at->width));
}

static void line_update(struct screen *s, u32 line, const struct picture *p, const struct place *at)
{
	bool inside = p && line >= at->top && line - at->top < at->height;
	u32 y = inside ? (u32)((u64)(line - at->top) * p->height / at->height) : 0;
	u64 sum = inside ? line_sum(p, y, at) : MIX;

	if (s->line_sum[line] == sum)
		return;
	s->line_sum[line] = sum;
	line_draw(s, line, inside ? p : NULL, y, at);
}

bool screen_picture(struct screen *s, const struct picture *p, u64 until)
{
	struct place at = p ? place_of(s, p) : (struct place){ 0 };
	u32 lines = MIN(s->height, SCREEN_LINES_MAX);

	if (!s->pixels)
		return false;
	do {
		for (u32 i = 0; i < LINES_BETWEEN_CLOCKS && s->line_next < lines; i++)
			line_update(s, s->line_next++, p, &at);
		if (s->line_next >= lines) {
			s->line_next = 0;
			return false;
		}
	} while (tsc_now() < until);
	return true;
}

/* What lies beyond the last whole character is nobody's later. */
static void clear_edges(struct screen *s)
{
	u32 right = s->cols * GLYPH_WIDTH * s->scale, below = s->rows * GLYPH_HEIGHT * s->scale;

	for (u32 y = 0; y < s->height; y++) {
		u32 from = y < below ? right : 0;

		memset(s->pixels + (u64)y * s->pitch + 4ul * from, 0, 4ul * (s->width - from));
	}
}

void screen_refresh(struct screen *s)
{
	if (!s->pixels)
		return;
	s->line_next = 0;
	memset(s->line_sum, 0, sizeof(s->line_sum));
	memset(s->drawn, 0, sizeof(s->drawn));	/* no character looks like 0 */
	memset(s->dirty, 1, sizeof(s->dirty));
	clear_edges(s);
}
