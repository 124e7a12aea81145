/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the files of the emulator. */

#include <hv/emulate.h>

#include "decode.h"

#define STRING_ROUNDS 64	/* repetitions an exit, so that it stays interruptible */

/* MOVS, STOS, LODS, INS, OUTS on RAM and devices. Verdicts as emulate_mmio(). */
enum verdict emulate_string(struct vcpu *v, const struct insn *i);

/* Kill the guest as GUEST-EMULATE with the bytes at its RIP; returns KILL. */
enum verdict emulate_refuse(struct vcpu *v, const char *why);
