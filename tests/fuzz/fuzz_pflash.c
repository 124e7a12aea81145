/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c tests/unit/drivers/model/uefi_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* Flash under any sequence of accesses: the code never changes, a read gives contents in array mode and nothing else may be
 * mapped, no command reaches beyond the chip (ASan sees the ends of its memory). Three bytes and data an access. */
#include "../unit/drivers/model/uefi_fake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct guest *g)
{
	const struct vflash *f = &g->pc->flash;
	u32 prot = 0;
	bool mapped = bus_mappable(&g->bus, UEFI_VARS, PAGE_SIZE, &prot) != ~0ul;

	assert_int_equal(mapped, f->mode == VFLASH_ARRAY);
	assert_true(!mapped || prot == (BUS_READ | BUS_EXEC));
	assert_memory_equal(g->device_ram[DEVICE_RAM_FLASH].at + UEFI_VARS_SIZE, g->kernel.bytes, UEFI_CODE_SIZE);
	assert_ptr_equal(f->g, g);
	assert_true(f->vars_size == UEFI_VARS_SIZE && f->code_size == UEFI_CODE_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct guest *g;

	if (!g)
		g = uefi_guest_new();
	pc_reset(g);
	memcpy(g->device_ram[DEVICE_RAM_FLASH].at, g->initrd.bytes, UEFI_VARS_SIZE);
	for (; size >= 5; data += 5, size -= 5) {
		u64 gpa = UEFI_VARS - 64 + (data[1] | data[2] << 8) % (UEFI_VARS_SIZE + UEFI_CODE_SIZE + 64);
		u8 bytes = (u8)(1 << (data[0] >> 1 & 3));
		u64 val = mem_read(g, gpa, bytes), off = gpa - UEFI_VARS;

		if (g->pc->flash.mode == VFLASH_ARRAY && off < UEFI_VARS_SIZE && off + bytes <= UEFI_VARS_SIZE)
			assert_memory_equal(&val, g->device_ram[DEVICE_RAM_FLASH].at + off, bytes);
		if (data[0] & 1)
			mem_write(g, gpa, data[3] | (u64)data[4] << 8 | (u64)data[4] << 40, bytes);
		if (data[0] == 0xff)
			pc_reset(g);
	}
	check(g);
	return 0;
}
