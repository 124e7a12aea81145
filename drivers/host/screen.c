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
	s->width = info->width;
	s->height = info->height;
	s->red_low = info->pixel == BOOT_PIXEL_RGBX;
	s->scale = info->width >= LARGE_WIDTH ? 2 : 1;
	s->cols = MIN(info->width / (GLYPH_WIDTH * s->scale), SCREEN_COLS_MAX);
	s->rows = MIN(info->height / (GLYPH_HEIGHT * s->scale), SCREEN_ROWS_MAX);
	for (u32 y = 0; y < info->height; y++)
		memset(s->pixels + (u64)y * s->pitch, 0, info->width * PIXEL_BYTES);
}

static u8 *row_at(struct screen *s, u32 y)
{
	return s->shadow[(s->top + y) % s->rows];
}

static void screen_newline(struct screen *s)
{
	s->x = 0;
	if (s->y + 1 < s->rows) {
		s->y++;
		return;
	}
	memset(row_at(s, 0), ' ', SCREEN_COLS_MAX);
	s->top = (s->top + 1) % s->rows;	/* the uppermost row is now the lowest */
	memset(s->dirty, 1, sizeof(s->dirty));
}

/* ECMA-48 "Control sequences" (5.4): ESC [, parameters, a final byte; "Control strings" (5.6) end with BEL or ESC \. */
enum screen_escape { ESCAPE_NONE, ESCAPE_BEGUN, ESCAPE_SEQUENCE, ESCAPE_REST, ESCAPE_STRING };

static void escape_finish(struct screen *s, u8 final)
{
	s->escape = ESCAPE_NONE;
	if ((final == 'K' || final == 'J') && !s->parameter) {
		memset(row_at(s, s->y) + s->x, ' ', SCREEN_COLS_MAX - s->x);
		s->dirty[s->y] = true;
	} else if (final == 'D') {
		s->x -= MIN(s->x, MAX(s->parameter, 1u));
	}
}

static void escape_begun(struct screen *s, u8 c)
{
	s->parameter = 0;
	if (c == '[')
		s->escape = ESCAPE_SEQUENCE;
	else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_')
		s->escape = ESCAPE_STRING;
	else if (c < 0x20 || c > 0x2f)		/* else: intermediate bytes, one more follows */
		s->escape = ESCAPE_NONE;
}

/* c is inside of a sequence. */
static void escape_put(struct screen *s, u8 c)
{
	if (c == 0x1b) {
		s->escape = ESCAPE_BEGUN;
	} else if (s->escape == ESCAPE_BEGUN) {
		escape_begun(s, c);
	} else if (s->escape == ESCAPE_STRING) {
		if (c == '\a')
			s->escape = ESCAPE_NONE;
	} else if (c >= 0x40 || c < 0x20) {
		escape_finish(s, c);
	} else if (s->escape == ESCAPE_SEQUENCE && c >= '0' && c <= '9') {
		s->parameter = MIN(s->parameter * 10 + c - '0', 9999u);
	} else {
		s->escape = ESCAPE_REST;	/* only the first number matters */
	}
}

static void screen_put(struct screen *s, u8 c)
{
	if (s->escape != ESCAPE_NONE && c != '\n') {
		escape_put(s, c);
		return;
	}
	s->escape = ESCAPE_NONE;	/* one that never ends shall not swallow all that follows */
	switch (c) {
	case 0x1b:
		s->escape = ESCAPE_BEGUN;
		return;
	case 0:
	case '\a':
		return;
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
		row_at(s, s->y)[s->x++] = c >= ' ' && c <= '~' ? c : '.';
		s->dirty[s->y] = true;
	}
}

void screen_write(struct screen *s, const char *text, size_t n)
{
	for (size_t i = 0; s->pixels && i < n; i++)
		screen_put(s, (u8)text[i]);
}

void screen_line(struct screen *s, const char *text)
{
	s->escape = ESCAPE_NONE;
	if (s->x)
		screen_write(s, "\n", 1);
	screen_write(s, text, strlen(text));
	screen_write(s, "\n", 1);
}

bool screen_draw(struct screen *s, u32 limit)
{
	for (u32 row = 0; s->pixels && row < s->rows; row++) {
		const u8 *want;

		if (!s->dirty[row])
			continue;
		want = row_at(s, row);
		for (u32 col = 0; col < s->cols; col++) {
			if (want[col] == s->drawn[row][col])
				continue;
			if (!limit--)
				return true;
			s->drawn[row][col] = want[col];
			cell_draw(s, row, col, want[col]);
		}
		s->dirty[row] = false;
	}
	return false;
}
