/* SPDX-License-Identifier: Apache-2.0 */
/* The wires of a guest's PC: which line goes to which pin of the PIC and of the IOAPIC. */
#include <hv/irq.h>

#include <hv/lib.h>
#include <hv/lock.h>

#include "models.h"

#define PIC_CASCADE 2
#define IOAPIC_PIN_PIT 2	/* the MADT's interrupt source override */

/* PIRQx_ROUT: bit 7 off, bits 3:0 one of the lines that ISA leaves free. Intel ICH9 datasheet "PIRQ[n]_ROUT". */
#define PIRQ_ROUTE_OFF 0x80u
#define PIRQ_ROUTE_VALID 0xdef8u

#define LEGACY_LINES (BIT32(IRQ_PIT) | BIT32(IRQ_RTC))

/* The lines of all devices but PCI's; the HPET may stand in for PIT and RTC, whose lines lead nowhere then. */
static u32 irq_isa_lines(const struct pc *pc)
{
	return pc->hpet_lines | (vhpet_replaces_legacy(&pc->hpet) ? pc->lines & ~LEGACY_LINES : pc->lines);
}

/* What the PIC sees: its own lines, and the PCI wires that the bridge routes to them. */
static void irq_settle_pic(struct guest *g)
{
	struct pc *pc = g->pc;
	u32 want = irq_isa_lines(pc) & (BIT32(VPIC_LINES) - 1), changed;

	for (u32 left = pc->pirqs; left; left &= left - 1) {
		u8 route = pc->pirq_route[__builtin_ctz(left)];

		if (!(route & PIRQ_ROUTE_OFF))
			want |= BIT32(route & 15) & PIRQ_ROUTE_VALID;
	}
	changed = want ^ pc->pic_wires;
	pc->pic_wires = want;
	for (; changed; changed &= changed - 1) {
		u32 line = (u32)__builtin_ctz(changed);

		vpic_set_line(&pc->pic, line, want >> line & 1);
	}
}

/* What the IOAPIC sees on each line. */
static void irq_settle_ioapic(struct guest *g, u32 lines)
{
	struct pc *pc = g->pc;
	u32 level = irq_isa_lines(pc) | pc->pirqs << VPCI_GSI_BASE;

	for (; lines; lines &= lines - 1) {
		u32 line = (u32)__builtin_ctz(lines);

		vioapic_set_pin(&pc->ioapic, line == IRQ_PIT ? IOAPIC_PIN_PIT : line, level >> line & 1);
	}
}

static void irq_settle(struct guest *g, u32 lines)
{
	irq_settle_pic(g);
	irq_settle_ioapic(g, lines);
}

void irq_set(struct guest *g, unsigned int line, bool level)
{
	struct pc *pc = g->pc;

	assert(line < IRQ_LINES && line != PIC_CASCADE);
	if ((pc->lines >> line & 1) == level)
		return;
	pc->lines ^= BIT32(line);
	irq_settle(g, BIT32(line));
}

void irq_set_pirq(struct guest *g, unsigned int pirq, bool level)
{
	struct pc *pc = g->pc;

	assert(pirq < VPCI_PIRQS);
	if ((pc->pirqs >> pirq & 1) == level)
		return;
	pc->pirqs ^= BIT32(pirq);
	irq_settle(g, BIT32(VPCI_GSI_BASE + pirq));
}

void irq_set_hpet(struct guest *g, u32 lines)
{
	u32 changed = g->pc->hpet_lines ^ lines;

	g->pc->hpet_lines = lines;
	irq_settle(g, changed);
}

void irq_settle_legacy(struct guest *g)
{
	irq_settle(g, LEGACY_LINES);
}

void irq_route_pirq(struct guest *g, unsigned int pirq, u8 route)
{
	assert(pirq < VPCI_PIRQS);
	g->pc->pirq_route[pirq] = route;
	irq_settle_pic(g);
}

void irq_pic_output(struct guest *g, bool level)
{
	(void)level;	/* vcpu 0 asks for it under the lock, when it is about to use it */
	vcpu_request(g, 0, REQ_PIC);
}

void irq_eoi_broadcast(struct guest *g, u8 vector)
{
	spin_lock(&g->device_lock);
	vioapic_eoi(&g->pc->ioapic, vector);
	spin_unlock(&g->device_lock);
}
