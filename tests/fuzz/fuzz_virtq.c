/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/fuzz/fuzz_virtq.c tests/unit/drivers/model/pc_fake.c hv/core/bus.c hv/core/console_ring.c hv/core/sync.c hv/core/vlapic.c hv/core/vlapic_own.c tests/fake/fake_own_apic.c hv/core/vlapic_reg.c hv/core/vlapic_ipi.c hv/core/vlapic_timer.c hv/lib/format.c pc-models */
/* A virtio disk under any contents of its rings and any sequence of register accesses. */
#include "virtq_fixture.h"

#include "../../drivers/model/pci/vpci_int.h"

#define BAR 4
#define NOTIFY 0x3000u

struct drv drv;

struct guest *drv_guest_new(bool readonly)
{
	struct guest *g = fake_guest_new();
	struct vblk *b = &g->pc->virtio.disk[0];

	drv = (struct drv){ .g = g, .b = b, .d = &b->d, .queues = 1, .image = malloc(IMAGE_SIZE) };
	g->ram = calloc(1, RAM_SIZE);
	g->ram_low = RAM_SIZE;
	g->ram_high = 0;
	for (u32 i = 0; i < IMAGE_SIZE; i++)
		drv.image[i] = (u8)(i / 512 + 1);
	block_image_init(&b->store, drv.image, IMAGE_SIZE, readonly, "disk0");
	assert_int_equal(vblk_add(g, b, 8), 0);
	assert_false(b->d.offered & BIT(DRV_INDIRECT));		/* as vblk.c says */
	b->d.offered |= BIT(DRV_INDIRECT);
	g->pc->virtio.disks = 1;
	pc_reset(g);
	vpci_config_write(&b->d.f, VPCI_COMMAND, 2, VPCI_CMD_MEMORY | VPCI_CMD_MASTER);
	return g;
}

void drv_guest_free(struct guest *g)
{
	free(g->ram);
	free(drv.image);
	fake_guest_free(g);
}

void drv_queue(u32 queue)
{
	static struct drv kept[VIRTIO_QUEUES_MAX];
	struct drv now = drv;

	kept[drv.queue] = drv;
	now.next = kept[queue].next;
	now.wrap = kept[queue].wrap;
	now.used = kept[queue].used;
	now.used_wrap = kept[queue].used_wrap;
	now.avail = kept[queue].avail;
	now.queue = queue;
	drv = now;
}

/* Of the queue that is driven. */
static u64 area(u64 which)
{
	return which + drv.queue * RING_STEP;
}

u64 drv_read(u32 off, u8 size)
{
	struct io io = { .size = size };

	bus_access(&drv.g->bus, BUS_MEMORY, vpci_bar_base(&drv.d->f, BAR) + off, &io);
	return size == 8 ? io.val : io.val & (BIT(size * 8) - 1);
}

void drv_write(u32 off, u8 size, u64 val)
{
	struct io io = { .size = size, .val = val, .write = true };

	bus_access(&drv.g->bus, BUS_MEMORY, vpci_bar_base(&drv.d->f, BAR) + off, &io);
}

u8 drv_start(u64 features, u16 size)
{
	features |= BIT(DRV_V1);
	drv.features = features;
	drv.size = size;
	for (u32 i = drv.queues; i--; ) {
		drv_queue(i);
		drv.next = drv.used = drv.avail = 0;
		drv.wrap = drv.used_wrap = true;
	}
	memset(ram(0), 0, MAX(4, drv.queues) * RING_STEP);
	drv_write(0x14, 1, 0);
	drv_write(0x14, 1, 1);
	drv_write(0x14, 1, 3);
	for (u32 i = 0; i < 2; i++) {
		drv_write(0x08, 4, i);
		drv_write(0x0c, 4, features >> i * 32 & 0xffffffff);
	}
	drv_write(0x14, 1, 0xb);
	for (u32 i = 0; i < drv.queues; i++) {
		drv_write(0x16, 2, i);
		drv_write(0x18, 2, size);
		drv_write(0x20, 8, RING_DESC + i * RING_STEP);
		drv_write(0x28, 4, RING_DRIVER + i * RING_STEP);
		drv_write(0x2c, 4, 0);
		drv_write(0x30, 8, RING_DEVICE + i * RING_STEP);
		drv_write(0x1c, 2, 1);
	}
	drv_write(0x14, 1, 0xf);
	return (u8)drv_read(0x14, 1);
}

void drv_desc(u64 table, u32 at, u64 addr, u32 len, u16 flags, u16 tail)
{
	bool packed = drv.features >> DRV_PACKED & 1;

	table += at * 16;
	ram_put(table, addr, 8);
	ram_put(table + 8, len, 4);
	ram_put(table + 12, packed ? tail : flags, 2);
	ram_put(table + 14, packed ? flags : tail, 2);
}

/* In a ring: the driver's flags for this round. */
static u16 packed_flags(u16 flags)
{
	return (u16)(flags | (drv.wrap ? 0x80 : 0x8000));
}

static void put_packed(const struct piece *p, u16 n, u64 table)
{
	u16 first = drv.next;
	u16 first_flags = 0;

	if (table)
		for (u16 i = 0; i < n; i++)
			drv_desc(table, i, p[i].addr, p[i].len, p[i].flags, 0);
	for (u16 i = 0; i < (table ? 1 : n); i++) {
		u16 flags = packed_flags(table ? D_INDIRECT : (u16)(p[i].flags | (i + 1 < n ? D_NEXT : 0)));

		if (i == 0)
			first_flags = flags;
		drv_desc(area(RING_DESC), drv.next, table ? table : p[i].addr, table ? n * 16u : p[i].len,
			 i ? flags : packed_flags(0) ^ 0x8080, (u16)(DRV_ID + first));
		if (++drv.next == drv.size) {
			drv.next = 0;
			drv.wrap = !drv.wrap;
		}
	}
	ram_put(area(RING_DESC) + first * 16 + 14, first_flags, 2);
}

static void put_split(const struct piece *p, u16 n, u64 table)
{
	u16 head = drv.next;

	for (u16 i = 0; i < n; i++) {
		bool last = i + 1 == n;
		u16 at = table ? i : drv.next, next = table ? i + 1 : (drv.next + 1) % drv.size;

		drv_desc(table ? table : area(RING_DESC), at, p[i].addr, p[i].len, p[i].flags | (last ? 0 : D_NEXT), next);
		if (!table)
			drv.next = next;
	}
	if (table) {
		drv_desc(area(RING_DESC), head, table, n * 16u, D_INDIRECT, 0);
		drv.next = (drv.next + 1) % drv.size;
	}
	ram_put(area(RING_DRIVER) + 4 + drv.avail % drv.size * 2, head, 2);
	ram_put(area(RING_DRIVER) + 2, ++drv.avail, 2);
}

void drv_put(const struct piece *p, u16 n, u64 table)
{
	if (drv.features >> DRV_PACKED & 1)
		put_packed(p, n, table);
	else
		put_split(p, n, table);
}

void drv_kick(void)
{
	drv_write(NOTIFY + drv.queue * 4, 2, drv.queue);
}

static int get_packed(u32 *len)
{
	u64 at = area(RING_DESC) + drv.used * 16;
	u16 flags = ram16(at + 14);

	if (!!(flags & 0x80) != drv.used_wrap || !!(flags & 0x8000) != drv.used_wrap)
		return 0;
	*len = ram32(at + 8);
	return 1;
}

int drv_get(u32 *len)
{
	if (drv.features >> DRV_PACKED & 1)
		return get_packed(len);
	if (ram16(area(RING_DEVICE) + 2) == drv.used)
		return 0;
	*len = ram32(area(RING_DEVICE) + 8 + drv.used % drv.size * 8);
	return 1;
}

void drv_took(u32 steps)
{
	drv.used = (u16)(drv.used + steps);
	if (drv.features >> DRV_PACKED & 1 && drv.used >= drv.size) {
		drv.used = (u16)(drv.used - drv.size);
		drv.used_wrap = !drv.used_wrap;
	}
}

bool drv_serve(const struct piece *p, u16 n, u64 table)
{
	bool packed = drv.features >> DRV_PACKED & 1;
	u32 len;

	drv_put(p, n, table);
	drv_kick();
	if (!drv_get(&len))
		return false;
	drv_took(packed && !table ? n : 1);
	return true;
}

u8 drv_request(u32 type, u64 sector, const struct piece *data, u16 n, u64 table)
{
	struct piece p[40] = { { DATA, 16, 0 } };

	for (u16 i = 0; i < n; i++)
		p[i + 1] = data[i];
	p[n + 1] = (struct piece){ DATA + 16, 1, D_WRITE };
	ram_put(DATA, type, 8);
	ram_put(DATA + 8, sector, 8);
	*ram(DATA + 16) = 0xff;
	return drv_serve(p, n + 2, table) ? *ram(DATA + 16) : 0xff;
}

/* The fuzzer's part. */

struct input {
	const u8 *at;
	size_t left;
};

static u32 take(struct input *in_, u32 bytes)
{
	u32 val = 0;

	for (; bytes && in_->left; bytes--, in_->left--)
		val = val << 8 | *in_->at++;
	return val;
}

static u64 take_value(struct input *in_)
{
	static const u64 some[] = { 0, 1, 2, 3, 4, 5, 0x80, 0x8000, 0x8080, 16, 32, RING_DESC, RING_DRIVER, RING_DEVICE,
		DATA, DATA + 16, RAM_SIZE - 16, RAM_SIZE - 1, RAM_SIZE, 0xffffffff, 0xffffffffffffffff, 0xfffffffffffff000,
		0xc0000000, 0xfee00000, 127, 128, 512, 4096, 17 };
	u32 how = take(in_, 1);

	return how < 192 ? some[how % ARRAY_COUNT(some)] : take(in_, 4);
}

/* A chain of the usual form with odd values in it. */
static void put_chain(struct input *in_)
{
	struct piece p[6];
	u16 n = (u16)(1 + take(in_, 1) % 5);
	u32 how = take(in_, 1);

	ram_put(DATA, take(in_, 1) % 16, 8);
	ram_put(DATA + 8, take_value(in_), 8);
	for (u16 i = 0; i < n; i++)
		p[i] = (struct piece){ take_value(in_), (u32)take_value(in_), (u16)(i + 1 == n || how & 2 ? D_WRITE : 0) };
	if (how & 4)
		p[0] = (struct piece){ DATA, 16, 0 };
	if (how & 8)
		p[n - 1] = (struct piece){ DATA + 16, 1, D_WRITE };
	drv_put(p, n, how & 1 ? DATA + 0x1000 : 0);
}

/* Turns end: a kick takes so many requests and not more, and what is left is not forgotten. */
static void kick_checked(u32 queue)
{
	const struct virtq *q = &drv.b->d.queue[queue % VIRTIO_QUEUES_MAX];
	u64 before = q->requests;

	drv_write(NOTIFY + queue * 4, 2, queue);
	assert_true(q->requests - before <= 256);
	fake.now++;
	pc_run(drv.g, fake.now);
}

static void event(struct input *in_)
{
	u32 what = take(in_, 1);

	if (what < 100)
		put_chain(in_);
	else if (what < 150)
		ram_put(RING_DESC + take(in_, 2) % 0x2f00, take_value(in_), 1u << (what & 3));
	else if (what < 170)
		drv_write(take(in_, 1) % 0x40, (u8)(1u << (what & 3)), take_value(in_));
	else if (what < 175)
		drv_read(take(in_, 2) % 0x4000, (u8)(1u << (what & 3)));
	else
		kick_checked(what & 3);
}

/* Weak: other targets link this file for its driver. */
__attribute__((weak)) int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in_ = { data, size };
	u32 how = take(&in_, 1);
	struct guest *g = drv_guest_new(how & 1);
	u64 features = (how & 2 ? BIT(DRV_PACKED) : 0) | (how & 4 ? BIT(DRV_EVENT) : 0) |
		(how & 8 ? BIT(DRV_INDIRECT) : 0) | BIT(DRV_RESET);
	const struct piece one = { DATA + 512, 512, D_WRITE };

	drv_start(features, 1u << (how >> 4 & 7));
	while (in_.left)
		event(&in_);
	/* Whatever came: after a reset all is well. */
	assert_int_equal(drv_start(features, 8), 0xf);
	assert_int_equal(drv_request(BLK_IN, 3, &one, 1, 0), 0);
	drv_guest_free(g);
	return 0;
}
