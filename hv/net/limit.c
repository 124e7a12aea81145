/* SPDX-License-Identifier: Apache-2.0 */
#include "limit.h"

#include <hv/time.h>

#define SECONDS_MAX 64		/* after so long every bucket is full */

void limit_init(struct limit *l, u64 rate, u64 burst, u64 now)
{
	*l = (struct limit){ .rate = rate, .burst = burst, .left = burst, .last = now };
}

/* Time that was too short for a whole token is not lost: last moves only with tokens. */
static void fill(struct limit *l, u64 now, u64 hz)
{
	u64 passed = now - l->last, more;

	if ((s64)passed <= 0)
		return;
	more = mul_div(MIN(passed, hz * SECONDS_MAX), l->rate, hz);
	if (!more)
		return;
	l->left = MIN(l->burst, l->left + more);
	l->last = now;
}

bool limit_take(struct limit *l, u64 n, u64 now, u64 hz)
{
	if (!l->rate)
		return true;
	if (l->left < n)
		fill(l, now, hz);
	if (l->left < n)
		return false;
	l->left -= n;
	return true;
}
