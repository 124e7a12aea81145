/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Text on the linear framebuffer that firmware left. Characters live in a shadow; drawing compares it with what stands
 * on the glass, so the framebuffer is written only where something changed and never read. The control core. */

#include <hv/boot_info.h>
#include <hv/picture.h>
#include <hv/types.h>

#define SCREEN_COLS_MAX 256u
#define SCREEN_ROWS_MAX 96u
#define SCREEN_LINES_MAX 4096u	/* lines of pixels, for pictures */
#define GLYPH_WIDTH 8u
#define GLYPH_HEIGHT 16u

struct screen {
	u8 *pixels;			/* null: no screen */
	u32 pitch;			/* bytes a line */
	u32 width, height;		/* pixels */
	bool red_low;			/* BOOT_PIXEL_RGBX */
	u32 scale;			/* 2 on very large screens */
	u32 cols, rows;
	u32 x, y;			/* where the next character goes */
	u32 top;			/* row of shadow[] that is uppermost: scrolling moves this, not the text */
	u8 escape;			/* enum screen_escape: inside of which kind of sequence */
	u32 parameter;			/* of a control sequence: its first number */
	bool dirty[SCREEN_ROWS_MAX];
	u8 shadow[SCREEN_ROWS_MAX][SCREEN_COLS_MAX];
	u8 drawn[SCREEN_ROWS_MAX][SCREEN_COLS_MAX];
	u32 line_next;			/* of a picture: where drawing goes on */
	u64 line_sum[SCREEN_LINES_MAX];	/* what stands on each line of pixels; 0: not known */
};

/* Check what firmware said about the screen. 0; -E_NODEV: there is none that can be drawn on. */
int screen_check(const struct boot_screen *info);

/* Use the framebuffer mapped at pixels (write-combining); clears it. info passed screen_check(). */
void screen_open(struct screen *s, const struct boot_screen *info, void *pixels);

/* Put text into the shadow: printable ASCII, newline, carriage return, backspace, tab; all else shows as '.'. Escape
 * sequences are dropped, also when they come in pieces, but for two that line editors need: erase to the end of the line,
 * cursor left. */
void screen_write(struct screen *s, const char *text, size_t n);

/* The same, for a line of its own: begins a new line if needed, ends it, and ends a sequence that was never finished. */
void screen_line(struct screen *s, const char *text);

/* Draw at most limit cells that changed. true: some are left. */
bool screen_draw(struct screen *s, u32 limit);

/* Draw some of a picture instead of text: in the middle, smaller if it does not fit; lines that did not change are left
 * alone. Ends after one line of pixels at least when until (TSC) has passed. true: the picture is not complete yet.
 * Null: black. */
bool screen_picture(struct screen *s, const struct picture *p, u64 until);

/* Text comes back: everything is drawn anew, or likewise for a picture. */
void screen_refresh(struct screen *s);

/* One byte a line, five bits wide (bit 4 left), eight lines, the last below the base line: drivers/host/font.c. */
extern const u8 font_glyph[95][8];
