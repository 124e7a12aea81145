/* SPDX-License-Identifier: Apache-2.0 */
/* From whatever state to a card that runs: "Initialization and Reset Operation" of 8254x (14) and 82576 (4). A reset at run
 * time takes the same steps, each on a turn of its own. */
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/time.h>

#include "intel.h"

enum { CTRL_LINK_RESET = BIT32(3), CTRL_AUTO_SPEED = BIT32(5), CTRL_LINK_UP = BIT32(6), CTRL_INVERT = BIT32(7),
	CTRL_FORCE = 3u << 11, CTRL_RESET = BIT32(26), CTRL_FLOW = 3u << 27, CTRL_VLAN = BIT32(30), CTRL_PHY_RESET = BIT32(31) };
#define EXT_DRIVER_LOADED BIT32(28)
enum { RCTL_ON = BIT32(1), RCTL_UNICAST = BIT32(3), RCTL_MULTICAST = BIT32(4), RCTL_LONG = BIT32(5), RCTL_BROADCAST = BIT32(15),
	RCTL_VLAN_FILTER = BIT32(18), RCTL_STRIP_FCS = BIT32(26) };
#define TCTL_PAD BIT32(3)
#define TCTL_SET (BIT32(1) | TCTL_PAD | 0x0fu << 4 | 0x40u << 12 | BIT32(24))
#define TIPG_COPPER 0x00602008u
#define QUEUE_ON BIT32(25)		/* igb: RXDCTL, TXDCTL */
#define TXDCTL_WRITE_BACK 0x01010000u	/* in descriptors, each one written back */
#define TXDCTL_82574 BIT32(22)		/* "must be set" */
#define RFCTL_EXTENDED BIT32(15)
#define RXCSUM_L4_IP 0x300u
#define SRRCTL_ADVANCED (INTEL_BUFFER >> 10 | 1u << 25 | 1u << 31)	/* one buffer; drop when there is none */
#define RAH_VALID BIT32(31)
enum { EERD_START = BIT32(0), EERD_DONE = BIT32(4), EERD_ADDRESS_SHIFT = 8, EERD_DATA_SHIFT = 16 };	/* 8254x */
#define RECEIVE_ADDRESSES 16u
#define HASHES 128u
#define MDIC_WRITE (1u << 26 | 1u << 21)	/* to register 0 of the PHY at address 1 */
#define PHY_NEGOTIATE 0x1340u		/* "PHY Control": auto-negotiation on, begin anew; no isolation, no power-down */
#define TAG_TYPE 0x8100u
#define RESET_NS 20000000ul		/* the EEPROM is read again meanwhile */
#define GIVE_UP_NS 500000000ul

/* DMA is off from here on, so that memory which it had can be used otherwise. */
static void begin_reset(struct intel *c)
{
	intel_write(c, REG_IMC, ~0u);
	if (c->chip->family == INTEL_IGB)
		intel_write(c, REG_EIMC, ~0u);
	intel_write(c, REG_RCTL, 0);
	intel_write(c, REG_TCTL, TCTL_PAD);
	(void)intel_read(c, REG_STATUS);
	pci_set_master(c->pci, false);
	intel_write(c, REG_CTRL, intel_read(c, REG_CTRL) | CTRL_RESET);
}

static bool reset_is_over(const struct intel *c)
{
	u32 ctrl = intel_read(c, REG_CTRL);

	return !(ctrl & CTRL_RESET);
}

/* Only what changes is written: QEMU's e1000 receives nothing for a second after. */
void intel_set_filters(struct intel *c)
{
	u32 rctl = RCTL_ON | RCTL_MULTICAST | RCTL_LONG | RCTL_BROADCAST | RCTL_STRIP_FCS |
		(c->promiscuous ? (u32)RCTL_UNICAST : 0) | (c->filtering ? (u32)RCTL_VLAN_FILTER : 0);

	if (c->state != INTEL_RUNS && c->state != INTEL_ENABLING)
		return;			/* set when it is programmed anew */
	for (u32 i = 0; i < HASHES; i++)
		intel_write(c, REG_VFTA + 4 * i, c->filtering ? (u32)(c->vlan[i / 2] >> 32 * (i & 1)) : ~0u);
	if (intel_read(c, REG_RCTL) != rctl)
		intel_write(c, REG_RCTL, rctl);
}

static void program_addresses(struct intel *c)
{
	const u8 *m = c->net.mac;

	for (u32 i = 0; i < RECEIVE_ADDRESSES; i++) {
		intel_write(c, REG_RAL + 8 * i, i ? 0 : (u32)m[0] | (u32)m[1] << 8 | (u32)m[2] << 16 | (u32)m[3] << 24);
		intel_write(c, REG_RAH + 8 * i, i ? 0 : (u32)m[4] | (u32)m[5] << 8 | RAH_VALID);
	}
	for (u32 i = 0; i < HASHES; i++)
		intel_write(c, REG_MTA + 4 * i, 0);
}

static void program_rings(struct intel *c)
{
	intel_rx_clear(c);
	intel_tx_clear(c);
	intel_write(c, REG_RDBAL, (u32)c->rx.hpa);
	intel_write(c, REG_RDBAH, (u32)(c->rx.hpa >> 32));
	intel_write(c, REG_RDLEN, INTEL_RX * sizeof(struct intel_desc));
	intel_write(c, REG_RDH, 0);
	intel_write(c, REG_RDT, 0);
	intel_write(c, REG_TDBAL, (u32)c->tx.hpa);
	intel_write(c, REG_TDBAH, (u32)(c->tx.hpa >> 32));
	intel_write(c, REG_TDLEN, INTEL_TX * sizeof(struct intel_desc));
	intel_write(c, REG_TDH, 0);
	intel_write(c, REG_TDT, 0);
}

/* What differs between the generations; igb's queues have switches of their own. */
static void program_queues(struct intel *c)
{
	if (c->chip->family == INTEL_IGB) {
		intel_write(c, REG_MRQC, 0);
		intel_write(c, REG_RLPML, NET_FRAME_MAX + 4);
		intel_write(c, REG_SRRCTL, SRRCTL_ADVANCED);
		intel_write(c, REG_TXDCTL, QUEUE_ON | 8 | 1u << 8 | 1u << 16);
		return;
	}
	intel_write(c, REG_TXDCTL, TXDCTL_WRITE_BACK | (c->chip->family == INTEL_E1000E ? TXDCTL_82574 : 0));
	intel_write(c, REG_TIPG, TIPG_COPPER);
	intel_write(c, REG_RDTR, 0);
	intel_write(c, REG_TIDV, 1);
	if (c->chip->family == INTEL_E1000E)
		intel_write(c, REG_RFCTL, intel_read(c, REG_RFCTL) | RFCTL_EXTENDED);
}

/* All registers, after a reset. Pause frames are not obeyed: who sends them could stop us for ever. */
static void program(struct intel *c)
{
	u32 ctrl = intel_read(c, REG_CTRL);

	intel_write(c, REG_IMC, ~0u);
	(void)intel_read(c, REG_ICR);
	ctrl &= ~(u32)(CTRL_LINK_RESET | CTRL_INVERT | CTRL_FORCE | CTRL_FLOW | CTRL_PHY_RESET);
	ctrl |= CTRL_LINK_UP | CTRL_VLAN | (c->chip->family == INTEL_E1000 ? (u32)CTRL_AUTO_SPEED : 0);
	intel_write(c, REG_CTRL, ctrl);
	if (c->chip->family != INTEL_E1000)
		intel_write(c, REG_CTRL_EXT, intel_read(c, REG_CTRL_EXT) | EXT_DRIVER_LOADED);
	intel_write(c, REG_FCAL, 0);
	intel_write(c, REG_FCAH, 0);
	intel_write(c, REG_FCT, 0);
	intel_write(c, REG_FCTTV, 0);
	intel_write(c, REG_VET, c->chip->family == INTEL_IGB ? TAG_TYPE << 16 | TAG_TYPE : TAG_TYPE);
	program_addresses(c);
	program_rings(c);
	intel_write(c, REG_RXCSUM, RXCSUM_L4_IP);
	pci_set_master(c->pci, true);
	intel_write(c, REG_TCTL, TCTL_SET);
	program_queues(c);
	/* The reset does not wake a PHY that firmware sent to sleep or gave a fixed speed. */
	intel_write(c, REG_MDIC, MDIC_WRITE | PHY_NEGOTIATE);
	c->state = INTEL_ENABLING;
	intel_set_filters(c);
	if (c->chip->family == INTEL_IGB)
		intel_write(c, REG_RXDCTL, QUEUE_ON | 8 | 8u << 8 | 1u << 16);
}

static bool queues_are_on(const struct intel *c)
{
	return c->chip->family != INTEL_IGB || intel_read(c, REG_RXDCTL) & intel_read(c, REG_TXDCTL) & QUEUE_ON;
}

/* The last step: buffers. */
static void begin_to_run(struct intel *c)
{
	c->state = INTEL_RUNS;
	c->armed = c->prepared = false;
	c->look_next = 0;
	intel_write(c, REG_RDT, INTEL_RX - 1);
}

static bool wait_for(const struct intel *c, bool (*what)(const struct intel *c), u32 ms)
{
	for (u32 i = 0; i < ms * 10; i++) {
		wait_us(100);
		if (what(c))
			return true;
	}
	return false;
}

static bool eeprom_word_is_there(const struct intel *c)
{
	return intel_read(c, REG_EERD) & EERD_DONE;
}

/* "EEPROM Read Register": words 0 to 2 are the address. */
static bool read_mac_from_eeprom(struct intel *c)
{
	for (u32 i = 0; i < NET_MAC / 2; i++) {
		u32 word;

		intel_write(c, REG_EERD, i << EERD_ADDRESS_SHIFT | EERD_START);
		if (!wait_for(c, eeprom_word_is_there, 10))
			return false;
		word = intel_read(c, REG_EERD) >> EERD_DATA_SHIFT;
		c->net.mac[2 * i] = (u8)word;
		c->net.mac[2 * i + 1] = (u8)(word >> 8);
	}
	return nic_mac_usable(c->net.mac);
}

/* The reset has read it from the EEPROM, but Bochs' does not. */
static bool read_mac(struct intel *c)
{
	u32 low = intel_read(c, REG_RAL), high = intel_read(c, REG_RAH);

	for (u32 i = 0; i < NET_MAC; i++)
		c->net.mac[i] = (u8)(i < 4 ? low >> 8 * i : high >> 8 * (i - 4));
	return nic_mac_usable(c->net.mac) || (c->chip->family == INTEL_E1000 && read_mac_from_eeprom(c));
}

bool intel_open(struct intel *c, const char **why)
{
	*why = "it does not answer";
	if (intel_read(c, REG_STATUS) == ~0u)
		return false;
	*why = "it does not reset";
	begin_reset(c);
	wait_us(RESET_NS / 1000);
	if (!wait_for(c, reset_is_over, 100))
		return false;
	*why = "it has no MAC address";
	if (!read_mac(c))
		return false;
	program(c);
	*why = "its queues do not start";
	if (!wait_for(c, queues_are_on, 50)) {
		begin_reset(c);
		return false;
	}
	begin_to_run(c);
	return true;
}

void intel_reset(struct intel *c, const char *why, u64 now)
{
	c->state = INTEL_RESETTING;
	c->until = now + ns_to_ticks(RESET_NS << nic_count_reset(&c->net, &c->resets_in_row, why));
	begin_reset(c);
	intel_tx_clear(c);
}

/* The reset that does not end, and queues that do not start, are reset again, each time after a longer while. */
void intel_reset_turn(struct intel *c, u64 now)
{
	if (c->state == INTEL_RESETTING && now >= c->until) {
		if (intel_read(c, REG_STATUS) == ~0u) {
			intel_look(c, now);	/* it is gone */
		} else if (reset_is_over(c)) {
			program(c);
			c->until = now + ns_to_ticks(GIVE_UP_NS);
		} else {
			intel_reset(c, "the reset does not end", now);
		}
	} else if (c->state == INTEL_ENABLING) {
		if (queues_are_on(c))
			begin_to_run(c);
		else if (now >= c->until)
			intel_reset(c, "its queues do not start", now);
	}
}
