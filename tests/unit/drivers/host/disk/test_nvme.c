/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/host/disk/nvme_fake.c tests/unit/drivers/host/disk/disk_fake.c drivers/host/disk/nvme.c drivers/host/disk/nvme_admin.c drivers/host/disk/nvme_ns.c drivers/host/disk/nvme_queue.c drivers/host/disk/nvme_ring.c drivers/host/disk/nvme_up.c hv/lib/string.c hv/lib/format.c */
/* A controller in memory that works, that fails, that is silent, and that says anything. */
#include "nvme_fake.h"

static u8 data[64 * 4096] __attribute__((aligned(4096)));
static u8 back[64 * 4096] __attribute__((aligned(4096)));

static int running(void **state)
{
	nvme_fake_init(state);
	nvme_fake_probe();
	assert_int_equal(nvme->state, NVME_RUNS);
	turns(4, 1);
	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 7 + i / 4096);
	memset(back, 0, sizeof(back));
	return 0;
}

static void run_one(struct ask *a, enum disk_result result)
{
	assert_int_equal(ask(fake_disk[0], a), 0);
	assert_int_equal(a->done, 0);
	turns(6, 1);
	assert_int_equal(a->done, 1);
	assert_int_equal(a->result, result);
}

static void is_what_it_says(void **state)
{
	struct disk *d = fake_disk[0];

	assert_int_equal(fake_disks, 1);
	assert_true(!strncmp(d->name, "nvme", 4) && strstr(d->name, "n1"));
	assert_string_equal(d->model, "A model of its own");
	assert_string_equal(d->serial, "SER?AL");
	assert_string_equal(d->firmware, "1.0");
	assert_int_equal(d->sectors, HC_SECTORS);
	assert_int_equal(d->sector_size, 512);
	assert_int_equal(d->bytes_max, 32 * 4096);
	assert_true(d->fua && d->discard && d->zero && d->write_cache && d->page_pieces && !d->readonly);
	assert_int_equal(nvme->queues, 1);
	assert_true(hc.event_asked);
	assert_int_equal(hc.features[11], 0x11f);
	assert_true(fake_master);
}

static void reads_and_writes(void **state)
{
	static const struct { u64 sector, sectors; u32 off, pieces; } t[] = { { 0, 1, 0, 1 }, { 1, 8, 512, 1 }, { 9, 8, 4, 1 },
		{ 64, 16, 0, 2 }, { 128, 256, 0, 32 }, { 512, 256, 2048, 1 }, { HC_SECTORS - 1, 1, 0, 1 } };
	struct ask a;

	for (u32 i = 0; i < ARRAY_COUNT(t); i++) {
		ask_make(&a, BLOCK_WRITE, t[i].sector, t[i].sectors, data + t[i].off, t[i].pieces);
		run_one(&a, DISK_OK);
		assert_memory_equal(hc.media + t[i].sector * 512, data + t[i].off, t[i].sectors * 512);
		memset(back, 0, sizeof(back));
		ask_make(&a, BLOCK_READ, t[i].sector, t[i].sectors, back + t[i].off, t[i].pieces);
		run_one(&a, DISK_OK);
		assert_memory_equal(back + t[i].off, data + t[i].off, t[i].sectors * 512);
	}
	assert_int_equal(hc.resets, 0);
}

/* A first piece from the middle of its page to its end, whole pages, a last one that ends early: scattered. */
static void scattered_pieces(void **state)
{
	struct ask a;

	ask_make(&a, BLOCK_WRITE, 10, 19, data, 1);
	a.rq.pieces = 4;
	a.piece[0] = (struct dma_piece){ (u64)data + 2 * 4096 + 3584, 512 };
	a.piece[1] = (struct dma_piece){ (u64)data + 9 * 4096, 4096 };
	a.piece[2] = (struct dma_piece){ (u64)data + 5 * 4096, 4096 };
	a.piece[3] = (struct dma_piece){ (u64)data + 20 * 4096, 1024 };
	run_one(&a, DISK_OK);
	assert_int_equal(hc.last_prp2_list, 3);
	assert_memory_equal(hc.media + 10 * 512, data + 2 * 4096 + 3584, 512);
	assert_memory_equal(hc.media + 11 * 512, data + 9 * 4096, 4096);
	assert_memory_equal(hc.media + 19 * 512, data + 5 * 4096, 4096);
	assert_memory_equal(hc.media + 27 * 512, data + 20 * 4096, 1024);
}

static void other_operations(void **state)
{
	struct ask a;

	memset(hc.media, 0x55, sizeof(hc.media));
	ask_make(&a, BLOCK_FLUSH, 0, 0, NULL, 0);
	run_one(&a, DISK_OK);
	assert_int_equal(hc.commands[0], 1);
	ask_make(&a, BLOCK_ZERO, 5, 1000, NULL, 0);
	a.rq.fua = true;
	run_one(&a, DISK_OK);
	assert_true(hc.last.cdw12 >> 30 & 1);
	assert_true(hc.media[5 * 512 - 1] == 0x55 && !hc.media[5 * 512] && !hc.media[1005 * 512 - 1]);
	ask_make(&a, BLOCK_DISCARD, 1500, 10, NULL, 0);
	run_one(&a, DISK_OK);
	assert_true(hc.media[1500 * 512 - 1] == 0x55 && !hc.media[1500 * 512] && hc.media[1510 * 512] == 0x55);
	ask_make(&a, BLOCK_WRITE, 0, 1, data, 1);
	run_one(&a, DISK_OK);
	assert_false(hc.last.cdw12 >> 30 & 1);
	a.rq.fua = true;
	a.done = 0;
	run_one(&a, DISK_OK);
	assert_true(hc.last.cdw12 >> 30 & 1);
}

/* More blocks than a command's field holds. */
static void long_ones_in_parts(void **state)
{
	struct ask a;

	nvme_fake_init(state);
	hc.ns[2].blocks = 1ul << 34;
	hc.ns[2].format = 9;
	hc.ns[1].blocks = 0;
	nvme_fake_probe();
	turns(4, 1);
	ask_make(&a, BLOCK_ZERO, 7, 65536 * 2 + 5, NULL, 0);
	run_one(&a, DISK_OK);
	assert_int_equal(hc.commands[8], 3);
	assert_int_equal(hc.last.cdw12, 4);
	assert_int_equal(hc.last.cdw10, 7 + 65536 * 2);
	ask_make(&a, BLOCK_DISCARD, 0, (1ul << 32) + 8, NULL, 0);
	run_one(&a, DISK_OK);
	assert_int_equal(hc.commands[9], 3);
}

static void blocks_of_4096(void **state)
{
	struct ask a;

	nvme_fake_init(state);
	hc.ns[1].blocks = HC_SECTORS / 8;
	hc.ns[1].format = 12;
	nvme_fake_probe();
	turns(4, 1);
	assert_int_equal(fake_disk[0]->sector_size, 4096);
	assert_int_equal(fake_disk[0]->sectors, HC_SECTORS);
	ask_make(&a, BLOCK_WRITE, 16, 24, data, 3);
	run_one(&a, DISK_OK);
	assert_int_equal(hc.last.cdw10, 2);
	assert_int_equal(hc.last.cdw12, 2);
	assert_memory_equal(hc.media + 16 * 512, data, 24 * 512);
}

static void queues_wrap(void **state)
{
	struct ask a;

	for (u32 i = 0; i < 1000; i++) {
		ask_make(&a, i & 1 ? BLOCK_READ : BLOCK_WRITE, i, 8, i & 1 ? back : data, 1);
		run_one(&a, DISK_OK);
	}
	assert_int_equal(nvme->bogus, 0);
	assert_int_equal(hc.resets, 0);
}

/* So many as it says, one doorbell for all; then it is full; completions in any order. */
static void full_queue(void **state)
{
	static struct ask a[NVME_SLOTS + 1];
	struct disk *d = fake_disk[0];
	u32 bells;

	hc.hold = true;
	assert_int_equal(d->depth, NVME_SLOTS);
	turn(1);
	bells = hc.doorbells;
	for (u32 i = 0; i <= NVME_SLOTS; i++) {
		ask_make(&a[i], BLOCK_READ, i, 1, back + 512 * i, 1);
		assert_int_equal(d->ops->submit(d, &a[i].rq), i < NVME_SLOTS ? 0 : -E_AGAIN);
	}
	turn(1);
	assert_int_equal(hc.held_count, 0);
	d->ops->kick(d);
	d->ops->kick(d);
	turn(1);
	assert_int_equal(hc.doorbells, bells + 1);
	assert_int_equal(hc.held_count, NVME_SLOTS);
	hc.hold = false;
	while (hc.held_count)
		hc_release((hc.held_count * 7) % hc.held_count / 2, 0);
	turn(1);
	for (u32 i = 0; i < NVME_SLOTS; i++)
		assert_true(a[i].done == 1 && a[i].result == DISK_OK);
	assert_int_equal(ask(d, &a[NVME_SLOTS]), 0);
	turns(2, 1);
	assert_int_equal(a[NVME_SLOTS].done, 1);
}

static void done_submits(void **state)
{
	static struct ask a[100];

	for (u32 i = 0; i < 100; i++) {
		ask_make(&a[i], BLOCK_READ, i, 1, back, 1);
		a[i].then = i < 99 ? &a[i + 1] : NULL;
		a[i].disk = fake_disk[0];
	}
	assert_int_equal(ask(fake_disk[0], &a[0]), 0);
	turns(120, 1);
	assert_int_equal(a[99].done, 1);
}

static void errors_in_words(void **state)
{
	static const struct { u16 status; enum disk_result result; u32 tries; } t[] = {
		{ 0x4281, DISK_MEDIUM, 1 }, { 0x280, DISK_MEDIUM, 1 }, { 0x286, DISK_PROTECTED, 1 }, { 0x4020, DISK_PROTECTED, 1 },
		{ 0x4182, DISK_PROTECTED, 1 }, { 0x4001, DISK_UNSUPPORTED, 1 }, { 0x4002, DISK_UNSUPPORTED, 1 },
		{ 0x4080, DISK_FAILED, 1 }, { 0x4082, DISK_FAILED, 1 }, { 0x06, DISK_FAILED, 3 }, { 0x82, DISK_FAILED, 3 },
		{ 0x7fff, DISK_FAILED, 1 } };
	struct ask a;

	for (u32 i = 0; i < ARRAY_COUNT(t); i++) {
		u32 before = hc.commands[2];

		hc.fail_opcode = 2;
		hc.fail_status = t[i].status;
		hc.fail_count = 9;
		ask_make(&a, BLOCK_READ, 0, 1, back, 1);
		assert_int_equal(ask(fake_disk[0], &a), 0);
		turns(40, 20);
		assert_int_equal(a.done, 1);
		assert_int_equal(a.result, t[i].result);
		assert_int_equal(hc.commands[2] - before, t[i].tries);
	}
	assert_int_equal(hc.resets, 0);
	hc.fail_status = 0x82;
	hc.fail_count = 2;		/* passes */
	ask_make(&a, BLOCK_READ, 0, 1, back, 1);
	assert_int_equal(ask(fake_disk[0], &a), 0);
	turns(40, 20);
	assert_true(a.done == 1 && a.result == DISK_OK);
}

/* Late, aborted, tried again; the others do not notice. */
static void late_is_aborted(void **state)
{
	struct ask a, b;

	hc.hold = true;
	ask_make(&a, BLOCK_WRITE, 3, 1, data, 1);
	assert_int_equal(ask(fake_disk[0], &a), 0);
	turn(1);
	hc.hold = false;
	turns(95, 100);
	assert_int_equal(hc.admin[8], 0);
	ask_make(&b, BLOCK_READ, 3, 1, back, 1);
	run_one(&b, DISK_OK);
	turns(10, 100);
	assert_int_equal(hc.admin[8], 1);
	assert_int_equal(a.done, 1);
	assert_int_equal(a.result, DISK_OK);
	assert_int_equal(hc.resets, 0);
	assert_int_equal(fake_disk[0]->timeouts, 1);
	assert_memory_equal(hc.media + 3 * 512, data, 512);
}

static void no_abort_so_reset(void **state)
{
	struct ask a[8], never;

	hc.silent_abort = hc.hold = true;
	for (u32 i = 0; i < 8; i++) {
		ask_make(&a[i], BLOCK_WRITE, i, 1, data + 512 * i, 1);
		assert_int_equal(ask(fake_disk[0], &a[i]), 0);
	}
	turns(102, 100);
	assert_int_equal(hc.admin[8], 1);
	assert_int_equal(hc.resets, 0);
	hc.hold = false;
	turns(45, 100);
	assert_int_equal(hc.resets, 1);
	for (u32 i = 0; i < 8; i++)
		assert_true(a[i].done == 1 && a[i].result == DISK_OK);
	assert_memory_equal(hc.media, data, 8 * 512);
	assert_int_equal(fake_disk[0]->resets, 1);
	assert_int_equal(nvme->state, NVME_RUNS);
	assert_int_equal(fake_disks, 1);
	/* What is never answered is given up in the end, the disk lives on. */
	hc.hold = true;
	ask_make(&never, BLOCK_READ, 0, 1, back, 1);
	assert_int_equal(ask(fake_disk[0], &never), 0);
	turns(145, 100);
	hc.hold = false;
	ask_make(&a[0], BLOCK_READ, 1, 1, back, 1);
	assert_int_equal(ask(fake_disk[0], &a[0]), 0);
	turns(10, 100);
	assert_int_equal(a[0].done, 1);
	hc.hold = true;
	turns(500, 100);
	assert_true(never.done == 1);
}

static void given_up_after_tries(void **state)
{
	struct ask a, b;

	hc.silent_abort = true;
	hc.silent_io = true;
	ask_make(&a, BLOCK_READ, 0, 1, back, 1);
	assert_int_equal(ask(fake_disk[0], &a), 0);
	for (u32 i = 0; i < 600 && !a.done; i++) {
		turn(100);
		assert_true(!a.done || hc.resets == 3);	/* answered only once it is stopped */
	}
	assert_int_equal(a.done, 1);
	assert_int_equal(a.result, DISK_TIMEOUT);
	hc.silent_io = false;
	turns(20, 10);
	ask_make(&b, BLOCK_READ, 0, 1, back, 1);
	run_one(&b, DISK_OK);
	assert_int_equal(fake_gone, 0);
}

static void reset_and_submit_meanwhile(void **state)
{
	struct ask a, b;

	ask_make(&a, BLOCK_READ, 0, 1, back, 1);
	ask_make(&b, BLOCK_READ, 0, 1, back, 1);
	hc.hold = true;
	assert_int_equal(ask(fake_disk[0], &a), 0);
	turn(1);
	hc.hold = false;
	fake_set(0x1c, 3);		/* a fatal error */
	turn(200);
	assert_int_equal(nvme->state, NVME_DOWN);
	assert_int_equal(ask(fake_disk[0], &b), 0);
	assert_int_equal(b.done, 0);
	turns(40, 1);
	assert_true(a.done == 1 && a.result == DISK_OK);
	assert_true(b.done == 1 && b.result == DISK_OK);
	assert_int_equal(nvme->resets, 1);
}

static void gone_in_mid_flight(void **state)
{
	static struct ask a[20];
	struct ask late;

	hc.hold = true;
	for (u32 i = 0; i < 20; i++) {
		ask_make(&a[i], BLOCK_READ, i, 1, back + 512 * i, 1);
		a[i].then = &late;	/* done() submits: it is refused */
		a[i].disk = fake_disk[0];
		assert_int_equal(ask(fake_disk[0], &a[i]), 0);
	}
	ask_make(&late, BLOCK_READ, 0, 1, back, 1);
	turn(1);
	memset(fake_registers, 0xff, sizeof(fake_registers));
	turn(200);
	for (u32 i = 0; i < 20; i++)
		assert_true(a[i].done == 1 && a[i].result == DISK_GONE);
	assert_int_equal(late.done, 0);
	assert_true(fake_disk[0]->gone);
	assert_int_equal(fake_gone, 1);
	assert_false(fake_master);
	assert_int_equal(ask(fake_disk[0], &late), -E_AGAIN);
	turns(10, 1000);
	assert_int_equal(fake_gone, 1);
}

/* As some machines answer for what is not there: registers read as zeros. */
static void gone_reads_zeros(void **state)
{
	struct ask a;

	hc.hold = true;
	ask_make(&a, BLOCK_READ, 0, 1, back, 1);
	assert_int_equal(ask(fake_disk[0], &a), 0);
	turn(1);
	fake_absent = true;
	memset(fake_registers, 0, sizeof(fake_registers));
	turn(200);
	assert_true(a.done == 1 && a.result == DISK_GONE && fake_gone == 1 && !fake_master);
	running(state);
	fake_set(0x1c, 0);		/* it is there, but somebody reset it */
	turn(200);
	turns(40, 10);
	assert_true(nvme->state == NVME_RUNS && nvme->resets == 1);
}

/* Some seconds are no reason to abort a request. */
static void takes_its_time(struct disk *d)
{
	struct ask a;

	hc.hold = true;
	ask_make(&a, BLOCK_READ, 7, 1, back, 1);
	assert_int_equal(ask(d, &a), 0);
	turns(50, 100);
	assert_int_equal(d->timeouts + a.done + hc.admin[8], 0);
	hc.hold = false;
	hc_release(hc.held_count - 1, 0);
	turns(2, 1);
	assert_int_equal(a.done, 1);
}

/* Pulled under load, back with the same content, and then another drive in the same slot: the same memory serves. */
static void comes_back(void **state)
{
	struct ask a;
	u64 pages = fake_pages_left;
	u32 queues = nvme->queues;

	for (u32 n = 0; n < 3; n++) {
		struct disk *d = fake_disk[fake_disks - 1];

		d->owner = &a;			/* the block layer's */
		assert_false(nvme_driver.is_free(nvme));
		hc.hold = true;
		ask_make(&a, BLOCK_READ, n, 1, back, 1);
		assert_int_equal(ask(d, &a), 0);
		turn(1);
		fake_absent = true;
		memset(fake_registers, 0xff, sizeof(fake_registers));
		turn(200);
		assert_int_equal(a.done * 100 + a.result * 10 + fake_gone, 100 + DISK_GONE * 10 + n + 1);
		assert_false(nvme_driver.is_free(nvme));
		d->owner = NULL;
		assert_true(nvme_driver.is_free(nvme));
		fake_absent = hc.hold = false;
		hc_power_on();
		hc.identify[4] = (u8)('A' + n);	/* its serial number */
		assert_int_equal(nvme_driver.plug(&fake_function), 0);
		turns(40, 1);
		assert_int_equal(nvme->state, NVME_RUNS);
		assert_int_equal(fake_disks, n + 2);
		d = fake_disk[n + 1];
		assert_int_equal(d->serial[0], 'A' + n);
		ask_make(&a, BLOCK_WRITE, 5, 8, data, 1);
		assert_int_equal(ask(d, &a), 0);
		turns(6, 1);
		assert_true(a.done == 1 && a.result == DISK_OK);
		assert_memory_equal(hc.media + 5 * 512, data, 4096);
		takes_its_time(d);
	}
	assert_int_equal(nvme->queues, queues);
	assert_int_equal(fake_pages_left, pages);
}

static void reserved(void **state)
{
	struct nvme *n = nvme_driver.reserve(0x500);
	u64 pages = fake_pages_left;

	assert_non_null(n);
	assert_true(nvme_driver.is_free(n));
	assert_false(fake_work.poll(n, now));		/* an empty slot has its turns, too */
	fake_function.state = n;
	nvme = n;
	hc_power_on();
	hc.ns[2].blocks = HC_SECTORS;
	hc.ns[2].format = 9;
	assert_int_equal(nvme_driver.plug(&fake_function), 0);
	turns(60, 1);
	assert_int_equal(n->state, NVME_RUNS);
	assert_int_equal(n->queues, 1);
	assert_int_equal(fake_disks, 3);		/* one of the controller before, two of this one */
	assert_int_equal(fake_pages_left, pages);
	assert_string_not_equal(fake_disk[0]->name, fake_disk[1]->name);
	takes_its_time(fake_disk[1]);
	fake_pages_left = 0;
	assert_null(nvme_driver.reserve(0x500));
}

static void does_not_come_back(void **state)
{
	struct ask a;

	hc.hold = true;
	ask_make(&a, BLOCK_READ, 0, 1, back, 1);
	assert_int_equal(ask(fake_disk[0], &a), 0);
	turn(1);
	hc.never_ready = true;
	fake_set(0x1c, 3);
	turns(200, 100);
	assert_int_equal(nvme->state, NVME_DEAD);
	assert_true(a.done == 1 && a.result == DISK_GONE);
	assert_int_equal(fake_gone, 1);
	assert_false(fake_master);
}

static void cannot_be_stopped(void **state)
{
	struct ask a;

	hc.hold = true;
	ask_make(&a, BLOCK_READ, 0, 1, back, 1);
	assert_int_equal(ask(fake_disk[0], &a), 0);
	turn(1);
	hc.never_stops = true;
	fake_set(0x1c, 3);
	turns(20, 100);
	assert_true(a.done == 1 && a.result == DISK_GONE);
	assert_false(fake_master);
}

static void several_namespaces(void **state)
{
	struct ask a;

	nvme_fake_init(state);
	for (u32 i = 1; i <= 12; i++) {
		hc.ns[i].blocks = 1000 + i;
		hc.ns[i].format = 9;
	}
	hc.ns[2].format = 11;		/* 2048 bytes */
	hc.ns[3].metadata = 8;
	hc.ns[4].blocks = ~0ul;
	hc.ns[5].write_protected = 1;
	nvme_fake_probe();
	turns(4, 1);
	assert_int_equal(fake_disks, NVME_NAMESPACES_MAX);
	assert_int_equal(nvme->queues, 4);
	assert_int_equal(nvme->ns[1].nsid, 5);
	assert_true(fake_disk[1]->readonly);
	for (u32 i = 0; i < fake_disks; i++) {
		ask_make(&a, BLOCK_READ, 0, 1, back, 1);
		assert_int_equal(ask(fake_disk[i], &a), 0);
		turns(2, 1);
		assert_true(a.done == 1 && a.result == DISK_OK);
		assert_int_equal(hc.last.nsid, nvme->ns[i].nsid);
	}
}

static void one_queue_for_two(void **state)
{
	nvme_fake_init(state);
	hc.ns[2] = hc.ns[1];
	hc.short_of_queues = true;
	nvme_fake_probe();
	assert_int_equal(nvme->queues, 1);
	assert_int_equal(fake_disks, 2);
	assert_int_equal(fake_disk[0]->depth, NVME_SLOTS / 2);
}

static void version_without_lists(void **state)
{
	nvme_fake_init(state);
	hc.no_list = true;
	hc.ns[3] = hc.ns[1];
	nvme_fake_probe();
	assert_int_equal(fake_disks, 2);
	assert_int_equal(nvme->ns[1].nsid, 3);
	nvme_fake_init(state);
	fake_set(8, 0x10000);
	nvme_fake_probe();
	assert_int_equal(fake_disks, 1);
}

static void namespaces_come_and_go(void **state)
{
	struct ask a;

	hc.ns[7].blocks = 500;
	hc.ns[7].format = 9;
	hc_event(4 << 16 | 2);
	turns(20, 20);
	assert_int_equal(fake_disks, 2);
	assert_true(strstr(fake_disk[1]->name, "n7"));
	hc.ns[7].blocks = 600;
	hc_event(4 << 16 | 2);
	turns(20, 20);
	assert_int_equal(fake_changed, 1);
	assert_int_equal(fake_disk[1]->sectors, 600);
	/* Gone, a request under way. */
	hc.hold = true;
	ask_make(&a, BLOCK_READ, 0, 1, back, 1);
	assert_int_equal(ask(fake_disk[1], &a), 0);
	turn(1);
	hc.ns[7].blocks = 0;
	hc_event(4 << 16 | 2);
	turns(20, 20);
	assert_int_equal(fake_gone, 0);
	hc.hold = false;
	hc_release(0, 0);
	turns(20, 20);
	assert_true(a.done == 1 && a.result == DISK_FAILED);
	assert_int_equal(fake_gone, 1);
	assert_true(fake_disk[1]->gone && !fake_disk[0]->gone);
	/* Back, in other blocks: another disk. */
	hc.ns[7].blocks = 100;
	hc.ns[7].format = 12;
	hc_event(4 << 16 | 2);
	turns(20, 20);
	assert_int_equal(fake_disks, 3);
	assert_ptr_not_equal(fake_disk[2], fake_disk[1]);
	/* And in other blocks again while it is there. */
	hc.ns[7].format = 9;
	hc_event(4 << 16 | 2);
	turns(40, 20);
	assert_int_equal(fake_gone, 2);
	assert_int_equal(fake_disks, 4);
	assert_int_equal(fake_disk[3]->sector_size, 512);
}

static void health(void **state)
{
	struct disk *d = fake_disk[0];
	u32 logs;

	turns(10, 20);
	assert_true(d->health.known && !d->health.failing);
	assert_int_equal(d->health.celsius, -1000);
	hc.health[0] = 4;
	hc.health[1] = (u8)(273 + 41);
	hc.health[2] = (273 + 41) >> 8;
	hc.health[5] = 255;
	hc.health[128] = 9;
	hc.health[160] = 3;
	hc.health[152] = 1;		/* more than 64 bits */
	logs = fake_logs;
	hc_event(2 << 16 | 1 << 8 | 1);
	turns(10, 20);
	assert_true(d->health.failing);
	assert_int_equal(d->health.celsius, 41);
	assert_int_equal(d->health.percent_used, 254);
	assert_int_equal(d->health.power_on_hours, 9);
	assert_int_equal(d->health.media_errors, 3);
	assert_true(d->health.unsafe_shutdowns == ~0ul);
	assert_int_equal(fake_logs, logs + 1);
	d->ops->ask_health(d);
	turns(10, 20);
	assert_int_equal(fake_logs, logs + 1);	/* said once */
}

/* A flood of events costs a few commands a second. */
static void events_without_end(void **state)
{
	u32 before = hc.admin[12];

	for (u32 i = 0; i < 1000; i++) {
		if (hc.event_asked)
			hc_event(i % 3 ? 4 << 16 | 2 : 1);
		turn(1);
	}
	assert_true(hc.admin[12] - before <= 11);
	assert_int_equal(nvme->state, NVME_RUNS);
}

static void hostile_completions(void **state)
{
	struct ask a;

	ask_make(&a, BLOCK_READ, 0, 1, back, 1);
	hc.hold = true;
	assert_int_equal(ask(fake_disk[0], &a), 0);
	turn(1);
	hc_post(1, 9999, 0, 0);
	hc_post(1, NVME_SLOTS, 0, 0);
	hc_post(1, (a.rq.tag + 1) % NVME_SLOTS, 0, 0);
	hc.queue[1].head = 64;		/* a head that is none */
	hc_post(1, a.rq.tag, 0, 0);
	hc.queue[1].head = 1;
	turn(1);
	assert_int_equal(nvme->bogus, 4);
	assert_int_equal(a.done, 0);
	hc_post(0, 77, 0, 0);		/* of the admin queue */
	hc_post(0, ADMIN_HEALTH, 0, 0);
	turn(1);
	assert_int_equal(nvme->bogus, 6);
	hc_release(0, 0);
	turn(1);
	assert_int_equal(a.done, 1);
	hc_post(1, a.rq.tag, 0, 0);	/* a second time */
	turn(1);
	assert_int_equal(a.done, 1);
	hc.hold = false;
	for (u32 i = 0; i < 20; i++)
		hc_post(1, 500, 0, 0);
	turns(40, 1);
	assert_int_equal(hc.resets, 1);
	assert_int_equal(nvme->state, NVME_RUNS);
}

static void refused_at_boot(void **state)
{
	static const struct { u32 off, val; } t[] = { { 0, ~0u }, { 0, 30 }, { 4, 0 }, { 4, 1 << 5 | 1 << 16 }, { 4, 1 << 5 | 15 } };

	for (u32 i = 0; i < ARRAY_COUNT(t); i++) {
		nvme_fake_init(state);
		fake_set(t[i].off, t[i].val);
		if (!i)
			fake_set(4, ~0u);
		assert_int_equal(nvme_driver.probe(&fake_function), -E_NODEV);
		assert_true(fake_function.why[0]);
		assert_int_equal(fake_disks, 0);
	}
	for (u64 pages = 0; pages < 60; pages += 3) {	/* short of memory */
		nvme_fake_init(state);
		fake_pages_left = pages;
		if (!nvme_driver.probe(&fake_function)) {
			nvme = fake_function.state;
			assert_true(nvme->state != NVME_RUNS || fake_disks == 1);
		}
	}
}

static void slow_to_get_ready(void **state)
{
	nvme_fake_init(state);
	hc.never_ready = true;
	fake_wait = NULL;
	nvme_fake_probe();
	assert_int_equal(nvme->state, NVME_DOWN);
	assert_int_equal(fake_disks, 0);
	hc.never_ready = false;
	turns(30, 1);
	assert_int_equal(nvme->state, NVME_RUNS);
	assert_int_equal(fake_disks, 1);
}

static void admin_failures_end(void **state)
{
	static const u8 fatal[] = { 6, 9, 5, 1 };

	for (u32 i = 0; i < ARRAY_COUNT(fatal); i++) {
		nvme_fake_init(state);
		hc.admin_fail = fatal[i];
		nvme_fake_probe();
		turns(100, 10);
		assert_int_equal(nvme->state, NVME_DEAD);
		assert_int_equal(fake_disks, 0);
	}
	nvme_fake_init(state);
	hc.admin_fail = 12;		/* no events: it works without */
	nvme_fake_probe();
	turns(100, 10);
	assert_int_equal(nvme->state, NVME_RUNS);
	assert_true(hc.admin[12] <= 2);
}

static void no_room_above(void **state)
{
	nvme_fake_init(state);
	fake_refuse_disks = true;
	nvme_fake_probe();
	turns(10, 10);
	assert_int_equal(nvme->state, NVME_RUNS);
}

static void says_how_it_is(void **state)
{
	char text[256];

	nvme_driver.describe(&fake_function, text, sizeof(text));
	assert_non_null(strstr(text, "A model of its own, MSI-X, nvme"));
	nvme_driver.describe(&fake_function, text, 20);
	assert_int_equal(strlen(text), 19);
}

/* What is under way is done first; one that does not answer does not hold the machine up for ever. */
static void goes_down(void **state)
{
	struct ask a;

	ask_make(&a, BLOCK_WRITE, 0, 8, data, 1);
	assert_int_equal(ask(fake_disk[0], &a), 0);
	nvme_driver.stop(&fake_function);
	assert_true(a.done == 1 && a.result == DISK_OK);
	assert_int_equal(fake_u32(0x14) & 0xc001, 0x4001);
	assert_int_equal(fake_u32(0x1c), 9);
	assert_false(fake_master);
	running(state);
	hc.silent = true;
	assert_int_equal(ask(fake_disk[0], &a), 0);
	nvme_driver.stop(&fake_function);
	assert_false(fake_master);
}

/* Anything, at any moment: every request is answered once, and then it works. */
static void at_random(void **state)
{
	static struct ask a[40];
	bool out[40] = { false };

	srand(11);
	for (u32 i = 0; i < 30000 && nvme->state != NVME_DEAD; i++) {
		u32 r = (u32)rand(), k = (u32)rand() % 40;

		if (!out[k]) {
			ask_make(&a[k], (enum block_op)(r % 5), (u32)rand() % 2000, r % 5 == 2 ? 0 : 1 + r % 8, back, r % 5 < 2);
			out[k] = !ask(fake_disk[0], &a[k]);
		}
		hc.hold = (r >> 8) % 4 == 0;
		hc.silent = (r >> 12) % 16 == 0;
		if (hc.held_count && r % 3 == 0)
			hc_release((u32)rand() % hc.held_count, r & 64 ? (u32)rand() % 0x8000 : 0);
		if (r % 97 == 0 && hc.queue[1].cq)
			hc_post((u32)rand() % 2, (u32)rand() % 80, (u32)rand() % 0x800, (u32)rand());
		if (r % 997 == 0)
			fake_set(0x1c, fake_u32(0x1c) | 2);
		turn(r % 5000 == 1 ? 12000 : r % 8);
		for (u32 j = 0; j < 40; j++) {
			assert_true(a[j].done <= 1);
			out[j] = out[j] && !a[j].done;
		}
	}
	hc.hold = hc.silent = false;
	turns(600, 100);
	for (u32 j = 0; j < 40; j++)
		assert_true(!out[j] || a[j].done == 1);
	assert_int_equal(nvme->state == NVME_DEAD ? 1 : nvme->queue[0]->free_count == NVME_SLOTS, 1);
}

#define RUNNING(f) cmocka_unit_test_setup(f, running)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUNNING(is_what_it_says), RUNNING(reads_and_writes), RUNNING(scattered_pieces), RUNNING(other_operations),
		RUNNING(long_ones_in_parts), RUNNING(blocks_of_4096), RUNNING(queues_wrap), RUNNING(full_queue),
		RUNNING(done_submits), RUNNING(errors_in_words), RUNNING(late_is_aborted), RUNNING(no_abort_so_reset),
		RUNNING(given_up_after_tries), RUNNING(reset_and_submit_meanwhile), RUNNING(gone_in_mid_flight),
		RUNNING(gone_reads_zeros), RUNNING(comes_back), RUNNING(reserved), RUNNING(does_not_come_back), RUNNING(cannot_be_stopped), RUNNING(several_namespaces), RUNNING(one_queue_for_two),
		RUNNING(version_without_lists), RUNNING(namespaces_come_and_go), RUNNING(health), RUNNING(events_without_end),
		RUNNING(hostile_completions), RUNNING(refused_at_boot), RUNNING(slow_to_get_ready), RUNNING(admin_failures_end),
		RUNNING(no_room_above), RUNNING(says_how_it_is), RUNNING(goes_down), RUNNING(at_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
