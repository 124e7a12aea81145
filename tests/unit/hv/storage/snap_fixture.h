/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The whole of the block layer, partition tables and snapshots on a disk in memory that answers late and in any order,
 * and remembers what was written when: a power cut after any of it can be had, and the machine started again from what
 * is left. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../hv/storage/gpt.h"
#include "../../../../hv/storage/snapshot.h"

#include <hv/boot_info.h>
#include <hv/control_work.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pci.h>
#include <hv/pool.h>
#include <hv/random.h>
#include <hv/time.h>

#ifndef DISK_BYTES
#define DISK_BYTES (48 * MiB)
#endif
#define DEPTH 8u
#define EXTENT 128u			/* sectors */

struct timebase timebase = { .tsc_hz = 1000000000 };
static u64 noise_state = 1;

static struct {
	struct disk d;
	u8 *bytes;
	struct disk_request *flying[DEPTH];
	u32 count;
	bool ordered;
	u64 hold_length;		/* requests of so many sectors are not answered */
	/* Requests of op to sectors in [from, to) are answered so, `times` times, after `skip` of them. */
	struct { enum block_op op; u64 from, to; u32 skip, times; enum disk_result result; } fail;
	u64 writes, reads, flushes, discarded;	/* the last: sectors */
} fake;

/* What was written, sector by sector, in the order in which the disk did it. */
static struct written { u32 sector; bool fua; u8 bytes[512]; } *written;
static u32 written_count, written_max;
static u32 flush_at[100000], flush_count;
static bool recording;
static char last_line[400];
static u32 pool_pages_used;

static inline u32 noise(void)
{
	noise_state = noise_state * 6364136223846793005ul + 1442695040888963407ul;
	return (u32)(noise_state >> 33);
}

u64 mul_div(u64 a, u64 num, u64 den) { return (u64)((unsigned __int128)a * num / den); }
/* What is given back is taken again, as machines start by the thousand here. */
static struct { void *p; u64 count; } given[64];

void *pool_alloc(u64 count, enum pool_owner owner)
{
	void *p = NULL;

	for (u32 i = 0; i < ARRAY_COUNT(given) && !p; i++)
		if (given[i].count == count) {
			p = given[i].p;
			given[i].count = 0;
		}
	if (!p)
		p = aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);
	pool_pages_used += (u32)count;
	return memset(p, 0, count * PAGE_SIZE);
}

void pool_free(void *p, u64 count)
{
	pool_pages_used -= (u32)count;
	for (u32 i = 0; i < ARRAY_COUNT(given); i++)
		if (!given[i].count) {
			given[i].p = p;
			given[i].count = count;
			return;
		}
	free(p);
}

hpa_t pool_hpa(const void *p) { return HPA((u64)p); }
u32 pci_count(void) { return 0; }
bool copy_turn(void) { return false; }
struct host_pci *pci_at(u32 index) { return NULL; }
int control_work_add(const struct control_work *w) { return 0; }
bool control_work_poll(u64 now) { return storage_poll(now); }
void control_work_ring(void) { }
void control_work_by(u64 tsc) { }
void control_work_wake(u32 id) { }
void control_work_look_all(void) { }
void random_seed(struct random *r, u64 who) { }
u64 wall_ns(u64 tsc) { return 1763700000ul * NS_PER_S; }

void random_fill(struct random *r, void *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((u8 *)to)[i] = (u8)noise();
}

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(last_line, sizeof(last_line), fmt, ap);
	va_end(ap);
	if (getenv("SHOW"))
		fprintf(stderr, "  %s\n", last_line);
}

/* --- the disk ------------------------------------------------------------------------------------------------------- */

static int fake_submit(struct disk *d, struct disk_request *rq)
{
	if (fake.count == DEPTH)
		return -E_AGAIN;
	assert_true(rq->sector + rq->sectors <= fake.d.sectors);
	rq->submitted = 0;
	fake.flying[fake.count++] = rq;
	return 0;
}

static void record(u64 sector, const u8 *bytes, bool fua)
{
	if (!recording)
		return;
	if (written_count == written_max) {
		written_max = written_max ? 2 * written_max : 4096;
		written = realloc(written, written_max * sizeof(*written));
	}
	written[written_count].sector = (u32)sector;
	written[written_count].fua = fua;
	memcpy(written[written_count++].bytes, bytes, 512);
}

static void (*before_write)(const struct disk_request *rq);

static void carry_out(struct disk_request *rq)
{
	u64 at = rq->sector * 512;

	if (before_write && (rq->op == BLOCK_WRITE || rq->op == BLOCK_ZERO))
		before_write(rq);
	switch (rq->op) {
	case BLOCK_READ:
		fake.reads++;
		for (u32 i = 0; i < rq->pieces; at += rq->piece[i++].len)
			memcpy((void *)rq->piece[i].hpa, fake.bytes + at, rq->piece[i].len);
		break;
	case BLOCK_WRITE:
		fake.writes++;
		for (u32 i = 0; i < rq->pieces; at += rq->piece[i++].len)
			memcpy(fake.bytes + at, (void *)rq->piece[i].hpa, rq->piece[i].len);
		for (u64 s = rq->sector; s < rq->sector + rq->sectors; s++)
			record(s, fake.bytes + s * 512, rq->fua);
		break;
	case BLOCK_ZERO:
		memset(fake.bytes + at, 0, rq->sectors * 512);
		for (u64 s = rq->sector; s < rq->sector + rq->sectors; s++)
			record(s, fake.bytes + s * 512, false);
		break;
	case BLOCK_FLUSH:
		fake.flushes++;
		if (recording)
			flush_at[flush_count++] = written_count;
		break;
	case BLOCK_DISCARD:
		memset(fake.bytes + at, 0xdd, rq->sectors * 512);
		for (u64 s = rq->sector; s < rq->sector + rq->sectors; s++)
			record(s, fake.bytes + s * 512, false);
		fake.discarded += rq->sectors;
		break;
	}
}

static enum disk_result judge(const struct disk_request *rq)
{
	bool hit = fake.fail.times && rq->op == fake.fail.op && (rq->op == BLOCK_FLUSH ||
		(rq->sector < fake.fail.to && fake.fail.from < rq->sector + rq->sectors));

	if (!hit)
		return DISK_OK;
	if (fake.fail.skip) {
		fake.fail.skip--;
		return DISK_OK;
	}
	fake.fail.times--;
	return fake.fail.result;
}

static bool is_held(const struct disk_request *rq)
{
	return rq->op != BLOCK_FLUSH && rq->sectors == fake.hold_length;
}

static bool fake_answer(void)
{
	u32 i = fake.count && !fake.ordered ? noise() % fake.count : 0;
	struct disk_request *rq;
	enum disk_result result;

	for (u32 n = 0; n < fake.count && is_held(fake.flying[i]); n++)
		i = (i + 1) % fake.count;
	if (!fake.count || is_held(fake.flying[i]))
		return false;
	rq = fake.flying[i];
	memmove(&fake.flying[i], &fake.flying[i + 1], (fake.count - i - 1) * sizeof(rq));
	fake.count--;
	result = judge(rq);
	if (result == DISK_OK)
		carry_out(rq);
	rq->done(rq, result);
	return true;
}

static const struct disk_ops ops = { .submit = fake_submit };

static inline void settle(void)
{
	for (u32 n = 0; n < 2000000; n++)
		if (!storage_poll(n) && !fake_answer())
			return;
	fail_msg("it never ends");
}

static bool all(const struct disk *d) { return true; }

static inline struct storage_disk *place(void) { return fake.d.owner; }

static u32 sector_size = 512;

static inline void plug(void)
{
	fake.d = (struct disk){ .ops = &ops, .name = "fake0", .serial = "S1", .sectors = DISK_BYTES / 512,
		.sector_size = sector_size,
		.physical_size = 4096, .depth = DEPTH, .pieces_max = DISK_PIECES_MAX, .bytes_max = 128 * KiB, .dma_align = 1,
		.write_cache = true, .fua = true, .discard = true, .zero = true };
	storage_grant(all);
	assert_int_equal(disk_add(&fake.d), 0);
	settle();
}

static inline void unplug(void)
{
	fake.d.gone = true;
	while (fake.count) {
		struct disk_request *rq = fake.flying[--fake.count];

		rq->done(rq, DISK_GONE);
	}
	disk_gone(&fake.d);
	settle();
	memset(&fake.fail, 0, sizeof(fake.fail));
	fake.hold_length = 0;
}

/* --- volumes -------------------------------------------------------------------------------------------------------- */

static struct { u32 ended; char why[200]; } change_seen;

static void change_ended(void *arg, const char *why)
{
	change_seen.ended++;
	snprintf(change_seen.why, sizeof(change_seen.why), "%s", why ? why : "");
}

/* How a change ended: "" well, else the refusal. */
static inline const char *end_of(const char *refused)
{
	u32 before = change_seen.ended;

	if (refused)
		return refused;
	settle();
	assert_int_equal(change_seen.ended, before + 1);
	return change_seen.why;
}

static inline struct volume *vol(const char *name) { return volume_find(name, NULL, 0); }
static inline const char *snapshot(const char *of, const char *name, u64 bytes)
{
	return end_of(volume_snapshot(vol(of), name, bytes, change_ended, NULL));
}

static inline const char *rollback(const char *name, const char *to)
{
	return end_of(volume_rollback(vol(name), vol(to), change_ended, NULL));
}

static inline const char *clone(const char *of, const char *name)
{
	return end_of(volume_clone_cow(vol(of), name, change_ended, NULL));
}

static inline const char *delete(const char *name)
{
	return end_of(volume_delete(vol(name), change_ended, NULL));
}

#define WELL(x) assert_string_equal(x, "")

static inline void make_disk(u64 volume_bytes)
{
	free(fake.bytes);
	fake.bytes = calloc(1, DISK_BYTES);
	plug();
	WELL(end_of(volume_init_disk(place(), true, change_ended, NULL)));
	WELL(end_of(volume_create(place(), "web", volume_bytes, VOLUME_OURS, change_ended, NULL)));
}

/* --- requests: each sector holds a number, in all of its words ----------------------------------------------------------- */

struct ask {
	struct storage_request rq;
	struct storage_piece piece;
	u32 *memory;
	u64 pages;
	u32 ended;
	enum block_result result;
};

static void ask_ended(struct storage_request *rq, enum block_result result)
{
	struct ask *a = container_of(rq, struct ask, rq);

	a->ended++;
	a->result = result;
}

static inline void ask_begin(struct ask *a, struct storage_client *c, enum block_op op, u64 sector, u64 sectors, u32 number)
{
	u64 bytes = op == BLOCK_READ || op == BLOCK_WRITE ? sectors * 512 : 0;

	*a = (struct ask){ .rq = { .op = op, .sector = sector, .sectors = sectors, .piece = &a->piece, .pieces = bytes ? 1 : 0,
			.done = ask_ended }, .memory = pool_alloc(bytes / PAGE_SIZE + 1, POOL_OTHER), .pages = bytes / PAGE_SIZE + 1 };
	a->piece = (struct storage_piece){ (u8 *)a->memory, (u64)a->memory, (u32)bytes };
	for (u64 i = 0; i < bytes / 4; i++)
		a->memory[i] = op == BLOCK_READ ? 0xdead : number;
	storage_submit(c, &a->rq);
}

static inline enum block_result ask_end(struct ask *a)
{
	assert_int_equal(a->ended, 1);
	pool_free(a->memory, a->pages);
	return a->result;
}

static inline enum block_result put(struct storage_client *c, u64 sector, u64 sectors, u32 number)
{
	struct ask a;

	ask_begin(&a, c, BLOCK_WRITE, sector, sectors, number);
	settle();
	return ask_end(&a);
}

/* The numbers of all sectors of a volume; a sector that is not of one piece is none of what was written. */
static inline void numbers_of(struct storage_client *c, u32 *to, u32 sectors)
{
	for (u32 at = 0; at < sectors; at += 200) {
		u32 n = MIN(200u, sectors - at);
		struct ask a;

		ask_begin(&a, c, BLOCK_READ, at, n, 0);
		settle();
		for (u32 i = 0; i < n; i++) {
			for (u32 k = 1; k < 128; k++)
				if (a.memory[i * 128 + k] != a.memory[i * 128])
					fail_msg("%s: sector %u is torn", c->name, at + i);
			to[at + i] = a.memory[i * 128];
		}
		assert_int_equal(ask_end(&a), BLOCK_OK);
	}
}

static inline void read_volume(const char *name, u32 *to, u32 sectors)
{
	struct storage_client c = { .readonly = true };

	snprintf(c.name, sizeof(c.name), "%.40s", name);
	assert_non_null(vol(name));
	assert_int_equal(volume_open(&c, vol(name)), 0);
	numbers_of(&c, to, sectors);
	assert_int_equal(volume_close(&c), 0);
}
