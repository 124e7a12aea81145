/* SPDX-License-Identifier: Apache-2.0 */
/* Linux: a bzImage by its 64-bit entry point. Linux documentation "The Linux/x86 Boot Protocol", "The real-mode kernel
 * header" and "64-bit boot protocol". */

#include "load_int.h"

#define HEADER_AT 0x1f1u		/* setup_header in the file and in the zero page */
#define HEADER_MAX_END 0x290u		/* where the zero page goes on */
#define HEADER_MIN_END 0x264u		/* behind init_size: protocol 2.12 has all of it */
#define RSDP_AT 0x70u
#define E820_COUNT_AT 0x1e8u
#define E820_AT 0x2d0u
#define SECTOR 512u

#define LOADED_HIGH 1u
#define CAN_USE_HEAP 0x80u
#define XLF_KERNEL_64 1u
#define LOADER_UNDEFINED 0xffu

struct setup_header {
	u8 setup_sects;
	u16 root_flags;
	u32 syssize;			/* protected-mode code, in 16 bytes */
	u16 ram_size, vid_mode, root_dev, boot_flag;
	u8 jump, header_length;		/* the header ends this many bytes behind `magic` */
	u32 magic;			/* "HdrS" */
	u16 version;
	u32 realmode_swtch;
	u16 start_sys_seg, kernel_version;
	u8 type_of_loader, loadflags;
	u16 setup_move_size;
	u32 code32_start, ramdisk_image, ramdisk_size, bootsect_kludge;
	u16 heap_end_ptr;
	u8 ext_loader_ver, ext_loader_type;
	u32 cmd_line_ptr, initrd_addr_max, kernel_alignment;
	u8 relocatable_kernel, min_alignment;
	u16 xloadflags;
	u32 cmdline_size, hardware_subarch;
	u64 hardware_subarch_data;
	u32 payload_offset, payload_length;
	u64 setup_data, pref_address;
	u32 init_size, handover_offset, kernel_info_offset;
} PACKED;
_Static_assert(offsetof(struct setup_header, magic) == 0x202 - HEADER_AT, "setup header");
_Static_assert(offsetof(struct setup_header, initrd_addr_max) == 0x22c - HEADER_AT, "setup header");
_Static_assert(offsetof(struct setup_header, init_size) == 0x260 - HEADER_AT, "setup header");

static u64 linux_setup_size(const struct setup_header *h)
{
	return (h->setup_sects ? h->setup_sects + 1u : 5u) * SECTOR;	/* 0 means 4, for old kernels */
}

static u64 linux_code_size(const struct setup_header *h)
{
	return (u64)h->syssize * 16;
}

/* Memory from the load address on that the kernel uses before it reads any memory map. */
static u64 linux_run_size(const struct setup_header *h)
{
	return MAX((u64)h->init_size, linux_code_size(h));
}

static int linux_check_kind(struct load *l, const struct setup_header *h)
{
	if (h->boot_flag != 0xaa55 || h->magic != 0x53726448)
		return load_refuse(l, -E_INVAL, "not a Linux bzImage: its boot header is missing");
	if (h->version < 0x20c)
		return load_refuse(l, -E_INVAL, "a Linux of boot protocol %d.%02d; 2.12 or later is needed", h->version >> 8,
				   h->version & 0xff);
	if (0x202u + h->header_length < HEADER_MIN_END)
		return load_refuse(l, -E_INVAL, "its boot header is shorter than protocol 2.12 has it");
	if (!(h->xloadflags & XLF_KERNEL_64))
		return load_refuse(l, -E_INVAL, "a Linux without 64-bit entry point (XLF_KERNEL_64 is not set)");
	if (!(h->loadflags & LOADED_HIGH))
		return load_refuse(l, -E_INVAL, "a zImage, loaded below 1 MiB; a bzImage is needed");
	return 0;
}

static int linux_check_sizes(struct load *l, const struct setup_header *h)
{
	u64 code = linux_code_size(h);

	if (!load_inside(l, linux_setup_size(h), code))
		return load_refuse(l, -E_RANGE, "truncated: its header says 0x%llx bytes, the file has 0x%llx",
				   (unsigned long long)(linux_setup_size(h) + code), (unsigned long long)l->size);
	if (code < 0x200 + 16)
		return load_refuse(l, -E_INVAL, "its header says that it has no code (syssize 0x%x)", h->syssize);
	if ((u64)h->payload_offset + h->payload_length > code)
		return load_refuse(l, -E_INVAL, "its compressed kernel lies outside of the file (payload_offset 0x%x, length 0x%x)",
				   h->payload_offset, h->payload_length);
	if (!h->kernel_alignment || (h->kernel_alignment & (h->kernel_alignment - 1)) || h->kernel_alignment > GiB)
		return load_refuse(l, -E_INVAL, "kernel_alignment 0x%x is not a power of two up to 1 GiB", h->kernel_alignment);
	if (h->pref_address < MiB || h->pref_address >= 4 * GiB)
		return load_refuse(l, -E_INVAL, "wants to be loaded at 0x%llx; 1 MiB to 4 GiB is possible",
				   (unsigned long long)h->pref_address);
	return 0;
}

static int linux_read_header(struct load *l, struct setup_header *h)
{
	int r;

	if (!load_read(l, HEADER_AT, h, sizeof(*h)))
		return load_refuse(l, -E_RANGE, "too short for a Linux bzImage (%llu bytes)", (unsigned long long)l->size);
	r = linux_check_kind(l, h);
	return r ? r : linux_check_sizes(l, h);
}

int linux_check(struct load *l)
{
	struct setup_header h;

	return linux_read_header(l, &h);
}

/* At its preferred address if that is free, else the lowest that its alignment allows. */
static int linux_place_kernel(struct load *l, const struct setup_header *h, u64 *base)
{
	u64 size = linux_run_size(h);
	int r = load_claim(l, h->pref_address, size, "the kernel");

	*base = h->pref_address;
	if (r && h->relocatable_kernel)
		r = load_place(l, size, MAX((u64)h->kernel_alignment, PAGE_SIZE), MiB, 4 * GiB, LOAD_LOWEST, "the kernel", base);
	if (!r)
		load_put(l, *base, l->bytes + linux_setup_size(h), linux_code_size(h));
	return r;
}

static int linux_place_initrd(struct load *l, struct setup_header *h)
{
	const struct guest_image *image = &l->g->initrd;
	u64 base;
	int r;

	h->ramdisk_image = h->ramdisk_size = 0;
	if (!image->size)
		return 0;
	r = load_place(l, image->size, PAGE_SIZE, MiB, (u64)h->initrd_addr_max + 1, LOAD_HIGHEST, "the initrd", &base);
	if (r)
		return r;
	load_put(l, base, image->bytes, image->size);
	h->ramdisk_image = (u32)base;		/* below 4 GiB: load_place() stays in low RAM */
	h->ramdisk_size = (u32)image->size;
	return 0;
}

static int linux_place_cmdline(struct load *l, struct setup_header *h)
{
	u64 gpa, length;
	int r = load_cmdline(l, LOAD_LOWEST, &gpa, &length);

	if (!r && length > h->cmdline_size)
		r = load_refuse(l, -E_INVAL, "this kernel takes a command line of %u characters; the plan's has %llu",
				h->cmdline_size, (unsigned long long)length);
	h->cmd_line_ptr = (u32)gpa;
	return r;
}

/* The lowest 4 GiB at their own addresses, in 2 MiB pages: one PML4, one page-directory-pointer table, four page
 * directories. SDM 3A "4-Level Paging". */
static int linux_place_paging(struct load *l, u64 *root)
{
	u64 entry;
	int r = load_place(l, 6 * PAGE_SIZE, PAGE_SIZE, 0x10000, GUEST_LOW_END, LOAD_LOWEST, "page tables", root);

	if (r)
		return r;
	entry = (*root + PAGE_SIZE) | 3;		/* present, writable */
	load_put(l, *root, &entry, sizeof(entry));
	for (u64 i = 0; i < 4; i++) {
		entry = (*root + (2 + i) * PAGE_SIZE) | 3;
		load_put(l, *root + PAGE_SIZE + i * 8, &entry, sizeof(entry));
	}
	for (u64 i = 0; i < 2048; i++) {
		entry = i * BLOCK_SIZE | 0x83;		/* present, writable, large */
		load_put(l, *root + 2 * PAGE_SIZE + i * 8, &entry, sizeof(entry));
	}
	return 0;
}

/* __BOOT_CS 10H and __BOOT_DS 18H, as the protocol names them; 20H is the TSS that TR pretends to be. */
static int linux_place_gdt(struct load *l, struct cpu_state *start)
{
	static const u64 gdt[4] = { 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff };
	u64 base;
	int r = load_place(l, sizeof(gdt), 16, 0x10000, GUEST_LOW_END, LOAD_LOWEST, "descriptors", &base);

	if (r)
		return r;
	load_put(l, base, gdt, sizeof(gdt));
	start->gdtr = (struct desc_table){ base, sizeof(gdt) - 1 };
	return 0;
}

static void linux_put_e820(struct load *l, u64 zero_page)
{
	struct e820_entry map[E820_ENTRIES_MAX];
	u32 count = e820_build(l->g->ram_low, l->g->ram_high, map);
	u8 count8 = (u8)count;

	load_put(l, zero_page + E820_COUNT_AT, &count8, 1);
	for (u32 i = 0; i < count; i++)		/* 20 bytes each there: no padding */
		load_put(l, zero_page + E820_AT + i * 20, &map[i], 20);
}

static int linux_place_zero_page(struct load *l, const struct setup_header *h, u64 *zero_page)
{
	const u64 rsdp = GUEST_ACPI_GPA;
	u64 size = MIN(MIN(0x202u + h->header_length, HEADER_MAX_END) - HEADER_AT, (u32)sizeof(*h));
	int r = load_place(l, PAGE_SIZE, PAGE_SIZE, 0x10000, GUEST_LOW_END, LOAD_LOWEST, "the zero page", zero_page);

	if (r)
		return r;
	load_put(l, *zero_page + HEADER_AT, h, size);
	load_put(l, *zero_page + RSDP_AT, &rsdp, sizeof(rsdp));
	linux_put_e820(l, *zero_page);
	return 0;
}

int linux_load(struct load *l, struct cpu_state *start)
{
	struct setup_header h;
	u64 kernel, zero_page, root;
	int r = linux_read_header(l, &h);

	if (!r)
		r = linux_place_kernel(l, &h, &kernel);
	if (!r)
		r = linux_place_initrd(l, &h);
	if (!r)
		r = linux_place_cmdline(l, &h);
	if (!r)
		r = linux_place_paging(l, &root);
	if (r)
		return r;
	h.type_of_loader = LOADER_UNDEFINED;
	h.loadflags = (u8)(h.loadflags & ~CAN_USE_HEAP);
	h.code32_start = (u32)kernel;
	h.setup_data = 0;
	load_state_long(start, kernel + 0x200, root);
	r = linux_place_zero_page(l, &h, &zero_page);
	if (!r)
		r = linux_place_gdt(l, start);
	start->gpr[RSI] = zero_page;
	return r;
}
