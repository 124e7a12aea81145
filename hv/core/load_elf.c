/* SPDX-License-Identifier: Apache-2.0 */
/* ELF kernels, 32- or 64-bit, that start in 32-bit protected mode: by a PVH entry note (Xen "PVH Boot"), else by a
 * multiboot1 header. System V ABI "Object Files" and "Program Loading". */

#include "load_int.h"

#define ELF_SEGMENTS_MAX 64
#define ELF_SECTIONS_MAX 4096
#define ELF_NOTES_MAX 256		/* looked at in one segment or section */
#define PT_LOAD 1
#define PT_NOTE 4
#define SHT_NOTE 7
#define EM_386 3
#define EM_X86_64 62
#define ET_EXEC 2
#define NOTE_PHYS32_ENTRY 18		/* XEN_ELFNOTE_PHYS32_ENTRY */

struct elf32_header {
	u8 ident[16];
	u16 type, machine;
	u32 version, entry, phoff, shoff, flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
} PACKED;
struct elf64_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
} PACKED;
struct elf32_segment { u32 type, offset, vaddr, paddr, filesz, memsz, flags, align; } PACKED;
struct elf64_segment { u32 type, flags; u64 offset, vaddr, paddr, filesz, memsz, align; } PACKED;
struct elf32_section { u32 name, type, flags, addr, offset, size, link, info, align, entsize; } PACKED;
struct elf64_section { u32 name, type; u64 flags, addr, offset, size; u32 link, info; u64 align, entsize; } PACKED;
_Static_assert(sizeof(struct elf32_header) == 52 && sizeof(struct elf64_header) == 64, "ELF header");
_Static_assert(sizeof(struct elf32_segment) == 32 && sizeof(struct elf64_segment) == 56, "ELF program header");
_Static_assert(sizeof(struct elf32_section) == 40 && sizeof(struct elf64_section) == 64, "ELF section header");

/* Both classes in the 64-bit form. */
struct elf {
	struct elf64_header h;
	bool wide;
	bool has_pvh;
	u64 pvh_entry;
};

static bool elf_read_header(const struct load *l, struct elf *e)
{
	struct elf32_header n;

	if (e->wide)
		return load_read(l, 0, &e->h, sizeof(e->h));
	if (!load_read(l, 0, &n, sizeof(n)))
		return false;
	e->h = (struct elf64_header){ .type = n.type, .machine = n.machine, .version = n.version, .entry = n.entry,
		.phoff = n.phoff, .shoff = n.shoff, .phentsize = n.phentsize, .phnum = n.phnum,
		.shentsize = n.shentsize, .shnum = n.shnum };
	return true;
}

static bool elf_segment(const struct load *l, const struct elf *e, u32 i, struct elf64_segment *s)
{
	u64 off = (u64)i * e->h.phentsize;
	struct elf32_segment n;

	if (!load_inside(l, e->h.phoff, off))
		return false;
	if (e->wide)
		return load_read(l, e->h.phoff + off, s, sizeof(*s));
	if (!load_read(l, e->h.phoff + off, &n, sizeof(n)))
		return false;
	*s = (struct elf64_segment){ .type = n.type, .flags = n.flags, .offset = n.offset, .vaddr = n.vaddr,
		.paddr = n.paddr, .filesz = n.filesz, .memsz = n.memsz, .align = n.align };
	return true;
}

static bool elf_section(const struct load *l, const struct elf *e, u32 i, struct elf64_section *s)
{
	u64 off = (u64)i * e->h.shentsize;
	struct elf32_section n;

	if (!load_inside(l, e->h.shoff, off))
		return false;
	if (e->wide)
		return load_read(l, e->h.shoff + off, s, sizeof(*s));
	if (!load_read(l, e->h.shoff + off, &n, sizeof(n)))
		return false;
	*s = (struct elf64_section){ .type = n.type, .offset = n.offset, .size = n.size, .align = n.align };
	return true;
}

/* The PVH note among the notes in [off, off + size) of the file. Namesz, descsz, type, then name and contents, both
 * padded to align. */
static void elf_scan_notes(const struct load *l, struct elf *e, u64 off, u64 size, u64 align)
{
	struct { u32 name_size, size, type; char name[4]; } n;
	u64 pad = align == 8 ? 8 : 4, at = 0, contents;

	if (!load_inside(l, off, size))
		return;
	for (u32 i = 0; i < ELF_NOTES_MAX && size - at >= 12; i++) {
		if (!load_read(l, off + at, &n, sizeof(n)))
			return;
		contents = at + ALIGN_UP(12 + (u64)n.name_size, pad);
		if (contents > size || n.size > size - contents)
			return;
		if (n.type == NOTE_PHYS32_ENTRY && n.name_size == 4 && !memcmp(n.name, "Xen", 4) && n.size >= 4) {
			e->pvh_entry = 0;
			e->has_pvh = load_read(l, off + contents, &e->pvh_entry, n.size >= 8 ? 8 : 4);
			return;
		}
		at = contents + MIN(ALIGN_UP((u64)n.size, pad), size - contents);
	}
}

static void elf_find_pvh(const struct load *l, struct elf *e)
{
	struct elf64_segment s;
	struct elf64_section c;

	for (u32 i = 0; i < e->h.phnum && !e->has_pvh; i++)
		if (elf_segment(l, e, i, &s) && s.type == PT_NOTE)
			elf_scan_notes(l, e, s.offset, s.filesz, s.align);
	if (!e->h.shoff || e->h.shentsize < (e->wide ? sizeof(struct elf64_section) : sizeof(struct elf32_section)))
		return;
	for (u32 i = 0; i < MIN(e->h.shnum, ELF_SECTIONS_MAX) && !e->has_pvh; i++)
		if (elf_section(l, e, i, &c) && c.type == SHT_NOTE)
			elf_scan_notes(l, e, c.offset, c.size, c.align);
}

static int elf_check_header(struct load *l, const struct elf *e)
{
	u64 entry_size = e->wide ? sizeof(struct elf64_segment) : sizeof(struct elf32_segment);

	if (e->h.machine != EM_386 && e->h.machine != EM_X86_64)
		return load_refuse(l, -E_INVAL, "an ELF file for another processor (machine %u)", e->h.machine);
	if (e->h.type != ET_EXEC)
		return load_refuse(l, -E_INVAL, "an ELF file of type %u; a linked program (type 2) is needed", e->h.type);
	if (!e->h.phnum || e->h.phnum > ELF_SEGMENTS_MAX || e->h.phentsize < entry_size)
		return load_refuse(l, -E_INVAL, "its ELF header names %u segments of %u bytes each; 1 to %d of %llu are possible",
				   e->h.phnum, e->h.phentsize, ELF_SEGMENTS_MAX, (unsigned long long)entry_size);
	if (!load_inside(l, e->h.phoff, (u64)e->h.phnum * e->h.phentsize))
		return load_refuse(l, -E_RANGE, "truncated: the table of segments ends behind the file");
	return 0;
}

static int elf_check_segment(struct load *l, const struct elf64_segment *s)
{
	if (s->filesz > s->memsz)
		return load_refuse(l, -E_INVAL, "segment at 0x%llx: more bytes in the file than in memory",
				   (unsigned long long)s->paddr);
	if (!load_inside(l, s->offset, s->filesz))
		return load_refuse(l, -E_RANGE, "truncated: segment at 0x%llx ends behind the file",
				   (unsigned long long)s->paddr);
	if (s->paddr >= 4 * GiB || s->memsz > 4 * GiB - s->paddr)
		return load_refuse(l, -E_INVAL, "segment at 0x%llx, 0x%llx bytes: not below 4 GiB",
				   (unsigned long long)s->paddr, (unsigned long long)s->memsz);
	return 0;
}

/* What fn says of each PT_LOAD segment with contents; the first non-zero answer ends it. */
typedef int elf_segment_fn(struct load *l, const struct elf64_segment *s);
static int elf_each_load(struct load *l, const struct elf *e, elf_segment_fn *fn)
{
	struct elf64_segment s;
	u32 count = 0;
	int r;

	for (u32 i = 0; i < e->h.phnum; i++) {
		if (!elf_segment(l, e, i, &s) || s.type != PT_LOAD || !s.memsz)
			continue;
		count++;
		r = fn(l, &s);
		if (r)
			return r;
	}
	return count ? 0 : load_refuse(l, -E_INVAL, "an ELF file with nothing to load");
}

/* Where the loaded segments put virtual address va (virt) or whether they hold physical address va. */
static bool elf_find_address(const struct load *l, const struct elf *e, u64 va, bool virt, u64 *physical)
{
	struct elf64_segment s;

	for (u32 i = 0; i < e->h.phnum; i++) {
		u64 base;

		if (!elf_segment(l, e, i, &s) || s.type != PT_LOAD)
			continue;
		base = virt ? s.vaddr : s.paddr;
		if (va >= base && va - base < s.memsz) {
			*physical = s.paddr + (va - base);
			return true;
		}
	}
	return false;
}

/* The PVH note names a physical address; e_entry is virtual in kernels that are linked high. */
static int elf_entry(struct load *l, const struct elf *e, u64 *entry)
{
	bool found = e->has_pvh ? elf_find_address(l, e, e->pvh_entry, false, entry)
				: elf_find_address(l, e, e->h.entry, true, entry);

	if (!found)
		return load_refuse(l, -E_INVAL, "entry point 0x%llx is outside of what is loaded",
				   (unsigned long long)(e->has_pvh ? e->pvh_entry : e->h.entry));
	return 0;
}

static int elf_parse(struct load *l, struct elf *e)
{
	u8 ident[16];

	*e = (struct elf){ .wide = false };
	if (!load_read(l, 0, ident, sizeof(ident)) || memcmp(ident, "\177ELF", 4))
		return load_refuse(l, -E_INVAL, "neither an ELF file nor one with a multiboot header that says where to load it");
	if ((ident[4] != 1 && ident[4] != 2) || ident[5] != 1 || ident[6] != 1)
		return load_refuse(l, -E_INVAL, "an ELF file of unknown class, byte order or version");
	e->wide = ident[4] == 2;
	if (!elf_read_header(l, e))
		return load_refuse(l, -E_RANGE, "truncated: the ELF header is not whole");
	return elf_check_header(l, e);
}

/* The plain ELF part of both protocols: header, segments, entry. */
static int elf_check_program(struct load *l, struct elf *e)
{
	u64 entry;
	int r = elf_each_load(l, e, elf_check_segment);

	return r ? r : elf_entry(l, e, &entry);
}

/* Multiboot's own address fields win over ELF headers, but a PVH note wins over both. *raw: load by them. */
static int elf_choose(struct load *l, struct elf *e, struct multiboot_header *mb, u64 *mb_off, bool *raw)
{
	bool has_mb = multiboot_find(l, mb_off, mb);
	int r = elf_parse(l, e);

	if (!r)
		elf_find_pvh(l, e);
	*raw = has_mb && (mb->flags & MULTIBOOT_ADDRESSES) && !e->has_pvh;
	if (*raw)
		return multiboot_check(l, *mb_off, mb);
	if (r)
		return r;
	if (!e->has_pvh && !has_mb)
		return load_refuse(l, -E_INVAL, "an ELF file with neither a PVH entry note nor a multiboot header");
	if (!e->has_pvh)
		r = multiboot_check(l, *mb_off, mb);
	return r ? r : elf_check_program(l, e);
}

int elf_check(struct load *l)
{
	struct multiboot_header mb;
	struct elf e;
	u64 mb_off;
	bool raw;

	return elf_choose(l, &e, &mb, &mb_off, &raw);
}

/* RAM was zeroed before, so what is not in the file needs no clearing. */
static int elf_place_segment(struct load *l, const struct elf64_segment *s)
{
	int r = load_claim(l, s->paddr, s->memsz, "a segment");

	if (!r)
		load_put(l, s->paddr, l->bytes + s->offset, s->filesz);
	return r;
}

int elf_load(struct load *l, struct cpu_state *start)
{
	struct multiboot_header mb;
	struct elf e;
	u64 mb_off, entry;
	bool raw;
	int r = elf_choose(l, &e, &mb, &mb_off, &raw);

	if (r)
		return r;
	if (raw) {
		entry = mb.entry_addr;
		r = multiboot_load_raw(l, mb_off, &mb);
	} else {
		r = elf_entry(l, &e, &entry);
		if (!r)
			r = elf_each_load(l, &e, elf_place_segment);
	}
	if (r)
		return r;
	return e.has_pvh ? pvh_hand_over(l, entry, start) : multiboot_hand_over(l, entry, start);
}
