/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <hv/lib.h>

bool wire_receive(struct wire *w, const void *bytes, u32 n)
{
	u32 at = w->in_head % WIRE_IN, first = MIN(n, WIRE_IN - at);

	if (n > WIRE_IN - wire_waiting(w))
		return false;
	memcpy(w->in + at, bytes, first);
	memcpy(w->in, (const u8 *)bytes + first, n - first);
	w->in_head += n;
	return true;
}

u32 wire_unsent(const struct wire *w, const u8 **bytes)
{
	u32 at = w->out_given % WIRE_OUT;

	*bytes = w->out + at;
	return MIN(w->out_head - w->out_given, WIRE_OUT - at);
}

u32 wire_read(struct wire *w, void *to, u32 n)
{
	u32 at = w->in_tail % WIRE_IN, first;

	n = MIN(n, w->in_head - w->in_tail);
	first = MIN(n, WIRE_IN - at);
	memcpy(to, w->in + at, first);
	memcpy((u8 *)to + first, w->in, n - first);
	w->in_tail += n;
	return n;
}

u32 wire_write(struct wire *w, const void *from, u32 n)
{
	u32 at = w->out_head % WIRE_OUT, first, room = wire_room(w);

	n = MIN(n, room);
	first = MIN(n, WIRE_OUT - at);
	memcpy(w->out + at, from, first);
	memcpy(w->out, (const u8 *)from + first, n - first);
	w->out_head += n;
	return n;
}
