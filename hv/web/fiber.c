/* SPDX-License-Identifier: Apache-2.0 */
#include "fiber.h"

#include <hv/host.h>
#include <hv/lib.h>
#include <hv/pool.h>
#include <hv/time.h>

#define STACK_PAGES 12u			/* a handshake needs 13 KiB of it */
#define PAINT 0x5ul

static struct {
	u8 *stack;			/* lowest byte */
	u64 rsp, loop_rsp;		/* where the one that does not run goes on */
	u64 until;			/* TSC */
	bool running, inside;
	void (*fn)(void);
} fiber;

void fiber_switch(u64 *leave, u64 enter);
void fiber_begin(void);
void fiber_main(void);

int fiber_init(void)
{
	u8 *block = pool_alloc(STACK_PAGES + 1, POOL_OTHER);

	memset(&fiber, 0, sizeof(fiber));
	if (!block || host_guard_page(block))
		return -E_NOMEM;
	fiber.stack = block + PAGE_SIZE;
	memset(fiber.stack, PAINT, STACK_PAGES * PAGE_SIZE);
	return 0;
}

void fiber_main(void)
{
	fiber.fn();
	fiber.running = false;
	fiber_switch(&fiber.rsp, fiber.loop_rsp);
	assert(fiber.running);		/* one that has ended does not go on */
}

/* What fiber_switch() takes off the stack: six registers, the address of fiber_begin. */
static void begin(void (*fn)(void))
{
	u64 *top = (u64 *)(fiber.stack + STACK_PAGES * PAGE_SIZE) - 1;

	*top = (u64)fiber_begin;
	memset(top - 6, 0, 6 * sizeof(u64));
	fiber.rsp = (u64)(top - 6);
	fiber.fn = fn;
	fiber.running = true;
}

bool fiber_run(void (*fn)(void), u64 slice)
{
	assert(!fiber.inside && fiber.stack);
	if (!fiber.running)
		begin(fn);
	fiber.until = tsc_now() + slice;
	fiber.inside = true;
	fiber_switch(&fiber.loop_rsp, fiber.rsp);
	fiber.inside = false;
	return !fiber.running;
}

void fiber_breathe(void)
{
	if (fiber.inside && tsc_now() >= fiber.until)
		fiber_switch(&fiber.rsp, fiber.loop_rsp);
}

bool fiber_inside(void)
{
	return fiber.inside;
}

u64 fiber_stack_used(u64 *size)
{
	u64 at = 0;

	*size = STACK_PAGES * PAGE_SIZE;
	while (fiber.stack && at < *size && fiber.stack[at] == PAINT)
		at++;
	return *size - at;
}
