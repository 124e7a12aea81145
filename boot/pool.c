/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory the hypervisor takes for itself, and where. The plan is not read yet, so all RAM counts as guests', and what
 * the plan does not need becomes RAM for guests when it is built (hv/core/pool_grow.c). */

#include "boot.h"
#include "cpu.h"

#define BLOCK (2ull << 20)
#define POOL_BASE (16ull << 20)
#define POOL_A_CORE (256ull << 10)
#define TABLES_BASE (1ull << 20)	/* tables of what is not RAM: those of devices, of the image */
#define TABLES_A_CORE (128ull << 10)	/* a core's own, and the nested ones of a guest that has no other core */
#define TABLES_A_GIB (2 * 4096ull)	/* RAM in 2 MiB pages: a guest's nested table, its cores' own table */
#define TABLES_SMALL 512		/* RAM in 4 KiB pages: this part of it */

static uint64_t blocks_up(uint64_t size)
{
	return (size + BLOCK - 1) & ~(BLOCK - 1);
}

/* The hypervisor may have to map RAM in 4 KiB pages (CVE-2018-12207) where VMX does not say IF_PSCHANGE_MC_NO. It knows some
 * that are safe all the same (hv/x86/vmx/caps.c); those waste a little. SDM 4 "IA32_ARCH_CAPABILITIES". */
static bool may_need_small_pages(void)
{
	bool told = cpu_id(0, 0).a >= 7 && cpu_id(7, 0).d & 1u << 29;

	return cpu_id(1, 0).c & 1u << 5 && !(told && cpu_msr(0x10a) & 1u << 6);
}

static bool place(struct boot_info *info, uint64_t own, uint64_t tables)
{
	info->pool_tables = blocks_up(TABLES_BASE + TABLES_A_CORE * info->core_count + tables);
	info->pool_size = info->pool_tables + blocks_up(own);
	info->pool_base = memory_allocate(info->pool_size, BLOCK, BOOT_HYPERVISOR);
	return info->pool_base;
}

/* A plan need not use all RAM: where there is no such large piece, a smaller one may do. */
bool pool_place(struct boot_info *info)
{
	uint64_t own = POOL_BASE + POOL_A_CORE * info->core_count, ram, tables;
	struct map_input map;

	if (memory_read_map(&map) != EFI_SUCCESS)
		return false;
	ram = map_sum_ram(&map);
	tables = (ram >> 30) * TABLES_A_GIB + (may_need_small_pages() ? ram / TABLES_SMALL : 0);
	while (!place(info, own, tables)) {
		if (!tables)
			return false;
		tables /= 2;
	}
	return true;
}
