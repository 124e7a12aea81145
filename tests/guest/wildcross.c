/* SPDX-License-Identifier: Apache-2.0 */
/* wildcross: accesses that are half RAM and half nothing are split by byte, whatever instruction makes them; what is
 * beside the end of RAM reads ones, in vector registers too. */

#include "lib/lib.h"

const char test_name[] = "wildcross";

#define CR0_EM_TS 0xcul
#define CR4_OSFXSR 0x200ul
#define CR4_PKE (1ul << 22)
#define PTE_USER 4ul
#define PTE_ADDRESS 0xffffffffff000ul
#define WINDOW_SLOT 4		/* of the 1 GiB regions */

static void read_and_write(volatile u32 *last)
{
	volatile u64 *across = (volatile u64 *)(u64)last;
	u64 old = 0x1111111122222222;
	u8 zero;

	*last = 0x12345678;
	check(*across == 0xffffffff12345678, "read %lx", *across);
	*across = 0xaaaaaaaa55555555;
	check(*last == 0x55555555 && last[1] == 0xffffffff, "write %x", *last);
	__asm__ volatile("addq %1, %0" : "+m"(*across) : "r"(2ul) : "cc");
	check(*last == 0x55555557, "add %x", *last);
	__asm__ volatile("xchgq %1, %0" : "+m"(*across), "+r"(old));
	check(*last == 0x22222222 && old == 0xffffffff55555557, "xchg %x %lx", *last, old);
	old = 0xffffffff22222222;
	__asm__ volatile("lock cmpxchgq %3, %0; setz %1" : "+m"(*across), "=q"(zero), "+a"(old) : "r"(7ul) : "cc");
	check(zero && *last == 7, "cmpxchg %u %x", zero, *last);
	__asm__ volatile("btsq %1, %0" : "+m"(*(volatile u64 *)((u64)last - 64)) : "r"(512l + 31) : "cc");
	check(*last == 0x80000007, "bts %x", *last);
}

static void strings(volatile u32 *last)
{
	volatile u16 *odd = (volatile u16 *)((u64)last + 3);
	u64 n = 3;
	void *to = (void *)(u64)last;

	__asm__ volatile("cld; rep stosw" : "+D"(to), "+c"(n) : "a"(0x4321) : "memory");
	check(*last == 0x43214321 && n == 0, "rep stos %x", *last);
	to = (void *)(u64)odd;
	__asm__ volatile("stosw" : "+D"(to) : "a"(0x8765) : "memory");
	check(*last == 0x65214321 && *odd == 0xff65, "stos %x", *last);
}

static void vectors(volatile u32 *last)
{
	u64 cr0, cr4, two[2] = { 0x0123456789abcdef, 0xfedcba9876543210 };
	volatile u8 *p = (volatile u8 *)(u64)last;

	__asm__ volatile("mov %%cr0, %0; mov %%cr4, %1" : "=r"(cr0), "=r"(cr4));
	__asm__ volatile("mov %0, %%cr0; mov %1, %%cr4" :: "r"(cr0 & ~CR0_EM_TS), "r"(cr4 | CR4_OSFXSR));
	__asm__ volatile("movups %1, %%xmm9; movups %%xmm9, %0" : "=m"(p[-4]) : "m"(two[0]) : "memory");
	check(last[-1] == 0x89abcdef && last[0] == 0x01234567, "movups to %x %x", last[-1], last[0]);
	__asm__ volatile("movups %1, %%xmm3; movups %%xmm3, %0" : "=m"(two[0]) : "m"(p[-4]) : "memory");
	check(two[0] == 0x0123456789abcdef && two[1] == ~0ul, "movups from: %lx %lx", two[0], two[1]);
	__asm__ volatile("movdqa %1, %%xmm3; movups %%xmm3, %0" : "=m"(two[0]) : "m"(p[4]) : "memory");
	check(two[0] == ~0ul && two[1] == ~0ul, "movdqa from nothing: %lx %lx", two[0], two[1]);
	__asm__ volatile("movd %1, %%xmm3; movups %%xmm3, %0" : "=m"(two[0]) : "m"(p[4]) : "memory");
	check(two[0] == 0xffffffff && two[1] == 0, "movd from nothing: %lx %lx", two[0], two[1]);
	__asm__ volatile("mov %0, %%cr0; mov %1, %%cr4" :: "r"(cr0), "r"(cr4));
}

/* With protection keys the walk for such an access asks PKRU; this one is allowed. */
static void protection_keys(volatile u32 *last)
{
	u64 cr3, cr4, *table, value;
	u32 r[4];

	cpuid(7, 0, r);
	if (!(r[2] & 8)) {
		check(true, "no protection keys here");
		return;
	}
	__asm__ volatile("mov %%cr3, %0; mov %%cr4, %1" : "=r"(cr3), "=r"(cr4));
	table = (u64 *)(cr3 & PTE_ADDRESS);
	table[0] |= PTE_USER;
	table = (u64 *)(table[0] & PTE_ADDRESS);
	table[WINDOW_SLOT] |= PTE_USER;
	table = (u64 *)(table[WINDOW_SLOT] & PTE_ADDRESS);
	table[0] |= PTE_USER | 15ul << 59;
	table[1] |= PTE_USER | 15ul << 59;
	__asm__ volatile("mov %0, %%cr3; mov %1, %%cr4" :: "r"(cr3), "r"(cr4 | CR4_PKE) : "memory");
	__asm__ volatile("wrpkru" :: "a"(0x3fffffff), "c"(0), "d"(0));
	*last = 0x12345678;
	value = *(volatile u64 *)(u64)last;
	__asm__ volatile("wrpkru; mov %3, %%cr4" :: "a"(0), "c"(0), "d"(0), "r"(cr4) : "memory");
	check(value == 0xffffffff12345678, "protection keys: %lx", value);
}

void test_main(void)
{
	volatile u32 *last = window_map(boot_ram_end() - 4);

	if (!under_hypervisor()) {
		check(true, "no hypervisor: what lies behind RAM is the machine's own");
		return;
	}
	read_and_write(last);
	strings(last);
	vectors(last);
	protection_keys(last);
}
