/* SPDX-License-Identifier: Apache-2.0 */
/* vectors: do vector registers survive that a process is interrupted? Four processes on each processor hold different
 * values in the widest register there is while they give way to each other. Prints "VECTORS done bits=N wrong=N". */
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES 4
#define ROUNDS 200

struct value { uint64_t word[8]; } __attribute__((aligned(64)));

static int width(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f") ? 512 : __builtin_cpu_supports("avx") ? 256 : 128;
}

/* sched_yield() is system call 24; only RAX, RCX and R11 change. */
static void hold(int bits, const struct value *in, struct value *out)
{
#define HOLD(move, reg) \
	__asm__ volatile(move " (%0), %%" reg "\n\t" "mov $24, %%eax\n\t" "syscall\n\t" move " %%" reg ", (%1)" \
		:: "r"(in), "r"(out) : "rax", "rcx", "r11", "xmm0", "memory")
	if (bits == 512)
		HOLD("vmovdqu64", "zmm16");
	else if (bits == 256)
		HOLD("vmovdqu", "ymm0");
	else
		HOLD("movdqu", "xmm0");
}

/* Process p of cpu: all bits, one lane, or none at all, so that the "not in use" forms are met too. */
static int run(int cpu, int p, int bits)
{
	struct value in, out;
	cpu_set_t set;
	int wrong = 0;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	for (int round = 0; round < ROUNDS; round++) {
		memset(&in, 0, sizeof(in));
		memset(&out, 0, sizeof(out));
		for (int i = 0; i < bits / 64; i++)
			if (p == 0 || (p == 1 && i == 1) || (p == 2 && i >= bits / 128))
				in.word[i] = 0x1111111111111111ul * (uint64_t)(p + 1) + (uint64_t)(round * 8 + i);
		hold(bits, &in, &out);
		wrong += memcmp(&in, &out, (size_t)bits / 8) != 0;
	}
	return wrong;
}

int main(void)
{
	int *wrong = mmap(NULL, sizeof(*wrong), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), bits = width();

	for (int i = 0; i < cpus * PROCESSES; i++)
		if (!fork()) {
			__atomic_add_fetch(wrong, run(i / PROCESSES, i % PROCESSES, bits), __ATOMIC_RELAXED);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
	printf("VECTORS done bits=%d wrong=%d\n", bits, *wrong);
	return 0;
}
