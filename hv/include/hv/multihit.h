/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* "Machine Check Error on Page Size Change" (CVE-2018-12207, iTLB multihit): a guest that changes the size of a page it
 * runs from can stop the whole machine, where its nested tables have large executable leaves. Who has the erratum: for
 * boot/, which sets memory for smaller tables aside, and for the VMX folder. Pure. */

#include <stdbool.h>
#include <stdint.h>

#define ARCH_CAP_PSCHANGE_MC_NO (1ull << 6)	/* IA32_ARCH_CAPABILITIES: SDM 4 "IF_PSCHANGE_MC_NO" */

/* For a processor with VMX. intel: the vendor's name; signature: CPUID 1 EAX; arch_capabilities: MSR 10AH, 0 without it.
 * A processor that nobody says is safe is not: only the small cores and Xeon Phi, by Intel's list, were never affected. */
static inline bool multihit_affected(bool intel, uint32_t signature, uint64_t arch_capabilities)
{
	static const uint8_t safe[] = {
		0x1c, 0x26, 0x27, 0x35, 0x36,			/* Bonnell, Saltwell */
		0x37, 0x4a, 0x4d, 0x4c, 0x5a, 0x75,		/* Silvermont, Airmont */
		0x5c, 0x5f, 0x7a, 0x86,				/* Goldmont, Goldmont Plus, Tremont D */
		0x57, 0x85,					/* Knights Landing, Knights Mill */
	};
	uint32_t family = signature >> 8 & 15, model = (signature >> 4 & 15) | (signature >> 12 & 0xf0);

	if (arch_capabilities & ARCH_CAP_PSCHANGE_MC_NO)
		return false;
	for (unsigned int i = 0; intel && family == 6 && i < sizeof(safe); i++)
		if (safe[i] == model)
			return false;
	return true;
}
