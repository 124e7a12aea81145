/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the software local APIC share. SDM 3A "Local APIC Register Address Map" and "x2APIC Register
 * Address Space": a register is named by its x2APIC MSR less 800H, which is its offset in the page / 16. */

#include <hv/vcpu.h>

enum vlapic_register {
	REG_ID = 0x02, REG_VERSION = 0x03, REG_TPR = 0x08, REG_APR = 0x09, REG_PPR = 0x0a, REG_EOI = 0x0b,
	REG_RRD = 0x0c, REG_LDR = 0x0d, REG_DFR = 0x0e, REG_SVR = 0x0f, REG_ISR = 0x10, REG_TMR = 0x18,
	REG_IRR = 0x20, REG_ESR = 0x28, REG_ICR = 0x30, REG_ICR_HIGH = 0x31, REG_LVT_TIMER = 0x32,
	REG_LVT_THERMAL = 0x33, REG_LVT_PERF = 0x34, REG_LVT_LINT0 = 0x35, REG_LVT_LINT1 = 0x36,
	REG_LVT_ERROR = 0x37, REG_TIMER_INITIAL = 0x38, REG_TIMER_CURRENT = 0x39, REG_TIMER_DIVIDE = 0x3e,
	REG_SELF_IPI = 0x3f, REG_COUNT = 0x40
};

enum vlapic_lvt { LVT_CMCI, LVT_TIMER, LVT_THERMAL, LVT_PERF, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_COUNT };

#define LVT_MASKED BIT32(16)
#define LVT_DELIVERY(lvt) ((lvt) >> 8 & 7)
#define LVT_MODE 0x60000u
#define LVT_MODE_ONE_SHOT 0u
#define LVT_MODE_PERIODIC 0x20000u
#define LVT_MODE_DEADLINE 0x40000u

#define SVR_ENABLE BIT32(8)

#define ESR_SEND_ILLEGAL BIT32(5)
#define ESR_RECEIVE_ILLEGAL BIT32(6)
#define ESR_REGISTER_ILLEGAL BIT32(7)

#define VECTOR_MIN 16		/* vectors below cannot be sent or received */

#define MSR_APIC_BASE 0x1bu
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_X2APIC 0x800u
#define MSR_X2APIC_LAST 0x8ffu

static inline bool vlapic_is_x2(const struct vlapic *l)
{
	return l->base & APIC_BASE_X2;
}

static inline bool vlapic_is_on(const struct vlapic *l)
{
	return l->base & APIC_BASE_ENABLE;
}

/* Record an error for ESR and raise the error LVT. vlapic.c */
void vlapic_record_error(struct vcpu *v, u32 esr_bit);

static inline void vlapic_bit_put(u64 bits[4], u8 n, bool on)
{
	if (on)
		bits[n >> 6] |= BIT(n & 63);
	else
		bits[n >> 6] &= ~BIT(n & 63);
}

/* vlapic_own.c. A vector for an APIC that is owned, or takes none; EOI, SVR and the deadline where they exit all the same. */
void vlapic_own_put(struct vcpu *v, u8 vector, bool level);
void vlapic_own_eoi(struct vcpu *v);
void vlapic_own_svr(struct vcpu *v);
void vlapic_own_tsc_moved(struct vcpu *v, u64 by);
void vlapic_own_write_deadline(struct vcpu *v, u64 val);
u64 vlapic_own_read_deadline(const struct vcpu *v);

/* vlapic_set_irr(), in line. */
static inline void vlapic_put_irr(struct vcpu *v, u8 vector, bool level)
{
	struct vlapic *l = &v->lapic;

	if (UNLIKELY(!l->takes)) {
		vlapic_own_put(v, vector, level);
		return;
	}
	if (vector < VECTOR_MIN) {
		vlapic_record_error(v, ESR_RECEIVE_ILLEGAL);
		return;
	}
	vlapic_bit_put(l->irr, vector, true);
	vlapic_bit_put(l->tmr, vector, level);
	if (vector > l->irrv)
		l->irrv = vector;
}

/* Publish what vlapic_matches() reads. vlapic.c */
void vlapic_publish(struct vcpu *v);

/* End of the interrupt in service; a level-triggered one is told to the IOAPIC. vlapic.c */
void vlapic_eoi(struct vcpu *v);

/* The guest may have ended the interrupt in service in its RAM: see to it before isr[] is used; from here on it needs an
 * access again. vlapic.c */
void vlapic_settle_eoi(struct vcpu *v);

/* MSR 1BH. false: #GP(0). vlapic.c */
bool vlapic_write_base(struct vcpu *v, u64 val);

/* The ICR was written: send. vlapic_ipi.c */
void vlapic_icr_send(struct vcpu *v);

/* Timer registers. vlapic_timer.c */
void vlapic_timer_init(struct vlapic *l);
void vlapic_timer_stop(struct vlapic *l);
void vlapic_timer_write_lvt(struct vcpu *v, u32 val);
void vlapic_timer_write_initial(struct vcpu *v, u32 val);
void vlapic_timer_write_divide(struct vcpu *v, u32 val);
u32 vlapic_timer_current(const struct vlapic *l);
void vlapic_timer_write_deadline(struct vcpu *v, u64 val);
