/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/web/wire_tcp.c hv/web/wire.c hv/net/stack.c hv/lib/format.c hv/lib/string.c lwip */
/* Wires on lwIP, with a peer that makes its own segments: floods of half-open connections, early ends, more than the window,
 * peers that read nothing, lwIP that begins again. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/random.h>
#include <hv/time.h>

#include "hv/net/stack.h"
#include "hv/web/server.h"

#include <lwip/ip4.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/tcp.h>

#define US 0xc0000205u
#define PORT 443u
#define FIN 1u
#define SYN 2u
#define RST 4u
#define ACK 16u

static struct netif net;
static struct web_conn conns[WEB_CONNECTIONS];
static bool taken[WEB_CONNECTIONS];
static u32 wakes, accepted, sent_segments;
static bool full;

struct timebase timebase = { .tsc_hz = 1000000000 };

void random_seed(struct random *r, u64 salt) { }
void random_fill(struct random *r, void *to, size_t n) { memset(to, 7, n); }
void log_write(enum log_level level, const char *fmt, ...) { }
u64 mul_div(u64 ticks, u64 num, u64 den) { return (u64)((unsigned __int128)ticks * num / den); }
uint32_t bulkhead_sntp_delay(void);
void bulkhead_sntp_get(uint32_t *seconds, uint32_t *us);
void bulkhead_sntp_set(uint32_t seconds, uint32_t us);
uint32_t bulkhead_sntp_delay(void) { return 64000; }
void bulkhead_sntp_get(uint32_t *seconds, uint32_t *us) { *seconds = *us = 0; }
void bulkhead_sntp_set(uint32_t seconds, uint32_t us) { }
int bulkhead_ip4_input(struct pbuf *p, struct netif *in) { return 0; }

/* --- the server's side ---------------------------------------------------------------------------------------------- */

struct web_conn *server_conn(u32 i) { return taken[i] ? &conns[i] : NULL; }
void server_wake(void) { wakes++; }

struct web_conn *server_accept(const u8 from[16])
{
	for (u32 i = 0; i < WEB_CONNECTIONS && !full; i++)
		if (!taken[i]) {
			taken[i] = true;
			memset(&conns[i], 0, sizeof(conns[i]));
			memcpy(conns[i].wire.from, from, 16);
			conns[i].state = CONN_NEW;
			accepted++;
			return &conns[i];
		}
	return NULL;
}

/* --- the peer's side: what lwIP sent last to each port ---------------------------------------------------------------- */

struct peer {
	u32 seq, ack;			/* ours; of theirs what is acknowledged */
	u8 flags;			/* of the last segment */
	u8 data[70000];
	u32 length;
};
static struct peer peers[4];		/* ports 5000.. */

static err_t output(struct netif *n, struct pbuf *p, const ip4_addr_t *to)
{
	static u8 b[2000];
	u32 length = p->tot_len, head, body;
	struct peer *peer;
	u16 port;

	pbuf_copy_partial(p, b, sizeof(b), 0);
	port = (u16)(b[22] << 8 | b[23]);
	sent_segments++;
	if (port < 5000 || port >= 5000 + ARRAY_COUNT(peers))
		return ERR_OK;
	peer = &peers[port - 5000];
	peer->flags = b[33];
	head = 20 + (u32)(b[32] >> 4) * 4;
	body = length - head;
	if (b[33] & (SYN | FIN))
		body++;
	else
		memcpy(peer->data + peer->length, b + head, body), peer->length += body;
	if (b[33] & SYN)
		peer->ack = (u32)(b[24] << 24 | b[25] << 16 | b[26] << 8 | b[27]);
	peer->ack += body;
	return ERR_OK;
}

static err_t begin_netif(struct netif *n)
{
	n->output = output;
	n->mtu = 1500;
	n->flags = NETIF_FLAG_UP | NETIF_FLAG_LINK_UP;
	return ERR_OK;
}

static void begin(void)
{
	ip4_addr_t a, mask, router;

	IP4_ADDR(&a, 192, 0, 2, 5);
	IP4_ADDR(&mask, 255, 255, 255, 0);
	IP4_ADDR(&router, 192, 0, 2, 1);
	assert_non_null(netif_add(&net, &a, &mask, &router, NULL, begin_netif, ip_input));
	netif_set_default(&net);
	netif_set_up(&net);
	NETIF_SET_CHECKSUM_CTRL(&net, 0);
}

static void put(u8 *to, u64 v, u32 n)
{
	while (n--)
		*to++ = (u8)(v >> 8 * n);
}

struct segment {
	u32 from;			/* last byte of 192.0.2.x */
	u16 port;
	u8 flags;
	u32 seq, ack;
	const void *data;
	u32 length;
};

static void deliver(void *arg)
{
	const struct segment *s = arg;
	struct pbuf *p = pbuf_alloc(PBUF_RAW, (u16)(40 + s->length), PBUF_RAM);
	u8 *b = p->payload;

	memset(b, 0, 40);
	b[0] = 0x45;
	put(b + 2, 40 + s->length, 2);
	b[8] = 64;
	b[9] = 6;
	put(b + 12, 0xc0000200u + s->from, 4);
	put(b + 16, US, 4);
	put(b + 20, s->port, 2);
	put(b + 22, PORT, 2);
	put(b + 24, s->seq, 4);
	put(b + 28, s->ack, 4);
	b[32] = 0x50;
	b[33] = s->flags;
	put(b + 34, 60000, 2);
	if (s->length)
		memcpy(b + 40, s->data, s->length);
	if (net.input(p, &net) != ERR_OK)
		pbuf_free(p);
}

static void send(u32 from, u16 port, u8 flags, u32 seq, u32 ack, const void *data, u32 length)
{
	struct segment s = { from, port, flags, seq, ack, data, length };

	assert_true(stack_run(deliver, &s));
}

static void say(u16 port, u8 flags, const void *data, u32 length)
{
	struct peer *p = &peers[port - 5000];

	send(9, port, flags, p->seq, p->ack, data, length);
	p->seq += length + !!(flags & (SYN | FIN));
}

static struct web_conn *connect(u16 port)
{
	struct peer *p = &peers[port - 5000];
	u32 before = accepted;

	memset(p, 0, sizeof(*p));
	p->seq = 1000;
	say(port, SYN, NULL, 0);
	assert_int_equal(p->flags, SYN | ACK);
	say(port, ACK, NULL, 0);
	for (u32 i = 0; accepted > before && i < WEB_CONNECTIONS; i++)
		if (conns[i].wire.tcp && ((struct tcp_pcb *)conns[i].wire.tcp)->remote_port == port)
			return &conns[i];
	return NULL;
}

static int setup(void **state)
{
	memset(conns, 0, sizeof(conns));
	memset(taken, 0, sizeof(taken));
	full = false;
	return 0;
}

static int teardown(void **state)
{
	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		conns[i].wire.abort = true;
	wire_tcp_poll();
	return 0;
}

static u32 half_open(void)
{
	u32 n = 0;

	for (struct tcp_pcb *p = tcp_active_pcbs; p; p = p->next)
		n += p->state == SYN_RCVD;
	return n;
}

/* --- tests ------------------------------------------------------------------------------------------------------------ */

static void bytes_both_ways(void **state)
{
	struct web_conn *c = connect(5000);
	u8 got[20];

	assert_non_null(c);
	assert_memory_equal(c->wire.from, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\x09", 16);
	say(5000, ACK, "hello", 5);
	assert_int_equal(wire_read(&c->wire, got, sizeof(got)), 5);
	assert_memory_equal(got, "hello", 5);
	assert_int_equal(wire_write(&c->wire, "answer", 6), 6);
	assert_true(wire_tcp_poll());
	assert_int_equal(peers[0].length, 6);
	assert_memory_equal(peers[0].data, "answer", 6);
	assert_int_equal(wire_room(&c->wire), WIRE_OUT - 6);	/* until the peer has it */
	say(5000, ACK, NULL, 0);
	assert_int_equal(wire_room(&c->wire), WIRE_OUT);
	assert_false(wire_tcp_poll());
}

/* What is on its way arrives before our end does, and the wire is let go after that. */
static void an_end_in_order(void **state)
{
	struct web_conn *c = connect(5000);

	wire_write(&c->wire, "last words", 10);
	c->wire.closing = true;
	wire_tcp_poll();
	assert_int_equal(peers[0].flags & FIN, 0);
	assert_non_null(c->wire.tcp);
	say(5000, ACK, NULL, 0);
	wire_tcp_poll();
	assert_int_equal(peers[0].flags & FIN, FIN);
	assert_memory_equal(peers[0].data, "last words", 10);
	assert_true(c->wire.gone && !c->wire.tcp);
	/* What still comes is nobody's. */
	taken[c - conns] = false;
	say(5000, ACK, "late", 4);
	assert_int_equal(wire_waiting(&c->wire), 0);
}

static void early_ends(void **state)
{
	struct web_conn *c = connect(5000), *d = connect(5001), *e = connect(5002);
	u32 before = wakes;

	say(5000, ACK | FIN, NULL, 0);
	assert_true(c->wire.eof && !c->wire.gone);
	say(5001, RST, NULL, 0);
	assert_true(d->wire.gone && !d->wire.tcp);
	assert_true(wakes >= before + 2);
	wire_write(&e->wire, "x", 1);
	e->wire.abort = true;
	wire_tcp_poll();
	assert_true(e->wire.gone && !e->wire.tcp);
	assert_int_equal(peers[2].flags & RST, RST);
	/* No place: the peer is told at once. */
	full = true;
	assert_null(connect(5003));
	assert_int_equal(peers[3].flags & RST, RST);
}

/* The server does not read: the peer's window closes, and what comes past it is not kept. */
static void more_than_the_window(void **state)
{
	static u8 bytes[1400];
	struct web_conn *c = connect(5000);

	for (u32 i = 0; i < 30; i++)
		say(5000, ACK, bytes, sizeof(bytes));
	assert_true(wire_waiting(&c->wire) <= WIRE_IN);
	assert_true(wire_waiting(&c->wire) > TCP_WND - 1400);
	assert_true(c->wire.tcp || c->wire.gone);
}

/* A peer that reads nothing holds its own ring, no more. */
static void a_peer_that_reads_nothing(void **state)
{
	static u8 bytes[1400];
	struct web_conn *c = connect(5000), *d = connect(5001);
	u32 put = 0;

	for (u32 i = 0; i < 20; i++) {
		put += wire_write(&c->wire, bytes, sizeof(bytes));
		wire_tcp_poll();
	}
	assert_int_equal(put, WIRE_OUT);
	assert_int_equal(wire_write(&d->wire, "ok", 2), 2);
	wire_tcp_poll();
	assert_int_equal(peers[1].length, 2);
	assert_false(c->wire.gone);
}

/* Ten thousand that never say more; in the middle of them somebody comes in. */
static void half_open_flood(void **state)
{
	for (u32 i = 0; i < 10000; i++) {
		send(10 + i % 200, (u16)(6000 + i), SYN, i, 0, NULL, 0);
		if (i % 1000 == 999) {
			u16 port = (u16)(5000 + i / 1000 % 4);
			struct web_conn *c = connect(port);

			assert_non_null(c);
			say(port, ACK, "GET", 3);
			assert_int_equal(wire_waiting(&c->wire), 3);
			c->wire.abort = true;
			wire_tcp_poll();
			taken[c - conns] = false;
		}
	}
	assert_true(half_open() <= 240);
	assert_int_equal(stack_restarts(), 0);
}

/* Peers that never acknowledge our end make room when others come. */
static void ends_that_nobody_acknowledges(void **state)
{
	for (u32 i = 0; i < 300; i++) {
		struct web_conn *c;

		memset(&peers[0], 0, sizeof(peers[0]));
		send(10 + i % 100, 5000, SYN, 1, 0, NULL, 0);
		send(10 + i % 100, 5000, ACK, 2, peers[0].ack, NULL, 0);
		for (c = conns; c < conns + WEB_CONNECTIONS && (!taken[c - conns] || c->wire.gone); c++)
			;
		if (c == conns + WEB_CONNECTIONS)
			fail_msg("the %uth does not come in", i);
		c->wire.closing = true;
		wire_tcp_poll();
		if (!c->wire.gone)
			fail_msg("the end of the %uth does not go out", i);
		taken[c - conns] = false;
		if (i % 100 == 99)		/* the same addresses again: lwIP has forgotten some of them, or resets */
			for (u32 k = 0; k < 100; k++)
				send(10 + k, 5000, RST, 2, 0, NULL, 0);
	}
}

static u32 remembered(void)
{
	u32 n = 0;

	for (struct tcp_pcb *p = tcp_tw_pcbs; p; p = p->next)
		n++;
	return n;
}

/* We end a connection of that port first; both ends go their way. Returns the number after the last one of the peer's. */
static u32 end_first(u16 port)
{
	struct web_conn *c = connect(port);

	assert_non_null(c);
	c->wire.closing = true;
	wire_tcp_poll();
	assert_int_equal(peers[port - 5000].flags & FIN, FIN);
	say(port, ACK | FIN, NULL, 0);
	assert_true(c->wire.gone);
	taken[c - conns] = false;
	return peers[port - 5000].seq;
}

static struct web_conn *connect_again(u16 port, u32 seq)
{
	struct peer *p = &peers[port - 5000];
	u32 before = accepted;

	memset(p, 0, sizeof(*p));
	p->seq = seq;
	say(port, SYN, NULL, 0);
	if (p->flags != (SYN | ACK))
		return NULL;
	assert_int_equal(tcp_active_pcbs->remote_port, port);
	assert_int_equal(tcp_active_pcbs->snd_wnd, 60000);
	say(port, ACK, NULL, 0);
	for (u32 i = 0; accepted > before && i < WEB_CONNECTIONS; i++)
		if (taken[i] && conns[i].wire.tcp && ((struct tcp_pcb *)conns[i].wire.tcp)->remote_port == port)
			return &conns[i];
	return NULL;
}

/* A port that the peer uses again is a new connection at once, not after the two minutes for which we remember the old one. */
static void a_port_used_again(void **state)
{
	static const u32 past[] = { 0, 1, TCP_WND - 1, TCP_WND, 50000000, 0x7fffffff };

	for (u32 i = 0; i < ARRAY_COUNT(past); i++) {
		u32 before = remembered(), seq = end_first(5000), old_end = peers[0].ack;
		struct web_conn *c;
		u8 got[8];

		assert_int_equal(remembered(), before + 1);
		c = connect_again(5000, seq + past[i]);
		if (!c)
			fail_msg("a SYN %u past the old end is no new connection", past[i]);
		assert_int_equal(remembered(), before);
		assert_true((s32)(peers[0].ack - old_end) > 0xffff);	/* our numbers go on, too */
		say(5000, ACK, "hello", 5);
		assert_int_equal(wire_read(&c->wire, got, sizeof(got)), 5);
		c->wire.abort = true;
		wire_tcp_poll();
		taken[c - conns] = false;
	}
	/* The next one's numbers are its own again. */
	assert_non_null(connect(5001));
	assert_int_equal(peers[1].ack, 0x07070707 + 1);
}

/* A late copy of an old SYN begins nothing; a peer that says that it knows of no old one (RST to what we tell it) comes in. */
static void an_old_number(void **state)
{
	u32 before = remembered(), seq = end_first(5000), old_ack = peers[0].ack;

	assert_null(connect_again(5000, 1000));
	assert_int_equal(peers[0].flags, ACK);
	send(9, 5000, SYN | ACK, seq, old_ack, NULL, 0);	/* no beginning either, nor these */
	send(9, 5000, SYN | FIN, seq, old_ack, NULL, 0);
	send(9, 5000, RST, seq + 1, 0, NULL, 0);
	send(9, 5000, RST, seq - 1, 0, NULL, 0);
	assert_int_equal(remembered(), before + 1);
	send(9, 5000, RST, seq, 0, NULL, 0);
	assert_int_equal(remembered(), before);
	assert_non_null(connect_again(5000, 1000));
}

/* lwIP begins again: its connections are gone, nothing is left that points to them. */
static void a_new_stack(void **state)
{
	struct web_conn *c = connect(5000), *d = connect(5001);

	assert_true(c && d);
	wire_tcp_begin();
	assert_true(c->wire.gone && !c->wire.tcp);
	assert_true(d->wire.gone && !d->wire.tcp);
	assert_false(wire_tcp_poll());
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(bytes_both_ways), TEST(an_end_in_order), TEST(early_ends), TEST(more_than_the_window),
		TEST(a_peer_that_reads_nothing), TEST(half_open_flood), TEST(ends_that_nobody_acknowledges),
		TEST(a_port_used_again), TEST(an_old_number), TEST(a_new_stack),
	};

	stack_prepare();
	stack_init(begin);
	wire_tcp_listen(PORT);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
