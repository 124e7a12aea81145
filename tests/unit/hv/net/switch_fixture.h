/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A switch with three guests, an uplink and the hypervisor's port, and frames between them. */
#include "switch_fake.h"

#include "../../../../hv/net/capture.h"
#include "../../../../hv/net/switch.h"

static struct net_switch *sw;
static struct fake_port *a, *b, *c, *up, *host;
static u8 frame[FRAME_BYTES];

static inline int setup(void **state)
{
	(void)state;
	fake_net_reset();
	sw = switch_create("lan");
	assert_non_null(sw);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	fake_net_reset();
	return 0;
}

/* Guests a, b, c; an uplink; the hypervisor's port. */
static inline void make_all(void)
{
	a = fake_port_new(sw, NET_PORT_GUEST, 1, NULL);
	b = fake_port_new(sw, NET_PORT_GUEST, 2, NULL);
	c = fake_port_new(sw, NET_PORT_GUEST, 3, NULL);
	up = fake_port_new(sw, NET_PORT_UPLINK, 100, NULL);
	host = fake_port_new(sw, NET_PORT_HOST, 101, NULL);
}

/* How many frames a, b, c, up, host have got since the last call. */
static inline void expect_got(u32 in_a, u32 in_b, u32 in_c, u32 in_up, u32 in_host)
{
	struct fake_port *const p[] = { a, b, c, up, host };
	const u32 want[] = { in_a, in_b, in_c, in_up, in_host };

	for (u32 i = 0; i < ARRAY_COUNT(p); i++) {
		if (p[i] && p[i]->got != want[i])
			fail_msg("%s got %u, not %u", p[i]->port.name, p[i]->got, want[i]);
		if (p[i])
			p[i]->got = 0;
	}
}

static inline u32 plain(u32 to, u32 from)
{
	return make_ether(frame, to, from, 0x88b5, 100);
}

/* A plain frame goes in at a port; who gets it. */
static inline void expect_sent(struct fake_port *port, u32 to, u32 from, u32 in_a, u32 in_b, u32 in_c, u32 in_up, u32 in_host)
{
	send_plain(port, frame, plain(to, from));
	expect_got(in_a, in_b, in_c, in_up, in_host);
}

static inline void vlan10(struct net_port *p)
{
	p->vlan = 10;
}

static inline void trunk_10_20(struct net_port *p)
{
	static u64 ids[64];

	ids[0] = BIT(10) | BIT(20);
	p->trunk = true;
	p->vlan_ids = ids;
}

static inline void takes_tags(struct net_port *p)
{
	p->takes_vlan = true;
	p->takes_checksum = true;
}

static inline u32 tagged(u32 to, u32 from, u32 tci)
{
	make_ether(frame, to, from, 0x8100, 104);
	put16be(frame + 14, tci);
	put16be(frame + 16, 0x88b5);
	return 118;
}

static inline void unguarded(struct net_port *p)
{
	p->guard = false;
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
