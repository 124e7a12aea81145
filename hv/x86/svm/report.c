/* SPDX-License-Identifier: Apache-2.0 */
/* What this processor's SVM offers, for the hardware report. */
#include "svm.h"

#include "../x86.h"

#define CPUID_SVM BIT32(2)		/* 8000_0001 ECX */
#define VM_CR_LOCK BIT(3)
#define VM_CR_SVMDIS BIT(4)

u32 svm_features(void)
{
	if (cpuid(0x80000000, 0).eax < 0x8000000a || !(cpuid(0x80000001, 0).ecx & CPUID_SVM))
		return 0;
	return cpuid(0x8000000a, 0).edx;
}

static void add(struct virt_report *r, const char *name, const char *id, const char *lost, enum feature_state state)
{
	assert(r->count < VIRT_FEATURES_MAX);
	r->feature[r->count++] = (struct virt_feature){ .name = name, .lost = lost, .id = id, .state = state };
	if (id && state != FEATURE_PRESENT)
		r->usable = false;
}

/* Only useful ones: nothing is refused without them. */
static const struct { u32 bit; const char *name, *lost; } useful[] = {
	{ SVM_NRIPS, "Next-RIP save",
		"the length of every intercepted instruction is found in guest memory: such exits are slower" },
	{ SVM_DECODE_ASSISTS, "Decode assists", "accesses to device memory are fetched and decoded from guest memory" },
	{ SVM_FLUSH_BY_ASID, "Flush by ASID", "a flush for one guest also drops the core's own translations" },
	{ SVM_CLEAN_BITS, "VMCB clean bits", "the processor reloads the whole guest state at every entry" },
	{ SVM_AVIC, "Virtual interrupt controller (AVIC)", "interrupts for a virtual APIC are delivered with exits" },
	{ SVM_VNMI, "Virtual NMI", "the return from an NMI in a guest costs an exit" },
	{ SVM_VGIF, "Virtual GIF", "nothing yet: guests are not offered SVM" },
	{ SVM_PAUSE_FILTER, "Pause filter", "a vcpu that spins cannot be noticed" },
	{ SVM_TSC_SCALING, "TSC scaling", "a guest sees the machine's own TSC rate" },
};

static enum feature_state firmware_state(void)
{
	u64 vm_cr;

	if (!rdmsr_safe(MSR_VM_CR, &vm_cr))
		return FEATURE_PRESENT;		/* no switch, so not off */
	if ((vm_cr & VM_CR_SVMDIS) && (vm_cr & VM_CR_LOCK))
		return FEATURE_OFF_IN_FIRMWARE;
	return FEATURE_PRESENT;
}

bool svm_probe(struct virt_report *r)
{
	bool svm = cpuid(0x80000000, 0).eax >= 0x8000000a && (cpuid(0x80000001, 0).ecx & CPUID_SVM);
	u32 features = svm_features();

	*r = (struct virt_report){ .vendor = "SVM", .usable = true };
	add(r, "AMD virtualisation (SVM)", "CPU-NO-SVM", "no guest can be run on this processor",
		svm ? FEATURE_PRESENT : FEATURE_ABSENT);
	if (!svm)
		return false;
	add(r, "SVM switched on by firmware", "FW-SVM-LOCKED",
		"firmware has locked SVM off: switch on \"SVM Mode\" or \"AMD-V\" in the firmware's setup", firmware_state());
	add(r, "Nested paging (NPT)", "CPU-NO-NPT", "guests cannot be given memory of their own",
		(features & SVM_NPT) ? FEATURE_PRESENT : FEATURE_ABSENT);
	for (u32 i = 0; i < ARRAY_COUNT(useful); i++)
		add(r, useful[i].name, NULL, useful[i].lost,
			(features & useful[i].bit) ? FEATURE_PRESENT : FEATURE_ABSENT);
	return true;
}
