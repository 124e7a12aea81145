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

/* Linear address of i's memory operand, not for string instructions. s has STATE_MODE; STATE_SEGS is fetched into it
 * where needed. false: v->fault is filled. */
bool operand_linear(struct vcpu *v, struct cpu_state *s, const struct insn *i, bool write, u64 *linear);

/* Read or write size <= 8 bytes at a linear address through the guest's page tables, RAM or device, also across a page
 * end; accessed and dirty bits are set as the processor does. Nothing is changed before all of it may be accessed.
 * false: v->fault is the page fault. s has STATE_MODE. */
bool linear_access(struct vcpu *v, const struct cpu_state *s, u64 linear, void *data, u32 size, bool write);
