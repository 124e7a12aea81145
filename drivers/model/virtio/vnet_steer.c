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
#define RESERVED 8u			/* in CTRL_MQ_HASH_CONFIG, behind the types */

/* As what says a driver's table and key begins. */
struct rss_begin {
	u32 types;
	u16 mask, unclassified;
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

/* VIRTIO 1.2 "Hash calculation for incoming packets", "Hash reporting for incoming packets". */
static struct vnet_report hash_of(const struct vnet_steer *s, const struct flow *w)
{
	u32 type = w->ported & s->types, ports = type ? 4 : 0;

	if (!type)
		type = w->plain & s->types;
	if (!type)
		return (struct vnet_report){ .kind = 0 };
	return (struct vnet_report){ .hash = toeplitz(s, w->bytes, w->addresses + ports), .kind = (u16)__builtin_ffs((int)type) };
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

u32 vnet_steer(struct vnet *n, const struct net_frame *f)
{
	struct vnet_steer *s = &n->steer;
	struct flow w;
	u32 pair;

	if (vnet_steers_nothing(n))
		return 0;
	w = flow_of(f);
	s->last = hash_of(s, &w);
	if (s->rss)
		pair = s->last.kind ? s->table[s->last.hash & s->mask] : s->unclassified;
	else
		pair = s->flow[flow_place(&w) % VNET_FLOWS];
	return pair < s->pairs ? pair : 0;
}

/* --- commands ----------------------------------------------------------------------------------------------------- */

/* What CTRL_MQ_RSS_CONFIG and CTRL_MQ_HASH_CONFIG end with, at `at`: a size and a key. The command ends there too. */
static bool read_key(const struct virtq_chain *c, u64 at, u8 key[VNET_KEY])
{
	u8 size;

	memset(key, 0, VNET_KEY);
	return virtq_copy_from(c, 0, c->readable, at, &size, 1) == 1 && size <= VNET_KEY && c->read_bytes == at + 1 + size &&
		virtq_copy_from(c, 0, c->readable, at + 1, key, size) == size;
}

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
	if (n->steer.rss)
		vnet_steer_reset(n);
	memset(n->steer.flow, 0, sizeof(n->steer.flow));
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
	u64 at = COMMAND, size;
	u16 pairs;

	if (!virtio_has(&n->d, VNET_F_RSS) || virtq_copy_from(c, 0, c->readable, at, &begin, sizeof(begin)) != sizeof(begin))
		return false;
	size = ((u64)begin.mask + 1) * sizeof(table[0]);
	if (begin.types & ~VNET_HASH_ALL || begin.mask >= VNET_TABLE || begin.mask & (begin.mask + 1))
		return false;
	at += sizeof(begin);
	if (virtq_copy_from(c, 0, c->readable, at, table, size) != size ||
	    virtq_copy_from(c, 0, c->readable, at + size, &pairs, sizeof(pairs)) != sizeof(pairs))
		return false;
	if (!pairs || pairs > n->pairs_max || !read_key(c, at + size + sizeof(pairs), key))
		return false;
	s->rss = true;
	s->pairs = n->pairs_max;	/* which of them receive, the table says; `pairs` is for sending */
	s->types = begin.types;
	s->mask = begin.mask;
	s->unclassified = begin.unclassified;
	memcpy(s->table, table, size);
	key_prepare(s, key);
	return true;
}

/* What is reported of each frame; where it goes stays as it was, so RSS would end. VIRTIO 1.2 "Hash reporting". */
static bool set_hash(struct vnet *n, const struct virtq_chain *c)
{
	static u8 key[VNET_KEY];
	u32 types;

	if (!virtio_has(&n->d, VNET_F_HASH_REPORT) ||
	    virtq_copy_from(c, 0, c->readable, COMMAND, &types, sizeof(types)) != sizeof(types) || types & ~VNET_HASH_ALL ||
	    !read_key(c, COMMAND + sizeof(types) + RESERVED, key))
		return false;
	if (n->steer.rss)
		vnet_steer_reset(n);
	n->steer.types = types;
	n->steer.last = (struct vnet_report){ .kind = 0 };	/* nobody makes it where nothing is hashed */
	key_prepare(&n->steer, key);
	return true;
}

bool vnet_steer_command(struct vnet *n, u8 command, const struct virtq_chain *c)
{
	switch (command) {
	case 0:		return set_pairs(n, c);
	case 1:		return set_rss(n, c);
	case 2:		return set_hash(n, c);
	default:	return false;
	}
}
