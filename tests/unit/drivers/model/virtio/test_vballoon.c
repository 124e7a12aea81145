/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fuzz/fuzz_virtq.c tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* The balloon with a little driver: pages in and out, statistics, free blocks; and drivers that break the rules. */
#include "fuzz/virtq_fixture.h"

#include "../../../../../drivers/model/pci/vpci_int.h"

#include <hv/pc.h>

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define CONFIG 0x2000u
#define NEEDS_RESET 0x40u
#define F_STATS BIT(1)
#define F_REPORT BIT(5)
#define PAGES (RAM_SIZE / 4096)

enum { INFLATE, DEFLATE, STATS };

static struct vballoon *b;

static int setup(void **state)
{
	struct guest *g = drv_guest_new(false);

	*state = g;
	b = &g->pc->virtio.balloon;
	assert_int_equal(vballoon_add(g, b), 0);
	pc_reset(g);
	vpci_config_write(&b->d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	drv.d = &b->d;
	drv.queues = 5;
	return 0;
}

static int teardown(void **state)
{
	drv_guest_free(*state);
	return 0;
}

/* A list of pages from `first` on, in one piece; served? */
static bool pages(u32 queue, u32 first, u32 count)
{
	struct piece p = { DATA, count * 4, 0 };

	drv_queue(queue);
	for (u32 i = 0; i < count; i++)
		ram_put(DATA + i * 4, first + i, 4);
	return drv_serve(&p, 1, 0);
}

static bool broken(void)
{
	return drv_read(0x14, 1) & NEEDS_RESET;
}

static void test_negotiation(void **state)
{
	drv_write(0x00, 4, 0);
	assert_int_equal(drv_read(0x04, 4), 1u << 1 | 1u << 2 | 1u << 5 | 1u << 28 | 1u << 29);	/* no hints, no poison */
	assert_int_equal(drv_read(0x12, 2), 5);
	assert_int_equal(drv_start(F_STATS | F_REPORT, 8), 0xf);
	assert_int_equal(drv_read(CONFIG, 4), 0);
	drv_write(CONFIG, 4, 77);			/* the target is not the driver's */
	assert_int_equal(drv_read(CONFIG, 4), 0);
	drv_write(CONFIG + 4, 4, 77);
	assert_int_equal(drv_read(CONFIG + 4, 4), 77);
	assert_int_equal(b->actual, 77);
	drv_write(0x14, 1, 0);
	assert_int_equal(b->actual, 0);
	assert_int_equal(drv_start(BIT(3), 8), 0x3);
	assert_int_equal(drv_start(BIT(4), 8), 0x3);
}

static void test_pages(void **state)
{
	for (u32 mode = 0; mode < 4; mode++) {
		drv_start((mode & 1 ? BIT(DRV_PACKED) : 0) | (mode & 2 ? BIT(DRV_EVENT) : 0), 8);
		b->pages_in = b->pages_out = 0;
		memset(ram(0x30000), 0xa5, 4096);
		assert_true(pages(INFLATE, 0x30, 10));
		assert_int_equal(b->held, 10);
		assert_true(pages(DEFLATE, 0x33, 4));
		assert_int_equal(b->held, 6);
		assert_true(pages(INFLATE, PAGES - 1, 1));
		assert_true(pages(INFLATE, 0, 0));
		assert_int_equal(b->held, 7);
		assert_int_equal(b->pages_in, 11);
		assert_int_equal(b->pages_out, 4);
		for (u32 i = 0; i < 4096; i++)
			assert_int_equal(*ram(0x30000 + i), 0xa5);	/* content stays */
		assert_false(broken());
		drv_write(0x14, 1, 0);
		assert_int_equal(b->held, 0);
	}
}

/* A list in pieces that cut numbers in two. */
static void test_pieces(void **state)
{
	struct piece p[3] = { { DATA, 2, 0 }, { DATA + 0x100, 5, 0 }, { DATA + 0x200, 1, 0 } };

	drv_start(BIT(DRV_INDIRECT), 8);
	ram_put(DATA, 0x3f, 2);
	ram_put(DATA + 0x100, 0, 2);
	ram_put(DATA + 0x102, 0x3f, 3);
	ram_put(DATA + 0x200, 0, 1);
	drv_queue(INFLATE);
	assert_true(drv_serve(p, 3, 0));
	assert_true(drv_serve(p, 3, DATA + 0x400));
	assert_int_equal(b->held, 4);
	ram_put(DATA + 0x200, 1, 1);		/* page 0x0100003f */
	assert_false(drv_serve(p, 3, 0));
	assert_true(broken());
	assert_int_equal(b->held, 4);
}

static void test_bad_lists(void **state)
{
	static const struct { struct piece p; u32 pfn; } bad[] = {
		{ { DATA, 3, 0 }, 1 }, { { DATA, 5, 0 }, 1 }, { { DATA, 4, D_WRITE }, 1 },
		{ { DATA, 4, 0 }, PAGES }, { { DATA, 4, 0 }, 0xffffffff }, { { DATA, 4, 0 }, 0x100000 },
		{ { DATA, 4, 0 }, 0xc0000 }, { { DATA, 4097 * 4, 0 }, 1 },
		{ { RAM_SIZE, 4, 0 }, 1 }, { { DATA, 0xfffffffc, 0 }, 1 },
	};

	for (u32 i = 0; i < ARRAY_COUNT(bad) * 2; i++) {
		drv_start(0, 8);
		pages(INFLATE, 1, 2);
		assert_int_equal(b->held, 2);
		drv_queue(i & 1 ? DEFLATE : INFLATE);
		ram_put(DATA, bad[i / 2].pfn, 4);
		assert_false(drv_serve(&bad[i / 2].p, 1, 0));
		assert_true(broken());
		assert_int_equal(b->held, 2);
		assert_false(pages(INFLATE, 1, 1));	/* stopped until it is reset */
	}
}

/* Each number of a long list is looked at. */
static void test_long_list(void **state)
{
	struct piece p = { DATA, 130 * 4, 0 };

	for (u32 bad = 0; bad < 130; bad++) {
		drv_start(0, 8);
		drv_queue(INFLATE);
		for (u32 i = 0; i < 130; i++)
			ram_put(DATA + i * 4, i == bad ? PAGES : 3, 4);
		assert_false(drv_serve(&p, 1, 0));
		assert_string_equal(b->d.queue[INFLATE].broken, "page outside of RAM");
	}
}

static void test_counts(void **state)
{
	drv_start(0, 8);
	assert_true(pages(INFLATE, 0, PAGES));
	assert_true(pages(DEFLATE, 0, PAGES));
	assert_false(pages(DEFLATE, 0, 1));		/* more than went in */
	assert_true(broken());
	drv_start(0, 8);
	assert_true(pages(INFLATE, 0, PAGES));
	assert_false(pages(INFLATE, 0, 1));		/* more than there are */
	assert_true(broken());
}

static void put_stat(u32 i, u16 kind, u64 val)
{
	ram_put(DATA + i * 10, kind, 2);
	ram_put(DATA + i * 10 + 2, val, 8);
}

static void test_statistics(void **state)
{
	struct guest *g = *state;
	struct piece p = { DATA, 3 * 10 + 7, 0 };
	u32 len;

	for (u32 packed = 0; packed < 2; packed++) {
		drv_start(F_STATS | (packed ? BIT(DRV_PACKED) : 0), 8);
		drv_queue(STATS);
		put_stat(0, 4, 1000);
		put_stat(1, 5, 64 * MiB + packed);
		put_stat(2, 999, 5);			/* a kind to come */
		put_stat(3, 6, 12345);			/* cut off */
		assert_false(drv_serve(&p, 1, 0));	/* it stays */
		assert_false(broken());
		assert_int_equal(b->stat[BALLOON_FREE], 1000);
		assert_int_equal(b->stat[BALLOON_TOTAL], 64 * MiB + packed);
		assert_int_equal(b->stat[BALLOON_AVAILABLE], 0);
		pc_event_balloon(g);			/* more is wanted */
		assert_true(drv_get(&len));
		drv_took(1);
		pc_event_balloon(g);			/* and there is nothing to give back */
		assert_false(drv_get(&len));
		put_stat(0, 4, 2000);
		assert_false(drv_serve(&p, 1, 0));
		assert_int_equal(b->stat[BALLOON_FREE], 2000);
		assert_false(drv_serve(&p, 1, 0));	/* a second one at once */
		assert_true(broken());
		pc_event_balloon(g);
		assert_false(drv_get(&len));
	}
	assert_int_equal(b->stats_count, 4);
	drv_start(F_STATS, 8);
	p.flags = D_WRITE;
	drv_queue(STATS);
	assert_false(drv_serve(&p, 1, 0));
	assert_true(broken());
}

/* Put up before DRIVER_OK, as Linux does. */
static void test_early_statistics(void **state)
{
	struct piece p = { DATA, 10, 0 };
	u32 len;

	for (u32 round = 0; round < 2; round++) {
		drv_start(round ? F_REPORT : F_STATS, 8);
		drv_queue(STATS);
		b->d.status &= (u8)~4u;
		put_stat(0, 4, 1234 + round);
		assert_false(drv_serve(&p, 1, 0));
		assert_int_equal(b->d.ignored, round + 1);
		assert_false(b->stats_waits);
		drv_write(0x14, 1, 0xf);
		assert_int_equal(b->stats_waits, !round);
		drv_write(0x14, 1, 0xf);
		assert_false(broken());
		assert_int_equal(b->stat[BALLOON_FREE], 1234);
		pc_event_balloon(*state);
		assert_int_equal(drv_get(&len), !round);
	}
}

/* Its buffer is forgotten with the queue. */
static void test_statistics_reset(void **state)
{
	struct piece p = { DATA, 10, 0 };

	drv_start(F_STATS | BIT(DRV_RESET), 8);
	drv_queue(STATS);
	assert_false(drv_serve(&p, 1, 0));
	assert_true(b->stats_waits);
	drv_write(0x16, 2, STATS);
	drv_write(0x3a, 2, 1);
	assert_false(b->stats_waits);
	pc_event_balloon(*state);
	drv_start(F_STATS, 8);
	drv_queue(STATS);
	assert_false(drv_serve(&p, 1, 0));
	drv_write(0x14, 1, 0);
	assert_false(b->stats_waits);
}

static void test_target(void **state)
{
	struct guest *g = *state;
	u8 generation;

	g->balloon_pages = 5;
	pc_event_balloon(g);				/* no driver: nobody is told */
	assert_int_equal(b->d.isr, 0);
	drv_start(0, 8);
	assert_int_equal(drv_read(CONFIG, 4), 5);
	generation = (u8)drv_read(0x15, 1);
	g->balloon_pages = 0x12345;
	pc_event_balloon(g);
	assert_int_equal(drv_read(CONFIG, 4), 0x12345);
	assert_int_not_equal(drv_read(0x15, 1), generation);
	assert_int_equal(drv_read(0x1000, 1), 2);	/* a change of the configuration, not of a queue */
	pc_event_balloon(g);
	assert_int_equal(drv_read(0x1000, 1), 0);	/* once */
	pc_reset(g);
	assert_int_equal(b->target, 0x12345);
}

/* The queue of reports has the number that the driver thinks right. */
static void test_reports(void **state)
{
	static const struct { u64 features; u32 queue; } form[] = {
		{ F_REPORT, 2 }, { F_REPORT, 4 }, { F_REPORT | F_STATS, 3 }, { F_REPORT | F_STATS, 4 } };
	struct piece p[3] = { { 0x30000, 0x2000, D_WRITE }, { 0, 0x1000, D_WRITE }, { RAM_SIZE - 0x1000, 0x1000, D_WRITE } };

	for (u32 i = 0; i < ARRAY_COUNT(form); i++) {
		drv_start(form[i].features, 8);
		memset(ram(0x30000), 0x5a, 0x2000);
		b->reported_bytes = b->reports = 0;
		drv_queue(form[i].queue);
		assert_true(drv_serve(p, 3, 0));
		assert_int_equal(b->reports, 1);
		assert_int_equal(b->reported_bytes, 0x4000);
		assert_int_equal(*ram(0x31fff), 0x5a);
		assert_false(broken());
	}
}

static void test_bad_reports(void **state)
{
	static const struct { u64 features; u32 queue; struct piece p; } bad[] = {
		{ F_REPORT, 4, { 0x30000, 0x1000, 0 } }, { F_REPORT, 4, { 0x30800, 0x1000, D_WRITE } },
		{ F_REPORT, 4, { 0x30000, 0x1001, D_WRITE } }, { F_REPORT, 4, { RAM_SIZE - 0x1000, 0x2000, D_WRITE } },
		{ F_REPORT, 4, { 0xfffffffffffff000, 0x1000, D_WRITE } }, { F_REPORT, 4, { RAM_SIZE, 0x1000, D_WRITE } },
		{ F_STATS, 4, { 0x30000, 0x1000, D_WRITE } }, { 0, 2, { 0x30000, 0x1000, D_WRITE } },
		{ 0, 3, { DATA, 10, 0 } } };

	for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
		drv_start(bad[i].features, 8);
		drv_queue(bad[i].queue);
		assert_false(drv_serve(&bad[i].p, 1, 0));
		assert_true(broken());
	}
	assert_int_equal(b->reports, 0);
}

/* Many requests in one kick: some now, the rest soon. */
static void test_turns(void **state)
{
	struct piece p = { DATA, 4, 0 };

	drv_start(0, 64);
	drv_queue(INFLATE);
	ram_put(DATA, 1, 4);
	for (u32 i = 0; i < 40; i++)
		drv_put(&p, 1, 0);
	drv_kick();
	assert_int_equal(b->held, 16);
	for (u32 i = 0; i < 2; i++)
		pc_run(*state, ++fake.now);
	assert_int_equal(b->held, 40);
	assert_int_equal(ram16(RING_DEVICE + 2), 40);
}

static char listed[8192];

static void keep_line(const char *text)
{
	strcat(strcat(listed, text), "\n");
}

static void test_words(void **state)
{
	struct piece p = { DATA, 20, 0 };

	drv_start(F_STATS, 8);
	pages(INFLATE, 1, 4);
	drv_queue(STATS);
	put_stat(0, 4, 3 * MiB);
	put_stat(1, 2, 17);
	drv_serve(&p, 1, 0);
	fake.now += 5 * timebase.tsc_hz;
	listed[0] = 0;
	pc_list(*state, keep_line);
	assert_non_null(strstr(listed, "16 KiB in it (its driver says 0 B), 4 pages in, 0 out"));
	assert_non_null(strstr(listed, "statistics of 5 s ago: major faults 17, free 3 MiB, told 1 times"));
}

/* Any bytes as lists, statistics, reports, through any of the queues. */
static void test_noise(void **state)
{
	u64 seed = 20261121;

	for (u32 round = 0; round < 20000; round++) {
		struct piece p[3];

		if (round % 16 == 0)
			drv_start(F_STATS | F_REPORT | (round & 16 ? BIT(DRV_PACKED) : 0), 64);
		for (u32 i = 0; i < 3; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			p[i] = (struct piece){ seed >> 60 ? seed >> 20 & 0x3ffff : seed, (u32)(seed >> 40) & 0x7fff,
				(u16)(seed >> 33 & 2) };
			ram_put(DATA + (seed >> 24 & 0xfff8), seed >> 30 & (round & 1 ? 0x3f0000003full : ~0ull), 8);
		}
		drv_queue((u32)(seed >> 50) % 5);
		drv_put(p, (u16)(1 + (seed >> 55) % 3), 0);
		drv_kick();
		if (round % 5 == 0)
			pc_event_balloon(*state);
		assert_true(b->held <= PAGES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_negotiation), T(test_pages), T(test_pieces), T(test_bad_lists), T(test_long_list), T(test_counts),
		T(test_statistics), T(test_early_statistics), T(test_statistics_reset), T(test_target), T(test_reports),
		T(test_bad_reports), T(test_turns), T(test_words), T(test_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
