/* SPDX-License-Identifier: Apache-2.0 */
#include "inet.h"

#include <hv/lib.h>

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

char *inet_print(char *to, u32 address)
{
	fmt_print(to, 16, "%u.%u.%u.%u", address >> 24, address >> 16 & 0xff, address >> 8 & 0xff, address & 0xff);
	return to;
}

/* Four numbers without leading zeros, which some would read as octal. */
bool inet_read(const char *text, u32 *address)
{
	u32 all = 0;

	for (u32 i = 0; i < 4; i++) {
		u32 n = 0, digits = 0;

		for (; *text >= '0' && *text <= '9' && digits < 4; text++, digits++)
			n = n * 10 + (u32)(*text - '0');
		if (!digits || n > 255 || (digits > 1 && text[-(s64)digits] == '0') || *text != (i < 3 ? '.' : 0))
			return false;
		text += i < 3;
		all = all << 8 | n;
	}
	*address = all;
	return true;
}
