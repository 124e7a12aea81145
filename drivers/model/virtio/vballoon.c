/* SPDX-License-Identifier: Apache-2.0 */
#include "vballoon.h"

#include <hv/atomic.h>
#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/time.h>

#include "../models.h"

enum vballoon_feature { BALLOON_F_STATS_VQ = 1, BALLOON_F_DEFLATE_ON_OOM = 2, BALLOON_F_PAGE_REPORTING = 5 };
enum vballoon_config { NUM_PAGES = 0, ACTUAL = 4, CONFIG_SIZE = 8 };
enum vballoon_job { INFLATE, DEFLATE, STATS, REPORT, NOTHING };

#define QUEUES 5u
#define PFN_SHIFT 12
#define PFNS_MAX 4096u			/* of one request: drivers send 256 or 1,024 */
#define PFNS_AT_ONCE 64u
#define STATS_MAX 64u			/* entries of one request; there are 16 kinds in the newest drivers */
#define TURN_REQUESTS 16u

struct stat_entry {
	u16 kind;
	u64 val;
} PACKED;

/* The standard numbers the queues of features that were not taken too, so that reports come by queue 4; Linux leaves
 * them out, and they come by 3 or 2. Each of these has one meaning only. */
static enum vballoon_job job_of(const struct virtio_device *d, u32 queue)
{
	if (queue <= DEFLATE)
		return queue;
	if (queue == STATS && virtio_has(d, BALLOON_F_STATS_VQ))
		return STATS;
	return virtio_has(d, BALLOON_F_PAGE_REPORTING) ? REPORT : NOTHING;
}

/* Every page of the list is in RAM. */
static bool pages_fit(const struct guest *g, const struct virtq_chain *c, u64 count)
{
	u32 pfn[PFNS_AT_ONCE];

	for (u64 at = 0; at < count; at += PFNS_AT_ONCE) {
		u64 n = MIN(count - at, PFNS_AT_ONCE);

		virtq_copy_from(c, 0, c->readable, at * sizeof(*pfn), pfn, n * sizeof(*pfn));
		for (u32 i = 0; i < n; i++)
			if (!gmem_ptr(g, GPA((u64)pfn[i] << PFN_SHIFT), PAGE_SIZE))
				return false;
	}
	return true;
}

static int move_pages(struct vballoon *b, struct virtq *q, const struct virtq_chain *c, bool in)
{
	const struct guest *g = b->d.f.g;
	u64 count = c->read_bytes / sizeof(u32);

	if (c->writable || c->read_bytes % sizeof(u32) || count > PFNS_MAX)
		return virtq_break(q, "form of a list of pages");
	if (!pages_fit(g, c, count))
		return virtq_break(q, "page outside of RAM");
	if (in && count > (g->ram_low + g->ram_high) / PAGE_SIZE - b->held)
		return virtq_break(q, "more pages in the balloon than there are");
	if (!in && count > b->held)
		return virtq_break(q, "more pages out of the balloon than went in");
	b->held += in ? count : -count;
	*(in ? &b->pages_in : &b->pages_out) += count;
	return 1;
}

static int take_report(struct vballoon *b, struct virtq *q, const struct virtq_chain *c)
{
	if (c->readable)
		return virtq_break(q, "report with memory to read");
	for (u32 i = 0; i < c->writable; i++)
		if (!IS_ALIGNED((u64)(c->piece[i].at - b->d.f.g->ram) | c->piece[i].len, PAGE_SIZE))
			return virtq_break(q, "report of less than a page");
	b->reports++;
	b->reported_bytes += c->write_bytes;
	return 1;
}

/* The buffer stays here until somebody wants to know more. */
static int take_stats(struct vballoon *b, struct virtq *q, const struct virtq_chain *c)
{
	u64 count = MIN(c->read_bytes / sizeof(struct stat_entry), STATS_MAX);

	if (c->writable || b->stats_waits)
		return virtq_break(q, c->writable ? "statistics with memory to write" : "statistics that nobody asked for");
	for (u64 i = 0; i < count; i++) {
		struct stat_entry e;

		virtq_copy_from(c, 0, c->readable, i * sizeof(e), &e, sizeof(e));
		if (e.kind >= BALLOON_STATS)
			continue;
		store_relaxed(&b->stat[e.kind], e.val);
		b->stats_known |= BIT32(e.kind);
	}
	b->stats_buffer.id = c->id;
	b->stats_buffer.slots = c->slots;
	b->stats_waits = true;
	b->stats_count++;
	store_relaxed(&b->stats_tsc, pc_now());
	return 1;
}

/* One request, as virtq_take() returns it. */
static int serve_one(struct vballoon *b, u32 queue)
{
	struct virtq *q = &b->d.queue[queue];
	enum vballoon_job job = job_of(&b->d, queue);
	struct virtq_chain c;
	int got = virtq_take(q, &c);

	if (got <= 0)
		return got;
	switch (job) {
	case INFLATE:
	case DEFLATE:	got = move_pages(b, q, &c, job == INFLATE); break;
	case STATS:	return take_stats(b, q, &c);
	case REPORT:	got = take_report(b, q, &c); break;
	default:	got = virtq_break(q, "queue of a feature that was not taken"); break;
	}
	if (got > 0)
		virtq_give(q, &c, 0);
	return got;
}

static void kicked(struct virtio_device *d, u32 queue)
{
	struct vballoon *b = container_of(d, struct vballoon, d);
	struct virtq *q = &d->queue[queue];
	int got = 1;

	for (u32 i = 0; got > 0 && i < TURN_REQUESTS; i++) {
		got = serve_one(b, queue);
		if (!got && virtq_listen(q))
			got = 1;
	}
	if (got < 0)
		virtio_fail(d, queue);
	virtio_flush(d, queue);
	if (got > 0)
		virtio_again(d, queue);
}

/* Linux puts up the buffer of its statistics, and kicks, before it says DRIVER_OK. */
static void started(struct virtio_device *d)
{
	if (job_of(d, STATS) == STATS && virtio_queue_ready(d, STATS))
		kicked(d, STATS);
}

static void target_set(struct vballoon *b)
{
	store_relaxed(&b->target, load_relaxed(&b->d.f.g->balloon_pages));
	memcpy(b->d.config + NUM_PAGES, &b->target, sizeof(b->target));
}

/* The target is the operator's, not the driver's: it stays. */
static void reset(struct virtio_device *d)
{
	struct vballoon *b = container_of(d, struct vballoon, d);

	b->held = 0;
	b->stats_waits = false;
	memset(d->config + ACTUAL, 0, sizeof(b->actual));
	store_relaxed(&b->actual, 0);
	target_set(b);
}

static void queue_reset(struct virtio_device *d, u32 queue)
{
	if (job_of(d, queue) == STATS)
		container_of(d, struct vballoon, d)->stats_waits = false;
}

static void config_written(struct virtio_device *d, u32 off, u32 size)
{
	struct vballoon *b = container_of(d, struct vballoon, d);
	u32 val;

	(void)off;
	(void)size;
	memcpy(&val, d->config + ACTUAL, sizeof(val));
	store_relaxed(&b->actual, val);
}

void vballoon_event(struct vballoon *b)
{
	if (!b->d.kind)
		return;
	if (b->target != load_relaxed(&b->d.f.g->balloon_pages)) {
		target_set(b);
		virtio_config_changed(&b->d);
	}
	if (!b->stats_waits || !virtio_queue_ready(&b->d, STATS))
		return;
	b->stats_waits = false;
	virtq_give(&b->d.queue[STATS], &b->stats_buffer, 0);
	virtio_flush(&b->d, STATS);
}

static size_t describe_stats(const struct vballoon *b, char *to, size_t size)
{
	static const struct {
		const char *words;
		bool bytes;
	} kind[BALLOON_STATS] = { { "swapped in", true }, { "swapped out", true }, { "major faults", false },
		{ "minor faults", false }, { "free", true }, { "in all", true }, { "available", true }, { "caches", true } };
	u64 then = load_relaxed(&b->stats_tsc), age = ticks_to_ns(MAX(pc_now(), then) - then) / NS_PER_S;
	size_t used = (size_t)fmt_print(to, size, "\nstatistics of %lu s ago:", age);

	for (u32 i = 0; i < BALLOON_STATS && used < size; i++) {
		u64 val = load_relaxed(&b->stat[i]);
		char text[24];

		if (!(load_relaxed(&b->stats_known) >> i & 1))
			continue;
		if (kind[i].bytes)
			fmt_bytes(text, sizeof(text), val);
		else
			fmt_print(text, sizeof(text), "%lu", val);
		used += (size_t)fmt_print(to + used, size - used, " %s %s,", kind[i].words, text);
	}
	return used + (size_t)fmt_print(to + used, size - used, " told %lu times", load_relaxed(&b->stats_count));
}

static void describe(const struct virtio_device *d, char *to, size_t size)
{
	const struct vballoon *b = container_of(d, const struct vballoon, d);
	char target[24], held[24], actual[24], reported[24];
	size_t used;

	used = (size_t)fmt_print(to, size, "balloon: %s asked for, %s in it (its driver says %s), %lu pages in, %lu out; "
				 "%s told free in %lu reports",
				 fmt_bytes(target, sizeof(target), (u64)load_relaxed(&b->target) * PAGE_SIZE),
				 fmt_bytes(held, sizeof(held), load_relaxed(&b->held) * PAGE_SIZE),
				 fmt_bytes(actual, sizeof(actual), (u64)load_relaxed(&b->actual) * PAGE_SIZE),
				 load_relaxed(&b->pages_in), load_relaxed(&b->pages_out),
				 fmt_bytes(reported, sizeof(reported), load_relaxed(&b->reported_bytes)),
				 load_relaxed(&b->reports));
	if (load_relaxed(&b->stats_count))
		describe_stats(b, to + used, size - used);
}

static const struct virtio_kind balloon_kind = {
	.pci = VIRTIO_PCI_DESC("virtio-balloon", 5, 0x00ff00u, QUEUES + 1), .config_size = CONFIG_SIZE,
	.kicked = kicked, .started = started, .reset = reset, .queue_reset = queue_reset, .config_written = config_written,
	.describe = describe,
};

int vballoon_add(struct guest *g, struct vballoon *b)
{
	u64 features = BIT(BALLOON_F_STATS_VQ) | BIT(BALLOON_F_DEFLATE_ON_OOM) | BIT(BALLOON_F_PAGE_REPORTING);

	memset(b->d.config_mask + ACTUAL, 0xff, sizeof(b->actual));
	return virtio_add(g, &b->d, &balloon_kind, features, QUEUES, VIRTIO_SLOT_BALLOON);
}
