/* SPDX-License-Identifier: Apache-2.0 */
/* `ping`: one user at a time, a request a second. */
#include "host_services.h"
#include "inet.h"
#include "nat_port.h"
#include "stack.h"

#include <hv/host_net.h>
#include <hv/lib.h>
#include <hv/time.h>

#include <lwip/dns.h>
#include <lwip/icmp.h>
#include <lwip/inet_chksum.h>
#include <lwip/netif.h>
#include <lwip/raw.h>

#define INTERVAL_NS NS_PER_S
#define TIMEOUT_NS (2 * NS_PER_S)
#define DATA_BYTES 56u
#define HEADER 8u
enum { ECHO4 = 8, REPLY4 = 0, ECHO6 = 128, REPLY6 = 129 };

enum ping_step { PING_IDLE, PING_NAME, PING_RUNS };

static struct {
	enum ping_step step;
	struct ping_user user;
	struct raw_pcb *pcb4, *pcb6;
	char host[64];
	ip_addr_t to;
	u16 id, sequence;
	u32 count, sent, got;
	u64 sent_at, name_until;
	bool waits;
} ping;

static void say(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void say(const char *fmt, ...)
{
	char text[160];
	va_list ap;

	va_start(ap, fmt);
	fmt_vprint(text, sizeof(text), fmt, ap);
	va_end(ap);
	ping.user.say(text);
}

static void end(void)
{
	ping.step = PING_IDLE;
	ping.user.done();
}

static void got_reply(u64 now)
{
	u64 us = ticks_to_ns(now - ping.sent_at) / 1000;
	char from[IP6_TEXT];

	ping.waits = false;
	ping.got++;
	say("answer from %s: number %u, %lu.%03lu ms", host_address_format(from, &ping.to), ping.sequence, us / 1000, us % 1000);
}

/* Every ICMP message comes by here: only the answer that is waited for is taken. */
static u8_t receive(void *arg, struct raw_pcb *pcb, struct pbuf *p, const ip_addr_t *from)
{
	u8 h[HEADER];
	u32 skip = IP_IS_V6(from) ? 40 : 20;

	(void)arg;
	(void)pcb;
	if (ping.step != PING_RUNS || !ping.waits || !ip_addr_eq(from, &ping.to) ||
	    pbuf_copy_partial(p, h, sizeof(h), (u16_t)skip) != sizeof(h) || h[0] != (IP_IS_V6(from) ? REPLY6 : REPLY4) ||
	    get16(h + 4) != ping.id || get16(h + 6) != ping.sequence)
		return 0;
	pbuf_free(p);
	got_reply(tsc_now());
	return 1;
}

static void send_request(void)
{
	bool v6 = IP_IS_V6(&ping.to);
	struct pbuf *p = pbuf_alloc(PBUF_IP, HEADER + DATA_BYTES, PBUF_RAM);
	char to[IP6_TEXT];
	u8 *h;
	err_t err = ERR_MEM;

	ping.sequence++;
	ping.sent++;
	ping.sent_at = tsc_now();
	ping.waits = true;
	if (p) {
		h = p->payload;
		memset(h, 0, HEADER + DATA_BYTES);
		h[0] = v6 ? ECHO6 : ECHO4;
		put16(h + 4, ping.id);
		put16(h + 6, ping.sequence);
		for (u32 i = 0; i < DATA_BYTES; i++)
			h[HEADER + i] = (u8)i;
		if (!v6)
			put16(h + 2, (u16)~inet_fold(inet_sum(h, HEADER + DATA_BYTES, 0)));
		err = raw_sendto(v6 ? ping.pcb6 : ping.pcb4, p, &ping.to);
		pbuf_free(p);
	}
	if (err == ERR_RTE)
		say("there is no way to %s", host_address_format(to, &ping.to));
}

static void begin_requests(const ip_addr_t *to)
{
	char text[IP6_TEXT];

	ping.to = *to;
	ping.step = PING_RUNS;
	say("ping %s (%s): %u bytes", ping.host, host_address_format(text, to), DATA_BYTES);
	send_request();
}

static void named(const char *name, const ip_addr_t *to, void *arg)
{
	(void)arg;
	if (ping.step != PING_NAME || strcmp(name, ping.host))
		return;
	if (to) {
		begin_requests(to);
		return;
	}
	say("no name server knows %s", ping.host);
	end();
}

static void begin(void *arg)
{
	u32 guest = nat_port_guest(ping.host);
	ip_addr_t to = { 0 };
	err_t err;

	(void)arg;
	if (guest) {
		IP_SET_TYPE(&to, IPADDR_TYPE_V4);
		ip_2_ip4(&to)->addr = lwip_htonl(guest);
		begin_requests(&to);
		return;
	}
	ping.step = PING_NAME;
	err = dns_gethostbyname(ping.host, &to, named, NULL);
	if (err == ERR_OK)
		begin_requests(&to);
	else if (err != ERR_INPROGRESS)
		named(ping.host, NULL, NULL);
}

int host_ping(const char *host, u32 count, const struct ping_user *user)
{
	if (!host_port_count || stack_down())
		return -E_NOENT;
	if (ping.step != PING_IDLE)
		return -E_BUSY;
	ping.user = *user;
	ping.count = count;
	ping.sent = ping.got = 0;
	ping.sequence = 0;
	ping.name_until = tsc_now() + ns_to_ticks(15 * NS_PER_S);
	stack_random(&ping.id, sizeof(ping.id));
	ping.id &= 0x7fff;	/* NAT's begin at 8000H */
	str_copy(ping.host, sizeof(ping.host), host);
	stack_run(begin, NULL);
	return 0;
}

void host_ping_stop(void)
{
	ping.step = PING_IDLE;
}

static void summary(void)
{
	say("%u sent, %u answered, %u lost", ping.sent, ping.got, ping.sent - ping.got);
	end();
}

void ping_look(void)
{
	u64 since = ticks_to_ns(tsc_now() - ping.sent_at);

	if (ping.step == PING_NAME && tsc_now() > ping.name_until)
		named(ping.host, NULL, NULL);
	if (ping.step != PING_RUNS)
		return;
	if (ping.waits && since >= TIMEOUT_NS) {
		say("no answer to number %u", ping.sequence);
		ping.waits = false;
	}
	if (ping.waits || (ping.sent < ping.count && since < INTERVAL_NS))
		return;
	if (ping.sent < ping.count)
		send_request();
	else
		summary();
}

void ping_begin(void)
{
	if (ping.step != PING_IDLE)
		end();			/* the stack has been started anew meanwhile */
	ping.pcb4 = raw_new_ip_type(IPADDR_TYPE_V4, IP_PROTO_ICMP);
	ping.pcb6 = raw_new_ip_type(IPADDR_TYPE_V6, IP6_NEXTH_ICMP6);
	if (ping.pcb4) {
		raw_recv(ping.pcb4, receive, NULL);
		raw_bind(ping.pcb4, IP4_ADDR_ANY);
	}
	if (ping.pcb6) {
		raw_recv(ping.pcb6, receive, NULL);
		raw_bind(ping.pcb6, IP6_ADDR_ANY);
		ping.pcb6->chksum_reqd = 1;
		ping.pcb6->chksum_offset = 2;
	}
}
