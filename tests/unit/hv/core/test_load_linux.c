/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: hv/core/load.c hv/core/load_linux.c hv/core/load_elf.c hv/core/load_pvh.c hv/core/load_multiboot.c hv/core/load_uefi.c hv/lib/format.c tests/unit/guest_ram.c */
/* Linux bzImages: where everything lands, the state it starts in, and every way a header can lie. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../guest_ram.h"

#include <hv/lib.h>
#include <hv/load.h>

#define SETUP (2 * 512u)	/* bytes of the real-mode part */
#define CODE 0x4000u		/* of the protected-mode part */
#define RAM (64 * MiB)

static u8 *image;		/* malloc()ed to its exact size, so that ASan sees a byte too far */
static u64 image_size;
static char why[200];

static void put(u32 off, u64 v, u32 size)
{
	memcpy(image + off, &v, size);
}

static u64 ram_at(const struct guest *g, u64 gpa, u32 size)
{
	u64 v = 0;

	memcpy(&v, g->ram + gpa, size);
	return v;
}

/* A sound bzImage of boot protocol 2.15. */
static int make_image(void **state)
{
	image_size = SETUP + CODE;
	image = calloc(1, image_size);
	for (u32 i = 0; i < CODE; i++)
		image[SETUP + i] = (u8)(i * 7 + 1);
	put(0x1f1, 1, 1);		/* setup_sects */
	put(0x1f4, CODE / 16, 4);
	put(0x1fe, 0xaa55, 2);
	put(0x200, 0x6aeb, 2);		/* jump: the header ends at 26CH */
	put(0x202, 0x53726448, 4);
	put(0x206, 0x20f, 2);
	put(0x211, 0x81, 1);		/* loadflags: high, heap */
	put(0x22c, 0x7fffffff, 4);
	put(0x230, 0x200000, 4);
	put(0x234, 1, 1);		/* relocatable */
	put(0x236, 3, 2);		/* xloadflags */
	put(0x238, 2047, 4);
	put(0x250, 0xdeadbeef, 8);	/* setup_data: not ours, must not survive */
	put(0x258, 0x1000000, 8);
	put(0x260, 0x800000, 4);	/* init_size */
	return 0;
}

static int free_image(void **state)
{
	free(image);
	return 0;
}

static struct guest *new_guest(u64 ram)
{
	struct guest *g = guest_ram_new(ram, 2);

	g->kernel = (struct guest_image){ "vmlinuz", image, image_size };
	strcpy(guest_ram_plan(g)->boot.cmdline, "console=ttyS0 quiet");
	return g;
}

static int loaded(struct guest *g, struct cpu_state *s)
{
	why[0] = 0;
	return load_guest(g, s, why, sizeof(why));
}

/* Walk the start page tables by hand. */
static u64 translate(const struct guest *g, u64 cr3, u64 va)
{
	u64 pdpte, pde, pml4e = ram_at(g, cr3 + (va >> 39 & 511) * 8, 8);

	assert_true(pml4e & 1);
	pdpte = ram_at(g, (pml4e & ~0xffful) + (va >> 30 & 511) * 8, 8);
	assert_int_equal(pdpte & 0x81, 1);
	pde = ram_at(g, (pdpte & ~0xffful) + (va >> 21 & 511) * 8, 8);
	assert_int_equal(pde & 0x81, 0x81);
	return (pde & ~0x1ffffful) | (va & 0x1fffff);
}

static void check_state(const struct guest *g, const struct cpu_state *s)
{
	assert_int_equal(s->rip, 0x1000200);
	assert_int_equal(s->rflags, 2);
	assert_int_equal(s->cr0 & (CR0_PE | CR0_PG | CR0_CD | CR0_NW | CR0_TS | CR0_EM), CR0_PE | CR0_PG);
	assert_int_equal(s->cr4, CR4_PAE);
	assert_int_equal(s->efer, EFER_LME | EFER_LMA);
	assert_int_equal(s->seg[SEG_CS].sel, 0x10);
	assert_int_equal(s->seg[SEG_CS].attr & (SEG_ATTR_L | SEG_ATTR_DB | SEG_ATTR_P), SEG_ATTR_L | SEG_ATTR_P);
	assert_int_equal(s->seg[SEG_SS].sel, 0x18);
	assert_int_equal(s->seg[SEG_TR].attr & 0xf, 11);
	assert_int_equal(ram_at(g, s->gdtr.base + 0x10, 8), 0x00af9b000000ffff);
	assert_int_equal(ram_at(g, s->gdtr.base + 0x18, 8), 0x00cf93000000ffff);
	assert_true(s->gdtr.limit >= 0x1f);
	for (u64 va = 0; va < 4 * GiB; va += 0x12345678)
		assert_int_equal(translate(g, s->cr3, va), va);
}

static void test_sound(void **state)
{
	struct guest *g = new_guest(RAM);
	struct cpu_state s;
	u64 zp, initrd_size = 5000, initrd;
	u8 *bytes = malloc(initrd_size);

	memset(bytes, 0x5a, initrd_size);
	g->initrd = (struct guest_image){ "initrd.img", bytes, initrd_size };
	assert_int_equal(loaded(g, &s), 0);
	check_state(g, &s);
	zp = s.gpr[RSI];
	assert_memory_equal(g->ram + 0x1000000, image + SETUP, CODE);
	assert_int_equal(ram_at(g, zp + 0x202, 4), 0x53726448);
	assert_int_equal(ram_at(g, zp + 0x70, 8), GUEST_ACPI_GPA);
	assert_int_equal(ram_at(g, zp + 0x210, 1), 0xff);
	assert_int_equal(ram_at(g, zp + 0x211, 1), 1);		/* no heap */
	assert_int_equal(ram_at(g, zp + 0x250, 8), 0);
	assert_string_equal(g->ram + ram_at(g, zp + 0x228, 4), "console=ttyS0 quiet");
	initrd = ram_at(g, zp + 0x218, 4);
	assert_int_equal(ram_at(g, zp + 0x21c, 4), initrd_size);
	assert_int_equal(initrd, RAM - 8192);
	assert_memory_equal(g->ram + initrd, bytes, initrd_size);
	assert_int_equal(ram_at(g, zp + 0x1ef, 1), 0);		/* sentinel */
	free(bytes);
	guest_ram_free(g);
}

static void test_e820_in_zero_page(void **state)
{
	struct guest *g = new_guest(RAM);
	struct cpu_state s;
	u64 zp, sum = 0;

	assert_int_equal(loaded(g, &s), 0);
	zp = s.gpr[RSI];
	assert_int_equal(ram_at(g, zp + 0x1e8, 1), 6);
	for (u32 i = 0; i < 6; i++) {
		u64 base = ram_at(g, zp + 0x2d0 + i * 20, 8), size = ram_at(g, zp + 0x2d8 + i * 20, 8);

		sum += base < RAM ? size : 0;
	}
	assert_int_equal(sum, RAM);
	guest_ram_free(g);
}

/* The header of the file ends where its jump says; nothing behind it may reach the zero page. */
static void test_header_end(void **state)
{
	struct guest *g;
	struct cpu_state s;

	put(0x201, 0x62, 1);		/* ends at 264H */
	put(0x264, 0x77777777, 4);	/* handover_offset: behind it */
	g = new_guest(RAM);
	assert_int_equal(loaded(g, &s), 0);
	assert_int_equal(ram_at(g, s.gpr[RSI] + 0x264, 4), 0);
	guest_ram_free(g);
	put(0x201, 0xff, 1);		/* ends far behind what we know: cut */
	memset(image + 0x290, 0x99, 0x100);
	g = new_guest(RAM);
	assert_int_equal(loaded(g, &s), 0);
	assert_int_equal(ram_at(g, s.gpr[RSI] + 0x290, 8), 0);
	guest_ram_free(g);
}

/* Taken by init_size: moved to the lowest aligned place that has room, or refused when the kernel may not be moved. */
static void test_relocation(void **state)
{
	struct guest *g = new_guest(16 * MiB);
	struct cpu_state s;

	assert_int_equal(loaded(g, &s), 0);
	assert_int_equal(s.rip, 0x200200);
	assert_memory_equal(g->ram + 0x200000, image + SETUP, CODE);
	guest_ram_free(g);
	put(0x234, 0, 1);
	g = new_guest(16 * MiB);
	assert_int_equal(loaded(g, &s), -E_NOSPC);
	assert_non_null(strstr(why, "the kernel"));
	guest_ram_free(g);
}

static void test_initrd_limits(void **state)
{
	struct guest *g = new_guest(RAM);
	struct cpu_state s;
	u8 *big = calloc(1, 60 * MiB);
	u64 at;

	g->initrd = (struct guest_image){ "initrd.img", big, 60 * MiB };
	assert_int_equal(loaded(g, &s), -E_NOSPC);
	assert_non_null(strstr(why, "the initrd"));
	guest_ram_free(g);

	put(0x22c, 0x2ffffff, 4);	/* initrd_addr_max: 48 MiB - 1 */
	g = new_guest(RAM);
	g->initrd = (struct guest_image){ "initrd.img", big, 5 * MiB };
	assert_int_equal(loaded(g, &s), 0);
	at = ram_at(g, s.gpr[RSI] + 0x218, 4);
	assert_int_equal(at, 43 * MiB);
	guest_ram_free(g);

	put(0x22c, 0, 4);
	g = new_guest(RAM);
	g->initrd = (struct guest_image){ "initrd.img", big, 1 };
	assert_int_equal(loaded(g, &s), -E_NOSPC);
	guest_ram_free(g);
	free(big);
}

static void test_cmdline_too_long(void **state)
{
	struct guest *g;
	struct cpu_state s;

	put(0x238, 18, 4);
	g = new_guest(RAM);
	assert_int_equal(loaded(g, &s), -E_INVAL);
	assert_non_null(strstr(why, "command line"));
	guest_ram_free(g);
	put(0x238, 19, 4);
	g = new_guest(RAM);
	assert_int_equal(loaded(g, &s), 0);
	guest_ram_free(g);
}

static void test_lies(void **state)
{
	static const struct {
		u32 off;
		u64 value;
		u32 size;
		int error;
		const char *words;
	} lies[] = {
		{ 0x1fe, 0, 2, -E_INVAL, "not a Linux bzImage" },
		{ 0x202, 0, 4, -E_INVAL, "not a Linux bzImage" },
		{ 0x206, 0x20b, 2, -E_INVAL, "2.11" },
		{ 0x201, 0x61, 1, -E_INVAL, "shorter" },
		{ 0x236, 2, 2, -E_INVAL, "64-bit" },
		{ 0x211, 0, 1, -E_INVAL, "zImage" },
		{ 0x1f1, 64, 1, -E_RANGE, "truncated" },
		{ 0x1f4, CODE / 16 + 1, 4, -E_RANGE, "truncated" },
		{ 0x1f4, 0xffffffff, 4, -E_RANGE, "truncated" },
		{ 0x1f4, 0, 4, -E_INVAL, "no code" },
		{ 0x1f4, 32, 4, -E_INVAL, "no code" },
		{ 0x248, 0xffffffff, 4, -E_INVAL, "compressed kernel" },
		{ 0x24c, CODE + 1, 4, -E_INVAL, "compressed kernel" },
		{ 0x230, 0, 4, -E_INVAL, "kernel_alignment" },
		{ 0x230, 0x300000, 4, -E_INVAL, "kernel_alignment" },
		{ 0x230, 0x80000000, 4, -E_INVAL, "kernel_alignment" },
		{ 0x258, 0xfffff, 8, -E_INVAL, "wants to be loaded" },
		{ 0x258, 0x100000000, 8, -E_INVAL, "wants to be loaded" },
		{ 0x258, ~0ul, 8, -E_INVAL, "wants to be loaded" },
	};

	for (size_t i = 0; i < ARRAY_COUNT(lies); i++) {
		free_image(state);
		make_image(state);
		assert_int_equal(load_check(BOOT_LINUX, image, image_size, why, sizeof(why)), 0);
		put(lies[i].off, lies[i].value, lies[i].size);
		assert_int_equal(load_check(BOOT_LINUX, image, image_size, why, sizeof(why)), lies[i].error);
		if (!strstr(why, lies[i].words))
			fail_msg("%zu: \"%s\" has no \"%s\"", i, why, lies[i].words);
	}
}

/* A huge init_size is an honest wish that no guest can fulfil. */
static void test_init_size_too_big(void **state)
{
	struct guest *g;
	struct cpu_state s;

	put(0x260, 0xffffffff, 4);
	g = new_guest(RAM);
	assert_int_equal(loaded(g, &s), -E_NOSPC);
	guest_ram_free(g);
}

static void test_every_truncation(void **state)
{
	for (u64 size = 0; size < image_size; size += size < 0x300 ? 1 : 61) {
		u8 *part = malloc(size ? size : 1);

		memcpy(part, image, size);
		why[0] = 0;
		assert_int_equal(load_check(BOOT_LINUX, part, size, why, sizeof(why)), -E_RANGE);
		assert_int_not_equal(why[0], 0);
		free(part);
	}
}

/* Thousands of damaged headers: refused, or everything that starts is inside of RAM. ASan and UBSan watch. */
static void test_mutations(void **state)
{
	u8 initrd[3000] = { 1 };
	u32 accepted = 0;

	srand(1);
	for (int round = 0; round < 1500; round++) {
		struct guest *g;
		struct cpu_state s;

		free_image(state);
		make_image(state);
		for (int n = 1 + rand() % 3; n; n--)
			image[0x1f1 + rand() % 0x80] = rand() % 3 ? (u8)rand() : (u8)(rand() % 2 * 255);
		g = new_guest(32 * MiB);
		g->initrd = (struct guest_image){ "initrd.img", initrd, sizeof(initrd) };
		if (!loaded(g, &s)) {
			accepted++;
			assert_true(s.rip < 32 * MiB - 0x200 && s.cr3 < GUEST_LOW_END && s.gpr[RSI] < GUEST_LOW_END);
			assert_int_equal(ram_at(g, GUEST_ACPI_GPA, 8), 0);
		} else {
			assert_int_not_equal(why[0], 0);
		}
		guest_ram_free(g);
	}
	assert_in_range(accepted, 50, 1450);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, make_image, free_image)
	const struct CMUnitTest tests[] = {
		T(test_sound), T(test_e820_in_zero_page), T(test_header_end), T(test_relocation), T(test_initrd_limits),
		T(test_cmdline_too_long), T(test_lies), T(test_init_size_too_big), T(test_every_truncation), T(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
