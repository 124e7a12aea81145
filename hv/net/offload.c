/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and segments for receivers that want them made. All headers are copied once, then read and changed in the copy; the
 * payload stays where it is and is only summed. */
#include "switch.h"

#include <hv/lib.h>

enum { ETHER = 14, IP4_MIN = 20, IP6_SIZE = 40, TCP_MIN = 20, UDP_SIZE = 8, HEADERS_MAX = 256, SEGMENTS_MAX = 512,
	TCP_SUM = 16, UDP_SUM = 6 };
enum tcp_flag { TCP_FIN = 1, TCP_PSH = 8, TCP_CWR = 0x80 };

/* Sums are kept as the machine reads memory; the fold at the end gives bytes in the order of the wire. */
u64 net_sum(const u8 *at, u32 len, u64 sum)
{
	for (; len >= 32; at += 32, len -= 32)
		__asm__("addq (%1), %0\n\tadcq 8(%1), %0\n\tadcq 16(%1), %0\n\tadcq 24(%1), %0\n\tadcq $0, %0" : "+r"(sum) :
			"r"(at), "m"(*(const u8 (*)[32])at) : "cc");
	while (len) {
		u64 part = 0;
		u32 n = MIN(len, 8u);

		for (u32 i = 0; i < n; i++)
			part |= (u64)at[i] << i * 8;
		sum += part;
		sum += sum < part;
		at += n;
		len -= n;
	}
	return sum;
}

u16 net_sum_fold(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)((sum & 0xff) << 8 | (sum >> 8 & 0xff));
}

/* Bytes at an odd place count in the other half. */
static u64 swap_halves(u64 sum)
{
	return (sum & 0x00ff00ff00ff00fful) << 8 | (sum >> 8 & 0x00ff00ff00ff00fful);
}

static u64 add_sums(u64 a, u64 b)
{
	a += b;
	return a + (a < b);
}

/* Where a reader is in the pieces of a frame. */
struct reader {
	const struct net_frame *f;
	u32 piece, off;
};

static void reader_skip(struct reader *r, u32 n)
{
	while (r->piece < r->f->pieces && n >= r->f->piece[r->piece].len - r->off) {
		n -= r->f->piece[r->piece].len - r->off;
		r->piece++;
		r->off = 0;
	}
	r->off += n;
}

/* One frame being made: its headers, and pieces of the payload behind them. */
struct work {
	u8 header[HEADERS_MAX];
	struct net_piece piece[NET_PIECES_MAX + 1];
	struct net_frame out;
	u32 header_len, l4;		/* bytes; where the transport header begins */
	bool v6, do_checksum;
	net_emit_fn *emit;
	void *arg;
};

/* A frame that is delivered may make its receiver send one that needs the same. */
static struct work works[SWITCH_DEPTH_MAX + 1];
static u32 depth;

/* The next n bytes of the payload as pieces behind the header. How many there were. */
static u32 add_payload(struct work *w, struct reader *r, u32 n)
{
	u32 got = 0;

	while (got < n && r->piece < r->f->pieces && w->out.pieces < NET_PIECES_MAX) {
		const struct net_piece *p = &r->f->piece[r->piece];
		u32 part = MIN(p->len - r->off, n - got);

		if (part)
			w->piece[w->out.pieces++] = (struct net_piece){ p->at + r->off, p->hpa ? p->hpa + r->off : 0, part };
		got += part;
		reader_skip(r, part);
	}
	return got;
}

/* The sum of w's frame from byte `from` on; the header holds that byte. */
static u64 sum_frame(const struct work *w, u32 from)
{
	u64 sum = net_sum(w->header + from, w->header_len - from, 0);
	bool odd = (w->header_len - from) & 1;

	for (u32 i = 1; i < w->out.pieces; i++) {
		u64 part = net_sum(w->piece[i].at, w->piece[i].len, 0);

		sum = add_sums(sum, odd ? swap_halves(part) : part);
		odd ^= w->piece[i].len & 1;
	}
	return sum;
}

static void begin_frame(struct work *w, const struct net_frame *f)
{
	w->out = (struct net_frame){ .piece = w->piece, .pieces = 1, .tagged = f->tagged, .vlan = f->vlan };
	w->piece[0] = (struct net_piece){ .at = w->header, .len = w->header_len };
}

/* --- a sum alone --- */

static bool complete_sum(struct work *w, const struct net_frame *f)
{
	u32 start = f->offload.csum_start, at = start + f->offload.csum_offset;
	struct reader r = { .f = f };
	u32 sum;

	if (at + 2 > f->len || at + 2 > HEADERS_MAX)
		return false;
	w->header_len = MIN(f->len, HEADERS_MAX);
	if (net_copy(f, 0, w->header, w->header_len) != w->header_len)
		return false;
	begin_frame(w, f);
	w->out.len = f->len;
	reader_skip(&r, w->header_len);
	if (add_payload(w, &r, f->len - w->header_len) != f->len - w->header_len)
		return false;
	sum = (u16)~net_sum_fold(sum_frame(w, start));
	/* RFC 768: a UDP sum of zero means none. The same number for TCP. */
	put16(w->header + at, sum ? sum : 0xffff);
	w->emit(w->arg, &w->out);
	return true;
}

/* --- segments --- */

static bool read_ip4(struct work *w)
{
	u8 *ip = w->header + ETHER;

	/* No fragments: flags may only say "don't". */
	return w->l4 == ETHER + (ip[0] & 15u) * 4 && ip[0] >> 4 == 4 && w->l4 >= ETHER + IP4_MIN && !(get16(ip + 6) & 0x3fff);
}

/* Headers of a GSO frame into w, as long as they are; what they say of themselves must agree with the offload. */
static bool read_headers(struct work *w, const struct net_frame *f)
{
	const struct net_offload *o = &f->offload;
	bool tcp = o->gso != NET_GSO_UDP;
	u32 copied = MIN(f->len, HEADERS_MAX), type;

	w->l4 = o->csum_start;
	if (net_copy(f, 0, w->header, copied) != copied || w->l4 + TCP_MIN > copied || !o->checksum || !o->gso_size)
		return false;
	type = get16(w->header + 12);
	w->v6 = type == 0x86dd;
	if (w->v6 ? o->gso == NET_GSO_TCP4 || w->l4 < ETHER + IP6_SIZE : type != 0x0800 || o->gso == NET_GSO_TCP6)
		return false;
	if (o->csum_offset != (tcp ? TCP_SUM : UDP_SUM) || (!w->v6 && !read_ip4(w)))
		return false;
	w->header_len = w->l4 + (tcp ? (w->header[w->l4 + 12] >> 4) * 4u : UDP_SIZE);
	if (tcp && w->header_len < w->l4 + TCP_MIN)
		return false;
	return w->header_len <= copied && w->header_len < f->len;
}

/* Sum of the pseudo header for a segment of len bytes from the transport header on. */
static u64 pseudo_sum(const struct work *w, u32 len, u32 protocol)
{
	const u8 *ip = w->header + ETHER;
	u8 tail[4];

	put16(tail, protocol);
	put16(tail + 2, len);
	return net_sum(tail, 4, w->v6 ? net_sum(ip + 8, 32, 0) : net_sum(ip + 12, 8, 0));
}

static void finish_ip(struct work *w, u32 len, u32 index)
{
	u8 *ip = w->header + ETHER;

	if (w->v6) {
		put16(ip + 4, len - ETHER - IP6_SIZE);
		return;
	}
	put16(ip + 2, len - ETHER);
	if (index)
		put16(ip + 4, get16(ip + 4) + 1);
	put16(ip + 10, 0);
	put16(ip + 10, (u16)~net_sum_fold(net_sum(ip, w->l4 - ETHER, 0)));
}

/* The transport header's sum: whole, or the pseudo header's for who goes on from there. */
static void finish_sum(struct work *w, u32 len, u32 protocol)
{
	u32 at = w->l4 + (protocol == IP_TCP ? TCP_SUM : UDP_SUM), l4_len = len - w->l4, sum;

	put16(w->header + at, 0);
	if (!w->do_checksum) {
		put16(w->header + at, net_sum_fold(pseudo_sum(w, l4_len, protocol)));
		w->out.offload = (struct net_offload){ .checksum = true, .csum_start = (u16)w->l4,
			.csum_offset = (u16)(at - w->l4) };
		return;
	}
	sum = (u16)~net_sum_fold(add_sums(sum_frame(w, w->l4), pseudo_sum(w, l4_len, protocol)));
	put16(w->header + at, sum ? sum : 0xffff);
}

/* RFC 9293: each segment says where it is; the end is said by the last, a narrowed window by the first. */
static void finish_tcp(struct work *w, u32 flags, u32 seq, bool first, bool last)
{
	u8 *tcp = w->header + w->l4;

	if (!last)
		flags &= ~(u32)(TCP_FIN | TCP_PSH);
	if (!first)
		flags &= ~(u32)TCP_CWR;
	tcp[13] = (u8)flags;
	put32(tcp + 4, seq);
}

static bool cut(struct work *w, const struct net_frame *f)
{
	u32 size = f->offload.gso_size, payload, done = 0, seq, flags;
	bool tcp = f->offload.gso != NET_GSO_UDP;
	struct reader r = { .f = f };

	if (!read_headers(w, f))
		return false;
	payload = f->len - w->header_len;
	if ((payload + size - 1) / size > SEGMENTS_MAX)
		return false;
	seq = get32(w->header + w->l4 + 4);
	flags = w->header[w->l4 + 13];
	reader_skip(&r, w->header_len);
	while (done < payload) {
		u32 n = MIN(size, payload - done), len = w->header_len + n;

		begin_frame(w, f);
		if (add_payload(w, &r, n) != n)
			return false;
		w->out.len = len;
		if (tcp)
			finish_tcp(w, flags, seq + done, !done, done + n == payload);
		else
			put16(w->header + w->l4 + 4, len - w->l4);
		finish_ip(w, len, done);
		finish_sum(w, len, tcp ? IP_TCP : IP_UDP);
		w->emit(w->arg, &w->out);
		done += n;
	}
	return true;
}

static bool is_known(enum net_gso gso)
{
	return gso == NET_GSO_NONE || gso == NET_GSO_TCP4 || gso == NET_GSO_TCP6 || gso == NET_GSO_UDP;
}

bool net_offload(const struct net_frame *f, bool do_checksum, net_emit_fn *emit, void *arg)
{
	struct work *w = &works[depth];
	bool good;

	if (depth == ARRAY_COUNT(works) - 1 || !is_known(f->offload.gso))
		return false;
	depth++;
	w->do_checksum = do_checksum;
	w->emit = emit;
	w->arg = arg;
	good = f->offload.gso ? cut(w, f) : complete_sum(w, f);
	depth--;
	return good;
}
