/* SPDX-License-Identifier: Apache-2.0 */
/* `memory` in the shell: who owns the machine's RAM. */
#include "build.h"

#include <hv/lib.h>
#include <hv/machine.h>
#include <hv/pool.h>

typedef void line_fn(const char *text);

static void row(line_fn *line, const char *who, u64 bytes, const char *what)
{
	char text[120], size[24];

	fmt_print(text, sizeof(text), "  %-20s %12s  %s", who, fmt_bytes(size, sizeof(size), bytes), what);
	line(text);
}

static void guest_rows(line_fn *line, const struct guest *g)
{
	char text[120], size[24];

	row(line, g->name, g->ram_low + g->ram_high, "RAM of this guest");
	for (u32 i = 0; i < g->range_count; i++) {
		fmt_print(text, sizeof(text), "      guest 0x%012lx -> machine 0x%012lx  %s", g->range[i].gpa,
			g->range[i].hpa.v, fmt_bytes(size, sizeof(size), g->range[i].size));
		line(text);
	}
	for (u32 i = 0; i < DEVICE_RAM_KINDS; i++) {
		static const char *const kind[DEVICE_RAM_KINDS] = { "flash", "screen" };

		if (!g->device_ram[i].size)
			continue;
		fmt_print(text, sizeof(text), "      %-22s -> machine %#014lx  %s", kind[i], g->device_ram[i].hpa.v,
			fmt_bytes(size, sizeof(size), g->device_ram[i].size));
		line(text);
	}
}

static u64 sum_kind(enum boot_range_kind kind)
{
	u64 sum = 0;

	for (u32 i = 0; i < boot_info->range_count; i++)
		if (boot_info->ranges[i].kind == kind)
			sum += boot_info->ranges[i].size;
	return sum;
}

static u64 sum_free(void)
{
	u64 sum = 0;

	for (u32 i = 0; machine_resolved && i < machine_resolved->free_count; i++)
		sum += machine_resolved->free[i].size;
	return sum;
}

/* What firmware left, and the pool does not need. */
static u64 sum_ram(void)
{
	u64 sum = 0;

	for (u32 i = 0; machine_facts && i < machine_facts->ram_count; i++)
		sum += machine_facts->ram[i].size;
	return machine_facts ? sum : sum_kind(BOOT_RAM);
}

void memory_report(line_fn *line)
{
	line("Machine:");
	row(line, "for guests", sum_ram(), "RAM that neither firmware nor the hypervisor has");
	for (const struct guest *g = guest_next(NULL); g; g = guest_next(g))
		guest_rows(line, g);
	row(line, "free", sum_free(), "whole blocks that no guest has");
	row(line, "boot files", sum_kind(BOOT_FILE), "kept for every start of their guests");
	row(line, "firmware", sum_kind(BOOT_RUNTIME_CODE) + sum_kind(BOOT_RUNTIME_DATA) + sum_kind(BOOT_ACPI),
		"its services and tables");
	line("Hypervisor:");
	row(line, "image", boot_info->image_size, "code and data");
	row(line, "pool", pool_total() * PAGE_SIZE, "its own memory, of it:");
	row(line, "  page tables", pool_pages(POOL_TABLE) * PAGE_SIZE, "its own and the guests' nested ones");
	row(line, "  cores", pool_pages(POOL_CORE) * PAGE_SIZE, "private halves and stacks");
	row(line, "  guests", pool_pages(POOL_GUEST) * PAGE_SIZE, "devices, consoles, bookkeeping");
	row(line, "  other", pool_pages(POOL_OTHER) * PAGE_SIZE, "plan and the like");
	row(line, "  free", pool_pages(POOL_FREE) * PAGE_SIZE, "");
	line(frames_audit(line) ? "Audit: FAILED, see above" : "Audit: every frame has one owner");
}
