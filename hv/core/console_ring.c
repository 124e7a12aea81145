/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/console_ring.h>

#include <hv/lib.h>

_Static_assert((CONSOLE_RING_BYTES & (CONSOLE_RING_BYTES - 1)) == 0, "positions are reduced with a mask");
_Static_assert((CONSOLE_STAMPS & (CONSOLE_STAMPS - 1)) == 0, "positions are reduced with a mask");
_Static_assert((INPUT_RING_BYTES & (INPUT_RING_BYTES - 1)) == 0, "positions are reduced with a mask");

static void console_ring_stamp(struct console_ring *r, u64 position, u64 tsc)
{
	u64 n = r->stamp_head;

	r->stamp[n & (CONSOLE_STAMPS - 1)] = (struct console_stamp){ .position = position, .tsc = tsc };
	store_release(&r->stamp_head, n + 1);
}

bool console_ring_put(struct console_ring *r, u8 byte, u64 tsc)
{
	u64 head = r->head;

	/* Position 0 starts a line too: a ring that was only zeroed is ready for use. */
	if (r->at_line_start || head == 0)
		console_ring_stamp(r, head, tsc);
	r->at_line_start = byte == '\n';
	r->data[head & (CONSOLE_RING_BYTES - 1)] = byte;
	/* Pairs with the load_acquire in console_ring_read. A full barrier: the reader clears wake and then reads head,
	 * we write head and then read wake; one of the two must see the other. */
	(void)exchange(&r->head, head + 1);
	if (load_relaxed(&r->wake))
		return false;
	store_release(&r->wake, 1);
	return true;
}

/* The oldest position that the writer cannot be overwriting at this moment: the byte at head may be on its way. */
static u64 console_ring_oldest(u64 head)
{
	return head < CONSOLE_RING_BYTES ? 0 : head - (CONSOLE_RING_BYTES - 1);
}

size_t console_ring_read(const struct console_ring *r, u64 *at, u8 *to, size_t size)
{
	for (;;) {
		u64 head = load_acquire(&r->head), lost, oldest;
		size_t n;

		*at = MAX(*at, console_ring_oldest(head));
		if (*at >= head)
			return 0;
		n = MIN(size, head - *at);
		for (size_t i = 0; i < n; i++)
			to[i] = load_relaxed(&r->data[(*at + i) & (CONSOLE_RING_BYTES - 1)]);

		/* What the writer has overwritten while we copied is dropped. Loads stay in order on x86; the
		 * acquire keeps the compiler to it. */
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		oldest = console_ring_oldest(load_acquire(&r->head));
		lost = oldest > *at ? oldest - *at : 0;
		if (lost == 0 || lost < n) {
			memmove(to, to + lost, n - lost);
			*at += n;
			return n - lost;
		}
		*at = oldest + CONSOLE_RING_BYTES / 2;	/* lapped: keep a distance that a copy cannot lose */
	}
}

bool input_ring_put(struct input_ring *r, u8 byte)
{
	u32 head = r->head;

	if (head - load_acquire(&r->tail) >= INPUT_RING_BYTES)
		return false;
	r->data[head & (INPUT_RING_BYTES - 1)] = byte;
	store_release(&r->head, head + 1);	/* pairs with input_ring_get */
	return true;
}

int input_ring_get(struct input_ring *r)
{
	u32 tail = r->tail;
	int byte;

	if (load_acquire(&r->head) == tail)
		return -1;
	byte = r->data[tail & (INPUT_RING_BYTES - 1)];
	store_release(&r->tail, tail + 1);	/* the slot may be filled again */
	return byte;
}

void input_ring_drop(struct input_ring *r)
{
	store_release(&r->tail, r->head);
}
