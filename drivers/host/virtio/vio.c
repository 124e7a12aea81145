/* SPDX-License-Identifier: Apache-2.0 */
/* "Virtio Over PCI Bus" (4.1): where the registers are, features, queues, reset. */
#include <hv/atomic.h>
#include <hv/lib.h>
#include <hv/pool.h>

#include "vio.h"

/* "Virtio Structure PCI Capabilities" (4.1.4). */
#define CAP_VENDOR 0x09u
#define CAPS_MAX 48u
enum { CAP_TYPE = 3, CAP_BAR = 4, CAP_OFFSET = 8, CAP_LENGTH = 12, CAP_MULTIPLIER = 16 };
enum { TYPE_COMMON = 1, TYPE_NOTIFY = 2, TYPE_CONFIG = 4 };

/* "Common configuration structure layout" (4.1.4.3). */
enum { FEATURE_SELECT = 0x00, FEATURE = 0x04, DRIVER_SELECT = 0x08, DRIVER_FEATURE = 0x0c, CONFIG_VECTOR = 0x10,
	STATUS = 0x14, GENERATION = 0x15, QUEUE_SELECT = 0x16, QUEUE_SIZE = 0x18, QUEUE_VECTOR = 0x1a, QUEUE_ENABLE = 0x1c,
	QUEUE_NOTIFY = 0x1e, QUEUE_DESC = 0x20, QUEUE_AVAIL = 0x28, QUEUE_USED = 0x30, COMMON_SIZE = 0x38 };
enum { STATUS_SEEN = 1, STATUS_DRIVER = 2, STATUS_READY = 4, STATUS_FEATURES = 8, STATUS_NEEDS_RESET = 0x40,
	STATUS_FAILED = 0x80 };
#define NO_VECTOR 0xffffu
#define GENERATION_TRIES 8u
#define RESET_MS 1000u

static u8 get8(const volatile u8 *base, u32 off) { return base[off]; }
static u16 get16(const volatile u8 *base, u32 off) { return *(const volatile u16 *)(const volatile void *)(base + off); }
static u32 get32(const volatile u8 *base, u32 off) { return *(const volatile u32 *)(const volatile void *)(base + off); }
static void put8(volatile u8 *base, u32 off, u8 val) { base[off] = val; }
static void put16(volatile u8 *base, u32 off, u16 val) { *(volatile u16 *)(volatile void *)(base + off) = val; }
static void put32(volatile u8 *base, u32 off, u32 val) { *(volatile u32 *)(volatile void *)(base + off) = val; }

static void put64(volatile u8 *base, u32 off, u64 val)
{
	put32(base, off, (u32)val);
	put32(base, off + 4, (u32)(val >> 32));
}

/* Several structures share a BAR: it is mapped once. */
static volatile u8 *map_structure(struct vio *v, u32 bar, u64 offset, u64 size)
{
	if (bar >= PCI_BARS || !size || offset & 3)
		return NULL;
	if (!v->bar[bar])
		v->bar[bar] = pci_map_bar(v->pci, bar, offset + size);
	if (!v->bar[bar] || offset + size > v->pci->bar[bar].size)
		return NULL;
	return (volatile u8 *)v->bar[bar] + offset;
}

/* The first of each type that can be used counts ("Device Requirements: Virtio Structure PCI Capabilities"). */
static void take_cap(struct vio *v, u32 at)
{
	u16 bdf = v->pci->bdf;
	u32 type = pci_read(bdf, at + CAP_TYPE, 1), bar = pci_read(bdf, at + CAP_BAR, 1);
	u32 offset = pci_read(bdf, at + CAP_OFFSET, 4), size = pci_read(bdf, at + CAP_LENGTH, 4);

	if (type == TYPE_COMMON && !v->common && size >= COMMON_SIZE) {
		v->common = map_structure(v, bar, offset, size);
	} else if (type == TYPE_NOTIFY && !v->notify && size >= 2) {
		v->notify = map_structure(v, bar, offset, size);
		v->notify_size = size;
		v->notify_multiplier = pci_read(bdf, at + CAP_MULTIPLIER, 4);
	} else if (type == TYPE_CONFIG && !v->config) {
		v->config = map_structure(v, bar, offset, size);
		v->config_size = v->config ? size : 0;
	}
}

static bool find_registers(struct vio *v)
{
	u32 at = pci_find_cap(v->pci, CAP_VENDOR);

	for (u32 i = 0; i < CAPS_MAX && at >= 0x40 && at <= 0xec; i++) {
		u32 cap = pci_read(v->pci->bdf, at, 2);

		if ((cap & 0xff) == CAP_VENDOR)
			take_cap(v, at);
		at = cap >> 8 & 0xfc;
	}
	return v->common && v->notify;
}

static u64 offered_features(struct vio *v)
{
	u64 low, high;

	put32(v->common, FEATURE_SELECT, 0);
	low = get32(v->common, FEATURE);
	put32(v->common, FEATURE_SELECT, 1);
	high = get32(v->common, FEATURE);
	return high << 32 | low;
}

/* "Driver Requirements: Device Initialization" (3.1.1), up to FEATURES_OK; the device has been reset. */
static int negotiate(struct vio *v)
{
	u8 status = STATUS_SEEN | STATUS_DRIVER;
	u64 offered;

	put8(v->common, STATUS, STATUS_SEEN);
	put8(v->common, STATUS, status);
	offered = offered_features(v);
	v->features = offered & (v->wanted | VIO_F_VERSION_1 | VIO_F_ACCESS_PLATFORM | VIO_F_ORDER_PLATFORM);
	put32(v->common, DRIVER_SELECT, 0);
	put32(v->common, DRIVER_FEATURE, (u32)v->features);
	put32(v->common, DRIVER_SELECT, 1);
	put32(v->common, DRIVER_FEATURE, (u32)(v->features >> 32));
	status |= STATUS_FEATURES;
	put8(v->common, STATUS, status);
	if (!(v->features & VIO_F_VERSION_1) || (get8(v->common, STATUS) & (STATUS_FEATURES | STATUS_FAILED)) != STATUS_FEATURES)
		return -E_NODEV;
	put16(v->common, CONFIG_VECTOR, v->vector);
	return 0;
}

static int refuse(const struct vio *v, const char *why)
{
	if (v->common)
		put8(v->common, STATUS, STATUS_FAILED);
	str_copy(v->pci->why, sizeof(v->pci->why), why);
	return -E_NODEV;
}

int vio_open_begin(struct vio *v, struct host_pci *p, u64 wanted)
{
	*v = (struct vio){ .pci = p, .wanted = wanted };
	pci_set_master(p, false);
	if (!find_registers(v))
		return refuse(v, "it has no modern virtio interface that can be reached");
	put8(v->common, STATUS, 0);
	return 0;
}

int vio_open_end(struct vio *v)
{
	pci_prepare_messages(v->pci);
	v->vector = v->pci->msix_table ? 0 : NO_VECTOR;
	if (negotiate(v))
		return refuse(v, "it does not agree on features");
	pci_set_master(v->pci, true);
	return 0;
}

int vio_open(struct vio *v, struct host_pci *p, u64 wanted)
{
	if (vio_open_begin(v, p, wanted))
		return -E_NODEV;
	for (u32 i = 0; !vio_reset_done(v); i++) {
		if (i == RESET_MS)
			return refuse(v, "it does not reset");
		wait_us(1000);
	}
	return vio_open_end(v);
}

/* Tell the device where the ring is. The size that it once agreed to must still do. */
static int program_queue(struct vio_queue *q)
{
	volatile u8 *common = q->v->common;
	u64 bell;

	put16(common, QUEUE_SELECT, q->index);
	if (get16(common, QUEUE_SIZE) < q->size || get16(common, QUEUE_ENABLE))
		return -E_NODEV;
	bell = (u64)get16(common, QUEUE_NOTIFY) * q->v->notify_multiplier;
	if (bell + 2 > q->v->notify_size || bell & 1)
		return -E_NODEV;
	q->bell = (volatile u16 *)(volatile void *)(q->v->notify + bell);
	put16(common, QUEUE_SIZE, q->size);
	put16(common, QUEUE_VECTOR, q->v->vector);
	put64(common, QUEUE_DESC, pool_hpa(q->desc).v);
	put64(common, QUEUE_AVAIL, pool_hpa(q->avail).v);
	put64(common, QUEUE_USED, pool_hpa(q->used).v);
	put16(common, QUEUE_ENABLE, 1);
	return 0;
}

/* How many entries the device and we have room for; 0: it has no such queue, or its number makes no sense. */
static u16 agree_size(const struct vio *v, u16 index, u16 max)
{
	u16 size;

	put16(v->common, QUEUE_SELECT, index);
	size = get16(v->common, QUEUE_SIZE);	/* once: it could say another number each time */
	size = MIN(size, max);
	return size & (size - 1) ? 0 : size;
}

int vio_queue_reserve(struct vio_queue *q, u16 room, u16 pieces)
{
	u64 table = (u64)room * pieces * sizeof(struct vio_desc);
	u8 *page = pool_alloc(3, POOL_OTHER);

	*q = (struct vio_queue){ .room = room, .desc = (void *)page, .avail = (void *)(page + PAGE_SIZE),
		.used = page + 2 * PAGE_SIZE };
	if (!page)
		return -E_NOMEM;
	if (!pieces)
		return 0;
	q->room_table = pool_alloc(ALIGN_UP(table, PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	q->room_pieces = pieces;
	return q->room_table ? 0 : -E_NOMEM;
}

int vio_queue_setup(struct vio *v, struct vio_queue *q, u16 index)
{
	bool tables = v->features & VIO_F_INDIRECT && q->room_table;

	q->v = v;
	q->index = index;
	q->size = agree_size(v, index, q->room);
	if (!q->size)
		return -E_NODEV;
	q->table = tables ? q->room_table : NULL;
	q->table_pieces = tables ? q->room_pieces : 0;
	vio_queue_clear(q);
	return program_queue(q);
}

int vio_queue_open(struct vio *v, struct vio_queue *q, u16 index, u16 max, u16 pieces)
{
	u16 size;
	int ret;

	assert(max && max <= VIO_QUEUE_MAX && !(max & (max - 1)));
	size = agree_size(v, index, max);
	if (!size)
		return -E_NODEV;
	ret = vio_queue_reserve(q, size, v->features & VIO_F_INDIRECT ? pieces : 0);
	return ret ? ret : vio_queue_setup(v, q, index);
}

void vio_ready(struct vio *v)
{
	put8(v->common, STATUS, STATUS_SEEN | STATUS_DRIVER | STATUS_FEATURES | STATUS_READY);
}

u64 vio_config_get(const struct vio *v, u32 off, u32 size)
{
	u8 before, after;
	u64 val;

	if (!v->config || off + size > v->config_size || off & (MIN(size, 4u) - 1))
		return 0;
	if (size == 1)
		return get8(v->config, off);
	if (size == 2)
		return get16(v->config, off);
	if (size == 4)
		return get32(v->config, off);
	for (u32 i = 0; i < GENERATION_TRIES; i++) {
		before = get8(v->common, GENERATION);
		val = get32(v->config, off) | (u64)get32(v->config, off + 4) << 32;
		after = get8(v->common, GENERATION);
		if (before == after)
			return val;
	}
	return 0;
}

enum vio_health vio_health(const struct vio *v)
{
	u8 status = get8(v->common, STATUS);

	/* What was pulled out reads as ones in its config space; its registers read as anything. */
	if (status == 0xff || (pci_read(v->pci->bdf, PCI_ID, 4) & 0xffff) == 0xffff)
		return VIO_GONE;
	return status & STATUS_NEEDS_RESET || !(status & STATUS_READY) ? VIO_NEEDS_RESET : VIO_WELL;
}

void vio_reset_begin(struct vio *v)
{
	put8(v->common, STATUS, 0);
	pci_set_master(v->pci, false);
}

bool vio_reset_done(const struct vio *v)
{
	return !get8(v->common, STATUS);
}

int vio_restart(struct vio *v)
{
	u64 before = v->features;

	v->broken = NULL;
	if (negotiate(v) || v->features != before) {
		v->features = before;
		put8(v->common, STATUS, STATUS_FAILED);
		return -E_NODEV;
	}
	pci_set_master(v->pci, true);
	return 0;
}

int vio_queue_restart(struct vio_queue *q)
{
	vio_queue_clear(q);
	return program_queue(q);
}
