/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/model/pc_fake.c tests/unit/drivers/model/uefi_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* Flash: contents, commands as OVMF gives them, what is mapped when, any sequence of accesses. */
#include "uefi_fake.h"

#include <hv/datastore.h>

static struct vflash *flash(struct guest *g)
{
	return &g->pc->flash;
}

static u8 *contents(struct guest *g)
{
	return g->device_ram[DEVICE_RAM_FLASH].at;
}

/* Rights that the guest has at gpa without an exit. */
static u32 mapped(struct guest *g, u64 gpa)
{
	u32 prot = 0;

	return bus_mappable(&g->bus, gpa, PAGE_SIZE, &prot) == ~0ul ? 0 : prot;
}

static void test_contents(void **state)
{
	struct guest *g = *state;
	const u8 *code = g->kernel.bytes, *vars = g->initrd.bytes;

	assert_int_equal(mem_read(g, UEFI_CODE, 1), code[0]);
	assert_int_equal(mem_read(g, 4 * GiB - 1, 1), code[UEFI_CODE_SIZE - 1]);
	assert_int_equal(mem_read(g, UEFI_VARS, 4), vars[0] | vars[1] << 8 | vars[2] << 16 | (u32)vars[3] << 24);
	assert_int_equal(mem_read(g, UEFI_CODE - 1, 1), vars[UEFI_VARS_SIZE - 1]);
	assert_int_equal(mapped(g, UEFI_VARS), BUS_READ | BUS_EXEC);
	assert_int_equal(mapped(g, UEFI_CODE), BUS_READ | BUS_EXEC);
	assert_int_equal(mapped(g, UEFI_VARS - PAGE_SIZE), 0);
	assert_ptr_equal(bus_memory(&g->bus, UEFI_CODE + 16, 16), contents(g) + UEFI_VARS_SIZE + 16);
	assert_null(bus_memory(&g->bus, UEFI_CODE - 8, 16));	/* two chips */
	assert_null(bus_memory(&g->bus, 4 * GiB - 8, 16));
}

static void test_code_is_write_protected(void **state)
{
	struct guest *g = *state;
	u8 was = contents(g)[UEFI_VARS_SIZE];

	mem_write(g, UEFI_CODE, 0x10, 1);
	mem_write(g, UEFI_CODE, (u8)~was, 1);
	mem_write(g, UEFI_CODE, 0x20, 1);
	mem_write(g, UEFI_CODE, 0xd0, 1);
	assert_int_equal(mem_read(g, UEFI_CODE, 1), was);
	assert_int_equal(mapped(g, UEFI_CODE), BUS_READ | BUS_EXEC);
}

/* What QemuFlashFvbServicesRuntimeDxe does to tell flash from RAM and ROM. */
static void test_is_found_by_ovmf(void **state)
{
	struct guest *g = *state;
	u64 at = UEFI_VARS + 3;
	u8 was = (u8)mem_read(g, at, 1);

	mem_write(g, at, 0x50, 1);
	assert_int_equal(mem_read(g, at, 1), was);
	assert_int_not_equal(was, 0x50);
	mem_write(g, at, 0x70, 1);
	assert_int_equal(mem_read(g, at, 1), 0);
	assert_int_equal(mapped(g, UEFI_VARS), 0);
	mem_write(g, at, 0xff, 1);
	assert_int_equal(mem_read(g, at, 1), was);
	assert_int_equal(mapped(g, UEFI_VARS), BUS_READ | BUS_EXEC);
}

static void test_program_and_erase(void **state)
{
	struct guest *g = *state;
	u64 block = UEFI_VARS + 2 * VFLASH_BLOCK;

	mem_write(g, block + 17, 0x20, 1);
	mem_write(g, block + 17, 0xd0, 1);
	assert_int_equal(mem_read(g, block, 1), 0x80);		/* ready, no error */
	mem_write(g, block, 0xff, 1);
	for (u32 i = 0; i < VFLASH_BLOCK; i++)
		assert_int_equal(mem_read(g, block + i, 1), 0xff);
	assert_int_equal(mem_read(g, block - 1, 1), ((const u8 *)g->initrd.bytes)[2 * VFLASH_BLOCK - 1]);
	assert_int_equal(mem_read(g, block + VFLASH_BLOCK, 1), ((const u8 *)g->initrd.bytes)[3 * VFLASH_BLOCK]);
	for (u32 i = 0; i < 4; i++) {
		mem_write(g, block + i, 0x10, 1);
		mem_write(g, block + i, 0xa0 + i, 1);
	}
	mem_write(g, block + 8, 0x40, 1);
	mem_write(g, block + 8, 0x1234, 2);
	mem_write(g, block, 0xff, 1);
	assert_int_equal(mem_read(g, block, 4), 0xa3a2a1a0);
	assert_int_equal(mem_read(g, block + 8, 4), 0xffff1234);
	assert_int_equal(flash(g)->programs, 5);
	assert_int_equal(flash(g)->erases, 1);
}

static void test_erase_wants_its_confirmation(void **state)
{
	struct guest *g = *state;
	u8 was = (u8)mem_read(g, UEFI_VARS, 1);

	mem_write(g, UEFI_VARS, 0x20, 1);
	mem_write(g, UEFI_VARS, 0xff, 1);
	assert_int_equal(mem_read(g, UEFI_VARS, 1), 0x80 | 0x30);
	mem_write(g, UEFI_VARS, 0x50, 1);
	assert_int_equal(mem_read(g, UEFI_VARS, 1), was);
	assert_int_equal(flash(g)->erases, 0);
}

static void test_id(void **state)
{
	struct guest *g = *state;

	mem_write(g, UEFI_VARS, 0x90, 1);
	assert_int_equal(mem_read(g, UEFI_VARS, 1), 0x89);
	assert_int_equal(mem_read(g, UEFI_VARS + 1, 1), 0x18);
	assert_int_equal(mem_read(g, UEFI_VARS + 2, 1), 0);
	mem_write(g, UEFI_VARS, 0xe8, 1);	/* a command that this chip does not have */
	assert_int_equal(mapped(g, UEFI_VARS), BUS_READ | BUS_EXEC);
}

static void test_query(void **state)
{
	struct guest *g = *state;
	u64 size = g->pc->flash.vars_size;

	mem_write(g, UEFI_VARS + 0x55, 0x98, 1);
	assert_int_equal(mem_read(g, UEFI_VARS + 0x10, 4), 'Q' | 'R' << 8 | 'Y' << 16 | 1 << 24);
	assert_int_equal(mem_read(g, UEFI_VARS + 0x15, 1), 0x31);
	assert_int_equal(mem_read(g, UEFI_VARS + 0x31, 4), 'P' | 'R' << 8 | 'I' << 16 | '1' << 24);
	assert_true(1ul << mem_read(g, UEFI_VARS + 0x27, 1) >= size && 1ul << (mem_read(g, UEFI_VARS + 0x27, 1) - 1) < size);
	assert_int_equal(mem_read(g, UEFI_VARS + 0x2c, 1), 1);
	assert_int_equal((mem_read(g, UEFI_VARS + 0x2d, 2) + 1) * mem_read(g, UEFI_VARS + 0x2f, 2) * 256, size);
	assert_int_equal(mem_read(g, UEFI_VARS + 0xfc, 8), 0);
	mem_write(g, UEFI_VARS, 0x70, 1);
	assert_int_equal(mem_read(g, UEFI_VARS, 1), 0x80);
	mem_write(g, UEFI_VARS, 0xff, 1);
	assert_int_equal(mem_read(g, UEFI_VARS, 1), *(const u8 *)g->initrd.bytes);
}

/* A reset ends a command; variables stay, the code comes from its file again. */
static void test_reset(void **state)
{
	struct guest *g = *state;

	mem_write(g, UEFI_VARS, 0x10, 1);
	mem_write(g, UEFI_VARS, 0x77, 1);
	mem_write(g, UEFI_VARS, 0x20, 1);
	contents(g)[UEFI_VARS_SIZE] ^= 0xff;
	pc_reset(g);
	assert_int_equal(mem_read(g, UEFI_VARS, 1), 0x77);
	assert_int_equal(mem_read(g, UEFI_CODE, 1), *(const u8 *)g->kernel.bytes);
	mem_write(g, UEFI_VARS, 0xd0, 1);
	assert_int_equal(flash(g)->erases, 0);
}

/* Another claim before it keeps its page; the rest stays mapped. */
static void test_nothing_else_has_flash(void **state)
{
	struct guest *g = fake_guest_new();

	assert_int_equal(mem_read(g, 4 * GiB - 16, 8), ~0ul);
	assert_int_equal(inb(g, 0x402), 0xff);
	assert_int_equal(in(g, 0x510, 2), 0xffff);
	fake_guest_free(g);
}

/* Whatever is written where: the code stays, nothing outside is touched (ASan), array mode and mapping agree. */
static void test_any_sequence(void **state)
{
	static const u8 word[] = { 0x10, 0x20, 0x40, 0x50, 0x70, 0x90, 0x98, 0xd0, 0xff, 0xe8, 0x60 };
	struct guest *g = *state;

	for (u32 i = 0; i < 200000; i++) {
		u64 gpa = UEFI_VARS - 16 + noise() % (UEFI_VARS_SIZE + UEFI_CODE_SIZE + 16);
		u8 size = (u8)(1 << noise() % 4);

		if (noise() % 3)
			mem_write(g, gpa, word[noise() % sizeof(word)] | (u64)noise() << 32, size);
		else
			mem_read(g, gpa, size);
		assert_int_equal(mapped(g, UEFI_VARS), flash(g)->mode == VFLASH_ARRAY ? BUS_READ | BUS_EXEC : 0);
	}
	assert_memory_equal(contents(g) + UEFI_VARS_SIZE, g->kernel.bytes, UEFI_CODE_SIZE);
}

static void test_debug_port(void **state)
{
	struct guest *g = *state;
	u8 text[8];
	u64 at = 0;

	assert_int_equal(inb(g, 0x402), 0xe9);
	for (const char *s = "SEC\n"; *s; s++)
		outb(g, 0x402, (u8)*s);
	assert_int_equal(console_ring_read(g->firmware_log, &at, text, sizeof(text)), 4);
	assert_memory_equal(text, "SEC\n", 4);
	assert_int_equal(console_ring_read(g->console, &(u64){ 0 }, text, sizeof(text)), 0);
}

/* What the datastore sees and does: changes are counted, variables that it puts back survive the start. */
static void test_variables_are_kept(void **state)
{
	struct guest *g = *state;
	u64 before = flash_vars_changes(g);

	assert_int_equal(flash_vars_size(g), UEFI_VARS_SIZE);
	assert_ptr_equal(flash_vars(g), contents(g));
	assert_false(flash_vars_untouched(g));
	mem_write(g, UEFI_VARS + 5, 0x40, 1);
	mem_write(g, UEFI_VARS + 5, 0, 1);
	assert_int_equal(flash_vars_changes(g), before + 1);
	assert_int_equal(flash_vars(g)[5], 0);
	mem_write(g, UEFI_VARS, 0x20, 1);
	mem_write(g, UEFI_VARS, 0xd0, 1);
	assert_int_equal(flash_vars_changes(g), before + 2);

	flash(g)->loaded = false;		/* never started */
	assert_true(flash_vars_untouched(g));
	memset(flash_vars_restore(g), 0x3c, UEFI_VARS_SIZE);
	assert_false(flash_vars_untouched(g));
	vflash_reset(flash(g));
	assert_int_equal(mem_read(g, UEFI_VARS + 99, 1), 0x3c);
	assert_memory_equal(contents(g) + UEFI_VARS_SIZE, g->kernel.bytes, UEFI_CODE_SIZE);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, uefi_setup, uefi_teardown)
	const struct CMUnitTest tests[] = {
		T(test_contents), T(test_code_is_write_protected), T(test_is_found_by_ovmf), T(test_program_and_erase),
		T(test_erase_wants_its_confirmation), T(test_id), T(test_query), T(test_reset), T(test_any_sequence), T(test_debug_port),
		T(test_variables_are_kept),
		cmocka_unit_test(test_nothing_else_has_flash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
