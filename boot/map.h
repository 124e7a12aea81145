/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Firmware's memory map as the ranges of boot_info: sorted, disjoint, merged, page aligned. Pure; boot core or host.
 * Works after ExitBootServices: it allocates nothing. */

#include <hv/boot_info.h>
#include <stddef.h>

/* EFI_MEMORY_DESCRIPTOR of UEFI 2.10 "EFI_BOOT_SERVICES.GetMemoryMap()" (7.2.3); descriptors may be longer. */
struct map_descriptor {
	uint32_t type, pad;
	uint64_t base, virtual_base, pages, attributes;
};

struct map_kept {
	uint64_t base, size;	/* page aligned */
	uint32_t kind;		/* BOOT_HYPERVISOR or BOOT_FILE; BOOT_RESERVED: a device's */
};

struct map_input {
	const void *descriptors;
	size_t size, stride;		/* bytes of all, bytes of one */
	const struct map_kept *kept;	/* what RAM stays in use; the first that holds an address counts */
	size_t kept_count;
};

/* Edges that map_translate() needs at most for this input. */
size_t map_count_edges(const struct map_input *in);

/* Fills info->ranges, range_count, range_lost. `edges` has room for map_count_edges(). Where descriptors overlap, the
 * kind that allows least wins; RAM below 1 MiB is reserved; what nobody describes is in no range. */
void map_translate(struct boot_info *info, const struct map_input *in, uint64_t *edges);

/* End of the highest RAM of any use (also firmware's and tables'), 0 when there is none. */
uint64_t map_find_top(const struct map_input *in);

/* How much RAM there is that guests may get, before ours is taken from it. */
uint64_t map_sum_ram(const struct map_input *in);

/* Highest free `size` bytes with `align` (a power of two) in conventional memory inside of [low, high), none of it kept;
 * 0: none. */
uint64_t map_find_free(const struct map_input *in, uint64_t size, uint64_t align, uint64_t low, uint64_t high);

/* Whether all of [base, base + size) is described as memory, so that reading it cannot fault or touch a device. */
int map_is_readable(const struct map_input *in, uint64_t base, uint64_t size);
