/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A local APIC in software: xAPIC page, x2APIC MSRs, timer (1 GHz one-shot and periodic, TSC-deadline), IPIs.
 * Belongs to its vcpu: only the vcpu's own core calls these. SDM 3A "Advanced Programmable Interrupt Controller". */

#include <hv/types.h>

struct vcpu;

#define APIC_BASE_BSP BIT(8)
#define APIC_BASE_X2 BIT(10)
#define APIC_BASE_ENABLE BIT(11)
#define VLAPIC_ADDRESS 0xfee00000ul
#define VLAPIC_TIMER_HZ 1000000000ul

/* vcpu_public.apic_enabled, published by the owner for whoever addresses this vcpu. vcpu_public.apic_logical is the
 * 8-bit LDR in xAPIC mode and the whole 32-bit LDR in x2APIC mode. The two words may be seen out of step for a moment,
 * as a real LDR write may race with a message. */
#define VLAPIC_PUB_ON 1u	/* APIC_BASE.EN: takes INIT, SIPI, NMI */
#define VLAPIC_PUB_SOFT 2u	/* SVR bit 8: takes vectors */
#define VLAPIC_PUB_X2 4u
#define VLAPIC_PUB_CLUSTER 8u	/* xAPIC with DFR in the cluster model, else flat */
#define VLAPIC_PUB_OWNED 16u	/* it has its core's own local APIC: edges are sent by the hardware */

struct vlapic {
	u64 base;		/* IA32_APIC_BASE as the guest sees it */
	u32 id;
	u32 tpr, ldr, dfr, svr, esr, esr_pending;
	u64 icr;
	u32 lvt[7];		/* CMCI(unused) timer thermal perf lint0 lint1 error */
	u64 isr[4], tmr[4], irr[4];
	u32 timer_initial, timer_divide;
	u64 timer_deadline;	/* host TSC of the next expiry; U64_MAX: not armed */
	u64 timer_period;	/* ticks of timer_initial, at least period_min */
	u64 tsc_deadline;	/* MSR 6E0H in guest ticks; 0 not armed */
	u8 isrv;		/* highest vector in service; 0 none */
	u8 irrv;		/* highest vector pending; 0 none */
	bool takes;		/* on, enabled by SVR, and in software: vlapic_publish() */
	bool owned;		/* the vcpu has its core's own: hv/core/vlapic_own.c */
	bool eoi_armed;		/* isrv is the only one in service, and the guest may end it in *eoi_word */
	u32 *eoi_word;		/* in guest RAM; null: every EOI is an access */

	/* Set at power-on from the timebase: 1 GHz counts to ticks and back, as fractions of 2^32. */
	u64 tick_mul, count_mul;
	u64 period_min;		/* ticks: a periodic timer may not be faster */

	u64 level[4];		/* owned: level-triggered vectors that wait for their EOI */
};

/* Power-on state (init = false) or what INIT leaves (true: the APIC id and base survive). */
void vlapic_reset(struct vcpu *v, bool init);

/* What firmware leaves on the boot processor: software enabled, LINT0 takes the PIC, LINT1 is NMI. */
void vlapic_wire_as_firmware(struct vcpu *v);

/* One access to the xAPIC page at VLAPIC_ADDRESS + off. Wrong sizes and reserved registers as the manual says. */
u32 vlapic_mmio_read(struct vcpu *v, u32 off);
void vlapic_mmio_write(struct vcpu *v, u32 off, u32 val);

/* MSR 800H-8FFH, 6E0H and 1BH. false: #GP(0). */
bool vlapic_msr_read(struct vcpu *v, u32 msr, u64 *val);
bool vlapic_msr_write(struct vcpu *v, u32 msr, u64 val);

/* Take over vectors that others posted in v->pub->posted[]. */
void vlapic_take_posted(struct vcpu *v);

/* Set vector pending in this vcpu's own APIC. Vectors below 16 record an error instead. */
void vlapic_set_irr(struct vcpu *v, u8 vector, bool level);

/* Highest deliverable vector above the processor priority, or -1. accept: move it from IRR to ISR. */
int vlapic_pending(struct vcpu *v);
void vlapic_accept(struct vcpu *v, u8 vector);

/* Bit 0 of the word tells the guest that the interrupt in service needs no EOI access: it clears the bit instead. That is
 * so while nothing else is pending and it is edge triggered. word: guest RAM, checked; null: no longer. Lasts until INIT. */
#define VLAPIC_EOI_SKIP 1u
void vlapic_set_eoi_word(struct vcpu *v, u32 *word);

/* Task priority as CR8 shows it (0..15). */
u64 vlapic_get_cr8(struct vcpu *v);
void vlapic_set_cr8(struct vcpu *v, u64 cr8);

/* Timer. Register writes that arm it also move v->deadline earlier.
 * Run: fire what is due at host TSC now; the next host TSC at which to call again, or U64_MAX. */
void vlapic_timer_run(struct vcpu *v, u64 now);
u64 vlapic_timer_next(const struct vcpu *v);

/* v->tsc_offset has grown by that much: an armed TSC deadline is moved with it. */
void vlapic_tsc_moved(struct vcpu *v, u64 by);

/* Give v its core's own local APIC as soon as that may be: its guest is made for it (guest.apic_owned), it runs in x2APIC
 * mode, nothing is in service. true: it has it from now on, and the deadline of its timer is its own. Before an entry. / Take
 * it back: nothing that was pending is kept. INIT, the end of a run, a guest that switches it off. */
bool vlapic_settle_owner(struct vcpu *v);
void vlapic_disown(struct vcpu *v);

/* The clock of this file, host TSC; unit tests bring their own. */
u64 vlapic_now(void);

/* Does the PIC's INTR reach this vcpu (LINT0 in ExtINT mode and unmasked, or APIC disabled)? */
bool vlapic_accepts_extint(const struct vcpu *v);

/* Does dest name vcpu index of g? Physical or logical (xAPIC flat/cluster, x2APIC cluster) by that vcpu's mode; uses
 * only public fields. Any core of the guest. */
struct guest;
bool vlapic_matches(const struct guest *g, u32 index, u32 dest, bool logical);

/* Hand m to vcpu index of g, whether dest names it or not: vectors are posted, NMI, INIT and SIPI become requests, what
 * this PC does not have (SMI, ExtINT) is dropped. Any core of the guest. */
struct irq_message;
void vlapic_post(struct guest *g, u32 index, const struct irq_message *m);

/* A vector, by an edge, to the vcpu with the id dest if that is the one of this core: at once, without a request. false: it
 * is not. One of the guest's cores. */
bool vlapic_post_own(struct guest *g, u32 dest, u8 vector);

/* The same to another core's vcpu that has its core's own local APIC. false: it has not, or it is this core's. One of the guest's
 * cores, or the control core. */
bool vlapic_post_owner(struct guest *g, u32 dest, u8 vector);
