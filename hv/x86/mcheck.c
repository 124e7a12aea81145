/* SPDX-License-Identifier: Apache-2.0 */
/* A machine check that hit a guest: what the banks say, making room for the next, the end of that guest.
 * SDM 3B "Machine-Check Architecture", APM 2 "Machine Check Architecture". */
#include <hv/exit_cpu.h>

#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/panic.h>

#include "mcheck.h"
#include "x86.h"

#define MSR_MCG_CAP 0x179
#define MSR_MCG_STATUS 0x17a
#define MSR_MC_STATUS(bank) (0x401 + 4 * (bank))
#define MSR_MC_ADDR(bank) (0x402 + 4 * (bank))
#define BANKS_MAX 32u		/* further ones have their registers elsewhere */
#define MC_VALID BIT(63)
#define MC_UNCORRECTED BIT(61)
#define MC_HAS_ADDR BIT(58)
#define MC_CONTEXT_LOST BIT(57)

static u32 severity(u64 status)
{
	return (status & MC_CONTEXT_LOST ? 2u : 0u) + (status & MC_UNCORRECTED ? 1u : 0u);
}

void mcheck_take(struct mcheck *m)
{
	u64 cap = 0, status, addr;
	u32 count;

	*m = (struct mcheck){ .bank = MCHECK_NO_BANK };
	rdmsr_safe(MSR_MCG_CAP, &cap);
	count = MIN((u32)cap & 0xff, BANKS_MAX);
	for (u32 i = 0; i < count; i++) {
		if (!rdmsr_safe(MSR_MC_STATUS(i), &status) || !(status & MC_VALID))
			continue;
		addr = 0;
		if (status & MC_HAS_ADDR)
			rdmsr_safe(MSR_MC_ADDR(i), &addr);
		if (m->bank == MCHECK_NO_BANK || severity(status) > severity(m->status))
			*m = (struct mcheck){ i, status, addr, status & MC_CONTEXT_LOST };
		wrmsr_safe(MSR_MC_STATUS(i), 0);
	}
	/* Last: while it says "in progress" another machine check resets the machine. */
	wrmsr_safe(MSR_MCG_STATUS, 0);
}

enum verdict exit_machine_check(struct vcpu *v)
{
	struct mcheck m;

	mcheck_take(&m);
	if (m.fatal)
		panic("machine check in guest %s: bank %u, status %#lx, address %#lx: this core's state is lost",
			v->guest->name, m.bank, m.status, m.addr);
	/* Before the record: whoever sees the end sees this too. */
	store_release(&v->guest->broken, 1);
	if (m.bank == MCHECK_NO_BANK)
		guest_kill(v, "GUEST-MACHINE-CHECK", "the hardware reported an error on vcpu %u that no bank tells of", v->index);
	else
		guest_kill(v, "GUEST-MACHINE-CHECK",
			"the hardware reported an error on vcpu %u: bank %u, status %#lx, address %#lx", v->index, m.bank,
			m.status, m.addr);
	return KILL;
}
