/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the other cores: INIT, SIPI, SIPI, one core after the other, each with a time limit.
 * SDM 3A "Typical BSP Initialization Sequence". */
#include "smp.h"

#include <hv/core.h>
#include <hv/log.h>
#include <hv/time.h>

#include "layout.h"
#include "lapic.h"
#include "space.h"

extern const char trampoline_start[], trampoline_end[], trampoline_page[], trampoline_cr3[];

/* Read by ap_entry (hv/x86/entry.S): root, stack top, index. */
struct { u64 cr3, stack, index; } smp_mailbox;

static void wait_us(u64 us)
{
	u64 end = tsc_now() + ns_to_ticks(us * 1000);

	while (tsc_now() < end)
		cpu_relax();
}

static bool wait_for_state(u32 index, u64 ms)
{
	u64 end = tsc_now() + ns_to_ticks(ms * 1000000);

	while (load_acquire(&core_table[index].state) == CORE_STARTING)
		if (tsc_now() > end)
			return false;
		else
			cpu_relax();
	return true;
}

static void leave_out(struct core_public *c, const char *why)
{
	str_copy(c->why, sizeof(c->why), why);
	store_release(&c->state, CORE_FAILED);
}

static void start_core(u32 index, u64 trampoline)
{
	struct core_public *c = &core_table[index];
	u32 page = (u32)(trampoline >> 12);

	/* An xAPIC addresses 8 bits, of which FFH is everybody: the message would go to others. */
	if (!lapic_is_x2() && c->apic_id >= 0xff) {
		leave_out(c, "its APIC id needs x2APIC mode, which firmware does not allow");
		return;
	}
	smp_mailbox.cr3 = c->root.v;
	smp_mailbox.stack = STACK_TOP(STACK_MAIN);
	smp_mailbox.index = index;
	store_release(&c->state, CORE_STARTING);
	lapic_send(c->apic_id, ICR_INIT);
	wait_us(10000);
	lapic_send(c->apic_id, ICR_STARTUP | page);
	if (wait_for_state(index, 1))
		return;
	lapic_send(c->apic_id, ICR_STARTUP | page);
	if (wait_for_state(index, 1000))
		return;
	/* Should it still come, it must not find the next core's mailbox. */
	lapic_send(c->apic_id, ICR_INIT);
	wait_us(10000);
	leave_out(c, "did not answer INIT and SIPI within a second");
}

/* The page is reached by its physical address: the start-up root maps it, and so does boot's while it lasts. */
u32 smp_start(u64 trampoline, void *page)
{
	u64 root = space_start_root(trampoline);
	u32 started = 0;

	if (!root) {
		log_error("smp: no page table below 4 GiB: the other cores cannot be started");
		return 0;
	}
	memcpy(page, trampoline_start, (size_t)(trampoline_end - trampoline_start));
	*(u32 *)((char *)page + (trampoline_page - trampoline_start)) = (u32)trampoline;
	*(u32 *)((char *)page + (trampoline_cr3 - trampoline_start)) = (u32)root;
	for (u32 i = 0; i < core_count; i++) {
		if (i == this_core()->index)
			continue;
		start_core(i, trampoline);
		started += load_acquire(&core_table[i].state) == CORE_IDLE;
	}
	memset(page, 0, PAGE_SIZE);
	return started;
}
