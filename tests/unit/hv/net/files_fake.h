/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A datastore of a few files in memory. */

#include <hv/datastore.h>

struct fake_files {
	enum datastore_state state;
	int error;			/* of the next calls that write; 0: none */
	u32 count, appends;
	struct { char path[64]; u32 size; u8 *bytes; } file[8];
};
extern struct fake_files files;
void fake_files_reset(enum datastore_state state);
