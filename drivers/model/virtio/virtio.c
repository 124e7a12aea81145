/* SPDX-License-Identifier: Apache-2.0 */
/* Life of a virtio device: negotiation, reset, notifications, interrupts. VIRTIO 1.2 "Device Initialization". */
#include "virtio.h"

#include <hv/guest.h>
#include <hv/lib.h>

#include "../models.h"
#include "virtio_remote.h"

#define ISR_QUEUE 1u
#define ISR_CONFIG 2u

static const u64 common_features = BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_INDIRECT_DESC) | BIT(VIRTIO_F_EVENT_IDX) |
	BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_RING_RESET);

int virtio_add(struct guest *g, struct virtio_device *d, const struct virtio_kind *kind, u64 features, u32 queues,
	       u8 slot)
{
	int err;

	assert(queues && queues <= VIRTIO_QUEUES_MAX && kind->config_size <= VIRTIO_CONFIG_MAX);
	d->kind = kind;
	d->offered = features | (common_features & ~kind->without);
	d->queue_count = queues;
	err = vpci_add(g, &d->f, &kind->pci, d, slot);
	if (!err)
		virtio_power_on(d);
	return err;
}

/* A queue as after power-on. */
static void queue_clear(struct virtio_device *d, u32 queue)
{
	u16 size = d->kind->queue_size ? d->kind->queue_size : (u16)VIRTQ_SIZE;

	virtq_reset(&d->queue[queue], d->f.g, size, virtio_is_remote(d, queue));
	if (d->remote)
		virtio_routes(&d->f);
}

/* What a reset by the driver and power-on have in common. Counters of queues begin anew with them. */
static void device_reset(struct virtio_device *d)
{
	d->accepted = 0;
	d->offered_select = d->accepted_select = d->again = 0;
	d->queue_select = 0;
	d->config_vector = VIRTIO_NO_VECTOR;
	d->status = d->isr = 0;
	d->resetting = false;
	for (u32 i = 0; i < d->queue_count; i++)
		queue_clear(d, i);
	if (d->remote)
		virtio_remote_clear(d->remote);
	if (d->kind->reset)
		d->kind->reset(d);
	vpci_intx_set(&d->f, false);
}

void virtio_power_on(struct virtio_device *d)
{
	device_reset(d);
	d->ignored = d->errors = d->bytes = 0;
	d->generation = 0;
}

/* One queue begins anew. */
static void queue_reset(struct virtio_device *d, u32 queue)
{
	queue_clear(d, queue);
	if (d->kind->queue_reset)
		d->kind->queue_reset(d, queue);
}

void virtio_settle(struct virtio_device *d)
{
	if (d->kind->busy && d->kind->busy(d))
		return;
	if (d->resetting && virtio_all_home(d))
		device_reset(d);
	for (u32 i = 0; i < d->queue_count; i++)
		if (d->queue[i].resetting && virtio_is_home(&d->queue[i]))
			queue_reset(d, i);
}

void virtio_reset_queue(struct virtio_device *d, u32 queue)
{
	if (!virtio_has(d, VIRTIO_F_RING_RESET))
		return;
	d->queue[queue].resetting = true;
	if (d->remote)
		virtio_recall(d, BIT32(queue), true);
	virtio_settle(d);
}

static void interrupt(struct virtio_device *d, u16 vector, u8 isr)
{
	if (LIKELY(vpci_msix_raise(&d->f, vector)))
		return;
	d->isr |= isr;
	vpci_intx_set(&d->f, true);
}

void virtio_config_changed(struct virtio_device *d)
{
	d->generation++;
	if (d->status & VIRTIO_DRIVER_OK)
		interrupt(d, d->config_vector, ISR_CONFIG);
}

void virtio_fail(struct virtio_device *d, u32 queue)
{
	(void)queue;
	if (d->status & VIRTIO_NEEDS_RESET)
		return;
	d->status |= VIRTIO_NEEDS_RESET;
	if (d->remote)
		virtio_recall(d, ~0u, false);
	virtio_config_changed(d);
}

void virtio_flush(struct virtio_device *d, u32 queue)
{
	struct virtq *q = &d->queue[queue];

	if (!virtq_flush(q))
		return;
	q->interrupts++;
	interrupt(d, q->vector, ISR_QUEUE);
}

void virtio_interrupt(struct virtio_device *d, u32 queue)
{
	interrupt(d, d->queue[queue].vector, ISR_QUEUE);
}

void virtio_notify(struct virtio_device *d, u32 queue)
{
	if (queue >= d->queue_count || !virtio_queue_ready(d, queue)) {
		d->ignored++;
		return;
	}
	d->queue[queue].kicks++;
	if (d->queue[queue].remote)
		virtio_remote_kick(d->remote, queue);
	else
		d->kind->kicked(d, queue);
}

void virtio_again(struct virtio_device *d, u32 queue)
{
	d->again |= BIT32(queue);
	d->f.g->pc->virtio.due = pc_now();
	pc_rearm(d->f.g);
}

void virtio_continue(struct virtio_device *d)
{
	u32 queues = d->again;

	d->again = 0;
	for (u32 i = 0; i < d->queue_count; i++)
		if (queues >> i & 1 && virtio_queue_ready(d, i))
			d->kind->kicked(d, i);
}

/* We cannot work without VERSION_1, nor with what was not offered. */
static bool features_fit(const struct virtio_device *d)
{
	return !(d->accepted & ~d->offered) && virtio_has(d, VIRTIO_F_VERSION_1);
}

/* The driver sets bits, one after another; only a zero takes them back. */
void virtio_set_status(struct virtio_device *d, u8 val)
{
	u8 set = val & (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FAILED);

	if (!val) {
		d->resetting = true;
		if (d->remote)
			virtio_recall(d, ~0u, true);
		virtio_settle(d);
		return;
	}
	if (d->resetting)
		return;
	if (val & VIRTIO_FEATURES_OK && (d->status & VIRTIO_FEATURES_OK || features_fit(d)))
		set |= VIRTIO_FEATURES_OK;
	d->status |= set;
	if (!(val & VIRTIO_DRIVER_OK) || (d->status & (VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK)) != VIRTIO_FEATURES_OK)
		return;
	d->status |= VIRTIO_DRIVER_OK;
	if (d->kind->started)
		d->kind->started(d);
	if (d->remote)
		virtio_lend(d);
}

/* In words */

static size_t describe_status(const struct virtio_device *d, char *to, size_t size)
{
	static const struct {
		u8 bit;
		const char *word;
	} words[] = { { VIRTIO_ACKNOWLEDGE, "seen" }, { VIRTIO_DRIVER, "driver" }, { VIRTIO_FEATURES_OK, "features" },
		{ VIRTIO_DRIVER_OK, "running" }, { VIRTIO_NEEDS_RESET, "NEEDS-RESET" }, { VIRTIO_FAILED, "FAILED" } };
	u8 status = load_relaxed(&d->status);
	size_t used = (size_t)fmt_print(to, size, "%s", status ? "driver:" : "no driver");

	for (u32 i = 0; i < ARRAY_COUNT(words); i++)
		if (status & words[i].bit)
			used += (size_t)fmt_print(to + used, size - used, " %s", words[i].word);
	return used + (size_t)fmt_print(to + used, size - used, ", features %#lx of %#lx, %lu bytes, %lu errors, "
					"%lu stray kicks", d->accepted, d->offered, load_relaxed(&d->bytes),
					load_relaxed(&d->errors), load_relaxed(&d->ignored));
}

static size_t describe_queue(const struct virtq *q, u32 nr, char *to, size_t size)
{
	size_t used = (size_t)fmt_print(to, size, "\nqueue %u: %s%s of %u, %lu requests, %lu kicks, %lu interrupts", nr,
					q->packed ? "packed" : "split", q->event_idx ? " with events" : "", q->size,
					load_relaxed(&q->requests), load_relaxed(&q->kicks),
					load_relaxed(&q->interrupts));
	const char *broken = load_relaxed(&q->broken);

	if (broken)
		used += (size_t)fmt_print(to + used, size - used, ", broken: %s", broken);
	return used;
}

void virtio_describe(const void *device, char *to, size_t size)
{
	const struct virtio_device *d = device;
	size_t used = describe_status(d, to, size);

	if (d->kind->describe) {
		used += (size_t)fmt_print(to + used, size - used, "\n");
		d->kind->describe(d, to + used, size - used);
		used += strlen(to + used);
	}
	for (u32 i = 0; i < d->queue_count && used + 160 < size; i++)
		if (d->queue[i].enabled || d->queue[i].broken)
			used += describe_queue(&d->queue[i], i, to + used, size - used);
}
