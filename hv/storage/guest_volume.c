/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes as guests' disks, stores of the control core's (hv/block.h): what a guest asks for becomes a request to the block layer,
 * its memory stays where it is. A guest has its volumes open from its start until it has ended for good. */
#include "storage.h"

#include <hv/block.h>
#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>

#define WORKS BLOCK_REMOTE_MAX
#define PIECES_MAX (66u + GUEST_RANGES_MAX)	/* of a chain, and where RAM is in several parts */
#define PHYSICAL_SHIFT 3			/* log2 of 4096 / 512 */

struct guest_volume;

struct work {
	struct storage_request rq;
	struct guest_volume *volume;
	struct block_request *asked;	/* null: free */
	struct storage_piece piece[PIECES_MAX];
};

struct guest_volume {
	struct storage_client client;
	struct guest *g;
	struct block_store *store;
	const struct plan_disk *plan;
	struct guest_volume *next;	/* of the same guest */
	struct work *work;		/* WORKS of them */
	u64 free;
};

static struct guest_volume *volumes_of[PLAN_GUESTS_MAX];

static void work_done(struct storage_request *rq, enum block_result result)
{
	struct work *w = container_of(rq, struct work, rq);
	struct guest_volume *v = w->volume;
	struct block_request *asked = w->asked;

	w->asked = NULL;
	v->free |= BIT(w - v->work);
	asked->done(asked, result);
}

/* Where one piece of the guest's memory, seen through its window, is for devices. false: no RAM, or in too many parts. */
static bool add_piece(struct work *w, const struct guest *g, const struct gmem_piece *p)
{
	struct dma_piece dma[GUEST_RANGES_MAX];
	u64 gpa = (u64)(p->at - g->window);
	u8 *at = p->at;
	u32 n;

	if (LIKELY(window_low(g, gpa, p->len) && w->rq.pieces < PIECES_MAX)) {
		w->piece[w->rq.pieces++] = (struct storage_piece){ .at = at, .hpa = g->range[0].hpa.v + gpa, .len = p->len };
		return true;
	}
	n = window_dma(g, GPA(gpa), p->len, dma, ARRAY_COUNT(dma));
	if (!n || n > PIECES_MAX - w->rq.pieces)
		return false;
	for (u32 i = 0; i < n; at += dma[i++].len)
		w->piece[w->rq.pieces++] = (struct storage_piece){ .at = at, .hpa = dma[i].hpa, .len = dma[i].len };
	return true;
}

static bool work_fill(struct work *w, const struct guest *g, const struct block_request *asked)
{
	w->rq = (struct storage_request){ .op = asked->op, .sector = asked->sector, .sectors = asked->sectors, .piece = w->piece,
		.now = !asked->more, .done = work_done };
	if (!storage_is_data(asked->op))
		return true;
	for (u32 i = 0; i < asked->pieces; i++)
		if (!add_piece(w, g, &asked->piece[i]))
			return false;
	return true;
}

static void submit(struct block_store *s, struct block_request *asked)
{
	struct guest_volume *v = s->backend;
	struct work *w;

	assert(v->free);
	w = &v->work[__builtin_ctzl(v->free)];
	if (!v->client.open || !work_fill(w, v->g, asked)) {
		asked->done(asked, BLOCK_FAILED);
		return;
	}
	v->free &= v->free - 1;
	w->asked = asked;
	storage_submit(&v->client, &w->rq);
}

/* What no disk has begun is not begun any more. */
static void cancel(struct block_store *s)
{
	storage_fail_queued(&((struct guest_volume *)s->backend)->client);
}

static void settled(struct storage_client *c)
{
	struct block_store *s = container_of(c, struct guest_volume, client)->store;

	if (s->settled)
		s->settled(s);
}

static const struct block_ops volume_ops = { .submit = submit, .cancel = cancel };

int guest_volume_attach(struct guest *g, struct block_store *s, const struct plan_disk *plan, const char *serial)
{
	u64 pages = ALIGN_UP(sizeof(struct guest_volume), PAGE_SIZE) / PAGE_SIZE;
	u64 work_pages = ALIGN_UP(WORKS * sizeof(struct work), PAGE_SIZE) / PAGE_SIZE;
	struct guest_volume *v = pool_alloc(pages, POOL_GUEST);

	if (!v)
		return -E_NOMEM;
	v->work = pool_alloc(work_pages, POOL_GUEST);
	if (!v->work)
		return -E_NOMEM;
	for (u32 i = 0; i < WORKS; i++)
		v->work[i].volume = v;
	v->free = BIT(WORKS) - 1;
	v->g = g;
	v->store = s;
	v->plan = plan;
	v->next = volumes_of[g->index];
	volumes_of[g->index] = v;
	*s = (struct block_store){ .ops = &volume_ops, .backend = v, .remote = true, .readonly = plan->readonly,
		.physical_shift = PHYSICAL_SHIFT };
	str_copy(s->serial, sizeof(s->serial), serial);
	fmt_print(v->client.name, sizeof(v->client.name), "%s.%s", g->name, serial);
	v->client.readonly = plan->readonly;
	v->client.weight = plan->weight;
	v->client.iops = plan->iops;
	v->client.bandwidth = plan->bandwidth;
	v->client.settled = settled;
	return 0;
}

void guest_volumes_forget(const struct guest *g)
{
	for (const struct guest_volume *v = volumes_of[g->index]; v; v = v->next)
		assert(!v->client.open);
	volumes_of[g->index] = NULL;
}

bool guest_volumes_closed(const struct guest *g)
{
	for (const struct guest_volume *v = volumes_of[g->index]; v; v = v->next)
		if (v->client.open)
			return false;
	return true;
}

/* The plan says that the guest can do without: it sees a disk without sectors. */
static const char *leave_empty(struct guest_volume *v, const char *why_not)
{
	v->store->sectors = 0;
	v->store->logical_shift = 0;
	log_notice("guest %s: %s is empty: %s", v->g->name, v->store->serial, why_not);
	return NULL;
}

/* As the disk below is, so that nobody asks for half of one of its sectors. */
static void show_geometry(struct block_store *s, const struct storage_client *c)
{
	const struct disk *d = storage_disk_hardware(c->disk);
	u32 logical = MAX(d->sector_size, BLOCK_SECTOR), physical = MAX(d->physical_size, logical);

	s->logical_shift = (u8)__builtin_ctz(logical / BLOCK_SECTOR);
	s->physical_shift = (u8)__builtin_ctz(physical / BLOCK_SECTOR);
	s->sectors = ALIGN_DOWN(c->sectors, (u64)logical / BLOCK_SECTOR);
}

static const char *open_one(struct guest_volume *v)
{
	static char why[160], why_not[120];
	struct volume *volume;
	int err;

	if (v->client.open && v->client.disk)
		return NULL;
	if (v->client.open && volume_close(&v->client))
		return "a disk still works for it";
	volume = volume_find(v->plan->volume, why_not, sizeof(why_not));
	if (!volume && v->plan->optional && !volume_is_there(v->plan->volume))
		return leave_empty(v, why_not);
	err = volume ? volume_open(&v->client, volume) : 0;
	if (!volume)
		fmt_print(why, sizeof(why), "%s", why_not);
	else if (err == -E_BUSY)
		fmt_print(why, sizeof(why), "volume \"%s\" is in use, and one of its users writes to it", v->plan->volume);
	else if (err == -E_NOENT)
		fmt_print(why, sizeof(why), "volume \"%s\" was never filled to its end: delete it", v->plan->volume);
	else if (err == -E_AGAIN)
		fmt_print(why, sizeof(why), "volume \"%s\": its snapshots are being read: try again", v->plan->volume);
	else if (err == -E_INVAL)
		fmt_print(why, sizeof(why), "volume \"%s\": its snapshots cannot be used: `volume snapshots` says why",
			  v->plan->volume);
	else if (err)
		fmt_print(why, sizeof(why), "volume \"%s\" cannot be opened for writing: %s", v->plan->volume,
			  volume->type == VOLUME_SNAPSHOT ? "it is a snapshot" : "its disk takes no writes");
	if (!volume || err)
		return why;
	show_geometry(v->store, &v->client);
	return NULL;
}

const char *guest_volumes_open(const struct guest *g)
{
	const char *why = NULL;

	for (struct guest_volume *v = volumes_of[g->index]; v && !why; v = v->next)
		why = open_one(v);
	if (why)
		guest_volumes_close(g);
	return why;
}

void guest_volumes_close(const struct guest *g)
{
	for (struct guest_volume *v = volumes_of[g->index]; v; v = v->next)
		if (v->client.open)
			volume_close(&v->client);
}

void guest_volumes_bytes(const struct guest *g, u64 *read, u64 *written)
{
	*read = *written = 0;
	for (const struct guest_volume *v = volumes_of[g->index]; v; v = v->next) {
		*read += v->client.stats.read_bytes;
		*written += v->client.stats.written_bytes;
	}
}
