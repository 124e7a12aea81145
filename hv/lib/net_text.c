/* SPDX-License-Identifier: Apache-2.0 */
#include <hv/lib.h>
#include <hv/net_text.h>

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool mac_parse(const char *text, u8 mac[6])
{
	for (u32 i = 0; i < 6; i++) {
		int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i < 5 ? ':' : 0))
			return false;
		mac[i] = (u8)(high << 4 | low);
		text += 3;
	}
	return true;
}

char *mac_format(char to[MAC_TEXT], const u8 mac[6])
{
	fmt_print(to, MAC_TEXT, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return to;
}

bool number_parse(const char **text, u32 max, u32 *value)
{
	const char *s = *text;
	u64 v = 0;

	if (*s < '0' || *s > '9')
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		v = v * 10 + (u64)(*s - '0');
		if (v > max)
			return false;
	}
	*text = s;
	*value = (u32)v;
	return true;
}

static bool take_ip4(const char **text, u32 *address)
{
	u32 a = 0, part;

	for (u32 i = 0; i < 4; i++) {
		if (i && *(*text)++ != '.')
			return false;
		if (!number_parse(text, 255, &part))
			return false;
		a = a << 8 | part;
	}
	*address = a;
	return true;
}

bool ip4_parse(const char *text, u32 *address)
{
	u32 a;

	if (!take_ip4(&text, &a) || *text)
		return false;
	*address = a;
	return true;
}

bool ip4_parse_prefix(const char *text, u32 *address, u8 *prefix)
{
	u32 a, length;

	if (!take_ip4(&text, &a) || *text++ != '/' || !number_parse(&text, 32, &length) || *text)
		return false;
	*address = a;
	*prefix = (u8)length;
	return true;
}

char *ip4_format(char to[IP4_TEXT], u32 a)
{
	fmt_print(to, IP4_TEXT, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
	return to;
}

/* Up to four hex digits. */
static bool take_group(const char **text, u16 *group)
{
	u32 v = 0, digits = 0;

	for (; hex_digit(**text) >= 0; (*text)++) {
		v = v << 4 | (u32)hex_digit(**text);
		if (++digits > 4)
			return false;
	}
	*group = (u16)v;
	return digits > 0;
}

/* Groups up to "::", the end or '/'; how many. -1: not of this form. */
static int take_groups(const char **text, u16 group[8], int have)
{
	int n = 0;

	if (**text == ':' || **text == 0 || **text == '/')
		return 0;
	for (;;) {
		if (have + n == 8 || !take_group(text, &group[n]))
			return -1;
		n++;
		if (**text != ':' || (*text)[1] == ':')
			return n;
		(*text)++;
	}
}

static bool take_ip6(const char **text, u8 address[16])
{
	u16 head[8], tail[8] = { 0 };
	int before = take_groups(text, head, 0), after = 0;

	if (before < 0)
		return false;
	if ((*text)[0] == ':' && (*text)[1] == ':') {
		*text += 2;
		after = take_groups(text, tail, before + 1);
		if (after < 0 || before + after > 7)
			return false;
	} else if (before != 8) {
		return false;
	}
	memset(address, 0, 16);
	for (int i = 0; i < before; i++) {
		address[i * 2] = (u8)(head[i] >> 8);
		address[i * 2 + 1] = (u8)head[i];
	}
	for (int i = 0; i < after; i++) {
		address[(8 - after + i) * 2] = (u8)(tail[i] >> 8);
		address[(8 - after + i) * 2 + 1] = (u8)tail[i];
	}
	return true;
}

bool ip6_parse(const char *text, u8 address[16])
{
	u8 a[16];

	if (!take_ip6(&text, a) || *text)
		return false;
	memcpy(address, a, 16);
	return true;
}

bool ip6_parse_prefix(const char *text, u8 address[16], u8 *prefix)
{
	u32 length;
	u8 a[16];

	if (!take_ip6(&text, a) || *text++ != '/' || !number_parse(&text, 128, &length) || *text)
		return false;
	memcpy(address, a, 16);
	*prefix = (u8)length;
	return true;
}

static u32 group_of(const u8 a[16], u32 i)
{
	return (u32)a[i * 2] << 8 | a[i * 2 + 1];
}

/* The longest run of at least two zero groups; the first of several. */
static void find_zeros(const u8 a[16], u32 *from, u32 *count)
{
	*from = 8;
	*count = 1;
	for (u32 i = 0; i < 8; i++) {
		u32 n = 0;

		while (i + n < 8 && !group_of(a, i + n))
			n++;
		if (n > *count) {
			*from = i;
			*count = n;
		}
	}
}

char *ip6_format(char to[IP6_TEXT], const u8 a[16])
{
	u32 from, count, used = 0;

	find_zeros(a, &from, &count);
	to[0] = 0;
	for (u32 i = 0; i < 8; i++) {
		if (i == from) {
			used += (u32)fmt_print(to + used, IP6_TEXT - used, "::");
			i += count - 1;
			continue;
		}
		used += (u32)fmt_print(to + used, IP6_TEXT - used, "%s%x", i && i != from + count ? ":" : "", group_of(a, i));
	}
	return to;
}
