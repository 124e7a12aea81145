/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/net/nat6.c hv/net/nat6_packet.c hv/net/nat6_router.c hv/net/nat.c hv/net/nat_session.c hv/net/nat_packet.c hv/net/nat_icmp.c hv/net/nat_fragment.c hv/net/inet.c */
/* IPv6 packets of members and from outside, in any order, and what the gateway answers. What goes on has an address of ours on
 * it and goes to who has the flow; nobody has more than his share; nothing behind the copied headers is touched. */
#include <stdlib.h>
#include <string.h>

#include <hv/lib.h>

#include "hv/net/inet.h"
#include "hv/net/nat6.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const u8 outside[16] = { 0x20, 1, 0xd, 0xb8, [15] = 5 }, remote[16] = { 0x20, 1, 0xd, 0xb8, 1, [15] = 9 };
static const u8 prefix[8] = { 0xfd, 1, 2, 3, 4, 5, 0, 0 };
static struct nat6 n;
static struct nat6_router router;

static void begin(void)
{
	static const u8 seed[24], mac[6] = { 0x42, 0, 0, 0, 0, 1 };

	nat6_init(&n, seed);
	n.side[0] = (struct nat6_side){ .up = true, .mtu = 1500 };
	memcpy(n.side[0].address, outside, 16);
	memcpy(n.prefix[0], prefix, 8);
	n.flows.network[0].used = true;
	for (u32 i = 0; i < 2; i++)
		n.flows.member[i] = (struct nat_member){ .used = true, .guest = true };
	nat_share(&n.flows);
	nat6_router_init(&router, mac, prefix);
}

/* Most inputs would fail at addresses. */
static void mend(u8 *ip, u32 have, u32 len, u8 how, bool from_member)
{
	static const u8 next[] = { IP_TCP, IP_UDP, 58, IP6_FRAGMENT };

	if (have < IP6_HEADER)
		return;
	ip[0] = 0x60;
	if (how & 1)
		put16(ip + 4, (u16)(len - IP6_HEADER));
	if (how & 2)
		ip[6] = next[how >> 6];
	if (from_member && how & 4)
		memcpy(ip + NAT6_FROM, prefix, 8);
	if (how & 8)
		memcpy(ip + (from_member ? NAT6_TO : NAT6_FROM), remote, 16);
	if (!from_member && how & 16)
		memcpy(ip + NAT6_TO, outside, 16);
	/* An error about something of ours. */
	if (!from_member && how & 32 && have >= 96) {
		ip[40] = 1;
		ip[48] = 0x60;
		memcpy(ip + 48 + NAT6_FROM, outside, 16);
		memcpy(ip + 48 + NAT6_TO, remote, 16);
	}
}

static void check(const struct nat_packet *p, enum nat_verdict v)
{
	if (v == NAT_ERROR)
		abort();
	if (v == NAT_SEND && (p->total > p->len || !p->ip[7]))
		abort();
	if (v == NAT_SEND && !p->to_member && memcmp(p->ip + NAT6_FROM, outside, 16))
		abort();
	if (v == NAT_SEND && p->to_member && (memcmp(p->ip + NAT6_TO, prefix, 8) || p->member > 1))
		abort();
	for (u32 i = 0; i < 2; i++)
		if (n.flows.member[i].sessions > n.flows.member[i].share || n.fragments[i] > NAT6_FRAGMENTS_EACH)
			abort();
}

static void ask_router(const u8 *data, u32 len)
{
	u8 *frame = malloc(len), *to = malloc(NAT6_ANSWER_MAX);
	u32 got;

	memcpy(frame, data, len);
	if (len >= 62) {
		u32 length = len - 54;

		put16(frame + 18, (u16)length);
		frame[14] = 0x60;
		frame[20] = 58;
		put16(frame + 56, 0);
		put16(frame + 56, (u16)~inet_fold(inet_sum(frame + 54, length, inet_sum(frame + 22, 32, 58 + length))));
	}
	got = nat6_answer(&router, frame, len, to);
	if (got > NAT6_ANSWER_MAX || (got && inet_fold(inet_sum(to + 54, got - 54, inet_sum(to + 22, 32, 58 + got - 54))) != 0xffff))
		abort();
	free(frame);
	free(to);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u64 now = 1000;

	begin();
	while (size > 4) {
		u32 len = MIN((u32)data[0], (u32)size - 4), have = MIN(len, NAT_HEADERS_MAX);
		u8 *ip = malloc(have ? have : 1);
		struct nat_packet p = { .ip = ip, .have = have, .len = len, .partial = data[1] & 1,
					.segment = data[1] & 2 ? 1400 : 0 };
		bool member = data[1] & 4;
		enum nat_verdict v;

		if (data[1] & 8) {
			ask_router(data + 4, len);
			v = NAT_DROPPED;
		} else {
			memcpy(ip, data + 4, have);
			mend(ip, have, len, data[2], member);
			now += (u64)data[3] * 100;
			v = member ? nat6_from_member(&n, data[1] >> 4 & 1, &p, now) : nat6_from_side(&n, 0, &p, now);
		}
		check(&p, v);
		nat_sweep(&n.flows, now);
		free(ip);
		data += 4 + len;
		size -= 4 + len;
	}
	return 0;
}
