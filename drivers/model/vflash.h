/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The flash of a PC that boots UEFI firmware, as OVMF drives it: ending at 4 GiB, first the variables, then the code. Both
 * are memory that the guest reads and executes without exits. The code takes no commands. The variables' part answers the
 * command set of Intel's flash chips byte by byte (Common Flash Memory Interface, command set 0001H; Intel StrataFlash
 * 28F128J3A "Command Definitions"): while it shows its status or id instead of its contents, every access exits.
 * Contents live as long as the hypervisor runs; the code is copied again at each start of the guest.
 * Device lock, one of the guest's own cores, unless said otherwise. */

#include <hv/bus.h>

#define VFLASH_BLOCK 4096u		/* bytes that one erase command clears */

struct guest;

enum vflash_mode { VFLASH_ARRAY, VFLASH_STATUS, VFLASH_ID, VFLASH_QUERY, VFLASH_PROGRAM, VFLASH_ERASE };

struct vflash {
	struct guest *g;
	u64 vars_size, code_size;
	u32 vars_claim;			/* on the bus */
	u8 mode;			/* enum vflash_mode: what a read gives, what a write means */
	u8 status;
	bool loaded;			/* the variables are there */
	u64 programs, erases;		/* since the machine started */
};

/* Claim the addresses; nothing for guests without firmware. Control core, when the guest is built. */
int vflash_build(struct guest *g, struct vflash *f);

/* Power-on: contents (the variables only the first time), reading. */
void vflash_reset(struct vflash *f);

enum io_result vflash_vars_io(void *self, struct io *io);
enum io_result vflash_code_io(void *self, struct io *io);
