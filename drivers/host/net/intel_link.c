/* SPDX-License-Identifier: Apache-2.0 */
/* A card that runs: its link, its own counters, its interrupts, and whether it is still there. */
#include <hv/lib.h>
#include <hv/log.h>

#include "intel.h"

enum { STATUS_LINK = 0x02, STATUS_SPEED_SHIFT = 6 };
enum { CAUSE_SENT = BIT32(0), CAUSE_LINK = BIT32(2), CAUSE_FEW = BIT32(4), CAUSE_OVERRUN = BIT32(6), CAUSE_RECEIVED = BIT32(7),
	CAUSE_RX_QUEUE = BIT32(20), CAUSE_TX_QUEUE = BIT32(22), CAUSE_OTHER = BIT32(24) };	/* 20 and up: 82574 with MSI-X */
#define QUEUE_CAUSES (CAUSE_RX_QUEUE | CAUSE_TX_QUEUE | CAUSE_OTHER)
#define IVAR_82574 0x00080808u		/* both queues 0 and the rest: vector 0, valid */
#define GPIE_MSIX (BIT32(4) | BIT32(31))
#define IVAR_QUEUES 0x00008080u
#define IVAR_OTHER 0x00008000u
#define ITR_UNITS 195u			/* of 256 ns: 20,000 a second at most */
#define EITR_US (50u << 2)

/* A card that does not answer reads as ones: pulled out, or its bus is dead. Nothing is done with it any more. */
static void give_up(struct intel *c)
{
	log_notice("%s: %s is gone", c->net.name, c->net.kind);
	c->state = INTEL_DEAD;
	pci_set_master(c->pci, false);
	nic_set_link(&c->net, false, 0);
	intel_tx_clear(c);
}

/* These clear themselves when read. */
static void read_counters(struct intel *c)
{
	static const u16 bad[] = { REG_CRCERRS, REG_RXERRC, REG_RLEC, REG_RUC, REG_ROC };

	c->net.stats.rx_no_buffer += intel_read(c, REG_MPC);
	for (u32 i = 0; i < ARRAY_COUNT(bad); i++)
		c->net.stats.rx_errors += intel_read(c, bad[i]);
}

void intel_look(struct intel *c, u64 now)
{
	static const u16 mbit[] = { 10, 100, 1000, 1000 };
	u32 status = intel_read(c, REG_STATUS);

	(void)now;
	if (status == ~0u) {
		give_up(c);
		return;
	}
	read_counters(c);
	nic_set_link(&c->net, status & STATUS_LINK, mbit[status >> STATUS_SPEED_SHIFT & 3]);
}

static void prepare_messages(struct intel *c)
{
	bool msix = c->pci->message_kind == PCI_CAP_MSIX;

	if (c->chip->family == INTEL_IGB) {
		intel_write(c, REG_GPIE, msix ? GPIE_MSIX : 0);
		intel_write(c, REG_IVAR, IVAR_QUEUES);
		intel_write(c, REG_IVAR_MISC, IVAR_OTHER);
		intel_write(c, REG_EIAC, msix ? 1 : 0);
		intel_write(c, REG_EITR, EITR_US);
		return;
	}
	intel_write(c, REG_ITR, ITR_UNITS);
	if (c->chip->family == INTEL_E1000E && msix) {
		intel_write(c, REG_IVAR_82574, IVAR_82574);
		intel_write(c, REG_EIAC_82574, QUEUE_CAUSES);
		intel_write(c, REG_EITR_82574, ITR_UNITS);
	}
}

/* What was pending is forgotten, so that the next cause sends a message; who calls looks at the rings afterwards. MSI-X
 * messages clear their own cause. */
void intel_arm(struct intel *c)
{
	bool msix = c->pci->message_kind == PCI_CAP_MSIX;
	u32 causes = CAUSE_SENT | CAUSE_LINK | CAUSE_FEW | CAUSE_OVERRUN | CAUSE_RECEIVED;

	if (!c->pci->message_kind || (c->armed && msix))
		return;
	if (!c->prepared)
		prepare_messages(c);
	c->armed = c->prepared = true;
	if (intel_read(c, REG_ICR) & CAUSE_LINK)
		c->look_next = 0;
	if (c->chip->family == INTEL_E1000E && msix)
		causes = QUEUE_CAUSES | CAUSE_LINK;
	if (c->chip->family == INTEL_IGB && msix) {
		intel_write(c, REG_EIMS, 1);
		causes = CAUSE_LINK;
	}
	intel_write(c, REG_IMS, causes);
}

void intel_disarm(struct intel *c)
{
	if (!c->armed)
		return;
	c->armed = false;
	intel_write(c, REG_IMC, ~0u);
	if (c->chip->family == INTEL_IGB)
		intel_write(c, REG_EIMC, ~0u);
}
