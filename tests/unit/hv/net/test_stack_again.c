/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/hv/net/net_fake.c tests/unit/hv/net/stack_on_fake_clock.c hv/net/host_net.c hv/net/host_port.c hv/net/nat_port.c hv/net/nat6.c hv/net/nat6_packet.c hv/net/nat6_router.c hv/net/nat6_port.c hv/net/nat_services.c hv/net/nat.c hv/net/nat_session.c hv/net/nat_packet.c hv/net/nat_icmp.c hv/net/nat_fragment.c hv/net/inet.c hv/net/dhcp_server.c hv/net/dns_names.c hv/net/frame.c hv/lib/net_text.c hv/lib/string.c hv/lib/format.c lwip */
/* Ports of connections that we ended and still remember are used again, over IPv4 and IPv6. RFC 1122 "Event Processing" */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include <hv/host_net.h>
#include <hv/lib.h>

#include "hv/net/inet.h"
#include "hv/net/nat6_port.h"
#include "hv/net/stack.h"
#include "net_fake.h"

#include <lwip/priv/tcp_priv.h>

#define OUT net_fake_port(0, 0)
#define HOST4 0xc0000205u
#define FAR4 0xc0000209u
enum { FIN = 1, SYN = 2, RST = 4, ACK = 16, ICMP6 = 58, FIRST = 0xfffffff0u, AHEAD = 0x20, OPTIONS = 4 };

/* One family at a time. */
static enum { V4, V6 } family;
#define IP_BYTES (family == V4 ? 20u : IP6_HEADER)
#define L4 (ETHER_HEADER + IP_BYTES)

static const u8 web_mac[6] = { 0x42, 1, 2, 3, 4, 5 }, far_mac[6] = { 2, 7, 7, 7, 7, 7 };
static const u8 host6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 5 }, far6[16] = { 0x20, 1, 0xd, 0xb8, [15] = 9 };
static struct plan plan;
static struct resolved_plan rp;
static struct tcp_pcb *listener;
static u8 frame[200];
static u16 server = 443, port = 5000;	/* ours; the peer's, a new one for each test */

/* --- the server: says goodbye as soon as it hears something --- */

static err_t heard(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	if (p) {
		tcp_recved(pcb, p->tot_len);
		pbuf_free(p);
		tcp_recv(pcb, NULL);
		tcp_close(pcb);
	}
	return ERR_OK;
}

static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
	tcp_recv(pcb, heard);
	return ERR_OK;
}

static void serve(void *arg)
{
	struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);

	assert_int_equal(tcp_bind(pcb, IP_ANY_TYPE, server), ERR_OK);
	listener = tcp_listen(pcb);
	tcp_accept(listener, accepted);
}

static void unserve(void *arg)
{
	tcp_close(listener);
}

/* lwIP gives nobody a port of a connection that is remembered. */
static void serve_elsewhere(void *arg)
{
	server++;
	serve(arg);
}

static int setup(void **state)
{
	net_fake_reset();
	net_fake_plan(&plan, &rp, web_mac);
	plan.machine.net.how = HOST_NET_STATIC;
	plan.machine.net.ipv6 = HOST_IPV6_STATIC;
	memcpy(plan.machine.net.address6, host6, 16);
	assert_int_equal(host_net_build(&plan, &rp), 0);
	net_fake_turns(5000);		/* duplicate address detection */
	assert_true(stack_run(serve, NULL));
	return 0;
}

static int over4(void **state)
{
	family = V4;
	port++;
	return 0;
}

static int over6(void **state)
{
	family = V6;			/* the same port as over IPv4: another connection */
	return 0;
}

/* --- the peer --- */

static void begin_frame(const u8 *to_mac, u16 type)
{
	memset(frame, 0, sizeof(frame));
	memcpy(frame, to_mac, 6);
	memcpy(frame + 6, far_mac, 6);
	put16(frame + 12, type);
}

static void give(u32 len)
{
	net_fake_give(OUT, frame, len, NULL);
	net_fake_turns(5);
}

/* size bytes are behind the IP header already; their sum belongs to sum_at. */
static void give_packet(u8 proto, u32 size, u32 sum_at, u8 hops)
{
	u8 *h = frame + ETHER_HEADER, *pseudo = h + (family == V4 ? 12 : 8);

	if (family == V4) {
		memcpy(h, (const u8[]){ 0x45, 0, 0, (u8)(20 + size), 0, 0, 0, 0, hops, proto }, 10);
		put32(h + 12, FAR4);
		put32(h + 16, HOST4);
		put16(h + 10, (u16)~inet_fold(inet_sum(h, 20, 0)));
	} else {
		memcpy(h, (const u8[]){ 0x60, 0, 0, 0, 0, (u8)size, proto, hops }, 8);
		memcpy(h + 8, far6, 16);
		memcpy(h + 24, host6, 16);
	}
	put16(frame + L4 + sum_at, (u16)~inet_fold(inet_sum(frame + L4, size, inet_sum(pseudo, family == V4 ? 8 : 32, proto + size))));
	give(L4 + size);
}

/* With an MSS of 600 in each; n bytes behind it. */
static void segment(u8 flags, u32 seq, u32 ack, u32 n)
{
	u8 *t;

	begin_frame(OUT->mac, family == V4 ? ETHER_IP4 : ETHER_IP6);
	t = frame + L4;
	put16(t, port);
	put16(t + 2, server);
	put32(t + 4, seq);
	put32(t + 8, ack);
	t[12] = (20 + OPTIONS) / 4 << 4;
	t[13] = flags;
	put16(t + 14, 60000);
	memcpy(t + 20, (const u8[]){ 2, 4, 600 >> 8, 600 & 255 }, OPTIONS);
	memset(t + 20 + OPTIONS, 'x', n);
	give_packet(IP_TCP, 20 + OPTIONS + n, 16, 64);
}

static void answer_arp(const struct sent *s)
{
	begin_frame(OUT->mac, ETHER_ARP);
	memcpy(frame + 14, (const u8[]){ 0, 1, 8, 0, 6, 4, 0, 2 }, 8);
	memcpy(frame + 22, far_mac, 6);
	put32(frame + 28, FAR4);
	memcpy(frame + 32, s->bytes + 22, 10);
	give(42);
}

static void answer_neighbor(void)
{
	begin_frame(OUT->mac, ETHER_IP6);
	frame[L4] = 136;
	frame[L4 + 4] = 0x60;
	memcpy(frame + L4 + 8, far6, 16);
	memcpy(frame + L4 + 24, (const u8[]){ 2, 1 }, 2);
	memcpy(frame + L4 + 26, far_mac, 6);
	give_packet(ICMP6, 32, 2, 255);
}

/* TCP's header of what the peer hears next; null: nothing. Who asks where the peer is gets an answer. */
static const u8 *hear(void)
{
	struct sent *s;

	while ((s = net_fake_take())) {
		u16 type = get16(s->bytes + 12);

		if (s->port != OUT)
			continue;
		if (type == ETHER_ARP && family == V4 && get32(s->bytes + 38) == FAR4)
			answer_arp(s);
		if (type == ETHER_IP6 && family == V6 && s->bytes[20] == ICMP6 && s->bytes[54] == 135)
			answer_neighbor();
		if (type == (family == V4 ? ETHER_IP4 : ETHER_IP6) && s->bytes[family == V4 ? 23 : 20] == IP_TCP)
			return s->bytes + L4;
	}
	return NULL;
}

static void forget(void)
{
	while (net_fake_take())
		;
}

/* A SYN is taken as a new connection's: its number from us. */
static u32 opens(u32 seq)
{
	const u8 *t;
	u32 isn;

	forget();
	segment(SYN, seq, 0x12345678, 0);	/* no ACK flag: the number means nothing */
	t = hear();
	assert_non_null(t);
	assert_int_equal(t[13], SYN | ACK);
	assert_int_equal(get16(t + 2), port);
	assert_int_equal(get32(t + 8), seq + 1);
	isn = get32(t + 4);
	segment(ACK, seq + 1, isn + 1, 0);
	return isn;
}

static struct tcp_pcb *of_port(struct tcp_pcb *p)
{
	while (p && (p->remote_port != port || IP_IS_V6_VAL(p->remote_ip) != (family == V6)))
		p = p->next;
	return p;
}

/* The peer says 3 bytes after its SYN of seq, we end, the peer too. Where our numbers ended; the peer's at seq + 5. */
static u32 remembered(u32 seq)
{
	u32 isn = opens(seq);

	forget();
	segment(ACK, seq + 1, isn + 1, 3);
	segment(FIN | ACK, seq + 4, isn + 2, 0);
	assert_non_null(of_port(tcp_tw_pcbs));
	assert_null(of_port(tcp_active_pcbs));
	assert_int_equal(of_port(tcp_tw_pcbs)->rcv_nxt, seq + 5);
	assert_int_equal(of_port(tcp_tw_pcbs)->snd_nxt, isn + 2);
	return isn + 2;
}

/* --- tests --- */

/* Past the old one's bytes (across the end of numbers, too) it is a new connection, with numbers past the old one's. */
static void test_used_again(void **state)
{
	u32 old_end = remembered(FIRST), isn = opens(FIRST + AHEAD);
	struct tcp_pcb *p = of_port(tcp_active_pcbs);

	assert_in_range(isn - old_end, 0x10000, 0x10000 + 0xffffff);
	assert_null(of_port(tcp_tw_pcbs));
	assert_non_null(p);
	assert_int_equal(p->state, ESTABLISHED);
	assert_int_equal(p->mss, 600);		/* its options were read as they came */
	segment(RST | ACK, FIRST + AHEAD + 1, isn + 1, 0);
	assert_null(of_port(tcp_active_pcbs));
}

/* Again and again, as a client with few ports does. */
static void test_used_often(void **state)
{
	u32 seq = 1000;

	for (u32 i = 0; i < 50; i++, seq += 5 + i * 1000)
		remembered(seq);
	segment(RST, seq, 0, 0);
}

/* A SYN of before: we say what we know, the peer's RST to that lets the old one go, and its next SYN is a new one. */
static void test_old_syn(void **state)
{
	u32 old_end = remembered(1000), seq = 1004;
	const u8 *t;

	forget();
	segment(SYN, seq, 0, 0);
	t = hear();
	assert_non_null(t);
	assert_int_equal(t[13], ACK);
	assert_int_equal(get32(t + 4), old_end);
	assert_int_equal(get32(t + 8), 1005);
	assert_non_null(of_port(tcp_tw_pcbs));
	assert_null(of_port(tcp_active_pcbs));
	segment(RST, 1005, 0, 0);
	assert_null(of_port(tcp_tw_pcbs));
	opens(seq);
	segment(RST, seq + 1, 0, 0);
}

/* Who guesses does not make us forget; nor do segments of the old connection that are late. */
static void test_guesses(void **state)
{
	u32 end = remembered(1000);

	segment(RST, 1004, 0, 0);
	segment(RST, 1006, 0, 0);
	segment(RST | ACK, 1006, end, 0);
	segment(SYN | ACK, 90000, end, 0);
	segment(SYN | RST, 90000, 0, 0);
	segment(SYN | FIN, 90000, 0, 0);
	segment(ACK, 90000, end, 3);
	segment(FIN | ACK, 1004, end, 0);
	assert_non_null(of_port(tcp_tw_pcbs));
	assert_null(of_port(tcp_active_pcbs));
	segment(RST, 1005, 0, 0);
	assert_null(of_port(tcp_tw_pcbs));
}

/* Nobody serves any more: the old one is gone, the peer is told, and the next connection's numbers are its own. */
static void test_nobody_serves(void **state)
{
	u32 old_end = remembered(1000), isn;
	const u8 *t;

	assert_true(stack_run(unserve, NULL));
	forget();
	segment(SYN, 5000, 0, 0);
	t = hear();
	assert_non_null(t);
	assert_true(t[13] & RST);
	assert_null(of_port(tcp_tw_pcbs));
	assert_true(stack_run(serve_elsewhere, NULL));
	isn = opens(9000);
	assert_false(isn - old_end >= 0x10000 && isn - old_end <= 0x10000 + 0xffffff);
	segment(RST, 9001, 0, 0);
}

#define BOTH(f) { #f " over IPv4", f, over4, NULL, NULL }, { #f " over IPv6", f, over6, NULL, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = { BOTH(test_used_again), BOTH(test_used_often), BOTH(test_old_syn), BOTH(test_guesses),
		BOTH(test_nobody_serves) };

	return cmocka_run_group_tests(tests, setup, NULL);
}
