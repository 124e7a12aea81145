/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/mouse.h>

#include <hv/lib.h>

#define EVENTS 32u		/* a power of two */
#define STEP_MAX 10000

static struct {
	u32 head, tail;
	struct mouse_event event[EVENTS];
} mouse;

static s16 added(s16 to, int n)
{
	int sum = to + n;

	return (s16)(sum > STEP_MAX ? STEP_MAX : sum < -STEP_MAX ? -STEP_MAX : sum);
}

/* When even changes of buttons do not fit, the last place is for what holds now. */
void mouse_put(int dx, int dy, u8 buttons)
{
	struct mouse_event *last = &mouse.event[(mouse.head - 1) % EVENTS];
	u32 used = mouse.head - mouse.tail;

	if (used && (last->buttons == buttons || used == EVENTS)) {
		*last = (struct mouse_event){ added(last->dx, dx), added(last->dy, dy), buttons };
		return;
	}
	mouse.event[mouse.head++ % EVENTS] = (struct mouse_event){ added(0, dx), added(0, dy), buttons };
}

bool mouse_peek(struct mouse_event *event)
{
	if (mouse.head == mouse.tail)
		return false;
	*event = mouse.event[mouse.tail % EVENTS];
	return true;
}

void mouse_drop(void)
{
	if (mouse.head != mouse.tail)
		mouse.tail++;
}
