/* SPDX-License-Identifier: Apache-2.0 */
#include "boot.h"
#include "memory.h"

#define PAGE 4096ull
#define ABOVE_16M 0x1000000ull
#define BELOW_4G 0x100000000ull
#define LOW_LIMIT 0x9f000ull		/* the extended BIOS data area may follow */
#define SLACK 64u			/* descriptors that allocations may add between two calls */
#define KEPT_MAX (BOOT_FILES_MAX + 8u + BOOT_HELD_MAX)

static struct {
	VOID *buffer;
	UINTN size;
	struct map_kept kept[KEPT_MAX];
	size_t kept_count, held_count;	/* the first held_count of them are not ours: only kept away from */
	uint64_t low_page;
} memory;

EFI_STATUS memory_get_map(struct map_input *map, UINTN *key)
{
	UINTN size = memory.size, stride = 0;
	UINT32 version = 0;
	EFI_STATUS status = fw.boot->GetMemoryMap(&size, memory.buffer, key, &stride, &version);

	*map = (struct map_input){ memory.buffer, size, stride, memory.kept, memory.kept_count };
	return status;
}

EFI_STATUS memory_read_map(struct map_input *map)
{
	EFI_STATUS status;
	UINTN key;

	for (unsigned int i = 0; i < 8; i++) {
		status = memory_get_map(map, &key);
		if (status != EFI_BUFFER_TOO_SMALL)
			return status;
		if (memory.buffer)
			fw.boot->FreePool(memory.buffer);
		memory.size = map->size + SLACK * (map->stride ? map->stride : sizeof(struct map_descriptor));
		status = fw.boot->AllocatePool(EfiLoaderData, memory.size, &memory.buffer);
		if (status == EFI_SUCCESS)
			continue;
		memory.buffer = NULL;
		memory.size = 0;
		return status;
	}
	return status;
}

void memory_hold(uint64_t base, uint64_t size)
{
	if (memory.held_count == memory.kept_count && memory.held_count < BOOT_HELD_MAX) {
		memory.kept[memory.kept_count++] = (struct map_kept){ base, size, BOOT_RESERVED };
		memory.held_count++;
	}
}

/* Where: high below 4 GiB, so that large aligned RAM stays whole for guests; else above; else below 16 MiB. */
static uint64_t find_place(const struct map_input *map, uint64_t size, uint64_t align)
{
	uint64_t base = map_find_free(map, size, align, ABOVE_16M, BELOW_4G);

	if (!base)
		base = map_find_free(map, size, align, BELOW_4G, 1ull << 52);
	return base ? base : map_find_free(map, size, align, 0x100000, ABOVE_16M);
}

uint64_t memory_allocate(uint64_t size, uint64_t align, uint32_t kind)
{
	struct map_input map;
	EFI_PHYSICAL_ADDRESS base;

	size = (size + PAGE - 1) & ~(PAGE - 1);
	if (!size || memory.kept_count == KEPT_MAX || memory_read_map(&map) != EFI_SUCCESS)
		return 0;
	base = find_place(&map, size, align);
	if (!base || fw.boot->AllocatePages(AllocateAddress, EfiLoaderData, size / PAGE, &base) != EFI_SUCCESS)
		return 0;
	memory.kept[memory.kept_count++] = (struct map_kept){ base, size, kind };
	return base;
}

void memory_release(uint64_t base)
{
	for (size_t i = memory.held_count; i < memory.kept_count; i++) {
		if (memory.kept[i].base != base)
			continue;
		fw.boot->FreePages(base, memory.kept[i].size / PAGE);
		memory.kept[i] = memory.kept[--memory.kept_count];
		return;
	}
}

uint64_t memory_allocate_low(void)
{
	struct map_input map;
	EFI_PHYSICAL_ADDRESS base;

	if (memory_read_map(&map) != EFI_SUCCESS)
		return 0;
	base = map_find_free(&map, PAGE, PAGE, PAGE, LOW_LIMIT);
	if (!base || fw.boot->AllocatePages(AllocateAddress, EfiLoaderData, 1, &base) != EFI_SUCCESS)
		return 0;
	memory.low_page = base;
	return base;
}

void memory_release_all(void)
{
	while (memory.kept_count > memory.held_count)
		memory_release(memory.kept[memory.held_count].base);
	if (memory.low_page)
		fw.boot->FreePages(memory.low_page, 1);
	memory.low_page = 0;
}
