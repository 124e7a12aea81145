/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Numbers of packets: network byte order and the Internet checksum. Pure; any core. */

#include <hv/types.h>

enum { IP_ICMP = 1, IP_TCP = 6, IP_UDP = 17 };
enum { ETHER_IP4 = 0x0800, ETHER_ARP = 0x0806, ETHER_IP6 = 0x86dd };
#define ETHER_HEADER 14u

static inline u16 get16(const u8 *p) { return (u16)(p[0] << 8 | p[1]); }
static inline u32 get32(const u8 *p) { return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3]; }
static inline void put16(u8 *p, u32 v) { p[0] = (u8)(v >> 8); p[1] = (u8)v; }
static inline void put32(u8 *p, u32 v) { put16(p, v >> 16); put16(p + 2, v); }

/* Sum of 16-bit words, not yet folded; an odd byte counts as the upper half. n up to 64 KiB. */
u32 inet_sum(const u8 *p, size_t n, u32 sum);

/* The sum as a checksum field has it, not inverted. */
u16 inet_fold(u32 sum);

/* The checksum field at sum after a word that it covers became `to` instead of `from`. RFC 1624 "Incremental update",
 * equation 3. partial: the field holds a sum to go on with, not inverted. */
void inet_adjust16(u8 *sum, u16 from, u16 to, bool partial);
void inet_adjust32(u8 *sum, u32 from, u32 to, bool partial);
