/* SPDX-License-Identifier: Apache-2.0 */
/* retire: while timer interrupts and IPIs rain on every processor, each instruction still happens exactly once. Registers
 * that are counted together have to stay equal; so do a counter in memory and a stack that is pushed and popped.
 * n= rounds of 65,536 (default 64), us= timer period (default 50). */

#include "lib/lib.h"

const char test_name[] = "retire";

#define VEC_TIMER 0x60
#define VEC_POKE 0x61
#define CPUS_MAX 64
#define LOOPS 65536ul

static volatile u64 ticks[CPUS_MAX], pokes[CPUS_MAX], rounds_done[CPUS_MAX], wrong[CPUS_MAX];
static u64 rounds;
static u32 period;

static void on_timer(struct trap *t)
{
	u32 i = cpu_index();

	(void)t;
	/* Every eighth tick the neighbour is poked too. */
	if (++ticks[i] % 8 == 0 && cpu_count() > 1)
		apic_send(cpu_apic_id((i + 1) % cpu_count()), VEC_POKE);
	apic_eoi();
}

static void on_poke(struct trap *t)
{
	(void)t;
	pokes[cpu_index()]++;
	apic_eoi();
}

/* One stretch; what the eight registers and the word in memory differ from `loops`, ored. */
static u64 stretch(u64 loops)
{
	u64 word = 0, bad;

	__asm__ volatile(
		"xor %%r8d, %%r8d\n\t" "mov %%r8, %%r9\n\t" "mov %%r8, %%r10\n\t" "mov %%r8, %%r11\n\t"
		"mov %%r8, %%r12\n\t" "mov %%r8, %%r13\n\t" "mov %%r8, %%r14\n\t" "mov %%r8, %%r15\n\t"
		"mov %%rcx, %%rdx\n"
		"1: add $1, %%r8\n\t" "add $1, %%r9\n\t" "inc %%r10\n\t" "addq $1, %[word]\n\t" "push %%r10\n\t"
		"lea 1(%%r11), %%r11\n\t" "pop %%rax\n\t" "add $1, %%r12\n\t" "sub %%r10, %%rax\n\t" "or %%rax, %%r13\n\t"
		"add $1, %%r14\n\t" "add $1, %%r15\n\t" "dec %%rcx\n\t" "jnz 1b\n\t"
		"sub %%rdx, %%r8\n\t" "sub %%rdx, %%r9\n\t" "sub %%rdx, %%r10\n\t" "sub %%rdx, %%r11\n\t"
		"sub %%rdx, %%r12\n\t" "sub %%rdx, %%r14\n\t" "sub %%rdx, %%r15\n\t" "sub %%rdx, %[word]\n\t"
		"mov %%r13, %[bad]\n\t" "or %%r8, %[bad]\n\t" "or %%r9, %[bad]\n\t" "or %%r10, %[bad]\n\t"
		"or %%r11, %[bad]\n\t" "or %%r12, %[bad]\n\t" "or %%r14, %[bad]\n\t" "or %%r15, %[bad]\n\t"
		"or %[word], %[bad]"
		: [bad] "=&b"(bad), "+c"(loops), [word] "+m"(word)
		:: "rax", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory");
	return bad;
}

static void work(u32 i)
{
	apic_enable();
	apic_write(APIC_DIVIDE, 0xb);			/* by 1: the timer counts at 1 GHz */
	apic_write(APIC_TIMER, 0x20000 | VEC_TIMER);	/* periodic */
	apic_write(APIC_INITIAL, period * 1000 + i * 37);
	sti();
	for (u64 k = 0; k < rounds; k++) {
		if (stretch(LOOPS))
			wrong[i]++;
		rounds_done[i] = k + 1;
	}
}

void test_main(void)
{
	u32 cpus = cpu_count() < CPUS_MAX ? cpu_count() : CPUS_MAX;
	u64 sum = 0;

	rounds = boot_number("n=", 64);
	period = (u32)boot_number("us=", 50);
	trap_set(VEC_TIMER, on_timer);
	trap_set(VEC_POKE, on_poke);
	for (u32 i = 1; i < cpus; i++)
		check(cpu_start(i, work), "processor %u started", i);
	work(0);
	for (u32 i = 0; i < cpus; i++) {
		while (rounds_done[i] < rounds)
			pause();
		sum += ticks[i] + pokes[i];
		check(!wrong[i], "processor %u: %lu of %lu stretches wrong, %lu timer interrupts, %lu IPIs", i, wrong[i], rounds,
			ticks[i], pokes[i]);
	}
	check(sum > 0, "%lu interrupts in all", sum);
	cli();
}
