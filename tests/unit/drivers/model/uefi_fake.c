/* SPDX-License-Identifier: Apache-2.0 */
#include "uefi_fake.h"

static u8 code[UEFI_CODE_SIZE], vars[UEFI_VARS_SIZE];

struct guest *uefi_guest_new(void)
{
	struct guest *g = fake_guest_new();
	struct plan_guest *plan = (struct plan_guest *)(uintptr_t)g->plan;

	for (u32 i = 0; i < sizeof(code); i++)
		code[i] = (u8)(i * 7 + 1);
	for (u32 i = 0; i < sizeof(vars); i++)
		vars[i] = (u8)(i * 3 + 5);
	plan->boot.type = BOOT_UEFI;
	g->name = "test";
	g->kernel = (struct guest_image){ "code", code, sizeof(code) };
	g->initrd = (struct guest_image){ "vars", vars, sizeof(vars) };
	g->device_ram[DEVICE_RAM_FLASH] = (struct device_ram){ calloc(1, sizeof(code) + sizeof(vars)), HPA(0x40000000),
		sizeof(code) + sizeof(vars) };
	g->ram_low = UEFI_RAM;
	g->ram_high = 0;
	g->ram = calloc(1, UEFI_RAM);
	g->firmware_log = calloc(1, sizeof(*g->firmware_log));
	free(g->pc);
	bus_init(&g->bus);
	assert_int_equal(pc_build(g, calloc(1, pc_size())), 0);
	pc_reset(g);
	return g;
}

void uefi_guest_free(struct guest *g)
{
	free(g->device_ram[DEVICE_RAM_FLASH].at);
	free(g->ram);
	free(g->firmware_log);
	fake_guest_free(g);
}

int uefi_setup(void **state)
{
	*state = uefi_guest_new();
	return 0;
}

int uefi_teardown(void **state)
{
	uefi_guest_free(*state);
	return 0;
}

u64 mem_read(struct guest *g, u64 gpa, u8 size)
{
	struct io io = { .size = size, .val = 0x5a5a5a5a5a5a5a5a };

	bus_access(&g->bus, BUS_MEMORY, gpa, &io);
	return size == 8 ? io.val : io.val & (BIT(size * 8) - 1);
}

void mem_write(struct guest *g, u64 gpa, u64 val, u8 size)
{
	struct io io = { .size = size, .val = val, .write = true };

	bus_access(&g->bus, BUS_MEMORY, gpa, &io);
}
