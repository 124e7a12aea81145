/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/model/vdisplay.c hv/lib/string.c hv/lib/format.c */
/* The display's registers; whatever they say, the picture lies inside of the framebuffer. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <drivers/model/vdisplay.h>
#include <hv/atomic.h>
#include <hv/lib.h>

static struct guest g;
static struct vdisplay d;
static struct device_ram ram;
static const struct vpci_desc *desc;
static u64 backed;
static u32 backed_prot;

const struct device_ram *guest_device_ram(const struct guest *guest, enum device_ram_kind kind)
{
	static const struct device_ram none;

	return kind == DEVICE_RAM_SCREEN ? &ram : &none;
}

int vpci_add(struct guest *guest, struct vpci_function *f, const struct vpci_desc *what, void *device, u8 slot)
{
	desc = what;
	assert_ptr_equal(device, &d);
	for (u32 i = 0; i < VPCI_BARS; i++)
		f->claim[i] = what->bar[i].kind ? (s16)(7 + i) : -1;
	return 0;
}

int bus_back(struct bus *bus, u32 claim, const struct device_ram *m, u32 prot)
{
	assert_int_equal(claim, 7);
	backed = m->size;
	backed_prot = prot;
	return 0;
}

static int setup(void **state)
{
	memset(&d, 0, sizeof(d));
	ram = (struct device_ram){ calloc(1, VDISPLAY_RAM), HPA(0x40000000), VDISPLAY_RAM };
	assert_int_equal(vdisplay_build(&g, &d), 0);
	vdisplay_reset(&d);
	return 0;
}

static int teardown(void **state)
{
	free(ram.at);
	return 0;
}

static u64 rd(u64 off, u8 size)
{
	struct io io = { .off = off, .size = size };

	assert_int_equal(desc->bar[2].fn(&d, &io), IO_DONE);
	return io.val;
}

static void wr(u64 off, u64 val, u8 size)
{
	struct io io = { .off = off, .val = val, .size = size, .write = true };

	desc->bar[2].fn(&d, &io);
}

static void mode(u16 x, u16 y, u16 bpp)
{
	wr(0x508, 0, 2);
	wr(0x502, x, 2);
	wr(0x504, y, 2);
	wr(0x506, bpp, 2);
	wr(0x508, 0x41, 2);
}

static void what_drivers_look_for(void **state)
{
	u8 sum = 0;

	assert_int_equal(desc->class_rev >> 8, 0x038000);
	assert_int_equal(backed, VDISPLAY_RAM);
	assert_int_equal(backed_prot, BUS_READ | BUS_WRITE);
	assert_int_equal(rd(0x500, 2) & 0xfff0, 0xb0c0);
	assert_int_equal(rd(0x514, 2), 256);
	assert_int_equal(rd(0x600, 4), 8);
	assert_int_equal(rd(0x604, 4), 0x1e1e1e1e);
	assert_int_equal(rd(0, 8), 0x00ffffffffffff00);
	for (u32 i = 0; i < 128; i++)
		sum = (u8)(sum + rd(i, 1));
	assert_int_equal(sum, 0);
	assert_int_equal(rd(54, 2), 6500);		/* 65 MHz: 1024 x 768 */
	assert_int_equal(rd(200, 8), 0);
	assert_int_equal(rd(0xff8, 8), 0);
}

static void a_mode(void **state)
{
	struct picture p;
	char text[64];

	assert_false(vdisplay_picture(&d, &p));
	mode(1024, 768, 32);
	assert_true(vdisplay_picture(&d, &p));
	assert_int_equal(p.width, 1024);
	assert_int_equal(p.height, 768);
	assert_int_equal(p.pitch, 4096);
	assert_ptr_equal(p.pixels, ram.at);
	wr(0x50c, 2048, 2);
	wr(0x510, 16, 2);
	wr(0x512, 3, 2);
	assert_true(vdisplay_picture(&d, &p));
	assert_int_equal(p.pitch, 8192);
	assert_ptr_equal(p.pixels, ram.at + 64 + 3 * 8192);
	desc->describe(&d, text, sizeof(text));
	assert_string_equal(text, "1024 x 768 pixels, mode set 1 times");
	mode(800, 600, 32);				/* switching on forgets the rest */
	assert_true(vdisplay_picture(&d, &p));
	assert_ptr_equal(p.pixels, ram.at);
	assert_int_equal(p.pitch, 3200);
	vdisplay_reset(&d);
	assert_false(vdisplay_picture(&d, &p));
}

static bool flickers;

static void *flicker(void *unused)
{
	while (load_relaxed(&flickers)) {
		store_relaxed(&d.reg[VDISPLAY_VIRT_WIDTH], (u16)4096);
		store_relaxed(&d.reg[VDISPLAY_VIRT_WIDTH], (u16)1);
	}
	return NULL;
}

/* The control core looks while a vcpu writes: whichever width it sees, each line has room for what is shown of it. */
static void a_mode_that_changes_meanwhile(void **state)
{
	struct picture p;
	pthread_t vcpu;
	u32 bad = 0;

	mode(1024, 768, 32);
	store_relaxed(&flickers, true);
	assert_int_equal(pthread_create(&vcpu, NULL, flicker, NULL), 0);
	for (clock_t end = clock() + CLOCKS_PER_SEC; clock() < end && !bad;)
		for (u32 i = 0; i < 1000; i++)
			bad += vdisplay_picture(&d, &p) && p.pitch < 4 * p.width;
	store_relaxed(&flickers, false);
	pthread_join(vcpu, NULL);
	assert_int_equal(bad, 0);
}

static void modes_that_are_none(void **state)
{
	struct picture p;

	mode(1024, 768, 16);
	assert_false(vdisplay_picture(&d, &p));
	mode(0, 768, 32);
	assert_false(vdisplay_picture(&d, &p));
	mode(8193, 1, 32);
	assert_false(vdisplay_picture(&d, &p));
	mode(2048, 2049, 32);
	assert_false(vdisplay_picture(&d, &p));
	mode(2048, 2048, 32);
	assert_true(vdisplay_picture(&d, &p));
	wr(0x510, 1, 2);
	assert_false(vdisplay_picture(&d, &p));
	mode(1024, 768, 32);
	wr(0x512, 0xffff, 2);
	assert_false(vdisplay_picture(&d, &p));
}

static void read_only_and_odd_accesses(void **state)
{
	wr(0x500, 0x1234, 2);
	wr(0x514, 1, 2);
	assert_int_equal(rd(0x500, 2), 0xb0c5);
	assert_int_equal(rd(0x514, 2), 256);
	wr(0x502, 0x11223344, 4);
	wr(0x503, 0x11, 2);
	wr(0x502, 0x11, 1);
	wr(0, 0, 8);
	wr(0x604, 0xbebebebe, 4);
	assert_int_equal(rd(0x502, 2), 0);
	assert_int_equal(rd(0x604, 4), 0x1e1e1e1e);
	assert_int_equal(rd(0x501, 1), 0xb0);
	assert_int_equal(rd(0x4ff, 2), 0xc500);
	wr(0x3c0, 0x20, 1);
}

static void anything_stays_inside(void **state)
{
	struct picture p;
	u32 shown = 0;

	srand(3);
	for (u32 i = 0; i < 300000; i++) {
		wr(0x500 + 2 * ((u32)rand() % 12), i & 1 ? (u16)rand() : (u16)(rand() % 3000), 2);
		if (!(i % 3)) {
			wr(0x506, 32, 2);
			wr(0x508, 1, 2);
		}
		if (!vdisplay_picture(&d, &p))
			continue;
		shown++;
		assert_true(p.pixels >= ram.at && p.width * 4 <= p.pitch);
		assert_true(p.pixels + (u64)p.pitch * p.height <= ram.at + VDISPLAY_RAM);
	}
	assert_true(shown > 100);
	for (u32 off = 0; off < 0x1000; off++)
		for (u8 size = 1; size <= 8 && off + size <= 0x1000; size = (u8)(2 * size))
			rd(off, size);
}

static void the_framebuffer_without_a_mapping(void **state)
{
	struct io io = { .off = VDISPLAY_RAM - 8, .val = 0x1122334455667788, .size = 8, .write = true };

	desc->bar[0].fn(&d, &io);
	io = (struct io){ .off = VDISPLAY_RAM - 2, .val = ~0ul, .size = 2 };
	desc->bar[0].fn(&d, &io);
	assert_int_equal(io.val, 0x1122);
	vdisplay_reset(&d);
	io = (struct io){ .off = VDISPLAY_RAM - 2, .val = ~0ul, .size = 2 };
	desc->bar[0].fn(&d, &io);
	assert_int_equal(io.val, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_drivers_look_for, setup, teardown),
		cmocka_unit_test_setup_teardown(a_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(a_mode_that_changes_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(modes_that_are_none, setup, teardown),
		cmocka_unit_test_setup_teardown(read_only_and_odd_accesses, setup, teardown),
		cmocka_unit_test_setup_teardown(anything_stays_inside, setup, teardown),
		cmocka_unit_test_setup_teardown(the_framebuffer_without_a_mapping, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
