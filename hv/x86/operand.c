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

bool operand_linear(struct vcpu *v, struct cpu_state *s, const struct insn *i, bool write, u64 *linear)
{
	u64 offset = (u64)i->disp;

	if (i->base == REG_RIP)
		offset += v->exit.rip + i->len;
	else if (i->base != REG_NONE)
		offset += v->gpr[i->base];
	if (i->index != REG_NONE)
		offset += v->gpr[i->index] * i->scale;
	offset = cut(offset, i->addr_size);
	if (!state_is_64bit(s) || i->seg == SEG_FS || i->seg == SEG_GS)
		virt->get_state(v, s, STATE_SEGS);
	return segment_linear(v, s, i->seg, offset, i->size, write, linear);
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

/* One naturally sized access to a device. */
static void device_access(struct vcpu *v, u64 gpa, u8 *data, u32 size, bool write)
{
	struct io io = { .off = gpa, .size = (u8)size, .write = write };

	if (write)
		memcpy(&io.val, data, size);
	else
		io.val = ~0ul;
	mmio_access(v, gpa, &io);
	if (!write)
		memcpy(data, &io.val, size);
}

static void physical_access(struct vcpu *v, u64 gpa, u8 *data, u32 size, bool write)
{
	u8 *ram = gmem_ptr(v->guest, GPA(gpa), size);

	if (ram) {
		memcpy(write ? ram : data, write ? data : ram, size);
	} else if ((size & (size - 1)) == 0) {
		device_access(v, gpa, data, size, write);
	} else {
		for (u32 i = 0; i < size; i++)
			device_access(v, gpa + i, data + i, 1, write);
	}
}

bool linear_access(struct vcpu *v, const struct cpu_state *s, u64 linear, void *data, u32 size, bool write)
{
	u32 access = (write ? GMEM_WRITE : GMEM_READ) | (state_cpl(s) == 3 ? GMEM_USER : 0);
	u32 first = MIN(size, (u32)(PAGE_SIZE - linear % PAGE_SIZE));
	struct walk_trace trace[2];
	gpa_t gpa[2];

	if (!gmem_walk_traced(v->guest, s, linear, access, &gpa[0], &v->fault, &trace[0]))
		return false;
	if (first < size && !gmem_walk_traced(v->guest, s, linear + first, access, &gpa[1], &v->fault, &trace[1]))
		return false;
	trace_mark(&trace[0], s, write);
	physical_access(v, gpa[0].v, data, first, write);
	if (first == size)
		return true;
	trace_mark(&trace[1], s, write);
	physical_access(v, gpa[1].v, (u8 *)data + first, size - first, write);
	return true;
}
