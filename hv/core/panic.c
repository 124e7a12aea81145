/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/panic.h>

#include <hv/core.h>
#include <hv/control.h>

u32 panic_core;

static void stop_others(void)
{
	for (u32 i = 0; i < core_count; i++)
		if (i != this_core()->index && load_relaxed(&core_table[i].state) > CORE_STARTING) {
			/* One that is rung already and not looked at would get no NMI, and its look is not ours. */
			store_relaxed(&core_table[i].doorbell, 0u);
			core_ring_doorbell(i);
		}
}

void panic(const char *fmt, ...)
{
	static char text[1024];
	char head[80];
	u32 none = 0;
	va_list ap;

	__asm__ volatile("cli");
	if (!__atomic_compare_exchange_n(&panic_core, &none, this_core()->index + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		for (;;)
			__asm__ volatile("cli; hlt");
	stop_others();
	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	fmt_print(head, sizeof(head), "\nerror HV-PANIC: core %u stops the machine: ", this_core()->index);
	panic_write(head);
	panic_write(text);
	panic_write("\n");
	for (;;)
		__asm__ volatile("cli; hlt");
}

void assert_failed(const char *what, const char *file, int line)
{
	panic("assertion failed: %s at %s:%d", what, file, line);
}
