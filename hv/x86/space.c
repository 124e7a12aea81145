/* SPDX-License-Identifier: Apache-2.0 */
#include "space.h"

#include <hv/log.h>
#include <hv/paging.h>
#include <hv/pool.h>

#include "core_arch.h"
#include "x86.h"

#define SEALED __attribute__((section(".sealed")))
#define LEAF_TABLE 0x3ul
#define TABLE_ADDRESS 0x000ffffffffff000ul

extern char image_start[], image_end[], text_start[], text_end[], rodata_start[], rodata_end[], sealed_start[],
	sealed_end[], data_start[], data_end[];

static struct pagetable shared SEALED;	/* root holds the slots that every core has */
static u64 mmio_next SEALED;
static u64 image_pd SEALED;		/* entry of the top PDPT that maps the image */
static u64 shared_root SEALED;
static u8 window_taken[SLOT_IMAGES - SLOT_GUEST] SEALED;	/* slots of the window that begins here */

static u64 *table_alloc(void)
{
	return pool_alloc(1, POOL_TABLE);
}

static u64 table_hpa(const void *p)
{
	return pool_hpa(p).v;
}

static u64 *table_ptr(u64 hpa)
{
	return pool_ptr(HPA(hpa));
}

static int host_max_leaf(void)
{
	return cpuid(0x80000001, 0).edx & BIT32(26) ? 3 : 2;
}

static struct pagetable host_table(u64 *root)
{
	return (struct pagetable){ .format = &pt_host, .root = root, .max_leaf = host_max_leaf(),
		.alloc = table_alloc, .to_hpa = table_hpa, .to_ptr = table_ptr };
}

static int map_section(const struct boot_info *bi, const char *from, const char *to, u32 prot)
{
	return pt_map(&shared, (u64)from, bi->image_base + (u64)(from - image_start), (u64)(to - from), prot);
}

static int map_image(const struct boot_info *bi)
{
	int err = map_section(bi, text_start, text_end, PT_READ | PT_EXEC);

	err = err ? err : map_section(bi, rodata_start, rodata_end, PT_READ);
	err = err ? err : map_section(bi, sealed_start, sealed_end, PT_READ | PT_WRITE);
	return err ? err : map_section(bi, data_start, data_end, PT_READ | PT_WRITE);
}

int space_init(const struct boot_info *bi)
{
	u64 *root = table_alloc(), *top;
	int err;

	if (!root)
		return -E_NOMEM;
	shared = host_table(root);
	shared_root = table_hpa(root);
	mmio_next = MMIO_VA;
	memset(window_taken, 0, sizeof(window_taken));
	err = map_image(bi);
	/* Apart, so that no leaf holds some of both: the seal takes the tables' right to write away without a new one. */
	err = err ? err : pt_map(&shared, POOL_VA, bi->pool_base, bi->pool_tables, PT_READ | PT_WRITE);
	err = err ? err : pt_map(&shared, POOL_VA + bi->pool_tables, bi->pool_base + bi->pool_tables,
		bi->pool_size - bi->pool_tables, PT_READ | PT_WRITE);
	/* The shared slot's second-level table must exist before roots copy it: devices are mapped later. */
	err = err ? err : pt_map(&shared, MMIO_VA, 0xfee00000, PAGE_SIZE, PT_READ | PT_WRITE | PT_UNCACHED);
	if (err)
		return err;
	mmio_next = MMIO_VA + PAGE_SIZE;
	top = table_ptr(root[SLOT_TOP] & ~0xffful);
	image_pd = top[IMAGE_VA >> 30 & 511];
	return 0;
}

void space_moved(void)
{
	shared.root = table_ptr(shared_root);
}

/* Firmware's tables may name any address; one that the processor does not have would fault at the first access. */
static bool is_physical(u64 base, u64 size)
{
	u64 end = BIT(cpuid(0x80000008, 0).eax & 63);

	return size && base < end && size <= end - base;
}

void *mmio_map(hpa_t base, u64 size, enum cache cache)
{
	u64 first = ALIGN_DOWN(base.v, PAGE_SIZE), len = ALIGN_UP(base.v + size, PAGE_SIZE) - first;
	u64 va = ALIGN_UP(mmio_next, BLOCK_SIZE) + (first & (BLOCK_SIZE - 1));	/* lets 2 MiB leaves fit */
	u32 type = cache == CACHE_UNCACHED ? PT_UNCACHED : cache == CACHE_COMBINING ? PT_COMBINING : 0;

	if (!is_physical(base.v, size) || len > MMIO_SIZE || va + len > MMIO_VA + MMIO_SIZE ||
	    pt_map(&shared, va, first, len, PT_READ | PT_WRITE | type))
		return NULL;
	mmio_next = va + len;
	return (void *)(va + (base.v - first));
}

/* What a core keeps for itself is not in the pool that all cores map. */
static int hide_from_others(const void *p, u64 size)
{
	return pt_unmap(&shared, POOL_VA + pool_offset(p), size);
}

int space_add_pool(hpa_t base, u64 size)
{
	return pt_map(&shared, POOL_VA + pool_total() * PAGE_SIZE, base.v, size, PT_READ | PT_WRITE);
}

int space_cut_pool(u64 size)
{
	return pt_unmap(&shared, POOL_VA + pool_total() * PAGE_SIZE, size);
}

int space_hide_page(void *page)
{
	int err = hide_from_others(page, PAGE_SIZE);

	__asm__ volatile("invlpg (%0)" : : "r"(page) : "memory");
	return err;
}

/* Private memory: struct core, the processor's tables, the stacks; one piece of the pool, mapped with guards. */
static int map_private(struct pagetable *pt, u32 index)
{
	u64 core_size = ALIGN_UP(sizeof(struct core), PAGE_SIZE);
	u64 pages = core_size / PAGE_SIZE + 1 + STACK_COUNT * (CORE_STACK_SIZE / PAGE_SIZE);
	void *block = pool_alloc(pages, POOL_CORE);
	u64 hpa;
	int err;

	if (!block)
		return -E_NOMEM;
	hpa = pool_hpa(block).v;
	core_table[index].private_hpa = HPA(hpa);
	err = hide_from_others(block, pages * PAGE_SIZE);
	err = err ? err : pt_map(pt, PRIVATE_VA, hpa, core_size, PT_READ | PT_WRITE);
	hpa += core_size;
	err = err ? err : pt_map(pt, ARCH_VA, hpa, PAGE_SIZE, PT_READ | PT_WRITE);
	hpa += PAGE_SIZE;
	for (u64 s = 0; s < STACK_COUNT && !err; s++, hpa += CORE_STACK_SIZE)
		err = pt_map(pt, STACK_TOP(s) - CORE_STACK_SIZE, hpa, CORE_STACK_SIZE, PT_READ | PT_WRITE);
	return err;
}

int space_add_core(u32 index)
{
	u64 *root = table_alloc(), *top = table_alloc();
	struct pagetable pt;

	if (!root || !top)
		return -E_NOMEM;
	core_table[index].root = HPA(table_hpa(root));
	root[SLOT_SHARED] = shared.root[SLOT_SHARED];
	root[SLOT_TOP] = table_hpa(top) | LEAF_TABLE;
	top[IMAGE_VA >> 30 & 511] = image_pd;
	pt = host_table(root);
	return map_private(&pt, index);
}

/* The control core shows what is on a guest's screen, and changes nothing there; it puts a guest's firmware variables back
 * before the first start and keeps them when they change (hv/datastore.h). The control core's tables for that are for good. */
static int map_device_ram(const struct guest *g, enum device_ram_kind kind, struct pagetable *pt)
{
	const struct device_ram *m = &g->device_ram[kind];
	struct pagetable control = host_table(table_ptr(core_table[control_core].root.v));
	int err;

	if (!m->size)
		return 0;
	if (m->hpa.v >= GUEST_DEVICE_VA_SIZE || m->size > GUEST_DEVICE_VA_SIZE - m->hpa.v)
		return -E_NOMEM;
	err = pt_map(pt, (u64)m->at, m->hpa.v, m->size, PT_READ | PT_WRITE);
	if (!err)
		err = pt_map(&control, (u64)m->at, m->hpa.v, m->size,
			     kind == DEVICE_RAM_SCREEN ? PT_READ : PT_READ | PT_WRITE);
	return err;
}

/* The control core's window: its own place for each guest among the slots that hold RAM on guests' cores, with the very
 * tables that the guest's cores have. Nothing else lies in these slots. */
static int add_window(struct guest *g, const u64 *guest_root)
{
	u64 *root = table_ptr(core_table[control_core].root.v);
	u32 slots = 0, first = SLOT_GUEST;

	for (u32 i = 0; i < g->range_count; i++)
		slots = (u32)((g->range[i].gpa + g->range[i].size - 1) / SLOT_BYTES) + 1;
	for (u32 i = 0; i < g->vcpu_count; i++)
		assert(g->core_of[i] != control_core);
	while (first < SLOT_IMAGES && window_taken[first - SLOT_GUEST])
		first += window_taken[first - SLOT_GUEST];
	if (first + slots > SLOT_IMAGES)
		return -E_NOMEM;
	window_taken[first - SLOT_GUEST] = (u8)slots;
	for (u32 i = 0; i < slots; i++)
		root[first + i] = guest_root[SLOT_GUEST + i];
	g->window = (u8 *)(GUEST_RAM_VA + (first - SLOT_GUEST) * SLOT_BYTES);
	return 0;
}

int space_add_guest(struct guest *g)
{
	u64 *root = table_alloc();
	struct pagetable pt = host_table(root);
	int err = root ? 0 : -E_NOMEM;

	g->host_root = root ? table_hpa(root) : 0;
	for (u32 i = 0; i < g->range_count && !err; i++)
		err = pt_map(&pt, GUEST_RAM_VA + g->range[i].gpa, g->range[i].hpa.v, g->range[i].size, PT_READ | PT_WRITE);
	err = err ? err : add_window(g, root);
	for (u32 i = 0; i < g->image_count && !err; i++)
		err = pt_map(&pt, g->image_map[i].va, g->image_map[i].hpa.v, g->image_map[i].size,
			     PT_READ | (g->image_map[i].writable ? PT_WRITE : 0));
	for (u32 i = 0; i < DEVICE_RAM_KINDS && !err; i++)
		err = map_device_ram(g, (enum device_ram_kind)i, &pt);
	for (u32 i = 0; i < g->vcpu_count && !err; i++) {
		u64 *core_root = table_ptr(core_table[g->core_of[i]].root.v);

		/* A slot is 512 GiB: large guests have several. */
		for (u32 slot = SLOT_GUEST; slot < SLOT_SHARED; slot++)
			core_root[slot] = root[slot];
	}
	return err;
}

/* Slots of root that lead where g's lead: nobody else's. The processor has set bits of its own in one or the other. */
static void clear_slots(u64 *root, const u64 *guest_root)
{
	for (u32 slot = SLOT_GUEST; slot < SLOT_SHARED; slot++)
		if (guest_root[slot] && !((root[slot] ^ guest_root[slot]) & TABLE_ADDRESS))
			store_release(&root[slot], 0ul);
}

static void close_window(struct guest *g)
{
	u64 *root = table_ptr(core_table[control_core].root.v);
	u32 first = (u32)(((u64)g->window - GUEST_RAM_VA) / SLOT_BYTES) + SLOT_GUEST;

	for (u32 i = 0; i < window_taken[first - SLOT_GUEST]; i++)
		store_release(&root[first + i], 0ul);
	window_taken[first - SLOT_GUEST] = 0;
	g->window = NULL;
}

void space_hide_guest(struct guest *g)
{
	struct pagetable control = host_table(table_ptr(core_table[control_core].root.v));

	if (!g->host_root)
		return;
	if (g->window)
		close_window(g);
	for (u32 i = 0; i < DEVICE_RAM_KINDS; i++)
		if (g->device_ram[i].size && g->device_ram[i].hpa.v < GUEST_DEVICE_VA_SIZE)
			pt_unmap(&control, (u64)g->device_ram[i].at, g->device_ram[i].size);
	for (u32 i = 0; i < g->vcpu_count; i++)
		clear_slots(table_ptr(core_table[g->core_of[i]].root.v), table_ptr(g->host_root));
}

bool space_is_table(u64 *table)
{
	hpa_t base;
	u64 size;

	pool_tables(&base, &size);
	return pool_hpa(table).v - base.v < size;
}

bool space_give_back(u64 *table)
{
	pool_free(table, 1);
	return true;
}

void space_free_guest(struct guest *g)
{
	struct pagetable pt;

	if (!g->host_root)
		return;
	pt = host_table(table_ptr(g->host_root));
	pt_free(&pt, pt.root, 4, space_is_table, space_give_back);
	g->host_root = 0;
}

bool space_sees_guests(u32 core)
{
	const u64 *root = table_ptr(core_table[core].root.v);

	for (u32 slot = SLOT_GUEST; slot < SLOT_SHARED; slot++)
		if (root[slot] && (slot < SLOT_IMAGES || slot >= SLOT_DEVICES))
			return true;
	return false;
}

int space_map_files(const struct boot_info *bi, u32 core)
{
	struct pagetable pt = host_table(table_ptr(core_table[core].root.v));
	int err = 0;

	for (u32 i = 0; i < bi->file_count && !err; i++)
		if (bi->files[i].size)
			err = pt_map(&pt, GUEST_IMAGES_VA + bi->files[i].base, bi->files[i].base,
				ALIGN_UP(bi->files[i].size, PAGE_SIZE), PT_READ);
	return err;
}

int space_map_file(u64 base, u64 size, bool there)
{
	struct pagetable pt = host_table(table_ptr(core_table[control_core].root.v));

	return there ? pt_map(&pt, GUEST_IMAGES_VA + base, base, size, PT_READ | PT_WRITE) :
		       pt_unmap(&pt, GUEST_IMAGES_VA + base, size);
}

u64 space_start_root(u64 trampoline)
{
	u64 *root = table_alloc();
	struct pagetable pt = host_table(root);

	if (!root || table_hpa(root) >> 32)
		return 0;
	root[SLOT_SHARED] = shared.root[SLOT_SHARED];
	root[SLOT_TOP] = shared.root[SLOT_TOP];
	if (pt_map(&pt, trampoline, trampoline, PAGE_SIZE, PT_READ | PT_WRITE | PT_EXEC))
		return 0;
	return table_hpa(root);
}

void space_seal(void)
{
	hpa_t tables;
	u64 size;

	pool_tables(&tables, &size);
	/* Re-mapping with the same leaf size needs no new table, so this cannot fail half-way. */
	pt_map(&shared, (u64)sealed_start, pt_lookup_hpa(&shared, (u64)sealed_start), (u64)(sealed_end - sealed_start), PT_READ);
	pt_map(&shared, POOL_VA, tables.v, size, PT_READ);
	write_cr3(read_cr3());
}

static u64 count_wx(const u64 *table, int level)
{
	u64 n = 0;

	for (unsigned int i = 0; i < 512; i++) {
		u64 e = table[i];

		if (!(e & 1))
			continue;
		if (level > 1 && !(e & BIT(7)))
			n += count_wx(table_ptr(e & 0x000ffffffffff000ul), level - 1);
		else
			n += (e & 2) && !(e & BIT(63));
	}
	return n;
}

u64 space_count_wx(void)
{
	return count_wx(table_ptr(read_cr3() & ~0xffful), 4);
}
