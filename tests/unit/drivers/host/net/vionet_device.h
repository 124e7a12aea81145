/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A virtio network card in memory, behind the real rings (vio_ring.c): what vio.c would do to registers is imitated here. */

#include <drivers/host/net/vionet.h>

#include "../virtio/vio_device.h"
#include "nic_fake.h"

extern const struct host_driver vionet_driver;

static struct {
	struct vionet *c;
	u64 features;			/* offered */
	u32 pair;			/* the one that frames come in by and go out from */
	u16 seen[32];			/* chains taken, of each queue */
	u16 size;			/* of the queues */
	u8 config[64];
	enum vio_health health;
	bool no_reset, no_restart, stuck;
	u32 ready;
	u32 len, pieces;		/* of the last frame sent */
	struct vionet_header header;
	bool held;
	u8 bytes[NET_GSO_MAX + 64];
} dev;

int vio_open(struct vio *v, struct host_pci *p, u64 wanted)
{
	*v = (struct vio){ .pci = p, .wanted = wanted, .features = (dev.features & wanted) | VIO_F_VERSION_1 };
	fake_master = true;
	return 0;
}

int vio_queue_open(struct vio *v, struct vio_queue *q, u16 index, u16 max, u16 pieces)
{
	static u16 bell;
	u8 *page = pool_alloc(3, POOL_OTHER);

	*q = (struct vio_queue){ .v = v, .index = index, .size = MIN(dev.size, max), .desc = (void *)page,
		.avail = (void *)(page + PAGE_SIZE), .used = page + 2 * PAGE_SIZE, .bell = &bell };
	if (pieces && v->features & VIO_F_INDIRECT) {
		q->table = pool_alloc(ALIGN_UP((u64)q->size * pieces * 16, PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
		q->table_pieces = pieces;
	}
	vio_queue_clear(q);
	return dev.size ? 0 : -E_NODEV;
}

void vio_ready(struct vio *v)
{
	(void)v;
	dev.ready++;
}

u64 vio_config_get(const struct vio *v, u32 off, u32 size)
{
	u64 val = 0;

	(void)v;
	memcpy(&val, dev.config + off, size);
	return val;
}

enum vio_health vio_health(const struct vio *v)
{
	(void)v;
	return dev.health;
}

void vio_reset_begin(struct vio *v)
{
	(void)v;
	fake_master = false;
}

bool vio_reset_done(const struct vio *v)
{
	(void)v;
	return !dev.no_reset;
}

int vio_restart(struct vio *v)
{
	v->broken = NULL;
	fake_master = !dev.no_restart;
	return dev.no_restart ? -E_NODEV : 0;
}

int vio_queue_restart(struct vio_queue *q)
{
	dev.seen[q->index] = 0;
	vio_queue_clear(q);
	return 0;
}

void wait_us(u32 us)
{
	now += us * 1000ul;
}

static u16 dev_mtu = 1500;

static inline int dev_open_config(u64 features, u16 size, u16 pairs)
{
	int ret;

	fake_reset();
	memset(&dev, 0, sizeof(dev));
	dev.features = features;
	dev.size = size;
	memcpy(dev.config, "\x52\x54\0\1\2\3\1\0\0\0\xdc\x05\x10\x27\0\0", 16);
	memcpy(dev.config + 8, &pairs, sizeof(pairs));
	memcpy(dev.config + 10, &dev_mtu, sizeof(dev_mtu));
	fake_pci = (struct host_pci){ .bdf = 0x10, .vendor = 0x1af4, .device = 0x1041, .message_kind = PCI_CAP_MSIX };
	ret = vionet_driver.probe(&fake_pci);
	if (ret)
		return ret;
	dev.c = fake_pci.state;
	dev.c->net.receive = fake_receive;
	dev.c->net.link_changed = fake_link_changed;
	vionet_driver.start(&fake_pci);
	return 0;
}

static inline int dev_open(u64 features, u16 size)
{
	return dev_open_config(features, size, 1);
}

static void turn(u64 ms)
{
	now += ms * MS;
	fake_work.poll(fake_work.arg, now);
}

/* One buffer, with these bytes in it; the device says that it wrote `claimed`. */
static inline bool dev_put_buffer(const void *bytes, u32 len, u32 claimed)
{
	struct device_chain chain;

	if (!fake_master || !device_take(&dev.c->pair[dev.pair].rx, &dev.seen[2 * dev.pair], &chain))
		return false;
	assert_int_equal(chain.in, 1);
	assert_int_equal(chain.piece[0].len, VIONET_BUFFER);
	memcpy((void *)chain.piece[0].hpa, bytes, len);
	device_give(&dev.c->pair[dev.pair].rx, chain.head, claimed);
	return true;
}

static inline bool dev_put(const u8 *bytes, u32 len, struct vionet_header h)
{
	static u8 buffer[NET_FRAME_MAX + 4096];
	u32 all = len + VIONET_HEADER;

	h.buffers = (u16)(ALIGN_UP(all, VIONET_BUFFER) / VIONET_BUFFER);
	memcpy(buffer, &h, VIONET_HEADER);
	memcpy(buffer + VIONET_HEADER, bytes, len);
	for (u32 at = 0; at < all; at += VIONET_BUFFER)
		if (!dev_put_buffer(buffer + at, MIN(all - at, VIONET_BUFFER), MIN(all - at, VIONET_BUFFER)))
			return false;
	return true;
}

/* The next frame that the driver put. */
static inline bool dev_send(void)
{
	struct device_chain chain;

	if (dev.stuck || !device_take(&dev.c->pair[dev.pair].tx, &dev.seen[2 * dev.pair + 1], &chain))
		return false;
	assert_true(fake_master && !chain.in && chain.piece[0].len >= VIONET_HEADER);
	memcpy(&dev.header, (void *)chain.piece[0].hpa, VIONET_HEADER);
	dev.len = 0;
	dev.held = false;
	dev.pieces = chain.out;
	for (u32 i = 0; i < chain.out; i++) {
		u32 skip = i ? 0 : VIONET_HEADER, n = chain.piece[i].len - skip;
		const u8 *at = (const u8 *)chain.piece[i].hpa + skip;

		dev.held |= at < fake_memory || at >= fake_memory + sizeof(fake_memory);
		memcpy(dev.bytes + dev.len, at, n);
		dev.len += n;
	}
	device_give(&dev.c->pair[dev.pair].tx, chain.head, 0);
	return true;
}
