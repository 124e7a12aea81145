/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/client.c hv/storage/cut.c hv/storage/depth.c hv/storage/queue.c hv/storage/disks.c hv/lib/format.c */
/* The block layer on a disk in memory with a volatile cache, that answers late, in any order, and with errors: what clients
 * read is what they wrote, what was flushed is on the medium, limits and shares hold, and every request ends once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "no_snapshots.h"

#include <hv/control_work.h>
#include <hv/log.h>
#include <hv/pci.h>
#include <hv/pool.h>
#include <hv/time.h>

#define DISK_BYTES (4 * MiB)
#define DEPTH 8u
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

struct timebase timebase = { .tsc_hz = 1000000000 };
static u64 noise_state;
static struct { u32 pauses; } seen;

/* --- the surroundings --- */

void assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "assertion %s in %s:%d\n", what, file, line);
	abort();
}

u64 mul_div(u64 a, u64 num, u64 den)
{
	return (u64)((unsigned __int128)a * num / den);
}

void *pool_alloc(u64 count, enum pool_owner owner)
{
	void *p = aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);

	memset(p, 0, count * PAGE_SIZE);
	return p;
}

/* DMA addresses are pointers here. */
hpa_t pool_hpa(const void *p)
{
	return HPA((u64)p);
}

u32 pci_count(void)
{
	return 0;
}

struct host_pci *pci_at(u32 index)
{
	return NULL;
}

int control_work_add(const struct control_work *w)
{
	return 0;
}

bool control_work_poll(u64 now)
{
	return storage_poll(now);
}

void control_work_ring(void)
{
}

void control_work_wake(u32 id)
{
}

void control_work_look_all(void)
{
}

void control_work_by(u64 tsc)
{
	seen.pauses++;
}

void log_write(enum log_level level, const char *fmt, ...)
{
}

int gpt_job_init(struct storage_disk *s)
{
	return 0;
}

void gpt_job_read(struct storage_disk *s)
{
}

bool gpt_job_run(struct storage_disk *s)
{
	return false;
}

void gpt_job_forget(struct storage_disk *s)
{
}

bool copy_turn(void)
{
	return false;
}

bool wipe_turn(void)
{
	return false;
}

bool gpt_job_settled(const struct storage_disk *s)
{
	return true;
}

void volumes_update(struct storage_disk *s, const struct gpt *g, const u8 *entries)
{
}

void snap_look(struct storage_disk *s)
{
}

static u32 noise(void)
{
	noise_state = noise_state * 6364136223846793005ul + 1442695040888963407ul;
	return (u32)(noise_state >> 33);
}

/* --- the disk --- */

static struct fake {
	struct disk d;
	u8 *cache, *medium;			/* what it would read, what a power cut leaves */
	struct disk_request *flying[SLOTS_MAX];
	u64 due[SLOTS_MAX];			/* each one's end, of a disk that takes its time */
	u32 count, submitted, most;
	u32 fail_every, result;			/* every nth request fails so */
	bool ordered;
	u64 pieces, requests;
} fake;

static void check_rules(const struct disk_request *rq)
{
	u64 bytes = 0;

	assert_true(rq->sector + rq->sectors <= fake.d.sectors);
	assert_int_equal(rq->sector % (fake.d.sector_size / 512), 0);
	assert_int_equal(rq->sectors % (fake.d.sector_size / 512), 0);
	if (rq->op != BLOCK_READ && rq->op != BLOCK_WRITE)
		return;
	assert_in_range(rq->pieces, 1, fake.d.pieces_max);
	for (u32 i = 0; i < rq->pieces; i++) {
		const struct dma_piece *p = &rq->piece[i];

		assert_true(p->len);
		assert_true(IS_ALIGNED(p->hpa | p->len, fake.d.dma_align));
		assert_true(!fake.d.page_pieces || !i || IS_ALIGNED(p->hpa, PAGE_SIZE));
		assert_true(!fake.d.page_pieces || i == rq->pieces - 1 || IS_ALIGNED(p->hpa + p->len, PAGE_SIZE));
		bytes += p->len;
	}
	assert_int_equal(bytes, rq->sectors * 512);
	assert_true(bytes <= fake.d.bytes_max);
}

/* A disk that works on `servers` requests at once, in the order in which they came: so long for each, so long for each sector. */
static struct { u64 now, free_at[32], request_ns, sector_ns; u32 servers, stalls; } work;

static u64 work_end(const struct disk_request *rq)
{
	u32 first = 0;

	for (u32 i = 0; i < work.servers; i++)
		if (work.free_at[i] < work.free_at[first])
			first = i;
	work.free_at[first] = MAX(work.free_at[first], work.now) + work.request_ns + rq->sectors * work.sector_ns;
	if (work.stalls && noise() % work.stalls == 0)
		work.free_at[first] += 300000000;
	return work.free_at[first];
}

static int fake_submit(struct disk *d, struct disk_request *rq)
{
	if (fake.count == fake.d.depth)
		return -E_AGAIN;
	check_rules(rq);
	rq->submitted = tsc_now();
	fake.due[fake.count] = work_end(rq);
	fake.flying[fake.count++] = rq;
	fake.most = MAX(fake.most, fake.count);
	fake.requests++;
	fake.pieces += rq->pieces;
	return 0;
}

static void carry_out(struct disk_request *rq)
{
	u64 at = rq->sector * 512;

	switch (rq->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		for (u32 i = 0; i < rq->pieces; at += rq->piece[i++].len) {
			if (rq->op == BLOCK_READ)
				memcpy((void *)rq->piece[i].hpa, fake.cache + at, rq->piece[i].len);
			else
				memcpy(fake.cache + at, (void *)rq->piece[i].hpa, rq->piece[i].len);
		}
		if (rq->op == BLOCK_WRITE && rq->fua)
			memcpy(fake.medium + rq->sector * 512, fake.cache + rq->sector * 512, rq->sectors * 512);
		break;
	case BLOCK_ZERO:
		memset(fake.cache + at, 0, rq->sectors * 512);
		break;
	case BLOCK_FLUSH:
		memcpy(fake.medium, fake.cache, DISK_BYTES);
		break;
	case BLOCK_DISCARD:
		memset(fake.cache + at, 0xdd, rq->sectors * 512);
		break;
	}
}

/* Answer one, any; false: none is there. */
static bool fake_answer(void)
{
	u32 i = fake.count && !fake.ordered ? noise() % fake.count : 0;
	struct disk_request *rq = fake.flying[i];
	enum disk_result result = DISK_OK;

	if (!fake.count)
		return false;
	memmove(&fake.flying[i], &fake.flying[i + 1], (fake.count - i - 1) * sizeof(rq));
	fake.count--;
	if (fake.fail_every && ++fake.submitted % fake.fail_every == 0)
		result = (enum disk_result)fake.result;
	else
		carry_out(rq);
	rq->done(rq, result);
	return true;
}

static const struct disk_ops ops = { .submit = fake_submit };

static int setup(void **state)
{
	noise_state = 1;
	memset(&seen, 0, sizeof(seen));
	memset(&fake, 0, sizeof(fake));
	fake.d = (struct disk){ .ops = &ops, .name = "fake", .sectors = DISK_BYTES / 512, .sector_size = 512, .physical_size = 4096,
		.depth = DEPTH, .pieces_max = DISK_PIECES_MAX, .bytes_max = 128 * KiB, .dma_align = 1, .write_cache = true, .discard = true,
		.zero = true };
	fake.cache = calloc(1, DISK_BYTES);
	fake.medium = calloc(1, DISK_BYTES);
	for (u32 i = 0; i < STORAGE_CLIENTS_MAX; i++)
		storage_client_table[i] = NULL;
	for (u32 i = 0; i < DISKS_MAX; i++)
		storage_disk_table[i].d = NULL;
	assert_int_equal(disk_add(&fake.d), 0);
	return 0;
}

static int teardown(void **state)
{
	free(fake.cache);
	free(fake.medium);
	return 0;
}

static struct storage_disk *place(void)
{
	return fake.d.owner;
}

/* --- a request with memory of its own --- */

struct ask {
	struct storage_request rq;
	struct storage_piece piece[12];
	u8 *memory;
	u32 ended;
	enum block_result result;
};

static void ended(struct storage_request *rq, enum block_result result)
{
	struct ask *a = container_of(rq, struct ask, rq);

	a->ended++;
	a->result = result;
}

/* Memory in so many pieces, each at an odd place where odd is set. */
static void ask_make(struct ask *a, enum block_op op, u64 sector, u64 sectors, u32 pieces, bool odd)
{
	u64 left = sectors * 512, at = odd ? 2 * (noise() % 300) : 0;

	*a = (struct ask){ .rq = { .op = op, .sector = sector, .sectors = sectors, .piece = a->piece, .done = ended } };
	a->memory = aligned_alloc(PAGE_SIZE, ALIGN_UP(left + 16 * KiB + 64, PAGE_SIZE));
	for (u32 i = 0; i < pieces && left; i++) {
		u64 some = odd ? 2 + 2 * (noise() % 3000) : ALIGN_UP(left / pieces, 512ul);
		u64 len = i == pieces - 1 ? left : MIN(left, some);

		a->piece[a->rq.pieces++] = (struct storage_piece){ a->memory + at, (u64)a->memory + at, (u32)len };
		at += len + (odd ? 2 * (noise() % 60) : 0);
		left -= len;
	}
	if (op == BLOCK_FLUSH)
		a->rq.pieces = 0;
}

static void ask_fill(struct ask *a, u8 first)
{
	u8 val = first;

	for (u32 i = 0; i < a->rq.pieces; i++)
		for (u32 k = 0; k < a->piece[i].len; k++)
			a->piece[i].at[k] = (u8)(val += 7);
}

static void ask_compare(const struct ask *a, const u8 *with)
{
	for (u32 i = 0; i < a->rq.pieces; with += a->piece[i++].len)
		assert_memory_equal(a->piece[i].at, with, a->piece[i].len);
}

static void ask_store(const struct ask *a, u8 *to)
{
	for (u32 i = 0; i < a->rq.pieces; to += a->piece[i++].len)
		memcpy(to, a->piece[i].at, a->piece[i].len);
}

static void settle(void)
{
	for (u32 n = 0; n < 100000; n++)
		if (!storage_poll(tsc_now()) && !fake_answer())
			return;
	fail_msg("it never ends");
}

static enum block_result one(struct storage_client *c, struct ask *a)
{
	storage_submit(c, &a->rq);
	settle();
	assert_int_equal(a->ended, 1);
	return a->result;
}

/* --- tests --- */

static void open_client(struct storage_client *c, u64 first, u64 sectors)
{
	memset(c, 0, sizeof(*c));
	assert_int_equal(storage_open(c, place(), first, sectors), 0);
}

/* Requests of every kind, several under way, on one range, beside a model of it. Ranges of requests under way do not touch. */
static void random_load(u32 rounds, bool odd, u32 pieces)
{
	static u8 model[DISK_BYTES];
	u32 per = fake.d.sector_size / 512;
	struct storage_client c;

	memset(model, 0, sizeof(model));
	open_client(&c, 64, 4096);
	for (u32 r = 0; r < rounds; r++) {
		struct ask a[8];
		u32 n = 1 + noise() % 8;

		for (u32 i = 0; i < n; i++) {
			u64 sector = i * 512 + per * (noise() % (256 / per)), sectors = per * (1 + noise() % (255 / per));
			enum block_op op = (enum block_op[]){ BLOCK_READ, BLOCK_READ, BLOCK_WRITE, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_ZERO }[noise() % 6];

			if (noise() % 4 == 0)
				sectors = per;
			ask_make(&a[i], op, op == BLOCK_FLUSH ? 0 : sector, op == BLOCK_FLUSH ? 0 : sectors, 1 + noise() % pieces, odd);
			if (op == BLOCK_ZERO)
				a[i].rq.pieces = 0;
			a[i].rq.now = noise() % 2;
			ask_fill(&a[i], (u8)noise());
			if (op == BLOCK_WRITE)
				ask_store(&a[i], model + sector * 512);
			if (op == BLOCK_ZERO)
				memset(model + sector * 512, 0, sectors * 512);
			storage_submit(&c, &a[i].rq);
			if (noise() % 2)
				storage_poll(tsc_now());
		}
		settle();
		for (u32 i = 0; i < n; i++) {
			assert_int_equal(a[i].ended, 1);
			assert_int_equal(a[i].result, BLOCK_OK);
			if (a[i].rq.op == BLOCK_READ)
				ask_compare(&a[i], model + a[i].rq.sector * 512);
			free(a[i].memory);
		}
		assert_memory_equal(fake.cache + 64 * 512, model, 4096 * 512);
	}
	assert_true(storage_idle(&c));
	assert_int_equal(storage_close(&c), 0);
}

static void test_random(void **state)
{
	random_load(400, false, 8);
	assert_true(fake.most > 1);
}

static void test_random_odd_memory(void **state)
{
	fake.d.dma_align = 4;
	random_load(300, true, 12);
}

static void test_random_page_rule(void **state)
{
	fake.d.page_pieces = true;
	fake.d.dma_align = 4;
	random_load(300, true, 12);
}

static void test_random_large_sectors(void **state)
{
	fake.d.sector_size = 4096;
	fake.d.dma_align = 512;
	random_load(300, true, 12);
}

static void test_random_few_pieces(void **state)
{
	fake.d.pieces_max = 1;
	fake.d.bytes_max = 8 * KiB;
	random_load(200, true, 12);
}

static void test_random_without_zero(void **state)
{
	fake.d.zero = false;
	random_load(200, false, 4);
}

/* Failures that pass: all goes well in the end. */
static void test_random_with_retries(void **state)
{
	fake.fail_every = 9;
	fake.result = DISK_TIMEOUT;
	fake.d.write_cache = false;	/* a flush that fails is not tried again */
	random_load(200, false, 8);
}

static void test_errors(void **state)
{
	static const struct { enum disk_result disk; enum block_result told; } map[] = {
		{ DISK_MEDIUM, BLOCK_FAILED }, { DISK_PROTECTED, BLOCK_FAILED }, { DISK_UNSUPPORTED, BLOCK_UNSUPPORTED },
		{ DISK_TIMEOUT, BLOCK_FAILED }, { DISK_FAILED, BLOCK_FAILED } };
	struct storage_client c;
	struct ask a;

	open_client(&c, 0, 100);
	fake.fail_every = 1;
	for (u32 i = 0; i < ARRAY_COUNT(map); i++) {
		fake.result = map[i].disk;
		ask_make(&a, BLOCK_READ, 0, 8, 1, false);
		assert_int_equal(one(&c, &a), map[i].told);
		free(a.memory);
		ask_make(&a, BLOCK_FLUSH, 0, 0, 0, false);
		assert_int_equal(one(&c, &a), map[i].disk == DISK_UNSUPPORTED ? BLOCK_OK : BLOCK_FAILED);
		free(a.memory);
	}
	assert_int_equal(c.stats.errors, ARRAY_COUNT(map) * 2 - 1);
}

static void test_refused(void **state)
{
	const struct { enum block_op op; u64 sector, sectors; } bad[] = { { BLOCK_READ, 100, 1 }, { BLOCK_READ, 99, 2 },
		{ BLOCK_WRITE, ~0ul, 1 }, { BLOCK_WRITE, 1, 100 }, { BLOCK_ZERO, 0, 101 }, { BLOCK_DISCARD, 101, 0 } };
	struct storage_client c;
	struct ask a;

	open_client(&c, 0, 100);
	for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
		ask_make(&a, bad[i].op, bad[i].sector, MIN(bad[i].sectors, 200ul), 1, false);
		a.rq.sectors = bad[i].sectors;
		assert_int_equal(one(&c, &a), BLOCK_FAILED);
		free(a.memory);
	}
	ask_make(&a, BLOCK_READ, 0, 8, 1, false);	/* memory of another size */
	a.piece[0].len = 512;
	assert_int_equal(one(&c, &a), BLOCK_FAILED);
	c.readonly = true;
	a.piece[0].len = 4096;
	a.rq.op = BLOCK_WRITE;
	a.ended = 0;
	assert_int_equal(one(&c, &a), BLOCK_FAILED);
	free(a.memory);
	assert_int_equal(fake.requests, 0);
	assert_int_equal(storage_open(&(struct storage_client){ 0 }, place(), fake.d.sectors, 1), -E_RANGE);
}

/* A flush is answered only when all that was answered before it is on the medium. */
static void test_flush_means_it(void **state)
{
	struct storage_client c;

	open_client(&c, 0, 4096);
	for (u32 r = 0; r < 200; r++) {
		struct ask w[4], f;

		for (u32 i = 0; i < 4; i++) {
			ask_make(&w[i], BLOCK_WRITE, i * 64, 8, 1, false);
			ask_fill(&w[i], (u8)noise());
			storage_submit(&c, &w[i].rq);
		}
		while (!w[0].ended) {
			storage_poll(tsc_now());
			fake_answer();
			storage_poll(tsc_now());
		}
		ask_make(&f, BLOCK_FLUSH, 0, 0, 0, false);
		storage_submit(&c, &f.rq);
		while (!f.ended) {
			storage_poll(tsc_now());
			fake_answer();
			storage_poll(tsc_now());
		}
		ask_compare(&w[0], fake.medium);
		settle();
		for (u32 i = 0; i < 4; i++)
			free(w[i].memory);
		free(f.memory);
	}
}

/* FUA where the disk has none: the answer waits for a flush. */
static void test_fua(void **state)
{
	for (u32 can = 0; can < 2; can++) {
		struct storage_client c;
		struct ask a;

		fake.d.fua = can;
		open_client(&c, 0, 4096);
		ask_make(&a, BLOCK_WRITE, 8, 8, 1, false);
		ask_fill(&a, 3);
		a.rq.fua = true;
		assert_int_equal(one(&c, &a), BLOCK_OK);
		ask_compare(&a, fake.medium + 8 * 512);
		free(a.memory);
		storage_close(&c);
	}
}

static void test_merges(void **state)
{
	struct storage_client c;
	struct ask a[8];

	open_client(&c, 0, 4096);
	for (u32 i = 0; i < 8; i++) {
		ask_make(&a[i], BLOCK_WRITE, i * 8, 8, 1, false);
		storage_submit(&c, &a[i].rq);
	}
	settle();
	assert_int_equal(fake.requests, 1);
	assert_int_equal(c.stats.merged, 7);
	for (u32 i = 0; i < 8; i++) {
		assert_int_equal(a[i].ended, 1);
		free(a[i].memory);
	}
}

/* One bad request among merged ones fails alone. */
static void test_merged_failure(void **state)
{
	struct storage_client c;
	struct ask a[4];
	u32 bad = 0;

	open_client(&c, 0, 4096);
	fake.ordered = true;
	fake.fail_every = 3;		/* the merged one (third), then one of those that go alone */
	fake.result = DISK_MEDIUM;
	fake.submitted = 2;
	for (u32 i = 0; i < 4; i++) {
		ask_make(&a[i], BLOCK_READ, i * 8, 8, 1, false);
		storage_submit(&c, &a[i].rq);
	}
	settle();
	for (u32 i = 0; i < 4; i++) {
		assert_int_equal(a[i].ended, 1);
		bad += a[i].result != BLOCK_OK;
		free(a[i].memory);
	}
	assert_int_equal(bad, 1);
}

static void test_gone(void **state)
{
	struct storage_client c;
	struct ask a[12];

	open_client(&c, 0, 4096);
	for (u32 i = 0; i < 12; i++) {
		ask_make(&a[i], i % 3 ? BLOCK_READ : BLOCK_FLUSH, i % 3 ? i * 100 : 0, i % 3 ? 8 : 0, 1, false);
		storage_submit(&c, &a[i].rq);
	}
	storage_poll(tsc_now());
	assert_true(fake.count);
	fake.d.gone = true;
	while (fake.count) {
		struct disk_request *rq = fake.flying[--fake.count];

		rq->done(rq, DISK_GONE);
	}
	disk_gone(&fake.d);
	settle();
	for (u32 i = 0; i < 12; i++) {
		assert_int_equal(a[i].ended, 1);
		assert_int_equal(a[i].result, BLOCK_FAILED);
		free(a[i].memory);
	}
	ask_make(&a[0], BLOCK_READ, 0, 8, 1, false);
	assert_int_equal(one(&c, &a[0]), BLOCK_FAILED);
	free(a[0].memory);
	assert_null(storage_disk_table[0].d);		/* room for the next */
}

/* Two that always ask get the same, however deep they ask; with weights as the weights say. */
static void share(u32 weight_a, u32 weight_b, u32 depth_b)
{
	struct storage_client c[2];
	struct ask *a = calloc(2 * 32, sizeof(*a));
	u32 depth[2] = { 8, depth_b };
	double ratio;

	for (u32 k = 0; k < 2; k++) {
		memset(&c[k], 0, sizeof(c[k]));
		c[k].weight = k ? weight_b : weight_a;
		assert_int_equal(storage_open(&c[k], place(), 0, 8192), 0);
		for (u32 i = 0; i < depth[k]; i++)
			ask_make(&a[k * 32 + i], BLOCK_READ, 300 * i + 1000 * k, 8, 1, false);
		for (u32 i = 0; i < depth[k]; i++)
			storage_submit(&c[k], &a[k * 32 + i].rq);
	}
	for (u32 n = 0; n < 20000; n++) {
		storage_poll(tsc_now());
		fake_answer();
		for (u32 k = 0; k < 2; k++)
			for (u32 i = 0; i < depth[k]; i++)
				if (a[k * 32 + i].ended) {
					a[k * 32 + i].ended = 0;
					storage_submit(&c[k], &a[k * 32 + i].rq);
				}
	}
	ratio = (double)c[0].stats.reads / (double)c[1].stats.reads;
	ratio *= (double)weight_b / weight_a;
	if (ratio < 0.9 || ratio > 1.1)
		fail_msg("share %f with weights %u, %u", ratio, weight_a, weight_b);
	settle();
	for (u32 i = 0; i < 64; i++)
		free(a[i].memory);
	free(a);
	storage_close(&c[0]);
	storage_close(&c[1]);
}

static void test_fair(void **state)
{
	share(100, 100, 8);
	share(100, 100, 32);
	share(300, 100, 8);
}

/* What two clients get of a disk that takes its time: each keeps so many requests of so many sectors under way. */
struct load {
	u32 weight, depth, sectors;
	u64 done;				/* filled in: requests in the last two thirds of a minute */
};

static void answer_first(void)
{
	u32 first = 0;
	struct disk_request *rq;

	for (u32 i = 1; i < fake.count; i++)
		if (fake.due[i] < fake.due[first])
			first = i;
	rq = fake.flying[first];
	work.now = MAX(work.now, fake.due[first]);
	fake.count--;
	memmove(&fake.flying[first], &fake.flying[first + 1], (fake.count - first) * sizeof(rq));
	memmove(&fake.due[first], &fake.due[first + 1], (fake.count - first) * sizeof(fake.due[0]));
	rq->done(rq, DISK_OK);
}

static void load_begin(struct storage_client *c, struct ask *a, const struct load *l)
{
	*c = (struct storage_client){ .weight = l->weight };
	assert_int_equal(storage_open(c, place(), 0, 8192), 0);
	for (u32 i = 0; i < l->depth; i++) {
		ask_make(&a[i], BLOCK_READ, 251 * (i % 16) + 8 * (i / 16) , l->sectors, 1, false);
		storage_submit(c, &a[i].rq);
	}
}

static void load_again(struct storage_client *c, struct ask *a, struct load *l)
{
	for (u32 i = 0; i < l->depth; i++) {
		if (!a[i].ended)
			continue;
		a[i].ended = 0;
		l->done += work.now > 20000000000ul;
		storage_submit(c, &a[i].rq);
	}
}

/* -> requests a second of both; the disk serves `servers` at once, in 2.5 ms and 10 us a sector each. */
static double compete(struct load *l, u32 servers, u32 stalls)
{
	struct storage_client c[2];
	struct ask *a = calloc(64, sizeof(*a));

	memset(&work, 0, sizeof(work));
	work.request_ns = 2500000;
	work.sector_ns = 10000;
	work.servers = servers;
	work.stalls = stalls;
	fake.d.depth = place()->slots = SLOTS_MAX;
	place()->free = BIT(SLOTS_MAX) - 1;
	for (u32 k = 0; k < 2; k++)
		load_begin(&c[k], a + 32 * k, &l[k]);
	while (work.now < 60000000000ul) {
		storage_poll(work.now);
		answer_first();
		storage_answer_all();
		for (u32 k = 0; k < 2; k++)
			load_again(&c[k], a + 32 * k, &l[k]);
	}
	while (fake.count)
		answer_first();
	for (u32 k = 0; k < 2; k++) {
		storage_fail_queued(&c[k]);
		settle();
		assert_int_equal(storage_close(&c[k]), 0);
	}
	for (u32 i = 0; i < 64; i++)
		free(a[i].memory);
	free(a);
	return (double)(l[0].done + l[1].done) / 40;
}

static void near_to(double value, double want, double part)
{
	if (value < want * (1 - part) || value > want * (1 + part))
		fail_msg("%f, not %f", value, want);
}

/* A disk that is the bottleneck is shared by weight, however much more one of them asks for at once. */
static void test_shares_of_a_slow_disk(void **state)
{
	static const struct { u32 servers, weight[2], depth[2]; } table[] = {
		{ 1, { 100, 100 }, { 16, 4 } }, { 1, { 100, 100 }, { 4, 16 } }, { 1, { 100, 100 }, { 30, 2 } }, { 1, { 300, 100 }, { 16, 16 } },
		{ 1, { 100, 300 }, { 28, 8 } }, { 4, { 100, 100 }, { 16, 4 } }, { 6, { 100, 100 }, { 16, 4 } }, { 1, { 1000, 100 }, { 16, 16 } },
	};

	for (u32 i = 0; i < ARRAY_COUNT(table); i++) {
		struct load l[2] = { { table[i].weight[0], table[i].depth[0], 8, 0 }, { table[i].weight[1], table[i].depth[1], 8, 0 } };
		double all = compete(l, table[i].servers, 0);

		near_to((double)l[0].done / (double)l[1].done, (double)table[i].weight[0] / table[i].weight[1], 0.1);
		near_to(all, 1e9 / 2580000 * table[i].servers, 0.1);	/* and nothing of it is wasted */
		teardown(state);
		setup(state);
	}
}

/* One that stands still for 300 ms now and then is no wide one. */
static void test_shares_with_stalls(void **state)
{
	struct load l[2] = { { 100, 16, 8, 0 }, { 100, 4, 8, 0 } };

	compete(l, 1, 500);
	near_to((double)l[0].done / (double)l[1].done, 1, 0.1);
}

/* By bytes: a request of 64 KiB counts as much as six of 4 KiB. */
static void test_shares_by_bytes(void **state)
{
	struct load l[2] = { { 100, 16, 128, 0 }, { 100, 24, 8, 0 } };

	compete(l, 1, 0);
	near_to((double)l[1].done / (double)l[0].done, 6, 0.1);
}

/* A disk that serves many at once is not held to fewer: the one with few has its own time, the other the rest. */
static void test_shares_of_a_wide_disk(void **state)
{
	struct load l[2] = { { 100, 28, 8, 0 }, { 100, 4, 8, 0 } };

	near_to(compete(l, 32, 0), 1e9 / 2580000 * 32, 0.1);
	near_to((double)l[1].done / 40, 1e9 / 2580000 * 4, 0.1);
}

/* So many milliseconds with two clients, in each of which the disk does one request, whatever the limit. -> the last limit */
static u32 go_on(struct storage_depth *p, u64 *at, u32 ms)
{
	u32 limit = 0;

	while (ms--) {
		p->bound = true;
		limit = depth_limit(p, 32, 2, 2, *at += 1000000);
		depth_done(p, 4096);
	}
	return limit;
}

/* Alone again, a client has all of the disk at once. */
static void test_alone_again(void **state)
{
	struct storage_depth p = { 0 };
	u64 at = 1000000000ul;

	assert_int_equal(depth_limit(&p, 32, 1, 0, at), 32);
	go_on(&p, &at, 1500);
	assert_int_equal(p.good, 2);
	assert_int_equal(depth_limit(&p, 32, 1, 2, at + 50000000), p.limit);
	assert_int_equal(depth_limit(&p, 32, 1, 2, at + 150000000), 32);
	assert_int_equal(depth_limit(&p, 32, 2, 2, at + 160000000), 2);	/* what was found still holds */
}

/* A limit that nobody felt is given up soon when somebody does, and if that gains. */
static void test_limit_that_nobody_felt(void **state)
{
	struct storage_depth p = { 0 };
	u64 at = 1000000000ul;
	u32 ms = 0;

	for (u32 i = 0; i < 1500; i++) {
		depth_limit(&p, 32, 2, 1, at += 1000000);
		depth_done(&p, 4096);
	}
	assert_true(p.good == 2 && !p.proven);
	for (; p.good < 32 && ms < 5000; ms++) {
		p.bound = true;
		for (u32 i = depth_limit(&p, 32, 2, p.limit, at += 1000000); i--; )
			depth_done(&p, 4096);
	}
	assert_in_range(ms, 1, 600);
}

/* A client with a limit does not pass it by more than a burst. */
static void test_limits(void **state)
{
	struct storage_client c = { .iops = 1000 };
	struct ask a[64];
	u64 now = tsc_now();
	u32 done = 0;

	assert_int_equal(storage_open(&c, place(), 0, 8192), 0);
	for (u32 i = 0; i < 64; i++) {
		ask_make(&a[i], BLOCK_READ, 16 * i, 8, 1, false);
		a[i].rq.fua = i;
		storage_submit(&c, &a[i].rq);
	}
	for (u32 n = 0; n < 1000; n++) {	/* no time passes */
		storage_poll(now);
		fake_answer();
	}
	for (u32 i = 0; i < 64; i++)
		done += a[i].ended;
	assert_in_range(done, 49, 53);
	assert_true(seen.pauses);
	for (u32 n = 0; n < 1000; n++) {
		storage_poll(now + 20 * 1000000ul);
		fake_answer();
	}
	done = 0;
	for (u32 i = 0; i < 64; i++) {
		done += a[i].ended;
		free(a[i].memory);
	}
	assert_int_equal(done, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_random), T(test_random_odd_memory), T(test_random_page_rule), T(test_random_large_sectors), T(test_random_few_pieces),
		T(test_random_without_zero), T(test_random_with_retries), T(test_errors), T(test_refused), T(test_flush_means_it), T(test_fua),
		T(test_merges), T(test_merged_failure), T(test_gone), T(test_fair), T(test_limits),
		T(test_shares_of_a_slow_disk), T(test_shares_by_bytes), T(test_shares_with_stalls), T(test_shares_of_a_wide_disk), T(test_alone_again), T(test_limit_that_nobody_felt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
