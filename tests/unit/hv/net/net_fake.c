/* SPDX-License-Identifier: Apache-2.0 */
#include "net_fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hv/control_work.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/net_build.h>
#include <hv/pool.h>
#include <hv/random.h>
#include <hv/time.h>

#include "hv/net/host_services.h"

#define QUEUE 64

uint32_t bulkhead_sntp_delay(void);
void bulkhead_sntp_get(uint32_t *seconds, uint32_t *us);
void bulkhead_sntp_set(uint32_t seconds, uint32_t us);

struct net_switch {
	struct net_port *port[4];
	u32 ports;
};

struct timebase timebase = { .tsc_hz = 1000000000 };
u64 net_fake_now = 1000000000;

static struct net_switch switches[FAKE_SWITCHES];
static struct sent queue[QUEUE];
static u32 head, tail;
static struct control_work work;
static char logged[65536];

void net_fake_reset(void)
{
	memset(switches, 0, sizeof(switches));
	memset(&work, 0, sizeof(work));
	head = tail = 0;
	logged[0] = 0;
}

struct sent *net_fake_take(void)
{
	return tail == head ? NULL : &queue[tail++ % QUEUE];
}

struct net_port *net_fake_port(u32 sw, u32 index)
{
	return switches[sw].port[index];
}

enum net_verdict net_fake_give(struct net_port *p, const u8 *bytes, u32 len, const struct net_offload *o)
{
	u8 *exact = malloc(len ? len : 1);	/* ASan sees both ends, and a header that lies in two pieces */
	u32 first = len > 20 ? 20 : len;
	struct net_piece piece[2] = { { .at = exact, .len = first }, { .at = exact + first, .len = len - first } };
	struct net_frame f = { .piece = piece, .pieces = len > first ? 2 : 1, .len = len };
	enum net_verdict v;

	memcpy(exact, bytes, len);
	if (o)
		f.offload = *o;
	v = p->ops->deliver(p, &f);
	free(exact);
	return v;
}

void net_fake_turns(u32 ms)
{
	u32 step = ms > 10000 ? 200 : 5;

	for (u32 i = 0; i < ms; i += step) {
		net_fake_now += step * 1000000ul;
		if (work.poll)
			work.poll(work.arg, net_fake_now);
	}
}

bool net_fake_logged(const char *part)
{
	return strstr(logged, part);
}

/* --- what the files under test call ----------------------------------------------------------------------------------- */

int switch_attach(struct net_switch *s, struct net_port *p)
{
	s->port[s->ports++] = p;
	p->sw = s;
	return 0;
}

bool switch_input(struct net_port *p, struct net_frame *f)
{
	struct sent *s = &queue[head % QUEUE];

	if (head - tail == QUEUE || f->len > sizeof(s->bytes))
		return false;
	head++;
	s->port = p;
	s->len = f->len;
	s->offload = f->offload;
	if (net_copy(f, 0, s->bytes, f->len) != f->len)
		abort();
	return false;
}

void switch_flush(void)
{
}

struct net_switch *net_switch_at(u32 index)
{
	return &switches[index];
}

struct netdev *net_switch_card(const struct net_switch *s)
{
	return NULL;
}

const char *net_switch_name(const struct net_switch *s)
{
	return s == &switches[0] ? "outside" : "nat";
}

/* Far enough for what the tests send: nothing is to be done. */
bool net_offload(const struct net_frame *f, bool do_checksum, net_emit_fn *emit, void *arg)
{
	struct net_frame own = *f;

	own.offload = (struct net_offload){ 0 };
	emit(arg, &own);
	return true;
}

void *pool_alloc(u64 pages, enum pool_owner owner)
{
	return calloc(pages, PAGE_SIZE);
}

hpa_t pool_hpa(const void *p)
{
	return HPA((u64)(uintptr_t)p);
}

int control_work_add(const struct control_work *w)
{
	work = *w;
	return 0;
}

void random_seed(struct random *r, u64 who)
{
	r->uses = who;
}

void random_fill(struct random *r, void *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((u8 *)to)[i] = (u8)((r->uses++ * 0x9e3779b97f4a7c15ul) >> 56);
}

void log_write(enum log_level level, const char *fmt, ...)
{
	size_t used = strlen(logged);
	va_list ap;

	if (used > sizeof(logged) - 400)
		return;
	va_start(ap, fmt);
	vsnprintf(logged + used, 300, fmt, ap);
	va_end(ap);
	strcat(logged, "\n");
}

/* Time, mDNS, syslog have tests of their own. */
__attribute__((weak)) void host_services_begin(const struct plan_machine *m, struct host_port *own, const char *hostname)
{
}

void host_services_look(struct host_port *own)
{
}

void host_services_poll(u64 now)
{
}

uint32_t bulkhead_sntp_delay(void)
{
	return 64000;
}

void bulkhead_sntp_get(uint32_t *seconds, uint32_t *us)
{
	*seconds = *us = 0;
}

void bulkhead_sntp_set(uint32_t seconds, uint32_t us)
{
}

u64 mul_div(u64 ticks, u64 num, u64 den)
{
	return (u64)((unsigned __int128)ticks * num / den);
}

void net_fake_plan(struct plan *plan, struct resolved_plan *rp, const u8 mac[NET_MAC])
{
	memset(plan, 0, sizeof(*plan));
	memset(rp, 0, sizeof(*rp));
	str_copy(plan->machine.name, sizeof(plan->machine.name), "box");
	plan->machine.net.address = 0xc0000205;
	plan->machine.net.prefix = 24;
	plan->guest_count = 1;
	str_copy(plan->guest[0].name, sizeof(plan->guest[0].name), "web");
	plan->guest[0].net_count = 1;
	plan->switch_count = 1;
	plan->sw[0].nat = true;
	rp->guest_count = 1;
	rp->guest[0].plan = &plan->guest[0];
	rp->guest[0].net[0].sw = 1;
	memcpy(rp->guest[0].net[0].mac, mac, NET_MAC);
	rp->switch_count = 2;
	rp->sw[0] = (struct resolved_switch){ .outside = NO_CARD };
	rp->sw[1] = (struct resolved_switch){ .plan = &plan->sw[0], .outside = 0, .address = 0x0a4d0001, .prefix = 24, .card = NO_CARD };
}
