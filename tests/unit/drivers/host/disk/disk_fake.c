/* SPDX-License-Identifier: Apache-2.0 */
#include "disk_fake.h"

#include <hv/control_work.h>
#include <hv/core.h>
#include <hv/log.h>
#include <hv/pool.h>

struct timebase timebase = { .tsc_hz = SECOND };
struct disk *fake_disk[FAKE_DISKS];
u32 fake_disks, fake_gone, fake_changed, fake_logs;
bool fake_refuse_disks, fake_master, fake_absent;
struct host_pci fake_function;
u8 fake_registers[FAKE_REGISTERS] __attribute__((aligned(4096)));
u64 now, fake_pages_left;
struct control_work fake_work;
void (*fake_wait)(void);
struct core_public core_table[CORES_LIMIT];
u32 control_core;
static void *given[4096];
static u32 given_count;

void fake_disk_init(void)
{
	while (given_count)
		free(given[--given_count]);
	memset(fake_registers, 0, sizeof(fake_registers));
	memset(&fake_function, 0, sizeof(fake_function));
	fake_function.bdf = 0x0010;
	fake_disks = fake_gone = fake_changed = fake_logs = 0;
	fake_refuse_disks = fake_master = fake_absent = false;
	fake_wait = NULL;
	fake_pages_left = 100000;
	now = tsc_now();
}

void *pool_alloc(u64 count, enum pool_owner owner)
{
	void *p;

	if (count > fake_pages_left)
		return NULL;
	fake_pages_left -= count;
	assert_true(given_count < 4096);
	p = given[given_count++] = aligned_alloc(PAGE_SIZE, count * PAGE_SIZE);
	return memset(p, 0, count * PAGE_SIZE);
}

void pool_free(void *p, u64 count)
{
	assert_true(given_count && given[given_count - 1] == p);
	given_count--;
	free(p);
}

hpa_t pool_hpa(const void *p)
{
	return HPA((u64)p);
}

void pool_tables(hpa_t *base, u64 *size)
{
	*base = HPA(0);
	*size = 0;
}

u64 pool_total(void)
{
	return 0;
}

u64 mul_div(u64 ticks, u64 num, u64 den)
{
	return (u64)((unsigned __int128)ticks * num / den);
}

void log_write(enum log_level level, const char *fmt, ...)
{
	fake_logs += level <= LOG_NOTICE;
}

void *pci_map_bar(struct host_pci *p, u32 bar, u64 need)
{
	p->bar[bar].size = FAKE_REGISTERS;
	return need <= FAKE_REGISTERS ? fake_registers : NULL;
}

u32 pci_read(u16 bdf, u32 off, u32 size)
{
	return fake_absent ? ~0u : 0x12345678;
}

void pci_set_master(struct host_pci *p, bool on)
{
	fake_master = on;
}

void pci_prepare_messages(struct host_pci *p)
{
}

bool pci_messages_on(struct host_pci *p, u32 apic_id)
{
	p->message_kind = PCI_CAP_MSIX;
	return true;
}

void wait_us(u32 us)
{
	if (fake_wait)
		fake_wait();
}

int control_work_add(const struct control_work *w)
{
	fake_work = *w;
	return 0;
}

void control_work_by(u64 tsc)
{
}

int disk_add(struct disk *d)
{
	if (fake_refuse_disks || fake_disks == FAKE_DISKS)
		return -E_NOMEM;
	assert_false(d->gone);
	assert_true(d->sectors && d->depth && d->pieces_max && d->bytes_max && d->name[0] && d->ops->submit);
	fake_disk[fake_disks++] = d;
	return 0;
}

void disk_gone(struct disk *d)
{
	assert_true(d->gone);
	fake_gone++;
}

void disk_changed(struct disk *d)
{
	fake_changed++;
}

static void ask_done(struct disk_request *rq, enum disk_result result)
{
	struct ask *a = container_of(rq, struct ask, rq);

	a->done++;
	a->result = result;
	if (a->then)
		ask(a->disk, a->then);
}

void ask_make(struct ask *a, enum block_op op, u64 sector, u64 sectors, void *at, u32 n)
{
	u64 bytes = sectors * 512, each = n ? bytes / n : 0;

	*a = (struct ask){ .rq = { .op = op, .sector = sector, .sectors = sectors, .piece = a->piece, .pieces = n,
		.done = ask_done } };
	for (u32 i = 0; i < n; i++)
		a->piece[i] = (struct dma_piece){ (u64)at + i * each, (u32)each };
}

int ask(struct disk *d, struct ask *a)
{
	int r = d->ops->submit(d, &a->rq);

	if (!r && d->ops->kick)
		d->ops->kick(d);
	return r;
}

u32 fake_u32(u32 off)
{
	u32 val;

	memcpy(&val, fake_registers + off, 4);
	return val;
}

void fake_set(u32 off, u32 val)
{
	memcpy(fake_registers + off, &val, 4);
}
