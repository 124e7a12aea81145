/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/storage/client.c hv/storage/cut.c hv/storage/depth.c hv/storage/queue.c */
/* The block layer before a disk that only remembers what it was asked: cutting, merging, copying, flushes, errors, shares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/control_work.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>
#include <hv/time.h>

#include "no_snapshots.h"

#define ASKED_MAX 64u
#define T(test) cmocka_unit_test_setup(test, setup)

struct timebase timebase = { .tsc_hz = 1000000000 };
struct storage_disk storage_disk_table[DISKS_MAX];
static struct storage_slot slots[SLOTS_MAX];
static struct storage_disk sd;
static struct disk hardware;
static struct storage_client a, b;
struct storage_disk storage_disk_table[DISKS_MAX];
static struct storage_request rq[40];
static struct storage_piece piece[40];
static u32 answered, ok;
static struct disk_request *asked[ASKED_MAX];
static u32 count, room, kicks;
static bool at_once;
static u8 memory[1 * MiB] __attribute__((aligned(4096)));

u64 mul_div(u64 ticks, u64 num, u64 den) { return (u64)((unsigned __int128)ticks * num / den); }
static u32 lines;
void log_write(enum log_level level, const char *fmt, ...) { lines++; }
void control_work_by(u64 tsc) { }
void storage_wake(const struct storage_disk *s) { }
void storage_wake_starved(void) { }
void *pool_alloc(u64 pages, enum pool_owner owner) { return aligned_alloc(PAGE_SIZE, pages * PAGE_SIZE); }
hpa_t pool_hpa(const void *p) { return HPA(p); }

static int submit(struct disk *d, struct disk_request *r)
{
	if (count == room)
		return -E_AGAIN;
	asked[count++] = r;
	return 0;
}

static void kick(struct disk *d)
{
	kicks++;
}

static const struct disk_ops ops = { .submit = submit, .kick = kick };

static void done(struct storage_request *r, enum block_result result)
{
	answered++;
	ok += result == BLOCK_OK;
}

static int setup(void **state)
{
	hardware = (struct disk){ .ops = &ops, .name = "toy", .sectors = 8192, .sector_size = 512, .depth = 32, .pieces_max = 8,
		.bytes_max = 64 * KiB, .dma_align = 4, .write_cache = true };
	sd = (struct storage_disk){ .d = &hardware, .slots = SLOTS_MAX, .free = BIT(SLOTS_MAX) - 1, .slot = slots };
	memset(storage_client_table, 0, sizeof(storage_client_table));
	memset(rq, 0, sizeof(rq));
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	count = answered = ok = kicks = 0;
	at_once = false;
	room = ASKED_MAX;
	assert_int_equal(bounce_init(), 0);
	assert_int_equal(storage_open(&a, &sd, 1000, 2000), 0);
	return storage_open(&b, &sd, 4000, 2000);
}

static void ask(struct storage_client *c, u32 nr, enum block_op op, u64 sector, u64 sectors, u32 off)
{
	piece[nr] = (struct storage_piece){ memory + off, (u64)(memory + off), (u32)(sectors * 512) };
	rq[nr] = (struct storage_request){ .op = op, .sector = sector, .sectors = sectors, .piece = &piece[nr], .pieces = 1,
		.now = at_once, .done = done };
	storage_submit(c, &rq[nr]);
}

/* Answer what was asked from number first on; then whatever follows from it is asked. */
static void answer(u32 first, enum disk_result result)
{
	u32 end = count;

	for (u32 i = first; i < end; i++)
		asked[i]->done(asked[i], result);
	queue_run(&sd, 0);
	storage_answer_all();
}

static void test_range_is_the_clients(void **state)
{
	ask(&a, 0, BLOCK_READ, 1999, 2, 0);
	ask(&a, 1, BLOCK_WRITE, ~0ul, 1, 0);
	ask(&a, 2, BLOCK_READ, 0, 1, 0);
	storage_close(&b);
	queue_run(&sd, 0);
	assert_int_equal(count, 1);
	assert_int_equal(asked[0]->sector, 1000);
	storage_answer_all();
	assert_int_equal(answered, 2);
	assert_int_equal(ok, 0);
	assert_int_equal(storage_close(&a), -E_BUSY);
	answer(0, DISK_OK);
	assert_int_equal(ok, 1);
	assert_int_equal(storage_close(&a), 0);
}

/* Not a line for each flush that fails: a guest asks for thousands. */
static void test_failed_flushes_are_said_rarely(void **state)
{
	u32 before = lines;

	for (u32 i = 0; i < 200; i++) {
		ask(&a, 0, BLOCK_FLUSH, 0, 0, 0);
		queue_run(&sd, 0);
		asked[0]->done(asked[0], DISK_FAILED);
		count = 0;
		storage_answer_all();
	}
	assert_int_equal(answered, 200);
	assert_int_equal(ok, 0);
	assert_in_range(lines - before, 1, 12);
}

static void test_neighbours_are_one(void **state)
{
	for (u32 i = 0; i < 6; i++)
		ask(&a, i, BLOCK_WRITE, i * 8, 8, i * 8192);
	queue_run(&sd, 0);
	assert_int_equal(count, 1);
	assert_int_equal(asked[0]->sectors, 48);
	assert_int_equal(asked[0]->pieces, 6);
	answer(0, DISK_MEDIUM);			/* each by itself now */
	assert_int_equal(count, 7);
	assert_int_equal(answered, 0);
	asked[1]->done(asked[1], DISK_MEDIUM);
	answer(2, DISK_OK);
	assert_int_equal(answered, 6);
	assert_int_equal(ok, 5);
	assert_true(sd.free == BIT(SLOTS_MAX) - 1);
}

/* Past the queue, to a disk that is idle; the next one waits for its turn. */
static void test_alone_at_once(void **state)
{
	at_once = true;
	ask(&a, 0, BLOCK_WRITE, 5, 8, 4096);
	assert_int_equal(count, 1);
	assert_int_equal(kicks, 1);
	assert_int_equal(asked[0]->sector, 1005);
	assert_int_equal(asked[0]->sectors, 8);
	assert_int_equal(asked[0]->pieces, 1);
	assert_true(asked[0]->piece[0].hpa == (u64)(memory + 4096) && asked[0]->piece[0].len == 4096);
	assert_int_equal(a.flying, 1);
	ask(&a, 1, BLOCK_READ, 100, 8, 8192);
	ask(&b, 2, BLOCK_READ, 100, 8, 16384);
	assert_int_equal(count, 1);
	answer(0, DISK_OK);
	assert_int_equal(answered, 1);
	assert_int_equal(count, 3);
	answer(1, DISK_OK);
	assert_int_equal(ok, 3);
	assert_int_equal(a.flying + b.flying + sd.flying, 0);
	assert_true(storage_idle(&a) && storage_idle(&b));
}

/* What goes at once fails and is tried again as everything else. */
static void test_alone_and_failed(void **state)
{
	at_once = true;
	ask(&a, 0, BLOCK_READ, 5, 8, 0);
	for (u32 i = 0; i < TRIES_MAX; i++) {
		assert_int_equal(count, i + 1);
		answer(i, DISK_FAILED);
	}
	assert_int_equal(answered, 1);
	assert_int_equal(ok, 0);
	assert_int_equal(sd.flying, 0);
}

static void assert_waits(struct storage_client *c, enum block_op op, u64 sectors, u32 off)
{
	count = 0;
	ask(c, 0, op, 0, sectors, off);
	assert_int_equal(count, 0);
	queue_run(&sd, 0);
	assert_int_not_equal(count, 0);
	answer(0, DISK_OK);
	while (!storage_idle(c))
		answer(count - 1, DISK_OK);
}

/* Whatever needs the queue: a limit, a copy, a cut, a flush, sectors that are somewhere else. */
static void test_not_at_once(void **state)
{
	at_once = true;
	assert_waits(&a, BLOCK_READ, 8, 2);
	assert_waits(&a, BLOCK_READ, 256, 0);
	assert_waits(&a, BLOCK_FLUSH, 0, 0);
	a.bandwidth = 1ul << 40;
	assert_waits(&a, BLOCK_READ, 8, 0);
	a.bandwidth = 0;
	a.iops = 1ul << 40;
	assert_waits(&a, BLOCK_READ, 8, 0);
	a.iops = 0;
	hardware.dma_end = (u64)memory + 512;
	assert_waits(&a, BLOCK_READ, 8, 0);
	hardware.dma_end = 0;
	hardware.pieces_max = 0;
	assert_false(cut_whole(&slots[0], &rq[0]));
	hardware.pieces_max = 8;
	a.mapped = true;
	count = 0;
	ask(&a, 1, BLOCK_READ, 0, 8, 0);
	assert_int_equal(count, 0);
}

/* A disk that takes no more, and others that were there before. */
static void test_no_way_past_others(void **state)
{
	at_once = true;
	room = 0;
	ask(&b, 0, BLOCK_READ, 0, 8, 0);
	assert_int_equal(count, 0);
	assert_int_equal(sd.flying, 0);
	room = ASKED_MAX;
	ask(&a, 1, BLOCK_READ, 0, 8, 4096);
	assert_int_equal(count, 0);
	sd.stalled = false;
	ask(&a, 2, BLOCK_READ, 20, 8, 8192);
	assert_int_equal(count, 0);
	queue_run(&sd, 0);
	assert_int_equal(count, 3);
	answer(0, DISK_OK);
	assert_int_equal(ok, 3);
}

static void test_long_is_cut(void **state)
{
	ask(&a, 0, BLOCK_READ, 0, 1000, 0);
	queue_run(&sd, 0);
	assert_int_equal(count, 8);
	for (u32 i = 0, at = 1000; i < count; at += (u32)asked[i++]->sectors)
		assert_int_equal(asked[i]->sector, at);
	answer(0, DISK_OK);
	assert_int_equal(ok, 1);
}

static void test_crooked_memory_is_copied(void **state)
{
	memset(memory, 0x5a, 4096);
	ask(&a, 0, BLOCK_READ, 0, 8, 2);
	queue_run(&sd, 0);
	assert_int_equal(count, 1);
	assert_true(asked[0]->piece[0].hpa % 4096 == 0 && asked[0]->piece[0].hpa != (u64)memory);
	memset((void *)asked[0]->piece[0].hpa, 0x77, 4096);
	answer(0, DISK_OK);
	assert_int_equal(ok, 1);
	assert_int_equal(memory[1], 0x5a);
	assert_int_equal(memory[2], 0x77);
	assert_int_equal(memory[4097], 0x77);
	assert_int_equal(a.stats.bounced, 1);
}

/* It waits for a buffer when its disk goes: it is served by the disk that comes back, which knows nothing of that. */
static void test_starved_when_its_disk_went(void **state)
{
	struct storage_disk back = sd;
	u8 *taken[BOUNCES];
	u32 n = 0;

	while (n < BOUNCES && (taken[n] = bounce_take(&sd)))
		n++;
	ask(&a, 0, BLOCK_READ, 0, 8, 2);
	queue_run(&sd, 0);
	assert_int_equal(count, 0);
	assert_true(a.starved);
	while (n)
		bounce_give(&sd, taken[--n]);
	back.clients = NULL;
	assert_int_equal(storage_bind(&a, &back, 1000, 2000), 0);
	queue_run(&back, 0);
	assert_int_equal(count, 1);
	asked[0]->done(asked[0], DISK_OK);
	storage_answer_all();
	assert_int_equal(ok, 1);
}

/* One that came while another was under way is answered by the next only. */
static void test_flush(void **state)
{
	ask(&a, 0, BLOCK_FLUSH, 0, 0, 0);
	queue_run(&sd, 0);
	ask(&b, 1, BLOCK_FLUSH, 0, 0, 0);
	ask(&a, 2, BLOCK_FLUSH, 0, 0, 0);
	queue_run(&sd, 0);
	assert_int_equal(count, 1);
	answer(0, DISK_OK);
	assert_int_equal(answered, 1);
	queue_run(&sd, 0);
	assert_int_equal(count, 2);
	answer(1, DISK_FAILED);			/* is not tried again */
	assert_int_equal(answered, 3);
	assert_int_equal(ok, 1);
	assert_int_equal(count, 2);
}

/* Without FUA in the disk it is done when a later flush is. */
static void test_fua(void **state)
{
	ask(&a, 0, BLOCK_WRITE, 0, 8, 0);
	rq[0].fua = true;
	queue_run(&sd, 0);
	answer(0, DISK_OK);
	assert_int_equal(answered, 0);
	assert_int_equal(count, 2);
	assert_int_equal(asked[1]->op, BLOCK_FLUSH);
	answer(1, DISK_OK);
	assert_int_equal(ok, 1);
}

static void test_tried_again_and_given_up(void **state)
{
	u32 tries = 0;

	ask(&a, 0, BLOCK_WRITE, 0, 8, 0);
	queue_run(&sd, 0);
	while (tries < count && tries < 20)
		answer(tries++, DISK_TIMEOUT);
	assert_int_equal(tries, TRIES_MAX);
	assert_int_equal(answered, 1);
	assert_int_equal(ok, 0);
}

/* Two equal clients with full queues get the same, though one asked first. */
static void test_shares(void **state)
{
	u32 of_a = 0;

	hardware.bytes_max = 4096;
	for (u32 i = 0; i < 16; i++)
		ask(&a, i, BLOCK_READ, i * 16, 8, 0);
	for (u32 i = 16; i < 32; i++)
		ask(&b, i, BLOCK_READ, i * 16, 8, 0);
	room = 16;
	queue_run(&sd, 0);
	assert_int_equal(count, 16);
	for (u32 i = 0; i < count; i++)
		of_a += asked[i]->sector < 4000;
	assert_in_range(of_a, 6, 10);
}

/* One client always has more to ask than the disk has slots; another wants a flush. */
static void test_a_flush_gets_its_slot(void **state)
{
	u32 flush = ASKED_MAX;

	sd.slots = 4;
	sd.free = BIT(4) - 1;
	for (u32 i = 0; i < 30; i++)
		ask(&a, i, BLOCK_WRITE, i * 32, 16, 0);
	queue_run(&sd, 0);
	assert_int_equal(count, 4);
	ask(&b, 30, BLOCK_FLUSH, 0, 0, 0);
	for (u32 next = 0; next < 12 && flush == ASKED_MAX; next++) {
		asked[next]->done(asked[next], DISK_OK);
		queue_run(&sd, 0);
		if (asked[count - 1]->op == BLOCK_FLUSH)
			flush = next;
	}
	assert_in_range(flush, 0, 2);
}

/* A piece behind what the disk reaches is copied, also where it continues one that it does reach. */
static void test_what_it_does_not_reach_is_copied(void **state)
{
	hardware.dma_end = (u64)memory + 4096;
	ask(&a, 0, BLOCK_WRITE, 0, 8, 0);
	ask(&a, 1, BLOCK_WRITE, 8, 8, 4096);
	queue_run(&sd, 0);
	for (u32 i = 0; i < count; i++)
		for (u32 k = 0; k < asked[i]->pieces; k++)
			assert_false(asked[i]->piece[k].hpa < hardware.dma_end &&
				     asked[i]->piece[k].hpa + asked[i]->piece[k].len > hardware.dma_end);
	answer(0, DISK_OK);
	assert_int_equal(ok, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_range_is_the_clients), T(test_failed_flushes_are_said_rarely), T(test_neighbours_are_one),
		T(test_alone_at_once), T(test_alone_and_failed), T(test_not_at_once), T(test_no_way_past_others), T(test_long_is_cut), T(test_crooked_memory_is_copied),
		T(test_flush), T(test_fua), T(test_tried_again_and_given_up), T(test_shares),
		T(test_a_flush_gets_its_slot), T(test_what_it_does_not_reach_is_copied), T(test_starved_when_its_disk_went),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
