/* SPDX-License-Identifier: Apache-2.0 */
/* Does XSAVEC do what CPUID says? Bochs 2.7 does not: by a published source of it, the first extended state is stored
 * 416 bytes before the place where XRSTOR looks for it. Processes of a guest then lose vector registers when they are
 * interrupted. Tried, not guessed from names. */
#include <hv/lib.h>

#include "policy.h"
#include "x86.h"

#define XCR0_X87_SSE_AVX 7

/* The upper half of YMM0 alone is marked and saved. The host's code uses no vector registers, and a vcpu's are reset
 * before it first runs. */
bool xsavec_sound(void)
{
	static const u64 mark[4] = { 0, 0, 0x5841534d41524b31ul, 0x5841534d41524b32ul };
	u8 area[1024] __attribute__((aligned(64)));
	u64 before;

	if (!(cpuid(1, 0).ecx & BIT32(27)) || !(cpuid(0x0d, 1).eax & BIT32(1)) || (cpuid(0x0d, 0).eax & 4) == 0)
		return true;
	memset(area, 0, sizeof(area));
	before = xcr0_read();
	xsetbv(0, XCR0_X87_SSE_AVX);
	__asm__ volatile("vmovdqu (%0), %%ymm0\n\t" "xsavec64 (%1)\n\t" "vzeroall"
		:: "r"(mark), "r"(area), "a"(4), "d"(0) : "memory");
	xsetbv(0, before);
	return xsavec_area_sound(area, mark[2]);
}
