/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <hv/vcpu.h>

/* Run v until somebody parks it. Its core, host interrupts off. Returns with the vcpu outside of the guest. */
void vcpu_loop(struct vcpu *v);
