/* SPDX-License-Identifier: Apache-2.0 */
/* Switches, made at boot and there for good, and their ports, of which guests' come and go. */
#include "capture.h"
#include "switch.h"

#include <hv/lib.h>
#include <hv/pool.h>
#include <hv/random.h>
#include <hv/time.h>

#define BURST_FRAMES 32u
#define TRIES 16u
enum { LEAST_FRAME = 60, TYPE_AT = 12 };

/* Holds the place of a port that went, so that the others keep theirs. */
static struct net_port nobody = { .kind = NET_PORT_GUEST };

static struct net_switch *all[NET_SWITCHES_MAX];
static u32 count;

static u64 new_secret(void)
{
	static u64 last = 0x9e3779b97f4a7c15ul;
	u64 fresh = 0;

	if (!host_random(&fresh))
		fresh = tsc_now();
	last = (last ^ fresh) * 0xbf58476d1ce4e5b9ul;
	return last ^ last >> 31;
}

struct net_switch *switch_create(const char *name)
{
	struct net_switch *s;

	if (count == NET_SWITCHES_MAX || switch_hold_init())
		return NULL;
	s = pool_alloc(ALIGN_UP(sizeof(*s), PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	if (!s)
		return NULL;
	str_copy(s->name, sizeof(s->name), name);
	mac_table_init(&s->macs, new_secret());
	all[count++] = s;
	return s;
}

void switch_forget_all(void)
{
	count = 0;
}

u32 net_switch_count(void)
{
	return count;
}

struct net_switch *net_switch_at(u32 index)
{
	assert(index < count);
	return all[index];
}

struct net_switch *net_switch_by_name(const char *name)
{
	for (u32 i = 0; i < count; i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

const struct plan_switch *net_switch_plan(const struct net_switch *s)
{
	return s->plan;
}

const char *net_switch_name(const struct net_switch *s)
{
	return s->name;
}

struct netdev *net_switch_card(const struct net_switch *s)
{
	return s->card;
}

struct net_switch *net_nat_outside(const struct net_switch *nat)
{
	return nat->outside;
}

struct net_port *switch_port_at(struct net_switch *s, u32 index)
{
	return index < s->ports ? s->port[index].port : NULL;
}

static bool fix_all(struct net_switch *s)
{
	static const u8 none[NET_MAC];

	for (u32 i = 0; i < s->ports; i++) {
		const struct net_port *p = s->port[i].port;

		if (memcmp(p->mac, none, NET_MAC) && mac_table_fix(&s->macs, mac_key_of(p->mac, p->vlan), i))
			return false;
	}
	return true;
}

/* Should five fixed addresses fall into one bucket, another secret spreads them otherwise; what was learnt is learnt anew. */
static bool fix_addresses(struct net_switch *s)
{
	for (u32 i = 0; i < TRIES; i++) {
		if (fix_all(s))
			return true;
		mac_table_init(&s->macs, new_secret());
	}
	return false;
}

bool port_is_nobody(const struct port_state *st)
{
	return st->port == &nobody;
}

/* The place of a port that went, or one more; SWITCH_PORTS_MAX: there is none. */
static u32 find_place(const struct net_switch *s)
{
	u32 i = 0;

	while (i < s->ports && !port_is_nobody(&s->port[i]))
		i++;
	return i;
}

static void leave_place(struct net_switch *s, struct port_state *st)
{
	*st = (struct port_state){ .port = &nobody, .index = st->index };
	while (s->ports && port_is_nobody(&s->port[s->ports - 1]))
		s->ports--;
}

int switch_attach(struct net_switch *s, struct net_port *p)
{
	u32 place = find_place(s);
	struct port_state *st = &s->port[place];

	assert(p->ops && p->ops->deliver && p->mtu && !p->sw);
	if (place == SWITCH_PORTS_MAX)
		return -E_NOMEM;
	memset(st, 0, sizeof(*st));
	st->port = p;
	st->index = place;
	s->ports = MAX(s->ports, place + 1);
	/* The largest frame must fit into a burst, or it would never pass. */
	limit_init(&st->rate, p->rate_bytes, MAX(p->rate_bytes / 20, 2ul * NET_GSO_MAX), switch_now);
	limit_init(&st->storm, p->storm_frames, MAX(p->storm_frames / 4, BURST_FRAMES), switch_now);
	p->sw = s;
	p->switch_state = st;
	if (fix_addresses(s)) {
		s->loud += !port_is_quiet(p);
		return 0;
	}
	p->sw = NULL;
	p->switch_state = NULL;
	mac_table_forget(&s->macs, place);
	leave_place(s, st);
	return -E_NOMEM;
}

void switch_detach(struct net_port *p)
{
	struct port_state *st = state_of(p);
	struct net_switch *s = p->sw;

	switch_unmark(st);
	if (capture_port() == st)
		capture_stop();
	for (u32 i = 0; i < s->ports; i++)
		if (s->port[i].mirror == st)
			switch_mirror(&s->port[i], NULL);
	mac_table_forget(&s->macs, st->index);
	s->loud -= !port_is_quiet(p);
	leave_place(s, st);
	p->sw = NULL;
	p->switch_state = NULL;
}

/* Any frame tells switches where its sender is. The type is the configuration test's (IEEE 802.3 "Loopback" in old lists), with
 * nothing to do in it: receivers ignore it. */
static void send_empty(struct net_port *p)
{
	u8 bytes[LEAST_FRAME] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, [TYPE_AT] = 0x90 };
	struct net_piece piece = { .at = bytes, .len = sizeof(bytes) };
	struct net_frame f = { .piece = &piece, .pieces = 1, .len = sizeof(bytes) };

	memcpy(bytes + NET_MAC, p->mac, NET_MAC);
	switch_input(p, &f);
}

void switch_announce_port(struct net_port *p)
{
	if (p->up && !(p->ops->announce && p->ops->announce(p)))
		send_empty(p);
}

void switch_announce(struct net_port *to)
{
	struct net_switch *s = to->sw;

	for (u32 i = 0; i < s->ports; i++) {
		struct net_port *p = s->port[i].port;

		if (p != to && p->kind == NET_PORT_GUEST)
			switch_announce_port(p);
	}
}

void switch_mirror(struct port_state *from, struct port_state *to)
{
	from->mirror = to;
	from->watched = to || from->capture;
}
