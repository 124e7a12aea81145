/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt state of the software local APIC: what is pending, what is in service, who comes next. Registers are in
 * vlapic_reg.c, the timer in vlapic_timer.c, messages between vcpus in vlapic_ipi.c. */
#include <hv/vlapic.h>

#include <hv/guest.h>
#include <hv/lib.h>

#include "vlapic_int.h"

/* Nearly always there is none. */
static u8 bits_highest(const u64 bits[4])
{
	if (LIKELY(!(bits[0] | bits[1] | bits[2] | bits[3])))
		return 0;
	for (int i = 3; i >= 0; i--)
		if (bits[i])
			return (u8)(i * 64 + 63 - __builtin_clzll(bits[i]));
	return 0;
}

static bool bits_test(const u64 bits[4], u8 n)
{
	return bits[n >> 6] & BIT(n & 63);
}

void vlapic_publish(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;
	u32 mode = 0;

	l->takes = vlapic_is_on(l) && l->svr & SVR_ENABLE && !l->owned;
	if (l->owned)
		mode |= VLAPIC_PUB_OWNED;
	if (vlapic_is_on(l))
		mode |= VLAPIC_PUB_ON;
	if (l->svr & SVR_ENABLE)
		mode |= VLAPIC_PUB_SOFT;
	if (vlapic_is_x2(l))
		mode |= VLAPIC_PUB_X2;
	else if (l->dfr >> 28 != 0xf)
		mode |= VLAPIC_PUB_CLUSTER;
	store_relaxed(&v->pub->apic_logical, vlapic_is_x2(l) ? l->ldr : l->ldr >> 24);
	store_release(&v->pub->apic_enabled, mode);
}

/* Take the guest's leave back. true: it had been used. */
static bool eoi_disarm(struct vlapic *l)
{
	if (!l->eoi_armed)
		return false;
	l->eoi_armed = false;
	return !(fetch_and(l->eoi_word, ~VLAPIC_EOI_SKIP) & VLAPIC_EOI_SKIP);
}

/* SDM 3A "Local APIC State After Power-Up or Reset"; INIT leaves the same but for the id and IA32_APIC_BASE. */
static void vlapic_clear(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;

	vlapic_disown(v);
	eoi_disarm(l);
	l->tpr = l->esr = l->esr_pending = 0;
	l->icr = 0;
	l->svr = 0xff;
	l->dfr = ~0u;
	l->ldr = vlapic_is_x2(l) ? (l->id >> 4) << 16 | BIT32(l->id & 15) : 0;
	for (u32 i = 0; i < LVT_COUNT; i++)
		l->lvt[i] = LVT_MASKED;
	for (u32 i = 0; i < 4; i++) {
		l->isr[i] = l->tmr[i] = l->irr[i] = 0;
		(void)exchange(&v->pub->posted[i], 0);
	}
	l->isrv = l->irrv = 0;
	l->timer_initial = l->timer_divide = 0;
	vlapic_timer_stop(l);
	vlapic_publish(v);
}

void vlapic_reset(struct vcpu *v, bool init)
{
	struct vlapic *l = &v->lapic;

	if (!init) {
		*l = (struct vlapic){ .id = v->index };
		l->base = VLAPIC_ADDRESS | APIC_BASE_ENABLE | (v->index == 0 ? APIC_BASE_BSP : 0);
		vlapic_timer_init(l);
	}
	vlapic_clear(v);
	l->eoi_word = NULL;
}

void vlapic_wire_as_firmware(struct vcpu *v)
{
	v->lapic.svr |= SVR_ENABLE;
	v->lapic.lvt[LVT_LINT0] = DELIVER_EXTINT << 8;
	v->lapic.lvt[LVT_LINT1] = DELIVER_NMI << 8;
	vlapic_publish(v);
}

/* An illegal vector in the error LVT itself is recorded and goes no further: XSA-462 was this recursion. */
void vlapic_record_error(struct vcpu *v, u32 esr_bit)
{
	struct vlapic *l = &v->lapic;
	u32 lvt = l->lvt[LVT_ERROR];

	if (l->esr_pending & esr_bit)
		return;
	l->esr_pending |= esr_bit;
	if (lvt & LVT_MASKED)
		return;
	if ((u8)lvt < VECTOR_MIN)
		l->esr_pending |= ESR_RECEIVE_ILLEGAL;
	else
		vlapic_set_irr(v, (u8)lvt, false);
}

void vlapic_set_irr(struct vcpu *v, u8 vector, bool level)
{
	vlapic_put_irr(v, vector, level);
}

void vlapic_take_posted(struct vcpu *v)
{
	for (u32 i = 0; i < 4; i++) {
		u64 *word = &v->pub->posted[i];
		u64 bits = load_relaxed(word) ? exchange(word, 0) : 0;
		u64 level = bits ? load_relaxed(&v->pub->posted_level[i]) : 0;

		for (; bits; bits &= bits - 1) {
			u32 bit = (u32)__builtin_ctzll(bits);

			vlapic_set_irr(v, (u8)(i * 64 + bit), level >> bit & 1);
		}
	}
}

/* SDM 3A "Interrupt, Task, and Processor Priority": only the class, bits 7:4, decides. */
int vlapic_pending(struct vcpu *v)
{
	const struct vlapic *l = &v->lapic;
	u32 class = l->irrv & 0xf0u;

	if (!class)
		return -1;
	vlapic_settle_eoi(v);
	if (class > (l->tpr & 0xf0) && class > (l->isrv & 0xf0u))
		return l->irrv;
	return -1;
}

void vlapic_accept(struct vcpu *v, u8 vector)
{
	struct vlapic *l = &v->lapic;

	assert(bits_test(l->irr, vector));
	vlapic_bit_put(l->irr, vector, false);
	vlapic_bit_put(l->isr, vector, true);
	l->irrv = bits_highest(l->irr);
	if (l->eoi_word && !(l->irrv | l->isrv) && !bits_test(l->tmr, vector)) {
		l->eoi_armed = true;
		fetch_or(l->eoi_word, VLAPIC_EOI_SKIP);
	}
	l->isrv = MAX(l->isrv, vector);
}

static void end_service(struct vcpu *v)
{
	struct vlapic *l = &v->lapic;
	u8 vector = l->isrv;

	if (!vector)
		return;
	vlapic_bit_put(l->isr, vector, false);
	l->isrv = bits_highest(l->isr);
	if (bits_test(l->tmr, vector))
		irq_eoi_broadcast(v->guest, vector);
}

void vlapic_settle_eoi(struct vcpu *v)
{
	if (eoi_disarm(&v->lapic))
		end_service(v);
}

void vlapic_eoi(struct vcpu *v)
{
	if (UNLIKELY(v->lapic.owned)) {
		vlapic_own_eoi(v);
		return;
	}
	vlapic_settle_eoi(v);
	end_service(v);
}

void vlapic_set_eoi_word(struct vcpu *v, u32 *word)
{
	vlapic_settle_eoi(v);
	v->lapic.eoi_word = word;
}

u64 vlapic_get_cr8(struct vcpu *v)
{
	return v->lapic.tpr >> 4;
}

void vlapic_set_cr8(struct vcpu *v, u64 cr8)
{
	v->lapic.tpr = (u32)(cr8 & 15) << 4;
}

bool vlapic_accepts_extint(const struct vcpu *v)
{
	const struct vlapic *l = &v->lapic;
	u32 lint0 = l->lvt[LVT_LINT0];

	return !vlapic_is_on(l) || (!(lint0 & LVT_MASKED) && LVT_DELIVERY(lint0) == DELIVER_EXTINT);
}

/* SDM 3A "Local APIC State Transitions with IA32_APIC_BASE", "x2APIC State Transitions". The page stays where it is:
 * moving it over something else is refused. */
bool vlapic_write_base(struct vcpu *v, u64 val)
{
	struct vlapic *l = &v->lapic;
	bool on = val & APIC_BASE_ENABLE, x2 = val & APIC_BASE_X2;
	u64 was = l->base;

	if ((val & ~(APIC_BASE_BSP | APIC_BASE_X2 | APIC_BASE_ENABLE)) != VLAPIC_ADDRESS)
		return false;
	if (x2 && (!on || !(was & APIC_BASE_ENABLE)))
		return false;
	if (on && !x2 && (was & APIC_BASE_X2))
		return false;
	l->base = val;
	if (((was ^ val) & APIC_BASE_ENABLE)) {
		vlapic_clear(v);
	} else if ((was ^ val) & APIC_BASE_X2) {
		l->ldr = (l->id >> 4) << 16 | BIT32(l->id & 15);
		vlapic_publish(v);
	}
	v->look = true;		/* it may have its core's own now: vlapic_settle_owner() */
	return true;
}
