/* SPDX-License-Identifier: Apache-2.0 */
/* Multiboot1: its header, images that it describes without ELF, and what the entry point gets. "Multiboot
 * Specification version 0.6.96", sections "OS image format", "Machine state", "Boot information format". */

#include "load_int.h"

#define MULTIBOOT_MAGIC 0x1badb002u
#define MULTIBOOT_HANDED 0x2badb002u	/* EAX at entry */
#define MULTIBOOT_SEARCH 8192u
#define MULTIBOOT_PLAIN_SIZE 12u	/* magic, flags, checksum */
#define MULTIBOOT_FULL_SIZE 32u
#define NEEDS_UNKNOWN 0xfffcu		/* bits 0 page-aligned modules, 1 memory information: always given */
#define NEEDS_VIDEO BIT32(2)

enum { INFO_MEMORY = 1, INFO_CMDLINE = 4, INFO_MODULES = 8, INFO_MAP = 64, INFO_LOADER = 512 };

struct multiboot_info {
	u32 flags, mem_lower, mem_upper, boot_device, cmdline, module_count, modules, syms[4];
	u32 map_length, map, drives_length, drives, config_table, loader_name, apm_table, vbe[4], framebuffer[8];
};
struct multiboot_module {
	u32 start, end, string, reserved;
};
struct multiboot_memory {
	u32 size;			/* of what follows */
	u64 base, length;
	u32 type;
} PACKED;
_Static_assert(offsetof(struct multiboot_info, loader_name) == 64, "multiboot information");

static const char loader_name[] = "Bulkhead";

/* All in one piece of low memory. */
struct multiboot_block {
	struct multiboot_info info;
	struct multiboot_module module[PLAN_MODULES_MAX];
	struct multiboot_memory map[E820_ENTRIES_MAX];
	char loader[sizeof(loader_name)];
	char name[PLAN_MODULES_MAX][PLAN_PATH_SIZE];
};
#define BLOCK_AT(base, field) ((u32)((base) + offsetof(struct multiboot_block, field)))

bool multiboot_find(const struct load *l, u64 *off, struct multiboot_header *h)
{
	for (u64 at = 0; at + MULTIBOOT_PLAIN_SIZE <= MIN(l->size, MULTIBOOT_SEARCH); at += 4) {
		memset(h, 0, sizeof(*h));
		load_read(l, at, h, MULTIBOOT_PLAIN_SIZE);
		if (h->magic != MULTIBOOT_MAGIC || h->magic + h->flags + h->checksum != 0)
			continue;
		*off = at;
		if (!(h->flags & MULTIBOOT_ADDRESSES) || load_read(l, at, h, MULTIBOOT_FULL_SIZE))
			return true;
	}
	return false;
}

/* Where in the file loading starts, how much of it is loaded, and how much memory it takes. */
struct raw_image {
	u64 off, file_size, memory_size;
};

static int multiboot_raw(struct load *l, u64 off, const struct multiboot_header *h, struct raw_image *raw)
{
	u64 before = (u64)h->header_addr - h->load_addr;

	if (h->load_addr > h->header_addr || before > off)
		return load_refuse(l, -E_INVAL, "multiboot header: load_addr 0x%x does not fit header_addr 0x%x", h->load_addr,
				   h->header_addr);
	raw->off = off - before;
	raw->file_size = h->load_end_addr ? (u64)h->load_end_addr - h->load_addr : l->size - raw->off;
	raw->memory_size = h->bss_end_addr ? (u64)h->bss_end_addr - h->load_addr : raw->file_size;
	if ((h->load_end_addr && h->load_end_addr < h->header_addr) ||
	    (h->bss_end_addr && h->bss_end_addr < h->load_addr) || raw->memory_size < raw->file_size)
		return load_refuse(l, -E_INVAL, "multiboot header: load_end_addr 0x%x or bss_end_addr 0x%x lies too low",
				   h->load_end_addr, h->bss_end_addr);
	if (!load_inside(l, raw->off, raw->file_size))
		return load_refuse(l, -E_RANGE, "truncated: the multiboot header wants 0x%llx bytes, the file has 0x%llx",
				   (unsigned long long)(raw->off + raw->file_size), (unsigned long long)l->size);
	if (h->entry_addr < h->load_addr || h->entry_addr - h->load_addr >= raw->memory_size)
		return load_refuse(l, -E_INVAL, "entry point 0x%x is outside of what is loaded", h->entry_addr);
	return 0;
}

int multiboot_check(struct load *l, u64 off, const struct multiboot_header *h)
{
	struct raw_image raw;

	if (h->flags & NEEDS_VIDEO)
		return load_refuse(l, -E_INVAL, "its multiboot header wants a video mode; guests have no screen");
	if (h->flags & NEEDS_UNKNOWN)
		return load_refuse(l, -E_INVAL, "its multiboot header wants something unknown (flags 0x%x)", h->flags);
	return h->flags & MULTIBOOT_ADDRESSES ? multiboot_raw(l, off, h, &raw) : 0;
}

int multiboot_load_raw(struct load *l, u64 off, const struct multiboot_header *h)
{
	struct raw_image raw;
	int r = multiboot_raw(l, off, h, &raw);

	if (!r)
		r = load_claim(l, h->load_addr, raw.memory_size, "the image");
	if (!r)
		load_put(l, h->load_addr, l->bytes + raw.off, raw.file_size);
	return r;
}

static void multiboot_put_map(struct load *l, u64 base, struct multiboot_info *info)
{
	struct e820_entry map[E820_ENTRIES_MAX];
	u32 count = e820_build(l->g->ram_low, l->g->ram_high, map);
	struct multiboot_memory entry;

	info->map = BLOCK_AT(base, map);
	info->map_length = count * (u32)sizeof(entry);
	for (u32 i = 0; i < count; i++) {
		entry = (struct multiboot_memory){ sizeof(entry) - 4, map[i].base, map[i].size, map[i].type };
		load_put(l, info->map + i * sizeof(entry), &entry, sizeof(entry));
	}
}

static void multiboot_put_modules(struct load *l, u64 base, struct multiboot_info *info,
				  const u64 gpa[PLAN_MODULES_MAX])
{
	const struct guest_image *m = l->g->module;
	struct multiboot_module entry;
	u32 name;

	info->module_count = l->g->module_count;
	info->modules = BLOCK_AT(base, module);
	for (u32 i = 0; i < info->module_count; i++) {
		name = BLOCK_AT(base, name) + i * PLAN_PATH_SIZE;
		entry = (struct multiboot_module){ (u32)gpa[i], (u32)(gpa[i] + m[i].size), name, 0 };
		load_put(l, info->modules + i * sizeof(entry), &entry, sizeof(entry));
		load_put(l, name, m[i].name, strnlen(m[i].name, PLAN_PATH_SIZE - 1));
	}
}

static void multiboot_put(struct load *l, u64 base, u64 cmdline, const u64 gpa[PLAN_MODULES_MAX])
{
	struct multiboot_info info = {
		.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MAP | INFO_LOADER,
		.mem_lower = (u32)(GUEST_LOW_END / KiB),
		.mem_upper = (u32)((l->g->ram_low - MiB) / KiB),
		.cmdline = (u32)cmdline,
		.loader_name = BLOCK_AT(base, loader),
	};

	multiboot_put_map(l, base, &info);
	multiboot_put_modules(l, base, &info, gpa);
	load_put(l, info.loader_name, loader_name, sizeof(loader_name));
	load_put(l, base, &info, sizeof(info));
}

/* The two words of the BIOS data area that kernels of this kind still ask for the end of low memory: 40EH, the segment of
 * the extended area, and 413H, KiB. Not where an image lies itself. */
static void multiboot_put_bios_data(struct load *l)
{
	const u16 segment = (u16)(GUEST_LOW_END >> 4), kib = (u16)(GUEST_LOW_END / KiB);

	for (u32 i = 0; i < l->count; i++)
		if (l->region[i].base < PAGE_SIZE)
			return;
	load_put(l, 0x40e, &segment, sizeof(segment));
	load_put(l, 0x413, &kib, sizeof(kib));
}

int multiboot_hand_over(struct load *l, u64 entry, struct cpu_state *start)
{
	u64 base, cmdline, length, gpa[PLAN_MODULES_MAX];
	int r = load_modules(l, gpa);

	if (!r)
		r = load_cmdline(l, LOAD_LOWEST, &cmdline, &length);
	/* As low as it goes: Xen puts its real-mode code below the end of low memory before it has read all of this. */
	if (!r)
		r = load_place(l, sizeof(struct multiboot_block), 16, PAGE_SIZE, GUEST_LOW_END, LOAD_LOWEST,
			       "the multiboot information", &base);
	if (r)
		return r;
	multiboot_put(l, base, cmdline, gpa);
	multiboot_put_bios_data(l);
	load_state_flat32(start, entry);
	start->gpr[RAX] = MULTIBOOT_HANDED;
	start->gpr[RBX] = base;
	return 0;
}
