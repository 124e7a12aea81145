/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include <hv/atomic.h>
#include <hv/vcpu.h>

/* Run v until somebody parks it. Its core, host interrupts off. Returns with the vcpu outside of the guest. */
void vcpu_loop(struct vcpu *v);

/* Does the loop have to look closer? Cheap, because it is paid at every exit. Doorbell and deadline need no look here: the
 * vendor makes a VMEXIT_EVENT of them before it enters, and that sets `look`. */
static inline bool vcpu_needs_service(const struct vcpu *v)
{
	return (load_relaxed(&v->pub->requests) | v->attention | v->lapic.irrv) != 0;
}
