/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory the hypervisor keeps for itself, and where. The plan is not read yet, so all RAM counts as guests'. */

#include <hv/multihit.h>

#include "boot.h"
#include "cpu.h"

#define BLOCK (2ull << 20)
#define POOL_BASE (12ull << 20)
#define POOL_A_CORE (256ull << 10)
#define TABLES_PART 8			/* of these, for the tables of what is not RAM */
#define TABLES_A_GIB (2 * 4096ull)	/* RAM in 2 MiB pages: a guest's nested table, its cores' own table */
#define TABLES_SMALL 512		/* RAM in 4 KiB pages: this part of it */

static uint64_t blocks_up(uint64_t size)
{
	return (size + BLOCK - 1) & ~(BLOCK - 1);
}

/* The hypervisor asks the same (hv/x86/vmx/vmx.c), and then maps RAM in 4 KiB pages. */
static bool small_pages(void)
{
	struct cpuid zero = cpu_id(0, 0), one = cpu_id(1, 0);
	bool intel = zero.b == 0x756e6547 && zero.d == 0x49656e69 && zero.c == 0x6c65746e;	/* GenuineIntel */
	bool told = zero.a >= 7 && cpu_id(7, 0).d & 1u << 29;

	if (!(one.c & 1u << 5))
		return false;	/* no VMX */
	return multihit_affected(intel, one.a, told ? cpu_msr(0x10a) : 0);
}

bool pool_place(struct boot_info *info)
{
	uint64_t own = POOL_BASE + POOL_A_CORE * info->core_count, ram;
	struct map_input map;

	if (memory_read_map(&map) != EFI_SUCCESS)
		return false;
	ram = map_sum_ram(&map);
	info->pool_tables = blocks_up(own / TABLES_PART + (ram >> 30) * TABLES_A_GIB +
				      (small_pages() ? ram / TABLES_SMALL : 0));
	info->pool_size = info->pool_tables + blocks_up(own - own / TABLES_PART);
	info->pool_base = memory_allocate(info->pool_size, BLOCK, BOOT_HYPERVISOR);
	return info->pool_base;
}
