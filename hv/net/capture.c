/* SPDX-License-Identifier: Apache-2.0 */
#include "capture.h"

#include "switch.h"

#include <hv/lib.h>
#include <hv/pool.h>
#include <hv/time.h>

enum { ETHER = 14, TYPE_AT = 12, TAG = 4, RECORD = 16, LOOK = 64 };

#define RING_PAGES (CAPTURE_RING / PAGE_SIZE)
#define PCAP_NANOSECONDS 0xa1b23c4du
#define LINK_ETHERNET 1u

struct capture {
	struct port_state *port;	/* null: ended */
	struct capture_filter filter;
	u8 *ring;
	u64 put, got;			/* bytes in all */
	u64 taken, lost;
	u32 read_second;		/* when something was taken out last */
};

static struct capture the;

struct port_state *capture_port(void)
{
	return the.port;
}

bool capture_running(void)
{
	return the.port;
}

/* Room was looked for. */
static void put(const void *from, u32 n)
{
	const u8 *bytes = from;

	while (n) {
		u32 at = (u32)(the.put % CAPTURE_RING), part = MIN(n, (u32)CAPTURE_RING - at);

		memcpy(the.ring + at, bytes, part);
		the.put += part;
		bytes += part;
		n -= part;
	}
}

static void put_frame(const struct net_frame *f, u32 skip, u32 n)
{
	while (n) {
		u32 at = (u32)(the.put % CAPTURE_RING), part = MIN(n, (u32)CAPTURE_RING - at);

		net_copy(f, skip, the.ring + at, part);
		the.put += part;
		skip += part;
		n -= part;
	}
}

int capture_begin(struct port_state *st, const struct capture_filter *filter)
{
	const struct { u32 magic; u16 major, minor; u32 zone, sigfigs, snap, link; } header = {
		PCAP_NANOSECONDS, 2, 4, 0, 0, filter->snap, LINK_ETHERNET };

	if (the.port)
		return -E_BUSY;
	capture_free();
	the.ring = pool_alloc(RING_PAGES, POOL_OTHER);
	if (!the.ring)
		return -E_NOMEM;
	the.filter = *filter;
	the.port = st;
	the.read_second = switch_second;
	put(&header, sizeof(header));
	st->capture = &the;
	st->watched = true;
	return 0;
}

void capture_stop(void)
{
	if (!the.port)
		return;
	the.port->capture = NULL;
	the.port->watched = the.port->mirror;
	the.port = NULL;
}

void capture_free(void)
{
	capture_stop();
	if (the.ring)
		pool_free(the.ring, RING_PAGES);
	memset(&the, 0, sizeof(the));
}

u32 capture_read(u8 *to, u32 n)
{
	u32 done = 0;

	the.read_second = switch_second;
	n = (u32)MIN((u64)n, the.put - the.got);
	while (done < n) {
		u32 at = (u32)(the.got % CAPTURE_RING), part = MIN(n - done, (u32)CAPTURE_RING - at);

		memcpy(to + done, the.ring + at, part);
		the.got += part;
		done += part;
	}
	return done;
}

void capture_counts(u64 *taken, u64 *lost)
{
	*taken = the.taken;
	*lost = the.lost;
}

/* Filters. */

static bool has_port(const u8 *l4, u32 port)
{
	return ((u32)l4[0] << 8 | l4[1]) == port || ((u32)l4[2] << 8 | l4[3]) == port;
}

static bool is_wanted(const struct capture_filter *w, const struct net_frame *f)
{
	u8 h[LOOK + ETHER];
	u32 len = net_copy(f, 0, h, sizeof(h)), l4;

	if (w->by_mac && (len < ETHER || (memcmp(h, w->mac, NET_MAC) != 0 && memcmp(h + NET_MAC, w->mac, NET_MAC) != 0)))
		return false;
	if (!w->by_port)
		return true;
	if (len < ETHER + 24)
		return false;
	if (h[12] == 8 && h[13] == 0) {
		l4 = ETHER + (h[ETHER] & 15u) * 4;
		return (h[ETHER + 9] == IP_TCP || h[ETHER + 9] == IP_UDP) && l4 + 4 <= len && has_port(h + l4, w->port);
	}
	l4 = ETHER + 40;
	return h[12] == 0x86 && h[13] == 0xdd && (h[ETHER + 6] == IP_TCP || h[ETHER + 6] == IP_UDP) && l4 + 4 <= len &&
	       has_port(h + l4, w->port);
}

/* Frames. */

static void put_record(const struct net_frame *f, u32 tag, u32 whole, u32 kept)
{
	u64 now = tsc_now(), past = now - timebase.wall_tsc;
	u64 ns = ticks_to_ns(past % timebase.tsc_hz);
	const u32 head[4] = { (u32)(timebase.wall_seconds + past / timebase.tsc_hz), (u32)MIN(ns, NS_PER_S - 1), kept, whole };
	const u8 tag_bytes[TAG] = { 0x81, 0, (u8)(tag >> 8), (u8)tag };

	put(head, sizeof(head));
	if (!tag) {
		put_frame(f, 0, kept);
		return;
	}
	put_frame(f, 0, MIN(kept, TYPE_AT));
	if (kept < TYPE_AT + TAG)
		return;
	put(tag_bytes, TAG);
	put_frame(f, TYPE_AT, kept - TYPE_AT - TAG);
}

void capture_frame(struct capture *c, const struct net_frame *f, u32 tag)
{
	u32 whole = f->len + (tag ? TAG : 0), kept = MIN(whole, c->filter.snap);

	if (switch_second - c->read_second > CAPTURE_PATIENCE) {
		capture_stop();
		return;
	}
	if (!is_wanted(&c->filter, f))
		return;
	if (c->filter.bytes && c->put + RECORD + kept > c->filter.bytes) {
		capture_stop();
		return;
	}
	if (CAPTURE_RING - (c->put - c->got) < RECORD + kept) {
		c->lost++;
		return;
	}
	put_record(f, tag, whole, kept);
	if (++c->taken == c->filter.frames)
		capture_stop();
}
