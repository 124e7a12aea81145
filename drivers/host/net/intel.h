/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Intel's gigabit cards: three generations with (nearly) the same registers and different descriptors. Sources, cited by
 * title: "PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual" (8254x), "82574 GbE Controller
 * Family Datasheet", "82576 Gigabit Ethernet Controller Datasheet", "Ethernet Controller I210 Datasheet". One queue each
 * way. All memory that the card reaches is ours for good, but for frames that it sends from where they lie (NET_HELD).
 * What the card writes is copied, then checked. Nothing waits but intel_open(). Boot core, then control core. */

#include <hv/net.h>
#include <hv/pci.h>

#include "nic.h"

#define INTEL_RX 512u			/* descriptors */
#define INTEL_TX 256u
#define INTEL_BUFFER 2048u		/* bytes, of each descriptor */
#define INTEL_RX_PIECES 5u		/* of the longest frame that is taken: NET_FRAME_MAX */
#define INTEL_HEADER_MAX 255u		/* of a frame to cut: what fits the fields of all three */

enum intel_family { INTEL_E1000, INTEL_E1000E, INTEL_IGB };

/* 16 bytes of any of the formats. */
struct intel_desc {
	u64 address;
	u32 low, high;
};

/* A received piece, as a descriptor tells. */
struct intel_rx_info {
	u32 len;
	bool last, error, valid;	/* valid: the card has checked the sums */
	bool tagged;
	u16 vlan;
};

/* A frame to send, as its descriptors tell it. */
struct intel_tx_info {
	u32 len;			/* of the frame, headers and all */
	bool context;			/* it needs a context descriptor first */
	bool checksum, cut;
	bool tagged, ip6;
	u16 vlan, mss;
	u16 l3, l4, header, sum_at;	/* offsets */
};

/* What the generations do not share. */
struct intel_format {
	void (*rx_fill)(struct intel_desc *d, u64 hpa);
	bool (*rx_take)(const struct intel_desc *d, struct intel_rx_info *r);	/* false: still the card's */
	bool (*tx_fits)(const struct intel_tx_info *t);	/* its fields can say that */
	void (*tx_context)(struct intel_desc *d, const struct intel_tx_info *t);
	void (*tx_data)(struct intel_desc *d, const struct intel_tx_info *t, u64 hpa, u32 len, bool last);
	bool (*tx_done)(const struct intel_desc *d);
};
extern const struct intel_format intel_format_e1000, intel_format_e1000e, intel_format_igb;

struct intel_chip {
	u16 device;
	u8 family;			/* enum intel_family */
	const char *kind;
};

enum intel_state { INTEL_RUNS, INTEL_RESETTING, INTEL_ENABLING, INTEL_DEAD };

struct intel_slot {
	struct net_frame *held;		/* on the frame's first descriptor */
	u16 last;			/* " : its last one */
};

struct intel {
	struct netdev net;
	struct host_pci *pci;
	const struct intel_chip *chip;
	const struct intel_format *format;
	volatile u8 *regs;
	enum intel_state state;
	u64 until;			/* TSC: RESETTING, ENABLING go on then, or are given up */
	u32 resets_in_row;		/* without a frame sent between them */
	bool reset_asked_for;
	bool promiscuous, filtering;
	bool armed, prepared;		/* interrupts are on; since the last reset it knows how to send them */
	u64 look_next;			/* TSC of the next look at link, health, counters */
	struct {
		struct intel_desc *desc;
		u8 *buffer;
		u64 hpa, buffer_hpa;
		u32 at, fill;		/* next to look at; first that the card has not got back */
		u32 pieces, len;	/* of the frame that is coming in */
		bool dropping;		/* up to its end */
		struct net_piece piece[INTEL_RX_PIECES];
	} rx;
	struct {
		struct intel_desc *desc;
		u8 *buffer;
		u64 hpa, buffer_hpa;
		u32 next, clean, told;	/* first free; first not done; what the card knows of */
		u64 moved;		/* TSC: when it was last seen to go on, or was idle */
		struct intel_slot slot[INTEL_TX];
	} tx;
	u64 vlan[64];			/* ids that may come in */
};

/* --- intel_open.c: reset, registers; intel_link.c: link, counters, interrupts --- */

/* From firmware's hands to a running card. Boot core; waits are bounded. false: why says it. */
bool intel_open(struct intel *c, const char **why);

/* Reset it because of what is said in why; held frames are given up. Then turns until it runs again. */
void intel_reset(struct intel *c, const char *why, u64 now);
void intel_reset_turn(struct intel *c, u64 now);

/* What it lets in, from c->promiscuous, c->filtering and c->vlan. */
void intel_set_filters(struct intel *c);

/* Link, counters, is it there: a few registers. */
void intel_look(struct intel *c, u64 now);

/* Interrupts: ask for one when something comes; or none. */
void intel_arm(struct intel *c);
void intel_disarm(struct intel *c);

/* --- intel_rx.c, intel_tx.c --------------------------------------------------------------------------------------- */

/* Rings as after a reset. */
void intel_rx_clear(struct intel *c);
void intel_tx_clear(struct intel *c);	/* held frames are given up */

/* Take what came in, a bounded number; true: there was something. */
bool intel_rx_poll(struct intel *c);
bool intel_rx_waiting(const struct intel *c);

/* Let go of what was sent; true: there was something. */
bool intel_tx_poll(struct intel *c, u64 now);
bool intel_tx_waiting(const struct intel *c);

enum net_verdict intel_send(struct netdev *n, struct net_frame *f);
void intel_kick(struct netdev *n);

static inline u32 intel_read(const struct intel *c, u32 off)
{
	return *(const volatile u32 *)(const volatile void *)(c->regs + off);
}

static inline void intel_write(struct intel *c, u32 off, u32 val)
{
	*(volatile u32 *)(volatile void *)(c->regs + off) = val;
}

/* "Register Summary"; all three generations unless said otherwise. */
enum { REG_CTRL = 0x0000, REG_STATUS = 0x0008, REG_EERD = 0x0014, REG_CTRL_EXT = 0x0018, REG_MDIC = 0x0020, REG_FCAL = 0x0028,
	REG_FCAH = 0x002c, REG_FCT = 0x0030, REG_VET = 0x0038, REG_ICR = 0x00c0, REG_ITR = 0x00c4, REG_IMS = 0x00d0,
	REG_IMC = 0x00d8, REG_RCTL = 0x0100, REG_FCTTV = 0x0170, REG_TCTL = 0x0400, REG_TIPG = 0x0410,
	REG_RDBAL = 0x2800, REG_RDBAH = 0x2804, REG_RDLEN = 0x2808, REG_SRRCTL = 0x280c, REG_RDH = 0x2810, REG_RDT = 0x2818,
	REG_RDTR = 0x2820, REG_RXDCTL = 0x2828,
	REG_TDBAL = 0x3800, REG_TDBAH = 0x3804, REG_TDLEN = 0x3808, REG_TDH = 0x3810, REG_TDT = 0x3818, REG_TIDV = 0x3820,
	REG_TXDCTL = 0x3828,
	REG_CRCERRS = 0x4000, REG_RXERRC = 0x400c, REG_MPC = 0x4010, REG_RLEC = 0x4040, REG_RNBC = 0x40a0, REG_RUC = 0x40a4,
	REG_ROC = 0x40ac,
	REG_RXCSUM = 0x5000, REG_RLPML = 0x5004, REG_RFCTL = 0x5008, REG_MTA = 0x5200, REG_RAL = 0x5400, REG_RAH = 0x5404,
	REG_VFTA = 0x5600, REG_MRQC = 0x5818, REG_GCR = 0x5b00, REGS_SIZE = 0x20000 };
/* 82574 only: "Interrupts". */
enum { REG_EIAC_82574 = 0x00dc, REG_IVAR_82574 = 0x00e4, REG_EITR_82574 = 0x00e8 };
/* igb only. */
enum { REG_GPIE = 0x1514, REG_EIMS = 0x1524, REG_EIMC = 0x1528, REG_EIAC = 0x152c, REG_EICR = 0x1580, REG_EITR = 0x1680,
	REG_IVAR = 0x1700, REG_IVAR_MISC = 0x1740 };
