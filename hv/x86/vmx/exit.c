/* SPDX-License-Identifier: Apache-2.0 */
/* Exits in neutral words: which kind a reason is, which fields it needs, what they say. Pure: the values come as
 * arguments. SDM 3C "VM Exits", tables in SDM 3C "Exit Qualification". */
#include "vmx.h"

#define INSN(k, more) { VMEXIT_##k, NEED_LENGTH | (more) }
#define OTHER(k, more) { VMEXIT_##k, (more) }
#define NOBODYS OTHER(UNKNOWN, NEED_QUALIFICATION)

const struct vmx_exit_type vmx_exit_type[REASON_COUNT] = {
	[REASON_EXCEPTION]		= OTHER(EXCEPTION, NEED_QUALIFICATION | NEED_EVENT | NEED_VECTORING),
	[REASON_INTERRUPT]		= OTHER(EVENT, NEED_NOTHING),
	[REASON_TRIPLE_FAULT]		= OTHER(TRIPLE_FAULT, NEED_QUALIFICATION),
	[REASON_INIT]			= OTHER(SHUTDOWN, NEED_QUALIFICATION),
	[REASON_SIPI ... 6]		= NOBODYS,
	[REASON_INTERRUPT_WINDOW]	= OTHER(WINDOW, NEED_NOTHING),
	[REASON_NMI_WINDOW]		= OTHER(WINDOW, NEED_NOTHING),
	[REASON_TASK_SWITCH]		= NOBODYS,
	[REASON_CPUID]			= INSN(CPUID, 0),
	[REASON_GETSEC]			= INSN(UNDEFINED, 0),
	[REASON_HLT]			= INSN(HLT, 0),
	[REASON_INVD]			= INSN(CACHE, 0),
	[REASON_INVLPG]			= NOBODYS,
	[REASON_RDPMC]			= INSN(PRIVILEGED, 0),
	[REASON_RDTSC]			= NOBODYS,
	[REASON_RSM]			= INSN(UNDEFINED, 0),
	[REASON_VMCALL]			= INSN(HYPERCALL, NEED_CPL),
	[REASON_VMCLEAR ... REASON_VMXON] = INSN(UNDEFINED, 0),
	[REASON_CR]			= INSN(CR, NEED_QUALIFICATION | CPL_IS_0),
	[REASON_DR]			= INSN(DR, NEED_QUALIFICATION),
	[REASON_IO]			= INSN(PIO, NEED_QUALIFICATION | NEED_INSN_INFO),
	[REASON_RDMSR]			= INSN(MSR, CPL_IS_0),
	[REASON_WRMSR]			= INSN(MSR, CPL_IS_0),
	[REASON_BAD_GUEST_STATE ... 35]	= NOBODYS,
	[REASON_MWAIT]			= INSN(MONITOR, 0),
	[37 ... 38]			= NOBODYS,
	[REASON_MONITOR]		= INSN(MONITOR, 0),
	[REASON_PAUSE]			= INSN(PAUSE, 0),
	[REASON_MACHINE_CHECK ... 47]	= NOBODYS,
	[REASON_EPT_VIOLATION]		= OTHER(MMIO, NEED_QUALIFICATION | NEED_PHYSICAL | NEED_VECTORING),
	[REASON_EPT_BROKEN]		= OTHER(NESTED_BROKEN, NEED_PHYSICAL | NEED_VECTORING),
	[REASON_INVEPT]			= INSN(UNDEFINED, 0),
	[51]				= NOBODYS,
	[REASON_PREEMPTION_TIMER]	= OTHER(EVENT, NEED_NOTHING),
	[REASON_INVVPID]		= INSN(UNDEFINED, 0),
	[REASON_WBINVD]			= INSN(CACHE, 0),
	[REASON_XSETBV]			= INSN(XSETBV, CPL_IS_0),
	[56 ... 59]			= NOBODYS,
	[REASON_ENCLS]			= INSN(UNDEFINED, 0),
	[61 ... 62]			= NOBODYS,
	[REASON_XSAVES]			= INSN(UNDEFINED, 0),
	[REASON_XRSTORS]		= INSN(UNDEFINED, 0),
	[65 ... REASON_COUNT - 1]	= NOBODYS,
};

/* SDM 3C "Exit Qualification for Control-Register Accesses" */
static void decode_cr(struct vmexit *x, u64 q)
{
	enum { MOV_TO, MOV_FROM, CLTS, LMSW } access = q >> 4 & 3;

	x->cr.nr = access == CLTS || access == LMSW ? 0 : q & 15;
	x->cr.gpr = q >> 8 & 15;
	x->cr.write = access != MOV_FROM;
	x->cr.clts = access == CLTS;
	x->cr.lmsw = access == LMSW;
	x->cr.lmsw_value = access == LMSW ? (u16)(q >> 16) : 0;
}

/* SDM 3C "Exit Qualification for I/O Instructions", "VM-Exit Instruction-Information Field as Used for INS and OUTS" */
static void decode_pio(struct vmexit *x, u64 q, u32 info)
{
	vmx_pio_decode(x, q);
	x->pio.string = q >> 4 & 1;
	x->pio.rep = q >> 5 & 1;
	if (!x->pio.string)
		return;
	x->pio.addr_size = (u8)(2u << (info >> 7 & 3));
	x->pio.seg = x->pio.in ? SEG_ES : (u8)(info >> 15 & 7);
}

static void decode_exception(struct vmexit *x, const struct vmx_exit_fields *f)
{
	if (EVENT_TYPE(f->event) == EVENT_NMI) {
		x->kind = VMEXIT_EVENT;
		return;
	}
	x->exception.vector = (u8)f->event;
	x->exception.has_code = f->event & EVENT_HAS_CODE;
	x->exception.code = x->exception.has_code ? f->event_code : 0;
	x->exception.dr6 = x->exception.vector == VEC_DB ? f->qualification : 0;
}

void vmx_exit_decode(struct vmexit *x, const struct vmx_exit_fields *f)
{
	switch (x->reason) {
	case REASON_EXCEPTION:		decode_exception(x, f); break;
	case REASON_CR:			decode_cr(x, f->qualification); break;
	case REASON_IO:			decode_pio(x, f->qualification, f->insn_info); break;
	case REASON_WRMSR:		x->msr.write = true; break;
	case REASON_RDMSR:		x->msr.write = false; break;
	case REASON_INVD:		x->cache.wbinvd = false; break;
	case REASON_WBINVD:		x->cache.wbinvd = true; break;
	case REASON_VMCALL:		x->cpl = f->ss_attr >> 5 & 3; break;
	case REASON_EPT_VIOLATION:
	case REASON_EPT_BROKEN:		vmx_mmio_decode(x, f->qualification, f->guest_physical); break;
	default:			break;
	}
}

bool vmx_event_reinject(u32 vectoring, u32 *event, u32 *blocking)
{
	if (!(vectoring & EVENT_VALID))
		return false;
	*event = vectoring & EVENT_REINJECT_MASK;
	*blocking = 0;
	switch (EVENT_TYPE(vectoring)) {
	case EVENT_NMI:		*blocking = BLOCKED_NMI | BLOCKED_STI | BLOCKED_MOV_SS; break;
	case EVENT_INTERRUPT:	*blocking = BLOCKED_STI | BLOCKED_MOV_SS; break;
	default:		break;
	}
	return true;
}

bool vmx_nmi_reblock(u32 reason, u64 qualification, u32 event, u32 vectoring)
{
	if (vectoring & EVENT_VALID)
		return false;
	if (reason == REASON_EXCEPTION)
		return event & EVENT_NMI_UNBLOCKED && (event & 0xff) != VEC_DF && EVENT_TYPE(event) != EVENT_NMI;
	return reason == REASON_EPT_VIOLATION && qualification & EVENT_NMI_UNBLOCKED;
}

/* SDM 3A "Interrupt 8-Double Fault Exception (#DF)": 0 benign, 1 contributory, 2 page fault, 3 double fault */
static u32 exception_class(u32 vector)
{
	switch (vector) {
	case VEC_DE: case VEC_TS: case VEC_NP: case VEC_SS: case VEC_GP: case VEC_CP:	return 1;
	case VEC_PF:	return 2;
	case VEC_DF:	return 3;
	default:	return 0;
	}
}

u32 vmx_event_encode(const struct event *e, u32 queued, bool protected)
{
	u32 event = EVENT_VALID | (u32)(e->type & 7) << EVENT_TYPE_SHIFT | e->vector;
	bool has_code = e->has_code && e->type == EVENT_EXCEPTION;
	u32 first, second;

	if (queued & EVENT_VALID && EVENT_TYPE(queued) == EVENT_EXCEPTION && e->type == EVENT_EXCEPTION) {
		first = exception_class(queued & 0xff);
		second = exception_class(e->vector);
		if (second != 0 && (first >= 2 || (first == 1 && second == 1))) {
			event = EVENT_VALID | EVENT_EXCEPTION << EVENT_TYPE_SHIFT | VEC_DF;
			has_code = true;
		}
	}
	/* Real mode pushes no error codes. SDM 3C "VM-Entry Control Fields" */
	return event | (has_code && protected ? EVENT_HAS_CODE : 0);
}
