/* SPDX-License-Identifier: Apache-2.0 */
/* hello: says how it was started and with what. result=N on the command line ends it with that result. */

#include "lib/lib.h"

const char test_name[] = "hello";

static u32 module_sum(u64 base, u64 size)
{
	u32 sum = 0;

	for (u64 i = 0; i < size; i++)
		sum += *(volatile u8 *)(base + i);
	return sum;
}

void test_main(void)
{
	struct boot_memory m;
	u64 usable = 0, ram = 0, base, size;

	for (u32 i = 0; boot_memory(i, &m); i++) {
		print("MEMORY %016lx %016lx type %u\n", m.base, m.size, m.type);
		usable += m.type == 1 ? m.size : 0;
		ram += m.type == 1 || m.base < 0x100000 ? m.size : 0;
	}
	for (u32 i = 0; i < boot_modules(); i++) {
		const char *name = boot_module(i, &base, &size);

		print("MODULE %u \"%s\" at %lx size %lu sum %u\n", i, name, base, size, module_sum(base, size));
	}
	print("MEMORY usable=%lu ram=%lu\n", usable, ram);
	check(usable >= 8ul << 20, "memory map, %lu bytes usable, %u processors, %u modules", usable, cpu_count(),
	      boot_modules());
	if (boot_number("result=", ~0ul) != ~0ul)
		finish_with((u32)boot_number("result=", 0));
}
