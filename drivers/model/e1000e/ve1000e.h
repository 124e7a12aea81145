/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A network card for guests without virtio drivers: Intel's 82574L, which every system of the last fifteen years knows. Its
 * registers and rings are served on the guest's cores; frames go to and come from the control core through two rings
 * (frame_ring.h). Intel 82574 GbE Controller Family Datasheet "Programming Interface".
 * Unless said otherwise: one of the guest's own cores, device lock held. */

#include <hv/net.h>

#include "../pci/vpci.h"
#include "frame_ring.h"

#define VE1000E_REGS_SIZE 0x6000u	/* beyond: nothing that we have */
#define VE1000E_BAR_SIZE 0x20000u
#define VE1000E_QUEUES 2u
#define VE1000E_NVM_WORDS 64u
#define VE1000E_PHY_REGS 32u
#define VE1000E_SLOT 0x10		/* the first card's; after virtio's */

/* Bits of one queue's transmit context that outlive a frame: the last context descriptor. */
struct ve1000e_context {
	u8 ip_start, ip_offset, header;
	u8 sum_start, sum_offset;
	u16 mss;
	u32 payload;			/* of all segments */
	bool tcp, ipv4;
};

struct ve1000e {
	struct vpci_function f;
	struct guest *g;
	struct net_port port;		/* (c) but for port.up, which follows live */
	u32 live;			/* (a) the driver has switched receiving or sending on */
	u32 blocked;			/* (a) frames wait in the guest's ring for room in tx; the control core calls then */
	u32 call;			/* id of guest_call() */
	bool dirty;			/* (c) rx has got frames since the last flush */
	struct frame_ring tx, rx;	/* guest to control core, and back */
	u32 reg[VE1000E_REGS_SIZE / 4];
	u16 nvm[VE1000E_NVM_WORDS];
	u16 phy[VE1000E_PHY_REGS];
	struct ve1000e_context context[VE1000E_QUEUES];
	u32 io_address;			/* IOADDR of the I/O BAR */
	u64 sent, received, filtered, refused, unknown;
	u64 bad;			/* descriptors that point outside of the guest's RAM, or make no frame */
};

/* Registers, by offset. Datasheet "Register Summary". */
enum ve1000e_reg { E_CTRL = 0x0000, E_CTRL_COPY = 0x0004, E_STATUS = 0x0008, E_EECD = 0x0010, E_EERD = 0x0014, E_CTRL_EXT = 0x0018,
	E_MDIC = 0x0020, E_ICR = 0x00c0, E_ITR = 0x00c4, E_ICS = 0x00c8, E_IMS = 0x00d0, E_IMC = 0x00d8, E_EIAC = 0x00dc,
	E_IAM = 0x00e0, E_IVAR = 0x00e4, E_EITR = 0x00e8, E_RCTL = 0x0100, E_TCTL = 0x0400, E_LEDCTL = 0x0e00,
	E_EXTCNF = 0x0f00, E_PBA = 0x1000, E_EEMNGCTL = 0x1010, E_PSRCTL = 0x2170, E_RDBAL = 0x2800, E_RDBAH = 0x2804,
	E_RDLEN = 0x2808, E_RDH = 0x2810, E_RDT = 0x2818, E_RDTR = 0x2820, E_RXDCTL = 0x2828, E_TDBAL = 0x3800, E_TDBAH = 0x3804,
	E_TDLEN = 0x3808, E_TDH = 0x3810, E_TDT = 0x3818, E_TXDCTL = 0x3828, E_STATS = 0x4000, E_STATS_END = 0x4128,
	E_RXCSUM = 0x5000, E_RFCTL = 0x5008, E_MTA = 0x5200, E_RAL = 0x5400, E_VFTA = 0x5600, E_WUC = 0x5800, E_MRQC = 0x5818,
	E_SWSM = 0x5b50, E_FWSM = 0x5b54 };
#define E_QUEUE 0x100u			/* from a queue's registers to the next one's */

/* Interrupt causes: ICR, ICS, IMS, IMC, EIAC, IAM. Datasheet "Interrupt Cause Read Register". */
enum ve1000e_cause { CAUSE_TXDW = 1u << 0, CAUSE_LSC = 1u << 2, CAUSE_RXDMT0 = 1u << 4, CAUSE_RXO = 1u << 6, CAUSE_RXT0 = 1u << 7,
	CAUSE_MDAC = 1u << 9, CAUSE_RXQ0 = 1u << 20, CAUSE_RXQ1 = 1u << 21, CAUSE_TXQ0 = 1u << 22, CAUSE_TXQ1 = 1u << 23,
	CAUSE_OTHER = 1u << 24, CAUSE_ASSERTED = 1u << 31 };

static inline u32 *ve1000e_reg(struct ve1000e *n, u32 off)
{
	return &n->reg[off / 4];
}

static inline u32 ve1000e_get(const struct ve1000e *n, u32 off)
{
	return n->reg[off / 4];
}

/* Put a card on the guest's bus; its port (name, VLAN, guards, ...) is the caller's to fill and to attach. rings: 2 *
 * FRAME_RING_BYTES, aligned to 16. Control core, when the guest is built. */
int ve1000e_add(struct guest *g, struct ve1000e *n, const u8 mac[NET_MAC], void *rings, u8 slot);

/* Power-on state; after vpci_reset(). */
void ve1000e_power_on(struct ve1000e *n);

/* Frames from the guest go into the switch; as struct control_work's poll, arg: the card. CONTROL core. */
bool ve1000e_poll(void *arg, u64 now);

/* --- between the files of this folder --------------------------------------------------------------------------- */

/* ve1000e.c: causes have come up: remember them, interrupt as the registers say. */
void ve1000e_cause(struct ve1000e *n, u32 causes);

/* ve1000e_phy.c: the PHY behind MDIC, the NVM behind EERD. */
void ve1000e_phy_reset(struct ve1000e *n);
void ve1000e_nvm_fill(struct ve1000e *n, const u8 mac[NET_MAC]);
void ve1000e_mdic_write(struct ve1000e *n, u32 val);
void ve1000e_eerd_write(struct ve1000e *n, u32 val);

/* ve1000e_tx.c: what the driver has put into queue's ring. ve1000e_rx.c: what waits for the driver. */
void ve1000e_send(struct ve1000e *n, u32 queue);
void ve1000e_receive(struct ve1000e *n);

/* Statistics of one frame of len bytes; kind: its destination. They stay at their end. Datasheet "Statistics Registers". */
enum ve1000e_stat { STAT_BPRC = 0x4078, STAT_MPRC = 0x407c, STAT_GPRC = 0x4074, STAT_GPTC = 0x4080, STAT_GORC = 0x4088,
	STAT_GOTC = 0x4090, STAT_TPR = 0x40d0, STAT_TPT = 0x40d4 };
void ve1000e_count(struct ve1000e *n, enum ve1000e_stat stat, u64 add);

/* The guest's memory of len bytes that a descriptor names, if the device may touch it. */
void *ve1000e_memory(const struct ve1000e *n, u64 address, u64 len);
