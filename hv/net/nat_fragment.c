/* SPDX-License-Identifier: Apache-2.0 */
/* Fragments: only the first one says which flow it belongs to, the others have the datagram's id. They are not put together:
 * the first one is translated like any packet, how is remembered for some seconds, and the others follow it. One that comes
 * before its first is dropped; its sender repeats the datagram, as when one was lost. */
#include "nat.h"

#include "inet.h"

#define KEEP_MS 15000ul

static void set_id(struct nat_packet *p, u16 id)
{
	u16 old = get16(p->ip + 4);

	put16(p->ip + 4, id);
	inet_adjust16(p->ip + 10, old, id, false);
}

static struct nat_fragment *free_slot(struct nat *n, u64 now)
{
	struct nat_fragment *free = NULL;

	for (u32 i = 0; i < NAT_FRAGMENTS; i++) {
		struct nat_fragment *f = &n->fragment[i];

		if (f->used && now >= f->expires) {
			n->member[f->member].fragments--;
			f->used = false;
		}
		if (!f->used && !free)
			free = f;
	}
	return free;
}

static struct nat_fragment *find(struct nat *n, const struct nat_packet *p, u32 from, u32 to, u64 now)
{
	for (u32 i = 0; i < NAT_FRAGMENTS; i++) {
		struct nat_fragment *f = &n->fragment[i];

		if (f->used && now < f->expires && f->id == get16(p->ip + 4) && f->from == from && f->to == to &&
		    f->proto == p->proto)
			return f;
	}
	return NULL;
}

/* On the way out the datagram gets a new id, as two members may use the same one towards the same end. */
bool nat_fragment_note(struct nat *n, struct nat_packet *p, u32 from, u32 to, u32 member, u32 side, bool inward, u64 now)
{
	struct nat_fragment *f = find(n, p, from, to, now);

	if (!f) {
		f = free_slot(n, now);
		if (!f || n->member[member].fragments >= NAT_FRAGMENTS_EACH)
			return false;
		f->used = true;
		n->member[member].fragments++;
		f->new_id = inward ? get16(p->ip + 4) : (u16)nat_random(n);
	} else if (f->member != member || f->inward != inward) {
		return false;
	}
	f->expires = now + KEEP_MS;
	f->from = from;
	f->to = to;
	f->id = get16(p->ip + 4);
	f->proto = p->proto;
	f->member = (u8)member;
	f->side = (u8)side;
	f->inward = inward;
	f->new_from = get32(p->ip + NAT_FROM);
	f->new_to = get32(p->ip + NAT_TO);
	set_id(p, f->new_id);
	return true;
}

enum nat_verdict nat_fragment_later(struct nat *n, struct nat_packet *p, u32 owner, bool inward, u64 now)
{
	struct nat_fragment *f = find(n, p, get32(p->ip + NAT_FROM), get32(p->ip + NAT_TO), now);

	if (!f || f->inward != inward || (inward ? f->side : f->member) != owner)
		return inward ? NAT_PASS : nat_drop(n, NAT_DROP_FRAGMENT);
	if (!nat_step_ttl(p))
		return nat_drop(n, NAT_DROP_TTL);
	if (!inward && p->total > n->side[f->side].mtu)
		return nat_drop(n, NAT_DROP_TOO_LONG);
	if (!inward && !n->side[f->side].up)
		return nat_drop(n, NAT_DROP_NO_OUTSIDE);
	nat_set_address(p, NAT_FROM, f->new_from);
	nat_set_address(p, NAT_TO, f->new_to);
	set_id(p, f->new_id);
	p->side = f->side;
	p->to_member = inward || f->side >= NAT_NETWORKS;
	p->member = f->member;
	if (inward)
		n->stats.in++;
	else
		n->stats.out++;
	return p->to_member && !inward ? nat_to_address(n, p, f->new_to) : NAT_SEND;
}
