/* SPDX-License-Identifier: Apache-2.0 */
/* lwIP asserts what only a fault of its own can break, and packets of strangers may find such a fault. Going on with broken
 * lists is no answer, nor is stopping a machine full of guests: so the call is left as by an exception, lwIP's variables are
 * cleared, and it begins again. Three times an hour; after that the hypervisor has no network until it is restarted. Guests'
 * switches do not depend on it. */
#include "stack.h"

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/random.h>
#include <hv/time.h>

#include <lwip/init.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>

#define RESTARTS_AN_HOUR 3u
#define HOUR_MS 3600000ul

/* lwIP's variables: linker/hv.ld. Not there in tests on the build host. */
extern u8 lwip_bss_start[] __attribute__((weak));
extern u8 lwip_bss_end[] __attribute__((weak));

static struct {
	void (*begin)(void);
	struct random random;
	void *back[5];			/* __builtin_setjmp: where the running call is left */
	bool inside, down;
	bool renews;			/* the connection that begins now uses an old one's ports; that one's numbers ended here: */
	u32 old_end;
	u32 restarts, in_hour;
	u64 hour_at, timers_at;
} stack;

_Noreturn void bulkhead_lwip_failed(const char *what, int line);
uint32_t bulkhead_random32(void);

/* What must be true at any time, and is not. */
_Noreturn void bulkhead_lwip_failed(const char *what, int line)
{
	assert(stack.inside);
	log_error("network: lwIP found itself broken: %.120s (line %d)", what, line);
	__builtin_longjmp(stack.back, 1);
}

uint32_t bulkhead_random32(void)
{
	u32 v;

	stack_random(&v, sizeof(v));
	return v;
}

u32 sys_now(void)
{
	return (u32)stack_ms();
}

/* First numbers of connections. A connection that begins where an old one of the same two ports is still remembered gets
 * numbers past the old one's, so that none of its late segments counts as the new one's. RFC 1122 "Event Processing" */
uint32_t bulkhead_tcp_isn(void)
{
	u32 v = bulkhead_random32();

	if (!stack.renews)
		return v;
	stack.renews = false;
	return stack.old_end + 0x10000 + (v & 0xffffff);
}

/* Who asks for a connection and never says more holds a place for 20 s. When all are held, the oldest such one makes room: a
 * peer that answers does so within milliseconds, so it takes a flood of ten thousand a second to be faster than that. */
static void make_room(struct tcp_pcb_listen *at)
{
	struct tcp_pcb *oldest = NULL;

	if (at->accepts_pending < at->backlog)
		return;
	/* The newest stands first. */
	for (struct tcp_pcb *p = tcp_active_pcbs; p; p = p->next)
		if (p->state == SYN_RCVD && p->listener == at)
			oldest = p;
	if (oldest)
		tcp_abandon(oldest, 0);
}

/* The segment as it came from IP. false: it lies in pieces. */
static bool undo_header(struct tcp_hdr *head, struct pbuf *p)
{
	size_t n = TCPH_HDRLEN_BYTES(head);

	if (p->next || (u8 *)p->payload != (u8 *)head + n || pbuf_add_header_force(p, n))
		return false;
	head->src = lwip_htons(head->src);
	head->dest = lwip_htons(head->dest);
	head->seqno = lwip_htonl(head->seqno);
	head->ackno = lwip_htonl(head->ackno);
	head->wnd = lwip_htons(head->wnd);
	return true;
}

/* We ended the connection first and remember it for two minutes, the peer does not, and uses its port again: lwIP would tell it
 * each time that there was an old one. A SYN past the old one's bytes is a new connection (RFC 1122 "Event Processing",
 * RFC 6191). Any other SYN is answered by lwIP with what we know, and the peer's RST to exactly that lets the old one go. */
static err_t use_again(struct tcp_pcb *old, struct tcp_hdr *head, struct pbuf *p)
{
	u8 flags = TCPH_FLAGS(head) & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN);

	if (flags & TCP_RST && head->seqno == old->rcv_nxt) {
		tcp_abandon(old, 0);
		return ERR_ABRT;
	}
	if (flags != TCP_SYN || TCP_SEQ_LT(head->seqno, old->rcv_nxt) || !undo_header(head, p))
		return ERR_OK;
	stack.old_end = old->snd_nxt;
	stack.renews = true;
	tcp_abandon(old, 0);
	pbuf_ref(p);		/* tcp_input() lets go of it, and so does who called us */
	tcp_input(p, ip_current_input_netif());
	stack.renews = false;
	return ERR_ABRT;
}

int bulkhead_tcp_input(struct tcp_pcb *pcb, struct tcp_hdr *head, struct pbuf *p)
{
	if (pcb->state == TIME_WAIT)
		return use_again(pcb, head, p);
	if (pcb->state == LISTEN && (TCPH_FLAGS(head) & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN)
		make_room((struct tcp_pcb_listen *)pcb);
	return ERR_OK;
}

u64 stack_ms(void)
{
	return ticks_to_ns(tsc_now()) / 1000000;
}

void stack_random(void *to, size_t n)
{
	random_fill(&stack.random, to, n);
}

/* Apart, so that nothing of the caller's lives in registers across the two returns of setjmp. */
static __attribute__((noinline)) bool call(void (*fn)(void *arg), void *arg)
{
	if (__builtin_setjmp(stack.back))
		return false;
	fn(arg);
	return true;
}

static void start(void *arg)
{
	(void)arg;
	lwip_init();
	stack.begin();
}

static bool run(void (*fn)(void *arg), void *arg)
{
	bool whole;

	stack.inside = true;
	stack.renews = false;
	whole = call(fn, arg);
	stack.inside = false;
	return whole;
}

static void restart(void)
{
	u64 now = stack_ms();

	if (now - stack.hour_at >= HOUR_MS) {
		stack.hour_at = now;
		stack.in_hour = 0;
	}
	stack.restarts++;
	stack.down = stack.in_hour++ == RESTARTS_AN_HOUR || &lwip_bss_start[0] == &lwip_bss_end[0];
	if (!stack.down) {
		memset(lwip_bss_start, 0, (size_t)(lwip_bss_end - lwip_bss_start));
		stack.down = !run(start, NULL);
	}
	log_error("error HV-NET-RESTART: the hypervisor's own network %s",
		  stack.down ? "stays down; guests' switches go on" : "was started anew; its connections are lost");
}

bool stack_run(void (*fn)(void *arg), void *arg)
{
	assert(!stack.inside);
	if (stack.down)
		return false;
	if (run(fn, arg))
		return true;
	restart();
	return false;
}

bool stack_inside(void)
{
	return stack.inside;
}

void stack_prepare(void)
{
	memset(&stack, 0, sizeof(stack));
	random_seed(&stack.random, 0x6e6574);
}

void stack_init(void (*begin)(void))
{
	stack.begin = begin;
	stack.down = !run(start, NULL);
}

static void timers(void *arg)
{
	(void)arg;
	sys_check_timeouts();
	stack.timers_at = stack_ms() + MIN(sys_timeouts_sleeptime(), 250u);
}

bool stack_poll(u64 now)
{
	u64 ms = ticks_to_ns(now) / 1000000;

	if (ms < stack.timers_at || stack.down)
		return false;
	stack.timers_at = ms + 1;
	return stack_run(timers, NULL);
}

u32 stack_restarts(void)
{
	return stack.restarts;
}

const char *stack_down(void)
{
	return stack.down ? "its TCP/IP has failed too often" : NULL;
}
