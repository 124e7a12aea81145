/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/lib.h>
#include <hv/screen.h>

#define PIXEL_BYTES 4u
#define INK 0xc8c8c8u		/* grey: the same in BGRX and RGBX */
#define PAPER 0x000000u
#define LARGE_WIDTH 2560u	/* from here on characters are drawn at twice the size */
#define PIXELS_MAX 16384u	/* a width or height above is nonsense */

int screen_check(const struct boot_screen *info)
{
	if (!info->base || info->width < 80 * GLYPH_WIDTH || info->height < 10 * GLYPH_HEIGHT)
		return -E_NODEV;
	if (info->width > PIXELS_MAX || info->height > PIXELS_MAX)
		return -E_NODEV;
	if (info->pitch < info->width * PIXEL_BYTES || info->pitch % PIXEL_BYTES)
		return -E_NODEV;
	return (u64)info->pitch * info->height <= info->size ? 0 : -E_NODEV;
}

static void cell_draw(const struct screen *s, u32 row, u32 col, u8 c)
{
	const u8 *glyph = font_glyph[c - ' '];
	u32 height = GLYPH_HEIGHT * s->scale;
	u32 width = GLYPH_WIDTH * s->scale;

	for (u32 y = 0; y < height; y++) {
		u32 bits = (u32)glyph[y / (2 * s->scale)] << 2;
		u32 *to = (u32 *)(void *)(s->pixels + (u64)(row * height + y) * s->pitch) + (u64)col * width;

		for (u32 x = 0; x < width; x++)
			to[x] = bits >> (GLYPH_WIDTH - 1 - x / s->scale) & 1 ? INK : PAPER;
	}
}

void screen_open(struct screen *s, const struct boot_screen *info, void *pixels)
{
	memset(s, 0, sizeof(*s));
	memset(s->shadow, ' ', sizeof(s->shadow));
	memset(s->drawn, ' ', sizeof(s->drawn));
	s->pixels = pixels;
	s->pitch = info->pitch;
	s->scale = info->width >= LARGE_WIDTH ? 2 : 1;
	s->cols = MIN(info->width / (GLYPH_WIDTH * s->scale), SCREEN_COLS_MAX);
	s->rows = MIN(info->height / (GLYPH_HEIGHT * s->scale), SCREEN_ROWS_MAX);
	for (u32 y = 0; y < info->height; y++)
		memset(s->pixels + (u64)y * s->pitch, 0, info->width * PIXEL_BYTES);
}

static void screen_newline(struct screen *s)
{
	s->x = 0;
	if (s->y + 1 < s->rows) {
		s->y++;
		return;
	}
	memmove(s->shadow[0], s->shadow[1], (s->rows - 1) * SCREEN_COLS_MAX);
	memset(s->shadow[s->rows - 1], ' ', SCREEN_COLS_MAX);
	memset(s->dirty, 1, sizeof(s->dirty));
}

static void screen_put(struct screen *s, u8 c)
{
	switch (c) {
	case '\n':
		screen_newline(s);
		return;
	case '\r':
		s->x = 0;
		return;
	case '\b':
		s->x -= s->x > 0;
		return;
	case '\t':
		s->x = MIN((s->x | 7) + 1, s->cols);
		return;
	default:
		if (s->x >= s->cols)
			screen_newline(s);
		s->shadow[s->y][s->x++] = c >= ' ' && c <= '~' ? c : '.';
		s->dirty[s->y] = true;
	}
}

void screen_write(struct screen *s, const char *text, size_t n)
{
	for (size_t i = 0; s->pixels && i < n; i++)
		screen_put(s, (u8)text[i]);
}

bool screen_draw(struct screen *s, u32 limit)
{
	for (u32 row = 0; s->pixels && row < s->rows; row++) {
		if (!s->dirty[row])
			continue;
		for (u32 col = 0; col < s->cols; col++) {
			if (s->shadow[row][col] == s->drawn[row][col])
				continue;
			if (!limit--)
				return true;
			s->drawn[row][col] = s->shadow[row][col];
			cell_draw(s, row, col, s->drawn[row][col]);
		}
		s->dirty[row] = false;
	}
	return false;
}
