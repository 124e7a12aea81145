/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* TCP, UDP and ICMP for packets that tests make. */
#include <hv/lib.h>

#include "hv/net/inet.h"

/* A header with its ports (ICMP: identifier, sequence) and flags (ICMP: the type), then counting bytes, at l4, which is zero. Returns
 * where its sum belongs. */
static inline u8 *make_transport(u8 *l4, u8 proto, u16 from_port, u16 to_port, u32 data, u8 flags)
{
	u32 head = proto == IP_TCP ? 20 : 8;
	bool echo = proto != IP_TCP && proto != IP_UDP;

	for (u32 i = 0; i < data; i++)
		l4[head + i] = (u8)(i * 7);
	if (echo)
		l4[0] = flags;
	put16(l4 + (echo ? 4 : 0), from_port);
	put16(l4 + (echo ? 6 : 2), to_port);
	if (proto == IP_TCP) {
		l4[12] = 0x50;
		l4[13] = flags;
	} else if (proto == IP_UDP) {
		put16(l4 + 4, (u16)(head + data));
	}
	return l4 + (proto == IP_TCP ? 16 : proto == IP_UDP ? 6 : 2);
}
