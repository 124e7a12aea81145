/* SPDX-License-Identifier: Apache-2.0 */
/* Building a vcpu's control structure: controls, bitmaps, host state; its power-on state; its words for a record. */
#include <hv/guest.h>
#include <hv/log.h>

#include "../host_state.h"
#include "../x86.h"
#include "vmx.h"

#define PIN_WANTED (PIN_EXTERNAL_INTERRUPT | PIN_NMI | PIN_VIRTUAL_NMIS | PIN_PREEMPTION_TIMER)
#define PROC_WANTED (PROC_TSC_OFFSETTING | PROC_HLT | PROC_MWAIT | PROC_RDPMC | PROC_CR8_LOAD | PROC_CR8_STORE | \
	PROC_IO_BITMAPS | PROC_MSR_BITMAPS | PROC_MONITOR | PROC_SECONDARY)
#define PROC2_WANTED (PROC2_EPT | PROC2_RDTSCP | PROC2_VPID | PROC2_WBINVD | PROC2_UNRESTRICTED_GUEST | \
	PROC2_INVPCID | PROC2_XSAVES)
#define EXIT_WANTED (EXIT_SAVE_DEBUG | EXIT_HOST_64 | EXIT_SAVE_PAT | EXIT_LOAD_PAT | EXIT_SAVE_EFER | EXIT_LOAD_EFER)
#define ENTRY_WANTED (ENTRY_LOAD_DEBUG | ENTRY_LOAD_PAT | ENTRY_LOAD_EFER)

/* #DB and #AC loops would keep the processor inside their delivery for ever (CVE-2015-8104, CVE-2015-5307). */
#define EXCEPTIONS_WANTED (BIT32(VEC_DB) | BIT32(VEC_AC) | BIT32(VEC_MC))

#define INVEPT_SINGLE 1ul
#define INVEPT_GLOBAL 2ul
#define INVVPID_SINGLE 1ul
#define INVVPID_ALL 2ul

struct field_value { enum vmcs_field field; u64 value; };

/* All or the first that does not exist. */
static int fields_write(const struct field_value *f, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (vmwrite_checked(f[i].field, f[i].value))
			continue;
		log_error("vmx: control-structure field %x does not exist", f[i].field);
		return -E_NODEV;
	}
	return 0;
}

static u64 page_hpa(enum vmx_page page)
{
	return core_private_hpa(this_core()->virt_page[page]).v;
}

static u64 host_vpid(void)
{
	return this_core()->index + 1;
}

/* SDM 3C "VM-Execution Control Fields", "VM-Exit Control Fields", "VM-Entry Control Fields" */
static int controls_write(struct vmx *m)
{
	u32 proc2 = vmx_control_adjust(vmx_caps.proc2, PROC2_WANTED);
	const struct field_value f[] = {
		{ PIN_CONTROLS,		vmx_control_adjust(vmx_caps.pin, PIN_WANTED) },
		{ PROC_CONTROLS,	m->proc },
		{ PROC2_CONTROLS,	proc2 },
		{ EXIT_CONTROLS,	vmx_control_adjust(vmx_caps.exit, EXIT_WANTED) },
		{ ENTRY_CONTROLS,	m->entry },
		{ EXCEPTION_BITMAP,	EXCEPTIONS_WANTED },
		{ PF_ERROR_MASK,	0 },
		{ PF_ERROR_MATCH,	0 },
		{ CR3_TARGET_COUNT,	0 },
		{ EXIT_MSR_STORE_COUNT,	0 },
		{ EXIT_MSR_LOAD_COUNT,	0 },
		{ ENTRY_MSR_LOAD_COUNT,	0 },
		{ IO_BITMAP_A,		page_hpa(PAGE_IO_BITMAP_A) },
		{ IO_BITMAP_B,		page_hpa(PAGE_IO_BITMAP_B) },
		{ MSR_BITMAPS,		page_hpa(PAGE_MSR_BITMAP) },
		{ TSC_OFFSET,		m->tsc_offset },
		{ EPT_POINTER,		m->eptp },
	};
	int err = fields_write(f, ARRAY_COUNT(f));

	if (!err && proc2 & PROC2_VPID)
		vmwrite(VPID, host_vpid());
	if (!err && proc2 & PROC2_XSAVES)
		vmwrite(XSS_EXIT_BITMAP, U64_MAX);
	return err;
}

/* SDM 3C "Host-State Area" */
static int host_write(struct vcpu *v)
{
	struct host_state h;

	host_state_get(&h);
	const struct field_value f[] = {
		{ HOST_CR0, h.cr0 },		{ HOST_CR3, h.cr3 },		{ HOST_CR4, h.cr4 | CR4_VMXE },
		{ HOST_EFER, h.efer },		{ HOST_PAT, h.pat },
		{ HOST_CS_SEL, HOST_CS },	{ HOST_SS_SEL, HOST_DS },	{ HOST_DS_SEL, HOST_DS },
		{ HOST_ES_SEL, HOST_DS },	{ HOST_FS_SEL, 0 },		{ HOST_GS_SEL, 0 },
		{ HOST_TR_SEL, HOST_TSS },	{ HOST_FS_BASE, 0 },		{ HOST_GS_BASE, 0 },
		{ HOST_TR_BASE, h.tss_base },	{ HOST_GDTR_BASE, h.gdt_base },	{ HOST_IDTR_BASE, h.idt_base },
		{ HOST_SYSENTER_CS, 0 },
		{ HOST_SYSENTER_ESP, h.sysenter_esp },
		{ HOST_SYSENTER_EIP, h.sysenter_eip },
		{ HOST_RSP, (u64)v->gpr },	{ HOST_RIP, (u64)vmx_exit_entry },
	};

	return fields_write(f, ARRAY_COUNT(f));
}

/* Default deny, then what a guest does often and may do: SDM 3C "MSR-Bitmap Address", "I/O-Bitmap Addresses". */
static void bitmaps_reset(struct vcpu *v)
{
	static const u32 native[] = {
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK,
		MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_PAT,
	};

	memset(this_core()->virt_page[PAGE_MSR_BITMAP], 0xff, PAGE_SIZE);
	memset(this_core()->virt_page[PAGE_IO_BITMAP_A], 0xff, PAGE_SIZE);
	memset(this_core()->virt_page[PAGE_IO_BITMAP_B], 0xff, PAGE_SIZE);
	for (size_t i = 0; i < ARRAY_COUNT(native); i++)
		vmx_trap_msr(v, native[i], false, false);
	vmx_trap_msr(v, MSR_TSC, false, true);
	if (vmx_control_has(vmx_caps.proc2, PROC2_RDTSCP))
		vmx_trap_msr(v, MSR_TSC_AUX, false, false);
}

/* Without external-interrupt exiting interrupts go through the guest's own IDT. SDM 3C "Pin-Based VM-Execution Controls" */
void vmx_own_apic(struct vcpu *v, bool on)
{
	const u32 proc = PROC_HLT | PROC_CR8_LOAD | PROC_CR8_STORE;
	struct vmx *m = this_vmx();

	(void)v;
	m->proc = on ? m->proc & ~proc : m->proc | proc;
	vmwrite(PROC_CONTROLS, m->proc);
	vmwrite(PIN_CONTROLS, vmx_control_adjust(vmx_caps.pin, on ? PIN_WANTED & ~PIN_EXTERNAL_INTERRUPT : PIN_WANTED));
}

int vmx_vcpu_init(struct vcpu *v)
{
	struct vmx *m = this_vmx();
	int err;

	if (vmx_vmcs_load())
		return -E_NODEV;
	v->vendor = (u64 *)(void *)m;
	m->proc = vmx_control_adjust(vmx_caps.proc, PROC_WANTED);
	m->entry = vmx_control_adjust(vmx_caps.entry, ENTRY_WANTED) & ~ENTRY_GUEST_64;
	m->timer = U64_MAX;
	m->timer_shift = vmx_caps.misc & 31;
	m->tsc_offset = v->tsc_offset;
	m->eptp = vmx_ept_pointer(v->guest->ept_root);
	bitmaps_reset(v);
	err = controls_write(m);
	if (!err)
		err = host_write(v);
	if (err)
		return err;
	vmx_flush(v);
	vmx_flush_linear();
	return 0;
}

/* x87, SSE and extended state: the host has none of its own, so they are simply the guest's from here on. */
static void fpu_reset(struct vcpu *v)
{
	static const struct { u16 fcw; u8 pad[22]; u32 mxcsr; u8 rest[548]; } PACKED __attribute__((aligned(64)))
		image = { .fcw = 0x37f, .mxcsr = 0x1f80 };
	u64 cr0 = read_cr0(), cr4 = read_cr4();
	bool xsave = cpuid(1, 0).ecx & BIT32(26);
	struct cpuid_regs d;

	_Static_assert(sizeof(image) == 576, "XSAVE area without extended components");
	write_cr0(cr0 & ~(CR0_TS | CR0_EM));
	write_cr4(cr4 | CR4_OSFXSR | (xsave ? CR4_OSXSAVE : 0));
	if (xsave) {
		d = cpuid(0xd, 0);
		xsetbv(0, (u64)d.edx << 32 | d.eax);
		vmx_fpu_reset_xrstor(&image);
		xsetbv(0, 1);
	} else {
		vmx_fpu_reset_fxrstor(&image);
	}
	v->xcr0 = 1;
	write_cr4(cr4);
	write_cr0(cr0);
}

#define DATA_16 { .sel = 0, .attr = 0x93, .limit = 0xffff, .base = 0 }

/* SDM 3A "IA-32 and Intel 64 Processor States Following Power-up, Reset, or INIT" */
static const struct cpu_state power_on = {
	.rip = 0xfff0, .rflags = RFLAGS_FIXED, .cr0 = CR0_CD | CR0_NW | CR0_ET,
	.seg = {
		[SEG_CS] = { .sel = 0xf000, .attr = 0x9b, .limit = 0xffff, .base = 0xffff0000 },
		[SEG_ES] = DATA_16, [SEG_SS] = DATA_16, [SEG_DS] = DATA_16, [SEG_FS] = DATA_16, [SEG_GS] = DATA_16,
		[SEG_LDTR] = { .attr = 0x82, .limit = 0xffff }, [SEG_TR] = { .attr = 0x8b, .limit = 0xffff },
	},
	.gdtr = { .limit = 0xffff }, .idtr = { .limit = 0xffff },
	.dr6 = 0xffff0ff0, .dr7 = 0x400, .pat = 0x0007040600070406,
};

void vmx_vcpu_reset(struct vcpu *v)
{
	struct cpu_state s = power_on;

	s.gpr[RDX] = cpuid(1, 0).eax & 0x0fff3fff;
	vmx_state_defaults();
	vmx_set_state(v, &s, STATE_ALL);
	vmx_want_window(v, WINDOW_NONE);
	__asm__ volatile("mov %0,%%dr0; mov %0,%%dr1; mov %0,%%dr2; mov %0,%%dr3" :: "r"(0ul));
	if (vmx_control_has(vmx_caps.proc2, PROC2_RDTSCP))
		wrmsr_safe(MSR_TSC_AUX, 0);
	fpu_reset(v);
	memset(&v->exit, 0, sizeof(v->exit));
	v->exit.rip = s.rip;
	v->exit.rflags = s.rflags;
	v->exit.cpl = 0xff;
}

static void bits_set(u8 *map, u32 first, u32 count, bool on)
{
	for (u32 i = first; i < first + count; i++)
		map[i / 8] = (u8)(on ? map[i / 8] | 1u << i % 8 : map[i / 8] & ~(1u << i % 8));
}

/* The pages of the two bitmaps follow each other: 8 KiB, one bit for each port. */
void vmx_trap_io(struct vcpu *v, u16 first, u32 count, bool trap)
{
	(void)v;
	assert(first + count <= 0x10000);
	bits_set(this_core()->virt_page[PAGE_IO_BITMAP_A], first, count, trap);
}

/* Four bitmaps of 1 KiB: read low, read high, write low, write high. Others always exit. */
void vmx_trap_msr(struct vcpu *v, u32 msr, bool on_read, bool on_write)
{
	u8 *map = this_core()->virt_page[PAGE_MSR_BITMAP];
	u32 high = msr >= 0xc0000000 ? 1024 : 0, bit = msr & 0x1fff;

	(void)v;
	if (msr != bit && msr != (0xc0000000 | bit))
		return;
	bits_set(map + high, bit, 1, on_read);
	bits_set(map + 2048 + high, bit, 1, on_write);
}

void vmx_flush(struct vcpu *v)
{
	struct { u64 eptp, zero; } what = { this_vmx()->eptp, 0 };
	u64 type = vmx_caps.ept_vpid & EPT_INVEPT_SINGLE ? INVEPT_SINGLE : INVEPT_GLOBAL;

	(void)v;
	__asm__ volatile("invept %0,%1" :: "m"(what), "r"(type) : "cc", "memory");
}

void vmx_flush_linear(void)
{
	struct { u64 vpid, linear; } what = { host_vpid(), 0 };
	u64 type = vmx_caps.ept_vpid & EPT_INVVPID_SINGLE ? INVVPID_SINGLE : INVVPID_ALL;

	if (vmx_control_has(vmx_caps.proc2, PROC2_VPID) && vmx_caps.ept_vpid & EPT_INVVPID)
		__asm__ volatile("invvpid %0,%1" :: "m"(what), "r"(type) : "cc", "memory");
}

int vmx_dump(struct vcpu *v, char *to, size_t size)
{
	return fmt_print(to, size,
		"VMX exit reason %lx, qualification %lx, guest physical %lx, linear %lx\n"
		"vectoring %lx code %lx, to inject %lx, blocking %lx, activity %lx, pending debug %lx\n"
		"controls: pin %lx proc %lx/%lx exit %lx entry %lx, EPT %lx, TSC offset %lx\n"
		"CR0 %lx shadow %lx, CR4 %lx shadow %lx, EFER %lx, debugctl %lx\n",
		v->exit.reason, vmread(EXIT_QUALIFICATION), vmread(GUEST_PHYSICAL), vmread(GUEST_LINEAR),
		vmread(VECTORING_EVENT), vmread(VECTORING_EVENT_CODE), vmread(ENTRY_EVENT), vmread(GUEST_BLOCKING),
		vmread(GUEST_ACTIVITY), vmread(GUEST_PENDING_DEBUG),
		vmread(PIN_CONTROLS), vmread(PROC_CONTROLS), vmread(PROC2_CONTROLS), vmread(EXIT_CONTROLS),
		vmread(ENTRY_CONTROLS), vmread(EPT_POINTER), vmread(TSC_OFFSET),
		vmread(GUEST_CR0), vmread(CR0_SHADOW), vmread(GUEST_CR4), vmread(CR4_SHADOW), vmread(GUEST_EFER),
		vmread(GUEST_DEBUGCTL));
}
