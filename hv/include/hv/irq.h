/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Interrupt lines inside one guest's PC: models raise a line, the PIC and IOAPIC models turn it into vectors.
 * All under the guest's device lock, on one of the guest's own cores. */

#include <hv/types.h>

struct guest;

enum irq_line { IRQ_PIT = 0, IRQ_KEYBOARD = 1, IRQ_COM2 = 3, IRQ_COM1 = 4, IRQ_RTC = 8, IRQ_SCI = 9, IRQ_MOUSE = 12,
	IRQ_LINES = 24 };

/* Drive line (ISA numbering = GSI; 0 is also wired to IOAPIC pin 2) to level. Idempotent. Device lock held. */
void irq_set(struct guest *g, unsigned int line, bool level);

/* Drive PCI wire pirq (0..7) to level: IOAPIC pin 16 + pirq, and the PIC line that it is routed to. Idempotent. Route
 * it: the value of the bridge's PIRQx_ROUT register. Device lock held. */
void irq_set_pirq(struct guest *g, unsigned int pirq, bool level);
void irq_route_pirq(struct guest *g, unsigned int pirq, u8 route);

/* The lines that the HPET holds high, a bit each; and: it has taken the lines of PIT and RTC, or given them back.
 * Device lock held. */
void irq_set_hpet(struct guest *g, u32 lines);
void irq_settle_legacy(struct guest *g);

/* A message that an IOAPIC or an MSI capability sends, in the local APIC's terms. SDM 3A "Message Address Register
 * Format"; dest is 8 bits, or 15 with KVM's extended destination id. */
enum delivery { DELIVER_FIXED = 0, DELIVER_LOWEST = 1, DELIVER_SMI = 2, DELIVER_NMI = 4, DELIVER_INIT = 5,
	DELIVER_STARTUP = 6, DELIVER_EXTINT = 7 };

struct irq_message {
	u32 dest;
	bool logical;
	u8 delivery;	/* enum delivery */
	u8 vector;
	bool level;
};

/* Deliver to every vcpu that dest names; physical FFH and FFFFFFFFH are all of them. Nothing matches: dropped, false.
 * Any core of this guest. */
bool irq_message_send(struct guest *g, const struct irq_message *m);

/* The PIC model's INTR output changed: vcpu 0 looks at it before its next entry. Device lock held. */
void irq_pic_output(struct guest *g, bool level);

/* A vcpu's local APIC saw the EOI of a level-triggered vector: the IOAPIC clears remote IRR. Takes the device lock.
 * */
void irq_eoi_broadcast(struct guest *g, u8 vector);
