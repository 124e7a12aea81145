/* SPDX-License-Identifier: Apache-2.0 */
/* The wires of a guest's PC: which line goes to which pin of the PIC and of the IOAPIC. */
#include <hv/irq.h>

#include <hv/lib.h>
#include <hv/lock.h>

#include "models.h"

#define PIC_CASCADE 2
#define IOAPIC_PIN_PIT 2	/* the MADT's interrupt source override */

void irq_set(struct guest *g, unsigned int line, bool level)
{
	struct pc *pc = g->pc;

	assert(line < IRQ_LINES && line != PIC_CASCADE);
	if ((pc->lines >> line & 1) == level)
		return;
	pc->lines ^= BIT32(line);
	if (line < VPIC_LINES)
		vpic_set_line(&pc->pic, line, level);
	vioapic_set_pin(&pc->ioapic, line == IRQ_PIT ? IOAPIC_PIN_PIT : line, level);
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
