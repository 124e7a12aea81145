/* SPDX-License-Identifier: Apache-2.0 */
#include "operand.h"

#include <hv/emulate.h>
#include <hv/gmem.h>
#include <hv/virt.h>

#include "walk.h"

#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY BIT(6)

u64 reg_read(const struct vcpu *v, u32 reg, bool high, u32 size)
{
	u64 val = v->gpr[reg];

	return high ? val >> 8 & 0xff : cut(val, size);
}

static u64 merge(u64 old, u64 val, u32 size)
{
	switch (size) {
	case 1:
		return (old & ~0xfful) | (u8)val;
	case 2:
		return (old & ~0xfffful) | (u16)val;
	case 4:
		return (u32)val;
	default:
		return val;
	}
}

void reg_write(struct vcpu *v, u32 reg, bool high, u32 size, u64 val)
{
	struct cpu_state s;

	if (high) {
		v->gpr[reg] = (v->gpr[reg] & ~0xff00ul) | (u64)(u8)val << 8;
		return;
	}
	v->gpr[reg] = merge(v->gpr[reg], val, size);
	if (reg != RSP)
		return;
	virt->get_state(v, &s, STATE_REGS);	/* RSP lives in the control structure */
	s.gpr[RSP] = v->gpr[RSP];
	virt->set_state(v, &s, STATE_REGS);
}

static bool fault_segment(struct vcpu *v, u32 seg)
{
	vcpu_fault(v, seg == SEG_SS ? VEC_SS : VEC_GP, 0);
	return false;
}

/* Expand-down data segments allow what lies above the limit. */
static bool limit_allows(const struct segment *d, u64 offset, u32 size)
{
	u64 last = offset + size - 1;

	if ((d->attr & 0xc) == 0x4)
		return offset > d->limit && last <= (d->attr & SEG_ATTR_DB ? 0xffffffffu : 0xffffu);
	return last <= d->limit;
}

static bool type_allows(const struct segment *d, bool write)
{
	bool code = d->attr & 8;

	if (write)
		return !code && (d->attr & 2);
	return !code || (d->attr & 2);
}

bool segment_linear(struct vcpu *v, const struct cpu_state *s, u32 seg, u64 offset, u32 size, bool write, u64 *linear)
{
	const struct segment *d = &s->seg[seg];
	bool protected = (s->cr0 & CR0_PE) && !(s->rflags & RFLAGS_VM);

	if (state_is_64bit(s)) {
		*linear = offset + (seg == SEG_FS || seg == SEG_GS ? d->base : 0);
		return true;
	}
	if (protected && ((d->attr & SEG_ATTR_UNUSABLE) || !type_allows(d, write)))
		return fault_segment(v, seg);
	if (!limit_allows(d, offset, size))
		return fault_segment(v, seg);
	*linear = (u32)(d->base + offset);
	return true;
}

/* BT and its like with a register: the register counts bits from the operand on, in both directions.
 * SDM 1 "Bit(BitBase, BitOffset)" of the instruction notation. */
static u64 bit_offset(const struct vcpu *v, const struct insn *i)
{
	u32 shift = 64 - 8u * i->size;
	s64 bit = (s64)(v->gpr[i->reg] << shift) >> shift;

	return (u64)(bit >> __builtin_ctz(8u * i->size)) * i->size;
}

u64 operand_offset(const struct vcpu *v, const struct insn *i)
{
	u64 offset = (u64)i->disp;

	if (i->base == REG_RIP)
		offset += v->exit.rip + i->len;
	else if (i->base != REG_NONE)
		offset += v->gpr[i->base];
	if (i->index != REG_NONE)
		offset += v->gpr[i->index] * i->scale;
	if (i->op >= INSN_BT && i->op <= INSN_BTC && i->reg != REG_NONE)
		offset += bit_offset(v, i);
	return cut(offset, i->addr_size);
}

bool operand_linear(struct vcpu *v, struct cpu_state *s, const struct insn *i, bool write, u64 *linear)
{
	if (!state_is_64bit(s) || i->seg == SEG_FS || i->seg == SEG_GS)
		virt->get_state(v, s, STATE_SEGS);
	return segment_linear(v, s, i->seg, operand_offset(v, i), i->size, write, linear);
}

/* Set accessed and dirty bits in the entries that a walk used, unless they have changed meanwhile. */
static void trace_mark(const struct walk_trace *t, const struct cpu_state *s, bool write)
{
	bool pae_root = !t->narrow && !(s->efer & EFER_LMA);

	for (u32 i = pae_root ? 1 : 0; i < t->count; i++) {
		u64 old = t->step[i].value, mark = old | PTE_ACCESSED | (write && i == t->count - 1 ? PTE_DIRTY : 0);
		u32 old32 = (u32)old;

		if (mark == old || !t->step[i].entry)
			continue;
		if (t->narrow)
			__atomic_compare_exchange_n((u32 *)(uintptr_t)t->step[i].entry, &old32, (u32)mark, false,
				__ATOMIC_RELAXED, __ATOMIC_RELAXED);
		else
			__atomic_compare_exchange_n((u64 *)(uintptr_t)t->step[i].entry, &old, mark, false,
				__ATOMIC_RELAXED, __ATOMIC_RELAXED);
	}
}

bool place_find(struct vcpu *v, const struct cpu_state *s, u64 linear, u32 size, bool write, struct place *p)
{
	u32 access = (write ? GMEM_WRITE : GMEM_READ) | (state_cpl(s) == 3 ? GMEM_USER : 0);
	struct walk_trace trace[2];
	gpa_t gpa[2] = { GPA(0), GPA(0) };
	u64 second;

	p->size = size;
	p->first = MIN(size, (u32)(PAGE_SIZE - linear % PAGE_SIZE));
	second = state_is_64bit(s) ? linear + p->first : (u32)(linear + p->first);
	if (!gmem_walk_traced(v->guest, s, linear, access, &gpa[0], &v->fault, &trace[0]))
		return false;
	if (p->first < size && !gmem_walk_traced(v->guest, s, second, access, &gpa[1], &v->fault, &trace[1]))
		return false;
	for (u32 i = 0; i < (p->first < size ? 2u : 1u); i++)
		trace_mark(&trace[i], s, write);
	p->gpa[0] = gpa[0].v;
	p->gpa[1] = gpa[1].v;
	return true;
}

static void device_read(struct vcpu *v, u64 gpa, u8 *data, u32 size)
{
	struct io io = { .off = gpa, .val = ~0ul, .size = (u8)size };

	mmio_access(v, gpa, &io);
	memcpy(data, &io.val, size);
}

static void device_write(struct vcpu *v, u64 gpa, const u8 *data, u32 size)
{
	struct io io = { .off = gpa, .size = (u8)size, .write = true };

	memcpy(&io.val, data, size);
	mmio_access(v, gpa, &io);
}

/* Bytes of part n of a place, and how many a device sees at once. */
static u32 part_size(const struct place *p, u32 n)
{
	return n ? p->size - p->first : p->first;
}

static u32 part_step(const struct place *p)
{
	return p->first < p->size ? 1 : MIN(p->size, 8u);
}

void place_read(struct vcpu *v, const struct place *p, void *data)
{
	u8 *to = data;

	for (u32 n = 0; n < 2 && part_size(p, n); to += part_size(p, n), n++) {
		const u8 *ram = gmem_ptr(v->guest, GPA(p->gpa[n]), part_size(p, n));

		if (ram)
			memcpy(to, ram, part_size(p, n));
		for (u32 i = 0; !ram && i < part_size(p, n); i += part_step(p))
			device_read(v, p->gpa[n] + i, to + i, part_step(p));
	}
}

void place_write(struct vcpu *v, const struct place *p, const void *data)
{
	const u8 *from = data;

	for (u32 n = 0; n < 2 && part_size(p, n); from += part_size(p, n), n++) {
		u8 *ram = gmem_ptr(v->guest, GPA(p->gpa[n]), part_size(p, n));

		if (ram)
			memcpy(ram, from, part_size(p, n));
		for (u32 i = 0; !ram && i < part_size(p, n); i += part_step(p))
			device_write(v, p->gpa[n] + i, from + i, part_step(p));
	}
}

bool linear_access(struct vcpu *v, const struct cpu_state *s, u64 linear, void *data, u32 size, bool write)
{
	struct place p;

	if (!place_find(v, s, linear, size, write, &p))
		return false;
	if (write)
		place_write(v, &p, data);
	else
		place_read(v, &p, data);
	return true;
}
