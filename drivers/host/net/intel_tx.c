/* SPDX-License-Identifier: Apache-2.0 */
/* Sending. Each descriptor has a buffer: short frames, and those that nobody lets us hold, are copied there; of the others
 * only what must be changed or lies where the card cannot reach it (headers of a frame to cut, pieces without an address)
 * is copied, the rest goes out from where it lies. */
#include <hv/atomic.h>
#include <hv/lib.h>
#include <hv/time.h>

#include "intel.h"

#define SHORTEST 60u			/* without FCS */
#define ETHER 14u
#define TAG 4u
#define CHUNK 4096u			/* bytes of a descriptor that all three take without errata */
#define HANG_NS (2 * NS_PER_S)

static u32 following(u32 i) { return (i + 1) % INTEL_TX; }
static u32 room(const struct intel *c) { return (c->tx.clean + INTEL_TX - 1 - c->tx.next) % INTEL_TX; }
static u8 *buffer(const struct intel *c, u32 i) { return c->tx.buffer + i * INTEL_BUFFER; }

void intel_tx_clear(struct intel *c)
{
	for (u32 i = 0; i < INTEL_TX; i++) {
		struct net_frame *held = c->tx.slot[i].held;

		c->tx.slot[i].held = NULL;
		if (held)
			held->done(held);
	}
	memset(c->tx.desc, 0, INTEL_TX * sizeof(*c->tx.desc));
	c->tx.next = c->tx.clean = c->tx.told = 0;
}

static void put_data(struct intel *c, const struct intel_tx_info *t, u64 hpa, u32 len, bool last)
{
	c->format->tx_data(&c->tx.desc[c->tx.next], t, hpa, len, last);
	c->tx.next = following(c->tx.next);
}

/* Copy all of it, or its first bytes, into the buffers of as many descriptors. */
static void put_copy(struct intel *c, const struct intel_tx_info *t, const struct net_frame *f, u32 from, u32 to)
{
	for (u32 at = from; at < to; at += INTEL_BUFFER) {
		u32 slot = c->tx.next, n = MIN(to - at, INTEL_BUFFER);

		net_copy(f, at, buffer(c, slot), n);
		if (f->len < SHORTEST) {
			memset(buffer(c, slot) + n, 0, SHORTEST - n);
			n = SHORTEST;
		}
		put_data(c, t, c->tx.buffer_hpa + slot * INTEL_BUFFER, n, to == f->len && to - at <= INTEL_BUFFER);
	}
}

static void put_pieces(struct intel *c, const struct intel_tx_info *t, const struct net_frame *f, u32 skip)
{
	u32 left = f->len - skip;

	for (u32 i = 0; i < f->pieces; i++) {
		u32 n = f->piece[i].len, part = MIN(skip, n);
		u64 hpa = f->piece[i].hpa + part;

		skip -= part;
		for (n -= part; n; n -= part, hpa += part, left -= part) {
			part = MIN(n, CHUNK);
			put_data(c, t, hpa, part, left == part);
		}
	}
}

static u32 slots_needed(const struct net_frame *f, const struct intel_tx_info *t, u32 copy)
{
	u32 n = t->context + (u32)(ALIGN_UP(copy, INTEL_BUFFER) / INTEL_BUFFER), skip = copy;

	for (u32 i = 0; i < f->pieces; i++) {
		u32 len = f->piece[i].len, part = MIN(skip, len);

		skip -= part;
		n += (u32)(ALIGN_UP(len - part, CHUNK) / CHUNK);
	}
	return n;
}

/* What the descriptors must say, from offloads that are checked against the frame; head: a copy of its first bytes, changed
 * for a frame to cut. */
static int understand(const struct intel *c, const struct net_frame *f, u8 *head, struct intel_tx_info *t)
{
	const struct net_offload *o = &f->offload;
	struct nic_gso g;
	u32 size = MIN(f->len, INTEL_HEADER_MAX);

	*t = (struct intel_tx_info){ .len = MAX(f->len, SHORTEST), .checksum = o->checksum, .cut = o->gso,
		.tagged = f->tagged, .vlan = f->vlan };
	t->context = t->checksum || (t->tagged && c->chip->family == INTEL_IGB);
	if (!t->checksum)
		return o->gso ? -E_INVAL : 0;
	if (o->csum_start < ETHER || (u32)o->csum_start + o->csum_offset + 2 > f->len)
		return -E_INVAL;
	t->l4 = o->csum_start;
	if (o->csum_start + o->csum_offset > UINT16_MAX)
		return -E_INVAL;
	t->sum_at = (u16)(o->csum_start + o->csum_offset);
	if (t->cut) {
		net_copy(f, 0, head, size);
		if (nic_gso_prepare(f, head, size, &g) || (g.ip6 ? !c->net.can_tso6 : !c->net.can_tso4))
			return -E_INVAL;
		t->l3 = g.l3;
		t->header = g.header;
		t->ip6 = g.ip6;
		t->mss = o->gso_size;
		if (t->header + (u32)t->mss > NET_FRAME_MAX)
			return -E_INVAL;
	}
	return c->format->tx_fits(t) ? 0 : -E_INVAL;
}

static void put_frame(struct intel *c, const struct net_frame *f, const struct intel_tx_info *t, const u8 *head, u32 copy)
{
	u32 slot;

	if (t->context) {
		c->format->tx_context(&c->tx.desc[c->tx.next], t);
		c->tx.next = following(c->tx.next);
	}
	slot = c->tx.next;
	put_copy(c, t, f, 0, copy);
	if (t->cut)
		memcpy(buffer(c, slot), head, t->header);
	if (copy < f->len)
		put_pieces(c, t, f, copy);
}

enum net_verdict intel_send(struct netdev *n, struct net_frame *f)
{
	struct intel *c = n->driver;
	u8 head[INTEL_HEADER_MAX];
	struct intel_tx_info t;
	u32 first = c->tx.next, copy;

	if (c->state != INTEL_RUNS || !n->link)
		return NET_DOWN;
	if (f->len > (f->offload.gso ? NET_GSO_MAX : NET_FRAME_MAX - (f->tagged ? TAG : 0)))
		return NET_TOO_LONG;
	if (f->len < ETHER || understand(c, f, head, &t)) {
		n->stats.tx_errors++;
		return NET_REFUSED;
	}
	copy = nic_bytes_to_copy(f, t.header, INTEL_BUFFER);
	if (slots_needed(f, &t, copy) > room(c)) {
		n->stats.tx_full++;
		return NET_NO_ROOM;
	}
	put_frame(c, f, &t, head, copy);
	c->tx.slot[first] = (struct intel_slot){ .held = copy < f->len ? f : NULL,
		.last = (u16)((c->tx.next + INTEL_TX - 1) % INTEL_TX) };
	n->stats.tx_frames++;
	n->stats.tx_bytes += f->len;
	return copy < f->len ? NET_HELD : NET_TAKEN;
}

void intel_kick(struct netdev *n)
{
	struct intel *c = n->driver;

	if (c->state != INTEL_RUNS || c->tx.told == c->tx.next)
		return;
	c->tx.told = c->tx.next;
	fence_full();
	intel_write(c, REG_TDT, c->tx.next);
}

/* A frame is done when its last descriptor is. Its place is free before done() is called, which may send the next one. */
bool intel_tx_poll(struct intel *c, u64 now)
{
	bool any = false;

	for (u32 n = 0; n < INTEL_TX && c->tx.clean != c->tx.told; n++) {
		struct intel_slot *slot = &c->tx.slot[c->tx.clean];
		struct net_frame *held = slot->held;

		if (!c->format->tx_done(&c->tx.desc[slot->last]))
			break;
		slot->held = NULL;
		c->tx.clean = following(slot->last);
		any = true;
		if (held)
			held->done(held);
	}
	if (any)
		c->resets_in_row = 0;
	if (any || c->tx.clean == c->tx.told)
		c->tx.moved = now;
	else if (now - c->tx.moved > ns_to_ticks(HANG_NS))
		intel_reset(c, "it does not send any more", now);
	return any;
}

bool intel_tx_waiting(const struct intel *c)
{
	return c->tx.clean != c->tx.told && c->format->tx_done(&c->tx.desc[c->tx.slot[c->tx.clean].last]);
}
