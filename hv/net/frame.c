/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of a frame that lies in pieces. */
#include <hv/lib.h>
#include <hv/net.h>

u32 net_copy(const struct net_frame *f, u32 skip, void *to, u32 n)
{
	u32 copied = 0;

	for (u32 i = 0; i < f->pieces && copied < n; i++) {
		u32 part = f->piece[i].len;

		if (skip >= part) {
			skip -= part;
			continue;
		}
		part = MIN(part - skip, n - copied);
		memcpy((u8 *)to + copied, f->piece[i].at + skip, part);
		copied += part;
		skip = 0;
	}
	return copied;
}
