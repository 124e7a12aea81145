/* SPDX-License-Identifier: Apache-2.0 */
/* The processor's generator. SDM 1 "Random Number Generator Instructions"; both instructions may have nothing for a
 * while, which is tried a few times. */
#include <hv/random.h>

#include "x86.h"

#define TRIES 10u
#define RDRAND BIT32(30)	/* CPUID 1 ECX */
#define RDSEED BIT32(18)	/* CPUID 7 EBX */

static bool try_rdseed(u64 *val)
{
	bool ok;

	__asm__ volatile("rdseed %0" : "=r"(*val), "=@ccc"(ok));
	return ok;
}

static bool try_rdrand(u64 *val)
{
	bool ok;

	__asm__ volatile("rdrand %0" : "=r"(*val), "=@ccc"(ok));
	return ok;
}

bool host_random(u64 *val)
{
	if (cpuid(0, 0).eax >= 7 && cpuid(7, 0).ebx & RDSEED)
		for (u32 i = 0; i < TRIES; i++)
			if (try_rdseed(val))
				return true;
	if (cpuid(1, 0).ecx & RDRAND)
		for (u32 i = 0; i < TRIES; i++)
			if (try_rdrand(val))
				return true;
	return false;
}
