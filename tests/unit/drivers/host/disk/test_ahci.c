/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/host/disk/ahci_fake.c tests/unit/drivers/host/disk/disk_fake.c drivers/host/disk/ahci.c drivers/host/disk/ahci_command.c drivers/host/disk/ahci_identify.c drivers/host/disk/ahci_port.c hv/lib/string.c hv/lib/format.c */
/* A controller in memory, whose disks work, fail, are silent, are pulled out and put in. */
#include "ahci_fake.h"

static u8 data[64 * 4096] __attribute__((aligned(4096)));
static u8 back[64 * 4096] __attribute__((aligned(4096)));

static void fill(void)
{
	for (u32 i = 0; i < sizeof(data); i++)
		data[i] = (u8)(i * 11 + i / 512);
	memset(back, 0, sizeof(back));
}

static int running(void **state)
{
	ahci_fake_init(state);
	ahci_fake_probe();
	turns(40, 10);
	fill();
	return 0;
}

/* A disk whose queue is not there. */
static int plain(void **state)
{
	ahci_fake_init(state);
	hc.port[0].identify[76] = 0;
	ahci_fake_probe();
	turns(40, 10);
	fill();
	return 0;
}

static struct disk *disk_at(u32 port)
{
	return ahci->port[port].d;
}

static void run_one(struct disk *d, struct ask *a, enum disk_result result)
{
	assert_int_equal(ask(d, a), 0);
	assert_int_equal(a->done, 0);
	turns(40, 10);
	assert_int_equal(a->done, 1);
	assert_int_equal(a->result, result);
}

static void are_what_they_say(void **state)
{
	struct disk *d = disk_at(0);

	assert_int_equal(fake_disks, 2);
	assert_int_equal(strncmp(d->name, "sata", 4), 0);
	assert_string_equal(d->model, "Some disk");
	assert_string_equal(d->serial, "SN-1");
	assert_string_equal(d->firmware, "FW1");
	assert_int_equal(d->sectors, HC_SECTORS);
	assert_int_equal(d->sector_size, 512);
	assert_int_equal(d->physical_size, 4096);
	assert_true(d->fua && d->discard && !d->zero && d->write_cache && !d->rotational && !d->readonly);
	assert_int_equal(d->depth, 32);
	d = disk_at(1);
	assert_string_equal(d->model, "Some drive");
	assert_int_equal(d->sector_size, 2048);
	assert_int_equal(d->sectors, 4096);
	assert_true(d->readonly && !d->discard && !d->write_cache);
	assert_int_equal(hc.resets, 1);
	assert_int_equal(ahci->port[2].state, PORT_EMPTY);
}

static void both_ways(struct disk *d)
{
	static const struct { u64 sector, sectors; u32 off, pieces; } t[] = { { 0, 1, 0, 1 }, { 1, 8, 2, 1 }, { 64, 16, 0, 2 },
		{ 128, 65, 512, 65 }, { 512, 256, 1024, 1 }, { HC_SECTORS - 1, 1, 0, 1 } };
	struct ask a;

	for (u32 i = 0; i < ARRAY_COUNT(t); i++) {
		ask_make(&a, BLOCK_WRITE, t[i].sector, t[i].sectors, data + t[i].off, t[i].pieces);
		run_one(d, &a, DISK_OK);
		assert_memory_equal(hc.port[0].media + t[i].sector * 512, data + t[i].off, t[i].sectors * 512);
		memset(back, 0, sizeof(back));
		ask_make(&a, BLOCK_READ, t[i].sector, t[i].sectors, back + t[i].off, t[i].pieces);
		run_one(d, &a, DISK_OK);
		assert_memory_equal(back + t[i].off, data + t[i].off, t[i].sectors * 512);
	}
	assert_int_equal(hc.port[0].resets, 1);
}

static void queued(void **state)
{
	both_ways(disk_at(0));
	assert_true(hc.port[0].commands[0x60] == 6 && hc.port[0].commands[0x61] == 6 && !hc.port[0].commands[0x25]);
}

static void not_queued(void **state)
{
	both_ways(disk_at(0));
	assert_true(hc.port[0].commands[0x25] == 6 && hc.port[0].commands[0x35] == 6 && !hc.port[0].commands[0x60]);
}

static void other_operations(void **state)
{
	struct disk *d = disk_at(0);
	struct ask a;

	memset(hc.port[0].media, 0x55, sizeof(hc.port[0].media));
	ask_make(&a, BLOCK_FLUSH, 0, 0, NULL, 0);
	run_one(d, &a, DISK_OK);
	assert_int_equal(hc.port[0].commands[0xea], 1);
	ask_make(&a, BLOCK_DISCARD, 100, 50, NULL, 0);
	run_one(d, &a, DISK_OK);
	assert_true(hc.port[0].media[100 * 512 - 1] == 0x55 && !hc.port[0].media[100 * 512] &&
		    !hc.port[0].media[150 * 512 - 1] && hc.port[0].media[150 * 512] == 0x55);
	ask_make(&a, BLOCK_ZERO, 0, 8, NULL, 0);
	run_one(d, &a, DISK_UNSUPPORTED);
	ask_make(&a, BLOCK_WRITE, 0, 1, data, 1);
	a.rq.fua = true;
	run_one(d, &a, DISK_OK);
	assert_int_equal(hc.port[0].fua, 1);
	hc.port[0].wild = true;
	ask_make(&a, BLOCK_DISCARD, 0, 65535 * 64 + 10, NULL, 0);
	run_one(d, &a, DISK_OK);
	assert_int_equal(hc.port[0].commands[6], 3);
}

static void optical(void **state)
{
	struct disk *d = disk_at(1);
	struct ask a;

	for (u32 i = 0; i < HC_SECTORS * 512; i++)
		hc.port[1].media[i] = (u8)(i * 3 + i / 2048);
	ask_make(&a, BLOCK_READ, 8, 64, back, 4);
	run_one(d, &a, DISK_OK);
	assert_memory_equal(back, hc.port[1].media + 8 * 512, 64 * 512);
	ask_make(&a, BLOCK_WRITE, 8, 4, data, 1);
	run_one(d, &a, DISK_PROTECTED);
	ask_make(&a, BLOCK_FLUSH, 0, 0, NULL, 0);
	run_one(d, &a, DISK_OK);
	/* Not readable: six times; the drive stays. */
	hc.port[1].bad_lba = 5;
	hc.port[1].bad_error = 0x30;
	hc.port[1].bad_count = 6;
	for (u32 i = 0; i < 6; i++) {
		ask_make(&a, BLOCK_READ, 20, 4, back, 1);
		run_one(d, &a, DISK_MEDIUM);
	}
	ask_make(&a, BLOCK_READ, 20, 4, back, 1);
	run_one(d, &a, DISK_OK);
	hc.port[1].attention = 2;	/* has to tell something first */
	ask_make(&a, BLOCK_READ, 20, 4, back, 1);
	run_one(d, &a, DISK_OK);
	assert_int_equal(fake_gone, 0);
}

static void medium_comes_and_goes(void **state)
{
	struct ask a;
	struct disk *d = disk_at(1);

	hc.port[1].open = true;
	ask_make(&a, BLOCK_READ, 20, 4, back, 1);
	run_one(d, &a, DISK_GONE);
	assert_true(d->gone && fake_gone == 1);
	assert_int_equal(ahci->port[1].state, PORT_NO_MEDIUM);
	turns(50, 100);
	assert_int_equal(fake_disks, 2);
	hc.port[1].open = false;
	hc.port[1].attention = 1;
	turns(50, 100);
	assert_int_equal(fake_disks, 3);
	assert_ptr_not_equal(disk_at(1), d);
	ask_make(&a, BLOCK_READ, 20, 4, back, 1);
	run_one(disk_at(1), &a, DISK_OK);
}

static void full_queue(void **state)
{
	static struct ask a[AHCI_SLOTS + 1];
	struct disk *d = disk_at(0);

	hc.port[0].hold = true;
	for (u32 i = 0; i <= AHCI_SLOTS; i++) {
		ask_make(&a[i], BLOCK_READ, i, 1, back + 512 * i, 1);
		assert_int_equal(d->ops->submit(d, &a[i].rq), i < AHCI_SLOTS ? 0 : -E_AGAIN);
	}
	assert_int_equal(hc.port[0].ci, 0);
	d->ops->kick(d);
	assert_true(hc.port[0].ci == ~0u && hc.port[0].sact == ~0u);
	for (u32 i = 0; i < AHCI_SLOTS; i++)
		hc_release(0, (i * 13) % AHCI_SLOTS);
	turn(1);
	for (u32 i = 0; i < AHCI_SLOTS; i++)
		assert_true(a[i].done == 1 && a[i].result == DISK_OK);
	hc.port[0].hold = false;
	run_one(d, &a[AHCI_SLOTS], DISK_OK);
}

/* A flush waits for what came before, and what came after waits for the flush. */
static void flush_goes_alone(void **state)
{
	struct ask w[4], f, r[4];
	struct disk *d = disk_at(0);

	hc.port[0].hold = true;
	for (u32 i = 0; i < 4; i++) {
		ask_make(&w[i], BLOCK_WRITE, i, 1, data, 1);
		assert_int_equal(ask(d, &w[i]), 0);
	}
	ask_make(&f, BLOCK_FLUSH, 0, 0, NULL, 0);
	assert_int_equal(ask(d, &f), 0);
	for (u32 i = 0; i < 4; i++) {
		ask_make(&r[i], BLOCK_READ, i, 1, back, 1);
		assert_int_equal(ask(d, &r[i]), 0);
	}
	turns(5, 1);
	assert_int_equal(__builtin_popcount(hc.port[0].ci), 4);
	hc.port[0].hold = false;
	turns(2, 1);
	assert_true(w[3].done && !f.done && !r[0].done);
	turns(6, 1);
	assert_true(f.done && r[3].done);
	assert_int_equal(d->errors, 0);
}

static void done_submits(void **state)
{
	static struct ask a[100];

	for (u32 i = 0; i < 100; i++) {
		ask_make(&a[i], i % 10 ? BLOCK_READ : BLOCK_FLUSH, i, 1, back, i % 10 != 0);
		a[i].rq.sectors = i % 10 != 0;
		a[i].then = i < 99 ? &a[i + 1] : NULL;
		a[i].disk = disk_at(0);
	}
	assert_int_equal(ask(disk_at(0), &a[0]), 0);
	turns(250, 1);
	assert_int_equal(a[99].done, 1);
}

/* Only the bad one fails, the others are carried out, whether the disk tells which one it was or not. */
static void one_of_many_fails(void **state)
{
	static struct ask a[20];

	for (u32 no_log = 0; no_log < 2; no_log++) {
		running(state);
		hc.port[0].no_log = no_log;
		hc.port[0].bad_lba = 7;
		hc.port[0].bad_error = 0x40;
		hc.port[0].bad_count = 99;
		for (u32 i = 0; i < 20; i++) {
			ask_make(&a[i], i & 1 ? BLOCK_WRITE : BLOCK_READ, i, 1, i & 1 ? data + 512 * i : back + 512 * i, 1);
			assert_int_equal(disk_at(0)->ops->submit(disk_at(0), &a[i].rq), 0);
		}
		disk_at(0)->ops->kick(disk_at(0));
		turns(200, 5);
		for (u32 i = 0; i < 20; i++)
			assert_int_equal(a[i].done * 100 + a[i].result, 100 + (i == 7 ? DISK_MEDIUM : DISK_OK));
		assert_int_equal(hc.port[0].resets, 1);
		assert_int_equal(hc.port[0].commands[0x2f], 1);
		assert_true(no_log ? hc.port[0].commands[0x25] : !hc.port[0].commands[0x25]);
		assert_int_equal(disk_at(0)->errors, 1);
	}
}

static void plain_errors_in_words(void **state)
{
	static const struct { u8 error; enum disk_result result; u32 tries; } t[] = { { 0x40, DISK_MEDIUM, 1 }, { 0x10, DISK_MEDIUM, 1 },
		{ 0x04, DISK_FAILED, 1 }, { 0x84, DISK_FAILED, 3 } };
	struct ask a;

	for (u32 i = 0; i < ARRAY_COUNT(t); i++) {
		u32 before = hc.port[0].commands[0x25];

		hc.port[0].bad_lba = 3;
		hc.port[0].bad_error = t[i].error;
		hc.port[0].bad_count = 99;
		ask_make(&a, BLOCK_READ, 0, 8, back, 1);
		run_one(disk_at(0), &a, t[i].result);
		assert_int_equal(hc.port[0].commands[0x25] - before, t[i].tries);
	}
	hc.port[0].bad_count = 1;
	ask_make(&a, BLOCK_READ, 0, 8, back, 1);
	run_one(disk_at(0), &a, DISK_OK);
	hc.port[0].bad_count = 0;
	hc.port[0].short_read = true;	/* says that less came: not believed */
	ask_make(&a, BLOCK_READ, 0, 8, back, 1);
	run_one(disk_at(0), &a, DISK_FAILED);
}

static void late_is_reset(void **state)
{
	struct ask a, b;

	hc.port[0].hold = true;
	ask_make(&a, BLOCK_WRITE, 3, 1, data, 1);
	assert_int_equal(ask(disk_at(0), &a), 0);
	turns(98, 100);
	assert_int_equal(hc.port[0].resets, 1);
	hc.port[0].hold = false;
	hc.port[0].halted = true;	/* it lost the command */
	ask_make(&b, BLOCK_READ, 3, 1, back, 1);
	turns(4, 100);
	assert_int_equal(ask(disk_at(0), &b), 0);
	turns(30, 10);
	assert_int_equal(hc.port[0].resets, 2);
	assert_true(a.done == 1 && a.result == DISK_OK && b.done == 1 && b.result == DISK_OK);
	assert_true(disk_at(0)->timeouts == 1 && disk_at(0)->resets == 1 && fake_disks == 2);
	assert_memory_equal(hc.port[0].media + 3 * 512, data, 512);
}

static void given_up_after_tries(void **state)
{
	struct ask a, b;

	hc.port[0].hold = true;
	ask_make(&a, BLOCK_READ, 3, 1, data, 1);
	assert_int_equal(ask(disk_at(0), &a), 0);
	for (u32 i = 0; i < 400 && !a.done; i++) {
		turn(100);
		assert_true(!a.done || !(hc.port[0].cmd & 0x8000));
	}
	assert_true(a.done == 1 && a.result == DISK_TIMEOUT);
	hc.port[0].hold = false;
	turns(100, 5);
	ask_make(&b, BLOCK_READ, 3, 1, back, 1);
	run_one(disk_at(0), &b, DISK_OK);
	assert_int_equal(fake_gone, 0);
}

/* A port whose engine does not stop: the whole controller is reset, disks at other ports go on. */
static void stuck_engine(void **state)
{
	struct ask a, b;

	hc.port[0].hold = hc.port[0].stuck = true;
	ask_make(&a, BLOCK_READ, 3, 1, back, 1);
	ask_make(&b, BLOCK_READ, 4, 4, back, 1);
	assert_int_equal(ask(disk_at(0), &a), 0);
	turns(105, 100);
	hc.port[0].hold = false;
	turns(4, 100);
	assert_int_equal(ask(disk_at(1), &b), 0);
	turns(60, 20);
	assert_int_equal(hc.resets, 2);
	assert_true(a.done == 1 && a.result == DISK_OK && b.done == 1 && b.result == DISK_OK);
	/* It does not even reset: cut off, gone. */
	hc.never_resets = true;
	hc.port[0].hold = true;
	ask_make(&a, BLOCK_READ, 3, 1, back, 1);
	assert_int_equal(ask(disk_at(0), &a), 0);
	turns(140, 100);
	assert_int_equal(ahci->state, AHCI_DEAD);
	assert_true(a.done == 1 && a.result == DISK_GONE && !fake_master && fake_gone == 2);
	assert_int_equal(ask(disk_at(0), &a), -E_AGAIN);
}

static void pulled_out_in_mid_flight(void **state)
{
	static struct ask a[20];
	struct disk *d = disk_at(0);

	hc.port[0].hold = true;
	for (u32 i = 0; i < 20; i++) {
		ask_make(&a[i], i == 10 ? BLOCK_FLUSH : BLOCK_READ, i, i != 10, back, i != 10);
		assert_int_equal(ask(d, &a[i]), 0);
	}
	turn(1);
	hc_unplug(0);
	turns(80, 10);
	for (u32 i = 0; i < 20; i++)
		assert_true(a[i].done == 1 && a[i].result == DISK_GONE);
	assert_true(d->gone && fake_gone == 1 && ahci->port[0].state == PORT_EMPTY);
	hc.port[0].hold = false;
	hc_plug(0, HC_DISK);
	turns(80, 10);
	assert_int_equal(fake_disks, 3);
	assert_ptr_not_equal(disk_at(0), d);
	run_one(disk_at(0), (ask_make(&a[0], BLOCK_READ, 0, 1, back, 1), &a[0]), DISK_OK);
	hc_plug(2, HC_DISK);		/* at another port */
	turns(80, 10);
	assert_int_equal(fake_disks, 4);
	hc_plug(3, HC_STRANGE);
	turns(80, 10);
	assert_int_equal(ahci->port[3].state, PORT_OTHER);
	hc_unplug(3);
	turns(80, 10);
	hc_plug(3, HC_OPTICAL);
	turns(80, 10);
	assert_int_equal(fake_disks, 5);
}

/* The link fails for a moment: the same disk goes on; another one in its place is another disk. */
static void link_lost(void **state)
{
	struct ask a;
	struct disk *d = disk_at(0);

	hc.port[0].hold = true;
	ask_make(&a, BLOCK_WRITE, 0, 1, data, 1);
	assert_int_equal(ask(d, &a), 0);
	hc_unplug(0);
	hc_plug(0, HC_DISK);
	hc.port[0].hold = false;
	turns(60, 10);
	assert_true(a.done == 1 && a.result == DISK_OK);
	assert_true(fake_disks == 2 && !fake_gone && d == disk_at(0));
	hc.port[0].hold = true;
	ask_make(&a, BLOCK_WRITE, 1, 1, data, 1);
	assert_int_equal(ask(d, &a), 0);
	hc_unplug(0);
	hc_plug(0, HC_DISK);
	hc.port[0].hold = false;
	hc.port[0].identify[12]++;
	turns(60, 10);
	assert_true(a.done == 1 && a.result == DISK_GONE);
	assert_true(fake_disks == 3 && fake_gone == 1 && d != disk_at(0));
	assert_true(hc.port[0].media[512] != data[0] || !data[0]);
}

static void controller_gone(void **state)
{
	struct ask a;

	hc.port[0].hold = true;
	ask_make(&a, BLOCK_WRITE, 0, 1, data, 1);
	assert_int_equal(ask(disk_at(0), &a), 0);
	hc.gone = true;
	turns(3, 100);
	assert_true(a.done == 1 && a.result == DISK_GONE && fake_gone == 2 && !fake_master);
}

static void controller_lost(void **state)
{
	struct ask a;

	ask_make(&a, BLOCK_WRITE, 0, 1, data, 1);
	hc.ghc = 0;
	assert_int_equal(ask(disk_at(0), &a), 0);
	turns(60, 10);
	assert_true(a.done == 1 && a.result == DISK_OK && hc.resets == 2);
	fake_absent = true;
	hc.ghc = 0;
	turns(20, 10);
	assert_true(fake_gone == 2 && !fake_master);
}

static void health(void **state)
{
	struct disk *d = disk_at(0);

	turns(20, 10);
	assert_true(d->health.known && !d->health.failing);
	assert_int_equal(d->health.celsius, 37);
	assert_int_equal(d->health.power_on_hours, 10000);
	assert_int_equal(d->health.media_errors, 5);
	assert_int_equal(d->health.percent_used, 255);
	assert_true(d->health.unsafe_shutdowns == ~0ul);
	hc.port[0].smart_failing = true;
	d->ops->ask_health(d);
	turns(20, 10);
	assert_true(d->health.failing);
	disk_at(1)->ops->ask_health(disk_at(1));
	turns(20, 10);
	assert_false(disk_at(1)->health.known);
}

static void identify_that_is_refused(void **state)
{
	static const struct { u32 word; u16 val; } t[] = { { 83, 0 }, { 83, 0x4000 }, { 49, 0 }, { 100, 0 }, { 103, 0xffff },
		{ 106, 0x5000 } };

	for (u32 i = 0; i < ARRAY_COUNT(t); i++) {
		ahci_fake_init(state);
		hc.port[0].identify[t[i].word] = t[i].val;
		ahci_fake_probe();
		assert_int_equal(ahci->port[0].state, PORT_FAILED);
		assert_non_null(ahci->port[0].why);
		assert_int_equal(fake_disks, 1);
	}
}

static void blocks_of_4096(void **state)
{
	struct ask a;

	ahci_fake_init(state);
	hc.port[0].identify[100] = HC_SECTORS / 8;
	hc.port[0].identify[106] = 0x5000;
	hc.port[0].identify[117] = 2048;
	ahci_fake_probe();
	fill();
	assert_int_equal(disk_at(0)->sector_size, 4096);
	assert_int_equal(disk_at(0)->sectors, HC_SECTORS);
	ask_make(&a, BLOCK_WRITE, 16, 24, data, 3);
	run_one(disk_at(0), &a, DISK_OK);
	assert_memory_equal(hc.port[0].media + 16 * 512, data, 24 * 512);
}

static void failures_at_boot(void **state)
{
	ahci_fake_init(state);
	hc.gone = true;
	assert_int_equal(ahci_driver.probe(&fake_function), -E_NODEV);
	ahci_fake_init(state);
	hc.never_resets = true;
	assert_int_equal(ahci_driver.probe(&fake_function), -E_NODEV);
	ahci_fake_init(state);
	hc.pi = 0;
	assert_int_equal(ahci_driver.probe(&fake_function), -E_NODEV);
	for (u64 pages = 0; pages < 80; pages += 5) {	/* short of memory */
		ahci_fake_init(state);
		fake_pages_left = pages;
		if (ahci_driver.probe(&fake_function))
			continue;
		ahci = fake_function.state;
		now = tsc_now();
		turns(40, 10);
		assert_true(fake_disks == 2 || ahci->port[3].state == PORT_NONE);
	}
	ahci_fake_init(state);
	hc.cap &= 0x7fffffff;		/* reaches only what lies below 4 GiB: this test's memory does not */
	ahci_fake_probe();
	assert_int_equal(fake_disks, 0);
	ahci_fake_init(state);
	hc.port[0].busy = true;
	ahci_fake_probe();
	assert_int_equal(fake_disks, 1);
	hc.port[0].tfd = 0x50;		/* its motor runs */
	turns(20, 10);
	assert_int_equal(fake_disks, 2);
	ahci_fake_init(state);
	hc.port[0].silent = true;
	ahci_fake_probe();
	turns(500, 100);
	assert_int_equal(ahci->port[0].state, PORT_FAILED);
	assert_int_equal(fake_disks, 1);
}

static void says_how_it_is(void **state)
{
	char line[256];

	ahci_driver.describe(&fake_function, line, sizeof(line));
	assert_non_null(strstr(line, "Some disk, runs"));
	ahci_driver.describe(&fake_function, line, 10);
	assert_int_equal(strlen(line), 9);
}

static void goes_down(void **state)
{
	struct ask a;

	ask_make(&a, BLOCK_WRITE, 0, 8, data, 1);
	assert_int_equal(ask(disk_at(0), &a), 0);
	ahci_driver.stop(&fake_function);
	assert_true(a.done == 1 && a.result == DISK_OK);
	assert_true(hc.port[0].commands[0xea] == 1 && hc.port[0].commands[0xe0] == 1 && !fake_master);
	running(state);
	hc.port[0].silent = true;
	assert_int_equal(ask(disk_at(0), &a), 0);
	ahci_driver.stop(&fake_function);
	assert_false(fake_master);
}

static void at_random(void **state)
{
	static struct ask a[40];
	bool out[40] = { false };

	srand(5);
	for (u32 i = 0; i < 30000 && ahci->state != AHCI_DEAD; i++) {
		u32 r = (u32)rand(), k = (u32)rand() % 40;
		struct hc_port *p = &hc.port[0];
		struct disk *d = disk_at(0);

		if (!out[k] && d) {
			ask_make(&a[k], (enum block_op)(r % 5), (u32)rand() % 2000, r % 5 == 2 ? 0 : 1 + r % 8, back, r % 5 < 2);
			out[k] = !ask(d, &a[k]);
		}
		p->hold = (r >> 8) % 4 == 0;
		p->silent = (r >> 12) % 16 == 0;
		p->no_log = r >> 16 & 1;
		if (r % 31 == 0) {
			p->bad_lba = (u32)rand() % 2000;
			p->bad_count = r % 4;
			p->bad_error = (u8)(r >> 20);
		}
		if (r % 499 == 0)
			hc_unplug(0);
		else if (r % 499 == 1 && p->kind == HC_NONE)
			hc_plug(0, HC_DISK);
		if (r % 997 == 5)
			p->is |= (u32)rand();
		turn(r % 3000 == 1 ? 12000 : r % 8);
		for (u32 j = 0; j < 40; j++) {
			assert_true(a[j].done <= 1);
			out[j] = out[j] && !a[j].done;
		}
	}
	hc.port[0].hold = hc.port[0].silent = false;
	hc.port[0].bad_count = 0;
	turns(600, 100);
	for (u32 j = 0; j < 40; j++)
		assert_true(!out[j] || a[j].done == 1);
	assert_int_equal(ahci->port[0].free, ~0u);
}

/* An event of a port without a device, as firmware leaves them: taken once, or the control core would never rest. */
static void event_of_an_empty_port(void **state)
{
	(void)state;
	turns(20, 1);
	hc.port[2].is = 0x40;
	hc.port[2].serr = 0x04000000;
	hc.is |= 4;
	turns(20, 1);
	assert_int_equal(hc.port[2].is, 0);
	assert_int_equal(hc.port[2].serr, 0);
	assert_int_equal(hc.is & 4, 0);
}

#define RUNNING(f) cmocka_unit_test_setup(f, running)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUNNING(are_what_they_say), RUNNING(queued), cmocka_unit_test_setup(not_queued, plain), RUNNING(other_operations),
		RUNNING(optical), RUNNING(medium_comes_and_goes), RUNNING(full_queue), RUNNING(flush_goes_alone),
		RUNNING(done_submits), RUNNING(one_of_many_fails), cmocka_unit_test_setup(plain_errors_in_words, plain),
		RUNNING(late_is_reset), RUNNING(given_up_after_tries), RUNNING(stuck_engine), RUNNING(pulled_out_in_mid_flight),
		RUNNING(link_lost), RUNNING(controller_gone), RUNNING(controller_lost), RUNNING(health), RUNNING(identify_that_is_refused),
		RUNNING(blocks_of_4096), RUNNING(failures_at_boot), RUNNING(says_how_it_is), RUNNING(goes_down), RUNNING(at_random),
		RUNNING(event_of_an_empty_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
