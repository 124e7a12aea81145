/* SPDX-License-Identifier: Apache-2.0 */
/* Wires on lwIP. What is sent stays in the wire's own ring until the peer has it (no copy): a peer that does not read
 * holds memory of
 * its own connection only. What comes in is copied at once: lwIP's buffers are few, and everybody's. */
#include "conn.h"
#include "server.h"
#include "wire.h"

#include "hv/net/stack.h"

#include <hv/lib.h>

#include <lwip/tcp.h>

#define BACKLOG 240u			/* half-open ones: more push out the oldest; at most 255 */
#define KEEP_ALIVE_MS 30000u

_Static_assert(WIRE_IN >= TCP_WND, "a wire takes what lwIP lets the peer send");

static u16 listen_port;
static struct tcp_pcb *listener;

static void forget(struct wire *w)
{
	w->tcp = NULL;
	w->gone = true;
	server_wake();
}

static void on_error(void *arg, err_t err)
{
	(void)err;
	forget(arg);
}

static err_t on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct wire *w = arg;

	(void)err;
	server_wake();
	if (!p) {
		w->eof = true;
		return ERR_OK;
	}
	for (const struct pbuf *q = p; q; q = q->next)
		if (!wire_receive(w, q->payload, q->len)) {
			pbuf_free(p);
			forget(w);
			tcp_arg(pcb, NULL);
			tcp_err(pcb, NULL);
			tcp_abort(pcb);
			return ERR_ABRT;
		}
	pbuf_free(p);
	return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t n)
{
	struct wire *w = arg;

	(void)pcb;
	w->out_tail += n;
	server_wake();
	return ERR_OK;
}

static void address_of(const ip_addr_t *from, u8 to[16])
{
	memset(to, 0, 16);
	if (IP_IS_V6(from)) {
		memcpy(to, ip_2_ip6(from)->addr, 16);
		return;
	}
	to[10] = to[11] = 0xff;
	memcpy(to + 12, &ip_2_ip4(from)->addr, 4);
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
	struct web_conn *c;
	u8 from[16];

	(void)arg;
	if (err != ERR_OK || !pcb)
		return ERR_VAL;
	address_of(&pcb->remote_ip, from);
	c = server_accept(from);
	if (!c) {
		tcp_abort(pcb);
		return ERR_ABRT;
	}
	c->wire.tcp = pcb;
	tcp_arg(pcb, &c->wire);
	tcp_recv(pcb, on_receive);
	tcp_sent(pcb, on_sent);
	tcp_err(pcb, on_error);
	tcp_nagle_disable(pcb);
	ip_set_option(pcb, SOF_KEEPALIVE);
	pcb->keep_idle = KEEP_ALIVE_MS;
	return ERR_OK;
}

/* Not reachable from behind NAT's guests' side only: whoever reaches an address of ours reaches this port. */
static void listen(void *arg)
{
	struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);

	(void)arg;
	if (!pcb)
		return;
	if (tcp_bind(pcb, IP_ANY_TYPE, listen_port) == ERR_OK)
		listener = tcp_listen_with_backlog(pcb, BACKLOG);
	if (!listener) {
		tcp_abort(pcb);
		return;
	}
	tcp_accept(listener, on_accept);
}

void wire_tcp_listen(u16 port)
{
	listen_port = port;
	if (!listener)
		stack_run(listen, NULL);
}

void wire_tcp_begin(void)
{
	listener = NULL;
	for (u32 i = 0; i < WEB_CONNECTIONS; i++)
		if (server_conn(i) && server_conn(i)->wire.tcp)
			forget(&server_conn(i)->wire);
	if (listen_port)
		listen(NULL);
}

/* --- a turn of one wire, inside of lwIP ---------------------------------------------------------------------- */

static void detach(struct wire *w, struct tcp_pcb *pcb)
{
	tcp_arg(pcb, NULL);
	tcp_recv(pcb, NULL);
	tcp_sent(pcb, NULL);
	tcp_err(pcb, NULL);
	forget(w);
}

static void give(struct wire *w, struct tcp_pcb *pcb)
{
	const u8 *bytes;
	u32 n;

	while ((n = MIN(wire_unsent(w, &bytes), (u32)tcp_sndbuf(pcb)))) {
		if (tcp_write(pcb, bytes, (u16_t)n, 0) != ERR_OK)
			break;		/* no head for it: later */
		w->out_given += n;
	}
	tcp_output(pcb);
}

static void turn(void *arg)
{
	struct wire *w = arg;
	struct tcp_pcb *pcb = w->tcp;
	u32 used = w->in_tail - w->in_told;

	if (w->abort) {
		detach(w, pcb);
		tcp_abort(pcb);
		return;
	}
	if (used) {
		w->in_told += used;
		tcp_recved(pcb, (u16_t)used);
	}
	give(w, pcb);
	/* lwIP's memory of what is on its way points into our ring: let go only when all has arrived. */
	if (!w->closing || w->out_tail != w->out_head)
		return;
	/* A peer that never acknowledges our end would hold lwIP's memory for minutes: it is the first to go. */
	tcp_setprio(pcb, TCP_PRIO_MIN);
	if (tcp_close(pcb) == ERR_OK)
		detach(w, pcb);
}

static bool has_work(const struct wire *w)
{
	return w->tcp && (w->abort || w->in_tail != w->in_told || w->out_given != w->out_head || w->closing);
}

bool wire_tcp_poll(void)
{
	bool any = false;

	for (u32 i = 0; i < WEB_CONNECTIONS; i++) {
		struct web_conn *c = server_conn(i);

		if (!c || !has_work(&c->wire))
			continue;
		any |= c->wire.out_given != c->wire.out_head || c->wire.in_tail != c->wire.in_told;
		stack_run(turn, &c->wire);
	}
	return any;
}
