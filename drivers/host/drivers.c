/* SPDX-License-Identifier: Apache-2.0 */
/* Every driver of PCI hardware, in one list, and their turns. docs/adding-a-driver.md */
#include <hv/control_work.h>
#include <hv/keys.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pci.h>

#include "drivers.h"
#include "hotplug.h"

static const struct host_driver *const host_driver[] = {
	&xhci_driver, &intel_driver, &vionet_driver, &nvme_driver, &ahci_driver, &ide_driver, &virtio_blk_driver,
};

bool driver_matches(const struct host_driver *d, const struct host_pci *p)
{
	for (const u32 *id = d->ids; id && *id; id++)
		if (*id == PCI_DEVICE(p->vendor, p->device))
			return true;
	if (d->vendor && (d->vendor != p->vendor || d->device != p->device))
		return false;
	return d->class_mask ? (p->class_rev >> 8 & d->class_mask) == d->class_code : d->vendor != 0;
}

static void offer(struct host_pci *p)
{
	bool master;

	for (u32 i = 0; i < ARRAY_COUNT(host_driver) && !p->driver; i++) {
		const struct host_driver *d = host_driver[i];

		if (!driver_matches(d, p))
			continue;
		p->why[0] = 0;
		master = pci_read(p->bdf, PCI_COMMAND, 2) & PCI_CMD_MASTER;
		if (!d->probe(p)) {
			p->driver = d;
			continue;
		}
		pci_set_master(p, master);	/* firmware may need it for what it does behind our back (RMRR) */
		log_notice("pci: %02x:%02x.%u: %s does not take it: %s", p->bdf >> 8, p->bdf >> 3 & 31, p->bdf & 7, d->name,
			   p->why[0] ? p->why : "no reason given");
	}
}

void drivers_probe(void)
{
	hotplug_find();
	for (u32 i = 0; i < pci_count(); i++)
		offer(pci_at(i));
	hotplug_reserve(host_driver, ARRAY_COUNT(host_driver));
	ps2_init();	/* last: firmware that imitates it for a USB keyboard has let go by now */
}

static bool poll(void *function, u64 now)
{
	struct host_pci *p = function;

	p->driver->poll(p, now);
	return false;	/* the device's message, or the next turn, brings us back */
}

void drivers_start(void)
{
	for (u32 i = 0; i < pci_count(); i++) {
		struct host_pci *p = pci_at(i);

		if (p->driver && p->driver->poll &&
		    control_work_add(&(struct control_work){ .name = p->driver->name, .poll = poll, .arg = p,
							      .when = WORK_ON_MESSAGE, .message = pci_message(p) }))
			log_error("pci: %02x:%02x.%u: more drivers than the event loop has places for", p->bdf >> 8,
				  p->bdf >> 3 & 31, p->bdf & 7);
		if (p->driver && p->driver->start)
			p->driver->start(p);
	}
	hotplug_start();
}

void drivers_stop(void)
{
	for (u32 i = 0; i < pci_count(); i++)
		if (pci_at(i)->driver && pci_at(i)->driver->stop)
			pci_at(i)->driver->stop(pci_at(i));
}
