/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/net/net_fake.c tests/unit/hv/net/stack_on_fake_clock.c hv/net/host_net.c hv/net/host_port.c hv/net/nat_port.c hv/net/nat6.c hv/net/nat6_packet.c hv/net/nat6_router.c hv/net/nat6_port.c hv/net/nat_services.c hv/net/nat.c hv/net/nat_session.c hv/net/nat_packet.c hv/net/nat_icmp.c hv/net/nat_fragment.c hv/net/inet.c hv/net/dhcp_server.c hv/net/dns_names.c hv/net/frame.c hv/lib/net_text.c hv/lib/format.c lwip */
/* Frames from the LAN and from guests into the hypervisor's own ports: lwIP with our options, NAT, DHCP, names, with time
 * going by. lwIP begins once; what it remembers of one input meets the next. An assertion of lwIP's is a find. */
#include <stdlib.h>
#include <string.h>

#include <hv/host_net.h>
#include <hv/lib.h>

#include "../unit/hv/net/net_fake.h"
#include "hv/net/host_port.h"
#include "hv/net/inet.h"
#include "hv/net/stack.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* hv/lib/string.c would take the place of the fuzzer's own memmove. */
size_t str_copy(char *to, size_t size, const char *s)
{
	strncpy(to, s, size - 1);
	to[size - 1] = 0;
	return strlen(s);
}

static void begin(void)
{
	static struct plan plan;
	static struct resolved_plan rp;

	plan.machine.net = (struct plan_host_net){ .how = HOST_NET_STATIC, .address = 0xc0000205, .prefix = 24, .gateway = 0xc0000201 };
	plan.guest_count = 1;
	plan.guest[0].net_count = 1;
	str_copy(plan.guest[0].name, sizeof(plan.guest[0].name), "web");
	plan.switch_count = 1;
	plan.sw[0].nat = true;
	plan.sw[0].forward_count = 1;
	plan.sw[0].forward[0] = (struct plan_forward){ .port = 2201, .guest = "web", .guest_port = 22 };
	rp.guest_count = 1;
	rp.guest[0].plan = &plan.guest[0];
	rp.guest[0].net[0].sw = 1;
	memcpy(rp.guest[0].net[0].mac, "\x42\1\2\3\4\5", 6);
	rp.switch_count = 2;
	rp.sw[0] = (struct resolved_switch){ .outside = NO_CARD };
	rp.sw[1] = (struct resolved_switch){ .plan = &plan.sw[0], .outside = 0, .address = 0x0a4d0001, .prefix = 24, .card = NO_CARD };
	host_net_build(&plan, &rp);
	net_fake_turns(300);
}

/* Most inputs would fail at a MAC address or at a sum. */
static void mend(u8 *f, u32 len, u8 how, const struct net_port *p, bool inside)
{
	if (len < 34 || !(how & 1))
		return;
	memcpy(f, how & 2 ? (const u8 *)"\xff\xff\xff\xff\xff\xff" : p->mac, 6);
	if (inside)
		memcpy(f + 6, "\x42\1\2\3\4\5", 6);
	if (get16(f + 12) != ETHER_IP4 || f[14] != 0x45)
		return;
	put32(f + 30, how & 4 ? 0xcb007109 : inside ? 0x0a4d0001 : 0xc0000205);
	if (inside)
		put32(f + 26, 0x0a4d000a);
	if (how & 8)
		put16(f + 16, (u16)(len - 14));
	put16(f + 24, 0);
	put16(f + 24, (u16)~inet_fold(inet_sum(f + 14, 20, 0)));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static bool begun;

	if (!begun)
		begin();
	begun = true;
	while (size > 4) {
		u32 len = MIN((u32)data[0] * 6, (u32)size - 4);
		bool inside = data[1] & 0x80;
		struct net_port *p = net_fake_port(inside, 0);
		u8 *frame = malloc(len ? len : 1);

		memcpy(frame, data + 4, len);
		mend(frame, len, data[1], p, inside);
		net_fake_give(p, frame, len, NULL);
		net_fake_turns(data[2] & 0x0f ? 5 : (u32)data[3] * 20);
		while (net_fake_take())
			;
		free(frame);
		data += 4 + len;
		size -= 4 + len;
	}
	if (stack_down())
		abort();
	return 0;
}
