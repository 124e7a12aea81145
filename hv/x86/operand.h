/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Registers and memory operands of an instruction that is being emulated. Own core. */

#include <hv/vcpu.h>

#include "decode.h"

/* Low size bytes of val. */
static inline u64 cut(u64 val, u32 size)
{
	return size >= 8 ? val : val & (BIT(8 * size) - 1);
}

/* A general register as an operand of size bytes; high: AH..BH. Writing 4 bytes clears the upper half, 1 and 2 leave
 * the rest. */
u64 reg_read(const struct vcpu *v, u32 reg, bool high, u32 size);
void reg_write(struct vcpu *v, u32 reg, bool high, u32 size, u64 val);

/* Linear address of size bytes at offset in segment seg, limits and rights checked (SDM 3A "Limit Checking", "Type
 * Checking"). s has STATE_MODE and STATE_SEGS. false: v->fault is the #GP(0) or #SS(0). */
bool segment_linear(struct vcpu *v, const struct cpu_state *s, u32 seg, u64 offset, u32 size, bool write, u64 *linear);

/* Offset of i's memory operand in its segment, not for string instructions. */
u64 operand_offset(const struct vcpu *v, const struct insn *i);

/* Linear address of that operand. s has STATE_MODE; STATE_SEGS is fetched into it
 * where needed. false: v->fault is filled. */
bool operand_linear(struct vcpu *v, struct cpu_state *s, const struct insn *i, bool write, u64 *linear);

/* An operand in guest-physical memory: where both of its parts are when it lies across the end of a page. */
struct place {
	u32 size, first;	/* bytes: all, and those up to the end of the page; <= 32 */
	u64 gpa[2];
};

/* Walk to size bytes at a linear address through the guest's page tables; accessed and dirty bits are set as the processor
 * does. false: v->fault is the page fault of either page, and nothing has changed. s has STATE_MODE. */
bool place_find(struct vcpu *v, const struct cpu_state *s, u64 linear, u32 size, bool write, struct place *p);

/* Move its bytes, RAM or device: a device sees accesses of 8 bytes at most, and single bytes where a page ends in it. */
void place_read(struct vcpu *v, const struct place *p, void *data);
void place_write(struct vcpu *v, const struct place *p, const void *data);

/* Both in one: read or write size bytes at a linear address. false: v->fault, and nothing is read or written. */
bool linear_access(struct vcpu *v, const struct cpu_state *s, u64 linear, void *data, u32 size, bool write);

/* The guest's vector registers 0..15, which are live in the processor: 16 bytes. Own core. hv/x86/live.S */
void xmm_read(u32 n, void *to);
void xmm_write(u32 n, const void *from);

/* The same of 32 bytes; a write clears what lies above them. The guest's XCR0 has SSE and AVX. */
void ymm_read(u32 n, void *to);
void ymm_write(u32 n, const void *from);
