/* SPDX-License-Identifier: Apache-2.0 */
/* The driver as drivers.c sees it: a controller of two channels, at the places of a PC of old or where its BARs say. "PCI
 * IDE Controller Specification". */
#include <hv/control_work.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/pool.h>

#include "../drivers.h"
#include "ide.h"

#define MASTERS 0x80u			/* programming interface: can be bus master; bits 0, 2: a channel is where its BARs are */
#define MASTER_BAR 4u

/* All three ranges of ports of channel n, or nothing. */
static bool find_ports(struct host_pci *p, u32 n, struct ide_channel *c)
{
	static const u16 old_command[2] = { 0x1f0, 0x170 }, old_control[2] = { 0x3f6, 0x376 };
	const struct pci_bar *command = &p->bar[2 * n], *control = command + 1, *master = &p->bar[MASTER_BAR];
	bool native = p->class_rev >> 8 & 1u << 2 * n;

	if (!master->io || !master->base || master->size < 16 || master->base + 16 > 0x10000)
		return false;
	c->master = (u16)(master->base + 8 * n);
	if (!native) {
		c->command = old_command[n];
		c->control = old_control[n];
		return true;
	}
	if (!command->io || !control->io || !command->base || !control->base || command->size < 8 || control->size < 4 ||
	    command->base + 8 > 0x10000 || control->base + 4 > 0x10000)
		return false;
	c->command = (u16)command->base;
	c->control = (u16)(control->base + 2);
	return true;
}

/* The table lies in one page, so in one 64 KiB; the controller has 32 address lines. */
static bool give_table(struct ide_channel *c)
{
	c->prd = pool_alloc(1, POOL_OTHER);
	if (!c->prd)
		return false;
	c->prd_hpa = pool_hpa(c->prd).v;
	if (c->prd_hpa < 4 * GiB)
		return true;
	pool_free(c->prd, 1);
	c->prd = NULL;
	return false;
}

static void add_disk(struct ide *ide, u32 channel, u32 number)
{
	struct ide_drive *d = &ide->channel[channel].drive[number];
	struct disk *disk = &d->disk;
	static u32 controllers;

	if (!channel && !number)
		controllers++;
	if (d->kind == IDE_REFUSED)
		log_notice("ide: channel %u drive %u: %s: not used: %s", channel, number, disk->model, d->why);
	if (d->kind != IDE_DISK)
		return;
	disk->ops = &ide_disk_ops;
	disk->driver = d;
	disk->bdf = ide->pci->bdf;
	fmt_print(disk->name, sizeof(disk->name), "ide%u", 4 * (controllers - 1) + 2 * channel + number);
	if (disk_add(disk)) {
		d->kind = IDE_REFUSED;
		d->why = "there are too many disks";
	}
}

static u32 open_all(struct ide *ide, const char **why)
{
	u32 found = 0;

	for (u32 i = 0; i < 2; i++) {
		struct ide_channel *c = &ide->channel[i];

		if (!find_ports(ide->pci, i, c))
			*why = "its ports make no sense";
		else if (!give_table(c))
			*why = "no memory below 4 GiB for it";
		else
			found += ide_open_channel(c);
		if (!c->prd)
			c->command = 0;
	}
	return found;
}

static int ide_probe(struct host_pci *p)
{
	struct ide *ide = pool_alloc(ALIGN_UP(sizeof(*ide), PAGE_SIZE) / PAGE_SIZE, POOL_OTHER);
	const char *why = "no drive answers";

	if (!ide || !(p->class_rev >> 8 & MASTERS)) {
		str_copy(p->why, sizeof(p->why), ide ? "it cannot be bus master" : "no memory for it");
		return -E_NODEV;
	}
	ide->pci = p;
	pci_size_bars(p);
	pci_set_master(p, false);
	pci_write(p->bdf, PCI_COMMAND, 2, pci_read(p->bdf, PCI_COMMAND, 2) | PCI_CMD_IO);
	if (!open_all(ide, &why)) {
		str_copy(p->why, sizeof(p->why), why);
		return -E_NODEV;
	}
	p->state = ide;
	pci_set_master(p, true);
	for (u32 i = 0; i < 4; i++)
		add_disk(ide, i / 2, i % 2);
	return 0;
}

/* There are no messages: while a drive works, and for as long as that may take, the core does not halt. */
static bool ide_round(void *arg, u64 now)
{
	struct ide *ide = arg;
	bool soon = false;

	for (u32 i = 0; i < 2; i++)
		if (ide->channel[i].command)
			soon |= ide_poll_channel(&ide->channel[i], now);
	return soon;
}

static void ide_start(struct host_pci *p)
{
	control_work_add(&(struct control_work){ .name = "ide", .poll = ide_round, .arg = p->state });
}

static void ide_describe(const struct host_pci *p, char *to, size_t size)
{
	static const char *const word[] = { [IDE_NOTHING] = "empty", [IDE_DISK] = "disk",
		[IDE_PACKET] = "CD-ROM or the like, not used", [IDE_REFUSED] = "not used: " };
	const struct ide *ide = p->state;
	char *end = to + size;

	to[0] = 0;
	for (u32 i = 0; i < 4 && to + 1 < end; i++) {
		const struct ide_drive *d = &ide->channel[i / 2].drive[i % 2];

		if (d->kind == IDE_NOTHING)
			continue;
		to += MIN(fmt_print(to, (size_t)(end - to), "%s%u.%u %s%s%s", to + size == end ? "" : "; ", i / 2, i % 2,
				    word[d->kind], d->kind == IDE_REFUSED ? d->why : "", d->disk.gone ? ", gone" : ""),
			  (int)(end - to - 1));
	}
}

const struct host_driver ide_driver = {
	.name = "ide", .class_code = 0x010100, .class_mask = 0xffff00,
	.probe = ide_probe, .start = ide_start, .describe = ide_describe,
};
