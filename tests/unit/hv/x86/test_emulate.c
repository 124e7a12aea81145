/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/emulate.c hv/x86/emulate_string.c hv/x86/alu.c hv/x86/decode.c hv/x86/decode_fast.c hv/x86/decode_zydis.c hv/x86/operand.c hv/x86/gmem.c hv/x86/walk.c hv/lib/format.c tests/unit/hv/x86/x86_support.c zydis */
/* Instructions on device memory against the same instruction run by the processor that runs this test. */
#include "x86_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>

#include "alu.h"

/* --- Running one instruction natively: registers in and out, RSP stays the test's --- */

struct native {
	u64 gpr[16];
	u64 rflags;
	u64 saved_rsp;
	void *code;
};
struct native native_regs;
void native_run(void);
void native_back(void);

__asm__(
	".text\n"
	"native_run:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	pushq native_regs+128(%rip); popfq\n"
	"	mov native_regs+0(%rip),%rax; mov native_regs+8(%rip),%rcx\n"
	"	mov native_regs+16(%rip),%rdx; mov native_regs+24(%rip),%rbx\n"
	"	mov native_regs+40(%rip),%rbp; mov native_regs+48(%rip),%rsi; mov native_regs+56(%rip),%rdi\n"
	"	mov native_regs+64(%rip),%r8; mov native_regs+72(%rip),%r9; mov native_regs+80(%rip),%r10\n"
	"	mov native_regs+88(%rip),%r11; mov native_regs+96(%rip),%r12; mov native_regs+104(%rip),%r13\n"
	"	mov native_regs+112(%rip),%r14; mov native_regs+120(%rip),%r15\n"
	"	jmp *native_regs+144(%rip)\n"
	"native_back:\n"
	"	mov %rax,native_regs+0(%rip); mov %rcx,native_regs+8(%rip)\n"
	"	mov %rdx,native_regs+16(%rip); mov %rbx,native_regs+24(%rip)\n"
	"	mov %rbp,native_regs+40(%rip); mov %rsi,native_regs+48(%rip); mov %rdi,native_regs+56(%rip)\n"
	"	mov %r8,native_regs+64(%rip); mov %r9,native_regs+72(%rip); mov %r10,native_regs+80(%rip)\n"
	"	mov %r11,native_regs+88(%rip); mov %r12,native_regs+96(%rip); mov %r13,native_regs+104(%rip)\n"
	"	mov %r14,native_regs+112(%rip); mov %r15,native_regs+120(%rip)\n"
	"	pushfq; popq native_regs+128(%rip)\n"
	"	cld\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n");

static u8 *code_page, *data_page;

static int setup_all(void **state)
{
	code_page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* Below 2 GiB, so that 32-bit addresses reach it too. */
	data_page = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	return code_page == MAP_FAILED || data_page == MAP_FAILED;
}

static int setup(void **state)
{
	world_reset();
	return 0;
}

static void native_insn(const u8 *insn, u32 len)
{
	static const u8 jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
	void *back = (void *)native_back;

	memcpy(code_page, insn, len);
	memcpy(code_page + len, jump, 6);
	memcpy(code_page + len + 6, &back, 8);
	native_regs.code = code_page;
	native_run();
}

/* One instruction of the grammar that the emulator promises. */
struct shape {
	u8 bytes[2];
	u8 n;
	u8 imm;			/* immediate: 0 none, 1 a byte, 4 by operand size, 9 by the low opcode bit */
	s8 ext;			/* ModR/M reg field, -1: a register */
	u8 min_size;		/* operand size must be at least this */
	bool only_w;		/* with REX.W only */
};
#define R(op) { { op }, 1, 0, -1, 0, false }
#define R2(op) { { 0x0f, op }, 2, 0, -1, 0, false }
#define X(op, ext, imm) { { op }, 1, imm, ext, 0, false }
#define X2(op, ext, imm) { { 0x0f, op }, 2, imm, ext, 0, false }
#define ALU(o) R((o) << 3), R((o) << 3 | 1), R((o) << 3 | 2), R((o) << 3 | 3), \
	X(0x80, o, 1), X(0x81, o, 4), X(0x83, o, 1)

static const struct shape shapes[] = {
	R(0x88), R(0x89), R(0x8a), R(0x8b), X(0xc6, 0, 1), X(0xc7, 0, 4),
	R2(0xb6), R2(0xb7), R2(0xbe), R2(0xbf), { { 0x63 }, 1, 0, -1, 8, true }, { { 0x0f, 0xc3 }, 2, 0, -1, 4, false },
	ALU(0), ALU(1), ALU(2), ALU(3), ALU(4), ALU(5), ALU(6), ALU(7),
	R(0x84), R(0x85), X(0xf6, 0, 1), X(0xf7, 0, 4), X(0xf6, 2, 0), X(0xf7, 2, 0), X(0xf6, 3, 0), X(0xf7, 3, 0),
	X(0xfe, 0, 0), X(0xfe, 1, 0), X(0xff, 0, 0), X(0xff, 1, 0), R(0x86), R(0x87),
	R2(0xb0), R2(0xb1), R2(0xc0), R2(0xc1), X2(0xba, 4, 1), X2(0xba, 5, 1), X2(0xba, 6, 1), X2(0xba, 7, 1),
};

struct built {
	u8 bytes[16];
	u32 len;
	u64 gpr[16];
	u32 off;		/* of the operand in its page */
};

/* Registers other than RSP, as base also not R12 and RBP kinds that change the encoding. */
static u8 pick_base(void)
{
	static const u8 bases[] = { RAX, RCX, RDX, RBX, RBP, RSI, RDI, R8, R9, R10, R11, R13, R14, R15 };

	return bases[rnd() % sizeof(bases)];
}

static void put(struct built *b, u64 val, u32 size)
{
	memcpy(b->bytes + b->len, &val, size);
	b->len += size;
}

static void build(struct built *b, const struct shape *t)
{
	bool opsize = rnd() % 4 == 0, rexw = rnd() % 3 == 0, sib = rnd() % 3 == 0, addr32 = rnd() % 8 == 0;
	u8 base = pick_base(), index = pick_base(), scale = (u8)(rnd() % 4), reg, mod = 1 + (u8)(rnd() % 2);
	bool byte_op = t->n == 1 ? !(t->bytes[0] & 1) && t->bytes[0] != 0x63 : false;
	s32 disp = mod == 1 ? (s8)rnd() : (s32)(rnd() % 65536) - 32768;
	u32 size;

	do
		reg = t->ext >= 0 ? (u8)t->ext : (u8)(rnd() % 16);
	while (reg == RSP && t->ext < 0);
	while (index == base)
		index = pick_base();
	if (t->only_w)
		rexw = true;
	if (t->min_size >= 4)
		opsize = false;
	size = rexw ? 8 : opsize ? 2 : 4;
	b->len = 0;
	b->off = 16 + (u32)(rnd() % 4000);
	for (u32 i = 0; i < 16; i++)
		b->gpr[i] = rnd() % 4 ? rnd() : rnd() & 1 ? ~0ul : 0;
	if (sib) {
		b->gpr[index] = rnd() % 64;
		b->gpr[base] = (u64)data_page + b->off - (u64)(s64)disp - (b->gpr[index] << scale);
	} else {
		b->gpr[base] = (u64)data_page + b->off - (u64)(s64)disp;
	}
	if (addr32)
		b->gpr[base] = (u32)b->gpr[base] | (sib ? 0 : rnd() << 32);
	if (addr32)
		put(b, 0x67, 1);
	if (opsize)
		put(b, 0x66, 1);
	if (rexw || base >= 8 || (sib && index >= 8) || (t->ext < 0 && reg >= 8) || rnd() % 4 == 0)
		put(b, 0x40 | (rexw ? 8 : 0) | (t->ext < 0 && reg >= 8 ? 4 : 0) | (sib && index >= 8 ? 2 : 0) |
			(base >= 8 ? 1 : 0), 1);
	memcpy(b->bytes + b->len, t->bytes, t->n);
	b->len += t->n;
	put(b, mod << 6 | (reg & 7) << 3 | (sib ? 4 : base & 7), 1);
	if (sib)
		put(b, (u64)(scale << 6 | (index & 7) << 3 | (base & 7)), 1);
	put(b, (u32)disp, mod == 1 ? 1 : 4);
	if (t->imm)
		put(b, rnd(), t->imm == 1 || byte_op ? 1 : size == 2 ? 2 : 4);
}

/* Flags that the manual leaves undefined for this instruction. */
static u64 undefined_flags(const struct shape *t)
{
	u8 op = t->bytes[t->n - 1];
	u32 group = t->n == 1 && op >= 0x80 && op <= 0x83 ? (u32)t->ext : t->n == 1 && op < 0x40 ? op >> 3 : 8;

	if (t->n == 2 && op == 0xba)
		return FLAGS_STATUS & ~(RFLAGS_CF | RFLAGS_ZF);
	if (group == 1 || group == 4 || group == 6 || (t->n == 1 && (op == 0x84 || op == 0x85)) ||
	    (t->n == 1 && (op == 0xf6 || op == 0xf7) && t->ext == 0))
		return RFLAGS_AF;
	return 0;
}

static void explain(const struct built *b)
{
	print_message("bytes");
	for (u32 i = 0; i < b->len; i++)
		print_message(" %02x", b->bytes[i]);
	print_message("\n");
}

static void compare_one(const struct shape *t)
{
	u64 flags = (rnd() & FLAGS_STATUS) | RFLAGS_FIXED, mask = FLAGS_STATUS & ~undefined_flags(t);
	struct built b;

	build(&b, t);
	for (u32 i = 0; i < 32; i++)
		data_page[b.off - 16 + i] = rnd() % 4 ? (u8)rnd() : 0;
	if (rnd() % 4 == 0)
		memcpy(data_page + b.off, &b.gpr[RAX], 8);	/* so that CMPXCHG is often equal */
	memcpy(w->device, data_page, PAGE_SIZE);

	memcpy(native_regs.gpr, b.gpr, sizeof(b.gpr));
	native_regs.rflags = flags;
	native_insn(b.bytes, b.len);

	memcpy(w->v.gpr, b.gpr, sizeof(b.gpr));
	w->s.rflags = flags;
	world_code(0x4000 + rnd() % 4096, b.bytes, b.len, VMEXIT_MMIO);
	w->v.exit.mmio.gpa = GPA(DEVICE_GPA + b.off);
	if (emulate_mmio(&w->v) != NEXT || w->v.exit.len != b.len) {
		explain(&b);
		fail_msg("verdict or length %u instead of %u: %s", w->v.exit.len, b.len, w->reason);
	}
	for (u32 i = 0; i < 16; i++)
		if (i != RSP && w->v.gpr[i] != native_regs.gpr[i]) {
			explain(&b);
			assert_int_equal(w->v.gpr[i], native_regs.gpr[i]);
		}
	if (((w->s.rflags ^ native_regs.rflags) & mask) || memcmp(w->device, data_page, PAGE_SIZE) != 0) {
		explain(&b);
		assert_int_equal(w->s.rflags & mask, native_regs.rflags & mask);
		assert_memory_equal(w->device, data_page, PAGE_SIZE);
	}
}

static void same_as_processor(void **state)
{
	for (u32 round = 0; round < 1500; round++)
		for (u32 i = 0; i < ARRAY_COUNT(shapes); i++)
			compare_one(&shapes[i]);
}

/* --- Single cases --- */

static enum verdict emulate(const char *code, u32 len, u64 gpa)
{
	world_code(0x4000, code, len, VMEXIT_MMIO);
	w->v.exit.mmio.gpa = GPA(gpa);
	return emulate_mmio(&w->v);
}

static void moves_touch_once(void **state)
{
	assert_int_equal(emulate("\x89\x03", 2, DEVICE_GPA + 0x80), NEXT);
	assert_int_equal(w->device_writes, 1);
	assert_int_equal(w->device_reads, 0);
	assert_int_equal(w->last_size, 4);
	w->v.gpr[RAX] = ~0ul;
	assert_int_equal(emulate("\x8b\x03", 2, 0xe0000000), NEXT);	/* nobody there: ones, zero-extended */
	assert_int_equal(w->v.gpr[RAX], 0xffffffff);
	assert_int_equal(w->unclaimed, 1);
	w->device[9] = 0x80;
	assert_int_equal(emulate("\xa0\x09\x00\x00\xd0\x00\x00\x00\x00", 9, DEVICE_GPA + 9), NEXT);	/* movabs, %al */
	assert_int_equal(w->v.gpr[RAX], 0xffffff80);
}

static void page_end(void **state)
{
	w->v.gpr[RBX] = DEVICE_GPA + 0xffe;
	assert_int_equal(emulate("\x89\x03", 2, DEVICE_GPA + 0xffe), KILL);
	assert_string_equal(w->killed, "GUEST-EMULATE");
	assert_non_null(strstr(w->reason, "89 03"));
	/* The first half was RAM, hardware names the second page. */
	assert_int_equal(emulate("\x89\x03", 2, DEVICE_GPA + 0x1000), KILL);
	w->v.gpr[RBX] = DEVICE_GPA + 0x1000;
	assert_int_equal(emulate("\x89\x03", 2, DEVICE_GPA + 0x1000), NEXT);
	w->v.gpr[RBX] = DEVICE_GPA + 0xfff;
	assert_int_equal(emulate("\x88\x03", 2, DEVICE_GPA + 0xfff), NEXT);
}

static void refused_instructions(void **state)
{
	static const struct { const char *b; u8 n; } bad[] = {
		{ "\x0f\x11\x03", 3 },			/* movups */
		{ "\xff\x33", 2 },			/* push */
		{ "\x0f\xc7\x0b", 3 },			/* cmpxchg8b */
		{ "\x8c\x1b", 2 }, { "\x8e\x1b", 2 },	/* segment registers */
		{ "\xd1\x23", 2 },			/* shl */
		{ "\x0f\xab\x03", 3 },			/* bts by register reaches other addresses */
		{ "\x0f\x0b", 2 }, { "\xc3", 1 }, { "\xa6", 1 },
		{ "\x6c", 1 }, { "\x6e", 1 },		/* ports exit as such, before memory is touched */
	};

	for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
		assert_int_equal(emulate(bad[i].b, bad[i].n, DEVICE_GPA + 0x10), KILL);
		assert_string_equal(w->killed, "GUEST-EMULATE");
	}
	assert_int_equal(w->device_writes, 0);
}

static void code_that_vanished(void **state)
{
	world_code(0x4000, "\x89\x03", 2, VMEXIT_MMIO);
	world_map(0x4000, 0, 0);
	w->v.exit.mmio.gpa = GPA(DEVICE_GPA);
	assert_int_equal(emulate_mmio(&w->v), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_PF);
	assert_int_equal(w->v.fault.cr2, 0x4000);
}

/* --- Strings --- */

#define DEV_VA 0x40000000ul

static int setup_strings(void **state)
{
	world_reset();
	world_map(DEV_VA, DEVICE_GPA, 3);
	world_map(DEV_VA + PAGE_SIZE, DEVICE_GPA + PAGE_SIZE, 3);
	return 0;
}

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
		cmocka_unit_test_setup(same_as_processor, setup),
		cmocka_unit_test_setup(moves_touch_once, setup),
		cmocka_unit_test_setup(page_end, setup),
		cmocka_unit_test_setup(refused_instructions, setup),
		cmocka_unit_test_setup(code_that_vanished, setup),
		cmocka_unit_test_setup(rep_stos_to_device, setup_strings),
		cmocka_unit_test_setup(movs_both_directions, setup_strings),
		cmocka_unit_test_setup(movs_fault_leaves_progress, setup_strings),
		cmocka_unit_test_setup(lods_and_short_addresses, setup_strings),
		cmocka_unit_test_setup(outs_and_ins, setup_strings),
		cmocka_unit_test_setup(segments_are_obeyed, setup_strings),
	};

	return cmocka_run_group_tests(tests, setup_all, NULL);
}
