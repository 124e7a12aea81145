/* SPDX-License-Identifier: Apache-2.0 */
/* How many requests a disk is given at once while several clients want it. What waits in the disk's own queue is served in
 * the disk's order: who has four times as many there gets four times as much. What waits here is served by weight. So the
 * disk gets no more than keeps it busy, and how many that is, is tried: a window of time with the limit as it is, one with half
 * of it or twice as much, and the same once more, as a disk (or what imitates one) may stop for reasons of its own. Half holds
 * from then on if it costs nearly nothing, twice if it gains. A disk that serves many at once keeps many. */
#include "storage.h"

#include <hv/lib.h>
#include <hv/time.h>

#define DEPTH_LEAST 2u			/* one that the disk works on, one to follow it */
#define WINDOW_PARTS 24u		/* a rate is measured over so many requests */
#define WINDOW_NS 20000000ul		/* and so long */
#define WINDOW_MAX_NS 2000000000ul	/* but no longer */
#define TIMES 2u			/* so often the same must come out */
#define PAUSE_NS 1000000000ul		/* after a change that was none */
#define ALONE_NS 100000000ul		/* nobody else wanted the disk for so long: one may have it all */
#define CHANGE 8u			/* a rate is another when it differs by one part in so many */

static void window_begin(struct storage_depth *p, u32 limit, u32 flying)
{
	p->skip = limit < p->limit ? flying : 0;	/* what was asked for under the old limit says nothing about this one */
	p->limit = limit;
	p->since = 0;
	p->bound = false;
}

static void pair_begin(struct storage_depth *p, u32 flying)
{
	p->phase = DEPTH_BEFORE;
	window_begin(p, p->good, flying);
}

static u32 target(const struct storage_depth *p, u32 all)
{
	return p->up ? MIN(2 * p->good, all) : MAX(p->good / 2, DEPTH_LEAST);
}

/* Nothing more to try this way. */
static void turn_round(struct storage_depth *p, u64 now)
{
	p->phase = DEPTH_HOLDS;
	p->limit = p->good;
	p->wins = 0;
	p->up = !p->up;
	p->next = now + ns_to_ticks(PAUSE_NS);
}

/* Who gets more under another limit may ask in smaller pieces: fewer bytes but more requests are no loss, and no gain. */
static bool is_good(const struct storage_depth *p, u64 bytes, u64 parts)
{
	bool less = bytes < p->bytes - p->bytes / CHANGE && parts < p->parts - p->parts / CHANGE;
	bool more = (bytes > p->bytes + p->bytes / CHANGE && parts >= p->parts) ||
		(parts > p->parts + p->parts / CHANGE && bytes >= p->bytes);

	return p->up ? more : !less;
}

static void window_end(struct storage_depth *p, u32 all, u32 flying, u64 now)
{
	u64 bytes = mul_div(p->done_bytes, timebase.tsc_hz, now - p->since);
	u64 parts = mul_div(p->done_parts * 1000ul, timebase.tsc_hz, now - p->since);

	if (p->phase == DEPTH_BEFORE) {
		p->bytes = bytes;
		p->parts = parts;
		p->phase = DEPTH_AFTER;
		window_begin(p, target(p, all), flying);
	} else if (!is_good(p, bytes, parts)) {
		turn_round(p, now);
	} else if (++p->wins < TIMES) {
		pair_begin(p, flying);
	} else {
		p->wins = 0;
		p->proven = p->bound;
		p->good = p->limit;
		if (target(p, all) == p->good)
			turn_round(p, now);
		else
			pair_begin(p, flying);
	}
}

static bool window_over(const struct storage_depth *p, u64 elapsed)
{
	return (p->done_parts >= WINDOW_PARTS && elapsed >= ns_to_ticks(WINDOW_NS)) || elapsed >= ns_to_ticks(WINDOW_MAX_NS);
}

/* Is it time to try? Also at once, when a limit that never kept anybody from asking begins to. */
static bool is_due(struct storage_depth *p, u32 all, u64 now)
{
	if (p->bound && !p->proven && p->good < all) {
		p->up = p->proven = true;
		return true;
	}
	if (now < p->next)
		return false;
	if (target(p, all) == p->good)
		p->up = !p->up;
	return true;
}

u32 depth_limit(struct storage_depth *p, u32 all, u32 busy, u32 flying, u64 now)
{
	if (busy <= 1 && p->limit == all && p->phase == DEPTH_HOLDS)
		return all;
	if (!p->good)
		p->good = all;
	if (busy > 1)
		p->contended = now;
	else if (now - p->contended > ns_to_ticks(ALONE_NS)) {
		p->phase = DEPTH_HOLDS;
		return p->limit = all;
	}
	if (p->phase == DEPTH_HOLDS) {
		p->limit = p->good;
		if (is_due(p, all, now))
			pair_begin(p, flying);
	} else if (!p->skip && !p->since) {
		p->since = now;
		p->done_parts = 0;
		p->done_bytes = 0;
	} else if (p->since && window_over(p, now - p->since)) {
		window_end(p, all, flying, now);
	}
	return p->limit;
}

void depth_done(struct storage_depth *p, u64 bytes)
{
	if (p->skip) {
		p->skip--;
		return;
	}
	p->done_parts++;
	p->done_bytes += bytes;
}
