/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/lib.h>
#include <hv/machine.h>

#include "x86.h"

static void put_word(char *to, u32 word)
{
	memcpy(to, &word, 4);
}

static void read_brand(struct cpu_facts *f)
{
	if (cpuid(0x80000000, 0).eax < 0x80000004)
		return;
	for (u32 i = 0; i < 3; i++) {
		struct cpuid_regs r = cpuid(0x80000002 + i, 0);

		put_word(f->brand + 16 * i, r.eax);
		put_word(f->brand + 16 * i + 4, r.ebx);
		put_word(f->brand + 16 * i + 8, r.ecx);
		put_word(f->brand + 16 * i + 12, r.edx);
	}
}

/* SDM 3A "Microcode Update Signature": clear, CPUID, read; AMD keeps the level there all the time. */
static u32 read_microcode(bool amd)
{
	u64 val = 0;

	if (!amd) {
		wrmsr_safe(MSR_BIOS_SIGN, 0);
		cpuid(1, 0);
	}
	if (!rdmsr_safe(MSR_BIOS_SIGN, &val))
		return 0;
	return amd ? (u32)val : (u32)(val >> 32);
}

void cpu_facts_read(struct cpu_facts *f)
{
	struct cpuid_regs r = cpuid(0, 0);
	u32 id = cpuid(1, 0).eax;

	memset(f, 0, sizeof(*f));
	put_word(f->vendor, r.ebx);
	put_word(f->vendor + 4, r.edx);
	put_word(f->vendor + 8, r.ecx);
	read_brand(f);
	f->family = (id >> 8 & 15) + ((id >> 8 & 15) == 15 ? id >> 20 & 0xff : 0);
	f->model = (id >> 4 & 15) | (id >> 12 & 0xf0);
	f->stepping = id & 15;
	f->hypervisor = cpuid(1, 0).ecx >> 31;
	f->microcode = read_microcode(r.ecx == 0x444d4163);
}
