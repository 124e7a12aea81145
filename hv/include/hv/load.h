/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Guest boot protocols: puts a kernel, its files and what it is told into a guest's RAM, and says in which state its
 * first vcpu starts. Every byte of an image is hostile: checked before it is used, never a reason to panic.
 * Errors: -E_RANGE the file ends too early; -E_INVAL malformed, or of a kind that we do not start; -E_NOSPC it does not
 * fit into this guest's memory. `why` always gets the reason in words, without id and file name. */

#include <hv/guest.h>

/* RAM of every guest that is reserved for firmware's tables; drivers/model/acpi.c fills it, the RSDP comes first. */
#define GUEST_ACPI_GPA 0xe0000ul
#define GUEST_ACPI_SIZE 0x20000ul
#define GUEST_LOW_END 0x9fc00ul		/* usable memory below 1 MiB ends here */

enum e820_type { E820_USABLE = 1, E820_RESERVED = 2 };

struct e820_entry {
	u64 base, size;
	u32 type;			/* enum e820_type */
};
#define E820_ENTRIES_MAX 8

/* The memory map that every boot protocol reports: sorted, disjoint; what is backed by RAM sums up to
 * ram_low + ram_high. Returns the count of entries. Pure. */
u32 e820_build(u64 ram_low, u64 ram_high, struct e820_entry map[E820_ENTRIES_MAX]);

/* Is this file something that `type` can start? Looks at headers only. Pure: also on the build host. */
int load_check(enum boot_type type, const void *bytes, u64 size, char *why, size_t why_size);

/* Place kernel, initrd or modules and our own structures in g's RAM (zeroed before), fill *start for set_state() with
 * STATE_ALL. On the guest's first core, before vcpu 0 starts. ACPI tables are not needed first: their place is fixed. */
int load_guest(struct guest *g, struct cpu_state *start, char *why, size_t why_size);
