/* SPDX-License-Identifier: Apache-2.0 */
/* The log, and if the plan says so the guests' consoles, to a syslog server: RFC 5424 by UDP (RFC 5426) or TCP with octet counting
 * (RFC 6587). It reads the same rings as the console and the shell, at its own pace; what was overwritten before it could be
 * sent is counted in a line of its own. */
#include "host_services.h"

#include <hv/console_ring.h>
#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/time.h>

#include <lwip/etharp.h>
#include <lwip/tcp.h>
#include <lwip/udp.h>

#define LINES_A_LOOK 16u
#define CONSOLE_LINE 240u
#define MESSAGE_MAX 512u
#define RETRY_FIRST_S 5u
#define RETRY_LAST_S 80u
#define FACILITY_LOG 3u			/* system daemons */
#define FACILITY_CONSOLE 16u		/* local use 0 */
#define SEVERITY_INFO 6u

struct syslog_state syslog_state;

static struct {
	const struct plan_host_net *plan;
	char hostname[HOST_NAME_SIZE];
	ip_addr_t server;
	struct udp_pcb *udp;
	struct tcp_pcb *tcp;
	u64 log_at, retry_at;		/* line of the log; TSC */
	u32 retry_s;
	u64 lost;			/* lines that nobody was told of yet */
	struct {
		u64 at;
		u32 length;
		char text[CONSOLE_LINE + 1];
	} console[PLAN_GUESTS_MAX];
} s;

/* --- one message ------------------------------------------------------------------------------------------------------ */

static bool send_udp(const char *text, u32 n)
{
	struct pbuf *p = pbuf_alloc(PBUF_TRANSPORT, (u16_t)n, PBUF_RAM);
	err_t err = ERR_MEM;

	if (p) {
		pbuf_take(p, text, (u16_t)n);
		err = udp_send(s.udp, p);
		pbuf_free(p);
	}
	return err == ERR_OK;
}

static bool send_tcp(const char *text, u32 n)
{
	char count[16];
	u32 digits = (u32)fmt_print(count, sizeof(count), "%u ", n);

	if (!s.tcp || !syslog_state.connected || tcp_sndbuf(s.tcp) < n + digits || tcp_sndqueuelen(s.tcp) > TCP_SND_QUEUELEN - 4)
		return false;
	return tcp_write(s.tcp, count, (u16_t)digits, TCP_WRITE_FLAG_COPY | TCP_WRITE_FLAG_MORE) == ERR_OK &&
	       tcp_write(s.tcp, text, (u16_t)n, TCP_WRITE_FLAG_COPY) == ERR_OK;
}

/* While a neighbour's address is asked for, lwIP keeps four packets and drops the rest without a word: lines wait here. */
static bool hop_known(void)
{
	struct netif *n = &host_own_port()->netif;
	const ip4_addr_t *server = ip_2_ip4(&s.server), *ip;
	const ip4_addr_t *hop = ip4_addr_net_eq(server, netif_ip4_addr(n), netif_ip4_netmask(n)) ? server : netif_ip4_gw(n);
	struct eth_addr *mac;

	if (s.plan->syslog.v6)
		return true;
	if (!host_own_port()->address || ip4_addr_isany(hop))
		return false;
	if (etharp_find_addr(n, hop, &mac, &ip) >= 0)
		return true;
	etharp_query(n, hop, NULL);
	return false;
}

static bool can_send(void)
{
	return s.udp ? hop_known() :
		       s.tcp && syslog_state.connected && tcp_sndbuf(s.tcp) >= MESSAGE_MAX + 8;
}

static bool send_line(u32 facility, u32 severity, u64 tsc, const char *app, const char *id, const char *text)
{
	char message[MESSAGE_MAX], when[WALL_TEXT];
	int n = fmt_print(message, sizeof(message), "<%u>1 %s %s %.47s - %s - %s", facility * 8 + severity,
			  wall_format(when, wall_ns(tsc)), s.hostname, app, id, text);
	u32 length = MIN((u32)n, MESSAGE_MAX - 1);
	bool sent = s.udp ? send_udp(message, length) : send_tcp(message, length);

	syslog_state.sent += sent;
	return sent;
}

/* --- where lines come from ---------------------------------------------------------------------------------------------- */

static u32 severity_of(u32 level)
{
	static const u8 severity[] = { [LOG_ERROR] = 3, [LOG_NOTICE] = 5, [LOG_INFO] = 6, [LOG_DEBUG] = 7 };

	return level < ARRAY_COUNT(severity) ? severity[level] : SEVERITY_INFO;
}

/* false: there is no more, or it does not go out now. */
static bool next_log_line(void)
{
	struct log_line line;
	int status = log_read(s.log_at, &line);

	if (status == -E_NOENT)
		return false;
	if (status) {
		s.log_at++;
		s.lost++;
		syslog_state.lost++;
		return true;
	}
	if (!send_line(FACILITY_LOG, severity_of(line.level), line.tsc, "bulkhead", "log", line.text))
		return false;
	s.log_at++;
	return true;
}

static bool say_lost(void)
{
	char text[80];

	fmt_print(text, sizeof(text), "%lu lines were lost before they could be sent", s.lost);
	if (!send_line(FACILITY_LOG, 4, tsc_now(), "bulkhead", "lost", text))
		return false;
	s.lost = 0;
	return true;
}

/* Bytes of a console until a line is whole; control characters but tab are left out. true: one was sent. */
static bool next_console_line(u32 index)
{
	const struct guest *g = guests[index];
	u32 *n = &s.console[index].length;
	u64 at = s.console[index].at;
	u8 byte;

	if (at > load_acquire(&g->console->head))
		at = 0;	/* it was started anew */
	while (console_ring_read(g->console, &at, &byte, 1)) {
		bool end = byte == '\n' || *n == CONSOLE_LINE;

		if (end && *n) {
			s.console[index].text[*n] = 0;
			if (!send_line(FACILITY_CONSOLE, SEVERITY_INFO, tsc_now(), g->name, "console", s.console[index].text))
				return false;
			*n = 0;
		}
		s.console[index].at = at;
		if (byte != '\n' && (byte >= ' ' || byte == '\t'))
			s.console[index].text[(*n)++] = (char)byte;
		if (end)
			return true;
	}
	return false;
}

void syslog_forget(u32 guest)
{
	memset(&s.console[guest], 0, sizeof(s.console[guest]));
}

static void send_waiting(void)
{
	for (u32 i = 0; i < LINES_A_LOOK && can_send(); i++)
		if (!(s.lost ? say_lost() : next_log_line()))
			break;
	for (u32 g = 0; s.plan->syslog_consoles && g < guest_count; g++)
		for (u32 i = 0; guests[g] && i < LINES_A_LOOK && can_send(); i++)
			if (!next_console_line(g))
				break;
	if (s.tcp && syslog_state.connected)
		tcp_output(s.tcp);
}

/* --- the connection ------------------------------------------------------------------------------------------------------ */

static void again_later(void)
{
	s.tcp = NULL;
	syslog_state.connected = false;
	s.retry_s = MIN(s.retry_s * 2, RETRY_LAST_S);
	s.retry_at = tsc_now() + ns_to_ticks(s.retry_s * NS_PER_S);
}

static void on_error(void *arg, err_t err)
{
	(void)arg;
	(void)err;
	again_later();
}

/* A syslog server says nothing; that it closes is all that is listened for. */
static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	(void)arg;
	(void)err;
	if (p) {
		tcp_recved(pcb, p->tot_len);
		pbuf_free(p);
		return ERR_OK;
	}
	tcp_err(pcb, NULL);
	tcp_recv(pcb, NULL);
	again_later();
	if (tcp_close(pcb) == ERR_OK)
		return ERR_OK;
	tcp_abort(pcb);
	return ERR_ABRT;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
	(void)arg;
	(void)pcb;
	(void)err;
	syslog_state.connected = true;
	s.retry_s = RETRY_FIRST_S / 2;
	return ERR_OK;
}

static void connect(void)
{
	if (tsc_now() < s.retry_at || (!host_own_port()->address && !s.plan->syslog.v6))
		return;
	s.tcp = tcp_new_ip_type(IP_GET_TYPE(&s.server));
	if (!s.tcp)
		return;
	ip_set_option(s.tcp, SOF_KEEPALIVE);
	tcp_err(s.tcp, on_error);
	tcp_recv(s.tcp, on_receive);
	if (tcp_connect(s.tcp, &s.server, s.plan->syslog_port, on_connected) == ERR_OK)
		return;
	tcp_abort(s.tcp);
	again_later();
}

void syslog_look(void)
{
	if (!syslog_state.on)
		return;
	if (s.plan->syslog_tcp && !s.tcp)
		connect();
	send_waiting();
}

void syslog_begin(const struct plan_machine *m, const char *hostname)
{
	const struct plan_host_net *h = &m->net;

	s.plan = h;
	s.udp = NULL;
	s.tcp = NULL;
	s.retry_s = RETRY_FIRST_S;
	s.retry_at = 0;
	syslog_state.connected = false;
	str_copy(s.hostname, sizeof(s.hostname), hostname);
	if (!h->syslog_given)
		return;
	host_to_lwip(&h->syslog, &s.server);
	if (!h->syslog_tcp) {
		s.udp = udp_new_ip_type(IP_GET_TYPE(&s.server));
		if (!s.udp || udp_connect(s.udp, &s.server, h->syslog_port) != ERR_OK)
			return;
	}
	syslog_state.on = true;
}
