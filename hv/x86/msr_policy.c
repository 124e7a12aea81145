/* SPDX-License-Identifier: Apache-2.0 */
/* Which MSRs a guest has, in one table; what it does not name answers #GP(0). MSRs that run natively are not handled here
 * unless a vendor traps them all the same. SDM 4 "Model-Specific Registers", APM 2 "MSR Cross-Reference". */

#include "policy.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>
#include <hv/virt.h>

#define MTRR_VARIABLE 8u
#define MTRR_DEF_FIXED BIT(10)
#define MTRR_DEF_ENABLE BIT(11)
#define MTRR_VALID BIT(11)
#define TYPE_WB 6u
#define MISC_FAST_STRINGS BIT(0)
#define MISC_NO_BTS BIT(11)
#define MISC_NO_PEBS BIT(12)
#define HWCR_TSC_FREQUENCY BIT(24)	/* the TSC counts at the P0 frequency */
#define DE_CFG_LFENCE BIT(1)		/* LFENCE serialises */

typedef bool msr_read_fn(struct vcpu *v, u32 msr, u64 *val);
typedef bool msr_write_fn(struct vcpu *v, u32 msr, u64 val);

struct msr_row {
	u32 first, last;
	msr_read_fn *read;	/* null: #GP */
	msr_write_fn *write;	/* null: #GP */
};

static const struct cpuid_table *table_of(const struct vcpu *v)
{
	return v->guest->cpuid;
}

static bool read_zero(struct vcpu *v, u32 msr, u64 *val)
{
	(void)v, (void)msr;
	*val = 0;
	return true;
}

static bool write_ignored(struct vcpu *v, u32 msr, u64 val)
{
	(void)v, (void)msr, (void)val;
	return true;
}

/* --- Time --- */

static void tsc_move(struct vcpu *v, u64 by)
{
	v->tsc_offset += by;
	v->tsc_adjust += by;
	vlapic_tsc_moved(v, by);
	pvclock_update(v);
	if (by)
		hyperv_tsc_moved(v);
}

static bool read_tsc(struct vcpu *v, u32 msr, u64 *val)
{
	(void)msr;
	*val = tsc_now() + v->tsc_offset;
	return true;
}

/* SDM 3B "IA32_TSC_ADJUST": a write of the counter moves the adjustment by the same amount, and the other way round. */
static bool write_tsc(struct vcpu *v, u32 msr, u64 val)
{
	(void)msr;
	tsc_move(v, val - (tsc_now() + v->tsc_offset));
	return true;
}

static bool read_tsc_adjust(struct vcpu *v, u32 msr, u64 *val)
{
	(void)msr;
	*val = v->tsc_adjust;
	return true;
}

static bool write_tsc_adjust(struct vcpu *v, u32 msr, u64 val)
{
	(void)msr;
	tsc_move(v, val - v->tsc_adjust);
	return true;
}

static bool read_clock(struct vcpu *v, u32 msr, u64 *val)
{
	*val = msr == 0x4b564d01 || msr == 0x12 ? v->pvclock_msr : v->wall_msr;
	return true;
}

static bool write_clock(struct vcpu *v, u32 msr, u64 val)
{
	return msr == 0x4b564d01 || msr == 0x12 ? pvclock_write_system(v, val) : pvclock_write_wall(v, val);
}

/* --- The local APIC --- */

static bool read_apic(struct vcpu *v, u32 msr, u64 *val)
{
	return vlapic_msr_read(v, msr, val);
}

static bool write_apic(struct vcpu *v, u32 msr, u64 val)
{
	return vlapic_msr_write(v, msr, val);
}

/* --- Memory types: kept and read back; SDM 3A "Memory Type Range Registers (MTRRS)" --- */

static bool memory_type_valid(u64 type)
{
	return type < 8 && (BIT(type) & (BIT(0) | BIT(1) | BIT(4) | BIT(5) | BIT(6)));
}

static u64 *mtrr_slot(struct vcpu *v, u32 msr)
{
	if (msr == MSR_MTRR_DEF_TYPE)
		return &v->mtrr_def_type;
	if (msr >= 0x200 && msr < 0x200 + 2 * MTRR_VARIABLE)
		return &v->mtrr_var[msr - 0x200];
	if (msr == 0x250)
		return &v->mtrr_fix[0];
	if (msr == 0x258 || msr == 0x259)
		return &v->mtrr_fix[1 + msr - 0x258];
	assert(msr >= 0x268 && msr <= 0x26f);
	return &v->mtrr_fix[3 + msr - 0x268];
}

static bool mtrr_value_valid(const struct vcpu *v, u32 msr, u64 val)
{
	u64 address = table_of(v)->phys_mask & ~(PAGE_SIZE - 1);

	if (msr == MSR_MTRR_DEF_TYPE)
		return !(val & ~(0xfful | MTRR_DEF_FIXED | MTRR_DEF_ENABLE)) && memory_type_valid(val & 0xff);
	if (msr < 0x250 && (msr & 1))
		return !(val & ~(address | MTRR_VALID));
	if (msr < 0x250)
		return !(val & ~(address | 0xff)) && memory_type_valid(val & 0xff);
	for (u32 i = 0; i < 8; i++)
		if (!memory_type_valid(val >> 8 * i & 0xff))
			return false;
	return true;
}

static bool read_mtrr(struct vcpu *v, u32 msr, u64 *val)
{
	*val = *mtrr_slot(v, msr);
	return true;
}

static bool write_mtrr(struct vcpu *v, u32 msr, u64 val)
{
	if (!mtrr_value_valid(v, msr, val))
		return false;
	*mtrr_slot(v, msr) = val;
	return true;
}

static bool read_mtrr_cap(struct vcpu *v, u32 msr, u64 *val)
{
	(void)v, (void)msr;
	*val = MTRR_VARIABLE | BIT(8) | BIT(10);	/* fixed ranges, write combining */
	return true;
}

static bool pat_valid(u64 val)
{
	for (u32 i = 0; i < 8; i++)
		if ((val >> 8 * i & 0xff) != 7 && !memory_type_valid(val >> 8 * i & 0xff))
			return false;
	return true;
}

/* --- Mode and system calls --- */

static bool read_efer(struct vcpu *v, u32 msr, u64 *val)
{
	struct cpu_state s;

	(void)msr;
	virt->get_state(v, &s, STATE_MODE);
	*val = s.efer;
	return true;
}

/* SDM 4 "IA32_EFER": LMA is the processor's; LME may not change while paging is on. */
static bool write_efer(struct vcpu *v, u32 msr, u64 val)
{
	struct cpu_state s;

	(void)msr;
	if (val & ~table_of(v)->efer_allowed)
		return false;
	virt->get_state(v, &s, STATE_MODE);
	if ((s.cr0 & CR0_PG) && ((val ^ s.efer) & EFER_LME))
		return false;
	s.efer = (val & ~EFER_LMA) | (s.efer & EFER_LMA);
	virt->set_state(v, &s, STATE_MODE);
	virt->flush(v);
	return true;
}

/* MSRs that are part of the processor's state. */
static u64 *state_slot(struct cpu_state *s, u32 msr)
{
	switch (msr) {
	case MSR_SYSENTER_CS:
		return &s->sysenter_cs;
	case MSR_SYSENTER_ESP:
		return &s->sysenter_esp;
	case MSR_SYSENTER_EIP:
		return &s->sysenter_eip;
	case MSR_STAR:
		return &s->star;
	case MSR_LSTAR:
		return &s->lstar;
	case MSR_CSTAR:
		return &s->cstar;
	case MSR_SFMASK:
		return &s->sfmask;
	case MSR_FS_BASE:
		return &s->seg[SEG_FS].base;
	case MSR_GS_BASE:
		return &s->seg[SEG_GS].base;
	case MSR_KERNEL_GS_BASE:
		return &s->kernel_gs_base;
	default:
		assert(msr == MSR_PAT);
		return &s->pat;
	}
}

static bool state_value_valid(u32 msr, u64 val)
{
	s64 high = (s64)val >> 47;

	if (msr == MSR_PAT)
		return pat_valid(val);
	if (msr == MSR_SYSENTER_CS || msr == MSR_STAR || msr == MSR_SFMASK)
		return true;
	return high == 0 || high == -1;
}

static bool read_state(struct vcpu *v, u32 msr, u64 *val)
{
	struct cpu_state s;

	virt->get_state(v, &s, STATE_SEGS | STATE_REST);
	*val = *state_slot(&s, msr);
	return true;
}

static bool write_state(struct vcpu *v, u32 msr, u64 val)
{
	struct cpu_state s;

	if (!state_value_valid(msr, val))
		return false;
	virt->get_state(v, &s, STATE_SEGS | STATE_REST);
	*state_slot(&s, msr) = val;
	virt->set_state(v, &s, STATE_SEGS | STATE_REST);
	return true;
}

/* --- Speculation: native when the guest's CPUID has them; here only for a vendor that traps them --- */

static bool read_spec_ctrl(struct vcpu *v, u32 msr, u64 *val)
{
	(void)msr;
	*val = v->spec_ctrl;
	return table_of(v)->has_spec_ctrl;
}

static bool write_spec_ctrl(struct vcpu *v, u32 msr, u64 val)
{
	(void)msr;
	if (!table_of(v)->has_spec_ctrl || (val & ~0x7fful))
		return false;
	v->spec_ctrl = val;
	return true;
}

static bool write_command(struct vcpu *v, u32 msr, u64 val)
{
	return val <= 1 && (msr == MSR_PRED_CMD ? table_of(v)->has_pred_cmd : table_of(v)->has_flush_cmd);
}

static bool read_arch_capabilities(struct vcpu *v, u32 msr, u64 *val)
{
	(void)msr;
	*val = table_of(v)->arch_capabilities;
	return table_of(v)->has_arch_capabilities;
}

/* --- What stock software touches on a bare machine --- */

static bool read_one(struct vcpu *v, u32 msr, u64 *val)
{
	(void)v, (void)msr;
	*val = 1;
	return true;
}

static bool read_microcode(struct vcpu *v, u32 msr, u64 *val)
{
	(void)msr;
	*val = v->bios_sign;
	return true;
}

static bool read_misc_enable(struct vcpu *v, u32 msr, u64 *val)
{
	(void)msr;
	*val = v->misc_enable;
	return !table_of(v)->amd;
}

/* Only fast strings can be switched; limits on CPUID and XD stay off. */
static bool write_misc_enable(struct vcpu *v, u32 msr, u64 val)
{
	(void)msr;
	v->misc_enable = (val & MISC_FAST_STRINGS) | MISC_NO_BTS | MISC_NO_PEBS;
	return !table_of(v)->amd;
}

static bool is_amd(const struct vcpu *v)
{
	return table_of(v)->amd;
}

static bool read_amd(struct vcpu *v, u32 msr, u64 *val)
{
	*val = msr == 0xc0010015 ? HWCR_TSC_FREQUENCY : msr == 0xc0011029 ? DE_CFG_LFENCE : 0;
	return is_amd(v);
}

static bool write_amd(struct vcpu *v, u32 msr, u64 val)
{
	(void)msr, (void)val;
	return is_amd(v);
}

/* Last-branch recording is not there; BTF and LBR may be cleared and set without effect. */
static bool write_debugctl(struct vcpu *v, u32 msr, u64 val)
{
	(void)v, (void)msr;
	return !(val & ~3ul);
}

static bool write_zero_only(struct vcpu *v, u32 msr, u64 val)
{
	(void)v, (void)msr;
	return val == 0;
}

/* Ascending, disjoint. */
static const struct msr_row rows[] = {
	{ 0x00000010, 0x00000010, read_tsc,		write_tsc },
	{ 0x00000011, 0x00000012, read_clock,		write_clock },		/* KVM, old numbers */
	{ 0x00000017, 0x00000017, read_zero,		NULL },			/* platform id */
	{ 0x0000001b, 0x0000001b, read_apic,		write_apic },
	{ 0x0000002a, 0x0000002a, read_zero,		write_ignored },	/* EBL_CR_POWERON */
	{ 0x0000003a, 0x0000003a, read_one,		NULL },			/* feature control: locked, nothing on */
	{ 0x0000003b, 0x0000003b, read_tsc_adjust,	write_tsc_adjust },
	{ 0x00000048, 0x00000048, read_spec_ctrl,	write_spec_ctrl },
	{ 0x00000049, 0x00000049, NULL,			write_command },	/* predictor barrier */
	{ 0x00000079, 0x00000079, NULL,			write_ignored },	/* microcode update: not the guest's */
	{ 0x0000008b, 0x0000008b, read_microcode,	write_ignored },
	{ 0x000000fe, 0x000000fe, read_mtrr_cap,	NULL },
	{ 0x0000010a, 0x0000010a, read_arch_capabilities, NULL },
	{ 0x0000010b, 0x0000010b, NULL,			write_command },	/* L1D flush */
	{ 0x00000174, 0x00000176, read_state,		write_state },
	{ 0x00000179, 0x00000179, read_zero,		NULL },			/* no machine-check banks */
	{ 0x0000017a, 0x0000017a, read_zero,		write_zero_only },
	{ 0x000001a0, 0x000001a0, read_misc_enable,	write_misc_enable },
	{ 0x000001d9, 0x000001d9, read_zero,		write_debugctl },
	{ 0x00000200, 0x0000020f, read_mtrr,		write_mtrr },
	{ 0x00000250, 0x00000250, read_mtrr,		write_mtrr },
	{ 0x00000258, 0x00000259, read_mtrr,		write_mtrr },
	{ 0x00000268, 0x0000026f, read_mtrr,		write_mtrr },
	{ 0x00000277, 0x00000277, read_state,		write_state },
	{ 0x000002ff, 0x000002ff, read_mtrr,		write_mtrr },
	{ 0x000006e0, 0x000006e0, read_apic,		write_apic },
	{ 0x00000800, 0x000008ff, read_apic,		write_apic },
	{ 0x40000000, 0x40000002, hyperv_msr_read,	hyperv_msr_write },
	{ 0x40000020, 0x40000023, hyperv_msr_read,	hyperv_msr_write },
	{ 0x40000070, 0x40000073, hyperv_msr_read,	hyperv_msr_write },
	{ 0x40000100, 0x40000105, hyperv_msr_read,	hyperv_msr_write },
	{ 0x4b564d00, 0x4b564d01, read_clock,		write_clock },
	{ 0x4b564d04, 0x4b564d04, pveoi_read,		pveoi_write },
	{ 0xc0000080, 0xc0000080, read_efer,		write_efer },
	{ 0xc0000081, 0xc0000084, read_state,		write_state },
	{ 0xc0000100, 0xc0000102, read_state,		write_state },
	{ 0xc0010010, 0xc0010010, read_amd,		write_amd },		/* SYSCFG */
	{ 0xc0010015, 0xc0010015, read_amd,		write_amd },		/* HWCR */
	{ 0xc001001f, 0xc001001f, read_amd,		write_amd },		/* NB_CFG */
	{ 0xc0010020, 0xc0010020, NULL,			write_amd },		/* microcode patch loader */
	{ 0xc0010055, 0xc0010055, read_amd,		write_amd },		/* interrupt pending: Linux looks for C1E */
	{ 0xc0011029, 0xc0011029, read_amd,		write_amd },		/* DE_CFG */
};

static const struct msr_row *row_find(u32 msr)
{
	u32 low = 0, high = ARRAY_COUNT(rows);

	while (low < high) {
		u32 mid = (low + high) / 2;

		if (msr > rows[mid].last)
			low = mid + 1;
		else if (msr < rows[mid].first)
			high = mid;
		else
			return &rows[mid];
	}
	return NULL;
}

bool msr_policy_read(struct vcpu *v, u32 msr, u64 *val)
{
	const struct msr_row *r = row_find(msr);

	return r && r->read && r->read(v, msr, val);
}

bool msr_policy_write(struct vcpu *v, u32 msr, u64 val)
{
	const struct msr_row *r = row_find(msr);

	return r && r->write && r->write(v, msr, val);
}

/* Counted, and told at powers of two only: a guest can do this all day. */
static enum verdict refuse(struct vcpu *v)
{
	u64 n = ++v->msr_refused;

	if (!(n & (n - 1)))
		log_debug("guest %u vcpu %u: msr: %s of %#x answered with #GP at rip %#lx (%lu so far)", v->guest->index + 1,
			v->index, v->exit.msr.write ? "write" : "read", (u32)v->gpr[RCX], v->exit.rip, n);
	return vcpu_fault(v, VEC_GP, 0);
}

/* The local APIC's timer, EOI and ICR are what guests use all the time: no search in the table. */
static inline bool is_frequent(u32 msr)
{
	return msr - MSR_X2APIC < 0x100 || msr == MSR_TSC_DEADLINE;
}

static NOINLINE enum verdict exit_rdmsr(struct vcpu *v, u32 msr)
{
	u64 val;

	if (is_frequent(msr) ? !vlapic_msr_read(v, msr, &val) : !msr_policy_read(v, msr, &val))
		return refuse(v);
	v->gpr[RAX] = (u32)val;
	v->gpr[RDX] = val >> 32;
	return NEXT;
}

enum verdict exit_msr(struct vcpu *v)
{
	u32 msr = (u32)v->gpr[RCX];
	u64 val = (u32)v->gpr[RAX] | v->gpr[RDX] << 32;

	if (!v->exit.msr.write)
		return exit_rdmsr(v, msr);
	if (is_frequent(msr) ? vlapic_msr_write(v, msr, val) : msr_policy_write(v, msr, val))
		return NEXT;
	return refuse(v);
}

/* Firmware leaves RAM write-back and the devices below 4 GiB uncached; kernels that start without firmware rely on it
 * (Linux gives up PAT where the MTRRs are off). */
static void mtrr_reset(struct vcpu *v)
{
	u64 hole = v->guest->ram_low <= 3 * GiB ? 3 * GiB : 4 * GiB - 256 * MiB;

	v->mtrr_def_type = MTRR_DEF_ENABLE | MTRR_DEF_FIXED | TYPE_WB;
	for (u32 i = 0; i < 3; i++)
		v->mtrr_fix[i] = 0x0606060606060606;
	v->mtrr_fix[2] = 0;				/* A0000H-BFFFFH: display memory */
	for (u32 i = 3; i < ARRAY_COUNT(v->mtrr_fix); i++)
		v->mtrr_fix[i] = 0x0606060606060606;
	v->mtrr_var[0] = hole;
	v->mtrr_var[1] = (table_of(v)->phys_mask & ~(4 * GiB - hole - 1)) | MTRR_VALID;
}

void policy_reset(struct vcpu *v)
{
	const struct cpuid_table *t = table_of(v);

	mtrr_reset(v);
	v->misc_enable = MISC_FAST_STRINGS | MISC_NO_BTS | MISC_NO_PEBS;
	v->bios_sign = t->amd ? t->microcode : (u64)t->microcode << 32;
	v->tsc_adjust = 0;
	v->pvclock_msr = v->wall_msr = v->pveoi_msr = v->hyperv_assist = 0;
	v->spec_ctrl = 0;
	v->msr_refused = 0;
}

void policy_trap(struct vcpu *v)
{
	const struct cpuid_table *t = table_of(v);

	virt->trap_msr(v, MSR_SPEC_CTRL, !t->has_spec_ctrl, !t->has_spec_ctrl);
	virt->trap_msr(v, MSR_PRED_CMD, true, !t->has_pred_cmd);
	virt->trap_msr(v, MSR_FLUSH_CMD, true, !t->has_flush_cmd);
	/* It runs natively, so what a former run left is in the processor. */
	if (t->has_spec_ctrl)
		wrmsr_safe(MSR_SPEC_CTRL, 0);
}
