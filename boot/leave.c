/* SPDX-License-Identifier: Apache-2.0 */
#include "boot.h"
#include "cpu.h"
#include "memory.h"
#include "tables.h"

#define PAGE 4096ull
#define STACK_SIZE (4 * PAGE)
#define LOW_4G (1ull << 32)
#define CR4_LA57 (1ull << 12)
#define EXIT_TRIES 8u
#define EDGE_SLACK 1024u		/* ranges may still split until the last map */

_Static_assert(offsetof(struct handover, low_page) == 48, "handover.S knows the offsets");

static uint64_t pages_up(uint64_t size)
{
	return (size + PAGE - 1) & ~(PAGE - 1);
}

static bool has_huge_pages(void)
{
	return cpu_id(0x80000000, 0).a >= 0x80000001 && cpu_id(0x80000001, 0).d & 1u << 26;
}

static const char *build_tables(struct leave *l, void *pages, size_t count, uint64_t top, bool huge)
{
	const struct boot_info *info = l->info;
	uint64_t *root5 = pages;
	struct tables t;

	if (tables_start(&t, root5 + PAGE / 8, count - 1, huge) || tables_map_same(&t, 0, top) ||
	    tables_map_same(&t, info->screen.base, info->screen.base + info->screen.size) ||
	    tables_map_image(&t, ELF_BASE, info->image_base, info->image_size))
		return "page tables for the hand-over do not fit";
	l->handover->root = (uint64_t)t.root;
	l->handover->root5 = (uint64_t)root5;
	root5[0] = root5[511] = (uint64_t)t.root | 3;	/* present, writable: both ends of the address space */
	return NULL;
}

static void fill_handover(struct leave *l, uint64_t stack, uint64_t entry)
{
	struct handover *h = l->handover;
	uint64_t *gdt = (uint64_t *)(h + 1);

	gdt[0] = 0;
	gdt[1] = 0x00af9b000000ffffull;		/* 64-bit code */
	gdt[2] = 0x00cf93000000ffffull;		/* data */
	gdt[3] = 0x00cf9b000000ffffull;		/* 32-bit code */
	h->gdt = (uint64_t)gdt;
	h->entry = entry;
	h->info = (uint64_t)l->info;
	h->stack = stack;
	h->low_page = l->info->trampoline;
}

/* The area, each part beginning on a page: boot_info, stack, hand-over and GDT, edges of the memory map, tables. */
const char *leave_prepare(struct leave *l, const struct boot_info *info, uint64_t entry)
{
	bool huge = has_huge_pages();
	struct map_input map;
	uint64_t top, area, at, size, table_count;

	if (memory_read_map(&map) != EFI_SUCCESS)
		return "firmware does not give its memory map";
	top = map_find_top(&map) > LOW_4G ? map_find_top(&map) : LOW_4G;
	l->edge_count = map_count_edges(&map) + EDGE_SLACK;
	table_count = tables_count_pages(top, info->screen.size, huge) + 1;
	size = pages_up(sizeof(*info)) + STACK_SIZE + PAGE + pages_up(l->edge_count * 8) + table_count * PAGE;
	area = memory_allocate(size, PAGE, BOOT_HYPERVISOR);
	if (!area)
		return "not enough memory for the hand-over";
	if (cpu_cr4() & CR4_LA57 && area + size > LOW_4G)
		return "firmware runs with 5-level paging and leaves no memory below 4 GiB to switch it off";

	memset((void *)area, 0, size);
	l->info = (struct boot_info *)area;
	memcpy(l->info, info, sizeof(*info));
	at = area + pages_up(sizeof(*info)) + STACK_SIZE;
	l->handover = (struct handover *)at;
	fill_handover(l, at, entry);
	l->edges = (uint64_t *)(at + PAGE);
	at += PAGE + pages_up(l->edge_count * 8);
	return build_tables(l, (void *)at, table_count, top, huge);
}

/* Firmware is half gone: no console of its own any more, no way back. */
static __attribute__((noreturn)) void give_up(const struct boot_info *info)
{
	uint64_t start = cpu_tsc(), wait = (info->clock.tsc_hz ? info->clock.tsc_hz : 2000000000ull) * 10;

	console_print_late("error FW-EXIT: firmware does not let go of the machine (ExitBootServices); "
			   "restarting in 10 seconds\n");
	while (cpu_tsc() - start < wait)
		;
	fw.runtime->ResetSystem(EfiResetCold, EFI_DEVICE_ERROR, 0, NULL);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* UEFI 2.10 "EFI_BOOT_SERVICES.ExitBootServices()" (7.4.6): the key is of the very last map. When an event of
 * firmware changed the map in between, the call fails with EFI_INVALID_PARAMETER, and from then on only memory
 * services may be called: the buffer is large enough and nothing is printed. */
const char *leave_firmware(struct leave *l)
{
	struct map_input map;
	EFI_STATUS status;
	UINTN key = 0;

	if (memory_read_map(&map) != EFI_SUCCESS)
		return "firmware does not give its memory map";
	if (map_count_edges(&map) > l->edge_count)
		return "firmware's memory map grew too much";
	for (unsigned int i = 0; i < EXIT_TRIES; i++) {
		status = memory_get_map(&map, &key);
		if (status != EFI_SUCCESS || map_count_edges(&map) > l->edge_count)
			break;
		status = fw.boot->ExitBootServices(fw.image, key);
		if (status == EFI_SUCCESS) {
			__asm__ volatile("cli");
			l->info->tsc_at_exit = cpu_tsc();
			map_translate(l->info, &map, l->edges);
			handover_jump(l->handover);
		}
		if (status != EFI_INVALID_PARAMETER)
			break;
	}
	give_up(l->info);
}
