/* SPDX-License-Identifier: Apache-2.0 */
/* Is VMX here, switching it on and off on a core, and the table that the rest of the hypervisor sees.
 * SDM 3C "Introduction to Virtual Machine Extensions", "VMX Capability Reporting Facility". */
#include <hv/log.h>

#include "../host_state.h"
#include "../x86.h"
#include "vmx.h"

#define CPUID_VMX BIT32(5)
#define CPUID_ARCH_CAPABILITIES BIT32(29)

struct vmx_caps vmx_caps __attribute__((section(".sealed")));

static bool has_vmx(void)
{
	return cpuid(1, 0).ecx & CPUID_VMX;
}

u32 vmx_phys_bits(void)
{
	return cpuid(0x80000000, 0).eax >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36;
}

static bool small_pages(void)
{
	struct cpuid_regs zero = cpuid(0, 0);
	bool intel = zero.ebx == 0x756e6547 && zero.edx == 0x49656e69 && zero.ecx == 0x6c65746e;	/* GenuineIntel */
	u64 told = 0;

	if (zero.eax >= 7 && cpuid(7, 0).edx & CPUID_ARCH_CAPABILITIES)
		rdmsr_safe(MSR_ARCH_CAPABILITIES, &told);
	return vmx_has_multihit(intel, cpuid(1, 0).eax, told);
}

/* An MSR of the list exists only when another says so: reading blindly would fault on old processors. */
static void caps_read(struct vmx_caps *c)
{
	*c = (struct vmx_caps){ .basic = rdmsr(MSR_VMX_BASIC), .misc = rdmsr(MSR_VMX_MISC),
		.cr0_fixed0 = rdmsr(MSR_VMX_CR0_FIXED0), .cr0_fixed1 = rdmsr(MSR_VMX_CR0_FIXED1),
		.cr4_fixed0 = rdmsr(MSR_VMX_CR4_FIXED0), .cr4_fixed1 = rdmsr(MSR_VMX_CR4_FIXED1),
		.small_pages = small_pages() };
	if (!(c->basic & BASIC_TRUE_CONTROLS))
		return;
	c->pin = rdmsr(MSR_VMX_TRUE_PIN);
	c->proc = rdmsr(MSR_VMX_TRUE_PROC);
	c->exit = rdmsr(MSR_VMX_TRUE_EXIT);
	c->entry = rdmsr(MSR_VMX_TRUE_ENTRY);
	if (!vmx_control_has(c->proc, PROC_SECONDARY))
		return;
	c->proc2 = rdmsr(MSR_VMX_PROC2);
	if (vmx_control_has(c->proc2, PROC2_EPT) || vmx_control_has(c->proc2, PROC2_VPID))
		c->ept_vpid = rdmsr(MSR_VMX_EPT_VPID);
}

static bool vmx_probe(struct virt_report *r)
{
	bool vmx = has_vmx();

	if (vmx)
		caps_read(&vmx_caps);
	vmx_report_fill(r, vmx, vmx ? rdmsr(MSR_FEATURE_CONTROL) : 0, &vmx_caps);
	return vmx;
}

static int refuse(const char *why)
{
	log_error("vmx: core %u: %s", this_core()->index, why);
	return -E_NODEV;
}

static bool vmxon(u64 hpa)
{
	bool failed;

	__asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(hpa) : "memory");
	return !failed;
}

static bool vmclear(u64 hpa)
{
	bool failed;

	__asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(hpa) : "memory");
	return !failed;
}

static bool vmptrld(u64 hpa)
{
	bool failed;

	__asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(hpa) : "memory");
	return !failed;
}

bool vmwrite_checked(enum vmcs_field field, u64 val)
{
	bool failed;

	__asm__ volatile("vmwrite %1,%2" : "=@ccbe"(failed) : "rm"(val), "r"((u64)field) : "memory");
	return !failed;
}

/* Like VMCLEAR's and VMPTRLD's operand, the region begins with the revision. SDM 3C "Format of the VMCS Region" */
static u64 region_prepare(enum vmx_page page)
{
	u8 *region = this_core()->virt_page[page];
	u32 revision = (u32)vmx_caps.basic & 0x7fffffff;

	memset(region, 0, PAGE_SIZE);
	memcpy(region, &revision, sizeof(revision));
	return core_private_hpa(region).v;
}

/* SDM 3C "Enabling and Entering VMX Operation": bit 2 must be set when the lock is, whoever locks it. */
static int feature_control_lock(void)
{
	u64 control = rdmsr(MSR_FEATURE_CONTROL);

	if (!(control & FEATURE_CONTROL_LOCKED))
		wrmsr(MSR_FEATURE_CONTROL, control | FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX);
	else if (!(control & FEATURE_CONTROL_VMX))
		return refuse("firmware locked VMX off (FW-VMX-LOCKED)");
	return 0;
}

static int vmx_core_enable(void)
{
	struct vmx_caps mine;
	u64 cr0 = read_cr0(), cr4 = read_cr4() | CR4_VMXE;
	int err;

	if (!has_vmx())
		return refuse("no VMX, unlike the boot core");
	caps_read(&mine);
	if (memcmp(&mine, &vmx_caps, sizeof(mine)) != 0)
		return refuse("its VMX capabilities differ from the boot core's");
	err = feature_control_lock();
	if (err)
		return err;
	cr0 = (cr0 | mine.cr0_fixed0) & mine.cr0_fixed1;
	if ((cr4 | mine.cr4_fixed0) & ~mine.cr4_fixed1)
		return refuse("a bit of CR4 that the hypervisor uses is not allowed under VMX");
	write_cr0(cr0);
	write_cr4(cr4 | mine.cr4_fixed0);
	memset(this_vmx(), 0, sizeof(struct vmx));
	if (!vmxon(region_prepare(PAGE_VMXON)))
		return refuse("VMXON failed");
	if (host_nmi_hook != vmx_nmi_hook)
		host_nmi_hook = vmx_nmi_hook;
	return 0;
}

int vmx_vmcs_load(void)
{
	u64 hpa;

	vmx_vmcs_unload();
	hpa = region_prepare(PAGE_VMCS);
	if (!vmclear(hpa) || !vmptrld(hpa))
		return refuse("the control structure could not be loaded");
	this_vmx()->loaded = true;
	return 0;
}

void vmx_vmcs_unload(void)
{
	struct vmx *m = this_vmx();

	if (!m->loaded)
		return;
	m->loaded = false;
	vmclear(core_private_hpa(this_core()->virt_page[PAGE_VMCS]).v);
}

static void vmx_core_disable(void)
{
	vmx_vmcs_unload();
	__asm__ volatile("vmxoff" ::: "cc", "memory");
	write_cr4(read_cr4() & ~CR4_VMXE);
}

static int vmx_nested_max_leaf(void)
{
	return vmx_max_leaf(&vmx_caps);
}

const struct virt_ops vmx_ops = {
	.name		= "VMX",
	.nested		= &pt_ept,
	.nested_max_leaf = vmx_nested_max_leaf,
	.probe		= vmx_probe,
	.core_enable	= vmx_core_enable,
	.core_disable	= vmx_core_disable,
	.vcpu_init	= vmx_vcpu_init,
	.vcpu_reset	= vmx_vcpu_reset,
	.run		= vmx_run,
	.set_rip	= vmx_set_rip,
	.get_state	= vmx_get_state,
	.set_state	= vmx_set_state,
	.code_key	= vmx_code_key,
	.inject		= vmx_inject,
	.want_window	= vmx_want_window,
	.trap_io	= vmx_trap_io,
	.trap_msr	= vmx_trap_msr,
	.own_apic	= vmx_own_apic,
	.flush		= vmx_flush,
	.dump		= vmx_dump,
};
