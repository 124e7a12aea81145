/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A disk below the datastore that remembers every write in order, as sectors, and where flushes were asked for. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/storage/datastore_fs.h>
#include <hv/time.h>

#define SECTOR 512u
#define WRITES_MAX 100000u

struct timebase timebase = { .tsc_hz = 1000000000 };
static u8 disk[MEDIA_BYTES_MAX];
static struct { u64 at; u8 bytes[SECTOR]; } *written;	/* sector by sector */
static u32 written_count, flush_at[WRITES_MAX], flush_count;
static u32 fail_next;			/* so many requests are answered with an error */
static bool hold;			/* requests are not answered */
static struct storage_request *held;
static bool recording;

u64 mul_div(u64 ticks, u64 num, u64 den) { return (u64)((unsigned __int128)ticks * num / den); }

void *pool_alloc(u64 count, enum pool_owner owner)
{
	void *p = aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);

	memset(p, 0, count * PAGE_SIZE);
	return p;
}

void pool_free(void *p, u64 count)
{
	free(p);
}

struct storage_piece storage_pool_piece(void *p, u32 len)
{
	return (struct storage_piece){ p, (u64)p, len };
}

static void disk_write(u64 at, const u8 *from, u32 len)
{
	for (u32 i = 0; i < len; i += SECTOR) {
		if (recording) {
			assert_true(written_count < WRITES_MAX);
			written[written_count].at = at + i;
			memcpy(written[written_count++].bytes, from + i, SECTOR);
		}
		memcpy(disk + at + i, from + i, SECTOR);
	}
}

static void disk_answer(struct storage_request *rq)
{
	u64 at = rq->sector * SECTOR;

	if (fail_next) {
		fail_next--;
		rq->done(rq, BLOCK_FAILED);
		return;
	}
	assert_true(at + rq->sectors * SECTOR <= sizeof(disk));
	assert_true(rq->op == BLOCK_FLUSH || (rq->pieces == 1 && rq->piece[0].len == rq->sectors * SECTOR));
	if (rq->op == BLOCK_READ)
		memcpy(rq->piece[0].at, disk + at, rq->piece[0].len);
	else if (rq->op == BLOCK_WRITE)
		disk_write(at, rq->piece[0].at, rq->piece[0].len);
	else if (recording)
		flush_at[flush_count++] = written_count;
	rq->done(rq, BLOCK_OK);
}

/* The block layer answers later; here, when the test says so. */
void storage_submit(struct storage_client *c, struct storage_request *rq)
{
	assert_null(held);
	held = rq;
}

static inline bool disk_turn(void)
{
	struct storage_request *rq = held;

	if (!rq || hold)
		return false;
	held = NULL;
	disk_answer(rq);
	return true;
}

static u64 now = 1000;

/* Until nothing is under way and nothing waits. */
static inline void drain(struct media *m)
{
	while (media_poll(m, now) | disk_turn())
		now += 1000;
}
