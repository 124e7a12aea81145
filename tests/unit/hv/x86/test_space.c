/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/pagetable.c hv/core/pool.c */
/* The hypervisor's own address spaces, walked leaf by leaf: who sees what, with which rights, before and after the
 * seal. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "../../../../hv/x86/x86.h"

/* What the linker, the processor's registers and its CPUID say is the test's to choose. */
#define image_start (*image_start_at)
#define image_end (*image_end_at)
#define text_start (*text_start_at)
#define text_end (*text_end_at)
#define rodata_start (*rodata_start_at)
#define rodata_end (*rodata_end_at)
#define sealed_start (*sealed_start_at)
#define sealed_end (*sealed_end_at)
#define data_start (*data_start_at)
#define data_end (*data_end_at)
#define read_cr3() (cr3)
#define write_cr3(value) ((void)(cr3_writes++, cr3 = (value)))
#define cpuid(leaf, sub) fake_cpuid(leaf)

static u64 cr3;
static u32 cr3_writes;

static struct cpuid_regs fake_cpuid(u32 leaf)
{
	return (struct cpuid_regs){ .eax = leaf == 0x80000008 ? 40 : 0, .edx = leaf == 0x80000001 ? 1u << 26 : 0 };
}

#include "../../../../hv/x86/space.c"

#define AT(offset) ((void *)(IMAGE_VA + (offset)))
char (*image_start_at)[] = AT(0), (*text_start_at)[] = AT(0), (*text_end_at)[] = AT(0x23000);
char (*rodata_start_at)[] = AT(0x23000), (*rodata_end_at)[] = AT(0x30000), (*sealed_start_at)[] = AT(0x30000);
char (*sealed_end_at)[] = AT(0x32000), (*data_start_at)[] = AT(0x32000), (*data_end_at)[] = AT(0x250000);
char (*image_end_at)[] = AT(0x250000);

#define IMAGE_HPA 0x38000000ul
#define POOL_SIZE (32 * MiB)
#define CORES 4u

enum { R = 1, W = 2, X = 4 };

struct core core_private;
struct core_public core_table[CORES_LIMIT];
u32 control_core;
static struct boot_info info;
static u8 *pool_memory;

static int setup_memory(void **state)
{
	u8 *room = mmap(NULL, POOL_SIZE + BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		-1, 0);

	if (room == MAP_FAILED)
		return -1;
	pool_memory = (u8 *)ALIGN_UP((u64)room, BLOCK_SIZE);
	return 0;
}

static int setup(void **state)
{
	memset(&info, 0, sizeof(info));
	memset(core_table, 0, sizeof(core_table[0]) * CORES);
	core_private.pub = &core_table[0];
	info.image_base = IMAGE_HPA;
	info.image_size = 0x250000;
	info.pool_base = (u64)pool_memory;
	info.pool_size = POOL_SIZE;
	info.pool_tables = 2 * BLOCK_SIZE;
	pool_init(HPA(pool_memory), POOL_SIZE, info.pool_tables);
	assert_int_equal(space_init(&info), 0);
	for (u32 i = 0; i < CORES; i++)
		assert_int_equal(space_add_core(i), 0);
	cr3 = core_table[0].root.v;
	return 0;
}

/* A walk of its own through core's tables: rights, 0 when nothing is there. */
static u32 rights_at(u32 core, u64 va, u64 *hpa)
{
	const u64 *table = (const u64 *)core_table[core].root.v;
	u32 rights = R | W | X;

	for (u32 low = 39; low >= 12; low -= 9) {
		u64 e = table[va >> low & 511];

		if (!(e & 1))
			return 0;
		rights &= (e & 2 ? ~0u : ~(u32)W) & (e >> 63 ? ~(u32)X : ~0u);
		if (low == 12 || (low < 39 && (e & 0x80))) {
			*hpa = (e & 0xffffffffff000 & ~((1ul << low) - 1)) | (va & ((1ul << low) - 1));
			return rights;
		}
		table = (const u64 *)(e & 0xffffffffff000);
	}
	return 0;
}

static void is(u32 core, u64 va, u64 hpa, u32 rights)
{
	u64 found = 0;

	assert_int_equal(rights_at(core, va, &found), rights);
	if (rights)
		assert_true(found == hpa);
}

static void absent(u32 core, u64 va)
{
	is(core, va, 0, 0);
}

/* Call fn for each leaf of core's space. */
typedef void leaf_fn(u32 core, u64 hpa, u64 size, u64 entry, void *arg);

static void each_leaf_below(u32 core, const u64 *table, u32 low, leaf_fn *fn, void *arg)
{
	for (u32 i = 0; i < 512; i++) {
		u64 e = table[i];

		if (!(e & 1))
			continue;
		if (low > 12 && (low == 39 || !(e & 0x80)))
			each_leaf_below(core, (const u64 *)(e & 0xffffffffff000), low - 9, fn, arg);
		else
			fn(core, e & 0xffffffffff000, 1ul << low, e, arg);
	}
}

static void each_leaf(u32 core, leaf_fn *fn, void *arg)
{
	each_leaf_below(core, (const u64 *)core_table[core].root.v, 39, fn, arg);
}

struct range {
	u64 base, size;
	u32 seen;
};

static void touches(u32 core, u64 hpa, u64 size, u64 entry, void *arg)
{
	struct range *r = arg;

	if (hpa < r->base + r->size && r->base < hpa + size)
		r->seen++;
}

static u32 leaves_into(u32 core, u64 base, u64 size)
{
	struct range r = { base, size, 0 };

	each_leaf(core, touches, &r);
	return r.seen;
}

/* The image */

static void image_is(u32 sealed)
{
	for (u32 core = 0; core < CORES; core++) {
		is(core, IMAGE_VA, IMAGE_HPA, R | X);
		is(core, IMAGE_VA + 0x22fff, IMAGE_HPA + 0x22fff, R | X);
		is(core, IMAGE_VA + 0x23000, IMAGE_HPA + 0x23000, R);
		is(core, IMAGE_VA + 0x2ffff, IMAGE_HPA + 0x2ffff, R);
		is(core, IMAGE_VA + 0x30000, IMAGE_HPA + 0x30000, sealed);
		is(core, IMAGE_VA + 0x31fff, IMAGE_HPA + 0x31fff, sealed);
		is(core, IMAGE_VA + 0x32000, IMAGE_HPA + 0x32000, R | W);
		is(core, IMAGE_VA + 0x24ffff, IMAGE_HPA + 0x24ffff, R | W);
		absent(core, IMAGE_VA + 0x250000);
		absent(core, IMAGE_VA - 1);
	}
}

static void test_image(void **state)
{
	image_is(R | W);
	space_seal();
	image_is(R);
	assert_int_equal(cr3_writes, 1);
	cr3_writes = 0;
}

static void test_pool(void **state)
{
	for (u32 core = 0; core < CORES; core++) {
		is(core, POOL_VA, (u64)pool_memory, R | W);
		is(core, POOL_VA + POOL_SIZE - 1, (u64)pool_memory + POOL_SIZE - 1, R | W);
		absent(core, POOL_VA + POOL_SIZE);
	}
	space_seal();
	for (u32 core = 0; core < CORES; core++) {
		is(core, POOL_VA, (u64)pool_memory, R);
		is(core, POOL_VA + BLOCK_SIZE - 1, (u64)pool_memory + BLOCK_SIZE - 1, R);
		is(core, POOL_VA + POOL_SIZE - 1, (u64)pool_memory + POOL_SIZE - 1, R | W);
	}
	cr3_writes = 0;
}

/* Every core finds what is added to the pool, also behind the seal, and nobody what was cut off. */
static void test_pool_changes(void **state)
{
	u64 end = POOL_VA + POOL_SIZE, cut;
	hpa_t base;

	space_seal();
	cr3_writes = 0;
	assert_int_equal(space_add_pool(HPA(2 * GiB), 2 * BLOCK_SIZE), 0);
	for (u32 core = 0; core < CORES; core++) {
		is(core, end, 2 * GiB, R | W);
		is(core, end + 2 * BLOCK_SIZE - 1, 2 * GiB + 2 * BLOCK_SIZE - 1, R | W);
		absent(core, end + 2 * BLOCK_SIZE);
	}
	assert_int_equal(space_cut_pool(2 * BLOCK_SIZE), 0);
	cut = pool_trim(0, &base) * PAGE_SIZE;
	assert_int_equal(cut, POOL_SIZE - pool_total() * PAGE_SIZE);
	assert_int_equal(space_cut_pool(cut), 0);
	for (u32 core = 0; core < CORES; core++) {
		absent(core, end);
		absent(core, POOL_VA + pool_total() * PAGE_SIZE);
		is(core, POOL_VA + pool_total() * PAGE_SIZE - 1, base.v - 1, R | W);
	}
}

/* Nothing can be written and executed, on any core, at any time. */
static void test_no_leaf_is_writable_and_executable(void **state)
{
	assert_non_null(mmio_map(HPA(0xfec00000), PAGE_SIZE, CACHE_UNCACHED));
	for (u32 core = 0; core < CORES; core++) {
		cr3 = core_table[core].root.v;
		assert_int_equal(space_count_wx(), 0);
	}
	/* The count can count: the trampoline is both, in tables that only starting cores use. */
	cr3 = space_start_root(0x8000);
	assert_int_equal(space_count_wx(), 1);
}

/* Tables that are sealed cannot be changed through any mapping of the core that would. */

static void writes_to_tables(u32 core, u64 hpa, u64 size, u64 entry, void *arg)
{
	if ((entry & 2) && hpa < (u64)pool_memory + BLOCK_SIZE && (u64)pool_memory < hpa + size)
		++*(u32 *)arg;
}

static void test_seal_has_no_second_door(void **state)
{
	u32 doors = 0;

	space_seal();
	for (u32 core = 0; core < CORES; core++)
		each_leaf(core, writes_to_tables, &doors);
	assert_int_equal(doors, 0);
	cr3_writes = 0;
}

/* Private halves */

static u64 private_size(void)
{
	return ALIGN_UP(sizeof(struct core), PAGE_SIZE) + PAGE_SIZE + STACK_COUNT * CORE_STACK_SIZE;
}

static void test_private_half(void **state)
{
	for (u32 core = 0; core < CORES; core++) {
		u64 hpa = core_table[core].private_hpa.v, size = ALIGN_UP(sizeof(struct core), PAGE_SIZE);

		is(core, PRIVATE_VA, hpa, R | W);
		is(core, PRIVATE_VA + size - 1, hpa + size - 1, R | W);
		absent(core, PRIVATE_VA + size);
		is(core, ARCH_VA, hpa + size, R | W);
		absent(core, ARCH_VA + PAGE_SIZE);
		for (u32 s = 0; s < STACK_COUNT; s++) {
			is(core, STACK_TOP(s) - 1, hpa + size + PAGE_SIZE + (s + 1) * CORE_STACK_SIZE - 1, R | W);
			is(core, STACK_TOP(s) - CORE_STACK_SIZE, hpa + size + PAGE_SIZE + s * CORE_STACK_SIZE, R | W);
			absent(core, STACK_TOP(s) - CORE_STACK_SIZE - 1);
			absent(core, STACK_TOP(s));
		}
	}
}

/* Once in the own core's space and nowhere else, not even through the pool. */
static void test_private_half_is_private(void **state)
{
	for (u32 owner = 0; owner < CORES; owner++)
		for (u32 core = 0; core < CORES; core++)
			assert_int_equal(leaves_into(core, core_table[owner].private_hpa.v, private_size()),
				core == owner ? private_size() / PAGE_SIZE : 0);
}

/* Guests */

static struct guest guest[2];

static void build_guests(void)
{
	memset(guest, 0, sizeof(guest));
	for (u32 i = 0; i < 2; i++) {
		struct guest *g = &guest[i];

		g->vcpu_count = 1;
		g->core_of[0] = (u16)(1 + i);
		g->range_count = 2;
		g->range[0] = (struct ram_range){ .gpa = 0, .hpa = HPA((10 + i) * GiB), .size = GiB };
		g->range[1] = (struct ram_range){ .gpa = 4 * GiB, .hpa = HPA((20 + i) * GiB + BLOCK_SIZE),
			.size = 3 * BLOCK_SIZE };
		g->image_count = 2;
		g->image_map[0] = (struct image_mapping){ .va = GUEST_IMAGES_VA, .hpa = HPA(30 * GiB + i * BLOCK_SIZE),
			.size = 5 * PAGE_SIZE };
		g->image_map[1] = (struct image_mapping){ .va = GUEST_IMAGES_VA + BLOCK_SIZE, .size = 3 * PAGE_SIZE,
			.hpa = HPA(40 * GiB + i * BLOCK_SIZE), .writable = true };
		for (u32 kind = 0; kind < DEVICE_RAM_KINDS; kind++) {
			u64 hpa = (60 + 4 * i + kind) * GiB;

			g->device_ram[kind] = (struct device_ram){ (u8 *)(GUEST_DEVICE_VA + hpa), HPA(hpa), 2 * BLOCK_SIZE };
		}
	}
	guest[0].vcpu_count = 2;
	guest[0].core_of[1] = 3;
	for (u32 i = 0; i < 2; i++)
		assert_int_equal(space_add_guest(&guest[i]), 0);
}

static void test_guest(void **state)
{
	static const u32 cores[] = { 1, 3 };

	build_guests();
	for (u32 i = 0; i < 2; i++) {
		u32 core = cores[i];

		is(core, GUEST_RAM_VA, 10 * GiB, R | W);
		is(core, GUEST_RAM_VA + GiB - 1, 11 * GiB - 1, R | W);
		absent(core, GUEST_RAM_VA + GiB);
		is(core, GUEST_RAM_VA + 4 * GiB, 20 * GiB + BLOCK_SIZE, R | W);
		absent(core, GUEST_RAM_VA + 4 * GiB + 3 * BLOCK_SIZE);
		is(core, GUEST_IMAGES_VA + 5 * PAGE_SIZE - 1, 30 * GiB + 5 * PAGE_SIZE - 1, R);
		absent(core, GUEST_IMAGES_VA + 5 * PAGE_SIZE);
		is(core, GUEST_IMAGES_VA + BLOCK_SIZE + 3 * PAGE_SIZE - 1, 40 * GiB + 3 * PAGE_SIZE - 1, R | W);
		absent(core, GUEST_IMAGES_VA + BLOCK_SIZE + 3 * PAGE_SIZE);
	}
}

/* Flash is its guest's alone; a screen is also looked at from the control core. */
static void test_device_ram(void **state)
{
	const u64 flash = GUEST_DEVICE_VA + 60 * GiB, screen = flash + GiB;

	build_guests();
	is(1, flash, 60 * GiB, R | W);
	is(3, flash + 2 * BLOCK_SIZE - 1, 60 * GiB + 2 * BLOCK_SIZE - 1, R | W);
	absent(1, flash + 2 * BLOCK_SIZE);
	absent(2, flash);
	is(0, flash, 60 * GiB, R | W);		/* the datastore keeps its variables */
	is(1, screen, 61 * GiB, R | W);
	is(0, screen, 61 * GiB, R);
	absent(2, screen);
	is(2, screen + 4 * GiB, 65 * GiB, R | W);
	guest[0].device_ram[DEVICE_RAM_FLASH].hpa = HPA(GUEST_DEVICE_VA_SIZE);
	assert_int_equal(space_add_guest(&guest[0]), -E_NOMEM);
}

/* The control core sees each guest's RAM through its window, at the guest's own addresses, and never executes there. */
static void test_windows(void **state)
{
	build_guests();
	assert_ptr_not_equal(guest[0].window, guest[1].window);
	for (u32 i = 0; i < 2; i++) {
		u64 at = (u64)guest[i].window;

		is(0, at, (10 + i) * GiB, R | W);
		is(0, at + GiB - 1, (11 + i) * GiB - 1, R | W);
		absent(0, at + GiB);
		is(0, at + 4 * GiB, (20 + i) * GiB + BLOCK_SIZE, R | W);
		absent(0, at + 4 * GiB + 3 * BLOCK_SIZE);
	}
	memset(guest, 0, sizeof(guest));
	guest[0].vcpu_count = 1;
	guest[0].core_of[0] = 2;
	guest[0].range_count = 1;
	guest[0].range[0] = (struct ram_range){ .gpa = 0, .hpa = HPA(0), .size = 600 * GiB };
	assert_int_equal(space_add_guest(&guest[0]), 0);
	assert_true((u64)guest[0].window == GUEST_RAM_VA + 2 * SLOT_BYTES);
	is(0, (u64)guest[0].window + 600 * GiB - 1, 600 * GiB - 1, R | W);
	guest[1] = guest[0];
	assert_int_equal(space_add_guest(&guest[1]), 0);
	assert_true((u64)guest[1].window == GUEST_RAM_VA + 4 * SLOT_BYTES);
}

/* The RAM of a guest is seen by its cores and the control core's window alone: not by its neighbour's. */
static void test_guests_are_apart(void **state)
{
	build_guests();
	for (u32 i = 0; i < 2; i++)
		for (u32 core = 0; core < CORES; core++) {
			bool own = core == guest[i].core_of[0] || (i == 0 && core == guest[i].core_of[1]);

			for (u32 r = 0; r < guest[i].range_count; r++)
				assert_int_equal(leaves_into(core, guest[i].range[r].hpa.v,
					guest[i].range[r].size) != 0, own || core == control_core);
			for (u32 r = 0; r < guest[i].image_count; r++)
				assert_int_equal(leaves_into(core, guest[i].image_map[r].hpa.v,
					guest[i].image_map[r].size) != 0, own);
		}
}

/* A guest of more than one slot of the root. */
static void test_large_guest(void **state)
{
	memset(guest, 0, sizeof(guest));
	guest[0].vcpu_count = 1;
	guest[0].core_of[0] = 2;
	guest[0].range_count = 1;
	guest[0].range[0] = (struct ram_range){ .gpa = 0, .hpa = HPA(0), .size = 1024 * GiB };
	assert_int_equal(space_add_guest(&guest[0]), 0);
	is(2, GUEST_RAM_VA + 1024 * GiB - 1, 1024 * GiB - 1, R | W);
	absent(2, GUEST_RAM_VA + 1024 * GiB);
	is(2, POOL_VA, (u64)pool_memory, R | W);
	is(2, IMAGE_VA, IMAGE_HPA, R | X);
}

/* What processors write into tables by themselves. */
static void set_accessed(u64 *table, u32 low)
{
	for (u32 i = 0; i < 512; i++) {
		if (!(table[i] & 1))
			continue;
		table[i] |= 0x20;
		if (low > 12 && (low == 39 || !(table[i] & 0x80)))
			set_accessed((u64 *)(table[i] & 0xffffffffff000), low - 9);
	}
}

static void goes(struct guest *g)
{
	for (u32 core = 0; core < CORES; core++)
		if (core == control_core || core == g->core_of[0])
			set_accessed((u64 *)core_table[core].root.v, 39);
	space_hide_guest(g);
	for (u32 core = 0; core < CORES; core++) {
		for (u32 r = 0; r < g->range_count; r++)
			assert_int_equal(leaves_into(core, g->range[r].hpa.v, g->range[r].size), 0);
		for (u32 r = 0; r < g->image_count; r++)
			assert_int_equal(leaves_into(core, g->image_map[r].hpa.v, g->image_map[r].size), 0);
		for (u32 i = 0; i < DEVICE_RAM_KINDS; i++)
			assert_int_equal(leaves_into(core, g->device_ram[i].hpa.v, g->device_ram[i].size), 0);
	}
	assert_null(g->window);
	space_free_guest(g);
}

/* A guest that goes is nowhere, its neighbour is untouched, and all of its tables come back: an equal one needs no more. */
static void test_guest_goes(void **state)
{
	u64 tables[3];

	build_guests();
	assert_true(space_sees_guests(1));
	for (u32 i = 0; i < 3; i++) {
		goes(&guest[0]);
		assert_false(space_sees_guests(1));
		assert_false(space_sees_guests(3));
		assert_true(space_sees_guests(2));
		is(2, GUEST_RAM_VA, 11 * GiB, R | W);
		is(0, (u64)guest[1].window, 11 * GiB, R | W);
		is(0, GUEST_DEVICE_VA + 64 * GiB, 64 * GiB, R | W);
		tables[i] = pool_pages(POOL_TABLE);
		assert_int_equal(space_add_guest(&guest[0]), 0);
		is(1, GUEST_RAM_VA, 10 * GiB, R | W);
		is(3, GUEST_DEVICE_VA + 61 * GiB, 61 * GiB, R | W);
		assert_true((u64)guest[0].window == GUEST_RAM_VA);
	}
	assert_int_equal(tables[0], tables[1]);
	assert_int_equal(tables[1], tables[2]);
}

/* Out of tables half-way: all that was taken comes back. */
static void test_half_a_guest_goes(void **state)
{
	u64 taken, left;
	u8 *rest;

	build_guests();
	goes(&guest[0]);
	taken = pool_pages(POOL_TABLE);
	left = pool_pages(POOL_FREE);
	for (u32 short_of = 1; short_of < 12; short_of++) {
		static u8 *kept[20000];
		u32 n = 0;

		while ((rest = pool_alloc(1, POOL_TABLE)))
			kept[n++] = rest;
		for (u32 i = 0; i < short_of; i++)
			pool_free(kept[--n], 1);
		if (space_add_guest(&guest[0]))
			assert_true(short_of < 11);
		space_hide_guest(&guest[0]);
		space_free_guest(&guest[0]);
		while (n)
			pool_free(kept[--n], 1);
		assert_int_equal(pool_pages(POOL_TABLE), taken);
		assert_int_equal(pool_pages(POOL_FREE), left);
		is(2, GUEST_RAM_VA, 11 * GiB, R | W);
	}
}

static void test_files(void **state)
{
	info.file_count = 2;
	info.files[0] = (struct boot_file){ .base = 0x50000000, .size = 5000 };
	info.files[1] = (struct boot_file){ .base = 0x60000000, .size = 0 };
	assert_int_equal(space_map_files(&info, 0), 0);
	is(0, GUEST_IMAGES_VA + 0x50000000, 0x50000000, R);
	is(0, GUEST_IMAGES_VA + 0x50001fff, 0x50001fff, R);
	absent(0, GUEST_IMAGES_VA + 0x50002000);
	absent(0, GUEST_IMAGES_VA + 0x60000000);
	absent(1, GUEST_IMAGES_VA + 0x50000000);
}

/* Devices */

static u64 device_entry(const void *p)
{
	int level;

	return pt_lookup(&shared, (u64)p, &level);
}

static void test_devices(void **state)
{
	u8 *a = mmio_map(HPA(0xfed00010), 0x20, CACHE_UNCACHED), *b = mmio_map(HPA(0xd0000ff0), 0x20, CACHE_COMBINING);
	u8 *c = mmio_map(HPA(0x1000), 1, CACHE_BACK);

	for (u32 core = 0; core < CORES; core++) {
		is(core, (u64)a, 0xfed00010, R | W);
		is(core, (u64)b, 0xd0000ff0, R | W);
		is(core, (u64)b + 0x1f, 0xd000100f, R | W);
	}
	assert_int_equal(device_entry(a) & 0x18, 0x18);
	assert_int_equal(device_entry(b) & 0x18, 0x08);
	assert_int_equal(device_entry(c) & 0x18, 0);
	absent(0, (u64)a + PAGE_SIZE);
	absent(0, (u64)b + PAGE_SIZE + 0x10);
}

static void test_large_devices_take_large_pages(void **state)
{
	u8 *screen = mmio_map(HPA(0xc0100000), 16 * MiB, CACHE_COMBINING);
	int level;

	pt_lookup(&shared, (u64)screen + MiB, &level);
	assert_int_equal(level, 2);
}

/* Tables of firmware may name any address. */
static void test_devices_that_cannot_be(void **state)
{
	static const struct { u64 base, size; } wrong[] = { { 0xfed00000, 0 }, { BIT(40), 0x1000 }, 
		{ BIT(40) - 0x1000, 0x1001 }, { ~0ul, 0x400 }, { ~0xffful, 0x1000 }, { BIT(52), 1 }, { 0, U64_MAX },
			{ 0x1000, U64_MAX - 0xfff },
		{ 0, MMIO_SIZE }, { 0, 2 * MMIO_SIZE }, { 0, BIT(40) } };

	for (u32 i = 0; i < ARRAY_COUNT(wrong); i++)
		assert_null(mmio_map(HPA(wrong[i].base), wrong[i].size, CACHE_UNCACHED));
	assert_non_null(mmio_map(HPA(BIT(40) - 0x1000), 0x1000, CACHE_UNCACHED));
}

static void test_device_window_ends(void **state)
{
	u32 n = 0;

	while (n < 100 && mmio_map(HPA(0), GiB, CACHE_UNCACHED))
		n++;
	assert_true(n >= 60 && n < 64);
	assert_int_equal(rights_at(0, MMIO_VA + MMIO_SIZE, &(u64){ 0 }), 0);
	/* What is left can still be used. */
	assert_non_null(mmio_map(HPA(0xfec00000), PAGE_SIZE, CACHE_UNCACHED));
}

static void test_start_root(void **state)
{
	u64 root = space_start_root(0x8000);

	assert_true(root && root < 4 * GiB);
	core_table[0].root = HPA(root);
	is(0, 0x8000, 0x8000, R | W | X);
	absent(0, 0x7fff);
	absent(0, 0x9000);
	is(0, IMAGE_VA, IMAGE_HPA, R | X);
	absent(0, PRIVATE_VA);
}

static void test_out_of_tables(void **state)
{
	while (pool_alloc(1, POOL_TABLE))
		;
	assert_int_equal(space_add_core(5), -E_NOMEM);
	memset(guest, 0, sizeof(guest));
	assert_int_equal(space_add_guest(&guest[0]), -E_NOMEM);
	assert_int_equal(space_start_root(0x8000), 0);
	assert_int_equal(space_init(&info), -E_NOMEM);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_image), T(test_pool), T(test_pool_changes), T(test_no_leaf_is_writable_and_executable),
		T(test_seal_has_no_second_door),
		T(test_private_half), T(test_private_half_is_private), T(test_guest), T(test_windows), T(test_guests_are_apart), T(test_device_ram),
		T(test_large_guest), T(test_guest_goes), T(test_half_a_guest_goes), T(test_files), T(test_devices), T(test_large_devices_take_large_pages),
		T(test_devices_that_cannot_be), T(test_device_window_ends), T(test_start_root), T(test_out_of_tables),
	};

	return cmocka_run_group_tests(tests, setup_memory, NULL);
}
