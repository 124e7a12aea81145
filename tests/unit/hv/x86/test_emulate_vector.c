/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/emulate.c hv/x86/emulate_string.c hv/x86/emulate_stack.c hv/x86/emulate_vector.c hv/x86/alu.c hv/x86/decode.c hv/x86/decode_fast.c hv/x86/decode_zydis.c hv/x86/operand.c hv/x86/gmem.c hv/core/bus.c hv/x86/walk.c hv/lib/format.c tests/unit/hv/x86/x86_support.c zydis */
/* Moves between vector registers and device memory. */
#include "emulate_cases.h"

static void vector_moves(void **state)
{
	static const struct { const char *code; u8 n, size; bool store; } table[] = {
		{ "\x0f\x10\x0b", 3, 16, false },	{ "\x0f\x11\x0b", 3, 16, true },		/* movups */
		{ "\x0f\x28\x0b", 3, 16, false },	{ "\x0f\x29\x0b", 3, 16, true },		/* movaps */
		{ "\x66\x0f\x10\x0b", 4, 16, false },	{ "\x66\x0f\x29\x0b", 4, 16, true },	/* movupd, movapd */
		{ "\xf3\x0f\x6f\x0b", 4, 16, false },	{ "\xf3\x0f\x7f\x0b", 4, 16, true },	/* movdqu */
		{ "\x66\x0f\x6f\x0b", 4, 16, false },	{ "\x66\x0f\x7f\x0b", 4, 16, true },	/* movdqa */
		{ "\x66\x0f\xe7\x0b", 4, 16, true },	{ "\x0f\x2b\x0b", 3, 16, true },		/* movntdq, movntps */
		{ "\x66\x0f\x38\x2a\x0b", 5, 16, false },{ "\xf2\x0f\xf0\x0b", 4, 16, false },	/* movntdqa, lddqu */
		{ "\x66\x0f\x6e\x0b", 4, 4, false },	{ "\x66\x0f\x7e\x0b", 4, 4, true },	/* movd */
		{ "\x66\x48\x0f\x6e\x0b", 5, 8, false },	{ "\x66\x48\x0f\x7e\x0b", 5, 8, true },	/* movq */
		{ "\xf3\x0f\x7e\x0b", 4, 8, false },	{ "\x66\x0f\xd6\x0b", 4, 8, true },	/* movq */
		{ "\xf3\x0f\x10\x0b", 4, 4, false },	{ "\xf2\x0f\x11\x0b", 4, 8, true },	/* movss, movsd */
	};
	u8 want[16];

	w->s.cr4 |= CR4_OSFXSR;
	for (u32 i = 0; i < ARRAY_COUNT(table); i++) {
		u64 off = i % 2 ? 0x100 : 0x208;

		for (u32 k = 0; k < 32; k++)
			w->device[off + k] = (u8)rnd();
		for (u32 k = 0; k < 16; k++)
			w->xmm[1][k] = (u8)rnd();
		w->v.gpr[RBX] = DEV_VA + off;
		w->biggest = w->device_reads = w->device_writes = 0;
		memset(want, 0, 16);
		memcpy(want, table[i].store ? w->xmm[1] : w->device + off, table[i].size);
		if (table[i].store)
			memcpy(want + table[i].size, w->device + off + table[i].size, 16u - table[i].size);
		assert_int_equal(emulate(table[i].code, table[i].n, DEVICE_GPA + off), NEXT);
		assert_memory_equal(table[i].store ? w->device + off : w->xmm[1], want, 16);
		assert_int_equal(w->biggest, MIN(table[i].size, 8));
		assert_int_equal(w->device_reads, table[i].store ? 0 : 1 + table[i].size / 16);
		assert_int_equal(w->device_writes, table[i].store ? 1 + table[i].size / 16 : 0);
	}
}

static void vector_registers_and_page_ends(void **state)
{
	w->s.cr4 |= CR4_OSFXSR;
	memcpy(w->device + 0xff8, "0123456789abcdef", 16);
	w->v.gpr[R9] = DEV_VA + 0xff8;
	assert_int_equal(emulate("\x45\x0f\x10\x39", 4, DEVICE_GPA + 0xff8), NEXT);	/* movups (%r9), %xmm15 */
	assert_memory_equal(w->xmm[15], "0123456789abcdef", 16);
	assert_int_equal(w->device_reads, 16);
	memcpy(w->xmm[8], "ABCDEFGHIJKLMNOP", 16);
	w->v.gpr[R9]++;
	assert_int_equal(emulate("\x45\x0f\x11\x01", 4, DEVICE_GPA + 0x1000), NEXT);
	assert_memory_equal(w->device + 0xff8, "0ABCDEFGHIJKLMNOP", 17);
}

static void vector_moves_not_enabled(void **state)
{
	w->v.gpr[RBX] = DEV_VA;
	assert_int_equal(emulate("\x0f\x11\x03", 3, DEVICE_GPA), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_UD);
	w->s.cr4 |= CR4_OSFXSR;
	w->s.cr0 |= CR0_TS;
	assert_int_equal(emulate("\x0f\x11\x03", 3, DEVICE_GPA), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_NM);
	w->s.cr0 |= CR0_EM;
	assert_int_equal(emulate("\x0f\x11\x03", 3, DEVICE_GPA), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_UD);
	assert_false(w->v.fault.has_code);
	assert_int_equal(w->device_writes, 0);
}

static void vex_moves(void **state)
{
	static const struct { const char *code; u8 n, size; bool store; } table[] = {
		{ "\xc5\xf8\x10\x0b", 4, 16, false },	{ "\xc5\xf8\x11\x0b", 4, 16, true },	/* vmovups */
		{ "\xc5\xfc\x10\x0b", 4, 32, false },	{ "\xc5\xfc\x11\x0b", 4, 32, true },
		{ "\xc5\xfd\x6f\x0b", 4, 32, false },	{ "\xc5\xfd\x7f\x0b", 4, 32, true },	/* vmovdqa */
		{ "\xc5\xfe\x6f\x0b", 4, 32, false },	{ "\xc5\xfe\x7f\x0b", 4, 32, true },	/* vmovdqu */
		{ "\xc5\xfd\xe7\x0b", 4, 32, true },	{ "\xc5\xfc\x2b\x0b", 4, 32, true },	/* vmovnt.. */
		{ "\xc4\xe2\x7d\x2a\x0b", 5, 32, false },	/* vmovntdqa */
		{ "\xc5\xf9\x6e\x0b", 4, 4, false },	{ "\xc5\xf9\x7e\x0b", 4, 4, true },	/* vmovd */
		{ "\xc5\xfa\x7e\x0b", 4, 8, false },	{ "\xc5\xf9\xd6\x0b", 4, 8, true },	/* vmovq */
		{ "\xc5\xfa\x10\x0b", 4, 4, false },	{ "\xc5\xfb\x11\x0b", 4, 8, true },	/* vmovss, vmovsd */
	};
	u8 want[32];

	w->s.cr4 |= CR4_OSXSAVE;
	w->v.xcr0 = 7;
	for (u32 i = 0; i < ARRAY_COUNT(table); i++) {
		u64 off = i % 3 ? 0xff0 : 0x208;	/* also over the end of a page */

		for (u32 k = 0; k < 32; k++) {
			w->device[off + k] = (u8)rnd();
			w->xmm[1][k] = (u8)rnd();
		}
		memset(want, 0, 32);
		memcpy(want, table[i].store ? w->xmm[1] : w->device + off, table[i].size);
		if (table[i].store)
			memcpy(want + table[i].size, w->device + off + table[i].size, 32u - table[i].size);
		w->v.gpr[RBX] = DEV_VA + off;
		assert_int_equal(emulate(table[i].code, table[i].n, DEVICE_GPA + off), NEXT);
		assert_memory_equal(table[i].store ? w->device + off : w->xmm[1], want, 32);
	}
}

static void vex_moves_not_enabled(void **state)
{
	w->v.gpr[RBX] = DEV_VA;
	w->v.xcr0 = 7;
	assert_int_equal(emulate("\xc5\xfc\x11\x03", 4, DEVICE_GPA), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_UD);
	w->s.cr4 |= CR4_OSXSAVE;
	w->v.xcr0 = 3;
	assert_int_equal(emulate("\xc5\xf8\x11\x03", 4, DEVICE_GPA), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_UD);
	w->v.xcr0 = 7;
	w->s.cr0 |= CR0_TS;
	assert_int_equal(emulate("\xc5\xfc\x10\x03", 4, DEVICE_GPA), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_NM);
	assert_int_equal(w->device_writes + w->device_reads, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(vector_moves, setup_strings),
		cmocka_unit_test_setup(vector_registers_and_page_ends, setup_strings),
		cmocka_unit_test_setup(vector_moves_not_enabled, setup_strings),
		cmocka_unit_test_setup(vex_moves, setup_strings),
		cmocka_unit_test_setup(vex_moves_not_enabled, setup_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
