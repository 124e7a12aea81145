/* SPDX-License-Identifier: Apache-2.0 */
/* Registers of a virtio device on PCI: a BAR with a page for each structure, one of ports for notifications, and the window to
 * both in config space. VIRTIO 1.2 "PCI Device Layout". */
#include "virtio.h"
#include "virtio_remote.h"

#include <hv/guest.h>
#include <hv/lib.h>
#include <hv/lock.h>

#define COMMON 0x0000u
#define ISR 0x1000u
#define DEVICE 0x2000u
#define NOTIFY 0x3000u
#define NOTIFY_STEP 4u
#define PORT_STEP 2u
#define COMMON_SIZE 64u

enum cap_type { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_PCI };

enum common_at { DEVICE_FEATURE_SELECT = 0x00, DEVICE_FEATURE = 0x04, DRIVER_FEATURE_SELECT = 0x08, DRIVER_FEATURE = 0x0c,
	CONFIG_VECTOR = 0x10, NUM_QUEUES = 0x12, DEVICE_STATUS = 0x14, CONFIG_GENERATION = 0x15, QUEUE_SELECT = 0x16,
	QUEUE_SIZE = 0x18, QUEUE_VECTOR = 0x1a, QUEUE_ENABLE = 0x1c, QUEUE_NOTIFY_OFF = 0x1e, QUEUE_DESC = 0x20,
	QUEUE_DRIVER = 0x28, QUEUE_DEVICE = 0x30, QUEUE_NOTIFY_DATA = 0x38, QUEUE_RESET = 0x3a };

#define U32LE(x) (u8)(x), (u8)((x) >> 8), (u8)((x) >> 16), (u8)((x) >> 24)
#define CAP(type, length, bar, off, size) VPCI_CAP_VENDOR, length, length, type, bar, 0, 0, 0, U32LE(off), U32LE(size)

#define WINDOW_AT (VPCI_CAPS_AT + 88)
#define WINDOW_BAR (WINDOW_AT + 4)
#define WINDOW_OFFSET (WINDOW_AT + 8)
#define WINDOW_LENGTH (WINDOW_AT + 12)
#define WINDOW_DATA (WINDOW_AT + 16)

/* A driver takes the first structure of a kind that it can use. A port is the cheaper notification: the exit itself says which
 * one was written, where an instruction that writes memory has to be found and decoded. */
const u8 virtio_pci_caps[VIRTIO_PCI_CAPS_SIZE] = {
	CAP(CAP_COMMON, 16, VIRTIO_PCI_BAR, COMMON, COMMON_SIZE),
	CAP(CAP_ISR, 16, VIRTIO_PCI_BAR, ISR, 1),
	CAP(CAP_DEVICE, 16, VIRTIO_PCI_BAR, DEVICE, VIRTIO_CONFIG_MAX),
	CAP(CAP_NOTIFY, 20, VIRTIO_PCI_NOTIFY_BAR, 0, VIRTIO_QUEUES_MAX * PORT_STEP), U32LE(PORT_STEP),
	CAP(CAP_NOTIFY, 20, VIRTIO_PCI_BAR, NOTIFY, VIRTIO_QUEUES_MAX * NOTIFY_STEP), U32LE(NOTIFY_STEP),
	CAP(CAP_PCI, 20, 0, 0, 0), U32LE(0),
};
_Static_assert(VIRTIO_QUEUES_MAX * PORT_STEP <= VIRTIO_PCI_NOTIFY_BAR_SIZE, "every queue has its port");

const struct vpci_reg virtio_pci_reg[VIRTIO_PCI_REGS] = {
	{ WINDOW_BAR, 1, 0, 0xff },
	{ WINDOW_OFFSET, 4, 0, 0xffffffff },
	{ WINDOW_LENGTH, 4, 0, 0xffffffff },
	{ WINDOW_DATA, 4, 0, 0xffffffff },
};

static struct virtq *selected(struct virtio_device *d)
{
	return d->queue_select < d->queue_count ? &d->queue[d->queue_select] : NULL;
}

static u32 feature_word(u64 features, u32 select)
{
	return select < 2 ? (u32)(features >> select * 32) : 0;
}

static void put(u8 *to, u64 val, u32 size)
{
	for (u32 i = 0; i < size; i++)
		to[i] = (u8)(val >> i * 8);
}

static u64 get(const u8 *from, u32 size)
{
	u64 val = 0;

	for (u32 i = 0; i < size; i++)
		val |= (u64)from[i] << i * 8;
	return val;
}

/* A queue that is not there has size 0. */
static void common_image_queue(struct virtio_device *d, u8 *to)
{
	const struct virtq *q = selected(d);

	if (!q)
		return;
	put(to + QUEUE_SIZE, q->size, 2);
	put(to + QUEUE_VECTOR, q->vector, 2);
	put(to + QUEUE_ENABLE, q->enabled, 2);
	put(to + QUEUE_NOTIFY_OFF, d->queue_select, 2);
	put(to + QUEUE_DESC, q->desc_gpa, 8);
	put(to + QUEUE_DRIVER, q->driver_gpa, 8);
	put(to + QUEUE_DEVICE, q->device_gpa, 8);
	put(to + QUEUE_NOTIFY_DATA, d->queue_select, 2);
	put(to + QUEUE_RESET, q->resetting, 2);
}

/* While a reset waits for requests under way the status is not yet 0, nor is the register of the queue's reset. */
static u64 common_read(struct virtio_device *d, u32 off, u32 size)
{
	u8 image[COMMON_SIZE] = { 0 };

	put(image + DEVICE_FEATURE_SELECT, d->offered_select, 4);
	put(image + DEVICE_FEATURE, feature_word(d->offered, d->offered_select), 4);
	put(image + DRIVER_FEATURE_SELECT, d->accepted_select, 4);
	put(image + DRIVER_FEATURE, feature_word(d->accepted, d->accepted_select), 4);
	put(image + CONFIG_VECTOR, d->config_vector, 2);
	put(image + NUM_QUEUES, d->queue_count, 2);
	image[DEVICE_STATUS] = d->status;
	image[CONFIG_GENERATION] = d->generation;
	put(image + QUEUE_SELECT, d->queue_select, 2);
	common_image_queue(d, image);
	return get(image + off, size);
}

/* An entry that the table does not have is answered with NO_VECTOR: not accepted. */
static u16 vector_of(const struct virtio_device *d, u64 val)
{
	return val < d->f.desc->msix_entries ? (u16)val : (u16)VIRTIO_NO_VECTOR;
}

static void set_vector(struct virtio_device *d, struct virtq *q, u64 val)
{
	q->vector = vector_of(d, val);
	virtio_routes(&d->f);
}

/* Bytes [off, off + size) of a 64-bit register. */
static void set_part(u64 *reg, u32 off, u32 size, u64 val)
{
	u64 mask = size == 8 ? U64_MAX : (BIT(size * 8) - 1) << off * 8;

	*reg = (*reg & ~mask) | (val << off * 8 & mask);
}

static void set_features(struct virtio_device *d, u32 val)
{
	if (d->accepted_select < 2 && !(d->status & VIRTIO_FEATURES_OK))
		set_part(&d->accepted, d->accepted_select * 4, 4, val);
}

static void queue_enable(struct virtio_device *d, struct virtq *q)
{
	if (q->enabled || !(d->status & VIRTIO_FEATURES_OK) || d->resetting)
		return;
	if (!virtq_enable(q, d->accepted))
		virtio_fail(d, d->queue_select);
	else if (d->remote)
		virtio_lend(d);
}

static void queue_write(struct virtio_device *d, u32 off, u32 size, u64 val)
{
	struct virtq *q = selected(d);

	if (!q)
		return;
	if (off == QUEUE_VECTOR && size == 2)
		set_vector(d, q, val);
	else if (off == QUEUE_ENABLE && size == 2 && val == 1)
		queue_enable(d, q);
	else if (off == QUEUE_RESET && size == 2 && val == 1)
		virtio_reset_queue(d, d->queue_select);
	else if (q->enabled)
		return;
	else if (off == QUEUE_SIZE && size == 2)
		q->size = (u16)val;
	else if (off >= QUEUE_DESC && off < QUEUE_DRIVER)
		set_part(&q->desc_gpa, off - QUEUE_DESC, size, val);
	else if (off >= QUEUE_DRIVER && off < QUEUE_DEVICE)
		set_part(&q->driver_gpa, off - QUEUE_DRIVER, size, val);
	else if (off >= QUEUE_DEVICE && off < QUEUE_NOTIFY_DATA)
		set_part(&q->device_gpa, off - QUEUE_DEVICE, size, val);
}

/* Written by the width of the field; 64-bit addresses also by halves. */
static void common_write(struct virtio_device *d, u32 off, u32 size, u64 val)
{
	if (off == DEVICE_FEATURE_SELECT && size == 4)
		d->offered_select = (u32)val;
	else if (off == DRIVER_FEATURE_SELECT && size == 4)
		d->accepted_select = (u32)val;
	else if (off == DRIVER_FEATURE && size == 4)
		set_features(d, (u32)val);
	else if (off == CONFIG_VECTOR && size == 2)
		d->config_vector = vector_of(d, val);
	else if (off == DEVICE_STATUS && size == 1)
		virtio_set_status(d, (u8)val);
	else if (off == QUEUE_SELECT && size == 2)
		d->queue_select = (u16)val;
	else if (off > QUEUE_SELECT)
		queue_write(d, off, size, val);
}

/* Reading it clears it, and the wire. */
static u8 isr_read(struct virtio_device *d)
{
	u8 was = d->isr;

	d->isr = 0;
	vpci_intx_set(&d->f, false);
	return was;
}

static void device_write(struct virtio_device *d, u32 off, u32 size, u64 val)
{
	for (u32 i = 0; i < size; i++) {
		u8 mask = d->config_mask[off + i];

		d->config[off + i] = (u8)((d->config[off + i] & ~mask) | ((val >> i * 8) & mask));
	}
	if (d->kind->config_written)
		d->kind->config_written(d, off, size);
}

static void registers_write(struct virtio_device *d, u32 off, u32 size, u64 val)
{
	if (off < COMMON_SIZE)
		common_write(d, off, size, val);
	else if (off >= DEVICE && off + size <= DEVICE + VIRTIO_CONFIG_MAX)
		device_write(d, off - DEVICE, size, val);
}

static u64 registers_read(struct virtio_device *d, u32 off, u32 size)
{
	if (off < COMMON_SIZE)
		return common_read(d, off, size);
	if (off == ISR)
		return isr_read(d);
	if (off >= DEVICE && off + size <= DEVICE + VIRTIO_CONFIG_MAX)
		return get(d->config + (off - DEVICE), size);
	return 0;
}

/* Aligned accesses, so that none leaves a structure. The place of a notification says which queue is meant. */
enum io_result virtio_pci_io(void *device, struct io *io)
{
	struct virtio_device *d = device;
	u32 off = (u32)io->off;

	if (LIKELY(io->write && off >= NOTIFY)) {
		virtio_notify(d, (off - NOTIFY) / NOTIFY_STEP);
		return IO_DONE;
	}
	if (!IS_ALIGNED(off, io->size))
		return IO_REFUSED;
	if (io->write)
		registers_write(d, off, io->size, io->val);
	else
		io->val = registers_read(d, off, io->size);
	return IO_DONE;
}

/* Likewise. Nothing is there to be read. */
enum io_result virtio_pci_notify_io(void *device, struct io *io)
{
	if (LIKELY(io->write))
		virtio_notify(device, (u32)io->off / PORT_STEP);
	else
		io->val = 0;
	return IO_DONE;
}

static NOINLINE void notify_locked(struct virtio_device *d, u32 queue)
{
	spin_lock(&d->f.g->device_lock);
	virtio_notify(d, queue);
	spin_unlock(&d->f.g->device_lock);
}

/* The control core takes it without the device lock: all that changes is a bit, and who resets the device meanwhile does not mind
 * one more of them. */
void virtio_pci_ring(void *device, u64 off)
{
	struct virtio_device *d = device;
	u32 nr = (u32)off / PORT_STEP;
	struct virtq *q = &d->queue[nr];

	if (UNLIKELY(nr >= d->queue_count || load_relaxed(&q->owner) != VIRTQ_LENT)) {
		notify_locked(d, nr);
		return;
	}
	store_relaxed(&q->kicks, load_relaxed(&q->kicks) + 1);
	virtio_remote_kick(d->remote, nr);
}

/* The BAR of the window; null: one that has no structure in it. */
static const struct vpci_bar_desc *window_bar(const struct vpci_function *f)
{
	u32 nr = f->config[WINDOW_BAR];

	return nr == VIRTIO_PCI_BAR || nr == VIRTIO_PCI_NOTIFY_BAR ? &f->desc->bar[nr] : NULL;
}

/* The window: a data register behind which is whatever BAR, offset and length say. What they cannot say is dropped. */
void virtio_pci_config(struct vpci_function *f, u32 off, u32 size, bool write)
{
	u32 at = vpci_config_get(f, WINDOW_OFFSET, 4), length = vpci_config_get(f, WINDOW_LENGTH, 4);
	struct io io = { .off = at, .size = (u8)length, .write = write };
	const struct vpci_bar_desc *bar = window_bar(f);

	if (off >= WINDOW_DATA + 4 || off + size <= WINDOW_DATA || !bar)
		return;
	if ((length != 1 && length != 2 && length != 4) || !IS_ALIGNED(at, length) || at >= bar->size)
		return;
	if (write)
		io.val = vpci_config_get(f, WINDOW_DATA, length);
	bar->fn(f->device, &io);
	if (!write)
		vpci_config_set(f, WINDOW_DATA, length, (u32)io.val);
}
