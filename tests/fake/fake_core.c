/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_core.h"

#include <string.h>

#include <hv/time.h>
#include <hv/virt.h>

struct fake_core fake_core;
struct core core_private;
struct core_public core_table[CORES_LIMIT];
u32 core_count = FAKE_CORES;
u32 control_core = FAKE_CONTROL;
struct timebase timebase = { .tsc_hz = 1000000000ul };

void fake_core_reset(void)
{
	memset(&fake_core, 0, sizeof(fake_core));
	memset(&core_private, 0, sizeof(core_private));
	memset(core_table, 0, sizeof(core_table[0]) * FAKE_CORES);
	fake_core.now = 1000;
	core_private.pub = &core_table[0];
	for (u32 i = 0; i < FAKE_CORES; i++)
		core_table[i].index = i;
}

void core_ring_doorbell(u32 index)
{
	if (index >= FAKE_CORES)
		assert_failed("a core that this machine lacks", __FILE__, __LINE__);
	__atomic_fetch_add(&fake_core.rings[index], 1, __ATOMIC_RELAXED);
	store_release(&core_table[index].doorbell, 1);
}

bool doorbell_pending(void)
{
	return load_relaxed(&this_core()->pub->doorbell) != 0;
}

void core_idle(u64 deadline)
{
	fake_core.idles++;
	fake_core.idle_until = deadline;
	if (doorbell_pending() || fake_core.now >= deadline)
		return;
	if (fake_core.asleep) {
		fake_core.asleep(deadline);
	} else if (deadline != U64_MAX) {
		fake_core.now = deadline;
	} else {
		fake_core.stuck++;
		fetch_or(&this_core()->vcpu.pub->requests, REQ_PARK);
	}
}

void core_take_interrupts(void)
{
	fake_core.taken++;
}

void core_timer_set(u64 deadline)
{
	fake_core.timer = deadline;
}
