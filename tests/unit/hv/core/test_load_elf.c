/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/load.c hv/core/load_linux.c hv/core/load_elf.c hv/core/load_pvh.c hv/core/load_multiboot.c hv/core/load_uefi.c hv/lib/format.c tests/unit/guest_ram.c */
/* ELF kernels by PVH and multiboot1, flat multiboot images, the memory map, and every way that these files can lie. */

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../guest_ram.h"

#include <hv/lib.h>
#include <hv/load.h>

#define RAM (16 * MiB)
#define SIZE 0x2400u		/* of every image made here */
#define TEXT_OFF 0x1000u
#define TEXT_SIZE 0x400u
#define TEXT_GPA 0x200000u
#define NOTE_OFF 0x1800u

static u8 *image;		/* malloc()ed to its exact size, so that ASan sees a byte too far */
static char why[200];

static void *at(u32 off)
{
	return image + off;
}

static u64 ram_at(const struct guest *g, u64 gpa, u32 size)
{
	u64 v = 0;

	memcpy(&v, g->ram + gpa, size);
	return v;
}

static void blank(void)
{
	free(image);
	image = calloc(1, SIZE);
	for (u32 i = 0; i < TEXT_SIZE; i++)
		image[TEXT_OFF + i] = (u8)(i + 3);
}

static void put_note(u32 off, u32 align, u32 desc_size, u64 entry)
{
	static const u32 other[] = { 4, 2, 3, 0x00554e47, 0xaaaa };	/* "GNU", 2 bytes, padded */
	u32 xen[3] = { 4, desc_size, 18 };

	memcpy(at(off), other, sizeof(other));
	off += align == 8 ? 24 : 20;
	memcpy(at(off), xen, sizeof(xen));
	memcpy(at(off + 12), "Xen", 4);
	memcpy(at(off + 16), &entry, desc_size);
}

static Elf64_Ehdr *eh64(void) { return at(0); }
static Elf64_Phdr *ph64(u32 i) { return (Elf64_Phdr *)at(64) + i; }
static Elf32_Ehdr *eh32(void) { return at(0); }
static Elf32_Phdr *ph32(u32 i) { return (Elf32_Phdr *)at(52) + i; }

/* A 64-bit kernel linked high, with a PVH note. */
static void make_64(void)
{
	blank();
	memcpy(at(0), "\177ELF\2\1\1", 7);
	*eh64() = (Elf64_Ehdr){ .e_ident = "\177ELF\2\1\1", .e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = 1,
		.e_entry = 0xffffffff81000040, .e_phoff = 64, .e_ehsize = 64, .e_phentsize = 56, .e_phnum = 3 };
	*ph64(0) = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = TEXT_OFF, .p_vaddr = 0xffffffff81000000,
		.p_paddr = TEXT_GPA, .p_filesz = TEXT_SIZE, .p_memsz = 0x3000 };
	*ph64(1) = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = TEXT_OFF, .p_vaddr = 0xffffffff81100000,
		.p_paddr = 0x300000, .p_filesz = 0, .p_memsz = 0x1000 };
	*ph64(2) = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = NOTE_OFF, .p_filesz = 44, .p_memsz = 44, .p_align = 4 };
	put_note(NOTE_OFF, 4, 8, TEXT_GPA + 0x10);
}

/* A 32-bit kernel with a multiboot header and no note. */
static void make_multiboot(u32 flags)
{
	const u32 mb[] = { 0x1badb002, flags, -(0x1badb002 + flags) };

	blank();
	*eh32() = (Elf32_Ehdr){ .e_ident = "\177ELF\1\1\1", .e_type = ET_EXEC, .e_machine = EM_386, .e_version = 1,
		.e_entry = TEXT_GPA + 0x20, .e_phoff = 52, .e_ehsize = 52, .e_phentsize = 32, .e_phnum = 1 };
	*ph32(0) = (Elf32_Phdr){ .p_type = PT_LOAD, .p_offset = TEXT_OFF, .p_vaddr = TEXT_GPA, .p_paddr = TEXT_GPA,
		.p_filesz = TEXT_SIZE, .p_memsz = 0x2000 };
	memcpy(at(TEXT_OFF), mb, sizeof(mb));
}

/* No ELF at all: address fields in the multiboot header at 40H, loaded at 1 MiB from the start of the file. */
static void make_flat(void)
{
	const u32 mb[] = { 0x1badb002, 0x10003, -(0x1badb002 + 0x10003), 0x100040, 0x100000, 0x100000 + 0x2000,
		0x100000 + 0x5000, 0x100080 };

	blank();
	memcpy(at(0x40), mb, sizeof(mb));
}

static int check(void)
{
	memset(why, 0, sizeof(why));
	return load_check(BOOT_ELF, image, SIZE, why, sizeof(why));
}

static struct guest *new_guest(void)
{
	struct guest *g = guest_ram_new(RAM, 2);

	guest_ram_plan(g)->boot.type = BOOT_ELF;
	g->kernel = (struct guest_image){ "kernel.elf", image, SIZE };
	strcpy(guest_ram_plan(g)->boot.cmdline, "one two");
	return g;
}

static int loaded(struct guest *g, struct cpu_state *s)
{
	memset(why, 0, sizeof(why));
	return load_guest(g, s, why, sizeof(why));
}

static void check_flat_state(const struct cpu_state *s)
{
	assert_int_equal(s->cr0 & (CR0_PE | CR0_PG), CR0_PE);
	assert_int_equal(s->cr3 | s->cr4 | s->efer, 0);
	assert_int_equal(s->rflags, 2);
	assert_int_equal(s->seg[SEG_CS].attr & (SEG_ATTR_L | SEG_ATTR_DB), SEG_ATTR_DB);
	for (int i = SEG_ES; i <= SEG_GS; i++) {
		assert_int_equal(s->seg[i].base, 0);
		assert_int_equal(s->seg[i].limit, 0xffffffff);
	}
	assert_int_equal(s->seg[SEG_TR].attr & 0xf, 11);
}

static void test_pvh(void **state)
{
	struct guest *g;
	struct cpu_state s;
	u64 info, map, ram = 0;

	make_64();
	assert_int_equal(check(), 0);
	g = new_guest();
	assert_int_equal(loaded(g, &s), 0);
	check_flat_state(&s);
	assert_int_equal(s.rip, TEXT_GPA + 0x10);
	assert_memory_equal(g->ram + TEXT_GPA, image + TEXT_OFF, TEXT_SIZE);
	info = s.gpr[RBX];
	assert_true(info < GUEST_LOW_END && info);
	assert_int_equal(ram_at(g, info, 4), 0x336ec578);
	assert_int_equal(ram_at(g, info + 4, 4), 1);
	assert_string_equal(g->ram + ram_at(g, info + 24, 8), "one two");
	assert_int_equal(ram_at(g, info + 32, 8), GUEST_ACPI_GPA);
	map = ram_at(g, info + 40, 8);
	assert_int_equal(ram_at(g, info + 48, 4), 6);
	for (u32 i = 0; i < 6; i++)
		if (ram_at(g, map + i * 24, 8) < RAM)
			ram += ram_at(g, map + i * 24 + 8, 8);
	assert_int_equal(ram, RAM);
	guest_ram_free(g);
}

static void test_pvh_note_forms(void **state)
{
	Elf64_Shdr *sh;

	make_64();			/* 4 bytes, as some kernels have it */
	memset(at(NOTE_OFF), 0, 64);
	put_note(NOTE_OFF, 4, 4, TEXT_GPA + 0x10);
	ph64(2)->p_filesz = 40;
	assert_int_equal(check(), 0);
	make_64();			/* 8-byte padding */
	memset(at(NOTE_OFF), 0, 64);
	put_note(NOTE_OFF, 8, 8, TEXT_GPA + 0x10);
	ph64(2)->p_filesz = 48;
	ph64(2)->p_align = 8;
	assert_int_equal(check(), 0);
	make_64();			/* only in a section */
	eh64()->e_phnum = 2;
	assert_int_equal(check(), -E_INVAL);
	eh64()->e_shoff = 0x2000;
	eh64()->e_shentsize = 64;
	eh64()->e_shnum = 2;
	sh = at(0x2040);
	*sh = (Elf64_Shdr){ .sh_type = SHT_NOTE, .sh_offset = NOTE_OFF, .sh_size = 44 };
	assert_int_equal(check(), 0);
}

static void test_modules(void **state)
{
	static const bool pvh[] = { true, false };
	u8 one[5000], two[3] = { 9, 8, 7 };

	memset(one, 0x11, sizeof(one));
	for (int k = 0; k < 2; k++) {
		struct guest *g;
		struct cpu_state s;
		u64 m, base[2];

		pvh[k] ? make_64() : make_multiboot(3);
		g = new_guest();
		g->module_count = 2;
		g->module[0] = (struct guest_image){ "one.img", one, sizeof(one) };
		g->module[1] = (struct guest_image){ "two.img", two, sizeof(two) };
		assert_int_equal(loaded(g, &s), 0);
		if (pvh[k]) {
			assert_int_equal(ram_at(g, s.gpr[RBX] + 12, 4), 2);
			m = ram_at(g, s.gpr[RBX] + 16, 8);
			base[0] = ram_at(g, m, 8);
			base[1] = ram_at(g, m + 32, 8);
			assert_int_equal(ram_at(g, m + 8, 8), sizeof(one));
			assert_string_equal(g->ram + ram_at(g, m + 48, 8), "two.img");
		} else {
			assert_int_equal(ram_at(g, s.gpr[RBX] + 20, 4), 2);
			m = ram_at(g, s.gpr[RBX] + 24, 4);
			base[0] = ram_at(g, m, 4);
			base[1] = ram_at(g, m + 16, 4);
			assert_int_equal(ram_at(g, m + 4, 4) - base[0], sizeof(one));
			assert_string_equal(g->ram + ram_at(g, m + 24, 4), "two.img");
		}
		assert_int_equal((base[0] | base[1]) & 0xfff, 0);
		assert_memory_equal(g->ram + base[0], one, sizeof(one));
		assert_memory_equal(g->ram + base[1], two, sizeof(two));
		assert_memory_equal(g->ram + TEXT_GPA, image + TEXT_OFF, TEXT_SIZE);
		g->module[1].size = 0;
		assert_int_equal(loaded(g, &s), -E_RANGE);
		assert_non_null(strstr(why, "two.img"));
		guest_ram_free(g);
	}
}

static void test_multiboot(void **state)
{
	struct guest *g;
	struct cpu_state s;
	u64 info, map, end;
	u32 entries = 0;

	make_multiboot(3);
	g = new_guest();
	assert_int_equal(loaded(g, &s), 0);
	check_flat_state(&s);
	assert_int_equal(s.rip, TEXT_GPA + 0x20);
	assert_int_equal(s.gpr[RAX], 0x2badb002);
	info = s.gpr[RBX];
	assert_int_equal(ram_at(g, info, 4) & 0x24d, 0x24d);
	assert_int_equal(ram_at(g, info + 4, 4), 639);
	assert_int_equal(ram_at(g, info + 8, 4), (RAM - MiB) / KiB);
	assert_string_equal(g->ram + ram_at(g, info + 16, 4), "one two");
	assert_string_equal(g->ram + ram_at(g, info + 64, 4), "Bulkhead");
	map = ram_at(g, info + 48, 4);
	end = map + ram_at(g, info + 44, 4);
	for (; map < end; map += ram_at(g, map, 4) + 4)
		entries++;
	assert_int_equal(entries, 6);
	assert_int_equal(map, end);
	assert_int_equal(ram_at(g, 0x413, 2), 639);
	assert_int_equal(ram_at(g, 0x40e, 2), 0x9fc0);
	assert_true(info < 0x10000);	/* far below the end of low memory, where kernels put their own things */
	guest_ram_free(g);
}

/* Linked high, loaded low: the entry is a virtual address in ELF. */
static void test_multiboot_high_entry(void **state)
{
	struct guest *g;
	struct cpu_state s;

	make_multiboot(3);
	ph32(0)->p_vaddr = 0xc0000000;
	eh32()->e_entry = 0xc0000030;
	g = new_guest();
	assert_int_equal(loaded(g, &s), 0);
	assert_int_equal(s.rip, TEXT_GPA + 0x30);
	guest_ram_free(g);
}

static void test_flat(void **state)
{
	struct guest *g;
	struct cpu_state s;

	make_flat();
	assert_int_equal(check(), 0);
	g = new_guest();
	assert_int_equal(loaded(g, &s), 0);
	assert_int_equal(s.rip, 0x100080);
	assert_int_equal(s.gpr[RAX], 0x2badb002);
	assert_memory_equal(g->ram + 0x100000, image, 0x2000);
	assert_int_equal(g->ram[0x102000], 0);
	guest_ram_free(g);
}

static void test_flat_lies(void **state)
{
	static const struct { u32 field, value; int error; } lies[] = {
		{ 3, 0x0fffff, -E_INVAL }, { 3, 0x100041, -E_INVAL },	/* header_addr */
		{ 4, 0x100041, -E_INVAL },				/* load_addr */
		{ 5, 0x100000 + SIZE + 1, -E_RANGE }, { 5, 0x10, -E_INVAL },
		{ 6, 0x101000, -E_INVAL }, { 6, 0x80000, -E_INVAL },
		{ 7, 0xfffff, -E_INVAL }, { 7, 0x105000, -E_INVAL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(lies); i++) {
		make_flat();
		memcpy(at(0x40 + lies[i].field * 4), &lies[i].value, 4);
		assert_int_equal(check(), lies[i].error);
		assert_int_not_equal(why[0], 0);
	}
}

static void test_multiboot_flags(void **state)
{
	make_multiboot(4);
	assert_int_equal(check(), -E_INVAL);
	assert_non_null(strstr(why, "video"));
	make_multiboot(8);
	assert_int_equal(check(), -E_INVAL);
	make_multiboot(0x20003);	/* upper bits are optional */
	assert_int_equal(check(), 0);
	make_multiboot(3);
	image[TEXT_OFF + 8] ^= 1;	/* checksum */
	assert_int_equal(check(), -E_INVAL);
	assert_non_null(strstr(why, "neither a PVH"));
}

static void test_multiboot_search_ends(void **state)
{
	u32 mb[] = { 0x1badb002, 0, -0x1badb002u };

	make_multiboot(3);
	memset(at(TEXT_OFF), 0, 12);
	memcpy(at(8192 - 12), mb, sizeof(mb));
	assert_int_equal(check(), 0);
	memset(at(8192 - 12), 0, 12);
	memcpy(at(8192 - 8), mb, sizeof(mb));
	assert_int_equal(check(), -E_INVAL);
}

/* One lie each about the 64-bit PVH image. */
static void lie_machine(void) { eh64()->e_machine = EM_AARCH64; }
static void lie_type(void) { eh64()->e_type = ET_DYN; }
static void lie_class(void) { eh64()->e_ident[4] = 3; }
static void lie_order(void) { eh64()->e_ident[5] = 2; }
static void lie_no_segments(void) { eh64()->e_phnum = 0; }
static void lie_many_segments(void) { eh64()->e_phnum = 65; }
static void lie_small_segments(void) { eh64()->e_phentsize = 55; }
static void lie_phoff(void) { eh64()->e_phoff = SIZE - 100; }
static void lie_phoff_wraps(void) { eh64()->e_phoff = ~0ul - 8; }
static void lie_filesz(void) { ph64(0)->p_filesz = 0x3001; }
static void lie_offset(void) { ph64(0)->p_offset = SIZE - TEXT_SIZE + 1; }
static void lie_offset_wraps(void) { ph64(0)->p_offset = ~0ul; }
static void lie_paddr_high(void) { ph64(0)->p_paddr = 4 * GiB - 0x2fff; }
static void lie_paddr_wraps(void) { ph64(0)->p_paddr = ~0ul - 0x1000; }
static void lie_memsz_wraps(void) { ph64(0)->p_memsz = ~0ul; }
static void lie_nothing(void) { ph64(0)->p_memsz = ph64(0)->p_filesz = ph64(1)->p_memsz = 0; }
static void lie_entry(void) { put_note(NOTE_OFF, 4, 8, TEXT_GPA + 0x3000); }
static void lie_entry_virtual(void) { put_note(NOTE_OFF, 4, 8, 0xffffffff81000010); }
static void lie_note_size(void) { *(u32 *)at(NOTE_OFF + 24) = 0xffffffff; }
static void lie_note_name(void) { *(u32 *)at(NOTE_OFF) = 0xfffffff0; }
static void lie_note_cut(void) { ph64(2)->p_filesz = 43; }
static void lie_note_offset(void) { ph64(2)->p_offset = ~0ul - 4; }

static void test_elf_lies(void **state)
{
	static const struct { void (*lie)(void); int error; } lies[] = {
		{ lie_machine, -E_INVAL }, { lie_type, -E_INVAL }, { lie_class, -E_INVAL }, { lie_order, -E_INVAL },
		{ lie_no_segments, -E_INVAL }, { lie_many_segments, -E_INVAL }, { lie_small_segments, -E_INVAL },
		{ lie_phoff, -E_RANGE }, { lie_phoff_wraps, -E_RANGE }, { lie_filesz, -E_INVAL }, { lie_offset, -E_RANGE },
		{ lie_offset_wraps, -E_RANGE }, { lie_paddr_high, -E_INVAL }, { lie_paddr_wraps, -E_INVAL },
		{ lie_memsz_wraps, -E_INVAL }, { lie_nothing, -E_INVAL }, { lie_entry, -E_INVAL },
		{ lie_entry_virtual, -E_INVAL }, { lie_note_size, -E_INVAL }, { lie_note_name, -E_INVAL },
		{ lie_note_cut, -E_INVAL }, { lie_note_offset, -E_INVAL },
	};

	for (size_t i = 0; i < ARRAY_COUNT(lies); i++) {
		make_64();
		lies[i].lie();
		if (check() != lies[i].error || !why[0])
			fail_msg("lie %zu: %d %s", i, check(), why);
	}
}

/* What is well formed but cannot be placed in this guest. */
static void test_placing(void **state)
{
	static const struct { u64 paddr, memsz; int error; const char *words; } bad[] = {
		{ RAM - 0x1000, 0x1001, -E_NOSPC, "the guest has" },
		{ RAM, 0x1000, -E_NOSPC, "the guest has" },
		{ TEXT_GPA + 0x2fff, 0x1000, -E_INVAL, "overlaps a segment" },
		{ TEXT_GPA - 1, 2, -E_INVAL, "overlaps a segment" },
		{ GUEST_ACPI_GPA, 1, -E_INVAL, "overlaps the firmware" },
		{ GUEST_LOW_END - 1, 2, -E_INVAL, "overlaps the firmware" },
		{ 0, GUEST_LOW_END, -E_NOSPC, "no room for" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct guest *g;
		struct cpu_state s;

		make_64();
		ph64(1)->p_paddr = bad[i].paddr;
		ph64(1)->p_memsz = bad[i].memsz;
		g = new_guest();
		assert_int_equal(loaded(g, &s), bad[i].error);
		if (!strstr(why, bad[i].words))
			fail_msg("%zu: \"%s\" has no \"%s\"", i, why, bad[i].words);
		guest_ram_free(g);
	}
}

static void test_every_truncation(void **state)
{
	for (int k = 0; k < 3; k++) {
		k == 0 ? make_64() : k == 1 ? make_multiboot(3) : make_flat();
		for (u64 size = 0; size < 0x1400; size += size < 0x100 ? 1 : 37) {
			u8 *part = malloc(size ? size : 1);

			memcpy(part, image, size);
			why[0] = 0;
			assert_true(load_check(BOOT_ELF, part, size, why, sizeof(why)) < 0);
			assert_int_not_equal(why[0], 0);
			free(part);
		}
	}
}

/* Damaged files of all kinds: refused in words, or started inside of RAM. ASan and UBSan watch. */
static void test_mutations(void **state)
{
	u32 accepted = 0;

	srand(2);
	for (int round = 0; round < 3000; round++) {
		struct guest *g;
		struct cpu_state s;

		round % 3 == 0 ? make_64() : round % 3 == 1 ? make_multiboot(3) : make_flat();
		for (int n = 1 + rand() % 4; n; n--) {
			u32 where = rand() % 4 ? (u32)rand() % 0x110 : (rand() % 2 ? TEXT_OFF : NOTE_OFF) + (u32)rand() % 0x30;

			image[where] = rand() % 3 ? (u8)rand() : (u8)(rand() % 2 * 255);
		}
		g = new_guest();
		if (!loaded(g, &s)) {
			accepted++;
			assert_true(s.rip < RAM && s.gpr[RBX] < GUEST_LOW_END);
			assert_int_equal(ram_at(g, GUEST_ACPI_GPA, 8), 0);
		} else {
			assert_int_not_equal(why[0], 0);
		}
		guest_ram_free(g);
	}
	assert_in_range(accepted, 100, 2900);
}

static void test_e820(void **state)
{
	static const struct { u64 low, high; u32 count; } cases[] = {
		{ 16 * MiB, 0, 6 }, { 3 * GiB, 0, 6 }, { 3 * GiB, 13 * GiB, 7 }, { BLOCK_SIZE, 0, 6 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		struct e820_entry map[E820_ENTRIES_MAX];
		u32 count = e820_build(cases[i].low, cases[i].high, map);
		u64 ram = 0;

		assert_int_equal(count, cases[i].count);
		for (u32 k = 0; k < count; k++) {
			assert_true(map[k].size > 0 && map[k].base + map[k].size > map[k].base);
			assert_true(!k || map[k].base >= map[k - 1].base + map[k - 1].size);
			if (map[k].base < cases[i].low || map[k].base >= 4 * GiB)
				ram += map[k].size;
		}
		assert_int_equal(ram, cases[i].low + cases[i].high);
		assert_int_equal(map[0].type, E820_USABLE);
		assert_int_equal(map[1].base, GUEST_LOW_END);
		assert_int_equal(map[1].type, E820_RESERVED);
	}
}

static void test_other_types(void **state)
{
	make_64();
	assert_int_equal(load_check(BOOT_UEFI, image, SIZE, why, sizeof(why)), -E_INVAL);
	assert_int_equal(load_check(BOOT_LINUX, image, SIZE, why, sizeof(why)), -E_INVAL);
}

static int done(void **state)
{
	free(image);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pvh),	      cmocka_unit_test(test_pvh_note_forms),
		cmocka_unit_test(test_modules),	      cmocka_unit_test(test_multiboot),
		cmocka_unit_test(test_multiboot_high_entry), cmocka_unit_test(test_flat),
		cmocka_unit_test(test_flat_lies),     cmocka_unit_test(test_multiboot_flags),
		cmocka_unit_test(test_multiboot_search_ends), cmocka_unit_test(test_elf_lies),
		cmocka_unit_test(test_placing),	      cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_mutations),     cmocka_unit_test(test_e820),
		cmocka_unit_test(test_other_types),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
