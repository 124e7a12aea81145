/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fuzz/fuzz_virtq.c tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* Virtio: negotiation, both rings with a little driver, a disk's requests; and drivers that break the rules. */
#include "fuzz/virtq_fixture.h"

#include "../../../../../drivers/model/pci/vpci_int.h"

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define MODES 8u
#define NEEDS_RESET 0x40u

static int setup(void **state)
{
	*state = drv_guest_new(false);
	return 0;
}

static int teardown(void **state)
{
	drv_guest_free(*state);
	return 0;
}

/* All combinations of what a driver may take. */
static u64 mode_features(u32 mode)
{
	return (mode & 1 ? BIT(DRV_PACKED) : 0) | (mode & 2 ? BIT(DRV_EVENT) : 0) | (mode & 4 ? BIT(DRV_INDIRECT) : 0);
}

static bool is_filled(u64 at, u32 n, u8 with)
{
	for (u32 i = 0; i < n; i++)
		if (*ram(at + i) != with)
			return false;
	return true;
}

static void test_negotiation(void **state)
{
	assert_int_equal(drv_read(0x12, 2), FAKE_VCPUS);
	drv_write(0x00, 4, 1);
	assert_int_equal(drv_read(0x04, 4), 1u << 0 | 1u << 2 | 1u << 8);	/* VERSION_1, PACKED, RING_RESET */
	drv_write(0x00, 4, 2);
	assert_int_equal(drv_read(0x04, 4), 0);
	assert_int_equal(drv_start(0, 8), 0xf);
	assert_int_equal(drv_start(BIT(50), 8), 0x3);		/* not offered */
	drv_write(0x14, 1, 0);
	drv_write(0x14, 1, 3);
	drv_write(0x14, 1, 0xb);				/* without VERSION_1 */
	assert_int_equal(drv_read(0x14, 1), 0x3);
	drv_write(0x1c, 2, 1);					/* a queue before FEATURES_OK */
	assert_int_equal(drv_read(0x1c, 2), 0);
	drv_write(0x14, 1, 0x7);
	assert_int_equal(drv_read(0x14, 1), 0x3);
	drv_start(0, 8);
	drv_write(0x14, 1, 1);					/* bits are not taken back */
	assert_int_equal(drv_read(0x14, 1), 0xf);
	drv_write(0x14, 1, 0x8f);
	assert_int_equal(drv_read(0x14, 1), 0x8f);
	drv_write(0x14, 1, 0);
	assert_int_equal(drv_read(0x14, 1), 0);
	assert_int_equal(drv_read(0x18, 2), QUEUE_SIZE_MAX);
	assert_int_equal(drv_read(0x20, 8), 0);
}

static void test_registers(void **state)
{
	drv_write(0x16, 2, FAKE_VCPUS);			/* no such queue */
	assert_int_equal(drv_read(0x18, 2), 0);
	drv_write(0x18, 2, 4);
	drv_write(0x1c, 2, 1);
	drv_write(0x16, 2, 1);
	assert_int_equal(drv_read(0x1e, 2), 1);
	drv_write(0x1a, 2, 3);
	assert_int_equal(drv_read(0x1a, 2), 3);
	drv_write(0x1a, 2, 9);				/* the table has 9 entries */
	assert_int_equal(drv_read(0x1a, 2), 0xffff);
	drv_write(0x10, 2, 0xfffe);
	assert_int_equal(drv_read(0x10, 2), 0xffff);
	drv_write(0x24, 4, 0x12345678);
	drv_write(0x20, 4, 0x9abcdef0);
	assert_true(drv_read(0x20, 8) == 0x123456789abcdef0);
	assert_int_equal(drv_read(0x2000, 4), IMAGE_SIZE / 512);
	assert_int_equal(drv_read(0x2022, 2), FAKE_VCPUS);
	drv_write(0x2000, 4, 1);			/* nothing in it can be written */
	assert_int_equal(drv_read(0x2000, 8), IMAGE_SIZE / 512);
	assert_int_equal(drv_read(0x2001, 4), 0xffffffff);	/* crooked */
	assert_int_equal(drv_read(0x2800, 4), 0);
}

/* More rounds than the ring has places, in all modes: reads and writes with data in pieces. */
static void test_requests(void **state)
{
	const struct piece read[] = { { DATA + 0x200, 100, D_WRITE }, { DATA + 0x300, 412, D_WRITE },
		{ DATA + 0x1000, 512, D_WRITE } };
	const struct piece write[] = { { DATA + 0x2000, 1000, 0 }, { DATA + 0x4000, 24, 0 } };

	for (u32 mode = 0; mode < MODES; mode++) {
		u64 table = mode & 4 ? DATA + 0x8000 : 0;

		assert_int_equal(drv_start(mode_features(mode), 8), 0xf);
		for (u32 round = 0; round < 40; round++) {
			u8 sector = (u8)(round % 60);

			memset(ram(DATA + 0x2000), 0xa0 + (int)round, 1000);
			memset(ram(DATA + 0x4000), 0xa0 + (int)round, 24);
			assert_int_equal(drv_request(BLK_OUT, sector + 60u, write, 2, table), 0);
			assert_int_equal(drv.image[(sector + 61) * 512 + 511], (u8)(0xa0 + round));
			drv.image[sector * 512] = (u8)(sector + 1);
			assert_int_equal(drv_request(BLK_IN, sector, read, 3, table), 0);
			assert_true(is_filled(DATA + 0x201, 99, drv.image[sector * 512 + 1]));
			assert_true(is_filled(DATA + 0x300, 412, drv.image[sector * 512 + 1]));
			assert_true(is_filled(DATA + 0x1001, 511, drv.image[sector * 512 + 513]));
		}
		assert_int_equal(drv.b->d.queue[0].requests, 80);
		assert_int_equal(drv.b->d.errors, 0);
	}
}

/* A piece without a byte is none, wherever it stands. */
static void test_empty_pieces(void **state)
{
	const struct piece p[] = { { DATA, 0, 0 }, { DATA, 16, 0 }, { DATA, 0, D_WRITE }, { DATA + 0x200, 512, D_WRITE },
		{ DATA + 16, 1, D_WRITE }, { DATA + 17, 0, D_WRITE } };

	for (u32 mode = 0; mode < MODES; mode++) {
		u32 len = 0;

		drv_start(mode_features(mode), 8);
		memset(ram(DATA), 0, 32);
		memset(ram(DATA + 0x200), 0xee, 512);
		ram_put(DATA + 16, 0x55, 1);
		drv.image[0] = drv.image[511] = 0x17;
		drv_put(p, ARRAY_COUNT(p), mode & 4 ? DATA + 0x8000 : 0);
		drv_kick();
		assert_int_equal(drv_get(&len), 1);
		assert_int_equal(len, 513);
		assert_int_equal(*ram(DATA + 16), 0);
		assert_int_equal(*ram(DATA + 0x200), 0x17);
		assert_int_equal(*ram(DATA + 0x3ff), 0x17);
	}
}

static void test_disk_errors(void **state)
{
	struct guest *g = *state;
	const struct piece one = { DATA + 0x200, 512, D_WRITE }, odd = { DATA + 0x200, 511, D_WRITE },
		out = { DATA + 0x200, 512, 0 }, erase = { DATA + 0x400, 16, 0 }, id = { DATA + 0x600, 20, D_WRITE };

	drv_start(0, 8);
	assert_int_equal(drv_request(BLK_IN, 128, &one, 1, 0), 1);
	assert_int_equal(drv_request(BLK_IN, 127, &one, 1, 0), 0);
	assert_int_equal(drv_request(BLK_IN, U64_MAX, &one, 1, 0), 1);
	assert_int_equal(drv_request(BLK_IN, 0, &odd, 1, 0), 1);
	assert_int_equal(drv_request(BLK_OUT, 128, &out, 1, 0), 1);
	assert_int_equal(drv_request(99, 0, &one, 1, 0), 2);
	assert_int_equal(drv_request(BLK_FLUSH, 0, NULL, 0, 0), 0);
	assert_int_equal(drv_request(BLK_GET_ID, 0, &id, 1, 0), 0);
	assert_string_equal((char *)ram(DATA + 0x600), "disk0");
	ram_put(DATA + 0x400, 5, 8);
	ram_put(DATA + 0x408, 2, 8);
	assert_int_equal(drv_request(BLK_ZEROES, 0, &erase, 1, 0), 0);
	assert_true(drv.image[5 * 512] == 0 && drv.image[7 * 512 - 1] == 0 && drv.image[7 * 512] == 8 &&
		    drv.image[5 * 512 - 1] == 5);
	ram_put(DATA + 0x408, 1ul << 33 | 2, 8);		/* an unknown flag */
	assert_int_equal(drv_request(BLK_ZEROES, 0, &erase, 1, 0), 2);
	ram_put(DATA + 0x408, 1ul << 32 | 2, 8);
	assert_int_equal(drv_request(BLK_DISCARD, 0, &erase, 1, 0), 2);
	ram_put(DATA + 0x400, 127, 8);
	ram_put(DATA + 0x408, 2, 8);
	assert_int_equal(drv_request(BLK_DISCARD, 0, &erase, 1, 0), 1);
	assert_int_equal(drv.b->d.errors, 8);
	assert_int_equal(drv_read(0x14, 1), 0xf);
	drv_guest_free(g);
	*state = drv_guest_new(true);
	drv_start(0, 8);
	memset(ram(DATA + 0x200), 0xee, 512);
	assert_int_equal(drv_request(BLK_OUT, 1, &out, 1, 0), 1);
	assert_int_equal(drv_request(BLK_ZEROES, 0, &erase, 1, 0), 1);
	assert_int_equal(drv.image[512], 2);
	assert_int_equal(drv_request(BLK_FLUSH, 0, NULL, 0, 0), 0);
}

/* Interrupts and notifications are suppressed as asked. */
static void test_suppression(void **state)
{
	const struct virtq *q = &drv.b->d.queue[0];
	const struct piece p[] = { { DATA, 16, 0 }, { DATA + 0x200, 512, D_WRITE }, { DATA + 16, 1, D_WRITE } };

	memset(ram(DATA), 0, 16);
	drv_start(0, 16);
	ram_put(RING_DRIVER, 1, 2);			/* no interrupts */
	drv_request(BLK_FLUSH, 0, NULL, 0, 0);
	assert_int_equal(q->interrupts, 0);
	ram_put(RING_DRIVER, 0, 2);
	drv_request(BLK_FLUSH, 0, NULL, 0, 0);
	assert_int_equal(q->interrupts, 1);
	assert_int_equal(drv_read(0x1000, 1), 1);
	assert_int_equal(drv_read(0x1000, 1), 0);	/* reading took it away */
	drv_start(BIT(DRV_EVENT), 16);
	memset(ram(DATA), 0, 16);
	ram_put(RING_DRIVER + 4 + 32, 3, 2);		/* after the fourth */
	for (u32 i = 0; i < 5; i++)
		drv_put(p, 3, 0);
	drv_kick();
	assert_int_equal(q->interrupts, 1);
	assert_int_equal(q->requests, 5);
	assert_int_equal(ram16(RING_DEVICE + 4 + 8 * 16), 5);	/* wants to hear of the sixth */
	drv_put(p, 3, 0);
	drv_kick();
	assert_int_equal(q->interrupts, 1);
	drv_start(BIT(DRV_EVENT) | BIT(DRV_PACKED), 16);
	ram_put(RING_DRIVER, 0x8000 | 4, 2);		/* when place 4 of this round is used */
	ram_put(RING_DRIVER + 2, 2, 2);
	drv_put(p, 3, 0);
	drv_kick();
	assert_int_equal(q->interrupts, 0);
	drv_put(p, 3, 0);
	drv_kick();
	assert_int_equal(q->interrupts, 1);
	assert_int_equal(ram32(RING_DEVICE), 2u << 16 | 0x8006);
	ram_put(RING_DRIVER, 1 << 16, 4);		/* never */
	drv_put(p, 3, 0);
	drv_kick();
	assert_int_equal(q->interrupts, 1);
}

/* Each of these must stop the device and nothing else; a reset brings it back. */

static void expect_broken(const char *why)
{
	const struct piece one = { DATA + 0x200, 512, D_WRITE };
	u64 features = drv.features;

	drv_kick();
	if (!drv.b->d.queue[0].broken)
		fail_msg("not refused: %s", why);
	assert_string_equal(drv.b->d.queue[0].broken, why);
	assert_int_equal(drv_read(0x14, 1), 0xf | NEEDS_RESET);
	assert_int_equal(drv_read(0x1000, 1) & 2, 2);	/* told by a configuration interrupt */
	drv_kick();
	assert_int_equal(drv.b->d.ignored, 1);
	drv.b->d.ignored = 0;
	assert_int_equal(drv_start(features, 8), 0xf);
	assert_int_equal(drv_request(BLK_IN, 3, &one, 1, 0), 0);
	assert_int_equal(drv_start(features, 8), 0xf);
}

static void split_head(u16 head)
{
	ram_put(RING_DRIVER + 4 + drv.avail % drv.size * 2, head, 2);
	ram_put(RING_DRIVER + 2, ++drv.avail, 2);
}

static void test_bad_split(void **state)
{
	for (u32 event = 0; event < 2; event++) {
		drv_start(BIT(DRV_INDIRECT) | (event ? BIT(DRV_EVENT) : 0), 8);
		split_head(8);
		expect_broken("first descriptor outside of the table");
		ram_put(RING_DRIVER + 2, 9, 2);
		expect_broken("jump of the available index");
		ram_put(RING_DRIVER + 2, 0xffff, 2);
		expect_broken("jump of the available index");
		drv_desc(RING_DESC, 0, DATA, 16, D_NEXT, 1);
		drv_desc(RING_DESC, 1, DATA, 16, D_NEXT, 0);
		split_head(0);
		expect_broken("chain of descriptors without end");
		drv_desc(RING_DESC, 0, DATA, 16, D_NEXT, 0);
		split_head(0);
		expect_broken("chain of descriptors without end");
		drv_desc(RING_DESC, 0, DATA, 16, D_NEXT, 8);
		split_head(0);
		expect_broken("next descriptor outside of its table");
		drv_desc(RING_DESC, 0, DATA, 64, D_INDIRECT, 0);
		drv_desc(DATA, 0, DATA, 16, D_NEXT, 4);
		split_head(0);
		expect_broken("next descriptor outside of its table");
		drv_desc(DATA, 0, DATA + 64, 16, D_INDIRECT, 0);
		drv_desc(RING_DESC, 0, DATA, 64, D_INDIRECT, 0);
		split_head(0);
		expect_broken("indirect table in an indirect table");
	}
}

/* Both rings: memory and tables that cannot be. */
static void test_bad_chains(void **state)
{
	static const struct {
		u64 addr;
		u32 len;
	} outside[] = { { RAM_SIZE, 1 }, { RAM_SIZE - 16, 17 }, { U64_MAX, 1 }, { U64_MAX - 15, 16 }, { U64_MAX, 0xffffffff },
		{ 0, 0xffffffff }, { 0xc0000000, 16 }, { 0xfee00000, 16 }, { 1ul << 63, 16 } };
	const struct piece backwards[] = { { DATA, 16, D_WRITE }, { DATA, 16, 0 } }, silent = { DATA, 16, 0 };

	for (u32 mode = 0; mode < MODES; mode++) {
		struct piece p[128];

		drv_start(mode_features(mode) | BIT(DRV_INDIRECT), 8);
		for (u32 i = 0; i < ARRAY_COUNT(outside); i++) {
			const struct piece bad = { outside[i].addr, outside[i].len, (u16)(i & 1 ? D_WRITE : 0) };

			drv_put(&bad, 1, 0);
			expect_broken("memory outside of RAM");
			drv_put(&bad, 1, DATA + 0x800);
			expect_broken("memory outside of RAM");
		}
		drv_put(backwards, 2, 0);
		expect_broken("memory to read behind memory to write");
		drv_put(&silent, 1, 0);
		expect_broken("disk request without a byte for its status");
		for (u32 i = 0; i < 5; i++) {
			static const u32 len[] = { 0, 8, 17, 0xffffffff, 0xfffffff0 };
			const struct piece t = { DATA + 0x800, len[i], D_INDIRECT };

			drv_put(&t, 1, 0);
			expect_broken(i < 4 ? "length of an indirect table" : "indirect table outside of RAM");
		}
		for (u32 i = 0; i < ARRAY_COUNT(p); i++)
			p[i] = (struct piece){ DATA, 16, 0 };
		drv_put(p, ARRAY_COUNT(p), DATA + 0x800);
		expect_broken("chain with too many pieces");
		drv_start(mode_features(mode) & ~BIT(DRV_INDIRECT), 8);
		drv_put(&silent, 1, DATA + 0x800);
		expect_broken("indirect descriptor where none may be");
	}
}

static void test_bad_packed(void **state)
{
	drv_start(BIT(DRV_PACKED) | BIT(DRV_INDIRECT), 8);
	for (u32 i = 0; i < 8; i++)
		drv_desc(RING_DESC, i, DATA, 16, 0x80 | D_NEXT, 0);
	expect_broken("chain of descriptors without end");
	drv_desc(DATA, 0, DATA + 64, 16, D_INDIRECT, 0);
	drv_desc(RING_DESC, 0, DATA, 64, 0x80 | D_INDIRECT, 0);
	expect_broken("indirect table in an indirect table");
	for (u32 i = 0; i < 5; i++)	/* nothing else is wrong with them */
		drv_desc(DATA, i, DATA + 0x400, 16, (u16)(i < 2 ? 0 : D_WRITE), 0);
	drv_desc(RING_DESC, 0, DATA, 4 * 16 + 1, 0x80 | D_INDIRECT, 0);
	expect_broken("length of an indirect table");
	for (u32 i = 0; i < 5; i++)
		drv_desc(DATA, i, DATA + 0x400, 16, (u16)(i == 1 ? D_INDIRECT : i ? D_WRITE : 0), 0);
	drv_desc(RING_DESC, 0, DATA, 64, 0x80 | D_INDIRECT, 0);
	expect_broken("indirect table in an indirect table");
	for (u32 i = 0; i < 3; i++)
		drv_desc(RING_DESC, i, DATA + 0x400, 16, (u16)(0x80 | (i < 2 ? D_NEXT : 0) | (i == 1 ? D_INDIRECT : i ? D_WRITE : 0)), 0);
	expect_broken("indirect descriptor where none may be");
	drv_desc(RING_DESC, 0, DATA, (QUEUE_SIZE_MAX + 1) * 16, 0x80 | D_INDIRECT, 0);
	expect_broken("indirect table longer than a queue");
	drv_desc(RING_DESC, 0, DATA, 16, 0x80 | D_INDIRECT | D_NEXT, 0);
	expect_broken("indirect descriptor where none may be");
}

static void enable_at(u16 size, u64 desc, u64 driver, u64 device, u64 features)
{
	drv_write(0x14, 1, 0);
	drv_write(0x14, 1, 3);
	for (u32 i = 0; i < 2; i++) {
		drv_write(0x08, 4, i);
		drv_write(0x0c, 4, (features | BIT(DRV_V1)) >> i * 32 & 0xffffffff);
	}
	drv_write(0x14, 1, 0xb);
	drv_write(0x18, 2, size);
	drv_write(0x20, 8, desc);
	drv_write(0x28, 8, driver);
	drv_write(0x30, 8, device);
	drv_write(0x1c, 2, 1);
}

static void test_bad_places(void **state)
{
	static const u64 bad[] = { RAM_SIZE, RAM_SIZE - 8, U64_MAX - 15, 0xfee00000, 1ul << 52, 0x1001 };

	for (u32 packed = 0; packed < 2; packed++) {
		u64 features = packed ? BIT(DRV_PACKED) : 0;

		for (u32 i = 0; i < ARRAY_COUNT(bad) * 3; i++) {
			u64 at = bad[i / 3];

			if (packed && i % 3 && i / 3 == 1)
				continue;		/* four bytes fit there */
			enable_at(8, i % 3 == 0 ? at : RING_DESC, i % 3 == 1 ? at : RING_DRIVER,
				  i % 3 == 2 ? at : RING_DEVICE, features);
			assert_int_equal(drv_read(0x1c, 2), 0);
			assert_true(drv_read(0x14, 1) & NEEDS_RESET);
		}
		for (u32 i = 0; i < 4; i++) {
			static const u16 size[] = { 0, QUEUE_SIZE_MAX + 1, 0xffff, 3 };

			enable_at(size[i], RING_DESC, RING_DRIVER, RING_DEVICE, features);
			assert_int_equal(drv_read(0x1c, 2), packed && i == 3);
		}
	}
	/* Rings over each other, or over data: the driver's own harm. */
	enable_at(8, RING_DESC, RING_DESC, RING_DESC, 0);
	drv_write(0x14, 1, 0xf);
	drv_kick();
	enable_at(8, 0, 0, 0, BIT(DRV_PACKED));
	drv_write(0x14, 1, 0xf);
	memset(ram(0), 0x80, 256);
	drv_kick();
}

/* A flood is served in turns; what is left over is found again without a further kick. */
static void test_turns(void **state)
{
	const struct piece p[] = { { DATA, 16, 0 }, { DATA + 0x200, 512, D_WRITE }, { DATA + 16, 1, D_WRITE } };
	const struct virtq *q = &drv.b->d.queue[0];
	struct guest *g = *state;

	memset(ram(DATA), 0, 16);
	drv_start(0, 8);
	drv_put(p, 3, 0);
	drv.b->d.again = 0;
	virtio_again(&drv.b->d, 0);
	assert_true(g->device_deadline <= fake.now);
	pc_run(g, fake.now);
	assert_int_equal(q->requests, 1);
	assert_true(g->pc->virtio.due == U64_MAX);
}

static void nothing_to_do(struct block_store *s, struct block_request *rq)
{
	rq->done(rq, BLOCK_OK);
}

/* What is discarded counts as work of a turn too: 4 MiB each, 8 MiB a turn. */
static void test_erase_turns(void **state)
{
	static const struct block_ops nothing = { .submit = nothing_to_do };
	const struct piece p[] = { { DATA, 16, 0 }, { DATA + 0x20, 16, 0 }, { DATA + 0x40, 1, D_WRITE } };
	const struct virtq *q = &drv.b->d.queue[0];

	memset(ram(DATA), 0, 0x41);
	ram_put(DATA, BLK_DISCARD, 4);
	ram_put(DATA + 0x28, 8192, 8);
	drv_start(0, 32);
	drv.b->store.ops = &nothing;
	drv.b->store.sectors = 1ul << 20;
	for (u32 i = 0; i < 5; i++)
		drv_put(p, 3, 0);
	drv_kick();
	assert_int_equal(q->requests, 2);
	for (u32 i = 0; i < 2; i++)
		pc_run(*state, ++fake.now);
	assert_int_equal(q->requests, 5);
	assert_int_equal(drv.b->d.errors, 0);
}

/* A disk of 4 KiB sectors says so, and takes nothing smaller nor in between. */
static void test_large_sectors(void **state)
{
	const struct piece one[] = { { DATA + 0x1000, 512, D_WRITE } }, eight[] = { { DATA + 0x1000, 4096, D_WRITE } };
	const struct piece out[] = { { DATA + 0x1000, 4096, 0 } };

	assert_int_equal(drv_read(0x2014, 4), 512);
	assert_int_equal(drv_read(0x2018, 4), 3 | 8 << 16);	/* 4 KiB are best written together */
	assert_int_equal(drv_read(0x201c, 4), 128);
	drv.b->store.logical_shift = 3;
	drv.b->store.physical_shift = 4;
	pc_reset(*state);
	vpci_config_write(&drv.b->d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	assert_int_equal(drv_read(0x2000, 8), IMAGE_SIZE / 512);	/* in sectors of 512 all the same */
	assert_int_equal(drv_read(0x2014, 4), 4096);
	assert_int_equal(drv_read(0x2018, 4), 1 | 2 << 16);
	assert_int_equal(drv_read(0x201c, 4), 16);
	assert_int_equal(drv_read(0x202c, 4), 16);		/* alignment of discards, in sectors */
	drv_start(0, 8);
	assert_int_equal(drv_request(BLK_IN, 8, eight, 1, 0), 0);
	assert_int_equal(*ram(DATA + 0x1000), 9);
	assert_int_equal(drv_request(BLK_OUT, 16, out, 1, 0), 0);
	assert_int_equal(drv.image[16 * 512], 9);
	assert_int_equal(drv_request(BLK_IN, 8, one, 1, 0), 1);
	assert_int_equal(drv_request(BLK_IN, 9, eight, 1, 0), 1);
	assert_int_equal(drv_request(BLK_OUT, 20, out, 1, 0), 1);
	assert_int_equal(drv.image[20 * 512], 13);		/* of the one at 16 */
	assert_int_equal(drv.image[24 * 512], 25);
}

static void test_no_bus_master(void **state)
{
	drv_start(0, 8);
	drv.b->d.f.config[VPCI_COMMAND] &= (u8)~VPCI_CMD_MASTER;
	assert_int_equal(drv_request(BLK_FLUSH, 0, NULL, 0, 0), 0xff);
	assert_int_equal(drv.b->d.ignored, 1);
	drv_write(0x3000 + 4 * 7, 2, 7);		/* no such queue */
	drv_write(0x3ffc, 4, 7);
	assert_int_equal(drv.b->d.ignored, 3);
}

#define PORTS_BAR 2

/* The first structure for notifications is one of ports, two for each queue; the other one is there as well. */
static void test_ports(void **state)
{
	struct guest *g = *state;
	struct virtio_device *d = &drv.b->d;
	const u8 *cap = d->f.config + VPCI_CAPS_AT + 48;
	u16 base = 0xc340;

	assert_true(cap[3] == 2 && cap[4] == PORTS_BAR && cap[8] == 0 && cap[12] == 2 * VIRTIO_QUEUES_MAX && cap[16] == 2);
	assert_true(cap[23] == 2 && cap[24] == 4);
	drv_start(0, 8);
	drv_put(&(struct piece){ DATA, 16, 0 }, 1, 0);
	vpci_config_write(&d->f, VPCI_BAR0 + 4 * PORTS_BAR, 4, base);
	out(g, base, 0, 2);					/* does not decode ports yet */
	assert_true(d->queue[0].kicks == 0 && d->ignored == 0);
	vpci_config_write(&d->f, VPCI_COMMAND, 2, VPCI_CMD_IO | VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	out(g, base, 0, 2);
	assert_int_equal(d->queue[0].kicks, 1);
	assert_string_equal(d->queue[0].broken, "disk request without a byte for its status");
	out(g, (u16)(base + 2 * FAKE_VCPUS), 0, 2);		/* queues that are not there */
	out(g, (u16)(base + 63), 0, 1);
	assert_int_equal(d->ignored, 2);
	assert_int_equal(in(g, base, 2), 0);
	assert_int_equal(d->queue[0].kicks, 1);
}

static void window_set(struct guest *g, u32 bar, u32 off, u32 length)
{
	u32 at = VPCI_CAPS_AT + 88, base = 0x80000000u | 8 << 11;

	out(g, 0xcf8, base | (at + 4), 4);
	out(g, 0xcfc, bar, 1);
	out(g, 0xcf8, base | (at + 8), 4);
	out(g, 0xcfc, off, 4);
	out(g, 0xcf8, base | (at + 12), 4);
	out(g, 0xcfc, length, 4);
	out(g, 0xcf8, base | (at + 16), 4);
}

static void test_window(void **state)
{
	struct guest *g = *state;
	struct vpci_function *f = &drv.b->d.f;
	u32 at = VPCI_CAPS_AT + 88;

	assert_int_equal(f->config[at + 3], 5);
	window_set(g, 4, 0x2000, 4);
	assert_int_equal(in(g, 0xcfc, 4), IMAGE_SIZE / 512);
	drv_start(0, 8);
	window_set(g, PORTS_BAR, 0, 2);
	out(g, 0xcfc, 0, 2);
	assert_int_equal(drv.d->queue[0].kicks, 1);
	for (u32 i = 0; i < 7; i++) {
		static const u32 bad[][3] = { { 5, 0x2000, 4 }, { 4, 0x4000, 4 }, { 4, 0xfffffffc, 4 }, { 4, 0x2000, 3 },
			{ 4, 0x2000, 0xffffffff }, { 4, 0x2001, 4 }, { PORTS_BAR, 64, 4 } };

		window_set(g, bad[i][0], bad[i][1], bad[i][2]);
		out(g, 0xcfc, 0x5a5a5a5a, 4);
		assert_int_equal(in(g, 0xcfc, 4), 0x5a5a5a5a);	/* a plain register then */
	}
}

static void test_queue_reset(void **state)
{
	drv_start(BIT(DRV_RESET), 8);
	drv_request(BLK_FLUSH, 0, NULL, 0, 0);
	drv_write(0x3a, 2, 1);
	assert_int_equal(drv_read(0x3a, 2), 0);
	assert_int_equal(drv_read(0x1c, 2), 0);
	assert_int_equal(drv_read(0x18, 2), QUEUE_SIZE_MAX);
	assert_int_equal(drv_read(0x14, 1), 0xf);
	drv_kick();
	assert_int_equal(drv.b->d.ignored, 1);
}

/* Many inputs of the fuzzer's kind, the same in each run. */
static void test_noise(void **state)
{
	u8 data[600];

	for (u32 round = 0; round < 1500; round++) {
		for (u32 i = 0; i < sizeof(data); i++)
			data[i] = (u8)(noise() ^ round * 37 ^ i * 11);
		data[0] = (u8)round;
		LLVMFuzzerTestOneInput(data, 20 + round % 580);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_negotiation), T(test_registers), T(test_requests), T(test_empty_pieces), T(test_disk_errors), T(test_suppression),
		T(test_bad_split), T(test_bad_chains), T(test_bad_packed), T(test_bad_places), T(test_turns), T(test_erase_turns),
		T(test_large_sectors),
		T(test_no_bus_master), T(test_ports), T(test_window), T(test_queue_reset), cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
