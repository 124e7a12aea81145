/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Exits about the processor itself: control registers, XCR0, debug status. Own core; hv/x86/exit_cpu.c. */

#include <hv/vcpu.h>

enum verdict exit_cr(struct vcpu *v);
enum verdict exit_xsetbv(struct vcpu *v);

/* What a #DB leaves in DR6 before it is delivered. SDM 3B "Debug Status Register (DR6)". */
void vcpu_set_dr6(struct vcpu *v, u64 causes);
