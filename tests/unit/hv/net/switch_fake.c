/* SPDX-License-Identifier: Apache-2.0 */
#include "switch_fake.h"

#include <hv/log.h>
#include <hv/pool.h>
#include <hv/random.h>

#include "../../../../hv/net/switch.h"

struct timebase timebase = { .tsc_hz = FAKE_HZ };
static struct fake_port *made[128];
static u32 made_count;
static struct net_switch *switches[NET_SWITCHES_MAX];
static u32 switch_count;

__attribute__((weak)) void log_write(enum log_level level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

bool host_random(u64 *val)
{
	static u64 state = 42;

	state = state * 6364136223846793005u + 1442695040888963407u;
	*val = state;
	return true;
}

void *pool_alloc(u64 count, enum pool_owner owner)
{
	void *p = aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);

	(void)owner;
	memset(p, 0, count * PAGE_SIZE);
	return p;
}

void pool_free(void *p, u64 count)
{
	(void)count;
	free(p);
}

hpa_t pool_hpa(const void *p)
{
	return HPA((u64)p ^ BIT(60));
}

void fake_net_reset(void)
{
	switch_flush();
	for (u32 i = 0; i < made_count; i++)
		free(made[i]);
	made_count = 0;
	for (u32 i = 0; i < switch_count; i++)
		free(switches[i]);
	switch_count = 0;
	switch_forget_all();
	switch_now = 1000 * FAKE_HZ;
	switch_second = 1000;
	switch_second_end = 0;
	switch_clock(switch_now);
}

void fake_net_wait(u64 ns)
{
	switch_clock(switch_now + ns);
}

static enum net_verdict fake_deliver(struct net_port *p, struct net_frame *f)
{
	struct fake_port *fp = p->owner;

	if (fp->got < GOT_MAX)
		fp->lens[fp->got] = f->len;
	fp->got++;
	fp->len = f->len;
	assert_true(f->len <= FRAME_BYTES);
	assert_int_equal(net_copy(f, 0, fp->bytes, f->len), f->len);
	assert_int_equal(net_copy(f, f->len, fp->bytes, 1), 0);
	fp->offload = f->offload;
	fp->tagged = f->tagged;
	fp->vlan = f->vlan;
	fp->may_hold = f->done;
	fp->first_hpa = f->piece[0].hpa;
	fp->source = switch_source();
	fp->source_vlan = switch_source_vlan();
	if (fp->on_deliver)
		fp->on_deliver(fp, f);
	if (fp->verdict == NET_HELD) {
		if (!f->done)
			return NET_TAKEN;
		fp->held = f;
	}
	return fp->verdict;
}

static void fake_flush(struct net_port *p)
{
	((struct fake_port *)p->owner)->flushed++;
}

static const struct net_port_ops fake_ops = { .deliver = fake_deliver, .flush = fake_flush };

struct fake_port *fake_port_new(struct net_switch *s, enum net_port_kind kind, u8 last, void (*config)(struct net_port *p))
{
	struct fake_port *fp = calloc(1, sizeof(*fp));
	bool known = false;

	for (u32 i = 0; i < switch_count; i++)
		known |= switches[i] == s;
	if (!known)
		switches[switch_count++] = s;
	made[made_count++] = fp;
	fp->port = (struct net_port){ .ops = &fake_ops, .owner = fp, .kind = kind, .up = true, .mtu = 1500,
		.guard = kind == NET_PORT_GUEST, .trunk = kind == NET_PORT_UPLINK };
	fmt_print(fp->port.name, sizeof(fp->port.name), "p%u", last);
	if (kind != NET_PORT_UPLINK)
		put_mac(fp->port.mac, last);
	if (config)
		config(&fp->port);
	assert_int_equal(switch_attach(s, &fp->port), 0);
	return fp;
}

bool send_bytes(struct fake_port *from, const u8 *bytes, u32 len, u32 piece_len, const struct net_offload *o, u32 tci,
	void (*done)(struct net_frame *f))
{
	/* Their own memory of their own size: reading beyond a piece is seen. They leak where somebody holds them. */
	struct net_frame *f = calloc(1, sizeof(*f));
	struct net_piece *piece = calloc(NET_PIECES_MAX, sizeof(*piece));
	u8 *copies[NET_PIECES_MAX];
	u32 n = 0;
	bool held;

	for (u32 at = 0; at < len; n++) {
		u32 part = piece_len ? MIN(piece_len, len - at) : len;

		assert_true(n < NET_PIECES_MAX);
		copies[n] = malloc(part);
		memcpy(copies[n], bytes + at, part);
		piece[n] = (struct net_piece){ copies[n], 0x1000000 + at, part };
		at += part;
	}
	*f = (struct net_frame){ .piece = piece, .pieces = n, .len = len, .tagged = tci, .vlan = (u16)tci, .done = done };
	if (o)
		f->offload = *o;
	held = switch_input(&from->port, f);
	if (held)
		return true;
	for (u32 i = 0; i < n; i++)
		free(copies[i]);
	free(piece);
	free(f);
	return false;
}

bool send_plain(struct fake_port *from, const u8 *bytes, u32 len)
{
	return send_bytes(from, bytes, len, 0, NULL, 0, NULL);
}

/* Builders. */

void put16be(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

void put32be(u8 *p, u32 v)
{
	put16be(p, v >> 16);
	put16be(p + 2, v);
}

u32 get16be(const u8 *p)
{
	return (u32)p[0] << 8 | p[1];
}

u32 get32be(const u8 *p)
{
	return get16be(p) << 16 | get16be(p + 2);
}

void put_mac(u8 *to, u32 last)
{
	const u8 mac[NET_MAC] = { 0x52, 0x54, 0, 0, (u8)(last >> 8), (u8)last };

	if (last == 255)
		memset(to, 0xff, NET_MAC);
	else
		memcpy(to, mac, NET_MAC);
}

u32 make_ether(u8 *f, u32 to, u32 from, u32 type, u32 payload)
{
	put_mac(f, to);
	put_mac(f + 6, from);
	put16be(f + 12, type);
	for (u32 i = 0; i < payload; i++)
		f[14 + i] = (u8)(i * 7 + 3);
	return 14 + payload;
}

u32 make_arp(u8 *f, u32 from, u32 op, u32 sender_ip, u32 target_ip)
{
	static const u8 kind[6] = { 0, 1, 8, 0, 6, 4 };

	make_ether(f, 255, from, 0x0806, 28);
	memset(f + 14, 0, 28);
	memcpy(f + 14, kind, 6);
	put16be(f + 20, op);
	put_mac(f + 22, from);
	put32be(f + 28, sender_ip);
	put32be(f + 38, target_ip);
	return 42;
}

static u32 sum16(const u8 *p, u32 len, u32 sum)
{
	for (u32 i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (u32)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void make_ip4(u8 *f, u32 source, u32 target, u32 protocol, u32 payload)
{
	u8 *ip = f + 14;

	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16be(ip + 2, 20 + payload);
	put16be(ip + 4, 0x1234);
	ip[8] = 64;
	ip[9] = (u8)protocol;
	put32be(ip + 12, source);
	put32be(ip + 16, target);
	put16be(ip + 10, ~sum16(ip, 20, 0));
}

static void make_ip6(u8 *f, const u8 *source, const u8 *target, u32 protocol, u32 payload)
{
	u8 *ip = f + 14;

	memset(ip, 0, 40);
	ip[0] = 0x60;
	put16be(ip + 4, payload);
	ip[6] = (u8)protocol;
	ip[7] = 64;
	memcpy(ip + 8, source, 16);
	memcpy(ip + 24, target, 16);
}

static void make_udp_header(u8 *udp, u32 sport, u32 dport, u32 payload)
{
	put16be(udp, sport);
	put16be(udp + 2, dport);
	put16be(udp + 4, 8 + payload);
	put16be(udp + 6, 0);
}

u32 make_udp4(u8 *f, u32 to, u32 from, u32 source, u32 target, u32 sport, u32 dport, u32 payload)
{
	make_ether(f, to, from, 0x0800, 28 + payload);
	make_ip4(f, source, target, 17, 8 + payload);
	make_udp_header(f + 34, sport, dport, payload);
	return 42 + payload;
}

u32 make_udp6(u8 *f, u32 to, u32 from, const u8 *source, const u8 *target, u32 sport, u32 dport, u32 payload)
{
	make_ether(f, to, from, 0x86dd, 48 + payload);
	make_ip6(f, source, target, 17, 8 + payload);
	make_udp_header(f + 54, sport, dport, payload);
	return 62 + payload;
}

static void make_tcp_header(u8 *tcp)
{
	memset(tcp, 0, 20);
	put16be(tcp, 40000);
	put16be(tcp + 2, 80);
	put32be(tcp + 4, 0xfffffff0);
	tcp[12] = 0x50;
	tcp[13] = 0x99;		/* CWR, ACK, PSH, FIN */
}

u32 make_tcp4(u8 *f, u32 to, u32 from, u32 payload)
{
	make_ether(f, to, from, 0x0800, 40 + payload);
	make_ip4(f, 0x0a000001 + from, 0x0a000001 + to, 6, 20 + payload);
	make_tcp_header(f + 34);
	return 54 + payload;
}

u32 make_tcp6(u8 *f, u32 to, u32 from, u32 payload)
{
	u8 a[16] = { 0x20, 1, 0xd, 0xb8, 0 }, b[16] = { 0x20, 1, 0xd, 0xb8, 0 };

	a[15] = (u8)from;
	b[15] = (u8)to;
	make_ether(f, to, from, 0x86dd, 60 + payload);
	make_ip6(f, a, b, 6, 20 + payload);
	make_tcp_header(f + 54);
	return 74 + payload;
}

u32 make_dhcp(u8 *f, u32 to, u32 from, u32 address, u32 type, u32 seconds)
{
	u8 *b = f + 42;

	make_udp4(f, to, from, 0x0a000001, address, 67, 68, 300);
	memset(b, 0, 300);
	b[0] = 2;
	b[1] = 1;
	b[2] = 6;
	put32be(b + 4, DHCP_XID);
	put32be(b + 16, address);
	put_mac(b + 28, to);
	put32be(b + 236, 0x63825363);
	b[240] = 53;
	b[241] = 1;
	b[242] = (u8)type;
	b[243] = 0;
	b[244] = 51;
	b[245] = 4;
	put32be(b + 246, seconds);
	b[250] = 255;
	return 342;
}

u32 make_dhcp_request(u8 *f, u32 from, u32 xid)
{
	u32 len = make_udp4(f, 255, from, 0, 0xffffffff, 68, 67, 300);

	memset(f + 42, 0, 300);
	f[42] = f[43] = 1;
	put32be(f + 46, xid);
	return len;
}

u64 drops(const struct net_port *p)
{
	u64 n = 0;

	for (u32 i = 0; i < NET_DROPS; i++)
		n += p->stats.drop_in[i] + p->stats.drop_out[i];
	return n;
}

bool sums_are_right(const u8 *f, u32 len)
{
	bool v6 = get16be(f + 12) == 0x86dd;
	const u8 *ip = f + 14, *l4 = ip + (v6 ? 40 : 20);
	u32 l4_len = len - (u32)(l4 - f), protocol = v6 ? ip[6] : ip[9], sum;

	if (!v6 && (sum16(ip, 20, 0) != 0xffff || get16be(ip + 2) != len - 14))
		return false;
	if (v6 && get16be(ip + 4) != l4_len)
		return false;
	sum = v6 ? sum16(ip + 8, 32, 0) : sum16(ip + 12, 8, 0);
	sum = sum16(l4, l4_len, sum + protocol + l4_len);
	return sum == 0xffff;
}
