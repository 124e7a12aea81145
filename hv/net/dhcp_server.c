/* SPDX-License-Identifier: Apache-2.0 */
#include "dhcp_server.h"

#include "inet.h"

#include <hv/lib.h>

/* RFC 2131 "The Client-Server Protocol", RFC 2132. */
enum { OP = 0, HTYPE = 1, HLEN = 2, FLAGS = 10, CIADDR = 12, YIADDR = 16, SIADDR = 20, GIADDR = 24, CHADDR = 28, COOKIE = 236 };
enum { BOOTREQUEST = 1, BOOTREPLY = 2 };
enum { DISCOVER = 1, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE, INFORM };
enum { OPT_PAD = 0, OPT_MASK = 1, OPT_ROUTER = 3, OPT_DNS = 6, OPT_HOST = 12, OPT_DOMAIN = 15, OPT_MTU = 26, OPT_BROADCAST = 28,
	OPT_WANTED = 50, OPT_TIME = 51, OPT_TYPE = 53, OPT_SERVER = 54, OPT_RENEW = 58, OPT_REBIND = 59, OPT_END = 255 };
#define MAGIC 0x63825363u
#define OFFER_MS 30000ul
#define DECLINED_MS 600000ul
#define FIRST_GUEST 10u			/* 10.77.0.10 in 10.77.0.0/24 */

struct request {
	u8 type;
	u32 wanted, server, ciaddr;
	const u8 *mac;
};

void dhcp_init(struct dhcp_server *s, u32 address, u32 mask, u16 mtu, const char *domain)
{
	memset(s, 0, sizeof(*s));
	s->address = address;
	s->mask = mask;
	s->mtu = mtu;
	str_copy(s->domain, sizeof(s->domain), domain);
}

static bool address_taken(const struct dhcp_server *s, u32 address)
{
	for (u32 i = 0; i < DHCP_BINDINGS; i++)
		if (s->binding[i].used && s->binding[i].address == address)
			return true;
	return address == s->address;
}

static bool is_host(const struct dhcp_server *s, u32 address)
{
	return !((address ^ s->address) & s->mask) && (address & ~s->mask) && (address | s->mask) != 0xffffffff;
}

u32 dhcp_bind(struct dhcp_server *s, const u8 mac[6], const char *name)
{
	u32 address = (s->address & s->mask) + (~s->mask > 64 ? FIRST_GUEST : 1);

	for (u32 i = 0; i < DHCP_FIXED; i++) {
		struct dhcp_binding *b = &s->binding[i];

		if (b->used)
			continue;
		while (is_host(s, address) && address_taken(s, address))
			address++;
		if (!is_host(s, address))
			return 0;
		*b = (struct dhcp_binding){ .used = true, .fixed = true, .address = address };
		memcpy(b->mac, mac, 6);
		str_copy(b->name, sizeof(b->name), name);
		return address;
	}
	return 0;
}

static struct dhcp_binding *find(struct dhcp_server *s, const u8 mac[6])
{
	for (u32 i = 0; i < DHCP_BINDINGS; i++)
		if (s->binding[i].used && !memcmp(s->binding[i].mac, mac, 6))
			return &s->binding[i];
	return NULL;
}

void dhcp_unbind(struct dhcp_server *s, const u8 mac[6])
{
	struct dhcp_binding *b = find(s, mac);

	if (b)
		*b = (struct dhcp_binding){ 0 };
}

const struct dhcp_binding *dhcp_find(const struct dhcp_server *s, const u8 mac[6], u64 now)
{
	for (u32 i = 0; i < DHCP_BINDINGS; i++) {
		const struct dhcp_binding *b = &s->binding[i];

		if (b->used && !memcmp(b->mac, mac, 6))
			return b->fixed || (b->active && now < b->expires) ? b : NULL;
	}
	return NULL;
}

/* A lease for a stranger: each place has an address of its own, from the end of the network downwards. */
static struct dhcp_binding *lease(struct dhcp_server *s, const u8 mac[6], u64 now)
{
	for (u32 i = 0; i < DHCP_LEASES; i++) {
		struct dhcp_binding *b = &s->binding[DHCP_FIXED + i];
		u32 address = (s->address | ~s->mask) - 1 - i;

		if (b->used ? now < b->expires : !is_host(s, address) || address_taken(s, address))
			continue;
		*b = (struct dhcp_binding){ .used = true, .address = address };
		memcpy(b->mac, mac, 6);
		return b;
	}
	s->stats.exhausted++;
	return NULL;
}

/* Requests. */

static void read_option(struct request *r, u8 code, const u8 *at, u32 n)
{
	if (code == OPT_TYPE && n == 1)
		r->type = *at;
	else if (code == OPT_WANTED && n == 4)
		r->wanted = get32(at);
	else if (code == OPT_SERVER && n == 4)
		r->server = get32(at);
}

/* Options may end with the message; one that reaches beyond it makes all of it void. */
static bool read_request(struct request *r, const u8 *m, u32 length, const u8 mac[6])
{
	u32 at = DHCP_MESSAGE_MIN;

	*r = (struct request){ .mac = mac };
	if (length < DHCP_MESSAGE_MIN || m[OP] != BOOTREQUEST || m[HTYPE] != 1 || m[HLEN] != 6 || get32(m + COOKIE) != MAGIC ||
	    memcmp(m + CHADDR, mac, 6) || get32(m + GIADDR))
		return false;
	r->ciaddr = get32(m + CIADDR);
	while (at < length && m[at] != OPT_END) {
		u8 code = m[at++];

		if (code == OPT_PAD)
			continue;
		if (at >= length || m[at] > length - at - 1)
			return false;
		read_option(r, code, m + at + 1, m[at]);
		at += 1u + m[at];
	}
	return r->type >= DISCOVER && r->type <= INFORM;
}

/* Answers. */

static void put(struct dhcp_answer *a, u8 code, const void *value, u32 n)
{
	a->message[a->length++] = code;
	a->message[a->length++] = (u8)n;
	memcpy(a->message + a->length, value, n);
	a->length += n;
}

static void put_number(struct dhcp_answer *a, u8 code, u32 v)
{
	u8 bytes[4];

	put32(bytes, v);
	put(a, code, bytes, 4);
}

static void put_network(const struct dhcp_server *s, const struct dhcp_binding *b, struct dhcp_answer *a)
{
	u8 mtu[2];

	put16(mtu, s->mtu);
	put_number(a, OPT_MASK, s->mask);
	put_number(a, OPT_ROUTER, s->address);
	put_number(a, OPT_DNS, s->address);
	put_number(a, OPT_BROADCAST, s->address | ~s->mask);
	put(a, OPT_MTU, mtu, 2);
	put(a, OPT_DOMAIN, s->domain, (u32)strlen(s->domain));
	if (b && *b->name)
		put(a, OPT_HOST, b->name, (u32)strlen(b->name));
}

static bool answer(struct dhcp_server *s, const u8 *m, u8 type, const struct dhcp_binding *b, struct dhcp_answer *a)
{
	u32 ciaddr = get32(m + CIADDR);

	memset(a, 0, sizeof(*a));
	memcpy(a->message, m, 44);	/* op .. chaddr */
	a->message[OP] = BOOTREPLY;
	a->message[3] = 0;
	put32(a->message + YIADDR, b && type != NAK ? b->address : 0);
	put32(a->message + SIADDR, 0);
	if (type == NAK)
		put32(a->message + CIADDR, 0);
	put32(a->message + COOKIE, MAGIC);
	a->length = DHCP_MESSAGE_MIN;
	put(a, OPT_TYPE, &type, 1);
	put_number(a, OPT_SERVER, s->address);
	if (type != NAK && b) {
		put_number(a, OPT_TIME, DHCP_LEASE_S);
		put_number(a, OPT_RENEW, DHCP_LEASE_S / 2);
		put_number(a, OPT_REBIND, DHCP_LEASE_S / 8 * 7);
	}
	if (type != NAK)
		put_network(s, b, a);
	a->message[a->length++] = OPT_END;
	a->length = MAX(a->length, 300u);	/* the least that old relays and clients take */
	a->to = type == NAK || (m[FLAGS] & 0x80 && !ciaddr) ? 0xffffffff : ciaddr ? ciaddr : b ? b->address : 0xffffffff;
	s->stats.answers++;
	return true;
}

static bool on_request(struct dhcp_server *s, const u8 *m, const struct request *r, u64 now, struct dhcp_answer *a)
{
	struct dhcp_binding *b = find(s, r->mac);
	u32 wanted = r->ciaddr ? r->ciaddr : r->wanted;

	if (r->server && r->server != s->address)
		return false;	/* it took another server's offer */
	if (!b || wanted != b->address || (!b->fixed && now >= b->expires && !r->server)) {
		s->stats.refused++;
		return answer(s, m, NAK, b, a);
	}
	b->active = true;
	b->expires = now + DHCP_LEASE_S * 1000ul;
	answer(s, m, ACK, b, a);
	a->given = b;
	return true;
}

static bool on_discover(struct dhcp_server *s, const u8 *m, const struct request *r, u64 now, struct dhcp_answer *a)
{
	struct dhcp_binding *b = find(s, r->mac);

	if (!b)
		b = lease(s, r->mac, now);
	if (!b)
		return false;
	if (!b->fixed && !(b->active && now < b->expires)) {
		b->active = false;
		b->expires = now + OFFER_MS;
	}
	return answer(s, m, OFFER, b, a);
}

/* Somebody else uses the address, says the client: for a lease that may be so; a guest's own is guarded by the switch. */
static void on_decline(struct dhcp_server *s, const struct request *r, u64 now)
{
	struct dhcp_binding *b = find(s, r->mac);

	if (!b || b->address != (r->wanted ? r->wanted : r->ciaddr))
		return;
	b->active = false;
	if (r->type == DECLINE && !b->fixed) {
		b->expires = now + DECLINED_MS;
		memset(b->mac, 0, 6);
	} else if (!b->fixed) {
		b->expires = now;
	}
}

bool dhcp_serve(struct dhcp_server *s, const u8 *message, u32 length, const u8 mac[6], u64 now, struct dhcp_answer *a)
{
	struct request r;

	s->stats.requests++;
	if (!read_request(&r, message, length, mac)) {
		s->stats.malformed++;
		return false;
	}
	switch (r.type) {
	case DISCOVER:	return on_discover(s, message, &r, now, a);
	case REQUEST:	return on_request(s, message, &r, now, a);
	case INFORM:	return answer(s, message, ACK, NULL, a);
	case DECLINE:
	case RELEASE:	on_decline(s, &r, now);
			return false;
	default:	return false;
	}
}
