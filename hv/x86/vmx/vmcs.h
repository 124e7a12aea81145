/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The numbers of the VMX architecture: VMCS field encodings, control bits, exit reasons. Pure constants.
 * SDM 3D "Field Encoding in VMCS" (appendix B), in its order. */

#include <hv/types.h>

enum vmcs_field {
	/* 16-bit control, guest-state and host-state fields */
	VPID				= 0x0000,
	GUEST_ES_SEL			= 0x0800,	/* CS, SS, DS, FS, GS, LDTR, TR follow in steps of 2: enum seg */
	GUEST_TR_SEL			= 0x080e,
	HOST_ES_SEL			= 0x0c00,
	HOST_CS_SEL			= 0x0c02,
	HOST_SS_SEL			= 0x0c04,
	HOST_DS_SEL			= 0x0c06,
	HOST_FS_SEL			= 0x0c08,
	HOST_GS_SEL			= 0x0c0a,
	HOST_TR_SEL			= 0x0c0c,

	/* 64-bit control fields */
	IO_BITMAP_A			= 0x2000,
	IO_BITMAP_B			= 0x2002,
	MSR_BITMAPS			= 0x2004,
	EXIT_MSR_STORE			= 0x2006,
	EXIT_MSR_LOAD			= 0x2008,
	ENTRY_MSR_LOAD			= 0x200a,
	TSC_OFFSET			= 0x2010,
	EPT_POINTER			= 0x201a,
	XSS_EXIT_BITMAP			= 0x202c,

	/* 64-bit read-only field */
	GUEST_PHYSICAL			= 0x2400,

	/* 64-bit guest-state and host-state fields */
	GUEST_LINK			= 0x2800,
	GUEST_DEBUGCTL			= 0x2802,
	GUEST_PAT			= 0x2804,
	GUEST_EFER			= 0x2806,
	GUEST_PDPTE0			= 0x280a,
	HOST_PAT			= 0x2c00,
	HOST_EFER			= 0x2c02,

	/* 32-bit control fields */
	PIN_CONTROLS			= 0x4000,
	PROC_CONTROLS			= 0x4002,
	EXCEPTION_BITMAP		= 0x4004,
	PF_ERROR_MASK			= 0x4006,
	PF_ERROR_MATCH			= 0x4008,
	CR3_TARGET_COUNT		= 0x400a,
	EXIT_CONTROLS			= 0x400c,
	EXIT_MSR_STORE_COUNT		= 0x400e,
	EXIT_MSR_LOAD_COUNT		= 0x4010,
	ENTRY_CONTROLS			= 0x4012,
	ENTRY_MSR_LOAD_COUNT		= 0x4014,
	ENTRY_EVENT			= 0x4016,
	ENTRY_EVENT_CODE		= 0x4018,
	ENTRY_INSN_LEN			= 0x401a,
	PROC2_CONTROLS			= 0x401e,

	/* 32-bit read-only fields */
	INSN_ERROR			= 0x4400,
	EXIT_REASON			= 0x4402,
	EXIT_EVENT			= 0x4404,
	EXIT_EVENT_CODE			= 0x4406,
	VECTORING_EVENT			= 0x4408,
	VECTORING_EVENT_CODE		= 0x440a,
	EXIT_INSN_LEN			= 0x440c,
	EXIT_INSN_INFO			= 0x440e,

	/* 32-bit guest-state and host-state fields */
	GUEST_ES_LIMIT			= 0x4800,	/* ... in steps of 2: enum seg */
	GUEST_GDTR_LIMIT		= 0x4810,
	GUEST_IDTR_LIMIT		= 0x4812,
	GUEST_ES_ATTR			= 0x4814,	/* ... in steps of 2: enum seg */
	GUEST_SS_ATTR			= 0x4818,
	GUEST_BLOCKING			= 0x4824,	/* "interruptibility state" */
	GUEST_ACTIVITY			= 0x4826,
	GUEST_SMBASE			= 0x4828,
	GUEST_SYSENTER_CS		= 0x482a,
	PREEMPTION_TIMER		= 0x482e,
	HOST_SYSENTER_CS		= 0x4c00,

	/* natural-width control and read-only fields */
	CR0_MASK			= 0x6000,
	CR4_MASK			= 0x6002,
	CR0_SHADOW			= 0x6004,
	CR4_SHADOW			= 0x6006,
	EXIT_QUALIFICATION		= 0x6400,
	GUEST_LINEAR			= 0x640a,

	/* natural-width guest-state fields */
	GUEST_CR0			= 0x6800,
	GUEST_CR3			= 0x6802,
	GUEST_CR4			= 0x6804,
	GUEST_ES_BASE			= 0x6806,	/* ... in steps of 2: enum seg */
	GUEST_GDTR_BASE			= 0x6816,
	GUEST_IDTR_BASE			= 0x6818,
	GUEST_DR7			= 0x681a,
	GUEST_RSP			= 0x681c,
	GUEST_RIP			= 0x681e,
	GUEST_RFLAGS			= 0x6820,
	GUEST_PENDING_DEBUG		= 0x6822,
	GUEST_SYSENTER_ESP		= 0x6824,
	GUEST_SYSENTER_EIP		= 0x6826,

	/* natural-width host-state fields */
	HOST_CR0			= 0x6c00,
	HOST_CR3			= 0x6c02,
	HOST_CR4			= 0x6c04,
	HOST_FS_BASE			= 0x6c06,
	HOST_GS_BASE			= 0x6c08,
	HOST_TR_BASE			= 0x6c0a,
	HOST_GDTR_BASE			= 0x6c0c,
	HOST_IDTR_BASE			= 0x6c0e,
	HOST_SYSENTER_ESP		= 0x6c10,
	HOST_SYSENTER_EIP		= 0x6c12,
	HOST_RSP			= 0x6c14,
	HOST_RIP			= 0x6c16,
};

/* SDM 3C "Pin-Based VM-Execution Controls" */
#define PIN_EXTERNAL_INTERRUPT		BIT32(0)
#define PIN_NMI				BIT32(3)
#define PIN_VIRTUAL_NMIS		BIT32(5)
#define PIN_PREEMPTION_TIMER		BIT32(6)
#define PIN_POSTED_INTERRUPTS		BIT32(7)

/* SDM 3C "Processor-Based VM-Execution Controls", primary */
#define PROC_INTERRUPT_WINDOW		BIT32(2)
#define PROC_TSC_OFFSETTING		BIT32(3)
#define PROC_HLT			BIT32(7)
#define PROC_INVLPG			BIT32(9)
#define PROC_MWAIT			BIT32(10)
#define PROC_RDPMC			BIT32(11)
#define PROC_RDTSC			BIT32(12)
#define PROC_CR3_LOAD			BIT32(15)
#define PROC_CR3_STORE			BIT32(16)
#define PROC_CR8_LOAD			BIT32(19)
#define PROC_CR8_STORE			BIT32(20)
#define PROC_TPR_SHADOW			BIT32(21)
#define PROC_NMI_WINDOW			BIT32(22)
#define PROC_MOV_DR			BIT32(23)
#define PROC_UNCONDITIONAL_IO		BIT32(24)
#define PROC_IO_BITMAPS			BIT32(25)
#define PROC_MSR_BITMAPS		BIT32(28)
#define PROC_MONITOR			BIT32(29)
#define PROC_PAUSE			BIT32(30)
#define PROC_SECONDARY			BIT32(31)

/* ... secondary */
#define PROC2_EPT			BIT32(1)
#define PROC2_DESCRIPTOR_TABLE		BIT32(2)
#define PROC2_RDTSCP			BIT32(3)
#define PROC2_VPID			BIT32(5)
#define PROC2_WBINVD			BIT32(6)
#define PROC2_UNRESTRICTED_GUEST	BIT32(7)
#define PROC2_APIC_REGISTERS		BIT32(8)
#define PROC2_VIRTUAL_INTERRUPTS	BIT32(9)
#define PROC2_INVPCID			BIT32(12)
#define PROC2_XSAVES			BIT32(20)
#define PROC2_TSC_SCALING		BIT32(25)

/* SDM 3C "VM-Exit Controls" */
#define EXIT_SAVE_DEBUG			BIT32(2)
#define EXIT_HOST_64			BIT32(9)
#define EXIT_ACK_INTERRUPT		BIT32(15)
#define EXIT_SAVE_PAT			BIT32(18)
#define EXIT_LOAD_PAT			BIT32(19)
#define EXIT_SAVE_EFER			BIT32(20)
#define EXIT_LOAD_EFER			BIT32(21)

/* SDM 3C "VM-Entry Controls" */
#define ENTRY_LOAD_DEBUG		BIT32(2)
#define ENTRY_GUEST_64			BIT32(9)
#define ENTRY_LOAD_PAT			BIT32(14)
#define ENTRY_LOAD_EFER			BIT32(15)

/* SDM 3C "VM-Entry Controls for Event Injection"; exits use the same form. Types 0-4: enum event_type. */
#define EVENT_VALID			BIT32(31)
#define EVENT_HAS_CODE			BIT32(11)
#define EVENT_NMI_UNBLOCKED		BIT32(12)	/* exits only: an IRET had unblocked NMIs */
#define EVENT_TYPE(info)		((info) >> 8 & 7)
#define EVENT_TYPE_SHIFT		8
#define EVENT_REINJECT_MASK		0x80000fffu
enum { EVENT_PRIVILEGED_SOFT = 5, EVENT_SOFT_EXCEPTION = 6 };

/* SDM 3C "Guest Non-Register State": interruptibility, activity, pending debug exceptions */
#define BLOCKED_STI			BIT32(0)
#define BLOCKED_MOV_SS			BIT32(1)
#define BLOCKED_SMI			BIT32(2)
#define BLOCKED_NMI			BIT32(3)
enum { ACTIVITY_ACTIVE, ACTIVITY_HLT, ACTIVITY_SHUTDOWN, ACTIVITY_WAIT_SIPI };
#define PENDING_DEBUG_BS		BIT(14)

/* SDM 3D "VMX Basic Exit Reasons" (appendix C) */
enum exit_reason {
	REASON_EXCEPTION	= 0,	/* or NMI */
	REASON_INTERRUPT	= 1,
	REASON_TRIPLE_FAULT	= 2,
	REASON_INIT		= 3,
	REASON_SIPI		= 4,
	REASON_INTERRUPT_WINDOW	= 7,
	REASON_NMI_WINDOW	= 8,
	REASON_TASK_SWITCH	= 9,
	REASON_CPUID		= 10,
	REASON_GETSEC		= 11,
	REASON_HLT		= 12,
	REASON_INVD		= 13,
	REASON_INVLPG		= 14,
	REASON_RDPMC		= 15,
	REASON_RDTSC		= 16,
	REASON_RSM		= 17,
	REASON_VMCALL		= 18,
	REASON_VMCLEAR		= 19,	/* 19-27: the other VMX instructions */
	REASON_VMXON		= 27,
	REASON_CR		= 28,
	REASON_DR		= 29,
	REASON_IO		= 30,
	REASON_RDMSR		= 31,
	REASON_WRMSR		= 32,
	REASON_BAD_GUEST_STATE	= 33,	/* with REASON_ENTRY_FAILED */
	REASON_BAD_MSR_LOAD	= 34,	/* with REASON_ENTRY_FAILED */
	REASON_MWAIT		= 36,
	REASON_MONITOR		= 39,
	REASON_PAUSE		= 40,
	REASON_MACHINE_CHECK	= 41,	/* with REASON_ENTRY_FAILED */
	REASON_EPT_VIOLATION	= 48,
	REASON_EPT_BROKEN	= 49,
	REASON_INVEPT		= 50,
	REASON_PREEMPTION_TIMER	= 52,
	REASON_INVVPID		= 53,
	REASON_WBINVD		= 54,
	REASON_XSETBV		= 55,
	REASON_ENCLS		= 60,
	REASON_XSAVES		= 63,
	REASON_XRSTORS		= 64,
	REASON_COUNT		= 80,
};
#define REASON_ENTRY_FAILED		BIT32(31)

/* SDM 3D "VMX Capability Reporting Facility" (appendix A) */
enum vmx_msr {
	MSR_VMX_BASIC			= 0x480,
	MSR_VMX_MISC			= 0x485,
	MSR_VMX_CR0_FIXED0		= 0x486,
	MSR_VMX_CR0_FIXED1		= 0x487,
	MSR_VMX_CR4_FIXED0		= 0x488,
	MSR_VMX_CR4_FIXED1		= 0x489,
	MSR_VMX_PROC2			= 0x48b,
	MSR_VMX_EPT_VPID		= 0x48c,
	MSR_VMX_TRUE_PIN		= 0x48d,
	MSR_VMX_TRUE_PROC		= 0x48e,
	MSR_VMX_TRUE_EXIT		= 0x48f,
	MSR_VMX_TRUE_ENTRY		= 0x490,
};
#define BASIC_TRUE_CONTROLS		BIT(55)
#define BASIC_INS_OUTS_INFO		BIT(54)
#define FEATURE_CONTROL_LOCKED		BIT(0)
#define FEATURE_CONTROL_VMX		BIT(2)		/* outside SMX */
#define EPT_WALK_4			BIT(6)
#define EPT_MEMORY_WB			BIT(14)
#define EPT_PAGES_2M			BIT(16)
#define EPT_PAGES_1G			BIT(17)
#define EPT_INVEPT			BIT(20)
#define EPT_INVEPT_SINGLE		BIT(25)
#define EPT_INVEPT_GLOBAL		BIT(26)
#define EPT_INVVPID			BIT(32)
#define EPT_INVVPID_SINGLE		BIT(41)
#define EPT_INVVPID_ALL			BIT(42)
#define EPT_POINTER_WB_WALK_4		(6ul | 3ul << 3)
