/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/emulate.c hv/x86/emulate_string.c hv/x86/emulate_stack.c hv/x86/emulate_vector.c hv/x86/alu.c hv/x86/decode.c hv/x86/decode_fast.c hv/x86/decode_zydis.c hv/x86/operand.c hv/x86/gmem.c hv/core/bus.c hv/x86/walk.c hv/lib/format.c tests/unit/hv/x86/x86_support.c zydis */
/* Instructions on device memory against the same instruction run by the processor that runs this test. */
#include "emulate_cases.h"

#include <cpuid.h>
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
	data_page = mmap(NULL, 2 * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	return code_page == MAP_FAILED || data_page == MAP_FAILED;
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
	u8 bytes[3];
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
#define CONDITION(n) R2(0x40 + (n)), X2(0x90 + (n), (n) & 7, 0)
#define ALU(o) R((o) << 3), R((o) << 3 | 1), R((o) << 3 | 2), R((o) << 3 | 3), \
	X(0x80, o, 1), X(0x81, o, 4), X(0x83, o, 1)

static const struct shape shapes[] = {
	R(0x88), R(0x89), R(0x8a), R(0x8b), X(0xc6, 0, 1), X(0xc7, 0, 4),
	R2(0xb6), R2(0xb7), R2(0xbe), R2(0xbf), { { 0x63 }, 1, 0, -1, 8, true }, { { 0x0f, 0xc3 }, 2, 0, -1, 4, false },
	ALU(0), ALU(1), ALU(2), ALU(3), ALU(4), ALU(5), ALU(6), ALU(7),
	R(0x84), R(0x85), X(0xf6, 0, 1), X(0xf7, 0, 4), X(0xf6, 2, 0), X(0xf7, 2, 0), X(0xf6, 3, 0), X(0xf7, 3, 0),
	X(0xfe, 0, 0), X(0xfe, 1, 0), X(0xff, 0, 0), X(0xff, 1, 0), R(0x86), R(0x87),
	X(0xc0, 0, 1), X(0xc0, 1, 1), X(0xc0, 2, 1), X(0xc0, 3, 1), X(0xc0, 4, 1), X(0xc0, 5, 1), X(0xc0, 7, 1),
	X(0xc1, 0, 1), X(0xc1, 1, 1), X(0xc1, 2, 1), X(0xc1, 3, 1), X(0xc1, 4, 1), X(0xc1, 5, 1), X(0xc1, 7, 1),
	X(0xd0, 0, 0), X(0xd0, 1, 0), X(0xd0, 2, 0), X(0xd0, 3, 0), X(0xd0, 4, 0), X(0xd0, 5, 0), X(0xd0, 7, 0),
	X(0xd1, 0, 0), X(0xd1, 1, 0), X(0xd1, 2, 0), X(0xd1, 3, 0), X(0xd1, 4, 0), X(0xd1, 5, 0), X(0xd1, 7, 0),
	X(0xd2, 0, 0), X(0xd2, 1, 0), X(0xd2, 2, 0), X(0xd2, 3, 0), X(0xd2, 4, 0), X(0xd2, 5, 0), X(0xd2, 7, 0),
	X(0xd3, 0, 0), X(0xd3, 1, 0), X(0xd3, 2, 0), X(0xd3, 3, 0), X(0xd3, 4, 0), X(0xd3, 5, 0), X(0xd3, 7, 0),
	CONDITION(0), CONDITION(1), CONDITION(2), CONDITION(3), CONDITION(4), CONDITION(5), CONDITION(6), CONDITION(7),
	CONDITION(8), CONDITION(9), CONDITION(10), CONDITION(11), CONDITION(12), CONDITION(13), CONDITION(14), CONDITION(15),
	X2(0xc7, 1, 0), { { 0x0f, 0x38, 0xf0 }, 3, 0, -1, 0, false }, { { 0x0f, 0x38, 0xf1 }, 3, 0, -1, 0, false },
	R2(0xa3), R2(0xab), R2(0xb3), R2(0xbb), R2(0xb0), R2(0xb1), R2(0xc0), R2(0xc1), X2(0xba, 4, 1), X2(0xba, 5, 1), X2(0xba, 6, 1), X2(0xba, 7, 1),
};

struct built {
	u8 bytes[16];
	u32 len;
	u64 gpr[16];
	u32 off;		/* of the operand in its two pages */
	u32 size;		/* its bytes in memory */
};

static bool counts_bits(const struct shape *t)
{
	return t->n == 2 && t->ext < 0 && (t->bytes[1] & 0xe7) == 0xa3;
}

static bool is_pair(const struct shape *t)
{
	return t->n == 2 && t->bytes[1] == 0xc7;
}

static bool is_shift(const struct shape *t)
{
	return t->n == 1 && ((t->bytes[0] & 0xfe) == 0xc0 || (t->bytes[0] & 0xfc) == 0xd0);
}

static u32 bytes_in_memory(const struct shape *t, u32 size)
{
	u8 op = t->bytes[t->n - 1];

	if (t->n == 3)
		return size;
	if (is_pair(t))
		return size == 8 ? 16 : 8;
	if (t->n == 2 && (op & 0xf0) == 0x90)
		return 1;
	if (t->n == 1)
		return op == 0x63 ? 4 : op & 1 ? size : 1;
	if ((op & 0xf7) == 0xb7)
		return 2;
	return (op & 0xf7) == 0xb6 || op == 0xb0 || op == 0xc0 ? 1 : size;
}

/* A bit number in a register: in its low size bytes a small signed one, above them anything. Moves the operand. */
static u64 pick_bit(struct built *b, u32 size)
{
	s64 bit = (s64)(rnd() % 512) - 256;

	b->off += (u32)((s32)(bit >> __builtin_ctz(8 * size)) * (s32)size);
	return size == 8 ? (u64)bit : ((u64)bit & (BIT(8 * size) - 1)) | rnd() << 8 * size;
}

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
	while (t->ext < 0 && (reg == RSP || (counts_bits(t) && reg == base)));
	while (index == base || (counts_bits(t) && index == reg))
		index = pick_base();
	if (t->only_w)
		rexw = true;
	if (t->min_size >= 4)
		opsize = false;
	size = rexw ? 8 : opsize ? 2 : 4;
	b->len = 0;
	b->size = bytes_in_memory(t, size);
	b->off = rnd() % 3 ? 64 + (u32)(rnd() % 8000) : (u32)PAGE_SIZE - 9 + (u32)(rnd() % 12);
	if (is_pair(t) && rexw)
		b->off &= ~15u;		/* else #GP */
	for (u32 i = 0; i < 16; i++)
		b->gpr[i] = rnd() % 4 ? rnd() : rnd() & 1 ? ~0ul : 0;
	if (sib) {
		b->gpr[index] = rnd() % 64;
		b->gpr[base] = (u64)data_page + b->off - (u64)(s64)disp - (b->gpr[index] << scale);
	} else {
		b->gpr[base] = (u64)data_page + b->off - (u64)(s64)disp;
	}
	if (counts_bits(t))
		b->gpr[reg] = pick_bit(b, size);
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
static u64 undefined_by_shift(const struct shape *t, const struct built *b)
{
	u8 op = t->bytes[0];
	u32 count = (op & 0xfe) == 0xc0 ? b->bytes[b->len - 1] : op & 2 ? (u32)b->gpr[RCX] : 1;

	count &= b->size == 8 ? 63 : 31;
	if (!count)
		return 0;
	return (t->ext >= 4 ? RFLAGS_AF : 0) | (count > 1 ? RFLAGS_OF : 0) |
		(t->ext >= 4 && t->ext < 7 && count >= 8 * b->size ? RFLAGS_CF : 0);
}

static u64 undefined_flags(const struct shape *t, const struct built *b)
{
	u8 op = t->bytes[t->n - 1];
	u32 group;

	if (is_shift(t))
		return undefined_by_shift(t, b);
	group = t->n == 1 && op >= 0x80 && op <= 0x83 ? (u32)t->ext : t->n == 1 && op < 0x40 ? op >> 3 : 8;

	if ((t->n == 2 && op == 0xba) || counts_bits(t))
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

/* What lies in the two pages of the operand, here and there: a device, or RAM beside one. */
#define RAM_GPA 0xa00000ul

static void place_operand(const struct built *b, bool ram[2])
{
	u32 first = b->off / PAGE_SIZE, last = (b->off + b->size - 1) / PAGE_SIZE;
	u64 gpa[2];

	ram[0] = ram[1] = false;
	if (first != last && rnd() % 3)
		ram[rnd() & 1] = true;
	for (u32 n = 0; n < 2; n++) {
		gpa[n] = (ram[n] ? RAM_GPA : DEVICE_GPA) + n * PAGE_SIZE;
		world_map((u64)data_page + n * PAGE_SIZE, gpa[n], 3);
		memcpy(ram[n] ? w->g.ram + gpa[n] : w->device + n * PAGE_SIZE, data_page + n * PAGE_SIZE, PAGE_SIZE);
	}
	/* Hardware may name either page of two. */
	if (ram[first] || (first != last && !ram[last] && rnd() & 1))
		w->v.exit.mmio.gpa = GPA(gpa[last]);
	else
		w->v.exit.mmio.gpa = GPA(gpa[first] + b->off % PAGE_SIZE);
}

static bool memory_same(const bool ram[2])
{
	for (u32 n = 0; n < 2; n++)
		if (memcmp(ram[n] ? w->g.ram + RAM_GPA + n * PAGE_SIZE : w->device + n * PAGE_SIZE, data_page + n * PAGE_SIZE,
			   PAGE_SIZE) != 0)
			return false;
	return true;
}

static void compare_one(const struct shape *t)
{
	u64 flags = (rnd() & FLAGS_STATUS) | RFLAGS_FIXED, mask;
	struct built b;
	bool ram[2];

	build(&b, t);
	mask = FLAGS_STATUS & ~undefined_flags(t, &b);
	for (u32 i = 0; i < 32; i++)
		data_page[b.off - 16 + i] = rnd() % 4 ? (u8)rnd() : 0;
	if (rnd() % 4 == 0)
		memcpy(data_page + b.off, &b.gpr[RAX], 8);	/* so that CMPXCHG is often equal */
	if (is_pair(t) && rnd() % 2) {
		memcpy(data_page + b.off, &b.gpr[RAX], b.size / 2);
		memcpy(data_page + b.off + b.size / 2, &b.gpr[RDX], b.size / 2);
	}

	memcpy(w->v.gpr, b.gpr, sizeof(b.gpr));
	w->s.rflags = flags;
	world_code(0x4000 + rnd() % 4096, b.bytes, b.len, VMEXIT_MMIO);
	place_operand(&b, ram);

	memcpy(native_regs.gpr, b.gpr, sizeof(b.gpr));
	native_regs.rflags = flags;
	native_insn(b.bytes, b.len);

	if (emulate_mmio(&w->v) != NEXT || w->v.exit.len != b.len) {
		explain(&b);
		fail_msg("verdict or length %u instead of %u: %s", w->v.exit.len, b.len, w->reason);
	}
	for (u32 i = 0; i < 16; i++)
		if (i != RSP && w->v.gpr[i] != native_regs.gpr[i]) {
			explain(&b);
			assert_int_equal(w->v.gpr[i], native_regs.gpr[i]);
		}
	if (((w->s.rflags ^ native_regs.rflags) & mask) || !memory_same(ram)) {
		explain(&b);
		assert_int_equal(w->s.rflags & mask, native_regs.rflags & mask);
		fail_msg("memory differs, operand at %#x, %u bytes", b.off, b.size);
	}
}

static void same_as_processor(void **state)
{
	u32 a, b, c, d;
	bool movbe = __get_cpuid(1, &a, &b, &c, &d) && c & BIT32(22);

	for (u32 round = 0; round < 1000; round++)
		for (u32 i = 0; i < ARRAY_COUNT(shapes); i++)
			if (shapes[i].n < 3 || movbe)
				compare_one(&shapes[i]);
}

/* String instructions with all prefixes, sizes and directions, between RAM and devices, until they have ended. */
static void compare_string(void)
{
	static const u8 op[] = { 0xa4, 0xa6, 0xaa, 0xac, 0xae };
	static const u8 prefix[] = { 0, 0xf2, 0xf3 };
	u8 code[4], kind = op[rnd() % sizeof(op)], rep = prefix[rnd() % 3];
	u64 flags = (rnd() & FLAGS_STATUS) | (rnd() & RFLAGS_DF) | RFLAGS_FIXED;
	struct built b = { .off = 0, .size = 2 * PAGE_SIZE };
	u32 n = 0, rounds = 0;
	bool ram[2];

	for (u32 i = 0; i < 2 * PAGE_SIZE; i++)
		data_page[i] = rnd() % 32 ? 0x55 : (u8)rnd();
	for (u32 i = 0; i < 16; i++)
		b.gpr[i] = rnd() % 2 ? rnd() : 0x5555555555555555;
	b.gpr[RCX] = rnd() % 200;
	b.gpr[RSI] = (u64)data_page + PAGE_SIZE - 1600 + rnd() % 3200;
	b.gpr[RDI] = (u64)data_page + PAGE_SIZE - 1600 + rnd() % 3200;
	if (rep)
		code[n++] = rep;
	if (rnd() % 3 == 0)
		code[n++] = 0x66;
	if (rnd() % 3 == 0)
		code[n++] = 0x48;
	code[n++] = kind | (rnd() & 1);
	memcpy(b.bytes, code, n);
	b.len = n;
	memcpy(w->v.gpr, b.gpr, sizeof(b.gpr));
	w->s.rflags = flags;
	world_code(0x4000 + rnd() % 4096, code, n, VMEXIT_MMIO);
	place_operand(&b, ram);
	memcpy(native_regs.gpr, b.gpr, sizeof(b.gpr));
	native_regs.rflags = flags;
	native_insn(code, n);
	for (; emulate_mmio(&w->v) == AGAIN; rounds++)
		assert_true(rounds < 4);
	if (memcmp(w->v.gpr, native_regs.gpr, 4 * 8) || w->v.gpr[RSI] != native_regs.gpr[RSI] ||
	    w->v.gpr[RDI] != native_regs.gpr[RDI] || ((w->s.rflags ^ native_regs.rflags) & FLAGS_STATUS) || !memory_same(ram)) {
		explain(&b);
		fail_msg("a string instruction differs: %#lx %#lx", w->s.rflags, native_regs.rflags);
	}
}

static void strings_as_processor(void **state)
{
	for (u32 round = 0; round < 6000; round++)
		compare_string();
}

/* --- Single cases --- */

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

/* One access a byte, in both pages; the guest's tables tell where the second one is. */
static void page_end(void **state)
{
	world_map(DEV_VA, DEVICE_GPA + PAGE_SIZE, 3);
	world_map(DEV_VA + PAGE_SIZE, DEVICE_GPA, 3);
	w->v.gpr[RBX] = DEV_VA + 0xffe;
	w->v.gpr[RAX] = 0x44332211;
	assert_int_equal(emulate("\x89\x03", 2, DEVICE_GPA + 0x1ffe), NEXT);
	assert_memory_equal(w->device + 0x1ffe, "\x11\x22", 2);
	assert_memory_equal(w->device, "\x33\x44", 2);
	assert_int_equal(w->device_writes, 4);
	assert_int_equal(w->biggest, 1);
	assert_int_equal(*world_pte(DEV_VA) & 0x60, 0x60);
	assert_int_equal(*world_pte(DEV_VA + PAGE_SIZE) & 0x60, 0x60);
	/* Up to the end, and from the begin: one access. */
	w->device_writes = 0;
	w->v.gpr[RBX] = DEV_VA + 0xffc;
	assert_int_equal(emulate("\x89\x03", 2, DEVICE_GPA + 0x1ffc), NEXT);
	w->v.gpr[RBX] = DEV_VA + 0x1000;
	assert_int_equal(emulate("\x89\x03", 2, DEVICE_GPA), NEXT);
	w->v.gpr[RBX] = DEV_VA + 0xfff;
	assert_int_equal(emulate("\x88\x03", 2, DEVICE_GPA + 0x1fff), NEXT);
	assert_int_equal(w->device_writes, 3);
}

/* The last bytes of RAM and what nobody has. */
static void end_of_ram(void **state)
{
	world_map(RAM_LOW, RAM_LOW, 3);
	memcpy(w->g.ram + RAM_LOW - 4, "\1\2\3\4", 4);
	w->v.gpr[RBX] = RAM_LOW - 4;
	assert_int_equal(emulate("\x48\x8b\x03", 3, RAM_LOW), NEXT);
	assert_int_equal(w->v.gpr[RAX], 0xffffffff04030201);
	assert_int_equal(w->unclaimed, 4);
	w->v.gpr[RAX] = 0xa1a2a3a4a5a6a7a8;
	assert_int_equal(emulate("\x48\x01\x03", 3, RAM_LOW), NEXT);		/* add %rax, (%rbx) */
	assert_memory_equal(w->g.ram + RAM_LOW - 4, "\xa9\xa9\xa9\xa9", 4);
	w->v.gpr[RDI] = RAM_LOW - 1;
	assert_int_equal(emulate("\x66\xab", 2, RAM_LOW), NEXT);			/* stos */
	assert_int_equal(w->g.ram[RAM_LOW - 1], 0xa8);
	assert_int_equal(emulate("\x48\x8b\x05\xf5\xff\xff\xff", 7, RAM_LOW), NEXT);	/* RIP-relative: all in RAM */
	world_code(RAM_LOW - 16, "\x48\x8b\x05\x05\x00\x00\x00", 7, VMEXIT_MMIO);	/* the last 4 bytes */
	w->v.exit.mmio.gpa = GPA(RAM_LOW);
	assert_int_equal(emulate_mmio(&w->v), NEXT);
	assert_int_equal(w->v.gpr[RAX], 0xffffffffa8a9a9a9);
}

static void page_end_faults(void **state)
{
	static const struct { u64 first, second; const char *code; u8 n; u64 cr2; u32 error; } table[] = {
		{ 3, 0, "\x48\x89\x03", 3, 0x1000, 2 },	{ 3, 1, "\x48\x89\x03", 3, 0x1000, 3 },
		{ 1, 3, "\x48\x89\x03", 3, 0xffc, 3 },		{ 3, 1, "\x48\x87\x03", 3, 0x1000, 3 },
		{ 3, 1, "\x48\x01\x03", 3, 0x1000, 3 },	{ 3, 0, "\x48\x8b\x03", 3, 0x1000, 0 },
		{ 3, 1, "\x48\x0f\xb1\x0b", 4, 0x1000, 3 },	{ 1, 1, "\x48\x0f\xba\x2b\x01", 5, 0xffc, 3 },
		{ 0, 0, "\x48\x8b\x03", 3, 0xffc, 0 },		{ 3, 0, "\xa5", 1, 0x1000, 2 },
	};

	w->s.cr4 |= CR4_OSFXSR;
	for (u32 i = 0; i < ARRAY_COUNT(table); i++) {
		world_map(DEV_VA, DEVICE_GPA, table[i].first);
		world_map(DEV_VA + PAGE_SIZE, DEVICE_GPA + PAGE_SIZE, table[i].second);
		w->v.gpr[RBX] = DEV_VA + 0xffc;
		w->v.gpr[RSI] = 0x8000;
		w->v.gpr[RDI] = DEV_VA + 0xffe;
		assert_int_equal(emulate(table[i].code, table[i].n, DEVICE_GPA + 0xffc), FAULT);
		assert_int_equal(w->v.fault.vector, VEC_PF);
		assert_int_equal(w->v.fault.cr2, DEV_VA + table[i].cr2);
		assert_int_equal(w->v.fault.code, table[i].error);
		assert_int_equal(w->v.gpr[RBX], DEV_VA + 0xffc);
	}
	assert_int_equal(w->device_writes + w->device_reads, 0);
	/* A compare only reads. */
	world_map(DEV_VA, DEVICE_GPA, 1);
	world_map(DEV_VA + PAGE_SIZE, DEVICE_GPA + PAGE_SIZE, 1);
	assert_int_equal(emulate("\x48\x39\x03", 3, DEVICE_GPA + 0xffc), NEXT);
	assert_int_equal(*world_pte(DEV_VA) & 0x60, 0x20);
}

/* 16- and 32-bit addresses, segment bases, and a linear address that wraps. */
static void page_end_in_segments(void **state)
{
	w->v.gpr[RAX] = 0x44332211;
	w->s.seg[SEG_GS].base = DEVICE_GPA + 0xf00;
	world_map(DEVICE_GPA, DEVICE_GPA, 3);
	world_map(DEVICE_GPA + PAGE_SIZE, DEVICE_GPA + PAGE_SIZE, 3);
	assert_int_equal(emulate("\x65\x89\x04\x25\xfd\x00\x00\x00", 8, DEVICE_GPA + 0xffd), NEXT);
	assert_memory_equal(w->device + 0xffd, "\x11\x22\x33\x44", 4);
	w->v.gpr[RBX] = 0xffffffff00000000 + DEVICE_GPA + 0xffe;
	assert_int_equal(emulate("\x67\x89\x03", 3, DEVICE_GPA + 0x1000), NEXT);
	assert_memory_equal(w->device + 0xffe, "\x11\x22\x33\x44", 4);

	w->s.cr0 = CR0_PE;
	w->s.efer = 0;
	w->s.seg[SEG_CS] = (struct segment){ .attr = 0xc09b, .limit = ~0u };
	w->s.seg[SEG_DS] = (struct segment){ .attr = 0xc093, .limit = ~0u, .base = DEVICE_GPA + 0xff0 };
	w->v.gpr[RBX] = 0x1234000f;
	assert_int_equal(emulate("\x67\x89\x07", 3, DEVICE_GPA + 0xfff), NEXT);		/* (%bx) */
	assert_memory_equal(w->device + 0xfff, "\x11\x22\x33\x44", 4);
	w->s.seg[SEG_DS].limit = 0x11;
	assert_int_equal(emulate("\x67\x89\x07", 3, DEVICE_GPA + 0xfff), FAULT);
	assert_int_equal(w->v.fault.vector, VEC_GP);
	w->s.seg[SEG_DS].limit = ~0u;
	w->s.seg[SEG_DS].base = 0xfffff000;
	w->v.gpr[RBX] = 0xffe;
	assert_int_equal(emulate("\x89\x03", 2, 0xfffffffe), NEXT);
	assert_memory_equal(w->g.ram, "\x33\x44", 2);
}

static void refused_instructions(void **state)
{
	static const struct { const char *b; u8 n; } bad[] = {
		{ "\x0f\x7f\x03", 3 },			/* movq, MMX */
		{ "\x0f\x13\x03", 3 },			/* movlps */
		{ "\xff\x13", 2 }, { "\xff\x23", 2 },	/* call, jmp */
		{ "\x53", 1 }, { "\x5b", 1 },		/* a stack in a device */
		{ "\x62\xf1\x7c\x48\x11\x03", 6 },		/* vmovups %zmm0 */
		{ "\xc4\xe2\x7d\x18\x03", 5 },		/* vbroadcastss */
		{ "\x8c\x1b", 2 }, { "\x8e\x1b", 2 },	/* segment registers */
		{ "\x0f\xa5\x03", 3 }, { "\x0f\xaf\x03", 3 },	/* shld, imul */
		{ "\x0f\x0b", 2 }, { "\xc3", 1 },
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(same_as_processor, setup),
		cmocka_unit_test_setup(strings_as_processor, setup),
		cmocka_unit_test_setup(moves_touch_once, setup),
		cmocka_unit_test_setup(page_end, setup),
		cmocka_unit_test_setup(end_of_ram, setup),
		cmocka_unit_test_setup(page_end_faults, setup),
		cmocka_unit_test_setup(page_end_in_segments, setup),
		cmocka_unit_test_setup(refused_instructions, setup),
		cmocka_unit_test_setup(code_that_vanished, setup),
	};

	return cmocka_run_group_tests(tests, setup_all, NULL);
}
