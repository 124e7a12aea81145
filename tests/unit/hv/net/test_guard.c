/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/net/guard.c hv/net/frame.c tests/unit/hv/net/switch_fake.c hv/net/switch.c hv/net/switch_deliver.c hv/net/switch_head.c hv/net/switch_hold.c hv/net/switch_learn.c hv/net/switch_ports.c hv/net/limit.c hv/net/mac_table.c hv/net/offload.c hv/net/capture.c hv/core/sync.c hv/lib/string.c hv/lib/format.c */
#include "switch_fake.h"

#include "../../../../hv/net/guard.h"

#define OWN 0x0a000005u
#define THEIRS 0x0a000009u
#define PASS NET_DROPS

static struct guard g;
static u8 f[2048];
static u8 own6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 5 }, theirs6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 9 };
static u8 link6[16] = { 0xfe, 0x80, [15] = 5 }, link_theirs6[16] = { 0xfe, 0x80, [15] = 9 }, all6[16] = { 0xff, 2, [15] = 1 }, none6[16];

static bool others_have4(const struct guard_others *o, u32 a)
{
	(void)o;
	return a == THEIRS;
}

static bool others_have6(const struct guard_others *o, const u8 *a)
{
	(void)o;
	return memcmp(a, theirs6, 16) == 0 || memcmp(a, link_theirs6, 16) == 0;
}

static const struct guard_others others = { others_have4, others_have6 };

static int setup(void **state)
{
	(void)state;
	memset(&g, 0, sizeof(g));
	return 0;
}

/* From memory of exactly that size: ASan sees what reads beyond. */
static enum net_drop check_cut(u32 seen, u32 len)
{
	u8 mac[6], *copy = malloc(seen);
	enum net_drop why;

	put_mac(mac, 1);
	memcpy(copy, f, seen);
	why = guard_check(&g, mac, copy, seen, len, &others);
	free(copy);
	return why;
}

static enum net_drop check(u32 len)
{
	return check_cut(MIN(len, GUARD_HEAD_MAX), len);
}

static void bind_own(void)
{
	g.ip4[g.ip4_count++] = OWN;
	memcpy(g.ip6[g.ip6_count++], own6, 16);
}

static void test_mac(void **state)
{
	u32 len = make_ether(f, 2, 1, 0x88b5, 50);

	(void)state;
	assert_int_equal(check(len), PASS);
	put_mac(f + 6, 2);
	assert_int_equal(check(len), DROP_SPOOF_MAC);
	make_ether(f, 2, 1, 0x8035, 50);
	assert_int_equal(check(len), DROP_SPOOF_ARP);
}

static void test_arp(void **state)
{
	(void)state;
	for (u32 bound = 0; bound < 2; bound++) {
		assert_int_equal(check(make_arp(f, 1, 1, OWN, 7)), PASS);
		assert_int_equal(check(make_arp(f, 1, 2, OWN, 7)), PASS);
		assert_int_equal(check(make_arp(f, 1, 1, 0, OWN)), PASS);	/* a probe */
		assert_int_equal(check(make_arp(f, 1, 2, 0, OWN)), DROP_SPOOF_ARP);
		assert_int_equal(check(make_arp(f, 1, 1, THEIRS, 7)), DROP_SPOOF_ARP);
		assert_int_equal(check(make_arp(f, 1, 2, THEIRS, 7)), DROP_SPOOF_ARP);
		assert_int_equal(check(make_arp(f, 1, 1, 0x0a000006, 7)), bound ? DROP_SPOOF_ARP : PASS);
		bind_own();
	}
	make_arp(f, 1, 2, OWN, 7);
	put_mac(f + 22, 2);		/* its address, another's Ethernet address */
	assert_int_equal(check(42), DROP_SPOOF_ARP);
	for (u32 i = 0; i < 8; i++) {
		make_arp(f, 1, 1, OWN, 7);
		f[14 + i] ^= 0x40;
		assert_int_equal(check(42), DROP_MALFORMED);
	}
	assert_int_equal(check(make_arp(f, 1, 3, OWN, 7)), DROP_MALFORMED);
	make_arp(f, 1, 1, OWN, 7);
	for (u32 len = 14; len < 42; len++)
		assert_int_equal(check(len), DROP_MALFORMED);
}

static void test_ip4_sources(void **state)
{
	static const u32 never[] = { THEIRS, 0x7f000001, 0xe0000001, 0xffffffff, 0x00000001, 0xf0000001 };

	(void)state;
	for (u32 i = 0; i < ARRAY_COUNT(never); i++)
		assert_int_equal(check(make_udp4(f, 2, 1, never[i], 7, 9, 9, 10)), DROP_SPOOF_IP);
	assert_int_equal(check(make_udp4(f, 2, 1, 0x0a000006, 7, 9, 9, 10)), PASS);
	assert_int_equal(check(make_udp4(f, 2, 1, OWN, 7, 9, 9, 10)), PASS);
	g.leased = OWN;
	assert_int_equal(check(make_udp4(f, 2, 1, OWN, 7, 9, 9, 10)), PASS);
	assert_int_equal(check(make_udp4(f, 2, 1, 0x0a000006, 7, 9, 9, 10)), DROP_SPOOF_IP);
	g.leased = g.good4 = 0;
	bind_own();
	for (u32 i = 0; i < ARRAY_COUNT(never); i++)
		assert_int_equal(check(make_udp4(f, 2, 1, never[i], 7, 9, 9, 10)), DROP_SPOOF_IP);
	assert_int_equal(check(make_udp4(f, 2, 1, OWN, 7, 9, 9, 10)), PASS);
	assert_int_equal(check(make_udp4(f, 2, 1, 0x0a000006, 7, 9, 9, 10)), DROP_SPOOF_IP);
	/* Nobody yet: asks for an address, joins a group, nothing else. */
	assert_int_equal(check(make_udp4(f, 255, 1, 0, 0xffffffff, 68, 67, 240)), PASS);
	assert_int_equal(check(make_udp4(f, 255, 1, 0, 0xffffffff, 68, 69, 240)), DROP_SPOOF_IP);
	f[37] = 67;
	f[21] = 0x08;			/* in a later fragment there are no ports */
	assert_int_equal(check(282), DROP_SPOOF_IP);
	f[21] = 0;
	f[23] = 2;
	assert_int_equal(check(282), PASS);
	f[23] = 1;
	assert_int_equal(check(282), DROP_SPOOF_IP);
}

static void test_ip4_malformed(void **state)
{
	u32 len = make_udp4(f, 2, 1, OWN, 7, 9, 9, 10);

	(void)state;
	for (u32 cut = 14; cut < 42; cut++)
		assert_int_equal(check_cut(cut, cut), DROP_MALFORMED);
	for (u32 first = 0; first < 256; first++) {
		f[14] = (u8)first;
		assert_true(first == 0x45 || first >> 4 == 4 || check(len) == DROP_MALFORMED);
		assert_true((first & 15) >= 5 || check(len) == DROP_MALFORMED);
		check(len);
	}
	f[14] = 0x45;
	f[17]++;			/* it says that it is longer */
	assert_int_equal(check(len), DROP_MALFORMED);
	f[17] -= 2;			/* padding behind is usual */
	assert_int_equal(check(len), PASS);
	f[14] = 0x4f;			/* options, ports behind what is there */
	assert_int_equal(check(len), DROP_MALFORMED);
}

static void test_servers(void **state)
{
	u32 len;

	(void)state;
	bind_own();
	assert_int_equal(check(make_udp4(f, 2, 1, OWN, 7, 67, 68, 240)), DROP_SPOOF_IP);
	assert_int_equal(check(make_udp4(f, 2, 1, OWN, 7, 547, 546, 240)), DROP_SPOOF_IP);
	assert_int_equal(check(make_udp4(f, 2, 1, OWN, 7, 68, 67, 240)), PASS);
	/* Behind IP options. */
	len = make_udp4(f, 2, 1, OWN, 7, 67, 68, 240);
	memmove(f + 74, f + 34, 40);
	memset(f + 34, 1, 40);
	f[14] = 0x4f;
	assert_int_equal(check(len), DROP_SPOOF_IP);
	assert_true(guard_needs_more(f));
	/* First fragment, whole and too tiny for its ports; a later one. */
	len = make_udp4(f, 2, 1, OWN, 7, 67, 68, 240);
	f[20] = 0x20;
	assert_int_equal(check(len), DROP_SPOOF_IP);
	put16be(f + 16, 24);
	assert_int_equal(check_cut(38, 38), DROP_MALFORMED);
	put16be(f + 20, 0x2010);
	assert_int_equal(check(len), PASS);
	assert_int_equal(check(make_udp6(f, 2, 1, own6, all6, 547, 546, 50)), DROP_SPOOF_IP);
	assert_int_equal(check(make_udp6(f, 2, 1, own6, all6, 546, 547, 50)), PASS);
}

static void test_ip6_sources(void **state)
{
	(void)state;
	for (u32 bound = 0; bound < 2; bound++) {
		assert_int_equal(check(make_udp6(f, 2, 1, own6, all6, 9, 9, 10)), PASS);
		assert_int_equal(check(make_udp6(f, 2, 1, link6, all6, 9, 9, 10)), PASS);
		assert_int_equal(check(make_udp6(f, 2, 1, none6, all6, 9, 9, 10)), PASS);
		assert_int_equal(check(make_udp6(f, 2, 1, theirs6, all6, 9, 9, 10)), DROP_SPOOF_IP);
		assert_int_equal(check(make_udp6(f, 2, 1, link_theirs6, all6, 9, 9, 10)), DROP_SPOOF_IP);
		assert_int_equal(check(make_udp6(f, 2, 1, all6, all6, 9, 9, 10)), DROP_SPOOF_IP);
		own6[14] = 1;
		assert_int_equal(check(make_udp6(f, 2, 1, own6, all6, 9, 9, 10)), bound ? DROP_SPOOF_IP : PASS);
		own6[14] = 0;
		bind_own();
	}
	make_udp6(f, 2, 1, own6, all6, 9, 9, 10);
	for (u32 cut = 14; cut < 62; cut++)
		assert_int_equal(check_cut(cut, cut), DROP_MALFORMED);
	f[14] = 0x50;
	assert_int_equal(check(72), DROP_MALFORMED);
}

/* ICMPv6 of a type, with a target, behind the extension headers in `next`. */
static u32 make_icmp6(u32 type, const u8 *target, const u8 *extension, u32 extensions)
{
	u32 at = 54;

	make_udp6(f, 2, 1, own6, all6, 0, 0, 150);
	memset(f + 54, 0, 150);
	f[20] = extensions ? extension[0] : 58;
	for (u32 i = 0; i < extensions; i++, at += 8) {
		f[at] = i + 1 < extensions ? extension[i + 1] : 58;
		if (extension[i] == 44)
			put16be(f + at + 2, 1);		/* the first of several */
	}
	f[at] = (u8)type;
	memcpy(f + at + 8, target, 16);
	return at + 40;
}

static void test_neighbour_discovery(void **state)
{
	static const u8 one[] = { 60 }, three[] = { 0, 43, 60 }, fragment[] = { 44 }, many[] = { 60, 60, 60, 60, 60, 60, 60, 60, 60 };

	(void)state;
	bind_own();
	assert_int_equal(check(make_icmp6(133, none6, NULL, 0)), PASS);
	assert_int_equal(check(make_icmp6(134, none6, NULL, 0)), DROP_SPOOF_IP);
	assert_int_equal(check(make_icmp6(135, theirs6, NULL, 0)), PASS);
	assert_int_equal(check(make_icmp6(136, own6, NULL, 0)), PASS);
	assert_int_equal(check(make_icmp6(136, link6, NULL, 0)), PASS);
	assert_int_equal(check(make_icmp6(136, theirs6, NULL, 0)), DROP_SPOOF_ARP);
	assert_int_equal(check(make_icmp6(136, link_theirs6, NULL, 0)), DROP_SPOOF_ARP);
	assert_int_equal(check(make_icmp6(136, none6, NULL, 0)), DROP_SPOOF_ARP);
	assert_int_equal(check(make_icmp6(137, own6, NULL, 0)), DROP_SPOOF_IP);
	assert_int_equal(check(make_icmp6(128, own6, NULL, 0)), PASS);
	/* Hidden behind extension headers. */
	assert_int_equal(check(make_icmp6(134, none6, one, 1)), DROP_SPOOF_IP);
	assert_int_equal(check(make_icmp6(134, none6, three, 3)), DROP_SPOOF_IP);
	assert_int_equal(check(make_icmp6(128, none6, three, 3)), PASS);
	assert_int_equal(check(make_icmp6(128, none6, many, 9)), DROP_MALFORMED);
	/* And in fragments: none of neighbour discovery is right there. */
	assert_int_equal(check(make_icmp6(134, none6, fragment, 1)), DROP_SPOOF_IP);
	assert_int_equal(check(make_icmp6(135, none6, fragment, 1)), DROP_SPOOF_IP);
	assert_int_equal(check(make_icmp6(128, none6, fragment, 1)), PASS);
	make_icmp6(134, none6, fragment, 1);
	put16be(f + 56, 8);
	assert_int_equal(check(102), PASS);	/* a later one */
	/* An extension header that ends behind what can be seen, or behind the frame. */
	make_icmp6(134, none6, one, 1);
	f[55] = 20;
	assert_int_equal(check(200), DROP_MALFORMED);
	make_icmp6(134, none6, one, 1);
	for (u32 len = 54; len < 70; len++)
		assert_int_equal(check(len), DROP_MALFORMED);
	assert_int_equal(check(70), DROP_SPOOF_IP);
	make_icmp6(136, own6, NULL, 0);
	for (u32 len = 54; len < 78; len++)
		assert_int_equal(check(len), DROP_MALFORMED);
	/* Which heads need a second look. */
	assert_true(guard_needs_more(f));
	make_udp6(f, 2, 1, own6, all6, 9, 9, 10);
	assert_false(guard_needs_more(f));
	make_udp4(f, 2, 1, OWN, 7, 9, 9, 10);
	assert_false(guard_needs_more(f));
}

static void test_offloads(void **state)
{
	static const u8 one[] = { 60 };
	struct net_offload o = { .checksum = true, .csum_start = 34, .csum_offset = 16 };
	u32 len = make_tcp4(f, 2, 1, 100);

	(void)state;
	assert_true(guard_offload_fits(f, len, &o));
	for (u32 at = 0; at < 200; at++) {
		o.csum_start = (u16)at;
		assert_int_equal(guard_offload_fits(f, len, &o), at == 34);
	}
	o.csum_start = 34;
	for (u32 off = 0; off < 200; off++) {
		o.csum_offset = (u16)off;
		assert_int_equal(guard_offload_fits(f, len, &o), off == 16);
	}
	o.csum_offset = 16;
	put16be(f + 20, 0x2000);
	assert_false(guard_offload_fits(f, len, &o));
	/* ARP has no sums: one would change the address that was checked. */
	make_arp(f, 1, 1, OWN, 7);
	o = (struct net_offload){ .checksum = true, .csum_start = 28, .csum_offset = 0 };
	assert_false(guard_offload_fits(f, 42, &o));
	/* Nor has a neighbour's advertisement one at TCP's place. */
	o = (struct net_offload){ .checksum = true, .csum_start = 54, .csum_offset = 16 };
	len = make_icmp6(136, own6, NULL, 0);
	assert_false(guard_offload_fits(f, len, &o));
	make_tcp6(f, 2, 1, 100);
	assert_true(guard_offload_fits(f, 128, &o));
	make_icmp6(6, own6, one, 1);
	f[54] = 6;
	assert_false(guard_offload_fits(f, 128, &o));
	o.csum_start = 62;
	assert_true(guard_offload_fits(f, 128, &o));
	for (u32 cut = 14; cut < 54; cut++)
		assert_false(guard_offload_fits(f, cut, &o));
	o.csum_offset = 6;
	o.csum_start = 54;
	make_udp6(f, 2, 1, own6, all6, 9, 9, 10);
	assert_true(guard_offload_fits(f, 72, &o));
}

static u32 make_plain(bool tcp)
{
	u32 len = tcp ? make_tcp4(f, 2, 1, 100) : make_udp4(f, 2, 1, OWN, 7, 9, 9, 100);

	f[26] = (u8)(OWN >> 24);
	f[27] = (u8)(OWN >> 16);
	f[28] = (u8)(OWN >> 8);
	f[29] = (u8)OWN;
	return len;
}

/* What passes at a glance passes when it is looked at: whatever is wrong with it. */
static void test_known(void **state)
{
	static const u8 words[] = { 0, 1, 6, 17, 67, 0x20, 0x40, 0x45, 0x46, 0xff };
	struct net_offload o = { .checksum = true, .csum_start = 34 }, none = { 0 };
	u8 mac[6];
	u32 known = 0;

	(void)state;
	put_mac(mac, 1);
	for (u32 tcp = 0; tcp < 2; tcp++)
		for (u32 at = 0; at < GUARD_HEAD; at++)
			for (u32 i = 0; i < ARRAY_COUNT(words); i++) {
				u32 len = make_plain(tcp), cut = i == 9 ? len - 1 : len;

				o.csum_offset = (u16)(at == 1 ? i : tcp ? 16 : 6);
				g.good4 = OWN;
				assert_true(guard_knows(&g, mac, f, len, &none));
				f[at] = words[i];
				if (at >= 34)
					f[at - at % 2] = 0;	/* ports of servers */
				if (!guard_knows(&g, mac, f, cut, &o))
					continue;
				known++;
				assert_int_equal(check(cut), PASS);
				assert_true(guard_offload_fits(f, GUARD_HEAD_MAX, &o));
				assert_false(g.asks);
			}
	assert_in_range(known, 700, 900);
	for (u32 at = 0; at < 100; at++) {
		make_plain(true);
		o.csum_start = (u16)at;
		o.csum_offset = 16;
		assert_int_equal(guard_knows(&g, mac, f, 200, &o), at == 34);
	}
	make_udp4(f, 2, 1, OWN, 7, 547, 9, 100);
	assert_false(guard_knows(&g, mac, f, 142, &none));
	make_udp4(f, 2, 1, OWN, 7, 9, 547, 100);
	assert_true(guard_knows(&g, mac, f, 142, &none));
	g.good4 = 0;
	assert_false(guard_knows(&g, mac, f, 142, &none));
	make_udp4(f, 2, 1, 0, 7, 9, 9, 100);
	assert_false(guard_knows(&g, mac, f, 142, &none));
}

static bool read_lease(u32 len, u32 *address, u32 *seconds)
{
	u8 mac[6], *copy = malloc(len);
	bool found;

	put_mac(mac, 1);
	memcpy(copy, f + 34, len);
	found = guard_read_lease(&g, copy, len, mac, address, seconds);
	free(copy);
	return found;
}

static void test_leases(void **state)
{
	static const u32 nobody[] = { 0xffffffff, 0xe0000001, 0x7f000001, 5 };
	u32 address, seconds;

	(void)state;
	make_dhcp(f, 1, 50, 0x0a000064, 5, 3600);
	assert_false(read_lease(308, &address, &seconds));		/* not asked for */
	g.asks = true;
	g.asked = DHCP_XID + 1;
	assert_false(read_lease(308, &address, &seconds));
	g.asked = DHCP_XID;
	assert_true(read_lease(308, &address, &seconds));
	assert_int_equal(address, 0x0a000064);
	assert_int_equal(seconds, 3600);
	make_dhcp(f, 1, 50, 0, 6, 0);
	assert_true(read_lease(308, &address, &seconds) && address == 0);
	/* Offers, an answer to INFORM, another's; not an answer; wrong cookie. */
	make_dhcp(f, 1, 50, 0x0a000064, 2, 3600);
	assert_false(read_lease(308, &address, &seconds));
	make_dhcp(f, 1, 50, 0, 5, 3600);
	assert_false(read_lease(308, &address, &seconds));
	make_dhcp(f, 2, 50, 0x0a000064, 5, 3600);
	assert_false(read_lease(308, &address, &seconds));
	for (u32 i = 0; i < ARRAY_COUNT(nobody); i++) {
		make_dhcp(f, 1, 50, nobody[i], 5, 3600);
		assert_false(read_lease(308, &address, &seconds));
	}
	for (u32 i = 0; i < 3; i++) {
		make_dhcp(f, 1, 50, 0x0a000064, 5, 3600);
		f[42 + i]++;
		assert_false(read_lease(308, &address, &seconds));
	}
	make_dhcp(f, 1, 50, 0x0a000064, 5, 3600);
	f[42 + 236]++;
	assert_false(read_lease(308, &address, &seconds));
	/* Cut anywhere, and options that lie about their length. */
	make_dhcp(f, 1, 50, 0x0a000064, 5, 3600);
	for (u32 len = 1; len < 308; len++)
		read_lease(len, &address, &seconds);
	for (u32 size = 0; size < 256; size++) {
		f[42 + 241] = (u8)size;
		read_lease(308, &address, &seconds);
	}
}

#define ROW(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_mac), ROW(test_arp), ROW(test_ip4_sources), ROW(test_ip4_malformed), ROW(test_servers), ROW(test_ip6_sources),
		ROW(test_neighbour_discovery), ROW(test_offloads), ROW(test_known), ROW(test_leases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
