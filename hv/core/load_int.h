/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the boot protocols share: bounded reading of an image, and an allocator of guest RAM that knows who took what.
 * Private to hv/core/load*.c. */

#include <hv/gmem.h>
#include <hv/lib.h>
#include <hv/load.h>

#define LOAD_REGIONS_MAX 64

struct load_region {
	u64 base, end;
	const char *what;		/* for the operator: "the kernel" */
};

struct load {
	struct guest *g;		/* null in load_check() */
	const u8 *bytes;		/* the kernel file */
	u64 size;
	char *why;
	size_t why_size;
	u32 count;
	struct load_region region[LOAD_REGIONS_MAX];
};

/* Say why not; returns error. */
int load_refuse(struct load *l, int error, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Copy size bytes at off of the kernel file. false: the file does not have them all. */
bool load_read(const struct load *l, u64 off, void *to, u64 size);

/* [off, off + size) is inside the file. */
bool load_inside(const struct load *l, u64 off, u64 size);

/* Take exactly [base, base + size) of low RAM for `what`. 0, or -E_NOSPC with words: outside of RAM, or the overlap. */
int load_claim(struct load *l, u64 base, u64 size, const char *what);

/* Find size free bytes in [min, max), aligned to align (a power of two), lowest or highest first, and claim them. */
enum load_end { LOAD_LOWEST, LOAD_HIGHEST };
int load_place(struct load *l, u64 size, u64 align, u64 min, u64 max, enum load_end end, const char *what, u64 *base);

/* Copy into guest RAM that was claimed before: cannot fail. */
void load_put(const struct load *l, u64 gpa, const void *from, u64 size);

/* Copy the command line with its end to low memory. */
int load_cmdline(struct load *l, enum load_end end, u64 *gpa, u64 *length);

/* Place modules page aligned above 1 MiB; gpa[i] of each. */
int load_modules(struct load *l, u64 gpa[PLAN_MODULES_MAX]);

/* A start state: everything architectural at its power-on value, then 32-bit flat protected mode without paging, or
 * 64-bit mode with the page table at cr3. */
void load_state_flat32(struct cpu_state *s, u64 rip);
void load_state_long(struct cpu_state *s, u64 rip, u64 cr3);

/* At the reset vector, in real mode. SDM 3A "Processor State After Reset". */
void load_state_reset(struct cpu_state *s);

/* One a protocol: *_check looks at headers only (l->g null); *_load does the work. */
int linux_check(struct load *l);
int linux_load(struct load *l, struct cpu_state *start);
int elf_check(struct load *l);
int elf_load(struct load *l, struct cpu_state *start);
int uefi_check(struct load *l);		/* the code: a firmware volume and a reset vector behind it */
int uefi_vars_check(struct load *l);	/* the variables' volume */

/* Hand-over structures of the two ELF protocols. pvh: ebx points to the start info; multiboot: the information. */
int pvh_hand_over(struct load *l, u64 entry, struct cpu_state *start);
int multiboot_hand_over(struct load *l, u64 entry, struct cpu_state *start);

/* A multiboot1 header in the first 8 KiB. */
struct multiboot_header {
	u32 magic, flags, checksum;
	u32 header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr;	/* with MULTIBOOT_ADDRESSES */
};
#define MULTIBOOT_ADDRESSES BIT32(16)

/* Where in the file, and its fields; false when there is none. */
bool multiboot_find(const struct load *l, u64 *off, struct multiboot_header *h);

/* Can we give what its flags ask for, and do its address fields make sense? */
int multiboot_check(struct load *l, u64 off, const struct multiboot_header *h);

/* Load by the header's own address fields. */
int multiboot_load_raw(struct load *l, u64 off, const struct multiboot_header *h);
