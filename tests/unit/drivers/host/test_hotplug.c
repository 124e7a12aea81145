/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/hotplug.c drivers/host/pci.c tests/unit/drivers/host/pci_fake.c hv/lib/string.c hv/lib/format.c */
/* Slots behind ports: what comes gets an address and its driver, once; what goes is let go of. */
#include "pci_fake.h"

#include <drivers/host/hotplug.h>
#include <hv/control_work.h>
#include <hv/log.h>
#include <hv/time.h>

#define PORT_BDF 0x20
#define SLOT_BDF 0x0500
#define CAP 0x40
#define WINDOW 0xc0000000u
#define LOOK 300000000ul

struct timebase timebase = { .tsc_hz = 1000000000 };
static struct fake_function *port, *card;
static u64 now = 1ul << 50;
static struct { u32 plugs, reserves; bool free, refuses; u64 bar; struct host_pci *p; } drv;
static struct { u32 plugs, reserves; bool free; } second;	/* another driver */
static u8 kept, kept_second;

void log_write(enum log_level level, const char *fmt, ...)
{
}

u64 mul_div(u64 a, u64 num, u64 den)
{
	return (u64)((unsigned __int128)a * num / den);
}

int control_work_add(const struct control_work *w)
{
	return 0;
}

static void *reserve(u16 bdf)
{
	assert_int_equal(bdf, SLOT_BDF);
	drv.reserves++;
	return &kept;
}

static int plug(struct host_pci *p)
{
	assert_ptr_equal(p->state, &kept);
	assert_true(drv.free);
	drv.plugs++;
	drv.p = p;
	drv.bar = p->bar[0].base;
	if (!drv.refuses)
		drv.free = false;
	return drv.refuses ? -E_NODEV : 0;
}

static bool is_free(const void *state)
{
	assert_ptr_equal(state, &kept);
	return drv.free;
}

static const struct host_driver driver = { .name = "disk", .class_code = 0x010802, .class_mask = 0xffffff, .reserve = reserve,
	.plug = plug, .is_free = is_free };

static void *reserve_second(u16 bdf)
{
	second.reserves++;
	return &kept_second;
}

static int plug_second(struct host_pci *p)
{
	assert_ptr_equal(p->state, &kept_second);
	assert_true(second.free);
	second.plugs++;
	second.free = false;
	return 0;
}

static bool is_free_second(const void *state)
{
	assert_ptr_equal(state, &kept_second);
	return second.free;
}

static const struct host_driver other = { .name = "other" };
static const struct host_driver driver_second = { .name = "second", .class_code = 0x010000, .class_mask = 0xffffff,
	.reserve = reserve_second, .plug = plug_second, .is_free = is_free_second };
static const struct host_driver *const all[] = { &other, &driver, &driver_second };

bool driver_matches(const struct host_driver *d, const struct host_pci *p)
{
	return d->class_mask && p->class_rev >> 8 == d->class_code;
}

/* A port with power on; slot empty. */
static int fresh(void **state)
{
	static const struct boot_acpi no_acpi;

	fake_pci_init();
	memset(&drv, 0, sizeof(drv));
	memset(&second, 0, sizeof(second));
	drv.free = second.free = true;
	port = fake_add(PORT_BDF, 0x8086, 0x3420, 0x060400);
	fake_put(port, PCI_HEADER, 1, 1);
	fake_put(port, PCI_BUSES + 1, 1, 5);
	fake_put(port, PCI_BUSES + 2, 1, 5);
	fake_put(port, 0x20, 4, (WINDOW | (WINDOW + MiB)) >> 16 | (WINDOW + MiB));	/* two MiB */
	fake_put(port, 0x20, 2, WINDOW >> 16);
	fake_put(port, PCI_STATUS, 2, 0x10);
	fake_put(port, PCI_CAPS, 1, CAP);
	fake_put(port, CAP, 2, PCI_CAP_EXPRESS);
	fake_put(port, CAP + 2, 2, 0x142);		/* a root port with a slot */
	fake_put(port, CAP + 0x14, 4, 0x42);		/* hot-plug capable, with a power controller */
	memset(port->mask + CAP + 0x18, 0xff, 2);
	card = fake_add(SLOT_BDF, 0x1b36, 0x0010, 0x010802);
	fake_bar(card, 0, 4, 0xffffc000);
	fake_bar(card, 1, 0, 0xffffffff);
	card->gone = true;
	pci_init(&no_acpi);
	assert_int_equal(pci_count(), 1);
	hotplug_find();
	hotplug_reserve(all, ARRAY_COUNT(all));
	return 0;
}

static void looks(u32 n)
{
	for (u32 i = 0; i < n; i++)
		hotplug_turn(now += LOOK);
}

static void power_up_again(void)
{
	fake_put(card, PCI_BAR0, 4, 4);
	fake_put(card, PCI_BAR0 + 4, 4, 0);
	fake_put(card, PCI_COMMAND, 2, 0);
}

static void comes_and_goes(void **state)
{
	looks(10);
	assert_int_equal(drv.plugs, 0);
	card->gone = false;
	looks(2);
	assert_int_equal(drv.plugs, 0);			/* it is given a second */
	looks(4);
	assert_int_equal(drv.plugs, 1);
	assert_int_equal(pci_count(), 2);
	assert_int_equal(drv.bar, WINDOW);
	assert_int_equal(fake_get(card, PCI_BAR0, 4), WINDOW | 4);
	assert_int_equal(fake_get(port, PCI_COMMAND, 2) & 6, 6);
	assert_ptr_equal(pci_map_bar(drv.p, 0, 0x4000), fake_mmio);
	assert_int_equal(fake_mapped_size, 2 * MiB);	/* nothing was mapped since the boot */
	looks(10);
	assert_int_equal(drv.plugs, 1);
	card->gone = true;
	looks(10);					/* the driver has not let go yet */
	card->gone = false;
	power_up_again();
	looks(10);
	assert_int_equal(drv.plugs, 1);
	drv.free = true;
	looks(10);
	assert_int_equal(drv.plugs, 2);
	assert_int_equal(pci_count(), 2);
	assert_int_equal(drv.reserves, 1);
}

/* Changed for another between two looks: it has no address any more. */
static void changed_quickly(void **state)
{
	card->gone = false;
	looks(6);
	assert_int_equal(drv.plugs, 1);
	power_up_again();
	drv.free = true;
	looks(6);
	assert_int_equal(drv.plugs, 2);
	assert_int_equal(fake_get(card, PCI_BAR0, 4), WINDOW | 4);
}

static void given_up_is_not_taken_again(void **state)
{
	card->gone = false;
	looks(6);
	drv.free = true;				/* it has failed, and is still there */
	looks(20);
	assert_int_equal(drv.plugs, 1);
}

static void refused(void **state)
{
	drv.refuses = true;
	card->gone = false;
	looks(20);
	assert_int_equal(drv.plugs, 1);
	card->gone = true;
	looks(2);
	card->gone = false;
	power_up_again();
	looks(10);
	assert_int_equal(drv.plugs, 2);
}

/* Not ours: it is not touched. Nor what says "ask again", or comes and goes before it has settled. */
static void leaves_alone(void **state)
{
	fake_put(card, PCI_CLASS_REV, 4, 0x02000001);
	card->gone = false;
	looks(20);
	assert_int_equal(drv.plugs, 0);
	assert_int_equal(fake_get(card, PCI_BAR0, 4), 4);
	card->gone = true;
	looks(2);
	fake_put(card, PCI_CLASS_REV, 4, 0x01080201);
	fake_put(card, PCI_ID, 4, 0xffff0001);
	card->gone = false;
	looks(20);
	assert_int_equal(drv.plugs, 0);
	fake_put(card, PCI_ID, 4, 0x00101b36);
	looks(2);
	card->gone = true;
	looks(1);
	card->gone = false;
	looks(2);
	assert_int_equal(drv.plugs, 0);
	looks(4);
	assert_int_equal(drv.plugs, 1);
}

static void switches_the_slot_on(void **state)
{
	fake_put(port, CAP + 0x18, 2, 0x7c0 | 0x400);
	looks(2);
	assert_int_equal(fake_get(port, CAP + 0x18, 2) & 0x400, 0x400);	/* nothing is in it */
	fake_put(port, CAP + 0x1a, 2, 0x40);
	looks(2);
	assert_int_equal(fake_get(port, CAP + 0x18, 2), 0x1c0);
}

/* A BAR that does not fit gets no address; a window over RAM is none. */
static void too_large(void **state)
{
	static const struct boot_acpi no_acpi;

	fake_bar(card, 0, 4, 0xffc00000);
	card->gone = false;
	looks(6);
	assert_int_equal(drv.plugs, 1);
	assert_int_equal(drv.bar, 0);
	assert_null(pci_map_bar(drv.p, 0, 4096));
	fake_put(port, 0x20, 4, 0x40004000);
	pci_init(&no_acpi);
	hotplug_find();
	drv.plugs = 0;
	hotplug_reserve(all, ARRAY_COUNT(all));
	looks(20);
	assert_int_equal(drv.plugs, 0);
}

/* Whose driver knows nothing of leaving keeps its slot for ever. */
static void of_another_driver(void **state)
{
	static const struct boot_acpi no_acpi;

	card->gone = false;
	pci_init(&no_acpi);
	assert_int_equal(pci_count(), 2);
	pci_at(1)->driver = &other;
	drv.reserves = second.reserves = 0;
	hotplug_find();
	hotplug_reserve(all, ARRAY_COUNT(all));
	assert_int_equal(drv.reserves + second.reserves, 0);
	card->gone = true;
	looks(5);
	card->gone = false;
	power_up_again();
	looks(20);
	assert_int_equal(drv.plugs, 0);
}

/* One device, then one of another driver's, whose first BAR is not register 0, and the first again: each has its own memory, and is
 * asked for it alone. */
static void of_two_drivers(void **state)
{
	card->gone = false;
	looks(6);
	assert_int_equal(drv.plugs, 1);
	card->gone = true;
	drv.free = true;
	looks(2);
	fake_put(card, PCI_CLASS_REV, 4, 0x01000001);
	fake_bar(card, 0, 0, 0);
	fake_bar(card, 1, 0, 0);
	fake_bar(card, 2, 4, 0xfffff000);
	fake_bar(card, 3, 0, 0xffffffff);
	fake_put(card, PCI_COMMAND, 2, 0);
	card->gone = false;
	looks(6);
	assert_int_equal(second.plugs, 1);
	assert_int_equal(fake_get(card, PCI_BAR0 + 8, 4), WINDOW | 4);
	fake_put(card, PCI_BAR0 + 8, 4, 4);		/* changed for another between two looks */
	looks(6);
	assert_int_equal(second.plugs, 1);		/* its driver has not let go */
	second.free = true;
	looks(6);
	assert_int_equal(second.plugs, 2);
	card->gone = true;
	second.free = true;
	looks(2);
	fake_put(card, PCI_CLASS_REV, 4, 0x01080201);
	fake_bar(card, 0, 4, 0xffffc000);
	fake_bar(card, 1, 0, 0xffffffff);
	card->gone = false;
	looks(6);
	assert_int_equal(drv.plugs, 2);
	assert_int_equal(second.plugs, 2);
	assert_int_equal(drv.reserves + second.reserves, 2);
}

/* Was there at boot: its driver's memory is what probe() made; the other driver waits for what may follow. */
static void there_at_boot(void **state)
{
	static const struct boot_acpi no_acpi;

	card->gone = false;
	fake_put(card, PCI_BAR0, 4, WINDOW | 4);
	pci_init(&no_acpi);
	pci_at(1)->driver = &driver_second;
	pci_at(1)->state = &kept_second;
	second.free = false;
	drv.reserves = second.reserves = 0;
	hotplug_find();
	hotplug_reserve(all, ARRAY_COUNT(all));
	assert_int_equal(drv.reserves, 1);
	assert_int_equal(second.reserves, 0);
	looks(10);
	assert_int_equal(drv.plugs + second.plugs, 0);
	card->gone = true;
	looks(2);
	card->gone = false;
	power_up_again();
	looks(10);
	assert_int_equal(drv.plugs, 0);			/* the first has not let go */
	second.free = true;
	looks(10);
	assert_int_equal(drv.plugs, 1);
}

#define T(test) cmocka_unit_test_setup(test, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(comes_and_goes), T(changed_quickly), T(given_up_is_not_taken_again), T(refused), T(leaves_alone),
		T(switches_the_slot_on), T(too_large), T(of_another_driver),
		T(of_two_drivers), T(there_at_boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
