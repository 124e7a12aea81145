/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Token buckets: so much a second, and a burst. Pure. */

#include <hv/types.h>

struct limit {
	u64 rate;			/* a second; 0: no limit */
	u64 burst, left;
	u64 last;			/* TSC */
};

void limit_init(struct limit *l, u64 rate, u64 burst, u64 now);

/* May n more pass at now? They are taken then. hz: of now's clock. */
bool limit_take(struct limit *l, u64 n, u64 now, u64 hz);
