/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/emulate.c hv/x86/emulate_string.c hv/x86/emulate_stack.c hv/x86/emulate_vector.c hv/x86/alu.c hv/x86/decode.c hv/x86/decode_fast.c hv/x86/decode_zydis.c hv/x86/operand.c hv/x86/gmem.c hv/core/bus.c hv/x86/walk.c hv/lib/format.c tests/unit/hv/x86/x86_support.c zydis */
/* String instructions: elements, faults in the midst, single steps, ports. */
#include "emulate_cases.h"

#include "alu.h"

static void rep_stos_to_device(void **state)
{
	w->v.gpr[RAX] = 0x11223344;
	w->v.gpr[RCX] = 150;
	w->v.gpr[RDI] = DEV_VA + 0x800;
	assert_int_equal(emulate("\xf3\xab", 2, DEVICE_GPA + 0x800), AGAIN);
	assert_int_equal(w->v.gpr[RCX], 150 - 64);
	assert_int_equal(w->v.gpr[RDI], DEV_VA + 0x800 + 256);
	assert_int_equal(emulate_mmio(&w->v), AGAIN);
	assert_int_equal(emulate_mmio(&w->v), NEXT);
	assert_int_equal(w->v.gpr[RCX], 0);
	assert_int_equal(w->device_writes, 150);
	for (u32 i = 0; i < 150; i++)
		assert_memory_equal(w->device + 0x800 + 4 * i, "\x44\x33\x22\x11", 4);
	assert_int_equal(w->device[0x800 + 600], 0);
}

static void movs_both_directions(void **state)
{
	for (u32 i = 0; i < 64; i++)
		w->device[i] = (u8)(i + 1);
	w->v.gpr[RCX] = 5;
	w->v.gpr[RSI] = DEV_VA;
	w->v.gpr[RDI] = 0x8000 - 12;			/* over a page end, backwards in memory */
	world_map(0x8000, 0xb000, 3);
	assert_int_equal(emulate("\xf3\x48\xa5", 3, DEVICE_GPA), NEXT);
	assert_memory_equal(w->g.ram + 0x8000 - 12, w->device, 12);
	assert_memory_equal(w->g.ram + 0xb000, w->device + 12, 28);
	assert_int_equal(w->device_reads, 5);
	assert_int_equal(*world_pte(0x8000) & 0x60, 0x60);	/* accessed, dirty */
	w->s.rflags |= RFLAGS_DF;
	w->v.gpr[RCX] = 4;
	w->v.gpr[RSI] = 0x7ff4 + 3;
	w->v.gpr[RDI] = DEV_VA + 0x103;
	assert_int_equal(emulate("\xf3\xa4", 2, DEVICE_GPA + 0x103), NEXT);
	assert_memory_equal(w->device + 0x100, "\1\2\3\4", 4);
	assert_int_equal(w->v.gpr[RSI], 0x7ff3);
	assert_int_equal(w->v.gpr[RDI], DEV_VA + 0xff);
	w->s.rflags &= ~RFLAGS_DF;
	w->v.gpr[RSI] = DEV_VA + 0x100;			/* device to device, no REP */
	w->v.gpr[RDI] = DEV_VA + 0x200;
	w->v.gpr[RCX] = 0;
	assert_int_equal(emulate("\xa5", 1, DEVICE_GPA + 0x100), NEXT);
	assert_memory_equal(w->device + 0x200, "\1\2\3\4", 4);
}

static void movs_fault_leaves_progress(void **state)
{
	w->v.gpr[RCX] = 10;
	w->v.gpr[RSI] = DEV_VA;
	w->v.gpr[RDI] = 0x9000 - 8;
	world_map(0x9000, 0x9000, 1);			/* read-only, CR0.WP */
	assert_int_equal(emulate("\xf3\xa5", 2, DEVICE_GPA), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_PF);
	assert_int_equal(w->v.fault.code, 3);
	assert_int_equal(w->v.fault.cr2, 0x9000);
	assert_int_equal(w->v.gpr[RCX], 8);
	assert_int_equal(w->v.gpr[RDI], 0x9000);
	assert_int_equal(w->device_reads, 2);		/* the third element was not read */
}

/* The source's fault comes first, and leaves the destination clean. */
static void movs_fault_order(void **state)
{
	world_map(0x9000, 0x9000, 1);
	w->v.gpr[RSI] = 0x70000000;
	w->v.gpr[RDI] = 0x9000;
	assert_int_equal(emulate("\xa5", 1, DEVICE_GPA), FAULT);
	assert_int_equal(w->v.fault.cr2, 0x70000000);
	world_map(0x9000, 0x9000, 3);
	assert_int_equal(emulate("\xa5", 1, DEVICE_GPA), FAULT);
	assert_int_equal(*world_pte(0x9000) & 0x60, 0);
}

/* A fault in a later element: registers tell the progress, flags are those from before. */
static void compare_faults_keep_flags(void **state)
{
	memcpy(w->g.ram + 0x9000 - 8, "aaaaaaab", 8);
	memset(w->device, 'a', 16);
	world_map(0x9000, 0x9000, 0);
	w->v.gpr[RCX] = 16;
	w->v.gpr[RSI] = DEV_VA;
	w->v.gpr[RDI] = 0x9000 - 7;
	w->s.rflags |= RFLAGS_CF;
	w->g.ram[0x8fff] = 'a';
	assert_int_equal(emulate("\xf3\xa6", 2, DEVICE_GPA), FAULT);
	assert_int_equal(w->v.fault.cr2, 0x9000);
	assert_int_equal(w->v.fault.code, 0);		/* a read */
	assert_int_equal(w->v.gpr[RCX], 9);
	assert_int_equal(w->v.gpr[RSI], DEV_VA + 7);
	assert_int_equal(w->s.rflags & FLAGS_STATUS, RFLAGS_CF);
	assert_int_equal(w->device_reads, 7);
}

/* With TF set each repetition traps; the last one's trap is set_rip()'s. */
static void strings_step_by_step(void **state)
{
	w->s.rflags |= RFLAGS_TF;
	w->v.gpr[RCX] = 3;
	w->v.gpr[RDI] = DEV_VA;
	for (u32 left = 3; left > 1; left--) {
		w->s.dr6 = 0;
		assert_int_equal(emulate("\xf3\xaa", 2, DEVICE_GPA), FAULT);
		assert_int_equal(w->v.fault.vector, VEC_DB);
		assert_false(w->v.fault.has_code);
		assert_int_equal(w->s.dr6, BIT(14));
		assert_int_equal(w->v.gpr[RCX], left - 1);
	}
	assert_int_equal(emulate("\xf3\xaa", 2, DEVICE_GPA), NEXT);
	assert_int_equal(w->device_writes, 3);
}

static void lods_and_short_addresses(void **state)
{
	memcpy(w->device + 0x20, "\xef\xbe\xad\xde", 4);
	w->v.gpr[RAX] = ~0ul;
	w->v.gpr[RSI] = 0xffffffff00000000ul + DEV_VA + 0x20;
	assert_int_equal(emulate("\x67\xad", 2, DEVICE_GPA + 0x20), NEXT);
	assert_int_equal(w->v.gpr[RAX], 0xdeadbeef);
	assert_int_equal(w->v.gpr[RSI], DEV_VA + 0x24);
	w->s.seg[SEG_GS].base = DEV_VA;
	w->v.gpr[RSI] = 0x20;
	assert_int_equal(emulate("\x65\xac", 2, DEVICE_GPA + 0x20), NEXT);
	assert_int_equal(w->v.gpr[RAX], 0xdeadbeef);
	w->v.gpr[RCX] = BIT(32);
	assert_int_equal(emulate("\x67\xf3\xad", 3, DEVICE_GPA + 0x20), NEXT);	/* ECX is 0 */
	assert_int_equal(w->v.gpr[RSI], 0x21);
}

static enum verdict string_io(const char *code, u32 len, bool in, u8 size)
{
	world_code(0x4000, code, len, VMEXIT_PIO);
	w->v.exit.pio.port = 0x1f0;
	w->v.exit.pio.size = size;
	w->v.exit.pio.in = in;
	w->v.exit.pio.string = true;
	w->v.exit.pio.seg = 0xff;
	return emulate_string_io(&w->v);
}

static void outs_and_ins(void **state)
{
	memcpy(w->g.ram + 0x8000, "hello world", 11);
	w->v.gpr[RSI] = 0x8000;
	w->v.gpr[RCX] = 11;
	assert_int_equal(string_io("\xf3\x6e", 2, false, 1), NEXT);
	assert_memory_equal(w->port_out, "hello world", 11);
	assert_int_equal(w->last_port, 0x1f0);
	assert_int_equal(w->v.gpr[RSI], 0x800b);
	w->v.gpr[RDI] = 0x9000;
	w->v.gpr[RCX] = 256;
	assert_int_equal(string_io("\xf3\x66\x6d", 3, true, 2), AGAIN);
	assert_int_equal(w->port_in_count, 64);
	assert_int_equal(w->v.gpr[RCX], 192);
	assert_int_equal(*(u16 *)(w->g.ram + 0x9000 + 2 * 63), 0x5a3f);
	/* The buffer ends in a hole: no port is read for an element that cannot be stored. */
	world_map(0xa000, 0, 0);
	w->v.gpr[RDI] = 0xa000 - 4;
	w->port_in_count = 0;
	assert_int_equal(string_io("\xf3\x66\x6d", 3, true, 2), FAULT);
	assert_int_equal(w->port_in_count, 2);
	assert_int_equal(w->v.gpr[RCX], 190);
	assert_int_equal(w->v.fault.code, 2);
	assert_int_equal(string_io("\x90", 1, true, 2), KILL);
}

/* 32-bit code with a real segment: base, limit, type. */
static void segments_are_obeyed(void **state)
{
	w->s.cr0 = CR0_PE;
	w->s.efer = 0;
	w->s.seg[SEG_CS] = (struct segment){ .attr = 0xc09b, .limit = ~0u };
	w->s.seg[SEG_DS] = (struct segment){ .attr = 0x4093, .limit = 0xff, .base = 0x8000 };
	memcpy(w->g.ram + 0x80fc, "abcd", 4);
	w->v.gpr[RSI] = 0xfc;
	w->v.gpr[RCX] = 8;
	assert_int_equal(string_io("\xf3\x6e", 2, false, 1), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_GP);
	assert_memory_equal(w->port_out, "abcd", 4);
	assert_int_equal(w->v.gpr[RCX], 4);
	w->s.seg[SEG_SS] = (struct segment){ .attr = 0x4097, .limit = 0xff, .base = 0x8000 };	/* expand-down */
	w->v.gpr[RSI] = 0x10;
	w->v.gpr[RCX] = 1;
	assert_int_equal(string_io("\x36\xf3\x6e", 3, false, 1), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_SS);
	w->v.gpr[RSI] = 0x100;
	assert_int_equal(string_io("\x36\xf3\x6e", 3, false, 1), NEXT);
	w->s.seg[SEG_ES] = (struct segment){ .attr = 0x4091, .limit = ~0u };			/* read-only */
	w->v.gpr[RDI] = 0x9000;
	assert_int_equal(string_io("\x6c", 1, true, 1), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_GP);
	assert_int_equal(w->port_in_count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(rep_stos_to_device, setup_strings),
		cmocka_unit_test_setup(movs_both_directions, setup_strings),
		cmocka_unit_test_setup(movs_fault_leaves_progress, setup_strings),
		cmocka_unit_test_setup(movs_fault_order, setup_strings),
		cmocka_unit_test_setup(compare_faults_keep_flags, setup_strings),
		cmocka_unit_test_setup(strings_step_by_step, setup_strings),
		cmocka_unit_test_setup(lods_and_short_addresses, setup_strings),
		cmocka_unit_test_setup(outs_and_ins, setup_strings),
		cmocka_unit_test_setup(segments_are_obeyed, setup_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
