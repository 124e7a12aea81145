/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Arithmetic on operands of 1, 2, 4 or 8 bytes with the flags that the processor would set. Pure. */

#include "decode.h"

#define FLAGS_STATUS (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* op in INSN_ADD..INSN_TEST, INSN_INC..INSN_SAR, INSN_XADD (as ADD), INSN_CMPXCHG (as CMP): a is the destination, b the
 * source or the count. Returns the destination's new value (unchanged for CMP, TEST, BT) and updates *rflags. */
u64 alu(enum insn_op op, u32 size, u64 a, u64 b, u64 *rflags);

/* Does condition cond, the low four bits of Jcc and its like, hold? SDM 1 "EFLAGS Condition Codes" */
bool condition_holds(u32 cond, u64 rflags);
