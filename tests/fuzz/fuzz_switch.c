/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/net/switch_fake.c hv/net/switch.c hv/net/switch_deliver.c hv/net/switch_head.c hv/net/switch_hold.c hv/net/switch_learn.c hv/net/switch_ports.c hv/net/guard.c hv/net/limit.c hv/net/mac_table.c hv/net/offload.c hv/net/capture.c hv/net/frame.c hv/core/sync.c hv/lib/format.c */
/* Any frames with any offloads from any ports, in pieces of exactly their size (ASan sees what reads beyond). Held to: a guest
 * never reaches another VLAN, never speaks with another's MAC or bound IPv4 address, nothing is delivered that is longer than the
 * port may get, segments are whole. Four bytes and data a frame; the ports and their VLANs are fixed. */
#include "../unit/hv/net/switch_fake.h"

#include "../../hv/net/capture.h"
#include "../../hv/net/switch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PORTS 8

/* hv/lib/string.c would take the place of the C library's functions, which libFuzzer itself needs. */
size_t str_copy(char *to, size_t size, const char *s)
{
	return (size_t)fmt_print(to, size, "%s", s);
}

static struct net_switch *sw;
static struct fake_port *port[PORTS];

static enum net_verdict check_deliver(struct net_port *p, struct net_frame *f)
{
	static u8 bytes[NET_GSO_MAX + 4];
	const struct net_port *from = switch_source();
	const struct port_state *to_state = p->switch_state;
	u32 len = net_copy(f, 0, bytes, sizeof(bytes));

	assert_int_equal(len, f->len);
	assert_true(f->pieces <= NET_PIECES_MAX && len >= 14);
	assert_true(port_in_vlan(p, switch_source_vlan()));
	if (!f->offload.gso)
		assert_true(len <= p->mtu + 18u);
	else
		assert_true(p->takes_gso4 || p->takes_gso6 || p->takes_gso_udp);
	assert_true(!f->offload.checksum || p->takes_checksum);
	assert_true(!f->tagged || p->takes_vlan);
	if (from->guard) {
		assert_memory_equal(bytes + 6, from->mac, 6);
		/* The hypervisor's address is nobody else's. */
		if (!from->trunk && bytes[12] == 8 && bytes[13] == 0 && len >= 34)
			assert_int_not_equal(get32be(bytes + 26), 0x0a000001);
	}
	assert_true(from == p ? false : true);
	if (from->kind == NET_PORT_GUEST && p->kind == NET_PORT_GUEST && !to_state->dirty)
		assert_true(!from->isolated && !p->isolated);
	return (enum net_verdict)(bytes[len - 1] % 6 == NET_HELD ? NET_TAKEN : bytes[len - 1] % 6);
}

static const struct net_port_ops check_ops = { .deliver = check_deliver };

static void config(struct net_port *p)
{
	static u64 ids[64] = { BIT(10) | BIT(20) };
	u32 last = p->name[1] - '0';

	p->ops = &check_ops;
	p->vlan = last == 2 || last == 3 ? 10 : 0;
	p->trunk = last == 4 || p->kind == NET_PORT_UPLINK;
	p->vlan_ids = last == 4 ? ids : NULL;
	p->guard = p->kind == NET_PORT_GUEST && last != 5;
	p->isolated = last == 3;
	p->takes_checksum = last & 1;
	p->takes_gso4 = p->takes_gso6 = last == 1 || last == 7;
	p->takes_vlan = last == 6;
}

static void make_ports(void)
{
	static const enum net_port_kind kind[PORTS] = { NET_PORT_GUEST, NET_PORT_GUEST, NET_PORT_GUEST, NET_PORT_GUEST, NET_PORT_GUEST,
		NET_PORT_GUEST, NET_PORT_UPLINK, NET_PORT_HOST };
	struct capture_filter w = { .snap = 300 };

	capture_free();
	fake_net_reset();
	sw = switch_create("fuzz");
	for (u32 i = 0; i < PORTS; i++)
		port[i] = fake_port_new(sw, kind[i], (u8)i, config);
	switch_bind_ip4(&port[7]->port, 0x0a000001);
	capture_begin(state_of(&port[0]->port), &w);
}

static struct net_offload offload_of(u8 a, u8 b, u8 c)
{
	static const enum net_gso gso[4] = { NET_GSO_NONE, NET_GSO_TCP4, NET_GSO_TCP6, NET_GSO_UDP };

	return (struct net_offload){ .checksum = a & 1, .gso = gso[a >> 1 & 3], .gso_size = (u16)(b * 8), .csum_start = c,
		.csum_offset = a & 8 ? 6 : 16, .header = (u16)(c + 20) };
}

/* Ports, lengths and the source address are right mostly, or little would get past the first check. */
static void send_one(const uint8_t *head, const uint8_t *data, u32 len)
{
	struct fake_port *from = port[head[0] % PORTS];
	struct net_offload o = offload_of(head[1], head[2], head[3]);
	static u8 bytes[4096];
	u32 piece = head[0] & 0x40 ? 7 + head[2] : 0;

	memcpy(bytes, data, len);
	if (head[0] & 8 && len >= 12) {
		put_mac(bytes, bytes[5] % (PORTS + 2));
		put_mac(bytes + 6, head[0] % PORTS);
	}
	if (piece && len / piece >= NET_PIECES_MAX)
		piece = 0;
	send_bytes(from, bytes, len, piece, head[0] & 0x10 ? &o : NULL, head[0] & 0x20 && from == port[6] ? head[3] : 0, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u8 sink[512];

	make_ports();
	while (size >= 6) {
		u32 len = MIN((u32)(data[4] | data[5] << 8) % 2000 + 1, (u32)size - 6 + 1);

		if (len > size - 6)
			break;
		send_one(data, data + 6, len);
		data += 6 + len;
		size -= 6 + len;
	}
	while (capture_read(sink, sizeof(sink)))
		;
	switch_flush();
	return 0;
}
