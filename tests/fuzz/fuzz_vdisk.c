/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: drivers/host/hotplug.c drivers/host/disk/virtio_blk.c drivers/host/disk/virtio_blk_plug.c drivers/host/disk/virtio_blk_work.c drivers/host/disk/virtio_blk_config.c drivers/host/virtio/vio.c drivers/host/virtio/vio_ring.c drivers/host/pci.c drivers/host/pci_message.c hv/lib/format.c tests/unit/drivers/host/pci_fake.c */
/* A slot into which virtio disks come and go, and a device there that says anything: config space, registers, rings, answers, at any
 * moment. Each request is answered once, nothing is allocated or waited for; in the end an honest disk works. */
#include "../unit/drivers/host/pci_fake.h"

#undef assert
#include "../unit/drivers/host/virtio/vio_device.h"
#include "input.h"

#include <drivers/host/disk/virtio_blk.h>
#include <drivers/host/drivers.h>
#include <drivers/host/hotplug.h>
#include <hv/control_work.h>
#include <hv/core.h>
#include <hv/time.h>
#include <stdio.h>

#define PORT_BDF 0x20
#define SLOT_BDF 0x0500
#define CAP 0x40
#define WINDOW 0xc0000000u
#define CONFIG 0x1000u
#define ASKS 48
#define MUST(x) do { if (!(x)) abort(); } while (0)

struct timebase timebase = { .tsc_hz = 1000000000 };
struct core_public core_table[CORES_LIMIT];
u32 control_core;
static struct fake_function *port, *card;
static struct control_work work[4];
static u32 works, pages;
static bool sealed, refuse;
static struct disk *disk;		/* that was added, and is not gone */
static struct vblk_disk *state;
static struct { struct disk_request rq; struct dma_piece piece; bool out; } ask[ASKS];
static u32 out_count;
static u8 memory[256][PAGE_SIZE] PAGE_ALIGNED, data[4096] PAGE_ALIGNED;
static u16 seen;
static u64 now;

hpa_t pool_hpa(const void *p) { return HPA((u64)p); }
u64 mul_div(u64 ticks, u64 num, u64 den) { return (u64)((unsigned __int128)ticks * num / den); }
void disk_changed(struct disk *d) { MUST(d == disk); }
void wait_us(u32 us) { abort(); }

/* hv/lib/string.c would stand in the place of libFuzzer's own memcpy(). */
size_t str_copy(char *to, size_t size, const char *s)
{
	return (size_t)snprintf(to, size, "%s", s);
}

void *pool_alloc(u64 count, enum pool_owner owner)
{
	void *at = memory[pages];

	MUST(!sealed && pages + count <= 256);
	memset(at, 0, count * PAGE_SIZE);
	pages += (u32)count;
	return at;
}

int control_work_add(const struct control_work *w)
{
	MUST(!sealed);
	work[works++] = *w;
	return 0;
}

int disk_add(struct disk *d)
{
	MUST(!disk && !d->owner && !d->gone && d->sectors && d->pieces_max && d->bytes_max && d->name[0]);
	MUST(d->sector_size == 512 || d->sector_size == 4096);
	if (refuse)
		return -E_NOMEM;
	disk = d;
	d->owner = d;
	return 0;
}

void disk_gone(struct disk *d)
{
	MUST(disk == d && d->gone);
	disk = NULL;
}

bool driver_matches(const struct host_driver *d, const struct host_pci *p)
{
	return d == &virtio_blk_driver && p->vendor == 0x1af4;
}

/* --- the hardware --------------------------------------------------------------------------------------------------- */

static void cap(u32 at, u32 next, u32 type, u32 offset, u32 length)
{
	fake_put(card, at, 4, type << 24 | 20u << 16 | next << 8 | 0x09);
	fake_put(card, at + 4, 4, 0);
	fake_put(card, at + 8, 4, offset);
	fake_put(card, at + 12, 4, length);
}

/* As an honest disk comes out of its box. */
static void power_on(void)
{
	u32 features = VBLK_F_FLUSH | 1u << 28 | 1;	/* every word of them reads so */
	u16 size = 64;

	memset(fake_mmio, 0, sizeof(fake_mmio));
	memcpy(fake_mmio + 4, &features, 4);
	memcpy(fake_mmio + 0x18, &size, 2);
	memcpy(fake_mmio + CONFIG, &(u64){ 1000 }, 8);
	memset(card->config, 0, sizeof(card->config));
	fake_put(card, PCI_ID, 4, 0x10421af4);
	fake_put(card, PCI_CLASS_REV, 4, 0x01000001);
	fake_put(card, PCI_STATUS, 2, 0x10);
	fake_put(card, PCI_CAPS, 1, 0x40);
	cap(0x40, 0x54, 1, 0x0000, 0x1000);
	cap(0x54, 0x68, 4, CONFIG, 0x40);
	cap(0x68, 0x80, 2, 0x2000, 0x100);
	fake_put(card, 0x80, 4, 0x00030011);		/* MSI-X: 4 entries in BAR 2 */
	fake_put(card, 0x84, 4, 2);
	fake_bar(card, 0, 4, 0xffffc000);
	fake_bar(card, 1, 0, ~0u);
	fake_bar(card, 2, 0, 0xfffff000);
	card->gone = false;
	seen = 0;
}

static void machine(void)
{
	static const struct boot_acpi no_acpi;
	static const struct host_driver *const all[] = { &virtio_blk_driver };

	fake_pci_init();
	port = fake_add(PORT_BDF, 0x8086, 0x3420, 0x060400);
	fake_put(port, PCI_HEADER, 1, 1);
	fake_put(port, PCI_BUSES + 1, 1, 5);
	fake_put(port, 0x20, 4, WINDOW >> 16 | WINDOW);
	fake_put(port, PCI_STATUS, 2, 0x10);
	fake_put(port, PCI_CAPS, 1, CAP);
	fake_put(port, CAP, 2, PCI_CAP_EXPRESS);
	fake_put(port, CAP + 2, 2, 0x142);
	fake_put(port, CAP + 0x14, 4, 0x42);
	memset(port->mask + CAP + 0x18, 0xff, 2);
	card = fake_add(SLOT_BDF, 0x1af4, 0x1042, 0x010000);
	power_on();
	card->gone = true;
	works = pages = 0;
	sealed = refuse = false;
	disk = NULL;
	pci_init(&no_acpi);
	hotplug_find();
	hotplug_reserve(all, 1);
	MUST(works == 1);
	state = work[0].arg;
	sealed = true;
}

static void serve(struct input *from, bool honest)
{
	const struct vio_queue *q = &state->queue;
	u32 how = honest ? 0 : take(from, 1);
	struct device_chain c;

	if (state->state != VBLK_RUNS && state->state != VBLK_ASKED)
		return;
	if ((u16)(q->avail_at - seen) > q->in_flight)	/* it was reset */
		seen = (u16)(q->avail_at - q->in_flight);
	if (!device_take(q, &seen, &c) || !c.piece[c.out + c.in - 1].hpa)
		return;
	*(u8 *)c.piece[c.out + c.in - 1].hpa = (u8)(how & 1 ? take(from, 1) : VBLK_OK);
	device_give(&state->queue, how & 2 ? take(from, 1) : c.head, how & 4 ? take(from, 4) : 1);
}

/* Registers, config space of both, rings and shared memory. */
static void disturb(struct input *from)
{
	u32 what = take(from, 1), at = take(from, 1), val = take(from, 2);

	switch (what % 6) {
	case 0:
		memcpy(fake_mmio + at % 0x38, &val, 2);
		break;
	case 1:
		memcpy(fake_mmio + CONFIG + at % 0x40, &val, 2);
		break;
	case 2:
		if (at < PCI_HEADER || at >= PCI_CAPS)		/* its BARs are what they are */
			card->config[at] = (u8)val;
		break;
	case 3:
		port->config[CAP + 0x14 + at % 8] = (u8)val;
		break;
	case 4:
		if (state->queue.used)
			memcpy(state->queue.used + (at * 16 + val % 16), &val, 2);
		break;
	default:
		((u8 *)state->shared)[(at * 16 + val) % PAGE_SIZE] = (u8)(val >> 8);
		break;
	}
}

/* --- who uses it ---------------------------------------------------------------------------------------------------- */

static void heard(struct disk_request *rq, enum disk_result result)
{
	u32 i = rq->tag;

	MUST(i < ASKS && ask[i].out);
	ask[i].out = false;
	out_count--;
}

static void submit(struct input *from)
{
	u32 i = take(from, 1) % ASKS, what = take(from, 1);

	if (!disk || ask[i].out)
		return;
	ask[i].piece = (struct dma_piece){ (u64)data, what & 0x80 ? 4096 : 512 };
	ask[i].rq = (struct disk_request){ .op = (enum block_op)(what % 5), .sector = take(from, 2), .sectors = what & 0x80 ? 8 : 1,
		.piece = &ask[i].piece, .pieces = 1, .done = heard, .tag = i };
	if (ask[i].rq.op == BLOCK_FLUSH)
		ask[i].rq.sectors = ask[i].rq.pieces = 0;
	ask[i].out = true;
	out_count++;
	if (disk->ops->submit(disk, &ask[i].rq)) {
		ask[i].out = false;
		out_count--;
	}
	if (disk && what & 0x40)
		disk->ops->kick(disk);
}

static void turn(u64 ns)
{
	now += ns;
	work[0].poll(state, now);
	hotplug_turn(now);
	if (!disk)
		state->disk.owner = NULL;
}

static void step(struct input *from)
{
	u32 how = take(from, 1);

	switch (how % 8) {
	case 0: case 1:
		submit(from);
		break;
	case 2: case 3:
		serve(from, false);
		break;
	case 4:
		disturb(from);
		break;
	case 5:
		card->gone = true;
		if (how & 0x80)
			memset(fake_mmio, how & 0x40 ? 0xff : 0, 0x40);
		break;
	case 6:
		if (how & 0x80)
			power_on();
		card->gone = false;
		refuse = (how & 0x60) == 0x60;
		break;
	default:
		turn(how * 10000000ul);
		break;
	}
	turn(1000000);
}

/* Pulled: all is answered. Then an honest one comes: it is a disk. */
static void settle(void)
{
	refuse = false;
	card->gone = true;
	for (u32 i = 0; i < 200; i++)
		turn(300000000);
	MUST(!disk && !out_count && state->state == VBLK_DEAD);
	power_on();
	for (u32 i = 0; i < 50 && !disk; i++) {
		turn(300000000);
		serve(NULL, true);
	}
	MUST(disk && disk->sectors == 1000);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct input from = { bytes, size };

	now = MAX(now, tsc_now());
	memset(ask, 0, sizeof(ask));
	out_count = 0;
	machine();
	while (from.left)
		step(&from);
	port->config[CAP + 0x14] = 0x42;
	settle();
	return 0;
}
