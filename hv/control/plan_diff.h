/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What differs between two plans that resolved_plan_show() or plan_guest_show() wrote: by table and key, values as they stand
 * there. Comments do not count. Pure. */

#include <hv/types.h>

struct plan_change {
	const char *what;		/* "create", "delete", "change" */
	char table[64];			/* "machine", "guest.web" */
	char key[32];			/* of a change */
	const char *from, *to;		/* not ended by NUL; null: the key is not there */
	u32 from_size, to_size;
};
typedef void plan_change_fn(void *arg, const struct plan_change *c);

/* Keys of [table] in one or the other text; table null: of all tables but guests. How many differ. tell may be null. */
u32 plan_diff(const char *from, u32 from_size, const char *to, u32 to_size, const char *table, plan_change_fn *tell, void *arg);
