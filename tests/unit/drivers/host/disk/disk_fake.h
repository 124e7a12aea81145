/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the drivers of disks need around them: the pool, the block layer above, a function of PCI whose BAR is memory. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <hv/control_work.h>
#include <hv/disk.h>
#include <hv/lib.h>
#include <hv/pci.h>
#include <hv/time.h>

#define FAKE_DISKS 32
#define FAKE_REGISTERS 0x4000u
#define SECOND 1000000000ul
#define MS 1000000ul

extern struct disk *fake_disk[FAKE_DISKS];	/* in the order of disk_add() */
extern u32 fake_disks, fake_gone, fake_changed, fake_logs;
extern bool fake_refuse_disks;			/* disk_add() has no room */
extern bool fake_master;			/* the function may reach memory */
extern bool fake_absent;			/* its config space reads as ones */
extern struct host_pci fake_function;
extern u8 fake_registers[FAKE_REGISTERS];
extern u64 now;					/* TSC, a nanosecond a tick */
extern void (*fake_wait)(void);			/* what the hardware does while a driver waits */
extern struct control_work fake_work;		/* the last one that was added */
extern u64 fake_pages_left;			/* of the pool */

/* Begin anew; what the pool gave is taken back. */
void fake_disk_init(void);

/* A request and what became of it. */
struct ask {
	struct disk_request rq;
	struct dma_piece piece[DISK_PIECES_MAX];
	u32 done;
	enum disk_result result;
	struct ask *then;			/* done() submits this one to disk */
	struct disk *disk;
};

/* Fill in op for sectors at sector, with n pieces of memory at at (pages of it when n > 1). */
void ask_make(struct ask *a, enum block_op op, u64 sector, u64 sectors, void *at, u32 n);
/* Submit and kick. */
int ask(struct disk *d, struct ask *a);
u32 fake_u32(u32 off);
void fake_set(u32 off, u32 val);
