/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A guest's console output, recorded from power-on, and the bytes typed for it. One producer, one consumer each;
 * no lock: the writer never waits, old output is overwritten. */

#include <hv/atomic.h>

#define CONSOLE_RING_BYTES 65536u
#define CONSOLE_STAMPS 1024u
#define INPUT_RING_BYTES 256u

struct console_stamp {
	u64 position;	/* of the first byte of a line, counted from power-on */
	u64 tsc;
};

struct console_ring {
	u64 head;			/* bytes ever written; release-stored after the bytes */
	u64 stamp_head;			/* stamps ever written */
	u8 data[CONSOLE_RING_BYTES];
	struct console_stamp stamp[CONSOLE_STAMPS];
	bool at_line_start;
	u32 wake;			/* set by the writer, cleared by the reader: there is something new */
};

struct input_ring {
	u32 head, tail;			/* counters; head - tail bytes wait */
	u8 data[INPUT_RING_BYTES];
};

/* Append one byte; stamps the start of each line. True: the reader had cleared wake and wants its doorbell rung. The
 * producer only (a guest's core under its device lock). */
bool console_ring_put(struct console_ring *r, u8 byte, u64 tsc);

/* Copy up to size bytes from position *at (moved up when they are overwritten already); returns the count and moves
 * *at. Control core. */
size_t console_ring_read(const struct console_ring *r, u64 *at, u8 *to, size_t size);

/* One byte in or out. put: false when full. get: -1 when empty. */
bool input_ring_put(struct input_ring *r, u8 byte);
int input_ring_get(struct input_ring *r);

/* Forget what waits. The writer, while nobody reads. */
void input_ring_drop(struct input_ring *r);
