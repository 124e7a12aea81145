/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* An NVMe controller in memory. */

#include "disk_fake.h"

#include <drivers/host/disk/nvme.h>
#include <drivers/host/drivers.h>

#define HC_SECTORS 2048u		/* of namespace 1, of 512 bytes */
#define HC_NAMESPACES 12u
#define HC_HELD 256u

struct hc_queue {
	u64 sq, cq;
	u32 size, head, tail, phase;	/* head of submissions, tail of completions */
};

struct hc {
	bool silent;			/* answers nothing */
	bool wild;			/* commands are not carried out, only answered */
	bool silent_io, silent_abort;
	bool never_ready, never_stops;
	bool no_list;			/* as version 1.0 */
	bool hold;			/* fetches commands for disks, and does not complete them */
	bool short_of_queues;		/* gives one */
	u32 fail_opcode;		/* of commands for disks; ~0: none */
	u16 fail_status;
	u32 fail_count;
	u64 fail_sector;		/* with this block in it, fails for ever; ~0: none */
	u32 admin_fail;			/* an opcode that fails */
	u8 identify[4096], health[512];
	struct { u64 blocks; u8 format, write_protected; u16 metadata; } ns[HC_NAMESPACES + 1];
	u8 media[HC_SECTORS * 512];
	u32 resets;
	u32 commands[256], admin[256];	/* how many of each opcode */
	bool event_asked;
	u16 event_id;
	u32 features[16];
	u32 last_prp2_list;
	struct nvme_command last;
	struct { u32 queue; struct nvme_command c; } held[HC_HELD];
	u32 held_count;
	u32 doorbells;			/* writes seen */
	u32 bell[10];
	struct hc_queue queue[5];
};

extern struct hc hc;
extern struct nvme *nvme;

/* A controller with namespace 1; then as long as is needed for the driver to run it. */
int nvme_fake_init(void **state);
void nvme_fake_probe(void);
/* Its registers are as when it was switched on. */
void hc_power_on(void);
/* It works on what it was told. */
void hc_run(void);
void hc_post(u32 queue, u32 id, u32 status, u32 result);
/* Complete held command i with status. */
void hc_release(u32 i, u32 status);
void hc_event(u32 result);
/* A turn of both, ms later. */
void turn(u64 ms);
void turns(u32 n, u64 ms);
