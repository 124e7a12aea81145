/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/live.S */
/* Each vector register is the one that its number says. PKRU needs CPL 0: a guest of tests/boot reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "operand.h"

/* Both calls in one piece of assembly: the compiler may use vector registers between two of its own. */
static void write_then_read(u32 n, const void *from, u32 m, void *to)
{
	__asm__ volatile(
		"call xmm_write\n\t"
		"mov %k2, %%edi\n\t"
		"mov %3, %%rsi\n\t"
		"call xmm_read"
		: "+D"(n), "+S"(from) : "r"((u64)m), "r"(to)
		: "rax", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
		  "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static void registers_by_number(void **state)
{
	u8 from[32], to[32];

	for (u32 n = 0; n < 16; n++) {
		memset(to, 0xee, sizeof(to));
		for (u32 i = 0; i < 32; i++)
			from[i] = (u8)(17 * n + i + 1);
		write_then_read(n, from + 3, n, to + 5);	/* no alignment is asked for */
		assert_memory_equal(to + 5, from + 3, 16);
		assert_int_equal(to[4], 0xee);
		assert_int_equal(to[21], 0xee);
	}
}

#define SAME_AS(n) do { \
		memset(to, 0, sizeof(to)); \
		__asm__ volatile("mov $" #n ", %%edi\n\tcall xmm_write\n\tmovups %%xmm" #n ", (%1)" \
			: "+S"(at) : "r"(to) : "rax", "rdi", "memory", "cc", "xmm" #n); \
		at = from; \
		assert_memory_equal(to, from, 16); \
	} while (0)

static void numbers_are_the_processors(void **state)
{
	u8 from[16] = "numbers, numbers", to[16];
	const u8 *at = from;

	SAME_AS(0); SAME_AS(1); SAME_AS(2); SAME_AS(3); SAME_AS(4); SAME_AS(5); SAME_AS(6); SAME_AS(7);
	SAME_AS(8); SAME_AS(9); SAME_AS(10); SAME_AS(11); SAME_AS(12); SAME_AS(13); SAME_AS(14); SAME_AS(15);
}

/* Kept in one piece of assembly as above. */
static void write_then_read_wide(u32 n, const void *from, u32 m, void *to)
{
	__asm__ volatile(
		"call ymm_write\n\t"
		"mov %k2, %%edi\n\t"
		"mov %3, %%rsi\n\t"
		"call ymm_read"
		: "+D"(n), "+S"(from) : "r"((u64)m), "r"(to)
		: "rax", "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",
		  "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static void wide_registers_by_number(void **state)
{
	u8 from[40], to[40];

	if (!__builtin_cpu_supports("avx"))
		skip();
	for (u32 n = 0; n < 16; n++) {
		memset(to, 0xee, sizeof(to));
		for (u32 i = 0; i < 40; i++)
			from[i] = (u8)(17 * n + i + 1);
		write_then_read_wide(n, from + 3, n, to + 5);
		assert_memory_equal(to + 5, from + 3, 32);
		assert_int_equal(to[4], 0xee);
		assert_int_equal(to[37], 0xee);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(registers_by_number),
		cmocka_unit_test(numbers_are_the_processors),
		cmocka_unit_test(wide_registers_by_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
