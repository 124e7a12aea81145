/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/decode.c hv/x86/decode_fast.c hv/x86/decode_zydis.c hv/x86/operand.c hv/x86/gmem.c hv/core/bus.c hv/x86/walk.c tests/unit/hv/x86/x86_support.c zydis */
/* The small decoder against the library on random bytes; lengths of what exits by itself; the cache. */
#include "x86_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

#include <Zydis/Decoder.h>

#include "decode.h"

static int setup(void **state)
{
	world_reset();
	return 0;
}

/* Random bytes that are an interesting instruction more often than chance gives. */
static void random_insn(u8 *b)
{
	static const u8 prefix[] = { 0x66, 0x67, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0xf2, 0xf3, 0xf0 };
	static const u8 opcode[] = { 0x88, 0x89, 0x8a, 0x8b, 0xa0, 0xa1, 0xa2, 0xa3, 0xc6, 0xc7, 0x0f, 0x0f, 0x0f,
		0x6c, 0x6d, 0x6e, 0x6f, 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf };
	static const u8 second[] = { 0xb6, 0xb7, 0xbe, 0xbf };
	u32 n = 0;

	for (u32 i = 0; i < 16; i++)
		b[i] = (u8)rnd();
	for (u64 r = rnd(); (r & 3) == 0 && n < 4; r >>= 2)
		b[n++] = prefix[rnd() % sizeof(prefix)];
	if (rnd() % 3 == 0)
		b[n++] = 0x40 | (rnd() & 15);
	if (rnd() % 8 == 0)
		return;
	b[n] = opcode[rnd() % sizeof(opcode)];
	if (b[n++] == 0x0f)
		b[n] = second[rnd() % 4];
}

static void library_decode(const u8 *b, u8 mode, ZydisDecodedInstruction *z, bool *ok)
{
	ZydisDecoder d;

	ZydisDecoderInit(&d, mode == 8 ? ZYDIS_MACHINE_MODE_LONG_64 : mode == 4 ? ZYDIS_MACHINE_MODE_LEGACY_32 :
		ZYDIS_MACHINE_MODE_LEGACY_16, mode == 8 ? ZYDIS_STACK_WIDTH_64 : mode == 4 ? ZYDIS_STACK_WIDTH_32 :
		ZYDIS_STACK_WIDTH_16);
	*ok = ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&d, NULL, b, 15, z));
}

static void same_insn(const struct insn *a, const struct insn *b)
{
	u64 mask = a->addr_size == 8 ? ~0ul : BIT(8 * a->addr_size) - 1;

	assert_int_equal(a->len, b->len);
	assert_int_equal(a->op, b->op);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->reg_size, b->reg_size);
	assert_int_equal(a->reg, b->reg);
	assert_int_equal(a->reg_high, b->reg_high);
	assert_int_equal(a->sign, b->sign);
	assert_int_equal(a->to_reg, b->to_reg);
	assert_int_equal(a->addr_size, b->addr_size);
	assert_int_equal(a->seg, b->seg);
	assert_int_equal(a->base, b->base);
	assert_int_equal(a->index, b->index);
	assert_int_equal(a->scale, b->scale);
	assert_int_equal((u64)a->disp & mask, (u64)b->disp & mask);
	assert_int_equal(a->imm, b->imm);
}

static void fast_agrees_with_library(void **state)
{
	u32 moves = 0, strings = 0;

	for (u32 n = 0; n < 3000000; n++) {
		u8 b[16], mode = (u8)(2u << rnd() % 3);
		struct insn f, any;
		ZydisDecodedInstruction z;
		bool ok;

		random_insn(b);
		if (!decode_fast(b, 15, mode, &f))
			continue;
		if (f.op >= INSN_MOVS) {
			library_decode(b, mode, &z, &ok);
			assert_true(ok);
			assert_int_equal(f.len, z.length);
			assert_int_equal(f.addr_size * 8, z.address_width);
			strings++;
			continue;
		}
		assert_true(decode_any(b, 15, mode, &any));
		same_insn(&f, &any);
		moves++;
	}
	assert_true(moves > 200000 && strings > 200000);
}

/* No decoder reads behind the bytes that it was given: ASan watches the exact allocation. */
static void short_input(void **state)
{
	for (u32 n = 0; n < 200000; n++) {
		u32 size = 1 + (u32)(rnd() % 14);
		u8 all[16], *b = test_malloc(size), mode = (u8)(2u << rnd() % 3);
		struct insn i, full;

		random_insn(all);
		memcpy(b, all, size);
		if (decode_fast(b, size, mode, &i)) {
			assert_true(i.len <= size);
			assert_true(decode_fast(all, 15, mode, &full));
			assert_int_equal(i.len, full.len);
		}
		decode_any(b, size, mode, &i);
		decode_exit(b, size, mode, (enum vmexit_kind)(rnd() % VMEXIT_KINDS), &i);
		test_free(b);
	}
}

static const struct { const char *bytes; u8 n, len; enum vmexit_kind kind; } lengths[] = {
	{ "\x0f\xa2", 2, 2, VMEXIT_CPUID }, { "\x66\x0f\xa2", 3, 3, VMEXIT_CPUID }, { "\x48\x0f\xa2", 3, 3, VMEXIT_CPUID },
	{ "\x0f\x32", 2, 2, VMEXIT_MSR }, { "\x0f\x30", 2, 2, VMEXIT_MSR }, { "\xf4", 1, 1, VMEXIT_HLT },
	{ "\x0f\x08", 2, 2, VMEXIT_CACHE }, { "\x0f\x09", 2, 2, VMEXIT_CACHE }, { "\xf3\x0f\x09", 3, 3, VMEXIT_CACHE },
	{ "\x0f\x01\xd1", 3, 3, VMEXIT_XSETBV }, { "\x0f\x01\xc1", 3, 3, VMEXIT_HYPERCALL },
	{ "\x0f\x01\xd9", 3, 3, VMEXIT_HYPERCALL }, { "\xf3\x90", 2, 2, VMEXIT_PAUSE },
	{ "\x0f\x01\xc8", 3, 3, VMEXIT_MONITOR }, { "\x0f\x01\xc9", 3, 3, VMEXIT_MONITOR },
	{ "\xe4\x60", 2, 2, VMEXIT_PIO }, { "\xe5\x60", 2, 2, VMEXIT_PIO }, { "\xe7\x80", 2, 2, VMEXIT_PIO },
	{ "\xec", 1, 1, VMEXIT_PIO }, { "\x66\xef", 2, 2, VMEXIT_PIO }, { "\xf3\x6c", 2, 2, VMEXIT_PIO },
	{ "\x65\xf3\x6e", 3, 3, VMEXIT_PIO }, { "\x0f\x20\xc0", 3, 3, VMEXIT_CR }, { "\x0f\x06", 2, 2, VMEXIT_CR },
	{ "\x0f\x23\xf8", 3, 3, VMEXIT_DR }, { "\x0f\x21\xf8", 3, 3, VMEXIT_DR }, { "\x41\x0f\x23\xf8", 4, 4, VMEXIT_DR },
	/* Not what the exit says. */
	{ "\x0f\xa3", 2, 0, VMEXIT_CPUID }, { "\x0f\x32", 2, 0, VMEXIT_CPUID }, { "\xf4", 1, 0, VMEXIT_CPUID },
	{ "\x90", 1, 0, VMEXIT_HLT }, { "\x0f\x22", 2, 0, VMEXIT_DR }, { "\xa4", 1, 0, VMEXIT_PIO },
	{ "\xe0\x10", 2, 0, VMEXIT_PIO }, { "\x0f\x01\xe0", 3, 0, VMEXIT_CR },
	{ "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66", 15, 0, VMEXIT_CPUID },
};

static void exit_lengths(void **state)
{
	for (u32 i = 0; i < ARRAY_COUNT(lengths); i++) {
		u8 code[16] = { [0 ... 15] = 0xcc };

		memcpy(code, lengths[i].bytes, lengths[i].n);
		world_code(0x4000 + 64 * i, code, 16, lengths[i].kind);
		for (u32 again = 0; again < 3; again++)
			assert_int_equal(insn_length(&w->v), lengths[i].len);
	}
}

/* Whatever decode_exit() accepts has the library's length. */
static void exit_lengths_agree_with_library(void **state)
{
	static const u8 start[][2] = { { 0x0f, 0xa2 }, { 0x0f, 0x30 }, { 0x0f, 0x01 }, { 0x0f, 0x20 }, { 0x0f, 0x22 },
		{ 0xe4, 0 }, { 0xed, 0 }, { 0x6d, 0 }, { 0xf4, 0 }, { 0x0f, 0x06 }, { 0x0f, 0x09 }, { 0x0f, 0x21 } };
	u32 seen = 0;

	for (u32 n = 0; n < 600000; n++) {
		u8 b[16], mode = (u8)(2u << rnd() % 3);
		u32 at = 0;
		ZydisDecodedInstruction z;
		struct insn i;
		bool ok;

		for (u32 k = 0; k < 16; k++)
			b[k] = (u8)rnd();
		if (rnd() % 4 == 0)
			b[at++] = rnd() & 1 ? 0x66 : 0x67;
		if (rnd() % 4 == 0)
			b[at++] = 0x41;
		memcpy(b + at, start[rnd() % ARRAY_COUNT(start)], 2);
		library_decode(b, mode, &z, &ok);
		if (!ok || !decode_exit(b, 15, mode, (enum vmexit_kind)(rnd() % VMEXIT_KINDS), &i))
			continue;
		assert_int_equal(i.len, z.length);
		seen++;
	}
	assert_true(seen > 5000);
}

static void control_register_details(void **state)
{
	struct vmexit *x = &w->v.exit;

	world_code(0x4000, "\x44\x0f\x22\xc3", 4, VMEXIT_CR);		/* mov %rbx, %cr8 */
	assert_int_equal(insn_length(&w->v), 4);
	assert_int_equal(x->cr.nr, 8);
	assert_int_equal(x->cr.gpr, RBX);
	assert_true(x->cr.write);
	world_code(0x4010, "\x41\x0f\x20\xe7", 4, VMEXIT_CR);		/* mov %cr4, %r15 */
	assert_int_equal(insn_length(&w->v), 4);
	assert_int_equal(x->cr.nr, 4);
	assert_int_equal(x->cr.gpr, R15);
	assert_false(x->cr.write);
	world_code(0x4020, "\x0f\x06", 2, VMEXIT_CR);
	assert_int_equal(insn_length(&w->v), 2);
	assert_true(x->cr.clts && !x->cr.lmsw);
	w->v.gpr[RDX] = 0xabcd0009;
	world_code(0x4030, "\x0f\x01\xf2", 3, VMEXIT_CR);		/* lmsw %dx */
	assert_int_equal(insn_length(&w->v), 3);
	assert_true(x->cr.lmsw && !x->cr.clts);
	assert_int_equal(x->cr.lmsw_value, 9);
	w->v.gpr[RBX] = 0x7000;
	w->g.ram[0x7010] = 0x0b;
	world_code(0x4040, "\x0f\x01\x73\x10", 4, VMEXIT_CR);		/* lmsw 16(%rbx) */
	assert_int_equal(insn_length(&w->v), 4);
	assert_int_equal(x->cr.lmsw_value, 0x0b);
	w->v.gpr[RBX] = 0x70000000;					/* not mapped */
	assert_int_equal(insn_length(&w->v), 0);
}

static u32 decoded_op(void)
{
	enum verdict why;
	struct code_key key;
	const struct insn *i;

	virt->code_key(&w->v, &key);
	i = insn_at(&w->v, &key, &why);
	return i ? i->op : INSN_NONE;
}

static void cache_sees_rewritten_code(void **state)
{
	world_code(0x4000, "\x89\x03", 2, VMEXIT_MMIO);		/* mov %eax, (%rbx) */
	assert_int_equal(decoded_op(), INSN_STORE);
	assert_int_equal(decoded_op(), INSN_STORE);
	w->g.ram[0x4000] = 0x8b;
	assert_int_equal(decoded_op(), INSN_LOAD);
	w->g.ram[0x4000] = 0x01;				/* add */
	assert_int_equal(decoded_op(), INSN_ADD);
	w->g.ram[0x4002] = 0x99;				/* behind it: does not matter */
	assert_int_equal(decoded_op(), INSN_ADD);
}

static void cache_sees_rewritten_tables(void **state)
{
	world_code(0x4000, "\x89\x03", 2, VMEXIT_MMIO);
	memcpy(w->g.ram + 0x6000, "\x8b\x03", 2);
	assert_int_equal(decoded_op(), INSN_STORE);
	world_map(0x4000, 0x6000, 1);
	assert_int_equal(decoded_op(), INSN_LOAD);
	world_map(0x4000, 0x4000, 1);
	assert_int_equal(decoded_op(), INSN_STORE);
	world_map(0x4000, 0x4000, 0);
	assert_int_equal(decoded_op(), INSN_NONE);
	assert_int_equal(w->v.fault.vector, VEC_PF);
	world_map(0x4000, 0x4000, BIT(63) | 1);
	assert_int_equal(decoded_op(), INSN_NONE);
	assert_int_equal(w->v.fault.code, 17);
}

/* Rights are the processor's to judge, as it fetched the instruction: they are looked at when there is no entry. */
static void cache_knows_mode(void **state)
{
	world_code(0x4000, "\x48\x89\x03", 3, VMEXIT_MMIO);	/* 32-bit: dec %eax; 64-bit: mov %rax, (%rbx) */
	assert_int_equal(decoded_op(), INSN_STORE);
	w->s.seg[SEG_CS].attr = 0xc09b;
	assert_int_equal(decoded_op(), INSN_NONE);
	w->s.seg[SEG_CS].attr = 0xa09b;
	w->s.seg[SEG_SS].attr |= 0x60;				/* CPL 3 on a supervisor page */
	decode_cache_reset(&w->v);
	assert_int_equal(decoded_op(), INSN_NONE);
	assert_int_equal(w->v.fault.code, 21);
	w->s.seg[SEG_SS].attr &= ~0x60u;
	assert_int_equal(decoded_op(), INSN_STORE);
	w->v.exit.kind = VMEXIT_CPUID;				/* the same place, another question */
	assert_int_equal(decoded_op(), INSN_NONE);
}

static void cache_knows_address_space(void **state)
{
	world_code(0x4000, "\x89\x03", 2, VMEXIT_MMIO);
	memcpy(w->g.ram + 0x6000, "\x8b\x03", 2);
	assert_int_equal(decoded_op(), INSN_STORE);
	memcpy(w->g.ram + 0x800000, w->g.ram + ROOT_GPA, PAGE_SIZE);
	w->s.cr3 = 0x800000;			/* another root, the same tables below it */
	assert_int_equal(decoded_op(), INSN_STORE);
	world_map(0x4000, 0x6000, 1);
	w->s.cr3 = ROOT_GPA;
	assert_int_equal(decoded_op(), INSN_LOAD);
	*(u64 *)(w->g.ram + ROOT_GPA) = 0;	/* the first step of four */
	assert_int_equal(decoded_op(), INSN_NONE);
}

/* 32-bit paging: entries of 4 bytes, the last one of a table, and its neighbour's changes. */
static void cache_with_narrow_tables(void **state)
{
	u32 *directory = (u32 *)(w->g.ram + 0x800000), *table = (u32 *)(w->g.ram + 0x801000);

	w->s.efer = 0;
	w->s.cr4 = 0;
	w->s.cr3 = 0x800000;
	w->s.seg[SEG_CS].attr = 0xc09b;
	directory[1] = 0x801000 | 1;
	table[1023] = 0x4000 | 1;
	table[1022] = 0x6000 | 1;
	memcpy(w->g.ram + 0x4000, "\x89\x03", 2);
	memcpy(w->g.ram + 0x6000, "\x8b\x03", 2);
	w->v.exit = (struct vmexit){ .kind = VMEXIT_MMIO, .rip = 0x7ff000 };
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(decoded_op(), INSN_STORE);
	table[1022] |= 0x20;
	assert_int_equal(decoded_op(), INSN_STORE);
	table[1023] = 0x6000 | 1;
	assert_int_equal(decoded_op(), INSN_LOAD);
	w->s.cr0 &= ~CR0_PG;			/* linear is physical: there is nothing */
	memset(w->g.ram + 0x7ff000, 0xf4, 16);
	assert_int_equal(decoded_op(), INSN_NONE);
	memcpy(w->g.ram + 0x7ff000, "\x01\x03", 2);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(decoded_op(), INSN_ADD);
	w->s.seg[SEG_CS].base = 0x1000;
	w->v.exit.rip -= 0x1000;
	assert_int_equal(decoded_op(), INSN_ADD);
	w->v.exit.rip += 0x1000;
	memset(w->g.ram + 0x800000, 0xf4, 16);
	assert_int_equal(decoded_op(), INSN_NONE);
}

static void cache_with_five_levels(void **state)
{
	u64 *top = (u64 *)(w->g.ram + 0x800000);

	world_code(0x4000, "\x89\x03", 2, VMEXIT_MMIO);
	w->s.cr4 |= CR4_LA57;
	w->s.cr3 = 0x800000;
	top[0] = ROOT_GPA | 3;
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(decoded_op(), INSN_STORE);
	top[0] = 0;
	assert_int_equal(decoded_op(), INSN_NONE);
	assert_int_equal(w->v.fault.vector, VEC_PF);
	top[0] = ROOT_GPA | 3;
	assert_int_equal(decoded_op(), INSN_STORE);
	w->s.cr4 &= ~CR4_LA57;			/* the same tables mean something else */
	w->s.cr3 = ROOT_GPA;
	assert_int_equal(decoded_op(), INSN_STORE);
	*world_pte(0x4000) = 0;
	assert_int_equal(decoded_op(), INSN_NONE);
}

/* At the end of a page and of RAM: nothing behind is read, a second page is found. */
static void cache_at_page_ends(void **state)
{
	world_code(0x4ffe, "\x89\x03", 2, VMEXIT_MMIO);
	world_map(0x5000, 0, 0);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(decoded_op(), INSN_STORE);
	world_code(0x4fff, "\x89", 1, VMEXIT_MMIO);
	assert_int_equal(decoded_op(), INSN_NONE);
	world_map(0x5000, 0x9000, 1);
	w->g.ram[0x9000] = 0x03;
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(decoded_op(), INSN_STORE);
	world_code(RAM_LOW - 2, "\x89\x03", 2, VMEXIT_MMIO);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(decoded_op(), INSN_STORE);
	for (u32 left = 2; left < 20; left++) {
		world_code(RAM_LOW - left, "\x89\x03", 2, VMEXIT_MMIO);
		assert_int_equal(decoded_op(), INSN_STORE);
		w->g.ram[RAM_LOW - left - 1] ^= 0xff;		/* in front of it: does not matter */
		assert_int_equal(decoded_op(), INSN_STORE);
		w->g.ram[RAM_LOW - left + 1] = 0x04;		/* ModR/M: a SIB byte follows */
		assert_int_equal(decoded_op(), left > 2 ? INSN_STORE : INSN_NONE);
		w->g.ram[RAM_LOW - left] = 0x8b;
		assert_int_equal(decoded_op(), left > 2 ? INSN_LOAD : INSN_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fast_agrees_with_library, setup),
		cmocka_unit_test_setup(short_input, setup),
		cmocka_unit_test_setup(exit_lengths, setup),
		cmocka_unit_test_setup(exit_lengths_agree_with_library, setup),
		cmocka_unit_test_setup(control_register_details, setup),
		cmocka_unit_test_setup(cache_sees_rewritten_code, setup),
		cmocka_unit_test_setup(cache_sees_rewritten_tables, setup),
		cmocka_unit_test_setup(cache_knows_mode, setup),
		cmocka_unit_test_setup(cache_knows_address_space, setup),
		cmocka_unit_test_setup(cache_with_narrow_tables, setup),
		cmocka_unit_test_setup(cache_with_five_levels, setup),
		cmocka_unit_test_setup(cache_at_page_ends, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
