/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/emulate.c hv/x86/emulate_string.c hv/x86/emulate_stack.c hv/x86/emulate_vector.c hv/x86/alu.c hv/x86/decode.c hv/x86/decode_fast.c hv/x86/decode_zydis.c hv/x86/operand.c hv/x86/gmem.c hv/core/bus.c hv/x86/walk.c hv/lib/format.c tests/unit/hv/x86/x86_support.c zydis */
/* PUSH and POP of device memory, and a stack that lies there. */
#include "emulate_cases.h"

static void push_and_pop(void **state)
{
	memcpy(w->device + 0x10, "12345678", 8);
	w->v.gpr[RBX] = DEV_VA + 0x10;
	w->v.gpr[RSP] = 0x9004;				/* over the end of a page */
	assert_int_equal(emulate("\xff\x33", 2, DEVICE_GPA + 0x10), NEXT);
	assert_memory_equal(w->g.ram + 0x8ffc, "12345678", 8);
	assert_int_equal(w->v.gpr[RSP], 0x8ffc);
	assert_int_equal(w->device_reads, 1);
	assert_int_equal(emulate("\x66\x8f\x43\x20", 4, DEVICE_GPA + 0x30), NEXT);	/* popw 0x20(%rbx) */
	assert_memory_equal(w->device + 0x30, "12\0", 3);
	assert_int_equal(w->v.gpr[RSP], 0x8ffe);
	/* The address after RSP has moved; the stack is the device, too. */
	memcpy(w->device + 0x40, "abcdefgh", 8);
	w->v.gpr[RSP] = DEV_VA + 0x40;
	assert_int_equal(emulate("\x8f\x04\x24", 3, DEVICE_GPA + 0x40), NEXT);		/* pop (%rsp) */
	assert_memory_equal(w->device + 0x48, "abcdefgh", 8);
	assert_int_equal(w->v.gpr[RSP], DEV_VA + 0x48);
	assert_int_equal(emulate("\xff\x34\x24", 3, DEVICE_GPA + 0x48), NEXT);		/* push (%rsp): before */
	assert_int_equal(w->v.gpr[RSP], DEV_VA + 0x40);
	assert_int_equal(w->s.gpr[RSP], DEV_VA + 0x40);
}

static void push_and_pop_fault(void **state)
{
	w->v.gpr[RBX] = DEV_VA;
	w->v.gpr[RSP] = 0x9000;
	world_map(0x8000, 0x8000, 1);
	assert_int_equal(emulate("\xff\x33", 2, DEVICE_GPA), FAULT);
	assert_int_equal(w->v.fault.cr2, 0x8ff8);
	assert_int_equal(w->v.fault.code, 3);
	world_map(DEV_VA, DEVICE_GPA, 1);
	assert_int_equal(emulate("\x8f\x03", 2, DEVICE_GPA), FAULT);
	assert_int_equal(w->v.fault.cr2, DEV_VA);
	assert_int_equal(w->v.gpr[RSP], 0x9000);
	assert_int_equal(w->device_reads + w->device_writes, 0);
}

/* A 16-bit stack wraps at 64 KiB and leaves the upper half of ESP. */
static void push_and_pop_short(void **state)
{
	w->s.cr0 = CR0_PE;
	w->s.efer = 0;
	w->s.seg[SEG_CS] = (struct segment){ .attr = 0xc09b, .limit = ~0u };
	w->s.seg[SEG_SS] = (struct segment){ .attr = 0x0093, .limit = 0xffff, .base = 0x10000 };
	memcpy(w->device, "1234", 4);
	w->v.gpr[RBX] = DEVICE_GPA;
	w->v.gpr[RSP] = 0xabcd0000;
	assert_int_equal(emulate("\xff\x33", 2, DEVICE_GPA), NEXT);
	assert_int_equal(w->v.gpr[RSP], 0xabcdfffc);
	assert_memory_equal(w->g.ram + 0x1fffc, "1234", 4);
	assert_int_equal(emulate("\x8f\x43\x08", 3, DEVICE_GPA + 8), NEXT);
	assert_int_equal(w->v.gpr[RSP], 0xabcd0000);
	assert_memory_equal(w->device + 8, "1234", 4);
	w->s.seg[SEG_SS].limit = 0xfff;
	assert_int_equal(emulate("\xff\x33", 2, DEVICE_GPA), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_SS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(push_and_pop, setup_strings),
		cmocka_unit_test_setup(push_and_pop_fault, setup_strings),
		cmocka_unit_test_setup(push_and_pop_short, setup_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
