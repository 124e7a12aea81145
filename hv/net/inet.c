/* SPDX-License-Identifier: Apache-2.0 */
#include "inet.h"

u32 inet_sum(const u8 *p, size_t n, u32 sum)
{
	for (; n >= 2; n -= 2, p += 2)
		sum += get16(p);
	return n ? sum + (u32)(*p << 8) : sum;
}

u16 inet_fold(u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)(sum + (sum >> 16));
}

void inet_adjust16(u8 *sum, u16 from, u16 to, bool partial)
{
	u32 old = get16(sum), part = (u16)~from + (u32)to;

	put16(sum, partial ? inet_fold(old + part) : (u16)~inet_fold((u16)~old + part));
}

void inet_adjust32(u8 *sum, u32 from, u32 to, bool partial)
{
	inet_adjust16(sum, (u16)(from >> 16), (u16)(to >> 16), partial);
	inet_adjust16(sum, (u16)from, (u16)to, partial);
}
