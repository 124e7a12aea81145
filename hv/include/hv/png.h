/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A picture as a PNG file in memory, line by line so that no call takes long. Compressed simply: each line as the difference
 * to the one above, runs of equal pixels as one code (fixed Huffman codes). Of up to 256 colours a byte a pixel, else three.
 * Pure. */

#include <hv/deflate.h>
#include <hv/picture.h>

#define PNG_COLOURS 256u
#define PNG_WIDTH_MAX 8192u

struct png {
	struct deflate to;		/* the file so far; full: it did not fit */
	u32 width, height;
	u32 colours;			/* of the palette; 0: no palette */
	u32 line;			/* the next one */
	u32 colour[PNG_COLOURS];
	u32 hash[2 * PNG_COLOURS];	/* where a colour is in the palette, + 1 */
	u64 data_at;			/* where the image data's chunk begins */
	u32 adler_a, adler_b;
	u32 run, before;		/* bytes that repeat and are not written yet; bytes before, up to 3 */
	u8 history[4];			/* the last bytes, the newest first */
	u32 above[PNG_WIDTH_MAX];	/* the line before, as it was written */
};

/* Begin: counts the picture's colours; width at most PNG_WIDTH_MAX. Needs out[size]; png_bound() tells what always suffices. */
void png_begin(struct png *p, const struct picture *picture, u8 *out, u64 size);

/* One line more. The picture may change between calls, but not in size. true: there are more. After the last one
 * to.out[0, to.used) is the file, unless to.full. */
bool png_line(struct png *p, const struct picture *picture);

u64 png_bound(u32 width, u32 height);

/* Base64 of n bytes (a multiple of 3 but at the end) into to[4 * ((n + 2) / 3) + 1]; returns its length. RFC 4648 (4). */
u32 base64_write(char *to, const u8 *from, u32 n);
