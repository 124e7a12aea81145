/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a fuzzer gives, taken bit by bit; zeros behind its end. */

#include <hv/types.h>
#include <stddef.h>

struct input {
	const u8 *at;
	size_t left;
};

static inline u32 take(struct input *from, u32 bytes)
{
	u32 val = 0;

	for (; bytes && from->left; bytes--, from->left--)
		val = val << 8 | *from->at++;
	return val;
}
