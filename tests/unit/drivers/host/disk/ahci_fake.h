/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* An AHCI controller in memory, with disks and optical drives. */

#include "disk_fake.h"

#include <drivers/host/disk/ahci.h>
#include <drivers/host/drivers.h>

#define HC_PORTS 4u
#define HC_SECTORS 4096u		/* of 512 bytes */

enum hc_kind { HC_NONE, HC_DISK, HC_OPTICAL, HC_STRANGE };

struct hc_port {
	enum hc_kind kind;
	bool silent;			/* the device answers nothing */
	bool hold;			/* not to reads and writes */
	bool stuck;			/* the engine does not stop */
	bool busy;			/* never ready after a reset */
	bool no_log;
	bool short_read;		/* says that less came than it should */
	bool wild;			/* commands are answered, not carried out */
	bool open;			/* the drive has no medium */
	bool halted;			/* an error: until the engine stops */
	u32 attention;			/* so many commands of a drive end with UNIT ATTENTION */
	u64 bad_lba;			/* cannot be read or written; ~0: none */
	u8 bad_error;
	u32 bad_count;			/* so often */
	u8 smart_failing;
	u32 clb, clbu, fb, is, ie, cmd, tfd, sig, ssts, sctl, serr, sact, ci;
	u8 log[512];
	u16 identify[256];
	u8 media[HC_SECTORS * 512];
	u32 commands[256], resets, fua, most_at_once;
};

struct hc {
	u32 cap, ghc, is, pi;
	bool never_resets, gone;
	bool lax;			/* the rules are not checked that hold only while registers change as they should */
	u32 resets;
	struct hc_port port[HC_PORTS];
};

extern struct hc hc;
extern struct ahci *ahci;

/* Port 0 has a disk with NCQ, port 1 an optical drive. */
int ahci_fake_init(void **state);
void ahci_fake_probe(void);
void hc_run(void);
void hc_plug(u32 port, enum hc_kind kind);
void hc_unplug(u32 port);
/* Complete one held command. */
void hc_release(u32 port, u32 slot);
void turn(u64 ms);
void turns(u32 n, u64 ms);
