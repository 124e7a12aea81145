/* SPDX-License-Identifier: Apache-2.0 */
/* Which pair of queues a received frame goes to: as the driver has said (RSS), or where it sends frames of the same flow from.
 * VIRTIO 1.2 "Device Operation", "Receive-side scaling (RSS)", "Automatic receive steering in multiqueue mode". */
#include "vnet.h"

#include <hv/lib.h>

#define ETHER 14u
#define TAG 4u
#define IP6_SIZE 40u
#define HEAD (ETHER + TAG + 60 + 4)	/* the longest IPv4 header and two ports */
#define TCP 6u
#define UDP 17u
#define FLOW_MAX 36u			/* two IPv6 addresses, two ports */
#define COMMAND 2u

/* As a driver's table and key begin and end. */
struct rss_begin {
	u32 types;
	u16 mask, unclassified;
} PACKED;
struct rss_end {
	u16 pairs;
	u8 key_size;
} PACKED;

/* What a hash is made of: source, destination, and their ports where type says so. */
struct flow {
	u8 bytes[FLOW_MAX];
	u32 addresses;			/* bytes of both; 0: no IP */
	u32 plain, ported;		/* hash types without and with ports; ported 0: there are none */
};

static void flow_ports(struct flow *w, const u8 *head, u32 len, u32 at, u8 protocol, u32 tcp, u32 udp)
{
	if ((protocol != TCP && protocol != UDP) || at + 4 > len)
		return;
	memcpy(w->bytes + w->addresses, head + at, 4);
	w->ported = protocol == TCP ? tcp : udp;
}

static struct flow flow_of(const struct net_frame *f)
{
	struct flow w = { .addresses = 0 };
	u8 head[HEAD];
	u32 len = net_copy(f, 0, head, sizeof(head)), ip = ETHER;

	if (len >= ETHER + TAG && head[12] == 0x81 && !head[13])
		ip += TAG;
	if (len >= ip + 20 && head[ip - 2] == 0x08 && !head[ip - 1]) {
		w.addresses = 8;
		w.plain = VNET_HASH_IP4;
		memcpy(w.bytes, head + ip + 12, 8);
		if (!(head[ip + 6] & 0x3f) && !head[ip + 7])	/* no fragment */
			flow_ports(&w, head, len, ip + (head[ip] & 15u) * 4, head[ip + 9], VNET_HASH_TCP4, VNET_HASH_UDP4);
	} else if (len >= ip + IP6_SIZE && head[ip - 2] == 0x86 && head[ip - 1] == 0xdd) {
		w.addresses = 32;
		w.plain = VNET_HASH_IP6;
		memcpy(w.bytes, head + ip + 8, 32);
		flow_ports(&w, head, len, ip + IP6_SIZE, head[ip + 6], VNET_HASH_TCP6, VNET_HASH_UDP6);
	}
	return w;
}

/* --- RSS ---------------------------------------------------------------------------------------------------------- */

/* The 32 bits of the key from bit `at` on. */
static u32 key_bits(const u8 *key, u32 at)
{
	u64 all = 0;

	for (u32 i = 0; i < 5; i++)
		all = all << 8 | key[at / 8 + i];
	return (u32)(all >> (8 - at % 8));
}

/* Toeplitz by half bytes: what each value of each adds to the hash. */
static void key_prepare(struct vnet_steer *s, const u8 key[VNET_KEY])
{
	for (u32 i = 0; i < 2 * FLOW_MAX; i++) {
		for (u32 val = 0; val < 16; val++) {
			u32 hash = 0;

			for (u32 bit = 0; bit < 4; bit++)
				if (val >> (3 - bit) & 1)
					hash ^= key_bits(key, i * 4 + bit);
			s->toeplitz[i][val] = hash;
		}
	}
}

static u32 toeplitz(const struct vnet_steer *s, const u8 *bytes, u32 n)
{
	u32 hash = 0;

	for (u32 i = 0; i < n; i++)
		hash ^= s->toeplitz[2 * i][bytes[i] >> 4] ^ s->toeplitz[2 * i + 1][bytes[i] & 15];
	return hash;
}

static u32 steer_rss(const struct vnet_steer *s, const struct flow *w)
{
	if (w->ported & s->types)
		return s->table[toeplitz(s, w->bytes, w->addresses + 4) & s->mask];
	if (w->plain & s->types)
		return s->table[toeplitz(s, w->bytes, w->addresses) & s->mask];
	return s->unclassified;
}

/* --- the flow's own queue ----------------------------------------------------------------------------------------- */

/* The same for both directions. */
static u32 flow_place(const struct flow *w)
{
	u32 sum = 0;

	for (u32 i = 0; i < w->addresses; i++)
		sum += (u32)w->bytes[i] << i % 4 * 8;
	if (w->ported)
		for (u32 i = 0; i < 4; i++)
			sum += (u32)w->bytes[w->addresses + i] << i % 2 * 8;
	return sum * 0x9e3779b1u >> 24;
}

void vnet_steer_sent(struct vnet *n, const struct net_frame *f, u32 pair)
{
	struct flow w;

	if (LIKELY(n->steer.pairs == 1) || n->steer.rss)
		return;
	w = flow_of(f);
	n->steer.flow[flow_place(&w) % VNET_FLOWS] = (u8)pair;
}

u32 vnet_steer(const struct vnet *n, const struct net_frame *f)
{
	const struct vnet_steer *s = &n->steer;
	struct flow w;
	u32 pair;

	if (LIKELY(s->pairs == 1 && !s->rss))
		return 0;
	w = flow_of(f);
	pair = s->rss ? steer_rss(s, &w) : s->flow[flow_place(&w) % VNET_FLOWS];
	return pair < s->pairs ? pair : 0;
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

void vnet_steer_reset(struct vnet *n)
{
	memset(&n->steer, 0, sizeof(n->steer));
	n->steer.pairs = 1;
}

static bool set_pairs(struct vnet *n, const struct virtq_chain *c)
{
	u16 pairs;

	if (!virtio_has(&n->d, VNET_F_MQ) || c->read_bytes != COMMAND + sizeof(pairs) ||
	    virtq_copy_from(c, 0, c->readable, COMMAND, &pairs, sizeof(pairs)) != sizeof(pairs))
		return false;
	if (!pairs || pairs > n->pairs_max)
		return false;
	vnet_steer_reset(n);
	n->steer.pairs = pairs;
	return true;
}

/* Everything is read and checked before anything changes. The table holds numbers of receiving queues, so of pairs. */
static bool set_rss(struct vnet *n, const struct virtq_chain *c)
{
	static u16 table[VNET_TABLE];
	static u8 key[VNET_KEY];
	struct vnet_steer *s = &n->steer;
	struct rss_begin begin;
	struct rss_end end;
	u64 at = COMMAND, size;

	if (!virtio_has(&n->d, VNET_F_RSS) || virtq_copy_from(c, 0, c->readable, at, &begin, sizeof(begin)) != sizeof(begin))
		return false;
	size = ((u64)begin.mask + 1) * sizeof(table[0]);
	if (begin.types & ~VNET_HASH_ALL || begin.mask >= VNET_TABLE || begin.mask & (begin.mask + 1))
		return false;
	at += sizeof(begin);
	if (virtq_copy_from(c, 0, c->readable, at, table, size) != size ||
	    virtq_copy_from(c, 0, c->readable, at + size, &end, sizeof(end)) != sizeof(end))
		return false;
	at += size + sizeof(end);
	memset(key, 0, sizeof(key));
	if (!end.pairs || end.pairs > n->pairs_max || end.key_size > VNET_KEY || c->read_bytes != at + end.key_size ||
	    virtq_copy_from(c, 0, c->readable, at, key, end.key_size) != end.key_size)
		return false;
	s->rss = true;
	s->pairs = n->pairs_max;	/* which of them receive, the table says; end.pairs is for sending */
	s->types = begin.types;
	s->mask = begin.mask;
	s->unclassified = begin.unclassified;
	memcpy(s->table, table, size);
	key_prepare(s, key);
	return true;
}

bool vnet_steer_command(struct vnet *n, u8 command, const struct virtq_chain *c)
{
	switch (command) {
	case 0:		return set_pairs(n, c);
	case 1:		return set_rss(n, c);
	default:	return false;
	}
}
