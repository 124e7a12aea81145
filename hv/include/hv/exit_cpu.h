/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Exits about the processor itself: control registers, XCR0, debug status. Own core; hv/x86/exit_cpu.c. */

#include <hv/vcpu.h>

enum verdict exit_cr(struct vcpu *v);
enum verdict exit_xsetbv(struct vcpu *v);

/* #MC while the guest ran: the guest ends, and is not started again before the machine is (guest.broken). The core's banks
 * are free for the next. Panics when the core's own state is lost. hv/x86/mcheck.c. */
enum verdict exit_machine_check(struct vcpu *v);

/* What a #DB leaves in DR6 before it is delivered. SDM 3B "Debug Status Register (DR6)". */
void vcpu_set_dr6(struct vcpu *v, u64 causes);
