/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt messages between the vcpus of one guest: who is addressed, how it gets there, what the ICR sends. Whatever
 * a guest writes, only its own vcpus are in reach: destinations index g->vcpu[] below g->vcpu_count. */
#include <hv/vlapic.h>

#include <hv/core.h>
#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/own_apic.h>

#include "vlapic_int.h"

#define DEST_ALL 0xffffffffu
#define ICR_LEVEL BIT32(14)
#define ICR_TRIGGER_LEVEL BIT32(15)

enum icr_shorthand { ICR_DEST, ICR_SELF, ICR_ALL, ICR_OTHERS };

/* SDM 3A "Determining IPI Destination", "Logical Destination Mode in x2APIC Mode". */
static bool matches_logical(u32 mode, u32 ldr, u32 dest)
{
	if (mode & VLAPIC_PUB_X2)
		return dest >> 16 == ldr >> 16 && (dest & ldr & 0xffff);
	if (dest > 0xff)
		return false;
	if (!(mode & VLAPIC_PUB_CLUSTER))
		return dest & ldr;
	return (dest >> 4 == ldr >> 4 || dest >> 4 == 0xf) && (dest & ldr & 0xf);
}

bool vlapic_matches(const struct guest *g, u32 index, u32 dest, bool logical)
{
	const struct vcpu_public *pub = &g->vcpu[index];
	u32 mode = load_acquire(&pub->apic_enabled);

	if (!(mode & VLAPIC_PUB_ON))
		return false;
	if (dest == DEST_ALL)
		return true;
	if (logical)
		return matches_logical(mode, load_relaxed(&pub->apic_logical), dest);
	return dest == index || (dest == 0xff && !(mode & VLAPIC_PUB_X2));
}

/* The level mark is set before the vector and stays: it says how this vector came last, as TMR does. A bit that is set
 * already was posted by someone who kicks too. To this core's own vcpu there is no need to go through memory of all. */
static void post_vector(struct guest *g, u32 index, u8 vector, bool level)
{
	struct vcpu_public *pub = &g->vcpu[index];
	u32 word = vector >> 6;
	u64 bit = BIT(vector & 63);

	if (this_core()->vcpu.pub == pub) {
		vlapic_set_irr(&this_core()->vcpu, vector, level);
		return;
	}
	if (!level && vector >= OWN_APIC_VECTOR_MIN && load_acquire(&pub->apic_enabled) & VLAPIC_PUB_OWNED) {
		own_apic_send(g->core_of[index], vector);
		return;
	}
	if (!!(load_relaxed(&pub->posted_level[word]) & bit) != level) {
		if (level)
			fetch_or(&pub->posted_level[word], bit);
		else
			fetch_and(&pub->posted_level[word], ~bit);
	}
	if (!(fetch_or(&pub->posted[word], bit) & bit))
		vcpu_request(g, index, REQ_POSTED);
}

void vlapic_post(struct guest *g, u32 index, const struct irq_message *m)
{
	assert(index < g->vcpu_count);
	switch (m->delivery) {
	case DELIVER_FIXED:
	case DELIVER_LOWEST:
		post_vector(g, index, m->vector, m->level);
		break;
	case DELIVER_NMI:
		vcpu_request(g, index, REQ_NMI);
		break;
	case DELIVER_INIT:
		vcpu_request_start(g, index, -1);
		break;
	case DELIVER_STARTUP:
		vcpu_request_start(g, index, m->vector);
		break;
	default:	/* SMI, ExtINT, reserved: this PC has none of them */
		break;
	}
}

bool vlapic_post_own(struct guest *g, u32 dest, u8 vector)
{
	struct vcpu *v = &this_core()->vcpu;

	if (dest >= g->vcpu_count || v->pub != &g->vcpu[dest])
		return false;
	vlapic_put_irr(v, vector, false);
	return true;
}

bool vlapic_post_owner(struct guest *g, u32 dest, u8 vector)
{
	if (dest >= g->vcpu_count || vector < OWN_APIC_VECTOR_MIN || this_core()->vcpu.pub == &g->vcpu[dest] ||
	    !(load_acquire(&g->vcpu[dest].apic_enabled) & VLAPIC_PUB_OWNED))
		return false;
	own_apic_send(g->core_of[dest], vector);
	return true;
}

static void send_self(struct vcpu *v, const struct irq_message *m)
{
	if (m->delivery == DELIVER_FIXED)
		vlapic_set_irr(v, m->vector, false);
	else if (m->delivery == DELIVER_NMI)
		vlapic_post(v->guest, v->index, m);
}

static void send_others(struct vcpu *v, const struct irq_message *m)
{
	for (u32 i = 0; i < v->guest->vcpu_count; i++)
		if (i != v->index && vlapic_matches(v->guest, i, DEST_ALL, false))
			vlapic_post(v->guest, i, m);
}

/* APIC ids are vcpu indexes: a physical destination that is no index names nobody. */
static void send_to_dest(struct vcpu *v, const struct irq_message *m)
{
	struct guest *g = v->guest;

	if (m->logical || m->dest == DEST_ALL)
		(void)irq_message_send(g, m);
	else if (m->dest == v->index && m->delivery == DELIVER_FIXED)
		vlapic_set_irr(v, m->vector, false);
	else if (m->dest < g->vcpu_count && vlapic_matches(g, m->dest, m->dest, false))
		vlapic_post(g, m->dest, m);
}

/* Checks first. SDM 3A "Interrupt Command Register (ICR)": reserved modes and INIT level de-assert do nothing. */
static bool icr_is_sendable(struct vcpu *v, const struct irq_message *m, u32 icr)
{
	switch (m->delivery) {
	case DELIVER_FIXED:
	case DELIVER_LOWEST:
		if (m->vector < VECTOR_MIN)
			vlapic_record_error(v, ESR_SEND_ILLEGAL);
		return m->vector >= VECTOR_MIN;
	case DELIVER_INIT:
		return (icr & (ICR_LEVEL | ICR_TRIGGER_LEVEL)) != ICR_TRIGGER_LEVEL;
	case DELIVER_NMI:
	case DELIVER_STARTUP:
		return true;
	default:
		return false;
	}
}

void vlapic_icr_send(struct vcpu *v)
{
	const struct vlapic *l = &v->lapic;
	u32 icr = (u32)l->icr;
	struct irq_message m = {
		.dest = (u32)(vlapic_is_x2(l) ? l->icr >> 32 : l->icr >> 56),
		.logical = icr & BIT32(11),
		.delivery = icr >> 8 & 7,
		.vector = (u8)icr,
	};

	if (!vlapic_is_x2(l) && !m.logical && m.dest == 0xff)
		m.dest = DEST_ALL;
	if (!icr_is_sendable(v, &m, icr))
		return;
	switch ((enum icr_shorthand)(icr >> 18 & 3)) {
	case ICR_DEST:
		send_to_dest(v, &m);
		break;
	case ICR_SELF:
		send_self(v, &m);
		break;
	case ICR_ALL:
		send_others(v, &m);
		send_self(v, &m);
		break;
	case ICR_OTHERS:
		send_others(v, &m);
		break;
	}
}
