/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/host/disk/ahci_fake.c tests/unit/drivers/host/disk/disk_fake.c drivers/host/disk/ahci.c drivers/host/disk/ahci_command.c drivers/host/disk/ahci_identify.c drivers/host/disk/ahci_port.c hv/lib/format.c */
/* A controller and disks that say anything: registers, task files, what they are, which command failed, at any moment. Each
 * request is answered once. */
#include "../unit/drivers/host/disk/ahci_fake.h"
#include "input.h"

#include <stdio.h>

#define ASKS 40

static struct ask asks[ASKS];
static bool out[ASKS];
static u8 buffer[16 * 4096] __attribute__((aligned(4096)));

/* hv/lib/string.c would stand in the place of libFuzzer's own memcpy(). */
size_t str_copy(char *to, size_t size, const char *s)
{
	return (size_t)snprintf(to, size, "%s", s);
}

static void submit(struct input *from)
{
	u32 i = take(from, 1) % ASKS, what = take(from, 1);
	struct disk *d = ahci->port[what >> 6 & 1].d;
	u32 sectors = 8u << (what >> 4 & 3);

	if (!d || d->gone || out[i] || d->sectors < 64)
		return;
	ask_make(&asks[i], (enum block_op)(what % 5), 0, what % 5 == BLOCK_FLUSH ? 0 : sectors, buffer, what % 5 < 2);
	out[i] = !ask(d, &asks[i]);
}

/* One register, or what an identification, a log or SMART will say. */
static void disturb(struct input *from)
{
	struct hc_port *p = &hc.port[take(from, 1) % 2];
	u32 what = take(from, 1) % 9, at = take(from, 1), val = take(from, 4);

	switch (what) {
	case 0: p->is |= val; break;
	case 1: p->tfd = val; break;
	case 2: p->ci &= val; break;
	case 3: p->sact &= val; break;
	case 4: p->sig = val; break;
	case 5: p->ssts = val & 0xf; break;
	case 6: p->identify[at] = (u16)val; break;
	case 7: p->log[at % 4] = (u8)val; break;
	default:
		p->bad_lba = val & 63;
		p->bad_error = (u8)(val >> 8);
		p->bad_count = val >> 16 & 3;
		break;
	}
}

static void step(struct input *from)
{
	struct hc_port *p = &hc.port[0];
	u32 how = take(from, 1);

	switch (how % 10) {
	case 0: case 1: case 2:
		submit(from);
		break;
	case 3: case 4:
		disturb(from);
		break;
	case 5:
		p->hold = how & 0x10;
		p->silent = how & 0x20;
		p->stuck = how & 0x40 && how & 0x80;
		p->no_log = how & 0x80;
		break;
	case 6:
		if (how & 0x10)
			hc_unplug(0);
		else
			hc_plug(0, how & 0x20 ? HC_DISK : HC_OPTICAL);
		break;
	case 7:
		hc.port[1].open = how & 0x10;
		hc.port[1].attention = how >> 6;
		break;
	case 8:
		turn(how);
		break;
	default:
		hc.gone = how > 240;
		break;
	}
	turn(1);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input from = { data, size };

	timebase.tsc_hz = SECOND / 100;		/* a turn's millisecond is a tenth of a second: probe() is through sooner */
	ahci_fake_init(NULL);
	hc.lax = true;
	for (u32 i = 0; i < HC_PORTS; i++)
		hc.port[i].wild = take(&from, 1) & 1;
	for (u32 n = take(&from, 1) & 7; n; n--)
		hc.port[0].identify[take(&from, 1)] = (u16)take(&from, 2);
	memset(out, 0, sizeof(out));
	memset(asks, 0, sizeof(asks));
	if (ahci_driver.probe(&fake_function))
		return 0;
	ahci = fake_function.state;
	now = tsc_now();
	while (from.left) {
		step(&from);
		for (u32 i = 0; i < ASKS; i++) {
			assert_true(asks[i].done <= 1 && (!asks[i].done || out[i]));
			if (asks[i].done)
				asks[i].done = out[i] = false;
		}
	}
	hc.port[0].hold = hc.port[0].silent = hc.port[0].stuck = false;
	turns(1500, 1);
	for (u32 i = 0; i < ASKS; i++)
		assert_true(!out[i] || asks[i].done == 1);
	return 0;
}
