/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A picture in memory: 32 bits a pixel, blue in the lowest byte. */

#include <hv/types.h>

struct picture {
	const u8 *pixels;
	u32 width, height;
	u32 pitch;			/* bytes a line */
};

static inline u32 picture_pixel(const struct picture *p, u32 x, u32 y)
{
	return *(const volatile u32 *)(const void *)(p->pixels + (u64)y * p->pitch + 4ul * x) & 0xffffff;
}
