/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/disk/virtio_blk.c drivers/host/disk/virtio_blk_plug.c drivers/host/disk/virtio_blk_work.c drivers/host/disk/virtio_blk_config.c drivers/host/virtio/vio.c drivers/host/virtio/vio_ring.c drivers/host/pci.c drivers/host/pci_message.c hv/lib/string.c hv/lib/format.c tests/unit/drivers/host/pci_fake.c */
/* Virtio disks that come and go while the machine runs: registers in memory, rings, a driver that must neither wait nor allocate. */
#include "../pci_fake.h"

#undef assert
#include "../virtio/vio_device.h"

#include <drivers/host/disk/virtio_blk.h>
#include <drivers/host/drivers.h>
#include <hv/control_work.h>
#include <hv/core.h>
#include <hv/time.h>

#define BDF 0x0500
#define S NS_PER_S
enum { STATUS = 0x14, QUEUE_SIZE = 0x18, QUEUE_ENABLE = 0x1c, CONFIG = 0x1000 };

struct timebase timebase = { .tsc_hz = 1000000000 };
struct core_public core_table[CORES_LIMIT];
u32 control_core;
static struct fake_function *f;
static struct host_pci pci;
static struct control_work work[4];
static u32 works, pages, added, gone;
static bool sealed, no_room, no_work;
static void *probed;		/* the first memory that probe() took */
static struct disk *last;
static u16 seen;
static u64 now;

hpa_t pool_hpa(const void *p) { return HPA((u64)p); }
u64 mul_div(u64 ticks, u64 num, u64 den) { return (u64)((unsigned __int128)ticks * num / den); }
void disk_changed(struct disk *d) { fail(); }

void *pool_alloc(u64 count, enum pool_owner owner)
{
	static u8 memory[256][PAGE_SIZE] PAGE_ALIGNED;

	assert_false(sealed);
	assert_true(pages + count <= 256);
	memset(memory[pages], 0, count * PAGE_SIZE);
	if (!probed)
		probed = memory[pages];
	pages += (u32)count;
	return memory[pages - count];
}

int control_work_add(const struct control_work *w)
{
	assert_false(sealed);
	if (no_work)
		return -E_NOMEM;
	work[works++] = *w;
	return 0;
}

int disk_add(struct disk *d)
{
	if (no_room)
		return -E_NOMEM;
	added++;
	last = d;
	d->owner = d;
	return 0;
}

void disk_gone(struct disk *d)
{
	assert_true(d->gone);
	gone++;
}

static u16 *reg16(u32 off)
{
	return (u16 *)(void *)(fake_mmio + off);
}

static void put_config(u32 off, u32 size, u64 val)
{
	memcpy(fake_mmio + CONFIG + off, &val, size);
}

static void cap(u32 at, u32 next, u32 type, u32 offset, u32 length)
{
	fake_put(f, at, 4, type << 24 | 20u << 16 | next << 8 | 0x09);
	fake_put(f, at + 4, 4, 4);
	fake_put(f, at + 8, 4, offset);
	fake_put(f, at + 12, 4, length);
}

/* A disk as its power-on leaves it. */
static void power_on(u64 sectors)
{
	u32 features = VBLK_F_FLUSH | 1u << 28 | 1;	/* every word of them reads so: bit 0 of the second is VERSION_1 */

	memset(fake_mmio, 0, sizeof(fake_mmio));
	memcpy(fake_mmio + 4, &features, 4);
	*reg16(QUEUE_SIZE) = 128;
	put_config(VBLK_CAPACITY, 8, sectors);
	f->gone = false;
	pci = (struct host_pci){ .bdf = BDF, .vendor = 0x1af4, .device = 0x1042, .state = pci.state };
	seen = 0;
}

static int fresh(void **state)
{
	fake_pci_init();
	works = pages = added = gone = 0;
	sealed = no_room = no_work = false;
	f = fake_add(BDF, 0x1af4, 0x1042, 0x010000);
	fake_put(f, PCI_STATUS, 2, 0x10);
	fake_put(f, PCI_CAPS, 1, 0x40);
	cap(0x40, 0x54, 1, 0x0000, 0x1000);
	cap(0x54, 0x68, 4, CONFIG, 0x40);
	cap(0x68, 0, 2, 0x2000, 0x100);
	fake_bar(f, 4, 0xc0000004, 0xffffc000);
	fake_bar(f, 5, 0, ~0u);
	pci.state = virtio_blk_driver.reserve(BDF);
	assert_non_null(pci.state);
	assert_int_equal(works, 1);
	assert_int_equal(work[0].message, pci_message(&(struct host_pci){ .bdf = BDF }));
	assert_true(virtio_blk_driver.is_free(pci.state));
	power_on(1000);
	sealed = true;
	now = tsc_now();
	return 0;
}

static void turns(u32 n, u64 ns)
{
	for (u32 i = 0; i < n; i++)
		work[0].poll(work[0].arg, now += ns);
}

/* The device answers a request: the number of its serial, or what stands in it. */
static bool serve(const char *serial, u8 status)
{
	struct vblk_disk *b = pci.state;
	struct device_chain c;
	struct vblk_shared *s;

	if (!device_take(&b->queue, &seen, &c))
		return false;
	s = (struct vblk_shared *)c.piece[0].hpa;
	if (serial) {
		assert_int_equal(s->type, VBLK_GET_ID);
		assert_int_equal(c.piece[1].len, VBLK_ID_BYTES);
		memcpy((void *)c.piece[1].hpa, serial, strlen(serial));
	}
	*(u8 *)c.piece[c.out + c.in - 1].hpa = status;
	device_give(&b->queue, c.head, 1);
	return true;
}

/* probe() is the only one that waits: the device answers meanwhile. */
void wait_us(u32 us)
{
	fake_waited_us += us;
	pci.state = probed;
	serve("BOOT", VBLK_OK);
}

static void comes(const char *serial)
{
	assert_int_equal(virtio_blk_driver.plug(&pci), 0);
	assert_false(virtio_blk_driver.is_free(pci.state));
	turns(1, 1000000);
	assert_true(serve(serial, VBLK_OK));
	turns(1, 1000000);
}

static void pulled(void)
{
	f->gone = true;
	turns(2, S);
}

static void nothing_waited(void)
{
	assert_int_equal(fake_waited_us, 0);
}

static u32 answers;
static enum disk_result last_result;

static void heard(struct disk_request *rq, enum disk_result result)
{
	answers++;
	last_result = result;
}

static void it_comes_and_goes(void **state)
{
	struct dma_piece piece = { 0x1000, 512 };
	struct disk_request rq = { .op = BLOCK_READ, .sector = 1, .sectors = 1, .piece = &piece, .pieces = 1, .done = heard };
	char name[12];

	comes("WEB-1  ");
	assert_int_equal(added, 1);
	assert_string_equal(last->serial, "WEB-1");
	assert_true(last->sectors == 1000);
	assert_int_equal(last->bdf, BDF);
	strcpy(name, last->name);
	answers = 0;
	assert_int_equal(last->ops->submit(last, &rq), 0);
	pulled();
	assert_int_equal(answers, 1);
	assert_int_equal(last_result, DISK_GONE);
	assert_int_equal(gone, 1);
	assert_false(virtio_blk_driver.is_free(pci.state));	/* the block layer has not let go */
	last->owner = NULL;
	assert_true(virtio_blk_driver.is_free(pci.state));
	power_on(4096);						/* another one */
	comes("DB");
	assert_int_equal(added, 2);
	assert_string_equal(last->serial, "DB");
	assert_string_equal(last->name, name);
	assert_true(last->sectors == 4096 && !last->gone && !last->errors);
	assert_int_equal(last->ops->submit(last, &rq), 0);
	last->ops->kick(last);
	assert_true(serve(NULL, VBLK_OK));
	turns(1, 1000000);
	assert_int_equal(answers, 2);
	assert_int_equal(last_result, DISK_OK);
	nothing_waited();
}

static void its_reset_takes_a_while(void **state)
{
	assert_int_equal(virtio_blk_driver.plug(&pci), 0);
	fake_mmio[STATUS] = 1;
	turns(3, S);
	assert_int_equal(added, 0);
	fake_mmio[STATUS] = 0;
	turns(1, 1000000);
	assert_true(serve("X", VBLK_UNSUPP));			/* it has no serial number */
	turns(1, 1000000);
	assert_int_equal(added, 1);
	assert_string_equal(last->serial, "");
	nothing_waited();
}

static void one_that_never_answers(void **state)
{
	char words[80];

	assert_int_equal(virtio_blk_driver.plug(&pci), 0);
	fake_mmio[STATUS] = 1;
	turns(7, S);
	assert_true(virtio_blk_driver.is_free(pci.state));
	power_on(1000);
	assert_int_equal(virtio_blk_driver.plug(&pci), 0);
	turns(1, 1000000);
	turns(7, S);						/* no answer to the question for its serial number */
	assert_true(virtio_blk_driver.is_free(pci.state));
	virtio_blk_driver.describe(&pci, words, sizeof(words));
	assert_non_null(strstr(words, "does not answer"));
	assert_false(fake_get(f, PCI_COMMAND, 2) & PCI_CMD_MASTER);
	assert_int_equal(added + gone, 0);
	power_on(1000);
	comes("X");
	assert_int_equal(added, 1);
	nothing_waited();
}

static void nonsense_is_refused(void **state)
{
	struct vblk_disk *b = pci.state;

	put_config(VBLK_CAPACITY, 8, 0);
	assert_int_equal(virtio_blk_driver.plug(&pci), 0);
	turns(1, 1000000);
	assert_true(virtio_blk_driver.is_free(b));
	power_on(1000);
	*reg16(QUEUE_SIZE) = 2;
	assert_int_equal(virtio_blk_driver.plug(&pci), 0);
	turns(1, 1000000);
	assert_true(virtio_blk_driver.is_free(b));
	power_on(1000);
	memset(fake_mmio + 4, 0, 4);				/* no VERSION_1 */
	assert_int_equal(virtio_blk_driver.plug(&pci), 0);
	turns(1, 1000000);
	assert_true(virtio_blk_driver.is_free(b));
	power_on(1000);
	fake_put(f, PCI_CAPS, 1, 0);				/* no registers */
	assert_int_equal(virtio_blk_driver.plug(&pci), -E_NODEV);
	assert_true(pci.why[0] != 0);
	assert_true(virtio_blk_driver.is_free(b));
	fake_put(f, PCI_CAPS, 1, 0x40);
	power_on(1000);
	assert_int_equal(virtio_blk_driver.plug(&pci), 0);
	turns(1, 1000000);
	device_give(&b->queue, 99, 1);				/* an answer to what it was not asked */
	turns(1, 1000000);
	turns(1, 1000000);
	assert_true(virtio_blk_driver.is_free(b));
	power_on(1000);
	no_room = true;
	comes("X");
	assert_true(virtio_blk_driver.is_free(b));
	assert_int_equal(added + gone, 0);
}

/* Pulled again before it was a disk. */
static void gone_before_it_was_there(void **state)
{
	assert_int_equal(virtio_blk_driver.plug(&pci), 0);
	turns(1, 1000000);
	f->gone = true;
	memset(fake_mmio, 0xff, sizeof(fake_mmio));
	turns(7, S);
	assert_true(virtio_blk_driver.is_free(pci.state));
	assert_int_equal(added + gone, 0);
}

/* Changed for another between two looks: the new one has been powered on, and knows nothing of what it was told. */
static void changed_quickly(void **state)
{
	comes("OLD");
	power_on(2000);
	memset(fake_mmio, 0, 0x38);
	turns(3, S);
	assert_int_equal(gone, 1);
	last->owner = NULL;
	assert_true(virtio_blk_driver.is_free(pci.state));
	power_on(2000);
	comes("NEW");
	assert_string_equal(last->serial, "NEW");
}


/* One that was there at boot leaves its memory to the next; its queue keeps the room that the first one had. */
static void probed_first(void **state)
{
	struct vblk_disk *b;

	sealed = false;
	no_work = true;
	assert_null(virtio_blk_driver.reserve(BDF));
	no_work = false;
	works = 0;
	*reg16(QUEUE_SIZE) = 16;
	probed = NULL;
	assert_int_equal(virtio_blk_driver.probe(&pci), 0);
	b = pci.state;
	assert_string_equal(b->disk.serial, "BOOT");
	virtio_blk_driver.start(&pci);
	sealed = true;
	fake_waited_us = 0;
	assert_int_equal(works, 1);
	pulled();
	assert_int_equal(gone, 1);
	last->owner = NULL;
	power_on(2000);
	comes("BOOT");
	assert_int_equal(added, 2);
	assert_int_equal(b->queue.size, 16);
	nothing_waited();
}

#define T(test) cmocka_unit_test_setup(test, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_comes_and_goes), T(its_reset_takes_a_while), T(one_that_never_answers), T(nonsense_is_refused),
		T(gone_before_it_was_there), T(changed_quickly), T(probed_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
