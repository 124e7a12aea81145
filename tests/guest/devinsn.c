/* SPDX-License-Identifier: Apache-2.0 */
/* devinsn: instructions that are more than a move, on a device register that keeps what is written (a comparator of the
 * halted HPET), beside the same on RAM. */

#include "lib/lib.h"

const char test_name[] = "devinsn";

#define HPET 0xfed00000ul
#define ECAM 0xe0000000ul
#define FLAGS 0x8d5ul
#define CR0_EM_TS 0xcul
#define CR4_OSFXSR 0x200ul
#define CR4_OSXSAVE 0x40000ul

static volatile u64 *const device = (volatile u64 *)(HPET + 0x108);
static volatile u64 ram;

struct result { u64 val, reg, flags; };

/* insn works on the u64 at (%rdi), with a value in RAX and a number in ECX. */
#define RUN(name, insn) \
	static struct result name(volatile u64 *at, u64 rax, u64 rcx) \
	{ \
		struct result r; \
\
		__asm__ volatile("stc\n\t" insn "\n\tpushfq; popq %1" : "+a"(rax), "=r"(r.flags), "+c"(rcx) : "D"(at) \
			: "rbx", "rdx", "rsi", "memory", "cc"); \
		r.val = *at; \
		r.reg = rax; \
		return r; \
	}

RUN(do_shl, "shlq %%cl, (%%rdi)")
RUN(do_sar, "sarl %%cl, (%%rdi)")
RUN(do_ror, "rorl %%cl, (%%rdi)")
RUN(do_rcl, "rcll $3, (%%rdi)")
RUN(do_cmov, "cmovcq (%%rdi), %%rax")
RUN(do_not_cmov, "cmovncl (%%rdi), %%eax")
RUN(do_pair, "mov (%%rdi), %%eax; mov 4(%%rdi), %%edx; mov $0x1234, %%ebx; lock cmpxchg8b (%%rdi)")
RUN(do_pair_unequal, "xor %%edx, %%edx; lock cmpxchg8b (%%rdi); shl $32, %%rdx; or %%rdx, %%rax")
RUN(do_push, "pushq (%%rdi); popq %%rax")
RUN(do_pop, "pushq %%rax; popq (%%rdi)")
RUN(do_movbe, "movbe (%%rdi), %%rax; movbe %%eax, (%%rdi)")
RUN(do_xmm, "movq (%%rdi), %%xmm5; movq %%xmm5, %%rax; movd %%xmm5, 4(%%rdi)")
RUN(do_lock, "lock notq (%%rdi); lock xaddq %%rax, (%%rdi)")

/* undefined: flags that are not compared. QEMU's CMPXCHG8B changes more than ZF. */
static const struct {
	const char *name;
	struct result (*run)(volatile u64 *at, u64 rax, u64 rcx);
	u32 needs, undefined;
} table[] = {
	{ "shl", do_shl, 0, 0x810 }, { "sar", do_sar, 0, 0x810 }, { "ror", do_ror, 0, 0x800 }, { "rcl", do_rcl, 0, 0x800 },
	{ "cmovc", do_cmov, 0, 0 }, { "cmovnc", do_not_cmov, 0, 0 }, { "cmpxchg8b", do_pair, 0, 0x895 },
	{ "cmpxchg8b, unequal", do_pair_unequal, 0, 0x10 }, { "push", do_push, 0, 0 }, { "pop", do_pop, 0, 0 },
	{ "movbe", do_movbe, 22, 0 }, { "movq", do_xmm, 0, 0 }, { "not, xadd", do_lock, 0, 0 },
};

static void same_as_ram(u32 features)
{
	for (u32 i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct result a = { 0 }, b = { 0 };
		bool same = true;

		if (table[i].needs && !(features >> table[i].needs & 1))
			continue;
		for (u32 n = 0; n < 20 && same; n++) {
			u64 val = 0x9e3779b97f4a7c15 * (n + 1), rax = val ^ 0x5555aaaa12345678 << n;

			*device = ram = val;
			a = table[i].run(&ram, rax, n);
			b = table[i].run(device, rax, n);
			same = a.val == b.val && a.reg == b.reg && !((a.flags ^ b.flags) & FLAGS & ~table[i].undefined);
		}
		check(same, "%s: %lx %lx %lx on the device, %lx %lx %lx in RAM", table[i].name, b.val, b.reg, b.flags, a.val,
		      a.reg, a.flags);
	}
}

/* The HPET takes 4 and 8 bytes only; a byte that keeps what is written is PCI's interrupt line of the LPC bridge. */
static void bytes(void)
{
	volatile u8 *line = (volatile u8 *)(ECAM + (0x1f << 15) + 0x3c);
	u8 was = *line;

	__asm__ volatile("stc; setc %0" : "=m"(*line) :: "cc");
	check(*line == 1, "setc: %x", *line);
	__asm__ volatile("clc; setc %0" : "=m"(*line) :: "cc");
	check(*line == 0, "setc: %x", *line);
	*line = 0x81;
	__asm__ volatile("clc; rclb $1, %0" : "+m"(*line) :: "cc");
	check(*line == 2, "rcl: %x", *line);
	*line = was;
}

static void strings(void)
{
	static const char text[16] __attribute__((aligned(8))) = "compare";
	const void *from = text, *to = (const void *)(u64)device;
	u64 n = 2;
	bool zero;

	*device = *(const u64 *)(const void *)text;
	__asm__ volatile("cld; repe cmpsl; setz %3" : "+S"(from), "+D"(to), "+c"(n), "=q"(zero) :: "memory", "cc");
	check(zero && n == 0, "repe cmps: %lu left", n);
	*device ^= 1ul << 40;
	from = text, to = (const void *)(u64)device, n = 4;
	__asm__ volatile("cld; repe cmpsl; setz %3" : "+S"(from), "+D"(to), "+c"(n), "=q"(zero) :: "memory", "cc");
	check(!zero && n == 2 && to == (const void *)(u64)(device + 1), "repe cmps of unequal ones: %lu left", n);
	to = (const void *)(u64)device, n = 4;
	__asm__ volatile("cld; repne scasl; setz %2" : "+D"(to), "+c"(n), "=q"(zero) : "a"(*device >> 32) : "memory", "cc");
	check(zero && n == 2, "repne scas: %lu left", n);
}

static void wide_vectors(u32 features)
{
	u64 cr4, got[4] = { 0 };

	if ((features >> 26 & 5) != 5)		/* XSAVE, AVX */
		return;
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	__asm__ volatile("mov %0, %%cr4; xsetbv" :: "r"(cr4 | CR4_OSXSAVE), "a"(7), "c"(0), "d"(0));
	*device = 0x1122334455667788;
	__asm__ volatile("vmovups (%1), %%ymm7; vmovups %%ymm7, %0" : "=m"(got) : "r"(HPET + 0x100) : "memory");
	check(got[0] == device[-1] && got[1] == device[0] && got[2] == device[1] && got[3] == device[2],
	      "vmovups: %lx %lx %lx %lx", got[0], got[1], got[2], got[3]);
	__asm__ volatile("vmovq %%xmm7, %0" : "=m"(*device));
	check(*device == got[0], "vmovq: %lx", *device);
	*device = 5;
	__asm__ volatile("vpcmpeqd %%xmm7, %%xmm7, %%xmm7; vmovd (%1), %%xmm7; vmovups %%ymm7, %0" : "=m"(got) : "r"(device));
	check(got[0] == 5 && !(got[1] | got[2] | got[3]), "vmovd clears the rest: %lx %lx %lx %lx", got[0], got[1], got[2],
	      got[3]);
}

void test_main(void)
{
	u64 cr0, cr4;
	u32 r[4];

	cpuid(1, 0, r);
	__asm__ volatile("mov %%cr0, %0; mov %%cr4, %1" : "=r"(cr0), "=r"(cr4));
	__asm__ volatile("mov %0, %%cr0; mov %1, %%cr4" :: "r"(cr0 & ~CR0_EM_TS), "r"(cr4 | CR4_OSFXSR));
	*(volatile u64 *)(HPET + 0x10) = 0;
	same_as_ram(r[2]);
	bytes();
	strings();
	wide_vectors(r[2]);
}
