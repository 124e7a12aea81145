/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: what receives and what sends, in the formats of three generations. */
#include <hv/atomic.h>
#include <hv/lib.h>

#include "intel.h"

/* A descriptor is the card's as soon as the tail passes it, so the order of these writes does not matter; that they are
 * made, once each, does. */
static void put(struct intel_desc *d, u64 address, u32 low, u32 high)
{
	*(volatile u64 *)&d->address = address;
	*(volatile u32 *)&d->low = low;
	*(volatile u32 *)&d->high = high;
}

static void rx_fill(struct intel_desc *d, u64 hpa)
{
	put(d, hpa, 0, 0);
}

/* --- receive: 8254x "Receive Descriptor Format" (3.2.3): length, sum; status, errors, special ---------------------- */
enum { RX_DONE = 0x01, RX_LAST = 0x02, RX_UNCHECKED = 0x04, RX_TAGGED = 0x08, RX_L4_CHECKED = 0x20 };
#define RX_ERRORS 0x97u			/* CRC, symbol, sequence, extension, data */
#define RX_L4_ERROR 0x20u
#define RX_IP_ERROR 0x40u

static bool rx_take_legacy(const struct intel_desc *d, struct intel_rx_info *r)
{
	u32 high = load_acquire(&d->high), status = high & 0xff, errors = high >> 8 & 0xff;

	if (!(status & RX_DONE))
		return false;
	*r = (struct intel_rx_info){ .len = *(const volatile u32 *)&d->low & 0xffff, .last = status & RX_LAST,
		.error = errors & RX_ERRORS, .tagged = status & RX_TAGGED, .vlan = (u16)(high >> 16),
		.valid = (status & (RX_L4_CHECKED | RX_UNCHECKED)) == RX_L4_CHECKED && !(errors & (RX_L4_ERROR | RX_IP_ERROR)) };
	return true;
}

/* 82574 "Extended Rx Descriptor" (7.1.5), 82576 "Advanced Receive Descriptors" (7.1.5), as the card writes them: hash and
 * type in the first half; status and errors, then length and tag. */
enum { RXE_UDP_CHECKED = 0x10, RXE_ERRORS = 0x97000000u, RXE_L4_ERROR = 0x20000000, RXE_IP_ERROR = 0x40000000 };

static bool rx_take_extended(const struct intel_desc *d, struct intel_rx_info *r)
{
	u32 low = load_acquire(&d->low), high;

	if (!(low & RX_DONE))
		return false;
	high = *(const volatile u32 *)&d->high;
	*r = (struct intel_rx_info){ .len = high & 0xffff, .last = low & RX_LAST, .error = low & RXE_ERRORS,
		.tagged = low & RX_TAGGED, .vlan = (u16)(high >> 16),
		.valid = low & (RX_L4_CHECKED | RXE_UDP_CHECKED) && !(low & (RXE_L4_ERROR | RXE_IP_ERROR)) };
	return true;
}

/* --- send, two generations: 8254x "TCP/IP Context Transmit Descriptor Format" (3.3.6), "TCP/IP Data Descriptor
 * Format" (3.3.7) -------------------------------------------------------------------------------------------------- */
enum { TX_TYPE_DATA = 1u << 20, TX_LAST = 0x01u << 24, TX_FCS = 0x02u << 24, TX_CUT = 0x04u << 24, TX_REPORT = 0x08u << 24,
	TX_EXTENDED = 0x20u << 24, TX_TAG = 0x40u << 24, TX_CONTEXT_TCP = 0x01u << 24, TX_CONTEXT_IP4 = 0x02u << 24 };
enum { TX_SUM_IP = 0x100, TX_SUM_L4 = 0x200 };
#define TX_DONE 1u

static bool tx_fits_e1000(const struct intel_tx_info *t)
{
	return !t->checksum || t->sum_at <= 255;
}

static void tx_context_e1000(struct intel_desc *d, const struct intel_tx_info *t)
{
	u64 ip = t->cut ? (u64)t->l3 | (u64)(t->l3 + 10u) << 8 | (t->ip6 ? 0 : (u64)(t->l4 - 1u) << 16) : 0;
	u64 sums = (u64)t->l4 | (u64)t->sum_at << 8;
	u32 command = TX_EXTENDED | TX_CONTEXT_TCP;

	if (t->cut)
		command |= TX_CUT | (t->ip6 ? 0 : TX_CONTEXT_IP4) | (t->len - t->header);
	put(d, sums << 32 | ip, command, t->cut ? (u32)t->mss << 16 | (u32)t->header << 8 : 0);
}

static void tx_data_e1000(struct intel_desc *d, const struct intel_tx_info *t, u64 hpa, u32 len, bool last)
{
	u32 command = len | TX_TYPE_DATA | TX_EXTENDED | TX_FCS | (last ? TX_LAST | TX_REPORT : 0) | (t->cut ? TX_CUT : 0) |
		(t->tagged ? TX_TAG : 0);
	u32 sums = (t->checksum ? TX_SUM_L4 : 0) | (t->cut && !t->ip6 ? TX_SUM_IP : 0);

	put(d, hpa, command, sums | (t->tagged ? (u32)t->vlan << 16 : 0));
}

static bool tx_done(const struct intel_desc *d)
{
	return load_acquire(&d->high) & TX_DONE;
}

/* --- send, igb: 82576 "Advanced Transmit Context Descriptor" (7.2.2.2), "Advanced Transmit Data Descriptor" (7.2.2.3) */
enum { TXA_CONTEXT = 2u << 20, TXA_DATA = 3u << 20, TXA_EXTENDED = 1u << 29, TXA_LAST = 1u << 24, TXA_FCS = 1u << 25,
	TXA_REPORT = 1u << 27, TXA_TAG = 1u << 30, TXA_CUT = 1u << 31, TXA_IP4 = 1u << 10, TXA_TCP = 1u << 11 };
#define TXA_LENGTH_SHIFT 14u
#define SUM_AT_TCP 16u
#define SUM_AT_UDP 6u
#define ETHER 14u

static u32 l3_start(const struct intel_tx_info *t) { return t->cut ? t->l3 : ETHER; }

/* It knows TCP and UDP only, and where their sums are. */
static bool tx_fits_igb(const struct intel_tx_info *t)
{
	u32 at = (u32)t->sum_at - t->l4;

	return !t->checksum || ((at == SUM_AT_TCP || at == SUM_AT_UDP) && t->l4 > l3_start(t) && t->l4 - l3_start(t) <= 511);
}

static void tx_context_igb(struct intel_desc *d, const struct intel_tx_info *t)
{
	u32 l3 = l3_start(t), ip = t->checksum ? t->l4 - l3 : 0, kind = TXA_CONTEXT | TXA_EXTENDED;

	if (t->checksum && t->sum_at - t->l4 == SUM_AT_TCP)
		kind |= TXA_TCP;
	if (t->cut && !t->ip6)
		kind |= TXA_IP4;
	put(d, ip | l3 << 9 | (t->tagged ? (u32)t->vlan << 16 : 0), kind,
	    t->cut ? (u32)t->mss << 16 | (u32)(t->header - t->l4) << 8 : 0);
}

static void tx_data_igb(struct intel_desc *d, const struct intel_tx_info *t, u64 hpa, u32 len, bool last)
{
	u32 command = len | TXA_DATA | TXA_EXTENDED | TXA_FCS | (last ? TXA_LAST | TXA_REPORT : 0) | (t->cut ? TXA_CUT : 0) |
		(t->tagged ? TXA_TAG : 0);
	u32 sums = (t->checksum ? TX_SUM_L4 : 0) | (t->cut && !t->ip6 ? TX_SUM_IP : 0);

	put(d, hpa, command, sums | (t->cut ? t->len - t->header : t->len) << TXA_LENGTH_SHIFT);
}

const struct intel_format intel_format_e1000 = { rx_fill, rx_take_legacy, tx_fits_e1000, tx_context_e1000, tx_data_e1000,
	tx_done };
const struct intel_format intel_format_e1000e = { rx_fill, rx_take_extended, tx_fits_e1000, tx_context_e1000,
	tx_data_e1000, tx_done };
const struct intel_format intel_format_igb = { rx_fill, rx_take_extended, tx_fits_igb, tx_context_igb, tx_data_igb,
	tx_done };
