/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A virtio device as the guest's drivers know it: a function on PCI, negotiation, queues, interrupts. What kind of device
 * it is, is a struct virtio_kind; its state begins with a struct virtio_device. VIRTIO 1.2 "Basic Facilities of a
 * Virtio Device", "Virtio Over PCI Bus".
 * Unless said otherwise: one of the guest's own cores, device lock held. */

#include "../pci/vpci.h"
#include "virtq.h"

#define VIRTIO_QUEUES_MAX 18u
#define VIRTIO_CONFIG_MAX 64u

enum virtio_status { VIRTIO_ACKNOWLEDGE = 1, VIRTIO_DRIVER = 2, VIRTIO_DRIVER_OK = 4, VIRTIO_FEATURES_OK = 8,
	VIRTIO_NEEDS_RESET = 0x40, VIRTIO_FAILED = 0x80 };

/* PCI slots: always the same, so that a guest finds its disks again. */
enum virtio_slot { VIRTIO_SLOT_RNG = 2, VIRTIO_SLOT_CONSOLE = 3, VIRTIO_SLOT_BALLOON = 4, VIRTIO_SLOT_DISK = 8 };

struct virtio_device;
struct virtio_remote;

struct virtio_kind {
	struct vpci_desc pci;		/* VIRTIO_PCI_DESC() */
	u32 config_size;		/* bytes of the device's own configuration */
	u16 queue_size;			/* the most that a queue may have; 0: VIRTQ_SIZE */
	u64 without;			/* features of queues that this kind does not offer */

	/* The driver has put something into queue (which is enabled, the device live), or it is called again because
	 * it left something there (virtio_again()). */
	void (*kicked)(struct virtio_device *d, u32 queue);
	/* DRIVER_OK was set. null: nothing to do. */
	void (*started)(struct virtio_device *d);
	/* The driver reset the device, or the guest starts: forget everything that was taken. null: nothing to do. */
	void (*reset)(struct virtio_device *d);
	/* The same for one queue, which is empty by now. null: nothing to do. */
	void (*queue_reset)(struct virtio_device *d, u32 queue);
	/* Memory of the guest's is still in use by requests of this device. null: never. */
	bool (*busy)(const struct virtio_device *d);
	/* The driver wrote d->config[off, off + size). null: nothing in it can be written. */
	void (*config_written)(struct virtio_device *d, u32 off, u32 size);
	/* More lines for `devices`. CONTROL core, no lock: reads only. null: none. */
	void (*describe)(const struct virtio_device *d, char *to, size_t size);
};

struct virtio_device {
	struct vpci_function f;
	const struct virtio_kind *kind;
	u64 offered, accepted;		/* features */
	u32 offered_select, accepted_select;
	u16 queue_select, config_vector;
	u8 status, isr, generation;
	bool resetting;			/* asked for, waits until the device is not busy */
	u32 queue_count;
	struct virtio_remote *remote;	/* the control core serves queues of it: virtio_remote.h; null: none */
	u32 again;			/* queues that are to be kicked once more, a bit each */
	u64 ignored;			/* notifications that were none */
	u64 errors;			/* requests that were answered with an error */
	u64 bytes;			/* of data moved */
	u8 config[VIRTIO_CONFIG_MAX];
	u8 config_mask[VIRTIO_CONFIG_MAX];	/* what the driver can write */
	struct virtq queue[VIRTIO_QUEUES_MAX];
};

/* Put a device of this kind on the guest's bus. features: the kind's own bits; those of the transport and of queues are
 * added. Its config is filled by the caller. Control core, when the guest is built. */
int virtio_add(struct guest *g, struct virtio_device *d, const struct virtio_kind *kind, u64 features, u32 queues,
	       u8 slot);

/* Power-on state; after vpci_reset(). */
void virtio_power_on(struct virtio_device *d);

/* Publish what was given back to queue and interrupt the driver if it wants that. */
void virtio_flush(struct virtio_device *d, u32 queue);

/* The driver broke a rule in queue (q->broken says which): the device stops until it is reset. */
void virtio_fail(struct virtio_device *d, u32 queue);

/* Come back to queue soon: enough was done for one exit. */
void virtio_again(struct virtio_device *d, u32 queue);

/* What virtio_again() asked for. */
void virtio_continue(struct virtio_device *d);

/* The driver is to be interrupted for queue. */
void virtio_interrupt(struct virtio_device *d, u32 queue);

/* The device is not busy any more: what waited for that. */
void virtio_settle(struct virtio_device *d);

/* config has changed: tell the driver. */
void virtio_config_changed(struct virtio_device *d);

static inline bool virtio_has(const struct virtio_device *d, u32 feature)
{
	return d->accepted >> feature & 1;
}

static inline bool virtio_live(const struct virtio_device *d)
{
	return (d->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET)) == VIRTIO_DRIVER_OK && !d->resetting;
}

/* May the device look into this queue now? */
static inline bool virtio_queue_ready(const struct virtio_device *d, u32 queue)
{
	const struct virtq *q = &d->queue[queue];

	return q->enabled && !q->resetting && virtio_live(d) && vpci_bus_master(&d->f);
}

/* Between virtio.c and virtio_pci.c. */

void virtio_set_status(struct virtio_device *d, u8 val);
void virtio_notify(struct virtio_device *d, u32 queue);
void virtio_reset_queue(struct virtio_device *d, u32 queue);

#define VIRTIO_PCI_MSIX_BAR 1
#define VIRTIO_PCI_NOTIFY_BAR 2
#define VIRTIO_PCI_NOTIFY_BAR_SIZE 64u	/* VIRTIO_QUEUES_MAX, two ports each */
#define VIRTIO_PCI_BAR 4
#define VIRTIO_PCI_BAR_SIZE (16 * KiB)
#define VIRTIO_PCI_CAPS_SIZE 108
#define VIRTIO_PCI_REGS 4

extern const u8 virtio_pci_caps[VIRTIO_PCI_CAPS_SIZE];
extern const struct vpci_reg virtio_pci_reg[VIRTIO_PCI_REGS];
enum io_result virtio_pci_io(void *device, struct io *io);
enum io_result virtio_pci_notify_io(void *device, struct io *io);
void virtio_pci_ring(void *device, u64 off);		/* no lock */
void virtio_pci_config(struct vpci_function *f, u32 off, u32 size, bool write);
void virtio_routes(struct vpci_function *f);
void virtio_describe(const void *device, char *to, size_t size);

/* type: the device's number in the standard; entries: of its MSI-X table. */
#define VIRTIO_PCI_DESC(name_, type_, class_, entries_) { \
	.name = name_, .vendor = 0x1af4, .device = 0x1040 + (type_), .subvendor = 0x1af4, .subdevice = 0x1100, \
	.class_rev = (class_) << 8 | 1, .msix_entries = entries_, .msix_bar = VIRTIO_PCI_MSIX_BAR, .intx = true, \
	.bar = { [VIRTIO_PCI_MSIX_BAR] = { VPCI_MSIX_BAR_SIZE, VPCI_BAR_MEM32, false, NULL }, \
		 [VIRTIO_PCI_NOTIFY_BAR] = { VIRTIO_PCI_NOTIFY_BAR_SIZE, VPCI_BAR_IO, false, virtio_pci_notify_io }, \
		 [VIRTIO_PCI_BAR] = { VIRTIO_PCI_BAR_SIZE, VPCI_BAR_MEM32, false, virtio_pci_io } }, \
	.caps = virtio_pci_caps, .caps_size = VIRTIO_PCI_CAPS_SIZE, .reg = virtio_pci_reg, \
	.reg_count = VIRTIO_PCI_REGS, .config = virtio_pci_config, .ring = virtio_pci_ring, \
	.routes = virtio_routes, .describe = virtio_describe }
