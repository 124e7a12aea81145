/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One of Intel's cards in memory: its registers, and what it does to the rings, in the formats of each generation (written
 * from the datasheets, apart from the driver's own). */

#include <drivers/host/net/intel.h>

#include "nic_fake.h"

extern const struct host_driver intel_driver;

struct sent {
	u32 len, pieces;
	u8 bytes[NET_GSO_MAX + 512];
	bool held;			/* some of it lies outside of the driver's buffers */
	bool context;
	u64 context_address;		/* of the context descriptor before it */
	u32 context_low, context_high, low, high;	/* of it and of the first data descriptor */
};

static struct {
	struct intel *c;
	u32 rx_at, tx_at;
	bool stuck;			/* sends nothing */
	bool no_reset, no_queues;	/* never ends; never start */
	bool bare, no_eeprom;		/* a reset leaves no address; nothing can be read there, either */
	struct sent sent;
	u32 frames;			/* sent so far */
} card;

static u32 reg(u32 off)
{
	return *(u32 *)(void *)(fake_regs + off);
}

static void set_reg(u32 off, u32 val)
{
	*(u32 *)(void *)(fake_regs + off) = val;
}

/* What it does by itself when a register was written. */
static void card_turn(void)
{
	if (reg(REG_CTRL) & BIT32(26) && !card.no_reset) {
		set_reg(REG_CTRL, 0);
		set_reg(REG_RXDCTL, 0);
		set_reg(REG_TXDCTL, 0);
		set_reg(REG_RAL, card.bare ? 0 : 0x12005452);
		set_reg(REG_RAH, card.bare ? 0 : 0x80005634);
		card.rx_at = card.tx_at = 0;
	}
	if (card.no_queues)
		set_reg(REG_RXDCTL, reg(REG_RXDCTL) & ~BIT32(25));
	if (reg(REG_EERD) & 1 && !card.no_eeprom) {
		u32 at = reg(REG_EERD) >> 8 & 0xff;

		set_reg(REG_EERD, (u32)(u8)(0x52 + 2 * at) << 16 | (u32)(0x53 + 2 * at) << 24 | BIT32(4));
	}
}

void *pci_map_bar(struct host_pci *p, u32 bar, u64 need)
{
	(void)p;
	return !bar && need <= sizeof(fake_regs) ? fake_regs : NULL;
}

void wait_us(u32 us)
{
	now += us * 1000ul;
	card_turn();
}

static int card_open(u16 device)
{
	int ret;

	fake_reset();
	memset(&card, 0, sizeof(card));
	fake_pci = (struct host_pci){ .bdf = 0x10, .vendor = 0x8086, .device = device, .message_kind = PCI_CAP_MSIX };
	set_reg(REG_STATUS, 0x82);
	ret = intel_driver.probe(&fake_pci);
	if (ret)
		return ret;
	intel_driver.start(&fake_pci);
	card.c = fake_pci.state;
	card.c->net.receive = fake_receive;
	card.c->net.link_changed = fake_link_changed;
	return 0;
}

static void turn(u64 ms)
{
	now += ms * MS;
	card_turn();
	fake_work.poll(fake_work.arg, now);
}

static struct intel_desc *rx_desc(u32 i)
{
	return (struct intel_desc *)(reg(REG_RDBAL) | (u64)reg(REG_RDBAH) << 32) + i;
}

static bool is_legacy(void)
{
	return card.c->chip->family == INTEL_E1000;
}

/* One descriptor of a frame: status and errors as the legacy format has them. */
static inline bool card_put_piece(const u8 *bytes, u32 len, u32 claimed, u32 status, u32 errors, u16 vlan)
{
	struct intel_desc *d = rx_desc(card.rx_at);

	if (card.rx_at == reg(REG_RDT) || !fake_master)
		return false;
	assert_true(!(d->high & 1) && !d->low);
	memcpy((void *)d->address, bytes, MIN(len, INTEL_BUFFER));
	if (is_legacy()) {
		d->low = claimed;
		d->high = (status | 1) | errors << 8 | (u32)vlan << 16;
	} else {
		d->address = 0x1122334455667788;
		d->high = claimed | (u32)vlan << 16;
		d->low = (status | 1) | errors << 24;
	}
	card.rx_at = (card.rx_at + 1) % INTEL_RX;
	return true;
}

static inline bool card_put(const u8 *bytes, u32 len, u32 status)
{
	u32 at = 0;

	while (len - at > INTEL_BUFFER) {
		if (!card_put_piece(bytes + at, INTEL_BUFFER, INTEL_BUFFER, status, 0, 0))
			return false;
		at += INTEL_BUFFER;
	}
	return card_put_piece(bytes + at, len - at, len - at, status | 2, 0, 0x2005);
}

static void take_data(struct intel_desc *d, struct sent *s, u32 len)
{
	bool ours = d->address >= (u64)fake_memory && d->address < (u64)fake_memory + sizeof(fake_memory);

	if (!s->pieces++) {
		s->low = d->low;
		s->high = d->high;
	}
	s->held |= !ours;
	assert_true(len && s->len + len <= sizeof(s->bytes));
	memcpy(s->bytes + s->len, (void *)d->address, len);
	s->len += len;
}

/* One frame, up to the descriptor that ends it. false: there is none (or the card is stuck). */
static inline bool card_send(void)
{
	struct intel_desc *ring = (struct intel_desc *)(reg(REG_TDBAL) | (u64)reg(REG_TDBAH) << 32);
	bool igb = card.c->chip->family == INTEL_IGB;
	struct sent *s = &card.sent;

	if (card.stuck || card.tx_at == reg(REG_TDT))
		return false;
	memset(s, 0, sizeof(*s));
	assert_true(fake_master);
	for (;;) {
		struct intel_desc *d = &ring[card.tx_at];
		u32 type = d->low >> 20 & 15;
		bool last = false;

		assert_true(d->low & BIT32(29));
		if (type == (igb ? 2 : 0)) {
			assert_true(!s->context && !s->pieces);
			s->context = true;
			s->context_address = d->address;
			s->context_low = d->low;
			s->context_high = d->high;
		} else {
			assert_int_equal(type, igb ? 3 : 1);
			last = d->low & BIT32(24);
			take_data(d, s, d->low & (igb ? 0xffff : 0xfffff));
			assert_int_equal(!!(d->low & BIT32(27)), last);
			d->high |= last;
		}
		card.tx_at = (card.tx_at + 1) % INTEL_TX;
		if (last)
			break;
		assert_int_not_equal(card.tx_at, reg(REG_TDT));
	}
	card.frames++;
	return true;
}
