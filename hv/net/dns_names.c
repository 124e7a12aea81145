/* SPDX-License-Identifier: Apache-2.0 */
#include "dns_names.h"

#include "inet.h"

#include <hv/lib.h>
#include <hv/net_text.h>

/* RFC 1035 "Messages". */
#define HEADER 12u
#define NAME_MAX 255u
enum { TYPE_A = 1, TYPE_PTR = 12, TYPE_ANY = 255, CLASS_IN = 1, CLASS_ANY = 255 };
enum { RCODE_OK = 0, RCODE_FAIL = 2, RCODE_NAME = 3 };
#define TTL_S 60u

struct question {
	char name[NAME_MAX + 1];	/* "web.bulkhead", small letters, no dot at the end */
	u16 type, class;
	u32 end;			/* in the message */
};

static char small(u8 c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c);
}

/* One label after the other; what does not fit, points elsewhere or has a dot or a NUL in it makes the question void. */
static bool read_name(const u8 *m, u32 length, u32 *at, char *name)
{
	u32 used = 0;

	while (*at < length && m[*at]) {
		u32 n = m[(*at)++];

		if (n > 63 || n > length - *at || used + n + 1 > NAME_MAX)
			return false;
		if (used)
			name[used++] = '.';
		for (u32 i = 0; i < n; i++) {
			u8 c = m[(*at)++];

			if (!c || c == '.')
				return false;
			name[used++] = small(c);
		}
	}
	name[used] = 0;
	return (*at)++ < length;
}

/* A standard query with one question. What follows it (EDNS) is not looked at. */
static bool read_question(const u8 *m, u32 length, struct question *q)
{
	u32 at = HEADER;

	if (length < HEADER || m[2] & 0xf8 || get16(m + 4) != 1 || get16(m + 6) || get16(m + 8))
		return false;
	if (!read_name(m, length, &at, q->name) || length - at < 4)
		return false;
	q->type = get16(m + at);
	q->class = get16(m + at + 2);
	q->end = at + 4;
	return true;
}

/* Header and question again, as an answer. */
static u32 begin(const u8 *query, u32 end, u8 *reply, u32 rcode, bool own)
{
	memcpy(reply, query, end);
	reply[2] = (u8)(0x80 | (query[2] & 0x01) | (own ? 0x04 : 0));	/* answer, authoritative, recursion desired as it was */
	reply[3] = (u8)(0x80 | rcode);					/* recursion available */
	memset(reply + 6, 0, 6);
	return end;
}

static u32 add_record(u8 *reply, u32 at, u16 type, const u8 *data, u32 n)
{
	put16(reply + at, 0xc000 | HEADER);	/* the name of the question */
	put16(reply + at + 2, type);
	put16(reply + at + 4, CLASS_IN);
	put32(reply + at + 6, TTL_S);
	put16(reply + at + 10, (u16)n);
	memcpy(reply + at + 12, data, n);
	put16(reply + 6, 1);
	return at + 12 + n;
}

/* "web.bulkhead" and "web" are "web"; null: a name of others. sure: nobody else can know it. */
static const char *guest_part(char *name, bool *sure)
{
	size_t n = strlen(name), d = sizeof(DNS_DOMAIN) - 1;

	*sure = n > d && !strcmp(name + n - d, DNS_DOMAIN) && name[n - d - 1] == '.';
	if (*sure)
		name[n - d - 1] = 0;
	return *sure || !strchr(name, '.') ? name : NULL;
}

/* "10.0.77.10.in-addr.arpa" */
static bool reverse_address(char *name, u32 *address)
{
	static const char end[] = ".in-addr.arpa";
	size_t n = strlen(name);
	u32 back;

	if (n < sizeof(end) || strcmp(name + n - (sizeof(end) - 1), end))
		return false;
	name[n - (sizeof(end) - 1)] = 0;
	if (!ip4_parse(name, &back))
		return false;
	*address = __builtin_bswap32(back);
	return true;
}

static u32 add_name(u8 *reply, u32 at, const char *name)
{
	u8 data[2 + 64 + sizeof(DNS_DOMAIN)];
	u32 n = (u32)MIN(strlen(name), 63ul), d = sizeof(DNS_DOMAIN) - 1;

	data[0] = (u8)n;
	memcpy(data + 1, name, n);
	data[1 + n] = (u8)d;
	memcpy(data + 2 + n, DNS_DOMAIN, d);
	data[2 + n + d] = 0;
	return add_record(reply, at, TYPE_PTR, data, 3 + n + d);
}

static enum dns_verdict serve_reverse(const struct dns_names *names, const struct question *q, u32 address, const u8 *query,
				      u8 *reply, u32 *reply_length)
{
	bool mine = false;
	const char *name = names->name(names->context, address, &mine);

	if (!mine)
		return DNS_FORWARD;
	*reply_length = begin(query, q->end, reply, name ? RCODE_OK : RCODE_NAME, true);
	if (name)
		*reply_length = add_name(reply, *reply_length, name);
	return DNS_ANSWER;
}

enum dns_verdict dns_serve(const struct dns_names *names, const u8 *query, u32 length, u8 reply[DNS_MESSAGE_MAX],
			   u32 *reply_length)
{
	struct question q;
	const char *guest;
	u32 address;
	u8 bytes[4];
	bool sure;

	if (!read_question(query, length, &q))
		return DNS_DROP;
	if (q.class != CLASS_IN && q.class != CLASS_ANY)
		return DNS_FORWARD;
	if (q.type == TYPE_PTR && reverse_address(q.name, &address))
		return serve_reverse(names, &q, address, query, reply, reply_length);
	guest = guest_part(q.name, &sure);
	address = guest && *guest ? names->address(names->context, guest) : 0;
	if (!address && !sure)
		return DNS_FORWARD;
	*reply_length = begin(query, q.end, reply, address ? RCODE_OK : RCODE_NAME, true);
	put32(bytes, address);
	if (address && (q.type == TYPE_A || q.type == TYPE_ANY))
		*reply_length = add_record(reply, *reply_length, TYPE_A, bytes, 4);
	return DNS_ANSWER;
}

u32 dns_fail(const u8 *query, u32 length, u8 reply[DNS_MESSAGE_MAX])
{
	struct question q;

	return read_question(query, length, &q) ? begin(query, q.end, reply, RCODE_FAIL, false) : 0;
}
