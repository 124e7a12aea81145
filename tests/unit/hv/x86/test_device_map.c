/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/x86/device_map.c hv/core/bus.c hv/core/pagetable.c */
/* Memory of devices in nested tables: it is where the bus says, nowhere else, and who must flush is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../hv/x86/device_map.h"

#include <hv/core.h>
#include <hv/host.h>
#include <hv/pool.h>
#include <hv/virt.h>

#define FLASH (132 * PAGE_SIZE)
#define FLASH_GPA (4 * GiB - FLASH)
#define SCREEN (16 * MiB)
#define ECAM_GPA 0xe0000000ul

struct core core_private;
static struct guest *g;
static u32 flushes, asked[2], flash_claim, screen_claim, device_claim;
static u64 *root;

void assert_failed(const char *what, const char *file, int line_nr)
{
	fprintf(stderr, "assertion %s in %s:%d\n", what, file, line_nr);
	abort();
}

/* The pool: pages of the build host, found by their own addresses. */
void *pool_alloc(u64 count, enum pool_owner owner)
{
	void *p = aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);

	return memset(p, 0, count * PAGE_SIZE);
}

hpa_t pool_hpa(const void *p)
{
	return HPA((u64)p);
}

void *pool_ptr(hpa_t hpa)
{
	return (void *)hpa.v;
}

static void fake_flush(struct vcpu *v)
{
	flushes++;
}

static const struct virt_ops fake_ops = { .nested = &pt_npt, .flush = fake_flush };
const struct virt_ops *virt = &fake_ops;

void vcpu_request(struct guest *of, u32 vcpu, u32 requests)
{
	assert_int_equal(requests, REQ_FLUSH);
	asked[vcpu]++;
}

static enum io_result none_io(void *self, struct io *io)
{
	return IO_DONE;
}

static u64 *table_alloc(void)
{
	return pool_alloc(1, POOL_TABLE);
}

static u64 table_hpa(const void *p)
{
	return (u64)p;
}

static u64 *table_ptr(u64 hpa)
{
	return (u64 *)hpa;
}

static struct pagetable nested(void)
{
	return (struct pagetable){ .format = &pt_npt, .root = root, .max_leaf = 2, .alloc = table_alloc,
		.to_hpa = table_hpa, .to_ptr = table_ptr };
}

static u64 leads_to(u64 gpa)
{
	struct pagetable pt = nested();

	return pt_lookup_hpa(&pt, gpa);
}

static int setup(void **state)
{
	struct pagetable pt;

	g = calloc(1, sizeof(*g));
	root = table_alloc();
	pt = nested();
	g->vcpu_count = 2;
	g->device_ram[DEVICE_RAM_FLASH] = (struct device_ram){ NULL, HPA(0x40000000), BLOCK_SIZE };
	g->device_ram[DEVICE_RAM_SCREEN] = (struct device_ram){ NULL, HPA(0x80000000), SCREEN };
	bus_init(&g->bus);
	assert_int_equal(bus_claim(&g->bus, (struct bus_range){ BUS_MEMORY, FLASH_GPA, FLASH }, none_io, g, "flash"), 0);
	flash_claim = 0;
	assert_int_equal(bus_claim(&g->bus, (struct bus_range){ BUS_MEMORY, 0xfec00000, PAGE_SIZE }, none_io, g, "io"), 0);
	screen_claim = (u32)bus_claim_movable(&g->bus, BUS_MEMORY, none_io, g, "screen");
	device_claim = (u32)bus_claim_movable(&g->bus, BUS_MEMORY, none_io, g, "device");
	bus_back(&g->bus, flash_claim, &g->device_ram[DEVICE_RAM_FLASH], BUS_READ | BUS_EXEC);
	bus_back(&g->bus, screen_claim, &g->device_ram[DEVICE_RAM_SCREEN], BUS_READ | BUS_WRITE);
	assert_int_equal(device_map_build(g, &pt), 0);
	core_private.vcpu = (struct vcpu){ .guest = g, .index = 0 };
	flushes = asked[0] = asked[1] = 0;
	return 0;
}

static void test_flash(void **state)
{
	assert_true(leads_to(FLASH_GPA) == 0x40000000);
	assert_true(leads_to(4 * GiB - 1) == 0x40000000 + FLASH - 1);
	assert_true(leads_to(FLASH_GPA - 1) == ~0ul);
	assert_true(leads_to(0xc0000000) == ~0ul);
	assert_true(host_device_executable(g, FLASH_GPA) && host_device_executable(g, 4 * GiB - 16));
	assert_false(host_device_executable(g, FLASH_GPA - 1) || host_device_executable(g, 4 * GiB));
	assert_false(host_device_executable(g, 0) || host_device_executable(g, 0xc0000000));
	assert_int_equal(flushes, 0);
	bus_back(&g->bus, flash_claim, &g->device_ram[DEVICE_RAM_FLASH], 0);
	assert_true(leads_to(FLASH_GPA) == ~0ul && leads_to(4 * GiB - 1) == ~0ul);
	assert_true(flushes == 1 && asked[0] == 0 && asked[1] == 1);
	assert_false(host_device_executable(g, FLASH_GPA));
	bus_back(&g->bus, flash_claim, &g->device_ram[DEVICE_RAM_FLASH], BUS_READ | BUS_EXEC);
	assert_true(leads_to(FLASH_GPA) == 0x40000000);
	assert_true(flushes == 1 && asked[1] == 1);		/* more rights need none */
	assert_int_equal(host_count_foreign(g), 0);
}

static void test_screen_moves(void **state)
{
	bus_move(&g->bus, screen_claim, 0xc0000000, SCREEN);
	assert_true(leads_to(0xc0000000) == 0x80000000 && leads_to(0xc0ffffff) == 0x80ffffff);
	assert_true(leads_to(0xc1000000) == ~0ul && flushes == 0);
	bus_move(&g->bus, screen_claim, 0xd0000000, SCREEN);
	assert_true(leads_to(0xc0000000) == ~0ul && leads_to(0xd0000000) == 0x80000000 && flushes == 1);
	bus_move(&g->bus, screen_claim, 0, 0);
	assert_true(leads_to(0xd0000000) == ~0ul && flushes == 2 && asked[1] == 2);
	bus_move(&g->bus, screen_claim, 5 * GiB, SCREEN);	/* too high: every access exits, nothing breaks */
	assert_true(leads_to(5 * GiB) == ~0ul);
	bus_move(&g->bus, screen_claim, 0x80000000, SCREEN);
	assert_true(leads_to(0x80000000) == ~0ul);
	assert_int_equal(host_count_foreign(g), 0);
}

/* Over the IOAPIC, the local APIC and flash: theirs stay theirs. */
static void test_screen_over_others(void **state)
{
	bus_move(&g->bus, screen_claim, 0xfe000000, SCREEN);
	assert_true(leads_to(0xfe000000) == 0x80000000);
	assert_true(leads_to(0xfec00000) == ~0ul && leads_to(0xfec01000) == ~0ul);
	assert_true(leads_to(0xfee00000) == ~0ul);
	bus_move(&g->bus, screen_claim, 0xff000000, SCREEN);
	assert_true(leads_to(0xff000000) == 0x80000000);	/* here in pages of 4 KiB */
	assert_false(host_device_executable(g, 0xff000000));
	assert_true(leads_to(FLASH_GPA - 1) == 0x80000000 + SCREEN - FLASH - 1);
	assert_true(leads_to(FLASH_GPA) == 0x40000000);
	bus_move(&g->bus, device_claim, 0xff000000, PAGE_SIZE);
	assert_true(leads_to(0xff000000) == 0x80000000);	/* a later claim gives way */
	assert_int_equal(host_count_foreign(g), 0);
}

static void test_audit_sees_a_foreign_page(void **state)
{
	bus_move(&g->bus, screen_claim, 0xc0000000, SCREEN);
	g->device_table[0] += BLOCK_SIZE * 100;
	g->device_pages[0] = pt_leaf(&pt_npt, 0x1000, PT_READ, 1);
	assert_int_equal(host_count_foreign(g), 2);
}

/* As a guest may: any place, any order. Never a page of anybody else's. */
static void test_any_moves(void **state)
{
	u64 random = 1;

	for (u32 i = 0; i < 3000; i++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		bus_move(&g->bus, random >> 60 & 1 ? screen_claim : device_claim,
			 2 * GiB + ALIGN_DOWN(random >> 20 & 0x7fffffff, random >> 62 & 1 ? PAGE_SIZE : BLOCK_SIZE),
			 random >> 61 & 1 ? SCREEN : 0);
		if (i % 100 == 0)
			assert_int_equal(host_count_foreign(g), 0);
	}
	assert_true(leads_to(FLASH_GPA) == 0x40000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_flash, setup), cmocka_unit_test_setup(test_screen_moves, setup),
		cmocka_unit_test_setup(test_screen_over_others, setup),
		cmocka_unit_test_setup(test_audit_sees_a_foreign_page, setup), cmocka_unit_test_setup(test_any_moves, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
