/* SPDX-License-Identifier: Apache-2.0 */
/* Plain moves between memory and a vector register, SSE and VEX. */

#include "emulate.h"

#include <hv/virt.h>

#include "policy.h"

#define XCR0_SSE_AVX 6ul

/* A guest that uses vector registers has said so, else the instruction would have faulted before it came here: another
 * vcpu has rewritten it. SDM 2A "Exception Class Tables" */
static bool vector_allowed(struct vcpu *v, const struct insn *i)
{
	struct cpu_state s;
	bool on;

	virt->get_state(v, &s, STATE_MODE);
	if (i->vex)
		on = s.cr4 & CR4_OSXSAVE && (xcr0_read() & XCR0_SSE_AVX) == XCR0_SSE_AVX;
	else
		on = !(s.cr0 & CR0_EM) && s.cr4 & CR4_OSFXSR;
	if (on && !(s.cr0 & CR0_TS))
		return true;
	vcpu_fault(v, on ? VEC_NM : VEC_UD, -1);
	return false;
}

/* SDM 2 "Vector Length Transition and Programming Considerations": VEX forms clear the register above what they load. */
enum verdict emulate_vector(struct vcpu *v, const struct insn *i, const struct place *p)
{
	u64 val[4] = { 0 };

	if (!vector_allowed(v, i))
		return FAULT;
	if (i->op == INSN_VLOAD) {
		place_read(v, p, val);
		i->vex ? ymm_write(i->reg, val) : xmm_write(i->reg, val);
		return NEXT;
	}
	i->vex ? ymm_read(i->reg, val) : xmm_read(i->reg, val);
	place_write(v, p, val);
	return NEXT;
}
