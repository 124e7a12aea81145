/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the files of the emulator. */

#include <hv/emulate.h>

#include "decode.h"
#include "operand.h"

#define STRING_ROUNDS 64	/* repetitions an exit, so that it stays interruptible */

/* MOVS, STOS, LODS, CMPS, SCAS, INS, OUTS on RAM and devices. Verdicts as emulate_mmio(). */
enum verdict emulate_string(struct vcpu *v, const struct insn *i);

/* PUSH and POP of a memory operand; either side may be a device. Verdicts as emulate_mmio(). */
enum verdict emulate_stack(struct vcpu *v, const struct insn *i);

/* INSN_VLOAD and INSN_VSTORE on an operand that is found. NEXT or FAULT. */
enum verdict emulate_vector(struct vcpu *v, const struct insn *i, const struct place *p);

/* Set the guest's flags, in v->exit too. */
void flags_store(struct vcpu *v, u64 rflags);

/* Kill the guest as GUEST-EMULATE with the bytes at its RIP; returns KILL. */
enum verdict emulate_refuse(struct vcpu *v, const char *why);
