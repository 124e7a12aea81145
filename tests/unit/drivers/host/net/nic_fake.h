/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a card's driver stands on, for tests and fuzzing: memory whose addresses are pointers, a PCI function, a clock, and
 * what it calls. One C file includes this. Fuzzing has the C library's memory functions, so str_copy() is not linked. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/control_work.h>
#include <hv/core.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/machine.h>
#include <hv/net.h>
#include <hv/pci.h>
#include <hv/pool.h>
#include <hv/time.h>

#define MS 1000000ul

struct timebase timebase = { .tsc_hz = 1000000000 };
struct core_public core_table[CORES_LIMIT];
u32 control_core;
static u8 fake_memory[3072 * PAGE_SIZE] PAGE_ALIGNED;
static u64 fake_pages;
static u8 fake_regs[0x20000] PAGE_ALIGNED;
static struct host_pci fake_pci;
static bool fake_master, fake_under_hypervisor;
static u32 fake_cards, fake_link_calls, fake_frames;
static u64 now;
static u8 got[NET_FRAME_MAX + 64];	/* the last frame that came in */
static struct net_frame got_frame;

hpa_t pool_hpa(const void *p)
{
	return HPA((u64)p);
}

void *pool_alloc(u64 count, enum pool_owner owner)
{
	void *p = fake_memory + fake_pages * PAGE_SIZE;

	(void)owner;
	if (fake_pages + count > sizeof(fake_memory) / PAGE_SIZE)
		return NULL;
	fake_pages += count;
	return memset(p, 0, count * PAGE_SIZE);
}

u64 mul_div(u64 ticks, u64 num, u64 den)
{
	return (u64)((unsigned __int128)ticks * num / den);
}

void log_write(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

void cpu_facts_read(struct cpu_facts *facts)
{
	*facts = (struct cpu_facts){ .hypervisor = fake_under_hypervisor };
}

void pci_set_master(struct host_pci *p, bool on)
{
	(void)p;
	fake_master = on;
}

void pci_prepare_messages(struct host_pci *p)
{
	(void)p;
}

bool pci_messages_on(struct host_pci *p, u32 apic_id)
{
	(void)apic_id;
	return p->message_kind;
}

int netdev_add(struct netdev *n)
{
	if (fake_cards == NETDEVS_MAX)
		return -E_NOMEM;
	fake_cards++;
	str_copy(n->name, sizeof(n->name), "net0");
	return 0;
}

static struct control_work fake_work;
static u64 fake_wake_by;

int control_work_add(const struct control_work *w)
{
	fake_work = *w;
	return 0;
}

void control_work_by(u64 tsc)
{
	fake_wake_by = tsc;
}

static void fake_receive(struct netdev *n, struct net_frame *f)
{
	u32 sum = 0;

	(void)n;
	for (u32 i = 0; i < f->pieces; i++)
		sum += f->piece[i].len;
	assert_int_equal(sum, f->len);
	assert_true(f->len >= 14 && f->len <= NET_FRAME_MAX);
	assert_int_equal(net_copy(f, 0, got, sizeof(got)), f->len);
	got_frame = *f;
	fake_frames++;
}

static void fake_link_changed(struct netdev *n)
{
	(void)n;
	fake_link_calls++;
}

static inline void fake_reset(void)
{
	memset(fake_regs, 0, sizeof(fake_regs));
	memset(&fake_pci, 0, sizeof(fake_pci));
	fake_pages = fake_cards = fake_link_calls = fake_frames = 0;
	fake_master = fake_under_hypervisor = false;
	now = MS;
}
