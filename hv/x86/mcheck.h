/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The machine-check banks of the core that calls. */

#include <hv/types.h>

#define MCHECK_NO_BANK 0xffffffffu

struct mcheck {
	u32 bank;		/* of the worst error; MCHECK_NO_BANK: none tells of one */
	u64 status, addr;	/* as the bank has them; addr 0: not told */
	bool fatal;		/* the core cannot go on, whoever owns it */
};

/* Read all banks, clear those that report, and take the "in progress" mark off, so that the next machine check is one
 * that can be handled. The worst of them is told. */
void mcheck_take(struct mcheck *m);
