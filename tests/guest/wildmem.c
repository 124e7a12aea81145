/* SPDX-License-Identifier: Apache-2.0 */
/* wildmem: memory that this guest does not have reads ones and drops writes, at the edges of RAM and far away. */

#include "lib/lib.h"

const char test_name[] = "wildmem";

static bool hole_is_ones(u64 pa)
{
	volatile u8 *p = window_map(pa);
	bool ones = *p == 0xff && *(volatile u16 *)p == 0xffff && *(volatile u32 *)p == 0xffffffff &&
		*(volatile u64 *)p == ~0ul;

	*p = 0x11;
	*(volatile u16 *)p = 0x2222;
	*(volatile u32 *)p = 0x33333333;
	*(volatile u64 *)p = 0x4444444444444444;
	return ones && *(volatile u64 *)p == ~0ul;
}

/* Forms of the processor's that are not a plain MOV. */
static bool hole_takes_other_forms(u64 pa)
{
	volatile u32 *p = window_map(pa);
	u32 x = 5, old = 7;
	u64 n = 16;
	void *to = (void *)(u64)p;
	static u32 buffer[16];

	__asm__ volatile("addl %1, %0" : "+m"(*p) : "r"(x) : "cc");
	__asm__ volatile("xchgl %1, %0" : "+m"(*p), "+r"(x));
	__asm__ volatile("lock cmpxchgl %2, %0" : "+m"(*p), "+a"(old) : "r"(1) : "cc");
	__asm__ volatile("cld; rep stosl" : "+D"(to), "+c"(n) : "a"(0) : "memory");
	n = 16;
	to = buffer;
	__asm__ volatile("cld; rep movsl" : "+D"(to), "+c"(n), "+S"(p) :: "memory");
	for (u32 i = 0; i < 16; i++)
		if (buffer[i] != 0xffffffff)
			return false;
	return x == 0xffffffff && old == 0xffffffff && n == 0;
}

void test_main(void)
{
	u64 end = boot_ram_end(), far[] = { 0xd0000000, 0xfed50000, 0x180000000, 0xfffff00000 };
	volatile u64 *last = window_map(end - 8);

	*last = 0x1234567890abcdef;
	check(*last == 0x1234567890abcdef, "the last 8 bytes of RAM, at %lx, hold what is written", end - 8);
	if (!under_hypervisor()) {
		check(true, "no hypervisor: what lies behind RAM is the machine's own");
		return;
	}
	check(hole_is_ones(end), "behind the end of RAM, at %lx: ones", end);
	for (u32 i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		check(hole_is_ones(far[i]), "far away, at %lx: ones", far[i]);
	check(hole_takes_other_forms(0xd0000000), "read-modify-write and string forms");
}
