/* SPDX-License-Identifier: Apache-2.0 */
#include "elf.h"

#include <stdbool.h>

#include "mem.h"

#define PT_LOAD 1
#define PF_X 1
#define SEGMENTS_MAX 16

/* System V ABI "ELF-64 Object File Format": file header and program header. */
struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

_Static_assert(sizeof(struct elf_header) == 64, "ELF header");
_Static_assert(sizeof(struct elf_segment) == 56, "ELF program header");

static const char *header_check(const struct elf_header *h, size_t size)
{
	if (size < sizeof(*h) || memcmp(h->ident, "\177ELF\2\1\1", 7) != 0)
		return "it is not a 64-bit ELF file";
	if (h->type != 2 || h->machine != 62)
		return "it is not an x86-64 executable";
	if (h->phentsize != sizeof(struct elf_segment) || !h->phnum || h->phnum > SEGMENTS_MAX)
		return "its program headers are odd";
	if (h->phoff % 8 || h->phoff > size || size - h->phoff < h->phnum * sizeof(struct elf_segment))
		return "its program headers are outside of the file";
	return NULL;
}

static const char *segment_check(const struct elf_segment *s, size_t size, uint64_t *end)
{
	if (s->offset > size || s->filesz > size - s->offset)
		return "a segment is outside of the file";
	if (s->filesz > s->memsz)
		return "a segment is larger in the file than in memory";
	if (s->vaddr < ELF_BASE || s->vaddr - ELF_BASE > ELF_SPAN_MAX || s->memsz > ELF_SPAN_MAX)
		return "a segment is outside of the hypervisor's addresses";
	if (s->vaddr % 4096)
		return "a segment is not page aligned";
	if (s->vaddr - ELF_BASE < *end)
		return "segments overlap or are not in order";
	*end = s->vaddr - ELF_BASE + s->memsz;
	return *end > ELF_SPAN_MAX ? "it is too large" : NULL;
}

const char *elf_check(const void *file, size_t size, struct elf_image *image)
{
	const struct elf_header *h = file;
	const char *wrong = header_check(h, size);
	const struct elf_segment *s;
	bool entry_found = false;

	if (wrong)
		return wrong;
	*image = (struct elf_image){ .entry = h->entry };
	s = (const void *)((const char *)file + h->phoff);
	for (unsigned int i = 0; i < h->phnum; i++, s++) {
		if (s->type != PT_LOAD)
			continue;
		wrong = segment_check(s, size, &image->span);
		if (wrong)
			return wrong;
		if (s->flags & PF_X && h->entry >= s->vaddr && h->entry - s->vaddr < s->filesz)
			entry_found = true;
	}
	return entry_found ? NULL : "its entry is not in executable code";
}

void elf_place(const void *file, void *to)
{
	const struct elf_header *h = file;
	const struct elf_segment *s = (const void *)((const char *)file + h->phoff);

	for (unsigned int i = 0; i < h->phnum; i++, s++)
		if (s->type == PT_LOAD)
			memcpy((char *)to + (s->vaddr - ELF_BASE), (const char *)file + s->offset, s->filesz);
}
