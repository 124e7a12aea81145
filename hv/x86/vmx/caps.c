/* SPDX-License-Identifier: Apache-2.0 */
/* What the processor can do, judged from its capability MSRs: control bits, the lines of the hardware report. Pure. */
#include "vmx.h"

#define ARCH_CAP_PSCHANGE_MC_NO BIT(6)	/* IA32_ARCH_CAPABILITIES: SDM 4 "IF_PSCHANGE_MC_NO" */

u32 vmx_control_adjust(u64 cap, u32 wanted)
{
	return (wanted | (u32)cap) & (u32)(cap >> 32);
}

bool vmx_control_has(u64 cap, u32 wanted)
{
	return ((u32)(cap >> 32) & wanted) == wanted;
}

u64 vmx_ept_pointer(u64 root)
{
	return root | EPT_POINTER_WB_WALK_4;
}

/* A processor that nobody says is safe is not: only the small cores and Xeon Phi, by Intel's list, were never affected. */
bool vmx_has_multihit(bool intel, u32 signature, u64 arch_capabilities)
{
	static const u8 safe[] = {
		0x1c, 0x26, 0x27, 0x35, 0x36,			/* Bonnell, Saltwell */
		0x37, 0x4a, 0x4d, 0x4c, 0x5a, 0x75,		/* Silvermont, Airmont */
		0x5c, 0x5f, 0x7a, 0x86,				/* Goldmont, Goldmont Plus, Tremont D */
		0x57, 0x85,					/* Knights Landing, Knights Mill */
	};
	u32 family = signature >> 8 & 15, model = (signature >> 4 & 15) | (signature >> 12 & 0xf0);

	if (arch_capabilities & ARCH_CAP_PSCHANGE_MC_NO)
		return false;
	for (size_t i = 0; intel && family == 6 && i < ARRAY_COUNT(safe); i++)
		if (safe[i] == model)
			return false;
	return true;
}

/* Small leaves from the start, instead of large ones that are split when code turns up: that would end in the same tables
 * (a guest's code is everywhere in the end), and change tables that are read-only after the seal.
 * 2 MiB leaves are a needed feature (see below), larger ones a useful one. */
int vmx_max_leaf(const struct vmx_caps *caps)
{
	if (caps->small_pages)
		return 1;
	return caps->ept_vpid & EPT_PAGES_1G ? 3 : 2;
}

static void feature(struct virt_report *r, bool present, const char *id, const char *name, const char *lost)
{
	struct virt_feature *f = &r->feature[r->count++];

	assert(r->count <= VIRT_FEATURES_MAX);
	*f = (struct virt_feature){ .name = name, .lost = lost, .id = present ? NULL : id,
		.state = present ? FEATURE_PRESENT : FEATURE_ABSENT };
	if (!present && id)
		r->usable = false;
}

/* IA32_FEATURE_CONTROL: open is as good as on, core_enable() locks it with VMX on.
 * SDM 3C "Enabling and Entering VMX Operation" */
static void feature_firmware(struct virt_report *r, u64 feature_control)
{
	bool off = (feature_control & (FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX)) == FEATURE_CONTROL_LOCKED;

	feature(r, !off, "FW-VMX-LOCKED", "VMX allowed by firmware",
		"nothing can run: enable \"Intel Virtualization Technology (VT-x)\" in the firmware's setup");
	if (off)
		r->feature[r->count - 1].state = FEATURE_OFF_IN_FIRMWARE;
}

static void features_needed(struct virt_report *r, const struct vmx_caps *c)
{
	feature(r, c->basic & BASIC_TRUE_CONTROLS, "CPU-NO-TRUE-CONTROLS", "Flexible VMX controls",
		"guests could not switch address spaces by themselves");
	feature(r, vmx_control_has(c->proc, PROC_SECONDARY) && vmx_control_has(c->proc2, PROC2_EPT) &&
		c->ept_vpid & EPT_WALK_4, "CPU-NO-EPT", "Extended page tables (EPT)", "guests' memory could not be kept apart");
	feature(r, c->ept_vpid & EPT_MEMORY_WB && c->ept_vpid & EPT_PAGES_2M, "CPU-NO-EPT-2M",
		"EPT with cached tables and 2 MiB pages", "guests' memory is handed out in such pages");
	feature(r, c->ept_vpid & EPT_INVEPT && c->ept_vpid & (EPT_INVEPT_SINGLE | EPT_INVEPT_GLOBAL), "CPU-NO-INVEPT",
		"Forgetting EPT translations (INVEPT)", "memory could not be taken from a guest");
	feature(r, vmx_control_has(c->proc2, PROC2_UNRESTRICTED_GUEST), "CPU-NO-UG", "Unrestricted guest",
		"guests could not start in real mode");
	feature(r, vmx_control_has(c->pin, PIN_NMI | PIN_VIRTUAL_NMIS), "CPU-NO-VIRTUAL-NMI", "Virtual NMIs",
		"a core could not be called back from its guest");
	feature(r, vmx_control_has(c->pin, PIN_PREEMPTION_TIMER), "CPU-NO-PREEMPTION-TIMER", "VMX preemption timer",
		"a call to a core could be lost on the way into its guest");
	feature(r, vmx_control_has(c->proc, PROC_MSR_BITMAPS | PROC_IO_BITMAPS), "CPU-NO-BITMAPS", "MSR and I/O bitmaps",
		"every harmless register access would leave the guest");
	feature(r, vmx_control_has(c->proc, PROC_TSC_OFFSETTING), "CPU-NO-TSC-OFFSET", "TSC offset",
		"guests could not have a clock that starts at 0");
	feature(r, vmx_control_has(c->exit, EXIT_HOST_64 | EXIT_SAVE_EFER | EXIT_LOAD_EFER | EXIT_SAVE_PAT | EXIT_LOAD_PAT) &&
		vmx_control_has(c->entry, ENTRY_GUEST_64 | ENTRY_LOAD_EFER | ENTRY_LOAD_PAT), "CPU-NO-EFER-SWITCH",
		"EFER and PAT switched with the guest", "a guest's mode could not be kept apart from the hypervisor's");
}

static void features_useful(struct virt_report *r, const struct vmx_caps *c)
{
	feature(r, c->ept_vpid & EPT_PAGES_1G, NULL, "EPT with 1 GiB pages", "more table walks in guests with much memory");
	feature(r, !c->small_pages, NULL, "Immune to iTLB multihit (CVE-2018-12207)",
		"guests' RAM is mapped in 4 KiB pages, so that no guest can stop the machine: more table walks");
	feature(r, vmx_control_has(c->proc2, PROC2_VPID) && c->ept_vpid & EPT_INVVPID, NULL,
		"Tagged translations (VPID)", "each exit costs the guest its cached translations");
	feature(r, vmx_control_has(c->proc2, PROC2_RDTSCP), NULL, "RDTSCP in guests", "guests do without RDTSCP");
	feature(r, vmx_control_has(c->proc2, PROC2_INVPCID), NULL, "INVPCID in guests", "guests do without INVPCID");
	feature(r, vmx_control_has(c->proc2, PROC2_XSAVES), NULL, "XSAVES in guests", "guests do without XSAVES");
	feature(r, vmx_control_has(c->proc2, PROC2_WBINVD), NULL, "WBINVD intercept",
		"a guest can write back the caches that its package shares");
	feature(r, vmx_control_has(c->proc2, PROC2_APIC_REGISTERS | PROC2_VIRTUAL_INTERRUPTS), NULL,
		"Virtual APIC (APICv)", "accesses to the local APIC leave the guest");
	feature(r, vmx_control_has(c->pin, PIN_POSTED_INTERRUPTS), NULL, "Posted interrupts",
		"interrupts for a running guest make it exit");
	feature(r, vmx_control_has(c->proc2, PROC2_TSC_SCALING), NULL, "TSC scaling", "guests see the machine's TSC rate");
}

void vmx_report_fill(struct virt_report *r, bool has_vmx, u64 feature_control, const struct vmx_caps *caps)
{
	*r = (struct virt_report){ .vendor = "VMX", .usable = true };
	feature(r, has_vmx, "CPU-NO-VMX", "VMX instructions (Intel VT-x)", "nothing can run on this processor");
	if (!has_vmx)
		return;
	feature_firmware(r, feature_control);
	features_needed(r, caps);
	features_useful(r, caps);
}
