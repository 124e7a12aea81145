/* SPDX-License-Identifier: Apache-2.0 */
/* The flows that NAT knows: two hash tables over one array, and two lists of each member's own, so that who is above its
 * share loses flows of its own and nobody else's. */
#include "nat.h"

#include "inet.h"

#include <hv/lib.h>

#define SECOND 1000ul
#define PORT_TRIES 128u
#define SWEEP_STEP 32u

/* RFC 5382 "Application to the TCP", REQ-5; RFC 4787 REQ-5; RFC 5508 REQ-2. */
#define TCP_BEGUN (60 * SECOND)
#define TCP_OPEN (7440 * SECOND)
#define TCP_CLOSING (240 * SECOND)
#define TCP_RESET (10 * SECOND)
#define UDP_BEGUN (60 * SECOND)
#define UDP_OPEN (300 * SECOND)
#define ICMP_ALL (60 * SECOND)

enum { SEEN_OUT = 1, SEEN_IN = 2, SEEN_FIN_OUT = 4, SEEN_FIN_IN = 8 };
enum { FIN = 1, SYN = 2, RST = 4 };

static u64 mixed(u64 a, u64 b)
{
	a = (a ^ b) * 0x9e3779b97f4a7c15ul;
	a = (a ^ a >> 29) * 0xbf58476d1ce4e5b9ul;
	return a ^ a >> 32;
}

u64 nat_random(struct nat *n)
{
	n->draw = mixed(n->draw + 1, n->seed[1]);
	return mixed(n->draw, n->seed[0]);
}

static u32 bucket(const struct nat *n, const struct nat_key *k)
{
	u64 h = mixed((u64)k->remote << 32 | (u64)k->remote_port << 16 | k->port, n->seed[0]);

	return (u32)(mixed(h ^ (u64)k->proto << 8 ^ k->owner, n->seed[1]) % NAT_BUCKETS);
}

static struct nat_key key_in(const struct nat_session *s)
{
	return (struct nat_key){ s->proto, s->member, s->in_port, s->shown, s->shown_port };
}

static struct nat_key key_out(const struct nat_session *s)
{
	return (struct nat_key){ s->proto, s->side, s->out_port, s->remote, s->remote_port };
}

static bool same(const struct nat_key *a, const struct nat_key *b)
{
	return a->proto == b->proto && a->owner == b->owner && a->port == b->port && a->remote == b->remote &&
	       a->remote_port == b->remote_port;
}

u16 nat_find_in(const struct nat *n, const struct nat_key *k, u64 now)
{
	for (u16 i = n->in[bucket(n, k)]; i; i = n->session[i].next_in) {
		struct nat_key have = key_in(&n->session[i]);

		if (same(&have, k))
			return now < n->session[i].expires ? i : 0;
	}
	return 0;
}

u16 nat_find_out(const struct nat *n, const struct nat_key *k, u64 now)
{
	for (u16 i = n->out[bucket(n, k)]; i; i = n->session[i].next_out) {
		struct nat_key have = key_out(&n->session[i]);

		if (same(&have, k))
			return now < n->session[i].expires ? i : 0;
	}
	return 0;
}

/* Lists of a member. */

static void list_take(struct nat *n, u16 i)
{
	struct nat_session *s = &n->session[i];
	struct nat_member *m = &n->member[s->member];

	if (s->newer)
		n->session[s->newer].older = s->older;
	else
		m->newest[s->listed] = s->older;
	if (s->older)
		n->session[s->older].newer = s->newer;
	else
		m->oldest[s->listed] = s->newer;
}

static void list_put(struct nat *n, u16 i, bool open)
{
	struct nat_session *s = &n->session[i];
	struct nat_member *m = &n->member[s->member];

	s->listed = open;
	s->newer = 0;
	s->older = m->newest[open];
	if (s->older)
		n->session[s->older].newer = i;
	else
		m->oldest[open] = i;
	m->newest[open] = i;
}

static void chain_take(u16 *head, struct nat *n, u16 i, bool out)
{
	u16 *at = head;

	while (*at != i) {
		assert(*at);	/* a flow is in its chain */
		at = out ? &n->session[*at].next_out : &n->session[*at].next_in;
	}
	*at = out ? n->session[i].next_out : n->session[i].next_in;
}

void nat_end(struct nat *n, u16 i)
{
	struct nat_session *s = &n->session[i];
	struct nat_key in = key_in(s), out = key_out(s);

	assert(i && s->state != NAT_FREE);
	chain_take(&n->in[bucket(n, &in)], n, i, false);
	chain_take(&n->out[bucket(n, &out)], n, i, true);
	list_take(n, i);
	n->member[s->member].sessions--;
	s->state = NAT_FREE;
	s->next_in = n->free;
	n->free = i;
}

/* Beginnings. */

/* The port that this end has already on that side: so it looks the same to everybody. RFC 4787 "Mapping", REQ-1. Looked for
 * among the member's latest flows only. */
static u16 port_again(const struct nat *n, const struct nat_session *s)
{
	for (u32 list = 0; list < 2; list++) {
		u16 i = n->member[s->member].newest[list];

		for (u32 step = 0; i && step < 64; step++, i = n->session[i].older) {
			const struct nat_session *o = &n->session[i];

			if (o->proto == s->proto && o->side == s->side && o->in_port == s->in_port &&
			    o->out_port >= NAT_PORT_FIRST && o->out_port < NAT_PORT_FIRST + NAT_PORT_COUNT)
				return o->out_port;
		}
	}
	return 0;
}

static u16 choose_port(struct nat *n, const struct nat_session *s, u64 now)
{
	struct nat_key k = { s->proto, s->side, port_again(n, s), s->remote, s->remote_port };

	if (k.port && !nat_find_out(n, &k, now))
		return k.port;
	for (u32 i = 0; i < PORT_TRIES; i++) {
		k.port = (u16)(NAT_PORT_FIRST + nat_random(n) % NAT_PORT_COUNT);
		if (!nat_find_out(n, &k, now))
			return k.port;
	}
	return 0;
}

/* Room for one more of this member's: its share, else what it used least lately, begun ones first. */
static u16 take_slot(struct nat *n, u32 member)
{
	struct nat_member *m = &n->member[member];
	u16 i;

	if (m->sessions >= m->share || !n->free) {
		i = m->oldest[0] ? m->oldest[0] : m->oldest[1];
		if (!i)
			return 0;
		nat_end(n, i);
		n->stats.evicted++;
	}
	i = n->free;
	n->free = n->session[i].next_in;
	return i;
}

static void forget_stale(struct nat *n, const struct nat_key *in, const struct nat_key *out)
{
	u16 i = nat_find_in(n, in, 0);

	if (i)
		nat_end(n, i);
	i = nat_find_out(n, out, 0);
	if (i)
		nat_end(n, i);
}

u16 nat_begin(struct nat *n, const struct nat_session *want, u64 now)
{
	struct nat_session s = *want;
	struct nat_key in, out;
	u16 i;

	if (!s.out_port)
		s.out_port = choose_port(n, &s, now);
	if (!s.out_port)
		return 0;
	in = key_in(&s);
	out = key_out(&s);
	forget_stale(n, &in, &out);	/* the same flow, but its time is over */
	i = take_slot(n, s.member);
	if (!i)
		return 0;
	s.state = NAT_NEW;
	s.seen = 0;
	s.expires = now + (s.proto == IP_ICMP ? ICMP_ALL : TCP_BEGUN);
	s.next_in = n->in[bucket(n, &in)];
	s.next_out = n->out[bucket(n, &out)];
	n->session[i] = s;
	n->in[bucket(n, &in)] = n->out[bucket(n, &out)] = i;
	list_put(n, i, false);
	n->member[s.member].sessions++;
	n->stats.begun++;
	return i;
}

static u64 tcp_time(struct nat_session *s, u32 flags, bool outward)
{
	if (flags & FIN)
		s->seen |= outward ? SEEN_FIN_OUT : SEEN_FIN_IN;
	if (flags & RST)
		return TCP_RESET;
	if ((s->seen & (SEEN_FIN_OUT | SEEN_FIN_IN)) == (SEEN_FIN_OUT | SEEN_FIN_IN))
		s->state = NAT_CLOSING;
	else if (s->state == NAT_CLOSING && (flags & SYN))	/* the ports are used again */
		s->state = NAT_NEW, s->seen = outward ? SEEN_OUT : SEEN_IN;
	else if (s->state == NAT_NEW && !(flags & SYN) && (s->seen & (SEEN_OUT | SEEN_IN)) == (SEEN_OUT | SEEN_IN))
		s->state = NAT_OPEN;
	return s->state == NAT_OPEN ? TCP_OPEN : s->state == NAT_CLOSING ? TCP_CLOSING : TCP_BEGUN;
}

void nat_touch(struct nat *n, u16 i, u32 flags, bool outward, u64 now)
{
	struct nat_session *s = &n->session[i];
	u64 time = ICMP_ALL;

	s->seen |= outward ? SEEN_OUT : SEEN_IN;
	if (s->proto == IP_TCP) {
		time = tcp_time(s, flags, outward);
	} else if (s->proto == IP_UDP) {
		if ((s->seen & (SEEN_OUT | SEEN_IN)) == (SEEN_OUT | SEEN_IN))
			s->state = NAT_OPEN;
		time = s->state == NAT_OPEN ? UDP_OPEN : UDP_BEGUN;
	}
	s->expires = now + time;
	if (n->member[s->member].newest[s->state == NAT_OPEN] == i)
		return;
	list_take(n, i);
	list_put(n, i, s->state == NAT_OPEN);
}

/* The whole. */

void nat_init(struct nat *n, const u8 seed[24])
{
	memset(n, 0, sizeof(*n));
	memcpy(n->seed, seed, sizeof(n->seed));
	memcpy(&n->draw, seed + sizeof(n->seed), sizeof(n->draw));
	for (u32 i = NAT_SESSIONS; i; i--) {
		n->session[i].next_in = n->free;
		n->free = (u16)i;
	}
	nat_share(n);
}

void nat_share(struct nat *n)
{
	u32 count = 0;

	for (u32 i = 0; i < NAT_MEMBERS; i++)
		count += n->member[i].used && n->member[i].guest;
	for (u32 i = 0; i < NAT_MEMBERS; i++)
		n->member[i].share = !n->member[i].guest ? NAT_SESSIONS / 8 / NAT_MEMBERS :
				     MIN(NAT_SHARE_MAX, NAT_SESSIONS / 8 * 7 / count);
}

static void forget(struct nat *n, bool by_side, u32 which)
{
	for (u32 i = 1; i <= NAT_SESSIONS; i++) {
		const struct nat_session *s = &n->session[i];

		if (s->state != NAT_FREE && (by_side ? s->side : s->member) == which)
			nat_end(n, (u16)i);
	}
	for (u32 i = 0; i < NAT_FRAGMENTS; i++) {
		struct nat_fragment *f = &n->fragment[i];

		if (f->used && (by_side ? f->side : f->member) == which) {
			n->member[f->member].fragments--;
			f->used = false;
		}
	}
}

void nat_forget_member(struct nat *n, u32 member)
{
	forget(n, false, member);
}

void nat_forget_side(struct nat *n, u32 side)
{
	forget(n, true, side);
}

void nat_sweep(struct nat *n, u64 now)
{
	for (u32 i = 0; i < SWEEP_STEP; i++) {
		n->sweep = (u16)(n->sweep % NAT_SESSIONS + 1);
		if (n->session[n->sweep].state != NAT_FREE && now >= n->session[n->sweep].expires)
			nat_end(n, n->sweep);
	}
}
