/* SPDX-License-Identifier: Apache-2.0 */
/* SOURCES: tests/unit/drivers/host/disk/nvme_fake.c tests/unit/drivers/host/disk/disk_fake.c drivers/host/disk/nvme.c drivers/host/disk/nvme_admin.c drivers/host/disk/nvme_ns.c drivers/host/disk/nvme_queue.c drivers/host/disk/nvme_ring.c drivers/host/disk/nvme_up.c hv/lib/format.c */
/* A controller that says anything: what it is, what it completes, its registers, at any moment. Each request is answered
 * once, and never before done() may be called. */
#include "../unit/drivers/host/disk/nvme_fake.h"
#include "input.h"

#include <stdio.h>

#define ASKS 24

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
	struct disk *d = fake_disks ? fake_disk[take(from, 1) % fake_disks] : NULL;
	u32 sectors = 8u << (what >> 4 & 3);

	if (!d || out[i] || d->sectors < 64)
		return;
	ask_make(&asks[i], (enum block_op)(what % 5), 0, what % 5 == BLOCK_FLUSH ? 0 : sectors, buffer, what % 5 < 2);
	out[i] = !ask(d, &asks[i]);
}

/* A completion of any kind, as long as the queue exists. */
static void post(struct input *from)
{
	u32 queue = take(from, 1) % 5, id = take(from, 2), status = take(from, 2), result = take(from, 4);

	if (queue && !(id >> 8 & 1))
		id &= 63;
	if (!queue && !(id >> 8 & 1))
		id %= ADMIN_KINDS;
	if (fake_master && hc.queue[queue].cq)
		hc_post(queue, id & 0xffff, id >> 9 & 1 ? 0 : status & 0x7fff, result);
}

static void step(struct input *from)
{
	u32 at;

	switch (take(from, 1) % 10) {
	case 0: case 1: case 2:
		submit(from);
		break;
	case 3:
		post(from);
		break;
	case 4:
		hc.hold = take(from, 1) & 1;
		break;
	case 5:
		at = hc.held_count ? take(from, 1) % hc.held_count : 0;
		if (hc.held_count && fake_master && hc.queue[hc.held[at].queue].cq)
			hc_release(at, take(from, 2) & 0x7fff);
		break;
	case 6:
		at = take(from, 2) % 4096;
		hc.identify[at] = (u8)take(from, 1);
		break;
	case 7:
		at = 1 + take(from, 1) % HC_NAMESPACES;
		hc.ns[at].blocks = take(from, 1) & 1 ? HC_SECTORS : (u64)take(from, 4) << (take(from, 1) & 31);
		hc.ns[at].format = (u8)(take(from, 1) & 1 ? 9 : take(from, 1));
		if (hc.event_asked && fake_master)
			hc_event(4 << 16 | 2);
		break;
	case 8:
		fake_set(0x1c, take(from, 1) & 1 ? ~0u : fake_u32(0x1c) | 2);
		break;
	default:
		turn(take(from, 1) * 64);
		break;
	}
	turn(1);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input from = { data, size };

	nvme_fake_init(NULL);
	hc.wild = true;
	memset(out, 0, sizeof(out));
	memset(asks, 0, sizeof(asks));
	hc.ns[1].blocks = take(&from, 1) & 1 ? HC_SECTORS : take(&from, 4);
	for (u32 n = take(&from, 1) & 7; n; n--)
		hc.identify[take(&from, 2) % 4096] = (u8)take(&from, 1);
	if (nvme_driver.probe(&fake_function))
		return 0;
	nvme = fake_function.state;
	now = tsc_now();
	while (from.left) {
		step(&from);
		for (u32 i = 0; i < ASKS; i++) {
			assert_true(asks[i].done <= 1 && (!asks[i].done || out[i]));
			if (asks[i].done)
				asks[i].done = out[i] = false;
		}
	}
	hc.hold = false;
	turns(700, 100);
	for (u32 i = 0; i < ASKS; i++)
		assert_true(!out[i] || asks[i].done == 1);
	return 0;
}
