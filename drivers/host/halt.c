/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/machine.h>

void machine_triple_fault(void)
{
	struct { u16 limit; u64 base; } PACKED none = { 0, 0 };

	__asm__ volatile("lidt %0; int3" :: "m"(none) : "memory");
}

void machine_halt(void)
{
	for (;;)
		__asm__ volatile("cli; hlt" ::: "memory");
}
