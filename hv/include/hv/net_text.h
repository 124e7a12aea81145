/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Network addresses as text. Pure; any core. The parsers take the whole text or nothing of it. */

#include <hv/types.h>

#define MAC_TEXT 18		/* "52:54:00:12:34:56" */
#define IP4_TEXT 16
#define IP6_TEXT 40

bool mac_parse(const char *text, u8 mac[6]);
char *mac_format(char to[MAC_TEXT], const u8 mac[6]);

/* "192.0.2.1", host order. */
bool ip4_parse(const char *text, u32 *address);
char *ip4_format(char to[IP4_TEXT], u32 address);

/* "192.0.2.1/24": the address and the length of its prefix, 0 to 32. */
bool ip4_parse_prefix(const char *text, u32 *address, u8 *prefix);

/* "2001:db8::1" (RFC 4291 "Text Representation of Addresses"; no zone, no dotted quad at the end); written as RFC 5952 says. */
bool ip6_parse(const char *text, u8 address[16]);
bool ip6_parse_prefix(const char *text, u8 address[16], u8 *prefix);
char *ip6_format(char to[IP6_TEXT], const u8 address[16]);

/* A decimal number from *text on, up to max; moves *text behind it. false: there is none, or it is larger. */
bool number_parse(const char **text, u32 max, u32 *value);
