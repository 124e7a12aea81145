/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/client.c hv/storage/cut.c hv/storage/depth.c hv/storage/queue.c hv/storage/disks.c hv/lib/format.c */
/* The block layer between clients that ask for anything and a disk that answers anything, in any order, and goes. The input says
 * what the disk can do, then what happens. Each sector has contents of its own (its number in each word): what is written must be
 * that, where it belongs, and what a read that went well gave must be, too. Every request is answered once; nothing is left over. */
#include <stdlib.h>
#include <string.h>

#include <hv/control_work.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>
#undef assert

#include <hv/storage/storage.h>
#include "../unit/hv/storage/no_snapshots.h"

bool copy_turn(void) { return false; }
bool wipe_turn(void) { return false; }

#define SECTORS 4096u
#define CLIENTS 3u
#define REQUESTS 48u
#define BYTES (96 * KiB)		/* of a request, at most */
#define PIECES 12u
#define MUST(x) do { if (!(x)) abort(); } while (0)

struct timebase timebase = { .tsc_hz = 1000000000 };

struct ask {
	struct storage_request rq;
	struct storage_piece piece[PIECES];
	u8 *memory;
	bool busy;
};

static struct disk hardware;
static struct storage_client client[CLIENTS];
static struct ask ask[REQUESTS];
static struct disk_request *flying[SLOTS_MAX + 1];
static u32 flying_count, room;
static const u8 *in;
static size_t left;
static u64 now;
static bool there;

u64 mul_div(u64 ticks, u64 num, u64 den) { return (u64)((unsigned __int128)ticks * num / den); }
void log_write(enum log_level level, const char *fmt, ...) { }
void control_work_by(u64 tsc) { }
void control_work_wake(u32 id) { }
void control_work_look_all(void) { }
void control_work_ring(void) { }
bool control_work_poll(u64 n) { return false; }
int control_work_add(const struct control_work *w) { return 0; }
u32 pci_count(void) { return 0; }
struct host_pci *pci_at(u32 i) { return NULL; }
void *pool_alloc(u64 pages, enum pool_owner owner)
{
	void *p = aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE);

	return memset(p, 0, pages * PAGE_SIZE);
}
hpa_t pool_hpa(const void *p) { return HPA(p); }
int gpt_job_init(struct storage_disk *s) { return 0; }
void gpt_job_read(struct storage_disk *s) { }
bool gpt_job_run(struct storage_disk *s) { return false; }
void gpt_job_forget(struct storage_disk *s) { }
bool gpt_job_settled(const struct storage_disk *s) { return true; }
void snap_look(struct storage_disk *s) { }
void volumes_update(struct storage_disk *s, const struct gpt *g, const u8 *entries) { }

static u32 byte(void)
{
	if (!left)
		return 0;
	left--;
	return *in++;
}

static void contents(u8 *to, u64 sector)
{
	for (u32 i = 0; i < 512; i += 8)
		memcpy(to + i, &(u64){ sector + 1 }, 8);
}

static bool is_contents(const u8 *p, u64 sector)
{
	u8 want[512];

	contents(want, sector);
	return !memcmp(p, want, 512);
}

/* One sector of a disk's request, byte by byte over its pieces. */
static void gather(const struct disk_request *r, u64 sector, u8 *bytes, bool to_memory)
{
	u64 skip = sector * 512, n = 512;

	for (u32 i = 0; i < r->pieces && n; i++) {
		u64 len = r->piece[i].len, now_bytes;
		u8 *at = (u8 *)r->piece[i].hpa;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		now_bytes = MIN(len - skip, n);
		if (to_memory)
			memcpy(at + skip, bytes, now_bytes);
		else
			memcpy(bytes, at + skip, now_bytes);
		bytes += now_bytes;
		n -= now_bytes;
		skip = 0;
	}
	MUST(!n);
}

static void check_pieces(const struct disk *d, const struct disk_request *r)
{
	u64 bytes = 0;

	MUST(r->pieces && r->pieces <= d->pieces_max && r->sectors * 512 <= d->bytes_max);
	for (u32 i = 0; i < r->pieces; i++) {
		const struct dma_piece *p = &r->piece[i];

		MUST(p->len && IS_ALIGNED(p->hpa | p->len, d->dma_align));
		MUST(!d->page_pieces || !i || IS_ALIGNED(p->hpa, PAGE_SIZE));
		MUST(!d->page_pieces || i + 1 == r->pieces || IS_ALIGNED(p->hpa + p->len, PAGE_SIZE));
		bytes += p->len;
	}
	MUST(bytes == r->sectors * 512);
}

static int submit(struct disk *d, struct disk_request *r)
{
	u8 got[512], zero[512] = { 0 };

	MUST(there);
	if (flying_count >= room)
		return -E_AGAIN;
	MUST(flying_count < SLOTS_MAX);
	if (r->op != BLOCK_FLUSH)
		MUST(r->sectors && r->sector < SECTORS && r->sectors <= SECTORS - r->sector &&
		     !((r->sector | r->sectors) % (d->sector_size / 512)));
	MUST(r->op != BLOCK_ZERO || d->zero);
	MUST(r->op != BLOCK_DISCARD || d->discard);
	MUST(!r->fua || d->fua);
	MUST(r->op == BLOCK_READ || r->op == BLOCK_FLUSH || !d->readonly);
	if (r->op == BLOCK_READ || r->op == BLOCK_WRITE)
		check_pieces(d, r);
	for (u64 i = 0; r->op == BLOCK_WRITE && i < r->sectors; i++) {
		gather(r, i, got, false);
		MUST(is_contents(got, r->sector + i) || !memcmp(got, zero, 512));
	}
	flying[flying_count++] = r;
	return 0;
}

static const struct disk_ops ops = { .submit = submit };

static void answer(u32 nr, enum disk_result result)
{
	struct disk_request *r = flying[nr];
	u8 sector[512];

	flying[nr] = flying[--flying_count];
	for (u64 i = 0; r->op == BLOCK_READ && result == DISK_OK && i < r->sectors; i++) {
		contents(sector, r->sector + i);
		gather(r, i, sector, true);
	}
	r->done(r, result);
}

/* Its client may be bound elsewhere by now: the place is that of the time when it was asked, kept behind the memory. */
static void done(struct storage_request *rq, enum block_result result)
{
	struct ask *a = container_of(rq, struct ask, rq);
	u64 first;
	u8 *at = a->memory;

	MUST(a->busy);
	a->busy = false;
	memcpy(&first, a->memory + BYTES, 8);
	if (rq->op == BLOCK_READ && result == BLOCK_OK) {
		u8 all[BYTES];
		u64 n = 0;

		for (u32 i = 0; i < rq->pieces; n += rq->piece[i++].len)
			memcpy(all + n, rq->piece[i].at, rq->piece[i].len);
		for (u64 i = 0; i < rq->sectors; i++)
			MUST(is_contents(all + i * 512, first + rq->sector + i));
	}
	free(at);
	a->memory = NULL;
}

/* Memory in pieces of odd sizes that lie apart: the data are only right when each byte goes where it belongs. */
static u32 cut_memory(struct ask *a, u64 bytes)
{
	u32 n = 0, at = byte() % 64 * 8;

	while (bytes && n < PIECES) {
		u32 word = byte(), len = n == PIECES - 1 ? (u32)bytes : (word & 7) ? (word & 7) * 512 : 1 + word * 13;

		len = (u32)MIN(len, bytes);
		if (at + len > BYTES)
			break;
		a->piece[n++] = (struct storage_piece){ a->memory + at, (u64)(a->memory + at), len };
		bytes -= len;
		at += len + (word & 0x80 ? 24 : 0);
	}
	return n;
}

static void fill_writes(struct ask *a, u64 first)
{
	static u8 all[BYTES + 512];
	u64 n = 0, bytes = a->rq.sectors * 512;

	for (u64 i = 0; i * 512 < MIN(bytes, BYTES); i++)
		contents(all + i * 512, first + a->rq.sector + i);
	for (u32 i = 0; i < a->rq.pieces && n < BYTES; n += a->piece[i++].len)
		memcpy(a->piece[i].at, all + n, MIN(a->piece[i].len, BYTES - n));
}

static void submit_one(void)
{
	struct storage_client *c = &client[byte() % CLIENTS];
	struct ask *a = &ask[byte() % REQUESTS];
	u32 how = byte();
	u64 sectors = 1 + byte() % 64;

	if (a->busy || !c->open)
		return;
	a->memory = aligned_alloc(PAGE_SIZE, BYTES + PAGE_SIZE);
	memset(a->memory, 0xee, BYTES);
	memcpy(a->memory + BYTES, &c->first, 8);
	if (how & 0x40)		/* whole sectors of a large kind, more often than chance would */
		sectors = ALIGN_UP(sectors, 8);
	a->rq = (struct storage_request){ .op = (enum block_op)(how % 5), .fua = how & 0x20, .now = how & 0x80, .sectors = sectors,
		.piece = a->piece, .sector = (u64)byte() << (how & 0x40 ? 3 : 0), .done = done };
	a->rq.pieces = cut_memory(a, sectors * 512);
	if (a->rq.op == BLOCK_FLUSH)
		a->rq.sectors = 0;
	if (a->rq.op == BLOCK_WRITE)
		fill_writes(a, c->first);
	a->busy = true;
	storage_submit(c, &a->rq);
}

static void go_away(void)
{
	if (!there)
		return;
	while (flying_count)
		answer(byte() % flying_count, DISK_GONE);
	hardware.gone = true;
	disk_gone(&hardware);
	there = false;
}

static void come_back(void)
{
	if (there)
		return;
	while (storage_poll(now))
		;
	hardware.gone = false;
	there = true;
	MUST(!disk_add(&hardware));
	for (u32 i = 0; i < CLIENTS; i++)
		if (client[i].open && !client[i].disk)
			storage_bind(&client[i], hardware.owner, 104 + i * 1000, 896);
}

static void reopen(struct storage_client *c)
{
	if (c->open) {
		storage_close(c);
		return;
	}
	c->readonly = byte() & 1;
	c->weight = byte() * 4;
	c->iops = byte() & 3 ? 0 : 20 + byte();
	c->bandwidth = byte() & 3 ? 0 : 100000;
	storage_open(c, there ? hardware.owner : NULL, 104 + (u64)(c - client) * 1000, 896);
}

static void make_disk(void)
{
	static const u32 aligns[] = { 1, 4, 512, 2 };
	u32 how = byte();

	hardware = (struct disk){ .ops = &ops, .name = "toy", .sectors = SECTORS, .sector_size = how & 1 ? 4096 : 512,
		.depth = 1 + byte() % 40, .pieces_max = 1 + byte() % DISK_PIECES_MAX, .bytes_max = 4096 << (how >> 1 & 7),
		.dma_align = aligns[how >> 4 & 3], .write_cache = how & 64, .page_pieces = how & 128 };
	how = byte();
	hardware.fua = how & 1;
	hardware.discard = how & 2;
	hardware.zero = how & 4;
	hardware.readonly = (how & 0x18) == 0x18;
	hardware.dma_align = MIN(hardware.dma_align, 512u);
}

static bool any_busy(void)
{
	for (u32 i = 0; i < REQUESTS; i++)
		if (ask[i].busy)
			return true;
	return false;
}

static void settle(void)
{
	for (u32 i = 0; i < 10000; i++) {
		room = SLOTS_MAX;
		now += NS_PER_S;	/* no limit holds anything back for ever */
		storage_poll(now);
		if (!flying_count && !storage_answers && !any_busy())
			break;
		while (flying_count)
			answer(0, DISK_OK);
	}
	MUST(!any_busy());
}

static void event(void)
{
	u32 what = byte();

	if (what < 130)
		submit_one();
	else if (what < 200 && flying_count)
		answer(byte() % flying_count, (what & 3) ? DISK_OK : (enum disk_result)(byte() % (DISK_FAILED + 1)));
	else if (what < 230)
		storage_poll(now += byte() * 1000000);
	else if (what < 240)
		room = byte() % (SLOTS_MAX + 1);
	else if (what < 246)
		reopen(&client[byte() % CLIENTS]);
	else if (what < 248)
		go_away();
	else if (!there)
		come_back();
	else if (client[what % CLIENTS].open)
		storage_fail_queued(&client[what % CLIENTS]);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	in = data;
	left = size;
	room = SLOTS_MAX;
	bounce_init();
	memset(client, 0, sizeof(client));
	make_disk();
	there = true;
	MUST(!disk_add(&hardware));
	for (u32 i = 0; i < CLIENTS; i++)
		storage_open(&client[i], hardware.owner, 104 + i * 1000, 896);
	while (left)
		event();
	settle();
	for (u32 i = 0; i < CLIENTS; i++)
		MUST(!client[i].open || !storage_close(&client[i]));
	go_away();
	storage_poll(now);
	for (u32 i = 0; i < DISKS_MAX; i++)
		MUST(!storage_disk_table[i].d);
	return 0;
}
