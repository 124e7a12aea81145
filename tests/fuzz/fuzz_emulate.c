/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/emulate.c hv/x86/emulate_string.c hv/x86/emulate_stack.c hv/x86/emulate_vector.c hv/x86/alu.c hv/x86/decode.c hv/x86/decode_fast.c hv/x86/decode_zydis.c hv/x86/operand.c hv/x86/gmem.c hv/core/bus.c hv/x86/walk.c hv/lib/format.c tests/unit/hv/x86/x86_support.c zydis */
/* Any bytes as an instruction on device memory, in any mode, with any registers, segments and page tables. RAM outside the
 * guest's is not accessible in this process, so a wild access ends it. */
#include "../unit/hv/x86/x86_support.h"

#include <hv/lib.h>

#include "decode.h"

struct input {
	const u8 *at;
	size_t left;
};

static u64 take(struct input *in_, u32 bytes)
{
	u64 val = 0;

	for (; bytes && in_->left; bytes--, in_->left--)
		val = val << 8 | *in_->at++;
	return val;
}

/* Values near something: the device, page ends, the ends of RAM and of the address space. */
static u64 take_value(struct input *in_)
{
	static const u64 some[] = { DEVICE_GPA, DEVICE_GPA + PAGE_SIZE, RAM_LOW, HIGH_BASE, HIGH_BASE + RAM_HIGH, 0, 0x8000,
		0x10000, BIT(32), BIT(47), BIT(63), 0xffff800000000000ul, 0x40000000, ROOT_GPA };
	u32 how = (u32)take(in_, 1);

	return how < 192 ? some[how % ARRAY_COUNT(some)] + (u64)(s64)(s8)take(in_, 1) : take(in_, 8);
}

static void set_mode(struct input *in_)
{
	u32 how = (u32)take(in_, 1);
	struct segment code = { .attr = 0xa09b, .limit = ~0u };

	w->s.rflags = RFLAGS_FIXED | (take(in_, 3) & 0x40dd5);
	w->s.cr4 |= (how & 8 ? CR4_OSFXSR : 0) | (how & 16 ? CR4_OSXSAVE : 0) | (how & 32 ? CR4_PKE | CR4_SMAP : 0);
	w->v.xcr0 = how & 64 ? 7 : 3;
	w->pkru = (u32)take(in_, 1);
	if (how & 128)
		w->s.seg[SEG_SS].attr |= 0x60;		/* CPL 3 */
	if ((how & 3) == 0) {
		w->s.seg[SEG_CS] = code;
		return;
	}
	w->s.efer = 0;
	w->s.cr0 = (how & 3) == 1 ? 0 : CR0_PE;
	w->s.seg[SEG_CS] = (struct segment){ .attr = (how & 3) == 3 ? 0xc09b : 0x9b, .limit = ~0u };
	for (u32 i = SEG_ES; i <= SEG_GS; i++)
		if (i != SEG_CS && take(in_, 1) & 1)
			w->s.seg[i] = (struct segment){ .attr = (u32)take(in_, 3) & 0x1f0ff, .limit = (u32)take_value(in_),
				.base = (u32)take_value(in_) };
}

static void map_pages(struct input *in_)
{
	for (u32 n = (u32)take(in_, 1) & 7; n; n--)
		world_map(take_value(in_) & 0x7ffffffff000, take_value(in_) & 0xffffffffff000, take(in_, 1) & 7);
}

static void check(enum verdict verdict)
{
	assert(verdict <= KILL);
	assert((verdict == KILL) == (w->killed[0] != 0));
	if (verdict == FAULT)
		assert(w->v.fault.type == EVENT_EXCEPTION && w->v.fault.vector < 32);
	if (verdict == NEXT)
		assert(w->v.exit.len && w->v.exit.len <= INSN_BYTES_MAX);
	if (verdict == AGAIN)
		assert(!(w->s.rflags & RFLAGS_TF));
	assert(w->biggest <= 8);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in_ = { data, size };
	u8 code[INSN_BYTES_MAX];
	enum verdict verdict;
	u32 n;

	world_reset();
	map_pages(&in_);
	set_mode(&in_);
	for (u32 i = 0; i < GPR_COUNT; i++)
		w->v.gpr[i] = take_value(&in_);
	while (in_.left) {
		n = 1 + (u32)take(&in_, 1) % INSN_BYTES_MAX;
		for (u32 i = 0; i < n; i++)
			code[i] = (u8)take(&in_, 1);
		world_code(0x4000 + take(&in_, 2) % 8192, code, n, VMEXIT_MMIO);
		w->v.exit.mmio.gpa = GPA(DEVICE_GPA + take(&in_, 2) % DEVICE_SIZE);
		verdict = emulate_mmio(&w->v);
		check(verdict);
		if (verdict == AGAIN)
			check(emulate_mmio(&w->v));
	}
	return 0;
}
