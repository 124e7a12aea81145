/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/disk/virtio_blk_work.c drivers/host/disk/virtio_blk_config.c drivers/host/virtio/vio_ring.c hv/lib/string.c hv/lib/format.c */
/* Requests against a device in memory: one that obeys, errs, hangs, breaks the rules, changes its size, vanishes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <hv/lib.h>
#undef assert
#include "../virtio/vio_device.h"

#include <drivers/host/disk/virtio_blk.h>
#include <hv/log.h>
#include <hv/time.h>

#define S NS_PER_S
#define SECTORS 1000u

struct timebase timebase = { .tsc_hz = 1000000000 };
static struct vblk_disk b;
static struct vblk_shared shared[VBLK_DEPTH];
static u8 config[64], disk_bytes[SECTORS * 512], memory[1 << 16];
static enum vio_health health;
static u16 seen;
static u32 resets, restarts, gone, changed, bad_restarts;
static bool reset_obeyed;
static u64 now;

hpa_t pool_hpa(const void *p) { return HPA((u64)p); }
u64 mul_div(u64 ticks, u64 num, u64 den) { return (u64)((unsigned __int128)ticks * num / den); }
void log_write(enum log_level level, const char *fmt, ...) { }
void pci_set_master(struct host_pci *p, bool on) { }
void disk_gone(struct disk *d) { assert_true(d->gone); gone++; }
void disk_changed(struct disk *d) { changed++; }
enum vio_health vio_health(const struct vio *v) { return health; }
void vio_reset_begin(struct vio *v) { resets++; seen = 0; }
bool vio_reset_done(const struct vio *v) { return reset_obeyed; }
void vio_ready(struct vio *v) { }
void vblk_come_turn(struct vblk_disk *d, u64 at) { fail(); }

u64 vio_config_get(const struct vio *v, u32 off, u32 size)
{
	u64 val = 0;

	memcpy(&val, config + off, size);
	return val;
}

int vio_restart(struct vio *v)
{
	v->broken = NULL;
	restarts++;
	return bad_restarts ? -E_NODEV : 0;
}

int vio_queue_restart(struct vio_queue *q)
{
	vio_queue_clear(q);
	return 0;
}

static void put_config(u32 off, u32 size, u64 val)
{
	memcpy(config + off, &val, size);
}

static int fresh(void **state)
{
	static struct vio_desc tables[64 * (DISK_PIECES_MAX + VBLK_HEAD_AND_STATUS)];

	memset(&b, 0, sizeof(b));
	memset(config, 0, sizeof(config));
	memset(disk_bytes, 0, sizeof(disk_bytes));
	b.vio.features = VBLK_FEATURES & ~(u64)VBLK_F_RO;
	device_queue(&b.vio, &b.queue, 64, 0);
	b.queue.table = tables;
	b.queue.table_pieces = DISK_PIECES_MAX + VBLK_HEAD_AND_STATUS;
	b.shared = shared;
	b.shared_hpa = (u64)shared;
	put_config(VBLK_CAPACITY, 8, SECTORS);
	put_config(VBLK_SEG_MAX, 4, 126);
	put_config(VBLK_BLK_SIZE, 4, 512);
	put_config(VBLK_PHYSICAL_SHIFT, 1, 3);
	put_config(VBLK_DISCARD_MAX, 4, 1 << 20);
	put_config(VBLK_ZERO_MAX, 4, 2048);
	assert_null(vblk_read_config(&b));
	b.disk.ops = &vblk_disk_ops;
	b.disk.driver = &b;
	health = VIO_WELL;
	seen = 0;
	resets = restarts = gone = changed = bad_restarts = 0;
	reset_obeyed = true;
	now = tsc_now();
	return 0;
}

/* The device does one request; false: there is none. */
static bool serve(u8 status)
{
	struct device_chain c;
	struct vblk_shared *s;
	u32 len = 1;

	if (!device_take(&b.queue, &seen, &c))
		return false;
	s = (struct vblk_shared *)c.piece[0].hpa;
	assert_int_equal(c.piece[0].len, 16);
	assert_int_equal(c.piece[c.out + c.in - 1].len, 1);
	for (u32 i = 1, at = 0; (s->type == VBLK_IN || s->type == VBLK_OUT) && i < c.out + c.in - 1; at += c.piece[i++].len) {
		u8 *bytes = disk_bytes + s->sector * 512 + at;

		if (s->type == VBLK_OUT)
			memcpy(bytes, (void *)c.piece[i].hpa, c.piece[i].len);
		else
			memcpy((void *)c.piece[i].hpa, bytes, c.piece[i].len);
		len += s->type == VBLK_IN ? c.piece[i].len : 0;
	}
	if (s->type == VBLK_WRITE_ZEROES && status == VBLK_OK) {
		assert_int_equal(c.piece[1].len, 16);
		memset(disk_bytes + *(u64 *)c.piece[1].hpa * 512, 0, *(u32 *)(c.piece[1].hpa + 8) * 512);
	}
	if (status != VBLK_NO_STATUS)
		*(u8 *)c.piece[c.out + c.in - 1].hpa = status;
	device_give(&b.queue, c.head, len);
	return true;
}

struct asked {
	struct disk_request rq;
	struct dma_piece piece[DISK_PIECES_MAX];
	u32 answers;
	enum disk_result result;
};
static bool in_submit;

static void heard(struct disk_request *rq, enum disk_result result)
{
	struct asked *a = container_of(rq, struct asked, rq);

	assert_false(in_submit);
	a->answers++;
	a->result = result;
}

static struct asked request(enum block_op op, u64 sector, u64 sectors, u64 at)
{
	struct asked a = { .rq = { .op = op, .sector = sector, .sectors = sectors, .pieces = sectors ? 1 : 0, .done = heard } };

	a.piece[0] = (struct dma_piece){ (u64)memory + at, (u32)(sectors * 512) };
	return a;
}

static int submit(struct asked *a)
{
	int r;

	a->rq.piece = a->piece;
	in_submit = true;
	r = vblk_disk_ops.submit(&b.disk, &a->rq);
	vblk_disk_ops.kick(&b.disk);
	in_submit = false;
	return r;
}

static void turn(void)
{
	now += 1000000;
	vblk_turn(&b, now);
}

static void what_it_says_is_judged(void **state)
{
	assert_int_equal(b.disk.sectors, SECTORS);
	assert_int_equal(b.disk.physical_size, 4096);
	assert_int_equal(b.disk.pieces_max, DISK_PIECES_MAX);
	assert_int_equal(b.disk.bytes_max, 1 << 20);
	assert_true(b.disk.discard && b.disk.zero && b.disk.write_cache && !b.disk.readonly);
	put_config(VBLK_BLK_SIZE, 4, 1024);
	assert_non_null(vblk_read_config(&b));
	put_config(VBLK_BLK_SIZE, 4, 4096);
	put_config(VBLK_CAPACITY, 8, 1003);
	assert_null(vblk_read_config(&b));
	assert_int_equal(b.disk.sectors, 1000);
	put_config(VBLK_SEG_MAX, 4, 0);
	assert_non_null(vblk_read_config(&b));
	put_config(VBLK_SEG_MAX, 4, 3);
	put_config(VBLK_ZERO_MAX, 4, 2);
	assert_null(vblk_read_config(&b));
	assert_int_equal(b.disk.pieces_max, 3);
	assert_false(b.disk.zero);
	put_config(VBLK_CAPACITY, 8, ~0ul);
	assert_non_null(vblk_read_config(&b));
	put_config(VBLK_CAPACITY, 8, 0);
	assert_non_null(vblk_read_config(&b));
}

static void data_goes_both_ways(void **state)
{
	struct asked w = request(BLOCK_WRITE, 7, 4, 0), r = request(BLOCK_READ, 7, 4, 0x8000), f = request(BLOCK_FLUSH, 0, 0, 0);

	for (u32 i = 0; i < 2048; i++)
		memory[i] = (u8)(i * 3);
	r.rq.pieces = 3;
	r.piece[0] = (struct dma_piece){ (u64)memory + 0x8000, 100 };
	r.piece[1] = (struct dma_piece){ (u64)memory + 0x8064, 1900 };
	r.piece[2] = (struct dma_piece){ (u64)memory + 0x87d0, 48 };
	assert_int_equal(submit(&w), 0);
	assert_true(serve(VBLK_OK));
	turn();
	assert_int_equal(w.answers, 1);
	assert_int_equal(submit(&f), 0);
	assert_int_equal(submit(&r), 0);
	assert_true(serve(VBLK_OK) && serve(VBLK_OK));
	turn();
	assert_int_equal(f.result, DISK_OK);
	assert_int_equal(r.result, DISK_OK);
	assert_memory_equal(memory, memory + 0x8000, 2048);
	assert_int_equal(b.used, 0);
}

static void zeroes_and_discards(void **state)
{
	struct asked z = request(BLOCK_ZERO, 1, 2, 0), d = request(BLOCK_DISCARD, 5, 9, 0);

	memset(disk_bytes, 1, sizeof(disk_bytes));
	assert_int_equal(submit(&z), 0);
	assert_int_equal(submit(&d), 0);
	assert_true(serve(VBLK_OK) && serve(VBLK_UNSUPP));
	turn();
	assert_int_equal(z.result, DISK_OK);
	assert_int_equal(d.result, DISK_UNSUPPORTED);
	assert_int_equal(disk_bytes[511], 1);
	assert_int_equal(disk_bytes[512], 0);
	assert_int_equal(disk_bytes[512 * 3 - 1], 0);
	assert_int_equal(disk_bytes[512 * 3], 1);
}

static void wrong_requests(void **state)
{
	struct asked a[] = { request(BLOCK_READ, SECTORS, 1, 0), request(BLOCK_READ, 0, 2049, 0), request(BLOCK_READ, ~0ul, 2, 0),
		request(BLOCK_READ, 0, 1, 0), request(BLOCK_WRITE, 0, 1, 0), request(BLOCK_ZERO, 0, 3000, 0) };

	a[3].piece[0].len = 511;
	for (u32 i = 0; i < ARRAY_COUNT(a); i++) {
		b.disk.readonly = i == 4;
		b.disk.sectors = i == 5 || i == 1 ? 1 << 20 : SECTORS;
		assert_int_equal(submit(&a[i]), 0);
		assert_int_equal(a[i].answers, 0);
		put_config(VBLK_CAPACITY, 8, b.disk.sectors);
		turn();
		assert_int_equal(a[i].answers, 1);
		assert_int_equal(a[i].result, i == 4 ? DISK_PROTECTED : i == 5 ? DISK_UNSUPPORTED : DISK_FAILED);
	}
	assert_false(serve(VBLK_OK));
}

static void a_full_queue(void **state)
{
	static struct asked a[VBLK_DEPTH + 1];

	for (u32 i = 0; i <= VBLK_DEPTH; i++) {
		a[i] = request(BLOCK_READ, i, 1, 512 * i);
		assert_int_equal(submit(&a[i]), i < VBLK_DEPTH ? 0 : -E_AGAIN);
	}
	for (u32 i = 0; i < VBLK_DEPTH; i++)
		assert_true(serve(i == 3 ? VBLK_IOERR : VBLK_OK));
	turn();
	for (u32 i = 0; i < VBLK_DEPTH; i++) {
		assert_int_equal(a[i].answers, 1);
		assert_int_equal(a[i].result, i == 3 ? DISK_FAILED : DISK_OK);
	}
	assert_int_equal(b.disk.errors, 1);
}

static void a_device_that_hangs(void **state)
{
	struct asked a = request(BLOCK_WRITE, 1, 1, 0), other = request(BLOCK_READ, 2, 1, 512);

	submit(&a);
	submit(&other);
	now += 29 * S;
	turn();
	assert_int_equal(resets, 0);
	now += 2 * S;
	turn();
	assert_int_equal(resets, 1);
	reset_obeyed = false;
	turn();
	assert_int_equal(restarts, 0);
	reset_obeyed = true;
	turn();
	turn();
	assert_int_equal(a.answers, 0);
	assert_true(serve(VBLK_OK));	/* once more: this one goes through, the other does not */
	turn();
	assert_int_equal(a.answers, 1);
	assert_int_equal(a.result, DISK_OK);
	now += 31 * S;
	turn();
	turn();
	assert_int_equal(other.answers, 1);
	assert_int_equal(other.result, DISK_TIMEOUT);
	assert_int_equal(b.disk.timeouts, 2);
	assert_int_equal(b.used + b.hold_back, 0);
	assert_int_equal(gone, 0);
}

static void a_request_during_a_reset(void **state)
{
	struct asked a = request(BLOCK_READ, 1, 1, 0);

	health = VIO_NEEDS_RESET;
	turn();
	assert_int_equal(b.state, VBLK_RESETS);
	health = VIO_WELL;
	assert_int_equal(submit(&a), 0);
	assert_false(serve(VBLK_OK));
	turn();
	turn();
	assert_true(serve(VBLK_OK));
	turn();
	assert_int_equal(a.result, DISK_OK);
	assert_int_equal(a.answers, 1);
}

static void a_device_that_lies(void **state)
{
	struct asked a = request(BLOCK_READ, 1, 1, 0);
	struct device_chain c;

	submit(&a);
	assert_true(device_take(&b.queue, &seen, &c));
	device_give(&b.queue, c.head + 1u, 0);	/* not what it was given */
	turn();
	assert_int_equal(resets, 1);
	turn();
	turn();
	assert_true(serve(VBLK_NO_STATUS));	/* done, it says, without a word how */
	turn();
	assert_int_equal(resets, 2);
	turn();
	assert_int_equal(a.answers, 1);
	assert_int_equal(a.result, DISK_TIMEOUT);
}

static void a_device_that_does_not_come_back(void **state)
{
	struct asked a = request(BLOCK_READ, 1, 1, 0), later = request(BLOCK_READ, 1, 1, 0);

	submit(&a);
	reset_obeyed = false;
	now += 31 * S;
	turn();
	now += 6 * S;
	turn();
	assert_int_equal(a.result, DISK_GONE);
	assert_int_equal(gone, 1);
	assert_int_equal(submit(&later), 0);
	assert_int_equal(later.answers, 0);
	turn();
	assert_int_equal(later.result, DISK_GONE);
	assert_int_equal(gone, 1);
}

static void a_device_that_is_unplugged(void **state)
{
	struct asked a = request(BLOCK_READ, 1, 1, 0);

	submit(&a);
	health = VIO_GONE;
	now += S;
	turn();
	assert_int_equal(a.result, DISK_GONE);
	assert_true(b.disk.gone);
}

static void another_kind_after_a_reset(void **state)
{
	struct asked a = request(BLOCK_READ, 1, 1, 0);

	submit(&a);
	health = VIO_NEEDS_RESET;
	bad_restarts = 1;
	turn();
	turn();
	assert_int_equal(a.result, DISK_GONE);
}

static void it_grows(void **state)
{
	put_config(VBLK_CAPACITY, 8, 5000);
	now += S;
	turn();
	assert_int_equal(changed, 1);
	assert_int_equal(b.disk.sectors, 5000);
	put_config(VBLK_CAPACITY, 8, ~0ul);	/* nonsense changes nothing */
	now += S;
	turn();
	assert_int_equal(changed, 1);
}

static void without_tables(void **state)
{
	struct asked a[8];
	u32 taken = 0;

	b.queue.table = NULL;
	b.queue.table_pieces = 0;
	assert_null(vblk_read_config(&b));
	assert_int_equal(b.disk.pieces_max, 62);
	for (u32 i = 0; i < 8; i++) {
		a[i] = request(BLOCK_READ, 0, 20, 0);
		a[i].rq.pieces = 20;
		for (u32 k = 0; k < 20; k++)
			a[i].piece[k] = (struct dma_piece){ (u64)memory + 512 * k, 512 };
		taken += !submit(&a[i]);
	}
	assert_int_equal(taken, 2);	/* 22 descriptors each, of 64 */
	assert_true(serve(VBLK_OK) && serve(VBLK_OK));
	turn();
	assert_int_equal(a[0].answers + a[1].answers, 2);
	assert_int_equal(submit(&a[2]), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_it_says_is_judged, fresh), cmocka_unit_test_setup(data_goes_both_ways, fresh),
		cmocka_unit_test_setup(zeroes_and_discards, fresh), cmocka_unit_test_setup(wrong_requests, fresh),
		cmocka_unit_test_setup(a_full_queue, fresh), cmocka_unit_test_setup(a_device_that_hangs, fresh),
		cmocka_unit_test_setup(a_request_during_a_reset, fresh), cmocka_unit_test_setup(a_device_that_lies, fresh),
		cmocka_unit_test_setup(a_device_that_does_not_come_back, fresh),
		cmocka_unit_test_setup(a_device_that_is_unplugged, fresh), cmocka_unit_test_setup(another_kind_after_a_reset, fresh),
		cmocka_unit_test_setup(it_grows, fresh), cmocka_unit_test_setup(without_tables, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
