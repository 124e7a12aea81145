/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that the card cuts into pieces. RFC 9293 "Header Format" (3.1), RFC 791, RFC 8200. */
#include <hv/lib.h>

#include "nic.h"

#define ETHER 14u
#define TAG 4u
#define TYPE_TAG 0x8100u
#define TYPE_IP4 0x0800u
#define TYPE_IP6 0x86ddu
#define IP6_HEADER 40u
#define TCP_HEADER 20u
#define TCP_SUM 16u
#define PROTOCOL_TCP 6u

static u32 word(const u8 *p) { return (u32)p[0] << 8 | p[1]; }

static void put_word(u8 *p, u32 val)
{
	p[0] = (u8)(val >> 8);
	p[1] = (u8)val;
}

static u32 sum_words(const u8 *p, u32 bytes)
{
	u32 sum = 0;

	for (u32 i = 0; i < bytes; i += 2)
		sum += word(p + i);
	return sum;
}

/* Where IP begins and whether its header leads to where TCP is said to begin. */
static bool find_ip(const u8 *head, u32 l4, enum net_gso gso, struct nic_gso *g)
{
	u32 l3 = ETHER, type = word(head + ETHER - 2);

	if (type == TYPE_TAG) {
		type = word(head + ETHER + TAG - 2);
		l3 += TAG;
	}
	g->l3 = (u16)l3;
	g->ip6 = gso == NET_GSO_TCP6;
	if (g->ip6)
		return type == TYPE_IP6 && head[l3] >> 4 == 6 && l4 >= l3 + IP6_HEADER;
	return gso == NET_GSO_TCP4 && type == TYPE_IP4 && head[l3] >> 4 == 4 && head[l3 + 9] == PROTOCOL_TCP &&
		(head[l3] & 15u) >= 5 && l3 + (head[l3] & 15u) * 4 == l4;
}

int nic_gso_prepare(const struct net_frame *f, u8 *head, u32 size, struct nic_gso *g)
{
	u32 l4 = f->offload.csum_start, sum;
	u8 *ip;

	if (!f->offload.checksum || f->offload.csum_offset != TCP_SUM || !f->offload.gso_size || size > f->len)
		return -E_INVAL;
	if (l4 < ETHER + TCP_HEADER || l4 + TCP_HEADER > size || !find_ip(head, l4, f->offload.gso, g))
		return -E_INVAL;
	g->l4 = (u16)l4;
	g->header = (u16)(l4 + (head[l4 + 12] >> 4) * 4u);
	if (g->header < l4 + TCP_HEADER || g->header > size || g->header >= f->len)
		return -E_INVAL;
	ip = head + g->l3;
	if (g->ip6) {
		sum = sum_words(ip + 8, 32);
		put_word(ip + 4, 0);
	} else {
		sum = sum_words(ip + 12, 8);
		put_word(ip + 2, 0);
		put_word(ip + 10, 0);
	}
	sum += PROTOCOL_TCP;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	put_word(head + l4 + TCP_SUM, sum);
	return 0;
}
