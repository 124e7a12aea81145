/* SPDX-License-Identifier: Apache-2.0 */
/* PVH: what the entry point gets. Xen "x86/HVM direct boot ABI" and its start_info structure, version 1. */

#include "load_int.h"

#define PVH_MAGIC 0x336ec578u

struct pvh_start_info {
	u32 magic, version, flags, module_count;
	u64 modules, cmdline, rsdp, memory_map;
	u32 memory_map_count, reserved;
};
struct pvh_module {
	u64 base, size, cmdline, reserved;
};
struct pvh_memory {
	u64 base, size;
	u32 type, reserved;
};
_Static_assert(sizeof(struct pvh_start_info) == 56 && sizeof(struct pvh_module) == 32, "start info");
_Static_assert(sizeof(struct pvh_memory) == 24, "memory map");

/* All in one piece of low memory. */
struct pvh_block {
	struct pvh_start_info info;
	struct pvh_memory memory[E820_ENTRIES_MAX];
	struct pvh_module module[PLAN_MODULES_MAX];
	char name[PLAN_MODULES_MAX][PLAN_PATH_SIZE];	/* a module's command line is its file name */
};
#define BLOCK_OFF(field) offsetof(struct pvh_block, field)

static void pvh_put_memory_map(struct load *l, u64 base, struct pvh_start_info *info)
{
	struct e820_entry map[E820_ENTRIES_MAX];
	struct pvh_memory entry;

	info->memory_map = base + BLOCK_OFF(memory);
	info->memory_map_count = e820_build(l->g->ram_low, l->g->ram_high, map);
	for (u32 i = 0; i < info->memory_map_count; i++) {
		entry = (struct pvh_memory){ map[i].base, map[i].size, map[i].type, 0 };
		load_put(l, info->memory_map + i * sizeof(entry), &entry, sizeof(entry));
	}
}

static void pvh_put_modules(struct load *l, u64 base, struct pvh_start_info *info, const u64 gpa[PLAN_MODULES_MAX])
{
	const struct guest_image *m = l->g->module;
	struct pvh_module entry;
	u64 name;

	info->module_count = l->g->module_count;
	info->modules = info->module_count ? base + BLOCK_OFF(module) : 0;
	for (u32 i = 0; i < info->module_count; i++) {
		name = base + BLOCK_OFF(name) + i * PLAN_PATH_SIZE;
		entry = (struct pvh_module){ gpa[i], m[i].size, name, 0 };
		load_put(l, info->modules + i * sizeof(entry), &entry, sizeof(entry));
		load_put(l, name, m[i].name, strnlen(m[i].name, PLAN_PATH_SIZE - 1));
	}
}

int pvh_hand_over(struct load *l, u64 entry, struct cpu_state *start)
{
	struct pvh_start_info info = { .magic = PVH_MAGIC, .version = 1, .rsdp = GUEST_ACPI_GPA };
	u64 base, length, gpa[PLAN_MODULES_MAX];
	int r = load_modules(l, gpa);

	if (!r)
		r = load_cmdline(l, LOAD_HIGHEST, &info.cmdline, &length);
	if (!r)
		r = load_place(l, sizeof(struct pvh_block), 16, PAGE_SIZE, GUEST_LOW_END, LOAD_HIGHEST,
			       "the PVH start info", &base);
	if (r)
		return r;
	pvh_put_memory_map(l, base, &info);
	pvh_put_modules(l, base, &info, gpa);
	load_put(l, base, &info, sizeof(info));
	load_state_flat32(start, entry);
	start->gpr[RBX] = base;
	return 0;
}
