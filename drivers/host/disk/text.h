/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Names that a disk gives itself. */

#include <hv/lib.h>

/* size characters at `to` as the disk said them, and room for a NUL: made printable, blanks around are not kept. In ATA's words the
 * first of two characters stands in the upper half. */
static inline void disk_text(char *to, u32 size, bool words)
{
	u32 end = 0, begin = 0;

	for (u32 i = 0; words && i + 1 < size; i += 2) {
		char first = to[i + 1];

		to[i + 1] = to[i];
		to[i] = first;
	}
	for (u32 i = 0; i < size; i++) {
		if (!to[i])
			to[i] = ' ';
		if (to[i] < ' ' || to[i] > '~')
			to[i] = '?';
		if (to[i] != ' ')
			end = i + 1;
	}
	while (begin < end && to[begin] == ' ')
		begin++;
	memmove(to, to + begin, end - begin);
	to[end - begin] = 0;
}
