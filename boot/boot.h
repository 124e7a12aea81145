/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The parts of boot/ that speak to firmware, in the order in which main.c calls them. All of it runs on the boot
 * core, under UEFI boot services, single-threaded; only leave.c goes on after ExitBootServices. */

#include <efi.h>
#include <efipciio.h>
#include <stdbool.h>

#include <hv/boot_info.h>

#include "acpi.h"
#include "elf.h"
#include "map.h"
#include "mem.h"
#include "text.h"

struct firmware {
	EFI_HANDLE image;
	EFI_SYSTEM_TABLE *system;
	EFI_BOOT_SERVICES *boot;
	EFI_RUNTIME_SERVICES *runtime;
	EFI_LOADED_IMAGE *loaded;
};

extern struct firmware fw;	/* set once, first thing in efi_main */

/* console.c: ConOut, which most firmware also sends to its serial port. */
void console_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints "error ID: words", waits for a key, at most 10 s. Returns `status`, for the way back to firmware. */
EFI_STATUS console_fail(EFI_STATUS status, const char *id, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
const char *console_status(EFI_STATUS status);	/* in words */
/* For the time after ExitBootServices: COM1 only, if a loop-back test finds it; every wait is bounded. */
void console_print_late(const char *text);

/* facts.c: what is asked of firmware and CPU in one call each. */
void facts_read(struct boot_info *info);		/* firmware's name, table addresses, entropy */
void facts_read_acpi(struct boot_info *info, struct acpi_facts *acpi);
void facts_read_wall_clock(struct boot_info *info);	/* UTC now, and the TSC of now */

/* cores.c: fills info->cores from the MADT, else the MP services protocol, else with this core alone. */
void cores_read(struct boot_info *info, const struct acpi_facts *acpi);

/* uarts.c: fills info->uarts: those of ACPI, PCI's, the two legacy ports. None is touched. */
void uarts_read(struct boot_info *info, const struct acpi_facts *acpi);

/* screen.c: fills info->screen when the console's GOP has a linear framebuffer. */
void screen_read(struct boot_info *info);

/* pool.c: memory for the hypervisor's bookkeeping and all page tables: pool_*. false: not to be had. */
bool pool_place(struct boot_info *info);

/* clock.c: start, then poll at least every 4 s (the PM timer wraps), then finish: fills clock.tsc_hz and method. */
void clock_start(const struct boot_acpi *acpi);
void clock_poll(void);
void clock_finish(struct boot_clock *clock);

/* files.c: opens the volume, finds and loads the plan and every file that it names into info->files. */
void files_load(struct boot_info *info);

/* memory.c: allocations that outlive boot services, each told to the hypervisor as a range of this kind. */
EFI_STATUS memory_read_map(struct map_input *map);	/* a fresh map; valid until the next call of memory.c */
/* Nothing is ever allocated there, and it is handed over as reserved. Before all allocations; at most BOOT_HELD_MAX. */
void memory_hold(uint64_t base, uint64_t size);
uint64_t memory_allocate(uint64_t size, uint64_t align, uint32_t kind);	/* whole pages, not zeroed; 0: none */
void memory_release(uint64_t base);			/* what memory_allocate gave */
uint64_t memory_allocate_low(void);			/* one page below 640 KiB; 0: none */
void memory_release_all(void);				/* before going back to firmware */

/* What handover.S reads; the offsets are known there. */
struct handover {
	uint64_t root;		/* page tables of four levels, for CR3 */
	uint64_t root5;		/* the same with a fifth on top, for firmware that runs with five */
	uint64_t entry;		/* virtual address in the hypervisor */
	uint64_t info;		/* physical address of boot_info, its argument */
	uint64_t stack;
	uint64_t gdt;		/* four descriptors: none, 64-bit code, data, 32-bit code */
	uint64_t low_page;	/* overwritten with code while five levels become four */
};

/* leave.c: page tables, ExitBootServices, memory ranges, jump. */
struct leave {
	struct boot_info *info;	/* in memory that the hypervisor will find as its own */
	struct handover *handover;
	uint64_t *edges;
	uint64_t edge_count;
};
/* Allocates boot_info (copied from `info`), stack, GDT and tables as one piece; `entry` is the hypervisor's.
 * Returns NULL, or what is wrong. */
const char *leave_prepare(struct leave *l, const struct boot_info *info, uint64_t entry);
/* Returns only when nothing was given up yet: what is wrong, in words. */
const char *leave_firmware(struct leave *l);

/* handover.S: interrupts off, GDT, CR3, stack, four paging levels, jump to the entry with boot_info as its argument. */
void handover_jump(const struct handover *h) __attribute__((noreturn));

/* payload.S: the hypervisor proper. */
extern const uint8_t payload_start[], payload_end[];
