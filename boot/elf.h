/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The hypervisor proper, an ELF carried by this .efi: checked, then copied to where its addresses will point.
 * Pure; boot core or host. */

#include <stddef.h>
#include <stdint.h>

#define ELF_BASE 0xffffffff80000000ull		/* linker/hv.ld: its first byte */
#define ELF_SPAN_MAX (64ull << 20)

struct elf_image {
	uint64_t span;		/* bytes from ELF_BASE to the end of the last segment */
	uint64_t entry;
};

/* Returns NULL and fills `image`, or what is wrong with the file, in words. */
const char *elf_check(const void *file, size_t size, struct elf_image *image);

/* Copies the segments of a checked file to `to`, which has `image.span` zeroed bytes. */
void elf_place(const void *file, void *to);
