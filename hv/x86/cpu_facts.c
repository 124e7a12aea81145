/* SPDX-License-Identifier: Apache-2.0 */
#include "x86.h"

#include <hv/lib.h>
#include <hv/machine.h>

static void facts_text(char *to, const struct cpuid_regs *r)
{
	memcpy(to, &r->eax, 4);
	memcpy(to + 4, &r->ebx, 4);
	memcpy(to + 8, &r->ecx, 4);
	memcpy(to + 12, &r->edx, 4);
}

/* SDM 2A "CPUID": the brand string is right-aligned with spaces on some models. */
static void facts_brand(char *brand)
{
	char text[49] = "", *start = text;

	if (cpuid(0x80000000, 0).eax < 0x80000004)
		return;
	for (u32 i = 0; i < 3; i++) {
		struct cpuid_regs r = cpuid(0x80000002 + i, 0);

		facts_text(text + 16 * i, &r);
	}
	while (*start == ' ')
		start++;
	str_copy(brand, 49, start);
}

/* SDM 3A "Determining the Signature": zero, CPUID 1, read the upper half; AMD has the revision in the lower half. */
static u32 facts_microcode(bool intel)
{
	u64 revision = 0;

	if (intel && !wrmsr_safe(MSR_BIOS_SIGN, 0))
		return 0;
	cpuid(1, 0);
	if (!rdmsr_safe(MSR_BIOS_SIGN, &revision))
		return 0;
	return (u32)(intel ? revision >> 32 : revision);
}

static u32 bits_for(u32 count)
{
	u32 bits = 0;

	while (count > BIT(bits))
		bits++;
	return bits;
}

/* SDM 2A "CPUID", leaves 0BH and 4; APM 3 "CPUID", Fn8000_001D. What is not told counts as: alone, and one L3 a package. */
static void facts_topology(struct cpu_facts *f, u32 leaves)
{
	bool amd = !strcmp(f->vendor, "AuthenticAMD") || !strcmp(f->vendor, "HygonGenuine");
	u32 leaf = !amd ? 4 : cpuid(0x80000000, 0).eax >= 0x8000001d && cpuid(0x80000001, 0).ecx >> 22 & 1 ? 0x8000001d : 0;

	f->l3_shift = 32;
	if (leaves >= 0xb && cpuid(0xb, 0).ebx)
		f->smt_shift = cpuid(0xb, 0).eax & 31;
	for (u32 i = 0; i < 8 && leaf && (leaf != 4 || leaves >= 4); i++) {
		u32 eax = cpuid(leaf, i).eax;

		if (!(eax & 31))
			break;
		if ((eax >> 5 & 7) == 3)
			f->l3_shift = bits_for((eax >> 14 & 0xfff) + 1);
	}
}

void cpu_facts_read(struct cpu_facts *facts)
{
	struct cpuid_regs zero = cpuid(0, 0), one = cpuid(1, 0);
	u32 family = one.eax >> 8 & 15, model = one.eax >> 4 & 15;

	memset(facts, 0, sizeof(*facts));
	memcpy(facts->vendor, &zero.ebx, 4);
	memcpy(facts->vendor + 4, &zero.edx, 4);
	memcpy(facts->vendor + 8, &zero.ecx, 4);
	facts_brand(facts->brand);
	facts_topology(facts, zero.eax);
	facts->family = family == 15 ? family + (one.eax >> 20 & 255) : family;
	facts->model = family == 6 || family == 15 ? model | (one.eax >> 12 & 0xf0) : model;
	facts->stepping = one.eax & 15;
	facts->hypervisor = one.ecx >> 31;
	facts->microcode = facts_microcode(!strcmp(facts->vendor, "GenuineIntel"));
}
