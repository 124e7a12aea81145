/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/net/nat.c hv/net/nat_session.c hv/net/nat_packet.c hv/net/nat_icmp.c hv/net/nat_fragment.c hv/net/inet.c */
/* Packets of members and from outside, in any order. What goes on has a right IP header and an address of ours on it; nobody
 * has more than his share; nothing behind the copied headers is touched. */
#include <stdlib.h>
#include <string.h>

#include <hv/lib.h>

#include "hv/net/inet.h"
#include "hv/net/nat.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define OUTSIDE 0xc0000205u
#define GATEWAY 0x0a4d0001u
#define WEB 0x0a4d000au

static struct nat n;

static void begin(void)
{
	static const u8 seed[24];

	nat_init(&n, seed);
	n.side[0] = (struct nat_side){ true, OUTSIDE, 1500 };
	n.side[NAT_NETWORKS] = (struct nat_side){ true, GATEWAY, 65535 };
	n.network[0] = (struct nat_network){ .used = true, .address = GATEWAY, .mask = 0xffffff00, .dns = { 0xc0000235 } };
	for (u32 i = 0; i < 2; i++)
		n.member[i] = (struct nat_member){ .used = true, .guest = true, .address = WEB + i };
	n.forward[0] = (struct nat_forward){ .proto = IP_TCP, .port = 2201, .member_port = 22 };
	n.forwards = 1;
	nat_share(&n);
}

/* Most inputs would fail at the header's sum. */
static void mend(u8 *ip, u32 have, u8 how, bool from_member)
{
	if (have < 20)
		return;
	ip[0] = 0x45;
	if (how & 1)
		put16(ip + 2, (u16)have);
	if (how & 2)
		put16(ip + 6, 0);
	if (from_member)
		put32(ip + 12, how & 4 ? WEB + 1 : WEB);
	else if (how & 4)
		put32(ip + 16, OUTSIDE);
	if (how & 8)
		put32(ip + (from_member ? 16 : 12), how & 16 ? GATEWAY : 0xcb007109);
	put16(ip + 10, 0);
	put16(ip + 10, (u16)~inet_fold(inet_sum(ip, 20, 0)));
}

static void check(const struct nat_packet *p, enum nat_verdict v)
{
	if (v == NAT_SEND && (inet_fold(inet_sum(p->ip, 20, 0)) != 0xffff || p->total > p->len || !p->ip[8]))
		abort();
	if (v == NAT_SEND && !p->to_member && get32(p->ip + NAT_FROM) != OUTSIDE)
		abort();
	if (v == NAT_SEND && p->to_member && get32(p->ip + NAT_TO) != n.member[p->member].address)
		abort();
	for (u32 i = 0; i < 2; i++)
		if (n.member[i].sessions > n.member[i].share || n.member[i].fragments > NAT_FRAGMENTS_EACH)
			abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u64 now = 1000;

	begin();
	while (size > 4) {
		u32 len = MIN((u32)data[0], (u32)size - 4), have = MIN(len, NAT_HEADERS_MAX);
		u8 *ip = malloc(NAT_HEADERS_MAX);
		struct nat_packet p = { .ip = ip, .have = have, .len = len, .partial = data[1] & 1,
					.segment = data[1] & 2 ? 1400 : 0 };
		bool member = data[1] & 4;
		enum nat_verdict v;

		memcpy(ip, data + 4, have);
		mend(ip, have, data[2], member);
		now += (u64)data[3] * 100;
		v = member ? nat_from_member(&n, data[2] & 4 ? 1 : 0, &p, now) : nat_from_side(&n, 0, &p, now);
		check(&p, v);
		nat_sweep(&n, now);
		free(ip);
		data += 4 + len;
		size -= 4 + len;
	}
	return 0;
}
