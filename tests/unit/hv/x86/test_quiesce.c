/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: */
/* Silencing what firmware left running, against PCI functions that may lie: capability lists that loop, bridges,
 * holes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../../../hv/x86/x86.h"

#include <hv/boot_info.h>
#include <hv/log.h>

/* The machine's ports lead to the fake bus below. */
#define outl fake_outl
#define inl fake_inl
#define outb fake_outb
static void fake_outl(u16 port, u32 val);
static u32 fake_inl(u16 port);
static void fake_outb(u16 port, u8 val);

#include "../../../../hv/x86/quiesce.c"

#define FUNCTIONS 8
#define MASTER 4u
#define CAPS (1u << 20)
#define STATUS_ERRORS 0xf9000000u	/* write-one-to-clear bits of the status half */

struct function {
	u32 bdf;
	u32 reg[64];
	u32 writes;
	bool cleared_status;
};

static struct function fn[FUNCTIONS];
static u32 fn_count, address, accesses, pic_masks, told;
static u32 ioapic[4][PAGE_SIZE / 4];
static u32 hpet[0x400 / 4];
static hpa_t mapped[8];
static u32 mapped_count;
static bool map_fails;
static struct boot_info info;
static struct host_dma dma;
const struct boot_info *boot_info = &info;

static struct function *find(void)
{
	for (u32 i = 0; i < fn_count; i++)
		if (fn[i].bdf == (address >> 8 & 0xffff))
			return &fn[i];
	return NULL;
}

static void fake_outl(u16 port, u32 val)
{
	struct function *f = find();
	u32 reg = address >> 2 & 63;

	if (port == 0xcf8) {
		assert_true(val >> 31 && !(val & 0x7f000003));
		address = val;
		return;
	}
	assert_int_equal(port, 0xcfc);
	accesses++;
	assert_non_null(f);
	f->writes++;
	if (reg == 1) {
		f->cleared_status |= (val & STATUS_ERRORS) != 0;
		f->reg[1] = (f->reg[1] & 0xffff0000) | (val & 0xffff);
	} else {
		f->reg[reg] = val;
	}
}

static u32 fake_inl(u16 port)
{
	const struct function *f = find();

	assert_int_equal(port, 0xcfc);
	accesses++;
	return f ? f->reg[address >> 2 & 63] : ~0u;
}

static void fake_outb(u16 port, u8 val)
{
	assert_int_equal(val, 0xff);
	pic_masks |= port == 0x21 ? 1 : port == 0xa1 ? 2 : 4;
}

void *mmio_map(hpa_t base, u64 size, enum cache cache)
{
	assert_int_equal(cache, CACHE_UNCACHED);
	assert_true(mapped_count < ARRAY_COUNT(mapped));
	mapped[mapped_count++] = base;
	if (map_fails)
		return NULL;
	return base.v >> 20 == 0xfed ? (void *)hpet : (void *)ioapic[base.v >> 12 & 3];
}

void log_write(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	told = va_arg(ap, u32);
	va_end(ap);
}

static struct function *add(u32 bdf, u32 header, u32 command)
{
	struct function *f = &fn[fn_count++];

	*f = (struct function){ .bdf = bdf };
	f->reg[0] = 0x12348086;
	f->reg[1] = command | STATUS_ERRORS;
	f->reg[3] = header << 16;
	return f;
}

static void cap(struct function *f, u32 at, u8 id, u8 next, u16 control)
{
	f->reg[at / 4] = (u32)control << 16 | (u32)next << 8 | id;
}

static int setup(void **state)
{
	fn_count = address = accesses = pic_masks = told = mapped_count = 0;
	map_fails = false;
	memset(&info, 0, sizeof(info));
	memset(&dma, 0, sizeof(dma));
	memset(hpet, 0, sizeof(hpet));
	for (u32 i = 0; i < 4; i++) {
		memset(ioapic[i], 0, sizeof(ioapic[i]));
		ioapic[i][4] = 0x170020;
	}
	return 0;
}

static void test_bus_mastering(void **state)
{
	struct function *on = add(0x0008, 0, 0x0107 | CAPS), *off = add(0x0010, 0, 0x0003);

	quiesce_devices(&dma);
	assert_int_equal(on->reg[1] & 0xffff, 0x0103);
	assert_int_equal(off->reg[1] & 0xffff, 0x0003);
	assert_int_equal(told, 1);
	/* Errors that firmware saw stay there to be seen. */
	assert_false(on->cleared_status || off->cleared_status);
	assert_int_equal(on->reg[1] >> 16, (STATUS_ERRORS | CAPS) >> 16);
}

static void test_bridges_go_on(void **state)
{
	struct function *bridge = add(0x0008, 1, 7 | CAPS), *cardbus = add(0x0010, 2, 7 | CAPS);

	bridge->reg[13] = cardbus->reg[13] = 0x40;
	cap(bridge, 0x40, 5, 0, 0x0081);
	cap(cardbus, 0x40, 5, 0, 0x0081);
	quiesce_devices(&dma);
	assert_int_equal(bridge->reg[1] & 7, 7);
	assert_int_equal(bridge->reg[16] >> 16, 0x0080);
	assert_int_equal(cardbus->writes, 0);
	assert_int_equal(told, 0);
}

static void test_behind_bridges_and_to_the_last(void **state)
{
	add(0x0108, 0, MASTER);
	add(0xfff8, 0, MASTER);
	quiesce_devices(&dma);
	assert_int_equal(fn[0].reg[1] & MASTER, 0);
	assert_int_equal(fn[1].reg[1] & MASTER, 0);
	assert_int_equal(told, 2);
}

/* Functions 1-7 are there only if function 0 says so; without it a device answers for all of them. */
static void test_functions(void **state)
{
	add(0x0008, 0x80, MASTER);
	add(0x000b, 0, MASTER);
	add(0x000f, 0x80, MASTER);
	add(0x0010, 0, MASTER);
	add(0x0011, 0, MASTER);
	quiesce_devices(&dma);
	assert_int_equal(told, 4);
	assert_int_equal(fn[1].reg[1] & MASTER, 0);
	assert_int_equal(fn[2].reg[1] & MASTER, 0);
	assert_int_equal(fn[4].writes, 0);
}

static void test_messages(void **state)
{
	struct function *f = add(0x0008, 0, CAPS);

	f->reg[13] = 0x51;	/* the low bits do not count */
	cap(f, 0x50, 0x01, 0x60, 0xffff);
	cap(f, 0x60, 0x05, 0x72, 0x01ff);
	cap(f, 0x70, 0x11, 0x00, 0xc00f);
	cap(f, 0x80, 0x05, 0x00, 0xffff);	/* not in the list */
	quiesce_devices(&dma);
	assert_int_equal(f->reg[0x50 / 4] >> 16, 0xffff);
	assert_int_equal(f->reg[0x60 / 4] >> 16, 0x01fe);
	assert_int_equal(f->reg[0x70 / 4] >> 16, 0x400f);
	assert_int_equal(f->reg[0x80 / 4] >> 16, 0xffff);
	assert_int_equal(f->reg[0x60 / 4] & 0xffff, 0x7205);
}

static void test_no_list(void **state)
{
	struct function *f = add(0x0008, 0, 0);

	f->reg[13] = 0x40;
	cap(f, 0x40, 0x05, 0, 1);
	quiesce_devices(&dma);
	assert_int_equal(f->reg[16] >> 16, 1);
}

/* Lists that never end, or lead into the header. */
static void test_loops(void **state)
{
	struct function *self = add(0x0008, 0, CAPS), *two = add(0x0010, 0, CAPS), *header = add(0x0018, 0, CAPS | 5);
	struct function *ones = add(0x0020, 0, CAPS);

	self->reg[13] = two->reg[13] = header->reg[13] = 0x40;
	cap(self, 0x40, 0x05, 0x40, 1);
	cap(two, 0x40, 0x09, 0x50, 0);
	cap(two, 0x50, 0x11, 0x40, 0x8000);
	cap(header, 0x40, 0x09, 0x04, 0);
	memset(&ones->reg[13], 0xff, 51 * 4);
	quiesce_devices(&dma);
	assert_int_equal(self->reg[16] >> 16, 0);
	assert_int_equal(two->reg[20] >> 16, 0);
	assert_int_equal(header->writes, 1);
	assert_int_equal(header->reg[1] & 0xff, 1);
	assert_true(accesses < 8192 + 4 * 110);
}

/* The longest list that fits is walked to its end. */
static void test_longest_list(void **state)
{
	struct function *f = add(0x0008, 0, CAPS);

	f->reg[13] = 0x40;
	for (u32 at = 0x40; at < 0x100; at += 4)
		cap(f, at, 0x05, (u8)(at + 4), 1);
	quiesce_devices(&dma);
	for (u32 at = 0x40; at < 0x100; at += 4)
		assert_int_equal(f->reg[at / 4] >> 16, 0);
}

static void test_interrupt_controllers(void **state)
{
	quiesce_devices(&dma);
	assert_int_equal(pic_masks, 3);
	assert_int_equal(mapped_count, 1);
	assert_true(mapped[0].v == 0xfec00000);
	assert_int_equal(ioapic[0][0], 0x10 + 2 * 23);
	assert_int_equal(ioapic[0][4], 0x10000);
}

static void test_all_ioapics(void **state)
{
	info.acpi.ioapic_count = 3;
	for (u32 i = 0; i < 3; i++)
		info.acpi.ioapics[i] = 0xfec01000 + i * 0x1000;
	ioapic[2][4] = ~0u;		/* nothing behind this one */
	quiesce_devices(&dma);
	assert_int_equal(mapped_count, 3);
	assert_int_equal(ioapic[1][4], 0x10000);
	assert_true(ioapic[2][4] == ~0u);
	assert_int_equal(ioapic[3][4], 0x10000);
	assert_int_equal(ioapic[0][4], 0x170020);
}

static void test_ioapic_that_lies(void **state)
{
	ioapic[0][4] = 0xff0020;
	quiesce_devices(&dma);
	assert_int_equal(ioapic[0][0], 1);
	ioapic[0][4] = 0;
	quiesce_devices(&dma);
	assert_int_equal(ioapic[0][0], 1);
}

static void test_hpet(void **state)
{
	info.acpi.hpet_base = 0xfed00000;
	hpet[0] = 0x8086a201;
	hpet[4] = 0xff;
	quiesce_devices(&dma);
	assert_int_equal(hpet[4], 0xfc);
	hpet[0] = ~0u;
	hpet[4] = 0xff;
	quiesce_devices(&dma);
	assert_int_equal(hpet[4], 0xff);
}

static void test_nothing_can_be_mapped(void **state)
{
	info.acpi.hpet_base = 0xfed00000;
	map_fails = true;
	quiesce_devices(&dma);
	assert_int_equal(mapped_count, 2);
	assert_int_equal(ioapic[0][4], 0x170020);
}

static void path(u8 bus, u8 behind, u32 hops, const u8 *steps)
{
	struct boot_dma_device *d = &info.acpi.dma_devices[info.acpi.dma_device_count++];

	*d = (struct boot_dma_device){ .bus = bus, .hops = (u8)hops, .behind = behind };
	memcpy(d->path, steps, hops);
}

static void test_spared(void **state)
{
	static const u8 one[] = { 0xa0 }, absent[] = { 0xb0 };
	struct function *f = add(0x00a0, 0x80, 0x107 | CAPS), *other = add(0x00a1, 0, MASTER), *idle = add(0x00a8, 0, 0);

	f->reg[13] = 0x40;
	cap(f, 0x40, 5, 0, 1);
	path(0, 0, 1, one);
	path(0, 0, 1, absent);
	info.acpi.dma_devices[info.acpi.dma_device_count++] = (struct boot_dma_device){ .first = 0xa8, .last = 0xaf };
	quiesce_devices(&dma);
	assert_int_equal(f->reg[1] & 0xffff, 0x107);
	assert_int_equal(f->reg[16] >> 16, 0);		/* its messages are off all the same */
	assert_int_equal(other->reg[1] & MASTER, 0);
	assert_int_equal(idle->writes, 0);
	assert_int_equal(dma.spared_count, 1);		/* who did not have the bus keeps nothing */
	assert_int_equal(dma.spared[0], 0xa0);
	assert_int_equal(told, 1);
}

static void test_spared_behind_bridges(void **state)
{
	static const u8 two[] = { 0x20, 0x28, 0x31 }, no_bridge[] = { 0x30, 0x28 }, loop[] = { 0x40, 0x40, 0x40, 0x40, 0x40, 0x30 };
	struct function *a = add(0x0020, 1, 7), *b = add(0x0528, 1, 7), *end = add(0x0731, 0, MASTER);
	struct function *plain = add(0x0030, 0, MASTER), *self = add(0x0040, 1, 7), *front = add(0x0730, 0x80, MASTER);

	a->reg[6] = 0x00070500;
	b->reg[6] = 0x00070705;
	plain->reg[6] = 0x00070500;
	self->reg[6] = 0;		/* no number: what is behind it cannot be reached */
	path(0, 0, 3, two);
	path(0, 0, 2, no_bridge);
	path(0, 0, 6, loop);
	quiesce_devices(&dma);
	assert_int_equal(end->reg[1] & MASTER, MASTER);
	assert_int_equal(plain->reg[1] & MASTER, 0);
	assert_int_equal(front->reg[1] & MASTER, 0);
	assert_int_equal(dma.spared_count, 1);
}

/* All that is behind a bridge; an endpoint that firmware calls a bridge is itself. */
static void test_spared_all_behind(void **state)
{
	static const u8 bridge[] = { 0x20 }, end[] = { 0x30 }, strange[] = { 0x50 };
	struct function *a = add(0x0020, 1, 7), *in = add(0x0508, 0, MASTER), *out = add(0x0608, 0, MASTER);
	struct function *point = add(0x0030, 0, MASTER), *bad = add(0x0050, 1, 7), *far = add(0x0908, 0, MASTER);

	a->reg[6] = 0x00050500;
	bad->reg[6] = 0x00080900;	/* the last bus before the first */
	path(0, 1, 1, bridge);
	path(0, 1, 1, end);
	path(0, 1, 1, strange);
	quiesce_devices(&dma);
	assert_int_equal(in->reg[1] & MASTER, MASTER);
	assert_int_equal(point->reg[1] & MASTER, MASTER);
	assert_int_equal(out->reg[1] & MASTER, 0);
	assert_int_equal(far->reg[1] & MASTER, 0);
}

static void test_spared_too_many(void **state)
{
	info.acpi.dma_device_count = BOOT_DMA_DEVICES_MAX + 5;
	info.acpi.dma_devices[0] = (struct boot_dma_device){ .first = 0, .last = 0xffff };
	for (u32 i = 0; i < FUNCTIONS; i++)
		add(8 * i, 0, MASTER);
	dma.spared_count = HOST_SPARED_MAX - 1;
	quiesce_devices(&dma);
	assert_int_equal(dma.spared_count, HOST_SPARED_MAX - 1 + FUNCTIONS);
	assert_int_equal(dma.spared[HOST_SPARED_MAX - 1], 0);
}

#define T(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_bus_mastering), T(test_bridges_go_on), T(test_behind_bridges_and_to_the_last), T(test_functions),
		T(test_messages), T(test_no_list), T(test_loops), T(test_longest_list), T(test_interrupt_controllers),
		T(test_all_ioapics), T(test_ioapic_that_lies), T(test_hpet), T(test_nothing_can_be_mapped), T(test_spared),
		T(test_spared_behind_bridges), T(test_spared_all_behind), T(test_spared_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
